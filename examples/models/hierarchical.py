"""
A hierarchy of three layers
===========================

A hierarchy of three layers: what a layer below sees decides above, and what is decided above is filled in below.

Pixels, tanh features and a softmax layer on top are joined by weights that make 30 digits fixed points. A cue goes
up; then the flow settles all layers at once, and the energy falls.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from hopfield import check_lyapunov, simulate
from hopfield.models import HierarchicalMemory

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="hierarchical.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

digits = load_digits(return_X_y=True)[0][:30] / 16
memory = HierarchicalMemory.from_patterns(digits, beta=0.6, seed=0)
print(memory)

rng = np.random.default_rng(1)
cues = digits + 0.5 * rng.normal(size=digits.shape)
run = simulate(memory, cues, t1=8, save="all", save_at=np.linspace(0, 8, 81))
found = memory.retrieve(cues)
right = found.pattern == np.arange(30)
print(f"{right.mean():.0%} of 30 digits, their largest error {abs(found.state - digits)[right].max():.1e}")
print(check_lyapunov(memory, run))

shown, times = 3, (0.0, 0.5, 1.0, 8.0)
at = [int(np.argmin(np.abs(run.times - t))) for t in times]
whole = Figure(figsize=(9, 4.4), layout="constrained", dpi=150)
grid = whole.add_gridspec(1, 2, width_ratios=[2, 1])
left, beside = whole.add_subfigure(grid[0]), whole.add_subfigure(grid[1])
axes = left.subplots(3, len(at), height_ratios=[1, 1, 1.6])
for row, (name, title) in zip(
    axes, {"layer2": "top: softmax", "layer1": "features: tanh", "layer0": "pixels"}.items(), strict=True
):
    for ax, k in zip(row, at, strict=True):
        g = run.activations[name][k, shown]
        if name == "layer2":
            ax.bar(np.arange(30), g, color="#0072B2", width=1.0)
            ax.set(ylim=(0, 1.05), xticks=[], yticks=[])
            ax.spines[["top", "right"]].set_visible(False)
            ax.set_title(f"t = {run.times[k]:.1f}", fontsize=9)
        else:
            pixels = name == "layer0"
            image = g.reshape(8, 8) if pixels else g.reshape(8, -1)
            ax.imshow(image, cmap="gray" if pixels else "RdBu", vmin=0 if pixels else -1, vmax=1)
            ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(title, fontsize=9)
ax = beside.subplots()
ax.plot(run.times, run.energy - run.energy[-1], color="#0072B2", lw=0.6, alpha=0.6)
ax.set(xlabel="time in tau", ylabel="energy above its end", xlim=(0, 8))
ax.set_title("30 noisy cues", fontsize=9)
ax.spines[["top", "right"]].set_visible(False)
whole.savefig(options.out)
print(f"The picture is {options.out}.")
