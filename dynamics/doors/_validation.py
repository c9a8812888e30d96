"""What is checked at the door: arrays, positive numbers and names, once, with a message that helps."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, shown, unknown_name
from ._arrays import plain
from ._doors import number

__all__ = ["finite", "floating", "matrix", "positive", "real", "unknown_name", "vector"]


def positive(name: str, value: Any, *, zero: bool = False, infinite: bool = False) -> Any:
    """A number that is > 0 (>= 0 with ``zero``), as a Python float; JAX and torch scalars stay what they are."""
    limits: dict[str, Any] = {"least": 0} if zero else {"above": 0}
    return real(name, value, **limits, infinite=infinite)


def real(name: str, value: Any, **limits: Any) -> Any:
    """A `number` that may be one of JAX or torch, which stays what it is so that derivatives pass through it."""
    if backend.is_compiling():  # numbers are symbols there
        return value
    keep = backend.is_array(value) and backend.backend_of(value) != "numpy" and value.ndim == 0
    if keep and backend.is_traced(value):
        return value
    found = number(name, value, **limits)
    return value if keep else found


def floating(name: str, value: Any, like: Array | None = None) -> Array:
    """``value`` as a floating array: lists become NumPy (or like ``like``), integers are converted once.

    With ``like`` given, library, device and dtype must agree with it: nothing is moved or cast in silence.
    """
    value = plain(name, value)
    if not backend.is_array(value):
        try:
            value = np.asarray(value)
        except ValueError:
            raise ValueError(f"{name} must be rows of one length, and these lists are of several.") from None
        except (TypeError, RuntimeError):  # arrays of another library in a list, objects that refuse
            raise TypeError(f"{name} must be numbers, got {shown(value)}.") from None
        _numeric(name, value)
        if value.dtype.kind == "c":
            raise TypeError(f"{name} must be real, got dtype {value.dtype}.")
        if like is not None and backend.backend_of(like) != "numpy":
            return backend.namespace(like).asarray(value, dtype=like.dtype, device=backend.device(like))
        if like is not None:
            return value.astype(like.dtype)
    _numeric(name, value)
    xp = backend.namespace(value)
    if like is not None:
        ours, theirs = backend.backend_of(like), backend.backend_of(value)
        if ours != theirs:
            raise TypeError(
                f"{name} is a {theirs} array but the memory holds {ours} arrays. Convert one of them: "
                f'memory.to("{theirs}") or the array with {ours}.asarray.'.replace("jax.asarray", "jax.numpy.asarray")
            )
        value = backend.beside(value, like)  # every device of a sharded memory needs the whole of a query
        here, there = backend.device(like), backend.device(value)
        if here is not None and there is not None and here != there:
            raise TypeError(
                f"{name} is on device {there} but the memory is on {here}. Move one of them: "
                f'memory.to("{ours}", device=...).'
            )
    if not xp.isdtype(value.dtype, "real floating"):
        if xp.isdtype(value.dtype, "complex floating"):
            raise TypeError(f"{name} must be real, got dtype {value.dtype}.")
        value = xp.astype(value, like.dtype if like is not None else xp.asarray(0.0).dtype)
    if like is not None and value.dtype != like.dtype:
        value = _widened(name, value, like)
    return value


def _widened(name: str, value: Array, like: Array) -> Array:
    """A float array of a narrower type in the wider one of `like`, which loses nothing; a wider one is refused."""
    xp, (here, there) = backend.namespace(value), (backend.dtype_name(like), backend.dtype_name(value))
    ours, theirs = xp.finfo(like.dtype), xp.finfo(value.dtype)
    if ours.eps <= theirs.eps and ours.max >= theirs.max:
        return backend.cast(value, here)
    library, cast = backend.backend_of(value), "to" if backend.backend_of(value) == "torch" else "astype"
    kind = f"{library}.{here}" if library == "torch" else f'"{here}"'
    other = f', or memory.to("{library}", dtype="{there}")' if there in backend.FLOATS else ""
    raise TypeError(
        f"{name} is {there} but the memory is {here}, and nothing is rounded in silence. Cast it: "
        f"{name}.{cast}({kind}){other}."
    )


def _numeric(name: str, value: Any) -> None:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind not in "fiubc":
        raise TypeError(f"{name} must be numbers, got dtype {value.dtype}.")


def finite(name: str, value: Array) -> Array:
    """Refuse NaN and infinities, saying where the first one is."""
    if not backend.all_finite(value):
        bad = ~np.isfinite(backend.to_numpy(value))
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} holds {int(bad.sum())} values that are NaN or infinite, the first at index {where}. "
            "Remove or replace them first (numpy.nan_to_num, or drop the rows)."
        )
    return value


def matrix(name: str, value: Any, like: Array | None = None) -> Array:
    """A finite, non-empty floating matrix whose rows are patterns."""
    if like is None and backend.is_chunked(value):
        value = backend.filed(value, value.dtype if np.dtype(value.dtype).kind == "f" else np.float64)
    value = floating(name, value, like)
    if value.ndim != 2:
        raise ValueError(
            f"{name} must be a matrix with one pattern in a row, shape (N, I), got shape {tuple(value.shape)}. "
            "Flatten images first: images.reshape(len(images), -1)."
        )
    if 0 in value.shape:
        raise ValueError(f"{name} is empty, shape {tuple(value.shape)}: store at least one pattern.")
    return finite(name, value)


def vector(name: str, value: Any, size: int, like: Array, meaning: str) -> Array:
    """A finite array of shape (..., size)."""
    return finite(name, fitting(name, value, size, like, meaning))


def fitting(name: str, value: Any, size: int, like: Array, meaning: str) -> Array:
    """An array of shape (..., size), NaN and infinities included."""
    value = floating(name, value, like)
    if value.ndim == 0 or value.shape[-1] != size:
        raise ValueError(f"{name} has shape {tuple(value.shape)} but must be (..., {size}): {meaning}.")
    return value
