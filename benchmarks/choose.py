"""The numbers of docs/choose.md: what each similarity, separation and beta recalls of 100 handwritten digits.

    OMP_NUM_THREADS=1 python benchmarks/choose.py [--part similarity --part separation --part beta --part model]

similarity: which stored digit gets the largest score (max separation, one shot), by kind of damage to the cue, means
of 5 draws. separation: the dynamics at dt = inf from the same noisy cues, scores from the Euclidean distance; the
error is the largest difference between a recalled state and its pattern. beta: the same for the softmax and a range
of beta. model: shares of random cues with 4 of 40 neurons wrong that come back exactly, 5 draws.
"""

import warnings
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

from hopfield.analysis import beta_advice, find_fixed_points
from hopfield.data import load
from hopfield.models import ClassicalHopfield, DenseAssociativeMemory, ExponentialMemory, UniversalHopfield

DIGITS = load("digits", limit=100).rows.astype(float)
COUNT, DRAWS = len(DIGITS), 5
SIMILARITIES = ("dot", "cosine", "euclidean", "manhattan", "kl", "reverse_kl", "jensen_shannon")
SEPARATIONS = {  # and the beta of the memory
    "softmax": (5.0, 20.0),
    "sparsemax": (1.0, 5.0),
    "entmax(1.5)": (1.0, 5.0),
    "epanechnikov": (0.14,),
    "top_k(3)": (1.0,),
    "max": (1.0,),
}


def cues(kind, rng):
    """The digits, damaged."""
    noise = rng.standard_normal(DIGITS.shape)
    spots = rng.random(DIGITS.shape)
    rows = np.arange(64) // 8
    return {
        "noise .3": lambda: DIGITS + 0.3 * noise,
        "noise .6": lambda: DIGITS + 0.6 * noise,
        "clipped .6": lambda: np.clip(DIGITS + 0.6 * noise, 0, 1),
        "30 % pepper": lambda: np.where(spots < 0.3, (spots < 0.15) * 1.0, DIGITS),
        "half black": lambda: np.where(rows >= 4, 0.0, DIGITS),
        "dimmed to .4": lambda: 0.4 * DIGITS + 0.1 * noise,
        "lifted by .3": lambda: DIGITS + 0.3 + 0.1 * noise,
    }[kind]()


KINDS = ("noise .3", "noise .6", "clipped .6", "30 % pepper", "half black", "dimmed to .4", "lifted by .3")


def by_similarity():
    """Shares of digits whose own pattern gets the largest score."""
    print(f"{COUNT} digits, max separation, share whose own pattern wins")
    print(f"{'':16}" + "".join(f"{kind:>14}" for kind in KINDS))
    for name in SIMILARITIES:
        positive = name in ("kl", "reverse_kl", "jensen_shannon")
        stored = DIGITS + 1e-3 if positive else DIGITS
        memory = UniversalHopfield(stored, name, "max")
        shares = []
        for kind in KINDS:
            if positive and kind not in ("clipped .6", "30 % pepper", "half black"):
                shares.append("-")
                continue
            hits = []
            for seed in range(DRAWS):
                asked = cues(kind, np.random.default_rng(seed))
                answers = memory.recall(asked + 1e-3 if positive else asked)
                hits.append((answers == stored).all(axis=1).mean())
            shares.append(f"{np.mean(hits):.2f}")
        print(f"{name:16}" + "".join(f"{share:>14}" for share in shares))


def by_separation():
    """What the dynamics at dt = inf recall with each separation."""
    print(f"\n{COUNT} digits, euclidean, noise of deviation .3, retrieve")
    print(f"{'':14}{'beta':>6}{'own pattern':>14}{'largest error':>16}{'exact':>10}{'steps':>8}")
    asked = cues("noise .3", np.random.default_rng(0))
    for name, beta in [(name, beta) for name, several in SEPARATIONS.items() for beta in several]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            memory = UniversalHopfield(DIGITS, "euclidean", name, beta=beta)
        found = memory.retrieve(asked, max_steps=200)
        gap = np.abs(found.state - DIGITS)
        near = ((found.state[:, None] - DIGITS) ** 2).sum(-1).argmin(1) == np.arange(COUNT)
        exact = (gap.max(1) <= 1e-12).mean()
        largest = f"{gap[near].max():.1e}" if near.any() else "-"
        print(f"{name:14}{beta:6g}{near.mean():14.2f}{largest:>16}{exact:10.2f}{np.median(found.steps):8.0f}")


def by_beta():
    """The same for the softmax over a range of beta, and what `beta_advice` says."""
    memory = UniversalHopfield(DIGITS, "euclidean")
    print(f"\n{COUNT} digits, euclidean, softmax: {beta_advice(memory)}")
    asked = cues("noise .3", np.random.default_rng(0))
    print(f"{'beta':>8}{'own pattern':>14}{'error':>10}{'memories':>10}{'others':>8}")
    for beta in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0):
        memory = UniversalHopfield(DIGITS, "euclidean", beta=beta)
        found = memory.retrieve(asked, max_steps=500)
        near = ((found.state[:, None] - DIGITS) ** 2).sum(-1).argmin(1) == np.arange(COUNT)
        points = find_fixed_points(memory, starts=np.concatenate([DIGITS, asked]))
        stable = points.index == 0
        memories = (points.kind[stable] == "memory").sum()
        error = np.median(np.abs(found.state - DIGITS).max(1))
        print(f"{beta:8g}{near.mean():14.2f}{error:10.1e}{memories:10d}{stable.sum() - memories:8d}")


def by_model():
    """Capacities in small: 40 neurons, cues with 4 wrong."""
    numbers = (3, 5, 10, 30, 100, 300, 1000, 3000)
    print("\n40 neurons of +-1, 4 wrong in each cue, share that comes back exactly")
    print(f"{'patterns':24}" + "".join(f"{number:>7}" for number in numbers))
    for name, build in {
        "classical, hebbian": ClassicalHopfield,
        "classical, pseudo-inverse": lambda patterns: ClassicalHopfield(patterns, "pseudo_inverse"),
        "dense, n = 3": lambda patterns: DenseAssociativeMemory(patterns, 3),
        "dense, n = 6": lambda patterns: DenseAssociativeMemory(patterns, 6),
        "exponential": ExponentialMemory,
    }.items():
        shares = []
        for number in numbers:
            hits = []
            for seed in range(DRAWS):
                rng = np.random.default_rng(seed)
                patterns = rng.choice([-1.0, 1.0], size=(number, 40))
                some = patterns[:50]
                wrong = rng.permuted(np.tile(np.arange(40) < 4, (len(some), 1)), axis=1)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)
                    found = build(patterns).retrieve(np.where(wrong, -some, some), max_steps=20)
                hits.append((found.state == some).all(axis=1).mean())
            shares.append(f"{np.mean(hits):7.2f}")
        print(f"{name:24}" + "".join(shares))


PARTS = {"similarity": by_similarity, "separation": by_separation, "beta": by_beta, "model": by_model}

if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=list(PARTS), help="one of the tables (default: all)")
    for part in parser.parse_args().part or PARTS:
        PARTS[part]()
