"""`hopfield beta`, `hopfield bifurcation`: which beta to take, and what becomes of the fixed points as it grows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .. import analysis
from ._inputs import load_inputs
from .analysis import ended, named, save, working
from .app import command, finish
from .options import SEARCH, Given, Out, Seconds, finite, option


def usual_range(memory: Any, parameter: str) -> tuple[float, float]:
    """Values of beta from where there is one fixed point to where there are many.

    >>> from hopfield import ModernHopfield
    >>> usual_range(ModernHopfield(np.array([[1.0], [-1.0]])), "beta")
    (0.5, 2.0)
    """
    if parameter != "beta":
        raise ValueError(f"The range of {parameter} is needed: --from X --to Y.")
    try:
        critical = analysis.critical_beta(memory)
        ends = [
            critical.critical,
            critical.memory_fold or 0.0,
            analysis.beta_advice(memory).beta_for(0.9, certified=True),
        ]
    except ValueError as error:
        raise ValueError(f"The range is needed, --from X --to Y: {error}") from None
    high = next((end for end in ends if end and np.isfinite(end)), 4 * critical.unique_below)
    return float(critical.unique_below) / 2, 2 * float(high)


@command
def beta(
    context: typer.Context,
    given: Given,
    target: Annotated[
        float, option(SEARCH, "The weight that a recalled pattern is to have, between 0 and 1.", metavar="X")
    ] = 0.5,
    out: Out = Path("hopfield-beta"),
) -> None:
    """Say which beta tells the stored patterns apart, how much of that is proved, and below which there is one state.

    For softmax with the dot product or the Euclidean similarity. Writes report.json.

    **Example:**  hopfield beta digits --stored 100 --similarity euclidean
    """
    memory, *_ = load_inputs(dataclasses.asdict(given), need_cues=False)
    out.mkdir(parents=True, exist_ok=True)
    with working("the beta that the patterns need"):
        advice = analysis.beta_advice(memory, target)
        try:
            critical: Any = analysis.critical_beta(memory)
            known = str(critical)
        except ValueError as error:
            critical, known = None, f"Critical beta: {error}"
    most, sure = (advice.beta_for(0.9, certified=proved) for proved in (False, True))
    verdict = f"beta >= {most:.5g} gives 90% of the patterns, as cues, a weight of {target:g} of their own"
    if not np.isfinite(most):
        verdict = f"No beta gives 90% of the patterns, as cues, a weight of {target:g} of their own"
    proved = (
        f"; from {sure:.5g} on that is proved of a fixed point." if np.isfinite(sure) else "; no such proof is known."
    )
    results = {
        "target": target,
        "needed": advice.needed,
        "certified": advice.certified,
        "own_weight": advice.own_weight,
        "beta_for_90_percent": most,
        "proved_for_90_percent": sure,
        "unique_below": advice.unique_below,
        "critical": critical,
    }
    finish(context, memory, out, [], results, verdict + proved, str(advice), known)


@command
def bifurcation(
    context: typer.Context,
    given: Given,
    parameter: Annotated[str, option(SEARCH, "What is varied: a number of the model.", metavar="NAME")] = "beta",
    start: Annotated[
        float | None,
        option(
            SEARCH,
            "Where it begins; without it, where there is but one fixed point.",
            "--from",
            metavar="X",
            parser=finite,
        ),
    ] = None,
    stop: Annotated[
        float | None,
        option(
            SEARCH,
            "Where it ends; without it, past where most memories appear.",
            "--to",
            metavar="X",
            parser=finite,
        ),
    ] = None,
    branches: Annotated[int, option(SEARCH, "How many branches are followed, at most.", min=1, metavar="N")] = 64,
    seconds: Seconds = None,
    out: Out = Path("hopfield-bifurcation"),
) -> None:
    """Follow the fixed points while beta (or another number of the model) changes: where memories appear and vanish.

    Writes bifurcations.json, bifurcation.png (energies over the parameter, stable ones solid) and report.json.

    **Example:**  hopfield bifurcation digits --stored 4 --similarity euclidean --from 0.1 --to 1
    """
    memory, _, _, _, patterns, _ = load_inputs(dataclasses.asdict(given), need_cues=False)
    if start is None or stop is None:
        low, high = usual_range(memory, parameter)
        start, stop = low if start is None else start, high if stop is None else stop
    out.mkdir(parents=True, exist_ok=True)
    found = analysis.continue_fixed_points(
        named(memory, patterns) if memory.patterns is None else memory,
        parameter,
        start,
        stop,
        branches=branches,
        seed=given.seed,
        seconds=seconds,
        progress=True,
    )
    found.to_json(out / "bifurcations.json")
    save(analysis.plot_bifurcation(found), out / "bifurcation.png")
    text = str(found).split("\n")
    finish(context, memory, out, ["bifurcations.json", "bifurcation.png"], found.to_dict(), text[0], *text[1:])
    ended(found)
