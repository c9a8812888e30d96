"""Passes over a block of numbers that nobody else needs: written over it where the library lets us."""

from __future__ import annotations

import functools
import math
import mmap
import sys
from typing import Any

import numpy as np

from ._libraries import Array, Number, backend_of, capped, namespace


@functools.cache
def least_exponent(xp: Any, dtype: Any, faint: bool) -> float:
    """The y below which e^y is held up, at the least normal number (`faint`) or at eps^3."""
    info = xp.finfo(dtype)
    return 0.99 * math.log(float(info.smallest_normal)) if faint else 3 * math.log(float(info.eps))


def is_free(value: Array) -> bool:
    """Whether numbers may be written over: NumPy's, and PyTorch's where no derivative is wanted."""
    match backend_of(value):
        case "numpy":
            return True
        case "torch":
            return not (value.requires_grad and sys.modules["torch"].is_grad_enabled())
    return False


def scaled(block: Array, factor: Number) -> Array:
    """factor * block, written over it where that can be."""
    if isinstance(factor, float | int) and factor == 1:
        return block
    if not is_free(block) or not (isinstance(factor, float | int) or is_free(factor)):
        return factor * block
    block *= factor
    return block


def exp_of_gap(block: Array, top: Array, factor: Number = 1.0, faint: bool = True) -> Array:
    """e^(factor (x - top)), written over the block; never below the least normal number.

    Numbers below it cost ten times the others. For sums, which are 1 or more, nothing below eps^3 is wanted
    (``faint=False``): products of the least normal number are below all normal ones, and a matrix product with those
    takes seventy times as long.

    >>> exp_of_gap(np.array([[0.0, -1e4]]), np.array([[0.0]]))[0, 0]
    np.float64(1.0)
    """
    xp = namespace(block)
    least = least_exponent(xp, block.dtype, faint)
    if not is_free(block) or not is_free(top):
        return xp.exp(xp.clip(scaled(block - top, factor), min=least))
    block -= top
    block = scaled(block, factor)
    if type(block) is np.ndarray:
        np.maximum(block, block.dtype.type(least), out=block)
        return np.exp(block, out=block)
    return block.clamp_(min=least).exp_()


def at_most(block: Array, bound: float) -> Array:
    """`capped`, written over the block by NumPy.

    >>> at_most(np.array([-1.0, 2.0]), 0.0)
    array([-1.,  0.])
    """
    if type(block) is np.ndarray:
        return np.minimum(block, block.dtype.type(bound), out=block)
    return capped(block, bound)


def added(value: Array, block: Array) -> Array:
    """value + block, written over the block where that can be."""
    if not is_free(block) or not is_free(value) or block.dtype != value.dtype:
        return value + block
    block += value
    return block


def product(a: Array, b: Array, room: Array | None) -> Array:
    """a @ b, written into the first columns of some room (rows, columns) if there is enough, in the layout of the room.

    >>> product(np.ones((1, 2)), np.ones((2, 1)), None)
    array([[2.]])
    """
    if room is None or room.shape[0] != a.shape[0] or room.shape[1] < b.shape[1] or not (is_free(a) and is_free(b)):
        return a @ b
    width = b.shape[1]
    if type(room) is np.ndarray and not room.flags.c_contiguous:  # by columns, of which the first lie together
        return np.matmul(a, b, out=room[:, :width])
    into = room if room.shape[1] == width else room.reshape(-1)[: a.shape[0] * width].reshape(-1, width)
    return namespace(a).matmul(a, b, out=into)


def is_mapped(value: Array) -> bool:
    """Whether an array of NumPy is a view of a file."""
    while isinstance(value, np.ndarray):
        if isinstance(value, np.memmap):
            return True
        value = value.base
    return isinstance(value, mmap.mmap)
