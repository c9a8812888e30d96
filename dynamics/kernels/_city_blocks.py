"""City-block distances between rows."""

from __future__ import annotations

import numpy as np

from ..backend import Array, cityblock
from ._ready import compiled_loops, shared_out

LEAST = 2**20  # elements of work: a millisecond without a compiled loop


def city_blocks(rows: Array, patterns: Array) -> Array:
    r"""sum_k \|M_ik - x_bk\|, shape (B, N), without a B x N x I temporary.

    The loop compiled by numba makes its sums in the dtype of its arguments; error a few units of that.

    >>> city_blocks(np.array([[0.0, 1.0]]), np.array([[1.0, 1.0], [2.0, 0.0]]))
    array([[1., 3.]])
    """
    work = rows.shape[0] * patterns.shape[0] * patterns.shape[1]
    loops = compiled_loops(work, LEAST, rows, patterns)
    if loops is None:
        return cityblock(rows, patterns)
    rows, patterns = np.ascontiguousarray(rows), np.ascontiguousarray(patterns)
    found = np.empty((rows.shape[0], patterns.shape[0]), rows.dtype)
    shared_out(lambda i, j: loops.city_blocks(patterns, rows, found, i, j), patterns.shape[0], work, 4)
    return found


def signed_sums(rows: Array, patterns: Array, weights: Array) -> Array:
    """sum_i f_bi sign(x_bk - M_ik), shape (B, I): the derivative of sum_i f_bi d_bi, d the city-block distances.

    >>> signed_sums(np.array([[0.0, 1.0]]), np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([[1.0, 0.5]]))
    array([[-1.5,  0.5]])
    """
    work = rows.shape[0] * patterns.shape[0] * patterns.shape[1]
    loops = compiled_loops(work, LEAST, rows, patterns, weights)
    if loops is None:
        parts = [f @ np.sign(x[None, :] - patterns) for x, f in zip(rows, weights, strict=True)]
        return np.stack(parts) if parts else np.zeros_like(rows)
    rows, patterns, weights = (np.ascontiguousarray(x) for x in (rows, patterns, weights))
    found = np.empty(rows.shape, rows.dtype)
    shared_out(lambda i, j: loops.signed_sums(rows, patterns, weights, found, i, j), rows.shape[0], work, 8)
    return found
