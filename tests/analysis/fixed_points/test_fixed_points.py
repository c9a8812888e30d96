"""The census against problems whose fixed points are known: counts, indices, kinds, and what is not claimed."""

import itertools
import json
from collections import Counter
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard
from scipy.optimize import brentq

from helpers import LIBRARIES, few, to_library
from hopfield.analysis import box_starts, energy_network, find_fixed_points, metastable_size, velocity_network
from hopfield.analysis.fixed_points._completeness import unseen
from hopfield.analysis.fixed_points._eigenvectors import follow, rungs, search_harder
from hopfield.analysis.fixed_points._search import Table, clusters
from hopfield.analysis.fixed_points._starts import balanced_starts
from hopfield.analysis.flow import field, polish, reduce, spectrum
from hopfield.analysis.flow._newton import minres
from hopfield.dynamics import LogCosh, Network, Population, Quadratic, Recurrent
from hopfield.models import DenseAssociativeMemory, HierarchicalMemory, ModernHopfield, UniversalHopfield

# ------------------------------------------------------------------------------------------ softmax and dot


def test_two_opposite_patterns():
    """a = tanh(beta r^2 a) with beta r^2 = 2; eigenvalues 1 - 2/cosh(2a)^2 at the memory and -1 at 0."""
    r = np.array([3.0, -1.0, 2.0, 0.5]) / 2
    beta = 2 / (r @ r)
    found = find_fixed_points(ModernHopfield(np.stack([r, -r]), beta=beta))
    a = brentq(lambda a: a - np.tanh(2 * a), 0.5, 1)
    np.testing.assert_allclose(a, 0.957504024077, atol=1e-12)
    assert found.kind.tolist() == ["memory", "memory", "saddle(1)"]
    for row, sign in ((0, 1), (1, -1)):
        point = found.activation[found.pattern == row][0]
        np.testing.assert_allclose(point, sign * a * r, atol=1e-12)
    np.testing.assert_allclose(found.activation[2], 0, atol=1e-14)
    np.testing.assert_allclose(found.eigenvalues[:2, 0], 0.8336279122, atol=1e-10)
    np.testing.assert_allclose(found.eigenvalues[2], [-1, 1, 1, 1], atol=1e-12)
    np.testing.assert_allclose((found.energy[2] - found.energy[0]) / (r @ r), 0.163261943713, atol=1e-12)
    assert (found.morse_sum, found.complete) == (1, "not refuted")
    assert found.stable.tolist() == found.stable_map.tolist() == [True, True, False]


@pytest.mark.parametrize(("n", "beta", "width"), [(3, 4.0, 3), (3, 5.0, 9), (4, 5.0, 4), (4, 9.0, 40)])
def test_orthonormal_patterns_have_a_point_for_each_subset(n, beta, width, rng):
    """Beta > N: 2^N - 1 points, one for each non-empty subset S, of index |S| - 1."""
    patterns = np.linalg.qr(rng.normal(size=(width, n)))[0].T
    found = find_fixed_points(ModernHopfield(patterns, beta=beta))
    assert len(found) == 2**n - 1
    assert Counter(found.index.tolist()) == {size - 1: comb(n, size) for size in range(1, n + 1)}
    assert found.morse_sum == 1
    assert found.residual.max() < 1e-14
    subsets = {tuple(w > w.max() * 0.9) for w in found.weights}
    assert subsets == set(itertools.product((False, True), repeat=n)) - {(False,) * n}
    sizes = [int((w > w.max() * 0.9).sum()) for w in found.weights]
    assert [size - 1 for size in sizes] == found.index.tolist()
    assert Counter(found.kind.tolist())["memory"] == n
    assert sorted(found.pattern[found.kind == "memory"]) == list(range(n))


def test_four_orthonormal_patterns_at_beta_five():
    found = find_fixed_points(ModernHopfield(np.eye(4), beta=5.0))
    memory, saddle = found.select(found.index == 0), found.select(found.index == 1)
    np.testing.assert_allclose(memory.activation.max(axis=1), 0.9769751913, atol=1e-10)
    np.testing.assert_allclose(saddle.energy.min() - memory.energy.max(), 0.0948760009, atol=1e-10)


@pytest.mark.parametrize(
    ("count", "beta", "indices"),
    [
        (4, 20.0, {0: 4, 1: 4, 2: 2, 3: 1}),
        (6, 6.0, {0: 5, 1: 7, 2: 3}),
        (8, 20.0, {0: 7, 1: 11, 2: 7, 3: 2}),
    ],
)
def test_handwritten_digits_have_a_whole_census(count, beta, indices):
    """As many as Newton's method finds in the space of the scores."""
    patterns = first_digits(count)
    memory = ModernHopfield(patterns, beta=beta)
    found = find_fixed_points(memory)
    assert Counter(found.index.tolist()) == indices
    assert (found.morse_sum, found.complete) == (1, "not refuted")
    gaps = np.linalg.norm(found.state[:, None] - found.state, axis=-1) + 9 * np.eye(len(found))
    assert gaps.min() > 1e-3
    np.testing.assert_allclose(found.activation, memory.weights(found.activation) @ patterns, atol=1e-11)
    by_scores = independent_census(patterns, beta, 3000)
    assert len(by_scores) == len(found)
    assert (np.linalg.norm(found.state[:, None] - by_scores, axis=-1).min(axis=0) < 1e-8).all()


def first_digits(count):
    from sklearn.datasets import load_digits

    images, label = load_digits(return_X_y=True)
    return np.array([images[label == digit][0] for digit in range(count)]) / 16


def independent_census(patterns, beta, count):
    """Zeros of h - beta K softmax(h) by Newton's method, from scores that are nearly equal on random sets."""
    rng = np.random.default_rng(0)
    gram = patterns @ patterns.T
    n = len(gram)
    members = rng.random((count, n)) < rng.random((count, 1))
    members[np.arange(count), rng.integers(n, size=count)] = True
    p = rng.dirichlet(np.ones(n), count) * members
    own = beta * (p / p.sum(axis=1, keepdims=True)) @ gram
    top = np.where(members, own, -np.inf).max(axis=1, keepdims=True)
    h = np.where(members, top + rng.normal(size=(count, n)), np.minimum(own, top - 1))
    for _ in range(60):  # h = beta K softmax(h): scores, in which little is steep
        p = np.exp(h - h.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        slope = np.eye(n) - beta * (gram[None] * p[:, None, :] - (p @ gram)[..., None] * p[:, None, :])
        step = np.linalg.solve(slope, (beta * p @ gram - h)[..., None])[..., 0]
        h = h + step * np.minimum(1, 2 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-12))
    p = np.exp(h - h.max(axis=1, keepdims=True))
    x = (p / p.sum(axis=1, keepdims=True)) @ patterns
    weights = np.exp(beta * (x @ patterns.T) - (beta * x @ patterns.T).max(axis=1, keepdims=True))
    x = x[np.linalg.norm(x - weights / weights.sum(axis=1, keepdims=True) @ patterns, axis=1) < 1e-9]
    kept = x[:1]
    for point in x:
        if np.linalg.norm(kept - point, axis=1).min() > 1e-6:
            kept = np.concatenate([kept, point[None]])
    return kept


@pytest.mark.parametrize("separation", ["softmax", "sparsemax", pytest.param("entmax", marks=pytest.mark.slow)])
@pytest.mark.parametrize("similarity", ["dot", "euclidean", "cosine"])
def test_random_patterns_have_a_census_that_is_not_refuted(similarity, separation, rng):
    """Each point is a zero, none occurs twice, and the index is that of the dense Jacobian."""
    patterns = rng.normal(size=(5, 6)) / 6**0.5
    memory = UniversalHopfield(patterns, similarity, separation, beta=12.0)
    found, flow = find_fixed_points(memory), field(memory)
    assert found.complete == "not refuted"
    assert found.morse_sum == (0 if similarity == "cosine" else 1)
    assert Counter(found.kind.tolist())["memory"] >= 4
    assert np.linalg.norm(flow.residual(found.state), axis=1).max() < 1e-10
    assert (np.linalg.norm(found.state[:, None] - found.state, axis=-1) + np.eye(len(found))).min() > 1e-6
    values = np.linalg.eigvals(flow.jacobian(found.state)).real
    np.testing.assert_array_equal((values > 1e-6).sum(axis=1), found.index)


def test_forces_that_fade_are_no_fixed_points():
    """f = e^(-beta d^2): far out the residual underflows, but there is nothing there."""
    found = find_fixed_points(UniversalHopfield(np.eye(3), "euclidean", "exponential", beta=8.0))
    assert len(found) < 30
    assert np.linalg.norm(found.state, axis=1).max() < 1.2
    assert found.complete == "not refuted"


@pytest.mark.broad
def test_a_continuum_is_cut_short_and_said():
    with pytest.warns(UserWarning, match="gives every pattern weight 0"):
        flat = UniversalHopfield(np.eye(3), "euclidean", "rectified_polynomial(3)")
    found = find_fixed_points(flat, most=50)
    assert set(found.kind) == {"marginal"}
    assert "continuum" in found.message


def test_layers_without_stored_patterns_have_a_census():
    """64 hidden neurons whose states are far from 0: three memories, their pairs, and all three."""
    found = find_fixed_points(HierarchicalMemory.from_patterns(np.eye(3, 6), seed=1), batches=5)
    assert Counter(found.index.tolist()) == {0: 3, 1: 3, 2: 1}
    np.testing.assert_allclose(np.sort(found.activation[found.index == 0, :6])[:, -1], 1, atol=1e-6)


def test_points_that_are_near_but_different_are_not_merged():
    """Saturated neurons have states of 4000, and saddles that differ in a few small ones alone."""
    signs = ["++--+++-", "+--+--++", "---+-+--", "++--+-+-", "+-+++-+-"]
    patterns = np.array([[1.0 if s == "+" else -1.0 for s in row] for row in signs])
    counts = []
    for beta in (2.0, 4.0):
        found = find_fixed_points(DenseAssociativeMemory(patterns, n=3, beta=beta))
        assert (found.morse_sum, found.complete) == (1, "not refuted")
        assert np.linalg.norm(found.state, axis=1).max() > 1000
        counts.append(Counter(found.index.tolist()))
    assert counts[0] == counts[1]


def test_just_below_the_fold_there_is_one_fixed_point():
    """The fold is at beta = 2.7456435767; at 2.74 the flow lingers at three places that are no fixed points."""
    found = find_fixed_points(ModernHopfield(np.eye(3), beta=2.74))
    assert found.kind.tolist() == ["global mean"]
    np.testing.assert_allclose(found.activation, 1 / 3, atol=1e-14)
    assert (found.morse_sum, found.complete) == (1, "not refuted")
    assert len(found.slow) == 3
    speed = np.linalg.norm(field(ModernHopfield(np.eye(3), beta=2.74)).residual(found.slow), axis=1)
    assert ((speed > 1e-5) & (speed < 1e-2)).all()  # slow, but not at rest
    above = find_fixed_points(ModernHopfield(np.eye(3), beta=2.7457))
    assert Counter(above.index.tolist()) == {0: 4, 1: 3}


def test_means_of_clusters_are_stable_and_means_of_apart_patterns_are_not():
    """Two clusters of three patterns 2 c_a + e_aj/2: within one the eigenvalue is 1 - beta p/4, with its weight p."""
    basis = np.eye(8)
    patterns = np.array([2 * basis[a] + 0.5 * basis[2 + 3 * a + j] for a in range(2) for j in range(3)])
    found = find_fixed_points(ModernHopfield(patterns, beta=4.0))
    assert Counter(found.kind.tolist()) == {"metastable(3)": 2, "saddle(1)": 1}
    assert (found.morse_sum, found.complete) == (1, "not refuted")
    for point, weights, values in zip(found.activation[:2], found.weights[:2], found.eigenvalues[:2], strict=True):
        np.testing.assert_allclose(point, weights @ patterns, atol=1e-12)
        np.testing.assert_allclose(np.sort(weights)[3:], weights.max(), rtol=1e-9)
        np.testing.assert_allclose(values[:2], 1 - weights.max(), rtol=1e-9)  # beta/4 = 1
    single = find_fixed_points(ModernHopfield(patterns, beta=40.0))
    kinds = Counter(single.kind.tolist())
    assert kinds["memory"] == 6
    assert kinds["metastable(3)"] == 0


def test_a_pitchfork_is_marginal():
    found = find_fixed_points(ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]]), beta=1.0))
    assert found.kind.tolist() == ["marginal"]
    assert found.complete == "undefined"
    assert found.morse_sum is None
    assert "eigenvalue 0" in found.reason


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 30.0))
def test_fixed_points_do_not_depend_on_rotation_and_scale(seed, beta):
    """Patterns x 7 in another basis with beta/49 have the same fixed points x 7."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(3, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    here = find_fixed_points(ModernHopfield(patterns, beta=beta), batches=4)
    there = find_fixed_points(ModernHopfield(7 * patterns @ turn, beta=beta / 49), batches=4)
    if here.complete == there.complete == "not refuted":
        assert Counter(here.kind) == Counter(there.kind)
        for point in there.activation @ turn.T / 7:
            assert np.linalg.norm(here.activation - point, axis=1).min() < 1e-7


def test_the_row_space_gives_what_the_whole_space_gives(rng):
    memory = ModernHopfield(rng.normal(size=(3, 12)), beta=1.1)
    small, whole = find_fixed_points(memory), find_fixed_points(memory, reduction=False)
    assert reduce(field(memory)).flow.size == 3
    np.testing.assert_allclose(small.state, whole.state, atol=1e-9)
    np.testing.assert_allclose(small.energy, whole.energy, atol=1e-12)
    np.testing.assert_array_equal(small.index, whole.index)
    np.testing.assert_allclose(small.eigenvalues, whole.eigenvalues, atol=1e-9)
    assert small.complete == whole.complete == "not refuted"


def test_the_reduction_is_refused_where_it_is_not_exact(rng):
    patterns = rng.normal(size=(3, 12))
    for memory in (
        ModernHopfield(patterns, bias=0.1),
        UniversalHopfield(patterns, "euclidean", "sparsemax"),
        UniversalHopfield(patterns, value_lagrangian=LogCosh()),
        UniversalHopfield(patterns, leak=0.0, similarity="cosine"),
        ModernHopfield(patterns.T),
    ):
        assert reduce(field(memory)).basis is None


# ------------------------------------------------------------------------------------- classical and custom


def hopfield_1984(beta, n=8, p=3):
    patterns = hadamard(n)[1 : 1 + p].astype(float)
    weights = patterns.T @ patterns / n
    return Network({"x": Population(LogCosh(beta), n)}, [Recurrent(("x",), weights, positive=True)]), patterns


@pytest.mark.parametrize(("beta", "count", "stable"), [(1.2, 27, 6), (2.5, 51, 14)])
def test_continuous_hopfield(beta, count, stable):
    network, patterns = hopfield_1984(beta)
    found = find_fixed_points(network, patterns=patterns)
    assert len(found) == count
    assert found.stable.sum() == stable
    kinds = Counter(kind for kind in found.kind.tolist() if "saddle" not in kind)
    assert kinds == {"memory": 3, "reversed": 3, **({"mixture": 8} if stable == 14 else {})}
    assert found.morse_sum == 1
    memory = found.select(found.kind == "memory")
    a = brentq(lambda a: a - np.tanh(beta * a), 0.1, 1)
    np.testing.assert_allclose(memory.activation, a * patterns[memory.pattern], atol=1e-10)
    assert (found.stable_map == found.stable).all()  # W is positive: no update overshoots


def test_continuous_hopfield_without_patterns_has_only_stable_points():
    found = find_fixed_points(hopfield_1984(2.5)[0])
    assert len(found) == 51
    assert Counter(found.kind.tolist())["stable"] == 14
    assert (found.pattern == -1).all()


def test_mixtures_become_stable_where_theory_says():
    """3-mixtures at beta = 2.1748858800."""
    for beta, mixtures in ((2.174, 0), (2.176, 8)):
        network, patterns = hopfield_1984(beta)
        found = find_fixed_points(network, patterns=patterns)
        assert Counter(found.kind.tolist())["mixture"] == mixtures


def separable(size):
    return energy_network(
        lambda x: ((x**2 - 1) ** 2).sum(-1) / 4, size, lambda x: x**3 - x, lambda x, u: (3 * x**2 - 1) * u
    )


def test_the_separable_double_well_in_five_dimensions():
    found = find_fixed_points(separable(5))
    assert len(found) == 243
    assert Counter(found.index.tolist()) == {0: 32, 1: 80, 2: 80, 3: 40, 4: 10, 5: 1}
    assert {tuple(x) for x in np.sign(found.activation[found.index == 0])} == set(itertools.product((-1, 1), repeat=5))
    np.testing.assert_allclose(found.energy[found.index == 1] - found.energy[0], 0.25, atol=1e-12)
    assert (found.morse_sum, found.complete) == (1, "not refuted")
    assert found.stable_map is None  # leak 0: an update has no limit


def polynomials():
    """Camels: energy, gradient and Hessian product by hand, and the box that holds all critical points."""

    def columns(x):
        return x[..., 0], x[..., 1]

    def pair(a, b):
        return np.stack([a, b], axis=-1)

    def three(x):
        a, b = columns(x)
        return 2 * a**2 - 1.05 * a**4 + a**6 / 6 + a * b + b**2

    def three_slope(x):
        a, b = columns(x)
        return pair(4 * a - 4.2 * a**3 + a**5 + b, a + 2 * b)

    def three_product(x, u):
        a = x[..., 0]
        return pair((4 - 12.6 * a**2 + 5 * a**4) * u[..., 0] + u[..., 1], u[..., 0] + 2 * u[..., 1])

    def six(x):
        a, b = columns(x)
        return (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (-4 + 4 * b**2) * b**2

    def six_slope(x):
        a, b = columns(x)
        return pair(8 * a - 8.4 * a**3 + 2 * a**5 + b, a - 8 * b + 16 * b**3)

    def six_product(x, u):
        a, b = columns(x)
        return pair((8 - 25.2 * a**2 + 10 * a**4) * u[..., 0] + u[..., 1], u[..., 0] + (48 * b**2 - 8) * u[..., 1])

    return {"three-hump": (three, three_slope, three_product, 3.0), "six-hump": (six, six_slope, six_product, 3.0)}


def mueller_brown():
    rows = [
        (-200, -1, 0, -10, 1, 0),
        (-100, -1, 0, -10, 0, 0.5),
        (-170, -6.5, 11, -6.5, -0.5, 1.5),
        (15, 0.7, 0.6, 0.7, -1, 1),
    ]

    def terms(x):
        for height, a, b, c, p, q in rows:
            dx, dy = x[..., 0] - p, x[..., 1] - q
            value = height * np.exp(a * dx**2 + b * dx * dy + c * dy**2)
            yield value, 2 * a * dx + b * dy, b * dx + 2 * c * dy, (2 * a, b, 2 * c)

    def energy(x):
        return sum(value for value, *_ in terms(x))

    def slope(x):
        return sum(np.stack([value * s, value * t], axis=-1) for value, s, t, _ in terms(x))

    def product(x, u):
        total = 0.0
        for value, s, t, (aa, ab, bb) in terms(x):
            along = s * u[..., 0] + t * u[..., 1]
            bend = np.stack([aa * u[..., 0] + ab * u[..., 1], ab * u[..., 0] + bb * u[..., 1]], axis=-1)
            total = total + value[..., None] * (np.stack([s * along, t * along], axis=-1) + bend)
        return total

    return energy, slope, product


def reference(slope, product, low, high, points=60):
    """All zeros of a planar gradient: plain Newton from every point of a grid, SciPy-free and without our polish."""
    x = np.stack(np.meshgrid(np.linspace(low[0], high[0], points), np.linspace(low[1], high[1], points)), -1)
    x = x.reshape(-1, 2)
    for _ in range(60):
        matrix = np.stack([product(x, np.broadcast_to(e, x.shape)) for e in np.eye(2)], axis=-1)
        det = np.linalg.det(matrix)
        step = np.linalg.solve(matrix + (det == 0)[:, None, None] * np.eye(2), slope(x)[..., None])[..., 0]
        x = x - step * np.minimum(1, 0.2 / np.maximum(np.linalg.norm(step, axis=1), 1e-12))[:, None]
        x = x[np.isfinite(x).all(1) & (np.abs(x).max(1) < 6)]
    x = x[np.linalg.norm(slope(x), axis=1) < 1e-9]
    kept = []
    for point in x:
        if not kept or np.linalg.norm(np.array(kept) - point, axis=1).min() > 1e-5:
            kept.append(point)
    kept = np.array(kept)
    matrix = np.stack([product(kept, np.broadcast_to(e, kept.shape)) for e in np.eye(2)], axis=-1)
    return kept, (np.linalg.eigvalsh(matrix) < 0).sum(axis=1)


@pytest.mark.parametrize(
    ("name", "count", "minima"), [("three-hump", {0: 3, 1: 2}, 0.0), ("six-hump", {0: 6, 1: 7, 2: 2}, -1.03162845349)]
)
def test_camels(name, count, minima):
    energy, slope, product, reach = polynomials()[name]
    points, indices = reference(slope, product, (-reach, -reach), (reach, reach))
    assert Counter(indices.tolist()) == count
    found = find_fixed_points(energy_network(energy, 2, slope, product))
    assert Counter(found.index.tolist()) == count
    assert (found.morse_sum, found.complete) == (1, "not refuted")
    np.testing.assert_allclose(found.energy[0], minima, atol=1e-10)
    for point, index in zip(points, indices, strict=True):
        gap = np.linalg.norm(found.state - point, axis=1)
        assert gap.min() < 1e-8
        assert found.index[gap.argmin()] == index


def test_mueller_brown():
    energy, slope, product = mueller_brown()
    with np.errstate(all="ignore"):
        points, indices = reference(slope, product, (-1.7, -0.6), (1.3, 2.2), 80)
    assert Counter(indices.tolist()) == {0: 3, 1: 2}
    starts = box_starts([-1.7, -0.6], [1.3, 2.2], 64, seed=0)
    found = find_fixed_points(energy_network(energy, 2, slope, product), starts)
    assert Counter(found.index.tolist()) == {0: 3, 1: 2}
    gaps = np.linalg.norm(found.state[:, None] - points, axis=-1)
    assert (gaps.min(axis=0) < 1e-8).all()
    assert (indices[gaps.argmin(axis=1)] == found.index).all()
    np.testing.assert_allclose(found.energy[0], -146.69951720995402, rtol=1e-12)
    assert "Only the given starts" in found.reason


def test_given_starts_are_the_only_ones():
    found = find_fixed_points(separable(2), np.array([[0.9, 0.1]]))
    assert len(found) < 9
    assert found.hits.sum() <= 4  # the start and three places on its way down
    assert found.complete == ("not refuted" if found.morse_sum == 1 else "refuted, if the flow points inward")


def test_a_missing_point_is_proved():
    """Weights that sum to one and a leak hold the state: far out the flow points inward, whatever the patterns."""
    found = find_fixed_points(ModernHopfield(np.eye(3), beta=9.0), np.eye(3)[:2])
    assert Counter(found.index.tolist()) == {0: 2}
    assert (found.morse_sum, found.complete) == (2, "incomplete (proved)")
    assert "at least one point is missing." in found.reason


def test_a_missing_point_of_a_function_is_proved_only_if_the_flow_points_inward():
    found = find_fixed_points(separable(2), np.array([[0.9, 0.9], [-0.9, 0.9]]))
    assert Counter(found.index.tolist()) == {0: 2}
    assert (found.morse_sum, found.complete) == (2, "refuted, if the flow points inward")
    assert "looked at 72 directions" in found.reason  # 64 at random, two axes and two points both ways
    assert "at least one point is missing then" in found.reason
    assert found.unseen == 1
    assert "unseen" not in found.verdict()


def test_deflation_finds_what_its_start_leads_past():
    start = np.array([[0.9, 0.9]])
    assert len(find_fixed_points(separable(2), start)) == 1
    more = find_fixed_points(separable(2), start, deflate=True)
    assert len(more) == 9
    assert more.complete == "not refuted"
    assert more.residual.max() < 1e-12


def test_a_search_that_misses_points_goes_on_until_the_sum_is_one():
    """From one minimum of nine critical points, by following eigenvectors up and down."""
    flow = field(separable(2))
    table = Table.empty(flow, 1e-10)
    table.search(np.array([[1.0, 1.0], [-1.0, 1.0]]))
    assert len(table.x) == 2
    search_harder(table, np.random.default_rng(0), 100)
    assert len(table.x) in (3, 5, 7, 9)  # the sum of signs is 1
    index = spectrum(flow, table.x).index
    assert (np.where(index % 2 == 0, 1, -1)).sum() == 1


def test_eigenvectors_lead_to_the_wanted_index():
    flow = field(separable(3))
    begin, wanted = rungs(flow, np.array([[1.0, 1.0, 0.0]]), np.array([1]))
    assert sorted(wanted) == [0, 0, 2, 2, 2, 2]
    ends = polish(flow, follow(flow, begin, wanted))
    assert ends.converged.all()
    inward = np.abs(begin).max(axis=1) <= 1.0  # outward the energy rises for ever
    assert inward.sum() == 4
    np.testing.assert_array_equal(spectrum(flow, ends.x).index[inward], wanted[inward])


def test_energies_without_a_floor_have_no_verdict():
    """E = x^3/3 - x: a minimum at 1, a maximum at -1, and the velocity points outward on the left."""
    found = find_fixed_points(
        energy_network(lambda x: (x**3 / 3 - x).sum(-1), 1, lambda x: x**2 - 1, lambda x, u: 2 * x * u)
    )
    np.testing.assert_allclose(found.state[:, 0], [1, -1], atol=1e-12)
    assert found.index.tolist() == [0, 1]
    assert (found.morse_sum, found.complete) == (None, "undefined")
    assert "does not point inward" in found.reason


# ---------------------------------------------------------------------------------- no energy, jumps, rays


def test_a_system_without_energy_has_complex_eigenvalues_and_says_so():
    """x' = y, y' = (1 - 3x^2)/... : here a damped spiral around +-1 and a saddle at 0."""
    matrix = np.array([[-0.2, 1.0], [-1.0, -0.2]])
    spiral = velocity_network(lambda x: x @ matrix.T - x**3, 2, lambda x, u: u @ matrix.T - 3 * x**2 * u)
    found = find_fixed_points(spiral)
    assert len(found) == 1
    np.testing.assert_allclose(np.sort_complex(found.eigenvalues[0]), [0.2 - 1j, 0.2 + 1j], atol=1e-12)
    assert np.isnan(found.energy).all()
    assert not found.conservative
    assert "no energy is claimed" in found.message
    assert "eigenvalues are complex" in found.message
    assert found.stable.tolist() == [True]
    assert found.stable_map is None
    assert "0.2-1i" in str(found)


def test_an_asymmetric_network_is_classified_by_its_jacobian(rng):
    weights = 2 * rng.normal(size=(5, 5))
    network = Network({"x": Population(LogCosh(), 5, tau=2.0)}, [Recurrent(("x",), weights)])
    found = find_fixed_points(network)
    assert found.morse_sum == 1  # Poincare and Hopf need no energy
    flow = field(network)
    for x, index in zip(found.state, found.index, strict=True):
        values = np.linalg.eigvals(np.stack([flow.jacobian_product(x, e) for e in np.eye(5)], axis=-1))
        assert (values.real > 0).sum() == index


def test_exact_memories_at_the_kinks_of_manhattan(rng):
    patterns = rng.normal(size=(4, 6))
    memory = UniversalHopfield(patterns, "manhattan", beta=3.0)
    found = find_fixed_points(memory)
    at_memory = np.diag(memory.weights(patterns))
    assert (at_memory > 0.5).all()
    exact = found.select(found.kind == "memory (exact)")
    assert sorted(exact.pattern) == [0, 1, 2, 3]
    assert all((exact.activation == row).all(axis=1).any() for row in patterns)
    assert exact.stable.all()
    assert (found.index == -1).all()
    assert np.isnan(found.eigenvalues).all()
    assert (found.morse_sum, found.complete) == (None, "undefined")


def test_a_manhattan_memory_that_is_outweighed_is_no_fixed_point():
    """A weight of at most 1/2 does not hold the kink."""
    patterns = np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [3.0, 3.0]])
    memory = UniversalHopfield(patterns, "manhattan", beta=1.0)
    weights = np.diag(memory.weights(patterns))
    found = find_fixed_points(memory)
    exact = set(found.pattern[found.kind == "memory (exact)"].tolist())
    assert {i for i in range(4) if weights[i] > 0.5} <= exact
    assert 3 in exact
    velocity = field(memory).velocity(patterns)
    assert exact == {i for i in range(4) if not velocity[i].any()}


def test_max_separation_recalls_exactly():
    found = find_fixed_points(UniversalHopfield(np.eye(3), "dot", "max"))
    stable = found.select(found.stable)
    assert sorted(stable.pattern) == [0, 1, 2]
    assert set(stable.kind) == {"memory (exact)"}


def test_rays_of_cosine_are_one_point_each(rng):
    patterns = rng.normal(size=(3, 4))
    found = find_fixed_points(UniversalHopfield(patterns, "cosine", beta=60.0))
    flow = field(UniversalHopfield(patterns, "cosine"))
    np.testing.assert_allclose(np.linalg.norm(found.state, axis=1), flow.scale, rtol=1e-9)
    assert Counter(found.kind.tolist())["memory"] == 3
    assert found.eigenvalues.shape[1] == 3  # on the sphere
    assert (found.morse_sum, found.complete) == (0, "not refuted")  # the Euler characteristic of S^3
    assert found.index.max() == 3  # the maximum
    odd = find_fixed_points(UniversalHopfield(patterns[:, :3], "cosine", beta=10.0))
    assert (odd.morse_sum, odd.complete) == (2, "not refuted")


def test_heteroassociative_memories_have_a_census(rng):
    found = find_fixed_points(ModernHopfield(np.eye(3), beta=9.0, projection=rng.normal(size=(3, 2))), batches=4)
    assert (found.index == 0).any()
    assert found.state.shape[1] == 5
    assert found.stable_map is None


# --------------------------------------------------------------------------------------- libraries and types


@pytest.mark.parametrize(
    "library_name", [pytest.param(n, marks=[pytest.mark.slow] if n == "jax" else []) for n in LIBRARIES[1:]]
)
def test_libraries_agree(library_name):
    memory = ModernHopfield(np.eye(3), beta=5.0)
    expected = find_fixed_points(memory, batches=3)
    found = find_fixed_points(memory.to(library_name), batches=3)
    np.testing.assert_allclose(found.state, expected.state, atol=1e-12)
    np.testing.assert_allclose(found.eigenvalues, expected.eigenvalues, atol=1e-10)
    np.testing.assert_array_equal(found.kind, expected.kind)
    assert (found.morse_sum, found.complete) == (expected.morse_sum, expected.complete)


@pytest.mark.slow
@pytest.mark.parametrize("library_name", LIBRARIES[1:])
def test_the_classical_network_in_other_libraries(library_name):
    network, patterns = hopfield_1984(2.5)
    moved = Network(
        {"x": Population(LogCosh(2.5), 8)},
        [Recurrent(("x",), to_library(network.synapses["x~x"].weights, library_name), positive=True)],
    )
    found = find_fixed_points(moved, patterns=to_library(patterns, library_name), batches=4)
    assert len(found) == 51
    assert found.stable.sum() == 14


def test_float32():
    found = find_fixed_points(ModernHopfield(np.eye(4, dtype=np.float32), beta=5.0))
    assert found.state.dtype == np.float32
    assert Counter(found.index.tolist()) == {0: 4, 1: 6, 2: 4, 3: 1}
    assert found.residual.max() < 1e-5
    expected = find_fixed_points(ModernHopfield(np.eye(4), beta=5.0))
    np.testing.assert_allclose(np.sort(found.energy), np.sort(expected.energy), atol=1e-6)


def test_the_same_seed_gives_the_same_census(rng):
    memory = ModernHopfield(rng.normal(size=(5, 4)), beta=2.0)
    one, two = (find_fixed_points(memory, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.state, two.state)
    np.testing.assert_array_equal(one.hits, two.hits)


# ------------------------------------------------------------------------------------------------ the parts


def test_reports(tmp_path):
    found = find_fixed_points(ModernHopfield(np.eye(3), beta=5.0))
    text = str(found)
    assert "saddle(2)" in text
    assert "7 of 7 points" in text
    assert "not refuted" in text
    assert "3 memory, 3 saddle(1), 1 saddle(2)" in repr(found)
    file = json.loads(found.to_json(tmp_path / "census.json").read_text(encoding="utf-8"))["results"]["fixed_points"]
    np.testing.assert_allclose(file["state"], found.state)
    assert file["morse_sum"] == 1
    assert file["kind"] == found.kind.tolist()
    turning = velocity_network(
        lambda x: np.stack([x[..., 1], -x[..., 0]], -1) - x, 2, lambda x, u: u[..., ::-1] * [1, -1] - u
    )
    spiral = json.loads(find_fixed_points(turning).to_json(tmp_path / "spiral.json").read_text(encoding="utf-8"))
    np.testing.assert_allclose(np.abs(spiral["results"]["fixed_points"]["eigenvalues"]["imag"]), 1)


def test_what_is_asked_wrongly_is_refused():
    memory = ModernHopfield(np.eye(3))
    with pytest.raises(ValueError, match=r"query has shape \(1, 2\)"):
        find_fixed_points(memory, np.zeros((1, 2)))
    with pytest.raises(ValueError, match="tol must be > 0"):
        find_fixed_points(memory, tol=0.0)
    with pytest.raises(ValueError, match="Deflation is for at most 64 neurons"):
        find_fixed_points(ModernHopfield(np.eye(70)), np.eye(70)[:2], deflate=True)
    with pytest.raises(ValueError, match="low < high"):
        box_starts([1.0], [0.0], 4)


def test_minres_solves_indefinite_systems(rng):
    matrix = rng.normal(size=(4, 15, 15))
    matrix = matrix + np.swapaxes(matrix, 1, 2)
    right = rng.normal(size=(4, 15))
    x, used = minres(lambda y: np.einsum("kij,kj->ki", matrix, y), right, 1e-11, 60)
    np.testing.assert_allclose(x, np.linalg.solve(matrix, right[..., None])[..., 0], rtol=1e-6, atol=1e-7)
    assert used % 4 == 0
    # eigenvalues of which three differ take three products, and a singular system its shortest solution
    x, used = minres(
        lambda y: np.array([1.0, 1.0, -2.0, 0.0, 3.0]) * y, np.array([[1.0, 2.0, 2.0, 0.0, 3.0]]), 1e-12, 9
    )
    np.testing.assert_allclose(x, [[1, 2, -1, 0, 1]], atol=1e-12)
    assert used == 3


def test_dense_and_krylov_steps_lead_to_the_same_points(rng):
    for memory in (
        ModernHopfield(rng.normal(size=(5, 8)), beta=1.5),
        UniversalHopfield(rng.random((4, 6)), "euclidean", beta=9.0),
    ):
        flow = field(memory)
        starts = flow.patterns + 0.1 * rng.normal(size=flow.patterns.shape)
        dense, krylov = (polish(flow, starts, method=method) for method in ("dense", "krylov"))
        assert dense.converged.all()
        assert krylov.converged.all()
        np.testing.assert_allclose(dense.x, krylov.x, atol=1e-9)
    network = Network({"x": Population(LogCosh(), 6)}, [Recurrent(("x",), rng.normal(size=(6, 6)))])
    dense, krylov = (polish(field(network), 0.1 * rng.normal(size=(3, 6)), method=m) for m in ("dense", "krylov"))
    np.testing.assert_allclose(
        dense.x[dense.converged & krylov.converged], krylov.x[dense.converged & krylov.converged], atol=1e-9
    )
    assert krylov.converged.any()


def test_groups_of_points():
    x = np.array([[0.0], [1.0], [1.05], [5.0], [0.01]])
    label, first = clusters(x, 0.1)
    assert label.tolist() == [0, 1, 1, 2, 0]
    assert first.tolist() == [0, 1, 3]
    label, first = clusters(x, 0.1, known=2)  # the first two are points already
    assert label.tolist() == [1, 2, 0]
    assert first.tolist() == [0, 1, 3]


def test_metastable_sizes():
    assert metastable_size(np.eye(3)).tolist() == [1, 1, 1]
    assert metastable_size(np.full(10, 0.1)) == 9
    assert metastable_size(np.array([0.5, 0.4, 0.1])) == 2


def test_estimates_of_what_is_unseen(rng):
    """Chao's bound and the coverage, against a thousand draws from a known law."""
    law = rng.dirichlet(np.full(40, 0.3))
    hits = np.bincount(rng.choice(40, 60, p=law), minlength=40)
    guess = unseen(hits)
    assert abs(guess.coverage - law[hits > 0].sum()) < 0.15
    assert unseen(np.array([9, 8, 7])).points == 0
    assert unseen(np.array([], int)).coverage == 0


def test_points_of_all_populations(rng):
    """The census of a memory with states of its own for the memory neurons is that of the adiabatic flow."""
    memory = ModernHopfield(np.eye(3), beta=5.0)
    joined = find_fixed_points(memory.network, batches=4)
    alone = find_fixed_points(memory, batches=4)
    assert joined.state.shape[1] == 6
    assert len(joined) == len(alone) == 7
    assert Counter(joined.index.tolist()) == Counter(alone.index.tolist())
    for point in alone.activation:
        assert np.linalg.norm(joined.state[:, :3] - point, axis=1).min() < 1e-8


def test_quadratic_neurons_alone_rest_at_their_input():
    network = Network({"x": Population(Quadratic(), 3, bias=np.array([1.0, 2.0, 3.0]))}, [])
    found = find_fixed_points(network)
    np.testing.assert_allclose(found.state, [[1, 2, 3]], atol=1e-14)
    assert found.kind.tolist() == ["stable"]


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number >= 1, got 0"),
        ({"batches": -1}, "batches must be a whole number >= 0, got -1"),
        ({"most": 2.5}, "most must be a whole number >= 1, got 2.5"),
        ({"eigenvalues": 0}, "eigenvalues must be a whole number >= 1"),
        ({"patterns": np.ones((2, 9))}, r"n <= 3, got shape \(2, 9\)"),
    ],
)
def test_settings_are_checked_at_the_door(settings_, message):
    with pytest.raises(ValueError, match=message):
        find_fixed_points(ModernHopfield(np.eye(3)), **settings_)


def test_balanced_starts_have_weights_of_one_order(rng):
    """Of every subset of the patterns, at a beta where random states have one weight alone."""
    patterns = rng.normal(size=(4, 9))
    for similarity in ("dot", "euclidean"):
        memory = UniversalHopfield(patterns, similarity, beta=300.0)
        weights = memory.weights(balanced_starts(field(memory), 15, seed=1))
        members = {tuple(row > 1e-4) for row in weights}
        assert len(members) >= 10
        assert (memory.weights(rng.normal(size=(15, 9))).max(axis=1) > 0.99).mean() > 0.8
    assert not len(balanced_starts(field(hopfield_1984(1.2)[0]), 5))  # no patterns, nothing to balance


def test_a_point_where_the_flow_is_flat_to_first_order_is_marginal_and_no_saddle():
    """x' = -x + tanh(2 x)/2 at 0: the eigenvalue is 0 up to rounding, and all others of the point are as well."""
    network = Network({"x": Population(LogCosh(2.0), 2)}, [Recurrent(("x",), 0.5 * np.eye(2))])
    found = find_fixed_points(network)
    assert found.kind.tolist() == ["marginal"]
    np.testing.assert_allclose(found.state, 0, atol=1e-2)


def test_wide_spectra_are_classified_alike_in_both_precisions():
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], (3, 64))
    both = [find_fixed_points(ModernHopfield(patterns.astype(kind), beta=16.0)) for kind in ("float64", "float32")]
    for found in both:
        assert found.summary() == "3 memory, 3 saddle(1), 1 saddle(2)"
        assert found.morse_sum == 1


@pytest.mark.parametrize("scale", few([1e5, 1e-8, 3e3], 1))
def test_the_census_of_cosine_does_not_see_the_scale_of_the_patterns(scale):
    patterns = np.random.default_rng([9, 0]).normal(size=(5, 8))
    one, other = (
        find_fixed_points(UniversalHopfield(size * patterns, "cosine", beta=8.0), batches=4) for size in (1.0, scale)
    )
    assert other.summary() == one.summary() == "4 memory, 1 metastable(2), 4 saddle(1), 1 saddle(7)"
    assert other.complete == one.complete == "not refuted"


def test_a_residual_as_large_as_the_forces_is_no_zero_however_steep_the_flow():
    memory = UniversalHopfield(np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.3], [0.1, 0.3, 0.9]]), "reverse_kl", beta=6.0)
    far = np.array([[102.2, -1.46, 3.92], [66.3, -1.45, 4.6], [80.0, -1.0, 60.0]])  # there rounding is all that J is
    found = polish(memory, far, steps=3)
    assert not (found.converged & (found.residual > 1e-6)).any()


def test_krylov_steps_reach_the_zeros_of_a_memory_with_rays_as_dense_ones_do(rng):
    memory = UniversalHopfield(np.array([[1.2, 0.3, -0.4], [-0.6, 1.0, 0.7], [0.1, -0.8, 0.9]]), "cosine", beta=4.0)
    zeros = find_fixed_points(memory).state
    beside = zeros + 1e-3 * rng.normal(size=zeros.shape)
    dense, krylov = (polish(memory, beside, method=method) for method in ("dense", "krylov"))
    assert dense.converged.all()
    assert krylov.converged.all()
    assert abs(dense.x - krylov.x).max() < 1e-6
