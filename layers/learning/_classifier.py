"""A memory of examples and their classes, as scikit-learn's classifiers are."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ...models import UniversalHopfield
from ._validated import validated


class MemoryClassifier(ClassifierMixin, BaseEstimator):
    r"""Store the examples, and answer with the classes of those that a query resembles.

    It is a heteroassociative universal Hopfield network whose projection is the class of each example, one-hot: the
    probabilities of a query are P^T sep(beta sim(X, q)), scaled to sum to one. With ``"euclidean"`` and softmax this
    is the classifier of a Gaussian kernel of variance 1/(2 beta), with ``"max"`` that of the nearest neighbour. Scale
    features before it, as for these.

    Parameters
    ----------
    similarity, separation : str, or as `hopfield.models.UniversalHopfield` takes them
        How examples are compared, and weighed.
    beta : float
        How sharply.

    Attributes
    ----------
    classes_ : array (C,)
        The classes.
    memory_ : UniversalHopfield
        The network, for all that the analysis can do with it.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> x, y = load_digits(return_X_y=True)
    >>> bool(MemoryClassifier(beta=0.02).fit(x[:1000], y[:1000]).score(x[1000:], y[1000:]) > 0.95)
    True
    """

    def __init__(self, similarity: Any = "euclidean", separation: Any = "softmax", beta: float = 1.0) -> None:
        self.similarity = similarity
        self.separation = separation
        self.beta = beta

    def fit(self, X: Any, y: Any) -> Self:
        """Store examples (N, I) with their classes (N,)."""
        if y is None:
            raise ValueError("MemoryClassifier requires y to be passed, but the target y is None: fit(X, y).")
        rows, labels = validated(self, X, y)
        check_classification_targets(labels)
        self.classes_, index = np.unique(labels, return_inverse=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of energies: one application of the rule has none
            self.memory_ = UniversalHopfield(
                rows, self.similarity, self.separation, projection=np.eye(len(self.classes_))[index], beta=self.beta
            )
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """The part of each class (B, C) in the answer; negative parts count as none, and an empty answer as equal."""
        answer = np.clip(self._answer(X), 0.0, None)
        total = answer.sum(axis=1, keepdims=True)
        return np.where(total > 0, answer / np.where(total > 0, total, 1.0), 1.0 / answer.shape[1])

    def predict(self, X: Any) -> np.ndarray:
        """The class (B,) that has the largest part."""
        answer = self._answer(X)
        return self.classes_[answer.argmax(axis=1)]

    def _answer(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return np.asarray(self.memory_.recall(validated(self, X)))
