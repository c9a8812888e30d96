"""`hopfield demo`, `hopfield recall`, `hopfield simulate`: a memory at work."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .. import analysis, dynamics
from ..dynamics import backend
from ..models._copies import is_recalled
from ..models.family import nearest
from ._inputs import build_memory, choose_method, load_inputs, move_memory
from ._time import changes, noisy_method, stop_of
from .app import command, finish
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
    option,
)


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
    from ._demo import digits, draw_recalls, recall_corrupted

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
    memory, cues, targets, shape, patterns, _ = load_inputs(dataclasses.asdict(given))
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
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
    files = ["recalled.npy"]
    np.save(out / "recalled.npy", host)
    if shape is not None and projection is None and known is not None:
        files.append("recall.png")
        drawn = memory if memory.patterns is not None else known
        analysis.plot_recall(drawn, cues, answer, shape, targets=targets).savefig(out / "recall.png")
    finish(context, memory, out, files, found, analysis.query_table(found))


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
    steady: Annotated[bool, option(DYNAMICS, "End a query once it is steady, or run all to --t1.")] = True,
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

    **Example:**  hopfield simulate digits.npz --patterns-key images --noise 0.1 --similarity manhattan --beta 2
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
    analysis.save_trajectory(out / "trajectory.npz", run)
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
    results = {"summary": found, "statistics": run.statistics}
    finish(context, memory, out, ["trajectory.npz", *figures], results, *tables)


@command
def models(context: typer.Context) -> None:
    """List the memories: their rule, capacity and source.

    Their names go to --model, their settings to --set.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..models._catalogue import catalogue

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("name", "neurons", "rule", "capacity", "source"):
        table.add_column(name, no_wrap=name == "name", min_width=26 if name == "source" else None)
    for entry in catalogue():
        neurons = {"both": "binary, continuous"}.get(entry.states, entry.states)
        texts = (neurons, entry.rule, entry.capacity, entry.source)
        table.add_row(Text(entry.name, style="bold"), *map(Text, texts))
    console = Console(highlight=False)
    Console(highlight=False, width=max(console.width, 120)).print(table)
