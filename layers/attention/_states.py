"""The update of a state among keys: the exact minimiser with the weights held, or a step that lowers the energy."""

from __future__ import annotations

from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import behind
from ...dynamics.lagrangians import unit
from ._batches import in_blocks, mapped
from ._rule import Rule
from ._weights import energy_of, presented, total, weighed

TRIES = 16  # halvings of a step that nothing says is exact


def settled(rule: Rule, beta: Any, state: Array, keys: Array, mask: Array | None, updates: int) -> Array:
    """The state (..., L, E) after some updates."""
    for _ in range(updates):
        state = in_blocks(lambda q, m, b: updated(rule, b, q, keys, m), state, mask, beta, keys)
    return state


def updated(rule: Rule, beta: Any, state: Array, keys: Array, mask: Array | None) -> Array:
    """The state (..., L, E) after one update; one that sees no key stays where it is."""
    xp = backend.namespace(state)
    states, allowed, _ = presented(rule, beta, state, keys, mask)
    f = weighed(rule, states, allowed)
    moved = _moved(rule, beta, state, keys, mask, f)
    if allowed is None:
        return moved
    return xp.where(xp.any(allowed, axis=-1, keepdims=True), moved, state)


def _moved(rule: Rule, beta: Any, state: Array, keys: Array, mask: Array | None, f: Array) -> Array:
    xp, kind = backend.namespace(state), rule.similarity
    match kind.metric:
        case "product":
            return f @ keys / kind.leak
        case "square":
            sums = total(f)
            return xp.where(sums > 0, f @ keys / xp.where(sums > 0, sums, 1.0), state)
        case "angle":
            (towards, _), (along, norm) = unit(f @ unit(keys)[0]), unit(state)
            turns = (total(towards * towards) > 0) & (total(along * along) > 0)
            return xp.where(turns, norm * towards, state)
    answer = kind.answer(rule.separation.nonnegative)
    if answer.kind == "logarithmic":
        return mapped(lambda v, k, w: _geometric(kind, v, k, w), state, keys, f)
    closed = answer.kind == "affine" or answer.kind == "own" or (answer.kind == "constant" and kind.leak > 0)
    if closed and not (answer.alone and kind.leak > 0):
        return mapped(lambda v, k, w: behind(behind(kind.of)(k).value_step)(v, w, ratio=None), state, keys, f)
    return _lowered(rule, beta, state, keys, mask, f)


def _geometric(kind: Any, state: Array, keys: Array, f: Array) -> Array:
    """g = exp(F/c), where the force is F - c ln g."""
    xp, response = backend.namespace(state), behind(behind(kind.of)(keys).response)(state, f)
    there = response.stiffness > 0
    return xp.where(there, xp.exp(response.drive / xp.where(there, response.stiffness, 1.0)), state)


def _lowered(rule: Rule, beta: Any, state: Array, keys: Array, mask: Array | None, f: Array) -> Array:
    """The state at the lowest energy along the force, at steps that halve; where none is lower, the state itself."""
    xp, kind = backend.namespace(state), rule.similarity
    force = mapped(lambda v, k, w: behind(behind(kind.of)(k).pullback)(v, w), state, keys, f) - kind.leak * state
    size = xp.max(xp.abs(force), axis=-1, keepdims=True)
    reach = 1.0 if kind.positive else 2 * xp.max(xp.abs(state), axis=-1, keepdims=True) + 1e-3
    step = force * reach / xp.where(size > 0, size, 1.0)
    best, lowest = state, energy_of(rule, beta, state, keys, mask)
    for k in range(TRIES):
        there = state * xp.exp(step / 2**k) if kind.positive else state + step / 2**k
        energy = energy_of(rule, beta, there, keys, mask)
        lower = energy < lowest
        best, lowest = xp.where(lower, there, best), xp.where(lower, energy, lowest)
    return best
