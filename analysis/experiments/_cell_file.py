"""The file of a sweep's cells: lines with a check, appended by any number of processes, and claims of cells.

A process claims a cell by a lock on one byte of a hidden file beside it, which the system gives back when the process
ends, however it ends. Whoever appends holds the lock on its first byte for as long as that takes. (These locks work
between the hosts of a network file system as well; on Windows there are none, and one process at a time may write.)
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import threading
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from ...dynamics.doors import warn

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

WRITER = 0  # the byte that stands for writing


class Unwritable(RuntimeError):
    """The file cannot be written any more; what was finished is kept."""


class _Locks(NamedTuple):
    """One open file of locks, shared by all who use it in this process: closing it once would give all locks back."""

    number: int
    users: list[Any]
    claimed: set[str]


_open: dict[str, _Locks] = {}
_mutex = threading.RLock()


class CellFile:
    """The cells of a file, by the lines that they are known by.

    >>> from pathlib import Path
    >>> with CellFile(Path("cells.jsonl")) as file:
    ...     file.claim("1"), file.append("1", "2.0"), file.found
    (True, None, {'1': '2.0'})
    """

    def __init__(self, path: Path) -> None:
        self.path: Path = path
        self.found: dict[str, str] = {}
        self._seen = (-1, 0)  # the file that was read, and how far
        self._locks: _Locks | None = None
        self._mine: set[str] = set()

    def __enter__(self) -> CellFile:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._enter_locks()
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666))
        except OSError as error:
            self.__exit__()
            if not self.path.is_file():
                raise self._unwritable(error) from None
            self._why = error  # perhaps everything is there, and nothing needs to be written
        try:
            self.refresh(first=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with _mutex:
            if self._locks is None:
                return
            for key in list(self._mine):
                self.release(key)
            self._locks.users.remove(self)
            if not self._locks.users:
                os.close(self._locks.number)
                del _open[self._name]
            self._locks = None

    @property
    def is_writable(self) -> bool:
        """Whether there is a file of locks beside it."""
        return self._locks is not None

    def check_writable(self) -> _Locks:
        """Refuse to begin what could not be written down; the locks."""
        if self._locks is None:
            raise self._unwritable(self._why)
        return self._locks

    # ---------------------------------------------------------------------------------------------------- claims

    def claim(self, key: str) -> bool:
        """Take a cell, unless another process is at it."""
        locks = self.check_writable()
        with _mutex:
            if key in locks.claimed:
                raise RuntimeError(
                    f"This process is at work on {str(self.path)!r} already, in another call. Wait for that, or give "
                    "the name of another file."
                )
            taken = _try_lock(locks.number, _place(key))
            if taken:
                locks.claimed.add(key)
                self._mine.add(key)
            return taken

    def release(self, key: str) -> None:
        """Give a cell back."""
        with _mutex:
            if self._locks is not None and key in self._locks.claimed:
                self._locks.claimed.discard(key)
                self._mine.discard(key)
                _unlock(self._locks.number, _place(key))

    # ----------------------------------------------------------------------------------------------------- lines

    def refresh(self, first: bool = False) -> None:
        """Read what others wrote since; a line that is not finished is not looked at."""
        try:
            state = os.stat(self.path)
        except FileNotFoundError:
            return
        if not first and self._seen == (state.st_ino, state.st_size):
            return
        raw = self.path.read_bytes()
        start = self._seen[1] if self._seen[0] == state.st_ino and self._seen[1] <= len(raw) else 0
        *lines, rest = raw[start:].split(b"\n")
        damaged = []
        for number, line in enumerate(lines, 1):
            cell = parsed(line)
            if cell is None:
                damaged.append(number)
            else:
                self.found[cell[0]] = cell[1]
        self._seen = (state.st_ino, len(raw) - len(rest))
        if first:
            self._judge(lines, rest, damaged)

    def _judge(self, lines: list[bytes], rest: bytes, damaged: list[int]) -> None:
        """Refuse somebody else's file, and say which lines are lost."""
        first = next((number for number in damaged if lines[number - 1].strip(b"\0 \t\r")), None)
        if first is not None and not self.found:  # not one line of ours
            told = lines[first - 1][:60].decode(errors="replace")
            raise ValueError(
                f"Line {first} of {str(self.path)!r} is no cell of a sweep: {told!r}. Give the name of another file."
            )
        if rest and not self.found and not rest.startswith(b'{"cell": '[: len(rest)]):
            raise ValueError(f"{str(self.path)!r} is no file of cells. Give the name of another file.")
        if damaged:
            which = ", ".join(map(str, damaged[:5])) + (", ..." if len(damaged) > 5 else "")
            told = f"{str(self.path)!r} is damaged in line {which}: what was there is done again."
            warn(told)

    def append(self, key: str, result: str) -> None:
        """Write a cell in one piece and sync it to the disk; on a full disk nothing of it stays."""
        self.check_writable()
        with self._writing():
            try:
                number = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            except OSError as error:
                raise self._unwritable(error) from None
            try:
                size = _cut(number)
                try:
                    _write(number, entry(key, result).encode())
                except OSError as error:
                    with contextlib.suppress(OSError):
                        os.ftruncate(number, size)
                    raise self._unwritable(error) from None
            finally:
                os.close(number)
        self.found[key] = result

    def put_in_order(self, keys: list[str]) -> None:
        """Put the file in the order of these cells, behind those of others, in one step; as it is where that fails."""
        if self._locks is None:
            return
        with self._writing():
            self.refresh()
            mine = set(keys)
            lines = [key for key in self.found if key not in mine] + [key for key in keys if key in self.found]
            content = "".join(entry(key, self.found[key]) for key in lines).encode()
            if not lines or (self.path.exists() and self.path.read_bytes() == content):
                return
            partial = self.path.with_name(f"{self.path.name}.partial")
            try:
                with open(partial, "wb") as whole:
                    whole.write(content)
                    whole.flush()
                    os.fsync(whole.fileno())
                os.replace(partial, self.path)
            except OSError as error:  # all lines are there, in another order
                with contextlib.suppress(OSError):
                    partial.unlink()
                warn(f"{str(self.path)!r} holds every cell but not in order: {_why(error)}.")

    def _enter_locks(self) -> None:
        place = self.path.with_name(f".{self.path.name}.lock")
        with _mutex:
            self._name = str(place.resolve())
            if self._name not in _open:
                number = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
                if fcntl is None or not _works(number):
                    pass  # claims then hold within this process alone
                _open[self._name] = _Locks(number, [], set())
            self._locks = _open[self._name]
            self._locks.users.append(self)

    @contextlib.contextmanager
    def _writing(self) -> Any:
        with _mutex:
            number = self._locks.number  # type: ignore[union-attr]
            if fcntl is not None:
                fcntl.lockf(number, fcntl.LOCK_EX, 1, WRITER)
            try:
                yield
            finally:
                _unlock(number, WRITER)

    def _unwritable(self, error: OSError) -> Unwritable:
        kept = f"{len(self.found)} finished cells are kept in it; " if self.found else ""
        cure = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "give a folder that can be written to"
        return Unwritable(
            f"{str(self.path)!r} cannot be written: {_why(error)}. {kept}{cure} and do the same again, which goes on "
            "from there."
        )


def _why(error: OSError) -> str:
    return (os.strerror(error.errno) if error.errno else str(error)).lower()


def _place(key: str) -> int:
    return 1 + int.from_bytes(hashlib.blake2b(key.encode(), digest_size=7).digest(), "big")


def _try_lock(number: int, place: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _unlock(number: int, place: int) -> None:
    if fcntl is not None:
        fcntl.lockf(number, fcntl.LOCK_UN, 1, place)


def _works(number: int) -> bool:
    """Whether the file system has such locks."""
    try:
        fcntl.lockf(number, fcntl.LOCK_SH, 1, WRITER)  # type: ignore[union-attr]
        fcntl.lockf(number, fcntl.LOCK_UN, 1, WRITER)  # type: ignore[union-attr]
    except OSError:
        return False
    return True


def _cut(number: int) -> int:
    """The size of a file after a line that was not finished is cut off; nobody else is writing."""
    size = os.fstat(number).st_size
    end = size
    while end:
        start = max(0, end - 2**16)
        block = os.pread(number, end - start, start)
        if (found := block.rfind(b"\n")) >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(number, end)
    return end


def _write(number: int, line: bytes) -> None:
    while line:
        line = line[os.write(number, line) :]
    os.fsync(number)


def line_of(value: Any) -> str:
    """A value as JSON in one line, by which a cell is known."""
    return json.dumps(value, allow_nan=False)


def entry(key: str, result: str) -> str:
    """The line of a cell, with its check."""
    return f'{{"cell": {key}, "result": {result}, "check": "{_check(key, result)}"}}\n'


def _check(key: str, result: str) -> str:
    return f"{zlib.crc32(f'{key} {result}'.encode()):08x}"


def parsed(line: bytes) -> tuple[str, str] | None:
    """The cell of a line and its result, if it is whole; lines that were written without a check have to be JSON."""
    try:
        read = json.loads(line)
        key, result = line_of(read["cell"]), line_of(read["result"])
        whole_line = set(read) == {"cell", "result"} or read["check"] == _check(key, result)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (key, result) if whole_line else None
