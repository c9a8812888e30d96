"""The table of a sweep: fractions recalled for every rule, criterion, number stored, level and run."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...dynamics.doors import checked
from .. import _declared as declared
from ..results import Result


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Result):
    """Fractions recalled, with the axes that they have.

    Attributes
    ----------
    fractions : array (similarities, separations, criteria, sizes, levels, runs)
        From 0 to 1.
    similarities, separations, criteria : tuple of str
        Names.
    sizes : tuple of int
        How many patterns are stored.
    levels : tuple of float
        How much the cues are corrupted.
    cue : str
        How they are corrupted.
    data : str
        What is stored.

    Examples
    --------
    >>> from hopfield.analysis import capacity
    >>> found = capacity("digits", ["manhattan", "euclidean"], sizes=[10, 20], level=0.1, runs=3, seed=0)
    >>> found.mean.shape, found.runs
    ((2, 1, 1, 2, 1), 3)
    """

    fractions: np.ndarray
    similarities: tuple[str, ...]
    separations: tuple[str, ...]
    criteria: tuple[str, ...]
    sizes: tuple[int, ...]
    levels: tuple[float, ...]
    cue: str
    data: str

    def __str__(self) -> str:
        return self.table()

    def records(self) -> list[dict[str, Any]]:
        """A dict for each fraction, with the names and numbers of its axes."""
        names = ("similarity", "separation", "criterion", "size", "level", "run")
        axes = (self.similarities, self.separations, self.criteria, self.sizes, self.levels, range(self.runs))
        keys = itertools.product(*axes)
        return [
            dict(zip(names, key, strict=True), fraction=value)
            for key, value in zip(keys, self.fractions.ravel().tolist(), strict=True)
        ]

    @property
    def runs(self) -> int:
        """How many sets were stored."""
        return self.fractions.shape[-1]

    @property
    def mean(self) -> np.ndarray:
        """Mean over the runs."""
        return self.fractions.mean(axis=-1)

    @property
    def std(self) -> np.ndarray:
        """Standard deviation over the runs (0 for one run)."""
        return self.fractions.std(axis=-1, ddof=1) if self.runs > 1 else np.zeros(self.fractions.shape[:-1])

    @property
    def standard_error(self) -> np.ndarray:
        """Of the mean."""
        return self.std / np.sqrt(self.runs)

    @checked(**declared.SWEEP_AT)
    def at(
        self,
        similarity: str | None = None,
        separation: str | None = None,
        criterion: str | None = None,
        size: int | None = None,
        level: float | None = None,
    ) -> float:
        """One mean, by names; an axis of length one needs none.

        >>> from hopfield.analysis import capacity
        >>> found = capacity("digits", ["dot", "cosine"], sizes=[50], cue="none", runs=2, seed=0, criteria="nearest")
        >>> found.at("cosine")
        1.0
        """
        axes = (self.similarities, self.separations, self.criteria, self.sizes, self.levels)
        where = []
        for axis, wanted in zip(axes, (similarity, separation, criterion, size, level), strict=True):
            if wanted is None and len(axis) > 1:
                raise ValueError(f"Say which one of {axis}.")
            if wanted is not None and wanted not in axis:
                raise ValueError(f"{wanted!r} is not among {axis}.")
            where.append(0 if wanted is None else axis.index(wanted))
        return float(self.mean[tuple(where)])

    @property
    def curves(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Label, mean and standard deviation of every curve over the axis that varies (sizes or levels).

        >>> from hopfield.analysis import robustness
        >>> found = robustness("digits", ["dot"], levels=[0.0, 0.5], size=10, runs=2, seed=0)
        >>> [(label, len(mean)) for label, mean, _ in found.curves]
        [('dot', 2)]
        """
        names = []
        for s in self.similarities:
            for p in self.separations:
                for c in self.criteria:
                    parts = [
                        *([s] if len(self.similarities) > 1 or len(self.separations) == 1 else []),
                        *([p] if len(self.separations) > 1 else []),
                        *([c] if len(self.criteria) > 1 else []),
                    ]
                    names.append(", ".join(parts))
        shape = (len(names), len(self.sizes) * len(self.levels))
        return list(zip(names, self.mean.reshape(shape), self.std.reshape(shape), strict=True))

    @property
    def axis(self) -> tuple[str, tuple[float, ...]]:
        """Name and values of what the curves run over."""
        return ("stored", self.sizes) if len(self.sizes) > 1 or len(self.levels) == 1 else ("level", self.levels)

    def table(self) -> str:
        """Means with standard deviations, one curve a line.

        >>> from hopfield.analysis import capacity
        >>> print(capacity("digits", ["cosine"], sizes=[5, 10], cue="none", runs=2, seed=0, criteria="nearest").table())
        stored              5           10
        cosine    1.000±0.000  1.000±0.000
        """
        name, values = self.axis
        lines = [[name, *(f"{value:g}" for value in values)]]
        for label, mean, std in self.curves:
            lines.append([label, *(f"{m:.3f}±{s:.3f}" for m, s in zip(mean, std, strict=True))])
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        return "\n".join(
            "  ".join([line[0].ljust(widths[0]), *(x.rjust(w) for x, w in zip(line[1:], widths[1:], strict=True))])
            for line in lines
        )
