"""Nested tensors, whose sequences have lengths of their own, as padded ones and back."""

from __future__ import annotations

import torch
from torch import Tensor


def padded(x: Tensor) -> tuple[Tensor, list[int]]:
    """The sequences with zeros behind their ends, (N, L, E), and their lengths."""
    return x.to_padded_tensor(0.0), [one.shape[0] for one in x.unbind()]


def unpadded(x: Tensor, lengths: list[int], like: Tensor) -> Tensor:
    """The sequences without what lies behind their ends, nested as those of `like` are."""
    rows = [x[k, :length] for k, length in enumerate(lengths)]
    if like.layout == torch.jagged:  # with the same offsets, so that both can be added
        return torch.nested.nested_tensor_from_jagged(torch.cat(rows), like.offsets())  # pyright: ignore[reportAttributeAccessIssue]
    return torch.nested.as_nested_tensor(rows)
