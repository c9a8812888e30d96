"""What analysis costs: saddles, indices and eigenvalues in 10^5 dimensions, and a census against gradient descent.

    python benchmarks/analysis.py [--part saddles --part census] [--width 100000] [--out FILE]

saddles: ModernHopfield of N random +-1 patterns (of length 1) in 10^5 dimensions, in float64 and without the row-space
reduction. The mean of k patterns, displaced by a thousandth of its length, is polished to |F| <= 1e-12 of the scale by
Newton and MINRES; Hv are Hessian-vector products. The index comes from the N x N eigenproblem (`time`; `Gram`: that
of the Gram matrix and its root, computed once for a memory), and the four lowest eigenvalues from `eigsh` on
Hessian-vector products are compared with it.

census: N orthonormal patterns at beta = 2N in 2N dimensions, whose 2^N - 1 fixed points are known. The plain finder is
what is usually done: gradient descent on q = |F|^2/2 from as many random starts as the census polishes, ended
at q < 1e-12, with points nearer than 1e-3 taken for one and none asked whether it is a zero.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from hopfield import ModernHopfield
from hopfield.analysis import find_fixed_points, spectrum
from hopfield.analysis.flow import field, polish
from hopfield.analysis.flow._low_rank import low_rank, low_rank_eigenvalues


def timed(function):
    """An answer and the seconds it took."""
    began = time.perf_counter()
    answer = function()
    return answer, time.perf_counter() - began


# --------------------------------------------------------------------------------------------------- saddles


def saddle(stored, width, members, beta, rng):
    """Polish, index and eigenvalues at one saddle."""
    patterns = np.where(rng.random((stored, width)) < 0.5, -1.0, 1.0) / np.sqrt(width)
    memory = ModernHopfield(patterns, beta=beta)
    flow = field(memory)
    start = patterns[:members].mean(axis=0)
    start = start + 1e-3 * np.linalg.norm(start) * rng.standard_normal(width) / np.sqrt(width)
    found, seconds = timed(lambda: polish(flow, start[None], tol=1e-12 * flow.scale))
    _, first = timed(lambda: low_rank_eigenvalues(low_rank(flow, found.x)))
    exact, again = timed(lambda: low_rank_eigenvalues(low_rank(flow, found.x)))
    sparse, slow = timed(lambda: spectrum(flow, found.x, 4, "eigsh"))
    return {
        "patterns": stored,
        "residual": float(found.residual[0] / flow.scale),
        "products": found.products,
        "polish_seconds": seconds,
        "index": int((exact < 0).sum()),
        "gram_seconds": first - again,
        "index_seconds": again,
        "eigsh_index": int(sparse.index[0]),
        "eigsh_seconds": slow,
        "eigsh_error": float(np.abs(sparse.eigenvalues[0] - exact[:4]).max()),
    }


def saddles(width, console):
    """The table of saddles."""
    rng = np.random.default_rng(0)
    table = Table(title=f"a saddle in {width} dimensions", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("N", "k", "beta", "|F|", "Hv", "polish", "index", "time", "Gram", "eigsh", "error"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = []
    for stored, members in ((10, 2), (10, 5), (30, 2), (100, 2), (100, 5), (300, 2), (300, 10)):
        beta = 3.0 * members + 2 * members * np.log(stored)
        with console.status(f"{stored} patterns"):
            row = {"members": members, "beta": beta, **saddle(stored, width, members, beta, rng)}
        rows.append(row)
        table.add_row(
            str(stored),
            str(members),
            f"{beta:.3g}",
            f"{row['residual']:.1e}",
            str(row["products"]),
            f"{row['polish_seconds']:.1f} s",
            str(row["index"]),
            f"{row['index_seconds'] * 1e3:.0f} ms",
            f"{row['gram_seconds']:.1f} s",
            f"{row['eigsh_seconds']:.1f} s",
            f"{row['eigsh_error']:.1e}",
        )
    console.print(table)
    return rows


# ---------------------------------------------------------------------------------------------------- census


def descent(memory, count, rng, steps=20_000, rate=0.05):
    """Gradient descent on q = |F|^2/2 from random starts, without any test of what it ends in."""
    flow = field(memory)
    x = rng.dirichlet(np.ones(len(memory.memories)), count) @ memory.memories
    for _ in range(steps):
        f = flow.residual(x)
        q = (f * f).sum(axis=-1) / 2
        if (q < 1e-12).all():
            break
        x = x + rate * flow.hessian_product(x, f)  # grad q = -J^T F, and J = -H here
    kept = []
    for point in x[q < 1e-12]:
        if not kept or np.linalg.norm(np.array(kept) - point, axis=1).min() > 1e-3:
            kept.append(point)
    return np.array(kept).reshape(-1, x.shape[1])


def right(points, census):
    """How many of the known points are near one of `points`, and how many of `points` near none."""
    if not len(points):
        return 0, 0
    gap = np.linalg.norm(points[:, None] - census.state[None], axis=-1)
    return int((gap.min(axis=0) < 1e-3).sum()), int((gap.min(axis=1) >= 1e-3).sum())


def census(console):
    """The table of censuses."""
    table = Table(
        title="N orthonormal patterns in 2N dimensions", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for column in ("N", "beta", "known", "finder", "found", "wrong", "sum", "verdict", "time"):
        table.add_column(column, justify="left" if column in ("finder", "verdict") else "right", no_wrap=True)
    rows = []
    for n, beta in ((4, 8.0), (6, 12.0), (3, 2.74)):
        memory = ModernHopfield(np.linalg.qr(np.random.default_rng(n).standard_normal((2 * n, n)))[0].T, beta=beta)
        known = 2**n - 1 if beta > n else 1
        ours, seconds = timed(lambda memory=memory: find_fixed_points(memory))
        count = 256 if n < 6 else 1024
        with console.status(f"gradient descent, N={n}"):
            theirs, slow = timed(lambda memory=memory, count=count: descent(memory, count, np.random.default_rng(0)))
        hit, wrong = right(theirs, ours)
        rows += [
            {"n": n, "beta": beta, "known": known, "finder": "find_fixed_points", "found": len(ours), "wrong": 0}
            | {"morse_sum": ours.morse_sum, "verdict": ours.complete, "seconds": seconds},
            {"n": n, "beta": beta, "known": known, "finder": f"descent, {count}", "found": hit, "wrong": wrong}
            | {"morse_sum": None, "verdict": "", "seconds": slow},
        ]
    for row in rows:
        total = "" if row["morse_sum"] is None else str(row["morse_sum"])
        numbers = [str(row["n"]), f"{row['beta']:g}", str(row["known"]), row["finder"], str(row["found"])]
        table.add_row(*numbers, str(row["wrong"]), total, row["verdict"], f"{row['seconds']:.2f} s")
    console.print(table)
    return rows


# ---------------------------------------------------------------------------------------------------- basins
# (cues integrated in a batch against one by one go here: a function that prints its table and returns its rows)


PARTS = {
    "saddles": lambda arguments, console: saddles(arguments.width, console),
    "census": lambda arguments, console: census(console),
}


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=list(PARTS))
    parser.add_argument("--width", type=int, default=100_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    console = Console()
    results = {part: PARTS[part](arguments, console) for part in arguments.part or list(PARTS)}
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
