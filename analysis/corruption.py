"""Corruptions of patterns: what is stored, with noise or with a part hidden, as a cue.

Random numbers and masks are made on the host with NumPy, and only then moved to the library, dtype and
device of the images: the same seed gives the same cue everywhere, up to the rounding of the dtype.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.validation import floating, positive, unknown_name

SIDES = ("bottom", "top", "left", "right")


def gaussian_noise(
    images: Any,
    variance: float,
    *,
    clip: tuple[float, float] | None = None,
    seed: int | np.random.Generator,
) -> Array:
    r"""Images with independent Gaussian noise in every pixel, x + n with n ~ N(0, variance).

    Clipping keeps every pixel's median where it was (within the range) but not its mean, so it changes
    which similarity recalls best.

    Parameters
    ----------
    images : array (..., D)
        What is corrupted, of any library; integers are converted to floats.
    variance : float
        Variance of the noise (not its standard deviation), >= 0.
    clip : (float, float), optional
        Least and largest value that a noisy pixel may take; None leaves the noise as it is.
    seed : int or numpy.random.Generator
        Where the random numbers come from. A generator goes on from where it is.

    Returns
    -------
    array (..., D)
        Of the library, dtype and device of `images`, which are left as they are.

    Raises
    ------
    ValueError
        For a negative variance, or a range whose ends are not in order.
    TypeError
        For a seed that is neither a whole number nor a generator.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_noise(np.array([0.0, 0.5, 1.0]), 0.04, clip=(0.0, 1.0), seed=0).round(2)
    array([0.03, 0.47, 1.  ])
    """
    images = floating("images", images)
    variance = positive("variance", variance, zero=True)
    noise = math.sqrt(variance) * generator(seed).standard_normal(tuple(images.shape))
    noisy = images + backend.asarray(noise, images)
    if clip is None:
        return noisy
    low, high = clip
    if not low < high:
        raise ValueError(f"clip must be (least, largest) with least < largest, got ({low!r}, {high!r}).")
    return backend.namespace(noisy).clip(noisy, min=low, max=high)


def mask(
    images: Any,
    shape: Sequence[int],
    side: str = "bottom",
    fraction: float = 0.5,
    value: float = 0.0,
) -> Array:
    r"""Images whose pixels on one side are replaced by one value.

    The value is evidence like any other pixel: with black (0) an image that is dark there looks nearer
    than the right one, while the middle of the range favours none.

    Parameters
    ----------
    images : array (..., D)
        Flattened images, of any library; integers are converted to floats.
    shape : (H, W) or (C, H, W)
        Shape of one image; its product is D.
    side : {"bottom", "top", "left", "right"}
        The side that is hidden.
    fraction : float
        The part of the rows (columns, for left and right) that is hidden, from 0 to 1, to the nearest row.
    value : float
        What stands in the hidden pixels.

    Returns
    -------
    array (..., D)
        Of the library, dtype and device of `images`, which are left as they are.

    Raises
    ------
    ValueError
        For a shape that does not fit D, an unknown side, or a fraction outside of [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> mask(np.array([1.0, 2.0, 3.0, 4.0]), (2, 2), side="right")
    array([1., 0., 3., 0.])
    """
    images = floating("images", images)
    width = images.shape[-1] if images.ndim else 1
    if math.prod(shape) != width:
        raise ValueError(
            f"Images of shape {tuple(shape)} have {math.prod(shape)} pixels, but images {tuple(images.shape)} have "
            f"rows of {width}. Give the shape of one image, (H, W) or (C, H, W)."
        )
    hidden = hidden_pixels(shape, side, fraction)
    xp = backend.namespace(images)
    where = xp.asarray(hidden, device=backend.device(images))
    return xp.where(where, backend.full((), float(value), images), images)


def hidden_pixels(shape: Sequence[int], side: str = "bottom", fraction: float = 0.5) -> np.ndarray:
    r"""The pixels that `mask` hides, as a flat NumPy mask; its negation holds what is seen in ``simulate(clamp=...)``.

    Parameters
    ----------
    shape : (H, W) or (C, H, W)
        Shape of one image.
    side : {"bottom", "top", "left", "right"}
        The side that is hidden.
    fraction : float
        The part of the rows (columns, for left and right) that is hidden, from 0 to 1, to the nearest row.

    Returns
    -------
    bool array (D,)
        True where a pixel is hidden.

    Raises
    ------
    ValueError
        For a shape that is no image's, an unknown side, or a fraction outside of [0, 1].

    Examples
    --------
    >>> hidden_pixels((3, 2), "top", 0.4)
    array([ True,  True, False, False, False, False])
    """
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(f"shape must be (H, W) or (C, H, W) of one image, got {tuple(shape)}.")
    if side not in SIDES:
        raise unknown_name("side", side, SIDES)
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be from 0 (nothing is hidden) to 1 (all is), got {fraction!r}.")
    hidden = np.zeros(tuple(shape), dtype=bool)
    length = shape[-2] if side in ("bottom", "top") else shape[-1]
    count = math.floor(fraction * length + 0.5)
    span = slice(length - count, None) if side in ("bottom", "right") else slice(0, count)
    hidden[(..., span, slice(None)) if side in ("bottom", "top") else (..., span)] = True
    return hidden.reshape(-1)


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """The generator of a seed; a generator is taken as it is.

    >>> generator(0).integers(10, size=3)
    array([8, 6, 5])
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise TypeError(f"seed must be a whole number >= 0 or a numpy.random.Generator, got {seed!r}.")
    return np.random.default_rng(int(seed))
