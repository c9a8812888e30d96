"""Pictures of basins: a plane with its attractors, and the radii of many patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .basin_slice import OUTSIDE, BasinSlice
from .plots import GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind readers tell apart, without black and grey.
PALETTE = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#0072B2", "#D55E00")
AWAY, UNKNOWN = "#FFFFFF", "#4D4D4D"
MARKERS = {"memory": "o", "saddle": "X", "global mean": "P", "mixture": "D", "metastable": "s", "reversed": "v"}
LEGEND = 12  # attractors that are named


def plot_basin_slice(
    cut: BasinSlice, ax: Axes | None = None, *, names: Sequence[str] | None = None, title: str | None = None
) -> Axes:
    r"""Basins in a plane: a colour for each attractor, darker where the flow takes longer.

    Thin lines are contours of the energy. Fixed points in the plane are drawn by kind: memories as circles, saddles as
    crosses, mixtures as diamonds; an attractor that lies outside of the plane is only named. White cells ran away, dark
    grey ones are not known, and where the memory takes no cues nothing is drawn.

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
    from matplotlib.colors import to_rgb

    if not isinstance(cut, BasinSlice):
        raise TypeError(f"plot_basin_slice draws what basin_slice returns, not {type(cut).__name__}.")
    top = int(cut.fixed_points.pattern.max(initial=-1))
    if cut.fixed_points.reverse is not None:
        top = max(top, int(cut.fixed_points.reverse.max(initial=-1)))
    if names is not None and len(names) <= top:
        raise ValueError(f"names must have one for each stored pattern: {len(names)} do not reach to pattern {top}.")
    ax = new_figure((7.6, 5.2)).subplots() if ax is None else ax
    labels, count = cut.labels, len(cut.fixed_points)
    reached = [
        k for k in np.argsort(-np.bincount(labels[labels >= 0], minlength=count), kind="stable") if (labels == k).any()
    ]
    order = np.where(cut.fixed_points.pattern < 0, 10**9, cut.fixed_points.pattern)
    reached = sorted(reached[:LEGEND], key=lambda k: (order[k], k)) + reached[LEGEND:]
    colours = {k: _colour(n) for n, k in enumerate(reached)}
    image, cells = np.ones((*labels.shape, 4)), labels != OUTSIDE
    image[~cells], image[labels == -1, :3], image[labels == -2, :3] = 0.0, to_rgb(AWAY), to_rgb(UNKNOWN)
    shade = _shade(cut.convergence_time)
    for k, colour in colours.items():
        here = labels == k
        image[here, :3] = colour * shade[here, None] + (1 - shade[here, None]) * 0.12
    edges = [_edges(axis) for axis in (cut.s, cut.t)]
    extent = (edges[0][0], edges[0][1], edges[1][0], edges[1][1])
    ax.imshow(image, origin="lower", extent=extent, interpolation="nearest", aspect="equal")
    energies = cut.energy[cells]
    if np.isfinite(energies).all() and energies.size and np.ptp(energies) > 0:
        levels = np.quantile(energies, np.linspace(0.02, 0.9, 10))
        ax.contour(
            cut.s,
            cut.t,
            np.ma.masked_where(~cells, cut.energy),
            levels=np.unique(levels),
            colors="black",
            linewidths=0.5,
            linestyles="solid",
            alpha=0.4,
        )
    handles = [_swatch(colours[k], _name(cut, k, names)) for k in reached[:LEGEND]]
    if len(reached) > LEGEND:
        handles.append(_swatch(None, f"and {len(reached) - LEGEND} more"))
    if (labels == -1).any():
        handles.append(_swatch(to_rgb(AWAY), "ran away"))
    if (labels == -2).any():
        handles.append(_swatch(to_rgb(UNKNOWN), "not known (boundary)"))
    if not cells.all():
        handles.append(_swatch(None, "blank: no cues of this memory"))
    handles += _draw_points(ax, cut, colours)
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
    if title:
        ax.set_title(title)
    return ax


def plot_radii(
    certified: Any, adversarial: Any, ax: Axes | None = None, *, unit: str = "", title: str | None = None
) -> Axes:
    r"""Histograms of certified and adversarial radii of many patterns, and the ratio of the two.

    Parameters
    ----------
    certified, adversarial : arrays (N,)
        From `basin_radius`; certified ones that are None count as 0, adversarial ones that are inf are left out.
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

    ax = new_figure((7.0, 4.0)).subplots() if ax is None else ax
    low = np.array([0.0 if value is None else float(value) for value in certified])
    high = np.asarray(adversarial, dtype=float)
    if low.shape != high.shape or low.ndim != 1:
        raise ValueError(f"Give one certified and one adversarial radius for each pattern: {low.shape}, {high.shape}.")
    good = np.isfinite(low) & np.isfinite(high)
    low, high = low[good], high[good]
    top = float(max(low.max(initial=0.0), high.max(initial=0.0))) or 1.0
    bins = np.linspace(0.0, top * 1.02, int(np.clip(len(low) / 3, 10, 30)) + 1)
    sorts = (
        (low, "#0072B2", "certified (no shorter push escapes)"),
        (high, "#D55E00", "adversarial (a push that escapes)"),
    )
    for number, (values, colour, name) in enumerate(sorts):
        middle = float(np.median(values)) if values.size else float("nan")
        label = f"{name}, median {middle:.3g}"
        ax.hist(values, bins=bins.tolist(), color=colour, alpha=0.35, histtype="stepfilled")
        ax.hist(values, bins=bins.tolist(), color=colour, linewidth=1.8, histtype="step", label=label)
        ax.axvline(middle, color=colour, linewidth=1.4, linestyle=("--", ":")[number])
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel=f"radius of the basin{f' ({unit})' if unit else ''}", ylabel="patterns", xlim=(0, bins[-1] * 1.03))
    ax.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if title:
        ax.set_title(title, pad=44)
    return ax


def _colour(n: int) -> np.ndarray:
    """The n-th of the palette, paler when it comes again."""
    from matplotlib.colors import to_rgb

    pale = (0.0, 0.6, 0.3)[n // len(PALETTE) % 3]
    return np.array(to_rgb(PALETTE[n % len(PALETTE)])) * (1 - pale) + pale


def _shade(times: np.ndarray) -> np.ndarray:
    """1 for the quicker half of the states, down to 0.35 for the slowest, on a logarithmic scale."""
    known = np.isfinite(times) & (times > 0)
    answer = np.ones(times.shape)
    if known.any():
        low, high = np.log(np.quantile(times[known], [0.5, 0.998]))
        if high > low:
            answer[known] = 1 - 0.65 * np.clip((np.log(times[known]) - low) / (high - low), 0, 1)
    return answer


def _note(times: np.ndarray) -> str:
    known = times[np.isfinite(times)]
    if not known.size:
        return "where it flows to"
    return f"where it flows to\n(darker: slower, up to {known.max():.2g}$\\,\\tau$)"


def _edges(axis: np.ndarray) -> tuple[float, float]:
    half = (axis[1] - axis[0]) / 2
    return float(axis[0] - half), float(axis[-1] + half)


def _swatch(colour: Any, name: str) -> Any:
    from matplotlib.patches import Patch

    face = "none" if colour is None else tuple(colour)
    return Patch(facecolor=face, edgecolor="none" if colour is None else "black", linewidth=0.4, label=name)


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


def _draw_points(ax: Axes, cut: BasinSlice, colours: dict[int, np.ndarray]) -> list[Any]:
    """Fixed points in the plane; returns a legend entry for each sort that was drawn."""
    from matplotlib.lines import Line2D

    drawn: dict[str, Any] = {}
    for k in np.flatnonzero(cut.near):
        kind = str(cut.fixed_points.kind[k])
        sort = "memory" if kind.startswith("memory") else kind.split("(")[0]
        name = {"memory": "fixed point (memory)"}.get(sort, sort)
        marker = MARKERS.get(sort, "*")
        index = int(cut.fixed_points.index[k])
        face = "white" if cut.fixed_points.stable[k] else "black" if index <= 1 else GREY
        size = 8 if sort == "memory" else 9
        style = {"marker": marker, "markersize": size, "markerfacecolor": face, "markeredgecolor": "black"}
        if face != "white":
            style["markeredgecolor"] = "white"
        ax.plot(*cut.points[k], linestyle="none", zorder=5, markeredgewidth=1.0, **style)
        if sort == "saddle":
            name = f"saddle of index {index}"
        drawn.setdefault(name, Line2D([], [], linestyle="none", label=name, markeredgewidth=1.0, **style))
    return list(drawn.values())
