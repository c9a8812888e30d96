"""The search for fixed points of every index."""

from __future__ import annotations

import numpy as np

from ..flow import canonical, columns, relaxed
from ._search import Table, explore, search_from
from ._starts import pattern_starts, takes_signs
from ._states import balanced_states, random_states, sized

QUIET = 3  # random batches in a row that must find nothing new
WORK = 2**20  # D^2 times that number
BALANCED = 1024  # starts at which a few patterns have weights of one order


def everything(table: Table, rng: np.random.Generator, batches: int, batch_size: int, most: int) -> bool:
    """Relax and polish from patterns, their means and random states, and around what is found; whether that dried up.

    What is known enters the table, and where the budget ends the search, it is as far as that.
    """
    flow, budget = table.flow, table.budget
    if flow.patterns is not None:
        combined = sized(flow, pattern_starts(flow.patterns, signed=takes_signs(flow), seed=rng))
        search_from(table, combined)
        if columns(flow) is not None:  # a sphere has highest points too, opposite to what is stored
            table.search(relaxed(flow, canonical(flow, -combined), sign=-1.0)[-1])
    else:
        search_from(table, np.zeros((1, flow.size), dtype=table.x.dtype))
    table.search(balanced_states(flow, int(np.clip(WORK // flow.size**2, batch_size, BALANCED)), rng))
    explore(table, 0, rng, most)
    quiet = 0
    for _ in budget.each("random batches", range(batches)):
        known = len(table.x)
        mixed = np.concatenate([random_states(flow, batch_size, rng), balanced_states(flow, batch_size, rng)])
        search_from(table, mixed, random=True)
        explore(table, known, rng, most)
        quiet = quiet + 1 if len(table.x) == known else 0
        if quiet == QUIET or len(table.x) >= most:
            break
    return quiet == QUIET and not budget.spent
