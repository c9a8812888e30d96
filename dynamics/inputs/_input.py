"""Numbers and arrays that change in time: what they are at a time, where they jump, and from when on they rest."""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import backend
from ..backend import shown
from ..doors import function, number, series

BESIDE = 64 * np.finfo(float).eps  # how near to its jump a function is asked for the limit from one side


class Input(ABC):
    """A value that changes in time: an input current, or a number of the memory.

    Attributes
    ----------
    jumps : tuple of float
        Where it jumps, in increasing order; steps end and begin there.
    corners : tuple of float
        Where its slope jumps; steps end and begin there too.
    rest : float
        The time from which on it stays as it is; inf if that is not known.

    Examples
    --------
    >>> from hopfield.dynamics import Pulse
    >>> isinstance(Pulse(1.0, 2.0, 0.5), Input)
    True
    """

    jumps: tuple[float, ...]
    corners: tuple[float, ...] = ()
    rest: float = math.inf
    stepwise: bool = False  # whether it is constant between its jumps

    @abstractmethod
    def along(self, times: np.ndarray, left: np.ndarray) -> np.ndarray:
        """Values (K, ...) at times (K,): at a jump the limit from the left where `left` (K,), else what begins."""

    def at(self, t: float, *, left: bool = False) -> np.ndarray:
        """The value at one time; at a jump what begins there, or with `left` what ends there.

        >>> from hopfield.dynamics import Steps
        >>> change = Steps([0.0, 1.0], [2.0, 5.0])
        >>> float(change.at(1.0)), float(change.at(1.0, left=True)), float(change.at(-1.0))
        (5.0, 2.0, 0.0)
        """
        return self.along(np.asarray([number("t", t)]), np.asarray([left]))[0]

    def covers(self, t0: float, t1: float) -> str:
        """What is wrong with it for a run from t0 to t1, or nothing."""
        early = [t for t in self.jumps if t < t0]
        if early:
            return f"jumps at t={early[0]:g}, before t0={t0:g}: begin the run there, or leave that jump out"
        return ""


def _values(name: str, value: Any) -> np.ndarray:
    """Finite numbers of any library, on the host in float64."""
    try:
        found = backend.to_numpy(value) if backend.is_array(value) else np.asarray(value)
    except (ValueError, TypeError):
        found = np.asarray(None)
    if found.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be a number or numbers, got {shown(value)}.")
    if not np.isfinite(found).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(found))[0])
        place = f" at index {where}" if where else ""
        raise ValueError(
            f"{name} must be finite, and holds {found[where]}{place}. Replace it first (numpy.nan_to_num)."
        )
    return found.astype(float)


def _clock(times: Any, values: np.ndarray) -> np.ndarray:
    """Increasing times, one for each row of values."""
    found = np.atleast_1d(series("times", times))
    if not found.size or not np.isfinite(found).all():
        raise ValueError(f"times must be finite numbers, at least one, got {found.tolist()[:5]}.")
    if (np.diff(found) <= 0).any():
        k = int(np.argmax(np.diff(found) <= 0))
        raise ValueError(
            f"times must increase, and times[{k + 1}]={found[k + 1]:g} comes after times[{k}]={found[k]:g}. "
            "Sort them together with their values."
        )
    if values.ndim < 1 or len(values) != found.size:
        raise ValueError(
            f"There are {found.size} times and values of shape {values.shape}: give one value, or one row (..., n), "
            "for each time."
        )
    return found


@dataclass(frozen=True, eq=False)
class Steps(Input):
    """A value that jumps: values[i] from times[i] on, and nothing (0) before the first.

    Parameters
    ----------
    times : numbers (K,)
        Where it jumps, increasing.
    values : array (K,), (K, n) or (K, ..., n)
        One number for all neurons, one for each, or with the batch axes of the cues.

    Raises
    ------
    ValueError
        Where times do not increase, or values are not finite or not as many as times.

    Examples
    --------
    A stimulus that is switched off at t = 5:

    >>> from hopfield.dynamics import simulate
    >>> from hopfield.models import ModernHopfield
    >>> stimulus = Steps([0.0, 5.0], [[1.0, 0.0], [0.0, 0.0]])
    >>> run = simulate(ModernHopfield(np.eye(2), beta=4.0), np.zeros(2), t1=10, current=stimulus)
    >>> run.final["value"].round(2)
    array([0.99, 0.02])
    """

    times: Any
    values: Any
    stepwise = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _values("values", self.values))
        object.__setattr__(self, "times", _clock(self.times, self.values))

    @functools.cached_property
    def jumps(self) -> tuple[float, ...]:
        """Its times."""
        return tuple(self.times.tolist())

    @property
    def rest(self) -> float:
        """The last of its times."""
        return float(self.times[-1])

    def along(self, times: np.ndarray, left: np.ndarray) -> np.ndarray:
        """The value of the last time that has come."""
        place = np.where(left, self.times.searchsorted(times, "left"), self.times.searchsorted(times, "right"))
        nothing = np.zeros_like(self.values[:1])
        return np.concatenate([nothing, self.values])[place]


@dataclass(frozen=True, eq=False)
class Pulse(Input):
    """A value from `start` to `stop`, and nothing (0) before and after.

    However short it is, no step passes over it.

    Parameters
    ----------
    start, stop : float
        When it begins and ends, start < stop.
    value : number, array (n,) or (..., n)
        What it is in between.

    Examples
    --------
    x' = -x + b with b = 20 between t = 1 and 1.05:

    >>> from hopfield.dynamics import Network, Population, Quadratic, simulate
    >>> one = Network({"x": Population(Quadratic(), 1)})
    >>> run = simulate(one, {"x": np.ones(1)}, t1=2.0, current=Pulse(1.0, 1.05, 20.0), save_at=[1.0, 1.05, 2.0])
    >>> run.states["x"][:, 0].round(6)
    array([0.367879, 1.325349, 0.512567])
    """

    start: float
    stop: float
    value: Any
    stepwise = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", number("start", self.start))
        object.__setattr__(self, "stop", number("stop", self.stop))
        if not self.stop > self.start:
            raise ValueError(f"A pulse must stop after it starts: start={self.start:g}, stop={self.stop:g}.")
        object.__setattr__(self, "value", _values("value", self.value))

    @property
    def jumps(self) -> tuple[float, ...]:
        """Where it begins and where it ends."""
        return (self.start, self.stop)

    @property
    def rest(self) -> float:
        """Its end."""
        return self.stop

    def along(self, times: np.ndarray, left: np.ndarray) -> np.ndarray:
        """The value inside, 0 outside."""
        inside = np.where(
            left, (times > self.start) & (times <= self.stop), (times >= self.start) & (times < self.stop)
        )
        return inside.reshape(-1, *(1,) * self.value.ndim) * self.value


@dataclass(frozen=True, eq=False)
class Sampled(Input):
    """A value known at some times, linear between them.

    Parameters
    ----------
    times : numbers (K,)
        Increasing; they cover the run, and steps end and begin on them.
    values : array (K,), (K, n) or (K, ..., n)
        The values at these times.

    Examples
    --------
    >>> float(Sampled([0.0, 1.0, 3.0], [0.0, 2.0, 0.0]).at(2.0))
    1.0
    """

    times: Any
    values: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _values("values", self.values))
        object.__setattr__(self, "times", _clock(self.times, self.values))

    @property
    def jumps(self) -> tuple[float, ...]:
        """Nowhere."""
        return ()

    @functools.cached_property
    def corners(self) -> tuple[float, ...]:
        """Its times."""
        return tuple(self.times.tolist())

    @property
    def rest(self) -> float:
        """The last of its times."""
        return float(self.times[-1])

    def covers(self, t0: float, t1: float) -> str:
        """It says nothing of times before its first and after its last."""
        first, last = self.times[0], self.times[-1]
        if first > t0 or last < t1 - 1e-12 * abs(t1 - t0):
            return (
                f"is sampled from t={first:g} to {last:g}, and the run goes from {t0:g} to {t1:g}: add samples that "
                "say what it is there"
            )
        return ""

    def along(self, times: np.ndarray, left: np.ndarray) -> np.ndarray:
        """Between the two samples around."""
        if len(self.times) == 1:
            return np.broadcast_to(self.values, (len(times), *self.values.shape[1:]))
        place = np.clip(self.times.searchsorted(times, "right") - 1, 0, len(self.times) - 2)
        part = (times - self.times[place]) / (self.times[place + 1] - self.times[place])
        part = np.clip(part, 0.0, 1.0).reshape(-1, *(1,) * (self.values.ndim - 1))
        return (1 - part) * self.values[place] + part * self.values[place + 1]


@dataclass(frozen=True, eq=False)
class Varying(Input):
    """A function of time, with the times at which it jumps.

    Parameters
    ----------
    function : callable
        ``function(t)`` gives a number, an array (n,), or (..., n) with the batch axes of the cues, for a number t.
        It is called on the host, so that it may be any code.
    jumps : numbers, optional
        Where it jumps, increasing: steps end and begin there. A jump that is not named can be stepped over; so can
        anything that is shorter than a step of a method whose steps follow from the error (give it a largest step
        dt), for nobody knows of it beforehand.

    Examples
    --------
    >>> square = Varying(lambda t: float(t % 2 < 1), jumps=[1.0, 2.0, 3.0])
    >>> float(square.at(1.0, left=True)), float(square.at(1.0))
    (1.0, 0.0)
    """

    function: Callable[[float], Any]
    jumps: Any = field(default=())

    def __post_init__(self) -> None:
        function("function", self.function, "of a time, such as lambda t: numpy.sin(t)")
        found = np.atleast_1d(series("jumps", list(self.jumps)))
        if found.size:
            _clock(found, np.zeros(found.size))
        object.__setattr__(self, "jumps", tuple(found.tolist()))

    def along(self, times: np.ndarray, left: np.ndarray) -> np.ndarray:
        """The function at each time, beside a jump on the side that is asked for."""
        if self.jumps:
            known = np.asarray(self.jumps)
            here = known[np.clip(known.searchsorted(times), 0, known.size - 1)] == times
            step = BESIDE * np.maximum(np.abs(times), np.finfo(float).tiny / BESIDE)
            times = np.where(here, np.where(left, times - step, times + step), times)
        asked, where = np.unique(times, return_inverse=True)
        found = [self._one(float(t)) for t in asked]
        if len({value.shape for value in found}) > 1:
            shapes = sorted({value.shape for value in found})
            raise ValueError(f"The function gives shapes {shapes} at different times: it must give one shape at all.")
        return np.stack(found)[where.reshape(-1)]

    def _one(self, t: float) -> np.ndarray:
        return _values(f"The value of the function at t={t:g}", self.function(t))


@dataclass(frozen=True, eq=False)
class Constant(Input):
    """A value that stays as it is.

    >>> float(Constant(2.0).at(7.0))
    2.0
    """

    value: Any
    jumps = ()
    rest = -math.inf
    stepwise = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _values("value", self.value))

    def along(self, times: np.ndarray, left: np.ndarray) -> np.ndarray:
        """The value."""
        return np.broadcast_to(self.value, (len(times), *self.value.shape))


def as_input(name: str, value: Any) -> Input:
    """An input from what a user gives: one of these classes, a function of time, a number or an array.

    >>> as_input("current", 1.0)
    Constant(value=array(1.))
    """
    if isinstance(value, Input):
        return value
    if callable(value) and not backend.is_array(value):
        return Varying(value)
    try:
        return Constant(value)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name} is a number, an array, a function of time, or Steps, Pulse or Sampled. {error}"
        ) from None


def asked(name: str, one: Input, times: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Its values (K, ...) at times (K,), with its name before what is wrong with them.

    >>> asked("The current", Constant(2.0), np.zeros(2), np.zeros(2, dtype=bool))
    array([2., 2.])
    """
    try:
        return one.along(times, left)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error
