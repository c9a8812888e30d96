r"""Networks: populations and synapses, from which activations, energy, velocity and energy rate follow.

With states x_a, Lagrangians L_a, activations g_a = dL_a/dx_a, leaks l_a, input currents b_a, time constants
tau_a and synapses with energies E_s of the activations (Krotov & Hopfield 2021, arXiv:2008.06996):

    E = sum_a [ l_a (x_a . g_a - L_a(x_a)) - b_a . g_a ] + sum_s E_s
    r_a = -l_a x_a + b_a - dE_s/dg_a,    dE/dx_a = -L_a'' r_a
    local flow     tau_a x_a' = r_a          dE/dt = -sum tau_a x_a' . L_a'' x_a' <= 0 for convex L_a
    gradient flow  tau_a x_a' = L_a'' r_a    dE/dt = -sum tau_a |x_a'|^2 <= 0 always
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from . import backend
from .backend import Array, Number, static, structure
from .contracts import Lagrangian, Synapse
from .doors import items, kind, mapping, number, whole
from .entry import door
from .state_doors import clamped, fitting, given, joining
from .validation import finite, floating, positive, unknown_name

States = Mapping[str, Array]


class Evaluation(NamedTuple):
    """What energy, velocity and steps share at one state: the activations and the synapses' signals."""

    activations: dict[str, Array]
    signals: dict[str, Any]


@structure
class Population:
    r"""A group of neurons: a Lagrangian, a size, a time constant, a leak and an input current.

    Parameters
    ----------
    lagrangian : Lagrangian
        L; the activation is its gradient.
    size : int
        The number of neurons n.
    tau : number
        Time constant > 0.
    leak : float
        l >= 0.
    bias : number or array (n,), optional
        The input current b.

    >>> from hopfield.dynamics import Quadratic
    >>> Population(Quadratic(), 3, tau=2.0)
    Population(Quadratic(beta=None), 3, tau=2.0, leak=1.0)
    """

    lagrangian: Lagrangian
    size: int = static()
    tau: Number = 1.0
    leak: float = static(default=1.0)
    bias: Any = None

    def __post_init__(self) -> None:
        kind("lagrangian", self.lagrangian, Lagrangian, "a Lagrangian such as Quadratic()")
        object.__setattr__(self, "size", whole("size (at least one neuron)", self.size, 1))
        if self.lagrangian.neurons not in (None, self.size):
            raise ValueError(
                f"{self.lagrangian!r} is for {self.lagrangian.neurons} neurons and the population has {self.size}."
            )
        object.__setattr__(self, "tau", positive("tau", self.tau))
        object.__setattr__(self, "leak", number("leak", self.leak, 0))
        if self.bias is not None:
            bias: Any = self.bias
            if isinstance(bias, float | int | np.number):
                bias = number("bias", bias)
            else:
                bias = finite("bias", floating("bias", bias))
            object.__setattr__(self, "bias", bias)
            if tuple(getattr(bias, "shape", ())) not in ((), (self.size,)):
                raise ValueError(f"bias has shape {tuple(bias.shape)}; it is one number or of shape ({self.size},).")

    def __repr__(self) -> str:
        bias = "" if self.bias is None else ", bias"
        return f"Population({self.lagrangian!r}, {self.size}, tau={self.tau}, leak={self.leak}{bias})"


@structure
@backend.uncast_methods("evaluate", "update", "energy_parts", "energy_scale", "forces", "energy_gradient")
class Network:
    r"""Populations and synapses: the object that is integrated.

    States are dicts from the population's name to an array (..., n_a); batch axes lead.

    Parameters
    ----------
    populations : dict of Population
        By name, in order. `Relaxation` visits them from the last to the first.
    synapses : dict or sequence of Synapse
        What joins them; a sequence is named after the populations joined.
    flow : {"local", "gradient"}
        tau x' = r, or tau x' = L'' r.

    >>> import numpy as np
    >>> from hopfield.dynamics import Bilinear, LogCosh, Quadratic
    >>> network = Network(
    ...     {"a": Population(Quadratic(), 1), "b": Population(LogCosh(), 1)}, [Bilinear(("a", "b"), np.eye(1))]
    ... )
    >>> x = {"a": np.array([1.0]), "b": np.array([0.0])}
    >>> network.velocity(x)["a"], network.energy(x)
    (array([-1.]), np.float64(0.5))
    """

    populations: dict[str, Population]
    synapses: Any = None
    flow: str = static(default="local")

    def __post_init__(self) -> None:
        synapses = self.synapses if self.synapses is not None else {}
        populations = mapping("populations", self.populations, '{"x": Population(Quadratic(), 3)}')
        for name, population in populations.items():
            kind(f"population {name!r}", population, Population, "a Population such as Population(Quadratic(), 3)")
        if isinstance(synapses, Mapping):
            synapses = mapping("synapses", synapses, '{"w": Recurrent(("x",), W)}')
            for name, synapse in synapses.items():
                joining(f"synapse {name!r}", synapse)
        else:
            named: dict[str, Synapse] = {}
            for k, synapse in enumerate(items("synapses", synapses, 'synapses such as Recurrent(("x",), W)')):
                joining(f"synapses[{k}]", synapse)
                ends = synapse.between if len(synapse.between) > 1 else synapse.between * 2
                name = "~".join(ends)
                named[name if name not in named else f"{name}#{len(named)}"] = synapse
            synapses = named
        object.__setattr__(self, "populations", populations)
        object.__setattr__(self, "synapses", dict(synapses))
        if not isinstance(self.flow, str) or self.flow not in ("local", "gradient"):
            raise unknown_name("flow", self.flow, ("local", "gradient"))
        if not self.populations:
            raise ValueError("A network needs at least one population.")
        if both := set(self.populations) & set(synapses):
            raise ValueError(f"Populations and synapses need different names; both are called {sorted(both)}.")
        for name, synapse in synapses.items():
            for population, size in zip(synapse.between, synapse.sizes, strict=True):
                if population not in self.populations:
                    raise unknown_name(f"population (in synapse {name!r})", population, self.populations)
                if size is not None and size != self.populations[population].size:
                    raise ValueError(
                        f"Synapse {name!r} expects {size} neurons in {population!r}, "
                        f"which has {self.populations[population].size}."
                    )
        arrays = backend.arrays(self)
        xp = backend.namespace(*arrays)
        kinds = {str(array.dtype) for array in arrays if array.ndim and xp.isdtype(array.dtype, "real floating")}
        if len(kinds) > 1:
            raise TypeError(
                f"The network's arrays are of different dtypes ({', '.join(sorted(kinds))}), and nothing is cast in "
                "silence. Cast them to one: bias.astype(weights.dtype)."
            )
        unit = next((xp.finfo(a.dtype) for a in arrays if a.ndim and xp.isdtype(a.dtype, "real floating")), None)
        least = float(np.finfo(float).tiny / np.finfo(float).eps if unit is None else unit.smallest_normal / unit.eps)
        for name, p in self.populations.items():
            for what, value in (("leak", p.leak), ("tau", p.tau)):
                if isinstance(value, float) and 0 < value < least:
                    raise ValueError(
                        f"Population {name!r} has {what}={value:g}, and what is divided by that overflows or vanishes "
                        f"in the dtype of this network: give {what}={'0, or ' if what == 'leak' else ''}>= {least:.1g}."
                    )

    def __repr__(self) -> str:
        rows = [f"    {name!r}: {population!r}," for name, population in self.populations.items()]
        joins = [f"    {name!r}: {type(synapse).__name__}," for name, synapse in self.synapses.items()]
        return "\n".join(["Network({", *rows, "}, {", *joins, f"}}, flow={self.flow!r})"])

    # ------------------------------------------------------------------------------------------ evaluation

    @door(given)
    def activations(self, states: States) -> dict[str, Array]:
        """g_a = dL_a/dx_a for every population."""
        return {name: p.lagrangian.activation(states[name]) for name, p in self.populations.items()}

    @door(given)
    def evaluate(self, states: States) -> Evaluation:
        """Activations and signals, computed once for energy, velocity and the next step."""
        g = self.activations(states)
        return Evaluation(g, {name: s.signal(*self.joined(s, g)) for name, s in self.synapses.items()})

    def update(self, evaluation: Evaluation, name: str, x: Array) -> Evaluation:
        """The evaluation after population `name` alone has moved to the state x."""
        g = {**evaluation.activations, name: self.populations[name].lagrangian.activation(x)}
        signals = dict(evaluation.signals)
        for key, synapse in self.synapses.items():
            if name in (synapse.between[k] for k in synapse.signal_of):
                signals[key] = synapse.signal(*self.joined(synapse, g))
        return Evaluation(g, signals)

    @door(given)
    def energy_parts(self, states: States, evaluation: Evaluation | None = None) -> dict[str, Array]:
        """The energy by population and by synapse; the parts sum to `energy`."""
        evaluation = self.evaluate(states) if evaluation is None else evaluation
        parts = {}
        for name, p in self.populations.items():
            x, g = states[name], evaluation.activations[name]
            terms = self._population_terms(p, x, g)
            parts[name] = sum(terms[1:], terms[0])
        for name, synapse in self.synapses.items():
            parts[name] = synapse.energy(*self.joined(synapse, evaluation.activations), **self.shared(name, evaluation))
        return parts

    @door(given)
    def energy(self, states: States, evaluation: Evaluation | None = None) -> Array:
        """E, shape (...)."""
        parts = list(self.energy_parts(states, evaluation).values())
        return sum(parts[1:], parts[0])

    @door(given)
    def energy_scale(self, states: States, evaluation: Evaluation | None = None) -> Array:
        """The size of the numbers that cancel in E: rounding of E is a few eps(dtype) times this."""
        evaluation = self.evaluate(states) if evaluation is None else evaluation
        xp = backend.namespace(*states.values())
        total: Any = 0.0
        for name, p in self.populations.items():
            x, g = states[name], evaluation.activations[name]
            for term in self._population_terms(p, x, g):
                total = total + xp.abs(term)
            if p.bias is not None:  # its products cancel one another
                total = total + xp.sum(xp.abs(p.bias * g), axis=-1)
        for name, synapse in self.synapses.items():
            g = self.joined(synapse, evaluation.activations)
            total = total + synapse.magnitude(*g, **self.shared(name, evaluation))
        return total

    @door(given)
    def forces(self, states: States, evaluation: Evaluation | None = None) -> dict[str, Array]:
        """-l_a x_a + b_a - dE_s/dg_a: the residual before `Lagrangian.tangent` projects it, where the leak is 0."""
        evaluation = self.evaluate(states) if evaluation is None else evaluation
        xp = backend.namespace(*states.values())
        forces: dict[str, Any] = {}
        kinks: dict[str, Any] = {}
        for name, synapse in self.synapses.items():
            g, shared = self.joined(synapse, evaluation.activations), self.shared(name, evaluation)
            for k, (population, force) in enumerate(zip(synapse.between, synapse.forces(*g, **shared), strict=True)):
                forces[population] = force if population not in forces else forces[population] + force
                if not synapse.smooth and (width := synapse.kink(k, *g, **shared)) is not None:
                    kinks[population] = kinks.get(population, 0.0) + width
        answer = {}
        for name, p in self.populations.items():
            r = self._with_own(p, states[name], forces.get(name))
            if name in kinks:  # the force is a set there: its element of least norm
                r = xp.sign(r) * xp.clip(xp.abs(r) - kinks[name], min=0.0)
            answer[name] = r
        return answer

    @door(given)
    def residual(self, states: States, evaluation: Evaluation | None = None) -> dict[str, Array]:
        """r_a = -l_a x_a + b_a + forces: the local flow before division by tau_a."""
        found = self.forces(states, evaluation)
        parts = self.populations
        return {n: r if parts[n].leak != 0 else parts[n].lagrangian.tangent(states[n], r) for n, r in found.items()}

    @door(given)
    def velocity(
        self,
        states: States,
        clamp: Mapping[str, Any] | None = None,
        evaluation: Evaluation | None = None,
    ) -> dict[str, Array]:
        """x_a' for every population; neurons held by `clamp` (True, or a mask (..., n_a)) have none."""
        xp = backend.namespace(*states.values())
        answer = {}
        for name, r in self.residual(states, evaluation).items():
            p = self.populations[name]
            if self.flow == "gradient":
                r = p.lagrangian.curvature(states[name], r)
            v = r if isinstance(p.tau, float) and p.tau == 1 else r / p.tau
            if clamp and name in clamp:
                v = xp.where(backend.asarray(clamp[name], v), 0.0, v)
            answer[name] = v
        return answer

    @door(given)
    def energy_gradient(self, states: States, evaluation: Evaluation | None = None) -> dict[str, Array]:
        """dE/dx_a = L_a'' (l_a x_a - b_a + dE_s/dg_a)."""
        evaluation = self.evaluate(states) if evaluation is None else evaluation
        slopes: dict[str, Any] = {}
        for name, synapse in self.synapses.items():
            g = self.joined(synapse, evaluation.activations)
            found = synapse.energy_gradient(*g, **self.shared(name, evaluation))
            for population, slope in zip(synapse.between, found, strict=True):
                slopes[population] = slope if population not in slopes else slopes[population] + slope
        answer = {}
        for name, p in self.populations.items():
            force = None if name not in slopes else -slopes[name]
            answer[name] = -p.lagrangian.curvature(states[name], self._with_own(p, states[name], force))
        return answer

    @door(given)
    def energy_rate(
        self,
        states: States,
        clamp: Mapping[str, Any] | None = None,
        evaluation: Evaluation | None = None,
    ) -> Array:
        """dE/dt = sum_a (dE/dx_a) . x_a' along the velocity, shape (...)."""
        xp = backend.namespace(*states.values())
        evaluation = self.evaluate(states) if evaluation is None else evaluation
        slopes, velocity = (
            self.energy_gradient(states, evaluation),
            self.velocity(states, clamp, evaluation),
        )
        terms = [xp.sum(slopes[name] * velocity[name], axis=-1) for name in self.populations]
        return sum(terms[1:], terms[0])

    # ----------------------------------------------------------------------------------------------- facts

    @property
    def convex(self) -> bool | None:
        """Whether every Lagrangian is convex: True, False, or None where one does not say."""
        known = [p.lagrangian.convex for p in self.populations.values()]
        return False if False in known else None if None in known else True

    @property
    def conservative(self) -> bool:
        """Whether every force is the gradient of the energy."""
        return all(synapse.conservative for synapse in self.synapses.values())

    @property
    def kinks(self) -> list[str]:
        """The populations and synapses whose forces jump; only `Relaxation` steps over jumps."""
        jumps = [name for name, p in self.populations.items() if not p.lagrangian.smooth]
        return jumps + [name for name, synapse in self.synapses.items() if not synapse.smooth]

    def check_states(self, states: Mapping[str, Any]) -> dict[str, Array]:
        """Finite states of the right names, widths, dtype and library, in the network's order."""
        return {name: finite(f"state {name!r}", x) for name, x in fitting(self, states).items()}

    def check_clamp(self, clamp: Any, states: States) -> dict[str, Array]:
        """Masks of the held neurons; warns where holding them can make the energy rise."""
        masks, states = {}, fitting(self, states)
        batch = np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in states.values()))
        for name, mask in clamped(self, {} if clamp is None else clamp, states).items():
            xp, p = backend.namespace(states[name]), self.populations[name]
            parted = bool(mask.ndim) and not backend.holds(_is_whole, mask)
            if self.flow == "local" and parted and not p.lagrangian.elementwise:
                warnings.warn(
                    f"Part of {name!r} is clamped, whose Lagrangian {p.lagrangian!r} couples its neurons: the energy "
                    "may rise in the local flow. Clamp all of it, or use flow='gradient'.",
                    stacklevel=4,
                )
            masks[name] = xp.broadcast_to(mask, (*batch, p.size))
        return masks

    # --------------------------------------------------------------------------------------------- helpers

    @staticmethod
    def _with_own(p: Population, x: Array, force: Array | None) -> Array:
        """A force with the population's leak and input current."""
        if p.leak != 0:
            leak = x if p.leak == 1 else p.leak * x
            force = -leak if force is None else force - leak
        if p.bias is not None:
            force = p.bias + 0.0 * x if force is None else force + p.bias
        return backend.namespace(x).zeros_like(x) if force is None else force

    @staticmethod
    def _population_terms(p: Population, x: Array, g: Array) -> list[Array]:
        xp = backend.namespace(x)
        terms = []
        if p.leak != 0 and p.lagrangian.identity:
            terms = [p.leak * p.lagrangian.value(x)]
        elif p.leak != 0:
            terms = [p.leak * xp.sum(x * g, axis=-1), -p.leak * p.lagrangian.value(x)]
        if p.bias is not None:
            terms.append(-xp.sum(p.bias * g, axis=-1))
        return terms or [xp.zeros_like(x[..., 0])]

    @staticmethod
    def joined(synapse: Synapse, g: Mapping[str, Array]) -> list[Array]:
        return [g[name] for name in synapse.between]

    @staticmethod
    def shared(name: str, evaluation: Evaluation) -> dict[str, Any]:
        signal = evaluation.signals[name]
        return {} if signal is None else {"signal": signal}


def _is_whole(mask: Array) -> Array:
    xp = backend.namespace(mask)
    return xp.all(mask, axis=-1) | ~xp.any(mask, axis=-1)
