"""One update of the memories whose patterns are the keys: attention."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import flag, number, quiet, whole
from ._batches import in_blocks
from ._doors import causal_mask, entered, masked, strength
from ._fused import fused
from ._rule import Rule, rule_of
from ._states import settled
from ._weights import energy_of, weights_of

MOST_STEPS = 1000  # each is a part of the program that is compiled, and of what derivatives keep


def attention(
    query: Any,
    key: Any,
    value: Any,
    *,
    similarity: Any = "dot",
    separation: Any = "softmax",
    beta: Any = None,
    attn_mask: Any = None,
    is_causal: bool = False,
    dropout_p: float = 0.0,
    steps: int = 1,
    return_energy: bool = False,
    dropout_key: Any = None,
) -> Any:
    r"""z_l = sum_s V_s sep(beta sim(K, q_l))_s: a memory of the keys recalls values, for every query at once.

    With no other arguments it is the attention of transformers, softmax(q K^T/sqrt(E)) V. It equals
    ``UniversalHopfield(key, similarity, separation, beta=beta, projection=value).recall(query)`` for every set of keys
    in the batch, up to rounding.

    With ``steps > 1`` the state q first moves among the keys for steps - 1 updates of the memory's dynamics at
    dt = inf, and reads out the values where it comes to. The energy E(q) = l \|q\|^2/2 - L_h(sim(K, q)) falls with
    every update: these are exact minimisers with the weights held for dot, cosine, Euclidean, Manhattan and kl, and
    for other similarities the lowest of steps along the force that halve.

    Softmax with dot, cosine and Euclidean goes through the library's fused attention
    (`torch.nn.functional.scaled_dot_product_attention`, `jax.nn.dot_product_attention`). All else is computed in
    blocks of queries, and anew for its derivatives: neither an L x S x E array nor, for long sequences, all L x S
    weights at once are ever there. It goes through `torch.compile`, `jax.jit`, `grad` and `vmap`.

    A NaN is carried on, as by other layers, and never becomes a number: what a query with a NaN recalls is NaN, and so
    is what is recalled by queries that see a key, a value or a mask with one. One that a mask hides may show as well,
    as it does in the libraries' own attention: write numbers where padding is.

    Parameters
    ----------
    query : array (..., L, E)
        Of PyTorch, JAX or NumPy. Batch axes in front broadcast. No query at all (L = 0) has an answer (..., 0, O).
    key : array (..., S, E)
        The stored patterns.
    value : array (..., S, O)
        What each of them recalls.
    similarity : str, Similarity or callable
        As for `UniversalHopfield`: a name, a `Similarity` of your own without patterns, or a function
        (keys, query) -> scores.
    separation : str or Lagrangian
        As for `UniversalHopfield`.
    beta : number or array, optional
        Scales the scores; an array fits (..., L, 1), such as (heads, 1, 1). By default 1/sqrt(E) for dot and
        Manhattan, 1/(2 sqrt(E)) for the Euclidean \|q - k\|^2, 10 for cosine, and 1 for others.
    attn_mask : array, optional
        Broadcasts to (..., L, S): bools, True where a key takes part, or numbers that are added to beta times the
        scores. A query with no key recalls 0.
    is_causal : bool
        Whether query l sees only the keys s <= l.
    dropout_p : float
        The probability with which a weight is set to 0, and the others are scaled up for it.
    steps : int
        Updates in all, the readout included, at most 1000: each is computed, whether or not the state rests.
    return_energy : bool
        Whether to give the energies too.
    dropout_key : array, optional
        The key of JAX's random numbers, which dropout needs there.

    Returns
    -------
    array (..., L, O), or with `return_energy` a pair of it and an array (steps, ..., L)
        The energies are those of the states that were compared with the keys, in their order.

    Raises
    ------
    ValueError
        Where shapes, masks or beta do not fit; the shapes are named.
    TypeError
        Where libraries or dtypes differ.

    References
    ----------
    Ramsauer et al. 2021, arXiv:2008.02217. Millidge, Salvatori, Song, Lukasiewicz & Bogacz 2022, ICML, PMLR 162.
    Euclidean attention: Kim, Papamakarios & Mnih 2021, arXiv:2006.04710.

    Examples
    --------
    >>> import numpy as np
    >>> keys = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    >>> query = np.array([[0.6, 0.3, 0.1]])
    >>> attention(query, keys, keys, similarity="euclidean", beta=2.0).round(3)
    array([[0.943, 0.057, 0.057]])
    >>> z, energy = attention(query, keys, keys, similarity="manhattan", beta=2.0, steps=3, return_energy=True)
    >>> z.round(3), bool((np.diff(energy, axis=0) <= 0).all())
    (array([[0.998, 0.002, 0.002]]), True)
    """
    query, key, value = entered(query, key, value)
    rule = rule_of(similarity, separation)
    batch = np.broadcast_shapes(*(tuple(x.shape[:-2]) for x in (query, key, value)))
    scores = (*batch, query.shape[-2], key.shape[-2])
    beta = strength(beta, rule, query, scores)
    mask = masked(attn_mask, query, scores)
    causal, dropout = flag("is_causal", is_causal), number("dropout_p", dropout_p, 0, below=1)
    steps, wanted = whole("steps", steps, 1, MOST_STEPS), flag("return_energy", return_energy)
    _check(rule, query, key, steps > 1 or wanted)
    if dropout and backend.backend_of(query) != "torch":
        _check_dropout(query, dropout_key)
    if 0 in scores[:-1]:
        return _of_nothing(query, value, scores, steps if wanted else None)
    return _attended(rule, beta, query, key, value, mask, causal, dropout, dropout_key, steps, wanted)


def _of_nothing(query: Array, value: Array, scores: tuple[int, ...], steps: int | None) -> Any:
    """What no query recalls, (..., 0, O), of which derivatives are 0, and the energies of none."""
    xp = backend.namespace(query)
    found = xp.sum(query, axis=-1, keepdims=True) + xp.sum(value, axis=-2, keepdims=True)
    found = xp.broadcast_to(found, (*scores[:-1], value.shape[-1]))
    return found if steps is None else (found, backend.full((steps, *scores[:-1]), 0.0, query))


@quiet
def _attended(
    rule: Rule,
    beta: Any,
    state: Array,
    key: Array,
    value: Array,
    mask: Any,
    causal: bool,
    dropout: float,
    dropout_key: Any,
    steps: int,
    wanted: bool,
) -> Any:
    through = rule.fused and _has_fused(state, dropout)
    if causal and not (through and mask is None and steps == 1 and not wanted):
        mask, causal = causal_mask(mask, state, key.shape[-2]), False
    energies = []
    for step in range(steps):
        if step:
            state = settled(rule, beta, state, key, mask, 1)
        if wanted:
            energies.append(in_blocks(lambda q, m, b: energy_of(rule, b, q, key, m), state, mask, beta, key)[..., 0])
    if through:
        found = fused(rule, beta, state, key, value, mask, causal, dropout)
    else:

        def read(q: Array, m: Any, b: Any) -> Array:
            return _dropped(weights_of(rule, b, q, key, m), dropout, dropout_key) @ value

        found = in_blocks(read, state, mask, beta, key)
    return (found, backend.namespace(state).stack(energies)) if wanted else found


def _has_fused(query: Array, dropout: float) -> bool:
    library = backend.backend_of(query)
    if library == "jax":  # whose softmax is in float32, and has no dropout
        return query.dtype.itemsize < 8 and not dropout
    return library == "torch"


def _dropped(weights: Array, dropout: float, key: Any) -> Array:
    """The weights with a part of them set to 0."""
    if not dropout:
        return weights
    if backend.backend_of(weights) == "torch":
        return sys.modules["torch"].nn.functional.dropout(weights, dropout)
    jax, xp = sys.modules["jax"], backend.namespace(weights)
    kept = jax.random.bernoulli(key, 1 - dropout, weights.shape)
    return xp.where(kept, weights / (1 - dropout), 0.0)


def _check(rule: Rule, query: Array, key: Array, moves: bool) -> None:
    kind, separation = rule.similarity, rule.separation
    if moves and kind.recall_only:
        raise ValueError(f"steps > 1 and energies are of the dynamics. {kind.recall_only}")
    if moves and kind.distance and not separation.nonnegative:
        raise ValueError(
            f"The {kind.name} similarity with {separation!r} gives keys weights of both signs, and a state would be "
            "repelled by them: use softmax, max or another separation with weights >= 0, or steps=1."
        )
    if not kind.unchecked:
        for name, rows in (("key", key), ("query", query)):
            kind.check(name, rows)


def _check_dropout(query: Array, key: Any) -> None:
    if backend.backend_of(query) != "jax":
        raise TypeError("Dropout is for training, and NumPy arrays have no derivatives: use PyTorch or JAX arrays.")
    if key is None:
        raise TypeError("JAX draws its random numbers from a key: give dropout_key=jax.random.key(seed).")
