"""Write test/golden.json: what the library answers, which the page's own arithmetic must meet.

Run it as `python web/golden.py` after a change of the mathematics; `tests/explore/test_golden.py` compares.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from hopfield import Relaxation, UniversalHopfield, find_fixed_points, simulate

PATH = Path(__file__).parent / "test" / "golden.json"
SIMILARITIES = ("dot", "euclidean", "cosine", "manhattan")
SEPARATIONS = {
    "softmax": ("softmax", 1.5),
    "entmax(1.5)": ("entmax", 1.5),
    "entmax(1.25)": ("entmax", 1.25),
    "sparsemax": ("entmax", 2.0),
    "epanechnikov": ("epanechnikov", 1.5),
}


def inputs() -> list[dict[str, Any]]:
    """What is stored and asked: points of the plane, and vectors of 64 values."""
    random = np.random.default_rng(7)
    plane, long = random.normal(size=(5, 2)), random.random((12, 64))
    asked = [plane[0] + 0.2 * random.normal(size=2), plane.mean(axis=0), plane[1], 1.5 * plane[2] - 0.25]
    far = [long[0] + 0.2 * random.normal(size=64), long[1]]
    return [
        {"patterns": plane.tolist(), "queries": np.array(asked).tolist(), "betas": [0.15, 2.0]},
        {"patterns": long.tolist(), "queries": np.array(far).tolist(), "betas": [0.15]},
    ]


def memories(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One case for each input, similarity, separation and beta: recall, weights, energies and ten steps."""
    cases = []
    for row, one in enumerate(given):
        for similarity, separation, beta in product(SIMILARITIES, SEPARATIONS, one["betas"]):
            memory = UniversalHopfield(np.array(one["patterns"]), similarity, separation, beta=beta, tau_memory=0.0)
            name, alpha = SEPARATIONS[separation]
            case: dict[str, Any] = {"input": row, "similarity": similarity, "beta": beta, "answers": []}
            case["separation"] = {"name": name, "alpha": alpha}
            for query in np.array(one["queries"]):
                run = simulate(memory, query, t1=1.0, integrator=Relaxation(0.1), guard=False)
                case["answers"].append(
                    {
                        "recall": memory.recall(query).tolist(),
                        "weights": memory.weights(query).tolist(),
                        "state": run.states["value"][-1].tolist(),
                        "energies": run.energy.tolist(),
                    }
                )
            cases.append(case)
    return cases


def censuses() -> list[dict[str, Any]]:
    """Fixed points in the plane, which the page marks."""
    random = np.random.default_rng(3)
    patterns = random.uniform(-1.5, 1.5, size=(4, 2))
    cases = []
    for similarity, beta in (("dot", 4.0), ("euclidean", 3.0), ("euclidean", 0.4)):
        found = find_fixed_points(UniversalHopfield(patterns, similarity, beta=beta, tau_memory=0.0), seed=0)
        cases.append(
            {
                "patterns": patterns.tolist(),
                "similarity": similarity,
                "beta": beta,
                "states": found.state.tolist(),
                "index": found.index.tolist(),
                "energy": found.energy.tolist(),
            }
        )
    return cases


def golden() -> dict[str, Any]:
    """All that the file holds."""
    given = inputs()
    return {"inputs": given, "memories": memories(given), "censuses": censuses()}


if __name__ == "__main__":
    PATH.write_text(json.dumps(golden(), separators=(",", ":")) + "\n", encoding="utf-8")
