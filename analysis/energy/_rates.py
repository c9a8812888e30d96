"""dE/dt at states, with its rounding and against difference quotients of E."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.network import Network
from ...dynamics.simulation import ROUNDING, Trajectory

EVERY = 8  # saved times at which the analytic rate is compared with a difference quotient


def at_many(network: Network, run: Trajectory, timed: bool) -> Any:
    """Rates, tolerances and errors at every state; one time after the other, so that memory stays small."""
    if not timed:
        found = _at_time(network, run, run.final, run.reached, True)
        return (*(x.reshape(1, -1) for x in found[:3]), found[3])
    states = run.states
    length = len(next(iter(states.values())))
    rows: list[Any] = []
    for k in range(length):
        at_rest = k > 0 and all(bool((x[k] == x[k - 1]).all()) for x in states.values())  # every sample has stopped
        if at_rest and run.drive is None:
            rows.append(rows[-1])
            continue
        time = np.minimum(run.times[k], run.reached)
        rows.append(_at_time(network, run, {n: x[k] for n, x in states.items()}, time, k % EVERY == 0))
    largest = np.max([row[3] for row in rows], axis=0)
    return (*(np.stack([row[part].reshape(-1) for row in rows]) for part in range(3)), largest)


def _at_time(network: Network, run: Trajectory, states: Mapping[str, Array], time: np.ndarray, compare: bool) -> Any:
    """`rates` with the networks that the samples have at their times."""
    if run.drive is None:
        return rates(network, states, run.clamp, compare)
    states, clamp, time = flat(states), flat(run.clamp), np.ravel(time)
    found, shares = np.zeros((3, time.size)), []
    for where, flow in run.drive.flows(time, np.zeros(time.size, dtype=bool), np.arange(time.size), clamp):
        part = {n: backend.namespace(x).take(x, backend.asarray(where, x), axis=0) for n, x in states.items()}
        told = rates(flow.network, part, flow.clamp, compare)
        found[:, where] = told[:3]
        shares.append(told[3])
    return (*found, np.max(shares, axis=0))


def rates(network: Network, states: Mapping[str, Array], clamp: Mapping[str, Array], compare: bool = True) -> Any:
    """dE/dt, its tolerance, its relative error (NaN where not looked at), and each population's largest share (P,)."""
    like = next(iter(states.values()))
    compare = compare and not network.kinks
    rate, tolerance, error, shares = backend.compiled(_rate, like)(compare, network, dict(states), dict(clamp))
    host = [backend.to_numpy(x).astype(float) for x in (rate, tolerance)]
    return (
        *host,
        backend.to_numpy(error).astype(float) if compare else np.full_like(host[0], np.nan),
        np.array([backend.to_numpy(share).astype(float).max() for share in shares]),
    )


def _rate(compare: bool, network: Network, states: dict[str, Array], clamp: dict[str, Array]) -> Any:
    evaluation = network.evaluate(states)
    xp = backend.namespace(*states.values())
    velocity = network.velocity(states, clamp, evaluation)
    pull = network.energy_gradient(states, evaluation)
    forces = network.forces(states, evaluation)
    shares = tuple(xp.sum(pull[name] * velocity[name], axis=-1) for name in network.populations)
    rate: Any = sum(shares[1:], shares[0])
    eps = backend.epsilon(rate)
    # Rounding of x, and of the terms that cancel in a force, reaches dE/dt through the slopes.
    size: Any = 0.0
    speed: Any = 0.0
    for name, p in network.populations.items():
        x, v = states[name], velocity[name]
        inside = _norm(p.leak * x) + _norm(forces[name] + p.leak * x)
        if p.bias is not None:
            inside = inside + _norm(p.bias + 0 * x)
        reach = _norm(x) + _norm(evaluation.activations[name]) + inside
        slope, tau = _norm(pull[name]) + _norm(p.tau * v), xp.min(p.tau) if p.by_neuron else p.tau
        size = size + slope * ((reach + slope) / tau)
        length, move = _norm(x), _norm(v)
        speed = xp.maximum(move / xp.where(length > 0, length, xp.where(move > 0, tau * move, 1.0)), speed)
    tolerance = ROUNDING * eps * size
    largest = xp.finfo(rate.dtype).max
    tolerance = xp.where(xp.isfinite(tolerance), tolerance, ROUNDING * eps * largest)
    if not compare:
        return rate, tolerance, rate, shares
    step = eps ** (1 / 3) / xp.where(speed > 0, speed, 1.0)  # it moves the states by eps^(1/3) of their size

    ends = [{name: x + sign * step[..., None] * velocity[name] for name, x in states.items()} for sign in (1, -1)]
    quotient = (network.energy(ends[0]) - network.energy(ends[1])) / (2 * step)
    # The quotient is a mean of the slopes on the way, which near the edge between two memories differ widely.
    lowest, highest = rate, rate
    for end in ends:
        there = network.energy_gradient(end)
        slope = sum(xp.sum(there[name] * velocity[name], axis=-1) for name in network.populations)
        lowest, highest = xp.minimum(lowest, slope), xp.maximum(highest, slope)
    noise = 64 * eps * network.energy_scale(states, evaluation) / step
    gap = xp.maximum(lowest - quotient, quotient - highest) - noise - tolerance
    whole = xp.abs(rate) + xp.abs(quotient)
    error = xp.where(gap > 0, gap, 0.0) / xp.where(whole > 0, whole, 1.0)
    return rate, tolerance, error, shares


def _norm(x: Array) -> Array:
    """\\|x\\| over the last axis, where its square would leave the range of the dtype too."""
    xp = backend.namespace(x)
    largest = xp.max(xp.abs(x), axis=-1, keepdims=True)
    largest = xp.where(largest > 0, largest, 1.0)
    return largest[..., 0] * xp.sqrt(xp.sum((x / largest) ** 2, axis=-1))


def flat(states: Mapping[str, Array]) -> dict[str, Array]:
    """States (B, n) in place of (..., n)."""
    return {name: backend.namespace(x).reshape(x, (-1, x.shape[-1])) for name, x in states.items()}
