"""A small causal language model of PyTorch whose attention is `HopfieldAttention`. Imported only where it is used."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ....layers.torch import HopfieldAttention
from ._forms import Form


class LanguageModel(nn.Module):
    """Tokens (B, L) to logits (B, L, V): an encoder of `torch.nn` that sees the past alone."""

    def __init__(self, size: int, settings: dict[str, Any], form: Form) -> None:
        super().__init__()
        width, heads = settings["width"], settings["heads"]
        self.embedding = nn.Embedding(size, width)
        self.place = nn.Parameter(torch.randn(settings["context"], width) * 0.02)
        self.dropout = nn.Dropout(settings["dropout"])
        self.blocks = nn.ModuleList()
        for _ in range(settings["blocks"]):
            block = nn.TransformerEncoderLayer(
                *(width, heads, settings["hidden"], settings["dropout"], settings["activation"]),
                batch_first=True,
                norm_first=settings["first_norm"],
            )
            rule = form.layer(width // heads)
            block.self_attn = HopfieldAttention(width, heads, settings["dropout"], batch_first=True, **rule)  # pyright: ignore
            self.blocks.append(block)
        self.norm = nn.LayerNorm(width) if settings["first_norm"] else nn.Identity()
        self.out = nn.Linear(width, size)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.scale = (
            1.0 if settings["tied"] else math.sqrt(width)
        )  # small beside a tied output, or each predicts itself
        if settings["tied"]:
            self.out.weight = self.embedding.weight
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """The logits of the token behind each."""
        length = tokens.shape[1]
        x = self.scale * self.embedding(tokens) + self.place[:length]
        hidden = nn.Transformer.generate_square_subsequent_mask(length)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, src_mask=hidden, is_causal=True)
        return self.out(self.norm(x))

    def betas(self) -> list[list[float]]:
        """Beta of each head in each block."""
        return [block.self_attn.beta.tolist() for block in self.blocks]  # pyright: ignore
