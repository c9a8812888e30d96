"""The faces for scikit-learn: its own checks, searches and pipelines, and what they answer."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from hopfield.layers import MemoryClassifier, PatternCompleter

DIGITS, CLASSES = load_digits(return_X_y=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", [MemoryClassifier(), PatternCompleter()], ids=lambda one: type(one).__name__)
def test_scikit_learn_has_nothing_to_say(estimator):
    check_estimator(estimator)


def test_max_is_the_nearest_neighbour():
    ours = MemoryClassifier(separation="max").fit(DIGITS[:500], CLASSES[:500])
    theirs = KNeighborsClassifier(1).fit(DIGITS[:500], CLASSES[:500])
    assert (ours.predict(DIGITS[500:]) == theirs.predict(DIGITS[500:])).all()


def test_probabilities_are_those_of_a_gaussian_kernel():
    x, y = load_iris(return_X_y=True)
    found = MemoryClassifier(beta=2.0).fit(x, y).predict_proba(x[:5] + 0.1)
    kernel = np.exp(-2.0 * ((x[:5, None] + 0.1 - x) ** 2).sum(-1))
    expected = np.stack([kernel[:, y == k].sum(1) for k in range(3)], axis=1)
    np.testing.assert_allclose(found, expected / expected.sum(1, keepdims=True), atol=1e-12)


def test_labels_may_be_words():
    found = MemoryClassifier().fit([[0.0], [1.0]], ["low", "high"])
    assert list(found.predict([[0.1], [0.9]])) == ["low", "high"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_grid_is_searched_over_similarities_and_betas():
    pipeline = make_pipeline(StandardScaler(), MemoryClassifier())
    grid = {
        "memoryclassifier__similarity": ["euclidean", "manhattan"],
        "memoryclassifier__beta": [0.001, 0.1],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(DIGITS[:400], CLASSES[:400])
    scores = np.asarray(search.cv_results_["mean_test_score"], dtype=float)
    assert scores.shape == (4,)
    assert scores.max() > max(0.85, scores.min())
    assert np.mean(search.predict(DIGITS[400:800]) == CLASSES[400:800]) > 0.8


def holed(rows, share, seed):
    return np.where(np.random.default_rng(seed).random(rows.shape) < share, np.nan, rows)


def test_gaps_are_filled_nearer_than_by_means_and_nothing_else_is_touched():
    stored, asked = DIGITS[:1000], DIGITS[1000:1200]
    gaps = holed(asked, 0.3, 0)
    found = PatternCompleter(beta=0.02).fit(stored).transform(gaps)
    known = ~np.isnan(gaps)
    assert (found[known] == asked[known]).all()
    error = np.mean((found - asked)[~known] ** 2)
    means = np.mean((np.mean(stored, axis=0) - asked)[~known] ** 2)
    assert error < 0.4 * means


def test_only_complete_rows_are_stored_and_an_empty_row_becomes_the_mean():
    rows = np.array([[0.0, 2.0], [4.0, 6.0], [np.nan, 100.0]])
    completer = PatternCompleter(beta=9.0).fit(rows)
    np.testing.assert_array_equal(completer.memory_.memories, rows[:2])
    np.testing.assert_allclose(completer.transform([[np.nan, np.nan]]), [[2.0, 4.0]])


def test_the_score_chooses_beta():
    search = GridSearchCV(PatternCompleter(), {"beta": [1e-5, 0.02]}, cv=3).fit(DIGITS[:300])
    assert search.best_params_ == {"beta": 0.02}
    scores = cross_val_score(PatternCompleter(beta=0.02), holed(DIGITS[:300], 0.002, 1), cv=3)
    assert (scores < 0).all()


def test_without_a_complete_row_nothing_is_stored():
    with pytest.raises(ValueError, match=r"Each of the 2 rows has a NaN.*column 1"):
        PatternCompleter().fit([[0.0, np.nan], [1.0, np.nan]])


def test_values_that_no_mean_of_stored_rows_can_be_are_counted():
    rows = np.random.default_rng(0).normal(size=(12, 5))
    gaps = rows[:3] + 0.1
    gaps[:, 1] = np.nan
    with pytest.warns(UserWarning, match=r"3 of 3 values .*'polynomial\(3\)' do not sum to one"):
        PatternCompleter("euclidean", "polynomial(3)", beta=3.0).fit(rows).transform(gaps)
    for separation in ("softmax", "sparsemax", "max"):
        PatternCompleter("euclidean", separation).fit(rows).transform(gaps)  # a warning is an error here
