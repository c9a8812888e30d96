"""The explicit solvers of torchdiffeq, for PyTorch states."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, backend_of, optional_import
from ..doors import choice, mapping, number, settle, whole
from ..inputs import Stretch
from ..network import Network
from ._base import Solution, Solver, States, no_limit, refuse_unstable

ADAPTIVE = ("dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun")
FIXED = ("euler", "midpoint", "heun2", "heun3", "rk4", "explicit_adams", "implicit_adams")


@dataclass(frozen=True)
class TorchDiffEq(Solver):
    r"""`torchdiffeq.odeint`: explicit Runge-Kutta and Adams methods.

    None of them is for stiff networks (tau_memory far below tau_value): `Rosenbrock` and `Relaxation` are,
    on PyTorch too. A batch shares one step size, which the worst of its samples and populations decides: the
    error norm is the largest root mean square over both. Gradients flow through the solve by ordinary
    `backward`, and the graph of every step is then held in memory. Guarantee: error control, for the adaptive
    methods; none for the energy.

    torchdiffeq holds the whole state at all times that it is asked for; here it is asked for the next save
    time alone, and only the populations to be saved are held (`save` in `simulate`). Steps end on the save
    times; without `save_at`, every step is saved.

    Parameters
    ----------
    method : str
        Adaptive: dopri5, dopri8, bosh3, fehlberg2, adaptive_heun. Of equal steps: euler, midpoint, heun2,
        heun3, rk4, implicit_adams (predictor and corrector; it is not a stiff method) and explicit_adams, which
        is of order 12 unless ``options={"max_order": 4}``, and then stable for very short steps alone.
    rtol, atol : float
        Relative and absolute tolerance; of implicit_adams, that of its corrector.
    dt : float
        The largest step; methods of equal steps need it.
    max_steps : int
        Attempted steps after which the adaptive methods give up.
    options : dict, optional
        More options of torchdiffeq, such as ``{"first_step": 1e-3}``.

    >>> import torch
    >>> from hopfield.dynamics import Network, Population, Quadratic, simulate
    >>> decay = Network({"x": Population(Quadratic(), 1)})
    >>> start = {"x": torch.ones(1, dtype=torch.float64)}
    >>> run = simulate(decay, start, t1=1.0, integrator=TorchDiffEq(rtol=1e-8, atol=1e-10), save_at=[1.0])
    >>> run.states["x"].round(decimals=6)
    tensor([[0.3679]], dtype=torch.float64)
    """

    method: str = "dopri5"
    rtol: float = 1e-5
    atol: float = 1e-7
    dt: float = no_limit
    max_steps: int = 20_000
    options: dict[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", choice("torchdiffeq method", self.method, ADAPTIVE + FIXED))
        settle(self, number, "rtol", "atol", "dt", above=0)
        settle(self, whole, "max_steps", least=1)
        if self.options is not None:
            object.__setattr__(self, "options", mapping("options", self.options, '{"first_step": 1e-3}'))
        if self.method in FIXED and self.dt >= no_limit:
            raise ValueError(
                f"{self.method} has no error estimate from which steps could follow: give the step, "
                f'TorchDiffEq("{self.method}", dt=0.01).'
            )

    def check(self, network: Network, states: States) -> None:
        """Refuse jumps, arrays of other libraries, tolerances and steps out of reach, and a package that is missing."""
        if (library := backend_of(next(iter(states.values())))) != "torch":
            raise TypeError(
                f"TorchDiffEq integrates PyTorch states, these are {library} arrays. Move the memory, "
                f"memory.to('torch'), or use {'Diffrax()' if library == 'jax' else 'Scipy()'}."
            )
        super().check(network, states)
        if self.method in FIXED:
            refuse_unstable(self.method, self.dt, network)
        optional_import("torchdiffeq", "torch")

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
        """One `odeint` from each save time to the next."""
        flow = _Flow(network, states, clamp, keep, save_at is None, self.method in ADAPTIVE, stretch)
        wanted = [0.0, t1] if save_at is None else save_at.tolist()
        failure = ""
        for target in wanted if wanted[-1] == t1 else [*wanted, t1]:
            failure = self._advance(flow, target) if target > 0 else ""
            if failure:
                break
            if target in wanted:
                flow.save()
        xp = backend.namespace(*states.values())
        rows = flow.rows
        if save_at is not None:  # simulate sees by `reached` which of them a failed run did not come to
            rows = rows + [flow.row()] * (len(save_at) - len(rows))

        def stacked(part: Callable[[Any], Array]) -> Array:
            return xp.stack([part(row) for row in rows])

        return Solution(
            times=np.asarray([row[0] for row in rows]) if save_at is None else save_at,
            states={name: stacked(lambda row, name=name: row[1][name]) for name in keep},
            energy=stacked(lambda row: row[2]),
            energy_scale=stacked(lambda row: row[3]),
            final=flow.states,
            reached=np.full(flow.size, flow.time),
            steps=np.full(flow.size, flow.steps),
            evaluations=flow.evaluations,
            rejected=flow.rejected,
            failure=failure,
            dissipated=None if stretch is None else (stacked(lambda row: row[4][..., 0]), flow.taken[..., 0]),
        )

    def _advance(self, flow: _Flow, end: float) -> str:
        """Move the states to time `end`; what went wrong, or nothing."""
        torch, torchdiffeq = optional_import("torch"), optional_import("torchdiffeq", "torch")
        like = next(iter(flow.states.values()))
        times = torch.tensor([flow.time, end], dtype=torch.float64, device=like.device)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message="Functional iteration|.*Unexpected arguments")
                y = torchdiffeq.odeint(
                    flow,
                    flow.packed(),
                    times,
                    rtol=self.rtol,
                    atol=self.atol,
                    method=self.method,
                    options=self._options(flow, times),
                )
        except AssertionError as error:  # 'underflow in dt ...', 'max_num_steps exceeded', 'non-finite values ...'
            return self._failure(flow, end, str(error))
        except UserWarning as error:
            if "Functional iteration" in str(error):
                return self._failure(flow, end, str(error))
            if "Unexpected arguments" in str(error):
                raise ValueError(f"torchdiffeq does not know these options of {self.method}: {error}.") from None
            raise
        lost = [name for name, x in zip(flow.states, y, strict=False) if not bool(x[-1].isfinite().all())]
        if lost:
            return self._failure(flow, end, f"population {lost[0]!r} is not finite")
        ends = [flow.held(name, x[-1]) for name, x in zip(flow.states, y, strict=False)]
        flow.move(end, ends if flow.stretch is None else [*ends, y[-1][-1]])
        return ""

    def _options(self, flow: _Flow, times: Any) -> dict[str, Any]:
        torch = optional_import("torch")
        if self.method in FIXED:
            count = max(1, math.ceil(float(times[-1] - times[0]) / self.dt - 1e-9))

            def grid(func: Any, y: Any, t: Any) -> Any:
                inner = t[0] + (t[-1] - t[0]) * torch.arange(count, dtype=t.dtype, device=t.device) / count
                return torch.cat([inner, t[-1:]])

            return {"grid_constructor": grid, **(self.options or {})}
        options = {
            "norm": _worst,
            "step_t": times[-1:],  # the last step ends there, and nothing is interpolated
            "max_num_steps": max(0, self.max_steps - flow.steps - flow.rejected),
            **({"max_step": self.dt} if self.dt < no_limit else {}),
            **(self.options or {}),
        }
        return options if flow.proposed is None else {**options, "first_step": flow.proposed}

    def _failure(self, flow: _Flow, end: float, reason: str) -> str:
        reason = "a state is not finite" if "non-finite" in reason else reason.rstrip(".")
        why = f"torchdiffeq {self.method} stopped at t={flow.time:g} on the way to t={end:g} after {flow.steps} steps"
        if self.method in FIXED:
            return f"{why} of dt={self.dt:g}: {reason}. Give a smaller dt; a stiff network needs Rosenbrock()."
        return (
            f"{why}: {reason}. A step that becomes too small, or too many steps, mean that the problem is stiff (a "
            "time constant far below the others): use Rosenbrock() or Relaxation(). Else the state runs away, or "
            f"the tolerances are too tight (max_steps={self.max_steps})."
        )


class _Flow:
    """The velocity as torchdiffeq calls it, the states on their way, and what was recorded."""

    def __init__(
        self,
        network: Network,
        states: States,
        clamp: Mapping[str, Array],
        keep: Sequence[str],
        every_step: bool,
        adaptive: bool,
        stretch: Stretch | None = None,
    ) -> None:
        self.stretch = stretch
        first = next(iter(states.values()))
        self.taken = first[..., :1] * 0  # of the energy by the flow, where the network is one of each time
        self.network, self.states, self.clamp, self.keep = network, dict(states), clamp, keep
        self.every_step = every_step
        self.size = int(next(iter(states.values())).shape[0])
        self.time, self.rows = 0.0, []
        self.asked = self.proposed = None  # the step now tried, and the last that was accepted, before they were cut
        self.steps = self.rejected = self.evaluations = 0
        if adaptive:  # torchdiffeq looks for these names, and warns of those that a method never calls
            self.callback_step, self.callback_accept_step = self._tried, self._accepted
            self.callback_reject_step = self._rejected
        else:
            self.callback_step = self._accepted

    def __call__(self, t: Any, y: Any) -> Any:
        self.evaluations += 1
        states = dict(zip(self.states, y, strict=False))
        if self.stretch is None:
            velocity = self.network.velocity(states, self.clamp)
            return tuple(velocity[name] for name in self.states)
        flow = self.stretch.network(float(t)).bound(self.clamp)
        point = flow.at(states)
        velocity = flow.velocity(point)
        return (*(velocity[name] for name in self.states), -flow.rate(point)[..., None])

    def packed(self) -> tuple[Any, ...]:
        """What torchdiffeq integrates."""
        return tuple(self.states.values()) if self.stretch is None else (*self.states.values(), self.taken)

    def _tried(self, t: Any, y: Any, dt: Any) -> None:
        self.asked = dt
        self.move(t, y)

    def _accepted(self, t: Any, y: Any, dt: Any) -> None:
        self.steps += 1
        self.proposed = self.asked
        self.move(t, y)
        if self.every_step and self.time > 0:
            self.save()

    def _rejected(self, t: Any, y: Any, dt: Any) -> None:
        self.rejected += 1

    def move(self, t: Any, y: Any) -> None:
        """To the states y at time t."""
        self.time, self.states = float(t), dict(zip(self.states, y, strict=False))
        if self.stretch is not None:
            self.taken = y[-1]

    def held(self, name: str, x: Any) -> Any:
        """The state x with clamped neurons exactly where they are: torchdiffeq's end value is a polynomial's."""
        return backend.namespace(x).where(self.clamp[name], self.states[name], x) if name in self.clamp else x

    def row(self) -> tuple[float, States, Array, Array, Array]:
        """What is saved of the present states: time, populations, energy and its scale."""
        network = self.network if self.stretch is None else self.stretch.network(self.time)
        evaluation = network.evaluate(self.states)
        energy = network.energy(self.states, evaluation), network.energy_scale(self.states, evaluation)
        # Copies: torchdiffeq's states are views of one vector, which would hold all populations in memory.
        return self.time, {name: self.states[name].clone() for name in self.keep}, *energy, self.taken.clone()

    def save(self) -> None:
        """Record it."""
        self.rows.append(self.row())


def _worst(y: Any) -> Any:
    """The largest root mean square over populations and samples; step sizes are not differentiated."""
    return max((x.detach() ** 2).mean(dim=-1).sqrt().max() for x in y)
