"""Sums of signs with weights, for several rows at once in vectors as wide as the processor has them."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ._tiles import BITS, WIDE

ROWS = 8 if WIDE else 4


def strip(rows: int, bits: int = BITS) -> Any:
    """A function of (queries, patterns, weights, found, b, k) that fills found[b : b + rows, k : k + lanes].

    Sums stay in registers while it goes down the patterns, and each of these is loaded once for all the rows.
    """

    @intrinsic
    def filled(typing: Any, q: Any, m: Any, f: Any, d: Any, b: Any, k: Any) -> Any:
        del typing

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, given: Any) -> Any:
            kinds = zip(signature.args[:4], given[:4], strict=True)
            arrays = [context.make_array(kind)(context, builder, x) for kind, x in kinds]
            size, real = q.dtype.bitwidth, context.get_value_type(q.dtype)
            whole, lanes = context.get_value_type(types.intp), bits // size
            vector = ir.VectorType(real, lanes)
            count, width = cgutils.unpack_tuple(builder, arrays[1].shape)
            first, at = given[4:]

            def place(array: Any, row: Any, column: Any, length: Any) -> Any:
                return builder.gep(array.data, [builder.add(builder.mul(row, length), column)])

            def lies(array: Any, row: Any) -> Any:
                return builder.bitcast(place(array, row, at, width), vector.as_pointer())

            several = [builder.add(first, whole(y)) for y in range(rows)]
            here = [builder.load(lies(arrays[0], row), align=size // 8) for row in several]
            zero = ir.Constant(vector, None)
            sums = [cgutils.alloca_once_value(builder, zero) for _ in several]
            every = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
            with cgutils.for_range(builder, count, intp=whole) as loop:
                there = builder.load(lies(arrays[1], loop.index), align=size // 8)
                for row, x, total in zip(several, here, sums, strict=True):
                    weight = builder.load(place(arrays[2], row, loop.index, count))
                    wide = builder.insert_element(zero, weight, ir.IntType(32)(0))
                    wide = builder.shuffle_vector(wide, zero, every)
                    more = builder.select(builder.fcmp_ordered(">", x, there), wide, zero)
                    less = builder.select(builder.fcmp_ordered("<", x, there), wide, zero)
                    builder.store(builder.fsub(builder.fadd(builder.load(total), more), less), total)
            for row, total in zip(several, sums, strict=True):
                builder.store(builder.load(total), lies(arrays[3], row), align=size // 8)
            return context.get_dummy_value()

        return types.void(q, m, f, d, b, k), generate

    return filled


_block, _single = strip(ROWS), strip(1)


@numba.njit(nogil=True, cache=True)
def signed_sums(rows, patterns, weights, found, start, stop):
    """sum_i f_bi sign(x_bk - M_ik) for the rows b from start to stop; all four arrays lie in C order."""
    lanes = BITS // 8 // rows.itemsize
    width, count = rows.shape[1], patterns.shape[0]
    full = width // lanes * lanes
    b = start
    while b + ROWS <= stop:
        for k in range(0, full, lanes):
            _block(rows, patterns, weights, found, b, k)
        b += ROWS
    while b < stop:
        for k in range(0, full, lanes):
            _single(rows, patterns, weights, found, b, k)
        b += 1
    for b in range(start, stop):
        for k in range(full, width):
            found[b, k] = 0
            for i in range(count):
                f, x, m = weights[b, i], rows[b, k], patterns[i, k]
                found[b, k] += (f if x > m else 0 * f) - (f if x < m else 0 * f)
        odd = 0.0
        for i in range(count):
            odd += 0 * weights[b, i]
        if odd != 0:  # a weight that is no number, or none that is finite, stays so where it meets the sign 0 as well
            for k in range(full):
                found[b, k] = odd
