"""
A network of your own
=====================

The memories of the catalogue are networks with two populations. This tutorial builds networks from their parts:
populations of neurons, and synapses between them. Whatever you build from them has an energy, and simulations, checks
and searches for fixed points work on it as they do on a memory.
"""

# %%
# Populations and synapses
# ------------------------
# A *population* is a group of neurons of one kind. Its *Lagrangian* is a convex function of the state; the gradient of
# the Lagrangian is what the neurons send out, their *activation*. ``Quadratic()`` gives g = x (linear neurons),
# ``LogCosh()`` gives g = tanh(x), and ``LogSumExp()`` the softmax.
#
# A *synapse* is an interaction energy of the activations. ``Bilinear(("a", "b"), W)`` has the energy -g_a . W g_b, so
# that each population drives the other through W, in both directions with the same weights.

import numpy as np

from hopfield import Network, Population, check_lyapunov, find_fixed_points, simulate
from hopfield.analysis import new_figure, open_axes
from hopfield.dynamics import Bilinear, LogCosh, LogSumExp, Quadratic, Synapse

rng = np.random.default_rng(0)
network = Network(
    {
        "eye": Population(Quadratic(), 30),
        "feature": Population(LogCosh(beta=2.0), 12, tau=0.3),
        "word": Population(LogSumExp(beta=3.0), 4, tau=0.1),
    },
    [
        Bilinear(("eye", "feature"), rng.normal(size=(30, 12)) / np.sqrt(30)),
        Bilinear(("feature", "word"), rng.normal(size=(12, 4))),
    ],
)
network

# %%
# Start it anywhere. A state is a dictionary with one array for each population; leading axes are samples.

start = {
    "eye": rng.normal(size=(6, 30)),
    "feature": 0.1 * rng.normal(size=(6, 12)),
    "word": np.zeros((6, 4)),
}
run = simulate(network, start, t1=15, save="all", save_at=np.linspace(0, 15, 151))
print(run)
print(check_lyapunov(network, run))
assert check_lyapunov(network, run).holds

figure = new_figure((8, 3))
left, right = (open_axes(ax) for ax in figure.subplots(1, 2))
left.plot(run.times, run.energy)
left.set(xlabel="time", ylabel="energy", title="Six starts")
right.plot(run.times, run.activations["word"][:, 0], label=[f"word {i}" for i in range(4)])
right.set(xlabel="time", ylabel="activation", title="Words, first start", xlim=(0, 2))
right.legend(frameon=False)

# %%
# Hold a population
# -----------------
# A *clamped* population keeps its state while the others move. The energy of the rest falls all the same.

held = simulate(network, start, t1=15, clamp={"eye": True}, save="all")
print("largest change of the eye:", np.abs(held.states["eye"][-1] - start["eye"]).max())
assert check_lyapunov(network, held).holds

# %%
# A synapse of your own
# ---------------------
# A synapse needs its energy, and its forces -dE/dg, one for each population that it joins. Here every neuron feels a
# double well with the energy (g^2 - 1)^2/4, so that it falls to -1 or 1.
#
# On JAX and PyTorch the forces can be left out: they are derived from the energy. When forces are given they are
# compared once with the energy, and a wrong sign is an error, not a strange trajectory.


class DoubleWell(Synapse):
    """Each neuron has two valleys, at -1 and at 1."""

    between = ("x",)

    def energy(self, g):
        """The energy of a state (..., I)."""
        return ((g**2 - 1) ** 2).sum(axis=-1) / 4

    def forces(self, g):
        """Minus its gradient."""
        return (g - g**3,)


well = Network({"x": Population(Quadratic(), 1, leak=0.0)}, [DoubleWell()])
x0 = np.linspace(-1.4, 1.4, 12)
run = simulate(well, {"x": x0[:, None]}, t1=6, save_at=np.linspace(0, 6, 61))

# %%
# The equation x' = x - x^3 has an exact solution, so the simulation can be checked.

t = run.times[:, None]
exact = x0 * np.exp(t) / np.sqrt(1 + x0**2 * (np.exp(2 * t) - 1))
error = np.abs(run.states["x"][..., 0] - exact).max()
print(f"{run.result}: largest error {error:.1e}")
assert error < 1e-2

figure = new_figure((6, 3.2))
ax = open_axes(figure.subplots())
ax.plot(run.times, exact, color="0.75", lw=5)
ax.plot(run.times, run.states["x"][..., 0], color="#0072B2")
ax.set(xlabel="time", ylabel="x (grey: exact)")

# %%
# Two neurons have four valleys, four passes between them and one top. The search for fixed points works on your network
# as it does on ours.

pair = Network({"x": Population(Quadratic(), 2, leak=0.0)}, [DoubleWell()])
points = find_fixed_points(pair, seed=0)
print(points.state.round(3) + 0.0)
print("index of each:", points.index, "| Morse sum:", points.morse_sum)
assert sorted(points.index) == [0, 0, 0, 0, 1, 1, 1, 1, 2]

# %%
# :doc:`/developer/index` has a file to copy for each kind of part: a similarity, a separation, a synapse, an
# integrator, a model, an analysis.
