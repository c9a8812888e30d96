"""What a Lagrangian, a similarity and a synapse must be able to do; everything else just works from that."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import backend
from .backend import Array, Number


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

    @abstractmethod
    def value(self, x: Array) -> Array:
        """L(x): shape (..., n) to (...)."""

    def activation(self, x: Array) -> Array:
        """The gradient g = dL/dx, shape (..., n)."""
        return backend.gradient(self.value, x, f"{type(self).__name__}.activation")

    def curvature(self, x: Array, u: Array) -> Array:
        """The curvature product L''(x) u, shape (..., n)."""
        return backend.directional(self.activation, x, u, f"{type(self).__name__}.curvature")

    def linearised(self, x: Array, g: Array) -> Callable[[Array], Array]:
        """u -> L''(x) u for many u at one state, whose activation g is known."""
        return lambda u: self.curvature(x, u)

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

    def scaled(self, beta: Number) -> Lagrangian:
        """The Lagrangian L(beta x)/beta, whose activation is g(beta x)."""
        if isinstance(beta, float | int) and beta == 1:
            return self
        raise TypeError(f"{type(self).__name__} does not say how it scales: leave beta at 1 and put it into the value.")


class Response(NamedTuple):
    """How the force on one population depends on that population's own activation g.

    The force is ``drive - stiffness * g``, or has a `step` of its own.

    Attributes
    ----------
    drive : array (..., n) or None
        The part frozen during a step; None where there is a `step`.
    stiffness : array (..., 1) or 0.0
        The factor c in ``drive - c g``.
    step : callable or None
        ``step(x, drive, leak, ratio)`` solves tau x' = force - leak x + drive exactly over dt = ratio tau
        (ratio None: for ever), for g = x. `drive` is None or what other sources add.
    free : bool
        Whether `step` is exact only without leak and without further drive.
    falls : bool
        Whether such a step lowers the energy for every step size.
    logarithmic : bool
        Whether `stiffness` multiplies ln g in place of g.
    """

    drive: Any
    stiffness: Any = 0.0
    step: Callable[..., Array] | None = None
    free: bool = False
    falls: bool = False
    logarithmic: bool = False


def exact_step(
    x: Array, responses: Sequence[Response], leak: float, drive: Array | None, ratio: Number | None, gain: Number = 1.0
) -> Array:
    """The exact solution of tau x' = drive + forces - leak x after dt = ratio tau (None: for ever).

    For g = x, or for logarithmic responses where ln g = gain x up to a constant.

    Affine forces F - c g give x+ = e^(-z) x + F (1 - e^(-z))/(l + c) with z = (l + c) dt/tau, of which nothing
    is left but F/(l + c) when z is large; one response may have a step of its own.
    """
    xp = backend.namespace(x)
    own = None
    rate: Any = float(leak)
    for answer in responses:
        if answer.step is not None:
            own = answer.step
        else:
            drive = answer.drive if drive is None else drive + answer.drive
            if not isinstance(answer.stiffness, float):
                rate = rate + (gain * answer.stiffness if answer.logarithmic else answer.stiffness)
    if own is not None:
        return own(x, drive, rate, ratio)
    force = xp.zeros_like(x) if drive is None else drive
    if getattr(force, "shape", ()) != x.shape:  # an input current alone
        force = force + xp.zeros_like(x)
    if isinstance(rate, float) and rate == 0:
        if ratio is None:
            raise ValueError("With leak 0 and a constant force the state runs away: dt = inf has no limit.")
        return x + ratio * force
    if isinstance(rate, float):
        if ratio is None:
            return force / rate
        expm1 = math.expm1 if isinstance(ratio, float | int) else xp.expm1
        gone = -expm1(-rate * ratio)
        return (1 - gone) * x + force * (gone / rate)
    moves = rate > 0
    safe = xp.where(moves, rate, 1.0)
    if ratio is None:
        return xp.where(moves, force / safe, x)
    gone = xp.where(moves, -xp.expm1(-safe * ratio), rate * ratio)
    return (1 - gone) * x + force * xp.where(moves, gone / safe, ratio)


class Similarity(backend.Extensible, ABC):
    r"""A similarity s_i(g) between a vector g and each stored pattern M_i; larger is more similar.

    `memories` below is a matrix (N, I), or what `prepare` made of it. `scores` is enough on JAX and
    PyTorch; the rest is derived from it. Shapes: g, u are (..., I); f and scores are (..., N).

    Attributes
    ----------
    name : str
        The name in the `repr` and in files.
    leak : float
        The leak of the value population for which stored patterns are fixed points.
    smooth : bool
        Whether the scores have a continuous derivative.
    distance : bool
        Whether it is a negated distance: weights f of both signs then repel.
    linear : bool
        Whether the scores are linear in g.
    positive : bool
        Whether patterns and activations must be positive.
    ray : bool
        Whether only the direction of g counts, so that without leak the speed at g is of the size 1/\|g\|.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> class Overlap(Similarity):
    ...     name = "overlap"
    ...     def scores(self, memories, g):
    ...         return g @ memories.T / memories.shape[-1]
    ...     def pullback(self, memories, g, f):
    ...         return f @ memories / memories.shape[-1]
    >>> UniversalHopfield(np.eye(2), Overlap(), beta=9.0).recall(np.array([1.0, 0.0])).round(3)
    array([0.989, 0.011])
    """

    name: str = "custom"
    leak: float = 1.0
    smooth: bool = True
    distance: bool = False
    linear: bool = False
    positive: bool = False
    ray: bool = False

    def prepare(self, memories: Array) -> Any:
        """What can be computed once for all queries (norms, unit rows, sorted columns)."""
        return memories

    @abstractmethod
    def scores(self, memories: Any, g: Array) -> Array:
        """The similarities s_i(g), shape (..., N)."""

    def pullback(self, memories: Any, g: Array, f: Array) -> Array:
        """(ds/dg)^T f: the force on the value neurons, shape (..., I)."""
        xp = backend.namespace(g)
        g, f = backend.batched(g, f)
        return backend.gradient(lambda y: xp.sum(f * self.scores(memories, y), axis=-1), g, f"{self.name}.pullback")

    def pushforward(self, memories: Any, g: Array, u: Array) -> Array:
        """(ds/dg) u: how the scores change along u, shape (..., N)."""
        return backend.directional(lambda y: self.scores(memories, y), g, u, f"{self.name}.pushforward")

    def curvature(self, memories: Any, g: Array, f: Array, u: Array) -> Array:
        """(sum_i f_i d2s_i/dg2) u, shape (..., I)."""
        return backend.directional(lambda y: self.pullback(memories, y, f), g, u, f"{self.name}.curvature")

    def kink(self, memories: Any, g: Array, f: Array) -> Array | None:
        """Half the width of the set of forces where the scores have a kink (None: there are no kinks)."""
        return None

    def response(self, memories: Any, g: Array, f: Array, nonnegative: bool) -> Response:
        """The force on the value neurons with f frozen; ``nonnegative`` says that f >= 0 always."""
        return Response(self.pullback(memories, g, f))

    def value_step(
        self,
        memories: Any,
        v: Array,
        f: Array,
        *,
        ratio: Number | None,
        leak: float | None = None,
        drive: Any = None,
    ) -> Array:
        """The exact solution of the value equation with f frozen after dt = ratio tau_value (None: for ever).

        Raises TypeError for a similarity that has no closed form.
        """
        answer = self.response(memories, v, f, False)
        leak = self.leak if leak is None else leak
        if type(self).response is Similarity.response or (answer.free and (leak != 0 or drive is not None)):
            raise TypeError(f"The {self.name} similarity has no closed value step here; Relaxation guards its steps.")
        return exact_step(v, [answer], leak, drive, ratio)

    def magnitude(self, memories: Any, g: Array, scores: Array) -> Array:
        """Sizes of the numbers that cancel in the scores, for tolerances, shape (..., N)."""
        return backend.namespace(scores).abs(scores)


class Synapse(backend.Extensible, ABC):
    r"""An interaction energy E_s(g_a, g_b, ...) of the activations of the populations that it joins.

    A subclass gives `between` (the names of those populations) and `energy`; `forces` is derived on JAX
    and PyTorch, and must be given on NumPy.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import Network, Population, Quadratic
    >>> class DoubleWell(Synapse):
    ...     between = ("x",)
    ...     def energy(self, g):
    ...         return ((g**2 - 1) ** 2).sum(-1) / 4
    ...     def forces(self, g):
    ...         return (g - g**3,)
    >>> network = Network({"x": Population(Quadratic(), 1, leak=0.0)}, [DoubleWell()])
    >>> network.velocity({"x": np.array([0.5])})["x"]
    array([0.375])
    """

    between: tuple[str, ...]

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The number of neurons that each joined population must have (None: any)."""
        return (None,) * len(self.between)

    @property
    def signal_of(self) -> tuple[int, ...]:
        """Positions of the populations on which `signal` depends."""
        return tuple(range(len(self.between)))

    @property
    def smooth(self) -> bool:
        """Whether the forces are continuous."""
        return True

    @property
    def conservative(self) -> bool:
        """Whether the forces are the gradient of the energy."""
        return True

    def signal(self, *g: Array) -> Any:
        """What energy and forces share (the scores), so that it is computed once; None if nothing."""
        return None

    @abstractmethod
    def energy(self, *g: Array) -> Array:
        """E_s, shape (...)."""

    def forces(self, *g: Array) -> tuple[Array, ...]:
        """-dE_s/dg for each joined population."""
        xp = backend.namespace(*g)

        def alone(position: int) -> Callable[[Array], Array]:
            return lambda y: self.energy(*g[:position], y, *g[position + 1 :])

        what = f"{type(self).__name__}.forces"
        return tuple(xp.negative(backend.gradient(alone(k), g[k], what)) for k in range(len(g)))

    def energy_gradient(self, *g: Array, **shared: Any) -> tuple[Array, ...]:
        """dE_s/dg; differs from ``-forces`` only for a coupling that is not the gradient of an energy."""
        return tuple(-force for force in self.forces(*g, **shared))

    def response(self, position: int, *g: Array, **shared: Any) -> Response:
        """The force on the population at ``position`` with all others frozen."""
        return Response(self.forces(*g, **shared)[position])

    def couples(self, position: int) -> bool:
        """Whether the force on the population at `position` depends on that population's own activation."""
        return True

    def block(self, target: int, source: int, u: Array, *g: Array, **shared: Any) -> Array | None:
        """How the force on the population at `target` changes along u in the activation at `source`.

        None where it does not depend on it; derived from `forces` on JAX and PyTorch.
        """
        u, *wide = backend.batched(u, *g)

        def force(y: Array) -> Array:
            return self.forces(*wide[:source], y, *wide[source + 1 :])[target]

        return backend.directional(force, wide[source], u, f"{type(self).__name__}.block")

    def kink(self, position: int, *g: Array, **shared: Any) -> Array | None:
        """Half the width of the set of forces on a population at a kink of the energy (None: no kinks)."""
        return None

    def magnitude(self, *g: Array, **shared: Any) -> Array:
        """Sizes of the numbers that cancel in the energy, for tolerances, shape (...)."""
        return backend.namespace(*g).abs(self.energy(*g, **shared))
