r"""Functions of (settings, network, x) behind `Field`: each is compiled by itself where the library compiles.

`settings` is hashable and part of the program: for derivatives, whether the time constants are in, and for central
differences their relative step and the length of a typical state (None for none).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.lagrangians import softmax
from ...dynamics.network import Flow, Network, Point, Population, Wire

LARGEST_ROOT = 512  # neurons of a population whose L'' is taken apart as a dense matrix


def split(network: Network, x: Array) -> dict[str, Array]:
    """A vector (..., D) as the states of a network's populations."""
    if len(network.populations) == 1:
        return {next(iter(network.populations)): x}
    answer, at = {}, 0
    for name, p in network.populations.items():
        answer[name] = x[..., at : at + p.size]
        at += p.size
    return answer


def joined(network: Network, states: Mapping[str, Array]) -> Array:
    """The states of a network's populations as one vector (..., D)."""
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
    flow, along = network.bound(), split(network, u)
    point = flow.at(split(network, x))
    return _rates(settings, flow, point, along, _changed(flow, point, _turned(flow, point, along), settings[1]))


def _turned(flow: Flow, point: Point, along: Mapping[str, Array]) -> dict[str, Array]:
    return {n: p.lagrangian.curvature(point.states[n], along[n]) for n, p in flow.populations.items()}


def _rates(settings: Any, flow: Flow, point: Point, along: Mapping[str, Array], change: Mapping[str, Array]) -> Array:
    """How the residual (the velocity, where it is timed) changes along u, from the change B G u of the forces."""
    turning = [n for n, p in flow.populations.items() if p.leak == 0 and p.lagrangian.turns]
    forces = flow.forces(point) if turning else {}
    answer = {}
    for name, p in flow.populations.items():
        moved = change[name] - p.leak * along[name] if p.leak else change[name]
        if not p.leak:
            moved = p.lagrangian.tangent(point.states[name], moved)
        if name in turning:
            moved = moved + p.lagrangian.tangent_change(point.states[name], forces[name], along[name])
        answer[name] = moved / p.tau if settings[0] else moved
    return joined(flow.network, answer)


def _jacobian(settings: Any, network: Network, x: Array) -> Array:
    flow = network.bound()
    point = flow.at(split(network, x))
    wide, along = _widened(point), split(network, _directions(x))
    turned = along if _plain(flow) else _turned(flow, wide, along)
    change = _changed_all(flow, point, wide, turned, settings[1])
    return backend.namespace(x).matrix_transpose(_rates(settings, flow, wide, along, change))


def _plain(flow: Flow) -> bool:
    return all(p.lagrangian.identity for p in flow.populations.values())


def _wide(x: Array) -> Array:
    return x[..., None, :]


def _widened(point: Point) -> Point:
    """The point with one more axis before the last, beside which all directions at once find room."""
    states, activations, signals = ({k: backend.map_leaves(_wide, a) for k, a in part.items()} for part in point)
    return Point(states, activations, signals)


def _directions(x: Array) -> Array:
    """All unit vectors as rows (..., D, D)."""
    xp, size = backend.namespace(x), x.shape[-1]
    return xp.broadcast_to(xp.eye(size, dtype=x.dtype, device=backend.device(x)), (*x.shape, size))


def _changed_all(flow: Flow, point: Point, wide: Point, turned: dict[str, Array], step: Any) -> dict[str, Array]:
    """B G for all unit vectors from their images under G, by the matrix B where the synapses say it."""
    matrix = _force_matrix(flow, point, wide)
    if matrix is None:
        return _changed(flow, wide, turned, step)
    (name,) = flow.populations
    return {name: matrix if _plain(flow) else backend.namespace(matrix).matmul(turned[name], matrix)}


def _force_matrix(flow: Flow, point: Point, wide: Point) -> Array | None:
    r"""B = -d2E/dg2 (..., D, D) of one population beside memories in equilibrium: sum of D^T L_h'' D/l_h + d2sim . f.

    L_h'' = diag(d) - c u u^T gives the weighted Gram matrix D^T diag(d) D less c (D^T u)(D^T u)^T: one product in place
    of D. None for other synapses, and where a part does not say.
    """
    if len(flow.populations) != 1:
        return None
    ((name, g),) = point.activations.items()
    total: Any = None
    for wire in flow.wires:
        synapse: Any = wire.synapse
        if not synapse.adiabatic or len(wire.between) != 1:
            return None
        similarity, lagrangian = synapse.similarities[0], synapse.lagrangian
        h = synapse.states(g, signal=point.signals[wire.key])
        f = lagrangian.activation(h)
        bend = lagrangian.bend(h, f)
        matrix = None if bend is None else similarity.gram(g, bend.diagonal)
        if bend is None or matrix is None:
            return None
        if bend.vector is not None:
            along = similarity.pullback(g, bend.vector)
            matrix = matrix - (bend.factor * along)[..., None] * along[..., None, :]
        matrix = matrix if synapse.leak == 1 else matrix / synapse.leak
        if not similarity.linear:
            matrix = matrix + similarity.curvature(wide.activations[name], f[..., None, :], _directions(g))
        total = matrix if total is None else total + matrix
    return total


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
    return _less_leak(network, states, along, change)


def _less_leak(network: Network, states: Mapping[str, Array], along: Mapping[str, Array], change: Any) -> Array:
    """H u = l u - R^T B R u from B R u."""
    image = _roots(network, states, change, True)
    return joined(network, {n: p.leak * along[n] - image[n] for n, p in network.populations.items()})


def _hessian(settings: Any, network: Network, x: Array) -> Array:
    flow = network.bound()
    point = flow.at(split(network, x))
    wide, along = _widened(point), split(network, _directions(x))
    turned = along if _plain(flow) else _roots(network, wide.states, along, False)
    change = _changed_all(flow, point, wide, turned, settings[1])
    return backend.namespace(x).matrix_transpose(_less_leak(network, wide.states, along, change))


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
