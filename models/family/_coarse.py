r"""Numbers, fewer than a pattern has, whose products bound its score from above, for every pattern by itself.

Let V be some orthonormal rows, mu a point, and for a pattern M and a query q

    a = V (M - mu),   r = |M - mu - V^T a|,    b = V q,   t = |q - V^T b|,

with q - mu for q in the euclidean case.

By Cauchy and Schwarz the parts across V give at most r t:

    M . q           <=  a . b + r t + mu . q,
    -|M - q|^2      <=  -|a - b|^2 - (r - t)^2 = 2 (a . b + r t) - |a|^2 - r^2 - |b|^2 - t^2,

so that one product of width k + 2 bounds all scores. V are the principal directions of a sample: any orthonormal rows
prove the same, those that leave little across leave little doubt.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...dynamics import backend

SAMPLE = 2**13  # patterns whose principal directions are taken


class Coarse(NamedTuple):
    """The numbers of the patterns, and what makes those of a query."""

    numbers: np.ndarray  # (N, k + 2)
    directions: np.ndarray  # V (k, I), float64
    mean: np.ndarray  # mu (I,), float64
    reach: float  # the largest |M - mu|
    square: bool  # negated squared distances, or else products

    def asked(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Numbers (B, k + 2), and what is added to their products (B,), and the rounding of scores and bounds (B,)."""
        q = np.asarray(queries, float)
        q = q - self.mean if self.square else q
        along, across = _split(q, self.directions)
        size, eps = np.linalg.norm(q, axis=1), float(np.finfo(self.numbers.dtype).eps)
        home = np.linalg.norm(self.mean)
        if self.square:
            parts, shift = [2 * along, 2 * across, np.full((len(q), 1), -1.0)], -(size**2)
            sizes = (self.reach + size + 2 * home) ** 2
        else:
            shift = q @ self.mean
            parts, sizes = [along, across, np.zeros((len(q), 1))], size * (self.reach + 2 * home)
        slack = 2 * (queries.shape[1] + self.numbers.shape[1] + 8) * eps * sizes
        return np.hstack(parts).astype(self.numbers.dtype), shift, slack


def coarse(patterns: np.ndarray, square: bool, directions: int, seed: int) -> Coarse:
    """The numbers of patterns (N, I), a piece at a time; in a file where the patterns lie in one.

    >>> made = coarse(np.array([[3.0, 4.0], [0.0, 1.0]]), False, 1, 0)
    >>> asked, shift, slack = made.asked(np.array([[1.0, 1.0]]))
    >>> bool((made.numbers @ asked[0] + shift + slack >= [7.0, 1.0]).all())
    True
    """
    count = len(patterns)
    rng = np.random.default_rng(seed)
    some = np.sort(rng.choice(count, min(count, SAMPLE), replace=False))
    sample = np.asarray(patterns[some], float)
    mean, most = sample.mean(axis=0), min(directions, *sample.shape)
    if most < min(sample.shape) // 4:
        from sklearn.utils.extmath import randomized_svd  # takes a second to import

        found = randomized_svd(sample - mean, most, random_state=seed)[2]
    else:
        found = np.linalg.svd(sample - mean, full_matrices=False)[2][:most]
    v = np.linalg.qr(found.T)[0].T
    reach = 0.0

    def numbers(part: np.ndarray) -> np.ndarray:
        nonlocal reach
        away = np.asarray(part, float) - mean
        along, across = _split(away, v)
        squares = np.sum(along**2, axis=1, keepdims=True) + across**2
        reach = max(reach, float(np.sqrt(squares.max())))
        return np.hstack([along, across, squares]).astype(patterns.dtype)

    if backend.is_mapped(patterns):
        made = backend.filed(patterns, patterns.dtype, numbers, len(v) + 2)
    else:
        made = np.concatenate([numbers(part) for part in backend.blocks(patterns)])
    return Coarse(made, v, mean, reach, square)


def _split(rows: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The components along some orthonormal rows, and the length (n, 1) of the rest, which is computed itself."""
    along = rows @ v.T
    return along, np.linalg.norm(rows - along @ v, axis=1, keepdims=True)
