"""Pictures of sweeps: the fraction recalled against how much is stored, or how much is hidden."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...dynamics.doors import flag, whole
from ..plots import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LINES,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    Look,
    head,
    made_by,
    new_figure,
    open_axes,
    ticks_at,
    wording,
)
from ._criteria import FORM
from ._sweep import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = {  # of the similarities, the same in every picture
    "manhattan": Look(BLUE, "o"),
    "dot": Look(VERMILLION, "s"),
    "cosine": Look(PURPLE, "D"),
    "euclidean": Look(GREEN, "^"),
    "kl": Look(ORANGE, "v"),
    "reverse_kl": Look(SKY, "P"),
    "jensen_shannon": Look(BLACK, "X"),
    "jeffreys": Look(GREY, "h"),
}
RAW_DOT = Look("#9A6324", "*")  # beside the dot product of eq. 13
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
        Whether the axis is the threshold of criteria such as ``"error < 50"``; of several sizes and levels the first
        are drawn then.

    Returns
    -------
    Axes
        ``ax.figure.savefig("capacity.png")`` writes the picture. Of several criteria the first is drawn, and named at
        the axis.

    Raises
    ------
    ValueError
        For `thresholds` where a criterion has none.

    Examples
    --------
    >>> from hopfield.analysis import capacity
    >>> found = capacity("digits", ["manhattan", "cosine"], sizes=[5, 20, 50], level=0.1, runs=3, seed=0)
    >>> plot_sweep(found).get_ylabel()
    'fraction recalled'
    """
    made_by("plot_sweep", sweep, Sweep, "capacity or robustness")
    legend, thresholds = flag("legend", legend), flag("thresholds", thresholds)
    lines = list(_lines(sweep, thresholds))
    ax = open_axes(ax)
    for k, (style, label, x, mean, std) in enumerate(lines):
        low, high = np.clip(mean - std, 0, 1), np.clip(mean + std, 0, 1)
        # Each smaller than the one before it: where curves coincide, all of them are seen.
        ax.plot(x, mean, label=label, markersize=8 - 5 * (k + 1) / len(lines), linewidth=1.3, **style)
        ax.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)
    name, values = ("threshold", lines[0][2]) if thresholds else sweep.axis
    if name != "level" and len(values) > 3 and min(values) > 0:
        ax.set_xscale("log")
    if name != "level":
        ticks_at(ax, values)
    ax.set_xlabel({"stored": "patterns stored", "threshold": _threshold(sweep)}.get(name, _level(sweep)))
    drawn = f" ({sweep.criteria[0]})" if len(sweep.criteria) > 1 and not thresholds else ""  # of several, the first
    ax.set_ylabel(f"fraction recalled{drawn}")
    ax.set_ylim(-0.03, 1.03)
    head(ax, title)
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
    return [*found.values(), *(Line2D([], [], color=GREY, linestyle=v, label=k) for k, v in dashed.items())]


def _lines(sweep: Sweep, thresholds: bool) -> Any:
    mean, std = sweep.mean, sweep.std
    several = len(sweep.separations) > 1 and len(sweep.similarities) == 1
    looks = _looks(sweep.similarities)
    x = _thresholds(sweep) if thresholds else np.asarray(sweep.axis[1])
    for i, kind in enumerate(sweep.similarities):
        for j, separation in enumerate(sweep.separations):
            style: dict[str, Any] = looks[i]._asdict()
            if several:
                style = {"color": LINES[j % len(LINES)], "marker": SHAPES[j % len(SHAPES)]}
            elif j:
                style |= {"linestyle": DASHES[j % len(DASHES)], "marker": "", "zorder": 3}
            names = separation if several else readable(kind) if j == 0 else f"_{separation}"
            part = (i, j, slice(None), 0, 0) if thresholds else (i, j, 0)
            yield style, names, x, mean[part].reshape(-1), std[part].reshape(-1)


def _looks(similarities: Sequence[str]) -> list[Look]:
    """A colour and a mark for every curve: what is in the table has its own, others take what is left."""
    known = [CURVES.get(_base(kind)) for kind in similarities]
    left = [Look(c, m) for c, m in zip(LINES, SHAPES, strict=True) if all(c != own.color for own in known if own)]
    left = left or [Look(c, m) for c, m in zip(LINES, SHAPES, strict=True)]
    found, used = [], 0
    for kind, own in zip(similarities, known, strict=True):
        if kind == "dot" and "published(dot)" in similarities:
            found.append(RAW_DOT)
        elif own is None:
            found.append(left[used % len(left)])
            used += 1
        else:
            found.append(own)
    return found


def _thresholds(sweep: Sweep) -> np.ndarray:
    parts = {name: re.fullmatch(FORM, name) for name in sweep.criteria}
    if none := [name for name, found in parts.items() if found is None]:
        raise ValueError(
            f"thresholds=True draws criteria that have a threshold, such as 'error < 50', and this sweep has "
            f"{', '.join(none)}. Leave it out, or count by several errors."
        )
    return np.array([float(found[2]) for found in parts.values() if found])


def _threshold(sweep: Sweep) -> str:
    """The label of an axis of thresholds, with what they are scaled by if that is the same for all."""
    parts = [re.fullmatch(FORM, name) for name in sweep.criteria]
    scales = {(found[3] or "").strip("* ").replace(" ", "") for found in parts if found}
    scale = scales.pop() if len(scales) == 1 else ""
    return f"threshold of the squared error{f' (times {scale})' if scale else ''}"


def _base(kind: str) -> str:
    return re.sub(r"^\w+\(([\w]+).*\)$", r"\1", kind)


def readable(kind: str) -> str:
    """A similarity as the legend names it."""
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
    pairs = sweeps if isinstance(sweeps, list | tuple) else ()
    if not pairs or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError("sweeps must be pairs of a title and a Sweep, one at least: [(title, sweep), ...].")
    for title, sweep in pairs:
        wording("title", title)
        made_by("plot_sweeps", sweep, Sweep, "capacity or robustness")
    columns = min(whole("columns", columns, 1), len(sweeps))
    rows = -(-len(sweeps) // columns)
    figure = new_figure((max(6.0, 3.4 * columns + 0.4), 3.0 * rows + 0.9))
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for ax, (title, sweep) in zip(axes.ravel(), sweeps, strict=False):
        text = title.replace(": ", ":\n", 1) if len(title) > WIDE_TITLE and "\n" not in title else title
        plot_sweep(sweep, ax, title=text, legend=False, thresholds=thresholds)
    handles = _handles(axes.ravel().tolist(), [sweep for _, sweep in sweeps])
    wide = max(3, round(1.6 * columns) + 1)
    figure.legend(handles=handles, loc="outside lower center", ncols=wide, frameon=False, fontsize="small")
    for ax in axes.ravel()[len(sweeps) :]:
        ax.set_visible(False)
    for ax in axes[:, 1:].ravel():
        ax.set_ylabel("")
    return figure


def plot_sheet(rows: Sequence[tuple[str, Sequence[tuple[str, np.ndarray]]]], title: str | None = None) -> Figure:
    r"""Images (H, W) or (C, H, W) from 0 to 1 in rows, each row with a name and each image with words below."""
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
