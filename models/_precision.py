"""Half precision: patterns may be kept in float16 or bfloat16, and sums are made in float32 all the same.

A product of a query with 784 values in bfloat16 is rounded to three digits, and a softmax then weighs its memories by
the rounding. So what a memory in half precision answers is what the same numbers answer in float32, rounded once at
the end; its network, and with it its energies and trajectories, are in float32. `torch.autocast` changes none of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.doors import floating

STATES = ("state", "output")  # the fields of a result that are patterns, and so of their type
C = TypeVar("C", bound=type)


def own_precision(*narrow: str, wide: Sequence[str] = ()) -> Callable[[C], C]:
    """A class of models whose methods make their sums in float32 where the patterns are of half precision.

    The methods `narrow` answer in the patterns' own type (an array, or the states in a tuple of results), those in
    `wide` in float32.
    """

    def apply(cls: C) -> C:
        for name in (*narrow, *wide):
            setattr(cls, name, _in_float32(getattr(cls, name), name in narrow))
        return cls

    return apply


def _in_float32(method: Callable[..., Any], narrow: bool) -> Callable[..., Any]:
    plain = backend.uncast(method)

    @functools.wraps(method)
    def run(self: Any, *arguments: Any, **options: Any) -> Any:
        if not self.is_half:
            return plain(self, *arguments, **options)
        query = arguments[0] if arguments else options.get("query")
        if backend.is_array(query):
            floating("query", query, self.like)  # which refuses one of a wider type than the patterns
        answer = getattr(self.wide, method.__name__)(*arguments, **options)
        return narrowed(answer, self.like) if narrow else answer

    return run


def narrowed(answer: Any, like: Array) -> Any:
    """An answer in float32, or the states in a tuple of results, in the half precision of the patterns."""
    if hasattr(answer, "_fields"):
        states = {name: getattr(answer, name) for name in STATES if getattr(answer, name, None) is not None}
        return answer._replace(**{name: narrowed(state, like) for name, state in states.items()})
    return backend.narrowed(answer, backend.dtype_name(like))
