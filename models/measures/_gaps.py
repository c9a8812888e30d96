"""Distances element by element: what a pattern and a query add up, zero exactly where they are equal."""

from __future__ import annotations

from ...dynamics import backend
from ...dynamics.backend import Array


def absolute_gap(m: Array, g: Array) -> Array:
    r"""\|m - g\|: Manhattan."""
    return backend.namespace(m, g).abs(m - g)


def bit_gap(m: Array, g: Array) -> Array:
    """1 where one of both is above 0 and the other is not: Hamming."""
    return backend.namespace(m, g).astype((m > 0) != (g > 0), g.dtype)


def kl_gap(m: Array, log_m: Array, g: Array, log_g: Array) -> Array:
    """g ln(g/m) - g + m >= 0: Kullback-Leibler from the query.

    Where m is near g, as (m + g) (t atanh t + t - atanh t) with t = (m - g)/(m + g): nothing cancels, and no
    rounding of the logarithms is left.
    """
    total, t, even, odd, near = _expanded(m, g)
    far = g * (log_g - log_m) + (m - g)
    return backend.namespace(t).where(near, total * (even + odd), far)


def reverse_kl_gap(m: Array, log_m: Array, g: Array, log_g: Array) -> Array:
    """m ln(m/g) - m + g >= 0: Kullback-Leibler from the pattern."""
    return kl_gap(g, log_g, m, log_m)


def jeffreys_gap(m: Array, log_m: Array, g: Array, log_g: Array) -> Array:
    """(g - m) (ln g - ln m)/2 >= 0: half the sum of both directions."""
    total, t, even, _, near = _expanded(m, g)
    return backend.namespace(t).where(near, total * even, (g - m) * (log_g - log_m) / 2)


def jensen_shannon_gap(m: Array, log_m: Array, g: Array, log_g: Array) -> Array:
    r"""(g ln(g/a) + m ln(m/a))/2 >= 0 with the mean a: a ((1 + t) ln(1 + t) + (1 - t) ln(1 - t))/2.

    Here t = \|m - g\|/(m + g), and where it is small nothing cancels in the same as ln(1 - t^2) + 2 t atanh t.
    """
    xp = backend.namespace(m, g)
    t = xp.abs(m - g) / (m + g)
    last = 1 - backend.epsilon(t) / 2  # where one of both vanishes beside the other
    t = xp.where(t > last, last, t)
    small = xp.where(t < 0.5, t, 0.0)
    near = xp.log1p(-small * small) + 2 * small * xp.atanh(small)
    return (m + g) * xp.where(t < 0.5, near, (1 + t) * xp.log1p(t) + (1 - t) * xp.log1p(-t)) / 4


def _expanded(m: Array, g: Array) -> tuple[Array, Array, Array, Array, Array]:
    """m + g, t, t atanh t, t - atanh t, and whether \\|t\\| < 1/2, beyond which the middle ones stand for nothing."""
    xp, total = backend.namespace(m, g), m + g
    t = (m - g) / total
    near = xp.abs(t) < 0.5
    t = xp.where(near, t, 0.0)
    arc, square = xp.atanh(t), t * t
    series = -t * square * (1 / 3 + square * (1 / 5 + square / 7))
    return total, t, t * arc, xp.where(square < 1e-4, series, t - arc), near
