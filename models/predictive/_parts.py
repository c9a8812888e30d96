"""The parts of a predictive coding memory at its door: weights that fit one another, and what a file holds of them."""

from __future__ import annotations

import itertools
import math
from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import finite, floating


def narrowed(value: Array, like: Array) -> Array:
    """In the half precision of `like`, where that is so."""
    return backend.narrowed(value, backend.dtype_name(like)) if backend.is_half(like) else value


def connection(k: int, given: Any, below: list[Array]) -> Array:
    """The weights W_k, checked against those below."""
    name = f"weights[{k}]"
    found = finite(name, floating(name, given, below[0] if below else None))
    if found.ndim != 2 or 0 in found.shape:
        raise ValueError(f"{name} must be a matrix (n_{k}, n_{k + 1}), got shape {tuple(found.shape)}.")
    if below and below[-1].shape[1] != found.shape[0]:
        raise ValueError(
            f"{name} has shape {tuple(found.shape)} and weights[{k - 1}] {tuple(below[-1].shape)}: the rows of one are "
            f"the columns of the one below it, so that it must be ({below[-1].shape[1]}, ...)."
        )
    return found


def unpacked(vector_: Array, sizes: Any) -> tuple[list[Array], list[Array]]:
    """Weights and offsets from one vector and the sizes of the layers as text: what `save` writes."""
    try:
        counts = [int(n) for n in sizes.split(",")]
        shapes = [*itertools.pairwise(counts), *((n,) for n in counts)]
        if sum(map(math.prod, shapes)) != vector_.shape[0]:
            raise ValueError
    except (AttributeError, ValueError):
        raise ValueError("weights is a sequence of matrices, or the vector that `save` writes, with sizes.") from None
    parts, at = [], 0
    for shape in shapes:
        parts.append(vector_[at : at + math.prod(shape)].reshape(shape))
        at += math.prod(shape)
    return parts[: len(counts) - 1], parts[len(counts) - 1 :]
