"""States of a flow to begin at: those of given activations, of balanced patterns, and random ones."""

from __future__ import annotations

import numpy as np

from ...dynamics import backend
from ...models._domain import domain_of
from ..flow import Field
from ._starts import balanced_starts, random_starts, takes_signs


def states_of_activations(flow: Field, activations: np.ndarray) -> np.ndarray:
    """The states of activations, without those that no finite state has."""
    with np.errstate(all="ignore"):
        parts, at = [], 0
        for p in flow.network.populations.values():
            parts.append(backend.to_numpy(p.lagrangian.dual(flow.asarray(activations[:, at : at + p.size]))))
            at += p.size
    x = np.concatenate(parts, axis=-1)
    return x[np.isfinite(x).all(axis=-1)]


def balanced_states(flow: Field, count: int, rng: np.random.Generator) -> np.ndarray:
    """States at which a few patterns have weights of one order (`balanced_starts`); none where there are no such."""
    rows = balanced_starts(flow, count, seed=rng)
    return states_of_activations(flow, rows) if len(rows) else rows


def random_states(flow: Field, count: int, rng: np.random.Generator) -> np.ndarray:
    """States of random activations, around the patterns where there are any."""
    like = backend.to_numpy(flow.like)[..., :1]
    if flow.patterns is None:
        shape = np.zeros(flow.size, dtype=like.dtype)
        return random_starts(None, count, like=shape, scale=flow.scale, seed=rng)
    return sized(flow, random_starts(flow.patterns, count, signed=takes_signs(flow), seed=rng))


def sized(flow: Field, rows: np.ndarray) -> np.ndarray:
    """States of the activations of a memory's value neurons; other populations begin at 0."""
    if flow.memory is not None:
        if len(flow.network.populations) == 1 and domain_of(flow.memory).everywhere:
            return states_of_activations(flow, rows)
        return backend.to_numpy(flow.flatten(flow.memory.start(flow.asarray(domain_of(flow.memory).project(rows)))))
    if rows.shape[1] < flow.size:
        rows = np.concatenate([rows, np.zeros((len(rows), flow.size - rows.shape[1]), dtype=rows.dtype)], axis=1)
    if not flow.plain:  # +-1 is no activation of tanh, but a sensible state to begin at
        return rows
    return states_of_activations(flow, rows)
