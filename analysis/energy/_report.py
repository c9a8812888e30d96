"""The verdict on a falling energy: numbers, a sentence, a table, and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..results import Result, plain, plain_table


@dataclass(frozen=True)
class EnergyPart(Result):
    """One term of the energy: of a population, l (x.g - L) - b.g, or of a synapse.

    Attributes
    ----------
    first : float or None
        Its mean over the samples at the first saved time; None for states, and where a population was not saved.
    last : float
        The same at the end (for states: over the states).
    rate : float or None
        Of a population: the largest (dE/dx_a) . x_a', its share of dE/dt; None for a synapse, which does not move.
    """

    first: float | None
    last: float
    rate: float | None = None

    @property
    def change(self) -> float | None:
        """The last less the first value."""
        return None if self.first is None else self.last - self.first


@dataclass(frozen=True, repr=False)
class LyapunovReport(Result):
    """The verdict of `check_lyapunov`; numbers are Python numbers, times are the trajectory's.

    It prints as a sentence; `table` has the parts of the energy beside it.

    Attributes
    ----------
    holds : bool
        Whether no energy increase and no positive dE/dt beyond rounding was found.
    max_increase : float
        The largest increase of the energy over one saved interval (negative if it always fell); for
        states, the largest dE/dt.
    where : (float, int) or None
        Time at the start of that interval (None for states) and sample (in the flattened batch).
    violations : int
        Intervals (for states: states) beyond the tolerance.
    tolerance : float
        The tolerance at the place of `max_increase`; it scales with eps(dtype) times the size of the
        numbers that cancel in E.
    intervals : int
        Intervals (for states: states) that were looked at.
    cause : str
        Empty when it holds; "model" when dE/dt > 0 at a state, "step size" when dE/dt <= 0 at all states
        that were looked at, so that the energy rises only between them; "noise" when the run had noise, which raises
        it.
    max_rate : float or None
        The largest analytic dE/dt, None where the states of some population were not saved.
    rate_error : float or None
        The largest relative difference between the analytic dE/dt and the difference quotient of E along
        the velocity; None where forces jump.
    message : str
        The verdict in a sentence.
    parts : dict of EnergyPart
        The energy by population and synapse.
    work : float or None
        The work that changing inputs and numbers did over the run, the mean over the samples; None where nothing
        changed. Increases are then those of E - W.
    dissipation : float or None
        The energy that the flow took meanwhile, likewise.
    risen : int or None
        Intervals over which E itself rose, by that work.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis import check_lyapunov
    >>> from hopfield.models import ModernHopfield
    >>> report = check_lyapunov(ModernHopfield(np.eye(2)), np.array([[0.0, 0.0], [1.0, 1.0]]))
    >>> print(report)
    dE/dt <= 0 at all 2 states (largest ...).
    >>> list(report.parts), report.table().row_count
    (['value', 'memory', 'value~memory'], 4)
    """

    called = "lyapunov"

    holds: bool
    max_increase: float
    where: tuple[float | None, int] | None
    violations: int
    tolerance: float
    intervals: int
    cause: str
    max_rate: float | None
    rate_error: float | None
    message: str
    parts: Mapping[str, EnergyPart] = field(default_factory=dict)
    work: float | None = None
    dissipation: float | None = None
    risen: int | None = None

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return self.message

    def table(self) -> Any:
        """A `rich` table of the energy's parts (means over samples) with the verdict below."""
        verdict = f"{self.message}\n{self.violations} of {self.intervals} beyond the tolerance {self.tolerance:.2g}"
        table = plain_table(verdict, "part of E", "first", "last", "change", "largest dE/dt", left=("part of E",))
        for name, part in self.parts.items():
            table.add_row(name, *(_cell(value) for value in (part.first, part.last, part.change, part.rate)))
        whole = list(self.parts.values())
        known = [part.first for part in whole if part.first is not None]
        first = sum(known) if whole and len(known) == len(whole) else None
        last = sum(part.last for part in whole)
        table.add_row(
            "E", _cell(first), _cell(last), _cell(None if first is None else last - first), _cell(self.max_rate)
        )
        if self.work is not None:
            table.add_row("work", "", "", _cell(self.work), "")
            table.add_row("dissipation", "", "", _cell(self.dissipation), "")
        return table

    def __rich__(self) -> Any:
        return self.table()

    def records(self) -> list[dict[str, Any]]:
        """A dict for each part of the energy."""
        return [{"part": name, **plain(part), "change": plain(part.change)} for name, part in self.parts.items()]


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
