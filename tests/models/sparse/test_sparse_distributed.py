"""Kanerva's memory: which locations are active, what is read, and how far off a cue may be."""

import math
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import IN_EACH, to_library, to_numpy
from hopfield import simulate
from hopfield.models import SparseDistributedMemory, UniversalHopfield
from hopfield.models.circles import circle_fraction, circle_intersection, critical_distance, distance_after_read

DESIGNS: dict[str, dict[str, Any]] = {"radius": {"radius": 12}, "top_k": {"k": 9}, "selected": {"k": 5}}


def random_bits(rng, *shape):
    return rng.choice([-1.0, 1.0], size=shape)


def flipped(patterns, count, rng):
    """Each row with `count` of its bits turned."""
    order = rng.permuted(np.tile(np.arange(patterns.shape[1]), (len(patterns), 1)), axis=1)
    return np.where(order < count, -patterns, patterns)


@pytest.mark.parametrize("design", DESIGNS)
def test_activation_is_what_the_design_says(design, rng):
    memory = SparseDistributedMemory.random(300, 32, design=design, seed=3, **DESIGNS[design])
    address = random_bits(rng, 20, 32)
    active = memory.activated(address)
    for row, found in zip(address, active, strict=True):
        distance = (memory.locations != row).sum(-1)
        if design == "radius":
            expected = distance <= 12  # the circle has its rim
            assert (distance == 12).any()
        elif design == "top_k":
            expected = np.isin(np.arange(300), np.argsort(distance, kind="stable")[:9])
        else:
            looked_at = memory.locations != 0
            assert (looked_at.sum(-1) == 5).all()
            expected = ((memory.locations == row) | ~looked_at).all(-1)
        np.testing.assert_array_equal(found, expected)


def test_activation_counts_are_binomial(rng):
    size, n = 4000, 64
    memory = SparseDistributedMemory.random(size, n, radius=24, seed=0)
    counts = memory.activated(random_bits(rng, 400, n)).sum(-1)
    p = circle_fraction(n, 24)
    # One set of locations serves all addresses, so the mean over addresses keeps some spread of its own.
    assert counts.mean() == pytest.approx(size * p, rel=0.05)
    both = memory.activated(memory.locations[:300])
    assert (both[np.arange(300), np.arange(300)] == 1).all()
    at = np.ones((1, n))
    shared = []
    for seed in range(60):
        other = SparseDistributedMemory.random(size, n, radius=24, seed=seed)
        shared.append((other.activated(at) * other.activated(np.where(np.arange(n) < 10, -1.0, 1.0)[None])).sum())
    expected = size * circle_intersection(n, 24, 10)
    assert np.mean(shared) == pytest.approx(expected, abs=4 * math.sqrt(expected / 60))


def test_selected_coordinates_share_locations_hypergeometrically():
    n, k, d, size = 40, 4, 10, 20000
    memory = SparseDistributedMemory.random(size, n, design="selected", k=k, seed=1)
    first = memory.activated(np.ones(n))
    second = memory.activated(np.where(np.arange(n) < d, -1.0, 1.0))
    p = 2.0**-k
    assert first.mean() == pytest.approx(p, abs=4 * math.sqrt(p / size))
    both = p * math.comb(n - d, k) / math.comb(n, k)
    assert (first * second).mean() == pytest.approx(both, abs=4 * math.sqrt(both / size))


def test_one_pattern_is_read_wherever_a_location_is_shared(rng):
    memory = SparseDistributedMemory.random(500, 48, fraction=0.05, seed=2)
    address, datum = random_bits(rng, 48), random_bits(rng, 48)
    written = memory.write(address, datum)
    active = memory.activated(address)
    np.testing.assert_array_equal(written.counters, np.outer(active, datum))
    np.testing.assert_array_equal(written.read(address), datum)
    np.testing.assert_array_equal(memory.counters, 0.0)  # the memory that was written to is as it was


@given(data=st.data())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_writing_adds_and_takes_back(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    design = data.draw(st.sampled_from(sorted(DESIGNS)))
    memory = SparseDistributedMemory.random(80, 32, data_width=7, design=design, seed=5, **DESIGNS[design])
    addresses, items = random_bits(rng, 6, 32), random_bits(rng, 6, 7)
    at_once = memory.write(addresses, items)
    order = rng.permutation(6)
    one_by_one = memory
    for i in order:
        one_by_one = one_by_one.write(addresses[i], items[i])
    np.testing.assert_array_equal(at_once.counters, one_by_one.counters)
    back = at_once.write(addresses[2:], items[2:], times=-1)
    np.testing.assert_array_equal(back.counters, memory.write(addresses[:2], items[:2]).counters)
    twice = memory.write(addresses, items, times=2)
    np.testing.assert_array_equal(twice.counters, 2 * at_once.counters)


def test_a_pattern_is_retrieved_from_a_noisy_address(rng):
    patterns = random_bits(rng, 30, 128)
    memory = SparseDistributedMemory.random(3000, 128, fraction=0.02, seed=0).write(patterns)
    found = memory.retrieve(flipped(patterns, 12, rng))
    np.testing.assert_array_equal(found.state, patterns)
    np.testing.assert_array_equal(found.pattern, np.arange(30))
    assert found.converged.all()
    assert (found.steps >= 1).all()
    assert (found.residual == 0).all()
    assert np.isnan(found.energy).all()


def test_cues_nearer_than_the_critical_distance_converge_and_farther_ones_do_not():
    n, radius, size, count = 256, 109, 8000, 200
    rng = np.random.default_rng(7)
    patterns = random_bits(rng, count, n).astype("float32")
    memory = SparseDistributedMemory.random(size, n, radius=radius, seed=8, dtype="float32").write(patterns)
    critical = critical_distance(n, radius, size, count)
    assert 40 <= critical <= 60
    reached = {}
    for distance in (critical - 25, critical, critical + 25):
        cue = flipped(patterns, distance, rng)
        once = (memory.read(cue) != patterns).sum(-1).mean()
        assert once == pytest.approx(distance_after_read(n, radius, size, count, distance), rel=0.12)
        state = memory.retrieve(cue, max_steps=12).state
        reached[distance - critical] = float(((state != patterns).sum(-1) <= n // 20).mean())
    assert reached[-25] > 0.9
    assert 0.3 < reached[0] < 0.75
    assert reached[25] < 0.15


def test_sdm_is_a_universal_network_of_hamming_distance_and_threshold(rng):
    patterns = random_bits(rng, 12, 32)
    address = random_bits(rng, 9, 32)
    for design, options in DESIGNS.items():
        memory = SparseDistributedMemory.random(200, 32, design=design, seed=4, **options).write(patterns)
        form = memory.universal()
        assert isinstance(form, UniversalHopfield)
        np.testing.assert_array_equal(form.weights(address), memory.activated(address))
        np.testing.assert_array_equal(form.recall(address), memory.sums(address))


def test_zeros_and_ones_are_the_same_memory(rng):
    patterns, cue = random_bits(rng, 15, 64), random_bits(rng, 6, 64)
    signs = SparseDistributedMemory.random(400, 64, seed=3).write(patterns)
    bits = SparseDistributedMemory.random(400, 64, seed=3, coding="binary").write((patterns + 1) / 2)
    np.testing.assert_array_equal(bits.counters, signs.counters)
    np.testing.assert_array_equal(2 * bits.read((cue + 1) / 2) - 1, signs.read(cue))
    first, second = signs.retrieve(cue, max_steps=5), bits.retrieve((cue + 1) / 2, max_steps=5)
    np.testing.assert_array_equal(first.state, 2 * second.state - 1)
    np.testing.assert_array_equal(first.pattern, second.pattern)


def test_ties_follow_their_rule():
    locations = np.ones((1, 4))
    cue = np.array([1.0, -1.0, 1.0, -1.0])  # too far from the only location
    for ties, expected in (("keep", cue), ("up", np.ones(4)), ("down", -np.ones(4))):
        memory = SparseDistributedMemory(locations, radius=1, ties=ties)
        np.testing.assert_array_equal(memory.read(cue), expected)
    binary = SparseDistributedMemory(locations, radius=1, ties="down", coding="binary")
    np.testing.assert_array_equal(binary.read(np.zeros(4)), np.zeros(4))
    assert SparseDistributedMemory(locations, np.ones((1, 3)), radius=1).ties == "up"


def test_reading_that_goes_round_is_not_converged():
    a = np.array([1.0, 1.0, 1.0, 1.0, -1.0, -1.0])
    memory = SparseDistributedMemory(np.stack([a, -a]), radius=1).write(np.stack([a, -a]), np.stack([-a, a]))
    found = memory.retrieve(np.stack([a, -a]), max_steps=7)
    np.testing.assert_array_equal(found.steps, 7)
    assert not found.converged.any()
    assert (found.residual > 0).all()


def test_batches_are_their_samples_one_by_one(rng):
    patterns = random_bits(rng, 20, 64)
    memory = SparseDistributedMemory.random(600, 64, fraction=0.03, seed=1).write(patterns)
    cues = flipped(patterns, 20, rng)
    together = memory.retrieve(cues.reshape(4, 5, 64), max_steps=6)
    assert together.state.shape == (4, 5, 64)
    for i, cue in enumerate(cues):
        alone = memory.retrieve(cue, max_steps=6)
        for name in ("state", "steps", "converged", "residual", "pattern"):
            whole = getattr(together, name)
            np.testing.assert_array_equal(whole.reshape(20, *whole.shape[2:])[i], getattr(alone, name))


@IN_EACH
def test_libraries_types_and_files_agree(library, dtype, rng, tmp_path):
    patterns = random_bits(rng, 10, 32)
    cues = flipped(patterns, 5, rng)
    memory = SparseDistributedMemory.random(200, 32, fraction=0.05, seed=9).write(patterns)
    expected = memory.retrieve(cues)
    moved = memory.to(library, dtype=dtype)
    found = moved.retrieve(to_library(cues.astype(dtype), library))
    assert to_numpy(found.state).dtype == dtype
    np.testing.assert_array_equal(to_numpy(found.state), expected.state)
    np.testing.assert_array_equal(found.steps, expected.steps)
    np.testing.assert_array_equal(found.pattern, expected.pattern)
    again = SparseDistributedMemory.load(moved.save(tmp_path / "sdm"))
    assert repr(again) == repr(moved.to("numpy"))
    np.testing.assert_array_equal(again.counters, memory.counters)
    np.testing.assert_array_equal(again.retrieve(cues.astype(dtype)).state, expected.state)


def test_the_seed_decides_and_the_record_can_be_left_out(rng):
    patterns = random_bits(rng, 4, 16)
    first, second, other = (SparseDistributedMemory.random(50, 16, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.locations, second.locations)
    assert (first.locations != other.locations).any()
    silent = first.write(patterns, record=False)
    assert silent.written is None
    np.testing.assert_array_equal(silent.retrieve(patterns).pattern, -1)


def test_repr_names_the_rule(rng):
    memory = SparseDistributedMemory.random(50, 16, radius=4, seed=1).write(random_bits(rng, 3, 16))
    assert repr(memory) == (
        "SparseDistributedMemory(50 locations of 16 bits, data of 16; z = sign(C^T y(q)), active where Hamming "
        "distance <= 4; 3 data recorded; coding=bipolar, ties=keep; numpy float64)"
    )
    assert "the 7 nearest" in repr(SparseDistributedMemory.random(50, 16, design="top_k", k=7))
    assert "3 selected coordinates" in repr(SparseDistributedMemory.random(50, 16, design="selected", k=3))


def test_what_does_not_fit_is_refused(rng):
    memory = SparseDistributedMemory.random(50, 16, seed=1)
    with pytest.raises(ValueError, match=r"must hold -1 and 1 only.*first 0\.5"):
        memory.read(np.full(16, 0.5))
    with pytest.raises(ValueError, match=r"shape \(15,\) but must be \(\.\.\., 16\)"):
        memory.read(np.ones(15))
    with pytest.raises(ValueError, match="one datum for each address"):
        memory.write(random_bits(rng, 3, 16), random_bits(rng, 2, 16))
    with pytest.raises(ValueError, match="Did you mean 'radius'"):
        SparseDistributedMemory.random(50, 16, design="radios")
    with pytest.raises(ValueError, match="ties='keep' needs data as wide"):
        SparseDistributedMemory.random(50, 16, data_width=3, ties="keep")
    narrow = SparseDistributedMemory.random(50, 16, data_width=3)
    with pytest.raises(ValueError, match="what is read is no address"):
        narrow.retrieve(np.ones(16))
    with pytest.raises(ValueError, match="say what to write"):
        narrow.write(np.ones(16))
    with pytest.raises(ValueError, match="every coordinate of a location is"):
        SparseDistributedMemory(np.zeros((2, 4)), radius=1)
    with pytest.raises(ValueError, match="looks at k=2 coordinates"):
        SparseDistributedMemory(np.ones((2, 4)), design="selected", k=2)
    with pytest.raises(ValueError, match="locations must be of"):
        SparseDistributedMemory(np.full((2, 4), 0.3), radius=1)
    with pytest.raises(ValueError, match="nearest of 5"):
        SparseDistributedMemory.random(5, 16, design="top_k", k=6)


def called(function):
    """What a function gives, and how often each function of Python is entered meanwhile, by its name."""
    names = []
    sys.setprofile(lambda frame, event, _: names.append(frame.f_code.co_name) if event == "call" else None)
    try:
        found = function()
    finally:
        sys.setprofile(None)
    return found, Counter(names)


def test_a_write_costs_the_bare_work(rng):
    """Nothing is built or checked again but what is written: no more calls for many locations and data than for few."""
    counts = []
    for size, stored in ((50, 1), (2000, 400)):
        memory = SparseDistributedMemory.random(size, 64, fraction=0.1, seed=0).write(random_bits(rng, stored, 64))
        address, datum = random_bits(rng, 64), random_bits(rng, 64)
        written, names = called(lambda m=memory, a=address, d=datum: m.write(a, d))
        expected = memory.counters + np.outer(memory.activated(address), datum)
        np.testing.assert_array_equal(written.counters, expected)
        np.testing.assert_array_equal(written.written, np.vstack([memory.written, datum]))
        assert not {"__post_init__", "__init__", "matrix", "settings"} & set(names)
        assert names["coded"] == 2
        counts.append(names.total())
    assert counts[0] == counts[1] < 400  # of them the doors' are half


def test_a_memory_that_was_written_to_is_as_if_it_were_built(rng, tmp_path):
    memory = SparseDistributedMemory.random(60, 32, data_width=5, radius=13, seed=0)
    written = memory.write(random_bits(rng, 7, 32), random_bits(rng, 7, 5)).write(
        random_bits(rng, 32), np.ones(5), times=3
    )
    built = SparseDistributedMemory(**written.settings())
    again = SparseDistributedMemory.load(written.save(tmp_path / "m"))
    for other in (built, again):
        assert repr(other) == repr(written)
        np.testing.assert_array_equal(other.counters, written.counters)
        np.testing.assert_array_equal(other.written, written.written)
    assert memory.written is None


@pytest.mark.parametrize("times", [1e300, -1e17, float("nan"), float("inf"), 0])
def test_counters_that_could_not_count_are_refused(times, rng):
    memory = SparseDistributedMemory.random(50, 16, seed=0)
    with pytest.raises(ValueError, match="times"):
        memory.write(random_bits(rng, 16), times=times)


def test_a_memory_without_dynamics_says_so(rng):
    memory = SparseDistributedMemory.random(50, 16, seed=0).write(random_bits(rng, 3, 16))
    for ask in (lambda: simulate(memory, np.ones(16), t1=1.0), lambda: memory.network):
        with pytest.raises(TypeError, match=r"SparseDistributedMemory has no dynamics in time"):
            ask()
    assert not hasattr(memory, "network")
