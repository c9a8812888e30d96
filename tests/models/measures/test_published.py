"""What the published code computes, written anew one query at a time, and what is wrong with each item."""

import math

import numpy as np
import pytest

from helpers import IN_EACH_SLOW_JAX, epsilon, to_library, to_numpy
from hopfield.models import UniversalHopfield, normalised, published, similarity
from hopfield.models.measures._published import PUBLISHED

SEPARATIONS = {
    "max": lambda s: (np.arange(s.size) == s.argmax()).astype(s.dtype),
    "softmax": lambda s: np.exp(40 * s) / np.exp(40 * s).sum(),
    "polynomial(10)": lambda s: (40 * s) ** 10,
    "identity": lambda s: 40 * s,
}
E = 1e-4


def raw_scores(name, memories, q):
    """s_i for one query, by the published recipe."""

    def directed(p, r):
        return sum(a * (math.log(a + E) - math.log(b + E)) for a, b in zip(p, r, strict=True))

    m_hat, q_hat = memories / memories.sum(1, keepdims=True), q / q.sum()
    kl = [1 / directed(m, q_hat) for m in m_hat] if "kl" in name or "jensen" in name else None
    reverse = [1 / directed(q_hat, m) for m in m_hat] if "kl" in name or "jensen" in name else None
    return np.array(
        {
            "dot": lambda: m_hat @ q_hat,
            "raw_dot": lambda: memories @ q,
            "cosine": lambda: memories @ q / (math.sqrt((memories**2).sum()) * math.sqrt((q**2).sum())),
            "euclidean": lambda: 1 / ((q - memories) ** 2).sum(1),
            "manhattan": lambda: 1 / np.abs(q - memories).sum(1),
            "kl": lambda: kl,
            "reverse_kl": lambda: reverse,
            "jensen_shannon": lambda: [1 / (a / 2 + b / 2) for a, b in zip(kl, reverse, strict=True)],
        }[name]()
    )


def problem(rng, n=6, i=30):
    """Images with many dark pixels, and noisy queries."""
    memories = rng.random((n, i)) ** 3
    return memories, np.clip(np.abs(memories + 0.2 * rng.normal(size=(n, i))), 0, 1)


def quietly(*arguments, **options):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return UniversalHopfield(*arguments, **options)


@pytest.mark.parametrize("name", PUBLISHED)
def test_recall_is_that_of_the_published_code(name, library, rng):
    memories, queries = problem(rng)
    separations = SEPARATIONS if library == "numpy" else ["max", "softmax"]
    for sep in separations:
        memory = quietly(to_library(memories, library), published(name), sep, beta=40.0)
        found = to_numpy(memory.recall(to_library(queries, library)))
        for q, z in zip(queries, found, strict=True):
            scores = raw_scores(name, memories, q)
            w = SEPARATIONS[sep](scores / scores.sum())
            np.testing.assert_allclose(z, memories.T @ (w / w.sum()), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", PUBLISHED)
def test_float32_and_single_queries(name, rng):
    memories, queries = (x.astype(np.float32) for x in problem(rng))
    memory = UniversalHopfield(memories, published(name))
    scores = memory.scores(queries.reshape(2, 3, 30))
    assert scores.dtype == np.float32
    wanted = np.stack([raw_scores(name, memories.astype(float), q) for q in queries.astype(float)])
    wanted /= wanted.sum(-1, keepdims=True)
    np.testing.assert_allclose(scores.reshape(6, 6), wanted, rtol=2e4 * epsilon(np.float32))
    np.testing.assert_allclose(memory.scores(queries[4]), scores[1, 1], rtol=1e-4)


def test_names(tmp_path, rng):
    memories, queries = problem(rng)
    for name in PUBLISHED:
        memory = UniversalHopfield(memories, f"published({name})", "max")
        assert f"sim=published({name})" in repr(memory)
        again = UniversalHopfield.load(memory.save(tmp_path / "memory"))
        np.testing.assert_array_equal(again.recall(queries), memory.recall(queries))
        with pytest.raises(ValueError, match=rf"published\({name}\) redoes the `recall` of the published code.*energy"):
            _ = memory.network
    with pytest.raises(ValueError, match="Unknown published similarity 'jeffreys'"):
        published("jeffreys")


# ------------------------------------------------------------------------------------------- what is wrong


def test_a_beta_on_the_scores_cancels(rng):
    memories, queries = problem(rng)
    for q in queries:
        s = raw_scores("manhattan", memories, q)
        np.testing.assert_allclose(1000 * s / (1000 * s).sum(), s / s.sum(), rtol=1e-13)
        np.testing.assert_allclose(published("manhattan").scores(memories, q), s / s.sum(), rtol=1e-13)


def test_the_frobenius_cosine_only_rescales_the_raw_dot_product(rng):
    memories, queries = problem(rng)
    one, other = (published(name).scores(memories, queries) for name in ("cosine", "raw_dot"))
    np.testing.assert_allclose(one, other, rtol=1e-12)
    assert (similarity("cosine").scores(memories, memories).argmax(-1) == np.arange(6)).all()


def test_the_names_of_the_divergences_are_exchanged(rng):
    """Up to the place of epsilon: where nothing is dark it matters little, and the two are told apart."""
    memories, queries = (x + 2.0 for x in problem(rng))
    here = {name: published(name).scores(memories, queries) for name in ("kl", "reverse_kl")}
    there = {name: normalised(name).scores(memories, queries) for name in here}
    for name, other in (("kl", "reverse_kl"), ("reverse_kl", "kl")):
        crossed = np.abs(here[name] - there[other]).max()
        assert crossed < 0.2 * np.abs(here[name] - there[name]).max(), name


def test_epsilon_within_the_logarithms_is_no_divergence():
    """KL with 1e-4 inside its logarithms is negative for some pairs of distributions; the smoothed one is not."""
    memories = np.array([[1.0, 0.0], [0.5, 0.5]])
    query = np.array([1.0, 1e-4])
    query /= query.sum()
    wrong = raw_scores("reverse_kl", memories, query)
    assert wrong[0] < 0
    right = normalised("kl")
    assert (right.scores(memories, query) >= 0).all()
    assert right.scores(memories, query).argmax() == 0
    assert (published("reverse_kl").scores(memories, query) < 0).any()


def test_the_published_jensen_shannon_is_upside_down(rng):
    memories, queries = problem(rng, n=20)
    queries = 0.95 * memories + 0.05 * queries
    wrong = UniversalHopfield(memories, published("jensen_shannon")).scores(queries)
    right = UniversalHopfield(memories, normalised("jensen_shannon")).scores(queries)
    np.testing.assert_array_equal(wrong.argmin(-1), np.arange(20))  # the true pattern comes last
    np.testing.assert_array_equal(right.argmax(-1), np.arange(20))


@IN_EACH_SLOW_JAX
@pytest.mark.parametrize("name", ["euclidean", "manhattan", "kl", "reverse_kl"])
def test_an_exact_match_is_nan_which_max_picks_by_luck(name, library, dtype, rng):
    """1/0 is infinite and infinite/infinite NaN: an arg max returns the place of NaN, a softmax is all NaN."""
    memories = problem(rng)[0].astype(dtype)
    placed = to_library(memories, library)
    best = UniversalHopfield(placed, published(name), "max")
    assert np.isnan(to_numpy(best.scores(placed))).sum() == 6
    np.testing.assert_array_equal(to_numpy(best.recall(placed)), memories)
    assert np.isnan(to_numpy(UniversalHopfield(placed, published(name)).recall(placed))).all()
    np.testing.assert_array_equal(
        to_numpy(UniversalHopfield(placed, normalised(name), "max").recall(placed)), memories
    )  # fmt: skip


def test_logarithms_and_roots_take_any_score_as_it_comes(rng):
    """As in the published code: the logarithm turns the order round, and what is not defined is NaN."""
    memories, queries = problem(rng)
    scores = published("manhattan").scores(memories, queries)
    for sep, function in (("log", np.log), ("sqrt", np.sqrt)):
        memory = UniversalHopfield(memories, published("manhattan"), sep)
        w = function(scores)
        np.testing.assert_allclose(memory.recall(queries), (w / w.sum(-1, keepdims=True)) @ memories, rtol=1e-11)
        assert np.isnan(memory.recall(memories)).all()  # exact matches
    assert (
        UniversalHopfield(memories, published("manhattan"), "log").weights(queries).argmin(-1) == np.arange(6)
    ).all()


@pytest.mark.parametrize("name", ["dot", "kl", "reverse_kl", "jensen_shannon"])
def test_one_black_image_makes_every_score_nan(name, library, rng):
    memories, queries = problem(rng)
    memories[3] = 0
    scores = UniversalHopfield(to_library(memories, library), published(name)).scores(to_library(queries, library))
    assert np.isnan(to_numpy(scores)).all()
