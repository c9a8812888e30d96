"""Checks at the doors of analysis, by name, for `checked`: what is examined, states and patterns, rows, counts."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np

from ..dynamics import arguments, backend
from ..dynamics.doors import (
    affordable,
    choice,
    flag,
    function,
    items,
    kind,
    mapping,
    number,
    path,
    plain,
    scalar,
    seed,
    shown,
    text,
    whole,
)
from ..dynamics.network import Network
from ..dynamics.trajectory import Trajectory
from ..dynamics.validation import finite

__all__ = ["affordable", "flag", "mapping", "path", "seed", "text"]

LARGEST = 10**6  # starts, directions, steps, points: more are never looked at in one call

count = partial(whole, least=1, most=LARGEST)
count_or_none = partial(whole, least=0, most=LARGEST)
positive = partial(number, above=0)
not_negative = partial(number, least=0)
seed_number = partial(whole, least=0, most=2**63 - 1)
share = partial(number, least=0, most=1)
run = partial(kind, wanted=Trajectory, example="what simulate(...) returns")


def one_of(*known: str) -> Any:
    """The check of a name among some.

    >>> one_of("auto", "dense")("method", "dense")
    'dense'
    """
    return partial(choice, known=known)


def given(form: str, optional: bool = False) -> Any:
    """The check of a function of a form.

    >>> given("x -> E(x)")("energy", abs) is abs
    True
    """
    return partial(function, form=form, optional=optional)


def memory(name: str, value: Any) -> Any:
    """A model, a Network, or what has a network of its own; anything else is named.

    >>> memory("memory", 3)
    Traceback (most recent call last):
    TypeError: memory must be a model such as ModernHopfield, or a Network, got 3.
    """
    ours = isinstance(value, Network) or hasattr(type(value), "network")
    if isinstance(value, type) or not (ours or "network" in getattr(value, "__dict__", {})):
        raise TypeError(f"{name} must be a model such as ModernHopfield, or a Network, got {shown(value)}.")
    return value


def states(name: str, value: Any) -> Any:
    """Finite states, activations or patterns (..., n), as an array of their library.

    >>> states("queries", [1, 2])
    array([1., 2.])
    """
    found = arguments.numbers(name, value)
    return finite(name, found) if 0 not in found.shape else found


def of_field(*names: str) -> Any:
    """The check of a method of a Field that takes so many vectors (..., D)."""

    def check(self: Any, *given: Any) -> Any:
        widths: dict[str, int | None] = dict.fromkeys(names, self.size)
        found = arguments.together(dict(zip(names, given, strict=False)), widths, f"the field has {self.size} neurons")
        if found and self.like is not None:
            backend.namespace(self.like, *found)
        return (self, *found, *given[len(found) :]), {}

    return check


def of_values(self: Any, value: Any) -> Any:
    """The check of a method of a Field that takes numbers of any shape."""
    other = backend.is_array(value) and backend.backend_of(value) != "numpy"
    return (self, value if other else pixels("value", value)), {}


def host_states(name: str, value: Any) -> np.ndarray:
    """The same in NumPy."""
    return backend.to_numpy(states(name, value))


def rows(name: str, value: Any) -> np.ndarray:
    """One row of the stored patterns or some: whole numbers, one or in a list or an array.

    >>> rows("rows", [0, np.int8(-1)])
    array([ 0, -1])
    """
    found = plain(name, value)
    try:
        found = np.asarray(backend.to_numpy(found) if backend.is_array(found) else found)
    except (ValueError, TypeError, RuntimeError):
        found = np.asarray(None)
    if found.dtype.kind not in "iu" and not (found.size == 0 and found.dtype.kind == "f"):
        raise TypeError(f"{name} must be rows of the patterns, whole numbers such as [0, 2], got {shown(value)}.")
    if found.ndim > 1:
        raise ValueError(f"{name} must be one row or a list of rows, got {shown(value)}.")
    if found.size and (found.max() >= 2**31 or found.min() < -(2**31)):
        raise ValueError(f"{name} must be rows of the patterns, counted from 0, got {shown(int(found.max()))}.")
    return found.astype(int)


def lengths(name: str, value: Any, least: int = 1) -> tuple[int, ...]:
    """Whole numbers in a list, as a shape.

    >>> lengths("shape", [28, np.uint8(28)])
    (28, 28)
    """
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        value = (value,)
    try:
        return tuple(whole(name, size, least) for size in items(name, value, "whole numbers"))
    except ValueError:
        raise ValueError(f"{name} must be whole numbers from {least} to 10^9, got {shown(value)}.") from None


def numbers(name: str, value: Any) -> tuple[float, ...]:
    """Numbers in a list.

    >>> numbers("levels", [0.1, 1])
    (0.1, 1.0)
    """
    try:
        return tuple(number(name, one) for one in items(name, value, "numbers"))
    except ValueError:
        raise ValueError(f"{name} must be finite numbers, got {shown(value)}.") from None


def shape(name: str, value: Any) -> tuple[int, ...]:
    """The shape of one image, (H, W) or (C, H, W).

    >>> shape("shape", (28, 28))
    (28, 28)
    """
    try:
        found = lengths(name, value)
    except (TypeError, ValueError):
        found = ()
    if len(found) not in (2, 3):
        raise ValueError(f"{name} must be (H, W) or (C, H, W) of one image, got {shown(value)}.")
    return found


def a_number(name: str, value: Any) -> int | float:
    """Any finite number, as it is in Python.

    >>> a_number("value", np.float32(0.5))
    0.5
    """
    number(name, value)
    return scalar(name, value)


def span(name: str, value: Any) -> tuple[float, float]:
    """Two numbers in order.

    >>> span("clip", (0, 1))
    (0.0, 1.0)
    """
    low, high = pair(name, value)
    if not low < high:
        raise ValueError(f"{name} must be (least, largest) with least < largest, got ({low!r}, {high!r}).")
    return low, high


def pair(name: str, value: Any) -> tuple[float, float]:
    """Two numbers.

    >>> pair("values", [0, 1])
    (0.0, 1.0)
    """
    found = numbers(name, value)
    if len(found) != 2:
        raise ValueError(f"{name} must be two numbers such as (0.0, 1.0), got {shown(value)}.")
    return found[0], found[1]


def called(what: str, check: Any) -> Any:
    """A check that calls the argument by another name.

    >>> called("levels", a_number)("level", 0.5)
    0.5
    """
    return lambda name, value: check(what, value)


def maybe(check: Any) -> Any:
    """A check that lets None pass.

    >>> maybe(count)("most", None)
    """
    return lambda name, value: None if value is None else check(name, value)


def examined(name: str, value: Any) -> Any:
    """A model, a Network or a Field (or another object with a velocity)."""
    from .field import Field

    flows = isinstance(value, Field) or (hasattr(value, "velocity") and not isinstance(value, type))
    return value if flows else memory(name, value)


def census(name: str, value: Any) -> Any:
    """What find_fixed_points returns."""
    from .fixed_points import FixedPoints

    return kind(name, value, FixedPoints, "what find_fixed_points returns")


def hills(name: str, value: Any) -> Any:
    """What landscape returns."""
    from .barriers import Landscape

    return kind(name, value, Landscape, "what landscape(...) returns")


def selection(name: str, value: Any) -> np.ndarray:
    """A mask of bools or rows, to choose from a table.

    >>> selection("mask", [True, False])
    array([ True, False])
    """
    found = plain(name, value)
    try:
        found = np.asarray(backend.to_numpy(found) if backend.is_array(found) else found)
    except (ValueError, TypeError, RuntimeError):
        found = np.asarray(None)
    if found.ndim != 1 or (found.dtype.kind not in "biu" and found.size):
        raise TypeError(f"{name} must be a mask of bools or a list of rows, got {shown(value)}.")
    return found if found.size else found.astype(int)


def numbers_of(name: str, value: Any) -> np.ndarray:
    """A number, or an array of numbers of any shape, in float64.

    >>> numbers_of("s", 0.5)
    array(0.5)
    """
    found = plain(name, value)
    try:
        found = np.asarray(backend.to_numpy(found) if backend.is_array(found) else found)
    except (ValueError, TypeError, RuntimeError):
        found = np.asarray(None)
    if found.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be numbers, got {shown(value)}.")
    return finite(name, found.astype(float))


def side(name: str, value: Any) -> int:
    """The side of a square grid, whose points fit into memory.

    >>> side("resolution", 100)
    100
    """
    found = whole(name, value, 2)
    affordable(f"A grid of {found} x {found}", 80.0 * found**2, f"Give a smaller {name}.")
    return found


def an_array(name: str, value: Any) -> Any:
    """An array of the library and dtype to work in."""
    if not backend.is_array(value) or value.ndim == 0 or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be an array of the library and dtype to work in, got {shown(value)}.")
    return arguments.numbers(name, value)


def text_list(name: str, value: Any) -> Any:
    """A name, or a list of names.

    >>> text_list("criteria", "nearest"), text_list("criteria", ("nearest",))
    ('nearest', ['nearest'])
    """
    if isinstance(value, str):
        return str(value)
    return [text(f"{name}[{k}]", one) for k, one in enumerate(items(name, value, "names", 1))]


def workers(name: str, value: Any) -> int:
    """How many processes work at once.

    >>> workers("jobs", 2)
    2
    """
    return whole(name, value, 1, 1024)


def figure(name: str, value: Any) -> int | str:
    """The number of a figure, or its name.

    >>> figure("figure", np.uint8(2))
    2
    """
    return str(value) if isinstance(value, str) else whole(name, value, 1)


def step(name: str, value: Any) -> float:
    """A step of time, which may be infinite.

    >>> step("dt", float("inf"))
    inf
    """
    return number(name, value, above=0, infinite=True)


def bytes_(name: str, value: Any) -> int:
    """A number of bytes.

    >>> bytes_("limit", 10)
    10
    """
    return whole(name, value, 1, 2**62)


def paths(name: str, value: Any) -> list[Any]:
    """A path, or a list of them, as it was written.

    >>> paths("data", "digits")
    ['digits']
    """
    given = [value] if isinstance(value, str | os.PathLike) else items(name, value, "paths or names", 1)
    for one in given:
        path(name, one)
    return given


def a_mapping(name: str, value: Any) -> dict[str, Any]:
    """A dict with names as keys.

    >>> a_mapping("settings", {"beta": 2.0})
    {'beta': 2.0}
    """
    return mapping(name, value, '{"beta": 2.0}')


def pixels(name: str, value: Any) -> np.ndarray:
    """Images as an array of numbers, whole ones and bools as they are.

    >>> pixels("images", [[0, 255]]).dtype.kind
    'i'
    """
    found = plain(name, value)
    try:
        found = np.asarray(backend.to_numpy(found) if backend.is_array(found) else found)
    except (ValueError, TypeError, RuntimeError):
        found = np.asarray(None)
    if found.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be numbers in an array, got {shown(value)}.")
    return found
