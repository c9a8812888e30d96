"""Cues by name: how stored images are corrupted, and how much, for sweeps over a level."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dynamics.backend import Array, unknown_name
from ..dynamics.doors import checked, floating
from . import _declared as declared
from ._masks import SIDES, border_mask, generator, mask, occlude, random_mask
from ._noise import flip_bits, gaussian_noise, salt_and_pepper

Cue = Callable[[Array, Sequence[int], float, np.random.Generator], Array]
UNIT = (0.0, 1.0)


def _side(side: str) -> Cue:
    return lambda images, shape, level, random: mask(images, shape, side, level)


def _published_mask(images: Array, shape: Sequence[int], level: float, random: np.random.Generator) -> Array:
    # The rows that are kept are rounded down, so that up to one row more is hidden.
    rows = shape[-2]
    return mask(images, shape, "bottom", (rows - math.floor(rows * (1 - level))) / rows)


CUES: dict[str, Cue] = {
    "none": lambda images, shape, level, random: images,
    "noise": lambda images, shape, level, random: gaussian_noise(images, level, seed=random),
    "clipped noise": lambda images, shape, level, random: gaussian_noise(images, level, clip=UNIT, seed=random),
    "folded noise": lambda images, shape, level, random: gaussian_noise(
        images, level, clip=UNIT, fold=True, seed=random
    ),
    **{f"mask {side}": _side(side) for side in SIDES},
    "published mask": _published_mask,
    "random mask": lambda images, shape, level, random: random_mask(images, shape, level, seed=random),
    "border": lambda images, shape, level, random: border_mask(images, shape, level),
    "occlusion": lambda images, shape, level, random: occlude(images, shape, level, seed=random),
    "salt and pepper": lambda images, shape, level, random: salt_and_pepper(images, level, seed=random),
    "flips": lambda images, shape, level, random: flip_bits(images, level, seed=random),
}


@checked(**declared.CORRUPT)
def corrupt(images: Any, shape: Sequence[int], cue: str, level: float, *, seed: int | np.random.Generator) -> Array:
    r"""Images as cues of one kind.

    ================== ============================================================== =========
    cue                what happens                                                   level
    ================== ============================================================== =========
    none               nothing                                                        \-
    noise              Gaussian noise is added                                        variance
    clipped noise      the same, clipped to [0, 1]                                    variance
    folded noise       the same, its absolute value clipped, as published             variance
    mask top, bottom,  rows (columns) of that side are black                          fraction
    left, right
    published mask     the bottom, with the rows that are kept rounded down           fraction
    random mask        pixels are black, all channels together                        fraction
    border             all but the middle is black                                    fraction
    occlusion          a rectangle at a random place is black                         fraction
    salt and pepper    values become 0 or 1                                           fraction
    flips              values of binary images become the other one                   fraction
    ================== ============================================================== =========

    Parameters
    ----------
    images : array (..., D)
        Flattened images of any library.
    shape : (H, W) or (C, H, W)
        Shape of one image.
    cue : str
        A name of the table.
    level : float
        How much.
    seed : int or numpy.random.Generator
        Where random numbers come from.

    Returns
    -------
    array (..., D)
        Of the library, dtype and device of `images`.

    Raises
    ------
    ValueError
        For an unknown name, or what the corruption itself refuses.

    Examples
    --------
    >>> import numpy as np
    >>> corrupt(np.ones(4), (2, 2), "mask top", 0.5, seed=0)
    array([0., 0., 1., 1.])
    """
    if cue not in CUES:
        raise unknown_name("cue", cue, CUES)
    return CUES[cue](floating("images", images), shape, level, generator(seed))
