"""Multi-head attention with any similarity, made to stand where `torch.nn.MultiheadAttention` does."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ...dynamics.backend import shown
from ...dynamics.doors import flag, number, whole
from ..attention import MOST_STEPS, attention, betas, causal_mask, rule_of, settled, weights_of
from ._masks import together
from ._nested import padded, unpadded

LARGEST = 30.0  # log beta, up or down: what lies beyond is softmax no more


class HopfieldAttention(nn.Module):
    r"""Multi-head attention z_l = sum_s V_s sep(beta sim(K, q_l))_s with any similarity and any separation.

    It takes what `torch.nn.MultiheadAttention` takes, has its parameters under its names, and loads its trained
    states: with dot, softmax and nothing trained further it gives the same output. It works in
    `torch.nn.TransformerEncoderLayer` and its like, whose fused path for evaluation would read the weights and go past
    the similarity: that path is closed by ``_qkv_same_embed_dim = False``.

    Parameters
    ----------
    embed_dim, num_heads, dropout, bias, add_bias_kv, add_zero_attn, kdim, vdim, batch_first, device, dtype
        As for `torch.nn.MultiheadAttention`.
    similarity, separation, steps
        As for `hopfield.layers.attention`. Similarities of positive vectors, such as kl, compare e^q and e^k: the
        projections are states there, and their exponentials the activations.
    beta : float or sequence of floats, optional
        At the start, one for all heads or one for each; by default as for `attention`.
    learn_beta : bool
        Whether beta is learned, one for each head, through the parameter ``log_beta`` (num_heads,).

    Examples
    --------
    >>> import torch
    >>> layer = HopfieldAttention(16, 4, batch_first=True, similarity="euclidean")
    >>> x = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))
    >>> z, weights = layer(x, x, x)
    >>> z.shape, weights.sum(-1).round(decimals=4)[0]
    (torch.Size([2, 5, 16]), tensor([1., 1., 1., 1., 1.], grad_fn=<SelectBackward0>))
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
        similarity: Any = "dot",
        separation: Any = "softmax",
        beta: Any = None,
        learn_beta: bool = True,
        steps: int = 1,
    ) -> None:
        super().__init__()
        self.embed_dim, self.num_heads = whole("embed_dim", embed_dim, 1), whole("num_heads", num_heads, 1)
        if self.embed_dim % self.num_heads:
            raise ValueError(
                f"embed_dim={embed_dim} cannot be shared out among num_heads={num_heads} heads of one width: "
                f"{embed_dim} = {num_heads} x {embed_dim // num_heads} + {embed_dim % num_heads}. Take a number of "
                f"heads that divides it."
            )
        self.head_dim = self.embed_dim // self.num_heads
        self.dropout = number("dropout", dropout, 0, below=1)
        self.batch_first, self.add_zero_attn = flag("batch_first", batch_first), flag("add_zero_attn", add_zero_attn)
        self.kdim = self.embed_dim if kdim is None else whole("kdim", kdim, 1)
        self.vdim = self.embed_dim if vdim is None else whole("vdim", vdim, 1)
        self.similarity, self.separation = rule_of(similarity, separation)
        self.steps = whole("steps", steps, 1, MOST_STEPS)
        self._qkv_same_embed_dim = False  # whoever reads the weights in our stead is told to call us instead
        self._make(bias, add_bias_kv, {"device": device, "dtype": dtype})
        self._make_beta(beta, flag("learn_beta", learn_beta), {"device": device, "dtype": dtype})

    def _make(self, bias: bool, add_bias_kv: bool, options: dict[str, Any]) -> None:
        size = self.embed_dim

        def weights(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape, **options))

        one = self.kdim == size and self.vdim == size
        self.in_proj_weight = weights(3 * size, size) if one else None
        self.q_proj_weight = None if one else weights(size, size)
        self.k_proj_weight = None if one else weights(size, self.kdim)
        self.v_proj_weight = None if one else weights(size, self.vdim)
        self.in_proj_bias = weights(3 * size) if bias else None
        self.out_proj = nn.Linear(size, size, bias=bias, **options)
        self.bias_k = weights(1, 1, size) if add_bias_kv else None
        self.bias_v = weights(1, 1, size) if add_bias_kv else None
        for given in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if given is not None:
                nn.init.xavier_uniform_(given)
        for given in (self.in_proj_bias, self.out_proj.bias):
            if given is not None:
                nn.init.zeros_(given)
        for given in (self.bias_k, self.bias_v):
            if given is not None:
                nn.init.xavier_normal_(given)

    def _make_beta(self, beta: Any, learned: bool, options: dict[str, Any]) -> None:
        self._first_beta = betas(beta, self.similarity, self.head_dim, self.num_heads)
        logs = torch.tensor([math.log(b) for b in self._first_beta], **options)
        self.log_beta = nn.Parameter(logs, requires_grad=learned)

    @property
    def beta(self) -> Tensor:
        """Beta of each head, shape (num_heads,)."""
        return self.log_beta.clamp(-LARGEST, LARGEST).exp()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        if f"{prefix}log_beta" not in state_dict and f"{prefix}out_proj.weight" in state_dict:  # of MultiheadAttention
            first = [math.log(b) for b in self._first_beta]
            state_dict[f"{prefix}log_beta"] = self.log_beta.new_tensor(first)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """What `torch.nn.MultiheadAttention` gives for the same arguments, with this similarity.

        As there, bools of the masks are True where a key takes NO part, and numbers are added to beta times the
        scores. `is_causal` without `attn_mask` hides the keys behind each query.
        """
        if isinstance(query, Tensor) and query.is_nested:
            return self._nested(query, key, value, key_padding_mask, need_weights, attn_mask, is_causal)
        self._check(query, key, value)
        batched = query.dim() == 3
        if not batched:
            query, key, value = (x.unsqueeze(0) for x in (query, key, value))
        elif not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        heads = self._heads(query, key, value)
        more = heads[1].shape[-2] - key.shape[1]
        mask = together(attn_mask, key_padding_mask, heads[0], key.shape[1], more, batched)
        found, weights = self._attend(heads, mask, is_causal and attn_mask is None, need_weights)
        found = self.out_proj(found.transpose(1, 2).flatten(2))
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            return found.squeeze(0), None if weights is None else weights.squeeze(0)
        return found if self.batch_first else found.transpose(0, 1), weights

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        sizes = {"query": (query, self.embed_dim), "key": (key, self.kdim), "value": (value, self.vdim)}
        own = self.out_proj.weight.dtype
        for name, (x, _) in sizes.items():
            if not isinstance(x, Tensor):
                raise TypeError(f"{name} must be a tensor, got {shown(x)}.")
            if x.dtype != own and not torch.is_autocast_enabled(x.device.type):
                raise TypeError(f"{name} is of {x.dtype} and this layer of {own}: write {name}.to({own}).")
        told = ", ".join(f"{name} {tuple(x.shape)}" for name, (x, _) in sizes.items())
        if query.dim() not in (2, 3) or len({x.dim() for x, _ in sizes.values()}) > 1:
            raise ValueError(f"query, key and value must all be (L, E), or all (N, L, E); the shapes are {told}.")
        for name, (x, size) in sizes.items():
            if x.shape[-1] != size:
                raise ValueError(
                    f"{name} has {x.shape[-1]} features and this layer takes {size}; the shapes are {told}."
                )

    def _heads(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Queries, keys and values of every head, (N, H, L, E/H)."""
        given, size = (query, key, value), self.embed_dim
        biases = (None, None, None) if self.in_proj_bias is None else self.in_proj_bias.split(size)
        if self.in_proj_weight is None:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        elif query is key and key is value:
            projected = nn.functional.linear(query, self.in_proj_weight, self.in_proj_bias).split(size, dim=-1)
            return self._extended([self._split(x) for x in projected])
        else:
            weights = self.in_proj_weight.split(size)
        projected = [nn.functional.linear(x, w, b) for x, w, b in zip(given, weights, biases, strict=True)]  # pyright: ignore
        return self._extended([self._split(x) for x in projected])

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)

    def _extended(self, heads: list[Tensor]) -> list[Tensor]:
        """With the learned key and value, and the zero ones, of which MultiheadAttention knows."""
        query, *others = heads
        if self.bias_k is not None and self.bias_v is not None:
            batch = query.shape[0]
            learned = [self._split(b.to(query.dtype).expand(batch, 1, -1)) for b in (self.bias_k, self.bias_v)]
            others = [torch.cat([x, b], dim=2) for x, b in zip(others, learned, strict=True)]
        if self.add_zero_attn:
            others = [nn.functional.pad(x, (0, 0, 0, 1)) for x in others]
        if self.similarity.positive:
            query, others[0] = query.exp(), others[0].exp()
        return [query, *others]

    def _attend(
        self, heads: list[Tensor], mask: Tensor | None, causal: bool, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        query, key, value = heads
        beta, rule = self.beta[:, None, None], rule_of(self.similarity, self.separation)
        dropout = self.dropout if self.training else 0.0
        if not need_weights:
            return attention(
                *(query, key, value),
                similarity=rule.similarity,
                separation=rule.separation,
                beta=beta,
                attn_mask=mask,
                is_causal=causal,
                dropout_p=dropout,
                steps=self.steps,
            ), None
        mask = causal_mask(mask, query, key.shape[-2]) if causal else mask
        query = settled(rule, beta, query, key, mask, self.steps - 1)
        weights = nn.functional.dropout(weights_of(rule, beta, query, key, mask), dropout)
        return weights.to(value.dtype) @ value, weights

    def _nested(
        self, query: Tensor, key: Tensor, value: Tensor, padding: Any, need_weights: bool, mask: Any, causal: bool
    ) -> tuple[Tensor, Tensor | None]:
        if padding is not None or mask is not None or need_weights:
            raise ValueError(
                "Nested tensors say themselves where sequences end: give neither key_padding_mask nor attn_mask, and "
                "need_weights=False."
            )
        if not self.batch_first:
            raise ValueError("Nested tensors have their batch axis first: build the layer with batch_first=True.")
        nested = query
        (query, lengths), (key, count), (value, _) = padded(query), padded(key), padded(value)
        past = torch.arange(key.shape[1], device=key.device)
        ends = past >= torch.tensor(count, device=key.device)[:, None]
        found, _ = self(query, key, value, ends, need_weights=False, is_causal=causal)
        return unpadded(found, lengths, nested), None

    def extra_repr(self) -> str:
        """Sizes, similarity, separation and steps, for `repr`."""
        more = f", steps={self.steps}" if self.steps > 1 else ""
        return (
            f"{self.embed_dim}, {self.num_heads}, similarity={self.similarity!r}, separation={self.separation!r}{more}"
        )
