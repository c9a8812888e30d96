"""What models check at the door: whole numbers, flags, numbers beside arrays, and bits coded as +-1 or 0/1."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.doors import finite, flag, floating, positive, vector, whole
from ..dynamics.doors import number as plain_number

__all__ = ["coded", "current", "flag", "number", "whole"]


def number(name: str, value: Any, like: Array, *, zero: bool = False) -> Any:
    """A number > 0 (>= 0 with `zero`): a Python float, or a scalar of the patterns' own library as it is."""
    value = positive(name, value, zero=zero)
    if backend.is_array(value) and backend.backend_of(value) != backend.backend_of(like):
        ours, theirs = backend.backend_of(like), backend.backend_of(value)
        raise TypeError(
            f"{name} is a {theirs} scalar but the patterns are a {ours} array: give a Python number, float({name}), "
            f"or {theirs} patterns."
        )
    if backend.is_array(value) and backend.dtype_name(value) != backend.dtype_name(like):
        return backend.cast(value, backend.dtype_name(like))  # as a Python number would be: it decides no dtype
    return value


def current(value: Any, size: int, like: Array) -> Any:
    """An input current: one number as a Python float, or a vector (size,) like the patterns."""
    if isinstance(value, float | int | np.number) and not isinstance(value, np.complexfloating):
        return plain_number("bias", value)
    if backend.is_array(value) and value.ndim == 0:
        return finite("bias", floating("bias", value, like)) + backend.full((size,), 0.0, like)
    value = vector("bias", value, size, like, "one input current for each neuron, or one number for all")
    if value.ndim != 1:
        raise ValueError(f"bias must be one number or a vector ({size},), got shape {tuple(value.shape)}.")
    return value


def coded(name: str, value: Array, low: float) -> Array:
    """An array of two values, `low` and 1, or an error that says how to make one."""
    if backend.holds(lambda x: (x == low) | (x == 1), value):
        return value
    host = backend.to_numpy(value)
    bad = (host != low) & (host != 1)
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    raise ValueError(
        f"{name} must hold {low:g} and 1 only, but {int(bad.sum())} of {host.size} values are others, the first "
        f"{float(host[where]):g} at index {where}. Make two values of it: "
        f"numpy.where(x > threshold, 1.0, {low:.1f})."
    )
