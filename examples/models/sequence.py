"""
A memory that counts
====================

A memory that counts: each digit recalls the next one, from a noisy start, with sharp and with soft weights.

With the patterns rolled by one as projection, recall applied again and again plays the sequence. With a separation
that is too soft the digits blend, step by step.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from hopfield.models import recall_sequence

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="sequence.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

images, labels = load_digits(return_X_y=True)
digits = np.stack([images[labels == k][0] for k in range(10)]) / 16
rng = np.random.default_rng(0)
cue = np.clip(digits[4] + 0.3 * rng.normal(size=64), 0, 1)

figure = Figure(figsize=(9, 3.6), layout="constrained", dpi=150)
settings = {
    "max": {"separation": "max"},
    "softmax, beta = 2": {"beta": 2.0},
    "softmax, beta = 0.45": {"beta": 0.45},
}
axes = figure.subplots(len(settings), 12)
for row, (name, rule) in zip(axes, settings.items(), strict=True):
    played = recall_sequence(digits, cue, 11, similarity="euclidean", **rule)
    print(f"{name:21} {' '.join(str(k) for k in played.rows)}")
    for step, ax in enumerate(row):
        ax.imshow(played.trajectory[step].reshape(8, 8), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[], xlabel=str(played.rows[step]))
    row[0].set_ylabel(name.replace(", ", "\n"), rotation=0, ha="right", va="center", fontsize=9)
figure.suptitle("Each digit recalls the next (below: the stored digit that is nearest)", fontsize=11)
figure.savefig(options.out)
print(f"The picture is {options.out}.")
