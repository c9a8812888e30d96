"""
From quadratic to exponential capacity
======================================

Memories of +-1 neurons side by side: how many patterns can be recalled under energies that grow ever faster.

All memories have 40 neurons and the same random patterns, from 3 to 10 000 of them; cues have 4 wrong neurons.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

from hopfield.analysis import new_figure, open_axes
from hopfield.models import ClassicalHopfield, DenseAssociativeMemory, ExponentialMemory

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="exponential.png", help="the picture (default: %(default)s)")
options = parser.parse_args()
rng = np.random.default_rng(0)
SIZE = 40
NUMBERS = np.unique(np.geomspace(3, 10_000, 12).astype(int))
MEMORIES = {
    "classical, $F = x^2$": ClassicalHopfield,
    "dense, $F = x^3$": lambda patterns: DenseAssociativeMemory(patterns, 3),
    "dense, $F = x^4$": lambda patterns: DenseAssociativeMemory(patterns, 4),
    "dense, $F = x^6$": lambda patterns: DenseAssociativeMemory(patterns, 6),
    "exponential": ExponentialMemory,
}

patterns = rng.choice([-1.0, 1.0], size=(NUMBERS[-1], SIZE))
flipped = rng.permuted(np.tile(np.arange(SIZE) < 4, (50, 1)), axis=1)
cues = np.where(flipped, -patterns[:50], patterns[:50])

figure = new_figure((7.6, 3.8))
ax = open_axes(figure.subplots())
for k, (name, build) in enumerate(MEMORIES.items()):
    shares = []
    for number in NUMBERS:
        some = slice(min(number, 50))
        found = build(patterns[:number]).retrieve(cues[some], max_steps=5)
        shares.append((found.state == patterns[some]).all(axis=1).mean())
    held = max((int(n) for n, share in zip(NUMBERS, shares, strict=True) if share >= 0.9), default=0)
    print(f"{name.replace('$', ''):20} recalls 90 % of up to {held} patterns")
    ax.semilogx(NUMBERS, shares, "osD^v"[k] + "-", ms=9 - 1.2 * k, label=name)  # smaller ones on top: all are seen
print(build(patterns[:number]))
ax.set(xlabel="patterns stored", ylabel="share recalled exactly", ylim=(-0.03, 1.03))
ax.set_title(f"{SIZE} neurons, cues with 4 wrong", fontsize="medium")
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small")
figure.savefig(options.out, dpi=150)
print(f"The picture is {options.out}.")
