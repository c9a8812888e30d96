"""The door to a simulation: what comes in is checked once, what goes out has the shape of the query."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from .. import backend
from ..backend import Array, shown, unknown_name
from ..doors import feasible, flag, function, number, positive, quiet, series, whole
from ..doors import names as names_of
from ..integrators import Euler, Integrator, Solver, choose
from ..network import Flow, Network, Scales, check_parts, has_network, scales, tolerance
from ._batch import filled, flat, shaped
from ._langevin import check_noise, langevin
from ._loop import Plan, Run
from ._recorder import taken
from ._stopping import Stop, steadiness, steady
from ._trajectory import Record, Result, SimulationError, SimulationWarning, Trajectory


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
    integrator: str | Integrator | Solver = "auto",
    save_at: Iterable[float] | int | None = None,
    memory_state: Any = None,
    clamp: Any = None,
    stop: str | Stop | None = None,
    guard: bool | None = None,
    progress: bool = False,
    save: Sequence[str] | str | None = None,
    throw: bool = True,
    temperature: float = 0.0,
    seed: int | np.random.Generator | None = None,
) -> Trajectory:
    r"""Integrate a memory from a query (or a network from states) to time t1.

    Parameters
    ----------
    memory : model or Network
        What moves. Its arrays decide library, dtype and device.
    query : array (..., I) or dict of states
        A cue in the space of the patterns (an activation), or one state (..., n) for every population.
    t1 : float
        End time, in the units of tau (tau_value = 1 unless said otherwise). With dt = inf time counts
        updates: t1=20 is twenty of them.
    integrator : str or integrator
        ``"auto"``, a name (``"relaxation"``, ``"rosenbrock"``, ``"dopri5"``, ...) or an object with its settings;
        see the notes for which to take.
    save_at : times or int, optional
        Save at these times. None saves t = 0 and every step, a whole number k every k-th step and the last.
    memory_state : array (..., N), optional
        The memory neurons' state at t = 0; by default in equilibrium with the query.
    clamp : mask or dict of masks, optional
        Neurons to hold: True (a whole population) or a mask (..., n), by population; a bare mask is of the
        value neurons.
    stop : None, "steady" or callable
        None runs to t1. Otherwise a sample ends when the condition holds: ``"steady"``, `steady(tol)`,
        `settled(tol)`, `near(pattern, radius)`, `energy_rate_below(rate)`, or a function of a `Moment` that
        gives a bool for every sample.
    guard : bool, optional
        Whether a step that raises the energy beyond rounding is retried, with half the displacement or (adaptive
        methods) half the step. None: with `Relaxation` where no theorem says that the energy falls, and with
        `Rosenbrock`; never where forces have no energy.
    progress : bool
        Show a bar on a terminal (nothing in a pipe).
    save : names, optional
        The populations to save; None saves all but ``"memory"``, which can be a million wide; ``"all"``.
    throw : bool
        Whether a failure raises `SimulationError` (with the trajectory so far) or is left in `result`. Either way the
        other samples of the batch run to their end.
    temperature : float
        T > 0 adds noise, dv = v' dt + sqrt(2 T/tau_v) dW, so that states follow exp(-E/T) in the long run. Only
        where that is true: tau_memory = 0 and g = v; anything else is refused. Steps are of tau_value/100, or
        of the dt of ``Euler(dt)``.
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
        memory, query, t1, integrator, save_at, memory_state, clamp, stop, guard, progress, save, temperature, seed
    )
    if record.failure and throw:
        raise SimulationError(record.failure, record.result, trajectory)
    if record.doubt:
        warnings.warn(f"{record.result.value} {record.doubt}", SimulationWarning, stacklevel=3)
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
    save: Sequence[str] | str | None = None,
    temperature: float = 0.0,
    seed: int | np.random.Generator | None = None,
) -> tuple[Trajectory, Record]:
    """What `simulate` does; a failure and a doubt stand in the record, for whoever asked to raise or to pass over.

    >>> from hopfield.models import ModernHopfield
    >>> attempt(ModernHopfield(np.eye(3), beta=8.0), np.eye(3)[0], 1.0)[1].failure
    ''
    """
    with np.errstate(all="ignore"):
        network, states = _enter(memory, query, memory_state)
        if (t1 := number("t1", t1, above=0)) < 1e-290:
            raise ValueError(f"t1={t1:g} is too short to be divided into steps. Give times in units of tau.")
        progress = flag("progress", progress)
        guard = None if guard is None else flag("guard", guard)
        if stop is not None and not isinstance(stop, str):
            stop = function("stop", stop, 'of a Moment, the name "steady"')
        check_parts(network, states)
        masks = network.check_clamp(clamp, states)
        method = choose(integrator, network.bound(masks), states)
        keep, every = _kept(network, save), _every(save_at)
        if hasattr(method, "dt"):
            _ends(repr(method), t1, method.dt)  # type: ignore[union-attr]
        times = None if every else _times(save_at, t1, updates=math.isinf(getattr(method, "dt", 1.0)))
        wide, batch = flat({**states, **{(name,): mask for name, mask in masks.items()}})
        states, masks = {n: wide[n] for n in states}, {n: wide[n,] for n in masks}
        if getattr(method, "adaptive", False):
            _measurable(states)
        if 0 in batch:
            raise ValueError(f"There is nothing to simulate: the batch of queries has shape {batch}, without a sample.")
        plan = Plan(t1, times, keep, None, bool(guard), progress, every or 1)
        if temperature := positive("temperature", temperature, zero=True):
            dt = _noisy_dt(network, method, integrator, stop, guard)
            _ends("Noise", t1, dt)
            record = langevin(network, states, masks, plan, temperature, dt, seed)
        elif isinstance(method, Integrator):
            flow = network.bound(masks)
            method.check(flow, states)
            guard = method.needs_guard(flow) if guard is None else guard
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
            record = _solved(network, method, states, masks, plan)
        return _finish(network, record, scales(network, filled(states)), masks, batch), record


def _steadiness(_: None, flow: Flow, states: dict[str, Array], sizes: Any) -> Array:
    return steadiness(flow, flow.at(states), sizes)


def _finish(
    network: Network, record: Record, sizes: Scales, clamp: dict[str, Array], batch: tuple[int, ...]
) -> Trajectory:
    """Give the record back the batch axes of the query."""
    like = next(iter(record.final.values()))
    flow, states = network.bound(filled(clamp)), filled(record.final)
    residual = backend.to_numpy(backend.compiled(_steadiness, like)(None, flow, states, sizes))[: len(like)]
    energies = shaped({"energy": record.energy, "scale": record.energy_scale}, batch, 1)
    times = record.times if record.times.ndim == 1 else record.times.reshape((-1, *batch))
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
    )


def _solved(network: Network, method: Solver, states: dict[str, Array], clamp: dict[str, Array], plan: Plan) -> Record:
    began = time.perf_counter()
    method.check(network, states)
    solution = method.solve(network, states, plan.t1, plan.save_at, clamp, plan.keep)
    statistics = {
        "steps": int(solution.steps.max()),
        "rejected": solution.rejected,
        "evaluations": solution.evaluations,
        "seconds": time.perf_counter() - began,
        "integrator": repr(method),
        **solution.notes,
    }
    times, arrays = solution.times, {**solution.states, _ENERGY: solution.energy, _SCALE: solution.energy_scale}
    if plan.save_at is None and plan.save_every > 1:  # the library saved every step
        wanted = np.arange(len(times))
        wanted = np.flatnonzero((wanted % plan.save_every == 0) | (wanted == len(times) - 1))
        times = times[wanted]
        arrays = {name: taken(x, wanted) for name, x in arrays.items()}
    elif plan.save_at is not None:
        missed = plan.save_at[:, None] > solution.reached * (1 + 1e-9)
        length = int((~missed).any(axis=1).sum())  # up to the last row of any sample
        times, missed = times[:length], missed[:length]
        arrays = {name: _blank(x[:length], missed) for name, x in arrays.items()}
    failure = solution.failure
    if not failure and not np.isfinite(backend.to_numpy(solution.energy)).all():
        failure = f"{method!r} gave a state that is not finite."
    return Record(
        times=times,
        states={name: arrays[name] for name in plan.keep},
        energy=arrays[_ENERGY],
        energy_scale=arrays[_SCALE],
        final=solution.final,
        reached=solution.reached,
        steps=solution.steps,
        statistics=statistics,
        result=Result.GAVE_UP if solution.failure else Result.NOT_FINITE if failure else Result.COMPLETED,
        failure=failure,
    )


_ENERGY, _SCALE = ("energy",), ("scale",)  # keys that no population's name can be


def _blank(x: Array, missed: np.ndarray) -> Array:
    """NaN in the rows (T, B) that were missed."""
    if not missed.any():
        return x
    xp = backend.namespace(x)
    empty = xp.asarray(missed.reshape(*missed.shape, *(1,) * (x.ndim - 2)), device=backend.device(x))
    return xp.where(empty, float("nan"), x)


def _noisy_dt(network: Network, method: Any, asked: Any, stop: Any, guard: Any) -> float:
    """The step for noise, after refusing what noise does not go with."""
    check_noise(network)
    if stop is not None or guard:
        raise ValueError("With temperature > 0 the energy fluctuates and nothing is steady: leave out stop and guard.")
    if isinstance(method, Euler):
        return method.dt
    if asked != "auto":
        raise ValueError(f"Noise is integrated in steps of Euler's kind: give Euler(dt), not {method!r}.")
    return float(backend.to_numpy(next(iter(network.populations.values())).tau)) / 100


def _enter(memory: Memory | Network, query: Any, memory_state: Any) -> tuple[Network, dict[str, Array]]:
    if memory_state is not None and isinstance(query, Mapping):
        raise ValueError("A dict of states holds the memory neurons' state already: leave out memory_state.")
    if not isinstance(memory, Network):
        if not has_network(memory):
            raise TypeError(f"memory must be a model such as ModernHopfield, or a Network, got {shown(memory)}.")
        network = memory.network
        states = query if isinstance(query, Mapping) else memory.start(query, memory_state)
        return network, network.check_states(states)
    if not isinstance(query, Mapping):
        raise TypeError(
            f"A Network is started from a dict of states, one for each of {list(memory.populations)}; got "
            f"{type(query).__name__}. A model such as ModernHopfield takes a query."
        )
    return memory, memory.check_states(query)


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


def _kept(network: Network, save: Sequence[str] | str | None) -> list[str]:
    names = list(network.populations)
    if save is None:
        return [name for name in names if name != "memory"] or names
    if isinstance(save, str) and save == "all":
        return names
    wanted = names_of("save", save)
    for name in wanted:
        if name not in names:
            raise unknown_name("population to save", name, ["all", *names])
    return wanted


def _every(save_at: Any) -> int:
    """k for every k-th step, 0 for times."""
    if save_at is None:
        return 1
    if isinstance(save_at, Iterable) and getattr(save_at, "ndim", 1) and not _is_text(save_at):
        return 0
    return whole("save_at, every how many steps to save,", save_at, 1)


def _is_text(value: Any) -> bool:
    return isinstance(value, str | bytes | Mapping)


def _ends(what: str, t1: float, dt: float) -> None:
    feasible(
        f"{what} to t1={t1:g}",
        t1 if math.isinf(dt) else t1 / dt,
        'Give a smaller t1, a larger dt, or a method with error control, such as integrator="rosenbrock".',
    )


def _times(save_at: Any, t1: float, updates: bool) -> np.ndarray:
    times = series("save_at", save_at if backend.is_array(save_at) else list(save_at))
    if (
        times.ndim != 1
        or not times.size
        or not times[0] >= 0
        or not (np.diff(times) > 0).all()
        or not times[-1] <= t1 * (1 + 1e-12)
    ):
        raise ValueError(
            f"save_at must be increasing times from 0 to t1={t1:g}, got {times.tolist()[:5]}"
            f"{'...' if times.size > 5 else ''}."
        )
    if updates and (times % 1 != 0).any():
        raise ValueError(
            f"With dt = inf time counts updates, so save_at must be whole numbers, got {times.tolist()[:5]}."
        )
    return np.minimum(times, t1)
