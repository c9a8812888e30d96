r"""Inference: hidden states at which the errors of the predictions are least, with what is known of the cue held.

With residuals r_0 = m (x_0 - p_0), r_k = x_k - p_k and p_k = W_k phi(x_(k+1)) + c_k (p_K the prior's mean, m the mask
of what is known), E = sum_k \|r_k\|^2/2, and a neuron that is not known adds nothing: it follows its prediction. The
hidden states z = (x_1, ..., x_K) move by

    (J^T J + lambda - diag(phi''(x_k) W_(k-1)^T r_(k-1))) u = -J^T r,

Newton's step with a damping lambda of each sample (a step of implicit Euler of length 1/lambda), solved by conjugate
gradients with products alone, and by those up to the first direction of negative curvature. A step is taken where E
falls, and lambda grows where it does not, so that E never rises.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ._transfers import Transfer

DAMPING = (1e-12, 1e12)
FORCING = 0.1  # of the residual of the linear system, at most


class Layers(NamedTuple):
    """Weights W_k (n_k, n_(k+1)) and offsets c_k (n_k,), the last one the prior's mean."""

    weights: tuple[Array, ...]
    offsets: tuple[Array, ...]
    transfer: Transfer

    def predictions(self, hidden: list[Array]) -> list[Array]:
        """p_0, ..., p_(K-1) of hidden states x_1, ..., x_K."""
        return [
            self.transfer.value(x) @ w.T + c for w, c, x in zip(self.weights, self.offsets[:-1], hidden, strict=True)
        ]

    def generated(self) -> list[Array]:
        """What the prior's mean generates: the states x_0, ..., x_K without any error."""
        states = [self.offsets[-1]]
        for w, c in zip(self.weights[::-1], self.offsets[-2::-1], strict=True):
            states.insert(0, self.transfer.value(states[0]) @ w.T + c)
        return states

    def residuals(self, cue: Array, mask: Array, hidden: list[Array]) -> list[Array]:
        """r_0, ..., r_K."""
        below = [cue, *hidden]
        made = [*self.predictions(hidden), self.offsets[-1]]
        found = [x - p for x, p in zip(below, made, strict=True)]
        return [mask * found[0], *found[1:]]


class Settled(NamedTuple):
    """Hidden states (B, n_k), E (B,), the steps taken, and what is left of the slope, in parts of its terms."""

    hidden: list[Array]
    energy: Array
    steps: np.ndarray
    residual: np.ndarray


def settle(
    layers: Layers, cue: Array, mask: Array, hidden: list[Array], most: int, bound: float, krylov: int = 200
) -> Settled:
    """At most `most` steps of a batch (B, n) until the slope is `bound` times the size of its parts."""
    xp, count = backend.namespace(cue), cue.shape[0]
    lam = xp.ones_like(cue[:, 0])
    energy = _energy(layers.residuals(cue, mask, hidden))
    steps, left = np.zeros(count, dtype=int), np.full(count, np.inf)
    tiny = 8 * backend.epsilon(cue)
    for _ in range(most + 1):
        r = layers.residuals(cue, mask, hidden)
        slope, size = _slope(layers, r, hidden)
        norm = _norm(slope)
        left = np.asarray(backend.to_numpy(norm / xp.where(size > 0, size, size + 1)), dtype=float)
        going = (left > bound) & (steps < most)
        if not going.any():
            break
        move = _step(layers, mask, r, hidden, slope, lam, krylov)
        moved = [x + u for x, u in zip(hidden, move, strict=True)]
        after = _energy(layers.residuals(cue, mask, moved))
        falls = (after <= energy + tiny * xp.abs(energy)) & backend.asarray(going, energy == energy)
        flat = after >= energy * (1 - tiny)  # E says no more: the slope must
        shrinks = _norm(_slope(layers, layers.residuals(cue, mask, moved), moved)[0]) < norm
        taken = falls & (~flat | shrinks)
        hidden = [xp.where(taken[:, None], new, x) for new, x in zip(moved, hidden, strict=True)]
        energy = xp.where(taken, after, energy)
        lam = xp.clip(xp.where(taken, lam / 10, lam * 10), *DAMPING)
        steps = steps + going
        stuck = backend.to_numpy(~taken & (lam >= DAMPING[1]))
        if (stuck | ~going).all():
            break
    return Settled(hidden, energy, steps, left)


def _energy(residuals: list[Array]) -> Array:
    return sum((backend.dot(r, r) / 2 for r in residuals[1:]), backend.dot(residuals[0], residuals[0]) / 2)


def _slope(layers: Layers, r: list[Array], hidden: list[Array]) -> tuple[list[Array], Array]:
    """J^T r by layer, and the size of the parts that cancel in it."""
    xp = backend.namespace(r[0])
    found, total = [], 0.0
    for k, x in enumerate(hidden, 1):
        pulled = layers.transfer.slope(x) * (r[k - 1] @ layers.weights[k - 1])
        found.append(r[k] - pulled)
        lengths = backend.dot(r[k], r[k]) + backend.dot(pulled, pulled) + backend.dot(x, x) * backend.epsilon(x)
        total = total + lengths
    return found, xp.sqrt(total)


def _norm(parts: list[Array]) -> Array:
    return backend.namespace(parts[0]).sqrt(_inner(parts, parts))


def _inner(a: list[Array], b: list[Array]) -> Array:
    return sum((backend.dot(x, y) for x, y in zip(a[1:], b[1:], strict=True)), backend.dot(a[0], b[0]))


def _step(
    layers: Layers, mask: Array, r: list[Array], hidden: list[Array], slope: list[Array], lam: Array, krylov: int
) -> list[Array]:
    """The damped Newton step by conjugate gradients, one coefficient a sample."""
    xp = backend.namespace(mask)
    slopes = [layers.transfer.slope(x) for x in hidden]
    bends = [
        layers.transfer.bend(x) * (r[k] @ layers.weights[k]) if not layers.transfer.linear else None
        for k, x in enumerate(hidden)
    ]

    def product(u: list[Array]) -> list[Array]:
        down = [(s * v) @ w.T for s, v, w in zip(slopes, u, layers.weights, strict=True)]
        change = [-mask * down[0], *(v - d for v, d in zip(u[:-1], down[1:], strict=True)), u[-1]]
        found = []
        for k, v in enumerate(u):
            one = change[k + 1] - slopes[k] * (change[k] @ layers.weights[k]) + lam[:, None] * v
            found.append(one if bends[k] is None else one - bends[k] * v)
        return found

    first = _inner(slope, slope)
    goal = first * xp.minimum(xp.sqrt(first), xp.ones_like(first) * FORCING) ** 2
    move: list[Array] = [0 * g for g in slope]
    rest: list[Array] = [-g for g in slope]
    ahead, square = rest, first
    on = square > 0
    for k in range(min(krylov, 2 * sum(x.shape[-1] for x in hidden))):
        turned = product(ahead)
        curved, length = _inner(ahead, turned), _inner(ahead, ahead)
        upward = curved > 0
        if k == 0:  # down the slope where even that is a ridge
            down = on & ~upward
            move = [xp.where(down[:, None], v, m) for v, m in zip(ahead, move, strict=True)]
        on = on & upward
        factor = xp.where(on, square / xp.where(on, curved, length + 1), 0 * square)[:, None]
        move = [m + factor * v for m, v in zip(move, ahead, strict=True)]
        rest = [x - factor * t for x, t in zip(rest, turned, strict=True)]
        new = _inner(rest, rest)
        on = on & (new > goal)
        if not bool(xp.any(on)):
            break
        again = xp.where(on, new / xp.where(square > 0, square, square + 1), 0 * new)[:, None]
        ahead = [x + again * v for x, v in zip(rest, ahead, strict=True)]
        square = new
    return move


def held(mask: Any, like: Array) -> Array:
    """A mask of bools as numbers of an array's kind."""
    xp = backend.namespace(like)
    return xp.where(mask, xp.ones_like(like), xp.zeros_like(like))
