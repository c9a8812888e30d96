"""A memory of complete rows that fills gaps, as scikit-learn's imputers do."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ...dynamics.doors import warn
from ...models import UniversalHopfield
from ._validated import validated


class PatternCompleter(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Store complete rows, and fill what is NaN in others with what is recalled from the rest.

    For a row with known columns K the answer is M^T sep(beta sim(M_K, q_K)): what is not known counts neither for nor
    against a stored row. Values that are known stay as they are; a row of which nothing is known becomes the mean.
    Where the weights do not sum to one, as those of polynomials, values may lie outside of all stored ones; a warning
    counts them.
    Scale the columns before it: StandardScaler leaves NaN in its place.

    Parameters
    ----------
    similarity, separation : str, or as `hopfield.models.UniversalHopfield` takes them
        How rows are compared, and weighed.
    beta : float
        How sharply.

    Attributes
    ----------
    memory_ : UniversalHopfield
        The network of the rows without NaN that `fit` was given.

    Examples
    --------
    >>> rows = np.array([[0.0, 1.0, 2.0], [5.0, 6.0, 7.0], [np.nan, 0.0, 0.0]])
    >>> PatternCompleter(beta=9.0).fit(rows).transform([[5.0, np.nan, 7.0], [0.0, 1.0, np.nan]])
    array([[5., 6., 7.],
           [0., 1., 2.]])
    """

    def __init__(self, similarity: Any = "euclidean", separation: Any = "softmax", beta: float = 1.0) -> None:
        self.similarity = similarity
        self.separation = separation
        self.beta = beta

    def fit(self, X: Any, y: Any = None) -> Self:
        """Store the rows (N, I) that are complete."""
        rows = validated(self, X, gaps=True, reset=True)
        complete = ~np.isnan(rows).any(axis=1)
        if not complete.any():
            raise ValueError(
                f"Each of the {len(rows)} rows has a NaN, and only complete ones can be stored: leave out the columns "
                f"that are hardly known (column {int(np.isnan(rows).sum(axis=0).argmax())} is so least of all)."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of energies: one application of the rule has none
            self.memory_ = UniversalHopfield(rows[complete], self.similarity, self.separation, beta=self.beta)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The rows (B, I) without gaps."""
        check_is_fitted(self)
        rows = validated(self, X, gaps=True)
        known = ~np.isnan(rows)
        some, none = known.any(axis=1) & ~known.all(axis=1), ~known.any(axis=1)
        filled = rows.copy()
        filled[none] = np.asarray(self.memory_.memories).mean(axis=0)
        if some.any():
            answer = np.asarray(self.memory_.recall(rows[some], known=known[some]))
            filled[some] = np.where(known[some], rows[some], answer)
            self._compare(answer[~known[some]], np.broadcast_to(np.arange(rows.shape[1]), answer.shape)[~known[some]])
        return filled

    def _compare(self, found: np.ndarray, columns: np.ndarray) -> None:
        """Warn of values that no mean of the stored rows can be."""
        stored = np.asarray(self.memory_.memories)
        low, high = stored.min(axis=0), stored.max(axis=0)
        room = 1e3 * np.finfo(stored.dtype).eps * np.maximum(np.abs(low), np.abs(high))
        outside = (found < (low - room)[columns]) | (found > (high + room)[columns])
        if outside.any():
            warn(
                f"{int(outside.sum())} of {found.size} values that were filled in lie outside of what the stored rows "
                f"hold there: the weights of {self.separation!r} do not sum to one. With softmax, sparsemax or entmax "
                "each is a mean of stored values."
            )

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the mean squared error at a tenth of the known values, hidden at random (always the same): best 0."""
        check_is_fitted(self)
        rows = validated(self, X, gaps=True)
        known = ~np.isnan(rows)
        hidden = known & (np.random.default_rng(0).random(rows.shape) < 0.1)
        if not hidden.any():
            hidden = known
        gap = self.transform(np.where(hidden, np.nan, rows)) - rows
        return -float(np.mean(gap[hidden] ** 2))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _more_tags(self) -> dict[str, Any]:  # of scikit-learn before 1.6
        return {"allow_nan": True}
