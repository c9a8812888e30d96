"""Critical beta, effective numbers of memories and advice, against exact values and against what retrieval does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from helpers import to_library, to_numpy
from hopfield import ModernHopfield, UniversalHopfield
from hopfield.analysis import (
    beta_advice,
    certified_radii,
    critical_beta,
    effective_memories,
    field,
    find_fixed_points,
    metastability,
    metastable_size,
)
from hopfield.analysis.branches._critical_beta import potts_fold
from hopfield.dynamics import LogCosh
from hopfield.models import ClassicalHopfield


def at(memory, beta):
    return type(memory)(**{**memory.settings(), "beta": float(beta)})


def lowest(memory, x):
    return float(np.linalg.eigvalsh(to_numpy(field(memory).hessian(x)))[0])


# --- critical beta


@pytest.mark.parametrize("radius", [0.5, 1.0, 20.0])
def test_two_opposite_patterns(radius):
    found = critical_beta(ModernHopfield(np.array([[radius, 0.0], [-radius, 0.0]])))
    assert found.critical == pytest.approx(1 / radius**2)
    assert found.unique_below == pytest.approx(1 / radius**2)  # the bound is sharp here
    assert found.memory_fold == pytest.approx(1 / radius**2)
    assert np.abs(found.direction) == pytest.approx([1, 0])
    assert float(found) == found.critical


@pytest.mark.parametrize("count", [3, 4, 7])
def test_orthonormal_patterns(count):
    found = critical_beta(ModernHopfield(np.eye(count, 12)))
    assert found.critical == pytest.approx(count)
    assert found.unique_below == pytest.approx(2.0)

    def beta(a):
        return np.log(a * (count - 1) / (1 - a)) * (count - 1) / (count * a - 1)

    least = minimize_scalar(beta, bounds=(0.5, 1 - 1e-6), method="bounded", options={"xatol": 1e-12})
    assert found.memory_fold == pytest.approx(least.fun, rel=1e-12)
    for factor, minima in ((0.999, 1), (1.001, count + 1)):  # the mean is stable on both sides
        memory = ModernHopfield(np.eye(count), beta=found.memory_fold * factor)
        assert find_fixed_points(memory).stable.sum() == minima


def test_the_fold_of_three_by_number():
    assert potts_fold(3) == pytest.approx(2.7456435767, abs=1e-10)


@given(st.integers(2, 6), st.floats(0.3, 5.0), st.floats(-0.1, 0.8), st.sampled_from(["dot", "euclidean"]))
@settings(max_examples=25, deadline=None)
def test_equicorrelated_patterns_are_orthonormal_ones_in_other_units(count, norm, overlap, similarity):
    gram = norm**2 * ((1 - overlap) * np.eye(count) + overlap)
    patterns = np.linalg.cholesky(gram)
    found = critical_beta(UniversalHopfield(patterns, similarity, "softmax"))
    unit = norm**2 * (1 - overlap) * (1 if similarity == "dot" else 2)
    assert found.critical * unit == pytest.approx(count, rel=1e-9)
    assert found.memory_fold * unit == pytest.approx(potts_fold(count), rel=1e-9)
    assert found.unique_below * unit == pytest.approx(2, rel=1e-9)


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_the_mean_changes_stability_there(similarity):
    patterns = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    memory = UniversalHopfield(patterns, similarity, "softmax")
    beta = critical_beta(memory).critical
    assert lowest(at(memory, 0.99 * beta), np.zeros(3)) > 0
    assert lowest(at(memory, 1.01 * beta), np.zeros(3)) < 0
    assert lowest(at(memory, beta), np.zeros(3)) == pytest.approx(0, abs=1e-12)


def test_without_symmetry_the_fixed_point_is_followed_to_its_end():
    rng = np.random.default_rng(0)
    memory = ModernHopfield(rng.normal(size=(12, 40)))
    found = critical_beta(memory)
    assert found.kind == "fold"
    assert found.unique_below < found.critical
    assert lowest(at(memory, found.critical), found.state) == pytest.approx(0, abs=1e-5)
    assert np.abs(field(at(memory, found.critical)).velocity(found.state)).max() < 1e-9
    before = at(memory, 0.999 * found.critical).retrieve(found.state, max_steps=5000).state
    after = at(memory, 1.001 * found.critical).retrieve(found.state, max_steps=5000).state
    assert np.linalg.norm(before - found.state) < 0.2 * np.linalg.norm(after - found.state)


def test_a_fixed_point_that_becomes_a_memory():
    found = critical_beta(ModernHopfield(np.array([[1.1, 0.5], [-0.9, 0.5]])))
    assert np.isinf(found.critical)
    assert found.kind == "none"
    assert "leads to pattern 0" in found.message


@given(st.integers(0, 10**6), st.sampled_from(["dot", "euclidean"]))
@settings(max_examples=8, deadline=None)
def test_there_is_one_fixed_point_below_the_bound(seed, similarity):
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(4, 3)) * np.exp(rng.normal())
    memory = UniversalHopfield(patterns, similarity, "softmax")
    below = at(memory, 0.98 * critical_beta(memory, largest=2.0).unique_below)
    ends = below.retrieve(np.concatenate([patterns, 5 * rng.normal(size=(6, 3))]), max_steps=20_000, tol=1e-12).state
    assert np.abs(ends - ends[0]).max() < 1e-6 * np.abs(patterns).max()


@pytest.mark.parametrize("value", [None, LogCosh(2.0)])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_linear_memory_neurons(value):
    patterns = np.random.default_rng(0).normal(size=(3, 6))
    memory = UniversalHopfield(patterns, "dot", "identity", value_lagrangian=value)
    beta = critical_beta(memory).critical
    slope = 1.0 if value is None else float(value.curvature(np.zeros(1), np.ones(1))[0])
    assert beta == pytest.approx(1 / (slope * np.linalg.norm(patterns, 2) ** 2))
    assert lowest(at(memory, beta), np.zeros(6)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("memory", "match"),
    [
        (lambda: UniversalHopfield(np.eye(3), "cosine", "softmax"), "cosine with softmax"),
        (lambda: UniversalHopfield(np.eye(3), "manhattan", "softmax"), "manhattan with softmax"),
        (lambda: UniversalHopfield(np.eye(3), "dot", "max"), "max separation"),
        (lambda: ModernHopfield(np.eye(3), projection=np.eye(3)), "P = M"),
    ],
)
def test_what_has_no_critical_beta(memory, match):
    with pytest.raises(ValueError, match=match):
        critical_beta(memory())


def test_equal_patterns():
    assert np.isinf(critical_beta(ModernHopfield(np.ones((3, 2)))).critical)


# --- effective numbers


@pytest.mark.parametrize("measure", ["participation", "entropy"])
def test_effective_numbers(measure):
    memory = ModernHopfield(np.eye(5), beta=1e-9)
    assert effective_memories(memory, np.ones(5), measure=measure) == pytest.approx(5)
    sharp = ModernHopfield(np.eye(5), beta=1e3)
    assert effective_memories(sharp, np.eye(5), measure=measure) == pytest.approx(np.ones(5))
    pair = np.array([1.0, 1.0, 0, 0, 0])
    assert effective_memories(sharp, pair, measure=measure) == pytest.approx(2)


def test_effective_numbers_are_ordered(rng, library):
    memory = ModernHopfield(to_library(rng.normal(size=(8, 5)), library), beta=1.5)
    queries = to_library(rng.normal(size=(20, 5)), library)
    p = to_numpy(memory.weights(queries))
    second = effective_memories(memory, queries)
    first = effective_memories(memory, queries, measure="entropy")
    assert second == pytest.approx(1 / (p**2).sum(-1))
    assert (second >= 1 - 1e-12).all()
    assert (second <= first + 1e-12).all()
    assert (first <= 8 + 1e-12).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_weights_of_both_signs_are_no_shares():
    memory = UniversalHopfield(np.eye(3), "dot", "identity")
    with pytest.raises(ValueError, match="no shares"):
        effective_memories(memory, np.array([1.0, -1.0, 0.0]))
    with pytest.raises(ValueError, match="'participation' or 'entropy'"):
        effective_memories(ModernHopfield(np.eye(3)), np.eye(3)[0], measure="size")


def test_metastable_states_are_clusters():
    """Two tight clusters: at a middle beta their means are retrieved, at a high one the patterns."""
    rng = np.random.default_rng(0)
    centres = 3 * np.eye(2, 20)
    patterns = np.concatenate(
        [centres[0] + 0.1 * rng.normal(size=(4, 20)), centres[1] + 0.1 * rng.normal(size=(4, 20))]
    )
    patterns *= 3 / np.linalg.norm(patterns, axis=1, keepdims=True)  # each its own best match
    middle = metastability(ModernHopfield(patterns, beta=1.0), patterns)
    assert (middle.size == 4).all()
    assert not middle.single.any()
    assert middle.effective == pytest.approx([4] * 8, rel=0.2)
    assert (middle.pattern // 4 == np.arange(8) // 4).all()
    sharp = metastability(ModernHopfield(patterns, beta=100.0), patterns)
    assert sharp.single.all()
    assert (sharp.pattern == np.arange(8)).all()
    assert "8 of size 1" in str(sharp)


def test_metastability_is_the_size_of_the_weights_of_the_retrieved_state():
    rng = np.random.default_rng(1)
    memory = ModernHopfield(rng.normal(size=(10, 6)), beta=1.0)
    queries = rng.normal(size=(2, 3, 6))
    found = metastability(memory, queries)
    assert found.size.shape == (2, 3)
    state = memory.retrieve(queries, max_steps=1000).state
    assert np.array_equal(found.size, metastable_size(memory.weights(state)))
    assert np.array_equal(found.before, metastable_size(memory.weights(queries)))
    one = metastability(memory, queries[0, 0])
    assert int(one.size) == found.size[0, 0]


# --- advice


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
@pytest.mark.parametrize("target", [0.5, 0.9])
def test_the_needed_beta_gives_the_weight(similarity, target):
    rng = np.random.default_rng(2)
    memory = UniversalHopfield(rng.normal(size=(7, 9)), similarity, "softmax")
    advice = beta_advice(memory, target)
    assert np.isfinite(advice.needed).all()
    for row, beta in enumerate(advice.needed):
        sharp = at(memory, beta)
        assert sharp.weights(memory.memories[row])[row] == pytest.approx(target, rel=1e-9)
        assert beta_advice(sharp).own_weight[row] == pytest.approx(target, rel=1e-9)


@given(st.integers(0, 10**6), st.sampled_from(["dot", "euclidean"]), st.floats(0.3, 0.95), st.floats(1.0, 8.0))
@settings(max_examples=10, deadline=None)
def test_what_is_certified_is_recalled(seed, similarity, target, factor):
    """At every beta above the certified one the pattern is retrieved, with the weight, and so is a ball around it."""
    rng = np.random.default_rng(seed)
    memory = UniversalHopfield(rng.normal(size=(5, 6)), similarity, "softmax")
    advice = beta_advice(memory, target)
    for row in np.flatnonzero(np.isfinite(advice.certified)):
        sharp = at(memory, advice.certified[row] * factor * (1 + 1e-9))
        ball = certified_radii(sharp, [row])
        assert ball.radius[0] > 0
        direction = rng.normal(size=6)
        cue = memory.memories[row] + 0.99 * ball.radius[0] * direction / np.linalg.norm(direction)
        answer = sharp.retrieve(np.stack([memory.memories[row], cue]), max_steps=5000, tol=1e-12)
        assert (sharp.weights(answer.state)[:, row] >= target * (1 - 1e-6)).all()
        assert np.abs(answer.state[0] - answer.state[1]).max() < 1e-6


def test_the_certified_beta_is_not_below_the_fold():
    """For orthonormal patterns the memories exist from the fold on: 2.7456 for three."""
    advice = beta_advice(ModernHopfield(np.eye(3)))
    assert (advice.certified > potts_fold(3)).all()
    assert (advice.certified < 1.5 * potts_fold(3)).all()
    assert not advice.recalled.any()  # beta = 1
    assert beta_advice(ModernHopfield(np.eye(3), beta=3.0)).recalled.all()
    assert advice.needed == pytest.approx([np.log(2)] * 3)


def test_scaling():
    rng = np.random.default_rng(5)
    patterns = rng.normal(size=(6, 8))
    one, ten = (beta_advice(ModernHopfield(c * patterns)) for c in (1.0, 10.0))
    assert ten.needed * 100 == pytest.approx(one.needed)
    assert ten.certified * 100 == pytest.approx(one.certified)
    assert ten.separation == pytest.approx(100 * one.separation)


def test_a_pattern_that_is_not_its_own_best_match():
    advice = beta_advice(ModernHopfield(np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])))
    assert np.isinf(advice.needed[0])
    assert np.isinf(advice.certified[0])
    assert advice.separation[0] == pytest.approx(-2)
    assert np.isfinite(advice.needed[1:]).all()
    assert np.isinf(advice.beta_for(1.0))
    assert np.isfinite(advice.beta_for(0.5))
    assert "never" in str(advice)


@pytest.mark.parametrize(
    ("memory", "target", "match"),
    [
        (lambda: UniversalHopfield(np.eye(3), "cosine", "softmax"), 0.5, "no advice"),
        (lambda: UniversalHopfield(np.eye(3), "manhattan", "softmax"), 0.5, "not for manhattan"),
        (lambda: ModernHopfield(np.eye(3), bias=0.1), 0.5, "bias 0"),
        (lambda: ModernHopfield(np.eye(3)), 1.5, "between 0 and 1"),
    ],
)
def test_where_there_is_no_advice(memory, target, match):
    with pytest.raises(ValueError, match=match):
        beta_advice(memory(), target)


def test_bad_fraction():
    with pytest.raises(ValueError, match="fraction must be"):
        beta_advice(ModernHopfield(np.eye(3))).beta_for(0)


def test_what_has_no_weights_is_refused_with_the_reason():
    classical = ClassicalHopfield(np.array([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]]))
    for function in (metastability, effective_memories):
        with pytest.raises(TypeError, match="ClassicalHopfield has none"):
            function(classical, np.ones(4))
    with pytest.raises(ValueError, match=r"shape \(\.\.\., N\)"):
        metastable_size(np.zeros(0))
    with pytest.raises(ValueError, match="largest must be above 1"):
        critical_beta(ModernHopfield(np.array([[1.0, 0.0], [0.3, 0.8]])), largest=0.5)


def test_critical_beta_in_single_precision():
    patterns = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.2], [-0.4, 0.2, 0.9]])
    wide, narrow = (critical_beta(ModernHopfield(patterns.astype(kind), beta=5.0)) for kind in (float, np.float32))
    assert narrow.kind == wide.kind == "none"
    np.testing.assert_allclose(narrow.unique_below, wide.unique_below, rtol=1e-5)
