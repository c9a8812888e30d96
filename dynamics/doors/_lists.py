"""Checks of lists at the door: whole numbers, numbers, names, paths, rows of a table, and arrays in NumPy."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .. import backend
from ..backend import shown
from ._arrays import plain
from ._doors import items, number, path, text, whole
from ._validation import finite


def lengths(name: str, value: Any, least: int = 1) -> tuple[int, ...]:
    """Whole numbers in a list, as a shape."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        value = (value,)
    try:
        return tuple(whole(name, size, least) for size in items(name, value, "whole numbers"))
    except ValueError:
        raise ValueError(f"{name} must be whole numbers from {least} to 10^9, got {shown(value)}.") from None


def number_list(name: str, value: Any) -> tuple[float, ...]:
    """Numbers in a list."""
    try:
        return tuple(number(name, one) for one in items(name, value, "numbers"))
    except ValueError:
        raise ValueError(f"{name} must be finite numbers, got {shown(value)}.") from None


def pair(name: str, value: Any) -> tuple[float, float]:
    """Two numbers."""
    found = number_list(name, value)
    if len(found) != 2:
        raise ValueError(f"{name} must be two numbers such as (0.0, 1.0), got {shown(value)}.")
    return found[0], found[1]


def span(name: str, value: Any) -> tuple[float, float]:
    """Two numbers in order."""
    low, high = pair(name, value)
    if not low < high:
        raise ValueError(f"{name} must be (least, largest) with least < largest, got ({low!r}, {high!r}).")
    return low, high


def text_list(name: str, value: Any) -> Any:
    """A name, or a list of names."""
    if isinstance(value, str):
        return str(value)
    return [text(f"{name}[{k}]", one) for k, one in enumerate(items(name, value, "names", 1))]


def paths(name: str, value: Any) -> list[Any]:
    """A path, or a list of them, as it was written."""
    given = [value] if isinstance(value, str | os.PathLike) else items(name, value, "paths or names", 1)
    for one in given:
        path(name, one)
    return given


def pixels(name: str, value: Any) -> np.ndarray:
    """Images as an array of numbers, whole ones and bools as they are."""
    found = plain(name, value)
    try:
        found = np.asarray(backend.to_numpy(found) if backend.is_array(found) else found)
    except (ValueError, TypeError, RuntimeError):
        found = np.asarray(None)
    if found.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be numbers in an array, got {shown(value)}.")
    return found


def numbers_of(name: str, value: Any) -> np.ndarray:
    """A number, or an array of numbers of any shape, in float64."""
    found = plain(name, value)
    try:
        found = np.asarray(backend.to_numpy(found) if backend.is_array(found) else found)
    except (ValueError, TypeError, RuntimeError):
        found = np.asarray(None)
    if found.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be numbers, got {shown(value)}.")
    return finite(name, found.astype(float))


def rows(name: str, value: Any) -> np.ndarray:
    """One row of the stored patterns or some: whole numbers, one or in a list or an array."""
    found = plain(name, value)
    try:
        found = np.asarray(backend.to_numpy(found) if backend.is_array(found) else found)
    except (ValueError, TypeError, RuntimeError):
        found = np.asarray(None)
    if found.dtype.kind not in "iu" and not (found.size == 0 and found.dtype.kind == "f"):
        raise TypeError(f"{name} must be rows of the patterns, whole numbers such as [0, 2], got {shown(value)}.")
    if found.ndim > 1:
        raise ValueError(f"{name} must be one pattern or a list of patterns (K,), got shape {found.shape}.")
    if found.size and (found.max() >= 2**31 or found.min() < -(2**31)):
        raise ValueError(f"{name} must be rows of the patterns, counted from 0, got {shown(int(found.max()))}.")
    return found.astype(int)


def selection(name: str, value: Any) -> np.ndarray:
    """A mask of bools or rows, to choose from a table."""
    found = plain(name, value)
    try:
        found = np.asarray(backend.to_numpy(found) if backend.is_array(found) else found)
    except (ValueError, TypeError, RuntimeError):
        found = np.asarray(None)
    if found.ndim != 1 or (found.dtype.kind not in "biu" and found.size):
        raise TypeError(f"{name} must be a mask of bools or a list of rows, got {shown(value)}.")
    return found if found.size else found.astype(int)
