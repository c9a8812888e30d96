"""The stages of a step: their increments, and the sums of these with the weights of a tableau."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ._base import States


@functools.cache
def _matrix(rows: tuple[tuple[float, ...], ...], dtype: np.dtype) -> np.ndarray:
    """Rows of weights, filled up with 0."""
    width = max(map(len, rows))
    return np.asarray([[*row, *[0.0] * (width - len(row))] for row in rows], dtype)


@functools.lru_cache
def _parts(shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> list[tuple[str, slice, tuple[int, ...]]]:
    """Where in a row each population lies, and its shape."""
    parts, start = [], 0
    for name, shape in shapes:
        end = start + math.prod(shape)
        parts.append((name, slice(start, end), shape))
        start = end
    return parts


class Stages:
    """States (B, n) by population, and increments like them, one for each stage of a step.

    With NumPy all populations of a stage lie in one row, below that of the states, so that all sums over the stages are
    one product. Other libraries, which derive the sums or compile them together, add one by one.

    Parameters
    ----------
    states : dict of arrays (B, n)
        Where the step begins.
    count : int
        The number of stages.

    Examples
    --------
    >>> stages = Stages({"x": np.ones((1, 2))}, 2)
    >>> stages.add({"x": np.array([[1.0, 2.0]])})
    >>> moved, pulled = stages.moved((3.0,), (0.5,))
    >>> moved["x"], pulled["x"]
    (array([[4., 7.]]), array([[0.5, 1. ]]))
    """

    def __init__(self, states: States, count: int) -> None:
        self.states, self.increments = states, []
        arrays = list(states.values())
        dtype = arrays[0].dtype
        self.packed = all(type(x) is np.ndarray and x.dtype == dtype for x in arrays)
        if self.packed:
            self.parts = _parts(tuple((name, x.shape) for name, x in states.items()))
            self.rows = np.empty((count + 1, self.parts[-1][1].stop), dtype)
            self.taken = 0
            self.add(states)

    def add(self, increment: States) -> None:
        """The increment of the next stage."""
        if self.packed:
            row = self.rows[self.taken]
            for name, part, _ in self.parts:
                row[part] = increment[name].reshape(-1)
            self.taken += 1
        else:
            self.increments.append(increment)

    def moved(self, *weights: tuple[float, ...]) -> list[dict[str, Any]]:
        """The states with a sum of the first increments, one for each weight; and further sums of them alone."""
        first, *others = weights
        if self.packed:
            return self._sums(((1.0, *first), *((0.0, *row) for row in others)))
        found = [{name: x + self._added(first, name) for name, x in self.states.items()} if any(first) else self.states]
        return found + [{name: self._added(row, name) for name in self.states} for row in others]

    def sums(self, weights: tuple[float, ...]) -> dict[str, Any]:
        """A sum of the first increments, one for each weight."""
        if self.packed:
            return self._sums(((0.0, *weights),))[0]
        return {name: self._added(weights, name) for name in self.states}

    def _sums(self, weights: tuple[tuple[float, ...], ...]) -> list[dict[str, Any]]:
        matrix = _matrix(weights, self.rows.dtype)
        found = matrix @ self.rows[: matrix.shape[1]]
        return [{name: row[part].reshape(shape) for name, part, shape in self.parts} for row in found]

    def _added(self, weights: tuple[float, ...], name: str) -> Any:
        total: Any = None
        for weight, x in zip(weights, self.increments, strict=False):
            if weight:
                total = weight * x[name] if total is None else total + weight * x[name]
        return total
