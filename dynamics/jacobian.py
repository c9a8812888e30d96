"""The Jacobian of a network's velocity, block by block, from the products that its parts give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import backend
from .backend import Array
from .network import Network


def jacobian(
    network: Network, states: Mapping[str, Array], clamp: Mapping[str, Any] | None = None
) -> dict[tuple[str, str], Array]:
    r"""d x_a'/d x_b for every pair of populations: shapes (..., n_a, n_b), keys (a, b).

    (1/tau_a) (dF_a/dg_b L_b'' - l_a delta_ab) in the local flow, with the synapses' `block` and the Lagrangians'
    curvature. All of it is formed: for small networks, tests, and solvers that want a matrix.

    Parameters
    ----------
    network : Network
        With flow "local".
    states : dict of arrays (..., n)
        One state for every population.
    clamp : dict of masks, optional
        Held neurons: their rows are 0.

    Raises
    ------
    TypeError
        On NumPy, where a synapse or Lagrangian gives no derivative by hand.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import LogCosh, Population, Recurrent
    >>> ring = Network({"x": Population(LogCosh(), 2)}, [Recurrent(("x",), np.array([[0.0, 2.0], [2.0, 0.0]]))])
    >>> jacobian(ring, {"x": np.zeros(2)})["x", "x"]
    array([[-1.,  2.],
           [ 2., -1.]])
    """
    if network.flow != "local":
        raise ValueError("The Jacobian of the gradient flow needs third derivatives: use the local flow.")
    xp = backend.namespace(*states.values())
    wide = {name: x[..., None, :] for name, x in states.items()}  # one more axis, over unit vectors
    evaluation = network.evaluate(wide)
    blocks = {}
    for source, p in network.populations.items():
        eye = xp.eye(p.size, dtype=states[source].dtype, device=backend.device(states[source]))
        unit = eye + xp.zeros_like(wide[source])
        bent = p.lagrangian.curvature(wide[source], unit)
        for target, q in network.populations.items():
            total: Any = -q.leak * unit if target == source else None
            for key, synapse in network.synapses.items():
                g, shared = network.joined(synapse, evaluation.activations), network.shared(key, evaluation)
                for k, end in enumerate(synapse.between):
                    for m, start in enumerate(synapse.between):
                        if (end, start) == (target, source):
                            change = synapse.block(k, m, bent, *g, **shared)
                            if change is not None:
                                total = change if total is None else total + change
            if total is None:
                total = xp.zeros_like(wide[target] + 0.0 * unit[..., :1])
            if q.leak == 0:
                total = q.lagrangian.tangent(wide[target], total)
            if clamp and target in clamp:
                total = xp.where(backend.asarray(clamp[target], total)[..., None, :], 0.0, total)
            blocks[target, source] = xp.matrix_transpose(total / q.tau)
    return blocks
