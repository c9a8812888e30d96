r"""One memory over several devices: the patterns shared out by rows, everything else held whole by each device.

JAX's own partitioner does the rest. Softmax over the sharded rows becomes three all-reduces (the largest score, the sum
of the exponentials, the weighted sum of the patterns), whatever the number of patterns; no device sees the others'.

Rows must divide by the devices. Those that are added are copies of the first pattern with a score so low that they have
no weight; that is refused where a separation gives every score one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array, Number, static, structure
from ..dynamics.doors import text
from ..dynamics.lagrangians import Lagrangian
from ..dynamics.synapses import Answer, Response, Similarity


@structure
class Padded(Similarity):
    """A similarity whose patterns after the first `count` are there to fill up: they have no weight."""

    base: Similarity = None  # type: ignore[assignment]
    count: int = static(default=0)

    def __post_init__(self) -> None:
        if self.patterns is not None:
            object.__setattr__(self, "base", self.base.of(self.patterns))

    def of(self, patterns: Array) -> Padded:
        """The same of other patterns."""
        return Padded(patterns, base=self.base, count=self.count)

    @backend.kept
    def extent(self) -> float | None:
        """The rms of the patterns without those that fill up, on which default steps may depend."""
        whole = self.base.extent
        if whole is None:
            return None
        rows, width = self.patterns.shape
        others = float((backend.to_numpy(self.patterns[self.count :]).astype(float) ** 2).sum())
        return math.sqrt(max(whole**2 * rows * width - others, 0.0) / (self.count * width))

    def _filled(self, scores: Array) -> Array:
        xp = backend.namespace(scores)
        place = xp.arange(scores.shape[-1])
        return xp.where(place < self.count, scores, lowest_score(scores))

    def _masked(self, scores: Array) -> Array:
        xp = backend.namespace(scores)
        return xp.where(xp.arange(scores.shape[-1]) < self.count, scores, 0.0)

    def scores(self, g: Array) -> Array:
        """Those of the base; the least that is safe where it fills up."""
        return self._filled(self.base.scores(g))

    def pullback(self, g: Array, f: Array) -> Array:
        """That of the base."""
        return self.base.pullback(g, self._masked(f))

    def pushforward(self, g: Array, u: Array) -> Array:
        """That of the base, 0 where it fills up."""
        return self._masked(self.base.pushforward(g, u))

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """That of the base."""
        return self.base.curvature(g, self._masked(f), u)

    def gram(self, g: Array, w: Array) -> Array | None:
        """That of the base."""
        return self.base.gram(g, self._masked(w))

    def kink(self, g: Array, f: Array) -> Array | None:
        """That of the base."""
        return self.base.kink(g, self._masked(f))

    def answer(self, nonnegative: bool) -> Answer:
        """That of the base."""
        return self.base.answer(nonnegative)

    def response(self, g: Array, f: Array) -> Response:
        """That of the base."""
        return self.base.response(g, self._masked(f))

    def magnitude(self, g: Array, scores: Array) -> Array:
        """That of the base, 0 where it fills up."""
        return self._masked(self.base.magnitude(g, scores))

    def check(self, name: str, rows: Array) -> None:
        """That of the base."""
        self.base.check(name, rows)


for _fact in (
    *("name", "leak", "smooth", "distance", "linear", "additive", "positive", "ray", "bounded", "checked", "far"),
    *("metric", "recall_only", "unknown"),
):
    setattr(Padded, _fact, property(lambda self, name=_fact: getattr(self.base, name)))


def lowest_score(like: Array) -> Number:
    """A score that no pattern has, and whose products with numbers of a usual size are none that are infinite."""
    return -(float(backend.namespace(like).finfo(like.dtype).max) ** 0.75)


def shared_out(memory: Any, mesh: Any, axis: Any) -> Any:
    """A memory of JAX arrays whose rows are shared out along an axis of a mesh; see `AssociativeMemory.shard`."""
    jax = backend.optional_import("jax")
    if backend.backend_of(memory.memories) != "jax":
        raise TypeError('shard(mesh) shares out arrays of JAX: write memory.to("jax").shard(mesh).')
    names = getattr(mesh, "axis_names", None)
    if not isinstance(mesh, jax.sharding.Mesh) or not names:
        raise TypeError(
            "mesh must be a mesh of JAX's devices, such as jax.make_mesh((2,), ('memory',), "
            f"axis_types=(jax.sharding.AxisType.Auto,)), got {mesh!r:.60}."
        )
    axis = names[0] if axis is None else text("axis", axis)
    if axis not in names:
        raise backend.unknown_name("axis of the mesh", axis, names)
    types = dict(zip(names, getattr(mesh, "axis_types", ()), strict=False))
    if any(kind != jax.sharding.AxisType.Auto for kind in types.values()):
        raise ValueError(
            "The axes of the mesh are Explicit, with which JAX wants the sharding of every product written out. Make "
            "it with axis_types=(jax.sharding.AxisType.Auto,) * len(names)."
        )
    memory = padded(memory, mesh.shape[axis])
    count, spec = memory.memories.shape[0], jax.sharding.PartitionSpec

    def put(leaf: Any) -> Any:
        if not backend.is_array(leaf):
            return leaf
        rows = leaf.ndim > 0 and leaf.shape[0] == count and leaf is not memory.bias
        place = spec(axis, *(None,) * (leaf.ndim - 1)) if rows else spec()
        return jax.device_put(leaf, jax.sharding.NamedSharding(mesh, place))

    return backend.map_leaves(put, memory)


def padded(memory: Any, parts: int) -> Any:
    """The memory with so many rows that they divide by the number of parts."""
    count = memory.memories.shape[0]
    more = -count % parts
    if not more:
        return memory
    if "similarity" not in memory.settings():
        raise ValueError(
            f"{count} patterns do not divide by {parts} devices, and {type(memory).__name__} has no similarity to fill "
            f"them up by: store {count + more} of them, or use UniversalHopfield."
        )
    separation = memory.rule.separation
    if not _is_blind(separation, memory.memories):
        raise ValueError(
            f"{count} patterns do not divide by {parts} devices, and {separation!r} gives every score a weight, so "
            f"that nothing can fill them up: store {count + more} of them, or use softmax, whose weights vanish."
        )

    def filled(rows: Array) -> Array:
        xp = backend.namespace(rows)
        return xp.concat([rows, *[rows[:1, ...]] * more], axis=0)

    changes = {"memories": filled(memory.memories)}
    if memory.projection is not None:
        changes["projection"] = filled(memory.projection)
    return memory._replaced(**changes, similarity=Padded(base=memory.rule.similarity, count=count))


def _is_blind(separation: Lagrangian, like: Array) -> bool:
    """Whether so low a score has no weight and adds nothing to L."""
    host = np.array([0.0, 0.0, float(lowest_score(like))], dtype=backend.dtype_name(like))
    both = [backend.put(x[None], like) if backend.backend_of(like) == "jax" else x[None] for x in (host, host[:2])]
    f = backend.to_numpy(separation.activation(both[0]))
    values = [float(backend.to_numpy(separation.value(x))[0]) for x in both]
    return bool(f[0, 2] == 0) and bool(np.isfinite(values).all()) and abs(values[0] - values[1]) <= 1e-5
