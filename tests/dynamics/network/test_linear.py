"""Small linear algebra: Gram matrices, and factors of the matrices of a step."""

import numpy as np
import pytest

from helpers import to_library, to_numpy
from hopfield.dynamics.network import factored, weighted_gram


@pytest.mark.parametrize("shape", [(30, 7), (700, 120)], ids=["few", "many"])
@pytest.mark.parametrize("least", [0.0, -1.0], ids=["weights", "of both signs"])
def test_a_weighted_gram_matrix_is_the_sum_over_the_rows(shape, least, rng):
    rows, w = rng.normal(size=shape), rng.uniform(least, 1.0, size=(2, shape[0]))
    found = weighted_gram(rows, w)
    for k in range(2):
        expected = (rows.T * w[k]) @ rows
        np.testing.assert_allclose(found[k], expected, atol=1e-13 * shape[0])
        np.testing.assert_allclose(weighted_gram(rows, w[k]), expected, atol=1e-13 * shape[0])


def test_a_gram_matrix_with_a_weight_that_is_no_number_is_none(rng):
    w = rng.uniform(size=700)
    w[3] = np.nan
    assert np.isnan(weighted_gram(rng.normal(size=(700, 120)), w)).all()


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("count", [1, 3, 20])
def test_factors_solve_matrices_that_are_not_symmetric(library, count, rng):
    pytest.importorskip(library)
    matrices, b = rng.normal(size=(count, 6, 6)), rng.normal(size=(count, 6))
    solve = factored(to_library(matrices, library))
    expected = np.linalg.solve(matrices, b[..., None])[..., 0]
    np.testing.assert_allclose(to_numpy(solve(to_library(b, library))), expected, rtol=1e-9, atol=1e-9)
