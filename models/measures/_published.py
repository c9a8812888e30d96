r"""What the code published with the paper computes, where that is not what the paper says.

github.com/BerenMillidge/Theory_Associative_Memory, `functions.py`. It is here so that the paper's figures can be
redone; for anything else use the plain names or `normalised`. In that code a query is recalled as

    z = M^T w/sum w,    w = sep(s/sum s),    s_i = similarity below,

so that a beta on the scores cancels; the parameter of the separation (softmax of param s/sum s, powers) is what a
model's `beta` is here. Separations are as elsewhere; its max is one-hot at the first largest score. No input is
checked or warned of: an all-zero image gives NaN in every score of dot, kl, reverse_kl and jensen_shannon (0/0), and
then the arg max means nothing.

================ ===================================== ==========================================================
name             s_i                                   what is wrong with it
================ ===================================== ==========================================================
dot              M^_i . q^, x^ = x/sum x               not largest at the pattern itself
raw_dot          M_i . q                               (as it should be)
cosine           M_i . q/(\|M\|_F \|q\|)               Frobenius norm of ALL patterns: the raw dot product, rescaled
euclidean        1/\|M_i - q\|^2                       infinite at an exact match, then NaN after scaling
manhattan        1/\|M_i - q\|_1                       the same
kl               1/sum M^_i ln((M^_i+e)/(q^+e))        KL from the PATTERN, which the paper calls reverse; e = 1e-4
                                                       within the logarithms alone, so that it can be negative
reverse_kl       1/sum q^ ln((q^+e)/(M^_i+e))          KL from the QUERY, which the paper calls KL; the same e
jensen_shannon   1/(kl_i/2 + reverse_kl_i/2)           of scores that are reciprocals already: a DISTANCE, so the
                                                       best pattern comes last; and no mixture in it
================ ===================================== ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from ...dynamics import backend
from ...dynamics.backend import Array, static, structure, unknown_name
from ...dynamics.synapses import Similarity
from ._manhattan import city_blocks
from ._pairwise import refined, squared_gap

EPSILON = 1e-4
PUBLISHED = ("dot", "raw_dot", "cosine", "euclidean", "manhattan", "kl", "reverse_kl", "jensen_shannon")


@structure
class Published(Similarity):
    """A similarity as the published code computes it, its scores scaled to sum to one; see the module.

    >>> import numpy as np
    >>> Published("manhattan", patterns=np.array([[0.0, 0.0], [4.0, 0.0]])).scores(np.array([1.0, 0.0]))
    array([0.75, 0.25])
    """

    kind: str = static(default="dot")
    patterns: Array = field(default=None, kw_only=True)
    leak = 0.0
    scaled_weights = True
    unchecked = True

    @property
    def name(self) -> str:
        """The name that `similarity` reads."""
        return f"published({self.kind})"

    @property
    def recall_only(self) -> str:
        """Why there is no network."""
        plain = {"raw_dot": "dot"}.get(self.kind, self.kind)
        return (
            f"The similarity {self.name} redoes the `recall` of the published code, which has no energy. "
            f"Use {plain!r} for dynamics."
        )

    def scores(self, g: Array) -> Array:
        """s/sum s, NaN and infinite where that code's are."""
        with backend.quiet(g):
            scores = _SCORES[self.kind](self.patterns, g)
            return scores / _sum(scores)

    def among(self, g: Array, allowed: Array) -> Array:
        """s/sum s over the patterns that are allowed, and 0 for the others."""
        with backend.quiet(g):
            scores = backend.namespace(g).where(allowed, _SCORES[self.kind](self.patterns, g), 0.0)
            return scores / _sum(scores)


def published(name: str) -> Published:
    """The similarity of that name in the published code: dot, raw_dot, cosine, euclidean, ... (see the module).

    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> memory = UniversalHopfield(np.array([[0.0, 1.0], [1.0, 0.5]]), published("jensen_shannon"), "max")
    >>> memory.recall(np.array([0.1, 0.8]))  # the worst match: the published mixture is upside down
    array([1. , 0.5])
    """
    if not isinstance(name, str) or name not in PUBLISHED:
        raise unknown_name("published similarity", name, PUBLISHED)
    return Published(name)


def _dot(memories: Array, g: Array) -> Array:
    return (g / _sum(g)) @ (memories / _sum(memories)).T


def _raw_dot(memories: Array, g: Array) -> Array:
    return g @ memories.T


def _cosine(memories: Array, g: Array) -> Array:
    xp = backend.namespace(g)
    return (g @ memories.T) / (xp.sqrt(xp.sum(memories * memories)) * xp.sqrt(_sum(g * g)))


def _euclidean(memories: Array, g: Array) -> Array:
    xp = backend.namespace(g)
    size = xp.sum(memories * memories, axis=-1) + _sum(g * g)
    return 1 / refined(size - 2 * (g @ memories.T), size, squared_gap, (memories,), (g,))


def _manhattan(memories: Array, g: Array) -> Array:
    return 1 / city_blocks(memories, g)


def _kl(memories: Array, g: Array) -> Array:
    return 1 / _divergence(*_logged(memories), *_logged(g))


def _reverse_kl(memories: Array, g: Array) -> Array:
    return 1 / _reverse_divergence(*_logged(memories), *_logged(g))


def _jensen_shannon(memories: Array, g: Array) -> Array:
    parts = *_logged(memories), *_logged(g)
    return 1 / (1 / _divergence(*parts) / 2 + 1 / _reverse_divergence(*parts) / 2)


def _divergence(patterns: Array, logs: Array, queries: Array, query_logs: Array) -> Array:
    xp = backend.namespace(queries)
    entropies = xp.sum(patterns * logs, axis=-1)
    cross = query_logs @ patterns.T
    return refined(
        entropies - cross, xp.abs(entropies) + xp.abs(cross), _pattern_term, (patterns, logs), (queries, query_logs)
    )


def _reverse_divergence(patterns: Array, logs: Array, queries: Array, query_logs: Array) -> Array:
    xp = backend.namespace(queries)
    entropies = _sum(queries * query_logs)
    cross = queries @ logs.T
    return refined(
        entropies - cross, xp.abs(entropies) + xp.abs(cross), _query_term, (patterns, logs), (queries, query_logs)
    )


def _logged(x: Array) -> tuple[Array, Array]:
    scaled = x / _sum(x)
    return scaled, backend.namespace(x).log(scaled + EPSILON)


def _pattern_term(m: Array, log_m: Array, q: Array, log_q: Array) -> Array:
    return m * (log_m - log_q)


def _query_term(m: Array, log_m: Array, q: Array, log_q: Array) -> Array:
    return q * (log_q - log_m)


def _sum(values: Array) -> Array:
    return backend.namespace(values).sum(values, axis=-1, keepdims=True)


_SCORES: dict[str, Callable[[Array, Array], Array]] = {
    "dot": _dot,
    "raw_dot": _raw_dot,
    "cosine": _cosine,
    "euclidean": _euclidean,
    "manhattan": _manhattan,
    "kl": _kl,
    "reverse_kl": _reverse_kl,
    "jensen_shannon": _jensen_shannon,
}
