"""Which cues a memory takes: bounds on each value, a projection onto them, and how far a ray goes within them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.lagrangians import Lagrangian
from ..dynamics.network import states_only

EDGE = 0.01  # of half an interval: how far inside of an end that no finite state has a cue is moved
FLOOR = 1e-4  # of the mean of the patterns: the same for positive values


@dataclass(frozen=True, eq=False)
class Domain:
    r"""The cues q with low <= q_k <= high in every coordinate k, strictly where an end is open.

    Attributes
    ----------
    low, high : float or array (I,)
        The bounds; infinite ones are none.
    least, most : float or array (I,)
        The values to which `project` moves what lies outside: the bounds themselves, or near them where they are open.
    open : bool or bool array (I,)
        Whether the bounds themselves are outside.
    why : str
        Where the bounds come from.
    cure : str
        What to do with a cue that lies outside.
    """

    low: Any = -math.inf
    high: Any = math.inf
    least: Any = -math.inf
    most: Any = math.inf
    open: Any = False
    why: str = ""
    cure: str = ""

    @property
    def everywhere(self) -> bool:
        """Whether there are no bounds at all."""
        return bool(np.all(np.isneginf(self.low)) and np.all(np.isposinf(self.high)))

    def contains(self, q: Any) -> np.ndarray:
        """Whether cues (..., I) are valid, up to rounding at ends that belong to the domain: bool (...)."""
        return np.asarray(~(self._above(q) | self._below(q)).any(axis=-1))

    def project(self, q: Array) -> Array:
        """The cues (..., I) with every value moved into the bounds."""
        if self.everywhere:
            return q
        low, high = (backend.asarray(end + np.zeros(q.shape[-1]), q) for end in (self.least, self.most))
        return backend.namespace(q).clip(q, low, high)

    def check(self, name: str, q: Array) -> Array:
        """The cues (..., I), with what is outside by rounding moved to the bound; more than that is refused.

        Rounding is sqrt(eps) of a bound; at an open end there is none.
        """
        if backend.is_compiling() or self.everywhere or backend.is_traced(q):
            return q
        if backend.holds(self._strictly, q):  # on the array's own device
            return q
        host = backend.to_numpy(q)
        with np.errstate(invalid="ignore"):
            bad = self._above(q) | self._below(q)
            inside = (host >= self.low) & (host <= self.high)
        if not bad.any():
            return q if inside.all() else self.project(q)
        far = np.where(bad, np.maximum(host - self.high, self.low - host), -np.inf)
        where = tuple(int(k) for k in np.unravel_index(far.argmax(), host.shape))
        raise ValueError(
            f"The {name} must lie in {self}, {self.why}; {float(host[where]):.10g} at index {where} does not "
            f"({int(bad.sum())} of {host.size} values lie outside). {self.cure}"
        )

    def reach(self, center: np.ndarray, rays: np.ndarray) -> np.ndarray:
        r"""The length (B,) at which each ray center + t r from a cue (I,) leaves the domain; inf if it never does."""
        if self.everywhere:
            return np.full(len(rays), np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            up = np.where(rays > 0, (self.most - center) / rays, np.inf)
            down = np.where(rays < 0, (self.least - center) / rays, np.inf)
        return np.maximum(np.minimum(up, down).min(axis=-1), 0.0)

    @property
    def image(self) -> str:
        """In words, that onto which `project` projects: the domain itself, or less of it where ends are open."""
        if not np.any(self.open) or np.ndim(self.low):
            return str(self)
        return str(Domain(float(f"{self.least:.3g}"), float(f"{self.most:.3g}")))

    def __str__(self) -> str:
        if self.everywhere:
            return "all real vectors"
        if np.ndim(self.low):
            return "the ranges of the neurons"
        if np.isposinf(self.high):
            return f"values {'>' if self.open else '>='} {self.low:g}"
        if np.isneginf(self.low):
            return f"values {'<' if self.open else '<='} {self.high:g}"
        left, right = ("(", ")") if self.open else ("[", "]")
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def _strictly(self, q: Array) -> Array:
        """Where values (..., I) lie between the bounds, and not at an open one."""
        low, high = _like(self.low, q), _like(self.high, q)
        shut = _like(np.logical_not(self.open), q) if np.ndim(self.open) else not self.open
        return ((q > low) | (shut & (q == low))) & ((q < high) | (shut & (q == high)))

    def _above(self, q: Any) -> np.ndarray:
        host, slack = backend.to_numpy(q), backend.epsilon(q) ** 0.5
        beyond = host > np.where(self.open, self.high, self.high + slack * np.abs(self.high))
        return np.asarray(beyond | (self.open & (host == self.high)))

    def _below(self, q: Any) -> np.ndarray:
        host, slack = backend.to_numpy(q), backend.epsilon(q) ** 0.5
        beyond = host < np.where(self.open, self.low, self.low - slack * np.abs(self.low))
        return np.asarray(beyond | (self.open & (host == self.low)))


def _like(value: Any, q: Array) -> Any:
    """Bounds as an array of cues can be compared with them: one number, or an array (I,) of its library."""
    if np.ndim(value) == 0:
        return value
    return backend.asarray(np.asarray(value), q)


EVERYWHERE = Domain()


def snapped(q: Array, *levels: float) -> Array:
    """Cues with what is one of the levels up to rounding, sqrt(eps), moved onto it."""
    if backend.is_compiling() or backend.is_traced(q):
        return q
    xp, slack = backend.namespace(q), backend.epsilon(q) ** 0.5
    for level in levels:
        # The namespace of x, not of q: JAX arrays on the host are looked at as NumPy's, also inside a trace.
        if not backend.holds(lambda x, at=level: (backend.namespace(x).abs(x - at) > slack) | (x == at), q):
            q = xp.where(xp.abs(q - level) <= slack, backend.full((), level, q), q)
    return q


def activations_of(
    lagrangian: Lagrangian, patterns: Any = None, *, positive: bool = False, whose: str = "the value neurons"
) -> Domain:
    """The domain that the activations of a Lagrangian make, of positive vectors alone if asked.

    `patterns` (N, I) are the stored ones: open ends are approached as far as they do, or else to a small distance.
    `whose` activation it is, an error says.
    """
    low = max(float(lagrangian.lowest), 0.0 if lagrangian.nonnegative else -math.inf)
    high, closed = float(lagrangian.highest), lagrangian.ends
    if positive and low <= 0:
        low, closed = 0.0, False
    if low == -math.inf and high == math.inf:
        return EVERYWHERE
    why = f"else it is not an activation of {whose}, whose Lagrangian is {lagrangian!r}"
    cure = "Move it inside the range of the activation."
    if closed:
        return Domain(low, high, low, high, False, why, cure)
    smallest, largest, typical = (math.inf, -math.inf, 1.0) if patterns is None else _extremes(patterns, low, high)
    if math.isfinite(high - low):
        least, most = low + EDGE * (high - low) / 2, high - EDGE * (high - low) / 2
    else:
        least, most = low + FLOOR * typical, high - FLOOR * typical
    return Domain(low, high, min(least, smallest), max(most, largest), True, why, cure)


def _extremes(patterns: Array, low: float, high: float) -> tuple[float, float, float]:
    """The least and largest pattern values strictly between two bounds, and their mean size; looked at in place."""
    xp = backend.namespace(patterns)
    with backend.eagerly(patterns):
        inside = (patterns > low) & (patterns < high)
        count = int(xp.sum(xp.astype(inside, patterns.dtype)))
        if not count:
            return math.inf, -math.inf, 1.0
        least, most = (xp.where(inside, patterns, end) for end in (math.inf, -math.inf))
        mean = float(xp.sum(xp.where(inside, xp.abs(patterns), 0.0))) / count
        return float(xp.min(least)), float(xp.max(most)), mean


def domain_of(system: Any) -> Domain:
    """The domain of what a model, a network or any other system takes as cues (a network: as activations of all)."""
    if not states_only(system):
        return getattr(system, "domain", EVERYWHERE)
    parts = [(activations_of(p.lagrangian), p.size) for p in system.network.populations.values()]
    if all(part.everywhere for part, _ in parts):
        return EVERYWHERE
    if len(parts) == 1:
        return parts[0][0]
    names = ("low", "high", "least", "most", "open")
    ends: dict[str, Any] = {name: np.concatenate([np.full(n, getattr(d, name)) for d, n in parts]) for name in names}
    return Domain(**ends, why="one for each neuron", cure="Scale it first.")
