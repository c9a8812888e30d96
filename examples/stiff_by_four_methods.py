"""
A stiff trajectory by four methods
==================================

One stiff trajectory by four methods: what a step size or a tolerance buys.

Memory neurons are a thousand times faster than value neurons, so that an explicit method must take steps of a
thousandth of the time in which anything happens. Relaxation solves each population exactly, Rosenbrock eliminates
the memory neurons from its linear systems; both take the steps that the trajectory needs.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

from hopfield import UniversalHopfield, simulate
from hopfield.analysis import new_figure, open_axes
from hopfield.dynamics import Euler, Relaxation, Rosenbrock, RungeKutta

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="stiff.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

rng = np.random.default_rng(1)
patterns = rng.standard_normal((100, 40)) / np.sqrt(40)
memory = UniversalHopfield(patterns, beta=20.0, tau_memory=1e-3)
cue = (patterns[0] + patterns[1]) / 2 + 0.02 * rng.standard_normal(40)
h0 = np.zeros(100)  # far from equilibrium: a fast start, then a slow choice

methods = {
    "Relaxation, dt = 0.5": (Relaxation(0.5), "s-"),
    "Rosenbrock, tolerance 1e-3": (Rosenbrock(1e-3, 1e-3), "o-"),
    "Runge-Kutta, tolerance 1e-3": (RungeKutta(rtol=1e-3, atol=1e-3), "--"),
    "Euler, dt = 0.001": (Euler(1e-3), ":"),
}


def lead(run):
    """How much nearer the state is to memory 0 than to memory 1, as an overlap."""
    return run.states["value"] @ (patterns[0] - patterns[1])


def exact(times):
    """The same of the exact trajectory: a method with error control, at a tolerance that is far below all others."""
    fine = Rosenbrock(1e-8, 1e-10)
    return lead(simulate(memory, cue, t1=6.0, integrator=fine, save_at=times, memory_state=h0))


figure = new_figure((7.2, 6.0))
above, below = map(open_axes, figure.subplots(2, 1, sharex=True, height_ratios=(3, 2)))
clock = np.linspace(0, 6, 400)
above.plot(clock, exact(clock), color="0.8", lw=6, label="exact")
for name, (integrator, style) in methods.items():
    run = simulate(memory, cue, t1=6.0, integrator=integrator, memory_state=h0)
    label = f"{name}: {run.statistics['steps']} steps"
    above.plot(run.times, lead(run), style, ms=5, lw=1.6, label=label)
    below.semilogy(run.times[1:], np.abs(lead(run) - exact(run.times))[1:], style, ms=4, lw=1.2)
    print(f"{label}, {run.statistics['seconds'] * 1e3:.0f} ms")
above.set(ylabel="overlap with memory 0\nless memory 1")
below.set(xlabel="time in tau_value", ylabel="its error", xlim=(0, 6), ylim=(1e-8, 1))
above.legend(frameon=False, fontsize=9)
figure.savefig(options.out)
