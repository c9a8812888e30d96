r"""Chains: row i recalls row i + 1, so that recall, applied again and again, plays a sequence.

With the patterns rolled by one as projection, P_i = M_(i+1), one look-up of a universal Hopfield network

    z = P^T sep(sim(M, q))

leads from anywhere near a pattern to (a mean near) the one after it; the separation decides how much of the others
comes along, and since the next look-up starts where this one ends, how long the sequence stays clean. A chain has
no energy that falls, since it comes back to where it was.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import affordable, flag, matrix, whole
from .._model import as_model, is_model
from ._memory import AssociativeMemory, rule_of
from ._universal import UniversalHopfield


class SequenceRecall(NamedTuple):
    """What `recall_sequence` gives; T steps were made.

    Attributes
    ----------
    trajectory : array (T + 1, ..., I)
        The cue and what each step recalled.
    rows : int array (T + 1, ...)
        The row of the stored pattern most similar to each by the memory's own scores, the lowest of copies; -1 for the
        reverse of a pattern, and where a model has no scores.

    Examples
    --------
    >>> import numpy as np
    >>> recall_sequence(np.eye(3), [1.0, 0.0, 0.0], 4, beta=50.0).rows
    array([0, 1, 2, 0, 1])
    """

    trajectory: Array
    rows: np.ndarray


def chain(memory: Any, *, cyclic: bool = True, **options: Any) -> AssociativeMemory:
    """A memory in which row i recalls row i + 1.

    Parameters
    ----------
    memory : AssociativeMemory or array (N, I)
        A memory without a projection of its own, whose similarity and separation stay, or the patterns in order, of
        which a `UniversalHopfield` is made with `options` (similarity, separation, beta, ...).
    cyclic : bool
        Whether the last row recalls the first; else it recalls itself, and the sequence ends there.

    Returns
    -------
    AssociativeMemory
        Of the same class, with the rolled patterns as projection.

    Examples
    --------
    >>> import numpy as np
    >>> chain(np.eye(3), separation="max").recall(np.array([0.1, 0.9, 0.0]))
    array([0., 0., 1.])
    """
    if rule_of(memory) is None:
        return UniversalHopfield(matrix("patterns", memory), projection=_next(memory, cyclic), **options)
    if options:
        raise ValueError(f"{', '.join(options)} belong to a memory that is made here; this one has its own.")
    if memory.projection is not None:
        raise ValueError(
            f"This memory has a projection {tuple(memory.projection.shape)} already, which says what each row recalls. "
            "Give one without, or call recall_sequence with this one as it is."
        )
    return type(memory)(**{**memory.settings(), "projection": _next(memory.memories, cyclic)})


def recall_sequence(memory: Any, cue: Any, steps: int, *, cyclic: bool = True, **options: Any) -> SequenceRecall:
    """Play a sequence from a cue: one-shot recall, iterated.

    Parameters
    ----------
    memory : model or array (N, I)
        Patterns in order, or an `AssociativeMemory` without a projection: row i is made to recall row i + 1 (see
        `chain`). A memory with a square projection plays what that says, and so does any other model whose
        `recall` takes its own result, such as a `SparseDistributedMemory` written with patterns at the ones before.
    cue : array (..., I)
        Near the pattern to start from.
    steps : int
        How many times to recall.
    cyclic : bool
        Whether the last row recalls the first; else it recalls itself. For chains that are made here.
    **options
        Similarity, separation, beta and the rest of `UniversalHopfield` where patterns are given.

    Returns
    -------
    SequenceRecall
        `trajectory` (steps + 1, ..., I) and `rows` (steps + 1, ...).

    Raises
    ------
    ValueError
        Where what is recalled does not have the width of the cue.

    Examples
    --------
    >>> import numpy as np
    >>> letters = np.random.default_rng(0).choice([-1.0, 1.0], size=(5, 40))
    >>> noisy = letters[1] * np.where(np.arange(40) < 8, -1, 1)
    >>> found = recall_sequence(letters, noisy, 5, separation="max", cyclic=False)
    >>> found.rows, found.trajectory.shape
    (array([1, 2, 3, 4, 4, 4]), (6, 40))
    """
    steps, cyclic = whole("steps", steps, 1), flag("cyclic", cyclic)
    free = rule_of(memory) is not None and memory.projection is None
    if free or not is_model(memory):
        memory = chain(memory, cyclic=cyclic, **options)
    elif options:
        raise ValueError(f"{', '.join(options)} belong to a memory that is made here; this one has its own.")
    model = as_model(memory)
    state = model.check_query(cue)
    affordable(f"{steps} steps", steps * 8.0 * math.prod(state.shape), "Ask for fewer, or for fewer cues.")
    visited = [state]
    for _ in range(steps):
        following = model.recall(state)
        if following.shape != state.shape:
            raise ValueError(
                f"A cue of {state.shape[-1]} values recalls {following.shape[-1]}, which is no cue for the next step. "
                "A chain needs a projection as wide as the patterns."
            )
        state = following
        visited.append(state)
    xp, rows = backend.namespace(state), [model.similar(x) for x in visited]
    # Inside jit and vmap the rows have no numbers yet, and stay arrays of the library.
    return SequenceRecall(xp.stack(visited), (np if isinstance(rows[0], np.ndarray) else xp).stack(rows))


def _next(patterns: Any, cyclic: bool) -> Array:
    patterns = matrix("patterns", patterns)
    xp, cyclic = backend.namespace(patterns), flag("cyclic", cyclic)
    return xp.concat([patterns[1:, :], patterns[:1, :] if cyclic else patterns[-1:, :]], axis=0)
