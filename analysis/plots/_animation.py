"""A run as a moving picture: the state, its overlaps with the patterns, and the energy, frame by frame."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import affordable, flag, number, positive, quiet, whole
from ...dynamics.doors import path as path_to
from ...dynamics.simulation import Trajectory, ticker
from ...models.family import nearest
from ._doors import image_shape, made_by, row_of, wording
from ._style import BLUE, GREY, ORANGE, SKY, new_figure
from ._trajectories import _counts_updates, _measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = 60  # lines of overlaps in one picture
WRITERS = {".gif": "pillow", ".mp4": "ffmpeg"}


class Theme(NamedTuple):
    """Colours of paper, ink, and the lines that stand out."""

    paper: str
    ink: str
    faint: str
    line: str
    point: str


LIGHT = Theme("#ffffff", "#1f2328", "#d0d7de", BLUE, "#D55E00")
DARK = Theme("#0d1117", "#e6edf3", "#3d444d", SKY, ORANGE)


@quiet
def animate(
    trajectory: Trajectory,
    path: str | os.PathLike[str],
    *,
    shape: Sequence[int] | None = None,
    memory: Any = None,
    sample: int = 0,
    seconds: float = 4.0,
    fps: int = 15,
    hold: float = 1.0,
    dark: bool = False,
    title: str | None = None,
    progress: bool = False,
) -> Path:
    r"""Write a run as a GIF or MP4: its state, its overlaps with the patterns and its energy as they change.

    Frames are at equal times from the first to the last that was saved, on straight lines between saved ones (with
    dt = inf each stays until the next). The activation of the first population is an image, if its shape is given, and
    otherwise a bar for each neuron.

    Parameters
    ----------
    trajectory : Trajectory
        What `simulate` returned.
    path : path
        Where to write; ``.gif`` is written by Pillow, ``.mp4`` by ffmpeg, which has to be installed.
    shape : (H, W), (1, H, W) or (3, H, W), optional
        Of one image.
    memory : model or array (N, I), optional
        With the stored patterns. Without, those of the network, or no overlaps where it has none.
    sample : int
        Which sample of the (flattened) batch.
    seconds, hold : float
        How long it takes, and how long the last frame stays, a minute at most.
    fps : int
        Frames in a second.
    dark : bool
        Light lines on dark paper.
    title : str, optional
        Above the picture.
    progress : bool
        Show a bar on a terminal (nothing in a pipe).

    Returns
    -------
    Path
        Where it was written.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield import ModernHopfield, simulate
    >>> run = simulate(ModernHopfield(np.eye(4), beta=8.0), np.array([0.9, 0.4, 0.2, 0.1]), t1=5)
    >>> animate(run, "run.gif", shape=(2, 2), seconds=0.5, fps=8, hold=0.0).name
    'run.gif'
    """
    made_by("animate", trajectory, Trajectory, "simulate")
    path, shape = Path(path_to("path", path)), None if shape is None else image_shape(shape)
    title, dark, progress = wording("title", title), flag("dark", dark), flag("progress", progress)
    writer = _writer(path, whole("fps", fps, 1))
    count = 1 + max(1, round(positive("seconds", seconds) * fps))
    still = round(number("hold", hold, 0, 60) * fps)
    affordable("The frames", 4.0 * 720 * 340 * (count + still), "Write fewer: give less seconds, or a smaller fps.")
    movie = _Movie(trajectory, memory, sample, shape, DARK if dark else LIGHT, title)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(path.parent)!r} to write {path.name!r} to: make it first.")
    partial = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        with writer.saving(movie.figure, str(partial), movie.figure.dpi), ticker(progress, "animate", count) as tick:
            for k, time in enumerate(np.linspace(movie.times[0], movie.times[-1], count)):
                movie.show(float(time))
                writer.grab_frame(facecolor=movie.theme.paper)
                tick(k + 1)
            for _ in range(still):
                writer.grab_frame(facecolor=movie.theme.paper)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _writer(path: Path, fps: int) -> Any:
    from matplotlib.animation import FFMpegWriter, PillowWriter

    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise ValueError(f"A moving picture is a .gif or an .mp4, and {path.name!r} is neither: write run.gif.")
    if suffix == ".gif":
        return PillowWriter(fps=fps)
    if not FFMpegWriter.isAvailable():
        raise RuntimeError(
            "An .mp4 is written by the program ffmpeg, which is not installed here: write a .gif instead."
        )
    return FFMpegWriter(fps=fps, extra_args=["-pix_fmt", "yuv420p"])


class _Movie:
    """The figure, and what in it changes with time."""

    def __init__(
        self, run: Trajectory, memory: Any, sample: int, shape: tuple[int, ...] | None, theme: Theme, title: str
    ) -> None:
        name = next(iter(run.network.populations))
        if name not in run.states:
            raise ValueError(f"The states of {name!r} were not saved: simulate(..., save=[{name!r}]).")
        given = run.activations[name]
        path = given.reshape((len(given), -1, given.shape[-1]))
        row = row_of("sample", sample, path.shape[1], "samples")
        path, self.theme, self.updates = path[:, row], theme, _counts_updates(run)
        self.states = backend.to_numpy(path).astype(float)
        if not np.isfinite(self.states).all():
            raise ValueError(
                "The trajectory holds states that are not finite: take the part before, run.between(0, t)."
            )
        self.times = run.times.reshape(len(path), -1)[:, row if run.times.ndim > 1 else 0].astype(float)
        if not self.times[-1] > self.times[0]:
            raise ValueError(
                f"There is nothing to see: only the time {self.times[0]:g} was saved. Leave out save_at, or give more "
                "times."
            )
        self.energy = backend.to_numpy(run.energy).astype(float).reshape(len(path), -1)[:, row]
        width = self.states.shape[1]
        if shape is not None and int(np.prod(shape)) != width:
            raise ValueError(
                f"An image of shape {shape} has {int(np.prod(shape))} pixels, and the state {width} neurons."
            )
        self.shape = shape
        patterns = stored_in(run) if memory is None else memory
        if patterns is not None and memory is None and patterns.shape[-1] != width:
            patterns = None
        overlaps = None if patterns is None else _measured(patterns, path, "cosine")
        winner = 0 if patterns is None else int(nearest(patterns, path[-1]))
        self.figure = new_figure((7.2, 3.4))
        self.figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1, wspace=0.03)  # pyright: ignore
        self.figure.set_dpi(100)
        self.figure.set_facecolor(theme.paper)
        grid = self.figure.add_gridspec(2 if overlaps is not None else 1, 2, width_ratios=(1.0, 1.35))
        self.face = self._dressed(self.figure.add_subplot(grid[:, 0]))
        self._picture()
        self.curves: list[tuple[Any, Any, np.ndarray]] = []
        if overlaps is not None:
            self._overlaps(self._dressed(self.figure.add_subplot(grid[0, 1])), overlaps, winner)
        below = self._dressed(self.figure.add_subplot(grid[-1, 1]))
        self._curve(below, self.energy)
        below.set_ylabel("energy $E$")
        below.set_xlabel("updates" if self.updates else r"time $t/\tau$")
        if title:
            self.figure.suptitle(title, color=theme.ink, fontsize="medium")
        self.show(float(self.times[-1]))
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")  # places are found once, so that nothing trembles

    def show(self, time: float) -> None:
        """Draw one moment."""
        state = self._at(self.states, time)
        if self.shape is not None:
            self.image.set_data(_pixels(state, self.shape))
        else:
            for bar, level in zip(self.bars, state, strict=True):
                bar.set_height(level)
        self.face.set_title(self._clock(time))
        past = self.times <= time
        for line, point, values in self.curves:
            now = self._at(values, time)
            line.set_data(np.append(self.times[past], time), np.append(values[past], now))
            point.set_data([time], [now])

    def _clock(self, time: float) -> str:
        places = max(0, 2 - len(str(int(self.times[-1]))))
        return f"update {np.floor(time + 1e-9):.0f}" if self.updates else f"t = {time:.{places}f}"

    def _at(self, values: np.ndarray, time: float) -> Any:
        k = int(np.clip(np.searchsorted(self.times, time, side="right") - 1, 0, len(self.times) - 1))
        if self.updates or k + 1 == len(self.times):
            return values[k]
        part = (time - self.times[k]) / (self.times[k + 1] - self.times[k])
        return (1 - part) * values[k] + part * values[k + 1]

    def _picture(self) -> None:
        low, high = float(self.states[-1].min()), float(self.states[-1].max())
        low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
        if self.shape is not None:
            self.image = self.face.imshow(_pixels(self.states[0], self.shape), cmap="gray", vmin=low, vmax=high)
            self.face.set(xticks=[], yticks=[])
            self.face.spines[:].set_visible(True)
            return
        self.bars = self.face.bar(np.arange(len(self.states[0])), self.states[0], color=self.theme.line, width=0.9)
        room = 0.05 * (self.states.max() - self.states.min() or 1.0)
        self.face.set(ylim=(min(0.0, self.states.min()) - room, max(0.0, self.states.max()) + room))
        self.face.set(xlabel="neuron", ylabel="activation $g$")

    def _overlaps(self, ax: Axes, overlaps: np.ndarray, winner: int) -> None:
        others = [k for k in np.argsort(-np.abs(overlaps).max(axis=0)) if k != winner][:DRAWN]
        for k in others:
            ax.plot(self.times, overlaps[:, k], color=self.theme.faint, lw=0.8, zorder=1)
        self._curve(ax, overlaps[:, winner])
        ax.set_ylabel("overlap")
        ax.tick_params(labelbottom=False)
        ax.text(0.98, 0.06, f"pattern {winner}" + f", {overlaps.shape[1] - 1} others" * (overlaps.shape[1] > 1),
                transform=ax.transAxes, ha="right", fontsize="small", color=self.theme.ink)  # fmt: skip

    def _curve(self, ax: Axes, values: np.ndarray) -> None:
        ax.plot(self.times, values, color=self.theme.line, lw=1.2, alpha=0.3, zorder=2)
        (line,) = ax.plot([], [], color=self.theme.line, lw=2.4, zorder=3)
        (point,) = ax.plot([], [], "o", color=self.theme.point, ms=7, zorder=4)
        self.curves.append((line, point, values))

    def _dressed(self, ax: Axes) -> Axes:
        ax.set_facecolor(self.theme.paper)
        ax.spines[["top", "right"]].set_visible(False)
        for spine in ax.spines.values():
            spine.set_color(GREY)
        ax.tick_params(colors=self.theme.ink, labelsize="small")
        for part in (ax.xaxis.label, ax.yaxis.label, ax.title):
            part.set(color=self.theme.ink, fontsize="medium")
        return ax


def _pixels(state: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W), or (H, W, 3) within 0 and 1."""
    image = state.reshape(shape)
    if len(shape) == 2 or shape[0] == 1:
        return image.reshape(shape[-2:])
    return np.clip(np.moveaxis(image, 0, -1), 0, 1)


def stored_in(run: Trajectory) -> Any:
    """The patterns that the first population is compared with, None where no similarity of the network holds any.

    >>> from hopfield import ModernHopfield, simulate
    >>> stored_in(simulate(ModernHopfield(np.eye(2)), np.array([0.9, 0.2]), t1=1.0))
    array([[1., 0.],
           [0., 1.]])
    """
    name = next(iter(run.network.populations))
    for synapse in run.network.synapses.values():
        held: Any = getattr(synapse, "similarities", None) or [getattr(synapse, "similarity", None)]
        patterns = getattr(held[0], "patterns", None)
        if synapse.between[0] == name and patterns is not None:
            return patterns
    return None
