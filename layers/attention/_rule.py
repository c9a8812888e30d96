"""What compares queries with keys and what makes weights of it: the rule of an attention."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...dynamics.backend import Number
from ...dynamics.doors import number
from ...dynamics.lagrangians import Lagrangian
from ...dynamics.synapses import Similarity
from ...models import separation as separation_of
from ...models import similarity as similarity_of

FUSED = ("product", "angle", "square")  # geometries whose scores are products of vectors that are made beforehand


class Rule(NamedTuple):
    """f = sep(beta sim(K, q) + mask): the parts that do not depend on the numbers."""

    similarity: Similarity
    separation: Lagrangian

    @property
    def fused(self) -> bool:
        """Whether the library's fused attention computes it: softmax of products."""
        return self.similarity.metric in FUSED and self.separation.law == "softmax"

    @property
    def softmax(self) -> bool:
        """Whether weights are a softmax, to which masks of numbers can be added in front."""
        return self.separation.law == "softmax"

    @property
    def gain(self) -> Number:
        """The separation's own factor in front of the scores."""
        return self.separation.beta if self.separation.has_gain else 1.0


def rule_of(similarity: Any, separation: Any) -> Rule:
    """The rule of two names, parts, or a function (keys, query) -> scores.

    >>> rule_of("euclidean", "softmax").fused
    True
    """
    kind = similarity_of(similarity)
    if kind.patterns is not None:
        name = type(kind).__name__
        raise ValueError(f"{kind!r} holds patterns already, and here the keys are the patterns: give {name}().")
    return Rule(kind, separation_of(separation))


def betas(given: Any, similarity: Similarity, width: int, heads: int) -> tuple[float, ...]:
    """The beta of each of the heads, from one number, one for each, or None for the usual one.

    >>> from hopfield.models import Dot
    >>> betas(None, Dot(), 4, 3), betas([1, 2], Dot(), 4, 2)
    ((0.5, 0.5, 0.5), (1.0, 2.0))
    """
    found = usual_beta(similarity, width) if given is None else given
    several = [number("beta", one, above=0) for one in (found if isinstance(found, list | tuple) else [found])]
    if len(several) not in (1, heads):
        raise ValueError(f"beta has {len(several)} numbers and there are {heads} heads: give one for each.")
    return tuple(several * (heads // len(several)))


def usual_beta(similarity: Similarity, width: int) -> float:
    r"""The beta for which scores of random vectors of `width` numbers are of the order of one.

    1/sqrt(E) for products and city blocks, 1/(2 sqrt(E)) for squared distances, so that
    beta (-\|q - k\|^2) = (q.k - \|q\|^2/2 - \|k\|^2/2)/sqrt(E); 10 for cosines, and 1 where nobody knows.

    >>> from hopfield.models import Dot, Euclidean
    >>> usual_beta(Dot(), 64), usual_beta(Euclidean(), 64)
    (0.125, 0.0625)
    """
    root = math.sqrt(width)
    return {"product": 1 / root, "square": 1 / (2 * root), "blocks": 1 / root, "angle": 10.0}.get(similarity.metric, 1)
