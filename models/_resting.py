"""Whether updates come back to a state at which they rest, or leave it after a small push (a saddle).

With F the update and x = F(x), a push u grows by |F(x + s u) - F(x)|/|s u|. With what came of it as the next push this
tends to the largest modulus of the eigenvalues of F' that u has a part in; above 1 the state is one that a cue reaches
only if it lies on the boundary between two basins, up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.integrators import Relaxation
from ..dynamics.network import Flow, Point

MOST = 20  # pushes, where the growth is not clear before
CLEAR = 0.5  # growth below it is decay
SAME = 1e-3  # relative change of the growth from one push to the next at which it is known
NOISE = 32.0  # of the growth, in square roots of the rounding unit

States = Mapping[str, Array]


def leaves(
    method: Relaxation,
    flow: Flow,
    states: States,
    push: States,
    scale: Array,
    wanted: np.ndarray,
    least: int = 1,
    after: States | None = None,
) -> np.ndarray:
    """Whether a push grows under repeated updates, for the states that are `wanted`: bool (...).

    `push` is a direction by population; its length does not count, and a push of length 0 says nothing. `scale` (...)
    is the size of the numbers in x, against which it is small. At `least` so many updates are made, and no more where
    the push decays at once; 3 for a push that has little to do with the directions that can grow. `after` are the
    states that an update makes of these, where they are known.
    """
    like = next(iter(states.values()))
    noise = backend.epsilon(like) ** 0.5
    with np.errstate(all="ignore"):
        if after is None:
            after = backend.compiled(_updated, like)(method, flow, dict(states))
        grow = backend.compiled(_grown, like)
        growth, last = np.full(wanted.shape, np.inf), np.zeros(wanted.shape)
        for k in range(1, MOST + 1):
            grown, push = grow(method, flow, dict(states), after, dict(push), noise, scale)
            growth, last = np.nan_to_num(backend.to_numpy(grown).astype(float), posinf=1e300), growth
            known = (growth < CLEAR) | (np.abs(growth - last) <= SAME * growth)
            if k >= least and (known | ~wanted).all():
                break
    return wanted & (growth > 1 + NOISE * noise)


def _updated(method: Relaxation, flow: Flow, states: States) -> States:
    return method.end(flow, flow.at(states), None if np.isinf(method.dt) else method.dt).states


def _grown(
    method: Relaxation,
    flow: Flow,
    states: dict[str, Array],
    after: States,
    push: dict[str, Array],
    noise: float,
    scale: Array,
) -> tuple[Array, dict[str, Array]]:
    """How much a push of size `noise` times `scale` grows in one update, and what becomes of it."""
    xp = backend.namespace(*states.values())
    held, size = flow.clamp, noise * scale
    push = {name: xp.where(held[name], 0 * u, u) if name in held else u for name, u in push.items()}
    length = _length(push)
    there = length > 0
    factor = (size / xp.where(there, length, length + 1))[..., None]
    moved = _updated(method, flow, {name: x + factor * push[name] for name, x in states.items()})
    change = {name: moved[name] - after[name] for name in states}
    return xp.where(there, _length(change) / size, 0 * length), change


def _length(parts: dict[str, Array]) -> Array:
    xp = backend.namespace(*parts.values())
    largest: Any = None
    for part in parts.values():
        top = xp.max(xp.abs(part), axis=-1)
        largest = top if largest is None else xp.maximum(largest, top)
    safe = xp.where(largest > 0, largest, largest + 1)  # so that squares do not vanish
    squares = [xp.sum((part / safe[..., None]) ** 2, axis=-1) for part in parts.values()]
    return safe * xp.sqrt(sum(squares[1:], squares[0]))


def leaves_toward(
    similarity: Any,
    method: Relaxation,
    flow: Flow,
    point: Point,
    after: States,
    rests: np.ndarray,
    weights: Array,
    others: np.ndarray,
) -> np.ndarray:
    """Which of the points that rest are left after a push toward the memory of the largest weight.

    `others` are the shares that it leaves to the others: where it has all up to rounding, updates give it whatever the
    push is.
    """
    wanted = rests & (others > max(1e-8, 8 * backend.epsilon(weights)))
    if not wanted.any():
        return wanted
    pushes, scale = backend.compiled(_toward, weights)(None, similarity, point, weights)
    return leaves(method, flow, point.states, pushes, scale, wanted, after=after)


def _toward(_: None, similarity: Any, point: Point, f: Array) -> tuple[dict[str, Array], Array]:
    """The direction in which the heaviest memory gains on the others, D^T (e_1 - f), and the size of the state."""
    g = point.activations["value"]
    xp = backend.namespace(g)
    first = xp.argmax(f, axis=-1)
    one = xp.astype(xp.arange(f.shape[-1], device=backend.device(f)) == first[..., None], f.dtype)
    total = xp.sum(f, axis=-1, keepdims=True)
    f = f / xp.where(total > 0, total, total + 1)
    push = {name: xp.zeros_like(x) for name, x in point.states.items()}
    push["value"] = similarity.pullback(g, one - f)
    length = xp.sqrt(xp.sum(g * g, axis=-1))
    if similarity.ray:  # the length of a state is free, and that of the patterns does not count
        return push, length
    own = xp.take(similarity.patterns, xp.reshape(first, (-1,)), axis=0)
    return push, length + xp.reshape(xp.sqrt(xp.sum(own * own, axis=-1)), length.shape)


def weighed(
    how: str, similarity: Any, separation: Any, places: Any, g: Array, scores: Array | None
) -> tuple[Array, Array, Array, Array]:
    """The sizes of the weights, what share the largest one leaves to the others, and how near patterns are.

    `how` says how nearness follows from the scores; with it come the sizes of the numbers that cancel in it.
    """
    xp = backend.namespace(g)
    scores = similarity.scores(g) if scores is None else scores
    f = separation.activation(scores)
    f = f if separation.nonnegative else xp.abs(f)
    total = xp.sum(f, axis=-1)
    others = (total - xp.max(f, axis=-1)) / xp.where(total > 0, total, total + 1)
    near = places.of_products(scores, g) if how == "product" else scores if how == "same" else places.scores(g)
    return f, others, near, places.magnitude(g, near)
