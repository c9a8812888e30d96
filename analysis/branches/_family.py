"""A family of flows, one for each value of a parameter, and steps along the curves on which its fixed points lie."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import unknown_name
from ...dynamics.network import has_network
from ...models.family import rule_of
from ..flow import (
    DENSE,
    Field,
    Flow,
    field,
    flow_of,
    held_somewhere,
    jacobian_matrix,
    leading_modes,
    on_sphere,
    ray_population,
    row_space,
)
from ._varied import varied

ROUNDING = 16.0  # times eps and |J||x|: the force that rounding of x and of its own sums leaves
KEPT = 8  # flows of the last values of the parameter that are kept


class OutsideDomainError(ArithmeticError):
    """A family has no model, or its model no velocity, at some value of the parameter."""


class Family:
    r"""x' = F(x; p): a model for every value p of a parameter.

    Points are pairs (x, p) scaled to z = (x/unit, p/span), so that a step along a curve of fixed points is a
    length without unit. Where fixed points form rays (cosine with leak 0) x is a point of the unit sphere.

    Parameters
    ----------
    make : callable
        p -> memory, Network or Field, all of one size.
    low, high : float
        The values between which the curve is followed; `span` is their distance.
    basis : array (r, D), optional
        Orthonormal rows of the space in which the family works, if it is not the whole.
    setting : str, optional
        The setting of the models that p is; where it is a number of their networks, it is put there (`Varied`).
    known : model, optional
        One of them that is built already.
    """

    def __init__(
        self,
        make: Callable[[float], Any],
        low: float,
        high: float,
        basis: np.ndarray | None = None,
        setting: str | None = None,
        known: Any = None,
    ) -> None:
        self.make, self.low, self.high, self.basis = make, low, high, basis
        self._varied = None if setting is None else varied(make, setting, low, high, known)
        self.span = high - low
        self._kept: dict[float, tuple[Field, Flow]] = {}
        self._symmetric: bool | None = None
        self._sphere = False
        ends = [held_somewhere(self._made(p)) for p in (low, high)]
        self._sphere = all(ray_population(end.network) is not None for end in ends)
        if self._sphere and self._varied is not None:
            self._varied.first = on_sphere(self._varied.first)
        self.clock = min((on_sphere(end) if self._sphere else end).clock for end in ends)
        first = self.flow(low)
        self.size, self.scale, self._symmetric = first.size, first.scale, first.symmetric
        self.length = ends[0].scale if self._sphere else 1.0
        self.apart = 4 * first.epsilon**0.5
        self._difference = 10 * first.epsilon**0.5

    @property
    def unit(self) -> float:
        """The length of a step of one in z, as states are reported."""
        return self.scale * self.length

    def growth(self, rate: float) -> float:
        """A rate in the network's units of time."""
        return rate / (self.clock * self.length**2)

    def field(self, p: float) -> Field:
        """The field at a value of the parameter."""
        return self._at(p)[0]

    def flow(self, p: float) -> Flow:
        """The same between NumPy arrays."""
        return self._at(p)[1]

    def _at(self, p: float) -> tuple[Field, Flow]:
        p = float(p)
        if p not in self._kept:
            try:
                net = self._made(p)
            except (ArithmeticError, ValueError) as error:
                raise OutsideDomainError(f"There is no model at {p:.6g}: {error}") from error
            net = on_sphere(net) if self._sphere else net
            if not net.smooth:
                raise ValueError(
                    f"The forces of {', '.join(net.network.kinks)} jump, so fixed points at the kinks do not lie on "
                    "smooth branches. Use a smooth similarity and separation, such as euclidean and softmax."
                )
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[p] = (net, flow_of(net, self._symmetric, self.clock))
        return self._kept[p]

    def _made(self, p: float) -> Field:
        known = None if self._varied is None else self._varied.at(p)
        return field(self.make(p), differences=None) if known is None else known

    def force(self, z: np.ndarray) -> np.ndarray:
        """F at a scaled point, in units of the scale."""
        return self.flow(z[-1] * self.span).velocity(z[:-1] * self.scale) / self.scale

    def slope(self, z: np.ndarray, here: np.ndarray) -> np.ndarray:
        """dF/dp in scaled units, by a difference from F = `here`: it sets how Newton's method gets to a point."""
        step = self._difference * max(1.0, abs(z[-1]))
        try:
            there = self.force(np.append(z[:-1], z[-1] + step))
        except OutsideDomainError:  # the model ends here
            step = -step
            there = self.force(np.append(z[:-1], z[-1] + step))
        return (there - here) / step

    def lift(self, coordinates: np.ndarray) -> np.ndarray:
        """States (..., D) from coordinates in `basis`."""
        return coordinates if self.basis is None else coordinates @ self.basis


def family_of(model: Any, parameter: str, low: float, high: float) -> Family:
    """The family of a callable p -> model, or of a model whose setting `parameter` is varied.

    Where all fixed points lie in the span of the patterns, and outside of it every mode shrinks (`row_space`), the
    family works in that span, exactly.
    """
    if callable(model) and not has_network(model):
        return Family(model, low, high)
    if not hasattr(model, "settings"):
        raise TypeError(
            f"Expected a model, or a function from the parameter to one, got {type(model).__name__}. For a network "
            "write a function: lambda beta: Network(...)."
        )
    settings = model.settings()
    if parameter not in settings:
        _ = model.network  # of a model without dynamics an error that says what to take instead
        numbers = [k for k, v in settings.items() if isinstance(v, float | int) and not isinstance(v, bool)]
        if not numbers:
            raise ValueError(
                f"{type(model).__name__} has no setting that is a number, so {parameter!r} cannot be varied. Give a "
                "function from a number to a model instead: continue_fixed_points(lambda p: ..., 'p', start, stop)."
            )
        raise unknown_name("parameter", parameter, numbers)
    value = settings[parameter]
    if isinstance(value, bool | str) or (value is not None and np.size(backend.to_numpy(value)) != 1):
        raise ValueError(
            f"The setting {parameter!r} of {type(model).__name__} is not a number. Write a function from a number to a "
            f"model instead: lambda p: {type(model).__name__}(...)."
        )
    basis, known = None, model
    kind: Any = type(model)
    if rule_of(model) is not None:
        settings["tau_memory"], known = 0.0, model.adiabatic()
        if parameter in ("beta", "tau_value") and (space := row_space(model)) is not None:
            settings["memories"], basis = space.memory.memories, backend.to_numpy(space.basis).astype(float).T
            known = space.memory.adiabatic()

    def make(p: float) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the model warns of, it has said
            return kind(**{**settings, parameter: p})

    return Family(make, low, high, basis, parameter, known)


# ------------------------------------------------------------------------------------------ along the curve


def bordered_solve(
    family: Family, z: np.ndarray, slope: np.ndarray, normal: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """The u with J u_x + slope u_p = right[:-1] and normal . u = right[-1], in scaled units."""
    flow, x = family.flow(z[-1] * family.span), z[:-1] * family.scale
    if flow.size <= DENSE:
        matrix = np.zeros((flow.size + 1,) * 2)
        matrix[:-1, :-1] = jacobian_matrix(flow, x)
        matrix[:-1, -1], matrix[-1] = slope, normal
        return np.linalg.lstsq(matrix, right, rcond=1e-11)[0]
    from scipy.sparse.linalg import LinearOperator, gmres

    def apply(u: np.ndarray) -> np.ndarray:
        u = u.reshape(-1)
        return np.append(flow.product(x, u[:-1]) + slope * u[-1], normal @ u)

    shape: Any = (flow.size + 1,) * 2
    operator = LinearOperator(shape, matvec=apply, dtype=float)  # pyright: ignore
    return gmres(operator, right, rtol=1e-10, restart=80, maxiter=10)[0]


def tangent(family: Family, z: np.ndarray, before: np.ndarray, force: np.ndarray | None = None) -> np.ndarray:
    """The unit tangent of the curve of fixed points at z, pointing as `before` does; `force` is F(z) if it is known."""
    right = np.zeros(len(z))
    right[-1] = 1.0
    try:
        slope = family.slope(z, family.force(z) if force is None else force)
        t = bordered_solve(family, z, slope, before, right)
    except (OutsideDomainError, np.linalg.LinAlgError):
        return before
    length = np.linalg.norm(t)
    return before if not np.isfinite(length) or length == 0 else t / length


class Corrected(NamedTuple):
    """A point on the curve, how many Newton steps it took, whether they converged, what stopped them, and F there."""

    z: np.ndarray
    steps: int
    converged: bool
    reason: str = ""
    force: np.ndarray | None = None


def correct(family: Family, z: np.ndarray, normal: np.ndarray, steps: int = 12) -> Corrected:
    """Newton's method from z to the curve of fixed points, in the plane through z across `normal`.

    A step to where the family has no model ends it, not converged.
    """
    try:
        return _newton(family, z.copy(), normal, steps)
    except (OutsideDomainError, np.linalg.LinAlgError) as error:
        return Corrected(z, steps, False, str(error))


def _newton(family: Family, z: np.ndarray, normal: np.ndarray, steps: int) -> Corrected:
    force = family.force(z)
    last, slope = np.inf, family.slope(z, force)
    reach = max(1.0, float(np.linalg.norm(z)))
    tolerance = max(1e-12, 500 * family.flow(z[-1] * family.span).epsilon) * reach
    for count in range(1, steps + 1):
        move = bordered_solve(family, z, slope, normal, -np.append(force, 0.0))
        move[-1] = move[-1] if normal[:-1].any() else 0.0  # exactly: the model may end where the range does
        size = float(np.linalg.norm(move))
        if not np.isfinite(size) or size > reach or (count > 3 and size > 0.9 * last and size > 1e3 * tolerance):
            return Corrected(z, count, False)
        z = z + move
        force = family.force(z)
        if size <= tolerance or (size <= 1e3 * tolerance and size > last / 4):
            return Corrected(z, count, _rests(family, z, force), force=force)
        last = size
    return Corrected(z, steps, last <= 1e3 * tolerance and _rests(family, z, force), force=force)


def _rests(family: Family, z: np.ndarray, force: np.ndarray) -> bool:
    """Whether the force is what rounding makes of it: short steps alone are taken beside a point of least force too."""
    flow, x = family.flow(z[-1] * family.span), z[:-1] * family.scale
    eps, size = flow.epsilon, float(np.linalg.norm(force))
    if size <= (1e-10 if eps < 1e-10 else 1e-5):
        return True
    reach = max(1.0, float(np.linalg.norm(z)))
    if flow.size <= DENSE:
        return size <= ROUNDING * eps * float(np.linalg.norm(jacobian_matrix(flow, x), 2)) * reach
    ahead = force / size  # the direction in which the force is large, as rounding makes it
    return size <= ROUNDING * eps * float(np.linalg.norm(flow.product(x, ahead))) * reach


class Spectrum(NamedTuple):
    """Eigenvalues of J with the largest real part, in units of 1/clock, their vectors, and how many are > 0.

    >>> Spectrum(np.array([1.0, -1.0]), np.eye(2), 1).index
    1
    """

    values: Any
    vectors: Any
    index: int


def spectrum(family: Family, z: np.ndarray, k: int = 6) -> Spectrum:
    """The leading eigenvalues at a scaled point: all of them up to 256 neurons, else as many as say the index.

    >>> from hopfield.models import ModernHopfield
    >>> family = Family(lambda beta: ModernHopfield(np.array([[1.0], [-1.0]]), beta=beta), 0.5, 2.5)
    >>> spectrum(family, np.array([0.0, 1.0])).index
    1
    """
    flow, x = family.flow(z[-1] * family.span), z[:-1] * family.scale
    k = flow.size if flow.size <= DENSE else k
    while True:
        modes = leading_modes(flow, x, k)
        index = int((modes.values.real > 0).sum())
        if index < len(modes.values) or k >= flow.size - 2:
            return Spectrum(modes.values, modes.vectors, index)
        k = min(2 * k, flow.size - 2)
