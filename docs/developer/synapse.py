"""A synapse of your own: an interaction energy of the activations of the populations that it joins.

    E(g) = k |g - a|^2/2,    force = k (a - g)

`between` and `energy` are all that it must say; `forces` is derived on JAX and PyTorch, and must be given for NumPy.
When a network is first run, the forces are compared with differences of the energy. There is nothing to register: a
network is given its synapses.
"""

import numpy as np

from hopfield.dynamics import Network, Population, Quadratic, Synapse, simulate, structure


@structure
class Tether(Synapse):
    """A spring from a population to a place."""

    place: object
    strength: float = 1.0
    between = ("x",)  # the names of the populations, in the order of the arguments below

    def energy(self, g):
        """E, shape (..., n) to (...)."""
        return self.strength * ((g - self.place) ** 2).sum(-1) / 2

    def forces(self, g):
        """-dE/dg, one for each population."""
        return (self.strength * (self.place - g),)


if __name__ == "__main__":
    network = Network({"x": Population(Quadratic(), 2)}, [Tether(np.array([1.0, -2.0]), 3.0)])
    run = simulate(network, {"x": np.array([0.5, 0.5])}, t1=20.0)
    print(f"at rest at {run.final['x'].round(3)}: 3 (a - x) = x")
