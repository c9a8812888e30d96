"""Broken lines through images: images at equal arc lengths, and the highest energy between them."""

from __future__ import annotations

import numpy as np


def equal_arcs(path: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images (P, M, r) at equal arc lengths on the broken lines through them, and the lengths of these (P,).

    `gaps` (P, M - 1) are the lengths of the segments, which are not those of the coordinates where a Gram matrix says
    what is long.

    >>> equal_arcs(np.array([[[0.0], [1.0], [4.0]]]), np.array([[1.0, 3.0]]))
    (array([[[0.],
            [2.],
            [4.]]]), array([4.]))
    """
    images = path.shape[1]
    arc = np.concatenate([np.zeros((len(path), 1)), np.cumsum(gaps, axis=1)], axis=1)
    want = arc[:, -1:] * np.linspace(0, 1, images)[1:-1]
    left = np.clip((arc[:, None, :] <= want[:, :, None]).sum(axis=-1) - 1, 0, images - 2)
    part = (want - np.take_along_axis(arc, left, 1)) / np.maximum(np.take_along_axis(gaps, left, 1), 1e-300)
    here = np.take_along_axis(path, left[..., None], axis=1)
    new = path.copy()
    new[:, 1:-1] = here + part[..., None] * (np.take_along_axis(path, left[..., None] + 1, axis=1) - here)
    return new, np.maximum(arc[:, -1], 1e-300)


def tops_between(looks: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The largest of energies looked at (P, M - 1, looks) and at the end (P,), with room for a parabola between looks.

    A parabola through the highest look and its neighbours may rise between them by an eighth of their second
    difference, which is added.

    >>> tops_between(np.array([[[0.0, 3.0], [2.0, 1.0]]]), np.array([0.0]))
    array([3.5])
    """
    fine = np.concatenate([looks.reshape(len(looks), -1), last[:, None]], axis=1)
    top = np.clip(fine.argmax(axis=1), 1, fine.shape[1] - 2)
    rows = np.arange(len(fine))
    bend = fine[rows, top - 1] - 2 * fine[rows, top] + fine[rows, top + 1]
    return fine.max(axis=1) + np.abs(bend) / 8
