"""Lagrangians: convex scalar functions whose gradient is an activation.

The public face of `elementwise` and `collective`, the user's own Lagrangian, and a check of convexity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, Number, static, structure
from ..doors import answer, arguments, flag, function, generator, kind, positive
from ._collective import Entmax, LogSumExp, Max, Sparsemax, TopK
from ._compact import LogSumReLU
from ._elementwise import Exponential, LogCosh, Power, Quadratic, RectifiedPower, Softplus, SquareRoot, Threshold, XLogX
from ._lagrangian import Lagrangian, Scaled
from ._norms import LayerNorm, Spherical
from ._shifted import logsumexp as logsumexp
from ._shifted import softmax as softmax

__all__ = [
    "CustomLagrangian",
    "Entmax",
    "Exponential",
    "Lagrangian",
    "LayerNorm",
    "LogCosh",
    "LogSumExp",
    "LogSumReLU",
    "Max",
    "Power",
    "Quadratic",
    "RectifiedPower",
    "Scaled",
    "Softplus",
    "Sparsemax",
    "Spherical",
    "SquareRoot",
    "Threshold",
    "TopK",
    "XLogX",
    "convexity_defect",
    "logsumexp",
    "softmax",
]


@structure
class CustomLagrangian(Lagrangian):
    r"""A Lagrangian of your own, from its value (..., n) -> (...).

    On JAX and PyTorch the activation and the curvature product are derived from the value. On NumPy
    they must be given: a missing one is a TypeError when it is needed.

    Parameters
    ----------
    function : callable
        L(x), shape (..., n) to (...).
    gradient : callable, optional
        The activation dL/dx.
    product : callable, optional
        The curvature product (x, u) -> L''(x) u.
    inverse : callable, optional
        The state of a given activation, needed to start from a query.
    is_convex : bool, optional
        Your word for it; None (not known) makes the Lyapunov check sample it.
    is_elementwise : bool
        Whether neuron i's activation depends on neuron i alone.
    beta : number
        L(beta x)/beta is used.

    >>> import numpy as np
    >>> cubic = CustomLagrangian(lambda x: (x**4).sum(-1) / 4, gradient=lambda x: x**3)
    >>> cubic.activation(np.array([2.0]))
    array([8.])
    """

    function: Callable[[Array], Array] = static()
    gradient: Callable[[Array], Array] | None = static(default=None)
    product: Callable[[Array, Array], Array] | None = static(default=None)
    inverse: Callable[[Array], Array] | None = static(default=None)
    is_convex: bool | None = static(default=None)
    is_elementwise: bool = static(default=False)
    beta: Number = 1.0
    has_gain = True

    def __post_init__(self) -> None:
        function("function", self.function, "x (..., n) -> L (...)")
        function("gradient", self.gradient, "x -> dL/dx", optional=True)
        function("product", self.product, "(x, u) -> L''(x) u", optional=True)
        function("inverse", self.inverse, "g -> x", optional=True)
        if self.is_convex is not None:
            object.__setattr__(self, "is_convex", flag("is_convex", self.is_convex))
        object.__setattr__(self, "is_elementwise", flag("is_elementwise", self.is_elementwise))
        object.__setattr__(self, "beta", positive("beta", self.beta))

    @property
    def convex(self) -> bool | None:
        """What was said of its convexity."""
        return self.is_convex

    @property
    def elementwise(self) -> bool:
        """What was said of its neurons."""
        return self.is_elementwise

    def value(self, x: Array) -> Array:
        """function(beta x)/beta."""
        return _answer("function", self.function(self.beta * x), x.shape[:-1]) / self.beta

    def activation(self, x: Array) -> Array:
        """gradient(beta x), derived where the library can."""
        if self.gradient is not None:
            return _answer("gradient", self.gradient(self.beta * x), x.shape)
        return backend.gradient(self.value, x, "the Lagrangian its `gradient`")

    def curvature(self, x: Array, u: Array) -> Array:
        """Beta product(beta x, u), derived where the library can."""
        if self.product is not None:
            return self.beta * _answer("product", self.product(self.beta * x, u), None)
        return backend.directional(self.activation, x, u, "the Lagrangian its `product`")

    def dual(self, g: Array) -> Array:
        """inverse(g)/beta."""
        return super().dual(g) if self.inverse is None else _answer("inverse", self.inverse(g), g.shape) / self.beta


def _answer(name: str, value: Any, shape: tuple[int, ...] | None) -> Array:
    return answer(f"The {name} of a CustomLagrangian", value, shape)


def convexity_defect(lagrangian: Lagrangian, x: Array, *, seed: int = 0) -> float:
    r"""The most negative value of u.L''(x)u/u.u found at the states x: below 0 proves that L is not convex.

    Random directions and the unit vectors of up to 32 neurons are tried at every state (..., n). A result
    of 0 or more refutes nothing found here; it is no proof of convexity.

    >>> import numpy as np
    >>> x = np.linspace(-2, 2, 40).reshape(10, 4)
    >>> convexity_defect(Power(4), x) >= 0, convexity_defect(Power(3), x) < 0
    (True, True)
    """
    kind("lagrangian", lagrangian, Lagrangian, "a Lagrangian such as Power(4)")
    rng, x = generator(seed), arguments.numbers("x", x)
    if 0 in x.shape:
        raise ValueError(f"x has shape {tuple(x.shape)}: give at least one state (..., n) to look at.")
    xp = backend.namespace(x)
    n = x.shape[-1]
    axes = rng.permutation(n)[:32]
    directions = np.concatenate([np.eye(n)[axes], rng.standard_normal((32, n))])
    worst = np.inf
    for direction in directions:
        u = backend.asarray(direction / np.linalg.norm(direction), x) + xp.zeros_like(x)
        quotient = xp.sum(u * lagrangian.curvature(x, u), axis=-1)
        worst = min(worst, float(backend.to_numpy(xp.min(quotient))))
    return worst
