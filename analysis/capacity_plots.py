"""Pictures of sweeps: the fraction recalled against how much is stored, or how much is hidden."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .plots import new_figure
from .sweep import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "manhattan": "#0072B2",
    "dot": "#D55E00",
    "cosine": "#CC79A7",
    "euclidean": "#009E73",
    "kl": "#E69F00",
    "reverse_kl": "#56B4E9",
    "jensen_shannon": "#000000",
    "jeffreys": "#8C8C8C",
}
MARKERS = {"manhattan": "o", "dot": "s", "cosine": "D", "euclidean": "^", "kl": "v", "reverse_kl": "P"}
CYCLE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#8C8C8C",
    "#7A5195",
    "#9A6324",
    "#A8C400",
)
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.")
WIDE_TITLE = 38  # letters; longer ones run into their neighbours
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p")


def plot_sweep(
    sweep: Sweep, ax: Axes | None = None, *, title: str | None = None, legend: bool = True, thresholds: bool = False
) -> Axes:
    r"""The mean over runs with one standard deviation to either side, a curve for every rule.

    Parameters
    ----------
    sweep : Sweep
        From `capacity` or `robustness`.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Above the axes.
    legend : bool
        Whether curves are named in the picture.
    thresholds : bool
        Whether the axis is the threshold of criteria such as ``"error < 50"``.

    Returns
    -------
    Axes
        ``ax.figure.savefig("capacity.png")`` writes the picture. Of several criteria the first is drawn, and named at
        the axis.

    Examples
    --------
    >>> from hopfield.analysis import capacity
    >>> found = capacity("digits", ["manhattan", "cosine"], sizes=[5, 20, 50], level=0.1, runs=3, seed=0)
    >>> plot_sweep(found).get_ylabel()
    'fraction recalled'
    """
    ax = new_figure((6.0, 3.8)).add_subplot() if ax is None else ax
    lines = list(_lines(sweep, thresholds))
    for k, (style, label, x, mean, std) in enumerate(lines):
        low, high = np.clip(mean - std, 0, 1), np.clip(mean + std, 0, 1)
        # Each smaller than the one before it: where curves coincide, all of them are seen.
        ax.plot(x, mean, label=label, markersize=8 - 5 * (k + 1) / len(lines), linewidth=1.3, **style)
        ax.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)
    name, values = ("threshold", ()) if thresholds else sweep.axis
    if thresholds or (name == "stored" and len(values) > 3):
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_xlabel({"stored": "patterns stored", "threshold": "threshold of the squared error"}.get(name, _level(sweep)))
    drawn = f" ({sweep.criteria[0]})" if len(sweep.criteria) > 1 and not thresholds else ""  # of several, the first
    ax.set_ylabel(f"fraction recalled{drawn}")
    ax.set_ylim(-0.03, 1.03)
    ax.spines[["top", "right"]].set_visible(False)
    if title:
        ax.set_title(title, fontsize="medium")
    if legend:
        ax.legend(handles=_handles([ax], [sweep]), frameon=False, fontsize="x-small")
    return ax


def _handles(axes: Sequence[Axes], sweeps: Sequence[Sweep]) -> list[Any]:
    """One entry for every curve's name, and one for every way in which curves of the same colour are dashed."""
    from matplotlib.lines import Line2D

    found = {line.get_label(): line for ax in axes for line in ax.lines if not str(line.get_label()).startswith("_")}
    dashed = {
        f"{separation} instead of {sweep.separations[0]}": DASHES[j % len(DASHES)]
        for sweep in sweeps
        if len(sweep.similarities) > 1
        for j, separation in enumerate(sweep.separations)
        if j
    }
    return [*found.values(), *(Line2D([], [], color="grey", linestyle=v, label=k) for k, v in dashed.items())]


def _lines(sweep: Sweep, thresholds: bool) -> Any:
    mean, std = sweep.mean, sweep.std
    several = len(sweep.separations) > 1 and len(sweep.similarities) == 1
    for i, kind in enumerate(sweep.similarities):
        for j, separation in enumerate(sweep.separations):
            base = _base(kind)
            style: dict[str, Any] = {
                "color": COLOURS.get(base, CYCLE[i % len(CYCLE)]),
                "marker": MARKERS.get(base, "x"),
            }
            if kind == "dot" and len(sweep.similarities) > 1 and "published(dot)" in sweep.similarities:
                style |= {"color": CYCLE[9], "marker": "*"}
            if several:
                style = {"color": CYCLE[j % len(CYCLE)], "marker": SHAPES[j % len(SHAPES)]}
            elif j:
                style |= {"linestyle": DASHES[j % len(DASHES)], "marker": "", "zorder": 3}
            names = separation if several else readable(kind) if j == 0 else f"_{separation}"
            if thresholds:
                values = [float(re.findall(r"[\d.]+", name)[0]) for name in sweep.criteria]
                yield style, names, values, mean[i, j, :, 0, 0], std[i, j, :, 0, 0]
            else:
                values = np.asarray(sweep.axis[1])
                yield style, names, values, mean[i, j, 0].reshape(-1), std[i, j, 0].reshape(-1)


def _base(kind: str) -> str:
    return re.sub(r"^\w+\(([\w]+).*\)$", r"\1", kind)


def readable(kind: str) -> str:
    """A similarity as the legend names it.

    >>> readable("normalised(reverse_kl)"), readable("published(dot)"), readable("dot")
    ('reverse KL', 'dot (eq. 13)', 'dot')
    """
    base = _base(kind)
    words = {"kl": "KL", "reverse_kl": "reverse KL", "jensen_shannon": "Jensen-Shannon", "raw_dot": "dot"}
    if base == "dot" and base != kind:
        return "dot (eq. 13)"
    return words.get(base, base.capitalize() if base in ("jeffreys", "manhattan", "euclidean") else base)


def _level(sweep: Sweep) -> str:
    return "variance of the noise" if "noise" in sweep.cue else f"fraction: {sweep.cue}"


def plot_sweeps(sweeps: Sequence[tuple[str, Sweep]], columns: int = 3, *, thresholds: bool = False) -> Figure:
    r"""Several sweeps beside one another, with one legend for panels of the same rules.

    Parameters
    ----------
    sweeps : sequence of (title, Sweep)
        What is drawn, in order.
    columns : int
        How many stand beside one another.
    thresholds : bool
        As in `plot_sweep`.

    Returns
    -------
    Figure
        ``figure.savefig("capacity.png")`` writes it.

    Examples
    --------
    >>> from hopfield.analysis import capacity
    >>> found = capacity("digits", "cosine", sizes=[5, 20, 50], level=0.1, runs=3, seed=0)
    >>> len(plot_sweeps([("left", found), ("right", found)]).axes)
    2
    """
    columns = min(columns, len(sweeps))
    rows = -(-len(sweeps) // columns)
    figure = new_figure((max(6.0, 3.4 * columns + 0.4), 3.0 * rows + 0.9))
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for ax, (title, sweep) in zip(axes.ravel(), sweeps, strict=False):
        words = title.replace(": ", ":\n", 1) if len(title) > WIDE_TITLE and "\n" not in title else title
        plot_sweep(sweep, ax, title=words, legend=False, thresholds=thresholds)
    handles = _handles(axes.ravel().tolist(), [sweep for _, sweep in sweeps])
    wide = max(3, round(1.6 * columns) + 1)
    figure.legend(handles=handles, loc="outside lower center", ncols=wide, frameon=False, fontsize="small")
    for ax in axes.ravel()[len(sweeps) :]:
        ax.set_visible(False)
    for ax in axes[:, 1:].ravel():
        ax.set_ylabel("")
    return figure


def plot_sheet(rows: Sequence[tuple[str, Sequence[tuple[str, np.ndarray]]]], title: str | None = None) -> Figure:
    r"""Images (H, W) or (C, H, W) from 0 to 1 in rows, each row with a name and each image with words below.

    >>> figure = plot_sheet([("stored", [("", np.eye(3))]), ("cue", [("half", np.eye(3) / 2)])], "Unit vectors")
    >>> len(figure.axes)
    2
    """
    columns = max(len(images) for _, images in rows)
    figure = new_figure((max(4.0, 0.95 * columns + 1.1), 1.12 * len(rows) + 0.5))
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, images) in zip(axes, rows, strict=True):
        for ax in line:
            ax.set_axis_off()
        for ax, (words, image) in zip(line, images, strict=False):
            shown = np.moveaxis(np.clip(image, 0, 1), 0, -1) if image.ndim == 3 else np.clip(image, 0, 1)
            ax.set_axis_on()
            ax.imshow(shown.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            ax.set_xlabel(words, fontsize="x-small", labelpad=2)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure
