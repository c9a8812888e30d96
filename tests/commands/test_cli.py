"""The command line: what each command prints and writes, and what it says of bad input."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

import hopfield
from helpers import call
from hopfield import ModernHopfield, Relaxation, UniversalHopfield, simulate
from hopfield.cli import app, main
from hopfield.commands._demo import digits, recall_corrupted


def report(folder):
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with images, rows, queries, labels and a saved memory."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    images = rng.random((6, 4, 4))
    np.save("images.npy", images)
    np.save("rows.npy", images.reshape(6, 16))
    np.save("queries.npy", images[:3] + 0.05 * rng.standard_normal((3, 4, 4)))
    np.savez("both.npz", images=images, labels=np.arange(6))
    np.savez("one.npz", patterns=images)
    np.save("colour.npy", rng.random((4, 3, 4, 4)))
    np.save("bytes.npy", (images * 255).astype(np.uint8))
    UniversalHopfield(images.reshape(6, 16), "euclidean", beta=20.0).save("memory.npz")
    return tmp_path


def pictures(folder):
    return {file.name for file in folder.glob("*.png") if file.stat().st_size > 3000}


SHARP = ("--similarity", "euclidean", "--beta", "20")

# --- the face


def test_version():
    assert call("--version").output == f"hopfield {hopfield.__version__}\n"


def test_main_takes_no_arguments(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hopfield", "--version"])
    with pytest.raises(SystemExit) as leave:
        main()
    assert leave.value.code == 0
    assert hopfield.__version__ in capsys.readouterr().out


def test_help_names_the_commands():
    text = call("--help").output
    assert all(name in text for name in ("demo", "recall", "simulate", "--version"))
    assert "hopfield demo" in text
    order = ("Store and recall", " simulate ", "Ask about a memory", " landscape ", "Experiments", " reproduce ")
    places = [text.index(words) for words in order]
    assert places == sorted(places)


@pytest.mark.parametrize("command", ["demo", "recall", "simulate"])
def test_help_of_a_command_teaches(command):
    text = " ".join(call(command, "--help").output.split())
    assert f"Example: hopfield {command}" in text
    for option in ("--similarity", "--separation", "--beta", "--backend", "--seed", "--out", "--debug"):
        assert option in text


def test_help_needs_nothing_heavy():
    heavy = ("matplotlib", "sklearn", "scipy", "jax", "torch")
    code = f"import sys, hopfield.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- demo


def test_demo(tmp_path):
    out = tmp_path / "a" / "demo"
    text = call("demo", "--out", out).output
    assert pictures(out) == {"energy.png", "recall.png", "overlaps.png"}
    for words in ("manhattan", "beta=2", "noise, σ² = 0.1", "lower half hidden", "recalled", "energy", "report.json"):
        assert words in text
    assert text.count(" yes ") == 3
    assert max(len(line) for line in text.splitlines() if "Written" not in line) <= 80
    found = report(out)
    assert found["settings"]["seed"] == 0
    assert found["settings"]["stored"] == 100
    assert found["versions"]["hopfield"] == hopfield.__version__
    noise, hidden = found["results"]["noise, σ² = 0.1"], found["results"]["lower half hidden"]
    assert noise["summary"]["recalled"] >= 90
    assert noise["before"] >= 85
    assert 60 <= hidden["summary"]["recalled"] <= 85
    assert hidden["before"] <= 40
    spots = found["results"]["50% black or white"]
    before, after = spots["before"], spots["summary"]["recalled"]
    assert before < 50 < 90 < after
    headline = " ".join(text.split())
    assert headline.startswith(f"50% black or white: {before} of 100 digits were nearest to their own before")
    assert f"{after} after it. The energy fell in every run." in headline
    for result in (noise, hidden, spots):
        assert result["summary"]["samples"] == result["summary"]["converged"] == 100
        assert result["summary"]["lyapunov"]["holds"] is True
        assert result["summary"]["lyapunov"]["max_rate"] is not None
        assert len(result["summary"]["nearest"]) == 100


@pytest.mark.broad
def test_demo_does_what_its_options_say_and_can_be_repeated(tmp_path):
    options = ("--stored", 12, "--cues", 5, "--mask", 0.25, "--fill", 0.5, "--similarity", "euclidean", "--beta", 5)
    call("demo", *options, "--dt", "inf", "--noise", 0.05, "--seed", 3, "--out", tmp_path)
    rng = np.random.default_rng(3)
    memory = UniversalHopfield(digits(12, rng), "euclidean", beta=5.0)
    options = {"noise": 0.05, "hidden": 0.25, "fill": 0.5, "cues": 5, "integrator": Relaxation(dt=math.inf)}
    again = recall_corrupted(memory, **options, seed=rng)
    results = report(tmp_path)["results"]
    assert list(results) == list(again) == ["noise, σ² = 0.05", "lowest 25% hidden", "50% black or white"]
    for name, found in again.items():
        assert results[name]["before"] == found.before
        assert results[name]["summary"]["nearest"] == found.summary.nearest.tolist()
        assert results[name]["summary"]["residual"] == found.summary.residual
        assert results[name]["statistics"]["integrator"] == found.trajectory.statistics["integrator"]


# --- recall


def test_recall_applies_the_rule_once(folder):
    text = call("recall", "images.npy", "queries.npy", *SHARP).output
    out = folder / "hopfield-recall"
    patterns, queries = np.load("rows.npy"), np.load("queries.npy").reshape(3, 16)
    memory = UniversalHopfield(patterns, "euclidean", beta=20.0)
    assert np.array_equal(np.load(out / "recalled.npy"), memory.recall(queries))
    assert report(out)["results"]["pattern"] == [0, 1, 2]
    assert pictures(out) == {"recall.png"}
    assert "3 of 3 queries" in text
    assert "recalled.npy, recall.png, report.json" in text


def test_recall_until_nothing_moves(folder):
    text = call("recall", "rows.npy", "queries.npy", *SHARP, "--steps", 50, "--out", "many").output
    found = report(folder / "many")["results"]
    assert found["converged"] == [True] * 3
    assert max(found["distance"]) < 1e-2
    assert "converged 3" in text


def test_recall_of_rows_draws_no_picture_unless_it_knows_their_shape(folder):
    call("recall", "rows.npy", "--noise", 0.001, *SHARP, "--out", "rows")
    assert pictures(folder / "rows") == set()
    assert report(folder / "rows")["results"]["right"] == [True] * 6
    call("recall", "rows.npy", "--mask", 0.25, "--shape", "4x4", *SHARP, "--out", "images")
    assert pictures(folder / "images") == {"recall.png"}


def test_recall_with_a_saved_memory(folder):
    call("recall", "queries.npy", "--model", "memory.npz", "--out", "saved")
    call("recall", "images.npy", "queries.npy", *SHARP, "--out", "built")
    first, second = (np.load(folder / name / "recalled.npy") for name in ("saved", "built"))
    assert np.array_equal(first, second)
    call("recall", "--model", "memory.npz", "--noise", 0.001, "--cues", 2, "--out", "made")
    assert report(folder / "made")["results"]["right"] == [True, True]


def test_recall_of_pairs(folder):
    rows = np.load("rows.npy")
    UniversalHopfield(rows, "euclidean", beta=50.0, projection=np.eye(6)).save("pairs.npz")
    call("recall", "images.npy", "--model", "pairs.npz", "--out", "pairs")
    assert np.allclose(np.load(folder / "pairs" / "recalled.npy"), np.eye(6), atol=1e-6)
    assert report(folder / "pairs")["results"]["pattern"] == list(range(6))
    call("recall", "images.npy", "--model", "pairs.npz", "--steps", 9, "--out", "more")
    assert np.load(folder / "more" / "recalled.npy").shape == (6, 6)


def test_the_modern_memory(folder):
    call("recall", "rows.npy", "queries.npy", "--model", "modern", "--beta", 3)
    memory = ModernHopfield(np.load("rows.npy"), beta=3.0)
    queries = np.load("queries.npy").reshape(3, 16)
    assert np.array_equal(np.load("hopfield-recall/recalled.npy"), memory.recall(queries))


def test_colour_images_and_bytes(folder):
    call("recall", "colour.npy", "--noise", 0.01, *SHARP, "--out", "colour")
    assert pictures(folder / "colour") == {"recall.png"}
    call("recall", "bytes.npy", "--scale", 255, "--noise", 0.0, *SHARP, "--out", "bytes")
    assert np.load("bytes/recalled.npy").max() <= 1


def test_arrays_in_one_file(folder):
    call("recall", "one.npz", "--noise", 0.0)
    call("recall", "both.npz", "--patterns-key", "images", "--noise", 0.0)
    call("recall", "both.npz", "both.npz", "--patterns-key", "images", "--queries-key", "images")


def test_the_backend_and_the_dtype(folder, library):
    for dtype in ("float32", "float64"):
        options = ("--backend", library, "--dtype", dtype, "--out", dtype)
        text = call("recall", "images.npy", "queries.npy", *SHARP, *options).output
        assert f"{library} {dtype}" in " ".join(text.split())
        assert np.load(f"{dtype}/recalled.npy").dtype == dtype
    memory = UniversalHopfield(np.load("rows.npy"), "euclidean", beta=20.0)
    expected = memory.recall(np.load("queries.npy").reshape(3, 16))
    assert np.allclose(np.load("float64/recalled.npy"), expected, rtol=1e-12)
    assert np.allclose(np.load("float32/recalled.npy"), expected, rtol=1e-3)


def test_warnings_are_notes(folder):
    result = call("recall", "rows.npy", "queries.npy", "--separation", "polynomial(3)")
    assert "note: UniversalHopfield: the energy has no lower bound" in result.stderr
    assert "Warning" not in result.output


@pytest.mark.filterwarnings("default")
def test_warnings_of_other_packages_are_no_notes(folder, monkeypatch):
    class Future(UserWarning, DeprecationWarning):
        pass

    def warn(*_, **__):
        for kind in (Future, DeprecationWarning, RuntimeWarning):
            warnings.warn("a word of theirs", kind, stacklevel=1)
        raise ValueError("the end")

    monkeypatch.setattr("hopfield.commands.memory.load_inputs", warn)
    assert call("recall", "rows.npy", code=2).stderr == "error: the end\n"


# --- simulate


def test_simulate_writes_the_trajectory(folder):
    result = call("simulate", "images.npy", "queries.npy", *SHARP, "--t1", 3)
    assert result.stderr == ""
    out = folder / "hopfield-simulation"
    assert pictures(out) == {"energy.png", "overlaps.png", "recall.png"}
    memory = UniversalHopfield(np.load("rows.npy"), "euclidean", beta=20.0)
    run = simulate(memory, np.load("queries.npy").reshape(3, 16), t1=3.0, stop="steady")
    with np.load(out / "trajectory.npz") as found:
        assert np.array_equal(found["times"], run.times)
        assert np.array_equal(found["value"], run.states["value"])
        assert np.array_equal(found["energy"], run.energy)
        assert found["final_memory"].shape == (3, 6)
        assert "memory" not in found
    assert report(out)["results"]["summary"]["lyapunov"]["holds"] is True
    assert report(out)["settings"]["queries"] == "queries.npy"
    assert "3 of 3 queries" in result.output
    assert "of 3 cues" in result.output


def test_simulate_counts_what_is_recalled_from_made_cues(folder):
    text = call("simulate", "rows.npy", "--noise", 0.01, "--seed", 5, *SHARP, "--save-memory", "--out", "made").output
    assert report(folder / "made")["results"]["summary"]["recalled"] == 6
    assert "right 6" in text
    with np.load("made/trajectory.npz") as found:
        assert found["memory"].shape[1:] == (6, 6)
    assert pictures(folder / "made") == {"energy.png", "overlaps.png"}


def test_simulate_in_updates_at_chosen_times_and_to_the_end(folder):
    shared = ("simulate", "rows.npy", "queries.npy", *SHARP, "--t1", 8)
    call(*shared, "--dt", "inf", "--no-steady", "--out", "updates")
    assert np.load("updates/trajectory.npz")["times"].tolist() == list(range(9))
    call(*shared, "--saves", 5, "--out", "times")
    assert np.load("times/trajectory.npz")["times"].tolist() == [0, 2, 4, 6, 8]


def test_simulate_with_another_librarys_solver(folder):
    call("simulate", "rows.npy", "queries.npy", *SHARP, "--t1", 1, "--integrator", "scipy")
    assert np.load("hopfield-simulation/trajectory.npz")["times"][-1].tolist() == [1.0] * 3


def test_simulate_saves_what_fits(folder, monkeypatch):
    monkeypatch.setattr("hopfield.analysis.results._trajectories.LIMIT", 3 * 16 * 8 * 11)
    result = call("simulate", "rows.npy", "queries.npy", *SHARP, "--t1", 5)
    assert "11 times are saved" in result.stderr
    assert len(np.load("hopfield-simulation/trajectory.npz")["times"]) == 11


@pytest.mark.parametrize("command", ["recall", "simulate"])
def test_a_pipe_sees_no_bar(folder, command):
    assert call(command, "rows.npy", "queries.npy", *SHARP).stderr == ""


# --- bad input

BAD = {
    "no patterns": ([], "Which patterns? Give a file"),
    "no cues": (["rows.npy"], "make some: --noise 0.1, --mask 0.5"),
    "no such file": (["nothing.npy", "queries.npy"], "There is no file 'nothing.npy'"),
    "no such queries": (["rows.npy", "nothing.npy"], "There is no file 'nothing.npy'"),
    "not an array": (["text.npy", "queries.npy"], "or holds Python objects"),
    "empty file": (["empty.npy", "queries.npy"], "cannot be read"),
    "no key": (["both.npz", "queries.npy"], "holds 2 arrays: images, labels. Choose one with --patterns-key"),
    "no query key": (["rows.npy", "both.npz"], "Choose one with --queries-key"),
    "wrong key": (
        ["both.npz", "queries.npy", "--patterns-key", "image"],
        "Did you mean 'images'? Known: images, labels",
    ),
    "needless key": (["rows.npy", "queries.npy", "--patterns-key", "x"], "without keys"),
    "labels": (["both.npz", "queries.npy", "--patterns-key", "labels"], "The array has shape (6,)"),
    "widths": (["rows.npy", "colour.npy"], "(4, 48) but must be (..., 16): 6 patterns of 16 values are stored"),
    "channels last": (["last.npy", "last.npy"], "numpy.moveaxis(images, -1, 1)"),
    "not finite": (["nan.npy", "rows.npy"], "NaN or infinite, the first at index (0, 1)"),
    "objects": (["objects.npy", "rows.npy"], "Python objects"),
    "model": (["rows.npy", "queries.npy", "--model", "modren"], "Did you mean 'modern'?"),
    "not a memory": (["queries.npy", "--model", "rows.npy"], "is not a saved memory"),
    "another npz": (["queries.npy", "--model", "one.npz"], "holds no saved memory"),
    "two of a kind": (["rows.npy", "queries.npy", "--model", "memory.npz"], "has its own patterns"),
    "beta of a saved one": (["queries.npy", "--model", "memory.npz", "--beta", "3"], "has its own patterns"),
    "similarity": (["rows.npy", "queries.npy", "--similarity", "cosin"], "Did you mean 'cosine'?"),
    "separation": (["rows.npy", "queries.npy", "--separation", "softmin"], "Did you mean 'softmax'?"),
    "modern with a distance": (["rows.npy", "queries.npy", "--model", "modern", "--similarity", "cosine"], "own rule"),
    "beta": (["rows.npy", "queries.npy", "--beta", "-1"], "beta must be > 0"),
    "backend": (["rows.npy", "queries.npy", "--backend", "numppy"], "Did you mean 'numpy'?"),
    "device": (["rows.npy", "queries.npy", "--device", "cuda"], "NumPy arrays live on the CPU"),
    "dtype": (["rows.npy", "queries.npy", "--dtype", "float16"], "Unknown dtype 'float16'"),
    "both cues": (["rows.npy", "queries.npy", "--noise", "0.1"], "leave out QUERIES"),
    "mask of rows": (["rows.npy", "--mask", "0.5"], "add their --shape"),
    "mask": (["images.npy", "--mask", "1.5"], "fraction must be from 0"),
    "noise": (["images.npy", "--noise", "-1"], "variance must be >= 0"),
    "shape": (["rows.npy", "--mask", "0.5", "--shape", "4,4"], "HEIGHTxWIDTH"),
    "another shape": (["rows.npy", "--mask", "0.5", "--shape", "4x5"], "have 20 values, but the rows have 16"),
    "scale": (["rows.npy", "queries.npy", "--scale", "0"], "scale must be > 0"),
    "out": (["rows.npy", "queries.npy", "--out", "rows.npy"], "rows.npy"),
}


@pytest.fixture
def bad_files(folder):
    (folder / "text.npy").write_text("one, two, three\n")
    (folder / "empty.npy").write_bytes(b"")
    np.save("last.npy", np.zeros((5, 4, 4, 3)))
    np.save("nan.npy", np.array([[0.0, np.nan], [1.0, 2.0]]))
    np.save("objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


def told(result, words):
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2(bad_files, case):
    arguments, words = BAD[case]
    told(call("recall", *arguments, code=2), words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--integrator", "euller"], "Did you mean 'euler'?"),
        (["--integrator", "euler", "--dt", "5"], "Use integrator=Relaxation(dt=5)"),
        (["--integrator", "scipy", "--dt", "0.1"], "chooses its own steps"),
        (["--integrator", "scipy", "--similarity", "manhattan"], "stalls where forces jump"),
        (["--dt", "0"], "dt must be > 0"),
        (["--t1", "-1"], "t1 must be > 0"),
        (["--similarity", "manhattan", "--separation", "identity"], "weights of both signs"),
        (["--separation", "polynomial(3)", "--beta", "9", "--t1", "200"], "became NaN or infinite"),
    ],
)
def test_simulations_that_cannot_be(folder, arguments, words):
    result = call("simulate", "rows.npy", "--noise", 0.1, *arguments, code=2)
    *notes, error = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert words in error
    assert all(note.startswith("note: ") for note in notes)


@pytest.mark.parametrize("arguments", [["demo", "--stored", 0], ["demo", "--stored", 1798], ["demo", "--seed", -1]])
def test_numbers_out_of_range(arguments):
    assert "Invalid value" in call(*arguments, code=2).output


# --- folders, names and devices as people write them

COMMANDS = (
    "demo",
    "recall",
    "simulate",
    "lyapunov",
    "fixed-points",
    "basins",
    "landscape",
    "animate",
    "rates",
    "capacity",
    "robustness",
)


@pytest.mark.parametrize(
    ("command", "out"),
    [(command, "--help") for command in (*COMMANDS, "reproduce")]
    + [("recall", out) for out in ("", "  ", "--noise", "-x")],
)
def test_a_folder_that_is_a_forgotten_value_is_refused(folder, command, out):
    before = sorted(folder.iterdir())
    text = " ".join(call(command, "--out", out, code=2).output.replace("│", " ").split())
    assert "Invalid value for '--out'" in text
    assert "it is empty" in text or f"looks like an option. Give a folder; one of that name is written ./{out}" in text
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("out", ["./-x", "a[/]b", "[bold]y", ":smile:", "[link=x]", "a b\u2028c", "\\[x]"])
def test_a_folder_may_have_any_name(folder, out):
    text = call("recall", "rows.npy", "--noise", 0.0, "--out", out).output
    assert (folder / out / "report.json").exists()
    assert f"Written to {out.removeprefix('./')}: recalled.npy, report.json\n" in text
    assert report(folder / out)["settings"]["out"] == out.removeprefix("./")


def test_a_bad_experiment_leaves_no_folder(folder):
    call("capacity", "--sizes", "10,many", code=2)
    call("robustness", "--levels", "much", code=2)
    assert not list(folder.glob("hopfield-*"))


@pytest.mark.parametrize(
    ("library", "device"), [("jax", "cpu:7"), ("jax", "nowhere"), ("torch", "cuda:9"), ("torch", "meta")]
)
def test_a_device_that_is_not_there_is_a_sentence(folder, library, device):
    pytest.importorskip(library)
    result = call("recall", "rows.npy", "queries.npy", "--backend", library, "--device", device, code=2)
    told(result, f"device {device!r}" if f"device {device!r}" in result.stderr else f"device={device!r}")


def test_bytes_in_the_order_of_other_machines(folder):
    rows = np.load("rows.npy")
    np.save("swapped.npy", rows.astype(">f8"))
    call("recall", "swapped.npy", "queries.npy", *SHARP, "--out", "a")
    call("recall", "rows.npy", "queries.npy", *SHARP, "--out", "b")
    assert np.array_equal(np.load("a/recalled.npy"), np.load("b/recalled.npy"))


def test_patterns_of_long_doubles_have_a_report(folder):
    np.save("long.npy", np.load("rows.npy").astype(np.longdouble))
    call("recall", "long.npy", "--noise", 0.0, *SHARP)
    assert report(folder / "hopfield-recall")["results"]["right"] == [True] * 6


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("beta=2", "give --beta 2."),
        ("similarity=cosine", "give --similarity cosine."),
        ("separation=max", "give --separation max."),
        ("model=modern", "give --model modern."),
        ("patterns=x.npy", "give the file of the patterns"),
        ("memories=3", "give the file of the patterns"),
        ("name=modern", "give the file of the patterns"),
        ('leak={"a": 1}', "A setting is a number"),
        ("leak=" + "[" * 10_000, "leak must be one number"),
        ("leak=" + "9" * 5000, "leak"),
        ("leka=1", "no setting 'leka'"),
    ],
)
def test_settings_that_are_none(folder, setting, words):
    told(call("recall", "rows.npy", "--noise", 0.1, "--set", setting, code=2), words)


def test_a_setting_is_given_once(folder):
    told(
        call("recall", "rows.npy", "--noise", 0, "--set", "leak=1", "--set", "leak=2", code=2),
        "is there twice: 1 and 2",
    )


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        ("nan", "--binary is a number"),
        ("inf", "--binary is a number"),
        ("7", "makes all patterns equal"),
        ("-1", "equal"),
    ],
)
def test_a_threshold_lies_among_the_values(folder, threshold, words):
    told(call("recall", "rows.npy", "--noise", 0.1, "--model", "classical", "--binary", threshold, code=2), words)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("command", [("demo",), ("recall", "images.npy", "--mask", 0.5)])
def test_hidden_pixels_hold_a_number(folder, command, value):
    text = call(*command, "--fill", value, code=2).output
    assert f"Invalid value for '--fill': '{value}' is no finite number." in text


@pytest.mark.parametrize("option", ["--noise", "--mask", "--scale", "--beta"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_that_are_none(folder, option, value):
    cue = () if option in ("--noise", "--mask") else ("--mask", 0.5)
    told(call("recall", "images.npy", *cue, option, value, code=2), "must")


# --- ways to end


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("the library\n  is gone"), 2, "error: the library is gone"),
        (RecursionError("maximum recursion depth exceeded"), 2, "error: RecursionError: maximum .* This is a fault of"),
        (
            AttributeError("'x' has no attribute 'y'"),
            2,
            "error: AttributeError: 'x' .* This is a fault of hopfield: --deb",
        ),
        (AssertionError(), 2, "error: AssertionError. This is a fault of hopfield: --debug shows where it is."),
        (MemoryError(), 2, "error: There is not enough memory for that."),
        (KeyError("shape"), 2, "error: KeyError: 'shape'. This is a fault"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_no_error_is_a_traceback(folder, monkeypatch, error, code, words):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("hopfield.commands.memory.load_inputs", fail)
    result = call("recall", "rows.npy", "--noise", 0.1, code=code)
    assert re.match(words, result.stderr)
    assert result.stderr.count("\n") == 1
    monkeypatch.setattr("hopfield.commands.memory.load_inputs", fail)
    assert isinstance(CliRunner().invoke(app, ["recall", "rows.npy", "--debug"]).exception, type(error) | SystemExit)


def program(*arguments, **options):
    """The program in a process of its own."""
    # A shell ignores interrupts for its jobs, and their children with it.
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heeds}; from hopfield.cli import main; main()"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], **(pipes | options))


def test_two_commands_on_one_folder(folder):
    from hopfield.analysis.experiments._cells import run_cells

    def meanwhile(cell):
        call("capacity", "--sizes", "5", "--runs", 1, "--out", "x")
        return 0.5

    assert run_cells(meanwhile, [{"x": 0}], out="x/cells.jsonl") == [0.5]
    cells = [json.loads(line) for line in (folder / "x" / "cells.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sum('"x"' in json.dumps(cell) for cell in cells) == 1
    assert len(cells) > 1


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_experiment_ends_in_one_word_and_goes_on(folder, jobs):
    np.savez("many.npz", images=np.random.default_rng(0).integers(0, 256, (2100, 16, 16), dtype=np.uint8))
    options = ("capacity", "--data", "many.npz", "--sizes", "5,1000", "--runs", 2, "--jobs", jobs, "--out", "x")
    process = program(*options)
    limit = time.monotonic() + 60
    while time.monotonic() < limit and not (folder / "x" / "cells.jsonl").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error, out) == (130, "interrupted\n", "")


@pytest.mark.skipif(os.name == "nt", reason="no such pipes")
def test_a_pipe_that_is_closed_is_no_error(folder):
    process = program("models")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.wait()
    process.stderr.close()


@pytest.mark.broad
def test_a_terminal_without_greek_letters(folder):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = program("demo", "--stored", 5, "--cues", 2, "--t1", 1, env=environment)
    out, error = process.communicate(timeout=100)
    assert (process.returncode, error) == (0, "")
    assert r"noise, \u03c3\xb2 = 0.1" in out


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_folder_whose_name_is_no_text(folder):
    process = program("recall", "rows.npy", "--noise", 0, "--out", os.fsdecode(b"a\xffb"))
    out, error = process.communicate(timeout=100)
    assert (process.returncode, error) == (0, "")
    assert r"Written to a\udcffb: " in out
    assert (folder / os.fsdecode(b"a\xffb") / "report.json").exists()


def test_debug_shows_the_traceback(folder):
    result = CliRunner().invoke(app, ["recall", "nothing.npy", "queries.npy", "--debug"])
    assert isinstance(result.exception, FileNotFoundError)
    assert result.exc_info[2] is not None


def test_the_program_ends_with_code_2_and_without_traceback(folder):
    code = "from hopfield.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "recall", "nothing.npy", "queries.npy"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    told(done, "There is no file 'nothing.npy'")
