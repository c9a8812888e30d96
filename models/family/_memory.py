"""What every memory of the universal family can do: scores, weights, recall, and the network behind it."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, Number
from ...dynamics.doors import finite, fitting, flag, quiet, vector, whole
from ...dynamics.lagrangians import Lagrangian, Quadratic
from ...dynamics.network import Network, Point, Population
from ...dynamics.synapses import EquilibriumSynapse, Similarity, SimilaritySynapse
from .._copies import is_reverse
from .._domain import Domain, activations_of
from .._lowest import lowest
from .._model import as_model, is_model
from .._precision import own_precision
from .._renamed import renamed
from .._separations import check_scores, describe, shared
from .._sharding import shared_out
from ..measures import Cosine, Dot, Euclidean
from ._blocks import HELD, MANY, SOME, WIDE, Best, best, by_groups, in_blocks, recalled, synapse_of
from ._checked import Checked
from ._masked import held_flag, masked_weights, retrieve_known
from ._retrieval import Retrieval, retrieve


class Rule(NamedTuple):
    """The parts that make a memory: similarity, separation (beta within), value Lagrangian, value leak."""

    similarity: Similarity
    separation: Lagrangian
    value: Lagrangian
    leak: float


def rule_of(model: Any) -> Rule | None:
    """The parts of a memory of the universal family; None of any other model."""
    return as_model(model).parts if is_model(model) else None


@own_precision("scores", "weights", "best", "recall", "retrieve", wide=("start", "energy"))
class AssociativeMemory(Checked):
    """A memory of the universal Hopfield family: z = P^T sep(sim(M, q)) and the dynamics behind it.

    Subclasses are frozen structures with these fields, and say their `rule`.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> isinstance(memory, AssociativeMemory), memory.weights(np.array([0.9, 0.2, 0.1])).round(3)
    (True, array([0.995, 0.004, 0.002]))
    """

    memories: Array
    projection: Any
    beta: Number
    tau_value: Number
    tau_memory: Number
    bias: Any
    has_scores: ClassVar[bool] = True
    has_weights: ClassVar[bool] = True

    @backend.kept
    @abstractmethod
    def rule(self) -> Rule:
        """The parts of this memory."""

    @property
    def parts(self) -> Rule:
        """The same as `rule`, by the name that every model has."""
        return self.rule

    # -------------------------------------------------------------------------------------------- one pass

    @quiet
    def scores(self, query: Any) -> Array:
        """sim(M, query): shape (..., N)."""
        return self._scored(self.check_query(query))

    @quiet
    def weights(self, query: Any) -> Array:
        """sep(sim(M, query)): shape (..., N), the part that each memory takes in the answer.

        They are as the separation gives them; under a `normalised` similarity they are scaled to sum to one.
        """
        return self._weighed(self.check_query(query))

    def _weighed(self, query: Array) -> Array:
        """`weights` of a query that is checked."""
        rule = self.rule
        if not rule.similarity.unchecked:
            self._check_scores(query)
        return backend.compiled(_weights, self.memories)(None, self.sim, rule.separation, query)

    def memory_weights(self, query: Any) -> Array:
        """The same as `weights`, by the name that every model has."""
        return self.weights(query)

    @quiet
    def best(self, query: Any, k: int = 10) -> Best:
        """The k largest weights and whose they are: a `Best`, of which no array is wider than k.

        Patterns in their order, the first of equal weights first. Of 10^7 patterns in a file nothing else is kept.
        """
        query, k = self.check_query(query), whole("k", k, 1)
        if k > (count := self.memories.shape[0]):
            raise ValueError(f"k={k} of {count} patterns cannot be the best: give k={count} or fewer.")
        return best(self, query, k)

    @quiet
    def recall(self, query: Any, known: Any = None, *, progress: bool = False) -> Array:
        """One application of the rule, z = P^T sep(sim(M, query)): shape (..., O), with P = M unless given.

        With a mask `known` (..., I) the similarity is that of the known components, s_i = sim(M_iK, q_K): what is
        not known counts neither for nor against a pattern.
        An answer that overflows its dtype is refused, such as one of e^s with scores s in the hundreds.

        Where there are many patterns and queries the scores are made in blocks, and no array of N numbers for every
        query is held; the patterns may be a `numpy.memmap`. `progress` shows a bar on a terminal then.
        """
        rows = self.memories if self.projection is None else self.projection
        if known is None and in_blocks(self, checked := self.check_query(query)):
            answer = recalled(self, checked, flag("progress", progress))
        elif known is None:
            answer = by_groups(lambda q: self._weighed(q) @ rows, checked, rows.shape[0])
        else:
            answer = masked_weights(self, query, known) @ rows
        kind = self.rule.similarity
        if not kind.unchecked and not backend.all_finite(answer):
            raise ValueError(
                f"The answer is too large for {backend.dtype_name(answer)}, with {kind.name} scores of such patterns "
                f"and the separation {describe(self.rule.separation)}. Scale the patterns or beta down, or use "
                "softmax, whose weights sum to one."
            )
        return answer

    # -------------------------------------------------------------------------------------------- dynamics

    @backend.kept
    def network(self) -> Network:
        """Populations value, output (with a projection) and memory (unless tau_memory = 0), with their synapses.

        E = l_v (v.g - L_v) - b.g + h.f - L_h(h) - f . sim(M, g), and with a projection z.z/2 - f . P z. To
        differentiate with respect to patterns or beta, make the model an argument of the differentiated function, or
        build it inside: the network keeps norms, unit rows and sorted columns beside the patterns. Patterns in half
        precision have a network in float32.
        """
        if self.is_half:
            return self.wide.network
        similarity, separation, value, leak = self.rule
        if similarity.recall_only:
            raise ValueError(similarity.recall_only)
        if similarity.distance and not separation.nonnegative:
            raise ValueError(
                f"The {similarity.name} similarity with {describe(separation)} gives memories weights of both signs, "
                "and the dynamics would be repelled by them. Use softmax, max or another separation with weights "
                ">= 0; `recall` works as it is."
            )
        size, width = self.memories.shape
        bias = None if isinstance(self.bias, float) and self.bias == 0 else self.bias
        populations = {"value": Population(value, width, self.tau_value, leak, bias)}
        seen: dict[str, Similarity] = {"value": self.sim}
        if self.projection is not None:
            populations["output"] = Population(Quadratic(), self.projection.shape[1], self.tau_value)
            seen["output"] = Dot().of(self.projection)
        if self.is_adiabatic:
            kind = synapse_of(self, self.memories, MANY) or EquilibriumSynapse
            return Network(populations, {"memory": kind(tuple(seen), tuple(seen.values()), separation)})
        populations["memory"] = Population(separation, size, self.tau_memory)
        synapses = [SimilaritySynapse((name, "memory"), one, separation.nonnegative) for name, one in seen.items()]
        return Network(populations, synapses)

    @backend.kept
    def sim(self) -> Similarity:
        """The similarity that holds the patterns, with what it computes of them once: ``memory.sim.scores(g)``."""
        return self.rule.similarity.of(self.memories)

    @backend.kept
    def places(self) -> Similarity:
        """The patterns by how near they are to a state: in 2-norm, or in angle where only directions count."""
        kind = Cosine if self.rule.similarity.ray else Euclidean
        return self.sim if type(self.sim) is kind else kind().of(self.memories)

    @backend.kept
    def summed(self) -> Network | None:
        """The network of an adiabatic memory that keeps sums over the patterns alone; None where it does not pay."""
        kind = synapse_of(self, self.memories, SOME) if self.is_adiabatic and not self.is_half else None
        if kind is None:
            return None
        synapse = self.network.synapses["memory"]
        if isinstance(synapse, kind):
            return self.network
        summed = kind(synapse.between, synapse.similarities, synapse.lagrangian)
        return Network(self.network.populations, {"memory": summed})

    def summed_for(self, state: Array) -> Network | None:
        """`summed`, where the scores of so many states (..., I) are too many to be held all together."""
        summed = self.summed
        count, width = self.memories.shape
        few = math.prod(state.shape[:-1]) * count <= HELD * max(1, width // WIDE)
        return None if few and summed is not self.network else summed

    def scores_at(self, point: Point) -> Array | None:
        """The scores of the value neurons, where memory neurons in equilibrium carry them and nothing else."""
        return point.signals["memory"] if self.is_adiabatic and self.projection is None else None

    @property
    def is_adiabatic(self) -> bool:
        """Whether the memory neurons follow at once (tau_memory = 0)."""
        return isinstance(self.tau_memory, float) and self.tau_memory == 0

    def adiabatic(self) -> Self:
        """The same memory with tau_memory = 0."""
        return self if self.is_adiabatic else self._still

    @backend.kept
    def _still(self) -> Self:
        still = self._replaced(tau_memory=0.0)
        for name in ("sim", "places"):  # of the same patterns
            object.__setattr__(still, name, getattr(self, name))
        return still

    @backend.kept
    def domain(self) -> Domain:
        """Activations of the value neurons, positive ones where the similarity wants that."""
        known = None if backend.is_traced(self.memories) else self.memories
        return activations_of(self.rule.value, known, positive=self.rule.similarity.positive)

    @quiet
    def start(self, query: Any, memory_state: Any = None) -> dict[str, Array]:
        """States at which the dynamics begin: v = grad L_v*(query), and h in equilibrium with it.

        From h = 0 a cue can leave the basin that it lies in; `memory_state` (..., N) sets h by hand.
        """
        populations, query = self.network.populations, self.check_cue(query)
        if memory_state is None:
            self._check_scores(query)
        xp, value = backend.namespace(query), populations["value"].lagrangian
        with backend.quiet(query):
            states = {"value": value.dual(query)}
        if not (value.identity or backend.all_finite(states["value"])):
            raise ValueError(
                f"The query is not an activation of the value neurons, whose Lagrangian is {value!r}: no finite "
                "state gives it. Move the query inside the range of the activation."
            )
        if "output" in populations:
            states["output"] = xp.zeros_like(query[..., :1]) + backend.full(populations["output"].size, 0.0, query)
        if "memory" in populations:
            meaning = f"{self.memories.shape[0]} patterns are stored"
            given = memory_state is not None
            size = self.memories.shape[0]
            states["memory"] = (
                vector("memory_state", memory_state, size, query, meaning) if given else self._scored(query)
            )
        elif memory_state is not None:
            raise ValueError("With tau_memory=0 the memory neurons have no state of their own: leave out memory_state.")
        return states

    def shard(self, mesh: Any, axis: str | None = None) -> Self:
        """The same memory with its patterns shared out by rows over the devices of a mesh; JAX alone.

        `recall`, `retrieve`, `simulate` and `check_lyapunov` are used as ever: with softmax, a recall is three
        all-reduces of the size of its answer, and no device gathers the patterns of the others. A query on one device
        is copied to all. Where the rows do not divide by the devices, copies of the first pattern that have no weight
        fill them up. Several hosts: `examples/several_hosts.py`.

        Parameters
        ----------
        mesh : jax.sharding.Mesh
            With axes of type Auto.
        axis : str, optional
            The axis along which the rows are shared out; the first of the mesh unless given.
        """
        return shared_out(self, mesh, axis)

    @renamed(clamp="hold")
    @quiet
    def retrieve(
        self,
        query: Any,
        max_steps: int = 100,
        tol: float | None = None,
        *,
        known: Any = None,
        hold: bool = False,
    ) -> Retrieval:
        """Iterate the dynamics at dt = inf until an update moves the state no more; see `Retrieval`.

        An update solves the memory neurons and then the value neurons to equilibrium: attention for dot and
        softmax, mean shift for euclidean, the weighted median for manhattan, the weighted geometric mean for kl.
        Where that has no closed form and leak 0 gives no limit (reverse_kl, jeffreys, jensen_shannon), a step
        lasts one tau_value.

        Parameters
        ----------
        query : array (..., I)
            The cue.
        max_steps : int
            The most updates that are applied.
        tol : float, optional
            Converged when rms(next move) <= tol (rms of the patterns + rms of the state); 1e-6 in float64, 1e-4 in
            float32.
        known : bool array (..., I), optional
            True where the cue is known. The first look-up is by these components only, and the updates go on from
            what it gives; `steps` counts the updates after it.
        hold : bool
            Whether the known neurons stay at the cue and only the others move: the energy still falls where L_v is
            elementwise, and the answer is a critical point of E among the states that agree with the cue. With dot
            it is that of a memory of the unknown columns M_U whose memory neurons have the input M_K q_K.
        """
        backend.refuse_traces("retrieve", self, query)
        if known is not None:
            return retrieve_known(self, query, known, hold, max_steps, tol)
        if held_flag(hold):
            raise ValueError("hold=True holds the known neurons: say which ones are known, known=mask.")
        memory, query = self.adiabatic(), self._fitting(query)  # the start looks at the numbers
        if memory.summed is not None:
            return retrieve(memory, query, max_steps, tol)
        return by_groups(lambda q: retrieve(memory, q, max_steps, tol), query, self.memories.shape[0])

    def __repr__(self) -> str:
        (size, width), (similarity, separation, value, leak) = self.memories.shape, self.rule
        gain = getattr(separation, "beta", 1.0)
        parts = [
            f"{size} patterns of {width}",
            f"z = P^T sep(sim(M, q)): sim={similarity.name}, sep={describe(separation)}",
            f"beta={plain(1.0 if gain is None else gain)}" if hasattr(separation, "beta") else "beta without effect",
            "P = M" if self.projection is None else f"P {tuple(self.projection.shape)}",
            f"leak={leak:g}, tau_value={plain(self.tau_value)}, tau_memory={plain(self.tau_memory)}",
            f"{backend.backend_of(self.memories)} {str(self.memories.dtype).rsplit('.', maxsplit=1)[-1]}",
        ]
        if not value.identity:
            parts.append(f"value={value!r}")
        return f"{type(self).__name__}({'; '.join([*parts, *self.notes()])})"

    def similar(self, state: Any) -> Any:
        """The row of the largest of `scores`, of copies the lowest; -1 for the reverse of a pattern."""
        scores = self.scores(state)
        if not backend.has_numbers(state):  # inside a trace
            return backend.namespace(state).argmax(scores, axis=-1)
        row = lowest(scores, self.sim.magnitude(state, scores))
        return np.where(is_reverse(self.memories, row, state), -1, row)

    # --------------------------------------------------------------------------------------------- helpers

    def _scored(self, query: Array) -> Array:
        """The scores of a query that was checked at the door."""
        return backend.compiled(_scores, self.memories)(None, self.sim, query)

    def _check_scores(self, query: Array) -> None:
        separation = self.rule.separation
        if separation.domain:
            check_scores(separation, self._scored(query))

    def check_query(self, query: Any) -> Array:
        """A query (..., I) of the patterns' library, dtype and device."""
        return self._in_domain("query", finite("query", self._fitting(query)))

    def _fitting(self, query: Any) -> Array:
        size, width = self.memories.shape
        return fitting("query", query, width, self.memories, f"{size} patterns of {width} values are stored")


def plain(number: Any) -> str:
    """A number as a `repr` shows it, "?" for one that JAX is tracing."""
    return "?" if backend.is_traced(number) else f"{float(backend.to_numpy(number)):g}"


def _scores(_: None, similarity: Similarity, query: Array) -> Array:
    return similarity.scores(query)


def _weights(_: None, similarity: Similarity, separation: Lagrangian, query: Array) -> Array:
    return shared(similarity, separation.activation(similarity.scores(query)))
