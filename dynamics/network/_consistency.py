"""Whether parts that are not the library's own belong together: forces to energies, activations to values."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from ._belonging import strangers
from ._network import Network

_seen: weakref.WeakSet[Any] = weakref.WeakSet()


def check_parts(network: Network, states: Mapping[str, Array]) -> None:
    r"""Refuse a synapse whose forces are not -dE/dg, and a Lagrangian whose activation is not dL/dx.

    Only parts that do not say `checked` are looked at, and each once: at the first sample of `states` and beside it,
    by central differences in random directions. A part that jumps or has no finite value there is left alone, and so
    is a synapse that says that it is not `conservative`.

    Raises
    ------
    ValueError
        With the name of the part and both numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import Population, Quadratic, Synapse
    >>> class Push(Synapse):
    ...     between = ("x",)
    ...     def energy(self, g):
    ...         return 0 * g.sum(-1)
    ...     def forces(self, g):
    ...         return (1.0 + 0 * g,)
    >>> check_parts(Network({"x": Population(Quadratic(), 2)}, {"push": Push()}), {"x": np.zeros(2)})
    Traceback (most recent call last):
    ValueError: The forces of synapse 'push' (Push) are not the gradient of its energy...
    """
    synapses = {name: s for name, s in network.synapses.items() if s.conservative and s.smooth and _is_new(s)}
    lagrangians = {name: p.lagrangian for name, p in network.populations.items() if _is_new(p.lagrangian)}
    parts = {**synapses, **{name: part for name, part in lagrangians.items() if part.smooth}}
    if not parts or any(backend.is_traced(x) for x in states.values()):
        return
    for wrong in strangers(network, _places(states), only=tuple(parts)):
        raise ValueError(
            f"{wrong[0].upper()}{wrong[1:]}. Mend one of the two. If the forces of a synapse have no energy (one-way "
            "connections, a velocity), let its `conservative` be False: it then runs without the energy guard."
        )
    for part in parts.values():
        _remember(part)


def _places(states: Mapping[str, Array]) -> dict[str, Array]:
    """The first sample, and a place beside it: a start at rest or on an axis of symmetry shows little."""
    rng, found = np.random.default_rng(1), {}
    for name, x in states.items():
        host = backend.to_numpy(backend.namespace(x).reshape(x, (-1, x.shape[-1]))[:1]).astype(float)
        size = float(np.sqrt(np.mean(host**2))) or 1.0
        beside = host + 0.2 * size * rng.standard_normal(host.shape)
        found[name] = backend.asarray(np.concatenate([host, beside]), x)
    return found


def _is_new(part: Any) -> bool:
    try:
        return not part.checked and part not in _seen
    except TypeError:  # a class that cannot be hashed is looked at each time
        return True


def _remember(part: Any) -> None:
    try:
        _seen.add(part)
    except TypeError:
        return
