"""How far a memory can be pushed and still be recalled: an interval from a proof and from an escape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data import generator
from ...dynamics import backend
from ...dynamics.backend import unknown_name
from ...dynamics.doors import checked, feasible, positive, quiet
from ...models import _doors as doors
from ...models._model import as_model
from .. import _declared as declared
from ..fixed_points import FixedPoints
from ..flow import Field, RowSpace, at_home, row_space
from ..results import Result
from ._basin_map import Explorer, projected
from ._boundary import Basin, crossings, normals, sloped
from ._certificates import certified_radii, no_theorem
from ._witness import Found, finished

NEAREST = 128  # other patterns toward which the boundary is looked for
STARTS = 8  # points of the boundary from which one slides
ROUNDS = 40  # of sliding
MIXES = np.array([1.0, 0.5, 0.2, 0.05])


@dataclass(frozen=True, eq=False, repr=False)
class BasinRadius(Result):
    r"""What `basin_radius` returns: the true radius lies from `certified` to `adversarial`.

    Attributes
    ----------
    certified : float or None
        No perturbation shorter than this changes what is reached (a theorem); 0 where the theorem gives nothing,
        None where there is none.
    adversarial : float
        The length of the shortest perturbation found that does; inf if none was found among the cues that the memory
        takes (its `domain`), 0 if the pattern itself is not recalled.
    witness : array (I,) or None
        The state center + perturbation, from which another attractor is reached.
    center : array (I,)
        The state that is perturbed.
    attractor : array (I,) or None
        The fixed point that the centre reaches, as an activation.
    reached : array (I,) or None
        The one that the witness reaches; None if its state runs away.
    norm : {"2", "1"}
        In which both radii are measured.
    theorem : str
        What `certified` rests on, or why there is no theorem.
    reason : str
        What else there is to say.
    evaluations : int
        States that were flowed.
    accuracy : float
        By how much the perturbation was made longer than the shortest one along its ray that escapes in steps of dt
        and of dt/5: twice the error of the shorter steps, as the two estimate it, and `rtol` of its length. 0 where
        nothing was found.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> found = basin_radius(ModernHopfield(2 * np.eye(3), beta=4.0), 0)
    >>> round(found.certified, 4), round(found.adversarial, 4), np.sort(found.witness).round(2)
    (1.2831, 1.4142, array([0., 1., 1.]))
    """

    certified: float | None
    adversarial: float
    witness: np.ndarray | None
    center: np.ndarray
    attractor: np.ndarray | None
    reached: np.ndarray | None
    norm: str
    theorem: str
    reason: str
    evaluations: int
    accuracy: float = 0.0

    def __str__(self) -> str:
        low = "no theorem" if self.certified is None else f"{self.certified:.6g} certified"
        high = f"{self.adversarial:.6g} adversarial" + (f", found to {self.accuracy:.1g}" if self.accuracy else "")
        return f"radius from {low} to {high} ({self.norm}-norm; {self.theorem}) {self.reason}".rstrip()


@quiet
@checked(**declared.BASIN_RADIUS)
def basin_radius(
    memory: Any,
    i: Any,
    *,
    seed: int | np.random.Generator = 0,
    around: str = "pattern",
    fixed_points: FixedPoints | None = None,
    directions: int = 64,
    dt: float = 0.1,
    rtol: float = 1e-6,
) -> BasinRadius:
    r"""The radius of the basin of the adiabatic flow around a stored pattern, from below and from above.

    From below: `certified_radii`. From above: rays from the centre, toward the other patterns, toward the fixed points
    that are known, and in random directions, are cut at the boundary, many lengths of all rays at a time. From the
    nearest crossings one slides along the boundary to where its normal passes through the centre; the normal comes
    from the derivative of the flow (see `boundary`), and where that is not symmetric random turns take its place. The
    last crossing is found again in steps of dt and of dt/5, and the perturbation is made longer than both by twice the
    error that they show (`accuracy`). So the witness reaches another attractor in the flow itself, as far as that error
    is known, and the radius is at most its distance; that it is the nearest one is not proved.

    All of it happens among the cues that the memory takes: rays end where they leave its `domain`, so that the radius
    of a pattern of +-1 in a network of graded neurons is that within the cube, and inf where nothing in it escapes.

    Patterns times c with beta over c^2 (over c for manhattan) have both radii times c.

    Parameters
    ----------
    memory : model, Network or Field
        What is perturbed; `field(memory, patterns=...)` says what counts as patterns where none are kept.
    i : int or array (I,)
        The row of a stored pattern, or a state (an activation). Of a state it is not asked whether it is recalled.
    seed : int or Generator
        Of the random directions.
    around : {"pattern", "fixed point"}
        Perturb the stored pattern (or the state that was given), or the fixed point that it reaches.
    fixed_points : FixedPoints, optional
        A census, whose other points and saddles are looked toward.
    directions : int
        Random directions.
    dt : float
        Steps of the search, in units of the time constant.
    rtol : float
        To which the last crossing is found.

    Returns
    -------
    BasinRadius
        The interval, and the witness.

    References
    ----------
    Hasofer & Lind 1974, J. Eng. Mech. Div. ASCE 100(1), 111-121 (the nearest point of a boundary by its normals).

    Examples
    --------
    The fixed point of a pattern in a network of four orthonormal ones:

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> found = basin_radius(ModernHopfield(np.eye(4), beta=5.0), 0, around="fixed point")
    >>> print(f"{found.certified:.3f} to {found.adversarial:.6f}")
    0.331 to 0.685399
    """
    if around not in ("pattern", "fixed point"):
        raise unknown_name("centre", around, ("pattern", "fixed point"))
    dt, rtol, rng = positive("dt", dt), positive("rtol", rtol), generator(seed)
    if isinstance(directions, bool) or not isinstance(directions, int | np.integer) or directions < 0:
        raise ValueError(f"directions must be a whole number >= 0, got {directions!r}.")
    feasible("The flow from a state", 300 / dt, "Give a larger dt.", 10**7)
    if dt > 0.1:
        raise ValueError(f"dt={dt:g} is too long a step for a flow; give dt <= 0.1.")
    memory = doors.precise("memory", at_home(memory, i))
    space = row_space(memory)
    row, center = _center(memory, i)
    explorer = Explorer(memory if space is None else space.memory, projected(fixed_points, space), dt=dt, seed=rng)
    inner = _entered(explorer, center) if space is None else center @ backend.to_numpy(space.basis).astype(float)
    center = inner if space is None else center
    certified, norm, theorem, within = _certificate(memory, row)
    basin = Basin(explorer, inner)
    attractor = _point(explorer, basin.home)
    if around == "fixed point" and attractor is not None:
        shift = float(np.linalg.norm(attractor - inner, ord=int(norm)))
        within = min(within, shift * (1 + 1e-12) + 1e-12 * explorer.flow.scale)
        certified = certified if not certified else max(certified - within, 0.0)
        inner = attractor
        basin = Basin(explorer, inner)
        center = attractor if space is None else np.asarray(space.lift(attractor))
    reason = _lost(explorer, basin.home, row)
    if lost := bool(reason):
        found = Found(0.0, inner, basin.home)
    else:
        found = _search(basin, norm, rng, directions, rtol)
        if not math.isfinite(found.length):
            where = "" if explorer.domain.everywhere else f" within {explorer.domain}, the memory's cues"
            reason = f"No perturbation that was tried{where} escapes."
    return BasinRadius(
        certified=0.0 if lost and certified else certified,
        adversarial=found.length,
        witness=None if found.point is None else center + _lifted(space, found.point - inner),
        center=center,
        attractor=_lifted(space, attractor),
        reached=_lifted(space, _point(explorer, found.label)),
        norm=norm,
        theorem=theorem,
        reason=reason,
        evaluations=basin.flowed,
        accuracy=found.accuracy,
    )


def _search(basin: Basin, norm: str, rng: np.random.Generator, directions: int, rtol: float) -> Found:
    """Crossings along many rays, sliding from the best, and the last crossing again with finer steps."""
    rays, reach = _rays(basin, norm, rng, directions)
    low, high = _bracket(basin, rays, reach)
    if not np.isfinite(high).any():
        return Found(math.inf, None, -2)
    cut = crossings(basin, rays, low, high, 1e-2)
    keep = np.argsort(cut.outside, kind="stable")[:STARTS]
    keep = keep[np.isfinite(cut.outside[keep])]
    rays, low, high = rays[keep], cut.inside[keep], cut.outside[keep]
    cut = crossings(basin, rays, low, high, 1e-5)
    if sloped(basin.explorer):
        rays, high = _slide(basin, rays, cut.inside, cut.outside)
    else:
        rays, high = _wander(basin, norm, rays, cut.outside, rng)
    best = int(np.argmin(high))
    return finished(basin, rays[best], float(high[best]), rtol)


def _rays(basin: Basin, norm: str, rng: np.random.Generator, directions: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions and the lengths at which to look first: to patterns, known points, the reverse, and at random."""
    explorer, center = basin.explorer, basin.center
    targets = [-center[None]]
    if explorer.patterns is not None:
        gaps = np.linalg.norm(explorer.patterns - center, axis=1)
        targets.append(explorer.patterns[np.argsort(gaps, kind="stable")[: NEAREST + 1]])
    if explorer.points is not None:
        targets.append(np.asarray(explorer.points.activation, dtype=float)[:, : len(center)])
    reach = np.concatenate(targets) - center
    longest = max(float(np.linalg.norm(reach[1:], axis=1).max(initial=0.0)), explorer.flow.scale)
    noise = rng.standard_normal((directions, len(center)))
    noise *= longest / np.linalg.norm(noise, axis=1, keepdims=True)
    reach = basin.within(np.concatenate([reach, noise]))
    length = np.linalg.norm(reach, axis=1, ord=int(norm))
    good = length > 1e-9 * explorer.flow.scale
    return reach[good] / length[good, None], length[good]


def _bracket(basin: Basin, rays: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths inside and outside on each ray, from 0 to 8 times its reach, in the domain; inf if none is outside."""
    low, high = np.zeros(len(rays)), np.full(len(rays), np.inf)
    tried = np.outer(reach, [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0])
    tried = np.minimum(tried, basin.explorer.domain.reach(basin.center, rays)[:, None])
    for begin, end in ((0, 4), (4, 8)):
        left = np.flatnonzero(np.isinf(high))
        if not left.size or (begin and np.isfinite(high).sum() >= STARTS):
            break
        lengths = tried[left, begin:end]
        points = basin.center + lengths[..., None] * rays[left, None, :]
        out = basin.escapes(points.reshape(-1, points.shape[-1])).reshape(lengths.shape)
        hit = out.any(axis=1)
        first = out.argmax(axis=1)
        rows = left[hit]
        high[rows] = lengths[hit, first[hit]]
        low[rows] = np.where(
            first[hit] > 0, lengths[hit, first[hit] - 1], 0.0 if begin == 0 else tried[rows, begin - 1]
        )
    return low, high


def _slide(basin: Basin, rays: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn every ray toward the normal of the boundary where it crosses, as long as that shortens it."""
    active = np.arange(len(rays))
    for _ in range(ROUNDS):
        points = [basin.center + length[active, None] * rays[active] for length in (low, high)]
        normal = _aims(basin, normals(basin, *points), high[active])
        along = np.sum(normal * rays[active], axis=1)
        # The plane with this normal passes the centre at high * along; nothing to gain where along is 1.
        gains = np.isfinite(along) & (along < 1 - 1e-9) & (along > 0)
        active, normal = active[gains], normal[gains]
        if not active.size:
            break
        turned = (1 - MIXES)[:, None, None] * rays[active] + MIXES[:, None, None] * normal
        turned /= np.linalg.norm(turned, axis=-1, keepdims=True)
        tried = basin.center + (high[active] * (1 - 1e-6))[:, None] * turned
        out = basin.escapes(tried.reshape(-1, tried.shape[-1])).reshape(len(MIXES), len(active))
        better = out.any(axis=0)
        active, chosen = active[better], turned[out.argmax(axis=0)[better], np.flatnonzero(better)]
        if not active.size:
            break
        before = high[active]
        rays[active] = chosen
        # The ray has turned, so that its inner end is not known any more: look from near the plane first.
        guess = before * np.clip(along[gains][better] * 0.98, 0.5, 0.98)
        inside = ~basin.escapes(basin.center + guess[:, None] * chosen)
        cut = crossings(basin, chosen, np.where(inside, guess, 0.0), np.where(inside, before * (1 - 1e-6), guess), 1e-5)
        low[active], high[active] = cut.inside, cut.outside
        leading = high[active] <= 1.2 * high.min()
        active = active[(high[active] < before * (1 - 1e-5)) & leading]
        if not active.size:
            break
    return rays, high


def _wander(
    basin: Basin, norm: str, rays: np.ndarray, high: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Random turns of the best ray, shorter when they fail: for flows whose normals are not to be had."""
    best = int(np.argmin(high))
    ray, length, size = rays[best], float(high[best]), 0.3
    for _ in range(ROUNDS):
        step = rng.standard_normal((64, len(ray)))
        step *= size * rng.random((64, 1)) / np.linalg.norm(step, axis=1, keepdims=True)
        turned = ray / np.linalg.norm(ray) + step
        turned *= length * (1 - 1e-6) / np.linalg.norm(turned, axis=1, ord=int(norm), keepdims=True)
        turned = basin.within(turned)
        lengths = np.linalg.norm(turned, axis=1, ord=int(norm))
        out = np.flatnonzero(basin.escapes(basin.center + turned) & (lengths > 0))
        if not out.size:
            size /= 2
            if size < 1e-5:
                break
            continue
        turned = turned[out] / lengths[out, None]
        cut = crossings(basin, turned, np.zeros(out.size), lengths[out], 1e-5, best_only=True)
        shortest = int(np.argmin(cut.outside))
        if cut.outside[shortest] > length * (1 - 1e-4):
            size /= 2
        ray, length = turned[shortest], float(cut.outside[shortest])
        if size < 1e-5:
            break
    return ray[None], np.array([length])


def _aims(basin: Basin, normal: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Where normals (B, I) of the boundary lead from the centre within the domain, as directions."""
    if basin.explorer.domain.everywhere:
        return normal
    moves = basin.within(normal * length[:, None])
    size = np.linalg.norm(moves, axis=1, keepdims=True)
    return moves / np.where(size > 0, size, np.nan)


# ------------------------------------------------------------------------------------------------- helpers


def _center(memory: Any, i: Any) -> tuple[int | None, np.ndarray]:
    """The row of a pattern (None for a state) and the centre."""
    if np.ndim(i):
        state = np.asarray(backend.to_numpy(i), dtype=float)
        if state.ndim != 1:
            raise ValueError(f"Give the row of a pattern or one state (I,), not an array of shape {state.shape}.")
        return None, state
    stored = as_model(memory).patterns
    if stored is None:
        raise TypeError(
            f"{type(memory).__name__} has no stored patterns to count: give a state (I,) in place of {i!r}, or say "
            "which they are, field(memory, patterns=rows)."
        )
    count = len(stored)
    if isinstance(i, bool) or not isinstance(i, int | np.integer) or not -count <= i < count:
        raise ValueError(f"i must be the row of a stored pattern, from 0 to {count - 1}, or a state; got {i!r}.")
    return int(i) % count, backend.to_numpy(stored)[int(i)].astype(float)


def _entered(explorer: Explorer, center: np.ndarray) -> np.ndarray:
    """The centre as a cue of the memory: clipped where it is outside by rounding, refused where by more."""
    like = explorer.like
    cue = backend.asarray(center.astype(backend.to_numpy(like).dtype), like)
    return backend.to_numpy(explorer.checked(explorer.off_rim(cue))).astype(float)


def _lost(explorer: Explorer, home: int, row: int | None) -> str:
    """Why there is no basin to measure: the centre has no end that is known, or it is not the pattern's."""
    if home < 0 or explorer.points is None:
        return "The flow from the centre has no stable end." if home == -1 else "The end of the centre is not known."
    if row is None or explorer.points.pattern[home] == explorer.rows[row]:
        return ""
    kind, reverse = str(explorer.points.kind[home]), explorer.points.reverse
    if reverse is not None and reverse[home] == explorer.rows[row]:
        kind = "its reverse"
    return f"The pattern itself is not recalled: it goes to {kind}. (Give it as a state for the radius of that basin.)"


def _certificate(memory: Any, row: int | None) -> tuple[float | None, str, str, float]:
    """Certified radius, norm, theorem (or why there is none), and how near the fixed point lies."""
    if row is None:
        return None, "2", "the theorems are about stored patterns", math.inf
    if isinstance(memory, Field):
        own = None if memory.memory is None else memory.memory.patterns
        memory = memory.memory if memory.patterns is own else memory.network
    if why := no_theorem(memory):
        return None, "2", why, math.inf
    found = certified_radii(memory, [row])
    return float(found.radius[0]), found.norm, found.theorem, float(found.inner[0])


def _point(explorer: Explorer, label: int) -> np.ndarray | None:
    points = explorer.points if label >= 0 else None
    return None if points is None else np.asarray(points.activation[label], dtype=float)[: explorer.cells]


def _lifted(space: RowSpace | None, y: np.ndarray | None) -> Any:
    return y if y is None or space is None else np.asarray(space.lift(y))
