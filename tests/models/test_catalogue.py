"""Every model of the catalogue is built by its name from patterns alone, and does what all models do."""

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import hopfield.models
from helpers import to_library, to_numpy
from hopfield.dynamics import simulate
from hopfield.dynamics.network import Network
from hopfield.models import build, catalogue
from hopfield.models._storage import Stored

NAMES = [entry.name for entry in catalogue()]


@pytest.fixture
def patterns():
    return np.random.default_rng(1).choice([-1.0, 1.0], size=(5, 100))


@pytest.fixture
def cues(patterns):
    rng = np.random.default_rng(2)
    return np.where(rng.random(patterns.shape) < 0.1, -patterns, patterns)


def test_the_catalogue_has_every_model():
    found = {entry.model for entry in catalogue()}
    public = {getattr(hopfield.models, name) for name in hopfield.models.__all__}
    models = {
        thing
        for thing in public
        if inspect.isclass(thing) and issubclass(thing, Stored) and not inspect.isabstract(thing)
    }
    assert found == models - {
        hopfield.models.Autoencoder,
        hopfield.CovarianceMemory,
        hopfield.PredictiveCodingMemory,
    }  # which learn, and some are cued with a part
    assert len(set(NAMES)) == len(NAMES)
    for entry in catalogue():
        assert "arXiv:" in entry.source or "doi:" in entry.source or "MIT Press" in entry.source
        assert entry.states in ("continuous", "binary", "both")
        assert entry.rule
        assert entry.capacity


@pytest.mark.parametrize(
    ("library", "dtype"),
    [
        ("numpy", "float64"),
        ("numpy", "float32"),
        ("torch", "float32"),
        pytest.param("jax", "float64", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("entry", catalogue(), ids=NAMES)
def test_every_model_is_built_recalls_retrieves_saves_and_loads(entry, library, dtype, patterns, cues, tmp_path):
    pytest.importorskip(library)
    memory = build(entry.name, to_library(patterns.astype(dtype), library))
    assert type(memory) is entry.model
    cue = to_library(cues.astype(dtype), library)
    recalled = to_numpy(memory.recall(cue))
    assert recalled.dtype == dtype
    assert (np.sign(recalled) == patterns).mean() > 0.97
    found = memory.retrieve(cue)
    assert found.converged.all()
    np.testing.assert_array_equal(found.pattern, np.arange(5))
    np.testing.assert_array_equal(np.sign(to_numpy(found.state)), patterns)
    assert to_numpy(found.state).shape == patterns.shape
    assert entry.model.__name__ in repr(memory)
    assert tuple(memory.check_query(cue).shape) == cues.shape
    again: Any = Stored.load(memory.save(tmp_path / entry.name))
    assert repr(again) == repr(memory.to("numpy"))
    np.testing.assert_allclose(again.recall(cues.astype(dtype)), recalled, atol=1e-4 if dtype == "float32" else 1e-11)


@pytest.mark.parametrize("entry", [entry for entry in catalogue() if entry.network], ids=lambda entry: entry.name)
def test_what_has_an_energy_has_a_network_that_is_simulated(entry, patterns, cues):
    memory = build(entry.name, patterns)
    assert isinstance(memory.network, Network)
    start = 0.9 * cues if entry.name in ("classical", "dense", "exponential") else cues
    run = simulate(memory, start, t1=3.0)
    slack = 16 * np.finfo(float).eps * run.energy_scale.max()
    assert (np.diff(run.energy, axis=0) <= slack).all()


def test_what_has_none_has_no_network(patterns):
    (entry,) = [entry for entry in catalogue() if not entry.network]
    assert not hasattr(build(entry.name, patterns), "network")
    assert entry.energy.startswith("none")


def test_binary_models_refuse_grey_values(patterns):
    for entry in catalogue():
        if entry.binary:
            with pytest.raises(ValueError, match=r"numpy\.where"):
                build(entry.name, 0.5 * patterns)
        else:
            build(entry.name, 0.5 * patterns)


def test_settings_reach_the_class(patterns):
    assert build("modern", patterns, beta=7.0).beta == 7.0
    assert build("universal", patterns, similarity="manhattan").rule.similarity.name == "manhattan"
    memory = build("sdm", patterns, n_locations=300, radius=40, seed=3)
    assert memory.locations.shape == (300, 100)
    assert memory.radius == 40
    assert build("sdm", (patterns + 1) / 2).coding == "binary"
    assert build("bidirectional", patterns, partners=patterns[:, :9]).projection.shape == (5, 9)
    assert build("hierarchical", patterns, hidden=77).layers[1].size == 77
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert build("dense", patterns, n=4).n == 4


def test_an_unknown_name_is_answered_with_the_nearest(patterns):
    with pytest.raises(ValueError, match="Did you mean 'hierarchical'") as caught:
        build("hierarchial", patterns)
    for name in NAMES:
        assert name in str(caught.value)
    with pytest.raises(TypeError, match="bta"):
        build("modern", patterns, bta=1.0)
