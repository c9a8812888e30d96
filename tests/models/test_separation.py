"""Separations by name: what each does to scores, beta, and the flags that decide guarantees."""

import math

import numpy as np
import pytest

from helpers import to_library, to_numpy
from hopfield.dynamics import LogSumExp, Max, Power, Quadratic, RectifiedPower, Sparsemax, Threshold
from hopfield.models import UniversalHopfield, separation
from hopfield.models.separation import SEPARATIONS, describe

PLAIN = {
    "identity": lambda h: list(h),
    "polynomial": lambda h: [x**3 for x in h],
    "polynomial(2)": lambda h: [x**2 for x in h],
    "polynomial(5)": lambda h: [x**5 for x in h],
    "softmax": lambda h: [math.exp(x) / sum(math.exp(y) for y in h) for x in h],
    "max": lambda h: [1.0 if x == max(h) else 0.0 for x in h],
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_separation_of_scores_equals_a_plain_loop(name, library, dtype):
    h = np.array([0.3, -1.2, 0.9, 0.1], dtype)
    for beta in (1.0, 4.0):
        f = separation(name).scaled(beta).activation(to_library(h, library))
        assert to_numpy(f).dtype == dtype
        expected = PLAIN[name]([beta * float(x) for x in h])
        np.testing.assert_allclose(to_numpy(f), expected, rtol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", [name for name in PLAIN if name != "polynomial(2)"])
def test_beta_multiplies_the_scores(name, rng):
    memories, query = rng.normal(size=(4, 3)), rng.normal(size=3)
    memory = UniversalHopfield(memories, "cosine", name, beta=2.5, tau_memory=0.0)
    scores = memory.scores(query)
    np.testing.assert_allclose(memory.weights(query), PLAIN[name](list(2.5 * scores)), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", Quadratic),
        ("softmax", LogSumExp),
        ("max", Max),
        ("polynomial", Power),
        (" polynomial( 4 ) ", Power),
        ("softmax(0.5)", LogSumExp),
        ("identity(2)", Quadratic),
    ],
)
def test_names_stand_for_lagrangians(name, expected):
    assert type(separation(name)) is expected


def test_parameters_reach_the_lagrangian():
    assert separation("polynomial").n == 4  # h^3
    assert separation(" polynomial( 4 ) ").n == 5
    assert separation("softmax(0.5)").beta == 0.5
    assert separation("softmax(0.5)").scaled(4.0).beta == 2.0
    mine = Sparsemax(2.0)
    assert separation(mine) is mine


@pytest.mark.parametrize("name", SEPARATIONS)
def test_describe_is_read_back(name):
    once = separation(name)
    assert repr(separation(describe(once))) == repr(once)
    assert describe(Threshold(1.0)) == repr(Threshold(1.0))


def test_flags_follow_the_table_of_separations():
    found = {name: (separation(name).convex, separation(name).nonnegative) for name in PLAIN}
    assert found == {
        "identity": (True, False),
        "polynomial": (True, False),
        "polynomial(2)": (False, True),
        "polynomial(5)": (True, False),
        "softmax": (True, True),
        "max": (True, True),
    }
    assert [separation(name).bounded for name in ("identity", "polynomial")] == [False, False]
    assert [separation(name).bounded for name in ("softmax", "max")] == [True, True]
    assert [separation(name).smooth for name in ("softmax", "max")] == [True, False]
    assert (RectifiedPower(3).convex, RectifiedPower(3).nonnegative) == (True, True)


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
        ("max(3)", "'3' does not fit"),
        ("softmax()", "does not fit"),
        ("softmax(-1)", "does not fit"),
        ("softmax(nan)", "does not fit"),
        ("", "Unknown separation ''.*Known: identity"),
        (3, "Unknown separation 3"),
    ],
)
def test_what_is_no_separation_is_refused(name, words):
    with pytest.raises(ValueError, match=words):
        separation(name)
