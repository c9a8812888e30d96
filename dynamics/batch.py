"""Batch axes: taken off on the way into a run, and put back on the way out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import backend
from .backend import Array


def flat(arrays: dict[Any, Array]) -> tuple[dict[Any, Array], tuple[int, ...]]:
    """Arrays (..., n) as batches (B, n) of one size, and the batch axes that they had.

    >>> found, shape = flat({"x": np.zeros((2, 3, 4)), "y": np.zeros(5)})
    >>> found["y"].shape, shape
    ((6, 5), (2, 3))
    """
    shape = np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in arrays.values()))
    xp = backend.namespace(*arrays.values())
    wide = {key: x if x.shape[:-1] == shape else xp.broadcast_to(x, (*shape, x.shape[-1])) for key, x in arrays.items()}
    return {key: xp.reshape(x, (math.prod(shape), x.shape[-1])) for key, x in wide.items()}, shape


def shaped(arrays: dict[str, Array], batch: tuple[int, ...], lead: int = 0) -> dict[str, Array]:
    """Arrays (..., B, n) behind `lead` axes with their batch axes again.

    >>> shaped({"x": np.zeros((6, 4))}, (2, 3))["x"].shape
    (2, 3, 4)
    """
    return {
        name: backend.namespace(x).reshape(x, (*x.shape[:lead], *batch, *x.shape[lead + 1 :]))
        for name, x in arrays.items()
    }
