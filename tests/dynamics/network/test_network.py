"""Networks: energy, velocity and energy rate agree with one another, and the energy falls where it must."""

import functools

import numpy as np
import pytest

from helpers import LIBRARIES, epsilon, to_library, to_numpy
from hopfield.dynamics import (
    Bilinear,
    CustomLagrangian,
    EquilibriumSynapse,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Power,
    Quadratic,
    RectifiedPower,
    Recurrent,
    SimilaritySynapse,
    Softplus,
    Spherical,
    TopK,
    backend,
)
from hopfield.models import Cosine, Dot, Euclidean, Manhattan

SEEDS = range(8)
FEW = (0, 1, 2)  # JAX compiles each network anew
BATCH = 3


def double_well(x):
    return (x**4).sum(-1) / 4 - (x**2).sum(-1) / 2


CONVEX = [
    Quadratic,
    lambda: Quadratic(1.5),
    lambda: LogCosh(2.0),
    lambda: Softplus(0.7),
    RectifiedPower,
    lambda: RectifiedPower(3, 0.5),
    lambda: LogSumExp(1.5),
    Spherical,
    lambda: LayerNorm(0.8, 0.1, eps=0.01),
]
ANY = [
    *CONVEX,
    lambda: Power(3),
    lambda: CustomLagrangian(double_well, lambda x: x**3 - x, lambda x, u: (3 * x**2 - 1) * u),
]
SYNAPSES = ["bilinear", Dot(), Euclidean(), Cosine()]


def random_network(seed, flow="local", kinds=CONVEX):
    """Two to four populations in a connected random graph, and a state (BATCH, n) of each."""
    rng = np.random.default_rng(seed)
    sizes = {name: int(rng.integers(3, 6)) for name in ("v", "h", "k", "m")[: 2 + seed % 3]}
    populations, first = {}, sum(2 + earlier % 3 for earlier in range(seed))
    for k, (name, size) in enumerate(sizes.items()):
        lagrangian = kinds[(first + k) % len(kinds)]()
        bias = [None, 0.3, rng.standard_normal(size)][(seed + k) % 3]
        leak, tau = [0.0, 0.4, 1.0][(seed + 2 * k) % 3], [1.0, float(rng.uniform(0.2, 3))][k % 2]
        populations[name] = Population(lagrangian, size, tau, leak, bias)
    names, synapses = list(sizes), []
    for k, name in enumerate(names[1:]):
        other = names[int(rng.integers(0, k + 1))]
        kind, weights = SYNAPSES[(seed + k) % 4], rng.standard_normal((sizes[other], sizes[name]))
        if isinstance(kind, str):
            synapses.append(Bilinear((other, name), weights))
            continue
        if isinstance(kind, Cosine) and isinstance(populations[other].lagrangian, RectifiedPower):
            kind = Dot()  # all neurons may be silent, and the cosine has a kink at 0
        synapses.append(SimilaritySynapse((other, name), kind, kind.prepare(weights.T)))
    weights = rng.standard_normal((sizes["h"], sizes["h"]))
    synapses.append(Recurrent(("h",), weights + weights.T))
    if seed % 2:
        memories = rng.standard_normal((4, sizes["v"])), rng.standard_normal((4, sizes["h"]))
        bias = rng.standard_normal(4)
        ends = ("v", "h")
        synapses.append(EquilibriumSynapse(ends, (Dot(), Euclidean()), memories, LogSumExp(2.0), 0.8, bias))
    states = {name: rng.standard_normal((BATCH, size), np.float32).astype(float) for name, size in sizes.items()}
    return Network(populations, synapses, flow), states


def moved(states, library, dtype=np.float64):
    return {name: to_library(x.astype(dtype), library) for name, x in states.items()}


def derivatives(library):
    """The gradient of a scalar function of states, and its derivative along a velocity."""
    if library == "jax":
        import jax

        return jax.grad, lambda f, x, u: jax.jvp(f, (x,), (u,))[1]
    import torch.func

    return torch.func.grad, lambda f, x, u: torch.func.jvp(f, (x,), (u,))[1]


def facts(library, local, gradient, states):
    """What a network says in both flows, and what automatic differentiation says."""
    answer = {"energy": local.energy(states), "parts": local.energy_parts(states)}
    answer["gradient"], answer["local"] = local.energy_gradient(states), local.velocity(states)
    answer["scale"] = local.energy_scale(states)
    for flow, network in (("local", local), ("gradient", gradient)):
        velocity = network.velocity(states)
        answer[flow, "velocity"], answer[flow, "rate"] = velocity, network.energy_rate(states)
        if library != "numpy":
            answer[flow, "rate by autodiff"] = derivatives(library)[1](network.energy, states, velocity)
    answer["uphill"] = {
        name: p.lagrangian.curvature(states[name], answer["local"][name] * p.tau)
        for name, p in local.populations.items()
    }
    if library != "numpy":
        answer["gradient by autodiff"] = derivatives(library)[0](lambda x: local.energy(x).sum())(states)
    # JAX wants keys that it can sort, and gives dicts back in their order.
    return {str(key): value for key, value in answer.items()}


@functools.cache
def compiled_facts():
    import jax

    fast = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return jax.jit(facts, static_argnums=0, compiler_options=fast)


@functools.cache
def known(library, seed, dtype="float64"):
    """The facts of a random network, as NumPy arrays, computed once."""
    networks = [random_network(seed, flow) for flow in ("local", "gradient")]
    states = moved(networks[0][1], library, np.dtype(dtype))
    both = [backend.move(network, library, dtype=dtype) for network, _ in networks]
    found = (compiled_facts() if library == "jax" else facts)(library, *both, states)
    return backend.map_leaves(to_numpy, found)


CASES = [(library, seed) for library in LIBRARIES for seed in (FEW if library == "jax" else SEEDS)]
AUTODIFF = [(library, seed) for library, seed in CASES if library != "numpy"]
everywhere = pytest.mark.parametrize(("library", "seed"), CASES)
with_autodiff = pytest.mark.parametrize(("library", "seed"), AUTODIFF)


def assert_close(actual, desired, scale=1.0, factor=256.0, dtype=np.float64):
    np.testing.assert_allclose(actual, desired, rtol=0, atol=factor * epsilon(dtype) * max(1.0, float(np.max(scale))))


def size(states):
    return max(float(np.max(np.abs(to_numpy(x)))) for x in states.values())


# --- energy, gradient, velocity and rate agree


def test_the_random_networks_cover_what_they_should():
    networks = [random_network(seed)[0] for seed in SEEDS]
    populations = [p for network in networks for p in network.populations.values()]
    synapses = [s for network in networks for s in network.synapses.values()]
    assert {len(network.populations) for network in networks} == {2, 3, 4}
    assert {p.leak for p in populations} == {0.0, 0.4, 1.0}
    assert {repr(p.lagrangian) for p in populations} == {repr(make()) for make in CONVEX}
    assert {type(p.bias).__name__ for p in populations} == {"NoneType", "float", "ndarray"}
    kinds = {type(getattr(s, "similarity", s)).__name__ for s in synapses}
    assert kinds == {"Bilinear", "Recurrent", "EquilibriumSynapse", "Dot", "Euclidean", "Cosine"}


@everywhere
def test_energy_is_the_sum_of_its_parts(library, seed):
    found = known(library, seed)
    network = random_network(seed)[0]
    assert set(found["parts"]) == {*network.populations, *network.synapses}
    assert_close(sum(found["parts"].values()), found["energy"], found["scale"])
    assert found["energy"].shape == (BATCH,)
    assert (np.abs(found["energy"]) <= found["scale"] * (1 + 8 * epsilon(float))).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_energy_is_the_formula(seed):
    network, states = random_network(seed)
    g = network.activations(states)
    energy = 0.0
    for name, p in network.populations.items():
        x = states[name]
        energy = energy + p.leak * (np.sum(x * g[name], -1) - p.lagrangian.value(x))
        energy = energy - np.sum((0.0 if p.bias is None else p.bias) * g[name], -1)
    for synapse in network.synapses.values():
        energy = energy + synapse.energy(*(g[name] for name in synapse.between))
    assert_close(network.energy(states), energy, network.energy_scale(states))


@with_autodiff
def test_gradient_is_that_of_the_energy(library, seed):
    found = known(library, seed)
    for name, slope in found["gradient"].items():
        assert_close(slope, found["gradient by autodiff"][name], size(found["gradient"]))


@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_is_that_by_differences(seed, rng):
    network, states = random_network(seed)
    step = epsilon(float) ** (1 / 3)
    for name, slope in network.energy_gradient(states).items():
        u = rng.standard_normal(states[name].shape)
        ahead, behind = ({**states, name: states[name] + sign * step * u} for sign in (1, -1))
        expected = (network.energy(ahead) - network.energy(behind)) / (2 * step)
        assert_close(np.sum(slope * u, -1), expected, network.energy_scale(states), factor=1000 / step)


@everywhere
def test_gradient_is_minus_the_curvature_of_the_local_flow(library, seed):
    found = known(library, seed)
    for name, slope in found["gradient"].items():
        assert_close(slope, -found["uphill"][name], size(found["gradient"]))


@everywhere
def test_gradient_flow_runs_down_the_gradient(library, seed):
    found, network = known(library, seed), random_network(seed)[0]
    for name, velocity in found["('gradient', 'velocity')"].items():
        assert_close(network.populations[name].tau * velocity, -found["gradient"][name], size(found["gradient"]))


@with_autodiff
@pytest.mark.parametrize("flow", ["local", "gradient"])
def test_rate_is_the_derivative_along_the_velocity(library, seed, flow):
    found = known(library, seed)
    rate, scale = found[str((flow, "rate"))], size(found["gradient"]) * size(found[str((flow, "velocity"))])
    assert_close(rate, found[str((flow, "rate by autodiff"))], scale)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("flow", ["local", "gradient"])
def test_rate_is_the_derivative_by_differences(seed, flow):
    network, states = random_network(seed, flow)
    velocity = network.velocity(states)
    step = epsilon(float) ** (1 / 3) / max(1.0, size(velocity))
    ahead, behind = ({name: x + sign * step * velocity[name] for name, x in states.items()} for sign in (1, -1))
    expected = (network.energy(ahead) - network.energy(behind)) / (2 * step)
    scale = network.energy_scale(states) * max(1.0, size(velocity)) ** 2
    assert_close(network.energy_rate(states), expected, scale, factor=100 / epsilon(float) ** (1 / 3))


@everywhere
@pytest.mark.parametrize("flow", ["local", "gradient"])
def test_energy_falls(library, seed, flow):
    found = known(library, seed)
    rate, scale = found[str((flow, "rate"))], size(found["gradient"]) * size(found[str((flow, "velocity"))])
    assert (rate <= 64 * epsilon(float) * scale).all()
    assert rate.min() < 0


@pytest.mark.parametrize("seed", range(11))
def test_energy_falls_in_the_gradient_flow_of_any_lagrangian(seed):
    network, states = random_network(seed, "gradient", ANY)
    velocity = network.velocity(states)
    expected = -sum(p.tau * np.sum(velocity[name] ** 2, -1) for name, p in network.populations.items())
    assert_close(network.energy_rate(states), expected, np.abs(expected))
    assert (network.energy_rate(states) < 0).all()


@pytest.mark.parametrize("lagrangian", [Power(3), ANY[-1]()], ids=["power", "double well"])
def test_energy_can_rise_in_the_local_flow_of_one_that_is_not_convex(lagrangian):
    x = {"x": np.array([[-0.4, 0.3], [0.4, 0.3]])}
    local = Network({"x": Population(lagrangian, 2, leak=1.0)})
    assert local.convex is lagrangian.convex
    assert local.convex is not True
    assert local.energy_rate(x)[0] > 0.01
    assert (Network(local.populations, flow="gradient").energy_rate(x) < 0).all()


@pytest.mark.parametrize(("library", "seed"), [case for case in CASES if case[0] != "jax" or case[1] == 1])
def test_float32_agrees_with_float64(library, seed):
    found, expected = known(library, seed, "float32"), known("numpy", seed)
    assert {array.dtype for array in backend.leaves(found)} == {np.dtype(np.float32)}
    for name in ("energy", "('local', 'rate')", "('gradient', 'rate')"):
        scale = np.max(expected["scale"]) * (1 if name == "energy" else size(expected["gradient"]))
        assert_close(found[name], expected[name], scale, dtype=np.float32)
    for name in ("gradient", "local", "('gradient', 'velocity')"):
        for population, true in expected[name].items():
            assert_close(found[name][population], true, np.max(expected["scale"]), dtype=np.float32)


@pytest.mark.parametrize("seed", SEEDS)
def test_energy_rounds_by_its_scale_far_from_the_origin(seed):
    network, states = random_network(seed)
    far = {name: x.astype(np.float32) + np.float32(30) for name, x in states.items()}
    double = {name: x.astype(float) for name, x in far.items()}
    gap = np.abs(backend.move(network, "numpy", dtype="float32").energy(far) - network.energy(double))
    assert (gap <= 64 * epsilon("float32") * network.energy_scale(double)).all()


# --- asymmetric couplings


def test_an_asymmetric_coupling_is_not_conservative_and_can_lift_the_energy(rng):
    weights = 4 * rng.standard_normal((4, 4))
    states = {"x": rng.standard_normal((50, 4))}
    populations = {"x": Population(LogCosh(), 4)}
    network = Network(populations, [Recurrent(("x",), weights)])
    assert not network.conservative
    rate = network.energy_rate(states)
    assert rate.max() > 0.1
    step = epsilon(float) ** (1 / 3)
    velocity = network.velocity(states)["x"]
    ahead, behind = ({"x": states["x"] + sign * step * velocity} for sign in (1, -1))
    expected = (network.energy(ahead) - network.energy(behind)) / (2 * step)
    assert_close(rate, expected, network.energy_scale(states) * size({"x": velocity}) ** 2, factor=1000 / step)
    symmetric = Network(populations, [Recurrent(("x",), weights + weights.T)])
    assert symmetric.conservative
    assert symmetric.energy_rate(states).max() <= 0


# --- clamping


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("flow", ["local", "gradient"])
def test_a_held_population_stands_still_and_the_energy_falls(seed, flow):
    network, states = random_network(seed, flow)
    free = network.velocity(states)
    for held in network.populations:
        clamp = network.check_clamp({held: True}, states)
        velocity, rate = network.velocity(states, clamp), network.energy_rate(states, clamp)
        assert (velocity[held] == 0).all()
        assert all((velocity[name] == free[name]).all() for name in velocity if name != held)
        assert (rate <= 64 * epsilon(float) * size(network.energy_gradient(states)) * size(free)).all()


def test_part_of_a_population_is_held(library, rng):
    weights = rng.standard_normal((4, 4))
    network = Network({"x": Population(LogCosh(), 4, leak=0.4)}, [Recurrent(("x",), weights + weights.T)])
    network, states = backend.move(network, library), moved({"x": rng.standard_normal((3, 4))}, library)
    free = to_numpy(network.velocity(states)["x"])
    one = np.array([True, False, True, False])
    for mask in (one, np.array([one, ~one, one])):
        clamp = network.check_clamp({"x": mask}, states)
        for given in (mask.tolist(), to_library(mask, library)):
            assert (to_numpy(network.check_clamp({"x": given}, states)["x"]) == mask).all()
        assert (to_numpy(network.velocity(states, clamp)["x"]) == np.where(mask, 0.0, free)).all()
        assert (to_numpy(network.energy_rate(states, clamp)) < 0).all()
    for given in (True, to_library(one, library)):  # as `velocity` takes them unchecked
        held = np.broadcast_to(to_numpy(given), 4)
        assert (to_numpy(network.velocity(states, {"x": given})["x"]) == np.where(held, 0.0, free)).all()


def test_holding_part_of_a_softmax_warns_and_can_lift_the_energy(rng):
    weights = rng.standard_normal((5, 5))
    states = {"x": rng.standard_normal((100, 5))}
    mask = {"x": np.array([True, True, False, False, False])}
    local = Network({"x": Population(LogSumExp(2.0), 5)}, [Recurrent(("x",), weights + weights.T)])
    with pytest.warns(UserWarning, match=r"Part of 'x' is clamped.*LogSumExp.*flow='gradient'"):
        clamp = local.check_clamp(mask, states)
    assert local.energy_rate(states).max() <= 0
    assert local.energy_rate(states, clamp).max() > 0.01
    gradient = Network(local.populations, local.synapses, "gradient")
    assert gradient.energy_rate(states, gradient.check_clamp(mask, states)).max() <= 0


def test_holding_whole_samples_of_a_softmax_does_not_warn(rng):
    network = Network({"x": Population(LogSumExp(), 3)})
    states = {"x": rng.standard_normal((2, 3))}
    clamp = network.check_clamp({"x": np.array([[True] * 3, [False] * 3])}, states)
    velocity = network.velocity(states, clamp)["x"]
    assert (velocity[0] == 0).all()
    assert (velocity[1] != 0).all()


def test_a_clamp_that_does_not_fit_is_refused(rng):
    network = Network({"value": Population(LogSumExp(), 3)})
    states = {"value": rng.standard_normal((2, 3))}
    with pytest.raises(ValueError, match=r"'vlaue'\. Did you mean 'value'"):
        network.check_clamp({"vlaue": True}, states)
    with pytest.raises(ValueError, match=r"shape \(2,\).*its 3 neurons"):
        network.check_clamp({"value": [True, False]}, states)


# --- structure


def test_leak_zero_leaves_null_directions_alone(rng):
    weights = rng.standard_normal((4, 4))
    states = {"x": rng.standard_normal((6, 4))}
    for lagrangian, leaving in (
        (LogSumExp(), lambda x, u: u.mean(-1)),
        (LayerNorm(), lambda x, u: u.mean(-1)),
        (Spherical(), lambda x, u: np.sum(x * u, -1)),
    ):
        synapses = [Recurrent(("x",), weights + weights.T)]
        velocity = Network({"x": Population(lagrangian, 4, leak=0.0)}, synapses).velocity(states)["x"]
        assert_close(leaving(states["x"], velocity), 0.0, size({"x": velocity}))
        kept = Network({"x": Population(lagrangian, 4, leak=0.4)}, synapses).velocity(states)["x"]
        assert np.abs(leaving(states["x"], kept)).max() > 0.01


def test_at_a_kink_the_force_of_least_norm_counts():
    memories = np.array([[0.0, 1.0], [3.0, -1.0]])
    kind = Manhattan()
    network = Network(
        {"v": Population(Quadratic(), 2, leak=0.0), "h": Population(LogSumExp(), 2)},
        {"memory": SimilaritySynapse(("v", "h"), kind, kind.prepare(memories))},
    )
    assert network.kinks == ["memory"]
    states = {"v": np.array([0.0, 0.5]), "h": np.array([np.log(3.0), 0.0])}  # weights 3/4 and 1/4
    assert_close(network.velocity(states)["v"], [0.0, 0.5])
    assert_close(network.velocity({**states, "h": -states["h"]})["v"], [0.5, -0.5])


def test_kinks_of_populations_are_named():
    assert Network({"a": Population(TopK(1), 3), "b": Population(LogCosh(), 3)}).kinks == ["a"]


def test_convexity_of_a_network_is_that_of_its_parts():
    known_ones = {"a": Population(Quadratic(), 2), "b": Population(LogCosh(), 2)}
    assert Network(known_ones).convex is True
    assert Network({**known_ones, "c": Population(CustomLagrangian(double_well), 2)}).convex is None
    assert Network({**known_ones, "c": Population(Power(3), 2)}).convex is False


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "jax"])
@pytest.mark.parametrize("leak", [1.0, 0.5])
@pytest.mark.parametrize("kind", [Dot(), Euclidean(), Cosine()], ids=lambda kind: kind.name)
def test_memory_in_equilibrium_is_the_pair_at_its_scores(kind, leak, library, rng):
    memories, bias = rng.standard_normal((5, 4)), rng.standard_normal(5)
    prepared = kind.prepare(memories)
    value, memory = Population(LogCosh(), 4, 1.3, 0.4, 0.1), Population(LogSumExp(1.5), 5, 0.1, leak, bias)
    pair = Network({"v": value, "h": memory}, [SimilaritySynapse(("v", "h"), kind, prepared)])
    alone = Network({"v": value}, {"h": EquilibriumSynapse(("v",), (kind,), (prepared,), LogSumExp(1.5), leak, bias)})
    pair, alone = backend.move(pair, library), backend.move(alone, library)
    v = to_library(rng.standard_normal((3, 4)), library)
    h = alone.evaluate({"v": v}).signals["h"]
    both = {"v": v, "h": h}
    scale = to_numpy(pair.energy_scale(both))
    assert_close(to_numpy(alone.energy({"v": v})), to_numpy(pair.energy(both)), scale)
    velocity = {name: to_numpy(u) for name, u in pair.velocity(both).items()}
    assert_close(to_numpy(alone.velocity({"v": v})["v"]), velocity["v"], scale)
    assert_close(velocity["h"], 0.0, scale, factor=1e4)


@pytest.mark.parametrize("seed", SEEDS)
def test_batches_equal_one_by_one(seed, rng):
    network, states = random_network(seed)
    many = {name: rng.standard_normal((2, 3, x.shape[-1])) for name, x in states.items()}
    energy, rate, velocity = network.energy(many), network.energy_rate(many), network.velocity(many)
    assert energy.shape == rate.shape == (2, 3)
    scale = network.energy_scale(many)
    for index in np.ndindex(2, 3):
        one = {name: x[index] for name, x in many.items()}
        assert_close(network.energy(one), energy[index], scale)
        assert_close(network.energy_rate(one), rate[index], scale**2)
        for name, u in network.velocity(one).items():
            assert_close(u, velocity[name][index], scale)
    none = {name: x[:0] for name, x in many.items()}
    assert network.energy(none).shape == (0, 3)
    assert {name: u.shape for name, u in network.velocity(none).items()} == {n: x.shape for n, x in none.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_an_updated_evaluation_is_a_fresh_one(seed, rng):
    network, states = random_network(seed)
    evaluation = network.evaluate(states)
    for name, x in states.items():
        states = {**states, name: x + rng.standard_normal(x.shape)}
        evaluation = network.bound().moved(evaluation, name, states[name])
        fresh = network.evaluate(states)
        assert all((evaluation.activations[a] == fresh.activations[a]).all() for a in fresh.activations)
        for key, signal in fresh.signals.items():
            assert signal is None or (evaluation.signals[key] == signal).all()
        assert (network.energy(states, evaluation) == network.energy(states)).all()
        assert (network.energy_rate(states, evaluation=evaluation) == network.energy_rate(states)).all()


def test_two_synapses_between_the_same_populations_add_up(rng):
    populations = {"a": Population(Quadratic(), 2), "b": Population(LogCosh(), 3)}
    one, two = rng.standard_normal((2, 2, 3))
    states = {"a": rng.standard_normal(2), "b": rng.standard_normal(3)}
    twice = Network(populations, [Bilinear(("a", "b"), one), Bilinear(("a", "b"), two)])
    assert list(twice.synapses) == ["a~b", "a~b#1"]
    once = Network(populations, [Bilinear(("a", "b"), one + two)])
    assert_close(twice.energy(states), once.energy(states))
    assert_close(twice.velocity(states)["b"], once.velocity(states)["b"])


def test_a_bilinear_synapse_may_join_a_population_to_itself(rng):
    weights = rng.standard_normal((3, 3))
    population, states = {"a": Population(LogCosh(), 3)}, {"a": rng.standard_normal(3)}
    itself = Network(population, [Bilinear(("a", "a"), weights)])
    recurrent = Network(population, [Recurrent(("a",), weights + weights.T)])
    assert_close(itself.energy(states), recurrent.energy(states))
    assert_close(itself.velocity(states)["a"], recurrent.velocity(states)["a"])


def test_a_population_without_synapses_leaks_away(library):
    network = Network({"a": Population(Quadratic(), 2, 2.0), "b": Population(LogCosh(), 1, leak=0.0)})
    states = moved({"a": np.array([1.0, -2.0]), "b": np.array([3.0])}, library)
    velocity = network.velocity(network.check_states(states))
    assert to_numpy(velocity["a"]).tolist() == [-0.5, 1.0]
    assert to_numpy(velocity["b"]).tolist() == [0.0]
    assert to_numpy(network.energy(states)) == 2.5


# --- what is refused


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Population(None, 2), TypeError, "must be a Lagrangian such as"),
        (lambda: Population(Quadratic(), 0), ValueError, "at least one neuron"),
        (lambda: Population(Quadratic(), 2, tau=0.0), ValueError, "tau must be > 0"),
        (lambda: Population(Quadratic(), 2, tau="fast"), TypeError, "tau must be one number, got 'fast'"),
        (lambda: Population(Quadratic(), 2, leak=-1.0), ValueError, "leak must be >= 0"),
        (lambda: Population(Quadratic(), 2, bias=np.ones(3)), ValueError, r"shape \(3,\).*shape \(2,\)"),
        (lambda: Population(Quadratic(), 2, bias=[1.0, 2.0, 3.0]), ValueError, r"shape \(3,\).*shape \(2,\)"),
        (lambda: Population(Quadratic(), 2, bias=np.array([0.0, np.nan])), ValueError, r"bias holds 1 .*index \(1,\)"),
        (lambda: Population(Quadratic(), 2, bias=np.inf), ValueError, "bias must be a finite number"),
        (lambda: Population(Quadratic(), 2, bias="strong"), TypeError, "bias must be numbers"),
        (lambda: Network({}), ValueError, "at least one population"),
    ],
)
def test_bad_populations_are_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "numpy"])
def test_a_time_constant_of_another_library_is_checked_and_kept(library):
    tau = to_library(2.0, library)
    assert Population(Quadratic(), 2, tau).tau is tau
    with pytest.raises(ValueError, match="tau must be > 0"):
        Population(Quadratic(), 2, -tau)
    with pytest.raises(ValueError, match=r"tau has shape \(3,\); it is one number or of shape \(2,\)"):
        Population(Quadratic(), 2, to_library(np.ones(3), library))


def test_synapses_that_do_not_fit_are_refused():
    populations = {"value": Population(Quadratic(), 3), "memory": Population(LogSumExp(), 2)}
    with pytest.raises(ValueError, match="Synapse 'value~memory' expects 4 neurons in 'value', which has 3"):
        Network(populations, [Bilinear(("value", "memory"), np.ones((4, 2)))])
    with pytest.raises(ValueError, match="expects 3 neurons in 'memory', which has 2"):
        Network(populations, {"s": SimilaritySynapse(("value", "memory"), Dot(), np.ones((3, 3)))})
    with pytest.raises(ValueError, match=r"Unknown population.*'memry'\. Did you mean 'memory'.*Known: value, memory"):
        Network(populations, [Bilinear(("value", "memry"), np.ones((3, 2)))])
    with pytest.raises(ValueError, match=r"different names; both are called \['memory'\]"):
        Network(populations, {"memory": Bilinear(("value", "memory"), np.ones((3, 2)))})
    with pytest.raises(ValueError, match=r"Unknown flow 'locale'\. Did you mean 'local'"):
        Network(populations, flow="locale")


def test_arrays_of_two_dtypes_are_refused(library):
    bias = to_library(np.ones(2, np.float32), library)
    populations = {"a": Population(Quadratic(), 2, bias=bias), "b": Population(Quadratic(), 2)}
    with pytest.raises(TypeError, match=r"different dtypes \(.*float32, .*float64\), and nothing is cast in silence"):
        Network(populations, [Bilinear(("a", "b"), to_library(np.eye(2), library))])
    Network(populations, [Bilinear(("a", "b"), to_library(np.eye(2, dtype=np.float32), library))])


def test_a_bias_may_be_a_list_of_numbers():
    states = {"a": np.zeros(2)}
    assert Network({"a": Population(Quadratic(), 2, bias=[1, 2])}).velocity(states)["a"].tolist() == [1.0, 2.0]


def test_states_that_do_not_fit_are_refused():
    network = Network(
        {"value": Population(Quadratic(), 3), "memory": Population(LogSumExp(), 2)},
        [Bilinear(("value", "memory"), np.ones((3, 2)))],
    )
    good = {"memory": np.zeros(2), "value": np.zeros(3)}
    assert list(network.check_states(good)) == ["value", "memory"]
    assert network.check_states({"memory": [0, 1], "value": [0, 1, 2]})["value"].dtype == np.float64
    with pytest.raises(ValueError, match=r"must be of \['value', 'memory'\], got \['value', 'memry'\]"):
        network.check_states({"value": np.zeros(3), "memry": np.zeros(2)})
    with pytest.raises(ValueError, match=r"must be of .*\['memory'\] do not agree"):
        network.check_states({"value": np.zeros(3)})
    with pytest.raises(ValueError, match=r"state 'value' has shape \(4,\) but must be \(..., 3\)"):
        network.check_states({**good, "value": np.zeros(4)})
    with pytest.raises(ValueError, match=r"state 'memory' holds 1 values that are NaN.*at index \(1,\)"):
        network.check_states({**good, "memory": np.array([0.0, np.nan])})
    assert network.check_states({**good, "memory": np.zeros(2, np.float32)})["memory"].dtype == np.float64
    narrow = Network(network.populations, [Bilinear(("value", "memory"), np.ones((3, 2), np.float32))])
    with pytest.raises(TypeError, match="float64 but the memory is float32, and nothing is rounded in silence"):
        narrow.check_states(good)
    with pytest.raises(TypeError, match="must be numbers"):
        network.check_states({**good, "memory": ["a", "b"]})


def test_repr_names_the_parts():
    network = Network({"a": Population(Quadratic(), 2)}, {"loop": Recurrent(("a",), np.eye(2))}, "gradient")
    assert repr(network) == (
        "Network({\n    'a': Population(Quadratic(beta=None), 2, tau=1.0, leak=1.0),\n}, {\n"
        "    'loop': Recurrent,\n}, flow='gradient')"
    )
