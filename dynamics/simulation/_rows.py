"""The rows of a batch on its way: what is recorded of them, and how they leave."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array
from ..doors import warn
from ..inputs import Drive
from ..integrators import Integrator
from ..network import Energy, Flow, Point
from ._advance import picked
from ._batch import room, some
from ._control import Agenda, OneClock, OwnClocks
from ._doubt import not_finite
from ._noise import Noise
from ._recorder import Recorder
from ._stopping import Stop
from ._trajectory import Result, SimulationWarning

MOST_BYTES = 2**30  # of rows that are saved without being asked for; beyond them they are thinned
FEW = 64  # rows, of which no step is worth a program of its own


class Plan(NamedTuple):
    """What was asked of a run: end, save times (None: every `save_every` steps), populations to keep, and so on."""

    t1: float
    save_at: np.ndarray | None
    keep: list[str]
    stop: Stop | None
    guard: bool
    progress: bool
    save_every: int = 1
    record: bool = True  # False keeps the last states alone
    point: bool = False  # whether with activations and signals, as `Run.end`
    t0: float = 0.0
    drive: Drive | None = None  # what changes in time
    noise: Noise | None = None
    columns: dict[str, np.ndarray] = {}  # noqa: RUF012 (nobody writes to it) of populations of which some neurons are kept


class Rows:
    """The rows still moving, with their states, energies and clocks, and what was recorded of them."""

    plan: Plan
    method: Integrator
    flow: Flow
    point: Point
    energy: Any
    scales: Any
    like: Array
    compiles: bool
    size: int
    rows: np.ndarray
    moving: np.ndarray
    clock: OneClock | OwnClocks
    agenda: Agenda
    saved: Recorder
    last: Recorder | None
    end: Point | None
    work: np.ndarray
    loss: np.ndarray
    steps: np.ndarray
    reached: np.ndarray
    failures: dict[int, tuple[str, Result]]

    def _part(self, rows: np.ndarray) -> tuple[Flow, Point, Energy, Any]:
        """The flow, the point, the energy and the scales of some rows."""
        parts = (self.flow.clamp, self.point, self.energy, self.scales)
        clamp, point, energy, sizes = backend.compiled(picked, self.like)(None, parts, self._index(rows))
        return self.flow.bound(clamp), point, energy, sizes

    def _room(self, chosen: np.ndarray) -> np.ndarray:
        """Some rows, with the first again to fill a few sizes on JAX, so that few programs are compiled."""
        size = min(self.rows.size, room(chosen.size, self.like))
        return np.concatenate([chosen, np.full(size - chosen.size, chosen[0])])

    def _index(self, where: np.ndarray) -> Array:
        return backend.asarray(where, self.like)

    # ------------------------------------------------------------------------------------- recording, leaving

    def _save(self, which: np.ndarray) -> dict[int, tuple[str, Result]]:
        """Save some rows; by row, which have an energy that is no number."""
        if not which.any():
            return {}
        rows = self._log(self.saved, which, self.clock.note(which), self._row())
        if self.plan.save_at is None and self.saved.size > MOST_BYTES:
            self._thin()
        whole = np.isfinite(backend.to_numpy(rows[ENERGY]))
        bad = [] if whole.all() else np.flatnonzero(which)[~whole]
        return {int(k): (self._not_finite({}, int(k)), Result.NOT_FINITE) for k in bad}

    def _thin(self) -> None:
        self.saved.thin()
        self.clock.thin()
        every = self.agenda.every = 2 * self.agenda.every
        warn(
            f"Saving every {f'{every // 2}th ' if every > 2 else ''}step takes more than "
            f"{MOST_BYTES / 2**30:g} GiB: only every {every}th is kept from here on. Give save_at=times or "
            "save_at=k, or keep fewer populations by save=.",
            SimulationWarning,
        )

    def _row(self, point: Point | None = None, known: Any = None) -> dict[Any, Any]:
        """What is saved of a point and its energy, of the last one unless they are given."""
        point, known = (self.point, self.energy) if point is None else (point, known)
        kept = {name: point.states[name] for name in self.plan.keep}
        if self.plan.columns:
            kept = {n: some(x, self.plan.columns[n]) if n in self.plan.columns else x for n, x in kept.items()}
        clock = {} if self.clock.one else {TIME: self.clock.time}
        done = {WORK: self.work, LOSS: self.loss} if self.plan.drive is not None else {}
        return {**kept, ENERGY: known.value, SCALE: known.scale, **clock, **done}

    def _last(self) -> dict[Any, Any]:
        """What is kept of samples that leave."""
        return dict(enumerate(backend.leaves(self.point if self.plan.point else self.point.states)))

    def _lose(self, lost: dict[int, tuple[str, Result]]) -> None:
        """Let go of samples that failed, with the last states that are known of them."""
        which = np.zeros_like(self.moving)
        for k, why in lost.items():
            if self.moving[k]:
                which[k] = True
                self.failures[int(self.rows[k])] = why
        if which.any():
            self._leave(which, early=False)

    def _leave(self, which: np.ndarray, early: bool) -> None:
        """Record the last state of some rows, at least one, and let them go."""
        clock, agenda = self.clock, self.agenda
        if self.last is None and which.size == self.size and which.all():  # all at once: it is the last point of all
            self.end = self.point
        else:
            if self.last is None:
                self.last = Recorder(self.size, self._last())
            self._log(self.last, which, np.zeros(np.count_nonzero(which), dtype=int), self._last())
        if early and self.plan.record:  # it stays there for the save times still to come
            waiting = which & (clock.slot < agenda.targets.size - 1)
            if self.plan.save_at is None:  # its last state, unless that is saved already
                waiting = which & (clock.steps % agenda.every != 0)
            if waiting.any():
                self._log(self.saved, waiting, clock.note(waiting, on=False), self._row())
        rows = self.rows[which]
        self.reached[rows], self.steps[rows] = each(clock.time, which), each(clock.steps, which)
        self.moving = self.moving & ~which

    def _shrink(self) -> None:
        """Go on with the rows that still move, when half of them are gone; on JAX of many, since it compiles again."""
        size, most = np.count_nonzero(self.moving), self.rows.size
        if not 0 < size <= most // 2 or (most <= FEW and self.compiles):
            return
        stays = np.flatnonzero(self.moving)
        chosen = self._room(stays)
        self.flow, self.point, self.energy, self.scales = self._part(chosen)
        padding = np.arange(chosen.size) >= stays.size
        self.rows, self.moving = np.where(padding, -1, self.rows[chosen]), ~padding
        self.work, self.loss = self.work[chosen], self.loss[chosen]
        self.clock.keep(chosen)
        self.like = next(iter(self.point.states.values()))

    def _log(self, recorder: Recorder, which: np.ndarray, slots: np.ndarray, arrays: dict[Any, Any]) -> dict[Any, Any]:
        index = None if which.all() else np.flatnonzero(which)
        return recorder.add(self.rows if index is None else self.rows[index], slots, arrays, index)

    def _not_finite(self, states: dict[str, Array], row: int) -> str:
        steps, time = each(self.clock.steps, row), each(self.clock.time, row)
        return not_finite(states, row, f"sample {self.rows[row]}", f"t={time:g} after {steps} steps of {self.method!r}")


def each(value: Any, where: Any) -> Any:
    """What a clock says of some rows."""
    return value[where] if isinstance(value, np.ndarray) else value


TIME, ENERGY, SCALE = ("time",), ("energy",), ("scale",)  # keys that no population's name can be
WORK, LOSS = ("work",), ("loss",)
