"""Spectra by every path, the low-rank index against the dense one, and the two meanings of stable."""

import numpy as np
import pytest

from hopfield.analysis import find_fixed_points, spectrum
from hopfield.analysis.flow import field, stability
from hopfield.analysis.flow._low_rank import low_rank, low_rank_eigenvalues
from hopfield.analysis.flow._spectrum import update_rate
from hopfield.dynamics import Entmax, LogCosh, Network, Population, Recurrent, Relaxation, Softplus, simulate
from hopfield.models import ModernHopfield, UniversalHopfield


def clustered(rng, width=120):
    """Patterns of one cluster, whose mean state is a saddle with many eigenvalues near its lowest."""
    return rng.normal(size=(20, width)) / np.sqrt(width) + 0.3 * rng.normal(size=width) / np.sqrt(width)


@pytest.mark.parametrize("sim", ["dot", "euclidean"])
@pytest.mark.parametrize("separation", ["softmax", Entmax(1.5), Softplus()])
def test_low_rank_is_exact(sim, separation, rng):
    patterns = clustered(rng)
    memory = UniversalHopfield(patterns, sim, separation, beta=6.0)
    flow = field(memory)
    for x in (patterns[:1], patterns[:3].mean(0, keepdims=True), patterns.mean(0, keepdims=True)):
        factors = low_rank(flow, x)
        assert factors.core.shape == (20, 20)
        expected = np.linalg.eigvalsh(flow.hessian(x)[0])
        found = low_rank_eigenvalues(factors)
        np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max())
        assert (found < 0).sum() == (expected < 0).sum()


@pytest.mark.parametrize("signs", [(1, 1, 1), (1, -1, 2)])
def test_sums_of_outer_products_have_low_rank(signs, rng):
    """W = sum_k s_k xi_k xi_k^T, with signs; P x P in place of D x D."""
    patterns = np.sign(rng.normal(size=(3, 60)))
    weights = (patterns.T * np.array(signs)) @ patterns / 60
    network = Network({"x": Population(LogCosh(2.0), 60, leak=0.8)}, [Recurrent(("x",), weights)])
    flow, x = field(network), rng.normal(size=(1, 60))
    factors = low_rank(flow, x)
    assert factors.core.shape == (3, 3)
    np.testing.assert_allclose(low_rank_eigenvalues(factors), np.linalg.eigvalsh(flow.hessian(x)[0]), atol=1e-12)


def test_every_path_gives_the_same_spectrum(rng):
    memory = ModernHopfield(clustered(rng, 450), beta=40.0)
    flow = field(memory)
    x = np.concatenate([memory.memories[:2], memory.memories.mean(0, keepdims=True)])
    found = {method: spectrum(flow, x, 4, method) for method in ("dense", "low rank", "eigsh")}
    for answer in found.values():
        np.testing.assert_allclose(answer.eigenvalues, found["dense"].eigenvalues, rtol=1e-8, atol=1e-8)
        np.testing.assert_array_equal(answer.index, found["dense"].index)
        np.testing.assert_allclose(answer.largest, found["dense"].largest, rtol=1e-6)
    assert found["dense"].index.max() > 4  # eigsh had to ask for more than four
    assert spectrum(flow, x).how == "low rank"
    assert spectrum(field(ModernHopfield(rng.normal(size=(3, 9)))), np.zeros((1, 9))).how == "dense"
    with pytest.raises(ValueError, match="no low rank"):
        spectrum(field(ModernHopfield(rng.normal(size=(9, 3)))), np.zeros((1, 3)), method="low rank")


def test_general_networks_by_arnoldi(rng):
    weights = 0.3 * rng.normal(size=(900, 900)) / 30
    weights[:3, :3] += np.array([[1.6, 0.9, 0.0], [-0.9, 1.6, 0.0], [0.0, 0.0, 2.0]])
    network = Network({"x": Population(LogCosh(), 900)}, [Recurrent(("x",), weights)])
    flow, x = field(network), np.zeros((1, 900))
    found = spectrum(flow, x, 4)
    assert found.how == "eigs"
    expected = np.linalg.eigvals(np.eye(900) - weights)
    np.testing.assert_allclose(found.eigenvalues[0].real, np.sort(expected.real)[:4], rtol=1e-6)
    assert found.index[0] == (expected.real < 0).sum() == 3
    assert np.abs(found.eigenvalues.imag).max() > 0.5


@pytest.mark.parametrize("sim", ["dot", "euclidean", "kl"])
def test_the_map_of_a_small_deviation(sim, rng):
    """One update at dt = inf multiplies a deviation along an eigenvector by 1 - mu/c."""
    patterns = rng.random((3, 5)) + 0.3
    memory = UniversalHopfield(patterns, sim, beta=4.0, tau_memory=0)
    flow = field(memory)
    found = find_fixed_points(memory, batches=3)
    for point in found.state[:3]:
        rate = update_rate(flow, point[None])[0]
        jacobian = -flow.jacobian(point)
        values, vectors = np.linalg.eig(jacobian)
        step = 1e-6
        for value, vector in zip(values.real, vectors.T.real, strict=True):
            ends = [
                simulate(memory, {"value": point + s * step * vector}, t1=1, integrator=Relaxation(np.inf)).final[
                    "value"
                ]
                for s in (1, -1)
            ]
            np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), (1 - value / rate) * vector, atol=2e-6)


def test_cosine_updates_turn_towards_the_force(rng):
    memory = UniversalHopfield(rng.normal(size=(3, 4)), "cosine", beta=3.0, tau_memory=0)
    flow = field(memory)
    found = find_fixed_points(memory, batches=3)
    point = found.state[0]
    rate = update_rate(flow, point[None])[0]
    values, vectors = np.linalg.eigh(flow.hessian(point))
    for value, vector in zip(values, vectors.T, strict=True):
        if abs(vector @ point) > 1e-6:
            continue
        ends = [
            simulate(memory, {"value": point + s * 1e-6 * vector}, t1=1, integrator=Relaxation(np.inf)).final["value"]
            for s in (1, -1)
        ]
        np.testing.assert_allclose((ends[0] - ends[1]) / 2e-6, (1 - value / rate) * vector, atol=1e-5)


def test_stable_in_time_and_unstable_under_the_map():
    """x' = -x + W tanh(2x) with W = -1: 0 attracts in time (mu = 3), and updates overshoot (1 - 3 = -2)."""
    network = Network({"x": Population(LogCosh(2.0), 1)}, [Recurrent(("x",), np.array([[-1.0]]))])
    found = find_fixed_points(network)
    np.testing.assert_allclose(found.eigenvalues, [[3.0]], atol=1e-12)
    assert found.stable.tolist() == [True]
    assert found.stable_map.tolist() == [False]
    assert "stable" in str(found)


def test_the_ring_whose_outer_points_updates_leave():
    """x' = -x + W tanh x, row i of W the numbers from -1 to 1 turned: a published example of the disagreement."""
    weights = np.array([-np.roll(np.linspace(-1, 1, 3), -i) for i in range(3)])
    np.testing.assert_array_equal(weights, weights.T)
    network = Network({"x": Population(LogCosh(), 3)}, [Recurrent(("x",), weights)])
    found = find_fixed_points(network)
    assert found.stable.any()
    assert not found.stable_map[found.stable].any()
    outer = found.select(found.stable)
    rate = 1 - outer.eigenvalues.max(axis=1)  # the eigenvalue of the update
    np.testing.assert_allclose(rate, -1.006, atol=2e-3)


def test_nothing_is_said_where_nothing_is_known(rng):
    flow = field(UniversalHopfield(rng.normal(size=(3, 4)), "manhattan"))
    x = flow.patterns[:2]
    found = spectrum(flow, x, 2)
    assert found.index.tolist() == [-1, -1]
    assert np.isnan(found.eigenvalues).all()
    assert stability(flow, x, found)[1] is None


def test_exact_index_in_high_dimension(rng):
    """Orthogonal patterns in 20000 dimensions: index |S| - 1 of the mean of S, from 30 x 30 matrices."""
    scale = 0.02
    patterns = np.zeros((30, 20_000))
    for i, row in enumerate(patterns):
        row[i * 600 : (i + 1) * 600] = scale * np.where(rng.random(600) < 0.5, -1, 1)
    memory = ModernHopfield(patterns, beta=60 / (600 * scale**2))
    flow = field(memory)
    x = np.stack([patterns[:k].mean(0) for k in (1, 2, 5, 30)])
    found = spectrum(flow, x, 4)
    assert found.how == "low rank"
    assert found.index.tolist() == [0, 1, 4, 29]
