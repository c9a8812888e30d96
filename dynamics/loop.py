"""The loop over steps: the clock, what is saved, when a sample stops, and the energy guard."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import backend
from .backend import Array
from .integrators.base import Integrator
from .network import Evaluation, Network
from .progress import ticker
from .recorder import Recorder
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


@dataclass(frozen=True)
class _Program:
    """What decides a compiled step: hashable, and the same for every step of a run."""

    method: Integrator
    energy: bool


def _advance(
    program: _Program,
    network: Network,
    states: dict[str, Array],
    evaluation: Evaluation,
    dt: Any,
    theta: Any,
    clamp: dict[str, Array],
) -> Any:
    step = program.method.step(network, states, evaluation, dt, theta, clamp)
    energy = network.energy(step.states, step.evaluation) if program.energy else None
    scale = network.energy_scale(step.states, step.evaluation) if program.energy else None
    return step, energy, scale


def _begin(_: None, network: Network, states: dict[str, Array]) -> Any:
    evaluation = network.evaluate(states)
    return evaluation, network.energy(states, evaluation), network.energy_scale(states, evaluation)


class Run:
    """A batch on its way: the rows still moving, their clock, and what was recorded."""

    def __init__(
        self,
        network: Network,
        method: Integrator,
        states: dict[str, Array],
        clamp: dict[str, Array],
        t1: float,
        save_at: np.ndarray | None,
        keep: list[str],
        stop: Stop | None,
        guard: bool,
        progress: bool,
    ) -> None:
        self.network, self.method, self.states, self.clamp = network, method, states, clamp
        self.save_at, self.keep, self.stop, self.guard, self.progress = (
            save_at,
            keep,
            stop,
            guard,
            progress,
        )
        self.like = next(iter(states.values()))
        self.size = int(self.like.shape[0])
        self.t1 = float(math.ceil(t1)) if math.isinf(method.dt) else t1
        self.rows = np.arange(self.size)  # the sample in each row of the working arrays; -1: padding
        self.moving = np.ones(self.size, dtype=bool)  # by working row
        self.saved, self.last = Recorder(self.size), Recorder(self.size)
        self.steps = np.zeros(self.size, dtype=int)
        self.time, self.slot, self.slot_times = 0.0, 0, [] if save_at is None else list(save_at)
        self.rejected = self.held = self.evaluations = 0

    def complete(self) -> Record:
        """Run to the end and lay out what was saved."""
        began = time.perf_counter()
        self.evaluation, self.energy, self.scale = backend.compiled(_begin, self.like)(None, self.network, self.states)
        self.evaluations += 1
        bad = ""
        if self.save_at is None or self.save_at[0] == 0:
            bad = self._save(np.ones(self.size, dtype=bool))
        with ticker(self.progress, "simulate", self.t1) as tick:
            while not bad and self.moving.any() and self.time < self.t1:
                bad = self._step()
                tick(self.time)
        if bad:  # later save times were not reached
            self.slot = len(self.slot_times)
        self._leave(self.moving)
        final, _ = self.last.arrange(1)
        if not bad:
            bad = self._unsound({name: x[0] for name, x in final.items()}, np.arange(self.size))
        arrays, _ = self.saved.arrange(None if bad or self.save_at is None else len(self.slot_times))
        statistics = {
            "steps": int(self.steps.max()),
            "rejected": self.rejected,
            "held": self.held,
            "evaluations": self.evaluations,
            "seconds": time.perf_counter() - began,
            "integrator": repr(self.method),
            "guard": self.guard,
        }
        result = Result.NOT_FINITE if bad else Result.STOPPED if self.time < self.t1 else Result.COMPLETED
        times = np.asarray(self.slot_times[: len(arrays["energy"])])
        return Record(
            times,
            arrays,
            {name: x[0] for name, x in final.items()},
            statistics,
            self.steps,
            result,
            bad,
        )

    def _step(self) -> str:
        target, dt = self._span()
        infinite = math.isinf(self.method.dt)
        step_to = target if self._lands(target, dt) else self.time + dt
        saves = self.save_at is None or (step_to == target and self.slot < len(self.slot_times))
        program = _Program(self.method, bool(self.guard or saves or self.stop is not None))
        advance = backend.compiled(_advance, self.like)
        span = None if infinite else backend.full((), dt, self.like)
        arguments = (self.network, self.states, self.evaluation)
        step, energy, scale = advance(program, *arguments, span, None, self.clamp)
        self.evaluations += 1
        if self.guard:
            step, energy, scale = self._guarded(advance, program, arguments, span, step, energy, scale)
        previous, self.time = self.states, step_to
        self.states, self.evaluation = self._frozen(previous, step.states), step.evaluation
        self.energy, self.scale = energy, scale
        self.steps[self.rows[self.moving]] += 1
        bad = self._save(self.moving) if saves else ""
        if self.stop is not None and not bad:
            moment = Moment(self.network, self.states, previous, self.evaluation, self.clamp)
            done = backend.to_numpy(self.stop(moment)).astype(bool) & self.moving
            if done.any():
                self._leave(done)
        return bad

    def _span(self) -> tuple[float, float]:
        """The next time to land on, and a step of at most dt such that equal steps end there."""
        target = self.slot_times[self.slot] if self.slot < len(self.slot_times) else self.t1
        if math.isinf(self.method.dt):
            return target, 1.0
        left = target - self.time
        return target, left / max(1, math.ceil(left / self.method.dt - 1e-9))

    def _lands(self, target: float, dt: float) -> bool:
        return target - self.time <= dt * (1 + 1e-9)

    def _frozen(self, old: dict[str, Array], new: dict[str, Array]) -> dict[str, Array]:
        if self.moving.all():
            return new
        xp = backend.namespace(self.like)
        moving = xp.asarray(self.moving[:, None], device=backend.device(self.like))
        return {name: xp.where(moving, new[name], old[name]) for name in old}

    def _guarded(
        self,
        advance: Any,
        program: _Program,
        arguments: Any,
        span: Any,
        step: Any,
        energy: Any,
        scale: Any,
    ):
        """Halve the displacement of every sample whose energy rose beyond rounding."""
        xp = backend.namespace(self.like)
        slack = 16 * backend.epsilon(self.like)
        before, sizes = backend.to_numpy(self.energy), backend.to_numpy(self.scale)
        theta = np.ones(self.rows.size)
        for halving in range(HALVINGS + 1):
            after = backend.to_numpy(energy)
            rose = self.moving & ~(after <= before + slack * np.maximum(sizes, backend.to_numpy(scale)))
            if not rose.any():
                break
            if halving == HALVINGS:
                theta[rose] = 0.0
                self.held += int(rose.sum())
            else:
                theta[rose] /= 2
                self.rejected += int(rose.sum())
            shorter = xp.asarray(theta[:, None], dtype=self.like.dtype, device=backend.device(self.like))
            step, energy, scale = advance(program, *arguments, span, shorter, self.clamp)
            self.evaluations += 1
        return step, energy, scale

    def _save(self, which: np.ndarray) -> str:
        rows = self._log(self.saved, which, self.slot, self._row())
        if self.save_at is None:
            self.slot_times.append(self.time)
        self.slot += 1
        return self._unsound({"energy": rows["energy"]}, self.rows[which])

    def _row(self) -> dict[str, Any]:
        kept = {name: self.states[name] for name in self.keep}
        return {**kept, "energy": self.energy, "energy_scale": self.scale}

    def _leave(self, which: np.ndarray) -> None:
        """Record the last state of some rows and let them go; shrink the batch when half of it is gone."""
        if not which.any():
            return
        self._log(self.last, which, 0, self.states)
        if self.slot < len(self.slot_times):  # it stays there for the save times still to come
            self._log(self.saved, which, self.slot, self._row())
        self.moving &= ~which
        stays = np.flatnonzero(self.moving)
        if 0 < stays.size <= self.rows.size // 2:
            size = stays.size
            if backend.backend_of(self.like) == "jax":  # few sizes, so that few programs are compiled
                size = min(self.rows.size, 1 << (size - 1).bit_length())
            chosen = np.concatenate([stays, np.full(size - stays.size, stays[0])])
            padding = np.arange(size) >= stays.size
            xp = backend.namespace(self.like)
            where = xp.asarray(chosen, device=backend.device(self.like))
            pick = lambda leaf: leaf if leaf is None else xp.take(leaf, where, axis=0)  # noqa: E731
            self.states = {name: pick(x) for name, x in self.states.items()}
            self.clamp = {name: pick(x) for name, x in self.clamp.items()}
            self.evaluation, self.energy, self.scale = (
                backend.map_leaves(pick, part) for part in (self.evaluation, self.energy, self.scale)
            )
            self.rows, self.moving = np.where(padding, -1, self.rows[chosen]), ~padding
            self.like = next(iter(self.states.values()))

    def _log(self, recorder: Recorder, which: np.ndarray, slot: int, arrays: dict[str, Any]) -> dict[str, Array]:
        if not which.all():
            xp = backend.namespace(self.like)
            where = xp.asarray(np.flatnonzero(which), device=backend.device(self.like))
            arrays = {name: xp.take(x, where, axis=0) for name, x in arrays.items()}
        rows = self.rows[which]
        recorder.add(rows, np.full(rows.size, slot), arrays)
        return arrays

    def _unsound(self, arrays: dict[str, Array], rows: np.ndarray) -> str:
        for name, x in arrays.items():
            values = backend.to_numpy(x).reshape(len(rows), -1)
            bad = ~np.isfinite(values).all(axis=1)
            if bad.any():
                what = "the energy" if name == "energy" else f"population {name!r}"
                return (
                    f"In sample {int(rows[np.argmax(bad)])} {what} is not finite at t={self.time:g} after "
                    f"{int(self.steps.max())} steps of {type(self.method).__name__} with dt={self.method.dt:g} "
                    f"({int(bad.sum())} of {len(rows)} samples). Either the step is too long (Relaxation has no such "
                    "limit), or the energy has no lower bound: use a bounded activation or separation such as softmax."
                )
        return ""
