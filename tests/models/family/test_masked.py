"""Masked look-ups and clamped dynamics: what is not known does not count, and what is held lets the energy fall."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import epsilon, to_library, to_numpy
from hopfield.dynamics import LayerNorm, simulate
from hopfield.models import ContinuousSDM, ModernHopfield, UniversalHopfield
from hopfield.models.family._masked import masked_query, masked_scores


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def problem(rng, size=6, width=9, samples=4):
    memories, query = rng.normal(size=(size, width)), rng.normal(size=(samples, width))
    known = rng.random(size=(samples, width)) < 0.5
    known[:, 0] = True
    return memories, query, known


def test_a_masked_look_up_is_that_of_the_known_columns(library, dtype, rng):
    memories, query, known = problem(rng)
    memories, query = memories.astype(dtype), query.astype(dtype)
    memory = ModernHopfield(to_library(memories, library), beta=1.5)
    found = to_numpy(memory.recall(to_library(query, library), known=to_library(known, library)))
    assert found.dtype == dtype
    for row, mask, answer in zip(query, known, found, strict=True):
        small = memories[:, mask].astype(float) @ row[mask].astype(float)
        expected = softmax(1.5 * small) @ memories.astype(float)
        np.testing.assert_allclose(answer, expected, atol=50 * epsilon(dtype))


@pytest.mark.parametrize("kind", ["dot", "euclidean", "manhattan", "cosine"])
def test_every_similarity_looks_at_the_known_columns_alone(kind, rng):
    memories, query, known = problem(rng)
    known[1] = known[0]  # two queries of one mask
    memory = UniversalHopfield(memories, kind, beta=0.7)
    scores = masked_scores(memory, *masked_query(memory, query, known))
    for row, mask, found in zip(query, known, scores, strict=True):
        small = UniversalHopfield(memories[:, mask], kind, beta=0.7)
        np.testing.assert_allclose(found, small.scores(row[mask]), rtol=1e-12, atol=1e-12)


def test_one_mask_serves_a_batch_and_a_batch_of_masks_one_query(rng):
    memories, query, known = problem(rng)
    memory = UniversalHopfield(memories, "euclidean", beta=0.7)
    together = memory.recall(query.reshape(2, 2, 9), known=known[0])
    assert together.shape == (2, 2, 9)
    for row, found in zip(query, together.reshape(4, 9), strict=True):
        np.testing.assert_allclose(found, memory.recall(row, known=known[0]), rtol=1e-12)
    one = memory.recall(query[0], known=known)
    np.testing.assert_allclose(one[2], memory.recall(query[0], known=known[2]), rtol=1e-12)


def test_what_stands_in_unknown_places_does_not_matter(rng):
    memories, query, known = problem(rng)
    memory = ModernHopfield(memories, beta=2.0)
    other = np.where(known, query, np.nan)
    np.testing.assert_array_equal(memory.recall(other, known=known), memory.recall(query, known=known))
    for hold in (False, True):
        first, second = (memory.retrieve(q, known=known, hold=hold) for q in (query, other))
        np.testing.assert_array_equal(first.state, second.state)


def test_with_everything_known_nothing_changes(rng):
    memories, query, _ = problem(rng)
    memory, known = ModernHopfield(memories, beta=2.0), np.ones(9, bool)
    np.testing.assert_allclose(memory.recall(query, known=known), memory.recall(query), rtol=1e-13)
    np.testing.assert_allclose(
        memory.retrieve(query, known=known, tol=1e-13).state, memory.retrieve(query, tol=1e-13).state, atol=1e-10
    )
    held = memory.retrieve(query, known=known, hold=True)
    np.testing.assert_array_equal(held.state, query)
    np.testing.assert_array_equal(held.residual, 0.0)


def test_retrieval_goes_on_from_the_masked_look_up(rng):
    memories, query, known = problem(rng)
    bias = rng.normal(size=9)
    memory = ModernHopfield(memories, beta=1.2, bias=bias)
    v = memory.recall(query, known=known) + bias
    for _ in range(3):
        v = softmax(1.2 * v @ memories.T) @ memories + bias
    found = memory.retrieve(query, known=known, max_steps=3, tol=1e-300)
    np.testing.assert_allclose(found.state, v, rtol=1e-12)
    np.testing.assert_array_equal(found.steps, 3)


def test_clamped_dynamics_are_those_of_the_unknown_columns_with_an_input_to_the_memory_neurons(library, rng):
    memories, query, _ = problem(rng)
    known = np.arange(9) < 4
    memory = ModernHopfield(to_library(memories, library), beta=1.5)
    found = memory.retrieve(to_library(query, library), known=known, hold=True, max_steps=4, tol=1e-300)
    free, given = memories[:, ~known], query[:, known] @ memories[:, known].T
    v = softmax(1.5 * given) @ free  # the masked look-up
    for _ in range(4):
        v = softmax(1.5 * (given + v @ free.T)) @ free
    state = to_numpy(found.state)
    np.testing.assert_array_equal(state[:, known], query[:, known])
    np.testing.assert_allclose(state[:, ~known], v, rtol=1e-11)


@given(data=st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_energy_falls_with_part_of_the_neurons_held(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    memories, query, known = problem(rng)
    memory = ModernHopfield(memories, beta=10 ** data.draw(st.floats(-1, 1)))
    before = None
    for steps in (1, 2, 3, 5, 9):
        found = memory.retrieve(query, known=known, hold=True, max_steps=steps, tol=1e-300)
        np.testing.assert_array_equal(np.where(known, found.state, 0), np.where(known, query, 0))
        if before is not None:
            slack = 16 * np.finfo(float).eps * memory.adiabatic().network.energy_scale({"value": found.state})
            assert (found.energy <= before + slack).all()
        before = found.energy


def test_a_clamped_answer_is_critical_among_the_states_that_agree_with_the_cue(rng):
    memories, query, known = problem(rng)
    memory = ModernHopfield(memories, beta=1.5)
    found = memory.retrieve(query, known=known, hold=True, tol=1e-13, max_steps=2000)
    assert found.converged.all()
    slope = memory.adiabatic().network.energy_gradient({"value": found.state})["value"]
    np.testing.assert_allclose(np.where(known, 0.0, slope), 0.0, atol=1e-11)
    assert (np.abs(slope).max(-1) > 1e-3).all()  # the known neurons would move if they could


def test_half_a_pattern_brings_the_whole():
    rng = np.random.default_rng(4)
    patterns = rng.choice([-1.0, 1.0], size=(20, 60))
    memory, known = ModernHopfield(patterns, beta=2.0), np.arange(60) < 15
    for hold in (False, True):
        found = memory.retrieve(np.where(known, patterns, np.nan), known=known, hold=hold)
        np.testing.assert_array_equal(found.pattern, np.arange(20))
        np.testing.assert_allclose(found.state, patterns, atol=1e-5)


def test_a_flow_with_held_neurons_ends_where_retrieval_does(rng):
    memories, query, _ = problem(rng)
    known = np.arange(9) < 4
    memory = ModernHopfield(memories, beta=0.8, tau_memory=0.0)
    found = memory.retrieve(query, known=known, hold=True, tol=1e-12)
    start = np.where(known, query, memory.recall(query, known=known))
    run = simulate(memory, start, t1=200.0, clamp=known)
    np.testing.assert_allclose(run.states["value"][-1], found.state, atol=1e-6)


def test_other_memories_share_the_masked_look_up(rng):
    memories, query, known = problem(rng)
    sdm = ContinuousSDM(memories, rng.normal(size=(6, 3)), beta=8.0)
    assert sdm.recall(query, known=known).shape == (4, 3)
    found = sdm.retrieve(query, known=known)
    assert found.output is not None
    assert found.output.shape == (4, 3)
    positive = UniversalHopfield(np.abs(memories) + 0.1, "kl", beta=3.0)
    found = positive.retrieve(np.where(known, np.abs(query) + 0.1, np.nan), known=known)
    assert np.isfinite(found.state).all()


def test_one_shot_similarities_take_masks_too(rng):
    bits = rng.choice([-1.0, 1.0], size=(5, 12))
    known = np.arange(12) < 7
    found = UniversalHopfield(bits, "hamming", "max").recall(np.where(known, bits, np.nan), known=known)
    np.testing.assert_array_equal(found, bits)
    patterns = rng.random(size=(5, 12)) + 0.1
    memory = UniversalHopfield(patterns, "normalised(manhattan)", "identity")
    found = memory.recall(np.where(known, patterns + 0.01, np.nan), known=known)
    small = UniversalHopfield(patterns[:, known], "normalised(manhattan)", "identity", projection=patterns)
    np.testing.assert_allclose(found, small.recall(patterns[:, known] + 0.01), rtol=1e-12)
    with pytest.raises(ValueError, match="no force"):
        UniversalHopfield(bits, "hamming", "max").retrieve(bits, known=known)


def test_bad_masks_are_refused(rng):
    memories, query, _ = problem(rng)
    memory = ModernHopfield(memories)
    with pytest.raises(ValueError, match=r"mask of bools \(\.\.\., 9\).*dtype int64"):
        memory.recall(query, known=np.arange(3))
    with pytest.raises(ValueError, match=r"shape \(8,\)"):
        memory.recall(query, known=np.ones(8, bool))
    with pytest.raises(ValueError, match="marks no component"):
        memory.recall(query, known=np.zeros(9, bool))
    with pytest.raises(ValueError, match="does not fit the query"):
        memory.recall(query, known=np.ones((3, 9), bool))
    with pytest.raises(ValueError, match="known=mask"):
        memory.retrieve(query, hold=True)
    with pytest.raises(ValueError, match="NaN or infinite"):
        memory.recall(np.full(9, np.nan), known=np.ones(9, bool))


def test_what_cannot_be_held_or_has_no_update_is_refused(rng):
    memories, query, known = problem(rng)
    coupled = UniversalHopfield(memories, value_lagrangian=LayerNorm())
    with pytest.raises(ValueError, match="couples them"):
        coupled.retrieve(query, known=known, hold=True)
    free = UniversalHopfield(np.abs(memories) + 0.1, "reverse_kl")
    with pytest.raises(ValueError, match="no update at dt = inf"):
        free.retrieve(np.abs(query) + 0.1, known=known)
