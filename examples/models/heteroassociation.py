"""
Pairs of unlike things: digits and their names
==============================================

Pairs of unlike things: digits and their names, recalled from either side and in a network of three populations.

One memory is bidirectional, binary neurons that find the name of a noisy digit and then clean the digit up; another
is a modern Hopfield network with a projection, whose value, output and memory neurons fall down one energy.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from hopfield import ModernHopfield, check_lyapunov, simulate
from hopfield.models import BidirectionalMemory

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="heteroassociation.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

# One digit of each of three sorts, black and white, and a name for each: three bars that light up, of 12 neurons.
images, labels = load_digits(return_X_y=True)
wanted = [0, 1, 7]
digits = np.stack([np.where(images[labels == k][0] > 7, 1.0, -1.0) for k in wanted])
names = np.where(np.arange(12) // 4 == np.arange(3)[:, None], 1.0, -1.0)

rng = np.random.default_rng(2)
cues = np.where(rng.random(digits.shape) < 0.2, -digits, digits)

pairs = BidirectionalMemory(digits, names)
print(pairs)
found = pairs.retrieve(cues)
named = pairs.recall(found.state)
back = pairs.recall(names, toward="left")
print(f"names found: {np.mean(np.all(named == names, axis=1)):.0%}, energy {found.energy.tolist()}")
print(f"digits found from their names: {np.mean(np.all(back == digits, axis=1)):.0%}")

modern = ModernHopfield(digits, beta=0.15, projection=names)
run = simulate(modern, cues, t1=4, save="all", save_at=np.linspace(0, 4, 81))
print(check_lyapunov(modern, run))

figure = Figure(figsize=(9, 4.2), layout="constrained", dpi=150)
grid = figure.add_gridspec(3, 6)
for row in range(3):
    parts = {"cue": cues[row], "its name": named[row], "cleaned": found.state[row], "from the name": back[row]}
    for column, (title, image) in enumerate(parts.items()):
        ax = figure.add_subplot(grid[row, column])
        ax.imshow(image.reshape(8, 8) if image.size == 64 else image.reshape(3, 4), cmap="gray", vmin=-1, vmax=1)
        ax.set(xticks=[], yticks=[], title=title if row == 0 else "")
        ax.title.set_fontsize(9)
ax = figure.add_subplot(grid[:, 4:])
colours = ["#0072B2", "#D55E00", "#009E73"]
for k, (colour, style) in enumerate(zip(colours, ("-", "--", ":"), strict=True)):
    ax.plot(run.times, run.energy[:, k], style, color=colour, lw=2, label=f"digit {wanted[k]}")
ax.set(xlabel="time in tau_value", ylabel="energy of value, output and memory")
ax.title.set_fontsize(9)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, fontsize=8)
figure.savefig(options.out)
print(f"The picture is {options.out}.")
