"""Clocks: one for all samples that take equal steps, or one for each sample whose steps follow from its error."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array
from ..integrators import Integrator, error_norm
from ..network import Flow, Point
from ._trajectory import Result

SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0


class Agenda:
    """When a run begins and ends, where its steps end besides, and what it saves: at times, or every `every` steps.

    `stops` are times inside on which steps end; `every` = 0 saves nothing.
    """

    def __init__(
        self, t1: float, times: np.ndarray | None, every: int, t0: float = 0.0, stops: np.ndarray | None = None
    ) -> None:
        self.t0, self.t1, self.every = t0, t1, every
        self.stops = np.append([] if stops is None else stops, np.inf)
        self.times = times if every else None
        self.targets = np.append([] if times is None else times, np.inf)

    def due(self, steps: Any, lands: Any, target: Any, saved: Any) -> Any:
        """Whether to save after a step that is the `steps`-th and ends at `target`, where `saved` is the next time."""
        if not self.every:
            return lands & False
        if self.times is not None:
            return lands & (saved == target)
        return (steps % self.every == 0) | (lands & (target == self.t1))


class Ahead(NamedTuple):
    """The next step: how long, where it ends, whether on that target, and whether to save then; for all or by row."""

    dt: Any
    target: Any
    lands: Any
    saves: Any
    span: Any  # its length as integrators take it


class Verdict(NamedTuple):
    """Which rows (B,) of a step are accepted; by row, why and how those end that can go on no more."""

    accepted: np.ndarray
    lost: dict[int, tuple[str, Result]]


class OneClock:
    """Equal steps of at most dt that end on the next save time: all samples stand at the same time, a Python number."""

    one = True

    def __init__(self, method: Integrator, agenda: Agenda) -> None:
        self.dt, self.agenda, self.targets = method.dt, agenda, agenda.targets.tolist()
        self.stops = agenda.stops.tolist()
        self.time, self.slot, self.steps = agenda.t0, 0, 0
        self.stop = 0  # the next of the times on which a step ends
        self.saved: dict[int, float] = {}  # the time of each slot

    def ahead(self, moving: np.ndarray) -> Ahead:
        """The step that is next."""
        saved = self.targets[min(self.slot, len(self.targets) - 1)]
        target = min(saved, self.agenda.t1, self.stops[self.stop])
        left = target - self.time
        if math.isinf(self.dt):
            dt, lands = 1.0, left <= 1
        else:
            dt = left / max(1, math.ceil(left / self.dt - 1e-9))
            lands = left <= dt * (1 + 1e-9)
        saves = self.agenda.due(self.steps + 1, lands, target, saved)
        return Ahead(dt, target, lands, saves, None if math.isinf(self.dt) else dt)

    def moved(self, ahead: Ahead, accepted: np.ndarray) -> None:
        """Go on by a step."""
        self.time = ahead.target if ahead.lands else self.time + ahead.dt
        self.steps += 1
        while self.stops[self.stop] <= self.time:
            self.stop += 1

    def marched(self, count: int, dt: float) -> None:
        """Go on by some steps of one length, before the next time on which one ends."""
        self.time, self.steps = self.time + count * dt, self.steps + count

    def noted(self, times: np.ndarray) -> np.ndarray:
        """The slots under which to save at some times."""
        slots = self.slot + np.arange(times.size)
        self.saved.update(zip(slots.tolist(), times.tolist(), strict=True))
        self.slot += times.size
        return slots

    def note(self, which: np.ndarray, on: bool = True) -> np.ndarray:
        """The slot under which to save some rows; the next save goes `on` to the one after it."""
        self.saved[self.slot] = self.time
        slots = np.full(np.count_nonzero(which), self.slot)
        self.slot += on
        return slots

    def times(self, length: int) -> np.ndarray:
        """Of the first slots."""
        return np.asarray([self.saved[k] for k in range(length)])

    def judge(
        self, error: np.ndarray, bad: np.ndarray, moving: np.ndarray, dt: float, rows: np.ndarray
    ) -> Verdict | None:
        """Nothing: a step is taken as it is."""

    def thin(self) -> None:
        """Forget every second slot."""
        self.saved = {k // 2: time for k, time in self.saved.items() if k % 2 == 0}
        self.slot = (self.slot + 1) // 2

    def keep(self, chosen: np.ndarray) -> None:
        """Go on with some of the rows."""


class OwnClocks:
    """A clock for each sample; all of it on the host, in float64.

    With the error estimate e (1 = just tolerated) of a method whose estimate is of order q, the next step of a sample
    is dt min(5, max(0.2, 0.9 e^(-1/q))), and dt/5 after a second refusal. Where all are of one time, since a number of
    the memory changes, they `share` their steps, and the worst sample decides.
    """

    one = False

    def __init__(self, method: Integrator, agenda: Agenda, flow: Flow, point: Point, share: bool = False) -> None:
        self.share = share
        self.method, self.agenda, t1 = method, agenda, agenda.t1
        like = self.like = next(iter(point.states.values()))
        size = len(like)
        first = backend.compiled(_first_step, like)
        self.span = span = t1 - agenda.t0
        most = min(method.dt, span)
        self.h = np.minimum(most, backend.to_numpy(first(method, flow, point, most)).astype(float))
        self.h = np.maximum(self.h, 1e-12 * span)
        if share:
            self.h = np.full(size, self.h.min())
        self.eager = np.ones(size, dtype=bool)  # whether the last step was accepted, so that h may grow
        self.tried = 0  # steps, by any row
        self.aims: tuple[np.ndarray, np.ndarray] | None = None
        self.time, self.slot, self.steps = (
            np.full(size, agenda.t0),
            np.zeros(size, dtype=int),
            np.zeros(size, dtype=int),
        )

    def ahead(self, moving: np.ndarray) -> Ahead:
        """The steps that are next."""
        if self.aims is None:
            self.aims = self._aim()
        saved, target = self.aims
        left = target - self.time
        lands = left <= self.h * (1 + 1e-9)
        dt = np.where(left < 2 * self.h, left / 2, self.h)  # no sliver is left over
        if np.count_nonzero(lands):
            dt = np.where(lands & moving, left, np.where(moving, dt, self.h))
        saves = self.agenda.due(self.steps + 1, lands, target, saved)
        return Ahead(dt, target, lands, saves, backend.asarray(dt[:, None], self.like))

    def _aim(self) -> tuple[np.ndarray, np.ndarray]:
        """When each row saves next, and where its steps end before."""
        saved, stops = self.agenda.targets[np.minimum(self.slot, self.agenda.targets.size - 1)], self.agenda.stops
        return saved, np.minimum(np.minimum(saved, self.agenda.t1), stops[stops.searchsorted(self.time, "right")])

    def moved(self, ahead: Ahead, accepted: np.ndarray) -> None:
        """Let the rows that are accepted go on by their steps."""
        there = self.time + ahead.dt
        if np.count_nonzero(ahead.lands):
            there, self.aims = np.where(ahead.lands, ahead.target, there), None
        self.time = np.where(accepted, there, self.time)
        self.steps = self.steps + accepted

    def note(self, which: np.ndarray, on: bool = True) -> np.ndarray:
        """The slots under which to save some rows; their next save goes `on` to the one after it."""
        slots = self.slot[which]
        if on:
            self.slot, self.aims = np.where(which, self.slot + 1, self.slot), None
        return slots

    def times(self, length: int) -> None:
        """Nothing: they are saved by row."""

    def keep(self, chosen: np.ndarray) -> None:
        """Go on with some of the rows."""
        self.h, self.eager = self.h[chosen], self.eager[chosen]
        self.time, self.slot, self.steps = self.time[chosen], self.slot[chosen], self.steps[chosen]
        self.aims = None

    def thin(self) -> None:
        """Forget every second slot."""
        self.slot, self.aims = (self.slot + 1) // 2, None

    def judge(
        self, error: np.ndarray, bad: np.ndarray, moving: np.ndarray, dt: np.ndarray, rows: np.ndarray
    ) -> Verdict:
        """Which rows to accept, and which can go on no more; `bad` steps raised the energy or are not finite."""
        error = own = np.where(np.isfinite(error), error, np.inf)
        blame, hurt = bad, np.count_nonzero(bad)
        if self.share and moving.any():
            error = np.where(moving, error[moving].max(), error)
            bad = np.where(moving, bad[moving].any(), bad)
        tolerated = error <= 1
        accepted = moving & tolerated
        factor = SAFETY * np.maximum(error, 1e-10) ** (-1 / self.method.error_order)
        factor = np.minimum(np.maximum(factor, SHRINK), np.where(self.eager, GROW, 1.0))
        if hurt:
            accepted, factor = accepted & ~bad, np.where(bad & tolerated, 0.5, factor)
        short = moving & ~accepted
        refused = np.count_nonzero(short)
        if refused:  # again: the error does not fall as its order says
            factor = np.where(tolerated | self.eager, factor, SHRINK)
        proposed = np.minimum(dt * factor, self.method.dt)
        # A step cut short by a save time says nothing against the step before it.
        cut = accepted & (dt < self.h)
        if np.count_nonzero(cut):
            proposed = np.where(cut, np.maximum(proposed, self.h * (factor >= 1)), proposed)
        self.h = np.where(moving, proposed, self.h)
        self.eager, self.tried = accepted, self.tried + 1
        if refused:
            short = short & ~(self.h >= 1e-13 * np.maximum(self.span, np.abs(self.time)))
        if self.share and short.any():  # of those that go on nobody knows how they would have fared
            short = short & (blame | (own > 1))
            self.h = np.where(moving & ~short, 1e-3 * self.span, self.h)
        many = moving & (self.steps >= self.method.max_steps) if self.tried > self.method.max_steps else short & False
        if not np.count_nonzero(short | many):
            return Verdict(accepted, {})
        lost = {
            int(k): (self._underflow(k, bool(blame[k]), rows[k]), Result.STEP_UNDERFLOW) for k in np.flatnonzero(short)
        }
        for k in np.flatnonzero(many & ~short):
            message = (
                f"Sample {rows[k]} took {self.steps[k]} steps of {self.method!r} and is at t={self.time[k]:g} of "
                f"{self.agenda.t1:g} with dt={self.h[k]:.3g}. {self.method.remedy}"
            )
            lost[int(k)] = message, Result.TOO_MANY_STEPS
        return Verdict(accepted, lost)

    def _underflow(self, k: Any, bad: bool, row: Any) -> str:
        why = "its energy rose or its square overflowed" if bad else "its error stayed above the tolerance"
        return (
            f"In sample {row} the step of {self.method!r} fell to {self.h[k]:.3g} at t={self.time[k]:g} after "
            f"{self.steps[k]} steps: {why}. The state may be running away, or the tolerances lie below the reach of "
            "the dtype."
        )


def _first_step(method: Integrator, flow: Flow, point: Point, most: float) -> Array:
    """A first step, no longer than `most`, from the velocity and its change.

    Over a step h_0 the velocity moves the state by about a hundredth of its size, in units of the tolerances. Its
    change on that way gives the rate r = \\|x''\\|/\\|x'\\|, and the term of order q of what moves so, a = \\|x'\\|/r
    times an exponential of rate r, is a (r h)^q/q!: h is where that is a tenth, from h_0 to 100 h_0 (as Hairer,
    Norsett & Wanner 1993, II.4, but the same in any unit of time). It is not less, since where fast populations follow
    slow ones x'' is large for no longer than their tau, over which methods that are made for them step.
    """
    states, velocity = point.states, flow.velocity(point)
    xp = backend.namespace(*states.values())
    zeros = {name: xp.zeros_like(x) for name, x in states.items()}
    size, speed = error_norm(method, states, states, zeros), error_norm(method, velocity, states, zeros)
    one = xp.ones_like(size)
    short = 0.01 * xp.maximum(size, one) / xp.where(speed > 0, speed, one)
    short = xp.where((speed > 0) & (short < most), short, most * one)
    there = flow.velocity(flow.at({name: x + short[:, None] * velocity[name] for name, x in states.items()}))
    change = error_norm(method, {name: v - velocity[name] for name, v in there.items()}, states, zeros) / short
    rate = change / xp.where(speed > 0, speed, one)
    bends = (speed > 0) & (rate > 0)
    rate, speed = xp.where(bends, rate, one), xp.where(bends, speed, one)
    order = method.error_order
    guess = xp.where(bends, (math.gamma(order + 1) / 10 * rate / speed) ** (1 / order) / rate, 100 * short)
    return xp.where(
        (guess > short) & xp.isfinite(change), xp.minimum(xp.minimum(guess, 100 * short), most * one), short
    )
