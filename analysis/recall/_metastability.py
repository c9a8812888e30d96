"""How many memories take part in an answer: participation, entropy, and Ramsauer's metastable size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked
from ...models._copies import copies_of
from ...models._model import as_model
from ...models.family import AssociativeMemory
from .. import _declared as declared
from ..fixed_points import metastable_size
from ..results import Result


def _shares(memory: AssociativeMemory, query: Any) -> np.ndarray:
    model = as_model(memory)
    if not model.has_weights:
        raise TypeError(
            f"Effective numbers of memories are those of the memory neurons' weights, and {type(memory).__name__} has "
            "none. Use a model with stored patterns and a separation, such as ModernHopfield."
        )
    weights = backend.to_numpy(model.memory_weights(query)).astype(float)
    total = weights.sum(-1, keepdims=True)
    if (weights < 0).any() or not np.isfinite(weights).all() or (total <= 0).any():
        raise ValueError(
            f"The weights of {type(memory).__name__} are no shares here: some are negative, or none is positive. "
            "Effective numbers are defined for separations with weights >= 0, such as softmax."
        )
    return _joined(memory, weights / total)


def _joined(memory: Any, shares: np.ndarray) -> np.ndarray:
    """Shares (..., N) with those of copies of a pattern at the lowest of their rows."""
    rows = np.arange(shares.shape[-1])
    if as_model(memory).patterns is not None:
        rows = copies_of(memory)
    if (rows == np.arange(len(rows))).all():
        return shares
    order, answer = np.argsort(rows, kind="stable"), np.zeros_like(shares)
    kept, begin = np.unique(rows[order], return_index=True)
    answer[..., kept] = np.add.reduceat(shares[..., order], begin, axis=-1)
    return answer


@checked(**declared.EFFECTIVE_MEMORIES)
def effective_memories(memory: AssociativeMemory, query: Any, *, measure: str = "participation") -> Any:
    r"""How many memories take part in the answer to a query.

    With the weights p_i that the memories have (scaled to sum to one), the participation number is 1/sum p_i^2, and
    the entropic number exp(-sum p_i log p_i): Hill's numbers of order 2 and 1. Both are 1 for a single memory and k
    for k equal ones, and the entropic one is never the smaller. Copies of a pattern are one memory.

    Parameters
    ----------
    memory : model
        With weights >= 0.
    query : array (..., I)
        The cue or state.
    measure : {"participation", "entropy"}
        Which number.

    Returns
    -------
    array (...) or float
        Between 1 and N.

    References
    ----------
    Hill 1973, Ecology 54, 427, doi:10.2307/1934352.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(4), beta=8.0)
    >>> effective_memories(memory, np.array([[1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]])).round(3)
    array([1.002, 2.073])
    """
    p = _shares(memory, query)
    if measure == "participation":
        return 1.0 / (p * p).sum(-1)
    if measure == "entropy":
        logs = np.log(np.where(p > 0, p, 1.0))
        return np.exp(-(p * logs).sum(-1))
    raise ValueError(f"measure must be 'participation' or 'entropy', got {measure!r}.")


@dataclass(frozen=True, eq=False, repr=False)
class Metastability(Result):
    r"""What `metastability` returns, for every query of a batch (...).

    Attributes
    ----------
    state : array (..., I)
        Where the query is retrieved to.
    pattern : int array (...)
        The memory with the largest weight there; copies of a pattern are one memory, the lowest of their rows.
    weight : array (...)
        That weight.
    size : int array (...)
        The smallest number of weights there whose sum reaches 0.9 (`metastable_size`).
    before : int array (...)
        The same at the query itself.
    effective : array (...)
        The participation number 1/sum p^2 at the state.
    converged : bool array (...)
        Whether retrieval converged.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> found = metastability(ModernHopfield(np.eye(4), beta=2.0), np.eye(4)[0])
    >>> int(found.size), bool(found.single)  # the global mean
    (4, False)
    """

    row_fields = ("pattern", "weight", "size", "before", "effective", "converged")

    state: np.ndarray
    pattern: np.ndarray
    weight: np.ndarray
    size: np.ndarray
    before: np.ndarray
    effective: np.ndarray
    converged: np.ndarray

    @property
    def single(self) -> Any:
        """Whether one memory alone is retrieved (...)."""
        return self.size == 1

    def __str__(self) -> str:
        sizes, counts = np.unique(np.atleast_1d(self.size), return_counts=True)
        parts = [f"{int(c)} of size {int(k)}" for k, c in zip(sizes, counts, strict=True)]
        lost = int((~np.atleast_1d(self.converged)).sum())
        more = f"; {lost} did not converge" if lost else ""
        return f"{int(counts.sum())} queries retrieved: {', '.join(parts)}{more}"


@checked(**declared.METASTABILITY)
def metastability(memory: AssociativeMemory, queries: Any, *, max_steps: int = 1000) -> Metastability:
    r"""Retrieve queries, and say how many memories each retrieved state is made of.

    Ramsauer et al. call a state metastable of size k when k is the smallest number of softmax weights whose sum
    reaches 0.90: k = 1 is one memory, k near N the mean of all. Many queries of a large size mean that beta is small
    for these patterns.

    Parameters
    ----------
    memory : model
        With weights >= 0.
    queries : array (..., I)
        The cues.
    max_steps : int
        The most updates of a retrieval.

    Returns
    -------
    Metastability
        For every query.

    References
    ----------
    Ramsauer et al. 2021, "Hopfield networks is all you need", arXiv:2008.02217, section 3.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), beta=10.0)
    >>> print(metastability(memory, memory.memories))
    3 queries retrieved: 1 of size 1, 2 of size 2
    """
    begin = _shares(memory, queries)
    answer = memory.retrieve(queries, max_steps=max_steps)
    p = _shares(memory, answer.state)
    return Metastability(
        state=backend.to_numpy(answer.state),
        pattern=p.argmax(-1),
        weight=p.max(-1),
        size=metastable_size(p),
        before=metastable_size(begin),
        effective=1.0 / (p * p).sum(-1),
        converged=backend.to_numpy(answer.converged),
    )
