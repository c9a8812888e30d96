"""Functions of one set of keys over a batch of such sets, and rows of queries in blocks."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array

BLOCK = 2**20  # scores of a block of queries: 4 MB of float32, which stay in a cache
MOST = 64  # blocks, so that a compiled program has no more copies of the loop's body


def mapped(function: Callable[..., Array], *given: Array) -> Array:
    """function(x, y, ...) of the last two axes of arrays, for each of the batch axes in front, which broadcast."""
    shape = np.broadcast_shapes(*(tuple(x.shape[:-2]) for x in given))
    if not shape:
        return function(*given)
    xp = backend.namespace(*given)
    flat = [xp.reshape(xp.broadcast_to(x, (*shape, *x.shape[-2:])), (-1, *x.shape[-2:])) for x in given]
    match backend.backend_of(flat[0]):
        case "jax":
            found = sys.modules["jax"].vmap(function)(*flat)
        case "torch":
            found = sys.modules["torch"].func.vmap(function)(*flat)
        case _:
            found = xp.stack([function(*(x[b] for x in flat)) for b in range(flat[0].shape[0])])
    return xp.reshape(found, (*shape, *found.shape[1:]))


def in_blocks(function: Callable[..., Array], query: Array, mask: Any, beta: Any, keys: Array) -> Array:
    """function(query, mask, beta) in blocks of rows of the query (..., L, E), each computed anew for its derivatives.

    Scores (..., L, S) are never there as a whole, whether or not there are derivatives. `mask` is None or an array
    (..., L or 1, S), and beta a number or an array (..., L or 1, 1): they are cut as the query is.
    """
    length = query.shape[-2]
    each = math.prod(np.broadcast_shapes(tuple(query.shape[:-2]), tuple(keys.shape[:-2]))) * keys.shape[-2]
    size = max(1, BLOCK // max(1, each), -(-length // MOST))
    if size >= length:
        return function(query, mask, beta)
    xp, beside = backend.namespace(query), (mask, beta)
    if backend.backend_of(query) == "jax":
        return _scanned(function, query, beside, size)
    parts = []
    for start in range(0, length, size):
        rows = slice(start, start + size)
        cut = [x[..., rows, :] if _has_rows(x) else x for x in beside]
        parts.append(_remembered(function, query[..., rows, :], *cut))
    return xp.concat(parts, axis=-2)


def _has_rows(x: Any) -> bool:
    return getattr(x, "ndim", 0) > 1 and x.shape[-2] > 1


def _remembered(function: Callable[..., Array], query: Array, *given: Any) -> Array:
    """function(query, ...), of which nothing but the arguments is kept for the derivatives."""
    if backend.backend_of(query) != "torch" or not sys.modules["torch"].is_grad_enabled():
        return function(query, *given)
    from torch.utils.checkpoint import checkpoint

    return checkpoint(function, query, *given, use_reentrant=False)


def _scanned(function: Callable[..., Array], query: Array, beside: tuple[Any, ...], size: int) -> Array:
    jax, xp = sys.modules["jax"], backend.namespace(query)
    cut = [_has_rows(x) for x in beside]

    def row(rows: Any) -> Array:
        rest = iter(rows[1:])
        given = [next(rest)[..., None, :] if one else x for one, x in zip(cut, beside, strict=True)]
        return function(rows[0][..., None, :], *given)[..., 0, :]

    rows = [query, *(x for one, x in zip(cut, beside, strict=True) if one)]
    moved = tuple(xp.moveaxis(x, -2, 0) for x in rows)
    return xp.moveaxis(jax.lax.map(jax.checkpoint(row), moved, batch_size=size), 0, -2)
