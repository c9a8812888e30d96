"""Synapses: forces, blocks and signals follow from the energy, and responses say how a force answers."""

import itertools

import numpy as np
import pytest

from helpers import LIBRARIES, epsilon, to_library, to_numpy
from hopfield.dynamics import (
    Bilinear,
    EquilibriumSynapse,
    Exponential,
    LogSumExp,
    Network,
    Population,
    Power,
    Quadratic,
    Recurrent,
    SimilaritySynapse,
    Softplus,
    Synapse,
    TopK,
    backend,
)
from hopfield.models import Cosine, Dot, Euclidean, Manhattan

AUTODIFF = [name for name in LIBRARIES if name != "numpy"]
BATCH = 3


def _patterns(kind, size, width, seed):
    return kind.prepare(np.random.default_rng(seed).standard_normal((size, width)))


def _square(seed, symmetric):
    weights = np.random.default_rng(seed).standard_normal((4, 4))
    return weights + weights.T if symmetric else weights


CASES = {
    "bilinear": Bilinear(("a", "b"), np.random.default_rng(1).standard_normal((4, 3))),
    "bilinear with itself": Bilinear(("a", "a"), _square(2, False)),
    "recurrent": Recurrent(("a",), _square(3, True)),
    "asymmetric": Recurrent(("a",), _square(4, False)),
    "dot": SimilaritySynapse(("a", "b"), Dot(), _patterns(Dot(), 3, 4, 5)),
    "euclidean": SimilaritySynapse(("a", "b"), Euclidean(), _patterns(Euclidean(), 3, 4, 6)),
    "cosine": SimilaritySynapse(("a", "b"), Cosine(), _patterns(Cosine(), 3, 4, 7)),
    "manhattan": SimilaritySynapse(("a", "b"), Manhattan(), _patterns(Manhattan(), 3, 4, 8)),
    "equilibrium": EquilibriumSynapse(
        ("a", "b"),
        (Dot(), Euclidean()),
        (_patterns(Dot(), 5, 4, 9), _patterns(Euclidean(), 5, 3, 10)),
        LogSumExp(1.5),
        0.7,
        np.linspace(-1, 1, 5),
    ),
    "equilibrium with cosine": EquilibriumSynapse(
        ("a",), (Cosine(),), (_patterns(Cosine(), 5, 4, 11),), Softplus(2.0), 1.0
    ),
}
WIDTH = {"a": 4, "b": 3}
cases = pytest.mark.parametrize("name", CASES)
smooth_cases = pytest.mark.parametrize("name", [name for name in CASES if name != "manhattan"])


def activations(synapse, rng, library="numpy"):
    if synapse.between == ("a", "a"):  # one population, seen twice
        return (to_library(rng.standard_normal((BATCH, 4)), library),) * 2
    return tuple(to_library(rng.standard_normal((BATCH, WIDTH[end])), library) for end in synapse.between)


def gradients(synapse, g, library):
    """Both gradients of the energy: by hand, and by automatic differentiation."""

    def both(synapse, g):
        def total(g):
            return synapse.energy(*g).sum()

        if library == "jax":
            import jax

            return synapse.energy_gradient(*g), jax.grad(total)(g)
        import torch.func

        return synapse.energy_gradient(*g), torch.func.grad(total)(g)

    return quickly(both, library)(synapse, g)


def blocks(synapse, g, u, library):
    """By (target, source): the block, the block with the signal given, the derivative of the force."""

    def every(synapse, g, u):
        found, signal = {}, synapse.signal(*g)
        shared = {} if signal is None else {"signal": signal}
        for target, source in itertools.product(range(len(g)), repeat=2):

            def force(y, target=target, source=source):
                return synapse.forces(*g[:source], y, *g[source + 1 :])[target]

            found[target, source] = (
                synapse.block(target, source, u[source], *g),
                synapse.block(target, source, u[source], *g, **shared),
                directional(force, g[source], u[source], library),
            )
        return found

    return quickly(every, library)(synapse, g, u)


def quickly(function, library):
    """The function, on JAX compiled without optimisation, which is what takes the time here."""
    if library != "jax":
        return function
    import jax

    fast = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return jax.jit(function, compiler_options=fast)


def directional(function, x, u, library):
    """The derivative of a function of one array along u."""
    if library == "jax":
        import jax

        return jax.jvp(function, (x,), (u,))[1]
    if library == "torch":
        import torch.func

        return torch.func.jvp(function, (x,), (u,))[1]
    step = epsilon(float) ** (1 / 3)
    return (function(x + step * u) - function(x - step * u)) / (2 * step)


def assert_close(actual, desired, scale=1.0, factor=256.0):
    actual, desired = to_numpy(actual), to_numpy(desired)
    size = max(1.0, float(np.max(np.abs(desired))), float(np.max(np.abs(scale))))
    np.testing.assert_allclose(actual, desired, rtol=0, atol=factor * epsilon(float) * size)


def slack(library):
    """How many eps a derivative is off: rounding only, or the error of a central difference."""
    return 256.0 if library != "numpy" else 1000 / epsilon(float) ** (1 / 3)


def changed(g, position, y):
    return (*g[:position], y, *g[position + 1 :])


# --- everything follows from the energy


@pytest.mark.parametrize("library", AUTODIFF)
@cases
def test_gradient_is_that_of_the_energy(name, library, rng):
    synapse = CASES[name]
    g = activations(synapse, rng, library)
    synapse = backend.move(synapse, library)
    for slope, true in zip(*gradients(synapse, g, library), strict=True):
        assert_close(slope, true)


@cases
def test_gradient_is_that_by_differences(name, rng):
    synapse = CASES[name]
    g = activations(synapse, rng)
    for k, slope in enumerate(synapse.energy_gradient(*g)):
        u = rng.standard_normal(g[k].shape)
        found = directional(lambda y, k=k: synapse.energy(*changed(g, k, y)), g[k], u, "numpy")
        assert_close((slope * u).sum(-1), found, factor=slack("numpy"))


@cases
def test_forces_are_minus_the_gradient_where_there_is_one(name, rng):
    synapse = CASES[name]
    g = activations(synapse, rng)
    pairs = zip(synapse.forces(*g), synapse.energy_gradient(*g), strict=True)
    gap = max(float(np.abs(force + slope).max()) for force, slope in pairs)
    assert (gap <= 64 * epsilon(float)) == synapse.conservative
    assert synapse.conservative == (name != "asymmetric")


@smooth_cases
def test_blocks_are_the_derivatives_of_the_forces(name, library, rng):
    synapse = CASES[name]
    g = activations(synapse, rng, library)
    synapse = backend.move(synapse, library)
    u = tuple(to_library(rng.standard_normal(one.shape), library) for one in g)
    for block, with_signal, true in blocks(synapse, g, u, library).values():
        if block is None:
            assert with_signal is None
            assert float(abs(true).max()) == 0
        else:
            assert_close(block, true, factor=slack(library))
            assert_close(with_signal, block)


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "jax"])
@cases
def test_a_signal_that_is_given_is_used(name, library, rng):
    synapse = CASES[name]
    g = activations(synapse, rng, library)
    synapse = backend.move(synapse, library)
    signal = synapse.signal(*g)
    if signal is None:
        assert name in ("bilinear", "bilinear with itself", "recurrent", "asymmetric")
        return
    assert (to_numpy(synapse.energy(*g, signal=signal)) == to_numpy(synapse.energy(*g))).all()
    for one, other in zip(synapse.forces(*g, signal=signal), synapse.forces(*g), strict=True):
        assert (to_numpy(one) == to_numpy(other)).all()
    assert np.abs(to_numpy(synapse.energy(*g, signal=2 * signal)) - to_numpy(synapse.energy(*g))).min() > 0
    for k in range(len(g)):  # what the signal does not depend on may change
        other = changed(g, k, g[k] + 1)
        same = bool((to_numpy(synapse.signal(*other)) == to_numpy(signal)).all())
        assert same == (k not in synapse.signal_of)


@cases
def test_sizes_are_the_widths(name, rng):
    synapse = CASES[name]
    assert synapse.sizes == tuple(WIDTH[end] for end in synapse.between)
    g = activations(synapse, rng)
    assert synapse.energy(*g).shape == (BATCH,)
    assert [force.shape for force in synapse.forces(*g)] == [one.shape for one in g]


@cases
def test_magnitude_bounds_the_rounding_of_the_energy(name, rng):
    synapse = CASES[name]
    for offset in (0.0, 30.0):
        g = [(one + offset).astype(np.float32) for one in activations(synapse, rng)]
        exact = synapse.energy(*(one.astype(float) for one in g))
        found = backend.move(synapse, "numpy", dtype="float32").energy(*g)
        magnitude = synapse.magnitude(*(one.astype(float) for one in g))
        assert found.dtype == np.float32
        assert (np.abs(found - exact) <= 64 * epsilon("float32") * magnitude).all()


@cases
def test_a_response_is_the_force_on_one_population(name, rng):
    """Affine in that population's own activation, or frozen at it, or with a step of its own."""
    synapse = CASES[name]
    g = activations(synapse, rng)
    g = (g[0], *(np.abs(f) for f in g[1:]))  # weights, as the synapses were told
    for k, force in enumerate(synapse.forces(*g)):
        answer = synapse.response(k, *g)
        if answer.step is None:
            assert_close(answer.drive - answer.stiffness * g[k], force)
        else:  # the beginning of the step goes along the force
            ratio = epsilon(float) ** 0.5
            assert_close((answer.step(g[k], None, 0.0, ratio) - g[k]) / ratio, force, factor=10 / ratio)


def test_an_affine_response_is_frozen_where_it_should_be(rng):
    synapse = CASES["euclidean"]
    g = activations(synapse, rng)
    other = changed(g, 0, g[0] + 1)
    one, two = synapse.response(0, *g), synapse.response(0, *other)
    assert (one.drive == two.drive).all()
    assert (one.stiffness == two.stiffness).all()


# --- promises


def test_promises_that_the_energy_falls_are_those_of_the_design():
    for kind, promised in ((Dot(), True), (Cosine(), True), (Euclidean(), False), (Manhattan(), False)):
        memories = _patterns(kind, 3, 4, 1)
        for nonnegative in (True, False):
            synapse = SimilaritySynapse(("a", "b"), kind, memories, nonnegative)
            assert synapse.answer(0).falls == (promised or nonnegative), kind
            assert synapse.answer(1).falls
        for lagrangian in (LogSumExp(), Exponential(0.1), Quadratic(), Power(3)):
            alone = EquilibriumSynapse(("a",), (kind,), (memories,), lagrangian)
            expected = lagrangian.convex and (promised or lagrangian.nonnegative)
            assert alone.answer(0).falls == expected, (kind, lagrangian)
    assert Bilinear(("a", "b"), np.ones((4, 3))).answer(0).falls
    assert not Recurrent(("a",), np.eye(4)).answer(0).falls
    assert Recurrent(("a",), np.eye(4), positive=True).answer(0).falls


def test_smoothness_is_that_of_the_parts():
    assert CASES["euclidean"].smooth
    assert not CASES["manhattan"].smooth
    assert CASES["equilibrium"].smooth
    memories = np.ones((3, 4))
    assert not EquilibriumSynapse(("a",), (Manhattan(),), (Manhattan().prepare(memories),), LogSumExp()).smooth
    assert not EquilibriumSynapse(("a",), (Dot(),), (memories,), TopK(2)).smooth


def test_a_kink_is_half_the_width_of_the_set_of_forces():
    kind = Manhattan()
    patterns = kind.prepare(np.array([[0.0, 1.0], [0.0, 2.0], [5.0, 1.0]]))
    f, g = np.array([0.2, 0.3, 0.5]), np.array([0.0, 1.0])
    synapse = SimilaritySynapse(("a", "b"), kind, patterns)
    assert_close(synapse.kink(0, g, f), [0.5, 0.7])
    assert synapse.kink(1, g, f) is None
    alone = EquilibriumSynapse(("a",), (kind,), (patterns,), LogSumExp())
    assert_close(alone.kink(0, g), kind.kink(patterns, g, alone.weights(g)))
    assert CASES["equilibrium"].kink(0, np.ones(4), np.ones(3)) is None


# --- symmetry of a recurrent coupling


@pytest.mark.parametrize(("noise", "expected"), [(0.0, True), (2.0, True), (1000.0, False)])
def test_symmetry_is_told_up_to_rounding(noise, expected, library, dtype):
    weights = _square(5, True).astype(dtype)
    weights[0, 1] += noise * epsilon(dtype) * np.abs(weights).max()
    synapse = Recurrent(("a",), to_library(weights, library))
    assert synapse.symmetric is expected
    assert synapse.conservative is expected
    assert Recurrent(("a",), to_library(weights, library), symmetric=not expected).conservative is not expected


def test_no_coupling_at_all_is_symmetric():
    assert Recurrent(("a",), np.zeros((3, 3))).conservative


# --- memory neurons in equilibrium


def test_memory_neurons_see_the_sum_of_the_scores(library, rng):
    synapse = CASES["equilibrium"]
    g = activations(synapse, rng)
    scores = [s.scores(m, one) for s, m, one in zip(synapse.similarities, synapse.memories, g, strict=True)]
    h = (sum(scores) + synapse.bias) / 0.7
    there, arrays = backend.move(synapse, library), [to_library(one, library) for one in g]
    assert_close(there.signal(*arrays), h)
    assert_close(there.weights(*arrays), synapse.lagrangian.activation(h))
    assert_close(there.energy(*arrays), -0.7 * synapse.lagrangian.value(h))


# --- your own


class Quartic(Synapse):
    """The least that a subclass gives: |g|^2 |f|^2/4 + sum g."""

    between = ("a", "b")

    def energy(self, *g):
        return (g[0] ** 2).sum(-1) * (g[1] ** 2).sum(-1) / 4 + g[0].sum(-1)


@pytest.mark.parametrize("library", AUTODIFF)
def test_an_energy_is_enough_where_there_is_autodiff(library, rng):
    synapse = Quartic()
    g = activations(synapse, rng, library)
    squares = [(one**2).sum(-1)[..., None] for one in g]
    expected = -g[0] * squares[1] / 2 - 1, -g[1] * squares[0] / 2
    u = to_library(rng.standard_normal(g[1].shape), library)
    network = Network({"a": Population(Quadratic(), 4), "b": Population(Softplus(), 3)}, [synapse])

    def derived(g, u):
        rate = network.energy_rate({"a": g[0], "b": g[1]})
        return synapse.forces(*g), synapse.block(0, 1, u, *g), synapse.response(1, *g).drive, rate

    forces, block, drive, rate = quickly(derived, library)(g, u)
    for force, true in zip(forces, expected, strict=True):
        assert_close(force, true)
    assert_close(block, -g[0] * (g[1] * u).sum(-1)[..., None])
    assert_close(drive, expected[1])
    assert (to_numpy(rate) < 0).all()


def test_numpy_needs_the_forces_by_hand(rng):
    g = activations(Quartic(), rng)
    with pytest.raises(TypeError, match=r"give Quartic\.forces by hand"):
        Quartic().forces(*g)
    assert (Quartic().magnitude(*g) == np.abs(Quartic().energy(*g))).all()
    assert Quartic().sizes == (None, None)


# --- what is refused


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Recurrent(("a",), np.ones((2, 3))), r"W must be a square matrix, got shape \(2, 3\)"),
        (lambda: Recurrent(("a",), np.ones(3)), r"W must be a square matrix, got shape \(3,\)"),
        (lambda: Bilinear(("a", "b"), np.ones(3)), r"W must be a matrix \(n_a, n_b\), got shape \(3,\)"),
    ],
)
def test_weights_that_are_no_matrix_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_couplings_may_be_lists_and_whole_numbers():
    for weights in (np.array([[0, 1], [1, 0]]), [[0.0, 1.0], [1.0, 0.0]]):
        for synapse in (Recurrent(("x",), weights), Bilinear(("x", "y"), weights)):
            assert synapse.weights.dtype == np.float64
            np.testing.assert_array_equal(synapse.weights, [[0, 1], [1, 0]])
    with pytest.raises(TypeError, match="missing 1 required positional argument"):  # nothing to be None
        Bilinear(("a", "b"))
    with pytest.raises(ValueError, match=r"Dot\(\) holds no patterns: write Dot\(patterns\)"):
        SimilaritySynapse(("v", "h"), Dot())
