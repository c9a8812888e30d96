"""Every model of the catalogue, and variants that matter, on small cases, beside the same network written down again.

Three patterns of three values, or of five bits: small enough that brute force sees all of the state space. `flat` is
the same kind of memory with two values, so that its energy can be laid out on a grid.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers import to_library
from hopfield.analysis import find_fixed_points
from hopfield.dynamics.backend import backend_of
from hopfield.models import (
    Autoencoder,
    BidirectionalMemory,
    ClassicalHopfield,
    ContinuousSDM,
    CovarianceMemory,
    DenseAssociativeMemory,
    ExponentialMemory,
    HierarchicalMemory,
    Layer,
    LearnedSimilarity,
    ModernHopfield,
    PredictiveCodingMemory,
    UniversalHopfield,
    build,
)

from . import flows

REAL = np.array([[1.2, 0.3, -0.4], [-0.6, 1.0, 0.7], [0.1, -0.8, 0.9]])
SIGNS = np.array([[1.0, 1, 1, 1, -1], [1, -1, 1, -1, -1], [-1, -1, 1, 1, 1]])
SHARES = np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.3], [0.1, 0.3, 0.9]])
WIDE = np.array([[1.2, 0.3, -0.4, 0.5, 0.9], [-0.6, 1.0, 0.7, -0.2, 0.4]])  # so that few of many directions matter
FLAT = {"wide": WIDE[:, :2], "real": REAL[:, :2], "signs": np.array([[1.0, 1.0], [1.0, -1.0]]), "shares": SHARES[:, :2]}
OUT = np.array([[0.6, 0.0], [-0.3, 0.5], [0.0, -0.6]])


LIBRARIES = [
    "find_fixed_points",
    "basins_of_attraction",
    "field",
    "check_lyapunov",
    "certified_radii",
    "effective_memories",
    "spectrum",
    "summarise",
]
SHRINKING = [
    "find_fixed_points",
    "basins_of_attraction",
    "basin_radius",
    "basin_slice",
    "continue_fixed_points",
    "landscape",
    "field",
    "effective_memories",
    "critical_beta",
    "beta_advice",
    "certified_radii",
]


@dataclass(frozen=True)
class Case:
    """A kind of memory.

    `build(patterns, beta)` makes it, `written(patterns, beta)` the same network from its formulas.
    """

    name: str
    entry: str  # of the catalogue; "" for what is learned, which is not in it
    sort: str
    beta: float
    build: Callable
    written: Callable | None = None
    tolerance: float = 1e-6  # of states, in the patterns' units
    sweep: tuple[float, float] = (0.5, 2.0)  # a range of beta to continue over
    similarity: str = ""  # where there is one
    tau_memory: float = 0.0  # of memory neurons of their own
    only: tuple[str, ...] = ()  # the verbs that are tried, where not all of them are

    @property
    def patterns(self):
        return {"real": REAL, "wide": WIDE, "signs": SIGNS, "shares": SHARES}[self.sort]

    @functools.cached_property
    def memory(self):
        return self.made(self.patterns)

    @functools.cached_property
    def flow(self):
        return self.written(self.patterns, self.beta)

    def asked(self, values):
        """Values in the library and dtype of the memory, as it wants them."""
        M = getattr(self.memory, "memories", self.patterns)
        if backend_of(M) != "numpy":
            return to_library(np.asarray(values), backend_of(M))
        return np.asarray(values, M.dtype)

    @functools.cached_property
    def delayed(self):
        """The flow with memory neurons of their own time constant, if the memory has them."""
        return self.written(self.patterns, self.beta, memory_tau=self.tau_memory) if self.tau_memory else self.flow

    @functools.cached_property
    def census(self):
        """What `find_fixed_points` gives for it, once."""
        return find_fixed_points(self.memory)

    @functools.cached_property
    def flat(self):
        """The same kind of memory and flow with two values."""
        patterns = FLAT[self.sort]
        return self.made(patterns), None if self.written is None else self.written(patterns, self.beta)

    def made(self, patterns, beta=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what does not hold for a combination is no matter here
            return self.build(np.array(patterns), self.beta if beta is None else beta)

    @functools.cached_property
    def cues(self):
        """Cues (8, I) within the domain: noisy patterns and mixtures."""
        rng = np.random.default_rng(11)
        near = np.repeat(self.patterns, 2, axis=0)
        near = near + 0.3 * rng.normal(size=near.shape)
        mixed = rng.dirichlet(np.ones(len(self.patterns)), 2) @ self.patterns
        cues = np.concatenate([near, mixed])
        if self.sort == "signs":
            cues = np.clip(cues, -0.95, 0.95)
        return np.abs(cues) + 0.02 if self.sort == "shares" else cues


def _universal(name, sim, sep, beta, *, sort="real", tolerance=1e-6, sweep=(0.5, 2.0), only=(), **settings):
    taken = {"tau": "tau_value"}

    def build_(M, b):
        return UniversalHopfield(M, sim, sep, beta=b, **{taken.get(k, k): v for k, v in settings.items()})

    def written(M, b, **more):
        return flows.universal(M, sim, sep, beta=b, **settings, **more)

    return Case(
        name, "universal", sort, beta, build_, written, tolerance, sweep, similarity=sim, tau_memory=0.1, only=only
    )


def _modern(name, tolerance=1e-6, kind=np.asarray, beta=3.0, only=(), **settings):
    return Case(
        name,
        "modern",
        "real",
        beta,
        lambda M, b: ModernHopfield(kind(M), beta=b, **settings),
        lambda M, b, **more: flows.universal(M, beta=b, **settings, **more),
        tolerance,
        (1.0, 4.0),
        similarity="dot",
        tau_memory=0.1,
        only=tuple(only),
    )


def _jax(M):
    import jax.numpy

    return jax.numpy.asarray(M)


def _torch(M):
    import torch

    return torch.asarray(M)


def _hebbian(M):
    W = M.T @ M / M.shape[1]
    return W - np.diag(np.diag(W))


def _pseudo(M):
    W = np.linalg.pinv(M) @ M
    return W - np.diag(np.diag(W))


def _storkey(M):
    n = M.shape[1]
    W = np.zeros((n, n))
    for xi in M:
        h = np.array([[W[i] @ xi - W[i, i] * xi[i] - W[i, j] * xi[j] * (i != j) for j in range(n)] for i in range(n)])
        W = W + (np.outer(xi, xi) - xi[:, None] * h.T - h * xi[None, :]) / n
    return W - np.diag(np.diag(W))


ONE_WAY = np.array(
    [[0, 0.9, 0.2, 0, -0.4], [0.1, 0, 0.8, 0.3, 0], [0.5, 0, 0, 0.6, -0.2], [0.2, 0.7, 0, 0, 0.1], [0, -0.6, 0.3, 0, 0]]
)


def _classical(name, rule, W, beta=4.0, sweep=(1.0, 4.0), **settings):
    def build_(M, b):
        given = {"couplings": W(M)} if rule == "given" else {}
        return ClassicalHopfield(M, learning=rule, beta=b, **given, **settings)

    return Case(
        name,
        "classical",
        "signs",
        beta,
        build_,
        lambda M, b: flows.classical(M, W(M), beta=b, **settings),
        sweep=sweep,
    )


def _layers(M, seed=4):
    """Weights of three layers: linear, tanh, softmax."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(M.shape[1], 2)), rng.normal(size=(2, 3))]


def _hierarchy(M, b):
    below, above = _layers(M)
    layers = [Layer(M.shape[1], bias=0.1), Layer(2, f"tanh({b})"), Layer(3, f"softmax({b})")]
    return HierarchicalMemory(layers, [below, above])


def _hierarchy_written(M, b):
    neurons = [
        flows.Neurons(M.shape[1], bias=0.1),
        flows.Neurons(2, "tanh", b),
        flows.Neurons(3, "softmax", b),
    ]
    return flows.hierarchical(M, neurons, _layers(M))


def _from_patterns(M, b):
    return build("hierarchical", M, hidden=4, beta=b, seed=1)


def _from_patterns_written(M, b):
    """The layers as the memory says them: what is tested is what is done with them."""
    memory = _from_patterns(M, b)
    kinds = [("identity", 1.0), ("tanh", 1.0), ("softmax", b)]
    neurons = [
        flows.Neurons(layer.size, kind, beta, float(layer.leak), 1.0, np.asarray(layer.bias, float))
        for layer, (kind, beta) in zip(memory.layers, kinds, strict=True)
    ]
    return flows.hierarchical(M, neurons, [np.asarray(W, float) for W in memory.weights])


def _dense(M, b, **settings):
    return DenseAssociativeMemory(M, beta=b, gain=3.0, **settings)


def _learned(name, phi, encoder, library=np.asarray, **settings):
    def build_(M, b):
        return UniversalHopfield(library(M), LearnedSimilarity(encoder(M.shape[1]), flows.RIDGE), beta=b)

    return Case(
        name,
        "",
        "real",
        3.0,
        build_,
        lambda M, b, **more: flows.universal(M, phi, beta=b, **more),
        sweep=(0.5, 3.0),
        similarity=phi,
        tau_memory=0.1,
        **settings,
    )


def _module(width):
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # which PyTorch has for itself, when it first derives twice
        import torch._decomp.decompositions_for_jvp

    layer = torch.nn.Linear(width, len(flows.ENCODER), bias=False, dtype=torch.float64)
    layer.weight.data = torch.asarray(flows.ENCODER[:, :width].copy())
    return torch.nn.Sequential(layer, torch.nn.Tanh())


def _covariance(name, form):
    return Case(
        name,
        "",
        "real",
        0.1,
        lambda M, b: CovarianceMemory(M, form=form, ridge=b),
        lambda M, b: flows.covariance(M, b, form == "implicit"),
        sweep=(0.05, 0.5),
    )


WEIGHTS, BELOW, PRIOR = (
    np.array([[0.9, -0.4], [0.3, 1.1], [-0.7, 0.5]]),
    np.array([0.1, 0.0, -0.2]),
    np.array([0.3, -0.5]),
)


def _predictive(M, b):
    """As it may be after training: what it was taught are the patterns."""
    n = M.shape[1]
    return PredictiveCodingMemory([b * WEIGHTS[:n]], [BELOW[:n], PRIOR], M)


def _predictive_written(M, b):
    n = M.shape[1]
    return flows.predictive(M, b * WEIGHTS[:n], BELOW[:n], PRIOR)


def _tied(M, b):
    """The memory that an autoencoder with tied weights is."""
    return Autoencoder([M, M.T], activation="tanh").tied_memory.replace(beta=b)


CASES = [
    _modern("modern"),
    _modern("modern-bias", bias=0.1),
    _modern("modern-outputs", projection=OUT),
    _modern("modern-float32", 1e-5, lambda M: np.asarray(M, np.float32)),
    _modern("modern-jax", 1e-6, _jax, only=LIBRARIES),
    _modern("modern-torch", 1e-6, _torch, only=LIBRARIES),
    _universal("dot-softmax-leaky", "dot", "softmax", 3.0, leak=0.5, tau=2.0, sweep=(1.0, 4.0)),
    _universal("dot-softmax-wide", "dot", "softmax", 3.0, sort="wide", sweep=(0.5, 3.0)),
    _universal("dot-max", "dot", "max", 1.0),
    _universal("dot-sparsemax", "dot", "sparsemax", 3.0, sweep=(0.5, 4.0)),
    _universal("dot-identity", "dot", "identity", 0.2, sweep=(0.1, 0.3)),
    _universal("euclidean-softmax", "euclidean", "softmax", 2.0, sweep=(0.2, 2.0)),
    _universal("euclidean-softmax-wide", "euclidean", "softmax", 2.0, sort="wide", sweep=(0.2, 2.0)),
    _universal("euclidean-max", "euclidean", "max", 1.0),
    _universal("euclidean-sparsemax", "euclidean", "sparsemax", 1.0, sweep=(0.2, 1.0)),
    _universal("euclidean-exponential", "euclidean", "exponential", 2.0),
    _universal("cosine-softmax", "cosine", "softmax", 4.0, sweep=(1.0, 5.0)),
    _universal("cosine-softmax-leaky", "cosine", "softmax", 4.0, leak=0.5, tolerance=0.05, only=SHRINKING),
    _universal("manhattan-softmax", "manhattan", "softmax", 2.0, tolerance=1e-2),
    _universal("manhattan-max", "manhattan", "max", 1.0, tolerance=1e-2),
    _universal("kl-softmax", "kl", "softmax", 6.0, sort="shares", sweep=(2.0, 6.0)),
    _universal("reverse_kl-softmax", "reverse_kl", "softmax", 6.0, sort="shares", sweep=(2.0, 6.0)),
    _universal("jeffreys-softmax", "jeffreys", "softmax", 6.0, sort="shares", sweep=(2.0, 6.0)),
    _universal("jensen_shannon-softmax", "jensen_shannon", "softmax", 20.0, sort="shares", sweep=(8.0, 20.0)),
    Case(
        "continuous_sdm",
        "continuous_sdm",
        "real",
        5.0,
        lambda M, b: ContinuousSDM(M, beta=b),
        lambda M, b, **more: flows.universal(M, "cosine", beta=b, **more),
        sweep=(1.0, 5.0),
        similarity="cosine",
        tau_memory=0.1,
    ),
    _classical("classical-hebbian", "hebbian", _hebbian),
    _classical("classical-bias", "hebbian", _hebbian, bias=0.2),
    _classical("classical-pseudo_inverse", "pseudo_inverse", _pseudo),
    _classical("classical-storkey", "storkey", _storkey),
    _classical("classical-one_way", "given", lambda M: ONE_WAY[: M.shape[1], : M.shape[1]]),
    Case(
        "dense-3",
        "dense",
        "signs",
        0.3,
        lambda M, b: _dense(M, b, n=3),
        lambda M, b: flows.universal(M, "dot", "polynomial(2)", beta=b, gain=3.0),
        sweep=(0.1, 0.4),
    ),
    Case(
        "dense-4-rectified",
        "dense",
        "signs",
        0.3,
        lambda M, b: _dense(M, b, n=4, rectified=True),
        lambda M, b: flows.universal(M, "dot", "rectified_polynomial(3)", beta=b, gain=3.0),
        sweep=(0.1, 0.4),
    ),
    Case(
        "exponential",
        "exponential",
        "signs",
        1.0,
        lambda M, b: ExponentialMemory(M, beta=b, gain=3.0),
        lambda M, b: flows.universal(M, "dot", "softmax", beta=b, gain=3.0),
        sweep=(0.2, 1.0),
    ),
    Case(
        "bidirectional",
        "bidirectional",
        "signs",
        2.0,
        lambda M, b: BidirectionalMemory(M, M[:, :2], beta=b),
        lambda M, b: flows.bidirectional(M, M[:, :2], beta=b),
        sweep=(0.5, 3.0),
    ),
    Case("hierarchical", "hierarchical", "real", 2.0, _hierarchy, _hierarchy_written),
    Case("hierarchical-patterns", "hierarchical", "real", 2.0, _from_patterns, _from_patterns_written),
    _learned("learned-matrix", "learned", lambda width: flows.ENCODER[:, :width]),
    _learned("learned-torch", "learned-tanh", _module, _torch, only=tuple(LIBRARIES)),
    _covariance("covariance-explicit", "explicit"),
    _covariance("covariance-implicit", "implicit"),
    Case("predictive", "", "real", 1.5, _predictive, _predictive_written),
    Case(
        "tied-autoencoder",
        "",
        "real",
        1.5,
        _tied,
        lambda M, b: flows.universal(M, "dot", "tanh", beta=b),
        sweep=(0.3, 1.5),
        similarity="dot",
    ),
    Case("sdm", "sdm", "signs", 1.0, lambda M, b: build("sdm", M, n_locations=64, seed=1)),
    Case("hamming", "universal", "signs", 2.0, lambda M, b: UniversalHopfield(M, "hamming", beta=b)),
    Case(
        "normalised-manhattan",
        "universal",
        "real",
        2.0,
        lambda M, b: UniversalHopfield(M, "normalised(manhattan)", beta=b),
    ),
    Case(
        "euclidean-identity",
        "universal",
        "real",
        1.0,
        lambda M, b: UniversalHopfield(M, "euclidean", "identity", beta=b),
    ),
]
BY_NAME = {case.name: case for case in CASES}
