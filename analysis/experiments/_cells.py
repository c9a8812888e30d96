"""Long sweeps as cells: each is computed once, written down at once, and found again after an interruption.

The file has one JSON object a line, {"cell": settings, "result": ..., "check": the CRC-32 of both}. A line is written
in one piece and synced to the disk before the next cell begins, so that a process that is killed loses at most the
cells that it was at. Runs that are given the same file share the work: a cell that another process is at is left to it.
When all cells are there the file is put in their order, in one step: it is the same, byte for byte, however often the
work was interrupted and by however many processes it was done. A line that is damaged, as its check tells, is dropped
with a warning, and its cell is done again.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...dynamics.doors import whole
from ...dynamics.simulation import ticker
from ._cell_file import CellFile, line_of
from ._workers import Group, alone, computed, processes, together

Settings = dict[str, Any]
AGAIN = 0.2  # seconds between two looks at cells that another process is at


class Unfinished(RuntimeError):
    """The cells of a shard are done, and those of other shards are not all there yet."""


def versions() -> dict[str, str]:
    """Versions of what results depend on."""
    return {**{name: _version(name) for name in ("hopfield", "numpy", "scipy")}, "python": platform.python_version()}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def run_cells(
    function: Callable[..., Any],
    cells: Sequence[Settings],
    shared: tuple[Any, ...] = (),
    *,
    out: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    label: str = "cells",
    show: bool = True,
    along: str | None = None,
    shard: tuple[int, int] | None = None,
) -> list[Any]:
    r"""function(\*shared, cell) for every cell, in order; with `out`, those that are written there are not done again.

    Parameters
    ----------
    function : callable
        Of a module (processes find it by its name). Its result can be written as JSON.
    cells : sequence of dict
        What makes each result: settings, seed, versions. A cell is found again if all of it is equal.
    shared : tuple
        Arguments that are the same for all cells, such as the images; not written down, so the cells must name them.
    out : path, optional
        The file of lines. Lines of other cells in it are kept, before these. Runs in several processes, or on several
        hosts with this folder, share the cells: none is done twice.
    jobs : int, optional
        How many processes work at once, each with one thread. 1 means this process itself, and so does None, unless
        ``joblib.parallel_config(backend=...)`` around the call says who works: loky, dask or ray.
    label : str
        Before the progress bar.
    show : bool
        Whether there is a progress bar, if there is a terminal.
    along : str, optional
        A setting along which cells share their work: the missing ones that differ in it alone are given as one list,
        and the function gives a list of their results. Which of them are missing must not change a result.
    shard : (int, int), optional
        (i, n) does the i-th of n parts alone, i from 1 to n, for the jobs of an array on one folder; needs `out`.

    Returns
    -------
    list
        The results as JSON gives them back, also where they were just computed.

    Raises
    ------
    ValueError
        When the file is no such file, or two cells are equal.
    Unfinished
        When a shard is done, and cells of others are missing: the last to end has them all.
    RuntimeError
        When a process that worked on a cell was ended from outside, or the file can no longer be written.
    """
    jobs = processes(None if jobs is None else whole("jobs", jobs, 1))
    keys = [line_of(cell) for cell in cells]
    if len(set(keys)) < len(keys):
        raise ValueError(f"Two of the {len(keys)} cells are equal: {next(k for k in keys if keys.count(k) > 1)}.")
    groups = [[one] for one in zip(keys, cells, strict=True)] if along is None else _grouped(keys, cells, along)
    mine = groups if shard is None else _part(groups, shard, out)
    work = alone if along is None else together
    opened = contextlib.nullcontext() if out is None else CellFile(Path(out))
    with opened as file, ticker(show, label, max(sum(map(len, mine)), 1)) as tick:
        run = _Run(file, {key for group in mine for key, _ in group}, tick)
        waiting: list[Group] = list(mine)
        while waiting:
            before = len(run.done)
            todo, waiting = waiting, []
            count = min(jobs, len(todo))
            for done, results in computed(work, function, run.claimed(todo, waiting), shared, count):
                run.finish(done, [line_of(result) for result in results])
            if waiting and len(run.done) == before:  # another process is at all that is left
                time.sleep(AGAIN)
        if file is not None:
            run.look()
            missing = sum(key not in file.found for key in keys)
            if missing:
                raise Unfinished(
                    f"Shard {shard[0]} of {shard[1]} is done, and {missing} of {len(keys)} cells of others are still "  # type: ignore[index]
                    f"missing in {os.fspath(out)!r}. Run the same without a shard once they are there."  # type: ignore[arg-type]
                )
            file.put_in_order(keys)
        found = run.done if file is None else file.found
        return [json.loads(found[key]) for key in keys]


class _Run:
    """What is done of the cells that one call is to do."""

    def __init__(self, file: CellFile | None, keys: set[str], tick: Callable[[float], None]) -> None:
        self.file, self.keys, self.tick = file, keys, tick
        self.done: dict[str, str] = {}
        self.look()

    def look(self) -> None:
        """Take over what others wrote."""
        if self.file is not None:
            self.file.refresh()
            self.done.update({key: line for key, line in self.file.found.items() if key in self.keys})
        self.tick(len(self.done))

    def claimed(self, groups: list[Group], waiting: list[Group]) -> Iterator[Group]:
        """The cells of each group that are neither done nor another's; groups of which some are go to `waiting`."""
        for group in groups:
            self.look()
            some = [one for one in group if one[0] not in self.done]
            if self.file is None:
                if some:
                    yield some
                continue
            taken = [one for one in some if self.file.claim(one[0])]
            self.look()  # who had it a moment ago may have written it
            ours = [one for one in taken if one[0] not in self.done]
            for key, _ in taken:
                if key in self.done:
                    self.file.release(key)
            if len(taken) < len(some):
                waiting.append(group)
            if ours:
                yield ours

    def finish(self, keys: list[str], results: list[str]) -> None:
        """Write results down, and give the cells back."""
        for key, result in zip(keys, results, strict=True):
            if self.file is not None:
                self.file.append(key, result)
                self.file.release(key)
            self.done[key] = result
        self.tick(len(self.done))


def _part(groups: list[Group], shard: Any, out: Any) -> list[Group]:
    """The i-th of n parts, which does not depend on what is done already."""
    if not (isinstance(shard, tuple) and len(shard) == 2 and all(type(x) is int for x in shard)):
        raise TypeError(f"shard must be two whole numbers (i, n), the i-th of n parts, got {shard!r:.60}.")
    i, n = shard
    if not 1 <= i <= n:
        raise ValueError(f"shard=({i}, {n}) is no part: i goes from 1 to n.")
    if out is None:
        raise ValueError("A shard is for jobs that write to one folder: give `out`.")
    return groups[i - 1 :: n]


def _grouped(keys: list[str], cells: Sequence[Settings], along: str) -> list[Group]:
    """Cells that are equal but for one setting, together."""
    groups: dict[str, Group] = {}
    for key, cell in zip(keys, cells, strict=True):
        rest = line_of({name: value for name, value in cell.items() if name != along})
        groups.setdefault(rest, []).append((key, cell))
    return list(groups.values())
