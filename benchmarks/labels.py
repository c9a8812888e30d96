"""Labels of cues and ends of runs against SciPy's LSODA at 1e-10: how many differ, over many networks.

    python benchmarks/labels.py [--cues 300] [--only NAME ...] [--out FILE]

`wrong` counts the cues whose label in `basins_of_attraction` is another fixed point than the one that LSODA reaches
from there, `open` those that are left open, `ends` those whose run by `simulate` (integrator "auto", to t=300) ends
elsewhere. Forces that jump (manhattan, max) have no LSODA; there the reference is Relaxation(0.002).
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.integrate import solve_ivp

from hopfield import ModernHopfield, UniversalHopfield, simulate
from hopfield.analysis import basins_of_attraction, energy_network, field, velocity_network
from hopfield.dynamics import LogCosh, LogSumExp, Network, Population, Quadratic, Recurrent, Relaxation
from hopfield.models import (
    BidirectionalMemory,
    ClassicalHopfield,
    ContinuousSDM,
    DenseAssociativeMemory,
    ExponentialMemory,
    HierarchicalMemory,
    Layer,
)

END = 300.0


def well(k):
    """E = sum k (x^4/4 - x^2/2): two basins a coordinate, which no orbit of the flow changes between."""
    return energy_network(
        lambda x: k * (x**4 / 4 - x**2 / 2).sum(-1), 1, lambda x: k * (x**3 - x), lambda x, u: k * (3 * x**2 - 1) * u
    )


def wells(k):
    """20 (x^4/4 - x^2/2) + y^2/2."""
    return energy_network(
        lambda x: k * (x[..., 0] ** 4 / 4 - x[..., 0] ** 2 / 2) + x[..., 1] ** 2 / 2,
        2,
        lambda x: np.stack([k * (x[..., 0] ** 3 - x[..., 0]), x[..., 1]], axis=-1),
        lambda x, u: np.stack([k * (3 * x[..., 0] ** 2 - 1) * u[..., 0], u[..., 1]], axis=-1),
    )


def linear(rate):
    """x' = -rate x."""
    return velocity_network(lambda x: -rate * x, 2, lambda x, u: -rate * u)


def predator(x):
    """Prey that saturates and predators that eat it: one stable point in the positive quadrant."""
    prey, hunter = x[..., 0], x[..., 1]
    eaten = prey * hunter / (1 + 0.2 * prey)
    return np.stack([prey * (1 - prey / 6) - eaten, 0.6 * eaten - 0.7 * hunter], axis=-1)


def van_der_pol(mu):
    """No fixed point attracts: every label is open."""
    return velocity_network(
        lambda x: np.stack([x[..., 1], mu * (1 - x[..., 0] ** 2) * x[..., 1] - x[..., 0]], axis=-1),
        2,
        lambda x, u: np.stack(
            [
                u[..., 1],
                (-2 * mu * x[..., 0] * x[..., 1] - 1) * u[..., 0] + mu * (1 - x[..., 0] ** 2) * u[..., 1],
            ],
            axis=-1,
        ),
    )


def graded(size, beta, seed=1):
    """Six graded neurons with random symmetric couplings."""
    w = np.random.default_rng(seed).normal(size=(6, 6)) * size / 6**0.5
    return Network({"x": Population(LogCosh(beta), 6)}, [Recurrent(("x",), (w + w.T) / 2)])


def one_way(size):
    """Couplings that no energy has."""
    w = np.random.default_rng(3).normal(size=(4, 4)) * size / 2
    return Network({"x": Population(LogCosh(2.0), 4)}, [Recurrent(("x",), w + 2 * np.eye(4))])


def tour(cities=3):
    """The travelling salesman network of Hopfield and Tank, three cities on a triangle."""
    rng = np.random.default_rng(0)
    places = rng.random((cities, 2))
    d = np.linalg.norm(places[:, None] - places[None], axis=-1)
    n, w = cities**2, np.zeros((cities, cities, cities, cities))
    for x in range(cities):
        for i in range(cities):
            for y in range(cities):
                for j in range(cities):
                    w[x, i, y, j] = -5 * ((x == y) * (i != j) + (i == j) * (x != y)) - 2
                    w[x, i, y, j] -= 2 * d[x, y] * ((j - i) % cities == 1 or (i - j) % cities == 1)
    bias = np.full(n, 2.0 * cities + 1) + w.reshape(n, n).sum(1) / 2 * 0
    return Network({"x": Population(LogCosh(4.0), n, bias=bias)}, [Recurrent(("x",), w.reshape(n, n))])


def cases():
    """Name, network or model, and how cues are drawn (None: activations of states between -2 and 2)."""
    rng = np.random.default_rng(7)
    patterns = rng.normal(size=(5, 6))
    signs = rng.choice([-1.0, 1.0], size=(4, 12))
    box = lambda size, width: lambda count: np.random.default_rng(5).uniform(-size, size, (count, width))  # noqa: E731
    found = {}
    for rate in (0.1, 1.0, 100.0, 1e4):
        found[f"x' = -{rate:g} x"] = linear(rate), box(2, 2)
    for k in (1, 5, 10, 30, 100, 300):
        found[f"double well, k={k}"] = well(k), box(2, 1)
    found["double well in the plane, k=20"] = wells(20.0), box(2, 2)
    prey = lambda x, u: (predator(x + 1e-6 * u) - predator(x - 1e-6 * u)) / 2e-6  # noqa: E731
    found["predator and prey"] = velocity_network(predator, 2, prey), lambda count: box(3, 2)(count) + 3.1
    for mu in (1.0, 1000.0):
        found[f"van der Pol, mu={mu:g}"] = van_der_pol(mu), box(2, 2)
    for size, beta in ((1, 1), (3, 4), (5, 10), (20, 30), (20, 1)):
        found[f"graded, couplings {size}, beta {beta}"] = graded(size, beta), box(0.95, 6)
    for size in (0.7, 1.0):
        found[f"one-way couplings, {size:g}"] = one_way(size), box(0.95, 4)
    found["tour of three cities"] = tour(), box(0.95, 9)
    inside = box(0.9, 12)
    for rule in ("hebbian", "pseudo_inverse", "storkey"):
        found[f"classical, {rule}"] = ClassicalHopfield(signs, rule=rule), inside
    for n in (3, 4):
        found[f"dense, n={n}"] = DenseAssociativeMemory(signs, n=n), inside
    found["exponential"] = ExponentialMemory(signs), inside
    layers = [Layer(6), Layer(8, "tanh", tau=0.5), Layer(4, "softmax", tau=0.2)]
    weights = [rng.normal(size=(6, 8)), 2 * rng.normal(size=(8, 4))]
    found["hierarchical, tanh and softmax"] = HierarchicalMemory(layers, weights), box(1.5, 6)
    found["bidirectional"] = BidirectionalMemory(signs[:, :6], signs[:, 6:]), lambda count: np.sign(box(1, 6)(count))
    for similarity in ("dot", "euclidean", "cosine", "manhattan"):
        found[f"{similarity}, softmax"] = UniversalHopfield(patterns, similarity, beta=3.0), box(2, 6)
    found["dot, sparsemax"] = UniversalHopfield(patterns, "dot", "sparsemax", beta=1.0), box(2, 6)
    found["dot, entmax"] = UniversalHopfield(patterns, "dot", "entmax(1.5)", beta=1.0), box(2, 6)
    found["dot, max"] = UniversalHopfield(patterns, "dot", "max"), box(2, 6)
    found["dot, softmax, slow memory"] = ModernHopfield(patterns, beta=2.0, tau_memory=3.0).network, None
    found["cosine with a leak"] = UniversalHopfield(patterns, "cosine", beta=4.0, leak=0.3), box(2, 6)
    found["euclidean, tanh values"] = (
        UniversalHopfield(np.tanh(patterns), "euclidean", beta=8.0, value_lagrangian=LogCosh(3.0)),
        box(0.9, 6),
    )
    found["continuous SDM"] = ContinuousSDM(signs, beta=6.0), box(1.5, 12)
    positive = np.abs(patterns) + 0.1
    for similarity in ("kl", "reverse_kl", "jeffreys"):
        found[f"{similarity}, softmax"] = (
            UniversalHopfield(positive, similarity, beta=4.0),
            lambda count: np.abs(box(2, 6)(count)) + 0.05,
        )
    sphere = Network(
        {"value": Population(Quadratic(), 6), "memory": Population(LogSumExp(3.0), 5, tau=0.5)},
        ModernHopfield(patterns, beta=3.0, tau_memory=0.5).network.synapses,
    )
    found["value and memory neurons, tau 0.5"] = sphere, None
    return found


def reference(flow, x, scale):
    """Where LSODA ends, or None where it never comes to rest."""
    tau = max(float(np.max(np.asarray(p.tau))) for p in flow.network.populations.values())
    velocity = lambda _, y: flow.velocity(y[None])[0]  # noqa: E731
    for span in (30.0, 100.0, 400.0):
        found = solve_ivp(velocity, (0.0, span * tau), x, method="LSODA", rtol=1e-10, atol=1e-12 * scale)
        x = found.y[:, -1]
        if not found.success or not np.isfinite(x).all() or np.linalg.norm(flow.residual(x[None])[0]) < 1e-7 * scale:
            break
    return x


def measure(memory, draw, count):
    """Wrong labels, open labels, wrong ends; and the seconds of the labels and of the reference."""
    flow = field(memory)
    spread = np.random.default_rng(2).uniform(-2, 2, (count, flow.size))
    cues = flow.activation(spread) if draw is None else draw(count)
    ray = getattr(getattr(memory, "rule", None), "similarity", None)
    ray = getattr(ray, "ray", False) and memory.rule.leak == 0

    def unit(x):
        return x / np.linalg.norm(x, axis=-1, keepdims=True) if ray else x

    began = time.process_time()
    found = basins_of_attraction(memory, cues, timed=False)
    seconds = time.process_time() - began
    start = flow.start(cues)
    if ray:  # the direction moves at a rate of 1/|x|^2
        start = unit(start)
    scale = 1.0 if ray else flow.scale
    began = time.process_time()
    if flow.smooth:
        ends = unit(np.stack([reference(flow, x, scale) for x in start]))
    else:
        ends = simulate(flow.network, flow.states(start), t1=30.0, integrator=Relaxation(0.002), save_at=[30.0])
        ends = unit(flow.flatten(ends.final))
    spent = time.process_time() - began
    points = unit(np.asarray(found.fixed_points.state, dtype=float))
    labels = found.labels
    gap = np.array([np.linalg.norm(end - points[k]) if k >= 0 else 0.0 for end, k in zip(ends, labels, strict=True)])
    wrong = int(((labels >= 0) & ~(gap < 1e-3 * scale)).sum() + ((labels == -1) & (np.abs(ends).max(-1) < 1e6)).sum())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = simulate(flow.network, flow.states(start), t1=END, throw=False, save_at=[END])
    moved = np.linalg.norm(unit(flow.flatten(run.final)) - ends, axis=-1)
    return {
        "cues": count,
        "points": len(points),
        "wrong": wrong,
        "open": int((labels == -2).sum()),
        "ends": int((~(moved < 1e-2 * scale)).sum()),
        "result": run.result.name,
        "seconds": seconds,
        "reference": spent,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cues", type=int, default=300)
    parser.add_argument("--only", nargs="*", default=None, help="names of networks, or beginnings of them")
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    given = parser.parse_args()
    rows = {}
    chosen = {n: c for n, c in cases().items() if given.only is None or any(n.startswith(part) for part in given.only)}
    for name, (memory, draw) in track(chosen.items(), disable=not sys.stderr.isatty(), console=Console(stderr=True)):
        rows[name] = measure(memory, draw, given.cues)
        if given.out:
            given.out.write_text(json.dumps(rows, indent=1))
    table = Table("network", *next(iter(rows.values())))
    for name, row in rows.items():
        table.add_row(name, *(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
