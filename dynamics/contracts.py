"""What a Lagrangian, a similarity and a synapse must be able to do; everything else just works from that."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from . import arguments, backend
from .backend import Array, Number
from .entry import guard
from .exact import Answer as Answer
from .exact import Response as Response
from .exact import exact_step as exact_step


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
    checked: bool = False
    neurons: int | None = None

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
        if isinstance(beta, float | int) and beta == 1:
            return self
        raise TypeError(f"{type(self).__name__} does not say how it scales: leave beta at 1 and put it into the value.")


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
    checked : bool
        Whether the pullback is known to be the derivative of the scores; otherwise the two are compared when a
        network with it is first run.
    far : {"", "bounded", "inward"}
        What is known of the force (ds/dg)^T f far out, for bounded f and g = x: that it stays bounded, or that with
        f >= 0 it pulls inward as g grows, ever more strongly where sum f does not vanish; "" where nobody says.

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

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard(cls, arguments.SIMILARITY)

    name: str = "custom"
    leak: float = 1.0
    smooth: bool = True
    distance: bool = False
    linear: bool = False
    positive: bool = False
    ray: bool = False
    checked: bool = False
    far: str = ""

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

    def answer(self, nonnegative: bool) -> Answer:
        """How the force on the value neurons depends on them with f frozen; `nonnegative` says that f >= 0 always."""
        return Answer("constant", falls=True) if self.linear else Answer()

    def response(self, memories: Any, g: Array, f: Array) -> Response:
        """The force on the value neurons with f frozen, in the form that `answer` says."""
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
        answer = self.answer(False)
        leak = self.leak if leak is None else leak
        if answer.kind == "frozen" or (answer.alone and (leak != 0 or drive is not None)):
            raise TypeError(f"The {self.name} similarity has no closed value step here; Relaxation guards its steps.")
        return exact_step(v, [self.response(memories, v, f)], leak, drive, ratio)

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

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard(cls, arguments.SYNAPSE)

    between: tuple[str, ...]
    checked: bool = False  # whether the forces are known to belong to the energy, so that nobody needs to compare them

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
        """Whether the forces are the gradient of the energy.

        Say False for forces that have no energy (one-way connections, a velocity field): the energy guard then
        stays away. Where it says True, `simulate` and `hopfield.analysis` compare `forces` with differences of
        `energy` when they first see the synapse, and refuse one whose forces belong to another energy.
        """
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

    def answer(self, position: int) -> Answer:
        """How the force on the population at `position` depends on that population with all others frozen."""
        return Answer("frozen" if self.couples(position) else "constant")

    def response(self, position: int, *g: Array, **shared: Any) -> Response:
        """The force on the population at `position` with all others frozen, in the form that `answer` says."""
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

    def extent(self, position: int) -> float | None:
        """The rms of a typical activation of a population, by which speeds are judged (None: nothing says)."""
        return None

    def ray(self, position: int) -> bool:
        """Whether only the direction of a population's activation counts."""
        return False

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """What is known of the force on the population at `position` when its state is far out.

        `bounded` says of each joined population whether its activation stays bounded, `identity` whether g = x in that
        one. The force is "bounded", or pulls "inward" in proportion to the distance; "" where nobody says.
        """
        return ""

    def magnitude(self, *g: Array, **shared: Any) -> Array:
        """Sizes of the numbers that cancel in the energy, for tolerances, shape (...)."""
        return backend.namespace(*g).abs(self.energy(*g, **shared))


guard(Lagrangian, arguments.LAGRANGIAN, arguments.FUNCTIONS)
guard(Similarity, arguments.SIMILARITY)
guard(Synapse, arguments.SYNAPSE)
