"""
An autoencoder that is iterated
===============================

An overparametrised autoencoder is trained on ten digits until it gives them back. Whether they are attractors of the
map is not said by that: the spectral radius of its Jacobian says it.

Two layers of sigmoid neurons with large weights make attractors of all ten here, one of plain swish neurons of hardly
any. One hidden layer, one example and a start of rank one have the eigenvalue u phi'(u)/phi(u) in closed
form. Needs PyTorch.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from hopfield.models import Autoencoder, rank_one_eigenvalue

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="autoencoder.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

images, names = load_digits(return_X_y=True)
digits = np.stack([images[names == k][0] for k in range(10)]) / 16
cues = np.clip(digits + 0.2 * np.random.default_rng(0).normal(size=digits.shape), 0, 1)
untrained = {
    "swish, one layer": Autoencoder.random([64, 256, 64], activation="swish"),
    "sigmoid, two layers, gain 10": Autoencoder.random([64, 256, 256, 64], activation="sigmoid", gain=10.0, last=0.1),
}
radii, ends = {}, {}
for name, start in untrained.items():
    found = start.train(digits, rate=1e-3, tol=1e-9)
    radii[name] = found.model.spectral_radius(digits)
    with np.errstate(all="ignore"):  # where nothing attracts, states may leave the numbers
        ends[name] = found.model.iterate(cues, 300).state
    near = np.mean((ends[name] - digits) ** 2, axis=-1) < 1e-2
    print(f"{name}: {found.result}")
    print(
        f"    attractors: {int(found.model.is_attractor(digits).sum())} of 10, noisy cues that come back: {near.sum()}"
    )

x = digits[3]
for phi in ("tanh", "sigmoid", "relu", "swish"):
    rank_one = Autoencoder([0.1 * np.tile(x, (16, 1)), 0.02 * np.tile(x[:, None], 16)], activation=phi)
    trained = rank_one.train(x[None], steps=5000, rate=1e-3, tol=1e-24, offsets=False).model
    u = float(trained.weights[0][0] @ x)
    print(f"{phi}: eigenvalue {trained.spectral_radius(x):.6f}, u phi'(u)/phi(u) = {rank_one_eigenvalue(phi, u):.6f}")

figure = Figure(figsize=(9, 5), layout="constrained", dpi=150)
above, below = figure.subfigures(2, 1, height_ratios=[1.6, 1])  # pyright: ignore[reportGeneralTypeIssues]
rows = {"stored": digits, "cue": cues, **ends}
for row, (name, shown) in zip(above.subplots(len(rows), 10), rows.items(), strict=True):
    for ax, image in zip(row, shown, strict=True):
        ax.imshow(np.nan_to_num(image).reshape(8, 8), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name.replace(", ", "\n"), rotation=0, ha="right", va="center", fontsize=8)
ax = below.subplots()
for name, color, shift in zip(radii, ("#D55E00", "#0072B2"), (-0.15, 0.15), strict=True):
    ax.bar(np.arange(10) + shift, radii[name], width=0.3, color=color, label=name)
ax.axhline(1.0, color="black", lw=0.8)
ax.set(xticks=range(10), xlabel="digit", ylabel="spectral radius", title="below 1: an attractor")
ax.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(1.0, 0.2))
ax.spines[["top", "right"]].set_visible(False)
figure.savefig(options.out)
print(f"The picture is {options.out}.")
