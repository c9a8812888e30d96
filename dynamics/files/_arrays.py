"""Files of arrays: read as far as their headers say, refused where they are damaged, written whole or not at all.

Plain arrays alone are read, so that nothing in a file can name a function. How much memory a file may take is known
from its headers before anything is unpacked: as much as it has on the disk, or 4 GiB.
"""

from __future__ import annotations

import contextlib
import math
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MOST = 2**32  # bytes that a packed file may take
PIECE = 2**20  # bytes that are read at once
MAGIC = b"\x93NUMPY"


class Refused(ValueError):
    """What is wrong with a file, as the rest of a sentence that begins with its name."""


@contextlib.contextmanager
def reading(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Within this context whatever a damaged file makes a reader raise is a ValueError that names the file."""
    name = os.fspath(path)
    try:
        yield
    except FileNotFoundError:
        raise
    except Refused as error:
        raise ValueError(f"{name!r} {error}") from error
    except Exception as error:  # readers raise whatever the bytes lead them to
        if isinstance(error, OSError) and error.filename is not None:
            raise ValueError(f"{name!r} cannot be read as {what}: {error.strerror}.") from error
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ValueError(
            f"{name!r} cannot be read as {what} ({reason}): it is damaged, or something else. Write it again, or give "
            "another copy."
        ) from error


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Any]:
    """A binary file that takes this name when the context ends, and leaves what was there if that is by an error."""
    path = Path(path)
    if not path.name or path.is_dir():
        raise IsADirectoryError(f"{os.fspath(path)!r} is a folder: give the name of a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {os.fspath(path.parent)!r} to write {path.name!r} to: make it first."
        )
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(partial, "wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def in_words(nbytes: int) -> str:
    """A number of bytes as a person reads it."""
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB")):
        if nbytes >> power:
            return f"{nbytes >> power} {unit}" if power == 40 else f"{nbytes / 2**power:.3g} {unit}"
    return f"{nbytes} bytes"


class Header(NamedTuple):
    """What a ``.npy`` file says of its array."""

    shape: tuple[int, ...]
    columns_first: bool
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(stream: Any, size: int, rows: int | None = None, *, drain: bool = False) -> np.ndarray:
    """The array of a stream of `size` bytes in the format of ``.npy``, or its first `rows`.

    With `drain` the rest is read as well, piece by piece, so that an archive compares its checksum.
    """
    header = _header(stream)
    there = size - stream.tell()
    if there != header.nbytes:
        how = "ends too early" if there < header.nbytes else "has more in it than it says"
        raise Refused(
            f"{how}: {header.shape} of {header.dtype} are {header.nbytes} bytes, but {there} follow. Write it again "
            "with numpy.save or numpy.savez."
        )
    shape, whole = header.shape, rows is None or header.columns_first or not header.shape
    if not whole:
        shape = (min(rows or 0, shape[0]), *shape[1:])
    data = np.empty(math.prod(shape), header.dtype)
    fill(data, stream)
    while drain and stream.read(PIECE):
        pass
    found = data.reshape(shape[::-1]).T if header.columns_first else data.reshape(shape)
    return found[:rows] if header.columns_first and shape and rows is not None else found


def _header(stream: Any) -> Header:
    version = np.lib.format.read_magic(stream)
    if version > (2, 0):
        raise Refused("holds an array of fields with names. Give plain numbers, numpy.save(path, array).")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    header = Header(*read(stream))
    if header.dtype.hasobject:
        raise Refused(
            "holds Python objects. Write plain numbers with numpy.save(path, array) or numpy.savez(path, images=array)."
        )
    if any(isinstance(n, bool) or n < 0 for n in header.shape) or (not header.dtype.itemsize and header.shape):
        raise Refused(f"says that it holds {header.shape} of {header.dtype}, which is no array. Write it again.")
    return header


def fill(data: np.ndarray, stream: Any) -> None:
    """Read as many bytes as an array has into it."""
    if not data.nbytes:
        return
    into = memoryview(data.view(np.uint8))  # pyright: ignore[reportArgumentType]
    at = 0
    while at < len(into):
        got = stream.readinto(into[at : at + PIECE])
        if not got:
            raise Refused(f"ends too early: {len(into) - at} bytes are missing. Write it again.")
        at += got


def present(path: str | os.PathLike[str]) -> Path:
    """The path of a file that is there, and is no folder and no pipe, which would wait for ever."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r} (looked in {Path.cwd()}).")
    if not path.is_file():
        raise ValueError(f"{str(path)!r} cannot be read: it is a {'folder' if path.is_dir() else 'device'}, no file.")
    return path


def kind_of(path: str | os.PathLike[str]) -> str:
    """``"npz"`` or ``"npy"`` by how the file begins, else what it is in words."""
    with reading(path, "a file of arrays"), open(path, "rb") as file:
        begins = file.read(len(MAGIC))
    if begins[:2] == b"PK":
        return "npz"
    return "npy" if begins == MAGIC else "something else" if begins else "empty"


def shapes_in(path: str | os.PathLike[str]) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays of an ``.npz`` or ``.npy`` file (there under the name ""), from their headers."""
    if kind_of(path) == "npy":
        with reading(path, "a .npy file"), open(path, "rb") as file:
            return {"": _header(file).shape}
    with _archive(path) as archive:
        found = {}
        for name, info in _members(archive).items():
            with archive.open(info) as stream:
                found[name] = _header(stream).shape
        return found


def load_npy(path: str | os.PathLike[str], rows: int | None = None) -> np.ndarray:
    """The array of a ``.npy`` file, or its first `rows`."""
    with reading(path, "a .npy file"), open(path, "rb") as file:
        return read_npy(file, os.fstat(file.fileno()).st_size, rows)


def load_npz(
    path: str | os.PathLike[str], names: Sequence[str] | None = None, rows: int | None = None
) -> dict[str, np.ndarray]:
    """Arrays of an ``.npz`` file by name: all of them, or some; of each the first `rows`, or all."""
    with _archive(path) as archive:
        members = _members(archive, whole=names is None)
        chosen = {name: members[name] for name in (members if names is None else names)}
        unpacked, packed = sum(info.file_size for info in chosen.values()), os.path.getsize(path)
        if unpacked > max(MOST, packed):
            raise Refused(
                f"has {in_words(packed)} and would take {in_words(unpacked)} unpacked; no more than {in_words(MOST)} "
                "are unpacked. Write it without compression, numpy.savez, or give a part of it."
            )
        found = {}
        for name, info in chosen.items():
            with archive.open(info) as stream:
                found[name] = read_npy(stream, info.file_size, rows, drain=True)
        return found


@contextlib.contextmanager
def _archive(path: str | os.PathLike[str]) -> Iterator[zipfile.ZipFile]:
    with reading(path, "an .npz file"):
        if not zipfile.is_zipfile(path):
            raise Refused("cannot be read: it is no .npz file, or ends too early. Write it again with numpy.savez.")
        with zipfile.ZipFile(path) as archive:
            yield archive


def _members(archive: zipfile.ZipFile, whole: bool = False) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in found:
            raise Refused(f"holds two arrays called {name!r}. Write it again with numpy.savez.")
        if name != info.filename:
            found[name] = info
        elif whole:
            raise Refused(f"holds {name!r:.60}, which is no array. Write it with numpy.savez.")
    return found
