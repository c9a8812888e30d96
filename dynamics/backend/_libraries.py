"""Which array library a value is of, its namespace, device and dtype, and arrays made like others."""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import Any

import array_api_compat as compat
import numpy as np

from ._structures import leaves, map_leaves, register

Array = Any
Number = Any  # a Python number, or an array of shape () where a derivative is wanted

INSTALL = {
    "jax": 'pip install "hopfield[jax]"',
    "torch": 'pip install "hopfield[torch]"',
    "pandas": 'pip install "hopfield[tables]"',
    "xarray": 'pip install "hopfield[tables]"',
    "tokenizers": 'pip install "hopfield[language]"',
}

NUMPY = compat.array_namespace(np.empty(0))
_torch_namespace: list[Any] = []  # filled at the first tensor


def optional_import(module: str, extra: str | None = None) -> Any:
    """Import an optional package, or say which line installs it."""
    import importlib

    extra = extra or module
    try:
        return importlib.import_module(module)
    except ImportError as error:
        line = INSTALL.get(extra, f"pip install {extra}")
        told = f"This needs the package {module!r}, which is not installed. Run: {line}"
        raise ModuleNotFoundError(told, name=module) from error


def namespace(*values: Any) -> Any:
    """The array namespace of the arrays among ``values``; NumPy when there are none."""
    for value in values:
        if type(value) is not np.ndarray:
            break
    else:
        return NUMPY
    found = [value for value in values if is_array(value)]
    if not found:
        return NUMPY
    if len(found) > 1 and len(names := {backend_of(value) for value in found}) > 1:
        raise TypeError(
            f"The arrays come from different libraries ({', '.join(sorted(names))}). Move them to one: "
            'memory.to("jax"), or jax.numpy.asarray(query), torch.asarray(query), numpy.asarray(query).'
        )
    if backend_of(found[0]) == "torch":  # without a look at every library, which `torch.compile` cannot follow
        if not _torch_namespace:
            import array_api_compat.torch as found_namespace

            _torch_namespace.append(found_namespace)
        return _torch_namespace[0]
    xp = compat.array_namespace(*found)
    if compat.is_jax_namespace(xp):
        register()
    return xp


def is_array(value: Any) -> bool:
    """Whether ``value`` is an array of a library that the array API covers."""
    if isinstance(value, (int, float)) and not isinstance(value, np.generic):
        return False
    return _is_tensor(value) or compat.is_array_api_obj(value)


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def backend_of(value: Any) -> str:
    """``"numpy"``, ``"jax"``, ``"torch"``, or the name of another array library."""
    if isinstance(value, (np.ndarray, np.generic)):  # a union of types, `|`, would stop `torch.compile`
        return "numpy"
    if _is_tensor(value):
        return "torch"
    if compat.is_jax_array(value):
        return "jax"
    return compat.array_namespace(value).__name__.split(".")[0]


def arrays(node: Any) -> list[Array]:
    """The leaves that are arrays of some library (Python numbers are of every library)."""
    return [leaf for leaf in leaves(node) if type(leaf) is np.ndarray or is_array(leaf)]


def is_traced(value: Any) -> bool:
    """Whether ``value`` stands inside a transformation (jit, grad, vmap, compile), which the host may not look into."""
    match backend_of(value) if is_array(value) else "":
        case "jax":
            return isinstance(value, sys.modules["jax"].core.Tracer)
        case "torch":
            torch = sys.modules["torch"]
            return torch.compiler.is_compiling() or torch._C._functorch.is_functorch_wrapped_tensor(value)
    return False


def device(value: Array) -> Any:
    """The device of an array (a JAX tracer has none of its own: None)."""
    match backend_of(value):
        case "torch":
            return value.device
        case "jax":
            return None if is_traced(value) else replicated(value) or compat.device(value)
    return compat.device(value)


def replicated(value: Array) -> Any | None:
    """Of an array of JAX over several devices, the sharding of one that each of them holds whole; None of others."""
    if len(value.devices()) < 2:
        return None
    jax = sys.modules["jax"]
    mesh = getattr(value.sharding, "mesh", None)
    if mesh is None:
        return value.sharding if value.sharding.is_fully_replicated else None
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())


def beside(value: Array, like: Array) -> Array:
    """An array of JAX on one device, or over another number of them, as one that all devices of `like` hold whole."""
    if backend_of(like) != "jax" or is_traced(value) or is_traced(like) or backend_of(value) != "jax":
        return value
    whole = replicated(like)
    if whole is None or value.devices() == like.devices():
        return value
    return sys.modules["jax"].device_put(value, whole)


def full(shape: Any, value: float, like: Array) -> Array:
    """An array of one value with the dtype and device of ``like``."""
    return namespace(like).full(shape, value, dtype=like.dtype, device=device(like))


def asarray(value: Any, like: Array) -> Array:
    """``value`` as an array with the library, dtype and device of ``like`` (masks keep their dtype)."""
    if type(value) is np.ndarray and backend_of(like) in ("numpy", "jax"):
        host = value if value.dtype in (np.bool_, np.int64) else value.astype(like.dtype, copy=False)
        return host if backend_of(like) == "numpy" else put(host, like)
    xp = namespace(like)
    kind = "bool" if isinstance(value, bool) else dtype_name(value)
    dtype = None if kind in ("bool", "int64") else like.dtype
    return xp.asarray(value, dtype=dtype, device=device(like))


def put(host: np.ndarray, like: Array) -> Array:
    """An array of NumPy as one of JAX, where `like` is; no program is compiled for its shape."""
    if is_traced(like):
        return sys.modules["jax"].device_put(host, None)
    return sys.modules["jax"].device_put(host, replicated(like) or like.sharding)


def dot(a: Array, b: Array) -> Array:
    """Sums of a_i b_i over the last axis; without the products in between on NumPy.

    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    np.float64(11.0)
    """
    xp = NUMPY if type(a) is np.ndarray and type(b) is np.ndarray else namespace(a, b)
    return xp.vecdot(a, b) if xp is NUMPY else xp.sum(a * b, axis=-1)


def rms(x: Array) -> Array:
    """Root mean square over the last axis."""
    squares = dot(x, x) / x.shape[-1]
    return np.sqrt(squares) if type(x) is np.ndarray else namespace(x).sqrt(squares)


def capped(x: Array, most: float) -> Array:
    """min(x, most), NaN where x is; the derivative at `most` is that from below.

    >>> capped(np.array([-1.0, 2.0]), 0.0)
    array([-1.,  0.])
    """
    if type(x) is np.ndarray:  # whose `where` takes eight times as long when it cannot guess the outcome
        return np.minimum(x, most)
    return namespace(x).where(x > most, most, x)


def first(mask: Array) -> Array:
    """Where the first True of each row of a mask (B, n) stands, shape (B, 1); 0 where there is none.

    >>> first(np.array([[False, True, True]]))
    array([[1]])
    """
    if type(mask) is np.ndarray:
        return mask.argmax(axis=-1, keepdims=True)
    xp = namespace(mask)
    return xp.argmax(xp.astype(mask, xp.int8), axis=-1, keepdims=True)


def dtype_name(value: Any) -> str:
    """The name of an array's dtype, the same in every library; "" of what has none."""
    if type(value) is np.ndarray:
        return _name_of(value.dtype)
    return str(getattr(value, "dtype", "")).rsplit(".", maxsplit=1)[-1]


@functools.cache
def _name_of(dtype: np.dtype[Any]) -> str:
    """The name of a dtype of NumPy, which takes microseconds to make it."""
    return str(dtype)


def epsilon(like: Array) -> float:
    """The rounding unit of the dtype of ``like``."""
    return _epsilon(namespace(like), like.dtype)


@functools.cache
def _epsilon(xp: Any, dtype: Any) -> float:
    return float(xp.finfo(dtype).eps)


# ------------------------------------------------------------------------------------------ half precision

HALF = ("float16", "bfloat16")


def is_half(value: Any) -> bool:
    """Whether ``value`` is an array of float16 or bfloat16."""
    return dtype_name(value) in HALF


def widened(node: Any) -> Any:
    """A structure (or an array) with float16 and bfloat16 in float32, in which their sums are made.

    >>> widened((np.ones(1, "float16"), np.ones(1)))
    (array([1.], dtype=float32), array([1.]))
    """
    return map_leaves(lambda leaf: cast(leaf, "float32") if is_half(leaf) else leaf, node)


def cast(value: Array, kind: str) -> Array:
    """``value`` in the floating type of a name that its library knows."""
    xp = namespace(value)
    return xp.astype(value, getattr(xp, kind, kind), copy=False)


def quiet(like: Array) -> contextlib.AbstractContextManager[Any]:
    """A context in which NumPy gives no warnings of floating point (no other library does)."""
    return np.errstate(all="ignore") if backend_of(like) == "numpy" else contextlib.nullcontext()
