"""What a simulation returns, and how a failure says what happened."""

from __future__ import annotations

import enum
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from ..backend import Array, to_numpy
from ..doors import checked, flag, kind
from ..doors import path as path_to
from ..files import suffixed
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
    columns : dict of int arrays
        Of populations of which some neurons alone were saved, which these are.
    drive : object or None
        What changed in time; `network_at` gives the network of any time.
    work : array (T, ...)
        The work that changing inputs and numbers have done since t0, in float64: the integral of the derivative of E
        in t at fixed states, and at a jump the difference of E across it. 0 where nothing changed.
    work_error : array (T, ...)
        A bound on its error, from interpolation inside the steps and rounding.
    energy_before : array (...) or None
        The energy at t0.

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
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    drive: Any = None
    work: np.ndarray = field(default_factory=lambda: np.zeros(()))
    work_error: np.ndarray = field(default_factory=lambda: np.zeros(()))
    energy_before: Any = None

    def __post_init__(self) -> None:
        for name in ("work", "work_error"):  # of files that know nothing of them, and of runs in which nothing changed
            if getattr(self, name).shape != tuple(self.energy.shape):
                object.__setattr__(self, name, np.zeros(tuple(self.energy.shape)))

    @property
    def activations(self) -> dict[str, Array]:
        """The activations of the saved populations, (T, ..., n)."""
        for name in self.columns:
            if not (lagrangian := self.network.populations[name].lagrangian).elementwise:
                raise ValueError(
                    f"Some neurons of {name!r} were saved, and activations of {lagrangian!r} need all of them: "
                    f"simulate(..., save={name!r})."
                )
        return {name: self.network.populations[name].lagrangian.activation(x) for name, x in self.states.items()}

    @property
    def dissipation(self) -> np.ndarray:
        """The energy that the flow has taken since t0, (T, ...), in float64: work - (E - E(t0)).

        It never falls where E falls at fixed inputs.

        >>> import numpy as np
        >>> from hopfield.dynamics import Network, Population, Quadratic, simulate
        >>> one = Network({"x": Population(Quadratic(), 1)})
        >>> run = simulate(one, {"x": np.zeros(1)}, t1=20.0, current=2.0, save_at=[0.0, 20.0])
        >>> run.dissipation.round(6)
        array([0., 2.])
        """
        begin = 0.0 if self.energy_before is None else to_numpy(self.energy_before).astype(float)
        return self.work - (to_numpy(self.energy).astype(float) - begin)

    def network_at(self, t: Any, *, left: bool = False) -> Network:
        """The network at a time, with the input currents and numbers that it has then; `left` of a jump.

        >>> import numpy as np
        >>> from hopfield.dynamics import simulate
        >>> from hopfield.models import ModernHopfield
        >>> run = simulate(ModernHopfield(np.eye(2)), np.ones(2), t1=1.0, schedule={"beta": lambda t: 1 + t})
        >>> run.network_at(0.5).populations["memory"].lagrangian.beta
        1.5
        """
        return self.network if self.drive is None else self.drive.network(t, left)

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

    # ------------------------------------------------------------------------------------ parts, joined, kept

    def between(self, start: float | None = None, stop: float | None = None) -> Self:
        """The part whose times lie in [start, stop]; None is the first, or the last time.

        `final`, `reached`, `converged`, `residual`, `steps`, `statistics` and `result` stay those of the whole run. Of
        methods with a clock for each sample, a sample without a saved time in there keeps its last one before.

        >>> import numpy as np
        >>> from hopfield.dynamics import simulate
        >>> from hopfield.models import ModernHopfield
        >>> run = simulate(ModernHopfield(np.eye(2), beta=8.0), np.array([0.9, 0.2]), t1=2, save_at=[0, 0.5, 1, 2])
        >>> run.between(0.5, 1.5).times, run.between(stop=0.7).states["value"].shape
        (array([0.5, 1. ]), (2, 2))
        """
        from ._joining import between

        return between(self, start, stop)

    def then(self, *later: Trajectory, shift: bool = False) -> Self:
        r"""One trajectory of this run and those that went on from it, in the same network.

        Times, states and energies are put end to end; `final`, `converged`, `residual` and `result` are those of the
        last run, and `steps` and the counts of `statistics` are summed. Where one run ends and the next begins the same
        time stands twice.

        Parameters
        ----------
        later : Trajectory
            The runs that went on.
        shift : bool
            Whether their clocks began anew, so that each begins where the one before `reached`.

        >>> import numpy as np
        >>> from hopfield.dynamics import simulate
        >>> from hopfield.models import ModernHopfield
        >>> memory = ModernHopfield(np.eye(2), beta=8.0)
        >>> first = simulate(memory, np.array([0.9, 0.2]), t1=1.0, save_at=[0, 1])
        >>> first.then(simulate(memory, first.final, t1=2.0, save_at=[0, 2]), shift=True).times
        array([0., 1., 1., 3.])
        """
        from ._joining import followed

        found, shift = self, flag("shift", shift)
        for k, run in enumerate(later):
            found = followed(found, kind(f"later[{k}]", run, Trajectory, "what simulate(...) returns"), shift)
        return found

    def to_dataframe(self) -> Any:
        """A table of pandas with a row for each saved time of each sample.

        Columns: ``time``, ``sample`` (``sample_0``, ``sample_1``, ... with more batch axes; none without), ``energy``,
        and a state a neuron, ``value_0``, ``value_1``, ...

        >>> import numpy as np
        >>> from hopfield.dynamics import simulate
        >>> from hopfield.models import ModernHopfield
        >>> run = simulate(ModernHopfield(np.eye(2), beta=8.0), np.array([[0.9, 0.2]]), t1=1, save_at=[0, 1])
        >>> list(run.to_dataframe().columns)  # pandas
        ['time', 'sample', 'energy', 'value_0', 'value_1']
        """
        from ._tables import to_dataframe

        return to_dataframe(self)

    def to_xarray(self) -> Any:
        """A data set of xarray: energy and states by time (by step, where samples have clocks), sample and neuron.

        `converged`, `residual`, `reached` and `steps` of each sample are in it too.

        >>> import numpy as np
        >>> from hopfield.dynamics import simulate
        >>> from hopfield.models import ModernHopfield
        >>> run = simulate(ModernHopfield(np.eye(2), beta=8.0), np.array([[0.9, 0.2]]), t1=1, save_at=[0, 1])
        >>> dict(run.to_xarray().sizes)  # xarray
        {'time': 2, 'sample': 1, 'value_neuron': 2}
        """
        from ._tables import to_xarray

        return to_xarray(self)

    @checked(path=path_to, network=flag)
    def save(self, path: str | os.PathLike[str], *, network: bool = True) -> Path:
        """Write everything to one ``.npz`` file, whole or not at all; returns its path.

        The arrays have their names, states those of their populations: ``numpy.load(path)["value"]``. The network with
        its patterns is in it too, unless `network` is False, as it must be for one that holds functions of your own.

        >>> import numpy as np
        >>> from hopfield.dynamics import simulate
        >>> from hopfield.models import ModernHopfield
        >>> run = simulate(ModernHopfield(np.eye(2), beta=8.0), np.array([0.9, 0.2]), t1=1, save_at=[0, 1])
        >>> Trajectory.load(run.save("run"))
        Trajectory(2 times to t=1, value (2, 2), 0 of 1 converged, COMPLETED)
        """
        from ._keeping import keep

        return keep(self, suffixed(path), network)

    @classmethod
    @checked(path=path_to)
    def load(cls, path: str | os.PathLike[str], network: Network | None = None) -> Self:
        """Read what `save` wrote, as NumPy arrays; `network` is what moved, where the file does not hold it."""
        from ._keeping import load

        if network is not None:
            kind("network", network, Network, "a Network such as memory.network")
        return load(cls, Result, path, network)

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
    failed, where the method knows them one by one; `work` (T, B) is None where nothing changed, `begin` (B,) is E at
    t0.
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
    work: np.ndarray | None = None
    work_error: np.ndarray | None = None
    begin: Array | None = None
