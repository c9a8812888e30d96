"""Files of memories: what is written is read back, whole or not at all, and strangers are refused."""

# pyright: reportArgumentType=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false

import io
import json
import warnings
import zipfile

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
from hopfield.dynamics.files._arrays import MOST
from hopfield.models import AssociativeMemory, Custom, Dot, HierarchicalMemory, ModernHopfield, UniversalHopfield
from hopfield.models._storage import FORMAT, read, write

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


# --- damaged and foreign files


def crafted(path, header, **arrays):
    """A file as `save` writes it, but for its header."""
    np.savez(path, header=header if isinstance(header, np.ndarray) else np.asarray(header), **arrays)
    return path


def text(**changes):
    given = {"format": FORMAT, "model": "ModernHopfield", "settings": {"beta": 2.0}} | changes
    return json.dumps({key: value for key, value in given.items() if value is not Ellipsis})


HEADERS = {
    "no format": (text(format=...), "no format"),
    "no model": (text(model=...), "no model"),
    "no settings": (text(settings=...), "no settings"),
    "settings are a list": (text(settings=[1]), "no settings"),
    "a model that is a number": (text(model=7), "no model"),
    "a format that is a flag": (text(format=True), "no format"),
    "no JSON": ("{no", "damaged"),
    "JSON of something else": ("[1, 2]", "no format and no model"),
    "deep JSON": ("[" * 100_000, "damaged"),
    "bytes": (np.asarray(b"{}"), "no format"),
    "numbers": (np.arange(3.0), "no format"),
    "several texts": (np.asarray(["{}", "{}"]), "no format"),
    "beta twice": (text(settings={"beta": 2.0, "memories": 3}), "says twice.*memories"),
    "an unknown setting": (text(settings={"betta": 2.0}), "betta"),
    "a bad value": (text(settings={"beta": -1.0}), "beta must be > 0"),
    "a list where a number is meant": (text(settings={"beta": [[[1]]]}), "a number, a name, an array or a Lagrangian"),
    "a memory without energy": (text(model="AssociativeMemory"), "damaged|cannot be read"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_save_does_not_write_is_refused_by_name(case, tmp_path):
    header, words = HEADERS[case]
    path = crafted(tmp_path / "odd.npz", header, memories=np.eye(2))
    with pytest.raises(ValueError, match=rf"odd\.npz' .*({words})"):
        AssociativeMemory.load(path)


CALLED = [
    "structure", "positive", "static", "softmax", "convexity_defect", "Lagrangian", "CustomLagrangian", "backend",
    "__builtins__", "dataclasses.fields", "", "LogSumExp.__init__", 7, None, ["LogSumExp"], {"lagrangian": "Max"},
]  # fmt: skip


@pytest.mark.parametrize("name", CALLED, ids=repr)
def test_a_file_names_no_function(name, tmp_path):
    """Lagrangians of the public list alone are built, wherever the file names one."""
    settings = {"separation": {"lagrangian": name, "function": "x"}, "similarity": "dot"}
    path = crafted(tmp_path / "odd.npz", text(model="UniversalHopfield", settings=settings), memories=np.eye(2))
    with pytest.raises(ValueError, match=r"odd\.npz' .*a Lagrangian .* that there is not; known: Entmax, "):
        UniversalHopfield.load(path)
    layers = {"layers": [{"shape": [2], "activation": {"lagrangian": name}, "tau": 1.0, "leak": 1.0, "bias": None}] * 2}
    settings = {"layers": json.dumps({**layers, "weights": [{"shape": [2, 2]}]})}
    path = crafted(tmp_path / "odd.npz", text(model="HierarchicalMemory", settings=settings), weights=np.ones(4))
    with pytest.raises(ValueError, match=r"odd\.npz' .*a Lagrangian .* that there is not"):
        HierarchicalMemory.load(path)


WRONG = [{"beta": "x"}, {"betta": 1.0}, {"beta": {}}]
KINDS = ("O", "U8", "(2,3)f8", "f8,f8", "f8" * 9, 7, None, [])
WRONG += [{"beta": {"array": [1.0], "dtype": kind}} for kind in KINDS]


@pytest.mark.parametrize("field", WRONG, ids=repr)
def test_a_lagrangian_of_fields_that_it_does_not_have(field, tmp_path):
    settings = {"separation": {"lagrangian": "LogSumExp", **field}}
    path = crafted(tmp_path / "odd.npz", text(model="UniversalHopfield", settings=settings), memories=np.eye(2))
    with pytest.raises(ValueError, match=r"odd\.npz' cannot be read as a saved memory"):
        UniversalHopfield.load(path)


class OfOnesOwn(UniversalHopfield):
    """A class that is not the library's."""


def test_classes_of_ones_own_are_built_where_they_are_asked_for_alone(rng, tmp_path):
    path = OfOnesOwn(rng.normal(size=(4, 3))).save(tmp_path / "own")
    assert type(OfOnesOwn.load(path)) is OfOnesOwn
    for kind in (AssociativeMemory, UniversalHopfield):
        with pytest.raises(TypeError, match=r"own\.npz' holds a OfOnesOwn, not"):
            kind.load(path)


def test_flipped_bits_are_noticed_or_change_nothing(rng, tmp_path):
    """Either the same memory comes back (a bit of a date was hit), or a ValueError names the file."""
    memory = UniversalHopfield(rng.normal(size=(4, 3)), "euclidean", "sparsemax", beta=2.5, bias=rng.normal(size=3))
    path = memory.save(tmp_path / "flipped")
    whole, refused = path.read_bytes(), 0
    for place in rng.choice(8 * len(whole), 400, replace=False):
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        try:
            found = UniversalHopfield.load(path)
        except ValueError as error:
            assert "flipped.npz'" in str(error), error  # noqa: PT017
            refused += 1
        else:
            same(memory, found, np.ones(3))
    assert refused > 200


def test_a_file_that_is_cut_is_refused_at_every_length(tmp_path):
    path = ModernHopfield(np.eye(2)).save(tmp_path / "cut")
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut\.npz'"):
            ModernHopfield.load(path)


def test_a_pickled_array_is_refused_as_everywhere(tmp_path):
    path = crafted(tmp_path / "odd.npz", text(), memories=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match=r"odd\.npz' holds Python objects. Write plain numbers with numpy.save"):
        ModernHopfield.load(path)


def archive(path, method=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def as_npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_an_array_is_as_large_as_its_header_says(tmp_path):
    """A header that claims 72 TiB asks for no memory; neither does one that claims too little pass."""
    header = as_npy(np.asarray(text()))
    real = as_npy(np.eye(2))
    huge = real.replace(b"(2, 2)", b"(%d, %d)" % (10**7, 10**6)).replace(b" " * 12 + b"\n", b"\n")
    huge = huge[:8] + (len(huge) - 32 - 10).to_bytes(2, "little") + huge[10:]
    for content, words in (
        (huge, "ends too early"),
        (real + b"0" * 8, "has more in it"),
        (real[:-8], "ends too early"),
    ):
        path = archive(tmp_path / "odd.npz", header=header, memories=content)
        with pytest.raises(ValueError, match=rf"odd\.npz' {words}"):
            ModernHopfield.load(path)


def test_what_unpacks_to_more_than_the_limit_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("hopfield.dynamics.files._arrays.MOST", 2**20)
    packed = {"header": as_npy(np.asarray(text())), "memories": as_npy(np.zeros((400, 400)))}
    path = archive(tmp_path / "bomb.npz", zipfile.ZIP_DEFLATED, **packed)
    assert path.stat().st_size < 2**13
    with pytest.raises(ValueError, match=r"bomb\.npz' has .* would take 1.22 MiB unpacked; no more than 1 MiB"):
        ModernHopfield.load(path)
    archive(path, **packed)  # what is not packed takes what it has on the disk
    assert ModernHopfield.load(path).memories.shape == (400, 400)
    assert MOST == 2**32


def test_an_array_that_was_taken_out_is_missed(tmp_path):
    whole = UniversalHopfield(np.eye(2), bias=np.ones(2)).save(tmp_path / "whole")
    with zipfile.ZipFile(whole) as file:
        kept = {name.removesuffix(".npy"): file.read(name) for name in file.namelist() if name != "bias.npy"}
    with pytest.raises(ValueError, match=r"odd\.npz' is not whole: bias is missing"):
        UniversalHopfield.load(archive(tmp_path / "odd.npz", **kept))
    with zipfile.ZipFile(whole, "a") as file:
        file.writestr("notes.txt", "not an array")
    with pytest.raises(ValueError, match=r"whole\.npz' holds 'notes\.txt', which is no array"):
        UniversalHopfield.load(whole)


def test_two_arrays_of_one_name_are_refused(tmp_path):
    path = archive(tmp_path / "odd.npz", header=as_npy(np.asarray(text())), memories=as_npy(np.eye(2)))
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("memories.npy", as_npy(np.ones((2, 2))))
    with pytest.raises(ValueError, match=r"odd\.npz' holds two arrays called 'memories'"):
        ModernHopfield.load(path)


@pytest.mark.parametrize(
    ("place", "error", "words"),
    [(".", IsADirectoryError, "folder"), ("", ValueError, "must name a file"), ("a/b", FileNotFoundError, "folder")],
)
def test_a_memory_is_saved_to_a_file(place, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        ModernHopfield(np.eye(2)).save(place)
    assert list(tmp_path.iterdir()) == []


# --- moved


@pytest.mark.parametrize(
    "kind", ["int32", "bool", "complex128", "U8", "O", "datetime64[s]", "float33", int, bool, "", 32]
)
def test_a_memory_is_of_floating_numbers(kind, library):
    """Patterns of 0.9 and 0.2 would become zeros, or true, or text."""
    memory = ModernHopfield(np.array([[0.9, 0.2], [0.1, 0.8]]))
    with pytest.raises(TypeError, match=r"is no type that patterns can be of: ask for one of .*float32, float64"):
        memory.to(library, dtype=kind)


def test_numbers_that_a_narrow_type_cannot_hold_are_refused(library):
    memory = ModernHopfield(np.array([[0.9, 1e60], [0.1, 0.8]]))
    with pytest.raises(ValueError, match=r"1e\+60.* too large for float32"):
        memory.to(library, dtype="float32")
    with pytest.raises(ValueError, match=r"70000.* too large for float16"):
        ModernHopfield(np.array([[0.9, 7e4]])).to("numpy", dtype="float16")
    assert to_numpy(memory.to(library, dtype="float64").memories)[0, 1] == 1e60


def test_patterns_that_would_vanish_are_refused(library):
    with pytest.raises(ValueError, match="All numbers become 0 in float32: the largest is 3e-60"):
        ModernHopfield(np.array([[1e-60, 3e-60]])).to(library, dtype="float32")
    kept = ModernHopfield(np.array([[1e-60, 3.0]])).to(library, dtype="float32")  # a rounding like any other
    assert to_numpy(kept.memories).tolist() == [[0.0, 3.0]]
