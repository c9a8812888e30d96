"""Small linear algebra for batches: GMRES that only multiplies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import backend
from .backend import Array


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


def inverse(matrices: Array) -> Array:
    """The inverses of matrices (..., n, n), NaN for those that have none.

    >>> import numpy as np
    >>> inverse(np.array([[[2.0]], [[0.0]]]))[:, 0, 0]
    array([0.5, nan])
    """
    match backend.backend_of(matrices):
        case "torch":
            found, singular = backend.namespace(matrices).linalg.inv_ex(matrices)
            return backend.namespace(matrices).where(singular[..., None, None] != 0, float("nan"), found)
        case "numpy":
            try:
                return np.linalg.inv(matrices)
            except np.linalg.LinAlgError:  # of one of them: the others are wanted
                rows = matrices.reshape(-1, *matrices.shape[-2:])
                return np.stack([_inverse(row) for row in rows]).reshape(matrices.shape)
    return backend.namespace(matrices).linalg.inv(matrices)


def _inverse(matrix: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return np.full_like(matrix, np.nan)


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
