r"""Where a ray leaves a basin, and which way the boundary lies there.

Two states on either side of the boundary stay together until they reach the saddle whose stable manifold the boundary
is, and part along its unstable direction w. w . x(T) is constant on the boundary to first order, so that its gradient
with respect to x(0) is the normal of the boundary there, whatever the dimension: n(0), where n(T) = w and
n' = -F'(x(t))^T n along the path. For the flows in question F' is symmetric.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.integrators import exact
from ..flow import Field
from ._basin_map import Explorer
from ._basins import flow_all

SECTIONS = 15  # points of a ray that are looked at together
APART = 1e-3  # of the scale: states that far apart have parted
MOST = 2**26  # numbers of a stored path
REFINED = 4  # times that steps are halved where a pair does not part


class Basin:
    """The basin that a centre lies in, as a test for states (B, I); counts how many were flowed."""

    def __init__(self, explorer: Explorer, center: np.ndarray, t_max: float = 300.0) -> None:
        self.explorer, self.center, self.t_max, self.flowed = explorer, np.asarray(center, dtype=float), t_max, 0
        self.home = int(self.labels(self.center[None])[0])

    def labels(self, points: np.ndarray) -> np.ndarray:
        """The rows of the explorer's table that states (B, I) reach; -2 also where they are no cues of the memory."""
        like, domain = self.explorer.like, self.explorer.domain
        points = np.ascontiguousarray(points, dtype=backend.to_numpy(like).dtype)
        found, valid = np.full(len(points), -2), np.flatnonzero(domain.contains(points))
        if not valid.size:
            return found
        points, count = domain.check("state", points[valid]), len(valid)
        self.flowed += count
        if backend.backend_of(like) == "jax":  # few sizes, so that few programs are compiled
            points = np.resize(points, (1 << (count - 1).bit_length(), points.shape[1]))
        cues = backend.asarray(points, like)
        found[valid] = flow_all(self.explorer, cues, t_max=self.t_max, timed=False).label[:count]
        return found

    def escapes(self, points: np.ndarray) -> np.ndarray:
        """Whether each state is a cue that provably reaches another attractor, or runs away."""
        found = self.labels(points)
        return (found != self.home) & (found != -2)

    def within(self, moves: np.ndarray) -> np.ndarray:
        """Moves (..., I) from the centre, turned to where they lead when their end is projected onto the domain."""
        domain = self.explorer.domain
        return moves if domain.everywhere else domain.project(self.center + moves) - self.center


class Crossings(NamedTuple):
    """Along rays from a centre: the last length known to be inside, and the first known to be outside (inf: none)."""

    inside: np.ndarray
    outside: np.ndarray


def crossings(
    basin: Basin, rays: np.ndarray, low: np.ndarray, high: np.ndarray, rtol: float, best_only: bool = False
) -> Crossings:
    r"""Where rays (B, I) from the centre leave the basin, between lengths `low` and `high`, to a relative `rtol`.

    `high` must be outside. Every round looks at 15 lengths of each ray together; the first one outside counts, so that
    of several crossings a near one is found. With `best_only`, rays that cannot be the shortest are given up.
    """
    low, high = np.array(low, dtype=float), np.array(high, dtype=float)
    steps = np.arange(1, SECTIONS + 1) / (SECTIONS + 1)
    while True:
        open_ = np.isfinite(high) & (high - low > rtol * high)
        if best_only and len(high):
            open_ &= low <= high.min()
        where = np.flatnonzero(open_)
        if not where.size:
            return Crossings(low, high)
        lengths = low[where, None] + (high - low)[where, None] * steps
        points = basin.center + lengths[..., None] * rays[where, None, :]
        out = basin.escapes(points.reshape(-1, points.shape[-1])).reshape(lengths.shape)
        first = np.where(out.any(axis=1), out.argmax(axis=1), SECTIONS)
        bounds = np.concatenate([low[where, None], lengths, high[where, None]], axis=1)
        rows = np.arange(len(where))
        low[where], high[where] = bounds[rows, first], bounds[rows, first + 1]


def normals(basin: Basin, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Unit normals (B, I) of the boundary between pairs of near states, pointing outward; NaN where it failed."""
    answer = np.full(inside.shape, np.nan)
    step = basin.explorer.dt * basin.explorer.pace
    for _ in range(REFINED):
        left = np.flatnonzero(~np.isfinite(answer).all(axis=1))
        if left.size:  # a pair that did not part was on one side of the boundary of too coarse a flow
            answer[left] = _normals(basin, inside[left], outside[left], step)
        step /= 2
    return answer


def _normals(basin: Basin, inside: np.ndarray, outside: np.ndarray, dt: float) -> np.ndarray:
    """The same with steps of dt."""
    flow, like, count = basin.explorer.motion.flow, basin.explorer.like, len(inside)
    size = 1 << (count - 1).bit_length() if backend.backend_of(like) == "jax" else count
    inside, outside = (np.resize(rows, (size, rows.shape[1])) for rows in (inside, outside))  # few programs
    cues = np.concatenate([inside, outside]).astype(backend.to_numpy(like).dtype)
    x, _, _ = basin.explorer.enter(backend.asarray(cues, like))
    path: list[Any] = []
    parted = np.full(size, -1)
    apart = np.zeros((size, flow.size))
    for step in range(min(3000, max(50, MOST // max(1, size * flow.size)))):
        host = backend.to_numpy(x)
        path.append(host[:size])
        gap = (host[size:] - host[:size]).astype(float)
        length = np.linalg.norm(gap, axis=-1)
        new = (parted < 0) & (length > APART * flow.scale)
        parted[new], apart[new] = step, gap[new]
        if (parted >= 0).all():
            break
        x = _step(flow, x, dt)
    normal = np.where((parted >= 0)[:, None], apart, np.nan)
    ratio = dt / next(iter(flow.network.populations.values())).fastest

    def turned(place: np.ndarray, n: np.ndarray) -> np.ndarray:
        change = flow.residual_product(flow.asarray(place), flow.asarray(n.astype(cues.dtype)))
        return ratio * backend.to_numpy(change).astype(float)

    for step in range(int(parted.max(initial=0)) - 1, -1, -1):
        rows = np.flatnonzero(parted > step)
        n = normal[rows]
        first = turned(path[step + 1][rows], n)
        n = n + (first + turned(path[step][rows], n + first)) / 2
        length = np.linalg.norm(n, axis=-1, keepdims=True)
        normal[rows] = n / np.where(length > 0, length, np.nan)
    with np.errstate(invalid="ignore"):
        return (normal / np.linalg.norm(normal, axis=-1, keepdims=True))[:count]


def _step(flow: Field, x: Array, dt: float) -> Array:
    """The classical step of fourth order."""
    a = flow.velocity(x)
    b = flow.velocity(x + dt / 2 * a)
    c = flow.velocity(x + dt / 2 * b)
    return x + dt / 6 * (a + 2 * b + 2 * c + flow.velocity(x + dt * c))


def sloped(explorer: Explorer) -> bool:
    """Whether `normals` applies: one population with g = x, whose flow has a symmetric derivative."""
    flow = explorer.motion.flow
    steps = exact(flow.network.bound()) and math.isfinite(explorer.dt)
    return len(flow.network.populations) == 1 and flow.plain and flow.symmetric and not explorer.rays and steps
