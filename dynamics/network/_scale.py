"""The sizes by which speeds, moves and errors are measured, so that nothing depends on the units of the patterns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import backend
from ..backend import Array
from ..backend import rms as rms
from ..lagrangians import Lagrangian
from ._network import Network


class Scale(NamedTuple):
    """The rms of a population's states and activations: numbers, or numbers (B,) of samples.

    `pace` is the time, in units of tau, in which forces of size one move a state by its scale; 1 where forces grow with
    the states.
    """

    state: Any
    activation: Any
    pace: Any = 1.0


Scales = Mapping[str, Scale | None]  # None where only the direction of a state counts


def relative(part: Array, whole: Array) -> Array:
    """part/whole, and 0 where both are 0.

    >>> import numpy as np
    >>> relative(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
    array([0.5, 0. ])
    """
    xp = backend.namespace(part, whole)
    nothing = (whole == 0) & (part == 0)
    return xp.where(nothing, 0.0, part) / xp.where(nothing, 1.0, whole)


def scales(network: Network, start: Mapping[str, Array]) -> dict[str, Scale | None]:
    """For each population how large its states and activations are.

    Activations are as large as the patterns that a synapse compares them with, or as those of the start where no
    synapse says; so are states where g = x, and else as large as the start. None stands where every force sees the
    direction of the state alone and nothing else acts on it.

    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> patterns, start = np.array([[3.0, -3.0]]), {"value": np.ones((1, 2))}
    >>> for similarity in ("euclidean", "cosine"):
    ...     scales(UniversalHopfield(patterns, similarity, tau_memory=0.0).network, start)
    {'value': Scale(state=3.0, activation=3.0, pace=1.0)}
    {'value': None}
    """
    found: dict[str, Scale | None] = {}
    for name, p in network.populations.items():
        ends = [(s, k) for s in network.synapses.values() for k, joined in enumerate(s.between) if joined == name]
        extents = [extent for synapse, k in ends if (extent := synapse.extent(k)) is not None]
        extent = max(extents, default=None)
        if ends and p.leak == 0 and p.bias is None and all(synapse.ray(k) for synapse, k in ends):
            found[name] = None
        elif extent is not None and p.lagrangian.identity:
            found[name] = Scale(extent, extent, pace(network, name))
        else:
            state, activation = backend.compiled(_sizes, start[name])(None, p.lagrangian, start[name])
            found[name] = Scale(state, activation if extent is None else extent)
    return found


def pace(network: Network, name: str) -> float:
    """The time, in units of tau, in which a population moves by its size, as far as that goes with the patterns' units.

    Where nothing leaks, sums of signs move a state by its scale in a time in proportion to it, and forces that see the
    direction of a state alone turn it in a time in proportion to its squared length; all others need 1. So do
    patterns whose squares are at the ends of float64.

    >>> from hopfield.models import UniversalHopfield
    >>> for similarity in ("euclidean", "manhattan", "cosine"):
    ...     pace(UniversalHopfield([[3.0, -3.0]], similarity).network, "value")
    1.0
    3.0
    18.0
    """
    p = network.populations[name]
    ends = [(s, k) for s in network.synapses.values() for k, joined in enumerate(s.between) if joined == name]
    extent = max((extent for synapse, k in ends if (extent := synapse.extent(k)) is not None), default=0.0)
    if not 1e-100 < extent < 1e100 or p.leak != 0 or p.bias is not None or not p.lagrangian.identity:
        return 1.0
    if all(synapse.ray(k) for synapse, k in ends):
        return p.size * float(extent) ** 2  # the mean of the patterns' |v|^2: a direction turns by one in tau |v|^2
    return float(extent) if all(synapse.answer(k).degree == 0 for synapse, k in ends) else 1.0


def _sizes(_: None, lagrangian: Lagrangian, x: Array) -> tuple[Array, Array]:
    """The rms of states and of their activations."""
    return rms(x), rms(lagrangian.activation(x))


def tolerance(like: Array) -> float:
    """The default tolerance of a steady state: 1e-6 in float64, 1e-4 in float32."""
    return 1e-6 if backend.epsilon(like) < 1e-10 else 1e-4
