"""
All memories on the same digits
===============================

All memories on the same handwritten digits: how many cues are recalled, noisy and half hidden.

Digits of 8 x 8 pixels, black and white (-1 and 1), are stored; cues have 30 % of the pixels flipped, or the lower
half black. A cue is recalled if of all stored digits its own is nearest to the answer; what is nearest to the cue
itself stands in the first row.
"""

import warnings
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from hopfield.analysis import mark_recalled, new_figure
from hopfield.models import build

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="compare_on_digits.png", help="the picture (default: %(default)s)")
options = parser.parse_args()
MEMORIES = {
    "classical, Hebbian": ("classical", {}),
    "classical, pseudo-inverse": ("classical", {"learning": "pseudo_inverse"}),
    "bidirectional": ("bidirectional", {}),
    "dense, n = 3": ("dense", {"n": 3}),
    "dense, n = 10": ("dense", {"n": 10}),
    "exponential": ("exponential", {}),
    "sparse distributed": ("sdm", {"seed": 0}),
    "continuous SDM": ("continuous_sdm", {"beta": 64.0}),
    "modern": ("modern", {"beta": 1.0}),
    "universal, Manhattan": ("universal", {"similarity": "manhattan", "beta": 1.0}),
    "hierarchical": ("hierarchical", {}),
}
SETS = {10: 10, 50: 2, 100: 1}  # how many sets of N digits: a hundred cues in every column


def cues(patterns, kind, rng):
    """Cues made from patterns (N, 64) of +-1."""
    if kind == "half hidden":
        return np.where(np.arange(64) < 32, patterns, -1.0)
    wrong = rng.permuted(np.tile(np.arange(64) < round(0.3 * 64), (len(patterns), 1)), axis=1)
    return np.where(wrong, -patterns, patterns)


def nearest(patterns, answers):
    """The row of the pattern nearest to each answer; the patterns are of one length."""
    return (answers @ patterns.T).argmax(axis=1)


digits = np.unique(np.where(load_digits(return_X_y=True)[0] > 7, 1.0, -1.0), axis=0)
rng = np.random.default_rng(0)
right, pictures = {}, {}
for stored, sets in SETS.items():
    for _ in range(sets):
        patterns = digits[rng.choice(len(digits), stored, replace=False)]
        given = {kind: cues(patterns, kind, rng) for kind in ("30 % flipped", "half hidden")}
        answers = {("nearest to the cue", kind): query for kind, query in given.items()}
        for name, (model, settings) in MEMORIES.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # energies without a lower bound: bounded on +-1
                memory = build(model, patterns, **settings)
            answers |= {(name, kind): memory.retrieve(query).state for kind, query in given.items()}
        for (name, kind), answer in answers.items():
            row = right.setdefault(name, {})
            row[stored, kind] = row.get((stored, kind), 0) + (nearest(patterns, answer) == np.arange(stored)).sum()
    if stored == 50:
        shown = {name: answer[:8] for (name, kind), answer in answers.items() if kind == "half hidden"}
        pictures = {"stored": patterns[:8], "cue": shown.pop("nearest to the cue"), **shown}
        patterns_of_50 = patterns

table = Table(title="Of 100 cues are recalled")
table.add_column("memory")
for stored, kind in right["modern"]:
    table.add_column(f"N = {stored}\n{kind}", justify="right")
for name, row in right.items():
    table.add_row(name, *(str(count) for count in row.values()))
Console(width=120).print(table)

figure = new_figure((7.6, 9.4))
cells = figure.subplots(len(pictures), 8)
for cell_row, (name, images) in zip(cells, pictures.items(), strict=True):
    cell_row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
    for k, (cell, image) in enumerate(zip(cell_row, images, strict=True)):
        cell.imshow(image.reshape(8, 8), cmap="gray", vmin=-1, vmax=1)
        cell.set(xticks=[], yticks=[])
        if name not in ("stored", "cue"):
            mark_recalled(cell, nearest(patterns_of_50, image[None])[0] == k)
figure.suptitle(
    "The lower half hidden, 50 digits stored. Green: of these 50 its own is nearest to the answer.\n"
    "Orange, with a cross: another one is.",
    fontsize="medium",
)
figure.savefig(options.out, dpi=110)
print(f"The picture is {options.out}.")
