"""A field between NumPy arrays, the modes that grow at a state, and the way downhill from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ..results import Budget
from ._few import leading_few
from ._field import Field, field
from ._marginal import ROUNDINGS, noise
from ._newton import polish
from ._sphere import canonical, neutral

DENSE = 256  # neurons up to which Jacobians are matrices; beyond, they are only multiplied with
LOW = 64.0  # the rate, below others, at which the direction of a ray stands among modes from products
SLOWEST = 1e-3  # rates, in units of 1/clock, below which an arrival is judged as if it were that fast
HOME = 0.03  # of the scale: how near a known point a state must be for its force to be compared with the linear one
AWAY = 0.3  # of the scale, within which of a known point a state is judged anew in every fifth look alone
NEWTON = 16.0  # times eps^(1/3) of the scale: how well a degenerate zero is known (see `polish`)


@dataclass(frozen=True, eq=False)
class Flow:
    r"""A `Field` between NumPy arrays, whatever library is behind it: x' = F(x), Jacobian products J(x) u, E(x).

    Attributes
    ----------
    field : Field
        Whose flow it is.
    symmetric : bool
        Whether J is a symmetric matrix, as it is where F = -dE/dx.
    clock : float
        The unit of time: `Field.clock`, so that F is a length and its rates are numbers near 1, whatever tau is.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> flow = flow_of(ModernHopfield(np.eye(2), beta=4.0))
    >>> flow.velocity(np.array([0.5, 0.5])), flow.symmetric
    (array([0., 0.]), True)
    """

    field: Field
    symmetric: bool
    clock: float = 1.0

    @property
    def size(self) -> int:
        """The number D of coordinates; arrays are (..., D)."""
        return self.field.size

    @property
    def scale(self) -> float:
        """A length: distances are small or large in comparison with it."""
        return self.field.scale

    @property
    def smooth(self) -> bool:
        """Whether F is continuous."""
        return self.field.smooth

    @property
    def epsilon(self) -> float:
        """The rounding unit of the numbers behind F."""
        return backend.epsilon(self.field.like)

    @property
    def zero(self) -> float:
        """The rate up to which one is rounding of a Jacobian of typical size."""
        return ROUNDINGS * noise(self.field)

    def velocity(self, x: np.ndarray) -> np.ndarray:
        """F(x)."""
        return self.clock * self._call(self.field.velocity, x)

    def product(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """J(x) u."""
        return self.clock * self._call(self.field.jacobian_product, x, u)

    def energy(self, x: np.ndarray) -> np.ndarray:
        """E(x), NaN where the forces have none."""
        return self._call(self.field.energy, x)

    def canonical(self, x: np.ndarray) -> np.ndarray:
        """States (B, D) with one point for each ray where fixed points form rays (cosine with leak 0)."""
        return canonical(self.field, x) if len(x) else x

    def _call(self, function: Callable[..., Any], *x: np.ndarray) -> np.ndarray:
        kind = backend.to_numpy(self.field.like).dtype
        there = [self.field.asarray(np.array(a, dtype=kind)) for a in x]
        return backend.to_numpy(function(*there)).astype(float)


def flow_of(memory: Any, symmetric: bool | None = None, clock: float | None = None) -> Flow:
    """A memory, Network, Field or Flow as a `Flow`.

    Whether the Jacobian is symmetric is tried out at a state drawn at random, unless it is said; the unit of time is
    the field's own, unless one is given.

    >>> from hopfield.models import ModernHopfield
    >>> flow_of(ModernHopfield(np.eye(3), beta=4.0)).size
    3
    """
    if isinstance(memory, Flow):
        return memory
    net = field(memory, differences=None)
    if symmetric is None:
        symmetric = False
        if net.smooth:
            free = Flow(net, False)
            x, a, b = np.random.default_rng(0).normal(size=(3, net.size)) * net.scale / net.size**0.5
            turned = free.product(x, a)
            size = np.linalg.norm(turned) * np.linalg.norm(b)
            symmetric = bool(abs(turned @ b - free.product(x, b) @ a) <= 1e4 * noise(net) * size)
    return Flow(net, symmetric, net.clock if clock is None else clock)


def jacobian_matrix(flow: Flow, x: np.ndarray) -> np.ndarray:
    """J (..., D, D) at states (..., D).

    >>> from hopfield.models import ModernHopfield
    >>> jacobian_matrix(flow_of(ModernHopfield(np.eye(2), beta=2.0)), np.full(2, 0.5))
    array([[-0.5, -0.5],
           [-0.5, -0.5]])
    """
    matrix = flow.clock * flow._call(flow.field.velocity_jacobian, x)
    return (matrix + np.swapaxes(matrix, -1, -2)) / 2 if flow.symmetric else matrix


class Modes(NamedTuple):
    """Leading eigenvalues of J in units of 1/clock, largest real part first, and their right eigenvectors as columns.

    >>> Modes(np.array([1.0, -1.0]), np.eye(2)).values[0]
    np.float64(1.0)
    """

    values: Any
    vectors: Any


def leading_modes(flow: Flow, x: np.ndarray, k: int = 3, seed: int = 0) -> Modes:
    r"""The k modes that grow fastest (or shrink slowest) at one state: eigenvalues of J with the largest real part.

    Up to 256 neurons all eigenvalues are found; beyond, those of a small matrix where few patterns take part and one
    mode is asked for (`leading_few`), else by Arnoldi or Lanczos iterations (ARPACK) that only multiply by J. At a
    fixed point the number of positive values is the index. Where fixed points form rays, the direction of the ray is
    left out.

    Parameters
    ----------
    flow : Flow
        The velocity.
    x : array (D,)
        Where.
    k : int
        How many (fewer where D is smaller).
    seed : int
        Of the vector that the iteration starts with.

    Examples
    --------
    >>> from hopfield.models import ModernHopfield
    >>> flow = flow_of(ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]]), beta=2.0))
    >>> leading_modes(flow, np.zeros(2)).values
    array([ 1., -1.])
    """
    rays = [n[0] for n in neutral(flow.field, x[None])]
    k = min(k, flow.size - len(rays))
    values: Any
    vectors: Any
    if flow.size <= DENSE:
        matrix = jacobian_matrix(flow, x)
        for n in rays:
            matrix = matrix - np.outer(n, n @ matrix)
            matrix = matrix - np.outer(matrix @ n, n) - (2 * np.abs(matrix).sum(axis=1).max() + 1) * np.outer(n, n)
        values, vectors = np.linalg.eigh(matrix) if flow.symmetric else np.linalg.eig(matrix)
    elif k == 1 and (found := leading_few(flow.field, x[None]))[2][0] and found[1].any():
        values, vectors = flow.clock * found[0][0], found[1].T
    else:
        from scipy.sparse.linalg import LinearOperator, eigs, eigsh

        def apply(u: np.ndarray) -> np.ndarray:
            u = u.reshape(-1)
            image = flow.product(x, u - sum((n * (n @ u) for n in rays), 0.0 * u))
            return image - sum((n * (n @ image + LOW * (n @ u)) for n in rays), 0.0 * u)

        shape: Any = (flow.size, flow.size)
        operator = LinearOperator(shape, matvec=apply, dtype=float)  # pyright: ignore
        start = np.random.default_rng(seed).normal(size=flow.size)
        solve: Any = eigsh if flow.symmetric else eigs
        which = "LA" if flow.symmetric else "LR"
        values, vectors = solve(operator, k=k, which=which, v0=start, tol=1e-9)
    order = np.argsort(-values.real, kind="stable")[:k]
    values, vectors = values[order], vectors[:, order]
    if np.abs(values.imag).max(initial=0) == 0:
        values, vectors = values.real, vectors.real
    return Modes(values, vectors)


def contraction_rate(flow: Flow, x: np.ndarray, products: int = 12, seed: int = 0) -> float:
    """The fastest rate at which the flow contracts at any of the states (B, D), by power iteration; > 0.

    Explicit steps up to 2 divided by it are stable.

    >>> from hopfield.models import ModernHopfield
    >>> flow = flow_of(ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]]), beta=3.0))
    >>> round(contraction_rate(flow, np.zeros((1, 2)), products=40), 3)
    1.0
    """
    u = np.random.default_rng(seed).normal(size=x.shape)

    def largest(shift: Any) -> np.ndarray:
        w, size = u, np.zeros(len(x))
        for _ in range(products):
            w = w / np.linalg.norm(w, axis=-1, keepdims=True).clip(1e-300)
            w = shift * w - flow.product(x, w)
            size = np.linalg.norm(w, axis=-1)
        return size

    reach = largest(0.0)
    rate = largest(reach[:, None]) - reach
    return float(np.clip(rate.max(), reach.max() * 0.05, None)) or 1.0  # nothing moves: any step will do


class Descent(NamedTuple):
    """Where states flow to: points (B, D), whether each is a stable fixed point, and the path (T, B, D) if asked.

    >>> Descent._fields
    ('state', 'converged', 'path')
    """

    state: np.ndarray
    converged: np.ndarray
    path: np.ndarray | None


def descend(
    flow: Flow,
    x: np.ndarray,
    *,
    steps: int = 5000,
    error: float = 1e-3,
    keep: bool = False,
    budget: Budget | None = None,
    known: np.ndarray | None = None,
) -> Descent:
    r"""Follow x' = F(x) from states (B, D) to the stable fixed points that they reach.

    Heun's method with a step size for each state: an error of `error` of the scale a step, and of a quarter of the
    step at most. A state has arrived when every mode shrinks there and Newton's method finds a fixed point, stable
    too, within \|F\| over the slowest rate (twice that, for what is not linear): slow passage near a saddle is no
    arrival. At a stable point p that is known it has arrived without that, where J is symmetric and \|x - p\| is below
    0.03 of the scale, with \|F(x) - J(p) (x - p)\| <= \|F(x)\|/10: two products instead of eigenvalues for each state.

    Parameters
    ----------
    flow : Flow
        The velocity.
    x : array (B, D)
        Where to begin.
    steps : int
        The most steps; states still under way have not converged.
    error : float
        Of one step, in units of the scale.
    keep : bool
        Return the path, with as many rows as steps were taken.
    budget : Budget, optional
        States still under way when it is spent have not converged.
    known : array (K, D), optional
        Points at which every mode is known to shrink.

    Examples
    --------
    >>> from hopfield.analysis.flow import energy_network
    >>> energy, slope = lambda x: (x**4 / 4 - x**2 / 2).sum(-1), lambda x: x**3 - x
    >>> net = energy_network(energy, 1, slope, lambda x, u: (3 * x**2 - 1) * u)
    >>> descend(flow_of(net), np.array([[1e-6], [-3.0]])).state.round(9).ravel()
    array([ 1., -1.])
    """
    x = np.array(x, dtype=float)
    arrived = np.zeros(len(x), dtype=bool)
    force = flow.velocity(x)
    speed = np.linalg.norm(force, axis=-1)
    step = 0.01 * flow.scale / np.maximum(speed, 1e-300)
    step = np.minimum(step, 1.0 / contraction_rate(flow, x))
    path = [x.copy()] if keep else []
    top = speed.copy()
    if known is not None and (not len(known) or not flow.symmetric or neutral(flow.field, known[:1])):
        known = None
    for count in range(1, steps + 1):
        go = ~arrived
        if not go.any() or (budget is not None and budget.spent):
            break
        dt = step[go, None]
        full = x[go] + dt * force[go]
        there = flow.velocity(full)
        turned = np.linalg.norm(dt * (there - force[go]) / 2, axis=-1)
        bound = np.minimum(error * flow.scale, 0.25 * np.linalg.norm(dt * force[go], axis=-1))
        wrong = turned / np.maximum(bound, 1e-300)
        good = wrong <= 1
        rows = np.flatnonzero(go)[good]
        x[rows] = x[rows] + dt[good] * (force[rows] + there[good]) / 2
        force[rows] = flow.velocity(x[rows]) if len(rows) else force[rows]
        step[go] *= np.clip(0.9 / np.sqrt(np.maximum(wrong, 1e-12)), 0.2, 2.0)
        speed = np.linalg.norm(force, axis=-1)
        top = np.maximum(top, speed)
        if keep:
            path.append(x.copy())
        if count % 10 == 0 or count == steps:
            near = np.flatnonzero(~arrived & (speed <= 0.3 * top))
            if len(near) and known is not None:
                home, away = at_known(flow, x[near], force[near], known)
                there = home >= 0
                x[near[there]], arrived[near[there]] = known[home[there]], True
                near = near[~there & (away | (count % 50 == 0))]
            if len(near):
                here, place = _arrived(flow, x[near])
                x[near[here]], arrived[near[here]] = place[here], True
    if keep:
        path.append(x.copy())
    return Descent(x, arrived, np.stack(path) if keep else None)


def at_known(flow: Flow, x: np.ndarray, force: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row of the known point at which each state (B, D) has arrived, else -1; and whether it is away from all.

    >>> from hopfield.models import ModernHopfield
    >>> flow, x = flow_of(ModernHopfield(np.eye(3), beta=90.0)), np.array([[0.99, 0.0, 0.0], [0.5, 0.0, 0.0]])
    >>> at_known(flow, x, flow.velocity(x), np.eye(3))
    (array([ 0, -1]), array([False,  True]))
    """
    squares = (known**2).sum(axis=-1) - 2 * x @ known.T
    row = squares.argmin(axis=-1)
    gap = x - known[row]
    distance = np.linalg.norm(gap, axis=-1)
    close = np.flatnonzero(distance <= HOME * flow.scale)
    home = np.full(len(x), -1)
    if len(close):
        straight = flow.product(known[row[close]], gap[close])
        wrong = np.linalg.norm(force[close] - straight, axis=-1)
        good = close[wrong <= 0.1 * np.linalg.norm(force[close], axis=-1)]
        home[good] = row[good]
    return home, distance > AWAY * flow.scale


def _arrived(flow: Flow, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    force = np.linalg.norm(flow.velocity(x), axis=-1)
    rates = _slowest(flow, x)
    good = rates <= flow.zero
    place = x.copy()
    if good.any():
        found = polish(flow.field, x[good])
        place[good] = found.x
        gap = np.linalg.norm(place - x, axis=-1)
        blurred = NEWTON * flow.epsilon ** (1 / 3) * flow.scale  # what Newton's method leaves at a degenerate zero
        reach = 2 * force / np.maximum(-rates, SLOWEST) + blurred
        good[good] = found.converged & (gap <= reach)[good]
    good[good] = _slowest(flow, place[good]) <= flow.zero
    return good, place


def _slowest(flow: Flow, x: np.ndarray) -> np.ndarray:
    """`slowest` at states (B, D): all at once where few patterns take part."""
    values, _, known = leading_few(flow.field, x) if flow.size > DENSE else (x, x, np.zeros(len(x), dtype=bool))
    rates = flow.clock * values[:, 0]
    for row in np.flatnonzero(~known):
        rates[row] = slowest(flow, x[row])
    return rates


def slowest(flow: Flow, x: np.ndarray) -> float:
    """The largest growth rate at a state (D,), -inf on a sphere of dimension 0.

    >>> from hopfield.models import ModernHopfield
    >>> round(slowest(flow_of(ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]]), beta=2.0)), np.zeros(2)), 9)
    1.0
    """
    values = leading_modes(flow, x, 1).values
    return float(values[0].real) if len(values) else -np.inf
