"""A batch cut into parts for several processors, for NumPy's loops that use one each."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ._libraries import Array, backend_of, namespace

LARGE = 2**26  # elements of work for which starting threads pays


def processors() -> int:
    """How many threads to use: the processors of this process, or OMP_NUM_THREADS where that is fewer."""
    known = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(known, int(asked)) if asked.isdecimal() and int(asked) > 0 else known


def in_parts(function: Callable[[Array], Array], rows: Array, work: int) -> Array:
    """function(rows), with the rows shared out among threads where they are NumPy's and the `work` is large.

    The function works row by row, so that the answer is the same to the last bit.
    """
    if backend_of(rows) != "numpy" or work < LARGE:
        return function(rows)
    count = min(processors(), rows.shape[0])
    if count < 2:
        return function(rows)
    xp, size = namespace(rows), -(-rows.shape[0] // count)
    parts = [rows[start : start + size, ...] for start in range(0, rows.shape[0], size)]
    with ThreadPoolExecutor(len(parts)) as pool:
        return xp.concat(list(pool.map(function, parts)), axis=0)
