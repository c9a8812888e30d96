"""Which of many scores is the largest, where rounding makes equals differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dynamics import backend


def lowest(scores: Any, magnitude: Any) -> np.ndarray:
    """The row of the largest of scores (..., N), the lowest one where several are equal up to rounding.

    `magnitude` (..., N) are the sizes of the numbers that cancel in them.
    """
    host, sizes = (backend.to_numpy(x) if backend.is_array(x) else np.asarray(x) for x in (scores, magnitude))
    slack = 8 * backend.epsilon(scores) * sizes
    if not np.isfinite(sizes.max(initial=0.0)):
        slack = np.where(np.isfinite(slack), slack, 0.0)
    top = host.max(axis=-1, keepdims=True, initial=-np.inf)
    return np.asarray(np.argmin(host < top - slack, axis=-1))
