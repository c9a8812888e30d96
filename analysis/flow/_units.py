"""The units of a flow: how long a typical state, how strong a typical force and how long a typical time is.

Tolerances of the analysis are parts of these, so that no answer depends on the units of patterns, energy or time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.network import scales

LOOKS = 32  # states whose forces are looked at where nothing leaks


def length_of(patterns: Any) -> float:
    """The root mean square norm of patterns (N, I); 1 where there are none, or all are 0."""
    if patterns is None:
        return 1.0
    rows = backend.to_numpy(patterns).astype(float)
    largest = float(np.abs(rows).max(initial=0.0))
    if not largest > 0 or not np.isfinite(largest):
        return 1.0
    return largest * float(np.sqrt(np.mean(np.sum((rows / largest) ** 2, axis=-1))))


def force_of(flow: Any) -> float:
    r"""The size of a typical residual r = tau x' of a field: the largest leak times its scale.

    Where nothing leaks it is the median of \|r\| at states drawn at random: mixtures of the patterns, each coordinate
    shortened by chance (so that they stay within bounds and keep their signs), or of about the scale's length.
    """
    leak = max(float(p.leak) for p in flow.network.populations.values())
    if leak > 0:
        return leak * flow.scale
    size = np.linalg.norm(flow.host(flow.residual, typical_states(flow)).astype(float), axis=-1)
    size = size[np.isfinite(size)]
    middle = float(np.median(size)) if len(size) else 0.0
    return middle or float(size.max(initial=0.0)) or flow.scale


def typical_states(flow: Any) -> np.ndarray:
    """States (32, D) of a field drawn at random, the same ones every time."""
    rng, kind = np.random.default_rng(0), backend.to_numpy(flow.like).dtype
    states = rng.standard_normal((LOOKS, flow.size))
    states *= flow.scale * rng.uniform(0.3, 1.7, (LOOKS, 1)) / np.linalg.norm(states, axis=1, keepdims=True)
    if flow.patterns is None:
        return states.astype(kind)
    rows = backend.to_numpy(flow.patterns).astype(float)
    mixed = rng.dirichlet(np.ones(len(rows)), LOOKS) @ rows * rng.uniform(0.3, 0.95, (LOOKS, rows.shape[1]))
    sizes = scales(flow.network, flow.states(flow.asarray(states.astype(kind))))
    if None in sizes.values() and len(sizes) == 1:  # only directions count, and forces are those at the field's length
        length = np.linalg.norm(mixed, axis=1, keepdims=True)
        return (flow.scale * mixed / np.where(length > 0, length, 1.0)).astype(kind)
    at = 0
    for p in flow.network.populations.values():
        if at + p.size > mixed.shape[1]:
            break
        with np.errstate(all="ignore"):
            try:
                inside = backend.to_numpy(p.lagrangian.dual(flow.asarray(mixed[:, at : at + p.size].astype(kind))))
            except TypeError:  # it does not say which state has an activation
                break
        if not np.isfinite(inside).all():
            break
        states[:, at : at + p.size] = inside
        at += p.size
    return states.astype(kind)
