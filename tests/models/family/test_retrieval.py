"""Where updates come to rest: at attractors, or at saddles, which are said to be what they are."""

import concurrent.futures
import warnings

import numpy as np
import pytest

from helpers import IN_EACH, few, to_library, to_numpy
from hopfield.analysis import metastability
from hopfield.analysis.experiments._fractions import fractions_recalled
from hopfield.models import (
    BidirectionalMemory,
    HierarchicalMemory,
    ModernHopfield,
    SparseDistributedMemory,
    UniversalHopfield,
)

SIMILARITIES = ["dot", "euclidean", "cosine", "kl", "reverse_kl", "jeffreys"]


def memory_of(similarity, copies=1, count=4, width=10, **options):
    """A memory of positive rows of length one, the first of them `copies` times."""
    rows = np.random.default_rng(5).random((count, width)) + 0.1
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.vstack([rows[:1]] * copies + [rows[1:]])
    beta = {"dot": 60.0, "cosine": 60.0}.get(similarity, 40.0)
    return UniversalHopfield(rows, similarity, beta=beta, **options)


def boundary(memory, a, b, tol=1e-14):
    """How far along the way from a to b updates turn to the other side: bisection to the last bit."""
    low, high = 0.0, 1.0
    side = memory.retrieve(a, 2000, tol).pattern
    for _ in range(60):
        middle = (low + high) / 2
        if memory.retrieve(a + middle * (b - a), 2000, tol).pattern == side:
            low = middle
        else:
            high = middle
    return low


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_beside_a_boundary_a_cue_is_said_to_rest_at_a_saddle_or_goes_to_its_side(similarity):
    memory = memory_of(similarity)
    a, b = memory.memories[0], memory.memories[3]
    edge = boundary(memory, a, b)
    first, other = (int(memory.retrieve(cue).pattern) for cue in (a, b))
    assert first != other
    for away in (1e-3, 1e-6, 1e-8, 1e-9, 1e-10, 0.0):
        for sign, side in ((-1, first), (1, other)):
            found = memory.retrieve(a + (edge + sign * away) * (b - a), 500)
            if found.verdict == "fixed point":
                assert found.converged
                assert found.pattern == side
            else:  # so near that its distance from the boundary is below the tolerance
                assert away <= 1e-8
                assert found.verdict == "unstable point"
                assert not found.converged
                assert found.residual <= 1e-6
            if away == 0:
                assert found.verdict == "unstable point"
            elif found.verdict == "unstable point":  # a smaller tolerance lets it go on
                goes_on = memory.retrieve(a + (edge + sign * away) * (b - a), 2000, 1e-14)
                assert goes_on.pattern == side


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_memories_and_metastable_states_are_no_saddles(similarity):
    memory = memory_of(similarity)
    rng = np.random.default_rng(0)
    cues = np.abs(memory.memories + 0.1 * rng.normal(size=memory.memories.shape)) + 0.01
    for beta in (1.0, 5.0, 40.0):
        found = type(memory)(**{**memory.settings(), "beta": beta}).retrieve(cues, 5000)
        assert (found.verdict == "fixed point").all(), beta
        assert found.converged.all()


@IN_EACH
def test_two_memories_and_the_point_between_them(library, dtype):
    patterns = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=dtype)
    memory = ModernHopfield(to_library(patterns, library), beta=8.0)
    cues = np.array([[0.5, 0.5, 0.0], [0.6, 0.5, 0.0], [0.5, 0.5, 0.7]], dtype=dtype)
    found = memory.retrieve(to_library(cues, library))
    assert found.verdict.tolist() == ["unstable point", "fixed point", "unstable point"]
    assert to_numpy(found.converged).tolist() == [False, True, False]
    for k, cue in enumerate(cues):
        alone = memory.retrieve(to_library(cue, library))
        assert str(alone.verdict) == found.verdict[k]
        assert alone.verdict.shape == ()
    # With a smaller beta the same point attracts.
    mean = ModernHopfield(to_library(patterns, library), beta=1.5).retrieve(to_library(cues, library))
    assert (mean.verdict == "fixed point").all()
    assert np.allclose(to_numpy(mean.state), [0.5, 0.5, 0.0], atol=1e-3)


def test_the_growth_at_which_a_point_becomes_unstable_is_one():
    """Two patterns +-x: 0 attracts up to beta |x|^2 = 1 (a pitchfork), and is a saddle beyond."""
    x = np.array([0.6, 0.8, 0.0])
    for beta, verdict in (
        (0.99, "fixed point"),
        (0.9999, "fixed point"),
        (1.0001, "unstable point"),
        (3.0, "unstable point"),
    ):
        memory = ModernHopfield(np.stack([x, -x]), beta=beta)
        assert str(memory.retrieve(np.array([0.0, 0.0, 1.0])).verdict) == verdict


@pytest.mark.parametrize("copies", [2, 5])
def test_a_saddle_between_copies_and_another_pattern_is_seen(copies):
    memory = memory_of("euclidean", copies)
    a, b = memory.memories[0], memory.memories[-1]
    edge = boundary(memory, a, b)
    assert str(memory.retrieve(a + edge * (b - a)).verdict) == "unstable point"
    assert str(memory.retrieve(a).verdict) == "fixed point"


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_a_saddle_does_not_depend_on_the_unit_of_the_patterns(scale):
    memory = UniversalHopfield(scale * np.eye(3), "euclidean", beta=8.0 / scale**2)
    found = memory.retrieve(scale * np.array([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0]]), 100, 0.0)
    assert found.verdict[0] != "fixed point"
    assert found.pattern[1] == 0


def test_a_clamped_part_holds_a_state_that_would_leave():
    """With the first two neurons held between two memories, nothing that is free can leave."""
    patterns = np.array([[2.0, 0.0, 1.0], [0.0, 2.0, 1.0]])
    memory = ModernHopfield(patterns, beta=4.0)
    cue = np.array([1.0, 1.0, 0.3])
    assert str(memory.retrieve(cue).verdict) == "unstable point"
    held = memory.retrieve(cue, known=[True, True, False], hold=True)
    assert str(held.verdict) == "fixed point"
    assert held.converged


def test_exact_memories_of_manhattan_are_fixed_points():
    memory = UniversalHopfield(np.eye(4), "manhattan", beta=3.0)
    found = memory.retrieve(np.eye(4) * 0.8 + 0.05)
    assert (found.verdict == "fixed point").all()
    assert np.array_equal(found.state, np.eye(4))


def test_a_projection_does_not_hide_a_saddle():
    memory = ModernHopfield(2 * np.eye(2), beta=4.0, projection=np.array([[1.0], [-1.0]]))
    found = memory.retrieve(np.array([[1.0, 1.0], [1.2, 0.8]]))
    assert found.verdict.tolist() == ["unstable point", "fixed point"]


def test_too_few_updates_are_said_and_more_of_them_help(rng):
    memory = memory_of("dot")
    cue = 0.45 * memory.memories[0] + 0.55 * memory.memories[3]
    short = memory.retrieve(cue, 2)
    assert str(short.verdict) == "not settled"
    assert not short.converged
    assert int(short.steps) == 2
    assert str(memory.retrieve(cue, 500).verdict) == "fixed point"


def test_layers_that_rest_between_two_memories():
    """Two opposite patterns in a hierarchy: layers at 0 rest, and any push sends them to one of the two."""
    x = np.array([[1.0, -1.0, 1.0, 1.0, -1.0, 1.0]])
    memory = HierarchicalMemory([(6, "tanh"), (4, "tanh")], [3 * np.vstack([x, x, -x, x]).T / 4])
    found = memory.retrieve(np.vstack([0 * x, 0.1 * x, -0.1 * x]), 200)
    assert found.verdict.tolist() == ["unstable point", "fixed point", "fixed point"]
    assert np.sign(found.state[1]).tolist() == x[0].tolist()


def test_binary_memories_give_the_same_verdicts(rng):
    bits = rng.choice([-1.0, 1.0], (3, 40))
    pairs = BidirectionalMemory(bits, rng.choice([-1.0, 1.0], (3, 20)))
    assert pairs.retrieve(bits).verdict.tolist() == ["fixed point"] * 3
    sparse = SparseDistributedMemory.random(500, 40, radius=15, seed=0).write(bits)
    found = sparse.retrieve(bits)
    assert np.array_equal(found.verdict == "fixed point", found.converged)
    assert ModernHopfield(bits).retrieve(np.zeros((2, 0, 40))).verdict.shape == (2, 0)


@pytest.mark.parametrize(
    "options", [{"similarity": "dot", "leak": 0.0}, {"similarity": "cosine", "bias": 1.0}], ids=str
)
def test_updates_without_a_limit_are_refused_with_what_retrieval_can_take(options):
    memory = UniversalHopfield(np.eye(3), **options)
    words = rf"with leak 0 and the {options['similarity']} similarity a constant force .* Give the memory leak > 0"
    for call in (
        lambda: memory.retrieve(np.ones(3)),
        lambda: memory.retrieve(np.ones(3), known=[True, False, True]),
        lambda: memory.retrieve(np.ones(3), known=[True, False, True], hold=True),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            call()
        assert "finite dt" not in str(caught.value)


# ------------------------------------------------------------------------- updates that run away, warnings of others


def cubes(library="numpy"):
    """Updates z_i = 64 z_i^3: beyond 1/8 they run away, below it they decay."""
    with pytest.warns(UserWarning, match="no lower bound"):
        return UniversalHopfield(to_library(2 * np.eye(3), library), "dot", "polynomial(3)", beta=2.0)


def test_updates_that_run_away_are_refused_with_the_query(library):
    memory, runs = cubes(library), to_library(np.ones(3), library)
    with pytest.raises(ValueError, match=r"The updates run away: after \d+ of them the next is too large for float64"):
        memory.retrieve(runs)
    batch = to_library(np.array([[0.01, 0.01, 0.0], [1.0, 1.0, 1.0]]), library)
    with pytest.raises(ValueError, match="updates of query 1 run away"):
        memory.retrieve(batch)
    assert memory.retrieve(batch[0]).converged
    with pytest.raises(ValueError, match="updates run away"):
        metastability(memory, runs)


def test_a_sweep_goes_on_where_updates_of_some_cues_run_away():
    cues = 0.05 * np.eye(3)
    cues[1] *= 1e3
    found = fractions_recalled(2 * np.eye(3), cues, "dot", ["polynomial(3)"], ["nearest"], readout="update")
    np.testing.assert_allclose(found, 1)  # one update of each is finite
    found = fractions_recalled(2 * np.eye(3), cues, "dot", ["polynomial(3)"], ["exact"], readout="retrieve")
    np.testing.assert_array_equal(found, 0)


def test_retrieval_leaves_the_filters_of_warnings_alone(monkeypatch):
    """They belong to the whole process: a thread that exchanges them takes those of another away."""
    memory = ModernHopfield(np.eye(4), beta=8.0)

    def touched(*_, **__):
        raise AssertionError("the filters were exchanged")

    monkeypatch.setattr(warnings, "catch_warnings", touched)
    monkeypatch.setattr(warnings, "simplefilter", touched)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: int(memory.retrieve(np.eye(4)[k % 4] + 0.1).pattern), range(16)))
    assert found == [k % 4 for k in range(16)]


def programs(call):
    """How many programs JAX compiles during a call."""
    import jax

    found = []

    def listen(name, *_, **__):
        if name.endswith("backend_compile_duration"):
            found.append(name)

    jax.monitoring.register_event_duration_secs_listener(listen)
    call()
    return len(found)


@pytest.mark.parametrize("beta", few([4.0, 0.3], 1))
def test_on_jax_a_retrieval_compiles_eight_programs_and_for_a_new_batch_size_none(beta):
    jnp = pytest.importorskip("jax.numpy")
    rng = np.random.default_rng(1)
    patterns = rng.normal(size=(37, 23)).astype("float32")
    cues = (patterns[:8] + 0.01 * rng.normal(size=(8, 23))).astype("float32")
    memory, known = UniversalHopfield(to_library(patterns, "jax"), beta=beta), UniversalHopfield(patterns, beta=beta)
    sizes = {size: to_library(cues[:size] if size else cues[0], "jax") for size in (0, 5, 6, 7, 8)}
    jnp.zeros(())  # which a process compiles once, whatever it runs
    counts = {size: programs(lambda query=query: memory.retrieve(query)) for size, query in sizes.items()}
    assert counts[0] <= 8
    assert counts[5] <= 8
    assert counts[6] == counts[7] == counts[8] == 0
    for query in sizes.values():
        found, expected = memory.retrieve(query), known.retrieve(to_numpy(query))
        assert type(found.state) is type(query)
        np.testing.assert_allclose(found.state, expected.state, atol=2e-4)
        np.testing.assert_allclose(found.energy, expected.energy, rtol=1e-5)
        for name in ("steps", "pattern", "verdict", "converged"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
