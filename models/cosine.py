"""Cosine: the similarity of directions, whose force turns a state and never lengthens it."""

from __future__ import annotations

from typing import Any

from ..dynamics import backend
from ..dynamics.backend import Array, Number, structure
from ..dynamics.contracts import Response, Similarity


@structure
class Unit:
    """Patterns with their rows scaled to length one."""

    patterns: Array = None
    rows: Array = None


@structure
class Cosine(Similarity):
    r"""s_i = M_i . g/(\|M_i\| \|g\|), row by row; a zero vector has similarity 0 to everything.

    The force is tangential, so \|v\| is kept and the value step is a rotation: with F = sum_i f_i M_i/\|M_i\|
    and theta the angle from v to F, tan(theta/2) shrinks by e^(-\|F\| dt/(tau \|v\|^2)). Without bias and with
    leak 0 the energy falls for every dt, whatever the signs of f. Vectors are divided by their largest entry first
    where their squares would leave the range of the dtype.

    >>> import numpy as np
    >>> Cosine().scores(np.array([[3.0, 4.0]]), np.array([1.0, 0.0]))
    array([0.6])
    """

    name = "cosine"
    leak = 0.0
    directional = True

    def prepare(self, memories: Array) -> Unit:
        """The patterns and their unit rows."""
        if isinstance(memories, Unit):
            return memories
        return Unit(memories, _unit(memories)[0])

    def scores(self, memories: Any, g: Array) -> Array:
        """U g/\\|g\\| with the unit rows U."""
        return _unit(g)[0] @ self.prepare(memories).rows.T

    def pullback(self, memories: Any, g: Array, f: Array) -> Array:
        """(F - g^ (g^.F))/\\|g\\| with F = U^T f and g^ = g/\\|g\\|."""
        return self._tangential(g, f @ self.prepare(memories).rows)

    def pushforward(self, memories: Any, g: Array, u: Array) -> Array:
        """U (u - g^ (g^.u))/\\|g\\|."""
        return self._tangential(g, u) @ self.prepare(memories).rows.T

    def curvature(self, memories: Any, g: Array, f: Array, u: Array) -> Array:
        """The derivative of the pullback along u."""
        force = f @ self.prepare(memories).rows
        unit, norm = _unit(g)
        radial, along, across = _sum(unit * force), _sum(unit * u), _sum(force * u)
        return (3 * unit * radial * along - unit * across - force * along - radial * u) / norm / norm

    def response(self, memories: Any, g: Array, f: Array, nonnegative: bool) -> Response:
        """The rotation, exact without leak and further drive."""
        force = f @ self.prepare(memories).rows

        def step(x: Array, drive: Any, leak: float, ratio: Number | None) -> Array:
            return _rotate(x, force, ratio)

        return Response(None, step=step, free=True, falls=True)

    def magnitude(self, memories: Any, g: Array, scores: Array) -> Array:
        """One: cosines."""
        return backend.namespace(scores).ones_like(scores)

    @staticmethod
    def _tangential(g: Array, u: Array) -> Array:
        unit, norm = _unit(g)
        return (u - unit * _sum(unit * u)) / norm


def _sum(values: Array) -> Array:
    return backend.namespace(values).sum(values, axis=-1, keepdims=True)


def _unit(x: Array) -> tuple[Array, Array]:
    """x/\\|x\\| and \\|x\\| (1 for a zero vector), at any length that the dtype holds."""
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


def _rotate(v: Array, force: Array, ratio: Number | None) -> Array:
    xp = backend.namespace(v)
    (unit, length), (target, strength) = _unit(v), _unit(force)
    cosine = _sum(unit * target)
    across = target - unit * cosine
    sine2 = _sum(across * across)
    # With t = tan(theta/2) = sine/(1 + cosine) and t+ = t e, the angle that is left has the cosine
    # (1 - t+^2)/(1 + t+^2) and the sine 2 t+/(1 + t+^2); no root of sine2, so derivatives pass at theta = 0.
    shrink = 0.0 if ratio is None else xp.exp(-strength * ratio / length / length)
    a = xp.where(cosine > 0, 1 + cosine, sine2 / (1 - xp.where(cosine > 0, 0.0, cosine)))  # 1 + cosine
    a2, b2 = a * a, sine2 * shrink**2
    moves = (a2 + b2 > 0) & (_sum(target * target) > 0) & (_sum(unit * unit) > 0)
    turned = target * (a2 - b2) + (unit - target * cosine) * (2 * a * shrink)
    return xp.where(moves, length * (turned / xp.where(moves, a2 + b2, 1.0)), v)
