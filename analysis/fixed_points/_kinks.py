r"""Fixed points where forces jump: Manhattan's kinks, and the separations max, top-k and threshold.

There is no Jacobian. A state is at rest where 0 lies in the set of forces: for Manhattan where, in every coordinate,
the forces of the patterns elsewhere are no stronger than the weight W of those that equal the state,
\|A\| <= W. With leak 0 and no input a memory whose own weight exceeds 1/2 is such a point, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...dynamics import backend
from ...dynamics.integrators import Relaxation
from ...dynamics.simulation import simulate
from ..flow import Field


@dataclass(frozen=True)
class Resting:
    """Where updates came to rest: states (B, D), and whether they are fixed points."""

    flow: Field
    x: np.ndarray
    converged: np.ndarray

    def attracts(self, x: np.ndarray) -> np.ndarray:
        """Whether points (K, D) attract; see `attracting`."""
        return attracting(self.flow, x)


def find_at_jumps(flow: Field, x: np.ndarray, tol: float, updates: int = 40) -> Resting:
    r"""Update states (dt = inf, or `Field.pace` where that has no limit) until they rest."""
    states = flow.network.check_states(flow.states(flow.asarray(x)))
    limits = all(p.leak > 0 for p in flow.network.populations.values()) or _manhattan(flow) is not None
    step = 1.0 if limits else flow.pace
    method = Relaxation(dt=float("inf") if limits else step)
    end = updates * step
    run = simulate(flow.network, states, t1=end, integrator=method, save_at=[end], throw=False)
    there = backend.to_numpy(flow.flatten(run.final))
    whole = np.asarray(np.isfinite(there).all(axis=-1))
    there = np.where(whole[:, None], there, x)
    size = np.linalg.norm(backend.to_numpy(flow.residual(flow.asarray(there))), axis=-1)
    return Resting(flow, there, whole & (size <= tol))


def attracting(flow: Field, x: np.ndarray) -> np.ndarray:
    r"""Whether states at rest (K, D) attract what is near, where forces jump.

    For Manhattan: \|A\| < W in every coordinate, strictly, so that every small deviation is driven back. Elsewhere:
    the weights f are the same at 32 states around (a millionth of the scale away), so that near the point the flow is
    that of fixed weights, whose energy is convex for dot and, with f >= 0, for euclidean.
    """
    similarity = _manhattan(flow)
    if similarity is not None:
        (p,) = flow.network.populations.values()
        synapse = next(iter(flow.network.synapses.values()))
        place = flow.asarray(x)
        g = p.lagrangian.activation(place)
        f = synapse.weights(g)
        held = backend.to_numpy(similarity.kink(g, f))
        pull = backend.to_numpy(similarity.pullback(g, f)) - p.leak * x
        if p.bias is not None:
            pull = pull + backend.to_numpy(flow.asarray(p.bias))
        slack = 8 * backend.epsilon(flow.like) * (held.max(initial=0.0) + np.abs(pull))
        return np.asarray((np.abs(pull) < held - slack).all(axis=-1))
    rng = np.random.default_rng(0)
    around = 1e-6 if backend.epsilon(flow.like) < 1e-10 else 1e-3
    answer = np.zeros(len(x), bool)
    synapse = next((s for s in flow.network.synapses.values() if s.adiabatic), None)
    if synapse is None:
        return answer
    for at, point in enumerate(x):
        moves = rng.standard_normal((32, len(point))).astype(point.dtype)
        near = np.concatenate(
            [point[None], point + around * flow.scale * moves / np.linalg.norm(moves, axis=1)[:, None]]
        )
        g = flow.network.activations(flow.states(flow.asarray(near)))
        f = backend.to_numpy(synapse.weights(*(g[name] for name in synapse.between)))
        answer[at] = bool((f == f[0]).all())
    return answer


def _manhattan(flow: Field):
    synapses = list(flow.network.synapses.values())
    if len(synapses) != 1 or not synapses[0].adiabatic or len(synapses[0].between) != 1:
        return None
    similarity = synapses[0].similarities[0]
    return similarity if similarity.metric == "blocks" else None
