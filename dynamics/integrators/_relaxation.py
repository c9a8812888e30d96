r"""Relaxation: populations one after the other, each solved exactly with the others frozen.

Freezing all but one population leaves a linear equation (or a rotation, or a weighted median) whose exact
solution is known, so that a step of any size costs one evaluation. For the memory neurons

    h+ = s + e^(-l_h dt/tau_h) (h - s),    s = (sim(M, g) + b_h)/l_h,

and then the value neurons with the new f. Why the energy falls for every dt: on the segment from h to s,
dE/ds = -(1 - s) (S - h) . L_h'' (S - h) <= 0, so every point of it lies lower; the same holds for v where
-f . sim is linear or concave in g, and where it is convex and quadratic the step is its exact minimiser.
Order matters: both at once from the old state (Jacobi) raises the energy without bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .. import backend
from ..backend import Array, Number, shown
from ..doors import behind, flag, number, settle
from ..network import Flow, Point, Population, Wire
from ..synapses import Answer, Response, decayed, exact_step
from ._base import Integrator, States, Step, error_norm, refuse_tolerance


@dataclass(frozen=True)
class Relaxation(Integrator):
    r"""Exact steps of one population at a time (Gauss-Seidel); the energy falls for every dt > 0.

    Parameters
    ----------
    dt : float
        Largest step, in units of time; ``inf`` is the update rule of the discrete models (attention for
        dot and softmax), and time then counts updates.
    order : {1, 2}
        1: last population to first (Lie). 2: half steps before and after (Strang), of second order where every
        step is exact with the others frozen (dot, euclidean, cosine without leak, kl). A force that a population
        exerts on itself and that has no exact step (W g, the other divergences, functions of your own) is then taken
        at half a step, which is of second order too; so are the weights of memory neurons in equilibrium
        (tau_memory=0). For those the energy guard stands in for the theorem, which is of weights at the beginning of
        a step. Manhattan's step keeps order 1.
    adaptive : bool
        Take the Strang step, and each sample's next step size from its distance to the Lie step (for one
        population: two half steps against one). `dt` is then the largest step.
    rtol, atol : float
        For adaptive steps: rms difference <= atol + rtol rms x in every population. Where memory neurons are
        fast the Lie step lags behind by what h moves in a step, so that the value neurons come out more
        accurate than this says.

    Notes
    -----
    Cost: one evaluation of similarity and force a step, as Euler, with no stiffness limit where steps are exact.
    Guarantee: none needed beyond convex Lagrangians for dot (with leak > 0 when dt = inf); euclidean and manhattan
    also need f >= 0; cosine needs leak 0 and no bias; tau_memory=0 needs order 1. Elsewhere `simulate` switches its
    energy guard on, and says
    when the steps were too long for the flow: a frozen force is Euler's.

    >>> import numpy as np
    >>> from hopfield.dynamics import simulate
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> run = simulate(memory, np.array([0.9, 0.2, 0.1]), t1=3, integrator=Relaxation(dt=np.inf))
    >>> run.states["value"][-1].round(2)
    array([1., 0., 0.])
    """

    dt: float = 0.1
    order: int = 1
    adaptive: bool = False
    rtol: float = 1e-2
    atol: float = 1e-6
    jumps = True
    error_order = 2.0
    max_steps = 1_000_000
    remedy = "Loosen rtol, or use Rosenbrock(), whose error falls faster with the step."

    def __post_init__(self) -> None:
        settle(self, number, "dt", above=0, infinite=True)
        settle(self, flag, "adaptive")
        if self.adaptive and math.isinf(self.dt):
            raise ValueError("Adaptive steps follow the trajectory, dt = inf jumps to its limits: give a finite dt.")
        settle(self, number, "rtol", "atol", above=0)
        if isinstance(self.order, bool) or not isinstance(self.order, int) or self.order not in (1, 2):
            raise ValueError(f"order must be 1 (Lie) or 2 (Strang), got {shown(self.order)}.")

    @property
    def evaluations(self) -> int:
        """Pairs of matrix products in a step."""
        return 2 if self.adaptive else 1

    def compiled_as(self) -> Integrator:
        """Without its dt, unless that is infinite: steps are given theirs, and the default's follows from a tau."""
        return self if math.isinf(self.dt) else replace(self, dt=1.0)

    def check(self, flow: Flow, states: States) -> None:
        """Refuse a flow and steps that have no closed form or no limit."""
        if self.adaptive:
            refuse_tolerance(self, self.rtol, next(iter(states.values())))
        if flow.network.flow != "local":
            raise ValueError(
                "Relaxation solves the local flow; this network has flow='gradient'. "
                "Use RungeKutta(), or build the network with flow='local'."
            )
        if math.isinf(self.dt):
            for own in flow.once(_equations):
                if not own.limit and not _held(flow, own.name):
                    raise ValueError(
                        f"dt = inf has no limit for population {own.name!r}: it has leak 0, and a step holds the force "
                        "on it constant, so that its state runs away. Give a finite dt, or leak > 0."
                    )

    def needs_guard(self, flow: Flow) -> bool:
        """Where there is an energy and the module's argument does not cover every population."""
        ahead = self.order == 2 and not math.isinf(self.dt) and any(own.midpoint for own in flow.once(_equations))
        return flow.network.conservative and (ahead or not guaranteed(flow))

    def controlled(self, flow: Flow) -> bool:
        """Whether the steps follow the flow by their exactness or by their size."""
        return self.adaptive or math.isinf(self.dt) or exact(flow)

    def step(self, flow: Flow, point: Point, dt: Number | None, theta: Array | None = None) -> Step:
        """One sweep over the populations, or two half sweeps, or both for their difference."""
        if not self.adaptive:
            return Step(_sweep(flow, point, dt, theta, self.order))
        coarse = _sweep(flow, point, dt, theta, 1)
        if len(flow.populations) > 1:
            fine = _sweep(flow, point, dt, theta, 2)
        else:  # with one population both are the same step: compare with two half steps
            half = dt / 2  # type: ignore[operator]
            fine = _sweep(flow, _sweep(flow, point, half, theta, 1), half, theta, 1)
        gap = {name: x - coarse.states[name] for name, x in fine.states.items()}
        return Step(fine, error_norm(self, gap, point.states, fine.states))

    def end(self, flow: Flow, point: Point, dt: Number | None) -> Point:
        """The point after a step without error control, for its states and activations: signals may be of before."""
        return _sweep(flow, point, dt, None, self.order, last=False)


class Equation(NamedTuple):
    """One population's equation with the others frozen, as far as it is known without looking at a state.

    `closed` says that there is one formula for all its forces, each in the form that its answer says; `guaranteed` that
    its solution lowers the energy after any time, `limit` that it comes to rest, and `midpoint` that a step of order 2
    takes the forces at half a step: where they are frozen and promise nothing for it, or their weights are.
    """

    name: str
    forces: list[Callable[..., Array]]  # of the synapses that reach it, of activations and signals
    responses: list[Callable[..., Response]]  # the same in the form that their answers say
    refresh: list[Wire]  # the synapses whose signal depends on it
    activate: Callable[[Array], Array] | None  # None where g = x
    answers: list[Answer]
    closed: bool
    exact: bool
    guaranteed: bool
    limit: bool
    midpoint: bool
    plain: bool  # whether its forces are constant and its leak is not 0
    gain: Number
    tau: Any

    def solved(self, flow: Flow, point: Point, ratio: Number | None) -> Array:
        """Its state after dt = ratio tau (None: for ever)."""
        p, (states, g, signals) = flow.network.populations[self.name], point
        x = states[self.name]
        if self.plain:
            force = p.bias
            for part in self.forces:
                force = part(g, signals) if force is None else force + part(g, signals)
            return decayed(x, force, p.leak, ratio)
        if self.closed:
            responses = [respond(g, signals) for respond in self.responses]
        else:  # freeze the whole force instead; the guard watches
            responses = [Response(flow.pull(point, self.name))]
        constant = all(r.step is None and isinstance(r.stiffness, float) for r in responses)
        if p.leak == 0 and constant and not p.lagrangian.identity and not p.by_neuron:
            force = exact_step(backend.namespace(x).zeros_like(x), responses, 0.0, p.bias, 1.0)
            return p.lagrangian.leakless_step(x, force, ratio)
        new = exact_step(x, responses, p.leak, p.bias, ratio, self.gain)
        if p.leak == 0 and p.lagrangian.shift_invariant:  # as in the velocity, no drift along the constants
            new = x + p.lagrangian.tangent(x, new - x)
        return new


def exact(flow: Flow) -> bool:
    """Whether every population's equation with the others frozen is solved exactly, by what its parts say.

    >>> import numpy as np
    >>> from hopfield.dynamics import LogCosh, Network, Population, Recurrent
    >>> from hopfield.models import ModernHopfield
    >>> wild = Network({"x": Population(LogCosh(), 2)}, [Recurrent(("x",), np.eye(2))])
    >>> exact(ModernHopfield(np.eye(2)).network.bound()), exact(wild.bound())
    (True, False)
    """
    return all(own.exact for own in flow.once(_equations))


def guaranteed(flow: Flow) -> bool:
    """Whether the module's argument, that the energy falls for every dt, covers every population that moves."""
    return all(_covered(flow, own) for own in flow.once(_equations) if not _held(flow, own.name))


def _covered(flow: Flow, own: Equation) -> bool:
    # Part of a population may be held only where its neurons do not see one another.
    apart = flow.populations[own.name].lagrangian.elementwise and not any(answer.alone for answer in own.answers)
    return own.guaranteed and (own.name not in flow.clamp or apart)


def _held(flow: Flow, name: str) -> bool:
    return name in flow.clamp and bool(backend.to_numpy(flow.clamp[name]).all())


def _equations(flow: Flow) -> list[Equation]:
    """One for each population, in the order of a sweep: the last first."""
    return [_equation(flow, name) for name in reversed(flow.populations)]


def _equation(flow: Flow, name: str) -> Equation:
    p = flow.populations[name]
    ends = [(wire, k) for wire in flow.wires for k, joined in enumerate(wire.between) if joined == name]
    answers = [wire.synapse.answer(k) for wire, k in ends]
    # A synapse that joins the population to itself by two of its ends is not seen when others are frozen.
    once = all(wire.between.count(name) < 2 for wire, _ in ends)
    closed, frozen = _is_closed(p, answers), any(answer.kind == "frozen" for answer in answers)
    falls = p.lagrangian.convex is True and once and closed and all(answer.falls for answer in answers)
    falls = falls and (p.lagrangian.elementwise or not p.by_neuron)  # else the way to the solution is no straight line
    moves = any(answer.kind not in ("constant", "frozen") for answer in answers)
    logarithmic = any(answer.kind == "logarithmic" for answer in answers) and p.lagrangian.log_gain is not None
    return Equation(
        name=name,
        forces=[wire.bound(wire.force, k) for wire, k in ends],
        responses=[wire.bound(wire.response, k) for wire, k in ends],
        refresh=[wire for wire in flow.wires if name in wire.seen],
        activate=None if p.lagrangian.identity else behind(p.lagrangian.activation),
        answers=answers,
        closed=closed,
        exact=closed and once and not frozen,
        guaranteed=falls,
        limit=p.leak > 0 or (closed and (moves or p.lagrangian.rests)),
        midpoint=((frozen or not closed) and not falls) or (closed and _weighted(answers)),
        plain=closed and p.leak > 0 and not moves,
        gain=p.lagrangian.log_gain if logarithmic else 1.0,
        tau=p.tau,
    )


def _weighted(answers: list[Answer]) -> bool:
    """Whether weights are frozen in a step that is exact but for them; a sum of signs takes an implicit step."""
    return any(answer.weighted and answer.kind != "frozen" and answer.degree > 0 for answer in answers)


def _is_closed(p: Population, answers: list[Answer]) -> bool:
    own = [answer for answer in answers if answer.kind == "own"]
    if p.by_neuron and (own or (p.leak == 0 and not p.lagrangian.identity)):  # these turn all neurons together
        return False
    affine = [answer for answer in answers if answer.kind in ("affine", "logarithmic")]
    if not own and not affine:
        return p.leak != 0 or p.lagrangian.leakless
    if any(answer.kind == "logarithmic" for answer in affine):
        every = all(answer.kind == "logarithmic" for answer in affine)
        return not own and p.lagrangian.log_gain is not None and every
    if not p.lagrangian.identity or len(own) > 1:
        return False
    return (p.bias is None and p.leak == 0 and len(answers) == 1) or not any(answer.alone for answer in own)


def _sweep(flow: Flow, point: Point, dt: Number | None, theta: Array | None, order: int, *, last: bool = True) -> Point:
    """The populations one after the other; of order 2 in half steps there and back.

    `last` says whether the signals that the last one changes are wanted.
    """
    states, g, signals = point = Point(dict(point.states), dict(point.activations), dict(point.signals))
    clamp, visits = flow.clamp, flow.once(_there if order == 1 else _there_and_back)
    for visit, (own, part) in enumerate(visits, 1):
        name = own.name
        ratio = None if dt is None else dt * part / own.tau
        if dt is None and not own.limit and name in clamp:
            continue  # held as a whole: `check` saw to it
        at = point
        if own.midpoint and order == 2 and dt is not None:
            at = flow.moved(point, name, own.solved(flow, point, ratio / 2))  # type: ignore[operator]
            at.states[name] = states[name]
        x, new = states[name], own.solved(flow, at, ratio)
        if theta is not None:
            new = x + theta * (new - x)
        if name in clamp:
            new = backend.namespace(x).where(clamp[name], x, new)
        states[name], g[name] = new, new if own.activate is None else own.activate(new)
        for wire in own.refresh if last or visit < len(visits) else ():
            signals[wire.key] = wire.signal(*wire.joined(g))
    return point


def _there(flow: Flow) -> list[tuple[Equation, float]]:
    return [(own, 1.0) for own in flow.once(_equations)]


def _there_and_back(flow: Flow) -> list[tuple[Equation, float]]:
    """Half steps to the first population, whose step is whole, and back."""
    visits = _there(flow)
    there = [(own, 0.5) for own, _ in visits[:-1]]
    return [*there, visits[-1], *reversed(there)]
