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
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .. import backend
from ..backend import Array, Number
from ..contracts import Answer, Response, exact_step
from ..doors import flag, number, settle, shown
from ..network import Evaluation, Network
from .base import Integrator, States, Step, error_norm, refuse_tolerance


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
        at half a step, which is of second order too. Two keep order 1: memory neurons in equilibrium
        (tau_memory=0), whose weights stand still during a step so that the energy falls, and Manhattan's step.
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
    also need f >= 0; cosine needs leak 0 and no bias. Elsewhere `simulate` switches its energy guard on, and says
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

    def check(self, network: Network, states: States, clamp: Mapping[str, Any]) -> None:
        """Refuse a flow and steps that have no closed form or no limit."""
        if self.adaptive:
            refuse_tolerance(self, self.rtol, next(iter(states.values())))
        if network.flow != "local":
            raise ValueError(
                "Relaxation solves the local flow; this network has flow='gradient'. "
                "Use RungeKutta(), or build the network with flow='local'."
            )
        if math.isinf(self.dt):
            for name in network.populations:
                if not _has_limit(network, name) and not _held(clamp, name):
                    raise ValueError(
                        f"dt = inf has no limit for population {name!r}: it has leak 0 and a constant force, so its "
                        "state runs away. Give a finite dt, or leak > 0."
                    )

    def needs_guard(self, network: Network, states: States, clamp: Mapping[str, Any]) -> bool:
        """Where there is an energy and the module's argument does not cover every population."""
        return network.conservative and not guaranteed(network, clamp)

    def controlled(self, network: Network) -> bool:
        """Whether the steps follow the flow by their exactness or by their size."""
        return self.adaptive or math.isinf(self.dt) or exact(network)

    def step(
        self,
        network: Network,
        states: States,
        evaluation: Evaluation,
        dt: Number | None,
        theta: Array | None,
        clamp: Mapping[str, Array],
    ) -> Step:
        """One sweep over the populations, or two half sweeps, or both for their difference."""
        if not self.adaptive:
            return self._sweep(network, states, evaluation, dt, theta, clamp, self.order)
        coarse = self._sweep(network, states, evaluation, dt, theta, clamp, 1)
        if len(network.populations) > 1:
            fine = self._sweep(network, states, evaluation, dt, theta, clamp, 2)
        else:  # with one population both are the same step: compare with two half steps
            half = dt / 2  # type: ignore[operator]
            fine = self._sweep(network, states, evaluation, half, theta, clamp, 1)
            fine = self._sweep(network, fine.states, fine.evaluation, half, theta, clamp, 1)
        gap = {name: x - coarse.states[name] for name, x in fine.states.items()}
        return fine._replace(error=error_norm(self, gap, states, fine.states))

    def _sweep(
        self,
        network: Network,
        states: States,
        evaluation: Evaluation,
        dt: Number | None,
        theta: Array | None,
        clamp: Mapping[str, Array],
        order: int,
    ) -> Step:
        sweep = list(reversed(network.populations))
        if order == 1:
            visits = [(name, 1.0) for name in sweep]
        else:
            visits = [(n, 0.5) for n in sweep[:-1]] + [(sweep[-1], 1.0)] + [(n, 0.5) for n in reversed(sweep[:-1])]
        for name, part in visits:
            p = network.populations[name]
            ratio = None if dt is None else dt * part / p.tau
            x = states[name]
            if dt is None and name in clamp and not _has_limit(network, name):
                continue  # held as a whole: `check` saw to it
            at = evaluation
            if order == 2 and dt is not None and _is_midpoint(network, name):
                at = network.update(evaluation, name, _solve(network, name, x, evaluation, ratio / 2))  # type: ignore[operator]
            new = _solve(network, name, x, at, ratio)
            if theta is not None:
                new = x + theta * (new - x)
            if name in clamp:
                new = backend.namespace(x).where(clamp[name], x, new)
            states = {**states, name: new}
            evaluation = network.update(evaluation, name, new)
        return Step(states, evaluation)


def exact(network: Network) -> bool:
    """Whether every population's equation with the others frozen is solved exactly, by what its parts say.

    >>> import numpy as np
    >>> from hopfield.dynamics import LogCosh, Population, Recurrent
    >>> from hopfield.models import ModernHopfield
    >>> wild = Network({"x": Population(LogCosh(), 2)}, [Recurrent(("x",), np.eye(2))])
    >>> exact(ModernHopfield(np.eye(2)).network), exact(wild)
    (True, False)
    """
    return all(
        _is_closed(network, name)
        and _is_once(network, name)
        and all(a.kind != "frozen" for a in _answers(network, name))
        for name in network.populations
    )


def guaranteed(network: Network, clamp: Mapping[str, Any]) -> bool:
    """Whether the module's argument, that the energy falls for every dt, covers every population that moves."""
    return all(_is_guaranteed(network, name, clamp) for name in network.populations if not _held(clamp, name))


def _answers(network: Network, name: str) -> list[Answer]:
    """What the synapses say beforehand of the forces on a population."""
    synapses = network.synapses.values()
    return [s.answer(k) for s in synapses for k, joined in enumerate(s.between) if joined == name]


def _responses(network: Network, name: str, evaluation: Evaluation) -> list[Response]:
    found = []
    for key, synapse in network.synapses.items():
        g, shared = network.joined(synapse, evaluation.activations), network.shared(key, evaluation)
        found += [synapse.response(k, *g, **shared) for k, joined in enumerate(synapse.between) if joined == name]
    return found


def _has_limit(network: Network, name: str) -> bool:
    """Whether the population comes to rest with the others frozen."""
    p = network.populations[name]
    if p.leak > 0:
        return True
    moves = [a for a in _answers(network, name) if a.kind not in ("constant", "frozen")]
    return _is_closed(network, name) and (bool(moves) or p.lagrangian.rests)


def _is_closed(network: Network, name: str) -> bool:
    """Whether there is one formula for all forces on the population, each in the form that its answer says."""
    p, answers = network.populations[name], _answers(network, name)
    own = [a for a in answers if a.kind == "own"]
    affine = [a for a in answers if a.kind in ("affine", "logarithmic")]
    if not own and not affine:
        return p.leak != 0 or p.lagrangian.leakless
    if any(a.kind == "logarithmic" for a in affine):
        return not own and p.lagrangian.log_gain is not None and all(a.kind == "logarithmic" for a in affine)
    if not p.lagrangian.identity or len(own) > 1:
        return False
    return (p.bias is None and p.leak == 0 and len(answers) == 1) or not any(a.alone for a in own)


def _is_once(network: Network, name: str) -> bool:
    """Whether no synapse joins the population to itself by two of its ends, which freezing others would not see."""
    return all(synapse.between.count(name) < 2 for synapse in network.synapses.values())


def _is_midpoint(network: Network, name: str) -> bool:
    """Whether a step of order 2 takes the forces at half a step: where they are frozen and promise nothing for it."""
    frozen = not _is_closed(network, name) or any(a.kind == "frozen" for a in _answers(network, name))
    return frozen and not _is_guaranteed(network, name, {})


def _solve(network: Network, name: str, x: Array, evaluation: Evaluation, ratio: Number | None) -> Array:
    p = network.populations[name]
    if _is_closed(network, name):
        responses = _responses(network, name, evaluation)
    else:  # freeze the whole force instead; the guard watches
        responses = [Response(_force(network, name, evaluation))]
    constant = all(r.step is None and isinstance(r.stiffness, float) for r in responses)
    if p.leak == 0 and constant and not p.lagrangian.identity:
        force = exact_step(backend.namespace(x).zeros_like(x), responses, 0.0, p.bias, 1.0)
        return p.lagrangian.leakless_step(x, force, ratio)
    gain = 1.0
    if any(a.kind == "logarithmic" for a in _answers(network, name)) and p.lagrangian.log_gain is not None:
        gain = p.lagrangian.log_gain
    new = exact_step(x, responses, p.leak, p.bias, ratio, gain)
    if p.leak == 0 and p.lagrangian.shift_invariant:  # as in the velocity, no drift along the constants
        new = x + p.lagrangian.tangent(x, new - x)
    return new


def _force(network: Network, name: str, evaluation: Evaluation) -> Array:
    """All forces on a population together, as they are."""
    force: Any = None
    for key, synapse in network.synapses.items():
        if name in synapse.between:
            found = synapse.forces(*network.joined(synapse, evaluation.activations), **network.shared(key, evaluation))
            for joined, part in zip(synapse.between, found, strict=True):
                if joined == name:
                    force = part if force is None else force + part
    return force


def _is_guaranteed(network: Network, name: str, clamp: Mapping[str, Any]) -> bool:
    p, answers = network.populations[name], _answers(network, name)
    # Part of a population may be held only where its neurons do not see one another.
    free = name not in clamp or (p.lagrangian.elementwise and not any(a.alone for a in answers))
    convex = p.lagrangian.convex is True
    return convex and free and _is_once(network, name) and all(a.falls for a in answers) and _is_closed(network, name)


def _held(clamp: Mapping[str, Any], name: str) -> bool:
    return name in clamp and bool(backend.to_numpy(clamp[name]).all())
