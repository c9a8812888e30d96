"""Hostile values: what stands in place of a valid argument, of its own kind or of any other."""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

LIBRARIES = tuple(name for name in ("torch", "jax") if importlib.util.find_spec(name))
KINDS = "float64 float32 float16 longdouble >f8 >i4 int64 int8 uint8 uint64 bool complex128 object U8 S4 datetime64[s]"
HUGE = (2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -(2**31), -(2**63), 10**30, 10**400)
NUMBERS = (0, 1, -1, 2, 3, 0.0, -0.0, 0.5, -0.5, 2.5, 1e-200, 5e-324, 1e-320, 1e30, 1e300, -1e300)
SPECIAL = (float("nan"), float("inf"), -float("inf"), 1j, 1 + 0j, True, False)


def other(array: Any, library: str) -> Any:
    """A NumPy array as an array of another library."""
    if library == "torch":
        import torch

        return torch.asarray(np.ascontiguousarray(array))
    import jax.numpy

    return jax.numpy.asarray(array)


def absurd(rng: np.random.Generator) -> Any:
    """An object that no argument is meant to be, or that few are."""
    some = rng.normal(size=(2, 3))
    makers: list[Callable[[], Any]] = [
        lambda: None,
        lambda: "",
        lambda: "nonsense",
        lambda: "1.5",
        lambda: "False",
        lambda: b"bytes",
        lambda: [],
        lambda: (),
        lambda: {},
        lambda: {"x": 1},
        lambda: {1: np.ones(4)},
        lambda: {1, 2},
        lambda: [1, [2, 3]],
        lambda: [[1.0, 2.0], [3.0]],
        lambda: ["a", "b"],
        lambda: [None],
        lambda: [[]],
        lambda: object(),
        lambda: int,
        lambda: ValueError,
        lambda: lambda *_: None,
        lambda: slice(3),
        lambda: Ellipsis,
        lambda: range(4),
        lambda: iter([1.0, 2.0]),
        lambda: pathlib.Path("nowhere/at/all"),
        lambda: np.random.default_rng(0),
        lambda: np.array("text"),
        lambda: np.array(None),
        lambda: np.array([]),
        lambda: np.array(2.5),
        lambda: np.array(3),
        lambda: np.array(True),
        lambda: np.array([True]),
        lambda: np.array([1.0]),
        lambda: np.array([0, 3]),
        lambda: some,
        lambda: some.astype(np.int8),
        lambda: np.ma.masked_array(some, some > 0),
        lambda: np.matrix(some),
        lambda: np.str_("text"),
        lambda: np.float32(0.5),
        lambda: np.float16(2),
        lambda: np.longdouble(1.5),
        lambda: np.uint8(250),
        lambda: np.int8(-3),
        lambda: np.bool_(True),
        lambda: np.complex64(1j),
        lambda: np.datetime64("2020-01-01"),
        lambda: np.ones((0, 4)),
        lambda: np.ones((3, 0)),
        lambda: np.ones((1, 1, 1, 4)),
        lambda: NUMBERS[rng.integers(len(NUMBERS))],
        lambda: HUGE[rng.integers(len(HUGE))],
        lambda: SPECIAL[rng.integers(len(SPECIAL))],
    ]
    for library in LIBRARIES:
        makers += [
            lambda library=library: other(np.float64(0.5), library),
            lambda library=library: other(np.int64(2), library),
            lambda library=library: other(np.bool_(True), library),
            lambda library=library: other(some, library),
        ]
    return makers[rng.integers(len(makers))]()


def number(rng: np.random.Generator, valid: Any) -> Any:
    """Another number in place of one: too large, too small, not whole, of another type."""
    match rng.integers(6):
        case 0:
            return NUMBERS[rng.integers(len(NUMBERS))]
        case 1:
            return HUGE[rng.integers(len(HUGE))]
        case 2:
            return SPECIAL[rng.integers(len(SPECIAL))]
        case 3:
            kinds = (np.uint8, np.int8, np.int64, np.uint64, np.float16, np.float32, np.longdouble, np.array)
            return kinds[rng.integers(len(kinds))](abs(valid) if valid == valid and abs(valid) < 100 else 1)
        case 4 if LIBRARIES:
            return other(np.asarray(float(valid)), LIBRARIES[rng.integers(len(LIBRARIES))])
        case _:
            return [valid] if rng.integers(2) else str(valid)


def array(rng: np.random.Generator, valid: np.ndarray) -> Any:
    """Another array in place of one: other shapes, dtypes, layouts, containers, scales, entries."""
    flat = valid.reshape(-1)
    with np.errstate(all="ignore"):
        match rng.integers(18):
            case 0:
                return valid[..., None]
            case 1:
                return valid[None]
            case 2:
                return valid[..., :-1] if valid.ndim else valid.reshape(1)
            case 3:
                return np.concatenate([valid, valid[:1]]) if valid.ndim else np.stack([valid, valid])
            case 4:
                return flat
            case 5:
                return valid.T
            case 6:
                return valid[:0] if valid.ndim else np.ones((0,))
            case 7:
                return flat[0] if flat.size else np.float64(0)
            case 8 | 9:
                kinds = KINDS.split()
                return _cast(valid, kinds[rng.integers(len(kinds))])
            case 10 if flat.size:
                bad = valid.astype(float)
                bad.reshape(-1)[rng.integers(flat.size)] = SPECIAL[rng.integers(3)]
                return bad
            case 11:
                return np.ma.masked_array(valid, rng.random(valid.shape) < 0.5)
            case 12:
                return np.matrix(valid) if valid.ndim <= 2 else valid.tolist()
            case 13:
                return valid.tolist()
            case 14 if LIBRARIES:
                return other(_cast(valid, "float64"), LIBRARIES[rng.integers(len(LIBRARIES))])
            case 15:
                scales = (1e-320, 1e-200, 1e-30, 1e5, 1e30, 1e200, -1.0, 0.0)
                return valid.astype(float) * scales[rng.integers(len(scales))]
            case 16:
                return np.broadcast_to(flat[:1], valid.shape) if flat.size else valid
            case _:
                return rng.normal(size=valid.shape) * 10.0 ** rng.integers(-3, 4)


def _cast(valid: np.ndarray, kind: str) -> Any:
    try:
        return valid.astype(kind)
    except (TypeError, ValueError):
        return valid.astype(object)


def text(rng: np.random.Generator, valid: str) -> Any:
    """Another text in place of one."""
    texts = ("", " ", "nonsense", valid.upper(), valid[:-1], f"{valid}(2)", f"{valid}(nan)", f"{valid}(1e400)")
    more = (f"{valid}(", f"{valid}(-1)", f"{valid}(x)", valid.encode(), [valid], (valid, valid), np.str_(valid), "\0")
    both = (*texts, *more)
    return both[rng.integers(len(both))]


def container(rng: np.random.Generator, valid: Any) -> Any:
    """A dict, list or tuple with one entry more, less, or of another kind."""
    if isinstance(valid, dict):
        changed, keys = dict(valid), list(valid)
        match rng.integers(4):
            case 0 if keys:
                changed.pop(keys[rng.integers(len(keys))])
            case 1:
                changed["nobody"] = valid[keys[0]] if keys else 1.0
            case 2:
                return list(valid.items())
            case _ if keys:
                key = keys[rng.integers(len(keys))]
                changed[key] = hostile(rng, valid[key])
        return changed
    items = list(valid)
    match rng.integers(5):
        case 0:
            items = items[:-1]
        case 1:
            items = [*items, *items[:1]]
        case 2 if items:
            k = rng.integers(len(items))
            items[k] = hostile(rng, items[k])
        case 3:
            return iter(items)
        case _:
            items = items[::-1]
    return type(valid)(items) if type(valid) in (list, tuple) else items


ANSWERS: tuple[Callable[..., Any], ...] = (
    lambda *_: None,
    lambda *_: 1.0,
    lambda *_: "text",
    lambda *_: [1.0],
    lambda *_: np.ones(7),
    lambda *x: x[-1][..., None] if isinstance(x[-1], np.ndarray) else 0,
    lambda *x: x,
    lambda *_: float("nan"),
    lambda *_: np.array(True),
)


def hostile(rng: np.random.Generator, valid: Any) -> Any:
    """A value in place of a valid one: three times in four of its own kind, else of any."""
    if rng.integers(4) == 0:
        return absurd(rng)
    if isinstance(valid, bool):
        others = (0, 1, None, "False", 0.5, np.True_, np.array(True), np.array([True, False]), [True], not valid)
        return others[rng.integers(len(others))]
    if isinstance(valid, int | float | np.number):
        return number(rng, valid)
    if isinstance(valid, np.ndarray):
        return array(rng, valid)
    if isinstance(valid, str):
        return text(rng, valid)
    if isinstance(valid, dict | list | tuple) and not hasattr(valid, "_fields"):
        return container(rng, valid)
    if callable(valid) and not isinstance(valid, type):
        return ANSWERS[rng.integers(len(ANSWERS))]
    return absurd(rng)
