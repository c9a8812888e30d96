"""Files in which images are kept: IDX, CIFAR-10 batches, folders of pictures, and the Tiny ImageNet folder.

Every reader gives whole numbers from 0 to 255, shape (N, C, H, W), and labels or None. A file that ends too early,
or whose size is not what its header says, is refused.
"""

from __future__ import annotations

import gzip
import io
import math
import pickle
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

PICTURES = {".png", ".jpg", ".jpeg"}
BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
CIFAR_SHAPE = (3, 32, 32)
Pixels = tuple[np.ndarray, np.ndarray | None]


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file of bytes, the format of MNIST; ``.gz`` is unpacked.

    Four bytes 0, 0, 8, number of axes; then the length of each axis as a big-endian 32-bit number; then the bytes.

    >>> from pathlib import Path
    >>> _ = Path("two-idx2-ubyte").write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 9]))
    >>> read_idx(Path("two-idx2-ubyte"))
    array([[7, 9]], dtype=uint8)
    """
    raw = path.read_bytes()
    if path.suffix == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(
                f"{str(path)!r} cannot be unpacked, so it is not whole: {error}. Download it anew."
            ) from None
    axes = raw[3] if len(raw) > 3 else 0
    start = 4 + 4 * axes
    if raw[:3] != b"\x00\x00\x08" or not axes or len(raw) < start:
        raise ValueError(
            f"{str(path)!r} does not begin as an IDX file of bytes does (0, 0, 8, number of axes): it begins with "
            f"{list(raw[:4])}. The files of MNIST and Fashion-MNIST do."
        )
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", axes, 4))
    if len(raw) - start != math.prod(shape):
        raise ValueError(
            f"{str(path)!r} says that it holds {shape}, which is {math.prod(shape)} bytes, but "
            f"{len(raw) - start} follow: it is not whole. Download it anew."
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def read_idx_images(path: Path) -> Pixels:
    """Images of an IDX file, with the labels of the file beside it that is called ...labels-idx1... .

    >>> from pathlib import Path
    >>> header = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1])
    >>> _ = Path("t-images-idx3-ubyte").write_bytes(header + bytes([0, 255]))
    >>> read_idx_images(Path("t-images-idx3-ubyte"))[0].shape
    (1, 1, 2, 1)
    """
    images = read_idx(path)
    if images.ndim != 3:
        raise ValueError(
            f"{str(path)!r} holds {images.shape}, no images (N, H, W). Give the file called ...images-idx3... ."
        )
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    beside = path.with_name(name)
    labels = read_idx(beside) if name != path.name and beside.is_file() else None
    if labels is not None and labels.shape != (len(images),):
        raise ValueError(f"{str(beside)!r} holds labels {labels.shape} for {len(images)} images.")
    return images[:, None], labels


class _PlainPickle(pickle.Unpickler):
    """An unpickler for arrays and plain values, which runs no code of the file's."""

    allowed = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch of CIFAR-10 does")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_cifar(path: Path) -> Pixels:
    """Images of a batch of CIFAR-10's Python version, or of the folder that holds the batches (training ones first).

    >>> import numpy, pickle
    >>> from pathlib import Path
    >>> batch = {b"data": numpy.zeros((2, 3072), numpy.uint8), b"labels": [3, 1]}
    >>> _ = Path("data_batch_1").write_bytes(pickle.dumps(batch))
    >>> read_cifar(Path("data_batch_1"))[0].shape
    (2, 3, 32, 32)
    """
    files = [path / name for name in BATCHES if (path / name).is_file()] if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"{str(path)!r} holds no batch of CIFAR-10 ({BATCHES[0]}, ..., {BATCHES[-1]}).")
    images, labels = zip(*(_cifar_batch(file) for file in files), strict=True)
    return np.concatenate(images).reshape(-1, *CIFAR_SHAPE), np.concatenate(labels)


def _cifar_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = _PlainPickle(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        images, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(
            f"{str(path)!r} cannot be read as a batch of CIFAR-10's Python version ({type(error).__name__}: {error}). "
            "Download it anew, or give another file."
        ) from None
    if images.ndim != 2 or images.shape[1] != math.prod(CIFAR_SHAPE) or images.dtype != np.uint8:
        raise ValueError(f"{str(path)!r} holds data {images.shape} of {images.dtype}, not bytes (N, 3072).")
    if labels.shape != (len(images),):
        raise ValueError(f"{str(path)!r} holds {len(images)} images and labels {labels.shape}.")
    return images, labels


def read_pictures(files: Sequence[Path]) -> np.ndarray:
    """Pictures of one size as (N, C, H, W); grey ones get three channels when others are in colour.

    >>> from pathlib import Path
    >>> from PIL import Image
    >>> Image.new("L", (5, 4)).save("grey.png")
    >>> Image.new("RGB", (5, 4)).save("colour.png")
    >>> read_pictures([Path("grey.png")]).shape, read_pictures([Path("grey.png"), Path("colour.png")]).shape
    ((1, 1, 4, 5), (2, 3, 4, 5))
    """
    pixels = [_picture(file) for file in files]
    for file, one in zip(files, pixels, strict=True):
        if one.shape[1:] != pixels[0].shape[1:]:
            (h, w), (height, width) = one.shape[1:], pixels[0].shape[1:]
            raise ValueError(
                f"{str(file)!r} has {h} x {w} pixels, but {str(files[0])!r} has {height} x {width}. Bring all pictures "
                "to one size first."
            )
    channels = max(one.shape[0] for one in pixels)
    return np.stack([np.broadcast_to(one, (channels, *one.shape[1:])) for one in pixels])


def _picture(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            if picture.mode.startswith(("I", "F")):
                raise ValueError(f"it has more than 8 bits a value (mode {picture.mode}); save it with 8")
            grey = picture.mode in ("1", "L", "LA")
            pixels = np.asarray(picture.convert("L" if grey else "RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as a picture: {error}.") from None
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def read_folder(path: Path, limit: int | None, seed: int) -> Pixels:
    """Pictures of a folder, or of a folder with one folder for each class; with a `limit`, a seeded choice of them.

    In the folder of Tiny ImageNet, ``train/<class>/images/*.JPEG``, the choice is made over all classes alike, and grey
    pictures get three equal channels.

    >>> from pathlib import Path
    >>> from PIL import Image
    >>> for name in ("cat", "dog"):
    ...     Path(name).mkdir()
    ...     Image.new("L", (5, 4)).save(f"{name}/1.png")
    >>> images, labels = read_folder(Path("."), None, 0)
    >>> images.shape, labels
    ((2, 1, 4, 5), array([0, 1]))
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
