"""What was given, in a few words, and names that are not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def shown(value: Any, most: int = 60) -> str:
    """What was given, in a few words: long texts are cut, and arrays are told by their shape."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape and hasattr(value, "dtype"):
        dtype = str(value.dtype).rsplit(".", maxsplit=1)[-1]
        return f"{'an' if dtype[0] in 'aeiou' else 'a'} {dtype} array of shape {tuple(shape)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return f"a whole number of {value.bit_length()} bits"  # Python writes no number of thousands of digits
    try:
        text = repr(value)
    except Exception:  # an object that cannot even say what it is
        text = f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def unknown_name(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a name that is not known: the nearest one and the whole list."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5) if isinstance(name, str) else []
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return ValueError(f"Unknown {kind} {shown(name)}.{hint} Known: {', '.join(map(str, known))}.")
