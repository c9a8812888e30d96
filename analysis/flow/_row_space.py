r"""A memory in the space that its patterns span: N coordinates instead of I, exactly the same basins.

For dot with any separation, and for euclidean with softmax or max (whose weights do not see a constant added to all
scores), the weights depend on v through its part in the span of the patterns alone, and the force lies in the span.
With an orthonormal basis Q of it, v = Q y + w: y moves as the memory with patterns M Q does, and w decays as
exp(-l t/tau_value) (dot) or exp(-2 t/tau_value) (euclidean), whatever y does.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...models.family import rule_of
from ._field import Field, field
from ._sphere import canonical, on_sphere

NARROW = 2  # patterns of more than this times N values are worth the change of basis


class RowSpace(NamedTuple):
    """The memory in the span of its patterns, the basis (I, N) of the span, and the rate at which the rest decays.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> space = row_space(ModernHopfield(np.eye(2, 5), beta=4.0))
    >>> space.memory.memories.shape, space.lift(space.project(np.ones(5))).round(12) + 0.0
    ((2, 2), array([1., 1., 0., 0., 0.]))
    """

    memory: Any
    basis: Array
    rate: float

    def project(self, x: Array) -> Array:
        """The coordinates (..., N) of the part of x (..., I) in the span."""
        return x @ self.basis

    def lift(self, y: Any) -> Any:
        """The point (..., I) of the span with coordinates (..., N)."""
        basis = backend.to_numpy(self.basis) if isinstance(y, np.ndarray) else self.basis
        return y @ basis.T

    def outside(self, x: Array, y: Array) -> np.ndarray:
        """The length (...) of the part of x (..., I) outside of the span, with its coordinates y (..., N) there."""
        xp = backend.namespace(x)
        square = backend.to_numpy(xp.sum(x * x, axis=-1) - xp.sum(y * y, axis=-1))
        return np.sqrt(np.maximum(square, 0.0))


def row_space(memory: Any) -> RowSpace | None:
    """The memory in the span of its patterns, or None where that is not exact or spares nothing.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield, UniversalHopfield
    >>> row_space(ModernHopfield(np.eye(5))) is None  # the patterns span everything
    True
    >>> row_space(UniversalHopfield(np.eye(2, 5), similarity="manhattan", separation="softmax")) is None
    True
    """
    rule = rule_of(memory)
    if rule is None or memory.projection is not None or "memories" not in memory.settings():
        return None
    similarity, separation, value, leak = rule
    size, width = memory.memories.shape
    if width <= NARROW * size or not value.identity or backend.to_numpy(memory.bias).any():
        return None
    blind = bool(separation.law)
    if not ((similarity.metric == "product" and leak > 0) or (similarity.metric == "square" and leak == 0 and blind)):
        return None
    basis = np.linalg.qr(backend.to_numpy(memory.memories).astype(np.float64).T)[0]
    coordinates = backend.to_numpy(memory.memories).astype(np.float64) @ basis
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the memory warns of, it has said
        small = type(memory)(**{**memory.settings(), "memories": backend.asarray(coordinates, memory.memories)})
    return RowSpace(small, backend.asarray(basis, memory.memories), leak if similarity.metric == "product" else 2.0)


class Reduction(NamedTuple):
    """A field in fewer coordinates, x = basis y, or on the sphere, where x is any point of the ray of y.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> small = reduce(field(ModernHopfield(np.eye(2, 5))))
    >>> small.flow.size, small.lift(small.project(np.ones((1, 5)))) + 0.0, small.extra
    (2, array([[1., 1., 0., 0., 0.]]), 3)
    """

    flow: Field
    basis: np.ndarray | None = None  # (D, N) with orthonormal columns
    rate: float = 1.0
    rays: Field | None = None  # the field whose rays are points of `flow`

    @property
    def length(self) -> float:
        """How long a step of one in y is in x."""
        return 1.0 if self.rays is None else self.rays.scale

    @property
    def extra(self) -> int:
        """The number of directions that were left out, in which everything decays."""
        return 0 if self.basis is None else self.basis.shape[0] - self.basis.shape[1]

    def project(self, x: np.ndarray) -> np.ndarray:
        """x (..., D) to y."""
        if self.rays is not None:
            return canonical(self.flow, x)
        return x if self.basis is None else x @ self.basis

    def lift(self, y: np.ndarray) -> np.ndarray:
        """y to x (..., D)."""
        if self.rays is not None:
            return canonical(self.rays, y)
        return y if self.basis is None else y @ self.basis.T


def reduce(flow: Field, span: bool = True) -> Reduction:
    r"""A field in its row space (`row_space`) where that is exact and smaller, on the sphere (`on_sphere`) for rays.

    Every fixed point lies in the row space, with the same energy there, and its Hessian has the eigenvalues of the
    small one and D - N times the rate at which the rest decays. Elsewhere, and without `span`, the field stays what it
    is.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> kinds = "dot", "euclidean", "cosine"
    >>> [reduce(field(UniversalHopfield(np.eye(2, 5), name))).flow.size for name in kinds]
    [2, 2, 5]
    """
    sphere = on_sphere(flow)
    if sphere is not flow:
        return Reduction(sphere, rays=flow)
    space = row_space(flow.memory) if span and flow.memory is not None else None
    if space is None:
        return Reduction(flow)
    return Reduction(field(space.memory, differences=flow.differences), backend.to_numpy(space.basis), space.rate)
