"""Batch axes: taken off on the way into a run, and put back on the way out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, shown


def room(size: int, like: Array) -> int:
    """How many rows to make of `size`: on JAX a power of two, so that few programs are compiled."""
    return 1 << (size - 1).bit_length() if backend.backend_of(like) == "jax" else size


def flat(arrays: dict[Any, Array]) -> tuple[dict[Any, Array], tuple[int, ...]]:
    """Arrays (..., n) as batches (B, n) of one size, and the batch axes that they had.

    >>> found, shape = flat({"x": np.zeros((2, 3, 4)), "y": np.zeros(5)})
    >>> found["y"].shape, shape
    ((6, 5), (2, 3))
    """
    shape = np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in arrays.values()))
    size, wide = math.prod(shape), {}
    for key, x in arrays.items():
        host = backend.on_host(x)
        xp = backend.namespace(host)
        host = host if host.shape[:-1] == shape else xp.broadcast_to(host, (*shape, host.shape[-1]))
        wide[key] = backend.returned(xp.reshape(host, (size, host.shape[-1])), x)
    return wide, shape


def filled(arrays: dict[Any, Array]) -> dict[Any, Array]:
    """Batches (B, n) with `room` on JAX: the rows from B on are copies of the first.

    >>> filled({"x": np.zeros((3, 1))})["x"].shape
    (3, 1)
    """
    return {key: _filled(x) for key, x in arrays.items()}


def _filled(x: Array) -> Array:
    more = room(x.shape[0], x) - x.shape[0]
    if not more:
        return x
    host = backend.on_host(x)
    xp = backend.namespace(host)
    return backend.returned(xp.concat([host, xp.broadcast_to(host[:1, ...], (more, x.shape[1]))], axis=0), x)


def shaped(arrays: dict[Any, Array], batch: tuple[int, ...], lead: int = 0) -> dict[Any, Array]:
    """Arrays (..., B, n) behind `lead` axes with their batch axes again, without the rows that fill up the batch.

    >>> shaped({"x": np.zeros((6, 4))}, (2, 3))["x"].shape
    (2, 3, 4)
    """
    size, answer = math.prod(batch), {}
    for name, x in arrays.items():
        host, own = x if type(x) is np.ndarray else backend.on_host(x), (*x.shape[:lead], *batch, *x.shape[lead + 1 :])
        if host.shape[lead] != size:
            host = host[(slice(None),) * lead + (slice(size), ...)]
        answer[name] = host.reshape(own) if host is x else backend.returned(host.reshape(own), x)
    return answer


def widened(arrays: dict[str, Array], shapes: list[tuple[int, ...]]) -> dict[str, Array]:
    """Arrays (..., n) with batch axes that hold some other ones too."""
    if not any(shapes):
        return arrays
    mine = {tuple(x.shape[:-1]) for x in arrays.values()}
    try:
        shape = np.broadcast_shapes(*mine, *shapes)
    except ValueError:
        raise ValueError(
            f"The currents have the batch axes {', '.join(map(str, shapes))}, and the cues have "
            f"{', '.join(map(str, mine))}: they must broadcast."
        ) from None
    found = {}
    for name, x in arrays.items():
        host = backend.on_host(x)
        found[name] = backend.returned(backend.namespace(host).broadcast_to(host, (*shape, host.shape[-1])), x)
    return found


def neurons(name: str, which: Any, size: int) -> np.ndarray:
    """Which neurons of a population, by number."""
    found = np.asarray(list(which) if isinstance(which, range) else which)
    if found.dtype.kind not in "iu" or found.ndim != 1 or not found.size:
        raise TypeError(
            f"save names neurons of {name!r} by number, such as [3, 5], or None for all; got {shown(which)}."
        )
    if (found < 0).any() or (found >= size).any():
        wrong = found[(found < 0) | (found >= size)][0]
        raise ValueError(f"save asks for neuron {wrong} of {name!r}, whose {size} neurons are 0 to {size - 1}.")
    if np.unique(found).size < found.size:
        raise ValueError(f"save names a neuron of {name!r} twice: {found.tolist()[:8]}.")
    return found.astype(np.int64)


def some(x: Array, which: np.ndarray) -> Array:
    """Some columns of an array (..., n), on the host where nothing hangs on it."""
    host = backend.on_host(x)
    if isinstance(host, np.ndarray):
        return backend.returned(host[..., which], x)
    xp = backend.namespace(host)
    return xp.take(host, xp.asarray(which, device=backend.device(host)), axis=-1)
