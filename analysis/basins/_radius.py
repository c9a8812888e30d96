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
from ..results import Budget, Result, unlooked
from ._basin_map import Explorer, projected
from ._boundary import Basin
from ._certificates import certified_radii, no_theorem
from ._nearest import nearest
from ._witness import Found


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
    stopped : str
        What ended the search early, its time or Ctrl-C; empty where nothing did. The interval is true all the same.
    skipped : tuple of str
        What was not looked for.

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
    stopped: str = ""
    skipped: tuple[str, ...] = ()

    def __str__(self) -> str:
        low = "no theorem" if self.certified is None else f"{self.certified:.6g} certified"
        high = f"{self.adversarial:.6g} adversarial" + (f", found to {self.accuracy:.1g}" if self.accuracy else "")
        said = " ".join(part for part in (self.reason, unlooked(self.stopped, self.skipped)) if part)
        return f"radius from {low} to {high} ({self.norm}-norm; {self.theorem}) {said}".rstrip()


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
    seconds: float | None = None,
    progress: bool = False,
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
    seconds : float, optional
        Of wall time, after which no shorter perturbation is looked for; the shortest by then is returned, as after
        Ctrl-C.
    progress : bool
        Show a bar, if standard error is a terminal.

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
    with Budget(seconds, progress) as budget:
        return _measured(budget, memory, i, rng, around, fixed_points, directions, dt, rtol)


def _measured(
    budget: Budget,
    memory: Any,
    i: Any,
    rng: np.random.Generator,
    around: str,
    fixed_points: FixedPoints | None,
    directions: int,
    dt: float,
    rtol: float,
) -> BasinRadius:
    """The interval, within a budget; the certificate and what the centre reaches are always found."""
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
        found = nearest(basin, norm, rng, directions, rtol, budget)
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
        stopped=budget.stopped,
        skipped=tuple(budget.skipped),
    )


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
