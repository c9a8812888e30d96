"""Warnings point at the line of whoever called, however deep in the library they arise."""

import dataclasses
import warnings

import numpy as np
import pytest

from hopfield import ClassicalHopfield, UniversalHopfield, simulate
from hopfield.analysis import Noisy, escape_rates, landscape
from hopfield.data import load_array
from hopfield.dynamics import LogCosh, Network, Population, Recurrent, Relaxation
from hopfield.models import ContinuousSDM

PATTERNS = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
ONE_WAY = np.array([[0.0, 1.0], [-1.0, 0.0]])
UNBOUNDED = {"similarity": "dot", "separation": "polynomial(3)", "beta": 0.2}


def _labels(folder):
    (folder / "rows.csv").write_text("a,label\n0.5,1\n0.25,2\n")
    return load_array(folder / "rows.csv")


def _barrier(_):
    return escape_rates(landscape(UniversalHopfield(PATTERNS, beta=2.0)), temperature=5.0)


def _changed(_):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        memory = UniversalHopfield(PATTERNS, **UNBOUNDED)
    return dataclasses.replace(memory, beta=0.1)


def _moved(_):
    import hopfield.analysis.plot_style

    return hopfield.analysis.plot_style


CALLS = {
    "a memory without a lower bound": lambda _: UniversalHopfield(PATTERNS, **UNBOUNDED),
    "a memory that is changed": _changed,
    "couplings of one's own": lambda _: ClassicalHopfield(
        PATTERNS[:, :2], couplings=np.array([[0.0, 1.0], [-1.0, 0.0]])
    ),
    "couplings that are not learnt": lambda _: ClassicalHopfield(
        np.vstack([PATTERNS, PATTERNS[:1] * [1, 1, 1, -1]]), learning="perceptron", margin=10.0, max_epochs=2
    ),
    "an earlier name": lambda _: ClassicalHopfield(PATTERNS, rule="storkey"),
    "an earlier argument": lambda _: Noisy(5, deviation=0.1),
    "another meaning": lambda _: ContinuousSDM(PATTERNS, projection=PATTERNS).patterns,
    "a run that is not to be trusted": lambda _: simulate(
        Network({"x": Population(LogCosh(), 2)}, [Recurrent(("x",), 3 * ONE_WAY)]),
        {"x": np.array([0.5, 0.2])},
        t1=5.0,
        integrator=Relaxation(0.7),
    ),
    "a column that is left out": _labels,
    "a rate beyond its limit": _barrier,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_warning_points_at_the_line_of_who_called(name, tmp_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        CALLS[name](tmp_path)
    assert told, "nothing was said"
    assert {one.filename for one in told} == {__file__}


def test_every_memory_is_warned_of():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")  # once a line
        UniversalHopfield(PATTERNS, **UNBOUNDED)
        UniversalHopfield(2 * PATTERNS, **UNBOUNDED)
    assert len(told) == 2
