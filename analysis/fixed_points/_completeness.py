"""What a census of fixed points proves: the Morse sum, and how many points it has not seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.network import Network
from ..flow import Field, Spectrum, columns, sphere_population
from ._search import unstable

PROVED, NOT_REFUTED, UNDEFINED, OPEN = "incomplete (proved)", "not refuted", "undefined", "not saturated"
REFUTED = "refuted, if the flow points inward"
LOOKS = 64  # random directions; the axes are looked along too in up to ...
AXES = 512  # ... dimensions
SPHERES = ((2, 4), (16, 32), (128, 256))  # in parts of the reach of the points: where forces differ much in
# strength by direction, a state twice as far out may still be pulled outward along a weak direction


class Completeness(NamedTuple):
    """What `completeness` returns.

    Attributes
    ----------
    morse_sum : int or None
        The sum of (-1)^index; None where it is not defined.
    verdict : str
        "incomplete (proved)", "refuted, if the flow points inward", "not refuted", "not saturated" or "undefined".
    reason : str
        Why, in a sentence.
    missing : int
        How many points are missing at least, if the flow points inward: the distance of the sum from that of a full
        census.

    Examples
    --------
    >>> Completeness(1, "not refuted", "That of a full census is 1 too.").verdict
    'not refuted'
    """

    morse_sum: int | None
    verdict: str
    reason: str
    missing: int = 0


def completeness(flow: Field, x: np.ndarray, found: Spectrum, saturated: bool, seed: int = 0) -> Completeness:
    r"""Whether fixed points can be all of them.

    If the velocity is continuous, points inward on a large sphere, and every zero is nondegenerate, the sum over all
    zeros of (-1)^index is 1 (Poincare-Hopf; Morse, for a gradient). Another sum then proves that a zero is missing. A
    sum of 1 proves nothing: the verdict is then "not refuted", or "not saturated" while searches still find new points.
    That the velocity points inward is known where the parts of the network say so (`confined`). Elsewhere it is looked
    at on the spheres of twice and four times the reach of the points (and, where it points outward there, on larger
    ones): in 64 random directions and along the axes, the points, the patterns and the unstable modes, both ways; the
    verdict then says "if". Of neurons with gains, g = D x, the spheres are those of x.D x. Where fixed points form rays
    (cosine) one of each is a zero on the sphere of dimension D - 1, and the sum is the sphere's Euler characteristic: 2
    for odd D, 0 for even D.

    Parameters
    ----------
    flow : Field
        The flow; on the sphere where fixed points form rays (`on_sphere`).
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
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.analysis.flow import spectrum
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.array([[1.0, 1.0], [-1.0, -1.0]])))
    >>> x = np.array([[0.957504024077] * 2, [0.0, 0.0]])
    >>> completeness(flow, x, spectrum(flow, x), True).verdict
    'incomplete (proved)'
    """
    if not flow.smooth:
        return Completeness(None, UNDEFINED, f"The forces of {', '.join(flow.network.kinks)} jump.")
    ray = columns(flow)
    expected = 1 if ray is None else 2 * ((ray.stop - ray.start) % 2)
    if flat := int(found.marginal.sum()):
        what = "point has" if flat == 1 else "points have"
        return Completeness(None, UNDEFINED, f"{flat} {what} an eigenvalue 0, and so no sign.")
    known, looked = confined(flow.network), 0
    if not known:
        looked, outward = look_inward(flow, x, seed)
        if outward:
            return Completeness(None, UNDEFINED, f"The velocity does not point inward on a large sphere, {outward}.")
    total = int(np.sum(np.where(found.index % 2 == 0, 1, -1)))
    full = f"That of a full census{' on a sphere of this dimension' if ray else ''} is {expected}"
    if missing := abs(total - expected):
        least = "one point is" if missing == 1 else f"{missing} points are"
        if known:
            return Completeness(total, PROVED, f"{full}: at least {least} missing.", missing)
        why = f"{full} if the flow points inward on a large sphere (looked at {looked} directions, and in all it does):"
        return Completeness(total, REFUTED, f"{why} at least {least} missing then.", missing)
    full += " too, which does not prove that this is one"
    if saturated:
        return Completeness(total, NOT_REFUTED, f"{full}; the last searches found nothing new.")
    return Completeness(total, OPEN, f"{full}; the search ended before searches found nothing new.")


def confined(network: Network) -> bool:
    r"""Whether the parts of a network say that far out its flow points inward.

    A population's states end in a ball where it leaks and all forces on it are bounded, or where one pulls inward as
    euclidean does: x . tau x' <= -c \|x\|^2 + C \|x\|. Its activation is bounded then, and with it forces on others;
    so one population after the other is confined, and on the product of the balls the flow points inward. A population
    of rays is the sphere itself.

    Examples
    --------
    >>> from hopfield.analysis.flow import energy_network
    >>> from hopfield.models import ModernHopfield, UniversalHopfield
    >>> confined(ModernHopfield(np.eye(2)).network), confined(UniversalHopfield(np.ones((1, 2)), "kl").network)
    (True, False)
    >>> confined(energy_network(lambda x: (x**4).sum(-1), 2, lambda x: 4 * x**3))  # nobody says
    False
    """
    inside = {sphere_population(network)} - {None}
    while True:
        fresh = {name for name in network.populations if name not in inside and _held(network, name, inside)}
        if not fresh:
            return inside == set(network.populations)
        inside |= fresh


def _held(network: Network, name: str, inside: set) -> bool:
    p, far = network.populations[name], []
    for synapse in network.synapses.values():
        bounded = [n in inside or network.populations[n].lagrangian.bounded for n in synapse.between]
        for position, other in enumerate(synapse.between):
            if other == name:
                far.append(synapse.far(position, bounded, p.lagrangian.identity))
    return "" not in far and (p.leak > 0 or "inward" in far)


def look_inward(flow: Field, x: np.ndarray, seed: int = 0) -> tuple[int, str]:
    """In how many directions the velocity was looked at far out, and along which it points outward ("" for none).

    Inward is to lower values of the neurons' Lagrangians where these are quadratic, and of the length elsewhere.

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.analysis.flow import energy_network
    >>> runs = energy_network(lambda x: (x**3).sum(-1), 2, lambda x: 3 * x**2)  # away on the left
    >>> look_inward(field(runs, differences=None), np.zeros((1, 2)))[1]
    'in a random direction'
    """
    rng, size = np.random.default_rng(seed), flow.size
    reach = max(flow.scale, float(np.linalg.norm(x, axis=-1).max(initial=0.0)))
    parts = {"in a random direction": rng.standard_normal((LOOKS, size))}
    if size <= AXES:
        parts["along an axis"] = np.eye(size)
    parts["toward a known point"] = x.astype(float)
    if flow.patterns is not None and flow.patterns.shape[1] == size:
        parts["toward a pattern"] = backend.to_numpy(flow.patterns).astype(float)
    parts["along an unstable mode"] = unstable(flow, x)[1].astype(float)
    first = ""
    for factors in SPHERES:
        looked, outward = _looked(flow, parts, reach, factors)
        if not outward:
            return looked, ""
        first = first or outward
    return looked, first


def _looked(flow: Field, parts: dict[str, np.ndarray], reach: float, factors: tuple[int, ...]) -> tuple[int, str]:
    """The same on spheres of some sizes."""
    looked, quadratic = 0, all(p.lagrangian.linear for p in flow.network.populations.values())
    for name, rows in parts.items():
        length = np.linalg.norm(rows, axis=1)
        rows = rows[length > 0] / length[length > 0, None]
        rows = rows if name.startswith("in a random") else np.concatenate([rows, -rows])
        looked += len(rows)
        rows = rows.astype(backend.to_numpy(flow.like).dtype)
        normal = flow.host(flow.activation, rows) if quadratic else rows
        for factor in factors:
            outward = np.sum(normal * flow.host(flow.residual, factor * reach * rows), axis=-1)
            if len(rows) and not (outward < 0).all():
                return looked, name
    return looked, ""


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
