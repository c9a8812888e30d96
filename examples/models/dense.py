"""
The capacity of dense associative memories
==========================================

How many patterns a dense associative memory holds: I^d for a separation of degree d.

In a memory of K random patterns the neurons of a stored pattern are not all stable any more when K is large. The K
at which 2 % of them would flip is searched for networks of several sizes; in a picture of two logarithmic axes it
lies on lines of slope d. Krotov & Hopfield's n is the degree of the energy, n = d + 1; n = 2 is the classical
Hopfield network.
"""

import math
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

from hopfield.analysis import new_figure, open_axes
from hopfield.models import DenseAssociativeMemory

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="dense.png", help="the picture (default: %(default)s)")
options = parser.parse_args()
rng = np.random.default_rng(0)
TARGET, BITS = 0.02, 8_000  # the bit error that is looked for; how many neurons are looked at, at least


def bit_error(n, width, stored):
    """The share of neurons that would flip in a stored pattern."""
    wrong, looked_at = 0, 0
    while looked_at < BITS:
        patterns = rng.choice([-1.0, 1.0], size=(stored, width))
        some = patterns[:100]
        wrong += (DenseAssociativeMemory(patterns, n).stability(some) < 0).sum()
        looked_at += some.size
    return wrong / looked_at


def capacity(n, width):
    """The number of patterns at which the bit error is the one looked for, by bisection of its logarithm."""
    low, high = 2.0, float(width ** (n - 1))
    for _ in range(8):
        stored = math.sqrt(low * high)
        low, high = (stored, high) if bit_error(n, width, round(stored)) < TARGET else (low, stored)
    return math.sqrt(low * high)


figure = new_figure((6, 4.2))
ax = open_axes(figure.subplots())
for d, widths in {1: (60, 120, 240, 480), 2: (20, 36, 64, 115), 3: (20, 28, 40, 56)}.items():
    capacities = [capacity(d + 1, width) for width in widths]
    slope, start = np.polyfit(np.log(widths), np.log(capacities), 1)
    print(f"separation x^{d}, n = {d + 1}: K = {', '.join(f'{k:.0f}' for k in capacities)}, slope {slope:.2f}")
    (line,) = ax.loglog(widths, np.exp(start) * np.array(widths) ** slope, lw=1)
    ax.loglog(widths, capacities, "os^"[d - 1], color=line.get_color(), label=f"$d = {d}$: slope {slope:.2f}")
ax.set_xticks([20, 50, 100, 200, 500], ["20", "50", "100", "200", "500"])
ax.set_xticks([], minor=True)
ax.set(xlabel="neurons $I$", ylabel=f"patterns $K$ with {TARGET:.0%} of the bits wrong")
ax.set_title("Capacity of dense associative memories, separation $x^d$", fontsize="medium")
ax.legend(frameon=False, fontsize="small")
figure.savefig(options.out, dpi=150)
print(f"The picture is {options.out}.")
