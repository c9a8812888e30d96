"""What is compiled of a run: the beginning, one step with all that is asked of it, and the choice of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import backend
from ..backend import Array, Number, rms
from ..integrators import Integrator
from ..network import Energy, Flow, Point, States
from ._drift import bend_of
from ._stopping import Condition


@dataclass(frozen=True)
class Program:
    """What decides a compiled step: hashable, and the same for every step of a run."""

    method: Integrator
    energy: bool
    drift: bool = False
    stop: Condition | None = None


class Outcome(NamedTuple):
    """What one compiled call gives: `finite` and `done` (B,), and by population how far velocities bend over it."""

    point: Point
    error: Any
    energy: Energy | None
    finite: Array
    bend: Any
    done: Any


def advance(program: Program, flow: Flow, point: Point, dt: Any, theta: Any, sizes: Any) -> Outcome:
    """One step of a batch, with its energy, the change of its velocity and whether it may stop, as the program asks."""
    new, error = program.method.step(flow, point, dt, theta)
    energy = flow.energy(new) if program.energy else None
    bend = None
    if program.drift:
        before, after = flow.velocity(point), flow.velocity(new)
        bend = {n: (bend_of(program.method, dt, before[n], after[n]), rms(x)) for n, x in new.states.items()}
    done = program.stop.holds(flow, point, new, sizes) if program.stop is not None else None
    return Outcome(new, error, energy, finite(new.states, program.method.adaptive), bend, done)


class March(NamedTuple):
    """Equal steps of a method at which nothing is looked at: what decides the compiled loop."""

    method: Integrator
    most: int


def march(program: March, flow: Flow, point: Point, dt: Number | None, steps: Any) -> tuple[Point, Array]:
    """The point after some equal steps, at most `most`, and which samples are finite there."""

    def step(_: Any, point: Point) -> Point:
        return program.method.step(flow, point, dt).point

    point = backend.repeated(step, point, steps, next(iter(point.states.values())))
    return point, finite(point.states, program.method.adaptive)


def finite(states: States, squares: bool) -> Array:
    """Which samples are finite in every population, or their squares, without which no step has an error: bool (B,)."""
    found: Any = None
    for x in states.values():
        xp = backend.namespace(x)
        whole = xp.isfinite(backend.dot(x, x)) if squares else xp.all(xp.isfinite(x), axis=-1)
        found = whole if found is None else found & whole
    return found


def begin(energy: bool, flow: Flow, states: dict[str, Array]) -> tuple[Point, Energy | None]:
    """What is known at the start, with the energy if it is asked for."""
    point = flow.at(states)
    return point, flow.energy(point) if energy else None


def choose(_: None, accepted: Array, new: Any, old: Any) -> Any:
    """The rows of `new` where accepted, else of `old`, in structures of the same shape."""

    def pick(a: Array, b: Array) -> Array:
        xp = backend.namespace(a)
        return xp.where(xp.reshape(accepted, (-1,) + (1,) * (a.ndim - 1)), a, b)

    return backend.map_leaves(pick, new, old)


def picked(_: None, parts: Any, where: Array) -> Any:
    """Some rows of all arrays (B, ...) in a structure; numbers stay what they are."""

    def pick(a: Any) -> Any:
        return backend.namespace(a).take(a, where, axis=0) if getattr(a, "ndim", 0) else a

    return backend.map_leaves(pick, parts)


def put(_: None, whole: Any, part: Any, place: Array) -> Any:
    """The rows of two structures of arrays, in the order `place`, which counts through the first and on."""

    def join(a: Array, b: Array) -> Array:
        xp = backend.namespace(a, b)
        return xp.take(xp.concat([a, b], axis=0), place, axis=0)

    return backend.map_leaves(join, whole, part)
