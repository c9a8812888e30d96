"""Structures: frozen dataclasses that JAX, ``.to`` and ``save`` can take apart and rebuild.

A *structure* is a frozen dataclass whose fields are of two sorts. Fields marked :func:`static` (names,
leaks, powers) decide which program runs; all others (arrays, and the numbers beta, tau, bias) are leaves
that flow through it. Structures nest, also inside tuples, lists and dicts. A subclass of `Extensible` that is not
decorated is one as well: of what its objects hold, arrays are leaves, and the rest is static.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Literal, dataclass_transform

import numpy as np

LEAVES = (np.ndarray, float, int, bool)  # what most leaves are, known at a glance
_unregistered: weakref.WeakSet[type] = weakref.WeakSet()  # classes that JAX has not heard of


def is_compiling() -> bool:
    """Whether this runs inside `torch.compile` or `torch.export`."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.compiler.is_compiling()


def static(**options: Any) -> Any:
    """Mark a dataclass field as part of the program rather than of its data.

    >>> @structure
    ... class Wave:
    ...     height: float
    ...     kind: str = static(default="long")
    >>> list(leaves(Wave(2.0)))
    [2.0]
    """
    return dataclasses.field(metadata={"static": True}, **options)


def derived(function: Callable[[Any], Any], *, by_row: bool = False, init: Literal[False] = False) -> Any:
    """Mark a field that `derive` computes once from the others, ``function(self)``, and that travels with them.

    `by_row` says that its rows belong to those of the patterns one by one, so that some are taken, added or left out
    without computing the others anew.

    >>> import numpy as np
    >>> from hopfield.dynamics import Similarity
    >>> @structure
    ... class Centred(Similarity):
    ...     mean: object = derived(lambda self: self.patterns.mean(0))
    ...     def scores(self, g):
    ...         return (g - self.mean) @ (self.patterns - self.mean).T
    >>> Centred(np.array([[1.0, 0.0], [3.0, 2.0]])).mean
    array([2., 1.])
    """
    return dataclasses.field(default=None, init=init, metadata={"derived": function, "by_row": by_row})


def derive(node: Any) -> None:
    """Compute the `derived` fields of a structure, in their order."""
    for name, function in type(node)._derived:
        object.__setattr__(node, name, function(node))


@dataclass_transform(frozen_default=True, field_specifiers=(static, derived, dataclasses.field))
def structure(cls: type) -> type:
    """Make a class a frozen dataclass that JAX, ``.to`` and ``save`` can take apart and rebuild.

    >>> @structure
    ... class Point:
    ...     x: float
    >>> map_leaves(lambda x: 2 * x, Point(1.0))
    Point(x=2.0)
    """
    options: dict[str, Any] = {"frozen": True, "eq": False}
    if cls.__repr__ is not object.__repr__:
        options["repr"] = False
    cls = dataclasses.dataclass(**options)(cls)
    fields = sorted(dataclasses.fields(cls), key=lambda field: bool(field.kw_only))  # in the order of the constructor
    cls.__dataclass_fields__ = {field.name: field for field in fields}
    cls._static = tuple((field.name, bool(field.metadata.get("static"))) for field in fields)
    cls._leaves = tuple(name for name, is_static in cls._static if not is_static)
    cls._derived = tuple((field.name, field.metadata["derived"]) for field in fields if "derived" in field.metadata)
    cls._by_row = tuple(field.name for field in fields if field.metadata.get("by_row"))
    if "__init__" in vars(cls):
        cls.__init__ = _introduced(cls.__init__)
    if not hasattr(cls.__repr__, "unfailing"):  # which a parent's may be
        cls.__repr__ = _unfailing(cls.__repr__)  # pyright: ignore
    _adopt(cls)
    return cls


class Extensible:
    """A class whose subclasses are structures, decorated or not."""

    _static: tuple[tuple[str, bool], ...] = ()
    _derived: tuple[tuple[str, Callable[[Any], Any]], ...] = ()
    _by_row: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in settings(self).items())})"

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
        if _unregistered and "jax" in sys.modules and not is_compiling():
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
    return isinstance(node, Extensible) or is_decorated(node)


def is_decorated(node: Any) -> bool:
    """Whether the class of ``node`` itself was made a structure, so that its fields are all there is."""
    return getattr(type(node), "_structure", None) is type(node)


def rebuild(cls: type, values: dict[str, Any]) -> Any:
    """An instance with these fields as they are.

    Validation lives in constructors; what is rebuilt was validated before (and may hold tracers).
    """
    node = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(node, name, value)
    return node


def copied(node: Any, **changes: Any) -> Any:
    """A copy with some fields changed as they are, without the checks of the constructor and without what was kept."""
    kept, fixed = _split(node)
    return rebuild(type(node), {**dict(kept), **dict(fixed), **changes})


def settings(node: Any) -> dict[str, Any]:
    """What the constructor of a structure was given, by the names of its fields; all it holds if it is undecorated."""
    kept, fixed = _split(node)
    values, derived = {**dict(kept), **dict(fixed)}, dict(type(node)._derived)
    order = dict.fromkeys([name for name, _ in type(node)._static] + list(values))
    return {name: values[name] for name in order if name not in derived and not name.startswith("_")}


def _split(node: Any) -> tuple[list[tuple[str, Any]], tuple[tuple[str, Any], ...]]:
    cls, leaves, fixed = type(node), [], []
    for name, is_static in cls._static:
        (fixed if is_static else leaves).append((name, getattr(node, name)))
    if not is_decorated(node):
        known = {name for name, _ in cls._static}
        for name, value in getattr(node, "__dict__", {}).items():
            if name not in known and not _is_cache(getattr(cls, name, None)):
                (leaves if _flows(value) else fixed).append((name, value))
    return leaves, tuple(fixed)


def _is_cache(attribute: Any) -> bool:
    return isinstance(attribute, functools.cached_property) or getattr(attribute, "keeps", False)


def _flows(value: Any) -> bool:
    """Whether a value of which no class says so is data: an array, a structure, or some of them."""
    if isinstance(value, dict | tuple | list):
        parts = list(value.values()) if isinstance(value, dict) else value
        return bool(parts) and all(map(_flows, parts))
    return is_structure(value) or (hasattr(value, "shape") and hasattr(value, "dtype"))


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
    _gather(node, found)
    return iter(found)


def _gather(node: Any, found: list[Any]) -> None:
    kind = type(node)
    if kind in LEAVES:
        found.append(node)
    elif is_decorated(node):
        for name in kind._leaves:
            _gather(getattr(node, name), found)
    elif is_structure(node):
        for _, value in _split(node)[0]:
            _gather(value, found)
    elif isinstance(node, dict | tuple | list):
        for value in node.values() if isinstance(node, dict) else node:
            _gather(value, found)
    elif node is not None and not callable(node):
        found.append(node)


def _flatten(node: Any) -> tuple[list[Any], Any]:
    # A dict becomes a tuple of its values: JAX would sort the keys, and the order of populations matters.
    children, layout = [], []
    kept, fixed = _split(node)
    for name, value in kept:
        keys = tuple(value) if isinstance(value, dict) else None
        children.append(tuple(value.values()) if isinstance(value, dict) else value)
        layout.append((name, keys))
    if not is_decorated(node):
        fixed = tuple((name, _Same(value)) for name, value in fixed)
    return children, (tuple(layout), fixed)


def _unflatten(cls: type, layout_and_fixed: Any, children: Any) -> Any:
    layout, fixed = layout_and_fixed
    values = {name: value.node if isinstance(value, _Same) else value for name, value in fixed}
    for (name, keys), child in zip(layout, children, strict=True):
        values[name] = child if keys is None else dict(zip(keys, child, strict=True))
    return rebuild(cls, values)


def register() -> None:
    """Tell JAX of the structures that it has not heard of."""
    if not _unregistered:
        return
    from jax.tree_util import register_pytree_node

    while _unregistered:
        cls = _unregistered.pop()
        register_pytree_node(cls, _flatten, functools.partial(_unflatten, cls))


class _Same:
    """A value that JAX compares: numbers and texts by what they are, anything else as the same object alone."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.key = node if isinstance(node, str | int | float | None) else id(node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and type(other.node) is type(self.node) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)


def split(node: Any) -> tuple[list[tuple[str, Any]], tuple[tuple[str, Any], ...]]:
    """The fields of a structure that are data, and those that decide the program, by name."""
    return _split(node)
