"""Overhead of a network's velocity over the two matrix products that it cannot do without.

    python benchmarks/velocity.py [--stored 2000] [--width 3072] [--batch 64] [--repeats 30] [--out FILE]

Both are timed in turn in one run, library by library; the ratio of the medians is printed. On JAX both are
compiled. The products alone are g M^T and f M with the shapes of the velocity.
"""

import argparse
import importlib.util
import json
import statistics
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from hopfield import UniversalHopfield
from hopfield.dynamics.backend import move

SIMILARITIES = ("dot", "euclidean", "cosine")


def cases(arguments):
    """Yield (library, dtype, similarity, seconds of the products, seconds of the velocity)."""
    libraries = ["numpy", *(name for name in ("jax", "torch") if importlib.util.find_spec(name))]
    if "jax" in libraries:
        import jax

        jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(0)
    patterns = rng.standard_normal((arguments.stored, arguments.width))
    queries = patterns[: arguments.batch] + 0.5 * rng.standard_normal((arguments.batch, arguments.width))
    for library in libraries:
        for dtype in ("float32", "float64"):
            for similarity in SIMILARITIES:
                memory = UniversalHopfield(patterns.astype(dtype), similarity, beta=0.01).to(library)
                states = memory.start(move(queries.astype(dtype), library))
                products, velocity = programs(memory, states, library)
                yield library, dtype, similarity, *medians(products, velocity, arguments.repeats)


def programs(memory, states, library):
    """Two functions without arguments: the bare products, and the velocity."""

    def products(matrix, g, f):
        return g @ matrix.T, f @ matrix

    def velocity(network, states):
        return network.velocity(states)

    f = memory.network.activations(states)["memory"]
    data = (memory.memories, states["value"], f)
    if library == "jax":
        import jax

        fast_products, fast_velocity = jax.jit(products), jax.jit(velocity)
        return (
            lambda: jax.block_until_ready(fast_products(*data)),
            lambda: jax.block_until_ready(fast_velocity(memory.network, states)),
        )
    return lambda: products(*data), lambda: velocity(memory.network, states)


def medians(first, second, repeats):
    """Median seconds of two functions, called in turn so that both see the same machine."""
    times = ([], [])
    for repeat in range(repeats + 3):
        for function, kept in zip((first, second), times, strict=True):
            began = time.perf_counter()
            function()
            if repeat >= 3:
                kept.append(time.perf_counter() - began)
    return statistics.median(times[0]), statistics.median(times[1])


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stored", type=int, default=2000)
    parser.add_argument("--width", type=int, default=3072)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    title = f"N={arguments.stored}, I={arguments.width}, batch {arguments.batch}; medians of {arguments.repeats}"
    table = Table("library", "dtype", "similarity", "products / ms", "velocity / ms", "ratio", title=title)
    rows = []
    for library, dtype, similarity, products, velocity in cases(arguments):
        ratio = velocity / products
        table.add_row(library, dtype, similarity, f"{products * 1e3:.2f}", f"{velocity * 1e3:.2f}", f"{ratio:.2f}")
        rows.append(dict(library=library, dtype=dtype, similarity=similarity, products=products, velocity=velocity))
    Console().print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps({"settings": title, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
