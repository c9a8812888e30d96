"""Certified radii: the theorems against exact answers, against the flow itself, and under rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from helpers import LIBRARIES, to_library
from hopfield import ModernHopfield, UniversalHopfield
from hopfield.analysis import basins_of_attraction, certified_radii, trapping_radii
from hopfield.analysis.basins import no_theorem


def orthonormal(number, beta):
    """R(r) - r of orthonormal patterns, whose roots bound the certificate."""
    return lambda r: (number - 1) * 2**0.5 * np.exp(-beta * (1 - r * 2**0.5)) - r


def memory_of(similarity, patterns, beta, separation="softmax"):
    """A memory; beta scales the scores."""
    return UniversalHopfield(patterns, similarity=similarity, separation=separation, beta=beta)


@pytest.mark.parametrize(("number", "beta"), [(3, 4.0), (4, 5.0), (10, 50.0)])
def test_the_radius_is_the_larger_root(number, beta):
    found = certified_radii(ModernHopfield(np.eye(number), beta=beta))
    gap = orthonormal(number, beta)
    least = brentq(lambda r: 2 * beta * (number - 1) * np.exp(-beta * (1 - r * 2**0.5)) - 1, -1, 2)
    assert found.radius == pytest.approx(brentq(gap, least, 3, xtol=1e-15), rel=1e-12)
    assert found.inner == pytest.approx(brentq(gap, 0, least, xtol=1e-18), rel=1e-6, abs=1e-15)
    assert (found.radius <= 2**-0.5).all()  # the boundary is at 1/sqrt(2)


def test_no_radius_where_the_memory_is_gone():
    # Three orthonormal patterns have memories for beta > 2.7456 alone.
    assert (certified_radii(ModernHopfield(np.eye(3), beta=2.7)).radius == 0).all()
    assert np.isinf(certified_radii(ModernHopfield(np.eye(3), beta=2.7)).inner).all()


@pytest.mark.parametrize("similarity", ["dot", "euclidean", "manhattan"])
def test_max_gives_the_distance_to_the_next_cell(similarity):
    patterns = np.array([[0.0, 3.0], [4.0, 0.0]])
    found = certified_radii(memory_of(similarity, patterns, 1.0, "max"))
    exact = {"dot": [9 / 5, 16 / 5], "euclidean": [2.5, 2.5], "manhattan": [3.5, 3.5]}[similarity]
    assert found.radius == pytest.approx(exact, rel=1e-12)


def test_manhattan_formula():
    patterns = np.array([[0.0, 0.0], [1.0, 2.0], [-4.0, 0.0]])
    found = certified_radii(memory_of("manhattan", patterns, 2.0))
    assert found.norm == "1"
    assert found.radius[0] == pytest.approx(-np.log(np.exp(-6) + np.exp(-8)) / 4, rel=1e-12)


def test_one_pattern_and_equal_patterns_are_reached_from_everywhere():
    assert np.isinf(certified_radii(ModernHopfield(np.ones((1, 4)))).radius).all()
    assert np.isinf(certified_radii(ModernHopfield(np.ones((3, 4)))).radius).all()


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
@given(seed=st.integers(0, 10**6), beta=st.floats(0.3, 4.0), spread=st.floats(0.0, 1.0))
@settings(max_examples=8, deadline=None)
def test_pushes_within_the_radius_reach_the_same_fixed_point(similarity, seed, beta, spread):
    rng = np.random.default_rng(seed)
    patterns = rng.standard_normal((6, 8)) * np.exp(spread * rng.standard_normal((6, 1)))
    memory = memory_of(similarity, patterns, beta)
    found = certified_radii(memory)
    rows = np.flatnonzero(found.radius > 0)
    if not rows.size:
        return
    pushes = rng.standard_normal((rows.size, 12, 8))
    pushes *= 0.999 * found.radius[rows, None, None] / np.linalg.norm(pushes, axis=-1, keepdims=True)
    pushes[:, :5] = [toward(patterns, row, 0.999 * found.radius[row]) for row in rows]
    cues = np.concatenate([patterns[rows, None], patterns[rows, None] + pushes], axis=1)
    for dynamics in ("adiabatic", "map"):
        basins = basins_of_attraction(memory, cues, dynamics=dynamics, timed=False)
        assert (basins.labels >= 0).all()
        assert (basins.labels == basins.labels[:, :1]).all()
        ends = basins.fixed_points.activation[basins.labels[:, 0]]
        assert (np.linalg.norm(ends - patterns[rows], axis=1) <= found.inner[rows] + 1e-9).all()


def toward(patterns, row, length):
    """Steps of a length from a pattern toward each of the others."""
    gaps = np.delete(patterns, row, axis=0) - patterns[row]
    return length * gaps / np.linalg.norm(gaps, axis=1, keepdims=True)


@given(seed=st.integers(0, 10**6), beta=st.floats(0.5, 5.0))
@settings(max_examples=15, deadline=None)
def test_manhattan_recalls_exactly_within_its_radius(seed, beta):
    rng = np.random.default_rng(seed)
    patterns = rng.standard_normal((5, 6))
    memory = memory_of("manhattan", patterns, beta)
    radius = certified_radii(memory).radius
    for row in np.flatnonzero(radius > 0):
        pushes = rng.standard_normal((8, 6))
        pushes *= 0.999 * radius[row] / np.abs(pushes).sum(axis=1, keepdims=True)
        answer = memory.retrieve(patterns[row] + pushes, max_steps=1)
        assert (answer.state == patterns[row]).all()


def test_slow_memory_neurons_change_nothing():
    rng = np.random.default_rng(4)
    patterns = rng.standard_normal((5, 6))
    radius = certified_radii(ModernHopfield(patterns, beta=2.0)).radius
    rows = np.flatnonzero(radius > 0)
    assert rows.size >= 3
    pushes = rng.standard_normal((5, 40, 6))
    pushes *= 0.999 * radius[:, None, None] / np.linalg.norm(pushes, axis=-1, keepdims=True)
    for tau in (0.3, 5.0):
        memory = ModernHopfield(patterns, beta=2.0, tau_memory=tau)
        found = basins_of_attraction(memory, (patterns[:, None] + pushes)[rows], dynamics="network", timed=False)
        assert (found.pattern == rows[:, None]).all()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_rescaling_patterns_rescales_the_radius(seed):
    patterns = np.random.default_rng(seed).standard_normal((8, 5))
    for similarity, power in (("dot", 2), ("euclidean", 2), ("manhattan", 1)):
        one = certified_radii(memory_of(similarity, patterns, 1.7))
        ten = certified_radii(memory_of(similarity, 10 * patterns, 1.7 / 10**power))
        assert ten.radius == pytest.approx(10 * one.radius, rel=1e-9, abs=1e-9)


def test_float32_patterns_are_certified_in_float64():
    # A large common offset cancels in s_j: a float32 Gram matrix certifies far more than is true.
    rng = np.random.default_rng(0)
    patterns = (rng.standard_normal((12, 400)) + 300).astype(np.float32)
    found = certified_radii(ModernHopfield(patterns, beta=0.2))
    exact = certified_radii(ModernHopfield(patterns.astype(np.float64), beta=0.2))
    assert found.radius == pytest.approx(exact.radius, rel=1e-12)
    (row,) = np.flatnonzero(found.radius > 0)
    pushes = np.concatenate([rng.standard_normal((20, 400)), toward(patterns.astype(float), row, 1.0)])
    pushes *= 0.999 * found.radius[row] / np.linalg.norm(pushes, axis=1, keepdims=True)
    wide = ModernHopfield(patterns.astype(np.float64), beta=0.2)
    assert (wide.retrieve(patterns[row].astype(float) + pushes).pattern == row).all()


def test_margin_for_rounding_is_on_the_safe_side():
    # Where two patterns are nearly equal the certificate gives nothing, rather than something wrong.
    patterns = np.array([[1e8, 1.0], [1e8, 1.0 + 1e-7]])
    assert (certified_radii(ModernHopfield(patterns, beta=1.0)).radius < 1.0).all()


@pytest.mark.broad
def test_many_nearly_equal_patterns_take_no_time():
    patterns = np.repeat(np.random.default_rng(0).standard_normal((3, 20)), 500, axis=0)
    patterns[750:] += 1e-9 * np.random.default_rng(1).standard_normal((750, 20))
    found = certified_radii(ModernHopfield(patterns, beta=2.0))
    assert (found.radius[:500] == found.radius[0]).all()
    assert found.radius[0] == pytest.approx(found.radius[1], rel=1e-12)


def test_rounding_of_the_weights_at_a_point_counts_that_of_the_heaviest():
    """A mean of two long patterns at the origin: the weights there are known to some eps |x|^2 beta alone."""
    patterns = np.array([[1e7, 0.0], [-1e7, 0.0], [0.0, 1e-3]])
    memory = memory_of("euclidean", patterns, 1e-15)
    point = memory.retrieve(np.zeros(2), tol=1e-14).state
    (trap,) = trapping_radii(memory, point[None])
    pushes = np.random.default_rng(0).standard_normal((50, 2))
    pushes *= 0.999 * trap / np.linalg.norm(pushes, axis=1, keepdims=True)
    assert np.abs(memory.retrieve(point + pushes, tol=1e-12).state - point).max() <= 1e-6 * max(trap, 1.0)


@pytest.mark.parametrize("number", [4, 6])
def test_trapping_radius_of_every_kind_of_attractor(number):
    memory = ModernHopfield(np.eye(number), beta=9.0)
    point = memory.retrieve(np.eye(number)[0], tol=1e-14).state
    trap = float(trapping_radii(memory, point[None])[0])
    u, w = point[0], point[1]
    assert 0.45 < trap < (u - w) / 2**0.5
    rng = np.random.default_rng(0)
    pushes = rng.standard_normal((50, number))
    pushes *= 0.999 * trap / np.linalg.norm(pushes, axis=1, keepdims=True)
    assert (memory.retrieve(point + pushes).pattern == 0).all()
    assert trapping_radii(memory, np.full((1, number), 1 / number)) == 0  # a saddle


def test_trapping_radius_of_a_metastable_state():
    # Two clusters of two: their means attract where beta separates the clusters and not their members.
    patterns = 3 * np.array([[1.0, 0.1, 0.0], [1.0, -0.1, 0.0], [0.0, 0.1, 1.0], [0.0, -0.1, 1.0]])
    memory = ModernHopfield(patterns, beta=1.0)
    point = memory.retrieve(np.array([3.0, 0.0, 0.0]), tol=1e-14).state
    (trap,) = trapping_radii(memory, point[None])
    assert trap > 0.8
    pushes = np.random.default_rng(0).standard_normal((50, 3))
    pushes *= 0.999 * trap / np.linalg.norm(pushes, axis=1, keepdims=True)
    assert np.abs(memory.retrieve(point + pushes, tol=1e-12).state - point).max() < 1e-9


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_library_of_the_patterns_does_not_matter(library):
    patterns = np.random.default_rng(1).standard_normal((5, 7))
    there = ModernHopfield(to_library(patterns, library), beta=1.0)
    assert certified_radii(there).radius == pytest.approx(
        certified_radii(ModernHopfield(patterns, beta=1.0)).radius, rel=1e-12
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"similarity": "cosine", "separation": "softmax"}, "cosine similarity"),
        ({"separation": "polynomial(3)"}, "softmax or max"),
        ({"separation": "softmax", "leak": 0.5}, "leak 1, not 0.5"),
        ({"similarity": "euclidean", "separation": "softmax", "leak": 1.0}, "leak 0, not 1"),
        ({"separation": "softmax", "bias": 0.1}, "bias 0"),
        ({"separation": "softmax", "projection": np.eye(3)}, "P = M"),
    ],
)
@pytest.mark.filterwarnings("ignore:UniversalHopfield")
def test_no_theorem_says_why(options, why):
    memory = UniversalHopfield(np.eye(3), **options)
    assert why in no_theorem(memory)
    with pytest.raises(ValueError, match=why):
        certified_radii(memory)


@pytest.mark.parametrize("points", [np.zeros((1, 4)), np.full((1, 3), np.nan), np.zeros((1, 1, 3))])
def test_points_are_checked(points):
    with pytest.raises(ValueError, match="points"):
        trapping_radii(ModernHopfield(np.eye(3), beta=8.0), points)


def test_rows_are_checked():
    with pytest.raises(TypeError, match="whole numbers"):
        certified_radii(ModernHopfield(np.eye(3), beta=8.0), [0.5])
    memory = ModernHopfield(np.eye(3), beta=8.0)
    assert certified_radii(memory, [2, 0]).rows.tolist() == [2, 0]
    with pytest.raises(ValueError, match="from 0 to 2"):
        certified_radii(memory, [3])
