"""Separations by name: what each does to scores, ties, zeros, beta and domains, and what it warns of."""

import math
import re
import warnings

import numpy as np
import pytest

from helpers import IN_EACH_SLOW_JAX, to_library, to_numpy
from hopfield.dynamics import (
    Entmax,
    Exponential,
    LogCosh,
    LogSumExp,
    LogSumReLU,
    Max,
    Power,
    Quadratic,
    RectifiedPower,
    Sparsemax,
    SquareRoot,
    Threshold,
    TopK,
    XLogX,
    simulate,
)
from hopfield.models import UniversalHopfield, separation
from hopfield.models._separations import ALIASES, SEPARATIONS, describe


def sparse(h):
    """The projection onto the simplex by trying every threshold."""
    for k in range(len(h), 0, -1):
        top = sorted(h, reverse=True)[:k]
        theta = (sum(top) - 1) / k
        if top[-1] > theta:
            return [max(x - theta, 0.0) for x in h]
    raise AssertionError


def one_at(h, k):
    best = sorted(range(len(h)), key=lambda i: (-h[i], i))[:k]
    return [1.0 if i in best else 0.0 for i in range(len(h))]


PLAIN = {
    "identity": lambda h: list(h),
    "square": lambda h: [x**2 for x in h],
    "cube": lambda h: [x**3 for x in h],
    "polynomial": lambda h: [x**3 for x in h],
    "polynomial(2)": lambda h: [x**2 for x in h],
    "polynomial(5)": lambda h: [x**5 for x in h],
    "rectified_polynomial": lambda h: [max(x, 0.0) ** 3 for x in h],
    "rectified_polynomial(2)": lambda h: [max(x, 0.0) ** 2 for x in h],
    "exponential": lambda h: [math.exp(x) for x in h],
    "softmax": lambda h: [math.exp(x) / sum(math.exp(y) for y in h) for x in h],
    "max": lambda h: [1.0 if x == max(h) else 0.0 for x in h],
    "threshold(0.25)": lambda h: [1.0 if x >= 0.25 else 0.0 for x in h],
    "threshold(-1.5)": lambda h: [1.0 if x >= -1.5 else 0.0 for x in h],
    "top_k(2)": lambda h: one_at(h, 2),
    "sparsemax": sparse,
    "epanechnikov": lambda h: [(1.0 if x > -1 else 0.0) / sum(max(1 + y, 0.0) for y in h) for x in h],
    "log_sum_relu": lambda h: [(1.0 if x > -1 else 0.0) / sum(max(1 + y, 0.0) for y in h) for x in h],
}
POSITIVE = {"sqrt": lambda h: [math.sqrt(x) for x in h], "log": lambda h: [math.log(x) for x in h]}


@IN_EACH_SLOW_JAX
@pytest.mark.parametrize("name", [*PLAIN, *POSITIVE])
def test_a_separation_of_scores_equals_a_plain_loop(name, library, dtype):
    h = np.array([0.3, -1.2, 0.9, 0.1], dtype)
    h = np.abs(h) if name in POSITIVE else h
    for beta in (1.0, 4.0):
        f = separation(name).scaled(beta).activation(to_library(h, library))
        assert to_numpy(f).dtype == dtype
        expected = (PLAIN | POSITIVE)[name]([beta * float(x) for x in h])
        np.testing.assert_allclose(to_numpy(f), expected, rtol=100 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


def test_entmax_lies_between_softmax_and_sparsemax():
    h = np.array([0.3, -1.2, 0.9, 0.1])
    np.testing.assert_allclose(separation("entmax(2)").activation(h), sparse(list(h)), atol=1e-14)
    np.testing.assert_allclose(separation("entmax(1.0001)").activation(h), PLAIN["softmax"](list(h)), atol=1e-4)
    p = separation("entmax").activation(h)  # 1.5: sum_j relu(h_j/2 - theta)^2 = 1
    inside = p > 0
    theta = h[inside] / 2 - np.sqrt(p[inside])
    np.testing.assert_allclose(theta, theta[0], atol=1e-14)
    assert (h[~inside] / 2 <= theta[0]).all()


BETA_HAS_NO_SAY = ("polynomial(2)", "square", "threshold(-1.5)", "log_sum_relu")


@pytest.mark.parametrize("name", [name for name in PLAIN if name not in BETA_HAS_NO_SAY])
def test_beta_multiplies_the_scores(name, rng):
    memories, query = rng.normal(size=(4, 3)), rng.normal(size=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        memory = UniversalHopfield(memories, "cosine", name, beta=2.5, tau_memory=0.0)
    scores = memory.scores(query)
    np.testing.assert_allclose(memory.weights(query), PLAIN[name](list(2.5 * scores)), rtol=1e-11)


# ----------------------------------------------------------------------------------------------- edge cases


@IN_EACH_SLOW_JAX
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("max", [0, 1, 0, 0, 0]),  # ties: the lowest index
        ("top_k(2)", [0, 1, 1, 0, 0]),
        ("softmax", [0.1, 0.3, 0.3, 0.0, 0.3]),
        ("sparsemax", [0, 1 / 3, 1 / 3, 0, 1 / 3]),
        ("threshold(3)", [0, 1, 1, 0, 1]),
    ],
)
def test_ties(name, expected, library, dtype):
    h = np.array([3 - math.log(3), 3, 3, -200, 3], dtype)
    found = to_numpy(separation(name).activation(to_library(h, library)))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    batch = to_numpy(separation(name).activation(to_library(np.stack([h, h[::-1]]), library)))
    np.testing.assert_allclose(batch[0], expected, atol=1e-6)
    if name == "max":
        assert batch[1].tolist() == [1, 0, 0, 0, 0]


@IN_EACH_SLOW_JAX
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", 0),
        ("square", 0),
        ("cube", 0),
        ("rectified_polynomial", 0),
        ("sqrt", 0),
        ("exponential", 1),
        ("softmax", 0.25),
        ("sparsemax", 0.25),
        ("entmax", 0.25),
        ("epanechnikov", 0.25),
        ("threshold", 1),  # h >= t = 0
        ("threshold(1)", 0),
    ],
)
def test_scores_that_are_all_zero(name, expected, library, dtype):
    found = to_numpy(separation(name).activation(to_library(np.zeros((2, 4), dtype), library)))
    np.testing.assert_allclose(found, np.full((2, 4), expected), rtol=4 * np.finfo(dtype).eps)


def test_first_of_equal_ones_is_taken_by_max_and_top_k_of_zeros(library):
    zeros = to_library(np.zeros((3, 4)), library)
    assert to_numpy(separation("max").activation(zeros)).tolist() == [[1, 0, 0, 0]] * 3
    assert to_numpy(separation("top_k(3)").activation(zeros)).tolist() == [[1, 1, 1, 0]] * 3


@pytest.mark.parametrize("name", ["epanechnikov", "threshold(-1)"])
def test_no_score_in_the_support_recalls_nothing_and_moves_nothing(name, rng):
    memories = rng.normal(size=(4, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        memory = UniversalHopfield(memories, "euclidean", name, tau_memory=0.0)
    far = np.full((2, 3), 50.0)
    np.testing.assert_array_equal(memory.weights(far), np.zeros((2, 4)))
    np.testing.assert_array_equal(memory.recall(far), np.zeros((2, 3)))
    found = memory.retrieve(far)
    np.testing.assert_array_equal(found.state, far)
    assert found.converged.all()


def test_epanechnikov_recalls_a_memory_that_no_other_kernel_reaches_exactly(rng):
    """Every memory is an exact fixed point for finite beta once the balls of radius beta^(-1/2) are disjoint."""
    memories = rng.normal(size=(6, 8))
    gap = min(np.linalg.norm(a - b) for i, a in enumerate(memories) for b in memories[:i])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory = UniversalHopfield(memories, "euclidean", "epanechnikov", beta=4.1 / gap**2, tau_memory=0.0)
    found = memory.retrieve(memories + 0.3 * gap / np.sqrt(8) * rng.uniform(-1, 1, size=memories.shape))
    np.testing.assert_allclose(found.state, memories, rtol=1e-11)
    assert found.converged.all()
    cue = memories.mean(0) + 0.1  # where several kernels overlap the energy still falls
    wide = UniversalHopfield(memories, "euclidean", "epanechnikov", beta=1 / 40, tau_memory=0.0)
    assert np.diff(simulate(wide, cue, t1=4.0).energy).max() <= 1e-12


# -------------------------------------------------------------------------------------------------- domains


@pytest.mark.parametrize(("name", "bound"), [("log", "> 0"), ("sqrt", ">= 0")])
def test_scores_outside_the_domain_are_refused_by_name(name, bound, library):
    memories, queries = np.array([[1.0, 0.0], [0.5, 0.5], [-1.0, 0.2]]), np.array([[0.0, 1.0], [2.0, 0.1]])
    memory = UniversalHopfield(to_library(memories, library), "dot", name)
    words = rf"separation {name} is for scores {bound}, and the score of pattern %s is %s.*normalised\(manhattan\)"
    first = ("0 of sample \\(0,\\)", "0") if name == "log" else ("2 of sample \\(1,\\)", "-1.98")
    for use in (memory.recall, memory.weights, memory.start):
        with pytest.raises(ValueError, match=words % first):
            use(to_library(queries, library))
    with pytest.raises(ValueError, match=words % ("2", "-1.98")):
        memory.recall(to_library(queries[1], library))
    good = to_library(np.array([0.1, 2.0]), library)
    h = memories @ np.array([0.1, 2.0])
    np.testing.assert_allclose(to_numpy(memory.weights(good)), POSITIVE[name](list(h)), rtol=1e-13)


def test_sqrt_takes_a_score_of_zero():
    assert UniversalHopfield(np.eye(2), "dot", "sqrt").weights(np.array([0.0, 4.0])).tolist() == [0, 2]


def test_a_log_network_runs_where_its_scores_are_positive(rng):
    memories = rng.random((3, 4)) + 0.5
    memory = UniversalHopfield(memories, "dot", "log", tau_memory=0.0)  # h ln h grows less than v.v: it has a floor
    run = simulate(memory, memories[0], t1=1.0)
    assert np.diff(run.energy).max() <= 1e-12
    h = memories @ memories[0]
    np.testing.assert_allclose(memory.network.synapses["memory"].energy(memories[0]), -(h * np.log(h) - h).sum())


# ------------------------------------------------------------------------------------------------- warnings


@pytest.mark.parametrize(
    ("sim", "sep", "words"),
    [
        ("dot", "square", "not convex, so the energy may rise unless tau_memory=0"),
        ("dot", "polynomial(4)", "not convex"),
        ("euclidean", "epanechnikov", "not convex"),
        ("dot", "cube", "no lower bound"),
        ("dot", "exponential", "no lower bound"),
        ("dot", "rectified_polynomial(2)", "no lower bound"),
        ("manhattan", "identity", "both signs with a distance"),
        ("euclidean", "cube", "both signs with a distance"),
        ("euclidean", "log", "both signs with a distance"),
        ("manhattan", "square", "an even power of negated distances weighs the farthest pattern most"),
        ("manhattan", "rectified_polynomial", "every score is a negated distance.*weight 0"),
    ],
)
def test_what_does_not_hold_is_warned_of_and_in_the_repr(sim, sep, words, rng):
    memories = 2 * rng.normal(size=(4, 6))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        memory = UniversalHopfield(memories, sim, sep)
    assert any(re.search(words, str(one.message)) for one in caught)
    assert words.split(".*")[0] in repr(memory)


@pytest.mark.parametrize(
    ("sim", "sep"),
    [
        ("dot", "softmax"),
        ("dot", "max"),
        ("dot", "top_k(2)"),
        ("dot", "threshold(1)"),
        ("dot", "sparsemax"),
        ("manhattan", "entmax(1.3)"),
        ("euclidean", "exponential"),
        ("hamming", "identity"),
        ("normalised(manhattan)", "square"),
    ],
)
def test_what_holds_is_not_warned_of(sim, sep, rng):
    memories = 2.0 * (rng.random(size=(4, 6)) < 0.5)
    memories = np.minimum(memories, 1.0) if sim == "hamming" else memories
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        UniversalHopfield(memories, sim, sep)


@pytest.mark.parametrize("sep", ["square", "polynomial(4)", "epanechnikov"])
def test_a_lagrangian_that_is_not_convex_is_no_trouble_in_equilibrium(sep, rng):
    memories = rng.normal(size=(4, 3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        memory = UniversalHopfield(memories, "cosine", sep, tau_memory=0.0)
    assert not [one for one in caught if "convex" in str(one.message)]
    assert "convex" not in repr(memory)
    run = simulate(memory, memories + 0.3 * rng.normal(size=(4, 3)), t1=3.0)
    assert np.diff(run.energy, axis=0).max() <= 1e-12
    with pytest.warns(UserWarning, match="not convex"):
        UniversalHopfield(memories, "cosine", sep, tau_memory=0.1)


def test_signs_of_both_kinds_with_a_distance_recall_and_have_no_network(rng):
    memories, query = rng.normal(size=(4, 3)), rng.normal(size=3)
    with pytest.warns(UserWarning, match="both signs"):
        memory = UniversalHopfield(memories, "manhattan", "cube")
    np.testing.assert_allclose(
        memory.recall(query), (-np.abs(memories - query).sum(1) ** 3) @ memories, rtol=1e-12
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"weights of both signs, and the dynamics would be repelled.*`recall` works"):
        _ = memory.network


# ---------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", Quadratic()),
        ("identity(2)", Quadratic(2.0)),
        ("square", Power(3)),
        ("cube", Power(4)),
        ("polynomial", Power(4)),
        (" polynomial( 4 ) ", Power(5)),
        ("rectified_polynomial(2)", RectifiedPower(3)),
        ("relu", RectifiedPower(2)),
        ("sqrt", SquareRoot()),
        ("log", XLogX()),
        ("exponential(0.5)", Exponential(0.5)),
        ("softmax", LogSumExp()),
        ("softmax(0.5)", LogSumExp(0.5)),
        ("max", Max()),
        ("threshold", Threshold(0.0)),
        ("threshold(-3)", Threshold(-3.0)),
        ("threshold(1e-3)", Threshold(1e-3)),
        ("top_k(7)", TopK(7)),
        ("top_k", TopK(1)),
        ("sparsemax", Sparsemax()),
        ("entmax", Entmax(1.5)),
        ("entmax(1.2)", Entmax(1.2)),
        ("epanechnikov(3)", LogSumReLU(3.0)),
        ("log_sum_relu(3)", LogSumReLU(3.0)),
        ("linear", Quadratic()),
    ],
)
def test_names_stand_for_lagrangians(name, expected):
    assert repr(separation(name)) == repr(expected)


def test_beta_of_the_name_and_of_the_model_multiply():
    assert separation("softmax(0.5)").scaled(4.0).beta == 2.0
    mine = Sparsemax(2.0)
    assert separation(mine) is mine


@pytest.mark.parametrize(
    "name",
    [*SEPARATIONS, *ALIASES, "polynomial(6)", "threshold(-0.1)", "top_k(3)", "entmax(1.3)", "rectified_polynomial(1)"],
)
def test_describe_is_read_back(name):
    once = separation(name)
    assert repr(separation(describe(once))) == repr(once)


def test_describe_of_what_has_no_name_is_its_repr():
    assert describe(LogCosh(2.0)) == "LogCosh(beta=2.0)"


def test_every_name_is_in_the_docstring():
    for name in (*SEPARATIONS, "log_sum_relu"):
        assert name in separation.__doc__


def test_flags_follow_the_table_of_separations():
    found = {name: (separation(name).convex, separation(name).nonnegative) for name in PLAIN | POSITIVE}
    assert found == {
        "identity": (True, False),
        "square": (False, True),
        "cube": (True, False),
        "polynomial": (True, False),
        "polynomial(2)": (False, True),
        "polynomial(5)": (True, False),
        "rectified_polynomial": (True, True),
        "rectified_polynomial(2)": (True, True),
        "exponential": (True, True),
        "softmax": (True, True),
        "max": (True, True),
        "threshold(0.25)": (True, True),
        "threshold(-1.5)": (True, True),
        "top_k(2)": (True, True),
        "sparsemax": (True, True),
        "epanechnikov": (False, True),
        "log_sum_relu": (False, True),
        "sqrt": (True, True),
        "log": (True, False),
    }
    bounded = {name for name in found if separation(name).bounded}
    assert bounded == {
        *("softmax", "max", "threshold(0.25)", "threshold(-1.5)", "top_k(2)", "sparsemax"),
        *("epanechnikov", "log_sum_relu"),
    }
    jumps = {name for name in found if not separation(name).smooth}
    assert jumps == {"max", "threshold(0.25)", "threshold(-1.5)", "top_k(2)", "epanechnikov", "log_sum_relu"}


def test_even_powers_are_not_monotone_for_negative_scores():
    h = np.array([-3.0, -1.0, 2.0])
    assert separation("square").activation(h).argmax() == 0
    assert separation("cube").activation(h).argmax() == separation("rectified_polynomial").activation(h).argmax() == 2


def test_max_is_softmax_at_infinite_beta_and_does_not_see_beta(rng):
    h = rng.normal(size=(20, 6))
    np.testing.assert_array_equal(
        separation("max").activation(h), separation("softmax").scaled(1e4).activation(h).round(12)
    )
    assert separation("max").scaled(7.0).activation(h).tolist() == separation("max").activation(h).tolist()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("softmaxx", "Unknown separation 'softmaxx'. Did you mean 'softmax'"),
        ("poly(3)", "Unknown separation 'poly'"),
        ("polynomial(2.5)", "'polynomial\\(2.5\\)'.*'2.5' does not fit"),
        ("polynomial(0)", "'0' does not fit.*whole number"),
        ("polynomial(-1)", "does not fit"),
        ("max(3)", "'3' does not fit.*takes no parameter"),
        ("square(3)", "'3' does not fit.*takes no parameter"),
        ("softmax()", "does not fit"),
        ("softmax(-1)", "does not fit"),
        ("softmax(nan)", "does not fit"),
        ("top_k(0)", "does not fit.*whole number"),
        ("top_k(1.5)", "does not fit"),
        ("entmax(3)", "does not fit.*1 < alpha <= 2"),
        ("threshold(x)", "does not fit"),
        ("", "Unknown separation ''.*Known: identity"),
        (3, "Unknown separation 3"),
    ],
)
def test_what_is_no_separation_is_refused(name, words):
    with pytest.raises(ValueError, match=words):
        separation(name)


def test_top_k_needs_as_many_patterns():
    with pytest.raises(ValueError, match=r"top_k\(5\) needs at least 5 neurons, got 3"):
        UniversalHopfield(np.eye(3), "dot", "top_k(5)").recall(np.ones(3))
