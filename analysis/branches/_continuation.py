"""Branches of fixed points in a parameter, followed through folds and switched at pitchforks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked, quiet
from .. import _declared as declared
from ..flow import one_thread
from ..results import Budget
from ._bifurcation import Bifurcation, locate
from ._branches import Branch, Branches
from ._family import Family, correct, family_of, spectrum, tangent
from ._seeds import seeds

APART = 160  # times Family.apart: how near to a branch a point lies on it, since it is known less well near a fold


@quiet
@checked(**declared.CONTINUE_FIXED_POINTS)
def continue_fixed_points(
    model: Any | Callable[[float], Any],
    parameter: str = "beta",
    start: float = 0.5,
    stop: float = 5.0,
    *,
    queries: Any = None,
    step: float = 0.05,
    points: int = 400,
    branches: int = 64,
    switch: bool = True,
    seed: int = 0,
    seconds: float | None = None,
    progress: bool = False,
) -> Branches:
    r"""Follow the fixed points of a model while a parameter changes, through folds, and switch where branches cross.

    Steps go along the arc length of the curve F(x; p) = 0 (pseudo-arclength, Keller 1977): a tangent step, then
    Newton's method on the bordered system in the plane across it; so a fold is a point like any other. Where the
    number of growing modes changes, the bifurcation is located (see `locate`), and the branches that cross there are
    followed too. Branches begin at the fixed points found at both ends of the range. A step to where there is no model,
    such as to beta <= 0, is shortened. Where fixed points form rays (cosine with leak 0) one of each is followed, of
    the patterns' length.

    Parameters
    ----------
    model : model, or callable
        A model whose setting `parameter` is varied, or a function from the parameter to a model, Network or Field:
        the weight of a pattern, a bias, a temperature.
    parameter : str
        The name of the setting; for a callable the name on plots.
    start, stop : float
        The range, start < stop.
    queries : array (..., I), optional
        Activations to begin with, at `start` and at `stop`: at the fixed point beside each, else at the one that the
        flow leads to; a census at both if not given.
    step : float
        The longest step, in units of the pattern scale (of the state, where that is more) and of the range.
    points : int
        The most points of a branch.
    branches : int
        The most branches.
    switch : bool
        Whether crossing branches are followed.
    seed : int
        Of the census and of directions at points where several modes are critical.
    seconds : float, optional
        Of wall time, after which nothing new is begun. What was found by then is returned, as after Ctrl-C, and
        `skipped` says what was not looked for.
    progress : bool
        Show a bar, if standard error is a terminal.

    Returns
    -------
    Branches
        Branches with their bifurcations; print it, or draw it with `plot_bifurcation`.

    References
    ----------
    Keller 1977, "Numerical solution of bifurcation and nonlinear eigenvalue problems". Govaerts 2000,
    doi:10.1137/1.9780898719543.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> print(continue_fixed_points(ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]])), "beta", 0.5, 2.0))
    2 branches of fixed points, beta from 0.5 to 2
    pitchfork      at beta = 1
    >>> def weighted(p):
    ...     return ModernHopfield(np.array([[1.0, 0.0], [0.0, p]]), beta=4.0)
    >>> print(continue_fixed_points(weighted, "weight", 0.3, 1.5))
    2 branches of fixed points, weight from 0.3 to 1.5
    fold           at weight = 0.8257125983
    """
    low, high = float(start), float(stop)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"start must be below stop and both finite, got start={start!r} and stop={stop!r}.")
    if not 0 < step <= 0.5 or points < 2 or branches < 1:
        raise ValueError(f"step must be in (0, 0.5], points >= 2, branches >= 1, got {step}, {points}, {branches}.")
    family = family_of(model, parameter, low, high)
    with Budget(seconds, progress) as budget:
        tracer = _Tracer(family, step, points, seed, budget)
        found: list[Branch] = []
        with budget.trying("the branch that was being followed"):
            todo: list[Any] = []
            for end in budget.each("ends of the range", (low, high)):
                todo += [(z, None) for z in seeds(family, end, queries, seed, parameter, tracer.notes, budget)]
            with budget.bar("branches") as tick:
                while todo and len(found) < branches and not budget.spent:
                    z, direction = todo.pop(0)
                    if any(_on(family, branch, z) for branch in found):
                        continue
                    with one_thread(family.size):
                        branch, crossing = tracer.trace(z, direction)
                    found.append(branch)
                    todo += crossing if switch else []
                    tick(len(found))
            left = sum(not any(_on(family, branch, z) for branch in found) for z, _ in todo)
            if left and budget.spent:
                budget.skip(f"{left} more branches that begin at known points")
            elif left:
                tracer.notes.append(f"{left} more branches were not followed: branches={branches} is the limit.")
        notes, skipped = tuple(dict.fromkeys(tracer.notes)), tuple(budget.skipped)
        made = Branches(parameter, (low, high), tuple(found), notes, family.unit, budget.stopped, skipped)
        return made.of(family)


def _on(family: Family, branch: Branch, z: np.ndarray) -> bool:
    """Whether a point lies on a branch: in the plane through it across a segment, Newton's method leads to it."""
    points = np.column_stack([branch.coordinates / family.unit, branch.parameter / family.span])
    steps = np.diff(points, axis=0)
    length = np.linalg.norm(steps, axis=-1)
    part = ((z - points[:-1]) * steps).sum(-1) / np.where(length > 0, length, 1.0) ** 2
    foot = points[:-1] + np.clip(part, 0, 1)[:, None] * steps
    gap = np.linalg.norm(z - foot, axis=-1)
    for k in np.argsort(gap)[:3]:
        if gap[k] > 0.5 * length[k] + 10 * APART * family.apart or length[k] == 0:
            continue
        along = steps[k] / length[k]
        there = correct(family, z + ((foot[k] - z) - ((foot[k] - z) @ along) * along), along)
        if there.converged and np.linalg.norm(there.z - z) <= APART * family.apart:
            return True
    return False


class _Tracer:
    """Follows one branch after another in a family."""

    def __init__(self, family: Family, step: float, points: int, seed: int, budget: Budget) -> None:
        self.budget = budget
        self.family, self.step, self.points, self.seed = family, step, points, seed
        self.notes: list[str] = []
        self.known: dict[bytes, tuple[int, float]] = {}
        self.critical: dict[bytes, int] = {}  # the index that a bifurcation counts with: that of its calmer side
        patterns = family.field(family.low).patterns
        plain = patterns is not None and patterns.shape[1] == family.size
        self.directions = backend.to_numpy(patterns).astype(float) if plain else None

    def trace(self, z: np.ndarray, direction: np.ndarray | None) -> tuple[Branch, list[Any]]:
        """The branch through z, both ways (one way first from a crossing), and starts of crossing branches."""
        up = np.append(np.zeros(self.family.size), 1.0)
        direction = up if direction is None else direction
        ahead = self._run(z, direction)
        closed = ahead[3]
        behind = ([], [], [], False) if closed else self._run(z, -direction)
        zs = [*behind[0][::-1], z, *ahead[0]]
        events = [*(e.reversed() for e in behind[1][::-1]), *ahead[1]]
        family = self.family
        spectra = [self._spectrum(point) for point in zs]
        x = np.stack([point[:-1] for point in zs]) * family.scale
        p = np.array([point[-1] for point in zs]) * family.span
        energy = [float(family.flow(v).energy(s[None])[0]) for v, s in zip(p, x, strict=True)]
        growth = [rate for _, rate in spectra]
        branch = Branch(
            p,
            x * family.length,
            np.array(energy),
            np.array([self.critical.get(z.tobytes(), index) for z, (index, _) in zip(zs, spectra, strict=True)]),
            np.array([family.growth(rate) for rate in growth]),
            tuple(events),
            family.basis,
        )
        return branch, [*ahead[2], *behind[2]]

    def _spectrum(self, z: np.ndarray) -> tuple[int, float]:
        """The index at a point, and its largest growth rate in units of 1/clock, computed once."""
        key = z.tobytes()
        if key not in self.known:
            found = spectrum(self.family, z)
            self.known[key] = found.index, float(found.values[0].real) if len(found.values) else -np.inf
        return self.known[key]

    def _run(self, z: np.ndarray, direction: np.ndarray) -> tuple[list[np.ndarray], list[Bifurcation], list[Any], bool]:
        """Points after z along the branch in one direction, the bifurcations passed, starts of others, closed."""
        family, begin = self.family, z
        zs: list[np.ndarray] = []
        events: list[Bifurcation] = []
        starts: list[Any] = []
        t = tangent(family, z, direction)
        t = t if t @ direction >= 0 else -t
        low, high = family.low / family.span, family.high / family.span
        length, index = self.step / 4, self._spectrum(z)[0]
        while len(zs) < self.points:
            if self.budget.spent:
                self.budget.skip(f"the rest of a branch from {z[-1] * family.span:.6g} on")
                break
            edge = high if t[-1] > 0 else low
            if abs(edge - z[-1]) < 1e-9 and zs:
                break
            if abs(edge - z[-1]) < 1e-9 and (edge - z[-1]) * t[-1] <= 0 and abs(t[-1]) > 1e-6:
                break
            new = correct(family, z + length * t, t)
            turn = tangent(family, new.z, t, new.force) if new.converged else t
            if not new.converged or turn @ t < 0.98 or np.linalg.norm(new.z - z) > 1.5 * length:
                length /= 2
                if length < 1e-6:
                    p = z[-1] * family.span
                    why = new.reason or "no step of Newton's method led on."
                    self.notes.append(f"A branch was lost near {p:.6g}: {why}")
                    break
                continue
            leaves = not low <= new.z[-1] <= high
            if leaves:
                last = self._edge(z, new.z, low if new.z[-1] < low else high)
                if last is None:
                    length /= 2
                    if length < 1e-6:
                        break
                    continue
                new = new._replace(z=last)
            after = self._spectrum(new.z)[0]
            if t[-1] * turn[-1] < 0 and (after - index) % 2 == 0 and length > self.step / 32:
                length /= 4  # a fold changes the index: the step went over the gap beside a broken pitchfork
                continue
            if after != index:
                chord = new.z - z
                turned = t[-1] * turn[-1] < 0
                crossing = locate(
                    family, z, t, float(chord @ t), (index, after), turned, directions=self.directions, seed=self.seed
                )
                if crossing is None and length > 1e-5:  # perhaps the step went to another branch nearby
                    length /= 4
                    continue
                if crossing is None:
                    p = (z[-1] + new.z[-1]) / 2 * family.span
                    self.notes.append(f"The index changes from {index} to {after} near {p:.6g}, not located.")
                else:
                    events.append(crossing.event)
                    starts += crossing.starts
                    critical = crossing.event.coordinates / family.unit
                    zs.append(np.append(critical, crossing.event.parameter / family.span))
                    self.critical[zs[-1].tobytes()] = min(index, after)
            zs.append(new.z)
            if leaves:
                break
            if len(zs) > 5 and np.linalg.norm(new.z - begin) < length and turn @ direction > 0:
                zs.append(begin)
                return zs, events, starts, True
            z, t, index = new.z, turn, after
            longest = self.step * max(1.0, float(np.linalg.norm(z[:-1])))
            length = min(longest, length * (1.4 if new.steps <= 4 else 1.0))
        else:
            self.notes.append(f"A branch was cut after points={self.points}.")
        return zs, events, starts, False

    def _edge(self, z: np.ndarray, beyond: np.ndarray, edge: float) -> np.ndarray | None:
        """The point of the branch at the edge of the range."""
        part = (edge - z[-1]) / (beyond[-1] - z[-1])
        guess = z + part * (beyond - z)
        guess[-1] = edge
        found = correct(self.family, guess, np.append(np.zeros(self.family.size), 1.0))
        return found.z if found.converged else None
