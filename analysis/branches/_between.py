"""The fixed point on a branch between two of its points, at a value of the parameter."""

from __future__ import annotations

import numpy as np

from ._family import Family, OutsideDomainError, correct

BEND = 0.1  # of a segment's length: how far the curve runs from its chord, where tangents turn by 0.98 at most


def between(family: Family, a: np.ndarray, b: np.ndarray, value: float) -> np.ndarray | None:
    """The scaled point of the curve from a to b at which the parameter is `value`; None if it is not found.

    Newton's method at that value leads there from the chord, or else (beside a fold, where it is singular) Brent's
    method along the chord, by points of the curve in the planes across it. A point farther from the chord than the
    curve runs is of another branch, and does not count.
    """
    chord = b - a
    length = float(np.linalg.norm(chord))
    if length == 0 or chord[-1] == 0:
        return None
    place = a + (value - a[-1]) / chord[-1] * chord
    place[-1] = value
    try:
        found = correct(family, place, np.append(np.zeros(family.size), 1.0))
        if found.converged and np.linalg.norm(found.z - place) <= BEND * length:
            return found.z
        return _along(family, a, chord, length, value)
    except OutsideDomainError:
        return None


def _along(family: Family, a: np.ndarray, chord: np.ndarray, length: float, value: float) -> np.ndarray | None:
    from scipy.optimize import brentq

    def point(part: float) -> np.ndarray:
        place = a + part * chord
        found = correct(family, place, chord / length)
        if not found.converged or np.linalg.norm(found.z - place) > BEND * length:
            raise ArithmeticError
        return found.z

    try:
        return point(brentq(lambda part: point(part)[-1] - value, 0.0, 1.0, xtol=1e-14))  # pyright: ignore
    except (ArithmeticError, ValueError):
        return None
