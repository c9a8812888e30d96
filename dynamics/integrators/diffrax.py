"""Any solver of diffrax, for JAX states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, backend_of, optional_import
from ..network import Network
from ..validation import positive, unknown_name
from .base import Solution, Solver, States


@dataclass(frozen=True)
class Diffrax(Solver):
    r"""`diffrax.diffeqsolve` with adaptive steps, one sequence of steps for each sample (by `vmap`).

    The error norm is the largest root mean square over the populations, so that a wide memory population
    does not hide errors of the value neurons. Guarantee: error control; none for the energy.

    Parameters
    ----------
    solver : str or diffrax solver
        A name such as ``"Tsit5"`` (explicit) or ``"Kvaerno3"`` (implicit), or an object of diffrax.
    rtol, atol : float
        Relative and absolute tolerance.
    max_steps : int
        Steps after which the solve gives up; without `save_at` this many rows are held in memory.

    >>> import jax.numpy as jnp
    >>> from hopfield.dynamics import Network, Population, Quadratic, simulate
    >>> decay = Network({"x": Population(Quadratic(), 1)})
    >>> run = simulate(decay, {"x": jnp.asarray([1.0])}, t1=1.0, integrator=Diffrax("Tsit5"), save_at=[1.0])
    >>> run.states["x"].round(3)
    Array([[0.368]], dtype=...)
    """

    solver: Any = "Tsit5"
    rtol: float = 1e-5
    atol: float = 1e-7
    max_steps: int = 4096

    def __post_init__(self) -> None:
        positive("rtol", self.rtol)
        positive("atol", self.atol)

    def check(self, network: Network, states: States) -> None:
        """Refuse jumps, arrays of other libraries, and names that diffrax does not know."""
        super().check(network, states)
        if (library := backend_of(next(iter(states.values())))) != "jax":
            raise TypeError(
                f"Diffrax integrates JAX states, these are {library} arrays. Move the memory, memory.to('jax'), or "
                f"use {'Scipy()' if library == 'numpy' else 'Relaxation()'}."
            )
        self._object()

    def solve(
        self,
        network: Network,
        states: States,
        t1: float,
        save_at: np.ndarray | None,
        clamp: Mapping[str, Array],
        keep: Sequence[str],
    ) -> Solution:
        """One compiled solve of the batch; records of unequal length repeat their last row."""
        like = next(iter(states.values()))
        if save_at is None:
            row = sum(states[name].shape[-1] for name in keep) * like.dtype.itemsize
            if (size := row * self.max_steps * like.shape[0]) > 2**30:
                raise ValueError(
                    f"Saving every step would reserve {size / 2**30:.1f} GiB (max_steps={self.max_steps} rows for each "
                    f"of {like.shape[0]} samples). Give save_at=[...], or a smaller max_steps."
                )
        times = None if save_at is None else backend.asarray(save_at, like)
        program = _Program(self, tuple(keep), save_at is None)
        end = backend.full((), t1, like)
        saved, final, stats, code = backend.compiled(_solve, like)(program, network, states, times, end, dict(clamp))
        times, kept, energy, scale = saved
        steps = backend.to_numpy(stats["num_accepted_steps"])
        clock = save_at
        if save_at is None:
            index = np.minimum(np.arange(steps.max() + 1)[:, None], steps[None, :])  # (T, B)
            batch = np.arange(len(steps))[None, :]
            clock = backend.to_numpy(times)[batch, index]
            kept, energy, scale = (
                {n: x[batch, index] for n, x in kept.items()},
                energy[batch, index],
                scale[batch, index],
            )
        else:
            xp = backend.namespace(like)
            kept = {name: xp.moveaxis(x, 0, 1) for name, x in kept.items()}
            energy, scale = xp.moveaxis(energy, 0, 1), xp.moveaxis(scale, 0, 1)
        return Solution(
            times=np.asarray(clock),
            states=kept,
            energy=energy,
            energy_scale=scale,
            final={name: x[:, 0] for name, x in final.items()},
            steps=steps,
            evaluations=0,
            rejected=int(backend.to_numpy(stats["num_rejected_steps"]).sum()),
            notes={"solver": repr(self._object())},
            failure=self._failure(code, t1),
        )

    def _failure(self, code: Any, t1: float) -> str:
        codes = backend.to_numpy(code._value)
        if not codes.any():
            return ""
        first = int(np.argmax(codes != 0))
        reason = optional_import("diffrax", "jax").RESULTS._index_to_message[int(codes[first])]
        return f"diffrax gave up on sample {first} of {codes.size} before t={t1:g}: {reason}"

    def _object(self) -> Any:
        diffrax = optional_import("diffrax", "jax")
        if not isinstance(self.solver, str):
            return self.solver
        known = [name for name, kind in vars(diffrax).items() if isinstance(kind, type) and _is_solver(diffrax, kind)]
        if self.solver not in known:
            raise unknown_name("diffrax solver", self.solver, sorted(known))
        return getattr(diffrax, self.solver)()


@dataclass(frozen=True)
class _Program:
    settings: Diffrax
    keep: tuple[str, ...]
    every_step: bool


def _is_solver(diffrax: Any, kind: type) -> bool:
    return issubclass(kind, diffrax.AbstractSolver) and not kind.__name__.startswith("Abstract")


def _solve(
    program: _Program,
    network: Network,
    states: States,
    times: Any,
    t1: Array,
    clamp: dict[str, Array],
) -> Any:
    import diffrax
    import jax
    import jax.numpy as jnp

    settings = program.settings

    def norm(tree: Any) -> Array:
        return jnp.stack([jnp.sqrt(jnp.mean(leaf**2)) for leaf in jax.tree_util.tree_leaves(tree)]).max()

    def velocity(t: Any, y: States, args: Any) -> States:
        return args[0].velocity(y, args[1])

    def record(t: Any, y: States, args: Any) -> Any:
        evaluation = network.evaluate(y)
        energy = network.energy(y, evaluation), network.energy_scale(y, evaluation)
        return t, {name: y[name] for name in program.keep}, *energy

    def one(y0: States, mask: States) -> Any:
        what: Any = {"t0": True, "steps": True} if program.every_step else {"ts": times}
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(velocity),
            settings._object(),
            0.0,
            t1,
            None,
            y0,
            (network, mask),
            saveat=diffrax.SaveAt(subs=[diffrax.SubSaveAt(**what, fn=record), diffrax.SubSaveAt(t1=True)]),
            stepsize_controller=diffrax.PIDController(rtol=settings.rtol, atol=settings.atol, norm=norm),
            max_steps=settings.max_steps,
            throw=False,
        )
        saved, final = solution.ys  # pyright: ignore[reportGeneralTypeIssues]
        return saved, final, solution.stats, solution.result

    return jax.vmap(one)(states, clamp)
