"""Divergences between positive vectors as similarities: Kullback-Leibler both ways round, and two symmetric ones."""

from __future__ import annotations

from ...dynamics import backend
from ...dynamics.backend import Array, derived, structure
from ...dynamics.synapses import Answer, Response, Similarity
from ._gaps import jeffreys_gap, jensen_shannon_gap, kl_gap, reverse_kl_gap
from ._pairwise import over_elements, over_patterns

LN2 = 0.6931471805599453


def _sum(values: Array) -> Array:
    return backend.namespace(values).sum(values, axis=-1, keepdims=True)


@structure
class Divergence(Similarity):
    """What divergences share: positive vectors, leak 0, and the logarithms and sums of the patterns that are kept."""

    logs: Array = derived(lambda self: backend.namespace(self.patterns).log(self.patterns), by_row=True)
    sums: Array = derived(lambda self: _sum(self.patterns)[:, 0], by_row=True)
    entropies: Array = derived(lambda self: _sum(self.patterns * self.logs)[:, 0], by_row=True)
    leak = 0.0
    distance = True
    positive = True
    checked = True
    unknown = None

    def elements(self, g: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """The patterns and g, each with its logarithm."""
        return (self.patterns, self.logs), (g, backend.namespace(g).log(g))

    def magnitude(self, g: Array, scores: Array) -> Array:
        """The sizes of the terms of the score."""
        xp = backend.namespace(g)
        both = xp.abs(g @ xp.abs(self.logs).T) + xp.abs(xp.log(g)) @ self.patterns.T
        return both + self.sums + xp.abs(self.entropies) + _sum(g + xp.abs(g * xp.log(g)))


@structure
class KullbackLeibler(Divergence):
    r"""s_i = -KL(g, M_i) = -sum_k [g_k ln(g_k/M_ik) - g_k + M_ik], for positive vectors of any sum.

    With g = e^v (or on the simplex) the force sum_i f_i (ln M_i - ln g) is affine in the state v, so the value
    step is exact, F = sum_i f_i ln M_i/(sum f) at dt = inf; with f >= 0 it lowers the energy for every dt.
    Memories are fixed points up to their overlap: the fixed point is their geometric mean with weights f.

    >>> import numpy as np
    >>> KullbackLeibler(np.array([[1.0, 2.0], [2.0, 2.0]])).scores(np.array([1.0, 2.0])).round(4)
    array([ 0.    , -0.3069])
    """

    name = "kl"
    gap = staticmethod(kl_gap)

    def scores(self, g: Array) -> Array:
        """-KL(g, M_i), never above 0."""
        xp = backend.namespace(g)
        scores = g @ self.logs.T - self.sums + _sum(g - g * xp.log(g))
        return xp.where(scores > 0, 0.0, scores)

    def pullback(self, g: Array, f: Array) -> Array:
        """sum_i f_i (ln M_i - ln g)."""
        return f @ self.logs - _sum(f) * backend.namespace(g).log(g)

    def pushforward(self, g: Array, u: Array) -> Array:
        """(ln M_i - ln g) . u."""
        return u @ self.logs.T - _sum(u * backend.namespace(g).log(g))

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """-(sum f) u/g."""
        return -_sum(f) * u / g

    def answer(self, nonnegative: bool) -> Answer:
        """Affine in ln g."""
        return Answer("logarithmic", falls=nonnegative)

    def response(self, g: Array, f: Array) -> Response:
        """sum_i f_i ln M_i - c ln g with c = sum f."""
        return Response(f @ self.logs, _sum(f))

    def magnitude(self, g: Array, scores: Array) -> Array:
        """The sizes of the terms of the score."""
        xp = backend.namespace(g)
        return xp.abs(g @ xp.abs(self.logs).T) + self.sums + _sum(g + xp.abs(g * xp.log(g)))


@structure
class ReverseKullbackLeibler(Divergence):
    r"""s_i = -KL(M_i, g) = -sum_k [M_ik ln(M_ik/g_k) - M_ik + g_k], for positive vectors of any sum.

    Concave in g as well, but its value equation has no closed solution: `Relaxation` guards its steps.

    >>> import numpy as np
    >>> ReverseKullbackLeibler(np.array([[1.0, 2.0], [2.0, 2.0]])).scores(np.array([1.0, 2.0])).round(4)
    array([ 0.    , -0.3863])
    """

    name = "reverse_kl"
    gap = staticmethod(reverse_kl_gap)

    def scores(self, g: Array) -> Array:
        """-KL(M_i, g), never above 0."""
        xp = backend.namespace(g)
        scores = xp.log(g) @ self.patterns.T + (self.sums - self.entropies) - _sum(g)
        return xp.where(scores > 0, 0.0, scores)

    def pullback(self, g: Array, f: Array) -> Array:
        """sum_i f_i (M_i/g - 1)."""
        return f @ self.patterns / g - _sum(f)

    def pushforward(self, g: Array, u: Array) -> Array:
        """(M_i/g - 1) . u."""
        return (u / g) @ self.patterns.T - _sum(u)

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """-sum_i f_i M_i u/g^2."""
        return -(f @ self.patterns) * u / g**2

    def magnitude(self, g: Array, scores: Array) -> Array:
        """The sizes of the terms of the score."""
        xp = backend.namespace(g)
        return xp.abs(xp.log(g)) @ self.patterns.T + self.sums + xp.abs(self.entropies) + _sum(g)


@structure
class Jeffreys(Divergence):
    r"""s_i = -(KL(g, M_i) + KL(M_i, g))/2 = -sum_k (g_k - M_ik) (ln g_k - ln M_ik)/2, symmetric.

    Printed as "Jensen-Shannon" in table 2 of Millidge et al. 2022. Concave in g, but its value equation has no
    closed solution: `Relaxation` guards its steps.

    References
    ----------
    Jeffreys 1946, doi:10.1098/rspa.1946.0056.

    Examples
    --------
    >>> import numpy as np
    >>> Jeffreys(np.array([[1.0, 2.0], [2.0, 2.0]])).scores(np.array([1.0, 2.0])).round(4)
    array([ 0.    , -0.3466])
    """

    name = "jeffreys"
    gap = staticmethod(jeffreys_gap)

    def scores(self, g: Array) -> Array:
        """-sum_k (g_k - M_ik) (ln g_k - ln M_ik)/2, never above 0."""
        xp = backend.namespace(g)
        logs = xp.log(g)
        scores = (g @ self.logs.T + logs @ self.patterns.T - self.entropies - _sum(g * logs)) / 2
        return xp.where(scores > 0, 0.0, scores)

    def pullback(self, g: Array, f: Array) -> Array:
        """sum_i f_i (ln M_i - ln g + M_i/g - 1)/2."""
        xp = backend.namespace(g)
        return (f @ self.logs + (f @ self.patterns) / g - _sum(f) * (xp.log(g) + 1)) / 2

    def pushforward(self, g: Array, u: Array) -> Array:
        """(ln M_i - ln g + M_i/g - 1) . u/2."""
        xp = backend.namespace(g)
        return (u @ self.logs.T + (u / g) @ self.patterns.T - _sum(u * (xp.log(g) + 1))) / 2

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """-sum_i f_i (1/g + M_i/g^2) u/2."""
        return -(_sum(f) + (f @ self.patterns) / g) * u / (2 * g)


@structure
class JensenShannon(Divergence):
    r"""s_i = -(KL(g, m_i) + KL(M_i, m_i))/2 with the mixture m_i = (g + M_i)/2, symmetric and bounded.

    For vectors that sum to one it lies between -ln 2 and 0. The mixture couples every query with every pattern,
    so that there is no matrix product: B x N x I logarithms are taken, in blocks. Concave in g; `Relaxation`
    guards its steps.

    References
    ----------
    Lin 1991, doi:10.1109/18.61115.

    Examples
    --------
    >>> import numpy as np
    >>> JensenShannon(np.array([[0.5, 0.5], [0.9, 0.1]])).scores(np.array([0.5, 0.5])).round(4)
    array([ 0.    , -0.1017])
    """

    name = "jensen_shannon"
    gap = staticmethod(jensen_shannon_gap)

    def scores(self, g: Array) -> Array:
        """(sum s ln(s/2) - sum g ln g - sum M_i ln M_i)/2 with s = g + M_i, never above 0."""
        xp = backend.namespace(g)
        mixed = over_elements(_entropy_of_sum, (self.patterns,), (g,))
        scores = (mixed - LN2 * self.sums - self.entropies - _sum(g * (xp.log(g) + LN2))) / 2
        return xp.where(scores > 0, 0.0, scores)

    def pullback(self, g: Array, f: Array) -> Array:
        """sum_i f_i ln(m_i/g)/2."""
        xp = backend.namespace(g)
        return (over_patterns(_log_of_sum, (self.patterns,), (g,), f) - _sum(f) * (xp.log(g) + LN2)) / 2

    def pushforward(self, g: Array, u: Array) -> Array:
        """ln(m_i/g) . u/2."""
        xp = backend.namespace(g)
        g, u = backend.batched(g, u)
        return (over_elements(_weighted_log_of_sum, (self.patterns,), (g, u)) - _sum(u * (xp.log(g) + LN2))) / 2

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """-sum_i f_i M_i/(g (g + M_i)) u/2."""
        return -over_patterns(_part_of_sum, (self.patterns,), (g,), f) * u / (2 * g)


def _entropy_of_sum(m: Array, g: Array) -> Array:
    total = m + g
    return total * backend.namespace(total).log(total)


def _log_of_sum(m: Array, g: Array) -> Array:
    total = m + g
    return backend.namespace(total).log(total)


def _weighted_log_of_sum(m: Array, g: Array, u: Array) -> Array:
    return _log_of_sum(m, g) * u


def _part_of_sum(m: Array, g: Array) -> Array:
    return m / (m + g)
