"""When an answer counts as right: by its squared error, by the nearest stored pattern, or exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

import numpy as np

from ...dynamics.backend import unknown_name

PIXELS = 784  # of MNIST, for which the paper's thresholds were set
FORM = r"\s*error\s*(<=?)\s*([0-9.]+(?:e[+-]?\d+)?)\s*(\*\s*784\s*/\s*D|\*\s*D\s*/\s*784)?\s*"
KNOWN = ("nearest", "exact", "error < 50", "error <= 60", "error < 50*D/784", "error <= 60*784/D")
BLOCK = 2**17  # gaps at once
Right = Callable[["Answers"], np.ndarray]


class Answers:
    """Answers (B, O) with what they are compared with: the right ones (B, O), and all that is stored (N, O)."""

    def __init__(self, answers: np.ndarray, rows: np.ndarray, stored: np.ndarray) -> None:
        self.answers, self.rows, self.stored = answers, rows, stored
        first = int(rows[0]) if len(rows) else 0
        in_order = np.array_equal(rows, np.arange(first, first + len(rows)))  # then there is nothing to copy
        self.targets = stored[first : first + len(rows)] if in_order else stored[rows]

    @cached_property
    def gaps(self) -> np.ndarray:
        """Answers less the right ones, (B, O)."""
        return self.answers - self.targets

    @property
    def errors(self) -> np.ndarray:
        """Squared errors (B,), by blocks of gaps that stay in a cache."""
        found = np.empty(len(self.targets), np.result_type(self.answers, self.targets))
        step = max(1, BLOCK // max(1, self.targets.shape[1]))
        for start in range(0, len(found), step):
            part = slice(start, start + step)
            gaps = self.answers[part] - self.targets[part]
            np.einsum("bo,bo->b", gaps, gaps, out=found[part])
        return found

    @property
    def nearest(self) -> np.ndarray:
        """Whether no stored pattern is nearer to the answer than the right one (equal ones count), (B,)."""
        eps = np.finfo(self.answers.dtype).eps
        squares = np.einsum("no,no->n", self.stored, self.stored)
        away = squares - 2 * (self.answers @ self.stored.T)  # the square of the answer is the same for all
        own = away[np.arange(len(away)), self.rows]
        with np.errstate(invalid="ignore"):
            return own <= away.min(axis=1) + 8 * eps * (np.abs(own) + squares[self.rows])

    @property
    def exact(self) -> np.ndarray:
        """Whether every value is right, up to 16 rounding units of the largest stored one, (B,)."""
        eps = np.finfo(self.answers.dtype).eps
        return (np.abs(self.gaps) <= 16 * eps * np.abs(self.stored).max(initial=0.0)).all(axis=1)


def criterion(name: str, width: int) -> Right:
    r"""The criterion of a name, for patterns of `width` values: a function Answers -> bool (B,).

    ``"nearest"``: no other stored pattern is nearer (top-1). ``"exact"``: every value, up to rounding.
    ``"error < 50"`` or ``"error <= 60"``: the squared error \\|z - x\\|^2. Behind a number ``*D/784`` scales it with
    the number D of values, so that it means the same for images of every size; ``*784/D`` is what the code published
    with the paper does, which makes it smaller for larger images.
    """
    if name == "nearest":
        return lambda found: found.nearest
    if name == "exact":
        return lambda found: found.exact
    parts = re.fullmatch(FORM, name) if isinstance(name, str) else None
    if parts is None:
        raise unknown_name("criterion", name, KNOWN)
    threshold = float(parts[2])
    if parts[3]:
        threshold *= width / PIXELS if parts[3].replace(" ", "").startswith("*D") else PIXELS / width
    if parts[1] == "<":
        return lambda found: found.errors < threshold
    return lambda found: found.errors <= threshold
