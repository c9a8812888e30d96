"""What a Lagrangian must be able to do; everything else just works from that."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import backend
from ..backend import Array, Number, structure
from ..doors import arguments, behind, guard, kind, positive
from ._merging import Merging, Sums


class Bend(NamedTuple):
    """A curvature L'' = diag(d) - c u u^T; c (..., 1) and u (..., n) are None where it is diagonal."""

    diagonal: Array
    vector: Array | None = None
    factor: Array | None = None


class Lagrangian(backend.Extensible, ABC):
    r"""A scalar function L of a population's state; its gradient is the population's activation.

    A subclass needs `value` only: on JAX and PyTorch the rest is derived from it. The members of
    `hopfield.dynamics` give all of it by hand, finite wherever the value is.

    Attributes
    ----------
    convex : bool or None
        Whether L is convex (None: not known). The energy falls in the local flow when every L is.
    elementwise : bool
        Whether neuron i's activation depends on neuron i alone.
    smooth : bool
        Whether the activation is continuous (``max`` is not: its activation jumps).
    nonnegative : bool
        Whether activations are never negative.
    bounded : bool
        Whether activations stay bounded.
    lowest, highest : float
        What a neuron's activation lies between; where it is `nonnegative`, 0 is the lowest.
    ends : bool
        Whether finite states have the lowest and the highest activation themselves.
    identity : bool
        Whether the activation IS the state, g = x.
    log_gain : number or None
        c where ln g = c x up to a constant, else None.
    shift_invariant : bool
        Whether adding a constant to the state changes no activation.
    linear : bool
        Whether the activation is linear in the state, g = c x.
    even : bool
        Whether x and -x have the same activation.
    rectified : bool
        Whether no state x <= 0 has an activation other than 0.
    growth : float
        The power with which L grows far out, at most (infinite: not known, or none).
    domain : {"", ">= 0", "> 0"}
        The states for which L is defined; "" for all.
    law : {"", "softmax", "max"}
        Whether g is e^(beta x)/sum e^(beta x), or one at the largest entry, of which theorems are known.
    homogeneous : bool
        Whether L(beta x)/beta = L(x) for every beta > 0.
    has_gain : bool
        Whether its field `beta` is a gain, L(x) = l(beta x)/beta.
    checked : bool
        Whether the activation is known to be the gradient of the value; otherwise the two are compared when a
        network with it is first run.
    neurons : int or None
        How many it is for, where it has parameters of each neuron; None: any number.

    Examples
    --------
    >>> import numpy as np
    >>> class Cubic(Lagrangian):
    ...     convex, elementwise = True, True
    ...     def value(self, x):
    ...         return (x**4).sum(-1) / 4
    ...     def activation(self, x):
    ...         return x**3
    >>> Cubic().activation(np.array([2.0]))
    array([8.])
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard(cls, arguments.LAGRANGIAN, arguments.FUNCTIONS)
        if "value" in vars(cls) and "value_at" not in vars(cls):  # a parent's is of another L
            cls.value_at = Lagrangian.value_at

    convex: bool | None = None
    elementwise: bool = False
    smooth: bool = True
    nonnegative: bool = False
    bounded: bool = False
    lowest: float = -math.inf
    highest: float = math.inf
    ends: bool = False
    identity: bool = False
    log_gain: Number | None = None
    shift_invariant: bool = False
    linear: bool = False
    even: bool = False
    rectified: bool = False
    growth: float = math.inf
    domain: str = ""
    law: str = ""
    homogeneous: bool = False
    has_gain: bool = False
    beta: Any  # that gain, where there is one
    checked: bool = False
    neurons: int | None = None

    @abstractmethod
    def value(self, x: Array) -> Array:
        """L(x): shape (..., n) to (...)."""

    def value_at(self, x: Array, g: Array) -> Array:
        """L(x) at a state whose activation g is known."""
        return behind(self.value)(x)

    def activation(self, x: Array) -> Array:
        """The gradient g = dL/dx, shape (..., n)."""
        return backend.gradient(self.value, x, f"{type(self).__name__}.activation")

    def curvature(self, x: Array, u: Array) -> Array:
        """The curvature product L''(x) u, shape (..., n)."""
        return backend.directional(self.activation, x, u, f"{type(self).__name__}.curvature")

    def merging(self) -> Merging | None:
        """How sums over more neurons than there is room for are put together from blocks; None where nobody says."""
        return Sums(self) if self.elementwise else None

    def linearised(self, x: Array, g: Array) -> Callable[[Array], Array]:
        """u -> L''(x) u for many u at one state, whose activation g is known."""
        curvature = behind(self.curvature)
        return lambda u: curvature(x, u)

    def bend(self, x: Array, g: Array) -> Bend | None:
        """L''(x) as a diagonal and a product of one vector; None where it is neither, or nobody says."""
        if not self.elementwise:
            return None
        return Bend(self.linearised(x, g)(backend.namespace(x).ones_like(x)))

    def dual(self, g: Array) -> Array:
        """A state whose activation is g (the gradient of the convex conjugate)."""
        raise TypeError(
            f"{type(self).__name__} has no `dual`, which says the state of a given activation: "
            "give states instead of a query (a dict of arrays), or define `dual`."
        )

    def tangent(self, x: Array, u: Array) -> Array:
        """u without its part along directions that never change the activation (u itself if there are none)."""
        return u

    @property
    def turns(self) -> bool:
        """Whether the directions that `tangent` takes out depend on the state."""
        return type(self).tangent is not Lagrangian.tangent and not self.shift_invariant

    def tangent_change(self, x: Array, u: Array, dx: Array) -> Array:
        """How ``tangent(x, u)`` changes as x moves along dx with u held fixed; derived on JAX and PyTorch."""
        what = f"{type(self).__name__}.tangent_change"
        return backend.directional(lambda y: self.tangent(y, u + backend.namespace(y).zeros_like(y)), x, dx, what)

    @property
    def leakless(self) -> bool:
        """Whether `leakless_step` is exact; it is where `tangent` does not depend on the state."""
        return not self.turns

    @property
    def rests(self) -> bool:
        """Whether `leakless_step` has a limit for a constant force."""
        return False

    def leakless_step(self, x: Array, force: Array, ratio: Number | None) -> Array:
        """The solution of tau x' = tangent(x, force) after dt = ratio tau (None: for ever), with the force frozen."""
        return x + self.tangent(x, ratio * force)

    def scaled(self, beta: Number) -> Lagrangian:
        """The Lagrangian L(beta x)/beta, whose activation is g(beta x)."""
        if self.homogeneous or (isinstance(beta, float | int) and beta == 1):
            return self
        if self.has_gain:
            own = self.beta
            return dataclasses.replace(self, beta=beta if own is None else own * beta)  # pyright: ignore
        return Scaled(self, beta)


@structure
class Scaled(Lagrangian):
    r"""L(beta x)/beta for any Lagrangian L, with the activation g(beta x).

    >>> import numpy as np
    >>> from hopfield.dynamics import LayerNorm
    >>> Scaled(LayerNorm(eps=0.0), 4.0).dual(np.array([-1.0, 1.0]))
    array([-0.25,  0.25])
    """

    base: Lagrangian
    beta: Number = 1.0

    def __post_init__(self) -> None:
        kind("base", self.base, Lagrangian, "a Lagrangian such as LogCosh()")
        object.__setattr__(self, "beta", positive("beta", self.beta))

    @property
    def log_gain(self) -> Number | None:
        """Beta times the one within."""
        return None if self.base.log_gain is None else self.beta * self.base.log_gain

    @property
    def turns(self) -> bool:
        """Whether those of the one within do."""
        return self.base.turns

    @property
    def leakless(self) -> bool:
        """Whether it is in the one within."""
        return self.base.leakless

    @property
    def rests(self) -> bool:
        """Whether it has one in the one within."""
        return self.base.rests

    def value(self, x: Array) -> Array:
        """L(beta x)/beta."""
        return self.base.value(self.beta * x) / self.beta

    def activation(self, x: Array) -> Array:
        """g(beta x)."""
        return self.base.activation(self.beta * x)

    def curvature(self, x: Array, u: Array) -> Array:
        """Beta L''(beta x) u."""
        return self.beta * self.base.curvature(self.beta * x, u)

    def dual(self, g: Array) -> Array:
        """The state within, divided by beta."""
        return self.base.dual(g) / self.beta

    def tangent(self, x: Array, u: Array) -> Array:
        """As within, at beta x."""
        return self.base.tangent(self.beta * x, u)

    def tangent_change(self, x: Array, u: Array, dx: Array) -> Array:
        """As within, along beta dx."""
        return self.base.tangent_change(self.beta * x, u, self.beta * dx)

    def leakless_step(self, x: Array, force: Array, ratio: Number | None) -> Array:
        """The step of beta x under beta F, divided by beta."""
        return self.base.leakless_step(self.beta * x, self.beta * force, ratio) / self.beta

    def merging(self) -> Merging | None:
        """Sums, where the one within is elementwise."""
        return Sums(self) if self.base.elementwise else None

    def scaled(self, beta: Number) -> Lagrangian:
        """Both factors together."""
        return Scaled(self.base, self.beta * beta)


for _fact in (
    *("convex", "elementwise", "smooth", "nonnegative", "bounded", "lowest", "highest", "ends", "shift_invariant"),
    *("linear", "even", "rectified", "growth", "domain", "checked"),
):
    setattr(Scaled, _fact, property(lambda self, name=_fact: getattr(self.base, name)))


guard(Lagrangian, arguments.LAGRANGIAN, arguments.FUNCTIONS)
