"""Dense associative memories: neurons of two states under energies that rise faster than a square."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, Number, static, structure
from ...dynamics.doors import flag, matrix, warn
from ...dynamics.lagrangians import Lagrangian, LogCosh, LogSumExp, Power, RectifiedPower
from .._checks import number
from .._domain import Domain
from .._precision import own_precision
from ..family import AssociativeMemory, Rule, masked_weights
from ..measures import Dot
from ._binary import CUBE, BinaryMemory, inside, signs
from ._flips import Cache, Spins, laid_out


@structure
class Overlaps(Spins):
    r"""E(s) = -L(M s) - b.s for +-1 patterns; the overlaps m = M s are kept, and a visit costs O(N)."""

    columns: Array = None  # M^T
    bias: Array = None
    lagrangian: Lagrangian = None  # type: ignore[assignment]
    steep: bool = static(default=False)  # e^(-4 beta) is 0 in this dtype
    table: Any = None

    def __post_init__(self) -> None:
        if self.lagrangian.elementwise:
            # Overlaps are whole numbers, so each power is taken once, and then looked up.
            xp, reach = backend.namespace(self.columns), self.columns.shape[0] + 2
            overlaps = xp.astype(xp.arange(-reach, reach + 1, device=backend.device(self.columns)), self.columns.dtype)
            object.__setattr__(self, "table", self.lagrangian.value(overlaps[:, None]))

    def cache(self, state: Array) -> Cache:
        """m, L(m), what rounding makes of a difference of 0, and the terms of L at m - 2 and m + 2."""
        return self._with_terms(state @ self.columns)

    def flipped(self, cache: Cache, site: Any, change: Array) -> Cache:
        """The cache at m + change M e_i."""
        return self._with_terms(cache[0] + change[:, None] * self.columns[site])

    def _with_terms(self, m: Array) -> Cache:
        xp, law = backend.namespace(m), self.lagrangian
        unit = 8 * backend.epsilon(m)
        if law.elementwise:
            k = xp.astype(xp.round(m), xp.int32) + (self.columns.shape[0] + 2)
            terms = self.table[k]
            slack = unit * xp.sum(xp.abs(terms), axis=-1)
            return m, xp.sum(terms, axis=-1), slack, self.table[k - 2], self.table[k + 2]
        top = xp.max(m, axis=-1, keepdims=True)
        z, least = law.beta * (m - top), 0.95 * math.log(xp.finfo(m.dtype).smallest_normal)
        more = xp.where(z < least, 0.0, xp.exp(xp.clip(z, min=least)))  # numbers below the normal ones are slow
        value = top[:, 0] + xp.log(xp.sum(more, axis=-1)) / law.beta
        slack = unit * (xp.max(xp.abs(m), axis=-1) + math.log(m.shape[-1]) / law.beta)
        if self.steep:
            return m, value, slack
        return m, value, slack, more * xp.exp(0 * top - 4 * law.beta), more, top[:, 0] + 2

    def _value_after(self, s: Array, cache: Cache, xi: Array) -> Array:
        """L after a flip, which takes m to m - 2 where xi_i = s_i and to m + 2 elsewhere; xi is (N,) or (N, I)."""
        xp, (less, more), law = backend.namespace(s), cache[3:5], self.lagrangian
        same, other = (1 + xi) / 2, (1 - xi) / 2
        terms = xp.where(s > 0, less @ same + more @ other, less @ other + more @ same)
        if law.elementwise:
            return terms
        top = cache[5] if s.ndim == 1 else cache[5][:, None]
        return top + xp.log(terms) / law.beta

    def cost(self, s: Array, cache: Cache, site: Any) -> Array:
        """L(m) - L(m - 2 s_i xi_i) + 2 b_i s_i."""
        if self.steep:
            after = self.lagrangian.value(cache[0] - 2 * s[:, None] * self.columns[site])
        else:
            after = self._value_after(s, cache, self.columns[site])
        return cache[1] - after + 2 * self.bias[site] * s

    def margin(self, s: Array, cache: Cache, site: Any) -> Array:
        """Half the cost."""
        return _snapped(self.cost(s, cache, site) / 2, cache[2])

    def margins(self, state: Array, cache: Cache) -> Array:
        """Half the costs."""
        return _snapped(self.costs(state, cache) / 2, cache[2][:, None])

    def costs(self, state: Array, cache: Cache) -> Array:
        """The same for all sites, as products of matrices; site by site where e^(-4 beta) is 0."""
        if not self.steep:
            return cache[1][:, None] - self._value_after(state, cache, self.columns.T) + 2 * self.bias * state
        xp, width = backend.namespace(state), state.shape[1]
        if backend.backend_of(state) != "jax":
            return xp.stack([self.cost(state[:, i], cache, i) for i in range(width)], axis=-1)
        sites = xp.arange(width)

        def put(i: Any, found: Array) -> Array:
            return xp.where(sites == i, self.cost(state[:, i], cache, i)[:, None], found)

        return backend.repeat(put, xp.zeros_like(state), width)

    def energy(self, state: Array, cache: Cache) -> Array:
        """-L(m) - b.s."""
        return -cache[1] - state @ self.bias


@own_precision(wide=("start",))
class _Dense(BinaryMemory, AssociativeMemory):
    """What the dense memories share: patterns of +-1, binary retrieval, and tanh neurons in `network`."""

    gain: Number

    @property
    @abstractmethod
    def separation(self) -> Lagrangian:
        """L_h, with E(s) = -L_h(M s) - b.s."""

    @property
    def rule(self) -> Rule:
        """Dot product, the separation, tanh neurons with their gain, leak 1."""
        return Rule(Dot(), self.separation, LogCosh(self.gain), 1.0)

    @backend.kept
    def spins(self) -> Overlaps:
        """The energy of +-1 states."""
        if self.is_half:
            return self.wide.spins
        xp = backend.namespace(self.memories)
        bias = self.bias
        if not backend.is_array(bias) or bias.ndim == 0:
            bias = bias + backend.full((self.memories.shape[1],), 0.0, self.memories)
        separation, steep = self.separation, False
        if separation.law == "softmax" and not backend.is_traced(self.beta):
            steep = 4 * float(backend.to_numpy(self.beta)) > 0.9 * math.log(xp.finfo(self.memories.dtype).max)
        return Overlaps(laid_out(self.memories), bias, separation, steep)

    def looked_up(self, query: Array, known: Array) -> Array:
        """The signs of what the memories recall by the known neurons, 1 where that is 0."""
        if self.is_half:
            return self.wide.looked_up(query, known)
        xp = backend.namespace(query)
        field = masked_weights(self, query, known) @ self.memories + self.spins.bias
        return xp.where(field < 0, -backend.full((), 1.0, field), backend.full((), 1.0, field))

    def start(self, query: Any, memory_state: Any = None) -> dict[str, Array]:
        """States at which the graded dynamics begin, from activations in [-1, 1]; +-1 becomes +-0.99."""
        return super().start(inside(self.check_query(query)), memory_state)

    def check_query(self, query: Any) -> Array:
        """Activations (..., I) in [-1, 1], of the patterns' library, dtype and device."""
        return self.domain.check("query", super().check_query(query))

    @property
    def domain(self) -> Domain:
        """[-1, 1] in every coordinate."""
        return CUBE

    def _output(self, state: Array) -> Array | None:
        return None if self.projection is None else self.recall(state)

    def _check(self) -> None:
        object.__setattr__(self, "memories", matrix("patterns", self.memories))
        if self.beta is None:
            object.__setattr__(self, "beta", self._usual_beta())
        self._validate()
        signs("patterns", self.memories)
        object.__setattr__(self, "gain", number("gain", self.gain, self.memories))

    def _usual_beta(self) -> float:
        return 1.0


@structure
class DenseAssociativeMemory(_Dense):
    r"""E(s) = -(I/n) sum_mu F(xi_mu . s/I), F(x) = x^n: the dense associative memory of Krotov & Hopfield.

    Their n is the degree of the ENERGY: the separation, which weighs the memories in one pass, is x^(n-1). So
    DenseAssociativeMemory(M, n=3) is UniversalHopfield(M, "dot", "polynomial(2)", beta=1/I) with other neurons,
    and n = 2 is the classical Hopfield network with the Hebbian rule, E = -s.M^T M s/(2 I) (in which the diagonal adds
    a constant; the flips are those without it).

    Binary neurons: s_i flips when that lowers E, as in s_i <- sign(E(s_i = -1) - E(s_i = +1)); the difference is
    taken from the overlaps M s, which are kept, so a flip costs O(N). The capacity grows as I^(n-1).

    Graded neurons: `network`, for `simulate`, has g = tanh(gain v), which bounds the energy:

        tau_value v' = M^T f - v + b,    f = (beta M g)^(n-1) with tau_memory = 0.

    Parameters
    ----------
    memories : array (N, I)
        The stored patterns, of +1 and -1, one in a row.
    n : int
        Degree of F, at least 2.
    rectified : bool
        F(x) = max(x, 0)^n: a pattern's reverse is then no memory, also for even n.
    beta : number, optional
        Scale of the overlaps, L_h(x) = (beta x)^n/(n beta) and E(s) = -sum L_h(M s); 1/I if not given, so that
        (beta xi . s) is between -1 and 1. Without a bias it scales the energy and its temperature, not the flips.
    projection : array (N, O), optional
        Row i is what pattern i recalls.
    gain : number
        Gain of the graded neurons.
    tau_value, tau_memory : number
        Their time constants; for odd n without rectification L_h is not convex, and the energy is sure to fall in
        the graded network for tau_memory = 0 only.
    bias : number or array (I,)
        Input current b.

    References
    ----------
    Krotov & Hopfield 2016, NeurIPS, arXiv:1606.01164. Krotov & Hopfield 2021, arXiv:2008.06996.

    Examples
    --------
    >>> import numpy as np
    >>> M = np.random.default_rng(0).choice([-1.0, 1.0], size=(60, 40))
    >>> memory = DenseAssociativeMemory(M, n=4)
    >>> cue = M[7] * np.where(np.arange(40) < 8, -1.0, 1.0)
    >>> bool((memory.retrieve(cue).state == M[7]).all()), memory.rule.separation
    (True, Power(n=4, beta=0.025))
    """

    memories: Array
    n: int = static(default=3)
    rectified: bool = static(default=False)
    _: KW_ONLY
    beta: Any = None
    projection: Any = None
    gain: Number = 4.0
    tau_value: Number = 1.0
    tau_memory: Number = static(default=0.0)
    bias: Any = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, int | np.integer) or self.n < 2:
            raise ValueError(
                f"n must be a whole number >= 2, got {self.n!r}: it is the degree of F(x) = x^n, and n = 2 is the "
                "classical Hopfield network."
            )
        object.__setattr__(self, "n", int(self.n))
        object.__setattr__(self, "rectified", flag("rectified", self.rectified))
        self._check()
        for note in self.notes():
            warn(f"{type(self).__name__}: {note}.")

    @property
    def separation(self) -> Lagrangian:
        """L_h = (beta x)^n/(n beta), whose gradient is (beta x)^(n-1)."""
        return (RectifiedPower if self.rectified else Power)(self.n, self.beta)

    def notes(self) -> list[str]:
        """Nothing for tau_memory = 0, where the energy always falls; else as for any memory."""
        return [] if self.is_adiabatic else super().notes()

    def __repr__(self) -> str:
        F = f"max(x, 0)^{self.n}" if self.rectified else f"x^{self.n}"
        return f"{super().__repr__()[:-1]}; E(s) = -sum F(beta xi.s)/(n beta), F(x) = {F}, separation x^{self.n - 1})"

    def _usual_beta(self) -> float:
        return 1.0 / self.memories.shape[1]


@structure
class ExponentialMemory(_Dense):
    r"""E(s) = -log(sum_mu exp(beta xi_mu . s))/beta: the exponential memory of Demircigil et al.

    Their energy is -sum_mu exp(xi_mu . s), which overflows from I = 710; its logarithm rises and falls with it, so
    the flips are the same, and nothing overflows for any I. At beta = 1 up to about 2^(I/2) random patterns are
    stored, and e^(a I) with a < [(1 + r) log(1 + r) + (1 - r) log(1 - r)]/4 are recalled from cues whose overlap with
    their pattern is r I. In one pass the memories have the weights softmax(beta M s), exp(beta M s) up to their sum.

    Binary and graded neurons are as in `DenseAssociativeMemory`; the graded ones make a modern Hopfield network with
    tanh neurons, g = tanh(gain v):  tau_value v' = M^T softmax(beta M g) - v + b with tau_memory = 0.

    Parameters
    ----------
    memories : array (N, I)
        The stored patterns, of +1 and -1, one in a row.
    beta : number
        Inverse temperature of the weights; 1 is the published rule.
    projection, gain, tau_value, tau_memory, bias
        As for `DenseAssociativeMemory`.

    References
    ----------
    Demircigil, Heusel, Loewe, Upgang & Vermet 2017, J. Stat. Phys. 168:288,
    arXiv:1702.01929.

    Examples
    --------
    >>> import numpy as np
    >>> M = np.random.default_rng(0).choice([-1.0, 1.0], size=(2000, 60))
    >>> cue = M[7] * np.where(np.arange(60) < 12, -1.0, 1.0)
    >>> bool((ExponentialMemory(M).retrieve(cue).state == M[7]).all())
    True
    """

    memories: Array
    beta: Any = 1.0
    _: KW_ONLY
    projection: Any = None
    gain: Number = 4.0
    tau_value: Number = 1.0
    tau_memory: Number = static(default=0.0)
    bias: Any = 0.0

    def __post_init__(self) -> None:
        self._check()

    @property
    def separation(self) -> Lagrangian:
        """L_h = log(sum e^(beta x))/beta, whose gradient is softmax(beta x)."""
        return LogSumExp(self.beta)

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}; E(s) = -log(sum exp(beta xi.s))/beta)"


def _snapped(margin: Array, slack: Array) -> Array:
    xp = backend.namespace(margin)
    return xp.where(xp.abs(margin) <= slack, 0.0, margin)
