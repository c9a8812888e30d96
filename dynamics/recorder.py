"""Rows that are saved as samples pass, put in order at the end; memory grows with what is saved alone."""

from __future__ import annotations

import numpy as np

from . import backend
from .backend import Array


class Recorder:
    """Collects (sample, slot) rows of named arrays and lays them out as (T, B, ...)."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._batches: list[dict[str, Array]] = []
        self._rows: list[np.ndarray] = []
        self._slots: list[np.ndarray] = []

    def add(self, rows: np.ndarray, slots: np.ndarray, arrays: dict[str, Array]) -> None:
        """Save one row for each sample in `rows` under its slot."""
        self._batches.append(arrays)
        self._rows.append(rows)
        self._slots.append(slots)

    def __len__(self) -> int:
        return 1 + max((int(slots.max()) for slots in self._slots if slots.size), default=-1)

    def arrange(self, length: int | None = None) -> tuple[dict[str, Array], np.ndarray]:
        """Arrays (T, B, ...) and the index (T, B) of the last slot written; gaps repeat the row before."""
        length = len(self) if length is None else length
        index = np.full((length, self._samples), -1)
        start = 0
        for rows, slots in zip(self._rows, self._slots, strict=True):
            index[slots, rows] = np.arange(start, start + rows.size)
            start += rows.size
        filled = np.maximum.accumulate(np.where(index >= 0, np.arange(length)[:, None], 0), axis=0)
        index = np.take_along_axis(index, filled, axis=0)
        straight = start == index.size and np.array_equal(index.ravel(), np.arange(start))
        arranged = {}
        for name in self._batches[0]:
            parts = [batch[name] for batch in self._batches]
            xp = backend.namespace(*parts)
            whole = xp.concat(parts, axis=0) if len(parts) > 1 else parts[0]
            if not straight:
                where = xp.asarray(index.ravel(), device=backend.device(whole))
                whole = xp.take(whole, where, axis=0)
            arranged[name] = xp.reshape(whole, (length, self._samples, *whole.shape[1:]))
        return arranged, filled
