"""Similarities as appendix E scales them: the formulas in plain NumPy, their edges, and no networks."""

import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import IN_EACH_SLOW_JAX, epsilon, to_library, to_numpy
from hopfield.dynamics import simulate
from hopfield.models import Custom, Dot, Normalised, UniversalHopfield, normalised, similarity

DIVERGENCES = ["kl", "reverse_kl", "jeffreys", "jensen_shannon"]
DISTANCES = ["euclidean", "manhattan", "hamming", *DIVERGENCES]
NAMES = ["dot", "cosine", *DISTANCES]


def kl(p, q):
    return (p * np.log(p / q)).sum(-1)


def distances(name, memories, query, eps=1e-4):
    """d(M_i, q), shape (N,), as appendix E has it."""
    if name == "euclidean":
        return ((memories - query) ** 2).sum(-1)
    if name == "manhattan":
        return np.abs(memories - query).sum(-1)
    if name == "hamming":
        return (memories != query).sum(-1).astype(float)
    m, q = memories + eps, query + eps
    m, q = m / m.sum(-1, keepdims=True), q / q.sum()
    a = (m + q) / 2
    return {
        "kl": lambda: kl(q, m),
        "reverse_kl": lambda: kl(m, q),
        "jeffreys": lambda: (kl(q, m) + kl(m, q)) / 2,
        "jensen_shannon": lambda: (kl(q, a) + kl(m, a)) / 2,
    }[name]()


def expected_scores(name, memories, query):
    if name == "dot":
        raw = (memories / memories.sum(-1, keepdims=True)) @ (query / query.sum())
    elif name == "cosine":
        raw = memories @ query / np.linalg.norm(memories, axis=-1) / np.linalg.norm(query)
    else:
        raw = 1 / distances(name, memories, query)
    return raw / raw.sum()


def problem(rng, name, dtype=np.float64, n=6, i=20):
    """Patterns and queries in [0, 1], with exact zeros in both."""
    memories, queries = rng.random((n, i)), rng.random((2, 3, i))
    if name == "hamming":
        return (memories > 0.5).astype(dtype), (queries > 0.5).astype(dtype)
    memories[0, 3], queries[1, 2, 5] = 0.0, 0.0
    return memories.astype(dtype), queries.astype(dtype)


@IN_EACH_SLOW_JAX
@pytest.mark.parametrize("name", NAMES)
def test_scores_and_weights_equal_the_formulas(name, library, dtype, rng):
    memories, queries = problem(rng, name, dtype)
    memory = UniversalHopfield(to_library(memories, library), normalised(name), "softmax", beta=3.0)
    given = to_library(queries, library)
    scores, weights = to_numpy(memory.scores(given)), to_numpy(memory.weights(given))
    assert scores.dtype == dtype
    for at in np.ndindex(2, 3):
        wanted = expected_scores(name, memories.astype(float), queries[at].astype(float))
        np.testing.assert_allclose(scores[at], wanted, rtol=3000 * epsilon(dtype))
        softmax = np.exp(3 * wanted) / np.exp(3 * wanted).sum()
        np.testing.assert_allclose(weights[at], softmax, rtol=3000 * epsilon(dtype))
    if library == "numpy":
        np.testing.assert_allclose(memory.scores(queries[1, 2]), scores[1, 2], rtol=30 * epsilon(dtype))


@pytest.mark.parametrize("sep", ["identity", "polynomial(2)", "rectified_polynomial(3)", "threshold(0.1)", "sqrt"])
def test_weights_sum_to_one_after_the_separation(sep, rng):
    memories, queries = problem(rng, "manhattan")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory = UniversalHopfield(memories, "normalised(manhattan)", sep)
    f = memory.separation.activation(memory.scores(queries))
    weights = memory.weights(queries)
    np.testing.assert_allclose(weights, f / f.sum(-1, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(memory.recall(queries), weights @ memories, rtol=1e-13)
    plain = UniversalHopfield(memories, "manhattan", "softmax")  # without `normalised` they are as they come
    np.testing.assert_allclose(plain.weights(queries).sum(-1), 1.0, rtol=1e-13)


def test_a_beta_on_scores_that_are_scaled_cancels_for_powers(rng):
    memories, queries = problem(rng, "euclidean")
    one, other = (
        UniversalHopfield(memories, normalised("euclidean"), "cube", beta=beta).recall(queries) for beta in (1.0, 50.0)
    )
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_threshold_that_nothing_passes_leaves_zero(library, rng):
    memories, queries = problem(rng, "euclidean")
    memory = UniversalHopfield(to_library(memories, library), normalised("euclidean"), "threshold(1.5)")
    np.testing.assert_array_equal(to_numpy(memory.recall(to_library(queries, library))), np.zeros_like(queries))


# --------------------------------------------------------------------------------------------- exact matches


@IN_EACH_SLOW_JAX
@pytest.mark.parametrize("name", DISTANCES)
def test_an_exact_match_has_weight_one_and_no_nan(name, library, dtype, rng):
    memories, _ = problem(rng, name, dtype)
    memory = UniversalHopfield(to_library(memories, library), normalised(name), "identity")
    np.testing.assert_array_equal(to_numpy(memory.weights(to_library(memories, library))), np.eye(6))
    np.testing.assert_array_equal(to_numpy(memory.recall(to_library(memories, library))), memories)


@pytest.mark.parametrize("name", DISTANCES)
def test_equal_patterns_share_an_exact_match(name, rng):
    memories, _ = problem(rng, name)
    memories[4] = memories[1]
    memory = UniversalHopfield(memories, normalised(name), "identity")
    np.testing.assert_array_equal(memory.scores(memories[1]), [0, 0.5, 0, 0, 0.5, 0])
    np.testing.assert_array_equal(memory.recall(memories[1]), memories[1])


@pytest.mark.parametrize("name", [name for name in DISTANCES if name != "hamming"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_what_nearly_matches_is_no_exact_match(name, library, dtype, rng):
    """Products cancel there: the distance is summed anew, so that its order and size are right."""
    pytest.importorskip(library)
    memories = rng.random((6, 300)).astype(dtype)
    query = memories[2].copy()
    query[:7] += np.asarray(20 * epsilon(dtype), dtype)
    memories[5] = memories[2]
    memories[5, 0] += np.asarray(100 * epsilon(dtype), dtype)
    memory = UniversalHopfield(to_library(memories, library), normalised(name), "identity")
    scores = to_numpy(memory.scores(to_library(query, library)))
    assert (scores[[2, 5]] > 0).all()
    near = distances(name, memories[[2, 5]].astype(np.longdouble), query.astype(np.longdouble))
    if name in ("euclidean", "manhattan"):  # nothing is rounded before the differences are taken
        np.testing.assert_allclose(scores[2] / scores[5], near[1] / near[0], rtol=200 * epsilon(dtype))
    assert scores[2] > scores[5] > 1e3 * scores[0] * epsilon(dtype)
    assert scores[[2, 5]].sum() > 1 - 1e-2


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_scores_sum_to_one_and_fall_with_the_distance(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    name = data.draw(st.sampled_from([name for name in DISTANCES if name != "hamming"]))
    memories = rng.random((data.draw(st.integers(1, 8)), data.draw(st.integers(2, 12)))) ** 3
    query = rng.random(memories.shape[1])
    scores = normalised(name).scores(memories, query)
    assert (scores >= 0).all()
    np.testing.assert_allclose(scores.sum(), 1, rtol=1e-13)
    d = distances(name, memories, query)
    assert (np.diff(scores[np.argsort(d)]) <= 1e-12).all()


def test_divergences_are_smoothed_before_they_are_scaled(rng):
    """So both are distributions, and the divergence is one: never negative."""
    memories, queries = rng.random((50, 784)) ** 8, rng.random((50, 784)) ** 8
    for name in DIVERGENCES:
        d = np.stack([distances(name, memories, q) for q in queries])
        assert d.min() > 0
        scores = normalised(name).scores(memories, queries)
        np.testing.assert_allclose(scores, (1 / d) / (1 / d).sum(-1, keepdims=True), rtol=1e-9)
    other = normalised("kl", eps=0.01).scores(memories, queries)
    np.testing.assert_allclose(
        other[3], expected_from(distances("kl", memories, queries[3], eps=0.01)), rtol=1e-9
    )  # fmt: skip


def expected_from(d):
    return (1 / d) / (1 / d).sum()


# ---------------------------------------------------------------------------------------------------- domain


@pytest.mark.parametrize("name", ["dot", "cosine"])
def test_a_black_image_is_refused_by_its_row(name, library, rng):
    memories, queries = problem(rng, name)
    black = memories.copy()
    black[3] = 0
    with pytest.raises(ValueError, match=r"row 3 of patterns is zero everywhere.*cannot be scaled to sum to one"):
        UniversalHopfield(to_library(black, library), normalised(name))
    memory = UniversalHopfield(to_library(memories, library), normalised(name))
    with pytest.raises(ValueError, match="query is zero everywhere"):
        memory.recall(to_library(np.zeros(20), library))
    queries[1, 0] = 0
    with pytest.raises(ValueError, match=re.escape("row (1, 0) of query is zero everywhere")):
        memory.recall(to_library(queries, library))


@pytest.mark.parametrize("name", DIVERGENCES)
def test_a_black_image_is_the_uniform_distribution_where_eps_is_added(name, rng):
    memories, _ = problem(rng, name)
    memories[3] = 0
    memory = UniversalHopfield(memories, normalised(name), "max")
    np.testing.assert_array_equal(memory.recall(np.zeros(20)), np.zeros(20))
    assert memory.scores(np.full(20, 0.7))[3] > 1 - 1e-12  # uniform as well
    with pytest.raises(ValueError, match="row 3 of patterns is zero everywhere"):
        UniversalHopfield(memories, normalised(name, eps=0.0))
    memories[3] = 1
    with pytest.raises(ValueError, match=r"takes logarithms, and patterns is 0 at index \(0, 3\): give eps > 0"):
        UniversalHopfield(memories, normalised(name, eps=0.0))


@pytest.mark.parametrize("name", ["dot", "cosine", *DIVERGENCES])
def test_negative_values_are_refused_where_sums_are_taken(name, rng):
    memories, queries = problem(rng, name)
    queries[0, 1, 4] = -0.5
    memory = UniversalHopfield(memories, normalised(name))
    with pytest.raises(
        ValueError, match=r"values >= 0, such as intensities, and query holds -0.5 at index \(0, 1, 4\)"
    ):
        memory.recall(queries)


def test_scores_that_are_all_zero_are_shared_equally():
    memory = UniversalHopfield(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), normalised("dot"), "identity")
    np.testing.assert_array_equal(memory.scores(np.array([0.0, 0.0, 1.0])), [0.5, 0.5])
    first = UniversalHopfield(memory.memories, normalised("dot"), "max").weights(np.array([0.0, 0.0, 1.0]))
    np.testing.assert_array_equal(first, [1, 0])  # a tie: the lowest index


# ---------------------------------------------------------------------------------- recall only, names, files


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "use",
    [
        lambda memory, _: memory.network,
        lambda memory, queries: memory.retrieve(queries),
        lambda memory, queries: memory.start(queries),
        lambda memory, queries: simulate(memory, queries, t1=1.0),
    ],
    ids=["network", "retrieve", "start", "simulate"],
)
def test_it_recalls_and_refuses_a_network(name, use, rng):
    memories, queries = problem(rng, name)
    memory = UniversalHopfield(memories, normalised(name))
    assert np.isfinite(memory.recall(queries)).all()
    instead = r"'dot' on \+-1 patterns" if name == "hamming" else f"'{name}' itself"
    words = rf"normalised\({name}\) is for `recall`.*the energy is not coercive.*Use {instead} for dynamics"
    with pytest.raises(ValueError, match=words):
        use(memory, queries)
    with pytest.raises(TypeError, match="is for `recall`"):
        memory.similarity.pullback(memories, queries, np.ones((2, 3, 6)))


def test_names_are_read_and_written(tmp_path, rng):
    memories, queries = problem(rng, "manhattan")
    assert repr(similarity("normalised(manhattan)")) == repr(normalised("manhattan"))
    assert similarity(" normalised( kl , 0.01 ) ").eps == 0.01
    assert normalised("kl", 0.01).name == "normalised(kl, 0.01)"
    assert isinstance(normalised(Dot()), Normalised)
    for kind in (normalised("manhattan"), normalised("jensen_shannon"), normalised("reverse_kl", 1 / 3)):
        memory = UniversalHopfield(memories, kind, "max", beta=2.0)
        assert f"sim={kind.name}, sep=max" in repr(memory)
        again = UniversalHopfield.load(memory.save(tmp_path / "memory"))
        assert repr(again) == repr(memory)
        assert again.similarity.eps == kind.eps
        np.testing.assert_array_equal(again.recall(queries), memory.recall(queries))


@pytest.mark.parametrize("name", ["kl", "hamming", "dot"])
def test_it_moves_between_libraries(name, library, rng):
    memories, queries = problem(rng, name)
    memory = UniversalHopfield(memories, normalised(name), beta=3.0)
    moved = memory.to(library)
    found = to_numpy(moved.recall(to_library(queries, library)))
    np.testing.assert_allclose(found, memory.recall(queries), rtol=1e-10)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: normalised("manhatan"), "Unknown similarity 'manhatan'. Did you mean 'manhattan'"),
        (lambda: similarity("normalised(manhatan)"), "normalised\\(manhatan\\)'.*Did you mean 'manhattan'"),
        (lambda: similarity("normalised(kl, x)"), "A number is meant"),
        (lambda: similarity("normalized(kl)"), "Unknown similarity.*normalised\\(name\\)"),
        (lambda: normalised("kl", eps=-1.0), "eps must be >= 0"),
        (lambda: normalised("kl", eps=math.nan), "eps must be >= 0"),
        (lambda: normalised(Custom(lambda m, g: g @ m.T)), "not for 'custom'"),
        (lambda: normalised("normalised(kl)"), "Unknown similarity|not for"),
    ],
)
def test_what_it_is_not_defined_for_is_refused(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_logarithms_of_scores_that_sum_to_one_weigh_the_best_pattern_least(rng):
    """ln s < 0 for s in (0, 1); scaled by their (negative) sum the order is turned round. It is warned of."""
    memories, queries = problem(rng, "manhattan")
    with pytest.warns(UserWarning, match="logarithms of scores below 1 are negative.*weigh the best pattern least"):
        memory = UniversalHopfield(memories, normalised("manhattan"), "log")
    scores, weights = memory.scores(queries), memory.weights(queries)
    np.testing.assert_array_equal(weights.argmin(-1), scores.argmax(-1))
    np.testing.assert_array_equal(weights.argmax(-1), scores.argmin(-1))
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-13)


def test_softmax_of_scores_that_sum_to_one_needs_a_beta_of_the_number_of_patterns(rng):
    """Weight 1/2 for the best of N needs beta >= (N-1+r) ln(N-1)/(r-1), r = best/typical score."""
    memories = rng.random((100, 400))
    query = np.clip(memories[7] + 0.1 * rng.normal(size=400), 0, 1)
    scores = UniversalHopfield(memories, normalised("euclidean")).scores(query)
    r = scores[7] / np.delete(scores, 7).max()
    enough = (99 + r) * math.log(99) / (r - 1)
    found = [
        UniversalHopfield(memories, normalised("euclidean"), beta=beta).weights(query)[7]
        for beta in (1.0, 1.1 * enough)
    ]
    assert found[0] < 0.02 < 0.5 < found[1]
    # Unscaled, the gap between negated distances decides, and beta = 1 is plenty.
    assert UniversalHopfield(memories, "euclidean", beta=1.0).weights(query)[7] > 0.999


def test_a_normalised_dot_product_is_not_largest_at_itself():
    """Eq. 13 of the paper: scaling to sum one does not make the dot product maximal at a pattern; length one does."""
    x, z = np.array([0.6, 0.4]), np.array([1.0, 0.0])
    memories = np.stack([x, z])
    np.testing.assert_allclose(normalised("dot").scores(memories, x), np.array([0.52, 0.6]) / 1.12, rtol=1e-14)
    assert normalised("cosine").scores(memories, x).argmax() == 0
