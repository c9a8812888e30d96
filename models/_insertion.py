"""Patterns that are stored later, and that are forgotten: which rows stay, and what is added behind them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array, shown
from ..dynamics.doors import matrix, plain


def added_rows(name: str, rows: Any, like: Array) -> Array:
    """More rows (n, I) or one (I,), as wide as those there are."""
    value = plain(name, rows)
    if not backend.is_array(value):
        value = np.asarray(value)
    if getattr(value, "ndim", 0) == 1:
        value = value[None, :]
    value = matrix(name, value if backend.backend_of(like) == backend.backend_of(value) else value.tolist(), like)
    if value.shape[1] != like.shape[1]:
        raise ValueError(f"{name} are rows of {value.shape[1]} values, and those that are stored have {like.shape[1]}.")
    return value


def kept_rows(rows: Any, count: int, *, all_may_go: bool = False) -> np.ndarray:
    """The rows that stay, in their order, when some are forgotten: numbers from 0 to count - 1, or a mask."""
    host = backend.to_numpy(rows) if backend.is_array(rows) else np.asarray(rows)
    if host.dtype.kind == "b":
        if host.shape != (count,):
            raise ValueError(
                f"A mask of what is forgotten has one bool for each of {count} patterns, not {host.shape}."
            )
        out = host
    else:
        whole = host.dtype.kind in "iu" or (not host.size and host.dtype.kind == "f")
        if not whole or host.ndim > 1 or ((host < 0) | (host >= count)).any():
            raise ValueError(
                f"rows are numbers of stored patterns, from 0 to {count - 1}, or a mask; got {shown(rows)}."
            )
        out = np.zeros(count, dtype=bool)
        out[host.astype(int)] = True
    if out.all() and not all_may_go:
        raise ValueError(f"All {count} patterns would be forgotten, and a memory stores at least one.")
    return np.flatnonzero(~out)


def gone(kept: Any, count: int) -> np.ndarray:
    """The rows that are not kept."""
    return np.setdiff1d(np.arange(count), kept)


def taken(x: Array, kept: np.ndarray) -> Array:
    """Some rows of an array of any library."""
    xp = backend.namespace(x)
    return xp.take(x, xp.asarray(kept, device=backend.device(x)), axis=0)
