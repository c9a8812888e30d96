"""Valid calls, from which hostile ones are made: a function and its arguments, by group."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .values import hostile


@dataclass(frozen=True)
class Case:
    """A valid call; `slots` are the arguments that may be replaced."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def changed(self, rng: np.random.Generator) -> tuple[Callable[[], Any], str]:
        """The call with one or two arguments replaced, and what was put where."""
        arguments, options = list(self.arguments), dict(self.options)
        slots = [*range(len(arguments)), *options]
        told = []
        for k in rng.permutation(len(slots))[: 1 + int(rng.integers(4) == 0)]:
            slot = slots[k]
            valid = arguments[slot] if isinstance(slot, int) else options[slot]
            value = hostile(rng, valid)
            told.append(f"{slot}={_short(value)}")
            if isinstance(slot, int):
                arguments[slot] = value
            else:
                options[slot] = value
        return functools.partial(self.function, *arguments, **options), f"{self.name}({', '.join(told)})"

    def valid(self) -> Any:
        """The call as it is meant."""
        return self.function(*self.arguments, **self.options)


def case(
    function: Callable[..., Any], *arguments: Any, then: Callable[[Any], Any] | None = None, **options: Any
) -> Case:
    """A case named after its function; `then` uses what it made."""
    name = getattr(function, "__qualname__", None) or repr(function)
    if then is None:
        return Case(name, function, arguments, options)
    return Case(f"{name}, used", lambda *a, **o: then(function(*a, **o)), arguments, options)


def _short(value: Any) -> str:
    try:
        text = repr(value).replace("\n", " ")
    except Exception as error:  # an object of ours that was made of nonsense
        text = f"{type(value).__name__} without a repr ({type(error).__name__})"
    kind = f"{type(value).__module__}.{type(value).__name__}"
    extra = f" {value.dtype}{value.shape}" if hasattr(value, "dtype") and hasattr(value, "shape") else ""
    return f"<{kind}{extra} {text[:80]}>"


def groups() -> dict[str, Callable[[], list[Case]]]:
    """The tables of cases, made when they are asked for."""
    from . import cases_analysis, cases_dynamics, cases_models, cases_verbs

    return {
        "dynamics": cases_dynamics.cases,
        "simulate": cases_dynamics.runs,
        "models": cases_models.cases,
        "parts": cases_models.parts,
        "analysis": cases_analysis.cases,
        "verbs": cases_verbs.cases,
        "plots": cases_verbs.plots,
    }
