"""What one `retrieve` costs beside the same updates written out by hand, N=1000 patterns of I=784, one thread.

    OMP_NUM_THREADS=1 python benchmarks/retrieve.py [--repeat 30] [--jax]

Processor time, the least of many, and their ratio; then how often a call crosses from one file of hopfield to another
(`sys.setprofile`), and with --jax how many programs the first call and one of another batch size compile.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import hopfield
from hopfield import UniversalHopfield

N, I, BETA = 1000, 784, 0.1
HOME = str(Path(hopfield.__file__).parent)


def by_hand(m, squares, size, q):
    """Attention until an update moves the state no more, its energy and the nearest pattern."""
    v = q
    scores = v @ m.T
    for _ in range(100):
        e = np.exp(BETA * (scores - scores.max(-1, keepdims=True)))
        f = e / e.sum(-1, keepdims=True)
        new = f @ m
        move = np.sqrt(np.mean((new - v) ** 2, axis=-1)) / (size + np.sqrt(np.mean(v * v, axis=-1)))
        v, scores = new, new @ m.T
        if (move <= 1e-6).all():
            break
    energy = (v * v).sum(-1) / 2 - np.log(np.exp(BETA * (scores - scores.max(-1, keepdims=True))).sum(-1)) / BETA
    return v, (2 * scores - squares).argmax(-1), energy


def median_by_hand(m, q, columns, order):
    """The weighted median of every column, with columns sorted once."""
    v = q
    for _ in range(100):
        scores = -np.abs(m - v).sum(-1)
        e = np.exp(BETA * (scores - scores.max()))
        f = e / e.sum()
        below = np.cumsum(f[order], axis=0)
        new = np.take_along_axis(columns, (below >= 0.5).argmax(0)[None], 0)[0]
        if np.abs(new - v).max() <= 1e-6:
            return new
        v = new
    return v


def least(call, repeat):
    """The least processor time of some calls, in seconds."""
    found = []
    for _ in range(repeat):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return min(found)


def crossings(call):
    """How often a call goes from one file of hopfield to another, both ways."""
    files, count = [""], 0

    def look(frame, event, _):
        nonlocal count
        if event in ("call", "return") and frame.f_code.co_filename.startswith(HOME):
            if event == "call":
                count += frame.f_code.co_filename != files[-1] and files[-1] != ""
                files.append(frame.f_code.co_filename)
            else:
                last = files.pop()
                count += files[-1] not in ("", last)

    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def programs(call):
    """How many XLA programs a call compiles."""
    import jax

    found = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: found.append(name) if name.endswith("backend_compile_duration") else None
    )
    call()
    return len(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--jax", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    m = rng.normal(size=(N, I))
    squares, size = (m * m).sum(-1), np.sqrt(np.mean(m**2))
    table = Table("work", "ours / ms", "by hand", "ratio", "largest difference")
    for cues in (1, 64):
        q = m[:cues] + 0.3 * rng.normal(size=(cues, I)) if cues > 1 else m[0] + 0.3 * rng.normal(size=I)
        memory = UniversalHopfield(m, beta=BETA)
        gap = np.abs(memory.retrieve(q).state - by_hand(m, squares, size, q)[0]).max()
        ours, hand = (
            least(lambda q=q, m1=memory: m1.retrieve(q), options.repeat),
            least(lambda q=q: by_hand(m, squares, size, q), options.repeat),
        )
        table.add_row(f"dot, softmax, {cues} cues", *(f"{x:.3g}" for x in (1e3 * ours, 1e3 * hand, ours / hand, gap)))
    q, memory = m[0] + 0.3 * rng.normal(size=I), UniversalHopfield(m, "manhattan", beta=BETA)
    order = np.argsort(m, axis=0)
    columns = np.take_along_axis(m, order, 0)
    gap = np.abs(memory.retrieve(q).state - median_by_hand(m, q, columns, order)).max()
    ours = least(lambda: memory.retrieve(q), max(3, options.repeat // 3))
    hand = least(lambda: median_by_hand(m, q, columns, order), max(3, options.repeat // 3))
    table.add_row("manhattan, softmax, 1 cue", *(f"{x:.3g}" for x in (1e3 * ours, 1e3 * hand, ours / hand, gap)))
    Console().print(table)
    small = UniversalHopfield(m[:50, :20], beta=1.0)
    cue = m[:2, :20].mean(0) + 0.2 * rng.normal(size=20)
    steps = int(small.retrieve(cue).steps)
    print(f"crossings of file borders in a retrieve of {steps} updates: {crossings(lambda: small.retrieve(cue))}")
    if options.jax:
        import jax

        jax.config.update("jax_enable_x64", True)
        memory = UniversalHopfield(jax.numpy.asarray(m), beta=BETA)
        for cues in (1, 5, 7):
            q = jax.device_put(m[:cues] + 0.1)
            print(f"programs compiled by a retrieve of {cues} cues on JAX: {programs(lambda q=q: memory.retrieve(q))}")


if __name__ == "__main__":
    main()
