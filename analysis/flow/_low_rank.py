r"""Exact spectra from small matrices: H = shift I - F S F^T, where F has as many columns as there are patterns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ._derivatives import split
from ._field import Field


class LowRank(NamedTuple):
    """H = shift I - F S F^T with F (D, P), known by the root K^(1/2) of its Gram matrix K = F^T F, and S (P, P).

    Examples
    --------
    >>> import numpy as np
    >>> low_rank_eigenvalues(LowRank(1.0, np.array([[2.0]]), np.array([[1.5]]), 3)).round(12)
    array([-5.,  1.,  1.])
    """

    shift: float
    root: np.ndarray
    core: np.ndarray
    size: int


def low_rank_eigenvalues(factors: LowRank) -> np.ndarray:
    r"""All D eigenvalues of shift I - F S F^T, sorted, from a P x P matrix with P <= D.

    Those of F S F^T that are not 0 are those of K^(1/2) S K^(1/2) with the Gram matrix K = F^T F; the other D - P
    eigenvalues of H are the shift.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> F, S = rng.normal(size=(7, 3)), np.diag([2.0, -1.0, 0.5])
    >>> found = low_rank_eigenvalues(LowRank(1.0, matrix_root(F.T @ F), S, 7))
    >>> np.allclose(found, np.linalg.eigvalsh(np.eye(7) - F @ S @ F.T))
    True
    """
    inner = np.sort(factors.shift - np.linalg.eigvalsh(factors.root @ factors.core @ factors.root))
    at = np.searchsorted(inner, factors.shift)
    return np.concatenate([inner[:at], np.full(factors.size - len(inner), factors.shift), inner[at:]])


def matrix_root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root of a positive semidefinite matrix.

    >>> import numpy as np
    >>> matrix_root(np.array([[4.0, 0.0], [0.0, 9.0]]))
    array([[2., 0.],
           [0., 3.]])
    """
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def low_rank(flow: Field, x: np.ndarray) -> LowRank | None:
    r"""The factors of H at one point x (1, D) where the coupling has fewer ranks than neurons; else None.

    One population joined to patterns M by the dot product: F = R^T M^T and S = L_h''(h)/l_h; by the squared distance
    with g = x: F = 2 (M - g)^T, shifted by 2 sum f. A population joined to itself by W = U diag(s) U^T of rank P, such
    as a sum of P outer products: F = R^T U, S = diag(s). Gram matrix and eigenvectors are computed once for a field.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> patterns = np.random.default_rng(0).normal(size=(3, 50))
    >>> flow = field(ModernHopfield(patterns, beta=2.0))
    >>> x = patterns.mean(0, keepdims=True)
    >>> np.allclose(low_rank_eigenvalues(low_rank(flow, x)), np.linalg.eigvalsh(flow.hessian(x)[0]))
    True
    """
    if not flow.symmetric or len(flow.network.populations) != 1 or len(flow.network.synapses) != 1:
        return None
    ((name, p),) = flow.network.populations.items()
    (synapse,) = flow.network.synapses.values()
    place = flow.asarray(x)
    g = p.lagrangian.activation(split(flow.network, place)[name])
    if synapse.coupling is not None:
        if "coupling" not in flow.cache:
            flow.cache["coupling"] = _factors(synapse.coupling)
        values, vectors = flow.cache["coupling"]
        if len(values) >= flow.size:
            return None
        return LowRank(p.leak, _root_of_gram(flow, x, vectors), np.diag(values), flow.size)
    if not synapse.adiabatic or len(synapse.between) != 1:
        return None
    similarity = synapse.similarities[0]
    rows = backend.to_numpy(similarity.patterns)
    if similarity.metric not in ("product", "square") or len(rows) >= flow.size:
        return None
    h = synapse.signal(g)
    core = _curvature_matrix(flow, synapse.lagrangian, h) / synapse.leak
    if similarity.metric == "product":
        return LowRank(p.leak, _root_of_gram(flow, x, rows.T), core, flow.size)
    if not p.lagrangian.identity:
        return None
    total = 2 * float(backend.to_numpy(synapse.lagrangian.activation(h)).sum())
    gaps = 2 * (rows - backend.to_numpy(g)).astype(float)
    return LowRank(p.leak + total, matrix_root(gaps @ gaps.T), core, flow.size)


def _root_of_gram(flow: Field, x: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(F^T F)^(1/2) of F = R^T columns."""
    if not flow.plain:
        rows = np.ascontiguousarray(columns.T)
        turned = flow.host(flow.reduced, np.broadcast_to(x, rows.shape), rows).astype(float)
        return matrix_root(turned @ turned.T)
    if "root" not in flow.cache:
        columns = columns.astype(float)
        flow.cache["root"] = matrix_root(columns.T @ columns)
    return flow.cache["root"]


def _curvature_matrix(flow: Field, lagrangian: Any, h: Any) -> np.ndarray:
    """L_h''(h) as a matrix (N, N)."""
    if lagrangian.law == "softmax":
        p = backend.to_numpy(lagrangian.activation(h)).astype(float).reshape(-1)
        return float(backend.to_numpy(lagrangian.beta)) * (np.diag(p) - np.outer(p, p))
    eye = np.eye(h.shape[-1], dtype=backend.to_numpy(flow.like).dtype)
    return backend.to_numpy(lagrangian.curvature(h, flow.asarray(eye))).astype(float)


def _factors(weights: Any) -> tuple[np.ndarray, np.ndarray]:
    """The eigenvalues of W that are not rounding, and their vectors."""
    matrix = backend.to_numpy(weights)
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    keep = np.abs(values) > 8 * len(values) * np.finfo(matrix.dtype).eps * np.abs(values).max(initial=0.0)
    return values[keep], vectors[:, keep]
