"""Does the energy fall? A verdict over states (the model) and along a trajectory (the integrator)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import checked
from ...dynamics.lagrangians import convexity_defect
from ...dynamics.network import Network, states_only, strangers
from ...dynamics.simulation import Memory, Trajectory, rises
from .. import _declared as declared
from ._rates import EVERY, at_many, flat, rates
from ._report import EnergyPart, LyapunovReport

FAR = 0.05  # the relative difference that is one of the model and not of rounding
LOOKED = 64  # samples of one time whose parts are compared


@checked(**declared.CHECK_LYAPUNOV)
def check_lyapunov(
    memory: Memory | Network | None, trajectory_or_states: Trajectory | Mapping[str, Array] | Array
) -> LyapunovReport:
    r"""Check that the energy falls along a trajectory, or that dE/dt <= 0 at given states.

    Over a trajectory every increment E(t_k+1) - E(t_k) must be at most 16 eps(dtype) times the sum of the sizes
    of all terms that cancel in E (x.g, L, b.g, the scores and what cancels in them), which is what the guard of a run
    lets pass too; and at every saved state the model's own dE/dt = (dE/dx).x' must not be positive beyond rounding;
    where the increments fail and the rates do not, the step size is to blame.

    At every eighth saved time the parts of the network are compared with one another along random directions: values
    of Lagrangians with activations, activations with curvatures, energies of synapses with forces. A difference of
    more than a thousandth, beyond rounding and curvature, fails the check, and the part is named; in float32 rounding
    hides differences below about a hundredth. `rate_error` compares dE/dt with (E(x + s x') - E(x - s x'))/2s.

    Where inputs or numbers change in time, E may rise by their work W = integral of (dE/dt at fixed x) dt, and what has
    to fall is E - W. The networks are then those of the trajectory at each time; the report says how large the work is,
    and how often E itself rose.

    Parameters
    ----------
    memory : model, Network or None
        What moved; None takes the trajectory's own network.
    trajectory_or_states : Trajectory, dict of states (..., n), or array (..., I)
        What `simulate` returned, sampled states, or queries for a model (its memory neurons in equilibrium).
        The rates along a trajectory need every population: ``simulate(..., save="all")``. Without, they
        are looked at in the final state alone.

    Returns
    -------
    LyapunovReport
        True in a condition when the energy falls.

    References
    ----------
    Krotov & Hopfield 2021, arXiv:2008.06996 (dE/dt of the two-population network).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.dynamics import Euler, simulate
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(4), beta=8.0, tau_memory=0)
    >>> query = np.array([0.7, 0.4, 0.1, 0.0])
    >>> check_lyapunov(memory, simulate(memory, query, t1=5)).holds
    True
    >>> check_lyapunov(memory, simulate(memory, query, t1=9, integrator=Euler(3.0))).cause
    'step size'
    """
    network = _network(memory, trajectory_or_states)
    if isinstance(trajectory_or_states, Trajectory):
        strange = set(trajectory_or_states.states) - set(network.populations)
        if strange:
            raise ValueError(
                f"The trajectory has states of {', '.join(sorted(strange))}, and this network has the populations "
                f"{', '.join(network.populations)}: it belongs to another one. Give None to take its own."
            )
        return _along(network, trajectory_or_states)
    states = trajectory_or_states
    if not isinstance(states, Mapping):
        if memory is None or states_only(memory):
            raise TypeError("Give a dict of states, one for each population, or a model and an array of queries.")
        states = memory.start(states)
    with np.errstate(all="ignore"):
        return _at(network, network.check_states(states))


@checked(**declared.ASSERT_ENERGY_DECREASES)
def assert_energy_decreases(trajectory: Trajectory, memory: Memory | Network | None = None) -> None:
    """Raise AssertionError, saying where and by how much, if the energy of a trajectory rises beyond rounding.

    Made for tests of your own networks.

    >>> import numpy as np
    >>> from hopfield.dynamics import simulate
    >>> from hopfield.models import ModernHopfield
    >>> assert_energy_decreases(simulate(ModernHopfield(np.eye(3), beta=5.0), np.array([0.9, 0.3, 0.0]), t1=5))
    """
    __tracebackhide__ = True  # pytest then points at the line of the test
    if not isinstance(trajectory, Trajectory):
        raise TypeError(f"Expected a Trajectory from simulate(...), got {type(trajectory).__name__}.")
    report = check_lyapunov(memory, trajectory)
    if not report.holds:
        raise AssertionError(report.message)


def _network(memory: Memory | Network | None, given: Any) -> Network:
    if memory is None:
        if not isinstance(given, Trajectory):
            raise TypeError("Without a model or network only a Trajectory can be checked.")
        return given.network
    return memory.network


def _at(network: Network, states: Mapping[str, Array]) -> LyapunovReport:
    """The model's dE/dt at given states."""
    if not all(np.size(backend.to_numpy(x)) for x in states.values()):
        raise ValueError("There are no states to look at: the batch is empty.")
    found = rates(network, states, {})
    rate, tolerance, error = (x.reshape(-1) for x in found[:3])
    worst = int(np.argmax(np.nan_to_num(rate, nan=np.inf) - tolerance))
    violations = int((~(rate <= tolerance)).sum())
    strange = strangers(network, _some(states))
    cause = _cause(network, states, strange, found[3]) if violations else "model" if strange else ""
    message = f"dE/dt <= 0 at all {rate.size} states (largest {rate.max():.3g}).{_unclaimed(network)}"
    if violations:
        top = f"the largest {rate[worst]:.3g} in sample {worst}"
        message = f"dE/dt > 0 at {violations} of {rate.size} states, {top}: {cause}."
    elif strange:
        message = _apart(strange)
    return LyapunovReport(
        holds=not cause,
        max_increase=float(rate[worst]),
        where=(None, worst),
        violations=violations,
        tolerance=float(tolerance[worst]),
        intervals=int(rate.size),
        cause="model" if cause else "",
        max_rate=float(rate.max()),
        rate_error=None if np.isnan(error).all() else float(np.nanmax(error)),
        message=message,
        parts=_parts(network, None, states, found[3]),
    )


def _along(network: Network, run: Trajectory) -> LyapunovReport:
    energy = _columns(run.energy)
    scale = _columns(run.energy_scale)
    times = run.times.reshape(len(run.times), -1)
    whole = set(run.states) == set(network.populations) and not run.columns
    with np.errstate(all="ignore"):
        rates = at_many(network, run, whole)
    increments, slack = rises(energy[:-1], energy[1:], scale[:-1], scale[1:], backend.epsilon(run.energy))
    what, driven, balance = "The energy", "", {}
    if run.drive is not None:
        risen = int((~(increments <= slack)).sum())
        increments = increments - np.diff(_columns(run.work), axis=0)
        slack = slack + np.diff(_columns(run.work_error), axis=0)
        balance = {"risen": risen, "work": float(run.work[-1].mean()), "dissipation": float(run.dissipation[-1].mean())}
        what = "The energy less the work of the inputs"
        driven = f" Their work is {balance['work']:.3g}, and E itself rises {risen} times."
    rose = ~(increments <= slack)
    if increments.size:
        k, sample = np.unravel_index(np.argmax(np.where(np.isnan(increments), np.inf, increments - slack)), rose.shape)
        top, tolerance = float(increments[k, sample]), float(slack[k, sample])
        time = float(times[k, sample if times.shape[1] > 1 else 0])
        where: tuple[float | None, int] | None = (time, int(sample))
    else:
        top, tolerance, where = (
            0.0,
            float(rises(energy, energy, scale, scale, backend.epsilon(run.energy))[1].max(initial=0.0)),
            None,
        )
    bad_rates = bool((~(rates[0] <= rates[1])).any())
    strange = _strangers_along(network, run, whole)
    shaken = bool(run.statistics.get("noise"))
    cause = "model" if bad_rates or strange else ("noise" if shaken else "step size") if rose.any() else ""
    if bad_rates:
        why = _cause(network, run.final, strange, rates[3])
        message = f"dE/dt > 0 at a state of the trajectory (largest {rates[0].max():.3g}): {why}."
    elif strange:
        message = _apart(strange)
    elif rose.any():
        seen = "all saved states" if whole else "the final state (save='all' looks at every one)"
        relaxed = str(run.statistics.get("integrator", "")).startswith("Relaxation")
        message = (
            f"{what} rises {int(rose.sum())} times in {rose.size} steps, most by {top:.3g} (tolerance "
            f"{tolerance:.2g}) after t={where[0]:g} in sample {where[1]}, though dE/dt <= 0 at {seen}: "  # type: ignore[index]
            f"the steps are too long. Use {'' if relaxed else 'Relaxation, or '}a smaller dt.{driven}"
        )
        if cause == "noise":
            message = (
                f"{what} rises {int(rose.sum())} times in {rose.size} steps, as the noise of the run makes it.{driven}"
            )
    else:
        largest = f"largest increase {max(top, 0.0):.2g}, tolerance {tolerance:.2g}"
        message = f"{what} falls over all {rose.size} steps ({largest}).{driven}{_unclaimed(network)}"
    return LyapunovReport(
        holds=not cause,
        max_increase=top,
        where=where,
        violations=int(rose.sum()),
        tolerance=tolerance,
        intervals=int(rose.size),
        cause=cause,
        max_rate=float(rates[0].max()),
        rate_error=None if np.isnan(rates[2]).all() else float(np.nanmax(rates[2])),
        message=message,
        parts=_parts_of(network, run, whole, rates[3]),
        **balance,
    )


def _parts_of(network: Network, run: Trajectory, whole: bool, rates: np.ndarray) -> dict[str, EnergyPart]:
    """The energy's terms at the first saved time and at the end, each with the network of its time."""
    first = {n: x[0] for n, x in run.states.items()} if whole else None
    if run.drive is None:
        return _parts(network, first, run.final, rates)
    begin, end = (run.drive.network(float(t)) for t in (np.min(run.times), np.max(run.reached)))
    last = _parts(end, None, flat(run.final), rates)
    if first is None:
        return last
    found = _parts(begin, None, flat(first), rates)
    return {name: EnergyPart(found[name].last, part.last, part.rate) for name, part in last.items()}


def _parts(
    network: Network, first: Mapping[str, Array] | None, last: Mapping[str, Array], rates: np.ndarray
) -> dict[str, EnergyPart]:
    """The energy's terms at two states, and the largest rate of each population."""
    with np.errstate(all="ignore"):
        end = {name: float(backend.to_numpy(x).mean()) for name, x in network.energy_parts(last).items()}
        begin: dict[str, float | None] = dict.fromkeys(end)
        if first is not None:
            begin = {name: float(backend.to_numpy(x).mean()) for name, x in network.energy_parts(first).items()}
    own = dict(zip(network.populations, rates.tolist(), strict=True))
    return {name: EnergyPart(begin[name], end[name], own.get(name)) for name in end}


def _columns(values: Array) -> np.ndarray:
    host = backend.to_numpy(values)
    return host.reshape(len(host), -1)


def _some(states: Mapping[str, Array]) -> dict[str, Array]:
    """At most 64 states (B, n) of a batch, evenly spread."""
    count = int(np.prod(np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in states.values())), dtype=int))
    rows = np.unique(np.linspace(0, count - 1, LOOKED).astype(int))
    batch = np.broadcast_shapes(*(tuple(x.shape[:-1]) for x in states.values()))
    found = {}
    for name, x in states.items():
        xp = backend.namespace(x)
        flat = xp.reshape(xp.broadcast_to(x, (*batch, x.shape[-1])), (-1, x.shape[-1]))
        found[name] = xp.take(flat, xp.asarray(rows, device=backend.device(x)), axis=0)
    return found


def _strangers_along(network: Network, run: Trajectory, whole: bool) -> list[str]:
    """What does not belong together at every eighth saved time."""
    if not whole:
        return strangers(network, _some(run.final))
    length = len(next(iter(run.states.values())))
    found: dict[str, None] = {}
    for k in range(0, length, EVERY):
        found |= dict.fromkeys(strangers(network, _some({n: x[k] for n, x in run.states.items()})))
        if found:
            break
    return list(found)


def _apart(strange: list[str]) -> str:
    return f"Energy and dynamics do not belong together: {'; '.join(strange)}."


def _unclaimed(network: Network) -> str:
    """What is to be said of a network whose forces have no energy."""
    names = [name for name, synapse in network.synapses.items() if not synapse.conservative]
    if not names:
        return ""
    return f" But no energy belongs to the forces of {', '.join(names)}, and nothing says that it always falls."


def _cause(network: Network, states: Mapping[str, Array], strange: list[str], shares: np.ndarray) -> str:
    """What in the model lets the energy rise."""
    if strange:
        return "; ".join(strange)
    if not network.conservative:
        loose = {name: synapse for name, synapse in network.synapses.items() if not synapse.conservative}
        if all(hasattr(synapse, "weights") for synapse in loose.values()):
            return f"the weights of {', '.join(loose)} are not symmetric, so no energy belongs to their forces"
        return f"no energy belongs to the forces of {', '.join(loose)}"
    if not network.even:
        names = [name for name, p in network.populations.items() if p.by_neuron and not p.lagrangian.elementwise]
        return (
            f"the time constants of {', '.join(names)} differ by neuron, and its Lagrangian couples the neurons, so "
            "that nothing says that E falls in the local flow"
        )
    for (name, p), share in zip(network.populations.items(), shares, strict=True):
        convex = p.lagrangian.convex
        if not share > 0:  # it never raised the energy
            continue
        if convex is False or (convex is None and convexity_defect(p.lagrangian, states[name]) < 0):
            return f"the Lagrangian {p.lagrangian!r} of population {name!r} is not convex"
    return "the forces are not the gradient of the energy"
