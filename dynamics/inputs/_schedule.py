"""Numbers of a memory that change in time: the network that it has at any time.

A number of a model (beta, tau_value, ...) stands in its network as a leaf, which is replaced; where something is
computed from it, the model is built anew for each time. Either way the program that a step is compiled to stays the
same, since leaves are its arguments.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import backend
from ..backend import is_structure, rebuild, settings, shown, split, unknown_name
from ..doors import mapping
from ..network import Network
from ._input import Input, as_input, asked

PROBES = (1.0, 1.5)  # values at which it is looked up where a number stands; near 1, so that they are allowed


class Schedule:
    """The networks of a memory of which some numbers change in time.

    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(2), beta=1.0)
    >>> schedule = Schedule(memory, {"beta": lambda t: 1.0 + t}, 0.0, 2.0)
    >>> schedule.network(1.5).populations["memory"].lagrangian.beta
    2.5
    """

    def __init__(self, memory: Any, given: Any, t0: float, t1: float) -> None:
        self.memory, self.t0 = memory, t0
        self.inputs = {name: _named(name, value) for name, value in _names(memory, given).items()}
        for name, change in self.inputs.items():
            if wrong := change.covers(t0, t1):
                raise ValueError(f"The schedule of {name!r} {wrong}.")
        self.signs = {name: np.sign(self.value(name, t0)) for name in self.inputs}
        for t in _looks(self.inputs.values(), t0, t1):  # the model says what it refuses
            self.model(t)
        self.base = memory.replace(**{name: _allowed(memory, name, PROBES[0]) for name in self.inputs}).network
        self.places = {name: self._places(name) for name in self.inputs}
        here = self.model(t0).network
        if set(here.populations) != set(self.base.populations):
            gone = set(here.populations) ^ set(self.base.populations)
            raise ValueError(
                f"The schedule begins with {self._told(t0)}, where the network has other populations "
                f"({', '.join(sorted(gone))}): a schedule changes numbers and not what there is. Begin elsewhere."
            )

    def value(self, name: str, t: float, left: bool = False) -> float:
        """One of the numbers at a time."""
        found = asked(f"The schedule of {name!r}", self.inputs[name], np.asarray([t]), np.asarray([left]))[0]
        if found.shape != ():
            raise ValueError(
                f"The schedule of {name!r} gives an array of shape {found.shape} at t={t:g}: a schedule is of one "
                "number. For arrays by neuron use current=."
            )
        return float(found)

    def model(self, t: float, left: bool = False) -> Any:
        """The memory at a time, built and checked anew."""
        values = {name: self.value(name, t, left) for name in self.inputs}
        try:
            return self.memory.replace(**values)
        except ValueError as error:
            told = ", ".join(f"{name}={value:g}" for name, value in values.items())
            raise ValueError(f"The schedule gives {told} at t={t:g}. {error}") from None

    def network(self, t: float, left: bool = False) -> Network:
        """The network at a time."""
        values = {name: self.value(name, t, left) for name in self.inputs}
        for name, value in values.items():
            if np.sign(value) != self.signs[name] and name in self.strict:
                raise ValueError(f"The schedule of {name!r} gives {value:g} at t={t:g}, and it must stay > 0.")
        if any(places is None for places in self.places.values()):
            return self.model(t, left).network
        return replaced(self.base, {k: values[name] for name, places in self.places.items() for k in places or ()})

    @property
    def strict(self) -> frozenset[str]:
        """The numbers that must stay above 0: those of which the model refuses a 0 or a negative value."""
        if not hasattr(self, "_strict"):
            self._strict = frozenset(name for name in self.inputs if not _takes(self.memory, name, -1.0))
        return self._strict

    def _places(self, name: str) -> tuple[int, ...] | None:
        """The leaves of the network that are this number; None where something else depends on it."""
        others = {other: _allowed(self.memory, other, PROBES[0]) for other in self.inputs}
        pair = [self.memory.replace(**{**others, name: _allowed(self.memory, name, p)}).network for p in PROBES]
        values = [_allowed(self.memory, name, p) for p in PROBES]
        one, two = (list(backend.leaves(network)) for network in pair)
        if len(one) != len(two):
            return None
        found = []
        for k, (a, b) in enumerate(zip(one, two, strict=True)):
            if _same(a, b):
                continue
            if not (_is(a, values[0]) and _is(b, values[1])):
                return None
            found.append(k)
        if not found:
            raise ValueError(
                f"The number {name!r} decides which program runs, or has no effect on this memory's network, so that a "
                f"schedule cannot change it. Numbers with an effect are such as beta and the time constants."
            )
        return tuple(found)

    def _told(self, t: float) -> str:
        return ", ".join(f"{name}={self.value(name, t):g}" for name in self.inputs)


def numbers_of(memory: Any) -> list[str]:
    """The names of a model's numbers.

    >>> from hopfield.models import ModernHopfield
    >>> numbers_of(ModernHopfield(np.eye(2)))
    ['beta', 'tau_value', 'tau_memory', 'bias']
    """
    if not hasattr(memory, "replace") or not is_structure(memory):
        return []
    return [name for name, value in settings(memory).items() if _is_number(value)]


def _names(memory: Any, given: Any) -> dict[str, Any]:
    found = mapping("schedule", given, '{"beta": lambda t: 1.0 + t}')
    known = numbers_of(memory)
    if not known:
        raise TypeError(
            f"A schedule changes numbers of a model such as ModernHopfield, and {shown(memory)} has none by name. "
            "Build the model, or change its inputs with current=."
        )
    for name in found:
        if name not in known:
            raise unknown_name("number of the memory", name, known)
    return found


def _named(name: str, value: Any) -> Input:
    return as_input(f"The schedule of {name!r}", value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (backend.is_array(value) and getattr(value, "ndim", 1) == 0)


def _looks(inputs: Any, t0: float, t1: float) -> list[float]:
    """Some times of a run: its ends, between them, and at the jumps."""
    jumps = [t for change in inputs for t in (*change.jumps, *change.corners)[:50] if t0 <= t <= t1]
    return sorted({*np.linspace(t0, t1, 5).tolist(), *jumps})


def _takes(memory: Any, name: str, value: float) -> bool:
    try:
        memory.replace(**{name: value})
    except (TypeError, ValueError):
        return False
    return True


def _allowed(memory: Any, name: str, probe: float) -> Any:
    """A value like the probe that the model takes, of the sort that it holds."""
    held = settings(memory)[name]
    for value in (probe, 0.1 * probe, 2 + probe, held):
        if _takes(memory, name, value):
            return value
    return held


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if backend.is_array(a) and backend.is_array(b):
        one, two = backend.to_numpy(a), backend.to_numpy(b)
        return one.shape == two.shape and bool(np.array_equal(one, two))
    return not backend.is_array(a) and not backend.is_array(b) and a == b


def _is(leaf: Any, value: Any) -> bool:
    if backend.is_array(leaf):
        return leaf.ndim == 0 and math.isclose(float(backend.to_numpy(leaf)), float(value), rel_tol=1e-6)
    return isinstance(leaf, float | int) and float(leaf) == float(value)


def replaced(node: Any, values: Mapping[int, Any]) -> Any:
    """A structure with other numbers in some of its leaves, counted as `backend.leaves` does; the rest is shared."""
    count = -1

    def walk(part: Any) -> Any:
        nonlocal count
        if is_structure(part):
            kept, fixed = split(part)
            new, changed = {}, False
            for name, value in kept:
                new[name] = walk(value)
                changed = changed or new[name] is not value
            return rebuild(type(part), {**new, **dict(fixed)}) if changed else part
        if isinstance(part, dict):
            new = {key: walk(value) for key, value in part.items()}
            return new if any(new[key] is not value for key, value in part.items()) else part
        if isinstance(part, tuple | list):
            items = [walk(value) for value in part]
            if all(a is b for a, b in zip(items, part, strict=True)):
                return part
            return type(part)(*items) if hasattr(part, "_fields") else type(part)(items)
        if part is None or callable(part):
            return part
        count += 1
        if count not in values:
            return part
        new = values[count]
        return backend.asarray(new, part) if backend.is_array(part) and not backend.is_array(new) else new

    return walk(node)
