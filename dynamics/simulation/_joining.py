"""Trajectories put end to end, and parts of them between two times."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from ..doors import number

ALONG = ("states", "energy", "energy_scale", "work", "work_error")  # what a trajectory holds for each saved time


def between(run: Any, start: Any, stop: Any) -> Any:
    """The part of a trajectory whose times lie in [start, stop]; see `Trajectory.between`."""
    first = float(np.min(run.times)) if start is None else number("start", start, infinite=True)
    last = float(np.max(run.times)) if stop is None else number("stop", stop, infinite=True)
    inside = (run.times >= first) & (run.times <= last)
    if not inside.any():
        raise ValueError(
            f"No saved time lies between {first:g} and {last:g}: they go from {np.min(run.times):g} to "
            f"{np.max(run.times):g}. Give other times, or interpolate with run.at(times)."
        )
    if run.times.ndim == 1:
        return _rows(run, run.times[inside], np.flatnonzero(inside))
    clock, kept = run.times.reshape(len(run.times), -1), inside.reshape(len(inside), -1)
    count = kept.sum(axis=0)
    before = np.maximum((clock < first).sum(axis=0) - 1, 0)  # the last row before, where none lies inside
    begin = np.where(count > 0, kept.argmax(axis=0), before)
    rows = begin + np.minimum(np.arange(count.max())[:, None], np.maximum(count - 1, 0))
    times = np.take_along_axis(clock, rows, axis=0).reshape(-1, *run.times.shape[1:])
    return _rows(run, times, rows.reshape(times.shape))


def _rows(run: Any, times: np.ndarray, rows: np.ndarray) -> Any:
    """A trajectory of some saved rows: (T,) of all samples together, or (T, ...) of each."""

    def taken(x: Array) -> Array:
        xp = backend.namespace(x)
        if rows.ndim == 1:
            return xp.take(x, xp.asarray(rows, device=backend.device(x)), axis=0)
        samples = int(np.prod(rows.shape[1:]))
        flat = xp.reshape(x, (x.shape[0] * samples, *x.shape[rows.ndim :]))
        where = rows.reshape(len(rows), -1) * samples + np.arange(samples)
        found = xp.take(flat, xp.asarray(where.ravel(), device=backend.device(x)), axis=0)
        return xp.reshape(found, (*rows.shape, *x.shape[rows.ndim :]))

    parts = {name: _each(taken, getattr(run, name)) for name in ALONG}
    return dataclasses.replace(run, times=times, **parts)


def followed(first: Any, later: Any, shift: bool) -> Any:
    """One trajectory of two, the second from where the first ended; see `Trajectory.then`."""
    if first.drive is not None or later.drive is not None:
        raise ValueError(
            "What changed in one of these trajectories would be said of both. Simulate the whole in one run: inputs "
            "may be Steps, and a run can begin at t0."
        )
    if not same_network(first.network, later.network):
        raise ValueError(
            "These trajectories are of different networks, so that their energies belong to different landscapes. Join "
            "runs of one network."
        )
    shapes = [{name: tuple(x.shape[1:]) for name, x in run.states.items()} for run in (first, later)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"The first trajectory saved {shapes[0]} at each time, and the next {shapes[1]}: give both the same batch, "
            "and the same save=."
        )
    one, two = ({name: x.tolist() for name, x in run.columns.items()} for run in (first, later))
    if one != two:
        raise ValueError(f"The first trajectory saved the neurons {one}, and the next {two}: give both the same save=.")
    batch = first.energy.shape[1:]
    own = first.times.ndim > 1 or later.times.ndim > 1
    offset = 0.0 if not shift else first.reached if own else np.max(first.reached)
    before, after = (_clocks(run.times, batch) if own else run.times for run in (first, later))
    after = after + offset
    ends, begins = np.max(before, axis=0), np.min(after, axis=0)
    if (begins < ends - 1e-12 * np.abs(ends)).any():
        raise ValueError(
            f"The next trajectory begins at t={np.min(begins):g}, before this one ends at t={np.max(ends):g}. If it "
            "went on from run.final with a clock of its own, write then(later, shift=True)."
        )

    def joined(x: Array, y: Array) -> Array:
        return backend.namespace(x, y).concat([x, y], axis=0)

    parts = {name: _each(joined, getattr(first, name), getattr(later, name)) for name in ALONG}
    statistics = {**later.statistics}
    for name in ("steps", "rejected", "held", "evaluations", "seconds"):
        if name in first.statistics and name in later.statistics:
            statistics[name] = first.statistics[name] + later.statistics[name]
    if first.statistics.get("integrator") != later.statistics.get("integrator"):
        statistics["integrator"] = " then ".join(str(run.statistics.get("integrator")) for run in (first, later))
    return dataclasses.replace(
        later,
        times=np.concatenate([before, after]),
        steps=first.steps + later.steps,
        statistics=statistics,
        reached=later.reached + offset,
        energy_before=first.energy_before,
        **parts,
    )


def _clocks(times: np.ndarray, batch: Any) -> np.ndarray:
    """Times (T, ...) of each sample."""
    wide = times if times.ndim > 1 else times.reshape(len(times), *(1,) * len(batch))
    return np.broadcast_to(wide, (len(times), *batch))


def _each(function: Any, *values: Any) -> Any:
    """A function of arrays, or of the arrays of dicts."""
    if isinstance(values[0], dict):
        return {name: function(*(value[name] for value in values)) for name in values[0]}
    return function(*values)


def same_network(one: Any, other: Any) -> bool:
    """Whether two networks are one, or hold the same numbers in the same places."""
    if one is other:
        return True
    facts = [
        [(name, p.size, p.leak, type(p.lagrangian)) for name, p in network.populations.items()]
        + [(name, type(synapse), synapse.between) for name, synapse in network.synapses.items()]
        for network in (one, other)
    ]
    if facts[0] != facts[1] or one.flow != other.flow:
        return False
    numbers = [[backend.to_numpy(leaf) for leaf in backend.leaves(network)] for network in (one, other)]
    return len(numbers[0]) == len(numbers[1]) and all(map(np.array_equal, *numbers))
