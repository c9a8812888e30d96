"""Small linear algebra for batches: GMRES that only multiplies."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array

SINGLE = 8  # matrices that are factorised one by one
LARGE = 2**16  # numbers in a matrix from which on it pays to compute half of its Gram matrix


def gmres(apply: Callable[[Array], Array], r: Array, tol: float, most: int) -> tuple[Array, Array]:
    r"""Solve A x = r for each sample of a batch (B, n), knowing A by its products alone.

    Arnoldi vectors are orthogonalised twice. On NumPy and PyTorch it ends when every residual is below
    ``tol \|r\|``; on JAX, where the number of products must be known beforehand, after `most` of them.

    Returns
    -------
    x, residual : arrays (B, n), (B, n)
        The approximation and r - A x; what is left is the caller's to judge.

    References
    ----------
    Saad & Schultz 1986, doi:10.1137/0907058.

    >>> import numpy as np
    >>> x, left = gmres(lambda y: np.array([2.0, 4.0]) * y, np.array([[2.0, 2.0]]), 1e-12, 5)
    >>> x.round(9), bool(abs(left).max() < 1e-12)
    (array([[1. , 0.5]]), True)
    """
    xp = backend.namespace(r)
    length = _norm(r)
    size = min(most, r.shape[-1])
    places = xp.arange(size + 1, device=backend.device(r))[None, :, None]

    def arnoldi(k: Any, space: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        basis, images, hessenberg = space  # (B, m+1, n), (B, m+1, n), (B, m+1, m+1): one column a product
        here = xp.astype(places == k, r.dtype)
        image = apply(xp.sum(here * basis, axis=1))
        w, column = image, xp.zeros_like(basis[..., 0])
        for _ in range(2):
            part = xp.matmul(basis, w[..., None])[..., 0]
            w = w - xp.matmul(part[:, None, :], basis)[:, 0, :]
            column = column + part
        height = _norm(w)
        following = xp.astype(places == k + 1, r.dtype)
        column = column + height * following[..., 0]
        basis = basis + following * (w / xp.where(height > 0, height, 1.0))[:, None, :]
        return basis, images + here * image[:, None, :], hessenberg + column[..., None] * xp.matrix_transpose(here)

    def solution(space: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        basis, images, hessenberg = space
        y = _least_squares(hessenberg[..., :-1], length)[..., None]
        return xp.sum(y * basis[:, :-1], axis=1), r - xp.sum(y * images[:, :-1], axis=1)

    empty = xp.zeros_like(r)[:, None, :] * xp.astype(places >= 0, r.dtype)
    first = xp.astype(places == 0, r.dtype) * (r / xp.where(length > 0, length, 1.0))[:, None, :]
    space = (first, empty, xp.zeros_like(first[..., :1]) * xp.astype(places >= 0, r.dtype)[..., 0][:, None, :])
    if backend.backend_of(r) == "jax":
        return solution(backend.repeat(arnoldi, space, size))
    for k in range(size):
        space = arnoldi(k, space)
        answer, left = solution(space)
        if bool(np.all(backend.to_numpy(_norm(left) <= tol * length))):
            break
    return answer, left


def factored(matrices: Array) -> Callable[[Array], Array]:
    """b -> A^-1 b for many right-hand sides (B, n) of matrices (B, n, n); NaN where a matrix has no inverse.

    >>> import numpy as np
    >>> solve = factored(np.array([[[2.0]], [[0.0]]]))
    >>> solve(np.array([[1.0], [1.0]]))[:, 0]
    array([0.5, nan])
    """
    xp = backend.namespace(matrices)
    match backend.backend_of(matrices):
        case "torch":
            lu, pivots, info = xp.linalg.lu_factor_ex(matrices)
            lu = xp.where((info != 0)[:, None, None], float("nan"), lu)
            return lambda b: xp.linalg.lu_solve(lu, pivots, b[..., None])[..., 0]
        case "jax":
            from jax.scipy.linalg import lu_factor, lu_solve

            found = lu_factor(matrices)
            return lambda b: lu_solve(found, b[..., None])[..., 0]
    return _factored(matrices)


def _factored(matrices: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    if len(matrices) > SINGLE:  # one call for all of them costs less than a factorisation each
        inverses = _inverses(matrices)
        return lambda b: np.matmul(inverses, b[..., None])[..., 0]
    factor, solve = _lapack(matrices.dtype)
    parts = []
    for matrix in matrices:
        lu, pivots, info = factor(matrix.T)  # whose columns lie as LAPACK wants them: nothing is turned around first
        parts.append((np.full_like(lu, np.nan) if info > 0 or not isfinite(lu[-1, -1]) else lu, pivots))
    if len(parts) == 1:
        lu, pivots = parts[0]
        return lambda b: solve(lu, pivots, b[0], trans=1)[0][None]
    return lambda b: np.stack([solve(*part, row, trans=1)[0] for part, row in zip(parts, b, strict=True)])


@functools.cache
def _lapack(dtype: np.dtype) -> Any:
    from scipy.linalg import get_lapack_funcs  # which costs a second of every start

    return get_lapack_funcs(("getrf", "getrs"), dtype=dtype)


def _inverses(matrices: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.inv(matrices)
    except np.linalg.LinAlgError:  # of one of them: the others are wanted
        return np.stack([_inverse(matrix) for matrix in matrices])


def _inverse(matrix: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return np.full_like(matrix, np.nan)


def weighted_gram(rows: Array, w: Array) -> Array:
    """M^T diag(w) M for weights (..., N) and a matrix (N, I), without an array (..., N, I).

    >>> import numpy as np
    >>> weighted_gram(np.eye(2), np.array([[1.0, 2.0]]))
    array([[[1., 0.],
            [0., 2.]]])
    """
    xp = backend.namespace(rows, w)
    if w.ndim == 1:
        return _gram(xp, rows, w)
    if backend.backend_of(w) == "jax":  # where the compiler sees to it
        return xp.matmul(rows.T * w[..., None, :], rows)
    shape, flat = w.shape[:-1], xp.reshape(w, (-1, w.shape[-1]))
    found = [_gram(xp, rows, flat[k]) for k in range(flat.shape[0])]
    whole = found[0] if len(found) == 1 else xp.stack(found) if found else xp.zeros_like(w[..., :1, None])
    return xp.reshape(whole, (*shape, rows.shape[1], rows.shape[1]))


def _gram(xp: Any, rows: Array, w: Array) -> Array:
    if type(w) is np.ndarray and rows.size >= LARGE and w.min() >= 0:  # R^T R, of which NumPy computes one half
        rooted = rows * np.sqrt(w)[:, None]
        return np.matmul(rooted.T, rooted)
    return xp.matmul(rows.T * w, rows)


def _norm(x: Array) -> Array:
    xp = backend.namespace(x)
    return xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))


def _least_squares(hessenberg: Array, length: Array) -> Array:
    """The y that minimises |length e_1 - H y|, with 0 for the columns that H does not have yet."""
    xp = backend.namespace(length)
    q, upper = xp.linalg.qr(hessenberg)
    size = upper.shape[-1]
    eye = xp.eye(size, dtype=upper.dtype, device=backend.device(upper))
    diagonal = xp.sum(upper * eye, axis=-1)
    scale = xp.max(xp.abs(diagonal), axis=-1, keepdims=True)
    # A row that vanishes belongs to a space that is exhausted, or was not entered: its coordinate is 0.
    dead = xp.astype(xp.abs(diagonal) <= 100 * backend.epsilon(length) * scale, upper.dtype)
    upper = upper * (1 - dead)[..., None] + eye * dead[..., None]
    right = length * q[:, 0, :] * (1 - dead)
    return xp.linalg.solve(upper, right[..., None])[..., 0]
