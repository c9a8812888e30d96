"""Patterns that are stored later or forgotten: as a memory built of them at once, without what was prepared anew."""

import numpy as np
import pytest

from helpers import to_library, to_numpy
from hopfield.models import BidirectionalMemory, ClassicalHopfield, SparseDistributedMemory, UniversalHopfield


@pytest.fixture
def rows(rng):
    """Positive patterns with ties within their columns."""
    return rng.integers(1, 6, (12, 7)) / 4


KINDS = ["dot", "euclidean", "cosine", "manhattan", "kl", "reverse_kl", "jensen_shannon"]
EVERY = [("numpy", kind) for kind in KINDS] + [("torch", "manhattan"), ("torch", "cosine"), ("jax", "manhattan")]


@pytest.mark.parametrize(("library", "similarity"), EVERY)  # what a library does is the same for each similarity
def test_what_was_prepared_is_that_of_all_rows(library, rows, similarity):
    if library != "numpy":
        pytest.importorskip(library)
    memory = UniversalHopfield(to_library(rows[:8], library), similarity, tau_memory=0.0)
    _ = memory.sim, memory.places
    for changed, now in (
        (memory.with_patterns(to_library(rows[8:], library)), rows),
        (memory.without([1, 5]), rows[[0, 2, 3, 4, 6, 7]]),
        (memory.without(np.arange(8) < 3), rows[3:8]),
    ):
        new = UniversalHopfield(to_library(now, library), similarity, tau_memory=0.0)
        for name in ("sim", "places"):
            one, other = getattr(changed, name), getattr(new, name)
            assert name in vars(changed)
            for field in ("patterns", *(field for field, _ in type(other)._derived)):
                np.testing.assert_allclose(
                    to_numpy(getattr(one, field)), to_numpy(getattr(other, field)), rtol=1e-15, err_msg=field
                )
        if library == "jax":  # every number of rows is a program of its own there
            continue
        q = to_library(now[0] + 0.01, library)
        np.testing.assert_allclose(to_numpy(changed.recall(q)), to_numpy(new.recall(q)), rtol=1e-14)
        assert changed.retrieve(q).pattern == new.retrieve(q).pattern


def test_what_was_prepared_of_the_others_is_not_computed_again(rows, monkeypatch):
    memory = UniversalHopfield(rows[:8], "euclidean")
    sizes = []
    sim = type(memory.sim)
    of = sim.of
    monkeypatch.setattr(sim, "of", lambda self, patterns: sizes.append(len(patterns)) or of(self, patterns))
    changed = memory.with_patterns(rows[8:9]).without([0])
    _ = changed.sim, changed.network
    assert sizes == [1]


def test_one_pattern_and_what_it_recalls(rows):
    memory = UniversalHopfield(rows[:8], "dot", projection=rows[:8, :2])
    more = memory.with_patterns(rows[8], rows[8, :2])
    assert more.memories.shape == (9, 7)
    np.testing.assert_array_equal(more.projection, rows[:9, :2])
    np.testing.assert_array_equal(more.without([8]).projection, memory.projection)
    with pytest.raises(ValueError, match="give that of the new patterns as well"):
        memory.with_patterns(rows[8])
    with pytest.raises(ValueError, match="leave out projection"):
        UniversalHopfield(rows).with_patterns(rows[8], rows[8, :2])
    with pytest.raises(ValueError, match="2 rows for 1 patterns"):
        memory.with_patterns(rows[8], rows[8:10, :2])


def test_bad_rows_are_refused(rows):
    memory = UniversalHopfield(rows, "kl")
    with pytest.raises(ValueError, match="rows of 3 values, and those that are stored have 7"):
        memory.with_patterns([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="for positive vectors"):
        memory.with_patterns(-rows[0])
    with pytest.raises(ValueError, match="NaN"):
        memory.with_patterns(rows[0] * np.nan)
    with pytest.raises(ValueError, match="All 12 patterns would be forgotten"):
        memory.without(range(12))
    for wrong in ([12], [-1], [0.5], np.ones(3, bool), [[0]]):
        with pytest.raises(ValueError, match=r"stored patterns, from 0 to 11|one bool for each of 12"):
            memory.without(wrong)


@pytest.mark.parametrize("learning", ["hebbian", "pseudo_inverse", "storkey"])
@pytest.mark.parametrize("zero_diagonal", [True, False])
def test_couplings_follow(rng, learning, zero_diagonal):
    m = rng.choice([-1.0, 1.0], size=(9, 30))
    memory = ClassicalHopfield(m[:6], learning, zero_diagonal=zero_diagonal)
    for changed, now in ((memory.with_patterns(m[6:]), m), (memory.without([2]), m[[0, 1, 3, 4, 5]])):
        whole = ClassicalHopfield(now, learning, zero_diagonal=zero_diagonal)
        np.testing.assert_allclose(changed.couplings, whole.couplings, atol=1e-14)
        np.testing.assert_array_equal(changed.memories, whole.memories)
    with pytest.raises(ValueError, match=r"\+1 and -1 only"):
        memory.with_patterns(m[6] / 2)


def test_pairs_come_and_go_together(rng):
    a, b = rng.choice([-1.0, 1.0], size=(5, 12)), rng.choice([-1.0, 1.0], size=(5, 8))
    memory = BidirectionalMemory(a[:4], b[:4]).with_patterns(a[4], b[4])
    np.testing.assert_array_equal(memory.recall(a[:5]), BidirectionalMemory(a, b).recall(a))
    np.testing.assert_array_equal(memory.without([4]).memories, a[:4])


def test_a_sparse_distributed_memory_writes_and_takes_back(rng):
    x = rng.choice([-1.0, 1.0], size=(6, 64))
    empty = SparseDistributedMemory.random(500, 64, fraction=0.05, seed=1)
    memory = empty.with_patterns(x)
    np.testing.assert_array_equal(memory.counters, empty.write(x).counters)
    less = memory.without([0, 3])
    np.testing.assert_array_equal(less.counters, empty.write(x[[1, 2, 4, 5]]).counters)
    np.testing.assert_array_equal(less.written, x[[1, 2, 4, 5]])
    nothing = memory.without(range(6))
    assert nothing.written is None
    assert not nothing.counters.any()
    with pytest.raises(TypeError, match="did not record data"):
        empty.without([0])
