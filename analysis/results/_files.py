"""Reports as files, with the versions of what computed them."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...dynamics.doors import checked
from ...dynamics.files import written_whole
from .. import _declared as declared


@checked(**declared.WRITE_REPORT)
def write_report(path: str | os.PathLike[str], settings: Mapping[str, Any], results: Mapping[str, Any]) -> Path:
    r"""Write settings, results and the versions of what computed them to a JSON file, whole or not at all.

    Arrays become lists, data classes objects, and numbers that are not finite null.

    Parameters
    ----------
    path : path
        The file.
    settings, results : mappings
        What was asked for, seed included, and what was found.

    Returns
    -------
    Path
        The file.

    Examples
    --------
    >>> import json
    >>> report = json.loads(write_report("report.json", {"seed": 0}, {"recalled": 96}).read_text())
    >>> report["settings"], report["results"], "numpy" in report["versions"]
    ({'seed': 0}, {'recalled': 96}, True)
    """
    try:
        report = {"settings": plain(settings), "versions": versions(), "results": plain(results)}
    except RecursionError:
        raise ValueError("The settings or results of a report hold themselves: give a tree of values.") from None
    text = json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    with written_whole(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))  # a name that is no Unicode is escaped as JSON has it
    return Path(path)


def versions() -> dict[str, str]:
    """The versions of Python, hopfield and the array libraries that are installed.

    >>> "python" in versions()
    True
    """
    found = {"python": platform.python_version(), "hopfield": sys.modules["hopfield"].__version__}
    for name in ("numpy", "scipy", "jax", "torch"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def plain(value: Any) -> Any:
    """The value as JSON has it: arrays as lists, what has fields as objects, None for numbers that are not finite.

    >>> plain({"found": np.array([1.0, np.inf])})
    {'found': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind in "fc":  # Python has no number for a long double, which `tolist` leaves as it is
            with np.errstate(over="ignore"):
                value = value.astype(float if value.dtype.kind == "f" else complex)
        if value.ndim and value.dtype.kind == "c":
            return {"real": plain(value.real), "imag": plain(value.imag)}
        return plain(value.tolist())
    if names := getattr(value, "_fields", ()):  # a named tuple
        return plain({name: getattr(value, name) for name in names})
    if isinstance(value, list | tuple | range):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
