"""Similarities as appendix E of the paper scales them: reciprocals of distances, scores that sum to one."""

from __future__ import annotations

from dataclasses import field
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, derived, static, structure
from ...dynamics.doors import kind, number
from ...dynamics.synapses import Similarity
from ._pairwise import over_elements, refined


@structure
class Normalised(Similarity):
    r"""The similarity `base`, scaled for `recall` so that different ones can be compared.

    With x^ = x/sum_k x_k, before a separation that again scales its weights to sum to one:

        dot                        s_i = M^_i . q^/sum_j M^_j . q^
        cosine                     s_i = cos(M_i, q)/sum_j cos(M_j, q)
        euclidean, manhattan,
        hamming                    s_i = (1/d_i)/sum_j 1/d_j with d = \|M_i - q\|^2, \|M_i - q\|_1, d_H(M_i, q)
        divergences                the same, with d of (M_i + eps)^ and (q + eps)^

    The constant eps is added before vectors are scaled to sum to one, so that both are distributions and d is a
    true divergence, never negative. A pattern that equals the query (d = 0) takes score one, which is the
    limit; several of them share it equally. Scores that are all zero (dot, cosine) become 1/N each.

    Scores in (0, 1) need a large beta: the best of N is told apart by softmax only from beta of about N on. Weights
    whose sum is zero (a threshold that nothing passes) stay zero.

    Dot, cosine and divergences need values >= 0. A row that is zero everywhere (a black image) is refused by its
    number for dot and cosine; for divergences eps makes it the uniform distribution.

    Parameters
    ----------
    base : Similarity
        ``"dot"``, ``"cosine"``, ``"euclidean"``, ``"manhattan"``, ``"hamming"`` or a divergence.
    eps : float
        Added to patterns and queries of divergences.

    References
    ----------
    Millidge, Salvatori, Song, Lukasiewicz & Bogacz 2022, ICML, PMLR 162, appendix E.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import Manhattan
    >>> Normalised(Manhattan()).of(np.array([[0.0, 0.0], [4.0, 0.0]])).scores(np.array([1.0, 0.0]))
    array([0.75, 0.25])
    """

    base: Similarity  # pyright: ignore[reportGeneralTypeIssues]
    eps: float = static(default=1e-4)
    patterns: Array = field(default=None, kw_only=True)
    inner: Any = derived(lambda self: self.base.of(self._scale(self.patterns)))
    leak = 0.0
    scaled_weights = True

    def __post_init__(self) -> None:
        kind("base", self.base, Similarity, "a similarity such as Manhattan()")
        if self.base.gap is None and not self.base.shares:
            raise ValueError(
                f"normalised is defined for dot, cosine, euclidean, manhattan, hamming and divergences, not for "
                f"{self.base.name!r}: scale the scores of a similarity of your own in its function."
            )
        object.__setattr__(self, "eps", number("eps", self.eps, 0))
        super().__post_init__()

    @property
    def name(self) -> str:
        """The name that `similarity` reads."""
        eps = f", {self.eps!r}" if self.base.positive and self.eps != 1e-4 else ""
        return f"normalised({self.base.name}{eps})"

    @property
    def smooth(self) -> bool:
        """Whether the base is."""
        return self.base.smooth

    @property
    def recall_only(self) -> str:
        """Why there is no network."""
        instead = "'dot' on +-1 patterns" if self.base.recall_only else f"{self.base.name!r} itself"
        return (
            f"The similarity {self.name} is for `recall`: its scores sum to one (and a reciprocal of a distance grows "
            "without bound at a pattern), so the energy is not coercive and no network follows from it. Use "
            f"{instead} for dynamics, with a smaller beta."
        )

    @property
    def unknown(self) -> float | None:
        """What the base takes."""
        return self.base.unknown if self.base.recall_only else 0.0

    def check(self, name: str, rows: Array) -> None:
        """Refuse what cannot be scaled to sum to one, naming the row."""
        if self.base.recall_only:
            self.base.check(name, rows)
        if not (self.base.shares or self.base.positive):
            return
        if backend.holds(lambda x: x > 0, rows):
            return
        host = backend.to_numpy(rows)
        if (host < 0).any():
            where = tuple(int(i) for i in np.argwhere(host < 0)[0])
            raise ValueError(
                f"The similarity {self.name} is for vectors of values >= 0, such as intensities, and {name} holds "
                f"{float(host[where]):g} at index {where}. Shift the values, or use 'normalised(euclidean)'."
            )
        added = self.eps if self.base.positive else 0.0
        empty = ~(host > 0).any(axis=-1) if added == 0 else np.zeros(1, dtype=bool)
        if empty.any():
            rows_at = np.argwhere(empty)[0]
            where = f"row {int(rows_at[0]) if rows_at.size == 1 else tuple(rows_at.tolist())} of {name}"
            where = where if rows_at.size else name
            raise ValueError(
                f"{where} is zero everywhere (a black image), and cannot be scaled to sum to one. Leave it out, add "
                "a small constant to all values, or use 'normalised(euclidean)'."
            )
        if added == 0 and self.base.positive and (host == 0).any():
            where = tuple(int(i) for i in np.argwhere(host == 0)[0])
            raise ValueError(
                f"The similarity {self.name} takes logarithms, and {name} is 0 at index {where}: give eps > 0."
            )

    def scores(self, g: Array) -> Array:
        """Scores that sum to one."""
        return self._shared(g, None)

    def among(self, g: Array, allowed: Array) -> Array:
        """Scores that sum to one over the patterns that are allowed, and are 0 for the others."""
        return self._shared(g, allowed)

    def _shared(self, g: Array, allowed: Array | None) -> Array:
        inner, g = self.inner, self._scale(g)
        xp = backend.namespace(g)
        rough = inner.scores(g)
        if inner.shares:
            if allowed is not None:
                rough = xp.where(allowed, rough, 0.0)
            total, even = _sum(rough), xp.ones_like(rough) if allowed is None else xp.astype(allowed, rough.dtype)
            return xp.where(total > 0, rough, even) / xp.where(total > 0, total, _sum(even))
        patterns, queries = inner.elements(g)
        if not inner.cancels:
            distances = -rough
        elif backend.backend_of(g) == "jax":
            distances = over_elements(inner.gap, patterns, queries)
        else:
            distances = refined(-rough, inner.magnitude(g, rough), inner.gap, patterns, queries)
        return reciprocals(distances if allowed is None else xp.where(allowed, distances, float("inf")))

    def _scale(self, x: Array) -> Array:
        if self.base.positive:
            x = x + self.eps
        elif self.base.shares != "values":
            return x
        return x / _sum(x)


def reciprocals(distances: Array) -> Array:
    """(1/d_i)/sum_j 1/d_j over the last axis; where distances are 0 these alone share the one."""
    xp = backend.namespace(distances)
    distances = xp.where(distances > 0, distances, 0.0)
    nearest = xp.min(distances, axis=-1, keepdims=True)
    safe = xp.where(distances > 0, distances, 1.0)
    parts = xp.where(nearest > 0, nearest / safe, xp.astype(distances == 0, distances.dtype))
    return parts / _sum(parts)


def _sum(values: Array) -> Array:
    return backend.namespace(values).sum(values, axis=-1, keepdims=True)
