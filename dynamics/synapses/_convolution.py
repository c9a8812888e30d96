"""A convolutional synapse: one small kernel joins every place of an image to the patch that lies around it."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, static, structure
from ..doors import finite, floating, items, whole
from ._exact import Answer
from ._synapse import Synapse


@structure
class Convolution(Synapse):
    r"""E_s = -g_b . (K * g_a): two populations of image form joined by a convolution.

    The population a has the form (s_1, ..., s_d, c_a), channels last, flattened as ``image.reshape(-1)``, and b the
    form `shape_out`. The force on b is the convolution, (K * g_a)_{p q} = sum over the kernel's places k and the
    channels c of K_{k c q} g_a at place (stride p + k - padding), channel c, with zeros outside; the force on a is
    its transpose with the same kernel, so that u . (K * g) = (K^T * u) . g for all g and u. (As is the custom in
    networks, the kernel is not mirrored.) Both are a gather of places and one matrix product.

    Parameters
    ----------
    between : (str, str)
        The populations a and b.
    kernel : array (k_1, ..., k_d, c_a, c_b)
        K, with d = 1 or more axes of space.
    shape : tuple of int
        (s_1, ..., s_d, c_a).
    stride : int
        Places of a from one place of b to the next.
    padding : int
        How many places of zeros lie around a; "same" size needs stride 1, odd k and padding (k - 1)/2.

    Examples
    --------
    >>> import numpy as np
    >>> synapse = Convolution(("a", "b"), np.array([1.0, -1.0])[:, None, None], shape=(4, 1))
    >>> differences, back = synapse.forces(np.array([0.0, 1.0, 4.0, 9.0]), np.ones(3))[::-1]
    >>> differences, back
    (array([-1., -3., -5.]), array([ 1.,  0.,  0., -1.]))
    """

    between: tuple[str, str] = static()
    kernel: Array
    shape: tuple[int, ...] = static()
    stride: int = static(default=1)
    padding: int = static(default=0)
    # Where the patches of b lie in a, and for each place of a where it comes up in the patches: made once.
    gather: Any = None
    spread: Any = None

    checked = True

    def __post_init__(self) -> None:
        shape = tuple(whole("a size in shape", size, 1) for size in items("shape", self.shape, "sizes", 2))
        object.__setattr__(self, "shape", shape)
        if not backend.is_array(self.kernel) or not backend.is_traced(self.kernel):
            object.__setattr__(self, "kernel", finite("kernel", floating("kernel", self.kernel)))
        if self.kernel.ndim < 3 or self.kernel.ndim != len(shape) + 1 or self.kernel.shape[-2] != shape[-1]:
            raise ValueError(
                f"A kernel (k_1, ..., k_d, c_a, c_b) for an image (s_1, ..., s_d, c_a) of shape {shape}; got a kernel "
                f"of shape {tuple(self.kernel.shape)}. One channel is an axis of size 1."
            )
        object.__setattr__(self, "stride", whole("stride", self.stride, 1))
        object.__setattr__(self, "padding", whole("padding", self.padding, 0, max(self.kernel.shape)))
        if min(self.shape_out) < 1:
            raise ValueError(
                f"A kernel of {tuple(self.kernel.shape[:-2])} does not fit into {shape[:-1]} places with padding "
                f"{self.padding}: take a smaller kernel or more padding."
            )
        gather, spread = _places(shape[:-1], tuple(self.kernel.shape[:-2]), self.stride, self.padding)
        xp, device = backend.namespace(self.kernel), backend.device(self.kernel)
        object.__setattr__(self, "gather", xp.asarray(gather, device=device))
        object.__setattr__(self, "spread", xp.asarray(spread, device=device))

    @property
    def shape_out(self) -> tuple[int, ...]:
        """The form (t_1, ..., t_d, c_b) of population b: t = floor((s + 2 padding - k)/stride) + 1."""
        return (*_sizes(self.shape[:-1], self.kernel.shape[:-2], self.stride, self.padding), self.kernel.shape[-1])

    @property
    def sizes(self) -> tuple[int, int]:
        """Neurons of a and of b."""
        return (math.prod(self.shape), math.prod(self.shape_out))

    @property
    def signal_of(self) -> tuple[int, ...]:
        """The convolution depends on a."""
        return (0,)

    def forward(self, g: Array) -> Array:
        """K * g: shape (..., n_a) to (..., n_b)."""
        xp, channels = backend.namespace(g), self.shape[-1]
        places = xp.reshape(g, (*g.shape[:-1], math.prod(self.shape[:-1]), channels))
        outside = xp.zeros_like(places[..., :1, :])
        patches = xp.take(xp.concat([places, outside], axis=-2), self.gather, axis=-2)
        seen, weights = math.prod(self.shape_out[:-1]), math.prod(self.kernel.shape[:-1])  # no -1: a batch can be empty
        patches = xp.reshape(patches, (*g.shape[:-1], seen, weights))
        return xp.reshape(patches @ self._matrix, (*g.shape[:-1], math.prod(self.shape_out)))

    def backward(self, u: Array) -> Array:
        """K^T * u, the transpose of `forward`: shape (..., n_b) to (..., n_a)."""
        xp, (channels, out) = backend.namespace(u), self.kernel.shape[-2:]
        rows = xp.reshape(u, (*u.shape[:-1], math.prod(self.shape_out[:-1]), out)) @ self._matrix.T
        rows = xp.reshape(rows, (*u.shape[:-1], math.prod((*self.shape_out[:-1], *self.kernel.shape[:-2])), channels))
        rows = xp.concat([rows, xp.zeros_like(rows[..., :1, :])], axis=-2)
        parts = xp.take(rows, self.spread, axis=-2)
        count = math.prod(self.shape[:-1])
        parts = xp.reshape(parts, (*u.shape[:-1], count, self.spread.shape[0] // count, channels))
        return xp.reshape(xp.sum(parts, axis=-2), (*u.shape[:-1], math.prod(self.shape)))

    def far(self, position: int, bounded: Sequence[bool], identity: bool) -> str:
        """Bounded with the other's activation."""
        return "bounded" if bounded[1 - position] else ""

    def signal(self, *g: Array) -> Array:
        """K * g_a."""
        return self.forward(g[0])

    def energy(self, *g: Array, signal: Array | None = None) -> Array:
        """-g_b . (K * g_a)."""
        return -backend.namespace(*g).sum(g[1] * (self.forward(g[0]) if signal is None else signal), axis=-1)

    def forces(self, *g: Array, signal: Array | None = None) -> tuple[Array, ...]:
        """K^T * g_b and K * g_a."""
        return self.backward(g[1]), self.forward(g[0]) if signal is None else signal

    def answer(self, position: int) -> Answer:
        """A constant force, so an exact step always lowers the energy."""
        return Answer("constant", falls=True)

    def force(self, position: int, *g: Array, signal: Array | None = None) -> Array:
        """One of them."""
        if position == 0:
            return self.backward(g[1])
        return self.forward(g[0]) if signal is None else signal

    def couples(self, position: int) -> bool:
        """Never."""
        return False

    def block(self, target: int, source: int, u: Array, *g: Array, signal: Array | None = None) -> Array | None:
        """K * u or K^T * u."""
        if target == source:
            return None
        return self.backward(u) if target == 0 else self.forward(u)

    def magnitude(self, *g: Array, signal: Array | None = None) -> Array:
        """Sum of \\|g_b\\| \\|K * g_a\\|."""
        xp = backend.namespace(*g)
        return xp.sum(xp.abs(g[1] * (self.forward(g[0]) if signal is None else signal)), axis=-1)

    def __repr__(self) -> str:
        kernel = "x".join(str(size) for size in self.kernel.shape)
        return (
            f"Convolution({self.between}, kernel {kernel}, {self.shape} -> {self.shape_out}, stride={self.stride}, "
            f"padding={self.padding})"
        )

    @property
    def _matrix(self) -> Array:
        return backend.namespace(self.kernel).reshape(self.kernel, (-1, self.kernel.shape[-1]))


def _sizes(places: tuple[int, ...], kernel: tuple[int, ...], stride: int, padding: int) -> tuple[int, ...]:
    return tuple((s + 2 * padding - k) // stride + 1 for s, k in zip(places, kernel, strict=True))


@functools.cache
def _places(
    places: tuple[int, ...], kernel: tuple[int, ...], stride: int, padding: int
) -> tuple[np.ndarray, np.ndarray]:
    """For every place in every patch its place in the image, and the reverse; one past the end is outside."""
    sizes = _sizes(places, kernel, stride, padding)
    corners = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1).reshape(-1, len(sizes)) * stride
    steps = np.stack(np.meshgrid(*map(np.arange, kernel), indexing="ij"), -1).reshape(-1, len(sizes)) - padding
    where = (corners[:, None, :] + steps[None, :, :]).reshape(-1, len(sizes))
    inside = ((where >= 0) & (where < np.array(places))).all(axis=-1)
    count = math.prod(places)
    flat = np.ravel_multi_index(tuple(where.T), places, mode="clip")
    gather = np.where(inside, flat, count)
    used = np.flatnonzero(inside)
    order = used[np.argsort(gather[used], kind="stable")]
    times = np.bincount(gather[used], minlength=count)
    rank = np.arange(order.size) - np.repeat(np.cumsum(times) - times, times)
    spread = np.full((count, max(int(times.max(initial=0)), 1)), gather.size)
    spread[gather[order], rank] = order
    return gather.astype(np.int32), spread.reshape(-1).astype(np.int32)
