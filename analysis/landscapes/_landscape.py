"""Barriers between minima: the graph that saddles make of them, and the paths whose highest point is lowest."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...dynamics.doors import checked
from .. import _declared as declared
from ..flow import Field
from ..results import Result, plain, plain_table, printed_table, unlooked

if TYPE_CHECKING:
    import networkx


class Route(NamedTuple):
    """The way from one minimum to another whose highest point is lowest.

    Attributes
    ----------
    minima : tuple of int
        Rows of the minima that it visits, both ends among them.
    saddles : tuple of int
        Rows of the saddles between them.
    energy : float
        Of its highest saddle.

    Examples
    --------
    >>> Route(minima=(0, 2, 1), saddles=(3, 0), energy=-0.4).saddles
    (3, 0)
    """

    minima: tuple[int, ...]
    saddles: tuple[int, ...]
    energy: float


@dataclass(frozen=True, eq=False, repr=False)
class Landscape(Result):
    r"""Minima, saddles of index 1 and barriers; what `landscape` returns, with K minima and S saddles.

    A saddle that is listed is proved: Newton's method converged on it, one mode grows there, and the flow from both
    of its sides ends in the two minima of `joins`. So every barrier is one that a path exists over, an UPPER bound:
    a lower pass can have been missed, and `notes` says where that is known.

    Attributes
    ----------
    minima : array (K, D)
        States x of the minima.
    activation : array (K, D)
        Their activations.
    energy : array (K,)
        Their energies.
    kind, pattern : arrays (K,)
        As in `FixedPoints`.
    saddles : array (S, D)
        States of the saddles, lowest first.
    saddle_energy, residual : arrays (S,)
        Energy, and \\|tau x'\\|.
    rate : array (S, 2)
        The two largest eigenvalues of the flow's Jacobian.
    joins : int array (S, 2)
        The minima on both sides.
    source : array (S,) of str
        How it was found: "census", "string" or "climb".
    bound : array (K, K)
        The highest energy on the string between two minima, infinite where none was laid.
    arc, way : arrays (S, 2, n)
        Distance from the saddle, and energy, on the way down on each side.
    notes : tuple of str
        What is not known.
    seed : int
        The seed that was used.
    rows : int array (N,) or None
        The row that each stored pattern goes by in `pattern`: its own, or a lower one of which it is a copy.
    field : Field or None
        The flow that was looked at, of which `escape_rates` takes the curvatures.
    stopped : str
        What ended the search early, its time or Ctrl-C; empty where nothing did.
    skipped : tuple of str
        What was not looked for.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.landscapes import landscape
    >>> from hopfield.models import ModernHopfield
    >>> found = landscape(ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]]), beta=2.0))
    >>> found.barrier.round(6)
    array([[0.      , 0.163262],
           [0.163262, 0.      ]])
    >>> found.route(0, 1)
    Route(minima=(0, 1), saddles=(0,), energy=-0.3465...)
    """

    made_by = "landscape"
    row_fields = ("energy", "kind", "pattern", "depth")
    not_saved = ("field",)

    minima: np.ndarray
    activation: np.ndarray
    energy: np.ndarray
    kind: np.ndarray
    pattern: np.ndarray
    saddles: np.ndarray
    saddle_energy: np.ndarray
    residual: np.ndarray
    rate: np.ndarray
    joins: np.ndarray
    source: np.ndarray
    bound: np.ndarray
    arc: np.ndarray
    way: np.ndarray
    notes: tuple[str, ...]
    seed: int
    rows: np.ndarray | None = None
    field: Field | None = dataclasses.field(default=None, repr=False)
    stopped: str = ""
    skipped: tuple[str, ...] = ()

    # -------------------------------------------------------------------------------------------- barriers

    @property
    def graph(self) -> networkx.Graph:
        """A node for each minimum, an edge for each pair that a saddle joins: the lowest saddle."""
        import networkx

        graph = networkx.Graph()
        for row in range(len(self.minima)):
            graph.add_node(
                row, energy=float(self.energy[row]), kind=str(self.kind[row]), pattern=int(self.pattern[row])
            )
        for row, (i, j) in enumerate(self.joins.tolist()):
            if i >= 0 and j >= 0 and i != j and not graph.has_edge(i, j):  # lowest first
                graph.add_edge(i, j, energy=float(self.saddle_energy[row]), saddle=row)
        return graph

    @cached_property
    def tree(self) -> networkx.Graph:
        """The spanning tree of lowest saddles: the way from i to j in it is the minimax path."""
        import networkx

        return networkx.minimum_spanning_tree(self.graph, weight="energy")

    @cached_property
    def passes(self) -> np.ndarray:
        """The energy (K, K) of the highest saddle on the minimax path; infinite where no path is known."""
        return _minimax(self.tree, self.energy)

    @property
    def barrier(self) -> np.ndarray:
        """What must be climbed from minimum i to get to j (K, K): the pass less the energy of i."""
        return self.passes - self.energy[:, None]

    @cached_property
    def upper(self) -> np.ndarray:
        """An upper bound (K, K) of the pass from saddles and strings together, where not even a saddle is known."""
        import networkx

        graph = self.graph
        for i, j in np.argwhere(np.isfinite(self.bound) & ~np.eye(len(self.energy), dtype=bool)).tolist():
            level = float(self.bound[i, j])
            if not graph.has_edge(i, j) or graph.edges[i, j]["energy"] > level:
                graph.add_edge(i, j, energy=level)
        return _minimax(networkx.minimum_spanning_tree(graph, weight="energy"), self.energy)

    @property
    def depth(self) -> np.ndarray:
        """The lowest barrier (K,) out of each minimum; infinite for one that no saddle joins to another."""
        others = np.where(np.eye(len(self.energy), dtype=bool), np.inf, self.barrier)
        return others.min(axis=1, initial=np.inf)

    @property
    def unjoined(self) -> list[tuple[int, int]]:
        """Pairs of minima that no chain of saddles joins."""
        return [(i, j) for i, j in np.argwhere(np.triu(np.isinf(self.passes), 1)).tolist()]

    @checked(**declared.LANDSCAPE_ROUTE)
    def route(self, start: int, end: int) -> Route:
        """The minimax path between two minima; raises ValueError where no chain of saddles joins them."""
        import networkx

        for row in (start, end):
            if not 0 <= row < len(self.minima):
                raise ValueError(f"There is no minimum {row}: there are {len(self.minima)}, counted from 0.")
        if start == end:
            return Route((start,), (), float(self.energy[start]))
        if not networkx.has_path(self.tree, start, end):
            raise ValueError(
                f"No chain of saddles is known that joins the minima {start} and {end}; a path exists whose highest "
                f"energy is about {self.upper[start, end]:.6g}. Lay more strings: landscape(..., pairs='all')."
            )
        way = networkx.shortest_path(self.tree, start, end)
        edges = [self.tree.edges[pair] for pair in itertools.pairwise(way)]
        return Route(tuple(way), tuple(e["saddle"] for e in edges), max(e["energy"] for e in edges))

    @checked(**declared.LANDSCAPE_MINIMUM_OF)
    def minimum_of(self, pattern: int) -> int:
        """The row of the deepest minimum that belongs to a stored pattern, or to that of which it is a copy."""
        if self.rows is not None and 0 <= pattern < len(self.rows):
            pattern = int(self.rows[pattern])
        rows = np.flatnonzero(self.pattern == pattern)
        if not len(rows):
            raise ValueError(
                f"No minimum belongs to pattern {pattern}; there are {sorted(set(self.pattern.tolist()))}."
            )
        return int(rows[np.argmin(self.energy[rows])])

    # --------------------------------------------------------------------------------------------- reports

    def summary(self) -> str:
        """How many minima and saddles there are."""
        return f"{len(self.minima)} minima, {len(self.saddles)} saddles of index 1"

    @checked(**declared.LANDSCAPE_TABLE)
    def table(self, most: int = 30) -> Any:
        """A `rich` table with a row for each of the first `most` minima."""
        shown = min(most, len(self.minima))
        first = f"{shown} of {len(self.minima)} minima, {len(self.saddles)} saddles of index 1"
        names = ("", "kind", "pattern", "E", "lowest barrier", "over saddle", "to")
        said = [first, unlooked(self.stopped, self.skipped), *self.notes]
        table = plain_table("\n".join(part for part in said if part), *names, left=("kind",))
        barrier = np.where(np.eye(len(self.energy), dtype=bool), np.inf, self.barrier)
        upper = np.where(np.eye(len(self.energy), dtype=bool), np.inf, self.upper)
        for row in range(shown):
            to = int(barrier[row].argmin())
            known = bool(np.isfinite(barrier[row, to]))
            over = ["not known", "", ""]
            if not known and np.isfinite(upper[row]).any():
                to = int(upper[row].argmin())
                over = [f"<= {upper[row, to] - self.energy[row]:.4g}", "string", str(to)]
            if known:
                over = [f"{barrier[row, to]:.6g}", str(self.route(row, to).saddles[0]), str(to)]
            name = str(int(self.pattern[row])) if self.pattern[row] >= 0 else ""
            table.add_row(str(row), str(self.kind[row]), name, f"{self.energy[row]:.6g}", *over)
        return table

    def __str__(self) -> str:
        return printed_table(self.table())

    def to_dict(self) -> dict[str, Any]:
        """Everything but the states, as Python numbers and lists; None for what is not known."""
        return {
            "minima": self.records(),
            "saddles": [
                {
                    "energy": float(self.saddle_energy[row]),
                    "joins": self.joins[row].tolist(),
                    "eigenvalues": plain(self.rate[row]),
                    "residual": float(self.residual[row]),
                    "source": str(self.source[row]),
                }
                for row in range(len(self.saddles))
            ],
            "barrier": plain(self.barrier),
            "upper_bound": plain(self.upper - self.energy[:, None]),
            "unjoined": self.unjoined,
            "notes": list(self.notes),
            "seed": self.seed,
            "stopped": self.stopped,
            "skipped": list(self.skipped),
        }


def _minimax(tree: networkx.Graph, energy: np.ndarray) -> np.ndarray:
    """The highest edge on the way from i to j in a forest; the minimum's own energy for i = j."""
    answer = np.full((len(energy), len(energy)), np.inf)
    np.fill_diagonal(answer, energy)
    valley = {node: np.array([node]) for node in tree}
    for i, j, level in sorted(tree.edges(data="energy"), key=lambda edge: edge[2]):  # the lowest passes merge first
        one, other = valley[i], valley[j]
        answer[np.ix_(one, other)] = level
        answer[np.ix_(other, one)] = level
        both = np.concatenate([one, other])
        valley.update(dict.fromkeys(both.tolist(), both))
    return answer
