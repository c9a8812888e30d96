"""
Predictive coding: half a digit and what it predicts
====================================================

Layers that predict the ones below them are taught 100 digits by their local rule. With the upper half of a digit held,
the hidden layer settles on causes of it, and the lower half follows the prediction.

Beside it a Gaussian of the same digits completes by its conditional mean, and a universal Hopfield network looks the
nearest digit up. What is held matters: left free, every state goes to the one fixed point that there is.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from hopfield import CovarianceMemory, PredictiveCodingMemory, Rosenbrock, UniversalHopfield, check_lyapunov, simulate

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="predictive.png", help="the picture (default: %(default)s)")
parser.add_argument("--count", type=int, default=100, help="how many digits (default: %(default)s)")
parser.add_argument("--epochs", type=int, default=200, help="of training (default: %(default)s)")
options = parser.parse_args()

digits = load_digits(return_X_y=True)[0][: options.count] / 16
known = np.arange(64) < 32
cues = np.where(known, digits, 0.0)

learned = PredictiveCodingMemory.random((64, 128), seed=0).learn(digits, epochs=options.epochs)
print(learned.memory)
print(f"mean energy of a digit: {learned.energy[0]:.3f} after one epoch, {learned.energy[-1]:.4f} after all of them")
print(f"the largest rise from one epoch to the next: {max(np.diff(learned.energy).max(), 0.0):.1e}")

memories = {
    "predictive coding": learned.memory,
    "covariance": CovarianceMemory(digits),
    "universal, euclidean": UniversalHopfield(digits, "euclidean", beta=20.0),
}
answers = {}
for name, memory in memories.items():
    found = memory.retrieve(cues, known=known, hold=True)
    answers[name] = found.state
    error = np.mean((found.state - digits)[:, ~known] ** 2)
    right = np.mean(found.pattern == np.arange(len(digits)))
    print(f"{name}: nearest to its own digit {right:.0%}, squared error of a hidden pixel {error:.4f}")

method = Rosenbrock(rtol=1e-3, atol=1e-4, dense=200)
run = simulate(learned.memory, cues[:3], t1=100.0, clamp={"layer0": known}, integrator=method)
print(check_lyapunov(learned.memory, run))
free = learned.memory.retrieve(digits).state
print(f"left free, all digits end within {np.ptp(free, axis=0).max():.1e} of one another")

figure = Figure(figsize=(9, 5.4), layout="constrained", dpi=150)
above, below = figure.subfigures(2, 1, height_ratios=[2.2, 1])  # pyright: ignore[reportGeneralTypeIssues]
rows = {"stored": digits, "cue": np.where(known, digits, np.nan), **answers}
axes = above.subplots(len(rows), 12)
for row, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image.reshape(8, 8), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[], facecolor="#D8E4EE")
    row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
left, right = below.subplots(1, 2)
left.loglog(np.arange(1, len(learned.energy) + 1), learned.energy, color="#0072B2")
left.set(xlabel="epoch", ylabel="mean energy", title="the local rule never raises E")
right.loglog(run.times[1:], run.energy[1:], color="#0072B2", lw=1, alpha=0.7)
right.set(xlabel="time in tau", ylabel="E of a cue", title="inference with the upper half held")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
figure.savefig(options.out)
print(f"The picture is {options.out}.")
