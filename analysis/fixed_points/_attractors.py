r"""The search for attractors, and for the saddles between those that are neighbours, where patterns are many.

N patterns may have some 2^N fixed points, nearly all of them saddles of high index. Those of index 0 are where the
flow ends, and those of index 1 between neighbours are the passes over which it leaves; there are a few N of them.
"""

from __future__ import annotations

import itertools

import numpy as np

from ...dynamics import backend
from ..flow import Field, canonical
from ._eigenvectors import extended
from ._search import Table, clusters, eased
from ._starts import balanced, balanced_rows
from ._states import random_states, sized, states_of_activations

NEAREST = 6  # neighbours of each point
SOON, LATE = (15,), (60,)  # steps of relaxation, which grow by 1.4
NEAR = 0.1  # of the scale: where Newton's method may take a relaxed state
QUIET = 3  # random batches in a row without a new attractor
SETS = 4096  # sets of patterns that are balanced
TREE = 4000  # points up to which all distances are looked at


def attractors(table: Table, rng: np.random.Generator, batches: int, batch_size: int, most: int, k: int = 1) -> bool:
    """Relax from the patterns, then from random states until three batches lead nowhere new; whether they did.

    The spectra, with `k` eigenvalues of each point, stay in the table.
    """
    flow = table.flow
    assert flow.patterns is not None
    ends(table, sized(flow, backend.to_numpy(flow.patterns)), k)
    quiet = 0
    for _ in table.budget.each("random batches", range(batches)):
        known = len(table.x)
        label = ends(table, random_states(flow, batch_size, rng), k)
        table.random_hits += np.bincount(label[label >= 0], minlength=len(table.x))
        quiet = quiet + 1 if len(table.x) == known else 0
        if quiet == QUIET or len(table.x) >= most:
            break
    return quiet == QUIET


def ends(table: Table, x: np.ndarray, k: int = 1) -> np.ndarray:
    """The row of the stable point that the flow leads to from each state (B, D); -1 where that is not clear."""
    flow = table.flow
    x, near = eased(table, canonical(flow, x), SOON)
    label = np.full(len(x), -1)
    if not len(x):
        return label
    x, left = near[-1], np.arange(len(x))
    for last in (False, True):
        group, first = clusters(x[left], 1e-6 * flow.scale)
        row = table.search(x[left][first], np.bincount(group))[group]
        table.spectra = extended(flow, table.x, k, table.spectra)
        if len(table.x):
            gap = np.linalg.norm(table.x[row] - x[left], axis=-1)
            there = (row >= 0) & (table.spectra.index[row] == 0) & (last | (gap <= NEAR * flow.scale))
            label[left[there]] = row[there]
            left = left[~there]
        if last or not len(left):
            break
        some, late = eased(table, x[left], LATE)
        left = left[: len(some)]
        if not len(left):
            break
        x[left] = late[-1]
    return label


def neighbours(points: np.ndarray) -> np.ndarray:
    """Pairs (P, 2) of rows: each with the six that are nearest, and the spanning tree of distances.

    >>> neighbours(np.array([[0.0], [1.0], [3.0]]))
    array([[0, 1],
           [0, 2],
           [1, 2]])
    """
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import pdist, squareform
    from sklearn.neighbors import NearestNeighbors

    count = len(points)
    if count < 2:
        return np.zeros((0, 2), int)
    close = NearestNeighbors(n_neighbors=min(NEAREST + 1, count)).fit(points)
    near = close.kneighbors(return_distance=False) if count > NEAREST + 1 else np.tile(np.arange(count), (count, 1))
    gaps = squareform(pdist(points)) if count <= TREE else close.kneighbors_graph(mode="distance")
    tree = np.argwhere(minimum_spanning_tree(gaps).toarray() > 0)
    local = np.stack([np.repeat(np.arange(count), near.shape[1]), near.ravel()], axis=1)
    pairs = np.unique(np.sort(np.concatenate([local, tree]), axis=1), axis=0)
    return pairs[pairs[:, 0] < pairs[:, 1]]


def saddles_between(table: Table, largest: int, most: int, k: int = 1) -> None:
    """Newton's method from between neighbouring attractors, in sets of 2 up to `largest` + 1 of them.

    It begins at the means of their states, and where weights can be balanced at states that give the patterns of a set
    equal weights, near which the saddle between them lies.
    """
    flow = table.flow
    calm = np.flatnonzero(table.spectra.index == 0) if table.spectra is not None else np.zeros(0, int)
    sets = _sets(table.x[calm], largest + 1)
    owner = _owners(flow, table.x[calm])
    for members in table.budget.each("sizes of sets of neighbours", sets):
        if len(table.x) >= most:
            return
        middle = table.x[calm][members].mean(axis=1).astype(table.x.dtype)
        own = np.full(members.shape, -1) if owner is None else owner[members]
        named = (own >= 0).all(axis=1)
        begin = [canonical(flow, middle[~named])]
        if named.any():
            chosen = own[named]
            rows = balanced(flow, chosen, np.ones(chosen.shape, bool), np.zeros(chosen.shape))
            begin.insert(0, canonical(flow, states_of_activations(flow, rows)))
        table.search(np.concatenate(begin))
        table.spectra = extended(flow, table.x, k, table.spectra)


def _sets(points: np.ndarray, size: int) -> list[np.ndarray]:
    """Sets of 2 to `size` neighbours, those with the smallest sums of distances first, an array (S, k) for each k."""
    pairs = neighbours(points)
    found = [pairs]
    near: dict[int, list[int]] = {}
    for i, j in pairs.tolist():
        near.setdefault(i, []).append(j)
        near.setdefault(j, []).append(i)
    for k in range(3, min(size, len(points)) + 1):
        sets = sorted({tuple(sorted((i, *rest))) for i in near for rest in itertools.combinations(near[i], k - 1)})
        rows = np.array(sets, dtype=int).reshape(-1, k)
        spread = np.linalg.norm(points[rows] - points[rows].mean(axis=1, keepdims=True), axis=-1).sum(axis=1)
        found.append(rows[np.argsort(spread, kind="stable")[:SETS]])
    return found


def _owners(flow: Field, x: np.ndarray) -> np.ndarray | None:
    """The pattern that has most of the weight at each state (K, D), -1 where none has half of it; None: no weights."""
    if balanced_rows(flow) is None or not len(x):
        return None
    (synapse,) = (s for s in flow.network.synapses.values() if s.adiabatic)
    g = flow.network.activations(flow.states(flow.asarray(x)))
    f = backend.to_numpy(synapse.weights(*(g[name] for name in synapse.between)))
    f = np.abs(f)
    best = f.argmax(axis=1)
    return np.where(f[np.arange(len(f)), best] > 0.5 * f.sum(axis=1), best, -1)
