r"""A flow: a network bound to what is held of it, and what follows from its parts at one point.

With states x_a, Lagrangians L_a, activations g_a = dL_a/dx_a, leaks l_a, input currents b_a, time constants
tau_a and synapses with energies E_s of the activations (Krotov & Hopfield 2021, arXiv:2008.06996):

    E = sum_a [ l_a (x_a . g_a - L_a(x_a)) - b_a . g_a ] + sum_s E_s
    r_a = -l_a x_a + b_a - dE_s/dg_a,    dE/dx_a = -L_a'' r_a
    local flow     tau_a x_a' = r_a          dE/dt = -sum tau_a x_a' . L_a'' x_a' <= 0 for convex L_a
    gradient flow  tau_a x_a' = L_a'' r_a    dE/dt = -sum tau_a |x_a'|^2 <= 0 always

What is joined to what, and which methods that are, is looked up once for a flow and not once a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from .. import backend
from ..backend import Array, static, structure
from ..doors import behind
from ..synapses import Synapse
from ._population import Population

States = Mapping[str, Array]
T = TypeVar("T")


class Point(NamedTuple):
    """One state of a network, and what energy, velocity and steps share there: activations and synapses' signals.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> point = ModernHopfield(np.eye(2), tau_memory=0.0).network.bound().at({"value": np.array([1.0, 0.0])})
    >>> point.activations["value"], point.signals["memory"]
    (array([1., 0.]), array([1., 0.]))
    """

    states: dict[str, Array]
    activations: dict[str, Array]
    signals: dict[str, Any]


class Energy(NamedTuple):
    """E, and the size of the numbers that cancel in it: rounding is a few eps(dtype) times this; shapes (...)."""

    value: Array
    scale: Array


class Wire(NamedTuple):
    """A synapse as a flow uses it: what it joins, and its methods behind their doors."""

    key: str
    synapse: Synapse
    between: tuple[str, ...]
    joined: Callable[[Mapping[str, Array]], tuple[Array, ...]]  # the activations at its ends, of those of all
    seen: frozenset[str]  # the populations on which its signal depends
    smooth: bool
    signal: Callable[..., Any]
    energy: Callable[..., Array]
    measured: Callable[..., tuple[Array, Array]]
    forces: Callable[..., tuple[Array, ...]]
    force: Callable[..., Array]
    response: Callable[..., Any]
    block: Callable[..., Array | None]

    def ask(self, method: Callable[..., T], point: Point, *first: Any) -> T:
        """A method at a point, with the signal where there is one."""
        g, signal = self.joined(point.activations), point.signals[self.key]
        return method(*first, *g) if signal is None else method(*first, *g, signal=signal)

    def bound(self, method: Callable[..., T], k: int) -> Callable[[Mapping[str, Array], Mapping[str, Any]], T]:
        """A method for one of its ends, as a function of all activations and signals: `ask` for a loop."""
        joined, key = self.joined, self.key

        def ask(g: Mapping[str, Array], signals: Mapping[str, Any]) -> T:
            signal = signals[key]
            return method(k, *joined(g)) if signal is None else method(k, *joined(g), signal=signal)

        return ask


class Cell(NamedTuple):
    """A population as a flow uses it: its facts but its input current, and its Lagrangian's methods."""

    name: str
    population: Population
    leak: float
    tau: Any  # None where it is 1
    identity: bool
    activate: Callable[[Array], Array]
    value: Callable[[Array, Array], Array]  # of a state and its activation
    linearised: Callable[[Array, Array], Callable[[Array], Array]]

    def driven(self, x: Array, force: Array | None, bias: Any) -> Array:
        """A force with the population's leak and an input current."""
        if self.leak != 0:
            leak = x if self.leak == 1 else self.leak * x
            force = -leak if force is None else force - leak
        if bias is not None:
            force = bias + 0.0 * x if force is None else force + bias
        return backend.namespace(x).zeros_like(x) if force is None else force

    def terms(self, x: Array, g: Array, bias: Any) -> list[Array]:
        """What it adds to the energy."""
        terms = []
        if self.leak != 0:
            value = self.value(x, g)
            terms = [value] if self.identity else [backend.dot(x, g), -value]
            terms = terms if self.leak == 1 else [self.leak * term for term in terms]
        if bias is not None:
            terms.append(-backend.namespace(x).sum(bias * g, axis=-1))
        return terms or [backend.namespace(x).zeros_like(x[..., 0])]


@structure
class Flow:
    """A network bound to a clamp: `at` gives a point, from which energy, velocity and steps follow.

    Parameters
    ----------
    network : Network
        The populations and synapses.
    clamp : dict of masks (..., n), optional
        Neurons that are held, by population.
    stages, nodes : tuples, optional
        Where something changes over a step (an input current, a number of the memory): the flows at some parts of it,
        and these parts, from 0 at its beginning to 1 at its end.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> flow = Flow(ModernHopfield(np.eye(2), beta=2.0, tau_memory=0.0).network)
    >>> here = flow.at({"value": np.array([1.0, 0.0])})
    >>> flow.velocity(here)["value"].round(3), flow.energy(here).value.round(3)
    (array([-0.119,  0.119]), np.float64(-0.563))
    """

    network: Any
    clamp: dict[str, Array] = field(default_factory=dict)
    stages: tuple[Flow, ...] = ()
    nodes: tuple[float, ...] = static(default=())

    @property
    def populations(self) -> dict[str, Population]:
        """The network's populations."""
        return self.network.populations

    def bias(self, name: str) -> Any:
        """The input current of a population, which may be another for each flow of one network."""
        return self.network.populations[name].bias

    @property
    def wires(self) -> list[Wire]:
        """The synapses as this flow uses them."""
        return self.once(_wires)

    @property
    def cells(self) -> list[Cell]:
        """The populations as this flow uses them."""
        return self.once(_cells)

    def once(self, find: Callable[[Flow], T]) -> T:
        """What follows from the parts of the network, found at the first call and kept with the flow."""
        try:
            return self.__dict__["_found"][find]
        except KeyError:
            found = self.__dict__.setdefault("_found", {})
        found[find] = answer = find(self)
        return answer

    def bound(self, clamp: Mapping[str, Array]) -> Flow:
        """The same network under another clamp; what was found of its parts is kept."""
        other = Flow(self.network, dict(clamp), self.stages, self.nodes)
        other.__dict__["_found"] = self.__dict__.setdefault("_found", {})
        return other

    def __reduce__(self) -> Any:
        """Let it travel without what it has looked up."""
        return Flow, (self.network, self.clamp, self.stages, self.nodes)

    def when(self, part: float) -> Flow:
        """The flow at a part of the step, 0 at its beginning and 1 at its end: itself where nothing changes.

        >>> import numpy as np
        >>> from hopfield.models import ModernHopfield
        >>> flow = ModernHopfield(np.eye(2)).network.bound()
        >>> flow.when(0.5) is flow
        True
        """
        if not self.nodes:
            return self
        return self.stages[self.nodes.index(part)].bound(self.clamp)

    # ------------------------------------------------------------------------------------------------ points

    def at(self, states: States) -> Point:
        """The point of some states (..., n), one for each population."""
        g = {cell.name: cell.activate(states[cell.name]) for cell in self.cells}
        return Point(dict(states), g, {w.key: w.signal(*w.joined(g)) for w in self.wires})

    def moved(self, point: Point, name: str, x: Array) -> Point:
        """The point after population `name` alone has moved to the state x."""
        activate = next(cell.activate for cell in self.cells if cell.name == name)
        g, signals = {**point.activations, name: activate(x)}, dict(point.signals)
        for w in self.wires:
            if name in w.seen:
                signals[w.key] = w.signal(*w.joined(g))
        return Point({**point.states, name: x}, g, signals)

    # ---------------------------------------------------------------------------------------- energy, velocity

    def parts(self, point: Point) -> dict[str, Array]:
        """The energy by population and by synapse; the parts sum to the energy."""
        found = {}
        for cell in self.cells:
            terms = cell.terms(point.states[cell.name], point.activations[cell.name], self.bias(cell.name))
            found[cell.name] = sum(terms[1:], terms[0])
        for w in self.wires:
            found[w.key] = w.ask(w.energy, point)
        return found

    def energy(self, point: Point) -> Energy:
        """The energy and what cancels in it."""
        value: Any = None
        scale: Any = None
        for cell in self.cells:
            g, bias = point.activations[cell.name], self.bias(cell.name)
            for term in cell.terms(point.states[cell.name], g, bias):
                value, scale = (term, abs(term)) if value is None else (value + term, scale + abs(term))
            if bias is not None:  # its products cancel one another
                scale = scale + backend.namespace(g).sum(abs(bias * g), axis=-1)
        for w in self.wires:
            energy, size = w.ask(w.measured, point)
            value, scale = value + energy, scale + size
        return Energy(value, scale)

    def pull(self, point: Point, name: str) -> Any:
        """-dE_s/dg of all synapses on one population, as they are; None where there is none."""
        force: Any = None
        for w in self.wires:
            for k, joined in enumerate(w.between):
                if joined == name:
                    part = w.ask(w.force, point, k)
                    force = part if force is None else force + part
        return force

    def forces(self, point: Point) -> dict[str, Array]:
        """-l_a x_a + b_a - dE_s/dg_a: the residual before `Lagrangian.tangent` projects it, where the leak is 0."""
        forces: dict[str, Any] = {}
        kinks: dict[str, Any] = {}
        for w in self.wires:
            for k, (name, force) in enumerate(zip(w.between, w.ask(w.forces, point), strict=True)):
                forces[name] = force if name not in forces else forces[name] + force
                if not w.smooth and (width := w.ask(w.synapse.kink, point, k)) is not None:
                    kinks[name] = kinks.get(name, 0.0) + width
        answer = {}
        for cell in self.cells:
            name = cell.name
            r = cell.driven(point.states[name], forces.get(name), self.bias(name))
            if name in kinks:  # the force is a set there: its element of least norm
                xp = backend.namespace(r)
                r = xp.sign(r) * xp.clip(xp.abs(r) - kinks[name], min=0.0)
            answer[name] = r
        return answer

    def residual(self, point: Point) -> dict[str, Array]:
        """r_a = -l_a x_a + b_a + forces: the local flow before division by tau_a."""
        found = self.forces(point)
        for cell in self.cells:
            if cell.leak == 0:
                found[cell.name] = cell.population.lagrangian.tangent(point.states[cell.name], found[cell.name])
        return found

    def velocity(self, point: Point) -> dict[str, Array]:
        """x_a' for every population; clamped neurons stand still."""
        answer, gradient = self.residual(point), self.network.flow == "gradient"
        for cell in self.cells:
            name, v = cell.name, answer[cell.name]
            if gradient:
                v = cell.population.lagrangian.curvature(point.states[name], v)
            if cell.tau is not None:
                v = v / cell.tau
            if name in self.clamp:
                v = backend.namespace(v).where(backend.asarray(self.clamp[name], v), 0.0, v)
            answer[name] = v
        return answer

    def slope(self, point: Point) -> dict[str, Array]:
        """dE/dx_a = L_a'' (l_a x_a - b_a + dE_s/dg_a)."""
        slopes: dict[str, Any] = {}
        for w in self.wires:
            for name, slope in zip(w.between, w.ask(w.synapse.energy_gradient, point), strict=True):
                slopes[name] = slope if name not in slopes else slopes[name] + slope
        answer = {}
        for cell in self.cells:
            x, force = point.states[cell.name], None if cell.name not in slopes else -slopes[cell.name]
            driven = cell.driven(x, force, self.bias(cell.name))
            answer[cell.name] = -cell.population.lagrangian.curvature(x, driven)
        return answer

    def rate(self, point: Point) -> Array:
        """dE/dt = sum_a (dE/dx_a) . x_a' along the velocity, shape (...)."""
        slopes, velocity = self.slope(point), self.velocity(point)
        terms = [backend.namespace(v).sum(slopes[name] * v, axis=-1) for name, v in velocity.items()]
        return sum(terms[1:], terms[0])


def _cells(flow: Flow) -> list[Cell]:
    return [
        Cell(
            name,
            p,
            p.leak,
            None if isinstance(p.tau, float) and p.tau == 1 else p.tau,
            p.lagrangian.identity,
            behind(p.lagrangian.activation),
            behind(p.lagrangian.value_at),
            behind(p.lagrangian.linearised),
        )
        for name, p in flow.populations.items()
    ]


def _wires(flow: Flow) -> list[Wire]:
    return [
        Wire(
            key,
            s,
            tuple(s.between),
            itemgetter(*s.between) if len(s.between) > 1 else lambda g, name=s.between[0]: (g[name],),
            frozenset(s.between[k] for k in s.signal_of),
            s.smooth,
            behind(s.signal),
            behind(s.energy),
            s.measured,
            behind(s.forces),
            behind(s.force),
            behind(s.response),
            behind(s.block),
        )
        for key, s in flow.network.synapses.items()
    ]
