"""The numbers that sum up a recall: how many are right, how long it took, and whether the energy fell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked, quiet
from ...dynamics.simulation import Trajectory
from ...models._copies import is_recalled
from ...models.family import nearest, patterns_of, rows_of
from .. import _declared as declared
from ..energy import LyapunovReport, check_lyapunov
from ..results import Result
from ..results import versions as versions
from ..results import write_report as write_report


@dataclass(frozen=True, eq=False, repr=False)
class RecallSummary(Result):
    """What `summarise` finds; B samples.

    Attributes
    ----------
    samples : int
        How many there are.
    recalled : int or None
        How many end nearest to the pattern that their cue was made from, or a copy of it, and not to its reverse (None
        without targets).
    nearest : int array (B,)
        The row of the stored pattern nearest to each final activation, in angle for cosine, else in 2-norm.
    distance : float
        Median over the samples of the root mean square difference from that pattern.
    steps_median, steps_max : float and int
        Steps that the samples took.
    converged : int
        How many met the tolerance of a steady state.
    residual : float
        The largest of rms(tau x')/(scale + rms x), as `steady` measures it, over populations and samples at the end.
    lyapunov : LyapunovReport
        The verdict on the energy.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield import UniversalHopfield, simulate
    >>> memory = UniversalHopfield(np.eye(4), "manhattan", beta=4.0)
    >>> summarise(memory, simulate(memory, np.eye(4) / 2, t1=20, stop="steady"), targets=range(4)).accuracy
    1.0
    """

    samples: int
    recalled: int | None
    nearest: np.ndarray
    distance: float
    steps_median: float
    steps_max: int
    converged: int
    residual: float
    lyapunov: LyapunovReport

    @property
    def accuracy(self) -> float | None:
        """The part of the samples that are recalled."""
        return None if self.recalled is None else self.recalled / self.samples


@quiet
@checked(**declared.SUMMARISE)
def summarise(memory: Any, trajectory: Trajectory, targets: Any = None) -> RecallSummary:
    r"""Sum up a simulation of a memory.

    Parameters
    ----------
    memory : model or array (N, I)
        With the stored patterns, or the patterns.
    trajectory : Trajectory
        What `simulate` returned. Saved with ``save="all"``, the check of the energy sees every state.
    targets : int array (...), optional
        The row of the pattern that each cue was made from.

    Returns
    -------
    RecallSummary
        Counts over all samples of the batch.

    Raises
    ------
    ValueError
        When there is not one target for each sample.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield import ModernHopfield, simulate
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> summary = summarise(memory, simulate(memory, np.eye(3) + 0.1, t1=20, stop="steady"), targets=[0, 1, 2])
    >>> summary.recalled, summary.converged, summary.lyapunov.holds
    (3, 3, True)
    """
    if not isinstance(trajectory, Trajectory):
        raise TypeError(f"summarise takes what simulate returned, a Trajectory, not {type(trajectory).__name__}.")
    name, population = next(iter(trajectory.network.populations.items()))  # the one that cues enter
    end = population.lagrangian.activation(trajectory.final[name])
    near = nearest(memory, end).reshape(-1)
    gap = backend.to_numpy(end).reshape(len(near), -1) - backend.to_numpy(patterns_of(memory, end))[near]
    recalled = None
    if targets is not None:
        targets = rows_of(targets, len(patterns_of(memory)))
        if targets.shape != near.shape:
            raise ValueError(f"There are {len(targets)} targets for {len(near)} samples: give the row of one for each.")
        recalled = int(is_recalled(memory, end.reshape(len(near), -1), near, targets).sum())
    return RecallSummary(
        samples=len(near),
        recalled=recalled,
        nearest=near,
        distance=float(np.median(np.sqrt(np.mean(gap * gap, axis=-1)))),
        steps_median=float(np.median(trajectory.steps)),
        steps_max=int(trajectory.steps.max()),
        converged=int(trajectory.converged.sum()),
        residual=float(trajectory.residual.max()),
        lyapunov=check_lyapunov(None, trajectory),
    )
