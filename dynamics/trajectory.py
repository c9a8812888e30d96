"""What a simulation returns, and how a failure says what happened."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .backend import Array
from .network import Network


class Result(enum.Enum):
    """How a simulation ended; the value is the sentence that says it.

    >>> Result.COMPLETED.value
    'The simulation ran to t1.'
    """

    COMPLETED = "The simulation ran to t1."
    STOPPED = "Every sample met the stop condition before t1."
    GAVE_UP = "The library's solver gave up before t1."
    STEP_UNDERFLOW = "The step size became too small to go on."
    TOO_MANY_STEPS = "The method needed more steps than it may take."
    NOT_FINITE = "A state or an energy became NaN or infinite."


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""States and energies along a simulation; T saved times, batch axes (...) as in the query.

    Attributes
    ----------
    times : array (T,), or (T, ...) for methods whose samples take steps of their own
        Saved times; samples that ended earlier repeat their last.
    states : dict of arrays (T, ..., n)
        The saved populations.
    energy : array (T, ...)
        The energy at the saved times.
    energy_scale : array (T, ...)
        The size of the numbers that cancel in the energy: rounding is a few eps(dtype) times this.
    converged : array of bool (...)
        Whether rms(tau x') <= tol (1 + rms x) in every population at the end, tol = 1e-6 in float64
        and 1e-4 in float32.
    residual : array (...)
        The largest of rms(tau x')/(1 + rms x) over the populations at the end.
    final : dict of arrays (..., n)
        The last state of every population.
    steps : array of int (...)
        Steps that each sample took.
    statistics : dict
        ``steps`` (largest over the samples), ``rejected``, ``evaluations``, ``seconds``, ``integrator``.
    result : Result
        How it ended.
    network : Network
        What was integrated.
    clamp : dict
        The neurons that were held.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import simulate
    >>> from hopfield.models import ModernHopfield
    >>> simulate(ModernHopfield(np.eye(3), beta=8.0), np.ones((4, 3)) / 3, t1=1.0, save_at=[0.0, 1.0])
    Trajectory(2 times to t=1, value (2, 4, 3), 4 of 4 converged, COMPLETED)
    """

    times: np.ndarray
    states: dict[str, Array]
    energy: Array
    energy_scale: Array
    converged: np.ndarray
    residual: np.ndarray
    final: dict[str, Array]
    steps: np.ndarray
    statistics: dict[str, Any]
    result: Result
    network: Network
    clamp: dict[str, Array] = field(default_factory=dict)

    @property
    def activations(self) -> dict[str, Array]:
        """The activations of the saved populations, (T, ..., n)."""
        return {name: self.network.populations[name].lagrangian.activation(x) for name, x in self.states.items()}

    def at(self, times: Any) -> dict[str, Array]:
        """States (K, ..., n) at any times (K,), by cubic Hermite interpolation between the steps.

        Of third order in the step, from the saved states and the network's own velocities: every step and
        every population must have been saved, ``simulate(..., save_at=None, save="all")``.

        >>> import numpy as np
        >>> from hopfield.dynamics import Network, Population, Quadratic, RungeKutta, simulate
        >>> decay = Network({"x": Population(Quadratic(), 1)})
        >>> run = simulate(decay, {"x": np.array([1.0])}, t1=1.0, integrator=RungeKutta())
        >>> run.at([0.5])["x"].round(4)
        array([[0.6065]])
        """
        from .interpolation import hermite

        return hermite(self, times)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {tuple(x.shape)}" for name, x in self.states.items())
        done = int(np.sum(self.converged))
        return (
            f"Trajectory({len(self.times)} times to t={float(np.max(self.times, initial=0.0)):g}, {shapes}, "
            f"{done} of {self.converged.size} converged, {self.result.name})"
        )


class SimulationError(RuntimeError):
    """A simulation that failed; `result` names the failure and `trajectory` holds what there is so far."""

    def __init__(self, message: str, result: Result, trajectory: Trajectory | None = None) -> None:
        super().__init__(f"{result.value} {message}")
        self.result = result
        self.trajectory = trajectory
