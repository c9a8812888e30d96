"""The convolutional synapse: its forces are those of one energy, and the transpose is exact."""

import numpy as np
import pytest
from scipy.signal import correlate

from helpers import epsilon, to_library, to_numpy
from hopfield.analysis import assert_energy_decreases, check_lyapunov
from hopfield.dynamics import (
    Convolution,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Quadratic,
    Relaxation,
    Rosenbrock,
    simulate,
)
from hopfield.dynamics import backend as library_of

# image form, kernel, stride, padding
FORMS = [
    ((6, 5, 2), (3, 3, 2, 4), 1, 0),
    ((6, 5, 2), (3, 2, 2, 3), 2, 1),
    ((7, 3), (4, 3, 2), 3, 2),
    ((4, 4, 1), (2, 2, 1, 3), 3, 0),  # some places of the image lie in no patch
    ((3, 4, 2, 1), (2, 2, 2, 1, 2), 1, 0),
]


def made(form, rng, dtype="float64", library="numpy"):
    shape, kernel, stride, padding = form
    weights = to_library(rng.normal(size=kernel).astype(dtype), library)
    return Convolution(("a", "b"), weights, shape=shape, stride=stride, padding=padding)


def by_scipy(synapse, image):
    """The same by SciPy's correlation, place by place, channel by channel."""
    kernel = synapse.kernel
    axes = kernel.ndim - 2
    padded = np.pad(image, [(synapse.padding,) * 2] * axes + [(0, 0)])
    parts = []
    for out in range(kernel.shape[-1]):
        planes = [
            correlate(padded[..., c], kernel[..., c, out], mode="valid", method="direct")
            for c in range(kernel.shape[-2])
        ]
        full = np.sum(planes, axis=0)
        parts.append(full[(slice(None, None, synapse.stride),) * axes])
    return np.stack(parts, -1)


@pytest.mark.parametrize("form", FORMS)
def test_the_convolution_is_the_textbook_s(form, rng):
    synapse = made(form, rng)
    image = rng.normal(size=synapse.shape)
    found = synapse.forward(image.reshape(-1)).reshape(synapse.shape_out)
    np.testing.assert_allclose(found, by_scipy(synapse, image), atol=1e-13)


@pytest.mark.parametrize(
    ("library", "form"), [(name, form) for name in ("numpy", "torch") for form in FORMS] + [("jax", FORMS[1])]
)
def test_the_transpose_is_exact(form, library, dtype, rng):
    pytest.importorskip(library)
    synapse = made(form, rng, dtype, library)
    shape = (2, 3)
    g, u = (to_library(rng.normal(size=(*shape, n)).astype(dtype), library) for n in synapse.sizes)
    there, back = synapse.forward(g), synapse.backward(u)
    assert to_numpy(there).dtype == to_numpy(back).dtype == dtype
    left, right = (to_numpy(u) * to_numpy(there)).sum(-1), (to_numpy(back) * to_numpy(g)).sum(-1)
    np.testing.assert_allclose(left, right, atol=300 * epsilon(dtype))
    matrix = to_numpy(synapse.forward(to_library(np.eye(synapse.sizes[0], dtype=dtype), library)))
    transposed = to_numpy(synapse.backward(to_library(np.eye(synapse.sizes[1], dtype=dtype), library)))
    np.testing.assert_array_equal(matrix.T, transposed)


@pytest.mark.parametrize("form", FORMS[1:2])
def test_forces_are_minus_the_gradient_of_the_energy(form, library, rng):
    if library == "numpy":
        pytest.skip("NumPy has no automatic differentiation")
    synapse = made(form, rng, library=library)
    g, u = (to_library(rng.normal(size=(3, n)), library) for n in synapse.sizes)
    slopes = [
        library_of.gradient(lambda y: synapse.energy(y, u), g),
        library_of.gradient(lambda y: synapse.energy(g, y), u),
    ]
    for force, slope in zip(synapse.forces(g, u), slopes, strict=True):
        np.testing.assert_allclose(to_numpy(force), -to_numpy(slope), atol=1e-13)


def test_energy_forces_and_blocks_agree(rng):
    synapse = made(FORMS[1], rng)
    g, u = (rng.normal(size=(4, n)) for n in synapse.sizes)
    signal = synapse.signal(g, u)
    np.testing.assert_array_equal(synapse.energy(g, u), synapse.energy(g, u, signal=signal))
    np.testing.assert_allclose(synapse.energy(g, u), -(g * synapse.forces(g, u)[0]).sum(-1), rtol=1e-12)
    assert (synapse.magnitude(g, u) >= np.abs(synapse.energy(g, u))).all()
    dg, du = (rng.normal(size=x.shape) for x in (g, u))
    np.testing.assert_array_equal(synapse.block(0, 1, du, g, u), synapse.backward(du))
    np.testing.assert_array_equal(synapse.block(1, 0, dg, g, u), synapse.forward(dg))
    assert synapse.block(0, 0, dg, g, u) is None
    assert not synapse.couples(0)
    for position in (0, 1):
        np.testing.assert_array_equal(synapse.response(position, g, u).drive, synapse.forces(g, u)[position])


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_energy_of_a_convolutional_network_falls(library, rng):
    pytest.importorskip(library)
    synapse = made(FORMS[0], rng, library=library)
    network = Network(
        {
            "a": Population(Quadratic(), synapse.sizes[0]),
            "b": Population(LogCosh(2.0), synapse.sizes[1], tau=0.4),
            "c": Population(LogSumExp(3.0), 5, tau=0.2),
        },
        [synapse, Convolution(("b", "c"), to_library(rng.normal(size=(4, 3, 4, 5)), library), shape=(4, 3, 4))],
    )
    states = {n: to_library(rng.normal(size=(3, p.size)), library) for n, p in network.populations.items()}
    assert check_lyapunov(network, states).holds
    for method in (Relaxation(0.5), Relaxation(float("inf"))):
        run = simulate(network, states, t1=4.0, integrator=method, save="all")
        assert run.statistics["guard"] is False
        assert_energy_decreases(run)


def test_stiff_steps_eliminate_a_convolutional_population(rng):
    synapse = made(((5, 4, 1), (2, 2, 1, 2), 1, 0), rng)
    network = Network({"a": Population(Quadratic(), 20), "b": Population(LogCosh(), 24, tau=1e-3)}, [synapse])
    states = {"a": rng.normal(size=20), "b": np.zeros(24)}
    stiff = simulate(network, states, t1=2.0, integrator=Rosenbrock(1e-5, 1e-7), save_at=[2.0])
    fine = simulate(network, states, t1=2.0, integrator=Relaxation(5e-4, order=2), save_at=[2.0])
    np.testing.assert_allclose(stiff.final["a"], fine.final["a"], atol=1e-3)
    assert stiff.statistics["steps"] < 400


def test_moved_to_another_library_it_stays_the_same(library, rng):
    synapse = made(FORMS[1], rng)
    moved = library_of.move(synapse, library)
    g = rng.normal(size=synapse.sizes[0])
    np.testing.assert_allclose(to_numpy(moved.forward(to_library(g, library))), synapse.forward(g), atol=1e-13)
    assert repr(moved) == "Convolution(('a', 'b'), kernel 3x2x2x3, (6, 5, 2) -> (3, 3, 3), stride=2, padding=1)"


def test_what_does_not_fit_is_refused(rng):
    with pytest.raises(ValueError, match=r"got a kernel of shape \(3, 3\)"):
        Convolution(("a", "b"), np.ones((3, 3)), shape=(6, 6, 1))
    with pytest.raises(ValueError, match="One channel is an axis of size 1"):
        Convolution(("a", "b"), np.ones((3, 3, 2, 4)), shape=(6, 6, 1))
    with pytest.raises(ValueError, match="does not fit into"):
        Convolution(("a", "b"), np.ones((7, 7, 1, 4)), shape=(6, 6, 1))
    with pytest.raises(ValueError, match="stride must be a whole number >= 1"):
        Convolution(("a", "b"), np.ones((3, 3, 1, 4)), shape=(6, 6, 1), stride=0)
