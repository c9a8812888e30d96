"""Pictures and tables that are asked for with anything at all: they are drawn, or a sentence of ours says why not."""

import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

import hopfield
from helpers import few
from hopfield import ModernHopfield, analysis, simulate

HOME = str(Path(hopfield.__file__).parent)
ODD = {
    "None": None, "text": "x", "empty": [], "dict": {"a": 1}, "vector": np.ones(3), "matrix": np.full((4, 4), np.nan),
    "scalar": np.array(1.0), "nan": np.nan, "negative": -1, "zero": 0, "half": 2.5, "huge": 2**40, "flag": True,
    "object": object(), "nested": [1, [2]], "texts": np.array(["a", "b"]), "complex": np.array([1 + 2j]),
    "bytes": b"x", "byte": np.uint8(250), "class": dict,
}  # fmt: skip


@pytest.fixture(scope="module")
def calls():
    """Valid calls of everything that draws or tells, by name."""
    memory = ModernHopfield(np.eye(4), beta=6.0)
    run = simulate(memory, np.eye(4), t1=3)
    census = analysis.find_fixed_points(memory, starts=np.vstack([np.eye(4), np.eye(4)[:2].mean(axis=0)]))
    valleys = analysis.landscape(memory, census)
    cut = analysis.basin_slice(memory, *np.eye(4)[:3], resolution=6, fixed_points=census)
    sweep = analysis.capacity("digits", "dot", sizes=[2, 5], level=0.1, runs=2, seed=0, progress=False)
    opposite = ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]]))
    branches = analysis.continue_fixed_points(opposite, "beta", 0.5, 2.0)
    summary, title = analysis.summarise(memory, run, range(4)), {"title": "t"}
    axes = {"ax": None, **title}
    return {
        "plot_energy": {"trajectory": run, "relative": False, "color": "black", **axes},
        "plot_overlaps": {"memory": memory, "trajectory": run, "sample": 0, "target": 1, "measure": "cosine", **axes},
        "plot_recall": {
            "memory": memory, "cues": np.eye(4), "recalled": np.eye(4), "shape": (2, 2), "targets": range(4),
            "samples": 3, "figure": None, **title,
        },
        "plot_fixed_points": {"found": census, **axes},
        "plot_fixed_point_images": {"found": census, "shape": (2, 2), "most": 3},
        "plot_basin_slice": {"cut": cut, "names": list("abcd"), **axes},
        "plot_radii": {"certified": [1.0, 2.0], "adversarial": [2.0, 3.0], "unit": "u", **axes},
        "plot_barriers": {"landscape": valleys, "labels": list("abcd"), **axes},
        "plot_energy_along_path": {"landscape": valleys, "start": 0, "end": 1, **axes},
        "plot_disconnectivity": {"landscape": valleys, "labels": list("abcd"), "images": (2, 2), **axes},
        "disconnectivity_tree": {"landscape": valleys, "level": 1e-9},
        "plot_sweep": {"sweep": sweep, "legend": True, "thresholds": False, **axes},
        "plot_sweeps": {"sweeps": [("a", sweep)], "columns": 2, "thresholds": False},
        "plot_bifurcation": {"branches": branches, "measure": "energy", "label": "l", "log": False, **axes},
        "new_figure": {"size": (2.0, 2.0), "layout": "constrained"},
        "open_axes": {"ax": None, "size": (2.0, 2.0)},
        "summarise": {"memory": memory, "trajectory": run, "targets": range(4)},
        "recall_table": {"summaries": {"a": summary}, "before": {"a": 1}},
        "query_table": {"fields": {"a": [1, 2]}, "most": 1},
    }  # fmt: skip


# The others differ from one of these in what they are, and not in what they are taken for.
OFTEN = ("None", "text", "matrix", "nan", "huge")


@pytest.mark.parametrize("odd", few(ODD, OFTEN))
def test_anything_is_drawn_or_refused_in_a_sentence(calls, odd):
    odd, leaks = ODD[odd], []
    for verb, arguments in calls.items():
        for name in arguments:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    getattr(analysis, verb)(**{**arguments, name: odd})
            except (ValueError, TypeError) as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                if not last.filename.startswith(HOME) or len(str(error)) < 20:
                    leaks.append((verb, name, str(error)))
            except Exception as error:
                leaks.append((verb, name, repr(error)))
    assert not leaks
