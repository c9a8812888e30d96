"""Retrieval: the dynamics at dt = inf, iterated until an update moves the state no more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.contracts import Similarity
from ..dynamics.integrators import Relaxation
from ..dynamics.network import Network
from ..dynamics.simulate import simulate
from ..dynamics.stopping import largest_move, settled, tolerance
from ..dynamics.validation import positive
from .checks import whole
from .copies import lowest

if TYPE_CHECKING:
    from .memory import AssociativeMemory


class Retrieval(NamedTuple):
    """What iterated updates lead to; every field has the batch axes of the query.

    Attributes
    ----------
    state : array (..., I)
        The value neurons' activation after the last update.
    steps : int array (...)
        Updates that were applied.
    converged : bool array (...)
        Whether one more update would move the state by no more than the tolerance.
    residual : array (...)
        rms of the move that one more update would make, over 1 + rms of the state.
    energy : array (...)
        The energy of the state, with the memory neurons in equilibrium.
    pattern : int array (...)
        The row of the stored pattern nearest to the state (2-norm).
    output : array (..., O) or None
        The output neurons' activation of a heteroassociative memory.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> answer = ModernHopfield(np.eye(3), beta=8.0).retrieve(np.array([0.1, 0.9, 0.2]))
    >>> answer.pattern, bool(answer.converged)
    (array(1), True)
    """

    state: Array
    steps: np.ndarray
    converged: np.ndarray
    residual: np.ndarray
    energy: Array
    pattern: np.ndarray
    output: Array | None = None


def retrieve(memory: AssociativeMemory, query: Array, max_steps: int, tol: float | None) -> Retrieval:
    """Iterate the updates of a memory with tau_memory = 0 from a checked query."""
    whole("max_steps", max_steps, 1)
    bound = bound_of(tol, query)
    if 0 in query.shape:
        return nothing(query, None if memory.projection is None else memory.projection.shape[1])
    return settle(memory, query, _update(memory), max_steps, bound, {})


def settle(
    memory: AssociativeMemory, start: Any, method: Relaxation, max_steps: int, bound: float, held: dict[str, Array]
) -> Retrieval:
    """At most `max_steps` steps from a query or from states, with the neurons in the masks `held` clamped.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(2), beta=9.0, tau_memory=0.0)
    >>> settle(memory, np.array([0.9, 0.2]), Relaxation(dt=float("inf")), 9, 1e-6, {}).state.round(3)
    array([1., 0.])
    """
    span = 1.0 if math.isinf(method.dt) else method.dt
    run = simulate(
        memory,
        start,
        t1=max_steps * span,
        integrator=method,
        save_at=[max_steps * span],
        stop=settled(bound),
        clamp=held or None,
        throw=False,
    )
    state = run.activations["value"][-1]
    residual = backend.to_numpy(backend.compiled(next_move, state)(method, memory.network, run.final, held))
    return Retrieval(
        state=state,
        steps=run.steps,
        converged=residual <= bound,
        residual=residual,
        energy=run.energy[-1],
        pattern=nearest(memory, state),
        output=run.activations["output"][-1] if "output" in run.states else None,
    )


def next_move(method: Relaxation, network: Network, states: dict[str, Array], held: dict[str, Array]) -> Array:
    """How far the next step would go: the largest `largest_move` of a population, shape (...).

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> network = ModernHopfield(np.eye(2), tau_memory=0.0).network
    >>> float(next_move(Relaxation(dt=float("inf")), network, {"value": np.full(2, 0.5)}, {}))
    0.0
    """
    dt = None if math.isinf(method.dt) else backend.full((), method.dt, next(iter(states.values())))
    step = method.step(network, states, network.evaluate(states), dt, None, held)
    return largest_move(network, states, step.states)


def bound_of(tol: Any, like: Array) -> float:
    """The tolerance that was given, a number >= 0, or the usual one of a dtype.

    >>> bound_of(None, np.ones(1)), bound_of(0, np.ones(1))
    (1e-06, 0.0)
    """
    return tolerance(like) if tol is None else float(positive("tol", tol, zero=True))


def nothing(query: Array, outputs: int | None) -> Retrieval:
    """What an empty batch of queries (..., 0, I) is answered: arrays without entries, of the right shapes.

    >>> nothing(np.ones((2, 0, 3)), None).energy.shape
    (2, 0)
    """
    shape, energy = tuple(query.shape[:-1]), backend.namespace(query).sum(query, axis=-1)
    return Retrieval(
        state=query,
        steps=np.zeros(shape, dtype=int),
        converged=np.ones(shape, dtype=bool),
        residual=backend.to_numpy(energy),
        energy=energy,
        pattern=np.zeros(shape, dtype=int),
        output=None if outputs is None else backend.full((*shape, outputs), 0.0, query),
    )


def nearest(memory: Any, state: Array) -> np.ndarray:
    """The row of the pattern nearest to an activation, of a model's or of patterns (N, I).

    It is nearest in 2-norm, or in angle for a model with the cosine; of copies the lowest row.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> nearest(ModernHopfield(np.eye(3)), np.array([0.1, 0.9, 0.3]))
    array(1)
    """
    from .similarity import Cosine, Euclidean

    similarity = getattr(getattr(memory, "rule", None), "similarity", None)
    kind = Cosine() if getattr(similarity, "name", "") == "cosine" else Euclidean()
    patterns = kind.prepare(getattr(memory, "memories", memory))
    scores = kind.scores(patterns, state)
    return lowest(scores, kind.magnitude(patterns, state, scores))


def _update(memory: AssociativeMemory) -> Relaxation:
    """Steps to the limit, or of one tau_value where there is no limit."""
    kind = memory.rule.similarity
    closed = memory.rule.leak > 0 or type(kind).response is not Similarity.response
    return Relaxation(dt=float("inf")) if closed else Relaxation(dt=float(backend.to_numpy(memory.tau_value)))
