"""What every result of an analysis can do: print, give its rows, and be written to a file and read back."""

from __future__ import annotations

import dataclasses
import io
import os
import re
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked
from ...dynamics.files import Refused, Writer, built, read_tree, reading, suffixed
from .. import _declared as declared
from ._files import plain, write_report

ROOT = __name__.partition(".")[0]


class Result:
    r"""The base of what the verbs of analysis return: a frozen data class of arrays, numbers and other results.

    A class says in `row_fields` which of its arrays have an entry for each row of `records`, and in `not_saved` which
    fields belong to the session alone. A file holds arrays, numbers, and names of result classes of this package or of
    the one that reads it: it can name no function, and reading it runs no code of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis import FixedPoints, find_fixed_points
    >>> from hopfield.models import ModernHopfield
    >>> found = find_fixed_points(ModernHopfield(np.eye(2), beta=5.0))
    >>> found.records()[0]["kind"], found.to_dataframe().shape[0]
    ('memory', 3)
    >>> again = FixedPoints.load(found.save("census"))
    >>> again, bool((again.state == found.state).all())
    (FixedPoints(3 points: 2 memory, 1 saddle(1); not refuted), True)
    """

    row_fields: ClassVar[tuple[str, ...]] = ()
    not_saved: ClassVar[tuple[str, ...]] = ()
    settings_fields: ClassVar[tuple[str, ...]] = ()  # in JSON files among the settings too
    called: ClassVar[str] = ""  # in JSON files; else its name with underscores
    _known: ClassVar[dict[str, type]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__.startswith(f"{ROOT}."):
            Result._known[cls.__name__] = cls

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary()})"

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """The result in a line: the first of what it prints, or its single numbers and words."""
        if type(self).__str__ is not Result.__str__:
            return str(self).partition("\n")[0]
        return ", ".join(f"{name}={value}" for name, value in self._single().items() if value != "")

    def records(self) -> list[dict[str, Any]]:
        """A dict of plain values for each row; where there are no rows one, of the single numbers and words."""
        if not self.row_fields:
            return [self._single()]
        columns = {name: getattr(self, name) for name in self.row_fields}
        columns = {name: plain(np.ravel(x)) for name, x in columns.items() if x is not None}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def to_dataframe(self) -> Any:
        """`records` as a table of pandas."""
        return backend.optional_import("pandas").DataFrame(self.records())

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, words and lists; None for numbers that are not finite."""
        return plain(self.stored())

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write `to_dict` to a JSON file, with the versions of what computed it."""
        settings = {name: plain(getattr(self, name)) for name in self.settings_fields}
        return write_report(path, settings, {self.called or _with_underscores(type(self).__name__): self.to_dict()})

    @checked(**declared.RESULT_FILE)
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to one ``.npz`` file, whole or not at all, for `load`; its arrays have their names there."""
        writer = Writer(Result._known)
        return writer.write(suffixed(path), "result", writer.parts("", self))

    @classmethod
    @checked(**declared.RESULT_FILE)
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote; refused with a ValueError where the file is damaged or holds another result."""
        tree, arrays = read_tree(path, "result")
        known = {**Result._known, cls.__name__: cls}  # of classes that are not of this package the one that is asked
        with reading(path, f"a saved {cls.__name__}"):
            if not issubclass(known.get(str(tree.get("type")), object), cls):
                raise Refused(f"holds a result {tree.get('type')!s:.40}, not {cls.__name__}.")
            return built(tree, arrays, known)

    def stored(self) -> dict[str, Any]:
        """The fields that a file holds."""
        fields = dataclasses.fields(self)  # pyright: ignore[reportArgumentType]
        return {one.name: getattr(self, one.name) for one in fields if one.init and one.name not in self.not_saved}

    def _single(self) -> dict[str, Any]:
        return {k: plain(v) for k, v in self.stored().items() if isinstance(v, bool | int | float | str | np.generic)}


def _with_underscores(name: str) -> str:
    """The name of a class as that of a variable."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def plain_table(caption: str, *names: str, left: tuple[str, ...] = ()) -> Any:
    """A `rich` table with its caption below and these columns, numbers to the right, those of `left` to the left.

    >>> plain_table("nothing", "", "kind", left=("kind",)).row_count
    0
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(caption=caption, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption_justify="left")
    for name in names:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    return table


def printed_table(table: Any) -> str:
    """What a `rich` table looks like, 120 letters wide."""
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=120).print(table)
    return text.getvalue().rstrip()
