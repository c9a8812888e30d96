"""Masks: images with pixels of one place, or of places drawn at random, hidden behind one value.

Masks are made on the host with NumPy, and only then moved to the library and device of the images; where places
are drawn at random, every image of a batch gets its own draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array, unknown_name
from ..dynamics.doors import checked, floating
from ..dynamics.doors import generator as made
from . import _declared as declared

SIDES = ("bottom", "top", "left", "right")


@checked(**declared.MASK)
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
    images = _of_shape(images, shape)
    return hide(images, hidden_pixels(shape, side, fraction), value)


@checked(**declared.HIDDEN_PIXELS)
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
    _check_shape(shape)
    if side not in SIDES:
        raise unknown_name("side", side, SIDES)
    fraction = share(fraction)
    hidden = np.zeros(tuple(shape), dtype=bool)
    length = shape[-2] if side in ("bottom", "top") else shape[-1]
    count = math.floor(fraction * length + 0.5)
    span = slice(length - count, None) if side in ("bottom", "right") else slice(0, count)
    hidden[(..., span, slice(None)) if side in ("bottom", "top") else (..., span)] = True
    return hidden.reshape(-1)


@checked(**declared.RANDOM_MASK)
def random_mask(
    images: Any, shape: Sequence[int], fraction: float = 0.5, value: float = 0.0, *, seed: int | np.random.Generator
) -> Array:
    r"""Images in which every pixel is hidden with one probability, in all of its channels together.

    Parameters
    ----------
    images : array (..., D)
        Flattened images, of any library; integers are converted to floats.
    shape : (H, W) or (C, H, W)
        Shape of one image; its product is D.
    fraction : float
        Probability, from 0 to 1, that a pixel is hidden.
    value : float
        What stands in the hidden pixels.
    seed : int or numpy.random.Generator
        Where the random numbers come from.

    Returns
    -------
    array (..., D)
        Of the library, dtype and device of `images`, which are left as they are.

    Raises
    ------
    ValueError
        For a shape that does not fit D, or a fraction outside of [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> random_mask(np.ones((2, 4)), (2, 2), 0.5, seed=0)
    array([[1., 0., 0., 0.],
           [1., 1., 1., 1.]])
    """
    images = _of_shape(images, shape)
    chosen = generator(seed).random((*images.shape[:-1], shape[-2] * shape[-1])) < share(fraction)
    return hide(images, _all_channels(chosen, shape), value)


@checked(**declared.BORDER_MASK)
def border_mask(images: Any, shape: Sequence[int], fraction: float = 0.5, value: float = 0.0) -> Array:
    r"""Images of which only the middle is seen: what is outside has to be painted in.

    On every side floor(fraction H/2) rows and floor(fraction W/2) columns are hidden.

    Parameters
    ----------
    images : array (..., D)
        Flattened images, of any library; integers are converted to floats.
    shape : (H, W) or (C, H, W)
        Shape of one image; its product is D.
    fraction : float
        The part of the height, and of the width, that is hidden, from 0 to 1.
    value : float
        What stands in the hidden pixels.

    Returns
    -------
    array (..., D)
        Of the library, dtype and device of `images`, which are left as they are.

    Raises
    ------
    ValueError
        For a shape that does not fit D, or a fraction outside of [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> border_mask(np.ones(16), (4, 4), 0.5).reshape(4, 4).sum(axis=0)
    array([0., 2., 2., 0.])
    """
    images = _of_shape(images, shape)
    rows, columns = (math.floor(share(fraction) * length / 2 + 1e-9) for length in shape[-2:])
    hidden = np.ones(tuple(shape), dtype=bool)
    hidden[..., rows : shape[-2] - rows, columns : shape[-1] - columns] = False
    return hide(images, hidden.reshape(-1), value)


@checked(**declared.OCCLUDE)
def occlude(
    images: Any, shape: Sequence[int], fraction: float = 0.25, value: float = 0.0, *, seed: int | np.random.Generator
) -> Array:
    r"""Images with one rectangle hidden, at a random place in each.

    Its sides are those of the image times sqrt(fraction), to the nearest pixel.

    Parameters
    ----------
    images : array (..., D)
        Flattened images, of any library; integers are converted to floats.
    shape : (H, W) or (C, H, W)
        Shape of one image; its product is D.
    fraction : float
        The part of the image that is hidden, from 0 to 1.
    value : float
        What stands in the hidden pixels.
    seed : int or numpy.random.Generator
        Where the random places come from.

    Returns
    -------
    array (..., D)
        Of the library, dtype and device of `images`, which are left as they are.

    Raises
    ------
    ValueError
        For a shape that does not fit D, or a fraction outside of [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> occlude(np.ones(16), (4, 4), 0.25, seed=0).reshape(4, 4)
    array([[1., 1., 1., 1.],
           [1., 1., 1., 1.],
           [1., 0., 0., 1.],
           [1., 0., 0., 1.]])
    """
    images = _of_shape(images, shape)
    side, random, inside = math.sqrt(share(fraction)), generator(seed), []
    for length in shape[-2:]:
        patch = math.floor(side * length + 0.5)
        start = random.integers(length - patch + 1, size=tuple(images.shape[:-1]))[..., None]
        place = np.arange(length)
        inside.append((place >= start) & (place < start + patch))
    hidden = inside[0][..., :, None] & inside[1][..., None, :]
    return hide(images, _all_channels(hidden.reshape(*hidden.shape[:-2], math.prod(hidden.shape[-2:])), shape), value)


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """The generator of a seed; a generator is taken as it is.

    >>> generator(0).integers(10, size=3)
    array([8, 6, 5])
    """
    return made(seed)


def share(fraction: float) -> float:
    """A fraction from 0 to 1, or an error."""
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be from 0 (nothing is hidden) to 1 (all is), got {fraction!r}.")
    return float(fraction)


def hide(images: Array, hidden: np.ndarray, value: float) -> Array:
    """Images with one value where a NumPy mask is true."""
    xp = backend.namespace(images)
    where = xp.asarray(hidden, device=backend.device(images))
    return xp.where(where, backend.full((), float(value), images), images)


def _of_shape(images: Any, shape: Sequence[int]) -> Array:
    images = floating("images", images)
    width = images.shape[-1] if images.ndim else 1
    if math.prod(shape) != width:
        raise ValueError(
            f"Images of shape {tuple(shape)} have {math.prod(shape)} pixels, but images {tuple(images.shape)} have "
            f"rows of {width}. Give the shape of one image, (H, W) or (C, H, W)."
        )
    _check_shape(shape)
    return images


def _check_shape(shape: Sequence[int]) -> None:
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(f"shape must be (H, W) or (C, H, W) of one image, got {tuple(shape)}.")


def _all_channels(pixels: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    return np.tile(pixels, shape[0]) if len(shape) == 3 else pixels
