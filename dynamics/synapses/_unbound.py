"""The calls of 0.1.0, in which the patterns were an argument: ``Euclidean().scores(memories, g)``.

They bind the similarity first. A class that was written so, ``def scores(self, memories, g)``, is found out by its
signature, and is given what it holds.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from .. import backend
from ..backend import Array, shown
from ..doors import arguments, inside, is_inside, matrix

NAMES: Mapping[str, tuple[str, ...]] = {
    "scores": ("g",),
    "pullback": ("g", "f"),
    "pushforward": ("g", "u"),
    "curvature": ("g", "f", "u"),
    "kink": ("g", "f"),
    "response": ("g", "f"),
    "magnitude": ("g", "scores"),
    "value_step": ("v", "f"),
}


def guard(cls: type) -> None:
    """Put a door before each method of a similarity that a class defines; it takes both forms of the call."""
    for name, names in NAMES.items():
        method = vars(cls).get(name)
        if isinstance(method, FunctionType):
            setattr(cls, name, _door(method, names))


def _door(method: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    count, apart = len(names), _takes_memories(method, len(names))

    @functools.wraps(method)
    def opened(self: Any, *given: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if len(given) != count:
            self, given = _sorted_out(self, names, given, options)
        if is_inside():
            return method(self, _memories(self), *given, **options) if apart else method(self, *given, **options)
        with inside():
            given, options = arguments.of_similarity(self, names, given, options)
            return method(self, _memories(self), *given, **options) if apart else method(self, *given, **options)

    opened.__dict__["is_door"] = not apart
    return opened


def _takes_memories(method: Callable[..., Any], count: int) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(method).parameters.values()
    return sum(p.kind in kinds and p.default is inspect.Parameter.empty for p in parameters) > count + 1


def _sorted_out(self: Any, names: tuple[str, ...], given: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The similarity with its patterns, and its arguments in order, of a call by keywords or with the patterns."""
    every = ("memories", *names) if "memories" in options or len(given) > len(names) else names
    try:
        found = dict(zip(every, given, strict=False)) | {n: options.pop(n) for n in every if n in options}
        rest = tuple(found[name] for name in names)
        if len(given) > len(every):
            raise KeyError
    except KeyError:
        raise TypeError(f"{type(self).__name__} takes {', '.join(names)} here, and holds its patterns.") from None
    return (bound(self, found["memories"], *rest) if "memories" in found else self), rest


def bound(self: Any, memories: Any, *beside: Any) -> Any:
    """A similarity of these patterns, or what `prepare` once made of them."""
    if hasattr(memories, "scores"):
        return memories
    if self.patterns is not None and (memories is self.patterns or memories is _memories(self)):
        return self
    if type(self).prepare is not prepare and not backend.is_array(memories):  # what a `prepare` of 0.1.0 made
        return backend.copied(self, patterns=getattr(memories, "patterns", None), _prepared=memories)
    memories = arguments.rows("memories", memories)
    like = next((array for array in beside if backend.is_array(array) and backend.backend_of(array) == "jax"), memories)
    return self.of(arguments.beside(like, memories))


def prepare(self: Any, memories: Array) -> Any:
    """The similarity of these patterns: what is now called `of`."""
    return bound(self, memories)


def prepared(self: Any) -> Any:
    """A similarity with what its own `prepare`, written for 0.1.0, makes of its patterns."""
    if type(self).prepare is not prepare:
        object.__setattr__(self, "_prepared", self.prepare(self.patterns))
    return self


def is_prepared(self: Any) -> bool:
    """Whether it holds what a `prepare` of 0.1.0 made of all its patterns together."""
    return type(self).prepare is not prepare


def _memories(self: Any) -> Any:
    return vars(self).get("_prepared", self.patterns)


def memories_apart(name: str) -> Callable[[type], type]:
    """Let a synapse also be made as in 0.1.0: of a similarity or some, its field `name`, and then of their patterns."""

    def apply(cls: type) -> type:
        init, several = cls.__init__, name == "similarities"

        @functools.wraps(init)
        def __init__(self: Any, between: Any, *given: Any, **options: Any) -> None:
            given = given if name not in options else (options.pop(name), *given)
            if len(given) > 1 and _is_memories(given[1]):
                options["memories"], given = given[1], (given[0], *given[2:])
            if given and "memories" in options:
                memories = options.pop("memories")
                joined = _all_joined(between, given[0], memories) if several else _joined(given[0], memories)
                given = (joined, *given[1:])
            _fits(cls, init, (self, between, *given), options)
            init(self, between, *given, **options)

        cls.__init__ = __init__  # pyright: ignore[reportAttributeAccessIssue]
        return cls

    return apply


_signature = functools.cache(inspect.signature)


def _fits(cls: type, init: Callable[..., None], given: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    """Refuse what the constructor has no place for: an argument that is no array was not taken for patterns."""
    if backend.is_compiling():
        return
    signature = _signature(init)
    try:
        signature.bind(*given, **options)
    except TypeError as error:
        raise TypeError(
            f"{cls.__name__}({', '.join(list(signature.parameters)[1:])}) cannot be made of these arguments: {error}. "
            "Patterns that are given apart, as in 0.1.0, are an array or a tuple of arrays."
        ) from None


def _is_memories(value: Any) -> bool:
    return isinstance(value, tuple | list) or hasattr(value, "patterns") or backend.is_array(value)


def _joined(similarity: Any, memories: Any) -> Any:
    if not hasattr(similarity, "scores"):
        return similarity  # which the synapse refuses
    traced = backend.is_array(memories) and backend.is_traced(memories)
    return bound(similarity, memories if traced or hasattr(memories, "patterns") else matrix("memories", memories))


def _all_joined(between: Any, similarities: Any, memories: Any) -> Any:
    many = isinstance(similarities, tuple | list)
    if not isinstance(memories, tuple | list) or (many and len(memories) != len(similarities)):
        raise ValueError(
            f"memories must be a tuple of matrices (N, I) of patterns, one for each of {between}, got "
            f"{shown(memories)}."
        )
    return tuple(map(_joined, similarities, memories)) if many else similarities
