"""How all pictures look: one set of colours, one mark for each sort of point, open axes.

Colours are those of Okabe and Ito, which colour-blind readers tell apart; nothing is said by colour alone. A mark means
the same in every picture. Everything is drawn with matplotlib's objects: no global state is touched, no window opens,
and matplotlib is imported when the first picture is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from ...dynamics.backend import unknown_name
from ._doors import inches

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#8C8C8C"
RIGHT, WRONG = GREEN, VERMILLION  # of what is recalled, and of an energy that rises
LAYOUTS = ("constrained", "compressed", "tight")  # of matplotlib
LINES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY, "#7A5195", "#9A6324", "#A8C400")
# Of areas, which are drawn in tints: hues that lie apart, since a pale BLUE would be SKY.
AREAS = (SKY, ORANGE, GREEN, PURPLE, "#F0E442", VERMILLION, "#5B4FC4", "#3FA535")
AREAS += ("#5A86E8", "#E8434A", "#00B2B2", "#A05CD6")

# Linear RGB to the cone responses of OKLab, and their cube roots to lightness and the two axes of hue.
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


class Look(NamedTuple):
    """The colour and the mark of a sort of point.

    >>> Look("#000000", "o").marker
    'o'
    """

    color: str
    marker: Any


LOOKS = {  # fixed points by their kind up to its bracket, then bifurcations
    "memory": Look(BLUE, "o"),
    "reversed": Look(SKY, "v"),
    "mixture": Look(GREEN, "d"),
    "metastable": Look(GREEN, "p"),
    "global mean": Look(ORANGE, "h"),
    "spurious": Look(PURPLE, "P"),
    "stable": Look(BLUE, "s"),
    "saddle": Look(VERMILLION, "X"),
    "marginal": Look(GREY, "D"),
    "fold": Look(VERMILLION, "<"),
    "pitchfork": Look(ORANGE, (4, 1, 0)),  # stars: branches meet
    "transcritical": Look(ORANGE, (4, 1, 45)),
    "branch point": Look(ORANGE, (6, 1, 0)),
    "Hopf": Look(VERMILLION, "*"),
}
UNKNOWN = Look(GREY, ">")  # a kind that the table does not have


def sort_of(kind: str) -> str:
    """A kind without what stands in its bracket."""
    return str(kind).partition("(")[0].strip()


def look(kind: str) -> Look:
    """The colour and the mark of a kind of fixed point or of a bifurcation, the same in every picture."""
    return LOOKS.get(sort_of(kind), UNKNOWN)


def new_figure(size: tuple[float, float], layout: str | None = "constrained") -> Figure:
    r"""A figure of a size in inches that no window knows.

    Parameters
    ----------
    size : (float, float)
        Width and height in inches.
    layout : {"constrained", "compressed", "tight"} or None
        How room is found for what is drawn; None leaves axes where they are put.

    Returns
    -------
    Figure
        ``figure.savefig("picture.png")`` writes it.

    Examples
    --------
    >>> new_figure((4.0, 3.0)).get_size_inches()
    array([4., 3.])
    """
    from matplotlib.figure import Figure

    if layout is not None and (not isinstance(layout, str) or layout not in LAYOUTS):
        raise unknown_name("layout", layout, LAYOUTS)
    return Figure(figsize=inches(size), dpi=150, layout=cast("Any", layout))


def open_axes(ax: Axes | None = None, size: tuple[float, float] = (6.0, 3.8)) -> Axes:
    r"""Axes in the style of all pictures here: no frame above and at the right, lines in the colours of the house.

    Parameters
    ----------
    ax : Axes, optional
        Which; without it a figure is made.
    size : (float, float)
        Of that figure, in inches.

    Returns
    -------
    Axes
        The same, or those of the new figure.

    Examples
    --------
    >>> ax = open_axes()
    >>> ax.plot([0, 1], [1, 0])[0].get_color(), ax.spines["top"].get_visible()
    ('#0072B2', False)
    """
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(f"ax must be matplotlib's Axes, such as figure.add_subplot(), got {type(ax).__name__}.")
    ax = new_figure(inches(size)).add_subplot() if ax is None else ax
    ax.set_prop_cycle(color=LINES)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def mark_recalled(cell: Axes, right: bool) -> None:
    r"""Frame an image: thin and green for one that is recalled, thick and orange, with a cross, for another.

    Parameters
    ----------
    cell : Axes
        In which the image is drawn.
    right : bool
        Whether it is what should be recalled.

    Examples
    --------
    >>> cell = new_figure((1.0, 1.0)).add_subplot()
    >>> mark_recalled(cell, right=False)
    >>> cell.texts[0].get_text()
    '✗'
    """
    from matplotlib.patheffects import withStroke

    for spine in cell.spines.values():
        spine.set(visible=True, color=RIGHT if right else WRONG, linewidth=1.4 if right else 2.5)
    if not right:
        style = {"fontsize": "small", "color": WRONG, "ha": "right", "va": "bottom", "transform": cell.transAxes}
        cell.text(0.97, 0.02, "✗", path_effects=[withStroke(linewidth=2.0, foreground="white")], **style)


def tint(colour: Any, share: Any) -> np.ndarray:
    r"""A colour with a share of white, its hue kept: RGB from 0 to 1, shape (..., 3).

    Lightness and both axes of hue of OKLab go to those of white along a straight line, so that their ratio stays.
    (Black mixed in would make brown of orange, and plum of pink.)

    Parameters
    ----------
    colour : colour
        Any that matplotlib knows.
    share : array (...)
        From 0, the colour itself, to 1, white.

    References
    ----------
    Ottosson 2020, https://bottosson.github.io/posts/oklab.
    """
    from matplotlib.colors import to_rgb

    share = np.clip(np.asarray(share, dtype=float), 0, 1)[..., None]
    lab = (1 - share) * oklab(np.array(to_rgb(colour))) + share * np.array([1.0, 0.0, 0.0])
    linear = np.clip((np.linalg.solve(_LAB, lab[..., None])[..., 0] ** 3) @ np.linalg.inv(_CONES).T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Lightness and the two axes of hue of colours (..., 3) from 0 to 1."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _CONES.T) @ _LAB.T


def ticks_at(ax: Axes, values: Any, letters: float = 0.085) -> None:
    """Ticks of the horizontal axis at the values, with numbers where these do not run into one another.

    Round numbers come first. `letters` is the width of one in inches; the axes are as wide as the figure leaves them
    before its layout is made, somewhat more than after.

    >>> ax = open_axes(size=(5.0, 3.0))
    >>> ax.set(xscale="log", xlim=(2, 1000))
    [...]
    >>> ticks_at(ax, [2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000])
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['2', '5', '10', '20', '50', '100', '200', '500', '1000']
    """
    values = np.unique(np.asarray(values, dtype=float))
    scale = np.log if ax.get_xscale() == "log" else np.asarray
    low, high = ax.get_xlim()
    figure: Any = ax.figure
    wide = 0.85 * ax.get_position().width * figure.bbox.width / figure.get_dpi()  # inches
    place = (scale(values) - scale(low)) / (scale(high) - scale(low)) * wide
    half = letters / 2 * np.array([len(f"{value:g}") + 0.5 for value in values])
    chosen: list[int] = []
    for k in sorted(range(len(values)), key=lambda k: (_roundness(values[k]), -values[k])):
        if all(abs(place[k] - place[j]) >= half[k] + half[j] for j in chosen):
            chosen.append(k)
    rest = [k for k in range(len(values)) if k not in chosen]
    ax.set_xticks(values[sorted(chosen)], [f"{values[k]:g}" for k in sorted(chosen)])
    ax.set_xticks(values[rest], [], minor=True)


def _roundness(value: float) -> int:
    """0 for 1, 10, 100, then 2 and 5, then any other number."""
    if value <= 0:
        return 0
    first = value / 10 ** np.floor(np.log10(value) + 1e-9)
    return next((rank for rank, firsts in enumerate(((1,), (2, 5))) if np.isclose(first, firsts).any()), 2)
