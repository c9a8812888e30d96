"""Training of an autoencoder by the optimisers of PyTorch, or of optax on JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import warn
from ..predictive import TRANSFERS

GROWTH = 1e3  # times the least loss: training has diverged


class Trained(NamedTuple):
    """What training gave.

    Attributes
    ----------
    model : Autoencoder
        With the weights of the least loss.
    loss : array (T,)
        The mean squared error before each step.
    result : str
        Why it ended, in a sentence.
    diverged : bool
        Whether it was stopped because the loss grew.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import Autoencoder
    >>> Autoencoder.random([3, 9, 3]).train(np.eye(3), steps=2, library="torch").result
    'All 2 steps were made: the mean squared error is ...'
    """

    model: Any
    loss: np.ndarray
    result: str
    diverged: bool = False


def minimised(
    f: Any, patterns: np.ndarray, steps: int, rate: float, tol: float, tied: bool, offsets: bool, library: str
) -> Trained:
    """Adam's steps from an autoencoder's weights; see `Autoencoder.train`.

    >>> from hopfield.models import Autoencoder
    >>> minimised(Autoencoder.random([3, 9, 3]), np.eye(3), 4, 1e-3, 0.0, False, True, "torch").loss.shape
    (4,)
    """
    kind = backend.dtype_name(f.weights[0])
    weights = [backend.to_numpy(w) for w in (f.weights[:1] if tied else f.weights)]
    shifts = [backend.to_numpy(b) for b in f.offsets]
    if tied:
        shifts[0] = 0 * shifts[0]
    trained = [*weights, *(shifts[1:] if tied else shifts)] if offsets else list(weights)

    def parts(values: list[Any]) -> tuple[list[Any], list[Any]]:
        """All weights and offsets, of what is trained."""
        A = [values[0], values[0].T] if tied else list(values[: len(weights)])
        rest = list(values[len(weights) :])
        if not offsets:
            return A, [_beside(b, values[0]) for b in shifts]
        return A, [_beside(shifts[0], values[0]), *rest] if tied else rest

    phi = TRANSFERS[f.activation].value

    def loss(values: list[Any], x: Any) -> Any:
        A, b = parts(values)
        made = x
        for w, c in zip(A[:-1], b[:-1], strict=True):
            made = phi(made @ w.T + c)
        return ((made @ A[-1].T + b[-1] - x) ** 2).mean()

    stepper = (_torch if library == "torch" else _jax)(loss, trained, patterns.astype(kind), rate)
    best, least, losses, result, diverged = trained, np.inf, [], "", False
    for k in range(steps):
        values, now = stepper()
        losses.append(now)
        if not now <= GROWTH * least and k:
            result, diverged = (
                (
                    f"Training diverged at step {k + 1}: the mean squared error is {now:.3g}, after {least:.3g} at its "
                    f"least, whose weights are kept. Take a smaller rate (it is {rate:g})."
                ),
                True,
            )
            break
        if now < least:
            best, least = values(), now
        if now <= tol:
            result = f"The mean squared error is {now:.3g} after {k} steps."
            break
    result = result or f"All {steps} steps were made: the mean squared error is {least:.3g} at its least."
    if diverged:
        warn(result)
    A, b = parts(best)
    return Trained(type(f)(A, b, activation=f.activation), np.asarray(losses), result, diverged)


def _beside(array: np.ndarray, like: Any) -> Any:
    return backend.asarray(array, like)


Stepper = Callable[[], tuple[Callable[[], list[np.ndarray]], float]]


def _torch(loss: Callable[..., Any], values: list[np.ndarray], patterns: np.ndarray, rate: float) -> Stepper:
    torch = backend.optional_import("torch")
    leaves = [torch.tensor(v.copy(), requires_grad=True) for v in values]
    x, optimiser = torch.tensor(patterns), torch.optim.Adam(leaves, lr=rate)

    def step() -> tuple[Callable[[], list[np.ndarray]], float]:
        optimiser.zero_grad()
        found = loss(leaves, x)
        before = [leaf.detach().numpy().copy() for leaf in leaves]
        found.backward()
        optimiser.step()
        return (lambda: before), float(found.detach())

    return step


def _jax(loss: Callable[..., Any], values: list[np.ndarray], patterns: np.ndarray, rate: float) -> Stepper:
    jax = backend.optional_import("jax")
    optax = backend.optional_import("optax", "jax")
    (x, *leaves), optimiser = backend.move([patterns, *values], "jax"), optax.adam(rate)
    kept = [leaves, optimiser.init(leaves)]

    @jax.jit
    def move(leaves: Any, state: Any) -> Any:
        found, slopes = jax.value_and_grad(loss)(leaves, x)
        changes, state = optimiser.update(slopes, state, leaves)
        return optax.apply_updates(leaves, changes), state, found

    def step() -> tuple[Callable[[], list[np.ndarray]], float]:
        before = kept[0]
        *kept[:], found = move(*kept)
        return (lambda: [np.asarray(leaf) for leaf in before]), float(found)

    return step
