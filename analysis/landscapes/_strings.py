"""The string method: paths of least energy between two states, many pairs at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked, quiet
from ...dynamics.integrators import Relaxation
from .. import _declared as declared
from ..flow import (
    DENSE,
    Flow,
    canonical,
    check_counts,
    columns,
    contraction_rate,
    few_memory,
    flow_of,
    on_sphere,
    states_of,
)
from ..results import Budget
from ._broken_lines import equal_arcs, tops_between
from ._short_strings import strings_by_few

LOOKED = 128  # images of a batch whose fastest contraction sets the step
ELEMENTS = 2**23  # numbers in one batch of strings


class Strings(NamedTuple):
    """What `string_method` returns for P pairs with M images each.

    Attributes
    ----------
    path : array (P, M, D)
        The images, at equal arc lengths.
    energy : array (P, M)
        Their energies.
    bound : array (P,)
        The largest energy on the path, straight between images and looked at eight times on each segment, with
        room for a parabola between looks: what a path that exists needs, so that the barrier is no higher (up to
        what a parabola leaves out).
    move : array (P,)
        How far the images still moved in the last step, in units of the path's length.
    steps : int
        How many steps were taken.

    Examples
    --------
    >>> energy = np.array([[0.0, 2.0, 1.0, 3.0, 0.0]])
    >>> Strings(np.zeros((1, 5, 2)), energy, energy.max(axis=1), np.zeros(1), 1).tops(0)
    array([1, 3])
    """

    path: np.ndarray
    energy: np.ndarray
    bound: np.ndarray
    move: np.ndarray
    steps: int

    def tops(self, pair: int) -> np.ndarray:
        """The inner images that are higher than both neighbours."""
        e = self.energy[pair]
        return np.flatnonzero((e[1:-1] > e[:-2]) & (e[1:-1] >= e[2:])) + 1


@quiet
@checked(**declared.STRING_METHOD)
def string_method(
    memory: Any,
    start: Any,
    end: Any,
    *,
    images: int = 41,
    steps: int = 300,
    tol: float = 1e-4,
    bend: float = 0.05,
    seed: int = 0,
) -> Strings:
    r"""Relax strings of images between pairs of states to paths of least energy (the simplified string method).

    Every image follows the flow for a step, x += dt F(x), and the images are put back to equal arc lengths. At the
    limit the flow is along the string, which then runs from minimum to minimum over saddles of index 1. The step is
    the longest that is stable where the flow contracts fastest; where forces jump it is one of `Relaxation`, as long as
    a tenth of `Field.clock`. Where fixed points form rays (cosine with leak 0) strings lie on the sphere.

    Parameters
    ----------
    memory : model, Network or Field
        With an energy. A model is taken in its adiabatic limit.
    start, end : arrays (P, D) or (D,)
        The ends of each string, states of all populations (`FixedPoints.state`), which stay where they are.
    images : int
        How many there are on each.
    steps : int
        The most steps.
    tol : float
        Ends when no image moves by more than this, in units of the string's length, in a step.
    bend : float
        The first string is a straight line, bent to a side drawn at random by this part of its length, since a
        straight line between symmetric states may be balanced on a ridge.
    seed : int
        Of the side.

    Returns
    -------
    Strings
        Paths, energies, bounds.

    References
    ----------
    E, Ren & Vanden-Eijnden 2007, J. Chem. Phys. 126, 164103, doi:10.1063/1.2720838.

    Examples
    --------
    >>> from hopfield.analysis import field
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]]), beta=2.0)
    >>> minimum = np.array([[0.957504, 0.0]])
    >>> (string_method(memory, minimum, -minimum).bound - field(memory).energy(minimum)).round(3)  # exact: 0.163262
    array([0.163])
    """
    return laid(Budget(), flow_of(memory), start, end, images, steps, tol, bend, seed)


def laid(
    budget: Budget,
    flow: Flow,
    start: Any,
    end: Any,
    images: int = 41,
    steps: int = 300,
    tol: float = 1e-4,
    bend: float = 0.05,
    seed: int = 0,
) -> Strings:
    """`string_method` within a budget: of the first pairs, as many as it lasts for.

    >>> from hopfield.models import ModernHopfield
    >>> flow, rows = flow_of(ModernHopfield(np.eye(2), beta=8.0)), np.eye(2)
    >>> laid(Budget(), flow, rows[:1], rows[1:], images=5).energy.argmax()
    np.int64(2)
    """
    if not flow.field.conservative:
        raise ValueError("A string of least energy needs an energy, and this flow is not the gradient of one.")
    check_counts(images=(images, 3), steps=(steps, 1))
    start, end = (states_of(flow.field, side).astype(float) for side in (start, end))
    if len(start) != len(end):
        raise ValueError(f"Every string needs both ends, got {len(start)} starts and {len(end)} ends.")
    if (sphere := on_sphere(flow.field)) is not flow.field:
        one, other = canonical(sphere, start), canonical(sphere, end)
        found = laid(budget, flow_of(sphere), one, other, images, steps, tol, bend, seed)
        path = _at_lengths(flow, found.path, start[: len(found.path)], end[: len(found.path)])
        energy = flow.energy(path.reshape(-1, flow.size)).reshape(path.shape[:-1])  # without what holds the length
        return found._replace(path=path, energy=energy)
    few = flow.size > DENSE and flow.smooth and few_memory(flow.field) is not None
    chunk = max(1, ELEMENTS // (images * flow.size))
    parts = [
        _by_few_or_all(budget, flow, start[k : k + chunk], end[k : k + chunk], images, steps, tol, bend, seed + k, few)
        for k in budget.each("batches of paths", range(0, len(start), chunk))
    ]
    if not parts:
        empty = np.zeros((0, images))
        return Strings(np.zeros((0, images, flow.size)), empty, empty[:, 0], empty[:, 0], 0)
    path, energy, bound, move, count = zip(*parts, strict=True)
    return Strings(*(np.concatenate(part) for part in (path, energy, bound, move)), steps=max(count))


def _by_few_or_all(
    budget: Budget, flow: Flow, start: np.ndarray, end: np.ndarray, *settings: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Strings by the few patterns that take part on them, where they are few, and all others by the whole flow."""
    *whole, few = settings
    if not few:
        return _strings(budget, flow, start, end, *whole)
    images = settings[0]
    path, energy = np.zeros((len(start), images, flow.size)), np.zeros((len(start), images))
    bound, move, count = np.full(len(start), np.inf), np.full(len(start), np.inf), 0
    left = np.ones(len(start), dtype=bool)
    for rows, found in strings_by_few(budget, flow, start, end, *whole):
        path[rows], bound[rows], move[rows], steps = found
        energy[rows] = flow.energy(path[rows])
        left[rows], count = False, max(count, steps)
    if left.any():
        path[left], energy[left], bound[left], move[left], steps = _strings(
            budget, flow, start[left], end[left], *whole
        )
        count = max(count, steps)
    return path, energy, bound, move, count


def _strings(
    budget: Budget,
    flow: Flow,
    start: np.ndarray,
    end: np.ndarray,
    images: int,
    steps: int,
    tol: float,
    bend: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    t = np.linspace(0, 1, images)[None, :, None]
    along = (end - start)[:, None, :]
    side = np.random.default_rng(seed).normal(size=along.shape)
    side -= along * (side * along).sum(-1, keepdims=True) / (along**2).sum(-1, keepdims=True).clip(1e-300)
    norm = np.linalg.norm(side, axis=-1, keepdims=True)
    side *= bend * np.linalg.norm(along, axis=-1, keepdims=True) / np.where(norm > 0, norm, 1.0)
    path = start[:, None, :] + t * along + np.sin(np.pi * t) * side
    path[:, 1:-1] = flow.canonical(path[:, 1:-1])  # a chord of the sphere may pass its centre
    moved, dt, count = np.full(len(path), np.inf), 0.0, 0
    active = np.ones(len(path), dtype=bool)
    for count in range(1, steps + 1):
        if count in (1, 20, 100):
            some = path[active].reshape(-1, flow.size)
            some = some[np.random.default_rng(seed).permutation(len(some))[:LOOKED]]
            dt = 1.0 / contraction_rate(flow, some, seed=seed) if flow.smooth else 0.1
        here = path[active]
        new = here.copy()
        new[:, 1:-1] = _stepped(flow, here[:, 1:-1].reshape(-1, flow.size), dt).reshape(new[:, 1:-1].shape)
        new, length = equal_arcs(new, np.linalg.norm(np.diff(new, axis=1), axis=-1))
        moved[active] = np.linalg.norm(new - here, axis=-1).max(-1) / length
        path[active] = new
        active &= moved > tol
        if not active.any():
            break
        if budget.spent:
            budget.skip("the lowest paths: some were not relaxed to the end")
            break
    energy = flow.energy(path)
    return path, energy, _highest(flow, path), moved, count


def _stepped(flow: Flow, x: np.ndarray, dt: float) -> np.ndarray:
    """States (B, D) after a step dt: explicit, but that of `Relaxation` where forces jump.

    An explicit step leaps over a kink to and fro, and where it ends is a matter of rounding.
    """
    if flow.smooth:
        return x + dt * flow.velocity(x)
    net = flow.field
    states = net.states(net.asarray(x.astype(backend.to_numpy(net.like).dtype)))
    bound = net.network.bound()
    step = Relaxation().step(bound, bound.at(states), dt * flow.clock)
    return backend.to_numpy(net.flatten(step.point.states)).astype(float)


def _at_lengths(flow: Flow, path: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Paths (P, M, D) of the unit sphere with lengths that go from that of the start to that of the end."""
    where = columns(flow.field)
    assert where is not None
    ends = [np.linalg.norm(x[:, None, where], axis=-1, keepdims=True) for x in (start, end)]
    part = np.linspace(0.0, 1.0, path.shape[1])[:, None]
    path = path.copy()
    path[..., where] *= (1 - part) * ends[0] + part * ends[1]
    return path


def _highest(flow: Flow, path: np.ndarray, looks: int = 8) -> np.ndarray:
    """The largest energy on the broken lines (P, M, D), looked at `looks` times on each segment."""
    gaps = np.diff(path, axis=1)
    columns = [flow.energy(path[:, :-1] + k / looks * gaps) for k in range(looks)]
    return tops_between(np.stack(columns, axis=-1), flow.energy(path[:, -1]))
