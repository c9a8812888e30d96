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
from ..dynamics.flow import Flow
from ..dynamics.integrators import Relaxation

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

    >>> from hopfield.models import ModernHopfield
    >>> flow = ModernHopfield(2 * np.eye(2), tau_memory=0.0).network.bound()
    >>> x = np.array([[1.0, 1.0], [1.9951, 0.0049]])  # between two memories, and near one
    >>> push = {"value": np.array([1.0, -1.0]) + 0 * x}
    >>> leaves(Relaxation(dt=np.inf), flow, {"value": x}, push, np.ones(2), np.ones(2, bool))
    array([ True, False])
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
