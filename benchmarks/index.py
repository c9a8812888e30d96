"""An index of many patterns beside the recall that looks at all of them, and how good its bounds are.

    OMP_NUM_THREADS=1 HOPFIELD_DATA=FOLDER python benchmarks/index.py [--rows 1000000] [--repeat 3]

9000 images of MNIST with 256 others as cues (left out without HOPFIELD_DATA), and patterns of 256 values near a
surface of 16 dimensions, with 256 noisy ones as cues; float32, euclidean, softmax, missing = 1e-3. Processor time, the
least of some; the share of patterns that are looked at; the largest difference to `recall`, and its bound.
"""

import argparse
import os
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from hopfield.data import load
from hopfield.models import PatternIndex, UniversalHopfield


def least(call, repeat):
    """What a call gives, and the least processor time of some."""
    times, answers = [], []
    for _ in range(repeat):
        began = time.process_time()
        answers = [call()]
        times.append(time.process_time() - began)
    return answers[0], min(times)


def compared(table, name, m, q, beta, repeat):
    """One row of the table."""
    memory = UniversalHopfield(m, "euclidean", beta=beta, tau_memory=0.0)
    index, built = least(lambda: PatternIndex(memory), 1)
    found, ours = least(lambda: index.recall(q, most=len(m)), repeat)
    whole, all_of_them = least(lambda: memory.recall(q), repeat)
    gap = np.linalg.norm(found.state.astype(float) - whole, axis=1).max()
    told = [f"{built:.2f}", f"{ours:.3f}", f"{all_of_them:.3f}", f"{100 * found.read.mean() / len(m):.2f} %"]
    table.add_row(
        name, f"{beta:g}", f"{index.directions} of {m.shape[1]}", *told, f"{gap:.1e}", f"{found.error.max():.1e}"
    )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10**6)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    table = Table("patterns", "beta", "directions", "built / s", "index / s", "recall / s", "looked at", "gap", "bound")
    if "HOPFIELD_DATA" in os.environ:
        x = load("mnist").rows.astype(np.float32)
        for beta in (0.3, 1.0, 3.0):
            compared(table, "9000 images", x[:9000], x[9000:9256], beta, given.repeat)
    rng = np.random.default_rng(0)
    turn = rng.standard_normal((16, 256), dtype=np.float32) / 4
    m = np.concatenate(
        [np.tanh(rng.standard_normal((2**14, 16), dtype=np.float32) @ turn) for _ in range(-(-given.rows >> 14))]
    )
    m = m[: given.rows] + np.float32(0.02) * rng.standard_normal((given.rows, 256), dtype=np.float32)
    q = m[:256] + np.float32(0.05) * rng.standard_normal((256, 256), dtype=np.float32)
    for beta in (3.0, 10.0):
        compared(table, f"{given.rows} near a surface", m, q, beta, given.repeat)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
