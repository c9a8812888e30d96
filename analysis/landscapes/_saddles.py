"""Saddles of index 1: climbing to them from a minimum, proving what they are, and the two minima that each joins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..flow import Flow, contraction_rate, descend, leading_modes, polish, spectrum
from ..results import Budget

SOME = 256  # candidates between two looks at the clock
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
    for point, residual in _zeros(flow, x, budget or Budget()):
        if len(seen) and flow.field.same(seen, point).any():
            continue
        seen = np.concatenate([seen, point[None]])
        kind = spectrum(flow.field, point[None], 2)
        if kind.index[0] == 1 and not kind.marginal[0]:
            leading = leading_modes(flow, point, 2)
            states.append(point)
            residuals.append(residual)
            rates.append(np.append(leading.values.real, -np.inf)[:2] / flow.clock)
            modes.append(leading.vectors[:, 0].real / np.linalg.norm(leading.vectors[:, 0].real))
    shape = (len(states), flow.size)
    return Passes(
        np.reshape(states, shape),
        np.array(residuals, dtype=float),
        np.reshape(np.array(rates, dtype=float), (-1, 2)),
        np.reshape(modes, shape),
    )


def _zeros(flow: Flow, x: np.ndarray, budget: Budget) -> Iterator[tuple[np.ndarray, float]]:
    """The zeros that Newton's method leads to from candidates (B, D), and their residuals."""
    for at in budget.each("candidates for saddles", range(0, len(x), SOME), LEFT):
        found = polish(flow.field, x[at : at + SOME])
        places = flow.canonical(found.x.astype(float))
        for row in np.flatnonzero(found.converged):
            if budget.spent:
                budget.skip(LEFT)
                return
            yield places[row], float(found.residual[row])


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
    step = push * flow.scale * saddles.mode
    chunk = max(1, 2**22 // flow.size // 200)  # the way down is kept for a moment
    budget = budget or Budget()
    for k in budget.each("batches of saddles to go down from", range(0, count, chunk)):
        rows = slice(k, k + chunk)
        pair = np.concatenate([saddles.state[rows] + step[rows], saddles.state[rows] - step[rows]])
        way = descend(flow, pair, keep=True, budget=budget, known=minima)
        assert way.path is not None
        ends = flow.canonical(way.state)
        size = len(pair) // 2
        for j in range(len(pair)):
            row, side = k + j % size, j // size
            path = np.concatenate([saddles.state[row][None], way.path[:, j]])
            length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=-1))])
            arc[row, side] = np.linspace(0.0, length[-1], looks)
            left = np.clip(np.searchsorted(length, arc[row, side], side="right") - 1, 0, len(path) - 2)
            gap = length[left + 1] - length[left]
            part = np.clip((arc[row, side] - length[left]) / np.where(gap > 0, gap, 1.0), 0, 1)[:, None]
            energy[row, side] = flow.energy(path[left] + part * (path[left + 1] - path[left]))
            if not way.converged[j]:
                continue
            one = np.flatnonzero(flow.field.same(minima, ends[j]))
            if len(one):
                distance = np.linalg.norm(minima[one] - ends[j], axis=-1)
                joins[row, side] = int(one[distance.argmin()])
            else:
                joins[row, side] = len(minima)
                minima = np.concatenate([minima, ends[j][None]])
    return Ends(joins, minima, arc, energy)
