"""Images to store: data sets by name and files by path, as numbers from 0 to 1."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..dynamics.backend import unknown_name
from ..dynamics.doors import finite, whole
from ..dynamics.files import MOST, in_words, kind_of, present, shapes_in
from ._arrays import flatten_images, load_array
from ._files import BATCHES, PICTURES, Pixels, idx_shape, read_cifar, read_folder, read_idx_images, read_pictures
from ._tables import MATLAB, TABLES, matlab_shapes, read_matlab, read_table

VARIABLE = "HOPFIELD_DATA"
MOST_PICTURES = 10_000  # of a folder, unless said otherwise
FLOATS = ("float32", "float64")


class Published(NamedTuple):
    """Where a data set is published, and the names that its files have."""

    openml: int | None
    shape: tuple[int, int, int]
    files: tuple[str, ...]


PUBLISHED = {
    "mnist": Published(554, (1, 28, 28), ("mnist*.np[yz]", "t10k-images-idx3-ubyte*", "train-images-idx3-ubyte*")),
    "fashion_mnist": Published(40996, (1, 28, 28), ("fashion*mnist*.np[yz]", "fashion*/t*-images-idx3-ubyte*")),
    "cifar10": Published(40927, (3, 32, 32), ("cifar*10*.np[yz]", "cifar-10-batches-py", "cifar*10*/data_batch_1")),
    "tiny_imagenet": Published(None, (3, 64, 64), ("tiny*imagenet*.np[yz]", "tiny-imagenet-200")),
}
NAMES = ("digits", *PUBLISHED)


class Images(NamedTuple):
    """Images (N, C, H, W) with values from 0 to 1, their labels if they have any, and where they are from.

    Examples
    --------
    >>> digits = load("digits")
    >>> digits.images.shape, digits.rows.shape, digits.shape
    ((1797, 1, 8, 8), (1797, 64), (1, 8, 8))
    """

    images: np.ndarray
    labels: np.ndarray | None
    name: str

    @property
    def rows(self) -> np.ndarray:
        """One image in a row, (N, C H W)."""
        return self.images.reshape(len(self.images), -1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return self.images.shape[1:]


def load(
    source: str | os.PathLike[str],
    *,
    limit: int | None = None,
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    dtype: str = "float32",
) -> Images:
    r"""Images by the name of a data set, or from a file or folder.

    Parameters
    ----------
    source : str or path
        ``"digits"`` comes with scikit-learn. ``"mnist"``, ``"fashion_mnist"``, ``"cifar10"`` and
        ``"tiny_imagenet"`` are looked for in `folder`; those that are not there, Tiny ImageNet excepted, are fetched
        from OpenML once and kept. Else a path: an IDX file (``.gz`` too), a batch of CIFAR-10's Python version or the
        folder of batches, the folder of Tiny ImageNet, ``.npy``, ``.npz`` or ``.mat`` with `images` (and perhaps
        `labels`), a table (``.csv``, ``.tsv``, ``.txt``) of square images in rows, a PNG or JPEG file, or a folder of
        them.
    limit : int, optional
        The most images: the first ones of a file, a seeded choice over all classes of a folder of pictures
        (10 000 there unless said). Memory is asked for these alone; more than 4 GiB of images, in single
        precision, are refused.
    seed : int
        Of that choice.
    folder : path, optional
        Where named data sets lie; the environment variable ``HOPFIELD_DATA`` unless given. It may be a file as well,
        for every name but ``"digits"``.
    dtype : str
        Of the images: ``"float32"`` or ``"float64"``.

    Returns
    -------
    Images
        `images` (N, C, H, W) with values from 0 to 1, `rows` (N, C H W), `labels` or None. Whole numbers are bytes and
        divided by 255, but for those that are 0 and 1 alone. Pictures are turned as their EXIF data say, and what is
        transparent stands on white.

    Raises
    ------
    FileNotFoundError
        When there is no such file, or a folder holds no images.
    ValueError
        For an unknown name, a file that is not whole, or images of different sizes.
    ConnectionError
        When a data set is neither there nor to be had.

    Examples
    --------
    >>> import numpy as np
    >>> np.savez("mine.npz", images=np.zeros((5, 3, 4, 4), np.uint8), labels=np.arange(5))
    >>> load("mine.npz", limit=2).images.shape
    (2, 3, 4, 4)
    """
    if limit is not None:
        limit = whole("limit", limit, 1)
    if dtype not in FLOATS:
        raise unknown_name("dtype", dtype, FLOATS)
    name = os.fspath(source)
    if name == "digits":
        pixels, labels = _digits()
    elif name in PUBLISHED:
        path = _find(name, folder)
        pixels, labels = _fetched(name, limit) if path is None else _read(path, limit, seed)
        _expect(pixels.shape[1:], PUBLISHED[name].shape, name, path)
    elif Path(name).exists():
        pixels, labels = _read(Path(name), limit, seed)
    elif Path(name).suffix or os.sep in name:
        raise FileNotFoundError(f"There is no file {name!r} (looked in {Path.cwd()}).")
    else:
        raise unknown_name("data set", name, NAMES)
    label = name if name in NAMES else Path(name).name
    return Images(_unit(pixels[:limit], dtype, name), None if labels is None else labels[:limit], label)


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file or folder is of a kind that holds pictures alone, which `load` reads and `load_array` does not.

    >>> is_picture("cat.png"), is_picture("train-images-idx3-ubyte.gz"), is_picture("rows.csv")
    (True, True, False)
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in PICTURES:
        return True
    arrays = suffix in (".npy", ".npz", MATLAB, *TABLES)
    return not arrays and ("idx" in path.name or suffix == ".gz" or path.name in BATCHES)


def _digits() -> Pixels:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    return digits.images[:, None] / 16, digits.target


def _find(name: str, folder: str | os.PathLike[str] | None) -> Path | None:
    """Where a data set lies, in a folder that a person named."""
    given = os.environ.get(VARIABLE) if folder is None else folder
    if not given:
        return None
    path = Path(given)
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {str(path)!r}, which the option or {VARIABLE} names.")
    if path.is_file():
        return path
    found = [file for pattern in PUBLISHED[name].files for file in sorted(path.glob(pattern))]
    if found:
        return found[0].parent if found[0].name in BATCHES else found[0]
    if any(path.match(pattern) for pattern in PUBLISHED[name].files) or any(
        (path / batch).is_file() for batch in BATCHES
    ):
        return path
    return None


def _read(path: Path, limit: int | None, seed: int) -> Pixels:
    """What a file or folder holds."""
    if path.is_dir():
        if any((path / name).is_file() for name in BATCHES):
            return read_cifar(path, limit)
        return read_folder(path, MOST_PICTURES if limit is None else limit, seed)
    suffix = present(path).suffix.lower()
    if suffix in (".npy", ".npz"):
        return _saved(path, limit)
    if suffix in TABLES:
        return _square(path, limit)
    if suffix == MATLAB:
        return _matlab(path, limit)
    if suffix in PICTURES:
        return read_pictures([path]), None
    if "idx" in path.name or suffix == ".gz":
        _check_size(path, idx_shape(path), limit)
        return read_idx_images(path, limit)
    if path.name in BATCHES:
        return read_cifar(path, limit)
    raise ValueError(
        f"{str(path)!r} is of no known kind. Give .npy, .npz, .mat, .csv, .tsv, .png, .jpg, an IDX file (a name with "
        "'idx', or .gz), a batch of CIFAR-10 (data_batch_1, ...), or a folder."
    )


def _check_size(path: Path, shape: tuple[int, ...], limit: int | None) -> None:
    """Refuse what takes more memory, as single floats, than a set of images needs; nothing is read before that."""
    count = math.prod(shape[:1])
    count = count if limit is None else min(count, limit)
    nbytes = 4 * count * math.prod(shape[1:])
    if nbytes > MOST:
        raise ValueError(
            f"{str(path)!r} holds {shape}, which takes {in_words(nbytes)} as images, more than {in_words(MOST)}. Read "
            f"fewer of them, limit={max(1, count * MOST // nbytes)}."
        )


def _saved(path: Path, limit: int | None) -> Pixels:
    if kind_of(path) != "npz":
        if kind_of(path) == "npy":
            _check_size(path, shapes_in(path)[""], limit)
        return _four_axes(load_array(path, limit=limit), path), None
    shapes = shapes_in(path)
    key = _images_in(path, shapes, "so, with numpy.savez(path, images=array)")
    _check_size(path, shapes[key], limit)
    if (known := "labels" in shapes) and shapes["labels"][:1] != shapes[key][:1]:
        raise ValueError(
            f"{str(path)!r} holds images {shapes[key]} and labels {shapes['labels']}: give a label for each image."
        )
    images = _four_axes(load_array(path, key, limit=limit), path)
    return images, load_array(path, "labels", limit=limit) if known else None


def _images_in(path: Path, names: Iterable[str], so: str) -> str:
    """Which of the arrays of a file holds the images: the one that is called so, or the only one."""
    names = list(names)
    if "images" not in names and len(names) != 1:
        raise ValueError(f"{str(path)!r} holds {', '.join(names) or 'nothing'}: call its array of images {so}.")
    return "images" if "images" in names else names[0]


def _square(path: Path, limit: int | None) -> Pixels:
    values, _, labels = read_table(path, limit)
    side = math.isqrt(values.shape[1])
    if side * side != values.shape[1]:
        raise ValueError(
            f"{str(path)!r} has {values.shape[1]} columns of values, which make no square image: give .npz with images "
            "(N, H, W) or (N, C, H, W)."
        )
    finite(repr(str(path)), values)
    whole_numbers = values.max() > 1 and np.all(values == np.round(values))
    return (values.astype(int) if whole_numbers else values).reshape(-1, 1, side, side), labels


def _matlab(path: Path, limit: int | None) -> Pixels:
    shapes = matlab_shapes(path)
    images = read_matlab(path, _images_in(path, shapes, "so"), limit)
    labels = read_matlab(path, "labels").ravel()[:limit] if {"images", "labels"} <= set(shapes) else None
    if labels is not None and len(labels) != len(images):
        raise ValueError(f"{str(path)!r} holds {len(images)} images and {len(labels)} labels.")
    return _four_axes(images, path), labels


def _four_axes(images: np.ndarray, path: Path) -> np.ndarray:
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{str(path)!r} holds {images.shape}: give images (N, H, W) or (N, C, H, W); rows become images with "
            "rows.reshape(len(rows), C, H, W)."
        )
    if images.ndim == 4:
        flatten_images(images)  # refuses channels elsewhere
    if images.dtype.kind == "f":
        finite(repr(str(path)), images)
    return images[:, None] if images.ndim == 3 else images


def _unit(pixels: np.ndarray, dtype: str, name: str) -> np.ndarray:
    """Pixels as floats from 0 to 1: bytes are divided by 255, zeros and ones stay what they are."""
    if not pixels.size:
        raise ValueError(f"{name!r} holds no images: its array has the shape {pixels.shape}.")
    if pixels.dtype.kind not in "buif":
        raise ValueError(f"{name!r} holds {pixels.dtype}: give whole numbers from 0 to 255 or floats from 0 to 1.")
    counted = pixels.dtype.kind in "iu"
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= (255 if counted else 1)):
        raise ValueError(
            f"The values of {name!r} go from {low:g} to {high:g}: give whole numbers from 0 to 255 or floats from 0 "
            "to 1."
        )
    images = pixels.astype(dtype)
    if counted and high > 1:
        images /= images.dtype.type(255)
    return images


def _expect(found: tuple[int, ...], shape: tuple[int, ...], name: str, path: Path | None) -> None:
    if found != shape:
        raise ValueError(f"Images of {name} have the shape {shape}, but those of {str(path)!r} have {found}.")


def _fetched(name: str, limit: int | None) -> Pixels:
    """A data set of OpenML, kept beside scikit-learn's own as bytes; what is kept and damaged is fetched again."""
    from sklearn.datasets import get_data_home

    entry = PUBLISHED[name]
    if entry.openml is None:
        raise FileNotFoundError(
            f"{name} is not fetched by itself (250 MB). Download http://cs231n.stanford.edu/tiny-imagenet-200.zip, "
            f"unpack it, and name the folder: {VARIABLE}=FOLDER, or the option --data."
        )
    kept = Path(get_data_home()) / "hopfield" / f"{name}.npz"
    damage = ""
    if kept.is_file():
        try:
            found = _saved(kept, limit)
            _expect(found[0].shape[1:], entry.shape, name, kept)
            return found
        except ValueError as error:
            damage = f" What was kept of it is of no use: {error}"
    _keep(kept, *_from_openml(name, entry, damage))
    return _saved(kept, limit)


def _from_openml(name: str, entry: Published, damage: str = "") -> Pixels:
    from importlib.util import find_spec

    from sklearn.datasets import fetch_openml

    parser = "pandas" if find_spec("pandas") else "liac-arff"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A network error occurred", UserWarning)  # before it tries again
            found: Any = fetch_openml(data_id=entry.openml, as_frame=False, parser=parser)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"{name} could not be fetched from OpenML ({type(error).__name__}: {error}). Download it by hand and name "
            f"its folder: {VARIABLE}=FOLDER, or the option --data.{damage}"
        ) from error
    return table_images(found.data, entry.shape), np.asarray(found.target).astype(int)


def table_images(table: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Rows of numbers from 0 to 255 as images of bytes."""
    table = np.asarray(table)
    pixels = int(np.prod(shape))
    if table.ndim != 2 or table.shape[1] != pixels or table.min() < 0 or table.max() > 255:
        raise ValueError(f"Expected rows of {pixels} numbers from 0 to 255, got a table {table.shape}.")
    return table.astype(np.uint8).reshape(-1, *shape)


def _keep(path: Path, images: np.ndarray, labels: np.ndarray | None) -> None:
    """Write it under another name first: a file of this name is a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.stem}.{os.getpid()}.partial.npz")
    try:
        arrays: dict[str, Any] = {"images": images} if labels is None else {"images": images, "labels": labels}
        np.savez_compressed(partial, **arrays)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
