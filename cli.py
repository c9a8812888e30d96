"""The terminal face: the program `hopfield`.

A command reads options and files, asks the library, and says where it wrote what; everything that can be said
about a memory is computed in `analysis`, and what is heavy is imported where it is used.
"""

from __future__ import annotations

import io
import sys

from .commands import analysis, explore, memory, paper, temperature
from .commands.app import app

__all__ = ["analysis", "app", "explore", "main", "memory", "paper", "temperature"]

PANELS = {  # of --help, in this order
    "Store and recall": ("demo", "recall", "simulate", "explore", "animate", "plot", "models"),
    "Ask about a memory": ("lyapunov", "fixed-points", "basins", "landscape", "rates", "beta", "bifurcation"),
    "Experiments": ("capacity", "robustness", "reproduce"),
}
ORDER = [name for names in PANELS.values() for name in names]
app.registered_commands.sort(key=lambda known: ORDER.index(str(known.name)))
for _known in app.registered_commands:
    _known.rich_help_panel = next(title for title, names in PANELS.items() if _known.name in names)


def main() -> None:
    """Run the command line, as the program `hopfield` does.

    >>> from unittest.mock import patch
    >>> with patch("sys.argv", ["hopfield", "--version"]):
    ...     try:
    ...         main()
    ...     except SystemExit as leave:
    ...         print("exit code", leave.code)
    hopfield 0...
    exit code 0
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal that has no sigma, or a name that is no text, ends no run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="hopfield")
