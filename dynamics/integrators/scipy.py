"""SciPy's initial value solvers, for NumPy states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, backend_of
from ..doors import choice, number, settle
from ..jacobian import jacobian
from ..network import Network
from .base import Solution, Solver, States, refuse_jumps

EXPLICIT = ("RK45", "RK23", "DOP853")
IMPLICIT = ("Radau", "BDF", "LSODA")


@dataclass(frozen=True)
class Scipy(Solver):
    r"""`scipy.integrate.solve_ivp`: explicit (RK45, RK23, DOP853) or stiff (Radau, BDF, LSODA) with error control.

    Each sample of a batch is a solve of its own, so that samples do not share steps. The whole state
    (all populations in one vector) is integrated in float64, by a float64 copy of the network, and cast back
    to the dtype of the states. The implicit methods form and factorise a dense Jacobian of sum(n_a) rows: for
    networks of up to some hundreds of neurons. It is the exact `jacobian`; for the gradient flow, and where a
    part of your own has no derivatives by hand, SciPy takes differences (``statistics["jacobian"]`` says
    which). Guarantee: error control; none for the energy.

    Parameters
    ----------
    method : str
        The name in SciPy.
    rtol, atol : float
        Relative and absolute tolerance.

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", choice("SciPy method", self.method, EXPLICIT + IMPLICIT))
        settle(self, number, "rtol", "atol", above=0)

    def solve(
        self,
        network: Network,
        states: States,
        t1: float,
        save_at: np.ndarray | None,
        clamp: Mapping[str, Array],
        keep: Sequence[str],
    ) -> Solution:
        """One `solve_ivp` for each sample; records of unequal length repeat their last row."""
        exact = network if _is_double(states) else backend.move(network, "numpy", dtype="float64")
        analytic = self.method in IMPLICIT and _has_jacobian(exact, states)
        runs = [
            self._one(
                network,
                _System(exact, {n: x[k] for n, x in states.items()}, {n: m[k] for n, m in clamp.items()}),
                t1,
                save_at,
                keep,
                analytic,
            )
            for k in range(next(iter(states.values())).shape[0])
        ]
        reached = [len(run["times"]) for run in runs]
        length = max(reached) if save_at is None else min(reached)

        def padded(values: np.ndarray) -> np.ndarray:
            return np.concatenate([values[:length], np.repeat(values[-1:], max(0, length - len(values)), axis=0)])

        def stacked(name: str) -> np.ndarray:
            return np.stack([padded(run[name]) for run in runs], axis=1)

        return Solution(
            times=stacked("times") if save_at is None else save_at[:length],
            states={name: stacked(name) for name in keep},
            energy=stacked(" energy"),
            energy_scale=stacked(" scale"),
            final={name: np.stack([run[" final"][name] for run in runs]) for name in states},
            steps=np.array([run[" steps"] for run in runs]),
            evaluations=sum(run[" evaluations"] for run in runs),
            notes={"jacobian": "analytic" if analytic else "differences"} if self.method in IMPLICIT else {},
            failure=next((run[" failure"] for run in runs if run[" failure"]), ""),
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

    def _one(
        self,
        network: Network,
        system: _System,
        t1: float,
        save_at: np.ndarray | None,
        keep: Sequence[str],
        analytic: bool,
    ) -> dict[str, Any]:
        from scipy.integrate import solve_ivp

        steps, end, last = -1, 0.0, system.start

        def watch(t: float, y: np.ndarray) -> float:  # an event that never happens sees t = 0 and every step
            nonlocal steps, end, last
            steps, end, last = steps + 1, float(t), np.array(y)
            return 1.0

        options: dict[str, Any] = {"rtol": self.rtol, "atol": self.atol, "events": watch}
        if analytic:
            options["jac"] = system.jacobian
        found = solve_ivp(system.velocity, (0.0, t1), system.start, method=self.method, t_eval=save_at, **options)
        failure = "" if found.success else f"SciPy {self.method} stopped at t={end:g} of {t1:g}: {found.message}"
        kept = system.unpack(found.y.T if len(found.t) else np.empty((0, last.size)), system.dtype)
        evaluation = network.evaluate(kept)
        return {
            **{name: kept[name] for name in keep},
            "times": np.asarray(found.t),
            " energy": network.energy(kept, evaluation),
            " scale": network.energy_scale(kept, evaluation),
            " final": system.unpack(last, system.dtype),
            " steps": steps,
            " evaluations": system.evaluations,
            " failure": failure,
        }


class _System:
    """A network with one sample's states and clamp, as SciPy sees it: functions of one vector of float64."""

    def __init__(self, network: Network, states: States, clamp: States) -> None:
        self.network, self.clamp, self.names = network, clamp, list(states)
        self.cuts = np.cumsum([states[name].shape[-1] for name in self.names])[:-1]
        self.dtype = states[self.names[0]].dtype
        self.start = np.concatenate([states[name] for name in self.names]).astype(float)
        self.evaluations = 0  # SciPy leaves out those of its differences

    def unpack(self, y: np.ndarray, dtype: Any = float) -> States:
        """The populations of a vector."""
        return dict(zip(self.names, np.split(y.astype(dtype, copy=False), self.cuts, axis=-1), strict=True))

    def velocity(self, _: float, y: np.ndarray) -> np.ndarray:
        """All velocities."""
        self.evaluations += 1
        v = self.network.velocity(self.unpack(y), self.clamp)
        return np.concatenate([v[name] for name in self.names])

    def jacobian(self, _: float, y: np.ndarray) -> np.ndarray:
        """The matrix of their derivatives."""
        blocks = jacobian(self.network, self.unpack(y), self.clamp)
        return np.block([[blocks[target, source] for source in self.names] for target in self.names])


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
