"""Checks at the doors of analysis, by name, for `checked`: what is examined, states and patterns, rows, counts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import shown
from ..dynamics.doors import (
    affordable,
    arguments,
    choice,
    finite,
    flag,
    function,
    items,
    kind,
    lengths,
    mapping,
    number,
    number_list,
    numbers_of,
    pair,
    path,
    paths,
    pixels,
    rows,
    scalar,
    seed,
    selection,
    solvable,
    span,
    text,
    text_list,
    whole,
)
from ..dynamics.simulation import Trajectory
from ._model import is_model

__all__ = [  # of these some are used by way of this module alone
    "flag",
    "items",
    "lengths",
    "number_list",
    "numbers_of",
    "pair",
    "path",
    "paths",
    "rows",
    "seed",
    "selection",
    "span",
    "text",
    "text_list",
]

LARGEST = 10**6  # starts, directions, steps, points: more are never looked at in one call

count = partial(whole, least=1, most=LARGEST)
count_or_none = partial(whole, least=0, most=LARGEST)
images = partial(whole, least=3, most=10**5)
positive = partial(number, above=0)
reach = partial(number, above=0, most=1e100)
resolved = partial(number, least=1e-14)
bend = partial(number, least=-1e6, most=1e6)
not_negative = partial(number, least=0)
seed_number = partial(whole, least=0, most=2**63 - 1)
share = partial(number, least=0, most=1)
run = partial(kind, wanted=Trajectory, example="what simulate(...) returns")


def with_patterns(name: str, value: Any) -> Any:
    """A model, or patterns (N, I), which a list of lists is too."""
    return states(name, value) if isinstance(value, list | tuple) else value


def columns(name: str, value: Any) -> Any:
    """A dict whose values are arrays, or lists that are."""
    for column, values in value.items() if isinstance(value, Mapping) else ():
        try:
            np.asarray(backend.to_numpy(values) if backend.is_array(values) else values)
        except ValueError:
            raise ValueError(f"{name}[{column!r}] must be one value for each query, got {shown(values)}.") from None
    return value


def simulated(name: str, value: Any) -> Any:
    """What simulate returned."""
    if not isinstance(value, Trajectory):
        raise TypeError(f"summarise takes what simulate returned, a Trajectory, not {shown(value)}.")
    return value


def as_given(name: str, value: Any) -> int | float:
    """A number, infinite or NaN too, for a function that says itself what it cannot use."""
    found = scalar(name, value)
    if isinstance(found, int) and abs(found) >= 2**1023:
        raise ValueError(f"{name} is {shown(found)}, too large for a floating number (1.8e308).")
    return found


def row_or_state(name: str, value: Any) -> Any:
    """The row of a stored pattern, or a state (I,)."""
    if isinstance(value, list | tuple) or (backend.is_array(value) and getattr(value, "ndim", 0)):
        return states(name, value)
    return whole(name, value)


def samples(name: str, value: Any) -> Any:
    """How many samples, or their states (..., I)."""
    if isinstance(value, list | tuple) or (backend.is_array(value) and getattr(value, "ndim", 0)):
        return states(name, value)
    return whole(name, value, 1)


def pairs(name: str, value: Any) -> Any:
    """A name, or whole numbers in pairs."""
    if isinstance(value, str):
        return str(value)
    found = pixels(name, value)
    return (
        found.astype(int) if found.dtype.kind in "iu" and np.abs(found.astype(float)).max(initial=0) < 2**31 else found
    )


def one_of(*known: str) -> Any:
    """The check of a name among some."""
    return partial(choice, known=known)


def given(form: str, optional: bool = False) -> Any:
    """The check of a function of a form."""
    return partial(function, form=form, optional=optional)


def memory(name: str, value: Any) -> Any:
    """A model, a Network, or what has a network of its own; anything else is named."""
    if not is_model(value):
        raise TypeError(f"{name} must be a model such as ModernHopfield, or a Network, got {shown(value)}.")
    return value


def states(name: str, value: Any) -> Any:
    """Finite states, activations or patterns (..., n), as an array of their library."""
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


def shape(name: str, value: Any) -> tuple[int, ...]:
    """The shape of one image, (H, W) or (C, H, W)."""
    try:
        found = lengths(name, value)
    except (TypeError, ValueError):
        found = ()
    if len(found) not in (2, 3):
        raise ValueError(f"{name} must be (H, W) or (C, H, W) of one image, got {shown(value)}.")
    return found


def a_number(name: str, value: Any) -> int | float:
    """Any finite number, as it is in Python."""
    number(name, value)
    return scalar(name, value)


def called(what: str, check: Any) -> Any:
    """A check that calls the argument by another name."""
    return lambda name, value: check(what, value)


def maybe(check: Any) -> Any:
    """A check that lets None pass."""
    return lambda name, value: None if value is None else check(name, value)


def precise(name: str, value: Any) -> Any:
    """A memory whose numbers have enough digits to be examined: those of half precision are widened to float32."""
    arrays = backend.arrays(value) if backend.is_structure(value) else []
    for array in arrays:
        kind = str(array.dtype).rsplit(".", maxsplit=1)[-1]
        solvable(f"The analysis of {name}", array)
        if kind in ("float16", "bfloat16"):
            if not hasattr(value, "to"):
                raise TypeError(f"{name} is of {kind}, too coarse to be examined: build it of float32 arrays.")
            library = backend.backend_of(array)
            return value.to(library, None if library == "numpy" else backend.device(array), "float32")
    return value


def examined(name: str, value: Any) -> Any:
    """A model, a Network or a Field (or another object with a velocity)."""
    flows = hasattr(value, "velocity") and not isinstance(value, type)
    return precise(name, value if flows else memory(name, value))


def no_flow(memory: Any) -> TypeError:
    """Why something has no flow in time, as far as it says so itself."""
    try:
        _ = memory.network
    except TypeError as error:  # a memory without dynamics says what to take instead
        return TypeError(str(error))
    except AttributeError:
        pass
    return TypeError(
        f"Expected a memory or a Network, got {type(memory).__name__}. For an energy function of your own "
        "use energy_network(energy, size)."
    )


def census(name: str, value: Any) -> Any:
    """What find_fixed_points returns."""
    return _made_by("find_fixed_points", name, value, "what find_fixed_points returns")


def indices(name: str, value: Any) -> int | str:
    """Which fixed points are wanted: "auto", "all", "attractors", or the largest index.

    >>> indices("wanted", "attractors"), indices("wanted", np.int64(1))
    ('attractors', 1)
    """
    return choice(name, value, ("auto", "all", "attractors")) if isinstance(value, str) else whole(name, value, 0)


def hills(name: str, value: Any) -> Any:
    """What landscape returns."""
    return _made_by("landscape", name, value, "what landscape(...) returns")


class _Nothing:
    """What no value is an instance of."""


def _made_by(verb: str, name: str, value: Any, what: str) -> Any:
    """A result of a verb, which says of which."""
    return kind(name, value, type(value) if getattr(type(value), "made_by", "") == verb else _Nothing, what)


def side(name: str, value: Any) -> int:
    """The side of a square grid, whose points fit into memory."""
    found = whole(name, value, 2)
    affordable(f"A grid of {found} x {found}", 80.0 * found**2, f"Give a smaller {name}.")
    return found


def an_array(name: str, value: Any) -> Any:
    """An array of the library and dtype to work in."""
    if not backend.is_array(value) or value.ndim == 0 or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be an array of the library and dtype to work in, got {shown(value)}.")
    return arguments.numbers(name, value)


def workers(name: str, value: Any) -> int:
    """How many processes work at once."""
    return whole(name, value, 1, 1024)


def figure(name: str, value: Any) -> int | str:
    """The number of a figure, or its name."""
    return str(value) if isinstance(value, str) else whole(name, value, 1)


def step(name: str, value: Any) -> float:
    """A step of time, which may be infinite."""
    return number(name, value, above=0, infinite=True)


def bytes_(name: str, value: Any) -> int:
    """A number of bytes."""
    return whole(name, value, 1, 2**62)


def a_mapping(name: str, value: Any) -> dict[str, Any]:
    """A dict with names as keys."""
    return mapping(name, value, '{"beta": 2.0}')


def differences(name: str, value: Any) -> Any:
    """A relative step of differences, or None for the usual one."""
    return None if value is None else not_negative(name, value)
