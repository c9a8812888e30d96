"""Similarities against plain loops, their derivatives against autodiff, their steps against other solvers."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from helpers import IN_EACH, to_library, to_numpy
from hopfield.dynamics import EquilibriumSynapse, LogSumExp, Network, Population, Quadratic, SimilaritySynapse
from hopfield.dynamics.backend._threads import processors
from hopfield.models import Cosine, Custom, Dot, Euclidean, Hamming, Manhattan, UniversalHopfield, similarity
from hopfield.models.measures import SIMILARITIES

# torch itself scripts a function when forward derivatives are first asked for
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")

NAMES = ["dot", "cosine", "euclidean", "manhattan", "custom"]
SMOOTH_STEPS = ["dot", "cosine", "euclidean"]


def cubic(memories, g):
    return (g @ memories.T) ** 3 / 10


def cubic_force(memories, g, f):
    return (0.3 * f * (g @ memories.T) ** 2) @ memories


def build(name):
    return Custom(cubic, cubic_force) if name == "custom" else similarity(name)


def one_score(name, m, g):
    """s(m, g) for two vectors, in Python numbers."""
    if name == "manhattan":
        return -sum(abs(a - b) for a, b in zip(m, g, strict=True))
    if name == "euclidean":
        return -sum((a - b) ** 2 for a, b in zip(m, g, strict=True))
    dot = sum(a * b for a, b in zip(m, g, strict=True))
    if name == "cosine":
        return dot / (sum(a * a for a in m) ** 0.5 * sum(b * b for b in g) ** 0.5)
    return dot**3 / 10 if name == "custom" else dot


def definition(name, memories, g):
    """The scores of one vector written anew in operations that JAX and PyTorch differentiate."""
    if name == "manhattan":
        return -abs(memories - g).sum(-1)
    if name == "euclidean":
        return -((memories - g) ** 2).sum(-1)
    dot = (memories * g).sum(-1)
    if name == "cosine":
        return dot / ((memories**2).sum(-1) ** 0.5 * (g**2).sum(-1) ** 0.5)
    return dot**3 / 10 if name == "custom" else dot


def problem(rng, dtype=np.float64, n=4, i=3, batch=()):
    """Random memories, activation, weights and direction; no coordinate lies on a kink."""
    arrays = [rng.normal(size=shape) for shape in ((n, i), (*batch, i), (*batch, n), (*batch, i))]
    return [array.astype(dtype) for array in arrays]


def evaluate(library, function, *arrays):
    """function(*arrays) in a library, as NumPy arrays: one compiled program on JAX, eager elsewhere."""
    arrays = [to_library(x, library) for x in arrays]
    if library == "jax":
        import jax

        return [np.asarray(x) for x in jax.jit(function)(*arrays)]
    return [to_numpy(x) for x in function(*arrays)]


# ------------------------------------------------------------------------------------------------- scores


@pytest.mark.parametrize("name", NAMES)
def test_scores_equal_a_plain_loop(name, library, dtype, rng):
    memories, g, _, _ = problem(rng, dtype, batch=(2, 3))
    (scores,) = evaluate(library, lambda *x: [build(name).scores(*x)], memories, g)
    expected = [[[one_score(name, m, v) for m in memories.astype(float)] for v in vs] for vs in g.astype(float)]
    assert scores.dtype == dtype
    np.testing.assert_allclose(scores, expected, rtol=0, atol=200 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", NAMES)
def test_batch_axes_equal_one_by_one(name, library, rng):
    memories, *given = problem(rng, batch=(2, 3))
    kind = build(name)

    def everything(M, g, f, u):
        answers = [kind.scores(M, g), kind.pullback(M, g, f)]
        if not (name == "custom" and library == "numpy"):  # nothing derives these two on NumPy
            answers += [kind.pushforward(M, g, u), kind.curvature(M, g, f, u)]
        return answers

    whole = evaluate(library, everything, memories, *given)
    assert [x.shape for x in whole] == [(2, 3, 4), (2, 3, 3), (2, 3, 4), (2, 3, 3)][: len(whole)]
    for at in ((0, 1), (1, 2)):
        single = evaluate(library, everything, memories, *(x[at] for x in given))
        for alone, together in zip(single, whole, strict=True):
            np.testing.assert_allclose(alone, together[at], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", ["dot", "cosine", "euclidean", "manhattan"])
def test_a_raw_matrix_and_the_prepared_one_agree(name, library, rng):
    kind = build(name)

    def everything(m, g, f, u):
        return [
            answer
            for form in (m, kind.prepare(m))
            for answer in (
                kind.scores(form, g),
                kind.pullback(form, g, f),
                kind.pushforward(form, g, u),
                kind.curvature(form, g, f, u),
                kind.value_step(form, g, f * f, ratio=0.7),
                kind.magnitude(form, g, kind.scores(form, g)),
            )
        ]

    given = problem(rng)
    found = evaluate(library, everything, *given)
    for one, other in zip(found[:6], found[6:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-15, atol=1e-15)
    once = kind.prepare(to_library(given[0], library))
    assert kind.prepare(once) is once


def test_the_largest_score_is_the_stored_pattern_itself(library, rng):
    memories = rng.normal(size=(4, 3)) * rng.uniform(0.1, 10, size=(4, 1))
    for name in ("cosine", "euclidean", "manhattan"):
        scores = to_numpy(build(name).scores(to_library(memories, library), to_library(memories, library)))
        np.testing.assert_array_equal(scores.argmax(-1), np.arange(4))
        if name != "cosine":
            assert (scores <= 0).all()  # rounding must not turn a distance negative
            np.testing.assert_allclose(np.diag(scores), 0, atol=1e-12)


def test_cosine_of_a_zero_vector_is_zero_and_stays_finite(library):
    def everything(memories, zero, g, f):
        return [
            Cosine().scores(memories, zero),
            Cosine().value_step(memories, zero, f, ratio=0.1),
            Cosine().value_step(memories, zero, f, ratio=None),
            Cosine().scores(memories, g),
            Cosine().pullback(memories, zero, f),
            Cosine().pushforward(memories, zero, g),
            Cosine().curvature(memories, zero, f, g),
        ]

    memories, f = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([0.7, 0.3])
    found = evaluate(library, everything, memories, np.zeros(2), np.array([2.0, 1.0]), f)
    for value in found[:3]:  # no direction to compare with, none to turn from
        np.testing.assert_array_equal(value, [0, 0])
    np.testing.assert_allclose(found[3], [0.8, 0])
    assert all(np.isfinite(value).all() for value in found)


def test_flags_follow_the_table_of_similarities():
    assert [(kind.leak, kind.distance, kind.smooth) for kind in (Dot(), Euclidean(), Manhattan(), Cosine())] == [
        (1.0, False, True),
        (0.0, True, True),
        (0.0, True, False),
        (0.0, False, True),
    ]
    assert similarity("dot").name == "dot"
    assert isinstance(similarity(cubic), Custom)
    assert Custom(cubic, own_leak=0.5).leak == 0.5
    kind = Cosine()
    assert similarity(kind) is kind


# ------------------------------------------------------------------------------------------- derivatives


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_equal_autodiff_of_the_definition_on_jax(name, rng):
    jax = pytest.importorskip("jax")
    kind = build(name)

    def both(memories, g, f, u):
        def weighted(y):
            return (f * definition(name, memories, y)).sum()

        return [
            kind.pullback(memories, g, f),
            jax.grad(weighted)(g),
            kind.pushforward(memories, g, u),
            jax.jvp(lambda y: definition(name, memories, y), (g,), (u,))[1],
            kind.curvature(memories, g, f, u),
            jax.jvp(jax.grad(weighted), (g,), (u,))[1],
        ]

    found = evaluate("jax", both, *problem(rng))
    for got, wanted in zip(found[::2], found[1::2], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_equal_autodiff_of_the_definition_on_torch(name, rng):
    torch = pytest.importorskip("torch")
    memories, g, f, u = (to_library(x, "torch") for x in problem(rng))
    kind = build(name)

    def weighted(y):
        return (f * definition(name, memories, y)).sum()

    expected = [
        torch.func.grad(weighted)(g),
        torch.func.jvp(lambda y: definition(name, memories, y), (g,), (u,))[1],
        torch.func.jvp(torch.func.grad(weighted), (g,), (u,))[1],
    ]
    found = [kind.pullback(memories, g, f), kind.pushforward(memories, g, u), kind.curvature(memories, g, f, u)]
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(got), to_numpy(wanted), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [(), (2, 3)], ids=str)
def test_derivatives_equal_central_differences_on_numpy(name, batch, rng):
    memories, g, f, u = problem(rng, batch=batch)
    kind, step = build(name), 1e-5
    along = (kind.scores(memories, g + step * u) - kind.scores(memories, g - step * u)) / (2 * step)
    # <pullback, u> = <f, ds/dg u>, for every u: the unit vectors give the pullback's entries.
    pulled = np.stack(
        [
            (f * (kind.scores(memories, g + step * e) - kind.scores(memories, g - step * e))).sum(-1) / (2 * step)
            for e in np.eye(3)
        ],
        axis=-1,
    )
    np.testing.assert_allclose(kind.pullback(memories, g, f), pulled, rtol=1e-7, atol=1e-8)
    if name == "custom":  # the pushforward needs automatic differentiation
        return
    turned = (kind.pullback(memories, g + step * u, f) - kind.pullback(memories, g - step * u, f)) / (2 * step)
    np.testing.assert_allclose(kind.pushforward(memories, g, u), along, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(kind.curvature(memories, g, f, u), turned, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "library"),
    [*((name, "numpy") for name in NAMES if name != "custom"), ("dot", "torch"), ("custom", "torch")],
)
def test_pullback_is_the_transpose_of_pushforward(name, library, dtype, rng):
    pytest.importorskip(library)
    kind = build(name)
    left, right = evaluate(
        library,
        lambda m, g, f, u: [(kind.pullback(m, g, f) * u).sum(-1), (f * kind.pushforward(m, g, u)).sum(-1)],
        *problem(rng, dtype, batch=(2, 3)),
    )
    np.testing.assert_allclose(left, right, rtol=0, atol=2000 * np.finfo(dtype).eps)


# --------------------------------------------------------------------------------------------- value steps


@pytest.mark.parametrize(
    ("name", "leak"),
    [("dot", 0.0), ("dot", 1.0), ("dot", 0.6), ("euclidean", 0.0), ("euclidean", 0.6), ("cosine", 0.0)],
)
@pytest.mark.parametrize("ratio", [0.03, 0.7, 6.0])
def test_value_step_solves_the_value_equation_with_frozen_weights(name, ratio, leak, rng):
    memories, v, f, drive = problem(rng)
    f, kind = f**2, build(name)
    if name == "cosine":  # its closed form needs leak 0 and no bias
        drive = np.zeros(3)

    def velocity(_, y):
        return kind.pullback(memories, y, f) - leak * y + drive

    exact = solve_ivp(velocity, (0, ratio), v, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    given = None if name == "cosine" else drive
    found = kind.value_step(memories, v, f, ratio=ratio, leak=leak, drive=given)
    np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", SMOOTH_STEPS)
@pytest.mark.parametrize(
    ("library", "dtype"), [("numpy", "float64"), ("numpy", "float32"), ("torch", "float32"), ("jax", "float64")]
)
def test_value_step_for_ever_and_twice(name, library, dtype, rng):
    pytest.importorskip(library)
    kind = build(name)

    def steps(m, v, f, _):
        f = f * f
        first = kind.value_step(m, v, f, ratio=0.3)
        return [
            kind.value_step(m, v, f, ratio=None),
            kind.value_step(m, v, f, ratio=1e4),
            kind.value_step(m, first, f, ratio=0.9),
            kind.value_step(m, v, f, ratio=1.2),
        ]

    for_ever, long, twice, once = evaluate(library, steps, *problem(rng, dtype, batch=(2, 3)))
    assert for_ever.dtype == dtype
    np.testing.assert_allclose(for_ever, long, rtol=64 * np.finfo(dtype).eps, atol=64 * np.finfo(dtype).eps)
    np.testing.assert_allclose(twice, once, rtol=64 * np.finfo(dtype).eps, atol=64 * np.finfo(dtype).eps)


def test_cosine_step_keeps_the_norm_and_ends_along_the_force(library, rng):
    memories, v, f, _ = problem(rng, batch=(2, 3))
    force = f @ (memories / np.linalg.norm(memories, axis=1, keepdims=True))
    ratios = (1e-6, 0.5, 1e6, None)
    found = evaluate(library, lambda *x: [Cosine().value_step(*x, ratio=r) for r in ratios], memories, v, f)
    length = np.linalg.norm(v, axis=-1, keepdims=True)
    for turned in found:
        np.testing.assert_allclose(np.linalg.norm(turned, axis=-1, keepdims=True), length, rtol=1e-14)
    np.testing.assert_allclose(found[-1], length * force / np.linalg.norm(force, axis=-1, keepdims=True), rtol=1e-12)


def test_cosine_step_near_the_opposite_still_turns(dtype):
    v = np.array([-1.0, 1e-4 if dtype == np.float32 else 1e-9], dtype)
    turned = Cosine().value_step(np.array([[3.0, 0.0]], dtype), v, np.ones(1, dtype), ratio=None)
    np.testing.assert_allclose(turned, [1, 0], atol=1e-3)


def test_cosine_step_is_differentiable_at_the_goal():
    jax = pytest.importorskip("jax")
    step = jax.jacobian(lambda v: Cosine().value_step(np.array([[3.0, 0.0]]), v, np.ones(1), ratio=0.5))
    slope = jax.jit(step)(jax.numpy.asarray([2.0, 0.0]))  # the angle shrinks by e^(-|F| ratio/|v|^2), the norm is kept
    np.testing.assert_allclose(slope, [[1, 0], [0, np.exp(-0.5 / 4)]], atol=1e-14)


def test_cosine_step_against_an_opposite_force_stays_on_the_saddle():
    v = np.array([-2.0, 0.0])
    np.testing.assert_array_equal(Cosine().value_step(np.array([[3.0, 0.0]]), v, np.ones(1), ratio=1.0), v)


@pytest.mark.parametrize(
    ("kind", "options"),
    [(Custom(cubic, cubic_force), {}), (Cosine(), {"leak": 0.1}), (Cosine(), {"drive": np.ones(3)})],
    ids=["custom", "cosine-leak", "cosine-bias"],
)
def test_value_step_without_a_closed_form_says_so(kind, options, rng):
    memories, v, f, _ = problem(rng)
    with pytest.raises(TypeError, match="no closed value step"):
        kind.value_step(memories, v, f, ratio=1.0, **options)


# --------------------------------------------------------------------------------- Manhattan: kinks, medians

# Numbers of few bits: sums of them are exact, ties are frequent, and optimality can be asked for exactly.
EIGHTHS = st.integers(-16, 16).map(lambda k: k / 8)
WEIGHTS = st.integers(0, 8).map(lambda k: k / 8)


def objective(x, v, column, f, a, leak, drive):
    """What Manhattan's value step minimises, in one coordinate; a = None is dt = inf."""
    inertia = 0.0 if a is None else (x - v) ** 2 / (2 * a)
    return inertia + leak * x * x / 2 - drive * x + np.sum(f * np.abs(column - x))


def brute_minimum(v, column, f, a, leak, drive):
    """Dense grid, then golden section in the best cell."""
    edge = 1 + max(abs(v), np.max(np.abs(column))) + (abs(drive) + f.sum()) / (leak or 1e9)
    grid = np.union1d(np.linspace(-edge, edge, 401), np.append(column, v))
    values = [objective(x, v, column, f, a, leak, drive) for x in grid]
    k = int(np.argmin(values))
    low, high = grid[max(k - 1, 0)], grid[min(k + 1, grid.size - 1)]
    golden = (5**0.5 - 1) / 2
    for _ in range(80):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if objective(left, v, column, f, a, leak, drive) <= objective(right, v, column, f, a, leak, drive):
            high = right
        else:
            low = left
    return min([*values, objective((low + high) / 2, v, column, f, a, leak, drive)])


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_manhattan_step_minimises_its_objective(data):
    rows = data.draw(st.integers(1, 5))
    column = np.array(data.draw(st.lists(EIGHTHS, min_size=rows, max_size=rows)))
    f = np.array(data.draw(st.lists(WEIGHTS, min_size=rows, max_size=rows)))
    v, drive = data.draw(EIGHTHS), data.draw(EIGHTHS)
    leak, a = data.draw(st.sampled_from([0.0, 0.5, 1.0])), data.draw(st.sampled_from([1 / 64, 0.5, 8.0, None]))
    arguments = (v, column, f, a, leak, drive)
    x = Manhattan().value_step(
        column[:, None], np.array([v]), f, ratio=a, leak=leak, drive=np.array([drive])
    )[0]  # fmt: skip
    if a is None and leak == 0 and abs(drive) > f.sum():
        assert x == np.sign(drive) * np.inf  # nothing holds it
        return
    assert objective(x, *arguments) <= brute_minimum(*arguments) + 1e-12
    # Optimality to the last bit: 0 lies in the set of slopes at x.
    slope = (0.0 if a is None else (x - v) / a) + leak * x - drive + np.sum(f * np.sign(x - column))
    assert abs(slope) <= np.sum(f[column == x]) + 1e-13 * (1 + abs(x))


def test_manhattan_step_for_ever_takes_the_nearest_median(library, dtype):
    # All of [0, 1] is a median of two equal weights.
    memories, f = np.array([[1.0], [0.0]], dtype), np.full((5, 2), 0.5, dtype)
    v = np.array([[0.5], [-3.0], [2.0], [0.0], [1.0]], dtype)
    (x,) = evaluate(library, lambda *x: [Manhattan().value_step(*x, ratio=None)], memories, v, f)
    assert x.dtype == dtype
    np.testing.assert_array_equal(x[:, 0], [0.5, 0, 1, 0, 1])


def test_manhattan_step_agrees_between_libraries_and_batches(library, rng):
    memories, v, f, drive = problem(rng, batch=(2, 3))
    options = [{"ratio": 0.2, "leak": 0.0}, {"ratio": 3.0, "leak": 0.5}, {"ratio": None, "leak": 0.5}]

    def steps(m, v, f, drive):
        return [Manhattan().value_step(m, v, f * f, drive=drive, **option) for option in options]

    together = evaluate(library, steps, memories, v, f, drive)
    for j, k in np.ndindex(2, 3):
        for whole, alone in zip(together, steps(memories, v[j, k], f[j, k], drive[j, k]), strict=True):
            np.testing.assert_allclose(whole[j, k], alone, rtol=1e-13, atol=1e-14)


def test_manhattan_chunks_do_not_change_the_answer(rng, monkeypatch):
    memories, v, f, u = problem(rng, n=9, i=11, batch=(4,))
    f = f**2
    v[0] = memories[2]

    def everything():
        kind = Manhattan()
        return [
            kind.pullback(memories, v, f),
            kind.pushforward(memories, v, u),
            kind.kink(memories, v, f),
            kind.value_step(memories, v, f, ratio=0.4),
        ]

    whole = everything()
    monkeypatch.setattr("hopfield.models.measures._manhattan.CHUNK", 8)
    monkeypatch.setattr("hopfield.models.measures._pairwise.BLOCK", 8)
    for got, wanted in zip(everything(), whole, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-14, atol=1e-15)


def kink_network(library, leak, bias, adiabatic):
    """Three memories whose weights at v = (1, 2) are f = (0.5, 0.3, 0.2)."""
    memories = to_library(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]), library)
    bias = None if bias is None else to_library(np.array(bias), library)
    value = Population(Quadratic(), 2, tau=2.0, leak=leak, bias=bias)
    if not adiabatic:
        synapse = SimilaritySynapse(("value", "memory"), Manhattan(), memories)
        return Network({"value": value, "memory": Population(LogSumExp(), 3, tau=0.5)}, [synapse])
    # b_h = ln f - sim(M, v), so that the memory neurons in equilibrium have these weights at v.
    v = np.array([1.0, 2.0])
    scores = -np.abs(to_numpy(memories) - v).sum(-1)
    bias_h = to_library(np.log([0.5, 0.3, 0.2]) - scores, library)
    return Network(
        {"value": value}, [EquilibriumSynapse(("value",), (Manhattan(),), (memories,), LogSumExp(), 1.0, bias_h)]
    )


@pytest.mark.parametrize("adiabatic", [False, True])
@pytest.mark.parametrize(
    ("leak", "bias", "expected"),
    [
        # v = (1, 2): coordinate 0 equals memory 1 (W = 0.3), the others pull with -0.7; coordinate 1 equals
        # memory 2 (W = 0.2), the others pull with -0.8. tau = 2 halves the velocity.
        (0.0, None, (-(0.7 - 0.3) / 2, -(0.8 - 0.2) / 2)),
        (0.0, (0.9, 0.5), (0.0, -(0.3 - 0.2) / 2)),  # A = (0.2, -0.3): inside, outside the set
        (0.0, (1.5, 1.5), ((0.8 - 0.3) / 2, (0.7 - 0.2) / 2)),
        (0.5, (1.3, 1.9), (0.0, 0.0)),  # A = -0.5 (1, 2) + b + pull = (0.1, 0.1)
        (0.5, None, (-(1.2 - 0.3) / 2, -(1.8 - 0.2) / 2)),
    ],
)
def test_manhattan_velocity_at_a_kink_has_least_norm(adiabatic, leak, bias, expected, library):
    network = kink_network(library, leak, bias, adiabatic)
    states = {"value": to_library(np.array([1.0, 2.0]), library)}
    if not adiabatic:
        states["memory"] = to_library(np.log([0.5, 0.3, 0.2]), library)
    velocity = to_numpy(network.velocity(states)["value"])
    np.testing.assert_allclose(velocity, expected, rtol=0, atol=1e-15)
    assert (velocity[np.array(expected) == 0] == 0).all()  # exactly at rest, so that it can be found


def test_manhattan_force_off_the_kinks_is_the_plain_sum(library, rng):
    M, g, f, _ = problem(rng, batch=(2, 3))
    force, width = evaluate(library, lambda *x: [Manhattan().pullback(*x), Manhattan().kink(*x)], M, g, f)
    expected = [sum(f[1, 2, i] * np.sign(M[i, k] - g[1, 2, k]) for i in range(4)) for k in range(3)]
    np.testing.assert_allclose(force[1, 2], expected, atol=1e-14)
    np.testing.assert_array_equal(width, np.zeros((2, 3, 3)))


# ------------------------------------------------------------------------------------------------- Hamming


def coded(bits, coding):
    return bits if coding == "0/1" else 2 * bits - 1


@pytest.mark.parametrize("coding", ["0/1", "+-1"])
@IN_EACH
def test_hamming_counts_the_bits_that_differ(coding, library, dtype, rng):
    patterns, queries = (rng.random((6, 33)) < 0.5), (rng.random((2, 3, 33)) < 0.5)
    expected = -(patterns != queries[..., None, :]).sum(-1)
    patterns, queries = (coded(x.astype(dtype), coding) for x in (patterns, queries))
    memory = UniversalHopfield(to_library(patterns, library), "hamming", "max")
    scores = to_numpy(memory.scores(to_library(queries, library)))
    assert scores.dtype == dtype
    np.testing.assert_array_equal(scores, expected)  # whole numbers: exact
    np.testing.assert_array_equal(to_numpy(memory.recall(to_library(patterns, library))), patterns)
    if coding == "+-1":
        np.testing.assert_array_equal(scores, -(33 - queries @ patterns.T) / 2)


def test_hamming_takes_patterns_of_equal_values_and_either_coding_of_a_query(rng):
    memory = UniversalHopfield(np.ones((2, 5)), "hamming")  # all ones: of either coding
    np.testing.assert_array_equal(memory.scores(np.array([1.0, 0, 0, 1, 1])), [-2, -2])
    np.testing.assert_array_equal(memory.scores(np.array([1.0, -1, -1, 1, 1])), [-2, -2])
    assert UniversalHopfield([[True, False]], "hamming").scores([False, False]).tolist() == [-1]


@pytest.mark.parametrize(
    ("bad", "value", "where"),
    [([[0.0, 1.0, 0.5]], "0.5", r"\(0, 2\)"), ([[1.0, -1.0, 0.0]], "0", r"\(0, 2\)"), ([[2.0, 1.0, 0.0]], "2", "0, 0")],
)
def test_hamming_refuses_what_is_not_binary(bad, value, where, library):
    words = rf"for binary vectors, all \+-1 or all 0/1, and %s holds {value} at index .*{where}.*Binarise it first"
    with pytest.raises(ValueError, match=words % "patterns"):
        UniversalHopfield(to_library(np.array(bad), library), "hamming")
    memory = UniversalHopfield(to_library(np.eye(3), library), "hamming")
    with pytest.raises(ValueError, match=words % "query"):
        memory.recall(to_library(np.array(bad), library))


def test_hamming_has_no_network_and_no_force():
    memory = UniversalHopfield(np.eye(3), "hamming", "max")
    words = r"piecewise constant: there is no force.*Use `recall`, a binary memory such as ClassicalHopfield"
    with pytest.raises(ValueError, match=words):
        _ = memory.network
    with pytest.raises(ValueError, match=words):
        memory.retrieve(np.ones(3))
    kind, one = Hamming(), np.ones(3)
    for derivative in (kind.pullback, kind.pushforward):
        with pytest.raises(TypeError, match=words):
            derivative(np.eye(3), one, one)
    with pytest.raises(TypeError, match=words):
        kind.curvature(np.eye(3), one, one, one)


def test_hamming_orders_patterns_as_the_dot_product_of_signs(rng):
    patterns, queries = np.sign(rng.normal(size=(50, 63))), np.sign(rng.normal(size=(20, 63)))
    hamming, dot = (UniversalHopfield(patterns, name).scores(queries) for name in ("hamming", "dot"))
    np.testing.assert_array_equal(dot, 63 + 2 * hamming)


# ------------------------------------------------------------------------------------ what is common to all


@pytest.mark.parametrize("name", SIMILARITIES)
def test_every_name_builds_a_similarity_that_is_saved_by_its_name(name, tmp_path):
    memories = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]) + (0.1 if similarity(name).positive else 0.0)
    memory = UniversalHopfield(memories, name, "max")
    assert memory.similarity.name == name
    again = UniversalHopfield.load(memory.save(tmp_path / "memory"))
    assert type(again.similarity) is type(memory.similarity)
    np.testing.assert_array_equal(again.weights(memories), memory.weights(memories))


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"Unknown similarity 'haming'\. Did you mean 'hamming'\?.*normalised\(name\)"):
        similarity("haming")
    with pytest.raises(ValueError, match="Unknown similarity"):
        similarity("softmax(manhattan)")


@pytest.mark.parametrize("name", ["manhattan", "jensen_shannon"])
@pytest.mark.parametrize("what", ["scores", "pullback", "pushforward", "curvature"])
def test_no_temporary_of_queries_by_patterns_by_values(name, what, rng):
    memories, g = rng.random((200, 300)) + 0.1, rng.random((100, 300)) + 0.1
    kind = similarity(name)
    arguments = {
        "scores": (),
        "pullback": (rng.random((100, 200)),),
        "pushforward": (rng.random((100, 300)),),
        "curvature": (rng.random((100, 200)), rng.random((100, 300))),
    }[what]
    prepared = kind.prepare(memories)
    getattr(kind, what)(prepared, g, *arguments)  # compiles
    tracemalloc.start()
    getattr(kind, what)(prepared, g, *arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 300 * 100 * 8 / 6  # 48 MB all at once


@pytest.mark.parametrize("threads", ["1", "3", "0", "many"])
def test_threads_change_no_bit(threads, dtype, rng, monkeypatch):
    memories, g = ((rng.random(size) + 0.1).astype(dtype) for size in ((5, 7), (2, 4, 7)))
    expected = similarity("jensen_shannon").scores(memories, g)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr("hopfield.dynamics.backend._threads.LARGE", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert processors() == (1 if threads == "1" else 3)
    found = similarity("jensen_shannon").scores(memories, g)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", [name for name in SIMILARITIES if name != "hamming"])
def test_the_code_keeps_to_the_array_standard(name, rng):
    """A library that has the standard and no more: no implicit casts, no partial indexing."""
    strict = pytest.importorskip("array_api_strict")
    M, g, f, u = (strict.asarray(np.abs(x) + 0.1) for x in problem(rng, batch=(2,)))
    kind = similarity(name)
    found = [kind.scores(M, g), kind.pullback(M, g, f), kind.pushforward(M, g, u), kind.curvature(M, g, f, u)]
    plain = [np.asarray(x) for x in (M, g, f, u)]
    expected = [
        kind.scores(*plain[:2]),
        kind.pullback(*plain[:3]),
        kind.pushforward(plain[0], plain[1], plain[3]),
        kind.curvature(*plain),
    ]
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-12, atol=1e-12)
    if name in ("dot", "euclidean", "cosine", "manhattan"):
        step = kind.value_step(M, g, f, ratio=0.5)
        np.testing.assert_allclose(np.asarray(step), kind.value_step(*plain[:3], ratio=0.5), rtol=1e-12, atol=1e-12)
