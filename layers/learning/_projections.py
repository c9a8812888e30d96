"""Projections in closed form, or as the minimum of a convex loss: what each pattern must recall."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import solve
from scipy.optimize import minimize

from ...dynamics import backend


def ridge(weights: np.ndarray, targets: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    r"""P = (F^T F + l)^-1 F^T Y, which minimises \|F P - Y\|^2 + l \|P\|^2, and the minimum, for weights F (B, N)."""
    inner = weights.T @ weights + penalty * np.eye(weights.shape[1])
    found = solve(inner, weights.T @ targets, assume_a="pos")
    return found, float(((weights @ found - targets) ** 2).sum() + penalty * (found**2).sum())


def kernel_ridge(kernel: np.ndarray, targets: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    r"""P = (K + l)^-1 Y, which minimises \|K P - Y\|^2 + l tr(P^T K P) for a kernel K (N, N), and the minimum."""
    gap = float(np.abs(kernel - kernel.T).max())
    if gap > 1e-6 * float(np.abs(kernel).max()):
        raise ValueError(
            f"The weights of the patterns by one another are no kernel: they are not symmetric, by {gap:.2g}. Use a "
            "separation that acts on each score alone, such as 'exponential', or loss='ridge'."
        )
    found = solve(kernel + penalty * np.eye(len(kernel)), targets)
    return found, float(((kernel @ found - targets) ** 2).sum() + penalty * (found * (kernel @ found)).sum())


def logistic(weights: np.ndarray, targets: np.ndarray, penalty: float) -> tuple[np.ndarray, float, str]:
    r"""P that minimises sum ln(1 + e^(-Y (F P))) + (l/2) \|P\|^2 for targets of +-1, by L-BFGS, and the minimum."""
    if not np.isin(targets, (-1.0, 1.0)).all():
        raise ValueError(
            f"A logistic projection is of targets -1 and 1, and these go from {targets.min():g} to {targets.max():g}: "
            "write numpy.where(targets > 0.5, 1.0, -1.0)."
        )
    shape = (weights.shape[1], targets.shape[1])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        p = flat.reshape(shape)
        margins = targets * (weights @ p)
        pull = -targets * np.exp(-np.logaddexp(0.0, margins))
        value = np.logaddexp(0.0, -margins).sum() + penalty / 2 * (p**2).sum()
        return float(value), (weights.T @ pull + penalty * p).ravel()

    done: Any = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return done.x.reshape(shape), float(done.fun), "" if done.success else str(done.message)


def host(array: Any) -> np.ndarray:
    """An array of any library in double precision."""
    return backend.to_numpy(array).astype(float)
