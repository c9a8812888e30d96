"""Modern continuous Hopfield networks: dot product and softmax, the attention rule."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any

from ..dynamics.backend import Array, Number, static, structure
from ..dynamics.lagrangians import LogSumExp, Quadratic
from .masked import recall_known, retrieve_known
from .memory import AssociativeMemory, Rule
from .retrieval import Retrieval
from .similarity import Dot


@structure
class ModernHopfield(AssociativeMemory):
    r"""z = M^T softmax(beta M q): the modern continuous Hopfield network (MCHN).

    With memory neurons in equilibrium its energy is, up to a constant, that of Ramsauer et al.,

        E(v) = v.v/2 - log(sum_i e^(beta M_i . v))/beta - b.v,    tau_value v' = M^T softmax(beta M v) - v + b,

    and one update of `retrieve` is attention with keys and values M. Capacity grows exponentially with the
    dimension for well separated patterns. The energy never rises, for any dt.

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

    @property
    def rule(self) -> Rule:
        """Dot product, softmax with beta, linear value neurons, leak 1."""
        return Rule(Dot(), LogSumExp(self.beta), Quadratic(), 1.0)

    def recall(self, query: Any, known: Any = None) -> Array:
        r"""One application of the rule, z = P^T softmax(beta s): shape (..., O), with P = M unless given.

        The scores are s = M q, or with a mask `known` (..., I) the sums over its components, s_i = sum over k in
        known of M_ik q_k: what is not known counts neither for nor against a pattern.
        """
        return super().recall(query) if known is None else recall_known(self, query, known)

    def retrieve(
        self,
        query: Any,
        max_steps: int = 100,
        tol: float | None = None,
        *,
        known: Any = None,
        clamp: bool = False,
    ) -> Retrieval:
        r"""Iterate the update v = M^T softmax(beta M v) + b until it moves v no more; see `Retrieval`.

        Parameters
        ----------
        query : array (..., I)
            The cue.
        max_steps : int
            The most updates that are applied.
        tol : float, optional
            Converged when rms(last move) <= tol (1 + rms state); 1e-6 in float64, 1e-4 in float32.
        known : bool array (..., I), optional
            True where the cue is known. The first look-up sums over these components only, and the updates go on
            from what it gives; `steps` counts the updates after it.
        clamp : bool
            Whether the known neurons stay at the cue and only the others move: the energy still falls, since L_v
            is elementwise, and the answer is a critical point of E among the states that agree with the cue.
            It is that of a memory of the unknown columns M_U whose memory neurons have the input M_K q_K.
        """
        if known is None:
            if clamp:
                raise ValueError("clamp=True holds the known neurons: say which ones are known, known=mask.")
            return super().retrieve(query, max_steps, tol)
        return retrieve_known(self, query, known, clamp, max_steps, tol)

    def settings(self) -> dict[str, Any]:
        """The arguments that build this memory again."""
        names = ("memories", "beta", "projection", "tau_value", "tau_memory", "bias")
        return {name: getattr(self, name) for name in names}
