"""An integrator of your own: one step of all samples. Copy, fill in, register.

Heun's method: an Euler step, and then the mean of the velocities at its two ends.

`simulate` owns the loop, the clock and the records; `step` is given a flow (a network bound to a clamp), the point at
which the samples are, and dt. With ``adaptive = True`` a step returns an error as well, and each sample's next step
follows from it; see `hopfield.dynamics.RungeKutta`.
"""

from dataclasses import dataclass

import numpy as np

from hopfield.dynamics import Integrator, Step, simulate
from hopfield.dynamics.integrators._choice import register
from hopfield.models import ModernHopfield


@dataclass(frozen=True)  # and hashable: the settings decide which program is compiled
class Heun(Integrator):
    """The explicit trapezium, of second order."""

    dt: float = 0.05
    order = 2

    def step(self, flow, point, dt, theta=None):
        """The point after dt; `theta`, None or a part (B, 1) for each sample, is what the energy guard shortens."""
        span = dt if theta is None else theta * dt
        first = flow.velocity(point)
        second = flow.velocity(flow.at({name: x + span * first[name] for name, x in point.states.items()}))
        return Step(flow.at({name: x + span / 2 * (first[name] + second[name]) for name, x in point.states.items()}))


register("trapezoid", Heun, dt=float)

if __name__ == "__main__":
    memory = ModernHopfield(np.eye(3), beta=8.0, tau_memory=0.5)
    run = simulate(memory, np.array([0.9, 0.3, 0.1]), t1=5.0, integrator="trapezoid(0.02)")
    print(f"{run.statistics['integrator']}: the energy falls from {run.energy[0]:.3f} to {run.energy[-1]:.3f}")
