"""Scores, weights and energies of queries (..., L, E) against keys (..., S, E) of a batch."""

from __future__ import annotations

from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import behind
from ...dynamics.lagrangians import unit
from ._batches import mapped
from ._city_blocks import city_blocks
from ._rule import Rule


def transposed(x: Array) -> Array:
    """The last two axes exchanged."""
    return backend.namespace(x).matrix_transpose(x)


def total(x: Array) -> Array:
    """The sum over the last axis, which stays as one of length one."""
    return backend.namespace(x).sum(x, axis=-1, keepdims=True)


def scores_of(rule: Rule, query: Array, keys: Array, allowed: Array | None = None) -> Array:
    """sim(K, q), shape (..., L, S); what is not `allowed` takes no part in scores that are scaled to sum to one."""
    kind = rule.similarity
    match kind.metric:
        case "product":
            return query @ transposed(keys)
        case "angle":
            return unit(query)[0] @ transposed(unit(keys)[0])
        case "square":
            xp, centre = backend.namespace(keys), middle(keys)
            query, keys = query - centre, keys - centre
            scores = 2 * (query @ transposed(keys)) - (total(query * query) + transposed(total(keys * keys)))
            return xp.where(scores > 0, 0.0, scores)
        case "blocks":
            return -city_blocks(query, keys)
    xp = backend.namespace(query)
    if allowed is None:
        scores = mapped(lambda q, k: behind(behind(kind.of)(k).scores)(q), query, keys)
    else:
        numbers = xp.astype(allowed, query.dtype)  # which every library maps over
        scores = mapped(lambda q, k, a: behind(kind.of)(k).among(q, a > 0), query, keys, numbers)
    lost = xp.isnan(total(0 * query)) | xp.isnan(transposed(total(0 * keys)))  # which a rule of its own may not see
    return xp.where(lost, float("nan"), scores)


def middle(keys: Array) -> Array:
    """The mean key: distances do not see it, and without it they lose no digits."""
    return backend.detach(backend.namespace(keys).mean(keys, axis=-2, keepdims=True))


def weights_of(rule: Rule, beta: Any, query: Array, keys: Array, mask: Array | None) -> Array:
    """f = sep(beta sim(K, q) + mask), shape (..., L, S); what is masked has weight 0, and a query with no key none."""
    return weighed(rule, *presented(rule, beta, query, keys, mask))


def presented(
    rule: Rule, beta: Any, query: Array, keys: Array, mask: Array | None
) -> tuple[Array, Array | None, Array | None]:
    """The scores as the separation takes them, beta sim(K, q) + mask; which are allowed; and the scores alone."""
    xp = backend.namespace(query)
    allowed = _allowed(xp, mask)
    scores = scores_of(rule, query, keys, allowed)
    if mask is None:
        return beta * scores, None, scores
    added = beta * scores
    if not xp.isdtype(mask.dtype, "bool"):
        added = added + xp.where(allowed, mask, 0.0)
    low = 1.0 if rule.separation.elementwise else backend.namespace(query).finfo(query.dtype).min / 8
    return xp.where(allowed, added, low), allowed, scores


def _allowed(xp: Any, mask: Array | None) -> Array | None:
    if mask is None or xp.isdtype(mask.dtype, "bool"):
        return mask
    return mask != -float("inf")  # a NaN is no reason to leave a key out


def weighed(rule: Rule, states: Array, allowed: Array | None, scores: Array | None = None) -> Array:
    """The separation of what was `presented`."""
    xp = backend.namespace(states)
    if rule.softmax and backend.backend_of(states) == "torch":  # one pass instead of five
        f = xp.softmax(states if _is_one(rule.gain) else rule.gain * states, -1)
    else:
        f = behind(rule.separation.activation)(states)
        if not rule.softmax:  # others may take a NaN for a small score
            f = xp.where(xp.isnan(xp.max(states, axis=-1, keepdims=True)), float("nan"), f)
    if allowed is not None:
        f = xp.where(allowed, f, 0.0)
    if rule.similarity.scaled_weights:
        sums = total(f)
        f = f / xp.where(sums == 0, 1.0, sums)
    return f


def _is_one(gain: Any) -> bool:
    return isinstance(gain, float | int) and gain == 1


def energy_of(rule: Rule, beta: Any, query: Array, keys: Array, mask: Array | None) -> Array:
    r"""E = l \|q\|^2/2 - L_h(beta sim(K, q) + mask)/beta, shape (..., L, 1), of the keys that take part."""
    xp = backend.namespace(query)
    states, allowed, _ = presented(rule, beta, query, keys, mask)
    if rule.separation.elementwise and allowed is not None:
        each = behind(rule.separation.value)(states[..., None])
        values = total(xp.where(allowed, each, 0.0))
    else:
        values = behind(rule.separation.value)(states)[..., None]
        if allowed is not None:
            values = xp.where(xp.any(allowed, axis=-1, keepdims=True), values, 0.0)
    leak = rule.similarity.leak
    own = 0.0 if leak == 0 else leak / 2 * total(query * query)
    return own - values / beta
