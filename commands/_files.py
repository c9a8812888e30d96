"""The files that a person names on the command line, whatever their kind: arrays, tables, pictures, names, a pipe."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from ..data import NAMES, is_picture, load, load_array
from ..dynamics.doors import warn

STDIN = "-"
BEGINNINGS = {
    b"\x93NUMPY": ".npy",
    b"PK": ".npz",
    b"MATLAB": ".mat",
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
}


def read(path: str | os.PathLike[str], key: str | None = None, option: str = "key") -> np.ndarray:
    """The array of a file: rows or images as they are, pictures and data sets as numbers from 0 to 1.

    ``-`` is the standard input, of any kind that a file may be. A name such as ``digits``, where there is no file of
    it, is a data set (see `hopfield.data.load`).

    >>> import numpy as np
    >>> np.save("two.npy", np.eye(2))
    >>> read("two.npy").shape, read("digits").shape
    ((2, 2), (1797, 8, 8))
    """
    name = os.fspath(path)
    if name == STDIN:
        return _from_stdin(key, option)
    if (name in NAMES and not Path(name).exists()) or is_picture(name):
        if key is not None:
            raise ValueError(f"{name!r} has no keys: leave out {option} {key!r}.")
        images = load(name, dtype="float64").images
        return images[:, 0] if images.shape[1] == 1 else images
    if not Path(name).exists() and (near := get_close_matches(name, NAMES, 1)):
        raise FileNotFoundError(
            f"There is no file {name!r} (looked in {Path.cwd()}), and no data set. Did you mean {near[0]!r}?"
        )
    return load_array(path, key, option=option)


def _from_stdin(key: str | None, option: str) -> np.ndarray:
    stream: Any = getattr(sys.stdin, "buffer", None)
    content = b"" if stream is None or sys.stdin.isatty() else stream.read()
    if not content:
        raise ValueError("- is the standard input, and nothing comes from there: put `cat rows.csv |` before, or so.")
    suffix = next((end for begin, end in BEGINNINGS.items() if content.startswith(begin)), ".txt")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"stdin{suffix}"
        file.write_bytes(content)
        try:
            with warnings.catch_warnings(record=True) as found:
                warnings.simplefilter("always")
                array = read(file, key, option)
        except ValueError as error:
            raise ValueError(str(error).replace(str(file), "the standard input")) from None
    for one in found:
        warn(str(one.message).replace(str(file), "the standard input"))
    return array
