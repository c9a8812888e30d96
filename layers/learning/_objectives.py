"""Losses with their gradients, on each library: PyTorch and JAX derive them, and NumPy has those of a matrix."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.network import tolerance
from ...models import LearnedSimilarity
from ._equilibrium import through
from ._pairs import contrastive, of_matrix, separation

Weights = dict[str, Array]


class Setting(NamedTuple):
    """What a loss is of besides weights and batch; all of it decides the program."""

    loss: str
    max_steps: int = 1000


def of_similarity(setting: Setting, one: LearnedSimilarity, weights: Weights, cues: Array, rows: Array) -> Array:
    """The loss of an encoder with these weights."""
    suited = backend.copied(one, encoder=one.phi.trained(weights).given)
    coded = suited.encode(rows)
    if setting.loss == "separation":
        return separation(coded)
    return contrastive(cues, rows, suited.encode(cues), coded, one.ridge)


def with_weights(model: Any, weights: Weights) -> Any:
    """A similarity or a memory with other weights; beta is given by its logarithm."""
    if isinstance(model, LearnedSimilarity):
        return backend.copied(model, encoder=model.phi.trained(weights).given)
    changes = {FIELDS[name]: value for name, value in weights.items()}
    if "beta" in changes:
        changes["beta"] = backend.namespace(changes["beta"]).exp(changes["beta"])
    return backend.copied(model, **changes)


FIELDS = {"patterns": "memories", "beta": "beta", "projection": "projection"}


def of_memory(setting: Setting, memory: Any, weights: Weights, cues: Array, targets: Array) -> Array:
    """The mean squared error of what a memory with these weights answers."""
    trained = with_weights(memory, weights)
    if setting.loss == "recall":
        answer = trained.recall(cues)
    else:
        answer = through(trained, cues, setting.max_steps, tolerance(cues), 0.0)
    return backend.namespace(answer).mean((answer - targets) ** 2)


def with_gradient(setting: Setting, model: Any, like: Array) -> Callable[[Weights, Array, Array], tuple[Any, Weights]]:
    """The function (weights, cues, targets) -> loss, gradient."""
    is_similarity = isinstance(model, LearnedSimilarity)
    loss = functools.partial(of_similarity if is_similarity else of_memory, setting)
    match backend.backend_of(like):
        case "torch":
            return functools.partial(_by_torch, loss, model)
        case "jax":
            return functools.partial(_by_jax(setting, is_similarity), model)
    if not (is_similarity and model.linear_encoder):
        raise TypeError(
            "NumPy has no derivatives: move the memory and its examples to PyTorch or JAX, memory.to('torch'), or "
            "train an encoder that is a matrix."
        )

    def by_hand(weights: Weights, cues: Array, rows: Array) -> tuple[Any, Weights]:
        value, slope = of_matrix(setting.loss)(weights["matrix"], (cues, rows), model.ridge)
        return value, {"matrix": slope}

    return by_hand


def _by_torch(loss: Any, model: Any, weights: Weights, cues: Array, targets: Array) -> tuple[Any, Weights]:
    torch = sys.modules["torch"]
    with torch.enable_grad():
        leaves = {name: one.detach().requires_grad_() for name, one in weights.items()}
        value = loss(model, leaves, cues, targets)
        slopes = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
    pairs = zip(leaves.items(), slopes, strict=True)
    return value.detach(), {name: torch.zeros_like(one) if slope is None else slope for (name, one), slope in pairs}


@functools.cache
def _by_jax(setting: Setting, is_similarity: bool) -> Any:
    jax, loss = sys.modules["jax"], functools.partial(of_similarity if is_similarity else of_memory, setting)

    def run(model: Any, weights: Weights, cues: Array, targets: Array) -> Any:
        return jax.value_and_grad(lambda one: loss(model, one, cues, targets))(weights)

    return jax.jit(run)
