"""What a census of fixed points proves: the Morse sum, and how many points it has not seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..dynamics import backend
from .field import Field
from .polish import has_rays
from .stability import Spectrum

PROVED, NOT_REFUTED, UNDEFINED, OPEN = "incomplete (proved)", "not refuted", "undefined", "not saturated"


class Completeness(NamedTuple):
    """What `completeness` returns.

    Attributes
    ----------
    morse_sum : int or None
        The sum of (-1)^index; None where it is not defined.
    verdict : str
        "incomplete (proved)", "not refuted", "not saturated" or "undefined".
    reason : str
        Why, in a sentence.

    Examples
    --------
    >>> Completeness(1, "not refuted", "The sum of (-1)^index is 1.").verdict
    'not refuted'
    """

    morse_sum: int | None
    verdict: str
    reason: str


def completeness(flow: Field, x: np.ndarray, found: Spectrum, saturated: bool, seed: int = 0) -> Completeness:
    r"""Whether fixed points can be all of them.

    If the velocity is continuous, points inward on a large sphere, and every zero is nondegenerate, the sum over all
    zeros of (-1)^index is 1 (Poincare-Hopf; Morse, for a gradient). Another sum proves that a zero is missing. A sum of
    1 proves nothing: the verdict is then "not refuted", or "not saturated" while searches still find new points. That
    the velocity points inward is looked at in 64 random directions on the spheres of twice and four times the reach of
    the points. Where fixed points form rays (cosine) one of each is a zero on the sphere of dimension D - 1, and the
    sum is the sphere's Euler characteristic: 2 for odd D, 0 for even D.

    Parameters
    ----------
    flow : Field
        The flow.
    x : array (K, D)
        Its fixed points, of which none occurs twice.
    found : Spectrum
        Their index.
    saturated : bool
        Whether the last searches found nothing new.
    seed : int
        For the directions.

    Returns
    -------
    Completeness
        Sum, verdict and reason.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.field import field
    >>> from hopfield.analysis.stability import spectrum
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.array([[1.0, 1.0], [-1.0, -1.0]])))
    >>> x = np.array([[0.957504024077] * 2, [0.0, 0.0]])
    >>> completeness(flow, x, spectrum(flow, x), True).verdict
    'incomplete (proved)'
    """
    if not flow.smooth:
        return Completeness(None, UNDEFINED, f"The forces of {', '.join(flow.network.kinks)} jump.")
    rays = has_rays(flow)
    expected = 1 if not rays else 2 * (flow.size % 2)
    if found.marginal.any():
        return Completeness(None, UNDEFINED, f"{int(found.marginal.sum())} points have an eigenvalue 0.")
    if not rays and not _inward(flow, x, seed):
        return Completeness(None, UNDEFINED, "The velocity does not point inward on a large sphere.")
    total = int(np.sum(np.where(found.index % 2 == 0, 1, -1)))
    if total != expected:
        why = f"The sum of (-1)^index is {total}, and that of a full census is {expected}."
        return Completeness(total, PROVED, why)
    right = f"The sum of (-1)^index is {total}{' as on every sphere of this dimension' if rays else ''}"
    if saturated:
        return Completeness(total, NOT_REFUTED, f"{right}, and the last searches found nothing new.")
    return Completeness(total, OPEN, f"{right}, but the last searches still found new points.")


def _inward(flow: Field, x: np.ndarray, seed: int) -> bool:
    reach = max(flow.scale, float(np.linalg.norm(x, axis=-1).max(initial=0.0)))
    unit = np.random.default_rng(seed).standard_normal((64, flow.size))
    unit = (unit / np.linalg.norm(unit, axis=1, keepdims=True)).astype(backend.to_numpy(flow.like).dtype)
    for factor in (2, 4):
        place = factor * reach * unit
        outward = np.sum(unit * flow.host(flow.residual, place), axis=-1)
        if not (outward < 0).all():
            return False
    return True


class Unseen(NamedTuple):
    """What `unseen` returns: how many points are not seen, and the probability that a search ends in one that is.

    Examples
    --------
    >>> Unseen(0.0, 1.0).coverage
    1.0
    """

    points: float
    coverage: float


def unseen(hits: np.ndarray) -> Unseen:
    r"""Estimate from the hits of independent searches how much they have not seen.

    With `hits` the number of searches that found each point, f1 points found by one search and f2 by two:
    f1 (f1 - 1)/(2 (f2 + 1)) points are not seen (Chao's lower bound, bias corrected), and 1 - f1/sum(hits) of the
    probability is covered (Good and Turing). A point that searches reach with probability 0 stays unseen by both.

    Parameters
    ----------
    hits : int array (K,)
        By point; zeros do not count.

    Returns
    -------
    Unseen
        Points and coverage.

    References
    ----------
    Chao 1987, doi:10.2307/2531532. Good 1953, doi:10.1093/biomet/40.3-4.237.

    Examples
    --------
    >>> import numpy as np
    >>> unseen(np.array([5, 1, 1, 1, 2]))
    Unseen(points=1.5, coverage=0.7)
    """
    hits = np.asarray(hits)
    once, twice, total = int((hits == 1).sum()), int((hits == 2).sum()), int(hits.sum())
    return Unseen(once * (once - 1) / (2 * (twice + 1)), 1 - once / total if total else 0.0)
