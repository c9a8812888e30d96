"""The universal family: recall, retrieval, heteroassociation, and what a model says of itself."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import IN_EACH, to_library, to_numpy
from hopfield.dynamics import (
    Exponential,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Quadratic,
    RectifiedPower,
    Relaxation,
    SimilaritySynapse,
    Spherical,
    simulate,
)
from hopfield.models import Cosine, Custom, Dot, Euclidean, ModernHopfield, UniversalHopfield

INF = math.inf
SIMILARITIES = ["dot", "euclidean", "manhattan", "cosine"]
SEPARATIONS = ["softmax", "max", "identity", "polynomial(2)", "polynomial(3)"]


def plain_scores(sim, memories, query):
    """Scores in NumPy, written out."""
    dot = query @ memories.T
    gaps = query[..., None, :] - memories
    return {
        "dot": lambda: dot,
        "euclidean": lambda: -(gaps**2).sum(-1),
        "manhattan": lambda: -np.abs(gaps).sum(-1),
        "cosine": lambda: dot / np.linalg.norm(query, axis=-1, keepdims=True) / np.linalg.norm(memories, axis=-1),
    }[sim]()


def plain_weights(sep, h):
    e = np.exp(h - h.max(-1, keepdims=True))
    return {
        "softmax": lambda: e / e.sum(-1, keepdims=True),
        "max": lambda: (h == h.max(-1, keepdims=True)).astype(float),
        "identity": lambda: h,
        "polynomial(2)": lambda: h**2,
        "polynomial(3)": lambda: h**3,
    }[sep]()


def quietly(*arguments, **options):
    """A memory whose warnings are tested elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return UniversalHopfield(*arguments, **options)


# --------------------------------------------------------------------------------------------------- recall


@pytest.mark.parametrize("sep", SEPARATIONS)
@pytest.mark.parametrize("sim", SIMILARITIES)
@pytest.mark.parametrize("hetero", [False, True], ids=["auto", "hetero"])
def test_recall_is_the_rule_of_the_paper(sim, sep, hetero, rng):
    memories, projection, query = rng.normal(size=(5, 4)), rng.normal(size=(5, 2)), rng.normal(size=(2, 3, 4))
    memory = quietly(memories, sim, sep, beta=0.7, projection=projection if hetero else None)
    weights = plain_weights(sep, 0.7 * plain_scores(sim, memories, query))
    np.testing.assert_allclose(memory.scores(query), plain_scores(sim, memories, query), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(memory.weights(query), weights, rtol=1e-10, atol=1e-12)
    expected = weights @ (projection if hetero else memories)
    np.testing.assert_allclose(memory.recall(query), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(memory.recall(query[1, 2]), expected[1, 2], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sim", SIMILARITIES)
@IN_EACH
def test_recall_in_every_library_and_dtype(sim, library, dtype, rng):
    memories, query = rng.normal(size=(5, 4)).astype(dtype), rng.normal(size=(3, 4)).astype(dtype)
    memory = UniversalHopfield(to_library(memories, library), sim, "softmax", beta=2.0)
    found = to_numpy(memory.recall(to_library(query, library)))
    weights = plain_weights("softmax", 2.0 * plain_scores(sim, memories.astype(float), query.astype(float)))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, weights @ memories, atol=200 * np.finfo(dtype).eps)


def test_identity_and_dot_is_the_linear_associator(rng):
    memories, query = rng.normal(size=(3, 5)), rng.normal(size=5)
    memory = quietly(memories, "dot", "identity", beta=0.5)
    np.testing.assert_allclose(memory.recall(query), 0.5 * memories.T @ memories @ query, rtol=1e-13)
    # A contraction (lambda_max < leak) has a floor, and 0 is all that it keeps.
    small = UniversalHopfield(0.3 * np.linalg.qr(rng.normal(size=(5, 5)))[0][:3], "dot", "identity")
    np.testing.assert_allclose(small.retrieve(query, max_steps=200).state, 0, atol=1e-6)


@given(data=st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_scaling_the_patterns_scales_the_memory(data):
    """Distances: M -> c M, q -> c q, beta -> beta/c^k leaves the weights alone."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    sim, power = data.draw(st.sampled_from([("dot", 2), ("euclidean", 2), ("manhattan", 1), ("cosine", 0)]))
    c = 10 ** data.draw(st.floats(-3, 3))
    memories, query = rng.normal(size=(4, 3)), rng.normal(size=3)
    one = UniversalHopfield(memories, sim, beta=2.0).weights(query)
    other = UniversalHopfield(c * memories, sim, beta=2.0 / c**power).weights(c * query)
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------------------------------------------ retrieval


@pytest.mark.parametrize(("library", "steps"), [(name, steps) for name in ("numpy", "torch") for steps in (1, 2, 5, 6)])
def test_max_steps_is_the_number_of_updates(library, steps):
    pytest.importorskip(library)
    memory = ModernHopfield(to_library(np.diag([1.0, 1.2, 0.9]), library), beta=1.1)
    query = np.array([0.8, 0.3, 0.1])
    found = memory.retrieve(to_library(query, library), max_steps=steps, tol=1e-300)
    state = query
    for _ in range(steps):
        state = to_numpy(memory.recall(to_library(state, library)))
    np.testing.assert_allclose(to_numpy(found.state), state, rtol=1e-13)
    assert found.steps == steps
    assert not found.converged  # these patterns take some dozens
    ahead = to_numpy(memory.recall(to_library(state, library)))
    size = np.sqrt(np.mean(np.diag([1.0, 1.2, 0.9]) ** 2))
    expected = np.sqrt(np.mean((ahead - state) ** 2)) / (size + np.sqrt(np.mean(state**2)))
    np.testing.assert_allclose(found.residual, expected, rtol=1e-9)


def test_retrieval_ends_when_an_update_moves_nothing(rng):
    memory = ModernHopfield(2 * np.eye(4), beta=4.0)
    query = 2 * np.eye(4) + 0.2 * rng.normal(size=(4, 4))
    found = memory.retrieve(query)
    assert found.converged.all()
    assert (found.residual <= 1e-6).all()
    assert ((found.steps >= 2) & (found.steps < 20)).all()
    np.testing.assert_array_equal(found.pattern, np.arange(4))
    np.testing.assert_allclose(memory.recall(found.state), found.state, atol=1e-5)
    tight = memory.retrieve(query, tol=1e-12)
    assert (tight.steps >= found.steps).all()
    assert (tight.residual <= 1e-12).all()
    energy = memory.adiabatic().network.energy({"value": found.state})
    np.testing.assert_allclose(found.energy, energy, rtol=1e-12)
    assert found.output is None


@pytest.mark.parametrize("leak", [0.0, 1.0])
def test_a_similarity_of_ones_own_is_retrieved_with_and_without_leak(leak, rng):
    """With leak an update goes to its limit; without there is none, and an update lasts one tau_value."""
    kind = Custom(
        lambda M, g: -((g[..., None, :] - M) ** 2).sum(-1) / 4,
        lambda M, g, f: (f @ M - f.sum(-1, keepdims=True) * g) / 2,
    )
    memories = 2 * np.eye(3)
    memory = UniversalHopfield(memories, kind, beta=8.0, leak=leak, tau_value=0.3)
    named = UniversalHopfield(memories, "euclidean", beta=2.0, leak=4 * leak).retrieve(memories, tol=1e-12)
    found = memory.retrieve(named.state + 0.05 * rng.normal(size=(3, 3)), max_steps=400)
    assert found.converged.all()
    np.testing.assert_allclose(found.state, named.state, atol=1e-5)
    assert memory.retrieve(memories, max_steps=7, tol=1e-300).steps.tolist() == [7, 7, 7]


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)], ids=str)
def test_retrieval_has_the_batch_axes_of_the_query(batch, rng):
    memory = UniversalHopfield(rng.normal(size=(4, 3)), "manhattan", beta=3.0, projection=rng.normal(size=(4, 2)))
    found = memory.retrieve(rng.normal(size=(*batch, 3)))
    assert found.state.shape == (*batch, 3)
    assert found.output.shape == (*batch, 2)
    for field in (found.steps, found.converged, found.residual, found.energy, found.pattern):
        assert field.shape == batch


def test_retrieval_reaches_the_fixed_points_of_each_similarity(rng):
    memories = rng.choice([-1.0, 1.0], size=(5, 30)) * rng.uniform(0.5, 1.5, size=(5, 1))
    cues = memories + 0.3 * rng.normal(size=memories.shape)
    for sim, beta in (("dot", 2.0), ("euclidean", 2.0), ("manhattan", 2.0), ("cosine", 40.0)):
        found = UniversalHopfield(memories, sim, beta=beta).retrieve(cues, max_steps=500)
        assert found.converged.all(), sim
        np.testing.assert_array_equal(found.pattern, np.arange(5), err_msg=sim)
        if sim == "cosine":  # the direction is recalled, the length of the cue is kept
            np.testing.assert_allclose(np.linalg.norm(found.state, axis=1), np.linalg.norm(cues, axis=1), rtol=1e-12)
            cosines = (found.state * memories).sum(1) / np.linalg.norm(cues, axis=1) / np.linalg.norm(memories, axis=1)
            assert (cosines > 0.999).all()
        else:
            assert np.abs(found.state - memories).max() < (1e-15 if sim == "manhattan" else 1e-4), sim


@pytest.mark.parametrize("tau_memory", [0.0, 0.1, 3.0])
def test_retrieval_does_not_depend_on_the_time_constants(tau_memory, rng):
    memories, query = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    one = ModernHopfield(memories, beta=2.0).retrieve(query)
    other = ModernHopfield(memories, beta=2.0, tau_memory=tau_memory, tau_value=7.0).retrieve(query)
    np.testing.assert_allclose(one.state, other.state, rtol=1e-12)
    np.testing.assert_array_equal(one.steps, other.steps)


@given(data=st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_manhattan_returns_a_heavy_memory_bit_for_bit(data):
    """A memory whose weight AT the memory exceeds 1/2 is an exact fixed point, found from a corrupted cue."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    n, i = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 12))
    memories = np.round(rng.normal(size=(n, i)), data.draw(st.integers(0, 3)))  # ties included
    memory = UniversalHopfield(memories, "manhattan", beta=10 ** data.draw(st.floats(-1, 1)))
    heavy = np.flatnonzero(np.diag(memory.weights(memories)) > 0.5)
    for k in heavy:
        assert (memory.retrieve(memories[k]).state == memories[k]).all()
        cue = memories[k] + 1e-3 * rng.normal(size=i)
        if memory.weights(cue)[k] > 0.5:
            found = memory.retrieve(cue)
            assert (found.state == memories[k]).all()
            assert found.steps <= 2
            assert found.converged


@pytest.mark.parametrize(
    ("library", "dtype"),
    [
        ("numpy", "float64"),
        ("numpy", "float32"),
        ("torch", "float64"),
        ("torch", "float32"),
        pytest.param("jax", "float32", marks=pytest.mark.slow),
    ],
)
def test_manhattan_is_exact_in_every_library_and_dtype(library, dtype, rng):
    pytest.importorskip(library)
    memories = rng.uniform(size=(4, 6)).astype(dtype)
    memory = UniversalHopfield(to_library(memories, library), "manhattan", beta=6.0, tau_memory=0.0)
    assert (np.diag(to_numpy(memory.weights(to_library(memories, library)))) > 0.5).all()
    cues = memories.copy()
    cues[:, :2] = 0.9
    if library == "jax":  # retrieval compiles several programs; two updates are one
        run = simulate(memory, to_library(cues, library), t1=2, integrator=Relaxation(INF), save_at=[2])
        state = to_numpy(run.final["value"])
    else:
        state = to_numpy(memory.retrieve(to_library(cues, library)).state)
    assert state.dtype == dtype
    np.testing.assert_array_equal(state, memories)


# ---------------------------------------------------------------------------------------- heteroassociation


@pytest.mark.parametrize("sim", SIMILARITIES)
@pytest.mark.parametrize("tau_memory", [0.0, 0.2])
def test_the_first_pass_of_the_output_population_is_recall(sim, tau_memory, rng):
    memories, projection, query = rng.normal(size=(5, 4)), rng.normal(size=(5, 2)), rng.normal(size=(3, 4))
    memory = UniversalHopfield(memories, sim, beta=2.0, projection=projection, tau_memory=tau_memory)
    states = memory.start(query)
    assert list(states) == (["value", "output", "memory"] if tau_memory else ["value", "output"])
    np.testing.assert_array_equal(states["output"], np.zeros((3, 2)))
    # Populations are solved from the last to the first: the output sees the weights of the query itself.
    first = simulate(memory, query, t1=1, integrator=Relaxation(INF)).final["output"]
    np.testing.assert_allclose(first, memory.recall(query), rtol=1e-12, atol=1e-13)


def test_the_output_energy_falls_and_its_limit_is_the_memory_of_the_pairs(rng):
    memories, projection = rng.normal(size=(4, 6)), rng.normal(size=(4, 3))
    memory = UniversalHopfield(memories, "dot", beta=1.5, projection=projection, tau_memory=0.3)
    query = memories + 0.3 * rng.normal(size=memories.shape)
    for dt in (0.1, 5.0, INF):
        run = simulate(memory, query, t1=200 if dt == INF else 200 * dt, integrator=Relaxation(dt), stop="steady")
        assert run.statistics["guard"] is False
        assert (np.diff(run.energy, axis=0) <= 16 * np.finfo(float).eps * run.energy_scale[1:]).all()
    # At rest, value and output together are a fixed point of the memory of the pairs (not always of the same pair:
    # here the output follows the value neurons, there both move at once).
    pairs = ModernHopfield(np.concatenate([memories, projection], axis=1), beta=1.5, tau_memory=0.0)
    found = memory.retrieve(query, max_steps=2000, tol=1e-13)
    joint = np.concatenate([found.state, found.output], axis=1)
    np.testing.assert_allclose(pairs.recall(joint), joint, atol=1e-10)
    np.testing.assert_allclose(found.energy, pairs.network.energy({"value": joint}), rtol=1e-10)
    assert len({tuple(row.round(6)) for row in joint}) > 1


def test_a_pair_is_recalled_from_its_key(rng):
    keys, values = 3 * np.eye(5), rng.normal(size=(5, 2))
    memory = UniversalHopfield(keys, "euclidean", beta=2.0, projection=values)
    found = memory.retrieve(keys + 0.2 * rng.normal(size=(5, 5)))
    np.testing.assert_array_equal(found.pattern, np.arange(5))
    np.testing.assert_allclose(found.output, values, atol=1e-3)


# --------------------------------------------------------------------------------------------- the dynamics


@pytest.mark.parametrize("sim", SIMILARITIES)
@pytest.mark.parametrize(
    ("library", "tau_memory"), [("numpy", 0.0), ("numpy", 0.4), ("torch", 0.0), ("torch", 0.4), ("jax", 0.4)]
)
def test_velocity_is_the_equation_of_the_docstring(sim, tau_memory, library, rng):
    pytest.importorskip(library)
    memories, v, h = rng.normal(size=(5, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 5))
    memory = UniversalHopfield(
        to_library(memories, library), sim, beta=1.5, tau_value=2.0, tau_memory=tau_memory, leak=0.7
    )
    states = {"value": to_library(v, library), "memory": to_library(h, library)}
    velocity = memory.network.velocity(states if tau_memory else {"value": states["value"]})
    scores = plain_scores(sim, memories, v)
    f = plain_weights("softmax", 1.5 * (h if tau_memory else scores))
    force = np.zeros((3, 4))
    for k in range(4):  # (dsim/dg)^T f by central differences
        shift = 1e-6 * np.eye(4)[k]
        slope = (plain_scores(sim, memories, v + shift) - plain_scores(sim, memories, v - shift)) / 2e-6
        force[:, k] = (f * slope).sum(-1)
    np.testing.assert_allclose(to_numpy(velocity["value"]), (force - 0.7 * v) / 2.0, rtol=1e-6, atol=1e-7)
    if tau_memory:
        np.testing.assert_allclose(to_numpy(velocity["memory"]), (scores - h) / 0.4, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("sim", ["dot", "euclidean", "cosine"])
@pytest.mark.parametrize("sep", [LogSumExp(), RectifiedPower(3)], ids=["softmax", "rectified"])
@pytest.mark.parametrize("value", [None, LogCosh(), LayerNorm(), Spherical()], ids=["linear", "tanh", "norm", "sphere"])
@pytest.mark.parametrize("tau_memory", [0.0, 0.3])
def test_energy_rate_is_the_slope_of_the_energy(sim, sep, value, tau_memory, rng):
    memory = quietly(
        rng.normal(size=(4, 3)), sim, sep, value_lagrangian=value, tau_memory=tau_memory, leak=1.0, bias=0.3
    )
    states = {name: rng.normal(size=(6, p.size)) for name, p in memory.network.populations.items()}
    velocity, rate = memory.network.velocity(states), memory.network.energy_rate(states)
    ahead, behind = (
        memory.network.energy({name: x + s * 1e-6 * velocity[name] for name, x in states.items()}) for s in (1, -1)
    )
    np.testing.assert_allclose((ahead - behind) / 2e-6, rate, rtol=1e-6, atol=1e-7)
    assert (rate <= 0).all()


def test_a_query_is_an_activation(rng):
    memory = UniversalHopfield(rng.uniform(-0.9, 0.9, size=(4, 3)), "dot", value_lagrangian=LogCosh(2.0), beta=2.0)
    query = np.array([0.3, -0.8, 0.5])
    states = memory.start(query)
    np.testing.assert_allclose(states["value"], np.arctanh(query) / 2, rtol=1e-14)
    run = simulate(memory, query, t1=0.1)
    np.testing.assert_allclose(run.activations["value"][0], query, rtol=1e-13)
    np.testing.assert_allclose(states["memory"], memory.memories @ query, rtol=1e-13)
    with pytest.raises(ValueError, match=r"not an activation of the value neurons.*LogCosh\(beta=2.0\)"):
        memory.start(np.array([0.3, 1.5, 0.0]))
    with pytest.raises(ValueError, match="not an activation"):
        quietly(np.ones((2, 3)), value_lagrangian=Exponential()).start(np.array([1.0, -1.0, 2.0]))


def test_the_network_is_what_it_would_be_by_hand(rng):
    memories, query = rng.normal(size=(4, 3)), rng.normal(size=3)
    by_hand = Network(
        {
            "value": Population(Quadratic(), 3, tau=2.0, leak=0.5, bias=0.1),
            "memory": Population(LogSumExp(1.5), 4, tau=0.3),
        },
        [SimilaritySynapse(("value", "memory"), Euclidean(), Euclidean().prepare(memories))],
    )
    model = UniversalHopfield(memories, "euclidean", beta=1.5, tau_value=2.0, tau_memory=0.3, leak=0.5, bias=0.1)
    states = model.start(query)
    assert repr(by_hand) == repr(model.network)
    np.testing.assert_array_equal(by_hand.energy(states), model.network.energy(states))
    runs = [simulate(network, states, t1=1.0).states["value"] for network in (by_hand, model.network)]
    np.testing.assert_array_equal(*runs)


def test_cosine_is_the_dot_product_on_unit_rows_with_spherical_neurons(rng):
    """The same memory in another chart: they come to rest in the same direction."""
    memories, query = rng.normal(size=(4, 3)), rng.normal(size=3)
    rows = memories / np.linalg.norm(memories, axis=1, keepdims=True)
    cosine = UniversalHopfield(memories, "cosine", beta=6.0).retrieve(query, max_steps=5000, tol=1e-13)
    sphere = UniversalHopfield(rows, "dot", beta=6.0, value_lagrangian=Spherical()).retrieve(
        query / np.linalg.norm(query), max_steps=5000, tol=1e-13
    )
    np.testing.assert_allclose(cosine.state / np.linalg.norm(cosine.state), sphere.state, atol=1e-9)


def test_default_leaks_keep_memories_where_they_are():
    memories = 4 * np.eye(3)
    for sim, leak in (("dot", 1.0), ("euclidean", 0.0), ("manhattan", 0.0), ("cosine", 0.0)):
        memory = UniversalHopfield(memories, sim, beta=20.0)
        assert memory.rule.leak == leak
        assert np.abs(memory.retrieve(memories).state - memories).max() < 1e-3
    leaky = UniversalHopfield(memories, "euclidean", beta=5.0, leak=1.0).retrieve(memories).state
    np.testing.assert_allclose(leaky, 2 / 3 * memories, atol=1e-3)  # why the default is 0


# -------------------------------------------------------------------------------------- beta, moving, words


@pytest.mark.parametrize("sim", SIMILARITIES)
def test_beta_matters(sim, rng):
    torch = pytest.importorskip("torch")
    patterns, query = torch.asarray(rng.normal(size=(4, 3))), torch.asarray(rng.normal(size=3))
    for sep in ("softmax", "identity", "polynomial(3)"):
        beta = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
        memory = quietly(patterns, sim, sep, beta=beta)
        memory.recall(query).sum().backward()
        slope = float(beta.grad)
        ahead, behind = (float(quietly(patterns, sim, sep, beta=1.5 + s * 1e-6).recall(query).sum()) for s in (1, -1))
        assert abs(slope) > 1e-3
        np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-6)


def test_a_new_beta_is_data_for_jax():
    jax = pytest.importorskip("jax")
    traced = []

    @jax.jit
    def weights(memory, query):
        traced.append(1)
        return memory.weights(query)

    query = jax.numpy.asarray([0.5, 0.2])
    for beta in (1.0, 2.0, 3.0):
        found = weights(UniversalHopfield(jax.numpy.eye(2), beta=beta), query)
        np.testing.assert_allclose(found, plain_weights("softmax", beta * np.array([0.5, 0.2])), rtol=1e-12)
    assert len(traced) == 1


@pytest.mark.parametrize("there", ["jax", "torch"])
def test_moving_to_a_library_and_back_changes_nothing(there, rng):
    pytest.importorskip(there)
    memory = UniversalHopfield(
        rng.normal(size=(4, 3)),
        "euclidean",
        LogSumExp(),
        beta=1.5,
        projection=rng.normal(size=(4, 2)),
        leak=0.5,
        bias=rng.normal(size=3),
        value_lagrangian=LayerNorm(1.5, rng.normal(size=3)),
    )
    query = rng.normal(size=(2, 3))
    moved = memory.to(there)
    assert there in repr(moved)
    np.testing.assert_allclose(to_numpy(moved.recall(to_library(query, there))), memory.recall(query), rtol=1e-12)
    back = moved.to("numpy")
    assert repr(back) == repr(memory)
    np.testing.assert_array_equal(back.memories, memory.memories)
    np.testing.assert_array_equal(back.recall(query), memory.recall(query))
    assert back.memories is not memory.memories
    small = memory.to(there, dtype="float32")
    assert to_numpy(small.memories).dtype == to_numpy(small.bias).dtype == np.float32
    single = to_numpy(small.recall(to_library(query.astype(np.float32), there)))
    np.testing.assert_allclose(single, memory.recall(query), rtol=1e-4, atol=1e-5)


def test_moving_a_moved_memory_prepares_anew(rng):
    torch = pytest.importorskip("torch")
    memory = UniversalHopfield(rng.normal(size=(4, 3)), "manhattan", beta=2.0)
    memory.retrieve(rng.normal(size=3))  # keeps sorted columns beside the patterns
    moved = memory.to("torch")
    assert isinstance(moved.network.synapses["value~memory"].memories.columns, torch.Tensor)
    assert isinstance(memory.network.synapses["value~memory"].memories.columns, np.ndarray)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"similarity": "cosine", "separation": "polynomial(2)"},
            "not convex, so the energy may rise unless tau_memory=0",
        ),
        (
            {"separation": "identity"},
            "the energy has no lower bound; bounded value activations or a bounded separation",
        ),
        ({"separation": "polynomial(3)"}, "no lower bound"),
        ({"separation": RectifiedPower(3)}, "no lower bound"),
        ({"separation": Exponential()}, "no lower bound"),
        (
            {"similarity": "euclidean", "separation": "identity"},
            "weights of both signs with a distance, for recall only",
        ),
        ({"similarity": "manhattan", "separation": LogCosh()}, "weights of both signs with a distance"),
    ],
    ids=str,
)
def test_what_does_not_hold_is_said_when_a_model_is_built(arguments, words, rng):
    with pytest.warns(UserWarning, match=words):
        memory = UniversalHopfield(2 * rng.normal(size=(4, 3)), **arguments)
    assert words.split(",")[0] in repr(memory)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"separation": "max"},
        {"similarity": "cosine", "separation": "identity"},  # scores are bounded
        {"similarity": "euclidean", "separation": Exponential()},
        {"separation": "identity", "value_lagrangian": LogCosh()},  # activations are
        {"separation": "identity", "leak": 1e3},  # a quadratic form that is positive
        {"separation": "identity", "beta": 1e-3},
    ],
    ids=str,
)
def test_what_holds_is_not_warned_of(arguments, rng):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory = UniversalHopfield(2 * rng.normal(size=(4, 3)), **arguments)
    assert not memory.notes()


def test_the_floor_of_the_linear_memory_is_where_it_is_said_to_be(rng):
    """Identity and dot: bounded below exactly while beta lambda_max(M^T M) <= leak."""
    memories = rng.normal(size=(4, 3))
    top = np.linalg.norm(memories, 2) ** 2
    direction = np.linalg.svd(memories)[2][0]
    for factor, bounded in ((0.999, True), (1.001, False)):
        memory = quietly(memories, "dot", "identity", beta=factor / top, tau_memory=0.0)
        assert bool(memory.notes()) is not bounded
        energy = [memory.network.energy({"value": scale * direction}) for scale in (1e3, 1e4)]
        assert (energy[1] > energy[0]) is np.True_ if bounded else energy[1] < energy[0]


def test_a_distance_with_weights_of_both_signs_recalls_but_does_not_move(rng):
    with pytest.warns(UserWarning, match="for recall only"):
        memory = UniversalHopfield(rng.normal(size=(4, 3)), "euclidean", "identity")
    query = rng.normal(size=3)
    expected = plain_scores("euclidean", memory.memories, query) @ memory.memories
    np.testing.assert_allclose(memory.recall(query), expected, rtol=1e-11)
    for use in (lambda: memory.network, lambda: simulate(memory, query, t1=1.0), lambda: memory.retrieve(query)):
        with pytest.raises(ValueError, match=r"euclidean similarity with identity.*both signs.*`recall` works"):
            use()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({}, ["3 patterns of 4", "sim=dot", "sep=softmax", "beta=2", "P = M", "leak=1", "tau_memory=0.1"]),
        ({"similarity": "manhattan"}, ["sim=manhattan", "leak=0"]),
        ({"separation": "polynomial(3)", "similarity": "cosine"}, ["sep=polynomial(3)"]),
        ({"separation": "max"}, ["sep=max", "beta without effect"]),
        ({"projection": np.ones((3, 2))}, ["P (3, 2)"]),
        ({"value_lagrangian": LogCosh(3.0)}, ["value=LogCosh(beta=3.0)"]),
        ({"tau_value": 4.0, "tau_memory": 0.0, "leak": 0.25}, ["tau_value=4", "tau_memory=0", "leak=0.25"]),
        ({"separation": LogSumExp(0.5)}, ["beta=1"]),
    ],
    ids=str,
)
def test_repr_names_the_rule(arguments, parts):
    text = repr(UniversalHopfield(np.eye(3, 4), **{"beta": 2.0, **arguments}))
    for part in ["UniversalHopfield(", "z = P^T sep(sim(M, q))", "numpy float64", *parts]:
        assert part in text


def test_similarities_may_be_given_as_objects(rng):
    memories, query = rng.normal(size=(4, 3)), rng.normal(size=3)
    for kind, name in ((Dot(), "dot"), (Cosine(), "cosine"), (Euclidean(), "euclidean")):
        one, other = UniversalHopfield(memories, kind), UniversalHopfield(memories, name)
        np.testing.assert_array_equal(one.recall(query), other.recall(query))
        assert repr(one) == repr(other)
    double = UniversalHopfield(memories, lambda M, g: 2 * (g @ M.T))
    np.testing.assert_allclose(double.recall(query), UniversalHopfield(memories, beta=2.0).recall(query), rtol=1e-13)
    assert "sim=custom" in repr(double)


def test_adiabatic_is_the_same_memory_without_memory_neurons(rng):
    memory = UniversalHopfield(rng.normal(size=(4, 3)), beta=2.0, tau_memory=0.3)
    limit = memory.adiabatic()
    assert (memory.is_adiabatic, limit.is_adiabatic) == (False, True)
    assert limit.adiabatic() is limit
    assert list(limit.network.populations) == ["value"]
    assert list(memory.network.populations) == ["value", "memory"]
    assert memory.tau_memory == 0.3  # nothing was changed in place
    np.testing.assert_array_equal(limit.recall(np.ones(3)), memory.recall(np.ones(3)))
