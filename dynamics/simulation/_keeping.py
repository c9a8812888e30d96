"""A trajectory as one ``.npz`` file, with the network that was integrated."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from .. import backend
from ..files import Refused, Writer, built, read_tree, reading
from ..inputs import Forgotten
from ..network import Network

TAKEN = ("file", "header", "args", "kwds", "allow_pickle")  # names of `numpy.savez` itself, and ours


def keep(run: Any, path: str | os.PathLike[str], network: bool) -> Path:
    """Write a trajectory: arrays under their names, states under those of their populations; see `Trajectory.save`."""
    fields = {one.name: getattr(run, one.name) for one in dataclasses.fields(run)}
    fields["result"], net, drive = run.result.name, fields.pop("network"), fields.pop("drive")
    writer = Writer()
    tree: dict[str, Any] = {name: writer.put(name, value) for name, value in fields.items() if backend.is_array(value)}
    for name, value in fields.items():
        if name not in tree:
            tree[name] = (
                _mapped(writer, name, value, fields) if _of_arrays(value) else writer.encoded(name, _plain(value))
            )
    tree["driven"] = drive is not None
    tree["network"] = writer.encoded("network", net) if network else None
    return writer.write(path, "trajectory", tree)


def _of_arrays(value: Any) -> bool:
    return isinstance(value, dict) and all(map(backend.is_array, value.values()))


def _mapped(writer: Writer, field: str, arrays: dict[str, Any], taken: Any) -> Any:
    """Arrays by population: ``value`` for its states, ``final_value`` and so on for others."""
    kept = []
    for key, array in arrays.items():
        short = key if field == "states" else f"{field}_{key}"
        free = short not in taken and short not in TAKEN and short not in writer.arrays
        kept.append([key, writer.put(short if free else f"{field}.{key}", array)])
    return {"dict": kept}


def _plain(value: Any) -> Any:
    """Numbers of NumPy as Python's, and what is no number and no text as its `repr`: statistics are a solver's own."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def load(kind: type, result: Any, path: str | os.PathLike[str], network: Network | None) -> Any:
    """Read a trajectory that `save` wrote, as NumPy arrays; see `Trajectory.load`."""
    tree, arrays = read_tree(path, "trajectory")
    if network is None and tree.get("network") is None:
        raise ValueError(
            f"{os.fspath(path)!r} was written without its network: give it, Trajectory.load(path, memory.network)."
        )
    with reading(path, "a saved trajectory"):
        known = {one.name for one in dataclasses.fields(kind)}
        values = {
            name: _whole(name, node, arrays)
            for name, node in tree.items()
            if name in known - {"network", "result", "drive"}
        }
        if tree.get("result") not in result.__members__:
            raise Refused(f"holds a trajectory that ended as {tree.get('result')!r:.40}, which there is not.")
        there = built(tree["network"], arrays) if network is None else network
        drive = Forgotten() if tree.get("driven") else None
        found = kind(**values, result=result[tree["result"]], network=there, drive=drive)
    for name, x in found.states.items():
        p = found.network.populations.get(name)
        if p is None or x.ndim < 2 or x.shape[-1] != (found.columns[name].size if name in found.columns else p.size):
            raise ValueError(f"{os.fspath(path)!r} holds states of {name!r}, {x.shape}, which are not of this network.")
    return found


def _whole(name: str, node: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A field; arrays of no axes stay arrays, as those of one sample are."""
    if isinstance(node, dict) and set(node) == {"array"} and node["array"] in arrays:
        return arrays[node["array"]]
    return built(node, arrays)
