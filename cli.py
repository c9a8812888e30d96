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

ORDER = ("demo", "recall", "simulate", "models", "lyapunov", "fixed-points", "basins", "landscape", "beta")
ORDER += ("bifurcation", "explore")
app.registered_commands.sort(key=lambda known: (*ORDER, known.name).index(known.name))  # in --help


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
