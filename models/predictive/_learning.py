r"""The local rule by which predictive coding learns: errors times what sent the predictions.

An epoch holds the patterns at layer 0, moves the hidden states of each a little down E (which keep their place from
epoch to epoch), and then moves

    W_k += rate/lambda_k sum_i e_k phi(x_(k+1))^T,    c_k += mean_i e_k,    b = mean_i x_K,

where a synapse sees the error below it and the activity above it alone. lambda_k is the largest eigenvalue of the
covariance of the activities, of which E is a quadratic in W_k, so that with 0 < rate <= 1, and c_k at its best
before and after, no epoch raises E; from rate 2 on the rule diverges.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ._inference import Layers, held, settle

INNER = 3  # steps of inference in an epoch
KRYLOV = 10  # products in one of them
GROWTH = 10.0  # times the least energy: training has diverged


class Learned(NamedTuple):
    """What training gave.

    Attributes
    ----------
    memory : PredictiveCodingMemory
        With the weights of the epoch whose energy was least.
    energy : array (T,)
        The mean energy of the patterns after each epoch.
    result : str
        Why it ended, in a sentence.
    diverged : bool
        Whether it was stopped because the energy grew.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import PredictiveCodingMemory
    >>> PredictiveCodingMemory.random((3, 4)).learn(np.eye(3), epochs=5).result
    'All 5 epochs were made.'
    """

    memory: Any
    energy: np.ndarray
    result: str
    diverged: bool = False


def trained(layers: Layers, patterns: Array, epochs: int, rate: float, tol: float) -> Learned:
    """Layers after so many epochs, or fewer where the mean energy falls to `tol` or grows; `memory` are the layers.

    >>> from ._transfers import TRANSFERS
    >>> layers = Layers((np.array([[1.0], [0.5]]),), (np.zeros(2), np.ones(1)), TRANSFERS["tanh"])
    >>> trained(layers, np.array([[1.0, 0.0], [0.0, 2.0]]), 3, 1.0, 0.0).energy.shape
    (3,)
    """
    xp, ones = backend.namespace(patterns), held(backend.namespace(patterns).ones_like(patterns) > 0, patterns)
    hidden = [0 * patterns[:, :1] + x for x in layers.generated()[1:]]
    best, least, energies = layers, np.inf, []
    for epoch in range(epochs):
        found = settle(layers, patterns, ones, hidden, INNER, 0.0, KRYLOV)
        hidden = found.hidden
        layers = moved(layers, patterns, hidden, rate)
        mean = float(backend.to_numpy(xp.mean(_energy(layers, patterns, ones, hidden))))
        energies.append(mean)
        if not np.isfinite(mean) and not np.isfinite(least):
            raise ValueError(
                f"The energy of the patterns is too large for {backend.dtype_name(patterns)} before anything is "
                "learned: scale patterns and weights down."
            )
        if not mean <= GROWTH * least:
            told = (
                f"Training diverged in epoch {epoch + 1}: the mean energy is {mean:.3g}, after {least:.3g} at its "
                f"least, whose weights are kept. Take rate <= 1 (it is {rate:g})."
            )
            return Learned(best, np.asarray(energies), told, True)
        if mean < least:
            best, least = layers, mean
        if mean <= tol:
            return Learned(best, np.asarray(energies), f"The mean energy is {mean:.3g} after {epoch + 1} epochs.")
    return Learned(best, np.asarray(energies), f"All {epochs} epochs were made.")


def _energy(layers: Layers, patterns: Array, ones: Array, hidden: list[Array]) -> Array:
    return sum(backend.dot(r, r) for r in layers.residuals(patterns, ones, hidden)) / 2


def moved(layers: Layers, patterns: Array, hidden: list[Array], rate: float) -> Layers:
    """Weights and offsets after one step of the rule, from the bottom to the top."""
    xp, below = backend.namespace(patterns), [patterns, *hidden[:-1]]
    weights, offsets = [], []
    for w, x, above in zip(layers.weights, below, hidden, strict=True):
        sent = layers.transfer.value(above)
        error = x - sent @ w.T
        error = error - xp.mean(error, axis=0)
        around = sent - xp.mean(sent, axis=0)
        small = around.T @ around if around.shape[1] < around.shape[0] else around @ around.T
        largest = xp.linalg.eigvalsh(small)[-1]
        w = w + rate * (error.T @ sent) / xp.where(largest > 0, largest, largest + 1)
        weights.append(w)
        offsets.append(xp.mean(x - sent @ w.T, axis=0))
    return layers._replace(weights=tuple(weights), offsets=(*offsets, xp.mean(hidden[-1], axis=0)))
