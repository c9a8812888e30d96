"""A group of neurons with one Lagrangian, one leak and one time constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..backend import Number, static, structure
from ..doors import finite, floating, kind, number, positive, whole
from ..lagrangians import Lagrangian


@structure
class Population:
    r"""A group of neurons: a Lagrangian, a size, a time constant, a leak and an input current.

    Parameters
    ----------
    lagrangian : Lagrangian
        L; the activation is its gradient.
    size : int
        The number of neurons n.
    tau : number or array (n,)
        Time constant > 0, one for all neurons or one for each.
    leak : float
        l >= 0.
    bias : number or array (n,), optional
        The input current b.

    >>> from hopfield.dynamics import Quadratic
    >>> Population(Quadratic(), 3, tau=2.0)
    Population(Quadratic(beta=None), 3, tau=2.0, leak=1.0)
    """

    lagrangian: Lagrangian
    size: int = static()
    tau: Number = 1.0  # or an array by neuron
    leak: float = static(default=1.0)
    bias: Any = None

    def __post_init__(self) -> None:
        kind("lagrangian", self.lagrangian, Lagrangian, "a Lagrangian such as Quadratic()")
        object.__setattr__(self, "size", whole("size (at least one neuron)", self.size, 1))
        if self.lagrangian.neurons not in (None, self.size):
            raise ValueError(
                f"{self.lagrangian!r} is for {self.lagrangian.neurons} neurons and the population has {self.size}."
            )
        object.__setattr__(self, "tau", time_constants("tau", self.tau, self.size))
        object.__setattr__(self, "leak", number("leak", self.leak, 0))
        if self.bias is not None:
            bias: Any = self.bias
            if isinstance(bias, float | int | np.number):
                bias = number("bias", bias)
            else:
                bias = finite("bias", floating("bias", bias))
            object.__setattr__(self, "bias", bias)
            if tuple(getattr(bias, "shape", ())) not in ((), (self.size,)):
                raise ValueError(f"bias has shape {tuple(bias.shape)}; it is one number or of shape ({self.size},).")

    @property
    def by_neuron(self) -> bool:
        """Whether the neurons have time constants of their own."""
        return bool(getattr(self.tau, "ndim", 0))

    @property
    def fastest(self) -> float:
        """The least of the time constants, known on the host."""
        return float(np.min(backend.to_numpy(self.tau)))

    def __repr__(self) -> str:
        bias = "" if self.bias is None else ", bias"
        tau = f"{self.fastest:g} and more" if self.by_neuron else self.tau
        return f"Population({self.lagrangian!r}, {self.size}, tau={tau}, leak={self.leak}{bias})"


def time_constants(name: str, value: Any, size: int, like: Any = None) -> Any:
    """One time constant > 0, or an array with one for each of `size` neurons."""
    several = bool(getattr(value, "ndim", 0)) or isinstance(value, list | tuple)
    if not several:
        return positive(name, value)
    found = finite(name, floating(name, value, like))
    if tuple(found.shape) != (size,):
        raise ValueError(f"{name} has shape {tuple(found.shape)}; it is one number or of shape ({size},), by neuron.")
    if not backend.holds(_positive, found):
        least = float(np.min(backend.to_numpy(found)))
        raise ValueError(f"{name} must be > 0 for every neuron, and the least is {least:g}.")
    return found


def _positive(value: Any) -> Any:
    return value > 0
