r"""Where states flow to: steps until each is in a neighbourhood from which only one fixed point is reached.

A state is never labelled because it is slow: slow passage near a saddle lasts ln(1/distance)/(rate), as long as one
likes. It is labelled with the stable fixed point a when one of these holds, and goes on flowing otherwise:

- softmax with dot or euclidean: it lies within `trapping_radii` of a (a theorem);
- softmax with manhattan: the weight of a memory exceeds 1/2 (every coordinate then moves to that memory, its
  weight grows, and it is reached exactly); max: a memory that wins at the state wins at itself and so on the way;
- otherwise: the flow is that of the linearisation at a, \|F(x) - J(a)(x - a)\| <= \|F(x)\|/10 at the state x and half
  way to a, where every eigenvalue of J(a) has a negative real part.

Steps with a relative tolerance displace the boundary between two basins by a few times that of the scale: a cue as near
to it may get the label of the other side. `benchmarks/labels.py` finds none among 300 cues in each of 51 networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.simulation import Moment, Result
from ...models.family import rule_of
from ..flow import Field
from ..results import Budget
from ._certificates import contraction_radii, no_theorem, trapping_radii
from ._motion import Motion, residuals, speeds
from ._representatives import representatives

STILL = 2e-10  # a speed, in units of a typical one, at which rounding decides where a state at a saddle goes
HUGE = 1e8  # times a typical speed, or that of a start from far out: one beyond it, outward, is a runaway's
FAR = 1e3  # times the scale: a state that could not go on, so far out, has run away too
QUIET = 0.01  # contraction of the update within which the rest of the way is an exponential
LINEAR = 0.1  # the part of F(x) that may differ from the linearisation
SLOW, AGAIN = 0.02, 0.8  # a speed at which the linearisation is asked, and its fall until it is asked again


def _kind(memory: Any) -> str:
    """Which of the reasons in the module a model's labels have."""
    rule = rule_of(memory)
    if rule is None:
        return "linear"
    metric, law = rule.similarity.metric, rule.separation.law
    if not no_theorem(memory):
        return "winner" if law == "max" else "weight" if metric == "blocks" else "ball"
    # With cosine the state turns to the winner along an arc; scores there are positive sums of those at its ends.
    plain = rule.leak == 0 and memory.projection is None and not backend.to_numpy(memory.bias).any()
    return "winner" if metric == "angle" and law == "max" and plain else "linear"


class Verdict(NamedTuple):
    """Labels (B,), whether states are beside an unstable point, whether they are `QUIET`, and patterns to look for."""

    label: np.ndarray
    beside: np.ndarray
    quiet: np.ndarray
    missing: np.ndarray


@dataclass
class Table:
    """The fixed points known so far, as states (K, D) of a field, and which of them attract.

    With `rays` every fixed point is one of a ray (cosine with leak 0), and the value neurons' part is of length 1.
    Populations of other sizes are compared after their coordinates were multiplied by `weight` (D,).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.array([[1.0, 1.0], [-1.0, -1.0]]), beta=2.0)
    >>> point = memory.retrieve(np.ones(2), tol=1e-14).state
    >>> table = Table(field(memory), np.stack([point, -point, 0 * point]), np.array([True, True, False]))
    >>> table.judge(np.array([[0.9, 0.7], [0.1, -0.1]]), np.array([1.0, 0.1]))
    array([ 0, -2])
    """

    flow: Field
    points: np.ndarray
    stable: np.ndarray
    rays: bool = False
    weight: np.ndarray | None = None
    radius: np.ndarray = field(init=False)
    quiet: np.ndarray = field(init=False)
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        memory = self.flow.memory
        self.kind = _kind(memory)
        points, stable = self.points, self.stable
        self.points, self.stable, self.radius, self.quiet = points[:0], stable[:0], np.zeros(0), np.zeros(0)
        self._rows: np.ndarray | None = None
        self._wins = np.zeros(0, dtype=bool)
        if self.kind in ("weight", "winner"):
            own = backend.to_numpy(memory.scores(memory.memories))
            self._wins = own.argmax(axis=-1) == np.arange(len(own))
        self.extend(points, stable)

    def extend(self, points: np.ndarray, stable: np.ndarray) -> None:
        """Add fixed points (K, D)."""
        radius, quiet = np.zeros((2, len(points)))
        if self.kind == "ball" and stable.any():
            radius[stable] = trapping_radii(self.flow.memory, points[stable])
            quiet[stable] = contraction_radii(self.flow.memory, points[stable], QUIET)
        self.points = np.concatenate([self.points, points])
        self.stable = np.concatenate([self.stable, stable.astype(bool)])
        self.radius = np.concatenate([self.radius, radius])
        self.quiet = np.concatenate([self.quiet, quiet])
        if self.kind in ("weight", "winner"):
            self._rows = self._exact_rows()

    def _exact_rows(self) -> np.ndarray:
        """The row of the table at which each stored pattern stands (-2: none)."""
        patterns = backend.to_numpy(self.flow.patterns).astype(float)
        if self.rays:
            patterns = patterns / np.linalg.norm(patterns, axis=1, keepdims=True)
        rows = np.full(len(patterns), -2)
        where = np.flatnonzero(self.stable)
        for k in where[::-1]:
            gap = np.abs(patterns - self.points[k]).max(axis=1)
            rows[gap <= 1e-9 * self.flow.scale] = k
        return rows

    def judge(self, x: Array, speed: np.ndarray) -> np.ndarray:
        """The row of the attractor that each state (B, D) provably reaches; -2 where that is not known."""
        return self.verdict(x, speed).label

    def exact(self, x: Array) -> np.ndarray:
        """The stored pattern that each state (B, D) provably reaches exactly; -1 where that is not known."""
        if self.kind not in ("weight", "winner"):
            return np.full(len(x), -1)
        memory = self.flow.memory
        weights = backend.to_numpy(memory.weights(x))
        best = weights.argmax(axis=-1)
        if self.kind == "weight":
            return np.where(weights[np.arange(len(best)), best] > 0.5, best, -1)
        return np.where(self._wins[best], best, -1)

    def verdict(self, x: Array, speed: np.ndarray, ask: np.ndarray | None = None) -> Verdict:
        """What can be said of states (B, D) with such speeds |tau x'|, and by the linearisation of those to `ask`."""
        x = self._on_sphere(x) if self.rays else x
        label, missing = np.full(len(x), -2), np.zeros(0, dtype=int)
        beside, quiet = np.zeros((2, len(x)), dtype=bool)
        if self._rows is not None:
            best = self.exact(x)
            found = np.unique(best[best >= 0])
            label, missing = np.where(best >= 0, self._rows[best], -2), found[self._rows[found] < 0]
        slow = speed <= SLOW if ask is None else ask & (speed <= SLOW)
        if not len(self.points) or not (self.kind == "ball" or (slow & (label == -2)).any()):
            return Verdict(label, beside, quiet, missing)
        gap = self._distances(x)
        if self.kind == "ball":
            best = np.argmax(np.where(self.stable, self.radius - gap, -np.inf), axis=-1)
            inside = np.flatnonzero(self.stable[best] & (gap[np.arange(len(x)), best] < 1.1 * self.radius[best]))
            if inside.size:
                there = backend.to_numpy(_rows(x, inside)).astype(float)
                exact = np.linalg.norm(there - self.points[best[inside]], axis=-1)
                sure = exact < self.radius[best[inside]]
                label[inside[sure]] = best[inside[sure]]
                quiet[inside] = exact < self.quiet[best[inside]]
        near, left = np.argmin(gap, axis=-1), np.flatnonzero((label == -2) & slow)
        if left.size:
            linear = left[self._linear(_rows(x, left), near[left])]
            label[linear] = np.where(self.stable[near[linear]], near[linear], -2)
            beside[linear] = ~self.stable[near[linear]]
        return Verdict(label, beside, quiet, missing)

    def _on_sphere(self, x: Array) -> Array:
        xp, size = backend.namespace(x), next(iter(self.flow.network.populations.values())).size
        v = x[:, :size]
        length = xp.sqrt(xp.sum(v * v, axis=-1, keepdims=True))
        return xp.concat([v / xp.where(length > 0, length, 1.0), x[:, size:]], axis=-1)

    def _distances(self, x: Array) -> np.ndarray:
        """Distances (B, K) up to rounding of the squares."""
        points = self.points if self.weight is None else self.points * self.weight
        with np.errstate(all="ignore"):  # a state that runs away may be too long for its square
            x = x if self.weight is None else x * self.flow.asarray(self.weight)
            squares = backend.compiled(_squares, x)(None, x, self.flow.asarray(points))
            return np.sqrt(np.maximum(backend.to_numpy(squares).astype(float), 0.0))

    def _linear(self, x: Array, near: np.ndarray) -> np.ndarray:
        flow, weight = self.flow, 1.0 if self.weight is None else self.weight
        if not flow.smooth:
            host = backend.to_numpy(x).astype(float)
            return np.linalg.norm(weight * (host - self.points[near]), axis=-1) <= 1e-6 * flow.scale
        at = self.points[near].astype(backend.to_numpy(x[:0]).dtype)
        gap = backend.to_numpy(x) - at
        slope = backend.to_numpy(flow.jacobian_product(flow.asarray(at), flow.asarray(gap))).astype(float)
        good = np.ones(len(near), dtype=bool)
        for part in (1.0, 0.5):
            true = backend.to_numpy(flow.velocity(flow.asarray((at + part * gap).astype(at.dtype)))).astype(float)
            size = np.linalg.norm(weight * true, axis=-1)
            rounding = 1e3 * backend.epsilon(x) * flow.scale / flow.clock
            good &= np.linalg.norm(weight * (true - part * slope), axis=-1) <= LINEAR * size + rounding
        return good


def _squares(_: None, x: Array, points: Array) -> Array:
    xp = backend.namespace(x)
    return xp.sum(x * x, axis=-1)[:, None] + xp.sum(points * points, axis=-1) - 2 * (x @ points.T)


class Settled(NamedTuple):
    """What became of states (B, D): the last state, row of the table (-1: ran away, -2: not known), and the time."""

    state: np.ndarray
    label: np.ndarray
    time: np.ndarray


def settle(
    motion: Motion,
    x: Array,
    table: Table,
    discover: Callable[[np.ndarray], None] | None = None,
    *,
    t_max: float = 1000.0,
    tol: float = 1e-3,
    timed: bool = True,
    fading: np.ndarray | None = None,
    rate: float = 0.0,
    budget: Budget | None = None,
) -> Settled:
    r"""Let states (B, D) flow until each is known to reach a fixed point of the table, or t_max.

    Parameters
    ----------
    motion : Motion
        What moves, and the steps.
    x : array (B, D)
        The states; finished ones leave the batch.
    table : Table
        Fixed points; `discover` may extend it.
    discover : callable, optional
        Called with slow states (R, D) that no known fixed point explains; it looks for fixed points from there.
    t_max : float
        States not known by then get -2.
    tol : float
        The time is that at which \|tau x'\| falls below tol times a typical one, for the last time; where the update
        contracts by 0.01 it is that of the exponential, which is right to 1 % of the rest of the way.
    timed : bool
        False ends a state as soon as its label is known, with no time.
    fading : array (B,), optional
        A speed outside of x that decays as exp(-rate t); it counts into the speed.
    rate : float
        Of that decay.
    budget : Budget, optional
        States not known when it is spent get -2.

    Returns
    -------
    Settled
        In NumPy.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.dynamics import RungeKutta
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.array([[1.0, 1.0], [-1.0, -1.0]]), beta=2.0)
    >>> point = memory.retrieve(np.ones(2), tol=1e-14).state
    >>> table = Table(field(memory), np.stack([point, -point]), np.array([True, True]))
    >>> motion = Motion(table.flow, RungeKutta(rtol=1e-6), (table.flow.force,))
    >>> found = settle(motion, np.array([[1e-6, 0.0], [-1e-3, 0.0]]), table)
    >>> found.label, found.time.round(1)
    (array([0, 1]), array([11.2,  8.9]))
    """
    count = len(x)
    if not count:
        return Settled(np.zeros((0, motion.flow.size)), np.zeros(0, dtype=int), np.zeros(0))
    if backend.backend_of(x) == "jax":  # few sizes, so that few programs are compiled
        size = 1 << (count - 1).bit_length()
        x = backend.asarray(np.resize(backend.to_numpy(x), (size, x.shape[1])), x)
        fading = None if fading is None else np.resize(fading, size)
    judge = _Judge(motion, table, discover, x, tol, timed, fading, rate, budget or Budget())
    record, failures = motion.follow(x, judge, t_max)
    state = backend.to_numpy(motion.flow.flatten(record.final)).astype(float)
    label, when = judge.label, judge.when
    for k, result in failures.items():  # what grew beyond every number ran away, what only took too long is not known
        far = 1 if result is Result.NOT_FINITE else FAR
        label[k] = -1 if label[k] == -1 or np.linalg.norm(state[k]) > far * motion.flow.scale else -2
    when[label < 0] = np.nan
    return Settled(state[:count], label[:count], when[:count])


class _Judge:
    """The stop condition of `settle`: it asks the table about states as they pass, and keeps labels and times."""

    def __init__(
        self,
        motion: Motion,
        table: Table,
        discover: Callable[[np.ndarray], None] | None,
        x: Array,
        tol: float,
        timed: bool,
        fading: np.ndarray | None,
        rate: float,
        budget: Budget,
    ) -> None:
        self.budget = budget
        self.motion, self.table, self.discover, self.tol, self.timed = motion, table, discover, tol, timed
        self.fading, self.rate = fading, rate
        size = len(x)
        self.label, self.when = np.full(size, -2), np.full(size, np.nan)
        self.trial, self.high = np.full(size, 1e-3), np.full(size, np.inf)  # speed to search at; largest since asked
        self.time = np.zeros(size)
        infinite = np.full(size, np.inf)
        flow = motion.flow
        self.before = infinite if motion.infinite else motion.speed(speeds(flow, x))
        self.huge = HUGE * np.fmax(np.linalg.norm(backend.to_numpy(x).astype(float), axis=-1) / flow.scale, 1.0)

    def __call__(self, moment: Moment) -> np.ndarray:
        """Which rows are done."""
        if self.budget.spent:
            return moment.rows >= 0
        flow = self.motion.flow
        here = np.flatnonzero(moment.rows >= 0)
        rows, time = moment.rows[here], moment.time[here]
        x = flow.flatten(moment.states)
        if self.motion.infinite:
            move = backend.to_numpy(x - flow.flatten(moment.previous)).astype(float)
            speed = np.linalg.norm(move, axis=-1) / flow.scale
        else:
            program = backend.compiled(residuals, x)
            speed = self.motion.speed(program(None, moment.network, moment.states, moment.evaluation))
            if self.fading is not None:
                gone = self.fading[np.maximum(moment.rows, 0)] * np.exp(-self.rate * moment.time)
                speed = np.hypot(speed, gone / self.motion.forces[0])
        self._note_times(rows, time, speed[here])
        lost = self._lost(x, moment, speed)
        fresh = (self.label[np.maximum(moment.rows, 0)] == -2) & (moment.rows >= 0) & ~lost
        open_ = (moment.rows >= 0) & ~lost & (fresh | self.timed)
        quiet = np.zeros(len(speed), dtype=bool)
        if open_.any():
            verdict = self._verdict(x, speed, fresh, moment.rows)
            self.label[moment.rows[fresh]] = verdict.label[fresh]
            known = self.label[np.maximum(moment.rows, 0)] >= 0
            quiet = open_ & verdict.quiet & known & (speed > self.tol) & (not self.motion.infinite)
            self.when[moment.rows[quiet]] = moment.time[quiet] + np.log(speed[quiet] / self.tol) / self.motion.fade
        self.label[moment.rows[lost & (moment.rows >= 0)]] = -1
        still = speed <= max(8 * backend.epsilon(x), STILL)
        arrived = (self.label[np.maximum(moment.rows, 0)] >= 0) & ((speed <= self.tol) | quiet | (not self.timed))
        return (moment.rows >= 0) & (lost | still | arrived)

    def _lost(self, x: Array, moment: Moment, speed: np.ndarray) -> np.ndarray:
        """Which rows have run away: fast, outward, and far; forces may be as strong where a state does not leave."""
        fast = ~(speed < self.huge[np.maximum(moment.rows, 0)])
        if not fast.any():
            return fast
        here = backend.to_numpy(x).astype(float)
        move = here - backend.to_numpy(self.motion.flow.flatten(moment.previous)).astype(float)
        with np.errstate(all="ignore"):  # a state that runs away may be too long for its square
            outward = ~((here * move).sum(axis=-1) <= 0)
        return fast & outward & ~(np.abs(here).max(axis=-1) <= self.motion.flow.scale)

    def _verdict(self, x: Array, speed: np.ndarray, fresh: np.ndarray, rows: np.ndarray) -> Verdict:
        """The table's, after fixed points were looked for from states that none of them explains."""
        flow, every = self.motion.flow, np.maximum(rows, 0)
        high = np.where(speed > SLOW, np.inf, np.fmax(self.high[every], speed))
        ask = fresh & ~(speed > AGAIN * high)  # where a state creeps, not in every step
        self.high[rows[fresh]] = np.where(ask & (speed <= SLOW), speed, high)[fresh]
        verdict = self.table.verdict(x, speed, ask)
        if self.discover is None or not fresh.any():
            return verdict
        stuck = ask & (verdict.label == -2) & ~verdict.beside & (speed <= self.trial[every])
        known = len(self.table.points)
        if verdict.missing.size:
            self.discover(backend.to_numpy(flow.patterns)[verdict.missing])
        if stuck.any():
            self.discover(representatives(backend.to_numpy(_rows(x, np.flatnonzero(stuck))), 1e-2 * flow.scale))
        self.trial[rows[stuck]] = (0.1 if len(self.table.points) > known else 0.01) * speed[stuck]
        return self.table.verdict(x, speed, ask) if verdict.missing.size or stuck.any() else verdict

    def _note_times(self, rows: np.ndarray, time: np.ndarray, speed: np.ndarray) -> None:
        """When the speed crossed tol, by its exponential decay between two looks."""
        before, span = self.before[rows], time - self.time[rows]
        crossed = (speed <= self.tol) & (before > self.tol)
        with np.errstate(all="ignore"):
            part = np.log(before / self.tol) / np.log(before / speed)
        part = np.where(np.isfinite(part) & np.isfinite(before), np.clip(part, 0.0, 1.0), 1.0)
        when = np.where(crossed, time - span * (1 - part), self.when[rows])
        self.when[rows] = np.where(speed > self.tol, np.nan, when)
        self.before[rows], self.time[rows] = speed, time


def _rows(x: Array, where: np.ndarray) -> Array:
    if len(where) == len(x):
        return x
    if backend.backend_of(x) == "jax":  # on the host, where no program is compiled for every length
        return backend.asarray(backend.to_numpy(x)[where], x)
    xp = backend.namespace(x)
    return xp.take(x, xp.asarray(where, device=backend.device(x)), axis=0)
