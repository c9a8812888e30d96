"""The synapses of predictive coding: one layer predicts the next one down, and a prior predicts the highest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array, static, structure
from ...dynamics.doors import choice, floating
from ...dynamics.synapses import Answer, Response, Synapse
from ._transfers import TRANSFERS, Transfer


@structure
class Prediction(Synapse):
    r"""E_s = \|g_a - W phi(g_b) - c\|^2/2: the neurons b predict the neurons a.

    With the error e = g_a - W phi(g_b) - c the forces are -e on a and phi'(g_b) W^T e on b.

    Parameters
    ----------
    between : (str, str)
        The population that is predicted, and the one that predicts it.
    weights : array (n_a, n_b)
        W.
    offset : array (n_a,)
        c.
    activation : str
        phi: ``"tanh"``, ``"sigmoid"``, ``"relu"``, ``"swish"`` or ``"identity"``.

    Examples
    --------
    >>> import numpy as np
    >>> synapse = Prediction(("a", "b"), np.array([[2.0]]), np.array([0.5]), "identity")
    >>> synapse.energy(np.array([1.0]), np.array([1.0]))
    np.float64(1.125)
    """

    between: tuple[str, str] = static()
    weights: Array
    offset: Array
    activation: str = static(default="tanh")
    checked = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "between", tuple(self.between))
        object.__setattr__(self, "weights", floating("weights", self.weights))
        object.__setattr__(self, "offset", floating("offset", self.offset, self.weights))
        choice("activation", self.activation, TRANSFERS)

    @property
    def transfer(self) -> Transfer:
        """phi and its derivatives."""
        return TRANSFERS[self.activation]

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The shape of W."""
        return tuple(self.weights.shape)

    @property
    def smooth(self) -> bool:
        """Whether phi' is continuous."""
        return self.transfer.smooth

    def signal(self, *g: Array) -> Array:
        """The prediction W phi(g_b) + c."""
        return self.transfer.value(g[1]) @ self.weights.T + self.offset

    @property
    def signal_of(self) -> tuple[int, ...]:
        """The prediction depends on the upper neurons."""
        return (1,)

    def energy(self, *g: Array, signal: Array | None = None) -> Array:
        """\\|e\\|^2/2."""
        error = g[0] - (self.signal(*g) if signal is None else signal)
        return backend.dot(error, error) / 2

    def forces(self, *g: Array, signal: Array | None = None) -> tuple[Array, ...]:
        """-e, and phi' W^T e."""
        error = g[0] - (self.signal(*g) if signal is None else signal)
        return -error, self.transfer.slope(g[1]) * (error @ self.weights)

    def answer(self, position: int) -> Answer:
        """On the predicted neurons a spring, whose step is exact; on the others a force that a step can only freeze."""
        return Answer("affine", falls=True) if position == 0 else Answer("frozen")

    def response(self, position: int, *g: Array, signal: Array | None = None) -> Response:
        """The prediction less the activation, or the force as it stands."""
        if position == 0:
            made = self.signal(*g) if signal is None else signal
            return Response(made, backend.full((1,), 1.0, made))
        return Response(self.forces(*g, signal=signal)[1])

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """Inward on the predicted neurons where predictions are bounded."""
        certain = self.activation in ("tanh", "sigmoid") or bounded[1]
        return "inward" if position == 0 and identity and certain else ""

    def block(self, target: int, source: int, u: Array, *g: Array, signal: Array | None = None) -> Array | None:
        """How each force changes along u in the activation of either side."""
        slope = self.transfer.slope(g[1])
        if source == 0:
            return -u if target == 0 else slope * (u @ self.weights)
        if target == 0:
            return (slope * u) @ self.weights.T
        error = g[0] - (self.signal(*g) if signal is None else signal)
        bent = self.transfer.bend(g[1]) * (error @ self.weights) * u
        return bent - slope * (((slope * u) @ self.weights.T) @ self.weights)

    def magnitude(self, *g: Array, signal: Array | None = None) -> Array:
        """\\|e\\| times the sizes of what cancels in it."""
        xp = backend.namespace(*g)
        made = self.signal(*g) if signal is None else signal
        size = xp.abs(g[0]) + xp.abs(self.transfer.value(g[1])) @ xp.abs(self.weights).T + xp.abs(self.offset)
        error = xp.abs(g[0] - made)
        return backend.dot(error, error + size)


@structure
class Prior(Synapse):
    r"""E_s = (g - m)^T L (g - m)/2: neurons near a mean m, with a precision L (the identity unless given).

    >>> import numpy as np
    >>> Prior(("x",), np.array([1.0, 2.0])).energy(np.array([1.0, 4.0]))
    np.float64(2.0)
    """

    between: tuple[str] = static()
    mean: Array
    precision: Any = None
    checked = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "between", tuple(self.between))
        object.__setattr__(self, "mean", floating("mean", self.mean))

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The length of m."""
        return (self.mean.shape[0],)

    def energy(self, *g: Array) -> Array:
        """(g - m)^T L (g - m)/2."""
        return backend.dot(g[0] - self.mean, -self.forces(*g)[0]) / 2

    def forces(self, *g: Array) -> tuple[Array, ...]:
        """-L (g - m)."""
        gap = self.mean - g[0]
        return (gap if self.precision is None else gap @ self.precision,)

    def answer(self, position: int) -> Answer:
        """A spring without a precision, whose step is exact; else a force that a step can only freeze."""
        return Answer("affine", falls=True) if self.precision is None else Answer("frozen")

    def response(self, position: int, *g: Array) -> Response:
        """m - g, or the force as it stands."""
        if self.precision is None:
            return Response(self.mean, backend.full((1,), 1.0, self.mean))
        return Response(self.forces(*g)[0])

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """Inward: L is positive definite."""
        return "inward" if identity else ""

    def block(self, target: int, source: int, u: Array, *g: Array) -> Array | None:
        """-L u."""
        return -u if self.precision is None else -(u @ self.precision)

    def magnitude(self, *g: Array) -> Array:
        """\\|force\\| times the sizes of what cancels in it, and the energy."""
        xp = backend.namespace(*g)
        gap, size = g[0] - self.mean, xp.abs(g[0]) + xp.abs(self.mean)
        if self.precision is None:
            return backend.dot(xp.abs(gap), size)
        return backend.dot(size, xp.abs(gap) @ xp.abs(self.precision))
