"""Basins of many cues, against integrating each cue with SciPy.

    python benchmarks/basins.py [--cues 10000] [--width 1000] [--patterns 100] [--sample 20] [--out FILE]
    python benchmarks/basins.py --digits [--cues 10000]

A modern continuous Hopfield network with random patterns of length 4 and beta = 1. Cues: patterns with noise half as
long as a pattern, and as long; and "between", means of two patterns, near a boundary, with noise half as long. Ours:
`basins_of_attraction` in steps of 0.1 on NumPy, fixed points found on the way. SciPy: `solve_ivp` of the same adiabatic
flow, v' = M^T softmax(beta M v) - v, at its default tolerances, one cue after the other, ended by an event when |v'|
falls below 1e-3 of the scale, which ours calls converged; the cue's label is the pattern nearest to the end. SciPy's
time is measured on `sample` cues and extrapolated to all. Times are of the processor (user and system, all threads),
so that a busy machine does not change the ratios; OMP_NUM_THREADS=1 is fair.

With --digits the patterns are 100 digits of scikit-learn in float32, centred and of length 1, with beta = 60, and cues
are digits with noise half as long and as long: seconds of the processor, alone and with the fixed points given.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.integrate import solve_ivp

from hopfield import ModernHopfield
from hopfield.analysis import basins_of_attraction
from hopfield.data import load


def problem(patterns, width, cues, part, between=False):
    """A memory and cues whose noise is `part` as long as a pattern, at patterns or half way between two of them."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((patterns, width))
    rows *= 4 / np.linalg.norm(rows, axis=1, keepdims=True)
    source = rng.integers(patterns, size=cues)
    noise = rng.standard_normal((cues, width)) * (4 * part / np.sqrt(width))
    base = (rows[source] + rows[(source + 1) % patterns]) / 2 if between else rows[source]
    return ModernHopfield(rows, beta=1.0), base + noise, source


def by_scipy(memory, cues, method):
    """Seconds for each cue, and the pattern that each reaches."""
    rows, beta, scale = memory.memories, memory.beta, 4.0

    def velocity(_, v):
        h = beta * (rows @ v)
        f = np.exp(h - h.max())
        return rows.T @ (f / f.sum()) - v

    def slow(t, v):
        return np.linalg.norm(velocity(t, v)) - 1e-3 * scale

    slow.terminal, slow.direction = True, -1
    labels, began = [], time.process_time()
    for cue in cues:
        run = solve_ivp(velocity, (0.0, 1000.0), cue, method=method, events=slow)
        labels.append(np.linalg.norm(rows - run.y[:, -1], axis=1).argmin())
    return (time.process_time() - began) / len(cues), np.array(labels)


def digits(count):
    """Labels of cues at digits, many of which have a neighbour nearby and no attractor of their own."""
    rows = load("digits").rows[:100]
    rows = rows - rows.mean(axis=1, keepdims=True)
    memory = ModernHopfield(rows / np.linalg.norm(rows, axis=1, keepdims=True), beta=60.0)
    rng, table = np.random.default_rng(0), Table(title=f"Basins: {count} cues at 100 digits, float32")
    for name in ("noise", "labels / s", "with times / s", "points given / s", "points", "unresolved"):
        table.add_column(name, justify="right")
    for part in (0.5, 1.0):
        q = memory.memories[rng.integers(100, size=count)]
        q = q + rng.standard_normal(q.shape, dtype=np.float32) * np.float32(part / 8)
        found = basins_of_attraction(memory, q, timed=False)
        spent = []
        for points, timed in ((None, False), (None, True), (found.fixed_points, False)):
            each = []
            for _ in range(3):
                began = time.process_time()
                basins_of_attraction(memory, q, points, timed=timed)
                each.append(time.process_time() - began)
            spent.append(f"{min(each):.2f}")
        table.add_row(f"{part:g}", *spent, str(len(found.fixed_points)), str(found.unresolved))
    Console(width=100).print(table)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cues", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--patterns", type=int, default=100)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--digits", action="store_true")
    given = parser.parse_args()
    if given.digits:
        digits(given.cues)
        return
    size = f"{given.cues} cues, D={given.width}, N={given.patterns}"
    table = Table(title=f"Basins: {size}, float64, NumPy (SciPy: {given.sample} cues, extrapolated)")
    for name in (
        "noise",
        "ours / s",
        "labels only / s",
        "unresolved",
        "recalled",
        "SciPy",
        "/ s",
        "ratio",
        "labels only",
        "agree",
    ):
        table.add_column(name, justify="left" if name == "SciPy" else "right", no_wrap=True)
    results = []
    for part, between in ((0.5, False), (1.0, False), (0.5, True)):
        memory, cues, source = problem(given.patterns, given.width, given.cues, part, between)
        basins_of_attraction(memory, cues[:10])
        seconds = {}
        for timed in (True, False):
            began = time.process_time()
            found = basins_of_attraction(memory, cues, targets=source, timed=timed)
            seconds[timed] = time.process_time() - began
        for method in ("RK45", "LSODA")[: 2 if given.width <= 5000 else 1]:  # LSODA stores a D x D matrix
            each, labels = by_scipy(memory, cues[: given.sample], method)
            whole, agree = each * given.cues, float(np.mean(labels == found.pattern[: given.sample]))
            ratios = [whole / seconds[True], whole / seconds[False]]
            table.add_row(
                f"{part:g}{' between' * between}",
                f"{seconds[True]:.2f}",
                f"{seconds[False]:.2f}",
                str(found.unresolved),
                f"{found.recalled:.4f}",
                method,
                f"{whole:.0f}",
                f"{ratios[0]:.0f}",
                f"{ratios[1]:.0f}",
                f"{agree:.0%}",
            )
            row = {
                "noise": part,
                "between": between,
                "seconds": seconds[True],
                "labels_only": seconds[False],
                "scipy": method,
            }
            results.append({**row, "scipy_seconds": whole, "ratios": ratios, "agree": agree})
    Console(width=130).print(table)
    if given.out:
        given.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
