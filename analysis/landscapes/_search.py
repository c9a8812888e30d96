"""The search for the saddles between memories: by strings laid between minima, and by climbing from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked, quiet
from .. import _declared as declared
from ..fixed_points import FixedPoints, census, neighbours, rows_of
from ..flow import Field, Flow, check_counts, field, flow_of, one_thread, reduce
from ..results import Budget
from ._landscape import Landscape
from ._saddles import Ends, Passes, climb, join, passes
from ._strings import Strings, laid

CENSUS = 10  # stored patterns up to which all fixed points are looked for
ALL_PAIRS = 12  # minima up to which every pair is tried
TOGETHER = 512  # saddles of a census that are looked at and followed down before the next ones


@quiet
@checked(**declared.LANDSCAPE)
def landscape(
    memory: Any,
    fixed_points: FixedPoints | None = None,
    *,
    pairs: str | Any = "auto",
    images: int = 41,
    steps: int = 300,
    climbs: int = 1,
    reduction: bool = True,
    seed: int = 0,
    seconds: float | None = None,
    progress: bool = False,
) -> Landscape:
    r"""Find the saddles of index 1 between the minima of a memory's energy, and the barriers over them.

    Saddles come from three places: the census, if it holds any; the tops of strings laid between pairs of minima
    (E, Ren & Vanden-Eijnden 2007); and climbing from each minimum along its softest modes. Each candidate is polished
    by Newton's method on the velocity, must have exactly one growing mode, and is pushed off to both sides to see
    which minima the flow reaches; minima that are new join the list. Barriers are minimax: over the spanning tree of
    the lowest saddles.

    Parameters
    ----------
    memory : model, Network or Field
        With an energy. A model is taken in its adiabatic limit. Where forces jump (Manhattan, max) no saddle is a
        zero of the velocity, and only the strings' bounds are given.
    fixed_points : FixedPoints, optional
        The census whose stable points are the minima. If not given, all fixed points are looked for with up to 10
        stored patterns (there are about 2^N), and with more the attractors and the saddles between neighbours: other
        minima are met from saddles, or not at all.
    pairs : {"auto", "all"} or int array (P, 2)
        Between which minima strings are laid. "auto": all pairs of up to 12 minima; of more, neighbours (the 6 nearest
        of each and the spanning tree of distances) that no saddle of the census joins.
    images, steps : int
        Of the strings.
    climbs : int
        How many of the softest modes of each minimum are climbed along, in both directions (0: none); of more than 12
        minima, of those that the census joins to no other. It needs a symmetric Jacobian (g = x, one time constant)
        and is left out elsewhere.
    reduction : bool
        Whether to search in the row space of the patterns where that is exact (see `row_space`).
    seed : int
        Of everything random.
    seconds : float, optional
        Of wall time, after which nothing new is begun. What was found by then is returned, as after Ctrl-C, and
        `skipped` says what was not looked for. Without strings to all neighbours barriers may be lower still.
    progress : bool
        Show a bar, if standard error is a terminal.

    Returns
    -------
    Landscape
        Minima, saddles, barriers, and what is not known.

    References
    ----------
    E, Ren & Vanden-Eijnden 2007, J. Chem. Phys. 126, 164103, doi:10.1063/1.2720838. Disconnectivity graphs: Becker &
    Karplus 1997, J. Chem. Phys. 106, 1495, doi:10.1063/1.473299.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> found = landscape(ModernHopfield(np.eye(3), beta=6.0))
    >>> len(found.saddles), found.depth.round(6)
    (3, array([0.130643, 0.130643, 0.130643]))
    """
    check_counts(images=(images, 3), steps=(steps, 1), climbs=(climbs, 0))
    net = field(memory, differences=None)
    if not net.conservative:
        raise ValueError(
            "The forces are not the gradient of an energy, so there are no barriers. find_fixed_points finds the "
            "saddles of such a network, and basins_of_attraction what separates its attractors."
        )
    with Budget(seconds, progress) as budget:
        return _joined(budget, net, fixed_points, pairs, images, steps, climbs, reduction, seed)


def _joined(
    budget: Budget,
    net: Field,
    fixed_points: FixedPoints | None,
    pairs: Any,
    images: int,
    steps: int,
    climbs: int,
    reduction: bool,
    seed: int,
) -> Landscape:
    """The landscape within a budget."""
    small = reduce(net, reduction)
    flow = flow_of(small.flow)
    if fixed_points is None:
        many = net.patterns is not None and len(net.patterns) > CENSUS
        fixed_points = census(budget, net, seed=seed, wanted=1 if many else "all")
        budget.skipped = [what for what in budget.skipped if not what.startswith("points of index")]
    known_points = fixed_points
    if not isinstance(known_points, FixedPoints):
        raise TypeError(f"fixed_points must be what find_fixed_points returns, got {type(known_points).__name__}.")
    if known_points.state.shape[1] != net.size:
        raise ValueError(
            f"The fixed points have {known_points.state.shape[1]} coordinates and this memory has {net.size} neurons: "
            "they belong to another one."
        )
    stable = np.asarray(known_points.stable, dtype=bool)
    states = small.project(backend.to_numpy(known_points.state).astype(float))
    minima, known = states[stable], states[np.asarray(known_points.index) == 1]
    notes: list[str] = []
    if not len(minima) and not budget.stopped:
        raise ValueError("There is no stable fixed point among the fixed points, so there is nothing to join.")
    search = _Search(budget, flow, minima, _pairs(minima, pairs), climbs, seed, notes)
    with one_thread(flow.size), budget.trying("paths and saddles between minima"):
        search.run(known, images, steps, pairs)
    found, source, ends, strings, chosen = search.results()
    good = (ends.joins >= 0).all(axis=1)
    if not good.all():
        notes.append(f"{int((~good).sum())} saddles are left out: the flow from a side of them did not arrive.")
    bound = np.full((len(ends.minima),) * 2, np.inf)
    for (i, j), level in zip(chosen.tolist(), strings.bound, strict=True):
        bound[i, j] = bound[j, i] = min(level, bound[i, j])
    lifted = small.lift(ends.minima)
    kind, pattern = _names(net, known_points, lifted, len(minima), seed, notes)
    height = flow.energy(found.state) if len(found.state) else np.zeros(0)
    order = np.flatnonzero(good)[np.argsort(height[good], kind="stable")]
    kept, lifts = backend.to_numpy(net.like).dtype, small.lift(found.state[order])
    activation = net.host(net.activation, lifted.astype(kept)).astype(float)
    answer = Landscape(
        minima=lifted,
        activation=activation,
        energy=flow.energy(ends.minima),
        kind=kind,
        pattern=pattern,
        saddles=lifts,
        saddle_energy=height[order],
        residual=np.linalg.norm(net.host(net.residual, lifts.astype(kept)).astype(float), axis=-1),
        rate=found.rate[order] / small.length**2,
        joins=ends.joins[order],
        source=source[order],
        bound=bound,
        arc=ends.arc[order] * small.length,
        way=ends.energy[order],
        notes=tuple(notes),
        seed=seed,
        rows=rows if (rows := rows_of(net)).size else None,
        field=net,
        stopped=budget.stopped,
        skipped=tuple(budget.skipped),
    )
    object.__setattr__(answer, "notes", (*notes, *_doubts(answer)))
    return answer


def _pairs(minima: np.ndarray, pairs: str | Any) -> np.ndarray:
    count = len(minima)
    if not isinstance(pairs, str):
        rows = np.asarray(pairs)
        fits = rows.ndim == 2 and rows.shape[1] == 2 and rows.dtype.kind in "iu"
        if not fits or ((rows < 0) | (rows >= count)).any():
            raise ValueError(f"pairs must be an int array (P, 2) of rows below {count}, got {pairs!r}.")
        return rows
    if pairs not in ("auto", "all"):
        raise ValueError(f"pairs must be 'auto', 'all' or an array (P, 2) of rows, got {pairs!r}.")
    every = np.stack(np.triu_indices(count, 1), axis=1)
    return every if pairs == "all" or count <= ALL_PAIRS else neighbours(minima)


class _Search:
    """Saddles from the census, the tops of strings and climbing, and what they join, as far as the budget goes."""

    def __init__(
        self,
        budget: Budget,
        flow: Flow,
        minima: np.ndarray,
        pairs: np.ndarray,
        climbs: int,
        seed: int,
        notes: list[str],
    ) -> None:
        self.budget, self.flow, self.seed, self.notes = budget, flow, seed, notes
        self.count, self.pairs, self.climbs = len(minima), pairs, climbs
        nothing = np.zeros((0, flow.size))
        self.parts, self.source = [passes(flow, nothing)], [np.zeros(0, dtype="<U6")]
        self.ends = [join(flow, self.parts[0], minima)]
        self.strings = laid(Budget(), flow, nothing, nothing, 3)

    def run(self, known: np.ndarray, images: int, steps: int, pairs: Any) -> None:
        """All three, and the strings between pairs that no saddle of the census joins where minima are many."""
        flow, minima, many = self.flow, self.ends[0].minima, self.count > ALL_PAIRS
        if flow.smooth:
            for part in self._lowest_first(known):
                self._take("census", part)
            if many and isinstance(pairs, str) and pairs == "auto":
                joined = {(int(i), int(j)) for ends in self.ends for i, j in np.sort(ends.joins, axis=1)}
                self.pairs = self.pairs[[tuple(pair) not in joined for pair in self.pairs.tolist()]]
        else:
            self.notes.append(
                "Forces jump here, so that passes are no zeros of the velocity: barriers are the strings' bounds."
            )
        first, last = minima[self.pairs[:, 0]], minima[self.pairs[:, 1]]
        self.strings = laid(self.budget, flow, first, last, images, steps, seed=self.seed)
        if not flow.smooth:
            return
        strings = self.strings
        tops = [strings.path[pair][strings.tops(pair)] for pair in range(len(strings.path))]
        self._take("string", np.concatenate([*tops, np.zeros((0, flow.size))]))
        if self.climbs and flow.symmetric:
            alone = np.setdiff1d(np.arange(self.count), np.concatenate([ends.joins.ravel() for ends in self.ends]))
            begin = minima[alone] if many else minima
            self._take("climb", climb(flow, begin, modes=self.climbs, seed=self.seed, budget=self.budget))
        elif self.climbs:
            self.notes.append("No climbing from minima: the Jacobian is not symmetric here.")

    def _lowest_first(self, x: np.ndarray) -> list[np.ndarray]:
        """Candidates in groups, the lowest first where they are many, so that what a budget leaves is high."""
        if len(x) <= TOGETHER:
            return [x]
        x = x[np.argsort(self.flow.energy(x), kind="stable")]
        return [x[first : first + TOGETHER] for first in range(0, len(x), TOGETHER)]

    def _take(self, name: str, x: np.ndarray) -> None:
        """Those of the candidates that are new saddles, and what they join."""
        known = np.concatenate([part.state for part in self.parts])
        part = passes(self.flow, x, known=known if len(known) else None, budget=self.budget)
        ends = join(self.flow, part, self.ends[-1].minima, budget=self.budget)
        self.parts.append(part)
        self.source.append(np.array([name] * len(part.state), dtype="<U6"))
        self.ends.append(ends)

    def results(self) -> tuple[Passes, np.ndarray, Ends, Strings, np.ndarray]:
        """Saddles, where each is from, what they join, the strings, and their pairs."""
        count = len(self.ends)
        found = Passes(*(np.concatenate(column) for column in zip(*self.parts[:count], strict=True)))
        joins, arc, energy = (
            np.concatenate([getattr(ends, name) for ends in self.ends]) for name in ("joins", "arc", "energy")
        )
        ends = Ends(joins, self.ends[-1].minima, arc, energy)
        strings = self.strings
        return found, np.concatenate(self.source[:count]), ends, strings, self.pairs[: len(strings.path)]


def _names(
    net: Field, points: FixedPoints, minima: np.ndarray, known: int, seed: int, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Kind and pattern of the minima: the census's, and for those met since a small census of their own."""
    stable = np.asarray(points.stable, dtype=bool)
    kind = [str(k) for k in np.asarray(points.kind)[stable]]
    pattern = [int(p) for p in np.asarray(points.pattern)[stable]]
    if len(minima) == known:
        return np.array(kind), np.array(pattern, dtype=int)
    notes.append(f"{len(minima) - known} minima are not in the census: the flow from saddles met them.")
    starts = net.activation(net.asarray(minima[known:]))
    found = census(Budget(), net, starts, seed=seed)
    states = backend.to_numpy(found.state).astype(float)
    for x in minima[known:]:
        gaps = np.linalg.norm(states - x, axis=-1) if len(states) else np.array([np.inf])
        near = int(gaps.argmin())
        here = len(states) > 0 and bool(net.same(states[near], x))
        kind.append(str(found.kind[near]) if here else "spurious")
        pattern.append(int(found.pattern[near]) if here else -1)
    return np.array(kind), np.array(pattern, dtype=int)


def _doubts(found: Landscape) -> list[str]:
    """What the strings and the saddles say against one another."""
    notes = []
    if missing := len(found.unjoined):
        notes.append(f"{missing} pairs of minima are joined by no chain of saddles; `upper` bounds their passes.")
    known = np.isfinite(found.passes) & ~np.eye(len(found.energy), dtype=bool)
    gap = np.where(known, found.passes, 0) - np.where(known, found.upper, 0)
    lower = known & (gap > 1e-2 * np.where(known, found.barrier, 0))
    if lower.any():
        count = int(lower.sum()) // 2
        notes.append(f"{count} pairs have a lower pass than the saddles found: a string went lower (see `upper`).")
    return notes
