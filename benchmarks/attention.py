"""Attention with other similarities beside the library's own, in processor time and in memory of activations.

    python benchmarks/attention.py [--length 1024] [--width 64] [--heads 8] [--repeats 15] [--out FILE]

Each similarity is timed in turn with `scaled_dot_product_attention` in one run, on one thread: forward without
derivatives, and forward with backward. The least of many is printed, and its ratio. Memory is what autograd keeps
between the two passes, with the output. The Manhattan rows are with numba and without it. "By hand" is what the least
that one would write in PyTorch costs, with no look at what is given: the bound without loops of one's own.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from hopfield.layers import attention

GOALS = {"dot": 1.1, "cosine": 1.1, "euclidean": 1.3, "manhattan": 8.0}
KEPT = 2.0
library = torch.nn.functional.scaled_dot_product_attention


def directions(x):
    """Each vector through its length."""
    return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)


def by_squares(q, k, v):
    """What a query adds to all its scores is left out."""
    bias = (k * k).sum(-1)[..., None, :] * (-0.5 * k.shape[-1] ** -0.5)
    return library(q, k, v, attn_mask=bias)


def by_blocks(q, k, v):
    """All scores at once."""
    return torch.softmax(torch.cdist(q, k, p=1.0) * -(k.shape[-1] ** -0.5), -1) @ v


BY_HAND = {
    "dot": library,
    "cosine": lambda q, k, v: library(directions(q), directions(k), v, scale=10.0),
    "euclidean": by_squares,
    "manhattan": by_blocks,
}


def least(functions, repeats):
    """The least processor time in ms of each function, called in turn."""
    best = [float("inf")] * len(functions)
    for _ in range(repeats + 1):  # the first one warms up
        for k, function in enumerate(functions):
            start = time.process_time()
            function()
            best[k] = min(best[k], 1e3 * (time.process_time() - start))
    return best


def kept(function, arrays):
    """Bytes that autograd keeps for the backward pass, each storage once, and those of the output."""
    storages = {}

    def see(x):
        storages[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(see, lambda x: x):
        see(function(*arrays))
    return sum(storages.values())


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("length", 1024), ("width", 64), ("heads", 8), ("repeats", 15)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, options.heads, options.length, options.width, requires_grad=True) for _ in range(3))
    base = kept(library, (q, k, v))
    rows = []
    for name, numba in (("dot", 1), ("cosine", 1), ("euclidean", 1), ("manhattan", 1), ("manhattan", 0)):
        os.environ["HOPFIELD_NUMBA"] = str(numba)
        times = {}
        for what in ("forward", "both"):

            def one(function, what=what):
                if what == "forward":
                    with torch.no_grad():
                        function(q, k, v)
                else:
                    function(q, k, v).sum().backward()

            ours = lambda q, k, v, name=name: attention(q, k, v, similarity=name)  # noqa: E731
            repeats = options.repeats if name != "manhattan" else max(2, options.repeats // 4)
            hand = BY_HAND[name]
            calls = [lambda: one(library), lambda ours=ours: one(ours), lambda hand=hand: one(hand)]
            theirs, own, bare = least(calls, repeats)
            times[what] = {"sdpa_ms": theirs, "ms": own, "ratio": own / theirs, "by_hand": bare / theirs}
        memory = kept(lambda q, k, v, name=name: attention(q, k, v, similarity=name), (q, k, v)) / base
        rows.append({"similarity": name, "numba": bool(numba), **times, "memory": memory})
    head = ("ms", "x SDPA", "by hand")
    both = (f"both {one}" for one in head)
    table = Table("similarity", f"forward {head[0]}", *head[1:], "goal", *both, "memory", "goal")
    for row in rows:
        name = row["similarity"] + ("" if row["numba"] else ", no numba")
        parts = (("ms", 1), ("ratio", 2), ("by_hand", 2))
        told = [f"{row[w][x]:.{d}f}" for w in ("forward", "both") for x, d in parts]
        table.add_row(name, *told[:3], f"{GOALS[row['similarity']]:g}", *told[3:], f"{row['memory']:.2f}", f"{KEPT:g}")
    Console(width=120).print(table)
    if options.out:
        options.out.write_text(json.dumps({"settings": {**vars(options), "out": None}, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
