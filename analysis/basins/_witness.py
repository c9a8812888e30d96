"""The end of a search for the nearest escape: its crossing in short steps, and a state that lies beyond their error."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._basin_map import Explorer
from ._boundary import Basin, crossings

FINER = 5  # the steps of the second look are shorter by this


class Found(NamedTuple):
    """The shortest escape: its length, the state, the row of the table that it reaches, and how exact the length is."""

    length: float
    point: np.ndarray | None
    label: int
    accuracy: float = 0.0


def finished(basin: Basin, ray: np.ndarray, length: float, rtol: float) -> Found:
    r"""The state on a ray that escapes in the flow itself, near the crossing at `length` that was found in long steps.

    The crossings a of the flow in steps of dt and b of that in steps of dt/5 differ; for steps of first order the exact
    one is b + (b - a)/4. The state is taken at max(a, b) + \|a - b\|/2 + rtol b/4 and must escape in both flows.
    """
    known = basin.explorer
    fine = Explorer(known.memory, known.points, dt=known.dt / FINER, seed=known.rng)
    both = basin, Basin(fine, basin.center)
    limit = float(known.domain.reach(basin.center, ray[None])[0])
    places = [_crossing(judge, ray, length, limit, rtol / 4) for judge in both]
    found = Found(math.inf, None, -2)
    if np.isfinite(places).all():
        longest, error = max(places), abs(places[0] - places[1]) / 2 + rtol / 4 * max(places)
        for margin in error * 2.0 ** np.arange(6):  # a boundary with folds may want more than one try
            reach = float(min(longest + margin, limit))
            point = basin.center + reach * ray
            labels = [int(judge.labels(point[None])[0]) for judge in both]
            if all(label not in (-2, judge.home) for label, judge in zip(labels, both, strict=True)):
                found = Found(reach, point, labels[1], reach - min(places))
                break
    basin.flowed += both[1].flowed
    basin.explorer.points = fine.points
    return found


def _crossing(basin: Basin, ray: np.ndarray, length: float, limit: float, rtol: float) -> float:
    """Where a ray leaves a basin near a length; inf where it does not seem to."""
    for part in (1e-3, 1e-2, 0.1, 0.5, 1.0):
        ends = np.array([length * (1 - part), min(length * (1 + part), limit)])
        out = basin.escapes(basin.center + ends[:, None] * ray)
        if out[1] and not out[0]:
            return float(crossings(basin, ray[None], ends[:1], ends[1:], rtol).outside[0])
    return math.inf
