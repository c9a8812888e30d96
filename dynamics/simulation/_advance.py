"""What is compiled of a run: the beginning, one step with all that is asked of it, and the choice of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import backend
from ..backend import Array, Number, rms
from ..inputs import NUMBERS
from ..integrators import Integrator, Step
from ..network import Energy, Flow, Point, States
from ._drift import bend_of
from ._stopping import Condition
from ._work import Work, added, switched, work_over


@dataclass(frozen=True)
class Program:
    """What decides a compiled step: hashable, and the same for every step of a run."""

    method: Integrator
    energy: bool
    drift: bool = False
    stop: Condition | None = None
    changes: str = ""  # what changes over the step: nothing, "currents" or "numbers"
    nodes: tuple[float, ...] = ()  # where in the step that is looked at
    thermal: bool = False  # whether kicks are those of a temperature, without their 1/sqrt(tau)
    guard: bool = False


class Outcome(NamedTuple):
    """What one compiled call gives: `finite` and `done` (B,), and by population how far velocities bend over it.

    Where something changes over the step also the work done by that, and the energies before and after at the values
    that stood still meanwhile (None of a method that looks at several).
    """

    point: Point
    error: Any
    energy: Energy | None
    finite: Array
    bend: Any
    done: Any
    work: Work | None = None
    still: tuple[Energy, Energy] | None = None


def advance(program: Program, flow: Flow, point: Point, dt: Any, theta: Any, sizes: Any, kick: Any = None) -> Outcome:
    """One step of a batch, with its energy, the change of its velocity and whether it may stop, as the program asks."""
    if program.changes:
        return _advance_driven(program, flow, point, dt, theta, sizes, kick)
    new, error, _ = _stepped(program, flow, point, dt, theta, kick)
    energy = flow.energy(new) if program.energy else None
    bend = None
    if program.drift:
        before, after = flow.velocity(point), flow.velocity(new)
        bend = {n: (bend_of(program.method, dt, before[n], after[n]), rms(x)) for n, x in new.states.items()}
    done = program.stop.holds(flow, point, new, sizes) if program.stop is not None else None
    return Outcome(new, error, energy, finite(new.states, program.method.adaptive), bend, done)


def _stepped(program: Program, flow: Flow, point: Point, dt: Any, theta: Any, kick: Any) -> Step:
    """The step alone, with noise where there is a kick."""
    if kick is None:
        return program.method.step(flow, point, dt, theta)
    if program.thermal:
        xp, every = backend.namespace(*kick.values()), flow.populations
        kick = {n: x / xp.sqrt(every[n].tau * xp.ones_like(x[:1, ...])) for n, x in kick.items()}
    return program.method.shaken(flow, point, dt, kick)


def _advance_driven(program: Program, flow: Flow, point: Point, dt: Any, theta: Any, sizes: Any, kick: Any) -> Outcome:
    """The same where input currents or numbers change over the step; `point` is of the flow at its beginning."""
    method, numbers = program.method, program.changes == NUMBERS
    first, last, still = flow.when(0.0), flow.when(1.0), None
    if len(program.nodes) == 1:
        held = flow.when(program.nodes[0])
        here = held.at(point.states) if numbers else point
        there, error, _ = _stepped(program, held, here, dt, theta, kick)
        new = last.at(there.states) if numbers else there
        work = switched((first, point), (held, here), program.changes)
        work = added(work, switched((held, there), (last, new), program.changes))
        if program.guard:
            still = held.energy(here), held.energy(there)
    else:
        new, error, fed = method.step(flow, point, dt, theta)
        work = work_over(flow, point, new, dt, program.changes, fed)
    energy = last.energy(new) if program.energy else None
    bend = None
    if program.drift:
        before, after = first.velocity(point), last.velocity(new)
        bend = {n: (bend_of(method, dt, before[n], after[n]), rms(x)) for n, x in new.states.items()}
    done = program.stop.holds(last, point, new, sizes) if program.stop is not None else None
    return Outcome(new, error, energy, finite(new.states, program.method.adaptive), bend, done, work, still)


def turn(changes: str, before: Flow, after: Flow, point: Point) -> tuple[Point, Energy, Work]:
    """What is known of a state after something jumped: its point, its energy, and the work of the jump."""
    new = after.at(point.states) if changes == NUMBERS else point
    return new, after.energy(new), switched((before, point), (after, new), changes)


class March(NamedTuple):
    """Equal steps at which the host looks at nothing: what decides the compiled loop."""

    method: Integrator
    stop: Condition | None


def march(
    program: March,
    flow: Flow,
    point: Point,
    dt: Number | None,
    steps: Any,
    sizes: Any,
    moving: Any,
    trail: list[Point] | None = None,
) -> tuple[Point, Any, Array, Array]:
    """The point after some equal steps, how many, who may stop there, and which samples are finite.

    They are `steps`, or those after which one of the `moving` samples may stop. The points go into a `trail` where one
    is given, which no compiled loop takes.
    """

    def step(_: Any, point: Point) -> Point:
        new = program.method.step(flow, point, dt).point
        if trail is not None:
            trail.append(new)
        return new

    like, stop, adaptive = next(iter(point.states.values())), program.stop, program.method.adaptive
    if stop is None:
        point = backend.repeated(step, point, steps, like)
        return point, steps, moving & False, finite(point.states, adaptive)

    def more(state: tuple[Any, Point, Array, Array]) -> Any:
        return (state[0] < steps) & ~(state[2] & moving).any()

    def look(state: tuple[Any, Point, Array, Array]) -> tuple[Any, Point, Array, Array]:
        taken, before, _, whole = state
        new = step(None, before)
        return taken + 1, new, stop.holds(flow, before, new, sizes), whole & finite(new.states, adaptive)

    taken, point, done, whole = backend.whilst(more, look, (0, point, moving & False, moving | True), like)
    return point, taken, done, whole


def weighed(_: None, flow: Flow, point: Point) -> Energy:
    """The energy of a point."""
    return flow.energy(point)


def joined(points: list[Point]) -> Point:
    """Points of a batch, one behind the other, as one of a larger batch."""
    known: dict[int, Array] = {}  # what stands in several places is put together once

    def join(*rows: Array) -> Array:
        if id(rows[0]) not in known:
            known[id(rows[0])] = backend.namespace(rows[0]).concat(rows, axis=0)
        return known[id(rows[0])]

    states, g, signals = points[0]
    return Point(
        {name: join(*[point.states[name] for point in points]) for name in states},
        {name: join(*[point.activations[name] for point in points]) for name in g},
        {key: backend.map_leaves(join, *[point.signals[key] for point in points]) for key in signals},
    )


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
