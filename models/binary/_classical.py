"""The classical Hopfield network: pairwise couplings between neurons, of two states or graded."""

from __future__ import annotations

from dataclasses import KW_ONLY
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from ...dynamics import backend, kernels
from ...dynamics.backend import Array, Number, static, structure, unknown_name
from ...dynamics.doors import batch, flag, floating, matrix, positive, quiet, vector, warn, whole
from ...dynamics.lagrangians import LogCosh
from ...dynamics.network import Network, Population
from ...dynamics.synapses import Recurrent
from .._checks import current, number
from .._copies import is_reverse
from .._domain import Domain
from .._insertion import gone, taken
from .._lowest import lowest
from .._precision import own_precision
from .._renamed import current_names, deprecated, renamed
from ..family import filled_query, plain
from ._binary import CUBE, BinaryMemory, inside, signs
from ._flips import Cache, Spins, laid_out
from ._learning import hebbian, perceptron, pseudo_inverse, storkey

RULES = ("hebbian", "pseudo_inverse", "storkey", "perceptron", "given")
LEARNT = {"memories", "learning", "zero_diagonal", "margin", "max_epochs", "symmetric"}
SOURCES = {
    "hebbian": "W = M^T M/I",
    "pseudo_inverse": "W = M^+ M",
    "storkey": "Storkey's W",
    "perceptron": "Gardner's perceptron W",
    "given": "W as given",
}


@structure
class Pairs(Spins):
    """E(s) = -s.Ws/2 - b.s; the fields W s + b are kept, and a flip costs O(I).

    >>> import numpy as np
    >>> spins = Pairs(np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2), np.zeros(2), np.zeros(2))
    >>> state = np.array([[1.0, -1.0]])
    >>> spins.energy(state, spins.cache(state)), spins.costs(state, spins.cache(state))
    (array([1.]), array([[-2., -2.]]))
    """

    columns: Array = None  # W^T, so that the column that a flip adds is contiguous
    bias: Array = None
    diagonal: Array = None
    slack: Array = None  # what rounding makes of a field of 0

    def cache(self, state: Array) -> Cache:
        """The fields u = W s + b."""
        return (state @ self.columns + self.bias,)

    def flipped(self, cache: Cache, site: Any, change: Array) -> Cache:
        """u + change W e_i."""
        return (cache[0] + change[:, None] * self.columns[site],)

    def margin(self, s: Array, cache: Cache, site: Any) -> Array:
        """s_i u_i."""
        return _snapped(s * cache[0][:, site], self.slack[site])

    def margins(self, state: Array, cache: Cache) -> Array:
        """s u."""
        return _snapped(state * cache[0], self.slack)

    def cost(self, s: Array, cache: Cache, site: Any) -> Array:
        """2 (s_i u_i - W_ii), for a symmetric W."""
        return 2 * (s * cache[0][:, site] - self.diagonal[site])

    def costs(self, state: Array, cache: Cache) -> Array:
        """2 s_i u_i - 2 W_ii, with the symmetric part of W."""
        fields = (cache[0] + self.bias + state @ self.columns.T) / 2
        return 2 * (state * fields - self.diagonal)

    def energy(self, state: Array, cache: Cache) -> Array:
        """-s.(u + b)/2."""
        return -backend.namespace(state).sum(state * (cache[0] + self.bias), axis=-1) / 2

    def swept(
        self, state: Array, cache: Cache, sites: np.ndarray, noise: Array | None, temperature: float, held: Any = None
    ) -> tuple[Array, Cache, np.ndarray] | None:
        """The sweep in one loop that numba compiled, the same flips by the same sums."""
        parts = (self.columns, self.diagonal, self.slack, held)
        found = kernels.swept(*parts, state, cache[0], sites, noise, temperature)
        return None if found is None else (found[0], (found[1],), found[2])


@renamed(rule="learning")
@structure
@own_precision("recall", "scores", wide=("start", "two_time_energy"))
class ClassicalHopfield(BinaryMemory):
    r"""s_i <- sign(sum_j W_ij s_j + b_i): Hopfield's network of 1982, and its graded form of 1984.

    With a symmetric W the energy of +-1 states

        E(s) = -s.Ws/2 - b.s,    E(s_i flipped) - E(s) = 2 s_i (Ws + b)_i - 2 W_ii

    falls with every asynchronous flip as long as W_ii >= 0. All neurons at once never raise the two-time energy
    -s(t).W s(t+1) - b.(s(t) + s(t+1)) instead, and may end in a two-cycle. A field of exactly 0 keeps the state.

    Of random patterns the Hebbian rule recalls 0.138 I with few errors, the pseudo-inverse stores I - 1, couplings
    learnt as perceptrons up to 2 I.

    The graded neurons of `network`, which `simulate` runs, follow

        tau_value x' = -x + W g + b,    g = tanh(beta x),
        E = sum_i [x_i g_i - log(cosh(beta x_i))/beta] - b.g - g.Wg/2,

    where the bracket is Hopfield's integral of the inverse activation; that energy falls for every symmetric W. For
    beta -> inf it becomes the one above. A cue of +-1 starts at g = +-0.99.

    Parameters
    ----------
    memories : array (N, I)
        The stored patterns, of +1 and -1, one in a row.
    learning : {"hebbian", "pseudo_inverse", "storkey", "perceptron", "given"}, optional
        How W comes from the patterns; see `hopfield.models.learning`. Unless given "hebbian", and "given" where there
        are `couplings`.
    zero_diagonal : bool
        Whether W_ii = 0, Hopfield's choice and the default. A positive diagonal holds every neuron where it is: it
        turns states near a memory into fixed points of their own (with three orthogonal patterns of 8 neurons,
        66 of 256 states more), and one synchronous step corrects less and spoils less.
    beta : number
        Gain of the graded neurons.
    tau_value : number
        Their time constant.
    bias : number or array (I,)
        Input current b, the negative of a threshold.
    margin, max_epochs, symmetric
        For the perceptron rule: the margin kappa, the most epochs, and whether W is kept symmetric. A larger margin
        makes larger basins; 0 stores the most patterns. Without symmetry more fit and there is no energy to fall.
    couplings : array (I, I), optional
        W of your own, used as it is; or what a rule that is named as well has learnt before.

    Warns
    -----
    UserWarning
        When perceptron learning did not reach the margin within max_epochs, or the couplings given are not symmetric
        or have a negative diagonal. The `repr` says the latter two of every rule.

    References
    ----------
    Hopfield 1982, PNAS 79:2554, doi:10.1073/pnas.79.8.2554; 1984, PNAS 81:3088, doi:10.1073/pnas.81.10.3088.
    Goles, Fogelman & Pellegrin 1985, Discrete Appl. Math. 12:261, doi:10.1016/0166-218X(85)90029-0 (two-cycles).

    Examples
    --------
    >>> import numpy as np
    >>> M = np.array([[1, 1, 1, 1, -1, -1, -1, -1], [1, 1, -1, -1, 1, 1, -1, -1]])
    >>> memory = ClassicalHopfield(M)
    >>> memory.retrieve(np.array([1, 1, 1, -1, -1, -1, -1, -1])).state
    array([ 1.,  1.,  1.,  1., -1., -1., -1., -1.])
    >>> memory.energy(M)
    array([-3., -3.])
    """

    has_scores: ClassVar[bool] = True
    memories: Array
    learning: str | None = static(default=None)
    _: KW_ONLY
    zero_diagonal: bool = static(default=True)
    beta: Number = 4.0
    tau_value: Number = 1.0
    bias: Any = 0.0
    margin: float = static(default=0.5)
    max_epochs: int = static(default=1000)
    symmetric: bool = static(default=True)
    couplings: Any = None

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        if self.learning is None:
            put("learning", "hebbian" if self.couplings is None else "given")
        if not isinstance(self.learning, str) or self.learning not in RULES:
            raise unknown_name("learning rule", self.learning, RULES)
        put("memories", signs("patterns", matrix("patterns", self.memories)))
        width = self.memories.shape[1]
        put("beta", number("beta", self.beta, self.memories))
        put("tau_value", number("tau_value", self.tau_value, self.memories))
        put("margin", float(positive("margin", self.margin, zero=True)))
        put("max_epochs", whole("max_epochs", self.max_epochs, 1))
        put("zero_diagonal", flag("zero_diagonal", self.zero_diagonal))
        put("symmetric", flag("symmetric", self.symmetric))
        bias = current(self.bias, width, self.memories)
        put("bias", backend.full((width,), bias, self.memories) if isinstance(bias, float) else bias)
        if self.learning == "perceptron" and not self.zero_diagonal:
            raise ValueError(
                "The perceptron rule learns without a diagonal: with one, W = identity would hold every state, "
                "stored or not. Leave zero_diagonal=True."
            )
        if self.learning == "given" and self.couplings is None:
            raise ValueError("learning='given' needs couplings=W of shape (I, I).")
        patterns = backend.widened(self.memories)  # couplings are sums, and stay in float32
        weights = self._learnt(patterns) if self.couplings is None else matrix("couplings", self.couplings, patterns)
        if tuple(weights.shape) != (width, width):
            raise ValueError(f"couplings must be ({width}, {width}), got shape {tuple(weights.shape)}.")
        put("couplings", weights)
        if self.learning == "given":
            for note in self.notes():
                warn(f"{type(self).__name__}: {note}.")

    # -------------------------------------------------------------------------------------------- one pass

    @property
    def rule(self) -> str | None:
        """The name that `learning` had in 0.1.0."""
        deprecated("ClassicalHopfield.rule is called learning.")
        return self.learning

    @quiet
    def recall(self, query: Any, known: Any = None) -> Array:
        """One synchronous update sign(W q + b), which keeps q_i where the field is 0: shape (..., I).

        With a mask `known` (..., I) the fields are those of the known neurons alone; one that is not known has no
        state to keep, and becomes 1 where its field is 0.
        """
        if known is not None:
            width = self.memories.shape[1]
            check = partial(self.check_binary, "query")
            return self.looked_up(*filled_query(query, known, 1.0, self.memories, width, check))
        query = self.check_binary("query", query)
        return backend.namespace(query).where(self.stability(query) < 0, -query, query)

    def looked_up(self, query: Array, known: Array) -> Array:
        """sign(W q + b) with q = 0 where it is not known."""
        if self.is_half:
            return self.wide.looked_up(query, known)
        xp, slack = backend.namespace(query), self.spins.slack
        part = xp.where(known, query, backend.full((), 0.0, query))
        fields = backend.widened(part) @ self.couplings.T + self.bias
        return xp.where(xp.abs(fields) <= slack, query, xp.sign(fields))

    def similar(self, state: Any) -> Any:
        """The row of the largest overlap, of copies the lowest; -1 for the reverse of a pattern."""
        row = lowest(self.scores(state), 1.0)
        return np.where(is_reverse(self.memories, row, state), -1, row)

    def replace(self, **settings: Any) -> Self:
        """The same network with other settings; what couplings are learnt from makes it learn anew."""
        named = current_names(type(self), settings)
        if set(named) & LEARNT and named.get("learning", self.learning) != "given":
            settings = {"couplings": None, **settings}
        return super().replace(**settings)

    def _with_rows(self, changes: dict[str, Array], more: Array | None, kept: np.ndarray | None) -> Self:
        """By the Hebbian rule the products of the patterns that come or go; other rules learn anew."""
        if self.learning != "hebbian" or backend.is_traced(self.memories):
            return super()._with_rows(changes, more, kept)
        rows = signs("patterns", more) if more is not None else taken(self.memories, gone(kept, self.memories.shape[0]))
        step = hebbian(backend.widened(rows))
        xp = backend.namespace(step)
        if self.zero_diagonal:
            step = xp.where(xp.eye(step.shape[0], dtype=step.dtype, device=backend.device(step)) > 0, 0.0, step)
        return self._replaced(**changes, couplings=self.couplings + (step if more is not None else -step))

    @quiet
    def scores(self, query: Any) -> Array:
        """The overlaps M q/I, from -1 to 1: shape (..., N)."""
        return self.check_query(query) @ self.memories.T / self.memories.shape[1]

    @quiet
    def two_time_energy(self, before: Any, after: Any) -> Array:
        """-s(t).W s(t+1) - b.(s(t) + s(t+1)) of +-1 states, which synchronous updates of a symmetric W never raise."""
        before, after = self.check_binary("before", before), self.check_binary("after", after)
        batch({"before": before, "after": after})
        xp = backend.namespace(before)
        return -xp.sum(before * (after @ self.couplings.T) + self.bias * (before + after), axis=-1)

    # -------------------------------------------------------------------------------------------- dynamics

    @backend.kept
    def spins(self) -> Pairs:
        """The pairwise energy of +-1 states."""
        if self.is_half:
            return self.wide.spins
        xp, weights = backend.namespace(self.couplings), self.couplings
        diagonal = xp.linalg.diagonal(weights)
        # The rounding of a sum of I terms grows as sqrt(I), and flips add to it as they update the fields.
        norms = xp.sqrt(xp.sum(weights * weights, axis=1))
        slack = 8 * backend.epsilon(weights) * (weights.shape[0] ** 0.5 * norms + xp.abs(self.bias))
        return Pairs(laid_out(weights), self.bias, diagonal, slack)

    @backend.kept
    def network(self) -> Network:
        """The graded neurons: one population joined to itself by W."""
        if self.is_half:
            return self.wide.network
        # Without its diagonal a sum of outer products is not positive semidefinite, and steps need watching.
        positive_ = not self.zero_diagonal and self.learning in ("hebbian", "pseudo_inverse")
        width = self.memories.shape[1]
        neurons = Population(LogCosh(self.beta), width, self.tau_value, 1.0, self.bias)
        return Network({"value": neurons}, [Recurrent(("value",), self.couplings, positive_)])

    @quiet
    def start(self, query: Any, memory_state: Any = None) -> dict[str, Array]:
        """States of the graded neurons from a cue of activations in [-1, 1], whose +-1 become +-0.99."""
        if memory_state is not None:
            raise ValueError("A classical Hopfield network has no memory neurons: leave out memory_state.")
        return {"value": LogCosh(self.beta).dual(inside(self.check_query(query)))}

    def to(self, library: str, device: Any = None, dtype: Any = None) -> Self:
        """The same model on another library, device or float type; of half precision, with couplings in float32."""
        moved = super().to(library, device, dtype)
        if not moved.is_half:
            return moved
        return moved._replaced(couplings=backend.move(self.couplings, library, device, "float32"))

    def adiabatic(self) -> Self:
        """The memory itself: there are no memory neurons that could be slow."""
        return self

    def check_query(self, query: Any) -> Array:
        """Activations (..., I) in [-1, 1], of the patterns' library, dtype and device; `retrieve` wants +1 and -1."""
        rows, width = self.memories.shape
        query = vector("query", query, width, self.memories, f"{rows} patterns of {width} values are stored")
        return self.domain.check("query", query)

    @property
    def domain(self) -> Domain:
        """[-1, 1] in every coordinate."""
        return CUBE

    def __repr__(self) -> str:
        size, width = self.memories.shape
        diagonal = "" if self.learning == "given" else f" with {'zero' if self.zero_diagonal else 'its'} diagonal"
        beta, tau = plain(self.beta), plain(self.tau_value)
        parts = [
            f"{size} patterns of {width}",
            "s_i <- sign(sum_j W_ij s_j + b_i), kept where that is 0",
            f"learning={self.learning}, {SOURCES[str(self.learning)]}{diagonal}",
            f"graded: x' = -x + W g + b, g = tanh(beta x), beta={beta}, tau_value={tau}",
            f"{backend.backend_of(self.memories)} {str(self.memories.dtype).rsplit('.', maxsplit=1)[-1]}",
        ]
        return f"{type(self).__name__}({'; '.join([*parts, *self.notes()])})"

    def notes(self) -> list[str]:
        """What does not hold for these couplings."""
        if backend.is_traced(self.couplings):
            return []
        notes = [] if self.is_symmetric else ["W is not symmetric, so no energy need fall"]
        if not backend.holds(lambda w: backend.namespace(w).linalg.diagonal(w) >= 0, self.couplings):
            notes.append("W_ii < 0 somewhere, so that a flip can raise the energy and updates need not settle")
        return notes

    @backend.kept
    def is_symmetric(self) -> bool:
        """Whether W is symmetric up to rounding, so that the energy is a Lyapunov function."""
        return Recurrent(("value",), self.couplings).conservative

    def _heat(self, spins: Spins, state: Array, temperature: float, *arguments: Any, **options: Any) -> Any:
        if not self.is_symmetric:
            raise ValueError(
                "At a temperature the flips sample exp(-E/T), and a W that is not symmetric has no energy. Learn with "
                "symmetric=True, or use (W + W.T)/2."
            )
        return super()._heat(spins, state, temperature, *arguments, **options)

    def _learnt(self, patterns: Array) -> Array:
        if self.learning == "perceptron":
            found = perceptron(patterns, self.margin, self.max_epochs, self.symmetric)
            if not found.reached:
                warn(
                    f"Perceptron learning did not reach the margin {self.margin:g} for {patterns.shape[0]} patterns of "
                    f"{patterns.shape[1]} neurons in {found.epochs} epochs: the least is {found.margin:.3g}. Ask for "
                    "less, store fewer, allow more max_epochs, or symmetric=False.",
                )
            return floating("couplings", backend.asarray(found.weights, patterns), patterns)
        learn = {"hebbian": hebbian, "pseudo_inverse": pseudo_inverse, "storkey": storkey}[str(self.learning)]
        weights = learn(patterns)
        if not self.zero_diagonal:
            return weights
        xp = backend.namespace(weights)
        eye = xp.eye(weights.shape[0], dtype=weights.dtype, device=backend.device(weights))
        return xp.where(eye > 0, 0.0, weights)


def _snapped(margin: Array, slack: Array) -> Array:
    xp = backend.namespace(margin)
    return xp.where(xp.abs(margin) <= slack, 0.0, margin)
