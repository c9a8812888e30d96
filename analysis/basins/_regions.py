"""From labels on a grid to regions with smooth edges, for pictures: no cue changes its side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SMOOTH = (2.5, 1.2, 0.5)  # cells of the grid over which edges are smoothed; with the last no cell can lose its side
ROUNDS = 30  # in which cells on the wrong side of an edge gain weight
GAIN = 1.3  # by this factor in each


class Regions(NamedTuple):
    """A finer grid over the same rectangle, with `fine` nodes for every cell.

    Attributes
    ----------
    labels : int array (m, n)
        Which region each node belongs to.
    values : array (m, n)
        The values at the cells, interpolated within the region; NaN where there are none.
    edges : dict of arrays (m, n)
        For every label, a function that is positive in its region and negative outside: its zeros are the edge.
    """

    labels: np.ndarray
    values: np.ndarray
    edges: dict[int, np.ndarray]


def smooth_regions(labels: np.ndarray, values: np.ndarray, fine: int = 6) -> Regions:
    r"""Regions of equal label with edges that run between the cells, and not along their sides.

    The indicator of every label is smoothed, and each place belongs to the label whose smoothed indicator is largest.
    A cell that comes to lie on the wrong side gains weight until it does not, so that the edge has every cell on the
    side that its label says, single cells too.

    Parameters
    ----------
    labels : int array (h, w)
        Of the cells.
    values : array (h, w)
        Of the cells, NaN where not known.
    fine : int
        Nodes of the finer grid for every cell, in each direction.

    Returns
    -------
    Regions
        On the finer grid, whose first and last nodes lie half a node inside the rectangle of the cells.

    Examples
    --------
    A slanted edge, in steps on the grid, is all but straight on the finer one:

    >>> labels = (np.arange(30)[:, None] > 5 + 0.3 * np.arange(30)).astype(int)
    >>> edge = (smooth_regions(labels, np.zeros((30, 30)), fine=8).labels == 0).sum(axis=0)[40:-40] / 8
    >>> bend = edge - np.polyval(np.polyfit(np.arange(edge.size), edge, 1), np.arange(edge.size))
    >>> bool(np.abs(bend).max() < 0.2)  # cells
    True
    """
    names = np.unique(labels)
    inside = labels == names[:, None, None]
    grown = [_finer(part, fine) for part in _smoothed(inside)]
    best = np.argmax(grown, axis=0)
    edges = {}
    for k, name in enumerate(names):
        others = [part for j, part in enumerate(grown) if j != k]
        edges[int(name)] = grown[k] - (np.max(others, axis=0) if others else 0.0)
    known = np.isfinite(values)
    clean, shade = np.where(known, values, 0.0), np.full(best.shape, np.nan)
    for k, part in enumerate(inside):
        share = _finer(_smooth(part & known, 0.5), fine)
        mean = _finer(_smooth(np.where(part, clean, 0.0), 0.5), fine)
        here = (best == k) & (share > 1e-12)
        shade[here] = mean[here] / share[here]
    return Regions(names[best], shade, edges)


def _smoothed(inside: np.ndarray) -> np.ndarray:
    """The indicators (K, h, w), smoothed as far as that leaves the largest one in every cell what it was."""
    smoothed = inside.astype(float)
    for width in SMOOTH:
        weight = np.ones(inside.shape[1:])
        for _ in range(ROUNDS):
            smoothed = np.stack([_smooth(weight * part, width) for part in inside])
            wrong = ~np.take_along_axis(inside, smoothed.argmax(axis=0)[None], axis=0)[0]
            if not wrong.any():
                return smoothed
            weight = np.where(wrong, weight * GAIN, weight)
    return smoothed


def _smooth(part: np.ndarray, width: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(part.astype(float), width, mode="nearest", truncate=6.0)


def _finer(part: np.ndarray, fine: int) -> np.ndarray:
    from scipy.ndimage import map_coordinates

    places = [(np.arange(size * fine) + 0.5) / fine - 0.5 for size in part.shape]
    return map_coordinates(part, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
