"""Lagrangians whose neurons share one length: the sphere and layer norm."""

from __future__ import annotations

from .. import backend
from ..backend import Array, Number, static, structure
from ..doors import arguments, number, positive, real
from ._lagrangian import Lagrangian
from ._rotation import rotated


def _sum(values: Array) -> Array:
    return backend.namespace(values).sum(values, axis=-1, keepdims=True)


@structure
class Spherical(Lagrangian):
    r"""L = \|x\|, g = x/\|x\| (0 at x = 0): activations on the unit sphere.

    >>> import numpy as np
    >>> Spherical().activation(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """

    convex = True
    bounded = True
    homogeneous = True
    checked = True

    def value(self, x: Array) -> Array:
        """\\|x\\|, scaled first so that squares cannot overflow."""
        return self._norm(x)[..., 0]

    def activation(self, x: Array) -> Array:
        """x/\\|x\\|."""
        norm = self._norm(x)
        return x / backend.namespace(x).where(norm == 0, 1.0, norm)

    def curvature(self, x: Array, u: Array) -> Array:
        """(u - g (g.u))/\\|x\\|."""
        norm = self._norm(x)
        return self.tangent(x, u) / backend.namespace(x).where(norm == 0, 1.0, norm)

    def dual(self, g: Array) -> Array:
        """The vector itself (every positive multiple has the same activation)."""
        return g

    def tangent(self, x: Array, u: Array) -> Array:
        """u less its radial part."""
        g = self.activation(x)
        return u - g * _sum(g * u)

    def tangent_change(self, x: Array, u: Array, dx: Array) -> Array:
        """-(dg (g.u) + g (dg.u)) with dg = (dx - g (g.dx))/\\|x\\|."""
        g, dg = self.activation(x), self.curvature(x, dx)
        return -dg * _sum(g * u) - g * _sum(dg * u)

    @property
    def leakless(self) -> bool:
        """The step is a rotation."""
        return True

    @property
    def rests(self) -> bool:
        """At the direction of the force."""
        return True

    def leakless_step(self, x: Array, force: Array, ratio: Number | None) -> Array:
        """x turned towards F with \\|x\\| kept: tan(theta/2) shrinks by e^(-\\|F\\| dt/(tau \\|x\\|))."""
        return rotated(x, force, ratio, 1)

    @staticmethod
    def _norm(x: Array) -> Array:
        xp = backend.namespace(x)
        top = backend.detach(xp.max(xp.abs(x), axis=-1, keepdims=True))
        top = xp.where(top > 0, top, 1.0)
        square = _sum((x / top) ** 2)
        return top * xp.where(square == 0, 0.0, xp.where(square == 0, 1.0, square) ** 0.5)


@structure
class LayerNorm(Lagrangian):
    r"""L = n gamma sqrt(var x + eps) + delta.x, g = gamma (x - mean x)/sqrt(var x + eps) + delta.

    gamma > 0 is a number, delta a number or a vector (n,).

    >>> import numpy as np
    >>> LayerNorm(eps=0.0).activation(np.array([1.0, 3.0]))
    array([-1.,  1.])
    """

    gamma: Number = 1.0
    delta: Number = 0.0
    eps: float = static(default=1e-5)
    checked = True
    convex = True
    bounded = True
    shift_invariant = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", positive("gamma", self.gamma))
        object.__setattr__(self, "eps", number("eps", self.eps, 0))
        wide = (backend.is_array(self.delta) and self.delta.ndim > 0) or isinstance(self.delta, list | tuple)
        object.__setattr__(self, "delta", (arguments.numbers if wide else real)("delta", self.delta))
        shape = tuple(getattr(self.delta, "shape", ()))
        if len(shape) > 1:
            raise ValueError(f"delta is a number or a vector (n,), got shape {shape}.")

    @property
    def neurons(self) -> int | None:
        """As many as `delta` has numbers, if there are several."""
        shape = getattr(self.delta, "shape", ())
        return shape[0] if shape and shape[0] > 1 else None

    def value(self, x: Array) -> Array:
        """n gamma sqrt(var x + eps) + delta.x."""
        xp, deviation = backend.namespace(x), self._parts(x)[1]
        return self.gamma * x.shape[-1] * deviation[..., 0] + xp.sum(self.delta * x, axis=-1)

    def activation(self, x: Array) -> Array:
        """Gamma (x - mean x)/sqrt(var x + eps) + delta."""
        centred, deviation = self._parts(x)
        return self.gamma * centred / deviation + self.delta

    def curvature(self, x: Array, u: Array) -> Array:
        """Gamma/s (u - mean u - c (c.u)/(n s^2)) with c = x - mean x and s^2 = var x + eps."""
        (centred, deviation), u = self._parts(x), self.tangent(x, u)
        unit = centred / deviation
        return self.gamma / deviation * (u - unit * _sum(unit * u) / x.shape[-1])

    def dual(self, g: Array) -> Array:
        """(g - delta)/gamma, for g of the form that layer norm gives (up to eps)."""
        return (g - self.delta) / self.gamma

    def tangent(self, x: Array, u: Array) -> Array:
        """u less its mean."""
        return u - backend.namespace(u).mean(u, axis=-1, keepdims=True)

    def _parts(self, x: Array) -> tuple[Array, Array]:
        xp = backend.namespace(x)
        centred = x - xp.mean(x, axis=-1, keepdims=True)
        # Scaled by the largest entry, so that squares cannot overflow (nor, without eps, vanish).
        top = backend.detach(xp.max(xp.abs(centred), axis=-1, keepdims=True))
        top = xp.where(top > (0.0 if self.eps == 0 else 1.0), top, 1.0)
        return centred, top * xp.sqrt(xp.mean((centred / top) ** 2, axis=-1, keepdims=True) + (self.eps / top) / top)
