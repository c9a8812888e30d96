"""What the library says to the page: each verb takes a memory and a cue, and gives numbers and a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import analysis, dynamics
from ..dynamics.doors import matrix
from ..models.family import UniversalHopfield

MOST_PATTERNS = 2000
CUES = 500
T1 = 40.0


class Asked(NamedTuple):
    """What a question is about."""

    memory: UniversalHopfield
    query: np.ndarray
    pattern: int

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Asked:
        """A question as the page sends it: patterns, query, similarity, separation, beta, pattern.

        >>> Asked.of({"patterns": [[1, 0], [0, 1]], "query": [1, 0], "similarity": "dot"}).memory.beta
        1.0
        """
        if not isinstance(body, Mapping) or "patterns" not in body or "query" not in body:
            raise ValueError("A question is an object with patterns, query, similarity, separation and beta.")
        if isinstance(body["patterns"], list) and len(body["patterns"]) > MOST_PATTERNS:
            raise ValueError(f"The page shows at most {MOST_PATTERNS} patterns, got {len(body['patterns'])}.")
        patterns = matrix("patterns", _floats("patterns", body["patterns"]))
        memory = UniversalHopfield(
            patterns,
            body.get("similarity", "euclidean"),
            body.get("separation", "softmax"),
            beta=body.get("beta", 1.0),
            tau_memory=0.0,
        )
        query = _floats("query", body["query"])
        if query.shape != patterns.shape[1:]:
            raise ValueError(f"query must have shape {patterns.shape[1:]} as each pattern, got {query.shape}.")
        pattern = body.get("pattern", 0)
        if not isinstance(pattern, int) or not 0 <= pattern < len(patterns):
            raise ValueError(f"pattern must be a row from 0 to {len(patterns) - 1}, got {pattern!r}.")
        return cls(memory, query, pattern)


def _floats(name: str, values: Any) -> np.ndarray:
    try:
        return np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be lists of numbers of one length: {error}") from None


def _recall(asked: Asked) -> dict[str, Any]:
    found = asked.memory.recall(asked.query)
    return {"state": found.tolist(), "text": f"One application of the rule gives {_short(found)}."}


def _simulate(asked: Asked) -> dict[str, Any]:
    run = dynamics.simulate(asked.memory, asked.query, t1=T1, integrator=dynamics.Relaxation(0.1))
    report = analysis.check_lyapunov(asked.memory, run)
    end = run.states["value"][-1]
    return {
        "times": run.times.tolist(),
        "states": run.states["value"].tolist(),
        "energy": run.energy.tolist(),
        "holds": bool(report.holds),
        "text": f"simulate: ends at {_short(end)}, E = {run.energy[0]:.6g} -> {run.energy[-1]:.6g}\n{report}",
    }


def _fixed_points(asked: Asked) -> dict[str, Any]:
    found = analysis.find_fixed_points(asked.memory, seed=0)
    return {
        "states": found.state.tolist(),
        "kinds": list(map(str, found.kind)),
        "energy": found.energy.tolist(),
        "text": str(found),
    }


def _basins(asked: Asked) -> dict[str, Any]:
    patterns = np.asarray(asked.memory.patterns)
    low, high = patterns.min(axis=0), patterns.max(axis=0)
    room = 0.25 * (high - low)
    random = np.random.default_rng(0)
    cues = random.uniform(low - room, high + room, size=(CUES, patterns.shape[1]))
    found = analysis.basins_of_attraction(asked.memory, cues)
    head = f"{CUES} cues drawn evenly from the box of the patterns and a quarter more on each side:"
    return {"labels": found.labels.tolist(), "text": f"{head}\n{found}"}


def _radius(asked: Asked) -> dict[str, Any]:
    found = analysis.basin_radius(asked.memory, asked.pattern, seed=0)
    bounds = {"certified": found.certified, "adversarial": found.adversarial}  # None: no cue that leaves was found
    return {name: bound if bound is None else float(bound) for name, bound in bounds.items()} | {"text": str(found)}


def _short(v: np.ndarray) -> str:
    values = ", ".join(f"{x:.6g}" for x in v[:6])
    return f"({values}{', ...' if len(v) > 6 else ''})"


ANSWERS: dict[str, Callable[[Asked], dict[str, Any]]] = {
    "recall": _recall,
    "simulate": _simulate,
    "fixed-points": _fixed_points,
    "basins": _basins,
    "radius": _radius,
}


def answer(verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The library's answer to one question of the page.

    >>> found = answer("recall", {"patterns": [[1, 0], [0, 1]], "query": [0.9, 0.2], "similarity": "dot", "beta": 20})
    >>> [round(x, 3) for x in found["state"]]
    [1.0, 0.0]
    """
    if verb not in ANSWERS:
        raise KeyError(f"There is no question {verb!r}: {', '.join(ANSWERS)}.")
    return ANSWERS[verb](Asked.of(body))
