"""The terminal face: `hopfield demo`, `hopfield recall`, `hopfield simulate`.

A command reads options and files, asks the library, and says where it wrote what; everything that can be said
about a memory is computed in `analysis`, and what is heavy is imported where it is used.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from . import __version__, analysis, dynamics
from .analysis.inputs import build_memory, choose_method, load_inputs, move_memory
from .dynamics import SimulationError, backend
from .dynamics.integrators import INTEGRATORS, Integrator
from .models import AssociativeMemory, Euclidean
from .models.retrieval import nearest
from .models.separation import SEPARATIONS
from .models.similarity import SIMILARITIES

app = typer.Typer(
    help="Simulate energy-based memory networks: store patterns, follow how a cue is recalled, see the energy fall.",
    epilog="Start with:  hopfield demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)

MEMORY, CUES, DYNAMICS, COMPUTING, FILES = "Memory", "Cues", "Dynamics", "Computing", "Files"


def option(panel: str, help: str, *names: str, metavar: str | None = None, **settings: Any) -> Any:
    """An option under a heading of the help."""
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar=metavar, **settings)


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
Fill = Annotated[float, option(CUES, "What stands in hidden pixels.", metavar="X")]
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
Library = Annotated[str, option(COMPUTING, "What computes: numpy, jax or torch.", "--backend", metavar="NAME")]
Device = Annotated[
    str | None, option(COMPUTING, "Where, for jax and torch: cpu, gpu, cuda, cuda:1, ...", metavar="NAME")
]
Out = Annotated[Path, option(FILES, "Folder for what is written; made if it is not there.", metavar="FOLDER")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@dataclasses.dataclass(frozen=True)
class Given:
    """What commands on files of your own are given; `analysis.inputs` makes a memory and cues of it."""

    patterns: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATTERNS", help="What is stored, .npy or .npz: rows (N, D), images (N, H, W) or (N, C, H, W)."
        ),
    ] = None
    queries: Annotated[
        Path | None,
        typer.Argument(metavar="QUERIES", help="Cues of the same form. Without, --noise or --mask makes them."),
    ] = None
    model: Annotated[
        str,
        option(
            MEMORY,
            "universal, modern (dot and softmax), or the file of a saved memory, which has its own patterns: QUERIES "
            "is then the only argument.",
            metavar="NAME",
        ),
    ] = "universal"
    similarity: SimilarityName = None
    separation: SeparationName = None
    beta: Beta = None
    noise: Annotated[float | None, option(CUES, "Patterns with Gaussian noise of this variance.", metavar="X")] = None
    mask: Annotated[float | None, option(CUES, "Images with this part hidden, from the bottom.", metavar="X")] = None
    fill: Fill = 0.0
    cues: Annotated[int | None, option(CUES, "Of the first N patterns alone.", min=1, metavar="N")] = None
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
    scale: Annotated[float, option(FILES, "Divide all patterns and queries by this: 255 for bytes.", metavar="X")] = 1.0


# -------------------------------------------------------------------------------------------------- the commands


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
    app(prog_name="hopfield")


def command(function: Callable[..., None]) -> Callable[..., None]:
    """A command of the app: options of `Given` unfold, bad input is one line and exit code 2, warnings are notes.

    `function` takes a context, and a `Given` called ``given`` if it works on files.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    own = [p.replace(annotation=hints[p.name]) for p in inspect.signature(function).parameters.values()]
    takes_files = "given" in hints
    known = typing.get_type_hints(Given, include_extras=True) if takes_files else {}
    fields = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=known[field.name]
        )
        for field in (dataclasses.fields(Given) if takes_files else ())
    ]
    debugs = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug)
    rest = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p.name != "given"]

    def run(**options: Any) -> None:
        debug = options.pop("debug")
        if takes_files:
            options["given"] = Given(**{field.name: options.pop(field.name) for field in fields})
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_, **__: typer.echo(f"note: {message}", err=True)
            try:
                function(**options)
            except (ValueError, TypeError, ImportError, OSError, MemoryError, SimulationError) as error:
                if debug:
                    raise
                typer.echo(f"error: {' '.join(str(error).split()) or type(error).__name__}", err=True)
                raise typer.Exit(2) from None

    parameters = [*rest[:1], *fields, *rest[1:], debugs]
    run.__signature__ = inspect.Signature(parameters)
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__ = function.__doc__
    app.command(function.__name__.replace("_", "-"))(run)
    return function


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hopfield {__version__}")
        raise typer.Exit


@app.callback()
def _face(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version.")
    ] = False,
) -> None:
    pass


@command
def demo(
    context: typer.Context,
    stored: Annotated[
        int, option(MEMORY, "How many digits are stored, up to 1797.", min=1, max=1797, metavar="N")
    ] = 100,
    cues: Annotated[int, option(CUES, "How many of them are cued, at most.", min=1, metavar="N")] = 100,
    noise: Annotated[float, option(CUES, "Variance of the noise; pixels are from 0 to 1.", metavar="X")] = 0.1,
    mask: Annotated[float, option(CUES, "Part of the image that is hidden, from the bottom.", metavar="X")] = 0.5,
    fill: Fill = 0.0,
    similarity: SimilarityName = "manhattan",
    separation: SeparationName = "softmax",
    beta: Beta = 2.0,
    library: Library = "numpy",
    device: Device = None,
    t1: T1 = 50.0,
    integrator: Method = "auto",
    dt: Step = None,
    seed: Seed = 0,
    out: Out = Path("hopfield-demo"),
) -> None:
    """Store handwritten digits, recall them from noisy and half-hidden cues, and check that the energy falls.

    Value and memory neurons are simulated until they are steady. A cue is recalled if, of all digits that are
    stored, it ends nearest to its own; **before** counts the cues for which that was so from the start.

    Black in the hidden part (--fill 0) speaks for digits that are dark there, grey (--fill 0.5) for none:
    compare them. Or compare with --similarity euclidean --beta 5.

    **Example:**  hopfield demo --stored 200 --noise 0.2 --out digits
    """
    from .analysis.demo import digits, draw_recalls, recall_corrupted

    random = np.random.default_rng(seed)
    patterns = digits(stored, random)
    memory = move_memory(build_memory("universal", patterns, similarity, separation, beta), library, device)
    method = choose_method(memory, integrator, dt)
    out.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"noise": noise, "hidden": mask, "fill": fill, "cues": cues, "t1": t1}
    recalls = recall_corrupted(memory, **options, integrator=method, seed=random)
    files = [file.name for file in draw_recalls(memory, recalls, out)]
    results = {
        name: {"before": found.before, "summary": found.summary, "statistics": found.trajectory.statistics}
        for name, found in recalls.items()
    }
    before = {name: found.before for name, found in recalls.items()}
    table = analysis.recall_table({name: found.summary for name, found in recalls.items()}, before)
    finish(context, memory, out, files, results, table)


@command
def recall(
    context: typer.Context,
    given: Given,
    steps: Annotated[
        int,
        option(
            DYNAMICS,
            "1: one application of the rule, P^T sep(sim(M, q)). More: at most N updates of the dynamics (dt = inf), "
            "until the state moves no more.",
            min=1,
            metavar="N",
        ),
    ] = 1,
    out: Out = Path("hopfield-recall"),
) -> None:
    """Apply a memory to queries, once or until nothing moves.

    Writes recalled.npy, report.json (with the pattern nearest to each answer) and, for images, recall.png.

    **Example:**  hopfield recall faces.npy blurred.npy --similarity euclidean --beta 5 --steps 20
    """
    memory, cues, targets, shape = load_inputs(dataclasses.asdict(given))
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    if steps == 1:
        answer = memory.recall(cues)
    else:
        result = memory.retrieve(cues, max_steps=steps)
        answer = result.state if result.output is None else result.output
        found = {"steps": result.steps, "residual": result.residual, "converged": result.converged}
    host = backend.to_numpy(answer)
    if memory.projection is None:
        known, near = backend.to_numpy(memory.memories), nearest(memory, answer)
    else:
        known = backend.to_numpy(memory.projection)
        near = Euclidean().scores(known, host).argmax(axis=-1)
    found = {"pattern": near, "distance": np.sqrt(((host - known[near]) ** 2).mean(axis=-1)), **found}
    if targets is not None:
        found["right"] = near == targets
    files = ["recalled.npy"]
    np.save(out / "recalled.npy", host)
    if shape is not None and memory.projection is None:
        files.append("recall.png")
        analysis.plot_recall(memory, cues, answer, shape, targets=targets).savefig(out / "recall.png")
    finish(context, memory, out, files, found, analysis.query_table(found))


@command
def simulate(
    context: typer.Context,
    given: Given,
    t1: T1 = 50.0,
    integrator: Method = "auto",
    dt: Step = None,
    steady: Annotated[bool, option(DYNAMICS, "End a query once it is steady, or run all to --t1.")] = True,
    saves: Annotated[
        int | None, option(FILES, "Save N times, evenly spaced; else every step, up to 512 MiB.", min=2, metavar="N")
    ] = None,
    save_memory: Annotated[
        bool, option(FILES, "Save the memory neurons too, one for each stored pattern.", "--save-memory")
    ] = False,
    progress: Annotated[bool, option(DYNAMICS, "A bar on a terminal; in a pipe there is none.")] = True,
    out: Out = Path("hopfield-simulation"),
) -> None:
    """Follow value and memory neurons through time, from each query.

    Writes trajectory.npz (times, energy, value, ...), energy.png, overlaps.png (of query 0), report.json and, for
    images, recall.png.

    **Example:**  hopfield simulate digits.npz --patterns-key images --noise 0.1 --similarity manhattan --beta 2
    """
    memory, cues, targets, shape = load_inputs(dataclasses.asdict(given))
    method = choose_method(memory, integrator, dt)
    step = getattr(method, "dt", 0.1)
    save_at = analysis.times_that_fit(memory, len(cues), t1, step, every_population=save_memory, count=saves)
    if saves is None and save_at is not None:
        typer.echo(f"note: every step would take more than 512 MiB, so {len(save_at)} times are saved.", err=True)
    out.mkdir(parents=True, exist_ok=True)
    run = dynamics.simulate(
        memory,
        cues,
        t1=t1,
        integrator=method,
        stop="steady" if steady and isinstance(method, Integrator) else None,
        save_at=save_at,
        save="all" if save_memory else None,
        progress=progress,
    )
    analysis.save_trajectory(out / "trajectory.npz", run)
    target, end = None if targets is None else int(targets[0]), run.activations["value"][-1]
    figures: dict[str, Any] = {
        "energy.png": analysis.plot_energy(run).figure,
        "overlaps.png": analysis.plot_overlaps(memory, run, target=target, title="query 0").figure,
    }
    if shape is not None:
        figures["recall.png"] = analysis.plot_recall(memory, cues, end, shape, targets=targets)
    for name, figure in figures.items():
        figure.savefig(out / name)
    found = analysis.summarise(memory, run, targets)
    each = {"pattern": found.nearest, "steps": run.steps, "residual": run.residual, "converged": run.converged}
    if targets is not None:
        each["right"] = found.nearest == targets
    tables = analysis.query_table(each), analysis.recall_table({"all": found})
    results = {"summary": found, "statistics": run.statistics}
    finish(context, memory, out, ["trajectory.npz", *figures], results, *tables)


def finish(
    context: typer.Context, memory: AssociativeMemory, out: Path, files: list[str], results: Any, *tables: Any
) -> None:
    """Write report.json (what was asked for, versions, what was found), print the tables, and say what is where."""
    from rich.console import Console

    settings = {"command": context.info_name, "memory": repr(memory), **context.params}
    analysis.write_report(out / "report.json", settings, results)
    console = Console(highlight=False)
    for part in (repr(memory), *tables):
        console.print(part)
    console.print(f"Written to {out}: {', '.join([*files, 'report.json'])}", soft_wrap=True)
