"""One ``.npz`` file for a memory: its arrays, and a JSON header with everything else."""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..dynamics import backend, doors, lagrangians
from ..dynamics.casting import float_type
from ..dynamics.contracts import Lagrangian, Similarity
from ..dynamics.entry import checked
from .similarity import similarity

FORMAT = 1


def _device(name: str, value: Any) -> Any:
    """A device by its name, or an object of a library's own."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int | float | bytes | list | tuple | dict | set | type) or hasattr(value, "__array__"):
        raise TypeError(f'{name} must be a name such as "cpu" or "cuda:0", or a device, got {doors.shown(value)}.')
    return value


def _float_type(_: str, value: Any) -> Any:
    return float_type(value)


class Stored(ABC):
    """A model that can be kept in a file and moved between libraries, from the arguments that build it.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from hopfield.models import ModernHopfield
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     type(Stored.load(ModernHopfield(np.eye(2), beta=4.0).save(f"{folder}/memory"))).__name__
    'ModernHopfield'
    """

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The arguments that build this model again: arrays, numbers, names, similarities, Lagrangians."""

    @checked(library=doors.text, device=_device, dtype=_float_type)
    def to(self, library: str, device: Any = None, dtype: Any = None) -> Self:
        """The same model on ``"numpy"``, ``"jax"`` or ``"torch"``, on a device, in another float type if asked."""
        return backend.move(self, library, device, dtype)

    @checked(path=doors.path)
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model to one ``.npz`` file, whole or not at all; returns its path."""
        return write(path, type(self).__name__, self.settings())

    @classmethod
    @checked(path=doors.path)
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote, as NumPy arrays; called on a class, it must be of that class."""
        name, settings = read(path)
        kinds = {kind.__name__: kind for kind in _descendants(Stored)}
        if name not in kinds or not issubclass(kinds[name], cls):
            raise TypeError(f"{os.fspath(path)!r} holds a {name}, not a {cls.__name__}.")
        return kinds[name](**settings)


def _descendants(kind: type) -> list[type]:
    found = [kind]
    for child in kind.__subclasses__():
        found += _descendants(child)
    return found


def write(path: str | os.PathLike[str], name: str, settings: dict[str, Any]) -> Path:
    """Write a model's name and settings whole or not at all; the path gets the suffix ``.npz``.

    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = write(f"{folder}/memory", "ModernHopfield", {"memories": np.eye(2), "beta": 2.0})
    ...     read(file)[1]["beta"], file.name
    (2.0, 'memory.npz')
    """
    path = Path(path)
    path = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
    arrays = {key: backend.to_numpy(value) for key, value in settings.items() if backend.is_array(value)}
    plain = {key: encoded(key, value) for key, value in settings.items() if key not in arrays}
    header = json.dumps({"format": FORMAT, "model": name, "settings": plain})
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(partial, "wb") as file:
            np.savez(file, header=np.asarray(header), **arrays)  # pyright: ignore[reportArgumentType]
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def read(path: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """The model's name and settings from a file that `write` made.

    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read(write(f"{folder}/m", "ModernHopfield", {"memories": np.eye(2)}))[0]
    'ModernHopfield'
    """
    if not zipfile.is_zipfile(path):
        with open(path, "rb"):  # a file that is not there says so itself
            raise ValueError(f"{os.fspath(path)!r} is not an .npz file that a memory was saved to.")
    with np.load(path, allow_pickle=False) as file:
        if "header" not in file:
            raise ValueError(f"{os.fspath(path)!r} holds no saved memory, but the arrays {', '.join(file.files)}.")
        header = json.loads(str(file["header"]))
        arrays = {key: file[key] for key in file.files if key != "header"}
    if header["format"] > FORMAT:
        raise ValueError(f"{os.fspath(path)!r} was written by a newer hopfield (format {header['format']}).")
    arrays = {key: float(value) if value.ndim == 0 else value for key, value in arrays.items()}
    return header["model"], {**{k: decoded(v) for k, v in header["settings"].items()}, **arrays}


def encoded(key: str, value: Any) -> Any:
    """A setting that is no array as JSON can hold it; `key` is what an error calls it.

    >>> encoded("separation", lagrangians.Power(3))
    {'lagrangian': 'Power', 'n': 3, 'beta': 1.0}
    """
    if value is None or isinstance(value, str | float | int | bool):
        return value
    if isinstance(value, Similarity) and _is_named(value):
        return value.name
    if isinstance(value, Lagrangian) and getattr(lagrangians, type(value).__name__, None) is type(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}  # pyright: ignore
        fields = {k: _listed(v) if backend.is_array(v) else v for k, v in fields.items()}
        if not any(callable(field) for field in fields.values()):
            return {"lagrangian": type(value).__name__, **fields}
    raise TypeError(
        f"{key}={value!r} is code of your own and cannot be written to a file. Save the patterns with numpy.savez "
        "and build the model again, or use a named similarity or separation."
    )


def _is_named(value: Similarity) -> bool:
    try:
        return repr(similarity(value.name)) == repr(value) and type(similarity(value.name)) is type(value)
    except ValueError:
        return False


def _listed(value: Any) -> Any:
    host = backend.to_numpy(value)
    return {"array": host.tolist(), "dtype": str(host.dtype)} if host.ndim else float(host)


def decoded(value: Any) -> Any:
    """What `encoded` was given.

    >>> decoded({"lagrangian": "Power", "n": 3, "beta": 1.0})
    Power(n=3, beta=1.0)
    """
    if isinstance(value, dict) and "lagrangian" in value:
        fields = {key: decoded(field) for key, field in value.items() if key != "lagrangian"}
        return getattr(lagrangians, value["lagrangian"])(**fields)
    if isinstance(value, dict) and "array" in value:
        return np.asarray(value["array"], dtype=value["dtype"])
    return value
