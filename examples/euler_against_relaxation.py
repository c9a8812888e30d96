"""
Does the energy fall? Euler against relaxation
==============================================

The energy falls in theory; whether it falls in a simulation depends on the integrator and its step.

Euler's method with a step above twice the time constant raises the energy of a modern Hopfield network. Relaxation
solves one population at a time exactly, with the others frozen, and the energy falls for every step: at dt = inf
each step is one application of the update rule M^T softmax(beta M v).
"""

import math
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure

from hopfield import Euler, ModernHopfield, Relaxation, check_lyapunov, simulate
from hopfield.analysis import plot_energy

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="euler_against_relaxation.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

# 40 random patterns of +1 and -1; in each cue every fifth value is flipped. With tau_memory = 0 the memory neurons
# follow at once, and one population with time constant 1 is left.
rng = np.random.default_rng(0)
patterns = rng.choice([-1.0, 1.0], size=(40, 64))
cues = patterns * rng.choice([1.0, -1.0], p=[0.8, 0.2], size=patterns.shape)
memory = ModernHopfield(patterns, beta=0.25, tau_memory=0)

methods = [Euler(0.3), Euler(3.0), Relaxation(0.3), Relaxation(3.0), Relaxation(math.inf)]
figure = Figure(figsize=(9, 5.6), layout="constrained")
places = list(figure.subplots(2, 3).flat)
places.pop(2).set_axis_off()  # Euler above, relaxation below
for method, ax in zip(methods, places, strict=True):
    run = simulate(memory, cues, t1=9, integrator=method)
    report = check_lyapunov(memory, run)
    name = f"{type(method).__name__}, dt = {method.dt:g}"
    print(f"{name:22} {report.message}")
    verdict = "the energy falls" if report.holds else "the energy rises"
    plot_energy(run, ax, title=f"{name}\n{verdict}")
    ax.set_ylabel("energy $E$" if method in (methods[0], methods[2]) else "")

figure.savefig(options.out, dpi=150)
print(f"The picture is {options.out}.")
