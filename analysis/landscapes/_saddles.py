"""Saddles of index 1: climbing to them from a minimum, proving what they are, and the two minima that each joins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..flow import Flow, contraction_rate, leading_few, leading_modes, polish, spectrum
from ..results import Budget
from ._ways import ways_down

SOME = 256  # candidates that Newton's method takes together
LOOK = 32  # of these between two looks at the clock
CLEAR = 1e-6  # of the largest rate: eigenvalues of which none is smaller leave no doubt about an index
LEFT = "what became of some candidates for saddles"


class Passes(NamedTuple):
    """Saddles of index 1.

    Attributes
    ----------
    state : array (S, D)
        Where they are, to Newton's accuracy.
    residual : array (S,)
        \\|tau x'\\| there.
    rate : array (S, 2)
        The two largest eigenvalues of the flow's Jacobian: one positive, one not (-inf where there is one alone).
    mode : array (S, D)
        The unit direction that grows.

    Examples
    --------
    >>> Passes._fields
    ('state', 'residual', 'rate', 'mode')
    """

    state: np.ndarray
    residual: np.ndarray
    rate: np.ndarray
    mode: np.ndarray


def passes(flow: Flow, x: np.ndarray, *, known: np.ndarray | None = None, budget: Budget | None = None) -> Passes:
    """Polish candidates (B, D) by Newton's method, and keep those that are saddles of index 1 (`spectrum`), each once.

    Parameters
    ----------
    flow : Flow
        The velocity.
    x : array (B, D)
        Candidates, such as the tops of strings.
    known : array (K, D), optional
        Saddles that need not be found again.
    budget : Budget, optional
        Which ends the search.

    Examples
    --------
    >>> from hopfield.analysis.flow import flow_of
    >>> from hopfield.models import ModernHopfield
    >>> flow = flow_of(ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]]), beta=2.0))
    >>> passes(flow, np.array([[0.2, 0.1], [-0.1, 0.0], [0.9, 0.0]])).rate
    array([[ 1., -1.]])
    """
    x = np.asarray(x, dtype=float).reshape(-1, flow.size)
    if not len(x):
        return Passes(x, np.zeros(0), np.zeros((0, 2)), x)
    states, residuals, rates, modes = [], [], [], []
    seen = np.zeros((0, flow.size)) if known is None else np.asarray(known, dtype=float)
    for points, residual in _zeros(flow, x, budget or Budget()):
        new = _unlike(flow, seen, points)
        points, residual = points[new], residual[new]
        seen = np.concatenate([seen, points])
        for first in range(0, len(points), LOOK):
            if budget is not None and budget.spent:
                budget.skip(LEFT)
                break
            some = slice(first, first + LOOK)
            one, rate, mode = _growing(flow, points[some])
            states.append(points[some][one])
            residuals.append(residual[some][one])
            rates.append(rate / flow.clock)
            modes.append(mode)
    nothing = np.zeros((0, flow.size))
    return Passes(
        np.concatenate([*states, nothing]),
        np.concatenate([*residuals, nothing[:, 0]]),
        np.concatenate([*rates, np.zeros((0, 2))]),
        np.concatenate([*modes, nothing]),
    )


def _growing(flow: Flow, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which zeros (B, D) are saddles of index 1, the two largest eigenvalues of J there, and the unit mode that grows.

    Where few patterns take part both are known at once, and if neither is near 0 nothing else needs to be looked at.
    """
    values, mode, known = leading_few(flow.field, x, 2)
    values = flow.clock * values
    margin = CLEAR * np.maximum(1.0, np.abs(values).max(axis=1))
    clear = known & (np.abs(values) > margin[:, None]).all(axis=1)
    one = clear & (values[:, 0] > 0) & (values[:, 1] < 0)
    rest = np.flatnonzero(~clear)
    if len(rest):
        kind = spectrum(flow.field, x[rest], 2)
        one[rest] = (kind.index == 1) & ~kind.marginal
    for row in rest[one[rest]]:
        leading = leading_modes(flow, x[row], 2)
        values[row] = np.append(leading.values.real, -np.inf)[:2]
        mode[row] = leading.vectors[:, 0].real / np.linalg.norm(leading.vectors[:, 0].real)
    mode = mode[one]
    sign = np.sign(mode[np.arange(len(mode)), np.abs(mode).argmax(axis=1)])
    return one, values[one], mode * sign[:, None]


def _unlike(flow: Flow, seen: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Rows of zeros (B, D) that are neither among those seen (K, D) nor the same as an earlier one of them."""
    points = np.concatenate([seen, x])
    near = _near(flow, x, points)
    new: list[int] = []
    for row in range(len(x)):
        others = np.flatnonzero(near[row, : len(seen) + row])
        others = others[(others < len(seen)) | np.isin(others - len(seen), new)]
        if not len(others) or not flow.field.same(points[others], x[row]).any():
            new.append(row)
    return np.array(new, dtype=int)


def _near(flow: Flow, x: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which of the points (K, D) may be the same as each of x (B, D), by squares: all that are, and few others."""
    sizes = np.sum(x * x, axis=1)[:, None] + np.sum(points * points, axis=1)
    reach = np.maximum(flow.field.apart**2, (1000 * flow.epsilon) ** 2 * sizes)
    return np.asarray(sizes - 2 * (x @ points.T) <= reach + 64 * np.finfo(float).eps * sizes)


def _zeros(flow: Flow, x: np.ndarray, budget: Budget) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The zeros that Newton's method leads to from candidates (B, D), and their residuals."""
    for at in budget.each("candidates for saddles", range(0, len(x), SOME), LEFT):
        found = polish(flow.field, x[at : at + SOME])
        places = flow.canonical(found.x.astype(float))
        yield places[found.converged], found.residual[found.converged].astype(float)


def climb(
    flow: Flow,
    minima: np.ndarray,
    *,
    modes: int = 1,
    stride: float = 0.03,
    steps: int = 400,
    seed: int = 0,
    budget: Budget | None = None,
) -> np.ndarray:
    r"""Climb from minima along their softest modes until the energy curves down along the mode that is followed.

    Each state moves uphill along its softest mode w and downhill in all other directions,

        x' = F - (F.w) w + uphill w,

    with w kept by power iteration on J as the state moves; once the curvature -w.J w is negative, the step along w
    is Newton's. That is the minimum-mode method (dimer, gentlest ascent). Where it ends is a candidate, to be judged
    by `passes`.

    Parameters
    ----------
    flow : Flow
        With a symmetric Jacobian.
    minima : array (K, D)
        Where to begin.
    modes : int
        How many of the softest modes are tried, each in both directions.
    stride : float
        The longest step, in units of the scale.
    steps : int
        The most steps.
    seed : int
        Of the vectors that eigenvalue iterations begin with.

    Returns
    -------
    array (2 modes K, D)
        The candidates.

    References
    ----------
    Henkelman & Jonsson 1999, J. Chem. Phys. 111, 7010, doi:10.1063/1.480097; E & Zhou 2011, Nonlinearity 24, 1831,
    doi:10.1088/0951-7715/24/6/008.

    Examples
    --------
    >>> from hopfield.analysis.flow import flow_of
    >>> from hopfield.models import ModernHopfield
    >>> flow = flow_of(ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]]), beta=2.0))
    >>> ends = climb(flow, np.array([[0.957504, 0.0]]))
    >>> bool(np.abs(ends).max(-1).min() < 1e-3)
    True
    """
    if not flow.symmetric:
        raise ValueError("Climbing along modes needs a symmetric Jacobian, that of a flow downhill, x' = -dE/dx.")
    begin, ways = [], []
    budget = budget or Budget()
    for x in budget.each("minima to climb from", np.asarray(minima, dtype=float)):
        soft = leading_modes(flow, x, modes, seed).vectors
        for w in soft.T:
            begin += [x, x]
            ways += [w, -w]
    if not begin:
        return np.zeros((0, flow.size))
    x, w = np.stack(begin), np.stack(ways)
    heading, shift = w.copy(), contraction_rate(flow, x, seed=seed)
    dt, longest = 1.0 / shift, stride * flow.scale
    x = flow.canonical(x + longest * w)
    home = np.stack(begin)
    for count in budget.each("steps uphill", range(steps), "saddles above some minima"):
        if count % 50 == 0 and count:
            shift = max(shift, contraction_rate(flow, x, seed=seed))
            dt = 1.0 / shift
        for _ in range(3):
            turned = w + flow.product(x, w) / shift
            w = turned / np.linalg.norm(turned, axis=-1, keepdims=True).clip(1e-300)
        bend = (w * flow.product(x, w)).sum(-1)  # > 0 where the energy curves down along w
        w = w * np.where((w * heading).sum(-1, keepdims=True) < 0, -1.0, 1.0)
        heading = w
        force = flow.velocity(x)
        along = (force * w).sum(-1)
        up = np.where(bend > 0, np.clip(-along / np.where(bend > 0, bend, 1.0), -longest, longest), longest)
        down = dt * (force - along[:, None] * w)
        length = np.linalg.norm(down, axis=-1, keepdims=True)
        move = down * np.minimum(1.0, longest / np.maximum(length, 1e-300)) + up[:, None] * w
        gone = np.linalg.norm(x - home, axis=-1) > 100 * flow.scale
        move[gone] = 0.0
        x = flow.canonical(x + move)
        if np.linalg.norm(move, axis=-1).max() <= 1e-4 * flow.scale:
            break
    return x


class Ends(NamedTuple):
    """Where the two sides of each saddle flow to.

    Attributes
    ----------
    joins : int array (S, 2)
        Rows of `minima`, -1 where a side did not arrive.
    minima : array (K, D)
        The minima given, and below them those that were met.
    arc : array (S, 2, n)
        The distance from the saddle along the way down, each side.
    energy : array (S, 2, n)
        The energy there. The last stretch, on which every mode shrinks, is straight.

    Examples
    --------
    >>> Ends._fields
    ('joins', 'minima', 'arc', 'energy')
    """

    joins: np.ndarray
    minima: np.ndarray
    arc: np.ndarray
    energy: np.ndarray


def join(
    flow: Flow,
    saddles: Passes,
    minima: np.ndarray,
    *,
    push: float = 1e-3,
    looks: int = 33,
    budget: Budget | None = None,
) -> Ends:
    r"""From each saddle go x* + push w and x* - push w, and follow the flow to the minima that it joins.

    Parameters
    ----------
    flow : Flow
        The velocity.
    saddles : Passes
        The saddles and the modes that grow.
    minima : array (K, D)
        Known minima, at which every mode shrinks; others that are met are added below them.
    push : float
        In units of the scale.
    looks : int
        Points kept of each way down.
    budget : Budget, optional
        Where it ends, sides have not arrived.

    Examples
    --------
    >>> from hopfield.analysis.flow import flow_of
    >>> from hopfield.models import ModernHopfield
    >>> flow = flow_of(ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]]), beta=2.0))
    >>> found = join(flow, passes(flow, np.array([[0.01, 0.0]])), np.array([[0.957504024077, 0.0]]))
    >>> sorted(found.joins[0].tolist()), found.minima.round(6)
    ([0, 1], array([[ 0.957504,  0.      ],
           [-0.957504,  0.      ]]))
    """
    count = len(saddles.state)
    minima = np.asarray(minima, dtype=float).reshape(-1, flow.size)
    arc, energy = np.zeros((count, 2, looks)), np.zeros((count, 2, looks))
    joins = np.full((count, 2), -1)
    if not count:
        return Ends(joins, minima, arc, energy)
    budget = budget or Budget()
    for rows, way in ways_down(flow, saddles.state, saddles.mode, minima, push, looks, budget):
        arc[rows], energy[rows], joins[rows] = way.arc, way.energy, way.row
        for k, side in np.argwhere(way.converged & (way.row < 0)):
            row, end = rows[k], way.state[k, side]
            one = np.flatnonzero(flow.field.same(minima, end))
            if len(one):
                distance = np.linalg.norm(minima[one] - end, axis=-1)
                joins[row, side] = int(one[distance.argmin()])
            else:
                joins[row, side] = len(minima)
                minima = np.concatenate([minima, end[None]])
    return Ends(joins, minima, arc, energy)
