"""The way downhill from a state by the few patterns that take part there."""

from __future__ import annotations

import numpy as np

from ..results import Budget
from ._descent import HOME, Flow, at_known
from ._nearby import Nearby


def descended(
    flow: Flow,
    near: Nearby,
    a: np.ndarray,
    known: np.ndarray,
    *,
    steps: int = 1000,
    error: float = 1e-3,
    budget: Budget | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Follow the small flows `near` states from a (B, m, r) as `descend` does, to points that are `known` (K, D).

    A state has arrived at a known point as it has in `descend`, by the force of all patterns there.

    Returns
    -------
    path : array (T, B, m, r)
        The way of each, which stays where it has arrived.
    row : int array (B, m)
        The known point that each has arrived at, else -1.

    Examples
    --------
    >>> from hopfield.analysis.flow import around_zeros, flow_of
    >>> from hopfield.models import ModernHopfield
    >>> rows = np.eye(100)
    >>> flow = flow_of(ModernHopfield(rows, beta=90.0))
    >>> ((_, near),) = around_zeros(flow.field, (rows[:1] + rows[1:2]) / 2)
    >>> a, _ = near.along((rows[:1] - rows[1:2]) / 2**0.5)
    >>> descended(flow, near, 0.01 * np.stack([a, -a], axis=1), rows[:3])[1]
    array([[0, 1]])
    """
    pace, a = flow.clock, np.array(a)
    row = np.full(a.shape[:2], -1)
    force = pace * near.velocity(a)
    speed = near.length(force)
    reach = 1.1 * HOME * flow.scale * pace * near.shift / near.time  # a state that is home is no faster
    step = np.minimum(0.01 * flow.scale / np.maximum(speed, 1e-300), near.time / (pace * near.shift))
    path, top = [a.copy()], speed.copy()
    go = np.arange(len(a))
    part = near.moving(go)
    for count in range(1, steps + 1):
        if not len(go) or (budget is not None and budget.spent):
            break
        here, dt = force[go], step[go][..., None]
        there = pace * part.velocity(a[go] + dt * here)
        turned = part.length(dt * (there - here) / 2)
        wrong = turned / np.maximum(np.minimum(error * flow.scale, 0.25 * step[go] * speed[go]), 1e-300)
        good = (wrong <= 1) & (row[go] < 0)
        a[go] = np.where(good[..., None], a[go] + dt * (here + there) / 2, a[go])
        force[go] = pace * part.velocity(a[go])
        step[go] *= np.clip(0.9 / np.sqrt(np.maximum(wrong, 1e-12)), 0.2, 2.0)
        speed[go] = part.length(force[go])
        top = np.maximum(top, speed)
        path.append(a.copy())
        if count % 10 == 0 or count == steps:
            slow = np.nonzero((row < 0) & (speed <= np.minimum(reach, 0.3 * top)))
            if len(slow[0]):
                x = near.base[slow[0]] + (a[slow][:, None] @ near.columns[slow[0]])[:, 0]
                row[slow] = at_known(flow, x, flow.velocity(x), known)[0]
                go = np.flatnonzero((row < 0).any(axis=1))
                part = near.moving(go)
    return np.stack(path), row
