"""Synapses of a matrix: two populations joined by W, and one joined to itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import backend
from ..backend import Array, shown, static, structure
from ..doors import finite, flag, floating
from ._exact import Answer
from ._synapse import Synapse


def ends(between: Any, count: int | None = None) -> tuple[str, ...]:
    """The names of the populations that a synapse joins, `count` of them if that is known."""
    example = {1: '("x",)', 2: '("a", "b")'}.get(count or 0, '("value",)')
    found = tuple(between) if isinstance(between, tuple | list) else ()
    if not found or not all(isinstance(end, str) for end in found) or (count is not None and len(found) != count):
        raise TypeError(f"between must be a tuple of names of populations such as {example}, got {shown(between)}.")
    return tuple(str(end) for end in found)


@structure
class Bilinear(Synapse):
    r"""E_s = -g_a . W g_b: two populations joined by a matrix W (n_a, n_b).

    >>> import numpy as np
    >>> synapse = Bilinear(("a", "b"), np.array([[1.0, 2.0]]))
    >>> synapse.energy(np.array([1.0]), np.array([1.0, 1.0]))
    np.float64(-3.0)
    """

    between: tuple[str, str] = static()
    weights: Array
    checked = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "between", ends(self.between, 2))
        object.__setattr__(self, "weights", _coupling("W must be a matrix (n_a, n_b)", self.weights))

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The shape of W."""
        return tuple(self.weights.shape)

    def energy(self, *g: Array) -> Array:
        """-g_a . W g_b."""
        return -_dot(g[0], g[1] @ self.weights.T)

    def forces(self, *g: Array) -> tuple[Array, ...]:
        """W g_b and W^T g_a."""
        return g[1] @ self.weights.T, g[0] @ self.weights

    def answer(self, position: int) -> Answer:
        """A constant force, so an exact step always lowers the energy."""
        return Answer("constant", falls=True)

    def force(self, position: int, *g: Array) -> Array:
        """W g_b or W^T g_a."""
        return g[1] @ self.weights.T if position == 0 else g[0] @ self.weights

    def couples(self, position: int) -> bool:
        """Never."""
        return False

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """Bounded with the other's activation."""
        return "bounded" if bounded[1 - position] else ""

    def block(self, target: int, source: int, u: Array, *g: Array) -> Array | None:
        """W u or W^T u."""
        if target == source:
            return None
        return u @ self.weights.T if target == 0 else u @ self.weights


@structure
class Recurrent(Synapse):
    r"""E_s = -g . W g/2: a population joined to itself; the force is W g.

    Without symmetry W g is not the gradient of any energy. Such a network still runs, and
    `check_lyapunov` says what it does: the energy rate uses the symmetric part, as it must.
    Freezing the force lowers the energy for every step size only when W is positive semidefinite
    (``positive=True``, your word for it); otherwise the energy guard watches the steps.

    >>> import numpy as np
    >>> Recurrent(("a",), np.array([[0.0, 1.0], [1.0, 0.0]])).energy(np.array([1.0, 2.0]))
    np.float64(-2.0)
    """

    between: tuple[str] = static()
    weights: Array
    positive: bool = static(default=False)
    symmetric: bool | None = static(default=None)
    checked = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "between", ends(self.between, 1))
        object.__setattr__(self, "weights", _coupling("W must be a square matrix", self.weights))
        if self.weights.shape[0] != self.weights.shape[1]:
            raise ValueError(f"W must be a square matrix, got shape {tuple(self.weights.shape)}.")
        object.__setattr__(self, "positive", flag("positive", self.positive))
        if self.symmetric is not None:
            object.__setattr__(self, "symmetric", flag("symmetric", self.symmetric))
        if self.symmetric is None and not backend.is_traced(self.weights):
            object.__setattr__(self, "symmetric", backend.holds(_is_symmetric, self.weights))

    @property
    def coupling(self) -> Array:
        """W."""
        return self.weights

    @property
    def conservative(self) -> bool:
        """Whether W is symmetric (taken to be where it cannot be looked at)."""
        return self.symmetric is not False

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The number of rows of W."""
        return (self.weights.shape[0],)

    def energy(self, *g: Array) -> Array:
        """-g . W g/2."""
        return -_dot(g[0], g[0] @ self.weights.T) / 2

    def forces(self, *g: Array) -> tuple[Array, ...]:
        """W g."""
        return (g[0] @ self.weights.T,)

    def energy_gradient(self, *g: Array) -> tuple[Array, ...]:
        """-(W + W^T) g/2."""
        return (-(g[0] @ self.weights.T + g[0] @ self.weights) / 2,)

    def answer(self, position: int) -> Answer:
        """A force that a step can only freeze; for a positive semidefinite W that lowers the energy all the same."""
        return Answer("frozen", falls=self.positive)

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """Bounded with the activation."""
        return "bounded" if bounded[0] else ""

    def block(self, target: int, source: int, u: Array, *g: Array) -> Array | None:
        """W u."""
        return u @ self.weights.T


def _coupling(what: str, weights: Any) -> Array:
    weights = floating("W", weights)
    if weights.ndim != 2 or 0 in weights.shape:
        raise ValueError(f"{what}, got shape {tuple(weights.shape)}.")
    return finite("W", weights)


def _is_symmetric(weights: Array) -> Array:
    xp = backend.namespace(weights)
    return xp.max(xp.abs(weights - weights.T)) <= 8 * backend.epsilon(weights) * xp.max(xp.abs(weights))


def _dot(a: Array, b: Array) -> Array:
    return backend.namespace(a, b).sum(a * b, axis=-1)
