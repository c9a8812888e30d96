"""What pictures check at the door: what is drawn, titles and names, shapes of images."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def made_by(verb: str, value: Any, kind: type, maker: str) -> None:
    """Refuse to draw anything but what `maker` returns.

    >>> made_by("plot_energy", 3.0, dict, "simulate")
    Traceback (most recent call last):
        ...
    TypeError: plot_energy draws what simulate returns, a dict, not float.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{verb} draws what {maker} returns, a {kind.__name__}, not {type(value).__name__}.")


def wording(name: str, value: Any) -> str:
    """A text; none at all for None.

    >>> wording("title", None), wording("title", "Ten digits")
    ('', 'Ten digits')
    """
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {type(value).__name__}.")
    for place, sign in enumerate(value or ""):
        if sign != "\n" and unicodedata.category(sign) == "Cc":
            raise ValueError(f"{name} holds the control character {sign!r} at {place}, which no font can draw.")
    return value or ""


def inches(size: Any) -> tuple[float, float]:
    """Width and height of a figure."""
    sides = entries(size)
    if len(sides) != 2 or not all(isinstance(side, int | float | np.number) and 0 < side < 1000 for side in sides):
        raise ValueError(f"size must be width and height in inches, two numbers from 0 to 1000, got {repr(size)[:40]}.")
    return float(sides[0]), float(sides[1])


def head(ax: Axes, title: Any, **options: Any) -> None:
    """A title above axes, if there is one."""
    if text := wording("title", title):
        ax.set_title(text, **{"fontsize": "medium", **options})


def list_of_words(name: str, values: Any, count: int, what: str) -> list[str]:
    """A text (or number) for each of `count` things."""
    parts = list(values) if isinstance(values, str) else entries(values)
    single = all(isinstance(part, str) or not hasattr(part, "__len__") for part in parts)
    if len(parts) != count or not single:
        raise ValueError(f"{name} must name the {count} {what}, got {len(parts)}.")
    return [str(part) for part in parts]


def entries(value: Any) -> list[Any]:
    """What is in a list, tuple, range or array of one axis or more; nothing of anything else."""
    many = isinstance(value, list | tuple | range) or (isinstance(value, np.ndarray) and value.ndim > 0)
    return list(value) if many else []


def image_shape(shape: Any) -> tuple[int, ...]:
    """(H, W), (1, H, W) or (3, H, W)."""
    sizes = entries(shape)
    whole = all(isinstance(size, int | np.integer) and size > 0 for size in sizes)
    if len(sizes) not in (2, 3) or not whole or (len(sizes) == 3 and sizes[0] not in (1, 3)):
        raise ValueError(f"shape must be (H, W), (1, H, W) or (3, H, W), whole numbers > 0, got {shape!r}.")
    return tuple(int(size) for size in sizes)


def row_of(name: str, value: Any, count: int, what: str) -> int:
    """A whole number that counts one of `count` things from 0."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {type(value).__name__}.")
    if not 0 <= value < count:
        raise ValueError(f"There is no {name} {value}: there are {count} {what}, counted from 0.")
    return int(value)


def numbers(name: str, values: Any) -> np.ndarray:
    """Numbers in a row (N,), as float64; inf is one, None counts as 0 and NaN is refused."""
    try:
        given = np.asarray(values, dtype=object).reshape(-1)
        bad = any(isinstance(x, complex | np.complexfloating) for x in given)
        found = [math.nan if bad else 0.0 if x is None else float(x) for x in given]
    except (TypeError, ValueError):
        found = [math.nan]
    if np.ndim(np.asarray(values, dtype=object)) != 1 or any(math.isnan(value) for value in found):
        raise ValueError(f"{name} must be one number for each pattern, a list or array (N,) without NaN.")
    return np.array(found)


def colour(name: str, value: Any) -> Any:
    """A colour that matplotlib knows."""
    from matplotlib.colors import is_color_like

    if not is_color_like(value):
        raise ValueError(f'{name} must be a colour such as "#0072B2" or "black", got {repr(value)[:40]}.')
    return value
