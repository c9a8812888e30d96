"""Explicit Euler: the textbook method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..backend import Array, Number
from ..doors import number, settle
from ..network import Flow, Point
from ._base import Integrator, States, Step


@dataclass(frozen=True)
class Euler(Integrator):
    r"""x+ = x + dt x', first order, explicit; for teaching, and for tau_memory near tau_value.

    Stable only for dt < 2 tau_min/leak: with fast memory neurons (two populations or more) a larger dt is
    refused. For modern Hopfield networks in the adiabatic limit E(x + h x') <= E - h (1 - h/2) \|x'\|^2
    (time in tau_value), so that the energy falls for h <= 2 and rises beyond.

    Parameters
    ----------
    dt : float
        Largest step in units of time.

    >>> import numpy as np
    >>> from hopfield.dynamics import Network, Population, Quadratic, simulate
    >>> decay = Network({"x": Population(Quadratic(), 1)})
    >>> simulate(decay, {"x": np.array([1.0])}, t1=1.0, integrator=Euler(0.5)).states["x"][:, 0]
    array([1.  , 0.5 , 0.25])
    """

    dt: float = 0.01
    nodes = (0.0,)
    thermal = True
    drift = 10.0  # it promises nothing, and says so only when nothing of the flow is left

    def __post_init__(self) -> None:
        settle(self, number, "dt", above=0)

    def compiled_as(self) -> Integrator:
        """Without its dt, which steps are given: of whatever tau the default is, it is the same program."""
        return replace(self, dt=1.0)

    def check(self, flow: Flow, states: States) -> None:
        """Refuse steps that a fast population makes unstable."""
        super().check(flow, states)
        network = flow.network
        decay = {name: p.fastest / p.leak for name, p in network.populations.items() if p.leak > 0}
        if len(network.populations) < 2 or network.flow != "local" or not decay:
            return
        fastest = min(decay, key=lambda name: decay[name])
        if self.dt >= 2 * decay[fastest]:
            raise ValueError(
                f"Euler with dt={self.dt:g} is unstable: population {fastest!r} relaxes in {decay[fastest]:g}, and "
                f"an explicit step must stay below twice that. Use integrator=Relaxation(dt={self.dt:g}), which has "
                f"no such limit, or Euler(dt={decay[fastest]:g})."
            )

    def controlled(self, flow: Flow) -> bool:
        """Never: the step is as long as it was told to be."""
        return False

    def step(self, flow: Flow, point: Point, dt: Number | None, theta: Array | None = None) -> Step:
        """x + theta dt x'."""
        span: Any = dt if theta is None else theta * dt
        velocity = flow.velocity(point)
        return Step(flow.at({name: x + span * velocity[name] for name, x in point.states.items()}))
