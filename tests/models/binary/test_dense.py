"""Dense memories: energies, flips as published, capacity, equivalences, graded neurons."""

import math
from dataclasses import replace

import numpy as np
import pytest

from helpers import epsilon, few, to_library, to_numpy
from hopfield import check_lyapunov, simulate
from hopfield.models import (
    AssociativeMemory,
    ClassicalHopfield,
    DenseAssociativeMemory,
    ExponentialMemory,
    ModernHopfield,
    UniversalHopfield,
)


def patterns(rng, rows, width, dtype="float64"):
    return rng.choice([-1.0, 1.0], size=(rows, width)).astype(dtype)


KINDS = {
    "n=2": lambda M, **o: DenseAssociativeMemory(M, 2, **o),
    "n=3": lambda M, **o: DenseAssociativeMemory(M, 3, **o),
    "n=4": lambda M, **o: DenseAssociativeMemory(M, 4, **o),
    "rectified n=3": lambda M, **o: DenseAssociativeMemory(M, 3, rectified=True, **o),
    "exponential": lambda M, **o: ExponentialMemory(M, **o),
}


def interaction(name, x, width):
    """F of one overlap, up to the scale of the energy."""
    match name:
        case "exponential":
            return np.exp(x)
        case "rectified n=3":
            return np.maximum(x, 0.0) ** 3
    return x ** int(name[-1])


def written_energy(name, M, s, bias):
    width = M.shape[1]
    total = interaction(name, s @ M.T, width).sum(-1)
    if name == "exponential":
        return -np.log(total) - s @ bias
    n = int(name[-1])
    return -total * width / (n * float(width) ** n) - s @ bias


# ------------------------------------------------------------------------------------------------ energy


@pytest.mark.parametrize("name", KINDS)
def test_the_energy_and_what_a_flip_changes(name, library, dtype, rng):
    M, s = patterns(rng, 6, 10, dtype), patterns(rng, 5, 10, dtype)
    bias = rng.normal(size=10).astype(dtype)
    memory = KINDS[name](to_library(M, library), bias=to_library(bias, library))
    wide = [x.astype(float) for x in (M, s, bias)]
    energy = to_numpy(memory.energy(to_library(s, library)))
    assert energy.dtype == dtype
    bound = 200 * epsilon(dtype)
    np.testing.assert_allclose(energy, written_energy(name, *wide), atol=bound)
    change = to_numpy(memory.energy_change(to_library(s, library)))
    flipped = np.where(np.eye(10, dtype=bool), -wide[1][:, None, :], wide[1][:, None, :])
    expected = written_energy(name, wide[0], flipped, wide[2]) - written_energy(name, *wide)[:, None]
    np.testing.assert_allclose(change, expected, atol=2 * bound)
    stability = to_numpy(memory.stability(to_library(s, library)))
    np.testing.assert_allclose(stability, expected / 2, atol=2 * bound)


@pytest.mark.parametrize("name", KINDS)
def test_flips_are_those_of_the_published_rule(name, rng):
    """s_i <- sign(sum_mu F(xi_i + rest_mu) - F(-xi_i + rest_mu)), rest_mu = sum over j != i (Krotov & Hopfield)."""
    width = 16
    M, queries = patterns(rng, 9, width), patterns(rng, 12, width)
    memory = KINDS[name](M)
    found = memory.retrieve(queries, order="cyclic", max_steps=1)
    for k, query in enumerate(queries):
        s = query.copy()
        for i in range(width):
            rest = M @ s - M[:, i] * s[i]
            terms = [interaction(name, rest + M[:, i], width), -interaction(name, rest - M[:, i], width)]
            field = math.fsum(np.concatenate(terms))
            if abs(field) > 1e-12 * np.abs(terms).sum():
                s[i] = np.sign(field)
        np.testing.assert_array_equal(found.state[k], s)


@pytest.mark.parametrize("name", KINDS)
def test_the_energy_falls_with_every_sweep(name, rng):
    memory = KINDS[name](patterns(rng, 30, 40))
    found = memory.retrieve(patterns(rng, 50, 40))
    assert found.converged.all()
    slack = 1e-12 * np.abs(found.energies).max()
    assert (np.diff(found.energies, axis=0) <= slack).all()
    assert (found.energies[-1] < found.energies[0] - slack)[found.flips > 0].all()
    np.testing.assert_allclose(found.energy, found.energies[-1], rtol=1e-12)


# ------------------------------------------------------------------------------------------- equivalences


def test_degree_two_is_the_classical_network(rng):
    M, queries = patterns(rng, 12, 60), patterns(rng, 20, 60)
    dense = DenseAssociativeMemory(M, 2)
    kept, removed = (ClassicalHopfield(M, zero_diagonal=z) for z in (False, True))
    np.testing.assert_allclose(dense.energy(queries), kept.energy(queries), rtol=1e-12)
    np.testing.assert_allclose(dense.energy(queries), removed.energy(queries) - 12 / 2, rtol=1e-12)
    a, b = dense.retrieve(queries, seed=1), removed.retrieve(queries, seed=1)
    np.testing.assert_array_equal(a.state, b.state)
    np.testing.assert_array_equal(a.flips, b.flips)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_dense_memory_is_the_universal_network_with_a_power_of_one_less(n, library, rng):
    M, q = patterns(rng, 6, 20), rng.uniform(-1, 1, size=(4, 20))
    dense = DenseAssociativeMemory(to_library(M, library), n)
    with pytest.warns(UserWarning, match=r"no lower bound|not convex"):
        universal = UniversalHopfield(to_library(M, library), "dot", f"polynomial({n - 1})", beta=1 / 20)
    found = to_numpy(dense.recall(to_library(q, library)))
    np.testing.assert_allclose(found, to_numpy(universal.recall(to_library(q, library))), rtol=1e-12)
    np.testing.assert_allclose(found, ((q @ M.T / 20) ** (n - 1)) @ M, rtol=1e-12)


def test_exponential_memory_weighs_as_the_modern_network(rng):
    M, q = patterns(rng, 6, 20), rng.uniform(-1, 1, size=(4, 20))
    np.testing.assert_allclose(ExponentialMemory(M, 0.7).recall(q), ModernHopfield(M, 0.7).recall(q), rtol=1e-13)
    weights = np.exp(0.7 * q @ M.T)
    np.testing.assert_allclose(ExponentialMemory(M, 0.7).weights(q), weights / weights.sum(-1, keepdims=True))


# ------------------------------------------------------------------------------------------------ capacity


def bit_error(n, width, stored, rng, states):
    """The share of neurons that a stored pattern does not hold, over some stored patterns."""
    M = patterns(rng, stored, width)
    memory = DenseAssociativeMemory(M, n)
    return float((memory.stability(M[:states]) < 0).mean())


def critical_load(n, width, target, rng, bits):
    """The number of patterns at which the bit error is `target`: bisection in log K, errors pooled over draws."""
    low, high = 2.0, float(width**n)
    for _ in range(9):
        stored = math.sqrt(low * high)
        states = min(int(stored), 200)
        draws = max(1, round(bits / (states * width)))
        error = np.mean([bit_error(n, width, max(2, round(stored)), rng, states) for _ in range(draws)])
        low, high = (stored, high) if error < target else (low, stored)
    return math.sqrt(low * high)


@pytest.mark.slow
@pytest.mark.parametrize(("d", "widths"), [(1, (100, 200, 400, 800)), (2, (30, 50, 80, 130)), (3, (20, 30, 45, 65))])
def test_capacity_grows_with_the_degree_of_the_separation(d, widths):
    """K at which 2 % of the bits fail grows as I^d, d = n - 1 (for large I; measured between small ones)."""
    rng = np.random.default_rng(0)
    loads = [critical_load(d + 1, width, 0.02, rng, 40_000) for width in widths]
    slope = np.polyfit(np.log(widths), np.log(loads), 1)[0]
    assert slope == pytest.approx(d, abs=0.2)


@pytest.mark.parametrize(("n", "load"), [(3, 3.0), (4, 12.0)])
def test_more_patterns_than_neurons_are_recalled(n, load, rng):
    width = 100
    M = patterns(rng, int(load * width), width)
    cues = M[:40] * rng.choice([1.0, -1.0], p=[0.9, 0.1], size=(40, width))
    recalled = (DenseAssociativeMemory(M, n).retrieve(cues).state == M[:40]).all(-1).mean()
    assert recalled >= 0.9
    classical = (ClassicalHopfield(M).retrieve(cues).state == M[:40]).all(-1).mean()
    assert classical == 0


def test_a_rectified_memory_does_not_store_the_reverse(rng):
    M = patterns(rng, 5, 40)
    both, one = DenseAssociativeMemory(M, 4), DenseAssociativeMemory(M, 4, rectified=True)
    np.testing.assert_array_equal(both.retrieve(-M).state, -M)
    assert (one.retrieve(-M).state != -M).any(axis=-1).all()
    np.testing.assert_array_equal(one.retrieve(M).state, M)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_exponential_memory_does_not_overflow(dtype, rng):
    """e^1000 is infinite; the flips and the energy do not need it."""
    M = patterns(rng, 50, 1000, dtype)
    memory = ExponentialMemory(M)
    cues = M * rng.choice([1.0, -1.0], p=[0.7, 0.3], size=M.shape).astype(dtype)
    found = memory.retrieve(cues)
    np.testing.assert_array_equal(found.state, M)
    assert found.state.dtype == dtype
    np.testing.assert_allclose(found.energy, -1000, rtol=1e-6)
    assert np.isfinite(found.energies).all()
    assert np.isfinite(memory.energy_change(cues)).all()


@pytest.mark.parametrize(("library", "dtype"), [("numpy", "float64"), ("torch", "float32"), ("jax", "float32")])
def test_a_steep_exponential_memory(library, dtype, rng):
    """For e^(-4 beta) = 0 in the dtype: two patterns that differ in 3 sites, and a state between them."""
    pytest.importorskip(library)
    M = patterns(rng, 3, 12, dtype)
    M[1] = np.where(np.arange(12) < 3, -M[0], M[0])
    s = np.where(np.arange(12) < 1, -M[0], M[0])
    beta = {"float64": 300.0, "float32": 40.0}[dtype]
    memory = ExponentialMemory(to_library(M, library), beta)
    assert memory.spins.steep
    change = to_numpy(memory.energy_change(to_library(s, library)))
    # E = -(the largest overlap): 10 here, 12 with site 0 back, 10 still with site 1 or 2 flipped, else 8.
    np.testing.assert_allclose(change, np.repeat([-2.0, 0.0, 2.0], [1, 2, 9]), atol=0.1)
    found = memory.retrieve(to_library(s, library))
    np.testing.assert_array_equal(to_numpy(found.state), M[0])
    mild = ExponentialMemory(M, 1.0)
    slow = replace(mild.spins, steep=True)
    direct, product = slow.costs(M, slow.cache(M)), mild.energy_change(M)
    np.testing.assert_allclose(direct, product, atol=1e3 * epsilon(dtype))


# ------------------------------------------------------------------------------------------ graded neurons


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("tau_memory", few([0.0, 0.1], [0.1]))
def test_graded_neurons_recall_and_their_energy_falls(name, tau_memory, rng):
    M = patterns(rng, 4, 50)
    if name == "n=3" and tau_memory > 0:
        with pytest.warns(UserWarning, match="not convex"):
            memory = KINDS[name](M, tau_memory=tau_memory)
    else:
        memory = KINDS[name](M, tau_memory=tau_memory)
    cues = M * np.where(np.arange(50) % 10 == 0, -1.0, 1.0)
    run = simulate(memory, cues, t1=30.0)
    np.testing.assert_allclose(run.activations["value"][0], 0.99 * cues, rtol=1e-12)
    final = run.activations["value"][-1]
    np.testing.assert_array_equal(np.sign(final), M)
    assert (np.abs(final) > 0.98).all()
    report = check_lyapunov(memory, run)
    assert report.holds, str(report)


@pytest.mark.parametrize("name", KINDS)
def test_steep_graded_neurons_have_the_energy_of_binary_ones(name, rng):
    M = patterns(rng, 3, 20)
    memory = KINDS[name](M, gain=400.0)
    energy = memory.network.energy({"value": 3 * M})
    np.testing.assert_allclose(energy, memory.energy(M), atol=20 * math.log(2) / 400 + 1e-9)


def test_a_projection_gives_the_output(rng):
    M, P = patterns(rng, 5, 30), rng.normal(size=(5, 3))
    cues = M * np.where(np.arange(30) < 3, -1.0, 1.0)
    found = ExponentialMemory(M, projection=P).retrieve(cues)
    np.testing.assert_allclose(found.output, P, atol=1e-3)
    assert DenseAssociativeMemory(M).retrieve(cues).output is None


# ------------------------------------------------------------------------------------------------- keeping


@pytest.mark.parametrize("name", KINDS)
def test_what_is_saved_comes_back(name, dtype, rng, tmp_path):
    M = patterns(rng, 5, 16, dtype)
    memory = KINDS[name](M, gain=3.0, tau_value=2.0, bias=0.1 * rng.normal(size=16).astype(dtype))
    back = AssociativeMemory.load(memory.save(tmp_path / "dense"))
    assert type(back) is type(memory)
    assert repr(back) == repr(memory)
    cues = patterns(rng, 8, 16, dtype)
    np.testing.assert_array_equal(back.retrieve(cues).state, memory.retrieve(cues).state)
    np.testing.assert_array_equal(back.recall(cues), memory.recall(cues))
    moved = memory.to("numpy", dtype="float32")
    assert moved.recall(cues.astype("float32")).dtype == np.float32
    assert moved.retrieve(cues.astype("float32")).state.dtype == np.float32


def test_lists_are_patterns_too():
    memory = DenseAssociativeMemory([[1, 1, -1, 1], [1, -1, 1, 1]])
    assert memory.beta == 0.25
    np.testing.assert_array_equal(memory.retrieve([1, 1, -1, -1]).state, [1, 1, -1, 1])


def test_repr_names_the_rule(rng):
    M = patterns(rng, 3, 8)
    text = repr(DenseAssociativeMemory(M, 3))
    assert "sep=polynomial(2); beta=0.125" in text
    assert text.endswith("E(s) = -sum F(beta xi.s)/(n beta), F(x) = x^3, separation x^2)")
    assert "F(x) = max(x, 0)^4" in repr(DenseAssociativeMemory(M, 4, rectified=True))
    assert "E(s) = -log(sum exp(beta xi.s))/beta" in repr(ExponentialMemory(M))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda M: DenseAssociativeMemory(M, 1), r"n must be a whole number >= 2, got 1: it is the degree of F"),
        (lambda M: DenseAssociativeMemory((M + 1) / 2), r"They are 0 and 1 here: write 2 \* patterns - 1"),
        (lambda M: ExponentialMemory(0.5 * M), r"patterns must hold \+1 and -1 only"),
        (lambda M: ExponentialMemory(M, 0.0), "beta must be > 0"),
        (lambda M: DenseAssociativeMemory(M, gain=-1), "gain must be > 0"),
        (lambda M: DenseAssociativeMemory(M).recall(2 * M), r"must lie in \[-1, 1\]"),
        (lambda M: DenseAssociativeMemory(np.ones(3)), "must be a matrix with one pattern in a row"),
    ],
)
def test_clear_errors(make, message, rng):
    with pytest.raises(ValueError, match=message):
        make(patterns(rng, 3, 8))
