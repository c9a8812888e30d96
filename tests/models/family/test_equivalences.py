"""The paper's equivalences: the networks of the literature as members of one family."""

import math
import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from helpers import IN_EACH, epsilon, to_library, to_numpy
from hopfield.dynamics import Relaxation, simulate
from hopfield.models import (
    ClassicalHopfield,
    ContinuousSDM,
    DenseAssociativeMemory,
    ExponentialMemory,
    ModernHopfield,
    SparseDistributedMemory,
    UniversalHopfield,
)


def quietly(*arguments, **options):
    """A memory whose warnings are tested elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return UniversalHopfield(*arguments, **options)


def bipolar(rng, n, i):
    return np.where(rng.random((n, i)) < 0.5, -1.0, 1.0)


@IN_EACH
def test_hopfield_network_is_dot_identity_and_sign(library, dtype, rng):
    """sign(W q) with W = M^T M, shape (I, I): the printed W = M M^T does not even conform."""
    memories, queries = bipolar(rng, 3, 128).astype(dtype), bipolar(rng, 7, 128).astype(dtype)
    memory = quietly(to_library(memories, library), "dot", "identity")
    field = to_numpy(memory.recall(to_library(queries, library)))
    weights = memories.T @ memories
    np.testing.assert_array_equal(field, queries @ weights.T)  # small whole numbers: exact
    np.testing.assert_array_equal(np.sign(field), np.sign(queries @ weights.T))
    noisy = memories * np.where(rng.random(memories.shape) < 0.1, -1, 1).astype(dtype)
    np.testing.assert_array_equal(np.sign(to_numpy(memory.recall(to_library(noisy, library)))), memories)


@IN_EACH
def test_sparse_distributed_memory_is_hamming_and_threshold(library, dtype, rng):
    """z = P^T 1[d_H(X, q) <= r]: the circle of radius r is <=, where the paper prints >."""
    addresses, words = (rng.random((200, 40)) < 0.5).astype(dtype), bipolar(rng, 200, 12).astype(dtype)
    queries = (rng.random((9, 40)) < 0.5).astype(dtype)
    distance = np.rint(cdist(queries, addresses, "cityblock"))
    radius = 16
    memory = UniversalHopfield(
        to_library(addresses, library), "hamming", f"threshold({-radius})", projection=to_library(words, library)
    )
    active = (distance <= radius).astype(dtype)
    assert 0 < active.sum() < active.size
    assert (distance == radius).any()  # the circle itself is tested
    np.testing.assert_array_equal(to_numpy(memory.weights(to_library(queries, library))), active)
    np.testing.assert_array_equal(to_numpy(memory.recall(to_library(queries, library))), active @ words)
    for coded in (2 * addresses - 1, addresses):  # the same bits in either coding
        again = UniversalHopfield(coded, "hamming", f"threshold({-radius})", projection=words)
        np.testing.assert_array_equal(again.weights(2 * queries - 1), active)


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_dense_associative_memory_is_dot_and_a_power_one_below(degree, rng):
    """E = -sum F(M_i . v) with F = x^n/n has the force M^T (M v)^(n-1): the separation is x^(n-1)."""
    memories, v = rng.normal(size=(5, 8)), rng.normal(size=8)
    memory = quietly(memories, "dot", f"polynomial({degree - 1})", tau_memory=0.0)
    force = memories.T @ (memories @ v) ** (degree - 1)
    np.testing.assert_allclose(memory.recall(v), force, rtol=1e-12)
    synapse = memory.network.synapses["memory"]
    np.testing.assert_allclose(synapse.energy(v), -((memories @ v) ** degree).sum() / degree, rtol=1e-12)
    np.testing.assert_allclose(synapse.forces(v)[0], force, rtol=1e-12)


@pytest.mark.parametrize("dtype_name", ["float64", "float32"])
def test_modern_hopfield_network_is_dot_and_softmax_is_attention(dtype_name, rng):
    torch = pytest.importorskip("torch")
    memories, queries = (to_library(rng.normal(size=s).astype(dtype_name), "torch") for s in ((6, 5), (4, 5)))
    beta = 1.7
    attention = torch.nn.functional.scaled_dot_product_attention(
        queries[None], memories[None], memories[None], scale=beta
    )[0]
    tolerance = 20 * epsilon(dtype_name)
    for memory in (UniversalHopfield(memories, "dot", "softmax", beta=beta), ModernHopfield(memories, beta=beta)):
        found = memory.recall(queries)
        assert found.dtype == memories.dtype
        np.testing.assert_allclose(to_numpy(found), to_numpy(attention), rtol=0, atol=tolerance * 4)
    # beta = 1/sqrt(d) is the transformer's own scale, and separate values are a projection.
    values = to_library(rng.normal(size=(6, 3)).astype(dtype_name), "torch")
    attention = torch.nn.functional.scaled_dot_product_attention(queries[None], memories[None], values[None])[0]
    cross = ModernHopfield(memories, beta=1 / math.sqrt(5), projection=values).recall(queries)
    np.testing.assert_allclose(to_numpy(cross), to_numpy(attention), rtol=0, atol=tolerance * 4)


def test_continuous_sparse_distributed_memory_is_a_heteroassociative_modern_network(library, rng):
    """P^T softmax(beta X q): addresses X and patterns P apart (Bricken & Pehlevan 2021, arXiv:2111.05498)."""
    addresses, patterns, queries = rng.normal(size=(6, 5)), rng.normal(size=(6, 3)), rng.normal(size=(4, 5))
    addresses /= np.linalg.norm(addresses, axis=1, keepdims=True)
    h = 3.0 * queries @ addresses.T
    weights = np.exp(h - h.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    memory = UniversalHopfield(
        to_library(addresses, library), "dot", "softmax", beta=3.0, projection=to_library(patterns, library)
    )
    found = to_numpy(memory.recall(to_library(queries, library)))
    np.testing.assert_allclose(found, weights @ patterns, rtol=1e-12)


def test_the_named_models_are_members_of_the_family(rng):
    """HN, SDM, DAM, MCHN, exponential memory and ContinuousSDM, each beside the universal network of its parts."""
    M, q = bipolar(rng, 6, 30), bipolar(rng, 9, 30)
    field = quietly(M, "dot", "identity").recall(q)
    found = ClassicalHopfield(M, zero_diagonal=False).recall(q)
    np.testing.assert_array_equal(found, np.where(field == 0, q, np.sign(field)))
    sdm = SparseDistributedMemory.random(200, 30, fraction=0.1, seed=1).write(M)
    parts = UniversalHopfield(sdm.locations, "hamming", f"threshold({-sdm.radius})", projection=sdm.counters)
    field = parts.recall(q)
    np.testing.assert_array_equal(sdm.read(q), np.where(field == 0, q, np.sign(field)))
    values = rng.normal(size=(6, 4))
    for named, parts in (
        (DenseAssociativeMemory(M, 4), ("dot", "polynomial(3)", 1 / 30)),
        (DenseAssociativeMemory(M, 3, rectified=True), ("dot", "rectified_polynomial(2)", 1 / 30)),
        (ExponentialMemory(M, 0.2), ("dot", "softmax", 0.2)),
        (ModernHopfield(M, 0.2), ("dot", "softmax", 0.2)),
        (ContinuousSDM(M, beta=3.0), ("cosine", "softmax", 3.0)),
    ):
        similarity, separation, beta = parts
        universal = quietly(M, similarity, separation, beta=beta)
        np.testing.assert_allclose(named.recall(q), universal.recall(q), rtol=1e-13, atol=1e-13)
    unit, queries = M / 30**0.5, q / 30**0.5
    found = ContinuousSDM(M, values, beta=3.0).recall(q)
    np.testing.assert_allclose(found, ModernHopfield(unit, 3.0, projection=values).recall(queries), rtol=1e-12)


def test_dense_memories_of_degree_two_flip_as_the_classical_network(rng):
    M, s = bipolar(rng, 3, 16), bipolar(rng, 40, 16)
    dense, classical = DenseAssociativeMemory(M, 2), ClassicalHopfield(M)
    np.testing.assert_allclose(dense.energy_change(s), classical.energy_change(s), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(dense.retrieve(s, seed=3).state, classical.retrieve(s, seed=3).state)


@pytest.mark.parametrize("sim", ["dot", "euclidean"])
@pytest.mark.parametrize("tau_memory", [0.0, 0.3])
def test_the_update_rule_is_relaxation_with_infinite_steps(sim, tau_memory, library, rng):
    """One rule at two step sizes: recall = Relaxation(dt = inf), for leak 1 (dot) and leak 0 (euclidean)."""
    memories, queries = rng.normal(size=(6, 5)), rng.normal(size=(4, 5))
    memory = UniversalHopfield(to_library(memories, library), sim, "softmax", beta=1.3, tau_memory=tau_memory)
    state = to_library(queries, library)
    run = simulate(memory, state, t1=3, integrator=Relaxation(math.inf), save_at=[1, 2, 3])
    for step in range(3):
        state = memory.recall(state)
        np.testing.assert_allclose(to_numpy(run.states["value"][step]), to_numpy(state), rtol=0, atol=1e-12)


def test_softmax_of_a_large_beta_is_max(rng):
    memories, queries = rng.normal(size=(6, 5)), rng.normal(size=(20, 5))
    sharp = UniversalHopfield(memories, "euclidean", "softmax", beta=1e5).recall(queries)
    np.testing.assert_allclose(sharp, UniversalHopfield(memories, "euclidean", "max").recall(queries), atol=1e-9)


# --------------------------------------------------------------------- what the paper prints, put right


def test_softmax_has_a_plus_sign(rng):
    """e^(-beta x)/sum, as printed, would rank the most similar pattern last."""
    memories = rng.normal(size=(6, 50))
    for sim in ("dot", "cosine", "euclidean", "manhattan"):
        memory = UniversalHopfield(memories, sim, "softmax", beta=0.1)
        weights = memory.weights(memories)
        np.testing.assert_array_equal(weights.argmax(-1), np.arange(6))
        h = memory.scores(memories)
        printed = np.exp(-0.1 * h) / np.exp(-0.1 * h).sum(-1, keepdims=True)
        assert (printed.argmax(-1) != np.arange(6)).all()


def test_max_separation_recalls_what_is_stored_only_where_it_is_most_similar_to_itself(rng):
    """The raw dot product is not, so that "unbounded capacity" fails for it; distances and the cosine are."""
    memories = rng.random((200, 30)) ** rng.uniform(1, 8, size=(200, 1))  # some bright, some with few bright pixels
    clean = {
        sim: (UniversalHopfield(memories, sim, "max").weights(memories).argmax(-1) == np.arange(200)).mean()
        for sim in ("dot", "normalised(dot)", "cosine", "euclidean", "manhattan", "normalised(manhattan)")
    }
    assert clean["dot"] < 0.5
    assert clean["normalised(dot)"] < 0.9
    assert [clean[sim] for sim in list(clean)[2:]] == [1, 1, 1, 1]


def test_an_energy_with_a_positive_distance_runs_away(rng):
    """Table 2 prints sim = + distance, which pushes v away from the memories: here the sign is minus."""
    memories = rng.normal(size=(4, 3))
    v = memories.mean(0) + 0.1
    for sim in ("euclidean", "manhattan"):
        kind = UniversalHopfield(memories, sim).rule.similarity
        gap = memories - v
        towards = (kind.pullback(memories, v, np.eye(4)) * gap).sum(-1)
        assert (towards > 0).all()
        assert (kind.scores(memories, v) < 0).all()


def test_the_weighted_mean_does_not_descend_the_manhattan_energy_but_the_median_does(rng):
    """Eq. 1 is the exact minimiser for dot and euclidean only; the Manhattan dynamics take the weighted median."""
    rises = {"recall": 0, "retrieve": 0}
    for _ in range(60):
        memories, v = rng.normal(size=(4, 1)), rng.normal(size=1)
        memory = UniversalHopfield(memories, "manhattan", "softmax", beta=1.0, tau_memory=0.0)
        energy = memory.network.energy({"value": v})
        tolerance = 1e-12 * (1 + abs(energy))
        rises["recall"] += memory.network.energy({"value": memory.recall(v)}) > energy + tolerance
        rises["retrieve"] += memory.retrieve(v, max_steps=1).energy > energy + tolerance
    assert rises["recall"] > 0
    assert rises["retrieve"] == 0
