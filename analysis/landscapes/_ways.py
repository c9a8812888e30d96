"""The ways down from both sides of saddles: by the few patterns that take part, else by the whole flow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..flow import Flow, around_zeros, descend, descended
from ..results import Budget

LOOKS = 4  # parts of each way by few patterns, at the ends of which all others are weighed,
STRANGE = 1e-6  # and weigh no more than this, while a step may be wrong by a thousandth of the scale
SMALL = 64  # neurons up to which the whole flow is as fast


class Ways(NamedTuple):
    """Both ways down from S saddles.

    Attributes
    ----------
    state : array (S, 2, D)
        Where they end.
    converged : bool array (S, 2)
        Whether that is a stable fixed point.
    row : int array (S, 2)
        Which of the known minima it is, where that was seen; else -1.
    arc, energy : arrays (S, 2, n)
        Distance from the saddle, and energy, at equal distances.

    Examples
    --------
    >>> Ways._fields
    ('state', 'converged', 'row', 'arc', 'energy')
    """

    state: np.ndarray
    converged: np.ndarray
    row: np.ndarray
    arc: np.ndarray
    energy: np.ndarray


def ways_down(
    flow: Flow, saddles: np.ndarray, modes: np.ndarray, minima: np.ndarray, push: float, looks: int, budget: Budget
) -> Iterator[tuple[np.ndarray, Ways]]:
    r"""Rows of some saddles (S, D), each once while the budget lasts, and the ways from x* + push w and x* - push w.

    Where few patterns take part at a saddle the flow of these is followed (`descended`) as long as it ends in minima
    that are known and all others weigh less than 1e-6 at four points of each way; a look at their weights, and
    arrival, are the whole flow's. Everything else is followed by the whole flow.

    Examples
    --------
    >>> from hopfield.analysis.flow import flow_of
    >>> from hopfield.models import ModernHopfield
    >>> rows = np.eye(100)
    >>> flow, saddle, w = flow_of(ModernHopfield(rows, beta=90.0)), (rows[:1] + rows[1:2]) / 2, rows[:1] - rows[1:2]
    >>> ((_, way),) = ways_down(flow, saddle, w / 2**0.5, rows, 1e-3, 9, Budget())
    >>> way.state[0, :, :3].round(6), way.arc[0, 0, -1].round(6)
    (array([[1., 0., 0.],
           [0., 1., 0.]]), np.float64(0.707107))
    """
    left = np.ones(len(saddles), dtype=bool)
    if flow.size > SMALL and len(minima):
        for rows, way in _by_few(flow, saddles, modes, minima, push, looks, budget):
            left[rows] = False
            yield rows, way
    rest = np.flatnonzero(left)
    chunk = max(1, 2**22 // flow.size // 200)  # the way down is kept for a moment
    for k in budget.each("batches of saddles to go down from", range(0, len(rest), chunk)):
        rows = rest[k : k + chunk]
        yield rows, _by_all(flow, saddles[rows], push * flow.scale * modes[rows], minima, looks, budget)


def _by_all(flow: Flow, saddles: np.ndarray, step: np.ndarray, minima: np.ndarray, looks: int, budget: Budget) -> Ways:
    size = len(saddles)
    found = descend(flow, np.concatenate([saddles + step, saddles - step]), keep=True, budget=budget, known=minima)
    assert found.path is not None
    state = np.stack(np.split(flow.canonical(found.state), 2), axis=1)
    arc, energy = np.zeros((size, 2, looks)), np.zeros((size, 2, looks))
    for j in range(2 * size):
        row, side = j % size, j // size
        path = np.concatenate([saddles[row][None], found.path[:, j]])
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=-1))])
        arc[row, side], points = _at_equal_arcs(path, length, looks)
        energy[row, side] = flow.energy(points)
    return Ways(state, np.stack(np.split(found.converged, 2), axis=1), np.full((size, 2), -1), arc, energy)


def _by_few(
    flow: Flow, saddles: np.ndarray, modes: np.ndarray, minima: np.ndarray, push: float, looks: int, budget: Budget
) -> Iterator[tuple[np.ndarray, Ways]]:
    for at, near in around_zeros(flow.field, saddles):
        if budget.spent:
            return
        a, wrong = near.along(modes[at])
        path, row = descended(flow, near, push * flow.scale * np.stack([a, -a], axis=1), minima, budget=budget)
        arrived = np.flatnonzero((row >= 0).all(axis=1) & (wrong <= 1e-6))
        if not len(arrived):
            continue
        at, near, row, path = at[arrived], near.some(arrived), row[arrived], path[:, arrived]
        x = minima[row]
        f = near.shares(flow.field, x)
        end = (f - near.rest[:, None]) / near.shift  # there a' = 0
        path = np.concatenate([0 * path[:1], path, end[None]])
        length = np.stack([near.length(step) for step in np.diff(path, axis=0, prepend=0 * path[:1])])
        arc, place = np.zeros((len(at), 2, looks)), np.zeros((len(at), 2, looks, path.shape[-1]))
        for b in range(len(at)):
            for side in range(2):
                arc[b, side], place[b, side] = _at_equal_arcs(path[:, b, side], np.cumsum(length[:, b, side]), looks)
        some = np.linspace(0, looks - 1, LOOKS + 1).round().astype(int)[1:-1]
        seen = near.lifted(place[:, :, some].reshape(len(at), -1, place.shape[-1]))
        own = np.concatenate([f.sum(axis=2), near.shares(flow.field, seen).sum(axis=2)], axis=1)
        few = (1 - own).max(axis=1) <= STRANGE
        height = near.heights(place.reshape(len(at), 2 * looks, -1)).reshape(arc.shape)
        energy = flow.energy(near.base)[:, None, None] + height
        energy[:, :, -1] = flow.energy(x.reshape(-1, flow.size)).reshape(x.shape[:2])
        yield at[few], Ways(x[few], np.ones((int(few.sum()), 2), dtype=bool), row[few], arc[few], energy[few])


def _at_equal_arcs(path: np.ndarray, length: np.ndarray, looks: int) -> tuple[np.ndarray, np.ndarray]:
    """Equal distances (n,) along a path (T, D), the first point of which is the beginning, and the points there."""
    arc = np.linspace(0.0, length[-1], looks)
    left = np.clip(np.searchsorted(length, arc, side="right") - 1, 0, len(path) - 2)
    gap = length[left + 1] - length[left]
    part = np.clip((arc - length[left]) / np.where(gap > 0, gap, 1.0), 0, 1)[:, None]
    return arc, path[left] + part * (path[left + 1] - path[left])
