"""An analysis of your own: a function of a model, a `Network` or anything with a network. Copy, fill in.

How fast a state falls, |x'| along the way between two activations. `field` gives the flow of a model as a vector field
in one vector: x' and its Jacobian, the residual tau x', E and its Hessian, in the model's adiabatic limit. States enter
by `start`, whatever the activation is.
"""

from dataclasses import dataclass

import numpy as np

from hopfield.analysis import Result, field
from hopfield.models import ModernHopfield


@dataclass(frozen=True, eq=False, repr=False)
class Speeds(Result):
    """|x'| (K,) and the energy (K,) at K equally spaced activations between two.

    A result is a frozen dataclass of arrays on the host. `Result` gives it `records`, `to_dataframe`, `to_json`, `save`
    and `load`; `row_fields` are the arrays with an entry for each row.
    """

    row_fields = ("speed", "energy")

    speed: np.ndarray
    energy: np.ndarray

    @property
    def barrier(self):
        """How far the energy rises above both ends."""
        return float(self.energy.max() - max(self.energy[0], self.energy[-1]))


def speeds(memory, begin, end, count=101):
    """The speed of the flow at `count` activations from `begin` (I,) to `end` (I,)."""
    flow = field(memory)
    part = np.linspace(0.0, 1.0, count)[:, None]
    x = flow.start(flow.asarray((1 - part) * np.asarray(begin) + part * np.asarray(end)))
    return Speeds(np.linalg.norm(flow.velocity(x), axis=-1), np.asarray(flow.energy(x)))


if __name__ == "__main__":
    patterns = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    found = speeds(ModernHopfield(patterns, beta=8.0), patterns[0], patterns[1])
    slowest = 1 + int(found.speed[1:-1].argmin())
    print(f"the energy rises by {found.barrier:.3f}; the flow is slowest at {slowest}% of the way, where it is highest")
