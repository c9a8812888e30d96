"""
Learned similarities against fixed ones
=======================================

Do held-out images come back from half, from noise, and from both?::

    python learned.py                                       handwritten digits, three minutes
    HOPFIELD_DATA=FOLDER python learned.py --data cifar10   images of CIFAR-10, an hour; a minute with --matrix
    python learned.py --quick                               few steps, for a look

The paper conjectures (section 5.1) that learned similarities recall more. Encoders are trained to tell cues from other
images (`hopfield.layers.fit`), on images that are never stored or asked: a matrix on the principal components; waves,
cos and sin of multiples of each pixel with a gain for each or one for all, which start as a distance between
Manhattan's and Euclid's; and levels, a table that every pixel is looked up in, which starts as Euclid's. Images of
other sets are then stored, and a cue is recalled if its own image has the largest score. Waves and levels need PyTorch.
"""

import math
from argparse import ArgumentParser

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import log_ndtr

from hopfield.analysis import new_figure, open_axes
from hopfield.data import corrupt, load
from hopfield.layers import fit
from hopfield.models import LearnedSimilarity, similarity

FIXED = ("dot", "cosine", "euclidean", "manhattan")
LEARNED = ("learned: matrix", "learned: waves, gain by pixel", "learned: waves, one gain", "learned: levels")
DRAWS = 10  # of cues of each set, whose mean is taken
# Images for training, images in a stored set, sets, variance of the noise alone and of that beside a mask, steps and
# batch of the training, and with what waves begin: how sharp Manhattan's part is, and b.
SETTINGS = {
    "digits": {"train": 897, "size": 300, "sets": 3, "noise": 0.25, "both": 0.05, "steps": 300, "batch": 256},
    "cifar10": {"train": 3500, "size": 300, "sets": 5, "noise": 9.0, "both": 1.0, "steps": 100, "batch": 128},
}
BEGIN = {"digits": (1.0, 1.2), "cifar10": (0.27, 0.05)}


def waves(count, sharpness, plain, one_gain, harmonics=4):
    r"""Features a_j cos(w_j x_k), a_j sin(w_j x_k) and b x_k, times a gain p_k, of pixels x_k in [0, 1].

    |phi(x) - phi(y)|^2 = sum_k p_k^2 [sum_j 2 a_j^2 (1 - cos w_j (x_k - y_k)) + b^2 (x_k - y_k)^2]. With w_j odd
    multiples of pi, a_j as 1/w_j, b = 0 and p = 1 it is the Fourier series of sum |x_k - y_k|.
    """
    import torch

    class Waves(torch.nn.Module):
        def __init__(self):
            super().__init__()
            odd = 2 * torch.arange(harmonics) + 1.0
            self.frequency = torch.nn.Parameter(math.pi * odd)
            self.amplitude = torch.nn.Parameter(math.sqrt(2 * sharpness) / math.pi / odd)
            self.plain = torch.nn.Parameter(torch.tensor(plain))
            self.gain = torch.nn.Parameter(torch.ones(count), requires_grad=not one_gain)

        def forward(self, x):
            angle = x[:, None, :] * self.frequency[:, None]
            amplitude = self.amplitude[:, None]
            parts = [amplitude * torch.cos(angle), amplitude * torch.sin(angle), (self.plain * x)[:, None, :]]
            return (torch.cat(parts, dim=1) * self.gain).flatten(1)

    torch.manual_seed(0)
    return Waves()


def levels(begin, knots=9, width=8):
    """Features of every pixel by a table: interpolated between knots, with rows of their own for black and for white.

    What noise is clipped to, 0 and 1, says less than what lies beside it, and a distance takes it at its word.
    """
    import torch

    class Levels(torch.nn.Module):
        def __init__(self):
            super().__init__()
            table = torch.zeros(knots + 2, width)
            table[:knots, 0], table[-1, 0] = begin * torch.linspace(0, 1, knots), begin  # as Euclid's distance
            self.table = torch.nn.Parameter(table + 0.02 * torch.randn(table.shape))

        def forward(self, x):
            place = x.clamp(0, 1) * (knots - 1)
            low = place.floor().clamp(max=knots - 2)
            part, row = (place - low)[..., None], low.long()
            inner = (1 - part) * self.table[row] + part * self.table[row + 1]
            ends = torch.where((x >= 1)[..., None], self.table[-1], inner)
            return torch.where((x <= 0)[..., None], self.table[-2], ends).flatten(1)

    torch.manual_seed(0)
    return Levels()


def components(images, count):
    """The principal components of images, each divided by its standard deviation."""
    _, sizes, axes = np.linalg.svd(images - images.mean(axis=0), full_matrices=False)
    spread = sizes[:count] / math.sqrt(len(images))
    return 0.3 * axes[:count] / (spread[:, None] + 0.05)


def likelihood(patterns, cues, variance):
    """ln p(cue | pattern) of clipped Gaussian noise: no score tells more cues from such noise."""
    sd = math.sqrt(variance)
    low, high = (cues == 0).astype(float), (cues == 1).astype(float)
    between = 1 - low - high
    gaps = between * cues @ patterns.T - between @ (patterns**2).T / 2 - ((between * cues**2).sum(axis=1) / 2)[:, None]
    return low @ log_ndtr(-patterns / sd).T + high @ log_ndtr((patterns - 1) / sd).T + gaps / variance


def recalled(scores):
    """The fraction of cues whose own image has the largest score."""
    return float((np.asarray(scores).argmax(axis=1) == np.arange(len(scores))).mean())


parser = ArgumentParser(description="Learned similarities against fixed ones")
parser.add_argument("--data", choices=tuple(SETTINGS), default="digits", help="the images (default: %(default)s)")
parser.add_argument("--quick", action="store_true", help="few steps of training, and one set of images")
parser.add_argument("--matrix", action="store_true", help="train the matrix alone, which is quick and needs no PyTorch")
parser.add_argument("--seed", type=int, default=0, help="of everything (default: %(default)s)")
parser.add_argument("--out", default="learned.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

if not options.matrix:
    import torch

    torch.set_num_threads(1)
chosen = SETTINGS[options.data]
images = load(options.data)
shape, rows = images.shape, images.rows[np.random.default_rng(options.seed).permutation(len(images.rows))]
train, rest = rows[: chosen["train"]], rows[chosen["train"] :]
sets = [rest[k * chosen["size"] : (k + 1) * chosen["size"]] for k in range(1 if options.quick else chosen["sets"])]
hidden = np.arange(rows.shape[1]).reshape(shape)[:, : shape[1] // 2].ravel()  # what a mask of the bottom leaves


def half(x, random):
    """The lower half is black."""
    return corrupt(x, shape, "mask bottom", 0.5, seed=random)


def noise(x, random):
    """Clipped Gaussian noise."""
    return corrupt(x, shape, "clipped noise", chosen["noise"], seed=random)


def both(x, random):
    """Less noise, and the lower half is black."""
    return half(corrupt(x, shape, "clipped noise", chosen["both"], seed=random), random)


CUES = {
    "half hidden": half,
    f"clipped noise, variance {chosen['noise']:g}": noise,
    f"half hidden, clipped noise of variance {chosen['both']:g}": both,
}
found, begin = {}, components(train, 64)
for cue, kind in CUES.items():
    steps = 20 if options.quick else chosen["steps"]
    settings = {"corrupt": kind, "steps": steps, "batch": chosen["batch"], "seed": options.seed}
    linear = fit(LearnedSimilarity(begin, 0.01), train, rate=0.002, **settings).model
    modules = {}
    for name, one_gain, rate in () if options.matrix else (("gain by pixel", False, 0.01), ("one gain", True, 0.03)):
        start = LearnedSimilarity(waves(rows.shape[1], *BEGIN[options.data], one_gain), 0.0)
        modules[f"waves, {name}"] = fit(start, torch.from_numpy(train), rate=rate, **settings).model
    if not options.matrix:
        start = LearnedSimilarity(levels(BEGIN[options.data][1]), 0.0)
        modules["levels"] = fit(start, torch.from_numpy(train), rate=0.02, **settings).model
    for k, stored in enumerate(sets):
        random, shares = np.random.default_rng([options.seed, k]), {}
        for _ in range(1 if kind is half else DRAWS):
            cues = kind(stored, random)
            scores = {name: similarity(name).of(stored).scores(cues) for name in FIXED}
            if kind is half:
                part = similarity("manhattan").of(stored[:, hidden])
                scores["manhattan, told what is hidden"] = part.scores(cues[:, hidden])
            if kind is noise:
                scores["likelihood of the noise"] = likelihood(
                    stored.astype(float), cues.astype(float), chosen["noise"]
                )
            scores["learned: matrix"] = linear.of(stored).scores(cues)
            for name, one in modules.items():
                with torch.no_grad():
                    scores[f"learned: {name}"] = one.of(torch.from_numpy(stored)).scores(torch.from_numpy(cues))
            for name, one in scores.items():
                shares.setdefault(name, []).append(recalled(one))
        for name, values in shares.items():
            found.setdefault(name, {}).setdefault(cue, []).append(np.mean(values))

table = Table(title=f"{options.data}: fraction recalled of N = {chosen['size']} held-out images, {len(sets)} sets")
table.add_column("similarity")
for cue in CUES:
    table.add_column(cue, justify="right")
for name, values in found.items():
    cells = [values.get(cue) for cue in CUES]
    table.add_row(name, *("" if one is None else f"{np.mean(one):.3f} ± {np.std(one):.3f}" for one in cells))
console = Console(width=120)
console.print(table)
for cue in CUES:
    best, ours = (
        max(names, key=lambda name: np.mean(found[name][cue]))
        for names in (FIXED, [name for name in LEARNED if name in found])
    )
    gain = np.array(found[ours][cue]) - np.array(found[best][cue])
    error = np.std(gain, ddof=1) / math.sqrt(len(gain)) if len(gain) > 1 else math.nan
    console.print(f"{cue}: {ours} against {best}: {gain.mean():+.3f}, standard error {error:.3f} over sets")

figure = new_figure((8.0, 4.2))
axes = open_axes(figure.subplots())
names = [name for name in found if len(found[name]) == len(CUES)]
for k, name in enumerate(names):
    places = np.arange(len(CUES)) + (k - len(names) / 2 + 0.5) * 0.12
    hatch = "////" if name in LEARNED else None
    axes.bar(places, [np.mean(found[name][cue]) for cue in CUES], 0.11, label=name, hatch=hatch, edgecolor="white")
axes.set(ylabel="fraction recalled", ylim=(0, 1.05), title=f"{options.data}, {chosen['size']} stored")
axes.set_xticks(range(len(CUES)), [cue.replace(", ", ",\n") for cue in CUES])
axes.legend(fontsize="small", ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)
figure.savefig(options.out, dpi=110, bbox_inches="tight")
print(f"The picture is {options.out}.")
