"""Noise: the stationary law is exp(-E/T) where it is said to be, and refused elsewhere."""

import numpy as np
import pytest
from scipy import stats

from helpers import to_library, to_numpy
from hopfield import ModernHopfield, UniversalHopfield
from hopfield.dynamics import Euler, LogCosh, Network, Population, Quadratic, Synapse, simulate


class DoubleWell(Synapse):
    """E = (x^2 - 1)^2/4."""

    between = ("x",)

    def energy(self, *g):
        return ((g[0] ** 2 - 1) ** 2).sum(-1) / 4

    def forces(self, *g):
        return (g[0] - g[0] ** 3,)


def chi_square(samples, energy, temperature):
    """p-value of samples against exp(-E/T), in bins of equal probability."""
    x = np.linspace(-4, 4, 40_001)
    weights = np.exp(-energy(x) / temperature)
    cumulative = np.cumsum(weights) / weights.sum()
    edges = np.interp(np.linspace(0, 1, 13)[1:-1], cumulative, x)
    counts = np.bincount(np.searchsorted(edges, samples), minlength=12)
    return stats.chisquare(counts).pvalue


def test_double_well():
    network = Network({"x": Population(Quadratic(), 1, leak=0.0)}, [DoubleWell()])
    start = {"x": np.tile([[1.0], [-1.0]], (1500, 1))}
    run = simulate(network, start, t1=15.0, temperature=0.2, seed=1, integrator=Euler(0.05), save_at=[15.0])
    assert chi_square(run.states["x"].ravel(), lambda x: (x**2 - 1) ** 2 / 4, 0.2) > 0.01


def test_modern_hopfield_with_two_memories():
    memory = ModernHopfield(np.array([[1.0], [-1.0]]), beta=3.0, tau_memory=0)
    start = np.tile([[1.0], [-1.0]], (1500, 1))
    run = simulate(memory, start, t1=15.0, temperature=0.15, seed=2, integrator=Euler(0.05), save_at=[15.0])
    v = run.states["value"].ravel()
    assert chi_square(v, lambda x: x**2 / 2 - np.log(np.cosh(3 * x)) / 3, 0.15) > 0.01
    assert abs((np.abs(v) < 0.4).mean() - 0.0902) < 3 * np.sqrt(0.09 * 0.91 / v.size)


def test_memory_neurons_of_their_own_pace_would_have_another_law():
    # The negative control of the refusal: without it the value neurons do not follow exp(-E/T).
    memory = ModernHopfield(np.array([[1.0], [-1.0]]), beta=3.0, tau_memory=1.0)
    with pytest.raises(ValueError, match="tau_memory=0"):
        simulate(memory, np.ones((2, 1)), t1=1.0, temperature=0.15)


def test_refusals():
    bent = UniversalHopfield(np.eye(2) / 2, value_lagrangian=LogCosh(), tau_memory=0)
    with pytest.raises(ValueError, match="not the gradient"):
        simulate(bent, np.array([0.1, 0.2]), t1=1.0, temperature=1.0)
    memory = ModernHopfield(np.eye(2), tau_memory=0)
    with pytest.raises(ValueError, match=">= 0"):
        simulate(memory, np.ones(2), t1=1.0, temperature=-1.0)
    with pytest.raises(ValueError, match="Euler"):
        simulate(memory, np.ones(2), t1=1.0, temperature=1.0, integrator="rosenbrock")
    with pytest.raises(ValueError, match="stop"):
        simulate(memory, np.ones(2), t1=1.0, temperature=1.0, stop="steady")


def test_a_seed_gives_the_same_noise_in_every_library(library):
    memory = ModernHopfield(np.eye(3), beta=4.0, tau_memory=0)
    options = dict(t1=0.5, temperature=0.1, seed=5, save_at=[0.25, 0.5])
    expected = simulate(memory, np.ones((4, 3)), **options)
    run = simulate(memory.to(library), to_library(np.ones((4, 3)), library), **options)
    assert np.abs(to_numpy(run.states["value"]) - expected.states["value"]).max() < 1e-12
    other = simulate(memory, np.ones((4, 3)), **{**options, "seed": 6})
    assert np.abs(other.states["value"] - expected.states["value"]).max() > 1e-3


def test_clamped_neurons_are_not_shaken():
    memory = ModernHopfield(np.eye(3), beta=4.0, tau_memory=0)
    held = np.array([True, False, False])
    run = simulate(memory, np.ones((4, 3)), t1=0.5, temperature=0.1, seed=5, clamp=held)
    assert (run.states["value"][..., 0] == 1).all()
    assert (run.states["value"][-1, :, 1] != 1).all()
