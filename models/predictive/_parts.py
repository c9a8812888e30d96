"""The parts of a predictive coding memory at its door: weights that fit one another, and what a file holds of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

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


def packed(weights: Sequence[Array], offsets: Sequence[Array], sizes: Sequence[int]) -> dict[str, Any]:
    """All weights and offsets as one vector, and the sizes of the layers as text, for a file."""
    vector_ = np.concatenate([backend.to_numpy(x).reshape(-1) for x in (*weights, *offsets)])
    return {"weights": vector_, "offsets": ",".join(map(str, sizes))}


def unpacked(vector_: Array, sizes: Any, *, forward: bool = False) -> tuple[list[Array], list[Array]]:
    """Weights and offsets from one vector and the sizes of the layers as text: what `packed` gives.

    Weights are (n_k, n_(k+1)), with an offset for every layer; `forward` they are (n_(k+1), n_k), and the first layer
    has no offset.
    """
    try:
        counts = [int(n) for n in sizes.split(",")]
        pairs = [pair[::-1] if forward else pair for pair in itertools.pairwise(counts)]
        shapes = [*pairs, *((n,) for n in counts[1 if forward else 0 :])]
        if sum(map(math.prod, shapes)) != vector_.shape[0]:
            raise ValueError
    except (AttributeError, ValueError):
        raise ValueError("weights is a sequence of matrices, or the vector that `save` writes, with sizes.") from None
    parts, at = [], 0
    for shape in shapes:
        parts.append(vector_[at : at + math.prod(shape)].reshape(shape))
        at += math.prod(shape)
    return parts[: len(counts) - 1], parts[len(counts) - 1 :]
