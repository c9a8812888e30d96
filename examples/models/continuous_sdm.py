"""
Attention and Kanerva's circles
===============================

Attention stands for circles in Kanerva's memory: how near the two come to one another.

Two addresses of 64 bits share the locations that lie within a radius of both. What they share falls about
exponentially with their distance, and so softmax on cosines, at the beta of `beta_from_radius`, weighs patterns as
the memory does.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure

from hopfield.models import ContinuousSDM, SparseDistributedMemory
from hopfield.models.circles import beta_from_radius, circle_intersection

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="continuous_sdm.png", help="the picture (default: %(default)s)")
options = parser.parse_args()
n = 64
radii = {5: ("#0072B2", "o"), 11: ("#D55E00", "s"), 15: ("#009E73", "^")}

figure = Figure(figsize=(9, 3.8), layout="constrained", dpi=150)
left, right = figure.subplots(1, 2)
for radius, (colour, mark) in radii.items():
    beta = beta_from_radius(n, radius)
    distances = np.arange(2 * radius + 1)
    shared = circle_intersection(n, radius, distances)
    near = np.exp(-2 * beta * distances[: radius + 1] / n)
    middle = np.exp(np.mean(np.log(shared[: radius + 1] / near)))  # the factor that a softmax does not see
    left.semilogy(distances, shared / shared[0], mark, color=colour, ms=3, label=f"radius {radius}")
    left.semilogy(
        distances[: radius + 1], middle * near / shared[0], color=colour, lw=1, label=f"softmax, beta={beta:.1f}"
    )
left.set(xlabel="Hamming distance of two addresses", ylabel="shared locations, of those of one", ylim=(1e-9, 3))
left.legend(frameon=False, fontsize=8)

# The same in two memories: the weight that each of 40 patterns gets, by counted locations and by attention.
rng = np.random.default_rng(0)
cue = rng.choice([-1.0, 1.0], size=n)
flips = rng.integers(2, 16, size=40)
addresses = np.stack([cue * np.where(rng.permutation(n) < d, -1, 1) for d in flips])
wide = {20: ("#CC79A7", "s"), 22: ("#E69F00", "o")}  # circles in which locations can be counted
for radius, (colour, mark) in wide.items():
    memory = SparseDistributedMemory.random(200_000, n, radius=radius, seed=1, dtype="float32")
    counted = memory.activated(addresses.astype("float32")) @ memory.activated(cue.astype("float32"))
    weights = ContinuousSDM.from_radius(radius, addresses, np.eye(40)).recall(cue)
    gap = np.abs(np.log((counted / counted.sum()) / weights)).max()
    print(f"radius {radius}: {int(counted.max())} locations shared at most, weights within a factor {np.exp(gap):.2f}")
    right.loglog(weights, counted / counted.sum(), mark, color=colour, ms=4, label=f"radius {radius}")
ends = np.array([right.get_xlim()[0], right.get_xlim()[1]])
right.loglog(ends, ends, color="0.6", lw=1, zorder=0)
ticks = [0.01, 0.02, 0.05]
right.set(xticks=ticks, yticks=ticks, xticklabels=ticks, yticklabels=ticks)
right.minorticks_off()
right.set(xlabel="softmax weight of a pattern", ylabel="its part of the shared locations")
right.legend(frameon=False, fontsize=8)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
figure.savefig(options.out)
print(f"The picture is {options.out}.")
