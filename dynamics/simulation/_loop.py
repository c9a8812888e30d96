"""The loop over steps: each sample's clock, what is saved, when a sample stops or fails, and the energy guard."""

from __future__ import annotations

import functools
import math
import time
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from ..integrators import Integrator
from ..network import Flow, Point, scales
from ._advance import Outcome, Program, advance, begin, choose, put, turn
from ._control import Agenda, Ahead, OneClock, OwnClocks, Verdict
from ._doubt import doubts, first_failure
from ._drift import Drift
from ._marching import Marching
from ._progress import ticker
from ._recorder import Recorder
from ._rounding import ROUNDING as ROUNDING
from ._rounding import rises
from ._rows import ENERGY, LOSS, SCALE, TIME, WORK, Plan
from ._stopping import Condition, Moment, answered
from ._trajectory import Record, Result

HALVINGS = 40  # of a displacement that raises the energy, before the sample is left where it is


class Run(Marching):
    """A batch on its way: the rows still moving, their clock or clocks, and what was recorded.

    `samples` says how many of the rows (all of them if None) are samples; those behind them only fill up the batch.
    """

    def __init__(
        self, flow: Flow, method: Integrator, states: dict[str, Array], plan: Plan, samples: int | None = None
    ) -> None:
        self.flow, self.method, self.plan = flow, method, plan
        self.start = states
        self.like = next(iter(states.values()))
        room = int(self.like.shape[0])
        self.size = room if samples is None else samples
        self.rows = np.where(np.arange(room) < self.size, np.arange(room), -1)  # the sample in each row; -1: none
        self.moving = self.rows >= 0
        t0, drive = plan.t0, plan.drive
        t1 = t0 + float(math.ceil(plan.t1 - t0)) if math.isinf(method.dt) else plan.t1
        stops = None if drive is None else drive.stops
        if plan.noise is not None:
            inside = plan.noise.stops[(plan.noise.stops > t0) & (plan.noise.stops < t1)]
            stops = inside if stops is None else np.union1d(stops, inside)
        self.nodes = method.nodes if plan.noise is None else (0.5,)  # inputs stand still beside noise
        self.agenda = Agenda(t1, plan.save_at, plan.save_every if plan.record else 0, t0, stops)
        self.scales = scales(flow.network, states) if plan.stop is not None else {}
        self.steps = np.zeros(self.size, dtype=int)  # this and the next two by sample, where it left
        self.reached = np.full(self.size, t0)
        self.work, self.loss = np.zeros(room), np.zeros(room)  # by row, in float64
        self.held = np.zeros(self.size, dtype=bool)
        adds_up = plan.record and plan.noise is None and not method.controlled(flow)
        self.drift = Drift(flow.network, self.size) if adds_up else None
        self.failures: dict[int, tuple[str, Result]] = {}
        self.rejected = self.evaluations = 0
        self.cost = method.evaluations
        self.condition = plan.stop if isinstance(plan.stop, Condition) else None
        self.wary = False  # whether steps are taken one by one, since a sample was lost
        self.compiles = backend.backend_of(self.like) == "jax"
        self.eps = backend.epsilon(self.like)
        self.advance, self.compiled = backend.compiled(advance, self.like), method.compiled_as()
        self.program = functools.cache(
            functools.partial(
                Program,
                self.compiled,
                stop=self.condition,
                guard=plan.guard,
                nodes=self.nodes,
                thermal=plan.noise is not None and plan.noise.thermal,
            )
        )

    def complete(self) -> Record:
        """Run to the end and lay out what was saved."""
        began = time.perf_counter()
        self.point, self.energy = backend.compiled(begin, self.like)(
            self.plan.record or self.plan.guard, (flow := self._now(self.plan.t0)), self.start
        )
        own, shares = self.method.adaptive, self.plan.drive is not None and self.plan.drive.schedule is not None
        self.clock = (
            OwnClocks(self.method, self.agenda, flow, self.point, shares) if own else OneClock(self.method, self.agenda)
        )
        self.evaluations += 1
        self.first = None if self.energy is None else self.energy.value[: self.size]
        self.saved = Recorder(self.size, self._row() if self.plan.record else {})
        self.last: Recorder | None = None  # of the samples that left before others
        self.end: Point | None = None
        if self.plan.record and (self.plan.save_at is None or self.plan.save_at[0] == self.plan.t0):
            self._save(self.moving.copy())
        with ticker(self.plan.progress, "simulate", self.agenda.t1 - self.agenda.t0) as tick:
            while np.count_nonzero(self.moving):
                if not self._march():
                    self._step()
                if np.count_nonzero(over := self.moving & (self.clock.time >= self.agenda.t1)):
                    self._leave(over, early=False)
                self._shrink()
                if self.plan.progress:
                    now = np.broadcast_to(self.clock.time, self.moving.shape)
                    tick(float(np.min(now[self.moving], initial=self.agenda.t1)) - self.agenda.t0)
        return self._record(time.perf_counter() - began)

    def _record(self, seconds: float) -> Record:
        lost = np.zeros(self.size, dtype=bool)
        lost[list(self.failures)] = True
        every_step = self.plan.save_at is None
        one = self.clock.one or not every_step
        targets = self.agenda.targets
        length = len(self.saved) if every_step or lost.all() else targets.size - 1  # no row that nobody reached
        arrays = self.saved.arrange(length, lost & one) if self.plan.record else {}
        times: Any
        if not self.plan.record:
            times = np.zeros(0)
        elif not every_step:
            times = self.plan.save_at[:length]  # type: ignore[index]
        else:
            times = arrays[TIME] if TIME in arrays else self.clock.times(length)
        result, failure = Result.COMPLETED, ""
        if self.failures:
            failure, result = first_failure(self.failures, self.size)
        elif (self.reached < self.agenda.t1).all():
            result = Result.STOPPED
        doubt = ""
        parts = None if self.drift is None else self.drift.part()
        if not failure and (doubtful := doubts(self.method, self.held, self.rejected, self.steps, parts)):
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
        if self.plan.noise is not None:
            statistics["noise"] = "temperature" if self.plan.noise.thermal else "additive"
        return Record(
            times=times,
            states={name: arrays[name] for name in self.plan.keep},
            energy=arrays.get(ENERGY),
            energy_scale=arrays.get(SCALE),
            work=arrays.get(WORK),
            work_error=arrays.get(LOSS),
            final=self._final(),
            reached=self.reached,
            steps=self.steps,
            statistics=statistics,
            result=result,
            failure=failure,
            doubt=doubt,
            lost=lost,
            begin=self.first,
        )

    def _final(self) -> dict[str, Array]:
        """The last states, and in `end` the last point if that is asked for."""
        if self.last is not None:
            rows = iter(self.last.rows().values())
            if not self.plan.point:
                return dict(zip(self.point.states, rows, strict=True))
            self.end = backend.map_leaves(lambda _: next(rows), self.point)
        return dict(self.end.states)  # type: ignore[union-attr]

    def _step(self) -> None:
        clock, plan = self.clock, self.plan
        ahead = clock.ahead(self.moving)
        saves = ahead.saves if clock.one else np.count_nonzero(ahead.saves) > 0
        watched = plan.guard or saves or (plan.stop is not None and plan.record)
        drift = self.drift is not None and self.drift.looks()
        flow, changes, end = self.flow, "", 0.0
        if plan.drive is not None:
            end = self._end(ahead)
            flow, changes = self._over(clock.time, end)
        program, span = self.program(bool(watched), drift, changes=changes), ahead.span
        new = self.advance(program, flow, self.point, span, None, self.scales, self._kick(ahead))
        self.evaluations += self.cost
        good = self.moving
        if plan.guard:
            rose = self.moving & self._risen(self.energy, new)
            if np.count_nonzero(rose):
                if clock.one:
                    new = self._shortened(program, span, new, np.flatnonzero(rose), end)
                else:
                    good = good & ~rose
        accepted, lost = self._judged(new, good & backend.to_numpy(new.finite), ahead)
        self.rejected += int(np.count_nonzero(self.moving) - np.count_nonzero(accepted))
        if drift and self.drift is not None:
            self.drift.add(new.bend, self.rows, accepted)
        previous = self.point.states
        if clock.one:  # all that move go on together, and who cannot leaves from where it stood
            if lost:
                self._lose(lost)
            self.point, self.energy, lost = new.point, new.energy, {}
        else:
            self._accept(new, accepted)
        if new.work is not None:
            self._count(new.work, accepted)
        start = clock.time
        clock.moved(ahead, accepted)
        if plan.drive is not None:
            self._turn(accepted & ahead.lands & np.isin(ahead.target, plan.drive.jumps))
        if saves:
            lost = {**self._save(accepted & ahead.saves), **lost}
        if lost:
            self._lose(lost)
        if plan.stop is not None and accepted.any() and self.moving.any():
            if plan.drive is not None and self.condition is not None:  # what waits for a later jump is not at rest
                accepted = accepted & (start >= plan.drive.rest)
            self._ask(previous, accepted, new.done)

    # ----------------------------------------------------------------------------------------- what changes in time

    def _now(self, time: Any, left: Any = False) -> Flow:
        """The flow at the times of the rows."""
        drive = self.plan.drive
        return self.flow if drive is None else drive.flow(time, self.flow.clamp, left, self.rows)

    def _kick(self, ahead: Ahead) -> dict[str, Array] | None:
        """The noise of the step that is next."""
        if self.plan.noise is None:
            return None
        return self.plan.noise.kicks(float(self.clock.time), float(self._end(ahead)), self.rows)

    def _end(self, ahead: Ahead) -> Any:
        """When the steps that are next end, of rows that stand still no later than the run."""
        if self.clock.one:
            return float(ahead.target if ahead.lands else self.clock.time + ahead.dt)
        return np.where(ahead.lands, ahead.target, np.minimum(self.clock.time + ahead.dt, self.agenda.t1))

    def _count(self, work: Any, which: np.ndarray) -> None:
        """Add work done on some rows."""
        value, error = (backend.to_numpy(x).astype(float) for x in work)
        self.work, self.loss = (
            np.where(which, self.work + value, self.work),
            np.where(which, self.loss + error, self.loss),
        )

    def _turn(self, which: np.ndarray) -> None:
        """Go from one side of a jump to the other, with the rows that stand on one."""
        if not which.any():
            return
        drive, time = self.plan.drive, self.clock.time
        before, after = self._now(time, True if self.clock.one else which), self._now(time)
        run = backend.compiled(turn, self.like)
        self.point, energy, work = run(drive.changes, before, after, self.point)  # type: ignore[union-attr]
        self.energy = energy if self.plan.record or self.plan.guard else None
        self._count(work, which)

    def _judged(self, new: Outcome, good: np.ndarray, ahead: Ahead) -> Verdict:
        """Which rows go on, of those whose step is `good`, and which cannot."""
        if new.error is not None:
            error = backend.to_numpy(new.error)
            if (verdict := self.clock.judge(error, self.moving & ~good, self.moving, ahead.dt, self.rows)) is not None:
                return verdict
        if good.all():
            return Verdict(good, {})
        infinite = np.flatnonzero(self.moving & ~good)
        states = new.point.states
        return Verdict(good, {int(k): (self._not_finite(states, int(k)), Result.NOT_FINITE) for k in infinite})

    def _ask(self, previous: dict[str, Array], accepted: np.ndarray, known: Any) -> None:
        """Let the samples go for which the stop condition holds; of one that is compiled it is known."""
        if known is not None:
            done = backend.to_numpy(known)
        else:
            flow, point, size = self._now(self.clock.time), self.point, self.rows.size
            now = np.full(size, self.clock.time)
            moment = Moment(flow.network, point.states, previous, point, flow.clamp, self.scales, now, self.rows)
            done = answered(self.plan.stop, moment, size)  # type: ignore[arg-type]
        if (which := done & accepted & self.moving & (self.clock.time < self.agenda.t1)).any():
            self._leave(which, early=True)

    def _accept(self, new: Outcome, accepted: np.ndarray) -> None:
        fresh = (new.point, new.energy)
        if np.count_nonzero(accepted) < accepted.size:
            xp = backend.namespace(self.like)
            mask = xp.asarray(accepted, device=backend.device(self.like))
            # An energy that was not asked for is None; rows that stay behind are then saved by none.
            known = self.energy is not None and new.energy is not None
            old = (self.point, self.energy if known else new.energy)
            fresh = backend.compiled(choose, self.like)(None, mask, fresh, old)
        self.point, self.energy = fresh

    def _risen(self, before: Any, new: Outcome) -> np.ndarray:
        """Which energies a step raised, by more than the work that was done meanwhile."""
        if new.still is not None:
            return self._rose(*new.still)
        return self._rose(before, new.energy, new.work)

    def _rose(self, before: Any, after: Any, work: Any = None) -> np.ndarray:
        """Which energies rose beyond rounding, or are no numbers."""
        rise, slack = rises(before.value, after.value, before.scale, after.scale, self.eps)
        if work is not None:
            rise, slack = rise - backend.to_numpy(work.value), slack + backend.to_numpy(work.error)
        size = backend.to_numpy(after.scale)
        return ~((rise <= slack) & np.isfinite(backend.to_numpy(after.value)) & np.isfinite(size))

    def _shortened(self, program: Program, span: Any, new: Outcome, where: np.ndarray, end: float) -> Outcome:
        """Halve the displacement of the samples `where` energies rose beyond rounding, and of them alone."""
        theta = 1.0
        while where.size:
            halved = theta / 2
            theta = halved if halved > 0.5**HALVINGS else 0.0
            self.rejected += where.size
            every, rows = where.size == self.rows.size, self._room(where)
            flow, point, before, sizes = (
                (self.flow, self.point, self.energy, self.scales) if every else self._part(rows)
            )
            if self.plan.drive is not None:
                moved, _ = self._over(self.clock.time, end, self.rows[rows])
                flow = moved.bound(flow.clamp)
            shorter = backend.full((rows.size, 1), theta, self.like)
            tried = self.advance(program, flow, point, span, shorter, sizes)
            self.evaluations += self.cost
            if every:
                new = tried
            else:
                place = np.arange(self.rows.size)
                place[where] = place.size + np.arange(where.size)
                new = backend.compiled(put, self.like)(None, new, tried, self._index(place))
            if theta == 0:
                self.held[self.rows[where]] = True
                break
            where = where[self._risen(before, tried)[: where.size]]
        return new
