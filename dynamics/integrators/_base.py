"""What an integrator must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array, Number, rms
from ..inputs import Stretch
from ..network import Flow, Network, Point

States = dict[str, Array]

no_limit = 1e300  # the largest step of a method whose steps follow from its error


class Step(NamedTuple):
    """The point that a step leads to, and the error estimate (B,) where the method has one.

    A method that looks at changing currents b inside its step may say what they feed in, the integral over the step of
    sum (b - b_0) . g', and an estimate of its error: the work of the inputs is known from it to the method's own order.

    >>> import numpy as np
    >>> from hopfield.dynamics import Network, Population, Quadratic, Step
    >>> flow = Network({"x": Population(Quadratic(), 1)}).bound()
    >>> Step(flow.at({"x": np.ones(1)})).error is None
    True
    """

    point: Point
    error: Array | None = None
    fed: tuple[Array, Array] | None = None


@dataclass(frozen=True)
class Solution:
    """What an adapter gives back for a batch of B samples at T times; arrays of the network's library.

    Rows at save times that a sample did not reach may hold anything: `reached` says which these are.
    """

    times: np.ndarray  # (T,), or (T, B) for steps of each sample's own
    states: States  # (T, B, n) of the populations that were asked for
    energy: Array  # (T, B)
    energy_scale: Array  # (T, B)
    final: States  # (B, n) of every population
    reached: np.ndarray  # (B,) the times of `final`
    steps: np.ndarray  # (B,)
    evaluations: int
    rejected: int = 0
    notes: dict[str, Any] = field(default_factory=dict)
    failure: str = ""
    dissipated: tuple[Array, Array] | None = None  # with a stretch: D at the saved times (T, B), and at the end (B,)


def refuse_jumps(method: object, network: Network) -> None:
    """Raise where forces are discontinuous."""
    if network.kinks:
        raise ValueError(
            f"{type(method).__name__} stalls where forces jump, and those of {', '.join(network.kinks)} do. "
            'Use integrator="relaxation", which solves each step exactly across the jumps.'
        )


def refuse_tolerance(method: object, rtol: float, like: Array) -> None:
    """Raise where a relative tolerance lies below what the dtype can resolve."""
    eps = backend.epsilon(like)
    if rtol < 10 * eps:
        dtype = str(like.dtype).rsplit(".", maxsplit=1)[-1]
        wider = ', or compute in float64: memory.to(..., dtype="float64")' if eps > 1e-10 else ""
        raise ValueError(
            f"{type(method).__name__} has rtol={rtol:g}, which {dtype} cannot resolve: its rounding unit is "
            f"{eps:.2g}, and errors below some of those are noise. Give rtol >= {10 * eps:.2g}{wider}."
        )


def refuse_unstable(name: str, dt: float, network: Network) -> None:
    """Raise where equal steps of an explicit Runge-Kutta method of order 4, or a lesser one, cannot be stable."""
    decay = {n: p.fastest / p.leak for n, p in network.populations.items() if p.leak > 0}
    fastest = min(decay, key=lambda n: decay[n], default="")
    if len(network.populations) > 1 and network.flow == "local" and fastest and dt > 2.8 * decay[fastest]:
        raise ValueError(
            f"{name} with dt={dt:g} is unstable: population {fastest!r} relaxes in {decay[fastest]:g}, and an explicit "
            "step must stay below 2 or 3 times that. Give a shorter dt, or use Rosenbrock() or Relaxation(), which "
            "have no such limit."
        )


class Integrator(ABC):
    """A method that advances a batch of states by steps; `simulate` owns the loop, the clock and the records.

    A subclass is a frozen, hashable dataclass of settings: it decides which program is compiled.

    Attributes
    ----------
    dt : float
        The largest step in units of time; inf lets every step run to its limit, and time counts steps.
    jumps : bool
        Whether the method may step over discontinuous forces.
    adaptive : bool
        Whether steps give an error estimate, from which each sample's next step size follows; then
        `error_order` is the order of that estimate in dt, `rtol` and `atol` the tolerances, `max_steps` the
        most steps of a sample, and `remedy` the advice when they do not suffice.
    thermal : bool
        Whether its steps take the noise of a temperature, which the energy decides.
    evaluations : int
        Pairs of matrix products in a step.
    order : int
        Of a fixed step, for smooth forces.
    nodes : tuple of float
        The parts of a step at which the method looks at what changes in time (input currents, scheduled numbers). With
        one node these stand still during a step: in its middle, 0.5, that is of second order for any method. With
        several, `step` asks ``flow.when(part)`` for the flow at each, and its point is of the flow at the end,
        ``flow.when(1.0)``.
    drift : float
        The part of the state that the errors of steps without control may add up to before a run says so.

    Examples
    --------
    Heun's method, of a step that the guard does not shorten (`theta` is None unless it does):

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from hopfield.dynamics import Integrator, Network, Population, Quadratic, Step, simulate
    >>> @dataclass(frozen=True)
    ... class Heun(Integrator):
    ...     dt: float = 0.1
    ...     def step(self, flow, point, dt, theta=None):
    ...         v = flow.velocity(point)
    ...         w = flow.velocity(flow.at({name: x + dt * v[name] for name, x in point.states.items()}))
    ...         return Step(flow.at({name: x + dt * (v[name] + w[name]) / 2 for name, x in point.states.items()}))
    >>> decay = Network({"x": Population(Quadratic(), 1)})
    >>> simulate(decay, {"x": np.array([1.0])}, t1=1.0, integrator=Heun()).final["x"].round(3)
    array([0.369])
    """

    dt: float
    order: int = 1
    nodes: tuple[float, ...] = (0.5,)
    drift: float = 0.15
    jumps: bool = False
    adaptive: bool = False
    thermal: bool = False
    evaluations: int = 1
    error_order: float = 1.0
    rtol: float = 0.0
    atol: float = 0.0
    max_steps: int = 10**6
    remedy: str = ""

    def compiled_as(self) -> Integrator:
        """The method as it enters a compiled step, which is compiled anew where this one differs."""
        return self

    def check(self, flow: Flow, states: States) -> None:
        """Refuse, with the reason, a flow that the method cannot integrate."""
        if not self.jumps:
            refuse_jumps(self, flow.network)
        if self.adaptive:
            refuse_tolerance(self, self.rtol, next(iter(states.values())))

    @abstractmethod
    def step(self, flow: Flow, point: Point, dt: Number | None, theta: Array | None = None) -> Step:
        """One step of a batch.

        dt is None for an infinite step, (B, 1) for an adaptive method; theta (B, 1), where given, shortens
        each sample's displacement.
        """

    def shaken(self, flow: Flow, point: Point, dt: Number, kick: States) -> Step:
        """One step with noise: `kick` (B, n), by population, is what it adds to the states."""
        there = self.step(flow, point, dt).point.states
        return Step(flow.at({name: x + kick[name] if name in kick else x for name, x in there.items()}))

    def needs_guard(self, flow: Flow) -> bool:
        """Whether `simulate` should watch the energy of this flow unless it is told otherwise."""
        return False

    def controlled(self, flow: Flow) -> bool:
        """Whether the steps follow this flow, by error control or because they are exact.

        Of a method that does not, `simulate` adds up the errors and says when they are visible.
        """
        return True


class Solver(ABC):
    """An adapter to a library that owns the whole solve: it gives states at the times that are asked for.

    Attributes
    ----------
    rtol, atol : float
        Tolerances of its error control.
    stochastic : bool
        Whether it integrates noise, by `noisy`.

    Examples
    --------
    >>> from hopfield.dynamics import Scipy
    >>> isinstance(Scipy(), Solver)
    True
    """

    rtol: float = 0.0
    atol: float = 0.0
    stochastic = False
    thermal = False

    def noisy(
        self,
        network: Network,
        states: States,
        t1: float,
        save_at: np.ndarray | None,
        clamp: Mapping[str, Array],
        keep: Sequence[str],
        sigma: Mapping[str, np.ndarray],
        seed: int,
    ) -> Solution:
        """The same with noise sigma dW on some populations, for libraries that have it."""
        raise NotImplementedError(f"{self!r} integrates no noise.")

    def check(self, network: Network, states: States) -> None:
        """Refuse, with the reason, what the library cannot integrate."""
        refuse_jumps(self, network)
        refuse_tolerance(self, self.rtol, next(iter(states.values())))

    @abstractmethod
    def solve(
        self,
        network: Network,
        states: States,
        t1: float,
        save_at: np.ndarray | None,
        clamp: Mapping[str, Array],
        keep: Sequence[str],
        stretch: Stretch | None = None,
    ) -> Solution:
        """Integrate a batch (B, n) from 0 to t1; record the populations `keep` at `save_at` or at every step.

        Where something changes in time, `stretch` gives the network at any time s from 0 to t1, and what the flow takes
        of the energy is integrated too, D' = -(dE/dx) . x' with D = 0 at s = 0.
        """


def feeding(first: Flow, there: Flow, point: Point, velocity: States) -> Array:
    """The sum of (b - b_0) . g' over the populations, with g' = L'' x': what currents that were b_0 feed in."""
    total: Any = None
    for name, p in there.populations.items():
        before = first.populations[name].bias
        if p.bias is not None and p.bias is not before:
            turned = p.lagrangian.curvature(point.states[name], velocity[name])
            part = backend.namespace(turned).sum((p.bias - before) * turned, axis=-1)
            total = part if total is None else total + part
    like = next(iter(point.states.values()))
    return backend.namespace(like).zeros_like(like[..., 0]) if total is None else total


def error_norm(method: Integrator, error: dict[str, Array], before: dict[str, Array], after: dict[str, Array]) -> Array:
    """The largest over the populations of rms error/(atol + rtol max(rms x, rms x+)): never pooled over them."""
    xp, worst = backend.namespace(*error.values()), None
    for name, e in error.items():
        one, other = before[name], after[name]
        squares = xp.maximum(backend.dot(one, one), backend.dot(other, other))
        norm = rms(e) / (method.atol + method.rtol * xp.sqrt(squares / e.shape[-1]))
        worst = norm if worst is None else xp.maximum(worst, norm)
    return worst
