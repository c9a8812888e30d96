"""
Completing digits of which a part is known
==========================================

Complete digits of which only a part is known: a masked look-up, clamped dynamics, and neither.

The lower half of every cue is rubbish. Taken at its word it leads to other digits; a masked look-up leaves it out
of the scores, and clamped neurons hold the upper half while the others find what goes with it.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from hopfield import ModernHopfield
from hopfield.analysis import mark_recalled

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="modern.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

# 100 digits with the mean digit taken away, all of one length: the dot product then compares angles.
digits = load_digits(return_X_y=True)[0][:100] / 16
mean = digits.mean(axis=0)
patterns = (digits - mean) / np.linalg.norm(digits - mean, axis=1, keepdims=True)
memory = ModernHopfield(patterns, beta=30.0)
print(memory)

known = np.arange(64) < 32  # the upper four rows of pixels
rng = np.random.default_rng(3)
noise = 0.08 * rng.normal(size=patterns.shape)
cues = np.where(known, patterns + noise, rng.choice([-0.15, 0.15], size=patterns.shape))  # rubbish below

answers = {
    "all of the cue": memory.retrieve(cues),
    "masked look-up": memory.retrieve(cues, known=known),
    "clamped": memory.retrieve(cues, known=known, hold=True),
}
for name, answer in answers.items():
    right = np.mean(answer.pattern == np.arange(100))
    print(f"{name:15} {right:4.0%} of 100 digits, {np.median(answer.steps):g} updates (median)")

shown = np.flatnonzero(answers["all of the cue"].pattern != np.arange(100))[:8]
columns = {"stored": patterns, "cue": cues, **{name: answer.state for name, answer in answers.items()}}
figure = Figure(figsize=(8.4, 5.2), layout="constrained", dpi=150)
axes = figure.subplots(len(columns), len(shown))
for row, (name, images) in zip(axes, columns.items(), strict=True):
    for ax, k in zip(row, shown, strict=True):
        ax.imshow(images[k].reshape(8, 8), cmap="gray", vmin=-0.25, vmax=0.35)
        ax.set(xticks=[], yticks=[])
        if name in answers:
            mark_recalled(ax, answers[name].pattern[k] == k)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8)
figure.suptitle("Digits that the lower half leads astray (green: right; orange, with a cross: wrong)", fontsize=11)
figure.savefig(options.out)
print(f"The picture is {options.out}.")
