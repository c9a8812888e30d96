"""How far an energy may seem to rise by rounding alone: one rule, for the guard of a run and for its verdict."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend

ROUNDING = 16.0  # units of eps(dtype) times the size of the numbers that cancel in E


def rises(before: Any, after: Any, scale_before: Any, scale_after: Any, eps: float) -> tuple[np.ndarray, np.ndarray]:
    r"""How far energies rose (negative where they fell), and how far rounding alone may let them rise.

    That is 16 eps times the larger of both scales (`Network.energy_scale`), or times the largest number of the dtype
    where a scale has left its range. Both are computed in float64, so that nothing is rounded once more, whoever asks.

    Parameters
    ----------
    before, after, scale_before, scale_after : arrays (...)
        Energies and their scales.
    eps : float
        Of the dtype in which they were computed.

    Examples
    --------
    >>> rise, slack = rises(np.float32(1.0), np.float32(1.0) + np.float32(2e-7), np.float32(1.0), np.float32(2.0), 1e-7)
    >>> bool(rise <= slack), float(slack)
    (True, 3.2e-06)
    """
    low, high, one, other = (np.asarray(backend.to_numpy(x), float) for x in (before, after, scale_before, scale_after))
    with np.errstate(invalid="ignore"):
        size = np.maximum(one, other)
        if np.count_nonzero(np.isfinite(size)) < size.size:
            kinds = [backend.to_numpy(scale).dtype for scale in (scale_before, scale_after)]
            size = np.where(np.isfinite(size), size, float(max(np.finfo(kind).max for kind in kinds)))
        return high - low, ROUNDING * eps * size
