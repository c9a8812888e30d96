"""Similarities that recall and have no dynamics: what they share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NoReturn

from ..dynamics.backend import Array
from ..dynamics.contracts import Similarity


class OneShot(Similarity):
    """A similarity for `recall` alone: its scores are no term of an energy that a network could follow.

    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> memory = UniversalHopfield(np.eye(2), "hamming", "max")
    >>> memory.recall(np.array([1.0, 1.0])), isinstance(memory.similarity, OneShot)
    (array([1., 0.]), True)
    """

    @property
    @abstractmethod
    def refusal(self) -> str:
        """Why there is no network, and what to use instead."""

    @property
    def scaled_weights(self) -> bool:
        """Whether the weights are scaled to sum to one after the separation."""
        return False

    @property
    def unchecked(self) -> bool:
        """Whether any score is taken as it comes, so that what is not defined becomes NaN."""
        return False

    def check(self, name: str, rows: Array) -> None:
        """Refuse vectors (..., I) outside the domain."""

    def pullback(self, memories: Any, g: Array, f: Array) -> Array:
        """Refused."""
        self._refuse()

    def pushforward(self, memories: Any, g: Array, u: Array) -> Array:
        """Refused."""
        self._refuse()

    def curvature(self, memories: Any, g: Array, f: Array, u: Array) -> Array:
        """Refused."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TypeError(self.refusal)
