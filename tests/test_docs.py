"""The skeletons of docs/developer run as they stand, and do what they say."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import LIBRARIES, to_library, to_numpy
from hopfield import find_fixed_points, simulate
from hopfield.dynamics import Quadratic
from hopfield.dynamics.integrators import INTEGRATORS
from hopfield.models import ModernHopfield, UniversalHopfield, separations, similarities

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "developer"
KINDS = ("similarity", "separation", "synapse", "integrator", "model", "analysis")
PATTERNS = np.random.default_rng(5).choice([-1.0, 1.0], (2, 8))
CUE = 0.8 * PATTERNS[0] * np.where(np.arange(8) == 1, -1.0, 1.0)


@pytest.fixture
def skeleton():
    """What a skeleton defines; the names that it registers are taken back."""
    registries = (similarities, separations, INTEGRATORS)
    before = [dict(one.entries) for one in registries]

    def read(kind):
        return runpy.run_path(str(FOLDER / f"{kind}.py"))

    yield read
    for one, entries in zip(registries, before, strict=True):
        one.entries.clear()
        one.entries.update(entries)


def test_there_is_a_skeleton_for_each_kind():
    assert {file.stem for file in FOLDER.glob("*.py")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_skeleton_runs_and_says_something(kind, tmp_path):
    command = [sys.executable, "-W", "error", str(FOLDER / f"{kind}.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) > 30
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_similarity_is_the_euclidean_one_at_p_2(skeleton, library):
    skeleton("similarity")
    mine, ours = (UniversalHopfield(PATTERNS, kind, beta=0.5).to(library) for kind in ("minkowski(2)", "euclidean"))
    cue = to_library(CUE, library)
    np.testing.assert_allclose(to_numpy(mine.recall(cue)), to_numpy(ours.recall(cue)), rtol=1e-10)
    np.testing.assert_allclose(float(mine.energy(cue)), float(ours.energy(cue)), rtol=1e-10)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_separation_gives_the_gradient_of_its_value(skeleton, library):
    law = skeleton("separation")["Cauchy"]()
    x, u = np.linspace(-3, 3, 8), np.eye(8)
    slope = [(float(law.value(x + 1e-6 * e)) - float(law.value(x - 1e-6 * e))) / 2e-6 for e in u]
    given = to_library(x, library)
    np.testing.assert_allclose(to_numpy(law.activation(given)), slope, atol=1e-8)
    ends = (law.activation(x + 1e-6) - law.activation(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(to_numpy(law.curvature(given, to_library(np.ones(8), library))), ends, atol=1e-8)


def test_the_integrator_is_of_second_order(skeleton):
    skeleton("integrator")
    memory = ModernHopfield(PATTERNS, beta=0.3, tau_memory=0.5)
    exact = simulate(memory, CUE, t1=1.0, integrator="dopri5").final["value"]
    errors = [
        np.abs(simulate(memory, CUE, t1=1.0, integrator=f"heun({dt})").final["value"] - exact).max()
        for dt in (0.1, 0.05)
    ]
    assert 3.3 < errors[0] / errors[1] < 5.0


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_synapse_pulls_to_its_place(skeleton, library):
    from hopfield.dynamics import Network, Population

    place = to_library(np.array([1.0, -2.0]), library)
    network = Network({"x": Population(Quadratic(), 2)}, [skeleton("synapse")["Tether"](place, 3.0)])
    run = simulate(network, {"x": 0 * place}, t1=30.0)
    np.testing.assert_allclose(to_numpy(run.final["x"]), [0.75, -1.5], atol=1e-4)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_model_keeps_the_contract(skeleton, library, tmp_path):
    kind = skeleton("model")["Graded"]
    memory, plain = kind(PATTERNS).to(library), kind(PATTERNS)
    cue = to_library(CUE, library)
    for batch in (cue, to_library(np.stack([CUE, PATTERNS[1]]), library)):
        assert memory.energy(batch).shape == batch.shape[:-1]
        found = memory.retrieve(batch)
        assert found.state.shape == batch.shape
        assert (to_numpy(found.energy) < to_numpy(memory.energy(batch))).all()
    np.testing.assert_allclose(to_numpy(memory.recall(cue)), plain.recall(CUE), rtol=1e-9)
    assert int(memory.retrieve(cue).pattern) == 0
    back = kind.load(memory.replace(beta=2.0).save(tmp_path / "mine"))
    np.testing.assert_array_equal(back.memories, PATTERNS)
    assert back.beta == 2.0
    with pytest.raises(ValueError, match=r"query has shape \(3,\)"):
        memory.energy(np.ones(3))


def test_the_analysis_finds_the_barrier_of_the_census(skeleton):
    memory = ModernHopfield(np.eye(2), beta=8.0)
    found = skeleton("analysis")["speeds"](memory, *find_fixed_points(memory, seed=0).select([0, 1]).activation)
    census = find_fixed_points(memory, seed=0)
    rise = census.energy[census.index == 1].min() - census.energy[census.index == 0].max()
    np.testing.assert_allclose(found.barrier, rise, atol=1e-6)
    assert found.speed[[0, 50, -1]].max() < 1e-6 < found.speed[25]
