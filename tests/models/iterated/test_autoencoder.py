"""Autoencoders as memories: attractors by the spectral radius, one-layer eigenvalues, tied weights with an energy."""

import contextlib

import numpy as np
import pytest

from helpers import LIBRARIES, to_library, to_numpy
from hopfield import analysis
from hopfield.dynamics import simulate
from hopfield.models import Autoencoder, rank_one_eigenvalue

RNG = np.random.default_rng(0)
PHI = ["tanh", "sigmoid", "relu", "swish"]
needs_torch = pytest.mark.skipif("torch" not in LIBRARIES, reason="needs PyTorch")
PATTERNS = RNG.random((3, 8))


@needs_torch
@pytest.mark.parametrize(("activation", "attracts"), list(zip(PHI, [True, True, None, False], strict=True)))
def test_one_layer_from_rank_one_has_the_closed_eigenvalue(activation, attracts):
    x, count = RNG.uniform(0.2, 0.8, 8), 16
    start = Autoencoder([0.3 * np.outer(np.ones(count), x), 0.1 * np.outer(x, np.ones(count))], activation=activation)
    found = start.train(x[None], steps=4000, rate=1e-3, tol=1e-24, offsets=False)
    u = found.model.weights[0] @ x
    np.testing.assert_allclose(u, u[0], rtol=1e-9)  # all hidden neurons stay alike
    radius, closed = found.model.spectral_radius(x), rank_one_eigenvalue(activation, u[0])
    assert abs(radius - closed) < 1e-6
    if attracts is None:
        assert closed == 1.0  # relu is neutral
    else:
        assert (closed < 1) == attracts == bool(found.model.is_attractor(x))


@pytest.mark.parametrize(("activation", "u"), [(name, u) for name in PHI for u in (0.3, 1.0, 3.0)])
def test_the_closed_eigenvalue_is_the_definition(activation, u):
    functions = {
        "tanh": np.tanh,
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "relu": lambda x: max(x, 0.0),
        "swish": lambda x: x / (1 + np.exp(-x)),
    }
    phi, step = functions[activation], 1e-6
    slope = (phi(u + step) - phi(u - step)) / (2 * step)
    assert abs(rank_one_eigenvalue(activation, u) - u * slope / phi(u)) < 1e-8


@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize("size", [7, 60])  # dense, and by Arnoldi's method
def test_the_spectral_radius_is_that_of_the_jacobian(activation, size):
    f = Autoencoder.random([size, 50, 30, size], activation=activation, gain=1.5, seed=2)
    states = RNG.normal(size=(2, size))
    for x, radius in zip(states, f.spectral_radius(states), strict=True):
        step = 1e-6
        J = np.stack([(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(size)], axis=1)
        np.testing.assert_allclose(np.stack([f.jacobian_product(x, e) for e in np.eye(size)], axis=1), J, atol=1e-7)
        assert abs(radius - np.abs(np.linalg.eigvals(J)).max()) < 1e-6 * max(1, radius)


@needs_torch
def test_trained_examples_are_attractors_and_are_reached_from_noise():
    start = Autoencoder.random([8, 64, 64, 8], gain=10.0, last=0.1, activation="sigmoid")
    found = start.train(PATTERNS, steps=2000)
    assert found.loss[-1] <= 1e-8
    assert not found.diverged
    assert "after" in found.result
    f = found.model
    assert f.is_attractor(PATTERNS).all()
    ends = f.iterate(PATTERNS + 0.05 * RNG.normal(size=PATTERNS.shape))
    assert ends.converged.all()
    np.testing.assert_allclose(ends.state, PATTERNS, atol=1e-2)
    assert not f.is_attractor(RNG.random(8) + 3)  # no fixed point there


@needs_torch
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("offsets", [False, True])
def test_tied_weights_are_a_universal_memory_with_its_energy(activation, offsets):
    start = Autoencoder.random([8, 40, 8], activation=activation, gain=0.5)
    f = start.train(PATTERNS, steps=300, tied=True, offsets=offsets).model
    np.testing.assert_array_equal(f.weights[1], f.weights[0].T)
    with pytest.warns(UserWarning, match="no lower bound") if activation == "relu" else contextlib.nullcontext():
        memory = f.tied_memory
    x = RNG.normal(size=(5, 8))
    if not offsets:
        np.testing.assert_allclose(memory.recall(x), f(x), atol=1e-13)
    for _ in range(5):
        run = simulate(memory, x, t1=1.0, integrator="relaxation(inf)")
        y = f(x)
        np.testing.assert_allclose(run.final["value"], y, rtol=1e-10, atol=1e-12)
        assert (memory.energy(y) <= memory.energy(x) + 1e-12 * (1 + np.abs(memory.energy(x)))).all()
        x = y
    assert analysis.check_lyapunov(memory, run).holds


@needs_torch
def test_what_is_no_update_of_a_universal_memory_says_so():
    with pytest.raises(ValueError, match="has other weights: train"):
        _ = Autoencoder.random([4, 9, 4]).tied_memory
    W = RNG.normal(size=(9, 4))
    with pytest.raises(ValueError, match="swish decreases somewhere"):
        _ = Autoencoder([W, W.T], activation="swish").tied_memory
    with pytest.raises(ValueError, match="tied=True is for one hidden layer, and there are 2"):
        Autoencoder.random([4, 9, 9, 4]).train(np.eye(4), tied=True)


@needs_torch
def test_training_that_diverges_is_stopped_and_the_last_good_weights_stay():
    start = Autoencoder.random([8, 40, 8])
    with pytest.warns(UserWarning, match=r"Training diverged at step \d+: .* Take a smaller rate \(it is 50\)"):
        found = start.train(PATTERNS, rate=50.0)
    assert found.diverged
    assert np.mean((found.model(PATTERNS) - PATTERNS) ** 2) == pytest.approx(found.loss.min())


def test_shapes_that_do_not_conform_are_named_with_both():
    W = np.ones((6, 4))
    with pytest.raises(ValueError, match=r"weights\[1\] has shape \(4, 5\) and weights\[0\] \(6, 4\): it must take 6"):
        Autoencoder([W, np.ones((4, 5))])
    with pytest.raises(ValueError, match=r"weights\[-1\] has shape \(3, 6\) and weights\[0\] \(6, 4\)"):
        Autoencoder([W, np.ones((3, 6))])
    f = Autoencoder([W, W.T])
    with pytest.raises(ValueError, match=r"patterns have shape \(2, 5\), but weights\[0\] has shape \(6, 4\)"):
        f.train(np.ones((2, 5)))
    with pytest.raises(ValueError, match=r"query has shape \(5,\) but must be \(\.\.\., 4\)"):
        f.iterate(np.ones(5))
    with pytest.raises(ValueError, match="Unknown library 'tensorflow'"):
        f.train(np.eye(4), library="tensorflow")


def test_without_pytorch_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(ImportError, match=r'pip install "hopfield\[torch\]"'):
        Autoencoder([np.ones((6, 4)), np.ones((4, 6))]).train(np.eye(4))


@pytest.mark.broad
@pytest.mark.skipif("jax" not in LIBRARIES, reason="needs JAX")
def test_jax_trains_alike():
    pytest.importorskip("optax")
    start = Autoencoder.random([8, 40, 8])
    found = start.train(PATTERNS, steps=50, library="jax")
    if "torch" in LIBRARIES:
        np.testing.assert_allclose(found.loss, start.train(PATTERNS, steps=50).loss, rtol=1e-6)
    assert found.loss[-1] < found.loss[0]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_map_runs_on_every_library(library):
    plain = Autoencoder.random([8, 20, 8], gain=0.7)
    other = Autoencoder([to_library(w, library) for w in plain.weights])
    x = to_library(PATTERNS, library)
    np.testing.assert_allclose(to_numpy(other(x)), plain(PATTERNS), atol=1e-12)
    np.testing.assert_allclose(to_numpy(other.iterate(x).state), plain.iterate(PATTERNS).state, atol=1e-9)
    np.testing.assert_allclose(other.spectral_radius(x), plain.spectral_radius(PATTERNS), atol=1e-9)
    np.testing.assert_allclose(to_numpy(plain.to(library)(x)), plain(PATTERNS), atol=1e-12)
    narrow = plain.to(library, dtype="float32")
    assert to_numpy(narrow(to_library(PATTERNS.astype("float32"), library))).dtype == np.float32


@pytest.mark.parametrize("sizes", [(3, 5, 3), (3, 5, 4, 3), (3, 3)])
def test_a_file_gives_the_map_back(sizes, tmp_path):
    offsets = [np.arange(n, dtype=float) for n in sizes[1:]]
    plain = Autoencoder(Autoencoder.random(sizes).weights, offsets, activation="swish")
    back = Autoencoder.load(plain.save(tmp_path / "map"))
    assert repr(back) == repr(plain)
    np.testing.assert_array_equal(back(PATTERNS[:, :3]), plain(PATTERNS[:, :3]))


@pytest.mark.parametrize(
    "ask",
    [
        analysis.find_fixed_points,
        analysis.landscape,
        lambda f: analysis.basins_of_attraction(f, PATTERNS),
        lambda f: analysis.continue_fixed_points(f, "beta", 1.0, 2.0),
        lambda f: simulate(f, PATTERNS, t1=1.0),
    ],
)
def test_what_needs_a_network_says_where_there_is_one(ask):
    with pytest.raises(TypeError, match=r"An Autoencoder is a map: it has no network.*tied_memory"):
        ask(Autoencoder.random([8, 20, 8]))
