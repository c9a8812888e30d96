"""Sparse distributed memory in its continuous form: attention by the cosine of addresses."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, Self

from ...dynamics import backend
from ...dynamics.backend import Array, Number, static, structure
from ...dynamics.doors import matrix, warn
from ...dynamics.lagrangians import LogSumExp, Quadratic
from .._renamed import is_outside
from ..circles import beta_from_radius
from ..measures import Cosine
from ._memory import AssociativeMemory, Rule


@structure
class ContinuousSDM(AssociativeMemory):
    r"""z = P^T softmax(beta cos(A, q)): patterns P stored at addresses A, read by the angle to the query.

    In Kanerva's memory a query weighs each pattern by the locations that its address shares with the query. That
    falls about exponentially with their Hamming distance, and so with the cosine of addresses of +-1: at the
    beta of `beta_from_radius` softmax weights take its place. It is a heteroassociative modern Hopfield network,
    P^T softmax(beta A^ q^), of unit rows A^ and a unit query q^, and the length of a query does not matter.

    Without patterns, P = A, the energy E(v) = -log(sum_i e^(beta cos(A_i, v)))/beta falls along the dynamics, which
    turn v and keep its length. With patterns there are three populations (value, output and memory), with
    E = z.z/2 - log(sum_i e^(beta (cos(A_i, v) + P_i . z)))/beta when the memory neurons are in equilibrium. The
    first pass from z = 0 is the rule; z then feeds back.

    Parameters
    ----------
    memories : array (N, I)
        The addresses A, one in a row, none of them zero.
    projection : array (N, O), optional
        The patterns P: row i is what address i recalls. The addresses themselves unless given.
    beta : number
        Inverse temperature of the softmax.
    tau_value, tau_memory : number
        Time constants; tau_memory = 0 is the adiabatic limit, with the energies above.
    bias : number or array (I,)
        Input current of the value neurons.

    References
    ----------
    Bricken & Pehlevan 2021, "Attention approximates sparse distributed memory", arXiv:2111.05498.

    Examples
    --------
    >>> import numpy as np
    >>> addresses = np.random.default_rng(0).choice([-1.0, 1.0], size=(4, 64))
    >>> memory = ContinuousSDM.from_radius(11, addresses, np.eye(4))
    >>> memory.recall(5.0 * addresses[2]).round(2)
    array([0., 0., 1., 0.])
    """

    memories: Array
    projection: Any = None
    _: KW_ONLY
    beta: Number = 10.0
    tau_value: Number = 1.0
    tau_memory: Number = static(default=0.1)
    bias: Any = 0.0

    def __post_init__(self) -> None:
        self._validate()
        self._check_rule()

    @classmethod
    def from_radius(cls, radius: int, addresses: Any, patterns: Any = None, **options: Any) -> Self:
        """The memory whose beta stands for reading and writing in circles of this Hamming radius."""
        addresses = matrix("addresses", addresses)
        return cls(addresses, patterns, beta=beta_from_radius(addresses.shape[-1], radius), **options)

    @backend.kept
    def rule(self) -> Rule:
        """Cosine, softmax with beta, linear value neurons, leak 0."""
        return Rule(Cosine(), LogSumExp(self.beta), Quadratic(), 0.0)

    @property
    def addresses(self) -> Array:
        """The addresses A (N, I)."""
        return self.memories

    @property
    def patterns(self) -> Array:
        """What a state is compared with: the addresses A (N, I), which are the patterns where no others were given."""
        if self.projection is not None and is_outside():
            warn(
                "ContinuousSDM.patterns are the addresses, as wide as a query, and not what they recall, as in 0.1.0: "
                "read .projection for that.",
                FutureWarning,
            )
        return self.memories
