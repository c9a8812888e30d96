"""Pictures: energies and overlaps over time, and recalled images beside their cues.

Everything is drawn with matplotlib's objects: no global state is touched, no window opens, and matplotlib is
imported when the first picture is made. Functions that draw into axes take `ax` and return it (``ax.figure``
is the picture); without `ax` they make a figure of their own.

Colours are those of Okabe and Ito, which colour-blind readers tell apart; nothing is said by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dynamics import backend
from ..dynamics.trajectory import Trajectory
from ..dynamics.validation import unknown_name
from ..models.memory import AssociativeMemory
from ..models.retrieval import nearest
from .lyapunov import ROUNDING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

BLUE, ORANGE, VERMILLION, GREY = "#0072B2", "#E69F00", "#D55E00", "#8C8C8C"
MOST = 200  # thin lines in one picture: more are one grey area, slow to draw and to load
MEASURES = {
    "cosine": r"overlap  $g\cdot M_i\,/\,|g||M_i|$",
    "similarity": r"similarity  $s_i(g)$",
    "weight": r"weight  $f_i$",
}


def plot_energy(
    trajectory: Trajectory,
    ax: Axes | None = None,
    *,
    relative: bool = False,
    color: str = BLUE,
    title: str | None = None,
) -> Axes:
    r"""The energy of every sample against time, with the median over the samples.

    Samples are thin lines (a selection of 200 when there are more); the median is over all of them. Intervals
    over which the energy rises beyond rounding, as `check_lyapunov` counts them, are drawn in vermillion with
    a mark at their end.

    Parameters
    ----------
    trajectory : Trajectory
        What `simulate` returned; with dt = inf the axis counts updates.
    ax : Axes, optional
        Where to draw.
    relative : bool
        False: the energy on a linear scale, which shows the depths that are reached. True: the energy above
        the lowest that the sample reached, on a logarithmic scale, which shows how fast it is approached; the
        scale ends where rounding begins.
    color : str
        Of the lines.
    title : str, optional
        Above the axes.

    Returns
    -------
    Axes
        ``ax.figure.savefig("energy.png")`` writes the picture.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield import ModernHopfield, simulate
    >>> run = simulate(ModernHopfield(np.eye(3), beta=8.0), np.array([[0.9, 0.2, 0.1], [0.1, 0.6, 0.2]]), t1=10)
    >>> plot_energy(run, relative=True).get_yscale()
    'log'
    """
    from matplotlib.collections import LineCollection

    ax = _axes(ax)
    energy = _columns(trajectory.energy)
    times = np.broadcast_to(trajectory.times.reshape(len(energy), -1), energy.shape)
    slack = ROUNDING * backend.epsilon(trajectory.energy) * _columns(trajectory.energy_scale)
    rose = np.diff(energy, axis=0) > np.maximum(slack[1:], slack[:-1])
    if relative:
        energy = np.maximum(energy - np.nanmin(energy, axis=0), slack)
        ax.set_yscale("log")
    samples = energy.shape[1]
    shown = np.unique(np.linspace(0, samples - 1, min(samples, MOST)).astype(int))
    if samples > 1:
        lines = [np.column_stack([times[:, k], energy[:, k]]) for k in shown]
        alpha = float(np.clip(20 / len(shown), 0.12, 0.6))
        ax.add_collection(LineCollection(lines, colors=color, linewidths=0.7, alpha=alpha), autolim=True)
    clock, middle = _median(times, energy)
    updates = _counts_updates(trajectory)
    few = {"marker": "o", "markersize": 4} if updates and len(clock) <= 60 else {}
    name = f"median of {samples}" if samples > 1 else "energy"
    ax.plot(clock, middle, color="black" if samples > 1 else color, linewidth=2, label=name, **few)
    if rose.any():
        k, sample = np.nonzero(rose)
        ends = np.stack([np.stack([times[k + i, sample], energy[k + i, sample]], axis=-1) for i in (0, 1)], axis=1)
        label = f"rises ({len(k)} of {rose.size} steps)"
        ax.add_collection(LineCollection(ends[:5000], colors=VERMILLION, linewidths=1.4, zorder=3), autolim=True)
        ax.plot(*ends[:5000, 1].T, "^", color=VERMILLION, markersize=4, zorder=3, label=label)
    if relative:
        floor = float(np.median(slack))
        ax.axhspan(floor / 30, floor, color=GREY, alpha=0.25, linewidth=0, label="rounding")
        ax.set_ylim(bottom=floor / 30)
    ax.autoscale_view(scaley=not relative)
    ax.margins(x=0)
    ax.set_ylabel("energy above the lowest" if relative else "energy $E$")
    if samples > 1 or relative or rose.any():
        ax.legend(frameon=False, fontsize="small", loc="upper right")
    return _finished(ax, updates, title)


def plot_overlaps(
    memory: AssociativeMemory,
    trajectory: Trajectory,
    sample: int = 0,
    ax: Axes | None = None,
    *,
    target: int | None = None,
    measure: str = "cosine",
    title: str | None = None,
) -> Axes:
    r"""How near one sample is to each stored pattern, over time.

    The overlap with pattern i is the cosine m_i = g . M_i/(\|g\| \|M_i\|) of the value neurons' activation g;
    for patterns of +1 and -1 it is the order parameter of Hopfield networks. The pattern nearest to the end
    and the one that the cue was made from are drawn and named, the others are grey.

    Parameters
    ----------
    memory : model
        Whose patterns.
    trajectory : Trajectory
        What `simulate` returned, with the value neurons saved.
    sample : int
        Which sample of the (flattened) batch.
    ax : Axes, optional
        Where to draw.
    target : int, optional
        The row of the pattern that the cue was made from.
    measure : {"cosine", "similarity", "weight"}
        m_i, the model's own score s_i(g), or the weight f_i = sep(s_i) that it gives to pattern i.
    title : str, optional
        Above the axes.

    Returns
    -------
    Axes
        Where it was drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield import ModernHopfield, simulate
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> ax = plot_overlaps(memory, simulate(memory, np.array([0.9, 0.2, 0.1]), t1=10), target=0)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['pattern 0: recalled, and the cue is from it', '2 other patterns']
    """
    from matplotlib.collections import LineCollection

    if measure not in MEASURES:
        raise unknown_name("measure", measure, MEASURES)
    ax = _axes(ax)
    path = trajectory.activations["value"]
    path = path.reshape((len(path), -1, path.shape[-1]))
    if not -path.shape[1] <= sample < path.shape[1]:
        raise ValueError(f"There is no sample {sample}: the trajectory holds {path.shape[1]}, counted from 0.")
    path = path[:, sample]
    times = trajectory.times.reshape(len(path), -1)[:, sample if trajectory.times.ndim > 1 else 0]
    overlaps = _measured(memory, path, measure)
    winner = int(nearest(memory, path[-1]))
    named = {winner: "recalled"}
    if target is not None:
        named[target] = "recalled, and the cue is from it" if target == winner else "the cue is from it"
    others = [k for k in np.argsort(-overlaps.max(axis=0)) if k not in named]
    lines = [np.column_stack([times, overlaps[:, k]]) for k in others[:MOST]]
    ax.add_collection(LineCollection(lines, colors=GREY, linewidths=0.7, alpha=0.5), autolim=True)
    marker = "o" if _counts_updates(trajectory) and len(times) <= 60 else None
    for k, what in named.items():
        color, style = (BLUE, "-") if k == winner else (ORANGE, "--")
        label = f"pattern {k}: {what}"
        ax.plot(times, overlaps[:, k], style, color=color, linewidth=2.2, marker=marker, markersize=4, label=label)
    if others:
        more = f"{len(others)} other pattern" + "s" * (len(others) > 1)
        more += f" ({MOST} nearest drawn)" if len(others) > MOST else ""
        ax.plot([], [], color=GREY, linewidth=0.9, label=more)
    ax.autoscale_view()
    ax.margins(x=0)
    ax.set_ylabel(MEASURES[measure])
    ax.legend(fontsize="small", framealpha=0.85, edgecolor="none")
    return _finished(ax, _counts_updates(trajectory), title)


def plot_recall(
    memory: AssociativeMemory | Any,
    cues: Any,
    recalled: Any,
    shape: Sequence[int],
    *,
    targets: Any = None,
    samples: int | Sequence[int] = 10,
    title: str | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    r"""Stored images, their cues and what was recalled, one column for each sample.

    All images share one scale, that of the stored patterns (black to white); what a cue holds beyond it is
    clipped in the picture. A recall is wrong when the stored pattern nearest to it is not the target: it gets
    a frame, a cross and the number of the pattern that came instead.

    Parameters
    ----------
    memory : model or array (N, D)
        The stored patterns. A model decides what is nearest as its similarity does (angle or 2-norm).
    cues, recalled : arrays (B, D)
        What the memory was given, and what it gave back.
    shape : (H, W), (1, H, W) or (3, H, W)
        Shape of one image; three channels are shown in colour.
    targets : int array (B,), optional
        The row of the pattern that each cue was made from. Without it nothing is right or wrong, and the
        nearest stored pattern stands below what was recalled.
    samples : int or sequence of int
        How many samples to show, or which.
    title : str, optional
        Above the picture; how many of all B were recalled is added.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Figure
        ``figure.savefig("recall.png")`` writes it.

    Raises
    ------
    ValueError
        When shape, cues, recalled and targets do not agree.

    Examples
    --------
    >>> import numpy as np
    >>> patterns = np.eye(4)
    >>> figure = plot_recall(patterns, patterns, patterns, (2, 2), targets=range(4), title="Unit vectors")
    >>> figure.get_suptitle()
    'Unit vectors: 4 of 4 recalled'
    """
    patterns = memory.memories if isinstance(memory, AssociativeMemory) else memory
    patterns, cues, recalled = (backend.to_numpy(x) for x in (patterns, cues, recalled))
    cues, recalled = cues.reshape(-1, cues.shape[-1]), recalled.reshape(-1, recalled.shape[-1])
    targets = None if targets is None else np.asarray(targets).reshape(-1)
    _check_images(patterns, cues, recalled, shape, targets)
    near = _nearest(memory, patterns, recalled)
    chosen = range(min(samples, len(cues))) if isinstance(samples, int) else list(samples)
    stored = near if targets is None else targets
    rows = [("cue", cues), ("recalled", recalled)]
    rows = [*rows, ("nearest\nstored", patterns[stored])] if targets is None else [("stored", patterns[stored]), *rows]
    wrong = np.zeros(len(cues), dtype=bool) if targets is None else near != targets

    figure = _figure((0.82 * len(chosen) + 0.75, 3.35)) if figure is None else figure
    cells = figure.subplots(len(rows), len(chosen), squeeze=False)
    scale = float(patterns.min()), float(patterns.max())
    for i, (label, images) in enumerate(rows):
        cells[i, 0].set_ylabel(label, rotation=0, ha="right", va="center")
        for j, k in enumerate(chosen):
            _show(cells[i, j], images[k], shape, scale)
    last = next(i for i, (label, _) in enumerate(rows) if label == "recalled")
    for j, k in enumerate(chosen):
        if targets is not None:
            cells[0, j].set_title(f"{stored[k]}", fontsize="small", pad=3)
        if wrong[k]:
            cells[last, j].set_xlabel(f"✗ {near[k]}", fontsize="small", color=VERMILLION, labelpad=3)
            for spine in cells[last, j].spines.values():
                spine.set(visible=True, color=VERMILLION, linewidth=2.5)
        elif targets is None:
            cells[-1, j].set_xlabel(f"{near[k]}", fontsize="small", labelpad=3)
    count = "" if targets is None else f"{int((~wrong).sum())} of {len(wrong)} recalled"
    count += " (✗ and the number of what came instead)" if wrong[list(chosen)].any() else ""
    if heading := ": ".join(part for part in (title, count) if part):
        figure.suptitle(heading, fontsize="medium")
    return figure


def _check_images(patterns: Any, cues: Any, recalled: Any, shape: Sequence[int], targets: Any) -> None:
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] not in (1, 3)):
        raise ValueError(f"shape must be (H, W), (1, H, W) or (3, H, W), got {tuple(shape)}.")
    for name, images in (("patterns", patterns), ("cues", cues), ("recalled", recalled)):
        if images.shape[-1] != math.prod(shape):
            raise ValueError(
                f"{name} has rows of {images.shape[-1]} values, but images of shape {tuple(shape)} have "
                f"{math.prod(shape)}. Give the shape of one image."
            )
    if len(cues) != len(recalled) or (targets is not None and len(targets) != len(cues)):
        found = f"{len(cues)} cues, {len(recalled)} recalled" + (
            "" if targets is None else f" and {len(targets)} targets"
        )
        raise ValueError(f"There are {found}: give one of each for every sample.")


def _nearest(memory: Any, patterns: np.ndarray, recalled: np.ndarray) -> np.ndarray:
    from ..models.similarity import Euclidean

    if isinstance(memory, AssociativeMemory):
        return nearest(memory, backend.asarray(recalled, memory.memories))
    return Euclidean().scores(patterns, recalled).argmax(axis=-1)


def _show(cell: Axes, image: np.ndarray, shape: Sequence[int], scale: tuple[float, float]) -> None:
    low, high = scale if scale[1] > scale[0] else (scale[0], scale[0] + 1)
    image = np.clip((image.reshape(shape) - low) / (high - low), 0, 1)
    if len(shape) == 3:
        image = image[0] if shape[0] == 1 else np.moveaxis(image, 0, -1)
    cell.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    cell.set(xticks=[], yticks=[])
    for spine in cell.spines.values():
        spine.set(color="#BBBBBB", linewidth=0.6)


def _measured(memory: AssociativeMemory, path: Any, measure: str) -> np.ndarray:
    from ..models.similarity import Cosine

    if measure == "cosine":
        return backend.to_numpy(Cosine().scores(memory.memories, path))
    return backend.to_numpy(memory.scores(path) if measure == "similarity" else memory.weights(path))


def _median(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The median over samples; samples with times of their own are interpolated at all of them together."""
    if (times == times[:, :1]).all():
        return times[:, 0], np.median(values, axis=1)
    clock = np.unique(times)
    clock = clock[np.unique(np.linspace(0, len(clock) - 1, 500).astype(int))]
    columns = [np.interp(clock, times[:, k], values[:, k]) for k in range(times.shape[1])]
    return clock, np.median(columns, axis=0)


def _counts_updates(trajectory: Trajectory) -> bool:
    return "dt=inf" in trajectory.statistics.get("integrator", "")


def _columns(values: Any) -> np.ndarray:
    host = backend.to_numpy(values).astype(float)
    return host.reshape(len(host), -1)


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=150, layout="constrained")


def _axes(ax: Axes | None) -> Axes:
    return _figure((6.0, 3.8)).add_subplot() if ax is None else ax


def _finished(ax: Axes, updates: bool, title: str | None) -> Axes:
    ax.set_xlabel("updates" if updates else r"time $t$ (in the units of $\tau$)")
    if updates:
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    if title:
        ax.set_title(title, fontsize="medium")
    return ax
