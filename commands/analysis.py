"""`hopfield lyapunov`, `fixed-points`, `basins`, `landscape`, `rates`: what can be said about a memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .. import analysis, dynamics
from ..analysis.basins import no_theorem
from ..dynamics import backend
from . import _verdicts
from ._inputs import choose_method, load_inputs
from ._time import changes, stop_of
from .app import command, finish
from .options import DYNAMICS, FILES, SEARCH, T1, Current, Given, Method, Out, Scheduled, Seconds, Step, finite, option


def save(axes: Any, path: Path) -> None:
    """Write the figure that axes belong to, with the legends beside it."""
    axes.figure.savefig(path, bbox_inches="tight")


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say on a terminal what is being looked for, as long as it lasts."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status(f"Looking for {what} ...") if console.is_terminal else nullcontext():
        yield


def ended(found: Any) -> None:
    """Exit as an interrupted program does, once all that was found is written, where Ctrl-C ended the search."""
    if found.stopped.startswith("interrupted"):
        raise typer.Exit(130)


def named(memory: Any, patterns: Any) -> Any:
    """The memory, or its field that knows the patterns where the memory does not keep them."""
    if patterns is None or memory.patterns is not None:
        return memory
    return analysis.field(memory, patterns=patterns)


def spanning(patterns: Any) -> list[int]:
    """The first three patterns that span a plane; the first ones if none do."""
    host = backend.to_numpy(patterns).astype(float)
    rows = [0]
    for k in range(1, len(host)):
        if len(rows) < 3 and np.linalg.matrix_rank(host[[*rows[1:], k]] - host[0], rtol=1e-6) == len(rows):
            rows.append(k)
    return rows if len(rows) == 3 else [min(k, len(host) - 1) for k in range(3)]


@command
def lyapunov(
    context: typer.Context,
    given: Given,
    t1: T1 = 20.0,
    integrator: Method = "auto",
    dt: Step = None,
    current: Current = None,
    schedule: Scheduled = None,
    out: Out = Path("hopfield-lyapunov"),
) -> None:
    """Check that the energy falls: along simulations from each query, and at the states they pass through.

    The first check is of the integrator and its step, the second of the memory itself (dE/dt <= 0). With --current or
    --schedule it is the energy less their work that must fall. Writes
    lyapunov.json, energy.png and report.json; the exit code is 1 if the energy rises.

    **Example:**  hopfield lyapunov digits --stored 100 --noise 0.1 --similarity euclidean --beta 5
    """
    memory, cues, *_ = load_inputs(dataclasses.asdict(given))
    method, changing = choose_method(memory, integrator, dt), changes(memory, t1, current, schedule, 0.0, 0.0, 0)
    out.mkdir(parents=True, exist_ok=True)
    stop = stop_of(method, changing, True)
    run = dynamics.simulate(memory, cues, t1=t1, integrator=method, stop=stop, save="all", progress=True, **changing)
    found = analysis.check_lyapunov(memory, run)
    found.to_json(out / "lyapunov.json")
    save(analysis.plot_energy(run), out / "energy.png")
    results = {"holds": found.holds, "max_increase": found.max_increase, "cause": found.cause}
    finish(
        context,
        memory,
        out,
        ["lyapunov.json", "energy.png"],
        results,
        str(found).split("\n")[0],
        *str(found).split("\n")[1:],
    )
    if not found.holds:
        raise typer.Exit(1)


@command
def fixed_points(
    context: typer.Context,
    given: Given,
    deflate: Annotated[
        bool,
        option(SEARCH, "Search once more with the points found so far divided out; for small systems.", "--deflate"),
    ] = False,
    wanted: Annotated[
        str,
        option(
            SEARCH,
            "Which points are searched for: all, attractors, or those up to an index (a number); auto: all, but beyond "
            "12 patterns only attractors and the saddles between neighbours.",
            metavar="NAME|N",
        ),
    ] = "auto",
    batches: Annotated[int, option(SEARCH, "How many batches of random starts, at most.", min=1, metavar="N")] = 12,
    seconds: Seconds = None,
    rows: Annotated[int, option(FILES, "Print at most N points; all are written.", min=1, metavar="N")] = 30,
    out: Out = Path("hopfield-fixed-points"),
) -> None:
    """Find the fixed points of a memory, stable and unstable, and say whether some are missing.

    Searches start at the patterns, their mixtures and random states; with QUERIES (or --noise, --mask) at those cues
    alone. Writes fixed_points.json, fixed_points.npz, energies.png and, for images, fixed_points.png.

    **Example:**  hopfield fixed-points digits --stored 5 --similarity euclidean --beta 2
    """
    memory, cues, _, shape, patterns, *_ = load_inputs(dataclasses.asdict(given), need_cues=False)
    choose_method(memory, "auto")
    out.mkdir(parents=True, exist_ok=True)
    found = analysis.find_fixed_points(
        named(memory, patterns),
        cues,
        seed=given.seed,
        wanted=int(wanted) if wanted.isdecimal() else wanted,
        batches=batches,
        deflate=deflate,
        seconds=seconds,
        progress=True,
    )
    found.to_json(out / "fixed_points.json")
    names = ("state", "activation", "energy", "residual", "index", "eigenvalues", "kind", "pattern", "hits", "stable")
    np.savez(out / "fixed_points.npz", **{name: getattr(found, name) for name in names})
    files = ["fixed_points.json", "fixed_points.npz"]
    if found.conservative and len(found):
        save(analysis.plot_fixed_points(found), out / "energies.png")
        files.append("energies.png")
    if shape is not None and len(found):
        analysis.plot_fixed_point_images(found, shape).savefig(out / "fixed_points.png")
        files.append("fixed_points.png")
    results = {"points": len(found), "kinds": found.summary(), "morse_sum": found.morse_sum, "complete": found.complete}
    results |= {name: getattr(found, name) for name in ("state", "energy", "index", "kind", "pattern", "hits")}
    results |= {"stopped": found.stopped, "skipped": list(found.skipped)}
    finish(context, memory, out, files, results, _verdicts.counted(found), found.table(rows))
    ended(found)


@command
def basins(
    context: typer.Context,
    given: Given,
    flow: Annotated[
        str,
        option(
            DYNAMICS,
            "What moves the cues: adiabatic (memory neurons follow at once), map (whole updates) or network (memory "
            "neurons take their time).",
            metavar="NAME",
        ),
    ] = "adiabatic",
    seconds: Seconds = None,
    radii: Annotated[
        bool, option(SEARCH, "Prove a radius around each pattern within which all cues reach it, or leave that out.")
    ] = True,
    resolution: Annotated[
        int,
        option(
            FILES,
            "Points along a side of the picture of the plane through three patterns; 0: no picture.",
            min=0,
            max=2000,
            metavar="N",
        ),
    ] = 80,
    out: Out = Path("hopfield-basins"),
) -> None:
    """Say which memory each cue reaches, how often, how soon, and how far a pattern may be disturbed.

    Writes basins.json, radii.json (certified: no cue nearer than that leaves), basins.png and report.json; what a
    model has no theorem or no plane for is said and left out.

    **Example:**  hopfield basins digits --stored 10 --cues 300 --noise 0.5 --similarity euclidean --beta 5
    """
    memory, cues, targets, _, patterns, law = load_inputs(dataclasses.asdict(given))
    choose_method(memory, "auto")
    system = named(memory, patterns)
    out.mkdir(parents=True, exist_ok=True)
    found = analysis.basins_of_attraction(
        system, cues, dynamics=flow, targets=targets, seed=given.seed, seconds=seconds, progress=True
    )
    found = dataclasses.replace(found, law=law)
    found.to_json(out / "basins.json")
    files, results, parts = ["basins.json"], {**found.to_dict(), "summary": str(found)}, [str(found)]
    if radii and (why := no_theorem(memory)):
        parts.append(f"No radius is certified: {why}")
    elif radii:
        with working("radii that can be proved"):
            certified = analysis.certified_radii(memory)
        analysis.write_report(out / "radii.json", {}, dataclasses.asdict(certified))
        files.append("radii.json")
        parts.append(str(certified))
    if resolution and patterns is not None:
        corners = spanning(patterns)
        try:
            plane = analysis.basin_slice(
                system, *(patterns[k] for k in corners), resolution=resolution, dynamics=flow, progress=True
            )
            save(analysis.plot_basin_slice(plane), out / "basins.png")
            files.append("basins.png")
        except ValueError as error:
            parts.append(f"No picture of a plane: {error}")
    finish(context, memory, out, files, results, _verdicts.reached(found), *parts)
    ended(found)


@command
def landscape(
    context: typer.Context,
    given: Given,
    pairs: Annotated[
        str, option(SEARCH, "Between which minima a path is laid: auto (the near ones) or all.", metavar="NAME")
    ] = "auto",
    seconds: Seconds = None,
    out: Out = Path("hopfield-landscape"),
) -> None:
    """Find the saddles between memories and the energy barriers over them.

    Writes landscape.json, disconnectivity.png, barriers.png and report.json.

    **Example:**  hopfield landscape digits --stored 5 --similarity euclidean --beta 2
    """
    memory, *_ = load_inputs(dataclasses.asdict(given), need_cues=False)
    choose_method(memory, "auto")
    out.mkdir(parents=True, exist_ok=True)
    found: Any = analysis.landscape(memory, pairs=pairs, seed=given.seed, seconds=seconds, progress=True)
    found.to_json(out / "landscape.json")
    save(analysis.plot_disconnectivity(found), out / "disconnectivity.png")
    save(analysis.plot_barriers(found), out / "barriers.png")
    files = ["landscape.json", "disconnectivity.png", "barriers.png"]
    verdict = f"{len(found.minima)} minima, and {len(found.saddles)} saddles between them."
    finish(context, memory, out, files, found.to_dict(), verdict, str(found))
    ended(found)


@command
def rates(
    context: typer.Context,
    given: Given,
    temperature: Annotated[
        float | None,
        option(
            DYNAMICS,
            "Temperature of the noise, in the unit of the energy; without it, a fifth of the lowest barrier.",
            metavar="T",
            parser=finite,
        ),
    ] = None,
    pairs: Annotated[
        str, option(SEARCH, "Between which minima a path is laid: auto (the near ones) or all.", metavar="NAME")
    ] = "auto",
    seconds: Seconds = None,
    rows: Annotated[int, option(FILES, "Print at most N minima; all are written.", min=1, metavar="N")] = 30,
    out: Out = Path("hopfield-rates"),
) -> None:
    """Say how often noise carries a memory to another: rates of escape, and mean first passage times.

    By the formula of Eyring and Kramers, over the saddles between memories; says up to which temperature it is good.
    The memory neurons follow at once (tau_memory = 0). Writes rates.json, landscape.json, barriers.png and report.json.

    **Example:**  hopfield rates digits --stored 5 --similarity euclidean --beta 2 --temperature 0.2
    """
    memory, *_ = load_inputs(dataclasses.asdict(given), need_cues=False)
    choose_method(memory, "auto")
    out.mkdir(parents=True, exist_ok=True)
    hills: Any = analysis.landscape(memory, pairs=pairs, seed=given.seed, seconds=seconds, progress=True)
    lowest = float(hills.depth.min(initial=np.inf))
    if temperature is None and not np.isfinite(lowest):
        raise ValueError(
            f"No saddle is known that joins two of the {len(hills.minima)} minima, so that there is no barrier to take "
            "a temperature from, and no rate."
        )
    found: Any = analysis.escape_rates(hills, lowest / 5 if temperature is None else temperature)
    hills.to_json(out / "landscape.json")
    found.to_json(out / "rates.json")
    save(analysis.plot_barriers(hills), out / "barriers.png")
    results = {"temperature": found.temperature, "limit": found.limit, "stay": found.stay.tolist()}
    files = ["rates.json", "landscape.json", "barriers.png"]
    finish(context, memory, out, files, results, found.advice, found.table(rows))
    ended(hills)
