"""What is kept of a simulation: as many times as memory allows, and the file they go to."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked, positive
from ...dynamics.simulation import Trajectory, keep
from .. import _declared as declared

LIMIT = 2**29  # bytes
ADAPTIVE = 200  # steps that a method without a step of its own is thought to take


@checked(**declared.TIMES_THAT_FIT)
def times_that_fit(
    memory: Any,
    samples: int,
    t1: float,
    dt: float,
    *,
    every_population: bool = False,
    count: int | None = None,
    limit: int | None = None,
) -> np.ndarray | None:
    r"""Times for ``simulate(save_at=...)``: every step if that fits into `limit` bytes, else as many as do.

    Parameters
    ----------
    memory : model
        What will move; a time takes a value for each neuron of a sample, memory neurons only if asked for.
    samples : int
        Size of the batch.
    t1, dt : float
        End time and step; with dt = inf times are whole numbers of updates, and a dt beyond t1 is taken for
        that of a method which chooses its steps (200 of them).
    every_population : bool
        Whether the memory neurons are saved too.
    count : int, optional
        Save this many times, whatever they take.
    limit : int, optional
        Bytes, 512 MiB unless said otherwise.

    Returns
    -------
    array (T,) or None
        Evenly spaced from 0 to t1; None for every step.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield import ModernHopfield
    >>> memory = ModernHopfield(np.eye(3))
    >>> times_that_fit(memory, 10, t1=100.0, dt=0.1) is None
    True
    >>> times_that_fit(memory, 10, t1=100.0, dt=0.1, limit=1500)
    array([  0.,  20.,  40.,  60.,  80., 100.])
    """
    t1, limit = positive("t1", t1), LIMIT if limit is None else limit
    populations = memory.network.populations
    width = sum(p.size for name, p in populations.items() if every_population or name != "memory")
    row = samples * width * next(x for x in backend.arrays(memory) if x.ndim).dtype.itemsize
    if count is None:
        steps = t1 if math.isinf(dt) else t1 / dt if dt <= t1 else ADAPTIVE
        if row * steps <= limit:
            return None
        count = max(2, limit // row)
    times = np.linspace(0, t1, count)
    return np.unique(np.floor(times + 1e-9)) if math.isinf(dt) else times


@checked(**declared.SAVE_TRAJECTORY)
def save_trajectory(path: str | os.PathLike[str], trajectory: Trajectory) -> Path:
    r"""Write a trajectory to one ``.npz`` file, whole or not at all.

    It holds ``times``, ``energy``, the saved populations by name, their last states as ``final_...``, and
    ``steps``, ``converged`` and ``residual`` of every sample. It is read by ``numpy.load``, or by
    ``Trajectory.load(path, memory.network)``; the network with its patterns is written by `Trajectory.save`.

    Parameters
    ----------
    path : path
        The file.
    trajectory : Trajectory
        What `simulate` returned.

    Returns
    -------
    Path
        The file.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield import ModernHopfield, simulate
    >>> run = simulate(ModernHopfield(np.eye(2), beta=8.0), np.array([0.9, 0.2]), t1=1)
    >>> sorted(np.load(save_trajectory("run.npz", run)))[:4]
    ['converged', 'energy', 'energy_before', 'energy_scale']
    """
    return keep(trajectory, path, network=False)
