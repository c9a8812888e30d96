"""One field whose number changes: what a model becomes for another value of a setting, without building it again."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...dynamics import backend
from ..flow import Field, field

BEYOND = 0.25  # of the range: how far outside of it steps may go; less where there is no model


class Varied:
    r"""Fields p -> F(x; p) of a model whose setting enters as one number, such as beta or tau.

    It is known from the fields at two values which numbers of the network are the parameter; a third, between them,
    must be what putting that value there gives, in every number and in its forces.

    Parameters
    ----------
    low, high : (float, Field)
        The ends of the range of values for which there is a model.
    where : tuple of int
        Which leaves of the network are the parameter.
    name : str
        The setting.
    """

    def __init__(self, low: tuple[float, Field], high: tuple[float, Field], where: tuple[int, ...], name: str) -> None:
        self.low, self.high, self.first, self.where, self.name = low[0], high[0], low[1], where, name

    def at(self, p: float) -> Field | None:
        """The field at a value of the parameter; None where it is not known that there is one."""
        return self._put(p) if self.low <= p <= self.high else None

    def _put(self, p: float) -> Field:
        count = itertools.count()
        network = backend.map_leaves(lambda leaf: p if next(count) in self.where else leaf, self.first.network)
        memory = backend.copied(self.first.memory, **{self.name: p})
        if self.first.memory.network is self.first.network:
            object.__setattr__(memory, "network", network)  # which it would build
        other = copy.copy(self.first)  # frozen: what it knows of the parts stays, what follows from the numbers goes
        for name in ("force", "clock"):
            vars(other).pop(name, None)
        vars(other).update(network=network, memory=memory, cache={})
        return other


def varied(make: Callable[[float], Any], name: str, low: float, high: float, known: Any = None) -> Varied | None:
    """The fields of make(p) with one number varied; None where the setting is more than that.

    `known` is such a model, of any value, if there is one already.
    """
    begin, end = _farthest(make, low, low - high), _farthest(make, high, high - low)
    value = getattr(known, name, None)
    if not isinstance(value, float) or value in (begin[0], end[0]):
        value = begin[0] + 0.61803 * (end[0] - begin[0])  # no round number, at which a setting may mean something else
        known = make(value)
    places = (begin[0], end[0], value)
    fields = [field(model, differences=None) for model in (begin[1], end[1], known)]
    leaves = [list(backend.leaves(flow.network)) for flow in fields]
    if len({len(found) for found in leaves}) > 1 or not all(_has_field(flow.memory, name) for flow in fields):
        return None
    where = tuple(k for k, (a, b) in enumerate(zip(*leaves[:2], strict=True)) if not _equal(a, b))
    numbers = [(found[k], p) for found, p in zip(leaves, places, strict=True) for k in where]
    if not where or any(type(number) is not float or number != p for number, p in numbers):
        return None
    family = Varied((begin[0], fields[0]), (end[0], fields[1]), where, name)
    return family if _agree(family._put(value), fields[2]) else None


def _has_field(memory: Any, name: str) -> bool:
    return backend.is_structure(memory) and name in backend.settings(memory)


def _agree(ours: Field, theirs: Field) -> bool:
    """Whether two fields are equal in every number and in their velocities and energies."""
    states = np.random.default_rng(0).uniform(0.1, 0.9, (2, theirs.size))
    pairs = list(zip(backend.leaves(ours.network), backend.leaves(theirs.network), strict=True))
    for name in ("velocity", "energy"):
        pairs.append((ours.host(getattr(ours, name), states), theirs.host(getattr(theirs, name), states)))
    return all(_equal(a, b) for a, b in pairs)


def _farthest(make: Callable[[float], Any], edge: float, way: float) -> tuple[float, Any]:
    """The model farthest beyond an edge of the range, or at the edge, whose own errors are the caller's to see."""
    part = BEYOND
    while part > BEYOND / 16:
        p = edge + part * way
        p = p if p * edge > 0 or edge == 0 else edge / 4  # not beyond 0, where most settings end
        try:
            return p, make(p)
        except (ArithmeticError, ValueError):
            part /= 2
    return edge, make(edge)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return a == b
    return type(a) is type(b) and bool(np.array_equal(backend.to_numpy(a), backend.to_numpy(b), equal_nan=True))
