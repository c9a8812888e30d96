r"""Radii within which every cue provably reaches the same memory, from the Gram matrix alone.

Softmax with the dot product (leak 1) or the Euclidean similarity (leak 0), no bias, g = v. Every cue
xi = x_i + u with \|u\| <= r gives pattern j the weight

    p_j <= p_j/p_i <= exp(-b (s_j - r d_j)),     d_j = \|x_i - x_j\|,
    dot: b = beta, s_j = (x_i - x_j).x_i;        euclidean: b = 2 beta, s_j = d_j^2/2,

so that the update F(xi) = sum_j p_j x_j stays within R(r) = sum_(j != i) d_j exp(-b (s_j - r d_j)) of x_i, and
\|F'\| <= R'(r). R is convex and increasing. Where R(r) < r lies the interval between the two roots of R(r) = r:
the distance to x_i falls there, and below the smaller root R' < 1, where F is a contraction with one fixed point.
Memory neurons with a time constant see a weighted mean of past states, which lies in the same ball.

About a fixed point a, with weights p_j and distances d_j = \|x_j - a\|, Jensen's inequality gives in the same way
p_j(xi) <= p_j exp(b r d_j) and R(r) = sum_j p_j d_j exp(b r d_j), whatever kind of attractor a is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import checked, finite, positive, quiet
from ...models._separations import describe
from ...models.family import AssociativeMemory, rule_of
from .. import _declared as declared
from ..results import Result

EPS = float(np.finfo(np.float64).eps)
NEWTON = 60  # monotone Newton steps; some 6 are taken
ROWS = 2**22  # numbers of a block of the Gram matrix


@dataclass(frozen=True, eq=False, repr=False)
class Certificates(Result):
    r"""Certified radii of many patterns.

    Attributes
    ----------
    rows : int array (K,)
        The patterns.
    radius : array (K,)
        Every state nearer than this to the stored pattern reaches one fixed point (0: the theorem gives nothing).
    inner : array (K,)
        That fixed point lies within this distance of the stored pattern (inf where nothing is certified).
    norm : {"2", "1"}
        The norm in which distances are measured.
    theorem : str
        What was used.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> certified_radii(ModernHopfield(2 * np.eye(3), beta=4.0)).radius.round(3)
    array([1.283, 1.283, 1.283])
    """

    row_fields = ("rows", "radius", "inner")

    rows: np.ndarray
    radius: np.ndarray
    inner: np.ndarray
    norm: str
    theorem: str

    def __str__(self) -> str:
        some = self.radius[self.radius > 0]
        span = f", from {some.min():.4g} to {some.max():.4g}" if some.size else ""
        count = f"{some.size} of {self.radius.size} patterns have a certified radius"
        return f"{count}{span} ({self.norm}-norm; {self.theorem})."


class _Rule(NamedTuple):
    """What a theorem needs: geometry, b (None: the limit beta = inf), norm, and its name."""

    kind: str
    gain: float | None
    norm: str
    theorem: str


def no_theorem(memory: Any) -> str:
    """Why no certificate applies to a model; empty where one does.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield, UniversalHopfield
    >>> no_theorem(ModernHopfield(np.eye(2)))
    ''
    >>> no_theorem(UniversalHopfield(np.eye(2), similarity="cosine", separation="softmax"))
    'no theorem is known for the cosine similarity.'
    """
    rule = rule_of(memory)
    if rule is None:
        return f"the theorems are about models with a similarity and a separation; {type(memory).__name__} has neither."
    similarity, separation, value, leak = rule
    bias = backend.to_numpy(memory.bias)
    wanted = {"product": 1.0, "square": 0.0, "blocks": 0.0}.get(similarity.metric)
    if wanted is None:
        return f"no theorem is known for the {similarity.name} similarity."
    if not separation.law:
        return f"the theorems need softmax or max, not {describe(separation)}."
    if leak != wanted:
        return f"for the {similarity.name} similarity the theorem needs leak {wanted:g}, not {leak:g}."
    if memory.projection is not None:
        return "the theorems need P = M: with a projection the output feeds back."
    if not value.identity:
        return f"the theorems need linear value neurons, not {value!r}."
    return "the theorems need bias 0." if bias.any() else ""


def _rule(memory: Any) -> _Rule:
    if reason := no_theorem(memory):
        raise ValueError(f"No radius can be certified: {reason}")
    similarity, separation, _, _ = memory.rule
    kind, name = similarity.metric, similarity.name
    if separation.law == "max":
        return _Rule(kind, None, "1" if kind == "blocks" else "2", f"{name}, max: the pattern stays the nearest")
    gain = 1.0 if separation.beta is None else float(backend.to_numpy(separation.beta))
    gain = positive("beta", gain)
    if kind == "blocks":
        return _Rule(kind, gain, "1", f"{name}, softmax: weight above 1/2, recalled exactly")
    return _Rule(kind, 2 * gain if kind == "square" else gain, "2", f"{name}, softmax: R(r) < r")


@checked(**declared.CERTIFIED_RADII)
def certified_radii(memory: AssociativeMemory, rows: Any = None) -> Certificates:
    r"""Radii of balls around stored patterns that provably reach one fixed point; all patterns at once.

    They hold for the update rule, for `Relaxation` with every dt, for the adiabatic flow, and for every tau_memory
    when h starts at sim(M, v0). With softmax and dot or euclidean the radius is the larger root of R(r) = r (see
    the module); with softmax and manhattan it is -ln(sum_(j != i) exp(-beta D_j))/(2 beta), D_j = \|x_i - x_j\|_1,
    in the 1-norm, and the fixed point is the pattern itself; with max the distance at which another pattern wins.

    Computed in float64 from the stored numbers, with room for rounding: with e = I eps the scores s_j are lowered by
    e (\|x_i\|^2 + \|x_i\| \|x_j\|), d_j^2 is raised by e (\|x_i\| + \|x_j\|)^2, and R(r) < r is verified at the radius
    returned. The statement is about exact dynamics, as every flow in floating point is not.

    Parameters
    ----------
    memory : model
        Similarity dot (leak 1), euclidean or manhattan (leak 0), separation softmax or max, bias 0, P = M.
    rows : int array, optional
        The patterns to look at; all of them unless given. The cost is one row of the Gram matrix each.

    Returns
    -------
    Certificates
        Radii in units of the patterns: patterns times c with beta over c^2 (over c for manhattan) has them times c.

    Raises
    ------
    ValueError
        Where no theorem applies, with the reason.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> found = certified_radii(ModernHopfield(np.eye(4), beta=5.0))
    >>> print(found)
    4 of 4 patterns have a certified radius, from 0.3571 to 0.3571 (2-norm; dot, softmax: R(r) < r).
    >>> found.inner.round(4)  # the fixed points lie this near to the patterns
    array([0.0372, 0.0372, 0.0372, 0.0372])
    """
    rule = _rule(memory)
    patterns = backend.to_numpy(memory.memories).astype(np.float64)
    count = len(patterns)
    rows = np.arange(count) if rows is None else np.atleast_1d(rows)
    if rows.size and not (-count <= rows.min() and rows.max() < count):
        raise ValueError(f"rows must be from 0 to {count - 1}, got {rows.min()} to {rows.max()}.")
    rows = rows % count
    solve = _manhattan if rule.kind == "blocks" else _quadratic
    size = max(1, ROWS // count)
    with np.errstate(all="ignore"):
        parts = [solve(rule, patterns, rows[k : k + size]) for k in range(0, len(rows), size)]
    radius, inner = (np.concatenate([part[k] for part in parts] or [np.zeros(0)]) for k in range(2))
    return Certificates(rows, radius, inner, rule.norm, rule.theorem)


def _quadratic(rule: _Rule, patterns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dot and euclidean: s_j and d_j with their margins, then the roots."""
    squares = np.einsum("ij,ij->i", patterns, patterns)
    norms = np.sqrt(squares)
    gram = patterns[rows] @ patterns.T
    slack = (patterns.shape[1] + 8) * EPS
    own, other = norms[rows, None], norms[None, :]
    blur = slack * (own + other) ** 2
    distance2 = np.maximum(squares[rows, None] + squares[None, :] - 2 * gram, 0.0)
    if rule.kind == "product":
        s = squares[rows, None] - gram - slack * (own**2 + own * other)
    else:
        s = np.maximum(distance2 - blur, 0.0) / 2
    d = np.sqrt(distance2 + blur)
    # Where x_j = x_i to the last bit, pattern j only adds to the weight of x_i.
    same = rows[:, None] == np.arange(len(patterns))
    if ((distance2 <= blur) & ~same).any():
        which = np.unique(patterns, axis=0, return_inverse=True)[1].reshape(-1)
        same = which[rows, None] == which
    d[same], s[same] = 0.0, np.inf
    if rule.gain is None:
        radius = np.min(np.where(d > 0, s / d, np.inf), axis=1) * (1 - 8 * EPS)
        radius = np.maximum(radius, 0.0)
        return radius, np.where(radius > 0, 0.0, np.inf)
    log_weight = np.where(d > 0, np.log(d) - rule.gain * s, -np.inf)
    return _roots(log_weight, rule.gain * d, 4 * EPS * rule.gain * np.where(d > 0, np.abs(s), 0.0))


def _roots(log_weight: np.ndarray, rate: np.ndarray, blur: Any = 0.0) -> tuple[np.ndarray, np.ndarray]:
    r"""The larger root of R(r) = r, R = sum_j exp(log_weight_j + r rate_j), and the smaller; (0, inf) where none.

    ln R(r) - ln r is convex, so Newton's method from outside converges monotonically to either root. `blur` is
    the rounding of `log_weight`, for the verification.
    """
    size = rate.shape[1]

    def parts(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        terms = log_weight + r[:, None] * rate
        value = _log_sum(terms)
        return value, np.exp(_log_sum(terms + np.log(rate)) - value)  # ln R and R'/R

    moves = np.isfinite(log_weight) & (rate > 0)
    empty = ~moves.any(axis=1)
    middle = np.where(empty, 1.0, _slope_radius(log_weight, rate))  # the minimum of R - r
    found = (
        (middle > 0) & ~empty & (parts(np.where(middle > 0, middle, 1.0))[0] < np.log(np.where(middle > 0, middle, 1)))
    )
    middle = np.where(found, middle, 1.0)

    reach = 1.0 / rate.max(axis=1, initial=1e-300)
    high = middle + reach
    for _ in range(200):
        short = found & (parts(high)[0] < np.log(high))
        if not short.any():
            break
        reach = np.where(short, 2 * reach, reach)
        high = np.where(short, high + reach, high)
    low = np.exp(parts(np.zeros_like(middle))[0])
    for _ in range(NEWTON):
        change = 0.0
        for end in (0, 1):
            r = np.maximum((high, low)[end], 1e-300)
            value, growth = parts(r)
            step = (value - np.log(r)) / (growth - 1 / r)
            r = np.where(found & np.isfinite(step), r - step, r)
            high, low = (r, low) if end == 0 else (high, r)
            change = max(change, float(np.max(np.where(found, np.abs(step) / r, 0.0), initial=0.0)))
        if change < 8 * EPS:
            break

    def holds(r: np.ndarray) -> np.ndarray:
        noise = blur + 4 * EPS * r[:, None] * rate
        worst = _log_sum(log_weight + r[:, None] * rate + noise) + 2 * (size + 4) * EPS
        return worst < np.log(r) - 4 * EPS

    radius, verified = high, np.zeros_like(found)
    for power in range(45):
        shrunk = np.where(verified, radius, high * (1 - EPS * 2.0 ** (power + 2)))
        good = found & (shrunk > 0) & holds(np.where(shrunk > 0, shrunk, 1.0))
        radius, verified = np.where(good, shrunk, radius), verified | good
        if (verified | ~found).all():
            break
    radius = np.where(empty, np.inf, np.where(verified, radius, 0.0))
    inner = np.maximum(low * (1 + 1e-9), 1e-300)
    inner = np.where(holds(inner), inner, middle)
    return radius, np.where(empty, 0.0, np.where(verified, inner, np.inf))


def _log_sum(terms: np.ndarray) -> np.ndarray:
    top = terms.max(axis=1)
    top = np.where(np.isfinite(top), top, 0.0)
    return top + np.log(np.exp(terms - top[:, None]).sum(axis=1))


def _slope_radius(log_weight: np.ndarray, rate: np.ndarray, slope: float = 1.0) -> np.ndarray:
    """The r with R'(r) = slope (inf where R is 0): Newton's method on ln R', convex, from where one term reaches it."""
    moves = np.isfinite(log_weight) & (rate > 0)
    log_rate, goal = np.log(rate), np.log(slope)
    r = np.where(moves, (goal - log_weight - log_rate) / np.where(moves, rate, 1.0), np.inf).min(axis=1)
    for _ in range(NEWTON):
        terms = log_weight + r[:, None] * rate + log_rate
        value = _log_sum(terms)
        step = np.where(value > goal, (value - goal) / np.exp(_log_sum(terms + log_rate) - value), 0.0)
        step = np.where(np.isfinite(step), step, 0.0)
        r = r - step
        if not (step > 4 * EPS * np.abs(r)).any():
            break
    return r


def _manhattan(rule: _Rule, patterns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """-ln(sum exp(-beta D_j))/(2 beta); for max half the least D_j."""
    gaps = backend.cityblock(patterns[rows], patterns) * (1 - (patterns.shape[1] + 8) * EPS)
    for k, j in zip(*np.nonzero(gaps <= 0), strict=True):
        gaps[k, j] = np.inf  # the pattern itself, or one equal to it
    least = gaps.min(axis=1)
    if rule.gain is None:
        radius = least / 2
    else:
        crowd = np.exp(-rule.gain * (gaps - np.where(np.isfinite(least), least, 0.0)[:, None])).sum(axis=1)
        crowd = np.log(crowd) * (1 + 4 * EPS) + 2 * (len(patterns) + 4) * EPS
        radius = np.where(np.isfinite(least), (least - crowd / rule.gain) / 2 * (1 - 8 * EPS), np.inf)
    radius = np.maximum(radius, 0.0)
    return radius, np.where(radius > 0, 0.0, np.inf)


@quiet
@checked(**declared.TRAPPING_RADII)
def trapping_radii(memory: AssociativeMemory, points: Array) -> np.ndarray:
    r"""Radii of balls around fixed points (K, I) from which nothing leaves and all reaches that fixed point.

    For softmax with dot or euclidean: the larger root of R(r) = r with R(r) = sum_j p_j d_j exp(b r (d_j + e)) + ...,
    d_j = \|x_j - a\| and p_j the weights at the point a (see the module; e = \|F(a) - a\| is what a misses of being
    exact). It holds for memories, mixtures and metastable states alike; 0 where the theorem gives nothing.

    Parameters
    ----------
    memory : model
        As for `certified_radii`, with softmax.
    points : array (K, I)
        Fixed points, of any kind; saddles get 0.

    Returns
    -------
    array (K,)
        Radii in the 2-norm.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(4), beta=5.0)
    >>> point = memory.retrieve(np.eye(4)[0], tol=1e-14).state
    >>> trapping_radii(memory, point[None]).round(3), trapping_radii(memory, np.full((1, 4), 0.25))
    (array([0.315]), array([0.]))
    """
    return _about_points(memory, points)[0]


def contraction_radii(memory: AssociativeMemory, points: Array, factor: float) -> np.ndarray:
    r"""Radii of balls about fixed points (K, I), within `trapping_radii`, where the update contracts by `factor`.

    There R'(r) <= factor, so that \|v - a\| and the speed of the flow decay between exp(-(1 + factor) t/tau) and
    exp(-(1 - factor) t/tau) (for euclidean twice as fast).

    Parameters
    ----------
    memory : model
        As for `certified_radii`, with softmax.
    points : array (K, I)
        Fixed points.
    factor : float
        Below 1.

    Returns
    -------
    array (K,)
        Radii; 0 where not even the point itself is so quiet.
    """
    trap, log_weight, rate = _about_points(memory, points)
    with np.errstate(all="ignore"):
        return np.clip(_slope_radius(log_weight, rate, factor), 0.0, trap)


def _about_points(memory: AssociativeMemory, points: Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trapping radii, and the logarithms of the weights and the rates of R about each point."""
    rule = _rule(memory)
    if rule.gain is None or rule.kind == "blocks":
        raise ValueError(
            "trapping_radii is for softmax with dot or euclidean; manhattan and max reach memories exactly."
        )
    patterns = backend.to_numpy(memory.memories).astype(np.float64)
    points = np.atleast_2d(finite("points", backend.to_numpy(points).astype(np.float64)))
    if points.ndim != 2 or points.shape[1] != patterns.shape[1]:
        raise ValueError(f"points have shape {points.shape} but patterns have {patterns.shape[1]} values.")
    squares = np.einsum("ij,ij->i", patterns, patterns)
    scores = points @ patterns.T
    scores = rule.gain * (scores if rule.kind == "product" else scores - squares / 2)
    log_p = scores - scores.max(axis=1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    miss = np.linalg.norm(np.exp(log_p) @ patterns - points, axis=1)
    size = np.linalg.norm(points, axis=1)[:, None] + np.sqrt(squares)[None, :]
    blur = (patterns.shape[1] + 8) * EPS * size**2
    common = np.einsum("kj,kj->k", np.exp(log_p), blur)[:, None]  # through the sum of the weights
    own = np.einsum("ij,ij->i", points, points)[:, None]
    with np.errstate(all="ignore"):
        d = np.sqrt(np.maximum(own + squares - 2 * points @ patterns.T, 0.0) + blur)
        noise = 4 * rule.gain * (blur + common) + 4 * EPS * np.abs(scores).max(axis=1, keepdims=True)
        log_weight, rate = log_p + np.log(d) + noise, rule.gain * (d + miss[:, None])
        return _roots(log_weight, rate)[0], log_weight, rate
