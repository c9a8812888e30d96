"""Warnings that point at the line of whoever called the library, and that are shown for each such line."""

from __future__ import annotations

import sys
import warnings

HOME = __name__.partition(".")[0]
BETWEEN = {HOME, "contextlib", "dataclasses", "functools"}  # whose frames stand between ours


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first line outside of this package.

    Python shows a warning once for each line that it points at: one that points at a line of ours would be shown for
    the first memory alone, and not say which it is.
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
