"""Stiff retrieval: memory neurons a thousand times faster than value neurons, by every integrator.

    python benchmarks/stiff.py [--problem A --problem B --problem C] [--repeats 5] [--out FILE]

A: N=200, I=50; B: N=3000, I=100; C: N=100000, I=500 in float32; softmax with beta=20, tau_memory/tau_value=1e-3,
t1=10, from the midpoint of two memories with h = 0. Errors are the largest over t >= 0.05 against a reference
at tolerance 1e-12 (A) or 1e-9 (B). The largest change of the energy is over the method's own steps (negative: it
always fell), for libraries over 2001 times, for solves of more than 30 s over 40. Times are processor times, the
least of the repeats (of those solves a single one), all in one run; `ratio` is the time over that of Rosenbrock at
1e-4. The first JAX call, which compiles, is not counted.
"""

import argparse
import importlib.util
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from hopfield import UniversalHopfield, simulate
from hopfield.dynamics import Diffrax, Euler, Relaxation, Rosenbrock, RungeKutta, Scipy, TorchDiffEq
from hopfield.dynamics.backend import move

PROBLEMS = {"A": (200, 50, "float64"), "B": (3000, 100, "float64"), "C": (100_000, 500, "float32")}
T1 = 10.0


def problem(stored, width, dtype):
    """A memory of random patterns and a cue between the first two."""
    rng = np.random.default_rng(1)
    patterns = (rng.standard_normal((stored, width), dtype=np.float32) / np.sqrt(width)).astype(dtype)
    cue = (patterns[0] + patterns[1]) / 2 + 0.02 * rng.standard_normal(width).astype(dtype)
    return UniversalHopfield(patterns, beta=20.0, tau_memory=1e-3), cue.astype(dtype)


def rosenbrock(tol):
    """Rosenbrock with one tolerance for both."""
    return Rosenbrock(rtol=tol, atol=tol)


def rows(name):
    """The integrators that a problem is given to: (label, library, integrator)."""
    ours = [
        ("Relaxation, Lie, dt=0.1", "numpy", Relaxation(0.1)),
        ("Relaxation, Strang, dt=0.1", "numpy", Relaxation(0.1, order=2)),
        ("Relaxation, adaptive", "numpy", Relaxation(T1, adaptive=True)),
        *((f"Rosenbrock, {tol:.0e}", "numpy", rosenbrock(tol)) for tol in (1e-3, 1e-4, 1e-6)),
    ]
    if name == "C":
        return [ours[0], ours[2], *ours[3:5]]
    scipy = [(f"SciPy {m}, 1e-4", "numpy", Scipy(m, rtol=1e-4, atol=1e-4)) for m in ("BDF", "Radau", "LSODA")]
    jax = [
        ("diffrax Kvaerno3, eliminating, 1e-4", "jax", Diffrax("Kvaerno3", rtol=1e-4, atol=1e-4)),
        ("diffrax Kvaerno5, eliminating, 1e-4", "jax", Diffrax("Kvaerno5", rtol=1e-4, atol=1e-4)),
    ]
    stock = [("diffrax Kvaerno3, stock, 1e-4", "jax", Diffrax("Kvaerno3", rtol=1e-4, atol=1e-4, eliminate=False))]
    if name == "B":
        return [*ours, *scipy, *jax, *stock]
    finer = [(f"SciPy {m}, 1e-6", "numpy", Scipy(m, rtol=1e-6, atol=1e-6)) for m in ("BDF", "Radau", "LSODA")]
    stock.append(("diffrax Kvaerno5, stock, 1e-4", "jax", Diffrax("Kvaerno5", rtol=1e-4, atol=1e-4, eliminate=False)))
    explicit = [
        ("Euler, dt=1e-3", "numpy", Euler(1e-3)),
        ("RungeKutta dopri5, 1e-4", "numpy", RungeKutta(rtol=1e-4, atol=1e-4)),
        ("SciPy RK45, 1e-4", "numpy", Scipy("RK45", rtol=1e-4, atol=1e-4)),
        ("diffrax Tsit5, 1e-4", "jax", Diffrax("Tsit5", rtol=1e-4, atol=1e-4, max_steps=20_000)),
        ("torchdiffeq dopri5, 1e-4", "torch", TorchDiffEq("dopri5", rtol=1e-4, atol=1e-4)),
    ]
    return [*ours, *scipy, *finer, *jax, *stock, *explicit]


def largest_increase(memory, cue, h0, integrator):
    """The largest rise of the energy over a step of the method."""
    if isinstance(integrator, TorchDiffEq | Diffrax | Scipy):
        run = simulate(memory, cue, t1=T1, integrator=integrator, memory_state=h0, save_at=np.linspace(0, T1, 2001))
    else:
        run = simulate(memory, cue, t1=T1, integrator=integrator, memory_state=h0)
    return float(np.diff(np.asarray(run.energy, dtype=float)).max())


def measured(memory, cue, integrator, times, reference, repeats):
    """One row of the table: what a method did."""
    h0 = 0 * memory.scores(cue)
    arguments = dict(t1=T1, integrator=integrator, memory_state=h0)
    began = time.perf_counter()
    sampled = simulate(memory, cue, save_at=times, save="all", **arguments) if reference else None
    slow = time.perf_counter() - began > 30
    options = {"save_at": times, "save": "all"} if slow else {"save_at": [T1]}
    if not slow:
        simulate(memory, cue, **options, **arguments)  # the first call compiles
    seconds = []
    while len(seconds) < (1 if slow else repeats):
        began = time.process_time()
        run = simulate(memory, cue, **options, **arguments)
        seconds.append(time.process_time() - began)
    errors = {}
    if sampled is not None and reference:
        for population, exact in reference.items():
            errors[population] = float(np.abs(np.asarray(sampled.states[population]) - exact).max())
    return {
        "steps": run.statistics["steps"],
        "evaluations": run.statistics["evaluations"],
        "seconds": min(seconds),
        "increase": float(np.diff(np.asarray(sampled.energy, dtype=float)).max())
        if slow and sampled is not None
        else largest_increase(memory, cue, h0, integrator),
        "error v": errors.get("value"),
        "error h": errors.get("memory"),
    }


def solve(name, repeats, console):
    """All rows of one problem."""
    stored, width, dtype = PROBLEMS[name]
    memory, cue = problem(stored, width, dtype)
    times, reference = np.linspace(0.05, T1, 40), {}
    if name != "C":
        tol = 1e-12 if name == "A" else 1e-9
        exact = Scipy("Radau", rtol=tol, atol=tol) if name == "A" else Rosenbrock(tol, tol, max_steps=10**6)
        run = simulate(memory, cue, t1=T1, integrator=exact, save_at=times, save="all", memory_state=np.zeros(stored))
        reference = run.states
    table = Table(title=f"Problem {name}: N={stored}, I={width}, {dtype}")
    for column in ("method", "steps", "evaluations", "time / ms", "ratio", "largest dE", "error v", "error h"):
        table.add_column(column, justify="left" if column == "method" else "right")
    found = []
    for label, library, integrator in rows(name):
        if library != "numpy" and importlib.util.find_spec(library) is None:
            continue
        with console.status(f"{name}: {label}"):
            there = memory if library == "numpy" else memory.to(library)
            row = measured(there, move(cue, library), integrator, times, reference, repeats)
        found.append({"method": label, **row})
    base = next(row["seconds"] for row in found if row["method"] == "Rosenbrock, 1e-04")
    for row in found:
        errors = ["" if row[key] is None else f"{row[key]:.1e}" for key in ("error v", "error h")]
        numbers = [str(row["steps"]), str(row["evaluations"]), f"{row['seconds'] * 1e3:.1f}"]
        table.add_row(row["method"], *numbers, f"{row['seconds'] / base:.2f}", f"{row['increase']:.1e}", *errors)
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    console.print(f"patterns {memory.memories.nbytes / 2**30:.2f} GiB, peak memory of the process {peak:.2f} GiB")
    return {"problem": name, "rows": found, "peak_gib": peak}


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", action="append", choices=list(PROBLEMS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if importlib.util.find_spec("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
    console = Console(width=None if sys.stdout.isatty() else 140)
    results = [solve(name, arguments.repeats, console) for name in arguments.problem or ["C", "A", "B"]]
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
