"""A fixed number of equal steps as a pure function, through which `jax.jit`, `vmap` and `grad` can go."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array, unknown_name
from ..doors import affordable, feasible, positive
from ..integrators import Euler, Integrator, Relaxation
from ..network import Flow, Point, entered
from ._batch import flat

METHODS = {"relaxation": Relaxation, "euler": Euler}


class _Program(NamedTuple):
    """What decides the compiled loop."""

    method: Integrator
    steps: int
    trajectory: bool


def rollout(
    memory: Any,
    query: Any,
    dt: Any,
    steps: int,
    *,
    integrator: str | Integrator = "relaxation",
    clamp: Any = None,
    trajectory: bool = False,
) -> dict[str, Array]:
    """The states after a fixed number of equal steps.

    Where `simulate` looks at its numbers after each step (to stop, to guard the energy, to fit the step size), this
    looks at none, and so it is pure: it can be compiled, mapped and differentiated, in the query, the patterns, beta,
    the time constants and dt. On JAX it is one `lax.scan`, on NumPy and PyTorch a plain loop. With the same method,
    dt and `guard=False`, `simulate` comes to the same states.

    Nothing watches the steps either. `Relaxation` lowers the energy for every dt where its steps are exact (its notes
    say where); elsewhere compare with half the dt.

    Parameters
    ----------
    memory : model or Network
        What moves.
    query : array (..., I) or dict of states
        As for `simulate`.
    dt : number
        The step, in units of time; ``inf`` applies updates.
    steps : int
        How many.
    integrator : {"relaxation", "euler"} or integrator
        A method of equal steps, such as ``Relaxation(order=2)``; `dt` takes the place of its own.
    clamp : mask or dict of masks, optional
        Neurons to hold, as for `simulate`.
    trajectory : bool
        Whether to give all states, from the start on, in place of the last.

    Returns
    -------
    dict of arrays (..., n), or (steps + 1, ..., n) with `trajectory`
        The state of every population.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> rollout(memory, np.array([0.8, 0.3, 0.1]), 0.1, 100)["value"].round(2)
    array([1., 0., 0.])
    """
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"steps must be a whole number >= 1 that is known before the loop, got {steps!r}.")
    network, states = entered(memory, query)
    like = next(iter(states.values()))
    feasible("A rollout", float(steps), "Take fewer steps.")
    if trajectory:
        numbers = sum(math.prod(x.shape) for x in states.values())
        affordable(f"A trajectory of {steps} steps", 8.0 * steps * numbers, "Take fewer steps, or trajectory=False.")
    dt = positive("dt", dt, infinite=True)
    updates = isinstance(dt, float) and math.isinf(dt)
    method = _method(integrator)
    clamp = clamp if clamp is None or isinstance(clamp, Mapping) else {next(iter(network.populations)): clamp}
    masks = network.check_clamp(clamp, states)
    wide, batch = flat({**states, **{(name,): mask for name, mask in masks.items()}})
    states, masks = {n: wide[n] for n in states}, {n: wide[n,] for n in masks}
    with contextlib.suppress(backend.TracedError):  # of what hangs on numbers that are not known yet
        _with_dt(method, dt).check(network.bound(masks), states)
    span = None if updates else backend.asarray(dt, like)
    with backend.quiet(like):
        run = backend.compiled(_run, like)
        found = run(_Program(method, int(steps), trajectory), network.bound(masks), states, span)
    xp, lead = backend.namespace(like), (steps + 1,) if trajectory else ()
    return {name: xp.reshape(found[name], (*lead, *batch, -1)) for name in network.populations}


def _method(integrator: Any) -> Integrator:
    method = METHODS[integrator]() if isinstance(integrator, str) and integrator in METHODS else integrator
    if isinstance(method, str):
        raise unknown_name("method of equal steps", method, METHODS)
    if not isinstance(method, Integrator) or method.adaptive:
        raise ValueError(
            f"rollout makes equal steps, which {method!r} is no method of: use Relaxation(), Euler() or another of "
            "equal steps, or simulate."
        )
    return method


def _with_dt(method: Integrator, dt: Any) -> Integrator:
    """The method with this dt as its own where it is known; the loop itself is not compiled anew for each dt."""
    if isinstance(dt, float) and dataclasses.is_dataclass(method):
        return dataclasses.replace(method, dt=dt)
    return method


def _run(program: _Program, flow: Flow, states: dict[str, Array], dt: Any) -> dict[str, Array]:
    def step(point: Point) -> Point:
        return program.method.step(flow, point, dt).point

    def seen(point: Point) -> Any:
        return point.states if program.trajectory else None

    like = next(iter(states.values()))
    last, path = backend.iterated(step, flow.at(states), program.steps, like, seen)
    if path is None:
        return last.states
    xp = backend.namespace(like)
    return {name: xp.concat([x[None], path[name]], axis=0) for name, x in states.items()}
