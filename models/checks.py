"""What binary memories check at the door: whole numbers, and bits coded as +-1 or 0/1."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array


def whole(name: str, value: Any, least: int) -> int:
    """A whole number >= least, as a Python int.

    >>> whole("radius", np.int64(3), 0)
    3
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be a whole number >= {least}, got {value!r}.")
    return int(value)


def coded(name: str, value: Array, low: float) -> Array:
    """An array of two values, `low` and 1, or an error that says how to make one.

    >>> coded("query", np.array([1.0, -1.0]), -1.0)
    array([ 1., -1.])
    """
    if backend.is_traced(value):
        return value
    host = backend.to_numpy(value)
    bad = (host != low) & (host != 1)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} must hold {low:g} and 1 only, but {int(bad.sum())} of {host.size} values are others, the first "
            f"{float(host[where]):g} at index {where}. Make two values of it: "
            f"numpy.where(x > threshold, 1.0, {low:.1f})."
        )
    return value
