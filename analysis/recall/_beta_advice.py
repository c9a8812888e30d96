"""Advice on beta: from which value on each stored pattern is recalled, and from which value that is proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked
from ...models._copies import copies_of
from ...models.family import AssociativeMemory
from .. import _declared as declared
from ..basins import no_theorem
from ..results import Result
from ._metastability import metastability

HUGE = 1e12  # in units of 1/separation: a beta beyond it counts as infinite


@dataclass(frozen=True, eq=False, repr=False)
class BetaAdvice(Result):
    r"""What `beta_advice` returns, for N patterns.

    Attributes
    ----------
    target : float
        The weight that a recalled pattern is to have.
    beta : float
        The memory's own.
    separation : array (N,)
        Delta_i: how far pattern i's score of itself is above that of the next one that is no copy of it; at most 0 for
        a pattern that is not the best match of itself, inf where there is no other.
    own_weight : array (N,)
        Its weight, with that of its copies, when it is itself the cue, at the memory's beta.
    needed : array (N,)
        The beta from which on that weight reaches the target; inf where it never does.
    certified : array (N,)
        The beta from which on a fixed point near the pattern, the only one in a ball around it, provably has a weight
        of at least the target; inf where that cannot be proved.
    recalled : bool array (N,)
        Whether, at the memory's beta, the pattern as a cue is retrieved to a state in which it has the target weight.
    unique_below : float
        The beta below which there is exactly one fixed point, so that nothing is remembered but what all patterns are
        equal to.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> advice = beta_advice(ModernHopfield(np.eye(3), beta=4.0))
    >>> advice.needed.round(4), advice.certified.round(4), round(advice.beta_for(0.9, certified=True), 4)
    (array([0.6931, 0.6931, 0.6931]), array([3.6926, 3.6926, 3.6926]), 3.6926)
    """

    row_fields = ("separation", "own_weight", "needed", "certified", "recalled")

    target: float
    beta: float
    separation: np.ndarray
    own_weight: np.ndarray
    needed: np.ndarray
    certified: np.ndarray
    recalled: np.ndarray
    unique_below: float

    @checked(**declared.BETA_ADVICE_BETA_FOR)
    def beta_for(self, fraction: float = 1.0, *, certified: bool = False) -> float:
        """The smallest beta at which this fraction of the patterns meets the target, as cues or provably.

        It is inf where that fraction cannot be had.
        """
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction must be in (0, 1], got {fraction!r}.")
        values = np.sort(self.certified if certified else self.needed)
        return float(values[int(np.ceil(fraction * len(values) - 1e-9)) - 1])

    def __str__(self) -> str:
        count = len(self.needed)
        unique = "at every beta" if np.isinf(self.unique_below) else f"below beta = {self.unique_below:.6g}"
        lines = [
            f"{count} patterns, target weight {self.target:g}, beta = {self.beta:.6g}",
            f"one fixed point alone {unique}",
            f"at beta = {self.beta:.6g}: {int(self.recalled.sum())} of {count} recalled with that weight",
            f"{'patterns':>10} {'weight as a cue':>18} {'proved fixed point':>20}",
        ]
        for part in (0.5, 0.9, 1.0):
            pair = [self.beta_for(part), self.beta_for(part, certified=True)]
            words = [f"beta >= {b:.5g}" if np.isfinite(b) else "never" for b in pair]
            lines.append(f"{part:>10.0%} {words[0]:>18} {words[1]:>20}")
        worst = int(np.argmin(self.separation))
        if np.isfinite(self.separation[worst]):
            lines.append(f"least separated: pattern {worst}, by {self.separation[worst]:.5g}")
        else:
            lines.append("all patterns are equal: there is nothing to separate" if count > 1 else "it is alone")
        return "\n".join(lines)


@checked(**declared.BETA_ADVICE)
def beta_advice(memory: AssociativeMemory, target: float = 0.5) -> BetaAdvice:
    r"""Say which beta separates the stored patterns, and how much of that is proved.

    For softmax with the dot product (leak 1) or the Euclidean similarity (leak 0), linear value neurons, no bias.
    With d_j = \|x_i - x_j\|, s_j = (x_i - x_j).x_i and b = beta (dot), or s_j = d_j^2/2 and b = 2 beta (euclidean),
    and sums over the patterns that are no copies of x_i, since copies are one memory with one weight:

    - pattern i, stored m times, has as a cue the weight m/(m + sum_j e^{-b s_j}), which rises with beta where all
      s_j > 0; `needed` is where it reaches the target. No more than that is said of the fixed point.
    - on the ball of radius r around x_i every weight is p_i >= 1/(1 + sum_j e^{-b (s_j - r d_j)}), and one update
      stays within R(r) = sum_j d_j e^{-b (s_j - r d_j)} of x_i. If R(r) <= r < min_j s_j/d_j the update maps the
      ball into itself, and at the smallest such r it has one fixed point there (see `certified_radii`). `certified` is
      the least beta at which that holds with p_i >= target at that r. For r < min s_j/d_j both sums fall as beta
      rises, so that it holds for every larger beta too.

    Parameters
    ----------
    memory : model
        Its beta is the one that is judged.
    target : float
        The weight that a recalled pattern is to have, in (0, 1).

    Returns
    -------
    BetaAdvice
        Print it for a table.

    References
    ----------
    Ramsauer et al. 2021, arXiv:2008.02217 (the separation Delta_i, and a ball around each pattern).

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> print(beta_advice(ModernHopfield(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]), beta=4.0)))
    3 patterns, target weight 0.5, beta = 4
    one fixed point alone below beta = 0.941176
    at beta = 4: 2 of 3 recalled with that weight
      patterns    weight as a cue   proved fixed point
           50%    beta >= 0.50966       beta >= 3.2422
           90%    beta >= 0.96242       beta >= 6.2513
          100%    beta >= 0.96242       beta >= 6.2513
    least separated: pattern 1, by 0.5
    """
    if reason := no_theorem(memory):
        raise ValueError(f"There is no advice for this memory: {reason}")
    similarity, separation, _, _ = memory.rule
    if separation.law != "softmax" or similarity.metric == "blocks":
        raise ValueError(
            f"There is advice for softmax with dot or euclidean, not for {similarity.name} with {separation!r}: "
            "certified_radii says what is proved there."
        )
    if not 0 < target < 1:
        raise ValueError(f"target must be between 0 and 1, got {target!r}.")
    patterns = backend.to_numpy(memory.memories).astype(float)
    factor = 1.0 if similarity.metric == "product" else 2.0
    squares = (patterns**2).sum(-1)
    gram = patterns @ patterns.T
    gaps = np.maximum(squares[:, None] + squares - 2 * gram, 0.0)
    s = squares[:, None] - gram if factor == 1.0 else gaps / 2
    d = np.sqrt(gaps)
    rows = copies_of(memory)
    other = rows[:, None] != rows
    times = np.bincount(rows)[rows]  # that a pattern is stored
    least = np.where(other, s, np.inf).min(axis=1)
    np.fill_diagonal(d, 0.0)
    blur = np.where(other, 0.0, d).max(axis=1)  # what copies that differ by rounding add to an update, at most
    beta = float(backend.to_numpy(memory.beta))
    room = (1 - target) / target

    def reaches(b: np.ndarray) -> np.ndarray:
        return _others(b, s, other) <= room * times

    def proved(b: np.ndarray) -> np.ndarray:
        r = _smaller_root(b, s, d, other, blur)
        inside = np.where(other, s / np.where(d > 0, d, 1.0), np.inf).min(axis=1)
        held = np.isfinite(r) & (r < inside)
        r = np.where(held, r, 0.0)
        return held & (_others(b, s - r[:, None] * d, other) <= room)

    possible = (least > 1e-12 * np.maximum(squares, 1e-300)) | ~other.any(axis=1)
    diameter = float(gaps[other].max(initial=0.0))
    needed, certified = (_threshold(test, possible, least) / factor for test in (reaches, proved))
    found = metastability(memory, memory.memories)
    right = (found.pattern == rows) & (found.weight >= target) & found.converged
    return BetaAdvice(
        target=float(target),
        beta=beta,
        separation=least * (1.0 if factor == 1.0 else 2.0),
        own_weight=times / (times + _others(np.full(len(patterns), factor * beta), s, other)),
        needed=needed,
        certified=certified,
        recalled=right,
        unique_below=4.0 / (factor * diameter) if diameter > 0 else float("inf"),
    )


def _others(b: np.ndarray, s: np.ndarray, other: np.ndarray) -> np.ndarray:
    """sum_(j != i) e^{-b_i s_ij}."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(other, np.exp(-b[:, None] * s), 0.0).sum(axis=1)


def _smaller_root(b: np.ndarray, s: np.ndarray, d: np.ndarray, other: np.ndarray, blur: np.ndarray) -> np.ndarray:
    """The smaller root of R(r) + blur = r, by Newton's method from r = 0, which rises to it; inf if there is none."""
    r = np.zeros(len(b))
    gone = np.zeros(len(b), dtype=bool)
    for _ in range(60):
        with np.errstate(over="ignore", invalid="ignore"):
            terms = np.where(other, d * np.exp(-b[:, None] * (s - r[:, None] * d)), 0.0)
            value, slope = blur + terms.sum(axis=1), b * (terms * d).sum(axis=1)
        gone |= ~(slope < 1) | ~np.isfinite(value)
        step = np.where(gone, 0.0, (value - r) / np.where(gone, 1.0, 1 - slope))
        r = r + step
        if (np.abs(step) <= 1e-15 * np.maximum(r, 1e-300)).all():
            break
    else:
        gone |= np.abs(step) > 1e-9 * np.maximum(r, 1e-300)
    return np.where(gone, np.inf, r * (1 + 1e-12))


def _threshold(test: Any, possible: np.ndarray, least: np.ndarray) -> np.ndarray:
    """The least b_i from which on `test` holds, by bisection in log b; inf where it does not hold at any b."""
    unit = 1.0 / np.where(possible & np.isfinite(least), np.maximum(least, 1e-300), 1.0)
    low, high = np.log(1e-12 * unit), np.log(HUGE * unit)
    never = ~possible | ~test(np.exp(high))
    always = test(np.exp(low))
    for _ in range(60):
        middle = (low + high) / 2
        good = test(np.exp(middle))
        low, high = np.where(good, low, middle), np.where(good, middle, high)
    return np.where(never, np.inf, np.where(always, 0.0, np.exp(high)))
