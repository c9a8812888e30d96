"""States between the steps of a trajectory: cubic Hermite interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from ..doors import series


def hermite(run: Any, times: Any) -> dict[str, Array]:
    r"""States (K, ..., n) at times (K,) from the saved states and the network's velocities.

    With u = (t - t_k)/h in [0, 1] between two steps,

        x(t) = (2u^3 - 3u^2 + 1) x_k + h (u^3 - 2u^2 + u) x_k' + (3u^2 - 2u^3) x_k+1 + h (u^3 - u^2) x_k+1'.
    """
    if set(run.states) != set(run.network.populations) or run.columns:
        raise ValueError(
            f"Only {'some neurons of ' if run.columns else ''}{list(run.states)} of {list(run.network.populations)} "
            'were saved, and the velocity between the steps needs all of them: simulate(..., save="all").'
        )
    times = np.atleast_1d(series("times", times))
    clock = run.times.reshape(len(run.times), -1)
    if not times.size or not ((times >= clock.min()) & (times <= clock.max())).all():
        raise ValueError(f"Times must lie between {clock.min():g} and {clock.max():g}, got {times.tolist()[:5]}.")
    like = run.energy
    samples = int(np.prod(like.shape[1:], dtype=int))
    clock = np.minimum(clock, np.reshape(run.reached, (1, samples)))  # a sample that ended stays where it is
    before = np.stack([np.searchsorted(column, times, side="right") - 1 for column in clock.T], axis=1)
    before = np.clip(before, 0, np.maximum((clock < clock[-1]).sum(axis=0) - 1, 0))
    h = np.maximum(np.take_along_axis(clock, before + 1, 0) - np.take_along_axis(clock, before, 0), 1e-300)
    u = np.minimum((times[:, None] - np.take_along_axis(clock, before, 0)) / h, 1.0)
    weights = (2 * u**3 - 3 * u**2 + 1, h * (u**3 - 2 * u**2 + u), 3 * u**2 - 2 * u**3, h * (u**3 - u**2))
    xp, n = backend.namespace(like), np.arange(samples)
    flat = {name: xp.reshape(x, (-1, x.shape[-1])) for name, x in run.states.items()}
    rows = [xp.asarray((k * samples + n).ravel(), device=backend.device(like)) for k in (before, before + 1)]
    ends = [{name: xp.take(x, row, axis=0) for name, x in flat.items()} for row in rows]
    clamp = {
        name: xp.reshape(xp.broadcast_to(m, (len(times), *m.shape)), (-1, m.shape[-1])) for name, m in run.clamp.items()
    }
    moments = [np.take_along_axis(clock, k, 0).ravel() for k in (before, before + 1)]
    slopes = [_slopes(run, end, clamp, t, k > 0) for k, (end, t) in enumerate(zip(ends, moments, strict=True))]
    a, b, c, d = (backend.asarray(w.reshape(-1, 1), like) for w in weights)
    return {
        name: xp.reshape(
            a * ends[0][name] + b * slopes[0][name] + c * ends[1][name] + d * slopes[1][name],
            (len(times), *like.shape[1:], -1),
        )
        for name in run.states
    }


def _slopes(run: Any, states: dict[str, Array], clamp: dict[str, Array], times: np.ndarray, left: bool) -> Any:
    """The velocities of states (R, n) at times (R,), at a jump with what is before it where `left`."""
    if run.drive is None:
        return run.network.velocity(states, clamp)
    samples = int(np.prod(run.energy.shape[1:], dtype=int))
    rows, sides = np.arange(times.size) % samples, np.full(times.size, left)
    order, found = [], []
    for where, flow in run.drive.flows(times, sides, rows, clamp):
        order.append(where)
        found.append(flow.velocity(flow.at({name: _taken(x, where) for name, x in states.items()})))
    back = np.argsort(np.concatenate(order))
    xp = backend.namespace(run.energy)
    return {name: _taken(xp.concat([part[name] for part in found], axis=0), back) for name in states}


def _taken(x: Array, where: np.ndarray) -> Array:
    xp = backend.namespace(x)
    return xp.take(x, xp.asarray(where, device=backend.device(x)), axis=0)
