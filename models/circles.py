r"""Circles in the space of n-bit addresses: their size, what two of them share, and the softmax that comes near it.

The circle of radius r around an address holds every address at Hamming distance <= r. A random address lies in
it with the probability P(Bin(n, 1/2) <= r), and in two of them, whose centres differ in d bits, with

    I(d) = 2^-n sum_i C(d, i) sum_j C(n - d, j),   i + j <= r,  d - i + j <= r :

of the d bits in which the centres differ the address has i unlike the first centre (so d - i unlike the second),
and of the others j unlike both. Kanerva 1988, *Sparse Distributed Memory* (MIT Press), appendix B.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import shown
from ..dynamics.doors import feasible, flag, number, plain, whole

MOST_BITS = 10**6  # of an address: sums over all distances take a square of it


def circle_fraction(dimension: int, radius: int) -> float:
    """The part of all addresses within Hamming distance <= radius of one: P(Bin(n, 1/2) <= r).

    >>> round(circle_fraction(3, 1), 12)  # 000 and three neighbours, of 8
    0.5
    """
    dimension, radius = _check(dimension, radius)
    return float(np.exp(_log_binomial(dimension)[1][radius]))


def radius_of(dimension: int, fraction: float) -> int:
    """The largest radius whose circle holds no more than `fraction` of all addresses (0 if none does).

    >>> radius_of(1000, 0.00108)  # Kanerva's memory of a million locations, about a thousand of them active
    451
    """
    dimension, fraction = whole("dimension", dimension, 1, MOST_BITS), number("fraction", fraction, above=0)
    if fraction > 1:
        raise ValueError(f"fraction is a part of all addresses, 0 < fraction <= 1, got {fraction!r}.")
    sizes = np.exp(_log_binomial(dimension)[1])
    return max(int(np.searchsorted(sizes, fraction, side="right")) - 1, 0)


def circle_intersection(dimension: int, radius: int, distance: Any, *, log: bool = False) -> Any:
    r"""The part I(d) of all addresses that lie in two circles at once, whose centres differ in d bits.

    Parameters
    ----------
    dimension : int
        n, the number of bits.
    radius : int
        r of both circles, 0 <= r <= n.
    distance : int or int array
        d, the Hamming distance of the centres, 0 <= d <= n.
    log : bool
        Whether to give ln I(d), which stays finite where I(d) is too small for a float.

    Returns
    -------
    float or array of the shape of `distance`
        I(0) is the size of one circle, and I(d) = 0 for d > 2r. An even distance shares as much as the odd one
        before it, I(2k) = I(2k - 1).

    Examples
    --------
    >>> circle_intersection(3, 1, [0, 1, 2, 3])  # of 8 addresses: 4, 2, 2 and none
    array([0.5 , 0.25, 0.25, 0.  ])
    """
    dimension, radius = _check(dimension, radius)
    log = flag("log", log)
    distances = _distances(dimension, distance)
    logs = np.array([_log_intersection(dimension, radius, int(d)) for d in distances.reshape(-1)])
    answer = logs if log else np.exp(logs)
    return float(answer[0]) if distances.ndim == 0 else answer.reshape(distances.shape)


def beta_from_radius(dimension: int, radius: int, reach: int | None = None) -> float:
    r"""The inverse temperature at which softmax on cosines comes nearest to circles of a radius.

    Reading a sparse distributed memory weighs the pattern at distance d by I(d), and where ln I falls in a
    straight line, I(d) ~ e^(-c d), that is a softmax: addresses of +-1 have the cosine x = 1 - 2d/n, so that
    e^(-c d) is proportional to e^(beta x) with beta = c n/2. The slope c is that of the least-squares line through
    ln I(0), ..., ln I(reach).

    Parameters
    ----------
    dimension : int
        n, the number of bits.
    radius : int
        r, 1 <= r < n.
    reach : int, optional
        The largest distance that is fitted, at most 2r; r unless given. ln I is steeper near 0 and near 2r than
        between, so beta depends on it.

    Returns
    -------
    float
        beta.

    References
    ----------
    Bricken & Pehlevan 2021, "Attention approximates sparse distributed memory", arXiv:2111.05498.

    Examples
    --------
    >>> round(beta_from_radius(64, 11), 2), round(beta_from_radius(64, 5), 2)
    (14.91, 31.12)
    """
    dimension, radius = _check(dimension, radius)
    top = whole("reach", radius if reach is None else reach, 1)
    if radius < 1 or top > min(2 * radius, dimension):
        raise ValueError(
            f"With radius {radius} in {dimension} bits two circles share addresses up to distance "
            f"{min(2 * radius, dimension)}; reach={top} is beyond. Take a radius >= 1 and 1 <= reach <= 2 radius."
        )
    distances = np.arange(top + 1)
    slope = np.polyfit(distances, circle_intersection(dimension, radius, distances, log=True), 1)[0]
    return float(-slope * dimension / 2)


def signal_to_noise(dimension: int, radius: int, n_locations: int, n_patterns: int, distance: Any = 0) -> Any:
    r"""Signal over noise of the sum that one bit is read from, in a sparse distributed memory of random data.

    With H random locations and N random patterns written, the sum read at distance d from a written address has,
    times the true bit, mean and variance

        H I(d)    and    H I(d) (1 - I(d)) + (N - 1) (H p^2 + H (H - 1) E[I(D)^2]),    D ~ Bin(n, 1/2), p = I(0),

    exactly, over the choice of locations, addresses and data. The first term is the number of locations that
    reading shares with writing; each of the other patterns adds as many numbers +-1 as it shares locations.

    Returns
    -------
    float or array of the shape of `distance`
        mean / standard deviation; a bit comes out wrong with probability near Phi(-ratio).

    Examples
    --------
    >>> round(signal_to_noise(1000, 451, 10**6, 10**4), 2)  # Kanerva's memory with ten thousand patterns
    6.47
    """
    signal, noise, _ = _moments(dimension, radius, n_locations, n_patterns, distance)
    ratio = signal / noise
    return float(ratio) if ratio.ndim == 0 else ratio


def distance_after_read(
    dimension: int, radius: int, n_locations: int, n_patterns: int, distance: Any, autoassociative: bool = True
) -> Any:
    r"""How far from the written datum one read is expected to come out, from a cue at a distance.

    That is n Phi(-signal/noise) where data are independent of addresses. Where patterns are written at
    themselves, those that happen to lie nearer to the cue share more locations with it and speak for the cue's own
    bits: they add B = (N - 1) H E[I(D) (1 - 2D/n)] to the mean of each of its n - d right bits, and take it
    from that of the d wrong ones.

    >>> [round(distance_after_read(1000, 451, 10**6, 10**4, d)) for d in (100, 150, 200)]
    [22, 86, 174]
    """
    signal, noise, pull = _moments(dimension, radius, n_locations, n_patterns, distance)
    wrong = _distances(dimension, distance)
    pull = pull if flag("autoassociative", autoassociative) else 0.0
    from scipy.special import ndtr

    found = (dimension - wrong) * ndtr(-(signal + pull) / noise) + wrong * ndtr(-(signal - pull) / noise)
    return float(found) if found.ndim == 0 else found


def critical_distance(dimension: int, radius: int, n_locations: int, n_patterns: int) -> int:
    r"""The distance up to which a read is expected to come nearer to what was written: the critical distance.

    It is the largest d such that n Phi(-signal/noise at d') < d' for every 1 <= d' <= d (0 if there is none). From
    nearer cues iterated reading converges to the written pattern, from farther ones it goes astray. The pull of a
    cue's own bits (see `distance_after_read`) is left out, since it does not outlast the first read.

    References
    ----------
    Kanerva 1988, *Sparse Distributed Memory*, MIT Press, chapter 7.

    Examples
    --------
    >>> critical_distance(1000, 451, 10**6, 10**4)
    152
    """
    dimension, radius = _check(dimension, radius)
    distances = np.arange(1, dimension // 2 + 1)
    found = distance_after_read(dimension, radius, n_locations, n_patterns, distances, autoassociative=False)
    closer = found < distances
    return closer.size if closer.all() else int(np.argmin(closer))


def _moments(
    dimension: int, radius: int, n_locations: int, n_patterns: int, distance: Any
) -> tuple[np.ndarray, np.ndarray, float]:
    """Signal, noise, and what patterns written at themselves add to the bits of the cue."""
    dimension, radius = _check(dimension, radius)
    _feasible(dimension, dimension)
    size, others = float(whole("n_locations", n_locations, 1)), whole("n_patterns", n_patterns, 1) - 1
    shared = np.asarray(circle_intersection(dimension, radius, distance))
    everywhere = np.arange(dimension + 1)
    chance = np.exp(_log_binomial(dimension)[0])
    overlap = circle_intersection(dimension, radius, everywhere)
    p = circle_fraction(dimension, radius)
    variance = size * shared * (1 - shared) + others * (size * p**2 + size * (size - 1) * (chance @ overlap**2))
    pull = others * size * float(chance @ (overlap * (1 - 2 * everywhere / dimension)))
    return size * shared, np.sqrt(variance), pull


@functools.lru_cache(maxsize=1 << 14)
def _log_intersection(dimension: int, radius: int, distance: int) -> float:
    from scipy.special import logsumexp

    unlike = np.arange(distance + 1)  # bits unlike the first centre, of those in which the centres differ
    most = np.minimum(radius - unlike, radius - distance + unlike)
    if distance > 2 * radius:
        return -np.inf
    inside = most >= 0
    rest = _log_binomial(dimension - distance)[1][np.minimum(most, dimension - distance)[inside]]
    return float(np.asarray(logsumexp(_log_binomial(distance)[0][inside] + rest)))


@functools.lru_cache(maxsize=1 << 12)
def _log_binomial(n: int) -> tuple[np.ndarray, np.ndarray]:
    """ln of Bin(n, 1/2)'s probabilities at 0..n, and of their running sums."""
    from scipy.special import gammaln

    k = np.arange(n + 1)
    mass = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * np.log(2)
    return mass, np.minimum(np.logaddexp.accumulate(mass), 0.0)


def _check(dimension: Any, radius: Any) -> tuple[int, int]:
    dimension, radius = whole("dimension", dimension, 1, MOST_BITS), whole("radius", radius, 0)
    if radius > dimension:
        raise ValueError(f"radius must be from 0 to {dimension} (the dimension), got {radius}.")
    return dimension, radius


def _distances(dimension: int, distance: Any) -> np.ndarray:
    """Whole numbers from 0 to the dimension, one or an array of them."""
    given = plain("distance", distance)
    try:
        found = np.asarray(backend.to_numpy(given) if backend.is_array(given) else given)
    except (ValueError, TypeError, RuntimeError):
        found = np.asarray(None)
    if found.dtype.kind not in "iu" or (found < 0).any() or (found > dimension).any():
        raise ValueError(
            f"distance must be whole numbers from 0 to {dimension} (the dimension), got {shown(distance)}."
        )
    _feasible(dimension, found.size)
    return found.astype(int)


def _feasible(dimension: int, count: int) -> None:
    feasible(f"{count} distances in {dimension} bits", float(count) * dimension, "Ask for fewer distances or bits.")
