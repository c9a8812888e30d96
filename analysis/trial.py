"""One set of patterns, one cue for each: what fraction is recalled, by one similarity and several separations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..dynamics.contracts import Similarity
from ..dynamics.simulate import simulate
from ..dynamics.validation import unknown_name
from ..models.one_shot import OneShot
from ..models.separation import separation
from ..models.similarity import similarity
from ..models.universal import UniversalHopfield
from .criteria import Answers, criterion

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
    projection: np.ndarray | None = None,
    readout: str = "recall",
    sign: bool = False,
) -> np.ndarray:
    r"""The fraction of cues that recall their pattern: row i of `cues` belongs to row i of `patterns`.

    The scores are computed once, for a chunk of cues at a time, and serve every separation and criterion; separations
    work in double precision. Scores that are not finite give an answer that is not finite, and it is wrong; so is the
    answer to a black cue for a similarity that is not defined there, such as normalised(dot).

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
    projection : array (N, O), optional
        What each pattern recalls; the patterns unless given.
    readout : {"recall", "update", "retrieve", "simulate"}
        How the answer is read: z = P^T sep(sim(M, q)); the first update of the dynamics (weighted median for
        manhattan, mean shift for euclidean); updates until they end; or the flow in time, up to 20 tau_value.
    sign : bool
        Whether the answer is made binary, -1 or 1.

    Returns
    -------
    array (separations, criteria)
        Fractions from 0 to 1.

    Raises
    ------
    ValueError
        For unknown names, or a readout that has no projection.

    Examples
    --------
    >>> patterns = np.eye(3)
    >>> fractions_recalled(patterns, 0.5 * patterns, "dot", ["max", "softmax"], ["exact", "nearest"])
    array([[1., 1.],
           [0., 1.]])
    """
    if readout not in READOUTS:
        raise unknown_name("readout", readout, READOUTS)
    if projection is not None and readout != "recall":
        raise ValueError(f"The readout {readout!r} recalls the patterns themselves: leave out the projection.")
    kind = similarity(similarity_name)
    rows = _askable(kind, patterns, cues)
    stored = patterns if projection is None else projection
    judges = [criterion(name, stored.shape[1]) for name in criteria]
    find = one_pass if readout == "recall" else _dynamics(readout)
    right = np.zeros((len(separations), len(judges)))
    step = max(1, CHUNK // (patterns.shape[0] + patterns.shape[1]))
    prepared = kind.prepare(patterns) if readout == "recall" else patterns
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        for s, answers in enumerate(find(kind, prepared, cues[some], separations, stored)):
            found = Answers(np.where(answers >= 0, 1, -1).astype(stored.dtype) if sign else answers, some, stored)
            right[s] += [judge(found).sum() for judge in judges]
    return right / len(cues)


def _askable(kind: Similarity, patterns: np.ndarray, cues: np.ndarray) -> np.ndarray:
    """The rows of the cues that a similarity is defined for: all, or all that are not black."""
    rows = np.arange(len(cues))
    if not isinstance(kind, OneShot):
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
    kind: Similarity, prepared: Any, cues: np.ndarray, separations: Sequence[str], stored: np.ndarray
) -> Iterator[np.ndarray]:
    """P^T sep(sim(M, q)) for each separation, shape (B, O), from scores that are computed once.

    >>> from hopfield.models import Dot
    >>> [z.tolist() for z in one_pass(Dot(), np.eye(2), np.array([[1.0, 0.5]]), ["max", "identity"], np.eye(2))]
    [[[1.0, 0.0]], [[1.0, 0.5]]]
    """
    with np.errstate(all="ignore"):
        scores = kind.scores(prepared, cues).astype(np.float64)
    for name in separations:
        with np.errstate(all="ignore"):
            f = separation(name).activation(scores)
            if isinstance(kind, OneShot) and kind.scaled_weights:
                total = f.sum(axis=-1, keepdims=True)
                f = f / np.where(total == 0, 1.0, total)
        yield _project(f, stored)


def _project(f: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """F P, picked out where every row of f holds a single one."""
    if (np.count_nonzero(f, axis=1) == 1).all():
        best = f.argmax(axis=1)
        if (f[np.arange(len(f)), best] == 1).all():
            return stored[best]
    with np.errstate(all="ignore"):
        return f.astype(stored.dtype) @ stored


def _dynamics(readout: str) -> Callable[..., Iterator[np.ndarray]]:
    steps = {"update": 1, "retrieve": 100}

    def find(
        kind: Similarity, patterns: np.ndarray, cues: np.ndarray, separations: Sequence[str], stored: np.ndarray
    ) -> Iterator[np.ndarray]:
        for name in separations:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", UserWarning
                )  # what does not hold for a combination is what is asked here
                memory = UniversalHopfield(patterns, kind, name, tau_memory=0.0)
            if readout in steps:
                yield memory.retrieve(cues, max_steps=steps[readout]).state
            else:
                yield simulate(memory, cues, t1=HORIZON, save_at=[HORIZON]).activations["value"][-1]

    return find
