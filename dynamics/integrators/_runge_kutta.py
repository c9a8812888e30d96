"""Explicit Runge-Kutta pairs with a step size for each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from ..backend import Array, Number
from ..doors import choice, number, settle, whole
from ..network import Flow, Point
from ._base import Integrator, Step, error_norm, feeding
from ._stages import Stages


class Tableau(NamedTuple):
    """A method is its tableau: rows of A (the last gives the new state), and weights of the error.

    `parts` are the sums of the rows, where in the step each stage stands.
    """

    rows: tuple[tuple[float, ...], ...]
    error: tuple[float, ...]

    @property
    def parts(self) -> tuple[float, ...]:
        """Exactly 1 where rounding leaves a sum beside it."""
        return tuple(1.0 if abs(sum(row) - 1) < 1e-9 else sum(row) for row in self.rows)


TABLEAUS = {
    "dopri5": Tableau(
        rows=(
            (1 / 5,),
            (3 / 40, 9 / 40),
            (44 / 45, -56 / 15, 32 / 9),
            (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
            (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
            (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
        ),
        error=(71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40),
    ),
    "tsit5": Tableau(
        rows=(
            (0.161,),
            (-0.008480655492356989, 0.335480655492357),
            (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
            (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
            (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
            (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774),
        ),
        error=(
            0.00178001105222577714,
            0.0008164344596567469,
            -0.007880878010261995,
            0.1447110071732629,
            -0.5823571654525552,
            0.45808210592918697,
            -1 / 66,
        ),
    ),
}


@dataclass(frozen=True)
class RungeKutta(Integrator):
    r"""Adaptive explicit Runge-Kutta of order 5 with an error estimate of order 4, and a step for each sample.

    For non-stiff networks (tau_memory near tau_value, or tau_memory = 0): the step stays below about 3 times
    the shortest time constant, whatever the tolerance. Costs 7 evaluations a step. Guarantee: error control;
    none for the energy. Clamped neurons stay where they are; forces that jump are refused.

    Parameters
    ----------
    method : {"dopri5", "tsit5"}
        Dormand & Prince 1980, doi:10.1016/0771-050X(80)90013-3; Tsitouras 2011, doi:10.1016/j.camwa.2011.06.002.
    rtol, atol : float
        A step is accepted when rms error <= atol + rtol rms x in every population.
    max_steps : int
        The most steps of a sample.
    dt : float
        The largest step.

    >>> import numpy as np
    >>> from hopfield.dynamics import Network, Population, Quadratic, simulate
    >>> decay = Network({"x": Population(Quadratic(), 1)})
    >>> run = simulate(decay, {"x": np.array([1.0])}, t1=1.0, integrator=RungeKutta(rtol=1e-8), save_at=[1.0])
    >>> run.states["x"].round(7)
    array([[0.3678794]])
    """

    method: str = "dopri5"
    rtol: float = 1e-5
    atol: float = 1e-8
    max_steps: int = 20_000
    dt: float = 1e300
    adaptive = True
    evaluations = 7
    error_order = 5.0
    remedy = (
        "A step this small means that the problem is stiff (a time constant far below the others): "
        "use Rosenbrock() or Relaxation()."
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", choice("Runge-Kutta method", self.method, TABLEAUS))
        settle(self, number, "rtol", "atol", "dt", above=0)
        settle(self, whole, "max_steps", least=1)

    @property
    def nodes(self) -> tuple[float, ...]:
        """Where its stages stand."""
        return (0.0, *dict.fromkeys(TABLEAUS[self.method].parts))

    def step(self, flow: Flow, point: Point, dt: Number | None, theta: Array | None = None) -> Step:
        """All stages; the last is evaluated at the new state."""
        tableau, states = TABLEAUS[self.method], point.states
        first, length = flow.when(0.0), cast(Any, dt)
        stages, new, fed = Stages(states, len(tableau.rows) + 1), point, []
        stages.add(first.velocity(point))
        for row, part in zip(tableau.rows, tableau.parts, strict=True):
            there = flow.when(part)
            new = there.at({name: states[name] + dt * x for name, x in stages.sums(row).items()})
            stages.add(velocity := there.velocity(new))
            if flow.nodes:
                fed.append(feeding(first, there, new, velocity))
        error = {name: dt * x for name, x in stages.sums(tableau.error).items()}
        told = None
        if fed:  # the sum over the stages is of the method's order, as for the states
            told = tuple(length[..., 0] * _weighed(weights, fed) for weights in (tableau.rows[-1], tableau.error))
        return Step(new, error_norm(self, error, states, new.states), told)


def _weighed(weights: tuple[float, ...], fed: list[Any]) -> Any:
    """A sum over the stages from the second on: at the first nothing is fed in yet."""
    return sum(weight * one for weight, one in zip(weights[1:], fed, strict=False))
