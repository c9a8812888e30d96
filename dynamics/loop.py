"""The loop over steps: each sample's clock, what is saved, when a sample stops, and the energy guard."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import backend
from .backend import Array
from .control import Controller
from .integrators.base import Integrator
from .network import Evaluation, Network
from .progress import ticker
from .recorder import Recorder
from .rounding import ROUNDING as ROUNDING
from .rounding import rises
from .stopping import Moment, Stop
from .trajectory import Result

HALVINGS = 40  # of a displacement that raises the energy, before the sample is left where it is


class Record(NamedTuple):
    """What a run leaves behind: T saved rows of B samples, the last states, and how it ended."""

    times: np.ndarray
    arrays: dict[str, Array]
    final: dict[str, Array]
    statistics: dict[str, Any]
    steps: np.ndarray
    result: Result
    failure: str


class Plan(NamedTuple):
    """What was asked of a run: end, save times (None: every `save_every` steps), populations to keep, and so on."""

    t1: float
    save_at: np.ndarray | None
    keep: list[str]
    stop: Stop | None
    guard: bool
    progress: bool
    save_every: int = 1


@dataclass(frozen=True)
class _Program:
    """What decides a compiled step: hashable, and the same for every step of a run."""

    method: Integrator
    energy: bool


class _Outcome(NamedTuple):
    """What one compiled call gives."""

    states: dict[str, Array]
    evaluation: Evaluation
    error: Any
    energy: Any
    scale: Any


def _advance(
    program: _Program,
    network: Network,
    states: dict[str, Array],
    evaluation: Evaluation,
    dt: Any,
    theta: Any,
    clamp: dict[str, Array],
) -> _Outcome:
    step = program.method.step(network, states, evaluation, dt, theta, clamp)
    energy = network.energy(step.states, step.evaluation) if program.energy else None
    scale = network.energy_scale(step.states, step.evaluation) if program.energy else None
    return _Outcome(step.states, step.evaluation, step.error, energy, scale)


def _begin(_: None, network: Network, states: dict[str, Array]) -> Any:
    evaluation = network.evaluate(states)
    return evaluation, network.energy(states, evaluation), network.energy_scale(states, evaluation)


def _choose(_: None, accepted: Array, new: Any, old: Any) -> Any:
    """The rows of `new` where accepted, else of `old`, in structures of the same shape."""

    def pick(a: Array, b: Array) -> Array:
        xp = backend.namespace(a)
        return xp.where(xp.reshape(accepted, (-1,) + (1,) * (a.ndim - 1)), a, b)

    return backend.map_leaves(pick, new, old)


class Run:
    """A batch on its way: the rows still moving, their clocks, and what was recorded."""

    def __init__(
        self, network: Network, method: Integrator, states: dict[str, Array], clamp: dict[str, Array], plan: Plan
    ) -> None:
        self.network, self.method, self.states, self.clamp, self.plan = network, method, states, clamp, plan
        self.like = next(iter(states.values()))
        self.size = int(self.like.shape[0])
        self.infinite = math.isinf(method.dt)
        self.t1 = float(math.ceil(plan.t1)) if self.infinite else plan.t1
        self.targets = np.append([] if plan.save_at is None else plan.save_at, np.inf)
        self.rows = np.arange(self.size)  # the sample in each row of the working arrays; -1: padding
        self.moving = np.ones(self.size, dtype=bool)  # this and the next two by working row
        self.time = np.zeros(self.size)
        self.slot = np.zeros(self.size, dtype=int)
        self.saved, self.last = Recorder(self.size), Recorder(self.size)
        self.steps = np.zeros(self.size, dtype=int)
        self.reached = np.zeros(self.size)  # by sample
        self.rejected = self.held = self.evaluations = 0
        self.failure, self.result = "", Result.COMPLETED

    def complete(self) -> Record:
        """Run to the end and lay out what was saved."""
        began = time.perf_counter()
        self.evaluation, self.energy, self.scale = backend.compiled(_begin, self.like)(None, self.network, self.states)
        self.control = Controller(self.method, self.network, self.states, self.evaluation, self.clamp, self.t1)
        self.evaluations += 1
        if self.plan.save_at is None or self.plan.save_at[0] == 0:
            self._save(self.moving.copy())
        with ticker(self.plan.progress, "simulate", self.t1) as tick:
            while not self.failure and self.moving.any():
                self._step()
                self._leave(self.moving & (self.time >= self.t1), early=False)
                tick(float(np.min(self.time[self.moving], initial=self.t1)))
        self._leave(self.moving.copy(), early=False)
        arrays, filled = self.saved.arrange(
            None if self.failure or self.plan.save_at is None else self.targets.size - 1
        )
        final = {name: x[0] for name, x in self.last.arrange(1)[0].items()}
        if not self.failure:
            self._check(final, np.arange(self.size))
        times = arrays.pop("time") if self.plan.save_at is None else self.plan.save_at[: len(filled)]
        arrays.pop("time", None)
        if times.ndim > 1 and (times == times[:, :1]).all():
            times = times[:, 0]
        if self.result is Result.COMPLETED and (self.reached < self.t1).all():
            self.result = Result.STOPPED
        statistics = {
            "steps": int(self.steps.max()),
            "rejected": self.rejected,
            "held": self.held,
            "evaluations": self.evaluations,
            "seconds": time.perf_counter() - began,
            "integrator": repr(self.method),
            "guard": self.plan.guard,
        }
        return Record(times, arrays, final, statistics, self.steps, self.result, self.failure)

    def _step(self) -> None:
        due = self.targets[np.minimum(self.slot, self.targets.size - 1)]  # the next save time, inf if none
        target = np.minimum(due, self.t1)
        dt, lands = self.control.propose(target - self.time, self.moving)
        saves = self._due(self.steps[self.rows] + 1, lands, target, due)
        program = _Program(self.method, bool(self.plan.guard or saves.any() or self.plan.stop is not None))
        advance = backend.compiled(_advance, self.like)
        span = self._span(dt)
        arguments = (self.network, self.states, self.evaluation)
        new = advance(program, *arguments, span, None, self.clamp)
        self.evaluations += self.method.evaluations
        rose = self._rose(new) if self.plan.guard else np.zeros_like(self.moving)
        if rose.any() and not self.method.adaptive:
            new, rose = self._shortened(advance, program, arguments, span, new, rose)
        error = None if new.error is None else backend.to_numpy(new.error)
        accepted, self.failure, self.result = self.control.judge(
            error, rose, self.moving, dt, self.time, self.steps[self.rows], self.rows, self.result
        )
        self.rejected += int((self.moving & ~accepted).sum())
        previous = self.states
        self._accept(new, accepted)
        self.time = np.where(accepted, np.where(lands, target, self.time + dt), self.time)
        self.steps[self.rows[accepted]] += 1
        self._save(accepted & saves)
        if self.plan.stop is not None and not self.failure and accepted.any():
            moment = Moment(self.network, self.states, previous, self.evaluation, self.clamp)
            done = backend.to_numpy(self.plan.stop(moment)).astype(bool)
            self._leave(done & accepted & (self.time < self.t1), early=True)

    def _due(self, steps: np.ndarray, lands: np.ndarray, target: np.ndarray, due: np.ndarray) -> np.ndarray:
        """Which rows are to be saved after a step, if it is accepted."""
        if self.plan.save_at is not None:
            return lands & (due <= self.t1)
        return (steps % self.plan.save_every == 0) | (lands & (target == self.t1))

    def _span(self, dt: np.ndarray) -> Any:
        if self.infinite:
            return None
        if not self.method.adaptive:  # one clock for all
            return backend.full((), float(dt[np.argmax(self.moving)]), self.like)
        return backend.asarray(dt[:, None], self.like)

    def _accept(self, new: _Outcome, accepted: np.ndarray) -> None:
        fresh = (new.states, new.evaluation, new.energy, new.scale)
        if not accepted.all():
            xp = backend.namespace(self.like)
            mask = xp.asarray(accepted, device=backend.device(self.like))
            # An energy that was not asked for is None; rows that stay behind are then saved by none.
            known = self.energy is not None and new.energy is not None
            old = (self.states, self.evaluation, *((self.energy, self.scale) if known else (new.energy, new.scale)))
            fresh = backend.compiled(_choose, self.like)(None, mask, fresh, old)
        self.states, self.evaluation, self.energy, self.scale = fresh

    def _rose(self, new: _Outcome) -> np.ndarray:
        rise, slack = rises(self.energy, new.energy, self.scale, new.scale, backend.epsilon(self.like))
        finite = np.isfinite(backend.to_numpy(new.energy)) & np.isfinite(backend.to_numpy(new.scale))
        return self.moving & ~(finite & (rise <= slack))

    def _shortened(
        self, advance: Any, program: _Program, arguments: Any, span: Any, new: _Outcome, rose: np.ndarray
    ) -> tuple[_Outcome, np.ndarray]:
        """Halve the displacement of every sample whose energy rose beyond rounding."""
        xp = backend.namespace(self.like)
        theta = np.ones(self.rows.size)
        for halving in range(1, HALVINGS + 1):
            theta[rose] = 0.0 if halving == HALVINGS else theta[rose] / 2
            self.rejected += int(rose.sum())
            shorter = xp.asarray(theta[:, None], dtype=self.like.dtype, device=backend.device(self.like))
            new = advance(program, *arguments, span, shorter, self.clamp)
            self.evaluations += self.method.evaluations
            rose = self._rose(new) & (theta > 0)
            if not rose.any():
                break
        self.held += int((theta == 0).sum())
        return new, np.zeros_like(rose)

    # ------------------------------------------------------------------------------------------- recording

    def _save(self, which: np.ndarray) -> None:
        if which.any():
            rows = self._log(self.saved, which, self.slot, self._row())
            self._check({"energy": rows["energy"]}, self.rows[which])
            self.slot = self.slot + which

    def _row(self) -> dict[str, Any]:
        kept = {name: self.states[name] for name in self.plan.keep}
        return {**kept, "energy": self.energy, "energy_scale": self.scale, "time": self.time}

    def _leave(self, which: np.ndarray, early: bool) -> None:
        """Record the last state of some rows and let them go; shrink the batch when half of it is gone."""
        if not which.any():
            return
        self._log(self.last, which, np.zeros_like(self.slot), self.states)
        if early:  # it stays there for the save times still to come
            waiting = which & (self.slot < self.targets.size - 1)
            if self.plan.save_at is None:  # its last state, unless that is saved already
                waiting = which & (self.steps[self.rows] % self.plan.save_every != 0)
            if waiting.any():
                self._log(self.saved, waiting, self.slot, self._row())
        self.reached[self.rows[which]] = self.time[which]
        self.moving &= ~which
        stays = np.flatnonzero(self.moving)
        if 0 < stays.size <= self.rows.size // 2:
            self._shrink(stays)

    def _shrink(self, stays: np.ndarray) -> None:
        size = stays.size
        if backend.backend_of(self.like) == "jax":  # few sizes, so that few programs are compiled
            size = min(self.rows.size, 1 << (size - 1).bit_length())
        chosen = np.concatenate([stays, np.full(size - stays.size, stays[0])])
        padding = np.arange(size) >= stays.size
        xp = backend.namespace(self.like)
        where = xp.asarray(chosen, device=backend.device(self.like))
        parts = (self.states, self.clamp, self.evaluation, self.energy, self.scale)
        self.states, self.clamp, self.evaluation, self.energy, self.scale = backend.map_leaves(
            lambda leaf: xp.take(leaf, where, axis=0), parts
        )
        self.rows, self.moving = np.where(padding, -1, self.rows[chosen]), ~padding
        self.time, self.slot = self.time[chosen], self.slot[chosen]
        self.control.keep(chosen)
        self.like = next(iter(self.states.values()))

    def _log(self, recorder: Recorder, which: np.ndarray, slots: np.ndarray, arrays: dict[str, Any]) -> dict[str, Any]:
        if not which.all():
            index = np.flatnonzero(which)
            xp = backend.namespace(self.like)
            where = xp.asarray(index, device=backend.device(self.like))
            arrays = {name: x[index] if name == "time" else xp.take(x, where, axis=0) for name, x in arrays.items()}
        recorder.add(self.rows[which], slots[which], arrays)
        return arrays

    def _check(self, arrays: dict[str, Any], rows: np.ndarray) -> None:
        for name, x in arrays.items():
            bad = ~np.isfinite(backend.to_numpy(x).reshape(len(rows), -1)).all(axis=1)
            if bad.any():
                what = "the energy" if name == "energy" else f"population {name!r}"
                sample = int(rows[np.argmax(bad)])
                self.result = Result.NOT_FINITE
                self.failure = (
                    f"In sample {sample} {what} is not finite at t={float(self.time.max()):g} after "
                    f"{int(self.steps[sample])} steps of {self.method!r} ({int(bad.sum())} of {len(rows)} samples). "
                    "Either the step is too long (Relaxation has no such limit), or the energy has no lower bound: "
                    "use a bounded activation or separation such as softmax."
                )
                return
