"""Modern continuous Hopfield networks: dot product and softmax, the attention rule."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array, Number, static, structure
from ...dynamics.lagrangians import LogSumExp, Quadratic
from ..measures import Dot
from ._memory import AssociativeMemory, Rule


@structure
class ModernHopfield(AssociativeMemory):
    r"""z = M^T softmax(beta M q): the modern continuous Hopfield network (MCHN).

    With memory neurons in equilibrium its energy is, up to a constant, that of Ramsauer et al.,

        E(v) = v.v/2 - log(sum_i e^(beta M_i . v))/beta - b.v,    tau_value v' = M^T softmax(beta M v) - v + b,

    and one update of `retrieve` is attention with keys and values M. Capacity grows exponentially with the
    dimension for well separated patterns. `Relaxation` never raises the energy, for any dt.

    Parameters
    ----------
    memories : array (N, I)
        The stored patterns, one in a row. Integers are converted once, to the library's default float.
    beta : number
        Inverse temperature of the softmax.
    projection : array (N, O), optional
        Values other than the keys M: row i is what pattern i recalls.
    tau_value, tau_memory : number
        Time constants; tau_memory = 0 is the adiabatic limit, whose energy is the one above.
    bias : number or array (I,)
        Input current b.

    References
    ----------
    Ramsauer et al. 2021, "Hopfield networks is all you need", arXiv:2008.02217.

    Examples
    --------
    >>> import numpy as np
    >>> memory = ModernHopfield(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]), beta=4.0)
    >>> memory.recall(np.array([1.0, 0.0, 0.0])).round(3)
    array([0.982, 1.   , 0.018])
    >>> memory.recall(np.array([0.0, np.nan, 1.0]), known=[True, False, True]).round(3)
    array([0.018, 1.   , 0.982])
    """

    memories: Array
    beta: Number = 1.0
    _: KW_ONLY
    projection: Any = None
    tau_value: Number = 1.0
    tau_memory: Number = static(default=0.1)
    bias: Any = 0.0

    def __post_init__(self) -> None:
        self._validate()

    @backend.kept
    def rule(self) -> Rule:
        """Dot product, softmax with beta, linear value neurons, leak 1."""
        return Rule(Dot(), LogSumExp(self.beta), Quadratic(), 1.0)
