"""The one file that knows which array library is in use.

Everything else is written once against the array API standard and asks this module for what the
standard leaves out: derivatives, compilation, moving a whole structure between libraries, and the
registration that lets JAX see our dataclasses.

A *structure* is a frozen dataclass whose fields are of two sorts. Fields marked :func:`static` (names,
leaks, powers) decide which program runs; all others (arrays, and the numbers beta, tau, bias) are leaves
that flow through it. Structures nest, also inside tuples, lists and dicts.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any, dataclass_transform

import array_api_compat as compat
import numpy as np

from .casting import cast, float_type

Array = Any
Number = Any  # a Python number, or an array of shape () where a derivative is wanted

BACKENDS = ("numpy", "jax", "torch")
INSTALL = {"jax": 'pip install "hopfield[jax]"', "torch": 'pip install "hopfield[torch]"'}

NUMPY = compat.array_namespace(np.empty(0))
_structures: list[type] = []
_plain: list[type] = []  # classes of a user's own that are no structures
_registered: set[type] = set()


def optional_import(module: str, extra: str | None = None) -> Any:
    """Import an optional package, or say which line installs it."""
    import importlib

    extra = extra or module
    try:
        return importlib.import_module(module)
    except ImportError as error:
        line = INSTALL.get(extra, f"pip install {extra}")
        raise ImportError(f"This needs the package {module!r}, which is not installed. Run: {line}") from error


# ---------------------------------------------------------------------------------------------- structures


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
    cls.__new__ = _new
    _structures.append(cls)
    if cls in _plain:
        _plain.remove(cls)
    if _registered:
        _register_structures()
    return cls


class Extensible:
    """A class whose subclasses JAX takes as part of the program when they are no structures."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _plain.append(cls)


def _new(cls: type, *_: Any, **__: Any) -> Any:
    # One made where JAX is in use can be an argument of a jitted function at once, before any array is seen.
    if "jax" in sys.modules and len(_registered) < len(_structures) + len(_plain):
        _register_structures()
    return object.__new__(cls)


def is_structure(node: Any) -> bool:
    """Whether ``node`` is an instance of a registered structure."""
    return type(node) in _structures and dataclasses.is_dataclass(node)


def _rebuild(cls: type, values: dict[str, Any]) -> Any:
    # Validation lives in constructors; what is rebuilt here was validated before (and may hold tracers).
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
        return _rebuild(type(node), {**values, **dict(fixed)})
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


def arrays(node: Any) -> list[Array]:
    """The leaves that are arrays of some library (Python numbers are of every library)."""
    return [leaf for leaf in leaves(node) if is_array(leaf)]


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
    return _rebuild(cls, values)


def _register_structures() -> None:
    import jax

    for cls in _structures:
        if cls not in _registered:
            jax.tree_util.register_pytree_node(cls, _flatten, functools.partial(_unflatten, cls))
            _registered.add(cls)
    for cls in _plain:
        if cls not in _registered:
            jax.tree_util.register_pytree_node(cls, lambda node: ((), _Same(node)), lambda same, _: same.node)
            _registered.add(cls)


class _Same:
    """An object that is equal to itself alone, whatever it says of itself."""

    def __init__(self, node: Any) -> None:
        self.node = node

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.node is self.node

    def __hash__(self) -> int:
        return id(self.node)


# ---------------------------------------------------------------------------------------------- namespaces


def namespace(*values: Any) -> Any:
    """The array namespace of the arrays among ``values``; NumPy when there are none."""
    for value in values:
        if type(value) is not np.ndarray:
            break
    else:
        return NUMPY
    found = [value for value in values if is_array(value)]
    if not found:
        return compat.array_namespace(np.empty(0))
    if len(found) > 1 and len(names := {backend_of(value) for value in found}) > 1:
        raise TypeError(
            f"The arrays come from different libraries ({', '.join(sorted(names))}). Move them to one: "
            'memory.to("jax"), or jax.numpy.asarray(query), torch.asarray(query), numpy.asarray(query).'
        )
    xp = compat.array_namespace(*found)
    if compat.is_jax_namespace(xp) and len(_registered) < len(_structures) + len(_plain):
        _register_structures()
    return xp


def is_array(value: Any) -> bool:
    """Whether ``value`` is an array of a library that the array API covers."""
    return compat.is_array_api_obj(value)


def backend_of(value: Any) -> str:
    """``"numpy"``, ``"jax"``, ``"torch"``, or the name of another array library."""
    if isinstance(value, np.ndarray | np.generic):
        return "numpy"
    if compat.is_torch_array(value):
        return "torch"
    if compat.is_jax_array(value):
        return "jax"
    return compat.array_namespace(value).__name__.split(".")[0]


def device(value: Array) -> Any:
    """The device of an array (a JAX tracer has none of its own: None)."""
    return None if backend_of(value) == "jax" and is_traced(value) else compat.device(value)


def full(shape: Any, value: float, like: Array) -> Array:
    """An array of one value with the dtype and device of ``like``."""
    return namespace(like).full(shape, value, dtype=like.dtype, device=device(like))


def asarray(value: Any, like: Array) -> Array:
    """``value`` as an array with the library, dtype and device of ``like`` (masks keep their dtype)."""
    xp = namespace(like)
    kind = "bool" if isinstance(value, bool) else str(getattr(value, "dtype", "")).rsplit(".", maxsplit=1)[-1]
    dtype = None if kind in ("bool", "int64") else like.dtype
    return xp.asarray(value, dtype=dtype, device=device(like))


def epsilon(like: Array) -> float:
    """The rounding unit of the dtype of ``like``."""
    return float(namespace(like).finfo(like.dtype).eps)


def is_traced(value: Any) -> bool:
    """Whether ``value`` stands inside a transformation (jit, grad, vmap), where the host cannot look at it."""
    match backend_of(value) if is_array(value) else "":
        case "jax":
            return isinstance(value, sys.modules["jax"].core.Tracer)
        case "torch":
            return sys.modules["torch"]._C._functorch.is_functorch_wrapped_tensor(value)
    return False


def detach(value: Array) -> Array:
    """``value`` with no derivative attached."""
    match backend_of(value):
        case "jax":
            return sys.modules["jax"].lax.stop_gradient(value)
        case "torch":
            return value.detach()
    return value


def to_numpy(value: Any) -> np.ndarray:
    """A NumPy copy (or view) of any array, for decisions on the host and for plots."""
    if is_array(value):
        value = detach(value)
        if backend_of(value) == "torch":
            value = value.cpu().numpy()
    return np.asarray(value)


def batched(*values: Array) -> list[Array]:
    """Arrays (..., n) of widths of their own with their batch axes broadcast against one another."""
    shape = np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in values))
    return [x if x.shape[:-1] == shape else x + full((*shape, x.shape[-1]), 0.0, x) for x in values]


def cityblock(rows: Array, others: Array) -> Array:
    """City-block distances (B, N) between the rows of (B, I) and (N, I), without a B x N x I temporary."""
    match backend_of(rows):
        case "numpy":
            from scipy.spatial.distance import cdist

            from .threads import in_parts

            wide = others.astype(float, copy=False)  # what SciPy computes in, whichever thread it is in
            work = rows.shape[0] * others.size
            return in_parts(lambda part: cdist(part, wide, "cityblock"), rows, work).astype(rows.dtype, copy=False)
        case "torch":
            return sys.modules["torch"].cdist(rows, others, p=1.0)
    xp = namespace(rows)  # XLA fuses the subtraction into the sum
    return compiled(_broadcast_cityblock, rows)(xp, rows, others)


def _broadcast_cityblock(xp: Any, rows: Array, others: Array) -> Array:
    return xp.sum(xp.abs(rows[:, None, :] - others[None, :, :]), axis=-1)


def move(node: Any, backend: str, device: Any = None, dtype: Any = None) -> Any:
    """A structure (or an array) on another library, device or floating dtype.

    Nothing is cast in silence: 64-bit arrays are refused by a JAX that has 64-bit switched off.
    """
    if backend not in BACKENDS:
        from .validation import unknown_name

        raise unknown_name("backend", backend, BACKENDS)
    library: Any = np if backend == "numpy" else optional_import(backend)
    kind = None if dtype is None else float_type(dtype)

    def place(leaf: Any) -> Any:
        if not is_array(leaf):
            return leaf
        host = to_numpy(leaf)
        if kind is not None and host.dtype.kind == "f":
            host = cast(host, kind)
        if backend == "numpy":
            return np.array(host)
        if backend == "torch":
            return library.tensor(host, device=device)
        if host.dtype.itemsize == 8 and not library.config.jax_enable_x64:
            raise TypeError(
                f"The array is {host.dtype}, and 64-bit is switched off in JAX, which would turn it into 32-bit "
                'in silence. Switch it on first, jax.config.update("jax_enable_x64", True), or ask for the '
                'smaller type, .to("jax", dtype="float32").'
            )
        return library.device_put(library.numpy.asarray(host), _jax_device(library, device))

    if backend == "numpy" and device not in (None, "cpu"):
        raise ValueError(f"NumPy arrays live on the CPU; device={device!r} needs .to('torch') or .to('jax').")
    if backend == "jax":
        _register_structures()
    return map_leaves(place, node)


def _jax_device(jax: Any, device: Any) -> Any:
    if not isinstance(device, str):
        return device
    kind, _, index = device.partition(":")
    return jax.devices(kind)[int(index or 0)]


# --------------------------------------------------------------------------------- derivatives, compilation


def gradient(function: Callable[[Array], Array], x: Array, what: str = "a gradient") -> Array:
    """Gradient in x of a function (..., n) -> (...), one gradient for each sample."""
    xp = namespace(x)
    if compat.is_jax_namespace(xp):
        return sys.modules["jax"].grad(lambda y: xp.sum(function(y)))(x)
    if compat.is_torch_namespace(xp):
        return sys.modules["torch"].func.grad(lambda y: xp.sum(function(y)))(x)
    raise TypeError(
        f"NumPy arrays have no automatic differentiation: give {what} by hand, or use JAX or PyTorch arrays, "
        'for which it is derived: memory.to("jax").'
    )


def directional(function: Callable[[Array], Array], x: Array, u: Array, what: str = "a derivative") -> Array:
    """Derivative of ``function`` at x in the direction u; their batch axes broadcast."""
    xp = namespace(x)
    x, u = batched(x, u)
    if compat.is_jax_namespace(xp):
        return sys.modules["jax"].jvp(function, (x,), (u,))[1]
    if compat.is_torch_namespace(xp):
        return sys.modules["torch"].func.jvp(function, (x,), (u,))[1]
    raise TypeError(
        f"NumPy arrays have no automatic differentiation: give {what} by hand, or use JAX or PyTorch arrays, "
        'for which it is derived: memory.to("jax").'
    )


@functools.cache
def _jitted(function: Callable) -> Callable:
    import jax

    return jax.jit(function, static_argnums=0)


def repeat(body: Callable[[Any, Any], Any], state: Any, times: int) -> Any:
    """state = body(k, state) for k = 0..times-1 in a compiled JAX program, as a loop of the program."""
    return sys.modules["jax"].lax.fori_loop(0, times, body, state)


def compiled(function: Callable, like: Array) -> Callable:
    """``function(settings, *arguments)`` compiled where the library compiles (JAX), else as it is.

    ``settings`` is hashable and decides the program; structures among the arguments stay arguments, so a
    stored matrix is never baked into a compiled program.
    """
    return _jitted(function) if backend_of(like) == "jax" else function
