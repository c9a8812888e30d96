"""The proximal weighted median of every column, on presorted columns and with an end where it is found."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ._ready import compiled_loops, shared_out

LEAST = 2**16  # elements of work (B, N, I)


def proximal_median(
    columns: Array, order: Array, v: Array, f: Array, drive: Array | None, leak: Any, ratio: Any
) -> Array | None:
    r"""The minimiser of \|x - v\|^2/(2 a) + l \|x\|^2/2 - b.x + sum_i f_i \|M_i - x\|_1, shape (B, I), f >= 0.

    None where there is no compiled loop for these arguments. `columns` and `order` (I, N) are each column of the
    patterns sorted, and the rows of its values; v and drive are (B, I), f is (B, N); leak and ratio are numbers, and
    ratio is None for a step to the limit.
    """
    work = v.shape[0] * columns.shape[0] * columns.shape[1]
    numbers = isinstance(leak, float | int) and (ratio is None or isinstance(ratio, float | int))
    loops = compiled_loops(work, LEAST, columns, v, f) if numbers else None
    if loops is None or (f < 0).any():
        return None
    places = order.view(f"uint{8 * order.itemsize}")  # which a compiled loop need not look at for numbers below 0
    v, f, found = np.ascontiguousarray(v), np.ascontiguousarray(f), np.empty(v.shape, v.dtype)
    push = np.zeros((0, 0), v.dtype) if drive is None else np.ascontiguousarray(drive, v.dtype)
    step = 0.0 if ratio is None else float(ratio)

    def part(i: int, j: int) -> None:
        loops.proximal_median(columns, places, v, f, push, float(leak), step, ratio is None, found, i, j)

    shared_out(part, columns.shape[0], work)
    return found
