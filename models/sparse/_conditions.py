"""What locations and counters must be."""

from __future__ import annotations

from collections.abc import Callable

from ...dynamics import backend
from ...dynamics.backend import Array


def within(x: Array, most: float) -> Array:
    """Whether no number is beyond `most`, without an array of sizes."""
    xp = backend.namespace(x)
    return (xp.max(x) <= most) & (xp.min(x) >= -most)


def looks_at(k: int) -> Callable[[Array], Array]:
    """Whether each location looks at k coordinates."""

    def condition(locations: Array) -> Array:
        xp = backend.namespace(locations)
        return xp.sum(xp.astype(locations != 0, xp.int32), axis=-1) == k

    return condition
