"""The Jacobian of a network's local flow, from the blocks that its synapses give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from ..doors import door, kind
from ._doors import clamped, fitting
from ._flow import States
from ._linearised import Linearised
from ._network import Network

Blocks = dict[tuple[str, str], Array]


def _given(network: Any, states: Any, clamp: Any = None) -> Any:
    kind("network", network, Network, "a Network, such as memory.network")
    states = fitting(network, states)
    return (network, states, None if clamp is None else clamped(network, clamp, states)), {}


@door(_given)
def jacobian(network: Network, states: States, clamp: Mapping[str, Any] | None = None) -> Blocks:
    r"""How the velocity of each population changes with the state of each, for the local flow.

    The block of a target t and a source s is (B_ts L_s'' - l_t delta_ts)/tau_t, where B_ts is how the forces on t
    change with the activation of s; it is projected like the velocity where t has leak 0. The rows of clamped
    neurons are zero. It costs the products of a velocity for every neuron of the network, and is for small ones.

    Parameters
    ----------
    network : Network
        With ``flow="local"``. On NumPy its synapses and Lagrangians need hand-written derivatives, as those of
        hopfield have.
    states : dict of arrays (..., n)
        Where; forces must be smooth there.
    clamp : dict of masks, optional
        As in `simulate`.

    Returns
    -------
    dict
        Under (target, source) an array (..., n_target, n_source), for every pair.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import Bilinear, Network, Population, Quadratic
    >>> pair = Network(
    ...     {"a": Population(Quadratic(), 2), "b": Population(Quadratic(), 1, tau=0.5)},
    ...     [Bilinear(("a", "b"), np.array([[3.0], [4.0]]))],
    ... )
    >>> blocks = jacobian(pair, {"a": np.zeros(2), "b": np.zeros(1)})
    >>> np.block([[blocks[t, s] for s in ("a", "b")] for t in ("a", "b")])
    array([[-1.,  0.,  3.],
           [ 0., -1.,  4.],
           [ 6.,  8., -2.]])
    """
    if network.flow != "local":
        raise ValueError(
            "The Jacobian of the gradient flow needs third derivatives of the Lagrangians. Build the network with "
            "flow='local', whose fixed points are the same wherever L'' is not singular."
        )
    batch = np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in states.values()))
    xp = backend.namespace(*states.values())
    flat = {n: xp.reshape(xp.broadcast_to(x, (*batch, x.shape[-1])), (-1, x.shape[-1])) for n, x in states.items()}
    found: Blocks = {}
    flow = network.bound()
    linear = Linearised(flow, flow.at(flat)).widened()
    for source, p in network.populations.items():
        x = flat[source]
        eye = xp.eye(p.size, dtype=x.dtype, device=backend.device(x))
        directions = xp.zeros_like(x)[:, None, :] + eye
        for target, change in linear.changes(network.populations, {source: directions}).items():
            here = network.populations[target]
            change = xp.broadcast_to(change, (*directions.shape[:-1], here.size))
            if target == source and here.leak != 0:
                change = change - here.leak / here.tau * directions
            if clamp and target in clamp:
                mask = backend.asarray(clamp[target], change)
                mask = xp.broadcast_to(mask, (*batch, here.size))
                change = xp.where(xp.reshape(mask, (-1, 1, mask.shape[-1])), 0.0, change)
            block = xp.matrix_transpose(change)
            found[target, source] = xp.reshape(block, (*batch, *block.shape[-2:]))
    return found
