"""Layers that use one set of weights both ways: the energy falls, and known special cases come out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from helpers import to_library, to_numpy
from hopfield.analysis import assert_energy_decreases, check_lyapunov
from hopfield.dynamics import Bilinear, Convolution, LogCosh, Relaxation, backend, simulate
from hopfield.models import HierarchicalMemory, Kernel, Layer, ModernHopfield
from hopfield.models.layered._layers import ACTIVATIONS


def convolutional(**options):
    layers = [
        Layer((6, 6, 1), bias=0.1),
        Layer((4, 4, 3), "relu(0.5)", 0.5),
        Layer(7, "layer_norm"),
        Layer(4, "softmax(3)"),
    ]
    return HierarchicalMemory.random(layers, [(3, 1, 0), None, None], gain=0.3, seed=2, **options)


@given(data=st.data())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_the_energy_falls_for_any_layers_and_any_step(data):
    depth = data.draw(st.integers(2, 5))
    kinds = [data.draw(st.sampled_from(sorted(ACTIVATIONS))) for _ in range(depth)]
    kinds[0] = data.draw(st.sampled_from(["identity", "tanh", "relu", "layer_norm"]))
    sizes = [data.draw(st.integers(2, 6)) for _ in range(depth)]
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    layers = [
        Layer(n, kind, tau=float(rng.uniform(0.1, 2)), leak=float(rng.uniform(0.5, 2)), bias=rng.normal(size=n))
        for n, kind in zip(sizes, kinds, strict=True)
    ]
    memory = HierarchicalMemory.random(layers, gain=0.4, seed=int(rng.integers(1000)))
    states = {f"layer{k}": rng.normal(size=(3, n)) for k, n in enumerate(sizes)}
    assert check_lyapunov(memory, states).holds
    dt = data.draw(st.sampled_from([0.1, 1.0, 10.0, float("inf")]))
    run = simulate(memory, states, t1=6 * min(dt, 1.0) if dt < 10 else 6, integrator=Relaxation(dt), save="all")
    assert run.statistics["guard"] is False
    assert_energy_decreases(run)


def test_the_energy_is_krotov_s(rng):
    memory = convolutional()
    states = {f"layer{k}": rng.normal(size=layer.size) for k, layer in enumerate(memory.layers)}
    g = memory.network.activations(states)
    expected = 0.0
    for name, layer in zip(states, memory.layers, strict=True):
        expected += states[name] @ g[name] - layer.activation.value(states[name])
    expected -= 0.1 * g["layer0"].sum()
    image, kernel = g["layer0"].reshape(6, 6), memory.weights[0].weights
    patches = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    expected -= (g["layer1"].reshape(4, 4, 3) * np.einsum("xyij,ijc->xyc", patches, kernel[:, :, 0])).sum()
    expected -= g["layer1"] @ memory.weights[1] @ g["layer2"] + g["layer2"] @ memory.weights[2] @ g["layer3"]
    assert memory.network.energy(states) == pytest.approx(expected, rel=1e-12)
    kinds = [type(synapse) for synapse in memory.network.synapses.values()]
    assert kinds == [Convolution, Bilinear, Bilinear]


def test_what_goes_up_comes_down_through_the_same_weights(rng):
    memory = convolutional()
    for synapse in memory.network.synapses.values():
        g = [rng.normal(size=n) for n in synapse.sizes]
        down, up = synapse.forces(*g)
        assert down @ g[0] == pytest.approx(up @ g[1], rel=1e-12)


@pytest.mark.parametrize("library", ["numpy", "torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_a_convolutional_network_retrieves_on_every_library(library, rng):
    pytest.importorskip(library)
    layers = [Layer((6, 6, 1)), Layer((4, 4, 3), "tanh"), Layer(4, "softmax(3)")]
    memory = HierarchicalMemory.random(layers, [(3, 1, 0), None], seed=2)
    cue = rng.normal(size=(2, 36))
    found = memory.to(library).retrieve(to_library(cue, library))
    expected = memory.retrieve(cue)
    assert found.converged.all()
    assert expected.output is not None
    np.testing.assert_allclose(to_numpy(found.state), expected.state, atol=1e-9)
    np.testing.assert_allclose(to_numpy(found.output), expected.output, atol=1e-9)
    np.testing.assert_array_equal(found.steps, expected.steps)
    alone = memory.retrieve(cue[1])
    np.testing.assert_allclose(alone.state, expected.state[1], atol=1e-12)
    assert alone.steps == expected.steps[1]


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_single_precision_stays_single(library, rng):
    pytest.importorskip(library)
    memory = convolutional(dtype="float32").to(library)
    found = memory.retrieve(to_library(rng.normal(size=(2, 36)).astype("float32"), library))
    assert to_numpy(found.state).dtype == to_numpy(found.output).dtype == np.float32
    assert found.converged.all()


def test_two_layers_are_the_modern_network(rng):
    patterns, cue = rng.normal(size=(6, 9)), rng.normal(size=(4, 9))
    modern = ModernHopfield(patterns, beta=1.5)
    memory = HierarchicalMemory([9, (6, "softmax(1.5)")], [patterns.T])
    np.testing.assert_allclose(memory.recall(cue), modern.recall(cue), rtol=1e-12)
    first, second = memory.retrieve(cue, tol=1e-12), modern.retrieve(cue, tol=1e-12)
    np.testing.assert_allclose(first.state, second.state, atol=1e-10)
    energy = memory.network.energy({"layer0": second.state, "layer1": second.state @ patterns.T})
    np.testing.assert_allclose(energy, second.energy, rtol=1e-12)


def test_the_start_is_one_pass_bottom_up(rng):
    memory = HierarchicalMemory(
        [5, Layer(4, "tanh", leak=2.0, bias=rng.normal(size=4)), Layer(3, "softmax")],
        [rng.normal(size=(5, 4)), rng.normal(size=(4, 3))],
    )
    cue = rng.normal(size=(2, 5))
    states = memory.start(cue)
    first = (cue @ memory.weights[0] + memory.layers[1].bias) / 2.0
    np.testing.assert_allclose(states["layer1"], first, rtol=1e-13)
    np.testing.assert_allclose(states["layer2"], np.tanh(first) @ memory.weights[1], rtol=1e-13)
    given = memory.start(cue, {"layer2": np.array([9.0, 0.0, 0.0])})
    np.testing.assert_array_equal(given["layer2"], np.tile([9.0, 0.0, 0.0], (2, 1)))


def test_patterns_are_fixed_points_and_noisy_ones_come_back():
    digits = load_digits(return_X_y=True)[0][:20] / 16
    memory = HierarchicalMemory.from_patterns(digits, seed=1)
    found = memory.retrieve(digits)
    np.testing.assert_allclose(found.state, digits, atol=1e-5)
    np.testing.assert_array_equal(found.pattern, np.arange(20))
    rng = np.random.default_rng(2)
    noisy = memory.retrieve(digits + 0.3 * rng.normal(size=digits.shape))
    assert noisy.converged.all()
    np.testing.assert_array_equal(noisy.pattern, np.arange(20))
    np.testing.assert_allclose(noisy.state, digits, atol=1e-5)
    run = simulate(memory, digits + 0.3 * rng.normal(size=digits.shape), t1=10.0, save="all")
    assert_energy_decreases(run)


def test_the_equations_of_such_weights_hold(rng):
    patterns = rng.normal(size=(5, 8))
    memory = HierarchicalMemory.from_patterns(patterns, 40, beta=3.0, seed=4)
    below, above = memory.weights
    bottom, hidden, top = memory.layers
    codes = np.tanh(patterns @ below + hidden.bias + above.T)  # with the top neuron i alone
    np.testing.assert_allclose(np.abs(codes), 0.8, rtol=1e-10)
    np.testing.assert_allclose((codes @ below.T + bottom.bias) / bottom.leak, patterns, rtol=1e-10)
    up = (codes * ((patterns - patterns.mean(0)) @ below)).sum(-1)
    assert (up <= (codes * np.arctanh(codes)).sum(-1) / 4 * (1 + 1e-12)).all()
    assert isinstance(hidden.activation, LogCosh)
    assert top.activation.beta == 3.0
    same = HierarchicalMemory.from_patterns(patterns, 40, beta=3.0, seed=4)
    np.testing.assert_array_equal(same.weights[0], below)


def test_held_parts_stay_and_the_energy_falls(rng):
    digits = load_digits(return_X_y=True)[0][:10] / 16
    memory = HierarchicalMemory.from_patterns(digits, seed=1)
    known = np.arange(64) < 40
    cue = np.where(known, digits, 0.3)
    found = memory.retrieve(cue, clamp=known)
    np.testing.assert_array_equal(found.state[:, known], digits[:, known])
    assert (found.pattern == np.arange(10)).mean() >= 0.9
    # Top-down alone: with the top layer held at one neuron, its pattern appears from nothing.
    states = memory.start(np.zeros(64), {"layer2": np.where(np.arange(10) == 7, 50.0, 0.0)})
    run = simulate(memory, states, t1=60, integrator=Relaxation(float("inf")), clamp={"layer2": True})
    np.testing.assert_allclose(run.activations["layer0"][-1], digits[7], atol=1e-6)
    assert_energy_decreases(run)


def test_files_keep_layers_kernels_and_currents(library, dtype, rng, tmp_path):
    layers = [
        Layer((5, 5, 1), bias=rng.normal(size=25).astype(dtype)),
        Layer((3, 3, 2), LogCosh(0.7), 0.5, 1.5),
        Layer(4, "softmax(3)"),
    ]
    weights = [
        Kernel(rng.normal(size=(3, 3, 1, 2)).astype(dtype), stride=2, padding=1),
        rng.normal(size=(18, 4)).astype(dtype),
    ]
    memory = HierarchicalMemory(layers, weights)
    again = HierarchicalMemory.load(memory.to(library).save(tmp_path / "layers"))
    assert isinstance(again, HierarchicalMemory)
    assert repr(again) == repr(memory)
    cue = rng.normal(size=(2, 25)).astype(dtype)
    first, second = memory.retrieve(cue), again.retrieve(cue)
    np.testing.assert_array_equal(first.state, second.state)
    np.testing.assert_array_equal(first.energy, second.energy)
    assert second.state.dtype == dtype


def test_repr_names_layers_joints_and_doubts():
    assert repr(convolutional()) == (
        "HierarchicalMemory(6x6x1 identity - 3x3x1x3 kernel, stride 1, padding 0, 4x4x3 relu(0.5) "
        "- dense, 7 layer_norm - dense, 4 softmax(3); x_A = (W^T g_below + W g_above + b)/l, weights given; "
        "the energy may have no lower bound: no activation of layers 0 and 1 is bounded; numpy float64)"
    )
    assert HierarchicalMemory([3, (2, "softmax")], [np.ones((3, 2))]).notes() == []


def test_an_energy_without_a_floor_is_noted_and_its_run_is_not_called_converged(rng):
    layers = [Layer((6, 6, 1)), Layer((4, 4, 3), "relu"), Layer(4, "softmax")]
    memory = HierarchicalMemory.random(layers, [(3, 1, 0), None], gain=2.0, seed=2)
    assert "no activation of layers 0 and 1 is bounded" in memory.notes()[0]
    found = memory.retrieve(rng.normal(size=36), max_steps=50)
    assert not bool(found.converged)
    assert found.energy < -1e6


def test_a_run_that_does_not_end_says_so(rng):
    memory = convolutional()
    found = memory.retrieve(rng.normal(size=36), max_steps=1, tol=1e-14)
    assert not bool(found.converged)
    assert found.residual > 1e-14


def test_what_does_not_fit_is_refused(rng):
    with pytest.raises(ValueError, match="one fewer than layers"):
        HierarchicalMemory([3, 2], [])
    with pytest.raises(ValueError, match=r"have shape \(2, 3\), but the layers have 3 and 2"):
        HierarchicalMemory([3, 2], [np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"makes \(4, 4, 2\).*has the form \(32,\)"):
        HierarchicalMemory([Layer((6, 6, 1)), 32], [np.ones((3, 3, 1, 2))])
    with pytest.raises(ValueError, match="Did you mean 'softmax'"):
        Layer(3, "sofmax")
    with pytest.raises(ValueError, match="the gain 'x' does not fit"):
        Layer(3, "tanh(x)")
    memory = HierarchicalMemory([3, Layer(2, "tanh")], [np.ones((3, 2))])
    with pytest.raises(ValueError, match="layer 0 has 3 neurons"):
        memory.retrieve(np.ones(2))
    with pytest.raises(ValueError, match="no layers layer7"):
        memory.start(np.ones(3), {"layer7": np.ones(2)})
    with pytest.raises(ValueError, match="leak 0, so its updates have no limit"):
        HierarchicalMemory([Layer(3, leak=0.0), 2], [np.ones((3, 2))]).retrieve(np.ones(3))
    bounded = HierarchicalMemory([Layer(3, "tanh"), 2], [np.ones((3, 2))])
    with pytest.raises(ValueError, match="not an activation of layer 0"):
        bounded.retrieve(np.ones(3))
    with pytest.raises(ValueError, match="cannot tell 3 patterns apart"):
        HierarchicalMemory.from_patterns(np.eye(3), 2)
    with pytest.raises(ValueError, match="level must lie between"):
        HierarchicalMemory.from_patterns(np.eye(3), level=1.0)


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_derivatives_reach_the_weights(library, rng):
    pytest.importorskip(library)
    top = to_library(rng.normal(size=(9, 2)), library)
    kernel = to_library(rng.normal(size=(2, 2, 1, 1)), library)
    states = {f"layer{k}": to_library(rng.normal(size=n), library) for k, n in enumerate((16, 9, 2))}

    def energy(values):
        layers = [Layer((4, 4, 1)), Layer((3, 3, 1), "tanh"), Layer(2, "softmax")]
        weights = [Kernel(values[:4].reshape(2, 2, 1, 1)), values[4:].reshape(9, 2)]
        return HierarchicalMemory(layers, weights).network.energy(states)

    xp = backend.namespace(kernel)
    values = xp.concat([kernel.reshape(-1), top.reshape(-1)])
    slope = to_numpy(backend.gradient(energy, values))
    g0, h1, h2 = (to_numpy(states[f"layer{k}"]) for k in range(3))
    g1, g2 = np.tanh(h1), np.exp(h2) / np.exp(h2).sum()
    np.testing.assert_allclose(slope[4:].reshape(9, 2), -np.outer(g1, g2), atol=1e-12)
    patches = np.lib.stride_tricks.sliding_window_view(g0.reshape(4, 4), (2, 2))
    expected = -np.einsum("xyij,xy->ij", patches, g1.reshape(3, 3))
    np.testing.assert_allclose(slope[:4].reshape(2, 2), expected, atol=1e-12)


@pytest.mark.parametrize("level", [5e-324, 1e-160])
def test_codes_so_small_that_the_leak_vanishes_are_refused(level):
    with pytest.raises(ValueError, match=rf"With level={level:g} the leak of layer 0 would be .*Take a greater level"):
        HierarchicalMemory.from_patterns(np.eye(3, 12), level=level, seed=1)


def test_codes_of_any_size_store_the_same_patterns():
    P = np.eye(3, 12)
    for level in (0.5, 1e-3, 1e-6):
        memory = HierarchicalMemory.from_patterns(P, level=level, beta=100 / level**2, seed=1)
        assert np.abs(memory.retrieve(P).state - P).max() < 1e-6


@pytest.mark.parametrize("level", [5e-324, 1e-100, 0.5])
@pytest.mark.parametrize("patterns", [np.ones((1, 12)), np.ones((3, 12)), 1e-160 * np.eye(3, 12)])
def test_patterns_whose_squares_vanish_get_a_leak_of_the_right_size(patterns, level):
    """l_0 |d|^2 <= level atanh(level) H / 4 with l_0 <= 1, d from the mean: nothing limits the leak of one pattern."""
    if level == 5e-324 and patterns.max() < 1:
        with pytest.raises(ValueError, match="the leak of layer 0 would be 0"):
            HierarchicalMemory.from_patterns(patterns, level=level, seed=1)
        return
    memory = HierarchicalMemory.from_patterns(patterns, level=level, seed=1)
    spread = np.linalg.norm((patterns - patterns.mean(0)) / patterns.max(), axis=-1).max() * patterns.max()
    right = min(1.0, np.sqrt(level * np.arctanh(level) * 64 / 4) / spread) ** 2 if spread else 1.0
    assert memory.layers[0].leak == pytest.approx(right, rel=1e-12)
    assert np.abs(memory.retrieve(patterns).state - patterns).max() <= patterns.max() * (spread > 0)
