"""Separations by name: the Lagrangian of the memory neurons, whose gradient is the separation function."""

from __future__ import annotations

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.doors import Registry, told
from ..dynamics.lagrangians import (
    Entmax,
    Exponential,
    Lagrangian,
    LogSumExp,
    LogSumReLU,
    Max,
    Power,
    Quadratic,
    RectifiedPower,
    Sparsemax,
    SquareRoot,
    Threshold,
    TopK,
    XLogX,
)
from ..dynamics.synapses import Similarity

SEPARATIONS = separations = Registry("separation")
for _name, _kind in (("identity", Quadratic), ("softmax", LogSumExp), ("sqrt", SquareRoot), ("log", XLogX)):
    separations.register(_name, _kind, beta=float)
for _name, _kind in (("exponential", Exponential), ("sparsemax", Sparsemax), ("epanechnikov", LogSumReLU)):
    separations.register(_name, _kind, beta=float)
separations.register("max", Max)
separations.register("polynomial", lambda n=3: Power(n + 1), Power, lambda one: (one.n - 1,), n=int)
separations.register("square", lambda: Power(3))
separations.register("cube", lambda: Power(4))
separations.register(
    "rectified_polynomial", lambda n=3: RectifiedPower(n + 1), RectifiedPower, lambda one: (one.n - 1,), n=int
)
separations.register("threshold", Threshold, t=float)
separations.register("top_k", TopK, k=int)
separations.register("entmax", Entmax, alpha=float)
ALIASES = separations.aliases
separations.alias("log_sum_relu", "epanechnikov")
separations.alias("linear", "identity")
separations.alias("relu", "rectified_polynomial(1)")


def separation(name: str | Lagrangian) -> Lagrangian:
    """The Lagrangian of a separation: a name, a name with a parameter such as "polynomial(3)", or a Lagrangian.

    ======================== ================================================== ==================================
    name                     f                                                  remarks
    ======================== ================================================== ==================================
    identity                 h
    square, cube,
    polynomial(n)            h^n (n = 3 unless said)                            n even: L_h is not convex
    rectified_polynomial(n)  relu(h)^n (n = 3 unless said)                      0 for the scores of distances
    sqrt                     h^(1/2)                                            scores >= 0 only
    log                      ln h                                               scores > 0 only
    exponential              e^h
    softmax                  e^h/sum e^h
    max                      one at the largest score                           ties: the lowest index
    top_k(k)                 one at the k largest scores (k = 1 unless said)    ties: the lowest indices
    threshold(t)             one where h >= t (t = 0 unless said)               may be zero everywhere
    sparsemax                projection of h onto the simplex                   sparse weights that sum to one
    entmax(alpha)            between softmax (1) and sparsemax (2); 1.5 unless  sparse weights that sum to one
                             said
    epanechnikov             (1 where h > -1)/sum relu(1 + h), "log_sum_relu"   no score above -1: zero everywhere
    ======================== ================================================== ==================================

    A model's beta scales the scores first: f = sep(beta h). The number in softmax, identity, sqrt, log, exponential,
    sparsemax and epanechnikov is such a beta too, and both multiply.

    >>> separation("polynomial(2)")
    Power(n=3, beta=1.0)
    """
    return name if isinstance(name, Lagrangian) else separations(name)


def describe(lagrangian: Lagrangian) -> str:
    """The separation's name and parameter, as `separation` reads it, without its beta; or the Lagrangian's `repr`."""
    found = separations.entry_of(lagrangian)
    if found is None:
        return repr(lagrangian)
    name, entry = found
    values = [told(value) for key, value in zip(entry.parameters, entry.told(lagrangian), strict=True) if key != "beta"]
    return f"{name}({', '.join(values)})" if values else name


def check_scores(lagrangian: Lagrangian, scores: Array) -> None:
    """Refuse scores for which a separation is not defined, naming the first."""
    strict = lagrangian.domain == "> 0"
    if not lagrangian.domain or backend.holds(lambda s: s > 0 if strict else s >= 0, scores):
        return
    host = backend.to_numpy(scores)
    *batch, pattern = where = tuple(int(i) for i in np.argwhere(~(host > 0 if strict else host >= 0))[0])
    sample = f" of sample {tuple(batch)}" if batch else ""
    raise ValueError(
        f"The separation {describe(lagrangian)} is for scores {lagrangian.domain}, and the score of "
        f"pattern {pattern}{sample} is {float(host[where]):g}. Use a similarity with positive scores, such as "
        "'normalised(manhattan)' or 'dot' with positive vectors, or another separation."
    )


def doubts(similarity: Similarity, lagrangian: Lagrangian) -> list[str]:
    """What a separation makes of a similarity's scores that is hardly meant."""
    if similarity.distance and lagrangian.even:
        return ["an even power of negated distances weighs the farthest pattern most"]
    if similarity.distance and lagrangian.rectified:
        return ["every score is a negated distance, so that a rectified power gives every pattern weight 0"]
    if lagrangian.domain and not lagrangian.nonnegative and similarity.recall_only and not similarity.unchecked:
        return ["logarithms of scores below 1 are negative, and scaled to sum to one they weigh the best pattern least"]
    return []


def shared(similarity: Similarity, f: Array) -> Array:
    """Weights as a similarity takes them: as they are, or scaled to sum to one."""
    if not similarity.scaled_weights:
        return f
    xp = backend.namespace(f)
    total = xp.sum(f, axis=-1, keepdims=True)
    with backend.quiet(f):  # infinite scores, where the similarity lets them pass
        return f / xp.where(total == 0, 1.0, total)
