"""A similarity of your own: copy, fill in, register.

    s_i(g) = -sum_k |M_ik - g_k|^p,    p >= 2

A similarity is a structure that holds its patterns; `scores` and `pullback` are all that it must say, and on JAX and
PyTorch `pullback` is derived from `scores` where it is left out. Facts are class attributes; what they mean is in the
docstring of `hopfield.dynamics.Similarity`.
"""

import numpy as np

from hopfield.dynamics import Similarity, static, structure
from hopfield.models import UniversalHopfield, similarities


@structure
class Minkowski(Similarity):
    """The negated p-th power of the distance in p-norm."""

    power: float = static(default=3.0)  # a parameter; arrays are fields too, and travel with `.to` and `save`
    name = "minkowski"  # for messages
    leak = 0.0  # of the value neurons: memories are fixed points then
    distance = True  # scores are at most 0, and repel where weights are negative

    def scores(self, g):
        """The scores (..., N) of activations g (..., I)."""
        return -(abs(self.patterns - g[..., None, :]) ** self.power).sum(-1)

    def pullback(self, g, f):
        """sum_i f_i ds_i/dg, shape (..., I)."""
        gaps = self.patterns - g[..., None, :]
        return self.power * (f[..., None] * abs(gaps) ** (self.power - 2) * gaps).sum(-2)


similarities.register("minkowski", Minkowski, power=float)  # now it has a name, for models, files and commands

if __name__ == "__main__":
    patterns = np.array([[0.0, 0.2, 1.0], [1.0, 0.9, 0.1]])
    memory = UniversalHopfield(patterns, "minkowski(3)", beta=30.0)
    answer = memory.retrieve(np.array([0.1, 0.4, 0.9]), max_steps=30)
    print(memory)
    print(f"retrieved {answer.state.round(3)}, the pattern in row {answer.pattern}")
