"""Derivatives, loops and compilation, which the array API standard leaves out; the rest is written once against it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import array_api_compat as compat
import numpy as np

from ._libraries import Array, backend_of, full, namespace
from ._threads import in_parts
from ._tracing import is_autocast, uncast


def batched(*values: Array) -> list[Array]:
    """Arrays (..., n) of widths of their own with their batch axes broadcast against one another."""
    shape = np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in values))
    return [x if x.shape[:-1] == shape else x + full((*shape, x.shape[-1]), 0.0, x) for x in values]


def cityblock(rows: Array, others: Array) -> Array:
    """City-block distances (B, N) between the rows of (B, I) and (N, I), without a B x N x I temporary.

    PyTorch and JAX take batch axes in front of both.
    """
    match backend_of(rows):
        case "numpy":
            from scipy.spatial.distance import cdist

            wide = others.astype(float, copy=False)  # what SciPy computes in, whichever thread it is in
            work = rows.shape[0] * others.size
            return in_parts(lambda part: cdist(part, wide, "cityblock"), rows, work).astype(rows.dtype, copy=False)
        case "torch":
            try:
                return sys.modules["torch"].cdist(rows, others, p=1.0)
            except NotImplementedError:  # in forward mode (jvp) it has no derivative
                return _broadcast_cityblock(namespace(rows), rows, others)
    xp = namespace(rows)  # XLA fuses the subtraction into the sum
    return compiled(_broadcast_cityblock, rows)(xp, rows, others)


def _broadcast_cityblock(xp: Any, rows: Array, others: Array) -> Array:
    return xp.sum(xp.abs(rows[..., :, None, :] - others[..., None, :, :]), axis=-1)


# --------------------------------------------------------------------------------- derivatives, compilation


def gradient(function: Callable[[Array], Array], x: Array, what: str = "a gradient") -> Array:
    """Gradient in x of a function (..., n) -> (...), one gradient for each sample."""
    xp = namespace(x)
    if compat.is_jax_namespace(xp):
        return sys.modules["jax"].grad(lambda y: xp.sum(function(y)))(x)
    if compat.is_torch_namespace(xp):
        return sys.modules["torch"].func.grad(lambda y: xp.sum(function(y)))(x)
    raise TypeError(
        f"NumPy arrays have no automatic differentiation: give {what} by hand, or use JAX or PyTorch arrays, "
        'for which it is derived: memory.to("jax").'
    )


def directional(function: Callable[[Array], Array], x: Array, u: Array, what: str = "a derivative") -> Array:
    """Derivative of ``function`` at x in the direction u; their batch axes broadcast."""
    xp = namespace(x)
    x, u = batched(x, u)
    if compat.is_jax_namespace(xp):
        return sys.modules["jax"].jvp(function, (x,), (u,))[1]
    if compat.is_torch_namespace(xp):
        return sys.modules["torch"].func.jvp(function, (x,), (u,))[1]
    raise TypeError(
        f"NumPy arrays have no automatic differentiation: give {what} by hand, or use JAX or PyTorch arrays, "
        'for which it is derived: memory.to("jax").'
    )


@functools.cache
def _jitted(function: Callable) -> Callable:
    import jax

    return jax.jit(function, static_argnums=0)


def repeat(body: Callable[[Any, Any], Any], state: Any, times: int) -> Any:
    """state = body(k, state) for k = 0..times-1 in a compiled JAX program, as a loop of the program."""
    return sys.modules["jax"].lax.fori_loop(0, times, body, state)


def repeated(body: Callable[[Any, Any], Any], state: Any, times: Any, like: Array) -> Any:
    """state = body(k, state) for k = 0..times-1: a loop of the program on JAX, where `times` may be traced."""
    if backend_of(like) == "jax":
        return sys.modules["jax"].lax.fori_loop(0, times, body, state)
    for k in range(times):
        state = body(k, state)
    return state


def whilst(more: Callable[[Any], Any], body: Callable[[Any], Any], state: Any, like: Array) -> Any:
    """state = body(state) while more(state): a loop of the program on JAX."""
    if backend_of(like) == "jax":
        return sys.modules["jax"].lax.while_loop(more, body, state)
    while more(state):
        state = body(state)
    return state


def iterated(body: Callable[[Any], Any], state: Any, times: int, like: Array, seen: Callable[[Any], Any]) -> Any:
    """The state after `times` of state = body(state), and a dict of arrays `seen` after each, stacked (or None).

    One loop of the program on JAX (`lax.scan`), a plain loop elsewhere; derivatives pass through both.
    """
    if backend_of(like) == "jax":

        def step(carried: Any, _: None) -> Any:
            carried = body(carried)
            return carried, seen(carried)

        return sys.modules["jax"].lax.scan(step, state, None, length=times)
    found = []
    for _ in range(times):
        state = body(state)
        found.append(seen(state))
    if found[0] is None:
        return state, None
    return state, {name: namespace(x).stack([one[name] for one in found]) for name, x in found[0].items()}


def compiled(function: Callable, like: Array) -> Callable:
    """``function(settings, *arguments)`` compiled where the library compiles (JAX), else as it is.

    ``settings`` is hashable and decides the program; structures among the arguments stay arguments, so a
    stored matrix is never baked into a compiled program. `torch.autocast` does not reach into it.
    """
    if type(like) is np.ndarray:
        return function
    if backend_of(like) == "jax":
        return _jitted(function)
    return uncast(function) if is_autocast() else function
