"""Every wrong thing a user can hand in, and the words of the answer: what, why, and what to write instead."""

import importlib
import math
import subprocess
import sys

import numpy as np
import pytest

from helpers import to_library, to_numpy
from hopfield.dynamics import CustomLagrangian, Lagrangian, Population, Quadratic, Relaxation, simulate
from hopfield.models import ModernHopfield, UniversalHopfield, similarity


def patterns(dtype=np.float64):
    return np.random.default_rng(0).normal(size=(4, 3)).astype(dtype)


MODELS = [ModernHopfield, UniversalHopfield]


# ------------------------------------------------------------------------------------------------- patterns


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_patterns_that_are_not_finite(model, bad, library):
    memories = patterns()
    memories[2, 1] = bad
    memories[3, 0] = bad
    words = r"patterns holds 2 values that are NaN or infinite, the first at index \(2, 1\).*nan_to_num"
    with pytest.raises(ValueError, match=words):
        model(to_library(memories, library))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (np.empty((0, 3)), ValueError, r"patterns is empty, shape \(0, 3\): store at least one"),
        (np.empty((3, 0)), ValueError, r"patterns is empty, shape \(3, 0\)"),
        (np.ones(3), ValueError, r"matrix with one pattern in a row, shape \(N, I\), got shape \(3,\).*Flatten images"),
        (np.ones((2, 3, 4)), ValueError, r"got shape \(2, 3, 4\).*reshape"),
        (3.0, ValueError, r"got shape \(\)"),
        ([["a", "b"]], TypeError, "patterns must be numbers, got dtype <U1"),
        (np.ones((2, 2), dtype=complex), TypeError, "patterns must be real, got dtype complex128"),
    ],
    ids=["no rows", "no columns", "one row", "images", "number", "letters", "complex"],
)
def test_patterns_of_the_wrong_form(model, value, error, words):
    with pytest.raises(error, match=words):
        model(value)


def test_integer_patterns_are_converted_once_to_float(library):
    memory = ModernHopfield(to_library(np.array([[1, -1, 1], [-1, 1, 1]]), library))
    default = {"torch": "float32"}.get(library, "float64")
    assert str(memory.memories.dtype).endswith(default)
    assert ModernHopfield([[1, -1], [0, 1]]).memories.dtype == np.float64
    assert ModernHopfield(np.array([[True, False]])).memories.tolist() == [[1.0, 0.0]]
    from_integers = ModernHopfield(np.array([[1, -1], [0, 1]]))
    np.testing.assert_allclose(from_integers.recall(np.array([1, 0])), from_integers.recall(np.array([1.0, 0.0])))


def test_64_bit_patterns_are_not_shortened_in_silence_by_jax():
    pytest.importorskip("jax")
    program = """
import numpy as np
from hopfield.models import ModernHopfield
memory = ModernHopfield(np.eye(3))
try:
    memory.to("jax")
except TypeError as error:
    print(error)
small = memory.to("jax", dtype="float32")
print(small.memories.dtype, small.recall(small.memories[0]).dtype)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert "The array is float64, and 64-bit is switched off in JAX" in done.stdout
    assert 'jax.config.update("jax_enable_x64", True)' in done.stdout
    assert 'dtype="float32"' in done.stdout
    assert done.stdout.splitlines()[-1] == "float32 float32"


# -------------------------------------------------------------------------------------------------- queries


@pytest.mark.parametrize("use", ["recall", "scores", "weights", "retrieve", "start"])
@pytest.mark.parametrize("model", MODELS)
def test_a_query_of_the_wrong_width_names_both(use, model):
    memory = model(patterns())
    words = r"query has shape \(2, 5\) but must be \(..., 3\): 4 patterns of 3 values are stored"
    with pytest.raises(ValueError, match=words):
        getattr(memory, use)(np.ones((2, 5)))
    with pytest.raises(ValueError, match=r"query has shape \(\)"):
        getattr(memory, use)(1.0)


def test_a_query_that_is_not_finite(library):
    memory = ModernHopfield(to_library(patterns(), library))
    query = np.ones((2, 3))
    query[1, 2] = math.nan
    with pytest.raises(ValueError, match=r"query holds 1 values that are NaN or infinite, the first at index \(1, 2\)"):
        memory.recall(to_library(query, library))
    with pytest.raises(ValueError, match="query holds 1 values"):
        simulate(memory, to_library(query, library), t1=1.0)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("numpy", "torch"), ("torch", "numpy"), ("jax", "numpy"), ("torch", "jax"), ("numpy", "jax")]
)
def test_a_query_of_another_library(ours, theirs):
    pytest.importorskip(ours)
    pytest.importorskip(theirs)
    memory = ModernHopfield(to_library(patterns(), ours))
    convert = {"jax": "jax.numpy.asarray"}.get(ours, f"{ours}.asarray")
    words = rf'query is a {theirs} array but the memory holds {ours} arrays.*memory.to\("{theirs}"\).*{convert}'
    with pytest.raises(TypeError, match=words):
        memory.recall(to_library(np.ones(3), theirs))
    with pytest.raises(TypeError, match=words):
        simulate(memory, to_library(np.ones(3), theirs), t1=1.0)


def test_a_query_of_a_wider_dtype_is_refused_with_the_line_to_write(library):
    single = ModernHopfield(to_library(patterns(np.float32), library))
    query = to_library(np.ones(3), library)
    cast = {"torch": r"query\.to\(torch\.float32\)"}.get(library, r'query\.astype\("float32"\)')
    words = r"query is float64 but the memory is float32, and nothing is rounded in silence.*"
    for call in (single.recall, single.retrieve, lambda q: simulate(single, q, t1=1.0)):
        with pytest.raises(TypeError, match=words + cast + rf', or memory\.to\("{library}", dtype="float64"\)'):
            call(query)
    line = "query.to(torch.float32)" if library == "torch" else 'query.astype("float32")'
    scope = {"query": query, **({"torch": pytest.importorskip("torch")} if library == "torch" else {})}
    assert single.recall(eval(line, scope)).dtype == single.memories.dtype


def test_a_query_of_a_narrower_dtype_is_widened(library):
    memory = ModernHopfield(to_library(patterns(), library))
    query = np.linspace(0.2, 0.9, 3).astype(np.float32)
    given, wide = to_library(query, library), to_library(query.astype(float), library)
    for found, expected in (
        (memory.recall(given), memory.recall(wide)),
        (memory.retrieve(given).state, memory.retrieve(wide).state),
        (simulate(memory, given, t1=1.0).final["value"], simulate(memory, wide, t1=1.0).final["value"]),
    ):
        assert found.dtype == memory.memories.dtype
        np.testing.assert_array_equal(to_numpy(found), to_numpy(expected))


def test_lists_and_integers_take_the_type_of_the_memory(library, dtype):
    memory = ModernHopfield(to_library(patterns(dtype), library))
    for query in ([1.0, 0.5, 0.0], [1, 0, 1], to_library(np.array([1, 0, 1]), library)):
        assert memory.recall(query).dtype == memory.memories.dtype


# ------------------------------------------------------------------------------------------------ parameters


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ["beta", "tau_value"])
@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf])
def test_numbers_that_must_be_positive(model, name, value):
    with pytest.raises(ValueError, match=f"{name} must be > 0 and finite, got {value}"):
        model(patterns(), **{name: value})


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_tau_memory_may_be_zero_but_not_less(model, value):
    with pytest.raises(ValueError, match=f"tau_memory must be >= 0 and finite, got {value}"):
        model(patterns(), tau_memory=value)
    assert model(patterns(), tau_memory=0).is_adiabatic


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"beta": "hot"}, TypeError, "beta must be one number, got 'hot'"),
        ({"beta": np.ones(2)}, ValueError, "beta must be one number"),
        ({"leak": -1.0}, ValueError, "leak must be >= 0 and finite, got -1.0"),
        ({"leak": math.nan}, ValueError, "leak must be >= 0"),
        ({"bias": math.nan}, ValueError, "bias must be a finite number, got nan"),
        ({"bias": np.ones(2)}, ValueError, r"bias has shape \(2,\) but must be \(..., 3\): one input current"),
        ({"bias": np.ones((2, 3))}, ValueError, r"bias must be one number or a vector \(3,\), got shape \(2, 3\)"),
        ({"bias": np.ones(3, np.longdouble)}, TypeError, r"bias is \w+ but the memory is float64.*\.astype\("),
        ({"projection": np.ones((3, 2))}, ValueError, "projection has 3 rows but 4 patterns are stored"),
        ({"projection": np.ones(4)}, ValueError, r"projection must be a matrix.*got shape \(4,\)"),
        ({"projection": np.full((4, 2), math.inf)}, ValueError, "projection holds 8 values that are NaN or infinite"),
        ({"value_lagrangian": "tanh"}, TypeError, r"must be a Lagrangian such as LogCosh\(\), got 'tanh'"),
    ],
    ids=str,
)
def test_parameters_that_do_not_fit(options, error, words):
    with pytest.raises(error, match=words):
        UniversalHopfield(patterns(), **options)


def test_a_beta_of_several_numbers_on_other_libraries():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match=r"beta must be one number, got a float32 array of shape \(2,\)"):
        ModernHopfield(torch.ones((2, 3)), beta=torch.ones(2))


@pytest.mark.parametrize("steps", [0, -1, 2.5, "many"])
def test_max_steps_is_a_whole_number(steps):
    with pytest.raises(ValueError, match="max_steps must be a whole number >= 1"):
        ModernHopfield(patterns()).retrieve(np.ones(3), max_steps=steps)


# ----------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"similarity": "euclidian"}, "Unknown similarity 'euclidian'. Did you mean 'euclidean'.*Known: dot, "),
        ({"similarity": "manhatten"}, "Did you mean 'manhattan'"),
        ({"similarity": "zzzz"}, r"Unknown similarity 'zzzz'\. Known: "),
        ({"separation": "softmaxx"}, "Unknown separation 'softmaxx'. Did you mean 'softmax'"),
        ({"separation": "polynomal(3)"}, "Unknown separation 'polynomal'. Did you mean 'polynomial'"),
    ],
    ids=str,
)
def test_misspelt_names_suggest_the_nearest(options, words):
    with pytest.raises(ValueError, match=words):
        UniversalHopfield(patterns(), **options)


def test_misspelt_backends_suggest_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown backend 'pytorch'. Did you mean 'torch'.*numpy, jax, torch"):
        ModernHopfield(patterns()).to("pytorch")
    with pytest.raises(ValueError, match=r"NumPy arrays live on the CPU; device='cuda' needs"):
        ModernHopfield(patterns()).to("numpy", device="cuda")


def test_a_similarity_is_a_name_an_object_or_a_function():
    with pytest.raises(ValueError, match="Unknown similarity 3"):
        similarity(3)
    with pytest.raises(ValueError, match="Unknown separation 3"):
        UniversalHopfield(patterns(), "dot", 3)


# -------------------------------------------------------------------------------------------- what is missing


@pytest.mark.parametrize(
    ("module", "line"),
    [("jax", r'pip install "hopfield\[jax\]"'), ("torch", r'pip install "hopfield\[torch\]"')],
)
def test_a_missing_package_gives_the_line_that_installs_it(module, line, monkeypatch):
    def absent(name, *arguments):
        if name.partition(".")[0] == module:
            raise ImportError(f"No module named {name!r}")
        return found(name, *arguments)

    found = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ImportError, match=rf"needs the package '{module}', which is not installed. Run: {line}"):
        ModernHopfield(patterns()).to(module)


def test_user_parts_without_gradients_say_so_on_numpy_and_work_elsewhere():
    memory = UniversalHopfield(patterns(), lambda M, g: g @ M.T, "softmax", beta=2.0)
    query = patterns()[0]
    np.testing.assert_allclose(memory.recall(query), ModernHopfield(patterns(), 2.0).recall(query))  # needs no gradient
    with pytest.raises(
        TypeError, match=r'no automatic differentiation: give custom.pullback by hand.*memory.to\("jax"\)'
    ):
        simulate(memory, query, t1=1.0)
    mine = CustomLagrangian(lambda x: (x**4).sum(-1) / 4, is_convex=True, is_elementwise=True)
    with pytest.raises(TypeError, match="no automatic differentiation: give the Lagrangian its `gradient` by hand"):
        UniversalHopfield(patterns(), "cosine", mine).recall(query)
    torch = pytest.importorskip("torch")
    there = torch.asarray(patterns())
    found = UniversalHopfield(there, "cosine", mine, tau_memory=0.0)
    run = simulate(found, there[0], t1=0.5)
    by_name = UniversalHopfield(there, "cosine", "polynomial(3)", tau_memory=0.0)
    np.testing.assert_allclose(run.final["value"], simulate(by_name, there[0], t1=0.5).final["value"], rtol=1e-12)


def test_a_lagrangian_without_a_dual_needs_states():
    mine = CustomLagrangian(lambda x: (x**4).sum(-1) / 4, gradient=lambda x: x**3, is_convex=True)
    memory = UniversalHopfield(patterns(), "dot", value_lagrangian=mine, tau_memory=0.0)
    with pytest.raises(TypeError, match=r"CustomLagrangian has no `dual`.*give states instead of a query"):
        memory.start(np.ones(3))
    simulate(memory, {"value": np.ones(3)}, t1=0.2)


def test_a_lagrangian_of_ones_own_takes_a_beta():
    class Quartic(Lagrangian):
        convex = True

        def value(self, x):
            return (x**4).sum(-1) / 4

        def activation(self, x):
            return x**3

    query = patterns()[0]
    found = UniversalHopfield(patterns(), "cosine", Quartic()).recall(query)
    np.testing.assert_allclose(found, UniversalHopfield(patterns(), "cosine", "polynomial(3)").recall(query))
    found = UniversalHopfield(patterns(), "cosine", Quartic(), beta=2.0).recall(query)
    np.testing.assert_allclose(found, UniversalHopfield(patterns(), "cosine", "polynomial(3)", beta=2.0).recall(query))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"lagrangian": "tanh", "size": 3}, TypeError, r"must be a Lagrangian such as Quadratic\(\), got 'tanh'"),
        ({"lagrangian": Quadratic(), "size": 0}, ValueError, "at least one neuron.*got 0"),
        ({"lagrangian": Quadratic(), "size": 3, "tau": 0.0}, ValueError, "tau must be > 0"),
        ({"lagrangian": Quadratic(), "size": 3, "leak": -1.0}, ValueError, "leak must be >= 0"),
        ({"lagrangian": Quadratic(), "size": 3, "bias": np.ones(2)}, ValueError, r"bias has shape \(2,\).*\(3,\)"),
    ],
    ids=str,
)
def test_populations_are_checked_when_they_are_made(options, error, words):
    with pytest.raises(error, match=words):
        Population(**options)


def test_an_infinite_step_without_a_limit_is_refused_before_it_is_taken():
    for options in ({"similarity": "dot", "leak": 0.0}, {"similarity": "cosine", "bias": 1.0}):
        memory = UniversalHopfield(patterns(), **options)
        with pytest.raises(ValueError, match=r"dt = inf has no limit for population 'value'"):
            simulate(memory, np.ones(3), t1=3, integrator=Relaxation(math.inf))
        with pytest.raises(ValueError, match="dt = inf has no limit"):
            memory.retrieve(np.ones(3))
