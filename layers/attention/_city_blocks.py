"""City-block distances of a batch of queries and keys, through compiled loops where these are installed."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.kernels import city_blocks as blocks
from ...dynamics.kernels import compiled_loops, signed_sums
from ._batches import mapped

LEAST = 2**20  # elements of work from which a compiled loop pays


def city_blocks(query: Array, keys: Array) -> Array:
    r"""sum_e \|q_le - k_se\|, shape (..., L, S), without an L x S x E temporary."""
    match backend.backend_of(query):
        case "numpy":
            return mapped(blocks, query, keys)
        case "torch" if _loops(query, keys):
            shape = np.broadcast_shapes(tuple(query.shape[:-2]), tuple(keys.shape[:-2]))
            flat = [x.expand(*shape, *x.shape[-2:]).reshape(-1, *x.shape[-2:]) for x in (query, keys)]
            return _by_loops().apply(*flat).reshape(*shape, query.shape[-2], keys.shape[-2])
    if backend.is_half(query):  # sums in float32, and PyTorch has no other
        return backend.cast(
            backend.cityblock(*(backend.cast(x, "float32") for x in (query, keys))), backend.dtype_name(query)
        )
    return backend.cityblock(query, keys)


def _loops(query: Array, keys: Array) -> bool:
    """Whether these are known tensors of the processor for which there are compiled loops."""
    if backend.is_traced(query) or backend.is_traced(keys) or query.device.type != "cpu" or query.dtype != keys.dtype:
        return False
    if backend.is_half(query) or not _plain(query) or not _plain(keys):
        return False
    work = query.shape[-2] * keys.shape[-2] * keys.shape[-1]
    return compiled_loops(work, LEAST, np.empty(0, backend.dtype_name(query))) is not None


def _plain(x: Array) -> bool:
    """Whether a tensor has no derivative in forward mode, which loops do not carry on."""
    import torch

    return torch.autograd.forward_ad.unpack_dual(x).tangent is None


@functools.cache
def _by_loops() -> Any:
    import torch

    def each(function: Any, *arrays: Any) -> Any:
        return torch.from_numpy(np.stack([function(*some) for some in zip(*arrays, strict=True)]))

    class CityBlocks(torch.autograd.Function):
        """Distances of (B, L, E) and (B, S, E), with derivatives of sums of signs."""

        @staticmethod
        def forward(ctx: Any, *given: Any) -> Any:
            ctx.save_for_backward(*given)
            return each(blocks, *(x.detach().numpy() for x in given))

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, *grads: Any) -> Any:
            query, keys = (x.detach().numpy() for x in ctx.saved_tensors)
            weights, (first, second) = grads[0].numpy(), ctx.needs_input_grad
            return (
                each(signed_sums, query, keys, weights) if first else None,
                each(signed_sums, keys, query, weights.swapaxes(1, 2)) if second else None,
            )

    return CityBlocks
