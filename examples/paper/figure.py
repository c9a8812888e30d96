"""
The paper's figures, redone
===========================

A figure of Millidge et al. 2022 as the published code, the text, and a fair comparison have it; and what is beyond::

    python figure.py 2 --quick               small digits, some seconds
    HOPFIELD_DATA=FOLDER python figure.py 2  the paper's data sets; see hopfield.data.load
    python figure.py beyond --quick          betas, sparse separations, and how the answer is read (else CIFAR-10)
"""

import math
from argparse import ArgumentParser
from pathlib import Path

import numpy as np

from hopfield.analysis import capacity, plot_sweeps, reproduce
from hopfield.data import corrupt, load
from hopfield.models import similarity

WHAT_TO_LOOK_AT = {
    2: "Capacity by similarity: which images come back, the more are stored? The published code adds folded noise of "
    "standard deviation 0.5; the caption names noise of variance 0.5 and a mask. The order of the curves changes with "
    "that more than with the similarity.",
    3: "Capacity by separation: what becomes of the scores? Published: the Manhattan distance with softmax of 1000. "
    "Text: the dot product with softmax of 1. Fair: the cosine, and betas that grow with the number stored, as scores "
    "that sum to one need.",
    4: "Robustness by similarity: noise on the left, a mask on the right. Cosine and the true divergences stand beside "
    "the paper's six in the fair reading.",
    5: "Heteroassociation: one half is shown, the other is to come back. First the modern network on colour images, "
    "then the classical one on binary ones, which answers with a mixture.",
    6: "Auto- against heteroassociation: does it matter what a pattern recalls? With the max separation the same "
    "pattern wins, so hardly. In the published code the classical network sees a single cue, all ones; the fair "
    "reading gives it random patterns, for which it was made.",
    7: "What comes back from more and more noise. The numbers below are variances: those of the published code are the "
    "squares of the paper's.",
    8: "What comes back when more and more of an image is hidden. The published code hides the bottom, the text says "
    "the top.",
    10: "What a squared error looks like. Answers whose squared error is nearest to 0, 10, 25, 50, ...: how alike are "
    "images at the threshold of 50?",
    11: "How much the threshold matters. With the max separation an answer is right to the last bit or another image, "
    "so the curve is flat over a wide range; images of 784 values are nearer to one another than those of 3072, and "
    "one threshold does not fit both.",
    12: "What comes back when pixels are hidden at random. All three channels of a pixel are hidden together.",
    13: "What comes back when only the middle is seen. The border is hidden: the middle alone has to be enough.",
    14: "Robustness to random masks (left) and hidden borders (right). With most pixels hidden the dot product recalls "
    "more than the two distances; the cosine, which the paper left out, recalls more than all three.",
}


def weight_needs(images, size, similarity_name, variance):
    """The beta for which the best of N scores that sum to one takes half of the weight, from the median ratio r.

    The best score is r times a typical one, so that e^(beta (r - 1)/(N - 1 + r)) = N - 1.
    """
    patterns = images.rows[:size]
    cues = corrupt(patterns, images.shape, "clipped noise", variance, seed=0)
    scores = similarity(similarity_name).of(patterns).scores(cues)
    r = float(np.median(scores.max(axis=1) / np.median(scores, axis=1)))
    return r, (size - 1 + r) * math.log(size - 1) / (r - 1)


def beyond(quick, out):
    """Betas, sparse separations, and how the answer is read, in the same experiments as the paper's."""
    Path(out).mkdir(parents=True, exist_ok=True)
    images = load("digits" if quick else "cifar10", limit=1000)
    sizes, runs = ([5, 20, 50], 3) if quick else ([5, 20, 100], 5)
    variance = 0.1 if quick else 0.5
    shared = {"sizes": sizes, "cue": "clipped noise", "level": variance, "runs": runs, "seed": 0, "progress": False}

    print("Softmax of scores that sum to one: weight 1/2 needs beta >= (N - 1 + r) ln(N - 1)/(r - 1)")
    for size in (10, sizes[-1]):
        r, beta = weight_needs(images, size, "normalised(manhattan)", variance)
        print(f"  N = {size}: the best score is {r:.2f} times a typical one, beta = {beta:.3g}")
    soft = [f"softmax(1e{k})" for k in range(1, 6)]
    betas = capacity(images, "normalised(manhattan)", [*soft, "max"], criteria="error < 50*D/784", **shared)
    print(betas.table(), end="\n\n")

    beta = 0.4 if quick else 0.02
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
    figure.savefig(Path(out) / "beyond.png")
    print(f"The picture is {Path(out) / 'beyond.png'}.")


def figure(number, quick, readings, out):
    """A figure by its readings: tables and pictures."""
    print(f"Figure {number}. {WHAT_TO_LOOK_AT[number]}", end="\n\n")
    for found in reproduce(number, readings, quick=quick, out=out):
        print(found.table(), end="\n\n")
    print(f"Tables and pictures are in {out}/.")


def named(text):
    """The number of a figure, or the word as it is."""
    return int(text) if text.isdigit() else text


if __name__ == "__main__":
    parser = ArgumentParser(description="A figure of Millidge et al. 2022, redone, or what is beyond the paper")
    parser.add_argument("number", type=named, choices=[*WHAT_TO_LOOK_AT, "beyond"], help="of the figure, or beyond")
    parser.add_argument("--quick", action="store_true", help="small digits instead of the paper's data sets")
    parser.add_argument("--reading", choices=("code", "text", "fair"), help="one reading of a figure only")
    parser.add_argument("--out", default="paper", help="folder for tables, pictures and finished cells")
    options = parser.parse_args()
    if options.number == "beyond":
        if options.reading:
            parser.error("what is beyond the paper has one reading: leave out --reading")
        beyond(options.quick, options.out)
    else:
        readings = options.reading or ("code", "text", "fair")
        figure(options.number, options.quick, readings, options.out)
