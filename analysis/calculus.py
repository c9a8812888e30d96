r"""Functions of (settings, network, x) behind `Field`: each is compiled by itself where the library compiles.

`settings` is hashable and part of the program: for derivatives, whether the time constants are in, and for central
differences their relative step and the length of a typical state (None for none).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.flow import Flow, Point, Wire
from ..dynamics.network import Network, Population
from ..dynamics.shifted import softmax

LARGEST_ROOT = 512  # neurons of a population whose L'' is taken apart as a dense matrix


def split(network: Network, x: Array) -> dict[str, Array]:
    """A vector (..., D) as the states of a network's populations.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> {name: part.shape for name, part in split(ModernHopfield(np.eye(3)).network, np.zeros(6)).items()}
    {'value': (3,), 'memory': (3,)}
    """
    if len(network.populations) == 1:
        return {next(iter(network.populations)): x}
    answer, at = {}, 0
    for name, p in network.populations.items():
        answer[name] = x[..., at : at + p.size]
        at += p.size
    return answer


def joined(network: Network, states: Mapping[str, Array]) -> Array:
    """The states of a network's populations as one vector (..., D).

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> joined(ModernHopfield(np.eye(2)).network, {"value": np.ones(2), "memory": np.zeros(2)})
    array([1., 1., 0., 0.])
    """
    parts = [states[name] for name in network.populations]
    return parts[0] if len(parts) == 1 else backend.namespace(*parts).concat(parts, axis=-1)


def _activation(_: Any, network: Network, x: Array) -> Array:
    return joined(network, network.activations(split(network, x)))


def _velocity(_: Any, network: Network, x: Array) -> Array:
    return joined(network, network.velocity(split(network, x)))


def _residual(_: Any, network: Network, x: Array) -> Array:
    return joined(network, network.residual(split(network, x)))


def _energy(_: Any, network: Network, x: Array) -> Array:
    return network.energy(split(network, x))


def _changed(flow: Flow, point: Point, along: Mapping[str, Array], step: Any) -> dict[str, Array]:
    """B u: how the forces on every population change along u in the activations."""
    xp, total = backend.namespace(*along.values()), {}
    for wire in flow.wires:
        for source, origin in enumerate(wire.between):
            for target, name in enumerate(wire.between):
                change = _block(wire, point, target, source, along[origin], step)
                if change is not None:
                    total[name] = change if name not in total else total[name] + change
    return {n: total[n] if n in total else xp.zeros_like(along[n]) for n in flow.populations}


def _block(wire: Wire, point: Point, target: int, source: int, u: Array, step: Any) -> Array | None:
    try:
        return wire.ask(wire.block, point, target, source, u)
    except TypeError:  # NumPy, and no derivative given
        if step is None:
            raise
    g = [point.activations[name] for name in wire.between]
    return _difference(wire.synapse, target, source, u, g, step)


def _difference(synapse: Any, target: int, source: int, u: Array, g: list[Array], step: tuple[float, float]) -> Array:
    u, *g = backend.batched(u, *g)
    length = np.sqrt(np.sum(u * u, axis=-1, keepdims=True))
    relative, scale = step
    size = np.sqrt(np.mean(g[source] ** 2, axis=-1, keepdims=True))
    move = relative * np.maximum(scale / g[source].shape[-1] ** 0.5, size)
    unit = u / np.where(length > 0, length, 1.0)
    ends = [synapse.forces(*g[:source], g[source] + s * move * unit, *g[source + 1 :])[target] for s in (1, -1)]
    return (ends[0] - ends[1]) * (length / (2 * move))


def _jacobian_product(settings: Any, network: Network, x: Array, u: Array) -> Array:
    timed, step = settings
    flow, along = network.bound(), split(network, u)
    point = flow.at(split(network, x))
    turned = {n: p.lagrangian.curvature(point.states[n], along[n]) for n, p in network.populations.items()}
    change = _changed(flow, point, turned, step)
    turning = [n for n, p in network.populations.items() if p.leak == 0 and p.lagrangian.turns]
    forces = flow.forces(point) if turning else {}
    answer = {}
    for name, p in network.populations.items():
        moved = change[name] - p.leak * along[name] if p.leak else change[name]
        if not p.leak:
            moved = p.lagrangian.tangent(point.states[name], moved)
        if name in turning:
            moved = moved + p.lagrangian.tangent_change(point.states[name], forces[name], along[name])
        answer[name] = moved / p.tau if timed else moved
    return joined(network, answer)


def _jacobian(settings: Any, network: Network, x: Array) -> Array:
    return _columns(lambda wide, eye: _jacobian_product(settings, network, wide, eye), x)


def _columns(product: Callable[[Array, Array], Array], x: Array) -> Array:
    """The matrix (..., D, D) of a product."""
    xp = backend.namespace(x)
    eye = xp.eye(x.shape[-1], dtype=x.dtype, device=backend.device(x))
    wide = x[..., None, :] + xp.zeros_like(eye)
    return xp.matrix_transpose(product(wide, eye + xp.zeros_like(wide)))


def _root(p: Population, x: Array, u: Array, transposed: bool) -> Array:
    """R u or R^T u, where L''(x) = R R^T."""
    lagrangian, xp = p.lagrangian, backend.namespace(x)
    if lagrangian.identity:
        return u
    if lagrangian.elementwise:
        gain = lagrangian.curvature(x, xp.ones_like(x))
        return xp.sqrt(xp.where(gain > 0, gain, 0.0)) * u
    if lagrangian.law == "softmax":
        weights = softmax(lagrangian.beta * x)
        root = xp.sqrt(weights)
        left, right = (root, weights) if transposed else (weights, root)
        return lagrangian.beta**0.5 * (root * u - left * xp.sum(right * u, axis=-1, keepdims=True))
    values, vectors = xp.linalg.eigh(_columns(lagrangian.curvature, x))
    inside = xp.matmul(xp.matrix_transpose(vectors), u[..., None])
    return xp.matmul(vectors, xp.sqrt(xp.where(values > 0, values, 0.0))[..., None] * inside)[..., 0]


def unseen(p: Population, x: Array) -> Array:
    """The unit vector (..., n) with R n = 0 of a population whose L'' = R R^T has the constants as its null space."""
    xp = backend.namespace(x)
    if p.lagrangian.law == "softmax":
        return xp.sqrt(softmax(p.lagrangian.beta * x))
    return xp.ones_like(x) / x.shape[-1] ** 0.5


def _solved(p: Population, x: Array, u: Array) -> Array:
    """The v with L''(x) v = u, without a part along the constants where these are the null space."""
    lagrangian, xp = p.lagrangian, backend.namespace(x)
    if lagrangian.elementwise or not lagrangian.shift_invariant:
        gain = lagrangian.curvature(x, xp.ones_like(x))
        return u / xp.where(gain > 0, gain, 1.0)
    if lagrangian.law == "softmax":
        gain = lagrangian.beta * softmax(lagrangian.beta * x)
        v = u / xp.where(gain > 0, gain, 1.0)
    else:
        v = xp.matmul(xp.linalg.pinv(_columns(lagrangian.curvature, x)), u[..., None])[..., 0]
    return v - xp.mean(v, axis=-1, keepdims=True)


def _roots(network: Network, states: Mapping[str, Array], u: Mapping[str, Array], transposed: bool) -> Any:
    return {n: _root(p, states[n], u[n], transposed) for n, p in network.populations.items()}


def _hessian_product(settings: Any, network: Network, x: Array, u: Array) -> Array:
    states, along = split(network, x), split(network, u)
    flow = network.bound()
    change = _changed(flow, flow.at(states), _roots(network, states, along, False), settings[1])
    image = _roots(network, states, change, True)
    return joined(network, {n: p.leak * along[n] - image[n] for n, p in network.populations.items()})


def _hessian(settings: Any, network: Network, x: Array) -> Array:
    return _columns(lambda wide, eye: _hessian_product(settings, network, wide, eye), x)


def _reduced(_: Any, network: Network, x: Array, r: Array) -> Array:
    return joined(network, _roots(network, split(network, x), split(network, r), True))


def _expanded(settings: Any, network: Network, x: Array, r: Array, y: Array) -> Array:
    states, left, inner = split(network, x), split(network, r), split(network, y)
    turned = _roots(network, states, inner, False)
    flow = network.bound()
    change = _changed(flow, flow.at(states), turned, settings[1])
    answer = {}
    for name, p in network.populations.items():
        if p.leak:
            answer[name] = (left[name] + change[name]) / p.leak
        else:  # G dx = R y there
            answer[name] = _solved(p, states[name], turned[name])
    return joined(network, answer)


FUNCTIONS: dict[str, Callable[..., Array]] = {
    "activation": _activation,
    "velocity": _velocity,
    "residual": _residual,
    "energy": _energy,
    "jacobian_product": _jacobian_product,
    "jacobian": _jacobian,
    "hessian_product": _hessian_product,
    "hessian": _hessian,
    "reduced": _reduced,
    "expanded": _expanded,
}
