"""Divergences between positive vectors as similarities: generalised Kullback-Leibler, both ways round."""

from __future__ import annotations

from typing import Any

from ..dynamics import backend
from ..dynamics.backend import Array, structure
from ..dynamics.contracts import Response, Similarity


def _sum(values: Array) -> Array:
    return backend.namespace(values).sum(values, axis=-1, keepdims=True)


@structure
class Logged:
    """Patterns with their logarithms and what each contributes alone: its sum, and the sum of M ln M."""

    patterns: Array = None
    logs: Array = None
    sums: Array = None
    entropies: Array = None


class Divergence(Similarity):
    """What divergences share: positive vectors, leak 0, and logarithms of the patterns that are kept."""

    leak = 0.0
    distance = True
    positive = True

    def prepare(self, memories: Array) -> Logged:
        """The patterns, their logarithms and sums."""
        if isinstance(memories, Logged):
            return memories
        xp = backend.namespace(memories)
        logs = xp.log(memories)
        return Logged(memories, logs, xp.sum(memories, axis=-1), xp.sum(memories * logs, axis=-1))


@structure
class KullbackLeibler(Divergence):
    r"""s_i = -KL(g, M_i) = -sum_k [g_k ln(g_k/M_ik) - g_k + M_ik], for positive vectors of any sum.

    With g = e^v (or on the simplex) the force sum_i f_i (ln M_i - ln g) is affine in the state v, so the value
    step is exact, F = sum_i f_i ln M_i/(sum f) at dt = inf; with f >= 0 it lowers the energy for every dt.
    Memories are fixed points up to their overlap: the fixed point is their geometric mean with weights f.

    >>> import numpy as np
    >>> KullbackLeibler().scores(np.array([[1.0, 2.0], [2.0, 2.0]]), np.array([1.0, 2.0])).round(4)
    array([ 0.    , -0.3069])
    """

    name = "kl"

    def scores(self, memories: Any, g: Array) -> Array:
        """-KL(g, M_i), never above 0."""
        memories, xp = self.prepare(memories), backend.namespace(g)
        scores = g @ memories.logs.T - memories.sums + _sum(g - g * xp.log(g))
        return xp.where(scores > 0, 0.0, scores)

    def pullback(self, memories: Any, g: Array, f: Array) -> Array:
        """sum_i f_i (ln M_i - ln g)."""
        return f @ self.prepare(memories).logs - _sum(f) * backend.namespace(g).log(g)

    def pushforward(self, memories: Any, g: Array, u: Array) -> Array:
        """(ln M_i - ln g) . u."""
        return u @ self.prepare(memories).logs.T - _sum(u * backend.namespace(g).log(g))

    def curvature(self, memories: Any, g: Array, f: Array, u: Array) -> Array:
        """-(sum f) u/g."""
        return -_sum(f) * u / g

    def response(self, memories: Any, g: Array, f: Array, nonnegative: bool) -> Response:
        """sum_i f_i ln M_i - c ln g with c = sum f."""
        return Response(f @ self.prepare(memories).logs, _sum(f), logarithmic=True, falls=nonnegative)

    def magnitude(self, memories: Any, g: Array, scores: Array) -> Array:
        """The sizes of the terms of the score."""
        memories, xp = self.prepare(memories), backend.namespace(g)
        return xp.abs(g @ xp.abs(memories.logs).T) + memories.sums + _sum(g + xp.abs(g * xp.log(g)))


@structure
class ReverseKullbackLeibler(Divergence):
    r"""s_i = -KL(M_i, g) = -sum_k [M_ik ln(M_ik/g_k) - M_ik + g_k], for positive vectors of any sum.

    Concave in g as well, but its value equation has no closed solution: `Relaxation` guards its steps.

    >>> import numpy as np
    >>> ReverseKullbackLeibler().scores(np.array([[1.0, 2.0], [2.0, 2.0]]), np.array([1.0, 2.0])).round(4)
    array([ 0.    , -0.3863])
    """

    name = "reverse_kl"

    def scores(self, memories: Any, g: Array) -> Array:
        """-KL(M_i, g), never above 0."""
        memories, xp = self.prepare(memories), backend.namespace(g)
        scores = xp.log(g) @ memories.patterns.T + (memories.sums - memories.entropies) - _sum(g)
        return xp.where(scores > 0, 0.0, scores)

    def pullback(self, memories: Any, g: Array, f: Array) -> Array:
        """sum_i f_i (M_i/g - 1)."""
        return f @ self.prepare(memories).patterns / g - _sum(f)

    def pushforward(self, memories: Any, g: Array, u: Array) -> Array:
        """(M_i/g - 1) . u."""
        return (u / g) @ self.prepare(memories).patterns.T - _sum(u)

    def curvature(self, memories: Any, g: Array, f: Array, u: Array) -> Array:
        """-sum_i f_i M_i u/g^2."""
        return -(f @ self.prepare(memories).patterns) * u / g**2

    def magnitude(self, memories: Any, g: Array, scores: Array) -> Array:
        """The sizes of the terms of the score."""
        memories, xp = self.prepare(memories), backend.namespace(g)
        return xp.abs(xp.log(g)) @ memories.patterns.T + memories.sums + xp.abs(memories.entropies) + _sum(g)
