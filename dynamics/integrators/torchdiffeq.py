"""The explicit methods of torchdiffeq, for PyTorch states."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Array, backend_of, optional_import
from ..network import Network
from ..validation import positive, unknown_name
from .base import Solution, Solver, States

ADAPTIVE = ("dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun")
FIXED = ("euler", "midpoint", "heun2", "heun3", "rk4", "explicit_adams", "implicit_adams")


@dataclass(frozen=True)
class TorchDiffEq(Solver):
    r"""`torchdiffeq.odeint`: explicit methods, adaptive or of fixed step; derivatives pass through every step.

    All samples of a batch share one step size, the one that the hardest of them needs. The error norm is per
    population. torchdiffeq has no method for stiff networks (implicit_adams iterates a fixed point and diverges
    there): take `Rosenbrock` or `Relaxation`, which run on PyTorch as well. Guarantee: error control of the
    adaptive methods; none for the energy. A solve is made from each save time to the next, so that only what is
    kept stays in memory.

    Parameters
    ----------
    method : str
        ``"dopri5"``, ``"dopri8"``, ``"bosh3"``, ``"fehlberg2"``, ``"adaptive_heun"``, or of fixed step ``"euler"``,
        ``"midpoint"``, ``"heun2"``, ``"heun3"``, ``"rk4"``, ``"explicit_adams"``, ``"implicit_adams"``.
    rtol, atol : float
        Relative and absolute tolerance of the adaptive methods.
    dt : float
        Step of the fixed-step methods.
    max_steps : int
        The most steps of an adaptive method from one save time to the next.

    >>> import torch
    >>> from hopfield.dynamics import Network, Population, Quadratic, simulate
    >>> decay = Network({"x": Population(Quadratic(), 1)})
    >>> start = {"x": torch.ones(1, dtype=torch.float64)}
    >>> run = simulate(decay, start, t1=1.0, integrator=TorchDiffEq(), save_at=[1.0])
    >>> run.states["x"].round(decimals=5)
    tensor([[0.3679]], dtype=torch.float64)
    """

    method: str = "dopri5"
    rtol: float = 1e-5
    atol: float = 1e-7
    dt: float = 0.01
    max_steps: int = 20_000

    def __post_init__(self) -> None:
        if self.method not in ADAPTIVE + FIXED:
            raise unknown_name("torchdiffeq method", self.method, ADAPTIVE + FIXED)
        for name in ("rtol", "atol", "dt", "max_steps"):
            positive(name, getattr(self, name))

    def check(self, network: Network, states: States) -> None:
        """Refuse jumps and arrays of other libraries."""
        super().check(network, states)
        if (library := backend_of(next(iter(states.values())))) != "torch":
            raise TypeError(
                f"TorchDiffEq integrates PyTorch states, these are {library} arrays. Move the memory, "
                f"memory.to('torch'), or use {'Scipy()' if library == 'numpy' else 'Diffrax()'}."
            )
        optional_import("torchdiffeq", "torch")

    def solve(
        self,
        network: Network,
        states: States,
        t1: float,
        save_at: np.ndarray | None,
        clamp: Mapping[str, Array],
        keep: Sequence[str],
    ) -> Solution:
        """From save time to save time; without save times every accepted step is recorded."""
        flow = _Flow(network, dict(clamp), list(states), every_step=save_at is None and self.method in ADAPTIVE)
        records = _Records(network, keep)
        if save_at is None and self.method in FIXED:
            ends = np.linspace(0.0, t1, int(np.ceil(t1 / self.dt - 1e-9)) + 1)
        else:
            ends = np.union1d([0.0, t1], [] if save_at is None else save_at)
        now, failure, steps, start = states, "", 0, 0.0
        for start, end in itertools.pairwise(ends):
            if save_at is None or start in save_at:
                records.add(start, now)
            flow.accepted.clear()
            try:
                now = self._segment(flow, now, start, end)
            except AssertionError as error:  # its way to say that the step became too small
                failure = (
                    f"torchdiffeq {self.method} gave up between t={start:g} and {end:g} of {t1:g} after "
                    f"{flow.evaluations} evaluations ({error}): the problem is stiff, or a state runs away. Use "
                    "Rosenbrock() or Relaxation()."
                )
                break
            for time, state in flow.accepted[1:] if flow.every_step else ():
                records.add(time, state)
            steps += len(flow.accepted) if self.method in ADAPTIVE else int(np.ceil((end - start) / self.dt - 1e-9))
        if not failure and (save_at is None or t1 in save_at):
            records.add(t1, now)
        if not records.times:  # it failed before the first save time
            records.add(start, now)
        kept, energy, scale = records.stacked()
        return Solution(
            times=np.asarray(records.times),
            states=kept,
            energy=energy,
            energy_scale=scale,
            final=now,
            steps=np.full(next(iter(states.values())).shape[0], steps),
            evaluations=flow.evaluations,
            rejected=flow.rejected,
            failure=failure,
        )

    def _segment(self, flow: _Flow, states: States, start: float, end: float) -> States:
        torch, torchdiffeq = optional_import("torch"), optional_import("torchdiffeq", "torch")
        like = next(iter(states.values()))
        ends = torch.tensor([start, end], dtype=torch.float64, device=like.device)
        options: dict[str, Any] = {}
        if self.method in FIXED:
            options["step_size"] = (end - start) / int(np.ceil((end - start) / self.dt - 1e-9))
        else:
            options.update(dtype=torch.float64, max_num_steps=self.max_steps)  # the dtype is that of time
        velocity = flow if self.method in ADAPTIVE else flow.__call__  # the others know no callbacks
        flows = torchdiffeq.odeint(
            velocity, tuple(states.values()), ends, rtol=self.rtol, atol=self.atol, method=self.method, options=options
        )
        return {name: x[-1] for name, x in zip(states, flows, strict=True)}


class _Flow:
    """The right-hand side that torchdiffeq calls, and what its callbacks tell."""

    def __init__(self, network: Network, clamp: dict[str, Array], names: list[str], every_step: bool) -> None:
        self.network, self.clamp, self.names, self.every_step = network, clamp, names, every_step
        self.evaluations = self.rejected = 0
        self.accepted: list[tuple[float, States]] = []

    def __call__(self, t: Array, y: tuple[Array, ...]) -> tuple[Array, ...]:
        self.evaluations += 1
        velocity = self.network.velocity(dict(zip(self.names, y, strict=True)), self.clamp)
        return tuple(velocity[name] for name in self.names)

    def callback_accept_step(self, t0: Array, y0: tuple[Array, ...], dt: Array) -> None:
        """Called with the state at which an accepted step began."""
        state = dict(zip(self.names, y0, strict=True)) if self.every_step else {}
        self.accepted.append((float(t0.detach()), state))

    def callback_reject_step(self, t0: Array, y0: tuple[Array, ...], dt: Array) -> None:
        """Called for a step that was not accepted."""
        self.rejected += 1


class _Records:
    """Saved rows: the populations that are kept, and the energy."""

    def __init__(self, network: Network, keep: Sequence[str]) -> None:
        self.network, self.keep = network, keep
        self.times: list[float] = []
        self.rows: list[tuple[States, Array, Array]] = []

    def add(self, time: float, states: States) -> None:
        """Save one time."""
        evaluation = self.network.evaluate(states)
        energy, scale = self.network.energy(states, evaluation), self.network.energy_scale(states, evaluation)
        self.times.append(float(time))
        self.rows.append(({name: states[name] for name in self.keep}, energy, scale))

    def stacked(self) -> tuple[States, Array, Array]:
        """Arrays (T, B, n) and (T, B)."""
        torch = optional_import("torch")
        kept = {name: torch.stack([row[0][name] for row in self.rows]) for name in self.keep}
        return kept, torch.stack([row[1] for row in self.rows]), torch.stack([row[2] for row in self.rows])
