"""`hopfield explore`: the page in the browser."""

from __future__ import annotations

import math
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..data import flatten_images
from ..dynamics.doors import warn
from ._files import read
from .app import command
from .options import option

PAGE = "Page"
MOST_PATTERNS = 2000
MOST_VALUES = 2**12  # of one pattern that is drawn


@command
def explore(
    context: typer.Context,
    patterns: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATTERNS",
            help="What is stored: points (N, 2), rows (N, D) or images (N, H, W), of any file or data set that "
            "`hopfield recall --help` names. Without them: a few points, and digits.",
        ),
    ] = None,
    port: Annotated[int, option(PAGE, "Port of the server; 0 takes a free one.", min=0, max=65535, metavar="N")] = 0,
    browser: Annotated[bool, option(PAGE, "Open the page in a browser, or only print its address.")] = True,
) -> None:
    """Open a page where you move a cue and see its way, the basins and the energy.

    The page runs in the browser and asks this program about fixed points, basins and radii. It is served to this
    machine alone, loads nothing from elsewhere, and ends with Ctrl-C.

    **Example:**  hopfield explore digits --no-browser
    """
    from ..explore import Server

    model = None if patterns is None else stored(patterns)
    try:
        server = Server(model, port)
    except OSError as error:
        raise ValueError(
            f"Port {port} cannot be opened ({error.strerror or error}): another program may use it. Give --port 0 for "
            "one that is free."
        ) from None
    with server:
        typer.echo(f"{server.url}  (Ctrl-C ends it)")
        if browser and not webbrowser.open(server.url):
            typer.echo("note: no browser could be opened; open the address in one", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("")


def stored(path: Path) -> dict[str, Any]:
    """What the page stores of a file: its rows as lists, the shape of an image, and names.

    >>> import numpy as np
    >>> np.save("two.npy", np.eye(4).reshape(4, 2, 2))
    >>> stored(Path("two.npy"))["shape"]
    [2, 2]
    """
    rows, known = flatten_images(np.asarray(read(path), dtype=float))
    if not np.isfinite(rows).all():
        raise ValueError(f"{int((~np.isfinite(rows)).sum())} values of {path} are NaN or infinite.")
    if len(known or ()) > 2:
        raise ValueError(f"The page draws grey images (N, H, W), not images of {known}: give one channel.")
    if rows.shape[1] > MOST_VALUES or len(rows) > MOST_PATTERNS:
        raise ValueError(f"The page draws at most {MOST_PATTERNS} patterns of {MOST_VALUES} values, got {rows.shape}.")
    shape = known
    if shape is None and rows.shape[1] > 2:
        side = math.isqrt(rows.shape[1])
        shape = (side, side) if side * side == rows.shape[1] else (1, rows.shape[1])
    if rows.shape[1] != 2 and not 0 <= rows.min() <= rows.max() <= 1:
        low, span = rows.min(), np.ptp(rows) or 1.0
        warn(f"The page draws values from 0 to 1: here (x - {low:g})/{span:g} stands for x.")
        rows = (rows - low) / span
    return {
        "patterns": rows.tolist(),
        "shape": shape and list(shape),
        "names": [f"pattern {i}" for i in range(len(rows))],
    }
