"""Modern Hopfield networks: known fixed points, the attention rule, and the energy of Ramsauer et al."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from helpers import to_library, to_numpy
from hopfield.dynamics import Euler, Relaxation, Scipy, simulate
from hopfield.models import ModernHopfield, UniversalHopfield


def attention(query, memories, beta, values=None):
    """softmax(beta M q) against the values, in NumPy and float64."""
    scores = beta * query.astype(float) @ memories.astype(float).T
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ (memories if values is None else values).astype(float)


def opposite(gain, width=7):
    """Two opposite patterns +-x0 with beta |x0|^2 = gain; the fixed points are a x0 with a = tanh(gain a)."""
    x0 = np.random.default_rng(0).normal(size=width)
    x0 = x0 / np.linalg.norm(x0) * 1.7
    return ModernHopfield(np.stack([x0, -x0]), beta=gain / 1.7**2), x0


def test_two_opposite_patterns_are_recalled_at_the_known_distance(library):
    memory, x0 = opposite(2.0)
    noise = 0.1 * np.random.default_rng(1).normal(size=7)
    found = memory.to(library).retrieve(to_library(x0 + noise, library), max_steps=500, tol=1e-13)
    np.testing.assert_allclose(to_numpy(found.state), 0.957504024077 * x0, rtol=0, atol=1e-10)
    assert bool(found.converged)
    assert found.pattern == 0


@pytest.mark.parametrize("gain", [1.1, 2.0, 5.0])
def test_fixed_points_of_two_opposite_patterns(gain):
    memory, x0 = opposite(gain)
    a = brentq(lambda s: s - math.tanh(gain * s), 1e-3, 1.0, xtol=1e-15)
    for sign in (1, -1):
        state = memory.retrieve(0.4 * sign * x0, max_steps=5000, tol=1e-14).state
        np.testing.assert_allclose(state, sign * a * x0, atol=1e-10)
    np.testing.assert_allclose(memory.retrieve(0.0 * x0).state, 0.0, atol=1e-15)  # the saddle between them


@pytest.mark.parametrize("gain", [0.3, 0.9])
def test_below_the_fold_nothing_but_zero_is_fixed(gain, rng):
    memory, _ = opposite(gain)
    found = memory.retrieve(3 * rng.normal(size=(20, 7)), max_steps=2000, tol=1e-14)
    assert found.converged.all()
    np.testing.assert_allclose(found.state, 0.0, atol=1e-11)


def test_recall_is_attention(library, dtype, rng):
    memories, values = rng.normal(size=(5, 4)).astype(dtype), rng.normal(size=(5, 2)).astype(dtype)
    query = rng.normal(size=(2, 3, 4)).astype(dtype)
    memory = ModernHopfield(to_library(memories, library), beta=1.5)
    hetero = ModernHopfield(to_library(memories, library), beta=1.5, projection=to_library(values, library))
    tolerance = 50 * np.finfo(dtype).eps
    found = memory.recall(to_library(query, library))
    assert to_numpy(found).dtype == dtype
    np.testing.assert_allclose(to_numpy(found), attention(query, memories, 1.5), atol=tolerance)
    found = hetero.recall(to_library(query, library))
    np.testing.assert_allclose(to_numpy(found), attention(query, memories, 1.5, values), atol=tolerance)


def test_retrieve_iterates_attention(rng):
    memories, query = rng.normal(size=(5, 4)), rng.normal(size=(3, 4))
    for steps in (1, 2, 7):
        expected = query
        for _ in range(steps):
            expected = attention(expected, memories, 0.8)
        found = ModernHopfield(memories, beta=0.8).retrieve(query, max_steps=steps, tol=1e-300)
        np.testing.assert_allclose(found.state, expected, rtol=1e-12)
        np.testing.assert_array_equal(found.steps, steps)


def test_the_adiabatic_energy_is_the_one_of_the_paper(library, dtype, rng):
    memories, v = rng.normal(size=(5, 4)).astype(dtype), rng.normal(size=(3, 4)).astype(dtype)
    bias = rng.normal(size=4).astype(dtype)
    for current in (None, bias):
        memory = ModernHopfield(
            to_library(memories, library),
            beta=2.0,
            tau_memory=0.0,
            bias=0.0 if current is None else to_library(current, library),
        )
        energy = to_numpy(memory.network.energy({"value": to_library(v, library)}))
        exact = v.astype(float)
        expected = (exact**2).sum(-1) / 2 - np.log(np.exp(2.0 * exact @ memories.astype(float).T).sum(-1)) / 2.0
        if current is not None:
            expected = expected - exact @ current.astype(float)
        np.testing.assert_allclose(energy, expected, atol=100 * np.finfo(dtype).eps)


def test_the_energy_with_memory_neurons_in_equilibrium_is_the_adiabatic_one(rng):
    memory = ModernHopfield(rng.normal(size=(5, 4)), beta=2.0, tau_memory=0.3, bias=rng.normal(size=4))
    states = memory.start(rng.normal(size=(3, 4)))
    adiabatic = memory.adiabatic().network.energy({"value": states["value"]})
    np.testing.assert_allclose(memory.network.energy(states), adiabatic, rtol=1e-13)
    away = {**states, "memory": states["memory"] + rng.normal(size=(3, 5))}
    assert (memory.network.energy(away) > adiabatic).all()  # it is the minimum over the memory neurons


def test_energy_falls_at_the_squared_speed_in_the_adiabatic_limit(rng):
    memory = ModernHopfield(rng.normal(size=(5, 4)), beta=2.0, tau_memory=0.0, tau_value=1.7)
    states = {"value": rng.normal(size=(20, 4))}
    speed = memory.network.velocity(states)["value"]
    rate = memory.network.energy_rate(states)
    np.testing.assert_allclose(rate, -1.7 * (speed**2).sum(-1), rtol=1e-12)
    step = 1e-6
    ahead, behind = (memory.network.energy({"value": states["value"] + s * step * speed}) for s in (1, -1))
    np.testing.assert_allclose((ahead - behind) / (2 * step), rate, rtol=1e-7, atol=1e-9)


@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # steps of any length
@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_an_euler_step_lowers_the_energy_by_what_is_promised(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    h = data.draw(st.floats(1e-3, 2.0))
    beta = 10 ** data.draw(st.floats(-2, 2))
    memory = ModernHopfield(rng.normal(size=(6, 5)), beta=beta, tau_memory=0.0)
    v = {"value": 10 ** data.draw(st.floats(-2, 1)) * rng.normal(size=(8, 5))}
    before, force = memory.network.energy(v), memory.network.velocity(v)["value"]
    after = simulate(memory, v, t1=h, integrator=Euler(h)).energy[-1]
    slack = 1e-14 * memory.network.energy_scale(v)
    assert (after <= before - h * (1 - h / 2) * (force**2).sum(-1) + slack).all()


def test_an_euler_step_beyond_two_can_raise_the_energy():
    memory, x0 = opposite(0.5)  # at right angles to the patterns x' = -x: each step multiplies by 1 - 3
    run = simulate(memory.adiabatic(), 2 * x0 + 0.1, t1=30.0, integrator=Euler(3.0))
    assert (np.diff(run.energy) > 0).any()
    assert run.energy[-1] > run.energy[0]


def test_the_adiabatic_limit_is_approached(rng):
    memory = ModernHopfield(rng.normal(size=(4, 3)), beta=1.0, tau_memory=0.0)
    query = rng.normal(size=3)
    accurate = Scipy("LSODA", rtol=1e-10, atol=1e-12)
    limit = simulate(memory, query, t1=2.0, integrator=accurate, save_at=[2.0]).final["value"]
    gaps = []
    for tau in (0.1, 0.01, 0.001):
        near = ModernHopfield(memory.memories, beta=1.0, tau_memory=tau)
        final = simulate(near, query, t1=2.0, integrator=accurate, save_at=[2.0]).final["value"]
        gaps.append(np.abs(final - limit).max())
    np.testing.assert_allclose(np.log10(np.array(gaps[:-1]) / gaps[1:]), 1.0, atol=0.15)  # of first order in tau


@pytest.mark.parametrize(
    ("library", "dtype"),
    [
        ("numpy", "float64"),
        ("numpy", "float32"),
        ("torch", "float32"),
        pytest.param("jax", "float32", marks=pytest.mark.slow),
    ],
)
def test_large_beta_is_finite_and_picks_the_best_match(library, dtype, rng):
    pytest.importorskip(library)
    memories = rng.choice([-1.0, 1.0], size=(5, 40)).astype(dtype)
    memory = ModernHopfield(to_library(memories, library), beta=1e5)
    query = memories[2].copy()
    query[:8] *= -1
    np.testing.assert_array_equal(to_numpy(memory.recall(to_library(query, library))), memories[2])
    assert np.isfinite(to_numpy(memory.network.energy(memory.start(to_library(query, library))))).all()


def test_orthogonal_patterns_are_kept_apart(rng):
    memories = 2.0 * np.linalg.qr(rng.normal(size=(9, 9)))[0][:5]
    memory = ModernHopfield(memories, beta=8.0)
    found = memory.retrieve(memories + 0.3 * rng.normal(size=(5, 9)))
    np.testing.assert_array_equal(found.pattern, np.arange(5))
    assert np.abs(found.state - memories).max() < 1e-6
    assert found.converged.all()


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_same_memory_as_a_universal_network(library, rng):
    pytest.importorskip(library)
    memories, query = rng.normal(size=(5, 4)), rng.normal(size=(3, 4))
    options = {"beta": 1.3, "tau_value": 2.0, "tau_memory": 0.4, "bias": to_library(rng.normal(size=4), library)}
    modern = ModernHopfield(to_library(memories, library), **options)
    universal = UniversalHopfield(to_library(memories, library), "dot", "softmax", **options)
    query = to_library(query, library)
    assert repr(modern.network) == repr(universal.network)  # one program runs both
    np.testing.assert_array_equal(to_numpy(modern.recall(query)), to_numpy(universal.recall(query)))
    runs = [simulate(memory, query, t1=0.4, integrator=Relaxation(0.2), save="all") for memory in (modern, universal)]
    for name in ("value", "memory"):
        np.testing.assert_array_equal(to_numpy(runs[0].states[name]), to_numpy(runs[1].states[name]))
    np.testing.assert_array_equal(to_numpy(runs[0].energy), to_numpy(runs[1].energy))


def test_retrieval_of_the_same_memory_as_a_universal_network(rng):
    memories, query = rng.normal(size=(5, 4)), rng.normal(size=(3, 4))
    first, second = (memory.retrieve(query) for memory in (ModernHopfield(memories), UniversalHopfield(memories)))
    np.testing.assert_array_equal(first.state, second.state)
    np.testing.assert_array_equal(first.steps, second.steps)
    np.testing.assert_array_equal(first.energy, second.energy)


def test_repr_names_the_rule():
    text = repr(ModernHopfield(np.eye(3, 4), beta=2.5, tau_memory=0.0))
    assert text == (
        "ModernHopfield(3 patterns of 4; z = P^T sep(sim(M, q)): sim=dot, sep=softmax; beta=2.5; P = M; "
        "leak=1, tau_value=1, tau_memory=0; numpy float64)"
    )
    assert "P (3, 2)" in repr(ModernHopfield(np.eye(3), projection=np.ones((3, 2))))
