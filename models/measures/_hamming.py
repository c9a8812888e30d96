"""The Hamming similarity of binary vectors."""

from __future__ import annotations

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, derived, structure
from ...dynamics.synapses import Similarity
from ._gaps import bit_gap


@structure
class Hamming(Similarity):
    r"""s_i = -d_H(M_i, g), the negated number of bits that differ, for +-1 and for 0/1 vectors.

    With bits a, b in {0, 1}, d_H = sum a + sum b - 2 a.b; for a, b in {-1, 1} this is (I - a.b)/2. Every array
    has one of the two codings; what is compared is which values are above 0.

    The scores are whole numbers, exact in float32 up to 2^24 bits. They are piecewise constant in g, so there
    is no force: this similarity serves `recall` and binary dynamics.

    References
    ----------
    Kanerva 1988, "Sparse Distributed Memory", MIT Press.

    Examples
    --------
    >>> import numpy as np
    >>> Hamming(np.array([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])).scores(np.array([1.0, -1.0, -1.0]))
    array([-1., -2.])
    """

    bits: Array = derived(lambda self: _bits(self.patterns))
    ones: Array = derived(lambda self: backend.namespace(self.bits).sum(self.bits, axis=-1))
    name = "hamming"
    leak = 0.0
    smooth = False
    distance = True
    unknown = 1.0
    gap = staticmethod(bit_gap)
    cancels = False
    recall_only = (
        "The hamming similarity counts bits, so its scores are piecewise constant: there is no force that a network "
        "could follow. Use `recall`, a binary memory such as ClassicalHopfield or SparseDistributedMemory, or 'dot' on "
        "+-1 patterns, which orders them alike."
    )

    def check(self, name: str, rows: Array) -> None:
        """Refuse values other than +-1 or 0/1."""
        if any(backend.holds(lambda x, low=low: (x == 1) | (x == low), rows) for low in (-1, 0)):
            return
        host = backend.to_numpy(rows)
        low = -1 if (host < 0).any() else 0
        where = tuple(int(i) for i in np.argwhere((host != 1) & (host != low))[0])
        raise ValueError(
            f"The hamming similarity is for binary vectors, all +-1 or all 0/1, and {name} holds "
            f"{float(host[where]):g} at index {where}. Binarise it first: "
            "numpy.where(x > 0.5, 1.0, 0.0), or numpy.where(x > 0, 1.0, -1.0)."
        )

    def scores(self, g: Array) -> Array:
        """-d_H(M_i, g)."""
        bits = _bits(g)
        xp = backend.namespace(bits)
        return 2 * (bits @ self.bits.T) - self.ones - xp.sum(bits, axis=-1, keepdims=True)


def _bits(x: Array) -> Array:
    return backend.namespace(x).astype(x > 0, x.dtype)
