"""Structures as a tree of plain values beside named arrays, and back: what an ``.npz`` file of a network holds.

A file names public classes of this package alone, by the face that they are imported from, and no function: reading one
runs no code of its own.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from .. import backend
from ._arrays import Refused, kind_of, load_npz, present, reading, written_whole

FORMAT = 1
ROOT = __name__.partition(".")[0]
FACES = ("dynamics", "models")  # whose public structures a file may name


class Writer:
    """Puts a value together as a tree that JSON can hold, and its arrays aside under the names of their places.

    >>> from hopfield.dynamics import Network, Population, Quadratic
    >>> writer = Writer()
    >>> tree = writer.encoded("network", Network({"x": Population(Quadratic(), 2, bias=np.ones(2))}))
    >>> list(writer.arrays), tree["type"]
    (['network.populations.x.bias'], 'dynamics.Network')
    """

    def __init__(self, also: Mapping[str, type] = MappingProxyType({})) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.also = also  # classes beside the public structures: `stored` says what one is made of

    def put(self, place: str, array: Any) -> dict[str, str]:
        """Keep an array under a name of its own."""
        self.arrays[place] = backend.to_numpy(array)
        return {"array": place}

    def encoded(self, place: str, value: Any) -> Any:
        """The value as JSON can hold it; `place` says where it stands."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.generic) and value.dtype.kind in "biu":
            return value.item()
        if backend.is_array(value):
            return self.put(place, value)
        if isinstance(value, dict):
            return {"dict": [[key, self.encoded(f"{place}.{key}", item)] for key, item in value.items()]}
        if self.also.get(type(value).__name__) is type(value):
            return self.parts(place, value)
        if isinstance(value, tuple | list):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [self.encoded(f"{place}.{k}", item) for k, item in enumerate(value)]}
        if name := _public(type(value)):
            fields = backend.settings(value)
            return {"type": name, **{key: self.encoded(f"{place}.{key}", item) for key, item in fields.items()}}
        what = f"{type(value).__name__}, code of your own," if not callable(value) else "a function"
        raise TypeError(
            f"{place} is {what} and cannot be written to a file. Save the arrays with numpy.savez, and build it again "
            "from them."
        )

    def parts(self, place: str, value: Any) -> dict[str, Any]:
        """A value of a class beside the structures; at the top, where `place` is "", its arrays have their names."""
        kept = {key: self.encoded(f"{place}.{key}".lstrip("."), item) for key, item in value.stored().items()}
        return {"type": type(value).__name__, **kept}

    def write(self, path: str | os.PathLike[str], what: str, tree: Any) -> Path:
        """Write the tree, under the name of what it is, and the arrays to one ``.npz`` file, whole or not at all."""
        header = np.asarray(json.dumps({"format": FORMAT, "holds": what, "tree": tree}))
        with written_whole(path) as file:
            np.savez(file, header=header, **self.arrays)  # pyright: ignore[reportArgumentType]
        return Path(path)


def suffixed(path: str | os.PathLike[str]) -> Path:
    """The path with ``.npz`` at its end.

    >>> suffixed("run").name, suffixed("run.npz").name
    ('run.npz', 'run.npz')
    """
    path = Path(path)
    return path if path.suffix == ".npz" or not path.name or path.is_dir() else path.with_name(path.name + ".npz")


def read_tree(path: str | os.PathLike[str], what: str) -> tuple[Any, dict[str, np.ndarray]]:
    """The tree and the arrays of a file that `Writer.write` made; refused where it holds something else."""
    if kind_of(present(path)) != "npz":
        raise ValueError(f"{os.fspath(path)!r} is not an .npz file that a {what} was saved to.")
    arrays = load_npz(path)
    with reading(path, f"a saved {what}"):
        text = arrays.pop("header", np.zeros(1))
        found = json.loads(str(text)) if text.dtype.kind == "U" and text.ndim == 0 else None
        header: dict[str, Any] = found if isinstance(found, dict) else {}
        if type(header.get("format")) is not int or not isinstance(header.get("tree"), dict):
            held = header.get("model")
            raise Refused(
                f"holds a saved {held}: read it with {held}.load(path)."
                if isinstance(held, str)
                else f"holds no saved {what}, but the arrays {', '.join(arrays) or '(none)'}."
            )
        if header["format"] > FORMAT:
            raise Refused(f"was written by a newer hopfield (format {header['format']}).")
        if header.get("holds") != what:
            raise Refused(f"holds a {header.get('holds')!s:.40}, not a {what}.")
        return header["tree"], arrays


def built(tree: Any, arrays: dict[str, np.ndarray], also: Mapping[str, type] = MappingProxyType({})) -> Any:
    """The value that `Writer.encoded` was given, made by the constructors that check it; arrays are NumPy's.

    What is made of classes `also` keeps arrays of no axes as they are.
    """
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    if not isinstance(tree, dict):
        raise ValueError(f"it holds {tree!r:.60} where a value is meant")
    if set(tree) == {"array"}:
        if tree["array"] not in arrays:
            raise Refused(f"is not whole: {tree['array']!r:.60} is missing. Take another copy.")
        found = arrays[tree["array"]]
        return float(found) if found.ndim == 0 and found.dtype.kind == "f" else found
    if set(tree) == {"dict"}:
        return {str(key): built(item, arrays, also) for key, item in tree["dict"]}
    if set(tree) <= {"tuple", "list"} and len(tree) == 1:
        ((kind, items),) = tree.items()
        found = [built(item, arrays, also) for item in items]
        return tuple(found) if kind == "tuple" else found
    name = str(tree.get("type"))
    parts = {key: item for key, item in tree.items() if key != "type"}
    if name in also:
        whole = {key: item["array"] for key, item in parts.items() if isinstance(item, dict) and set(item) == {"array"}}
        rest = {key: built(item, arrays, also) for key, item in parts.items() if whole.get(key) not in arrays}
        return also[name](**{key: arrays[whole[key]] if key not in rest else rest[key] for key in parts})
    known = _structures()
    if name not in known:
        raise ValueError(f"it names a class {name!r:.60} that there is not; known: {', '.join(known)}")
    return known[name](**{key: built(item, arrays, also) for key, item in parts.items()})


def _structures() -> dict[str, type]:
    """The public structures of this package, by face and name."""
    found: dict[str, type] = {}
    for face in FACES:
        module = importlib.import_module(f"{ROOT}.{face}")  # by its name: which of them a file needs is data
        for name in module.__all__:
            kind = getattr(module, name)
            if isinstance(kind, type) and getattr(kind, "_structure", None) is kind:
                found.setdefault(f"{face}.{name}", kind)
    return found


def _public(kind: type) -> str:
    """The name of a class in a file; "" for one that is not of this package, or is private."""
    if getattr(kind, "_structure", None) is not kind or not kind.__module__.startswith(f"{ROOT}."):
        return ""
    return next((name for name, known in _structures().items() if known is kind), "")
