"""Relaxation: the energy falls for every step size where that is promised, and the guard watches elsewhere."""

import numpy as np
import pytest

from helpers import few, to_library, to_numpy
from hopfield.dynamics import (
    Bilinear,
    EquilibriumSynapse,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Max,
    Network,
    Population,
    Quadratic,
    RectifiedPower,
    Recurrent,
    Relaxation,
    Scipy,
    Similarity,
    SimilaritySynapse,
    Softplus,
    Sparsemax,
    Spherical,
    simulate,
)
from hopfield.dynamics.simulation import Result
from hopfield.dynamics.synapses import exact_step
from hopfield.models import Custom, ModernHopfield, UniversalHopfield, similarity

INF = float("inf")
ROUNDING = 16  # units of eps times the size of the numbers that cancel in the energy

# What Relaxation promises for every dt: convex separations for dot and cosine, non-negative ones for distances.
SEPARATIONS = {
    "dot": ["softmax", "max", "log_cosh", "rectified", "sparsemax", "identity"],
    "cosine": ["softmax", "max", "log_cosh", "rectified", "sparsemax", "identity"],
    "euclidean": ["softmax", "max", "rectified", "sparsemax", "softplus"],
    "manhattan": ["softmax", "max", "rectified", "sparsemax", "softplus"],
}
VALUES = {"dot": ["linear", "log_cosh", "layer_norm", "sphere"], "euclidean": ["linear"], "manhattan": ["linear"],
          "cosine": ["linear"]}  # fmt: skip
CASES = [(s, p, v) for s, separations in SEPARATIONS.items() for p in separations for v in VALUES[s]]


def lagrangian(name, beta):
    return {
        "softmax": lambda: LogSumExp(beta),
        "max": Max,
        "log_cosh": lambda: LogCosh(beta),
        "rectified": lambda: RectifiedPower(3),
        "sparsemax": lambda: Sparsemax(beta),
        "identity": Quadratic,
        "softplus": lambda: Softplus(beta),
        "linear": Quadratic,
        "layer_norm": LayerNorm,
        "sphere": Spherical,
    }[name]()


def random_network(rng, sim, sep, val):
    """A two-population network with everything that may be chosen chosen at random, and a random state."""
    n, i, batch = int(rng.integers(1, 7)), int(rng.integers(2, 6)), 3
    scale = 10 ** rng.uniform(-1, 0.3)
    kind, separation, value = similarity(sim), lagrangian(sep, 10 ** rng.uniform(-1, 1.5)), lagrangian(val, 1.0)
    tau_value, tau_memory = 10 ** rng.uniform(-2, 2), 10 ** rng.uniform(-3, 3)
    leak, bias = kind.leak, None
    if sim in ("euclidean", "manhattan") and rng.random() < 0.5:
        leak = rng.uniform(0.1, 2)
    if (sim == "dot" or leak > 0) and rng.random() < 0.5:
        bias = scale * rng.normal(size=i)
    memories = kind.prepare(scale * rng.normal(size=(n, i)))
    populations = {"value": Population(value, i, tau_value, leak, bias)}
    states = {"value": scale * rng.normal(size=(batch, i)) * 10 ** rng.uniform(-1, 1)}
    if rng.random() < 0.3:
        synapse = EquilibriumSynapse(("value",), (kind,), (memories,), separation)
        return Network(populations, {"memory": synapse}), states
    b_h = rng.normal(size=n) if rng.random() < 0.5 else None
    populations["memory"] = Population(separation, n, tau_memory, rng.uniform(0.3, 3), b_h)
    states["memory"] = rng.normal(size=(batch, n)) * 10 ** rng.uniform(-1, 1)
    synapse = SimilaritySynapse(("value", "memory"), kind, memories, separation.nonnegative)
    return Network(populations, [synapse]), states


def random_dt(rng):
    return INF if rng.random() < 0.15 else 10 ** rng.uniform(-6, 6)


def worst_rise(run):
    """The largest increase of the energy over a step, in units of eps times the numbers that cancel in it."""
    energy, scale = to_numpy(run.energy), to_numpy(run.energy_scale)
    size = np.maximum(scale[1:], scale[:-1])
    return float(np.max(np.diff(energy, axis=0) / np.where(size > 0, size, 1.0))) / np.finfo(energy.dtype).eps


def sweep(case, seed, runs):
    """Worst rise over random networks of one kind, without the guard but for weights that are taken at half a step."""
    rng, worst, endless = np.random.default_rng(seed), -np.inf, 0
    for _ in range(runs):
        network, states = random_network(rng, *case)
        dt, order = random_dt(rng), int(rng.integers(1, 3))
        t1 = 4 if dt == INF else 4 * dt
        run = simulate(network, states, t1=t1, integrator=Relaxation(dt, order), throw=False)
        if run.result is Result.NOT_FINITE:  # an energy without a floor, on which all roads may lead to infinity
            assert case[1] in ("rectified", "identity"), case
            endless += 1
            continue
        ahead = order == 2 and dt != INF and "memory" not in states and case[0] != "manhattan"
        assert run.statistics["guard"] is ahead  # else it is the theorem that holds the energy down
        assert len(run.times) == 5
        worst = max(worst, worst_rise(run))
    assert endless <= runs / 100
    return worst


@pytest.mark.parametrize("case", few(CASES, CASES[::3], spread=False), ids="-".join)
def test_energy_falls_for_every_step_size(case):
    seed = 100 + CASES.index(case)
    assert sweep(case, seed, -(-1000 // len(CASES))) <= ROUNDING


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # some steps are much too long, and say so
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_energy_falls_for_every_step_size_large_sweep(case):
    assert sweep(case, 10_000 + CASES.index(case), 1000) <= ROUNDING


@pytest.mark.parametrize(
    ("library_name", "sim", "dt"),
    [
        *(("torch", sim, dt) for sim in ("dot", "euclidean", "manhattan", "cosine") for dt in (0.3, INF)),
        ("jax", "manhattan", INF),
    ],
)
def test_energy_falls_in_float32_on_other_libraries(library_name, sim, dt, rng):
    pytest.importorskip(library_name)
    memories = to_library(rng.normal(size=(5, 4)).astype(np.float32), library_name)
    start = to_library(rng.normal(size=(3, 4)).astype(np.float32), library_name)
    memory = UniversalHopfield(memories, sim, "softmax", beta=2.0, tau_memory=0.05)
    run = simulate(memory, start, t1=6 if dt == INF else 6 * dt, integrator=Relaxation(dt))
    assert to_numpy(run.energy).dtype == np.float32
    assert run.statistics["guard"] is False
    assert worst_rise(run) <= ROUNDING
    assert (to_numpy(run.energy)[-1] < to_numpy(run.energy)[0]).all()


def jacobi_step(network, states, dt):
    """The wrong order: every population solved exactly against the OLD state of the others."""
    flow, new = network.bound(), {}
    here = flow.at(states)
    for name, p in network.populations.items():
        responses = [
            wire.ask(wire.response, here, k)
            for wire in flow.wires
            for k, joined in enumerate(wire.between)
            if joined == name
        ]
        new[name] = exact_step(states[name], responses, p.leak, p.bias, dt / p.tau)
    return new


def test_the_jacobi_order_raises_the_energy_a_thousandfold():
    rng, worst, right_order = np.random.default_rng(0), 0.0, -np.inf
    for _ in range(300):
        network, states = random_network(rng, "dot", "rectified", "linear")
        for _ in range(3 if "memory" in states else 0):
            dt = 10 ** rng.uniform(-2, 4)
            right_order = max(right_order, worst_rise(simulate(network, states, t1=dt, integrator=Relaxation(dt))))
            before, size = network.energy(states), network.energy_scale(states)
            states = jacobi_step(network, states, dt)
            rise = network.energy(states) - before
            worst = max(worst, np.max(rise[size > 0] / size[size > 0], initial=0.0))
    assert worst > 1e3  # times the sum of the sizes of all terms of the energy
    assert right_order <= ROUNDING


# ---------------------------------------------------------------------------------------------- convergence


def mild(sim, tau_memory=1.0):
    """A problem without stiffness, of which no coordinate crosses a kink."""
    memories = np.array([[1.0, -0.5, 0.3], [-0.6, 0.8, 0.9], [0.4, 0.2, -1.1], [1.6, 1.4, 1.2]])
    memory = UniversalHopfield(memories, sim, "softmax", beta=1.5, tau_memory=tau_memory)
    start = np.array([0.1, 0.3, 0.0])  # Manhattan: strictly between stored values, and slow enough to stay
    return memory, {"value": start, "memory": np.array([0.5, -0.4, 0.1, 0.0])}


def measured_order(sim, order, t1, reference):
    memory, states = mild(sim)
    errors = []
    for dt in (t1 / 16, t1 / 32, t1 / 64):
        final = simulate(memory, states, t1=t1, integrator=Relaxation(dt, order)).final
        errors.append(max(np.max(np.abs(final[name] - reference[name])) for name in states))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] > 1e-10  # far above rounding: what is measured is the method
    return rates


@pytest.mark.parametrize("sim", ["dot", "euclidean", "cosine"])
@pytest.mark.parametrize(("order", "expected"), [(1, 1.0), (2, 2.0)])
def test_order_of_convergence(sim, order, expected):
    memory, states = mild(sim)
    reference = simulate(memory, states, t1=1.0, integrator=Scipy("DOP853", rtol=1e-12, atol=1e-13)).final
    np.testing.assert_allclose(measured_order(sim, order, 1.0, reference), expected, atol=0.15)


@pytest.mark.parametrize("order", [1, 2])
def test_manhattan_is_of_first_order(order):
    memory, states = mild("manhattan")
    t1 = 0.2
    fine = simulate(memory, states, t1=t1, integrator=Relaxation(t1 / 2**11, 2)).final
    value = simulate(memory, states, t1=t1, integrator=Relaxation(t1 / 64)).states["value"]
    stored = memory.memories
    sides = np.sign(stored[None] - value[:, None, :])
    assert (sides == sides[0]).all()  # no kink was crossed on the way
    rates = measured_order("manhattan", order, t1, fine)
    assert (rates > 0.85).all()


# -------------------------------------------------------------------------------------- dt = inf, one pass


@pytest.mark.parametrize(
    ("library_name", "sim", "tau_memory"),
    [
        *((name, sim, tau) for name in ("numpy", "torch") for sim in ("dot", "euclidean") for tau in (0.0, 0.1)),
        ("jax", "dot", 0.1),
    ],
)
def test_one_infinite_step_is_the_update_rule(library_name, sim, tau_memory, rng):
    pytest.importorskip(library_name)
    memories, query = rng.normal(size=(5, 4)), rng.normal(size=(3, 4))
    memory = UniversalHopfield(to_library(memories, library_name), sim, "softmax", beta=2.0, tau_memory=tau_memory)
    query_here = to_library(query, library_name)
    run = simulate(memory, query_here, t1=1, integrator=Relaxation(INF))
    scores = query @ memories.T if sim == "dot" else -((query[:, None] - memories) ** 2).sum(-1)
    weights = np.exp(2.0 * scores) / np.exp(2.0 * scores).sum(-1, keepdims=True)
    expected = weights @ memories  # attention; for distances with leak 0, mean shift
    np.testing.assert_allclose(to_numpy(run.final["value"]), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(to_numpy(memory.recall(query_here)), expected, rtol=1e-12, atol=1e-12)


def test_time_counts_updates_at_infinite_dt(rng):
    memory = ModernHopfield(rng.normal(size=(5, 4)), beta=0.7)
    query = rng.normal(size=4)
    run = simulate(memory, query, t1=20, integrator=Relaxation(INF))
    np.testing.assert_array_equal(run.times, np.arange(21))
    assert run.statistics["steps"] == 20
    state = query
    for k in range(20):
        state = memory.recall(state)
        np.testing.assert_allclose(run.states["value"][k + 1], state, rtol=1e-12, atol=1e-13)
    some = simulate(memory, query, t1=20, integrator=Relaxation(INF), save_at=[0, 3, 20])
    np.testing.assert_array_equal(some.times, [0, 3, 20])
    np.testing.assert_allclose(some.states["value"], run.states["value"][[0, 3, 20]], rtol=1e-13, atol=1e-14)
    assert simulate(memory, query, t1=2.5, integrator=Relaxation(INF)).statistics["steps"] == 3


def test_the_limit_of_long_steps_is_the_infinite_one(rng):
    for sim in ("dot", "euclidean", "manhattan", "cosine"):
        memory = UniversalHopfield(rng.normal(size=(5, 4)), sim, "softmax", beta=2.0)
        query = rng.normal(size=(3, 4))
        long = simulate(memory, query, t1=4e9, integrator=Relaxation(1e9)).states["value"]
        for_ever = simulate(memory, query, t1=4, integrator=Relaxation(INF)).states["value"]
        np.testing.assert_allclose(long, for_ever, rtol=1e-7, atol=1e-7)


# ------------------------------------------------------------------------------------------------ the guard


def indefinite():
    """Self-coupling with negative eigenvalues: a frozen force overshoots."""
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(6, 6))
    weights = -2 * (weights + weights.T)
    network = Network({"x": Population(LogCosh(2.0), 6)}, [Recurrent(("x",), weights)])
    return network, {"x": rng.normal(size=(8, 6))}, 5.0


def self_bilinear():
    network, states, dt = indefinite()
    (synapse,) = network.synapses.values()
    return Network(network.populations, [Bilinear(("x", "x"), synapse.weights / 2)]), states, dt


def bent_euclidean():
    rng = np.random.default_rng(2)
    memory = UniversalHopfield(
        rng.uniform(-0.9, 0.9, size=(4, 3)), "euclidean", "softmax", beta=8.0, value_lagrangian=LogCosh(3.0)
    )
    return memory, rng.uniform(-0.9, 0.9, size=(8, 3)), 20.0


def biased_cosine():
    rng = np.random.default_rng(3)
    memory = UniversalHopfield(rng.normal(size=(4, 3)), "cosine", "softmax", beta=8.0, bias=np.array([2.0, -1.0, 1.5]))
    return memory, 0.02 * rng.normal(size=(8, 3)), 0.02


def custom_similarity():
    rng = np.random.default_rng(4)
    kind = Custom(lambda M, g: -((g @ M.T) ** 2), lambda M, g, f: (-2 * f * (g @ M.T)) @ M)
    return UniversalHopfield(rng.normal(size=(4, 3)), kind, "softmax", beta=1.0), rng.normal(size=(8, 3)), 5.0


WATCHED = [indefinite, self_bilinear, bent_euclidean, biased_cosine, custom_similarity]


@pytest.mark.parametrize("case", WATCHED)
@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # its steps are meant to be too long
def test_the_guard_holds_the_energy_down_where_nothing_is_promised(case):
    memory, start, dt = case()
    run = simulate(memory, start, t1=20 * dt, integrator=Relaxation(dt))
    assert run.statistics["guard"] is True
    assert worst_rise(run) <= ROUNDING
    free = simulate(memory, start, t1=20 * dt, integrator=Relaxation(dt), guard=False)
    assert free.statistics["guard"] is False
    assert free.statistics["rejected"] == 0
    assert worst_rise(free) > 1e6  # without it the energy does rise
    assert run.statistics["rejected"] > 0
    assert run.statistics["held"] == 0  # a short enough displacement is always found, so that every sample goes on
    assert (run.energy[-1] < run.energy[0] - 0.1).all()


def test_the_guard_leaves_good_steps_alone(rng):
    memory = ModernHopfield(rng.normal(size=(4, 3)), beta=2.0)
    query = rng.normal(size=(5, 3))
    free = simulate(memory, query, t1=5, integrator=Relaxation(0.5))
    guarded = simulate(memory, query, t1=5, integrator=Relaxation(0.5), guard=True)
    assert guarded.statistics["rejected"] == 0
    np.testing.assert_array_equal(guarded.states["value"], free.states["value"])


@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # its steps are meant to be too long
def test_the_guard_shortens_only_the_samples_that_need_it():
    memory, start, dt = bent_euclidean()
    together = simulate(memory, start, t1=10 * dt, integrator=Relaxation(dt)).states["value"]
    for k in (0, 3):
        alone = simulate(memory, start[k], t1=10 * dt, integrator=Relaxation(dt)).states["value"]
        np.testing.assert_allclose(together[:, k], alone, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("needs", "arguments"),
    [
        (False, {"similarity": "dot"}),
        (False, {"similarity": "dot", "bias": 1.0}),
        (False, {"similarity": "dot", "value_lagrangian": LogCosh()}),
        (False, {"similarity": "euclidean", "leak": 1.0, "bias": 0.5}),
        (False, {"similarity": "manhattan", "leak": 1.0, "bias": 0.5}),
        (False, {"similarity": "cosine", "separation": LogCosh()}),
        (True, {"similarity": "cosine", "bias": 1.0}),
        (True, {"similarity": "cosine", "leak": 0.5}),
        (True, {"similarity": "manhattan", "value_lagrangian": LogCosh()}),
        (True, {"similarity": "euclidean", "value_lagrangian": LogCosh()}),
    ],
)
@pytest.mark.parametrize("tau_memory", [0.0, 0.3])
@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # its steps are meant to be too long
def test_guard_is_on_just_where_nothing_is_promised(needs, arguments, tau_memory, rng):
    memory = UniversalHopfield(rng.uniform(-0.8, 0.8, size=(4, 3)), tau_memory=tau_memory, **arguments)
    run = simulate(memory, np.array([0.1, 0.2, 0.3]), t1=1, integrator=Relaxation(0.5))
    assert run.statistics["guard"] is needs
    assert worst_rise(run) <= ROUNDING


def test_a_separation_that_is_not_convex_is_guarded_when_its_neurons_move(rng):
    memories = rng.normal(size=(4, 3))
    with pytest.warns(UserWarning, match="not convex"):
        memory = UniversalHopfield(memories, "cosine", "polynomial(2)")
    assert simulate(memory, memories[0], t1=1, integrator=Relaxation(0.1)).statistics["guard"] is True


def test_a_force_without_an_energy_is_not_guarded(rng):
    network = Network({"x": Population(LogCosh(), 3)}, [Recurrent(("x",), rng.normal(size=(3, 3)))])
    assert simulate(network, {"x": rng.normal(size=3)}, t1=1).statistics["guard"] is False


@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # its steps are meant to be too long
def test_positive_definite_self_coupling_needs_no_guard(rng):
    root = rng.normal(size=(5, 5))
    network = Network({"x": Population(LogCosh(), 5)}, [Recurrent(("x",), root @ root.T, positive=True)])
    for dt in (0.1, 10.0, INF):
        run = simulate(
            network, {"x": rng.normal(size=(6, 5))}, t1=8 if dt == INF else 8 * dt, integrator=Relaxation(dt)
        )  # fmt: skip
        assert run.statistics["guard"] is False
        assert worst_rise(run) <= ROUNDING


def test_three_populations_in_a_chain_fall_too(rng):
    network = Network(
        {
            "a": Population(Quadratic(), 4, tau=1.0),
            "b": Population(LogCosh(2.0), 3, tau=0.01),
            "c": Population(LogSumExp(3.0), 5, tau=10.0),
        },
        [Bilinear(("a", "b"), rng.normal(size=(4, 3))), Bilinear(("b", "c"), rng.normal(size=(3, 5)))],
    )
    states = {name: rng.normal(size=(6, p.size)) for name, p in network.populations.items()}
    for dt in (1e-3, 1.0, 1e3, INF):
        for order in (1, 2):
            run = simulate(network, states, t1=5 if dt == INF else 5 * dt, integrator=Relaxation(dt, order), save="all")
            assert run.statistics["guard"] is False
            assert worst_rise(run) <= ROUNDING


@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # its steps are meant to be too long
def test_a_similarity_of_ones_own_class_is_frozen_and_guarded(rng):
    class Scaled(Similarity):
        def scores(self, memories, g):
            return 0.5 * (g @ memories.T)

        def pullback(self, memories, g, f):
            return 0.5 * (f @ memories)

    memory = UniversalHopfield(rng.normal(size=(4, 3)), Scaled(), "softmax", beta=2.0, tau_memory=0.0)
    same = ModernHopfield(memory.memories / 2, beta=2.0, tau_memory=0.0)
    query = rng.normal(size=3)
    mine = simulate(memory, query, t1=3, integrator=Relaxation(0.5))
    assert mine.statistics["guard"] is True  # no one said that its force may be frozen
    np.testing.assert_allclose(
        mine.states["value"], simulate(same, query, t1=3, integrator=Relaxation(0.5)).states["value"], rtol=1e-13
    )


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("bias", [None, 0.5, np.array([1.0, -2.0, 0.0])], ids=["none", "number", "vector"])
def test_a_population_alone_decays_exactly_to_its_input_current(bias, library):
    pytest.importorskip(library)
    current = to_library(bias, library) if isinstance(bias, np.ndarray) else bias
    network = Network({"x": Population(Quadratic(), 3, tau=2.0, leak=0.5, bias=current)})
    start = np.arange(6.0).reshape(2, 3)
    goal = np.zeros(3) if bias is None else bias / 0.5 * np.ones(3)
    for dt in (0.7, 1e5, INF):
        x = {"x": to_library(start, library)}
        final = to_numpy(simulate(network, x, t1=1 if dt == INF else dt, integrator=Relaxation(dt)).final["x"])
        left = 0.0 if dt == INF else np.exp(-0.5 * dt / 2.0)
        np.testing.assert_allclose(final, goal + left * (start - goal), rtol=1e-14, atol=1e-15)


def test_relaxation_refuses_what_it_cannot_do(rng):
    for bad in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="dt must be > 0"):
            Relaxation(dt=bad)
    with pytest.raises(ValueError, match="order must be 1"):
        Relaxation(order=3)
    gradient = Network({"x": Population(LogCosh(), 3)}, flow="gradient")
    with pytest.raises(ValueError, match=r"local flow.*flow='gradient'.*RungeKutta"):
        simulate(gradient, {"x": rng.normal(size=3)}, t1=1, integrator=Relaxation())
    free = UniversalHopfield(rng.normal(size=(4, 3)), "dot", "softmax", leak=0.0)
    with pytest.raises(ValueError, match=r"dt = inf has no limit for population 'value'.*leak 0"):
        simulate(free, rng.normal(size=3), t1=1, integrator=Relaxation(INF))
    simulate(free, rng.normal(size=3), t1=1, integrator=Relaxation(INF), clamp=True)  # held: nothing runs away
