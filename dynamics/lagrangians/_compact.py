"""Lagrangians of kernels with compact support: the Epanechnikov kernel as log-sum-ReLU."""

from __future__ import annotations

from .. import backend
from ..backend import Array, Number, static, structure
from ..doors import number, positive
from ._lagrangian import Lagrangian
from ._merging import Kernels, Merging


@structure
class LogSumReLU(Lagrangian):
    r"""L = log(eps + sum_i relu(1 + beta x_i))/beta, g_i = (1 where beta x_i > -1)/(eps + sum_j relu(1 + beta x_j)).

    With x_i = -\|M_i - v\|^2 the energy -L is the logarithm of a density estimate with Epanechnikov kernels of
    radius beta^(-1/2): a memory that no other kernel reaches is an exact minimum, for every finite beta.

    Where no entry is above -1/beta every weight is 0 and L = log(eps)/beta. L is concave between its kinks, so
    the guarantees for dynamic memory neurons do not hold; with memory neurons in equilibrium the energy falls.

    Parameters
    ----------
    beta : number
        Inverse width.
    eps : float
        Keeps L finite where the sum is zero.

    References
    ----------
    Hoover, Shi, Balasubramanian, Krotov & Ram 2025, "Dense Associative Memory with Epanechnikov Energy",
    arXiv:2506.10801.

    Examples
    --------
    >>> import numpy as np
    >>> LogSumReLU().activation(np.array([-0.5, -0.75, -3.0])).round(6)
    array([1.333333, 1.333333, 0.      ])
    """

    beta: Number = 1.0
    eps: float = static(default=1e-30)
    convex = False
    has_gain = True
    checked = True
    smooth = False
    nonnegative = True
    bounded = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", positive("beta", self.beta))
        object.__setattr__(self, "eps", number("eps", self.eps, above=0))

    def value(self, x: Array) -> Array:
        """log(eps + sum relu(1 + beta x))/beta."""
        return backend.namespace(x).log(self._total(x)[..., 0]) / self.beta

    def activation(self, x: Array) -> Array:
        """One over the sum on the support, 0 elsewhere."""
        return backend.namespace(x).astype(self.beta * x > -1, x.dtype) / self._total(x)

    def curvature(self, x: Array, u: Array) -> Array:
        """-beta g (g.u), away from the kinks."""
        g = self.activation(x)
        return -self.beta * g * backend.namespace(x).sum(g * u, axis=-1, keepdims=True)

    def merging(self) -> Merging:
        """Sums of what lies within the support."""
        return Kernels(self.beta, self.eps)

    def dual(self, g: Array) -> Array:
        """The state with equal entries on the support of g, and -2/beta elsewhere."""
        xp = backend.namespace(g)
        top = xp.max(g, axis=-1, keepdims=True)
        inside = (g > 0) & (top > 0)
        count = xp.sum(xp.astype(inside, g.dtype), axis=-1, keepdims=True)
        share = (1 / xp.where(top > 0, top, 1.0) - self.eps) / xp.where(count > 0, count, 1.0)
        return xp.where(inside, share - 1, -2.0) / self.beta

    def _total(self, x: Array) -> Array:
        xp = backend.namespace(x)
        rise = 1 + self.beta * x
        return self.eps + xp.sum(xp.where(rise <= 0, 0.0, rise), axis=-1, keepdims=True)  # NaN stays
