"""What enters an attention: arrays of one library and dtype whose shapes fit, masks, beta."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, shown
from ...dynamics.doors import positive
from ._rule import Rule, usual_beta


def entered(query: Any, key: Any, value: Any) -> tuple[Array, Array, Array]:
    """Query (..., L, E), keys (..., S, E) and values (..., S, O), with both shapes in the error where they clash."""
    named = {"query": query, "key": key, "value": value}
    for name, x in named.items():
        if not backend.is_array(x):
            raise TypeError(f"{name} must be an array of PyTorch, JAX or NumPy, got {shown(x)}.")
    xp = backend.namespace(query, key, value)
    told = ", ".join(f"{name} {tuple(x.shape)}" for name, x in named.items())
    if min(x.ndim for x in named.values()) < 2:
        raise ValueError(f"query must be (..., L, E), key (..., S, E) and value (..., S, O); the shapes are {told}.")
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"query has {query.shape[-1]} features and key {key.shape[-1]}, and they are compared one by one; the "
            f"shapes are {told}."
        )
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"There are {key.shape[-2]} keys and {value.shape[-2]} values; the shapes are {told}.")
    if key.shape[-2] == 0 or query.shape[-1] == 0:
        raise ValueError(f"There is no key to attend to, or no feature to compare; the shapes are {told}.")
    try:
        np.broadcast_shapes(*(tuple(x.shape[:-2]) for x in named.values()))
    except ValueError:
        raise ValueError(f"The batch axes in front of the last two do not fit; the shapes are {told}.") from None
    kinds = {name: backend.dtype_name(x) for name, x in named.items()}
    if len(set(kinds.values())) > 1 or not xp.isdtype(query.dtype, "real floating"):
        told = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        raise TypeError(f"query, key and value must be of one floating dtype, and they are {told}. Cast them first.")
    return query, key, value


def strength(beta: Any, rule: Rule, query: Array, scores: tuple[int, ...]) -> Any:
    """Beta as a number, or as an array that broadcasts against (..., L, 1)."""
    if beta is None:
        return usual_beta(rule.similarity, query.shape[-1])
    if not backend.is_array(beta) or beta.ndim == 0:
        return positive("beta", beta)
    backend.namespace(query, beta)
    try:
        fits = beta.shape[-1] == 1 and np.broadcast_shapes(tuple(beta.shape), (*scores[:-1], 1)) == (*scores[:-1], 1)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"beta has shape {tuple(beta.shape)}, and must be a number or fit {(*scores[:-1], 1)}, such as (heads, 1, "
            "1) for a beta of each head."
        )
    if not backend.holds(lambda x: (x > 0) & (x < float("inf")), beta):
        raise ValueError("beta must be > 0 and finite everywhere: a negative one prefers the least similar key.")
    return beta


def masked(mask: Any, query: Array, scores: tuple[int, ...]) -> Array | None:
    """A mask that broadcasts to the scores (..., L, S): bools that say which keys take part, or numbers to add."""
    if mask is None:
        return None
    if not backend.is_array(mask):
        raise TypeError(f"attn_mask must be an array, got {shown(mask)}.")
    xp = backend.namespace(query, mask)
    own = backend.dtype_name(query)
    if not xp.isdtype(mask.dtype, "bool") and backend.dtype_name(mask) != own and not _under_autocast(mask):
        raise TypeError(
            f"attn_mask has dtype {backend.dtype_name(mask)}: give bools, True where a key takes part, or numbers of "
            f"dtype {own} like the query, which are added to beta times the scores."
        )
    try:
        fits = np.broadcast_shapes(tuple(mask.shape), scores) == scores
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"attn_mask has shape {tuple(mask.shape)} and the scores have {scores}: the mask must broadcast to (..., "
            f"L, S), here {scores[-2]} queries by {scores[-1]} keys."
        )
    if mask.ndim < 2:
        mask = xp.reshape(mask, (1,) * (2 - mask.ndim) + tuple(mask.shape))
    return mask if xp.isdtype(mask.dtype, "bool") else xp.astype(mask, query.dtype)


def _under_autocast(mask: Array) -> bool:
    if backend.backend_of(mask) != "torch" or not mask.dtype.is_floating_point:
        return False
    return sys.modules["torch"].is_autocast_enabled(mask.device.type)


def causal_mask(mask: Array | None, query: Array, keys: int) -> Array:
    """The mask with keys s > l taken out as well."""
    xp, (length, at) = backend.namespace(query), (query.shape[-2], backend.device(query))
    past = xp.arange(keys, device=at)[None, :] <= xp.arange(length, device=at)[:, None]
    if mask is None:
        return past
    return mask & past if xp.isdtype(mask.dtype, "bool") else xp.where(past, mask, -float("inf"))
