"""Memories of a mean and a covariance: what is missing is the conditional mean of a Gaussian."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, Number, static, structure
from ...dynamics.doors import choice, matrix, quiet, vector, whole
from ...dynamics.lagrangians import Lagrangian, Quadratic
from ...dynamics.network import Network, Population
from .._checks import number
from .._model import Model
from .._precision import own_precision
from ..family import Retrieval, bound_of, filled_query, held_flag, nothing, verdicts
from ._synapses import Prior

FORMS = ("explicit", "implicit")


@structure
class Gains(Lagrangian):
    r"""L = sum_i d_i x_i^2/2, g_i = d_i x_i with d_i > 0: linear neurons, each with a gain of its own.

    >>> import numpy as np
    >>> Gains(np.array([1.0, 2.0])).activation(np.array([3.0, 3.0]))
    array([3., 6.])
    """

    gains: Array
    convex = True
    linear = True
    elementwise = True
    growth = 2.0
    checked = True

    @property
    def neurons(self) -> int:
        """As many as there are gains."""
        return self.gains.shape[0]

    def value(self, x: Array) -> Array:
        """Sum of d_i x_i^2/2."""
        return backend.dot(x, self.gains * x) / 2

    def activation(self, x: Array) -> Array:
        """d_i x_i."""
        return self.gains * x

    def curvature(self, x: Array, u: Array) -> Array:
        """d_i u_i."""
        return self.gains * u

    def dual(self, g: Array) -> Array:
        """g_i/d_i."""
        return g / self.gains


@structure
@own_precision("recall", "retrieve", wide=("start", "energy"))
class CovarianceMemory(Model):
    r"""Predictive coding of one layer: neurons that learn the mean and the covariance of what they see.

    With the mean mu and the covariance S of the patterns, and the precision L = (S + r I)^-1,

        E(x) = (x - mu)^T L (x - mu)/2.

    Where some neurons o are held and the others u move, E falls to its only minimum, the conditional mean of the
    Gaussian, x_u = mu_u + S_uo S_oo^-1 (x_o - mu_o). Two networks lead there:

        explicit   tau x' = -L (x - mu),
        implicit   tau x' = -(x - mu - W (x - mu)),    W_ij = -L_ij/L_ii, W_ii = 0:

    in the implicit one each neuron is predicted from all the others and moves against its own error. That error is
    (L (x - mu))_i/L_ii, so the implicit network too descends E: neuron i has the gain 1/L_ii (a Lagrangian with
    g_i = x_i/L_ii). The sum of the squared errors, which is published as its energy, may rise on the way, and its
    gradient leads elsewhere.

    It is no memory of attractors: with no neuron held, every state goes to the mean. It completes what is partly
    known, exactly where the patterns are fewer than the known neurons, and r is small.

    Parameters
    ----------
    memories : array (N, I)
        The patterns.
    form : {"explicit", "implicit"}
        The network.
    ridge : number
        r in units of the mean variance of a neuron. It must not be 0 where the patterns do not span all directions.
    tau_value : number
        Time constant.

    References
    ----------
    Tang, Salvatori, Millidge, Song, Lukasiewicz & Bogacz 2023, "Recurrent predictive coding models for associative
    memory employing covariance learning", PLoS Comput. Biol. 19:e1010719, doi:10.1371/journal.pcbi.1010719.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(500, 1))
    >>> memory = CovarianceMemory(np.hstack([x, 2 * x, -x]), ridge=1e-9)
    >>> memory.retrieve(np.array([1.0, 0.0, 0.0]), known=np.array([True, False, False]), hold=True).state.round(3)
    array([ 1.,  2., -1.])
    """

    memories: Array
    _: KW_ONLY
    form: str = static(default="explicit")
    ridge: Number = 1e-3
    tau_value: Number = 1.0

    @quiet
    def __post_init__(self) -> None:
        object.__setattr__(self, "memories", matrix("memories", self.memories))
        choice("form", self.form, FORMS)
        object.__setattr__(self, "ridge", number("ridge", self.ridge, self.memories, zero=True))
        object.__setattr__(self, "tau_value", number("tau_value", self.tau_value, self.memories))
        self._refuse_singular()

    @backend.kept
    def mean(self) -> Array:
        """mu, shape (I,)."""
        return backend.namespace(self.memories).mean(self.memories, axis=0)

    @backend.kept
    def covariance(self) -> Array:
        """S + r I, shape (I, I)."""
        xp, (count, size) = backend.namespace(self.memories), self.memories.shape
        gaps = self.memories - self.mean
        typical = xp.sum(gaps * gaps) / (count * size)
        typical = xp.where(typical > 0, typical, typical + 1)  # one pattern alone: any scale will do
        return gaps.T @ gaps / count + self.ridge * typical * _eye(size, self.memories)

    @backend.kept
    def precision(self) -> Array:
        """L = (S + r I)^-1, shape (I, I)."""
        inverse = backend.namespace(self.covariance).linalg.inv(self.covariance)
        return (inverse + inverse.T) / 2

    @property
    def couplings(self) -> Array:
        """W of the implicit form, W_ij = -L_ij/L_ii and 0 for i = j: how neuron i is predicted from the others."""
        eye, own = _eye(self.precision.shape[0], self.precision), _diagonal(self.precision)
        return -(self.precision / own[:, None]) * (1 - eye)

    @backend.kept
    def network(self) -> Network:
        """One population with the energy E."""
        if self.is_half:
            return self.wide.network
        kind = Gains(1 / _diagonal(self.precision)) if self.form == "implicit" else Quadratic()
        neurons = Population(kind, self.memories.shape[1], self.tau_value, 0.0)
        return Network({"value": neurons}, [Prior(("value",), self.mean, self.precision)])

    def start(self, query: Any, memory_state: Any = None) -> dict[str, Array]:
        """The cue as the neurons' activation."""
        return {"value": self.network.populations["value"].lagrangian.dual(self.check_query(query))}

    def check_query(self, query: Any) -> Array:
        """A query (..., I) of the patterns' library, dtype and device."""
        size = self.memories.shape[1]
        return vector("query", query, size, self.memories, f"the stored patterns have {size} values")

    @quiet
    def recall(self, query: Any, known: Any = None) -> Array:
        """Each neuron as the known ones other than itself predict it, shape (..., I): one application of W.

        A known neuron is predicted by the other known ones, and one that is not by all of them, which is the
        conditional mean.
        """
        if known is None:
            query = self.check_query(query)
            return self.mean + (query - self.mean) @ self.couplings.T
        query, mask = self._entered(query, known)
        return self._predicted(query, backend.to_numpy(mask), True)

    @quiet
    def retrieve(
        self, query: Any, max_steps: int = 100, tol: float | None = None, *, known: Any = None, hold: bool = False
    ) -> Retrieval:
        """Where the dynamics come to rest, in one update by elimination.

        With ``hold=True`` the known neurons stay at the cue and the others go to their conditional mean. With none
        held every neuron goes to the mean of the patterns, whatever the cue.
        """
        whole("max_steps", max_steps, 1)
        backend.refuse_traces("retrieve", self, query)
        hold = held_flag(hold)
        if hold and known is None:
            raise ValueError("hold=True holds the known neurons: say which ones are known, known=mask.")
        query, mask = (self.check_query(query), None) if known is None else self._entered(query, known)
        bound = bound_of(tol, query)
        if 0 in query.shape:
            return nothing(query, None)
        xp = backend.namespace(query)
        if mask is None or not hold:
            mask = xp.zeros_like(query) > 0
        state = xp.where(mask, query, self._predicted(query, backend.to_numpy(mask), False))
        energy = self.network.energy(self.start(state))
        force = (state - self.mean) @ self.precision
        size = xp.sum(xp.abs(state - self.mean) @ xp.abs(self.precision), axis=-1)
        left = xp.sum(xp.abs(xp.where(mask, 0 * force, force)), axis=-1)
        residual = np.asarray(backend.to_numpy(left / xp.where(size > 0, size, size + 1)))
        rests = residual <= bound
        return Retrieval(
            state=state,
            steps=np.ones(residual.shape, dtype=int),
            converged=rests,
            residual=residual,
            energy=energy,
            pattern=self.nearest(state),
            verdict=verdicts(rests, np.zeros_like(rests)),
        )

    def notes(self) -> list[str]:
        """That it is no memory of attractors."""
        return ["with no neuron held, every state goes to the mean"]

    def __repr__(self) -> str:
        count, size = self.memories.shape
        ridge = float(backend.to_numpy(self.ridge)) if backend.has_numbers(self.ridge) else None
        kind = f"{backend.backend_of(self.memories)} {backend.dtype_name(self.memories)}"
        rule = "x_u = mu_u + S_uo S_oo^-1 (x_o - mu_o)"
        told = "traced" if ridge is None else f"{ridge:g}"
        return (
            f"CovarianceMemory({count} patterns of {size}; {self.form}; {rule}; ridge={told}; "
            f"{'; '.join(self.notes())}; {kind})"
        )

    # ---------------------------------------------------------------------------------------------------------

    def _entered(self, query: Any, known: Any) -> tuple[Array, Array]:
        return filled_query(query, known, self.mean, self.memories, self.memories.shape[1], self.check_query)

    def _predicted(self, query: Array, masks: np.ndarray, others: bool) -> Array:
        """What the known neurons say of each; of a known one, only what the `others` say if so asked."""
        if 0 in query.shape:
            return query
        xp, size = backend.namespace(query), query.shape[-1]
        rows, masks = xp.reshape(query - self.mean, (-1, size)), masks.reshape(-1, size)
        several, which = np.unique(masks, axis=0, return_inverse=True)
        parts, found, done = [], np.empty(len(masks), dtype=int), 0
        for k, mask in enumerate(several):  # queries with one mask together
            here = np.flatnonzero(which.reshape(-1) == k)
            parts.append(self._of_one_mask(xp.take(rows, _places(here, query), axis=0), mask, others))
            found[here] = done + np.arange(len(here))
            done += len(here)
        return self.mean + xp.reshape(xp.take(xp.concat(parts, axis=0), _places(found, query), axis=0), query.shape)

    def _of_one_mask(self, gaps: Array, mask: np.ndarray, others: bool) -> Array:
        """The same for gaps (B, I) from the mean that share a mask (I,)."""
        if not mask.any():
            return 0 * gaps
        xp, places = backend.namespace(gaps), _places(np.flatnonzero(mask), gaps)
        known, columns = xp.take(gaps, places, axis=-1), xp.take(self.covariance, places, axis=1)
        inner = xp.take(columns, places, axis=0)
        pulls = xp.linalg.solve(inner, known.T).T
        answer = pulls @ columns.T
        spread = backend.asarray(np.eye(len(mask))[mask], gaps)
        known = known - pulls / _diagonal(xp.linalg.inv(inner)) if others else known
        return xp.where(spread.sum(0) > 0, known @ spread, answer)

    def _refuse_singular(self) -> None:
        if backend.is_traced(self.memories) or not backend.has_numbers(self.ridge) or self.is_half:
            return
        ridge, host = float(backend.to_numpy(self.ridge)), backend.to_numpy(self.covariance)
        eps, size = backend.epsilon(self.memories), len(host)
        if not np.isfinite(host).all():
            raise ValueError(
                f"The covariance of the patterns is too large for {backend.dtype_name(self.memories)}: scale them down."
            )
        largest = float(np.abs(backend.to_numpy(self.memories - self.mean)).max())
        least = float(backend.namespace(self.memories).finfo(self.memories.dtype).smallest_normal)
        if 0 < largest < math.sqrt(least / eps):
            raise ValueError(
                f"The patterns differ from their mean by {largest:.3g} at most, and "
                f"{backend.dtype_name(self.memories)} has no numbers for their covariance: scale them up."
            )
        if ridge > size * eps:
            return
        values = np.linalg.eigvalsh(host)
        if values[0] <= 8 * size * eps * values[-1]:
            rank = int((values > 8 * size * eps * values[-1]).sum())
            raise ValueError(
                f"The {len(self.memories)} patterns span {rank} of {size} directions, so that their covariance has no "
                f"inverse with ridge={ridge:g}: give ridge=1e-3, or more patterns."
            )


def _places(places: np.ndarray, like: Array) -> Array:
    return backend.namespace(like).asarray(places, device=backend.device(like))


def _eye(size: int, like: Array) -> Array:
    return backend.asarray(np.eye(size), like)


def _diagonal(matrix: Array) -> Array:
    return backend.namespace(matrix).linalg.diagonal(matrix)
