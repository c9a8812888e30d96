"""What a search may take: its time, its end by Ctrl-C, its bar on a terminal, and what it did not come to."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Self, TypeVar

Item = TypeVar("Item")


class Budget:
    r"""How long a search may take, who ended it, and what it has not looked for.

    A search asks `spent` between its parts, and goes home with what it has. While a budget is entered, the first Ctrl-C
    only says that it is spent; a second one raises KeyboardInterrupt at once, which `trying` takes for an end of the
    search too. Searches hand their budget down to those that they are made of.

    Parameters
    ----------
    seconds : float or None
        Of wall time, from now on; None sets no limit. Nothing new begins after it; what was found is then put in
        order, which takes a little more.
    progress : bool
        Show a bar, if standard error is a terminal.

    Attributes
    ----------
    skipped : list of str
        What was not looked for.

    Examples
    --------
    >>> with Budget(seconds=1e-9) as budget:
    ...     for row in budget.each("rows", range(3)):
    ...         print(row)
    >>> budget.stopped, budget.skipped
    ('stopped after 1e-09 s', ['3 of 3 rows'])
    """

    def __init__(self, seconds: float | None = None, progress: bool = False) -> None:
        self.seconds, self.progress = seconds, progress
        self.began = time.monotonic()
        self.skipped: list[str] = []
        self.ended: float | None = None  # when Ctrl-C came
        self._bar: Any = None
        self._before: Any = None
        self._over = False

    # ---------------------------------------------------------------------------------------------- the end

    @property
    def spent(self) -> bool:
        """Whether nothing new is to begin; once it is so, it stays so."""
        if not self._over:
            late = self.seconds is not None and time.monotonic() - self.began >= self.seconds
            self._over = late or self.ended is not None
        return self._over

    @property
    def stopped(self) -> str:
        """What ended the search early; empty where nothing did."""
        if self.ended is not None:
            return f"interrupted after {self.ended - self.began:.3g} s"
        return f"stopped after {self.seconds:g} s" if self._over else ""

    def skip(self, what: str) -> None:
        """Note what was not looked for, once."""
        if what and what not in self.skipped:
            self.skipped.append(what)

    def _asked(self, *_: Any) -> None:
        """Ctrl-C: at first the search ends by itself, then at once."""
        if self.ended is not None:
            raise KeyboardInterrupt
        self.ended = time.monotonic()

    @contextlib.contextmanager
    def trying(self, what: str = "") -> Iterator[None]:
        """Part of a search that may be broken off anywhere: a KeyboardInterrupt in it ends the search, with a note."""
        try:
            yield
        except KeyboardInterrupt:
            self.ended = time.monotonic() if self.ended is None else self.ended
            self.skip(what)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other thread hears of Ctrl-C
            before = signal.getsignal(signal.SIGINT)
            if before is signal.default_int_handler:  # anyone else's handler has its own plans
                self._before = before
                signal.signal(signal.SIGINT, self._asked)
        self._bar = _bar() if self.progress else None
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    # --------------------------------------------------------------------------------------------- the parts

    def each(self, what: str, items: Iterable[Item], note: str | None = None) -> Iterator[Item]:
        """The items while the budget lasts, with a bar; how many were left over is noted, or `note`.

        >>> budget = Budget()
        >>> for k in budget.each("numbers", range(4)):
        ...     budget.ended = budget.began if k == 1 else None
        >>> budget.stopped, budget.skipped
        ('interrupted after 0 s', ['2 of 4 numbers'])
        """
        total = len(items) if isinstance(items, Sized) else None
        done, note = 0, what if total is None else note
        with self.bar(what, total) as tick:
            for item in items:
                if self.spent:
                    self.skip(f"{total - done} of {total} {what}" if note is None and total else note or what)
                    return
                yield item
                done += 1
                tick(done)

    @contextlib.contextmanager
    def bar(self, what: str, total: float | None = None) -> Iterator[Any]:
        """A function that is told how far a part has come, for the bar."""
        if self._bar is None:
            yield lambda done: None
            return
        bar, task = self._bar, self._bar.add_task(what, total=total)
        try:
            yield lambda done: bar.update(task, completed=done)
        finally:
            with contextlib.suppress(KeyError):
                bar.remove_task(task)


def unlooked(stopped: str, skipped: Iterable[str]) -> str:
    """What ended a search and what it left, in sentences; empty where it left nothing.

    >>> unlooked("stopped after 5 s", ("3 of 12 random batches",))
    'Stopped after 5 s. Not looked for: 3 of 12 random batches.'
    """
    first, rest = f"{stopped[:1].upper()}{stopped[1:]}." if stopped else "", "; ".join(skipped)
    return f"{first} Not looked for: {rest}.".strip() if rest else first


def _bar() -> Any:
    """A bar of rich on standard error; None where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        return None
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)
