"""SciPy's initial value solvers, for NumPy states."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array, backend_of
from ..doors import choice, number, settle, whole
from ..inputs import Stretch, of_sample
from ..network import Network, jacobian
from ._base import Solution, Solver, States, refuse_jumps

EXPLICIT = ("RK45", "RK23", "DOP853")
IMPLICIT = ("Radau", "BDF", "LSODA")
STILL = 1e-12  # a step shorter than this part of t1 moves time not at all
STALLED = 5_000  # evaluations in such steps after which a sample is given up


@dataclass(frozen=True)
class Scipy(Solver):
    r"""`scipy.integrate.solve_ivp`: explicit (RK45, RK23, DOP853) or stiff (Radau, BDF, LSODA) with error control.

    Each sample of a batch is a solve of its own, so that samples do not share steps. The whole state
    (all populations in one vector) is integrated in float64, by a float64 copy of the network, and cast back
    to the dtype of the states. The implicit methods form and factorise a dense Jacobian of sum(n_a) rows: for
    networks of up to some hundreds of neurons. It is the exact `jacobian`; for the gradient flow, and where a
    part of your own has no derivatives by hand, SciPy takes differences (``statistics["jacobian"]`` says
    which). Guarantee: error control; none for the energy. SciPy's own methods follow a state that runs away for ever,
    in ever shorter steps: here a sample is given up when it takes too many evaluations, too long, or when time stands
    still; what it reached is kept.

    Parameters
    ----------
    method : str
        The name in SciPy.
    rtol, atol : float
        Relative and absolute tolerance.
    max_evaluations : int
        Velocities that one sample may take.
    max_seconds : float
        Time by the clock that one sample may take.

    >>> import numpy as np
    >>> from hopfield.dynamics import Network, Population, Quadratic, simulate
    >>> decay = Network({"x": Population(Quadratic(), 1)})
    >>> run = simulate(decay, {"x": np.array([1.0])}, t1=1.0, integrator=Scipy("BDF", rtol=1e-8), save_at=[1.0])
    >>> run.states["x"].round(6)
    array([[0.367879]])
    """

    method: str = "LSODA"
    rtol: float = 1e-6
    atol: float = 1e-9
    max_evaluations: int = 1_000_000
    max_seconds: float = 600.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", choice("SciPy method", self.method, EXPLICIT + IMPLICIT))
        settle(self, number, "rtol", "atol", "max_seconds", above=0)
        settle(self, whole, "max_evaluations", least=1)

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
        """One solve for each sample; records of unequal length repeat their last row."""
        double = _is_double(states)
        exact = network if double else backend.move(network, "numpy", dtype="float64")
        analytic = self.method in IMPLICIT and _has_jacobian(exact, states)

        def seen(k: int) -> Any:
            if (changes := stretch) is None:
                alone = of_sample(exact, k)
                return lambda _: alone
            if double:
                return lambda s: changes.network(s, k)
            return lambda s: backend.move(changes.network(s, k), "numpy", dtype="float64")

        systems = [
            _System(
                seen(k), stretch is not None, {n: x[k] for n, x in states.items()}, {n: m[k] for n, m in clamp.items()}
            )
            for k in range(next(iter(states.values())).shape[0])
        ]
        runs = [self._one(system, t1, save_at, analytic) for system in systems]
        length = max(len(run.times) for run in runs)
        times = np.stack([_padded(run.times, length) for run in runs], axis=1)
        packed = np.stack([_padded(run.states, length) for run in runs], axis=1)
        last = np.stack([run.final for run in runs])
        whole = systems[0].unpack(packed, systems[0].dtype)
        energies = [np.asarray(x) for x in _energies(network, whole, times if save_at is None else save_at, stretch)]
        return Solution(
            times=times if save_at is None else save_at,
            states={name: whole[name] for name in keep},
            energy=energies[0],
            energy_scale=energies[1],
            final=systems[0].unpack(last, systems[0].dtype),
            reached=np.array([run.reached for run in runs]),
            steps=np.array([run.steps for run in runs]),
            evaluations=sum(system.evaluations for system in systems),
            notes={"jacobian": "analytic" if analytic else "differences"} if self.method in IMPLICIT else {},
            failure=next((f"In sample {k}: {run.failure}" for k, run in enumerate(runs) if run.failure), ""),
            dissipated=None if stretch is None else (packed[..., -1], last[..., -1]),
        )

    def check(self, network: Network, states: States) -> None:
        """Refuse jumps, arrays of other libraries, and tolerances that SciPy would change in silence."""
        if (library := backend_of(next(iter(states.values())))) != "numpy":
            raise TypeError(
                f"Scipy integrates NumPy states, these are {library} arrays. Move the memory, memory.to('numpy'), or "
                f"use {'Diffrax()' if library == 'jax' else 'TorchDiffEq()'}."
            )
        refuse_jumps(self, network)
        if self.rtol < (least := 100 * np.finfo(float).eps):
            raise ValueError(f"Scipy has rtol={self.rtol:g}, below the {least:.1e} that SciPy can resolve: give more.")

    def _one(self, system: _System, t1: float, save_at: np.ndarray | None, analytic: bool) -> _Solved:
        """Step through one sample, so that what it reached is known when it can go on no more."""
        import scipy.integrate

        options: dict[str, Any] = {"rtol": self.rtol, "atol": self.atol}
        if analytic:
            options["jac"] = system.jacobian
        times, rows, failure = [0.0], [system.start], ""
        if save_at is not None:
            times, rows = ([0.0], [system.start]) if save_at[0] == 0 else ([], [])
        last, end, steps, began = system.start, 0.0, 0, time.perf_counter()
        solver = getattr(scipy.integrate, self.method)(system.velocity, 0.0, system.start, t1, **options)
        progressed = system.evaluations
        while solver.status == "running" and not failure:
            message = solver.step()
            failure = message or "" if solver.status == "failed" else self._exhausted(system, progressed, began)
            if solver.status == "failed" or not np.isfinite(solver.y).all():
                failure = failure or "a state is not finite"
                break
            if solver.t > end + STILL * t1:
                progressed = system.evaluations
            if save_at is None:
                times.append(solver.t)
                rows.append(np.array(solver.y))
            elif (due := save_at[(save_at > end) & (save_at <= solver.t)]).size:
                times.extend(due)
                rows.extend(solver.dense_output()(due).T)
            last, end, steps = np.array(solver.y), float(solver.t), steps + 1
        if failure:
            failure = f"SciPy {self.method} stopped at t={end:g} of {t1:g}: {failure.strip().rstrip('.')}."
        if save_at is not None:
            rows += [np.full_like(last, np.nan)] * (len(save_at) - len(rows))
            times = save_at
        return _Solved(np.asarray(times), np.stack(rows), last, end, steps, failure)

    def _exhausted(self, system: _System, progressed: int, began: float) -> str:
        if system.evaluations - progressed > STALLED:
            return f"time has stood still for {STALLED} evaluations; the state is running away"
        if system.evaluations >= self.max_evaluations:
            return f"it took {system.evaluations} evaluations (max_evaluations)"
        if time.perf_counter() - began > self.max_seconds:
            return f"it took {self.max_seconds:g} seconds (max_seconds)"
        return ""


class _Solved(NamedTuple):
    """What became of one sample: saved times and packed states, the last state and its time."""

    times: np.ndarray
    states: np.ndarray
    final: np.ndarray
    reached: float
    steps: int
    failure: str


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([values, np.repeat(values[-1:], length - len(values), axis=0)])


class _System:
    """A network with one sample's states and clamp, as SciPy sees it: functions of one vector of float64.

    Where the network is a function of time, the energy that its flow takes is the last number of the vector.
    """

    def __init__(self, network: Callable[[float], Network], driven: bool, states: States, clamp: States) -> None:
        self.network, self.clamp, self.names = network, clamp, list(states)
        self.cuts = np.cumsum([states[name].shape[-1] for name in self.names])
        self.dtype = states[self.names[0]].dtype
        self.driven = driven
        self.start = np.concatenate([*[states[name] for name in self.names], np.zeros(int(self.driven))]).astype(float)
        self.evaluations = 0  # SciPy leaves out those of its differences

    def unpack(self, y: np.ndarray, dtype: Any = float) -> States:
        """The populations of a vector."""
        return dict(zip(self.names, np.split(y.astype(dtype, copy=False), self.cuts, axis=-1), strict=False))

    def velocity(self, t: float, y: np.ndarray) -> np.ndarray:
        """All velocities."""
        self.evaluations += 1
        x, network = self.unpack(y), self.network(t)
        if not self.driven:
            v = network.velocity(x, self.clamp)
            return np.concatenate([v[name] for name in self.names])
        flow = network.bound(self.clamp)
        point = flow.at(x)
        v = flow.velocity(point)
        return np.concatenate([*[v[name] for name in self.names], [-flow.rate(point)]])

    def jacobian(self, t: float, y: np.ndarray) -> np.ndarray:
        """The matrix of their derivatives; of what the flow takes nothing, on which nothing depends."""
        blocks = jacobian(self.network(t), self.unpack(y), self.clamp)
        found = np.block([[blocks[target, source] for source in self.names] for target in self.names])
        return np.pad(found, (0, 1)) if self.driven else found


def _energies(network: Network, states: States, times: np.ndarray, stretch: Stretch | None) -> Any:
    """Energies and their scales (T, B) of states (T, B, n) at times (T,) or (T, B)."""
    if stretch is None:
        point = network.evaluate(states)
        return network.energy(states, point), network.energy_scale(states, point)
    shape = next(iter(states.values())).shape[:-1]
    clock, found = np.broadcast_to(times.reshape(len(times), -1), shape), np.zeros((2, *shape))
    for k, t in np.ndindex(shape[1], shape[0]):
        there = stretch.network(float(clock[t, k]), k)
        x = {name: part[t, k] for name, part in states.items()}
        point = there.evaluate(x)
        found[:, t, k] = there.energy(x, point), there.energy_scale(x, point)
    return found.astype(next(iter(states.values())).dtype)


def _is_double(states: States) -> bool:
    return all(x.dtype == np.float64 for x in states.values())


def _has_jacobian(network: Network, states: States) -> bool:
    """Whether every part of the network gives its derivatives by hand."""
    if network.flow != "local":
        return False
    try:
        jacobian(network, {name: x[:1].astype(float) for name, x in states.items()})
    except TypeError:  # as NumPy has no autodiff
        return False
    return True
