"""The synapses that networks are made of: similarity, bilinear, and a memory population in equilibrium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import backend
from .backend import Array, static, structure
from .contracts import Lagrangian, Response, Similarity, Synapse


def _dot(a: Array, b: Array) -> Array:
    return backend.namespace(a, b).sum(a * b, axis=-1)


@structure
class SimilaritySynapse(Synapse):
    r"""E_s = -f . sim(M, g): value neurons g joined to memory neurons f by a similarity.

    The forces are (dsim/dg)^T f on the value neurons and sim(M, g) on the memory neurons.

    Parameters
    ----------
    between : (str, str)
        The value population and the memory population.
    similarity : Similarity
        From `hopfield.models`.
    memories : array (N, I), or what ``similarity.prepare`` made of it
        The stored patterns.
    nonnegative : bool
        That f >= 0 always; with it a distance lowers the energy for every step size.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import Dot
    >>> SimilaritySynapse(("value", "memory"), Dot(), np.eye(2)).energy(np.array([1.0, 2.0]), np.array([0.5, 0.5]))
    np.float64(-1.5)
    """

    between: tuple[str, str] = static()
    similarity: Similarity = None  # type: ignore[assignment]
    memories: Any = None
    nonnegative: bool = static(default=True)

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """(I, N)."""
        rows, width = _matrix(self.memories).shape
        return (width, rows)

    @property
    def signal_of(self) -> tuple[int, ...]:
        """The scores depend on the value neurons."""
        return (0,)

    @property
    def smooth(self) -> bool:
        """Whether the similarity is."""
        return self.similarity.smooth

    def signal(self, *g: Array) -> Array:
        """The scores sim(M, g)."""
        return self.similarity.scores(self.memories, g[0])

    def energy(self, *g: Array, signal: Array | None = None) -> Array:
        """-f . sim(M, g)."""
        return -_dot(g[1], self.signal(*g) if signal is None else signal)

    def forces(self, *g: Array, signal: Array | None = None) -> tuple[Array, ...]:
        """(dsim/dg)^T f and sim(M, g)."""
        scores = self.signal(*g) if signal is None else signal
        return self.similarity.pullback(self.memories, g[0], g[1]), scores

    def response(self, position: int, *g: Array, signal: Array | None = None) -> Response:
        """On the value neurons the similarity's own; on the memory neurons a constant force."""
        if position == 0:
            return self.similarity.response(self.memories, g[0], g[1], self.nonnegative)
        return Response(self.signal(*g) if signal is None else signal, falls=True)

    def couples(self, position: int) -> bool:
        """The memory neurons never see themselves, the value neurons unless the scores are linear."""
        return position == 0 and not self.similarity.linear

    def block(self, target: int, source: int, u: Array, *g: Array, signal: Array | None = None) -> Array | None:
        """Curvature and pullback on the value neurons, pushforward on the memory neurons."""
        if target == source:
            return self.similarity.curvature(self.memories, g[0], g[1], u) if target == 0 else None
        if target == 0:
            return self.similarity.pullback(self.memories, g[0], u)
        return self.similarity.pushforward(self.memories, g[0], u)

    def kink(self, position: int, *g: Array, signal: Array | None = None) -> Array | None:
        """The similarity's own on the value neurons."""
        return self.similarity.kink(self.memories, g[0], g[1]) if position == 0 else None

    def ray(self, position: int) -> bool:
        """The similarity's word for the value neurons."""
        return position == 0 and self.similarity.ray

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """Bounded scores on the memory neurons; on the value neurons the similarity's own, for bounded f."""
        if position == 1:
            return "bounded" if bounded[0] else ""
        if not bounded[1]:
            return ""
        if bounded[0] and self.similarity.far:
            return "bounded"
        inside = self.similarity.far == "bounded" or (self.similarity.far == "inward" and identity and self.nonnegative)
        return "bounded" if inside else ""

    def magnitude(self, *g: Array, signal: Array | None = None) -> Array:
        """Sum of \\|f\\| times the size of the numbers that cancel in the scores."""
        xp = backend.namespace(*g)
        scores = self.signal(*g) if signal is None else signal
        return _dot(xp.abs(g[1]), self.similarity.magnitude(self.memories, g[0], scores))


@structure
class EquilibriumSynapse(Synapse):
    r"""Memory neurons with tau = 0: h = (sum_s sim_s(M_s, g_s) + b_h)/l_h at every moment.

    E_s = -l_h L_h(h), and the force on population s is (dsim_s/dg_s)^T f with f = dL_h/dh.

    Parameters
    ----------
    between : tuple of str
        The populations s that the memory neurons see.
    similarities, memories : tuples
        One of each for every population in `between`.
    lagrangian : Lagrangian
        L_h.
    leak : float
        l_h > 0.
    bias : array (N,), optional
        b_h.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import LogSumExp
    >>> from hopfield.models import Dot
    >>> synapse = EquilibriumSynapse(("value",), (Dot(),), (np.eye(2),), LogSumExp())
    >>> synapse.energy(np.array([1.0, 1.0])).round(4)
    np.float64(-1.6931)
    """

    between: tuple[str, ...] = static()
    similarities: tuple[Similarity, ...] = ()
    memories: tuple[Any, ...] = ()
    lagrangian: Lagrangian = None  # type: ignore[assignment]
    leak: float = static(default=1.0)
    bias: Any = None

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The width of each matrix."""
        return tuple(_matrix(memories).shape[-1] for memories in self.memories)

    @property
    def smooth(self) -> bool:
        """Whether the similarities and the separation are."""
        return self.lagrangian.smooth and all(similarity.smooth for similarity in self.similarities)

    def signal(self, *g: Array) -> Array:
        """The memory neurons' state h."""
        total = None if self.bias is None else self.bias
        for similarity, memories, activation in zip(self.similarities, self.memories, g, strict=True):
            scores = similarity.scores(memories, activation)
            total = scores if total is None else total + scores
        return total if self.leak == 1 else total / self.leak  # type: ignore[operator]

    def weights(self, *g: Array, signal: Array | None = None) -> Array:
        """The memory neurons' activation f."""
        return self.lagrangian.activation(self.signal(*g) if signal is None else signal)

    def energy(self, *g: Array, signal: Array | None = None) -> Array:
        """-l_h L_h(h)."""
        return -self.leak * self.lagrangian.value(self.signal(*g) if signal is None else signal)

    def forces(self, *g: Array, signal: Array | None = None) -> tuple[Array, ...]:
        """(dsim_s/dg_s)^T f for each population."""
        f = self.weights(*g, signal=signal)
        return tuple(s.pullback(m, a, f) for s, m, a in zip(self.similarities, self.memories, g, strict=True))

    def response(self, position: int, *g: Array, signal: Array | None = None) -> Response:
        """The similarity's own, with f frozen: L_h is convex, so its tangent lies below it."""
        f = self.weights(*g, signal=signal)
        answer = self.similarities[position].response(
            self.memories[position], g[position], f, self.lagrangian.nonnegative
        )
        return answer._replace(falls=answer.falls and self.lagrangian.convex is True)

    def block(self, target: int, source: int, u: Array, *g: Array, signal: Array | None = None) -> Array | None:
        """D_t^T L_h''(h) D_s u/l_h, and on the population itself the curvature of its scores."""
        h = self.signal(*g) if signal is None else signal
        turned = self.similarities[source].pushforward(self.memories[source], g[source], u)
        df = self.lagrangian.curvature(h, turned if self.leak == 1 else turned / self.leak)
        answer = self.similarities[target].pullback(self.memories[target], g[target], df)
        if target == source:
            f = self.lagrangian.activation(h)
            answer = answer + self.similarities[source].curvature(self.memories[source], g[source], f, u)
        return answer

    def kink(self, position: int, *g: Array, signal: Array | None = None) -> Array | None:
        """The similarity's own."""
        similarity = self.similarities[position]
        if similarity.smooth:
            return None
        return similarity.kink(self.memories[position], g[position], self.weights(*g, signal=signal))

    def ray(self, position: int) -> bool:
        """The similarity's word."""
        return self.similarities[position].ray

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """The similarity's own, for bounded f; inward where the weights are >= 0 and sum to a constant."""
        kind, f = self.similarities[position], self.lagrangian
        if not kind.far or not (f.bounded or all(bounded)):
            return ""
        if bounded[position] or kind.far == "bounded":
            return "bounded"
        if not (identity and f.nonnegative):
            return ""
        return "inward" if f.shift_invariant else "bounded"

    def magnitude(self, *g: Array, signal: Array | None = None) -> Array:
        """\\|E_s\\| and the size of the numbers that cancel in the largest score."""
        xp = backend.namespace(*g)
        h = self.signal(*g) if signal is None else signal
        f = xp.abs(self.weights(*g, signal=h))
        total = xp.abs(self.energy(*g, signal=h))
        for similarity, memories, activation in zip(self.similarities, self.memories, g, strict=True):
            total = total + _dot(f, similarity.magnitude(memories, activation, h))
        return total


@structure
class Bilinear(Synapse):
    r"""E_s = -g_a . W g_b: two populations joined by a matrix W (n_a, n_b).

    >>> import numpy as np
    >>> synapse = Bilinear(("a", "b"), np.array([[1.0, 2.0]]))
    >>> synapse.energy(np.array([1.0]), np.array([1.0, 1.0]))
    np.float64(-3.0)
    """

    between: tuple[str, str] = static()
    weights: Array = None

    def __post_init__(self) -> None:
        if self.weights.ndim != 2:
            raise ValueError(f"W must be a matrix (n_a, n_b), got shape {tuple(self.weights.shape)}.")

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The shape of W."""
        return tuple(self.weights.shape)

    def energy(self, *g: Array) -> Array:
        """-g_a . W g_b."""
        return -_dot(g[0], g[1] @ self.weights.T)

    def forces(self, *g: Array) -> tuple[Array, ...]:
        """W g_b and W^T g_a."""
        return g[1] @ self.weights.T, g[0] @ self.weights

    def response(self, position: int, *g: Array) -> Response:
        """A constant force, so an exact step always lowers the energy."""
        return Response(g[1] @ self.weights.T if position == 0 else g[0] @ self.weights, falls=True)

    def couples(self, position: int) -> bool:
        """Never."""
        return False

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """Bounded with the other's activation."""
        return "bounded" if bounded[1 - position] else ""

    def block(self, target: int, source: int, u: Array, *g: Array) -> Array | None:
        """W u or W^T u."""
        if target == source:
            return None
        return u @ self.weights.T if target == 0 else u @ self.weights


@structure
class Recurrent(Synapse):
    r"""E_s = -g . W g/2: a population joined to itself; the force is W g.

    Without symmetry W g is not the gradient of any energy. Such a network still runs, and
    `check_lyapunov` says what it does: the energy rate uses the symmetric part, as it must.
    Freezing the force lowers the energy for every step size only when W is positive semidefinite
    (``positive=True``, your word for it); otherwise the energy guard watches the steps.

    >>> import numpy as np
    >>> Recurrent(("a",), np.array([[0.0, 1.0], [1.0, 0.0]])).energy(np.array([1.0, 2.0]))
    np.float64(-2.0)
    """

    between: tuple[str] = static()
    weights: Array = None
    positive: bool = static(default=False)
    symmetric: bool | None = static(default=None)

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or self.weights.shape[0] != self.weights.shape[1]:
            raise ValueError(f"W must be a square matrix, got shape {tuple(self.weights.shape)}.")
        if self.symmetric is None and not backend.is_traced(self.weights):
            xp = backend.namespace(self.weights)
            gap = xp.max(xp.abs(self.weights - self.weights.T))
            scale = xp.max(xp.abs(self.weights))
            object.__setattr__(self, "symmetric", bool(gap <= 8 * backend.epsilon(self.weights) * scale))

    @property
    def conservative(self) -> bool:
        """Whether W is symmetric (taken to be where it cannot be looked at)."""
        return self.symmetric is not False

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The number of rows of W."""
        return (self.weights.shape[0],)

    def energy(self, *g: Array) -> Array:
        """-g . W g/2."""
        return -_dot(g[0], g[0] @ self.weights.T) / 2

    def forces(self, *g: Array) -> tuple[Array, ...]:
        """W g."""
        return (g[0] @ self.weights.T,)

    def energy_gradient(self, *g: Array) -> tuple[Array, ...]:
        """-(W + W^T) g/2."""
        return (-(g[0] @ self.weights.T + g[0] @ self.weights) / 2,)

    def response(self, position: int, *g: Array) -> Response:
        """The frozen force W g."""
        return Response(self.forces(*g)[0], falls=self.positive)

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """Bounded with the activation."""
        return "bounded" if bounded[0] else ""

    def block(self, target: int, source: int, u: Array, *g: Array) -> Array | None:
        """W u."""
        return u @ self.weights.T


def _matrix(memories: Any) -> Array:
    """The patterns themselves inside what a similarity keeps of them."""
    return memories.patterns if hasattr(memories, "patterns") else memories
