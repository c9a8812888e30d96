"""One set of patterns, one cue for each: what fraction is recalled, by one similarity and several separations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...dynamics.backend import unknown_name
from ...dynamics.simulation import simulate
from ...dynamics.synapses import Similarity
from ...models._separations import separation, shared
from ...models.family import RunawayError, UniversalHopfield
from ...models.measures import similarity
from ._criteria import Answers, criterion

READOUTS = ("recall", "update", "retrieve", "simulate")
CHUNK = 2**22  # values of a temporary: queries x (patterns + values)
HORIZON = 20.0  # of `simulate`, in units of tau_value


def fractions_recalled(
    patterns: np.ndarray,
    cues: np.ndarray,
    similarity_name: str | Similarity,
    separations: Sequence[str],
    criteria: Sequence[str],
    *,
    sizes: Sequence[int] | None = None,
    projection: np.ndarray | None = None,
    readout: str = "recall",
    sign: bool = False,
) -> np.ndarray:
    r"""The fraction of cues that recall their pattern: row i of `cues` belongs to row i of `patterns`.

    The scores are computed once, for a chunk of cues at a time, and serve every separation, criterion and size;
    separations work in double precision. Scores that are not finite give an answer that is not finite, and it is
    wrong; so is the answer to a black cue for a similarity that is not defined there, such as normalised(dot).

    Parameters
    ----------
    patterns, cues : array (N, I)
        What is stored, and what is asked.
    similarity_name : str or Similarity
        As `similarity` reads it.
    separations : sequence of str
        As `separation` reads them; their number is a beta, as in ``"softmax(100)"``.
    criteria : sequence of str
        As `criterion` reads them.
    sizes : sequence of int, optional
        With it, for each n of `sizes` the first n patterns alone are stored, and their n cues asked.
    projection : array (N, O), optional
        What each pattern recalls; the patterns unless given.
    readout : {"recall", "update", "retrieve", "simulate"}
        How the answer is read: z = P^T sep(sim(M, q)); the first update of the dynamics (weighted median for
        manhattan, mean shift for euclidean); updates until they end; or the flow in time, up to 20 tau_value.
    sign : bool
        Whether the answer is made binary, -1 or 1.

    Returns
    -------
    array (separations, criteria), or (sizes, separations, criteria)
        Fractions from 0 to 1.

    Raises
    ------
    ValueError
        For unknown names, or a readout that has no projection.
    """
    if readout not in READOUTS:
        raise unknown_name("readout", readout, READOUTS)
    if projection is not None and readout != "recall":
        raise ValueError(f"The readout {readout!r} recalls the patterns themselves: leave out the projection.")
    kind = similarity(similarity_name)
    rows = _askable(kind, patterns, cues)
    stored = patterns if projection is None else projection
    judges = [criterion(name, stored.shape[1]) for name in criteria]
    asked = (len(patterns),) if sizes is None else tuple(sizes)
    right = np.zeros((len(asked), len(separations), len(judges)))
    find = _one_shot if readout == "recall" else _dynamics(readout)
    step = max(1, CHUNK // (patterns.shape[0] + patterns.shape[1]))
    bound = kind.of(patterns) if readout == "recall" else None
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        if some[0] >= max(asked):
            break
        # Of the whole chunk, also where few of its scores are needed: they are the same to the last bit for any sizes.
        scores = None if bound is None else _scores(bound, cues[some])
        for k, n in enumerate(asked):
            mine = some[some < n]
            part = None if scores is None else _among_first(bound, scores[: len(mine)], n, cues[mine])
            for s, answers in enumerate(find(kind, patterns[:n], cues[mine], separations, stored[:n], part)):
                found = Answers(
                    np.where(answers >= 0, 1, -1).astype(stored.dtype) if sign else answers, mine, stored[:n]
                )
                right[k, s] += [judge(found).sum() for judge in judges]
    fractions = right / np.array(asked)[:, None, None]
    return fractions[0] if sizes is None else fractions


def _askable(kind: Similarity, patterns: np.ndarray, cues: np.ndarray) -> np.ndarray:
    """The rows of the cues that a similarity is defined for: all, or all that are not black."""
    rows = np.arange(len(cues))
    if not kind.recall_only:
        return rows
    kind.check("patterns", patterns)
    black = ~cues.any(axis=-1)
    if black.any():
        try:
            kind.check("cues", cues[black])
        except ValueError:
            rows = rows[~black]
    kind.check("cues", cues[rows])
    return rows


def one_pass(
    bound: Similarity, cues: np.ndarray, separations: Sequence[str], stored: np.ndarray
) -> Iterator[np.ndarray]:
    """P^T sep(sim(M, q)) for each separation, shape (B, O), from scores that are computed once."""
    return _one_shot(bound, None, cues, separations, stored, _scores(bound, cues))


def _scores(bound: Similarity, cues: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return bound.scores(cues).astype(np.float64)


def _among_first(bound: Similarity | None, scores: np.ndarray, n: int, cues: np.ndarray) -> np.ndarray:
    """The scores (B, n) that the first n patterns have when they alone are stored.

    Scores that sum to one over all patterns are scaled anew. Where that cannot be done, because another pattern took
    all of the sum or made it NaN, they are computed anew.
    """
    part = scores[:, :n]
    if bound is None or n == scores.shape[1] or not bound.scaled_weights:
        return part
    with np.errstate(all="ignore"):
        total = part.sum(axis=-1, keepdims=True)
        part = part / total
    lost = ~(np.isfinite(total) & (total != 0))[:, 0]
    if lost.any():
        part[lost] = _scores(bound.of(bound.patterns[:n]), cues[lost])
    return part


def _one_shot(
    kind: Similarity,
    patterns: np.ndarray | None,
    cues: np.ndarray,
    separations: Sequence[str],
    stored: np.ndarray,
    scores: Any,
) -> Iterator[np.ndarray]:
    for name in separations:
        with np.errstate(all="ignore"):
            f = shared(kind, separation(name).activation(scores))
        yield _project(f, stored)


def _project(f: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """F P, picked out where every row of f holds a single one."""
    if (np.count_nonzero(f, axis=1) == 1).all():
        best = f.argmax(axis=1)
        if (f[np.arange(len(f)), best] == 1).all():
            return stored[best]
    with np.errstate(all="ignore"):
        return f.astype(stored.dtype) @ stored


def _retrieved(memory: UniversalHopfield, cues: np.ndarray, steps: int) -> np.ndarray:
    """What the updates lead to, NaN where they run away."""
    try:
        return memory.retrieve(cues, max_steps=steps).state
    except RunawayError as error:
        found, others = np.full_like(cues, np.nan), np.delete(np.arange(len(cues)), error.rows)
        if others.size:
            found[others] = memory.retrieve(cues[others], max_steps=steps).state
        return found


def _dynamics(readout: str) -> Callable[..., Iterator[np.ndarray]]:
    steps = {"update": 1, "retrieve": 100}

    def find(
        kind: Similarity, patterns: Any, cues: np.ndarray, separations: Sequence[str], stored: np.ndarray, scores: Any
    ) -> Iterator[np.ndarray]:
        for name in separations:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", UserWarning
                )  # what does not hold for a combination is what is asked here
                memory = UniversalHopfield(patterns, kind, name, tau_memory=0.0)
            if readout in steps:
                yield _retrieved(memory, cues, steps[readout])
            else:
                yield simulate(memory, cues, t1=HORIZON, save_at=[HORIZON]).activations["value"][-1]

    return find
