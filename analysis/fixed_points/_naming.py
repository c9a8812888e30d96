"""What a fixed point is called: memory, reversed, mixture, metastable(k), global mean, spurious, saddle, marginal."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked
from ...models._copies import SAME, copies_of
from .. import _declared as declared
from ..flow import Field

SHARE = 0.9  # of the weight that the memories of a state must hold together; least cosine of a recalled pattern


@checked(**declared.METASTABLE_SIZE)
def metastable_size(weights: Any) -> np.ndarray:
    r"""The number of memories that hold 90 % of the weight: the least k whose largest k weights sum to 0.9.

    Parameters
    ----------
    weights : array (..., N)
        Weights >= 0, as the separation gives them; they are scaled to sum to one.

    Returns
    -------
    int array (...)
        1 for a single memory, about N for the global mean.

    References
    ----------
    Ramsauer et al. 2021, arXiv:2008.02217.

    Examples
    --------
    >>> import numpy as np
    >>> metastable_size(np.array([[0.95, 0.03, 0.02], [0.5, 0.45, 0.05]]))
    array([1, 2])
    """
    p = backend.to_numpy(weights).astype(float)
    if not p.ndim or not p.shape[-1]:
        raise ValueError(f"Weights must have shape (..., N) with N >= 1, got {p.shape}.")
    p = -np.sort(-p, axis=-1)
    total = np.cumsum(p, axis=-1)
    reached = total >= SHARE * (1 - 1e-12) * total[..., -1:]
    return 1 + np.argmax(reached, axis=-1)


class Named(NamedTuple):
    """What `kinds` says of K points.

    Attributes
    ----------
    kind : str array (K,)
        The name.
    pattern : int array (K,)
        The row of the stored pattern that a ``memory`` is, the lowest of equal ones; else -1.
    reverse : int array (K,)
        The row of the pattern whose negative a ``reversed`` point is; else -1.
    """

    kind: np.ndarray
    pattern: np.ndarray
    reverse: np.ndarray


def rows_of(flow: Field) -> np.ndarray:
    """The row that each stored pattern of a field goes by, lower for a copy (see `copies`); empty without patterns.

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> rows_of(field(ModernHopfield(np.eye(3)[[0, 1, 0]])))
    array([0, 1, 0])
    """
    if flow.patterns is None:
        return np.zeros(0, dtype=int)
    if "rows" not in flow.cache:
        flow.cache["rows"] = copies_of(flow.memory, flow.patterns)
    return flow.cache["rows"]


def kinds(
    flow: Field, activation: np.ndarray, index: np.ndarray, marginal: np.ndarray, weights: np.ndarray | None
) -> Named:
    r"""Names of fixed points, and for memories the row of the stored pattern.

    An unstable point is ``saddle(index)``, one with an eigenvalue 0 ``marginal``. Of a stable point whose weights are
    of one sign, k = `metastable_size` decides: ``memory`` for 1, ``global mean`` for at least 0.9 N, else
    ``metastable(k)``; but where neurons saturate, so that a point is not the mean by its weights, it is also a
    ``memory`` if it is a tenth as far from a pattern as any other pattern is. Otherwise its cosines with the patterns
    do: ``memory`` from 0.9 (but ``global mean`` where it is a tenth as far from the mean of the patterns as from any of
    them), else ``reversed`` from -0.9, ``mixture`` where several patterns are equally near, or 0.9 of its length lies
    in the space of the patterns, else ``spurious``; without patterns ``stable``. A stored pattern that is the negative
    of another is a memory.

    Copies of a pattern count as one: their weights are added, and the point goes by the lowest of their rows.

    Parameters
    ----------
    flow : Field
        Whose patterns.
    activation : array (K, I)
        The points.
    index, marginal : arrays (K,)
        What `spectrum` says.
    weights : array (K, N) or None
        The memory neurons' activations.

    Returns
    -------
    Named
        Kinds and rows.
    """
    names, (pattern, reverse) = [], np.full((2, len(activation)), -1)
    stored = None if flow.patterns is None else _Stored.of(flow)
    for at, g in enumerate(activation):
        if marginal[at]:
            names.append("marginal")
        elif index[at] > 0:
            names.append(f"saddle({index[at]})")
        elif stored is None:
            names.append("stable")
        else:
            part = None if weights is None or weights.shape[1] != len(stored.place) else weights[at]
            name, pattern[at], reverse[at] = stored.name(g[: stored.patterns.shape[1]].astype(float), part)
            names.append(name)
    return Named(np.array(names, dtype=str), pattern, reverse)


class _Stored(NamedTuple):
    """The stored patterns that differ from one another, and what counts as the same point or as nothing."""

    patterns: np.ndarray  # (n, I)
    units: np.ndarray  # (n, I), of length 1 or 0
    rows: np.ndarray  # (n,), as they are stored
    place: np.ndarray  # (N,), of each stored pattern among these
    means: bool  # whether a point is the mean of the patterns by its weights, which then say all
    nothing: float  # a length
    blur: float  # between vectors of length 1

    @staticmethod
    def of(flow: Field) -> _Stored:
        rows, place = np.unique(rows_of(flow), return_inverse=True)
        patterns = backend.to_numpy(flow.patterns).astype(float)[rows]
        means = next(iter(flow.network.populations.values())).lagrangian.identity
        nothing = SAME * backend.epsilon(flow.patterns) ** 0.5 * flow.scale
        blur = 1e-9 if backend.epsilon(flow.like) < 1e-10 else 1e-4  # ten times what a point may be off by
        return _Stored(patterns, _unit(patterns), rows, place.reshape(-1), means, nothing, blur)

    def name(self, g: np.ndarray, weights: np.ndarray | None) -> tuple[str, int, int]:
        """The kind of a stable point g, the row of the pattern that it is, and of that which it reverses."""
        length = float(np.linalg.norm(g))
        if weights is not None and length <= self.nothing:  # at 0 weights without a fixed sum are rounding
            weights = weights if weights.sum() * np.linalg.norm(self.patterns, axis=1).max() > self.nothing else None
        if weights is not None and (weights >= 0).all() and weights.sum() > 0:
            shares = np.bincount(self.place, weights=weights, minlength=len(self.rows))
            size, n = int(metastable_size(shares)), len(shares)
            row = self.rows[np.argmax(shares)] if size == 1 else -1 if self.means else self._at(g)
            if row >= 0:
                return "memory", int(row), -1
            return ("global mean" if size >= SHARE * n else f"metastable({size})"), -1, -1
        if length <= self.nothing:
            empty = np.flatnonzero(np.linalg.norm(self.patterns, axis=1) <= self.nothing)
            return ("memory", int(self.rows[empty[0]]), -1) if empty.size else ("spurious", -1, -1)
        cosines = self.units @ g / length
        near = cosines.max() >= SHARE
        if near or cosines.min() <= -SHARE:
            row = self._nearest(g if near else -g)
            if row >= 0 and near and self._is_mean(g):
                return "global mean", -1, -1
            return ("mixture", -1, -1) if row < 0 else ("memory", row, -1) if near else ("reversed", -1, row)
        inside = self.patterns.T @ np.linalg.lstsq(self.patterns.T, g, rcond=None)[0]
        return ("mixture" if np.linalg.norm(inside) >= SHARE * length else "spurious"), -1, -1

    def _is_mean(self, g: np.ndarray) -> bool:
        """Whether g is a tenth as far from the mean of several patterns as from any of them."""
        gap = np.linalg.norm(self.patterns - g, axis=1).min()
        return len(self.rows) > 1 and bool(np.linalg.norm(self.patterns.mean(axis=0) - g) <= (1 - SHARE) * gap)

    def _at(self, g: np.ndarray) -> int:
        """The row of the pattern from which g, or its direction, is a tenth as far as any other one is; -1 if none."""
        for patterns, place in ((self.patterns, g), (self.units, _unit(g[None])[0])):
            gap = np.linalg.norm(patterns - place, axis=1)
            best = int(np.argmin(gap))
            others = np.delete(np.linalg.norm(patterns - patterns[best], axis=1), best)
            if gap[best] <= (1 - SHARE) * others.min():
                return int(self.rows[best])
        return -1

    def _nearest(self, g: np.ndarray) -> int:
        """The row of the pattern whose direction is nearest; -1 where several are equally near."""
        gap = np.linalg.norm(self.units - _unit(g[None]), axis=1)
        tied = np.flatnonzero(gap <= gap.min() + self.blur)
        if np.linalg.norm(self.units[tied] - self.units[tied[0]], axis=1).max() > self.blur:
            return -1
        return int(self.rows[tied[np.argmin(np.linalg.norm(self.patterns[tied] - g, axis=1))]])


def _unit(x: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(length > 0, length, 1.0)
