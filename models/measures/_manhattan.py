"""The Manhattan similarity: kinks, a set-valued force, and the proximal weighted median as its exact step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, Number, derived, structure
from ...dynamics.kernels import city_blocks as blocks
from ...dynamics.kernels import proximal_median
from ...dynamics.synapses import Answer, Response, Similarity
from ._gaps import absolute_gap
from ._pairwise import over_elements, over_patterns

CHUNK = 2**20  # elements of a temporary (batch, rows, columns)
SORTED = 2**26  # elements up to which the columns of patterns in a file are sorted in memory


@structure
class Manhattan(Similarity):
    r"""s_i = -sum_k \|M_ik - g_k\|, the negated city-block distance.

    The force on neuron k, sum_i f_i sign(M_ik - g_k), jumps where g_k equals a stored value; the velocity
    takes the element of least norm there. The value equation with f frozen is solved exactly, coordinate
    by coordinate, by a proximal weighted median, which lowers the energy for every dt when f >= 0. With
    leak 0 a memory whose weight at the memory exceeds 1/2 is an exact fixed point.

    The step looks at N x I numbers for each sample (in chunks, so that memory stays small): it is meant
    for some thousand patterns. With numba (``pip install "hopfield[fast]"``) scores cost about what a matrix product
    does, and a step ends in each column where its median is found.

    `columns` (I, N) are the columns of the patterns, each sorted, and `order` (I, N) the rows of their values; None of
    more than 6e7 numbers in a file, which are recalled and have no steps.

    >>> import numpy as np
    >>> Manhattan(np.array([[1.0, 0.0], [1.0, 1.0]])).scores(np.array([2.0, 3.0]))
    array([-4., -3.])
    """

    order: Any = derived(lambda self: None if _is_large(self.patterns) else _places(self.patterns))
    columns: Any = derived(lambda self: None if self.order is None else _ordered(self.patterns, self.order))
    name = "manhattan"
    leak = 0.0
    smooth = False
    distance = True
    checked = True
    metric = "blocks"
    gap = staticmethod(absolute_gap)
    cancels = False
    blockwise = True

    def scores(self, g: Array) -> Array:
        """-sum_k \\|M_ik - g_k\\|."""
        return backend.scaled(city_blocks(self.patterns, g), -1)

    def block(self, g: Array, first: int, last: int, room: Array | None = None) -> Array:
        """The scores of the patterns from one to another, (B, n)."""
        return backend.scaled(city_blocks(self.patterns[first:last, ...], g), -1)

    def pullback(self, g: Array, f: Array) -> Array:
        """sum_i f_i sign(M_ik - g_k), with sign(0) = 0."""
        return over_patterns(_sign, (self.patterns,), (g,), f)

    def pushforward(self, g: Array, u: Array) -> Array:
        """sum_k sign(M_ik - g_k) u_k."""
        return over_elements(_signed, (self.patterns,), tuple(backend.batched(g, u)))

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """0 away from the kinks."""
        return backend.namespace(u).zeros_like(u)

    def kink(self, g: Array, f: Array) -> Array:
        """The weight of the memories that agree with g in a coordinate."""
        return over_patterns(_equal, (self.patterns,), (g,), f)

    def answer(self, nonnegative: bool) -> Answer:
        """A step of its own, the minimiser of a convex energy where f >= 0."""
        return Answer("own", falls=nonnegative, degree=0)

    def response(self, g: Array, f: Array) -> Response:
        """The proximal weighted median."""

        def step(x: Array, drive: Any, leak: float, ratio: Number | None) -> Array:
            return _proximal_median(self, x, f, drive, leak, ratio)

        return Response(None, step=step)

    def joined(self, rows: Array) -> Self:
        """With more rows, whose values are put into their places in the sorted columns."""
        if backend.backend_of(self.columns) != "numpy":
            return super().joined(rows)
        new = self.of(rows)
        size, more = self.columns.shape[1], new.columns.shape[1]
        columns = np.empty((self.columns.shape[0], size + more), self.columns.dtype)
        order = np.empty(columns.shape, np.int32 if size + more < 2**31 else np.int64)
        for k, (old, fresh) in enumerate(zip(self.columns, new.columns, strict=True)):
            place = np.searchsorted(old, fresh, side="right") + np.arange(more)
            there = np.ones(size + more, dtype=bool)
            there[place] = False
            columns[k, place], columns[k, there] = fresh, old
            order[k, place], order[k, there] = new.order[k] + size, self.order[k]
        patterns = np.concatenate([self.patterns, rows])
        return backend.copied(self, patterns=patterns, columns=columns, order=order)

    def without(self, kept: Array) -> Self:
        """Without some rows, whose values are taken out of the sorted columns."""
        if backend.backend_of(self.columns) != "numpy":
            return super().without(kept)
        place = np.full(self.patterns.shape[0], -1, dtype=self.order.dtype)
        place[kept] = np.arange(kept.shape[0])
        order = place[self.order]
        stays, shape = order >= 0, (order.shape[0], kept.shape[0])
        columns = self.columns[stays].reshape(shape)
        return backend.copied(self, patterns=self.patterns[kept], columns=columns, order=order[stays].reshape(shape))

    def magnitude(self, g: Array, scores: Array) -> Array:
        """\\|s_i\\| and sum \\|g_k\\|, from which the gaps are subtracted."""
        xp = backend.namespace(scores)
        return xp.abs(scores) + xp.sum(xp.abs(g), axis=-1, keepdims=True)


def city_blocks(patterns: Array, g: Array) -> Array:
    r"""sum_k \|M_ik - g_k\|, shape (..., N)."""
    xp = backend.namespace(g)
    distances = blocks(xp.reshape(g, (-1, g.shape[-1])), patterns)
    return xp.reshape(distances, (*g.shape[:-1], patterns.shape[0]))


def _is_large(patterns: Array) -> bool:
    return backend.is_mapped(patterns) and patterns.size > SORTED


def _places(patterns: Array) -> Array:
    order = backend.namespace(patterns).argsort(_turned(patterns), axis=1, stable=True)
    return order.astype(np.int32) if type(order) is np.ndarray and order.shape[1] < 2**31 else order


def _ordered(patterns: Array, order: Array) -> Array:
    return backend.namespace(patterns).take_along_axis(_turned(patterns), order, axis=1)


def _turned(patterns: Array) -> Array:
    """The columns as rows of an array of its own, each of which lies together in memory."""
    columns = backend.namespace(patterns).matrix_transpose(patterns)
    return columns.copy() if backend.backend_of(patterns) == "numpy" else columns


def _sign(m: Array, g: Array) -> Array:
    return backend.namespace(g).sign(m - g)


def _signed(m: Array, g: Array, u: Array) -> Array:
    return _sign(m, g) * u


def _equal(m: Array, g: Array) -> Array:
    return backend.namespace(g).astype(m == g, g.dtype)


def _chunks(length: int, width: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(1, width), -(-length // 256))
    return (slice(start, min(start + step, length)) for start in range(0, length, step))


def _tall(value: Any) -> Any:
    """A number as it is; numbers of B samples (..., 1) as (B, 1, 1), beside which patterns and columns find room."""
    return value if getattr(value, "ndim", 0) == 0 else backend.namespace(value).reshape(value, (-1, 1, 1))


def _proximal_median(sorted_: Manhattan, v: Array, f: Array, drive: Any, leak: Any, ratio: Any) -> Array:
    """The minimiser of \\|x - v\\|^2/(2 a) + l \\|x\\|^2/2 - b.x + sum_i f_i \\|M_i - x\\|_1 with a = dt/tau.

    With m_1..m_N a sorted column, C_k the weight of its first k entries and p_k = (v + a (b + S - 2 C_k))/(1 + a l),
    the answer is max over k = 0..N of min(m_(k+1), p_k), where m_(N+1) is infinite.
    """
    xp = backend.namespace(v)
    if sorted_.columns is None:
        count = len(sorted_.patterns)
        raise ValueError(
            f"A step of manhattan looks at the patterns column by column, each sorted, and these {count} lie in a file "
            "by rows. `recall` reads them in blocks; for the dynamics load them, numpy.array(patterns)."
        )
    width, rows = sorted_.columns.shape
    shape = v.shape
    v, f = xp.reshape(v, (-1, width)), xp.reshape(f, (-1, rows))
    drive = None if drive is None else xp.reshape(xp.broadcast_to(drive, shape), (-1, width))
    found = proximal_median(sorted_.columns, sorted_.order, v, f, drive, leak, ratio)
    if found is not None:
        return xp.reshape(found, shape)
    leak, ratio = _tall(leak), _tall(ratio)
    answers = []
    for columns in _chunks(width, v.shape[0] * rows):
        order, values = (xp.matrix_transpose(x[columns, :]) for x in (sorted_.order, sorted_.columns))
        at = v[:, None, columns]
        push = 0.0 if drive is None else drive[:, None, columns]
        gathered = xp.reshape(xp.take(f, xp.reshape(order, (-1,)), axis=1), (f.shape[0], *order.shape))
        below = xp.cumulative_sum(gathered, axis=1, include_initial=True)  # C_0..C_N
        force = push + below[:, -1:, :] - 2 * below
        if ratio is not None:
            p = (at + ratio * force) / (1 + ratio * leak)
        elif isinstance(leak, float | int) and leak > 0:
            p = force / leak
        else:
            far = xp.where(force > 0, float("inf"), xp.where(force < 0, -float("inf"), at))
            leaks = not isinstance(leak, float | int)  # a number of each sample, from another force on the population
            p = xp.where(leak > 0, force / xp.where(leak > 0, leak, 1.0), far) if leaks else far
        upper = xp.minimum(values, p[:, :-1, :])
        answers.append(xp.maximum(xp.max(upper, axis=1), p[:, -1, :]))
    return xp.reshape(xp.concat(answers, axis=1), shape)
