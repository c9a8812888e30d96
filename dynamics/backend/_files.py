"""Arrays in files of their own: what is too large to hold twice, or lies in chunks that are read by slices."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

ROWS = 2**24  # bytes that are read, changed and written at a time


def filed(
    rows: Any, dtype: Any, function: Callable[[np.ndarray], np.ndarray] = np.asarray, width: int | None = None
) -> np.ndarray:
    """function(rows), row by row, in a temporary file that goes with the array; `rows` (N, I) are read in pieces.

    What the function gives is as wide as the rows, or of some `width`.

    >>> filed(np.array([[1.0, 2.0], [3.0, 4.0]]), np.float32, lambda part: 2 * part)
    array([[2., 4.],
           [6., 8.]], dtype=float32)
    """
    shape, kind = tuple(int(n) for n in rows.shape), np.dtype(dtype)
    step = max(1, ROWS // max(1, kind.itemsize * int(np.prod(shape[1:]))))
    shape = shape if width is None else (shape[0], width)
    with tempfile.TemporaryFile() as file:  # the map outlives it, and the file is gone once the map is
        answer = np.memmap(file, kind, "w+", shape=shape)
        for first in range(0, shape[0], step):
            answer[first : first + step] = function(np.asarray(rows[first : first + step]))
    return np.asarray(answer)


def is_chunked(value: Any) -> bool:
    """Whether something is an array in chunks that is read by slices, as those of zarr, h5py and dask are."""
    if isinstance(value, np.ndarray) or not all(hasattr(value, n) for n in ("chunks", "shape", "dtype", "__getitem__")):
        return False
    try:
        return np.dtype(value.dtype).kind in "fiub" and len(value.shape) == 2
    except TypeError:  # a type of another library
        return False
