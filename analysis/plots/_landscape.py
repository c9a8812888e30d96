"""Pictures of a landscape: barriers as a matrix, and the energy along the way from one memory to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..landscapes import Landscape
from ._doors import head, list_of_words, made_by, row_of
from ._style import BLACK, GREY, VERMILLION, look, new_figure, open_axes, sort_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_barriers(
    landscape: Landscape, ax: Axes | None = None, *, labels: Any = None, title: str | None = None
) -> Axes:
    r"""The barrier from the minimum of each row to that of each column, as a matrix.

    Where no chain of saddles is known the string's upper bound is drawn, with a sign <= (a bar among more than 12
    minima), and a cross where there is not even that; the legend says so. If all are bounds, the colour bar says it.

    Parameters
    ----------
    landscape : Landscape
        What `landscape` found.
    ax : Axes, optional
        Where to draw.
    labels : sequence of str, optional
        A name for each minimum; its pattern, or the row in brackets, if not given.
    title : str, optional
        Above the axes.

    Returns
    -------
    Axes
        With a colour bar beside it.

    Examples
    --------
    >>> from hopfield.analysis.landscapes import landscape
    >>> from hopfield.models import ModernHopfield
    >>> ax = plot_barriers(landscape(ModernHopfield(np.eye(3), beta=6.0)))
    >>> ax.get_ylabel()
    'from minimum'
    """
    made_by("plot_barriers", landscape, Landscape, "landscape")
    count = len(landscape.minima)
    side = float(np.clip(0.45 * count + 1.6, 3.6, 9))
    if ax is None:  # squares: the usual layout would leave out the words beside them
        ax = new_figure((side + 0.8, side), layout="compressed").add_subplot()
    ax = open_axes(ax)
    bound = landscape.upper - landscape.energy[:, None]
    only_bound = np.isinf(landscape.barrier) & np.isfinite(bound)
    shown = np.where(np.isfinite(landscape.barrier), landscape.barrier, bound)
    unknown = np.isinf(shown)
    shown[unknown | np.eye(count, dtype=bool)] = np.nan
    picture = ax.imshow(np.ma.masked_invalid(shown), cmap="viridis", interpolation="nearest")
    bounds_alone = bool(only_bound.any() and only_bound[np.isfinite(shown)].all())
    if np.isfinite(shown).any():
        name = r"barrier $\Delta E$, at most (bounds of strings)" if bounds_alone else r"barrier $\Delta E$"
        ax.figure.colorbar(picture, ax=ax, label=name, fraction=0.046, pad=0.03)
    marked = only_bound & (count > 12 and not bounds_alone)
    for mask, marker, name in ((unknown, "x", "not known"), (marked, "_", "at most (a string's bound)")):
        rows, columns = np.nonzero(mask)
        if len(rows):
            ax.plot(columns, rows, marker, color=VERMILLION, markersize=5, label=name)
            ax.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    if count <= 12 and np.isfinite(shown).any():
        low, high = np.nanmin(shown), np.nanmax(shown)
        for i, j in np.argwhere(np.isfinite(shown)):
            dark = shown[i, j] < (low + high) / 2
            text = (r"$\leq$" if only_bound[i, j] else "") + f"{shown[i, j]:.2g}"
            ax.text(j, i, text, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    if labels is None:
        labels = [str(int(p)) if p >= 0 else f"({row})" for row, p in enumerate(landscape.pattern)]
    labels = list_of_words("labels", labels, count, "minima")
    every = max(1, count // 25)
    ticks = np.arange(0, count, every)
    ax.set_xticks(ticks, [str(labels[k]) for k in ticks])
    ax.set_yticks(ticks, [str(labels[k]) for k in ticks])
    ax.set_xlabel("to minimum")
    ax.set_ylabel("from minimum")
    if max(len(str(labels[k])) for k in ticks) * len(ticks) > 7 * side:  # letters that fit beside one another
        ax.tick_params(axis="x", rotation=90)
    if count == 1:
        ax.text(0, 0, "one minimum:\nno barriers", ha="center", va="center")
    head(ax, title, pad=6 if ax.get_legend() is None else 24)
    return ax


def path_profile(landscape: Landscape, start: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Arc length, energy, and the places of minima and saddles in turn, along the minimax path between two minima.

    The path runs down from each saddle on both sides as the flow does.
    """
    route = landscape.route(start, end)
    arcs, energies, stops, at = [], [], [0.0], 0.0
    for before, saddle, after in zip(route.minima, route.saddles, route.minima[1:], strict=False):
        ends = landscape.joins[saddle].tolist()
        first, second = ends.index(before), ends.index(after)
        down = landscape.arc[saddle, first]
        arcs += [at + down[-1] - down[::-1], at + down[-1] + landscape.arc[saddle, second]]
        energies += [landscape.way[saddle, first][::-1], landscape.way[saddle, second]]
        stops += [at + down[-1], float(arcs[-1][-1])]
        at = float(arcs[-1][-1])
    if not arcs:
        return np.zeros(1), landscape.energy[[start]], np.zeros(1)
    return np.concatenate(arcs), np.concatenate(energies), np.array(stops)


def plot_energy_along_path(
    landscape: Landscape, start: int, end: int, ax: Axes | None = None, *, title: str | None = None
) -> Axes:
    r"""The energy along the minimax path from one minimum to another: over which saddles, how high.

    Parameters
    ----------
    landscape : Landscape
        What `landscape` found.
    start, end : int
        Rows of the minima; ``landscape.minimum_of(pattern)`` gives that of a stored pattern.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Above the axes.

    Returns
    -------
    Axes
        Where it was drawn.

    Examples
    --------
    >>> from hopfield.analysis.landscapes import landscape
    >>> from hopfield.models import ModernHopfield
    >>> ax = plot_energy_along_path(landscape(ModernHopfield(np.eye(3), beta=6.0)), 0, 2)
    >>> ax.get_xlabel()
    'distance along the path'
    """
    made_by("plot_energy_along_path", landscape, Landscape, "landscape")
    start, end = (row_of(name, k, len(landscape.minima), "minima") for name, k in (("start", start), ("end", end)))
    route = landscape.route(start, end)
    arc, energy, stops = path_profile(landscape, start, end)
    ax = open_axes(ax, (6.0, 3.6))
    ax.plot(arc, energy, color=BLACK, linewidth=1.5)
    for place, row in zip(stops[::2], route.minima, strict=True):
        color, marker = look(landscape.kind[row])
        name = "minimum" if landscape.pattern[row] < 0 else f"minimum ({sort_of(landscape.kind[row])})"
        ax.plot(place, landscape.energy[row], linestyle="none", marker=marker, color=color, markersize=7, label=name)
    spread = float(np.ptp(energy)) or 1.0
    if route.saddles:
        tops = landscape.saddle_energy[list(route.saddles)]
        color, marker = look("saddle")
        style = {"linestyle": "none", "marker": marker, "color": color, "markersize": 8}
        ax.plot(stops[1::2], tops, label="saddle of index 1", **style)
        ax.axhline(route.energy, color=GREY, linewidth=0.8, linestyle=":")
        barrier = route.energy - landscape.energy[start]
        ax.annotate(
            rf"barrier $\Delta E$ = {barrier:.4g}",
            (arc[0], route.energy),
            (0, 4),
            textcoords="offset points",
            fontsize=9,
        )
    for place, row in zip(stops[::2], route.minima, strict=True):
        name = f"pattern {landscape.pattern[row]}" if landscape.pattern[row] >= 0 else f"({row})"
        ax.annotate(name, (place, landscape.energy[row]), (0, -14), textcoords="offset points", ha="center", fontsize=8)
    ax.set_ylim(energy.min() - 0.16 * spread, energy.max() + 0.14 * spread)
    ax.margins(x=0.1)
    ax.set_xlabel("distance along the path")
    ax.set_ylabel("energy $E$")
    once = dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    place = "center right" if len(route.saddles) < 2 else "best"
    ax.legend(once.values(), once.keys(), frameon=False, fontsize="small", loc=place)
    head(ax, title)
    return ax
