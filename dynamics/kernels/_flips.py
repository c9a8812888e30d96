"""One sweep of flips of +-1 neurons with pairwise couplings, sample by sample."""

from __future__ import annotations

import numpy as np

from ..backend import Array
from ._ready import compiled_loops, shared_out

LEAST = 2**8  # visits of sites in a sweep


def swept(
    columns: Array,
    diagonal: Array,
    slack: Array,
    held: Array | None,
    state: Array,
    fields: Array,
    sites: np.ndarray,
    noise: np.ndarray | None,
    temperature: float,
) -> tuple[Array, Array, np.ndarray] | None:
    """States, fields and flips after a sweep over the sites, by the sign rule or with noise by the heat bath.

    `columns` is W^T; `fields` (B, I) are W s + b, and `noise` (sites, B) is from [0, 1). None where there is no
    compiled loop for these arguments.
    """
    visits = state.shape[0] * sites.size
    loops = compiled_loops(visits, LEAST, columns, diagonal, slack, state, fields)
    if loops is None:
        return None
    state, fields, flips = np.array(state, order="C"), np.array(fields, order="C"), np.zeros(state.shape[0], int)
    mask = np.zeros((0, 0), bool) if held is None else np.ascontiguousarray(held)
    draws = np.zeros((0, 0), state.dtype) if noise is None else np.ascontiguousarray(noise, state.dtype)
    columns, sites = np.ascontiguousarray(columns), np.ascontiguousarray(sites)

    def part(i: int, j: int) -> None:
        loops.swept_pairs(columns, diagonal, slack, mask, state, fields, sites, draws, float(temperature), flips, i, j)

    shared_out(part, state.shape[0], visits * 64.0)
    return state, fields, flips
