"""Gradient descent by Adam on any library, which stops where it diverges and keeps what was good."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend

WINDOW = 10  # losses whose mean is compared
RISE = 10.0  # times the first loss, from where on their mean counts as divergence
HIGHER = 0.1  # of the first losses: more than the draw of examples makes of nothing
SOONEST = 4  # losses before that is looked at
FIRST, SECOND = 0.9, 0.999  # how much Adam keeps of its means


class Descent(NamedTuple):
    """Where descent came to, the loss before every step, and what went wrong ("" if nothing did)."""

    parameters: Any
    losses: np.ndarray
    trouble: str


def descend(
    objective: Callable[[Any, int], tuple[Any, Any]],
    parameters: Any,
    steps: int,
    rate: float,
    told: Callable[[float], None],
) -> Descent:
    """At most so many steps of Adam (Kingma & Ba 2015, arXiv:1412.6980), the rate falling to 0 as a cosine does.

    `objective` gives loss and gradient at parameters, a tree of arrays, in a step. Where the loss or the gradient is
    not finite, or the loss ten times that of the beginning, it ends with the parameters of the lowest mean loss; those
    it gives as well where the loss is higher at the end than it was at the beginning.
    """
    zero = backend.map_leaves(lambda x: 0 * x, parameters)
    mean, square, losses = zero, zero, []
    good, lowest, trouble = parameters, math.inf, ""
    for k in range(steps):
        loss, gradient = objective(parameters, k)
        losses.append(float(backend.to_numpy(loss)))
        finite = all(backend.all_finite(g) for g in backend.leaves(gradient))
        trouble = _trouble(losses, finite, k)
        if trouble:
            parameters, trouble = good, f"diverged and was stopped: {trouble}"
            break
        recent = sum(losses[-WINDOW:]) / len(losses[-WINDOW:])
        if recent <= lowest:
            good, lowest = parameters, recent
        mean = backend.map_leaves(lambda m, g: FIRST * m + (1 - FIRST) * g, mean, gradient)
        square = backend.map_leaves(lambda s, g: SECOND * s + (1 - SECOND) * g * g, square, gradient)
        step = rate * 0.5 * (1 + math.cos(math.pi * k / steps))
        parameters = backend.map_leaves(_moved(step, k + 1), parameters, mean, square)
        told(k + 1)
    if not trouble and (rise := _rise(losses)):
        parameters, trouble = good, rise
    return Descent(parameters, np.asarray(losses), trouble)


def _moved(step: float, count: int) -> Callable[[Any, Any, Any], Any]:
    gain, size = step / (1 - FIRST**count), 1 - SECOND**count

    def move(x: Any, mean: Any, square: Any) -> Any:
        return x - gain * mean / ((square / size) ** 0.5 + 1e-8)

    return move


def _rise(losses: list[float]) -> str:
    few = min(WINDOW, len(losses) // 8)
    if not few:
        return ""
    first, last = sum(losses[:few]) / few, sum(losses[-few:]) / few
    return (
        f"did not lower the loss: {first:.3g} at first, {last:.3g} at the end"
        if last - first > HIGHER * abs(first)
        else ""
    )


def _trouble(losses: list[float], finite: bool, k: int) -> str:
    if not math.isfinite(losses[-1]):
        return f"the loss of step {k} is {losses[-1]:g}"
    if not finite:
        return f"the gradient of step {k} is not finite"
    recent = losses[-WINDOW:]
    if len(losses) > SOONEST and sum(recent) / len(recent) > RISE * abs(losses[0]):
        return f"the loss rose from {losses[0]:.3g} to {losses[-1]:.3g} at step {k}"
    return ""
