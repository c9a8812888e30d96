"""Where cues come from: the law of the cues is part of every statement about the size of a basin.

A sampler says how many cues there are and how one is made; `basins_of_attraction` draws them with its seed. Random
numbers are made on the host, so that the same seed gives the same cues in every library. What a memory does not take
as a cue, such as values beyond [-1, 1] of graded neurons, is projected onto what it does take, and the law says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import affordable, checked, finite, kind, matrix, number, settle, warn, whole
from ...models import _doors as doors
from ...models._domain import Domain


def _stored(name: str, value: Any) -> np.ndarray | None:
    return None if value is None else matrix(name, doors.host_states(name, value))


def _numbers(name: str, value: Any) -> np.random.Generator:
    return kind(name, value, np.random.Generator, "a generator such as numpy.random.default_rng(0)")


class Cues(NamedTuple):
    """Cues (B, I) in NumPy, and for each the row of the stored pattern that it was made from (-1: none).

    >>> Cues(np.zeros((2, 3)), np.array([0, -1])).source
    array([ 0, -1])
    """

    cues: np.ndarray
    source: np.ndarray


class Sampler(ABC):
    """How cues are made; a subclass gives `draw` and `law`.

    Examples
    --------
    >>> import numpy as np
    >>> class Corners(Sampler):
    ...     law = "the corners of the square"
    ...     def draw(self, patterns, rng):
    ...         return Cues(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]), np.full(4, -1))
    >>> Corners().draw(np.eye(2), np.random.default_rng(0)).cues.shape
    (4, 2)
    """

    law: Any = ""

    @abstractmethod
    def draw(self, patterns: np.ndarray | None, rng: np.random.Generator) -> Cues:
        """The cues, from the stored patterns (N, I) and random numbers."""


def into(domain: Domain, cues: np.ndarray, law: str) -> tuple[np.ndarray, str]:
    """Cues (..., I) with those outside of a domain projected onto it, and their law, which says so.

    >>> from hopfield.models import ClassicalHopfield
    >>> into(ClassicalHopfield([[1.0, -1.0]]).domain, np.array([[1.2, -0.5], [0.1, 0.2]]), "given")
    (array([[ 1. , -0.5],
           [ 0.1,  0.2]]), 'given, projected onto [-1, 1] (1 of 2 cues)')
    """
    outside = ~domain.contains(cues)
    if not outside.any():
        return cues, law
    moved = np.where(outside[..., None], domain.project(cues), cues)
    return moved, f"{law}, projected onto {domain.image} ({int(outside.sum())} of {outside.size} cues)"


@dataclass(frozen=True)
class Noisy(Sampler):
    r"""Stored patterns with Gaussian noise, x_i + n with n ~ N(0, variance) in every coordinate.

    Parameters
    ----------
    count : int
        Cues for each pattern.
    variance : float
        Variance of the noise, as in `gaussian_noise` and on the command line.
    rows : int or sequence of int, optional
        The patterns; all of them unless given.
    deviation : float, optional
        Deprecated: the square root of the variance, which was the second argument in version 0.1.

    Examples
    --------
    >>> import numpy as np
    >>> Noisy(2, 0.01).draw(np.eye(3), np.random.default_rng(0)).source
    array([0, 0, 1, 1, 2, 2])
    """

    count: int
    variance: float = None  # type: ignore[assignment]
    rows: Any = None
    deviation: float | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        if (self.variance is None) == (self.deviation is None):
            raise TypeError("Noisy takes how much noise there is, as a variance: Noisy(count, 0.04).")
        if self.deviation is not None:
            variance = number("deviation", self.deviation, least=0) ** 2
            warn(
                f"Noisy(..., deviation={self.deviation:g}) will go: noise is given as a variance everywhere. Write "
                f"Noisy(..., variance={variance:g}).",
                DeprecationWarning,
            )
            object.__setattr__(self, "variance", variance)
            object.__setattr__(self, "deviation", None)
        settle(self, whole, "count", least=1)
        settle(self, number, "variance", least=0)
        _settle_rows(self)

    @property
    def law(self) -> str:
        """In words."""
        return f"stored patterns with Gaussian noise of variance {self.variance:g}, {self.count} cues each"

    @checked(patterns=_stored, rng=_numbers)
    def draw(self, patterns: np.ndarray | None, rng: np.random.Generator) -> Cues:
        """count noisy copies of every pattern."""
        base, source = _repeated(patterns, self.rows, self.count)
        return Cues(base + self.variance**0.5 * rng.standard_normal(base.shape), source)


@dataclass(frozen=True)
class Sphere(Sampler):
    r"""Uniform on the sphere of a radius around a state, or around stored patterns.

    Parameters
    ----------
    count : int
        Cues for each centre.
    radius : float
        Distance from the centre, in the 2-norm.
    center : array (I,) or row of a pattern, optional
        All stored patterns unless given.

    Examples
    --------
    >>> import numpy as np
    >>> found = Sphere(5, 2.0, center=np.zeros(3)).draw(None, np.random.default_rng(0))
    >>> np.linalg.norm(found.cues, axis=1).round(12)
    array([2., 2., 2., 2., 2.])
    """

    count: int
    radius: float
    center: Any = None

    def __post_init__(self) -> None:
        settle(self, whole, "count", least=1)
        settle(self, number, "radius", least=0)
        if self.center is not None:
            row = not isinstance(self.center, list | tuple) and np.ndim(self.center) == 0
            settle(self, whole if row else doors.host_states, "center")

    @property
    def law(self) -> str:
        """In words."""
        where = "stored patterns" if self.center is None else "a state" if np.ndim(self.center) else "a stored pattern"
        return f"uniform on the sphere of radius {self.radius:g} around {where}, {self.count} cues each"

    @checked(patterns=_stored, rng=_numbers)
    def draw(self, patterns: np.ndarray | None, rng: np.random.Generator) -> Cues:
        """count points of the sphere around every centre."""
        if self.center is not None and np.ndim(self.center):
            center = np.asarray(backend.to_numpy(self.center), dtype=float)
            _afford(self.count, center.size)
            base, source = np.repeat(center[None], self.count, axis=0), np.full(self.count, -1)
        else:
            base, source = _repeated(patterns, self.center, self.count)
        step = rng.standard_normal(base.shape)
        return Cues(base + self.radius * step / np.linalg.norm(step, axis=-1, keepdims=True), source)


@dataclass(frozen=True)
class Box(Sampler):
    r"""Uniform in a box, low <= x <= high in every coordinate.

    In many dimensions nearly all of its volume is far from every pattern, and the fractions say little.

    Parameters
    ----------
    count : int
        Cues.
    low, high : float or array (I,)
        The corners.
    size : int, optional
        I, where there are no stored patterns and the corners are numbers.

    Examples
    --------
    >>> import numpy as np
    >>> Box(4, -1.0, 1.0).draw(np.eye(3), np.random.default_rng(0)).cues.shape
    (4, 3)
    """

    count: int
    low: Any = -1.0
    high: Any = 1.0
    size: int | None = None

    def __post_init__(self) -> None:
        settle(self, whole, "count", least=1)
        settle(self, doors.numbers_of, "low", "high")
        if not self.low.size or not self.high.size:
            raise ValueError("The corners of a box are numbers or arrays (I,), and one of these is empty.")
        if self.size is not None:
            settle(self, whole, "size", least=1)

    @property
    def law(self) -> str:
        """In words."""
        low, high = np.min(self.low), np.max(self.high)
        return f"uniform in the box from {low:g} to {high:g}, {self.count} cues"

    @checked(patterns=_stored, rng=_numbers)
    def draw(self, patterns: np.ndarray | None, rng: np.random.Generator) -> Cues:
        """count points of the box."""
        low, high = (finite("corner", np.asarray(side, dtype=float)) for side in (self.low, self.high))
        if low.ndim > 1 or high.ndim > 1 or (low.ndim and high.ndim and low.size != high.size):
            raise ValueError(f"The corners of a box are numbers or (I,), got shapes {low.shape} and {high.shape}.")
        width = max(low.size if low.ndim else 0, high.size if high.ndim else 0)
        width = width or self.size or (0 if patterns is None else patterns.shape[1])
        if not width:
            raise ValueError("A box around no patterns needs its number of coordinates: Box(count, low, high, size=I).")
        if not (low <= high).all():
            raise ValueError(f"The box needs low <= high in every coordinate, got low={self.low}, high={self.high}.")
        _afford(self.count, width)
        return Cues(rng.uniform(low, high, (self.count, width)), np.full(self.count, -1))


@dataclass(frozen=True)
class Masked(Sampler):
    r"""Stored patterns with a random part of their coordinates replaced by one value.

    Parameters
    ----------
    count : int
        Cues for each pattern.
    fraction : float
        The part of the coordinates that is replaced, to the nearest number of them.
    value : float
        What stands there.
    rows : int or sequence of int, optional
        The patterns; all of them unless given.

    Examples
    --------
    >>> import numpy as np
    >>> (Masked(1, 0.5).draw(np.ones((2, 4)), np.random.default_rng(0)).cues == 0).sum(axis=1)
    array([2, 2])
    """

    count: int
    fraction: float
    value: float = 0.0
    rows: Any = None

    def __post_init__(self) -> None:
        settle(self, whole, "count", least=1)
        settle(self, number, "fraction", "value")
        _settle_rows(self)

    @property
    def law(self) -> str:
        """In words."""
        part = f"{self.fraction:.3g} of the coordinates set to {self.value:g}"
        return f"stored patterns with {part}, {self.count} cues each"

    @checked(patterns=_stored, rng=_numbers)
    def draw(self, patterns: np.ndarray | None, rng: np.random.Generator) -> Cues:
        """count masked copies of every pattern."""
        if not 0 <= self.fraction <= 1:
            raise ValueError(f"fraction must be from 0 (nothing is masked) to 1 (all is), got {self.fraction!r}.")
        base, source = _repeated(patterns, self.rows, self.count)
        hidden = _chosen(base, int(self.fraction * base.shape[1] + 0.5), rng)
        return Cues(np.where(hidden, self.value, base), source)


@dataclass(frozen=True)
class Flipped(Sampler):
    r"""Stored patterns of two values with `distance` coordinates flipped: cues at that Hamming distance.

    Parameters
    ----------
    count : int
        Cues for each pattern.
    distance : int
        The number d of coordinates that are flipped, chosen at random.
    rows : int or sequence of int, optional
        The patterns; all of them unless given.

    Examples
    --------
    >>> import numpy as np
    >>> patterns = np.array([[1.0, -1.0, 1.0, 1.0]])
    >>> (Flipped(3, 2).draw(patterns, np.random.default_rng(0)).cues != patterns).sum(axis=1)
    array([2, 2, 2])
    """

    count: int
    distance: int
    rows: Any = None

    def __post_init__(self) -> None:
        settle(self, whole, "count", "distance")
        _settle_rows(self)

    @property
    def law(self) -> str:
        """In words."""
        return f"stored patterns at Hamming distance {self.distance}, {self.count} cues each"

    @checked(patterns=_stored, rng=_numbers)
    def draw(self, patterns: np.ndarray | None, rng: np.random.Generator) -> Cues:
        """count flipped copies of every pattern."""
        base, source = _repeated(patterns, self.rows, self.count)
        values = np.unique(patterns)  # type: ignore[arg-type]
        if values.size > 2:
            raise ValueError(f"Only patterns of two values can be flipped; these have {values.size} different values.")
        if self.distance > base.shape[1]:
            raise ValueError(
                f"distance must be a whole number from 0 to {base.shape[1]} coordinates, got {self.distance!r}."
            )
        other = values[0] + values[-1] - base if values.size == 2 else -base
        return Cues(np.where(_chosen(base, self.distance, rng), other, base), source)


def _settle_rows(sampler: Any) -> None:
    if sampler.rows is not None:
        settle(sampler, doors.rows, "rows")


def _afford(count: int, width: int) -> None:
    affordable(f"{count} cues of {width} values", 24.0 * count * width, "Draw fewer.")


def _repeated(patterns: np.ndarray | None, rows: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    if patterns is None:
        raise ValueError(
            "There are no stored patterns to make cues from: use Box, Sphere(..., center=state), or say which they "
            "are, field(memory, patterns=rows)."
        )
    rows = np.arange(len(patterns)) if rows is None else np.atleast_1d(rows)
    if rows.size == 0 or rows.min() < -len(patterns) or rows.max() >= len(patterns):
        raise ValueError(f"Patterns are counted from 0 to {len(patterns) - 1}, got {rows.tolist()[:5]}.")
    _afford(count * rows.size, patterns.shape[1])
    source = np.repeat(rows % len(patterns), count)
    return patterns[source].astype(float), source


def _chosen(base: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """A mask like base with `number` coordinates chosen in each row."""
    order = rng.random(base.shape).argpartition(max(number - 1, 0), axis=1)[:, :number]
    mask = np.zeros(base.shape, dtype=bool)
    np.put_along_axis(mask, order, True, axis=1)
    return mask
