"""
A network of your own: the double well
======================================

A network of your own: neurons in a double well, checked against the exact solution.

With the energy E(x) = (x^2 - 1)^2/4 the dynamics are x' = x - x^3, every neuron falls to -1 or 1, and

    x(t) = x0 e^t / sqrt(1 + x0^2 (e^(2t) - 1)).
"""

import warnings
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

from hopfield import Euler, Network, Population, Relaxation, Scipy, check_lyapunov, simulate
from hopfield.analysis import new_figure, open_axes
from hopfield.dynamics import Quadratic, Synapse

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="custom_network.png", help="the picture (default: %(default)s)")
options = parser.parse_args()


class DoubleWell(Synapse):
    """Says which populations it joins (x, to itself), its energy, and its forces -dE/dg."""

    between = ("x",)

    def energy(self, g):
        return ((g**2 - 1) ** 2).sum(axis=-1) / 4

    def forces(self, g):
        return (g - g**3,)


# With a quadratic Lagrangian the activation is the state, g = x; without leak only the synapse acts. The samples
# of a batch do not see one another: here 12 starts of a network that has a single neuron.
network = Network({"x": Population(Quadratic(), 1, leak=0.0)}, [DoubleWell()])
x0 = np.linspace(-1.4, 1.4, 12)

# Euler with a short and with a long step. Relaxation with the same long step: no theorem covers a synapse of which
# it knows nothing, so the energy guard halves every move that would raise the energy; the energy falls, but long
# steps stay inaccurate, and `simulate` warns of them. SciPy controls the error, and knows nothing of energies.
methods = {"Euler(0.1)": Euler(0.1), "Euler(1.2)": Euler(1.2), "Relaxation(1.2)": Relaxation(1.2), "Scipy()": Scipy()}
figure = new_figure((11, 3))
for (name, method), ax in zip(methods.items(), figure.subplots(1, len(methods), sharey=True), strict=True):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = simulate(network, {"x": x0[:, None]}, t1=6, integrator=method)
    for warning in said:
        print(f"simulate warns: {str(warning.message)[:68]}")
    x, t = run.states["x"][..., 0], run.times.reshape(len(run.times), -1)  # (times, samples); t may be (times, 1)
    exact = x0 * np.exp(t) / np.sqrt(1 + x0**2 * (np.exp(2 * t) - 1))
    falls = "falls" if check_lyapunov(None, run).holds else "rises"
    error = np.abs(x - exact).max()
    print(f"{name:16} energy {falls}, error {error:.1e}, {run.statistics['evaluations']} evaluations")
    fine = np.linspace(0, 6, 200)[:, None]
    open_axes(ax).plot(fine, x0 * np.exp(fine) / np.sqrt(1 + x0**2 * (np.exp(2 * fine) - 1)), color="0.67", linewidth=1)
    ax.plot(np.broadcast_to(t, x.shape), x, ".-", color="#0072B2", markersize=4, linewidth=0.4)
    ax.set_title(f"{name}: energy {falls},\nerror {error:.1g}", fontsize="medium")
    ax.set_xlabel("time")
figure.axes[0].set_ylabel("x (grey: exact)")
figure.savefig(options.out, dpi=150)
print(f"The picture is {options.out}.")
