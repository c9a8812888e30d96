"""Valid calls of `hopfield.analysis` that are cheap: images, cues, samplers, tables, reports, single quantities."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from hopfield import analysis as a
from hopfield import dynamics as d
from hopfield import models as m

from .cases import Case, case

P = np.array([[1.0, 0.5, -0.5, 0.2], [-1.0, 0.25, 0.5, 1.0], [0.1, -0.5, 1.0, 0.5]])
CUES = np.array([[0.9, 0.4, -0.4, 0.1], [-0.9, 0.2, 0.3, 0.9]])
IMAGES = np.linspace(0.0, 1.0, 12).reshape(2, 6)


def cases() -> list[Case]:
    """All of them."""
    memory = m.ModernHopfield(P, beta=4.0)
    run = d.simulate(memory, CUES, t1=3.0)
    euclidean = m.UniversalHopfield(P, "euclidean", beta=2.0)
    rng = np.random.default_rng(0)
    folder = Path(tempfile.mkdtemp(prefix="hostile"))
    np.savez(folder / "arrays.npz", one=P, two=CUES)

    def drawn(sampler: Any) -> Any:
        return repr(sampler), sampler.law, sampler.draw(P, np.random.default_rng(0))

    def inside(name: Any) -> Any:
        return folder / name if isinstance(name, str) and name.isalnum() else name

    found = [
        case(a.gaussian_noise, IMAGES, 0.1, clip=(0.0, 1.0), fold=True, seed=0),
        case(a.salt_and_pepper, IMAGES, 0.1, (0.0, 1.0), seed=0),
        case(a.flip_bits, np.sign(P), 0.1, seed=0),
        case(a.mask, IMAGES, (2, 3), "bottom", 0.5, 0.0),
        case(a.hidden_pixels, (2, 3), "left", 0.5),
        case(a.random_mask, IMAGES, (2, 3), 0.5, 0.0, seed=0),
        case(a.border_mask, IMAGES, (2, 3), 0.5, 0.0),
        case(a.occlude, IMAGES, (2, 3), 0.25, 0.0, seed=0),
        case(a.corrupt, IMAGES, (2, 3), "mask top", 0.5, seed=0),
        case(a.corrupt, IMAGES, (2, 3), "clipped noise", 0.5, seed=0),
        case(a.flatten_images, IMAGES.reshape(2, 2, 3), (2, 3)),
        case(a.load_array, str(folder / "arrays.npz"), "one", option="key"),
        case(a.Noisy, 2, 0.1, [0, 2], then=drawn),
        case(a.Flipped, 2, 1, 1, then=lambda s: (s.law, s.draw(np.sign(P), rng))),
        case(a.Masked, 2, 0.5, 0.0, [1], then=drawn),
        case(a.Sphere, 2, 0.5, np.zeros(4), then=drawn),
        case(a.Sphere, 2, 0.5, 1, then=drawn),
        case(a.Box, 2, -1.0, np.ones(4), 4, then=drawn),
        case(a.Noisy(2, 0.1).draw, P, np.random.default_rng(0)),
        case(a.pattern_starts, P, signed=True, seed=0),
        case(a.random_starts, P, 6, signed=True, like=None, scale=1.0, seed=0),
        case(a.random_starts, None, 6, signed=False, like=np.zeros(4), scale=1.0, seed=0),
        case(a.box_starts, [-1.0, 0.0], [1.0, 5.0], 8, seed=0),
        case(a.metastable_size, np.array([[0.5, 0.3, 0.2]])),
        case(a.wilson, np.array([3, 5]), 10, 0.95),
        case(a.effective_memories, memory, CUES, measure="participation"),
        case(a.effective_memories, memory, CUES, measure="entropy"),
        case(a.metastability, memory, CUES, max_steps=100),
        case(a.summarise, memory, run, [0, 1]),
        case(a.summarise, P, run, np.array([0, 1])),
        case(a.write_report, folder / "report.json", {"beta": 2.0}, {"state": P, "name": "x"}),
        case(a.save_trajectory, folder / "run", run),
        case(lambda name: a.save_trajectory(inside(name), run), "another"),
        case(a.times_that_fit, memory, 2, 10.0, 0.1, every_population=True, count=10, limit=10**6),
        case(a.check_lyapunov, memory, run),
        case(a.check_lyapunov, memory, CUES),
        case(a.assert_energy_decreases, run, memory),
        case(a.recall_table, {"modern": a.summarise(memory, run, [0, 1])}, {"modern": 1}),
        case(a.check_lyapunov(memory, run).to_json, folder / "lyapunov.json"),
        case(a.query_table, {"pattern": np.array([0, 1]), "energy": np.array([0.5, 0.25])}, 10),
        case(a.beta_advice, memory, 0.5, then=lambda x: (x.beta_for(1.0, certified=False), str(x))),
        case(a.beta_advice(memory).beta_for, 0.5, certified=True),
        case(a.certified_radii, memory, [0, 2]),
        case(a.trapping_radii, memory, P),
        case(a.critical_beta, memory, largest=16.0),
        case(
            a.animate,
            run,
            folder / "run.gif",
            shape=(2, 2),
            memory=memory,
            sample=0,
            seconds=0.2,
            fps=5,
            hold=0.2,
            dark=True,
            title="Recall",
            progress=False,
        ),
        case(a.diffuse, euclidean, CUES, sigma=1.0, end=0.1, steps=3, stochastic=False, seed=0),
        case(a.diffuse, euclidean, 2, sigma=1.0, steps=3, stochastic=True, seed=0),
    ]
    return found
