"""What a simulation returns, and how a failure says what happened."""

from __future__ import annotations

import enum
import pickle
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from ..network import Network


class Result(enum.Enum):
    """How a simulation ended; the value is the sentence that says it.

    Of the first two everything is right; a run that ends like the next four failed, and `simulate` raises unless told
    otherwise; the last three are finished runs that are not to be trusted, and `simulate` warns.

    >>> Result.COMPLETED.value
    'The simulation ran to t1.'
    """

    COMPLETED = "The simulation ran to t1."
    STOPPED = "Every sample met the stop condition before t1."
    GAVE_UP = "The library's solver gave up before t1."
    STEP_UNDERFLOW = "The step size became too small to go on."
    TOO_MANY_STEPS = "The method needed more steps than it may take."
    NOT_FINITE = "A state or an energy became NaN or infinite."
    HELD = "The energy rose at every length of a step, and samples were left where they were."
    REJECTED = "Most steps were rejected, so that the run may lag behind the flow."
    UNCONTROLLED = "The steps had no error control, and were too long for this flow."


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""States and energies along a simulation; T saved times, batch axes (...) as in the query.

    Attributes
    ----------
    times : array (T,), or (T, ...) for methods whose samples take steps of their own
        Saved times. With steps of their own, samples that ended earlier repeat their last; with one clock they stay
        in their last state while it goes on.
    states : dict of arrays (T, ..., n)
        The saved populations; a sample that failed has NaN at the times that it did not reach.
    energy : array (T, ...)
        The energy at the saved times.
    energy_scale : array (T, ...)
        The size of the numbers that cancel in the energy: rounding is a few eps(dtype) times this.
    converged : array of bool (...)
        Whether rms(tau x') <= tol (scale + rms x) in every population at the end, tol = 1e-6 in float64
        and 1e-4 in float32; the scale is that of `steady`.
    residual : array (...)
        The largest of rms(tau x')/(scale + rms x) over the populations at the end.
    final : dict of arrays (..., n)
        The last state of every population; of a sample that failed, the last that is known, at the time `reached`.
    reached : array (...)
        The time of `final`: t1, or when a sample met the stop condition or failed.
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
    reached: np.ndarray = field(default_factory=lambda: np.zeros(0))

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
        from ._interpolation import hermite

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
        self.message, self.result, self.trajectory = message, result, trajectory

    def __reduce__(self) -> Any:
        """Let it come back from another process, without the trajectory where a function of yours cannot travel."""
        try:
            pickle.dumps(self.trajectory)
        except Exception:
            return type(self), (self.message, self.result)
        return type(self), (self.message, self.result, self.trajectory)


class SimulationWarning(UserWarning):
    """A simulation that ran to its end but whose states are not to be trusted; `Trajectory.result` says the same."""


class Record(NamedTuple):
    """What a run leaves behind: T saved rows of B samples, the last states, and how it ended.

    `doubt` is what is to be said about a run that finished and is not to be trusted; `lost` are the samples (B,) that
    failed, where the method knows them one by one.
    """

    times: np.ndarray
    states: dict[str, Array]
    energy: Array
    energy_scale: Array
    final: dict[str, Array]
    reached: np.ndarray
    steps: np.ndarray
    statistics: dict[str, Any]
    result: Result
    failure: str = ""
    doubt: str = ""
    lost: np.ndarray | None = None
