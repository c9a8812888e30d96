r"""Cues of which a part is known: a look-up by the known components, and dynamics that hold them.

Masked look-up. With K the known components, the scores are those of the patterns and the query restricted to K,

    s_i = sim(M_iK, q_K)          (dot: sum over k in K of M_ik q_k),    v = the value step with f = sep(s),

so that a component which is not known counts neither for nor against a pattern. It happens once: afterwards all
components have a value, and the ordinary dynamics go on from v.

Clamped dynamics. The known value neurons stay at the cue and only the others U move, tau v_U' = -(dE/dg)_U. With an
elementwise L_v the energy falls along them as ever: dE/dt = -sum over k in U of tau v_k'^2 L_v''(v_k) <= 0, and a
fixed point is a critical point of E on the plane g_K = q_K. For the dot product this is a memory of the patterns
M_U with the input M_K q_K to its memory neurons: what is known biases the look-up for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import flag, numbers, plain, whole
from ...dynamics.integrators import Relaxation
from ...dynamics.synapses import exact_step
from .._separations import check_scores, describe, shared
from ._retrieval import Retrieval, bound_of, nothing, refuse_endless, settle


def held_flag(hold: Any) -> bool:
    """Whether the known neurons are held: yes or no, and not which ones.

    >>> held_flag([True, False])
    Traceback (most recent call last):
    TypeError: hold must be True or False: which neurons stay at the cue is said by known. ...
    """
    if isinstance(hold, list | tuple) or getattr(hold, "ndim", 0):
        raise TypeError(
            "hold must be True or False: which neurons stay at the cue is said by known. Write known=mask, hold=True."
        )
    return flag("hold", hold)


def masked_query(memory: Any, query: Any, known: Any) -> tuple[Array, Array]:
    """The checked query, its unknown components filled, and the mask of the known ones, of one shape (..., I).

    What stands in the unknown components does not matter, NaN included: they become 0, the mean over the
    patterns for a similarity of positive vectors, 1 for one of bits.
    """
    like, kind = memory.memories, memory.rule.similarity  # in whose domain the filled query must lie
    fill = backend.namespace(like).mean(like, axis=0) if kind.unknown is None else kind.unknown
    return filled_query(query, known, fill, like, like.shape[1], memory.check_query)


def filled_query(
    query: Any, known: Any, fill: Any, like: Array, size: int, check: Callable[[Any], Array]
) -> tuple[Array, Array]:
    """A query with `fill` where the mask says that it is not known, as `check` takes it, and the mask (..., size)."""
    query = numbers("query", query, like)
    xp = backend.namespace(like)
    try:
        mask = plain("known", known)
        mask = backend.to_numpy(mask) if backend.is_array(mask) else np.asarray(mask)
    except (ValueError, RuntimeError):
        mask = np.asarray(None)
    if mask.dtype.kind != "b" or mask.ndim == 0 or mask.shape[-1] != size:
        raise ValueError(
            f"known must be a mask of bools (..., {size}), True where the query is known; got dtype {mask.dtype} and "
            f"shape {mask.shape}. From the places of the known ones: numpy.isin(numpy.arange({size}), places)."
        )
    if not mask.any(axis=-1).all():
        raise ValueError("known marks no component at all in some query, and nothing can be looked up by nothing.")
    try:
        shape = np.broadcast_shapes(tuple(query.shape), mask.shape)
    except ValueError:
        raise ValueError(
            f"known {mask.shape} does not fit the query {tuple(query.shape)}: their axes differ."
        ) from None
    with backend.eagerly(like):  # a known mask stays known while JAX traces
        mask = backend.asarray(np.broadcast_to(mask, shape).copy(), like)
    ours = backend.namespace(query)
    if ours is not xp:
        check(query)  # which says that the library is another one
    fill = fill if backend.is_array(fill) else backend.full((), fill, like)
    query = ours.astype(query, like.dtype) if not ours.isdtype(query.dtype, "real floating") else query
    return check(xp.where(mask, query, xp.astype(fill, query.dtype))), mask


def masked_scores(memory: Any, query: Array, known: Array) -> Array:
    """sim(M_K, q_K) for a query and mask from `masked_query`: shape (..., N)."""
    sim, xp = memory.sim, backend.namespace(query)
    if 0 in query.shape:
        return backend.full((*query.shape[:-1], memory.memories.shape[0]), 0.0, query)
    if sim.additive:  # the unknown components are 0
        return sim.scores(xp.where(known, query, backend.full((), 0.0, query)))
    rows, masks = xp.reshape(query, (-1, query.shape[-1])), backend.to_numpy(known).reshape(-1, query.shape[-1])
    found, parts = np.empty(len(masks), dtype=int), []
    patterns, which = np.unique(masks, axis=0, return_inverse=True)
    which, done = which.reshape(-1), 0
    for number, mask in enumerate(patterns):  # queries with one mask together
        here = np.flatnonzero(which == number)
        columns = _places(np.flatnonzero(mask), query)
        part = xp.take(xp.take(rows, _places(here, query), axis=0), columns, axis=1)
        parts.append(sim.restricted(columns).scores(part))
        found[here] = done + np.arange(len(here))
        done += len(here)
    scores = xp.take(xp.concat(parts, axis=0), _places(found, query), axis=0)
    return xp.reshape(scores, (*query.shape[:-1], memory.memories.shape[0]))


def masked_weights(memory: Any, query: Any, known: Any) -> Array:
    """sep(sim(M_K, q_K)), the weights of a look-up by the known components: shape (..., N)."""
    return shared(memory.rule.similarity, _separated(memory, *masked_query(memory, query, known)))


def retrieve_known(
    memory: Any,
    query: Any,
    known: Any,
    hold: bool = False,
    max_steps: int = 100,
    tol: float | None = None,
) -> Retrieval:
    """A look-up by the known components, and from there the updates of `retrieve`; see the module.

    Parameters
    ----------
    memory : AssociativeMemory
        Any one whose dynamics have updates at dt = inf.
    query : array (..., I)
        The cue.
    known : bool array (..., I)
        True where the cue is known.
    hold : bool
        Whether the known neurons stay at the cue; else they enter the look-up only.
    max_steps, tol
        As in `retrieve`; steps count the updates after the look-up.

    Returns
    -------
    Retrieval
        Its state agrees with the cue at the known components if they are held.
    """
    query, mask = masked_query(memory, query, known)
    memory, xp = memory.adiabatic(), backend.namespace(query)
    _ = memory.network  # refuses, with the reason, what has no dynamics
    kind, separation, value, leak = memory.rule
    hold = held_flag(hold)
    if hold and not value.elementwise:
        raise ValueError(
            f"hold=True holds part of the value neurons, and {value!r} couples them: the energy could rise. Use an "
            "elementwise value Lagrangian, or hold=False."
        )
    if leak == 0 and kind.answer(separation.nonnegative).kind == "frozen":
        raise ValueError(
            f"The {kind.name} similarity with leak 0 has no update at dt = inf. Use recall(query, known=...), or "
            "simulate(..., clamp=...) from there."
        )
    whole("max_steps", max_steps, 1)
    if 0 in query.shape:
        return nothing(query, None if memory.projection is None else memory.projection.shape[1])
    f = _separated(memory, query, mask)
    start, update = dict(memory.start(query)), Relaxation(dt=float("inf"))
    if leak == 0:
        refuse_endless(memory, update, memory.network.bound(), start)
    bias = None if isinstance(memory.bias, float) and memory.bias == 0 else memory.bias
    response = memory.sim.response(query, f)
    looked_up = exact_step(start["value"], [response], leak, bias, None)
    if not backend.all_finite(looked_up):
        raise ValueError(
            f"The look-up by the known components is too large for {backend.dtype_name(looked_up)}, with "
            f"{kind.name} scores of such patterns and the separation {describe(separation)}. Scale the patterns or "
            "beta down, or use softmax, whose weights sum to one."
        )
    start["value"] = xp.where(mask, start["value"], looked_up) if hold else looked_up
    return settle(memory, start, update, max_steps, bound_of(tol, query), {"value": mask} if hold else None)


def _separated(memory: Any, query: Array, known: Array) -> Array:
    scores, separation = masked_scores(memory, query, known), memory.rule.separation
    if separation.domain:
        check_scores(separation, scores)
    return separation.activation(scores)


def _places(places: np.ndarray, like: Array) -> Array:
    return backend.namespace(like).asarray(places, device=backend.device(like))
