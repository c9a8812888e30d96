"""Valid calls of `hopfield.analysis` that search, and of its pictures."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from hopfield import analysis as a
from hopfield import dynamics as d
from hopfield import models as m
from hopfield.analysis.flow import flow_of

from .cases import Case, case

P = np.array([[1.0, 0.5, -0.5, 0.2], [-1.0, 0.25, 0.5, 1.0], [0.1, -0.5, 1.0, 0.5]])
CUES = np.array([[0.9, 0.4, -0.4, 0.1], [-0.9, 0.2, 0.3, 0.9]])
SMALL = {"batches": 1, "batch_size": 8}


def _well(x: Any) -> Any:
    return ((x**2 - 1) ** 2).sum(-1) / 4


def cases() -> list[Case]:
    """Fixed points, basins, radii, landscapes, branches, sweeps."""
    memory = m.ModernHopfield(P, beta=4.0)
    found = a.find_fixed_points(memory, seed=0, **SMALL)
    basins = a.basins_of_attraction(memory, CUES, found)
    flow = a.field(memory)
    x = flow.start(CUES)
    pixels = np.random.default_rng(0).random((12, 2, 2))
    plane = a.basin_slice(memory, P[0], P[1], P[2], resolution=5, fixed_points=found)
    hills = a.landscape(memory, found)
    branches = a.continue_fixed_points(memory, "beta", 1.0, 1.5, points=20, branches=4)
    return [
        case(
            a.find_fixed_points,
            memory,
            CUES,
            seed=0,
            patterns=None,
            batches=1,
            batch_size=8,
            eigenvalues=2,
            tol=None,
            deflate=False,
            reduction=True,
            differences=0.0,
            most=20,
        ),
        case(a.find_fixed_points, memory, seed=0, **SMALL),
        case(found.select, found.stable),
        case(found.table, 10),
        case(
            a.basins_of_attraction,
            memory,
            CUES,
            found,
            dynamics="adiabatic",
            seed=0,
            targets=[0, 1],
            dt=0.1,
            t_max=100.0,
            tol=1e-3,
            level=0.95,
            timed=True,
            progress=False,
        ),
        case(a.basins_of_attraction, memory, a.Noisy(2, 0.1), found, seed=1),
        case(a.basins_of_attraction, memory, CUES, found, dynamics="network"),
        case(basins.to_json, "basins.json"),
        case(found.to_json, "points.json"),
        case(hills.to_json, "landscape.json"),
        case(a.escape_rates, hills, 0.01),
        case(a.escape_rates(hills, 0.01).transitions, 3.0),
        case(a.escape_rates(hills, 0.01).between, 0, 1),
        case(branches.to_json, "branches.json"),
        case(a.basin_slice, memory, P[0], P[1], P[2], resolution=4, margin=0.3, fixed_points=found, seed=0),
        case(plane.state, 0.5, [0.1, 0.2]),
        case(
            a.basin_radius,
            memory,
            0,
            seed=0,
            around="pattern",
            fixed_points=found,
            directions=4,
            dt=0.1,
            rtol=1e-2,
        ),
        case(a.landscape, memory, found, pairs=[(0, 1)], images=9, steps=30, climbs=0, reduction=True, seed=0),
        case(a.disconnectivity_tree, hills, 1e-9),
        case(hills.route, 0, 1),
        case(hills.minimum_of, 0),
        case(hills.table, 5),
        case(
            a.continue_fixed_points,
            memory,
            "beta",
            1.0,
            1.2,
            queries=CUES,
            step=0.05,
            points=20,
            branches=4,
            switch=True,
            seed=0,
        ),
        case(a.continue_fixed_points, lambda b: m.ModernHopfield(P, beta=b), "beta", 1.0, 1.2, points=20, branches=4),
        case(branches.at, 1.2),
        case(a.field, memory, patterns=P, differences=0.0, then=lambda f: f.velocity(f.start(CUES))),
        *[
            case(getattr(flow, verb), x)
            for verb in ("activation", "velocity", "residual", "energy", "jacobian", "hessian")
        ],
        *[case(getattr(flow, verb), x, x) for verb in ("jacobian_product", "residual_product", "hessian_product")],
        case(flow.start, CUES),
        case(flow.asarray, x),
        case(a.polish, flow, x, steps=10, tol=None, clip=0.3, away=x[:1], method="auto"),
        case(a.spectrum, flow, x, 2, "auto"),
        case(
            a.string_method,
            flow_of(memory),
            found.state[:1],
            found.state[1:2],
            images=9,
            steps=20,
            tol=1e-4,
            bend=0.05,
            seed=0,
        ),
        case(
            a.energy_network,
            _well,
            2,
            lambda x: x**3 - x,
            lambda x, u: (3 * x**2 - 1) * u,
            like=None,
            then=lambda net: d.simulate(net, {"x": np.full(2, 0.5)}, t1=0.3),
        ),
        case(
            a.velocity_network,
            lambda x: -x,
            2,
            lambda x, u: -u,
            like=np.zeros(1),
            then=lambda net: d.simulate(net, {"x": np.full(2, 0.5)}, t1=0.3),
        ),
        case(
            a.capacity,
            pixels,
            ["dot", "manhattan"],
            "max",
            sizes=[2, 4],
            cue="clipped noise",
            level=0.1,
            runs=2,
            criteria="nearest",
            seed=0,
            out=None,
            jobs=1,
        ),
        case(
            a.robustness,
            pixels,
            "cosine",
            "softmax(10)",
            levels=[0.1, 0.5],
            cue="mask top",
            size=3,
            runs=2,
            criteria=["nearest", "error < 50"],
            seed=0,
            out=None,
            jobs=1,
        ),
        case(
            a.capacity, pixels, "dot", sizes=(2,), runs=1, seed=0, target="itself", coding="bipolar", readout="recall"
        ),
        case(_sweep().at, similarity="dot", separation=None, criterion="nearest", size=2, level=None),
        case(a.reproduce, 2, "code", data=None, runs=1, quick=True, out=None, seed=0, jobs=1, progress=False),
    ]


def _sweep() -> a.Sweep:
    pixels = np.random.default_rng(0).random((8, 2, 2))
    return a.capacity(
        pixels, ["dot", "cosine"], sizes=[2, 4], runs=2, seed=0, level=0.1, criteria=["nearest", "error < 50"]
    )


def plots() -> list[Case]:
    """Pictures."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    memory = m.ModernHopfield(P, beta=4.0)
    run = d.simulate(memory, CUES, t1=2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = a.find_fixed_points(memory, seed=0, **SMALL)
        hills = a.landscape(memory, found)
        branches = a.continue_fixed_points(memory, "beta", 1.0, 1.5, points=20, branches=4)
        plane = a.basin_slice(memory, P[0], P[1], P[2], resolution=5, fixed_points=found)
        sweep = _sweep()
        tree = a.landscape(memory, found)

    def closed(_: Any) -> None:
        plt.close("all")

    return [
        case(a.plot_energy, run, None, relative=True, color="#0072B2", title="energy", then=closed),
        case(a.plot_overlaps, memory, run, 0, None, target=1, measure="cosine", title="overlaps", then=closed),
        case(a.plot_recall, memory, CUES, P[:2], (2, 2), targets=[0, 1], samples=2, title="recall", then=closed),
        case(a.plot_fixed_points, found, None, title="points", then=closed),
        case(a.plot_fixed_point_images, found, (2, 2), most=5, then=closed),
        case(a.plot_basin_slice, plane, None, names=["a", "b", "c"], title="slice", then=closed),
        case(a.plot_radii, np.array([0.5, 0.6]), np.array([0.7, 0.9]), None, unit="x", title="radii", then=closed),
        case(a.plot_bifurcation, branches, None, measure="energy", label="E", log=False, title="branches", then=closed),
        case(a.plot_barriers, hills, None, labels=None, title="barriers", then=closed),
        case(a.plot_disconnectivity, tree, None, labels=None, images=None, title="tree", then=closed),
        case(a.plot_energy_along_path, hills, 0, 1, None, title="path", then=closed),
        case(a.plot_sweep, sweep, None, title="sweep", legend=True, thresholds=False, then=closed),
        case(a.plot_sweeps, [("a", sweep), ("b", sweep)], 2, thresholds=False, then=closed),
    ]
