"""What a search for fixed points returns: arrays by point, a verdict, a table, and JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...dynamics.doors import checked
from .. import _declared as declared
from ..flow import Field
from ..results import Result, plain_table, printed_table, unlooked

LOWEST = 17  # letters of a row of the table for the lowest eigenvalues


@dataclass(frozen=True, eq=False, repr=False)
class FixedPoints(Result):
    r"""What `find_fixed_points` returns: K points, lowest energy first; arrays are NumPy's.

    Attributes
    ----------
    state : array (K, D)
        x, the state of all populations (v of a memory).
    activation : array (K, D)
        g, in the space of the patterns.
    energy : array (K,)
        E; NaN where the forces have none.
    residual : array (K,)
        \\|tau x'\\| at the point.
    index : int array (K,)
        The number of unstable directions; -1 where there is no Hessian.
    eigenvalues : array (K, k)
        The lowest of the reduced Hessian; of minus the Jacobian, complex, where forces have no energy.
    kind : str array (K,)
        ``memory``, ``reversed``, ``mixture``, ``metastable(k)``, ``global mean``, ``spurious``, ``saddle(index)``,
        ``marginal``, ``memory (exact)``, ``not attracting`` (at jumps), or ``stable`` where there are no patterns; see
        `kinds`.
    pattern : int array (K,)
        The row of the stored pattern that a memory is, the lowest one of copies; else -1. A reversed pattern is not
        that pattern; see `reverse`.
    weights : array (K, N) or None
        The memory neurons' activations f.
    hits : int array (K,)
        How many searches ended there.
    stable : bool array (K,)
        Whether it attracts in continuous time.
    stable_map : bool array (K,) or None
        Whether it attracts under the update at dt = inf; None where that has no closed form.
    slow : array (S, D)
        Points of small velocity that are NOT fixed points.
    morse_sum : int or None
        The sum of (-1)^index, 1 for a full census (0 or 2 for rays on a sphere); None where it is not defined.
    complete : str
        ``incomplete (proved)``; ``refuted, if the flow points inward``, which was looked at and is not known;
        ``not refuted``, ``not saturated``, ``in part`` (as was wanted) or ``undefined``.
    reason : str
        Why.
    unseen : float
        How many points beyond the K found there are likely to be: none where the last searches found nothing new, else
        Chao's estimate from the hits of independent random searches; at least as many as the Morse sum says.
    coverage : float
        Good and Turing's estimate of the probability that a random search ends in a point that random searches found.
    conservative : bool
        Whether an energy is claimed.
    how : str
        How the eigenvalues were found: "dense", "low rank", "eigsh", "eigs" or "none".
    message : str
        What to know about this census, in sentences.
    reverse : int array (K,) or None
        The row of the stored pattern whose negative a ``reversed`` point is; else -1.
    stopped : str
        What ended the search early, its time or Ctrl-C; empty where nothing did.
    skipped : tuple of str
        What was not looked for.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis import find_fixed_points
    >>> from hopfield.models import ModernHopfield
    >>> found = find_fixed_points(ModernHopfield(np.eye(3), beta=5.0))
    >>> sorted(found.index), found.morse_sum, found.complete
    ([np.int64(0), np.int64(0), np.int64(0), np.int64(1), np.int64(1), np.int64(1), np.int64(2)], 1, 'not refuted')
    """

    made_by = "find_fixed_points"
    row_fields = ("energy", "residual", "index", "kind", "pattern", "hits", "stable", "stable_map", "reverse")

    state: np.ndarray
    activation: np.ndarray
    energy: np.ndarray
    residual: np.ndarray
    index: np.ndarray
    eigenvalues: np.ndarray
    kind: np.ndarray
    pattern: np.ndarray
    weights: np.ndarray | None
    hits: np.ndarray
    stable: np.ndarray
    stable_map: np.ndarray | None
    slow: np.ndarray
    morse_sum: int | None
    complete: str
    reason: str
    unseen: float
    coverage: float
    conservative: bool
    how: str
    message: str
    reverse: np.ndarray | None = None
    stopped: str = ""
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.state)

    def __repr__(self) -> str:
        end = f"; {self.stopped}" if self.stopped else ""
        return f"FixedPoints({len(self)} points: {self.summary()}; {self.complete}{end})"

    def summary(self) -> str:
        """How many there are of each kind."""
        counts = Counter(str(kind) for kind in self.kind)
        return ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items())) or "none"

    @checked(**declared.FIXED_POINTS_SELECT)
    def select(self, mask: Any) -> FixedPoints:
        """The points of a mask or of rows, with the verdict of the whole census."""
        rows = self.stored()
        length = len(self)
        if mask.dtype.kind == "b" and len(mask) != length:
            raise ValueError(f"A mask of {len(mask)} bools does not fit {length} points: give one for each.")
        if mask.dtype.kind != "b" and mask.size and not (-length <= mask.min() and mask.max() < length):
            raise ValueError(f"There are {length} points, counted from 0; got row {int(mask.max())}.")
        per_point = ("state", "activation", "energy", "residual", "index", "eigenvalues", "kind", "pattern", "weights")
        for name in (*per_point, "hits", "stable", "stable_map", "reverse"):
            if rows[name] is not None and len(rows[name]) == length:
                rows[name] = rows[name][mask]
        return FixedPoints(**rows)

    @checked(**declared.FIXED_POINTS_TABLE)
    def table(self, most: int = 30) -> Any:
        """A `rich` table with a row for each of the first `most` points; 80 columns are enough for it."""
        shown = min(most, len(self))
        worst = f"; residuals up to {np.max(self.residual):.1e}" if len(self) else ""
        caption = f"{shown} of {len(self)} points: {self.summary()}{worst}\n{self.verdict()}"
        names = ("", "kind", "pattern", "E", "index", "eigenvalues", "stable", "hits")
        table = plain_table(caption, *names, left=("kind", "stable"))
        for k in range(shown):
            values = [_number(value, 4) for value in self.eigenvalues[k, :3]]
            while len(values) > 1 and len(" ".join(values)) > LOWEST:
                values.pop()
            lowest = " ".join(values)
            table.add_row(
                str(k),
                str(self.kind[k]),
                "" if self.pattern[k] < 0 else str(self.pattern[k]),
                _number(self.energy[k]),
                "" if self.index[k] < 0 else str(self.index[k]),
                lowest,
                self._where_stable(k),
                str(self.hits[k]),
            )
        return table

    def _where_stable(self, k: int) -> str:
        """In the flow, for the update rule (the map), or in both."""
        if self.stable_map is None:
            return "yes" if self.stable[k] else "-"
        if self.stable[k] and self.stable_map[k]:
            return "yes"
        return "flow" if self.stable[k] else "map" if self.stable_map[k] else "-"

    def verdict(self) -> str:
        """The census in sentences."""
        total = "not defined" if self.morse_sum is None else f"{self.morse_sum}, of the signs (-1)^index"
        slow = f"{len(self.slow)} slow points are no fixed points." if len(self.slow) else ""
        left = unlooked(self.stopped, self.skipped)
        parts = [f"Morse sum {total}: {self.complete}.", self.reason, left, slow, self.message]
        return " ".join(part for part in parts if part)

    def __str__(self) -> str:
        return printed_table(self.table())


def nothing_found(flow: Field) -> FixedPoints:
    """What there is to say of a field of which no fixed point is known.

    >>> from hopfield.analysis import field
    >>> from hopfield.models import ModernHopfield
    >>> nothing_found(field(ModernHopfield(np.eye(3))))
    FixedPoints(0 points: none; undefined)
    """
    wide, none = np.zeros((0, flow.size)), np.zeros(0)
    whole = none.astype(int)
    return FixedPoints(
        state=wide,
        activation=wide,
        energy=none,
        residual=none,
        index=whole,
        eigenvalues=wide,
        kind=none.astype(str),
        pattern=whole,
        weights=None,
        hits=whole,
        stable=whole > 0,
        stable_map=None,
        slow=wide,
        morse_sum=None,
        complete="undefined",
        reason="No fixed point was found.",
        unseen=float("nan"),
        coverage=float("nan"),
        conservative=flow.conservative,
        how="none",
        message="",
        reverse=whole,
    )


def _number(value: Any, digits: int = 6) -> str:
    if isinstance(value, complex | np.complexfloating):
        return f"{value.real:.4g}{value.imag:+.4g}i"
    return "" if np.isnan(value) else f"{value:.{digits}g}"
