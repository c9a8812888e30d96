"""Softmax of products through the fused attention of PyTorch and JAX."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.lagrangians import unit
from ._doors import causal_mask
from ._rule import Rule
from ._weights import middle, total, transposed

WIDE = 8  # features by which vectors grow at once: fused loops like round widths


def factors(rule: Rule, query: Array, keys: Array) -> tuple[Array, Array, float, bool]:
    r"""Queries and keys with beta sim(K, q) = beta c (q'.k') up to what each query adds to all its scores; and c.

    The last answer is whether they are known to hold no NaN.

    For squared distances one more feature, \|q - k\|^2 = \|q\|^2 - 2 [q, 1].[k, -\|k\|^2/2] with the mean key taken off
    both; in half precision -\|k\|^2/2 has three features, which together hold its digits.
    """
    match rule.similarity.metric:
        case "product":
            return query, keys, 1.0, False
        case "angle":
            (query, one), (keys, other) = directions(query), directions(keys)
            return query, keys, 1.0, one and other
    xp, centre = backend.namespace(keys), middle(keys)
    query, keys = query - centre, keys - centre
    norms = _told(xp, keys)
    room = backend.full((*keys.shape[:-1], -len(norms) % WIDE), 0.0, keys)
    wide = xp.concat([keys, *norms, room], axis=-1)
    return _padded(query, wide.shape[-1], 1.0), wide, 2.0, False


def directions(x: Array) -> tuple[Array, bool]:
    """x/\\|x\\|, by the plain norm where one look at all norms shows that no square left the range; and whether it did.

    A norm that is in range is not NaN, and nor is any number of its vector.
    """
    if backend.backend_of(x) != "torch" or backend.is_traced(x) or x.device.type != "cpu" or backend.is_half(x):
        return unit(x)[0], False
    norm = sys.modules["torch"].linalg.vector_norm(x, dim=-1, keepdim=True)
    least, most = _in_range(x.dtype)
    low, high = (float(value) for value in norm.detach().aminmax())
    if low > least and high < most:
        return x / norm, True
    return unit(x)[0], False


@functools.cache
def _in_range(dtype: Any) -> tuple[float, float]:
    """The norms between which no square is so small that digits are lost, nor their sum too large."""
    limits = sys.modules["torch"].finfo(dtype)
    return (limits.smallest_normal / limits.eps**2) ** 0.5, 2.0**-15 * limits.max**0.5


def _is_plain(*given: Array) -> bool:
    """Whether these are tensors of whole precision without derivatives, for which a mask costs less than a feature."""
    if backend.backend_of(given[0]) != "torch" or backend.is_half(given[0]):
        return False
    return not (sys.modules["torch"].is_grad_enabled() and any(x.requires_grad for x in given))


def _added(
    rule: Rule, beta: Any, query: Array, keys: Array, mask: Array | None, causal: bool
) -> tuple[Array, Array, Array, bool]:
    """Centred queries and keys, and -beta \\|k\\|^2 added to the mask."""
    xp, centre = backend.namespace(keys), middle(keys)
    query, keys = query - centre, keys - centre
    if causal:
        mask = causal_mask(mask, query, keys.shape[-2])
    norms = -(beta * rule.gain) * transposed(backend.dot(keys, keys)[..., None])
    if mask is None:
        return query, keys, norms, False
    if xp.isdtype(mask.dtype, "bool"):
        return query, keys, xp.where(mask, norms, -float("inf")), False
    return query, keys, mask + norms, False


def _told(xp: Any, keys: Array) -> list[Array]:
    """-\\|k\\|^2/2, shape (..., S, 1), in as many parts of its dtype as it takes."""
    if not backend.is_half(keys):
        return [backend.dot(keys, keys)[..., None] * -0.5]
    wide = backend.cast(keys, "float32")
    left, parts = -total(wide * wide) / 2, []
    for _ in range(3):
        parts.append(xp.astype(left, keys.dtype))
        left = left - backend.cast(parts[-1], "float32")
    return parts


def fused(
    rule: Rule, beta: Any, query: Array, keys: Array, values: Array, mask: Array | None, causal: bool, dropout: float
) -> Array:
    """softmax(beta sim(K, q) + mask) V by `scaled_dot_product_attention` or `jax.nn.dot_product_attention`."""
    given, known = (query, keys, mask), False
    if rule.similarity.metric == "square" and _is_plain(query, keys, values):
        query, keys, mask, causal = _added(rule, beta, query, keys, mask, causal)
        factor = 2.0
    else:
        query, keys, factor, known = factors(rule, query, keys)
    factor = factor * rule.gain
    if backend.is_array(beta) or backend.is_array(factor):
        query, scale = query * backend.cast(beta * factor, backend.dtype_name(query)), 1.0
    else:
        scale = float(beta * factor)
    width = values.shape[-1]
    if backend.backend_of(query) == "torch":
        if query.shape[-1] > width and rule.similarity.metric == "square":
            values = _padded(values, query.shape[-1], 0.0)  # the fused loop wants all three of one width
        attend = sys.modules["torch"].nn.functional.scaled_dot_product_attention
        found = attend(query, keys, values, attn_mask=mask, dropout_p=dropout, is_causal=causal, scale=scale)
        known = known and (mask is None or not mask.is_floating_point())
        return found[..., :width] if known else _carried(found[..., :width], *given)
    return _by_jax(query, keys, values, mask, causal, scale)


def _carried(found: Array, query: Array, keys: Array, mask: Array | None) -> Array:
    """What was found, with NaN for queries whose scores are: a fused loop gives them 0, as if they saw no key."""
    torch = sys.modules["torch"]
    added = mask if mask is not None and mask.is_floating_point() else None
    look = not backend.is_traced(found) and found.device.type == "cpu"  # which costs no wait there
    if look and found.detach()[..., :1].all():  # nowhere 0
        return found
    lost = query.isnan().any(-1, keepdim=True) | keys.isnan().any(-1, keepdim=True).any(-2, keepdim=True)
    if added is not None:
        lost = lost | added.isnan().any(-1, keepdim=True)
    return torch.where(lost, float("nan"), found)


def _by_jax(query: Array, keys: Array, values: Array, mask: Array | None, causal: bool, scale: Any) -> Array:
    jax, xp = sys.modules["jax"], backend.namespace(query)
    width, wide = values.shape[-1], max(values.shape[-1], query.shape[-1])
    query, keys, values = (_padded(x, wide, 0.0) for x in (query, keys, values))
    shape = np.broadcast_shapes(*(x.shape[:-2] for x in (query, keys, values)))

    def heads(x: Array) -> Array:  # (B, L, 1, E): every batch axis is one of that library's batch
        return xp.reshape(xp.broadcast_to(x, (*shape, *x.shape[-2:])), (-1, x.shape[-2], 1, x.shape[-1]))

    options: dict[str, Any] = {"scale": scale, "is_causal": causal}
    if mask is not None:
        cut = xp.broadcast_to(mask, (*shape, query.shape[-2], keys.shape[-2]))
        cut = xp.reshape(cut, (-1, 1, query.shape[-2], keys.shape[-2]))
        options["mask" if xp.isdtype(mask.dtype, "bool") else "bias"] = cut
    found = jax.nn.dot_product_attention(heads(query), heads(keys), heads(values), **options)
    found = xp.reshape(found[:, :, 0, :width], (*shape, query.shape[-2], width))
    if mask is None:
        return found
    seen = mask if xp.isdtype(mask.dtype, "bool") else mask != -float("inf")
    return xp.where(xp.any(seen, axis=-1, keepdims=True), found, 0.0)


def _padded(x: Array, width: int, value: float) -> Array:
    if x.shape[-1] == width:
        return x
    if backend.backend_of(x) == "torch":
        return sys.modules["torch"].nn.functional.pad(x, (0, width - x.shape[-1]), value=value)
    return backend.namespace(x).concat([x, backend.full((*x.shape[:-1], width - x.shape[-1]), value, x)], axis=-1)
