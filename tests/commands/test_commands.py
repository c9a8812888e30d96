"""The command line over all models, and the commands that analyse a memory."""

import json

import numpy as np
import pytest

from helpers import call, few
from hopfield.commands._inputs import MODELS
from hopfield.dynamics import Sampled, Steps, simulate
from hopfield.models import ClassicalHopfield, SparseDistributedMemory, UniversalHopfield, catalogue


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with six grey images, and three nearly orthogonal patterns."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("images.npy", rng.random((6, 6, 6)))
    np.save("patterns.npy", np.linalg.qr(rng.standard_normal((5, 3)))[0].T.copy())
    return tmp_path


# --- every model


def test_models_are_listed_with_their_sources():
    text = call("models").output
    for entry in catalogue():
        assert entry.name in text
        assert entry.source.split(",")[0].split(" ")[0] in text


@pytest.mark.parametrize("model", MODELS)
def test_every_model_recalls_its_patterns(folder, model):
    call("recall", "images.npy", "--model", model, "--binary", "0.5", "--noise", "0", "--steps", "20")
    found = read(folder / "hopfield-recall" / "report.json")
    assert len(found["results"]["right"]) == 6
    assert np.load(folder / "hopfield-recall" / "recalled.npy").shape == (6, 36)
    if model not in ("sdm", "bidirectional"):  # those have no room for six random patterns of 36
        assert np.mean(found["results"]["right"]) >= 0.5


MOVING = [entry.name for entry in catalogue() if entry.network and entry.name not in ("universal", "modern")]


@pytest.mark.parametrize("model", few(MOVING, ("classical", "hierarchical")))
def test_every_model_with_a_network_can_be_simulated(folder, model):
    call("simulate", "images.npy", "--model", model, "--binary", "0.5", "--mask", "0.2", "--t1", "3", "--cues", "2")
    found = read(folder / "hopfield-simulation" / "report.json")
    assert found["results"]["summary"]["lyapunov"]["holds"] is True
    assert (folder / "hopfield-simulation" / "overlaps.png").stat().st_size > 3000


def test_settings_of_a_model(folder):
    call("recall", "images.npy", "--model", "classical", "--binary", "0.5", "--noise", "0", "--set", "rule=storkey")
    assert "learning=storkey" in read(folder / "hopfield-recall" / "report.json")["settings"]["memory"]
    call("recall", "images.npy", "--model", "dense", "--binary", "0.5", "--noise", "0", "--set", "n=5")
    assert "x^5" in read(folder / "hopfield-recall" / "report.json")["settings"]["memory"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "classical"), "Add --binary X"),
        (("--model", "clasical"), "Did you mean 'classical'"),
        (("--model", "classical", "--binary", "0.5", "--set", "rul=storkey"), "no setting 'rul'"),
        (("--model", "classical", "--binary", "0.5", "--set", "storkey"), "name=value"),
        (("--model", "classical", "--binary", "0.5", "--similarity", "dot"), "its own rule"),
    ],
)
def test_what_a_model_does_not_take(folder, arguments, words):
    result = call("recall", "images.npy", "--noise", "0", *arguments, code=2)
    assert words in result.output
    assert result.output.count("\n") == 1


def test_a_saved_binary_memory(folder):
    images = np.where(np.load("images.npy").reshape(6, 36) > 0.5, 1.0, -1.0)
    ClassicalHopfield(images).save("memory.npz")
    np.save("queries.npy", images[:2])
    call("recall", "queries.npy", "--model", "memory.npz", "--steps", "5")
    np.testing.assert_array_equal(np.load("hopfield-recall/recalled.npy"), images[:2])


def test_a_model_without_dynamics_in_time(folder):
    result = call("simulate", "images.npy", "--model", "sdm", "--binary", "0.5", "--noise", "0", code=2)
    assert SparseDistributedMemory.__name__ in result.output
    assert "hopfield recall" in result.output


# --- what can be said about a memory


def test_lyapunov(folder):
    result = call("lyapunov", "patterns.npy", "--beta", "6", "--noise", "0.1")
    assert "falls" in result.output.lower() or "holds" in result.output.lower()
    out = folder / "hopfield-lyapunov"
    assert read(out / "report.json")["results"]["holds"] is True
    assert (out / "energy.png").exists()
    assert (out / "lyapunov.json").exists()
    call("lyapunov", "patterns.npy", "--beta", "6", "--noise", "0.1", "--integrator", "relaxation", "--dt", "inf")


def test_lyapunov_ends_with_1_where_the_energy_rises(folder):
    """Squares are the gradient of no convex function, so that the memory itself is to blame."""
    given = ("--separation", "polynomial(2)", "--beta", "3", "--noise", "0.5", "--t1", "2")
    result = call("lyapunov", "patterns.npy", *given, "--integrator", "euler", "--dt", "0.19", code=1)
    assert "not convex" in " ".join(result.output.split())
    found = read(folder / "hopfield-lyapunov" / "report.json")["results"]
    assert found["holds"] is False
    assert found["cause"] == "model"


def test_fixed_points(folder):
    result = call("fixed-points", "patterns.npy", "--beta", "5")
    assert "Morse sum 1" in result.output
    with np.load("hopfield-fixed-points/fixed_points.npz") as found:
        index = found["index"]
    assert sorted(index) == [0, 0, 0, 1, 1, 1, 2]
    assert read(folder / "hopfield-fixed-points" / "report.json")["results"]["points"] == 7
    assert (folder / "hopfield-fixed-points" / "energies.png").exists()


def test_basins(folder):
    call("basins", "patterns.npy", "--beta", "8", "--noise", "0.05", "--resolution", "12")
    out = folder / "hopfield-basins"
    assert {file.name for file in out.iterdir()} >= {"basins.json", "radii.json", "basins.png", "report.json"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    few(
        [
            (
                ("--similarity", "cosine", "--separation", "softmax", "--beta", "9"),
                "no theorem is known for the cosine",
            ),
            (("--separation", "polynomial(3)"), "softmax or max, not polynomial(3)"),
            (("--model", "hierarchical"), "HierarchicalMemory has neither"),
            (("--model", "bidirectional", "--binary", "0"), "BidirectionalMemory has neither"),
        ],
        1,
    ),
)
def test_basins_of_models_without_a_theorem(folder, arguments, words):
    text = call("basins", "patterns.npy", "--noise", "0.05", "--resolution", "6", *arguments).output
    assert words in " ".join(text.split())
    assert not (folder / "hopfield-basins" / "radii.json").exists()
    assert (folder / "hopfield-basins" / "basins.png").exists()
    assert read(folder / "hopfield-basins" / "basins.json")["results"]["basins"]["cues"] == 3


NOISY = {
    **{name: ("--model", name) for name in ("classical", "dense", "exponential", "bidirectional", "hierarchical")},
    **{name: ("--similarity", name, "--beta", "20") for name in ("kl", "reverse_kl", "jeffreys", "jensen_shannon")},
}


# The others differ from these in their domain alone, which tests/analysis/basins/test_cues_of_a_domain.py goes through.
OFTEN = ("kl",)


@pytest.mark.parametrize("name", few(NOISY, OFTEN))
def test_noise_of_any_size_makes_cues_that_the_memory_takes(folder, name):
    rng = np.random.default_rng(1)
    positive = "--similarity" in NOISY[name]
    np.save("rows.npy", rng.uniform(0.1, 1.0, (3, 9)) if positive else rng.choice([-1.0, 1.0], (3, 9)))
    bounded = name not in ("bidirectional", "hierarchical")
    files = {"simulate": "simulation", "lyapunov": "lyapunov", "basins": "basins", "fixed-points": "fixed-points"}
    for command, place in files.items():
        more = {"basins": ("--resolution", "6"), "simulate": ("--t1", "3"), "lyapunov": ("--t1", "3")}.get(command, ())
        text = call(command, "rows.npy", "--noise", "0.4", *NOISY[name], *more).output
        assert ("note: Cues are projected onto" in text) == bounded
        assert (folder / f"hopfield-{place}" / "report.json").exists()
    found = read(folder / "hopfield-basins" / "basins.json")["results"]["basins"]
    assert "Gaussian noise of variance 0.4" in found["law"]
    assert ("projected onto" in found["law"]) == bounded
    assert (folder / "hopfield-basins" / "basins.png").stat().st_size > 3000


def test_cues_of_a_file_must_be_ones_that_the_memory_takes(folder):
    rows = np.random.default_rng(1).choice([-1.0, 1.0], (2, 9))
    np.save("rows.npy", rows)
    np.save("near.npy", rows * (1 + 1e-9))
    np.save("far.npy", rows * 1.25)
    call("basins", "rows.npy", "near.npy", "--model", "classical", "--resolution", "0")
    text = call("basins", "rows.npy", "far.npy", "--model", "classical", code=2).output
    assert "must lie in [-1, 1]" in text
    assert "1.25 at index (0, 0)" in text


def test_copies_and_reverses_in_the_tables_of_commands(folder):
    rows = np.random.default_rng(1).choice([-1.0, 1.0], (1, 30))
    np.save("twice.npy", np.vstack([rows, rows]))
    call("basins", "twice.npy", "--model", "classical", "--noise", "0.1", "--resolution", "0")
    assert read(folder / "hopfield-basins" / "basins.json")["results"]["basins"]["recalled"] == 1
    call("recall", "twice.npy", "--model", "classical", "--binary", "0", "--noise", "0.1", "--steps", "9")
    assert read(folder / "hopfield-recall" / "report.json")["results"]["right"] == [True, True]
    np.save("one.npy", rows)
    call("simulate", "one.npy", "--model", "classical", "--noise", "9", "--seed", "3", "--t1", "30")
    found = read(folder / "hopfield-simulation" / "report.json")["results"]["summary"]
    with np.load(folder / "hopfield-simulation" / "trajectory.npz") as run:
        end = run["value"][-1, 0]
    assert found["recalled"] == int(end @ rows[0] > 0)


def test_fixed_points_of_a_hierarchical_memory_have_the_names_of_its_patterns(folder):
    call("fixed-points", "patterns.npy", "--model", "hierarchical", "--batches", "1")
    with np.load(folder / "hopfield-fixed-points" / "fixed_points.npz") as points:
        assert sorted(points["pattern"][points["kind"] == "memory"]) == [0, 1, 2]


def test_basins_of_patterns_that_span_no_plane(folder):
    np.save("line.npy", np.outer([1.0, 1.0, 2.0, 3.0], [1.0, 2.0]))
    text = call("basins", "line.npy", "--noise", "0.1", "--beta", "2").output
    assert "span no plane" in " ".join(text.split())
    assert not (folder / "hopfield-basins" / "basins.png").exists()


def test_equal_patterns_do_not_spoil_the_plane(folder):
    rows = np.load("patterns.npy")
    np.save("twice.npy", rows[[0, 0, 1, 2]])
    call("basins", "twice.npy", "--noise", "0.01", "--beta", "8", "--resolution", "6")
    assert (folder / "hopfield-basins" / "basins.png").exists()


@pytest.mark.parametrize("name", ["lyapunov", "fixed-points", "basins", "landscape", "rates"])
def test_a_model_without_a_flow(folder, name):
    result = call(name, "images.npy", "--model", "sdm", "--binary", "0.5", "--noise", "0", code=2)
    assert "has no dynamics in time" in result.output
    assert result.output.count("\n") == 1


def test_the_table_of_fixed_points_fits_80_columns(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = call("fixed-points", "images.npy", "--beta", "3").output
    assert "…" not in text
    assert "hits" in text


def test_animate(folder):
    out = folder / "hopfield-animation"
    call("animate", "images.npy", "--similarity", "euclidean", "--beta", "3", "--noise", "0.05", "--query", "2",
         "--seconds", "0.4", "--fps", "5", "--t1", "2")  # fmt: skip
    assert {file.name for file in out.iterdir()} == {"animation.gif", "trajectory.npz", "report.json"}
    assert (out / "animation.gif").read_bytes()[:6] == b"GIF89a"
    assert np.load(out / "trajectory.npz")["value"].shape[1:] == (36,)
    assert read(out / "report.json")["results"]["query"] == 2
    assert "There is no query 9" in call("animate", "images.npy", "--noise", "0", "--query", "9", code=2).output
    assert "gif or mp4" in call("animate", "images.npy", "--noise", "0", "--format", "avi", code=2).output


def test_plot_draws_what_simulate_and_animate_wrote(folder):
    call("simulate", "images.npy", "--noise", "0.05", "--similarity", "euclidean", "--beta", "3", "--t1", "2")
    text = call("plot", "hopfield-simulation/trajectory.npz", "--sample", "4", "--shape", "6x6", "--relative").output
    out = folder / "hopfield-plot"
    assert {file.name for file in out.iterdir()} == {"energy.png", "overlaps.png", "recall.png", "report.json"}
    assert "6 queries from t=0 to 2" in text
    assert "There is no sample 9" in call("plot", "hopfield-simulation/trajectory.npz", "--sample", "9", code=2).output
    assert "There is no file" in call("plot", "nothing.npz", code=2).output
    np.savez("other.npz", a=np.ones(3))
    assert "holds no saved trajectory" in call("plot", "other.npz", code=2).output


def test_rates(folder):
    np.save("pair.npy", [[1.0, 0.0], [-1.0, 0.0]])
    text = call("rates", "pair.npy", "--model", "modern", "--beta", "2", "--temperature", "0.03").output
    out = folder / "hopfield-rates"
    assert {file.name for file in out.iterdir()} >= {"rates.json", "landscape.json", "barriers.png", "report.json"}
    found = read(out / "rates.json")["results"]["escape_rates"]
    assert found["rate"][0][1] == pytest.approx(6.29e-4, rel=1e-3)
    assert found["passage"][1][0] == pytest.approx(1 / 6.29e-4, rel=1e-3)
    assert "5.44 T" in text
    call("rates", "pair.npy", "--model", "modern", "--beta", "2")
    assert read(out / "report.json")["results"]["temperature"] == pytest.approx(0.163262 / 5, rel=1e-4)
    assert "temperature must be" in call("rates", "pair.npy", "--temperature", "-1", code=2).output
    note = call("rates", "pair.npy", "--model", "modern", "--beta", "2", "--temperature", "0.1").output
    assert "good up to T=0.0544 alone" in note


def test_landscape(folder):
    result = call("landscape", "patterns.npy", "--beta", "6")
    assert "saddles" in result.output
    out = folder / "hopfield-landscape"
    assert {file.name for file in out.iterdir()} >= {"landscape.json", "barriers.png", "disconnectivity.png"}


def test_cues_that_are_made_are_not_called_given(folder):
    np.save("images.npy", np.eye(4).reshape(4, 2, 2))
    options = ("--beta", 8, "--no-radii", "--resolution", 0)
    made = call("basins", "images.npy", "--noise", 0.01, "--mask", 0.25, "--seed", 5, *options)
    assert "given" not in made.output
    law = "one for each pattern, with Gaussian noise of variance 0.01, seed 5, "
    law += "with the lowest 0.25 of the image set to 0"
    assert law in " ".join(made.output.split())
    assert read(folder / "hopfield-basins" / "basins.json")["settings"]["law"] == law
    given = call("basins", "images.npy", "images.npy", *options)
    assert "4 cues (given)" in given.output


@pytest.mark.parametrize("shape", [(4, 2, 3), (4, 3, 2, 1), (4, 6)])
def test_what_is_missing_in_a_file_is_counted_as_the_file_counts(folder, shape):
    images = np.ones(shape)
    where = tuple(size - 1 for size in shape)
    images[where] = np.nan
    np.save("holes.npy", images)
    result = call("recall", "holes.npy", "--noise", 0.1, code=2)
    assert f"patterns holds 1 values that are NaN or infinite, the first at index {where}" in result.output
    np.save("whole.npy", np.ones(shape))
    result = call("recall", "whole.npy", "holes.npy", code=2)
    assert f"queries holds 1 values that are NaN or infinite, the first at index {where}" in result.output


# --- what changes in time


def trajectory(folder):
    return np.load(folder / "hopfield-simulation" / "trajectory.npz")


def test_a_current_from_a_table(folder):
    """A row holds from its time on; the run is that of Python."""
    (folder / "kick.csv").write_text("t,a,b,c,d,e\n0.5,3,0,0,0,0\n\n2,0,0,0,0,0\n", encoding="utf-8")
    fixed = ("simulate", "patterns.npy", "--mask", "0", "--shape", "1x5", "--cues", "2", "--t1", "4", "--no-steady")
    call(*fixed, "--saves", "5", "--current", "kick.csv")
    run = simulate(
        UniversalHopfield(np.load("patterns.npy")),
        np.load("patterns.npy")[:2],
        t1=4.0,
        current=Steps([0.5, 2.0], [[3.0, 0, 0, 0, 0], [0.0] * 5]),
        save_at=[0, 1, 2, 3, 4],
    )
    assert np.abs(trajectory(folder)["value"] - run.states["value"]).max() < 1e-12
    assert read(folder / "hopfield-simulation" / "report.json")["results"]["summary"]["lyapunov"]["risen"] >= 0


def test_a_schedule_and_noise_in_time(folder):
    fixed = ("simulate", "patterns.npy", "--mask", "0", "--shape", "1x5", "--t1", "2", "--no-steady", "--saves", "3")
    call(*fixed, "--schedule", "beta=1:20:1", "--schedule", "tau_memory=0.1:0.2:5")
    run = simulate(
        UniversalHopfield(np.load("patterns.npy")),
        np.load("patterns.npy"),
        t1=2.0,
        schedule={"beta": Sampled([0, 1, 2], [1, 20, 20]), "tau_memory": Sampled([0, 5], [0.1, 0.2])},
        save_at=[0, 1, 2],
    )
    assert np.abs(trajectory(folder)["value"] - run.states["value"]).max() < 1e-12
    for noise in (("--noise-in-time", "0.3"), ("--temperature", "0.1", "--set", "tau_memory=0", "--dt", "0.02")):
        call(*fixed, *noise, "--seed", "4")
        first = trajectory(folder)["value"]
        call(*fixed, *noise, "--seed", "4")
        assert np.array_equal(first, trajectory(folder)["value"])
        assert np.abs(first[-1] - first[0]).max() > 0.01
    call("lyapunov", "patterns.npy", "--mask", "0", "--shape", "1x5", "--schedule", "beta=1:20:10", "--t1", "10")
    assert "less the work" in read(folder / "hopfield-lyapunov" / "lyapunov.json")["results"]["lyapunov"]["message"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--schedule", "beta=1:x:3"), "NAME=FROM:TO:TIME"),
        (("--schedule", "betta=1:2:3"), "betta"),
        (("--schedule", "beta=1:2:-3"), "> 0"),
        (("--current", "missing.csv"), "missing.csv"),
        (("--current", "bad.csv"), "no finite number"),
        (("--current", "late.csv"), "must increase"),
        (("--noise-in-time", "0.1", "--temperature", "0.1"), "not both"),
        (("--temperature", "0.1"), "add --tau-memory 0"),
        (("--noise-in-time", "0.1", "--integrator", "rosenbrock"), "equal steps"),
    ],
)
def test_what_cannot_change_in_time(folder, arguments, words):
    (folder / "bad.csv").write_text("0,1\n1,nan\n", encoding="utf-8")
    (folder / "late.csv").write_text("1,1\n0,2\n", encoding="utf-8")
    result = call("simulate", "patterns.npy", "--mask", "0", "--shape", "1x5", "--t1", "2", *arguments, code=2)
    text = " ".join(result.output.split())
    assert words in text
    assert "fault of hopfield" not in text
