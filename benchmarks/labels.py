"""Labels of cues and ends of runs against SciPy's LSODA at 1e-10: how many differ, over many networks.

    python benchmarks/labels.py [--cues 300] [--only NAME ...] [--out FILE]

`wrong` counts the cues whose label in `basins_of_attraction` is another fixed point than the one that LSODA reaches
from there (or that ran away, says the label, and LSODA comes to rest), `open` those that are left open although LSODA
comes to rest, `moving` those that are left open while LSODA goes round a cycle or never rests, `ends` those whose run
by `simulate` (integrator "auto", to t=300) ends elsewhere than where LSODA rests. LSODA is at rest where the residual
is below 1e-7 and the Jacobian, by differences, has no growing direction: not beside a saddle. Forces that jump
(manhattan, max) have no LSODA; there the reference is Euler's method with steps of 0.0005 tau.

With --out the rows are written as they are done, and those in the file already are not run again.
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
from hopfield.dynamics import LogCosh, LogSumExp, Network, Population, Quadratic, Recurrent
from hopfield.models import (
    BidirectionalMemory,
    ClassicalHopfield,
    ContinuousSDM,
    DenseAssociativeMemory,
    ExponentialMemory,
    HierarchicalMemory,
    Layer,
    as_model,
    build,
    catalogue,
)

END = 300.0
GROUP = 100  # cues that LSODA moves together
EULER, EULER_END = 5e-4, 30.0


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
    for size, beta in ((1, 1), (3, 4), (5, 10), (20, 30), (20, 1)):
        found[f"graded, couplings {size}, beta {beta}"] = graded(size, beta), box(0.95, 6)
    found["tour of three cities"] = tour(), box(0.95, 9)
    inside = box(0.9, 12)
    for rule in ("hebbian", "pseudo_inverse", "storkey"):
        found[f"classical, {rule}"] = ClassicalHopfield(signs, learning=rule), inside
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
    found["euclidean, tanh values"] = (
        UniversalHopfield(np.tanh(patterns), "euclidean", beta=8.0, value_lagrangian=LogCosh(3.0)),
        box(0.9, 6),
    )
    found["continuous SDM"] = ContinuousSDM(signs, beta=6.0), box(1.5, 12)
    positive = np.abs(patterns) + 0.1
    for similarity in ("kl", "reverse_kl", "jeffreys", "jensen_shannon"):
        found[f"{similarity}, softmax"] = (
            UniversalHopfield(positive, similarity, beta=4.0),
            lambda count: np.abs(box(2, 6)(count)) + 0.05,
        )
    sphere = Network(
        {"value": Population(Quadratic(), 6), "memory": Population(LogSumExp(3.0), 5, tau=0.5)},
        ModernHopfield(patterns, beta=3.0, tau_memory=0.5).network.synapses,
    )
    found["value and memory neurons, tau 0.5"] = sphere, None
    for entry in catalogue():
        if entry.network:  # reading a sparse distributed memory is no flow
            stored, cues = (signs, inside) if entry.binary else (patterns, box(2, 6))
            if entry.name == "bidirectional":
                cues = lambda count: np.sign(box(1, 12)(count))  # noqa: E731
            found[f"catalogue: {entry.name}"] = build(entry.name, stored), cues
    for size in (0.7, 1.0, 1.5, 4.0):  # from 1.5 on these go round
        found[f"one-way couplings, {size:g}"] = one_way(size), box(0.95, 4)
    for mu in (1000.0, 1.0):
        found[f"van der Pol, mu={mu:g}"] = van_der_pol(mu), box(2, 2)
    return found


def rests(flow, x, scale):
    """Whether a state is at rest where nothing grows."""
    if not np.linalg.norm(flow.residual(x[None])[0]) < 1e-7 * scale:
        return False
    h = 1e-6 * scale * np.eye(len(x))
    slopes = (flow.velocity(x + h) - flow.velocity(x - h)) / (2e-6 * scale)
    return np.linalg.eigvals(slopes).real.max() < 1e-5


def references(flow, x, scale):
    """Where LSODA ends from states (B, D), and whether it rests there.

    The states move as one system with a banded Jacobian, by groups, and with a tolerance that is smaller as a norm over
    more of them. Those that are not at rest after 540 tau go on alone, until they have come back to where they were.
    """
    tau = max(float(np.max(np.asarray(p.tau))) for p in flow.network.populations.values())
    x, resting, width = x.copy(), np.zeros(len(x), dtype=bool), x.shape[1]
    for span in (10.0, 30.0, 100.0, 400.0):
        left = np.flatnonzero(~resting)
        for rows in np.array_split(left, max(1, -(-len(left) // GROUP))):
            found = solve_ivp(
                lambda _, y: flow.velocity(y.reshape(-1, width)).reshape(-1),
                (0.0, span * tau),
                x[rows].reshape(-1),
                method="LSODA",
                rtol=1e-10 / GROUP**0.5,
                atol=1e-12 * scale / GROUP**0.5,
                t_eval=[span * tau],
                lband=width - 1,
                uband=width - 1,
            )
            if found.success and np.isfinite(found.y).all():
                x[rows] = found.y[:, -1].reshape(-1, width)
                resting[rows] = [rests(flow, end, scale) for end in x[rows]]
    for k in np.flatnonzero(~resting):
        x[k], resting[k] = alone(flow, x[k], scale, tau)
    return x, resting


def alone(flow, x, scale, tau):
    """The same for one state: it ends where it rests, where LSODA gives up, or where a cycle has come back."""
    velocity = lambda _, y: flow.velocity(y[None])[0]  # noqa: E731
    time = 0.0
    while time < 100 * tau:
        begin, heading = x, velocity(0.0, x)

        def back(t, y, begin=begin, heading=heading):
            """The plane through the state from which this part of the way began, which a cycle crosses again."""
            return (y - begin) @ heading if t > 0.05 * tau else 1.0

        back.direction, back.terminal = 1.0, np.linalg.norm(heading) > 1e-4 * scale
        found = solve_ivp(velocity, (0.0, 50 * tau), x, method="LSODA", rtol=1e-10, atol=1e-12 * scale, events=back)
        x, time = found.y[:, -1], time + found.t[-1]
        if not found.success or not np.isfinite(x).all():
            return x, False
        if found.status == 1 and np.linalg.norm(x - begin) < 1e-5 * scale:
            return x, False
        if rests(flow, x, scale):
            return x, True
    return x, False


def by_euler(flow, x, scale):
    """Where Euler's method ends, and whether it has come as near to rest as its steps let it."""
    tau = float(np.max(np.asarray(next(iter(flow.network.populations.values())).tau)))
    for _ in range(round(EULER_END / EULER)):
        before = x
        x = x + EULER * tau * flow.velocity(x)
    return x, np.linalg.norm(x - before, axis=-1) < 0.1 * scale


def measure(memory, draw, count, end=END):
    """Wrong labels, open labels, wrong ends; and the seconds of the labels and of the reference."""
    flow = field(memory)
    spread = np.random.default_rng(2).uniform(-2, 2, (count, flow.size))
    cues = flow.activation(spread) if draw is None else draw(count)
    rule = as_model(memory).parts
    ray = rule is not None and rule.similarity.ray and rule.leak == 0

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
        ends, resting = references(flow, start, scale)
        ends = unit(ends)
    else:
        ends, resting = by_euler(flow, start, scale)
        ends = unit(ends)
    spent = time.process_time() - began
    points = unit(np.asarray(found.fixed_points.state, dtype=float))
    labels, near = found.labels, 1e-3 if flow.smooth else 1e-2
    gap = np.array([np.linalg.norm(end - points[k]) if k >= 0 else 0.0 for end, k in zip(ends, labels, strict=True)])
    elsewhere = (labels >= 0) & ~((gap < near * scale) & resting)
    away = (labels == -1) & (resting | (np.abs(ends).max(-1) < 1e6))
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = simulate(flow.network, flow.states(start), t1=end, throw=False, save_at=[end])
    took = time.process_time() - began
    moved = np.linalg.norm(unit(flow.flatten(run.final)) - ends, axis=-1)
    off = resting & ~(moved < 1e-2 * scale)
    return {
        "cues": count,
        "points": len(points),
        "wrong": int((elsewhere | away).sum()),
        "open": int(((labels == -2) & resting).sum()),
        "moving": int(((labels == -2) & ~resting).sum()),
        "ends": int(off.sum()),
        "result": run.result.name,
        "seconds": seconds,
        "run": took,
        "reference": spent,
        "which": [int(k) for k in np.flatnonzero(elsewhere | away | off | ((labels == -2) & resting))[:20]],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cues", type=int, default=300)
    parser.add_argument("--only", nargs="*", default=None, help="names of networks, or beginnings of them")
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers; rows in it are not run again")
    given = parser.parse_args()
    rows = json.loads(given.out.read_text()) if given.out and given.out.exists() else {}
    chosen = {n: c for n, c in cases().items() if given.only is None or any(n.startswith(part) for part in given.only)}
    for name, (memory, draw) in track(chosen.items(), disable=not sys.stderr.isatty(), console=Console(stderr=True)):
        if name in rows:
            continue
        rows[name] = measure(memory, draw, given.cues)
        if given.out:
            given.out.write_text(json.dumps(rows, indent=1))
    columns = [column for column in next(iter(rows.values())) if column != "which"]
    table = Table("network", *columns)
    for name in chosen:
        values = (rows[name][column] for column in columns)
        table.add_row(name, *(f"{v:.2f}" if isinstance(v, float) else str(v) for v in values))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
