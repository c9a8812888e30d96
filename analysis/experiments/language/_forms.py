"""The forms of attention that are compared: the right ones, and the paper's own.

Appendix E and F of the paper scale scores so that they sum to one and take reciprocals of distances; a distance with
its sign left as it is weighs the farthest key most. These change the rule more than the similarity does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ....dynamics import backend
from ....dynamics.backend import Array

LEAST = 1e-6  # beside a squared distance, so that its reciprocal is finite


class Form(NamedTuple):
    """What `HopfieldAttention` is told, and the formula of the weights."""

    settings: dict[str, Any]
    formula: str
    faithful: bool = False  # whether it is the paper's own

    def layer(self, width: int) -> dict[str, Any]:
        """Settings of a layer whose heads have this width."""
        found = dict(self.settings)
        if found.get("beta") == "usual":
            found["beta"] = 1 / (2 * width**0.5)
        return found


def squares(keys: Array, g: Array) -> Array:
    r"""\|q - k\|^2, shape (..., S)."""
    xp = backend.namespace(g)
    total = xp.sum(g * g, axis=-1, keepdims=True) + xp.sum(keys * keys, axis=-1) - 2 * (g @ keys.T)
    return xp.where(total > 0, total, 0.0)


def log_reciprocals(keys: Array, g: Array) -> Array:
    r"""-ln(\|q - k\|^2 + 1e-6), of which a softmax is the reciprocals scaled to sum to one."""
    return -backend.namespace(g).log(squares(keys, g) + LEAST)


FORMS = {
    "dot": Form({"similarity": "dot"}, "softmax(beta q.k)"),
    "euclidean": Form({"similarity": "euclidean"}, "softmax(-beta |q - k|^2)"),
    "manhattan": Form({"similarity": "manhattan"}, "softmax(-beta |q - k|_1)"),
    "cosine": Form({"similarity": "cosine"}, "softmax(beta cos(q, k))"),
    "reciprocal": Form({"similarity": log_reciprocals, "beta": 1.0}, "1/|q - k|^(2 beta), scaled to sum to one", True),
    "shares": Form(
        {"similarity": "published(raw_dot)", "beta": 1.0}, "softmax(beta q.k/sum q.k), scores that sum to one", True
    ),
    "farthest": Form({"similarity": squares, "beta": "usual"}, "softmax(+beta |q - k|^2), the farthest key", True),
}
