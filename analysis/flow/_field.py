r"""The vector field whose zeros are the fixed points: one vector x, its velocity, energy, Jacobian and Hessian.

The states x_a of a network's populations are joined into one vector x of length D. With the residual of the local
flow r = -l x + b - dE_s/dg, the forces' own derivative B = -d2E_s/dg2 and G = L''(x) = R R^T,

    tau x' = r,    dr = -(l - B G) dx,    H = l - R^T B R.

At a fixed point B G and R^T B R have the same eigenvalues but for zeros, so that the symmetric H has one negative
eigenvalue for each unstable direction of the flow, whatever tau is. For g = x it is the Hessian of E. A memory is
taken in its adiabatic limit, where x = v and B = D^T L_h'' D/l_h + d2sim . f with D = dsim/dg.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import checked, finite, floating, guard, positive
from ...dynamics.network import Network, states_only
from ...models import _doors as doors
from ...models._domain import domain_of
from ...models._model import as_model, is_model
from .. import _declared as declared
from ._counts import padded as padded
from ._derivatives import FUNCTIONS, LARGEST_ROOT, split
from ._units import force_of, length_of


@dataclass(frozen=True, eq=False)
class Field:
    r"""The flow of a network as a vector field in one vector x (..., D); made by `field`.

    All methods take leading batch axes, one by one or together.

    Attributes
    ----------
    network : Network
        What moves, in its local flow.
    memory : model or None
        The memory that it belongs to, in its adiabatic limit.
    patterns : array (N, I) or None
        The stored patterns, activations of the first I neurons.
    scale : float
        A length: the root mean square norm of the stored patterns, else 1. With `force` and `clock` it is a unit: all
        tolerances are parts of these three.
    like : array
        An array of the library, dtype and device that x has.
    differences : float
        Relative step of central differences for derivatives that were not given on NumPy; 0 refuses with the reason.
    cache : dict
        What is computed once for all points (a Gram matrix, the eigenvectors of W).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.eye(2), beta=2.0))
    >>> flow.size, flow.symmetric, flow.velocity(np.array([0.5, 0.5]))
    (2, True, array([0., 0.]))
    """

    network: Network
    memory: Any = None
    patterns: Any = None
    scale: float = 1.0
    like: Any = None
    differences: float = 0.0
    cache: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    # ----------------------------------------------------------------------------------------------- facts

    @property
    def examined(self) -> Any:
        """The memory, or the network where there is none."""
        return self.network if self.memory is None else self.memory

    @property
    def size(self) -> int:
        """D, the number of neurons of all populations."""
        return sum(p.size for p in self.network.populations.values())

    @property
    def dtype(self) -> Any:
        """The floating type of x."""
        return self.like.dtype

    @property
    def conservative(self) -> bool:
        """Whether the forces are the gradient of the energy."""
        return self.network.conservative

    @property
    def smooth(self) -> bool:
        """Whether the forces are continuous: without that there is no Jacobian at the kinks."""
        return not self.network.kinks

    @cached_property
    def symmetric(self) -> bool:
        """Whether `hessian_product` exists: an energy, no kinks, convex Lagrangians, no sphere without leak."""
        small = [
            p.lagrangian.elementwise or p.lagrangian.law == "softmax" or p.size <= LARGEST_ROOT
            for p in self.network.populations.values()
        ]
        turns = [p.leak == 0 and p.lagrangian.turns for p in self.network.populations.values()]
        return bool(self.smooth and self.conservative and self.network.convex is True and all(small) and not any(turns))

    @property
    def plain(self) -> bool:
        """Whether g = x in every population, so that `hessian_product` is the Hessian of E itself."""
        return all(p.lagrangian.identity for p in self.network.populations.values())

    # ----------------------------------------------------------------------------------------------- units

    @cached_property
    def force(self) -> float:
        r"""The size of a typical residual tau x' (`force_of`): small forces are small in comparison with it."""
        return force_of(self)

    @property
    def rate(self) -> float:
        """The size of a typical derivative of the residual, force/scale."""
        return self.force / self.scale

    @cached_property
    def clock(self) -> float:
        """A time: the shortest time constant over `rate`."""
        taus = [float(np.min(backend.to_numpy(p.tau))) for p in self.network.populations.values()]
        return min(taus) / self.rate

    @property
    def pace(self) -> float:
        """A time of the first population: its time constant over `rate`; tau itself where its leak is one."""
        return float(np.min(backend.to_numpy(next(iter(self.network.populations.values())).tau))) / self.rate

    @property
    def apart(self) -> float:
        """The distance from which on two zeros are two: 4 sqrt(eps) of the scale; `polish` knows each to sqrt(eps)."""
        return 4 * backend.epsilon(self.like) ** 0.5 * self.scale

    def same(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Whether zeros x (..., D) and y (..., D) are one: nearer than `apart`, or 1000 eps of their size.

        >>> from hopfield.models import ModernHopfield
        >>> flow = field(ModernHopfield(1e-6 * np.eye(2), beta=1e13))
        >>> flow.same(np.array([1e-6, 0.0]), np.array([[1e-6, 1e-15], [0.0, 1e-6]]))
        array([ True, False])
        """
        size = 1000 * backend.epsilon(self.like) * np.linalg.norm(x, axis=-1)
        return np.linalg.norm(x - y, axis=-1) <= np.maximum(self.apart, size)

    # ---------------------------------------------------------------------------------------------- states

    def asarray(self, value: Any) -> Array:
        """A host array with the field's library, dtype and device."""
        return backend.asarray(value, self.like)

    def flatten(self, states: Mapping[str, Array]) -> Array:
        """The states of all populations as one vector (..., D)."""
        parts = backend.batched(*(states[name] for name in self.network.populations))
        return parts[0] if len(parts) == 1 else backend.namespace(*parts).concat(parts, axis=-1)

    def states(self, x: Array) -> dict[str, Array]:
        """The vector taken apart: a state (..., n) for every population."""
        return split(self.network, x)

    def activation(self, x: Array) -> Array:
        """The activations g of all populations as one vector (..., D)."""
        return self._call("activation", x)

    def start(self, queries: Any) -> Array:
        """The x that belongs to activations: cues (..., I) of a memory, or (..., D) of all populations.

        A dict of states by population is taken as it is.
        """
        if isinstance(queries, Mapping):
            return self.flatten(self.network.check_states(queries))
        first = next(iter(self.network.populations.values())).size
        whole = first < self.size and getattr(queries, "shape", (0,))[-1:] == (self.size,)
        if self.memory is not None and not whole:
            return self.flatten(self.memory.start(queries))
        queries = finite("starts", floating("starts", queries, self.like))
        if queries.shape[-1] != self.size:
            raise ValueError(f"starts have shape {tuple(queries.shape)} but the network has {self.size} neurons.")
        queries = domain_of(self.network).check("starts", queries)
        parts = split(self.network, queries)
        return self.flatten({n: p.lagrangian.dual(parts[n]) for n, p in self.network.populations.items()})

    # --------------------------------------------------------------------------------------------- calculus

    def velocity(self, x: Array) -> Array:
        """x' (..., D), with the time constants."""
        return self._call("velocity", x)

    def residual(self, x: Array) -> Array:
        """R = tau x' (..., D)."""
        return self._call("residual", x)

    def energy(self, x: Array) -> Array:
        """E (...); NaN where the forces have no energy."""
        if not self.conservative:
            return self.velocity(x)[..., 0] * float("nan")
        return self._call("energy", x)

    def jacobian_product(self, x: Array, u: Array) -> Array:
        """How the velocity changes along u."""
        return self._call("jacobian_product", *backend.batched(x, u), settings=(True, self._step))

    def residual_product(self, x: Array, u: Array) -> Array:
        """How the residual changes along u: -(l - B G) u."""
        return self._call("jacobian_product", *backend.batched(x, u), settings=(False, self._step))

    def jacobian(self, x: Array) -> Array:
        """The Jacobian of the residual (..., D, D), for small D."""
        return self._call("jacobian", x, settings=(False, self._step))

    def velocity_jacobian(self, x: Array) -> Array:
        """The Jacobian of the velocity (..., D, D), for small D."""
        return self._call("jacobian", x, settings=(True, self._step))

    def hessian_product(self, x: Array, u: Array) -> Array:
        """H u = l u - R^T B R u, the reduced symmetric operator; the Hessian of E where g = x."""
        self._need_symmetry()
        return self._call("hessian_product", *backend.batched(x, u), settings=(False, self._step))

    def hessian(self, x: Array) -> Array:
        """H as a matrix (..., D, D), for small D."""
        self._need_symmetry()
        return self._call("hessian", x, settings=(False, self._step))

    def reduced(self, x: Array, r: Array) -> Array:
        """R^T r: the right-hand side of H y = R^T r, whose solution gives the Newton step by `expanded`."""
        return self._call("reduced", *backend.batched(x, r))

    def expanded(self, x: Array, r: Array, y: Array) -> Array:
        """The dx with (l - B G) dx = r from H y = R^T r: dx = (r + B R y)/l; for g = x it is y."""
        if self.plain:
            return y
        return self._call("expanded", *backend.batched(x, r, y), settings=(False, self._step))

    @property
    def _step(self) -> Any:
        """The relative step of differences, and the length of a typical state; None to refuse them."""
        return (self.differences, self.scale) if self.differences else None

    @cached_property
    def differenced(self) -> bool:
        """Whether some derivative is not given, and `differences` take its place."""
        if not self.differences or not self.smooth or backend.backend_of(self.like) != "numpy":
            return False
        x = np.zeros((1, self.size), dtype=backend.to_numpy(self.like).dtype)
        try:
            dataclasses.replace(self, differences=0.0).jacobian_product(x, x)
        except TypeError:
            return True
        return False

    def _need_symmetry(self) -> None:
        if self.symmetric:
            return
        if not self.smooth:
            raise ValueError(
                f"The forces of {', '.join(self.network.kinks)} jump, so there is no Hessian. find_fixed_points finds "
                "the points of rest at the kinks by the weights there."
            )
        if not self.conservative:
            raise ValueError(
                "The forces are not the gradient of an energy, so there is no symmetric Hessian; the Jacobian, whose "
                "eigenvalues may be complex, is what jacobian_product gives."
            )
        raise ValueError(
            "The reduced Hessian l - R^T B R needs L'' = R R^T, so Lagrangians that say they are convex, and "
            f"populations of at most {LARGEST_ROOT} neurons where they are not elementwise, and a leak where the "
            "projection of the velocity turns with the state (spherical). Use jacobian_product."
        )

    def _call(self, name: str, x: Array, *others: Array, settings: Any = None) -> Array:
        """A function of the network and vectors, compiled for a few sizes of the batch alone."""
        network, arrays, function = self.network, (x, *others), FUNCTIONS[name]
        with np.errstate(all="ignore"):
            if backend.backend_of(x) != "jax" or backend.is_traced(x):
                return function(settings, network, *arrays)
            xp, batch = backend.namespace(x), x.shape[:-1]
            rows = int(np.prod(batch))
            flat = [a if a.ndim == 2 else xp.reshape(a, (rows, a.shape[-1])) for a in arrays]
            wide = padded(rows, x.shape[-1])
            if wide != rows and rows:
                flat = [xp.concat([a, xp.broadcast_to(a[:1], (wide - rows, a.shape[-1]))]) for a in flat]
            answer = backend.compiled(function, x)(settings, network, *flat)
            if wide != rows:
                answer = answer[:rows]
            return answer if len(batch) == 1 else xp.reshape(answer, (*batch, *answer.shape[1:]))

    def host(self, function: Callable[..., Array], *arrays: np.ndarray) -> np.ndarray:
        """The answer of a method of this field for NumPy arrays (B, D), or (D,), as a NumPy array.

        For JAX the batch is filled up before it leaves NumPy, so that few sizes are compiled.
        """
        rows, filled = len(arrays[0]), arrays
        if arrays[0].ndim == 2 and backend.backend_of(self.like) == "jax" and rows:
            wide = padded(rows, arrays[0].shape[-1])
            filled = [np.concatenate([a, np.broadcast_to(a[:1], (wide - rows, a.shape[-1]))]) for a in arrays]
        answer = backend.to_numpy(function(*(self.asarray(np.require(a, requirements=["C", "W"])) for a in filled)))
        return answer if arrays[0].ndim == 1 else answer[:rows]


@checked(**declared.FIELD)
def field(memory: Any, *, patterns: Any = None, differences: float | None = 0.0) -> Field:
    r"""The flow of a memory (in its adiabatic limit) or of a network, as a field in one vector x.

    Parameters
    ----------
    memory : model or Network
        A model is taken at tau_memory = 0, where x is the value neurons' state v; a network as it is, with its
        populations joined in their order. It is the local flow in any case, which has the fixed points of the gradient
        flow and the same number of unstable directions wherever L'' is not singular.
    patterns : array (N, D), optional
        Activations of a network that count as its memories: they set the scale.
    differences : float or None
        On NumPy, take derivatives that a Lagrangian or synapse does not give by central differences with this
        relative step (such as 1e-5); None takes eps^(1/3), as every verb of the analysis does by itself. 0 refuses with
        the reason.

    Returns
    -------
    Field
        Velocity, energy, Jacobian and Hessian products.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.array([[1.0, 1.0], [-1.0, -1.0]]), beta=1.0))
    >>> flow.hessian(np.zeros(2))
    array([[ 0., -1.],
           [-1.,  0.]])
    >>> round(flow.scale, 4)
    1.4142
    """
    if isinstance(memory, Field):
        return memory
    memory = doors.precise("memory", memory)
    if not is_model(memory):
        raise doors.no_flow(memory)
    model = None if states_only(memory) else as_model(memory).adiabatic()
    network = memory.network if model is None else model.network
    if network.flow != "local":
        network = Network(network.populations, network.synapses)
    like = next(iter(a for a in backend.arrays(network) if a.ndim), None)
    like = np.zeros(1) if like is None else like
    rows = patterns if patterns is not None or model is None else model.patterns
    if patterns is not None:
        size = sum(p.size for p in network.populations.values())
        rows = finite("patterns", floating("patterns", patterns))  # squares of bytes would wrap around
        if rows.ndim != 2 or not rows.shape[0] or not 0 < rows.shape[1] <= size:
            raise ValueError(
                "patterns must be activations of the first neurons, shape (N, n) with n <= "
                f"{size}, got shape {tuple(rows.shape)}."
            )
    if differences is None:
        differences = backend.epsilon(like) ** (1 / 3)
    return Field(network, model, rows, length_of(rows), like, positive("differences", differences, zero=True))


def states_of(flow: Field, x: Any, name: str = "states") -> np.ndarray:
    """States as host rows (K, D) of the field's dtype, checked.

    >>> from hopfield.models import ModernHopfield
    >>> states_of(field(ModernHopfield(np.eye(2))), [1.0, 0.0])
    array([[1., 0.]])
    """
    rows = np.atleast_2d(backend.to_numpy(finite(name, floating(name, x))))
    if rows.ndim != 2 or rows.shape[1] != flow.size:
        raise ValueError(f"{name} have shape {rows.shape}, but the network has {flow.size} neurons: give (K, D).")
    return rows.astype(backend.to_numpy(flow.like).dtype)


guard(
    Field,
    {name: doors.of_field("x") for name in ("activation", "velocity", "residual", "energy", "hessian")},
)
guard(Field, {name: doors.of_field("x") for name in ("jacobian", "velocity_jacobian")})
guard(Field, {f"{name}_product": doors.of_field("x", "u") for name in ("jacobian", "residual", "hessian")})
guard(Field, {"asarray": doors.of_values})
