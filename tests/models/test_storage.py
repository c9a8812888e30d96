"""Files of memories: what is written is read back, whole or not at all, and strangers are refused."""

import json
import warnings

import numpy as np
import pytest

from helpers import to_library, to_numpy
from hopfield.dynamics import (
    CustomLagrangian,
    Entmax,
    Exponential,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Max,
    Power,
    Quadratic,
    RectifiedPower,
    Softplus,
    Sparsemax,
    Spherical,
    Threshold,
    TopK,
    simulate,
)
from hopfield.models import AssociativeMemory, Custom, Dot, ModernHopfield, UniversalHopfield
from hopfield.models.storage import FORMAT, read, write

SEPARATIONS = [
    LogSumExp(0.5),
    Max(),
    TopK(2),
    Sparsemax(2.0),
    Entmax(1.25, 3.0),
    LogCosh(0.7),
    Power(4, 2.0),
    RectifiedPower(3, 0.5),
    Quadratic(),
    Quadratic(2.0),
    Exponential(0.3),
    Softplus(4.0),
    Threshold(0.5, 2.0),
]
VALUES = [None, LogCosh(2.0), LayerNorm(1.5, 0.25, 1e-3), LayerNorm(2.0, np.array([0.5, -0.5, 0.25])), Spherical()]


def universal(rng, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return UniversalHopfield(rng.normal(size=(4, 3)), **options)


def same(memory, other, query):
    """Whether two memories are of one class, settings and behaviour."""
    assert type(other) is type(memory)
    assert repr(other) == repr(memory)
    assert other.memories.dtype == memory.memories.dtype
    np.testing.assert_array_equal(other.memories, memory.memories)
    np.testing.assert_array_equal(other.recall(query), memory.recall(query))
    for name in ("beta", "tau_value", "tau_memory"):
        assert getattr(other, name) == getattr(memory, name)
    np.testing.assert_array_equal(other.bias, memory.bias)


def loaded(memory, folder):
    path = memory.save(folder / "memory.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return type(memory).load(path)


@pytest.mark.parametrize("separation", SEPARATIONS, ids=repr)
def test_every_separation_comes_back(separation, rng, tmp_path):
    memory = universal(rng, separation=separation)
    back = loaded(memory, tmp_path)
    same(memory, back, rng.normal(size=(5, 3)))
    assert repr(back.separation) == repr(separation)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_value_lagrangian_comes_back(value, rng, tmp_path):
    memory = universal(rng, value_lagrangian=value, leak=1.0)
    back = loaded(memory, tmp_path)
    same(memory, back, rng.normal(size=(5, 3)))
    x = {"value": rng.normal(size=(5, 3)), "memory": rng.normal(size=(5, 4))}
    np.testing.assert_array_equal(back.network.energy(x), memory.network.energy(x))


@pytest.mark.parametrize("sim", ["dot", "cosine", "euclidean", "manhattan"])
@pytest.mark.parametrize("hetero", [False, True], ids=["auto", "hetero"])
def test_all_settings_of_a_universal_network_come_back(sim, hetero, rng, tmp_path):
    options = {"beta": 2.5, "tau_value": 3.0, "tau_memory": 0.25, "leak": 0.5, "bias": rng.normal(size=3)}
    if hetero:
        options["projection"] = rng.normal(size=(4, 2))
    memory = universal(rng, similarity=sim, **options)
    back = loaded(memory, tmp_path)
    query = rng.normal(size=(2, 3))
    same(memory, back, query)
    assert back.leak == 0.5
    if hetero:
        np.testing.assert_array_equal(back.projection, memory.projection)
    runs = [simulate(m, query, t1=1.0, save="all") for m in (memory, back)]
    for name, x in runs[0].states.items():
        np.testing.assert_array_equal(runs[1].states[name], x)


def test_all_settings_of_a_modern_network_come_back(rng, tmp_path, dtype):
    memory = ModernHopfield(
        rng.normal(size=(4, 3)).astype(dtype),
        2.5,
        projection=rng.normal(size=(4, 2)).astype(dtype),
        tau_value=3.0,
        tau_memory=0.0,
        bias=rng.normal(size=3).astype(dtype),
    )
    back = loaded(memory, tmp_path)
    same(memory, back, rng.normal(size=(5, 3)).astype(dtype))
    assert back.projection.dtype == back.bias.dtype == dtype
    assert back.is_adiabatic


@pytest.mark.parametrize("there", ["jax", "torch"])
def test_memories_of_other_libraries_are_read_as_numpy(there, rng, tmp_path):
    pytest.importorskip(there)
    memory = ModernHopfield(rng.normal(size=(4, 3)), beta=2.0, bias=rng.normal(size=3))
    beta = to_library(np.array(2.0), there)
    moved = ModernHopfield(to_library(memory.memories, there), beta, bias=to_library(memory.bias, there))
    back = loaded(moved, tmp_path)
    same(memory, back, rng.normal(size=3))
    assert isinstance(back.beta, float)
    assert to_numpy(moved.recall(to_library(np.ones(3), there))) == pytest.approx(back.recall(np.ones(3)), rel=1e-13)


def test_the_base_class_reads_any_memory(rng, tmp_path):
    path = ModernHopfield(rng.normal(size=(4, 3))).save(tmp_path / "one")
    assert path == tmp_path / "one.npz"
    assert isinstance(AssociativeMemory.load(path), ModernHopfield)
    with pytest.raises(TypeError, match=r"one.npz' holds a ModernHopfield, not a UniversalHopfield"):
        UniversalHopfield.load(path)
    assert isinstance(ModernHopfield.load(str(path)), ModernHopfield)


def test_a_dot_in_the_name_is_no_suffix(rng, tmp_path):
    path = ModernHopfield(rng.normal(size=(4, 3))).save(tmp_path / "run.1")
    assert path.name == "run.1.npz"


def test_a_foreign_file_is_refused(tmp_path):
    np.savez(tmp_path / "foreign.npz", a=np.ones(2), b=np.ones(3))
    with pytest.raises(ValueError, match=r"foreign.npz' holds no saved memory, but the arrays a, b"):
        ModernHopfield.load(tmp_path / "foreign.npz")
    with pytest.raises(FileNotFoundError):
        ModernHopfield.load(tmp_path / "missing.npz")


def test_a_newer_format_and_an_unknown_model_are_refused(tmp_path):
    path = write(tmp_path / "m", "ModernHopfield", {"memories": np.eye(2)})
    with np.load(path) as file:
        header = json.loads(str(file["header"]))
    np.savez(path, header=json.dumps({**header, "format": FORMAT + 1}), memories=np.eye(2))
    with pytest.raises(ValueError, match=rf"written by a newer hopfield \(format {FORMAT + 1}\)"):
        ModernHopfield.load(path)
    with pytest.raises(TypeError, match="holds a FutureHopfield, not a ModernHopfield"):
        ModernHopfield.load(write(tmp_path / "n", "FutureHopfield", {"memories": np.eye(2)}))


@pytest.mark.parametrize(
    "options",
    [
        {"similarity": lambda M, g: g @ M.T},
        {"similarity": Custom(lambda M, g: g @ M.T)},
        {"separation": CustomLagrangian(lambda x: x.sum(-1), lambda x: x)},
        {"similarity": type("Mine", (Dot,), {})()},
    ],
    ids=["function", "similarity", "lagrangian", "subclass"],
)
def test_code_of_ones_own_cannot_be_written_and_leaves_no_file(options, rng, tmp_path):
    with pytest.raises(TypeError, match="code of your own and cannot be written"):
        universal(rng, **options).save(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_file_that_was_there(rng, tmp_path, monkeypatch):
    memory = ModernHopfield(rng.normal(size=(4, 3)))
    path = memory.save(tmp_path / "kept")
    before = path.read_bytes()

    def broken(file, **arrays):
        file.write(b"half of it")
        raise OSError("the disk is full")

    monkeypatch.setattr(np, "savez", broken)
    with pytest.raises(OSError, match="disk is full"):
        ModernHopfield(rng.normal(size=(9, 3))).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["kept.npz"]


def test_read_gives_the_name_and_the_settings(tmp_path):
    settings = {"memories": np.eye(2), "beta": 2.0, "similarity": "dot", "leak": None, "separation": LogSumExp(3.0)}
    name, back = read(write(tmp_path / "m", "UniversalHopfield", settings))
    assert name == "UniversalHopfield"
    np.testing.assert_array_equal(back.pop("memories"), np.eye(2))
    assert repr(back.pop("separation")) == "LogSumExp(beta=3.0)"
    assert back == {"beta": 2.0, "similarity": "dot", "leak": None}


def test_files_hold_no_pickles(rng, tmp_path):
    path = ModernHopfield(rng.normal(size=(4, 3))).save(tmp_path / "m")
    with np.load(path, allow_pickle=False) as file:
        assert set(file.files) == {"header", "memories"}
        assert file["header"].dtype.kind == "U"
