"""The spectral radius of a Jacobian of which products alone are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array

DENSE = 40  # up to so many neurons the matrix is made of products with the unit vectors
BASIS = 60  # of Arnoldi's method


def radii(product: Callable[[Array, Array], Array], states: Array) -> np.ndarray:
    """The largest modulus of the eigenvalues of u -> product(x, u) at each of the states (..., I): shape (...)."""
    size, batch = states.shape[-1], tuple(states.shape[:-1])
    xp = backend.namespace(states)
    rows = xp.reshape(states, (-1, size))
    found = np.empty(rows.shape[0])
    for k in range(rows.shape[0]):
        x = rows[k]

        def apply(u: np.ndarray, x: Array = x) -> np.ndarray:
            return backend.to_numpy(product(x, backend.asarray(u.reshape(-1), x))).astype(float)

        found[k] = _dense(product, x) if size <= DENSE else _arnoldi(apply, size)
    return found.reshape(batch)[()]


def _dense(product: Callable[[Array, Array], Array], x: Array) -> float:
    eye = backend.asarray(np.eye(x.shape[-1]), x)
    columns = backend.to_numpy(product(x + 0 * eye, eye)).astype(float)
    return float(np.abs(np.linalg.eigvals(columns)).max())


def _arnoldi(apply: Callable[[np.ndarray], np.ndarray], size: int) -> float:
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

    start = np.random.default_rng(0).standard_normal(size)
    if np.linalg.norm(apply(apply(start))) == 0:
        return 0.0
    operator = LinearOperator((size, size), matvec=apply, dtype=float)  # pyright: ignore[reportCallIssue]
    try:
        values = eigs(operator, k=2, ncv=min(size, BASIS), v0=start, maxiter=300, return_eigenvectors=False)
    except ArpackNoConvergence:
        columns = np.stack([apply(unit) for unit in np.eye(size)])
        values = np.linalg.eigvals(columns)
    return float(np.abs(values).max())
