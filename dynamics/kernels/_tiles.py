"""City-block distances in tiles of several rows by several queries, in vectors as wide as the processor has them.

A gap costs three operations, the difference, its size and the sum, and no processor fuses them as it fuses those of a
product. So all is won by width and by loads that serve several sums: LLVM alone prefers half the width of AVX-512. Each
sum is taken in one order, whatever tile it falls into, so that a distance does not depend on what is asked beside it.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _is_wide() -> bool:
    try:
        return bool(binding.get_host_cpu_features().get("avx512f"))
    except RuntimeError:  # where LLVM does not know the processor
        return False


WIDE = _is_wide()
BITS = 512 if WIDE else 256
ROWS = 4
QUERIES = 4 if WIDE else 2  # what the registers hold: 16 sums of 32, or 8 of 16
GROUP = 16  # patterns in turn for some queries: a line of the cache of what is written


def _folded(builder: ir.IRBuilder, vectors: list[Any]) -> list[Any]:
    """The sums of the lanes of a power of two of vectors, one beside the other in as few vectors as hold them.

    Each step adds the two halves of every group of lanes that belong to one sum, of two vectors at once.
    """
    lanes = group = vectors[0].type.count
    while group > 1:
        half = group // 2
        low = [start + k for start in range(0, 2 * lanes, group) for k in range(half)]
        if len(vectors) == 1:
            low = low[: len(low) // 2]
            lanes = len(low)
        masks = [ir.Constant(ir.VectorType(ir.IntType(32), len(low)), [k + off for k in low]) for off in (0, half)]
        pairs = zip(vectors[::2], vectors[1::2] or vectors, strict=True)
        halves = [[builder.shuffle_vector(a, b, mask) for mask in masks] for a, b in pairs]
        vectors = [builder.fadd(a, b) for a, b in halves]
        group = half
    return vectors


def tile(rows: int, queries: int, bits: int = BITS) -> Any:
    """A function of (patterns, queries, distances, i, b) that fills distances[b : b + queries, i : i + rows].

    Vectors have so many bits; `rows` and `queries` are powers of two, and rows no more than a vector has numbers.
    """

    @intrinsic
    def filled(typing: Any, m: Any, q: Any, d: Any, i: Any, b: Any) -> Any:
        del typing

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, given: Any) -> Any:
            kinds = zip(signature.args[:3], given[:3], strict=True)
            arrays = [context.make_array(kind)(context, builder, x) for kind, x in kinds]
            size, real = m.dtype.bitwidth, context.get_value_type(m.dtype)
            whole, lanes = context.get_value_type(types.intp), bits // size
            width, count = (cgutils.unpack_tuple(builder, x.shape)[1] for x in (arrays[0], arrays[2]))

            def row(array: Any, first: Any, k: int, length: Any) -> Any:
                return builder.gep(array.data, [builder.mul(builder.add(first, whole(k)), length)])

            def read(place: Any, k: Any, kind: Any) -> Any:
                place = builder.gep(place, [k])
                return builder.load(builder.bitcast(place, kind.as_pointer()), align=size // 8)

            def summed(kind: Any, first: Any, last: Any, stride: int) -> list[Any]:
                """The sums of gaps over some values, of numbers or of vectors of them: those of a query together."""
                name = f"llvm.fabs.{'' if kind is real else f'v{lanes}'}f{size}"
                absolute = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name)
                zero = ir.Constant(kind, 0.0 if kind is real else None)
                sums = [cgutils.alloca_once_value(builder, zero) for _ in range(rows * queries)]
                with cgutils.for_range_slice(builder, first, last, whole(stride), intp=whole) as (k, _):
                    here = [read(place, k, kind) for place in ms]
                    for y, place in enumerate(qs):
                        there = read(place, k, kind)
                        for x, total in zip(here, sums[y * rows :], strict=False):
                            gap = builder.call(absolute, [builder.fsub(x, there)])
                            builder.store(builder.fadd(builder.load(total), gap), total)
                return [builder.load(total) for total in sums]

            ms = [row(arrays[0], given[3], k, width) for k in range(rows)]
            qs = [row(arrays[1], given[4], k, width) for k in range(queries)]
            found = [builder.gep(row(arrays[2], given[4], k, count), [given[3]]) for k in range(queries)]
            full = builder.sub(width, builder.srem(width, whole(lanes)))
            several = ir.VectorType(real, rows)
            sums = _folded(builder, summed(ir.VectorType(real, lanes), whole(0), full, lanes))
            for y, place in enumerate(found):
                one, start = sums[y * rows // lanes], y * rows % lanes
                lane = ir.Constant(ir.VectorType(ir.IntType(32), rows), list(range(start, start + rows)))
                part = builder.shuffle_vector(one, one, lane)
                builder.store(part, builder.bitcast(place, several.as_pointer()), align=size // 8)
            with builder.if_then(builder.icmp_signed("<", full, width)):
                for k, left in enumerate(summed(real, full, width, 1)):
                    place = builder.gep(found[k // rows], [whole(k % rows)])
                    builder.store(builder.fadd(builder.load(place), left), place)
            return context.get_dummy_value()

        return types.void(m, q, d, i, b), generate

    return filled


_block, _column, _single = tile(ROWS, QUERIES), tile(ROWS, 1), tile(1, 1)


@numba.njit(nogil=True, cache=True)
def city_blocks(patterns, queries, distances, start, stop):
    """sum_k |M_ik - q_bk| for the patterns from start to stop; all three arrays lie in C order."""
    count, full = queries.shape[0], start + (stop - start) // ROWS * ROWS
    for first in range(start, full, GROUP):
        last, b = min(first + GROUP, full), 0
        while b + QUERIES <= count:
            for i in range(first, last, ROWS):
                _block(patterns, queries, distances, i, b)
            b += QUERIES
        while b < count:
            for i in range(first, last, ROWS):
                _column(patterns, queries, distances, i, b)
            b += 1
    for b in range(count):
        for i in range(full, stop):
            _single(patterns, queries, distances, i, b)
