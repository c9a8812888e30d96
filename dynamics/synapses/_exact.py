"""How a force depends on its own population while all others stand, and the exact step that follows from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import backend
from ..backend import Array, Number


class Answer(NamedTuple):
    """What is known beforehand of the force on one population as its own activation g moves and all others stand.

    Attributes
    ----------
    kind : {"constant", "affine", "logarithmic", "own", "frozen"}
        F; F - c g; F - c ln g; solved by a step of its own; or none of these, so that a step can only freeze the
        force where it stands, which is not exact.
    alone : bool
        Whether a step of its own is exact only without leak and without further drive.
    falls : bool
        Whether such a step lowers the energy for every step size.
    degree : int
        How the force grows when all activations and patterns do: 1 in proportion, 0 not at all, as a sum of signs.
    weighted : bool
        Whether weights stand still in that form which follow the activation: of memory neurons in equilibrium.

    Examples
    --------
    >>> from hopfield.models import Euclidean
    >>> Euclidean().answer(nonnegative=True)
    Answer(kind='affine', alone=False, falls=True, degree=1, weighted=False)
    """

    kind: str = "frozen"
    alone: bool = False
    falls: bool = False
    degree: int = 1
    weighted: bool = False


class Response(NamedTuple):
    """The force on one population with all others frozen: ``drive - stiffness * g``, or a `step` of its own.

    Attributes
    ----------
    drive : array (..., n) or None
        The part frozen during a step; None where there is a `step`.
    stiffness : array (..., 1) or 0.0
        The factor c in ``drive - c g`` (or ``drive - c ln g``, as the `Answer` says).
    step : callable or None
        ``step(x, drive, leak, ratio)`` solves tau x' = force - leak x + drive exactly over dt = ratio tau
        (ratio None: for ever), for g = x. `drive` is None or what other sources add, `leak` a number or (..., 1).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import Dot
    >>> Dot(np.eye(2)).response(np.zeros(2), np.array([3.0, 4.0])).drive
    array([3., 4.])
    """

    drive: Any
    stiffness: Any = 0.0
    step: Callable[..., Array] | None = None


def exact_step(
    x: Array, responses: Sequence[Response], leak: float, drive: Array | None, ratio: Number | None, gain: Number = 1.0
) -> Array:
    """The exact solution of tau x' = drive + forces - leak x after dt = ratio tau (None: for ever).

    For g = x and gain 1, or for logarithmic forces where ln g = gain x up to a constant.

    Affine forces F - c g give x+ = e^(-z) x + F (1 - e^(-z))/(l + c) with z = (l + c) dt/tau, of which nothing
    is left but F/(l + c) when z is large; one response may have a step of its own.
    """
    own = None
    rate: Any = float(leak)
    for answer in responses:
        if answer.step is not None:
            own = answer.step
        else:
            drive = answer.drive if drive is None else drive + answer.drive
            if not isinstance(answer.stiffness, float):
                rate = rate + gain * answer.stiffness
    if own is not None:
        return own(x, drive, rate, ratio)
    if type(rate) is float:
        return decayed(x, drive, rate, ratio)
    force = drive if getattr(drive, "shape", ()) == x.shape else _shaped(drive, x)
    xp = backend.namespace(x)
    moves = rate > 0
    safe = xp.where(moves, rate, 1.0)
    if ratio is None:
        return xp.where(moves, force / safe, x)
    gone = xp.where(moves, -xp.expm1(-safe * ratio), rate * ratio)
    return (1 - gone) * x + force * xp.where(moves, gone / safe, ratio)


def decayed(x: Array, force: Any, rate: float, ratio: Number | None) -> Array:
    """The same for a constant force (None: there is none) and one number as the rate, l >= 0."""
    if getattr(force, "shape", ()) != x.shape:
        force = _shaped(force, x)
    if rate == 0:
        if ratio is None:
            raise ValueError("With leak 0 and a constant force the state runs away: dt = inf has no limit.")
        return x + ratio * force
    if ratio is None:
        return force / rate
    expm1 = math.expm1 if type(ratio) is float else backend.namespace(x, ratio).expm1
    gone = -expm1(-rate * ratio)
    return (1 - gone) * x + (gone / rate) * force


def _shaped(force: Any, x: Array) -> Array:
    """A force of the shape of x, from none or from an input current alone."""
    return (0.0 if force is None else force) + backend.namespace(x).zeros_like(x)
