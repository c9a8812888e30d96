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
Fill = Annotated[float, option(CUES, "The value of hidden pixels.", metavar="X", parser=finite)]
Seed = Annotated[int, option(CUES, "Seed of all random numbers: the same seed, the same result.", min=0, metavar="N")]
T1 = Annotated[
    float,
    option(
        DYNAMICS,
        "End of the simulation, in the unit of the time constants (tau_value is 1); with --dt inf a number of "
        "updates. What comes to rest ends sooner.",
        "--t1",
        metavar="T",
    ),
]
Method = Annotated[
    str,
    option(
        DYNAMICS,
        f"{', '.join(INTEGRATORS)}; or auto: relaxation with dt = 0.1 where its steps are exact, else what suits the "
        "memory.",
        metavar="NAME",
    ),
]
Step = Annotated[
    float | None,
    option(DYNAMICS, "Step in time of the integrator; inf: updates, each population to its limit.", metavar="T"),
]
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
    float,
    option(
        DYNAMICS,
        "Thermal noise, by which states are distributed as exp(-E/T): T has the unit of the energy. Needs "
        "--tau-memory 0.",
        min=0,
        metavar="T",
    ),
]
TimeNoise = Annotated[
    float,
    option(
        DYNAMICS,
        "White noise on the value neurons while they move, dv = ... + SIGMA dW; without a promise of its law.",
        "--noise-in-time",
        min=0,
        metavar="SIGMA",
    ),
]
Library = Annotated[str, option(COMPUTING, "The array library: numpy, jax or torch.", "--backend", metavar="NAME")]
Device = Annotated[
    str | None, option(COMPUTING, "The device, for jax and torch: cpu, gpu, cuda, cuda:1, ...", metavar="NAME")
]
SEARCH = "Search"
Seconds = Annotated[
    float | None,
    option(SEARCH, "End the search after X seconds with what is known, as Ctrl-C does.", metavar="X", parser=finite),
]
Out = Annotated[
    Path,
    option(FILES, "Folder for the files that are written; made if it is not there.", metavar="FOLDER", parser=folder),
]
Json = Annotated[
    bool, option(FILES, "Print the results as JSON and nothing else; files are written all the same.", "--json")
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
        typer.Argument(
            metavar="QUERIES",
            help="Cues, in the same form. Without them, --noise, --mask or --flip makes cues of the patterns.",
        ),
    ] = None
    model: Annotated[
        str,
        option(
            MEMORY,
            f"{', '.join(MODELS)} (`hopfield models` says what they are, `hopfield models NAME` its settings and their "
            "defaults), or the file of a saved memory, which has its own patterns: QUERIES is then the only argument.",
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
            "Time constant of the memory neurons, that of the value neurons being 1; 0: they follow at once.",
            "--tau-memory",
            metavar="T",
            parser=finite,
        ),
    ] = None
    settings: Annotated[
        list[str] | None,
        option(
            MEMORY,
            "A setting of the model, as n=4; may be repeated. `hopfield models NAME` lists them.",
            "--set",
            metavar="NAME=VALUE",
        ),
    ] = None
    binary: Annotated[
        float | None, option(MEMORY, "Make patterns and cues binary: values above X are +1, others -1.", metavar="X")
    ] = None
    noise: Annotated[
        float | None, option(CUES, "Make cues: patterns with Gaussian noise of variance X in each value.", metavar="X")
    ] = None
    mask: Annotated[
        float | None, option(CUES, "Make cues: images whose lowest part X, from 0 to 1, is hidden.", metavar="X")
    ] = None
    fill: Fill = 0.0
    flip: Annotated[
        float | None, option(CUES, "Make cues: patterns of +-1, each value flipped with probability X.", metavar="X")
    ] = None
    cues: Annotated[
        int | None,
        option(
            CUES, "Make N cues: of the first N patterns, or of all in turn where they are fewer.", min=1, metavar="N"
        ),
    ] = None
    seed: Seed = 0
    library: Library = "numpy"
    device: Device = None
    dtype: Annotated[
        str | None, option(COMPUTING, "float32 or float64; without it, as the patterns are.", metavar="NAME")
    ] = None
    patterns_key: Annotated[
        str | None, option(FILES, "Name of the patterns, in a file of several arrays.", metavar="KEY")
    ] = None
    queries_key: Annotated[
        str | None, option(FILES, "Name of the queries, in a file of several arrays.", metavar="KEY")
    ] = None
    shape: Annotated[
        str | None,
        option(FILES, "Sides of one image, where images come as rows: 28x28, or 3x32x32 in colour.", metavar="HxW"),
    ] = None
    stored: Annotated[int | None, option(FILES, "Store only the first N patterns.", min=1, metavar="N")] = None
    scale: Annotated[float, option(FILES, "Divide all patterns and queries by X: 255 for bytes.", metavar="X")] = 1.0
