"""The options that commands share, under the headings of their help."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from ..dynamics.integrators import INTEGRATORS
from ..models._separations import SEPARATIONS
from ..models.measures import SIMILARITIES
from ._inputs import MODELS

MEMORY, CUES, DYNAMICS, COMPUTING, FILES = "Memory", "Cues", "Dynamics", "Computing", "Files"


def option(panel: str, help: str, *names: str, metavar: str | None = None, **settings: Any) -> Any:
    """An option under a heading of the help."""
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar=metavar, **settings)


def folder(name: str | Path) -> Path:
    """A folder to write to, unless it looks like an option whose value was forgotten.

    >>> str(folder("results")), str(folder("./-x"))
    ('results', '-x')
    """
    text = str(name)
    if not text.strip():
        raise typer.BadParameter("it is empty: give the name of a folder, or . for this one.")
    if text.startswith("-") and isinstance(name, str):
        raise typer.BadParameter(f"{text!r} looks like an option. Give a folder; one of that name is written ./{text}.")
    return Path(text)


def finite(text: str | float) -> float:
    """A number that is not NaN and not infinite.

    >>> finite("0.5")
    0.5
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise typer.BadParameter(f"{text!r} is no finite number.")
    return number


SimilarityName = Annotated[
    str | None,
    option(MEMORY, f"How a cue is compared with a pattern: {', '.join(SIMILARITIES)}.", metavar="NAME"),
]
SeparationName = Annotated[
    str | None,
    option(
        MEMORY,
        f"How scores become weights: {', '.join(SEPARATIONS)}; some take a number, polynomial(3).",
        metavar="NAME",
    ),
]
Beta = Annotated[
    float | None, option(MEMORY, "Inverse temperature: scales the scores; a large one picks one pattern.", metavar="X")
]
Fill = Annotated[float, option(CUES, "What stands in hidden pixels.", metavar="X", parser=finite)]
Seed = Annotated[int, option(CUES, "Of every random number.", min=0, metavar="N")]
T1 = Annotated[
    float,
    option(
        DYNAMICS,
        "End time in the units of tau (updates with --dt inf); what is steady ends before.",
        "--t1",
        metavar="T",
    ),
]
Method = Annotated[str, option(DYNAMICS, f"auto (relaxation, dt = 0.1), {', '.join(INTEGRATORS)}.", metavar="NAME")]
Step = Annotated[float | None, option(DYNAMICS, "Its step in time; inf for updates, each to its limit.", metavar="T")]
Current = Annotated[
    Path | None,
    option(
        DYNAMICS,
        "Table of an input current: each row a time, then a column for all neurons or one for each, held from then on.",
        metavar="FILE.csv",
    ),
]
Scheduled = Annotated[
    list[str] | None,
    option(
        DYNAMICS,
        "A number of the memory that changes: from 1 to 20 in 10 is beta=1:20:10; may be repeated.",
        "--schedule",
        metavar="NAME=FROM:TO:TIME",
    ),
]
Temperature = Annotated[
    float, option(DYNAMICS, "Noise of the law exp(-E/T); needs --set tau_memory=0.", min=0, metavar="T")
]
TimeNoise = Annotated[
    float, option(DYNAMICS, "Noise sigma dW on the value neurons.", "--noise-in-time", min=0, metavar="SIGMA")
]
Library = Annotated[str, option(COMPUTING, "What computes: numpy, jax or torch.", "--backend", metavar="NAME")]
Device = Annotated[
    str | None, option(COMPUTING, "Where, for jax and torch: cpu, gpu, cuda, cuda:1, ...", metavar="NAME")
]
SEARCH = "Search"
Seconds = Annotated[
    float | None,
    option(SEARCH, "End the search after this time with what is known, as Ctrl-C does.", metavar="X", parser=finite),
]
Out = Annotated[
    Path, option(FILES, "Folder for what is written; made if it is not there.", metavar="FOLDER", parser=folder)
]
Json = Annotated[
    bool, option(FILES, "Print what was found as JSON, and nothing else; files are written as ever.", "--json")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@dataclasses.dataclass(frozen=True)
class Given:
    """What commands on files of your own are given; `analysis.inputs` makes a memory and cues of it."""

    patterns: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATTERNS",
            help="What is stored: rows (N, D), images (N, H, W) or (N, C, H, W) of a file (.npy, .npz, .csv, .tsv, "
            ".mat), pictures or a folder of them, a data set by name (digits, mnist, ...), or - for the standard "
            "input.",
        ),
    ] = None
    queries: Annotated[
        Path | None,
        typer.Argument(metavar="QUERIES", help="Cues of the same form. Without, --noise, --mask or --flip makes them."),
    ] = None
    model: Annotated[
        str,
        option(
            MEMORY,
            f"{', '.join(MODELS)} (`hopfield models` says what they are), or the file of a saved memory, which has its "
            "own patterns: QUERIES is then the only argument.",
            metavar="NAME",
        ),
    ] = "universal"
    similarity: SimilarityName = None
    separation: SeparationName = None
    beta: Beta = None
    tau_memory: Annotated[
        float | None,
        option(
            MEMORY,
            "Time constant of the memory neurons, in that of the value neurons; 0: they follow at once.",
            "--tau-memory",
            metavar="T",
            parser=finite,
        ),
    ] = None
    settings: Annotated[
        list[str] | None,
        option(
            MEMORY,
            "Of the model, as n=4; may be repeated. `hopfield models NAME` lists them.",
            "--set",
            metavar="NAME=VALUE",
        ),
    ] = None
    binary: Annotated[
        float | None, option(MEMORY, "Values above X are +1, others -1, in patterns and cues.", metavar="X")
    ] = None
    noise: Annotated[float | None, option(CUES, "Patterns with Gaussian noise of this variance.", metavar="X")] = None
    mask: Annotated[float | None, option(CUES, "Images with this part hidden, from the bottom.", metavar="X")] = None
    fill: Fill = 0.0
    flip: Annotated[
        float | None, option(CUES, "Patterns of +-1 with each value flipped with this probability.", metavar="X")
    ] = None
    cues: Annotated[
        int | None,
        option(
            CUES, "N cues, of the first patterns; of each several where there are fewer patterns.", min=1, metavar="N"
        ),
    ] = None
    seed: Seed = 0
    library: Library = "numpy"
    device: Device = None
    dtype: Annotated[
        str | None, option(COMPUTING, "float32 or float64; as the patterns, if not said.", metavar="NAME")
    ] = None
    patterns_key: Annotated[str | None, option(FILES, "The patterns' name in an .npz of several.", metavar="KEY")] = (
        None
    )
    queries_key: Annotated[str | None, option(FILES, "The queries' name in an .npz of several.", metavar="KEY")] = None
    shape: Annotated[
        str | None, option(FILES, "Of one image, where images come as rows: 28x28 or 3x32x32.", metavar="HxW")
    ] = None
    stored: Annotated[int | None, option(FILES, "Store the first N patterns alone.", min=1, metavar="N")] = None
    scale: Annotated[float, option(FILES, "Divide all patterns and queries by this: 255 for bytes.", metavar="X")] = 1.0
