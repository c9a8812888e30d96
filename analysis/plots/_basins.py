"""Pictures of basins: a plane with its attractors, and the radii of many patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..basins import OUTSIDE, BasinSlice, smooth_regions
from ._doors import entries, head, list_of_words, made_by, numbers, wording
from ._style import AREAS, BLUE, GREY, VERMILLION, look, open_axes, sort_of, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AWAY, UNKNOWN, REST = "#FFFFFF", "#4D4D4D", "#D9D9D9"
LEGEND = len(AREAS)  # attractors that have a colour and a name of their own
NODES = 600  # of the picture, in each direction, between which edges are smooth
PALEST = 0.6  # the share of white where the flow is slowest


def plot_basin_slice(
    cut: BasinSlice, ax: Axes | None = None, *, names: Sequence[str] | None = None, title: str | None = None
) -> Axes:
    r"""Basins in a plane: a colour for each attractor, paler where the flow takes longer.

    A memory has the colour of its row in every picture, as far as there are colours; its number stands in its basin.
    Edges run smoothly between the cues of the grid, each of which is on the side of its label. Thin lines are contours
    of the energy. Fixed points in the plane have the mark of their kind, as in `plot_fixed_points`, white if they
    attract; an attractor that lies outside of the plane is only named. White cues ran away, dark grey ones are not
    known, and where the memory takes no cues nothing is drawn.

    Parameters
    ----------
    cut : BasinSlice
        From `basin_slice`.
    ax : Axes, optional
        Where to draw; without it a figure is made.
    names : sequence of str, optional
        Names of the stored patterns for the legend.
    title : str, optional
        Above the axes.

    Returns
    -------
    Axes
        ``ax.figure.savefig("basins.png")`` writes the picture.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis import basin_slice
    >>> from hopfield.models import ModernHopfield
    >>> cut = basin_slice(ModernHopfield(np.eye(3), beta=8.0), *np.eye(3), resolution=8)
    >>> len(plot_basin_slice(cut).get_legend().get_texts())
    4
    """
    made_by("plot_basin_slice", cut, BasinSlice, "basin_slice")
    top = int(cut.fixed_points.pattern.max(initial=-1))
    if cut.fixed_points.reverse is not None:
        top = max(top, int(cut.fixed_points.reverse.max(initial=-1)))
    if names is not None:
        count = len(names) if isinstance(names, str) else len(entries(names))
        if count <= top:
            raise ValueError(f"names must have one for each stored pattern: {count} do not reach to pattern {top}.")
        names = list_of_words("names", names, count, "stored patterns")
    ax = open_axes(ax, (7.6, 5.2))
    labels, count = cut.labels, len(cut.fixed_points)
    reached = [
        k for k in np.argsort(-np.bincount(labels[labels >= 0], minlength=count), kind="stable") if (labels == k).any()
    ]
    order = np.where(cut.fixed_points.pattern < 0, 10**9, cut.fixed_points.pattern)
    reached = sorted(reached[:LEGEND], key=lambda k: (order[k], k)) + reached[LEGEND:]
    colours = _colours(cut, reached)
    regions = smooth_regions(labels, _paleness(cut.convergence_time), max(2, -(-NODES // max(labels.shape))))
    image = np.zeros((*regions.labels.shape, 4))  # with opacity: nothing is drawn where there is no label
    for k, colour in {-1: AWAY, -2: UNKNOWN, **colours}.items():
        here = regions.labels == k
        image[here, :3], image[here, 3] = tint(colour, np.nan_to_num(regions.values[here]) * (k >= 0)), 1.0
    edges = [_edges(axis) for axis in (cut.s, cut.t)]
    extent = (edges[0][0], edges[0][1], edges[1][0], edges[1][1])
    ax.imshow(image, origin="lower", extent=extent, aspect="equal")
    fine = [np.linspace(*ends, 2 * n + 1)[1::2] for ends, n in zip(edges, regions.labels.shape[::-1], strict=True)]
    for edge in regions.edges.values() if len(regions.edges) > 1 else ():
        ax.contour(*fine, edge, levels=[0.0], colors="black", linewidths=0.9)
    cells = labels != OUTSIDE
    energy = np.ma.masked_where(~cells, np.ma.masked_invalid(cut.energy))
    if energy.count() and np.ptp(energy.compressed()) > 0:
        levels = np.unique(np.quantile(energy.compressed(), np.linspace(0.02, 0.9, 10)))
        style = {"colors": "black", "linewidths": 0.5, "linestyles": "solid", "alpha": 0.4}
        ax.contour(cut.s, cut.t, energy, levels=levels, **style)
    handles = [_swatch(colours[k], _name(cut, k, names)) for k in reached[:LEGEND]]
    if len(reached) > LEGEND:
        handles.append(_swatch(REST, f"and {len(reached) - LEGEND} more"))
    if (labels == -1).any():
        handles.append(_swatch(AWAY, "ran away"))
    if (labels == -2).any():
        handles.append(_swatch(UNKNOWN, "not known (boundary)"))
    if not cells.all():
        handles.append(_swatch("none", "blank: no cues of this memory"))
    handles += _draw_points(ax, cut)
    for k in reached[:LEGEND]:
        _write_number(ax, cut, k, regions.edges[k], fine, names)
    ax.set(xlim=extent[:2], ylim=extent[2:], xlabel="$s$ in the plane", ylabel="$t$ in the plane")
    note = _note(cut.convergence_time)
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        frameon=False,
        fontsize="small",
        title=note,
        title_fontsize="small",
        alignment="left",
        borderaxespad=0,
    )
    head(ax, title)
    return ax


def plot_radii(
    certified: Any, adversarial: Any, ax: Axes | None = None, *, unit: str = "", title: str | None = None
) -> Axes:
    r"""Histograms of certified and adversarial radii of many patterns.

    Parameters
    ----------
    certified, adversarial : arrays (N,)
        From `basin_radius`; certified ones that are None count as 0. Patterns with a radius that is inf are left out,
        and the legend says how many.
    ax : Axes, optional
        Where to draw.
    unit : str
        Of the radii, for the label of the axis.
    title : str, optional
        Above the axes.

    Returns
    -------
    Axes
        Where it was drawn.

    Examples
    --------
    >>> ax = plot_radii([1.0, 1.1, 0.9], [1.2, 1.3, 1.0])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['certified (no shorter push escapes), median 1', 'adversarial (a push that escapes), median 1.2']
    """
    from matplotlib.ticker import MaxNLocator

    ax = open_axes(ax, (7.0, 4.0))
    low, high, unit = numbers("certified", certified), numbers("adversarial", adversarial), wording("unit", unit)
    if low.shape != high.shape:
        raise ValueError(f"Give one certified and one adversarial radius for each pattern: {low.shape}, {high.shape}.")
    good = np.isfinite(low) & np.isfinite(high)
    low, high = low[good], high[good]
    top = float(max(low.max(initial=0.0), high.max(initial=0.0))) or 1.0
    bins = np.linspace(0.0, top * 1.02, int(np.clip(len(low) / 3, 10, 30)) + 1)
    sorts = (
        (low, BLUE, "certified (no shorter push escapes)", 0.3),
        (high, VERMILLION, "adversarial (a push that escapes)", 0.0),  # an outline: colours do not mix
    )
    for number, (values, colour, name, filled) in enumerate(sorts):
        middle = float(np.median(values)) if values.size else float("nan")
        label = f"{name}, median {middle:.3g}"
        ax.hist(values, bins=bins.tolist(), color=colour, alpha=filled, histtype="stepfilled")
        ax.hist(values, bins=bins.tolist(), color=colour, linewidth=1.8, histtype="step", label=label)
        ax.axvline(middle, color=colour, linewidth=1.4, linestyle=("--", ":")[number])
    if not good.all():
        ax.plot([], [], " ", label=f"{int((~good).sum())} of {good.size} patterns have none and are left out")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel=f"radius of the basin{f' ({unit})' if unit else ''}", ylabel="patterns", xlim=(0, bins[-1] * 1.03))
    ax.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    head(ax, title, pad=44)
    return ax


def _colours(cut: BasinSlice, reached: list[Any]) -> dict[int, str]:
    """A memory's colour is that of its row, if no other one has it; what is no memory takes colours from the end."""
    found, free = {}, list(AREAS)
    memory = {k: _is_memory(cut, k) for k in reached}
    for k in sorted(reached[:LEGEND], key=lambda k: not memory[k]):
        own = AREAS[cut.fixed_points.pattern[k] % len(AREAS)] if memory[k] else free[-1]
        colour = own if own in free else free[0]
        free.remove(colour)
        found[int(k)] = colour
    return {**found, **{int(k): REST for k in reached[LEGEND:]}}


def _is_memory(cut: BasinSlice, k: int) -> bool:
    return cut.fixed_points.pattern[k] >= 0 and sort_of(cut.fixed_points.kind[k]) == "memory"


def _paleness(times: np.ndarray) -> np.ndarray:
    """0 for the quicker half of the cues, up to PALEST for the slowest, on a logarithmic scale; NaN where not known."""
    known = np.isfinite(times)
    answer = np.where(known, 0.0, np.nan)
    moved = known & (times > 0)
    if moved.any():
        low, high = np.log(np.quantile(times[moved], [0.5, 0.998]))
        if high > low:
            answer[moved] = PALEST * np.clip((np.log(times[moved]) - low) / (high - low), 0, 1) ** 1.5
    return answer


def _note(times: np.ndarray) -> str:
    known = times[np.isfinite(times)]
    if not known.size:
        return "where it flows to"
    return f"where it flows to\n(paler: slower, up to {known.max():.2g}$\\,\\tau$)"


def _edges(axis: np.ndarray) -> tuple[float, float]:
    half = (axis[1] - axis[0]) / 2
    return float(axis[0] - half), float(axis[-1] + half)


def _swatch(colour: str, name: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, edgecolor="black", linewidth=0.4, label=name)


def _name(cut: BasinSlice, k: int, names: Sequence[str] | None) -> str:
    points = cut.fixed_points
    pattern, kind = int(points.pattern[k]), str(points.kind[k])
    reverse = -1 if points.reverse is None else int(points.reverse[k])
    if pattern >= 0 or reverse >= 0:
        row = pattern if pattern >= 0 else reverse
        text = names[row] if names is not None else f"memory {row}"
        text = text if pattern >= 0 else f"reverse of {text}"
    else:
        text = f"{kind} (point {k})"
    return text if cut.near[k] else f"{text}, outside of the plane"


def _draw_points(ax: Axes, cut: BasinSlice) -> list[Any]:
    """Fixed points in the plane; returns a legend entry for each sort that was drawn."""
    from matplotlib.lines import Line2D

    drawn: dict[str, Any] = {}
    for k in np.flatnonzero(cut.near):
        kind = str(cut.fixed_points.kind[k])
        index = int(cut.fixed_points.index[k])
        face = "white" if cut.fixed_points.stable[k] else "black" if index <= 1 else GREY
        style = {"marker": look(kind).marker, "markersize": 9, "markerfacecolor": face, "markeredgewidth": 1.0}
        style["markeredgecolor"] = "black" if face == "white" else "white"
        ax.plot(*cut.points[k], linestyle="none", zorder=5, **style)
        name = f"saddle of index {index}" if sort_of(kind) == "saddle" else f"fixed point ({sort_of(kind)})"
        drawn.setdefault(name, Line2D([], [], linestyle="none", label=name, **style))
    return list(drawn.values())


def _write_number(
    ax: Axes, cut: BasinSlice, k: int, inside: np.ndarray, fine: list[np.ndarray], names: Sequence[str] | None
) -> None:
    """The number (or name) of a memory beside its point, or where its basin is widest if that lies outside."""
    from matplotlib.patheffects import withStroke

    if not _is_memory(cut, k):
        return
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    if not cut.near[k] and inside[row, column] < 0.9:  # there is no room for it
        return
    place, shift = (cut.points[k], (8, 5)) if cut.near[k] else ((fine[0][column], fine[1][row]), (0, 0))
    ax.annotate(
        str(cut.fixed_points.pattern[k] if names is None else names[cut.fixed_points.pattern[k]]),
        place,
        shift,
        textcoords="offset points",
        ha="left" if cut.near[k] else "center",
        va="center",
        fontsize="small",
        path_effects=[withStroke(linewidth=2.0, foreground="white")],
        annotation_clip=True,
        zorder=6,
    )
