"""A figure of Millidge et al. 2022 as the published code, the text, and a fair comparison have it.

python figure.py 2 --quick               small digits, some seconds
HOPFIELD_DATA=FOLDER python figure.py 2  the paper's data sets; see hopfield.analysis.datasets.load
"""

from argparse import ArgumentParser

from hopfield.analysis import reproduce

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

if __name__ == "__main__":
    parser = ArgumentParser(description="A figure of Millidge et al. 2022, redone")
    parser.add_argument("number", type=int, choices=WHAT_TO_LOOK_AT, help="of the figure, as the paper counts")
    parser.add_argument("--quick", action="store_true", help="small digits instead of the paper's data sets")
    parser.add_argument("--reading", choices=("code", "text", "fair"), help="one reading only")
    parser.add_argument("--out", default="paper", help="folder for tables, pictures and finished cells")
    options = parser.parse_args()
    print(f"Figure {options.number}. {WHAT_TO_LOOK_AT[options.number]}", end="\n\n")
    readings = options.reading or ("code", "text", "fair")
    for found in reproduce(options.number, readings, quick=options.quick, out=options.out):
        print(found.table(), end="\n\n")
    print(f"Tables and pictures are in {options.out}/.")
