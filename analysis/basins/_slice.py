"""Basins in the plane through three states: labels, times and energies on a grid, and the fixed points near it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import batch, checked, positive, quiet
from ...models._domain import Domain
from .. import _declared as declared
from ..fixed_points import FixedPoints
from ..flow import at_home, field
from ..results import Result, plain
from ._basin_map import Explorer
from ._basins import Basins, basins_of_attraction

LOOKS = 65  # lines across the square on which the domain is looked for
OUTSIDE = -3  # the label of what is no cue
NEAR = 1e-2  # of the size of the picture: fixed points no farther from the plane are said to lie in it


@dataclass(frozen=True, eq=False, repr=False)
class BasinSlice(Result):
    r"""What `basin_slice` returns: an n x n grid in a plane with orthonormal coordinates (s, t).

    Attributes
    ----------
    origin, axes : arrays (I,), (2, I)
        The state at (s, t) is origin + s axes[0] + t axes[1].
    corners : array (3, 2)
        The coordinates of the three states that the plane was laid through.
    s, t : arrays (n,)
        The coordinates of the columns and rows of the grid.
    labels : int array (n, n)
        The row of `fixed_points` that is reached from (s[k], t[j]) at [j, k]; -1 ran away, -2 not known, -3 outside
        of the cues that the memory takes (its `domain`).
    convergence_time : array (n, n)
        As in `Basins`; NaN outside of the domain.
    energy : array (n, n)
        E of the state, memory neurons in equilibrium; NaN where there is none, and outside of the domain.
    fixed_points : FixedPoints
        Those known before, and those that the grid led to.
    points : array (K, 2)
        Their coordinates, projected on the plane.
    distance : array (K,)
        How far they lie from the plane.
    near : bool array (K,)
        Whether that is less than a hundredth of the extent of the grid.
    basins : Basins
        Everything about the cues of the grid, those in the domain, row by row.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> cut = basin_slice(memory, *np.eye(3), resolution=8)
    >>> cut.labels.shape, sorted(set(cut.labels.ravel().tolist()) - {-2})
    ((8, 8), [0, 1, 2])
    """

    origin: np.ndarray
    axes: np.ndarray
    corners: np.ndarray
    s: np.ndarray
    t: np.ndarray
    labels: np.ndarray
    convergence_time: np.ndarray
    energy: np.ndarray
    fixed_points: FixedPoints
    points: np.ndarray
    distance: np.ndarray
    near: np.ndarray
    basins: Basins

    @checked(**declared.BASIN_SLICE_STATE)
    def state(self, s: Any, t: Any) -> np.ndarray:
        """The states (..., I) at coordinates (s, t)."""
        s, t = np.asarray(s, dtype=float)[..., None], np.asarray(t, dtype=float)[..., None]
        batch({"s": s, "t": t})
        return self.origin + s * self.axes[0] + t * self.axes[1]

    def records(self) -> list[dict[str, Any]]:
        """A dict for each state of the grid, row by row."""
        columns = {"s": np.tile(self.s, len(self.t)), "t": np.repeat(self.t, len(self.s)), "label": self.labels.ravel()}
        columns |= {"convergence_time": self.convergence_time.ravel(), "energy": self.energy.ravel()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*map(plain, columns.values()), strict=True)]

    def summary(self) -> str:
        """How many cues the plane holds, and how many fixed points."""
        rows, columns = self.labels.shape
        outside = int((self.labels == OUTSIDE).sum())
        left_out = f" ({outside} of them outside of the memory's domain)" if outside else ""
        return f"{columns} x {rows} cues in a plane{left_out}, {int(self.near.sum())} fixed points in it"

    def __str__(self) -> str:
        return f"{self.summary()}. {self.basins}"


@quiet
@checked(**declared.BASIN_SLICE)
def basin_slice(
    memory: Any,
    a: Any,
    b: Any,
    c: Any,
    *,
    resolution: int = 100,
    margin: float = 0.35,
    fixed_points: FixedPoints | None = None,
    **options: Any,
) -> BasinSlice:
    r"""Label the states of the plane through three states.

    States that the memory does not take as cues, such as values beyond [-1, 1] of graded neurons, are left out: their
    label is -3. The three states are moved into the domain first where they lie on its open rim.

    Parameters
    ----------
    memory : model, Network or Field
        What the states are given to.
    a, b, c : arrays (I,)
        Three states (activations) that do not lie on one line.
    resolution : int
        Columns of the grid; it has as many rows.
    margin : float
        How far the grid reaches beyond the three states, in parts of their extent.
    fixed_points : FixedPoints, optional
        A census; its saddles can be drawn. Without, only what the cues lead to is known.
    **options
        For `basins_of_attraction`: `dynamics`, `dt`, `t_max`, `tol`, `seed`, `progress`.

    Returns
    -------
    BasinSlice
        For `plot_basin_slice`.

    Raises
    ------
    ValueError
        If the three states lie on one line.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> cut = basin_slice(ModernHopfield(np.eye(3), beta=8.0), *np.eye(3), resolution=5)
    >>> cut.corners.round(4) + 0.0
    array([[-0.7071, -0.4082],
           [ 0.7071, -0.4082],
           [ 0.    ,  0.8165]])
    """
    if isinstance(resolution, bool) or not isinstance(resolution, int | np.integer) or resolution < 2:
        raise ValueError(f"resolution must be a whole number >= 2, got {resolution!r}.")
    margin = positive("margin", margin, zero=True)
    memory = at_home(memory, a)
    explorer = Explorer(memory)
    corners = [backend.to_numpy(explorer.checked(explorer.off_rim(state))).astype(float) for state in (a, b, c)]
    if any(corner.ndim != 1 for corner in corners):
        raise ValueError(f"a, b and c must be single states (I,), got shapes {[corner.shape for corner in corners]}.")
    origin, axes = _plane(*corners)
    places = np.stack([(corner - origin) @ axes.T for corner in corners])
    low, high = places.min(axis=0), places.max(axis=0)
    middle, half = (low + high) / 2, (high - low).max() * (1 + 2 * margin) / 2
    middle, half = _fitted(explorer.domain, origin, axes, middle, half)
    s, t = (np.linspace(m - half, m + half, resolution) for m in middle)
    grid = origin + s[None, :, None] * axes[0] + t[:, None, None] * axes[1]
    like = explorer.like
    rows = grid.reshape(-1, grid.shape[-1]).astype(backend.to_numpy(like).dtype)
    valid = explorer.domain.contains(rows)
    cues = backend.asarray(rows[valid], like)
    basins = basins_of_attraction(memory, cues, fixed_points, **options)
    flow = field(memory)
    parts = [backend.to_numpy(flow.energy(flow.start(cues[k : k + 4096]))) for k in range(0, len(cues), 4096)]

    def spread(values: np.ndarray, outside: float) -> np.ndarray:
        whole = np.full(len(rows), outside, dtype=values.dtype)
        whole[valid] = values
        return whole.reshape(resolution, resolution)

    found = basins.fixed_points
    away = np.asarray(found.activation, dtype=float)[:, : len(origin)] - origin  # of the first population
    points = away @ axes.T
    distance = np.linalg.norm(away - points @ axes, axis=1)
    inside = (np.abs(points - middle) <= half * (1 + 1e-9)).all(axis=1)
    return BasinSlice(
        origin=origin,
        axes=axes,
        corners=places,
        s=s,
        t=t,
        labels=spread(basins.labels, OUTSIDE),
        convergence_time=spread(basins.convergence_time, np.nan),
        energy=spread(np.concatenate([np.zeros(0), *parts]).astype(float), np.nan),
        fixed_points=found,
        points=points,
        distance=distance,
        near=inside & (distance <= NEAR * 2 * half),
        basins=replace(basins, law=f"a grid of {resolution} x {resolution} in a plane"),
    )


def _fitted(
    domain: Domain, origin: np.ndarray, axes: np.ndarray, middle: np.ndarray, half: float
) -> tuple[np.ndarray, float]:
    """The middle and half the width of the part of a square in the plane that lies in a domain."""
    if domain.everywhere:
        return middle, half
    side = np.linspace(-half, half, LOOKS)
    s, t = middle[0] + side, middle[1] + side
    inside = np.array([domain.contains(origin + s[:, None] * axes[0] + row * axes[1]) for row in t])
    if not inside.any():
        return middle, half
    bounds = [side[np.flatnonzero(inside.any(axis=k))[[0, -1]]] for k in (0, 1)]
    step = side[1] - side[0]
    size = min(half, max(np.ptp(ends) for ends in bounds) / 2 + step)
    return middle + [np.mean(ends) for ends in bounds], size


def _plane(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centre of three states and an orthonormal basis of their plane, b - a along the first axis."""
    first, second = b - a, c - a
    unit = max(np.abs(first).max(), np.abs(second).max()) or 1.0  # squares of it stay finite
    first, second = first / unit, second / unit
    size = max(np.linalg.norm(first), np.linalg.norm(second), np.linalg.norm(second - first))
    length = np.linalg.norm(first)
    axis = first / (length or 1.0)
    rest = second - (second @ axis) * axis
    if length <= 1e-9 * size or np.linalg.norm(rest) <= 1e-9 * size or size == 0:
        raise ValueError(
            "The three states lie on one line (or two of them are equal), so they span no plane. Move one of them, "
            "for instance to a third pattern."
        )
    return (a + b + c) / 3, np.stack([axis, rest / np.linalg.norm(rest)])
