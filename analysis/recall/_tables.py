"""Tables for the terminal: a row for each simulation, a row for each query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked
from .. import _declared as declared
from ..flow import check_counts
from ._summary import RecallSummary

if TYPE_CHECKING:
    from rich.table import Table


def recall_table(summaries: Mapping[str, RecallSummary], before: Mapping[str, int] | None = None) -> Table:
    r"""A row for each simulation: what was recalled, how long it took, and whether the energy fell.

    Parameters
    ----------
    summaries : dict of RecallSummary
        By the name of the row.
    before : dict of int, optional
        How many cues were nearest to their pattern before anything moved.

    Returns
    -------
    rich.table.Table
        For ``rich.console.Console().print``.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield import ModernHopfield, simulate
    >>> from hopfield.analysis import summarise
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> found = summarise(memory, simulate(memory, np.eye(3) + 0.1, t1=20, stop="steady"), targets=[0, 1, 2])
    >>> recall_table({"raised": found}, {"raised": 3}).row_count
    1
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    for what, given in (("summaries", summaries), ("before", {} if before is None else before)):
        if not isinstance(given, Mapping):
            raise TypeError(f"{what} must be a dict by the name of the row, got {type(given).__name__}.")
    if strange := [name for name, found in summaries.items() if not isinstance(found, RecallSummary)]:
        raise TypeError(f"recall_table takes what summarise returns, by name; {strange[0]!r} is something else.")
    if before and (missing := [name for name in summaries if name not in before]):
        raise ValueError(f"before has no number for {', '.join(map(repr, missing))}.")
    sizes = {found.samples for found in summaries.values()}
    same = f"of {sizes.pop()} cues" if len(sizes) == 1 else ""
    caption = "steps: median, largest; residual, and rise of E in one step: largest"
    table = Table(caption=caption, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption_justify="left")
    targeted = any(found.recalled is not None for found in summaries.values())
    table.add_column(same or "cues")
    for name in ("before", "recalled", "steps", "residual", "steady", "rise", "energy\nfalls"):
        if (before or name != "before") and (targeted or name != "recalled"):
            table.add_column(name, justify="right", no_wrap=True)
    for name, found in summaries.items():
        of = "" if same else f"/{found.samples}"
        rise = max(found.lyapunov.max_increase, 0.0)
        row: list[str | Text] = [name]
        row += [f"{before[name]}{of}"] if before else []
        row += [Text("" if found.recalled is None else f"{found.recalled}{of}", style="bold")] if targeted else []
        row += [f"{found.steps_median:g}, {found.steps_max}", f"{found.residual:.1e}", f"{found.converged}{of}"]
        row += [f"{rise:.1e}" if rise else "0"]
        row += [Text("yes", "green") if found.lyapunov.holds else Text(f"NO: {found.lyapunov.cause}", "bold red")]
        table.add_row(*row)
    return table


@checked(**declared.QUERY_TABLE)
def query_table(fields: Mapping[str, Any], most: int = 10) -> Table:
    r"""A row for each query, of the fields that are given; the first `most` of them.

    Parameters
    ----------
    fields : dict of arrays (B,)
        By the name of the column.
    most : int
        Rows that are shown; the caption says how many there are.

    Returns
    -------
    rich.table.Table
        For ``rich.console.Console().print``.

    Examples
    --------
    >>> query_table({"pattern": [3, 1, 4, 1, 5], "right": [True, True, False, True, True]}, most=3).caption
    '3 of 5 queries; right 4'
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    check_counts(most=(most, 0))
    if not isinstance(fields, Mapping):
        raise TypeError(f"fields must be a dict of arrays by the name of the column, got {type(fields).__name__}.")
    columns = {
        name: (backend.to_numpy(values) if backend.is_array(values) else np.asarray(values)).reshape(-1)
        for name, values in fields.items()
    }
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"Every field must have one value for each query, and there must be one field: got {lengths}.")
    count = next(iter(lengths.values()))
    parts = [
        f"{min(most, count)} of {count} queries",
        *(f"{n} {x.sum()}" for n, x in columns.items() if x.dtype == bool),
    ]
    table = Table(
        caption="; ".join(parts), box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption_justify="left"
    )
    for name in ("query", *columns):
        table.add_column(name, justify="right")
    for k in range(min(count, most)):
        table.add_row(str(k), *(_cell(values[k]) for values in columns.values()))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, np.bool_):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, np.floating) else str(value)
