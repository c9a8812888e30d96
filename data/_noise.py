"""Corruptions of patterns: what is stored, with noise or with a part hidden, as a cue.

Noise is written here; masks, from the module beside, are named here too. Random numbers are made on the host with
NumPy, and only then moved to the library, dtype and device of the images: the same seed gives the same cue everywhere,
up to the rounding of the dtype. Where something is drawn at random, every image of a batch gets its own draw.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.doors import checked, floating, positive
from . import _declared as declared
from ._masks import border_mask, generator, hidden_pixels, hide, mask, occlude, random_mask, share

__all__ = [
    "border_mask",
    "flip_bits",
    "gaussian_noise",
    "generator",
    "hidden_pixels",
    "mask",
    "occlude",
    "random_mask",
    "salt_and_pepper",
]


@checked(**declared.GAUSSIAN_NOISE)
def gaussian_noise(
    images: Any,
    variance: float,
    *,
    clip: tuple[float, float] | None = None,
    fold: bool = False,
    seed: int | np.random.Generator,
) -> Array:
    r"""Images with independent Gaussian noise in every pixel, x + n with n ~ N(0, variance).

    Clipping keeps every pixel's median where it was (within the range) but not its mean, so it changes
    which similarity recalls best. Folding, \|x + n\|, moves the median of dark pixels as well; it is what the code
    published with Millidge et al. 2022 does, which then clips.

    Parameters
    ----------
    images : array (..., D)
        What is corrupted, of any library; integers are converted to floats.
    variance : float
        Variance of the noise (not its standard deviation), >= 0.
    clip : (float, float), optional
        Least and largest value that a noisy pixel may take; None leaves the noise as it is.
    fold : bool
        Whether the absolute value is taken, before any clipping.
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
    if fold:
        noisy = backend.namespace(noisy).abs(noisy)
    if clip is None:
        return noisy
    low, high = clip
    if not low < high:
        raise ValueError(f"clip must be (least, largest) with least < largest, got ({low!r}, {high!r}).")
    return backend.namespace(noisy).clip(noisy, min=low, max=high)


@checked(**declared.SALT_AND_PEPPER)
def salt_and_pepper(
    images: Any,
    fraction: float = 0.1,
    values: tuple[float, float] = (0.0, 1.0),
    *,
    seed: int | np.random.Generator,
) -> Array:
    r"""Images in which values are replaced by the darkest or the brightest, half of them each.

    Parameters
    ----------
    images : array (..., D)
        What is corrupted, of any library; integers are converted to floats.
    fraction : float
        Probability, from 0 to 1, that a value is replaced; every value is drawn on its own.
    values : (float, float)
        Pepper and salt.
    seed : int or numpy.random.Generator
        Where the random numbers come from.

    Returns
    -------
    array (..., D)
        Of the library, dtype and device of `images`, which are left as they are.

    Raises
    ------
    ValueError
        For a fraction outside of [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> salt_and_pepper(np.full(6, 0.5), 0.5, seed=0)
    array([0.5, 1. , 0. , 0. , 0.5, 0.5])
    """
    images, (pepper, salt) = floating("images", images), values
    draw, half = generator(seed).random(tuple(images.shape)), share(fraction) / 2
    return hide(hide(images, draw < half, pepper), (draw >= half) & (draw < 2 * half), salt)


@checked(**declared.FLIP_BITS)
def flip_bits(images: Any, fraction: float = 0.1, *, seed: int | np.random.Generator) -> Array:
    r"""Binary patterns with values exchanged for the other one: x becomes low + high - x.

    Low and high are the least and the largest value of all `images`: -1 and 1, or 0 and 1.

    Parameters
    ----------
    images : array (..., D)
        Binary patterns, of any library; integers are converted to floats.
    fraction : float
        Probability, from 0 to 1, that a value is exchanged; every value is drawn on its own.
    seed : int or numpy.random.Generator
        Where the random numbers come from.

    Returns
    -------
    array (..., D)
        Of the library, dtype and device of `images`, which are left as they are.

    Raises
    ------
    ValueError
        For patterns with more than two values, or a fraction outside of [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> flip_bits(np.array([1.0, -1.0, 1.0, 1.0, -1.0]), 0.3, seed=0)
    array([ 1.,  1., -1., -1., -1.])
    """
    images = floating("images", images)
    found = np.unique(backend.to_numpy(images))
    if len(found) > 2:
        raise ValueError(
            f"flip_bits is for patterns of two values, and these have {len(found)}, from {found[0]:g} to "
            f"{found[-1]:g}. Make them binary first, such as (images > 0.5) * 1.0, or use salt_and_pepper."
        )
    flipped = generator(seed).random(tuple(images.shape)) < share(fraction)
    xp = backend.namespace(images)
    other = float(found[0] + found[-1]) if len(found) == 2 else 0.0
    return xp.where(xp.asarray(flipped, device=backend.device(images)), other - images, images)
