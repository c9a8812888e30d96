"""Step sizes: equal steps that end on the save times, or a step for each sample from its error estimate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import backend
from .backend import Array
from .flow import Flow, Point
from .integrators.base import Integrator, error_norm
from .trajectory import Result

SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0


class Verdict(NamedTuple):
    """Which rows (B,) of a step are accepted; by row, why and how those end that can go on no more."""

    accepted: np.ndarray
    lost: dict[int, tuple[str, Result]]


class Controller:
    """Proposes the steps of a batch and judges them; all of it on the host, in float64.

    A fixed method has one clock: equal steps of at most dt that end on the next save time. An adaptive
    one has a step for each sample: with the error estimate e (1 = just tolerated) of a method whose estimate
    is of order q, the next step is dt min(5, max(0.2, 0.9 e^(-1/q))).
    """

    def __init__(self, method: Integrator, flow: Flow, point: Point, t1: float) -> None:
        self.method, self.t1 = method, t1
        like = next(iter(point.states.values()))
        size = len(like)
        self.h = np.full(size, 1.0 if np.isinf(method.dt) else min(method.dt, t1))
        if method.adaptive:
            first = backend.compiled(_first_step, like)
            self.h = np.minimum(self.h, backend.to_numpy(first(method, flow, point)))
            self.h = np.maximum(self.h, 1e-12 * t1)
        self.eager = np.ones(size, dtype=bool)  # whether the last step was accepted, so that h may grow

    def propose(self, left: np.ndarray, moving: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps for each row, and whether each lands on its target, `left` away."""
        if np.isinf(self.method.dt):
            return np.ones_like(left), left <= 1
        if not self.method.adaptive:
            dt = left / np.maximum(1, np.ceil(left / self.method.dt - 1e-9))
            return dt, left <= dt * (1 + 1e-9)
        lands = left <= self.h * (1 + 1e-9)
        dt = np.where(lands, left, np.where(left < 2 * self.h, left / 2, self.h))  # no sliver is left over
        return np.where(moving, dt, self.h), lands

    def judge(
        self,
        error: np.ndarray | None,
        bad: np.ndarray,
        moving: np.ndarray,
        dt: np.ndarray,
        time: np.ndarray,
        steps: np.ndarray,
        rows: np.ndarray,
    ) -> Verdict:
        """Which rows to accept, and which can go on no more; `bad` steps raised the energy or are not finite."""
        if error is None:
            return Verdict(moving & ~bad, {})
        error = np.where(np.isfinite(error), error, np.inf)
        accepted = moving & (error <= 1) & ~bad
        factor = SAFETY * np.maximum(error, 1e-10) ** (-1 / self.method.error_order)
        factor = np.clip(factor, SHRINK, np.where(self.eager, GROW, 1.0))
        factor = np.where(bad & (error <= 1), 0.5, factor)
        proposed = np.minimum(dt * factor, self.method.dt)
        # A step cut short by a save time says nothing against the step before it.
        cut = accepted & (dt < self.h)
        self.h = np.where(moving, np.where(cut, np.maximum(proposed, self.h * (factor >= 1)), proposed), self.h)
        self.eager = np.where(moving, accepted, self.eager)
        lost: dict[int, tuple[str, Result]] = {}
        for k in np.flatnonzero(moving & ~accepted & (self.h < 1e-13 * np.maximum(self.t1, time))):
            why = "its energy rose at every step size" if bad[k] else "its error stayed above the tolerance"
            message = (
                f"In sample {rows[k]} the step of {self.method!r} fell to {self.h[k]:.3g} at t={time[k]:g} after "
                f"{steps[k]} steps: {why}. The state may be running away, or the tolerances lie below the reach of "
                "the dtype."
            )
            lost[int(k)] = message, Result.STEP_UNDERFLOW
        for k in np.flatnonzero(moving & (steps >= self.method.max_steps)):
            message = (
                f"Sample {rows[k]} took {steps[k]} steps of {self.method!r} and is at t={time[k]:g} of {self.t1:g} "
                f"with dt={self.h[k]:.3g}. {self.method.remedy}"
            )
            lost.setdefault(int(k), (message, Result.TOO_MANY_STEPS))
        return Verdict(accepted, lost)

    def keep(self, chosen: np.ndarray) -> None:
        """Go on with some of the rows."""
        self.h, self.eager = self.h[chosen], self.eager[chosen]


def _first_step(method: Integrator, flow: Flow, point: Point) -> Array:
    """A step over which the velocity moves the state by about a hundredth of its size."""
    states, velocity = point.states, flow.velocity(point)
    xp = backend.namespace(*states.values())
    zeros = {name: xp.zeros_like(x) for name, x in states.items()}
    size = error_norm(method, states, states, zeros)
    speed = error_norm(method, velocity, states, zeros)
    return xp.where(
        speed > 0, 0.01 * xp.maximum(size, xp.ones_like(size)) / xp.where(speed > 0, speed, 1.0), float("inf")
    )
