"""Layers with something stored: queries that pool a set, and patterns that are looked up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...dynamics.doors import whole
from ._attention import HopfieldAttention


class HopfieldPooling(HopfieldAttention):
    """A set of any size pooled to a few vectors: learned queries ask a memory whose patterns are the set.

    Parameters
    ----------
    embed_dim, num_heads, dropout, ...
        As for `HopfieldAttention`.
    num_queries : int
        How many vectors come out of each set.

    Examples
    --------
    >>> import torch
    >>> pool = HopfieldPooling(16, 4, batch_first=True, num_queries=2)
    >>> pool(torch.zeros(3, 7, 16)).shape
    torch.Size([3, 2, 16])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        num_queries: int = 1,
        similarity: Any = "dot",
        separation: Any = "softmax",
        beta: Any = None,
        learn_beta: bool = True,
        steps: int = 1,
    ) -> None:
        rule: dict[str, Any] = {"similarity": similarity, "separation": separation, "beta": beta, "steps": steps}
        super().__init__(
            *(embed_dim, num_heads, dropout, bias, add_bias_kv, add_zero_attn, kdim, vdim, batch_first, device, dtype),
            **rule,
            learn_beta=learn_beta,
        )
        self.query = _normal(whole("num_queries", num_queries, 1), embed_dim, device, dtype)

    def forward(
        self,
        input: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
    ) -> Any:
        """The pooled vectors (N, num_queries, E) of sets (N, S, E); with `need_weights` a pair of them and weights."""
        query = _spread(self.query, input, self.batch_first)
        found = super().forward(query, input, input, key_padding_mask, need_weights, attn_mask, average_attn_weights)
        return found if need_weights else found[0]


class HopfieldLayer(HopfieldAttention):
    """A memory with stored patterns as a layer: each input vector recalls from patterns that are learned.

    Parameters
    ----------
    embed_dim, num_heads, dropout, ...
        As for `HopfieldAttention`; the patterns have `kdim` values, and `vdim` must be the same.
    num_patterns : int
        How many patterns are stored. They start as normal random numbers; set ``layer.patterns`` to store others.

    Examples
    --------
    >>> import torch
    >>> layer = HopfieldLayer(16, 4, batch_first=True, num_patterns=10, similarity="manhattan")
    >>> layer(torch.zeros(3, 7, 16)).shape, layer.patterns.shape
    (torch.Size([3, 7, 16]), torch.Size([10, 16]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        num_patterns: int,
        similarity: Any = "dot",
        separation: Any = "softmax",
        beta: Any = None,
        learn_beta: bool = True,
        steps: int = 1,
    ) -> None:
        rule: dict[str, Any] = {"similarity": similarity, "separation": separation, "beta": beta, "steps": steps}
        super().__init__(
            *(embed_dim, num_heads, dropout, bias, add_bias_kv, add_zero_attn, kdim, vdim, batch_first, device, dtype),
            **rule,
            learn_beta=learn_beta,
        )
        if self.kdim != self.vdim:
            raise ValueError(f"The patterns are keys and values at once: kdim={self.kdim} and vdim={self.vdim} differ.")
        self.patterns = _normal(whole("num_patterns", num_patterns, 1), self.kdim, device, dtype)

    def forward(
        self,
        input: Tensor,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
    ) -> Any:
        """What each vector of (N, L, E) recalls; with `need_weights` a pair of it and the patterns' weights."""
        stored = self.patterns if input.dim() == 2 else _spread(self.patterns, input, self.batch_first)
        found = super().forward(input, stored, stored, None, need_weights, attn_mask, average_attn_weights)
        return found if need_weights else found[0]


def _normal(rows: int, columns: int, device: Any, dtype: Any) -> nn.Parameter:
    return nn.Parameter(torch.randn(rows, columns, device=device, dtype=dtype))


def _spread(stored: Tensor, input: Tensor, batch_first: bool) -> Tensor:
    """The same rows beside every sequence of a batch."""
    if input.dim() == 2:
        return stored
    if batch_first:
        return stored.expand(input.shape[0], -1, -1)
    return stored[:, None].expand(-1, input.shape[1], -1)
