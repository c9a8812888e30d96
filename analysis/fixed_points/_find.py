"""A census of the fixed points of a memory or network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked, positive, quiet
from ...dynamics.network import Network
from ...dynamics.simulation import Memory
from ...models.family import rule_of
from .. import _declared as declared
from ..flow import (
    Field,
    Reduction,
    Spectrum,
    at_home,
    canonical,
    check_counts,
    field,
    held_somewhere,
    one_thread,
    reduce,
    residual_tolerance,
    stability,
)
from ..results import Budget
from ._attractors import attractors, saddles_between
from ._census import FixedPoints
from ._completeness import Completeness, completeness, unseen
from ._eigenvectors import extended, search_harder
from ._everything import everything
from ._kinks import attracting, find_at_jumps
from ._naming import kinds, rows_of
from ._search import Table, deflated, search_from, slow_points
from ._starts import pattern_starts, takes_signs
from ._states import random_states, sized

FEW = 64  # starts of each sort where forces jump
ALL = 12  # patterns up to which fixed points of every index are looked for by themselves
IN_PART = "in part"


@quiet
@checked(**declared.FIND_FIXED_POINTS)
def find_fixed_points(
    memory: Memory | Network | Field,
    starts: Any = None,
    *,
    seed: int | np.random.Generator = 0,
    patterns: Any = None,
    wanted: str | int = "auto",
    batches: int = 12,
    batch_size: int = 64,
    eigenvalues: int = 6,
    tol: float | None = None,
    deflate: bool = False,
    reduction: bool = True,
    differences: float | None = None,
    most: int = 2000,
    seconds: float | None = None,
    progress: bool = False,
) -> FixedPoints:
    r"""Find the fixed points of a memory (tau_memory = 0) or network, of every index, and classify them.

    N patterns have up to some 2^N fixed points. Beyond 12 patterns those of index 0 and 1 are looked for, unless
    `wanted` says otherwise: the attractors, and the saddles between attractors that are neighbours.

    Starts are relaxed in a batch and polished, before and after, by Newton's method on the velocity (`polish`), which
    converges to saddles as well. What is new is searched from again: pushed off its unstable directions, and from the
    midpoints of pairs. Random batches follow until three in a row find nothing new; half of their starts are states at
    which a few patterns have weights of one order (`balanced_starts`), near which saddles lie. While the sum of
    (-1)^index proves that a point is missing, eigenvectors are followed from every point to the next higher and lower
    index (`follow`), and Newton's method is deflated, for at most 64 neurons. A result counts only if the
    residual is below 1e-10 of a typical one (1e-5 in float32) or rounding, AND Newton's method contracts there; slow
    points, at which the flow merely lingers, are reported apart. Of rays (cosine with leak 0) one point each is given,
    of the patterns' length; they are looked for on the unit sphere, whatever the patterns' scale.

    Parameters
    ----------
    memory : model, Network or Field
        What moves. `energy_network` makes a network of a plain energy function.
    starts : array (B, D) or dict of states, optional
        Activations to begin at, or states by population; only these are used then. By default the patterns, means of
        pairs, triples and all but one (of all subsets, if there are at most 512), reversed ones, and random states.
    seed : int or Generator
        For the random starts.
    patterns : array (N, D), optional
        Activations that count as the memories of a network.
    wanted : {"auto", "all", "attractors"} or int
        Which points: all of them, stable ones, or those up to an index (1: attractors and the saddles between
        neighbours). "auto": all, but up to index 1 beyond 12 patterns, and all that given starts lead to.
    batches, batch_size : int
        The most random batches, and the starts in each.
    eigenvalues : int
        How many eigenvalues are kept for each point.
    tol : float, optional
        The largest residual, in units of a typical one (`Field.force`); 1e-10 unless given, 1e-5 in float32.
    deflate : bool
        Whether Newton's method is repelled from all that is known, in the end, until that finds nothing; for at most
        64 neurons.
    reduction : bool
        Whether to search in the row space of the patterns where that is exact (see `row_space`).
    differences : float, optional
        On NumPy, the relative step of central differences that stand for derivatives that were not given; eps^(1/3)
        unless said, and 0 refuses them.
    most : int
        The most points; a continuum of fixed points would never end.
    seconds : float, optional
        Of wall time, after which nothing new is begun. What was found by then is returned, as after Ctrl-C, and
        `skipped` says what was not looked for. A second Ctrl-C does not wait for the step that is under way.
    progress : bool
        Show a bar, if standard error is a terminal.

    Returns
    -------
    FixedPoints
        Points, kinds, indices, hit counts and a verdict on completeness.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> found = find_fixed_points(ModernHopfield(np.array([[1.0, 1.0], [-1.0, -1.0]]), beta=1.0))
    >>> found.activation[found.index == 0].round(6), found.kind
    (array([[ 0.957504,  0.957504],
           [-0.957504, -0.957504]]), array(['memory', 'memory', 'saddle(1)'], dtype='<U9'))
    >>> found.complete, found.morse_sum
    ('not refuted', 1)
    """
    settings: dict[str, Any] = {"batches": batches, "batch_size": batch_size, "eigenvalues": eigenvalues, "most": most}
    settings |= {"tol": tol, "deflate": deflate, "reduction": reduction, "differences": differences}
    with Budget(seconds, progress) as budget:
        return census(budget, memory, starts, seed=seed, patterns=patterns, wanted=wanted, **settings)


@quiet
def census(
    budget: Budget,
    memory: Any,
    starts: Any = None,
    *,
    seed: int | np.random.Generator = 0,
    patterns: Any = None,
    wanted: str | int = "auto",
    batches: int = 12,
    batch_size: int = 64,
    eigenvalues: int = 6,
    tol: float | None = None,
    deflate: bool = False,
    reduction: bool = True,
    differences: float | None = None,
    most: int = 2000,
) -> FixedPoints:
    """`find_fixed_points` on the budget of another search.

    >>> from hopfield.models import ModernHopfield
    >>> census(Budget(), ModernHopfield(np.eye(2), beta=8.0), wanted="attractors")
    FixedPoints(2 points: 2 memory; in part)
    """
    whole = held_somewhere(field(at_home(memory, starts, differences), patterns=patterns, differences=differences))
    check_counts(batches=(batches, 0), batch_size=(batch_size, 1), eigenvalues=(eigenvalues, 1), most=(most, 1))
    rng = np.random.default_rng(seed)
    given = None if starts is None else backend.to_numpy(whole.start(starts)).reshape(-1, whole.size)
    part = None if tol is None else positive("tol", tol)
    if not whole.smooth:
        bound = residual_tolerance(whole) if part is None else part * whole.force
        table = Table.empty(whole, bound, budget)
        return _at_jumps(table, given, rng, batches * batch_size, eigenvalues, wanted == "attractors" or wanted == 0)
    small = reduce(whole, reduction)
    bound = residual_tolerance(small.flow) if part is None else part * small.flow.force
    table = Table.empty(small.flow, bound, budget)
    largest = _largest(whole, wanted, starts is not None)
    saturated = True
    with one_thread(small.flow.size):
        with budget.trying("what the search was looking for when it was broken off"):
            if given is not None:
                search_from(table, small.project(given), random=True)
            elif largest is None or small.flow.patterns is None:
                saturated = everything(table, rng, batches, batch_size, most)
                search_harder(table, rng, most, min(eigenvalues, small.flow.size))
            else:
                k = min(eigenvalues, small.flow.size)
                saturated = attractors(table, rng, batches, batch_size, most, k)
                if largest:
                    saddles_between(table, largest, most, k)
            if deflate:
                begin = small.project(given) if given is not None else random_states(small.flow, batch_size, rng)
                deflated(table, begin, rng)
        return _classified(whole, small, table, eigenvalues, saturated, given is not None, most, largest)


def _largest(whole: Field, wanted: str | int, given: bool) -> int | None:
    """The largest index that is wanted; None for all."""
    if wanted == "auto":
        many = whole.patterns is not None and len(whole.patterns) > ALL
        return 1 if many and not given else None
    return None if wanted == "all" else 0 if wanted == "attractors" else int(wanted)


def _classified(
    whole: Field,
    small: Reduction,
    table: Table,
    k: int,
    saturated: bool,
    given: bool,
    most: int,
    largest: int | None,
) -> FixedPoints:
    if largest is not None and len(table.x):
        low = table.spectra or extended(small.flow, table.x, min(k, small.flow.size), None)
        table.spectra = low
        table.keep(low.index <= largest)
    flow, known = small.flow, table.spectra if small.rays is None else None  # rays have another length on the sphere
    seen, points = (flow, table.x) if small.rays is None else (whole, small.lift(table.x))
    found = extended(seen, points, min(k, flow.size), known) if len(points) else _nothing(flow, k)
    stable, of_map = stability(seen, points, found)
    budget = table.budget
    verdict = completeness(flow, table.x, found, saturated) if largest is None else _in_part(budget, largest)
    guess = unseen(table.random_hits)
    more = 0.0 if saturated else max(0.0, guess.points - float((table.random_hits == 0).sum()))
    left = max(more, float(verdict.missing))
    words = "Only the given starts were searched from." if given else _seen(guess.coverage, more)
    values = found.eigenvalues
    if small.extra:
        values = np.sort(np.concatenate([values, np.full((len(values), small.extra), small.rate)[:, :k]], axis=1))
        values = values[:, :k].astype(table.x.dtype)
    x = small.lift(table.x)
    place = whole.asarray(x)
    activation = backend.to_numpy(whole.activation(place))
    weights = _weights(whole, place)
    named = kinds(whole, activation, found.index, found.marginal, weights)
    energy = backend.to_numpy(whole.energy(place)).astype(float)
    result = FixedPoints(
        state=x,
        activation=activation,
        energy=energy,
        residual=np.linalg.norm(backend.to_numpy(whole.residual(place)), axis=-1),
        index=found.index,
        eigenvalues=values,
        kind=named.kind,
        pattern=named.pattern,
        weights=weights,
        hits=table.hits,
        stable=stable,
        stable_map=of_map,
        slow=small.lift(slow_points(table)),
        morse_sum=verdict.morse_sum,
        complete=verdict.verdict,
        reason=f"{verdict.reason} {words}",
        unseen=left,
        coverage=guess.coverage,
        conservative=whole.conservative,
        how=found.how,
        message=_message(whole, found, len(table.x) >= most),
        reverse=named.reverse,
        stopped=budget.stopped,
        skipped=tuple(budget.skipped),
    )
    return result.select(_order(result))


def _in_part(budget: Budget, largest: int) -> Completeness:
    """The verdict on a search for points up to an index."""
    if largest:
        budget.skip(f"saddles of index {'1' if largest == 1 else f'1 to {largest}'} other than between neighbours")
    budget.skip(f"points of index {largest + 1} and more")
    return Completeness(None, IN_PART, f"Points of an index up to {largest} were wanted.")


def _seen(coverage: float, more: float) -> str:
    """What the hits of random searches say, in a sentence."""
    covered = f"By their hits a random search ends in a point already found with probability {coverage:.2g}"
    return f"{covered}, and about {more:.2g} points are unseen." if more >= 0.5 else f"{covered}."


def _order(found: FixedPoints) -> np.ndarray:
    """Lowest energy first, equal ones by pattern and then by place."""
    energy = np.nan_to_num(found.energy, nan=0.0)
    size = max(float(np.abs(energy).max(initial=0.0)), float(np.ptp(energy)) if len(energy) else 0.0, 1e-300)
    level = np.round(energy / size, 6 if found.state.dtype == np.float64 else 3)
    places = np.round(found.activation / max(float(np.abs(found.activation).max(initial=0.0)), 1e-300), 3)
    return np.lexsort([*places.T[:16][::-1], found.pattern, np.maximum(found.index, 0), level])


def _weights(whole: Field, place: Any) -> np.ndarray | None:
    rule = rule_of(whole.memory)
    if rule is None:
        return None
    inner = whole.network.synapses.get("memory")
    if inner is None or not hasattr(inner, "weights"):
        return None
    activations = whole.network.activations(whole.states(place))
    weights = inner.weights(*(activations[name] for name in inner.between))
    return backend.to_numpy(weights) if rule.separation.nonnegative else None


def _message(whole: Field, found: Spectrum, cut: bool) -> str:
    parts = []
    if cut:
        parts.append(
            f"The search was cut short at {len(found.index)} points. They may be a continuum, as where all weights "
            "vanish; else raise `most`."
        )
    elif not whole.conservative:
        turns = np.abs(np.imag(found.eigenvalues)) > 1e-9 * found.largest[:, None]
        how = "eigenvalues are complex" if turns.any() else "eigenvalues are of the Jacobian"
        parts.append(
            f"The forces are not the gradient of an energy: no energy is claimed, {how} (minus those of the Jacobian), "
            "and there may be cycles, which no census of fixed points sees."
        )
    elif not whole.symmetric:
        parts.append("Without a symmetric reduced Hessian the eigenvalues are minus those of the Jacobian.")
    if whole.differenced:
        parts.append("Derivatives that were not given are central differences.")
    return " ".join(parts)


def _nothing(flow: Field, k: int) -> Spectrum:
    none = np.zeros(0)
    return Spectrum(np.zeros((0, min(k, flow.size))), none, none.astype(int), none > 0, "none", none, none > 0)


def _at_jumps(
    table: Table, given: np.ndarray | None, rng: np.random.Generator, count: int, k: int, calm: bool
) -> FixedPoints:
    whole, budget, begin = table.flow, table.budget, given
    if begin is None:
        parts = [
            random_states(whole, min(count, FEW), rng)
        ]  # an update of Manhattan looks at N x D numbers for each start
        if whole.patterns is not None:
            combined = pattern_starts(whole.patterns, signed=takes_signs(whole), seed=rng)
            parts.insert(0, sized(whole, combined[: len(whole.patterns) + FEW]))
        begin = np.concatenate(parts)
    begin = canonical(whole, begin)
    parts = [begin[at : at + FEW] for at in range(0, len(begin), FEW)]
    with budget.trying("what the search was looking for when it was broken off"):
        for part in budget.each("groups of starts", parts):
            found = find_at_jumps(whole, part, table.tol)
            table.add(found.x[found.converged], np.ones(int(found.converged.sum()), int))
    table.random_hits = table.hits
    place = whole.asarray(table.x)
    activation = backend.to_numpy(whole.activation(place))
    weights = _weights(whole, place)
    none = np.zeros(len(table.x), int)
    kind, pattern, reverse = kinds(whole, activation, none, none > 0, weights)
    stored = None if whole.patterns is None else backend.to_numpy(whole.patterns)
    if stored is not None:
        same = _equal(whole, activation[:, : stored.shape[1]], stored)
        exact = same.any(axis=1)
        kind, reverse = np.where(exact, "memory (exact)", kind), np.where(exact, -1, reverse)
        pattern = np.where(exact, rows_of(whole)[same.argmax(axis=1)], pattern)
    guess = unseen(table.random_hits)
    stable = attracting(whole, table.x)
    kind = np.where(stable, kind, "not attracting")
    pattern, reverse = (np.where(stable, rows, -1) for rows in (pattern, reverse))
    result = FixedPoints(
        state=table.x,
        activation=activation,
        energy=backend.to_numpy(whole.energy(place)).astype(float),
        residual=np.linalg.norm(backend.to_numpy(whole.residual(place)), axis=-1),
        index=none - 1,
        eigenvalues=np.full((len(none), min(k, whole.size)), np.nan),
        kind=kind,
        pattern=pattern,
        weights=weights,
        hits=table.hits,
        stable=stable,
        stable_map=None,
        slow=table.x[:0],
        morse_sum=None,
        complete="undefined",
        reason=f"The forces of {', '.join(whole.network.kinks)} jump, so that points have no index.",
        unseen=guess.points,
        coverage=guess.coverage,
        conservative=whole.conservative,
        how="none",
        message="Only what updates reach is found where forces jump: attractors, and kinks that hold a state.",
        reverse=reverse,
        stopped=budget.stopped,
        skipped=tuple(budget.skipped),
    )
    result = result.select(_order(result))
    return result.select(result.stable) if calm else result


def _equal(flow: Field, activation: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """Whether points are stored patterns, number for number, or to rounding where only directions count: (K, N)."""
    if (rule := rule_of(flow.memory)) is None or not rule.similarity.ray:
        return (activation[:, None, :] == stored).all(axis=-1).reshape(len(activation), len(stored))
    x, y = (rows / np.maximum(np.linalg.norm(rows, axis=1), 1e-300)[:, None] for rows in (activation, stored))
    return np.abs(x[:, None, :] - y).max(axis=-1) <= 8 * backend.epsilon(flow.like)
