"""The loop over steps: each sample's clock, what is saved, when a sample stops or fails, and the energy guard."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any, NamedTuple

import numpy as np

from . import backend
from .advance import Outcome, Program, begin, choose
from .advance import advance as advance_by
from .backend import Array
from .control import Controller
from .drift import Drift
from .integrators.base import Integrator
from .network import Network
from .progress import ticker
from .recorder import Recorder
from .rounding import ROUNDING as ROUNDING
from .rounding import rises
from .scale import scales
from .stopping import Moment, Stop, answered
from .trajectory import Record, Result, SimulationWarning

HALVINGS = 40  # of a displacement that raises the energy, before the sample is left where it is
MOST_BYTES = 2**30  # of rows that are saved without being asked for; beyond them they are thinned
MANY = 20  # rejected steps from which on their number is worth a word


class Plan(NamedTuple):
    """What was asked of a run: end, save times (None: every `save_every` steps), populations to keep, and so on."""

    t1: float
    save_at: np.ndarray | None
    keep: list[str]
    stop: Stop | None
    guard: bool
    progress: bool
    save_every: int = 1
    record: bool = True  # False keeps the last states alone


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
        self.every = plan.save_every
        self.scales = scales(network, states)
        self.rows = np.arange(self.size)  # the sample in each row of the working arrays; -1: padding
        self.moving = np.ones(self.size, dtype=bool)  # this and the next two by working row
        self.time = np.zeros(self.size)
        self.slot = np.zeros(self.size, dtype=int)
        self.steps = np.zeros(self.size, dtype=int)  # from here on by sample
        self.reached = np.zeros(self.size)
        self.held = np.zeros(self.size, dtype=bool)
        self.drift = Drift(network, self.size) if plan.record and not method.controlled(network) else None
        self.failures: dict[int, tuple[str, Result]] = {}
        self.rejected = self.evaluations = 0

    def complete(self) -> Record:
        """Run to the end and lay out what was saved."""
        began = time.perf_counter()
        self.evaluation, self.energy, self.scale = backend.compiled(begin, self.like)(None, self.network, self.states)
        self.control = Controller(self.method, self.network, self.states, self.evaluation, self.clamp, self.t1)
        self.evaluations += 1
        self.saved, self.last = Recorder(self.size, self._row()), Recorder(self.size, self.states)
        if self.plan.record and (self.plan.save_at is None or self.plan.save_at[0] == 0):
            self._save(self.moving.copy())
        with ticker(self.plan.progress, "simulate", self.t1) as tick:
            while self.moving.any():
                self._step()
                self._leave(self.moving & (self.time >= self.t1), early=False)
                self._shrink()
                tick(float(np.min(self.time[self.moving], initial=self.t1)))
        return self._record(time.perf_counter() - began)

    def _record(self, seconds: float) -> Record:
        lost = np.zeros(self.size, dtype=bool)
        lost[list(self.failures)] = True
        every_step = self.plan.save_at is None
        one_clock = not (every_step and self.method.adaptive)
        length = len(self.saved) if every_step or lost.all() else self.targets.size - 1  # no row that nobody reached
        arrays = self.saved.arrange(length, lost & one_clock)
        times = arrays[_TIME] if self.plan.save_at is None else self.plan.save_at[:length]
        if every_step and one_clock:  # of those that failed it went on
            times = np.where(lost, times[:, [int(np.argmax(self.reached))]], times)
        if times.ndim > 1 and (times == times[:, :1]).all():
            times = times[:, 0]
        result, failure = Result.COMPLETED, ""
        if self.failures:
            failure, result = self._failure()
        elif (self.reached < self.t1).all():
            result = Result.STOPPED
        doubt = ""
        if not failure and (doubtful := self._doubt()):
            doubt, result = doubtful
        statistics = {
            "steps": int(self.steps.max()),
            "rejected": self.rejected,
            "held": int(self.held.sum()),
            "evaluations": self.evaluations,
            "seconds": seconds,
            "integrator": repr(self.method),
            "guard": self.plan.guard,
        }
        return Record(
            times=times,
            states={name: arrays[name] for name in self.plan.keep},
            energy=arrays[_ENERGY],
            energy_scale=arrays[_SCALE],
            final={name: x[0] for name, x in self.last.arrange(1).items()},
            reached=self.reached,
            steps=self.steps,
            statistics=statistics,
            result=result,
            failure=failure,
            doubt=doubt,
            lost=lost,
        )

    def _failure(self) -> tuple[str, Result]:
        sample = min(self.failures)
        message, result = self.failures[sample]
        others = f" ({len(self.failures)} of {self.size} samples failed; the others ran on.)" if self.size > 1 else ""
        return message + others, result

    def _doubt(self) -> tuple[str, Result] | None:
        """What is to be said of a run that came to its end."""
        if self.held.any():
            first = int(np.argmax(self.held))
            return (
                f"{int(self.held.sum())} of {self.size} samples (first {first}) stood still where every step of "
                f"{self.method!r} raised the energy. Either the steps do not follow the flow (use Rosenbrock()), or "
                "forces and energy do not belong together: guard=False runs on, and check_lyapunov says which."
            ), Result.HELD
        accepted = int(self.steps.sum())
        if self.rejected > max(MANY, 2 * accepted):
            return (
                f"{self.rejected} steps of {self.method!r} were rejected and {accepted} accepted: they are too long "
                "for this flow. Use Rosenbrock(), which solves for the forces in a step, or give a shorter dt."
            ), Result.REJECTED
        if self.drift is not None and (part := self.drift.part()).max(initial=0.0) > self.method.drift:
            first = int(np.argmax(part))
            return (
                f"{self.method!r} has no error control here, and the errors of its steps add up to about "
                f"{100 * min(part[first], 1e4):.0f} % of the state in sample {first}. Give a shorter dt, or use "
                "Rosenbrock() or RungeKutta(), whose steps follow from the error."
            ), Result.UNCONTROLLED
        return None

    def _step(self) -> None:
        due = self.targets[np.minimum(self.slot, self.targets.size - 1)]  # the next save time, inf if none
        target = np.minimum(due, self.t1)
        dt, lands = self.control.propose(target - self.time, self.moving)
        saves = self._due(self.steps[self.rows] + 1, lands, target, due)
        watched = self.plan.guard or saves.any() or (self.plan.stop is not None and self.plan.record)
        drift = self.drift is not None and self.drift.looks()
        program = Program(self.method.compiled_as(), bool(watched), drift)
        advance = backend.compiled(advance_by, self.like)
        span = self._span(dt)
        arguments = (self.network, self.states, self.evaluation)
        new = advance(program, *arguments, span, None, self.clamp)
        self.evaluations += self.method.evaluations
        rose = self._rose(new) if self.plan.guard else np.zeros_like(self.moving)
        if rose.any() and not self.method.adaptive:
            new, rose = self._shortened(advance, program, arguments, span, new, rose)
        infinite = self.moving & ~backend.to_numpy(new.finite)
        error = None if new.error is None else backend.to_numpy(new.error)
        steps = self.steps[self.rows]
        accepted, lost = self.control.judge(error, rose | infinite, self.moving, dt, self.time, steps, self.rows)
        self.rejected += int((self.moving & ~accepted).sum())
        if drift and self.drift is not None:
            self.drift.add(new.bend, self.rows, accepted)
        previous = self.states
        self._accept(new, accepted)
        self.time = np.where(accepted, np.where(lands, target, self.time + dt), self.time)
        self.steps[self.rows[accepted]] += 1
        if error is None and infinite.any():
            lost = {int(k): (self._not_finite(new.states, int(k)), Result.NOT_FINITE) for k in np.flatnonzero(infinite)}
        for k, why in self._save(accepted & saves).items():
            lost.setdefault(k, why)
        if lost:
            self._lose(lost)
        if self.plan.stop is not None and accepted.any() and self.moving.any():
            self._ask(previous, accepted)

    def _ask(self, previous: dict[str, Array], accepted: np.ndarray) -> None:
        """Let the samples go for which the stop condition holds."""
        moment = Moment(
            self.network, self.states, previous, self.evaluation, self.clamp, self.scales, self.time, self.rows
        )
        done = answered(self.plan.stop, moment, self.rows.size)  # type: ignore[arg-type]
        self._leave(done & accepted & self.moving & (self.time < self.t1), early=True)

    def _due(self, steps: np.ndarray, lands: np.ndarray, target: np.ndarray, due: np.ndarray) -> np.ndarray:
        """Which rows are to be saved after a step, if it is accepted."""
        if not self.plan.record:
            return np.zeros_like(lands)
        if self.plan.save_at is not None:
            return lands & (due <= self.t1)
        return (steps % self.every == 0) | (lands & (target == self.t1))

    def _span(self, dt: np.ndarray) -> Any:
        if self.infinite:
            return None
        if not self.method.adaptive:  # one clock for all
            return backend.full((), float(dt[np.argmax(self.moving)]), self.like)
        return backend.asarray(dt[:, None], self.like)

    def _accept(self, new: Outcome, accepted: np.ndarray) -> None:
        fresh = (new.states, new.evaluation, new.energy, new.scale)
        if not accepted.all():
            xp = backend.namespace(self.like)
            mask = xp.asarray(accepted, device=backend.device(self.like))
            # An energy that was not asked for is None; rows that stay behind are then saved by none.
            known = self.energy is not None and new.energy is not None
            old = (self.states, self.evaluation, *((self.energy, self.scale) if known else (new.energy, new.scale)))
            fresh = backend.compiled(choose, self.like)(None, mask, fresh, old)
        self.states, self.evaluation, self.energy, self.scale = fresh

    def _rose(self, new: Outcome) -> np.ndarray:
        rise, slack = rises(self.energy, new.energy, self.scale, new.scale, backend.epsilon(self.like))
        finite = np.isfinite(backend.to_numpy(new.energy)) & np.isfinite(backend.to_numpy(new.scale))
        return self.moving & ~(finite & (rise <= slack))

    def _shortened(
        self, advance: Any, program: Program, arguments: Any, span: Any, new: Outcome, rose: np.ndarray
    ) -> tuple[Outcome, np.ndarray]:
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
        self.held[self.rows[theta == 0]] = True
        return new, np.zeros_like(rose)

    # ------------------------------------------------------------------------------------- recording, leaving

    def _save(self, which: np.ndarray) -> dict[int, tuple[str, Result]]:
        """Save some rows; by row, which have an energy that is no number."""
        if not which.any():
            return {}
        rows = self._log(self.saved, which, self.slot, self._row())
        self.slot = self.slot + which
        if self.plan.save_at is None and self.saved.size > MOST_BYTES:
            self._thin()
        where = np.flatnonzero(which)
        bad = where[~np.isfinite(backend.to_numpy(rows[_ENERGY]))]
        return {int(k): (self._not_finite({}, int(k)), Result.NOT_FINITE) for k in bad}

    def _thin(self) -> None:
        self.saved.thin()
        self.slot, self.every = (self.slot + 1) // 2, 2 * self.every
        warnings.warn(
            f"Saving every {f'{self.every // 2}th ' if self.every > 2 else ''}step takes more than "
            f"{MOST_BYTES / 2**30:g} GiB: only every {self.every}th is kept from here on. Give save_at=times or "
            "save_at=k, or keep fewer populations by save=.",
            SimulationWarning,
            stacklevel=2,
        )

    def _row(self) -> dict[Any, Any]:
        kept = {name: self.states[name] for name in self.plan.keep}
        return {**kept, _ENERGY: self.energy, _SCALE: self.scale, _TIME: self.time}

    def _lose(self, lost: dict[int, tuple[str, Result]]) -> None:
        """Let go of samples that failed, with the last states that are known of them."""
        which = np.zeros_like(self.moving)
        for k, why in lost.items():
            if self.moving[k]:
                which[k] = True
                self.failures[int(self.rows[k])] = why
        self._leave(which, early=False)

    def _leave(self, which: np.ndarray, early: bool) -> None:
        """Record the last state of some rows and let them go."""
        if not which.any():
            return
        self._log(self.last, which, np.zeros_like(self.slot), self.states)
        if early and self.plan.record:  # it stays there for the save times still to come
            waiting = which & (self.slot < self.targets.size - 1)
            if self.plan.save_at is None:  # its last state, unless that is saved already
                waiting = which & (self.steps[self.rows] % self.every != 0)
            if waiting.any():
                self._log(self.saved, waiting, self.slot, self._row())
        self.reached[self.rows[which]] = self.time[which]
        self.moving &= ~which

    def _shrink(self) -> None:
        """Go on with the rows that still move, when half of them are gone."""
        stays = np.flatnonzero(self.moving)
        if not 0 < stays.size <= self.rows.size // 2:
            return
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
        self.scales = backend.map_leaves(
            lambda leaf: xp.take(leaf, where, axis=0) if getattr(leaf, "ndim", 0) else leaf, self.scales
        )
        self.rows, self.moving = np.where(padding, -1, self.rows[chosen]), ~padding
        self.time, self.slot = self.time[chosen], self.slot[chosen]
        self.control.keep(chosen)
        self.like = next(iter(self.states.values()))

    def _log(self, recorder: Recorder, which: np.ndarray, slots: np.ndarray, arrays: dict[Any, Any]) -> dict[Any, Any]:
        if not which.all():
            index = np.flatnonzero(which)
            xp = backend.namespace(self.like)
            where = xp.asarray(index, device=backend.device(self.like))
            arrays = {
                name: x[index] if isinstance(x, np.ndarray) else xp.take(x, where, axis=0) for name, x in arrays.items()
            }
        recorder.add(self.rows[which], slots[which], arrays)
        return arrays

    def _not_finite(self, states: dict[str, Array], row: int) -> str:
        """The sentence about a row whose new state, or else whose energy, is not finite."""
        lost = [name for name, x in states.items() if not np.isfinite(backend.to_numpy(x)[row]).all()]
        what = f"population {lost[0]!r}" if lost else "the energy"
        return (
            f"In sample {self.rows[row]} {what} is not finite at t={self.time[row]:g} after "
            f"{int(self.steps[self.rows[row]])} steps of {self.method!r}. Either the step is too long for the flow "
            "(Rosenbrock() and RungeKutta() choose it by the error), or the energy has no lower bound: use a bounded "
            "activation or separation such as softmax."
        )


_TIME, _ENERGY, _SCALE = ("time",), ("energy",), ("scale",)  # keys that no population's name can be
