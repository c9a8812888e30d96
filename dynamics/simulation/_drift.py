"""What the errors of steps without error control add up to, so that a run can say when they show."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, rms
from ..integrators import Integrator
from ..network import Network, relative

LOOK = 8  # every step is looked at until twice so many, then every eighth, which stands for eight


def bend_of(method: Integrator, dt: Any, before: Array, after: Array) -> Array:
    """About the error of a step: dt^2/2 x'' = dt/2 \\|change of x'\\|, times a third of its part in x' for order 2."""
    change = rms(after - before)
    return dt / 2 * change if method.order < 2 else dt / 6 * change * relative(change, rms(before) + rms(after))


class Drift:
    """What the errors of explicit steps add up to, by sample, in parts of the largest state so far.

    A step is off by about dt/2 times the change of the velocity; every step is looked at in the beginning, later every
    eighth, which then stands for eight.
    """

    def __init__(self, network: Network, samples: int) -> None:
        self._moved = {name: np.zeros(samples) for name in network.populations}
        self._size = {name: np.zeros(samples) for name in network.populations}
        self._step = 0

    def looks(self) -> bool:
        """Whether the next step is looked at."""
        self._step += 1
        return self._step <= 2 * LOOK or self._step % LOOK == 0

    def add(self, bend: dict[str, tuple[Array, Array]], rows: np.ndarray, accepted: np.ndarray) -> None:
        """Count a step of some rows."""
        times, where = LOOK if self._step > 2 * LOOK else 1, rows[accepted]
        for name, (moved, size) in bend.items():
            with np.errstate(all="ignore"):
                self._moved[name][where] += times * backend.to_numpy(moved).astype(float)[accepted]
                self._size[name][where] = np.maximum(self._size[name][where], backend.to_numpy(size)[accepted])

    def part(self) -> np.ndarray:
        """The largest over the populations."""
        with np.errstate(all="ignore"):
            return np.max([np.nan_to_num(m / self._size[n], posinf=0.0) for n, m in self._moved.items()], axis=0)
