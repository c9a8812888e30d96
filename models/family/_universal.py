"""The universal Hopfield network: any similarity with any separation, auto- and heteroassociative."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array, Number, static, structure
from ...dynamics.doors import positive
from ...dynamics.lagrangians import Exponential, Lagrangian, Quadratic
from .._separations import separation
from ..measures import similarity
from ._memory import AssociativeMemory, Rule


@structure
class UniversalHopfield(AssociativeMemory):
    r"""z = P^T sep(beta sim(M, q)): similarity, separation, projection, as a rule and as a dynamical system.

    The dynamics have value neurons v and memory neurons h, with f = sep(beta h) = dL_h/dh:

        tau_value v' = (dsim/dg)^T f - l_v v + b,    tau_memory h' = sim(M, g) - h,

    whose energy never rises when L_h is convex (and always for tau_memory = 0). Time is in the units of tau.

    Parameters
    ----------
    memories : array (N, I)
        The stored patterns, one in a row. Integers are converted once, to the library's default float.
    similarity : str, Similarity or callable
        ``"dot"``, ``"cosine"``; the negated distances ``"euclidean"`` (squared), ``"manhattan"`` and
        ``"hamming"`` (binary patterns, recall only); the negated divergences ``"kl"``, ``"reverse_kl"``,
        ``"jeffreys"`` and ``"jensen_shannon"`` (positive patterns); for recall as in appendix E of the paper
        ``"normalised(manhattan)"`` and its like; or a function (M, g) -> scores (..., N), larger meaning more
        similar.
    separation : str or Lagrangian
        ``"identity"``, ``"softmax"``, ``"max"``, ``"polynomial(n)"`` (h^n), ``"rectified_polynomial(n)"``,
        ``"threshold(t)"``, ``"top_k(k)"``, ``"sparsemax"`` and others that `separation` lists, or a Lagrangian.
    projection : array (N, O), optional
        Row i is what pattern i recalls; M itself if not given.
    beta : number
        Scales the scores before the separation, f = sep(beta h); ``max`` does not depend on it.
    tau_value, tau_memory : number
        Time constants; tau_memory = 0 lets the memory neurons follow at once (the adiabatic limit).
    leak : float, optional
        l_v; by default 1 for dot and 0 for cosine, distances and divergences, for which memories are fixed
        points then.
    bias : number or array (I,)
        Input current b of the value neurons.
    value_lagrangian : Lagrangian, optional
        L_v; by default v.v/2, so that g = v, and for divergences sum e^v, so that g = e^v is positive.
        Queries and results are activations g.

    Warns
    -----
    UserWarning
        When the separation's Lagrangian is not convex, the energy has no lower bound, or weights of both
        signs meet a distance. The `repr` says the same.

    References
    ----------
    Millidge, Salvatori, Song, Lukasiewicz & Bogacz 2022, ICML, PMLR 162. Krotov & Hopfield 2021, arXiv:2008.06996.

    Examples
    --------
    >>> import numpy as np
    >>> memory = UniversalHopfield(np.array([[0.0, 1.0, 4.0], [2.0, 2.0, 2.0]]), "manhattan", "softmax")
    >>> memory.retrieve(np.array([0.3, 1.0, 3.0])).state
    array([0., 1., 4.])
    >>> memory.recall(np.array([0.3, 1.0, 3.0])).round(3)
    array([0.166, 1.083, 3.834])
    """

    memories: Array
    similarity: Any = "dot"
    separation: Any = "softmax"
    _: KW_ONLY
    projection: Any = None
    beta: Number = 1.0
    tau_value: Number = 1.0
    tau_memory: Number = static(default=0.1)
    leak: float | None = static(default=None)
    bias: Any = 0.0
    value_lagrangian: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "similarity", similarity(self.similarity))
        if self.similarity.patterns is not None:
            name = type(self.similarity).__name__
            raise ValueError(f"{self.similarity!r} holds patterns already, and this memory has its own: give {name}().")
        object.__setattr__(self, "separation", separation(self.separation))
        if self.leak is not None:
            object.__setattr__(self, "leak", float(positive("leak", self.leak, zero=True)))
        if not isinstance(self.value_lagrangian, Lagrangian | None):
            raise TypeError(f"value_lagrangian must be a Lagrangian such as LogCosh(), got {self.value_lagrangian!r}.")
        self._validate()
        self._check_rule()

    @backend.kept
    def rule(self) -> Rule:
        """Similarity, separation with beta, value Lagrangian, leak."""
        leak = self.similarity.leak if self.leak is None else self.leak
        usual = Exponential() if self.similarity.positive else Quadratic()
        value = usual if self.value_lagrangian is None else self.value_lagrangian
        return Rule(self.similarity, self.separation.scaled(self.beta), value, leak)
