"""Which patterns a query has to be compared with exactly, by bounds of the scores of all the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ...dynamics.synapses import step_of
from ._coarse import Coarse

PAIRS = 2**22  # patterns and queries that are listed together; groups of queries become smaller before there are more
CUES = 2**8  # that are listed together

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (rows, queries) of the same length -> their exact scores


class Listed(NamedTuple):
    """Patterns that one query has to be compared with, and what is known of the others."""

    rows: np.ndarray
    top: float  # a score that one of all patterns has, the largest that was seen
    unread: float  # at least sum e^(beta (s - top)) over the others
    sure: bool  # whether the k best are among the rows


def shortlists(
    coarse: Coarse, queries: np.ndarray, score: Score, beta: float, missing: float, k: int, most: int
) -> Iterator[Listed]:
    """For each query in turn, every pattern that may be among the k best or is needed for the sum of weights.

    A pattern is left out where its bound u is below the k-th best exact score, and as long as all that are left out
    have sum e^(beta (u - top)) <= `missing`; of a query that needs more than `most`, those of the largest bounds.
    """
    count = len(coarse.numbers)
    gap = np.log(2 * count / missing) / beta  # what lies so far below the best adds half of `missing` at most

    def told(first: int, last: int) -> Iterator[Listed]:
        found = _candidates(coarse, queries[first:last], lambda i, j: score(i, j + first), k, gap)
        if found is None:
            middle = (first + last) // 2
            yield from told(first, middle)
            yield from told(middle, last)
            return
        rows, which, bounds, best, level = found
        order = np.lexsort((-bounds, which))
        rows, bounds = rows[order], bounds[order]
        ends = np.searchsorted(which[order], np.arange(last - first + 1))
        for j in range(last - first):
            own, u, top = rows[ends[j] : ends[j + 1]], bounds[ends[j] : ends[j + 1]], best[j, 0]
            mass = np.exp(np.minimum(beta * (u - top), 600.0))
            after = np.append(np.cumsum(mass[::-1])[::-1], 0.0)
            beyond = (count - len(u)) * np.exp(beta * (level[j] - top)) if len(u) < count else 0.0
            equals = int(np.sum(u >= best[j, -1]))
            need = min(max(int(np.sum(after[:-1] + beyond > missing)), equals), most)
            yield Listed(np.sort(own[:need]), float(top), float(after[need] + beyond), equals <= most)

    for first in range(0, len(queries), CUES):
        yield from told(first, min(first + CUES, len(queries)))


def _candidates(
    coarse: Coarse, queries: np.ndarray, score: Score, k: int, gap: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Pairs of pattern and query with their bounds, the k best exact scores seen, and a bound of what is not listed.

    None where several queries have more pairs than may be listed together.
    """
    asked, shift, slack = coarse.asked(queries)
    samples, count = len(queries), len(coarse.numbers)
    best = np.full((samples, k), -np.inf)
    level = np.full(samples, -np.inf)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    listed, step = 0, step_of(count, samples)
    room = np.empty((samples, step), asked.dtype)
    for first in range(0, count, step):
        numbers = coarse.numbers[first : first + step]
        bounds = room[:, : len(numbers)]
        np.matmul(asked, numbers.T, out=bounds)
        top = bounds.max(axis=1) + shift + slack
        hopeful = np.flatnonzero(top > best[:, -1])
        if hopeful.size:  # looked at exactly, so that the level rises
            here, few = bounds[hopeful], min(k, len(numbers))
            place = here.argmax(axis=1)[:, None] if few == 1 else np.argpartition(here, -few, axis=1)[:, -few:]
            found = score(first + place.ravel(), np.repeat(hopeful, few))
            seen = np.hstack([best[hopeful], found.reshape(hopeful.size, few)])
            best[hopeful] = -np.sort(-seen, axis=1)[:, :k]
            level = np.minimum(best[:, 0] - gap, best[:, -1])
        hopeful = np.flatnonzero(top > level)
        if not hopeful.size:
            continue
        cut = (level - shift - slack)[hopeful]
        which, place = np.nonzero(bounds[hopeful] >= _below(cut, bounds.dtype)[:, None])
        which = hopeful[which]
        parts.append((first + place, which, bounds[which, place] + shift[which] + slack[which]))
        listed += len(place)
        if listed > PAIRS:
            parts = [_above(parts, level)]
            listed = len(parts[0][0])
            if listed > PAIRS and samples > 1:
                return None
    rows, which, bounds = _above(parts, level)
    return rows, which, bounds, best, level


def _below(cut: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Numbers of a dtype that are no larger."""
    return np.nextafter(cut.astype(dtype), dtype.type(-np.inf))


def _above(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], level: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, which, bounds = (np.concatenate(part) for part in zip(*parts, strict=True))
    kept = bounds >= level[which]
    return rows[kept], which[kept], bounds[kept]
