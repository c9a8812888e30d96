"""SciPy's initial value solvers, for NumPy states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Array, backend_of
from ..jacobian import jacobian
from ..network import Network
from ..validation import positive, unknown_name
from .base import Solution, Solver, States

METHODS = ("RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA")


@dataclass(frozen=True)
class Scipy(Solver):
    r"""`scipy.integrate.solve_ivp`: explicit (RK45, RK23, DOP853) or stiff (Radau, BDF, LSODA) with error control.

    Each sample of a batch is a solve of its own, so that samples do not share steps. The whole state
    (all populations in one vector) is integrated in float64 and cast back to the dtype of the states.
    The implicit methods are given the exact Jacobian, a matrix of size sum(n_a): for small networks only. (In the
    gradient flow, and for parts of your own without derivatives by hand, SciPy takes differences instead.)
    Guarantee: error control; none for the energy.

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
        if self.method not in METHODS:
            raise unknown_name("SciPy method", self.method, METHODS)
        positive("rtol", self.rtol)
        positive("atol", self.atol)

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
        runs = [
            self._one(
                network,
                {n: x[k] for n, x in states.items()},
                t1,
                save_at,
                {n: m[k] for n, m in clamp.items()},
                keep,
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
            failure=next((run[" failure"] for run in runs if run[" failure"]), ""),
        )

    def check(self, network: Network, states: States) -> None:
        """Refuse jumps and arrays of other libraries."""
        super().check(network, states)
        if (library := backend_of(next(iter(states.values())))) != "numpy":
            raise TypeError(
                f"Scipy integrates NumPy states, these are {library} arrays. Move the memory, memory.to('numpy'), or "
                f"use {'Diffrax()' if library == 'jax' else 'Relaxation()'}."
            )

    def _has_slopes(self, network: Network, states: States) -> bool:
        if self.method not in ("Radau", "BDF", "LSODA") or network.flow != "local":
            return False
        try:
            jacobian(network, states)
        except TypeError:  # a part that has no derivative by hand
            return False
        return True

    def _one(
        self,
        network: Network,
        start: States,
        t1: float,
        save_at: np.ndarray | None,
        clamp: States,
        keep: Sequence[str],
    ) -> dict[str, Any]:
        from scipy.integrate import solve_ivp

        names = list(start)
        cuts = np.cumsum([start[name].shape[-1] for name in names])[:-1]
        dtype = start[names[0]].dtype

        def unpack(y: np.ndarray) -> States:
            return dict(zip(names, np.split(y.astype(dtype, copy=False), cuts, axis=-1), strict=True))

        def velocity(_: float, y: np.ndarray) -> np.ndarray:
            v = network.velocity(unpack(y), clamp)
            return np.concatenate([v[name] for name in names]).astype(float, copy=False)

        y0 = np.concatenate([start[name] for name in names]).astype(float)
        steps, end, last = -1, 0.0, y0

        def slopes(_: float, y: np.ndarray) -> np.ndarray:
            blocks = jacobian(network, unpack(y), clamp)
            return np.block([[blocks[a, b] for b in names] for a in names]).astype(float, copy=False)

        def watch(t: float, y: np.ndarray) -> float:  # an event that never happens sees t = 0 and every step
            nonlocal steps, end, last
            steps, end, last = steps + 1, float(t), np.array(y)
            return 1.0

        options: dict[str, Any] = {"rtol": self.rtol, "atol": self.atol, "events": watch}
        if self._has_slopes(network, start):
            options["jac"] = slopes
        found = solve_ivp(velocity, (0.0, t1), y0, method=self.method, t_eval=save_at, **options)
        failure = "" if found.success else f"SciPy {self.method} stopped at t={end:g} of {t1:g}: {found.message}"
        kept = unpack(found.y.T if len(found.t) else np.empty((0, y0.size)))
        evaluation = network.evaluate(kept)
        return {
            **{name: kept[name] for name in keep},
            "times": np.asarray(found.t),
            " energy": network.energy(kept, evaluation),
            " scale": network.energy_scale(kept, evaluation),
            " final": unpack(last),
            " steps": steps,
            " evaluations": found.nfev,
            " failure": failure,
        }
