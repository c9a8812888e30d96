"""`hopfield demo`, `hopfield recall`, `hopfield simulate`, `hopfield animate`, `hopfield plot`: a memory at work."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .. import analysis, dynamics
from ..analysis.plots import stored_in
from ..dynamics import backend
from ..models._copies import is_recalled
from ..models.family import nearest
from . import _verdicts
from ._inputs import build_memory, choose_method, image_sides, load_inputs, move_memory
from ._time import changes, noisy_method, stop_of
from .app import command, finish, printed
from .options import (
    CUES,
    DYNAMICS,
    FILES,
    MEMORY,
    T1,
    Beta,
    Current,
    Device,
    Fill,
    Given,
    Library,
    Method,
    Out,
    Scheduled,
    Seed,
    SeparationName,
    SimilarityName,
    Step,
    Temperature,
    TimeNoise,
    finite,
    option,
)


def keep(run: Any, path: Path) -> None:
    """Write a run with its network, which `plot` draws from; without it where it holds code of somebody's own."""
    try:
        run.save(path)
    except TypeError:
        run.save(path, network=False)


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
    pepper: Annotated[
        float, option(CUES, "Part of the pixels that become black or white, at random.", metavar="X")
    ] = 0.5,
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
    """Store handwritten digits, recall them from damaged cues, and check that the energy falls.

    Cues are noisy, half hidden, or have half of their pixels black or white at random.

    Value and memory neurons are simulated until they are steady. A cue is recalled if, of all digits that are
    stored, it ends nearest to its own; **before** counts the cues for which that was so from the start.

    Black in the hidden part (--fill 0) speaks for digits that are dark there, grey (--fill 0.5) for none:
    compare them. Or compare with --similarity euclidean --beta 5.

    **Example:**  hopfield demo --stored 200 --noise 0.2 --out digits
    """
    from ._demo import digits, draw_recalls, recall_corrupted

    random = np.random.default_rng(seed)
    patterns = digits(stored, random)
    memory = move_memory(build_memory("universal", patterns, similarity, separation, beta), library, device)
    method = choose_method(memory, integrator, dt)
    out.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"noise": noise, "hidden": mask, "fill": fill, "pepper": pepper, "cues": cues, "t1": t1}
    recalls = recall_corrupted(memory, **options, integrator=method, seed=random)
    files = [file.name for file in draw_recalls(memory, recalls, out)]
    results = {
        name: {"before": found.before, "summary": found.summary, "statistics": found.trajectory.statistics}
        for name, found in recalls.items()
    }
    before = {name: found.before for name, found in recalls.items()}
    table = analysis.recall_table({name: found.summary for name, found in recalls.items()}, before)
    finish(context, memory, out, files, results, _verdicts.demonstrated(recalls), table)


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

    **Example:**  hopfield recall digits --stored 100 --mask 0.5 --similarity manhattan --beta 2 --steps 20

    With files of your own:  hopfield recall faces.npy blurred.npy --similarity euclidean --beta 5
    """
    memory, cues, targets, shape, patterns, _ = load_inputs(dataclasses.asdict(given))
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    before = None
    projection = getattr(memory, "projection", None)
    if steps == 1:
        answer = memory.recall(cues)
    else:
        result = memory.retrieve(cues, max_steps=steps)
        answer = result.state if projection is None else result.output
        found = {"steps": result.steps, "residual": result.residual, "converged": result.converged}
        found["verdict"] = result.verdict
    host = backend.to_numpy(answer)
    known = patterns if projection is None else projection
    if known is not None:
        known = backend.to_numpy(known)
        holds = projection is None and memory.patterns is not None
        near = nearest(memory if holds else known, answer if holds else host)
        found = {"pattern": near, "distance": np.sqrt(((host - known[near]) ** 2).mean(axis=-1)), **found}
        if targets is not None:
            found["right"] = is_recalled(memory if holds else known, host, near, targets)
            if projection is None:
                start = backend.to_numpy(cues)
                before = is_recalled(
                    memory if holds else known,
                    start,
                    nearest(memory if holds else known, cues if holds else start),
                    targets,
                )
    files = ["recalled.npy"]
    np.save(out / "recalled.npy", host)
    if shape is not None and projection is None and known is not None:
        files.append("recall.png")
        drawn = memory if memory.patterns is not None else known
        analysis.plot_recall(drawn, cues, answer, shape, targets=targets).savefig(out / "recall.png")
    verdict = _verdicts.recalled(len(host), found.get("right"), before, found.get("converged"))
    table = (
        analysis.query_table(found) if found else "The memory does not keep its patterns: recalled.npy has the answers."
    )
    finish(context, memory, out, files, {**found, "state": host}, verdict, table)


@command
def simulate(
    context: typer.Context,
    given: Given,
    t1: T1 = 50.0,
    integrator: Method = "auto",
    dt: Step = None,
    current: Current = None,
    schedule: Scheduled = None,
    temperature: Temperature = 0.0,
    noise_in_time: TimeNoise = 0.0,
    steady: Annotated[bool, option(DYNAMICS, "End a query once it is at rest, or run all to --t1.")] = True,
    saves: Annotated[
        int | None,
        option(FILES, "Save N times, evenly spaced; else every step, up to 512 MiB.", min=2, max=10**6, metavar="N"),
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

    **Example:**  hopfield simulate digits --stored 100 --noise 0.1 --similarity manhattan --beta 2

    With a file of your own:  hopfield simulate faces.npz --patterns-key images --noise 0.1 --beta 5
    """
    memory, cues, targets, shape, patterns, _ = load_inputs(dataclasses.asdict(given))
    changing = changes(memory, t1, current, schedule, temperature, noise_in_time, given.seed)
    usual = "seed" in changing and integrator == "auto"  # the usual method for noise
    method = noisy_method(dt, changing) if usual else choose_method(memory, integrator, dt)
    stop, step = stop_of(method, changing, steady), getattr(method, "dt", 0.01 if usual else 0.1)
    save_at = analysis.times_that_fit(memory, len(cues), t1, step, every_population=save_memory, count=saves)
    if saves is None and save_at is not None:
        typer.echo(f"note: every step would take more than 512 MiB, so {len(save_at)} times are saved.", err=True)
    out.mkdir(parents=True, exist_ok=True)
    run = dynamics.simulate(
        memory,
        cues,
        t1=t1,
        integrator=method,
        stop=stop,
        save_at=save_at,
        save="all" if save_memory else None,
        progress=progress,
        **changing,
    )
    keep(run, out / "trajectory.npz")
    stored = memory if memory.patterns is not None else patterns
    target, end = None if targets is None else int(targets[0]), next(iter(run.activations.values()))[-1]
    figures: dict[str, Any] = {
        "energy.png": analysis.plot_energy(run).figure,
        "overlaps.png": analysis.plot_overlaps(stored, run, target=target, title="query 0").figure,
    }
    if shape is not None:
        figures["recall.png"] = analysis.plot_recall(stored, cues, end, shape, targets=targets)
    for name, figure in figures.items():
        figure.savefig(out / name)
    found = analysis.summarise(stored, run, targets)
    each = {"pattern": found.nearest, "steps": run.steps, "residual": run.residual, "converged": run.converged}
    if targets is not None:
        each["right"] = is_recalled(stored, end, found.nearest, targets)
    tables = analysis.query_table(each), analysis.recall_table({"all": found})
    results = {**each, "summary": found, "statistics": run.statistics}
    ended = _verdicts.recalled(len(cues), each.get("right"), None, each["converged"])
    verdict = f"{ended} {_verdicts.fell([found.lyapunov])}"
    finish(context, memory, out, ["trajectory.npz", *figures], results, verdict, *tables)


@command
def models(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Show the settings of this one.")] = None,
) -> None:
    """List the memories: their rule, capacity and source; or the settings of one.

    Their names go to --model, their settings to --set.

    **Example:**  hopfield models dense
    """
    from ._models import one_model, the_models

    found, *parts = the_models() if name is None else one_model(name)
    printed(context, found, *parts)


@command
def animate(
    context: typer.Context,
    given: Given,
    query: Annotated[int, option(CUES, "Which of the queries, counted from 0.", min=0, metavar="N")] = 0,
    t1: T1 = 10.0,
    integrator: Method = "auto",
    dt: Step = None,
    form: Annotated[str, option(FILES, "gif, or mp4 where ffmpeg is installed.", "--format", metavar="NAME")] = "gif",
    seconds: Annotated[float, option(FILES, "Length of the film in seconds.", metavar="X", parser=finite)] = 4.0,
    fps: Annotated[int, option(FILES, "Frames in a second.", min=1, max=60, metavar="N")] = 15,
    dark: Annotated[bool, option(FILES, "Light lines on dark paper.", "--dark")] = False,
    out: Out = Path("hopfield-animation"),
) -> None:
    """Show one query being recalled as a moving picture: its state, its overlaps with the patterns, and its energy.

    Writes animation.gif (or .mp4), trajectory.npz and report.json. A query that is steady ends before --t1.

    **Example:**  hopfield animate digits --stored 100 --noise 0.1 --similarity euclidean --beta 5 --query 3
    """
    memory, cues, targets, shape, patterns, _ = load_inputs(dataclasses.asdict(given))
    method = choose_method(memory, integrator, dt)
    if query >= len(cues):
        raise ValueError(f"There is no query {query}: there are {len(cues)}, counted from 0.")
    if form not in ("gif", "mp4"):
        raise ValueError(f"--format is gif or mp4, got {form!r}.")
    out.mkdir(parents=True, exist_ok=True)
    stop = stop_of(method, {}, True)
    run = dynamics.simulate(memory, cues[query], t1=t1, integrator=method, stop=stop, progress=True)
    stored = memory if memory.patterns is not None else patterns
    name = f"animation.{form}"
    analysis.animate(run, out / name, shape=shape, memory=stored, seconds=seconds, fps=fps, dark=dark, progress=True)
    keep(run, out / "trajectory.npz")
    found = analysis.summarise(stored, run, None if targets is None else targets[query])
    results = {"query": query, "summary": found, "statistics": run.statistics}
    steady = "steady" if bool(run.converged) else "not steady yet"
    where = f"Query {query} goes to pattern {int(np.reshape(found.nearest, -1)[0])}"
    verdict = f"{where}, and is {steady} at t={float(np.max(run.reached)):g}."
    finish(context, memory, out, [name, "trajectory.npz"], results, verdict)


@command
def plot(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A trajectory.npz that simulate or animate wrote.")],
    sample: Annotated[int, option(FILES, "Which sample's overlaps are drawn, counted from 0.", min=0, metavar="N")] = 0,
    relative: Annotated[
        bool, option(FILES, "The energy above the lowest, on a logarithmic scale.", "--relative")
    ] = False,
    shape: Annotated[
        str | None, option(FILES, "Sides of one image, 28x28 or 3x32x32: draws recall.png too.", metavar="HxW")
    ] = None,
    out: Out = Path("hopfield-plot"),
) -> None:
    """Draw a run that was saved: its energy, its overlaps with the stored patterns and, for images, what was recalled.

    Writes energy.png, overlaps.png (of one sample), recall.png with --shape, and report.json. First write a run, as the
    example of `hopfield simulate --help` does.

    **Example:**  hopfield plot hopfield-simulation/trajectory.npz --sample 3 --shape 8x8
    """
    found, sides = dynamics.Trajectory.load(run), image_sides(shape)
    patterns = stored_in(found)
    if patterns is None and sides is not None:
        raise ValueError("The network of this run holds no patterns to draw images beside: leave out --shape.")
    out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"energy.png": analysis.plot_energy(found, relative=relative).figure}
    if patterns is not None:
        figures["overlaps.png"] = analysis.plot_overlaps(patterns, found, sample, title=f"query {sample}").figure
    if sides is not None:
        first, last = (x.reshape(-1, x.shape[-1]) for x in next(iter(found.activations.values()))[[0, -1]])
        figures["recall.png"] = analysis.plot_recall(patterns, first, last, sides)
    for name, figure in figures.items():
        figure.savefig(out / name)
    count = int(np.size(found.converged))
    ends = f"from t={np.min(found.times):g} to {np.max(found.times):g}"
    verdict = f"{count} queries {ends}, {np.sum(found.converged)} of them steady."
    finish(context, found, out, [*figures], {"queries": count, "steady": int(np.sum(found.converged))}, verdict)
