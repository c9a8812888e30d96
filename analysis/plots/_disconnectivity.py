"""The disconnectivity graph: which minima are one valley at which energy (Becker & Karplus 1997)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...dynamics.doors import checked, floating, positive
from .. import _declared as declared
from ..landscapes import Landscape
from ._doors import head, image_shape, list_of_words, made_by
from ._style import GREY, look, open_axes, sort_of

if TYPE_CHECKING:
    import networkx
    from matplotlib.axes import Axes

Node = Any
MOST_NAMES = 100  # minima whose names are written


@checked(**declared.DISCONNECTIVITY_TREE)
def disconnectivity_tree(landscape: Landscape, level: float = 1e-9) -> networkx.DiGraph:
    r"""Valleys that merge as the energy rises, as a forest of directed edges from the merged to what merges.

    Leaves are the minima (their rows); an inner node ``("pass", k)`` stands for the lowest saddle k at which the
    valleys below it become one. Every node has its `energy`. Minima that no chain of saddles joins are in trees of
    their own.

    Parameters
    ----------
    landscape : Landscape
        What `landscape` found.
    level : float
        Passes that differ by less than this, in units of the range of energies, merge together.

    Returns
    -------
    networkx.DiGraph
        Roots have no edge in.

    References
    ----------
    Becker & Karplus 1997, J. Chem. Phys. 106, 1495, doi:10.1063/1.473299.

    Examples
    --------
    >>> from hopfield.analysis.landscapes import landscape
    >>> from hopfield.models import ModernHopfield
    >>> tree = disconnectivity_tree(landscape(ModernHopfield(np.eye(3), beta=6.0)))
    >>> [len(list(tree.successors(node))) for node in tree if tree.in_degree(node) == 0]
    [3]
    """
    import networkx

    made_by("disconnectivity_tree", landscape, Landscape, "landscape")
    level = positive("level", level, zero=True)
    tree = networkx.DiGraph()
    for row, energy in enumerate(landscape.energy):
        tree.add_node(row, energy=float(energy))
    edges = sorted(landscape.tree.edges(data=True), key=lambda edge: edge[2]["energy"])
    energies = np.concatenate([landscape.energy, landscape.saddle_energy])
    slack = level * float(np.ptp(energies)) if len(energies) else 0.0
    joins = [(i, j, edge["energy"], ("pass", edge["saddle"])) for i, j, edge in edges]
    _join(tree, list(range(len(landscape.energy))), joins, slack)
    return tree


def bounded_tree(landscape: Landscape) -> networkx.DiGraph:
    """The same, with trees that no saddle joins joined at the lowest bound of a string: nodes ``("bound", k)``."""
    tree = disconnectivity_tree(landscape)
    roots = [node for node in tree if tree.in_degree(node) == 0]
    if len(roots) < 2:
        return tree
    top = np.empty(len(landscape.energy), dtype=int)
    for k, root in enumerate(roots):
        for row in _leaves(tree, root):
            top[row] = k
    upper = landscape.upper
    i, j = np.nonzero(np.triu(top[:, None] != top) & np.isfinite(upper))
    order = np.argsort(upper[i, j], kind="stable")
    joins = [(int(i[k]), int(j[k]), float(upper[i[k], j[k]]), ("bound", n)) for n, k in enumerate(order)]
    _join(tree, [roots[k] for k in top], joins, 0.0)
    return tree


def _join(tree: networkx.DiGraph, top: list[Node], joins: list[tuple[int, int, float, Node]], slack: float) -> None:
    """Join the valleys of minima i and j at an energy, lowest first; `top` is the highest node over each minimum."""
    import networkx

    valleys = networkx.utils.UnionFind(range(len(top)))
    first: dict[Any, int] = {}
    for row, node in enumerate(top):  # what has a common top is one valley
        valleys.union(first.setdefault(node, row), row)
    over = {valleys[row]: node for row, node in enumerate(top)}
    for i, j, energy, node in joins:
        if valleys[i] == valleys[j]:
            continue
        below = [over[valleys[i]], over[valleys[j]]]
        valleys.union(i, j)
        energy = max([energy, *(tree.nodes[child]["energy"] for child in below)])
        tree.add_node(node, energy=energy)
        for child in below:
            same = isinstance(child, tuple) and child[0] == node[0] and energy - tree.nodes[child]["energy"] <= slack
            if same:  # one pass joins more than two valleys
                children = list(tree.successors(child))
                tree.remove_node(child)
                tree.add_edges_from((node, grandchild) for grandchild in children)
            else:
                tree.add_edge(node, child)
        over[valleys[i]] = node


def _leaves(tree: networkx.DiGraph, root: Node) -> list[int]:
    import networkx

    return [node for node in {root, *networkx.descendants(tree, root)} if not isinstance(node, tuple)]


def _places(tree: networkx.DiGraph) -> dict[Node, float]:
    """A place along the axis for every node: deep valleys in the middle of their siblings, parents above them."""
    lowest: dict[Node, float] = {}
    count: dict[Node, int] = {}

    def look(node: Node) -> None:
        stack = [(node, False)]
        while stack:
            here, done = stack.pop()
            children = list(tree.successors(here))
            if not done:
                stack += [(here, True), *((child, False) for child in children)]
                continue
            lowest[here] = min([tree.nodes[here]["energy"], *(lowest[c] for c in children)])
            count[here] = sum(count[c] for c in children) or 1

    roots = [node for node in tree if tree.in_degree(node) == 0]
    for root in roots:
        look(root)
    place: dict[Node, float] = {}
    left = 0.0
    for root in sorted(roots, key=lambda node: lowest[node]):
        stack = [(root, left)]
        while stack:
            node, begin = stack.pop()
            place[node] = begin + (count[node] - 1) / 2
            order = sorted(tree.successors(node), key=lambda child: (-count[child], lowest[child]))
            arranged = [*order[1::2][::-1], *order[::2]]
            for child in arranged:
                stack.append((child, begin))
                begin += count[child]
        left += count[root]
    return place


def plot_disconnectivity(
    landscape: Landscape,
    ax: Axes | None = None,
    *,
    labels: Any = None,
    images: Any = None,
    title: str | None = None,
) -> Axes:
    r"""Draw the disconnectivity graph: a line up from every minimum, joined where a pass makes valleys one.

    Where the height differs by little among minima, look at the length of the lines: it is the barrier. Where no
    chain of saddles joins two parts (as where forces jump), dashed grey lines join them at the bound that a string
    gives: no pass is higher, and the lowest one can lie below.

    Parameters
    ----------
    landscape : Landscape
        What `landscape` found.
    ax : Axes, optional
        Where to draw.
    labels : sequence of str, optional
        A name for each minimum; its pattern, or the row in brackets, if not given.
    images : (height, width) or array (K, height, width), optional
        Draw the activation of each minimum as a small picture of this shape below it, or the picture given.
    title : str, optional
        Above the axes.

    Returns
    -------
    Axes
        ``ax.figure.savefig("tree.png")`` writes the picture.

    Examples
    --------
    >>> from hopfield.analysis.landscapes import landscape
    >>> from hopfield.models import ModernHopfield
    >>> ax = plot_disconnectivity(landscape(ModernHopfield(np.eye(3), beta=6.0)))
    >>> [tick.get_text() for tick in ax.get_xticklabels()]
    ['2', '0', '1']
    """
    from matplotlib.collections import LineCollection

    tree = bounded_tree(landscape)
    place = _places(tree)
    count = len(landscape.minima)
    width = float(np.clip((0.42 if images is None else 0.55) * count, 4.5, 14))
    ax = open_axes(ax, (width, 4.2))
    energy = {node: tree.nodes[node]["energy"] for node in tree}
    spread = (max(energy.values()) - min(energy.values())) or 1.0
    proved, bounds = [], []
    for node in tree:
        above = next(iter(tree.predecessors(node)), None)
        end = energy[above] if above is not None else energy[node] + 0.06 * spread * (tree.out_degree(node) > 0)
        parts = bounds if "bound" in (_sort(node), _sort(above)) else proved
        parts.append([(place[node], energy[node]), (place[node], end)])
        if children := list(tree.successors(node)):
            across = [place[child] for child in children]
            parts = bounds if _sort(node) == "bound" else proved
            parts.append([(min(across), energy[node]), (max(across), energy[node])])
    wide = 1.3 if count <= 40 else 0.6
    ax.add_collection(LineCollection(proved, colors="black", linewidths=wide, capstyle="projecting"))
    if bounds:
        style = {"colors": GREY, "linewidths": wide, "linestyles": (0, (3, 2))}
        ax.add_collection(LineCollection(bounds, label="at most (a string's bound)", **style))
    spots = np.array([place[row] for row in range(count)])
    sorts = np.array([sort_of(kind) for kind in landscape.kind])
    for sort in np.unique(sorts):
        color, marker = look(sort)
        here = sorts == sort
        size = 26 if count <= 40 else 10
        ax.scatter(spots[here], landscape.energy[here], size, color=color, marker=marker, zorder=3, label=sort)
    if bounds or len(np.unique(sorts)) > 1:
        ax.legend(frameon=False, fontsize="small", loc="best")
    named = labels is not None
    if labels is None:
        labels = [str(int(p)) if p >= 0 else f"({row})" for row, p in enumerate(landscape.pattern)]
    labels = list_of_words("labels", labels, count, "minima")
    order = np.argsort(spots)
    texts = [str(labels[k]) for k in order]
    if count > MOST_NAMES:
        ax.set_xticks([])
    elif count > 40 or max(map(len, texts)) * count > 7 * width:  # letters that fit beside one another
        ax.set_xticks(spots[order], texts, rotation=90, fontsize=6 if count > 40 else "small")
    else:
        ax.set_xticks(spots[order], texts)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.7, count - 0.3)
    ax.set_ylim(min(energy.values()) - 0.08 * spread, max(energy.values()) + 0.1 * spread)
    if images is not None:
        _pictures(ax, landscape, images, spots, spread)
    known = disconnectivity_tree(landscape) if bounds else tree
    roots = sum(known.in_degree(node) == 0 for node in known)
    what = f"{count} minima" if count > MOST_NAMES else "minimum" if named else "minimum (number of its stored pattern)"
    ax.set_xlabel(what + (f"\n{roots} parts that no chain of saddles joins" if roots > 1 else ""))
    ax.set_ylabel("energy $E$")
    ax.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
    ax.set_axisbelow(True)
    head(ax, title)
    return ax


def _sort(node: Node) -> str:
    return node[0] if isinstance(node, tuple) else "minimum"


def _pictures(ax: Axes, landscape: Landscape, images: Any, spots: np.ndarray, spread: float) -> None:
    pictures = floating("images", images)
    if pictures.ndim == 1:
        height, width = image_shape(images)[-2:] if len(pictures) == 2 else (0, 0)
        if height * width != landscape.activation.shape[1]:
            size = landscape.activation.shape[1]
            raise ValueError(f"images={images} has {height * width} pixels, but the minima have {size}.")
        pictures = landscape.activation.reshape(-1, height, width)
    if pictures.ndim != 3 or len(pictures) != len(spots):
        raise ValueError(f"images must be ({len(spots)}, height, width), got {pictures.shape}.")
    low, high = ax.get_ylim()
    aspect = ax.get_window_extent().height / ax.get_window_extent().width
    left, right = ax.get_xlim()
    tall = 0.86 / (right - left) / aspect  # of the axes, for a picture 0.86 wide
    room = 1.25 * tall / (1 - 1.25 * tall) * (high - low)
    ax.set_ylim(low - room, high)
    total = high - low + room
    for row, spot in enumerate(spots):
        bottom = landscape.energy[row] - 0.03 * spread - tall * total
        inset = ax.inset_axes((spot - 0.43, bottom, 0.86, tall * total), transform=ax.transData)
        inset.imshow(pictures[row], cmap="gray")
        inset.set_axis_off()
