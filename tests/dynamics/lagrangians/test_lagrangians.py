"""Lagrangians: value, activation, curvature, dual and tangent agree with one another and stay finite."""

import dataclasses
import functools

import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies as st
import numpy as np
import pytest

from helpers import IN_EACH, LIBRARIES, epsilon, to_library, to_numpy
from hopfield.dynamics import (
    CustomLagrangian,
    Entmax,
    Exponential,
    Lagrangian,
    LayerNorm,
    LogCosh,
    LogSumExp,
    LogSumReLU,
    Max,
    Power,
    Quadratic,
    RectifiedPower,
    Scaled,
    Softplus,
    Sparsemax,
    Spherical,
    SquareRoot,
    Threshold,
    TopK,
    XLogX,
    backend,
    convexity_defect,
    logsumexp,
    softmax,
)

AUTODIFF = [name for name in LIBRARIES if name != "numpy"]
ALL = [
    Quadratic(),
    Quadratic(2.5),
    LogSumExp(),
    LogSumExp(4.0),
    Power(2),
    Power(3, 0.5),
    Power(4, 1.5),
    RectifiedPower(2, 2.0),
    RectifiedPower(3, 0.5),
    Exponential(0.5),
    LogCosh(),
    LogCosh(3.0),
    Softplus(),
    Softplus(3.0),
    Spherical(),
    LayerNorm(),
    LayerNorm(2.0, np.array([0.5, -1.0, 0.0, 2.0, 0.25]), eps=0.1),
    Max(),
    TopK(2),
    Threshold(0.3, 2.0),
    XLogX(),
    XLogX(2.0),
    SquareRoot(),
    SquareRoot(2.0),
    LogSumReLU(),
    LogSumReLU(0.5),
    Sparsemax(0.5),
    Sparsemax(2.0),
    Entmax(1.5),
    Entmax(1.2, 2.0),
    Entmax(1.9, 0.7),
]
CONVEX = [one for one in ALL if one.convex]
SMOOTH = [one for one in ALL if one.smooth]
WITH_BETA = [one for one in ALL if getattr(one, "beta", None) is not None]
WEIGHTS = [one for one in ALL if isinstance(one, LogSumExp | Max | TopK | Sparsemax | Entmax)]
BLIND = [*WEIGHTS, *(one for one in ALL if isinstance(one, Spherical | LayerNorm))]
AT_ZERO = [one for one in SMOOTH if not isinstance(one, XLogX | Spherical | RectifiedPower | SquareRoot)]
POSITIVE = XLogX | SquareRoot
N = 5

quick = hypothesis.settings(max_examples=15, deadline=None, derandomize=True)
numbers = st.floats(-30, 30, width=32)
vectors = hypothesis.extra.numpy.arrays(np.float64, N, elements=numbers)


def everywhere(lagrangians, libraries=LIBRARIES):
    """Every Lagrangian in every library; JAX takes seconds to compile entmax, and gets one of them."""
    pairs = [
        (lagrangian, library)
        for library in libraries
        for lagrangian in lagrangians
        if library != "jax" or not isinstance(lagrangian, Entmax) or lagrangian.alpha == 1.5
    ]
    names = [f"{library}-{lagrangian!r}" for lagrangian, library in pairs]
    return pytest.mark.parametrize(("lagrangian", "library"), pairs, ids=names)


def sampled(lagrangian, rng, shape=(5, N)):
    """States inside the domain and away from kinks."""
    x = rng.standard_normal(shape)
    if isinstance(lagrangian, POSITIVE):
        return 0.2 + np.abs(x)
    if isinstance(lagrangian, LogSumReLU):  # the first neuron always in the support
        x[..., 0] = np.abs(x[..., 0])
        return np.where(np.abs(1 + lagrangian.beta * x) < 0.1, 0.5, x)
    if isinstance(lagrangian, Max | TopK):  # apart by more than any step of a difference quotient
        return rng.permuted(np.broadcast_to(np.arange(shape[-1]), shape), axis=-1) + 0.3 * np.tanh(x)
    if isinstance(lagrangian, RectifiedPower | Threshold):
        return np.where(np.abs(x - 0.15) < 0.1, 1.0, x)
    return x


def inside(lagrangian, x):
    """The nearest states in the domain."""
    return np.abs(x) + 0.01 if isinstance(lagrangian, POSITIVE) else x


def placed(lagrangian, library, dtype):
    """The same Lagrangian with its arrays in a library and dtype."""
    if not isinstance(lagrangian, LayerNorm) or isinstance(lagrangian.delta, float):
        return lagrangian
    return dataclasses.replace(lagrangian, delta=to_library(lagrangian.delta.astype(dtype), library))


def matrix(lagrangian, x):
    """L''(x) for one state."""
    return lagrangian.curvature(np.broadcast_to(x, (len(x), len(x))), np.eye(len(x))).T


def gain(lagrangian):
    beta = getattr(lagrangian, "beta", None)
    return 1.0 if beta is None else beta


def assert_close(actual, desired, dtype=np.float64, factor=64.0):
    """Equal up to rounding of the largest number."""
    actual, desired = to_numpy(actual), to_numpy(desired)
    assert actual.dtype == np.dtype(dtype)
    size = max(1.0, float(np.max(np.abs(desired))))
    np.testing.assert_allclose(actual, desired, rtol=0, atol=factor * epsilon(dtype) * size)


def derivatives(library):
    """The gradient of a function (..., n) -> (...), and the derivative along a direction."""
    if library == "jax":
        import jax

        return (lambda f: jax.grad(lambda x: f(x).sum())), (lambda f, x, u: jax.jvp(f, (x,), (u,))[1])
    import torch.func

    return (lambda f: torch.func.grad(lambda x: f(x).sum())), (lambda f, x, u: torch.func.jvp(f, (x,), (u,))[1])


@functools.cache
def calculator(library):
    """All that a Lagrangian says of states and directions, and what automatic differentiation says."""

    def calculate(lagrangian, x, u, beta):
        answer = {name: getattr(lagrangian, name)(x) for name in ("value", "activation")}
        answer |= {name: getattr(lagrangian, name)(x, u) for name in ("curvature", "tangent")}
        if library == "torch" or (library == "jax" and x.dtype == np.float64):  # float32 compiles all anew
            grad, along = derivatives(library)
            slope = grad(lagrangian.value)
            answer["gradient"] = slope(x)
            answer["activation along"] = along(lagrangian.activation, x, u)
            answer["gradient along"] = along(slope, x, u)
            if beta is not None:
                answer["beta"] = grad(lambda b: dataclasses.replace(lagrangian, beta=b).value(x))(beta)
        return answer

    if library != "jax":
        return calculate
    import jax

    # Without optimisation: compiling is what takes the time here.
    fast = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return jax.jit(calculate, compiler_options=fast)


def calculated(lagrangian, library, x, u):
    """The results of `calculator` as NumPy arrays, in the dtype of x."""
    beta = getattr(lagrangian, "beta", None)
    beta = None if beta is None else to_library(np.asarray(beta, x.dtype), library)
    one = placed(lagrangian, library, x.dtype)
    found = calculator(library)(one, to_library(x, library), to_library(u, library), beta)
    return {name: to_numpy(value) for name, value in found.items()}


def differences(function, x, u, step):
    """Central differences along u."""
    return (function(x + step * u) - function(x - step * u)) / (2 * step)


# --- derivatives agree


@pytest.mark.parametrize("lagrangian", ALL, ids=repr)
def test_activation_is_the_gradient_by_differences(lagrangian, rng):
    x, step = sampled(lagrangian, rng), epsilon(float) ** (1 / 3)
    slopes = [differences(lagrangian.value, x, axis, step) for axis in np.eye(N)]
    # The error of a central difference is step^2 L'''/6 and rounding over the step.
    assert_close(np.stack(slopes, -1), lagrangian.activation(x), factor=100 / step)


@pytest.mark.parametrize("lagrangian", ALL, ids=repr)
def test_curvature_is_the_derivative_by_differences(lagrangian, rng):
    x, u, step = sampled(lagrangian, rng), rng.standard_normal((5, N)), epsilon(float) ** (1 / 3)
    assert_close(differences(lagrangian.activation, x, u, step), lagrangian.curvature(x, u), factor=1000 / step)


@everywhere(ALL, AUTODIFF)
def test_activation_and_curvature_are_the_derivatives(lagrangian, library, rng):
    found = calculated(lagrangian, library, sampled(lagrangian, rng), rng.standard_normal((5, N)))
    assert_close(found["gradient"], found["activation"])
    assert_close(found["activation along"], found["curvature"], factor=500)
    assert_close(found["gradient along"], found["curvature"], factor=500)  # through sorting and bisection, too


@everywhere(AT_ZERO, AUTODIFF)
def test_derivatives_hold_where_all_neurons_are_at_zero(lagrangian, library, rng):
    found = calculated(lagrangian, library, np.zeros((5, N)), rng.standard_normal((5, N)))
    assert_close(found["gradient"], found["activation"])
    assert_close(found["activation along"], found["curvature"])
    assert_close(found["gradient along"], found["curvature"])


@pytest.mark.parametrize("library", AUTODIFF)
def test_a_rectified_neuron_at_its_kink_has_one_slope_everywhere(library):
    along, zero, one = derivatives(library)[1], *(to_library(np.full(1, a), library) for a in (0.0, 1.0))
    lagrangian = RectifiedPower(2)
    assert to_numpy(along(lagrangian.activation, zero, one)) == to_numpy(lagrangian.curvature(zero, one)) == 0


@everywhere(WITH_BETA, AUTODIFF)
def test_derivative_in_beta_is_that_by_differences(lagrangian, library, rng):
    x, step = sampled(lagrangian, rng), epsilon(float) ** (1 / 3)

    def value(beta):
        return dataclasses.replace(lagrangian, beta=beta).value(x).sum()

    found = calculated(lagrangian, library, x, x)["beta"]
    assert_close(found, differences(value, lagrangian.beta, 1.0, step), factor=100 / step)


@everywhere(ALL)
def test_float32_agrees_with_float64(lagrangian, library, rng):
    x, u = sampled(lagrangian, rng), rng.standard_normal((5, N))
    x, u = x.astype(np.float32), u.astype(np.float32)
    found = calculated(lagrangian, library, x, u)
    expected = calculator("numpy")(lagrangian, x.astype(float), u.astype(float), None)
    for name, true in expected.items():
        assert_close(found[name], true, np.float32)


@pytest.mark.parametrize("lagrangian", ALL, ids=repr)
def test_batches_equal_one_by_one(lagrangian, rng):
    x, u = sampled(lagrangian, rng, (2, 3, N)), rng.standard_normal((2, 3, N))
    value, g, c = lagrangian.value(x), lagrangian.activation(x), lagrangian.curvature(x, u)
    assert (value.shape, g.shape, c.shape) == ((2, 3), x.shape, x.shape)
    for index in np.ndindex(2, 3):
        assert_close(value[index], lagrangian.value(x[index]))
        assert_close(g[index], lagrangian.activation(x[index]))
        assert_close(c[index], lagrangian.curvature(x[index], u[index]))
    assert lagrangian.activation(x[:0]).shape == (0, 3, N)
    assert lagrangian.value(x[:0]).shape == (0, 3)


# --- convexity, and what does not change the activation


@pytest.mark.parametrize("lagrangian", CONVEX, ids=repr)
@quick
@hypothesis.given(x=vectors, u=vectors)
def test_convex_ones_have_curvature_without_negative_directions(lagrangian, x, u):
    x = inside(lagrangian, x)
    product = lagrangian.curvature(x, u)
    curvature = matrix(lagrangian, x)
    scale = N * np.max(np.abs(curvature)) + gain(lagrangian)
    slack = 16 * epsilon(float) * scale * N * max(1.0, float(np.max(np.abs(u)))) ** 2
    assert np.sum(u * product) >= -slack
    np.testing.assert_allclose(curvature, curvature.T, rtol=0, atol=16 * epsilon(float) * scale)


@pytest.mark.parametrize("lagrangian", CONVEX, ids=repr)
@quick
@hypothesis.given(x=vectors, y=vectors, part=st.floats(0, 1))
def test_convex_ones_lie_above_their_tangents(lagrangian, x, y, part):
    x, y = inside(lagrangian, x), inside(lagrangian, y)
    value, other, g = lagrangian.value(x), lagrangian.value(y), lagrangian.activation(x)
    slack = 64 * epsilon(float) * (1 + abs(value) + abs(other) + np.sum(np.abs(g) * (np.abs(x) + np.abs(y))))
    assert other >= value + np.sum(g * (y - x)) - slack


@pytest.mark.parametrize("lagrangian", ALL, ids=repr)
def test_convexity_defect_finds_those_that_are_not_convex(lagrangian, rng):
    defect = convexity_defect(lagrangian, sampled(lagrangian, rng, (20, N)))
    assert (defect < -0.1) == (lagrangian.convex is False)
    concave = isinstance(lagrangian, LogSumReLU) or (isinstance(lagrangian, Power) and lagrangian.n % 2 == 1)
    assert lagrangian.convex == (not concave)
    assert defect >= -64 * epsilon(float) or not lagrangian.convex


@pytest.mark.parametrize("lagrangian", BLIND, ids=repr)
@quick
@hypothesis.given(x=vectors, u=vectors)
def test_tangent_removes_only_what_the_curvature_does_not_see(lagrangian, x, u):
    hypothesis.assume(np.linalg.norm(x) > 0.1)
    kept = lagrangian.tangent(x, u)
    size = np.linalg.norm(u) * (np.max(np.abs(matrix(lagrangian, x))) + gain(lagrangian) + 10)
    np.testing.assert_allclose(lagrangian.curvature(x, u - kept), 0, atol=64 * epsilon(float) * size)
    np.testing.assert_allclose(lagrangian.tangent(x, kept), kept, atol=64 * epsilon(float) * size)


@pytest.mark.parametrize("lagrangian", BLIND, ids=repr)
def test_tangent_takes_one_direction_out(lagrangian, rng):
    x = sampled(lagrangian, rng, (N,))
    projection = lagrangian.tangent(np.broadcast_to(x, (N, N)), np.eye(N))
    assert np.linalg.matrix_rank(projection, tol=1e4 * epsilon(float)) == N - 1


@pytest.mark.parametrize("lagrangian", [one for one in ALL if one not in BLIND], ids=repr)
def test_tangent_leaves_the_others_alone(lagrangian, rng):
    u = rng.standard_normal((5, N))
    assert lagrangian.tangent(sampled(lagrangian, rng), u) is u


@pytest.mark.parametrize("lagrangian", ALL, ids=repr)
def test_flags_are_true(lagrangian, rng):
    x = sampled(lagrangian, rng, (40, N))
    g = lagrangian.activation(x)
    assert lagrangian.nonnegative == bool((g >= 0).all())
    assert lagrangian.identity == (g is x)
    far = np.max(np.abs(lagrangian.activation(50 * x)))
    assert far <= 2 * N if lagrangian.bounded else far > np.log(50)
    curvature = np.stack([matrix(lagrangian, one) for one in x])
    diagonal = np.abs(curvature * (1 - np.eye(N))).max() == 0
    assert diagonal if lagrangian.elementwise else not diagonal or not lagrangian.smooth


# --- dual and gain


@everywhere(ALL, [name for name in LIBRARIES if name != "jax"])
def test_dual_gives_a_state_of_the_activation(lagrangian, library, rng):
    lagrangian, x = placed(lagrangian, library, np.float64), to_library(sampled(lagrangian, rng), library)
    if isinstance(lagrangian, LayerNorm):  # its dual is exact but for eps
        lagrangian = dataclasses.replace(lagrangian, eps=epsilon(float))
    g = lagrangian.activation(x)
    state = lagrangian.dual(g)
    assert_close(lagrangian.activation(state), g)
    if isinstance(lagrangian, Power) and not lagrangian.convex:  # of its two roots
        assert (to_numpy(state) >= 0).all()


@pytest.mark.parametrize("lagrangian", ALL, ids=repr)
@pytest.mark.parametrize("beta", [0.25, 1, 3.0])
def test_scaled_is_the_value_at_beta_x_over_beta(lagrangian, beta, rng):
    x, u = sampled(lagrangian, rng), rng.standard_normal((5, N))
    other = lagrangian.scaled(beta)
    assert_close(other.value(x), lagrangian.value(beta * x) / beta)
    assert_close(other.activation(x), lagrangian.activation(beta * x))
    assert_close(other.curvature(x, u), beta * lagrangian.curvature(beta * x, u), factor=500)


@pytest.mark.parametrize("lagrangian", ALL, ids=repr)
def test_the_value_at_a_known_activation_is_the_value(lagrangian, rng, library):
    x, one = to_library(sampled(lagrangian, rng), library), backend.move(lagrangian, library)
    assert_close(one.value_at(x, one.activation(x)), one.value(x))


def test_a_log_sum_exp_of_which_the_weights_are_known_neither_overflows_nor_loses_a_tie(library):
    x = to_library(np.array([[1e4, 1e4, 0.0], [-1e4, -2e4, -3e4]]), library)
    one = LogSumExp(2.0)
    np.testing.assert_allclose(to_numpy(one.value_at(x, one.activation(x))), [1e4 + np.log(2) / 2, -1e4], rtol=1e-15)


def test_a_value_of_ones_own_is_the_value_at_a_known_activation():
    class Raised(LogSumExp):
        def value(self, x):
            return super().value(x) + 1

    one, x = Raised(2.0), np.array([0.3, -1.0])
    assert one.value_at(x, one.activation(x)) == one.value(x) == pytest.approx(LogSumExp(2.0).value(x) + 1)


@pytest.mark.parametrize("kind", ["jax", "torch"])
def test_the_slope_of_a_value_at_a_known_activation_is_the_activation(kind):
    pytest.importorskip(kind)
    one, x = LogSumExp(2.0), to_library(np.array([0.3, 0.3, -1.0]), kind)
    slope = backend.gradient(lambda y: one.value_at(y, one.activation(y)), x, "a test")
    assert_close(slope, one.activation(x))


@pytest.mark.parametrize("within", [LogCosh(), Spherical(), LogSumExp(), LayerNorm(), XLogX()], ids=repr)
def test_any_lagrangian_scales_as_one_with_a_gain_of_its_own_does(within, rng):
    x, u, dx = sampled(within, rng), rng.standard_normal((5, N)), rng.standard_normal((5, N))
    for one, other in (
        (Scaled(within, 3.0), within.scaled(3.0)),
        (Scaled(within, 3.0), Scaled(within, 1.5).scaled(2.0)),
    ):
        g = one.activation(x)
        assert_close(g, other.activation(x))
        assert_close(one.value(x), other.value(x))
        assert_close(one.curvature(x, u), other.curvature(x, u), factor=500)
        assert_close(one.linearised(x, g)(u), other.curvature(x, u), factor=500)
        assert_close(one.activation(one.dual(g)), other.activation(other.dual(g)), factor=500)
        assert_close(one.tangent(x, u), other.tangent(x, u))
        assert (one.turns, one.leakless, one.rests, one.convex, one.domain, one.checked) == (
            *(other.turns, other.leakless, other.rests, other.convex, other.domain, other.checked),
        )
        if one.turns:
            assert_close(one.tangent_change(x, u, dx), other.tangent_change(x, u, dx), factor=500)
        if one.leakless:
            assert_close(one.leakless_step(x, u, 0.3), other.leakless_step(x, u, 0.3), factor=500)


# --- large and special numbers

FAR = [one for one in ALL if not isinstance(one, Exponential)]  # its value does not fit into float32 there
EXTREMES = np.array(
    [
        [1e3, 1e3, 1e3, 1e3, 1e3],
        [-1e3, -1e3, -1e3, -1e3, -1e3],
        [1e3, -1e3, 0.0, 5e2, 1e3],
        [1e-3, -1e3, 1e-3, 0.0, 1e-30],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    dtype=np.float32,
)


def extremes(lagrangian):
    return np.maximum(np.abs(EXTREMES), np.float32(1e-12)) if isinstance(lagrangian, POSITIVE) else EXTREMES


@everywhere(FAR)
def test_large_states_are_no_trouble(lagrangian, library, dtype):
    x = extremes(lagrangian).astype(dtype)
    u = np.linspace(-1, 1, N, dtype=dtype) + 0 * x
    found = calculated(lagrangian, library, x, u)
    expected = calculator("numpy")(lagrangian, x.astype(float), u.astype(float), None)
    if isinstance(lagrangian, POSITIVE):  # 1/x at 1e-12 does not fit with what is around it
        expected.pop("curvature")
    for name, true in expected.items():
        for row, wanted in zip(found[name], true, strict=True):  # each sample by its own size
            assert_close(row, wanted, dtype, factor=256)
    assert all(np.isfinite(value).all() for value in found.values())  # derivatives among them


def test_softmax_stays_exact_across_a_gap_of_ten_thousand(library, dtype):
    x = to_library(np.array([0.0, 1e4, -1e4, 1e4], dtype), library)
    assert to_numpy(softmax(x)).tolist() == [0, 0.5, 0, 0.5]
    assert_close(logsumexp(x), np.float64(1e4 + np.log(2)), dtype, factor=2)
    assert to_numpy(LogSumExp(10.0).activation(x)).tolist() == [0, 0.5, 0, 0.5]
    assert to_numpy(LogSumExp(10.0).curvature(x, x)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("lagrangian", "expected"),
    [
        (Max(), [0, 1, 0, 0, 0]),
        (TopK(1), [0, 1, 0, 0, 0]),
        (TopK(2), [0, 1, 1, 0, 0]),
        (TopK(3), [0, 1, 1, 0, 1]),
        (TopK(4), [1, 1, 1, 0, 1]),
    ],
    ids=repr,
)
def test_ties_go_to_the_lowest_index(lagrangian, expected, library, dtype):
    x = np.full((5, N), [2, 3, 3, 2, 3], dtype)
    assert to_numpy(lagrangian.activation(to_library(x, library))).tolist() == [expected] * 5


def test_ties_go_to_the_lowest_index_among_many(library):
    x = to_library(np.zeros(1000), library)
    assert to_numpy(Max().activation(x)).nonzero()[0].tolist() == [0]
    assert to_numpy(TopK(30).activation(x)).nonzero()[0].tolist() == list(range(30))


def test_the_sphere_is_tame_at_its_centre(library, dtype):
    found = calculated(Spherical(), library, np.zeros((5, N), dtype), np.ones((5, N), dtype))
    assert (found["value"] == 0).all()
    assert (found["activation"] == 0).all()
    assert all(np.isfinite(value).all() for value in found.values())
    tiny = np.full((5, N), [3e-30, 4e-30, 0, 0, 0], dtype)  # squares that underflow in float32
    unit = np.full((5, N), [0.6, 0.8, 0, 0, 0])
    assert_close(calculated(Spherical(), library, tiny, tiny)["activation"], unit, dtype, factor=4)


def test_x_log_x_says_where_it_is_not_defined(library, dtype):
    x = to_library(np.array([0.0, 1.0], dtype), library)
    assert to_numpy(XLogX().value(x)) == -1
    assert to_numpy(XLogX().activation(x)).tolist() == [-np.inf, 0]
    below = to_library(np.array([-1.0, 1.0], dtype), library)
    assert np.isnan(to_numpy(XLogX().value(below)))
    assert np.isnan(to_numpy(XLogX().activation(below))).tolist() == [True, False]


def test_square_root_says_where_it_is_not_defined(library, dtype):
    x = to_library(np.array([0.0, 4.0], dtype), library)
    assert to_numpy(SquareRoot().activation(x)).tolist() == [0, 2]
    assert_close(SquareRoot().value(x), np.float64(16 / 3), dtype)
    below = to_library(np.array([-1.0, 4.0], dtype), library)
    assert np.isnan(to_numpy(SquareRoot().value(below)))
    assert np.isnan(to_numpy(SquareRoot().activation(below))).tolist() == [True, False]


@IN_EACH
def test_log_sum_relu_without_support_is_zero_and_finite(library, dtype):
    x = to_library(np.array([[-1.0, -3.0], [-0.5, -3.0]], dtype), library)
    lagrangian = LogSumReLU()
    assert to_numpy(lagrangian.activation(x)).tolist() == [[0, 0], [2, 0]]
    assert_close(lagrangian.value(x), np.log([1e-30, 0.5]), dtype)
    assert to_numpy(lagrangian.curvature(x, x))[0].tolist() == [0, 0]
    g = lagrangian.activation(x)
    assert_close(lagrangian.activation(lagrangian.dual(g)), g, dtype)


@pytest.mark.parametrize("lagrangian", FAR, ids=repr)
def test_nan_is_passed_on(lagrangian):
    x = np.abs(np.linspace(0.5, 1.5, N))
    x[2] = np.nan
    assert np.isnan(lagrangian.value(x))


# --- weights


@pytest.mark.parametrize("lagrangian", WEIGHTS, ids=repr)
@quick
@hypothesis.given(
    x=hypothesis.extra.numpy.arrays(np.float32, (2, 7), elements=st.floats(-1e4, 1e4, width=32)),
    single=st.booleans(),
)
def test_weights_sum_to_one(lagrangian, x, single):
    x = x if single else x.astype(float)
    weights = lagrangian.activation(x)
    assert weights.dtype == x.dtype
    assert (weights >= 0).all()
    expected = lagrangian.k if isinstance(lagrangian, TopK) else 1
    np.testing.assert_allclose(weights.sum(-1), expected, rtol=32 * epsilon(x.dtype))


@pytest.mark.parametrize("lagrangian", [one for one in WEIGHTS if not isinstance(one, Max | TopK)], ids=repr)
def test_weights_maximise_their_value(lagrangian, rng):
    """L(x) is the largest p.x - S(p) over weights p, so that no other weights do better."""
    x, a = rng.standard_normal(N), getattr(lagrangian, "alpha", 1.0)

    def gain_of(p):
        safe = np.where(p > 0, p, 1.0)
        entropy = -np.sum(p * np.log(safe)) if a == 1 else (1 - np.sum(p**a)) / (a * (a - 1))
        return p @ x + entropy / lagrangian.beta

    best = lagrangian.value(x)
    assert_close(gain_of(lagrangian.activation(x)), best)
    others = rng.dirichlet(np.full(N, 0.5), 200)
    assert max(gain_of(p) for p in others) <= best


@quick
@hypothesis.given(x=vectors, u=vectors)
def test_entmax_two_is_sparsemax(x, u):
    ours, theirs = Entmax(2.0, 0.7), Sparsemax(0.7)
    assert_close(ours.value(x), theirs.value(x))
    assert_close(ours.activation(x), theirs.activation(x))
    p = theirs.activation(x)
    if np.min(np.where(p > 0, p, 1.0)) > 1e6 * epsilon(float):  # else their supports may differ by rounding
        assert_close(ours.curvature(x, u), theirs.curvature(x, u), factor=1e6)


def test_entmax_tends_to_softmax(rng):
    x = rng.standard_normal((4, N))
    near, far = (np.abs(Entmax(a).activation(x) - softmax(x)).max() for a in (1.0001, 1.1))
    assert near < 1e-3 < far
    np.testing.assert_allclose(Entmax(1.0001).value(x), logsumexp(x), atol=1e-3)


@everywhere([Sparsemax(), Entmax(1.5, 2.0)])
def test_sparse_weights_are_exactly_zero(lagrangian, library, dtype):
    x = np.full((5, N), [2.0, 1.9, 0.0, -3.0, 0.1], dtype)
    found = calculated(lagrangian, library, x, x)
    assert ((found["activation"] > 0) == [True, True, False, False, False]).all()
    assert ((found["curvature"] != 0) == [True, True, False, False, False]).all()


# --- what is refused


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Power(1), "whole number >= 2, got 1"),
        (lambda: Power(2.5), "whole number >= 2, got 2.5"),
        (lambda: RectifiedPower(1), "whole number >= 2, got 1"),
        (lambda: RectifiedPower(3.0), "whole number >= 2, got 3.0"),
        (lambda: TopK(0), "whole number >= 1, got 0"),
        (lambda: TopK(1.5), "whole number >= 1, got 1.5"),
        (lambda: Entmax(1.0), "alpha = 1 is softmax"),
        (lambda: Entmax(2.5), "1 < alpha <= 2, got 2.5"),
        (lambda: LayerNorm(0.0), "gamma must be > 0"),
        (lambda: CustomLagrangian(double_well, beta=-1.0), "beta must be > 0"),
    ],
)
def test_parameters_out_of_range_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("beta", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("lagrangian", WITH_BETA, ids=repr)
def test_a_gain_that_is_not_positive_is_refused(lagrangian, beta):
    with pytest.raises(ValueError, match="beta must be > 0"):
        dataclasses.replace(lagrangian, beta=beta)
    if lagrangian.scaled(2.0) is not lagrangian:
        with pytest.raises(ValueError, match="beta must be > 0"):
            lagrangian.scaled(beta)


@pytest.mark.parametrize("library", AUTODIFF)
def test_a_gain_of_another_library_is_checked_and_kept(library):
    good, bad = to_library(2.0, library), to_library(-2.0, library)
    assert LogCosh(good).beta is good
    with pytest.raises(ValueError, match="beta must be > 0"):
        LogCosh(bad)


def test_top_k_needs_k_neurons(library):
    with pytest.raises(ValueError, match="needs at least 4 neurons, got 3"):
        TopK(4).activation(to_library(np.ones(3), library))


# --- your own


def double_well(x):
    return (x**4).sum(-1) / 4 - (x**2).sum(-1) / 2


class ValueOnly(Lagrangian):
    """The least that a subclass gives."""

    def value(self, x):
        return double_well(x)


@pytest.mark.parametrize("library", AUTODIFF)
@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_a_value_is_enough_where_there_is_autodiff(library, beta, rng):
    x, u = (to_library(rng.standard_normal((5, N)), library) for _ in range(2))
    for lagrangian in (CustomLagrangian(double_well, beta=beta), CustomLagrangian(double_well).scaled(beta)):
        assert_close(lagrangian.value(x), double_well(beta * x) / beta)
        assert_close(lagrangian.activation(x), (beta * x) ** 3 - beta * x)
        assert_close(lagrangian.curvature(x, u), beta * (3 * (beta * x) ** 2 - 1) * u)
    assert_close(ValueOnly().curvature(x, u), (3 * x**2 - 1) * u)


def test_what_numpy_cannot_derive_is_named(rng):
    x = rng.standard_normal((5, N))
    with pytest.raises(TypeError, match="give the Lagrangian its `gradient` by hand"):
        CustomLagrangian(double_well).activation(x)
    with pytest.raises(TypeError, match="give the Lagrangian its `product` by hand"):
        CustomLagrangian(double_well, lambda x: x**3 - x).curvature(x, x)
    with pytest.raises(TypeError, match=r"give ValueOnly\.activation by hand, or use JAX or PyTorch"):
        ValueOnly().activation(x)
    with pytest.raises(TypeError, match="no `dual`"):
        ValueOnly().dual(x)
    assert_close(ValueOnly().scaled(2.0).value(x), ValueOnly().value(2 * x) / 2)
    assert isinstance(ValueOnly().scaled(1.0), ValueOnly)


def test_a_lagrangian_of_your_own_by_hand(library, rng):
    x, u = (to_library(rng.standard_normal((5, N)), library) for _ in range(2))
    ours = CustomLagrangian(
        lambda x: (x**4).sum(-1) / 4,
        gradient=lambda x: x**3,
        product=lambda x, u: 3 * x**2 * u,
        inverse=lambda g: abs(g) ** (1 / 3) * (2 * (g > 0) - 1),
        is_convex=True,
        is_elementwise=True,
    ).scaled(1.5)
    theirs = Power(4, 1.5)
    assert_close(ours.value(x), theirs.value(x))
    assert_close(ours.activation(x), theirs.activation(x))
    assert_close(ours.curvature(x, u), theirs.curvature(x, u))
    assert_close(ours.dual(theirs.activation(x)), x)
    assert (ours.convex, ours.elementwise) == (True, True)
    assert CustomLagrangian(double_well).convex is None


@functools.cache
def _slow_growth():
    return CustomLagrangian(lambda x: (x * x + 1).sum(-1), lambda x: 2 * x, lambda x, u: 2 * u)


def test_convexity_defect_looks_at_one_state_or_many(library):
    x = to_library(np.zeros(3), library)
    assert convexity_defect(_slow_growth(), x) == pytest.approx(2)
    assert convexity_defect(Power(4), x) == 0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_log_cosh_keeps_its_accuracy_from_small_states_to_large_ones(library, dtype):
    x = np.array([0.0, 1e-18, -3e-9, 1e-4, 0.5, -0.999, 1.001, 9.0, 39.99, 40.0, -40.01, 88.0, 1e3, -1e30], dtype)
    z = np.abs(x.astype(np.longdouble))
    expected = np.where(z < 0.1, z**2 / 2 - z**4 / 12, z + np.log1p(np.exp(-2 * z)) - np.log(np.longdouble(2)))
    found = to_numpy(LogCosh().value(to_library(x[:, None], library)))
    np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=1e-5 if dtype == "float32" else 1e-9)
    ends = to_numpy(LogCosh().value(to_library(np.array([[np.inf], [-np.inf], [np.nan]], dtype), library)))
    assert np.isposinf(ends[:2]).all()
    assert np.isnan(ends[2])
