"""Equal steps that are taken together, since nothing is to be looked at between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..integrators import Integrator
from ..network import Flow, Point
from ._advance import March, finite, joined, march, weighed
from ._drift import Drift
from ._rows import MOST_BYTES, Rows
from ._stopping import Condition

MARCH = 1000  # steps at once, between two looks at the clock
TRAIL = 2**20  # bytes of points that are held until they are saved together: what a cache holds


class Marching(Rows):
    """Rows that take as many steps at once as they can."""

    nodes: tuple[float, ...]
    compiled: Integrator  # the method as it enters a compiled step
    condition: Condition | None
    drift: Drift | None
    wary: bool  # whether steps are taken one by one, since a sample was lost
    evaluations: int

    def _march(self) -> bool:
        """Equal steps before the next save time, or up to where a sample may stop; whether any were taken.

        They are taken where nothing is to be looked at on the way. Where a sample is lost on the way nothing is kept of
        it, and the steps are taken again one by one.
        """
        clock: Any = self.clock  # the one clock, from the first `return` on
        plan = self.plan
        keeps = plan.record and plan.save_at is None
        if self.wary or not clock.one or plan.guard or plan.noise is not None or self.drift is not None:
            return False
        if plan.stop is not self.condition or (keeps and self.compiles):
            return False
        if plan.drive is not None and (keeps or plan.stop is not None):
            return False
        ahead = clock.ahead(self.moving)
        count = min(round((ahead.target - clock.time) / ahead.dt) - 1, MARCH)
        if keeps:
            count = min(count, TRAIL // sum(x.nbytes for x in backend.arrays(self.point)))
        if count < 1:
            return False
        flow, changes = self._over(clock.time, clock.time + count * ahead.dt)
        if changes:
            return False
        trail: list[Point] = []
        point, taken, done, whole = backend.compiled(march, self.like)(
            March(self.compiled, self.condition),
            flow,
            self.point,
            ahead.span,
            count,
            self.scales,
            backend.asarray(self.moving, self.like),
            *([trail] if keeps else []),
        )
        count = int(taken)
        self.evaluations += count * self.method.evaluations
        self.wary = not backend.to_numpy(whole)[self.moving].all() or (keeps and not self._keep(trail, ahead.dt))
        if self.wary:
            return False
        self.point, self.energy = point, None
        clock.marched(count, ahead.dt)
        if keeps and self.saved.size > MOST_BYTES:
            self._thin()
        if (which := backend.to_numpy(done) & self.moving).any():
            if plan.record:
                self.energy = backend.compiled(weighed, self.like)(None, flow, point)
            self._leave(which, early=True)
        return True

    def _keep(self, trail: list[Point], dt: float) -> bool:
        """Save those of some steps that are to be saved, or none of them where a number is not finite."""
        clock: Any = self.clock
        kept = np.flatnonzero((clock.steps + 1 + np.arange(len(trail))) % self.agenda.every == 0)
        point = joined(trail)
        if not backend.to_numpy(finite(point.states, False))[np.tile(self.moving, len(trail))].all():
            return False
        if not kept.size:
            return True
        point = point if kept.size == len(trail) else joined([trail[k] for k in kept])
        energy, rows = self.flow.energy(point), np.flatnonzero(np.tile(self.moving, kept.size))
        if not np.isfinite(backend.to_numpy(energy.value)[rows]).all():
            return False
        index = None if rows.size == kept.size * self.rows.size else rows
        slots = np.repeat(clock.noted(clock.time + dt * (kept + 1)), np.count_nonzero(self.moving))
        self.saved.add(np.tile(self.rows, kept.size)[rows], slots, self._row(point, energy), index)
        return True

    def _over(self, begin: Any, end: Any, rows: np.ndarray | None = None) -> tuple[Flow, str]:
        """The flow of a step of all or of some rows, and what changes over it."""
        drive = self.plan.drive
        if drive is None:
            return self.flow, ""
        return drive.over_step(self.nodes, begin, end, self.flow.clamp, self.rows if rows is None else rows)
