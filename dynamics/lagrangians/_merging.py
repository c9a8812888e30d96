r"""Weighted sums over more memories than there is room for: blocks of scores, merged as they come.

A `Table` gives the scores h of some memories at a time, and rows R of which the sum over all memories is wanted,

    L(h),    S = sum_i f_i,    c = sum_i f_i R_i,    f = dL/dh.

For an elementwise L these are sums. For softmax a block with the largest entry m, z = sum e^(h - m) and
a = sum e^(h - m) R merges with what came before by

    m+ = max(m, m'),    z+ = z e^(m - m+) + z' e^(m' - m+),    a+ likewise,

which is associative, so that blocks, files, devices and hosts are one thing. Max and top-k keep a list of the largest
scores. The threshold of sparsemax and entmax is the root of a convex falling function, to which Newton's steps from the
left climb without passing it; each takes a pass over the memories.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array
from ..kernels import exponentials

SWEEPS = 60  # Newton steps for a threshold, which need a dozen


class Table(NamedTuple):
    """Scores of memories, some at a time, and what is summed with their weights."""

    count: int
    blocks: Callable[[], Iterator[tuple[int, Array]]]  # pairs (first memory, scores (B, n)) that may be written over
    rows: Callable[[int, int], Array]  # R from one memory to another, (n, O)
    like: Array  # an array (B, ...) of the library, dtype and device


class Merged(NamedTuple):
    """What the memories give together.

    `others` is the share of all weights that the largest one leaves, `size` the sum of the sizes of f h or a bound of
    it. `weights` gives the weights of a block of scores from the memory `first` on, in another pass.
    """

    value: Array  # (B,)
    total: Array  # (B, 1)
    carried: Array  # (B, O)
    others: Array  # (B,)
    size: Array  # (B,)
    weights: Callable[[int, Array], Array]


class Merging(ABC):
    """How the blocks of one separation are put together; `exponential` says that weights are e^(beta h) in one pass."""

    exponential = False

    @abstractmethod
    def over(self, table: Table) -> Merged:
        """L, S and c of a table."""


def _column(table: Table, value: float) -> Array:
    return backend.full((table.like.shape[0], 1), value, table.like)


def _sum(x: Array) -> Array:
    return backend.namespace(x).sum(x, axis=-1, keepdims=True)


def _top(x: Array) -> Array:
    return backend.namespace(x).max(x, axis=-1, keepdims=True)


def _share(total: Array, largest: Array) -> Array:
    xp = backend.namespace(total)
    return ((total - largest) / xp.where(total > 0, total, total + 1))[..., 0]


class Sums(Merging):
    """An elementwise Lagrangian: all is a sum."""

    def __init__(self, law: Any) -> None:
        self.law = law

    def over(self, table: Table) -> Merged:
        """One pass."""
        law, xp = self.law, backend.namespace(table.like)
        total = mass = largest = size = _column(table, 0.0)
        value, carried = total[..., 0], 0.0
        for first, h in table.blocks():
            f = law.activation(h)
            weights = f if law.nonnegative else xp.abs(f)
            value, total, mass = value + law.value(h), total + _sum(f), mass + _sum(weights)
            largest, size = xp.maximum(largest, _top(weights)), size + _sum(weights * xp.abs(h))
            carried = carried + f @ table.rows(first, first + h.shape[-1])
        return Merged(value, total, carried, _share(mass, largest), size[..., 0], lambda _, h: law.activation(h))


class Softmax(Merging):
    """f = e^(beta h)/sum e^(beta h), L = log(sum e^(beta h))/beta."""

    exponential = True

    def __init__(self, beta: Any) -> None:
        self.beta = beta

    def over(self, table: Table) -> Merged:
        """One pass; each block is shifted by the largest score so far."""
        xp, beta = backend.namespace(table.like), self.beta
        top: Any = None
        z: Any = None
        carried: Any = None
        for first, h in table.blocks():
            found = exponentials(h, beta, top, table.count * h.shape[0])
            if found is None:
                new = _top(h) if top is None else xp.maximum(top, _top(h))
                h = backend.exp_of_gap(h, new, beta, faint=False)
                mass = h @ backend.full((h.shape[-1], 1), 1.0, h)  # a product is faster than a sum of rows
            else:
                new, mass = found
            part = h @ table.rows(first, first + h.shape[-1])
            if top is None:
                z, carried = mass, part
            elif type(new) is np.ndarray and np.array_equal(new, top):  # as mostly after some blocks
                z, carried = z + mass, backend.added(carried, part)
            else:
                back = xp.exp(beta * (top - new))
                z, carried = z * back + mass, carried * back + part
            top = new
        value = (top + xp.log(z) / beta)[..., 0]
        size = xp.abs(value) + math.log(table.count + 1) / beta

        def weights(_: int, h: Array) -> Array:
            return backend.exp_of_gap(h, top, beta) / z

        return Merged(value, xp.ones_like(z), carried / z, ((z - 1) / z)[..., 0], size, weights)


class Chosen(Merging):
    """One at the k largest scores, the lowest indices first: a list of the best so far, then what its rows carry."""

    def __init__(self, k: int) -> None:
        self.k = k

    def over(self, table: Table) -> Merged:
        """One pass over the scores; the rows are then taken one by one."""
        xp, k = backend.namespace(table.like), self.k
        if k > table.count:
            raise ValueError(f"top_k({k}) needs at least {k} neurons, got {table.count}.")
        best, which = best_of(table, k)
        one = _column(table, 1.0)
        carried = sum((_taken(table, which[:, j], one) for j in range(k)), 0.0 * one)
        worst = best[:, -1:]
        last = xp.max(xp.where(best == worst, which, -1), axis=-1, keepdims=True)

        def weights(first: int, h: Array) -> Array:
            place = xp.arange(first, first + h.shape[-1], device=backend.device(h))
            return xp.astype((h > worst) | ((h == worst) & (place <= last)), h.dtype)

        others = (0 * one + (1 - 1 / k))[..., 0]
        size = xp.sum(xp.abs(best), axis=-1)
        return Merged(xp.sum(best, axis=-1), k * one, carried, others, size, weights)


def _taken(table: Table, which: Array, like: Array) -> Array:
    """Rows (B, O) of one memory for each sample, fetched once for all that share it."""
    xp, host = backend.namespace(like), backend.to_numpy(which)
    return xp.concat([table.rows(int(i), int(i) + 1) for i in host], axis=0)


def best_of(table: Table, k: int) -> tuple[Array, Array]:
    """The k largest scores of each sample in falling order, and which memories have them: (B, k), of equals the lowest.

    >>> import numpy as np
    >>> scores = np.array([[1.0, 5.0, 5.0, 2.0]])
    >>> table = Table(4, lambda: iter([(0, scores[:, :2]), (2, scores[:, 2:])]), lambda i, j: np.eye(4)[i:j], scores)
    >>> best_of(table, 3)
    (array([[5., 5., 2.]]), array([[1, 2, 3]]))
    """
    xp = backend.namespace(table.like)
    best, which = None, None
    for first, h in table.blocks():
        top, place = _largest(h, min(k, h.shape[-1]))
        place = place + first
        if best is not None:
            top, place = xp.concat([best, top], axis=1), xp.concat([which, place], axis=1)
        order = xp.argsort(top, axis=1, descending=True, stable=True)[:, :k]
        best, which = xp.take_along_axis(top, order, axis=1), xp.take_along_axis(place, order, axis=1)
    return best, which


def _largest(h: Array, k: int) -> tuple[Array, Array]:
    """The k largest entries of each row and their places, of equals the lowest first."""
    xp = backend.namespace(h)
    if k == 1:
        place = xp.argmax(h, axis=1, keepdims=True)
    else:
        place = xp.argsort(h, axis=1, descending=True, stable=True)[:, :k]
    return xp.take_along_axis(h, place, axis=1), place


class Thresholds(Merging):
    """p = relu(z - theta)^(1/(a-1)) with z = (a-1) beta h, theta such that the weights sum to one."""

    def __init__(self, alpha: float, beta: Any) -> None:
        self.alpha, self.beta = alpha, beta

    def _lifted(self, h: Array, top: Array) -> Array:
        return (self.alpha - 1) * self.beta * (h - top)

    def over(self, table: Table) -> Merged:
        """A pass for the largest score, some for the threshold, and one for the sums."""
        xp, a = backend.namespace(table.like), self.alpha
        power = 1 / (a - 1)
        top = _column(table, -math.inf)
        for _, h in table.blocks():
            top = xp.maximum(top, _top(h))
        theta, eps = _column(table, -1.0), backend.epsilon(table.like)
        for _ in range(SWEEPS):
            mass, slope = _column(table, 0.0), _column(table, 0.0)
            for _, h in table.blocks():
                above = xp.clip(self._lifted(h, top) - theta, min=0.0)
                inside = above > 0
                if power == 1:
                    mass, slope = mass + _sum(above), slope + _sum(xp.astype(inside, h.dtype))
                else:
                    part = xp.where(inside, above, 1.0) ** (power - 1)
                    part = xp.where(inside, part, 0.0)
                    mass, slope = mass + _sum(part * above), slope + power * _sum(part)
            step = (mass - 1) / slope
            theta = theta + step
            if bool(xp.all(xp.abs(step) <= 4 * eps)):
                break

        def raw(h: Array) -> Array:
            above = xp.clip(self._lifted(h, top) - theta, min=0.0)
            return above if power == 1 else xp.where(above > 0, xp.where(above > 0, above, 1.0) ** power, 0.0)

        total = along = powers = largest = size = _column(table, 0.0)
        carried: Any = 0.0
        for first, h in table.blocks():
            p = raw(h)
            total, largest = total + _sum(p), xp.maximum(largest, _top(p))
            along, size = along + _sum(p * h), size + _sum(p * xp.abs(h))
            powers = powers + _sum(xp.where(p > 0, xp.where(p > 0, p, 1.0) ** a, 0.0))
            carried = carried + p @ table.rows(first, first + h.shape[-1])
        entropy = (1 - powers / total**a) / (a * (a - 1))
        value = (along / total + entropy / self.beta)[..., 0]
        share = _share(total, largest)
        norm = total

        def weights(_: int, h: Array) -> Array:
            return raw(h) / norm

        return Merged(value, xp.ones_like(total), carried / total, share, (size / total)[..., 0], weights)


class Kernels(Merging):
    """f = (1 where beta h > -1)/(eps + sum relu(1 + beta h)), L = log of that sum over beta."""

    def __init__(self, beta: Any, eps: float) -> None:
        self.beta, self.eps = beta, eps

    def over(self, table: Table) -> Merged:
        """One pass."""
        xp = backend.namespace(table.like)
        z, count, size = _column(table, self.eps), _column(table, 0.0), _column(table, 0.0)
        carried: Any = 0.0
        for first, h in table.blocks():
            rise = 1 + self.beta * h
            inside = xp.astype(rise > 0, h.dtype)
            z, count = z + _sum(xp.where(rise <= 0, 0.0, rise)), count + _sum(inside)
            size = size + _sum(inside * xp.abs(h))
            carried = carried + inside @ table.rows(first, first + h.shape[-1])
        value = (xp.log(z) / self.beta)[..., 0]
        share = _share(count, xp.clip(count, max=1.0))

        def weights(_: int, h: Array) -> Array:
            return xp.astype(self.beta * h > -1, h.dtype) / z

        return Merged(value, count / z, carried / z, share, (size / z)[..., 0], weights)
