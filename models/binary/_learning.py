"""Learning rules of the classical Hopfield network: from +-1 patterns (N, I) to couplings W (I, I).

Every rule is scaled so that the field of a stored pattern is about the pattern itself, (W xi)_i xi_i of order
one: for +-1 neurons the scale is of no account, and graded neurons of gain beta mean the same under all rules.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import solvable


def hebbian(patterns: Array) -> Array:
    r"""W = M^T M/I: each pattern adds the products of its neurons.

    Random patterns are recalled with few errors up to N = 0.138 I. Orthogonal ones satisfy W xi = xi exactly.

    References
    ----------
    Hopfield 1982, PNAS 79:2554, doi:10.1073/pnas.79.8.2554. Amit, Gutfreund & Sompolinsky 1985,
    doi:10.1103/PhysRevLett.55.1530.
    """
    return patterns.T @ patterns / patterns.shape[1]


def pseudo_inverse(patterns: Array) -> Array:
    r"""W = M^+ M, the orthogonal projection onto the span of the patterns: W xi = xi for each of them.

    So every set of linearly independent patterns is stored, N <= I, however alike they are.

    References
    ----------
    Personnaz, Guyon & Dreyfus 1985, J. Physique Lett. 46:L359, doi:10.1051/jphyslet:01985004608035900.
    Kanter & Sompolinsky 1987, Phys. Rev. A 35:380, doi:10.1103/PhysRevA.35.380.
    """
    solvable("The pseudo-inverse", patterns)
    xp = backend.namespace(patterns)
    _, sizes, axes = xp.linalg.svd(patterns, full_matrices=False)
    # Axes whose size is that of rounding belong to patterns that depend on one another.
    kept = sizes > backend.epsilon(patterns) * max(patterns.shape) * xp.max(sizes)
    axes = axes * xp.astype(kept, patterns.dtype)[:, None]
    return axes.T @ axes


def storkey(patterns: Array) -> Array:
    r"""Patterns learnt one after the other, each corrected by the fields that it meets already.

    ::

        W_ij += (xi_i xi_j - xi_i h_ji - h_ij xi_j)/I,    h_ij = sum_{k != i, j} W_ik xi_k.

    Local and incremental like the Hebbian rule, with a capacity of about I/sqrt(2 ln I) patterns where that
    rule's (without errors) is I/(2 ln I). The result depends a little on the order of the patterns.

    References
    ----------
    Storkey 1997, ICANN, LNCS 1327:451, doi:10.1007/BFb0020196. Storkey & Valabregue 1999, Neural Networks
    12:869, doi:10.1016/S0893-6080(99)00038-6.
    """
    xp = backend.namespace(patterns)
    size = patterns.shape[1]
    weights = backend.full((size, size), 0.0, patterns)
    eye = xp.eye(size, dtype=patterns.dtype, device=backend.device(patterns))
    for k in range(patterns.shape[0]):
        xi = patterns[k]
        inner = weights * (1 - eye)
        # For i = j the excluded k is one and the same, which the diagonal of W, left out above, already is.
        h = (inner @ xi)[:, None] - inner * xi
        weights = weights + (xi[:, None] * xi - xi[:, None] * h.T - h * xi) / size
    return weights


class Perceptron(NamedTuple):
    """What perceptron learning came to: couplings, the least margin reached, the epochs used, and whether it did."""

    weights: np.ndarray
    margin: float
    epochs: int
    reached: bool


def perceptron(patterns: Any, margin: float = 0.5, max_epochs: int = 1000, symmetric: bool = True) -> Perceptron:
    r"""Couplings without a diagonal that give every neuron of every pattern a margin kappa (Gardner's stability).

    ::

        xi_i (W xi)_i/|W_i| > kappa,    |W_i| the 2-norm of row i

    is reached by perceptron steps: where it fails for pattern xi, W_ij += e_i xi_i xi_j with e_i = 1, else 0;
    symmetric couplings add (e_i + e_j) xi_i xi_j, and keep an energy. A larger margin makes larger basins. Rows on
    their own reach every kappa for which couplings exist, up to N = 2 I random patterns at kappa = 0 (for symmetric
    couplings less is possible, and convergence is proved for kappa = 0 only). W is scaled at the end so that
    xi_i (W xi)_i is 1 on average.

    References
    ----------
    Gardner 1988, J. Phys. A 21:257, doi:10.1088/0305-4470/21/1/030. Gardner, Gutfreund & Yekutieli 1989,
    J. Phys. A 22:1995, doi:10.1088/0305-4470/22/12/003.
    """
    xi = backend.to_numpy(patterns, "The perceptron rule").astype(float)
    weights = np.zeros((xi.shape[1], xi.shape[1]))  # whole numbers until the end, so that a field of 0 is exactly 0
    epochs, wrong = 0, True
    while wrong and epochs < max_epochs:
        epochs, wrong = epochs + 1, False
        for pattern in xi:
            fields = pattern * (weights @ pattern)
            failed = fields <= margin * np.sqrt(np.einsum("ij,ij->i", weights, weights))
            if failed.any():
                wrong, e = True, failed.astype(float)
                weights += (e[:, None] + e if symmetric else e[:, None]) * pattern[:, None] * pattern
                np.fill_diagonal(weights, 0.0)
    norms = np.linalg.norm(weights, axis=1)
    fields = xi * (xi @ weights.T)
    least = float((fields / np.where(norms > 0, norms, 1.0)).min())
    mean = fields.mean()
    return Perceptron(weights / mean if mean > 0 else weights, least, epochs, not wrong)
