"""Recall that compares a query with a few of many patterns, and proves what the others may weigh."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import shown
from ...dynamics.doors import number, seed, settle, whole
from ...dynamics.lagrangians import unit
from .._separations import describe
from ._coarse import Coarse, coarse
from ._memory import AssociativeMemory, rule_of
from ._shortlist import Listed, shortlists

KNOWN = ("product", "square", "angle")  # geometries whose scores are bounded
MANY = 2**10  # patterns that are always few enough to look at
AT_ONCE = 2**20  # numbers of patterns that are gathered for exact scores


class IndexedRecall(NamedTuple):
    """What some of the patterns recall, and a bound of what the others would change; with the query's batch axes.

    Attributes
    ----------
    state : array (..., O)
        The weighted mean of the patterns that were looked at.
    missing : array (...)
        At least the share of all weights that the other patterns have.
    error : array (...)
        At least the 2-norm of the difference to `recall`, up to rounding.
    read : int array (...)
        How many patterns were looked at.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> found = PatternIndex(ModernHopfield(np.eye(3), beta=9.0)).recall(np.array([0.1, 0.9, 0.2]))
    >>> found.state.round(2), bool(found.missing <= 1e-3)
    (array([0., 1., 0.]), True)
    """

    state: np.ndarray
    missing: np.ndarray
    error: np.ndarray
    read: np.ndarray


class IndexedBest(NamedTuple):
    """The memories of the largest weights; arrays have the batch axes of the query.

    Attributes
    ----------
    patterns : int array (..., k)
        Rows of the stored patterns, of the largest weight first: there are no better ones, and of equals the lowest.
    weights : array (..., k)
        Their share of the weights that were looked at. The true one is between ``(1 - missing) weights`` and this.
    missing : array (...)
        At least the share of all weights that patterns have that were not looked at.
    read : int array (...)
        How many patterns were looked at.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> best = PatternIndex(ModernHopfield(np.eye(3), beta=2.0)).best(np.array([0.1, 0.9, 0.5]), 2)
    >>> best.patterns, best.weights.round(1)
    (array([1, 2]), array([0.6, 0.3]))
    """

    patterns: np.ndarray
    weights: np.ndarray
    missing: np.ndarray
    read: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class PatternIndex:
    r"""An index of many patterns for softmax recall, with a bound on all that it does not look at.

    Weights of softmax fall as e^(-beta gap), so that a few patterns have nearly all of them where beta is large enough.
    An approximate index of another library does not say how much it has missed. Here each pattern keeps k numbers, its
    components along k orthonormal directions, and the length of the rest. By Cauchy and Schwarz they bound its score,

        M . q <= a . b + r t,    -\|M - q\|^2 <= -\|a - b\|^2 - (r - t)^2,

    by a product of width k + 2 in place of I. The patterns of the largest bounds u are looked at exactly, until

        missing = U/(z + U),    U = sum e^(beta u) over the others,    z = sum e^(beta s) over those looked at,

    is no larger than the limit. The answer is then off by at most ``missing`` times the largest distance of the others
    from it. For cosine the rows and the query are those of length 1. Rounding is allowed for in the bounds.

    The directions are the principal ones of a sample of the patterns. Any would prove the same, and these leave little
    across: of 9000 images of MNIST 56 of 784 directions are enough to look at 1 % of the patterns at beta = 1
    (euclidean). Where beta is so small that many patterns count, or the patterns are few, `recall` is faster; results
    say how many were looked at, and more than a quarter of them are refused unless you ask (``most``).
    `benchmarks/index.py` compares the two.

    Parameters
    ----------
    memory : UniversalHopfield, ModernHopfield or another of the family
        On NumPy, with dot, euclidean or cosine, and softmax. The patterns may lie in a file, of which a recall then
        reads little.
    directions : int, optional
        How many numbers are kept of a pattern; 2 sqrt(I) unless given.
    seed : int
        Of the sample of patterns.

    Examples
    --------
    >>> from hopfield.models import UniversalHopfield
    >>> rng = np.random.default_rng(0)
    >>> rows = np.tanh(rng.standard_normal((5000, 3)) @ rng.standard_normal((3, 40)))
    >>> memory, cue = UniversalHopfield(rows, "euclidean", beta=20.0), rows[7] + 0.05
    >>> index = PatternIndex(memory)
    >>> found = index.recall(cue)
    >>> bool(found.read < 50), bool(np.linalg.norm(found.state - memory.recall(cue)) <= found.error)
    (True, True)
    >>> bool((index.best(cue, 3).patterns == memory.best(cue, 3).patterns).all())
    True
    """

    memory: AssociativeMemory
    directions: int | None = None
    seed: int = 0
    _coarse: Coarse = field(init=False)
    _rows: np.ndarray = field(init=False)  # what scores are made of
    _squares: np.ndarray | None = field(init=False)
    _recalled: np.ndarray = field(init=False)
    _centre: np.ndarray = field(init=False)  # of what is recalled
    _radius: float = field(init=False)

    def __post_init__(self) -> None:
        memory = self.memory
        _refuse_others(memory)
        width = memory.memories.shape[1]
        directions = min(width, round(2 * math.sqrt(width))) if self.directions is None else self.directions
        directions = whole("directions", directions, 1, width)
        settle(self, seed, "seed")
        rows: Any = memory.sim.carrier
        places: Any = memory.places
        square = memory.sim.metric == "square"
        recalled = memory.memories if memory.projection is None else memory.projection
        centre, radius = _ball(recalled)
        made = {
            "directions": directions,
            "_coarse": coarse(rows, square, directions, self.seed),
            "_rows": rows,
            "_squares": places.squares if square else None,
            "_recalled": recalled,
            "_centre": centre,
            "_radius": radius,
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def recall(self, query: Any, missing: float = 1e-3, most: int | None = None) -> IndexedRecall:
        """What `memory.recall` gives, up to a share `missing` of the weights, from a few of the patterns.

        Parameters
        ----------
        query : array (..., I)
            The cue.
        missing : float
            The largest share of all weights that may be left out.
        most : int, optional
            The most patterns that are looked at for a query; a quarter of them (and 1024 at least) unless given.

        Raises
        ------
        ValueError
            Where `most` patterns do not prove the limit.
        """
        flat, shape, limit, most = self._asked(query, missing, most)
        state = np.zeros((len(flat), self._recalled.shape[1]))
        share, read = np.zeros(len(flat)), np.zeros(len(flat), int)
        for j, one in enumerate(self._listed(flat, limit, 1, most)):
            z = 0.0
            for part, stored, weights in self._weighed(flat[j], one):
                own = stored if self._recalled is self._rows else self._recalled[part]
                state[j], z = state[j] + weights @ own, z + weights.sum()
            state[j], share[j], read[j] = state[j] / z, one.unread / (z + one.unread), len(one.rows)
            self._refuse(j, share[j], limit, len(one.rows))
        error = share * (np.linalg.norm(state - self._centre, axis=1) + self._radius)
        state = state.reshape(*shape, -1).astype(self._recalled.dtype)
        return IndexedRecall(state, *(x.reshape(shape) for x in (share, error, read)))

    def best(self, query: Any, k: int = 10, missing: float = 1e-3, most: int | None = None) -> IndexedBest:
        """The k largest weights and whose they are, as `memory.best` gives them, from a few of the patterns.

        That no better pattern was missed is proved: all others have smaller bounds.

        Parameters
        ----------
        query : array (..., I)
            The cue.
        k : int
            How many.
        missing : float
            The largest share of all weights that patterns may have that are not looked at.
        most : int, optional
            The most patterns that are looked at for a query; a quarter of them (and 1024 at least) unless given.

        Raises
        ------
        ValueError
            Where `most` patterns do not prove that these are the best, or the limit.
        """
        k = whole("k", k, 1, len(self._rows))
        flat, shape, limit, most = self._asked(query, missing, most)
        if most < k:
            raise ValueError(f"most={most} patterns cannot hold the {k} best: give k or more.")
        share, read = np.zeros(len(flat)), np.zeros(len(flat), int)
        patterns, best = np.zeros((len(flat), k), int), np.zeros((len(flat), k))
        for j, one in enumerate(self._listed(flat, limit, k, most)):
            weights = np.concatenate([weights for _, _, weights in self._weighed(flat[j], one)])
            order, z = np.argsort(-weights, kind="stable")[:k], weights.sum()
            patterns[j], best[j] = one.rows[order], weights[order] / z
            share[j], read[j] = one.unread / (z + one.unread), len(one.rows)
            self._refuse(j, share[j], limit, len(one.rows))
            if not one.sure:
                raise ValueError(
                    f"Of {most} patterns it is not proved that the {k} best are among them, for query {j}. Look at "
                    f"more, give the index more directions than {self.directions}, or use memory.best."
                )
        best = best.reshape(*shape, k).astype(self._rows.dtype)
        return IndexedBest(patterns.reshape(*shape, k), best, share.reshape(shape), read.reshape(shape))

    # --------------------------------------------------------------------------------------------- helpers

    @property
    def _beta(self) -> float:
        return float(self.memory.rule.separation.beta)

    def _asked(self, query: Any, missing: Any, most: Any) -> tuple[np.ndarray, tuple[int, ...], float, int]:
        """The query (B, I), its batch axes, and the limits."""
        checked, count = self.memory.check_query(query), len(self._rows)
        limit = number("missing", missing, above=0, below=1)
        most = max(MANY, count // 4) if most is None else whole("most", most, 1)
        flat = checked.reshape(-1, checked.shape[-1])
        return unit(flat)[0] if self.memory.sim.ray else flat, tuple(checked.shape[:-1]), limit, min(most, count)

    def _listed(self, flat: np.ndarray, limit: float, k: int, most: int) -> Iterator[Listed]:
        return shortlists(self._coarse, flat, self._pairs(flat), self._beta, limit, k, most)

    def _pairs(self, flat: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """Exact scores of pairs of pattern and query."""
        return lambda rows, which: self._scored(np.einsum("pi,pi->p", self._rows[rows], flat[which]), rows, flat[which])

    def _scored(self, products: np.ndarray, rows: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Scores from products, as the similarity has them."""
        if self._squares is None:
            return products
        return np.minimum(2 * products - (self._squares[rows] + np.sum(q * q, axis=-1)), 0.0)

    def _weighed(self, q: np.ndarray, one: Listed) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Some of the patterns listed, what is kept of them, and e^(beta (s - top)), at a time."""
        step = max(1, AT_ONCE // self._rows.shape[1])
        for first in range(0, len(one.rows), step):
            part = one.rows[first : first + step]
            stored = self._rows[part]
            scores = self._scored(stored @ q, part, q)
            yield part, stored, np.exp(self._beta * (scores.astype(float) - one.top))

    def _refuse(self, query: int, share: float, limit: float, read: int) -> None:
        """Refuse an answer whose bound is above the limit."""
        if share > limit:
            raise ValueError(
                f"The {read} patterns looked at leave up to {share:.2g} of the weights of query {query} to the others, "
                f"more than missing={limit:g}. Look at more (most=), give the index more directions than "
                f"{self.directions}, or use memory.recall, which looks at all {len(self._rows)}."
            )

    def __repr__(self) -> str:
        return f"PatternIndex({self.directions} of {self._rows.shape[1]} directions; {self.memory!r})"


def _refuse_others(memory: Any) -> None:
    """Refuse memories whose scores and weights are not bounded."""
    rule = rule_of(memory)
    if rule is None:
        raise TypeError(f"PatternIndex is for a memory such as ModernHopfield(patterns), got {shown(memory)}.")
    if backend.backend_of(memory.memories) != "numpy" or memory.is_half:
        raise TypeError('PatternIndex works on NumPy, in float32 or float64: write memory.to("numpy").')
    if rule.separation.law != "softmax" or memory.sim.metric not in KNOWN or memory.sim.carrier is None:
        raise ValueError(
            f"PatternIndex bounds weights of softmax with dot, euclidean or cosine, not {rule.similarity.name} with "
            f"{describe(rule.separation)}. memory.recall answers in blocks of patterns, without a bound to be met."
        )


def _ball(rows: np.ndarray) -> tuple[np.ndarray, float]:
    """The mean of some rows, and the largest distance from it."""
    centre = np.sum([np.sum(part, axis=0, dtype=float) for part in backend.blocks(rows)], axis=0) / len(rows)
    return centre, max(float(np.linalg.norm(part - centre, axis=1).max()) for part in backend.blocks(rows))
