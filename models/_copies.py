"""Which stored pattern a state is: copies share a row, and a pattern's reverse is not that pattern."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dynamics import backend
from ._model import as_model, is_model

SAME = 16.0  # roots of eps: rows no farther apart than that, in parts of their length, are one to every search


def copies(patterns: Any, *, ray: bool = False) -> np.ndarray:
    r"""The row that each pattern goes by: the lowest one that is equal to it.

    Equal are rows that no search tells apart, \|x_i - x_j\| <= 16 sqrt(eps) max(\|x_i\|, \|x_j\|).

    Parameters
    ----------
    patterns : array (N, I)
        The patterns.
    ray : bool
        Whether only directions count, as with the cosine, so that x and c x with c > 0 are equal.

    Returns
    -------
    int array (N,)
        At most 0, 1, ..., N - 1; that itself where all patterns differ.
    """
    host = backend.to_numpy(patterns)
    eps = backend.epsilon(patterns) if host.dtype.kind == "f" else np.finfo(float).eps
    bound, x = SAME * eps**0.5, host.astype(float)
    top = np.abs(x).max(axis=-1, keepdims=True, initial=0.0)
    length = np.linalg.norm(x / np.where(top > 0, top, 1.0), axis=-1) * top[:, 0]
    if ray:
        x, length = x / np.where(length > 0, length, 1.0)[:, None], (length > 0).astype(float)
    # Equal rows have nearly the same sum with random weights, so that only a few neighbours in its order are compared.
    weights = np.random.default_rng(0).standard_normal(x.shape[-1])
    key = x @ (weights / np.linalg.norm(weights))
    order = np.argsort(key, kind="stable")
    gaps = np.diff(key[order]) > bound * float(length.max(initial=0.0))
    found = np.arange(len(x))
    for group in np.split(order, np.flatnonzero(gaps) + 1):
        left = np.sort(group)
        while len(left) > 1:
            gap = np.linalg.norm(x[left] - x[left[0]], axis=-1)
            equal = gap <= bound * np.maximum(length[left], length[left[0]])
            found[left[equal]] = left[0]
            left = left[~equal]
    return found


def copies_of(memory: Any, patterns: Any = None) -> np.ndarray:
    """`copies` of a model's own patterns, or of others, with the geometry of its similarity."""
    model = as_model(memory) if is_model(memory) else None
    own = memory if model is None else model.patterns
    rule = None if model is None else model.parts
    return copies(own if patterns is None else patterns, ray=rule is not None and rule.similarity.ray)


def is_reverse(patterns: Any, rows: Any, states: Any) -> np.ndarray:
    r"""Whether states (..., I) are nearer to the reverse -x of a pattern than to the pattern x itself: x . g < 0.

    Parameters
    ----------
    patterns : array (N, I)
        The patterns.
    rows : int array (...)
        The pattern that each state is compared with.
    states : array (..., I)
        Activations.

    Returns
    -------
    bool array (...)
        False where x . g is 0 up to rounding.
    """
    x, g = backend.to_numpy(patterns).astype(float)[np.asarray(rows)], backend.to_numpy(states).astype(float)
    return np.asarray(np.sum(x * g, axis=-1) < -8 * np.finfo(float).eps * np.sum(np.abs(x * g), axis=-1))


def is_recalled(memory: Any, states: Any, near: Any, targets: Any) -> np.ndarray:
    """Whether states (..., I), to which the patterns in the rows `near` are nearest, are the patterns `targets`.

    A copy of the target counts as the target, and its reverse does not. `memory` is a model or patterns (N, I).
    """
    rows, targets = copies_of(memory), np.asarray(targets, dtype=int)
    known = (targets >= 0) & (targets < len(rows))
    targets = np.where(known, targets, 0)
    alike = rows[np.asarray(near, dtype=int)] == rows[targets]
    patterns = as_model(memory).patterns if is_model(memory) else memory
    return known & alike & ~is_reverse(patterns, targets, states)
