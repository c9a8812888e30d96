"""Structures and arrays on another library, device or floating type; nothing is cast in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._libraries import Array, backend_of, cast, dtype_name, is_array, namespace, optional_import, quiet
from ._structures import map_leaves, register
from ._tracing import holds, to_numpy
from ._words import shown, unknown_name

BACKENDS = ("numpy", "jax", "torch")
FLOATS = ("float16", "bfloat16", "float32", "float64")


def move(node: Any, backend: str, device: Any = None, dtype: Any = None) -> Any:
    """A structure (or an array) on another library, device or floating dtype.

    Nothing is cast in silence: 64-bit arrays are refused by a JAX that has 64-bit switched off.
    """
    if backend not in BACKENDS:
        raise unknown_name("backend", backend, BACKENDS)
    kind = None if dtype is None else float_name(dtype)
    place = {"numpy": _to_numpy, "jax": _to_jax, "torch": _to_torch}[backend](device, kind)
    return map_leaves(lambda leaf: _moved(place, leaf, kind) if is_array(leaf) else leaf, node)


def float_name(dtype: Any) -> str:
    """The name of the floating type that is meant: a name, or a dtype of NumPy, JAX or PyTorch."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", getattr(dtype, "__name__", None)) or str(dtype)
    name = str(name).rsplit(".", maxsplit=1)[-1]  # torch.float32
    if name == "float" or (name.isalnum() and name not in FLOATS):  # a name of NumPy's own, such as "f4"
        try:
            name = np.dtype(name).name
        except TypeError:
            name = ""
    if name not in FLOATS or (hasattr(dtype, "__array__") and not isinstance(dtype, type)):
        raise TypeError(f"dtype={dtype!r:.60} is no type that patterns can be of: ask for one of {', '.join(FLOATS)}.")
    return name


def host_type(dtype: Any) -> np.dtype:
    """The floating type of NumPy that is meant; bfloat16 is none of them."""
    name = float_name(dtype)
    if name == "bfloat16":
        raise TypeError("NumPy has no bfloat16. Ask for float32, which holds every bfloat16, or for float16.")
    return np.dtype(name)


def _moved(place: Callable[[Array], Array], array: Array, kind: str | None) -> Array:
    """An array in its place, of its own floating type unless another one is asked for."""
    before = dtype_name(array)
    if before not in FLOATS:
        return place(array)
    kind = before if kind is None else kind
    # Narrowed here, so that nothing is moved in vain and a library without 64 bits need not take them.
    array = array if kind == "bfloat16" and backend_of(array) == "numpy" else _narrower(array, kind)
    array = place(array)
    return array if kind == "bfloat16" and backend_of(array) == "numpy" else narrowed(array, kind)


def _narrower(array: Array, kind: str) -> Array:
    return narrowed(array, kind) if FLOATS.index(kind) < FLOATS.index(dtype_name(array)) else array


def narrowed(array: Array, kind: str) -> Array:
    """A float array in another floating type, refused where numbers would become infinite."""
    if dtype_name(array) == kind:
        return array
    with quiet(array):
        found = cast(array, kind)
    if not holds(lambda a, b: ~namespace(a).isfinite(a) | namespace(b).isfinite(b), array, found):
        host, kept = to_numpy(array), to_numpy(found)
        where = tuple(int(i) for i in np.argwhere(np.isfinite(host) & ~np.isfinite(kept))[0])
        most = float(namespace(found).finfo(found.dtype).max)
        raise ValueError(
            f"{float(host[where]):g} at index {where} is too large for {kind}, whose largest is {most:g}. Scale the "
            f"patterns down, or keep {dtype_name(array)}."
        )
    if not holds(lambda a, b: (a == 0) | (b != 0) | namespace(b).any(b != 0), array, found):
        top = float(np.abs(to_numpy(array)).max())
        raise ValueError(
            f"All numbers become 0 in {kind}: the largest is {top:g}. Scale the patterns up, or keep "
            f"{dtype_name(array)}."
        )
    return found


def _to_numpy(device: Any, kind: str | None) -> Callable[[Array], Array]:
    if device is not None and not (isinstance(device, str) and device == "cpu"):
        raise ValueError(f"NumPy arrays live on the CPU; device={shown(device)} needs .to('torch') or .to('jax').")
    if kind == "bfloat16":
        raise TypeError("NumPy has no bfloat16. Ask for float32, which holds every bfloat16, or for float16.")
    return lambda array: np.array(to_numpy(array))


def _to_torch(device: Any, kind: str | None) -> Callable[[Array], Array]:
    torch = optional_import("torch")
    place = None if device is None else _torch_device(torch, device)

    def put(array: Array) -> Array:
        if backend_of(array) == "torch":
            return array.to(device=place, copy=True)
        return torch.tensor(to_numpy(array), device=place)

    return put


def _torch_device(torch: Any, device: Any) -> Any:
    """A device that holds numbers here, or one sentence that says why not."""
    try:
        found = torch.device(device)
        if found.type != "meta":
            torch.empty(1, device=found)
            return found
        why = "meta tensors have shapes and no numbers"
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError) as error:
        why = str(error).strip().split("\n", maxsplit=1)[0].split(". ", maxsplit=1)[0].rstrip(".:")
    cuda = [f"cuda:{k}" for k in range(torch.cuda.device_count())]
    raise ValueError(
        f"PyTorch cannot use the device {str(device)!r} on this machine ({why}). It has {', '.join(['cpu', *cuda])}."
    ) from None


def _to_jax(device: Any, kind: str | None) -> Callable[[Array], Array]:
    jax = optional_import("jax")
    register()
    place = None if device is None else _jax_device(jax, device)

    def put(array: Array) -> Array:
        if backend_of(array) == "jax":
            return array if place is None else jax.device_put(array, place)
        host = to_numpy(array)
        asked = kind == "float64" and host.dtype.kind == "f"
        if (asked or host.dtype.itemsize == 8) and not jax.config.jax_enable_x64:
            what = "should become float64" if asked else f"is {host.dtype}"
            raise TypeError(
                f"The array {what}, and 64-bit is switched off in JAX, which would turn it into 32-bit in silence. "
                'Switch it on first, jax.config.update("jax_enable_x64", True), or ask for the smaller type, '
                '.to("jax", dtype="float32").'
            )
        return jax.device_put(jax.numpy.asarray(host), place)

    return put


def _jax_device(jax: Any, device: Any) -> Any:
    """A device (or a sharding over several) that JAX has, or one sentence that says which it has."""
    if isinstance(device, jax.Device | jax.sharding.Sharding):
        return device
    kind, _, index = str(device).partition(":")
    try:
        found = jax.devices(kind)
        if isinstance(device, str) and (index or "0").isdecimal() and int(index or 0) < len(found):
            return found[int(index or 0)]
    except RuntimeError:  # JAX's own says which plugins it looked for
        pass
    known = ", ".join(f"{one.platform}:{one.id}" for one in jax.devices())
    raise ValueError(f"JAX has no device {device!r} on this machine. It has {known}.")
