"""Labels of cues and ends of runs are those of the flow, as SciPy's LSODA at 1e-10 follows it, for every network."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from helpers import few
from hopfield.analysis import basins_of_attraction
from hopfield.models import UniversalHopfield, catalogue

PATH = Path(__file__).resolve().parents[3] / "benchmarks" / "labels.py"
SPEC = importlib.util.spec_from_file_location("labels", PATH)
labels = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(labels)

CASES = labels.cases()
CYCLES = ["one-way couplings, 1.5", "one-way couplings, 4", "van der Pol, mu=1000", "van der Pol, mu=1"]
LONG = ["predator and prey", "manhattan, softmax", "dot, max", "dot, entmax", *CYCLES]  # the reference takes seconds
ALIKE = [  # those of the catalogue stand for them among a few
    *("classical, hebbian", "dense, n=3", "exponential", "continuous SDM", "bidirectional", "dot, softmax"),
    *("double well, k=5", "double well, k=30", "graded, couplings 3, beta 4", "graded, couplings 20, beta 1"),
    *("x' = -1 x", "classical, storkey", "reverse_kl, softmax", "cosine, softmax"),
]
RESTING = [name for name in CASES if name not in CYCLES]
FIRST_ORDER = {"dot, sparsemax": 2}  # steps of 0.1 of the update rule: ends so near to a boundary may be beyond it


def test_every_memory_of_the_catalogue_that_flows_is_among_the_networks():
    assert {f"catalogue: {entry.name}" for entry in catalogue() if entry.network} <= set(CASES)


@pytest.mark.parametrize("name", few([name for name in RESTING if name not in (*LONG, *ALIKE)], 12))
def test_few_labels_and_ends_are_those_of_lsoda(name):
    found = labels.measure(*CASES[name], 4, end=100.0)
    assert (found["wrong"], found["open"], found["moving"], found["ends"]) == (0, 0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", RESTING)
def test_labels_and_ends_are_those_of_lsoda(name):
    found = labels.measure(*CASES[name], 300)
    assert (found["wrong"], found["open"], found["moving"]) == (0, 0, 0)
    assert found["ends"] <= FIRST_ORDER.get(name, 0)


def test_a_cue_on_its_way_to_a_cycle_stays_open():
    memory, draw = CASES["van der Pol, mu=1"]
    assert (basins_of_attraction(memory, draw(2), t_max=20.0).labels == -2).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", CYCLES)
def test_cues_on_their_way_to_cycles_stay_open(name):
    found = labels.measure(*CASES[name], 20)
    assert (found["wrong"], found["open"]) == (0, 0)
    assert found["moving"] > 0


def test_a_flow_whose_states_all_shrink_to_where_its_force_has_no_limit_is_refused():
    rng = np.random.default_rng(7)
    memory = UniversalHopfield(rng.normal(size=(5, 6)), "cosine", beta=4.0, leak=0.3)
    with pytest.raises(ValueError, match=r"every state shrinks to 0.*Use leak=0"):
        basins_of_attraction(memory, rng.uniform(-2, 2, (2, 6)), timed=False)


def test_labels_are_right_to_a_hundred_thousandth_of_the_way_to_a_boundary():
    memory, draw = CASES["dot, softmax"]
    flow, cues = labels.field(memory), draw(7)
    start, way = cues[0], cues[6] - cues[0]
    low, high, home = 0.0, 1.0, labels.references(flow, cues[:1], flow.scale)[0][0]
    for _ in range(6):
        parts = low + (high - low) * np.arange(1, 32) / 32
        ends, _ = labels.references(flow, start + parts[:, None] * way, flow.scale)
        inside = np.append(np.linalg.norm(ends - home, axis=-1) < 1e-3 * flow.scale, False)
        first = int(np.argmin(inside))
        bounds = [low, *parts, high]
        low, high = bounds[first], bounds[first + 1]
    near = np.array([low - 1e-3, low - 1e-5, high + 1e-5, high + 1e-3])
    found = basins_of_attraction(memory, start + near[:, None] * way, timed=False).labels
    assert (found >= 0).all()
    assert found[0] == found[1] != found[2] == found[3]
