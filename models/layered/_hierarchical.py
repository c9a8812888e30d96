"""Hierarchical associative memory: layers joined to their neighbours by one set of weights, used both ways."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, Number, host_type, shown, structure
from ...dynamics.doors import affordable, generator, items, mapping, matrix, number, quiet, vector, whole
from ...dynamics.integrators import Relaxation
from ...dynamics.network import Network
from .._domain import Domain, activations_of
from .._model import Model
from .._precision import own_precision
from .._resting import leaves
from ..family import Retrieval, Updated, bound_of, filled_query, held_flag, nothing, updated
from ._layers import Kernel, Layer, joint, packed, synapse, unpacked

UPDATE = Relaxation(dt=float("inf"))


@structure
@own_precision("recall", "retrieve", wide=("start", "energy"))
class HierarchicalMemory(Model):
    r"""Layers 0 (the cue) to K, each joined to the next by weights that are used bottom-up and top-down.

    With states x_A, activations g_A = dL_A/dx_A and weights W_A (n_A, n_(A+1)), dense or a convolution,

        tau_A x_A' = W_(A-1)^T g_(A-1) + W_A g_(A+1) + b_A - l_A x_A,
        E = sum_A [ l_A (x_A . g_A - L_A(x_A)) - b_A . g_A ] - sum_A g_A . W_A g_(A+1),

    and E never rises where every L_A is convex, as all named activations are: an update of one layer with the
    others held lowers it for every step size. Lower layers hold parts and upper ones what they make together.

    This is dynamics without a rule for learning: the weights are given. `from_patterns` makes some whose fixed points
    are patterns, `random` draws them; weights from training can be put in. With two layers, the upper one softmax
    and W = M^T, it is the modern Hopfield network.

    Parameters
    ----------
    layers : sequence of Layer, int or (size, activation)
        From the bottom to the top, two or more. Populations are called ``"layer0"``, ``"layer1"``, ...
    weights : sequence of arrays or Kernel
        One for each pair of neighbours: a matrix (n_A, n_(A+1)), or a `Kernel` with its stride and padding.

    References
    ----------
    Krotov 2021, "Hierarchical associative memory", arXiv:2107.06446.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> memory = HierarchicalMemory([Layer((8, 1)), Layer((6, 4), "tanh"), Layer(5, "softmax(2)")],
    ...     [Kernel(rng.normal(size=(3, 1, 4))), rng.normal(size=(24, 5))])
    >>> answer = memory.retrieve(rng.normal(size=8))
    >>> answer.state.shape, bool(answer.converged)
    ((8,), True)
    """

    layers: Any
    weights: Any

    def __post_init__(self) -> None:
        layers, weights = self.layers, self.weights
        if isinstance(layers, str):  # what `save` wrote
            layers, weights = unpacked(layers, weights)
        if not isinstance(layers, Sequence):
            raise TypeError(f"layers is a sequence of layers from the bottom to the top, got {shown(layers)}.")
        weights = items("weights", weights, "matrices, one for each pair of neighbours")
        layers = tuple(_layer(layer) for layer in layers)
        if len(layers) < 2 or len(weights) != len(layers) - 1:
            raise ValueError(
                f"{len(layers)} layers and {len(weights)} weights were given: two layers or more, and weights for each "
                "pair of neighbours, one fewer than layers."
            )
        checked: list[Any] = []
        like = None
        for k, given in enumerate(weights):
            checked.append(joint(given, layers[k], layers[k + 1], (f"layer{k}", f"layer{k + 1}"), like))
            like = next(iter(backend.arrays(checked)))
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "weights", tuple(checked))
        _ = self.network  # which checks dtypes

    @classmethod
    def random(
        cls,
        layers: Sequence[Any],
        windows: Sequence[tuple[int, int, int] | None] | None = None,
        *,
        gain: float = 1.0,
        seed: int = 0,
        dtype: Any = "float64",
    ) -> Self:
        """Weights of normal numbers with variance gain^2/(inputs of a neuron of the upper layer).

        `windows` gives for each pair of neighbours None (dense) or (size, stride, padding) of a square kernel.

        >>> HierarchicalMemory.random([Layer((6, 6, 1)), Layer((2, 2, 4), "relu")], [(3, 3, 0)], seed=1).weights
        (3x3x1x4 kernel, stride 3, padding 0,)
        """
        rng, dtype, gain = generator(seed), host_type(dtype), number("gain", gain, 0)
        layers = [_layer(layer) for layer in items("layers", layers, "layers, from the bottom to the top", 2)]
        windows = [None] * (len(layers) - 1) if windows is None else items("windows", windows, "windows or None")
        if len(windows) != len(layers) - 1:
            raise ValueError(f"{len(windows)} windows for {len(layers)} layers: one for each pair of neighbours.")
        weights: list[Any] = []
        for below, above, window in zip(layers[:-1], layers[1:], windows, strict=True):
            affordable(f"Weights of {below.size} to {above.size}", 16.0 * below.size * above.size, "Give a window.")
            if window is None:
                weights.append((rng.normal(size=(below.size, above.size)) * gain / below.size**0.5).astype(dtype))
                continue
            size, stride, padding = (
                whole("a window's size", w, 0) for w in items("a window", window, "3 sizes", 3)[:3]
            )
            shape = (*(size for _ in below.shape[:-1]), below.shape[-1], above.shape[-1])
            scale = gain / math.prod(shape[:-1]) ** 0.5
            weights.append(Kernel((rng.normal(size=shape) * scale).astype(dtype), stride, padding))
        return cls(layers, weights)

    @classmethod
    def from_patterns(
        cls, patterns: Any, hidden: int | None = None, *, beta: Number = 8.0, level: float = 0.8, seed: int = 0
    ) -> Self:
        r"""Three layers, of which each pattern is a fixed point: linear neurons, tanh features, softmax on top.

        With d_i = xi_i - mean(xi), pattern i gets the code c_i, random signs times `level`, on the hidden layer, and

            l_0 d_i = W_0 c_i,    atanh(c_i) = W_0^T d_i + W_1 e_i,    b_0 = l_0 mean(xi),  b_1 = -W_0^T mean(xi)

        hold exactly (W_0 is the smallest such matrix), where e_i is the top neuron i alone. So (xi_i, c_i, e_i) is at
        rest, up to the part e^(-beta gap) of the softmax that other top neurons take. For weak features the
        scores of the top layer are those of the Euclidean distance, a (d_i . q - \|d_i\|^2/2) with a = l_0
        atanh(level)/level: the last term is its input current. The bottom layer's leak l_0 <= 1 is such that
        c_i . W_0^T d_i <= c_i . atanh(c_i)/4: what comes up is at most a quarter of a feature's input.

        Parameters
        ----------
        patterns : array (N, I)
            The patterns.
        hidden : int, optional
            Features, at least N so that codes are independent; max(64, 4 N) unless given.
        beta : number
            Inverse temperature of the top layer.
        level : float
            The size of the codes' entries, 0 < level < 1.
        seed : int
            Of the codes.

        >>> memory = HierarchicalMemory.from_patterns(np.eye(3, 12), seed=1)
        >>> abs(memory.retrieve(np.eye(3, 12)[1] + 0.2).state - np.eye(3, 12)[1]).max() < 1e-3
        np.True_
        """
        patterns = matrix("patterns", patterns)
        host = backend.to_numpy(patterns, "HierarchicalMemory.from_patterns").astype(float)
        count = len(host)
        size = max(64, 4 * count) if hidden is None else whole("hidden", hidden, 1)
        if size < count:
            raise ValueError(f"hidden={size} features cannot tell {count} patterns apart: at least {count} are needed.")
        if not 0 < number("level", level) < 1:
            raise ValueError(f"level must lie between 0 and 1, where tanh is, got {level!r}.")
        level, beta = number("level", level), number("beta", beta, above=0)
        affordable(f"Codes of {count} patterns on {size} features", 48.0 * count * size, "Take fewer features.")
        signs = generator(seed).choice([-1.0, 1.0], size=(count, size))  # of the codes, level times them
        if np.linalg.matrix_rank(signs) < count:
            raise ValueError(
                f"The codes of {count} patterns on {size} features depend on one another: take more features."
            )
        scale = float(np.abs(host).max()) or 1.0  # nothing of other units is squared
        mean = scale * (host / scale).mean(axis=0)
        offsets = host / scale - mean / scale
        lengths = np.linalg.norm(offsets, axis=-1)
        spread = scale * float(lengths.max())
        steep = math.atanh(level) / level
        reach = math.sqrt(steep * size) / 2
        root = min(1.0, level * reach / spread) if spread else 1.0  # of the leak
        leak = root**2
        if leak < np.finfo(float).tiny:
            raise ValueError(
                f"With level={level:g} the leak of layer 0 would be {leak:.3g}, of the size of level**2 over the "
                "squared patterns, which vanishes in float64. Take a greater level, such as 0.1, or patterns in "
                "smaller units."
            )
        shares = root * reach / spread * scale * offsets if root < 1 else offsets / level * scale  # leak / level * d
        below = shares.T @ np.linalg.pinv(signs).T
        above = steep * level * signs.T - below.T @ (scale * offsets.T)
        made = [below, above, leak * mean, -mean @ below, -steep * (root * scale * lengths) ** 2 / 2]
        below, above, *inputs = (backend.asarray(array, patterns) for array in made)
        layers = [
            Layer(host.shape[1], leak=leak, bias=inputs[0]),
            Layer(size, "tanh", bias=inputs[1]),
            Layer(count, f"softmax({beta})", bias=inputs[2]),
        ]
        return cls(layers, [below, above])

    # -------------------------------------------------------------------------------------------- dynamics

    @property
    def patterns(self) -> None:
        """None: it has weights alone, whatever they were made of."""
        return

    @property
    def like(self) -> Array:
        """The first weights."""
        return next(iter(backend.arrays(self.weights)))

    @backend.kept
    def network(self) -> Network:
        """Populations layer0, layer1, ..., and the synapses between neighbours."""
        if self.is_half:
            return self.wide.network
        names = [f"layer{k}" for k in range(len(self.layers))]
        joins = [synapse(w, self.layers[k], (names[k], names[k + 1])) for k, w in enumerate(self.weights)]
        return Network({name: layer.population() for name, layer in zip(names, self.layers, strict=True)}, joins)

    @property
    def domain(self) -> Domain:
        """Activations of layer 0."""
        return activations_of(self.layers[0].activation, whose="layer 0")

    @quiet
    def start(self, query: Any, memory_state: Mapping[str, Any] | None = None) -> dict[str, Array]:
        """States after one pass bottom-up: the cue is layer 0's activation, x_(A+1) = (W_A^T g_A + b_(A+1))/l_(A+1).

        `memory_state`, a dict of states (..., n) by name, sets layers by hand.
        """
        query, network = self.check_cue(query), self.network
        known = mapping("memory_state", {} if memory_state is None else memory_state, '{"layer1": x}')
        xp, given = backend.namespace(query), known
        with backend.quiet(query):
            x = network.populations["layer0"].lagrangian.dual(query)
        if not backend.all_finite(x):
            kind = network.populations["layer0"].lagrangian
            raise ValueError(
                f"The query is not an activation of layer 0, whose Lagrangian is {kind!r}: no finite state gives it. "
                "Move the query inside the range of the activation."
            )
        states = {"layer0": x}
        for (below, above), join in zip(_neighbours(network), network.synapses.values(), strict=True):
            p, g = network.populations[above], network.populations[below].lagrangian.activation(states[below])
            if above in given:
                meaning = f"{above} has {p.size} neurons"
                states[above] = vector(above, given.pop(above), p.size, query, meaning) + 0 * x[..., :1]
                continue
            there = xp.zeros_like(g[..., :1]) + backend.full((p.size,), 0.0, query)
            field = join.forces(g, there)[1]
            field = field if p.bias is None else field + p.bias
            states[above] = field / p.leak if p.leak > 0 else field
        if given:
            raise ValueError(f"There are no layers {', '.join(given)} above layer 0; known: {', '.join(states)}.")
        return states

    @quiet
    def recall(self, query: Any, known: Any = None) -> Array:
        """One pass bottom-up and one top-down: the activation of layer 0, shape (..., n_0).

        Neurons that are not in the mask `known` (..., n_0) start where layer 0 rests without a cue or layers above.
        """
        self._check_limit()
        states = self.start(query if known is None else self._filled(query, known)[0])
        return backend.compiled(_pass, states["layer0"])(UPDATE, self.network, states)

    @quiet
    def retrieve(
        self,
        query: Any,
        max_steps: int = 100,
        tol: float | None = None,
        *,
        known: Any = None,
        hold: bool = False,
        clamp: Any = None,
    ) -> Retrieval:
        """Passes top-down, each layer in equilibrium with its neighbours in turn, until no layer moves.

        Parameters
        ----------
        query : array (..., n_0)
            The cue: where layer 0 starts.
        max_steps : int
            The most passes.
        tol : float, optional
            Converged when rms(last move) <= tol (1 + rms activation) in every layer; 1e-6 or 1e-4 (float32).
        known : bool array (..., n_0), optional
            True where the cue is known. The other neurons start where layer 0 rests without a cue or layers above.
        hold : bool
            Whether the known neurons stay at the cue and only the others move.
        clamp : mask or dict of masks, optional
            Neurons to hold, as in `simulate`: a mask (..., n_0) of the bottom layer, or masks by layer.

        Returns
        -------
        Retrieval
            `state` is layer 0's activation, `output` the top layer's, and `pattern` its most active neuron.
        """
        self._check_limit()
        whole("max_steps", max_steps, 1)
        backend.refuse_traces("retrieve", self, query)
        hold = held_flag(hold)
        if hold and known is None:
            raise ValueError("hold=True holds the known neurons: say which ones are known, known=mask.")
        if known is not None:
            query, mask = self._filled(query, known)
            if hold and clamp is not None:
                raise ValueError("hold=True says what clamp does: give known=mask, hold=True, or clamp=masks.")
            clamp = {"layer0": mask} if hold else clamp
        states = self.start(query)
        bound = bound_of(tol, states["layer0"])
        if 0 in states["layer0"].shape:
            return nothing(self.check_query(query), self.layers[-1].size)
        found = updated(self.network, states, UPDATE, max_steps, bound, clamp)
        top, rests = found.activations[f"layer{len(self.layers) - 1}"], found.residual <= bound
        unstable = _unstable(found, rests) if rests.any() else rests
        most = backend.to_numpy(backend.namespace(top).argmax(top, axis=-1))
        return found.retrieval(rests, unstable, found.activations["layer0"], most, top)

    def settings(self) -> dict[str, Any]:
        """The arguments that build this memory again: the layers as text, the weights as one vector."""
        text, array = packed(self.layers, self.weights)
        return {"layers": text, "weights": array}

    def check_query(self, query: Any) -> Array:
        """A query (..., n_0) of the weights' library, dtype and device."""
        size = self.layers[0].size
        return vector("query", query, size, self.like, f"layer 0 has {size} neurons")

    def notes(self) -> list[str]:
        """What does not hold for this combination of layers."""
        bounded = [layer.activation.bounded for layer in self.layers]
        convex = all(layer.activation.convex is True for layer in self.layers)
        open_pairs = [f"{k} and {k + 1}" for k in range(len(bounded) - 1) if not (bounded[k] or bounded[k + 1])]
        notes = [] if convex else ["a Lagrangian is not known to be convex, so the energy may rise"]
        if open_pairs:
            notes.append(
                f"the energy may have no lower bound: no activation of layers {', '.join(open_pairs)} is bounded"
            )
        return notes

    def __repr__(self) -> str:
        parts = [repr(self.layers[0])]
        for weights, layer in zip(self.weights, self.layers[1:], strict=True):
            parts.append(f"{weights!r}, {layer!r}" if isinstance(weights, Kernel) else f"dense, {layer!r}")
        kind = f"{backend.backend_of(self.like)} {backend.dtype_name(self.like)}"
        rule = "x_A = (W^T g_below + W g_above + b)/l, weights given"
        return f"HierarchicalMemory({' - '.join(parts)}; {'; '.join([rule, *self.notes(), kind])})"

    def _filled(self, query: Any, known: Any) -> tuple[Array, Array]:
        bottom, size = self.network.populations["layer0"], self.layers[0].size
        rest = backend.full((size,), 0.0, self.like)
        rest = rest if bottom.bias is None else rest + bottom.bias / (bottom.leak or 1.0)
        return filled_query(query, known, bottom.lagrangian.activation(rest), self.like, size, self.check_cue)

    def _check_limit(self) -> None:
        free = [k for k, layer in enumerate(self.layers) if layer.leak == 0]
        if free:
            raise ValueError(
                f"Layer {free[0]} has leak 0, so its updates have no limit. Use simulate(memory, query, t1=...), or "
                "leak > 0."
            )


def _unstable(found: Updated, rests: np.ndarray) -> np.ndarray:
    """Which of the states that rest are left after a push of a random direction in all layers."""
    rng = np.random.default_rng(0)
    pushes, squares = {}, 0.0
    for name, x in found.states.items():
        xp = backend.namespace(x)
        pushes[name] = 0 * x + backend.asarray(rng.standard_normal(x.shape[-1]), x)
        squares = squares + xp.sum(x * x, axis=-1)
    size = backend.namespace(squares).sqrt(squares) + 1
    return leaves(UPDATE, found.flow, found.states, pushes, size, rests, 3)


def _layer(given: Any) -> Layer:
    if isinstance(given, Layer):
        return given
    return Layer(*given) if isinstance(given, tuple | list) else Layer(given)


def _neighbours(network: Network) -> list[tuple[str, str]]:
    names = list(network.populations)
    return list(itertools.pairwise(names))


def _pass(method: Relaxation, network: Network, states: dict[str, Array]) -> Array:
    flow = network.bound()
    step = method.step(flow, flow.at(states), None)
    return step.point.activations["layer0"]
