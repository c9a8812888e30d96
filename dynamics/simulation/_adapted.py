"""Runs of libraries that own the whole solve: one solve for each stretch of time on which nothing jumps.

On a stretch on which the inputs stand still any `Solver` will do, and no work is done there. Where something changes
all along, a solver integrates what the flow takes beside the states, D' = -(dE/dx) . x', and the work follows from it,

    W = E(t) - E(t0) + D.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import time
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from ..inputs import Drive, Stretch
from ..integrators import Solution, Solver
from ..network import Network
from ._advance import turn
from ._batch import some
from ._loop import Plan
from ._recorder import taken
from ._trajectory import Record, Result

_ENERGY, _SCALE = ("energy",), ("scale",)  # keys that no population's name can be


def solved(network: Network, method: Solver, states: dict[str, Array], clamp: dict[str, Array], plan: Plan) -> Record:
    """Let a library integrate a batch (B, n), and lay out what it saved."""
    began = time.perf_counter()
    if plan.noise is None:
        method.check(network, states)
    solution, work, begin = _through(network, method, states, clamp, plan)
    statistics = {
        "steps": int(solution.steps.max()),
        "rejected": solution.rejected,
        "evaluations": solution.evaluations,
        "seconds": time.perf_counter() - began,
        "integrator": repr(method),
        **solution.notes,
    }
    times, arrays = solution.times, {**solution.states, _ENERGY: solution.energy, _SCALE: solution.energy_scale}
    if plan.save_at is None and plan.save_every > 1:  # the library saved every step
        wanted = np.arange(len(times))
        wanted = np.flatnonzero((wanted % plan.save_every == 0) | (wanted == len(times) - 1))
        times = times[wanted]
        arrays = {name: taken(x, wanted) for name, x in arrays.items()}
        work = None if work is None else work[:, wanted]
    elif plan.save_at is not None:
        missed = plan.save_at[:, None] > solution.reached + 1e-9 * (plan.t1 - plan.t0)
        length = int((~missed).any(axis=1).sum())  # up to the last row of any sample
        times, missed = times[:length], missed[:length]
        arrays = {name: _blank(x[:length], missed) for name, x in arrays.items()}
        work = None if work is None else work[:, :length]
    failure = solution.failure
    if not failure and not np.isfinite(backend.to_numpy(solution.energy)).all():
        failure = f"{method!r} gave a state that is not finite."
    return Record(
        times=times,
        states={name: _columns(arrays[name], plan, name) for name in plan.keep},
        energy=arrays[_ENERGY],
        energy_scale=arrays[_SCALE],
        final=solution.final,
        reached=solution.reached,
        steps=solution.steps,
        statistics=statistics,
        result=Result.GAVE_UP if solution.failure else Result.NOT_FINITE if failure else Result.COMPLETED,
        failure=failure,
        work=None if work is None else work[0],
        work_error=None if work is None else work[1],
        begin=begin,
    )


class _Ledger:
    """The work done on a batch (B,) so far, and a bound on its error."""

    def __init__(self, size: int) -> None:
        self.value, self.error = np.zeros(size), np.zeros(size)

    def row(self, count: int) -> np.ndarray:
        """It (2, T, B), `count` times."""
        return np.broadcast_to(np.stack([self.value, self.error])[:, None], (2, count, self.value.size)).copy()

    def jump(self, drive: Drive, t: float, states: dict[str, Array]) -> None:
        """Add what a jump does at a state."""
        before, after = drive.flow(t, {}, True), drive.flow(t, {})
        work = turn(drive.changes, before, after, before.at(states))[2]
        self.value = self.value + backend.to_numpy(work.value)
        self.error = self.error + backend.to_numpy(work.error)


def _through(network: Network, method: Solver, states: Any, clamp: Any, plan: Plan) -> tuple[Solution, Any, Any]:
    """All stretches as one solution, with the work and its error (2, T, B), and the energy at the beginning."""
    drive, t0, t1, saves = plan.drive, plan.t0, plan.t1, plan.save_at
    if plan.noise is not None:
        begin, after = network.energy(states), None if saves is None else saves - t0
        sigma, seed = plan.noise.steady(drive)
        solution = method.noisy(network, states, t1 - t0, after, clamp, plan.keep, sigma, seed)
        times = solution.times + t0 if saves is None else saves
        return dataclasses.replace(solution, times=times, reached=solution.reached + t0), None, begin
    if drive is None:
        begin = network.energy(states)
        solution = method.solve(network, states, t1 - t0, None if saves is None else saves - t0, clamp, plan.keep)
        times = solution.times + t0 if saves is None else saves
        return dataclasses.replace(solution, times=times, reached=solution.reached + t0), None, begin
    begin = drive.network(t0).energy(states)
    ledger, parts, works = _Ledger(len(next(iter(states.values())))), [], []
    ends = [t0, *drive.stops.tolist(), t1]
    for a, b in itertools.pairwise(ends):
        stretch, last = Stretch(drive, a, b), b == t1
        inside = np.zeros(0) if saves is None else saves[(saves >= a) & ((saves < b) | last)]
        part = _one(method, states, stretch, None if saves is None else inside - a, clamp, plan)
        work = ledger.row(len(part.times))
        if part.dissipated is not None:
            first = backend.to_numpy(stretch.network(0.0).energy(states)).astype(float)
            final = stretch.network(stretch.span)
            end, scale = (backend.to_numpy(f(part.final)).astype(float) for f in (final.energy, final.energy_scale))
            taken_, gone = (backend.to_numpy(x).astype(float) for x in part.dissipated)
            work[0] += backend.to_numpy(part.energy).astype(float) - first + taken_
            off = method.rtol * np.abs(gone) + method.atol + backend.epsilon(part.energy) * scale
            work[1] += off
            ledger.value, ledger.error = ledger.value + end - first + gone, ledger.error + off
        states = part.final
        keep = slice(None) if last or part.failure or saves is not None else slice(-1)  # of a jump what is after it
        parts.append(_cut(dataclasses.replace(part, times=part.times + a, reached=part.reached + a), keep))
        works.append(work[:, keep])
        if part.failure:
            break
        if b in drive.jumps:
            ledger.jump(drive, b, states)
    whole = _joined(parts, method, saves)
    work = np.concatenate(works, axis=1)
    if not whole.failure and t1 in drive.jumps:  # and so it is at the end
        whole, work = _after_the_last(whole, drive, t1, work, ledger)
    return whole, work, begin


def _one(method: Solver, states: Any, stretch: Stretch, saves: Any, clamp: Any, plan: Plan) -> Solution:
    """The solution on a stretch, at `saves` times in it alone."""
    network, span = stretch.network(0.0), stretch.span
    extra: dict[str, Any] = {}
    if not stretch.constant:
        if "stretch" not in inspect.signature(method.solve).parameters:
            raise TypeError(
                f"{type(method).__name__} solves with inputs that stand still between their jumps (Steps, Pulse), and "
                "these change all along. Let its solve take a `stretch`, or use Rosenbrock() or RungeKutta()."
            )
        extra = {"stretch": stretch}
    asked = saves
    if saves is not None and plan.save_at is not None:  # as many times on each stretch, so that one program does
        rest = np.linspace(0.0, span, 2 * plan.save_at.size + 3)[1:]
        rest = np.setdiff1d(rest, saves)[::-1][: plan.save_at.size + 1 - saves.size]
        asked = np.union1d(saves, rest)
    part = method.solve(network, states, span, asked, clamp, plan.keep, **extra)
    if saves is None or asked is None:
        return part
    wanted = np.flatnonzero(np.isin(asked, saves))
    return _cut(dataclasses.replace(part, times=asked), wanted)


def _cut(part: Solution, rows: Any) -> Solution:
    """Some rows of a solution."""

    def cut(x: Any) -> Any:
        return x[rows] if isinstance(rows, slice) or isinstance(x, np.ndarray) else taken(x, rows)

    gone = part.dissipated
    return dataclasses.replace(
        part,
        times=part.times[rows],
        states={name: cut(x) for name, x in part.states.items()},
        energy=cut(part.energy),
        energy_scale=cut(part.energy_scale),
        dissipated=None if gone is None else (cut(gone[0]), gone[1]),
    )


def _joined(parts: list[Solution], method: Solver, saves: np.ndarray | None) -> Solution:
    """Solutions one after the other."""
    last = parts[-1]

    def join(found: list[Any]) -> Any:
        return backend.namespace(*found).concat(found, axis=0)

    tables = [len({part.times.ndim for part in parts}) > 1 or part.times.ndim > 1 for part in parts]
    clocks = [
        part.times[:, None] + np.zeros(part.steps.size) if any(tables) and part.times.ndim == 1 else part.times
        for part in parts
    ]
    return dataclasses.replace(
        last,
        times=np.concatenate(clocks),
        states={name: join([part.states[name] for part in parts]) for name in last.states},
        energy=join([part.energy for part in parts]),
        energy_scale=join([part.energy_scale for part in parts]),
        steps=np.sum([part.steps for part in parts], axis=0),
        evaluations=sum(part.evaluations for part in parts),
        rejected=sum(part.rejected for part in parts),
        failure=last.failure,
    )


def _after_the_last(whole: Solution, drive: Drive, t1: float, work: np.ndarray, ledger: _Ledger) -> Any:
    """The rows at t1 with what an input jumps to there."""
    end = drive.flow(t1, {})
    energy, scale = end.energy(end.at(whole.final))
    there = np.broadcast_to(whole.times.reshape(len(whole.times), -1) >= t1, work.shape[1:])
    xp = backend.namespace(energy)
    where = xp.asarray(there, device=backend.device(energy))
    found = {
        "energy": xp.where(where, energy, whole.energy),
        "energy_scale": xp.where(where, scale, whole.energy_scale),
    }
    return dataclasses.replace(whole, **found), np.where(there, ledger.row(1), work)


def _columns(x: Array, plan: Plan, name: str) -> Array:
    return some(x, plan.columns[name]) if name in plan.columns else x


def _blank(x: Array, missed: np.ndarray) -> Array:
    """NaN in the rows (T, B) that were missed."""
    if not missed.any():
        return x
    xp = backend.namespace(x)
    empty = xp.asarray(missed.reshape(*missed.shape, *(1,) * (x.ndim - 2)), device=backend.device(x))
    return xp.where(empty, float("nan"), x)
