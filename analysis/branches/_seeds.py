"""Where branches begin: at the fixed points of a census, or at those beside given activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import finite
from ..fixed_points import census
from ..flow import Field, canonical, descend, flow_of, polish, relaxed
from ..results import Budget
from ._family import Family, correct

BESIDE = 0.3  # units (of the state, where that is more) that Newton's method may go from a query


def seeds(
    family: Family, end: float, queries: Any, seed: int, name: str, notes: list[str], budget: Budget | None = None
) -> list[np.ndarray]:
    """Scaled fixed points at one end of the range: of a census, or beside queries; what leads to none is noted.

    >>> from hopfield.models import ModernHopfield
    >>> family = Family(lambda beta: ModernHopfield(np.array([[1.0], [-1.0]]), beta=beta), 0.5, 2.5)
    >>> [z.round(6) for z in seeds(family, 2.0, [[0.8], [0.5]], 0, "beta", [])]
    [array([0.957504, 1.      ])]
    """
    net = family.field(end)
    if queries is None:
        states = census(budget or Budget(), net, seed=seed).state
    else:
        given = finite("queries", np.atleast_2d(backend.to_numpy(queries).astype(float)))
        given = given.reshape(-1, given.shape[-1]) if given.size else given
        if not given.size:
            raise ValueError("queries are empty: give at least one state, or none at all (None) for a census.")
        given = given if family.basis is None else given @ family.basis.T
        states = canonical(net, backend.to_numpy(net.start(net.asarray(given))))
    found: list[np.ndarray] = []
    lost = 0
    for x in np.atleast_2d(states):
        fixed = _fixed(family, np.append(x.astype(float) / family.scale, end / family.span))
        if fixed is None and queries is not None:
            fixed = _fixed(family, np.append(_attractor(net, x) / family.scale, end / family.span))
        lost += fixed is None
        if fixed is not None and all(np.linalg.norm(fixed - other) > family.apart for other in found):
            found.append(fixed)
    what = "the fixed points of the census were not found again" if queries is None else "queries led to no fixed point"
    if lost:
        why = "" if queries is None else ": neither Newton's method nor the flow from there ends in one"
        notes.append(f"At {name} = {end:g}, {lost} of {len(states)} {what}{why}.")
    elif not len(states):
        notes.append(f"At {name} = {end:g} the census found no fixed point to begin at.")
    return found


def _fixed(family: Family, z: np.ndarray) -> np.ndarray | None:
    """The fixed point beside z at the same value of the parameter; None where Newton's method leads away or nowhere."""
    fixed = correct(family, z, np.append(np.zeros(family.size), 1.0), steps=40)
    near = np.linalg.norm(fixed.z - z) <= BESIDE * max(1.0, float(np.linalg.norm(z[:-1])))
    return fixed.z if fixed.converged and near else None


def _attractor(net: Field, x: np.ndarray) -> np.ndarray:
    """Where the flow leads from x, as Newton's method finds it from what relaxation comes to."""
    end = descend(flow_of(net), x[None].astype(float))
    return end.state[0] if end.converged[0] else polish(net, relaxed(net, x[None])[-1]).x[0].astype(float)
