"""
Barriers between ten digits
===========================

Ten handwritten digits: how high is the pass from one memory to another, and which pairs merge first?

Strings laid between all pairs of memories find the saddles of index 1 that separate them. The disconnectivity graph
joins memories at the energy of the lowest pass between them: the shorter a line, the lower the barrier that
protects the memory.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from hopfield import ModernHopfield
from hopfield.analysis import find_fixed_points, landscape, plot_disconnectivity, plot_energy_along_path

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="disconnectivity_of_digits.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

# One digit of each class, less the mean of all digits, and of norm 1: beta = 8 tells all ten apart.
images, labels = load_digits(return_X_y=True)
mean = images.mean(axis=0)
digits = np.stack([images[labels == digit][0] for digit in range(10)]) - mean
norms = np.linalg.norm(digits, axis=1, keepdims=True)
memory = ModernHopfield(digits / norms, beta=8.0)
print(memory)

# The memories themselves are enough to begin with: the flow from each saddle says which minima it joins.
found = landscape(memory, find_fixed_points(memory, starts=memory.memories))
print(found)

pictures = (found.activation * norms[found.pattern] + mean).reshape(-1, 8, 8)

figure = Figure(figsize=(9, 7), layout="constrained")
upper, lower = figure.subplots(2, 1, height_ratios=(3, 2))
plot_disconnectivity(found, upper, images=pictures, title="Ten digits: the lowest passes between memories")
barrier = found.barrier
start, end = np.unravel_index(np.argmax(np.where(np.isfinite(barrier), barrier, -1)), barrier.shape)
plot_energy_along_path(found, int(start), int(end), lower, title="The way over the highest barrier")
figure.savefig(options.out, dpi=150)
print(f"The picture is {options.out}.")
