r"""The exact row-space reduction: the dynamics of D value neurons in the N coordinates of the patterns.

With the dot product, g = v and no input current, v' = M^T f(M v) - l v: what is orthogonal to the patterns decays by
itself. With M^T = Q T (Q of shape (D, N) with orthonormal columns) the rest, y = Q^T v, moves by the same law with the
patterns T^T: M v = T^T y. Every fixed point lies in the row space, with the same energy, and its Hessian has the
eigenvalues of the small one and D - N times the leak.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..dynamics import backend
from ..dynamics.network import Network, Population
from ..dynamics.synapses import EquilibriumSynapse
from .field import Field, field


class Reduction(NamedTuple):
    """A field in fewer coordinates, x = basis y.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> whole = field(ModernHopfield(np.eye(2, 5)))
    >>> small = reduce(whole)
    >>> small.flow.size, small.lift(small.project(np.ones((1, 5)))), small.extra
    (2, array([[1., 1., 0., 0., 0.]]), 3)
    """

    flow: Field
    basis: np.ndarray | None = None  # (D, N) with orthonormal columns
    leak: float = 1.0

    @property
    def extra(self) -> int:
        """The number of directions that were left out, in which everything decays."""
        return 0 if self.basis is None else self.basis.shape[0] - self.basis.shape[1]

    def project(self, x: np.ndarray) -> np.ndarray:
        """x (..., D) to y."""
        return x if self.basis is None else x @ self.basis

    def lift(self, y: np.ndarray) -> np.ndarray:
        """y to x (..., D)."""
        return y if self.basis is None else y @ self.basis.T


def reduce(flow: Field) -> Reduction:
    r"""The field in its row space where that is exact and smaller; the field itself elsewhere.

    Exact for one population with g = v, a leak, no input current, and the dot product with N < D patterns.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> [reduce(field(UniversalHopfield(np.eye(2, 5), name))).flow.size for name in ("dot", "euclidean")]
    [2, 5]
    """
    network = flow.network
    if len(network.populations) != 1 or len(network.synapses) != 1 or not flow.plain:
        return Reduction(flow)
    ((name, p),), ((key, synapse),) = network.populations.items(), network.synapses.items()
    if not isinstance(synapse, EquilibriumSynapse) or not p.leak or p.bias is not None:
        return Reduction(flow)
    if len(synapse.between) != 1 or synapse.similarities[0].name != "dot":
        return Reduction(flow)
    rows = backend.to_numpy(synapse.memories[0])
    if rows.shape[0] >= rows.shape[1]:
        return Reduction(flow)
    basis, triangle = np.linalg.qr(rows.T)
    small = flow.asarray(np.ascontiguousarray(triangle.T))
    inner = EquilibriumSynapse(
        synapse.between, synapse.similarities, (small,), synapse.lagrangian, synapse.leak, synapse.bias
    )
    population = Population(p.lagrangian, rows.shape[0], p.tau, p.leak)
    answer = field(Network({name: population}, {key: inner}), patterns=small, differences=flow.differences)
    return Reduction(answer, basis, p.leak)
