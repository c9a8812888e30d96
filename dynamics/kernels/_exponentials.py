"""Exponentials of gaps, in one pass over the scores instead of four."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, least_exponent, namespace
from ._ready import compiled_loops

LEAST = 2**18  # scores: a quarter of a millisecond without a compiled loop


def exponentials(block: Array, beta: Any, top: Array, work: float) -> Array | None:
    """e^(beta h - top) for scores h (B, n) and top (B, 1), written over them; None where there is no compiled loop.

    In float32; never below eps^3, as `backend.exp_of_gap` for sums. Error 3 units in the last place for finite scores.
    `work` is how many scores the whole job has.

    >>> exponentials(np.zeros((2, 3)), 1.0, np.zeros((2, 1)), 6.0) is None
    True
    """
    if not isinstance(beta, float | int) or type(block) is not np.ndarray or block.dtype != np.float32:
        return None
    if not block.flags.c_contiguous or not np.isfinite(top).all():
        return None
    loops = compiled_loops(work, LEAST, block, top)
    if loops is None:
        return None
    least = np.float32(least_exponent(namespace(block), block.dtype, False))
    powers = np.empty(block.shape[1], np.int32)
    loops.exponentials(block, block.view(np.int32), np.float32(beta), top, least, powers)
    return block
