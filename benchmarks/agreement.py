"""All solvers on random networks: the largest distance of each from a reference at tolerance 1e-12.

    python benchmarks/agreement.py [--networks 200] [--out FILE]

Similarities dot, euclidean and cosine, leaks, biases, beta and both time constants are drawn at random; N=12, I=6,
t1=3. `expected` says what the tolerances of the method allow (for Relaxation with cosine and a leak, whose value
step is not exact: 1e-2); the last column counts networks beyond it.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hopfield import UniversalHopfield, simulate
from hopfield.dynamics import Diffrax, Relaxation, Rosenbrock, RungeKutta, Scipy, TorchDiffEq
from hopfield.dynamics.backend import move

TIMES = [1.0, 3.0]
METHODS = [  # label, library, integrator, what its tolerances allow
    ("Relaxation, Strang, dt=0.002", "numpy", Relaxation(0.002, order=2), 1e-2),
    ("Relaxation, adaptive, 1e-4", "numpy", Relaxation(1.0, adaptive=True, rtol=1e-4), 1e-2),
    ("Rosenbrock, 1e-6", "numpy", Rosenbrock(1e-6, 1e-8), 1e-5),
    ("Rosenbrock by GMRES, 1e-6", "numpy", Rosenbrock(1e-6, 1e-8, dense=0), 1e-5),
    ("RungeKutta dopri5, 1e-7", "numpy", RungeKutta(rtol=1e-7), 1e-5),
    ("RungeKutta tsit5, 1e-7", "numpy", RungeKutta("tsit5", rtol=1e-7), 1e-5),
    ("SciPy BDF, 1e-8", "numpy", Scipy("BDF", rtol=1e-8, atol=1e-10), 1e-5),
    ("SciPy LSODA, 1e-8", "numpy", Scipy("LSODA", rtol=1e-8, atol=1e-10), 1e-5),
    ("Rosenbrock, 1e-6", "jax", Rosenbrock(1e-6, 1e-8), 1e-5),
    ("diffrax Tsit5, 1e-7", "jax", Diffrax("Tsit5", rtol=1e-7, atol=1e-9), 1e-5),
    ("diffrax Kvaerno5, 1e-7", "jax", Diffrax("Kvaerno5", rtol=1e-7, atol=1e-9), 1e-5),
    ("Rosenbrock, 1e-6", "torch", Rosenbrock(1e-6, 1e-8), 1e-5),
    ("torchdiffeq dopri5, 1e-7", "torch", TorchDiffEq("dopri5", rtol=1e-7, atol=1e-9), 1e-5),
]


def network(seed):
    """A random memory and a cue."""
    rng = np.random.default_rng(seed)
    similarity = ("dot", "euclidean", "cosine")[seed % 3]
    memory = UniversalHopfield(
        rng.standard_normal((12, 6)),
        similarity,
        beta=float(rng.uniform(0.5, 4.0)),
        tau_value=float(rng.uniform(0.5, 2.0)),
        tau_memory=float(10 ** rng.uniform(-2, 0)),
        leak=float(rng.choice([0.5, 1.0])),
        bias=rng.standard_normal(6) * 0.3,
    )
    return memory, rng.standard_normal(6)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    methods = [row for row in METHODS if row[1] == "numpy" or importlib.util.find_spec(row[1])]
    if any(row[1] == "jax" for row in methods):
        import jax

        jax.config.update("jax_enable_x64", True)
    console = Console(width=None if sys.stdout.isatty() else 140)
    gaps = np.zeros((arguments.networks, len(methods)))
    for k in track(range(arguments.networks), console=Console(stderr=True), disable=not console.is_terminal):
        memory, cue = network(k)
        reference = simulate(memory, cue, t1=3.0, integrator=Scipy("DOP853", rtol=1e-12, atol=1e-13), save_at=TIMES)
        for column, (_, library, integrator, _) in enumerate(methods):
            there = memory if library == "numpy" else memory.to(library)
            run = simulate(there, move(cue, library), t1=3.0, integrator=integrator, save_at=TIMES)
            gaps[k, column] = np.abs(np.asarray(run.states["value"]) - reference.states["value"]).max()
    table = Table(title=f"{arguments.networks} random networks: distance from the reference")
    for name in ("method", "library", "largest", "median", "expected", "beyond"):
        table.add_column(name, justify="left" if name in ("method", "library") else "right")
    rows = []
    for (label, library, _, allowed), column in zip(methods, gaps.T, strict=True):
        rows.append({"method": label, "library": library, "largest": column.max(), "median": float(np.median(column))})
        beyond = int((column > allowed).sum())
        table.add_row(label, library, f"{column.max():.1e}", f"{np.median(column):.1e}", f"{allowed:.0e}", str(beyond))
    console.print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
