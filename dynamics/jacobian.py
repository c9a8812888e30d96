"""The Jacobian of a network's local flow, from the blocks that its synapses give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import backend
from .backend import Array
from .contracts import Lagrangian
from .network import Evaluation, Network, Population, States

Blocks = dict[tuple[str, str], Array]


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
    with_axis = _wide(flat, network.evaluate(flat))
    for source, p in network.populations.items():
        x = flat[source]
        eye = xp.eye(p.size, dtype=x.dtype, device=backend.device(x))
        columns = _columns(network, source, xp.zeros_like(x)[:, None, :] + eye, *with_axis)
        for target, change in columns.items():
            if clamp and target in clamp:
                mask = backend.asarray(clamp[target], change)
                mask = xp.broadcast_to(mask, (*batch, network.populations[target].size))
                change = xp.where(xp.reshape(mask, (-1, 1, mask.shape[-1])), 0.0, change)
            block = xp.matrix_transpose(change)
            found[target, source] = xp.reshape(block, (*batch, *block.shape[-2:]))
    return found


def _wide(states: States, evaluation: Evaluation) -> tuple[dict[str, Array], Evaluation]:
    """Everything (B, ...) as (B, 1, ...), beside which the columns of a block find room."""
    return backend.map_leaves(lambda x: x[:, None, ...], (dict(states), evaluation))


def _columns(
    network: Network, source: str, directions: Array, states: dict[str, Array], evaluation: Evaluation
) -> dict[str, Array]:
    """The change (B, n_source, n_target) of each velocity along `directions` in the state of `source`."""
    xp = backend.namespace(directions)
    along = network.populations[source].lagrangian.curvature(states[source], directions)
    forces: dict[str, Any] = {}
    for key, synapse in network.synapses.items():
        g, shared = network.joined(synapse, evaluation.activations), network.shared(key, evaluation)
        for m, origin in enumerate(synapse.between):
            for k, target in enumerate(synapse.between):
                change = synapse.block(k, m, along, *g, **shared) if origin == source else None
                if change is not None:
                    forces[target] = change if target not in forces else forces[target] + change
    answer = {}
    for name, p in network.populations.items():
        if name in forces:
            change = xp.broadcast_to(forces[name], (*directions.shape[:-1], p.size))
        else:
            change = directions[..., :1] * xp.zeros_like(states[name])
        if p.leak != 0:
            change = change - p.leak * directions if name == source else change
        elif name == source and _turns(p):
            change = _own(network, name, states, directions)
        else:
            change = p.lagrangian.tangent(states[name], change)
        answer[name] = change / p.tau
    return answer


def _turns(p: Population) -> bool:
    """Whether the directions that `tangent` takes out depend on the state."""
    return type(p.lagrangian).tangent is not Lagrangian.tangent and not p.lagrangian.shift_invariant


def _own(network: Network, name: str, states: dict[str, Array], directions: Array) -> Array:
    """The change of a residual along directions in its own population's state, all of it by autodiff."""
    xp = backend.namespace(directions)
    start = states[name] + xp.zeros_like(directions)
    what = f"the Jacobian of {type(network.populations[name].lagrangian).__name__} with leak 0"
    return backend.directional(lambda y: network.residual({**states, name: y})[name], start, directions, what)
