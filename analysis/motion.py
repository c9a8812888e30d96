"""Steps of a batch of states, many of them between two looks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.integrators import Relaxation
from ..dynamics.network import Network
from ..dynamics.simulate import simulate
from ..models.memory import rule_of
from .calculus import joined, split
from .field import Field

STEPS = 5  # of dt between two looks at the states


@dataclass(frozen=True)
class Motion:
    """What moves and how: a field, steps of `method`, and whether they need the energy guard.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.field import field
    >>> from hopfield.dynamics import Relaxation
    >>> from hopfield.models import ModernHopfield
    >>> motion = Motion(field(ModernHopfield(np.eye(2), beta=4.0)), Relaxation(0.1))
    >>> motion.span, motion.advance(np.array([[1.0, 0.0]]))[1] < 0.1
    (0.5, array([ True]))
    """

    flow: Field
    method: Relaxation

    @property
    def steps(self) -> int:
        """Steps between two looks: one where states come to rest at once, at kinks, and for updates (dt = inf)."""
        return STEPS if self.flow.smooth and math.isfinite(self.method.dt) else 1

    @property
    def span(self) -> float:
        """Time between two looks; for dt = inf one update."""
        return 1.0 if math.isinf(self.method.dt) else self.steps * self.method.dt

    @property
    def fade(self) -> float:
        """The rate at which a state approaches a constant target: l/tau, and 2/tau for euclidean with leak 0."""
        p = next(iter(self.flow.network.populations.values()))
        rule = rule_of(self.flow.memory)
        rate = 2.0 if rule is not None and rule.similarity.name == "euclidean" and p.leak == 0 else float(p.leak)
        return (rate or 1.0) / float(backend.to_numpy(p.tau))

    def advance(self, x: Array, guard: bool = False) -> tuple[Array, np.ndarray]:
        """The states (B, D) one span later, and their speed |tau x'| (for dt = inf the length of the update)."""
        network = self.flow.network
        with np.errstate(all="ignore"):
            if guard:
                run = simulate(
                    network, split(network, x), t1=self.span, integrator=self.method, save_at=[self.span], throw=False
                )
                x = self.flow.flatten(run.final)
                return x, np.linalg.norm(backend.to_numpy(self.flow.residual(x)), axis=-1)
            infinite = math.isinf(self.method.dt)
            dt = None if infinite else backend.full((), self.method.dt, x)
            dt = self.method.dt if backend.backend_of(x) == "numpy" and not infinite else dt
            x, speed = backend.compiled(_advance, x)((self.method, self.steps), network, x, dt)
        return x, backend.to_numpy(speed)


def _advance(settings: tuple[Relaxation, int], network: Network, x: Array, dt: Any) -> tuple[Array, Array]:
    method, steps = settings
    xp, states = backend.namespace(x), split(network, x)
    evaluation = network.evaluate(states)
    for _ in range(steps):
        states, evaluation, _ = method.step(network, states, evaluation, dt, None, {})
    new = joined(network, states)
    move = new - x if dt is None else joined(network, network.residual(states, evaluation))
    return new, xp.sqrt(xp.sum(move * move, axis=-1))
