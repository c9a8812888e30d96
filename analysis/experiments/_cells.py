"""Long sweeps as cells: each is computed once, written down at once, and found again after an interruption.

The file has one JSON object a line, {"cell": settings, "result": ..., "check": the CRC-32 of both}. A line is written
in one piece and synced to the disk before the next cell begins, so that a process that is killed loses at most the
cells that it was at. When all cells are there the file is put in their order, in one step: it is the same, byte for
byte, however often the work was interrupted and in however many processes it was done. A line that is damaged, as its
check tells, is dropped with a warning, and its cell is done again.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import signal
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from ...dynamics.doors import whole
from ...dynamics.simulation import ticker

Settings = dict[str, Any]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def versions() -> dict[str, str]:
    """Versions of what results depend on.

    >>> sorted(versions())
    ['hopfield', 'numpy', 'python', 'scipy']
    """
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
    jobs: int = 1,
    label: str = "cells",
    show: bool = True,
    along: str | None = None,
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
        The file of lines. Lines of other cells in it are kept, before these.
    jobs : int
        How many processes work at once. Each uses one thread, and 1 means this process itself. More of them import
        the script that calls: keep its work below ``if __name__ == "__main__":``.
    label : str
        Before the progress bar.
    show : bool
        Whether there is a progress bar, if there is a terminal.
    along : str, optional
        A setting along which cells share their work: the missing ones that differ in it alone are given as one list,
        and the function gives a list of their results. Which of them are missing must not change a result.

    Returns
    -------
    list
        The results as JSON gives them back, also where they were just computed.

    Raises
    ------
    ValueError
        When the file is no such file, or two cells are equal.
    RuntimeError
        When another process is writing to the file, or a process that worked on a cell was ended from outside.

    Examples
    --------
    >>> import math
    >>> from pathlib import Path
    >>> run_cells(math.dist, [[3.0, 4.0]], ([0.0, 0.0],), out="cells.jsonl")
    [5.0]
    >>> print(Path("cells.jsonl").read_text(), end="")
    {"cell": [3.0, 4.0], "result": 5.0, "check": "..."}
    """
    jobs = whole("jobs", jobs, 1)
    keys = [_line(cell) for cell in cells]
    if len(set(keys)) < len(keys):
        raise ValueError(f"Two of the {len(keys)} cells are equal: {next(k for k in keys if keys.count(k) > 1)}.")
    with _opened(out) as (found, write), ticker(show, label, max(len(keys), 1)) as tick:
        done = {key: found[key] for key in keys if key in found}
        missing = [(key, cell) for key, cell in zip(keys, cells, strict=True) if key not in done]
        tick(len(done))
        groups = [[one] for one in missing] if along is None else _grouped(missing, along)
        work = _alone if along is None else _together
        for keys_done, results in _computed(work, function, groups, shared, min(jobs, len(groups))):
            for key, result in zip(keys_done, results, strict=True):
                done[key] = _line(result)
                write(_entry(key, done[key]))
            tick(len(done))
        others = [key for key in found if key not in done]
        write(None, "".join(_entry(key, (done | found)[key]) for key in [*others, *keys]))
    return [json.loads(done[key]) for key in keys]


def _line(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _entry(key: str, result: str) -> str:
    return f'{{"cell": {key}, "result": {result}, "check": "{_check(key, result)}"}}\n'


def _check(key: str, result: str) -> str:
    return f"{zlib.crc32(f'{key} {result}'.encode()):08x}"


Keyed = tuple[str, Any]  # a cell with the line that it is known by
Work = Callable[[Callable[..., Any], tuple[Any, ...], list[Any]], list[Any]]


def _grouped(cells: list[Keyed], along: str) -> list[list[Keyed]]:
    """Cells that are equal but for one setting, together."""
    groups: dict[str, list[Keyed]] = {}
    for key, cell in cells:
        rest = _line({name: value for name, value in cell.items() if name != along})
        groups.setdefault(rest, []).append((key, cell))
    return list(groups.values())


def _alone(function: Callable[..., Any], shared: tuple[Any, ...], cells: list[Any]) -> list[Any]:
    return [function(*shared, cell) for cell in cells]


def _together(function: Callable[..., Any], shared: tuple[Any, ...], cells: list[Any]) -> list[Any]:
    return function(*shared, cells)


def _computed(
    work: Work, function: Callable[..., Any], groups: list[list[Keyed]], shared: tuple[Any, ...], jobs: int
) -> Iterator[tuple[list[str], list[Any]]]:
    """Keys and results of a group, as they come."""
    if jobs <= 1:
        yield from (([key for key, _ in some], work(function, shared, [cell for _, cell in some])) for some in groups)
        return
    with _one_thread_each(), ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (work, function, shared)) as pool:
        workers: Any = getattr(pool, "_processes", {})  # the executor empties its own name for them
        try:
            with _deaf():
                waiting = {pool.submit(_work, [cell for _, cell in some]): [key for key, _ in some] for some in groups}
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool:
            raise RuntimeError(
                "A process that worked on a cell was ended from outside: it was killed, or there was no memory left "
                "for it. Finished cells are kept where `out` is given: do the same again, perhaps with fewer jobs."
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in workers.values():  # what they are at may take minutes, and is not kept
                process.terminate()
            raise


_task: list[Any] = []


def _begin(work: Work, function: Callable[..., Any], shared: tuple[Any, ...]) -> None:
    _task[:] = [work, function, shared]
    threading.Thread(target=_end_with, args=(parent_process(),), daemon=True).start()


def _end_with(parent: Any) -> None:
    """Wait for the process that started this one, however it ends, and end with it."""
    parent.join()
    os._exit(1)


def _work(cells: list[Any]) -> list[Any]:
    work, function, shared = _task
    return work(function, shared, cells)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Processes that begin within this context leave Ctrl-C to the one that started them, where it waits till then."""
    if hasattr(signal, "pthread_sigmask"):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    if threading.current_thread() is not threading.main_thread():  # where handlers cannot be set
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that begin within this context use one thread each in matrix products."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _opened(out: str | os.PathLike[str] | None) -> Iterator[tuple[dict[str, str], Callable[..., None]]]:
    """What a file holds, and a function that appends a line or puts a new content in its place."""
    if out is None:
        yield {}, lambda line, content=None: None
        return
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path) as file:
        found = _read(file, path)

        def write(line: str | None, content: str = "") -> None:
            if line is not None:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
                return
            if path.read_bytes() == content.encode():
                return
            if os.name == "nt":  # where an open file cannot be replaced
                file.close()
            partial = path.with_name(f"{path.name}.partial")
            with open(partial, "wb") as whole:
                whole.write(content.encode())
                whole.flush()
                os.fsync(whole.fileno())
            os.replace(partial, path)

        yield found, write


def _read(file: Any, path: Path) -> dict[str, str]:
    """The cells of a file, from which a line that was not finished is cut off."""
    file.seek(0)
    raw = file.read()
    *lines, rest = raw.split(b"\n")
    found: dict[str, str] = {}
    damaged = []
    for number, line in enumerate(lines, 1):
        cell = _parsed(line)
        if cell is None:
            damaged.append(number)
        else:
            found[cell[0]] = cell[1]
    first = next((number for number in damaged if lines[number - 1].strip(b"\0 \t\r")), None)
    if first is not None and not found:  # not one line of ours: it is somebody else's
        raise ValueError(
            f"Line {first} of {str(path)!r} is no cell of a sweep: {lines[first - 1][:60].decode(errors='replace')!r}. "
            "Give the name of another file."
        )
    if rest:
        if not found and not rest.startswith(b'{"cell": '[: len(rest)]):
            raise ValueError(f"{str(path)!r} is no file of cells. Give the name of another file.")
        file.truncate(len(raw) - len(rest))
    if damaged:
        which = ", ".join(map(str, damaged[:5])) + (", ..." if len(damaged) > 5 else "")
        warnings.warn(f"{str(path)!r} is damaged in line {which}: what was there is done again.", stacklevel=2)
    return found


def _parsed(line: bytes) -> tuple[str, str] | None:
    """The cell of a line and its result, if it is whole; lines that were written without a check have to be JSON."""
    try:
        entry = json.loads(line)
        key, result = _line(entry["cell"]), _line(entry["result"])
        whole_line = set(entry) == {"cell", "result"} or entry["check"] == _check(key, result)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (key, result) if whole_line else None


def _locked(path: Path) -> Any:
    """The file, opened and locked; another one that took its name in between is opened instead."""
    while True:
        file = open(path, "ab+")  # noqa: SIM115
        try:
            _lock(file, path)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: Any, path: Path) -> None:
    """One process at a time; the lock ends with the process, however that ends."""
    try:
        import fcntl
    except ImportError:  # no such locks on Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise RuntimeError(
            f"Another process is writing to {str(path)!r}. Wait for it, or give the name of another file."
        ) from None
