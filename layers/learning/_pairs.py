"""Losses of an encoder: cues told from other patterns, and patterns from one another; with gradients of a matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.lagrangians import logsumexp, softmax

Batch = tuple[Array, Array]  # cues (B, I) and their patterns (B, I)


def contrastive(cues: Array, rows: Array, coded_cues: Array, coded: Array, ridge: float) -> Array:
    r"""-mean_b ln softmax_b(s(M_j, q_b)) over the patterns j of a batch, s_j = -\|phi(M_j) - phi(q)\|^2 - ridge (...).

    It is the mean surprise at which of the B patterns a cue is of (InfoNCE: van den Oord et al. 2018,
    arXiv:1807.03748), and so what softmax with beta = 1 gets wrong.
    """
    scores = -_squares(coded_cues, coded) - ridge * _squares(cues, rows)
    xp = backend.namespace(scores)
    own = xp.sum((coded_cues - coded) ** 2, axis=-1) + ridge * xp.sum((cues - rows) ** 2, axis=-1)
    return xp.mean(logsumexp(scores) + own)


def separation(coded: Array) -> Array:
    r"""ln mean_{m != n} exp(-2 \|phi(M_m) - phi(M_n)\|^2/D), with D the mean of these squares: at least -2.

    Where all features are equally far from one another it is -2. Without D a larger encoder would always be better.
    """
    xp, count = backend.namespace(coded), coded.shape[0]
    squares = _squares(coded, coded)
    mean = xp.sum(squares) / (count * (count - 1))
    others = xp.where(_diagonal(squares), -float("inf"), -2 * squares / mean)
    total = logsumexp(xp.reshape(others, (-1,)))
    return total - xp.log(backend.full((), count * (count - 1.0), coded))


def of_matrix(loss: str) -> Callable[[Array, Batch, float], tuple[Array, Array]]:
    """The function (W, batch, ridge) -> loss and its gradient in W, for NumPy, which has no derivatives."""
    return {"contrastive": _contrastive_of_matrix, "separation": _separation_of_matrix}[loss]


def _contrastive_of_matrix(w: Array, batch: Batch, ridge: float) -> tuple[Array, Array]:
    cues, rows = batch
    a, c, xp = cues @ w.T, rows @ w.T, backend.namespace(w)
    scores = -_squares(a, c) - ridge * _squares(cues, rows)
    excess = (softmax(scores) - xp.eye(len(a), dtype=w.dtype)) / len(a)  # dL/ds; its rows sum to zero
    left = 2 * (excess @ c)
    right = 2 * (excess.T @ a - xp.sum(excess, axis=0)[:, None] * c)
    return contrastive(cues, rows, a, c, ridge), left.T @ cues + right.T @ rows


def _separation_of_matrix(w: Array, batch: Batch, ridge: float) -> tuple[Array, Array]:
    rows = batch[1]
    a, xp = rows @ w.T, backend.namespace(w)
    count, squares = len(a), _squares(a, a)
    pairs = count * (count - 1)
    mean = xp.sum(squares) / pairs
    others = xp.where(_diagonal(squares), -float("inf"), -2 * squares / mean)
    share = xp.reshape(softmax(xp.reshape(others, (-1,))), squares.shape)
    slope = -2 * share / mean + 2 * xp.sum(share * squares) / (mean**2 * pairs)  # dL/d(squares)
    slope = xp.where(_diagonal(squares), 0.0, slope)
    along = 4 * (xp.sum(slope, axis=1)[:, None] * a - slope @ a)
    return separation(a), along.T @ rows


def _squares(a: Array, b: Array) -> Array:
    r"""\|a_i - b_j\|^2, from centred rows, so that little cancels."""
    xp = backend.namespace(a)
    middle = xp.mean(b, axis=0)
    a, b = a - middle, b - middle
    squares = xp.sum(a * a, axis=-1)[:, None] + xp.sum(b * b, axis=-1) - 2 * (a @ b.T)
    return xp.where(squares > 0, squares, 0.0)


def _diagonal(x: Any) -> Array:
    return backend.namespace(x).eye(x.shape[0], dtype=x.dtype, device=backend.device(x)) > 0
