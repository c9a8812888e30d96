"""Similarities s_i(g) between a vector and each stored pattern; larger is more similar.

A distance is negated. Every similarity gives its scores, the pullback (ds/dg)^T f, the pushforward
(ds/dg) u, the curvature (sum_i f_i d2s_i/dg2) u, and how its force answers a step of `Relaxation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array, Number, derived, static, structure
from ...dynamics.doors import Registry, answer, number
from ...dynamics.doors import function as callable_
from ...dynamics.lagrangians import rotated
from ...dynamics.lagrangians import unit as _unit
from ...dynamics.network import weighted_gram
from ...dynamics.synapses import Answer, Response, Similarity
from ._divergences import Jeffreys, JensenShannon, KullbackLeibler, ReverseKullbackLeibler
from ._hamming import Hamming
from ._manhattan import Manhattan
from ._normalised import Normalised
from ._pairwise import squared_gap
from ._published import Published, published


def _unit_rows(patterns: Array) -> Array:
    """Rows of length 1, in a file too where the patterns lie in one."""
    if backend.is_mapped(patterns):
        return backend.filed(patterns, patterns.dtype, lambda part: _unit(part)[0])
    return _unit(patterns)[0]


def _sum(values: Array) -> Array:
    return backend.namespace(values).sum(values, axis=-1, keepdims=True)


def _squares(_: None, rows: Array) -> Array:
    return backend.dot(rows, rows)


def _squares_of(patterns: Array) -> Array:
    return backend.compiled(_squares, patterns)(None, patterns)


@structure
class Dot(Similarity):
    r"""s_i = M_i . g, the similarity of Hopfield networks, dense associative memory and attention.

    Bilinear: the force M^T f does not depend on g, so an exact step lowers the energy for every dt.

    >>> import numpy as np
    >>> Dot(np.array([[1.0, 0.0], [1.0, 1.0]])).scores(np.array([2.0, 3.0]))
    array([2., 5.])
    """

    name = "dot"
    linear = True
    additive = True
    checked = True
    far = "bounded"
    metric = "product"
    shares = "values"

    def scores(self, g: Array) -> Array:
        """M g."""
        return g @ self.patterns.T

    def pullback(self, g: Array, f: Array) -> Array:
        """M^T f."""
        return f @ self.patterns

    def pushforward(self, g: Array, u: Array) -> Array:
        """M u."""
        return u @ self.patterns.T

    def gram(self, g: Array, w: Array) -> Array:
        """M^T diag(w) M."""
        return weighted_gram(self.patterns, w)

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """0."""
        return backend.namespace(u).zeros_like(u)

    @property
    def carrier(self) -> Array:
        """The patterns."""
        return self.patterns

    def block(self, g: Array, first: int, last: int, room: Array | None = None) -> Array:
        """M g of some patterns."""
        return backend.product(g, self.patterns[first:last, ...].T, room)

    def pull_of_sums(self, g: Array, c: Array, total: Array) -> Array:
        """M^T f itself."""
        return c

    def spread(self, g: Array, total: Array, size: Array) -> Array:
        """With \\|g\\|^2."""
        return size + total * _sum(g * g)[..., 0]

    def magnitude(self, g: Array, scores: Array) -> Array:
        """\\|s_i\\| and \\|g\\|^2, which stands for the products that cancel."""
        return backend.namespace(scores).abs(scores) + _sum(g * g)


@structure
class Euclidean(Similarity):
    r"""s_i = -\|M_i - g\|^2, the negated squared distance.

    Evaluated as 2 M_i.g - \|M_i\|^2 - \|g\|^2 with the norms of the patterns kept. The force
    2 M^T f - 2 (sum f) g is affine in g, so the value step is exact; with f >= 0 it lowers the energy for
    every dt. With leak 0 the dynamics are mean shift, and memories are fixed points up to e^(-beta gap).

    >>> import numpy as np
    >>> Euclidean(np.array([[1.0, 0.0], [1.0, 1.0]])).scores(np.array([2.0, 3.0]))
    array([-10.,  -5.])
    """

    squares: Array = derived(lambda self: _squares_of(self.patterns), by_row=True)
    name = "euclidean"
    leak = 0.0
    distance = True
    checked = True
    far = "inward"
    metric = "square"
    gap = staticmethod(squared_gap)

    def scores(self, g: Array) -> Array:
        """-\\|M_i - g\\|^2, never above 0."""
        return self.of_products(g @ self.patterns.T, g)

    def of_products(self, products: Array, g: Array) -> Array:
        """The scores from M_i.g."""
        return backend.capped(2 * products - (self.squares + _sum(g * g)), 0.0)

    def pullback(self, g: Array, f: Array) -> Array:
        """2 M^T f - 2 (sum f) g."""
        return (2 * f) @ self.patterns - (2 * _sum(f)) * g

    def pushforward(self, g: Array, u: Array) -> Array:
        """2 M u - 2 g.u."""
        return (2 * u) @ self.patterns.T - 2 * _sum(g * u)

    def gram(self, g: Array, w: Array) -> Array:
        """4 (M^T diag(w) M - c g^T - g c^T + (sum w) g g^T) with c = M^T w."""
        c, g = (w @ self.patterns)[..., None], g[..., None]
        xp = backend.namespace(g)
        crossed = xp.matmul(c - _sum(w)[..., None] / 2 * g, xp.matrix_transpose(g))
        return 4 * (weighted_gram(self.patterns, w) - crossed - xp.matrix_transpose(crossed))

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """-2 (sum f) u."""
        return -2 * _sum(f) * u

    def answer(self, nonnegative: bool) -> Answer:
        """Affine; with f >= 0 the step is the minimiser of a convex energy."""
        return Answer("affine", falls=nonnegative)

    def response(self, g: Array, f: Array) -> Response:
        """2 M^T f - c g with c = 2 sum f."""
        return Response((2 * f) @ self.patterns, 2 * _sum(f))

    @property
    def carrier(self) -> Array:
        """The patterns."""
        return self.patterns

    def block(self, g: Array, first: int, last: int, room: Array | None = None) -> Array:
        """-\\|M_i - g\\|^2 of some patterns."""
        scores = self.ranks(g, first, last, room)
        return backend.at_most(backend.added(self.offset(g), scores), 0.0)

    def ranks(self, g: Array, first: int, last: int, room: Array | None = None) -> Array:
        """2 M_i . g - \\|M_i\\|^2 of some patterns."""
        products = backend.product(2 * g, self.patterns[first:last, ...].T, room)
        return backend.added(-self.squares[first:last], products)

    def offset(self, g: Array) -> Array:
        """-\\|g\\|^2."""
        return -_sum(g * g)

    def pull_of_sums(self, g: Array, c: Array, total: Array) -> Array:
        """2 c - 2 (sum f) g."""
        return 2 * c - 2 * total * g

    def response_of_sums(self, g: Array, c: Array, total: Array) -> Response:
        """Affine in g."""
        return Response(2 * c, 2 * total)

    def spread(self, g: Array, total: Array, size: Array) -> Array:
        """\\|M_i\\| is at most \\|g\\| and the root of -s_i."""
        return 2 * size + 3 * total * _sum(g * g)[..., 0]

    def magnitude(self, g: Array, scores: Array) -> Array:
        """\\|M_i\\|^2 + \\|g\\|^2, which cancel in the score."""
        return self.squares + _sum(g * g)


@structure
class Cosine(Similarity):
    r"""s_i = M_i . g/(\|M_i\| \|g\|), row by row; a zero vector has similarity 0 to everything.

    The force is tangential, so \|v\| is kept and the value step is a rotation: with F = sum_i f_i M_i/\|M_i\|
    and theta the angle from v to F, tan(theta/2) shrinks by e^(-\|F\| dt/(tau \|v\|^2)). Without bias and with
    leak 0 the energy falls for every dt, whatever the signs of f. Vectors are divided by their largest entry first
    where their squares would leave the range of the dtype.

    >>> import numpy as np
    >>> Cosine(np.array([[3.0, 4.0]])).scores(np.array([1.0, 0.0]))
    array([0.6])
    """

    rows: Array = derived(lambda self: _unit_rows(self.patterns), by_row=True)
    name = "cosine"
    leak = 0.0
    ray = True
    bounded = True
    checked = True
    metric = "angle"
    shares = "scores"

    def scores(self, g: Array) -> Array:
        """U g/\\|g\\| with the unit rows U."""
        return _unit(g)[0] @ self.rows.T

    def pullback(self, g: Array, f: Array) -> Array:
        """(F - g^ (g^.F))/\\|g\\| with F = U^T f and g^ = g/\\|g\\|."""
        return self._tangential(g, f @ self.rows)

    def pushforward(self, g: Array, u: Array) -> Array:
        """U (u - g^ (g^.u))/\\|g\\|."""
        return self._tangential(g, u) @ self.rows.T

    def gram(self, g: Array, w: Array) -> Array:
        """P U^T diag(w) U P/\\|g\\|^2 with P = 1 - g^ g^T."""
        inner = weighted_gram(self.rows, w)
        half = self._tangential(g[..., None, :], inner)
        return self._tangential(g[..., None, :], backend.namespace(g).matrix_transpose(half))

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """The derivative of the pullback along u."""
        force = f @ self.rows
        unit, norm = _unit(g)
        radial, along, across = _sum(unit * force), _sum(unit * u), _sum(force * u)
        return (3 * unit * radial * along - unit * across - force * along - radial * u) / norm / norm

    def answer(self, nonnegative: bool) -> Answer:
        """A rotation, exact without leak and further drive."""
        return Answer("own", alone=True, falls=True)

    def response(self, g: Array, f: Array) -> Response:
        """The rotation."""
        force = f @ self.rows

        def step(x: Array, drive: Any, leak: float, ratio: Number | None) -> Array:
            return rotated(x, force, ratio, 2)

        return Response(None, step=step)

    @property
    def carrier(self) -> Array:
        """The unit rows."""
        return self.rows

    def pull_of_sums(self, g: Array, c: Array, total: Array) -> Array:
        """The tangential part of c."""
        return self._tangential(g, c)

    def response_of_sums(self, g: Array, c: Array, total: Array) -> Response:
        """The rotation towards c."""

        def step(x: Array, drive: Any, leak: float, ratio: Number | None) -> Array:
            return rotated(x, c, ratio, 2)

        return Response(None, step=step)

    def spread(self, g: Array, total: Array, size: Array) -> Array:
        """As many as the weights: cosines."""
        return total

    def magnitude(self, g: Array, scores: Array) -> Array:
        """One: cosines."""
        return backend.namespace(scores).ones_like(scores)

    @staticmethod
    def _tangential(g: Array, u: Array) -> Array:
        unit, norm = _unit(g)
        return (u - unit * _sum(unit * u)) / norm


@structure
class Custom(Similarity):
    r"""A similarity of your own, from scores (memories, g) -> (..., N).

    On JAX and PyTorch everything else is derived; on NumPy give the pullback (memories, g, f) -> (..., I).
    Steps are watched by the energy guard.

    >>> import numpy as np
    >>> overlap = Custom(lambda M, g: g @ M.T / M.shape[-1], lambda M, g, f: f @ M / M.shape[-1])
    >>> overlap.of(np.ones((1, 4))).scores(np.ones(4))
    array([1.])
    """

    function: Callable[[Array, Array], Array] = static()  # pyright: ignore[reportGeneralTypeIssues]
    force: Callable[[Array, Array, Array], Array] | None = static(default=None)
    own_leak: float = static(default=1.0)
    patterns: Array = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        callable_("function", self.function, "(memories, g) -> scores (..., N)")
        callable_("force", self.force, "(memories, g, f) -> (..., I)", optional=True)
        object.__setattr__(self, "own_leak", number("own_leak", self.own_leak, 0))
        super().__post_init__()

    @property
    def leak(self) -> float:
        """The leak that was given."""
        return self.own_leak

    def scores(self, g: Array) -> Array:
        """function(M, g)."""
        scores = self.function(self.patterns, g)
        return answer("The function of a similarity", scores, (*g.shape[:-1], self.patterns.shape[0]))

    def pullback(self, g: Array, f: Array) -> Array:
        """force(M, g, f), derived where the library can."""
        if self.force is None:
            return super().pullback(g, f)
        batch = g.shape[:-1] if len(g.shape) >= len(f.shape) else f.shape[:-1]
        force = self.force(self.patterns, g, f)
        return answer("The force of a similarity", force, (*(None for _ in batch), g.shape[-1]))


SIMILARITIES = similarities = Registry("similarity")
for _kind in (Dot, Cosine, Euclidean, Manhattan, Hamming):
    similarities.register(_kind.name, _kind)
for _kind in (KullbackLeibler, ReverseKullbackLeibler, Jeffreys, JensenShannon):
    similarities.register(_kind.name, _kind)
similarities.register(
    "normalised",
    lambda name, eps=1e-4: normalised(name, eps),
    Normalised,
    lambda one: (similarities.name_of(one.base), one.eps),
    name=str,
    eps=float,
)
similarities.register("published", published, Published, lambda one: (one.kind,), name=str)


def similarity(name: str | Similarity | Callable[[Array, Array], Array]) -> Similarity:
    r"""The similarity of a name; a Similarity as it is; a function (memories, g) -> scores as `Custom`.

    ================= ============================================ =========================================
    name              s_i                                          domain
    ================= ============================================ =========================================
    dot               M_i . g
    cosine            M_i . g/(\|M_i\| \|g\|)
    euclidean         -\|M_i - g\|^2
    manhattan         -sum \|M_i - g\|
    hamming           -(number of bits that differ)                +-1 or 0/1; recall only
    kl                -KL(g, M_i)                                  positive vectors
    reverse_kl        -KL(M_i, g)                                  positive vectors
    jeffreys          -(KL(g, M_i) + KL(M_i, g))/2                 positive vectors
    jensen_shannon    -(KL(g, m_i) + KL(M_i, m_i))/2,              positive vectors
                      m_i = (g + M_i)/2
    normalised(name)  1/d scaled to sum to one (`Normalised`);     recall only
                      for divergences also ``normalised(kl, eps)``
    published(name)   what the code published with the paper       recall only
                      computes (`published`)
    ================= ============================================ =========================================

    >>> similarity("euclidean"), similarity("normalised(manhattan)").name
    (Euclidean(), 'normalised(manhattan)')
    """
    if isinstance(name, Similarity):
        return name
    if callable(name) and not isinstance(name, type):
        return Custom(name)
    return similarities(name)


def normalised(base: str | Similarity, eps: float = 1e-4) -> Normalised:
    """The similarity of a name (or a Similarity) as appendix E of the paper scales it; see `Normalised`.

    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> memory = UniversalHopfield(np.array([[0.0, 1.0], [1.0, 0.5]]), normalised("manhattan"), "max")
    >>> memory.recall(np.array([0.1, 0.8]))
    array([0., 1.])
    """
    return Normalised(similarity(base), eps)
