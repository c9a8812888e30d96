"""Networks from functions of your own: a plain energy E(x), or a velocity that has no energy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array, static, structure
from ...dynamics.doors import answer, checked
from ...dynamics.lagrangians import Quadratic
from ...dynamics.network import Network, Population
from ...dynamics.synapses import Synapse
from .. import _declared as declared


@structure
class EnergySynapse(Synapse):
    r"""An energy E(x) of one population's activation; gradient and Hessian product are derived on JAX and PyTorch."""

    function: Callable[[Array], Array] = static()
    slope: Callable[[Array], Array] | None = static(default=None)
    product: Callable[[Array, Array], Array] | None = static(default=None)
    like: Any = None  # an array that says library, dtype and device
    between = ("x",)

    def energy(self, *g: Array) -> Array:
        """E(x)."""
        return answer("The energy E(x)", self.function(g[0]), g[0].shape[:-1])

    def forces(self, *g: Array) -> tuple[Array, ...]:
        """-dE/dx."""
        if self.slope is not None:
            return (-answer("The gradient of the energy", self.slope(g[0]), g[0].shape),)
        return (-backend.gradient(self.function, g[0], "the `gradient` of the energy"),)

    def block(self, target: int, source: int, u: Array, *g: Array, **shared: Any) -> Array | None:
        """-E''(x) u."""
        if self.product is not None:
            x, u = backend.batched(g[0], u)
            return -answer("The product of the energy", self.product(x, u), x.shape)
        x, u = backend.batched(g[0], u)
        return backend.directional(lambda y: self.forces(y)[0], x, u, "the `product` (x, u) -> E''(x) u of the energy")


@structure
class VelocitySynapse(Synapse):
    r"""A velocity x' = F(x) that need not be the gradient of anything; its energy is 0 and means nothing."""

    function: Callable[[Array], Array] = static()
    product: Callable[[Array, Array], Array] | None = static(default=None)
    like: Any = None
    between = ("x",)

    @property
    def conservative(self) -> bool:
        """No energy is claimed."""
        return False

    def energy(self, *g: Array) -> Array:
        """0: there is none."""
        return backend.namespace(g[0]).zeros_like(g[0][..., 0])

    def forces(self, *g: Array) -> tuple[Array, ...]:
        """F(x)."""
        return (answer("The velocity F(x)", self.function(g[0]), g[0].shape),)

    def block(self, target: int, source: int, u: Array, *g: Array, **shared: Any) -> Array | None:
        """F'(x) u."""
        x, u = backend.batched(g[0], u)
        if self.product is not None:
            return answer("The product of the velocity", self.product(x, u), x.shape)
        return backend.directional(self.function, x, u, "the `product` (x, u) -> F'(x) u of the velocity")


@checked(**declared.ENERGY_NETWORK)
def energy_network(
    energy: Callable[[Array], Array],
    size: int,
    gradient: Callable[[Array], Array] | None = None,
    product: Callable[[Array, Array], Array] | None = None,
    *,
    like: Any = None,
) -> Network:
    r"""The gradient flow x' = -dE/dx of a plain energy function, as a network of one population "x".

    Parameters
    ----------
    energy : callable
        E(x), shape (..., size) to (...).
    size : int
        The number of variables.
    gradient, product : callable, optional
        dE/dx (..., size), and (x, u) -> E''(x) u. Derived on JAX and PyTorch; on NumPy the gradient must be given,
        and where the product is not, the analysis takes central differences of the gradient.
    like : array, optional
        An array of the library and dtype to work in; NumPy's float64 without.

    Returns
    -------
    Network
        For `find_fixed_points`, `simulate` and everything else that takes a network.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import simulate
    >>> network = energy_network(lambda x: (x**4 / 4 - x**2 / 2).sum(-1), 1, lambda x: x**3 - x)
    >>> simulate(network, {"x": np.array([0.1])}, t1=30).final["x"].round(4)
    array([1.])
    """
    return Network({"x": Population(Quadratic(), size, leak=0.0)}, [EnergySynapse(energy, gradient, product, like)])


@checked(**declared.VELOCITY_NETWORK)
def velocity_network(
    velocity: Callable[[Array], Array],
    size: int,
    product: Callable[[Array, Array], Array] | None = None,
    *,
    like: Any = None,
) -> Network:
    r"""The flow x' = F(x) of a velocity that has no energy, as a network of one population "x".

    Parameters
    ----------
    velocity : callable
        F(x), shape (..., size) to (..., size).
    size : int
        The number of variables.
    product : callable, optional
        (x, u) -> F'(x) u; derived on JAX and PyTorch, and on NumPy by central differences in the analysis.
    like : array, optional
        An array of the library and dtype to work in; NumPy's float64 without.

    Returns
    -------
    Network
        Which says that it is not conservative.

    Examples
    --------
    >>> import numpy as np
    >>> spiral = velocity_network(lambda x: x @ np.array([[-1.0, 2.0], [-2.0, -1.0]]), 2)
    >>> spiral.velocity({"x": np.array([1.0, 0.0])})["x"], spiral.conservative
    (array([-1.,  2.]), False)
    """
    return Network({"x": Population(Quadratic(), size, leak=0.0)}, [VelocitySynapse(velocity, product, like)])
