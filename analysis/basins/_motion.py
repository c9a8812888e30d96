"""How cues move while their attractor is looked for: the flow to a tolerance, or the update rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.integrators import Integrator, Relaxation, RungeKutta, exact, following, guaranteed
from ...dynamics.network import Network, Point
from ...dynamics.simulation import Plan, Record, Result, Run, Stop
from ...models.family import rule_of
from ..flow import Field

FINE = 1e5  # dt over this is the relative tolerance of steps that follow from their error
STIFF = 20.0  # ratio of time constants beyond which explicit steps would crawl


@dataclass(frozen=True)
class Motion:
    """What moves and how: a field, the method of its steps, and how strong typical forces |tau x'| are.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.eye(2), beta=4.0))
    >>> Motion(flow, method_for(flow, flow.states(np.eye(2)), 0.1, 1.0), (flow.force,)).method
    RungeKutta(method='dopri5', rtol=1e-06, atol=1e-08, max_steps=20000, dt=1e+300)
    """

    flow: Field
    method: Integrator
    forces: tuple[float, ...]

    @property
    def infinite(self) -> bool:
        """Whether states move by updates (dt = inf)."""
        return math.isinf(self.method.dt)

    @property
    def fade(self) -> float:
        """The rate at which a state approaches a constant target: l/tau, and 2/tau for euclidean with leak 0."""
        p = next(iter(self.flow.network.populations.values()))
        rule = rule_of(self.flow.memory)
        rate = 2.0 if rule is not None and rule.similarity.metric == "square" and p.leak == 0 else float(p.leak)
        return (rate or 1.0) / p.fastest

    def speed(self, residuals: Array) -> np.ndarray:
        """Speeds (B,) in units of typical ones, from |tau x'| (B, P) of each population."""
        return np.linalg.norm(backend.to_numpy(residuals).astype(float) / self.forces, axis=-1)

    def follow(self, x: Array, judge: Stop, t_max: float) -> tuple[Record, dict[int, Result]]:
        """Move states (B, D) until `judge` lets them go, or t_max; and how those ended that could not go on."""
        network, states = self.flow.network, self.flow.states(x)
        with np.errstate(all="ignore"):
            flow = network.bound()
            guard = not self.method.adaptive and self.method.needs_guard(flow)
            run = Run(flow, self.method, states, Plan(t_max, None, [], judge, guard, False, record=False))
            record = run.complete()
        return record, {k: result for k, (_, result) in run.failures.items()}


def method_for(flow: Field, states: Mapping[str, Array], dt: float, pace: float) -> Integrator:
    """The method that follows a flow: a relative tolerance of 1e-5 dt, and steps of dt `pace` where forces jump.

    Explicit steps where every step of relaxation is exact and lowers the energy, since nothing but the time constants
    is stiff there; what `simulate` takes for any other network.

    >>> import numpy as np
    >>> from hopfield.analysis import energy_network
    >>> from hopfield.analysis.flow import field
    >>> well = energy_network(lambda x: 9 * (x**4 / 4 - x**2 / 2).sum(-1), 1, lambda x: 9 * (x**3 - x),
    ...     lambda x, u: 9 * (3 * x**2 - 1) * u)
    >>> type(method_for(field(well), {"x": np.ones((1, 1))}, 0.1, 1.0)).__name__
    'Rosenbrock'
    """
    network = flow.network
    tau = [p.fastest for p in network.populations.values()]
    relative = max(dt / FINE, 16 * backend.epsilon(flow.like))
    stiff = max(tau) > STIFF * min(tau)
    bound = network.bound()
    chosen = following(bound, states, relative, dt * pace)
    if flow.smooth and not stiff and exact(bound) and guaranteed(bound):
        return RungeKutta(rtol=relative, atol=chosen.atol)
    return chosen


def updates(network: Network, states: Mapping[str, Array]) -> Relaxation:
    """The update rule, or the reason why a network has none.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> updates(ModernHopfield(np.eye(2)).network, {"value": np.ones(2), "memory": np.ones(2)}).dt
    inf
    """
    method = Relaxation(math.inf)
    method.check(network.bound(), dict(states))
    return method


def residuals(_: None, network: Network, states: dict[str, Array], evaluation: Point) -> Array:
    """|tau x'| (B, P) of every population."""
    xp = backend.namespace(*states.values())
    return xp.stack([xp.sqrt(xp.sum(r * r, axis=-1)) for r in network.residual(states, evaluation).values()], axis=-1)


def speeds(flow: Field, x: Array) -> Array:
    """|tau x'| (B, P) of every population at states (B, D)."""
    states = flow.states(x)
    return backend.compiled(residuals, x)(None, flow.network, states, flow.network.evaluate(states))
