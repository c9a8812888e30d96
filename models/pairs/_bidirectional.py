"""Bidirectional associative memory: pairs of patterns, recalled from either side."""

from __future__ import annotations

from dataclasses import KW_ONLY
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, Number, rms, static, structure
from ...dynamics.doors import batch, choice, matrix, quiet, vector, whole
from ...dynamics.lagrangians import LogCosh
from ...dynamics.network import Network, Population
from ...dynamics.synapses import Bilinear
from .._checks import coded, number
from .._domain import snapped
from .._model import Model
from .._precision import own_precision
from .._renamed import deprecated, renamed, without
from ..family import ModernHopfield, Retrieval, filled_query, held_flag, verdicts

SIDES = ("right", "left")


@structure
@own_precision("recall", "retrieve", wide=("start", "energy"))
class BidirectionalMemory(Model):
    r"""y = sign(W^T x), x = sign(W y), W = X^T Y: Kosko's memory of the pairs (X_i, Y_i) of +-1 patterns.

    The energy E(x, y) = -x . W y never rises: with one side held each bit of the other takes the sign that lowers
    E, and a bit whose field is 0 keeps its state. Each change of a state lowers E by at least 2, so alternate
    recall always ends, in a pair that recalls itself from both sides.

    `network` is the continuous form, two populations of tanh neurons joined by W,

        tau x' = W g(y) - x,    tau y' = W^T g(x) - y,    g(x) = tanh(beta x/sqrt(n m)),

    whose energy tends to E as beta grows: sqrt(n m) is the size of the fields that one pair makes. Kosko's bound on
    the number of pairs is min(n, m); random pairs interfere well below it.

    Parameters
    ----------
    memories : array (N, n)
        The left patterns X of +-1, one in a row.
    projection : array (N, m)
        The right patterns Y of +-1: row i is the partner of row i of X.
    beta : number
        Gain of the continuous neurons; the binary ones do not depend on it.
    tau_left, tau_right : number
        Time constants of the continuous neurons.

    References
    ----------
    Kosko 1988, IEEE Trans. Syst. Man Cybern. 18:49, doi:10.1109/21.87054. Continuous neurons: Hopfield 1984,
    doi:10.1073/pnas.81.10.3088.

    Examples
    --------
    >>> import numpy as np
    >>> left = np.array([[1.0, 1.0, 1.0, -1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]])
    >>> right = np.array([[1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]])
    >>> memory = BidirectionalMemory(left, right)
    >>> memory.recall(left[0]), memory.recall(right[1], toward="left")
    (array([ 1.,  1., -1.]), array([ 1., -1.,  1., -1.,  1., -1.]))
    """

    memories: Array
    projection: Array
    _: KW_ONLY
    beta: Number = 2.0
    tau_left: Number = static(default=1.0)
    tau_right: Number = static(default=1.0)

    def __post_init__(self) -> None:
        left = coded("the left patterns", matrix("the left patterns", self.memories), -1.0)
        right = coded("the right patterns", matrix("the right patterns", self.projection, left), -1.0)
        if left.shape[0] != right.shape[0]:
            raise ValueError(
                f"There are {left.shape[0]} left patterns but {right.shape[0]} right ones: row i of one is the partner "
                "of row i of the other."
            )
        object.__setattr__(self, "memories", left)
        object.__setattr__(self, "projection", right)
        for name in ("beta", "tau_left", "tau_right"):
            object.__setattr__(self, name, number(name, getattr(self, name), left))

    binary: ClassVar[bool] = True

    @property
    def weights(self) -> Array:
        """The name that `couplings` had in 0.1.0."""
        deprecated("BidirectionalMemory.weights is called couplings.")
        return self.couplings

    @backend.kept
    def couplings(self) -> Array:
        """W = X^T Y, shape (n, m): whole numbers, so that a field of 0 is exactly 0."""
        if self.is_half:
            return self.wide.couplings
        return self.memories.T @ self.projection

    @renamed(left="query")
    @quiet
    def energy(self, query: Any, right: Any = None) -> Array:
        """-x . W y of binary states, shape (...): of a left side x and the right one that it recalls, or a given y."""
        left = self.check_query(query)
        right = self._answer(left, "right", None) if right is None else self.check_query(right, toward="left")
        batch({"left": left, "right": right})
        return -backend.namespace(left).sum((left @ self.couplings) * right, axis=-1)

    @quiet
    def recall(self, query: Any, toward: str = "right", *, known: Any = None) -> Array:
        """One application of the rule: the right side from a left query, or the left from a right one.

        A field of 0 decides nothing; with no state to keep, its bit is 1. With a mask `known` of the query's bits the
        field is that of the known ones.
        """
        query, _ = self._entered(query, toward, known)
        return self._answer(query, toward, None)

    @without("tol", "bits change or do not")
    @quiet
    def retrieve(
        self,
        query: Any,
        max_steps: int = 100,
        *,
        known: Any = None,
        hold: bool = False,
        toward: str = "right",
        other: Any = None,
    ) -> Retrieval:
        """Recall back and forth until neither side changes.

        Parameters
        ----------
        query : array (..., n), or (..., m) with ``toward="left"``
            The cue, of +1 and -1.
        max_steps : int
            The most passes to the other side and back.
        known : bool array like query, optional
            True where the cue is known. The first pass is by these bits alone, and the others become what comes back.
        hold : bool
            Whether the known bits stay at the cue.
        toward : {"right", "left"}
            The other side.
        other : array (..., m), optional
            The other side's state at the start, which it keeps where its field is 0; 1 unless given.

        Returns
        -------
        Retrieval
            `state` is the cue's side and `output` the other; `pattern` is the pair nearest to both.
        """
        whole("max_steps", max_steps, 1)
        backend.refuse_traces("retrieve", self, query, other)
        hold = held_flag(hold)
        if hold and known is None:
            raise ValueError("hold=True holds the known neurons: say which ones are known, known=mask.")
        here, mask = self._entered(query, toward, known)
        cue, held = here, mask if hold else None
        xp = backend.namespace(here)
        back = "left" if toward == "right" else "right"
        there = None if other is None else self.check_query(other, back)
        if there is not None:
            batch({"query": here, "other": there})
            here, there = (x + 0 * xp.sum(y, axis=-1, keepdims=True) for x, y in ((here, there), (there, here)))
            cue = here
        steps = np.zeros(here.shape[:-1], dtype=int)
        there = self._answer(here, toward, there)
        if mask is not None:
            one = backend.full((), 1.0, here)
            here = _kept(held, cue, self._answer(there, back, xp.where(mask, here, one)))
            there = self._answer(here, toward, there)
        for _ in range(max_steps):
            near = _kept(held, cue, self._answer(there, back, here))
            far = self._answer(near, toward, there)
            moved = backend.to_numpy(xp.any(near != here, axis=-1) | xp.any(far != there, axis=-1))
            if not moved.any():
                break
            steps, here, there = steps + moved, near, far
        near = _kept(held, cue, self._answer(there, back, here))
        residual = backend.to_numpy(rms(near - here) / (1 + rms(here)))
        left, right = (here, there) if toward == "right" else (there, here)
        scores = left @ self.memories.T + right @ self.projection.T
        return Retrieval(
            state=here,
            steps=steps,
            converged=residual == 0,
            residual=residual,
            energy=self.energy(left, right),
            pattern=backend.to_numpy(xp.argmax(scores, axis=-1)),
            output=there,
            verdict=verdicts(residual == 0),
        )

    @backend.kept
    def network(self) -> Network:
        """The continuous form: populations left and right, joined by W."""
        if self.is_half:
            return self.wide.network
        width, out = self.couplings.shape
        neurons = LogCosh(self.beta / (width * out) ** 0.5)
        return Network(
            {"left": Population(neurons, width, self.tau_left), "right": Population(neurons, out, self.tau_right)},
            [Bilinear(("left", "right"), self.couplings)],
        )

    @quiet
    def start(self, query: Any, memory_state: Any = None, toward: str = "right") -> dict[str, Array]:
        """States at which the continuous dynamics begin: x = sqrt(n m) q, so that g(x) = tanh(beta q).

        The query (..., n) is any real vector here; the other side starts in equilibrium with it, at W^T g(x), or at
        `memory_state`.
        """
        here, there = ("left", "right") if _side(toward) == "right" else ("right", "left")
        size, out = self.network.populations[here].size, self.network.populations[there].size
        query = vector("query", query, size, self.memories, f"the {here} side has {size} neurons")
        x = query * (size * out) ** 0.5
        g = self.network.populations[here].lagrangian.activation(x)
        field = g @ (self.couplings if here == "left" else self.couplings.T)
        if memory_state is not None:
            meaning = f"the {there} side has {out} neurons"
            field = vector("memory_state", memory_state, out, self.memories, meaning) + 0 * field
        states = {here: x, there: field}
        return {name: states[name] for name in self.network.populations}

    def modern(self, beta: Number = 1.0, **options: Any) -> ModernHopfield:
        """The pairs in a modern Hopfield network, y = Y^T softmax(beta X x): value, output and memory neurons.

        It has exponential capacity, takes real patterns, and one energy for both sides; see its `projection`.
        """
        return ModernHopfield(self.memories, beta, projection=self.projection, **options)

    def check_cue(self, cue: Any) -> Array:
        """A cue (..., n) for the continuous dynamics, any real vector for the left side; `recall` takes +-1 alone."""
        size = self.memories.shape[1]
        return vector("query", cue, size, self.memories, f"the left side has {size} neurons")

    def check_query(self, query: Any, toward: str = "right") -> Array:
        """A query of +-1 for the side that recalls `toward`, of the patterns' library, dtype and device."""
        rows = self.memories if _side(toward) == "right" else self.projection
        size, side = rows.shape[1], "left" if toward == "right" else "right"
        bits = vector("query", query, size, rows, f"the {side} patterns are of {size} bits")
        return coded("query", snapped(bits, -1.0, 1.0), -1.0)

    def __repr__(self) -> str:
        (size, width), out = self.memories.shape, self.projection.shape[1]
        gain = "?" if backend.is_traced(self.beta) else f"{float(backend.to_numpy(self.beta)):g}"
        kind = f"{backend.backend_of(self.memories)} {str(self.memories.dtype).rsplit('.', maxsplit=1)[-1]}"
        return (
            f"BidirectionalMemory({size} pairs of {width} and {out}; y = sign(W^T x), x = sign(W y), W = X^T Y; "
            f"sign(0) keeps the state; continuous: tanh, beta={gain}; {kind})"
        )

    def _entered(self, query: Any, toward: str, known: Any) -> tuple[Array, Array | None]:
        """The checked query, 0 where it is not known, and the mask of what is."""
        if known is None:
            return self.check_query(query, toward), None
        rows = self.memories if _side(toward) == "right" else self.projection
        check = partial(self.check_query, toward=toward)
        query, mask = filled_query(query, known, 1.0, rows, rows.shape[1], check)
        return backend.namespace(query).where(mask, query, backend.full((), 0.0, query)), mask

    def _answer(self, query: Array, toward: str, state: Array | None) -> Array:
        """The sign of the other side's field, with its state (1 without one) where the field is 0."""
        xp = backend.namespace(query)
        field = query @ (self.couplings if toward == "right" else self.couplings.T)
        one = backend.full((), 1.0, field)
        return xp.where(field > 0, one, xp.where(field < 0, -one, one if state is None else state))


def _kept(held: Array | None, cue: Array, bits: Array) -> Array:
    return bits if held is None else backend.namespace(bits).where(held, cue, bits)


def _side(toward: str) -> str:
    return choice("side", toward, SIDES)
