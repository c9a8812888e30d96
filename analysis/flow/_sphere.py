r"""Fixed points that form rays: where the force sees the direction of a state alone, its length is a chart's, not ours.

With cosine and no leak the force on the value neurons is tangential and falls as 1/\|v\|, so that a fixed point times
any number is one, and the Jacobian is singular everywhere. `on_sphere` adds the energy (\|v\| - 1)^2/2, which the
sphere \|v\| = 1 minimises and no tangential direction sees: one fixed point of each ray is left, its Jacobian is
J - n n^T with n = v/\|v\|, and all that is written for plain fields works. Scales of patterns do not enter.

With a softmax of value neurons and no leak it is a constant added to all of them that no force sees (`levels`): a
fixed point is one of a line, and that of mean 0 stands for it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, static, structure
from ...dynamics.network import Network
from ...dynamics.synapses import Synapse
from ._derivatives import joined, split, unseen
from ._field import Field


@structure
class Length(Synapse):
    r"""E = (\|g\| - 1)^2/2: it holds the length of a state at one and leaves its direction free.

    >>> Length(("v",)).forces(np.array([0.0, 2.0]))
    (array([ 0., -1.]),)
    """

    between: tuple[str] = static()

    def energy(self, *g: Array) -> Array:
        """(\\|g\\| - 1)^2/2."""
        return (_norm(g[0])[..., 0] - 1) ** 2 / 2

    def forces(self, *g: Array) -> tuple[Array, ...]:
        """g/\\|g\\| - g."""
        return (g[0] / _norm(g[0]) - g[0],)

    def block(self, target: int, source: int, u: Array, *g: Array, **shared: Any) -> Array | None:
        """(u - n (n.u))/\\|g\\| - u with n = g/\\|g\\|."""
        xp, length = backend.namespace(u), _norm(g[0])
        n = g[0] / length
        return (u - n * xp.sum(n * u, axis=-1, keepdims=True)) / length - u


def _norm(g: Array) -> Array:
    xp = backend.namespace(g)
    square = xp.sum(g * g, axis=-1, keepdims=True)
    return xp.sqrt(xp.where(square > 0, square, 1.0))


def ray_population(network: Network) -> str | None:
    """The population whose length no force sees, so that fixed points form rays; None where there is none.

    >>> from hopfield.models import UniversalHopfield
    >>> names = "cosine", "dot"
    >>> [ray_population(UniversalHopfield(np.eye(2), name, tau_memory=0.0).network) for name in names]
    ['value', None]
    """
    for name, p in network.populations.items():
        seen = [(s, s.between.index(name)) for s in network.synapses.values() if name in s.between]
        free = not p.leak and p.bias is None and p.lagrangian.identity
        if free and seen and all(synapse.ray(position) for synapse, position in seen):
            return name
    return None


def held_somewhere(flow: Field) -> Field:
    r"""The field, unless all its states shrink to a point at which the force has no limit: that is refused.

    Where forces see the direction of a state alone they are tangential, so that with a leak l > 0 and no input current
    \|v\|^2 falls as exp(-2 l t/tau): there is no fixed point, and no direction that the state would keep.

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import UniversalHopfield
    >>> held_somewhere(field(UniversalHopfield(np.eye(2), "cosine", leak=0.5)))
    Traceback (most recent call last):
    ...
    ValueError: Only the leak of 0.5 acts on the length of 'value', whose similarity sees directions alone: ...
    """
    for name, p in flow.network.populations.items():
        seen = [(s, s.between.index(name)) for s in flow.network.synapses.values() if name in s.between]
        driven = p.bias is not None and bool(np.any(backend.to_numpy(p.bias)))
        if p.leak > 0 and p.lagrangian.identity and not driven and seen and all(s.ray(at) for s, at in seen):
            raise ValueError(
                f"Only the leak of {p.leak:g} acts on the length of {name!r}, whose similarity sees directions alone: "
                "every state shrinks to 0, where the force has no limit, so there is no fixed point and no basin. Use "
                "leak=0, where the fixed points are rays, or give a bias."
            )
    return flow


def sphere_population(network: Network) -> str | None:
    """The population whose length is free (`ray_population`) or held by `Length`; None where there is none.

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import UniversalHopfield
    >>> flow = on_sphere(field(UniversalHopfield(np.eye(2), "cosine")))
    >>> ray_population(flow.network), sphere_population(flow.network)
    (None, 'value')
    """
    held = (synapse.between[0] for synapse in network.synapses.values() if isinstance(synapse, Length))
    return ray_population(network) or next(held, None)


def own_synapses(network: Network) -> list[Any]:
    """The synapses of a network but `Length`, which `on_sphere` adds.

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import UniversalHopfield
    >>> network = on_sphere(field(UniversalHopfield(np.eye(2), "cosine"))).network
    >>> len(network.synapses), len(own_synapses(network))
    (2, 1)
    """
    return [synapse for synapse in network.synapses.values() if not isinstance(synapse, Length)]


def has_rays(flow: Field) -> bool:
    """Whether the state is one population's and its fixed points form rays (cosine with leak 0).

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import UniversalHopfield
    >>> [has_rays(field(UniversalHopfield(np.eye(2), name))) for name in ("dot", "cosine")]
    [False, True]
    """
    return len(flow.network.populations) == 1 and ray_population(flow.network) is not None


def on_sphere(flow: Field) -> Field:
    """The field with one fixed point of each ray, at length one; the field itself where there are no rays.

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import UniversalHopfield
    >>> flow = on_sphere(field(UniversalHopfield(100 * np.eye(2), "cosine", beta=2.0)))
    >>> flow.scale, np.linalg.eigvalsh(flow.jacobian(np.array([0.6, 0.6]) / 0.72**0.5)).round(9)
    (1.0, array([-1.        ,  0.29289322]))
    """
    name = ray_population(flow.network)
    if name is None:
        return flow
    synapses = {**flow.network.synapses, "length": Length((name,))}
    network = Network(flow.network.populations, synapses)
    patterns = None if flow.patterns is None else flow.asarray(unit(backend.to_numpy(flow.patterns)))
    return dataclasses.replace(flow, network=network, patterns=patterns, scale=1.0, cache={})


def columns(flow: Field) -> slice | None:
    """The coordinates of x whose length is free, or held by `Length`; None where there are none."""
    name = sphere_population(flow.network)
    if name is None:
        return None
    at = 0
    for other, p in flow.network.populations.items():
        if other == name:
            break
        at += p.size
    return slice(at, at + flow.network.populations[name].size)


def neutral(flow: Field, x: np.ndarray, reduced: bool = False) -> list[np.ndarray]:
    """Unit directions (B, D) that are no matter of the flow: the radial one of `columns`, the constants of `levels`.

    With `reduced` those of the reduced operator H = l - R^T B R, where R n = 0.

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import UniversalHopfield
    >>> neutral(field(UniversalHopfield(np.eye(2), "cosine")), np.array([[3.0, 4.0]]))[0].round(9)
    array([[0.6, 0.8]])
    """
    where, found = columns(flow), []
    if where is not None:
        found.append(np.zeros_like(x))
        found[0][..., where] = unit(x[..., where])
    at = 0
    for name, p in flow.network.populations.items():
        if name in levels(flow.network):
            found.append(np.zeros_like(x))
            part = slice(at, at + p.size)
            found[-1][..., part] = p.size**-0.5
            if reduced:
                found[-1][..., part] = backend.to_numpy(unseen(p, flow.asarray(x[..., part])))
        at += p.size
    return found


def levels(network: Network) -> list[str]:
    """The populations that no force sees moved by a constant, and whose velocity has no part along the constants."""
    return [name for name, p in network.populations.items() if p.leak == 0 and p.lagrangian.shift_invariant]


def levelled(flow: Field, x: Array) -> Array:
    """States (..., D) with the mean of every population of `levels` taken off; x itself where there is none."""
    names = levels(flow.network)
    if not names:
        return x
    xp, states = backend.namespace(x), split(flow.network, x)
    return joined(
        flow.network,
        {n: s - xp.mean(s, axis=-1, keepdims=True) if n in names else s for n, s in states.items()},
    )


def canonical(flow: Field, x: np.ndarray) -> np.ndarray:
    """One point (..., D) of each ray, of the scale's length, and of each line of `levels`; else x itself.

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import UniversalHopfield
    >>> flow = field(UniversalHopfield(10 * np.eye(2), "cosine"))
    >>> canonical(flow, np.array([[0.3, 0.4]])), canonical(on_sphere(flow), np.array([[0.3, 0.4]]))
    (array([[6., 8.]]), array([[0.6, 0.8]]))
    """
    where, x = columns(flow), levelled(flow, x)
    if where is None:
        return x
    answer = np.array(x)
    answer[..., where] = flow.scale * unit(answer[..., where])
    return answer


def slid(flow: Field, x: np.ndarray, dx: np.ndarray) -> np.ndarray:
    """x + dx (B, D), but for rays at the length that x had, and on the sphere at length one."""
    where, moved = columns(flow), levelled(flow, x + dx)
    if where is not None and ray_population(flow.network) is None:
        return canonical(flow, moved)
    if where is not None:
        length = np.linalg.norm(x[:, where], axis=1, keepdims=True)
        after = np.linalg.norm(moved[:, where], axis=1, keepdims=True)
        moved[:, where] *= np.where((length > 0) & (after > 0), length / np.where(after > 0, after, 1), 1)
    return moved


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows (B, I) scaled to length one, however large or small they are; a row of zeros stays."""
    largest = np.abs(rows).max(axis=-1, keepdims=True, initial=0.0)
    rows = rows / np.where(largest > 0, largest, 1)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(length > 0, length, 1)
