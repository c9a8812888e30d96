"""The bifurcation diagram: branches of fixed points over a parameter."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import finite, flag, floating, numbers_of
from ..branches import Bifurcation, Branch, Branches
from ._doors import head, made_by, wording
from ._style import BLUE, GREY, look, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLURALS = {  # in the order of the legend
    "fold": "folds",
    "pitchfork": "pitchforks",
    "transcritical": "transcriticals",
    "branch point": "branch points",
    "Hopf": "Hopf points",
}


def plot_bifurcation(
    branches: Branches,
    ax: Axes | None = None,
    *,
    measure: str | Any | Callable[[np.ndarray], np.ndarray] = "energy",
    label: str | None = None,
    log: bool = False,
    title: str | None = None,
) -> Axes:
    r"""Draw the branches of fixed points over the parameter: stable solid, unstable dashed, bifurcations marked.

    Parameters
    ----------
    branches : Branches
        What `continue_fixed_points` found.
    ax : Axes, optional
        Where to draw.
    measure : "energy", "norm", array (D,) or callable
        What is on the vertical axis: E, \|x\|, the overlap x.u/u.u with a vector u such as a stored pattern, or a
        function of the states (T, D) to (T,).
    label : str, optional
        Of the vertical axis.
    log : bool
        Whether the parameter is on a logarithmic scale.
    title : str, optional
        Above the axes.

    Returns
    -------
    Axes
        ``ax.figure.savefig("bifurcation.png")`` writes the picture.

    Examples
    --------
    >>> from hopfield.analysis.branches import continue_fixed_points
    >>> from hopfield.models import ModernHopfield
    >>> patterns = np.array([[1.0, 0.0], [-1.0, 0.0]])
    >>> ax = plot_bifurcation(continue_fixed_points(ModernHopfield(patterns), "beta", 0.5, 2.0), measure=patterns[0])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['stable', 'unstable', 'pitchfork']
    """
    made_by("plot_bifurcation", branches, Branches, "continue_fixed_points")
    log, label = flag("log", log), wording("label", label)
    of, name = _measure(measure, branches)
    ax = open_axes(ax, (6.4, 4.2))
    drawn = set()
    for branch in branches.branches:
        values = of(branch)
        for rows, stable in _pieces(branch):
            style, color, width = ("-", BLUE, 2.0) if stable else ("--", GREY, 1.2)
            word = "stable" if stable else "unstable"
            ax.plot(
                branch.parameter[rows],
                values[rows],
                style,
                color=color,
                linewidth=width,
                label=None if word in drawn else word,
                zorder=3 if stable else 2,
            )
            drawn.add(word)
    for kind, plural in PLURALS.items():
        color, marker = look(kind)
        pairs = [(b, event) for b in branches.branches for event in b.bifurcations if event.kind == kind]
        spots = [(event.parameter, of(_single(b, event))[0]) for b, event in pairs]
        if spots:
            x, y = np.unique(np.round(np.array(spots), 6), axis=0).T
            style = {"linestyle": "none", "marker": marker, "color": color, "markeredgecolor": "black", "zorder": 5}
            ax.plot(x, y, markersize=8, markeredgewidth=0.8, label=kind if len(x) == 1 else plural, **style)
    order = {"stable": 0, "unstable": 1}
    handles, words = ax.get_legend_handles_labels()
    ranks = sorted(range(len(words)), key=lambda k: order.get(words[k], 2))
    ax.legend([handles[k] for k in ranks], [words[k] for k in ranks], frameon=False, fontsize="small", loc="best")
    ax.set_xlim(*branches.range)
    if log:
        ax.set_xscale("log")
    ax.set_xlabel(r"$\beta$" if branches.name == "beta" else branches.name)
    ax.set_ylabel(label or name)
    head(ax, title)
    return ax


def _measured(measure: Callable[[np.ndarray], Any], branch: Branch) -> np.ndarray:
    """What a function of states gave: one number for each."""
    try:
        found = numbers_of("measure", measure(branch.state))
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != branch.state.shape[:1]:
        raise ValueError(
            f"The function measure must give one finite number for each of the {len(branch.state)} states (K, n)."
        )
    return found


def _measure(measure: Any, branches: Branches) -> tuple[Callable[[Branch], np.ndarray], str]:
    if isinstance(measure, str):
        if measure == "energy":
            return lambda branch: branch.energy, "energy $E$"
        if measure == "norm":
            return lambda branch: np.linalg.norm(branch.coordinates, axis=-1), r"norm $|x|$"
        raise ValueError(f"measure must be 'energy', 'norm', a vector or a function of the states, got {measure!r}.")
    if callable(measure):
        return lambda branch: _measured(measure, branch), "measure"
    vector = backend.to_numpy(finite("measure", floating("measure", measure)))
    width = branches.branches[0].state.shape[-1] if len(branches.branches) else vector.size
    if vector.shape != (width,) or not vector.any():
        raise ValueError(
            f"measure must be a vector ({width},) other than 0, of the size of a state, got {vector.shape}."
        )
    return lambda branch: branch.state @ vector / (vector @ vector), r"overlap  $x\cdot u\,/\,u\cdot u$"


def _single(branch: Branch, event: Bifurcation) -> Branch:
    """A branch of the one point of a bifurcation."""
    one = np.array([0])
    energy = np.array([event.energy])
    return Branch(np.array([event.parameter]), event.coordinates[None], energy, one, one * 0.0, (), branch.basis)


def _pieces(branch: Branch) -> list[tuple[np.ndarray, bool]]:
    """Stretches of one stability, each reaching to the point at which it changes."""
    stable = branch.stable
    cuts = np.flatnonzero(stable[1:] != stable[:-1]) + 1
    edges = [0, *cuts.tolist(), len(stable)]
    pieces = []
    for begin, end in itertools.pairwise(edges):
        rows = np.arange(max(begin - 1, 0) if not stable[begin] else begin, min(end + (not stable[begin]), len(stable)))
        pieces.append((rows, bool(stable[begin])))
    return pieces
