"""Checks of arrays at the door: of which class they are, masks of bools, lists of numbers, answers of functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, shown


def plain(name: str, value: Any) -> Any:
    """What is taken as an array: NumPy's own class in native byte order; masked arrays are refused."""
    if type(value) is np.ndarray and value.dtype.isnative:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, and what its mask hides would be computed with. Say what stands there: "
            f"numpy.ma.filled({name}, 0.0), or name the known components with known=~numpy.ma.getmaskarray({name})."
        )
    if isinstance(value, np.ndarray):
        if isinstance(value, np.matrix | np.memmap):  # one multiplies in another way, the other is a view of its file
            value = np.asarray(value)
        return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))
    return value


def solvable(what: str, like: Array) -> None:
    """Refuse a type for which NumPy has no linear algebra, such as the long double.

    >>> solvable("Rosenbrock", np.ones(2))
    """
    if backend.backend_of(like) == "numpy" and like.dtype.itemsize > 8:
        raise TypeError(
            f"{what} solves linear systems, which NumPy has none of in {like.dtype}. Compute in float64: "
            'memory.to("numpy", dtype="float64"), or the array with astype(float).'
        )


def series(name: str, value: Any) -> np.ndarray:
    """One number or some in a list or array of any library, as float64 of at most one axis."""
    given = plain(name, value)
    try:
        found = np.asarray(backend.to_numpy(given) if backend.is_array(given) else given)
    except (ValueError, TypeError):
        found = np.asarray(None)
    if found.dtype.kind not in "fiu" or found.ndim > 1:
        raise TypeError(f"{name} must be numbers in a list such as [0.0, 1.0], got {shown(value)}.")
    return found.astype(float)


def booleans(name: str, value: Any, shape: tuple[int, ...], like: Array, example: str) -> Array:
    """A mask of bools that broadcasts to `shape`, in the library of `like`; `example` says what to write."""
    if backend.is_array(value) and backend.is_traced(value):
        return value
    host = plain(name, value)
    try:
        host = backend.to_numpy(host) if backend.is_array(host) else np.asarray(host)
    except (ValueError, TypeError):
        raise TypeError(f"{name} must be a mask of bools, got {shown(value)}. {example}") from None
    if host.dtype.kind != "b":
        given = shown(value) if host.ndim == 0 else f"values of dtype {host.dtype}"
        raise TypeError(f"{name} must be True, False or a mask of bools, got {given}. {example}")
    if host.ndim > len(shape) or any(a not in (1, b) for a, b in zip(host.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(f"{name} has shape {host.shape}, which does not fit {shape}. {example}")
    return backend.namespace(like).asarray(host, device=backend.device(like))


def answer(what: str, value: Any, shape: tuple[int | None, ...] | None) -> Array:
    """What a function of a user's own gave: an array of a shape (None: of any size there, or of any shape)."""
    found = tuple(value.shape) if backend.is_array(value) else ()
    fits = backend.is_array(value)
    if fits and shape is not None:
        fits = len(found) == len(shape) and all(b is None or a == b for a, b in zip(found, shape, strict=True))
    if fits and isinstance(value, (np.ndarray, np.generic)):
        fits = value.dtype.kind in "fiub"
    if not fits:
        sizes = "" if shape is None else f" of shape ({', '.join('n' if b is None else str(b) for b in shape)})"
        raise TypeError(f"{what} must give an array of numbers{sizes} for what it was given here, got {shown(value)}.")
    return value
