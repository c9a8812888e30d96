"""The continuous sparse distributed memory: attention by cosine, and what circles of locations have to do with it."""

import numpy as np
import pytest

from helpers import epsilon, to_library, to_numpy
from hopfield.analysis import assert_energy_decreases, check_lyapunov
from hopfield.dynamics import Relaxation, simulate
from hopfield.models import ContinuousSDM, ModernHopfield, SparseDistributedMemory, UniversalHopfield
from hopfield.models._storage import Stored
from hopfield.models.circles import beta_from_radius, circle_intersection


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_it_is_a_heteroassociative_modern_network_of_unit_vectors(library, dtype, rng):
    addresses, patterns = rng.normal(size=(6, 5)).astype(dtype), rng.normal(size=(6, 3)).astype(dtype)
    query = rng.normal(size=(2, 4, 5)).astype(dtype)
    memory = ContinuousSDM(to_library(addresses, library), to_library(patterns, library), beta=7.0)
    modern = ModernHopfield(to_library(unit(addresses), library), beta=7.0, projection=to_library(patterns, library))
    found = to_numpy(memory.recall(to_library(query, library)))
    expected = to_numpy(modern.recall(to_library(unit(query), library)))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=200 * epsilon(dtype))
    np.testing.assert_array_equal(to_numpy(memory.addresses), addresses)
    np.testing.assert_array_equal(to_numpy(memory.projection), patterns)
    with pytest.warns(FutureWarning, match="read .projection for that"):
        np.testing.assert_array_equal(to_numpy(memory.patterns), addresses)


def test_the_length_of_a_query_does_not_matter(rng):
    memory, query = ContinuousSDM(rng.normal(size=(6, 5))), rng.normal(size=(4, 5))
    np.testing.assert_allclose(memory.recall(3.7 * query), memory.recall(query), rtol=1e-13)
    np.testing.assert_array_equal(memory.patterns, memory.addresses)


def test_it_is_the_universal_network_of_cosine_and_softmax(rng):
    addresses, query = rng.normal(size=(6, 5)), rng.normal(size=(4, 5))
    memory, universal = ContinuousSDM(addresses, beta=4.0), UniversalHopfield(addresses, "cosine", beta=4.0)
    np.testing.assert_array_equal(memory.recall(query), universal.recall(query))
    first, second = memory.retrieve(query), universal.retrieve(query)
    np.testing.assert_array_equal(first.state, second.state)
    np.testing.assert_array_equal(first.energy, second.energy)


def test_the_energy_falls_with_and_without_patterns(rng):
    addresses, query = rng.normal(size=(6, 5)), rng.normal(size=(8, 5))
    for patterns in (None, rng.normal(size=(6, 3))):
        memory = ContinuousSDM(addresses, patterns, beta=6.0)
        assert list(memory.network.populations) == (
            ["value", "memory"] if patterns is None else ["value", "output", "memory"]
        )
        for method in (Relaxation(0.1), Relaxation(float("inf"))):
            run = simulate(memory, query, t1=10.0, integrator=method, save="all")
            assert_energy_decreases(run)
        assert check_lyapunov(memory, query).holds
    adiabatic = memory.adiabatic().network
    v, z = rng.normal(size=5), rng.normal(size=3)
    scores = 6.0 * (unit(addresses) @ unit(v) + patterns @ z)
    expected = z @ z / 2 - np.log(np.exp(scores).sum()) / 6.0
    assert adiabatic.energy({"value": v, "output": z}) == pytest.approx(expected, rel=1e-13)


def test_the_first_pass_from_nothing_is_the_rule(rng):
    addresses, patterns, query = rng.normal(size=(6, 5)), rng.normal(size=(6, 3)), rng.normal(size=(4, 5))
    memory = ContinuousSDM(addresses, patterns, beta=6.0)
    run = simulate(memory, query, t1=1, integrator=Relaxation(float("inf")))
    np.testing.assert_allclose(run.states["output"][-1], memory.recall(query), rtol=1e-12)


def test_its_weights_stand_for_the_locations_that_circles_share():
    n, radius, count = 64, 11, 8
    rng = np.random.default_rng(5)
    target = rng.choice([-1.0, 1.0], size=n)
    distances = np.array([2, 4, 6, 8, 10, 10, 9, 7])
    addresses = np.stack([target * np.where(rng.permutation(n) < d, -1, 1) for d in distances])
    memory = ContinuousSDM.from_radius(radius, addresses, np.eye(count))
    assert memory.beta == pytest.approx(beta_from_radius(n, radius))
    shared = circle_intersection(n, radius, distances)
    gap = np.log(memory.recall(target)) - np.log(shared / shared.sum())
    assert np.abs(gap).max() < 0.6  # of weights that lie a factor of 30 apart
    assert shared.max() / shared.min() > 30
    # And circles share the locations that a discrete memory counts.
    discrete = SparseDistributedMemory.random(200_000, n, radius=22, seed=1, dtype="float32")
    at, near = discrete.activated(target.astype("float32")), discrete.activated(addresses.astype("float32"))
    counted = near @ at / 200_000
    np.testing.assert_allclose(counted, circle_intersection(n, 22, distances), rtol=0.15)


def test_files_and_repr(library, rng, tmp_path):
    memory = ContinuousSDM(rng.normal(size=(6, 5)), rng.normal(size=(6, 3)), beta=9.0, tau_memory=0.0)
    moved = memory.to(library)
    again = Stored.load(moved.save(tmp_path / "memory"))
    assert isinstance(again, ContinuousSDM)
    assert repr(again) == repr(memory)
    assert "sim=cosine, sep=softmax" in repr(memory)
    query = rng.normal(size=5)
    np.testing.assert_allclose(to_numpy(moved.recall(to_library(query, library))), again.recall(query), rtol=1e-12)


def test_what_does_not_fit_is_refused(rng):
    with pytest.raises(ValueError, match="projection has 5 rows"):
        ContinuousSDM(rng.normal(size=(6, 5)), rng.normal(size=(5, 3)))
    with pytest.raises(ValueError, match="beta must be > 0"):
        ContinuousSDM(rng.normal(size=(6, 5)), beta=0.0)
