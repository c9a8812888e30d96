r"""The work that changing inputs and numbers do on a network: the part of dE that the flow does not make.

With an energy E(x, t),

    E(x(t), t) - E(x(0), 0) = W - D,    W = integral of (dE/dt at fixed x) dt,    D = -integral of (dE/dx) . x' dt >= 0,

so that E - W falls wherever E itself would at fixed inputs. A current b does the work -(b' . g) dt, and where it jumps
-(b_after - b_before) . g at once.

Where a method holds b still during a step, the inputs change at its two ends alone, and E - W falls over the step by
exactly what the flow takes: the balance of the discrete run is exact. Where a method looks at b inside the step, it
integrates what they feed in as it does the states, and then

    W = -[(b - b_0) . g] + integral of (b - b_0) . g' dt

is of its own order. For scheduled numbers, and where a method does not say it, E as a function of the state and of the
inputs is interpolated over both by parabolas, so that W is of fourth order, and its error is bounded by far.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import backend
from ..backend import Array
from ..inputs import CURRENTS
from ..network import Flow, Point

# integrals of phi_i' phi_j over [0, 1], for the parabolas phi that are 1 at one of 0, 1/2, 1
PARABOLAS = ((-1 / 2, -2 / 3, 1 / 6), (2 / 3, 0.0, -2 / 3), (-1 / 6, 2 / 3, 1 / 2))
PARTS = (0.0, 0.5, 1.0)


class Work(NamedTuple):
    """Work (B,), and a bound on its error: of the interpolation and of rounding."""

    value: Array
    error: Array


def added(one: Work, other: Work) -> Work:
    """The sum of two."""
    return Work(one.value + other.value, one.error + other.error)


def switched(before: tuple[Flow, Point], after: tuple[Flow, Point], changes: str) -> Work:
    """E(x, after) - E(x, before) of one state x under two flows."""
    (one, here), (other, there) = before, after
    eps = backend.epsilon(next(iter(here.states.values())))
    if changes == CURRENTS:
        total, size = None, None
        for name, p in one.populations.items():
            q = other.populations[name]
            if p.bias is None or q.bias is None or p.bias is q.bias:
                continue
            total, size = _with(total, size, (q.bias - p.bias) * here.activations[name])
        if total is None or size is None:
            zero = _zero(here)
            return Work(zero, zero)
        return Work(-total, eps * size)
    low, high = one.energy(here), other.energy(there)
    return Work(high.value - low.value, eps * (low.scale + high.scale))


def _with(total: Any, size: Any, products: Array) -> tuple[Array, Array]:
    xp = backend.namespace(products)
    whole, sizes = xp.sum(products, axis=-1), xp.sum(xp.abs(products), axis=-1)
    return (whole, sizes) if total is None else (total + whole, size + sizes)


def _zero(point: Point) -> Array:
    first = next(iter(point.states.values()))
    return backend.namespace(first).zeros_like(first[..., 0])


def work_over(flow: Flow, point: Point, new: Point, dt: Any, changes: str, fed: Any = None) -> Work:
    """The work over a step of a method that looks at several times, whose flow is known at 0, 1/2 and 1.

    The state in the middle is that of the cubic through both ends with their velocities.
    """
    flows = [flow.when(part) for part in PARTS]
    if fed is not None and changes == CURRENTS:
        ends = switched((flows[0], new), (flows[2], new), changes)
        return Work(ends.value + fed[0], ends.error + abs(fed[1]))
    v, w = flows[0].velocity(point), flows[2].velocity(new)
    states, after = point.states, new.states
    middle = {n: (x + after[n]) / 2 + dt / 8 * (v[n] - w[n]) for n, x in states.items()}
    if changes == CURRENTS:
        return _of_currents(flows, point, middle, new)
    return _of_numbers(flows, [states, middle, after])


def _of_currents(flows: list[Flow], point: Point, middle: dict[str, Array], new: Point) -> Work:
    total, size, coarse = None, None, None
    for name, p in flows[0].populations.items():
        biases = [flow.populations[name].bias for flow in flows]
        if p.bias is None or all(b is p.bias for b in biases):
            continue
        g = [point.activations[name], p.lagrangian.activation(middle[name]), new.activations[name]]
        moved = [None, biases[1] - biases[0], biases[2] - biases[0]]  # the weights of each column sum to 0
        products: Any = sum(PARABOLAS[i][j] * moved[i] * g[j] for i in (1, 2) for j in range(3))
        total, size = _with(total, size, products)
        coarse, _ = _with(coarse, size, moved[2] * (g[0] + g[2]) / 2)
    if total is None or size is None:
        zero = _zero(point)
        return Work(zero, zero)
    xp = backend.namespace(total)
    return Work(-total, xp.abs(total - coarse) + backend.epsilon(total) * size)


def _of_numbers(flows: list[Flow], states: list[dict[str, Array]]) -> Work:
    table = [[flow.energy(flow.at(x)) for x in states] for flow in flows]
    value: Any = 0.0
    scale: Any = 0.0
    for i in (1, 2):
        for j in range(3):
            value = value + PARABOLAS[i][j] * (table[i][j].value - table[0][j].value)
            scale = scale + table[i][j].scale
    coarse = sum((table[2][j].value - table[0][j].value) / 2 for j in (0, 2))
    return Work(value, backend.namespace(value).abs(value - coarse) + backend.epsilon(value) * scale)
