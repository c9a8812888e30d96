"""Whole numbers at the door of a search."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_counts(**counts: tuple[Any, int]) -> None:
    """Refuse numbers that are not whole or too small; each is given with the least that makes sense.

    >>> check_counts(batches=(0, 0), batch_size=(64, 1))
    >>> check_counts(most=(0, 1))
    Traceback (most recent call last):
        ...
    ValueError: most must be a whole number >= 1, got 0.
    """
    for name, (value, least) in counts.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} must be a whole number >= {least}, got {value!r}.")
