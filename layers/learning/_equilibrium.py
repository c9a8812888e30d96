"""Gradients through the state at which retrieval rests, by the implicit function theorem."""

from __future__ import annotations

import functools
import math
import sys
from typing import Any

from ...dynamics import backend, rollout
from ...dynamics.backend import Array
from ...dynamics.doors import checked, positive, warn, whole
from ...models import as_model
from ._fitted import TrainingWarning


def _tolerance(name: str, value: Any) -> float:
    return float(positive(name, value))


def _updates(name: str, value: Any) -> int:
    return whole(name, value, 1)


@checked(max_steps=_updates, tol=_tolerance)
def equilibrium(memory: Any, query: Any, *, max_steps: int = 1000, tol: float | None = None) -> Array:
    r"""The activation at which `retrieve` comes to rest, with gradients to patterns, beta and all that the rule holds.

    With T the update and z* = T(z*, theta), the gradient of a loss is

        dL/dtheta = (dT/dtheta)^T lambda,    lambda = dL/dz* + (dT/dz)^T lambda,

    and lambda is found by iterating its equation, which converges where updates do: the state is stable. Nothing is
    kept of the updates on the way, so that memory does not grow with their number. There is no gradient to the query,
    from which the answer does not depend within its basin.

    A sample whose updates do not rest, or whose lambda does not converge (as at the border of a basin), has gradients
    that are NaN; on PyTorch a warning says so.

    Parameters
    ----------
    memory : model of the universal family
        With PyTorch's or JAX's arrays. It may be built of traced arrays, inside of `jit`, `vmap` and `grad`.
    query : array (..., I)
        The cues.
    max_steps : int
        The most updates, and the most iterations for lambda.
    tol : float, optional
        Both rest when the largest change of a sample is below `tol` times its largest value; 0.01 sqrt(eps) of the
        dtype unless given.

    Returns
    -------
    array (..., I), or (..., O) with a projection
        The activation of the value neurons, or of the output neurons.

    References
    ----------
    Bai, Kolter & Koltun 2019, arXiv:1909.01377.

    Examples
    --------
    >>> import torch
    >>> from hopfield.models import ModernHopfield
    >>> patterns = torch.eye(3, dtype=torch.float64).requires_grad_()
    >>> state = equilibrium(ModernHopfield(patterns, beta=8.0), torch.tensor([0.9, 0.2, 0.1], dtype=torch.float64))
    >>> state[0].backward()
    >>> patterns.grad[0].numpy().round(3)
    array([ 1.01 , -0.003, -0.003])
    """
    return through(memory, query, max_steps, tol, math.nan)


def through(memory: Any, query: Any, most: int, tol: float | None, lost: float) -> Array:
    """The same, with `lost` in place of the gradients of samples that do not rest."""
    model: Any = as_model(memory)
    model = model.adiabatic()
    like = model.like
    bound = 0.01 * backend.epsilon(like) ** 0.5 if tol is None else tol
    match backend.backend_of(like):
        case "torch":
            return _with_torch(model, query, most, bound, lost)
        case "jax":
            return _with_jax(model, query, most, bound, lost)
    raise TypeError(
        "NumPy has no derivatives to send through a fixed point: retrieve(query) gives its state, and "
        'memory.to("torch") or memory.to("jax") one with gradients.'
    )


def _update(model: Any, widths: dict[str, int], z: Array) -> Array:
    """One update of all states, in one vector (B, D)."""
    states = rollout(model, _apart(widths, z), _span(model), 1)
    return backend.namespace(z).concat([states[name] for name in widths], axis=-1)


def _span(model: Any) -> float:
    """Updates go to the limit, or for one tau_value where there is no limit, as those of `retrieve`."""
    rule = model.parts
    closed = rule.leak > 0 or rule.similarity.answer(rule.separation.nonnegative).kind != "frozen"
    return float("inf") if closed else float(backend.to_numpy(model.tau_value))


def _apart(widths: dict[str, int], z: Array) -> dict[str, Array]:
    found, start = {}, 0
    for name, width in widths.items():
        found[name], start = z[..., start : start + width], start + width
    return found


def _begin(model: Any, query: Any) -> tuple[dict[str, int], Array]:
    states = model.start(query)
    widths = {name: int(x.shape[-1]) for name, x in states.items()}
    return widths, backend.namespace(states["value"]).concat(list(states.values()), axis=-1)


def _read(model: Any, widths: dict[str, int], z: Array) -> Array:
    name = "output" if "output" in widths else "value"
    return model.network.activations(_apart(widths, z))[name]


def _change(new: Array, old: Array) -> Array:
    """The largest change of each sample in units of its largest value."""
    xp = backend.namespace(new)
    size = xp.max(xp.abs(new), axis=-1)
    return xp.max(xp.abs(new - old), axis=-1) / xp.where(size > 0, size, 1.0)


def _across(model: Any, widths: dict[str, int], z: Array, found: Array) -> Array:
    """Without the part along the value neurons' state, where only its direction counts and its length stays."""
    rule = model.parts
    if not rule.similarity.ray or rule.leak != 0:
        return found
    xp, (v, *others) = backend.namespace(z), (_apart(widths, z)["value"], *_apart(widths, found).values())
    first = others[0] - v * xp.sum(v * others[0], axis=-1, keepdims=True) / xp.sum(v * v, axis=-1, keepdims=True)
    return xp.concat([first, *others[1:]], axis=-1)


# ------------------------------------------------------------------------------------------------------ PyTorch


def _with_torch(model: Any, query: Any, most: int, tol: float, lost: float) -> Array:
    torch = sys.modules["torch"]
    with torch.no_grad():
        still = backend.map_leaves(lambda leaf: leaf.detach() if backend.is_array(leaf) else leaf, model)
        widths, z = _begin(still, query)
        moved = torch.full(z.shape[:-1], torch.inf, dtype=z.dtype, device=z.device)
        for _ in range(most):
            new = _update(still, widths, z)
            moved, z = _change(new, z), new
            if bool((moved <= tol).all()):
                break
    fresh = backend.copied(model)  # without what it computed of its patterns before, perhaps without derivatives
    if not torch.is_grad_enabled():
        return _read(still, widths, z)
    found = _update(fresh, widths, z)
    if found.requires_grad:
        found.register_hook(functools.partial(_solved, still, widths, z, (moved <= tol, lost), (most, tol)))
    return _read(fresh, widths, found)


def _solved(
    model: Any, widths: dict[str, int], z: Array, end: tuple[Array, float], limits: tuple[int, float], given: Array
) -> Array:
    """lambda = given + (dT/dz)^T lambda; `lost` where it or the state does not rest."""
    torch, (rests, lost), (most, tol) = sys.modules["torch"], end, limits
    if given is None:  # where nothing depends on it
        return given
    given = _across(model, widths, z, given)
    with torch.enable_grad():
        at = z.detach().requires_grad_()
        after = _update(model, widths, at)
    found, moved = given, torch.full(given.shape[:-1], torch.inf, dtype=given.dtype, device=given.device)
    for _ in range(most):
        (back,) = torch.autograd.grad(after, at, found, retain_graph=True)
        new = given + _across(model, widths, z, back)
        moved, found = _change(new, found), new
        if bool((moved <= tol).all()):
            break
    good = (moved <= tol) & rests
    if math.isnan(lost) and not bool(good.all()):
        warn(
            f"{int((~good).sum())} of {good.numel()} cues do not rest within {most} updates, or at no stable state, "
            "and have no gradient (NaN). Give them more, max_steps=..., or leave them out.",
            TrainingWarning,
        )
    return torch.where(good[..., None], found, lost)


# ---------------------------------------------------------------------------------------------------------- JAX


def _with_jax(model: Any, query: Any, most: int, tol: float, lost: float) -> Array:
    widths, z = _begin(model, query)
    solve = _solver(tuple(widths.items()), most, float(tol), repr(lost))
    return _read(model, widths, solve(model, sys.modules["jax"].lax.stop_gradient(z)))


@functools.cache
def _solver(items: tuple[tuple[str, int], ...], most: int, tol: float, lost: str) -> Any:  # nan is not nan
    jax, widths = sys.modules["jax"], dict(items)

    def rest(step: Any, start: Array) -> tuple[Array, Array]:
        def goes_on(state: Any) -> Any:
            return (state[0] < most) & (state[2] > tol).any()

        def body(state: Any) -> Any:
            new = step(state[1])
            return state[0] + 1, new, _change(new, state[1])

        _, found, moved = jax.lax.while_loop(goes_on, body, (0, start, backend.full(start.shape[:-1], 1e30, start)))
        return found, moved <= tol

    @jax.custom_vjp
    def solve(model: Any, z: Array) -> Array:
        return rest(lambda y: _update(model, widths, y), z)[0]

    def forward(model: Any, z: Array) -> Any:
        found, rests = rest(lambda y: _update(model, widths, y), z)
        return found, (model, found, rests)

    def backward(kept: Any, given: Array) -> Any:
        model, z, rests = kept
        _, pull = jax.vjp(lambda y: _update(model, widths, y), z)
        given = _across(model, widths, z, given)
        found, good = rest(lambda one: given + _across(model, widths, z, pull(one)[0]), given)
        found = jax.numpy.where((good & rests)[..., None], found, float(lost))
        _, pull_model = jax.vjp(lambda one: _update(one, widths, z), model)
        return pull_model(found)[0], 0 * z

    solve.defvjp(forward, backward)
    return solve
