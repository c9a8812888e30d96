"""Memory neurons in equilibrium, of which only sums are kept: as many as lie in a file, some at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, structure
from ..doors import behind
from ..kernels import side_by_side
from ..lagrangians import Lagrangian, Merged, Table
from ._exact import Response
from ._similarity import Similarity
from ._synapses import EquilibriumSynapse

ROOM = 2**18  # numbers (B, n) of a block: what stays in a processor's cache
LEAST = 2**8  # memories of a block, so that products are worth their calls
CUES = 2**9  # that go through all the blocks together
CUES_OF_FILES = 2**11  # the same, of patterns that are read anew each time


def merges(similarity: Similarity, separation: Lagrangian, like: Array) -> bool:
    """Whether the weighted sums over these memories can be put together from blocks, eagerly and without derivatives.

    >>> import numpy as np
    >>> from hopfield.dynamics import LogSumExp
    >>> from hopfield.models import Euclidean, Manhattan
    >>> rows = np.eye(2)
    >>> [merges(one(rows), LogSumExp(), rows) for one in (Euclidean, Manhattan)]
    [True, False]
    """
    if similarity.carrier is None or similarity.scaled_weights or separation.merging() is None or backend.is_half(like):
        return False
    held = (like, *backend.arrays((similarity, separation)))
    return all(type(x) is np.ndarray or (backend.is_free(x) and not backend.is_traced(x)) for x in held)


def step_of(count: int, samples: int) -> int:
    """How many memories a block has."""
    return min(count, max(LEAST, ROOM // max(1, samples)))


def table_of(
    similarity: Similarity,
    g: Array,
    rows: Array | None = None,
    tick: Any = None,
    *,
    block: Callable[..., Array] | None = None,
    sums: bool = False,
) -> Table:
    """The scores of activations g (B, I), block by block, and what is summed: `rows` (N, O), or the carrier.

    `block` is what makes them, the similarity's own unless given. `sums` says that sums over exponentials are wanted,
    for which scores are laid out as their loop is fastest.
    """
    block = similarity.block if block is None else block
    count = similarity.patterns.shape[0]
    side = sums and side_by_side(g, count * g.shape[0])
    carried = similarity.carrier if rows is None else rows
    step = step_of(count, g.shape[0])

    def blocks() -> Iterator[tuple[int, Array]]:
        with _room(g, step, side) as room:
            for first in range(0, count, step):
                yield first, block(g, first, min(first + step, count), room)
                if tick is not None:
                    tick(min(first + step, count))

    return Table(count, blocks, lambda first, last: carried[first:last, ...], g)  # type: ignore[index]


_KEPT = threading.local()  # pages that are fresh each time cost as much as a product of a thousand patterns


@contextlib.contextmanager
def _room(g: Array, step: int, side: bool) -> Iterator[Array | None]:
    """Room for the scores of a block: NumPy's is kept for the next one, and nobody else has it meanwhile."""
    if not backend.is_free(g):
        yield None
        return
    shape, xp = (g.shape[0], step), backend.namespace(g)
    if backend.backend_of(g) != "numpy":
        yield xp.empty(shape, dtype=g.dtype, device=backend.device(g))
        return
    size = shape[0] * step
    kept, _KEPT.room = getattr(_KEPT, "room", None), None
    if kept is None or kept.dtype != g.dtype or kept.size < size:
        kept = np.empty(size, g.dtype)
    try:
        yield kept[:size].reshape(step, -1).T if side else kept[:size].reshape(shape)
    finally:
        _KEPT.room = kept if kept.size <= ROOM else None


def groups(similarity: Similarity, g: Array) -> Iterator[tuple[int, Array]]:
    """The cues (B, I) that go through the patterns together, and the number of the first of them."""
    most = CUES_OF_FILES if backend.is_mapped(similarity.patterns) else CUES
    for first in range(0, g.shape[0], most):
        yield first, g[first : first + most, ...]


def merged_sums(
    similarity: Similarity, separation: Lagrangian, g: Array, rows: Array | None = None, tick: Any = None
) -> Merged:
    """L, sum f and sum_i f_i R_i for activations (B, I), in groups of cues and blocks of memories.

    The weights of a block are known where there is one group.
    """
    merging: Any = separation.merging()
    xp, parts = backend.namespace(g), []
    for first, part in groups(similarity, g):
        told = None if tick is None else _later(tick, first / g.shape[0], part.shape[0] / g.shape[0], similarity)
        parts.append(merging.over(table_of(similarity, part, rows, told, sums=merging.exponential)))
    if len(parts) == 1:
        return parts[0]
    joined = [xp.concat(list(field), axis=0) for field in list(zip(*parts, strict=True))[:-1]]
    return Merged(*joined, weights=parts[0].weights)


def _later(tick: Callable[[float], None], done: float, share: float, similarity: Similarity) -> Callable[[float], None]:
    """How far a group of cues is, in terms of all of them."""
    return lambda count: tick(done * similarity.patterns.shape[0] + share * count)


@structure
class MergedSynapse(EquilibriumSynapse):
    r"""`EquilibriumSynapse` of one similarity, whose signal is sums over the memories instead of their states.

    The signal (..., I + 4) holds c = sum_i f_i R_i, sum f, L_h, the share that the largest weight leaves to the others,
    and sum f \|h\|, found in one pass over blocks of the patterns. Nothing of the size N x B is ever held by energy,
    forces and steps; products with second derivatives compute the states of the memory neurons anew.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import LogSumExp
    >>> from hopfield.models import Dot
    >>> one = MergedSynapse(("value",), (Dot(np.eye(2)),), LogSumExp())
    >>> one.energy(np.array([1.0, 1.0])).round(4), one.forces(np.array([1.0, 1.0]))[0]
    (np.float64(-1.6931), array([0.5, 0.5]))
    """

    def signal(self, *g: Array) -> Array:
        """The sums over the memories."""
        (x,), xp = g, backend.namespace(*g)
        flat = xp.reshape(x, (-1, x.shape[-1]))
        found = merged_sums(self.similarities[0], self.lagrangian, flat)
        parts = [found.carried, found.total, *(y[:, None] for y in (found.value, found.others, found.size))]
        return xp.reshape(xp.concat(parts, axis=1), (*x.shape[:-1], x.shape[-1] + 4))

    def states(self, *g: Array, signal: Array | None = None) -> Array:
        """The memory neurons' state h, all of them."""
        return EquilibriumSynapse.signal(self, *g)

    def weights(self, *g: Array, signal: Array | None = None) -> Array:
        """The memory neurons' activation f, all of them."""
        return behind(self.lagrangian.activation)(self.states(*g))

    def energy(self, *g: Array, signal: Array | None = None) -> Array:
        """-L_h(h)."""
        return -(self.signal(*g) if signal is None else signal)[..., -3]

    def forces(self, *g: Array, signal: Array | None = None) -> tuple[Array, ...]:
        """(dsim/dg)^T f."""
        (x,), sums = g, self.signal(*g) if signal is None else signal
        return (self.similarities[0].pull_of_sums(x, sums[..., :-4], sums[..., -4:-3]),)

    def force(self, position: int, *g: Array, signal: Array | None = None) -> Array:
        """The same."""
        return self.forces(*g, signal=signal)[0]

    def response(self, position: int, *g: Array, signal: Array | None = None) -> Response:
        """The similarity's own, with f frozen."""
        (x,), sums = g, self.signal(*g) if signal is None else signal
        return self.similarities[0].response_of_sums(x, sums[..., :-4], sums[..., -4:-3])

    def block(self, target: int, source: int, u: Array, *g: Array, signal: Array | None = None) -> Array | None:
        """D^T L_h''(h) D u, and the curvature of the scores."""
        return EquilibriumSynapse.block(self, target, source, u, *g, signal=self.states(*g))

    def kink(self, position: int, *g: Array, signal: Array | None = None) -> Array | None:
        """The similarity's own."""
        return EquilibriumSynapse.kink(self, position, *g, signal=self.states(*g))

    def measured(self, *g: Array, signal: Array | None = None) -> tuple[Array, Array]:
        """The energy, and a bound of the numbers that cancel in it."""
        (x,), sums = g, self.signal(*g) if signal is None else signal
        xp, energy = backend.namespace(x), -sums[..., -3]
        sizes = self.similarities[0].spread(x, xp.abs(sums[..., -4]), sums[..., -1])
        return energy, xp.abs(energy) + sizes
