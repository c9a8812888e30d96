"""
One step of a memory denoises best
==================================

Denoising from examples: a single application of a modern Hopfield network is close to the best that can be done.

Two thousand points of the unit sphere are stored, and a query is another point of it with noise of variance sigma^2.
One step, softmax over the stored points with beta = 1/sigma^2, is nearly the Bayes estimate
``(coth k - 1/k) q/|q|``, ``k = |q|/sigma^2``; 200 steps are worse, and for small noise worse than no step at all.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

from hopfield import ModernHopfield
from hopfield.analysis import new_figure, open_axes

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="in_context_denoising.png", help="the picture (default: %(default)s)")
options = parser.parse_args()
rng = np.random.default_rng(0)
NOISE = np.array([0.03, 0.1, 0.3, 1.0, 3.0])


def on_the_sphere(count):
    """Points of the unit sphere in three dimensions."""
    points = rng.standard_normal((count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


stored, clean = on_the_sphere(2000), on_the_sphere(250)
errors = {"the query itself": [], "one step": [], "200 steps": [], "Bayes": []}
for variance in NOISE:
    queries = clean + np.sqrt(variance) * rng.standard_normal(clean.shape)
    memory = ModernHopfield(stored, beta=1 / variance)
    size = np.linalg.norm(queries, axis=1, keepdims=True)
    k = size / variance
    answers = [queries, memory.recall(queries), memory.retrieve(queries, max_steps=200).state]
    answers.append((1 / np.tanh(k) - 1 / k) * queries / size)
    for name, answer in zip(errors, answers, strict=True):
        errors[name].append(((answer - clean) ** 2).mean())
print("noise variance   " + "".join(f"{variance:8g}" for variance in NOISE))
for name, row in errors.items():
    print(f"{name:17}" + "".join(f"{error:8.4f}" for error in row))

figure = new_figure((6.4, 4.0))
ax = open_axes(figure.add_subplot())
for (name, row), style in zip(errors.items(), ("^:", "o-", "s--", "-"), strict=True):
    wide = {"lw": 7, "alpha": 0.25, "color": "black", "zorder": 0} if name == "Bayes" else {"lw": 1.6}
    ax.loglog(NOISE, row, style, ms=5, label=name, **wide)
ax.set(xlabel=r"variance of the noise $\sigma^2$", ylabel="squared error for each value")
ax.set_title("Points of a sphere, denoised with 2000 others", fontsize="medium")
ax.legend(frameon=False, fontsize="small")
figure.savefig(options.out, dpi=150)
