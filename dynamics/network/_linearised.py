r"""The local flow linearised at one state: what the velocities of populations change by when states move.

With B_ts, how the forces on a population t change with the activation of s, and L_s'' at the state,

    tau_t dx_t' = sum_s B_ts L_s'' u_s - l_t u_t,

and where l_t = 0 the projection P_t of the velocity (`Lagrangian.tangent`) stands before the sum and adds its own
change along u_t (`Lagrangian.tangent_change`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from .. import backend
from ..backend import Array, copied
from ._flow import Cell, Flow, Point, States


class Linearised:
    r"""What the synapses of a network add to its velocities, to first order around one state.

    Parameters
    ----------
    flow : Flow
        Of a network with ``flow="local"``; the velocity of neurons that are held does not change.
    point : Point
        Where.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> flow = ModernHopfield(np.eye(2), beta=1.0, tau_memory=0.5).network.bound()
    >>> here = flow.at({"value": np.zeros(2), "memory": np.zeros(2)})
    >>> Linearised(flow, here).changes(["memory"], {"value": np.array([1.0, 2.0])})
    {'memory': array([2., 4.])}
    """

    def __init__(self, flow: Flow, point: Point) -> None:
        self.flow, self.point = flow, point
        states, g = point.states, point.activations
        self._bends = {c.name: None if c.identity else c.linearised(states[c.name], g[c.name]) for c in flow.cells}
        ends = {w.key: (w.joined(g), {} if (s := point.signals[w.key]) is None else {"signal": s}) for w in flow.wires}
        self._links = {
            target: (cell, [(source, block, *ends[key]) for source, key, block in links])
            for target, (cell, links) in flow.once(_links).items()
        }
        self._turning = flow.once(_turning)
        self._forces = flow.forces(point) if self._turning else {}

    def changes(self, targets: Iterable[str], directions: States) -> dict[str, Array]:
        """The change of the velocity of each target along `directions` (by population), without the leak's."""
        moved = {n: u if (bend := self._bends[n]) is None else bend(u) for n, u in directions.items()}
        states, clamp, answer = self.point.states, self.flow.clamp, {}
        for target in targets:
            (cell, links), total = self._links[target], None
            for source, block, g, shared in links:
                if source in moved and (change := block(moved[source], *g, **shared)) is not None:
                    total = change if total is None else total + change
            if total is None:
                total = backend.namespace(states[target]).zeros_like(states[target])
            elif cell.leak == 0:
                total = cell.population.lagrangian.tangent(states[target], total)
            if target in self._turning and target in directions:
                force, turned = self._forces[target], cell.population.lagrangian.tangent_change
                total = total + turned(states[target], force, directions[target])
            total = total if cell.tau is None else total / cell.tau
            answer[target] = backend.namespace(total).where(clamp[target], 0.0, total) if target in clamp else total
        return answer

    def widened(self) -> Linearised:
        """The same with one more axis before the last, beside which the columns of a matrix find room."""
        flow = self.flow.bound(_wide(self.flow.clamp))
        driven = {n: p for n, p in flow.populations.items() if getattr(p.bias, "ndim", 0) > 1}  # a current by sample
        if driven and self._turning:
            wider = {n: copied(p, bias=p.bias[..., None, :]) for n, p in driven.items()}
            network = copied(flow.network, populations={**flow.populations, **wider})
            flow = Flow(network, flow.clamp)
        return Linearised(flow, Point(*map(_wide, self.point)))


def has_products(flow: Flow, states: States) -> bool:
    """Whether every part of the flow gives its derivatives, by hand or (on JAX and PyTorch) by its library.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> has_products(ModernHopfield(np.eye(2), tau_memory=0.0).network.bound(), {"value": np.ones(2)})
    True
    """
    if flow.network.flow != "local" or flow.network.kinks:
        return False
    first = {n: backend.namespace(x).reshape(x, (-1, x.shape[-1]))[:1] for n, x in states.items()}
    try:
        linear = Linearised(flow.bound({}), flow.at(first))
        linear.changes(flow.populations, {n: backend.namespace(x).zeros_like(x) for n, x in first.items()})
    except TypeError:  # NumPy has no autodiff
        return False
    return True


def _wide(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: backend.map_leaves(lambda x: x[..., None, :], part) for name, part in parts.items()}


def _links(flow: Flow) -> dict[str, tuple[Cell, list[tuple[str, str, Callable[..., Array | None]]]]]:
    """Each population with those that reach it: by which synapse, and how the force from there changes."""
    found: dict[str, tuple[Cell, list[Any]]] = {c.name: (c, []) for c in flow.cells}
    for wire in flow.wires:
        for k, target in enumerate(wire.between):
            for m, source in enumerate(wire.between):
                if k != m or wire.synapse.couples(k):
                    found[target][1].append((source, wire.key, partial(wire.block, k, m)))
    return found


def _turning(flow: Flow) -> frozenset[str]:
    """Populations without leak whose velocity is projected along directions that turn with the state."""
    return frozenset(n for n, p in flow.populations.items() if p.leak == 0 and p.lagrangian.turns)
