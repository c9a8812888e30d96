"""What a continuation finds: curves of fixed points, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from ...dynamics.doors import checked, quiet
from .. import _declared as declared
from ..flow import one_thread
from ..results import Result, plain, unlooked
from ._between import between
from ._bifurcation import Bifurcation
from ._family import Family, spectrum


@dataclass(frozen=True, eq=False, repr=False)
class Branch(Result):
    """A curve of fixed points with T points, in the order of its arc length, bifurcations among them.

    Attributes
    ----------
    parameter : array (T,)
        The parameter.
    coordinates : array (T, r)
        The states, in the rows of `basis` where there is one.
    energy : array (T,)
        Their energies (NaN where forces have none).
    index : int array (T,)
        How many modes grow; at a bifurcation, on its calmer side.
    growth : array (T,)
        The largest real part of an eigenvalue of the flow's Jacobian, without the direction of a ray.
    bifurcations : tuple of Bifurcation
        On this branch.
    basis : array (r, D) or None
        The space in which the branch lies, None for the whole.

    Examples
    --------
    >>> from hopfield.analysis import continue_fixed_points
    >>> from hopfield.models import ModernHopfield
    >>> found = continue_fixed_points(ModernHopfield(np.array([[1.0], [-1.0]])), "beta", 0.5, 0.9)
    >>> found.branches[0].stable.all(), found.branches[0].state.shape[1]
    (np.True_, 1)
    """

    row_fields = ("parameter", "energy", "index", "growth", "stable")

    parameter: np.ndarray
    coordinates: np.ndarray
    energy: np.ndarray
    index: np.ndarray
    growth: np.ndarray
    bifurcations: tuple[Bifurcation, ...]
    basis: np.ndarray | None = None

    @property
    def state(self) -> np.ndarray:
        """The states (T, D)."""
        return self.coordinates if self.basis is None else self.coordinates @ self.basis

    @property
    def stable(self) -> np.ndarray:
        """Where no mode grows (T,)."""
        return self.index == 0


@dataclass(frozen=True, eq=False, repr=False)
class Branches(Result):
    """What `continue_fixed_points` returns.

    Attributes
    ----------
    name : str
        The parameter.
    range : (float, float)
        Between which values.
    branches : tuple of Branch
        In the order in which they were found.
    notes : tuple of str
        Where a branch was lost or cut short, and which queries led to none.
    scale : float
        The length of a typical state: bifurcations that lie nearer than 1e-4 of it are one.
    stopped : str
        What ended the search early, its time or Ctrl-C; empty where nothing did.
    skipped : tuple of str
        What was not looked for.

    Examples
    --------
    >>> from hopfield.analysis import continue_fixed_points
    >>> from hopfield.models import ModernHopfield
    >>> found = continue_fixed_points(ModernHopfield(np.eye(3)), "beta", 2.5, 4.0)
    >>> sorted({event.kind for event in found.bifurcations})
    ['branch point', 'fold']
    """

    name: str
    range: tuple[float, float]
    branches: tuple[Branch, ...]
    notes: tuple[str, ...]
    scale: float = 1.0
    stopped: str = ""
    skipped: tuple[str, ...] = ()
    _family: Family | None = field(default=None, repr=False, init=False)

    @property
    def bifurcations(self) -> tuple[Bifurcation, ...]:
        """Those of all branches by parameter, each once though several branches meet there."""
        found: list[Bifurcation] = []
        span = self.range[1] - self.range[0]
        for branch in self.branches:
            for event in branch.bifurcations:
                size = max(self.scale, float(np.abs(event.coordinates).max()))
                if not any(
                    abs(event.parameter - other.parameter) <= 1e-6 * max(span, abs(event.parameter))
                    and np.abs(event.coordinates - other.coordinates).max() <= 1e-4 * size
                    for other in found
                ):
                    found.append(event)
        return tuple(sorted(found, key=lambda event: event.parameter))

    @quiet
    @checked(**declared.BRANCHES_AT)
    def at(self, value: float) -> tuple[np.ndarray, np.ndarray]:
        """States (K, D) and stability (K,) of all branches at a value: fixed points to the accuracy of the branches.

        Where Newton's method does not lead to the curve from between two of its points, and in branches that were
        pickled, they are interpolated.
        """
        states, stable = [], []
        for branch in self.branches:
            p = branch.parameter
            for k in np.flatnonzero(p == value):
                if k == 0 or k < len(p) - 1 or not np.array_equal(branch.coordinates[0], branch.coordinates[k]):
                    states.append(branch.state[k])
                    stable.append(bool(branch.stable[k]))
            for k in np.flatnonzero((p[:-1] - value) * (p[1:] - value) < 0):
                state, calm = self._between(branch, int(k), value)
                states.append(state)
                stable.append(calm)
        width = self.branches[0].state.shape[1] if self.branches else 0
        return np.reshape(states, (-1, width)), np.array(stable, dtype=bool)

    def _between(self, branch: Branch, k: int, value: float) -> tuple[np.ndarray, bool]:
        """State and stability between the points k and k + 1 of a branch."""
        p, family = branch.parameter, self._family
        part = (value - p[k]) / (p[k + 1] - p[k])
        if family is not None:
            a, b = (np.append(branch.coordinates[j] / family.unit, p[j] / family.span) for j in (k, k + 1))
            with one_thread(family.size):
                z = between(family, a, b, value / family.span)
                if z is not None:
                    return family.lift(z[:-1] * family.unit), spectrum(family, z).index == 0
        state = (1 - part) * branch.state[k] + part * branch.state[k + 1]
        return state, bool(branch.stable[k if part < 0.5 else k + 1])

    def of(self, family: Family) -> Self:
        """These, which know the models that they were found in."""
        object.__setattr__(self, "_family", family)
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_family": None}  # what makes the models may be a function without a name

    def summary(self) -> str:
        """How many branches there are, of what parameter."""
        low, high = self.range
        return f"{len(self.branches)} branches of fixed points, {self.name} from {low:g} to {high:g}"

    def __str__(self) -> str:
        lines = [self.summary()]
        for event in self.bifurcations:
            count = f", {event.multiplicity} modes" if event.multiplicity > 1 else ""
            lines.append(f"{event.kind:<14} at {self.name} = {event.parameter:.10g}{count}")
        left = unlooked(self.stopped, self.skipped)
        return "\n".join([*lines, *self.notes, left] if left else [*lines, *self.notes])

    def records(self) -> list[dict[str, Any]]:
        """A dict for each point of each branch, with the number of its branch."""
        return [{"branch": k, **row} for k, branch in enumerate(self.branches) for row in branch.records()]

    def to_dict(self) -> dict[str, Any]:
        """Bifurcations and branches without their states, as Python numbers and lists."""
        return {
            "parameter": self.name,
            "range": list(self.range),
            "bifurcations": [
                {"kind": e.kind, "parameter": e.parameter, "multiplicity": e.multiplicity} for e in self.bifurcations
            ],
            "branches": [
                {name: plain(getattr(b, name)) for name in ("parameter", "energy", "index", "growth")}
                for b in self.branches
            ],
            "notes": list(self.notes),
            "stopped": self.stopped,
            "skipped": list(self.skipped),
        }
