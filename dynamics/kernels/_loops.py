"""The loops themselves, for numba. Imported only where it is installed; each works on a part of the rows.

Sums may be taken in any order, and nothing else is relaxed: NaN and infinities stay what they are.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from ._signs import signed_sums as signed_sums
from ._tiles import city_blocks as city_blocks

PART = 128  # numbers that are summed one by one
SUMS = {"nsz", "arcp", "contract", "afn", "reassoc"}
_sums: Any = numba.njit(nogil=True, cache=True, fastmath=SUMS)
_exact: Any = numba.njit(nogil=True, cache=True, error_model="numpy")


@_exact
def _reached(columns, order, k, w, below, i, half, at):
    """max over k of min(m_(k+1), p_k) where p_k is infinite but where the force is 0: only its sign is looked at.

    `below` is the weight of the first i values of the column, all of which leave the force above 0.
    """
    rows = columns.shape[1]
    while i < rows and (below < half or (below == half and columns[k, i] < at)):
        below += w[order[k, i]]
        i += 1
    p = np.inf if below < half else -np.inf if below > half else at
    if i < rows:
        p = min(columns[k, i], p)
    return p if i == 0 else max(columns[k, i - 1], p)


@_exact
def _settled_median(columns, order, v, f, drive, found, start, stop):
    """The median for ever and without leak, of four columns at once as far as none of them has reached its own.

    A sum waits for the one before it, and those of four columns do not wait for one another.
    """
    rows, driven = columns.shape[1], drive.shape[0] > 0
    for b in range(v.shape[0]):
        w, total = f[b], 0.0
        for i in range(rows):
            total += w[i]
        for k in range(start, stop, 4):
            a0 = a1 = a2 = a3 = 0.0
            i, h0 = 0, (total + (drive[b, k] if driven else 0.0)) / 2
            if k + 4 > stop:
                for j in range(k, stop):
                    half = (total + (drive[b, j] if driven else 0.0)) / 2
                    found[b, j] = _reached(columns, order, j, w, 0.0, 0, half, v[b, j])
                continue
            h1 = (total + (drive[b, k + 1] if driven else 0.0)) / 2
            h2 = (total + (drive[b, k + 2] if driven else 0.0)) / 2
            h3 = (total + (drive[b, k + 3] if driven else 0.0)) / 2
            while i < rows and a0 < h0 and a1 < h1 and a2 < h2 and a3 < h3:
                a0 += w[order[k, i]]
                a1 += w[order[k + 1, i]]
                a2 += w[order[k + 2, i]]
                a3 += w[order[k + 3, i]]
                i += 1
            # The last value that was taken may be the one that reaches it: each goes on alone from there.
            found[b, k] = _reached(columns, order, k, w, a0, i, h0, v[b, k])
            found[b, k + 1] = _reached(columns, order, k + 1, w, a1, i, h1, v[b, k + 1])
            found[b, k + 2] = _reached(columns, order, k + 2, w, a2, i, h2, v[b, k + 2])
            found[b, k + 3] = _reached(columns, order, k + 3, w, a3, i, h3, v[b, k + 3])


@_exact
def proximal_median(columns, order, v, f, drive, leak, ratio, forever, found, start, stop):
    """max over k of min(m_(k+1), p_k) for the columns from start to stop; drive (B, I) or (0, 0).

    p_k falls and m_k rises with k, so that the answer is where they cross: the loop ends there.
    """
    if forever and leak == 0:
        _settled_median(columns, order, v, f, drive, found, start, stop)
        return
    rows = columns.shape[1]
    for b in range(v.shape[0]):
        total = 0.0
        for i in range(rows):
            total += f[b, i]
        for k in range(start, stop):
            at, push = v[b, k], total + (drive[b, k] if drive.shape[0] else 0.0)
            below, best, crossed = 0.0, -np.inf, False
            for i in range(rows):
                force = push - 2.0 * below
                p = force / leak if forever else (at + ratio * force) / (1.0 + ratio * leak)
                value = columns[k, i]
                best = max(best, min(value, p))
                if p <= value:
                    crossed = True
                    break
                below += f[b, order[k, i]]
            if not crossed:
                force = push - 2.0 * below
                best = max(best, force / leak if forever else (at + ratio * force) / (1.0 + ratio * leak))
            found[b, k] = best


@_exact
def swept_pairs(
    columns,
    diagonal,
    slack,
    held,
    state,
    fields,
    sites,
    noise,
    temperature,
    flips,
    start,
    stop,
):
    """One sweep over the sites of the samples from start to stop; noise (sites, B), or (0, 0) for the sign rule."""
    width, warm, holds = state.shape[1], noise.shape[0] > 0, held.shape[0] > 0
    for b in range(start, stop):
        for k in range(sites.shape[0]):
            i = sites[k]
            if holds and held[b, i]:
                continue
            s = state[b, i]
            margin = s * fields[b, i]
            if warm:
                cost = 2 * (margin - diagonal[i])
                up = (1 + math.tanh(s * cost / (2 * temperature))) / 2
                flip = (noise[k, b] < up) != (s > 0)
            else:
                flip = margin < 0 and abs(margin) > slack[i]
            if flip:
                change = -2 * s
                for j in range(width):
                    fields[b, j] += change * columns[i, j]
                state[b, i] = s + change
                flips[b] += 1


def _bits_of_power(typing, n):
    """2^n of a whole number n, by the bits of the exponent."""

    def generated(context, builder, signature, arguments):
        whole = ir.IntType(32)
        return builder.bitcast(builder.shl(builder.add(arguments[0], whole(127)), whole(23)), ir.FloatType())

    return numba.types.float32(numba.types.int32), generated


_power_of_two: Any = intrinsic(_bits_of_power)


@_sums
def _exponential(y):
    """e^y = 2^n e^r with abs(r) <= ln(2)/2, for normal results.

    ln(2) is taken off in two parts, the first with few digits, so that n times it is exact. The polynomial is 1 at 0
    and elsewhere off by at most 2e-9 of e^r.
    """
    one = np.float32
    n = np.floor(y * one(1.4426950408889634) + one(0.5))
    r = y - n * one(0.693359375) - n * one(-2.12194440e-4)
    p = one(1.38436e-3)
    p = p * r + one(8.37424e-3)
    p = p * r + one(4.166801e-2)
    p = p * r + one(1.6666430e-1)
    p = p * r + one(4.9999994e-1)
    p = p * r + one(1.00000003)
    p = p * r + one(1.0)
    return p * _power_of_two(np.int32(n))


@_sums
def exponentials_of_rows(block, beta, top, least, total):
    """e^(beta (h - top)) and their sums, for scores (B, n) of which a row is one sample's."""
    for b in range(block.shape[0]):
        shift, s = top[b], np.float32(0)
        for i in range(block.shape[1]):
            y = beta * (block[b, i] - shift)
            e = _exponential(least if y < least else y)
            block[b, i] = e
            s += e
        total[b] = s


@_sums
def exponentials_of_columns(block, beta, top, least, total, part):
    """The same for scores (n, B) of which a column is one sample's; `top` rises to the largest of them first.

    Sums of PART scores are summed in turn, so that rounding does not grow with n.
    """
    count, samples = block.shape
    for i in range(count):
        for b in range(samples):
            h = block[i, b]
            top[b] = h if h > top[b] else top[b]
    total[:] = 0
    for first in range(0, count, PART):
        part[:] = 0
        for i in range(first, min(count, first + PART)):
            for b in range(samples):
                y = beta * (block[i, b] - top[b])
                e = _exponential(least if y < least else y)
                block[i, b] = e
                part[b] += e
        for b in range(samples):
            total[b] += part[b]
