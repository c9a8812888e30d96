"""What a fixed point is called: memory, reversed, mixture, metastable(k), global mean, spurious, saddle, marginal."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.entry import checked
from . import declared
from .field import Field

SHARE = 0.9  # of the weight that the memories of a state must hold together; least cosine of a recalled pattern


@checked(**declared.METASTABLE_SIZE)
def metastable_size(weights: Any) -> np.ndarray:
    r"""The number of memories that hold 90 % of the weight: the least k whose largest k weights sum to 0.9.

    Parameters
    ----------
    weights : array (..., N)
        Weights >= 0, as the separation gives them; they are scaled to sum to one.

    Returns
    -------
    int array (...)
        1 for a single memory, about N for the global mean.

    References
    ----------
    Ramsauer et al. 2021, arXiv:2008.02217.

    Examples
    --------
    >>> import numpy as np
    >>> metastable_size(np.array([[0.95, 0.03, 0.02], [0.5, 0.45, 0.05]]))
    array([1, 2])
    """
    p = backend.to_numpy(weights).astype(float)
    if not p.ndim or not p.shape[-1]:
        raise ValueError(f"Weights must have shape (..., N) with N >= 1, got {p.shape}.")
    p = -np.sort(-p, axis=-1)
    total = np.cumsum(p, axis=-1)
    reached = total >= SHARE * (1 - 1e-12) * total[..., -1:]
    return 1 + np.argmax(reached, axis=-1)


def kinds(
    flow: Field, activation: np.ndarray, index: np.ndarray, marginal: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    r"""Names of fixed points, and for memories the row of the stored pattern.

    An unstable point is ``saddle(index)``, one with an eigenvalue 0 ``marginal``. Of a stable point whose weights are
    of one sign, k = `metastable_size` decides: ``memory`` for 1, ``global mean`` for at least 0.9 N, else
    ``metastable(k)``. Otherwise its cosines with the patterns do: ``memory`` from 0.9, ``reversed`` from -0.9,
    ``mixture`` where 0.9 of its length lies in the space of the patterns, else ``spurious``; without patterns
    ``stable``.

    Parameters
    ----------
    flow : Field
        Whose patterns.
    activation : array (K, I)
        The points.
    index, marginal : arrays (K,)
        What `spectrum` says.
    weights : array (K, N) or None
        The memory neurons' activations.

    Returns
    -------
    kind, pattern : str array (K,), int array (K,)
        `pattern` is -1 but for ``memory`` and ``reversed``.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.field import field
    >>> from hopfield.models import ModernHopfield
    >>> flow, zeros = field(ModernHopfield(np.eye(3))), np.zeros(2, int)
    >>> kinds(flow, np.eye(3)[:2], np.array([0, 1]), zeros > 0, np.array([[0.98, 0.01, 0.01], [0.5, 0.5, 0.0]]))
    (array(['memory', 'saddle(1)'], dtype='<U9'), array([ 0, -1]))
    """
    names, rows = [], np.full(len(activation), -1)
    patterns = None if flow.patterns is None else backend.to_numpy(flow.patterns).astype(float)
    for at, g in enumerate(activation):
        if marginal[at]:
            names.append("marginal")
        elif index[at] > 0:
            names.append(f"saddle({index[at]})")
        elif patterns is None:
            names.append("stable")
        else:
            part = None if weights is None else weights[at]
            name, rows[at] = _stable(patterns, g[: patterns.shape[1]].astype(float), part)
            names.append(name)
    return np.array(names, dtype=str), rows


def _stable(patterns: np.ndarray, g: np.ndarray, weights: np.ndarray | None) -> tuple[str, int]:
    if weights is not None and (weights >= 0).all() and weights.sum() > 0:
        size, n = int(metastable_size(weights)), len(weights)
        if size == 1:
            return "memory", int(np.argmax(weights))
        return ("global mean" if size >= SHARE * n else f"metastable({size})"), -1
    lengths = np.linalg.norm(patterns, axis=1) * np.linalg.norm(g)
    cosines = patterns @ g / np.where(lengths > 0, lengths, 1.0)
    best = int(np.argmax(np.abs(cosines)))
    if abs(cosines[best]) >= SHARE:
        return ("memory" if cosines[best] > 0 else "reversed"), best
    inside = patterns.T @ np.linalg.lstsq(patterns.T, g, rcond=None)[0]
    return ("mixture" if np.linalg.norm(inside) >= SHARE * np.linalg.norm(g) > 0 else "spurious"), -1
