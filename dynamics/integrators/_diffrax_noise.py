"""The solvers of diffrax for stochastic differential equations: additive noise on any network, for JAX states."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, optional_import, unknown_name
from ..network import Network
from ._base import Solution, States, no_limit

FINEST = 2.0**-12  # of t1: how finely a Brownian path is known, so that it is one path for steps of any length


@dataclass(frozen=True)
class _Program:
    settings: Any
    keep: tuple[str, ...]
    every_step: bool


def solve_noisy(
    settings: Any,
    network: Network,
    states: States,
    t1: float,
    save_at: np.ndarray | None,
    clamp: Mapping[str, Array],
    keep: Sequence[str],
    sigma: Mapping[str, np.ndarray],
    seed: int,
) -> Solution:
    """One compiled solve of dx = x' dt + sigma dW for a batch, in equal steps that end on the save times.

    The path of W follows from the seed and t1 alone, not from dt: solves with other steps see the same noise.
    """
    like = next(iter(states.values()))
    solver_of(settings)
    grid = _grid(t1, save_at, settings.dt)
    widths = {name: np.broadcast_to(sigma.get(name, 0.0), (x.shape[-1],)) for name, x in states.items()}
    strengths = {name: backend.asarray(np.array(width), like) for name, width in widths.items()}
    times = None if save_at is None else backend.asarray(save_at, like)
    program = _Program(settings, tuple(keep), save_at is None)
    run = backend.compiled(_solve, like)
    key = optional_import("jax").random.PRNGKey(seed)
    saved, final = run(program, network, states, times, backend.asarray(grid, like), dict(clamp), strengths, key)
    _, kept, energy, scale = saved  # rows (B, T, ...)
    failed = ~np.isfinite(backend.to_numpy(energy)).all()
    length = len(grid) if save_at is None else len(save_at)
    xp = backend.namespace(like)
    size = int(like.shape[0])
    return Solution(
        times=grid if save_at is None else save_at,
        states={name: xp.moveaxis(x, 0, 1)[:length] for name, x in kept.items()},
        energy=xp.moveaxis(energy, 0, 1)[:length],
        energy_scale=xp.moveaxis(scale, 0, 1)[:length],
        final={name: x[:, 0] for name, x in final.items()},
        reached=np.full(size, t1),
        steps=np.full(size, len(grid) - 1),
        evaluations=0,
        notes={"evaluations": None, "solver": settings.solver_name, "noise": "additive"},
        failure=f"With dt={settings.dt:g} a state ran away." if failed else "",
    )


def solver_of(settings: Any) -> Any:
    """The solver object, after refusing those that are not for noise, and steps that nobody gave."""
    diffrax = optional_import("diffrax", "jax")
    known = sorted(name for name, kind in vars(diffrax).items() if _fits(diffrax, kind))
    name = settings.solver_name
    if name not in known:
        raise unknown_name("diffrax solver of stochastic differential equations", name, known)
    if settings.dt >= no_limit:
        raise ValueError(f'Noise is integrated in equal steps: give one, Diffrax("{name}", dt=0.01).')
    return getattr(diffrax, name)() if isinstance(settings.solver, str) else settings.solver


def _fits(diffrax: Any, kind: Any) -> bool:
    """Whether a member of diffrax solves Ito's or Stratonovich's equations, without inertia, from no arguments."""
    if not isinstance(kind, type) or kind.__name__.startswith("Abstract"):
        return False
    if not issubclass(kind, diffrax.AbstractItoSolver | diffrax.AbstractStratonovichSolver):
        return False
    return "Underdamped" not in str(getattr(kind, "term_structure", ""))


def _grid(t1: float, save_at: np.ndarray | None, dt: float) -> np.ndarray:
    """Equal steps of at most dt between the times to save."""
    ends = [0.0, *([] if save_at is None else save_at[(save_at > 0) & (save_at < t1)].tolist()), t1]
    parts = [np.zeros(1)]
    for a, b in itertools.pairwise(ends):
        parts.append(np.linspace(a, b, max(1, math.ceil((b - a) / dt - 1e-9)) + 1)[1:])
    return np.concatenate(parts)


def _solve(
    program: _Program,
    network: Network,
    states: States,
    times: Any,
    grid: Array,
    clamp: dict[str, Array],
    strengths: dict[str, Array],
    key: Any,
) -> Any:
    import diffrax
    import jax
    import jax.numpy as jnp
    import lineax

    solver, t1 = solver_of(program.settings), grid[-1]
    least = getattr(solver, "minimal_levy_area", diffrax.AbstractBrownianIncrement)
    kinds = (diffrax.BrownianIncrement, diffrax.SpaceTimeLevyArea, diffrax.SpaceTimeTimeLevyArea)
    area = next(kind for kind in kinds if issubclass(kind, least))
    shape = {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in strengths.items()}

    def velocity(t: Any, y: States, args: Any) -> States:
        return args[0].velocity(y, args[1])

    def diffusion(t: Any, y: States, args: Any) -> Any:
        return lineax.DiagonalLinearOperator(args[2])

    def record(t: Any, y: States, args: Any) -> Any:
        evaluation = args[0].evaluate(y)
        energy = args[0].energy(y, evaluation), args[0].energy_scale(y, evaluation)
        return t, {name: y[name] for name in program.keep}, *energy

    def one(y0: States, mask: States, own: Any) -> Any:
        held = {n: jnp.where(mask[n], 0.0, x) if n in mask else x for n, x in strengths.items()}
        path = diffrax.VirtualBrownianTree(0.0, t1, FINEST * t1, shape, own, levy_area=area)
        what: Any = {"t0": True, "steps": True} if program.every_step else {"ts": times}
        solution = diffrax.diffeqsolve(
            diffrax.MultiTerm(diffrax.ODETerm(velocity), diffrax.ControlTerm(diffusion, path)),
            solver,
            0.0,
            t1,
            None,
            y0,
            (network, mask, held),
            saveat=diffrax.SaveAt(
                subs=[diffrax.SubSaveAt(**what, fn=record), diffrax.SubSaveAt(t1=True, fn=lambda t, y, args: y)]
            ),
            stepsize_controller=diffrax.StepTo(ts=grid),
            max_steps=len(grid),
            throw=False,
        )
        saved, final = solution.ys  # pyright: ignore[reportGeneralTypeIssues]
        return saved, final

    return jax.vmap(one)(states, clamp, jax.random.split(key, len(next(iter(states.values())))))
