"""The first way to a zero: steps down the flow that find their own length."""

from __future__ import annotations

import numpy as np

from ...dynamics import backend
from ._field import Field
from ._sphere import neutral, slid

MOMENTS = (6, 15, 60)  # steps after which a relaxing start is polished


def relaxed(flow: Field, x: np.ndarray, moments: tuple[int, ...] = MOMENTS, sign: float = 1.0) -> np.ndarray:
    r"""Where relaxation has come to from x after some numbers of steps, (T, B, D); with `sign` -1 against the flow.

    Explicit steps x + dt r of a length for each sample: dt, at first a tenth of the time in which r changes there (or
    of 1/`Field.rate`), grows by 1.4 while r keeps its direction, r . r+ > 0, and a step that turns it round is undone
    and dt divided by 3, so that stiff energies do no harm. What comes of it is a start for `polish`, not a trajectory.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> relaxed(field(ModernHopfield(np.eye(2), beta=8.0)), np.array([[0.6, 0.4]]))[-1].round(2)
    array([[1., 0.]])
    """

    def force(x: np.ndarray) -> np.ndarray:
        r = sign * flow.host(flow.residual, x)
        for n in neutral(flow, x):
            r = r - n * np.sum(n * r, axis=-1, keepdims=True)
        return r

    x = np.array(x)
    r = force(x)
    with np.errstate(all="ignore"):  # how fast r changes along itself
        size = np.linalg.norm(r, axis=-1, keepdims=True)
        near = backend.epsilon(flow.like) ** 0.25 * flow.scale * r / size
        change = np.linalg.norm(force(x + near) - r, axis=-1, keepdims=True)
        stiff = change / np.linalg.norm(near, axis=-1, keepdims=True)
        dt = (0.1 / np.where(stiff > flow.rate, stiff, flow.rate)).astype(x.dtype)
    found = []
    for count in range(1, moments[-1] + 1):
        with np.errstate(all="ignore"):
            size = np.linalg.norm(r, axis=-1, keepdims=True)
            longest = 0.2 * np.maximum(flow.scale, np.linalg.norm(x, axis=-1, keepdims=True))
            new = slid(flow, x, np.minimum(dt, longest / np.where(size > 0, size, 1.0)) * r)
            there = force(new)
            fine = np.isfinite(there).all(axis=-1, keepdims=True) & (np.sum(r * there, axis=-1, keepdims=True) >= 0)
        x, r, dt = np.where(fine, new, x), np.where(fine, there, r), np.where(fine, 1.4 * dt, dt / 3)
        if count in moments:
            found.append(x)
    return np.array(found)
