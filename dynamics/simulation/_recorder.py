"""Rows that are saved as samples pass, put in order at the end; memory grows with what is saved alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..backend import Array


class Recorder:
    """Collects (sample, slot) rows of named arrays and lays them out as (T, B, ...)."""

    def __init__(self, samples: int, like: dict[Any, Array]) -> None:
        self._samples, self._like = samples, like
        self._batches: list[dict[Any, Array]] = []
        self._rows: list[np.ndarray] = []
        self._slots: list[np.ndarray] = []
        self.size = 0  # bytes that are kept

    def add(
        self, rows: np.ndarray, slots: np.ndarray, arrays: dict[Any, Array], index: np.ndarray | None = None
    ) -> dict[Any, Array]:
        """Save one row for each sample in `rows` under its slot, those at `index` if given; gives what was saved."""
        arrays = {name: backend.on_host(x) for name, x in arrays.items()}
        if index is not None:
            arrays = {name: x[index] if isinstance(x, np.ndarray) else taken(x, index) for name, x in arrays.items()}
        self._batches.append(arrays)
        self._rows.append(rows)
        self._slots.append(slots)
        self.size += _bytes(arrays)
        return arrays

    def __len__(self) -> int:
        return 1 + max((int(slots.max()) for slots in self._slots if slots.size), default=-1)

    def thin(self) -> None:
        """Forget every second slot of each sample."""
        for k, slots in enumerate(self._slots):
            even = np.flatnonzero(slots % 2 == 0)
            if even.size < slots.size:
                self._batches[k] = {name: taken(x, even) for name, x in self._batches[k].items()}
            self._rows[k], self._slots[k] = self._rows[k][even], slots[even] // 2
        self.size = sum(_bytes(batch) for batch in self._batches)

    def rows(self) -> dict[Any, Array]:
        """Arrays (B, ...) of a recorder with one slot."""
        return {name: backend.returned(x[0], self._like[name]) for name, x in self._arranged(1, None).items()}

    def arrange(self, length: int, open_: np.ndarray | None = None) -> dict[Any, Array]:
        """Arrays (T, B, ...); gaps repeat the row before, or hold NaN for the samples (B,) that are `open_`."""
        return {name: backend.returned(x, self._like[name]) for name, x in self._arranged(length, open_).items()}

    def _arranged(self, length: int, open_: np.ndarray | None) -> dict[Any, Array]:
        index = np.full((length, self._samples), -1)
        start = 0
        for rows, slots in zip(self._rows, self._slots, strict=True):
            index[slots, rows] = np.arange(start, start + rows.size)
            start += rows.size
        gaps = (index < 0) & (np.zeros(self._samples, dtype=bool) if open_ is None else open_)
        filled = np.maximum.accumulate(np.where(index >= 0, np.arange(length)[:, None], 0), axis=0)
        index = np.take_along_axis(index, filled, axis=0)
        gaps |= index < 0  # nothing before to repeat
        straight = start == index.size and np.array_equal(index.ravel(), np.arange(start))
        arranged = {}
        for name, like in self._like.items():
            parts = [batch[name] for batch in self._batches] or [backend.on_host(like)[:0]]
            if not all(isinstance(part, np.ndarray) for part in parts):  # some hang on what a derivative is taken of
                parts = [backend.returned(part, like) for part in parts]
            xp = backend.namespace(*parts)
            whole = xp.concat(parts, axis=0) if len(parts) > 1 else parts[0]
            if not straight and start:
                whole = taken(whole, np.maximum(index, 0).ravel())
            elif not start:
                whole = backend.full((index.size, *whole.shape[1:]), 0.0, whole)
            if gaps.any():
                empty = xp.asarray(gaps.ravel().reshape(-1, *(1,) * (whole.ndim - 1)), device=backend.device(whole))
                whole = xp.where(empty, float("nan"), whole)
            arranged[name] = xp.reshape(whole, (length, self._samples, *whole.shape[1:]))
        return arranged


def _bytes(arrays: dict[Any, Array]) -> int:
    return sum(x.nbytes for x in arrays.values())


def taken(x: Array, where: np.ndarray) -> Array:
    """The rows of an array at some places."""
    xp = backend.namespace(x)
    return xp.take(x, xp.asarray(where, device=backend.device(x)), axis=0)
