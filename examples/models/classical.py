"""
Four learning rules of the classical Hopfield network
=====================================================

Four ways to store the same patterns in a classical Hopfield network, and what each recalls as they grow in number.

Random patterns of 100 neurons are stored by each learning rule; cues with every tenth neuron wrong are retrieved
one neuron at a time. On the right, cues of a Hebbian network: the energy falls with every sweep, and not every cue
ends as deep as the stored patterns lie.
"""

import warnings
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

from hopfield.analysis import new_figure, open_axes
from hopfield.models import ClassicalHopfield

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="classical.png", help="the picture (default: %(default)s)")
options = parser.parse_args()
rng = np.random.default_rng(0)
SIZE, LOADS = 100, np.array([4, 8, 12, 16, 20, 25, 30, 40, 50, 60])

figure = new_figure((10, 3.8))
shares, energies = map(open_axes, figure.subplots(1, 2))
for rule, mark in {"hebbian": "o", "storkey": "s", "perceptron": "^", "pseudo_inverse": "D"}.items():
    recalled = []
    for stored in LOADS:
        hits = []
        for _ in range(3):
            patterns = rng.choice([-1.0, 1.0], size=(stored, SIZE))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # at high loads no couplings have the margin
                memory = ClassicalHopfield(patterns, rule, margin=1.0, max_epochs=60)
            flipped = rng.permuted(np.tile(np.arange(SIZE) < SIZE // 10, (stored, 1)), axis=1)
            found = memory.retrieve(np.where(flipped, -patterns, patterns))
            hits += list((found.state == patterns).mean(axis=1) >= 0.97)
        recalled.append(np.mean(hits))
    print(f"{rule:15} {', '.join(f'{stored}: {share:.0%}' for stored, share in zip(LOADS, recalled, strict=True))}")
    shares.plot(LOADS / SIZE, recalled, mark + "-", ms=5, label=rule.replace("_", "-"))

patterns = rng.choice([-1.0, 1.0], size=(10, SIZE))
memory = ClassicalHopfield(patterns)
print(memory)
noise = rng.choice([1.0, -1.0], p=[0.65, 0.35], size=patterns.shape)
found = memory.retrieve(patterns * noise)
print(f"{(found.verdict == 'fixed point').sum()} of {len(patterns)} cues end at a fixed point.")
energies.plot(found.energies, color="#0072B2", lw=1)
energies.plot(0 * found.energies[0], found.energies[0], "k.", label="cues, 35 % of the neurons wrong")
energies.axhline(memory.energy(patterns).mean(), color="0.6", ls="--", label="stored patterns (mean)")

shares.plot([0.138, 0.138], [0, 1], color="0.6", ls="--")
shares.text(0.145, 0.02, "0.138", color="0.4")
shares.set(xlabel="load, patterns per neuron", ylabel="share recalled to 3 %", title="Cues with 10 % wrong neurons")
shares.set(ylim=(-0.04, 1.3), yticks=np.arange(6) / 5)
shares.legend(loc="upper center", ncols=2, frameon=False, fontsize="small")
energies.set(xlabel="sweeps", ylabel="energy $E$", title="Hebbian rule, 10 patterns")
energies.set_xticks(range(len(found.energies)))
for ax in (shares, energies):
    ax.title.set_fontsize("medium")
energies.legend(frameon=False, fontsize="small")
figure.savefig(options.out, dpi=150)
print(f"The picture is {options.out}.")
