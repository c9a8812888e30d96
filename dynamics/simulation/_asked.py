"""What a run is asked for: from when to when, what to save and how often."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .. import backend
from ..backend import unknown_name
from ..doors import feasible, mapping, number, series, whole
from ..doors import names as names_of
from ..network import Network
from ._batch import neurons


def span(t0: Any, t1: Any) -> tuple[float, float]:
    """Two times of which the second is later, by more than can be lost in rounding."""
    t0 = number("t0", t0)
    if t0 == 0:
        t1 = number("t1", t1, above=0)
    elif not (t1 := number("t1", t1)) > t0:
        raise ValueError(f"A run goes from t0 to a later t1, got t0={t0:g} and t1={t1:g}.")
    if t1 - t0 < max(1e-290, 1e-9 * abs(t0)):
        raise ValueError(f"t1={t1:g} is too short to be divided into steps. Give times in units of tau.")
    return t0, t1


def times(save_at: Any, t0: float, t1: float, updates: bool) -> np.ndarray:
    """The times at which to save, inside the run and, of updates, whole."""
    found = series("save_at", save_at if backend.is_array(save_at) else list(save_at))
    if (
        found.ndim != 1
        or not found.size
        or not found[0] >= t0
        or not (np.diff(found) > 0).all()
        or not found[-1] <= t1 + 1e-12 * max(abs(t1), t1 - t0)
    ):
        raise ValueError(
            f"save_at must be increasing times from {f't0={t0:g}' if t0 else 0} to t1={t1:g}, got {found.tolist()[:5]}"
            f"{'...' if found.size > 5 else ''}."
        )
    if updates and ((found - t0) % 1 != 0).any():
        raise ValueError(
            f"With dt = inf time counts updates, so save_at must be whole numbers{' from t0 on' if t0 else ''}, got "
            f"{found.tolist()[:5]}."
        )
    return np.minimum(found, t1)


def every(save_at: Any) -> int:
    """k for every k-th step, 0 for times."""
    if save_at is None:
        return 1
    if isinstance(save_at, Iterable) and getattr(save_at, "ndim", 1) and not _is_text(save_at):
        return 0
    return whole("save_at, every how many steps to save,", save_at, 1)


def _is_text(value: Any) -> bool:
    return isinstance(value, str | bytes | Mapping)


def ends(what: str, t1: float, dt: float) -> None:
    """Refuse a run of more steps than anyone can wait for."""
    feasible(
        f"{what} to t1={t1:g}",
        t1 if math.isinf(dt) else t1 / dt,
        'Give a smaller t1, a larger dt, or a method with error control, such as integrator="rosenbrock".',
    )


def kept(network: Network, save: Any) -> tuple[list[str], dict[str, np.ndarray]]:
    """The populations to save, and of which of them some neurons alone."""
    names = list(network.populations)
    if save is None:
        return [name for name in names if name != "memory"] or names, {}
    if isinstance(save, str) and save == "all":
        return names, {}
    given = mapping("save", save, '{"value": [3, 5]}') if isinstance(save, Mapping) else {}
    wanted = list(given) if given else names_of("save", save)
    for name in wanted:
        if name not in names:
            raise unknown_name("population to save", name, ["all", *names])
    sizes = {name: network.populations[name].size for name in wanted}
    return wanted, {n: neurons(n, which, sizes[n]) for n, which in given.items() if which is not None}
