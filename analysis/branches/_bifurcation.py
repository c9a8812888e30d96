"""Folds, pitchforks and other bifurcations of a branch: where exactly they are, and the branches that cross there."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..results import Result
from ._family import Family, correct, spectrum

NODES = np.array([-1.5, -0.5, 0.5, 1.5])  # where a branch is looked at around a bifurcation ...
AWAY = 3e-4  # ... in units of the distance on which the critical eigenvalue grows to 1


@dataclass(frozen=True, eq=False, repr=False)
class Bifurcation(Result):
    r"""A point of a branch where the number of growing modes changes.

    Attributes
    ----------
    kind : str
        "fold" (two fixed points meet and vanish), "pitchfork" (a branch crosses that lies to one side of the
        parameter), "transcritical" (one that lies on both sides), "branch point" (several modes at once, or no
        crossing branch was found), "Hopf" (a pair of complex eigenvalues; a cycle is born).
    parameter : float
        The value where the critical eigenvalue is zero.
    coordinates : array (r,)
        The state there, in the coordinates of the branch.
    multiplicity : int
        How many modes are critical at once.
    stable_before, stable_after : bool
        Whether the branch is stable on the sides of smaller and of larger arc length.
    eigenvalue : float
        The critical eigenvalue of the flow where it was located: rounding.
    energy : float
        Of the state there (NaN where forces have none).

    Examples
    --------
    >>> from hopfield.analysis.branches import continue_fixed_points
    >>> from hopfield.models import ModernHopfield
    >>> found = continue_fixed_points(ModernHopfield(np.array([[1.0], [-1.0]])), "beta", 0.5, 2.0)
    >>> [(event.kind, round(event.parameter, 9)) for event in found.bifurcations]
    [('pitchfork', 1.0)]
    """

    kind: str
    parameter: float
    coordinates: np.ndarray
    multiplicity: int
    stable_before: bool
    stable_after: bool
    eigenvalue: float
    energy: float

    def reversed(self) -> Bifurcation:
        """The same on the branch in the other direction."""
        return dataclasses.replace(self, stable_before=self.stable_after, stable_after=self.stable_before)


class Crossing(NamedTuple):
    """A bifurcation, and points (scaled) on the branches that cross there, with the direction away from it."""

    event: Bifurcation
    starts: list[tuple[np.ndarray, np.ndarray]]


def locate(
    family: Family,
    first: np.ndarray,
    direction: np.ndarray,
    length: float,
    indices: tuple[int, int],
    turned: bool,
    *,
    directions: np.ndarray | None = None,
    seed: int = 0,
) -> Crossing | None:
    r"""Find the point between first and first + length direction where the index changes, and what crosses there.

    With k the smaller index, the (k+1)-th largest eigenvalue changes sign on the way; its zero is found in the arc
    length by Brent's method and then by cubic interpolation through points of the branch so near to it that what is
    left out is rounding, and so far from it that Newton's method is not singular there. The critical eigenvectors v
    give branches that cross: points with v.(x - x*) = +-eps are solved for with the parameter free.

    Parameters
    ----------
    family : Family
        The flows.
    first, direction : arrays (r + 1,)
        A scaled point of the branch and its unit tangent.
    length : float
        Up to where, along the tangent.
    indices : (int, int)
        The index at both ends.
    turned : bool
        Whether the parameter turns round in between: a fold.
    directions : array (K, r), optional
        Directions that are tried, projected on the critical space, where several modes are critical.
    seed : int
        Of directions drawn in that case.

    Returns
    -------
    Crossing or None
        None where the branch was lost on the way.
    """
    from scipy.optimize import brentq

    position, change = min(indices), abs(indices[1] - indices[0])
    seen: dict[float, tuple[np.ndarray, float]] = {}

    def at(s: float) -> tuple[np.ndarray, float]:
        if s not in seen:
            point = correct(family, first + s * direction, direction)
            if not point.converged:
                raise ArithmeticError
            values = spectrum(family, point.z, position + change + 2).values
            seen[s] = point.z, float(values.real[position])
        return seen[s]

    try:
        if at(0.0)[1] * at(length)[1] > 0:
            return None
        s: float = brentq(lambda s: at(s)[1], 0.0, length, xtol=1e-3 * length)  # pyright: ignore
        slope = max(abs(at(length)[1] - at(0.0)[1]) / length, 1e-3)
        for _ in range(3):
            nodes = s + min(AWAY / slope, 0.05 * length) * NODES
            heights = np.array([at(float(node))[1] for node in nodes])
            slope = max(float(np.ptp(heights) / np.ptp(nodes)), 1e-3)
            s = float(_interpolated(heights, nodes[:, None], 0.0)[0])
            if not 0 <= s <= length:  # no smooth zero: the eigenvalue jumps where a separation has a kink
                return None
    except (ArithmeticError, RuntimeError, ValueError):
        return None
    z = _interpolated(nodes, np.stack([at(float(node))[0] for node in nodes]), s)
    modes = spectrum(family, z, position + change + 2)
    values = modes.values[position : position + max(change, 1)]
    eps, largest = family.flow(z[-1] * family.span).epsilon, float(np.abs(modes.values).max())
    near = np.abs(modes.values.real - values.real[0]) <= max(1e-5, 10 * eps**0.5) + 64 * eps * largest
    multiplicity = int(near.sum())
    event = {
        "parameter": float(z[-1] * family.span),
        "coordinates": z[:-1] * family.unit,
        "multiplicity": multiplicity,
        "stable_before": indices[0] == 0,
        "stable_after": indices[1] == 0,
        "eigenvalue": family.growth(float(values.real[0])),
        "energy": float(family.flow(z[-1] * family.span).energy(z[None, :-1] * family.scale)[0]),
    }
    turning = np.abs(modes.values.imag[near]).max() if np.iscomplexobj(modes.values) else 0.0
    if turning > 1e-6 * max(1.0, largest):
        return Crossing(Bifurcation("Hopf", **event), [])
    if turned and multiplicity == 1:
        return Crossing(Bifurcation("fold", **event), [])
    null = np.linalg.qr(modes.vectors.real[:, near])[0].T
    if multiplicity == 1:
        tries = null
    else:
        rng = np.random.default_rng(seed)
        tries = [*null, *rng.normal(size=(2 * multiplicity, multiplicity)) @ null]
        if directions is not None:
            tries += list(((directions - z[:-1] * family.scale) @ null.T) @ null)
        tries = np.stack([v / np.linalg.norm(v) for v in tries if np.linalg.norm(v) > 1e-9])
    starts, sides = _crossing(family, z, direction, tries)
    kind = "branch point"
    if multiplicity == 1 and len(sides) == 2:
        small, large = sorted(map(abs, sides))
        if sides[0] * sides[1] < 0:
            kind = "transcritical"
        elif small > large / 2:
            kind = "pitchfork"
    return Crossing(Bifurcation(kind, **event), starts)


def _interpolated(nodes: np.ndarray, values: np.ndarray, at: float) -> np.ndarray:
    """The polynomial through (nodes, values), values (n, k), at a place: Lagrange's formula."""
    total = np.zeros(values.shape[1])
    for k, node in enumerate(nodes):
        others = np.delete(nodes, k)
        total += values[k] * np.prod((at - others) / (node - others))
    return total


def _crossing(
    family: Family, z: np.ndarray, along: np.ndarray, tries: np.ndarray, away: float = 0.02
) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[float]]:
    """Points at v.(x - x*) = +-away that are on branches other than `along`, and how the parameter moved."""
    starts, sides = [], []
    for v in tries:
        for sign in (1, -1):
            normal = np.append(sign * v, 0.0)
            point = correct(family, z + away * normal, normal, steps=25)
            moved = point.z - z
            if not point.converged or np.linalg.norm(moved) > 20 * away:
                continue
            if np.linalg.norm(moved - (moved @ along) * along) < 0.1 * np.linalg.norm(moved):
                continue  # the branch that we came on
            if all(np.linalg.norm(point.z - other) > family.apart for other, _ in starts):
                starts.append((point.z, moved / np.linalg.norm(moved)))
                sides.append(float(moved[-1]))
    return starts, sides
