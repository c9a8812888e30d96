"""Heun's method: two velocities a step, for noise on any network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..backend import Array, Number
from ..doors import number, settle
from ..network import Flow, Point
from ._base import Integrator, States, Step, feeding, refuse_unstable


@dataclass(frozen=True)
class Heun(Integrator):
    r"""x~ = x + dt x' + dW, then x+ = x + dt (x' + x~')/2 + dW, with dW = sigma sqrt(dt) R where there is noise.

    Of second order without noise. With additive noise, for which the integrals of Ito and of Stratonovich are one, it
    is stochastic Heun, of strong order 1 as Euler-Maruyama is, with smaller errors. Two evaluations a step.
    Stable, as an explicit method, only for steps of at most 2 tau_min/leak; nothing promises that the energy falls.

    Parameters
    ----------
    dt : float
        Largest step in units of time.

    References
    ----------
    Kloeden & Platen 1992, Numerical Solution of Stochastic Differential Equations, doi:10.1007/978-3-662-12616-5.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import Network, Population, Quadratic, simulate
    >>> decay = Network({"x": Population(Quadratic(), 1)})
    >>> simulate(decay, {"x": np.array([1.0])}, t1=1.0, integrator=Heun(0.1)).final["x"].round(4)
    array([0.3685])
    """

    dt: float = 0.01
    order = 2
    nodes = (0.0, 1.0)
    evaluations = 2
    drift = 10.0

    def __post_init__(self) -> None:
        settle(self, number, "dt", above=0)

    def compiled_as(self) -> Integrator:
        """Without its dt, which steps are given."""
        return replace(self, dt=1.0)

    def check(self, flow: Flow, states: States) -> None:
        """Refuse steps that a fast population makes unstable."""
        super().check(flow, states)
        refuse_unstable("Heun", self.dt, flow.network)

    def controlled(self, flow: Flow) -> bool:
        """Never: the step is as long as it was told to be."""
        return False

    def step(self, flow: Flow, point: Point, dt: Number | None, theta: Array | None = None) -> Step:
        """The mean of the velocities at both ends."""
        return self._step(flow, point, dt if theta is None else theta * dt, {})

    def shaken(self, flow: Flow, point: Point, dt: Number, kick: States) -> Step:
        """With the noise in both parts."""
        return self._step(flow, point, dt, kick)

    def _step(self, flow: Flow, point: Point, span: Any, kick: States) -> Step:
        first, last = flow.when(0.0), flow.when(1.0)
        states = {n: x + kick[n] if n in kick else x for n, x in point.states.items()}
        v = first.velocity(point)
        there = last.at({n: x + span * v[n] for n, x in states.items()})
        w = last.velocity(there)
        new = last.at({n: x + span / 2 * (v[n] + w[n]) for n, x in states.items()})
        fed = None
        if flow.nodes:  # the same rule for what currents feed in; its error is that of the rule of order 1
            at_end = span * feeding(first, last, there, w)
            fed = at_end / 2, at_end / 2
        return Step(new, None, fed)
