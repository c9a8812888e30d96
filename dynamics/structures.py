"""Structures: frozen dataclasses that JAX, ``.to`` and ``save`` can take apart and rebuild.

A *structure* is a frozen dataclass whose fields are of two sorts. Fields marked :func:`static` (names,
leaks, powers) decide which program runs; all others (arrays, and the numbers beta, tau, bias) are leaves
that flow through it. Structures nest, also inside tuples, lists and dicts.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any, dataclass_transform

_unregistered: weakref.WeakSet[type] = weakref.WeakSet()  # classes that JAX has not heard of


def static(**options: Any) -> Any:
    """Mark a dataclass field as part of the program rather than of its data."""
    return dataclasses.field(metadata={"static": True}, **options)


@dataclass_transform(frozen_default=True, field_specifiers=(static, dataclasses.field))
def structure(cls: type) -> type:
    """Make a class a frozen dataclass that JAX, ``.to`` and ``save`` can take apart and rebuild."""
    options: dict[str, Any] = {"frozen": True, "eq": False}
    if cls.__repr__ is not object.__repr__:
        options["repr"] = False
    cls = dataclasses.dataclass(**options)(cls)
    if "__init__" in vars(cls):
        cls.__init__ = _introduced(cls.__init__)
    if not hasattr(cls.__repr__, "unfailing"):  # which a parent's may be
        cls.__repr__ = _unfailing(cls.__repr__)  # pyright: ignore
    _adopt(cls)
    return cls


class Extensible:
    """A class whose subclasses JAX takes as part of the program when they are no structures."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _unregistered.add(cls)


def _adopt(cls: type) -> None:
    cls._structure = cls  # itself, so that a subclass is not taken for one
    _unregistered.add(cls)


def _introduced(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor whose objects can be arguments of a jitted function at once, before any array is seen."""

    @functools.wraps(init)  # `inspect.signature` and `help` see the constructor's own parameters
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        cls = type(self)
        if cls._structure is not cls and not issubclass(cls, Extensible):  # a subclass without fields of its own
            _adopt(cls)
        init(self, *arguments, **options)
        if _unregistered and "jax" in sys.modules:
            register()

    return __init__


def _unfailing(represent: Callable[[Any], str]) -> Callable[[Any], str]:
    """A `repr` that falls back on the fields: JAX also puts placeholders, or nothing, where numbers were."""

    @functools.wraps(represent)
    def __repr__(self: Any) -> str:
        try:
            return represent(self)
        except Exception:
            fields = (f"{f.name}={_brief(getattr(self, f.name))}" for f in dataclasses.fields(self) if f.repr)
            return f"{type(self).__name__}({', '.join(fields)})"

    __repr__.unfailing = True  # pyright: ignore
    return __repr__


def _brief(value: Any) -> str:
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return repr(value) if shape is None or dtype is None else f"{dtype}[{','.join(map(str, shape))}]"


def is_structure(node: Any) -> bool:
    """Whether ``node`` is an instance of a registered structure."""
    return getattr(type(node), "_structure", None) is type(node)


def rebuild(cls: type, values: dict[str, Any]) -> Any:
    """An instance with these fields as they are.

    Validation lives in constructors; what is rebuilt was validated before (and may hold tracers).
    """
    node = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(node, name, value)
    return node


def _split(node: Any) -> tuple[list[tuple[str, Any]], tuple[tuple[str, Any], ...]]:
    leaves, fixed = [], []
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        (fixed if field.metadata.get("static") else leaves).append((field.name, value))
    return leaves, tuple(fixed)


def map_leaves(function: Callable[..., Any], node: Any, *others: Any) -> Any:
    """Apply ``function`` to every leaf (array or number) of a structure, and of others like it, and rebuild it."""
    if is_structure(node):
        kept, fixed = _split(node)
        values = {k: map_leaves(function, v, *(getattr(other, k) for other in others)) for k, v in kept}
        return rebuild(type(node), {**values, **dict(fixed)})
    if isinstance(node, dict):
        return {key: map_leaves(function, value, *(other[key] for other in others)) for key, value in node.items()}
    if isinstance(node, tuple | list):
        mapped = [map_leaves(function, *values) for values in zip(node, *others, strict=True)]
        return type(node)(*mapped) if hasattr(node, "_fields") else type(node)(mapped)
    return node if node is None or callable(node) else function(node, *others)


def leaves(node: Any) -> Iterator[Any]:
    """Every leaf of a structure, in order."""
    found: list[Any] = []
    map_leaves(lambda leaf: found.append(leaf) or leaf, node)
    return iter(found)


def _flatten(node: Any) -> tuple[list[Any], Any]:
    # A dict becomes a tuple of its values: JAX would sort the keys, and the order of populations matters.
    children, layout = [], []
    kept, fixed = _split(node)
    for name, value in kept:
        keys = tuple(value) if isinstance(value, dict) else None
        children.append(tuple(value.values()) if isinstance(value, dict) else value)
        layout.append((name, keys))
    return children, (tuple(layout), fixed)


def _unflatten(cls: type, layout_and_fixed: Any, children: Any) -> Any:
    layout, fixed = layout_and_fixed
    values = dict(fixed)
    for (name, keys), child in zip(layout, children, strict=True):
        values[name] = child if keys is None else dict(zip(keys, child, strict=True))
    return rebuild(cls, values)


def register() -> None:
    """Tell JAX of the structures, and of classes of a user's own, that it has not heard of."""
    if not _unregistered:
        return
    from jax.tree_util import register_pytree_node

    while _unregistered:
        cls = _unregistered.pop()
        if getattr(cls, "_structure", None) is cls:
            register_pytree_node(cls, _flatten, functools.partial(_unflatten, cls))
        else:
            register_pytree_node(cls, lambda node: ((), _Same(node)), lambda same, _: same.node)


class _Same:
    """An object that is equal to itself alone, whatever it says of itself."""

    def __init__(self, node: Any) -> None:
        self.node = node

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.node is self.node

    def __hash__(self) -> int:
        return id(self.node)
