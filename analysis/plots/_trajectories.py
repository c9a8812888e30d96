"""Curves: energies and overlaps over time.

Functions that draw into axes take `ax` and return it (``ax.figure`` is the picture); without `ax` they make a figure of
their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import unknown_name
from ...dynamics.doors import flag
from ...dynamics.simulation import ROUNDING, Trajectory
from ...models._copies import copies_of, is_reverse
from ...models._model import as_model, is_model
from ...models.family import nearest, patterns_of
from ...models.measures import Cosine
from ._doors import colour, head, made_by, row_of
from ._style import BLUE, GREY, ORANGE, WRONG, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HUGE = 1e100  # an energy beyond it has run away, and is not drawn
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
    a mark at their end. Where inputs or numbers change in time, the energy less their work E - W is drawn beside it,
    dashed, and it is what should not rise.

    Parameters
    ----------
    trajectory : Trajectory
        What `simulate` returned; with dt = inf the axis counts updates.
    ax : Axes, optional
        Where to draw.
    relative : bool
        False: the energy on a linear scale, which shows the depths that are reached. True: the energy above
        the lowest that the sample reached, on a logarithmic scale, which shows how fast it is approached; the
        scale ends where rounding begins. Of a run whose inputs change it is E - W.
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

    made_by("plot_energy", trajectory, Trajectory, "simulate")
    relative, color = flag("relative", relative), colour("color", color)
    ax = open_axes(ax)
    energy = _columns(trajectory.energy)
    times = np.broadcast_to(trajectory.times.reshape(len(energy), -1), energy.shape)
    slack = ROUNDING * backend.epsilon(trajectory.energy) * _columns(trajectory.energy_scale)
    driven = trajectory.drive is not None
    balance = energy - _columns(trajectory.work) if driven else energy
    off = np.diff(_columns(trajectory.work_error), axis=0) if driven else 0.0
    rose = np.diff(balance, axis=0) > np.maximum(slack[1:], slack[:-1]) + off
    if relative:
        energy = balance
    energy = np.where(np.abs(energy) < HUGE, energy, np.nan)
    floor = float(np.median(slack[(slack > 0) & (slack < HUGE)])) if (slack > 0).any() else 1e-16
    if relative:
        energy = np.maximum(energy - np.fmin.reduce(energy, axis=0), np.clip(slack, floor / 5, HUGE))
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
    ax.plot(clock, middle, color="black" if samples > 1 else color, linewidth=2, label=name, zorder=4, **few)
    if driven and not relative:
        ax.plot(*_median(times, balance), "--", color=ORANGE, linewidth=1.6, label="less the work, $E - W$", zorder=4)
        energy = balance  # what rises, rises there
    if rose.any():
        k, sample = (part[:5000] for part in np.nonzero(rose))
        ends = np.stack([np.stack([times[k + i, sample], energy[k + i, sample]], axis=-1) for i in (0, 1)], axis=1)
        ax.add_collection(LineCollection(list(ends), colors=WRONG, linewidths=0.9), autolim=True)
        label = f"rises ({int(rose.sum())} of {int((np.diff(times, axis=0) > 0).sum())} steps)"
        ax.plot(*ends[:, 1].T, "^", color=WRONG, markersize=3.5, label=label)
    if relative:
        ax.axhspan(floor / 10, floor, color=GREY, alpha=0.25, linewidth=0, label="rounding")
        ax.set_ylim(bottom=floor / 10)
    ax.margins(x=0.03 if few else 0)
    ax.autoscale_view(scaley=not relative)
    ax.set_ylabel(("$E - W$" if driven else "energy") + " above the lowest" if relative else "energy $E$")
    if samples > 1 or relative or rose.any() or driven:
        place = "upper right" if not rose.any() else "center right" if relative else "upper left"
        ax.legend(frameon=False, fontsize="small", loc=place)
    return _finished(ax, updates, title)


def plot_overlaps(
    memory: Any,
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
    and the one that the cue was made from are drawn and named, the others are grey. It is called recalled if the sample
    ended in a steady state.

    Parameters
    ----------
    memory : model or array (N, I)
        With the stored patterns, or the patterns; `measure` "similarity" and "weight" need a model.
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
    >>> ax = plot_overlaps(memory, simulate(memory, np.array([0.9, 0.2, 0.1]), t1=20), target=0)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['pattern 0: recalled, and the cue is from it', '2 other patterns']
    """
    from matplotlib.collections import LineCollection

    if not isinstance(measure, str) or measure not in MEASURES:
        raise unknown_name("measure", measure, MEASURES)
    made_by("plot_overlaps", trajectory, Trajectory, "simulate")
    path = trajectory.activations[next(iter(trajectory.network.populations))]
    path = path.reshape((len(path), -1, path.shape[-1]))
    if isinstance(sample, bool) or not isinstance(sample, int | np.integer):
        raise TypeError(f"sample must be a whole number, got {type(sample).__name__}; axes are given as ax=...")
    if not -path.shape[1] <= sample < path.shape[1]:
        raise ValueError(f"There is no sample {sample}: the trajectory holds {path.shape[1]}, counted from 0.")
    path = path[:, sample]
    times = trajectory.times.reshape(len(path), -1)[:, sample if trajectory.times.ndim > 1 else 0]
    overlaps = _measured(memory, path, measure)
    if target is not None:
        target = row_of("target", target, overlaps.shape[1], "patterns")
    ax = open_axes(ax)
    winner = int(nearest(memory, path[-1]))
    steady = bool(np.reshape(trajectory.converged, -1)[sample])
    end = "recalled" if not is_reverse(patterns_of(memory, path), winner, path[-1]) else "reversed"
    end = end if steady else "nearest at the end, not steady yet"
    named = {winner: end}
    if target is not None:
        same = copies_of(memory)[target] == copies_of(memory)[winner]
        named[int(target)] = f"{end}, and the cue is from it" if same else "the cue is from it"
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
    ax.margins(x=0.03 if marker else 0)
    ax.autoscale_view()
    ax.set_ylabel(MEASURES[measure])
    _legend_below(ax, len(named) + bool(others))
    return _finished(ax, _counts_updates(trajectory), title)


def _measured(memory: Any, path: Any, measure: str) -> np.ndarray:
    if measure == "cosine":
        return backend.to_numpy(Cosine().of(patterns_of(memory, path)).scores(path))
    model, similar = as_model(memory) if is_model(memory) else None, measure == "similarity"
    if model is None or not (model.has_scores if similar else model.has_weights):
        raise TypeError(
            f"measure={measure!r} is what a model computes, and {type(memory).__name__} does not. Use measure='cosine'."
        )
    return backend.to_numpy(model.scores(path) if similar else model.memory_weights(path))


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


def _legend_below(ax: Axes, lines: int) -> None:
    """A legend in a room of its own below what is drawn, where the axis has no ticks."""
    low, high = ax.get_ylim()
    ticks = [tick for tick in ax.get_yticks() if low <= tick <= high]
    ax.set_ylim(low - 0.08 * (lines + 0.5) * (high - low), high)
    ax.set_yticks(ticks)
    ax.legend(frameon=False, fontsize="small", loc="lower left")


def _finished(ax: Axes, updates: bool, title: str | None) -> Axes:
    ax.set_xlabel("updates" if updates else r"time $t$ (in the units of $\tau$)")
    if updates:
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    head(ax, title)
    return ax
