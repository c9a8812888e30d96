"""softmax and log-sum-exp, shifted by the largest entry so that they cannot overflow."""

from __future__ import annotations

import math

import numpy as np

from .. import backend
from ..backend import Array
from ..doors import arguments, behind, door

SOME = 2**12  # weights from which on a product with them takes longer than to look at them
FAINT = np.float32(2.0**-103)  # products of weights below are subnormal, which makes a matrix product ten times as slow
LOW = np.float32(math.log(FAINT))


@door(arguments.vector)
def softmax(z: Array) -> Array:
    """e^z/sum e^z over the last axis, shifted so that it cannot overflow.

    Of many in NumPy's float32 those below 1e-31 are 0: their products would be below all normal numbers.

    >>> import numpy as np
    >>> softmax(np.array([0.0, 1e4]))
    array([0., 1.])
    """
    if type(z) is np.ndarray:
        return softmax_over(z.copy())
    xp = backend.namespace(z)
    e = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


def softmax_over(z: Array) -> Array:
    """The same of numbers that nobody else needs: NumPy writes over them, in a third of the time for large ones."""
    if type(z) is not np.ndarray:
        return plain_softmax(z)
    z -= np.maximum.reduce(z, axis=-1, keepdims=True)  # without NumPy's wrappers, which cost as much as a small row
    faint = z.dtype == np.float32 and z.size >= SOME and np.minimum.reduce(z, axis=None) < LOW + math.log(z.shape[-1])
    if faint:  # an exponential that is subnormal takes ten times as long as another, and all below FAINT become 0
        np.maximum(z, LOW - 1, out=z)
    np.exp(z, out=z)
    z /= np.add.reduce(z, axis=-1, keepdims=True)
    if faint:
        z *= z >= FAINT
    return z


@door(arguments.vector)
def logsumexp(z: Array) -> Array:
    """log sum e^z over the last axis, shifted so that it cannot overflow.

    >>> import numpy as np
    >>> logsumexp(np.array([1e4, 1e4])).round(4)
    np.float64(10000.6931)
    """
    if type(z) is np.ndarray:
        top = np.maximum.reduce(z, axis=-1, keepdims=True)
        e = z - top
        return (top + np.log(np.add.reduce(np.exp(e, out=e), axis=-1, keepdims=True)))[..., 0]
    xp = backend.namespace(z)
    top = xp.max(z, axis=-1, keepdims=True)
    return (top + xp.log(xp.sum(xp.exp(z - top), axis=-1, keepdims=True)))[..., 0]


def shifted(z: Array) -> Array:
    """z less its largest entry."""
    # Weights do not see a constant; near 0 the differences that decide them keep all their digits.
    return z - backend.detach(backend.namespace(z).max(z, axis=-1, keepdims=True))


plain_softmax, plain_logsumexp = behind(softmax), behind(logsumexp)  # for those that passed a door
