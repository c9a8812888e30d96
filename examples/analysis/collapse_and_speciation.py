"""
When diffusion decides: collapse and speciation
===============================================

Two times of the diffusion of stored data, measured with a Euclidean memory and compared with their formulas.

Data x_0 is diffused to exp(-t) x_0 + sqrt(1 - exp(-2 t)) z. Later than the collapse time
t_C = ln(1 + s^2/(n^(2/d) - 1))/2 a noisy sample no longer shows of which of n stored patterns it was made (Gaussian
ones, d values of variance s^2): the mean weight of its own pattern falls through 1/2 near there, more sharply for
larger d. Later than the speciation time t_S = ln(L)/2, with L the largest eigenvalue of the data's covariance, it does
not show either of which of two classes: two reverse diffusions with different noise from one sample end in the same
class by chance alone.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

from hopfield import UniversalHopfield
from hopfield.analysis import diffuse, new_figure, open_axes

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="collapse_and_speciation.png", help="the picture (default: %(default)s)")
options = parser.parse_args()
rng = np.random.default_rng(0)
PARTS = np.array([0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4])


def noise_of(time):
    """The noise of a sample at a time, in the units of the data: sqrt(1 - exp(-2 t))/exp(-t)."""
    return np.sqrt(np.expm1(2 * time))


figure = new_figure((10, 3.8))
collapse, speciation = map(open_axes, figure.subplots(1, 2))
for count, width, mark in ((200, 4, "^"), (2000, 16, "o"), (20000, 32, "s")):
    rows = rng.standard_normal((count, width))
    formula = 0.5 * np.log(1 + 1 / (count ** (2 / width) - 1))
    memory, shares = UniversalHopfield(rows, "euclidean"), []
    for time in PARTS * formula:
        own, sigma = rng.integers(count, size=400), noise_of(time)
        weights = memory.replace(beta=1 / (2 * sigma**2)).memory_weights(
            rows[own] + sigma * rng.standard_normal((400, width))
        )
        shares.append(weights[np.arange(400), own].mean())
    print(f"n={count:5}, d={width:2}: t_C={formula:.3f}, weights of the own pattern at t/t_C = 0.5 to 1.4:", end=" ")
    print(", ".join(f"{share:.2f}" for share in shares))
    collapse.plot(PARTS, shares, mark + "-", ms=5, label=f"n = {count}, d = {width}")
collapse.axvline(1.0, color="0.6", ls="--")
collapse.set(xlabel="$t/t_C$", ylabel="mean weight of the own pattern", title="Collapse", ylim=(0, 1.02))
collapse.legend(frameon=False, fontsize="small")

WIDTH, SIZE = 32, 400
side = np.repeat([1.0, -1.0], SIZE)
rows = side[:, None] * np.full(WIDTH, 1.0) + 0.5 * rng.standard_normal((2 * SIZE, WIDTH))
memory = UniversalHopfield(rows, "euclidean")
formula = 0.5 * np.log(np.linalg.eigvalsh(np.cov(rows.T))[-1])
parts, same = np.linspace(0.4, 2.0, 9), []
for time in parts * formula:
    sigma = noise_of(time)
    start = rows[rng.integers(2 * SIZE, size=150)] + sigma * rng.standard_normal((150, WIDTH))
    ends = [
        side[diffuse(memory, start, sigma=sigma, end=0.2, steps=40, stochastic=True, seed=k).pattern] for k in (1, 2)
    ]
    same.append((ends[0] == ends[1]).mean())
print(f"two classes in d={WIDTH}: t_S={formula:.3f}, twins that end in one class at t/t_S = 0.4 to 2.0:", end=" ")
print(", ".join(f"{share:.2f}" for share in same))
speciation.plot(parts, same, "o-", ms=5)
speciation.axvline(1.0, color="0.6", ls="--")
speciation.axhline(0.5, color="0.6", ls=":")
speciation.set(xlabel="$t/t_S$", ylabel="twins in one class", title="Speciation", ylim=(0.4, 1.03))
for ax in (collapse, speciation):
    ax.title.set_fontsize("medium")
figure.savefig(options.out, dpi=150)
