"""The synapses that networks are made of: similarity, bilinear, and a memory population in equilibrium."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import backend
from ..backend import Array, shown, static, structure
from ..doors import behind, finite, flag, floating, kind, number
from ..lagrangians import Lagrangian
from ._bilinear import Bilinear as Bilinear
from ._bilinear import Recurrent as Recurrent
from ._bilinear import ends
from ._exact import Answer, Response
from ._similarity import Similarity
from ._synapse import Synapse
from ._unbound import memories_apart


@memories_apart("similarity")
@structure
class SimilaritySynapse(Synapse):
    r"""E_s = -f . sim(M, g): value neurons g joined to memory neurons f by a similarity.

    The forces are (dsim/dg)^T f on the value neurons and sim(M, g) on the memory neurons.

    Parameters
    ----------
    between : (str, str)
        The value population and the memory population.
    similarity : Similarity
        From `hopfield.models`, with its patterns: ``Dot(patterns)``.
    nonnegative : bool
        That f >= 0 always; with it a distance lowers the energy for every step size.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import Dot
    >>> SimilaritySynapse(("value", "memory"), Dot(np.eye(2))).energy(np.array([1.0, 2.0]), np.array([0.5, 0.5]))
    np.float64(-1.5)
    """

    between: tuple[str, str] = static()
    similarity: Similarity
    nonnegative: bool = static(default=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "between", ends(self.between, 2))
        _with_patterns("similarity", self.similarity)
        object.__setattr__(self, "nonnegative", flag("nonnegative", self.nonnegative))

    @backend.kept
    def _open(self) -> _Opened:
        """The similarity's methods, looked up once."""
        return _opened(self.similarity)

    @property
    def memories(self) -> Similarity:
        """The similarity, which holds them."""
        return self.similarity

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """(I, N)."""
        rows, width = self.similarity.patterns.shape
        return (width, rows)

    @property
    def signal_of(self) -> tuple[int, ...]:
        """The scores depend on the value neurons."""
        return (0,)

    @property
    def smooth(self) -> bool:
        """Whether the similarity is."""
        return self.similarity.smooth

    @property
    def checked(self) -> bool:
        """Whether the similarity is."""
        return self.similarity.checked

    def extent(self, position: int) -> float | None:
        """The rms of the stored patterns, for the value neurons."""
        return self.similarity.extent if position == 0 else None

    def ray(self, position: int) -> bool:
        """Whether the similarity sees directions alone."""
        return position == 0 and self.similarity.ray

    def signal(self, *g: Array) -> Array:
        """The scores sim(M, g)."""
        return self._open.scores(g[0])

    def energy(self, *g: Array, signal: Array | None = None) -> Array:
        """-f . sim(M, g)."""
        return -backend.dot(g[1], self.signal(*g) if signal is None else signal)

    def forces(self, *g: Array, signal: Array | None = None) -> tuple[Array, ...]:
        """(dsim/dg)^T f and sim(M, g)."""
        scores = self.signal(*g) if signal is None else signal
        return self._open.pullback(g[0], g[1]), scores

    def force(self, position: int, *g: Array, signal: Array | None = None) -> Array:
        """One of them."""
        if position == 0:
            return self._open.pullback(g[0], g[1])
        return self.signal(*g) if signal is None else signal

    def answer(self, position: int) -> Answer:
        """On the value neurons the similarity's own; on the memory neurons a constant force."""
        return self.similarity.answer(self.nonnegative) if position == 0 else Answer("constant", falls=True)

    def response(self, position: int, *g: Array, signal: Array | None = None) -> Response:
        """On the value neurons the similarity's own, on the memory neurons the scores."""
        if position == 0:
            return self._open.response(g[0], g[1])
        return Response(self.force(position, *g, signal=signal))

    def couples(self, position: int) -> bool:
        """The memory neurons never see themselves, the value neurons unless the scores are linear."""
        return position == 0 and not self.similarity.linear

    def block(self, target: int, source: int, u: Array, *g: Array, signal: Array | None = None) -> Array | None:
        """Curvature and pullback on the value neurons, pushforward on the memory neurons."""
        if target == source:
            return self._open.curvature(g[0], g[1], u) if target == 0 else None
        return self._open.pullback(g[0], u) if target == 0 else self._open.pushforward(g[0], u)

    def gram(self, w: Array, *g: Array) -> Array | None:
        """The similarity's own."""
        return self.similarity.gram(g[0], w)

    def kink(self, position: int, *g: Array, signal: Array | None = None) -> Array | None:
        """The similarity's own on the value neurons."""
        return self.similarity.kink(g[0], g[1]) if position == 0 else None

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
        return self.measured(*g, signal=signal)[1]

    def measured(self, *g: Array, signal: Array | None = None) -> tuple[Array, Array]:
        """Both, with the scores found once."""
        scores = self.signal(*g) if signal is None else signal
        return -backend.dot(g[1], scores), backend.dot(abs(g[1]), self._open.magnitude(g[0], scores))


@memories_apart("similarities")
@structure
class EquilibriumSynapse(Synapse):
    r"""Memory neurons with tau = 0: h = (sum_s sim_s(M_s, g_s) + b_h)/l_h at every moment.

    E_s = -l_h L_h(h), and the force on population s is (dsim_s/dg_s)^T f with f = dL_h/dh.

    Parameters
    ----------
    between : tuple of str
        The populations s that the memory neurons see.
    similarities : tuple of Similarity
        One with its patterns for each of these populations.
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
    >>> synapse = EquilibriumSynapse(("value",), (Dot(np.eye(2)),), LogSumExp())
    >>> synapse.energy(np.array([1.0, 1.0])).round(4)
    np.float64(-1.6931)
    """

    between: tuple[str, ...] = static()
    similarities: tuple[Similarity, ...]
    lagrangian: Lagrangian
    leak: float = static(default=1.0)
    bias: Any = None
    adiabatic = True

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "between", ends(self.between))
        given = self.similarities
        if not isinstance(given, tuple | list) or len(given) != len(self.between):
            raise ValueError(
                f"similarities must be a tuple of similarities such as Dot(patterns), one for each of {self.between}, "
                f"got {shown(given)}."
            )
        for one in given:
            _with_patterns("a similarity", one)
        put(self, "similarities", tuple(given))
        kind("lagrangian", self.lagrangian, Lagrangian, "a Lagrangian such as LogSumExp()")
        put(self, "leak", number("leak", self.leak, above=0))
        rows = {similarity.patterns.shape[0] for similarity in given}
        if len(rows) > 1:
            raise ValueError(f"The memories have {sorted(rows)} rows: one row for each memory neuron in all of them.")
        if self.bias is not None:
            bias = finite("bias", floating("bias", self.bias, given[0].patterns))
            if tuple(bias.shape) not in ((), tuple(rows)):
                raise ValueError(f"bias has shape {tuple(bias.shape)}; it is one number or of shape {tuple(rows)}.")
            put(self, "bias", bias)

    @backend.kept
    def _open(self) -> tuple[_Opened, ...]:
        """The methods of each similarity, looked up once."""
        return tuple(map(_opened, self.similarities))

    @backend.kept
    def _weigh(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The weights of activations, and of states, behind their doors."""
        return behind(self.weights), behind(self.lagrangian.activation)

    @property
    def memories(self) -> tuple[Similarity, ...]:
        """The similarities, which hold them."""
        return self.similarities

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The width of each matrix."""
        return tuple(similarity.patterns.shape[-1] for similarity in self.similarities)

    @property
    def checked(self) -> bool:
        """Whether the similarities and the separation are."""
        return self.lagrangian.checked and all(similarity.checked for similarity in self.similarities)

    def extent(self, position: int) -> float | None:
        """The rms of the patterns that a population is compared with."""
        return self.similarities[position].extent

    def ray(self, position: int) -> bool:
        """Whether the similarity sees directions alone."""
        return self.similarities[position].ray

    @property
    def smooth(self) -> bool:
        """Whether the similarities and the separation are."""
        return self.lagrangian.smooth and all(similarity.smooth for similarity in self.similarities)

    def signal(self, *g: Array) -> Array:
        """The memory neurons' state h."""
        total = None if self.bias is None else self.bias
        for similarity, activation in zip(self._open, g, strict=True):
            scores = similarity.scores(activation)
            total = scores if total is None else total + scores
        return total if self.leak == 1 else total / self.leak  # type: ignore[operator]

    def states(self, *g: Array, signal: Array | None = None) -> Array:
        """The memory neurons' state h, from their signal where that is known."""
        return self.signal(*g) if signal is None else signal

    def weights(self, *g: Array, signal: Array | None = None) -> Array:
        """The memory neurons' activation f."""
        return self._weigh[1](self.signal(*g) if signal is None else signal)

    def energy(self, *g: Array, signal: Array | None = None) -> Array:
        """-l_h L_h(h)."""
        return -self.leak * behind(self.lagrangian.value)(self.signal(*g) if signal is None else signal)

    def forces(self, *g: Array, signal: Array | None = None) -> tuple[Array, ...]:
        """(dsim_s/dg_s)^T f for each population."""
        f = self._weigh[0](*g, signal=signal)
        return tuple(s.pullback(a, f) for s, a in zip(self._open, g, strict=True))

    def force(self, position: int, *g: Array, signal: Array | None = None) -> Array:
        """One of them."""
        return self._open[position].pullback(g[position], self._weigh[0](*g, signal=signal))

    def answer(self, position: int) -> Answer:
        """The similarity's own, with f frozen: where L_h is convex its tangent lies below it."""
        answer = self.similarities[position].answer(self.lagrangian.nonnegative)
        return answer._replace(falls=answer.falls and self.lagrangian.convex is True, weighted=True)

    def response(self, position: int, *g: Array, signal: Array | None = None) -> Response:
        """The similarity's own, with f frozen."""
        return self._open[position].response(g[position], self._weigh[0](*g, signal=signal))

    def block(self, target: int, source: int, u: Array, *g: Array, signal: Array | None = None) -> Array | None:
        """D_t^T L_h''(h) D_s u/l_h, and on the population itself the curvature of its scores."""
        h = self.signal(*g) if signal is None else signal
        turned = self._open[source].pushforward(g[source], u)
        df = self.lagrangian.curvature(h, turned if self.leak == 1 else turned / self.leak)
        answer = self._open[target].pullback(g[target], df)
        if target == source:
            answer = answer + self._open[source].curvature(g[source], self._weigh[1](h), u)
        return answer

    def kink(self, position: int, *g: Array, signal: Array | None = None) -> Array | None:
        """The similarity's own."""
        similarity = self.similarities[position]
        if similarity.smooth:
            return None
        return similarity.kink(g[position], self.weights(*g, signal=signal))

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
        return self.measured(*g, signal=signal)[1]

    def measured(self, *g: Array, signal: Array | None = None) -> tuple[Array, Array]:
        """The energy and its magnitude, with h found once."""
        xp = backend.namespace(*g)
        h = self.signal(*g) if signal is None else signal
        f = self._weigh[0](*g, signal=h)
        energy, f = -self.leak * behind(self.lagrangian.value_at)(h, f), xp.abs(f)
        total = xp.abs(energy)
        for similarity, activation in zip(self._open, g, strict=True):
            total = total + backend.dot(f, similarity.magnitude(activation, h))
        return energy, total


def _with_patterns(name: str, similarity: Any) -> None:
    kind(name, similarity, Similarity, "a similarity such as Dot(patterns)")
    if similarity.patterns is None:
        raise ValueError(f"{similarity!r} holds no patterns: write {type(similarity).__name__}(patterns).")


class _Opened(NamedTuple):
    """The methods of a similarity behind their doors."""

    scores: Callable[..., Array]
    pullback: Callable[..., Array]
    pushforward: Callable[..., Array]
    curvature: Callable[..., Array]
    response: Callable[..., Response]
    magnitude: Callable[..., Array]


def _opened(similarity: Similarity) -> _Opened:
    return _Opened(*(behind(getattr(similarity, name)) for name in _Opened._fields))
