"""
Diffusion is retrieval with falling noise
=========================================

A Euclidean memory whose beta rises is the reverse diffusion of its patterns: from noise to a stored point.

Patterns lie on the unit circle. Infinitely many have the energy R^2 + 1 - ln I0(2 beta R)/beta at the radius R: 32 of
them agree to rounding at beta = 5, while 8 do not, and the energy along the circle shows where they are. On the right
200 samples of noise are annealed to 8 patterns: at first all go to the mean, then to the circle, and to one pattern
each when the noise is as small as the gaps between them.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from scipy.special import i0e

from hopfield import UniversalHopfield
from hopfield.analysis import diffuse, new_figure, open_axes

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="diffusion_on_a_circle.png", help="the picture (default: %(default)s)")
options = parser.parse_args()
BETA = 5.0


def on_the_circle(count):
    """A memory of patterns at equal angles."""
    angles = 2 * np.pi * np.arange(count) / count
    return UniversalHopfield(np.stack([np.cos(angles), np.sin(angles)], axis=-1), "euclidean", beta=BETA)


figure = new_figure((10, 4.2))
energies, plane = map(open_axes, figure.subplots(1, 2))
radius = np.linspace(0, 1.6, 200)
exact = radius**2 + 1 - (np.log(i0e(2 * BETA * radius)) + 2 * BETA * radius) / BETA  # scaled, so that nothing overflows
energies.plot(radius, exact, color="0.75", lw=6, label="infinitely many")
for count, style in ((32, "-"), (8, "--")):
    memory, level = on_the_circle(count), np.log(count) / BETA  # the mean over the patterns, not their sum
    for angle, where in ((0.0, "through a pattern"), (np.pi / count, "between two")):
        energy = memory.energy(radius[:, None] * [np.cos(angle), np.sin(angle)]) + level
        print(f"{count:2} patterns, {where:17}: the energy is off by up to {np.abs(energy - exact).max():.1e}")
        color = "#0072B2" if angle == 0 else "#D55E00"
        energies.plot(radius, energy, style, color=color, lw=1.4, label=f"{count}, {where}")
energies.set(xlabel="radius $R$", ylabel="energy", title=rf"Energy across the circle at $\beta$ = {BETA:g}")
energies.legend(frameon=False, fontsize="small")

memory = on_the_circle(8)
found = diffuse(memory, 200, sigma=2.0, end=0.02, steps=60, seed=0)
for k in range(200):
    plane.plot(*found.path[:, k].T, color=f"C{found.pattern[k]}", lw=0.6, alpha=0.6)
plane.plot(*found.path[0].T, ".", color="0.6", ms=3, label="noise")
plane.plot(*memory.memories.T, "o", color="black", ms=7, label="patterns")
plane.set(xlim=(-4.2, 4.2), ylim=(-4.2, 4.2), aspect="equal", title="200 samples of noise, annealed to 8 patterns")
plane.legend(facecolor="white", edgecolor="none", framealpha=1.0, fontsize="small", loc="upper right")
print("samples that end at each pattern:", np.bincount(found.pattern, minlength=8))
half = found.sigma[(found.weight.mean(axis=1) > 0.5).argmax()]
print(f"one pattern has more than half of the weight, in the mean, from sigma = {half:.2f} on; gaps are 0.77 wide")
for ax in (energies, plane):
    ax.title.set_fontsize("medium")
figure.savefig(options.out, dpi=150)
