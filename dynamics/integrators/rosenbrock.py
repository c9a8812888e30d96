r"""Rosenbrock: a linearly implicit method whose linear systems have the size of the value neurons alone.

Memory neurons do not see one another, so that in every stage their block of a I - J is (a + l_h/tau_h) I and
they are eliminated exactly. With D = dsim/dg and G = L_v''(v) the system that is left is

    S x_v = r_v + D^T L_h'' r_h/(tau_v (a + l_h/tau_h)),
    S = (a + l_v/tau_v) I - D^T L_h'' D G/(tau_v tau_h (a + l_h/tau_h)) - (d2sim . f) G/tau_v,
    x_h = (r_h + D G x_v/tau_h)/(a + l_h/tau_h).

In a larger network an independent set of populations is eliminated: no self-coupling, no shared synapse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import backend
from ..array_doors import solvable
from ..backend import Array, Number
from ..doors import number, settle, whole
from ..linear import gmres, inverse
from ..linearised import Linearised
from ..network import Evaluation, Network
from .base import Integrator, States, Step, error_norm

GAMMA = 0.5
STAGES = (  # which earlier increments are added to the state, and which (over dt) to the right-hand side
    ((), ()),
    ((), (4.0,)),
    ((2.0,), (1.0, -1.0)),
    ((2.0, 0.0, 1.0), (1.0, -1.0, -8 / 3)),
)
RESULT = (2.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Rosenbrock(Integrator):
    r"""Rodas3: linearly implicit, L-stable, order 3 with an error estimate of order 2, a step for each sample.

    The method for stiff networks (tau_memory far below tau_value) where accuracy in time matters. Memory
    neurons are eliminated from every stage, so that no matrix of size N is ever formed; up to `dense`
    remaining neurons the system is built and inverted once a step, above it is solved by GMRES with
    products by M and M^T. Three evaluations a step, no Newton iteration. Guarantee: error control, and the
    energy guard: a step that raises the energy beyond rounding is rejected.

    Parameters
    ----------
    rtol, atol : float
        A step is accepted when rms error <= atol + rtol rms x in every population.
    dense : int
        The most neurons for which the system is built: on a CPU that pays up to about 100 (batches) or 200 (one
        sample).
    krylov : int
        The most products a GMRES solve may take; what it leaves counts as error.
    max_steps : int
        The most steps of a sample.
    dt : float
        The largest step.

    References
    ----------
    Sandu et al. 1997, doi:10.1016/S1352-2310(97)83212-8 (Rodas3).

    >>> import numpy as np
    >>> from hopfield.dynamics import simulate
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(3), beta=8.0, tau_memory=1e-4)
    >>> run = simulate(memory, np.array([0.9, 0.2, 0.1]), t1=10, integrator=Rosenbrock())
    >>> run.statistics["steps"] < 40
    True
    """

    rtol: float = 1e-4
    atol: float = 1e-6
    dense: int = 128
    krylov: int = 16
    max_steps: int = 10_000
    dt: float = 1e300
    adaptive = True
    evaluations = 3
    error_order = 3.0
    remedy = "Loosen rtol and atol, or give a larger max_steps."

    def __post_init__(self) -> None:
        settle(self, number, "rtol", "atol", "dt", above=0)
        settle(self, whole, "krylov", "max_steps", least=1)
        settle(self, whole, "dense")

    def check(self, network: Network, states: States, clamp: Mapping[str, Any]) -> None:
        """Refuse jumps and the gradient flow."""
        super().check(network, states, clamp)
        solvable("Rosenbrock", next(iter(states.values())))
        if network.flow != "local":
            raise ValueError(
                "Rosenbrock linearises the local flow; this network has flow='gradient', whose linearisation needs "
                "third derivatives. Use RungeKutta, Scipy or Diffrax."
            )

    def needs_guard(self, network: Network, states: States, clamp: Mapping[str, Any]) -> bool:
        """Wherever the forces have an energy and the Lagrangians are convex."""
        return network.conservative and network.convex is True

    def step(
        self,
        network: Network,
        states: States,
        evaluation: Evaluation,
        dt: Number | None,
        theta: Array | None,
        clamp: Mapping[str, Array],
    ) -> Step:
        """Four stages with one matrix."""
        system = _System(network, states, evaluation, 1 / (GAMMA * dt), clamp, self)  # type: ignore[operator]
        increments: list[States] = []
        velocity = network.velocity(states, clamp, evaluation)
        for added, pulled in STAGES:
            if added:
                velocity = network.velocity(_moved(states, added, increments), clamp)
            right = {n: v + _combined(pulled, increments, n) / dt if pulled else v for n, v in velocity.items()}
            increments.append(system.solve(right))
        new = _moved(states, RESULT, increments)
        error = {name: abs(x) + system.left[name] for name, x in increments[-1].items()}
        return Step(new, network.evaluate(new), error_norm(self, error, states, new))


def eliminated(network: Network) -> list[str]:
    """Populations without self-coupling that share no synapse with one another: the widest first, at ties the last.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> eliminated(ModernHopfield(np.ones((5, 3))).network)
    ['memory']
    """
    chosen: list[str] = []
    order = {name: (-p.size, -k) for k, (name, p) in enumerate(network.populations.items())}
    for name in sorted(order, key=lambda name: order[name]):
        touching = [synapse for synapse in network.synapses.values() if name in synapse.between]
        p = network.populations[name]
        turns = p.leak == 0 and p.lagrangian.turns  # the projection of its velocity depends on its state
        alone = not turns and all(
            synapse.between.count(name) == 1 and not synapse.couples(synapse.between.index(name))
            for synapse in touching
        )
        if alone and not any(other in synapse.between for synapse in touching for other in chosen):
            chosen.append(name)
    return chosen if len(chosen) < len(network.populations) else chosen[:-1]


class _System:
    """(a I - J) x = r at one state, for any right-hand side."""

    def __init__(
        self, network: Network, states: States, evaluation: Evaluation, a: Array, clamp: Any, method: Rosenbrock
    ) -> None:
        self.network, self.states, self.evaluation, self.a, self.clamp = network, states, evaluation, a, clamp
        self.method = method
        self.out = eliminated(network)
        self.kept = [name for name in network.populations if name not in self.out]
        self.sizes = [network.populations[name].size for name in self.kept]
        self.xp = backend.namespace(*states.values())
        self.left = {name: self.xp.zeros_like(x) for name, x in states.items()}
        self.linear = Linearised(network, states, evaluation, clamp)
        self.inverse = self._inverse() if sum(self.sizes) <= method.dense else None

    def solve(self, right: States) -> States:
        """x for the right-hand side `right`; what an iteration leaves is added up in `left`, in units of x."""
        known = {name: right[name] / self._diagonal(name) for name in self.out}
        slopes = self.linear.changes(self.kept, known)
        reduced = self._pack({name: right[name] + slopes[name] for name in self.kept})
        if self.inverse is not None:
            packed = self.xp.matmul(self.inverse, reduced[..., None])[..., 0]
        else:
            bound = max(0.05 * self.method.rtol, 50 * backend.epsilon(reduced))
            packed, left = gmres(lambda x: self._apply(x, self.linear, self.a), reduced, bound, self.method.krylov)
            self.left = {**self.left, **{n: self.left[n] + abs(x) / self.a for n, x in self._unpack(left).items()}}
        answer = self._unpack(packed)
        back = self.linear.changes(self.out, answer)
        return {**answer, **{n: known[n] + back[n] / self._diagonal(n) for n in self.out}}

    def _diagonal(self, name: str, a: Array | None = None) -> Array:
        p = self.network.populations[name]
        return (self.a if a is None else a) + p.leak / p.tau

    def _apply(self, packed: Array, linear: Linearised, a: Array) -> Array:
        """S x for the populations that are kept."""
        x = self._unpack(packed)
        inner = {n: d / self._diagonal(n, a) for n, d in linear.changes(self.out, x).items()}
        change = linear.changes(self.kept, {**x, **inner})
        return self._pack({n: self._diagonal(n, a) * x[n] - change[n] for n in self.kept})

    def _inverse(self) -> Array:
        size = sum(self.sizes)
        eye = self.xp.eye(size, dtype=self.a.dtype, device=backend.device(self.a))
        batch = next(iter(self.states.values())).shape[0]
        columns = self._apply(self.xp.broadcast_to(eye, (batch, size, size)), self.linear.widened(), self.a[..., None])
        return inverse(self.xp.matrix_transpose(columns))

    def _pack(self, x: States) -> Array:
        return x[self.kept[0]] if len(self.kept) == 1 else self.xp.concat([x[name] for name in self.kept], axis=-1)

    def _unpack(self, packed: Array) -> States:
        if len(self.kept) == 1:
            return {self.kept[0]: packed}
        parts, start = {}, 0
        for name, size in zip(self.kept, self.sizes, strict=True):
            parts[name] = packed[..., start : start + size]
            start += size
        return parts


def _combined(weights: tuple[float, ...], increments: list[States], name: str) -> Any:
    terms = [weight * x[name] for weight, x in zip(weights, increments, strict=False) if weight]
    return sum(terms[1:], terms[0])


def _moved(states: States, weights: tuple[float, ...], increments: list[States]) -> States:
    return {name: x + _combined(weights, increments, name) for name, x in states.items()}
