r"""When an eigenvalue is zero: when rounding of the matrix, or of the point at which it was built, may change its sign.

An eigenvalue of H = l - S is known to some eps times the size of what cancels in it, whatever the others are. A point
is known along a mode w of eigenvalue mu to (\|r\| + rounding of r)/\|mu\|; where a move that far changes mu by half of
itself, as at a zero of x^2 or x^3, the zero may as well be degenerate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dynamics import backend
from ._field import Field
from ._relaxing import relaxed
from ._sphere import canonical

ROUNDINGS = 16  # eps times the size of a matrix that an eigenvalue may be wrong by
NEARLY = 10  # sqrt(eps) times that size below which the point's own rounding is looked at
AWAY = 0.05  # of the scale: where a degenerate point is left to see whether the flow comes back


def noise(flow: Field) -> float:
    """The relative rounding of derivatives: eps, or that of differences where they stand for some."""
    eps = backend.epsilon(flow.like)
    return max(flow.differences**2, eps / flow.differences) if flow.differenced else eps


def size_of(flow: Field, values: np.ndarray, timed: bool) -> np.ndarray:
    """The size (K,) of what cancels in eigenvalues (K, n): the largest, the leak, and the field's typical rate."""
    leaks = [float(p.leak) / (float(np.min(backend.to_numpy(p.tau))) if timed else 1.0) for p in _populations(flow)]
    least = max(*leaks, 1 / flow.clock if timed else flow.rate)
    return np.maximum(np.abs(values).max(axis=1, initial=0.0), least)


def blurred(
    flow: Field, x: np.ndarray, values: np.ndarray, vectors: np.ndarray, size: float, timed: bool
) -> np.ndarray:
    r"""Which eigenvalues (n,) at a zero x (D,) a move along their vectors (D, n) within rounding changes by half."""
    moves = _moves(flow, x, vectors)
    rounding = 4 * noise(flow) * size * float(np.linalg.norm(x))
    residual = flow.host(flow.velocity if timed else flow.residual, x[None])[0]
    with np.errstate(all="ignore"):
        reach = 2 * (float(np.linalg.norm(residual)) + rounding) / np.abs(values)
    reach = np.minimum(reach, AWAY * max(flow.scale, float(np.linalg.norm(x))))
    there = np.concatenate([x + sign * (reach * moves).T for sign in (1, -1)]).astype(x.dtype)
    here = np.broadcast_to(x, there.shape)
    product = flow.jacobian_product if timed else flow.hessian_product
    change = np.zeros(len(there))
    for part in (np.real(vectors), np.imag(vectors)) if np.iscomplexobj(vectors) else (vectors,):
        w = np.tile(part.T, (2, 1)).astype(x.dtype)
        change = change + np.sum(w * (flow.host(product, there, w) - flow.host(product, here, w)), axis=1)
    return np.asarray(np.abs(change).reshape(2, -1).max(axis=0) >= np.abs(np.real(values)) / 2)


def returns(flow: Field, x: np.ndarray, vectors: np.ndarray) -> bool:
    r"""Whether the flow comes back to a degenerate zero x (D,) along its modes (D, m) of eigenvalue 0.

    States 0.05 of the scale away, along each mode both ways and in eight mixtures of several, are relaxed; all must
    come nearer between the thirtieth and the sixtieth step. It is a look, not a proof.
    """
    modes = vectors.shape[1]
    parts = [np.eye(modes), -np.eye(modes)]
    if modes > 1:
        mixed = np.random.default_rng(0).standard_normal((8, modes))
        parts.append(mixed / np.linalg.norm(mixed, axis=1, keepdims=True))
    moves = np.concatenate(parts) @ _moves(flow, x, vectors).T
    begin = canonical(flow, (x + AWAY * flow.scale * moves).astype(x.dtype))
    middle, end = (np.linalg.norm(states - x, axis=-1) for states in relaxed(flow, begin, (30, 60)))
    nearer = end < middle * (1 - 64 * backend.epsilon(flow.like))
    return bool(np.all(nearer & (end < AWAY * flow.scale)))


def _moves(flow: Field, x: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Unit moves (D, n) of the state that belong to vectors of H (of the Jacobian where there is no H)."""
    if flow.symmetric and not flow.plain:
        y = np.ascontiguousarray(vectors.T).astype(x.dtype)
        vectors = flow.host(flow.expanded, np.broadcast_to(x, y.shape), np.zeros_like(y), y).T
    vectors = np.real(vectors)
    length = np.linalg.norm(vectors, axis=0)
    return vectors / np.where(length > 0, length, 1.0)


def _populations(flow: Field) -> Any:
    return flow.network.populations.values()
