"""One stiff trajectory by four methods: what a step size or a tolerance buys.

Memory neurons are a thousand times faster than value neurons, so that an explicit method must take steps of a
thousandth of the time in which anything happens. Relaxation solves each population exactly, Rosenbrock eliminates
the memory neurons from its linear systems; both take the steps that the trajectory needs.
"""

from argparse import ArgumentParser

import numpy as np
from matplotlib.figure import Figure

from hopfield import UniversalHopfield, simulate
from hopfield.dynamics import Euler, Relaxation, Rosenbrock, RungeKutta

parser = ArgumentParser(description=__doc__)
parser.add_argument("--out", default="stiff.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

rng = np.random.default_rng(1)
patterns = rng.standard_normal((100, 40)) / np.sqrt(40)
memory = UniversalHopfield(patterns, beta=20.0, tau_memory=1e-3)
cue = (patterns[0] + patterns[1]) / 2 + 0.02 * rng.standard_normal(40)
h0 = np.zeros(100)  # far from equilibrium: a fast start, then a slow choice

exact = simulate(
    memory, cue, t1=6.0, integrator=Rosenbrock(1e-8, 1e-10), save_at=np.linspace(0, 6, 400), memory_state=h0
)
methods = {
    "Relaxation, dt = 0.5": (Relaxation(0.5), "#0072B2", "s"),
    "Rosenbrock, tolerance 1e-3": (Rosenbrock(1e-3, 1e-3), "#D55E00", "o"),
    "Runge-Kutta, tolerance 1e-3": (RungeKutta(rtol=1e-3, atol=1e-3), "#009E73", None),
    "Euler, dt = 0.001": (Euler(1e-3), "#CC79A7", None),
}


def lead(run):
    """How much nearer the state is to memory 0 than to memory 1, as an overlap."""
    return run.states["value"] @ (patterns[0] - patterns[1])


figure = Figure(figsize=(7.2, 4.2), layout="constrained", dpi=150)
axes = figure.add_subplot()
axes.plot(exact.times, lead(exact), color="0.75", lw=6, label="exact")
for name, (integrator, colour, marker) in methods.items():
    run = simulate(memory, cue, t1=6.0, integrator=integrator, memory_state=h0)
    label = f"{name}: {run.statistics['steps']} steps"
    axes.plot(run.times, lead(run), color=colour, marker=marker, ms=5, lw=1.2, label=label)
    print(f"{label}, {run.statistics['seconds'] * 1e3:.0f} ms")
axes.set(xlabel="time in tau_value", ylabel="overlap with memory 0 less memory 1", xlim=(0, 6))
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, fontsize=9)
figure.savefig(options.out)
print(f"The picture is {options.out}.")
