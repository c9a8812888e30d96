"""`hopfield capacity`, `robustness`, `reproduce`: experiments on how much a memory holds."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import analysis
from ..analysis.experiments import FIGURES, READINGS, READOUTS, Unfinished
from ..data import CUES as KINDS
from .app import command, printed
from .options import COMPUTING, CUES, FILES, MEMORY, Out, Seed, option

EXPERIMENT = "Experiment"

Data = Annotated[
    str,
    option(
        FILES,
        "What is stored: digits, mnist, fashion_mnist, cifar10, tiny_imagenet (looked for in the folder that the "
        "variable HOPFIELD_DATA names), or a file or folder of images.",
        metavar="NAME",
    ),
]
Similarities = Annotated[
    str,
    option(MEMORY, "One or several with commas: manhattan,cosine,normalised(dot).", "--similarity", metavar="NAMES"),
]
Separations = Annotated[
    str, option(MEMORY, "One or several: max,softmax(100),polynomial(10).", "--separation", metavar="NAMES")
]
Criteria = Annotated[
    str,
    option(
        EXPERIMENT,
        "What counts as recalled: nearest (to its own image), exact, or 'error < 50' (sum of the squared differences), "
        "which may grow with the number of values D: 'error < 50*D/784'.",
        metavar="NAMES",
    ),
]
Cue = Annotated[str, option(CUES, f"How cues are damaged: {', '.join(KINDS)}.", metavar="NAME")]
Runs = Annotated[
    int,
    option(EXPERIMENT, "How many disjoint sets of stored images; shown are mean and deviation.", min=1, metavar="N"),
]
Jobs = Annotated[int, option(COMPUTING, "How many processes work at once.", min=1, metavar="N")]
Shard = Annotated[
    str | None,
    option(
        COMPUTING,
        "The I-th of N parts alone, as 2/8: for the jobs of an array that write to one folder. The last to end writes "
        "the table and the picture.",
        metavar="I/N",
    ),
]
Readout = Annotated[
    str,
    option(MEMORY, f"What answers: {', '.join(READOUTS)} (one shot, one update, iterated, in time).", metavar="NAME"),
]


def listed(text: str) -> list[str]:
    """A text cut at the commas outside brackets.

    >>> listed("dot, normalised(kl, 0.01)")
    ['dot', 'normalised(kl, 0.01)']
    """
    return [part.strip() for part in re.split(r",(?![^()]*\))", text) if part.strip()]


def numbers(name: str, text: str) -> list[float]:
    """A list of numbers with commas.

    >>> numbers("--sizes", "2,10,100")
    [2.0, 10.0, 100.0]
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{name} is a list of numbers with commas, as 10,100,1000; got {text!r}.") from None


def part(text: str | None) -> tuple[int, int] | None:
    """A shard from its text.

    >>> part("2/8"), part(None)
    ((2, 8), None)
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if found is None:
        raise ValueError(f"--shard is I/N, the I-th of N parts, such as 2/8; got {text!r}.")
    return int(found[1]), int(found[2])


@contextlib.contextmanager
def shards() -> Iterator[None]:
    """End in one sentence where the cells of other shards are missing."""
    try:
        yield
    except Unfinished as error:
        typer.echo(str(error))
        raise typer.Exit from None


def report(context: typer.Context, found: Any, kind: str, out: Path) -> None:
    """The picture and the table of a sweep, printed and written."""
    drawn: Any = analysis.plot_sweep(found).figure
    drawn.savefig(out / f"{kind}.png", bbox_inches="tight")
    (out / f"{kind}.txt").write_text(found.table() + "\n", encoding="utf-8")
    head = f"{found.data}, {found.cue}, {found.runs} runs: fraction recalled"
    files = f"Written to {out}: {kind}.png, {kind}.txt, cells.jsonl (run again, it goes on from there)"
    printed(context, found, head, found.table(), files, wide=True)


@command
def capacity(
    context: typer.Context,
    data: Data = "digits",
    similarity: Similarities = "manhattan,euclidean,cosine,dot",
    separation: Separations = "max",
    sizes: Annotated[
        str, option(EXPERIMENT, "How many images are stored: one or several numbers.", metavar="LIST")
    ] = "2,5,10,20,50,100",
    cue: Cue = "clipped noise",
    level: Annotated[
        float, option(CUES, "How strong the damage is: a variance (noise) or a fraction.", metavar="X")
    ] = 0.5,
    criterion: Criteria = "nearest",
    readout: Readout = "recall",
    runs: Runs = 5,
    seed: Seed = 0,
    jobs: Jobs = 1,
    shard: Shard = None,
    out: Out = Path("hopfield-capacity"),
) -> None:
    """The fraction of corrupted cues that recall their image, against the number of images stored.

    Every finished cell is saved at once in cells.jsonl: a command that was interrupted goes on where it was.

    **Example:**  hopfield capacity --similarity manhattan,cosine --sizes 10,100,300

    With CIFAR-10, which is fetched once:  hopfield capacity --data cifar10 --sizes 10,100,1000 --runs 3
    """
    chosen = numbers("--sizes", sizes)
    if not all(size.is_integer() for size in chosen):
        raise ValueError(f"--sizes are whole numbers with commas, as 10,100,1000; got {sizes!r}.")
    with shards():
        found = analysis.capacity(
            data,
            listed(similarity),
            listed(separation),
            sizes=[int(size) for size in chosen],
            cue=cue,
            level=level,
            runs=runs,
            criteria=listed(criterion),
            seed=seed,
            out=out / "cells.jsonl",
            jobs=jobs,
            shard=part(shard),
            readout=readout,
            progress=True,
        )
    report(context, found, "capacity", out)


@command
def robustness(
    context: typer.Context,
    data: Data = "digits",
    similarity: Similarities = "manhattan,euclidean,cosine,dot",
    separation: Separations = "max",
    levels: Annotated[
        str, option(CUES, "How strong the damage is: variances (noise) or fractions.", metavar="LIST")
    ] = "0.1,0.3,0.5,0.7,0.9",
    cue: Cue = "mask top",
    size: Annotated[int, option(EXPERIMENT, "How many patterns are stored.", min=1, metavar="N")] = 100,
    criterion: Criteria = "nearest",
    readout: Readout = "recall",
    runs: Runs = 5,
    seed: Seed = 0,
    jobs: Jobs = 1,
    shard: Shard = None,
    out: Out = Path("hopfield-robustness"),
) -> None:
    """The fraction of cues that recall their image, against how much they are corrupted.

    **Example:**  hopfield robustness --cue "clipped noise" --levels 0.05,0.1,0.2,0.5,1 --size 200
    """
    with shards():
        found = analysis.robustness(
            data,
            listed(similarity),
            listed(separation),
            levels=numbers("--levels", levels),
            cue=cue,
            size=size,
            runs=runs,
            criteria=listed(criterion),
            seed=seed,
            out=out / "cells.jsonl",
            jobs=jobs,
            shard=part(shard),
            readout=readout,
            progress=True,
        )
    report(context, found, "robustness", out)


@command
def reproduce(
    context: typer.Context,
    figure: Annotated[
        str,
        typer.Argument(
            metavar="FIGURE", help=f"fig{', fig'.join(map(str, sorted([*FIGURES, 9])))}, or all (but fig9)."
        ),
    ],
    reading: Annotated[
        str, option(EXPERIMENT, f"One or several of {', '.join(READINGS)}; all of them unless said.", metavar="NAMES")
    ] = ",".join(READINGS),
    data: Annotated[
        str | None,
        option(
            FILES,
            "What is stored instead of the paper's data sets: a name or a path. For fig9 a text, or two with a comma, "
            "of which the second is held out.",
            metavar="NAME",
        ),
    ] = None,
    runs: Annotated[
        int | None, option(EXPERIMENT, "How many disjoint sets; without it, as the reading says.", min=1, metavar="N")
    ] = None,
    quick: Annotated[bool, option(EXPERIMENT, "Small digits and few runs: seconds.", "--quick")] = False,
    seed: Seed = 0,
    jobs: Jobs = 1,
    shard: Shard = None,
    out: Out = Path("hopfield-paper"),
) -> None:
    """Redo a figure of Millidge et al. 2022 as its code, its text, and a fair comparison have it.

    **code** is what the published code computes, **text** what the paper says, **fair** what should be compared.
    Tables, pictures and finished cells go to --out; a command that was interrupted goes on where it was.

    **Example:**  hopfield reproduce fig2 --reading code,text --quick
    """
    given = listed(data) if data is not None and figure.strip().endswith("9") else data
    with shards():
        options: dict[str, Any] = {"seed": seed, "jobs": jobs, "shard": part(shard), "progress": True}
        found = analysis.reproduce(figure, listed(reading), data=given, runs=runs, quick=quick, out=out, **options)
    tables = [text for one in found for text in (one.table(), "")]
    tables.append(f"Written to {out}: {', '.join(sorted(file.name for file in out.iterdir() if file.name[0] != '.'))}")
    printed(context, found, *tables, wide=True)
