"""Pictures of a census: fixed points by energy and index, and as images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..fixed_points import FixedPoints
from ..flow import check_counts
from ._doors import head, image_shape, made_by
from ._style import look, new_figure, open_axes, sort_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_fixed_points(found: FixedPoints, ax: Axes | None = None, *, title: str | None = None) -> Axes:
    r"""The energy of every fixed point over its index: attractors at 0, saddles to their right.

    Points of one energy and index lie beside one another; the legend counts each kind.

    Parameters
    ----------
    found : FixedPoints
        A census with an energy.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Above the axes; the verdict of the census without it.

    Returns
    -------
    Axes
        ``ax.figure.savefig("fixed_points.png")`` writes the picture.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis import find_fixed_points
    >>> from hopfield.models import ModernHopfield
    >>> ax = plot_fixed_points(find_fixed_points(ModernHopfield(np.eye(3), beta=5.0)))
    >>> ax.get_title()
    '7 fixed points, Morse sum 1: not refuted'
    """
    made_by("plot_fixed_points", found, FixedPoints, "find_fixed_points")
    if not len(found):
        raise ValueError("The census found no fixed point, so there is nothing to draw. Give it more starts.")
    if not found.conservative:
        raise ValueError("These forces have no energy to draw. Plot the states or the eigenvalues instead.")
    ax = open_axes(ax, (7.0, 4.2))
    index = np.maximum(found.index, 0)
    place = _spread(index, found.energy)
    families: dict[str, list[int]] = {}
    for k, kind in enumerate(found.kind):
        families.setdefault(sort_of(kind), []).append(k)
    for name, rows in families.items():
        color, mark = look(name)
        label = f"{len(rows)} {name}"
        ax.scatter(place[rows], found.energy[rows], s=34, c=color, marker=mark, label=label, linewidths=0.4, alpha=0.85)
    highest = int(index.max())
    ax.set_xticks(np.unique(np.linspace(0, highest, min(highest + 1, 12)).round().astype(int)))
    ax.set_xlim(-0.6, highest + 0.6)
    ax.set(xlabel="index: unstable directions", ylabel="energy $E$")
    total = "" if found.morse_sum is None else f", Morse sum {found.morse_sum}"
    head(ax, f"{len(found)} fixed points{total}: {found.complete}" if title is None else title)
    ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def plot_fixed_point_images(found: FixedPoints, shape: Sequence[int], *, most: int = 30) -> Figure:
    r"""The activations of the first fixed points as images, lowest energy first, named by their kind.

    Parameters
    ----------
    found : FixedPoints
        A census of a memory of images.
    shape : (H, W), (1, H, W) or (3, H, W)
        Shape of one image.
    most : int
        How many are drawn, at least 1.

    Returns
    -------
    Figure
        ``figure.savefig("fixed_points.png")`` writes it.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis import find_fixed_points
    >>> from hopfield.models import ModernHopfield
    >>> found = find_fixed_points(ModernHopfield(np.eye(4), beta=6.0))
    >>> plot_fixed_point_images(found, (2, 2), most=6).get_suptitle()
    '6 of 15 fixed points'
    """
    made_by("plot_fixed_point_images", found, FixedPoints, "find_fixed_points")
    check_counts(most=(most, 1))
    shape = image_shape(shape)
    if not len(found):
        raise ValueError("The census found no fixed point, so there is nothing to draw. Give it more starts.")
    width = math.prod(shape)
    if found.activation.shape[-1] < width:
        raise ValueError(
            f"The fixed points have {found.activation.shape[-1]} values and images of shape {tuple(shape)} "
            f"have {width}. Give the shape of one image."
        )
    shown = min(most, len(found))
    columns = min(shown, 10)
    rows = math.ceil(shown / columns)
    figure = new_figure((max(3.5, 0.95 * columns), 1.25 * rows + 0.5))
    cells = figure.subplots(rows, columns, squeeze=False)
    images = found.activation[:shown, :width]
    low, high = float(images.min()), float(images.max())
    for k, cell in enumerate(cells.flat):
        cell.set_axis_off()
        if k < shown:
            cell.imshow(_picture(images[k], shape, low, high), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            number = "" if found.pattern[k] < 0 else f"\npattern {found.pattern[k]}"
            cell.set_title(f"{found.kind[k]}{number}", fontsize="x-small", color=look(found.kind[k]).color)
    figure.suptitle(f"{shown} of {len(found)} fixed points", fontsize="medium")
    return figure


def _picture(image: np.ndarray, shape: Sequence[int], low: float, high: float) -> Any:
    image = (image.reshape(shape) - low) / (high - low if high > low else 1.0)
    if len(shape) == 3:
        return image[0] if shape[0] == 1 else np.moveaxis(image, 0, -1)
    return image


def _spread(index: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Places beside the index for points whose energies nearly agree, so that none hides another."""
    reach = float(np.ptp(energy)) or 1.0
    bins = np.round((energy - energy.min()) / reach * 40).astype(int)
    place = index.astype(float)
    for key in {(int(i), int(b)) for i, b in zip(index, bins, strict=True)}:
        rows = np.flatnonzero((index == key[0]) & (bins == key[1]))
        step = min(0.07, 0.8 / max(len(rows), 1))
        place[rows] += step * (np.arange(len(rows)) - (len(rows) - 1) / 2)
    return place
