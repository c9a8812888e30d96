"""Which cue reaches which attractor: labels that are proved or left open, fractions with intervals, times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data import generator
from ...dynamics import backend
from ...dynamics.backend import unknown_name
from ...dynamics.doors import checked, feasible, positive, quiet
from .. import _declared as declared
from ..fixed_points import FixedPoints
from ..flow import at_home, one_thread
from ..results import Budget, Result, plain, unlooked
from ..results import wilson as wilson
from ._basin_map import DYNAMICS, Explorer
from ._cues import cues_of
from ._settling import Settled, settle

BLOCK = 2**22  # bytes of a batch that is integrated together: what stays in a processor's cache


@dataclass(frozen=True, eq=False, repr=False)
class Basins(Result):
    r"""What became of a set of cues; K fixed points, cues with batch axes (...).

    Attributes
    ----------
    labels : int array (...)
        The row of `fixed_points` that the cue reaches; -1: its state ran away, -2: not known (the state was on the
        boundary between basins, or still on its way at the end).
    pattern : int array (...)
        The stored pattern that this attractor is, the lowest row of copies; -1 where it is none, such as a reversed
        one.
    fixed_points : FixedPoints
        Those that were given, and behind them those that the cues led to; without given ones those of the stored
        patterns are among them, if there are as many cues.
    counts : int array (K,)
        Cues that reach each fixed point.
    fractions : array (K,)
        The same as parts of all cues.
    intervals : array (K, 2)
        Wilson's intervals for the fractions, at `level`.
    convergence_time : array (...)
        When |tau x'| fell below `tol` times a typical one (`Field.force`) for the last time; NaN without a label.
    source : int array (...)
        The stored pattern that the cue was made from; -1 where that is not known.
    confusion : int array (N, K + 2) or None
        Cues by source and attractor; the last two columns are those that ran away and those not known.
    law : str
        How the cues were made: fractions are about nothing else.
    dynamics : str
        "adiabatic", "map" or "network".
    level, dt, tol : float
        Of the intervals, of the steps, of the convergence time.
    rows : int array (N,) or None
        The row that each stored pattern goes by in `pattern`: its own, or a lower one of which it is a copy.
    stopped : str
        What ended the search early, its time or Ctrl-C; empty where nothing did.
    skipped : tuple of str
        What was not looked for: cues whose label is -2 for want of time are among `unresolved`.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis import Noisy
    >>> from hopfield.models import ModernHopfield
    >>> found = basins_of_attraction(ModernHopfield(np.eye(3), beta=8.0), Noisy(50, 0.04), seed=0)
    >>> found.labels.shape, float(found.recalled)
    ((150,), 1.0)
    """

    settings_fields = ("law", "dynamics")

    labels: np.ndarray
    pattern: np.ndarray
    fixed_points: FixedPoints
    counts: np.ndarray
    fractions: np.ndarray
    intervals: np.ndarray
    convergence_time: np.ndarray
    source: np.ndarray
    confusion: np.ndarray | None
    law: str
    dynamics: str
    level: float
    dt: float
    tol: float
    rows: np.ndarray | None = None
    stopped: str = ""
    skipped: tuple[str, ...] = ()

    @property
    def diverged(self) -> int:
        """Cues whose state ran away."""
        return int((self.labels == -1).sum())

    @property
    def unresolved(self) -> int:
        """Cues whose attractor is not known."""
        return int((self.labels == -2).sum())

    @property
    def recalled(self) -> float:
        """The part of the cues with a known source that reach that pattern, or a copy of it."""
        known = self.source >= 0
        if not known.any():
            return float("nan")
        source = self.source[known]
        return float(np.mean(self.pattern[known] == (source if self.rows is None else self.rows[source])))

    def summary(self) -> str:
        """How many cues reach how many attractors, and what became of the others."""
        said = [f"{self.labels.size} cues to {np.count_nonzero(self.counts)} attractors"]
        said += [f"recalled {self.recalled:.4g}"] if (self.source >= 0).any() else []
        said += [f"{count} {word}" for count, word in ((self.diverged, "diverged"), (self.unresolved, "open")) if count]
        return ", ".join([*said, self.stopped] if self.stopped else said)

    def records(self) -> list[dict[str, Any]]:
        """A dict for each fixed point that cues reach, those that most reach first."""
        points = self.fixed_points
        return [
            {
                "fixed_point": int(k),
                "kind": str(points.kind[k]),
                "pattern": int(points.pattern[k]),
                "cues": int(self.counts[k]),
                "fraction": float(self.fractions[k]),
                "interval": [float(end) for end in self.intervals[k]],
                "median_time": self._median(k),
                "energy": plain(points.energy[k]),
            }
            for k in self._reached()
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the states, as plain numbers and lists."""
        return {
            "dynamics": self.dynamics,
            "dt": plain(self.dt),
            "tol": self.tol,
            "level": self.level,
            "law": self.law,
            "cues": int(self.labels.size),
            "diverged": self.diverged,
            "unresolved": self.unresolved,
            "recalled": plain(self.recalled),
            "attractors": self.records(),
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "labels": self.labels.tolist(),
            "stopped": self.stopped,
            "skipped": list(self.skipped),
        }

    def _reached(self) -> np.ndarray:
        rows = np.flatnonzero(self.counts)
        return rows[np.argsort(-self.counts[rows], kind="stable")]

    def _median(self, row: int) -> float | None:
        times = self.convergence_time[self.labels == row]
        times = times[np.isfinite(times)]
        return float(np.median(times)) if times.size else None

    def __str__(self) -> str:
        head = f"{self.labels.size} cues ({self.law}); {self.dynamics} dynamics"
        lines = [
            head,
            f"{'point':>5} {'kind':<16} {'pattern':>7} {'cues':>7} {'fraction':>9}  {'interval':<16} {'time':>8}",
        ]
        reached = self._reached()
        for k in reached[:30]:
            low, high = self.intervals[k]
            time, pattern = self._median(k), self.fixed_points.pattern[k]
            lines.append(
                f"{k:>5} {self.fixed_points.kind[k]!s:<16} {'-' if pattern < 0 else pattern:>7} {self.counts[k]:>7} "
                f"{self.fractions[k]:>9.4f}  {low:.4f} - {high:.4f}  {'-' if time is None else f'{time:.3g}':>8}"
            )
        if len(reached) > 30:
            lines.append(f"... and {len(reached) - 30} more attractors")
        rest = (
            f"diverged {self.diverged}, unresolved {self.unresolved}; intervals: Wilson, {self.level:.0%}; time: median"
        )
        if (self.source >= 0).any():
            rest = f"recalled {self.recalled:.4f} of the cues with a source; " + rest
        left = unlooked(self.stopped, self.skipped)
        return "\n".join([*lines, rest, left] if left else [*lines, rest])


@quiet
@checked(**declared.BASINS_OF_ATTRACTION)
def basins_of_attraction(
    memory: Any,
    queries: Any,
    fixed_points: FixedPoints | None = None,
    *,
    dynamics: str = "adiabatic",
    seed: int | np.random.Generator = 0,
    targets: Any = None,
    dt: float = 0.1,
    t_max: float = 1000.0,
    tol: float = 1e-3,
    level: float = 0.95,
    timed: bool = True,
    seconds: float | None = None,
    progress: bool = False,
) -> Basins:
    r"""The attractor that each cue reaches.

    A cue gets a label when its state has come into a neighbourhood of a stable fixed point from which that point alone
    is reached: a proved ball for softmax with dot or euclidean, a weight above 1/2 for manhattan, the winner for max,
    the neighbourhood where the flow is its linearisation for anything else. Being slow is no reason for a label, so
    that passage near a saddle, however long, ends in the right basin. Where slow states agree with no known fixed
    point, `find_fixed_points` starts there, and what it finds joins the table, stable or not.

    Where the weights depend on the cue only through its part in the span of the patterns (dot; euclidean with softmax
    or max), the steps are taken in that span, with N coordinates instead of I, and the rest of the state decays in
    closed form.

    Labels are those of the flow, but for cues that lie within a few 1e-5 `dt` of the scale of a boundary between
    basins: there the error of the steps decides.

    Parameters
    ----------
    memory : model, Network or Field
        What the cues are given to; `field(network, patterns=...)` says what counts as patterns where none are kept.
    queries : array (..., I) or Sampler
        Cues (activations), or how to draw them: `Noisy`, `Sphere`, `Box`, `Masked`, `Flipped`. Given ones must lie in
        the memory's `domain`; drawn ones are projected onto it, which `law` says.
    fixed_points : FixedPoints, optional
        Those known already, from `find_fixed_points`. Without, they are found on the way.
    dynamics : {"adiabatic", "map", "network"}
        The flow with memory neurons in equilibrium; the update rule (dt = inf); or the network as it is, with memory
        neurons of their own time constant, which start in equilibrium with the cue.
    seed : int or Generator
        Of the samplers and of searches.
    targets : int array (...), optional
        The stored pattern that each cue was made from; samplers know it.
    dt : float
        How fine the steps are, at most 0.1 for a flow. Steps follow from their error, with the relative tolerance
        1e-5 dt; where forces jump, dt is the largest step of `Relaxation`, in units of `Field.pace`.
    t_max : float
        In units of the first population's tau, or of `Field.pace` where that is longer; cues without a label by then
        get -2.
    tol : float
        What `convergence_time` means.
    level : float
        Of the intervals.
    timed : bool
        False stops each cue as soon as its label is known: some two times faster, without times.
    seconds : float, optional
        Of wall time, after which nothing new is begun. What was found by then is returned, as after Ctrl-C, and
        `skipped` says what was not looked for.
    progress : bool
        Show a bar, if standard error is a terminal.

    Returns
    -------
    Basins
        Prints as a table; `to_json` writes it.

    References
    ----------
    Menck et al. 2013, doi:10.1038/nphys2516 (basin stability). Wilson 1927, doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    Two opposite patterns share the space in two halves:

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.array([[1.0, 1.0], [-1.0, -1.0]]), beta=2.0)
    >>> found = basins_of_attraction(memory, np.array([[0.3, -0.2], [-3.0, 2.9], [0.0, 1e-9]]))
    >>> found.pattern
    array([0, 1, 0])
    """
    if dynamics not in DYNAMICS:
        raise unknown_name("dynamics", dynamics, DYNAMICS)
    dt, t_max, tol = positive("dt", dt), positive("t_max", t_max), positive("tol", tol)
    if dt > 0.1 and dynamics != "map":
        raise ValueError(
            f"dt={dt:g} is too long a step for a flow: near boundaries, cues then go to other basins than the flow "
            'takes them to. Give dt <= 0.1, or dynamics="map" for the update rule.'
        )
    feasible("The flow of a cue", t_max / dt, "Give a smaller t_max or a larger dt.", 10**7)
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}.")
    rng = generator(seed)
    with Budget(seconds, progress) as budget:
        explorer = Explorer(at_home(memory, queries), fixed_points, dynamics=dynamics, dt=dt, seed=rng, budget=budget)
        return _labelled(explorer, queries, targets, rng, t_max, tol, level, timed, fixed_points is None, dynamics)


def _labelled(
    explorer: Explorer,
    queries: Any,
    targets: Any,
    rng: np.random.Generator,
    t_max: float,
    tol: float,
    level: float,
    timed: bool,
    found_here: bool,
    dynamics: str,
) -> Basins:
    """The basins of cues, by an explorer that may have known fixed points or not (`found_here`)."""
    budget = explorer.budget
    cues, source, law = cues_of(explorer, queries, targets, rng)
    batch = tuple(cues.shape[:-1])
    cues = backend.namespace(cues).reshape(cues, (-1, cues.shape[-1]))
    with budget.trying():
        explorer.prepare(len(cues))
    settled = flow_all(explorer, cues, t_max=t_max, tol=tol, timed=timed)
    points, labels = explorer.lifted(), settled.label
    if budget.stopped and (left := int((labels == -2).sum())):
        budget.skip(f"where {left} of {len(labels)} cues lead")
    if found_here:  # in the order of the patterns, not of their discovery
        order = np.lexsort([np.nan_to_num(points.energy), points.pattern, points.pattern < 0, ~points.stable])
        points = points.select(order)
        labels = np.where(labels >= 0, np.append(np.argsort(order), -1)[np.maximum(labels, -1)], labels)
    count, total = len(points), max(len(labels), 1)
    counts = np.bincount(labels[labels >= 0], minlength=count)
    pattern = np.append(points.pattern, -1)[np.maximum(labels, -1)]
    confusion = None
    if (source >= 0).any() and explorer.patterns is not None:
        confusion = np.zeros((len(explorer.patterns), count + 2), dtype=int)
        known = source >= 0
        column = np.where(labels >= 0, labels, np.where(labels == -1, count, count + 1))
        np.add.at(confusion, (source[known], column[known]), 1)
    return Basins(
        labels=labels.reshape(batch),
        pattern=pattern.reshape(batch),
        fixed_points=points,
        counts=counts,
        fractions=counts / total,
        intervals=wilson(counts, total, level),
        convergence_time=settled.time.reshape(batch),
        source=source.reshape(batch),
        confusion=confusion,
        law=law,
        dynamics=dynamics,
        level=level,
        dt=explorer.dt,
        tol=tol,
        rows=explorer.rows if explorer.rows.size else None,
        stopped=budget.stopped,
        skipped=tuple(budget.skipped),
    )


def flow_all(explorer: Explorer, cues: Any, *, t_max: float, tol: float = 1e-3, timed: bool = False) -> Settled:
    """Cues (B, I) through an explorer's motion, in batches that fit a cache; times in units of time.

    Where the explorer's budget ends, labels are -2.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> explorer = Explorer(ModernHopfield(np.eye(3), beta=8.0))
    >>> flow_all(explorer, np.array([[0.9, 0.2, 0.1], [0.1, 0.9, 0.2]]), t_max=100.0).label
    array([0, 1])
    """
    size, width = len(cues), explorer.width
    rows = max(256, 8 * BLOCK // (width * backend.namespace(cues).finfo(cues.dtype).bits))
    if backend.backend_of(cues) == "jax":
        rows = 1 << (rows - 1).bit_length()
    parts = []
    budget, begins = explorer.budget, range(0, size, rows)
    with one_thread(explorer.width), budget.trying():
        for begin in budget.each("batches of cues", begins) if size > rows else begins:
            x, stretch, fading = explorer.enter(cues if size <= rows else cues[begin : begin + rows])
            part = settle(
                explorer.motion,
                x,
                explorer.table,
                explorer.discover,
                t_max=t_max * max(explorer.tau, explorer.pace),
                tol=tol,
                timed=timed,
                fading=fading,
                rate=explorer.rate,
                budget=budget,
            )
            parts.append(part._replace(time=part.time * stretch))
    if left := size - sum(len(part.label) for part in parts):
        none = np.full(left, np.nan)
        parts.append(Settled(np.full((left, explorer.motion.flow.size), np.nan), np.full(left, -2), none))
    if not parts:
        return Settled(np.zeros((0, explorer.motion.flow.size)), np.zeros(0, dtype=int), np.zeros(0))
    return Settled(*(np.concatenate(values) for values in zip(*parts, strict=True)))
