"""What estimators take, checked by scikit-learn of either way of asking."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import validation


def validated(estimator: Any, x: Any, y: Any = None, *, gaps: bool = False, reset: bool = False) -> Any:
    """Rows (N, I) in double precision (with labels, if there are any), as wide as those of `fit`."""
    options: dict[str, Any] = {"dtype": np.float64, "reset": reset or y is not None}
    check: Any = getattr(validation, "validate_data", None)
    gap = "ensure_all_finite" if check is not None else "force_all_finite"  # the name before 1.6
    options |= {gap: "allow-nan"} if gaps else {}
    given = (x,) if y is None else (x, y)
    return check(estimator, *given, **options) if check is not None else estimator._validate_data(*given, **options)
