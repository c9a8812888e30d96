"""Lagrangians whose neurons share weights that sum to one: softmax, max, top-k, sparsemax, entmax."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .. import backend
from ..backend import Array, Number, static, structure
from ..doors import number, positive, whole
from ._lagrangian import Bend, Lagrangian
from ._merging import Chosen, Merging, Softmax, Thresholds
from ._shifted import plain_logsumexp, shifted, softmax_over


def _sum(values: Array) -> Array:
    return backend.namespace(values).sum(values, axis=-1, keepdims=True)


class Simplex(Lagrangian):
    """What the Lagrangians with weights as activation share: convex, weights >= 0, blind to constants."""

    convex = True
    nonnegative = True
    bounded = True
    ends = True  # weights sum to one, up to a factor that a state does not see
    shift_invariant = True
    checked = True

    def tangent(self, x: Array, u: Array) -> Array:
        """u less its mean: adding a constant to the state changes no weight."""
        return u - backend.namespace(u).mean(u, axis=-1, keepdims=True)


class _Gain(Simplex):
    beta: Number
    has_gain = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", positive("beta", self.beta))


@structure
class LogSumExp(_Gain):
    r"""L = log sum_i e^(beta x_i)/beta, g = softmax(beta x).

    Its curvature beta (diag g - g g^T) is singular along the constants.

    >>> import numpy as np
    >>> LogSumExp(2.0).activation(np.array([0.0, 0.5 * np.log(3)])).round(12)
    array([0.25, 0.75])
    """

    beta: Number = 1.0
    ends = False
    law = "softmax"

    @property
    def log_gain(self) -> Number:
        """Beta: ln g = beta x less a constant, which no weight sees."""
        return self.beta

    def value(self, x: Array) -> Array:
        """log sum e^(beta x)/beta."""
        return plain_logsumexp(self.beta * x) / self.beta

    def value_at(self, x: Array, g: Array) -> Array:
        """Of the largest x and its weight, since ln g = beta (x - L): without a sum of exponentials."""
        if type(x) is np.ndarray and type(g) is np.ndarray:
            return np.maximum.reduce(x, axis=-1) - np.log(np.maximum.reduce(g, axis=-1)) / self.beta
        xp = backend.namespace(x, g)
        return xp.max(x, axis=-1) - xp.log(xp.max(g, axis=-1)) / self.beta

    def activation(self, x: Array) -> Array:
        """softmax(beta x)."""
        return softmax_over(self.beta * x)

    def curvature(self, x: Array, u: Array) -> Array:
        """Beta (g*u - g (g.u))."""
        return self.linearised(x, self.activation(x))(u)

    def linearised(self, x: Array, g: Array) -> Callable[[Array], Array]:
        """The same, without a softmax for every u."""
        scaled = self.beta * g
        return lambda u: scaled * (u - backend.dot(g, u)[..., None])

    def bend(self, x: Array, g: Array) -> Bend:
        """Beta (diag g - g g^T)."""
        return Bend(self.beta * g, g, self.beta)

    def merging(self) -> Merging:
        """By the largest score."""
        return Softmax(self.beta)

    def dual(self, g: Array) -> Array:
        """ln(g)/beta for weights g > 0 that sum to one."""
        return backend.namespace(g).log(g) / self.beta


@structure
class Max(Simplex):
    r"""L = max_i x_i; g is one at the largest entry (the first of equal ones), else 0.

    >>> import numpy as np
    >>> Max().activation(np.array([1.0, 3.0, 3.0]))
    array([0., 1., 0.])
    """

    law = "max"
    smooth = False
    homogeneous = True

    def merging(self) -> Merging:
        """The best so far."""
        return Chosen(1)

    def value(self, x: Array) -> Array:
        """The largest entry."""
        return backend.namespace(x).max(x, axis=-1)

    def activation(self, x: Array) -> Array:
        """One at the (first) largest entry."""
        xp = backend.namespace(x)
        best = xp.argmax(x, axis=-1, keepdims=True)
        return xp.astype(xp.arange(x.shape[-1], device=backend.device(x)) == best, x.dtype)

    def curvature(self, x: Array, u: Array) -> Array:
        """0 away from ties."""
        return backend.namespace(x).zeros_like(x + u)

    def dual(self, g: Array) -> Array:
        """The weights themselves."""
        return g


@structure
class TopK(Simplex):
    r"""L = sum of the k largest entries; g is one at these (first come first at ties), else 0.

    >>> import numpy as np
    >>> TopK(2).activation(np.array([1.0, 3.0, 3.0, 3.0]))
    array([0., 1., 1., 0.])
    """

    k: int = static(default=1)
    smooth = False
    homogeneous = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole("k", self.k, 1))

    def value(self, x: Array) -> Array:
        """Sum of the k largest entries."""
        xp = backend.namespace(x)
        return xp.sum(xp.sort(x, axis=-1, descending=True)[..., : self._count(x)], axis=-1)

    def activation(self, x: Array) -> Array:
        """One at the k largest entries."""
        xp = backend.namespace(x)
        rank = xp.argsort(xp.argsort(x, axis=-1, descending=True, stable=True), axis=-1, stable=True)
        return xp.astype(rank < self._count(x), x.dtype)

    def curvature(self, x: Array, u: Array) -> Array:
        """0 away from ties."""
        return backend.namespace(x).zeros_like(x + u)

    def dual(self, g: Array) -> Array:
        """The weights themselves."""
        return g

    def merging(self) -> Merging:
        """The k best so far."""
        return Chosen(self.k)

    def _count(self, x: Array) -> int:
        if self.k > x.shape[-1]:
            raise ValueError(f"top_k({self.k}) needs at least {self.k} neurons, got {x.shape[-1]}.")
        return self.k


class _Tsallis(_Gain):
    """Conjugates of the Tsallis entropy: sparse weights p = relu((a-1) beta x - theta)^(1/(a-1)), summing to one."""

    alpha: float

    def value(self, x: Array) -> Array:
        """max over weights p of p.x + (1 - sum p^a)/(a (a-1) beta)."""
        xp = backend.namespace(x)
        p, a = self.activation(x), self.alpha
        inside = xp.where(p == 0, 1.0, p)
        entropy = (1 - xp.sum(xp.where(p == 0, 0.0, inside**a), axis=-1)) / (a * (a - 1))
        return xp.sum(p * x, axis=-1) + entropy / self.beta

    def curvature(self, x: Array, u: Array) -> Array:
        """Beta (s*u - s (s.u)/sum s) with s = p^(2-a) on the support."""
        xp = backend.namespace(x)
        p = self.activation(x)
        s = xp.where(p == 0, 0.0, xp.where(p == 0, 1.0, p) ** (2 - self.alpha))
        return self.beta * s * (u - _sum(s * u) / _sum(s))

    def bend(self, x: Array, g: Array) -> Bend:
        """Beta (diag s - s s^T/sum s)."""
        xp = backend.namespace(x)
        s = xp.where(g == 0, 0.0, xp.where(g == 0, 1.0, g) ** (2 - self.alpha))
        return Bend(self.beta * s, s, self.beta / _sum(s))

    def merging(self) -> Merging:
        """By their threshold."""
        return Thresholds(self.alpha, self.beta)

    def dual(self, g: Array) -> Array:
        """g^(a-1)/((a-1) beta) for weights g that sum to one."""
        return g ** (self.alpha - 1) / ((self.alpha - 1) * self.beta)


@structure
class Sparsemax(_Tsallis):
    r"""L = max over weights p of p.x + (1 - p.p)/(2 beta); g is the projection of beta x onto the simplex.

    Martins & Astudillo 2016, arXiv:1602.02068.

    >>> import numpy as np
    >>> Sparsemax().activation(np.array([0.1, 0.7, 1.0])).round(4)
    array([0.  , 0.35, 0.65])
    """

    beta: Number = 1.0
    alpha = 2.0

    def activation(self, x: Array) -> Array:
        """relu(beta x - theta), theta such that the weights sum to one (by sorting: exact)."""
        xp = backend.namespace(x)
        z = shifted(self.beta * x)
        ordered = xp.sort(z, axis=-1, descending=True)
        rank = xp.astype(xp.arange(1, x.shape[-1] + 1, device=backend.device(x)), x.dtype)
        support = ~(ordered * rank <= xp.cumulative_sum(ordered, axis=-1) - 1)  # so that NaN stays
        total = _sum(xp.where(support, ordered, 0.0))
        theta = (total - 1) / _sum(xp.astype(support, x.dtype))
        return xp.where(z <= theta, 0.0, z - theta)


@structure
class Entmax(_Tsallis):
    r"""L = max over weights p of p.x + (1 - sum p^a)/(a (a-1) beta): sparse for 1 < a <= 2.

    a = 2 is sparsemax, a -> 1 softmax. Theta is found by bisection and polished by Newton steps, through
    which derivatives pass. Peters, Niculae & Martins 2019, arXiv:1905.05702.

    >>> import numpy as np
    >>> Entmax(1.5).activation(np.array([0.0, 0.5, 3.0])).round(4)
    array([0., 0., 1.])
    """

    alpha: float = static(default=1.5)
    beta: Number = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "alpha", number("alpha", self.alpha))
        if not 1 < self.alpha <= 2:
            raise ValueError(f"entmax needs 1 < alpha <= 2, got {self.alpha!r}; alpha = 1 is softmax (LogSumExp).")

    def activation(self, x: Array) -> Array:
        """relu((a-1) beta x - theta)^(1/(a-1)) with sum one."""
        xp = backend.namespace(x)
        z = shifted((self.alpha - 1) * self.beta * x)
        power = 1 / (self.alpha - 1)

        def weights(theta: Array, exponent: float, z: Array = z) -> Array:
            outside = z <= theta  # asked this way round, NaN stays
            return xp.where(outside, 0.0, xp.where(outside, 1.0, z - theta) ** exponent)

        def halve(_: int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
            low, width = bracket
            middle = low + width
            return xp.where(_sum(weights(middle, power, fixed)) >= 1, middle, low), width / 2

        fixed, times = backend.detach(z), round(-2 * math.log2(backend.epsilon(x)) / 3)
        bracket = xp.full_like(fixed[..., :1], -1.0), xp.full_like(fixed[..., :1], 0.5)
        if backend.is_traced(x) and backend.backend_of(x) == "jax":
            bracket = backend.repeat(halve, bracket, times)  # compiles five times faster
        else:
            for step in range(times):
                bracket = halve(step, bracket)
        theta = bracket[0]
        for _ in range(2):  # the root is where the derivatives come from: they pass through these steps
            slope = power * _sum(weights(theta, power - 1))
            theta = theta + (_sum(weights(theta, power)) - 1) / slope
        p = weights(theta, power)
        return p / _sum(p)
