"""Floating types by whatever name they have, and arrays cast to them unless numbers would be lost."""

from __future__ import annotations

from typing import Any

import numpy as np

FLOATS = ("float16", "bfloat16", "float32", "float64")


def float_type(dtype: Any) -> np.dtype:
    """The floating type that is meant: a name, or a dtype of NumPy, JAX or PyTorch.

    >>> float_type("float32")
    dtype('float32')
    >>> float_type("int32")
    Traceback (most recent call last):
    ...
    TypeError: dtype='int32' is no type that patterns can be of: ask for one of float16, bfloat16, float32, float64.
    """
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", getattr(dtype, "__name__", None)) or str(dtype)
    name = str(name).rsplit(".", maxsplit=1)[-1]  # torch.float32
    try:
        found = np.dtype(name) if name.isalnum() else np.dtype(object)  # NumPy reads brackets and commas as a program
    except TypeError:
        found = np.dtype(object)
    if found.name not in FLOATS or hasattr(dtype, "__array__"):
        raise TypeError(f"dtype={dtype!r:.60} is no type that patterns can be of: ask for one of {', '.join(FLOATS)}.")
    return found


def cast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An array in another floating type, refused where its numbers would become infinite or all of them zero.

    >>> cast(np.array([0.5, 1e60]), np.dtype("float32"))
    Traceback (most recent call last):
    ...
    ValueError: 1e+60 at index (1,) is too large for float32, whose largest is 3.40282e+38. Scale the patterns ...
    """
    with np.errstate(all="ignore"):
        found = array.astype(dtype)
    lost = np.isfinite(array) & ~np.isfinite(found)
    if lost.any():
        where = tuple(int(i) for i in np.argwhere(lost)[0])
        most = float(np.finfo(dtype).max) if dtype.kind == "f" else 2.0**128
        raise ValueError(
            f"{float(array[where]):g} at index {where} is too large for {dtype.name}, whose largest is {most:g}. "
            f"Scale the patterns down, or keep {array.dtype.name}."
        )
    if array.any() and not found.any():
        raise ValueError(
            f"All numbers become 0 in {dtype.name}: the largest is {np.abs(array).max():g}. Scale the patterns up, or "
            f"keep {array.dtype.name}."
        )
    return found
