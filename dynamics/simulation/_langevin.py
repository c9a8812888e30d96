r"""Noise: Langevin dynamics at temperature T, whose stationary law is exp(-E/T).

    dv = v' dt + sqrt(2 T/tau_v) dW

has that law only where the drift is -(1/tau_v) dE/dv: every dynamic population has g = x, and the others follow
at once. With memory neurons of their own tau, noise on v alone is not in balance with them, and with a
non-quadratic Lagrangian the drift is not the gradient; both are refused.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from ..doors import generator
from ..network import Network
from ._loop import Plan
from ._progress import ticker
from ._recorder import Recorder
from ._trajectory import Record, Result


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
            "alone does not have the law exp(-E/T). Build the memory with tau_memory=0, or take memory.adiabatic()."
        )
    if bent:
        raise ValueError(
            f"temperature needs populations with activation g = x; {', '.join(bent)} has "
            f"{network.populations[bent[0]].lagrangian!r}, with which the drift is not the gradient of the energy and "
            "exp(-E/T) is not the law. Use Quadratic() there."
        )
    if not network.conservative:
        raise ValueError("temperature needs symmetric weights: these forces are not the gradient of an energy.")


def langevin(
    network: Network,
    states: dict[str, Array],
    clamp: dict[str, Array],
    plan: Plan,
    temperature: float,
    dt: float,
    seed: int | np.random.Generator | None,
) -> Record:
    r"""Integrate a batch (B, n) with noise, in equal steps of at most dt.

    x+ = x + dt x' + sqrt(2 T dt/tau) (R_k + R_k+1)/2 with standard normal R_k: the cost of Euler-Maruyama, and a
    stationary law that is right to second order in dt (Leimkuhler & Matthews 2013, doi:10.1093/amrx/abs010). The
    numbers are drawn on the host, so that a seed gives the same noise in every library.
    """
    began = time.perf_counter()
    rng = generator(seed)
    like = next(iter(states.values()))
    size = int(like.shape[0])
    advance = backend.compiled(_noisy_step, like)
    targets = [plan.t1] if plan.save_at is None else [*plan.save_at[plan.save_at > 0].tolist(), plan.t1]
    kicks, now, steps, slots = _draw(rng, states, clamp, like), 0.0, 0, []
    none = {name: backend.namespace(x).zeros_like(x) for name, x in states.items()}
    states, energy, scale = advance(None, network, states, backend.full((), 0.0, like), none, clamp)

    def row() -> dict[Any, Array]:
        return {**{name: states[name] for name in plan.keep}, ("energy",): energy, ("scale",): scale}

    def save() -> None:
        saved.add(np.arange(size), np.full(size, len(slots)), row())
        slots.append(now)

    saved, every = Recorder(size, row()), plan.save_every or 1

    if plan.save_at is None or plan.save_at[0] == 0:
        save()
    with ticker(plan.progress, "simulate", plan.t1) as tick:
        for target in targets:
            count = max(0, math.ceil((target - now) / dt - 1e-9))
            start = now
            for k in range(count):
                span = (target - start) / count
                following = _draw(rng, states, clamp, like)
                kick = {n: math.sqrt(2 * temperature * span) * (kicks[n] + following[n]) / 2 for n in kicks}
                states, energy, scale = advance(None, network, states, backend.full((), span, like), kick, clamp)
                kicks, steps = following, steps + 1
                now = target if k + 1 == count else start + (k + 1) * span
                if plan.save_at is None and (steps % every == 0 or now == plan.t1):
                    save()
                tick(now)
            if plan.save_at is not None and len(slots) < len(plan.save_at) and now == plan.save_at[len(slots)]:
                save()
    arrays = saved.arrange(len(slots))
    failure = "" if np.isfinite(backend.to_numpy(energy)).all() else f"With dt={dt:g} a state ran away."
    statistics = {
        "steps": steps,
        "rejected": 0,
        "evaluations": steps + 1,
        "seconds": time.perf_counter() - began,
        "integrator": f"Langevin(temperature={temperature:g}, dt={dt:g})",
        "guard": False,
    }
    result = Result.NOT_FINITE if failure else Result.COMPLETED
    return Record(
        times=np.asarray(slots),
        states={name: arrays[name] for name in plan.keep},
        energy=arrays["energy",],
        energy_scale=arrays["scale",],
        final=states,
        reached=np.full(size, now),
        steps=np.full(size, steps),
        statistics=statistics,
        result=result,
        failure=failure,
    )


def _draw(rng: np.random.Generator, states: dict[str, Array], clamp: dict[str, Array], like: Array) -> dict[str, Array]:
    drawn = {name: backend.asarray(rng.standard_normal(tuple(x.shape)), like) for name, x in states.items()}
    return {n: backend.namespace(x).where(clamp[n], 0.0, x) if n in clamp else x for n, x in drawn.items()}


def _noisy_step(
    _: None, network: Network, states: dict[str, Array], dt: Array, kick: dict[str, Array], clamp: dict[str, Array]
) -> Any:
    velocity = network.velocity(states, clamp)
    xp = backend.namespace(dt)
    taus = {name: p.tau for name, p in network.populations.items()}
    moved = {n: x + dt * velocity[n] + kick[n] / xp.sqrt(taus[n] * xp.ones_like(dt)) for n, x in states.items()}
    flow = network.bound()
    return moved, *flow.energy(flow.at(moved))
