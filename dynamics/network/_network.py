"""Networks: populations and the synapses that join them, checked once; what follows from them is the flow's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from .. import backend
from ..backend import Array, shown, static, structure, unknown_name
from ..doors import checked, door, finite, items, kind, mapping, warn
from ..doors import path as path_to
from ..files import Writer, built, read_tree, reading, suffixed
from ..synapses import Synapse
from ._doors import clamped, fitting, given, joining
from ._flow import Flow as Flow
from ._flow import Point as Point
from ._flow import States as States
from ._population import Population as Population


@structure
@backend.uncast_methods(
    *("evaluate", "energy", "energy_parts", "energy_scale", "energy_gradient", "energy_rate"),
    *("forces", "residual", "velocity"),
)
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

    @backend.kept
    def _free(self) -> Flow:
        return Flow(self)

    def bound(self, clamp: Mapping[str, Array] | None = None) -> Flow:
        """The flow of this network with the neurons in `clamp` held."""
        return self._free.bound(clamp) if clamp else self._free

    def _at(self, states: States, point: Point | None) -> Point:
        if point is None:
            return self._free.at(states)
        return point if point.states is states else point._replace(states=dict(states))

    @door(given)
    def activations(self, states: States) -> dict[str, Array]:
        """g_a = dL_a/dx_a for every population."""
        return {name: p.lagrangian.activation(states[name]) for name, p in self.populations.items()}

    @door(given)
    def evaluate(self, states: States) -> Point:
        """Activations and signals, computed once for energy, velocity and the next step."""
        return self._free.at(states)

    @door(given)
    def energy_parts(self, states: States, evaluation: Point | None = None) -> dict[str, Array]:
        """The energy by population and by synapse; the parts sum to `energy`."""
        return self._free.parts(self._at(states, evaluation))

    @door(given)
    def energy(self, states: States, evaluation: Point | None = None) -> Array:
        """E, shape (...)."""
        parts = list(self._free.parts(self._at(states, evaluation)).values())
        return sum(parts[1:], parts[0])

    @door(given)
    def energy_scale(self, states: States, evaluation: Point | None = None) -> Array:
        """The size of the numbers that cancel in E: rounding of E is a few eps(dtype) times this."""
        return self._free.energy(self._at(states, evaluation)).scale

    @door(given)
    def forces(self, states: States, evaluation: Point | None = None) -> dict[str, Array]:
        """-l_a x_a + b_a - dE_s/dg_a: the residual before `Lagrangian.tangent` projects it, where the leak is 0."""
        return self._free.forces(self._at(states, evaluation))

    @door(given)
    def residual(self, states: States, evaluation: Point | None = None) -> dict[str, Array]:
        """r_a = -l_a x_a + b_a + forces: the local flow before division by tau_a."""
        return self._free.residual(self._at(states, evaluation))

    @door(given)
    def velocity(
        self,
        states: States,
        clamp: Mapping[str, Any] | None = None,
        evaluation: Point | None = None,
    ) -> dict[str, Array]:
        """x_a' for every population; clamped neurons stand still."""
        return self.bound(clamp).velocity(self._at(states, evaluation))

    @door(given)
    def energy_gradient(self, states: States, evaluation: Point | None = None) -> dict[str, Array]:
        """dE/dx_a = L_a'' (l_a x_a - b_a + dE_s/dg_a)."""
        return self._free.slope(self._at(states, evaluation))

    @door(given)
    def energy_rate(
        self,
        states: States,
        clamp: Mapping[str, Any] | None = None,
        evaluation: Point | None = None,
    ) -> Array:
        """dE/dt = sum_a (dE/dx_a) . x_a' along the velocity, shape (...)."""
        return self.bound(clamp).rate(self._at(states, evaluation))

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
    def even(self) -> bool:
        """Whether time constants by neuron leave dE/dt <= 0 as it is.

        dE/dt = -sum r_i (L'' r)_i/tau_i has a sign for several tau_i only where L'' is diagonal, or in the gradient
        flow.
        """
        every = self.populations.values()
        return self.flow == "gradient" or all(p.lagrangian.elementwise or not p.by_neuron for p in every)

    @property
    def kinks(self) -> list[str]:
        """The populations and synapses whose forces jump; only `Relaxation` steps over jumps."""
        jumps = [name for name, p in self.populations.items() if not p.lagrangian.smooth]
        return jumps + [name for name, synapse in self.synapses.items() if not synapse.smooth]

    def check_states(self, states: Mapping[str, Any]) -> dict[str, Array]:
        """Finite states of the right names, widths, dtype and library, in the network's order."""
        return {name: finite(f"state {name!r}", x) for name, x in fitting(self, states).items()}

    # ------------------------------------------------------------------------------ what a model answers too

    @property
    def network(self) -> Self:
        """Itself: a model has a network, and a network is its own."""
        return self

    @property
    def states_only(self) -> bool:
        """True: what moves is started from states of all populations, where a model takes a query."""
        return True

    def start(self, query: Any, memory_state: Any = None) -> dict[str, Array]:
        """The states of a dict, checked; a query is refused, since no population is the one that it enters."""
        if not isinstance(query, Mapping):
            raise TypeError(
                f"A Network is started from a dict of states, one for each of {list(self.populations)}; got "
                f"{type(query).__name__}. A model such as ModernHopfield takes a query."
            )
        return self.check_states(query)

    def check_clamp(self, clamp: Any, states: States) -> dict[str, Array]:
        """Masks of the held neurons; warns where holding them can make the energy rise."""
        masks, states = {}, fitting(self, states)
        batch = np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in states.values()))
        for name, mask in clamped(self, {} if clamp is None else clamp, states).items():
            xp, p = backend.namespace(states[name]), self.populations[name]
            parted = bool(mask.ndim) and not backend.holds(_is_whole, mask)
            if self.flow == "local" and parted and not p.lagrangian.elementwise:
                warn(
                    f"Part of {name!r} is clamped, whose Lagrangian {p.lagrangian!r} couples its neurons: the energy "
                    "may rise in the local flow. Clamp all of it, or use flow='gradient'.",
                )
            masks[name] = xp.broadcast_to(mask, (*batch, p.size))
        return masks

    # ----------------------------------------------------------------------------------------------- files

    @checked(path=path_to)
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the network to one ``.npz`` file, whole or not at all; returns its path.

        Functions and classes of your own are refused: a file holds numbers and the names of public classes alone.

        >>> from hopfield.dynamics import Quadratic
        >>> Network.load(Network({"x": Population(Quadratic(), 2, tau=3.0)}).save("network.npz"))
        Network({
            'x': Population(Quadratic(beta=None), 2, tau=3.0, leak=1.0),
        }, {
        }, flow='local')
        """
        writer = Writer()
        return writer.write(suffixed(path), "network", writer.encoded("network", self))

    @classmethod
    @checked(path=path_to)
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a network that `save` wrote, as NumPy arrays."""
        tree, arrays = read_tree(path, "network")
        with reading(path, "a saved network"):
            return built(tree, arrays)


def _is_whole(mask: Array) -> Array:
    xp = backend.namespace(mask)
    return xp.all(mask, axis=-1) | ~xp.any(mask, axis=-1)


def has_network(thing: Any) -> bool:
    """Whether something has a `network`, which is not looked at: a model may have to make it first.

    >>> from hopfield.models import ModernHopfield
    >>> has_network(ModernHopfield([[1.0]])), has_network(ModernHopfield), has_network([[1.0]])
    (True, False, False)
    """
    if isinstance(thing, type):
        return False
    return hasattr(type(thing), "network") or "network" in getattr(thing, "__dict__", {})


def states_only(thing: Any) -> bool:
    """Whether something is started from states alone, as a `Network` is, and not from a query.

    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield([[1.0]])
    >>> states_only(memory), states_only(memory.network)
    (False, True)
    """
    return bool(getattr(thing, "states_only", False))


def entered(memory: Any, query: Any, memory_state: Any = None) -> tuple[Network, dict[str, Array]]:
    """The network of a model, or a network, and the states at which a query or a dict of states enters it."""
    if not has_network(memory):
        raise TypeError(f"memory must be a model such as ModernHopfield, or a Network, got {shown(memory)}.")
    network = memory.network
    if isinstance(query, Mapping):
        if memory_state is not None:
            raise ValueError("A dict of states holds the memory neurons' state already: leave out memory_state.")
        return network, network.check_states(query)
    return network, network.check_states(memory.start(query, *(() if memory_state is None else (memory_state,))))
