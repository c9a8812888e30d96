"""The door to a simulation: what comes in is checked once, what goes out has the shape of the query."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from .. import backend
from ..backend import Array, unknown_name
from ..doors import flag, function, quiet, warn
from ..inputs import Drive, Schedule, driven
from ..integrators import Integrator, Solver, choose
from ..network import Flow, Network, Scales, check_parts, entered, scales, tolerance
from . import _asked as asked
from ._adapted import solved
from ._batch import filled, flat, shaped, widened
from ._loop import Plan, Run
from ._noise import Noise, check_noise, noisy_method, strengths_of
from ._stopping import Condition, Stop, steadiness, steady
from ._trajectory import Record, SimulationError, SimulationWarning, Trajectory


class Memory(Protocol):
    """What `simulate` needs of a model: its network, and states from a query."""

    @cached_property
    def network(self) -> Network:
        """The populations and synapses."""
        ...

    def start(self, query: Any, memory_state: Any = None) -> dict[str, Array]:
        """The states at which the dynamics begin."""
        ...


@quiet
def simulate(
    memory: Memory | Network,
    query: Any,
    *,
    t1: float,
    t0: float = 0.0,
    integrator: str | Integrator | Solver = "auto",
    save_at: Iterable[float] | int | None = None,
    memory_state: Any = None,
    clamp: Any = None,
    current: Any = None,
    schedule: Mapping[str, Any] | None = None,
    stop: str | Stop | None = None,
    guard: bool | None = None,
    progress: bool = False,
    save: Sequence[str] | str | Mapping[str, Any] | None = None,
    throw: bool = True,
    temperature: Any = 0.0,
    noise: Any = None,
    seed: int | np.random.Generator | None = None,
) -> Trajectory:
    r"""Integrate a memory from a query (or a network from states) from time t0 to time t1.

    Parameters
    ----------
    memory : model or Network
        What moves. Its arrays decide library, dtype and device.
    query : array (..., I) or dict of states
        A cue in the space of the patterns (an activation), or one state (..., n) for every population.
    t1 : float
        End time, in the units of tau (tau_value = 1 unless said otherwise). With dt = inf time counts
        updates: t1=20 is twenty of them.
    t0 : float
        The time at which the run begins, t0 < t1.
    integrator : str or integrator
        ``"auto"``, a name (``"relaxation"``, ``"rosenbrock"``, ``"dopri5"``, ...) or an object with its settings;
        see the notes for which to take.
    save_at : times or int, optional
        Save at these times. None saves t0 and every step, a whole number k every k-th step and the last.
    memory_state : array (..., N), optional
        The memory neurons' state at t0; by default in equilibrium with the query.
    clamp : mask or dict of masks, optional
        Neurons to hold: True (a whole population) or a mask (..., n), by population; a bare mask is of the
        value neurons.
    current : number, array, input or function, or a dict of these, optional
        Input currents, by population; without names that of the value neurons. A number, an array (n,) by neuron, or
        (..., n) with batch axes that broadcast with those of the query; `Steps`, `Pulse` or `Sampled`; a function of
        the time t that gives one of the former (`Varying` names its jumps). It adds to the bias that a population
        has. Steps end and begin where an input jumps.
    schedule : dict, optional
        Numbers of the memory that change, by name, such as ``{"beta": lambda t: 1 + t}``: functions of t, `Steps` or
        `Sampled`. All samples then share their steps.
    stop : None, "steady" or callable
        None runs to t1. Otherwise a sample ends when the condition holds: ``"steady"``, `steady(tol)`,
        `settled(tol)`, `near(pattern, radius)`, `energy_rate_below(rate)`, or a function of a `Moment` that
        gives a bool for every sample. While something is still to change nothing is steady, settled or at rest.
    guard : bool, optional
        Whether a step that raises the energy beyond rounding is retried, with half the displacement or (adaptive
        methods) half the step. None: with `Relaxation` where no theorem says that the energy falls, and with
        `Rosenbrock`; never where forces have no energy.
    progress : bool
        Show a bar on a terminal (nothing in a pipe).
    save : names, optional
        The populations to save; None saves all but ``"memory"``, which can be a million wide; ``"all"``. A dict
        names neurons too, ``{"value": [3, 5]}``; None stands for all of a population.
    throw : bool
        Whether a failure raises `SimulationError` (with the trajectory so far) or is left in `result`. Either way the
        other samples of the batch run to their end.
    temperature : number, input or function
        T > 0 adds noise, dv = v' dt + sqrt(2 T/tau_v) dW, so that states follow exp(-E/T) in the long run. Only
        where that is true: tau_memory = 0 and g = v; anything else is refused. Steps are of tau_value/100, or
        of the dt of ``Euler(dt)``. A function of t anneals it.
    noise : number, array, input or function, or a dict of these, optional
        Noise of any strength on any network, dx = x' dt + sigma dW, by population; without names that of the value
        neurons. It does not depend on the state, and no law is promised. Steps are those of ``Heun(dt)``, with
        dt = tau_value/100 or a fifth of the fastest time, unless an integrator of equal steps is given
        (``Euler(dt)`` is Euler-Maruyama).
    seed : int or Generator, optional
        Of the noise; the same seed gives the same run, in every library.

    Returns
    -------
    Trajectory
        Times, states, energy, `converged`, `final`, statistics. Without batch axes in the query there are
        none in the result. A sample's result does not depend on the others in its batch beyond rounding
        (matrix products sum in another order).

    Warns
    -----
    SimulationWarning
        Where the run came to its end but is not to be trusted: see `Result`. Also where saving every step would take
        more than a gigabyte, and every second is dropped.

    Notes
    -----
    Which integrator to take:

    - What is retrieved, from which cues, and a falling energy: ``"auto"``. For value and memory neurons whose
      steps are exact and lower the energy whatever their length, as in the family with its own leaks, that is
      `Relaxation` of order 2 in steps of a tenth of tau_value (times the size of the patterns' entries for manhattan,
      and the patterns' squared length for cosine, without leak); ``Relaxation(dt=inf)`` is then the fastest way to a
      fixed point, but a cue near a boundary can go to another memory than the flow takes it to. For any other it is
      `Rosenbrock`, whose steps follow from the error (`RungeKutta` where derivatives are missing or the flow is
      that of the gradient; adaptive `Relaxation` where forces jump).
    - Where in time things happen, with fast memory neurons (tau_memory below a tenth of tau_value):
      ``Rosenbrock(rtol, atol)``. It takes some tens of steps whatever tau_memory is, and only solves systems of
      the size of the value neurons.
    - The same with tau_memory near tau_value, or 0, and for the gradient flow: ``RungeKutta()``.
    - Forces that jump (Manhattan, max, top-k, threshold): `Relaxation`; the others refuse.
    - A second opinion, or gradients by a library's own adjoint: ``Scipy("BDF")``, ``Diffrax("Kvaerno5")``,
      ``TorchDiffEq()``.
    - To see what goes wrong without all this: ``Euler(dt)``.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> run = simulate(ModernHopfield(np.eye(3), beta=8.0), np.array([0.8, 0.3, 0.1]), t1=20, stop="steady")
    >>> run.states["value"][-1].round(2), bool(run.converged)
    (array([1., 0., 0.]), True)
    """
    backend.refuse_traces("simulate", memory, query, memory_state)
    throw = flag("throw", throw)
    trajectory, record = attempt(
        memory,
        query,
        t1,
        integrator,
        save_at,
        memory_state,
        clamp,
        stop,
        guard,
        progress,
        save,
        temperature,
        seed,
        t0,
        current,
        schedule,
        noise,
    )
    if record.failure and throw:
        raise SimulationError(record.failure, record.result, trajectory)
    if record.doubt:
        warn(f"{record.result.value} {record.doubt}", SimulationWarning)
    return trajectory


def attempt(
    memory: Memory | Network,
    query: Any,
    t1: float,
    integrator: str | Integrator | Solver = "auto",
    save_at: Iterable[float] | int | None = None,
    memory_state: Any = None,
    clamp: Any = None,
    stop: str | Stop | None = None,
    guard: bool | None = None,
    progress: bool = False,
    save: Sequence[str] | str | Mapping[str, Any] | None = None,
    temperature: Any = 0.0,
    seed: int | np.random.Generator | None = None,
    t0: float = 0.0,
    current: Any = None,
    schedule: Mapping[str, Any] | None = None,
    noise: Any = None,
) -> tuple[Trajectory, Record]:
    """What `simulate` does; a failure and a doubt stand in the record, for whoever asked to raise or to pass over.

    >>> from hopfield.models import ModernHopfield
    >>> attempt(ModernHopfield(np.eye(3), beta=8.0), np.eye(3)[0], 1.0)[1].failure
    ''
    """
    with np.errstate(all="ignore"):
        t0, t1 = asked.span(t0, t1)
        plan = None if schedule is None else Schedule(memory, schedule, t0, t1)
        network, states = entered(memory if plan is None else plan.model(t0), query, memory_state)
        progress = flag("progress", progress)
        guard = None if guard is None else flag("guard", guard)
        if stop is not None and not isinstance(stop, str):
            stop = function("stop", stop, 'of a Moment, the name "steady"')
        check_parts(network, states)
        drive = driven(network, current, plan, t0, t1)
        if drive is not None:
            states = widened(states, drive.shapes())
        masks = {} if clamp is None else network.check_clamp(clamp, states)
        method = choose(integrator, network.bound(masks), states)
        if strengths := strengths_of(network, noise, temperature):
            _refuse_rest(stop, guard)
            if noise is None:
                check_noise(network)
            method = noisy_method(method, integrator, network, noise is None)
        (keep, columns), every = asked.kept(network, save), asked.every(save_at)
        if hasattr(method, "dt"):
            asked.ends(repr(method), t1 - t0, method.dt)  # type: ignore[union-attr]
        updates = math.isinf(getattr(method, "dt", 1.0))
        times = None if every else asked.times(save_at, t0, t1, updates)
        if updates and drive is not None and ((drive.jumps - t0) % 1 != 0).any():
            raise ValueError(
                f"With dt = inf time counts updates from t0={t0:g} on, and an input jumps at t={drive.jumps[0]:g}, "
                "between two of them: let it jump after a whole number of updates."
            )
        wide, batch = flat({**states, **{(name,): mask for name, mask in masks.items()}})
        states, masks = {n: wide[n] for n in states}, {n: wide[n,] for n in masks}
        if getattr(method, "adaptive", False):
            _measurable(states)
        if 0 in batch:
            raise ValueError(f"There is nothing to simulate: the batch of queries has shape {batch}, without a sample.")
        drive = None if drive is None else drive.over(batch)
        begins = network if drive is None else drive.network(t0, rows=_rows(states))
        plan = Plan(t1, times, keep, None, bool(guard), progress, every or 1, t0=t0, drive=drive, columns=columns)
        if strengths:
            looks = (t0, (t0 + t1) / 2, t1)
            plan = plan._replace(noise=Noise(strengths, noise is None, states, masks, seed, looks))
        if isinstance(method, Integrator):
            flow = network.bound(masks)
            method.check(begins.bound(masks), states)
            guard = (plan.noise is None and method.needs_guard(flow)) if guard is None else guard
            stop = steady() if stop == "steady" else stop
            if isinstance(stop, str):
                raise unknown_name("stop condition", stop, ["steady"])
            plan = plan._replace(stop=stop, guard=bool(guard))
            record = Run(network.bound(filled(masks)), method, filled(states), plan, math.prod(batch)).complete()
        elif stop is not None or guard:
            raise ValueError(
                f"{type(method).__name__} hands the whole solve to its library, so stop and guard do not reach its "
                "steps. Leave them out, or use one of hopfield's own integrators (Relaxation, Euler)."
            )
        else:
            record = solved(network, method, states, masks, plan)
        return _finish(network, record, scales(network, filled(states)), masks, batch, plan), record


def _steadiness(_: None, flow: Flow, states: dict[str, Array], sizes: Any) -> Array:
    return steadiness(flow, flow.at(states), sizes)


def _finish(
    network: Network, record: Record, sizes: Scales, clamp: dict[str, Array], batch: tuple[int, ...], plan: Plan
) -> Trajectory:
    """Give the record back the batch axes of the query."""
    like = next(iter(record.final.values()))
    residual = _residual(network, record, sizes, clamp, plan.drive)
    begin = {} if record.begin is None else shaped({"begin": record.begin}, batch)
    energies = shaped({"energy": record.energy, "scale": record.energy_scale}, batch, 1)
    times = record.times if record.times.ndim == 1 else record.times.reshape((-1, *batch))
    none = np.zeros(tuple(energies["energy"].shape))
    return Trajectory(
        times=times,
        states=shaped(record.states, batch, 1),
        energy=energies["energy"],
        energy_scale=energies["scale"],
        converged=(residual <= tolerance(like)).reshape(batch),
        residual=residual.reshape(batch),
        final=shaped(record.final, batch, 0),
        steps=record.steps.reshape(batch),
        statistics=record.statistics,
        result=record.result,
        network=network,
        clamp=shaped(clamp, batch, 0),
        reached=record.reached.reshape(batch),
        columns=plan.columns,
        drive=plan.drive,
        work=none if record.work is None else record.work.reshape(none.shape),
        work_error=none if record.work_error is None else record.work_error.reshape(none.shape),
        energy_before=begin.get("begin"),
    )


def _residual(
    network: Network, record: Record, sizes: Scales, clamp: dict[str, Array], drive: Drive | None
) -> np.ndarray:
    """How far from rest each sample is at its end, with the inputs of that time."""
    like = next(iter(record.final.values()))
    run, states, held = backend.compiled(_steadiness, like), filled(record.final), filled(clamp)
    if drive is None:
        return backend.to_numpy(run(None, network.bound(held), states, sizes))[: len(like)]
    found, rows = np.zeros(len(like)), _rows(states)
    for t in np.unique(record.reached):
        speed = backend.to_numpy(run(None, drive.flow(float(t), held, rows=rows), states, sizes))[: len(like)]
        found = np.where(record.reached == t, speed, found)
    return found


def _rows(states: Mapping[str, Array]) -> np.ndarray:
    return np.arange(len(next(iter(states.values()))))


def _refuse_rest(stop: Any, guard: Any) -> None:
    """Refuse what cannot hold where there is noise: neither does the energy fall, nor does anything come to rest."""
    if guard:
        raise ValueError(
            "With noise (temperature, noise) the energy fluctuates, so that no guard can hold: leave it out."
        )
    if isinstance(stop, str | Condition):
        raise ValueError(
            "With noise (temperature, noise) nothing is steady or settled, so that this stop cannot hold: leave it "
            "out, or stop where a state is reached, near(pattern, radius) or a function of your own."
        )


def _squares(x: Array) -> Array:
    return backend.namespace(x).isfinite(backend.dot(x, x))


def _measurable(states: dict[str, Array]) -> None:
    """Refuse starts whose squares overflow: no error of a step could be compared with them."""
    for name, x in states.items():
        if not backend.holds(_squares, x):
            largest = float(np.abs(backend.to_numpy(x).astype(float)).max())
            raise ValueError(
                f"Population {name!r} starts at numbers as large as {largest:g}, whose squares overflow in "
                f"{backend.dtype_name(x)}, so no error of a step can be compared with them. Give patterns and query in "
                "other units, such that they are of the size of 1."
            )
