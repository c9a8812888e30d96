"""
How far a digit can be pushed
=============================

How far can each of 100 stored digits be pushed? From below by a proof, from above by a push that escapes.

Eight digits take some seconds, all 100 of them two minutes.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from sklearn.datasets import load_digits

from hopfield import ModernHopfield
from hopfield.analysis import basin_radius, basins_of_attraction, certified_radii, new_figure, plot_radii

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="radii_of_digits.png", help="the picture (default: %(default)s)")
parser.add_argument("--digits", type=int, default=8, help="how many of them are pushed (default: %(default)s)")
options = parser.parse_args()
count = options.digits

# 100 digits of 8 x 8 pixels, less their mean, of length 1.
digits = load_digits(return_X_y=True)[0][:100]
digits = digits - digits.mean(axis=0)
digits /= np.linalg.norm(digits, axis=1, keepdims=True)
memory = ModernHopfield(digits, beta=60.0)
print(certified_radii(memory))

# The fixed points of all digits, found once, are looked toward by every search.
points = basins_of_attraction(memory, digits).fixed_points
found = [basin_radius(memory, i, seed=0, fixed_points=points) for i in range(count)]
certified = [radius.certified for radius in found]
adversarial = [radius.adversarial for radius in found]
tight = np.array(certified) / np.array(adversarial)
print(f"certified / adversarial: median {np.median(tight):.3f}, from {tight.min():.3f} to {tight.max():.3f}")

# The witnesses end elsewhere, and digits pushed as far in a random direction do not.
ends = np.stack([np.asarray(radius.witness) for radius in found])
witnesses = basins_of_attraction(memory, ends, targets=np.arange(count))
rng = np.random.default_rng(0)
pushes = rng.standard_normal((count, 64))
pushes *= np.array(adversarial)[:, None] / np.linalg.norm(pushes, axis=1, keepdims=True)
randomly = basins_of_attraction(memory, digits[:count] + pushes, targets=np.arange(count))
print(f"recalled from the witnesses: {witnesses.recalled:.0%}; pushed as far at random: {randomly.recalled:.0%}")

figure = new_figure((7.2, 4.2))
title = f"{count} of the 100 stored digits, $\\beta$ = {memory.beta:g}"
plot_radii(certified, adversarial, figure.subplots(), unit="digits have length 1", title=title)
figure.savefig(options.out, dpi=120)
print(f"The picture is {options.out}.")
