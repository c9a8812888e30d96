"""Figure 2's grid in batches against the published way: one query at a time, a full matrix of differences each.

    HOPFIELD_DATA=FOLDER python benchmarks/capacity.py           CIFAR-10, N = 2 ... 1000
    python benchmarks/capacity.py --data digits --largest 200    some seconds

The published way is timed on a sample of queries for every N and scaled to all N of them; it is written anew here, in
NumPy, with the work that the published code does: float32, a divergence by a loop over the patterns, and the identity
matrix of D x D that its noise makes for each query and does not use. Both ways must pick the same patterns. Processor
time is counted, of all threads together, so that what else the machine does matters little.
"""

import resource
import time
from argparse import ArgumentParser

import numpy as np

from hopfield.analysis import capacity
from hopfield.data import load
from hopfield.dynamics import backend
from hopfield.models.measures import similarity

SIZES = (2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000)
NAMES = ("euclidean", "manhattan", "dot", "kl", "reverse_kl", "jensen_shannon")
CRITERION = "error <= 60*784/D"
EPS = np.float32(1e-4)


def divergence(patterns, query, reverse):
    q = query / query.sum()
    terms = np.zeros_like(patterns)
    for i in range(len(patterns)):
        m = patterns[i] / patterns[i].sum()
        terms[i] = (q if reverse else m) * (np.log(m + EPS) - np.log(q + EPS)) * (-1 if reverse else 1)
    return 1 / terms.sum(axis=1)


ONE_QUERY = {
    "euclidean": lambda patterns, q: 1 / ((patterns - q) ** 2).sum(axis=1),
    "manhattan": lambda patterns, q: 1 / np.abs(patterns - q).sum(axis=1),
    "dot": lambda patterns, q: (patterns / patterns.sum(axis=1, keepdims=True)) @ (q / q.sum()),
    "kl": lambda patterns, q: divergence(patterns, q, False),
    "reverse_kl": lambda patterns, q: divergence(patterns, q, True),
    "jensen_shannon": lambda patterns, q: (
        1 / (0.5 * divergence(patterns, q, False) + 0.5 * divergence(patterns, q, True))
    ),
}


def published_noise(pattern, random):
    _ = np.identity(len(pattern)).astype(np.float32) * np.float32(0.5)
    return np.clip(np.abs(pattern + random.standard_normal(len(pattern), np.float32) / 2), 0, 1)


def published_seconds(patterns, name, queries):
    """Return the seconds for all queries, from a sample, and the patterns that were picked."""
    random = np.random.default_rng(0)
    begin, picked = time.process_time(), []
    for j in range(queries):
        cue = published_noise(patterns[j], random)
        scores = ONE_QUERY[name](patterns, cue)
        weights = np.zeros(len(patterns), np.float32)
        weights[np.argmax(scores / scores.sum())] = 1
        answer = patterns.T @ (weights / weights.sum())
        float(((patterns[j] - answer) ** 2).sum())
        picked.append((cue, int(weights.argmax())))
    return (time.process_time() - begin) * len(patterns) / queries, picked


def main():
    parser = ArgumentParser(description="Figure 2 in batches against one query at a time")
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--largest", type=int, default=1000, help="the most patterns")
    parser.add_argument("--queries", type=int, default=3, help="queries of the sample")
    options = parser.parse_args()
    images = load(options.data, limit=options.largest)
    sizes = [n for n in SIZES if n <= len(images.images)]

    theirs, ours = dict.fromkeys(NAMES, 0.0), dict.fromkeys(NAMES, 0.0)
    settings = {"sizes": sizes, "cue": "folded noise", "level": 0.25, "criteria": CRITERION, "runs": 1, "seed": 0}
    for name in NAMES:
        begin = time.process_time()
        capacity(images, f"published({name})", **settings, progress=False)
        ours[name] += time.process_time() - begin
    begin = time.process_time()
    capacity(images, [f"published({name})" for name in NAMES], **settings, progress=False)
    total = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # before the published way begins
    for n in sizes:
        for name in NAMES:
            seconds, picked = published_seconds(images.rows[:n], name, min(options.queries, n))
            theirs[name] += seconds
            scores = similarity(f"published({name})").scores(images.rows[:n], np.stack([cue for cue, _ in picked]))
            assert [int(row.argmax()) for row in scores] == [best for _, best in picked], name

    print(f"{images.name}, N = {', '.join(map(str, sizes))}, one run; seconds of processor time")
    print(f"{'similarity':16s} {'published':>10s} {'hopfield':>10s} {'times':>7s}")
    for name in NAMES:
        print(f"{name:16s} {theirs[name]:10.1f} {ours[name]:10.3f} {theirs[name] / ours[name]:7.0f}")
    print(f"{'all at once':16s} {sum(theirs.values()):10.1f} {total:10.3f} {sum(theirs.values()) / total:7.0f}")
    print(f"The published way is scaled from {options.queries} queries at each N. Our peak memory: {peak:.2f} GB.")

    rows = images.rows
    begin = time.process_time()
    backend.cityblock(rows, rows)
    print(f"Manhattan scores {len(rows)} x {len(rows)} x {rows.shape[1]}: {time.process_time() - begin:.2f} s")


if __name__ == "__main__":
    main()
