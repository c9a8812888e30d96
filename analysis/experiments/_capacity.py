"""Capacity and robustness: the fraction recalled against how much is stored, and against how cues are corrupted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...data import CUES, Images, corrupt, load, mask
from ...dynamics.backend import unknown_name
from ...dynamics.doors import checked, finite, floating
from ...models._separations import separation
from ...models.measures import similarity
from .. import _declared as declared
from ._cells import run_cells, versions
from ._criteria import criterion
from ._fractions import READOUTS, fractions_recalled
from ._sweep import Sweep

SIZES = (2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000)
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TARGETS = ("itself", "top", "bottom", "left", "right")
OPPOSITE = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}
CODINGS = ("intensity", "bipolar", "bipolar random")
Names = str | Sequence[str]


@checked(**declared.CAPACITY)
def capacity(
    images: Images | np.ndarray | str,
    similarities: Names,
    separations: Names = "max",
    *,
    sizes: Sequence[int] = SIZES,
    cue: str = "clipped noise",
    level: float = 0.5,
    runs: int = 10,
    criteria: Names = "nearest",
    seed: int,
    out: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    shard: tuple[int, int] | None = None,
    **options: Any,
) -> Sweep:
    r"""The fraction of cues that recall their pattern, against the number of patterns that are stored.

    Run r has a block of max(sizes) images of its own and stores the first N of it for each N of `sizes`: the sets of
    different runs are disjoint. An image's cue is the same for all similarities and all N, so that a run's scores are
    computed once for each similarity and serve every N.

    Parameters
    ----------
    images : Images, array (N, C, H, W) or (N, H, W), or str
        From 0 to 1, in the order in which they are stored; a name or path is loaded.
    similarities, separations, criteria : str or sequence of str
        As `similarity`, `separation` and `criterion` read them. The number of a separation is its beta: softmax(100).
    sizes : sequence of int
        Numbers of patterns.
    cue, level : str, float
        How and how much cues are corrupted; see `corrupt`.
    runs : int
        How many sets are stored.
    seed : int
        Of the cues.
    out : path, optional
        Where every finished cell is written at once, and found again; see `run_cells`.
    jobs : int, optional
        How many processes work at once; 1, unless ``joblib.parallel_config(backend=...)`` around the call says who
        works: loky, dask or ray.
    shard : (int, int), optional
        (i, n) does the i-th of n parts alone, for the jobs of an array that write to one `out`. It raises `Unfinished`
        while cells of others are missing.
    **options
        ``target`` ("itself"; or "top", "bottom", "left", "right": the half of it that is recalled, the rest black),
        ``coding`` ("intensity", "bipolar": -1 and 1 with a sign at the end, "bipolar random": the same with random
        patterns of that size), ``readout`` (see `fractions_recalled`), ``progress`` (whether a bar is shown).

    Returns
    -------
    Sweep
        Fractions with mean, std and a table.

    Raises
    ------
    ValueError
        For unknown names, or fewer images than ``runs`` x ``max(sizes)``.

    Examples
    --------
    >>> found = capacity("digits", ["normalised(dot)", "manhattan"], sizes=[10, 100], runs=4, level=0.1, seed=0,
    ...     criteria="nearest")
    >>> found.at("manhattan", size=100) > found.at("normalised(dot)", size=100)
    True
    """
    return sweep_of(
        images,
        similarities,
        separations,
        criteria,
        tuple(sizes),
        cue,
        (level,),
        runs,
        seed,
        out,
        jobs,
        shard=shard,
        **options,
    )


@checked(**declared.ROBUSTNESS)
def robustness(
    images: Images | np.ndarray | str,
    similarities: Names,
    separations: Names = "max",
    *,
    levels: Sequence[float] = LEVELS,
    cue: str = "mask top",
    size: int = 100,
    runs: int = 10,
    criteria: Names = "nearest",
    seed: int,
    out: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    shard: tuple[int, int] | None = None,
    **options: Any,
) -> Sweep:
    r"""The fraction of cues that recall their pattern, against how much the cues are corrupted.

    Parameters
    ----------
    images : Images, array (N, C, H, W) or (N, H, W), or str
        From 0 to 1, in the order in which they are stored; a name or path is loaded.
    similarities, separations, criteria : str or sequence of str
        As in `capacity`.
    levels : sequence of float
        How much: a variance or a fraction; see `corrupt`.
    cue : str
        How cues are corrupted.
    size : int
        Number of patterns; run r stores images r size to (r + 1) size.
    runs, seed, out, jobs, shard, **options
        As in `capacity`.

    Returns
    -------
    Sweep
        Fractions with mean, std and a table.

    Examples
    --------
    >>> found = robustness("digits", "cosine", cue="mask top", levels=[0.25, 0.75], size=50, runs=4, seed=0)
    >>> found.at(level=0.25) >= found.at(level=0.75)
    True
    """
    return sweep_of(
        images,
        similarities,
        separations,
        criteria,
        (size,),
        cue,
        tuple(levels),
        runs,
        seed,
        out,
        jobs,
        shard=shard,
        **options,
    )


def sweep_of(
    images: Any,
    similarities: Names,
    separations: Names,
    criteria: Names,
    sizes: tuple[int, ...],
    cue: str,
    levels: tuple[float, ...],
    runs: int,
    seed: int,
    out: Any,
    jobs: int | None,
    *,
    shard: tuple[int, int] | None = None,
    target: str = "itself",
    coding: str = "intensity",
    readout: str = "recall",
    progress: bool = True,
) -> Sweep:
    """What `capacity` and `robustness` share: a sweep over numbers stored and levels."""
    data = _images(images)
    names = [_names(value) for value in (similarities, separations, criteria)]
    for kind, values in zip(("similarities", "separations", "criteria"), names, strict=True):
        if not values:
            raise ValueError(f"{kind} is empty: give one at least.")
    for kind, values in zip(("similarities", "sizes", "levels"), (names[0], sizes, levels), strict=True):
        if len(set(values)) < len(values):
            raise ValueError(f"{kind} names one twice: {', '.join(map(str, values))}.")
    for kind, value, known in (
        ("cue", cue, CUES),
        ("target", target, TARGETS),
        ("coding", coding, CODINGS),
        ("readout", readout, READOUTS),
    ):
        if not isinstance(value, str) or value not in known:
            raise unknown_name(kind, value, known)
    for name in names[0]:
        similarity(name)
    for name in names[1]:
        separation(name)
    for name in names[2]:
        criterion(name, 1)
    _check_numbers(sizes, levels, runs, seed, data)
    common = {
        "data": data.name,
        "block": int(max(sizes)),
        "cue": cue,
        "separations": list(names[1]),
        "criteria": list(names[2]),
        "target": target,
        "coding": coding,
        "readout": readout,
        "seed": int(seed),
        "versions": versions(),
    }
    block = max(sizes)
    prints = [_fingerprint(data.images[run * block : (run + 1) * block]) for run in range(runs)]
    cells = [
        {"similarity": kind, "stored": int(size), "level": float(level), "run": run, "images": prints[run], **common}
        for run in range(runs)
        for size in sizes
        for level in levels
        for kind in names[0]
    ]
    label = f"{data.name}: {cue}"
    blocks = Blocks(data.rows, data.shape)
    settings = {"out": out, "jobs": jobs, "label": label, "show": progress, "along": "stored", "shard": shard}
    found = run_cells(_cells, cells, (blocks,), **settings)
    shape = (runs, len(sizes), len(levels), *(len(one) for one in names))
    fractions = np.asarray(found, dtype=float).reshape(shape).transpose(3, 4, 5, 1, 2, 0)
    kinds, separated, rules = names
    return Sweep(fractions, kinds, separated, rules, tuple(map(int, sizes)), tuple(map(float, levels)), cue, data.name)


class Blocks:
    """Images (rows) with the block of them that was asked for last, stored and corrupted."""

    def __init__(self, rows: np.ndarray, shape: tuple[int, int, int]) -> None:
        self.rows, self.shape = rows, shape
        self.last: Any = (None, None)

    def of(self, cell: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Patterns and cues of the run of a cell, those of the last one without work."""
        key = tuple(cell[name] for name in ("seed", "run", "block", "level", "cue", "coding"))
        if self.last[0] != key:
            first = cell["run"] * cell["block"]
            self.last = key, stored_and_asked(self.rows[first : first + cell["block"]], self.shape, cell)
        return self.last[1]


def _cells(blocks: Blocks, cells: Sequence[dict[str, Any]]) -> list[list[list[float]]]:
    """One similarity on one block, for several numbers stored: fractions (separations, criteria) of each."""
    first = cells[0]
    patterns, cues = blocks.of(first)
    projection = None if first["target"] == "itself" else half(patterns, blocks.shape, first["target"])
    return fractions_recalled(
        patterns,
        cues,
        first["similarity"],
        first["separations"],
        first["criteria"],
        sizes=[cell["stored"] for cell in cells],
        projection=projection,
        readout=first["readout"],
        sign=first["coding"] != "intensity",
    ).tolist()


def half(patterns: np.ndarray, shape: tuple[int, int, int], keep: str) -> np.ndarray:
    """Patterns of which one half is kept; the other is black: 0, or -1 for binary ones."""
    return mask(patterns, shape, OPPOSITE[keep], 0.5, min(0.0, float(patterns.min())))


def stored_and_asked(
    patterns: np.ndarray, shape: tuple[int, int, int], cell: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Patterns as they are stored and the cues for them, of a block of images; the seed is that of the cell."""
    level = round(cell["level"] * 1e9)
    random = np.random.default_rng([cell["seed"], cell["run"], level])
    binary = cell["coding"] != "intensity"
    if cell["coding"] == "bipolar random":
        patterns = random.choice(np.array([-1, 1], patterns.dtype), patterns.shape)
    elif binary:
        patterns = np.where(patterns > 0.5, 1, -1).astype(patterns.dtype)
    cues = corrupt(patterns, shape, cell["cue"], cell["level"], seed=random)
    return patterns, np.where(cues > 0, 1, -1).astype(patterns.dtype) if binary else cues


def _images(images: Any) -> Images:
    if isinstance(images, Images):
        return images
    if isinstance(images, str | os.PathLike):
        return load(images)
    floating("images", images)  # what is no array of numbers, a ragged list or a masked one, is refused in a sentence
    pixels = np.asarray(images)
    if pixels.ndim not in (3, 4) or pixels.dtype.kind != "f":
        raise ValueError(
            f"images must be floats (N, C, H, W) or (N, H, W) from 0 to 1, got {pixels.dtype} {pixels.shape}. "
            "load(path) makes them of a file."
        )
    finite("images", pixels)
    return Images(pixels[:, None] if pixels.ndim == 3 else pixels, None, "images")


def _names(value: Names) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _check_numbers(sizes: Any, levels: Any, runs: Any, seed: Any, data: Images) -> None:
    for name, values in (("sizes", sizes), ("runs", (runs,))):
        if not values or any(isinstance(v, bool) or not isinstance(v, int | np.integer) or v < 1 for v in values):
            raise ValueError(f"{name} must be whole numbers >= 1, got {values!r}.")
    if not levels or not all(isinstance(level, int | float | np.number) and 0 <= level <= 1e9 for level in levels):
        raise ValueError(f"levels must be numbers from 0 to 1e9, one at least, got {levels!r}.")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number >= 0, got {seed!r}.")
    needed = runs * max(sizes)
    if needed > len(data.images):
        fewer = len(data.images) // max(sizes)
        raise ValueError(
            f"{runs} disjoint sets of {max(sizes)} need {needed} images, and {data.name} has {len(data.images)}. "
            f"Ask for {f'runs={fewer}, or for ' if fewer else ''}smaller sets."
        )
    finite(data.name, data.images)
    low, high = float(data.images.min()), float(data.images.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"The values of {data.name} go from {low:g} to {high:g}: scale them to 0 to 1.")


def _fingerprint(images: np.ndarray) -> str:
    """Of values, dtype and shape."""
    found = hashlib.blake2b(f"{images.dtype.str} {images.shape}".encode(), digest_size=8)
    found.update(np.ascontiguousarray(images).data)
    return found.hexdigest()
