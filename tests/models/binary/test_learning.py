"""Learning rules against their definitions, and what each is known to store."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import epsilon, to_library, to_numpy
from hopfield.models.binary._learning import hebbian, perceptron, pseudo_inverse, storkey


def patterns(rng, rows, width):
    return rng.choice([-1.0, 1.0], size=(rows, width))


def storkey_by_hand(M):
    size = M.shape[1]
    W = np.zeros((size, size))
    for xi in M:
        old = W.copy()
        for i in range(size):
            for j in range(size):
                h_ij = sum(old[i, k] * xi[k] for k in range(size) if k not in (i, j))
                h_ji = sum(old[j, k] * xi[k] for k in range(size) if k not in (i, j))
                W[i, j] += (xi[i] * xi[j] - xi[i] * h_ji - h_ij * xi[j]) / size
    return W


def test_hebbian_is_the_sum_of_outer_products(library, dtype, rng):
    M = patterns(rng, 5, 12)
    found = hebbian(to_library(M.astype(dtype), library))
    assert to_numpy(found).dtype == dtype
    np.testing.assert_allclose(to_numpy(found), sum(np.outer(x, x) for x in M) / 12, atol=8 * epsilon(dtype))


@pytest.mark.parametrize("rows", [1, 5, 12])
def test_pseudo_inverse_projects_onto_the_patterns(rows, library, dtype, rng):
    M = patterns(rng, rows, 12)
    assert np.linalg.matrix_rank(M) == rows
    W = to_numpy(pseudo_inverse(to_library(M.astype(dtype), library)))
    assert W.dtype == dtype
    bound = 200 * epsilon(dtype)
    np.testing.assert_allclose(M @ W, M, atol=bound)  # every pattern is a fixed vector ...
    np.testing.assert_allclose(W @ W, W, atol=bound)  # ... of a projection
    np.testing.assert_allclose(W, np.linalg.pinv(M) @ M, atol=bound)


def test_pseudo_inverse_of_patterns_that_depend_on_one_another(dtype, rng):
    M = patterns(rng, 4, 12)
    again = np.concatenate([M, M[:2], -M[3:]]).astype(dtype)
    W = pseudo_inverse(again)
    np.testing.assert_allclose(W, pseudo_inverse(M), atol=100 * epsilon(dtype))
    assert np.trace(W) == pytest.approx(4, abs=1e-4)  # its rank


def test_storkey_is_the_published_sum(library, dtype, rng):
    M = patterns(rng, 4, 7)
    found = to_numpy(storkey(to_library(M.astype(dtype), library)))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, storkey_by_hand(M), atol=50 * epsilon(dtype))
    np.testing.assert_allclose(found, found.T, atol=50 * epsilon(dtype))


def test_storkey_is_incremental(rng):
    """The first pattern is learnt as by Hebb, and each further one needs W and the pattern alone."""
    M = patterns(rng, 6, 20)
    np.testing.assert_allclose(storkey(M[:1]), hebbian(M[:1]), atol=1e-15)
    W = storkey(M[:5])
    xi = M[5]
    inner = W - np.diag(np.diag(W))
    h = (inner @ xi)[:, None] - inner * xi
    np.testing.assert_allclose(storkey(M), W + (np.outer(xi, xi) - xi[:, None] * h.T - h * xi) / 20, atol=1e-14)


def test_storkey_stores_more_than_hebb(rng):
    stable = {"hebbian": 0, "storkey": 0, "pseudo_inverse": 0}
    rules = {"hebbian": hebbian, "storkey": storkey, "pseudo_inverse": pseudo_inverse}
    for _ in range(5):
        M = patterns(rng, 24, 120)  # Hebb without errors: I/(2 ln I) = 12.5; Storkey: I/sqrt(2 ln I) = 39
        for name, rule in rules.items():
            W = rule(M)
            np.fill_diagonal(W, 0)
            stable[name] += int(((M @ W) * M > 0).all(axis=1).sum())
    assert stable["pseudo_inverse"] == 120
    assert stable["storkey"] >= 115
    assert stable["hebbian"] <= 60


@given(data=st.data())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_perceptron_that_says_it_reached_the_margin_did(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    symmetric = data.draw(st.booleans())
    margin = data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    M = patterns(rng, data.draw(st.integers(1, 14)), 12)
    found = perceptron(M, margin, 200, symmetric)
    stability = M * (M @ found.weights.T) / np.linalg.norm(found.weights, axis=1)
    assert found.margin == pytest.approx(stability.min(), rel=1e-10, abs=1e-10)
    assert found.reached == (found.margin > margin) or abs(found.margin - margin) < 1e-12
    assert found.reached or found.epochs == 200
    assert (np.diag(found.weights) == 0).all()
    if symmetric:
        np.testing.assert_allclose(found.weights, found.weights.T, rtol=1e-12)
    if found.reached:
        assert (M * (M @ found.weights.T)).mean() == pytest.approx(1)


@pytest.mark.parametrize(("rows", "symmetric"), [(50, False), (30, True)])
def test_perceptrons_store_loads_where_hebb_fails(rows, symmetric, rng):
    """Load 1.25 with rows on their own (the limit for large I is 2), 0.75 with symmetric couplings."""
    M = patterns(rng, rows, 40)
    W = hebbian(M)
    np.fill_diagonal(W, 0)
    assert ((M @ W) * M > 0).all(axis=1).sum() == 0
    found = perceptron(M, 0.0, 5000, symmetric)
    assert found.reached
    assert (M * (M @ found.weights.T) > 0).all()


def test_no_couplings_exist_far_beyond_the_capacity(rng):
    found = perceptron(patterns(rng, 80, 20), 0.0, 30, symmetric=False)  # load 4
    assert not found.reached
    assert found.margin <= 0
    assert found.epochs == 30
