"""The cues of a run: given ones at the door, or what a sampler draws, moved into the domain of the memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...dynamics import backend
from ._basin_map import Explorer
from ._samplers import Sampler, into


def cues_of(explorer: Explorer, queries: Any, targets: Any, rng: np.random.Generator) -> tuple[Any, np.ndarray, str]:
    """Cues (..., I), the pattern that each was made from (-1: not known), and the law of their making."""
    like, patterns = explorer.like, explorer.patterns
    if isinstance(queries, type):
        raise TypeError(
            f"Give cues or a sampler with its numbers, as Noisy(10, 0.1), not the class {queries.__name__}."
        )
    if isinstance(queries, Sampler):
        drawn = queries.draw(patterns, rng)
        valid, law = into(explorer.domain, drawn.cues, str(queries.law))
        cues = backend.asarray(valid.astype(backend.to_numpy(like).dtype), like)
        return explorer.checked(cues), drawn.source.reshape(-1), law
    cues = explorer.checked(queries)
    source = np.full(math.prod(cues.shape[:-1]), -1)
    if targets is not None:
        given, batch = np.asarray(targets), tuple(cues.shape[:-1])
        if given.shape not in ((), batch):
            raise ValueError(f"targets have shape {given.shape} but there are cues of shape {batch}: one for each.")
        targets = np.broadcast_to(given.astype(int), batch)
        count = 0 if patterns is None else len(patterns)
        if targets.size and not (targets.min() >= -1 and targets.max() < count):
            span = f"{targets.min()} to {targets.max()}"
            raise ValueError(f"targets are rows of the {count} stored patterns (or -1), got {span}.")
        source = targets.reshape(-1).copy()
    return cues, source, "given"
