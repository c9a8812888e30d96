"""The first line that a command prints: what came of it, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def recalled(count: int, right: Any = None, before: Any = None, converged: Any = None) -> str:
    """How many cues ended at their own pattern.

    >>> recalled(4, np.array([True, True, False, True]), np.array([True, False, False, False]))
    '3 of 4 cues end nearest to their own pattern; 1 was so before.'
    >>> recalled(2, converged=np.array([True, False]))
    '2 cues were answered; 1 did not come to rest.'
    """
    parts = []
    if right is None:
        parts.append(f"{count} cues were answered" if count != 1 else "One cue was answered")
    else:
        parts.append(f"{int(np.sum(right))} of {count} cues end nearest to their own pattern")
    if before is not None:
        were = int(np.sum(before))
        parts.append(f"{were} {'was' if were == 1 else 'were'} so before")
    if converged is not None and not np.all(converged):
        parts.append(f"{int(np.sum(~np.asarray(converged)))} did not come to rest")
    return "; ".join(parts) + "."


def fell(reports: Any) -> str:
    """Whether the energy fell in all runs.

    >>> from hopfield import ModernHopfield, check_lyapunov, simulate
    >>> memory = ModernHopfield(np.eye(2))
    >>> fell([check_lyapunov(memory, simulate(memory, np.ones(2), t1=1))])
    'The energy fell in every run.'
    """
    rising = [report for report in reports if not report.holds]
    return "The energy fell in every run." if not rising else f"The energy ROSE: {rising[0].cause}."


def demonstrated(recalls: Mapping[str, Any]) -> str:
    """What the demonstration showed: the cue that gained most, and the energy."""
    best = max(recalls, key=lambda name: recalls[name].summary.recalled - recalls[name].before)
    found = recalls[best]
    count = len(found.targets)
    return (
        f"{best}: {found.before} of {count} digits were nearest to their own before the recall, "
        f"{found.summary.recalled} after it. {fell([one.summary.lyapunov for one in recalls.values()])}"
    )


def counted(found: Any) -> str:
    """How many fixed points there are of each kind, and what is known of others.

    >>> from hopfield import ModernHopfield, find_fixed_points
    >>> counted(find_fixed_points(ModernHopfield(np.array([[1.0], [-1.0]]), beta=2.0), seed=0))
    '3 fixed points: 2 memory, 1 saddle(1). That these are all is not refuted.'
    """
    known = {"not refuted": "That these are all is not refuted.", "in part": "Others were not looked for."}
    said = known.get(found.complete, f"The list is {found.complete}.")
    said += f" The search was {found.stopped}." if found.stopped else ""
    return (
        f"{len(found)} fixed points: {found.summary()}. {said}" if len(found) else f"No fixed point was found. {said}"
    )


def reached(found: Any) -> str:
    """Where cues ended.

    >>> from hopfield import ModernHopfield, basins_of_attraction
    >>> reached(basins_of_attraction(ModernHopfield(np.array([[1.0], [-1.0]]), beta=2.0), np.array([[0.2]]), seed=0))
    '1 cue ended at 1 fixed point.'
    """
    count, ends = len(found.labels), len(np.unique(found.labels[found.labels >= 0]))
    own = (
        ""
        if not np.isfinite(found.recalled)
        else f"{round(found.recalled * count)} of {count} cues reach their own pattern; "
    )
    bad = found.diverged + found.unresolved
    left = f", {bad} at none" if bad else ""
    cues = "1 cue" if count == 1 else f"{count} cues"
    return f"{own}{'they' if own else cues} ended at {ends} fixed point{'' if ends == 1 else 's'}{left}."
