"""A model of your own: the fields that build it, a network, and how a query enters. Copy, fill in.

    tau x' = -x + (M^+ M) tanh(beta x)

Neurons of which each stored pattern, through the projection on the span of them all, keeps itself up. A `Model` says
`network`, `start`, `check_query`, `recall` and `retrieve`; it has `energy(query)`, `nearest`, `replace`, `to`, `save`
and `load` from there, and the analysis takes it as it takes the models that are here. ``Graded.load(path)`` reads what
its `save` wrote.
"""

import tempfile
from pathlib import Path

import numpy as np
from array_api_compat import array_namespace

from hopfield.analysis import find_fixed_points
from hopfield.dynamics import LogCosh, Network, Population, Recurrent, simulate, structure
from hopfield.models import Model, Retrieval


@structure
class Graded(Model):
    """Tanh neurons with the couplings W = M^+ M of the patterns M."""

    memories: object  # what is stored, one pattern in a row: what `patterns` gives
    beta: float = 4.0

    @property
    def network(self):
        """One population, joined to itself."""
        xp = array_namespace(self.memories)
        couplings = xp.linalg.pinv(self.memories) @ self.memories
        neurons = Population(LogCosh(self.beta), self.memories.shape[1])
        return Network({"value": neurons}, [Recurrent(("value",), couplings, True)])

    def check_query(self, query):
        """A cue (..., I) of activations between -1 and 1."""
        xp, width = array_namespace(self.memories), self.memories.shape[1]
        query = xp.asarray(query, dtype=self.memories.dtype)
        if query.ndim == 0 or query.shape[-1] != width:
            raise ValueError(f"query has shape {tuple(query.shape)} but must be (..., {width}).")
        return query

    def start(self, query, memory_state=None):
        """The states whose activation the cue is."""
        query = array_namespace(self.memories).clip(self.check_query(query), -0.99, 0.99)
        return {"value": self.network.populations["value"].lagrangian.dual(query)}

    def recall(self, query):
        """One pass."""
        network, states = self.network, self.start(query)
        return network.activations({"value": states["value"] + network.velocity(states)["value"]})["value"]

    def retrieve(self, query, max_steps=100):
        """The flow, for so many time constants, until it is at rest."""
        run = simulate(self, query, t1=float(max_steps), stop="steady", save_at=[0.0])
        state = self.network.activations(run.final)["value"]
        return Retrieval(
            state=state,
            steps=run.steps,
            converged=run.converged,
            residual=run.residual,
            energy=self.network.energy(run.final),
            pattern=self.nearest(state),
            verdict=np.where(run.converged, "fixed point", "not settled"),
        )


if __name__ == "__main__":
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], (3, 12))
    memory = Graded(patterns)
    cue = patterns * np.where(np.arange(12) == 2, -1.0, 1.0)
    found = memory.retrieve(cue)
    print(memory)
    print(f"the energy falls from {memory.energy(cue).round(2)} to {found.energy.round(2)}, rows {found.pattern}")
    census = find_fixed_points(memory.replace(beta=2.0), batches=1, seed=0)
    print(f"{int((census.index == 0).sum())} stable fixed points at beta = 2")
    with tempfile.TemporaryDirectory() as folder:
        print(f"from a file: beta = {Graded.load(memory.save(Path(folder) / 'graded')).beta:g}")
