"""
Basins of three memories in a plane
===================================

The basins of three memories in the plane through them, at two inverse temperatures.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

from hopfield import ModernHopfield
from hopfield.analysis import basin_slice, find_fixed_points, new_figure, plot_basin_slice

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="basins_in_a_plane.png", help="the picture (default: %(default)s)")
parser.add_argument("--resolution", type=int, default=120, help="cues along each side (default: %(default)s)")
options = parser.parse_args()

# Three patterns of different lengths in 200 dimensions: the longest pulls hardest.
rng = np.random.default_rng(3)
patterns = np.linalg.qr(rng.standard_normal((200, 3)))[0].T * np.array([[1.0], [1.15], [0.9]])
patterns[2] += 0.35 * patterns[0]

figure = new_figure((11.0, 4.2))
for ax, beta in zip(figure.subplots(1, 2), (4.5, 12.0), strict=True):
    memory = ModernHopfield(patterns, beta=beta)
    # A census first, so that the saddles on the boundaries are drawn as well.
    census = find_fixed_points(memory, seed=0)
    cut = basin_slice(memory, *patterns, resolution=options.resolution, fixed_points=census)
    print(f"beta = {beta:g}: {cut}")
    plot_basin_slice(cut, ax, title=rf"$\beta$ = {beta:g}")
figure.savefig(options.out, dpi=110, bbox_inches="tight")
print(f"The picture is {options.out}.")
