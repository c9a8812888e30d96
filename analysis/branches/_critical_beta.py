"""The inverse temperature at which one fixed point becomes many."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked, positive
from ...models._separations import describe
from ...models.family import AssociativeMemory, rule_of
from .. import _declared as declared
from ..basins import certified_radii, no_theorem
from ..flow import flow_of, leading_modes, row_space
from ..results import Result
from ._continuation import continue_fixed_points


@dataclass(frozen=True, eq=False, repr=False)
class CriticalBeta(Result):
    r"""What `critical_beta` returns; ``float(answer)`` is the critical beta.

    Attributes
    ----------
    critical : float
        Where the fixed point of small beta loses stability; inf where it is proved never to, NaN where it has not up
        to the end of the search and what comes then is not known (see `message`).
    unique_below : float
        Below it there is exactly one fixed point, whatever else (a bound from the diameter of the patterns).
    memory_fold : float or None
        For patterns at equal distances from one another: from this beta on each of them has a stable fixed point of
        its own. None for other patterns.
    kind : str
        "mean" (the mean is a fixed point for every beta, and loses stability by symmetry), "fold" (the fixed point
        vanishes), "pitchfork" or "branch point" (others branch off), "origin" (linear memory neurons), "none" (it
        never loses it), "unknown".
    state, direction : arrays (I,) or None
        The state at the critical beta, and the unit direction in which it becomes unstable.
    message : str
        The same in a sentence.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> float(critical_beta(ModernHopfield(np.array([[2.0, 0.0], [-2.0, 0.0]]))))
    0.25
    """

    critical: float
    unique_below: float
    memory_fold: float | None
    kind: str
    state: np.ndarray | None
    direction: np.ndarray | None
    message: str

    def __float__(self) -> float:
        return float(self.critical)

    def __str__(self) -> str:
        fold = "" if self.memory_fold is None else f" Every memory exists from beta = {self.memory_fold:.6g} on."
        return f"{self.message} One fixed point alone below beta = {self.unique_below:.6g}.{fold}"


@checked(**declared.CRITICAL_BETA)
def critical_beta(memory: AssociativeMemory, *, largest: float = 64.0) -> CriticalBeta:
    r"""The beta at which the one fixed point of small beta loses its stability.

    Softmax with the dot product (leak l > 0) or the Euclidean similarity (leak 0), linear value neurons. With
    C(p) = M^T (diag p - p p^T) M, the covariance of the patterns under the weights p, the Hessian is l - beta C
    (dot) or 2 - 4 beta C (euclidean). The variance of bounded numbers is at most a quarter of the square of their
    range (Popoviciu), so there is one fixed point alone while beta < 4 l/diam^2 (dot) or 2/diam^2 (euclidean), diam
    the largest distance between patterns. Where the mean of all patterns is a fixed point for every beta (equal
    scores) it loses stability at beta = l/lambda_max(C) or 1/(2 lambda_max(C)), p uniform. Elsewhere the fixed point
    is followed from small beta on (`continue_fixed_points`) to the first bifurcation.

    For patterns at equal distances d from one another and of equal norm (any norms for euclidean), memories appear
    where beta(a) = ln(a (N-1)/(1-a)) (N-1)/(N a - 1), over 1/N < a < 1, is least: at beta = 2 l min beta(a)/d^2 (dot)
    or min beta(a)/d^2 (euclidean); it is the mean-field Potts model's fold. For N >= 3 that is below the critical
    beta: in between, memories and the mean are stable together.

    With identity separation and the dot product the memory neurons are linear and the origin is the fixed point; it
    loses stability at beta = l/(g'(0) lambda_max(M M^T)).

    Parameters
    ----------
    memory : model
        Of one of these families; its own beta plays no part.
    largest : float
        In units of `unique_below`: how far the fixed point is followed. If it is stable that far, it is so for ever
        where it lies in the certified ball of a pattern (`certified_radii`), which only widens with beta; else the
        answer is that nothing is known.

    Returns
    -------
    CriticalBeta
        The number, where, and in which direction.

    Raises
    ------
    ValueError
        For other similarities and separations, with the reason.

    References
    ----------
    Wu 1982, "The Potts model", Rev. Mod. Phys. 54, 235, doi:10.1103/RevModPhys.54.235 (mean field).

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> print(critical_beta(ModernHopfield(np.eye(3))))
    The mean of all patterns loses stability at beta = 3. One fixed point alone below beta = 2. Every memory
    exists from beta = 2.74564 on.
    """
    rule = rule_of(memory)
    if rule is None:
        raise TypeError(f"critical_beta is for memories with a similarity and softmax, not for {memory!r}.")
    similarity, separation, value, leak = rule
    patterns = backend.to_numpy(memory.memories).astype(float)
    bias = np.broadcast_to(backend.to_numpy(memory.bias).astype(float), patterns.shape[1:])
    if memory.projection is not None:
        raise ValueError("critical_beta is for P = M: with a projection the output neurons feed back.")
    if separation.linear and similarity.metric == "product" and leak > 0 and not bias.any():
        return _linear(patterns, value, leak)
    dot = similarity.metric == "product" and leak > 0
    if not (dot or (similarity.metric == "square" and leak == 0 and not bias.any())) or not value.identity:
        raise ValueError(
            f"critical_beta knows softmax with dot (leak > 0) or euclidean (leak 0, no bias) and linear value neurons, "
            f"and identity with dot; here it is {similarity.name} with {describe(separation)}, leak {leak:g} and "
            f"{value!r}. Follow the fixed points instead: continue_fixed_points(memory, 'beta', start, stop)."
        )
    if separation.law != "softmax":
        raise ValueError(
            f"With the {describe(separation)} separation nothing is known of the beta at which one fixed point becomes "
            "many. Use softmax, or follow the points: continue_fixed_points(memory, 'beta', start, stop)."
        )
    gain = 1.0 / leak if dot else 2.0  # the map is (M^T p + b)/l, with weights softmax(gain' ...)
    square = ((patterns - patterns.mean(0)) ** 2).sum(-1)
    gaps = np.maximum(square[:, None] + square - 2 * (patterns - patterns.mean(0)) @ (patterns - patterns.mean(0)).T, 0)
    diameter = float(gaps.max())
    if diameter <= 1e-12 * max(float((patterns**2).sum(-1).max()), 1e-300):
        text = "All patterns are the same, and there is one fixed point for every beta."
        return CriticalBeta(math.inf, math.inf, None, "none", None, None, text)
    unique = 4.0 / (gain * diameter)
    mean = patterns.mean(axis=0)
    start = (mean + bias) / leak if dot else mean
    scores = patterns @ start if dot else ((patterns - start) ** 2).sum(-1)
    fold = _fold(gaps, (patterns**2).sum(-1) if dot else None, gain, bias.any())
    if np.ptp(scores) <= 1e-9 * max(diameter, float(np.abs(scores).max())):
        centred = (patterns - mean) / len(patterns) ** 0.5
        _, singular, vectors = np.linalg.svd(centred, full_matrices=False)
        critical = 1.0 / (gain * singular[0] ** 2)
        text = f"The mean of all patterns loses stability at beta = {critical:.6g}."
        return CriticalBeta(critical, unique, fold, "mean", start, vectors[0], text)
    if not positive("largest", largest) > 1:
        raise ValueError(f"largest must be above 1, in units of unique_below, got {largest!r}.")
    return _followed(memory, start, unique, fold, largest)


def _linear(patterns: np.ndarray, value: Any, leak: float) -> CriticalBeta:
    width = patterns.shape[1]
    zero = np.zeros(width)
    if np.abs(backend.to_numpy(value.activation(zero))).max() > 0:
        raise ValueError(f"The origin is no fixed point: the activation of {value!r} is not 0 there.")
    slope = backend.to_numpy(value.curvature(zero, np.ones(width)))
    _, singular, vectors = np.linalg.svd(patterns * np.sqrt(slope), full_matrices=False)
    critical = leak / singular[0] ** 2
    text = f"The origin loses stability at beta = {critical:.6g}."
    if value.identity:
        text += " Beyond, the linear network runs away."
    return CriticalBeta(critical, critical, None, "origin", zero, vectors[0], text)


def potts_fold(count: int) -> float:
    r"""The least beta at which N orthonormal patterns are memories: min over a of ln(a(N-1)/(1-a)) (N-1)/(N a - 1)."""
    from scipy.optimize import brentq

    if count < 3:
        return 2.0
    n = float(count)

    def slope(t: float) -> float:  # a = 1/(1 + e^-t), so that ln(a/(1-a)) = t
        a = 1 / (1 + math.exp(-t))
        return (n * a - 1) / (a * (1 - a)) - n * (t + math.log(n - 1))

    t: float = brentq(slope, 0.0, 30.0, xtol=1e-14)  # pyright: ignore
    a = 1 / (1 + math.exp(-t))
    return (t + math.log(n - 1)) * (n - 1) / (n * a - 1)


def _fold(gaps: np.ndarray, squares: np.ndarray | None, gain: float, biased: Any) -> float | None:
    count = len(gaps)
    apart = gaps[~np.eye(count, dtype=bool)]
    if count < 2 or biased or np.ptp(apart) > 1e-9 * apart.max():
        return None
    if squares is not None and np.ptp(squares) > 1e-9 * squares.max():
        return None
    return potts_fold(count) * 2.0 / (gain * float(apart.mean()))


def _followed(
    memory: AssociativeMemory, start: np.ndarray, unique: float, fold: float | None, largest: float
) -> CriticalBeta:
    space = row_space(memory)
    inner = memory if space is None else space.memory
    begin = start if space is None else backend.to_numpy(space.project(backend.asarray(start, memory.memories)))
    settings = {**inner.settings(), "tau_memory": 0.0}

    def at(log_beta: float) -> AssociativeMemory:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the memory warns of, it has said
            return type(inner)(**{**settings, "beta": math.exp(log_beta)})

    low, high = math.log(0.5 * unique), math.log(largest * unique)
    near = at(low).retrieve(backend.asarray(begin, memory.memories), max_steps=10_000).state
    found = continue_fixed_points(
        at, "log beta", low, high, queries=backend.to_numpy(near)[None], branches=1, switch=False
    )
    if not found.branches:
        raise ArithmeticError(f"No fixed point was found to follow from beta = {math.exp(low):.6g}. {found.notes[0]}")
    (branch,) = found.branches
    lost = [event for event in branch.bifurcations if event.stable_before and not event.stable_after]
    if not lost and not branch.stable.all():
        row = int(np.argmin(branch.stable))
        around = np.exp(branch.parameter[[max(row - 1, 0), row]])
        raise ArithmeticError(
            f"The fixed point of small beta loses stability between beta = {around[0]:.8g} and {around[1]:.8g}, but "
            "where could not be located. Follow it with continue_fixed_points and smaller steps."
        )
    if not lost:
        return _never(at(float(branch.parameter[-1])), branch.state[-1], unique, fold, largest)
    event = lost[0]
    critical = math.exp(event.parameter)
    modes = leading_modes(flow_of(at(event.parameter)), event.coordinates, 1)
    parts = [event.coordinates, modes.vectors[:, 0].real]
    if space is not None:
        parts = [backend.to_numpy(space.lift(part)) for part in parts]
    what = "vanishes in a fold" if event.kind == "fold" else f"loses stability in a {event.kind}"
    text = f"The fixed point of small beta {what} at beta = {critical:.6g}."
    return CriticalBeta(critical, unique, fold, event.kind, parts[0], parts[1], text)


def _never(memory: AssociativeMemory, x: np.ndarray, unique: float, fold: float | None, largest: float) -> CriticalBeta:
    """What can be said of a fixed point that is stable at the end of the search."""
    end = float(backend.to_numpy(memory.beta))
    weights = backend.to_numpy(memory.weights(backend.asarray(x, memory.memories)))
    top = int(weights.argmax())
    gap = float(np.linalg.norm(x - backend.to_numpy(memory.memories)[top].astype(float)))
    held = not no_theorem(memory) and gap < certified_radii(memory, [top]).radius[0]
    text = f"The fixed point of small beta is stable up to beta = {end:.6g}, "
    if held:
        text += f"and so for every larger one: it leads to pattern {top}, in whose certified ball it lies there. "
        text += "Other memories appear by folds."
        return CriticalBeta(math.inf, unique, fold, "none", None, None, text)
    text += f"where the search ended (largest={largest:g}); pattern {top} has the weight {weights[top]:.4g} there. "
    text += "Whether it loses stability beyond is not known: raise `largest`."
    return CriticalBeta(math.nan, unique, fold, "unknown", None, None, text)
