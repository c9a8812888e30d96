"""The string method in the coordinates of the few patterns that take part on each string."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...dynamics import backend
from ..flow import Flow, Nearby, around, members_of, shares
from ..results import Budget
from ._broken_lines import equal_arcs, tops_between

WEIGHT = 1e-9  # of a pattern that takes part
STRANGE = 1e-6  # what all others may weigh on a string
MOST = 256  # patterns of a string
ROUNDS = 4  # in which patterns are added that a string came near to
TOGETHER = 2**21  # numbers in the columns of one group
LOOKS = 8  # on each segment of a string


def strings_by_few(
    budget: Budget,
    flow: Flow,
    start: np.ndarray,
    end: np.ndarray,
    images: int,
    steps: int,
    tol: float,
    bend: float,
    seed: int,
) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray, int]]]:
    r"""Rows of some pairs of fixed points (P, D), and their strings: path, bound, move and steps, as in `Strings`.

    In `Nearby` the step 1/s of the flow is a -> f(a)/s. Patterns that come to weigh on a string are added and the
    string is relaxed again; where all others weigh more than 1e-6 at last, or there are more than 256, it is left. The
    bound is the energy without the others, which is the higher one. The side to which strings are bent is drawn among
    those that the patterns span.

    Examples
    --------
    >>> from hopfield.analysis.flow import flow_of
    >>> from hopfield.models import ModernHopfield
    >>> rows = np.eye(100)
    >>> flow = flow_of(ModernHopfield(rows, beta=90.0))
    >>> ((_, (path, bound, _, _)),) = strings_by_few(Budget(), flow, rows[:1], rows[1:2], 11, 99, 1e-4, 0.05, 0)
    >>> path[0, 5, :3].round(3), (bound - flow.energy((rows[:1] + rows[1:2]) / 2)).round(3)
    (array([0.5, 0.5, 0. ]), array([0.001]))
    """
    t = np.linspace(0, 1, images)[None, :, None]
    rng = np.random.default_rng(seed)
    straight = start[:, None] + t * (end - start)[:, None]
    taking = np.stack([_weights(flow, path) for path in straight]) > WEIGHT
    most = min(MOST, taking.shape[1])
    order = np.argsort(taking.sum(axis=1), kind="stable")
    order = order[taking.sum(axis=1)[order] <= most]
    while len(order):
        width = int(taking[order[0]].sum())
        fit = np.flatnonzero(taking[order].sum(axis=1) <= max(2 * width, 8))  # of about as many patterns
        fit = fit[: max(1, TOGETHER // (max(2 * width, 8) * flow.size))]
        rows, order = order[fit], np.delete(order, fit)
        begun = _begun(flow, start[rows], end[rows], taking[rows], t, bend, rng)
        if begun is None:
            return
        (near, a), count = begun, 0
        for turn in range(ROUNDS):
            a, moved, used = _relaxed(budget, near, a, steps, tol)
            count = max(count, used)
            path = near.lifted(a)
            f = np.stack([_weights(flow, images) for images in path])
            good = np.where(taking[rows], 0.0, f).sum(axis=1) <= STRANGE
            more = taking[rows] | (f > WEIGHT)
            done = good | (more.sum(axis=1) > most) | (more == taking[rows]).all(axis=1)  # nothing is to be gained
            if done.all() or budget.spent or turn == ROUNDS - 1:
                break
            taking[rows] = more
            near, a = _widened(flow, near, a, more)
        path[:, 0], path[:, -1] = start[rows], end[rows]
        bound = flow.energy(near.base) + _highest(near, a)
        yield rows[good], (path[good], bound[good], moved[good], count)


def _weights(flow: Flow, path: np.ndarray) -> np.ndarray:
    """The most (N,) that each pattern weighs on a path (M, D), at every second image."""
    return shares(flow.field, path[::2].astype(backend.to_numpy(flow.field.like).dtype)).max(axis=0)


def _begun(
    flow: Flow,
    start: np.ndarray,
    end: np.ndarray,
    taking: np.ndarray,
    t: np.ndarray,
    bend: float,
    rng: np.random.Generator,
) -> tuple[Nearby, np.ndarray] | None:
    """The small flows of the patterns of each string, and bent strings between fixed points."""
    members, inside = members_of(taking, int(taking.sum(axis=1).max()))
    near = around(flow.field, (start + end) / 2, members, inside)
    if near is None:
        return None
    ends = near.shares(flow.field, np.stack([start, end], axis=1)) / near.shift
    first, last = ends[:, 0], ends[:, 1]
    along = (last - first)[:, None]
    side = np.where(inside, rng.normal(size=inside.shape), 0.0)[:, None]
    size = np.sum((along @ near.gram) * along, axis=-1, keepdims=True)
    side = side - along * np.sum((along @ near.gram) * side, axis=-1, keepdims=True) / np.maximum(size, 1e-300)
    norm = near.length(side)[..., None]
    side *= bend * np.sqrt(size) / np.where(norm > 0, norm, 1.0)
    return near, first[:, None] + t * along + np.sin(np.pi * t) * side


def _widened(flow: Flow, near: Nearby, a: np.ndarray, taking: np.ndarray) -> tuple[Nearby, np.ndarray]:
    """The small flows with more patterns around the same states, and the strings in them."""
    members, inside = members_of(taking, int(taking.sum(axis=1).max()))
    wide = around(flow.field, near.base, members, inside)
    assert wide is not None
    spread = np.zeros((*a.shape[:2], taking.shape[1]))
    own = ~np.isneginf(near.logs)
    for row in range(len(a)):
        spread[row][:, near.members[row, own[row]]] = a[row][:, own[row]]
    return wide, np.take_along_axis(spread, np.broadcast_to(members[:, None], (*a.shape[:2], members.shape[1])), axis=2)


def _relaxed(budget: Budget, near: Nearby, a: np.ndarray, steps: int, tol: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Strings (P, M, r) that are stepped and put to equal arcs until no image moves, what they moved, and the steps."""
    moved, count, go, part = np.full(len(a), np.inf), 0, np.zeros(0, dtype=int), near
    while count < steps:
        count += 1
        if (moved > tol).sum() != len(go):
            go = np.flatnonzero(moved > tol)
            part = near.moving(go)
        if not len(go) or budget.spent:
            break
        new = a[go].copy()
        new[:, 1:-1] = part.activation(new[:, 1:-1]) / near.shift
        new, length = equal_arcs(new, part.length(np.diff(new, axis=1)))
        moved[go] = part.length(new - a[go]).max(axis=-1) / length
        a[go] = new
    if budget.spent and (moved > tol).any():
        budget.skip("the lowest paths: some were not relaxed to the end")
    return a, moved, count


def _highest(near: Nearby, a: np.ndarray) -> np.ndarray:
    """The largest energy (P,) on the broken lines, less that of the base."""
    gaps = np.diff(a, axis=1)
    looks = [near.heights(a[:, :-1] + k / LOOKS * gaps) for k in range(LOOKS)]
    return tops_between(np.stack(looks, axis=-1), near.heights(a[:, -1:])[:, 0])
