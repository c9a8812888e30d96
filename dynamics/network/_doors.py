"""What the methods of a network take: states of its populations, masks of a clamp; and what its synapses must say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, shown, unknown_name
from ..doors import booleans, floating, kind, mapping
from ..synapses import Synapse


def fitting(network: Any, states: Any) -> dict[str, Array]:
    """States of the right names, widths, dtype and library, in the network's order; NaN and infinities included."""
    populations = network.populations
    states = mapping("The states", states, f'{{"{next(iter(populations))}": x, ...}}')
    if missing := set(populations) ^ set(states):
        raise ValueError(
            f"The states must be of {list(populations)}, got {list(states)}: {sorted(missing)} do not agree."
        )
    like = next((array for array in backend.arrays(network) if array.ndim), None)
    checked: dict[str, Array] = {}
    for name, p in populations.items():
        x = floating(f"state {name!r}", states[name], like)
        like = x if like is None else like
        if x.ndim == 0 or x.shape[-1] != p.size:
            raise ValueError(
                f"state {name!r} has shape {tuple(x.shape)} but must be (..., {p.size}): population {name!r} has "
                f"{p.size} neurons."
            )
        checked[name] = x
    try:
        np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in checked.values()))
    except ValueError:
        told = ", ".join(f"{name} {tuple(x.shape)}" for name, x in checked.items())
        raise ValueError(f"The batch axes of the states do not fit: {told}. Give all the same.") from None
    return checked


def clamped(network: Any, clamp: Any, states: Mapping[str, Array]) -> dict[str, Array]:
    """The masks of a clamp, which broadcast to the batch of the states; a bare mask is of the first population."""
    populations = network.populations
    if isinstance(clamp, str) and clamp in populations:
        raise TypeError(f'clamp={clamp!r} names a population: hold all of it with clamp={{"{clamp}": True}}.')
    clamp = clamp if isinstance(clamp, Mapping) else {next(iter(populations)): clamp}
    batch = np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in states.values()))
    found = {}
    for name, mask in clamp.items():
        if not isinstance(name, str) or name not in populations:
            raise unknown_name("population to clamp", name, populations)
        size = populations[name].size
        example = (
            f'For its {size} neurons write clamp={{"{name}": True}}, or give a mask (..., {size}) of bools such as '
            f"numpy.arange({size}) < 1."
        )
        found[name] = booleans(f"The clamp of {name!r}", mask, (*batch, size), states[name], example)
    return found


def given(self: Any, states: Any, *rest: Any, **options: Any) -> Any:
    """States that fit the network, and a clamp of masks, for a method that is called by itself."""
    states = fitting(self, states)
    if rest and isinstance(rest[0], Mapping):
        rest = (clamped(self, rest[0], states), *rest[1:])
    if isinstance(options.get("clamp"), Mapping):
        options["clamp"] = clamped(self, options["clamp"], states)
    for value in (*rest, *options.values()):
        if value is not None and not isinstance(value, Mapping) and not hasattr(value, "signals"):
            raise TypeError(f"After the states come a clamp (a dict of masks) or a Point, got {shown(value)}.")
    return (self, states, *rest), options


def joining(name: str, synapse: Any) -> None:
    """Refuse what is no synapse, or does not say which populations it joins."""
    kind(name, synapse, Synapse, 'a synapse such as Recurrent(("x",), W)')
    ends = getattr(synapse, "between", None)
    if not isinstance(ends, tuple | list) or not ends or not all(isinstance(end, str) for end in ends):
        raise TypeError(f"{name} must say `between`, a tuple of names of populations, got {shown(ends)}.")
    if len(synapse.sizes) != len(ends):
        raise ValueError(f"{name} joins {len(ends)} populations, {tuple(ends)}, but has {len(synapse.sizes)} sizes.")
