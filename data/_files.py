"""Files in which images are kept: IDX, CIFAR-10 batches, folders of pictures, and the Tiny ImageNet folder.

Every reader gives whole numbers from 0 to 255, shape (N, C, H, W), and labels or None. A file that ends too early,
or whose size is not what its header says, is refused.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import math
import pickle
import pickletools
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..dynamics.files import MOST, PIECE, Refused, fill, in_words, reading

PICTURES = {".png", ".jpg", ".jpeg"}
BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
CIFAR_SHAPE = (3, 32, 32)
MOST_PIXELS = 2**26  # of one picture
MOST_AXES = 8
Pixels = tuple[np.ndarray, np.ndarray | None]


def idx_shape(path: Path) -> tuple[int, ...]:
    """The shape of the array of an IDX file, from its header."""
    with _unpacked(path) as stream:
        return _idx_shape(stream)


def read_idx(path: Path, limit: int | None = None) -> np.ndarray:
    """The array of an IDX file of bytes, the format of MNIST, or its first rows; ``.gz`` is unpacked.

    Four bytes 0, 0, 8, number of axes; then the length of each axis as a big-endian 32-bit number; then the bytes.
    No more is read than the header says.
    """
    with _unpacked(path) as stream:
        shape = _idx_shape(stream)
        promised, packed = math.prod(shape), path.suffix == ".gz"
        if packed and promised > MOST:
            raise Refused(
                f"says that it holds {shape}, which is {in_words(promised)}: no more than {in_words(MOST)} are "
                "unpacked. Unpack it first, or give another file."
            )
        follow = promised if packed else path.stat().st_size - stream.tell()
        if follow == promised:
            rows = shape[0] if limit is None else min(limit, shape[0])
            found = np.empty((rows, *shape[1:]), np.uint8)
            fill(found.reshape(-1), stream)
            if not packed:
                return found
            # To the end, piece by piece: whether it is whole is known there.
            follow = found.nbytes
            while follow <= promised and (piece := stream.read(PIECE)):
                follow += len(piece)
            if follow == promised:
                return found
        more = "more" if packed and follow > promised else follow
        raise Refused(
            f"says that it holds {shape}, which is {promised} bytes, but {more} follow: it is not whole. Download it "
            "anew."
        )


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[Any]:
    with reading(path, "an IDX file"), gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as stream:
        try:
            yield stream
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Refused(f"cannot be unpacked, so it is not whole: {error}. Download it anew.") from None


def _idx_shape(stream: Any) -> tuple[int, ...]:
    begins = stream.read(4)
    axes = begins[3] if len(begins) == 4 else 0
    lengths = stream.read(4 * axes)
    if begins[:3] != b"\x00\x00\x08" or not 0 < axes <= MOST_AXES or len(lengths) < 4 * axes:
        raise Refused(
            f"does not begin as an IDX file of bytes does (0, 0, 8, number of axes): it begins with {list(begins)}. "
            "The files of MNIST and Fashion-MNIST do."
        )
    return tuple(int(n) for n in np.frombuffer(lengths, ">u4"))


def read_idx_images(path: Path, limit: int | None = None) -> Pixels:
    """Images of an IDX file, with the labels of the file beside it that is called ...labels-idx1... ."""
    shape = idx_shape(path)
    if len(shape) != 3:
        raise ValueError(f"{str(path)!r} holds {shape}, no images (N, H, W). Give the file called ...images-idx3... .")
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    beside = path.with_name(name)
    has_labels = name != path.name and beside.is_file()
    if has_labels and idx_shape(beside) != shape[:1]:
        raise ValueError(f"{str(beside)!r} holds labels {idx_shape(beside)} for {shape[0]} images.")
    return read_idx(path, limit)[:, None], read_idx(beside, limit) if has_labels else None


class _Array:
    """What stands for `numpy.ndarray` in a pickle: a name, which nothing can call."""


def _begun(_: Any, __: Any, code: Any) -> np.ndarray:
    """The empty array with which a pickled one begins, of no size whatever the file says."""
    return np.ndarray.__new__(np.ndarray, (0,), np.dtype(code))


class _PlainPickle(pickle.Unpickler):
    """An unpickler for arrays and plain values, which runs no code of the file's."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("numpy.core.multiarray", "_reconstruct"): _begun,
            ("numpy._core.multiarray", "_reconstruct"): _begun,
            ("numpy", "ndarray"): _Array(),
            ("numpy", "dtype"): np.dtype,
            ("_codecs", "encode"): codecs.encode,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch of CIFAR-10 does")
        return known[module, name]


def read_cifar(path: Path, limit: int | None = None) -> Pixels:
    """Images of a batch of CIFAR-10's Python version, or of the folder that holds the batches (training ones first)."""
    files = [path / name for name in BATCHES if (path / name).is_file()] if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"{str(path)!r} holds no batch of CIFAR-10 ({BATCHES[0]}, ..., {BATCHES[-1]}).")
    batches: list[tuple[np.ndarray, np.ndarray]] = []
    for file in files:
        if limit is None or sum(len(labels) for _, labels in batches) < limit:
            batches.append(_cifar_batch(file))
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images)[:limit].reshape(-1, *CIFAR_SHAPE), np.concatenate(labels)[:limit]


def _cifar_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with reading(path, "a batch of CIFAR-10's Python version"), open(path, "rb") as file:
        size = path.stat().st_size
        for code, argument, _ in pickletools.genops(file):
            if code.name.endswith("PUT") and isinstance(argument, int) and argument > size:  # so much room is made
                raise pickle.UnpicklingError(f"its object {argument} is more than {size} bytes can hold")
        file.seek(0)
        batch = _PlainPickle(file, encoding="bytes").load()
        images, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
    if images.ndim != 2 or images.shape[1] != math.prod(CIFAR_SHAPE) or images.dtype != np.uint8:
        raise ValueError(f"{str(path)!r} holds data {images.shape} of {images.dtype}, not bytes (N, 3072).")
    if labels.shape != (len(images),):
        raise ValueError(f"{str(path)!r} holds {len(images)} images and labels {labels.shape}.")
    return images, labels


def read_pictures(files: Sequence[Path]) -> np.ndarray:
    """Pictures of one size as (N, C, H, W); grey ones get three channels when others are in colour.

    They are turned as their EXIF data say, and what is transparent stands on white.
    """
    pixels: list[np.ndarray] = []
    for file in files:
        one = _picture(file)
        first = one if not pixels else pixels[0]
        if one.shape[1:] != first.shape[1:]:
            (h, w), (height, width) = one.shape[1:], first.shape[1:]
            raise ValueError(
                f"{str(file)!r} has {h} x {w} pixels, but {str(files[0])!r} has {height} x {width}. Bring all pictures "
                "to one size first."
            )
        if len(files) * one.nbytes > MOST:
            raise ValueError(
                f"{len(files)} pictures as large as {str(file)!r} take {in_words(len(files) * one.nbytes)}, more than "
                f"{in_words(MOST)}. Read fewer of them, limit=..., or make them smaller."
            )
        pixels.append(one)
    channels = max(one.shape[0] for one in pixels)
    return np.stack([np.broadcast_to(one, (channels, *one.shape[1:])) for one in pixels])


def _picture(path: Path) -> np.ndarray:
    from PIL import Image, ImageOps

    with reading(path, "a picture"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own limit and doubts about what it reads: ours are errors
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise Refused(
                    f"cannot be read as a picture: it has {height} x {width} pixels, and no more than {MOST_PIXELS} "
                    "are read. Make it smaller first."
                )
            if picture.mode.startswith(("I", "F")):
                raise Refused(
                    f"cannot be read as a picture: it has more than 8 bits a value (mode {picture.mode}); save it "
                    "with 8."
                )
            picture.verify()  # the checksums of a PNG, which are not compared when it is unpacked
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            kind = "L" if picture.mode in ("1", "L", "LA") else "RGB"
            upright = ImageOps.exif_transpose(picture)
            if upright.has_transparency_data:
                upright = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
            pixels = np.asarray(upright.convert(kind))
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def read_folder(path: Path, limit: int | None, seed: int) -> Pixels:
    """Pictures of a folder, or of a folder with one folder for each class; with a `limit`, a seeded choice of them.

    In the folder of Tiny ImageNet, ``train/<class>/images/*.JPEG``, the choice is made over all classes alike, and grey
    pictures get three equal channels.
    """
    top = path / "train" if (path / "train").is_dir() else path
    files = sorted(file for file in top.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())
    if not files:
        raise FileNotFoundError(f"{str(path)!r} holds no pictures ({', '.join(sorted(PICTURES))}).")
    classes = [file.relative_to(top).parts[0] if file.parent != top else "" for file in files]
    number = {name: i for i, name in enumerate(sorted(set(classes)))}
    labels = np.array([number[name] for name in classes])
    if limit is not None and limit < len(files):
        chosen = np.random.default_rng(seed).permutation(len(files))[:limit]
        files, labels = [files[i] for i in chosen], labels[chosen]
    return read_pictures(files), labels if len(number) > 1 else None
