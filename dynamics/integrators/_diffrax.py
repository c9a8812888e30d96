"""Any solver of diffrax, for JAX states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array, backend_of, optional_import, unknown_name
from ..doors import flag, kind, number, settle, whole
from ..inputs import Changing, Stretch, changing, stretched
from ..network import Network
from ._base import Solution, Solver, States, no_limit, refuse_jumps, refuse_unstable
from ._diffrax_noise import solve_noisy


@dataclass(frozen=True)
class Diffrax(Solver):
    r"""`diffrax.diffeqsolve`, one sequence of steps for each sample (by `vmap`).

    The error norm is the largest root mean square over the populations, so that a wide memory population
    does not hide errors of the value neurons. Guarantee: error control; none for the energy.

    Implicit solvers (``"Kvaerno3"``, ``"Kvaerno4"``, ``"Kvaerno5"``, ``"ImplicitEuler"``) eliminate the memory
    neurons: their linear systems have the size of the value neurons, are built and factorised up to `dense` of these
    and solved by GMRES above. An object of yours gets the same as long as its root finder is the default of its
    class; one with a root finder that you chose, or inside a wrapper, is passed as it is. ``eliminate=False`` leaves
    all of them alone. What is in use stands in ``statistics``: ``solver``, ``root_finder``, ``linear_solver``.

    `jax.grad` of a function of the states goes through the solve (diffrax's default adjoint) when the model is built
    inside the differentiated function. Through an implicit solver diffrax differentiates with a dense matrix over
    all neurons, memory included: for up to some hundreds of them.

    Parameters
    ----------
    solver : str or diffrax solver
        A name such as ``"Tsit5"`` (explicit) or ``"Kvaerno3"`` (implicit), or an object of diffrax.
    rtol, atol : float
        Relative and absolute tolerance.
    max_steps : int
        Steps after which the solve gives up; without `save_at` this many rows are held in memory.
    dt : float
        The largest step; the step itself for solvers without an error estimate (``"Euler"``).
    eliminate : bool
        Whether implicit solvers eliminate the memory neurons.
    dense : int
        The most remaining neurons for which their system is built.

    With ``simulate(..., noise=...)`` the solver is one for stochastic equations, such as ``"ShARK"``, ``"SEA"``,
    ``"EulerHeun"`` or ``"Heun"``, in equal steps of dt. The noise is then diffrax's: it follows from the seed and t1
    alone, and is not that of other integrators.

    >>> import jax.numpy as jnp
    >>> from hopfield.dynamics import simulate
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(jnp.eye(3), beta=8.0, tau_memory=1e-3)
    >>> run = simulate(memory, jnp.asarray([0.9, 0.2, 0.1]), t1=10, integrator=Diffrax("Kvaerno3"), save_at=[10])
    >>> run.states["value"].round(2), run.statistics["linear_solver"]
    (Array([[1., 0., 0.]], dtype=...), 'LU of 3 neurons (3 eliminated: memory)')
    """

    solver: Any = "Tsit5"
    rtol: float = 1e-5
    atol: float = 1e-7
    max_steps: int = 4096
    dt: float = no_limit
    eliminate: bool = True
    dense: int = 256
    stochastic = True

    def __post_init__(self) -> None:
        settle(self, number, "rtol", "atol", "dt", above=0)
        settle(self, whole, "max_steps", least=1)
        settle(self, whole, "dense")
        settle(self, flag, "eliminate")

    def check(self, network: Network, states: States) -> None:
        """Refuse jumps, arrays of other libraries, tolerances out of reach, and names that diffrax does not know."""
        self._only_jax(next(iter(states.values())))
        super().check(network, states)
        diffrax = optional_import("diffrax", "jax")
        if not isinstance(self._method(network).solver, diffrax.AbstractAdaptiveSolver):
            refuse_unstable(self.solver_name, self.dt, network)

    def noisy(
        self,
        network: Network,
        states: States,
        t1: float,
        save_at: np.ndarray | None,
        clamp: Mapping[str, Array],
        keep: Sequence[str],
        sigma: Mapping[str, np.ndarray],
        seed: int,
    ) -> Solution:
        """One compiled solve by a solver of stochastic differential equations."""
        self._only_jax(next(iter(states.values())))
        refuse_jumps(self, network)
        optional_import("diffrax", "jax")
        return solve_noisy(self, network, states, t1, save_at, clamp, keep, sigma, seed)

    def solve(
        self,
        network: Network,
        states: States,
        t1: float,
        save_at: np.ndarray | None,
        clamp: Mapping[str, Array],
        keep: Sequence[str],
        stretch: Stretch | None = None,
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
        program, change = _Program(self, tuple(keep), save_at is None, changing(stretch)), None
        if stretch is not None:
            network, change = stretch.drive.base, stretched(stretch)
        biases = {n: p.bias for n, p in network.populations.items() if getattr(p.bias, "ndim", 0) > 1}
        end, run = backend.full((), t1, like), backend.compiled(_solve, like)
        saved, final, stats, code = run(program, network, states, times, end, dict(clamp), biases, change)
        clock, kept, energy, scale, taken = saved  # rows (B, T, ...)
        end_time, end_states, end_taken = final
        host = backend.to_numpy(clock)
        written = np.isfinite(host).sum(axis=1)  # diffrax fills the rows that were not reached with infinities
        length = int(written.max()) if save_at is None else len(save_at)
        index = np.minimum(np.arange(length)[:, None], np.maximum(written - 1, 0)[None, :])  # (T, B)
        batch = np.arange(len(written))[None, :]
        return Solution(
            times=host[batch, index] if save_at is None else save_at,
            states={name: x[batch, index] for name, x in kept.items()},
            energy=energy[batch, index],
            energy_scale=scale[batch, index],
            final={name: x[:, 0] for name, x in end_states.items()},
            reached=backend.to_numpy(end_time)[:, 0].astype(float),
            steps=backend.to_numpy(stats["num_accepted_steps"]),
            evaluations=0,
            rejected=int(backend.to_numpy(stats["num_rejected_steps"]).sum()),
            notes={"evaluations": None, **self._method(network).notes},
            failure=self._failure(code, t1),
            dissipated=None if stretch is None else (taken[batch, index], end_taken[:, 0]),
        )

    def _failure(self, code: Any, t1: float) -> str:
        import jax

        results = optional_import("diffrax", "jax").RESULTS
        failed = ~backend.to_numpy(code == results.successful)
        if not failed.any():
            return ""
        first = int(np.argmax(failed))
        reason = results[jax.tree_util.tree_map(lambda leaf: leaf[first], code)]
        return (
            f"diffrax {self.solver_name} gave up on sample {first} of {failed.size} before t={t1:g}: {reason} "
            f"With an explicit solver that is a sign of stiffness (a time constant far below the others): use "
            f'Diffrax("Kvaerno3"), Rosenbrock() or Relaxation(). Else give more than max_steps={self.max_steps}, or '
            "looser tolerances."
        )

    def _only_jax(self, like: Array) -> None:
        if (library := backend_of(like)) != "jax":
            raise TypeError(
                f"Diffrax integrates JAX states, these are {library} arrays. Move the memory, memory.to('jax'), or "
                f"use {'Scipy()' if library == 'numpy' else 'TorchDiffEq()'}."
            )

    @property
    def solver_name(self) -> str:
        """The name of the solver in diffrax."""
        return self.solver if isinstance(self.solver, str) else type(self.solver).__name__

    def _method(self, network: Network) -> _Method:
        """The solver object with its root finder, and what is to be said about it."""
        diffrax = optional_import("diffrax", "jax")
        solver = self.solver
        if isinstance(solver, str):
            known = sorted(name for name, kind in vars(diffrax).items() if _fits(diffrax, kind))
            if solver not in known:
                raise unknown_name("diffrax solver", solver, known)
            solver = getattr(diffrax, solver)()
        kind("solver", solver, diffrax.AbstractSolver, 'a name such as "Tsit5" or a solver such as diffrax.Tsit5()')
        if solver.term_structure is not diffrax.AbstractTerm:
            raise ValueError(
                f"{self.solver_name} integrates a velocity that is split into parts, and that of a network is one. Use "
                f'Diffrax("Kvaerno3") for stiff networks, Diffrax("Tsit5") for others.'
            )
        if not isinstance(solver, diffrax.AbstractAdaptiveSolver) and self.dt >= no_limit:
            raise ValueError(
                f"{self.solver_name} has no error estimate from which steps could follow: give the step, "
                f'Diffrax("{self.solver_name}", dt=0.01).'
            )
        if not hasattr(solver, "root_finder"):
            return _Method(solver, {"solver": self.solver_name})
        linear = type(getattr(solver.root_finder, "linear_solver", None)).__name__
        if self.eliminate and _is_default(solver):
            solver, linear = self._eliminating(solver, network, linear)
        finder = type(solver.root_finder).__name__
        return _Method(solver, {"solver": self.solver_name, "root_finder": finder, "linear_solver": linear})

    def _eliminating(self, solver: Any, network: Network, linear: str) -> tuple[Any, str]:
        import equinox
        import lineax
        from diffrax import with_stepsize_controller_tols

        from ._elimination import Chord, Elimination, diagonal_populations

        out = diagonal_populations(network)
        sizes = {name: p.size for name, p in network.populations.items()}
        left = sum(size for name, size in sizes.items() if name not in out)
        if not out and left <= self.dense:
            return solver, linear
        # A few digits are enough for an iteration whose every turn corrects the one before.
        krylov = lineax.GMRES(rtol=1e-2, atol=1e-2 * self.atol, norm=lineax.internal.rms_norm, restart=5, max_steps=40)
        inner = lineax.LU() if left <= self.dense else krylov
        finder = with_stepsize_controller_tols(Chord)(linear_solver=Elimination(tuple(out), inner) if out else inner)
        gone = f" ({sum(sizes[name] for name in out)} eliminated: {', '.join(out)})" if out else ""
        said = f"{type(inner).__name__} of {left} neurons{gone}"
        return equinox.tree_at(lambda s: s.root_finder, solver, finder), said


class _Method(NamedTuple):
    solver: Any
    notes: dict[str, Any]


@dataclass(frozen=True)
class _Program:
    settings: Diffrax
    keep: tuple[str, ...]
    every_step: bool
    changes: Changing | None = None


def _fits(diffrax: Any, kind: Any) -> bool:
    """Whether a member of diffrax is a solver of ordinary differential equations, complete without arguments."""
    return isinstance(kind, type) and getattr(kind, "term_structure", None) is diffrax.AbstractTerm


def _is_default(solver: Any) -> bool:
    """Whether the root finder is the one that the solver's class gives."""
    import equinox

    default = getattr(type(solver).__dataclass_fields__.get("root_finder"), "default", None)
    return bool(equinox.tree_equal(solver.root_finder, default))


_TAKEN = "\0taken"  # beside the populations, of which none has this name: the energy that the flow has taken


def _parts(y: States) -> tuple[States, Any]:
    """The states, and what the flow has taken of the energy where that is integrated too."""
    like = next(iter(y.values()))
    taken = y[_TAKEN][..., 0] if _TAKEN in y else backend.full((), 0.0, like)
    return {name: x for name, x in y.items() if name != _TAKEN}, taken


def _last(t: Any, y: Any, args: Any) -> Any:
    return t, *_parts(y)


def _velocity(t: Any, y: Any, args: Any) -> Any:
    network, mask = args.network(t), args.mask
    if _TAKEN not in y:
        return network.velocity(y, mask)
    flow = network.bound(mask)
    point = flow.at(_parts(y)[0])
    return {**flow.velocity(point), _TAKEN: -flow.rate(point)[..., None]}


@backend.structure
class _Moving:
    """What moves one sample: its network, at any time, and what is held of it."""

    base: Network
    mask: dict[str, Array]
    row: Any
    change: Any
    changes: Changing | None = backend.static(default=None)

    def network(self, t: Any) -> Network:
        """The network at a time."""
        return self.base if self.changes is None else self.changes.network(self.base, t, self.row, self.change)


def _solve(
    program: _Program,
    network: Network,
    states: States,
    times: Any,
    t1: Array,
    clamp: dict[str, Array],
    biases: dict[str, Array] | None = None,
    change: Any = None,
) -> Any:
    import diffrax
    import jax
    import jax.numpy as jnp

    settings, biases = program.settings, biases or {}
    solver = settings._method(network).solver
    bounded = settings.dt < no_limit

    def norm(tree: Any) -> Array:
        return jnp.stack([jnp.sqrt(jnp.mean(leaf**2)) for leaf in jax.tree_util.tree_leaves(tree)]).max()

    def record(t: Any, y: Any, args: _Moving) -> Any:
        (x, taken), there = _parts(y), args.network(t)
        evaluation = there.evaluate(x)
        energy = there.energy(x, evaluation), there.energy_scale(x, evaluation)
        return t, {name: x[name] for name in program.keep}, *energy, taken

    steps: Any = diffrax.ConstantStepSize()
    if isinstance(solver, diffrax.AbstractAdaptiveSolver):
        largest = settings.dt if bounded else None
        steps = diffrax.PIDController(rtol=settings.rtol, atol=settings.atol, norm=norm, dtmax=largest)

    def one(y0: States, mask: States, own: dict[str, Array], row: Any) -> Any:
        what: Any = {"t0": True, "steps": True} if program.every_step else {"ts": times}
        populations = {n: backend.copied(p, bias=own[n]) if n in own else p for n, p in network.populations.items()}
        alone = backend.copied(network, populations=populations) if own else network
        begin = y0 if program.changes is None else {**y0, _TAKEN: 0.0 * next(iter(y0.values()))[..., :1]}
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(_velocity),
            solver,
            0.0,
            t1,
            settings.dt if isinstance(steps, diffrax.ConstantStepSize) else None,
            begin,
            _Moving(alone, mask, row, change, program.changes),
            saveat=diffrax.SaveAt(subs=[diffrax.SubSaveAt(**what, fn=record), diffrax.SubSaveAt(t1=True, fn=_last)]),
            stepsize_controller=steps,
            max_steps=settings.max_steps,
            throw=False,
        )
        saved, final = solution.ys  # pyright: ignore[reportGeneralTypeIssues]
        return saved, final, solution.stats, solution.result

    return jax.vmap(one)(states, clamp, biases, jnp.arange(len(next(iter(states.values())))))
