"""Recall and retrieval beside the bare products, and memories larger than they can be held with all their scores.

    OMP_NUM_THREADS=1 python benchmarks/blocks.py [--repeat 7] [--large] [--file GB]

Patterns of 64 values in float32, one thread, processor time, the least of many in turn. Without options: N from 10^3 to
10^5 and 64 or 256 cues, NumPy beside its two products, PyTorch beside softmax(Q M^T) M, and `retrieve` in recalls. The
bounds are what no recall can be faster than, products with NumPy's exponentials of small numbers between them, in place
and in blocks that a cache holds, and no `retrieve`: u + 1 recalls and a product more for the nearest patterns. With
numba, loops that are loaded already are used; HOPFIELD_NUMBA=0 does without. With
--large 10^6 patterns and 1024 cues in a process of its own, with its peak of memory. With --file a file of so many
gigabytes is written to the temporary folder, and read back by a recall with a progress bar.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from hopfield.models import UniversalHopfield

I = 64


def least(calls, repeat):
    """The least processor time of each of some calls, taken in turn, in seconds."""
    found = [float("inf")] * len(calls)
    for _ in range(repeat + 1):
        for k, call in enumerate(calls):
            began = time.process_time()
            call()
            found[k] = min(found[k], time.process_time() - began)
    return found


def drawn(rows, cues):
    """Patterns, and cues near some of them."""
    rng = np.random.default_rng(0)
    m = rng.standard_normal((rows, I), dtype=np.float32)
    q = m[rng.integers(rows, size=cues)] + 0.3 * rng.standard_normal((cues, I), dtype=np.float32)
    return m, q


def bare(m, q, room):
    """Two products and an exponential of each score in between: no largest score, no sums, no checks."""
    step, total = room.size // len(q), np.zeros_like(q)
    for start in range(0, len(m), step):
        part = m[start : start + step]
        h = room[: len(q) * len(part)].reshape(len(q), -1)
        np.matmul(q, part.T, out=h)
        np.exp(h, out=h)
        total += h @ part
    return total


def compared(table, rows, cues, repeat):
    """One size: NumPy, PyTorch, and `retrieve`."""
    m, q = drawn(rows, cues)
    memory, buffer = UniversalHopfield(m, tau_memory=0.0), np.empty((cues, rows), np.float32)
    answer = memory.retrieve(q)
    updates, small, room = int(answer.steps.max()), q / 100, np.empty(min(rows * cues, 2**18), np.float32)
    calls = [
        lambda: np.matmul(q, m.T, out=buffer) @ m,
        lambda: memory.recall(q),
        lambda: memory.retrieve(q),
        lambda: bare(m, small, room),
        lambda: np.matmul(q, m.T, out=buffer),
    ]
    products, recall, retrieve, bound, first = least(calls, max(repeat, int(repeat * 10**7 / (rows * cues))))
    told = [f"{1e3 * recall:.2f} ms", f"{recall / products:.2f}", f"{bound / products:.2f}"]
    told += [f"{retrieve / recall / (updates + 1):.2f}", f"{1 + first / recall / (updates + 1):.2f}"]
    try:
        import torch
    except ImportError:
        told.append("-")
    else:
        torch.set_num_threads(1)
        mt, qt = torch.from_numpy(m), torch.from_numpy(q)
        tensor = memory.to("torch")
        plain, ours = least([lambda: torch.softmax(qt @ mt.T, -1) @ mt, lambda: tensor.recall(qt)], repeat)
        told.append(f"{ours / plain:.2f}")
    table.add_row(f"{rows}", f"{cues}", *told, f"{updates}")


def large(rows=10**6, cues=1024):
    """Peak of memory and time of one recall, beside the two products in pieces of 64 cues."""
    m, q = drawn(rows, cues)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    memory = UniversalHopfield(m, tau_memory=0.0)
    memory.recall(q[:1])  # loads what compiles loops
    began = time.process_time()
    memory.recall(q)
    ours = time.process_time() - began
    began = time.process_time()
    memory.retrieve(q)
    retrieved = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    began = time.process_time()
    for start in range(0, rows, 4096):
        part = m[start : start + 4096]
        _ = (q @ part.T) @ part
    products = time.process_time() - began
    began = time.process_time()
    bare(m, q / 100, np.empty(cues * 1024, np.float32))
    bound = time.process_time() - began
    share, least = ours / products, bound / products
    print(
        f"{rows} x {I} float32, {cues} cues: recall {ours:.1f} s, {share:.2f} of its two products (bound {least:.2f}); "
        f"retrieve {retrieved:.1f} s; peak {peak:.2f} GB with patterns of {m.nbytes / 2**30:.2f} GB ({before:.2f} GB "
        "before)"
    )


def from_file(gigabytes, cues=64):
    """A memory in a file that is mapped, not read."""
    rows, rng = int(gigabytes * 1e9) // (4 * I), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patterns.npy"
        written = np.lib.format.open_memmap(path, "w+", np.float32, (rows, I))
        for start in range(0, rows, 2**18):
            part = written[start : start + 2**18]
            part[:] = rng.standard_normal(part.shape, dtype=np.float32)
        written.flush()
        m = np.load(path, mmap_mode="r")
        q = np.array(m[rng.integers(rows, size=cues)]) + np.float32(0.1)
        began = time.process_time()
        memory = UniversalHopfield(m, tau_memory=0.0)
        built = time.process_time() - began
        began = time.process_time()
        memory.recall(q, progress=True)
        print(f"{rows} x {I} from a file: built in {built:.1f} s, recall {time.process_time() - began:.1f} s")
        status = Path("/proc/self/status")
        if status.exists():
            kept = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
            print(f"of its own in memory: {int(kept.split()[1]) / 2**20:.2f} GB")


def main():
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--file", type=float, metavar="GB")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        large()
    elif given.large:
        subprocess.run([sys.executable, __file__, "--alone"], check=True)
    elif given.file:
        from_file(given.file)
    else:
        columns = ("recall", "of two products", "bound", "retrieve, of u + 1 recalls", "bound", "torch, of plain", "u")
        table = Table("N", "cues", *columns)
        m, q = drawn(2**13, 64)
        UniversalHopfield(m).recall(q)  # a job that is large enough to load compiled loops
        for rows in (10**3, 10**4, 10**5):
            for cues in (64, 256):
                compared(table, rows, cues, given.repeat)
        Console(width=110).print(table)


if __name__ == "__main__":
    main()
