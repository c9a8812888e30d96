"""Retrieval: the dynamics at dt = inf, iterated until an update moves the state no more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import floating, matrix, positive, whole
from ...dynamics.integrators import Relaxation
from ...dynamics.network import Flow, Network, Point, Scales, check_parts, scales, tolerance
from ...dynamics.simulation import Plan, Record, Run, filled, flat, largest_move, settled, shaped
from .._lowest import lowest
from .._model import as_model, is_model
from .._resting import leaves_toward, weighed
from ..measures import Euclidean
from ._blocks import left, nearest_in_blocks


class Retrieval(NamedTuple):
    """What iterated updates lead to; every field has the batch axes of the query.

    Attributes
    ----------
    state : array (..., I)
        The value neurons' activation after the last update.
    steps : int array (...)
        Updates that were applied.
    converged : bool array (...)
        Whether one more update would move the state by no more than the tolerance, and a small push decays.
    residual : array (...)
        rms of the move that one more update would make, over the rms of the patterns plus that of the state.
    energy : array (...)
        The energy of the state, with the memory neurons in equilibrium.
    pattern : int array (...)
        The row of the stored pattern nearest to the state (2-norm).
    output : array (..., O) or None
        The output neurons' activation of a heteroassociative memory.
    verdict : str array (...)
        ``"fixed point"``, ``"not settled"`` (more updates are needed), or ``"unstable point"``: updates rest at a
        saddle, and a push of any size would grow there. The cue lies on the boundary between two basins, up to the
        tolerance; a smaller one lets the updates go on to the side that it lies on.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> answer = ModernHopfield(np.eye(3), beta=8.0).retrieve(np.array([0.1, 0.9, 0.2]))
    >>> answer.pattern, bool(answer.converged), str(answer.verdict)
    (array(1), True, 'fixed point')
    """

    state: Array
    steps: np.ndarray
    converged: np.ndarray
    residual: np.ndarray
    energy: Array
    pattern: np.ndarray
    output: Array | None = None
    verdict: np.ndarray = np.array("")


def retrieve(memory: Any, query: Array, max_steps: int, tol: float | None) -> Retrieval:
    """Iterate the updates of a memory with tau_memory = 0 from a checked query."""
    whole("max_steps", max_steps, 1)
    bound = bound_of(tol, query)
    if 0 in query.shape:
        return nothing(query, None if memory.projection is None else memory.projection.shape[1])
    return settle(memory, query, _update(memory), max_steps, bound, None)


def settle(
    memory: Any,
    start: Any,
    method: Relaxation,
    max_steps: int,
    bound: float,
    held: dict[str, Array] | None,
) -> Retrieval:
    """At most `max_steps` steps from a query or from states, with the neurons in the masks `held` clamped.

    A sample stops when a step moved it by no more than `bound`, and goes on where the next one would move it by more,
    as steps away from a saddle do.
    """
    given = dict(start) if isinstance(start, Mapping) else memory.start(start)
    refuse_endless(memory, method, memory.network.bound(held), given)
    summed = memory.summed_for(next(iter(given.values())))
    found = updated(memory.network if summed is None else summed, given, method, max_steps, bound, held)
    g, rests = found.activations["value"], found.residual <= bound
    if summed is not None:
        with backend.quiet(g):
            unstable, near = left(memory, method, found, rests), nearest_in_blocks(memory.places, g)
        return found.retrieval(rests, unstable, g, near, None)
    with backend.quiet(g):
        scores, places = memory.scores_at(found.point), memory.places
        weigh = backend.compiled(weighed, g)
        weights, others, *near = weigh(_nearness(memory), memory.sim, memory.rule.separation, places, g, scores)
        unstable = leaves_toward(
            memory.sim, method, found.flow, found.point, found.after, rests, weights, backend.to_numpy(others)
        )
    return found.retrieval(rests, unstable, g, lowest(*near), found.activations.get("output"))


class Updated(NamedTuple):
    """Where updates led a batch (B, n), and what the next one would move it by; `batch` are the query's axes.

    On JAX there is `room` in the batch: rows behind the query's are copies of the first.
    """

    flow: Flow
    point: Point
    after: dict[str, Array]  # the states after the next one
    energy: Array
    steps: np.ndarray
    residual: np.ndarray
    batch: tuple[int, ...]

    @property
    def states(self) -> dict[str, Array]:
        """The states of the populations."""
        return self.point.states

    @property
    def activations(self) -> dict[str, Array]:
        """Their activations."""
        return self.point.activations

    def retrieval(
        self, rests: np.ndarray, unstable: np.ndarray, state: Array, pattern: np.ndarray, output: Array | None
    ) -> Retrieval:
        """The answer with the batch axes of the query."""
        arrays = {"state": state, "energy": self.energy, **({} if output is None else {"output": output})}
        known = {"rests": rests, "unstable": unstable, "steps": self.steps, "by": self.residual, "pattern": pattern}
        arrays, known = shaped(arrays, self.batch), shaped(known, self.batch)
        return Retrieval(
            state=arrays["state"],
            steps=known["steps"],
            converged=known["rests"] & ~known["unstable"],
            residual=known["by"],
            energy=arrays["energy"],
            pattern=known["pattern"],
            output=arrays.get("output"),
            verdict=verdicts(known["rests"], known["unstable"]),
        )


class RunawayError(ValueError):
    """Updates that leave the numbers of their dtype; `rows` are those of the queries, flattened."""

    rows: np.ndarray


def _refuse_runaways(record: Record) -> None:
    """Refuse what has no answer: queries whose next update is too large."""
    if record.lost is None or not record.lost.any():
        return
    rows = np.flatnonzero(record.lost)
    who = "The updates run away" if record.lost.size == 1 else f"The updates of query {rows[0]} run away"
    count, kind = int(record.steps[rows[0]]), backend.dtype_name(next(iter(record.final.values())))
    error = RunawayError(
        f"{who}: after {count} of them the next is too large for {kind}"
        f"{f' ({rows.size} of {record.lost.size} queries)' if rows.size > 1 else ''}. Scale the patterns or beta down, "
        "or use softmax, whose weights sum to one."
    )
    error.rows = rows
    raise error


def updated(
    network: Network, given: Mapping[str, Array], method: Relaxation, most: int, bound: float, held: Any
) -> Updated:
    """Steps from checked states until one moves a sample by no more than `bound` and the next would not either.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> network = ModernHopfield(np.eye(2), beta=9.0, tau_memory=0.0).network
    >>> updated(network, {"value": np.array([0.9, 0.2])}, Relaxation(dt=float("inf")), 9, 1e-6, None).steps
    array([4])
    """
    check_parts(network, given)
    masks = {} if held is None else network.check_clamp(held, given)
    states, batch = flat(dict(given))
    flow, count, like = network.bound(filled(flat(masks)[0])), math.prod(batch), next(iter(states.values()))
    start = filled(states)
    sizes, keeps = scales(network, start), backend.backend_of(like) != "jax"  # where it is cheaper to find it again
    plan = Plan(0.0, None, [], settled(bound), method.needs_guard(flow), False, record=False, point=keeps)
    dt = None if math.isinf(method.dt) else method.dt
    steps, going = np.zeros(len(next(iter(start.values()))), dtype=int), np.ones(count, dtype=bool)
    with backend.quiet(like):
        while True:
            end = int(most - steps[:count][going].max()) * (dt or 1.0)
            run = Run(flow, method, start, plan._replace(t1=end), count)
            record = run.complete()
            _refuse_runaways(record)
            point = run.end if keeps and going.all() else None
            states = {name: _where(going, record.final[name], x) for name, x in states.items()}
            steps[:count] += np.where(going, record.steps, 0)
            start = filled(states)
            here, after, move, energy = backend.compiled(_look, like)(method, flow, start, point, dt, sizes)
            _refuse_endless_energies(energy, count)
            residual = backend.to_numpy(move)
            going = (residual[:count] > bound) & (steps[:count] < most)
            if not going.any():
                return Updated(flow, here, after, energy, steps, residual, batch)


def _where(rows: np.ndarray, new: Array, old: Array) -> Array:
    """Some rows of one array, and the others of another."""
    if rows.all():
        return new
    one, other = backend.on_host(new), backend.on_host(old)
    xp = backend.namespace(one, other)
    return backend.returned(xp.where(xp.asarray(rows, device=backend.device(one))[:, None], one, other), new)


def _look(
    method: Relaxation, flow: Flow, states: dict[str, Array], point: Point | None, dt: float | None, sizes: Scales
) -> tuple[Point, dict[str, Array], Array, Array]:
    """The point of some states, the states after the next step, how far that would go, and the energy."""
    here = flow.at(states) if point is None else point
    after = method.end(flow, here, dt)
    parts = list(flow.parts(here).values())
    return here, after.states, largest_move(flow, here, after, sizes), sum(parts[1:], parts[0])


def _refuse_endless_energies(energy: Array, count: int) -> None:
    """Where the squares of a state overflow, nothing can be said of whether it rests."""
    rows = np.flatnonzero(~np.isfinite(backend.to_numpy(energy)[:count]))
    if not rows.size:
        return
    error = RunawayError(
        f"The energy of query {rows[0]} is too large for {backend.dtype_name(energy)} ({rows.size} of "
        f"{count} queries), and whether its updates settle cannot be told. Scale the patterns and the cue "
        "down, or use float64."
    )
    error.rows = rows
    raise error


def verdicts(rests: np.ndarray, unstable: Any = False) -> np.ndarray:
    """What `Retrieval` says of states that rest or do not, and of those that a push leaves.

    >>> verdicts(np.array([True, False, True]), np.array([False, False, True]))
    array(['fixed point', 'not settled', 'unstable point'], dtype='<U14')
    """
    return np.where(rests, np.where(unstable, "unstable point", "fixed point"), "not settled")


def _nearness(memory: Any) -> str:
    """How nearness follows from a memory's own scores: they are "same", products M_i . g, or others ("")."""
    return "same" if memory.places is memory.sim else "product" if memory.sim.metric == "product" else ""


def refuse_endless(memory: Any, method: Relaxation, flow: Flow, states: dict[str, Array]) -> None:
    """Refuse updates that have no limit, in the words of who asked for them."""
    try:
        method.check(flow, states)
    except ValueError:
        raise ValueError(
            f"Retrieval iterates updates, and dt = inf has no limit here: with leak 0 and the "
            f"{memory.rule.similarity.name} similarity a constant force (its own, or a bias) pulls for ever. Give the "
            "memory leak > 0, or follow it through time with simulate(memory, query, t1=...)."
        ) from None


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
        verdict=verdicts(np.ones(shape, dtype=bool)),
    )


def patterns_of(memory: Any, like: Array | None = None) -> Array:
    """The stored patterns (N, I) of a model, or an array of them, as floats; those of an array come to be like `like`.

    Whole numbers are converted here: squares of bytes wrap around.

    >>> import numpy as np
    >>> patterns_of(np.array([[3, 200]], dtype=np.uint8)) ** 2
    array([[9.e+00, 4.e+04]])
    """
    if is_model(memory):
        rows = as_model(memory).patterns
        if rows is None:
            raise TypeError(
                f"{type(memory).__name__} keeps no stored patterns. Give the patterns themselves, an array (N, I)."
            )
    else:
        rows = matrix("patterns", memory)
        rows = rows if like is None else backend.asarray(rows, like)
    if like is not None and like.shape[-1:] != rows.shape[-1:]:
        raise ValueError(
            f"The patterns have {rows.shape[-1]} values and the states {like.shape[-1] if like.ndim else 0}: they "
            "belong to different memories."
        )
    return rows


def rows_of(targets: Any, count: int) -> np.ndarray:
    """Rows of stored patterns, flat: whole numbers from 0 to count - 1.

    >>> rows_of([[0, 1], [2, 0]], 3)
    array([0, 1, 2, 0])
    """
    rows = backend.to_numpy(floating("targets", targets)).reshape(-1)
    if rows.size and not ((np.floor(rows) == rows) & (rows >= 0) & (rows < count)).all():
        raise ValueError(
            f"targets are rows of the {count} stored patterns, whole numbers from 0 to {count - 1}; got numbers from "
            f"{rows.min():g} to {rows.max():g}."
        )
    return rows.astype(int)


def nearest(memory: Any, state: Any) -> np.ndarray:
    """The row of the pattern nearest to an activation (..., I), of a model's or of patterns (N, I).

    It is nearest in 2-norm, or in angle for a model with the cosine; of copies the lowest row.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> nearest(ModernHopfield(np.eye(3)), np.array([0.1, 0.9, 0.3]))
    array(1)
    """
    state = floating("state", state)
    patterns = patterns_of(memory, state)
    places = as_model(memory).places if is_model(memory) else Euclidean().of(patterns)
    return lowest(*backend.compiled(_near, state)(None, places, state))


def _near(_: None, places: Any, state: Array) -> tuple[Array, Array]:
    scores = places.scores(state)
    return scores, places.magnitude(state, scores)


def _update(memory: Any) -> Relaxation:
    """Steps to the limit, or of one tau_value where there is no limit."""
    kind = memory.rule.similarity
    closed = memory.rule.leak > 0 or kind.answer(memory.rule.separation.nonnegative).kind != "frozen"
    return Relaxation(dt=float("inf")) if closed else Relaxation(dt=float(backend.to_numpy(memory.tau_value)))
