"""The masks of `torch.nn.MultiheadAttention`, in which True hides a key, as one mask of `attention`."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def together(
    mask: Tensor | None, padding: Tensor | None, heads: Tensor, keys: int, more: int, batched: bool
) -> Tensor | None:
    """One mask (N or 1, H or 1, L or 1, S + more) of bools, True where a key takes part, or of numbers to add.

    `mask` is (L, S) or (N H, L, S), `padding` (N, S), or (S,) where there is no batch; `more` keys at the end are
    always seen.
    """
    batch, count, length = heads.shape[:3]
    found = None
    if mask is not None:
        if tuple(mask.shape) not in ((length, keys), (batch * count, length, keys)):
            raise ValueError(
                f"attn_mask has shape {tuple(mask.shape)}, and must be {(length, keys)}, or "
                f"{(batch * count, length, keys)} with a mask for each head of each sequence."
            )
        found = mask[None, None] if mask.dim() == 2 else mask.reshape(batch, count, length, keys)
        found = _seen("attn_mask", found, heads)
    if padding is not None:
        wanted = (batch, keys) if batched else (keys,)
        if tuple(padding.shape) != wanted:
            raise ValueError(f"key_padding_mask has shape {tuple(padding.shape)}, and must be {wanted}.")
        found = _both(found, _seen("key_padding_mask", padding.reshape(batch, 1, 1, keys), heads))
    if found is not None and more:
        found = nn.functional.pad(found, (0, more), value=True if found.dtype == torch.bool else 0.0)
    return found


def _seen(name: str, mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype == torch.bool:
        return ~mask
    if not mask.dtype.is_floating_point:
        raise TypeError(
            f"{name} has dtype {mask.dtype}: give bools, True where a key takes no part, or floating numbers that are "
            "added to the scores."
        )
    return mask.to(like.dtype)


def _both(a: Tensor | None, b: Tensor) -> Tensor:
    if a is None:
        return b
    if a.dtype == torch.bool and b.dtype == torch.bool:
        return a & b
    if a.dtype == torch.bool or b.dtype == torch.bool:
        seen, numbers = (a, b) if a.dtype == torch.bool else (b, a)
        return numbers.masked_fill(~seen, -math.inf)
    return a + b
