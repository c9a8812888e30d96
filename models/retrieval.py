"""Retrieval: the dynamics at dt = inf, iterated until an update moves the state no more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.batch import flat, shaped
from ..dynamics.consistency import check_parts
from ..dynamics.flow import Flow
from ..dynamics.integrators import Relaxation
from ..dynamics.loop import Plan, Run
from ..dynamics.network import Network
from ..dynamics.scale import Scales, scales
from ..dynamics.stopping import largest_move, settled, tolerance
from ..dynamics.trajectory import Record
from ..dynamics.validation import floating, matrix, positive
from ._lowest import lowest
from ._model import as_model, is_model
from .checks import whole
from .resting import leaves
from .similarity import Euclidean

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


def retrieve(memory: AssociativeMemory, query: Array, max_steps: int, tol: float | None) -> Retrieval:
    """Iterate the updates of a memory with tau_memory = 0 from a checked query."""
    whole("max_steps", max_steps, 1)
    bound = bound_of(tol, query)
    if 0 in query.shape:
        return nothing(query, None if memory.projection is None else memory.projection.shape[1])
    return settle(memory, query, _update(memory), max_steps, bound, None)


def settle(
    memory: AssociativeMemory,
    start: Any,
    method: Relaxation,
    max_steps: int,
    bound: float,
    held: dict[str, Array] | None,
) -> Retrieval:
    """At most `max_steps` steps from a query or from states, with the neurons in the masks `held` clamped.

    A sample stops when a step moved it by no more than `bound`, and goes on where the next one would move it by more,
    as steps away from a saddle do.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(2), beta=9.0, tau_memory=0.0)
    >>> settle(memory, np.array([0.9, 0.2]), Relaxation(dt=float("inf")), 9, 1e-6, None).state.round(3)
    array([1., 0.])
    """
    given = dict(start) if isinstance(start, Mapping) else memory.start(start)
    refuse_endless(memory, method, memory.network.bound(held), given)
    found = updated(memory.network, given, method, max_steps, bound, held)
    g, rests = found.activations, found.residual <= bound
    with backend.quiet(g["value"]):
        unstable = _unstable(memory, method, found, rests) if rests.any() else rests
    return found.retrieval(rests, unstable, g["value"], nearest(memory, g["value"]), g.get("output"))


class Updated(NamedTuple):
    """Where updates led a batch (B, n), and what the next one would move it by; `batch` are the query's axes."""

    flow: Flow
    states: dict[str, Array]
    activations: dict[str, Array]
    energy: Array
    steps: np.ndarray
    residual: np.ndarray
    batch: tuple[int, ...]

    def retrieval(
        self, rests: np.ndarray, unstable: np.ndarray, state: Array, pattern: np.ndarray, output: Array | None
    ) -> Retrieval:
        """The answer with the batch axes of the query."""
        arrays = {"state": state, "energy": self.energy, **({} if output is None else {"output": output})}
        arrays, rests, unstable = shaped(arrays, self.batch), rests.reshape(self.batch), unstable.reshape(self.batch)
        return Retrieval(
            state=arrays["state"],
            steps=self.steps.reshape(self.batch),
            converged=rests & ~unstable,
            residual=self.residual.reshape(self.batch),
            energy=arrays["energy"],
            pattern=pattern.reshape(self.batch),
            output=arrays.get("output"),
            verdict=verdicts(rests, unstable),
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
    array([3])
    """
    check_parts(network, given)
    masks = {} if held is None else network.check_clamp(held, given)
    wide, batch = flat({**given, **{(name,): mask for name, mask in masks.items()}})
    states, flow = {name: wide[name] for name in given}, network.bound({name: wide[name,] for name in masks})
    like, sizes = next(iter(states.values())), scales(network, states)
    plan = Plan(0.0, None, [], settled(bound), method.needs_guard(flow), False, record=False)
    dt = None if math.isinf(method.dt) else method.dt
    look, steps, going = backend.compiled(_look, like), np.zeros(len(like), dtype=int), np.ones(len(like), dtype=bool)
    with backend.quiet(like):
        while True:
            end = int(most - steps[going].max()) * (dt or 1.0)
            run = Run(flow, method, states, plan._replace(t1=end)).complete()
            _refuse_runaways(run)
            mask = backend.asarray(going, like)[:, None]
            states = {name: backend.namespace(x).where(mask, run.final[name], x) for name, x in states.items()}
            steps = np.where(going, steps + run.steps, steps)
            move, g, energy = look(method, flow, states, dt, sizes)
            _refuse_endless_energies(energy)
            residual = backend.to_numpy(move)
            going = (residual > bound) & (steps < most)
            if not going.any():
                return Updated(flow, states, g, energy, steps, residual, batch)


def _look(
    method: Relaxation, flow: Flow, states: dict[str, Array], dt: float | None, sizes: Scales
) -> tuple[Array, dict[str, Array], Array]:
    """How far the next step would go, and activations and energy here."""
    here = flow.at(states)
    return largest_move(flow, here, method.step(flow, here, dt).point, sizes), here.activations, flow.energy(here).value


def _refuse_endless_energies(energy: Array) -> None:
    """Where the squares of a state overflow, nothing can be said of whether it rests."""
    rows = np.flatnonzero(~np.isfinite(backend.to_numpy(energy)))
    if not rows.size:
        return
    error = RunawayError(
        f"The energy of query {rows[0]} is too large for {backend.dtype_name(energy)} ({rows.size} of "
        f"{energy.shape[0]} queries), and whether its updates settle cannot be told. Scale the patterns and the cue "
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


def _unstable(memory: AssociativeMemory, method: Relaxation, found: Updated, rests: np.ndarray) -> np.ndarray:
    """Which of the states that rest are left after a push toward the memory of the largest weight.

    Where that memory has all of the weight up to rounding, updates give it whatever the push is.
    """
    states, g = found.states, found.activations["value"]
    f, others = backend.compiled(_others, g)(None, memory.sim, memory.rule.separation, g)
    wanted = rests & (backend.to_numpy(others) > max(1e-8, 8 * backend.epsilon(g)))
    if not wanted.any():
        return wanted
    push, scale = backend.compiled(_toward, g)(None, memory.sim, g, f)
    pushes = {name: push if name == "value" else 0 * x for name, x in states.items()}
    return leaves(method, found.flow, states, pushes, scale, wanted)


def _others(_: None, similarity: Any, separation: Any, g: Array) -> tuple[Array, Array]:
    """The sizes of the weights as shares, and what of them the largest one leaves to the others."""
    xp = backend.namespace(g)
    f = xp.abs(separation.activation(similarity.scores(g)))
    total = xp.sum(f, axis=-1, keepdims=True)
    f = f / xp.where(total > 0, total, total + 1)
    return f, xp.sum(f, axis=-1) - xp.max(f, axis=-1)


def _toward(_: None, similarity: Any, g: Array, f: Array) -> tuple[Array, Array]:
    """The direction in which the heaviest memory gains on the others, D^T (e_1 - f), and the size of the state."""
    xp = backend.namespace(g)
    first = xp.argmax(f, axis=-1)
    one = xp.astype(xp.arange(f.shape[-1], device=backend.device(f)) == first[..., None], f.dtype)
    push = similarity.pullback(g, one - f)
    length = xp.sqrt(xp.sum(g * g, axis=-1))
    if similarity.ray:  # the length of a state is free, and that of the patterns does not count
        return push, length
    own = xp.take(similarity.patterns, xp.reshape(first, (-1,)), axis=0)
    return push, length + xp.reshape(xp.sqrt(xp.sum(own * own, axis=-1)), length.shape)


def refuse_endless(memory: AssociativeMemory, method: Relaxation, flow: Flow, states: dict[str, Array]) -> None:
    """Refuse updates that have no limit, in the words of who asked for them.

    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> memory = UniversalHopfield(np.eye(2), "dot", leak=0.0, tau_memory=0.0)
    >>> refuse_endless(memory, Relaxation(float("inf")), memory.network.bound(), {"value": np.ones(2)})
    Traceback (most recent call last):
        ...
    ValueError: Retrieval iterates updates, and dt = inf has no limit here: ...
    """
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
    scores = places.scores(state)
    return lowest(scores, places.magnitude(state, scores))


def _update(memory: AssociativeMemory) -> Relaxation:
    """Steps to the limit, or of one tau_value where there is no limit."""
    kind = memory.rule.similarity
    closed = memory.rule.leak > 0 or kind.answer(memory.rule.separation.nonnegative).kind != "frozen"
    return Relaxation(dt=float("inf")) if closed else Relaxation(dt=float(backend.to_numpy(memory.tau_value)))
