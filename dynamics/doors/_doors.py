"""Checks at the door, by name: whole numbers, numbers, flags, choices, texts, masks, seeds, callables, paths.

Each takes the argument's name and what was given, gives back the plain Python (or array) value that everything
behind the door may rely on, and otherwise says what was given, why that is not it, and what to write instead. Arrays
are checked in `array_doors`, and what needs to be of the patterns' library in `validation`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import backend
from ..backend import shown as shown
from ..backend import unknown_name as unknown_name

MOST = 10**9  # of anything that is counted: a loop of so many turns takes hours at best
MOST_BYTES = 2**32  # that one call asks for


# --------------------------------------------------------------------------------------------------- scalars


def scalar(name: str, value: Any, what: str = "one number") -> Any:
    """A Python int or float from a number of Python, NumPy or any library (0-d arrays too); no bool, no text."""
    if type(value) is float or type(value) is int:
        return value
    if backend.is_array(value) or isinstance(value, (np.generic, np.ndarray)):
        if getattr(value, "ndim", 0) != 0:
            raise ValueError(f"{name} must be {what}, got {shown(value)}. Take one entry of it, such as {name}[0].")
        if backend.is_traced(value):
            raise TypeError(
                f"{name} decides what the host does, so JAX (or PyTorch) cannot trace it: give a Python number, and "
                "close over it in the function that is transformed."
            )
        value = backend.to_numpy(value)
        if value.dtype.kind == "f":
            return float(value)
        if value.dtype.kind in "iu":
            return int(value)
        raise TypeError(f"{name} must be {what}, got a {value.dtype} scalar.")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if isinstance(value, int) else float(value)
    if not isinstance(value, bool | str | bytes | complex) and hasattr(type(value), "__float__"):  # fractions
        return float(value)
    cure = ""
    if isinstance(value, str | bytes):
        cure = f" A text is no number: write {name}={shown(value).strip(chr(39))}." if _reads(value) else ""
    raise TypeError(f"{name} must be {what}, got {shown(value)}.{cure}")


def _reads(text: str | bytes) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def whole(name: str, value: Any, least: int = 0, most: int = MOST) -> int:
    """A whole number from `least` to `most`, as a Python int."""
    try:
        found = scalar(name, value)
    except (TypeError, ValueError):
        if backend.is_array(value) and backend.is_traced(value):
            raise  # it says why
        found = None
    if not isinstance(found, int) or found < least:
        raise ValueError(f"{name} must be a whole number >= {least}, got {shown(value)}.")
    if found > most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, got {shown(found)}.")
    return found


def number(
    name: str,
    value: Any,
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    infinite: bool = False,
) -> float:
    """A number of a range, as a Python float: from `least` to `most`, and `above` and `below` these, if given."""
    given = scalar(name, value)
    try:
        found = float(given)
    except OverflowError:
        raise ValueError(f"{name} is {shown(given)}, too large for a floating number (1.8e308).") from None
    limits = (
        (">=", least, least is None or found >= least),
        (">", above, above is None or found > above),
        ("<=", most, most is None or found <= most),
        ("<", below, below is None or found < below),
    )
    if math.isnan(found) or (math.isinf(found) and not infinite) or not all(holds for _, _, holds in limits):
        wanted = [f"{sign} {bound:g}" for sign, bound, _ in limits if bound is not None]
        if not infinite and most is None and below is None:
            wanted.append("finite" if wanted else "a finite number")
        raise ValueError(f"{name} must be {' and '.join(wanted) or 'a number'}, got {shown(value)}.")
    return found


def flag(name: str, value: Any) -> bool:
    """True or False, and no other object that counts as one of them, such as the text "false"."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if getattr(value, "shape", None) == () and backend.is_array(value) and not backend.is_traced(value):
        host = backend.to_numpy(value)
        if host.dtype.kind == "b":
            return bool(host)
    raise TypeError(f"{name} must be True or False, got {shown(value)}.")


def settle(node: Any, check: Any, *fields: str, **limits: Any) -> None:
    """Put checked values into fields of a frozen dataclass: ``settle(self, number, "rtol", "atol", above=0)``."""
    for field in fields:
        object.__setattr__(node, field, check(field, getattr(node, field), **limits))


# ------------------------------------------------------------------------------------------ names and objects


def choice(name: str, value: Any, known: Iterable[str] = ()) -> str:
    """One of the known names, as a plain text."""
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise unknown_name(name, value, known)
    return str(value)


def text(name: str, value: Any) -> str:
    """A text, as a title or a label."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {shown(value)}.")
    return str(value)


def names(name: str, value: Any) -> list[str]:
    """A list of texts; one text is a list of itself."""
    if isinstance(value, str):
        return [str(value)]
    if not isinstance(value, Sequence | set | frozenset) or isinstance(value, bytes):
        raise TypeError(f'{name} must be a name or a list of names such as ["value"], got {shown(value)}.')
    return [text(f"{name}[{k}]", one) for k, one in enumerate(value)]


def mapping(name: str, value: Any, example: str) -> dict[str, Any]:
    """A dict whose keys are texts."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict such as {example}, got {shown(value)}.")
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"The keys of {name} must be texts, as in {example}, and one is {shown(key)}.")
    return dict(value)


def items(name: str, value: Any, what: str, least: int = 0) -> list[Any]:
    """A list, tuple, range or array (its rows) as a list; no text, no dict, no iterator that can be read once."""
    if backend.is_array(value) and getattr(value, "ndim", 0) > 0 and not backend.is_traced(value):
        value = list(backend.to_numpy(value))
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise TypeError(f"{name} must be a list of {what}, got {shown(value)}.")
    if len(value) < least:
        raise ValueError(f"{name} must hold at least {least} {what}, got {shown(value)}.")
    return list(value)


def function(name: str, value: Any, form: str, *, optional: bool = False) -> Any:
    """Something that can be called, whose `form` the error says; None too, where it is optional."""
    if (value is None and optional) or (callable(value) and not isinstance(value, type)):
        return value
    raise TypeError(f"{name} must be a function {form}{' or None' if optional else ''}, got {shown(value)}.")


def kind(name: str, value: Any, wanted: type | tuple[type, ...], example: str) -> Any:
    """An object of a class of ours; `example` is how one is made."""
    if isinstance(value, wanted):
        return value
    hint = f" Write {value.__name__}(), with brackets." if isinstance(value, type) and issubclass(value, wanted) else ""
    raise TypeError(f"{name} must be {example}, got {shown(value)}.{hint}")


def seed(name: str, value: Any) -> int | np.random.Generator:
    """A seed, as a Python int, or a generator."""
    if isinstance(value, np.random.Generator):
        return value
    try:
        found = scalar(name, value)
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, int) or found < 0:
        raise TypeError(f"{name} must be a whole number >= 0 or a numpy.random.Generator, got {shown(value)}.")
    return found


def generator(source: Any) -> np.random.Generator:
    """The generator of a seed; a generator is taken as it is."""
    return np.random.default_rng(seed("seed", source))


def path(name: str, value: Any) -> Path:
    """A path of the file system that names something."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise TypeError(f"{name} must be a path, a text or a pathlib.Path, got {shown(value)}.")
    written = os.fspath(value)
    if not written.strip() or "\0" in written:
        raise ValueError(f"{name} must name a file, got {written!r}.")
    return Path(written)


def file(name: str, value: Any) -> Path:
    """A path that can be that of a file to write: it has a name of its own, and is no folder."""
    found = path(name, value)
    if found.name in ("", "..") or found.is_dir() or os.fspath(value).endswith(("/", os.sep)):
        raise ValueError(f"{name} must name a file, and {os.fspath(value)!r} is a folder: add the file's name to it.")
    return found


# ------------------------------------------------------------------------------------------------------ cost


def affordable(what: str, size: float, cure: str, most: int = MOST_BYTES) -> None:
    """Refuse, before it is asked for, memory beyond the limit of one call; `size` counts bytes."""
    if size > most:
        raise ValueError(
            f"{what} would need {size / 2**30:.3g} GiB of memory, and one call takes {most / 2**30:g} at most. {cure}"
        )


def feasible(what: str, steps: float, cure: str, most: float = MOST) -> None:
    """Refuse, before it begins, a loop that would not come to an end."""
    if steps > most:
        raise ValueError(f"{what} would take {steps:.3g} steps, and no more than {most:.0e} are taken. {cure}")
