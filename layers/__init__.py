"""Memories inside deep networks: attention with any similarity, as a function and as modules, and what is learned."""

from .attention import attention

__all__ = ["attention"]
