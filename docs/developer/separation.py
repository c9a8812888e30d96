"""A separation, or an activation, of your own: a Lagrangian whose gradient it is. Copy, fill in, register.

    L(x) = sum_i [x_i/2 + (x_i arctan(x_i) - log(1 + x_i^2)/2)/pi],    f = dL/dx = 1/2 + arctan(x)/pi

`value` is all that it must say; `activation` and `curvature` are derived on JAX and PyTorch, and must be given for
NumPy. A model's beta needs nothing: f(beta x) belongs to L(beta x)/beta. Facts are class attributes; what they mean is
in the docstring of `hopfield.dynamics.Lagrangian`.
"""

import numpy as np
from array_api_compat import array_namespace

from hopfield.dynamics import Lagrangian, simulate, structure
from hopfield.models import UniversalHopfield, separations


@structure
class Cauchy(Lagrangian):
    """A sigmoid with heavy tails, from 0 to 1."""

    convex = True  # so that the energy falls
    elementwise = True  # f_i depends on x_i alone
    nonnegative = True
    bounded = True

    def value(self, x):
        """L(x), shape (..., n) to (...)."""
        xp = array_namespace(x)  # NumPy's, JAX's or PyTorch's functions by the names of the array API standard
        return (x / 2 + (x * xp.atan(x) - xp.log1p(x * x) / 2) / np.pi).sum(-1)

    def activation(self, x):
        """f = dL/dx."""
        return array_namespace(x).atan(x) / np.pi + 0.5

    def curvature(self, x, u):
        """L''(x) u."""
        return u / (1 + x * x) / np.pi


separations.register("cauchy", Cauchy)

if __name__ == "__main__":
    patterns = np.array([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]])
    memory = UniversalHopfield(patterns, "dot", "cauchy", beta=4.0)
    run = simulate(memory, np.array([0.5, 0.4, -0.6, -0.1]), t1=10.0)
    print(memory)
    print(f"the energy falls from {run.energy[0]:.3f} to {run.energy[-1]:.3f}")
