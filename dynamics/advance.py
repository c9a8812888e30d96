"""What is compiled of a run: the beginning, one step with all that is asked of it, and the choice of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from . import backend
from .backend import Array
from .drift import bend_of
from .integrators.base import Integrator
from .network import Evaluation, Network
from .scale import rms


@dataclass(frozen=True)
class Program:
    """What decides a compiled step: hashable, and the same for every step of a run."""

    method: Integrator
    energy: bool
    drift: bool = False


class Outcome(NamedTuple):
    """What one compiled call gives; `finite` (B,), and by population how far velocities bend over the step."""

    states: dict[str, Array]
    evaluation: Evaluation
    error: Any
    energy: Any
    scale: Any
    finite: Array
    bend: Any


def advance(
    program: Program,
    network: Network,
    states: dict[str, Array],
    evaluation: Evaluation,
    dt: Any,
    theta: Any,
    clamp: dict[str, Array],
) -> Outcome:
    """One step of a batch, with its energy and the change of its velocity where the program asks for them."""
    step = program.method.step(network, states, evaluation, dt, theta, clamp)
    energy = network.energy(step.states, step.evaluation) if program.energy else None
    scale = network.energy_scale(step.states, step.evaluation) if program.energy else None
    finite: Any = None
    for x in step.states.values():
        xp = backend.namespace(x)
        whole = xp.all(xp.isfinite(x), axis=-1)
        finite = whole if finite is None else finite & whole
    bend = None
    if program.drift:
        before, after = (
            network.velocity(states, clamp, evaluation),
            network.velocity(step.states, clamp, step.evaluation),
        )
        bend = {n: (bend_of(program.method, dt, before[n], after[n]), rms(step.states[n])) for n in states}
    return Outcome(step.states, step.evaluation, step.error, energy, scale, finite, bend)


def begin(_: None, network: Network, states: dict[str, Array]) -> Any:
    """What is known at the start: the evaluation, the energy and its scale."""
    evaluation = network.evaluate(states)
    return evaluation, network.energy(states, evaluation), network.energy_scale(states, evaluation)


def choose(_: None, accepted: Array, new: Any, old: Any) -> Any:
    """The rows of `new` where accepted, else of `old`, in structures of the same shape."""

    def pick(a: Array, b: Array) -> Array:
        xp = backend.namespace(a)
        return xp.where(xp.reshape(accepted, (-1,) + (1,) * (a.ndim - 1)), a, b)

    return backend.map_leaves(pick, new, old)
