"""The one file that knows array libraries: structures, moves, derivatives, compilation, the array API standard."""

import dataclasses
import functools
import importlib
import subprocess
import sys
import textwrap
from typing import Any, NamedTuple

import numpy as np
import pytest

from helpers import LIBRARIES, epsilon, to_library, to_numpy
from hopfield.dynamics import (
    Bilinear,
    CustomLagrangian,
    Entmax,
    Exponential,
    Lagrangian,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Max,
    Network,
    Population,
    Power,
    Quadratic,
    RectifiedPower,
    Recurrent,
    SimilaritySynapse,
    Softplus,
    Sparsemax,
    Spherical,
    Threshold,
    TopK,
    XLogX,
    backend,
)
from hopfield.models import Cosine, Dot, Euclidean

AUTODIFF = [name for name in LIBRARIES if name != "numpy"]
needs_jax = pytest.mark.skipif("jax" not in LIBRARIES, reason="JAX is not installed")
needs_torch = pytest.mark.skipif("torch" not in LIBRARIES, reason="PyTorch is not installed")


class Pair(NamedTuple):
    left: Any
    right: Any


@backend.structure
class Sample:
    """A structure with every sort of field."""

    array: Any
    number: float
    nothing: Any = None
    nested: Any = None
    name: str = backend.static(default="sample")
    function: Any = backend.static(default=abs)


def sample():
    inner = Sample(np.array([3.0]), 4.0)
    return Sample(
        np.array([1.0, 2.0]),
        0.5,
        nested={"z": [inner, np.array(5)], "a": Pair(6.0, (np.float32(7), None))},
        name="outer",
    )


def network(seed=0, size=3, width=4, dtype=np.float64):
    """Three populations, not in alphabetical order, and three synapses."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.standard_normal(shape).astype(dtype)

    weights = draw(width, width)
    populations = {
        "value": Population(LogCosh(1.5), width, 2.0, 0.4, draw(width)),
        "memory": Population(LogSumExp(2.0), size, 0.1),
        "other": Population(Softplus(0.7), 2, bias=0.25),
    }
    synapses = {
        "similarity": SimilaritySynapse(("value", "memory"), Euclidean(), Euclidean().prepare(draw(size, width))),
        "bilinear": Bilinear(("other", "value"), draw(2, width)),
        "loop": Recurrent(("value",), weights + weights.T),
    }
    states = {name: draw(p.size) for name, p in populations.items()}
    return Network(populations, synapses), states


def in_library(states, library):
    return {name: to_library(x, library) for name, x in states.items()}


def assert_close(actual, desired, dtype=np.float64, factor=64.0):
    actual, desired = to_numpy(actual), to_numpy(desired)
    size = max(1.0, float(np.max(np.abs(desired))))
    np.testing.assert_allclose(actual, desired, rtol=0, atol=factor * epsilon(dtype) * size)


# --- structures


def test_a_structure_is_frozen_and_equal_to_itself_alone():
    one, other = Sample(1.0, 2.0), Sample(1.0, 2.0)
    assert one == one
    assert one != other
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.number = 3.0
    assert backend.is_structure(one)
    assert not backend.is_structure(Sample)
    assert not backend.is_structure(Pair(1, 2))


def test_leaves_are_met_in_order_through_all_containers():
    found = list(backend.leaves(sample()))
    assert [np.asarray(leaf).tolist() for leaf in found] == [[1.0, 2.0], 0.5, [3.0], 4.0, 5, 6.0, 7.0]
    assert [leaf.shape for leaf in backend.arrays(sample())] == [(2,), (1,), (), ()]


def test_mapping_leaves_keeps_the_rest():
    before = sample()
    after = backend.map_leaves(lambda leaf: leaf * 2, before)
    assert (after.name, after.function, after.nothing) == ("outer", abs, None)
    assert list(after.nested) == ["z", "a"]
    assert isinstance(after.nested["a"], Pair)
    assert after.nested["a"].right[1] is None
    assert after.nested["z"][0].number == 8.0
    assert before.nested["z"][0].number == 4.0
    assert before.array.tolist() == [1.0, 2.0]


@needs_jax
def test_jax_takes_structures_apart_and_rebuilds_them():
    import jax

    before = sample()
    leaves, tree = jax.tree_util.tree_flatten(before)
    assert all(one is other for one, other in zip(leaves, backend.leaves(before), strict=True))
    after = jax.tree_util.tree_unflatten(tree, [2 * leaf for leaf in leaves])
    assert type(after) is Sample
    assert (after.name, after.function, after.number) == ("outer", abs, 1.0)
    assert after.nested["z"][0].number == 8.0
    assert tree == jax.tree_util.tree_structure(sample())
    assert tree != jax.tree_util.tree_structure(dataclasses.replace(sample(), name="inner"))


@needs_jax
def test_the_order_of_populations_survives_jax():
    import jax

    net = backend.move(network()[0], "jax")
    leaves, tree = jax.tree_util.tree_flatten(net)
    for after in (jax.tree_util.tree_unflatten(tree, leaves), jax.jit(lambda n: n)(net)):
        assert list(after.populations) == ["value", "memory", "other"]
        assert list(after.synapses) == ["similarity", "bilinear", "loop"]
        assert after.populations["memory"].leak == 1.0
        assert after.synapses["loop"].conservative


@needs_jax
def test_rebuilding_does_not_validate():
    """JAX fills structures with tracers, and with objects that are no numbers at all."""
    import jax

    net = backend.move(network()[0], "jax")
    names = jax.tree_util.tree_map(lambda leaf: "leaf", net)
    assert names.populations["value"].tau == names.populations["value"].lagrangian.beta == "leaf"
    assert jax.tree_util.tree_map(lambda leaf: -1.0, Power(4)).beta == -1.0


def _in_a_fresh_process(code):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


@needs_jax
def test_jax_knows_structures_before_it_has_met_an_array_of_ours():
    out = _in_a_fresh_process("""
        import jax, jax.numpy
        from hopfield.dynamics import LogSumExp, backend
        print(round(float(jax.jit(lambda l, x: l.value(x))(LogSumExp(2.0), jax.numpy.zeros(2))), 4))
        import numpy
        try:
            backend.move(numpy.ones(2), "jax")
        except TypeError as error:
            print(error)
        print(backend.move(numpy.ones(2), "jax", dtype="float32").dtype)
    """)
    assert out[0] == "0.3466"  # log(2)/2
    assert "64-bit is switched off in JAX" in out[1]
    assert 'jax.config.update("jax_enable_x64", True)' in out[1]
    assert 'dtype="float32"' in out[1]
    assert out[2] == "float32"


def test_importing_the_package_imports_no_optional_library():
    out = _in_a_fresh_process("""
        import sys
        import hopfield.dynamics
        import numpy as np
        network = hopfield.dynamics.Network({"a": hopfield.dynamics.Population(hopfield.dynamics.LogCosh(), 2)})
        network.velocity({"a": np.ones(2)})
        print(sorted({"jax", "torch", "diffrax"} & set(sys.modules)))
    """)
    assert out[0] == "[]"


# --- compilation


@needs_jax
def test_a_compiled_velocity_holds_no_memories():
    import jax

    rng = np.random.default_rng(0)
    net = Network(
        {"v": Population(Quadratic(), 200), "h": Population(LogSumExp(2.0), 300)},
        [SimilaritySynapse(("v", "h"), Dot(), jax.numpy.asarray(rng.standard_normal((300, 200))))],
    )
    states = {"v": jax.numpy.ones(200), "h": jax.numpy.ones(300)}

    def velocity(net, states):
        return net.velocity(states)

    assert jax.make_jaxpr(velocity)(net, states).consts == []
    assert len(jax.jit(velocity).lower(net, states).as_text()) < 10_000
    baked = jax.make_jaxpr(functools.partial(velocity, net))(states)  # what the test would find
    assert [const.shape for const in baked.consts] == [(300, 200)]


@needs_jax
def test_new_numbers_do_not_compile_anew():
    import jax

    traces = []

    def value(x):
        traces.append(1)
        return (x * x).sum(-1) / 2

    def build(beta, tau, bias, leak=1.0):
        custom = CustomLagrangian(value, beta=beta)
        populations = {
            "a": Population(custom, 3, tau, leak, jax.numpy.full(3, bias)),
            "b": Population(LogSumExp(beta), 3, 2 * tau),
        }
        return Network(populations, [Bilinear(("a", "b"), jax.numpy.eye(3))])

    energy = jax.jit(lambda net, states: net.energy(states))
    states = {name: jax.numpy.arange(3.0) for name in ("a", "b")}
    results = {float(energy(build(*numbers), states)) for numbers in ((1.0, 1.0, 0.0), (2.0, 0.5, 1.0), (3, 2, 0.5))}
    assert len(results) == 3
    assert energy._cache_size() == 1
    once = len(traces)
    energy(build(1.0, 1.0, 0.0, leak=0.5), states)  # a leak is part of the program
    assert energy._cache_size() == 2
    assert len(traces) == 2 * once


def test_compiled_is_jax_alone(library):
    def scaled(settings, node, x):
        return settings * node.array * x

    node, x = backend.move(Sample(np.ones(2), 1.0), library), to_library(np.array([1.0, 2.0]), library)
    compiled = backend.compiled(scaled, x)
    assert (compiled is scaled) == (library != "jax")
    assert compiled is backend.compiled(scaled, x)
    assert to_numpy(compiled(3, node, x)).tolist() == [3.0, 6.0]


@needs_jax
def test_a_jitted_network_says_what_it_says_alone():
    import jax

    net, states = network()
    there, arrays = backend.move(net, "jax"), in_library(states, "jax")
    velocity, energy, rate = jax.jit(lambda n, s: (n.velocity(s), n.energy(s), n.energy_rate(s)))(there, arrays)
    for name, expected in net.velocity(states).items():
        assert_close(velocity[name], expected)
    assert_close(energy, net.energy(states))
    assert_close(rate, net.energy_rate(states))


class Steep(Lagrangian):
    """A user's own class, which is no structure."""

    def __init__(self, slope):
        self.slope = slope

    def value(self, x):
        return self.slope * (x * x).sum(-1) / 2


@needs_jax
def test_a_class_of_your_own_is_part_of_the_program():
    import jax

    def velocity(net, states):
        return net.velocity(states), net.energy_gradient(states)

    states = {"a": jax.numpy.arange(3.0), "b": jax.numpy.ones(3)}
    for slope in (2.0, 3.0):
        net = Network(
            {"a": Population(Steep(slope), 3), "b": Population(Quadratic(), 3)},
            [Bilinear(("a", "b"), jax.numpy.eye(3))],
        )
        found, gradient = jax.jit(velocity)(net, states)
        assert_close(found["b"], slope * states["a"] - states["b"])
        assert_close(gradient["a"], slope * (states["a"] - states["b"]))
    assert backend.move(net, "numpy").populations["a"].lagrangian.slope == 3.0


@needs_jax
def test_a_network_is_mapped_over_a_batch():
    import jax

    net, states = network()
    rng = np.random.default_rng(1)
    many = {name: rng.standard_normal((6, x.shape[-1])) for name, x in states.items()}
    energy = jax.jit(jax.vmap(lambda n, s: n.energy(s), in_axes=(None, 0)))
    assert_close(energy(backend.move(net, "jax"), in_library(many, "jax")), net.energy(many))


# --- derivatives in the leaves


def _slopes(library, states):
    """dE/d(leaf) of the network for some leaves, and d(velocity of memory)/d(its tau)."""
    net, arrays = backend.move(network()[0], library), in_library(states, library)
    if library == "jax":
        import jax

        slope, flow = jax.jit(
            lambda n, s: (
                jax.grad(lambda n: n.energy(s))(n),
                jax.grad(lambda n: n.velocity(s)["memory"].sum())(n),
            )
        )(net, arrays)
        value, memory = slope.populations["value"], slope.populations["memory"]
        found = value.bias, value.lagrangian.beta, memory.lagrangian.beta, slope.synapses["bilinear"].weights
        return [np.asarray(one) for one in (*found, flow.populations["memory"].tau)]
    import torch

    bias = net.populations["value"].bias.requires_grad_()
    weights = net.synapses["bilinear"].weights.requires_grad_()
    betas = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in (1.5, 2.0)]
    tau = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    populations = {
        "value": dataclasses.replace(net.populations["value"], lagrangian=LogCosh(betas[0])),
        "memory": Population(LogSumExp(betas[1]), 3, tau),
        "other": net.populations["other"],
    }
    net = Network(populations, net.synapses)
    slopes = torch.autograd.grad(net.energy(arrays), [bias, *betas, weights])
    (flow,) = torch.autograd.grad(net.velocity(arrays)["memory"].sum(), [tau])
    return [one.numpy() for one in (*slopes, flow)]


@pytest.mark.parametrize("library", AUTODIFF)
def test_derivatives_reach_bias_beta_weights_and_tau(library):
    net, states = network()
    bias, value_beta, memory_beta, weights, tau = _slopes(library, states)
    g = net.activations(states)
    assert_close(bias, -g["value"])
    assert_close(weights, -np.outer(g["other"], g["value"]))
    assert_close(tau, -net.velocity(states)["memory"].sum() / 0.1)
    step = epsilon(float) ** (1 / 3)
    for name, beta, found in (("value", 1.5, value_beta), ("memory", 2.0, memory_beta)):
        energies = []
        for sign in (1, -1):
            p = net.populations[name]
            other = dataclasses.replace(p, lagrangian=dataclasses.replace(p.lagrangian, beta=beta + sign * step))
            energies.append(Network({**net.populations, name: other}, net.synapses).energy(states))
        assert_close(found, (energies[0] - energies[1]) / (2 * step), factor=1000 / step)


@pytest.mark.parametrize("library", AUTODIFF)
def test_gradients_and_directional_derivatives_are_by_sample(library):
    x, u = (to_library(np.array(a), library) for a in ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 2.0]]))
    assert_close(backend.gradient(lambda y: (y**3).sum(-1), x), 3 * x**2)
    assert_close(backend.directional(lambda y: y**3, x, u), 3 * x**2 * u)


def test_numpy_has_no_derivatives_and_says_what_to_do():
    for call in (
        lambda: backend.gradient(np.sum, np.ones(2), "the slope"),
        lambda: backend.directional(np.sin, np.ones(2), np.ones(2), "the slope"),
    ):
        with pytest.raises(TypeError, match=r"give the slope by hand, or use JAX or PyTorch.*memory\.to\(\"jax\"\)"):
            call()


# --- moving


def _same(one, other):
    pairs = list(zip(backend.leaves(one), backend.leaves(other), strict=True))
    return all(type(a) is type(b) and np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


@pytest.mark.parametrize("there", LIBRARIES)
def test_a_network_travels_bit_for_bit(there, dtype):
    net = network(dtype=dtype)[0]
    moved = backend.move(net, there)
    assert {backend.backend_of(array) for array in backend.arrays(moved)} == {there}
    assert {str(array.dtype).rsplit(".", maxsplit=1)[-1] for array in backend.arrays(moved)} == {str(dtype)}
    back = backend.move(moved, "numpy")
    assert type(back) is Network
    assert repr(back) == repr(net)
    assert _same(back, net)
    assert len(list(backend.arrays(net))) == 5


def test_a_moved_array_is_a_copy(library):
    array = np.array([1.0, 2.0])
    moved = backend.move(array, library)
    array[:] = 0
    assert to_numpy(moved).tolist() == [1.0, 2.0]


def test_special_values_travel():
    array = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324])
    for there in LIBRARIES:
        assert backend.move(backend.move(array, there), "numpy").tobytes() == array.tobytes()


def test_a_dtype_is_given_by_name_or_as_any_librarys(library):
    node = Sample(np.array([1.0, 2.0]), 0.5, nested=(np.array([1, 2]), np.array([True])))
    dtypes: list[Any] = ["float32", np.float32, np.dtype("float32")]
    for name in AUTODIFF:
        module = importlib.import_module("jax.numpy" if name == "jax" else name)
        dtypes.append(module.float32)
    for one in dtypes:
        moved = backend.move(node, library, dtype=one)
        assert to_numpy(moved.array).dtype == np.float32
        assert to_numpy(moved.nested[0]).dtype == np.int64  # only floats are asked for
        assert to_numpy(moved.nested[1]).dtype == np.bool_
    assert to_numpy(backend.move(moved, library, dtype="float64").array).dtype == np.float64


def test_a_device_is_named(library):
    moved = backend.move(np.ones(2), library, device="cpu")
    assert to_numpy(moved).tolist() == [1.0, 1.0]
    assert backend.device(moved) == backend.device(to_library(np.ones(2), library))


def test_moves_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"Unknown backend 'torhc'\. Did you mean 'torch'\? Known: numpy, jax, torch"):
        backend.move(np.ones(2), "torhc")
    with pytest.raises(ValueError, match="NumPy arrays live on the CPU; device='cuda'"):
        backend.move(np.ones(2), "numpy", device="cuda")
    with pytest.raises(TypeError, match="float33"):
        backend.move(np.ones(2), "numpy", dtype="float33")


@needs_jax
def test_jax_without_64_bit_takes_no_64_bit_arrays():
    import jax

    with jax.enable_x64(False):
        with pytest.raises(TypeError, match=r"float64, and 64-bit is switched off.*jax_enable_x64"):
            backend.move(network()[0], "jax")
        assert backend.move(network(dtype=np.float32)[0], "jax").populations["value"].bias.dtype == np.float32


@pytest.mark.parametrize("library", AUTODIFF)
def test_libraries_do_not_mix(library):
    here, there = np.ones(2), to_library(np.ones(2), library)
    with pytest.raises(TypeError, match=rf"different libraries \({', '.join(sorted((library, 'numpy')))}\). Move them"):
        backend.namespace(here, there)
    populations = {"a": Population(Quadratic(), 2, bias=here), "b": Population(Quadratic(), 2)}
    with pytest.raises(TypeError, match="different libraries"):
        Network(populations, [Bilinear(("a", "b"), to_library(np.eye(2), library))])
    net = Network({"a": populations["a"]})
    with pytest.raises(TypeError, match=rf"state 'a' is a {library} array but the memory holds numpy arrays"):
        net.check_states({"a": there})


@pytest.mark.parametrize("library", AUTODIFF)
def test_a_missing_library_names_the_line_that_installs_it(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)  # as Python marks what cannot be imported
    with pytest.raises(ImportError, match=rf"needs the package '{library}'.*pip install \"hopfield\[{library}\]\""):
        backend.move(np.ones(2), library)


def test_a_missing_module_names_the_line_that_installs_it():
    with pytest.raises(ImportError, match="Run: pip install no_such_module_at_all"):
        backend.optional_import("no_such_module_at_all")
    with pytest.raises(ImportError, match=r"'no_such_module_at_all'.*Run: pip install \"hopfield\[jax\]\""):
        backend.optional_import("no_such_module_at_all", "jax")
    assert backend.optional_import("numpy") is np


# --- small things


def test_arrays_are_made_like_others(library, dtype):
    like = to_library(np.ones(3, dtype), library)
    assert backend.backend_of(like) == library
    assert backend.epsilon(like) == epsilon(dtype)
    for made in (backend.full((2, 2), 0.5, like), backend.asarray([1, 2], like), backend.asarray(np.ones(2), like)):
        assert backend.backend_of(made) == library
        assert made.dtype == like.dtype
    for mask in (True, np.array([True]), to_library(np.array([True]), library)):
        assert to_numpy(backend.asarray(mask, like)).dtype == np.bool_
    assert backend.to_numpy(like).tolist() == [1, 1, 1]
    assert not backend.is_traced(like)
    assert not backend.is_traced(1.0)


@pytest.mark.parametrize("library", AUTODIFF)
def test_what_is_traced_is_told_and_derivatives_stop_where_asked(library):
    seen = []

    def value(x):
        seen.append(backend.is_traced(x))
        backend.device(x)  # a tracer has none of its own
        return (x * backend.detach(x)).sum(-1)

    assert to_numpy(backend.gradient(value, to_library(np.array([1.0, 3.0]), library))).tolist() == [1.0, 3.0]
    assert seen == [True]


@needs_torch
def test_a_tensor_with_a_derivative_goes_to_numpy():
    import torch

    assert backend.to_numpy(torch.ones(2, requires_grad=True)).tolist() == [1.0, 1.0]


def test_city_block_distances(library, dtype, rng):
    rows, others = (rng.standard_normal((n, 4)).astype(dtype) for n in (3, 5))
    found = backend.cityblock(to_library(rows, library), to_library(others, library))
    expected = np.abs(rows[:, None, :].astype(float) - others[None]).sum(-1)
    assert to_numpy(found).dtype == dtype
    assert_close(found, expected, dtype)


# --- the array API standard


STANDARD = [
    Quadratic(),
    Quadratic(2.0),
    LogSumExp(2.0),
    Power(2),
    Power(3),
    RectifiedPower(2),
    RectifiedPower(3, 0.5),
    Exponential(0.5),
    LogCosh(2.0),
    Softplus(2.0),
    Spherical(),
    LayerNorm(2.0, 0.5),
    Max(),
    TopK(2),
    Threshold(0.3, 2.0),
    XLogX(2.0),
    Sparsemax(2.0),
    Entmax(1.5),
]


@pytest.mark.parametrize("lagrangian", STANDARD, ids=repr)
def test_lagrangians_keep_to_the_array_standard(lagrangian, dtype, rng):
    strict = pytest.importorskip("array_api_strict")
    x, u = 0.1 + np.abs(rng.standard_normal((2, 3, 5))), rng.standard_normal((2, 3, 5))
    x, u = x.astype(dtype), u.astype(dtype)
    for name in ("value", "activation", "curvature", "tangent"):
        given = (x,) if name in ("value", "activation") else (x, u)
        found = getattr(lagrangian, name)(*(strict.asarray(one) for one in given))
        assert found.dtype == strict.asarray(x).dtype
        assert_close(found, getattr(lagrangian, name)(*given), dtype)
    g = lagrangian.activation(x)
    assert_close(lagrangian.dual(strict.asarray(g)), lagrangian.dual(g), dtype)


@pytest.mark.parametrize("kind", [Dot(), Euclidean(), Cosine()], ids=lambda kind: kind.name)
@pytest.mark.parametrize("flow", ["local", "gradient"])
def test_networks_keep_to_the_array_standard(kind, flow, rng):
    strict = pytest.importorskip("array_api_strict")

    def build(asarray):
        draw = np.random.default_rng(3).standard_normal
        memories, weights, bias, square = draw((4, 5)), draw((2, 5)), draw(2), draw((4, 4))
        populations = {
            "v": Population(LogCosh(), 5, leak=kind.leak),
            "h": Population(LogSumExp(2.0), 4, 0.1),
            "o": Population(Spherical(), 2, 2.0, 0.0, asarray(bias)),
        }
        synapses = [
            SimilaritySynapse(("v", "h"), kind, kind.prepare(asarray(memories))),
            Bilinear(("o", "v"), asarray(weights)),
            Recurrent(("h",), asarray(square + square.T)),
        ]
        return Network(populations, synapses, flow)

    ours, theirs = build(np.asarray), build(strict.asarray)
    states = {name: rng.standard_normal((3, p.size)) for name, p in ours.populations.items()}
    clamp = {"v": np.array([True, False, False, True, False])}
    given = theirs.check_states({name: strict.asarray(x) for name, x in states.items()})
    masks = theirs.check_clamp({"v": strict.asarray(clamp["v"])}, given)
    for name in ("energy", "energy_scale", "energy_rate"):
        assert_close(getattr(theirs, name)(given), getattr(ours, name)(states), factor=1000)
    for found, expected in (
        (theirs.velocity(given, masks), ours.velocity(states, clamp)),
        (theirs.energy_gradient(given), ours.energy_gradient(states)),
    ):
        for name, x in expected.items():
            assert_close(found[name], x, factor=1000)
