"""Patterns from files: arrays of rows or of images, read from ``.npy``, ``.npz``, tables and MATLAB's files."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..dynamics.backend import unknown_name
from ..dynamics.doors import checked, warn, whole
from ..dynamics.files import kind_of, load_npy, load_npz, present, shapes_in
from . import _declared as declared
from ._tables import LABELS, MATLAB, TABLES, matlab_shapes, read_matlab, read_table


class Rows(NamedTuple):
    """Patterns as rows, and the shape of the images that they were.

    Attributes
    ----------
    rows : array (N, D)
        One pattern in a row.
    shape : tuple of int or None
        (H, W) or (C, H, W) if they are images; their product is D.

    Examples
    --------
    >>> import numpy as np
    >>> rows, shape = flatten_images(np.zeros((2, 3, 4, 4)))
    >>> rows.shape, shape
    ((2, 48), (3, 4, 4))
    """

    rows: np.ndarray
    shape: tuple[int, ...] | None


@checked(**declared.FLATTEN_IMAGES)
def flatten_images(images: np.ndarray, shape: tuple[int, ...] | None = None) -> Rows:
    r"""Images (N, H, W) or (N, C, H, W) as rows (N, D); rows are taken as they are.

    Parameters
    ----------
    images : array
        Two axes: rows. Three: grey images. Four: images with channels before rows and columns, C = 1 or 3.
    shape : tuple of int, optional
        The shape of one image, for images that come as rows.

    Returns
    -------
    Rows
        The rows, and the shape of one image (None if it is not known).

    Raises
    ------
    ValueError
        For another number of axes, channels elsewhere, or a shape that does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> flatten_images(np.zeros((5, 8, 8))).rows.shape
    (5, 64)
    >>> flatten_images(np.zeros((5, 64)), (8, 8)).shape
    (8, 8)
    """
    images = np.asarray(images)
    if images.ndim not in (2, 3, 4):
        raise ValueError(
            f"The array has shape {images.shape}. Give rows (N, D), images (N, H, W) or images with channels "
            "(N, C, H, W); one single row is array[None, :]."
        )
    if images.ndim == 4 and images.shape[1] not in (1, 3):
        channels_last = images.shape[-1] in (1, 3)
        remedy = "numpy.moveaxis(images, -1, 1) puts them there" if channels_last else "give rows (N, D) instead"
        raise ValueError(f"Images {images.shape} must have 1 or 3 channels on the second axis, (N, C, H, W): {remedy}.")
    if images.ndim > 2:
        found = images.shape[1:]
        if shape is not None and tuple(shape) != found:
            raise ValueError(f"The images have shape {found}, not {tuple(shape)}.")
        return Rows(images.reshape(len(images), math.prod(found)), found)
    if shape is not None and math.prod(shape) != images.shape[1]:
        raise ValueError(
            f"Images of shape {tuple(shape)} have {math.prod(shape)} values, but the rows have {images.shape[1]}."
        )
    return Rows(images, None if shape is None else tuple(shape))


@checked(**declared.LOAD_ARRAY)
def load_array(
    path: str | os.PathLike[str], key: str | None = None, *, option: str = "key", limit: int | None = None
) -> np.ndarray:
    r"""The array of a file: ``.npy``, ``.npz``, a table (``.csv``, ``.tsv``, ``.txt``) or MATLAB's ``.mat``.

    Parameters
    ----------
    path : path
        The file. In a table the cells of a line stand between commas, semicolons, tabs or blanks; a line of names may
        stand above, and a column called label, labels, class or target is left out, with a warning.
    key : str, optional
        Which array of an ``.npz`` or ``.mat`` file; not needed where there is only one.
    option : str
        What errors call the key.
    limit : int, optional
        Only the first rows; memory is asked for these alone.

    Returns
    -------
    array
        As it was saved; double precision from a table.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it holds no such array, several and no key is given, or no arrays at all; when it is damaged, with the
        line and column where a table is; when it is packed and would unpack to more than 4 GiB.

    Examples
    --------
    >>> import numpy as np
    >>> np.savez("digits.npz", images=np.zeros((5, 8, 8)), labels=np.arange(5))
    >>> load_array("digits.npz", "images").shape
    (5, 8, 8)
    >>> with open("rows.csv", "w") as file:
    ...     _ = file.write("left,right\n1,0\n0.5,2\n")
    >>> load_array("rows.csv")
    array([[1. , 0. ],
           [0.5, 2. ]])
    """
    limit = None if limit is None else whole("limit", limit, 1)
    path = present(path)
    match kind_of(path):
        case "npz":
            name = _chosen(path, list(shapes_in(path)), key, option)
            return load_npz(path, [name], limit)[name]
        case "npy" if key is None:
            return load_npy(path, limit)
        case "empty":
            raise ValueError(f"{str(path)!r} cannot be read: it is empty.")
    suffix = path.suffix.lower()
    if suffix == MATLAB:
        name = _chosen(path, list(matlab_shapes(path)), key, option)
        return read_matlab(path, name, limit)
    if suffix not in TABLES and kind_of(path) != "npy":
        raise ValueError(
            f"{str(path)!r} is neither .npy, .npz, {', '.join(TABLES)} nor {MATLAB}, or holds Python objects. Write "
            "plain numbers with numpy.save(path, array) or numpy.savez(path, images=array)."
        )
    if key is not None:
        raise ValueError(f"{str(path)!r} is a single array without keys: leave out {option} {key!r}.")
    table = read_table(path, limit)
    if table.labels is not None:
        warn(f"The column of labels ({', '.join(LABELS)}) of {str(path)!r} is left out.")
    return table.values


def _chosen(path: Path, keys: list[str], key: str | None, option: str) -> str:
    if key is not None:
        if key not in keys:
            raise unknown_name(f"key (in {str(path)!r})", key, keys)
        return key
    if len(keys) != 1:
        raise ValueError(f"{str(path)!r} holds {len(keys)} arrays: {', '.join(keys)}. Choose one with {option}.")
    return keys[0]
