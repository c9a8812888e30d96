"""Chains: each row recalls the next, whatever the similarity, and the sequence comes round or ends."""

import numpy as np
import pytest

from helpers import IN_EACH, epsilon, to_library, to_numpy
from hopfield.models import (
    BidirectionalMemory,
    ModernHopfield,
    SparseDistributedMemory,
    UniversalHopfield,
    chain,
    recall_sequence,
)

RULES = [
    ("dot", "softmax", 2.0),
    ("euclidean", "softmax", 2.0),
    ("manhattan", "softmax", 2.0),
    ("cosine", "softmax", 40.0),
    ("dot", "max", 1.0),
    ("cosine", "max", 1.0),
]


def letters(rng, count=7, width=40):
    return rng.choice([-1.0, 1.0], size=(count, width))


@pytest.mark.parametrize(("similarity", "separation", "beta"), RULES)
def test_a_sequence_is_played_by_any_rule(similarity, separation, beta, rng):
    patterns = letters(rng)
    cue = np.where(np.arange(40) < 6, -patterns[2], patterns[2])
    found = recall_sequence(patterns, cue, 9, similarity=similarity, separation=separation, beta=beta)
    np.testing.assert_array_equal(found.rows, (2 + np.arange(10)) % 7)
    assert found.trajectory.shape == (10, 40)
    np.testing.assert_array_equal(found.trajectory[0], cue)
    np.testing.assert_allclose(found.trajectory[1:], patterns[found.rows[1:]], atol=1e-3)
    ends = recall_sequence(patterns, cue, 9, cyclic=False, similarity=similarity, separation=separation, beta=beta)
    np.testing.assert_array_equal(ends.rows, np.minimum(2 + np.arange(10), 6))


@IN_EACH
def test_every_step_is_one_look_up(library, dtype, rng):
    patterns, cue = letters(rng).astype(dtype), rng.normal(size=(2, 3, 40)).astype(dtype)
    memory = ModernHopfield(to_library(patterns, library), beta=0.1)
    found = recall_sequence(memory, to_library(cue, library), 3)
    state = cue.astype(float)
    for step in range(4):
        np.testing.assert_allclose(to_numpy(found.trajectory[step]), state, atol=500 * epsilon(dtype))
        np.testing.assert_array_equal(found.rows[step], (state @ patterns.T).argmax(-1))
        weights = np.exp(0.1 * state @ patterns.T.astype(float))
        state = weights / weights.sum(-1, keepdims=True) @ np.roll(patterns, -1, axis=0)
    assert to_numpy(found.trajectory).dtype == dtype


def test_a_chain_keeps_class_and_rule(rng):
    patterns = letters(rng)
    linked = chain(ModernHopfield(patterns, beta=3.0, tau_memory=0.0))
    assert isinstance(linked, ModernHopfield)
    assert linked.beta == 3.0
    np.testing.assert_array_equal(linked.projection, np.roll(patterns, -1, axis=0))
    ending = chain(UniversalHopfield(patterns, "manhattan"), cyclic=False)
    assert ending.rule.similarity.name == "manhattan"
    np.testing.assert_array_equal(ending.projection[-1], patterns[-1])
    played = recall_sequence(linked, patterns[0], 3)
    np.testing.assert_array_equal(played.rows, [0, 1, 2, 3])
    with pytest.raises(ValueError, match="has a projection"):
        chain(linked)


def test_a_projection_of_ones_own_is_played_as_it_is(rng):
    patterns, order = letters(rng), np.array([3, 0, 1, 6, 2, 4, 5])
    memory = ModernHopfield(patterns, beta=5.0, projection=patterns[order])
    found = recall_sequence(memory, patterns[0], 5)
    expected = [0]
    for _ in range(5):
        expected.append(order[expected[-1]])
    np.testing.assert_array_equal(found.rows, expected)


def test_other_models_play_what_they_were_written_with(rng):
    patterns = letters(rng, 6, 128)
    memory = SparseDistributedMemory.random(2000, 128, fraction=0.02, seed=1)
    memory = memory.write(patterns[:-1], patterns[1:])
    cue = np.where(np.arange(128) < 10, -patterns[0], patterns[0])
    found = recall_sequence(memory, cue, 5)
    np.testing.assert_array_equal(found.trajectory[1:], patterns[1:])
    np.testing.assert_array_equal(found.rows[1:], np.arange(5))  # rows of the data, which start at pattern 1
    pairs = BidirectionalMemory(patterns[:3], np.roll(patterns[:3], -1, axis=0))
    found = recall_sequence(pairs, patterns[0], 4)
    np.testing.assert_array_equal(found.trajectory, patterns[[0, 1, 2, 0, 1]])
    np.testing.assert_array_equal(found.rows, -1)


def test_what_does_not_fit_is_refused(rng):
    patterns = letters(rng)
    with pytest.raises(ValueError, match="no cue for the next step"):
        recall_sequence(ModernHopfield(patterns, projection=np.ones((7, 3))), patterns[0], 2)
    with pytest.raises(ValueError, match="steps must be a whole number >= 1"):
        recall_sequence(patterns, patterns[0], 0)
    with pytest.raises(ValueError, match="this one has its own"):
        recall_sequence(chain(patterns), patterns[0], 2, separation="max")
    with pytest.raises(ValueError, match="this one has its own"):
        recall_sequence(ModernHopfield(patterns), patterns[0], 2, separation="max")
