r"""Noise: of any strength on any network, or that of a temperature, whose stationary law is exp(-E/T).

    dx_a = x_a' dt + sigma_a dW_a

with independent W for each neuron. The noise is additive (sigma does not depend on the state), so that the integrals of
Ito and of Stratonovich are one. Of a temperature,

    sigma_a = sqrt(2 T/tau_a),

and exp(-E/T) is the law only where the drift is -(1/tau_a) dE/dx_a: every dynamic population has g = x, and the others
follow at once. With memory neurons of their own tau, noise on v alone is not in balance with them, and with a
non-quadratic Lagrangian the drift is not the gradient; both are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, unknown_name
from ..doors import generator
from ..inputs import Constant, Input, as_input, asked
from ..integrators import Euler, Heun, Integrator, Solver
from ..network import Network


class Noise:
    """The kicks that a run takes: standard normal numbers drawn on the host, times what is said of each population.

    A seed gives the same noise in every library, and the noise of a sample does not depend on when others leave.

    Of a temperature the kick of a step is sqrt(2 T dt/tau) (R_k + R_k+1)/2: the cost of Euler-Maruyama, and a
    stationary law that is right to second order in dt (Leimkuhler & Matthews 2013, doi:10.1093/amrx/abs010). Else it
    is sigma sqrt(dt) R_k.
    """

    def __init__(
        self,
        strengths: Mapping[str, Input],
        thermal: bool,
        states: Mapping[str, Array],
        clamp: Mapping[str, Array],
        seed: int | np.random.Generator | None,
        times: Sequence[float] = (),
    ) -> None:
        self.strengths, self.thermal = dict(strengths), thermal
        self.shapes = {name: tuple(x.shape) for name, x in states.items()}
        self.like = next(iter(states.values()))
        self.clamp = {name: backend.to_numpy(mask) for name, mask in clamp.items()}
        for name in self.strengths:
            for t in times:  # at some already, and not after hours
                self.strength(name, t)
        self.rng = generator(seed)
        self.before = self._draw() if thermal else {}
        inputs = list(self.strengths.values())
        self.stops = np.unique([t for one in inputs for t in (*one.jumps, *one.corners)] or [np.inf])

    def kicks(self, begin: float, end: float, rows: np.ndarray) -> dict[str, Array]:
        """What is added to the states of some samples over a step; -1 in `rows` is of none."""
        drawn, where = self._draw(), np.maximum(rows, 0)
        shapes = {name: (drawn[name] + self.before[name]) / 2 for name in drawn} if self.thermal else drawn
        self.before = drawn if self.thermal else {}
        found = {}
        for name, x in shapes.items():
            strength = self.strength(name, (begin + end) / 2)
            factor = np.sqrt(2 * strength * (end - begin)) if self.thermal else strength * np.sqrt(end - begin)
            found[name] = backend.asarray((factor * x)[where], self.like)
        return found

    def strength(self, name: str, t: float) -> np.ndarray:
        """The temperature, or the sigma of a population, at a time."""
        what = "temperature" if self.thermal else f"noise of {name!r}"
        value = asked(f"The {what}", self.strengths[name], np.asarray([t]), np.asarray([False]))[0]
        size = self.shapes[name][-1]
        if value.shape not in ((), (size,)) or (self.thermal and value.shape):
            shapes = "one number" if self.thermal else f"one number, or of shape ({size},) by neuron"
            raise ValueError(f"The {what} is {shapes}, and has shape {value.shape}.")
        if (value < 0).any():
            raise ValueError(f"The {what} must be >= 0, and is {float(value.min()):g} at t={t:g}.")
        return value

    def steady(self, drive: Any) -> tuple[dict[str, np.ndarray], int]:
        """The strengths, which stand still, and a seed, for a library that draws its own numbers."""
        if drive is not None or not all(isinstance(one, Constant) for one in self.strengths.values()):
            raise ValueError(
                "This library's solvers take noise whose strength stands still, in a network that does not change. Use "
                "Heun(dt) or Euler(dt) with current, schedule or a strength that is a function of time."
            )
        return {name: self.strength(name, 0.0) for name in self.strengths}, int(self.rng.integers(2**31))

    def _draw(self) -> dict[str, np.ndarray]:
        drawn = {name: self.rng.standard_normal(self.shapes[name]) for name in self.strengths}
        return {n: np.where(self.clamp[n], 0.0, x) if n in self.clamp else x for n, x in drawn.items()}


def check_noise(network: Network) -> None:
    """Refuse, with the reason, a network in which exp(-E/T) would not be the law of the noise.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> check_noise(ModernHopfield(np.eye(2), tau_memory=0).network)
    """
    bent = [name for name, p in network.populations.items() if not p.lagrangian.identity]
    if "memory" in bent and "memory" in network.populations:
        raise ValueError(
            "temperature needs tau_memory=0: with memory neurons that move on their own, noise on the value neurons "
            "alone does not have the law exp(-E/T). Build the memory with tau_memory=0, take memory.adiabatic(), or "
            'give noise={"value": sigma}, which promises no law.'
        )
    if bent:
        raise ValueError(
            f"temperature needs populations with activation g = x; {', '.join(bent)} has "
            f"{network.populations[bent[0]].lagrangian!r}, with which the drift is not the gradient of the energy and "
            "exp(-E/T) is not the law. Use Quadratic() there, or give noise=, which promises no law."
        )
    if not network.conservative:
        raise ValueError(
            "temperature needs symmetric weights: these forces are not the gradient of an energy. Give noise=, which "
            "promises no law."
        )


def strengths_of(network: Network, noise: Any, temperature: Any) -> dict[str, Input]:
    """What was given, by population; nothing where it is 0 for ever."""
    if noise is not None and not _is_zero(temperature):
        raise ValueError(
            "Give temperature, which is noise with the law exp(-E/T), or noise, which promises none; not both."
        )
    if noise is None:
        if _is_zero(temperature):
            return {}
        return dict.fromkeys(network.populations, as_input("temperature", temperature))
    given = noise if isinstance(noise, Mapping) else {next(iter(network.populations)): noise}
    found = {}
    for name, value in given.items():
        if not isinstance(name, str) or name not in network.populations:
            raise unknown_name("population with noise", name, network.populations)
        found[name] = as_input(f"The noise of {name!r}", value)
    return {name: found[name] for name in network.populations if name in found}


def _is_zero(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0


def noisy_method(method: Any, asked_for: Any, network: Network, thermal: bool) -> Integrator | Solver:
    """The method of equal steps that takes the noise."""
    tau = next(iter(network.populations.values())).fastest
    fastest = min(p.fastest / max(p.leak, 1e-300) for p in network.populations.values())
    dt = min(tau / 100, fastest / 5)
    if asked_for == "auto":
        return Euler(dt) if thermal else Heun(dt)
    if thermal and not method.thermal:
        raise ValueError(
            f"Noise of a temperature is integrated in steps of Euler's kind: give Euler(dt), not {method!r}."
        )
    if isinstance(method, Solver) and method.stochastic:
        return method
    if not isinstance(method, Integrator) or method.adaptive or not np.isfinite(method.dt):
        raise ValueError(
            "Noise is integrated in equal steps of a finite dt: give Heun(dt), Euler(dt) or Relaxation(dt), not "
            f"{method!r}."
        )
    if method.jumps and network.kinks:
        raise ValueError("Noise where forces jump has no order: use a smooth similarity and separation.")
    return method
