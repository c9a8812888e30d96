"""Predictive coding networks as memories: layers that predict the ones below, and generate what is missing of a cue."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any, Self

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, Number, static, structure
from ...dynamics.doors import choice, finite, floating, generator, items, matrix, positive, quiet, vector, warn, whole
from ...dynamics.lagrangians import Quadratic
from ...dynamics.network import Network, Population
from .._checks import number
from .._model import Model
from .._precision import own_precision
from ..family import Retrieval, bound_of, filled_query, held_flag, nothing, verdicts
from ._inference import Layers, held, settle
from ._learning import Learned, trained
from ._parts import connection, narrowed, packed, unpacked
from ._synapses import Prediction, Prior
from ._transfers import TRANSFERS


@structure
@own_precision("recall", "retrieve", wide=("start", "energy"))
class PredictiveCodingMemory(Model):
    r"""Layers 0 (the cue) to K, of which each is predicted by the one above it.

    With the errors e_k = x_k - W_k phi(x_(k+1)) - c_k for k < K and e_K = x_K - b,

        E = sum_k \|e_k\|^2/2,    tau x_k' = -e_k + phi'(x_k) * W_(k-1)^T e_(k-1),

    the gradient flow of E, in which every neuron sees its own error and those of the neurons that it predicts. A cue of
    which a part is known is completed with that part held: the hidden layers settle on causes of it, and the other
    neurons of layer 0 follow their prediction.

    What is learned (`learn`) makes the errors of the patterns small with the patterns held. It makes no attractors of
    them: **with no neuron held, there is exactly one fixed point** whatever the weights, the depth and phi. At rest
    e_0 = 0, so e_1 = 0, and so on up to x_K = b: it is what the prior's mean b generates, and its energy is 0. So hold
    what is known: ``retrieve(cue, known=mask, hold=True)``.

    Parameters
    ----------
    weights : sequence of arrays
        W_k (n_k, n_(k+1)), from the bottom to the top.
    offsets : sequence of arrays, optional
        c_k (n_k,), the last one the prior's mean b (n_K,): one more than weights. 0 unless given.
    memories : array (N, n_0), optional
        What was learned, to which answers are compared; no answer depends on it.
    activation : str
        phi: ``"tanh"``, ``"sigmoid"``, ``"relu"``, ``"swish"`` or ``"identity"``.
    tau : number
        Time constant of all neurons.

    References
    ----------
    Salvatori, Song, Hong, Frieder, Sha, Xu, Bogacz & Lukasiewicz 2021, "Associative memories via predictive coding",
    NeurIPS 34, arXiv:2109.08063. Linear layers are the generative covariance model of Tang et al. 2023,
    doi:10.1371/journal.pcbi.1010719.

    Examples
    --------
    >>> import numpy as np
    >>> patterns = np.random.default_rng(0).normal(size=(4, 12))
    >>> memory = PredictiveCodingMemory.from_patterns(patterns, 16, epochs=300)
    >>> half = np.arange(12) < 6
    >>> answer = memory.retrieve(np.where(half, patterns, np.nan), known=half, hold=True)
    >>> answer.pattern, bool(np.abs(answer.state - patterns).max() < 0.1)
    (array([0, 1, 2, 3]), True)
    """

    weights: Any
    offsets: Any = None
    memories: Any = None
    _: KW_ONLY
    activation: str = static(default="tanh")
    tau: Number = 1.0

    def __post_init__(self) -> None:
        put = object.__setattr__
        choice("activation", self.activation, TRANSFERS)
        given, offsets = self.weights, self.offsets
        if backend.is_array(given) and given.ndim == 1:  # what `save` wrote
            given, offsets = unpacked(given, offsets)
        given = items("weights", given, "matrices (n_k, n_(k+1)), from the bottom to the top", 1)
        weights: list[Array] = []
        for k, one in enumerate(given):
            weights.append(connection(k, one, weights))
        sizes = (weights[0].shape[0], *(w.shape[1] for w in weights))
        if offsets is None:
            offsets = [backend.full((size,), 0.0, weights[0]) for size in sizes]
        offsets = items("offsets", offsets, "vectors (n_k,), one for each layer", 1)
        if len(offsets) != len(sizes):
            raise ValueError(f"{len(offsets)} offsets were given for {len(sizes)} layers: one for each.")
        checked = []
        for k, (one, size) in enumerate(zip(offsets, sizes, strict=True)):
            one = finite(f"offsets[{k}]", floating(f"offsets[{k}]", one, weights[0]))
            if tuple(one.shape) != (size,):
                raise ValueError(f"offsets[{k}] has shape {tuple(one.shape)}, but layer {k} has {size} neurons.")
            checked.append(one)
        put(self, "weights", tuple(weights))
        put(self, "offsets", tuple(checked))
        if self.memories is not None:
            rows = matrix("memories", self.memories, weights[0])
            if rows.shape[1] != sizes[0]:
                raise ValueError(
                    f"memories have shape {tuple(rows.shape)}, but weights[0] has shape {tuple(weights[0].shape)}: "
                    f"patterns of {sizes[0]} values."
                )
            put(self, "memories", rows)
        put(self, "tau", number("tau", self.tau, weights[0]))

    @classmethod
    def random(
        cls, sizes: Sequence[int], *, activation: str = "tanh", gain: float = 1.0, seed: int = 0, like: Any = None
    ) -> Self:
        """Untaught layers of so many neurons: normal weights with variance gain^2/n_(k+1), and a normal prior's mean.

        >>> PredictiveCodingMemory.random((12, 5, 3)).sizes
        (12, 5, 3)
        """
        rng, sizes = generator(seed), [whole("a layer's size", n, 1) for n in items("sizes", sizes, "whole numbers", 2)]
        like = np.zeros(1) if like is None else like
        pairs = itertools.pairwise(sizes)
        weights = [backend.asarray(gain * rng.standard_normal((n, m)) / math.sqrt(m), like) for n, m in pairs]
        offsets = [backend.full((n,), 0.0, like) for n in sizes[:-1]]
        return cls(
            weights, [*offsets, backend.asarray(rng.standard_normal(sizes[-1]) / 2, like)], activation=activation
        )

    @classmethod
    def from_patterns(
        cls,
        patterns: Any,
        hidden: int | Sequence[int] | None = None,
        *,
        activation: str = "tanh",
        epochs: int = 500,
        seed: int = 0,
        tau: float = 1.0,
    ) -> Self:
        """Layers with these numbers of hidden neurons (unless given twice as many as patterns) taught by `learn`.

        >>> import numpy as np
        >>> PredictiveCodingMemory.from_patterns(np.eye(3), epochs=5).sizes
        (3, 6)
        """
        patterns = matrix("patterns", patterns)
        backend.refuse_traces("PredictiveCodingMemory.from_patterns", patterns)
        above: Any = 2 * patterns.shape[0] if hidden is None else hidden
        sizes = [patterns.shape[1], *((above,) if isinstance(above, int | np.integer) else above)]
        fresh = cls.random(sizes, activation=activation, seed=seed, like=patterns)
        return fresh.replace(tau=tau).learn(patterns, epochs=epochs).memory

    @quiet
    def learn(self, patterns: Any, *, epochs: int = 500, rate: float = 1.0, tol: float = 0.0) -> Learned:
        r"""Teach patterns by the local rule, an error times what sent the prediction, to this memory's layers.

            W_k += rate/lambda_k sum_i e_k phi(x_(k+1))^T,    c_k = mean of x_k - W_k phi(x_(k+1)),    b = mean of x_K

        in every epoch, the patterns held at layer 0 and the hidden states on their way down E; lambda_k is the largest
        eigenvalue of the scatter of phi(x_(k+1)).

        Parameters
        ----------
        patterns : array (N, n_0)
            One pattern in a row.
        epochs : int
            How many.
        rate : number
            In parts of the largest step that is certain not to raise E: up to 1, no epoch raises it. From 2 on it
            diverges.
        tol : number
            Training ends where the mean energy of a pattern is no more than this.

        Returns
        -------
        Learned
            The memory, the energy after each epoch, and why training ended. Training that diverges is stopped with a
            warning, and the weights of the epoch with the least energy are kept.

        Examples
        --------
        >>> import numpy as np
        >>> patterns = np.random.default_rng(0).normal(size=(4, 12))
        >>> found = PredictiveCodingMemory.random((12, 16)).learn(patterns, epochs=50)
        >>> bool((np.diff(found.energy) <= 0).all()), found.memory
        (True, PredictiveCodingMemory(12-16 taught 4 patterns; ...))
        """
        epochs, rate, tol = whole("epochs", epochs, 1), positive("rate", rate), positive("tol", tol, zero=True)
        backend.refuse_traces("learn", self, patterns)
        patterns = matrix("patterns", patterns, self.like)
        if patterns.shape[1] != self.sizes[0]:
            raise ValueError(
                f"The patterns have shape {tuple(patterns.shape)}, but weights[0] has shape "
                f"{tuple(self.weights[0].shape)}: patterns of {self.sizes[0]} values."
            )
        rows, like = (backend.widened(patterns), self.wide) if self.is_half else (patterns, self)
        with np.errstate(all="ignore"):
            found = trained(like.layers, rows, epochs, float(rate), float(tol))
        arrays = [[narrowed(x, self.like) for x in part] for part in (found.memory.weights, found.memory.offsets)]
        if found.diverged:
            warn(found.result)
        return found._replace(memory=self.replace(weights=arrays[0], offsets=arrays[1], memories=patterns))

    # ------------------------------------------------------------------------------------------ the contract

    @property
    def like(self) -> Any:
        """The first weights."""
        return self.weights[0]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of neurons n_0, ..., n_K."""
        return (self.weights[0].shape[0], *(w.shape[1] for w in self.weights))

    @property
    def layers(self) -> Layers:
        """Weights, offsets and phi, for inference."""
        return Layers(self.weights, self.offsets, TRANSFERS[self.activation])

    @backend.kept
    def network(self) -> Network:
        """Populations ``"layer0"`` to ``"layerK"`` of linear neurons, the predictions between them, and the prior."""
        if self.is_half:
            return self.wide.network
        names = [f"layer{k}" for k in range(len(self.sizes))]
        populations = {
            name: Population(Quadratic(), n, self.tau, 0.0) for name, n in zip(names, self.sizes, strict=True)
        }
        joins = [
            Prediction((below, above), w, c, self.activation)
            for below, above, w, c in zip(names[:-1], names[1:], self.weights, self.offsets[:-1], strict=True)
        ]
        return Network(populations, [*joins, Prior((names[-1],), self.offsets[-1])])

    def start(self, query: Any, memory_state: Any = None) -> dict[str, Array]:
        """Layer 0 at the cue, and the hidden layers where the prior's mean puts them: without an error of their own."""
        query = self.check_query(query)
        made, room = self.layers.generated()[1:], 0 * query[..., :1]
        return {"layer0": query, **{f"layer{k}": room + x for k, x in enumerate(made, 1)}}

    def check_query(self, query: Any) -> Array:
        """A query (..., n_0) of the weights' library, dtype and device."""
        return vector("query", query, self.sizes[0], self.like, f"layer 0 has {self.sizes[0]} neurons")

    @quiet
    def recall(self, query: Any, known: Any = None) -> Array:
        """What the layers predict at once, shape (..., n_0): the first step of inference, linear in the cue.

        At the states that the prior's mean generates the layers are linear in small changes of themselves, and a cue is
        then completed as by a Gaussian of covariance S = A A^T + 1, A A^T of what comes from above: the prediction is
        x_0* + A A^T (S_oo)^-1 (q - x_0*) by the known neurons o. With ``"identity"`` that is what `retrieve` finds.
        """
        query, mask = (self.check_query(query), None) if known is None else self._filled(query, known)
        if 0 in query.shape:
            return query
        xp, states = backend.namespace(query), self.layers.generated()
        down, above = None, 0.0
        for w, x in zip(self.weights, states[1:], strict=True):
            one = w * TRANSFERS[self.activation].slope(x)
            down = one if down is None else down @ one
            above = above + down @ down.T
        eye, gap = backend.asarray(np.eye(self.sizes[0]), query), query - states[0]
        if mask is None:
            return states[0] + xp.linalg.solve(above + eye, above @ xp.reshape(gap, (-1, gap.shape[-1])).T).T.reshape(
                query.shape
            )
        ones = held(mask, query)  # neurons that are not known are cut off, with an identity in their place
        inner = ones[..., :, None] * above * ones[..., None, :] + eye
        return states[0] + (xp.linalg.solve(inner, (ones * gap)[..., None])[..., 0]) @ above

    @quiet
    def retrieve(
        self, query: Any, max_steps: int = 100, tol: float | None = None, *, known: Any = None, hold: bool = False
    ) -> Retrieval:
        """Damped Newton steps down E until the slope vanishes, none of which raises E (`infer`).

        With ``hold=True`` the known neurons stay at the cue, the hidden layers settle, and the others are what the
        layers then predict. With none held, all end in what the prior's mean generates. Where the errors have several
        minima with the known neurons held, a flow in time (`simulate`) may come to another.

        Returns
        -------
        Retrieval
            `residual` is the slope in parts of what cancels in it, and `pattern` the nearest of `memories`, -1 without.
        """
        whole("max_steps", max_steps, 1)
        backend.refuse_traces("retrieve", self, query)
        hold = held_flag(hold)
        if hold and known is None:
            raise ValueError("hold=True holds the known neurons: say which ones are known, known=mask.")
        query, mask = (self.check_query(query), None) if known is None else self._filled(query, known)
        bound = bound_of(tol, query)
        if 0 in query.shape:
            return nothing(query, None)
        xp, batch = backend.namespace(query), tuple(query.shape[:-1])
        if not hold or mask is None:
            states = [xp.zeros_like(query[..., :1]) + x for x in self.layers.generated()]
            start = {f"layer{k}": x for k, x in enumerate(states)}
            steps, residual = np.ones(batch, dtype=int), np.zeros(batch)
        else:
            start, steps, residual = self._settled(query, mask, max_steps, bound)
        energy = self.network.energy(start)
        told = np.isfinite(residual) & np.isfinite(backend.to_numpy(energy))
        if not told.all():
            raise ValueError(
                f"The errors of query {int(np.flatnonzero(~told)[0])} are too large for "
                f"{backend.dtype_name(query)} ({int((~told).sum())} of {told.size}): scale queries and weights down."
            )
        rests = residual <= bound
        state = start["layer0"]
        return Retrieval(
            state=state,
            steps=steps,
            converged=rests,
            residual=residual,
            energy=energy,
            pattern=np.full(batch, -1) if self.memories is None else self.nearest(state),
            verdict=verdicts(rests, np.zeros_like(rests)),
        )

    @quiet
    def infer(
        self, query: Any, known: Any = None, *, max_steps: int = 100, tol: float | None = None
    ) -> dict[str, Array]:
        """The states by population once the hidden layers have settled on what is known of a cue, which is held.

        Their energy says how surprising a cue is: it is small for what was learned.

        >>> import numpy as np
        >>> memory = PredictiveCodingMemory([np.array([[2.0]])], activation="identity")
        >>> states = memory.infer(np.array([5.0]))
        >>> states["layer1"], memory.network.energy(states)
        (array([2.]), np.float64(2.5))
        """
        whole("max_steps", max_steps, 1)
        backend.refuse_traces("infer", self, query)
        if known is None:
            query = self.check_query(query)
            mask = backend.namespace(query).zeros_like(query) == 0
        else:
            query, mask = self._filled(query, known)
        return self._settled(query, mask, max_steps, bound_of(tol, query))[0]

    def settings(self) -> dict[str, Any]:
        """The arguments that build this memory again, the weights as one vector."""
        return {**backend.settings(self), **packed(self.weights, self.offsets, self.sizes)}

    def notes(self) -> list[str]:
        """That it is no memory of attractors."""
        return ["with no neuron held, every state goes to the one that the prior generates"]

    def __repr__(self) -> str:
        kind = f"{backend.backend_of(self.like)} {backend.dtype_name(self.like)}"
        taught = "" if self.memories is None else f" taught {self.memories.shape[0]} patterns"
        rule = f"x_k = W {self.activation}(x_(k+1)) + c"
        sizes = "-".join(map(str, self.sizes))
        return f"PredictiveCodingMemory({sizes}{taught}; {rule}; {'; '.join(self.notes())}; {kind})"

    # ---------------------------------------------------------------------------------------------------------

    def _filled(self, query: Any, known: Any) -> tuple[Array, Array]:
        fill = self.layers.generated()[0]
        return filled_query(query, known, fill, self.like, self.sizes[0], self.check_query)

    def _settled(
        self, query: Array, mask: Array, most: int, bound: float
    ) -> tuple[dict[str, Array], np.ndarray, np.ndarray]:
        """The states with the known neurons at the cue and the others at their prediction."""
        xp, batch = backend.namespace(query), tuple(query.shape[:-1])
        flat, ones = xp.reshape(query, (-1, self.sizes[0])), xp.reshape(held(mask, query), (-1, self.sizes[0]))
        hidden = [0 * flat[:, :1] + x for x in self.layers.generated()[1:]]
        found = settle(self.layers, flat, ones, hidden, most, bound)
        bottom = xp.where(ones > 0, flat, self.layers.predictions(found.hidden)[0])
        states = {f"layer{k}": xp.reshape(x, (*batch, -1)) for k, x in enumerate([bottom, *found.hidden])}
        return states, found.steps.reshape(batch), found.residual.reshape(batch)
