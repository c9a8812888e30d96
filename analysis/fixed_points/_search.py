"""The search for zeros of a field: relax, polish, gather, and begin again from what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as member
from typing import Any

import numpy as np

from ...dynamics import backend
from ..flow import BUILT, MOMENTS, Field, canonical, chunk, columns, few_memory, neutral, polish, relaxed
from ..results import Budget

SLOW = 1e-2  # speed, in units of the scale, below which a point without a zero is reported as slow
LARGEST = 512  # neurons up to which unstable eigenvectors are computed
MOST_NEW = 128  # points of one round from which new searches begin
BLOCK = 512  # points that are compared with all known ones at once
WORK = 2**29  # operations between two looks at the clock,
SPARED = 2**7  # and how many times as many where few patterns take part, for few of them are done
LEAST = 64  # states that go together in any case
LEFT = "what the last starts lead to"


@dataclass
class Table:
    """The zeros found so far, with how often; x (K, D)."""

    flow: Field
    tol: float
    x: np.ndarray
    hits: np.ndarray  # of all searches
    random_hits: np.ndarray  # of the independent random ones
    slow: list[np.ndarray] = member(default_factory=list)
    products: int = 0
    spectra: Any = None  # of the first points, where they were asked for
    budget: Budget = member(default_factory=Budget)

    @classmethod
    def empty(cls, flow: Field, tol: float, budget: Budget | None = None) -> Table:
        """A table without points."""
        import sklearn.cluster  # noqa: F401  before `one_thread` looks for what has threads

        nothing = np.zeros((0, flow.size), dtype=backend.to_numpy(flow.like).dtype)
        return cls(flow, tol, nothing, np.zeros(0, int), np.zeros(0, int), budget=budget or Budget())

    @property
    def merge(self) -> float:
        """The distance within which two results are one point, as `Field.same` has it."""
        size = np.sqrt(np.mean(np.sum(self.x**2, axis=-1))) if len(self.x) else 0.0
        return max(self.flow.apart, 1000 * backend.epsilon(self.flow.like) * float(size))

    def parts(self, count: int, products: int) -> Iterator[slice]:
        """So many states in portions that take some tenths of a second, with `products` by the Jacobian for each."""
        flow = self.flow
        rows = 0 if flow.patterns is None else len(flow.patterns)
        spared = SPARED if flow.size > BUILT and few_memory(flow) else 1
        size = max(LEAST, spared * WORK // (4 * products * flow.size * (flow.size + rows)))
        return (slice(at, at + size) for at in range(0, count, size))

    def search(self, x: np.ndarray, counts: np.ndarray | None = None, **options: Any) -> np.ndarray:
        """Polish from x and gather what converges; the row of the point that each start leads to, or -1.

        It ends early where the budget is spent.
        """
        counts = np.ones(len(x), int) if counts is None else counts
        parts = list(self.parts(len(x), min(self.flow.size, BUILT)))
        going = self.budget.each("Newton's method", parts, LEFT)
        found = [self._search(x[part], counts[part], options) for part in going]
        return np.append(np.concatenate([*found, np.zeros(0, int)]), np.full(len(x) - sum(map(len, found)), -1))

    def _search(self, x: np.ndarray, counts: np.ndarray, options: dict[str, Any]) -> np.ndarray:
        label = np.full(len(x), -1)
        if len(x):
            found = polish(self.flow, x, tol=self.tol, **options)
            self.products += found.products
            late = ~found.converged & (found.residual <= SLOW * self.flow.force)
            self.slow.append(found.x[late])
            sure = found.step <= backend.epsilon(self.flow.like) ** 0.5 * self.flow.scale
            reached, where = found.converged, columns(self.flow)
            if where is not None:  # near 0 there is no ray at all
                reached = reached & (np.linalg.norm(found.x[:, where], axis=-1) > 1e-9 * self.flow.scale)
            for whole in (reached & sure, reached & ~sure):
                label[whole] = self.add(
                    canonical(self.flow, found.x[whole]), counts[whole], bool((~sure & whole).any())
                )
        return label

    def add(self, x: np.ndarray, counts: np.ndarray, blurred: bool = False) -> np.ndarray:
        """Count what is known and append what is not; the row of each point.

        Zeros that are degenerate are known to a root of eps only (`blurred`), and are told apart no better.
        """
        if not len(x):
            return np.zeros(0, int)
        known, radius = len(self.x), self.merge
        if blurred:
            radius = max(radius, 32 * backend.epsilon(self.flow.like) ** (1 / 3) * self.flow.scale)
        near = beside(self.x, x, radius)  # the others have no say
        label, first = clusters(np.concatenate([self.x[near], x]), radius, len(near))
        fresh = first[len(near) :] - len(near)
        label = np.concatenate([near, known + np.arange(len(fresh))])[label]
        none = np.zeros(len(fresh), int)
        x = np.concatenate([self.x, x[fresh]])
        hits, random = np.concatenate([self.hits, none]), np.concatenate([self.random_hits, none])
        np.add.at(hits, label, counts)
        self.x, self.hits, self.random_hits = x, hits, random  # at once, so that no Ctrl-C comes between
        return label

    def keep(self, rows: np.ndarray) -> None:
        """Only the points of a mask (K,)."""
        if self.spectra is not None:
            first = rows[: len(self.spectra.index)]
            parts = {n: getattr(self.spectra, n)[first] for n in self.spectra._fields if n != "how"}
            self.spectra = self.spectra._replace(**parts)
        self.x, self.hits, self.random_hits = self.x[rows], self.hits[rows], self.random_hits[rows]


def clusters(x: np.ndarray, radius: float, known: int = 0) -> tuple[np.ndarray, np.ndarray]:
    r"""Groups of rows that chains of steps up to `radius` join.

    Parameters
    ----------
    x : array (B, D)
        Rows, the first `known` of which are different points already.
    radius : float
        The longest step.
    known : int
        Rows that keep their own number as their group.

    Returns
    -------
    label, first : int arrays (B - known,), (G,)
        The group of every row that is not known, and the first row of each group in order.

    Examples
    --------
    >>> import numpy as np
    >>> clusters(np.array([[0.0], [1.0], [1.05], [5.0]]), 0.1)
    (array([0, 1, 1, 2]), array([0, 1, 3]))
    """
    from sklearn.cluster import DBSCAN

    x = x.astype(float)
    # The distances of wide rows come from their squares, to sqrt(eps) of their length; a tree takes the differences.
    fine = radius < 8 * np.finfo(float).eps ** 0.5 * float(np.linalg.norm(x, axis=1).max(initial=0.0))
    scan = DBSCAN(eps=max(radius, np.finfo(float).tiny), min_samples=1, algorithm="ball_tree" if fine else "auto")
    label = scan.fit_predict(x)
    if known:  # known points stay apart, even where they are nearer than the radius: they go by their first row
        _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
        owner = first[inverse.reshape(-1)][known:]
        fresh = np.unique(owner[owner >= known])
        number = np.where(owner < known, owner, known + np.searchsorted(fresh, owner))
        return number, np.concatenate([np.arange(known), fresh])
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse.reshape(-1)], first[order]


def beside(known: np.ndarray, x: np.ndarray, radius: float) -> np.ndarray:
    """Rows of known points (K, D) that chains of steps up to `radius` may join to some of x (B, D), and few others.

    >>> beside(np.array([[0.0], [1.0], [1.1], [5.0]]), np.array([[1.2]]), 0.15)
    array([1, 2])
    """
    known, front = known.astype(float), x.astype(float)
    size, found = np.sum(known * known, axis=1), np.zeros(len(known), dtype=bool)
    while len(front):
        hit = np.zeros(len(known), dtype=bool)
        for at in range(0, len(front), BLOCK):
            some = front[at : at + BLOCK]
            sizes = size + np.sum(some * some, axis=1)[:, None]  # the rounding of squares is some eps of these
            hit |= (sizes - 2 * (some @ known.T) <= radius**2 + 64 * np.finfo(float).eps * sizes).any(axis=0)
        front = known[hit & ~found]
        found |= hit
    return np.flatnonzero(found)


def search_from(table: Table, x: np.ndarray, random: bool = False) -> int:
    """Polish from x and from where the flow takes it; say how many points are new.

    Of `random` starts it is noted how many lead to each point.
    """
    if not len(x):
        return 0
    known = len(table.x)
    x, snapshots = eased(table, canonical(table.flow, x))
    stages, rows = [x], [np.arange(len(x))]  # where to polish, and which of these belongs to each start at each stage
    for snapshot in snapshots:
        label, first = clusters(snapshot, 1e-2 * table.flow.scale)
        rows.append(label + sum(len(stage) for stage in stages))
        stages.append(snapshot[first])
    counts = np.bincount(np.concatenate(rows))
    found = table.search(np.concatenate(stages), counts)
    if random:
        led = np.sort([found[row] for row in rows], axis=0)  # (stages, starts): a start counts once for each point
        led[1:][led[1:] == led[:-1]] = -1
        table.random_hits += np.bincount(led[led >= 0], minlength=len(table.x))
    return len(table.x) - known


def eased(table: Table, x: np.ndarray, moments: tuple[int, ...] = MOMENTS) -> tuple[np.ndarray, np.ndarray]:
    """Those of the states that the budget lasts for, and where relaxation takes them, (T, B, D)."""
    parts = list(table.parts(len(x), 120))
    found = [relaxed(table.flow, x[part], moments) for part in table.budget.each("relaxation", parts, LEFT)]
    if not found:
        return x[:0], np.zeros((0, *x[:0].shape), x.dtype)
    snapshots = np.concatenate(found, axis=1)
    return x[: snapshots.shape[1]], snapshots


def unstable(flow: Field, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows of points (K, D) with unstable eigenvectors of H (at most four of each point), and these (R, D)."""
    rows, found = [], []
    if len(x) and flow.symmetric and flow.size <= LARGEST:
        for at in range(0, len(x[:MOST_NEW]), chunk(flow)):
            some = x[at : min(at + chunk(flow), MOST_NEW)]
            # One by one: products of a batch round as its size has it, and what the modes lead to may hang on that.
            matrices = np.concatenate([flow.host(flow.hessian, point[None]) for point in some]).astype(float)
            for n in neutral(flow, some, reduced=True):
                top = 1e3 * np.abs(matrices).max(axis=(1, 2)) + flow.rate
                matrices = matrices + top[:, None, None] * n[:, :, None] * n[:, None, :]
            values, vectors = np.linalg.eigh((matrices + np.swapaxes(matrices, 1, 2)) / 2)
            row, column = np.nonzero(values[:, :4] < 0)
            rows += list(at + row)
            found += list(vectors[row, :, column])
    return np.array(rows, dtype=int), np.array(found, dtype=x.dtype).reshape(-1, x.shape[1])


def pushes(flow: Field, x: np.ndarray, size: float = 0.05) -> np.ndarray:
    """Starts on both sides of unstable points, along the unstable eigenvectors (at most four) of H."""
    rows, modes = unstable(flow, x)
    moves = np.repeat(size * flow.scale * modes, 2, axis=0)
    moves[1::2] *= -1
    return (x[np.repeat(rows, 2)] + moves).astype(x.dtype)


def midpoints(old: np.ndarray, new: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of new points with all others, at most 128 of them."""
    everything = np.concatenate([old, new])
    left = np.repeat(np.arange(len(old), len(everything)), len(everything))
    right = np.tile(np.arange(len(everything)), len(new))
    pairs = np.flatnonzero(right < left)
    if len(pairs) > MOST_NEW:
        pairs = np.sort(rng.choice(pairs, MOST_NEW, replace=False))
    return (everything[left[pairs]] + everything[right[pairs]]) / 2


def deflated(table: Table, starts: np.ndarray, rng: np.random.Generator, rounds: int = 12) -> int:
    """Newton's method repelled from all that is known, from the starts and from around every point, while it finds."""
    if table.flow.size > BUILT:
        raise ValueError(f"Deflation is for at most {BUILT} neurons, and here are {table.flow.size}: leave it out.")
    total = 0
    for _ in table.budget.each("rounds of deflation", range(rounds)):
        known = len(table.x)
        around = np.repeat(table.x, 4, axis=0)
        around = around + 0.03 * table.flow.scale * rng.standard_normal(around.shape).astype(around.dtype)
        table.search(np.concatenate([starts, around]), away=table.x)
        total += len(table.x) - known
        if len(table.x) == known:
            break
    return total


def explore(table: Table, known: int, rng: np.random.Generator, most: int, rounds: int = 6) -> None:
    """Begin again from new points: push off the unstable ones, and go to the midpoints of pairs."""
    for _ in range(rounds):
        fresh, before = table.x[known:], len(table.x)
        if not len(fresh) or before >= most:
            break
        if table.budget.spent:
            table.budget.skip("what lies around the last points")
            break
        search_from(table, pushes(table.flow, fresh))
        table.search(midpoints(table.x[:known], fresh[:MOST_NEW], rng))
        known = before


def slow_points(table: Table) -> np.ndarray:
    """Points of least speed that are no zeros, a twentieth of the scale apart and as far from every zero."""
    points = np.concatenate([*table.slow, table.x[:0]])
    if not len(points):
        return points
    speed = np.linalg.norm(backend.to_numpy(table.flow.residual(table.flow.asarray(points))), axis=-1)
    points = points[np.argsort(speed, kind="stable")]
    kept: list[np.ndarray] = []
    for point in canonical(table.flow, points):
        others = np.array([*kept, *table.x])
        if not len(others) or np.linalg.norm(others - point, axis=-1).min() > 0.05 * table.flow.scale:
            kept.append(point)
    return np.array(kept, dtype=points.dtype).reshape(-1, points.shape[1])
