"""What a synapse must be able to do; everything else just works from that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from .. import backend
from ..backend import Array
from ..doors import arguments, behind, guard
from ._exact import Answer, Response


class Synapse(backend.Extensible, ABC):
    r"""An interaction energy E_s(g_a, g_b, ...) of the activations of the populations that it joins.

    A subclass gives `between` (the names of those populations) and `energy`; `forces` is derived on JAX
    and PyTorch, and must be given on NumPy.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import Network, Population, Quadratic
    >>> class DoubleWell(Synapse):
    ...     between = ("x",)
    ...     def energy(self, g):
    ...         return ((g**2 - 1) ** 2).sum(-1) / 4
    ...     def forces(self, g):
    ...         return (g - g**3,)
    >>> network = Network({"x": Population(Quadratic(), 1, leak=0.0)}, [DoubleWell()])
    >>> network.velocity({"x": np.array([0.5])})["x"]
    array([0.375])
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard(cls, arguments.SYNAPSE)

    between: tuple[str, ...]
    adiabatic: bool = False  # whether it stands for memory neurons in equilibrium, with similarities and a Lagrangian
    coupling: Array | None = None  # W, where the energy is -g . W g/2 of one population
    checked: bool = False  # whether the forces are known to belong to the energy, so that nobody needs to compare them

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The number of neurons that each joined population must have (None: any)."""
        return (None,) * len(self.between)

    @property
    def signal_of(self) -> tuple[int, ...]:
        """Positions of the populations on which `signal` depends."""
        return tuple(range(len(self.between)))

    @property
    def smooth(self) -> bool:
        """Whether the forces are continuous."""
        return True

    @property
    def conservative(self) -> bool:
        """Whether the forces are the gradient of the energy.

        Say False for forces that have no energy (one-way connections, a velocity field): the energy guard then
        stays away. Where it says True, `simulate` and `hopfield.analysis` compare `forces` with differences of
        `energy` when they first see the synapse, and refuse one whose forces belong to another energy.
        """
        return True

    def signal(self, *g: Array) -> Any:
        """What energy and forces share (the scores), so that it is computed once; None if nothing."""
        return None

    @abstractmethod
    def energy(self, *g: Array) -> Array:
        """E_s, shape (...)."""

    def forces(self, *g: Array) -> tuple[Array, ...]:
        """-dE_s/dg for each joined population."""
        xp = backend.namespace(*g)

        def alone(position: int) -> Callable[[Array], Array]:
            return lambda y: self.energy(*g[:position], y, *g[position + 1 :])

        what = f"{type(self).__name__}.forces"
        return tuple(xp.negative(backend.gradient(alone(k), g[k], what)) for k in range(len(g)))

    def force(self, position: int, *g: Array, **shared: Any) -> Array:
        """-dE_s/dg for the population at `position` alone, without what only the others need."""
        return self.forces(*g, **shared)[position]

    def energy_gradient(self, *g: Array, **shared: Any) -> tuple[Array, ...]:
        """dE_s/dg; differs from ``-forces`` only for a coupling that is not the gradient of an energy."""
        return tuple(-force for force in self.forces(*g, **shared))

    def answer(self, position: int) -> Answer:
        """How the force on the population at `position` depends on that population with all others frozen."""
        return Answer("frozen" if self.couples(position) else "constant")

    def response(self, position: int, *g: Array, **shared: Any) -> Response:
        """The force on the population at `position` with all others frozen, in the form that `answer` says."""
        return Response(self.force(position, *g, **shared))

    def couples(self, position: int) -> bool:
        """Whether the force on the population at `position` depends on that population's own activation."""
        return True

    def block(self, target: int, source: int, u: Array, *g: Array, **shared: Any) -> Array | None:
        """How the force on the population at `target` changes along u in the activation at `source`.

        None where it does not depend on it; derived from `forces` on JAX and PyTorch.
        """
        u, *wide = backend.batched(u, *g)

        def force(y: Array) -> Array:
            return self.forces(*wide[:source], y, *wide[source + 1 :])[target]

        return backend.directional(force, wide[source], u, f"{type(self).__name__}.block")

    def gram(self, w: Array, *g: Array) -> Array | None:
        """B^T diag(w) B where B is how the force on the second population changes with the activation of the first.

        For weights (..., n_1) an array (..., n_0, n_0); None where nobody says, and products must do.
        """
        return None

    def kink(self, position: int, *g: Array, **shared: Any) -> Array | None:
        """Half the width of the set of forces on a population at a kink of the energy (None: no kinks)."""
        return None

    def extent(self, position: int) -> float | None:
        """The rms of a typical activation of a population, by which speeds are judged (None: nothing says)."""
        return None

    def ray(self, position: int) -> bool:
        """Whether only the direction of a population's activation counts."""
        return False

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """What is known of the force on the population at `position` when its state is far out.

        `bounded` says of each joined population whether its activation stays bounded, `identity` whether g = x in that
        one. The force is "bounded", or pulls "inward" in proportion to the distance; "" where nobody says.
        """
        return ""

    def magnitude(self, *g: Array, **shared: Any) -> Array:
        """Sizes of the numbers that cancel in the energy, for tolerances, shape (...)."""
        return backend.namespace(*g).abs(self.energy(*g, **shared))

    def measured(self, *g: Array, **shared: Any) -> tuple[Array, Array]:
        """The energy and its magnitude; for those that share work."""
        return behind(self.energy)(*g, **shared), behind(self.magnitude)(*g, **shared)


guard(Synapse, arguments.SYNAPSE)
