"""Modules with something stored: queries that pool a set, and patterns that are looked up."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax

from ...dynamics.backend import Array
from ...dynamics.doors import whole
from ._attention import HopfieldAttention


class HopfieldPooling(eqx.Module):
    """A set of any size pooled to a few vectors: learned queries ask a memory whose patterns are the set.

    Parameters
    ----------
    num_heads, query_size, ...
        As for `HopfieldAttention`.
    num_queries : int
        How many vectors come out of each set.

    Examples
    --------
    >>> import jax
    >>> pool = HopfieldPooling(4, 16, num_queries=2, key=jax.random.key(0))
    >>> pool(jax.numpy.zeros((7, 16))).shape
    (2, 16)
    """

    attention: HopfieldAttention
    query: Array

    def __init__(
        self,
        num_heads: int,
        query_size: int,
        *,
        num_queries: int = 1,
        dropout_p: float = 0.0,
        inference: bool = False,
        dtype: Any = None,
        similarity: Any = "dot",
        separation: Any = "softmax",
        beta: Any = None,
        steps: int = 1,
        key: Any,
    ) -> None:
        first, second = jax.random.split(key)
        rule: dict[str, Any] = {"similarity": similarity, "separation": separation, "beta": beta, "steps": steps}
        self.attention = HopfieldAttention(
            num_heads, query_size, dropout_p=dropout_p, inference=inference, dtype=dtype, **rule, key=first
        )
        self.query = jax.random.normal(second, (whole("num_queries", num_queries, 1), query_size), dtype)

    def __call__(self, x: Array, mask: Array | None = None, *, key: Any = None) -> Array:
        """The pooled vectors (num_queries, query_size) of a set (S, query_size); in `mask` (S,) True is what counts."""
        return self.attention(self.query, x, x, mask, key=key)


class HopfieldLayer(eqx.Module):
    """A memory with stored patterns as a module: each input vector recalls from patterns that are learned.

    Parameters
    ----------
    num_heads, query_size, ...
        As for `HopfieldAttention`.
    num_patterns : int
        How many patterns are stored. They start as normal random numbers.

    Examples
    --------
    >>> import jax
    >>> layer = HopfieldLayer(4, 16, num_patterns=10, similarity="manhattan", key=jax.random.key(0))
    >>> layer(jax.numpy.zeros((7, 16))).shape
    (7, 16)
    """

    attention: HopfieldAttention
    patterns: Array

    def __init__(
        self,
        num_heads: int,
        query_size: int,
        *,
        num_patterns: int,
        dropout_p: float = 0.0,
        inference: bool = False,
        dtype: Any = None,
        similarity: Any = "dot",
        separation: Any = "softmax",
        beta: Any = None,
        steps: int = 1,
        key: Any,
    ) -> None:
        first, second = jax.random.split(key)
        rule: dict[str, Any] = {"similarity": similarity, "separation": separation, "beta": beta, "steps": steps}
        self.attention = HopfieldAttention(
            num_heads, query_size, dropout_p=dropout_p, inference=inference, dtype=dtype, **rule, key=first
        )
        self.patterns = jax.random.normal(second, (whole("num_patterns", num_patterns, 1), query_size), dtype)

    def __call__(self, x: Array, *, key: Any = None) -> Array:
        """What each vector of (L, query_size) recalls."""
        return self.attention(x, self.patterns, self.patterns, key=key)
