"""
How memories are born as beta grows
===================================

How memories are born as beta grows: bifurcation diagrams of modern Hopfield networks.

Below a critical beta there is one fixed point, a mean of all patterns. Two opposite patterns split it in a
pitchfork. Patterns of unequal norm break that symmetry: one memory is reached without a jump, the other appears in
a fold. Three orthonormal patterns appear in folds while the mean is stable still, so that memories and mean coexist
for 2.7456 < beta < 3.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure

from hopfield import ModernHopfield
from hopfield.analysis import continue_fixed_points, critical_beta, plot_bifurcation

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="bifurcation.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

opposite = np.array([[1.0, 0.0], [-1.0, 0.0]])
unequal = np.array([[1.1, 0.0], [-0.9, 0.0]])
orthonormal = np.eye(3)
cases = [
    ("Two opposite patterns", opposite, 0.4, 2.5),
    ("Norms 1.1 and 0.9", unequal, 0.4, 2.5),
    ("Three orthonormal patterns", orthonormal, 2.0, 4.0),
]

figure = Figure(figsize=(11, 4), layout="constrained")
for (title, patterns, start, stop), ax in zip(cases, figure.subplots(1, 3), strict=True):
    memory = ModernHopfield(patterns)
    found = continue_fixed_points(memory, "beta", start, stop)
    print(f"{title}: {critical_beta(memory)}")
    print(found, end="\n\n")
    plot_bifurcation(found, ax, measure=patterns[0], label="overlap with pattern 0", title=title)

figure.savefig(options.out, dpi=150)
print(f"The picture is {options.out}.")
