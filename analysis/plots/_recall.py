"""Pictures: stored images, their cues, and what was recalled, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import floating
from ...models._copies import is_recalled
from ...models._model import as_model, is_model
from ...models.family import nearest, patterns_of, rows_of
from ..flow import check_counts
from ._doors import entries, image_shape, wording
from ._style import WRONG, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def plot_recall(
    memory: Any,
    cues: Any,
    recalled: Any,
    shape: Sequence[int],
    *,
    targets: Any = None,
    samples: int | Sequence[int] = 10,
    title: str | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure:
    r"""Stored images, their cues and what was recalled, one column for each sample.

    All images share one scale, that of the stored patterns (black to white); what a cue holds beyond it is
    clipped in the picture. A recall is wrong when the stored pattern nearest to it is neither the target nor a copy
    of it, or when it is the target's reverse: it gets a frame, a cross and the number of the nearest pattern.

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
        ``figure.savefig("recall.png")`` writes it. (A SubFigure, if one was given.)

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
    patterns, shape, title = backend.to_numpy(patterns_of(memory)), image_shape(shape), wording("title", title)
    cues, recalled = (backend.to_numpy(floating(name, x)) for name, x in (("cues", cues), ("recalled", recalled)))
    for name, images in (("cues", cues), ("recalled", recalled)):
        if not images.ndim or not images.size:
            raise ValueError(f"{name} must be images in rows (B, D), one at least, got shape {images.shape}.")
    cues, recalled = cues.reshape(-1, cues.shape[-1]), recalled.reshape(-1, recalled.shape[-1])
    targets = None if targets is None else rows_of(targets, len(patterns))
    _check_images(patterns, cues, recalled, shape, targets)
    if figure is not None and not hasattr(figure, "subfigures"):
        raise TypeError(f"figure must be matplotlib's Figure or SubFigure, got {type(figure).__name__}.")
    near = nearest(memory, backend.asarray(recalled, as_model(memory).patterns) if is_model(memory) else recalled)
    chosen = _chosen(samples, len(cues))
    stored = near if targets is None else targets
    rows = [("cue", cues), ("recalled", recalled)]
    rows = [*rows, ("nearest\nstored", patterns[stored])] if targets is None else [("stored", patterns[stored]), *rows]
    wrong = np.zeros(len(cues), dtype=bool)
    if targets is not None:
        wrong = ~is_recalled(memory if is_model(memory) else patterns, recalled, near, targets)

    count = "" if targets is None else f"{int((~wrong).sum())} of {len(wrong)} recalled"
    heading = ": ".join(part for part in (title, count) if part)
    figure = new_figure((max(3.5, 0.86 * len(chosen) + 0.95), 3.3), layout=None) if figure is None else figure
    height, width = figure.bbox.height / figure.get_dpi(), figure.bbox.width / figure.get_dpi()  # inches
    edges = {
        "left": 0.85 / width,
        "right": 1 - 0.1 / width,
        "bottom": 0.3 / height,
        "top": 1 - (0.5 if heading else 0.1) / height,
    }
    cells = figure.subplots(
        len(rows), len(chosen), squeeze=False, gridspec_kw={**edges, "wspace": 0.08, "hspace": 0.12}
    )
    scale = float(patterns.min()), float(patterns.max())
    for i, (label, images) in enumerate(rows):
        cells[i, 0].set_ylabel(label, rotation=0, ha="right", va="center")
        for j, k in enumerate(chosen):
            _show(cells[i, j], images[k], shape, scale)
    last = next(i for i, (label, _) in enumerate(rows) if label == "recalled")
    for j, k in enumerate(chosen):
        if targets is not None:
            cells[0, j].set_title(f"pattern {stored[k]}", fontsize="x-small", pad=3)
        if wrong[k]:
            cells[last, j].set_xlabel(f"✗ pattern {near[k]}", fontsize="x-small", color=WRONG, labelpad=3)
            for spine in cells[last, j].spines.values():
                spine.set(visible=True, color=WRONG, linewidth=2.5)
        elif targets is None:
            cells[-1, j].set_xlabel(f"pattern {near[k]}", fontsize="x-small", labelpad=3)
    if wrong[list(chosen)].any():
        where = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right", "va": "top"}
        cells[last, 0].annotate("instead:", (0, 0), (-6, -4), **where, fontsize="small", color=WRONG)
    if heading:
        place = {} if figure.get_layout_engine() else {"y": 1 - 0.06 / height, "va": "top"}
        figure.suptitle(heading, fontsize="medium", **place)
    return cast("Figure", figure)


def _check_images(patterns: Any, cues: Any, recalled: Any, shape: Sequence[int], targets: Any) -> None:
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


def _chosen(samples: Any, count: int) -> list[int]:
    """The rows that are shown: the first ones, or those that are named."""
    if isinstance(samples, int | np.integer) and not isinstance(samples, bool):
        check_counts(samples=(samples, 1))
        return list(range(min(int(samples), count)))
    rows = entries(samples)
    if not rows or not all(isinstance(k, int | np.integer) and -count <= k < count for k in rows):
        raise ValueError(f"samples must be how many to show, or which ones of 0 to {count - 1}, got {samples!r}.")
    return [int(k) % count for k in rows]


def _show(cell: Axes, image: np.ndarray, shape: Sequence[int], scale: tuple[float, float]) -> None:
    low, high = scale if scale[1] > scale[0] else (scale[0], scale[0] + 1)
    image = np.clip((image.reshape(shape) - low) / (high - low), 0, 1)
    if len(shape) == 3:
        image = image[0] if shape[0] == 1 else np.moveaxis(image, 0, -1)
    cell.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    cell.set(xticks=[], yticks=[])
    for spine in cell.spines.values():
        spine.set(color="#BBBBBB", linewidth=0.6)
