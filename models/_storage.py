"""One ``.npz`` file for a memory: its arrays, and a JSON header with everything else.

A file names models and Lagrangians of this library, and similarities, separations and activations by the names that
are registered; no function: reading one runs no code of its own.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
from abc import ABC
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..dynamics import backend, doors, lagrangians
from ..dynamics.backend import Array, float_name
from ..dynamics.doors import Registry, checked
from ..dynamics.files import Refused, kind_of, load_npz, present, reading, written_whole
from ..dynamics.lagrangians import Lagrangian
from ..dynamics.synapses import Similarity
from ._domain import EVERYWHERE, Domain
from ._renamed import current_names
from ._separations import separations
from .measures import similarities

FORMAT = 1
NAMED: dict[str, Registry] = {"similarity": similarities, "separation": separations}  # whose names a file may hold


def _float_type(_: str, value: Any) -> Any:
    return float_name(value)


class Stored(ABC):
    """A model that can be kept in a file and moved between libraries, from the arguments that build it."""

    def settings(self) -> dict[str, Any]:
        """The arguments that build this model again: arrays, numbers, names, similarities, Lagrangians."""
        return backend.settings(self)

    memories: Any

    @property
    def like(self) -> Any:
        """An array of the library, device and dtype of this model."""
        return self.memories

    @property
    def is_half(self) -> bool:
        """Whether the patterns are of half precision, in which no sums are made."""
        return backend.is_half(self.like)

    @backend.kept
    def wide(self) -> Self:
        """The same model with its float16 and bfloat16 arrays in float32."""
        return backend.widened(self)

    @property
    def domain(self) -> Domain:
        """The cues from which the dynamics in time can start."""
        return EVERYWHERE

    def check_cue(self, cue: Any) -> Array:
        """A cue (..., I) for the dynamics in time: what is outside of `domain` by rounding is moved to its bound."""
        return self.domain.check("query", self.check_query(cue))  # type: ignore[attr-defined]

    @checked(library=doors.text, dtype=_float_type)
    def to(self, library: str, device: Any = None, dtype: Any = None) -> Self:
        """The same model on ``"numpy"``, ``"jax"`` or ``"torch"``, on a device, in another float type if asked."""
        return backend.move(self, library, device, dtype)

    def _replaced(self, **changes: Any) -> Self:
        """A copy with some fields changed as they are, without the checks of the constructor."""
        copy = backend.map_leaves(lambda leaf: leaf, self)
        for name, value in changes.items():
            object.__setattr__(copy, name, value)
        return copy

    @checked(path=doors.path)
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model to one ``.npz`` file, whole or not at all; returns its path."""
        return write(path, type(self).__name__, self.settings())

    @classmethod
    @checked(path=doors.path)
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote, as NumPy arrays; called on a class, it must be of that class.

        A class of your own reads its own files, ``Mine.load(path)``; other classes build this library's models alone.
        """
        name, settings = read(path)
        kinds = {kind.__name__: kind for kind in _descendants(Stored) if _is_ours(kind)} | {cls.__name__: cls}
        if name not in kinds or not issubclass(kinds[name], cls):
            raise TypeError(f"{os.fspath(path)!r} holds a {name}, not a {cls.__name__}.")
        with reading(path, f"a saved {name}"):
            return kinds[name](**current_names(kinds[name], settings))


def _descendants(kind: type) -> list[type]:
    found = [kind]
    for child in kind.__subclasses__():
        found += _descendants(child)
    return found


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith(f"{__package__}.") and not kind.__name__.startswith("_")


def write(path: str | os.PathLike[str], name: str, settings: dict[str, Any]) -> Path:
    """Write a model's name and settings whole or not at all; the path gets the suffix ``.npz``."""
    path = Path(path)
    if path.name and path.suffix != ".npz" and not path.is_dir():
        path = path.with_name(path.name + ".npz")
    arrays = {key: backend.to_numpy(value) for key, value in settings.items() if backend.is_array(value)}
    plain = {key: encoded(key, value) for key, value in settings.items() if key not in arrays}
    header = json.dumps({"format": FORMAT, "model": name, "settings": plain, "arrays": list(arrays)})
    with written_whole(path) as file:
        np.savez(file, header=np.asarray(header), **arrays)  # pyright: ignore[reportArgumentType]
    return path


def read(path: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """The model's name and settings from a file that `write` made."""
    if kind_of(present(path)) != "npz":
        raise ValueError(f"{os.fspath(path)!r} is not an .npz file that a memory was saved to.")
    arrays = load_npz(path)
    with reading(path, "a saved memory"):
        name, settings = _header(arrays)
        values = {key: float(value) if value.ndim == 0 else value for key, value in arrays.items()}
        return name, {**{key: decoded(value) for key, value in settings.items()}, **values}


def _header(arrays: dict[str, np.ndarray]) -> tuple[str, dict[str, Any]]:
    """The model's name and its settings that are no arrays, from the array `header`, which is taken out."""
    if "header" not in arrays:
        raise Refused(f"holds no saved memory, but the arrays {', '.join(arrays) or '(none)'}.")
    text = arrays.pop("header")
    read = json.loads(str(text)) if text.dtype.kind == "U" and text.ndim == 0 else None
    header: dict[str, Any] = read if isinstance(read, dict) else {}
    kinds = {"format": int, "model": str, "settings": dict}
    wrong = [key for key, kind in kinds.items() if type(header.get(key)) is not kind]
    if wrong:
        raise Refused(f"holds no saved memory: its header has no {' and no '.join(wrong)} as `save` writes them.")
    if header["format"] > FORMAT:
        raise Refused(f"was written by a newer hopfield (format {header['format']}).")
    if lost := [key for key in header.get("arrays", ()) if key not in arrays]:
        raise Refused(f"is not whole: {', '.join(map(str, lost))} is missing. Take another copy.")
    if twice := sorted(set(arrays) & set(header["settings"])):
        raise Refused(f"says twice, and not as `save` does, what {', '.join(twice)} is: in its header and as an array.")
    return header["model"], header["settings"]


def encoded(key: str, value: Any) -> Any:
    """A setting that is no array as JSON can hold it; `key` is what an error calls it."""
    if value is None or isinstance(value, str | float | int | bool):
        return value
    if isinstance(value, Similarity) and (name := similarities.name_of(value)):
        return name
    if isinstance(value, Lagrangian) and getattr(lagrangians, type(value).__name__, None) is type(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}  # pyright: ignore
        if not any(callable(field) for field in fields.values()):
            return {"lagrangian": type(value).__name__, **_written(fields)}
    for what, registry in NAMED.items():
        if isinstance(value, Similarity | Lagrangian) and (found := _registered(value, registry)):
            return {what: found}
    raise TypeError(
        f"{key}={value!r} is code of your own and cannot be written to a file. Save the patterns with numpy.savez "
        "and build the model again, or use a named similarity or separation."
    )


def _registered(value: Any, registry: Registry) -> Any:
    """A name that gives the value back, or the name of its class with its settings; None where it has no name."""
    found = registry.entry_of(value)
    if found is None or (name := registry.name_of(value)):
        return name if found else None
    fields = {k: v for k, v in backend.settings(value).items() if k != "patterns"}
    if found[1].kind is not found[1].make or any(map(callable, fields.values())) or not _takes(found[1].kind, fields):
        return None
    return {"name": found[0], **_written(fields)}


def _takes(kind: type, fields: dict[str, Any]) -> bool:
    try:
        inspect.signature(kind).bind(**fields)
    except TypeError:
        return False
    return True


def _written(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: _listed(value) if backend.is_array(value) else encoded(key, value) for key, value in fields.items()}


def _built(registry: Registry, found: Any) -> Any:
    if isinstance(found, dict) and found.get("name") in registry:
        return registry.entries[found["name"]].kind(**{k: decoded(v) for k, v in found.items() if k != "name"})
    if not isinstance(found, str):
        raise ValueError(f"it names a {registry.what} {found!r:.60} that there is not; known: {', '.join(registry)}")
    return registry(found)


def _listed(value: Any) -> Any:
    host = backend.to_numpy(value)
    return {"array": host.tolist(), "dtype": str(host.dtype)} if host.ndim else float(host)


def decoded(value: Any) -> Any:
    """What `encoded` was given."""
    if isinstance(value, dict) and "lagrangian" in value:
        name, known = value["lagrangian"], _lagrangians()
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"it names a Lagrangian {name!r} that there is not; known: {', '.join(known)}")
        return known[name](**{key: decoded(field) for key, field in value.items() if key != "lagrangian"})
    if isinstance(value, dict) and len(value) == 1 and (what := next(iter(value))) in NAMED:
        return _built(NAMED[what], value[what])
    if isinstance(value, dict) and set(value) == {"array", "dtype"}:
        kind = value["dtype"]
        if not (isinstance(kind, str) and kind.isalnum()) or np.dtype(kind).kind not in "fiub":
            raise ValueError(f"it holds an array of {kind!r:.60} where numbers are meant")
        return np.asarray(value["array"], dtype=kind)
    if value is None or isinstance(value, str | float | int):
        return value
    raise ValueError(f"it holds {value!r:.60} where a number, a name, an array or a Lagrangian is meant")


def _lagrangians() -> dict[str, type[Lagrangian]]:
    """Those that a file may name: public, and described by numbers alone."""
    found = {name: getattr(lagrangians, name) for name in lagrangians.__all__}
    return {
        name: kind
        for name, kind in found.items()
        if isinstance(kind, type) and issubclass(kind, Lagrangian) and dataclasses.is_dataclass(kind)
        if not any("Callable" in str(field.type) for field in dataclasses.fields(kind))
    }
