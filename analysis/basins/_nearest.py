"""The search for the shortest perturbation that leaves a basin: along rays, then along the boundary."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..results import Budget
from ._boundary import Basin, crossings, normals, sloped
from ._witness import Found, finished

NEAREST = 128  # other patterns toward which the boundary is looked for
STARTS = 8  # points of the boundary from which one slides
ROUNDS = 40  # of sliding
MIXES = np.array([1.0, 0.5, 0.2, 0.05])


def nearest(basin: Basin, norm: str, rng: np.random.Generator, directions: int, rtol: float, budget: Budget) -> Found:
    """Crossings along many rays, sliding from the best, and the last crossing again with finer steps."""
    best = _Shortest()
    with budget.trying("shorter perturbations"), budget.bar("nearest escape"):
        basin.explorer.budget = budget
        _shortened(basin, norm, rng, directions, best)
    if budget.spent:
        budget.skip("shorter perturbations")
    basin.explorer.budget = Budget()  # what was found is looked at again, whatever it takes
    return Found(math.inf, None, -2) if best.ray is None else finished(basin, best.ray, best.length, rtol)


@dataclass
class _Shortest:
    """The shortest crossing so far."""

    ray: np.ndarray | None = None
    length: float = math.inf

    def of(self, rays: np.ndarray, lengths: np.ndarray) -> None:
        """Take the shortest of some, if it is shorter than what was known."""
        k = int(np.argmin(lengths)) if len(lengths) else 0
        if len(lengths) and lengths[k] < self.length:
            self.ray, self.length = rays[k].copy(), float(lengths[k])


def _shortened(basin: Basin, norm: str, rng: np.random.Generator, directions: int, best: _Shortest) -> None:
    """Crossings along many rays, and sliding from the nearest ones."""
    rays, reach = _rays(basin, norm, rng, directions)
    low, high = _bracket(basin, rays, reach)
    best.of(rays, high)
    if not np.isfinite(high).any():
        return
    cut = crossings(basin, rays, low, high, 1e-2)
    keep = np.argsort(cut.outside, kind="stable")[:STARTS]
    keep = keep[np.isfinite(cut.outside[keep])]
    rays, low, high = rays[keep], cut.inside[keep], cut.outside[keep]
    best.of(rays, high)
    cut = crossings(basin, rays, low, high, 1e-5)
    best.of(rays, cut.outside)
    if sloped(basin.explorer):
        _slide(basin, rays, cut.inside, cut.outside, best)
    else:
        _wander(basin, norm, rays, cut.outside, rng, best)


def _rays(basin: Basin, norm: str, rng: np.random.Generator, directions: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions and the lengths at which to look first: to patterns, known points, the reverse, and at random."""
    explorer, center = basin.explorer, basin.center
    targets = [-center[None]]
    if explorer.patterns is not None:
        gaps = np.linalg.norm(explorer.patterns - center, axis=1)
        targets.append(explorer.patterns[np.argsort(gaps, kind="stable")[: NEAREST + 1]])
    if explorer.points is not None:
        targets.append(np.asarray(explorer.points.activation, dtype=float)[:, : len(center)])
    reach = np.concatenate(targets) - center
    longest = max(float(np.linalg.norm(reach[1:], axis=1).max(initial=0.0)), explorer.flow.scale)
    noise = rng.standard_normal((directions, len(center)))
    noise *= longest / np.linalg.norm(noise, axis=1, keepdims=True)
    reach = basin.within(np.concatenate([reach, noise]))
    length = np.linalg.norm(reach, axis=1, ord=int(norm))
    good = length > 1e-9 * explorer.flow.scale
    return reach[good] / length[good, None], length[good]


def _bracket(basin: Basin, rays: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths inside and outside on each ray, from 0 to 8 times its reach, in the domain; inf if none is outside."""
    low, high = np.zeros(len(rays)), np.full(len(rays), np.inf)
    tried = np.outer(reach, [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0])
    tried = np.minimum(tried, basin.explorer.domain.reach(basin.center, rays)[:, None])
    for begin, end in ((0, 4), (4, 8)):
        left = np.flatnonzero(np.isinf(high))
        if not left.size or (begin and np.isfinite(high).sum() >= STARTS):
            break
        lengths = tried[left, begin:end]
        points = basin.center + lengths[..., None] * rays[left, None, :]
        out = basin.escapes(points.reshape(-1, points.shape[-1])).reshape(lengths.shape)
        hit = out.any(axis=1)
        first = out.argmax(axis=1)
        rows = left[hit]
        high[rows] = lengths[hit, first[hit]]
        low[rows] = np.where(
            first[hit] > 0, lengths[hit, first[hit] - 1], 0.0 if begin == 0 else tried[rows, begin - 1]
        )
    return low, high


def _slide(basin: Basin, rays: np.ndarray, low: np.ndarray, high: np.ndarray, best: _Shortest) -> None:
    """Turn every ray toward the normal of the boundary where it crosses, as long as that shortens it."""
    active = np.arange(len(rays))
    for _ in range(ROUNDS):
        if basin.explorer.budget.spent:
            break
        points = [basin.center + length[active, None] * rays[active] for length in (low, high)]
        normal = _aims(basin, normals(basin, *points), high[active])
        along = np.sum(normal * rays[active], axis=1)
        # The plane with this normal passes the centre at high * along; nothing to gain where along is 1.
        gains = np.isfinite(along) & (along < 1 - 1e-9) & (along > 0)
        active, normal = active[gains], normal[gains]
        if not active.size:
            break
        turned = (1 - MIXES)[:, None, None] * rays[active] + MIXES[:, None, None] * normal
        turned /= np.linalg.norm(turned, axis=-1, keepdims=True)
        tried = basin.center + (high[active] * (1 - 1e-6))[:, None] * turned
        out = basin.escapes(tried.reshape(-1, tried.shape[-1])).reshape(len(MIXES), len(active))
        better = out.any(axis=0)
        active, chosen = active[better], turned[out.argmax(axis=0)[better], np.flatnonzero(better)]
        if not active.size:
            break
        before = high[active]
        rays[active] = chosen
        # The ray has turned, so that its inner end is not known any more: look from near the plane first.
        guess = before * np.clip(along[gains][better] * 0.98, 0.5, 0.98)
        inside = ~basin.escapes(basin.center + guess[:, None] * chosen)
        cut = crossings(basin, chosen, np.where(inside, guess, 0.0), np.where(inside, before * (1 - 1e-6), guess), 1e-5)
        low[active], high[active] = cut.inside, cut.outside
        best.of(rays, high)
        leading = high[active] <= 1.2 * high.min()
        active = active[(high[active] < before * (1 - 1e-5)) & leading]
        if not active.size:
            break


def _wander(
    basin: Basin, norm: str, rays: np.ndarray, high: np.ndarray, rng: np.random.Generator, best: _Shortest
) -> None:
    """Random turns of the best ray, shorter when they fail: for flows whose normals are not to be had."""
    first = int(np.argmin(high))
    ray, length, size = rays[first], float(high[first]), 0.3
    for _ in range(ROUNDS):
        if basin.explorer.budget.spent:
            break
        step = rng.standard_normal((64, len(ray)))
        step *= size * rng.random((64, 1)) / np.linalg.norm(step, axis=1, keepdims=True)
        turned = ray / np.linalg.norm(ray) + step
        turned *= length * (1 - 1e-6) / np.linalg.norm(turned, axis=1, ord=int(norm), keepdims=True)
        turned = basin.within(turned)
        lengths = np.linalg.norm(turned, axis=1, ord=int(norm))
        out = np.flatnonzero(basin.escapes(basin.center + turned) & (lengths > 0))
        if not out.size:
            size /= 2
            if size < 1e-5:
                break
            continue
        turned = turned[out] / lengths[out, None]
        cut = crossings(basin, turned, np.zeros(out.size), lengths[out], 1e-5, best_only=True)
        shortest = int(np.argmin(cut.outside))
        if cut.outside[shortest] > length * (1 - 1e-4):
            size /= 2
        ray, length = turned[shortest], float(cut.outside[shortest])
        best.of(ray[None], np.array([length]))
        if size < 1e-5:
            break


def _aims(basin: Basin, normal: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Where normals (B, I) of the boundary lead from the centre within the domain, as directions."""
    if basin.explorer.domain.everywhere:
        return normal
    moves = basin.within(normal * length[:, None])
    size = np.linalg.norm(moves, axis=1, keepdims=True)
    return moves / np.where(size > 0, size, np.nan)
