"""What is known of a memory while cues flow: its motion, the fixed points found so far, and how new ones are found."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import finite, floating
from ...dynamics.network import check_parts, states_only
from ...models import _doors as doors
from ...models._domain import domain_of
from ...models._model import as_model
from ..fixed_points import FixedPoints, census, nothing_found, rows_of
from ..flow import Field, RowSpace, field, has_rays, held_somewhere, levelled, owner_of, row_space
from ..results import Budget
from ._motion import Motion, method_for, updates
from ._settling import Table

PREPARED = 1000  # patterns whose fixed points are looked for before the cues flow
DYNAMICS = ("adiabatic", "map", "network")
PER_POINT = ("state", "activation", "energy", "residual", "index", "kind", "pattern", "hits", "stable")


class Explorer:
    r"""A memory's motion in the span of its patterns where that is exact, with a table of fixed points that grows.

    Parameters
    ----------
    memory : model, Network or Field
        What moves; a `field` may say what counts as patterns of a network that keeps none.
    fixed_points : FixedPoints, optional
        Those known already.
    dynamics : {"adiabatic", "map", "network"}
        As in `basins_of_attraction`.
    dt : float
        How fine the steps are, as in `basins_of_attraction`.
    seed : int or Generator
        Of the searches.
    budget : Budget, optional
        Of the search that this is for; flows and searches end with it.

    Attributes
    ----------
    motion : Motion
        Field and integrator.
    table : Table
        Fixed points as states of that field.
    patterns : array (N, I) or None
        The stored patterns.
    rows : int array (N,)
        The row that each of them goes by, lower for a copy.
    owner : model or Network
        What says which cues are valid.
    domain : Domain
        These cues.
    cells : int
        I, the number of values of a cue.
    tau : float
        The time constant of the first population.
    pace : float
        The time in units of which steps are measured: tau over a typical rate (`Field.pace`), tau itself with leak 1.
    dt : float
        Of the steps, in units of it; inf for the update rule.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> explorer = Explorer(ModernHopfield(np.eye(3, 1000), beta=8.0))
    >>> explorer.motion.flow.size
    3
    >>> explorer.discover(np.eye(3))
    >>> explorer.lifted().activation.shape, explorer.table.stable
    ((3, 1000), array([ True,  True,  True]))
    """

    def __init__(
        self,
        memory: Any,
        fixed_points: FixedPoints | None = None,
        *,
        dynamics: str = "adiabatic",
        dt: float = 0.1,
        seed: int | np.random.Generator = 0,
        budget: Budget | None = None,
    ) -> None:
        self.budget = budget or Budget()
        memory = doors.precise("memory", memory)
        self.memory, self.rng = memory, np.random.default_rng(seed)
        self.space = row_space(memory)
        self.model: Any = memory if self.space is None else self.space.memory
        self.flow = held_somewhere(field(self.model, differences=None))
        self.rays = has_rays(self.flow)
        if self.rays:  # only the direction moves, at a rate of 1/|x|^2: take it on the unit sphere
            self.flow = dataclasses.replace(self.flow, scale=1.0)
        stored = as_model(memory).patterns
        self.patterns = None if stored is None else backend.to_numpy(stored).astype(float)
        self.rows, self.like = rows_of(self.flow), self.flow.like
        self.owner: Any = owner_of(memory)
        self.domain = domain_of(self.owner)
        first = next(iter(self.flow.network.populations.values())).size
        self.cells = self.flow.size if states_only(self.owner) else first
        moving = self.flow
        if dynamics == "network" and hasattr(self.model, "adiabatic"):
            moving = dataclasses.replace(field(self.model.network, differences=None), scale=self.flow.scale)
        self.tau = next(iter(moving.network.populations.values())).fastest
        self.pace = self.flow.pace
        begin = self._typical(moving)
        check_parts(moving.network, begin)
        self.dt = math.inf if dynamics == "map" else dt
        method = updates(moving.network, begin) if dynamics == "map" else method_for(moving, begin, dt, self.pace)
        lengths, forces = self._units(moving, begin)
        self.motion = Motion(moving, method, forces)
        self.rate = 0.0 if self.space is None else self.space.rate / self.tau
        rows = 0 if self.flow.patterns is None else int(self.flow.patterns.shape[0])
        self.width = moving.size + rows
        self.points = None if fixed_points is None else projected(_fitting(fixed_points, self), self.space)
        self.given = 0 if fixed_points is None else len(fixed_points)
        empty = np.zeros((0, moving.size))
        self.table = Table(moving, empty, np.zeros(0, dtype=bool), self.rays, lengths)
        if self.points is not None:
            self._enter_table(self.points)

    def _typical(self, moving: Field) -> dict[str, Array]:
        """States by which to judge sizes: those of the patterns, or some of no symmetry."""
        if self.flow.patterns is None:
            return moving.states(moving.asarray(np.random.default_rng(0).uniform(0.3, 0.7, (1, moving.size))))
        host = backend.to_numpy(self.flow.patterns[:64])
        fits = np.ndim(self.domain.low) == 0 or np.shape(self.domain.low) == host.shape[1:]
        rows = self.flow.asarray(self.valid(host) if fits else host)
        if moving is not self.flow:
            return self.model.start(rows)
        return moving.states(self._unit(moving.start(rows))[0])

    def _units(self, moving: Field, begin: dict[str, Array]) -> tuple[np.ndarray | None, tuple[float, ...]]:
        """What brings coordinates (D,) of the moving field to one length, and typical forces on its populations."""
        populations, force = moving.network.populations, self.flow.force
        if moving is self.flow:
            return None, (force,) * len(populations)
        lengths = {n: np.linalg.norm(backend.to_numpy(x).astype(float), axis=-1).max() for n, x in begin.items()}
        lengths = {n: self.flow.scale if n in self.flow.network.populations else lengths[n] or 1.0 for n in populations}
        forces = tuple(
            force if name in self.flow.network.populations else (float(p.leak) or self.flow.rate) * lengths[name]
            for name, p in populations.items()
        )
        sizes = [p.size for p in populations.values()]
        return np.repeat([self.flow.scale / length for length in lengths.values()], sizes), forces

    def prepare(self, cues: int) -> None:
        """Find the fixed points of the stored patterns together, where `cues` are so many that most will be wanted."""
        count = 0 if self.flow.patterns is None else len(self.flow.patterns)
        if self.points is None and 0 < count <= min(cues, PREPARED):
            rows = self.flow.asarray(self.valid(backend.to_numpy(self.flow.patterns)))
            self.discover(backend.to_numpy(self._start(rows)))

    # -------------------------------------------------------------------------------------------- in and out

    def checked(self, queries: Any) -> Array:
        """Cues (..., I) that the memory accepts, and whose squares are numbers."""
        cues = self._accepted(queries)
        most = 1e-3 * float(backend.namespace(cues).finfo(cues.dtype).max) ** 0.5
        if 0 not in cues.shape and not backend.holds(lambda x: abs(x) < most, cues):
            top = float(np.abs(backend.to_numpy(cues)).max())
            raise ValueError(
                f"A cue goes up to {top:g}, whose square {backend.dtype_name(cues)} cannot hold. Give cues of the size "
                "of the patterns."
            )
        return cues

    def _accepted(self, queries: Any) -> Array:
        if not states_only(self.owner):
            return as_model(self.owner).check_cue(queries)
        queries = finite("queries", floating("queries", queries, self.like if self.like.ndim else None))
        if queries.ndim == 0 or queries.shape[-1] != self.flow.size:
            raise ValueError(f"queries have shape {tuple(queries.shape)} but the network has {self.flow.size} neurons.")
        return self.domain.check("query", queries)

    def valid(self, cues: np.ndarray) -> np.ndarray:
        """Cues (B, I), on the host, with those outside of the domain moved into it."""
        outside = ~self.domain.contains(cues)
        return np.where(outside[:, None], self.domain.project(cues), cues) if outside.any() else cues

    def off_rim(self, state: Any) -> Any:
        """A cue (I,) that lies on an open end of the domain, as +-1 does for tanh, moved inside; any other as it is."""
        host, domain = np.asarray(backend.to_numpy(state) if backend.is_array(state) else state), self.domain
        if host.dtype.kind not in "fiu" or host.ndim != 1 or np.any((host < domain.low) | (host > domain.high)):
            return state
        host = host.astype(backend.to_numpy(self.like).dtype)
        return state if domain.contains(host) else backend.asarray(domain.project(host), self.like)

    def enter(self, cues: Array) -> tuple[Array, np.ndarray, np.ndarray | None]:
        """States (B, D) at which cues (B, I) start, the factor on their times, and what decays outside of the span."""
        fading, stretch = None, np.ones(len(cues))
        if self.space is not None:
            inside = self.space.project(cues)
            fading = self.space.rate * self.space.outside(cues, inside).astype(float)
            cues = inside
        x = self._start(cues)
        if self.rays and self.motion.flow is self.flow:
            x, length = self._unit(x)
            stretch = length**2
        return levelled(self.motion.flow, x), stretch, fading

    def _unit(self, x: Array) -> tuple[Array, np.ndarray]:
        """States (B, D) of rays on the unit sphere, and their lengths (B,); other states as they are."""
        if not self.rays:
            return x, np.ones(len(x))
        xp = backend.namespace(x)
        length = xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))
        return x / xp.where(length > 0, length, 1.0), backend.to_numpy(length)[:, 0].astype(float)

    def _start(self, cues: Array) -> Array:
        if self.motion.flow is self.flow:
            return self.flow.start(cues)
        return self.motion.flow.flatten(self.model.start(cues))

    def lifted(self) -> FixedPoints:
        """All fixed points known by now, in the space of the patterns."""
        if self.points is None:
            self.points = nothing_found(self.flow)
        if self.space is None:
            return self.points
        moved = {name: self.space.lift(getattr(self.points, name)) for name in ("state", "activation", "slow")}
        return dataclasses.replace(self.points, **moved)

    # ---------------------------------------------------------------------------------------------- searches

    def discover(self, x: np.ndarray) -> None:
        """Look for fixed points from states (R, D) of the motion, and add what is new to the table."""
        value = x[:, : self.flow.size] if self.motion.flow is not self.flow else x
        starts = self.flow.states(self.flow.asarray(value))
        found = census(self.budget, self.flow, starts, seed=self.rng, reduction=False)
        fresh = self._fresh(found)
        if not fresh.any():
            return
        found = found.select(fresh)
        self._enter_table(found)
        self.points = found if self.points is None else merged(self.points, found, self.given)

    def _fresh(self, found: FixedPoints) -> np.ndarray:
        """Which points no row of the table is equal to."""
        if self.points is None or not len(found):
            return np.ones(len(found), dtype=bool)
        bound = 20 * backend.epsilon(self.like) ** 0.5 * self.flow.scale
        known, new = self._canonical(self.points.state), self._canonical(found.state)
        return np.array([np.linalg.norm(known - point, axis=-1).min() > bound for point in new])

    def _canonical(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, dtype=float)
        if not self.rays:
            return x
        length = np.linalg.norm(x, axis=-1, keepdims=True)
        return x / np.where(length > 0, length, 1.0)

    def _enter_table(self, points: FixedPoints) -> None:
        stable = points.stable
        if math.isinf(self.motion.method.dt) and points.stable_map is not None:
            stable = points.stable_map
        states = self._completed(self._canonical(points.state))
        self.table.extend(states, np.asarray(stable, dtype=bool))

    def _completed(self, states: np.ndarray) -> np.ndarray:
        """States of the field that moves, from those of the adiabatic one: memory neurons in equilibrium with them."""
        moving = self.motion.flow
        if moving is self.flow or not len(states):
            return states
        known = self.flow.states(self.flow.asarray(states.astype(backend.to_numpy(self.like).dtype)))
        first = next(iter(known.values()))
        populations = moving.network.populations
        missing = {name: p for name, p in populations.items() if name not in known}
        empty = {name: 0 * first[:, :1] + backend.full((p.size,), 0.0, first) for name, p in missing.items()}
        force = moving.states(moving.residual(moving.flatten({**known, **empty})))  # at 0 there is nothing that leaks
        rest = {name: force[name] / p.leak for name, p in missing.items()}
        return backend.to_numpy(moving.flatten({**known, **rest})).astype(float)


def _fitting(points: Any, explorer: Explorer) -> FixedPoints:
    """The points, if they are of this memory."""
    if not isinstance(points, FixedPoints):
        kind = type(points).__name__
        raise TypeError(f"fixed_points are what find_fixed_points returns, not {kind}; states go there as starts.")
    space = explorer.space
    width = explorer.flow.size if space is None else int(space.basis.shape[0])
    if points.state.shape[1] != width:
        raise ValueError(
            f"fixed_points have {points.state.shape[1]} coordinates and this memory has {width}: they are another's."
        )
    return points


def projected(points: FixedPoints | None, space: RowSpace | None) -> Any:
    """Fixed points in the coordinates of a row space; as they are where there is none.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> from hopfield.analysis import find_fixed_points
    >>> memory = ModernHopfield(np.eye(2, 9), beta=8.0)
    >>> projected(find_fixed_points(memory, np.eye(2, 9)), row_space(memory)).state.shape
    (2, 2)
    """
    if points is None or space is None:
        return points
    basis = backend.to_numpy(space.basis)
    moved = {name: getattr(points, name) @ basis for name in ("state", "activation", "slow")}
    return dataclasses.replace(points, **moved)


def merged(known: FixedPoints, new: FixedPoints, given: int = 0) -> FixedPoints:
    """Both sets of points, the known ones first; their census is then of the points that cues led to.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> from hopfield.analysis import find_fixed_points
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> one, two = (find_fixed_points(memory, np.eye(3)[k : k + 1]) for k in (0, 1))
    >>> merged(one, two).pattern
    array([0, 1])
    """
    values: dict[str, Any]
    values = {name: np.concatenate([getattr(known, name), getattr(new, name)]) for name in PER_POINT}
    width = min(known.eigenvalues.shape[1], new.eigenvalues.shape[1])
    values["eigenvalues"] = np.concatenate([known.eigenvalues[:, :width], new.eigenvalues[:, :width]])
    for name in ("weights", "stable_map", "reverse"):
        first, second = getattr(known, name), getattr(new, name)
        values[name] = None if first is None or second is None else np.concatenate([first, second])
    values["slow"] = np.concatenate([known.slow, new.slow])
    index = values["index"]
    total = int(((-1) ** index).sum()) if (index >= 0).all() else None
    count = len(index) - given
    reason = f"The last {count} points are those that cues led to beyond a census." if given else ""
    return dataclasses.replace(
        known,
        **values,
        morse_sum=total,
        complete="undefined" if total is None else "not saturated",
        reason=reason or "Only the points that cues led to were looked for.",
    )
