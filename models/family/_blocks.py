r"""Answers of memories that are too many for an array (N, B): weighted sums and lists of the best, block by block.

The patterns may lie in a file: a `numpy.memmap` is read as it is needed, once for each pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.integrators import Relaxation
from ...dynamics.lagrangians import Table, best_of
from ...dynamics.simulation import ticker
from ...dynamics.synapses import MergedSynapse, groups, merged_sums, merges, table_of
from .._resting import leaves

FEW = 2**15  # scores that are held all together
MANY = 2**15  # memories from which on a network keeps sums of them and not their states
MOST = 2**26  # scores that are made at once where sums cannot be merged
HELD = 2**15  # scores up to which `retrieve` holds them all: sums over blocks are no faster before
WIDE = 2**8  # values of a pattern for each of which it holds so many: sums cost a product more, and fewer passes
SOME = 2**9  # memories from which on `retrieve` does
CLEAR = 0.5  # growth of a push that is sure to decay


class Best(NamedTuple):
    """The memories of the largest weights; arrays have the batch axes of the query.

    Attributes
    ----------
    patterns : int array (..., k)
        Rows of the stored patterns, of the largest weight first; of equal ones the lowest row.
    weights : array (..., k)
        Their weights.
    rest : array (...)
        The sum of all other weights.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> best = ModernHopfield(np.eye(3), beta=2.0).best(np.array([0.1, 0.9, 0.5]), 2)
    >>> best.patterns, best.weights.round(3), best.rest.round(3)
    (array([1, 2]), array([0.606, 0.272]), np.float64(0.122))
    """

    patterns: np.ndarray
    weights: Array
    rest: Array


def in_blocks(memory: Any, like: Array, least: int = 0) -> bool:
    """Whether a query is answered block by block: where that is possible and pays."""
    separation, count = memory.rule.separation, memory.memories.shape[0]
    samples = math.prod(like.shape[:-1])
    if not samples or separation.domain or (count < least if least else count * samples < FEW):
        return False
    if not least and memory.sim.blockwise and backend.is_mapped(memory.memories):  # sums of patterns, not of forces
        return separation.merging() is not None and not backend.is_half(like)
    return merges(memory.sim, separation, like)


def by_groups(call: Callable[[Array], Any], query: Array, count: int) -> Any:
    """call(query) for queries (..., I), so many at once that a group has no more than MOST scores of `count` patterns.

    The answers, arrays or tuples of arrays with the batch axes of the query, are put together again.
    """
    xp, shape, width = backend.namespace(query), tuple(query.shape[:-1]), query.shape[-1]
    samples, step = math.prod(shape), max(1, MOST // count)
    if samples <= step:
        return call(query)
    flat = xp.reshape(query, (-1, width))
    parts = [call(flat[first : first + step, ...]) for first in range(0, samples, step)]

    def whole(fields: Any) -> Any:
        if fields[0] is None:
            return None
        xp = backend.namespace(*fields)
        joined = xp.concat([xp.asarray(field) for field in fields], axis=0)
        return xp.reshape(joined, (*shape, *joined.shape[1:]))

    if backend.is_array(parts[0]):
        return whole(parts)
    made = [whole(fields) for fields in zip(*parts, strict=True)]
    return type(parts[0])(*made) if hasattr(parts[0], "_fields") else tuple(made)


def recalled(memory: Any, query: Array, progress: bool = False) -> Array:
    """P^T sep(sim(M, q)) for a checked query (..., I): shape (..., O)."""
    xp, count = backend.namespace(query), memory.memories.shape[0]
    rows = memory.memories if memory.projection is None else memory.projection
    flat = xp.reshape(query, (-1, query.shape[-1]))
    if progress:
        with ticker(True, "recall", count) as tick:
            found = merged_sums(memory.sim, memory.rule.separation, flat, rows, tick)
    else:
        found = merged_sums(memory.sim, memory.rule.separation, flat, rows)
    return xp.reshape(found.carried, (*query.shape[:-1], rows.shape[-1]))


def best(memory: Any, query: Array, k: int) -> Best:
    """The k largest weights of a checked query (..., I)."""
    xp, separation = backend.namespace(query), memory.rule.separation
    flat = xp.reshape(query, (-1, query.shape[-1]))
    if in_blocks(memory, query):
        parts = [_best_in_blocks(memory, part, separation, k) for _, part in groups(memory.sim, flat)]
        rows, weights, rest = (xp.concat(list(part), axis=0) for part in zip(*parts, strict=True))
    else:
        f = memory.weights(flat)
        table = Table(f.shape[-1], lambda: iter([(0, f)]), lambda i, j: f, flat)
        weights, rows = best_of(table, k)
        rest = xp.sum(f, axis=-1) - xp.sum(weights, axis=-1)
    shape = query.shape[:-1]
    return Best(
        backend.to_numpy(xp.reshape(rows, (*shape, k))), xp.reshape(weights, (*shape, k)), xp.reshape(rest, shape)
    )


def _best_in_blocks(memory: Any, flat: Array, separation: Any, k: int) -> tuple[Array, Array, Array]:
    xp = backend.namespace(flat)
    sums = merged_sums(memory.sim, separation, flat, memory.memories[:, :1])
    scores = table_of(memory.sim, flat)

    def blocks() -> Iterator[tuple[int, Array]]:
        return ((first, sums.weights(first, h)) for first, h in scores.blocks())

    weights, rows = best_of(scores._replace(blocks=blocks), k)
    return rows, weights, sums.total[..., 0] - xp.sum(weights, axis=-1)


def synapse_of(memory: Any, like: Array, least: int) -> type | None:
    """The synapse that keeps sums over the memories alone, where there are `least` of them and that is possible."""
    return MergedSynapse if memory.projection is None and in_blocks(memory, like, least) else None


def nearest_in_blocks(places: Any, g: Array) -> np.ndarray:
    """The row of the pattern nearest to each of some states (B, I), of copies the lowest."""
    xp, one, offset = backend.namespace(g), g[:, 0] * 0 + 1, places.offset(g)
    top: Any = None
    row: Any = None
    own: Any = None
    for first, s in table_of(places, g, block=places.ranks).blocks():
        high = xp.max(s, axis=-1, keepdims=True)
        slack = 8 * backend.epsilon(g) * places.spread(g, one, xp.abs(high + offset)[:, 0])[:, None]
        slack = xp.where(xp.isfinite(slack), slack, 0.0)
        here = backend.first(s >= high - slack)
        mine = xp.take_along_axis(s, here, axis=-1)
        if top is None:
            top, row, own = high, here + first, mine
            continue
        better = own < high - slack
        row, own = xp.where(better, here + first, row), xp.where(better, mine, own)
        top = xp.maximum(top, high)
    return backend.to_numpy(row[:, 0])


def left(memory: Any, method: Relaxation, found: Any, rests: np.ndarray) -> np.ndarray:
    r"""Which of the points that rest are left after a push toward the memory of the largest weight.

    With softmax an update is the mean of the patterns with weights f, or of such form, and its derivative is beta times
    their covariance, which is at most beta times the share of the others times (2 max \|M_i\|)^2: where that is small
    no push grows, and none is made.
    """
    similarity, separation, value, leak = memory.rule
    g = found.activations["value"]
    xp, sums = backend.namespace(g), found.point.signals["memory"]
    others = backend.to_numpy(sums[..., -2])
    wanted = rests & (others > max(1e-8, 8 * backend.epsilon(g)))
    if separation.law == "softmax" and value.identity and similarity.metric in ("product", "square"):
        gain = float(backend.to_numpy(separation.beta)) * (2.0 if similarity.metric == "square" else 1.0 / leak)
        reach = 4 * float(xp.max(memory.places.squares))
        wanted = wanted & ~((leak == 0) == (similarity.metric == "square") and gain * reach * others < CLEAR)
    if not wanted.any():
        return wanted
    rows = np.flatnonzero(wanted)
    where = xp.asarray(rows, device=backend.device(g))
    states = {name: xp.take(x, where, axis=0) for name, x in found.states.items()}
    after = {name: xp.take(x, where, axis=0) for name, x in found.after.items()}
    g, sums = xp.take(g, where, axis=0), xp.take(sums, where, axis=0)
    if separation.smooth:
        first = best_of(table_of(memory.sim, g), 1)[1][:, 0]
    else:  # weights may be equal where scores are not
        first = xp.asarray(best(memory, g, 1).patterns[:, 0], device=backend.device(g))
    total = xp.where(sums[:, -4:-3] > 0, sums[:, -4:-3], 1.0)
    gap = xp.take(memory.sim.carrier, first, axis=0) - sums[:, :-4] / total
    push = {"value": memory.sim.pull_of_sums(g, gap, 0 * total)}
    scale = xp.sqrt(xp.sum(g * g, axis=-1))
    if not similarity.ray:
        own = xp.take(memory.memories, first, axis=0)
        scale = scale + xp.sqrt(xp.sum(own * own, axis=-1))
    flow = found.flow.network.bound({name: xp.take(m, where, axis=0) for name, m in found.flow.clamp.items()})
    wanted[rows] = leaves(method, flow, states, push, scale, np.ones(rows.size, bool), after=after)
    return wanted
