"""Separations by name: the Lagrangian of the memory neurons, whose gradient is the separation function."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array
from ..dynamics.contracts import Similarity
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
from ..dynamics.validation import unknown_name


class Named(NamedTuple):
    """How a name becomes a Lagrangian: its class, the parameter's type, and what the parameter is.

    >>> Named(TopK, int, lambda one: one.k).build("2")
    TopK(k=2)
    """

    kind: type
    parameter: Callable[[str], Any] | None = None
    value: Callable[[Any], Any] | None = None
    make: Callable[[Any], Lagrangian] | None = None
    default: Callable[[], Lagrangian] | None = None

    def build(self, text: str | None = None) -> Lagrangian:
        """The Lagrangian, with a parameter in words or without."""
        if text is None:
            return (self.default or self.kind)()
        if self.parameter is None:
            raise ValueError("It takes no parameter.")
        return (self.make or self.kind)(self.parameter(text))


def _degree(kind: type, default: int) -> Named:
    return Named(kind, _whole, lambda one: one.n - 1, lambda n: kind(n + 1), lambda: kind(default + 1))


def _fixed_power(n: int) -> Named:
    return Named(Power, default=lambda: Power(n + 1))


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("A whole number is meant, such as 3.") from None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("A number is meant, such as 2.5.") from None


SEPARATIONS: dict[str, Named] = {
    "identity": Named(Quadratic, _real),
    "softmax": Named(LogSumExp, _real),
    "max": Named(Max),
    "square": _fixed_power(2),
    "cube": _fixed_power(3),
    "polynomial": _degree(Power, 3),
    "rectified_polynomial": _degree(RectifiedPower, 3),
    "sqrt": Named(SquareRoot, _real),
    "log": Named(XLogX, _real),
    "exponential": Named(Exponential, _real),
    "threshold": Named(Threshold, _real, lambda one: one.t),
    "top_k": Named(TopK, _whole, lambda one: one.k),
    "sparsemax": Named(Sparsemax, _real),
    "entmax": Named(Entmax, _real, lambda one: one.alpha),
    "epanechnikov": Named(LogSumReLU, _real),
}
ALIASES = {"log_sum_relu": "epanechnikov", "linear": "identity", "relu": "rectified_polynomial(1)"}


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
    if isinstance(name, Lagrangian):
        return name
    name = ALIASES.get(name.strip(), name) if isinstance(name, str) else name
    parts = re.fullmatch(r"\s*([\w-]+)\s*(?:\(\s*([^()]*?)\s*\))?\s*", name) if isinstance(name, str) else None
    if parts is None or ALIASES.get(parts[1], parts[1]) not in SEPARATIONS:
        known = [*SEPARATIONS, *(alias for alias, meaning in ALIASES.items() if meaning in SEPARATIONS)]
        raise unknown_name("separation", parts[1] if parts else name, known)
    key = ALIASES.get(parts[1], parts[1])
    try:
        return SEPARATIONS[key].build(parts[2])
    except (TypeError, ValueError) as error:
        raise ValueError(f"Separation {name!r}: the parameter {parts[2]!r} does not fit. {error}") from None


def describe(lagrangian: Lagrangian) -> str:
    """The separation's name and parameter, as `separation` reads it, or the Lagrangian's `repr`.

    >>> describe(Power(4)), describe(TopK(2)), describe(LogSumExp())
    ('polynomial(3)', 'top_k(2)', 'softmax')
    """
    for name, entry in SEPARATIONS.items():
        if type(lagrangian) is entry.kind and (entry.value is not None or entry.default is None):
            return name if entry.value is None else f"{name}({_plain(entry.value(lagrangian))})"
    return repr(lagrangian)


def _plain(value: Any) -> str:
    if backend.is_traced(value):
        return "?"
    return repr(value) if isinstance(value, int) else f"{float(backend.to_numpy(value)):.17g}"


def check_scores(lagrangian: Lagrangian, scores: Array) -> None:
    """Refuse scores for which a separation is not defined, naming the first.

    >>> check_scores(separation("sqrt"), np.array([0.0, 2.0]))
    """
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
    """What a separation makes of a similarity's scores that is hardly meant.

    >>> from hopfield.models import Manhattan
    >>> doubts(Manhattan(), Power(3))
    ['an even power of negated distances weighs the farthest pattern most']
    """
    if similarity.distance and lagrangian.even:
        return ["an even power of negated distances weighs the farthest pattern most"]
    if similarity.distance and lagrangian.rectified:
        return ["every score is a negated distance, so that a rectified power gives every pattern weight 0"]
    if lagrangian.domain and not lagrangian.nonnegative and similarity.recall_only and not similarity.unchecked:
        return ["logarithms of scores below 1 are negative, and scaled to sum to one they weigh the best pattern least"]
    return []


def shared(similarity: Similarity, f: Array) -> Array:
    """Weights as a similarity takes them: as they are, or scaled to sum to one.

    >>> from hopfield.models import Dot, normalised
    >>> shared(Dot(), np.ones(2)), shared(normalised("dot"), np.ones(2))
    (array([1., 1.]), array([0.5, 0.5]))
    """
    if not similarity.scaled_weights:
        return f
    xp = backend.namespace(f)
    total = xp.sum(f, axis=-1, keepdims=True)
    with backend.quiet(f):  # infinite scores, where the similarity lets them pass
        return f / xp.where(total == 0, 1.0, total)
