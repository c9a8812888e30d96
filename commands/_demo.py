"""The demonstration: handwritten digits are stored, corrupted, recalled, and the recall is examined."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..analysis.plots import new_figure, plot_energy, plot_overlaps, plot_recall
from ..analysis.recall import RecallSummary, summarise
from ..analysis.results import times_that_fit
from ..data import gaussian_noise, generator, mask, salt_and_pepper
from ..dynamics.integrators import Integrator, Solver
from ..dynamics.simulation import Trajectory, simulate
from ..models._copies import is_recalled
from ..models.family import AssociativeMemory, nearest

SHAPE = (8, 8)


class Recall(NamedTuple):
    """The recall of one kind of cue.

    Attributes
    ----------
    cues : array (B, 64)
        The corrupted digits.
    targets : int array (B,)
        The row of the pattern that each was made from.
    before : int
        How many cues were nearest to their own pattern before anything moved.
    trajectory : Trajectory
        The simulation.
    summary : RecallSummary
        What came of it.
    """

    cues: Any
    targets: np.ndarray
    before: int
    trajectory: Trajectory
    summary: RecallSummary


def digits(stored: int, seed: int | np.random.Generator) -> np.ndarray:
    """Handwritten digits of scikit-learn, 8 x 8 pixels from 0 to 1: (stored, 64), drawn without repetition.

    >>> digits(3, seed=0).shape
    (3, 64)
    """
    from sklearn.datasets import load_digits

    data: Any = load_digits(return_X_y=True)[0]
    images = data / 16
    if not 1 <= stored <= len(images):
        raise ValueError(f"There are {len(images)} digits: stored must be from 1 to that, got {stored}.")
    return images[generator(seed).choice(len(images), stored, replace=False)]


def recall_corrupted(
    memory: AssociativeMemory,
    *,
    noise: float = 0.1,
    hidden: float = 0.5,
    fill: float = 0.0,
    pepper: float = 0.5,
    cues: int = 100,
    t1: float = 50.0,
    integrator: str | Integrator | Solver = "auto",
    seed: int | np.random.Generator,
) -> dict[str, Recall]:
    r"""Recall stored digits from noisy, half-hidden and half-destroyed cues, and examine how.

    Parameters
    ----------
    memory : model
        A memory of 8 x 8 images with pixels from 0 to 1.
    noise : float
        Variance of the Gaussian noise; noisy pixels are clipped to [0, 1].
    hidden, fill : float
        The part of the image that is hidden, from the bottom, and what stands there.
    pepper : float
        The part of the pixels that become 0 or 1, at random.
    cues : int
        How many stored patterns are cued, at most: the first ones.
    t1 : float
        End time; with hopfield's own integrators a sample ends when it is steady.
    integrator : str or integrator
        See `simulate`.
    seed : int or numpy.random.Generator
        Of the noise.

    Returns
    -------
    dict of Recall
        By the name of the corruption.

    Examples
    --------
    >>> from hopfield import UniversalHopfield
    >>> memory = UniversalHopfield(digits(10, seed=0), "manhattan", beta=2.0)
    >>> for name, found in recall_corrupted(memory, seed=0).items():
    ...     print(name, found.before, found.summary.recalled, found.summary.lyapunov.holds)
    noise, σ² = 0.1 10 9 True
    lower half hidden 8 10 True
    50% black or white 7 9 True
    """
    targets = np.arange(min(memory.memories.shape[0], cues))
    stored = memory.memories[: len(targets)]
    part = "lower half" if hidden == 0.5 else f"lowest {hidden:.0%}"
    corrupted = {
        f"noise, σ² = {noise:g}": gaussian_noise(stored, noise, clip=(0.0, 1.0), seed=seed),
        f"{part} hidden": mask(stored, SHAPE, fraction=hidden, value=fill),
        f"{pepper:.0%} black or white": salt_and_pepper(stored, pepper, seed=seed),
    }
    dt = getattr(integrator, "dt", 0.1)
    # With every population saved, the check of the energy sees the rate at every state and not at the last alone.
    fits = times_that_fit(memory, len(targets), t1, dt, every_population=True) is None
    stop = "steady" if isinstance(integrator, str | Integrator) else None  # other libraries know no condition
    found = {}
    for name, cue in corrupted.items():
        run = simulate(memory, cue, t1=t1, integrator=integrator, stop=stop, save="all" if fits else None)
        before = int(is_recalled(memory, cue, nearest(memory, cue), targets).sum())
        found[name] = Recall(cue, targets, before, run, summarise(memory, run, targets))
    return found


def draw_recalls(memory: AssociativeMemory, recalls: dict[str, Recall], folder: str | os.PathLike[str]) -> list[Path]:
    """Draw ``energy.png``, ``recall.png`` and ``overlaps.png`` into a folder; returns the files.

    Overlaps are of the first cue of the first kind that is recalled, and of the first of the last kind that is not.

    >>> from hopfield import UniversalHopfield
    >>> memory = UniversalHopfield(digits(10, seed=0), "manhattan", beta=2.0)
    >>> [file.name for file in draw_recalls(memory, recall_corrupted(memory, seed=0), ".")]
    ['energy.png', 'recall.png', 'overlaps.png']
    """
    rows = len(recalls)
    sizes = {"energy.png": (9.0, 3.1 * rows), "recall.png": (9.0, 3.3 * rows), "overlaps.png": (4.5 * rows, 3.6)}
    figures = {
        name: new_figure(size, layout=None if name == "recall.png" else "constrained") for name, size in sizes.items()
    }
    axes = figures["energy.png"].subplots(rows, 2, squeeze=False)
    blocks = figures["recall.png"].subfigures(rows, 1, squeeze=False)
    for i, (name, found) in enumerate(recalls.items()):
        plot_energy(found.trajectory, axes[i, 0], title=name)
        plot_energy(found.trajectory, axes[i, 1], title=name, relative=True)
        end = found.trajectory.activations["value"][-1]
        plot_recall(memory, found.cues, end, SHAPE, targets=found.targets, title=name, figure=blocks[i, 0])
        right = found.summary.nearest == found.targets
        sample = int(np.argmax(right if i < rows - 1 else ~right))
        ax = figures["overlaps.png"].add_subplot(1, rows, i + 1)
        plot_overlaps(memory, found.trajectory, sample, ax, target=sample, title=f"{name}, cue {sample}")
    files = [Path(folder) / name for name in figures]
    for file in files:
        figures[file.name].savefig(file)
    return files
