"""The rotation of a vector towards a force that stands still: the exact step on a sphere."""

from __future__ import annotations

from .. import backend
from ..backend import Array, Number


def rotated(v: Array, force: Array, ratio: Number | None, power: int) -> Array:
    r"""The solution of v' = (F - u (u.F))/|v|^(power-1), u = v/|v|, after the time `ratio` (None: for ever).

    |v| is kept, and with theta the angle from v to F, tan(theta/2) shrinks by e^(-|F| ratio/|v|^power). A vector
    opposite to F, or a force or a vector of length 0, stays.

    Parameters
    ----------
    v, force : arrays (..., n)
        The vector and the force.
    ratio : number, array (..., 1) or None
        Time in units of tau.
    power : {1, 2}
        1 on the sphere of `Spherical`, 2 for the cosine, whose force is that of unit vectors over |v|.
    """
    xp = backend.namespace(v)
    (along, length), (target, strength) = unit(v), unit(force)
    cosine = _sum(along * target)
    across = target - along * cosine
    sine2 = _sum(across * across)
    # With t = tan(theta/2) = sine/(1 + cosine) and t+ = t e, the angle that is left has the cosine
    # (1 - t+^2)/(1 + t+^2) and the sine 2 t+/(1 + t+^2); no root of sine2, so derivatives pass at theta = 0.
    rate = strength / length if power == 1 else strength / length / length  # in this order it stays in range
    shrink = 0.0 if ratio is None else xp.exp(-rate * ratio)
    a = xp.where(cosine > 0, 1 + cosine, sine2 / (1 - xp.where(cosine > 0, 0.0, cosine)))  # 1 + cosine
    a2, b2 = a * a, sine2 * shrink**2
    moves = (a2 + b2 > 0) & (_sum(target * target) > 0) & (_sum(along * along) > 0)
    turned = target * (a2 - b2) + (along - target * cosine) * (2 * a * shrink)
    return xp.where(moves, length * (turned / xp.where(moves, a2 + b2, 1.0)), v)


def _sum(x: Array) -> Array:
    return backend.namespace(x).sum(x, axis=-1, keepdims=True)


def unit(x: Array) -> tuple[Array, Array]:
    """x/|x| and |x| (1 for a zero vector), at any length that the dtype holds."""
    xp = backend.namespace(x)
    finfo = xp.finfo(x.dtype)
    largest = xp.max(xp.abs(backend.detach(x)), axis=-1, keepdims=True)
    # Squares within these bounds neither overflow, summed over a billion entries, nor lose digits as subnormals.
    plain = (largest <= 2.0**-15 * finfo.max**0.5) & (largest >= (finfo.smallest_normal / finfo.eps**2) ** 0.5)
    size = xp.where(plain | (largest == 0), xp.ones_like(largest), largest)
    near = x / size
    square = _sum(near * near)
    norm = xp.sqrt(xp.where(square > 0, square, 1.0))
    return near / norm, norm * size
