"""Intervals of fractions that were counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dynamics.doors import door
from .. import _declared as declared


@door(declared.wilson)
def wilson(successes: Any, total: int, level: float = 0.95) -> np.ndarray:
    r"""Wilson's score interval for a fraction p = successes/total; array (..., 2).

    The p for which \|successes/total - p\| <= z sqrt(p (1 - p)/total), with z the normal quantile of (1 + level)/2;
    unlike p +- z sqrt(p (1 - p)/n) it is right also near 0 and 1.

    Parameters
    ----------
    successes : int array (...)
        How many.
    total : int
        Of how many.
    level : float
        Confidence.

    References
    ----------
    Wilson 1927, doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> wilson(0, 10).round(4), wilson(5, 10).round(4)
    (array([0.    , 0.2775]), array([0.2366, 0.7634]))
    """
    from scipy.special import ndtri

    p, n = np.asarray(successes, dtype=float) / total, float(total)
    z = float(ndtri((1 + level) / 2))
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return np.stack([np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)], axis=-1)
