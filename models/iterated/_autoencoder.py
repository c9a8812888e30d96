"""Overparametrised autoencoders: maps whose iteration ends at what they were trained on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any, NamedTuple, Self

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, host_type, static, structure
from ...dynamics.doors import choice, finite, flag, floating, generator, items, matrix, number, positive, vector, whole
from ...dynamics.lagrangians import Lagrangian, LogCosh, Quadratic, RectifiedPower, Softplus
from .._storage import Stored
from ..family import UniversalHopfield
from ..predictive import TRANSFERS, packed, unpacked
from ._spectrum import radii
from ._training import Trained, minimised

CONVEX: dict[str, Lagrangian] = {  # whose gradient phi is: the separation of a memory with tied weights
    "tanh": LogCosh(),
    "sigmoid": Softplus(),
    "relu": RectifiedPower(2),
    "identity": Quadratic(),
}


class Iterated(NamedTuple):
    """Where the map leads.

    Attributes
    ----------
    state : array (..., I)
        After the last step.
    steps : int array (...)
        How many were taken.
    converged : bool array (...)
        Whether the last step moved the state by no more than the tolerance.

    Examples
    --------
    >>> Autoencoder([np.array([[0.5, 0.0]]), np.array([[1.0], [0.0]])]).iterate(np.ones(2)).converged
    array(True)
    """

    state: Array
    steps: np.ndarray
    converged: np.ndarray


@structure
class Autoencoder(Stored):
    r"""f(x) = A_d phi(... phi(A_2 phi(A_1 x + b_1) + b_2) ...) + b_d, a map from patterns to themselves.

    Trained until f(x_i) = x_i with far more weights than needed, it may hold its examples as attractors of x <-
    f(x): x is one where f(x) = x and the spectral radius of the Jacobian J_f(x) is below 1 (`is_attractor`). Many
    weights are not enough for that; depth, activation and the size of the first weights matter. An autoencoder has no
    energy, unless its weights are tied, A_2 = A_1^T: then x <- W^T phi(W x) is the update of a universal Hopfield
    network with the patterns W (`tied_memory`), with energy and all.

    Parameters
    ----------
    weights : sequence of arrays
        A_k (n_k, n_(k-1)), the last one back to the width of the first, n_d = n_0.
    offsets : sequence of arrays, optional
        b_k (n_k,); 0 unless given.
    activation : str
        phi: ``"tanh"``, ``"sigmoid"``, ``"relu"``, ``"swish"`` or ``"identity"``.

    References
    ----------
    Radhakrishnan, Belkin & Uhler 2020, "Overparameterized neural networks implement associative memory", PNAS
    117:27162, doi:10.1073/pnas.2005013117.

    Examples
    --------
    >>> import numpy as np
    >>> f = Autoencoder([np.array([[2.0, 0.0]]), np.array([[0.5], [1.0]])])
    >>> f(np.array([1.0, 3.0])).round(4), f.spectral_radius(np.array([1.0, 3.0])).round(4)
    (array([0.482, 0.964]), np.float64(0.0707))
    """

    weights: Any
    offsets: Any = None
    _: KW_ONLY
    activation: str = static(default="tanh")

    def __post_init__(self) -> None:
        choice("activation", self.activation, TRANSFERS)
        weights: list[Array] = []
        first, given = self.weights, self.offsets
        if backend.is_array(first) and first.ndim == 1:  # what `save` wrote
            first, given = unpacked(first, given, forward=True)
        for k, one in enumerate(items("weights", first, "matrices (n_k, n_(k-1))", 1)):
            one = finite(f"weights[{k}]", floating(f"weights[{k}]", one, weights[0] if weights else None))
            if one.ndim != 2 or 0 in one.shape:
                raise ValueError(f"weights[{k}] must be a matrix (n_{k + 1}, n_{k}), got shape {tuple(one.shape)}.")
            if weights and one.shape[1] != weights[-1].shape[0]:
                raise ValueError(
                    f"weights[{k}] has shape {tuple(one.shape)} and weights[{k - 1}] {tuple(weights[-1].shape)}: it "
                    f"must take {weights[-1].shape[0]} values."
                )
            weights.append(one)
        if weights[-1].shape[0] != weights[0].shape[1]:
            raise ValueError(
                f"weights[-1] has shape {tuple(weights[-1].shape)} and weights[0] {tuple(weights[0].shape)}: an "
                f"autoencoder gives back as many values as it takes."
            )
        if given is None:
            given = [backend.full((w.shape[0],), 0.0, w) for w in weights]
        offsets = [
            vector(f"offsets[{k}]", b, w.shape[0], w, "one number for each row of its weights")
            for k, (b, w) in enumerate(zip(items("offsets", given, "vectors (n_k,)", 1), weights, strict=False))
        ]
        if len(given) != len(weights):
            raise ValueError(f"{len(given)} offsets were given for {len(weights)} weights: one for each.")
        object.__setattr__(self, "weights", tuple(weights))
        object.__setattr__(self, "offsets", tuple(offsets))

    @classmethod
    def random(
        cls,
        sizes: Sequence[int],
        *,
        activation: str = "tanh",
        gain: float = 1.0,
        last: float | None = None,
        seed: int = 0,
        dtype: Any = "float64",
    ) -> Self:
        """Untrained layers of so many neurons, from the input to the output.

        Weights are normal numbers with variance gain^2/n_(k-1), those of the last layer with the gain `last`. Large
        gains below and a small one at the end saturate neurons, which makes more of the examples attractors.

        >>> Autoencoder.random([4, 20, 4])
        Autoencoder(4-20-4, tanh; numpy float64)
        """
        rng, dtype, gain = generator(seed), host_type(dtype), number("gain", gain, 0)
        sizes = [whole("a layer's size", n, 1) for n in items("sizes", sizes, "whole numbers", 2)]
        gains = [gain] * (len(sizes) - 2) + [gain if last is None else number("last", last, 0)]
        pairs = zip(gains, itertools.pairwise(sizes), strict=True)
        draws = [one * rng.standard_normal((m, n)) / math.sqrt(n) for one, (n, m) in pairs]
        return cls([x.astype(dtype) for x in draws], activation=activation)

    # ---------------------------------------------------------------------------------------------- the map

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of neurons, from the input to the output."""
        return (self.weights[0].shape[1], *(w.shape[0] for w in self.weights))

    @property
    def like(self) -> Any:
        """The first weights."""
        return self.weights[0]

    def settings(self) -> dict[str, Any]:
        """The arguments that build this autoencoder again, the weights as one vector."""
        return {**backend.settings(self), **packed(self.weights, self.offsets, self.sizes)}

    @property
    def network(self) -> Any:
        """None: a map has no energy and no dynamics in time, which the error says."""
        raise TypeError(
            "An Autoencoder is a map: it has no network, no energy and no dynamics in time. `iterate` applies it over "
            "and over, and `spectral_radius` and `is_attractor` say what attracts; with tied weights it is the update "
            "of a universal Hopfield network, `autoencoder.tied_memory`, which the analysis takes."
        )

    def check_query(self, query: Any) -> Array:
        """A query (..., I) of the weights' library, dtype and device."""
        return vector("query", query, self.sizes[0], self.weights[0], f"the map takes {self.sizes[0]} values")

    def __call__(self, query: Any) -> Array:
        """f(x), shape (..., I) to (..., I)."""
        return through(self, self.check_query(query))

    recall = __call__

    def jacobian_product(self, query: Any, u: Any) -> Array:
        """J_f(x) u, shape (..., I), without the matrix."""
        return along(self, self.check_query(query), self.check_query(u))

    def iterate(self, query: Any, max_steps: int = 1000, tol: float = 1e-8) -> Iterated:
        """x <- f(x) until it moves no more than tol (1 + rms x), each query for itself."""
        query, most, tol = self.check_query(query), whole("max_steps", max_steps, 1), positive("tol", tol)
        backend.refuse_traces("iterate", self, query)
        xp, batch = backend.namespace(query), tuple(query.shape[:-1])
        x = xp.reshape(query, (-1, query.shape[-1]))
        steps, rests = np.zeros(len(x), dtype=int), np.zeros(len(x), dtype=bool)
        with np.errstate(all="ignore"):
            for _ in range(most):
                new = through(self, x)
                moved = backend.to_numpy(backend.rms(new - x) <= tol * (1 + backend.rms(x)))
                going = ~rests
                x = xp.where(backend.asarray(rests.astype(float), x)[:, None] > 0, x, new)
                steps, rests = steps + going, rests | moved
                if rests.all():
                    break
        return Iterated(xp.reshape(x, query.shape), steps.reshape(batch), rests.reshape(batch))

    # ---------------------------------------------------------------------------------------- attractors

    def spectral_radius(self, query: Any) -> np.ndarray:
        r"""The largest modulus of the eigenvalues of J_f(x), shape (...), by Arnoldi's method with products J u."""
        query = self.check_query(query)
        backend.refuse_traces("spectral_radius", self, query)
        return radii(lambda x, u: along(self, x, u), query)

    def is_attractor(self, query: Any, tol: float = 1e-3) -> np.ndarray:
        r"""Whether states (..., I) are attractors of x <- f(x): bool (...).

        That is: rms(f(x) - x) <= tol (1 + rms x), and the spectral radius of J_f(x) is below 1.
        """
        query, tol = self.check_query(query), positive("tol", tol)
        gap = backend.to_numpy(backend.rms(through(self, query) - query) <= tol * (1 + backend.rms(query)))
        return np.asarray(gap & (self.spectral_radius(query) < 1))

    @property
    def tied_memory(self) -> UniversalHopfield:
        """The universal Hopfield network whose update at dt = inf this map is, x <- W^T phi(W x) + b.

        Its energy x.x/2 - b.x - sum L_phi(W x) never rises along x <- f(x), where L_phi' = phi is not decreasing.
        """
        W = self.weights[0]
        xp = backend.namespace(W)
        same = len(self.weights) == 2 and backend.holds(lambda a, b: a == b, self.weights[1], W.T)
        if not same or not backend.holds(lambda x: x == 0, self.offsets[0]):
            raise ValueError(
                f"Only x <- W^T phi(W x) + b is the update of a universal Hopfield network, and this autoencoder "
                f"({'-'.join(map(str, self.sizes))}) has other weights: train(..., tied=True) makes one."
            )
        if self.activation not in CONVEX:
            raise ValueError(f"{self.activation} decreases somewhere: it is no gradient of a convex Lagrangian.")
        kind = CONVEX[self.activation]
        bias = self.offsets[1] if backend.holds(lambda x: x != 0, xp.max(xp.abs(self.offsets[1]))) else 0.0
        return UniversalHopfield(W, "dot", kind, bias=bias, beta=1.0, tau_memory=0.0)

    # ------------------------------------------------------------------------------------------ training

    def train(
        self,
        patterns: Any,
        *,
        steps: int = 2000,
        rate: float = 1e-3,
        tol: float = 1e-8,
        tied: bool = False,
        offsets: bool = True,
        library: str = "torch",
    ) -> Trained:
        r"""Make f(x_i) = x_i: Adam on the mean squared error, all patterns at once.

        Parameters
        ----------
        patterns : array (N, I)
            One pattern in a row.
        steps : int
            The most steps.
        rate : number
            Adam's step.
        tol : number
            The mean squared error at which training ends.
        tied : bool
            Whether A_2 = A_1^T stays so, of one hidden layer; it starts from A_1, without offsets of the hidden layer.
        offsets : bool
            Whether the offsets are trained.
        library : {"torch", "jax"}
            Which library differentiates and steps (JAX: with optax).

        Returns
        -------
        Trained
            The autoencoder as NumPy arrays, the losses, and why training ended. Training that diverges is stopped with
            a warning, and the weights of the least loss are kept.

        Examples
        --------
        >>> import numpy as np
        >>> patterns = np.random.default_rng(0).random((2, 6))
        >>> untrained = Autoencoder.random([6, 64, 64, 6], gain=10.0, last=0.1, activation="sigmoid")
        >>> found = untrained.train(patterns, library="torch")
        >>> found.model.is_attractor(patterns)
        array([ True,  True])
        """
        steps, rate, tol = whole("steps", steps, 1), positive("rate", rate), positive("tol", tol, zero=True)
        tied, offsets, library = (
            flag("tied", tied),
            flag("offsets", offsets),
            choice("library", library, ("torch", "jax")),
        )
        patterns = backend.to_numpy(matrix("patterns", patterns))
        if patterns.shape[1] != self.sizes[0]:
            raise ValueError(
                f"The patterns have shape {tuple(patterns.shape)}, but weights[0] has shape "
                f"{tuple(self.weights[0].shape)}: patterns of {self.sizes[0]} values."
            )
        if tied and len(self.weights) != 2:
            raise ValueError(f"tied=True is for one hidden layer, and there are {len(self.weights) - 1}.")
        return minimised(self, patterns, steps, float(rate), float(tol), tied, offsets, library)

    def __repr__(self) -> str:
        kind = f"{backend.backend_of(self.weights[0])} {backend.dtype_name(self.weights[0])}"
        return f"Autoencoder({'-'.join(map(str, self.sizes))}, {self.activation}; {kind})"


def rank_one_eigenvalue(activation: str, u: Any) -> np.ndarray:
    r"""u phi'(u)/phi(u): the one eigenvalue, other than 0, of a one-layer autoencoder at its only example.

    Where gradient descent starts from rank one, f(x) = A phi(B x) keeps all hidden neurons alike, with u = B x at the
    example; f(x) = x then fixes the eigenvalue along x. Below 1 the example is an attractor: always for tanh and
    sigmoid with u > 0, never for relu, where it is 1.

    >>> [float(rank_one_eigenvalue(name, 0.5).round(6)) for name in ("tanh", "sigmoid", "relu", "swish")]
    [0.850918, 0.18877, 1.0, 1.18877]
    """
    phi, u = TRANSFERS[choice("activation", activation, TRANSFERS)], np.asarray(u, dtype=float)
    return u * phi.slope(u) / phi.value(u)


def through(f: Any, x: Array) -> Array:
    """f(x) of checked arrays."""
    phi = TRANSFERS[f.activation].value
    for w, b in zip(f.weights[:-1], f.offsets[:-1], strict=True):
        x = phi(x @ w.T + b)
    return x @ f.weights[-1].T + f.offsets[-1]


def along(f: Any, x: Array, u: Array) -> Array:
    """J_f(x) u of checked arrays."""
    phi = TRANSFERS[f.activation]
    for w, b in zip(f.weights[:-1], f.offsets[:-1], strict=True):
        h = x @ w.T + b
        x, u = phi.value(h), phi.slope(h) * (u @ w.T)
    return u @ f.weights[-1].T
