"""Whether parts that are not the library's own belong together: forces to energies, activations to values."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import backend
from .backend import Array
from .network import Network

DIRECTIONS = 3  # random directions in which a function is compared with its derivative
AGREE = 1e-3  # the relative difference that is taken for agreement
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
    fresh = [s for s in network.synapses.values() if s.conservative and s.smooth and _is_new(s)]
    lagrangians = [p.lagrangian for p in network.populations.values() if p.lagrangian.smooth and _is_new(p.lagrangian)]
    if not (fresh or lagrangians) or any(backend.is_traced(x) for x in states.values()):
        return
    with np.errstate(all="ignore"):
        for here in _places(states):
            for name, p in network.populations.items():
                if any(p.lagrangian is part for part in lagrangians):
                    _check_lagrangian(name, p.lagrangian, here[name])
            g = network.activations(here)
            for name, synapse in network.synapses.items():
                if any(synapse is part for part in fresh):
                    _check_synapse(name, synapse, network.joined(synapse, g))
    for part in (*fresh, *lagrangians):
        _remember(part)


def _places(states: Mapping[str, Array]) -> list[dict[str, Array]]:
    """The first sample, and a place beside it: a start at rest or on an axis of symmetry shows little."""
    rng = np.random.default_rng(1)
    first = {name: backend.namespace(x).reshape(x, (-1, x.shape[-1]))[:1] for name, x in states.items()}
    beside = {}
    for name, x in first.items():
        host = backend.to_numpy(x).astype(float)
        size = float(np.sqrt(np.mean(host**2))) or 1.0
        beside[name] = backend.asarray(host + 0.2 * size * rng.standard_normal(host.shape), x)
    return [first, beside]


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


def _check_synapse(name: str, synapse: Any, g: Sequence[Array]) -> None:
    given = synapse.energy_gradient(*g)
    if found := _disagreement(lambda *y: synapse.energy(*y), g, given):
        raise ValueError(
            f"The forces of synapse {name!r} ({type(synapse).__name__}) are not the gradient of its energy: along a "
            f"random direction the energy changes by {found[0]:.4g} a unit, and -forces say {found[1]:.4g}. Mend one "
            "of the two. If the forces have no energy (one-way connections, a velocity), let the synapse's "
            "`conservative` be False: it then runs without the energy guard."
        )


def _check_lagrangian(name: str, lagrangian: Any, x: Array) -> None:
    if found := _disagreement(lagrangian.value, [x], [lagrangian.activation(x)]):
        raise ValueError(
            f"The activation of {lagrangian!r} (population {name!r}) is not the gradient of its value: along a random "
            f"direction the value changes by {found[0]:.4g} a unit, and the activation says {found[1]:.4g}. Mend one "
            "of the two: energy and dynamics do not belong together as they are."
        )


def _disagreement(
    function: Callable[..., Array], at: Sequence[Array], given: Sequence[Array]
) -> tuple[float, float] | None:
    """The slope by differences and by `given` along the worst direction, where they differ beyond rounding."""
    rng, like = np.random.default_rng(0), at[0]
    eps = backend.epsilon(like)
    host = [backend.to_numpy(x).astype(float) for x in at]
    slopes = [backend.to_numpy(s).astype(float) for s in given]
    size = max(float(np.sqrt(np.mean(np.concatenate([x.ravel() for x in host]) ** 2))), 0.0) or 1.0
    step = eps ** (1 / 3) * size
    worst: tuple[float, float, float] | None = None
    for _ in range(DIRECTIONS):
        u = [rng.standard_normal(x.shape) for x in host]
        expected = float(sum(np.sum(s * d) for s, d in zip(slopes, u, strict=True)))
        values = {k: _value(function, like, host, u, k * step) for k in (-2, -1, 1, 2)}
        near, wide = (values[1] - values[-1]) / (2 * step), (values[2] - values[-2]) / (4 * step)
        found = (4 * near - wide) / 3
        noise = 20 * eps * max(abs(v) for v in values.values()) / step + 4 * abs(near - wide)
        gap = abs(found - expected) - AGREE * (abs(found) + abs(expected)) - noise
        if np.isfinite(gap) and gap > 0 and (worst is None or gap > worst[0]):
            worst = (gap, found, expected)
    return None if worst is None else worst[1:]


def _value(function: Callable[..., Array], like: Array, host: Sequence[Any], u: Sequence[Any], step: float) -> float:
    moved = [backend.asarray(x + step * d, like) for x, d in zip(host, u, strict=True)]
    return float(backend.to_numpy(backend.namespace(like).sum(function(*moved))))
