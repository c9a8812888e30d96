"""Whether there is numba, for which arrays it pays, and how its loops are shared out among threads."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..backend import processors

SWITCH = "HOPFIELD_NUMBA"  # 0 in the environment: as if numba were not installed
KINDS = (np.dtype(np.float32), np.dtype(np.float64))
EACH = 2**24  # elements of work for which a thread of its own pays


@functools.cache
def _installed() -> bool:
    return importlib.util.find_spec("numba") is not None


def compiled_loops(work: float, least: float, *arrays: Any) -> Any | None:
    """The module of compiled loops, for NumPy's arrays of one float type and so much work; None where there is none.

    To import numba takes half a second, and to compile a loop two more, once on a machine: a small job, of less than
    `least`, is done without, whatever was done before it, so that it gives the same bits in every process.

    >>> compiled_loops(1.0, 2.0, np.ones(3)) is None
    True
    """
    if work < least or os.environ.get(SWITCH) == "0" or not _installed():
        return None
    first = arrays[0]
    if any(type(array) is not np.ndarray or array.dtype != first.dtype for array in arrays):
        return None
    if first.dtype not in KINDS:
        return None
    from . import _loops

    return _loops


def shared_out(run: Callable[[int, int], Any], count: int, work: float, step: int = 1) -> None:
    """run(start, stop) over 0..count in parts of multiples of `step`, for loops that leave Python's lock.

    Threads of ours and not those of numba, which end the process where two of Python's threads ask for them at once or
    after a fork.
    """
    workers = min(processors(), int(work // EACH) + 1, -(-count // step))
    if workers < 2:
        run(0, count)
        return
    size = -(-count // (workers * step)) * step
    starts = range(0, count, size)
    with ThreadPoolExecutor(len(starts)) as pool:
        list(pool.map(lambda start: run(start, min(start + size, count)), starts))
