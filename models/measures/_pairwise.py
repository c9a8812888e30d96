"""Sums of a function of the elements of every query and every pattern, in blocks that stay in a cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array, in_parts

BLOCK = 2**17  # elements of a temporary (queries, patterns, columns): what stays in a processor's cache
NEAR = 1e4  # rounding units: what is smaller than this part of the numbers that cancel is computed anew


def over_elements(function: Callable[..., Array], patterns: tuple[Array, ...], vectors: tuple[Array, ...]) -> Array:
    r"""sum_k function(\*m_ik, \*x_k) for every pattern i and every vector: shape (..., N).

    `patterns` are arrays (N, I), `vectors` arrays (..., I) of one shape; `function` works element by element
    and lives in a module (JAX compiles one program for each).
    """
    if backend.backend_of(vectors[0]) == "jax":
        return backend.compiled(_all_elements, vectors[0])(function, patterns, vectors)
    xp, (*batch, width) = backend.namespace(*vectors), vectors[0].shape
    flat = xp.concat([xp.reshape(x, (-1, width)) for x in vectors], axis=1)  # one array, to be cut along its rows

    def distances(part: Array) -> Array:
        own = [part[:, k * width : (k + 1) * width] for k in range(len(vectors))]
        rows = [
            [_all_elements(function, [m[i, :] for m in patterns], [x[b, :] for x in own]) for i in some]
            for b, some in _blocks(part.shape[0], *patterns[0].shape)
        ]
        return xp.concat([xp.concat(row, axis=1) for row in rows], axis=0)

    sums = in_parts(distances, flat, flat.shape[0] * math.prod(patterns[0].shape))
    return xp.reshape(sums, (*batch, patterns[0].shape[0]))


def over_patterns(
    function: Callable[..., Array], patterns: tuple[Array, ...], vectors: tuple[Array, ...], f: Array
) -> Array:
    r"""sum_i f_i function(\*m_ik, \*x_k) for every column k and every vector: shape (..., I); f is (..., N)."""
    if backend.backend_of(vectors[0]) == "jax":
        return backend.compiled(_all_patterns, vectors[0])(function, patterns, vectors, f)
    xp, (count, width) = backend.namespace(*vectors), patterns[0].shape
    *wide, f = backend.batched(*vectors, f)
    flat, shape = [xp.reshape(x, (-1, width)) for x in wide], wide[0].shape
    f = xp.reshape(f, (-1, count))
    rows = []
    for b, some in _blocks(f.shape[0], count, width):
        total: Any = 0.0
        for i in some:
            total = total + _all_patterns(function, [m[i, :] for m in patterns], [x[b, :] for x in flat], f[b, i])
        rows.append(total)
    return xp.reshape(xp.concat(rows, axis=0), shape)


def refined(
    rough: Array, size: Array, function: Callable[..., Array], patterns: tuple[Array, ...], vectors: tuple[Array, ...]
) -> Array:
    r"""Sums (..., N) that came from products, with those that cancelled computed anew, element by element.

    `rough` is what the products gave, `size` the size of the numbers that cancelled. A sum that is exactly zero
    term by term is exactly zero here. A compiled program takes no such decision and sums everything anew.
    """
    if backend.is_traced(rough) or backend.backend_of(rough) == "jax":
        return over_elements(function, patterns, vectors)
    xp, (count, width) = backend.namespace(rough), patterns[0].shape
    near = xp.abs(rough) <= NEAR * backend.epsilon(rough) * size
    if not bool(xp.any(near)):
        return rough
    rough, near = xp.reshape(xp.asarray(rough, copy=True), (-1, count)), xp.reshape(near, (-1, count))
    flat = [xp.reshape(x, (-1, width)) for x in vectors]
    b, i = xp.nonzero(near)
    step = max(1, BLOCK // width)
    for start in range(0, b.shape[0], step):
        q, m = b[start : start + step], i[start : start + step]
        parts = [xp.take(x, m, axis=0) for x in patterns] + [xp.take(x, q, axis=0) for x in flat]
        rough[q, m] = xp.sum(function(*parts), axis=-1)
    return xp.reshape(rough, (*vectors[0].shape[:-1], count))


def squared_gap(m: Array, g: Array) -> Array:
    """(m - g)^2."""
    return (m - g) * (m - g)


def _blocks(queries: int, count: int, width: int) -> Iterator[tuple[slice, list[slice]]]:
    n = min(count, max(1, BLOCK // max(1, width)))
    b = max(1, BLOCK // max(1, n * width))
    some = [slice(start, min(start + n, count)) for start in range(0, count, n)]
    return ((slice(start, min(start + b, queries)), some) for start in range(0, max(queries, 1), b))


def _all_elements(function: Callable[..., Array], patterns: Any, vectors: Any) -> Array:
    values = function(*patterns, *(x[..., None, :] for x in vectors))
    return backend.namespace(values).sum(values, axis=-1)


def _all_patterns(function: Callable[..., Array], patterns: Any, vectors: Any, f: Array) -> Array:
    values = f[..., None] * function(*patterns, *(x[..., None, :] for x in vectors))
    return backend.namespace(values).sum(values, axis=-2)
