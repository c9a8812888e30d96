"""
Store digits and recall them from noise
=======================================

Store handwritten digits, cue the memory with noise, and follow the energy down to what is recalled.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from sklearn.datasets import load_digits

from hopfield import UniversalHopfield, check_lyapunov, simulate
from hopfield.analysis import plot_recall, summarise
from hopfield.data import gaussian_noise

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="retrieve_digits.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

# Patterns are the rows of a matrix: 50 digits of 8 x 8 pixels, from 0 to 1.
digits = load_digits(return_X_y=True)[0][:50] / 16

# A memory is a similarity and a separation. The city-block distance forgives pixels that are far off, and the
# softmax with beta = 2 lets the nearest pattern win.
memory = UniversalHopfield(digits, similarity="manhattan", separation="softmax", beta=2.0)
print(memory)

# Value neurons start at the cue. The stored patterns pull them, each with the weight that its memory neuron has,
# until nothing moves.
cues = gaussian_noise(digits, variance=0.1, clip=(0, 1), seed=1)
run = simulate(memory, cues, t1=50, stop="steady", save="all")

found = summarise(memory, run, targets=np.arange(50))
print(f"{found.recalled} of {found.samples} recalled, after {found.steps_median:g} steps (median)")
print(check_lyapunov(memory, run))

recalled = run.activations["value"][-1]
plot_recall(memory, cues, recalled, (8, 8), targets=np.arange(50), title="50 digits stored").savefig(options.out)
print(f"The picture is {options.out}.")
