r"""The local flow linearised at one state: what the velocities of populations change by when states move.

With B_ts, how the forces on a population t change with the activation of s, and L_s'' at the state,

    tau_t dx_t' = sum_s B_ts L_s'' u_s - l_t u_t,

and where l_t = 0 the projection P_t of the velocity (`Lagrangian.tangent`) stands before the sum and adds its own
change along u_t (`Lagrangian.tangent_change`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import backend
from .backend import Array
from .network import Evaluation, Network, States


class Linearised:
    r"""What the synapses of a network add to its velocities, to first order around one state.

    Parameters
    ----------
    network : Network
        With ``flow="local"``.
    states, evaluation : dict of arrays (..., n), Evaluation
        The state, and the network's evaluation there.
    clamp : dict of masks (..., n), optional
        Neurons that are held: their velocity does not change.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> network = ModernHopfield(np.eye(2), beta=1.0, tau_memory=0.5).network
    >>> x = {"value": np.zeros(2), "memory": np.zeros(2)}
    >>> Linearised(network, x, network.evaluate(x)).changes(["memory"], {"value": np.array([1.0, 2.0])})
    {'memory': array([2., 4.])}
    """

    def __init__(
        self,
        network: Network,
        states: States,
        evaluation: Evaluation,
        clamp: Mapping[str, Array] | None = None,
    ) -> None:
        self.network, self.states, self.evaluation, self.clamp = network, states, evaluation, clamp or {}
        g = evaluation.activations
        self._bends = {n: p.lagrangian.linearised(states[n], g[n]) for n, p in network.populations.items()}
        self._links = _links(network, evaluation)
        turning = [n for n, p in network.populations.items() if p.leak == 0 and p.lagrangian.turns]
        self._forces = network.forces(states, evaluation) if turning else {}
        self._turning = frozenset(turning)

    def changes(self, targets: Iterable[str], directions: States) -> dict[str, Array]:
        """The change of the velocity of each target along `directions` (by population), without the leak's."""
        moved = {name: self._bends[name](u) for name, u in directions.items()}
        xp = backend.namespace(*self.states.values())
        answer = {}
        for target in targets:
            p, total = self.network.populations[target], None
            for source, synapse, ends, joined, shared in self._links[target]:
                if source in moved:
                    change = synapse.block(*ends, moved[source], *joined, **shared)
                    if change is not None:
                        total = change if total is None else total + change
            if total is None:
                total = xp.zeros_like(self.states[target])
            elif p.leak == 0:
                total = p.lagrangian.tangent(self.states[target], total)
            if target in self._turning and target in directions:
                force = self._forces[target]
                total = total + p.lagrangian.tangent_change(self.states[target], force, directions[target])
            total = total / p.tau
            answer[target] = xp.where(self.clamp[target], 0.0, total) if target in self.clamp else total
        return answer

    def widened(self) -> Linearised:
        """The same with one more axis before the last, beside which the columns of a matrix find room."""
        g, signals = self.evaluation
        return Linearised(self.network, _wide(self.states), Evaluation(_wide(g), _wide(signals)), _wide(self.clamp))


def has_products(network: Network, states: States) -> bool:
    """Whether every part of the network gives its derivatives, by hand or (on JAX and PyTorch) by its library.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> has_products(ModernHopfield(np.eye(2), tau_memory=0.0).network, {"value": np.ones(2)})
    True
    """
    if network.flow != "local" or network.kinks:
        return False
    first = {n: backend.namespace(x).reshape(x, (-1, x.shape[-1]))[:1] for n, x in states.items()}
    try:
        linear = Linearised(network, first, network.evaluate(first))
        linear.changes(network.populations, {n: backend.namespace(x).zeros_like(x) for n, x in first.items()})
    except TypeError:  # NumPy has no autodiff
        return False
    return True


def _wide(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: backend.map_leaves(lambda x: x[..., None, :], part) for name, part in parts.items()}


def _links(network: Network, evaluation: Evaluation) -> dict[str, list[tuple[Any, ...]]]:
    """For each population the ends of synapses through which others (or itself) reach it."""
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in network.populations}
    for key, synapse in network.synapses.items():
        joined, shared = network.joined(synapse, evaluation.activations), network.shared(key, evaluation)
        for k, target in enumerate(synapse.between):
            for m, source in enumerate(synapse.between):
                if k != m or synapse.couples(k):
                    found[target].append((source, synapse, (k, m), joined, shared))
    return found
