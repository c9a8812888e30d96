"""Where a search for fixed points begins: patterns, their means and reversals, random states, boxes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...data import generator
from ...dynamics import backend
from ...dynamics.doors import checked, finite, flag, floating, matrix, quiet
from ...models.family import rule_of
from .. import _declared as declared
from ..flow import Field, check_counts, own_synapses

LIMIT = 512  # combinations of one sort
TOGETHER = 12  # patterns that are balanced at most


@quiet
@checked(**declared.PATTERN_STARTS)
def pattern_starts(patterns: Any, *, signed: bool = True, seed: int | np.random.Generator = 0) -> np.ndarray:
    r"""Activations to begin at: patterns, means of pairs, triples, all but one and all, reversals and 0.

    With so few patterns that there are at most 512, the means of all subsets, and (`signed`) of all subsets with
    signs; of pairs and triples at most 512 are drawn.

    Parameters
    ----------
    patterns : array (N, I)
        The patterns.
    signed : bool
        Whether reversed patterns and 0 are among them; not where activations must be positive.
    seed : int or Generator
        For the drawing.

    Returns
    -------
    array (B, I)
        NumPy's; patterns first.

    Examples
    --------
    >>> import numpy as np
    >>> pattern_starts(np.eye(2), signed=False)
    array([[1. , 0. ],
           [0. , 1. ],
           [0.5, 0.5]])
    """
    rows = backend.to_numpy(matrix("patterns", patterns))
    n, rng, signed = len(rows), generator(seed), flag("signed", signed)
    found = [rows]
    if 2**n - 1 <= LIMIT:
        sizes = range(2, n + 1)
    else:
        sizes = [2, 3]
        found += [(rows.sum(0) - rows)[:LIMIT] / (n - 1), rows.mean(0)[None]]
    for size in sizes:
        found.append(_means(rows, size, rng))
    if signed:
        found += [-rows[:LIMIT], np.zeros_like(rows[:1])]
        if 3**n <= LIMIT:
            signs = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=n)), dtype=rows.dtype)
            mixed = signs[(signs > 0).any(1) & (signs < 0).any(1)]
            found.append(mixed @ rows / np.abs(mixed).sum(axis=1, keepdims=True))
    return np.concatenate(found)


def _means(rows: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    n = len(rows)
    total = 1
    for k in range(size):
        total = total * (n - k) // (k + 1)
    if total <= LIMIT:
        chosen = np.array(list(itertools.combinations(range(n), size)), dtype=int).reshape(-1, size)
    else:
        chosen = np.stack([rng.choice(n, size, replace=False) for _ in range(LIMIT)])
    return rows[chosen].mean(axis=1)


@quiet
@checked(**declared.RANDOM_STARTS)
def random_starts(
    patterns: Any, count: int, *, signed: bool = True, like: Any = None, scale: float = 1.0, seed: Any = 0
) -> np.ndarray:
    r"""Random activations: weighted means of patterns, with random signs where these make sense, and Gaussian ones.

    A third are means with weights from Dirichlet laws of random concentration (half of them with random signs and a
    random length), a third means with a Gaussian of the patterns' size added, a third that Gaussian alone. Without
    patterns all are Gaussian, of a random size up to three times `scale`.

    Parameters
    ----------
    patterns : array (N, I) or None
        The patterns.
    count : int
        How many, at least 1.
    signed : bool
        Whether reversed patterns and Gaussians around 0 are wanted.
    like : array
        Of the size and dtype of a start, where there are no patterns.
    scale : float
        The length of a typical state, where there are no patterns.
    seed : int or Generator
        For all of it.

    Returns
    -------
    array (count, I)
        NumPy's.

    Examples
    --------
    >>> import numpy as np
    >>> random_starts(np.eye(3), 6, seed=0).shape, random_starts(None, 4, like=np.zeros(2)).shape
    ((6, 3), (4, 2))
    """
    rng, signed = generator(seed), flag("signed", signed)
    check_counts(count=(count, 1))
    if patterns is None:
        given = None if like is None else backend.to_numpy(floating("like", like))
        if given is None or not given.ndim:
            raise ValueError("Without patterns give like=state, an array (..., I) of the size of a start.")
        like = given
        radius = 3 * scale * rng.random((count, 1))
        return (radius * rng.standard_normal((count, like.shape[-1]))).astype(like.dtype)
    rows = backend.to_numpy(matrix("patterns", patterns))
    n, width = rows.shape
    weights = np.stack([rng.dirichlet(np.full(n, a)) for a in 10 ** rng.uniform(-1.5, 1, count)])
    weights = np.nan_to_num(weights, nan=1 / n)
    if signed:
        flips = np.where(rng.random((count, n)) < 0.5, -1.0, 1.0) * rng.uniform(0.2, 2.0, (count, 1))
        weights = np.where((np.arange(count) % 2 == 0)[:, None], weights, weights * flips)
    found = weights @ rows
    noise = rng.standard_normal((count, width)) * rows.std(axis=0) * rng.uniform(0.0, 2.0, (count, 1))
    sort = np.arange(count) % 3
    found = np.where((sort > 0)[:, None], (sort == 1)[:, None] * found + (sort == 2)[:, None] * rows.mean(0), found)
    if signed:
        found = found + (sort > 0)[:, None] * noise
    else:  # stay positive
        found = np.where((sort > 0)[:, None], np.abs(found + noise) + 1e-3 * np.abs(rows).max(), found)
    return found.astype(rows.dtype)


def balanced_starts(flow: Field, count: int, *, seed: int | np.random.Generator = 0) -> np.ndarray:
    r"""Activations at which a few patterns have weights of one order, as they have at saddles.

    At a fixed point in which the patterns of a set S take part their scores differ by about 1/beta. For large beta
    such states fill thin sheets that other starts miss. For a random S and Gaussian log-weights w, with
    p = softmax(w), it is the state nearest to sum_S p_i x_i (up to second order for cosine) at which
    beta (s_i - s_j) = w_i - w_j within S.

    Parameters
    ----------
    flow : Field
        Of one population joined to patterns by dot, euclidean or cosine, with a separation that has a beta; there
        are no such starts elsewhere.
    count : int
        How many. While all subsets of the patterns are no more than that, each occurs, in turn.
    seed : int or Generator
        For all of it.

    Returns
    -------
    array (count, D) or (0, D)
        NumPy's.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(3 * np.eye(3), beta=40.0)
    >>> (memory.weights(balanced_starts(field(memory), 7, seed=0)) > 0.02).sum(axis=-1)
    array([1, 1, 1, 2, 2, 2, 3])
    """
    if (rows := balanced_rows(flow)) is None:
        return np.zeros((0, flow.size), dtype=backend.to_numpy(flow.like).dtype)
    rng = np.random.default_rng(seed)
    chosen, inside = _subsets(rows, count, rng)
    w = np.where(inside, rng.standard_normal(chosen.shape) * rng.uniform(0.0, 2.0, (count, 1)), -np.inf)
    return balanced(flow, chosen, inside, w)


def balanced_rows(flow: Field) -> np.ndarray | None:
    """The patterns (N, I) of a flow whose weights can be balanced, of length 1 where only directions count; else None.

    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import UniversalHopfield
    >>> balanced_rows(field(UniversalHopfield(3 * np.eye(2), "cosine")))
    array([[1., 0.],
           [0., 1.]])
    """
    populations = list(flow.network.populations.values())
    synapses = own_synapses(flow.network)
    if len(populations) != 1 or len(synapses) != 1 or not synapses[0].adiabatic:
        return None
    (synapse,) = synapses
    similarity = synapse.similarities[0]
    if getattr(synapse.lagrangian, "beta", None) is None or len(synapse.between) != 1:
        return None
    if similarity.metric not in ("product", "square", "angle"):
        return None
    rows = backend.to_numpy(similarity.patterns).astype(float)
    return rows / np.maximum(np.linalg.norm(rows, axis=1), 1e-300)[:, None] if similarity.ray else rows


def balanced(flow: Field, chosen: np.ndarray, inside: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Activations (B, I) at which the patterns `chosen` (B, S) that are `inside` have log-weights w (B, S).

    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.eye(3), beta=9.0))
    >>> balanced(flow, np.array([[0, 2]]), np.ones((1, 2), bool), np.zeros((1, 2)))
    array([[0.5, 0. , 0.5]])
    """
    like, rows = backend.to_numpy(flow.like), balanced_rows(flow)
    assert rows is not None
    (p,) = flow.network.populations.values()
    (synapse,) = own_synapses(flow.network)
    similarity, beta, count = synapse.similarities[0], synapse.lagrangian.beta, len(chosen)
    share = np.exp(w - w.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    members = np.where(inside[..., None], rows[chosen], 0.0)
    g = np.einsum("bs,bsi->bi", share, members)
    if p.leak:
        g = (g + (0.0 if p.bias is None else backend.to_numpy(p.bias))) / p.leak
    h = backend.to_numpy(synapse.signal(flow.asarray(g.astype(like.dtype)))).astype(float)
    gap = np.where(inside, w, 0.0) / float(backend.to_numpy(beta)) - np.take_along_axis(h, chosen, axis=1)
    length = np.maximum(np.linalg.norm(g, axis=1), 1e-300)
    slope = 1 / length if similarity.ray else 2.0 if similarity.distance else 1.0
    scaled = members * np.reshape(slope / synapse.leak, (-1, 1, 1))
    size = chosen.shape[1]  # the least move dg = A^T y, sum y = 0, with A dg = gap + c for members
    matrix = np.zeros((count, size + 1, size + 1))
    matrix[:, :size, :size] = np.einsum("bsi,bti->bst", scaled, scaled)
    ridge = 1e-9 * np.trace(matrix, axis1=1, axis2=2)[:, None] + 1e-300
    at = np.arange(size)
    matrix[:, at, at] += np.where(inside, ridge, 1.0)
    matrix[:, size, :size] = matrix[:, :size, size] = inside
    right = np.concatenate([np.where(inside, gap, 0.0), np.zeros((count, 1))], axis=1)
    move = np.einsum("bs,bsi->bi", np.linalg.solve(matrix, right[..., None])[:, :size, 0], scaled)
    return (g + move).astype(like.dtype)


def _subsets(rows: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows (B, S) of sets of patterns, and which of them count: all subsets in turn, else of near and of any ones."""
    n = len(rows)
    size = min(n, TOGETHER)
    if n <= TOGETHER and 2**n - 1 <= count:
        sets = [s for k in range(1, n + 1) for s in itertools.combinations(range(n), k)]
        inside = np.zeros((count, n), dtype=bool)
        for row in range(count):
            inside[row, list(sets[row % len(sets)])] = True
        return np.broadcast_to(np.arange(n), (count, n)), inside
    order = np.argsort(rng.random((count, n)), axis=1)
    first = order[:, 0]
    near = np.sum((rows[first][:, None] - rows) ** 2, axis=-1) if n * count * rows.shape[1] <= 2**25 else None
    if near is not None:  # every other one: among the nearest of one pattern, with chance
        blurred = np.argsort(near * rng.uniform(0.5, 1.5, near.shape), axis=1)
        order = np.where((np.arange(count) % 2 == 0)[:, None], order, blurred)
    most = np.minimum(size, 2 + rng.geometric(0.4, count))
    return order[:, :size], np.arange(size) < np.minimum(most, size)[:, None]


@quiet
@checked(**declared.BOX_STARTS)
def box_starts(low: Any, high: Any, count: int, *, seed: int | np.random.Generator = 0) -> np.ndarray:
    """States spread evenly over a box (a randomly shifted Sobol sequence): low <= x <= high.

    >>> import numpy as np
    >>> x = box_starts([-1.0, 0.0], [1.0, 5.0], 8, seed=0)
    >>> x.shape, bool((x >= [-1, 0]).all() and (x <= [1, 5]).all())
    ((8, 2), True)
    """
    from scipy.stats import qmc

    low, high = (np.atleast_1d(finite(name, floating(name, side))) for name, side in (("low", low), ("high", high)))
    if low.shape != high.shape or not (low < high).all():
        raise ValueError(f"A box needs low < high for every variable, got low={low.tolist()} and high={high.tolist()}.")
    check_counts(count=(count, 1))
    power = int(np.ceil(np.log2(count)))
    shift = generator(seed).random(len(low))
    unit = (qmc.Sobol(len(low), scramble=False).random_base2(power)[:count] + shift) % 1
    return low + (high - low) * unit


def takes_signs(flow: Field) -> bool:
    """Whether reversed patterns are sensible starts: not where patterns or activations must be positive.

    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import UniversalHopfield
    >>> takes_signs(field(UniversalHopfield(np.eye(2)))), takes_signs(field(UniversalHopfield(np.ones((1, 2)), "kl")))
    (True, False)
    """
    rule = rule_of(flow.memory)
    positive = rule is not None and rule.similarity.positive
    return not positive and not any(p.lagrangian.nonnegative for p in flow.network.populations.values())
