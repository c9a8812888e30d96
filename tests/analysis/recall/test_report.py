"""What a recall is summed up to: counts, tables and files."""

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console

from helpers import to_library
from hopfield import Euler, ModernHopfield, UniversalHopfield, simulate
from hopfield.analysis import query_table, recall_table, save_trajectory, summarise, times_that_fit, write_report


@pytest.fixture
def memory(rng):
    return UniversalHopfield(rng.random((8, 6)), "euclidean", beta=60.0)


def printed(*things, width=80):
    console = Console(file=io.StringIO(), width=width)
    for thing in things:
        console.print(thing)
    return console.file.getvalue()


def test_a_summary_counts(memory):
    run = simulate(memory, memory.memories, t1=20, stop="steady", save="all")
    targets = np.array([0, 1, 2, 3, 4, 5, 0, 0])
    found = summarise(memory, run, targets)
    assert (found.samples, found.recalled, found.accuracy, found.converged) == (8, 6, 0.75, 8)
    assert found.nearest.tolist() == list(range(8))
    assert found.steps_max == run.steps.max()
    assert found.steps_median == np.median(run.steps)
    assert found.residual == run.residual.max()
    assert found.lyapunov.holds
    gap = run.final["value"] - memory.memories
    assert math.isclose(found.distance, np.median(np.sqrt((gap**2).mean(axis=-1))))


def test_a_summary_without_targets_and_of_one_query(memory):
    found = summarise(memory, simulate(memory, memory.memories[2], t1=20))
    assert found.recalled is found.accuracy is None
    assert found.nearest.tolist() == [2]
    with pytest.raises(ValueError, match="2 targets for 1 samples"):
        summarise(memory, simulate(memory, memory.memories[2], t1=1), [0, 1])


def test_the_table_says_whether_the_energy_falls():
    patterns = np.sign(np.random.default_rng(0).standard_normal((5, 20)))
    memory = ModernHopfield(patterns, beta=0.5, tau_memory=0)
    good, bad = (simulate(memory, patterns * 0.9, t1=7.5, integrator=Euler(dt)) for dt in (0.2, 2.5))
    found = {"short": summarise(memory, good, range(5)), "long": summarise(memory, bad, range(5))}
    text = printed(recall_table(found, {"short": 5, "long": 4}))
    short, long = (next(line for line in text.splitlines() if line.startswith(f" {name}")) for name in found)
    assert "of 5 cues" in text
    assert short.split()[1:3] == ["5", "5"]
    assert short.split()[-1] == "yes"
    assert "NO: step size" in long
    assert f"{found['long'].lyapunov.max_increase:.1e}" in long


def test_the_table_leaves_out_what_is_not_known(memory):
    one = summarise(memory, simulate(memory, memory.memories[0], t1=1))
    two = summarise(memory, simulate(memory, memory.memories[:2], t1=1))
    text = printed(recall_table({"one": one, "two": two}))
    assert "recalled" not in text
    assert "before" not in text
    assert f"{two.converged}/2" in text


def test_the_table_of_queries():
    table = query_table({"pattern": np.arange(12), "distance": np.full(12, 1 / 3), "right": np.arange(12) > 2})
    text = printed(table)
    assert table.row_count == 10
    assert "0.333" in text
    assert "10 of 12 queries; right 9" in text
    assert [line.split()[-1] for line in text.splitlines() if line[:7].strip().isdigit()] == ["no"] * 3 + ["yes"] * 7


def test_a_report_is_plain_json(tmp_path, memory):
    found = summarise(memory, simulate(memory, memory.memories, t1=2), range(8))
    results = {
        "summary": found,
        "bad": float("nan"),
        "inf": np.inf,
        "path": tmp_path,
        "ints": (np.int64(1), True, None),
    }
    report = json.loads(write_report(tmp_path / "report.json", {"seed": 0}, results).read_text(encoding="utf-8"))
    assert report["settings"] == {"seed": 0}
    assert report["results"]["summary"]["nearest"] == list(range(8))
    assert report["results"]["summary"]["lyapunov"]["holds"] is True
    assert report["results"]["bad"] is report["results"]["inf"] is None
    assert report["results"]["ints"] == [1, True, None]
    assert report["results"]["path"] == str(tmp_path)
    assert {"python", "hopfield", "numpy"} <= set(report["versions"])
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_a_summary_and_a_file_of_every_library(tmp_path, memory, library):
    patterns = to_library(memory.memories, library)
    other = UniversalHopfield(patterns, "euclidean", beta=60.0, tau_memory=0)
    run = simulate(other, patterns[:2], t1=1)
    found = summarise(other, run, [0, 1])
    assert found.recalled == 2
    assert isinstance(found.residual, float)
    with np.load(save_trajectory(tmp_path / "run.npz", run)) as file:
        assert file["times"].tolist() == run.times.tolist()
        assert np.array_equal(file["value"], np.asarray(run.states["value"]))
        assert np.array_equal(file["final_value"], file["value"][-1])
        assert {"energy", "steps", "converged", "residual"} <= set(file)
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_as_many_times_as_fit(memory):
    row = 10 * 6 * 8
    assert times_that_fit(memory, 10, 5.0, 0.1, limit=50 * row) is None
    times = times_that_fit(memory, 10, 5.0, 0.1, limit=50 * row - 1)
    assert np.allclose(times, np.linspace(0, 5, 49))
    assert len(times_that_fit(memory, 10, 5.0, 0.1, limit=50 * row, every_population=True)) == 50 * 6 // 14
    assert times_that_fit(memory, 10, 5.0, 0.1, limit=1).tolist() == [0, 5]
    assert times_that_fit(memory, 10, 5.0, 0.1, count=3).tolist() == [0, 2.5, 5]
    assert times_that_fit(memory, 10, 5.0, np.inf, count=3).tolist() == [0, 2, 5]
    assert times_that_fit(memory, 10, 5.0, 1e300, limit=200 * row) is None
    assert len(times_that_fit(memory, 10, 5.0, 1e300, limit=100 * row)) == 100
    updates = times_that_fit(memory, 10, 50.5, np.inf, limit=20 * row)
    assert len(updates) == 20
    assert (updates[0], updates[-1]) == (0, 50)
    assert (updates % 1 == 0).all()


def test_a_report_holds_what_a_json_file_can(tmp_path):
    """Long doubles as numbers, what is beyond a double as null, names that are no Unicode escaped."""
    numbers = {"long": np.longdouble(1.5), "wide": np.full(2, 0.25, np.longdouble), "inf": np.longdouble("1e4000")}
    others = {
        "long complex": np.clongdouble(1 + 2j),
        "half": np.float16(0.5),
        "name": "a\udcffb",
        "when": np.datetime64(0, "D"),
    }
    path = write_report(tmp_path / "r.json", {"out": "\udcff"}, numbers | others)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["settings"] == {"out": "\udcff"}
    assert found["results"] == {
        "long": 1.5, "wide": [0.25, 0.25], "inf": None,
        "long complex": "(1+2j)", "half": 0.5, "name": "a\udcffb", "when": "1970-01-01",
    }  # fmt: skip


def test_a_report_of_itself_is_refused(tmp_path):
    results = {}
    results["results"] = [results]
    with pytest.raises(ValueError, match="hold themselves"):
        write_report(tmp_path / "r.json", {}, results)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "error", "words"),
    [(".", OSError, "folder"), ("", ValueError, "must name a file"), ("missing/r.json", OSError, "folder")],
)
def test_a_report_is_written_to_a_file_in_a_folder_that_is_there(place, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        write_report(place, {}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.uint32, bool])
def test_patterns_of_whole_numbers_are_summed_up_as_what_they_are(kind, library):
    """Squares of bytes wrap around; every sample of these ends at its own pattern."""
    top = 2 if kind is bool else min(np.iinfo(kind).max, 200)
    patterns = np.random.default_rng(0).integers(0, top, size=(5, 16)).astype(kind)
    floats = patterns.astype(float)
    memory = ModernHopfield(to_library(floats, library), beta=50.0 / (floats**2).sum(axis=1).max())
    run = simulate(memory, to_library(floats, library), t1=0.1)
    found, right = (summarise(rows, run, targets=range(5)) for rows in (patterns, floats))
    assert np.array_equal(found.nearest, right.nearest)
    assert found.distance == pytest.approx(right.distance)
    assert found.recalled == right.recalled == 5
    lists = summarise(patterns.tolist(), run, targets=np.arange(5, dtype=np.uint8))
    assert lists.distance == pytest.approx(right.distance)
    assert recall_table({"whole": found}).row_count == 1


def test_a_summary_says_what_it_cannot_sum_up(memory):
    run = simulate(memory, memory.memories, t1=1)
    with pytest.raises(TypeError, match="Network keeps no stored patterns"):
        summarise(memory.network, run)
    with pytest.raises(ValueError, match="The patterns have 5 values and the states 6"):
        summarise(np.eye(5), run)
    with pytest.raises(ValueError, match="whole numbers from 0 to 7; got numbers from 1 to 8"):
        summarise(memory, run, targets=np.arange(1, 9))
    with pytest.raises(TypeError, match="summarise takes what simulate returned"):
        summarise(memory, memory.memories)


def test_tables_say_what_does_not_fit(memory):
    found = summarise(memory, simulate(memory, memory.memories, t1=1))
    with pytest.raises(TypeError, match="'other' is something else"):
        recall_table({"one": found, "other": 3})
    with pytest.raises(ValueError, match="before has no number for 'one'"):
        recall_table({"one": found}, {"two": 3})
    for fields in ({"a": [1, 2], "b": [1]}, {}):
        with pytest.raises(ValueError, match="one value for each query, and there must be one field"):
            query_table(fields)
    with pytest.raises(ValueError, match="most must be a whole number >= 0, got -1"):
        query_table({"a": [1]}, most=-1)
