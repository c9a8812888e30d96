"""Small linear algebra for batches: GMRES that only multiplies."""

from __future__ import annotations

from collections.abc import Callable

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
    basis = [r / xp.where(length > 0, length, 1.0)]
    images: list[Array] = []
    columns: list[Array] = []
    looks = backend.backend_of(r) != "jax"
    answer, left = xp.zeros_like(r), r
    for k in range(min(most, r.shape[-1])):
        image = apply(basis[-1])
        images.append(image)
        w, known = image, xp.stack(basis, axis=1)  # (B, k+1, n)
        column = xp.zeros_like(known[..., 0])
        for _ in range(2):
            part = xp.matmul(known, w[..., None])[..., 0]
            w = w - xp.matmul(part[:, None, :], known)[:, 0, :]
            column = column + part
        height = _norm(w)
        columns.append(xp.concat([column, height], axis=-1))
        basis.append(w / xp.where(height > 0, height, 1.0))
        if looks or k + 1 == min(most, r.shape[-1]):
            y = _least_squares(columns, length)
            answer = xp.sum(y[..., None] * xp.stack(basis[:-1], axis=1), axis=1)
            left = r - xp.sum(y[..., None] * xp.stack(images, axis=1), axis=1)
            if looks and bool(np.all(backend.to_numpy(_norm(left) <= tol * length))):
                break
    return answer, left


def _norm(x: Array) -> Array:
    xp = backend.namespace(x)
    return xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))


def _least_squares(columns: list[Array], length: Array) -> Array:
    """The y that minimises |length e_1 - H y| with the Hessenberg matrix H given by its columns."""
    xp = backend.namespace(length)
    size = len(columns)
    padded = []
    for column in columns:
        gap = size + 1 - column.shape[-1]
        padded.append(xp.concat([column, xp.zeros_like(column[..., :1]) + backend.full(gap, 0.0, column)], axis=-1)
                      if gap else column)  # fmt: skip
    q, upper = xp.linalg.qr(xp.stack(padded, axis=-1))
    right = length * q[:, 0, :]
    # A row that vanishes belongs to a space that is exhausted: its coordinate is 0.
    diagonal = xp.stack([upper[:, k, k] for k in range(size)], axis=-1)
    scale = xp.max(xp.abs(diagonal), axis=-1, keepdims=True)
    dead = xp.abs(diagonal) <= 100 * backend.epsilon(length) * scale
    eye = xp.eye(size, dtype=upper.dtype, device=backend.device(upper))
    upper = upper + eye * xp.astype(dead, upper.dtype)[..., None, :] * xp.where(scale > 0, scale, 1.0)[..., None] / (
        backend.epsilon(length)
    )
    return xp.linalg.solve(upper, right[..., None])[..., 0]
