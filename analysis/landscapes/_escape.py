"""Jumps between minima under noise: their rates, transitions in a time, first passage, and how good the formula is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ...dynamics.doors import checked
from .. import _declared as declared
from ..results import Result, plain, plain_table, printed_table

FAR = 3.0  # barriers of fewer T than this are no barriers
CORRECTION = 0.25  # the estimated error up to which the formula is taken to be good


class Passage(NamedTuple):
    """From one memory to another.

    Attributes
    ----------
    rate : float
        One over the time.
    time : float
        The mean first passage time, over whatever minima lie between.
    """

    rate: float
    time: float


@dataclass(frozen=True, eq=False, repr=False)
class EscapeRates(Result):
    r"""Jumps between the K minima of a landscape with S saddles at one temperature; what `escape_rates` returns.

    Attributes
    ----------
    temperature : float
        T.
    log_rate : array (K, K)
        The logarithm of the rate of jumps from row to column; -inf where no saddle joins them.
    log_weight : array (K,)
        The logarithm of the part of time that is spent in each well in the long run.
    climb : array (S, 2)
        From each side up to each saddle, in units of energy; NaN where both sides are one minimum.
    joins : int array (S, 2)
        The minima on its sides.
    correction : array (S, 2)
        By what part the next order in T lowers each rate: exact to that order in one dimension; in more, the modes
        are taken one by one.
    energy, kind, pattern, rows
        Of the minima, as in `Landscape`.
    notes : tuple of str
        What is not known, and how far T is from the barriers.

    Examples
    --------
    >>> from hopfield.analysis.landscapes import escape_rates, landscape
    >>> from hopfield.models import ModernHopfield
    >>> found = escape_rates(landscape(ModernHopfield(np.eye(3), beta=6.0)), 0.02)
    >>> found.weight.round(6), found.transitions(1e9).round(6)[0]
    (array([0.333333, 0.333333, 0.333333]), array([0.333333, 0.333333, 0.333333]))
    >>> bool(np.isclose(found.between(0, 1).time, 1 / found.rate[0, 1]))  # there are two ways, and two ways back
    True
    """

    row_fields = ("energy", "kind", "pattern", "far", "stay", "weight")

    temperature: float
    log_rate: np.ndarray
    log_weight: np.ndarray
    climb: np.ndarray
    joins: np.ndarray
    correction: np.ndarray
    energy: np.ndarray
    kind: np.ndarray
    pattern: np.ndarray
    rows: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    # ------------------------------------------------------------------------------------------ what it says

    @property
    def rate(self) -> np.ndarray:
        """The rates (K, K) of jumps, one over time; 0 where no saddle joins two minima, or below what floats hold."""
        with np.errstate(under="ignore"):
            return np.exp(self.log_rate)

    @property
    def weight(self) -> np.ndarray:
        """The part of time (K,) that is spent in each well in the long run."""
        with np.errstate(under="ignore"):
            return np.exp(self.log_weight)

    @property
    def stay(self) -> np.ndarray:
        """The mean time (K,) before a jump out of each minimum."""
        with np.errstate(divide="ignore", over="ignore"):
            return np.exp(-np.logaddexp.reduce(self.log_rate, axis=1, initial=-np.inf))

    @property
    def generator(self) -> np.ndarray:
        """Q (K, K) with dp/dt = p Q: the rates, and on the diagonal minus the sum of each row."""
        rate = self.rate
        return rate - np.diag(rate.sum(axis=1))

    @checked(**declared.ESCAPE_TRANSITIONS)
    def transitions(self, time: float) -> np.ndarray:
        """The probabilities exp(Q time) (K, K) of being in the column's well when one began in the row's."""
        rate, fastest = self.generator, float(self.rate.sum(axis=1).max(initial=0.0))
        halvings = max(0, int(np.ceil(np.log2(fastest * time)))) if fastest * time > 1 else 0
        step = time / 2.0**halvings
        term = found = np.eye(len(rate))
        jumps = (rate + fastest * np.eye(len(rate))) * step
        for k in range(1, 25):  # no term is negative, so that the smallest probabilities are as accurate as the largest
            term = term @ jumps / k
            found = found + term
        found = found / found.sum(axis=1, keepdims=True)
        for _ in range(halvings):
            found = found @ found
            found = found / found.sum(axis=1, keepdims=True)
        return found

    @cached_property
    def passage(self) -> np.ndarray:
        """The mean first passage time (K, K) from the row's minimum to the column's, over whatever lies between."""
        return np.stack([_first_passage(self.log_rate, to) for to in range(len(self.energy))], axis=1)

    @checked(**declared.ESCAPE_BETWEEN)
    def between(self, start: int, end: int) -> Passage:
        """The passage from one stored pattern to another, between the deepest minima that belong to them."""
        rows = []
        for pattern in (start, end):
            own = int(self.rows[pattern]) if self.rows is not None and 0 <= pattern < len(self.rows) else pattern
            found = np.flatnonzero(self.pattern == own)
            if not len(found):
                raise ValueError(
                    f"No minimum belongs to pattern {pattern}; there are {sorted(set(self.pattern.tolist()))}."
                )
            rows.append(int(found[np.argmin(self.energy[found])]))
        if rows[0] == rows[1]:
            raise ValueError(f"The patterns {start} and {end} belong to one minimum, so there is nothing to pass over.")
        time = float(self.passage[rows[0], rows[1]])
        return Passage(1 / time if time else np.inf, time)

    # ------------------------------------------------------------------------------------- how good it is

    @property
    def far(self) -> np.ndarray:
        """The lowest climb out of each minimum (K,) in units of T; infinite where none is known."""
        return self._lowest / self.temperature

    @property
    def limit(self) -> float:
        """The temperature up to which the formula is taken to be good.

        There the lowest barrier is 3 T, or the estimated correction to the lowest pass out of a minimum is a quarter,
        whichever comes first.
        """
        best = float(self._lowest.min(initial=np.inf)) / FAR
        return min(best, CORRECTION * self.temperature / self._error) if self._error > 0 else best

    @property
    def reliable(self) -> bool:
        """Whether T is at most `limit`."""
        return self.temperature <= self.limit

    @property
    def advice(self) -> str:
        """How far T is from the barriers, and up to where the formula is good."""
        far, limit = float(self.far.min(initial=np.inf)), self.limit
        if not np.isfinite(far):
            return "No barrier is known, and so no rate."
        where = (
            f"T={self.temperature:g}: the lowest barrier is {far:.3g} T, and rates are off by about {self._error:.0%}"
        )
        if self.reliable:
            return f"{where}; the formula is good up to T={limit:.3g}."
        return (
            f"{where}. The formula of Eyring and Kramers is good up to T={limit:.3g} alone; above it, count passages "
            "in simulate(..., temperature=T)."
        )

    @property
    def _lowest(self) -> np.ndarray:
        lowest = np.full(len(self.energy), np.inf)
        for s, side in np.argwhere(np.isfinite(self.climb)).tolist():
            m = self.joins[s, side]
            lowest[m] = min(lowest[m], self.climb[s, side])
        return lowest

    @property
    def _error(self) -> float:
        """The largest estimated correction to the lowest pass out of any minimum."""
        lowest = np.where(np.isfinite(self.climb), self._lowest[self.joins], -np.inf)
        return float(np.abs(self.correction[self.climb <= lowest]).max(initial=0.0))

    # -------------------------------------------------------------------------------------------- reports

    def summary(self) -> str:
        """How many minima there are, and how long the shortest stay is."""
        return f"{len(self.energy)} minima at T={self.temperature:g}, stays from {self.stay.min(initial=np.inf):.4g}"

    @checked(**declared.LANDSCAPE_TABLE)
    def table(self, most: int = 30) -> Any:
        """A `rich` table with a row for each of the first `most` minima."""
        shown = min(most, len(self.energy))
        names = ("", "kind", "pattern", "E", "barrier/T", "stays for", "then in", "part of time")
        table = plain_table("\n".join([f"{shown} of {len(self.energy)} minima", *self.notes]), *names, left=("kind",))
        stay, far = self.stay, self.far
        for row in range(shown):
            name = str(int(self.pattern[row])) if self.pattern[row] >= 0 else ""
            then = str(int(self.log_rate[row].argmax())) if np.isfinite(self.log_rate[row]).any() else ""
            numbers = f"{self.energy[row]:.6g}", f"{far[row]:.3g}", f"{stay[row]:.4g}", then, f"{self.weight[row]:.3g}"
            table.add_row(str(row), str(self.kind[row]), name, *numbers)
        return table

    def __str__(self) -> str:
        return printed_table(self.table())

    def to_dict(self) -> dict[str, Any]:
        """Everything as Python numbers and lists; None for what is infinite."""
        return {
            "temperature": self.temperature,
            "limit": self.limit,
            "reliable": self.reliable,
            "minima": self.records(),
            "rate": plain(self.rate),
            "log_rate": plain(self.log_rate),
            "stay": plain(self.stay),
            "weight": plain(self.weight),
            "passage": plain(self.passage),
            "notes": list(self.notes),
        }


def _first_passage(log_rate: np.ndarray, to: int) -> np.ndarray:
    r"""Mean first passage times (K,) to one state, by elimination without a subtraction, in logarithms.

    The times solve sum_k k_ik (t_i - t_k) = 1. A state n that is eliminated hands its rates on, k_ik + k_in k_nk/S_n,
    and its time, w_i + k_in w_n/S_n, with S_n the sum of its rates (Grassmann, Taksar & Heyman 1985): nothing cancels,
    however far apart the rates are.
    """
    count = len(log_rate)
    rate, wait, left = log_rate.copy(), np.zeros(count), np.arange(count)
    np.fill_diagonal(rate, -np.inf)
    gone: list[tuple[int, np.ndarray, np.ndarray, float]] = []
    with np.errstate(all="ignore"):
        for n in (n for n in range(count) if n != to):
            left = left[left != n]
            total = np.logaddexp.reduce(rate[n, left], initial=-np.inf)
            stuck = np.isneginf(total)  # it never arrives
            part = rate[n, left] - (0.0 if stuck else total)
            own = np.inf if stuck else float(wait[n] - total)
            gone.append((n, left, part, own))
            into = rate[left, n]
            rate[np.ix_(left, left)] = np.logaddexp(rate[np.ix_(left, left)], into[:, None] + part)
            rate[left, left] = -np.inf
            wait[left] = np.where(np.isneginf(into), wait[left], np.logaddexp(wait[left], into + own))
        log_time = np.full(count, -np.inf)
        for n, there, part, own in reversed(gone):
            onward = np.where(np.isneginf(part), -np.inf, part + log_time[there])
            log_time[n] = np.logaddexp.reduce([own, *onward])
        return np.exp(log_time)
