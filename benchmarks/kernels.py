"""Compiled loops beside what they replace and what they could at best cost, in one run, one thread.

    OMP_NUM_THREADS=1 python benchmarks/kernels.py [--repeat 15]

City-block scores of 10^4 patterns of 768 values for 32 queries, beside the bare matrix product and faiss (where it is
installed); a step of the weighted median at I = 784, alone, which finds nothing of its own left in the caches, and in a
run of ten; a visit of a site in sweeps of N = 1000 neurons. Processor time, the least of many.
"""

import argparse
import os
import time
from importlib.util import find_spec

import numpy as np
from rich.console import Console
from rich.table import Table

from hopfield.models import ClassicalHopfield, Manhattan


def least(calls, repeat):
    """The least processor time of each of some calls, taken in turn, in seconds."""
    found = [float("inf")] * len(calls)
    for call in calls:
        call()
    for _ in range(repeat):
        for k, call in enumerate(calls):
            began = time.process_time()
            call()
            found[k] = min(found[k], time.process_time() - began)
    return found


def without(call):
    """The same call as if numba were not installed."""

    def plain():
        os.environ["HOPFIELD_NUMBA"] = "0"
        try:
            return call()
        finally:
            del os.environ["HOPFIELD_NUMBA"]

    return plain


def scores(table, repeat):
    """City-block scores beside the matrix product."""
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        m, q = (rng.random((rows, 768)).astype(dtype) for rows in (10_000, 32))
        similarity = Manhattan(m[:1]).of(m)
        calls = [lambda m=m, q=q: q @ m.T, lambda s=similarity, q=q: s.scores(q)]
        calls.append(without(calls[1]))
        if dtype == "float32" and find_spec("faiss"):
            import faiss

            faiss.omp_set_num_threads(1)
            calls.append(lambda m=m, q=q: faiss.pairwise_distances(q, m, metric=faiss.METRIC_L1))
        product, ours, plain, *peer = least(calls, repeat)
        for name, other in (("matrix product", product), ("SciPy", plain), *[("faiss", x) for x in peer]):
            table.add_row(
                f"scores {dtype}", name, f"{1e3 * ours:.2f} ms", f"{1e3 * other:.2f} ms", f"{ours / other:.2f}"
            )


def medians(table, repeat):
    """A step of the weighted median beside that of NumPy."""
    rng = np.random.default_rng(0)
    for rows in (200, 1000, 5000):
        m = rng.random((rows, 784))
        similarity = Manhattan(m)
        f, v = rng.dirichlet(np.ones(rows)), m[0] + 0.1 * rng.standard_normal(784)

        def step(similarity=similarity, v=v, f=f):
            return similarity.value_step(v, f, ratio=None)

        def run(step=step):
            for _ in range(10):
                step()

        gap = np.abs(step() - without(step)()).max()
        for name, call, count in (("alone", step, 1), ("in a run", run, 10)):
            ours, plain = (x / count for x in least([call, without(call)], max(3, repeat // 3)))
            told = f"{ours / plain:.3f} (gap {gap:.1e})"
            table.add_row(f"median N={rows}, {name}", "NumPy", f"{1e3 * ours:.2f} ms", f"{1e3 * plain:.2f} ms", told)


def visits(table, repeat):
    """A visit of a site in the heat bath and by the sign rule, N = 1000 neurons."""
    rng = np.random.default_rng(0)
    m = rng.choice([-1.0, 1.0], size=(50, 1000))
    memory, cue = ClassicalHopfield(m), m[0] * np.where(rng.random(1000) < 0.3, -1.0, 1.0)
    cues = m[:32] * np.where(rng.random((32, 1000)) < 0.3, -1.0, 1.0)
    sweeps = 200

    def heat():
        return memory.glauber(cue, 0.5, sweeps=sweeps, every=sweeps)

    def signs():
        return memory.retrieve(cues, 20)

    ours, plain = least([heat, without(heat)], max(2, repeat // 5))
    count = sweeps * 1000
    told = (f"{1e6 * ours / count:.3f} us", f"{1e6 * plain / count:.2f} us", f"{ours / plain:.3f}")
    table.add_row("glauber visit", "Python", *told)
    ours, plain = least([signs, without(signs)], max(2, repeat // 5))
    count = 1000 * int(signs().steps.sum())
    told = (f"{1e6 * ours / count:.3f} us", f"{1e6 * plain / count:.2f} us", f"{ours / plain:.3f}")
    table.add_row("sign-rule visit", "Python", *told)


def main():
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    table = Table("what", "beside", "compiled", "other", "ratio")
    for part in (scores, medians, visits):
        part(table, repeat)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
