r"""Rosenbrock: a linearly implicit method whose linear systems have the size of the value neurons alone.

Memory neurons do not see one another, so that in every stage their block of a I - J is (a + l_h/tau_h) I and
they are eliminated exactly. With D = dsim/dg and G = L_v''(v) the system that is left is

    S x_v = r_v + D^T L_h'' r_h/(tau_v (a + l_h/tau_h)),
    S = (a + l_v/tau_v) I - D^T L_h'' D G/(tau_v tau_h (a + l_h/tau_h)) - (d2sim . f) G/tau_v,
    x_h = (r_h + D G x_v/tau_h)/(a + l_h/tau_h).

In a larger network an independent set of populations is eliminated: no self-coupling, no shared synapse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array, Number, shown
from ..doors import number, settle, solvable, whole
from ..network import Flow, Linearised, Point, Wire, factored, gmres
from ._base import Integrator, States, Step, error_norm, feeding
from ._stages import Stages


class Tableau(NamedTuple):
    """A Rosenbrock method whose last increment is its error estimate.

    Stage i solves (1/(gamma dt) - J) k_i = f(x + sum_j a_ij k_j) + sum_j c_ij k_j/dt, and the step is
    x + sum_i b_i k_i. `order` is that of the method, and of the error estimate in dt.
    """

    gamma: float
    stages: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]  # (a_i, c_i) of each
    result: tuple[float, ...]
    order: int

    @property
    def times(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Where each stage stands in the step, and by which part of dt it sees the velocity's derivative in time.

        With the lower triangles A and C of all a_ij and c_ij and Gamma = (I/gamma - C)^-1, these are the sums of the
        rows of A Gamma and of Gamma (Hairer & Wanner 1996, section IV.7).
        """
        size = len(self.stages)
        lower = [
            np.array([[*row, *[0.0] * (size - len(row))] for row in part]) for part in zip(*self.stages, strict=True)
        ]
        gamma = np.linalg.inv(np.eye(size) / self.gamma - lower[1])
        sums = (lower[0] @ gamma).sum(1), gamma.sum(1)
        stand, feel = (tuple(round(x) + 0.0 if abs(x - round(x)) < 1e-9 else float(x) for x in part) for part in sums)
        return stand, feel


RODAS3 = Tableau(
    gamma=0.5,
    stages=(
        ((), ()),
        ((), (4.0,)),
        ((2.0,), (1.0, -1.0)),
        ((2.0, 0.0, 1.0), (1.0, -1.0, -8 / 3)),
    ),
    result=(2.0, 0.0, 1.0, 1.0),
    order=3,
)
_LAST = (-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946)
RODAS5P = Tableau(
    gamma=0.21193756319429014,
    stages=(
        ((), ()),
        ((3.0,), (-14.155112264123755,)),
        ((2.849394379747939, 0.45842242204463923), (-17.97296035885952, -2.859693295451294)),
        (
            (-6.954028509809101, 2.489845061869568, -10.358996098473584),
            (147.12150275711716, -1.41221402718213, 71.68940251302358),
        ),
        (
            (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
            (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
        ),
        (
            _LAST,
            (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
        ),
        (
            (*_LAST, 1.0),
            (
                *(30.91273214028599, -3.1208243349937974, 77.79954646070892),
                *(34.28646028294783, -19.097331116725623, -28.087943162872662),
            ),
        ),
        (
            (*_LAST, 1.0, 1.0),
            (
                *(37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047),
                *(-40.06618937091002, -54.66780262877968, -9.48861652309627),
            ),
        ),
    ),
    result=(*_LAST, 1.0, 1.0, 1.0),
    order=5,
)
TABLEAUS = {3: RODAS3, 5: RODAS5P}
TIMES = {tableau.order: tableau.times for tableau in TABLEAUS.values()}
SLOPE = ((0.0, -25 / 3), (0.25, 16.0), (0.5, -12.0), (0.75, 16 / 3), (1.0, -1.0))  # weights of dt d/dt at the beginning
COARSE = 1e-3  # relative tolerance above which the third order takes fewer products than the fifth


@dataclass(frozen=True)
class Rosenbrock(Integrator):
    r"""Linearly implicit steps, L-stable, of order 3 (Rodas3) or 5 (Rodas5P), a step size for each sample.

    The method for stiff networks (tau_memory far below tau_value) where accuracy in time matters. Memory
    neurons are eliminated from every stage, so that no matrix of size N is ever formed; up to `dense`
    remaining neurons the system is built and inverted once a step, above it is solved by GMRES with
    products by M and M^T. Three or eight evaluations a step, no Newton iteration. Guarantee: error control, and the
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
    order : {None, 3, 5}
        None takes 5 where rtol <= 1e-3, and 3 for coarser tolerances.

    References
    ----------
    Sandu et al. 1997, doi:10.1016/S1352-2310(97)83212-8 (Rodas3); Steinebach 2023, doi:10.1007/s10543-023-00967-x
    (Rodas5P).

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
    order: int | None = None
    adaptive = True
    remedy = "Loosen rtol and atol, or give a larger max_steps."

    def __post_init__(self) -> None:
        settle(self, number, "rtol", "atol", "dt", above=0)
        settle(self, whole, "krylov", "max_steps", least=1)
        settle(self, whole, "dense")
        if self.order not in (None, *TABLEAUS):
            raise ValueError(f"order must be 3 (Rodas3), 5 (Rodas5P) or None, got {shown(self.order)}.")

    @property
    def tableau(self) -> Tableau:
        """The coefficients of the order, or of what the tolerance asks for."""
        return TABLEAUS[(5 if self.rtol <= COARSE else 3) if self.order is None else self.order]

    @property
    def evaluations(self) -> int:
        """Pairs of matrix products in a step."""
        return sum(bool(added) for added, _ in self.tableau.stages) + 1

    @property
    def error_order(self) -> float:
        """Of the error estimate in dt."""
        return float(self.tableau.order)

    @property
    def nodes(self) -> tuple[float, ...]:
        """Where its stages stand, and where the derivative in time is taken from."""
        return tuple(dict.fromkeys([0.0, *TIMES[self.tableau.order][0], *(part for part, _ in SLOPE)]))

    def check(self, flow: Flow, states: States) -> None:
        """Refuse jumps and the gradient flow."""
        super().check(flow, states)
        solvable("Rosenbrock", next(iter(states.values())))
        if flow.network.flow != "local":
            raise ValueError(
                "Rosenbrock linearises the local flow; this network has flow='gradient', whose linearisation needs "
                "third derivatives. Use RungeKutta, Scipy or Diffrax."
            )

    def needs_guard(self, flow: Flow) -> bool:
        """Wherever the forces have an energy that falls along the flow."""
        return flow.network.conservative and flow.network.convex is True and flow.network.even

    def step(self, flow: Flow, point: Point, dt: Number | None, theta: Array | None = None) -> Step:
        """The stages, with one matrix."""
        states, tableau = point.states, self.tableau
        system = _System(flow, point, 1 / (tableau.gamma * dt), self)  # type: ignore[operator]
        stages = Stages(states, len(tableau.stages))
        velocity = flow.velocity(point)
        change = _change_in_time(flow, point) if flow.nodes else None  # dt times the derivative
        ledger = _Ledger(flow, point, velocity, dt, tableau) if flow.nodes else None
        there, here = flow, point
        for (added, pulled), part, feels in zip(tableau.stages, *TIMES[tableau.order], strict=True):
            right = velocity
            if pulled:
                moved, pull = stages.moved(added, pulled)
                if added:
                    there = flow.when(part)
                    here = there.at(moved)
                    velocity = there.velocity(here)
                right = {n: velocity[n] + x / dt for n, x in pull.items()}
            if change is not None and feels:
                right = {n: r + feels * change[n] for n, r in right.items()}
            stages.add(increment := system.solve(right))
            if ledger is not None:
                ledger.add(there, here, velocity, pulled, feels)
        (new,) = stages.moved(tableau.result)
        error = {name: abs(x) + system.left[name] if name in system.left else x for name, x in increment.items()}
        fed = None if ledger is None else ledger.whole()
        return Step(flow.when(1.0).at(new), error_norm(self, error, states, new), fed)


def eliminated(network: Any) -> list[str]:
    """Populations without self-coupling that share no synapse with one another: the widest first, at ties the last."""
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


class _Split(NamedTuple):
    """Which populations of a network are eliminated, and which are left, with their sizes."""

    out: list[str]
    kept: list[str]
    sizes: list[int]


def _split(flow: Flow) -> _Split:
    every, out = flow.populations, eliminated(flow.network)
    kept = [name for name in every if name not in out]
    return _Split(out, kept, [every[name].size for name in kept])


def _pair(flow: Flow) -> tuple[Wire, str, str] | None:
    """The synapse, value and memory neurons of a network of nothing else, where no projection stands before it."""
    if len(flow.wires) != 1 or len(flow.populations) != 2 or set(flow.wires[0].between) != set(flow.populations):
        return None
    wire = flow.wires[0]
    value, memory = wire.between
    plain = all(p.leak > 0 or p.lagrangian.identity for p in flow.populations.values())
    return (wire, value, memory) if plain and flow.once(_split).out == [memory] else None


def _wide(parts: Any) -> dict[str, Any]:
    return {name: backend.map_leaves(lambda x: x[..., None, :], part) for name, part in parts.items()}


class _System:
    """(a I - J) x = r at one state, for any right-hand side."""

    def __init__(self, flow: Flow, point: Point, a: Array, method: Rosenbrock) -> None:
        self.flow, self.point, self.a, self.method = flow, point, a, method
        self.out, self.kept, self.sizes = flow.once(_split)
        self.states, self.xp = point.states, backend.namespace(a)
        self.left: States = {}  # of populations whose solve is an iteration
        self.decay = {name: p.leak / p.tau for name, p in flow.populations.items()}
        self.own = {name: a + decay for name, decay in self.decay.items()}
        self.linear = Linearised(flow, point)
        self.direct = factored(self._matrix()) if sum(self.sizes) <= method.dense else None

    def solve(self, right: States) -> States:
        """x for the right-hand side `right`; what an iteration leaves is added up in `left`, in units of x."""
        known = {name: right[name] / self.own[name] for name in self.out}
        slopes = self.linear.changes(self.kept, known)
        reduced = self._pack({name: right[name] + slopes[name] for name in self.kept})
        if self.direct is not None:
            packed = self.direct(reduced)
        else:
            bound = max(0.05 * self.method.rtol, 50 * backend.epsilon(reduced))
            packed, left = gmres(lambda x: self._apply(x, self.linear, self.a), reduced, bound, self.method.krylov)
            self.left = {n: self.left.get(n, 0.0) + abs(x) / self.a for n, x in self._unpack(left).items()}
        answer = self._unpack(packed)
        back = self.linear.changes(self.out, answer)
        return {**answer, **{n: known[n] + back[n] / self.own[n] for n in self.out}}

    def _apply(self, packed: Array, linear: Linearised, a: Array) -> Array:
        """S x for the populations that are kept."""
        x = self._unpack(packed)
        inner = {n: d / (a + self.decay[n]) for n, d in linear.changes(self.out, x).items()}
        change = linear.changes(self.kept, {**x, **inner})
        return self._pack({n: (a + self.decay[n]) * x[n] - change[n] for n in self.kept})

    def _matrix(self) -> Array:
        """S, from the patterns themselves where value and memory neurons are all there is, else column by column."""
        pair = self.flow.once(_pair)
        found = None if pair is None or self.flow.clamp else self._of_pair(*pair)
        if found is not None:
            return found
        size, batch = sum(self.sizes), next(iter(self.states.values())).shape[0]
        columns = self._apply(
            self.xp.broadcast_to(self._eye(size), (batch, size, size)), self.linear.widened(), self.a[..., None]
        )
        return self.xp.matrix_transpose(columns)

    def _eye(self, size: int) -> Array:
        return self.xp.eye(size, dtype=self.a.dtype, device=backend.device(self.a))

    def _of_pair(self, wire: Wire, value: str, memory: str) -> Array | None:
        v, h, g = self.flow.populations[value], self.flow.populations[memory], self.point.activations
        bend = None if h.by_neuron else h.lagrangian.bend(self.states[memory], g[memory])
        share = 1 / (self.a * h.tau + h.leak)  # of what the value neurons do to the memory neurons comes back
        inner = None if bend is None else wire.synapse.gram(share * bend.diagonal, g[value], g[memory])
        if bend is None or inner is None:
            return None
        eye = self._eye(v.size)
        if bend.vector is not None:
            along: Any = wire.ask(wire.block, self.point, 0, 1, bend.vector)
            inner = inner - (share * bend.factor * along)[..., None] * along[..., None, :]
        if wire.synapse.couples(0):
            inner = inner + wire.ask(wire.block, Point(*map(_wide, self.point)), 0, 0, eye + 0 * inner)
        if not v.lagrangian.identity:
            inner = v.lagrangian.linearised(self.states[value][..., None, :], g[value][..., None, :])(inner)
        if v.by_neuron:
            inner = inner / v.tau[:, None]
        elif not (isinstance(v.tau, float) and v.tau == 1):
            inner = inner / v.tau
        return self.own[value][..., None] * eye - inner

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


class _Ledger:
    """What changing currents feed in, y' = (b(t) - b_0) . g', as one more equation of the method beside the states.

    Where the step begins it is 0 whatever the states are, so that its row of the matrix is empty.
    """

    def __init__(self, flow: Flow, point: Point, velocity: States, dt: Any, tableau: Tableau) -> None:
        self.first, self.point, self.dt, self.tableau = flow.when(0.0), point, dt[..., 0], tableau
        self.increments: list[Any] = []
        self.change: Any = 0.0
        for part, weight in SLOPE[1:]:
            self.change = self.change + weight * feeding(self.first, flow.when(part), point, velocity)

    def add(self, there: Flow, here: Point, velocity: States, pulled: tuple[float, ...], feels: float) -> None:
        """The next stage."""
        slope = feeding(self.first, there, here, velocity) + feels * self.change
        pull = sum(weight * one for weight, one in zip(pulled, self.increments, strict=False))
        self.increments.append(self.tableau.gamma * (self.dt * slope + pull))

    def whole(self) -> tuple[Any, Any]:
        """The integral over the step, and the estimate of its error."""
        result = sum(weight * one for weight, one in zip(self.tableau.result, self.increments, strict=False))
        return result, self.increments[-1]


def _change_in_time(flow: Flow, point: Point) -> States:
    """Dt times the derivative of the velocity in time, where a step begins: exact for polynomials of degree 4."""
    found: States = {}
    for part, weight in SLOPE:
        there = flow.when(part)
        for name, v in there.velocity(there.at(point.states)).items():
            found[name] = weight * v if name not in found else found[name] + weight * v
    return found
