"""What changes in time, from options of the command line: a current of a table, schedules, noise."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..dynamics import Euler, Heun, Sampled, Steps
from ..dynamics.integrators import Integrator


def changes(
    memory: Any,
    t1: float,
    current: Path | None,
    schedule: Sequence[str] | None,
    temperature: float,
    noise: float,
    seed: int,
) -> dict[str, Any]:
    """The arguments of `simulate` for what changes in time.

    >>> changes(None, 5.0, None, None, 0.0, 0.2, 1)
    {'noise': 0.2, 'seed': 1}
    """
    found: dict[str, Any] = {}
    if current is not None:
        found["current"] = table_of(current)
    if schedule:
        found["schedule"] = dict(ramp(text, t1) for text in schedule)
    if temperature and noise:
        raise ValueError("Give --temperature, noise with the law exp(-E/T), or --noise-in-time, not both.")
    if temperature and np.any(getattr(memory, "tau_memory", 0.0)):
        raise ValueError(
            f"--temperature promises the law exp(-E/T), which holds where memory neurons follow at once, and here "
            f"tau_memory={memory.tau_memory}: add --tau-memory 0, or give --noise-in-time, which promises no law."
        )
    if temperature or noise:
        found |= {"temperature": temperature} if temperature else {"noise": noise}
        found["seed"] = seed
    return found


def noisy_method(dt: float | None, given: dict[str, Any]) -> Any:
    """The usual method of a run with noise, with a step if one is given.

    >>> noisy_method(0.02, {"temperature": 1.0}), noisy_method(None, {"noise": 1.0})
    (Euler(dt=0.02), 'auto')
    """
    if dt is None:
        return "auto"
    return Euler(dt) if "temperature" in given else Heun(dt)


def stop_of(method: Any, given: dict[str, Any], steady: bool) -> str | None:
    """When a query ends: where it is steady, unless there is noise or another library owns the solve.

    >>> stop_of(Euler(0.1), {}, True), stop_of(Euler(0.1), {"noise": 1.0, "seed": 0}, True)
    ('steady', None)
    """
    return "steady" if steady and isinstance(method, Integrator) and "seed" not in given else None


def table_of(path: Path) -> Steps:
    """A current from a table: the time, then one column for all neurons or one for each; a row holds from its time on.

    A first line of names is passed over.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row and any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--current {path}: {getattr(error, 'strerror', None) or 'it is no text'}.") from None
    if rows and not _is_number(rows[0][0]):
        rows = rows[1:]
    if not rows or len(rows[0]) < 2:
        raise ValueError(
            f"--current {path} must be a table with a time and a current in each row, as in 0,1.5 and 5,0."
        )
    if len({len(row) for row in rows}) > 1:
        k = next(k for k, row in enumerate(rows) if len(row) != len(rows[0]))
        raise ValueError(f"--current {path}: row {k + 1} has {len(rows[k])} cells, the first {len(rows[0])}.")
    for k, row in enumerate(rows):
        for cell in row:
            if not _is_number(cell):
                raise ValueError(f"--current {path}: {cell.strip()!r} in row {k + 1} is no finite number.")
    values = np.array([[float(cell) for cell in row] for row in rows])
    try:
        return Steps(values[:, 0], values[:, 1] if values.shape[1] == 2 else values[:, 1:])
    except ValueError as error:
        raise ValueError(f"--current {path}: {error}") from None


def ramp(text: str, t1: float) -> tuple[str, Sampled]:
    """A number that goes from one value to another in a straight line, from NAME=FROM:TO:TIME, and stays there.

    >>> name, change = ramp("beta=1:20:10", 20.0)
    >>> name, [float(change.at(t)) for t in (0.0, 5.0, 15.0)]
    ('beta', [1.0, 10.5, 20.0])
    """
    name, _, rest = text.partition("=")
    parts = rest.split(":")
    if not name.strip() or len(parts) not in (2, 3) or not all(map(_is_number, parts)):
        raise ValueError(f"--schedule {text!r} is not of the form NAME=FROM:TO:TIME, such as beta=1:20:10.")
    first, last = float(parts[0]), float(parts[1])
    end = float(parts[2]) if len(parts) == 3 else t1
    if end <= 0:
        raise ValueError(f"--schedule {text!r} must take some time: {end:g} is not > 0.")
    if end >= t1:
        return name.strip(), Sampled([0.0, end], [first, last])
    return name.strip(), Sampled([0.0, end, t1], [first, last, last])


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
