"""Multi-head attention with any similarity, made to stand where `equinox.nn.MultiheadAttention` does."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ...dynamics.backend import Array, shown
from ...dynamics.doors import flag, number, whole
from ..attention import MOST_STEPS, attention, betas, rule_of

LARGEST = 30.0  # log beta, up or down: what lies beyond is softmax no more


class HopfieldAttention(eqx.Module):
    r"""Multi-head attention z_l = sum_s V_s sep(beta sim(K, q_l))_s with any similarity and any separation.

    It takes what `equinox.nn.MultiheadAttention` takes and has its projections under its names; with dot and softmax,
    and nothing trained further, it gives the same output. It is for one sequence: map it over a batch with `jax.vmap`.

    Parameters
    ----------
    num_heads, query_size, key_size, value_size, output_size, qk_size, vo_size
        As for `equinox.nn.MultiheadAttention`.
    use_query_bias, use_key_bias, use_value_bias, use_output_bias, dropout_p, inference, dtype, key
        As there, too.
    similarity, separation, steps
        As for `hopfield.layers.attention`. Similarities of positive vectors, such as kl, compare e^q and e^k.
    beta : float or sequence of floats, optional
        At the start, one for all heads or one for each; by default as for `attention`. Each is learned, through
        ``log_beta`` (num_heads,).

    Examples
    --------
    >>> import jax
    >>> layer = HopfieldAttention(4, 16, similarity="euclidean", key=jax.random.key(0))
    >>> x = jax.random.normal(jax.random.key(1), (5, 16))
    >>> layer(x, x, x).shape
    (5, 16)
    """

    query_proj: eqx.nn.Linear
    key_proj: eqx.nn.Linear
    value_proj: eqx.nn.Linear
    output_proj: eqx.nn.Linear
    dropout: eqx.nn.Dropout
    log_beta: Array
    num_heads: int = eqx.field(static=True)
    query_size: int = eqx.field(static=True)
    key_size: int = eqx.field(static=True)
    value_size: int = eqx.field(static=True)
    output_size: int = eqx.field(static=True)
    qk_size: int = eqx.field(static=True)
    vo_size: int = eqx.field(static=True)
    similarity: Any = eqx.field(static=True)
    separation: Any = eqx.field(static=True)
    steps: int = eqx.field(static=True)

    def __init__(
        self,
        num_heads: int,
        query_size: int,
        key_size: int | None = None,
        value_size: int | None = None,
        output_size: int | None = None,
        qk_size: int | None = None,
        vo_size: int | None = None,
        use_query_bias: bool = False,
        use_key_bias: bool = False,
        use_value_bias: bool = False,
        use_output_bias: bool = False,
        dropout_p: float = 0.0,
        inference: bool = False,
        dtype: Any = None,
        *,
        similarity: Any = "dot",
        separation: Any = "softmax",
        beta: Any = None,
        steps: int = 1,
        key: Any,
    ) -> None:
        self.num_heads, self.query_size = whole("num_heads", num_heads, 1), whole("query_size", query_size, 1)

        def size(name: str, value: int | None, otherwise: int) -> int:
            return otherwise if value is None else whole(name, value, 1)

        self.key_size, self.value_size = (
            size("key_size", key_size, query_size),
            size("value_size", value_size, query_size),
        )
        self.output_size = size("output_size", output_size, query_size)
        if (qk_size is None or vo_size is None) and query_size % num_heads:
            raise ValueError(
                f"query_size={query_size} cannot be shared out among num_heads={num_heads} heads of one width: take a "
                "number of heads that divides it, or give qk_size and vo_size."
            )
        self.qk_size, self.vo_size = (
            size(n, v, query_size // num_heads) for n, v in (("qk_size", qk_size), ("vo_size", vo_size))
        )
        self.similarity, self.separation = rule_of(similarity, separation)
        self.steps = whole("steps", steps, 1, MOST_STEPS)
        keys, options = jax.random.split(key, 4), {"dtype": dtype}
        wide, deep = num_heads * self.qk_size, num_heads * self.vo_size
        self.query_proj = eqx.nn.Linear(
            query_size, wide, flag("use_query_bias", use_query_bias), **options, key=keys[0]
        )
        self.key_proj = eqx.nn.Linear(self.key_size, wide, flag("use_key_bias", use_key_bias), **options, key=keys[1])
        self.value_proj = eqx.nn.Linear(
            self.value_size, deep, flag("use_value_bias", use_value_bias), **options, key=keys[2]
        )
        self.output_proj = eqx.nn.Linear(
            deep, self.output_size, flag("use_output_bias", use_output_bias), **options, key=keys[3]
        )
        self.dropout = eqx.nn.Dropout(
            number("dropout_p", dropout_p, 0, below=1), inference=flag("inference", inference)
        )
        first = betas(beta, self.similarity, self.qk_size, self.num_heads)
        self.log_beta = jnp.asarray([math.log(one) for one in first], dtype=self.query_proj.weight.dtype)

    @property
    def beta(self) -> Array:
        """Beta of each head, shape (num_heads,)."""
        return jnp.exp(jnp.clip(self.log_beta, -LARGEST, LARGEST))

    def __call__(
        self,
        query: Array,
        key_: Array,
        value: Array,
        mask: Array | None = None,
        *,
        key: Any = None,
        inference: bool | None = None,
        is_causal: bool = False,
    ) -> Array:
        """The output (L, output_size) for queries (L, query_size), keys (S, key_size) and values (S, value_size).

        `mask` (L, S) or (num_heads, L, S) is True where a key takes part, as in Equinox.
        """
        self._check(query, key_, value, mask)
        heads = [
            self._split(projection, x)
            for projection, x in ((self.query_proj, query), (self.key_proj, key_), (self.value_proj, value))
        ]
        if self.similarity.positive:
            heads[0], heads[1] = jnp.exp(heads[0]), jnp.exp(heads[1])
        off = self.dropout.inference if inference is None else inference
        found = attention(
            *heads,
            similarity=self.similarity,
            separation=self.separation,
            beta=self.beta[:, None, None],
            attn_mask=mask,
            is_causal=is_causal,
            dropout_p=0.0 if off else float(self.dropout.p),
            steps=self.steps,
            dropout_key=key,
        )
        return jax.vmap(self.output_proj)(jnp.swapaxes(found, 0, 1).reshape(query.shape[0], -1))

    def _split(self, projection: eqx.nn.Linear, x: Array) -> Array:
        return jnp.swapaxes(jax.vmap(projection)(x).reshape(x.shape[0], self.num_heads, -1), 0, 1)

    def _check(self, query: Array, key_: Array, value: Array, mask: Any) -> None:
        sizes = {
            "query": (query, self.query_size),
            "key_": (key_, self.key_size),
            "value": (value, self.value_size),
        }
        told = ", ".join(f"{name} {getattr(x, 'shape', shown(x))}" for name, (x, _) in sizes.items())
        for name, (x, size) in sizes.items():
            if getattr(x, "ndim", 0) != 2 or x.shape[-1] != size:
                raise ValueError(
                    f"{name} must be (length, {size}), one sequence (map over a batch with jax.vmap); the shapes are "
                    f"{told}."
                )
