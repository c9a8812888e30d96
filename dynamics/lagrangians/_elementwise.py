"""Lagrangians whose neurons do not see one another: L(x) = sum_i l(x_i).

Each is written L(x) = l(beta x)/beta, so that the activation is g = l'(beta x) and beta is its gain.
"""

from __future__ import annotations

import numpy as np

from .. import backend
from ..backend import Array, Number, static, structure
from ..doors import positive, real, whole
from ._lagrangian import Lagrangian


def _sum(values: Array) -> Array:
    return backend.namespace(values).sum(values, axis=-1)


def _relu(z: Array) -> Array:
    if type(z) is np.ndarray:  # which derives nothing, and takes long over a choice by element
        return np.maximum(z, 0.0)
    return backend.namespace(z).where(z <= 0, 0.0, z)  # derivative 0 at 0 in every library; NaN stays


def _abs(z: Array) -> Array:
    # Derivative 1 at 0 in every library: the formulas below, exact for z >= 0, are differentiated from that side.
    if type(z) is np.ndarray:
        return np.abs(z)
    return backend.namespace(z).where(z >= 0, z, -z)


class Elementwise(Lagrangian):
    """What the elementwise Lagrangians share: each has a gain `beta`."""

    elementwise = True
    has_gain = True
    checked = True
    beta: Number

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", positive("beta", self.beta))


@structure
class Quadratic(Elementwise):
    r"""L = beta x.x/2, g = beta x: linear neurons. Without `beta` the activation IS the state.

    >>> import numpy as np
    >>> Quadratic().activation(np.array([1.0, -2.0])), Quadratic(3.0).activation(np.array([1.0]))
    (array([ 1., -2.]), array([3.]))
    """

    beta: Number = None
    convex = True
    linear = True
    growth = 2.0

    def __post_init__(self) -> None:
        if self.beta is not None:
            super().__post_init__()

    @property
    def identity(self) -> bool:
        """Whether g = x, which opens the exact steps of `Relaxation`."""
        return self.beta is None

    def value(self, x: Array) -> Array:
        """Beta x.x/2."""
        half = backend.dot(x, x) / 2
        return half if self.beta is None else self.beta * half

    def activation(self, x: Array) -> Array:
        """Beta x."""
        return x if self.beta is None else self.beta * x

    def curvature(self, x: Array, u: Array) -> Array:
        """Beta u."""
        return u if self.beta is None else self.beta * u

    def dual(self, g: Array) -> Array:
        """g/beta."""
        return g if self.beta is None else g / self.beta


@structure
class Power(Elementwise):
    r"""L = sum (beta x)^n/(n beta), g = (beta x)^(n-1); convex for even n only.

    >>> import numpy as np
    >>> Power(4).activation(np.array([2.0, -2.0]))
    array([ 8., -8.])
    """

    n: int = static(default=2)
    beta: Number = 1.0
    ends = True

    @property
    def convex(self) -> bool:
        """True for even n."""
        return self.n % 2 == 0

    @property
    def nonnegative(self) -> bool:
        """True for odd n, whose activation is an even power."""
        return self.n % 2 == 1

    @property
    def even(self) -> bool:
        """True for odd n."""
        return self.n % 2 == 1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "n", whole("The degree n", self.n, 2))

    def value(self, x: Array) -> Array:
        """Sum of (beta x)^n/(n beta)."""
        return _sum((self.beta * x) ** self.n) / (self.n * self.beta)

    def activation(self, x: Array) -> Array:
        """(beta x)^(n-1)."""
        return (self.beta * x) ** (self.n - 1)

    def curvature(self, x: Array, u: Array) -> Array:
        """(n-1) beta (beta x)^(n-2) u."""
        slope = 1.0 if self.n == 2 else (self.beta * x) ** (self.n - 2)
        return (self.n - 1) * self.beta * slope * u

    def dual(self, g: Array) -> Array:
        """The real root, the non-negative one where there are two (an activation must then be >= 0)."""
        xp = backend.namespace(g)
        root = xp.abs(g) ** (1 / (self.n - 1)) / self.beta
        return xp.sign(g) * root if self.convex else root


@structure
class RectifiedPower(Elementwise):
    r"""L = sum relu(beta x)^n/(n beta), g = relu(beta x)^(n-1); n = 2 is the rectified linear neuron.

    >>> import numpy as np
    >>> RectifiedPower(3).activation(np.array([2.0, -2.0]))
    array([4., 0.])
    """

    n: int = static(default=2)
    beta: Number = 1.0
    convex = True
    nonnegative = True
    rectified = True
    ends = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "n", whole("The degree n", self.n, 2))

    def value(self, x: Array) -> Array:
        """Sum of relu(beta x)^n/(n beta)."""
        return _sum(_relu(self.beta * x) ** self.n) / (self.n * self.beta)

    def activation(self, x: Array) -> Array:
        """relu(beta x)^(n-1)."""
        return _relu(self.beta * x) ** (self.n - 1)

    def curvature(self, x: Array, u: Array) -> Array:
        """(n-1) beta relu(beta x)^(n-2) u."""
        xp = backend.namespace(x)
        z = _relu(self.beta * x)
        slope = xp.astype(x > 0, x.dtype) if self.n == 2 else z ** (self.n - 2)
        return (self.n - 1) * self.beta * slope * u

    def dual(self, g: Array) -> Array:
        """g^(1/(n-1))/beta for g >= 0."""
        return _relu(g) ** (1 / (self.n - 1)) / self.beta


@structure
class Exponential(Elementwise):
    r"""L = sum e^(beta x)/beta, g = e^(beta x): positive activations.

    >>> import numpy as np
    >>> Exponential().activation(np.array([0.0, 1.0])).round(4)
    array([1.    , 2.7183])
    """

    beta: Number = 1.0
    convex = True
    nonnegative = True

    @property
    def log_gain(self) -> Number:
        """Beta: ln g = beta x."""
        return self.beta

    def value(self, x: Array) -> Array:
        """Sum of e^(beta x)/beta."""
        return _sum(backend.namespace(x).exp(self.beta * x)) / self.beta

    def activation(self, x: Array) -> Array:
        """e^(beta x)."""
        return backend.namespace(x).exp(self.beta * x)

    def curvature(self, x: Array, u: Array) -> Array:
        """Beta e^(beta x) u."""
        return self.beta * self.activation(x) * u

    def dual(self, g: Array) -> Array:
        """ln(g)/beta for g > 0."""
        return backend.namespace(g).log(g) / self.beta


@structure
class LogCosh(Elementwise):
    r"""L = sum log cosh(beta x)/beta, g = tanh(beta x): Hopfield's graded neuron of 1984.

    Evaluated as log1p(2 sinh(z/2)^2) with z = beta x, which keeps its relative accuracy; from \|z\| = 40 on, where
    nothing but \|z\| - log 2 is left of it, the rest of \|z\| is added, so that it never overflows.

    >>> import numpy as np
    >>> LogCosh(2.0).value(np.array([1e3])).round(4), LogCosh(2.0).activation(np.array([0.5])).round(4)
    (np.float64(999.6534), array([0.7616]))
    """

    beta: Number = 1.0
    convex = True
    bounded = True
    lowest, highest = -1.0, 1.0

    def value(self, x: Array) -> Array:
        """Sum of log cosh(beta x)/beta."""
        xp = backend.namespace(x)
        size = _abs(self.beta * x)
        near = backend.capped(size, 40.0)
        return _sum(xp.log1p(2 * xp.sinh(near / 2) ** 2) + (size - near)) / self.beta

    def activation(self, x: Array) -> Array:
        """tanh(beta x)."""
        return backend.namespace(x).tanh(self.beta * x)

    def curvature(self, x: Array, u: Array) -> Array:
        """Beta u/cosh(beta x)^2."""
        xp = backend.namespace(x)
        e = xp.exp(-2 * _abs(self.beta * x))  # sech^2 = 4e/(1+e)^2 keeps its relative accuracy
        return self.beta * (4 * e / (1 + e) ** 2) * u

    def dual(self, g: Array) -> Array:
        """atanh(g)/beta for \\|g\\| < 1."""
        return backend.namespace(g).atanh(g) / self.beta


@structure
class Softplus(Elementwise):
    r"""L = sum log(1 + e^(beta x))/beta, g = sigmoid(beta x).

    >>> import numpy as np
    >>> Softplus().activation(np.array([0.0, 1e3, -1e3]))
    array([0.5, 1. , 0. ])
    """

    beta: Number = 1.0
    convex = True
    nonnegative = True
    bounded = True
    highest = 1.0

    def value(self, x: Array) -> Array:
        """Sum of log(1 + e^(beta x))/beta."""
        xp = backend.namespace(x)
        z = self.beta * x
        size = _abs(z)
        return _sum((z + size) / 2 + xp.log1p(xp.exp(-size))) / self.beta

    def activation(self, x: Array) -> Array:
        """1/(1 + e^(-beta x))."""
        xp = backend.namespace(x)
        z = self.beta * x
        e = xp.exp(-_abs(z))
        return xp.where(z >= 0, 1.0, e) / (1 + e)

    def curvature(self, x: Array, u: Array) -> Array:
        """Beta g (1 - g) u."""
        xp = backend.namespace(x)
        e = xp.exp(-_abs(self.beta * x))
        return self.beta * (e / (1 + e) ** 2) * u

    def dual(self, g: Array) -> Array:
        """ln(g/(1 - g))/beta for 0 < g < 1."""
        xp = backend.namespace(g)
        return (xp.log(g) - xp.log1p(-g)) / self.beta


@structure
class Threshold(Elementwise):
    r"""L = sum relu(beta x - t)/beta, g = 1 where beta x >= t, else 0: hard neurons (Kanerva's locations).

    >>> import numpy as np
    >>> Threshold(1.0).activation(np.array([0.5, 1.0, 2.0]))
    array([0., 1., 1.])
    """

    t: Number = 0.0
    beta: Number = 1.0
    convex = True
    smooth = False
    nonnegative = True
    bounded = True
    highest, ends = 1.0, True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "t", real("t", self.t))

    def value(self, x: Array) -> Array:
        """Sum of relu(beta x - t)/beta."""
        return _sum(_relu(self.beta * x - self.t)) / self.beta

    def activation(self, x: Array) -> Array:
        """1 where beta x >= t."""
        return backend.namespace(x).astype(self.beta * x >= self.t, x.dtype)

    def curvature(self, x: Array, u: Array) -> Array:
        """0 away from the kink."""
        return backend.namespace(x).zeros_like(x + u)

    def dual(self, g: Array) -> Array:
        """(t + g - 1/2)/beta."""
        return (self.t + g - 0.5) / self.beta


@structure
class XLogX(Elementwise):
    r"""L = sum x ln(beta x) - x, g = ln(beta x), for positive states only.

    >>> import numpy as np
    >>> XLogX().activation(np.array([1.0, np.e])).round(12)
    array([0., 1.])
    """

    beta: Number = 1.0
    convex = True
    growth = 1.5
    domain = "> 0"

    def value(self, x: Array) -> Array:
        """Sum of x ln(beta x) - x; 0 at x = 0, NaN for negative x."""
        xp = backend.namespace(x)
        inside = xp.where(x > 0, self.beta * x, 1.0)
        return _sum(xp.where(x < 0, float("nan"), x * xp.log(inside) - x))

    def activation(self, x: Array) -> Array:
        """ln(beta x)."""
        xp = backend.namespace(x)
        inside = xp.where(x > 0, self.beta * x, 1.0)
        return xp.where(x < 0, float("nan"), xp.where(x > 0, xp.log(inside), -float("inf")))

    def curvature(self, x: Array, u: Array) -> Array:
        """u/x."""
        return u / x

    def dual(self, g: Array) -> Array:
        """e^g/beta."""
        return backend.namespace(g).exp(g) / self.beta


@structure
class SquareRoot(Elementwise):
    r"""L = (2/3) sum (beta x)^(3/2)/beta, g = (beta x)^(1/2), for states >= 0 only.

    >>> import numpy as np
    >>> SquareRoot().activation(np.array([0.0, 4.0]))
    array([0., 2.])
    """

    beta: Number = 1.0
    convex = True
    nonnegative = True
    growth = 1.5
    domain = ">= 0"
    ends = True

    def value(self, x: Array) -> Array:
        """Sum of (2/3) (beta x)^(3/2)/beta; NaN for negative x."""
        return _sum(self.beta * x * self.activation(x)) * (2 / 3) / self.beta

    def activation(self, x: Array) -> Array:
        """(beta x)^(1/2); NaN for negative x."""
        xp = backend.namespace(x)
        root = xp.sqrt(xp.where(x > 0, self.beta * x, 1.0))
        return xp.where(x > 0, root, xp.where(x == 0, x, float("nan")))

    def curvature(self, x: Array, u: Array) -> Array:
        """(beta/x)^(1/2) u/2."""
        return u * self.beta / (2 * self.activation(x))

    def dual(self, g: Array) -> Array:
        """g^2/beta for g >= 0."""
        return g * g / self.beta
