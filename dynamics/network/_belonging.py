r"""Do the parts of a network belong together? Values to activations, activations to curvatures, energies to forces.

A function E and its slope are compared along a direction u by Richardson's extrapolation of central differences, with
steps h and 2h of eps^(1/3) of the size of x. The difference counts beyond a thousandth of both, the rounding of E over
h, what the two differences disagree by, and the range of the slope between the ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from ._network import Network

AGREE = 1e-3  # relative: energies and forces that agree to it belong together, as far as this check can tell
DIRECTIONS = 3
NODES = (-2, -1, 0, 1, 2)


def strangers(network: Network, states: Mapping[str, Array], seed: int = 0, *, only: Any = None) -> list[str]:
    r"""What in a network does not belong together at states (..., n), in sentences; none where all agrees.

    For every population whether the activation is the gradient of the Lagrangian's value, and the curvature product its
    derivative; for every synapse that calls itself conservative whether the forces are minus the gradient of its
    energy. Each is looked at along three random directions at every state; with `only`, a tuple of names, no others.

    Examples
    --------
    >>> from hopfield.dynamics import CustomLagrangian, Population
    >>> wrong = CustomLagrangian(lambda x: (x**4).sum(-1), lambda x: x**3, lambda x, u: 3 * x**2 * u)
    >>> strangers(Network({"x": Population(wrong, 2)}), {"x": np.array([[1.0, 2.0]])})
    ["the activation of the Lagrangian ... of population 'x' is not the gradient of its value: they differ by ..."]
    """
    like = next(iter(states.values()))
    rng = np.random.default_rng(seed)
    worst: dict[tuple[str, str], float] = {}
    with np.errstate(all="ignore"):
        for _ in range(DIRECTIONS):
            along = {n: backend.asarray(_direction(x, rng), like) for n, x in states.items()}
            other = {n: backend.asarray(_direction(x, rng), like) for n, x in states.items()}
            gaps = backend.compiled(_gaps, like)(only, network, dict(states), along, other)
            for kind, parts in gaps.items():
                for name, gap in parts.items():
                    host = backend.to_numpy(gap).astype(float)
                    largest = float(np.max(np.where(np.isfinite(host), host, 0.0), initial=0.0))
                    worst[kind, name] = max(worst.get((kind, name), 0.0), largest)
    return [_sentence(network, kind, name, gap) for (kind, name), gap in worst.items() if gap > 0]


def _direction(x: Array, rng: np.random.Generator) -> np.ndarray:
    """Moves of length eps^(1/3) |x|, at 0 as long as others of the batch."""
    host = backend.to_numpy(x).astype(float)
    largest = float(np.abs(host).max(initial=0.0)) or 1.0
    length = largest * np.linalg.norm(host / largest, axis=-1, keepdims=True)
    typical = float(np.median(length[length > 0])) if (length > 0).any() else 1.0
    u = rng.standard_normal(host.shape)
    u *= np.where(length > 0, length, typical) / np.linalg.norm(u, axis=-1, keepdims=True)
    return backend.epsilon(x) ** (1 / 3) * u


def _gaps(
    only: tuple[str, ...] | None,
    network: Network,
    states: dict[str, Array],
    along: dict[str, Array],
    other: dict[str, Array],
) -> dict[str, dict[str, Array]]:
    """By how much of their size each pair differs (...), beyond what rounding and curvature explain; <= 0 if not."""
    xp, eps = backend.namespace(*states.values()), backend.epsilon(next(iter(states.values())))
    places = {k: {n: x + k * along[n] for n, x in states.items()} for k in NODES}
    g = {k: network.activations(place) for k, place in places.items()}
    found: dict[str, dict[str, Array]] = {"value": {}, "curvature": {}, "forces": {}}

    def inner(a: Array, b: Array) -> Array:
        return xp.sum(a * b, axis=-1)

    def typical(a: Array, b: Array) -> Array:  # of an inner product of vectors that long
        return xp.sqrt(inner(a, a) * inner(b, b) / a.shape[-1])

    for name, p in network.populations.items():
        if only is not None and name not in only:
            continue
        u, x, own = along[name], states[name], g[0][name]
        values = {k: p.lagrangian.value(places[k][name]) for k in NODES if k}
        slopes = [inner(g[k][name], u) for k in NODES]
        found["value"][name] = _gap(values, slopes, typical(own, u), eps, inner(xp.abs(own), xp.abs(x)))
        if p.lagrangian.smooth and _is_curved(p.lagrangian, x, u):
            w = other[name]
            turned = [inner(w, p.lagrangian.curvature(places[k][name], u)) for k in NODES]
            size = typical(w, p.lagrangian.curvature(x, u))
            scale = inner(xp.abs(w), xp.abs(own) + xp.abs(p.lagrangian.curvature(x, x)))
            found["curvature"][name] = _gap({k: inner(w, g[k][name]) for k in NODES if k}, turned, size, eps, scale)
    for name, synapse in network.synapses.items():
        if not synapse.conservative or (only is not None and name not in only):
            continue
        joined = {k: [g[k][end] for end in synapse.between] for k in NODES}
        values = {k: synapse.energy(*joined[k]) for k in NODES if k}
        moves = [(ahead - behind) / 2 for ahead, behind in zip(joined[1], joined[-1], strict=True)]
        slopes, size = [], None
        for k in NODES:
            slope = synapse.energy_gradient(*joined[k])
            slopes.append(sum(inner(s, m) for s, m in zip(slope, moves, strict=True)))
            if not k:
                size = sum(typical(s, m) for s, m in zip(slope, moves, strict=True))
        found["forces"][name] = _gap(values, slopes, size, eps, synapse.magnitude(*joined[0]))
    return found


def _is_curved(lagrangian: Any, x: Array, u: Array) -> bool:
    """Whether there is a curvature product to compare: NumPy has none where nobody wrote it."""
    try:
        lagrangian.curvature(x, u)
    except TypeError:
        return False
    return True


def _gap(values: dict[int, Array], slopes: list[Any], size: Any, eps: float, scale: Any = 0.0) -> Array:
    xp = backend.namespace(size)
    near, wide = (values[1] - values[-1]) / 2, (values[2] - values[-2]) / 4
    quotient = (4 * near - wide) / 3
    low, high = slopes[0], slopes[0]
    for slope in slopes[1:]:
        low, high = xp.minimum(low, slope), xp.maximum(high, slope)
    largest = xp.abs(values[1])
    for value in values.values():
        largest = xp.maximum(largest, xp.abs(value))
    noise = 64 * eps * (largest + scale) + 4 * xp.abs(near - wide)
    beyond = xp.maximum(low - quotient, quotient - high) - noise - AGREE * size
    return beyond / xp.where(size > 0, size, 1.0)


def _sentence(network: Network, kind: str, name: str, gap: float) -> str:
    by = f"they differ by {gap:.2g} of their size"
    if kind == "forces":
        return (
            f"the forces of synapse {name!r} ({type(network.synapses[name]).__name__}) are not the gradient of its "
            f"energy: {by}"
        )
    lagrangian = network.populations[name].lagrangian
    what = "the activation" if kind == "value" else "the curvature product"
    whose = "the gradient of its value" if kind == "value" else "the derivative of its activation"
    return f"{what} of the Lagrangian {lagrangian!r} of population {name!r} is not {whose}: {by}"
