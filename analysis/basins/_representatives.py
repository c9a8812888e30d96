"""A few of many states, for searches that need not begin at each."""

from __future__ import annotations

import numpy as np

REPRESENTATIVES = 32  # slow states from which fixed points are looked for at a time


def representatives(x: np.ndarray, distance: float, most: int = REPRESENTATIVES) -> np.ndarray:
    """A few of the states (B, D), no two of them nearer than `distance` to each other."""
    left, found = x, []
    while len(left) and len(found) < most:
        found.append(left[0])
        left = left[np.linalg.norm(left - left[0], axis=-1) > distance]
    return np.stack(found)
