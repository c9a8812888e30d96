"""Beyond Millidge et al. 2022, in the same experiments: betas, sparse separations, and how the answer is read.

python beyond.py --quick                small digits, some seconds
HOPFIELD_DATA=FOLDER python beyond.py   CIFAR-10
"""

import math
from argparse import ArgumentParser

import numpy as np

from hopfield.analysis import capacity, plot_sweeps
from hopfield.analysis.datasets import load
from hopfield.models import similarity


def weight_needs(images, size, similarity_name, variance):
    """The beta for which the best of N scores that sum to one takes half of the weight, from the median ratio r.

    The best score is r times a typical one, so that e^(beta (r - 1)/(N - 1 + r)) = N - 1.
    """
    from hopfield.analysis import corrupt

    patterns = images.rows[:size]
    cues = corrupt(patterns, images.shape, "clipped noise", variance, seed=0)
    scores = similarity(similarity_name).scores(patterns, cues)
    r = float(np.median(scores.max(axis=1) / np.median(scores, axis=1)))
    return r, (size - 1 + r) * math.log(size - 1) / (r - 1)


if __name__ == "__main__":
    parser = ArgumentParser(description="Betas, sparse separations, and how the answer is read")
    parser.add_argument("--quick", action="store_true", help="small digits instead of CIFAR-10")
    parser.add_argument("--out", default="beyond.png", help="the picture")
    options = parser.parse_args()
    images = load("digits" if options.quick else "cifar10", limit=1000)
    sizes, runs = ([5, 20, 50], 3) if options.quick else ([5, 20, 100], 5)
    variance = 0.1 if options.quick else 0.5
    shared = {"sizes": sizes, "cue": "clipped noise", "level": variance, "runs": runs, "seed": 0, "progress": False}

    print("Softmax of scores that sum to one: weight 1/2 needs beta >= (N - 1 + r) ln(N - 1)/(r - 1)")
    for size in (10, sizes[-1]):
        r, beta = weight_needs(images, size, "normalised(manhattan)", variance)
        print(f"  N = {size}: the best score is {r:.2f} times a typical one, beta = {beta:.3g}")
    soft = [f"softmax(1e{k})" for k in range(1, 6)]
    betas = capacity(images, "normalised(manhattan)", [*soft, "max"], criteria="error < 50*D/784", **shared)
    print(betas.table(), end="\n\n")

    beta = 0.4 if options.quick else 0.02
    sharp = [f"softmax({beta})", "entmax(1.5)", f"sparsemax({beta})", "top_k(1)", "top_k(2)"]
    sparse = capacity(images, "manhattan", sharp, criteria="exact", **shared)
    print("Sparse separations recall to the last bit (Manhattan, exact):")
    print(sparse.table(), end="\n\n")

    print(f"How the answer is read: Manhattan, softmax of {beta}, exact and nearest")
    for readout, words in {
        "recall": "weighted mean, one shot",
        "update": "weighted median, one shot",
        "retrieve": "weighted median, until it stays",
        "simulate": "the flow, up to 20 tau",
    }.items():
        few = {"sizes": sizes[:2], "runs": 2} if readout == "simulate" else {}
        found = capacity(
            images, "manhattan", sharp[0], criteria=["exact", "nearest"], readout=readout, **(shared | few)
        )
        print(f"{words}\n{found.table()}")

    figure = plot_sweeps([("betas", betas), ("sparse separations, exact", sparse)], 2)
    figure.savefig(options.out)
