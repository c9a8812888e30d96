"""Numbers of a memory that change in time: exact solutions, programs counted, and what is refused."""

import warnings
from typing import Any

import numpy as np
import pytest

from helpers import LIBRARIES, few, to_library, to_numpy
from hopfield.dynamics import (
    Diffrax,
    Network,
    Population,
    Quadratic,
    Relaxation,
    RungeKutta,
    Sampled,
    Scipy,
    Steps,
    TorchDiffEq,
    simulate,
)
from hopfield.models import BidirectionalMemory, ModernHopfield, UniversalHopfield

RNG = np.random.default_rng(0)
PATTERNS, CUE = RNG.normal(size=(5, 3)), RNG.normal(size=3)
THEIRS = {"numpy": Scipy("LSODA", rtol=1e-9), "jax": Diffrax("Tsit5", rtol=1e-8), "torch": TorchDiffEq(rtol=1e-8)}


def programs(call):
    """How many programs JAX compiles during a call."""
    import jax

    found = []

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if event.endswith("backend_compile_duration"):
            found.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    call()
    return len(found)


# --------------------------------------------------------------------------------------------------- exact solutions


@pytest.mark.parametrize("library", [n if n != "jax" else pytest.param(n, marks=pytest.mark.slow) for n in LIBRARIES])
@pytest.mark.parametrize("method", ["auto", "rosenbrock", "dopri5", "theirs"])
def test_a_slower_clock_is_another_time(library, method):
    """With tau(t) = 1 + t and adiabatic memory neurons, x(t) is the x of constant tau at s = log(1 + t)."""
    t1, chosen = 2.0, THEIRS[library] if method == "theirs" else method
    memory = ModernHopfield(to_library(PATTERNS, library), beta=2.0, tau_memory=0.0)
    cue = to_library(CUE, library)
    run = simulate(memory, cue, t1=t1, schedule={"tau_value": lambda t: 1 + t}, integrator=chosen, save_at=[0.5, t1])
    exact = simulate(
        ModernHopfield(PATTERNS, beta=2.0, tau_memory=0.0),
        CUE,
        t1=np.log(1 + t1),
        integrator=RungeKutta(rtol=1e-11, atol=1e-13),
        save_at=np.log([1.5, 1 + t1]),
    )
    tol = {"auto": 1e-2, "theirs": 1e-6, "rosenbrock": 1e-4}.get(method, 2e-5)
    assert np.abs(to_numpy(run.states["value"]) - exact.states["value"]).max() < tol


def test_steps_of_beta_are_memories_one_after_the_other():
    memory = ModernHopfield(PATTERNS, beta=0.5)
    run = simulate(
        memory, CUE, t1=3.0, schedule={"beta": Steps([0.0, 1.2], [0.5, 4.0])}, save="all", save_at=[1.2, 3.0]
    )
    first = simulate(memory, CUE, t1=1.2)
    second = simulate(memory.replace(beta=4.0), first.final, t0=1.2, t1=3.0)
    assert np.abs(run.states["value"][0] - first.final["value"]).max() < 1e-13
    assert np.abs(run.states["value"][1] - second.final["value"]).max() < 1e-13
    assert float(run.energy[0]) == pytest.approx(second.energy[0])  # of the memory that begins there
    assert run.network_at(1.2, left=True).populations["memory"].lagrangian.beta == 0.5
    assert run.network_at(1.2).populations["memory"].lagrangian.beta == 4.0


@pytest.mark.parametrize("name", ["beta", "tau_value", "tau_memory", "bias"])
@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_a_schedule_that_stands_still_is_the_memory_with_that_number(name, similarity):
    memory = UniversalHopfield(PATTERNS, similarity=similarity, beta=1.0)
    other = memory.replace(**{name: 0.7})
    runs = [
        simulate(memory, other.start(CUE), t1=1.0, schedule={name: lambda t: 0.7}),
        simulate(other, CUE, t1=1.0),
    ]
    assert np.abs(runs[0].final["value"] - runs[1].final["value"]).max() < 1e-12
    assert abs(runs[0].energy[-1] - runs[1].energy[-1]) < 1e-12


def test_numbers_from_which_more_follows_are_built_anew():
    """The beta of a bidirectional memory stands in several parts of its network."""
    left, right = np.sign(RNG.normal(size=(3, 6))), np.sign(RNG.normal(size=(3, 4)))
    memory = BidirectionalMemory(left, right)
    change = Sampled([0.0, 2.0], [1.0, 3.0])
    query = memory.start(left[0] * 0.5)
    run = simulate(memory, query, t1=2.0, schedule={"beta": change}, integrator="dopri5")
    sure = simulate(
        memory,
        query,
        t1=2.0,
        schedule={"beta": lambda t: 1.0 + t},
        integrator=RungeKutta("tsit5", rtol=1e-8, atol=1e-10),
    )
    constant = simulate(memory, query, t1=2.0, integrator="dopri5")
    for name, x in sure.final.items():
        assert np.abs(run.final[name] - x).max() < 1e-4
    assert max(np.abs(constant.final[n] - x).max() for n, x in sure.final.items()) > 1e-2


@pytest.mark.broad
def test_two_numbers_and_a_current_at_once():
    memory = ModernHopfield(PATTERNS, beta=1.0, tau_memory=0.2)
    given: dict[str, Any] = {
        "schedule": {"beta": lambda t: 1 + t, "tau_memory": Steps([0.0, 0.5], [0.2, 0.05])},
        "current": {"value": np.sin},
    }
    runs = [simulate(memory, CUE, t1=1.0, **given, integrator=m) for m in (Scipy("BDF", rtol=1e-8), "rosenbrock")]
    assert np.abs(runs[0].final["value"] - runs[1].final["value"]).max() < 1e-4
    fine = simulate(memory, CUE, t1=1.0, **given, integrator=Relaxation(dt=1e-3, order=2))
    assert np.abs(runs[0].final["value"] - fine.final["value"]).max() < 1e-4


def test_samples_share_their_steps():
    """All samples of a run stand at one time, since the network is that of one time."""
    cues = np.concatenate([CUE[None], 5 + 0 * CUE[None], 1e3 * CUE[None]])
    run = simulate(ModernHopfield(PATTERNS), cues, t1=2.0, schedule={"beta": lambda t: 1 + t}, integrator="dopri5")
    assert run.times.shape[1:] == (3,)
    assert (run.times == run.times[:, :1]).all()
    alone = simulate(ModernHopfield(PATTERNS), CUE, t1=2.0, schedule={"beta": lambda t: 1 + t}, integrator="dopri5")
    assert np.abs(run.final["value"][0] - alone.final["value"]).max() < 1e-4


def test_annealing_finds_what_a_hot_start_does_not_decide():
    """Raising beta from the one state that a hot memory has: it ends at a stored pattern."""
    memory = ModernHopfield(np.eye(6) + 0.01 * RNG.normal(size=(6, 6)), beta=0.1)
    run = simulate(memory, np.full(6, 0.5), t1=60.0, schedule={"beta": lambda t: 0.1 + 0.2 * t})
    assert np.abs(run.final["value"] - memory.patterns).max(axis=-1).min() < 0.05


# ------------------------------------------------------------------------------------------------------- programs


@pytest.mark.skipif("jax" not in LIBRARIES, reason="JAX is not installed")
@pytest.mark.parametrize("method", ["auto", *few(["rosenbrock"], 0), pytest.param("diffrax", marks=pytest.mark.slow)])
def test_another_schedule_compiles_nothing(method):
    method = Diffrax("Tsit5") if method == "diffrax" else method
    memory = ModernHopfield(to_library(PATTERNS, "jax"), beta=1.0)
    cue, times = to_library(CUE, "jax"), [0.5, 1.0, 2.0]

    def go(beta, kick, t1=2.0):
        current = {"value": kick}
        return simulate(memory, cue, t1=t1, schedule={"beta": beta}, current=current, integrator=method, save_at=times)

    first = programs(lambda: go(lambda t: 1 + t, np.sin))
    assert 0 < first <= (30 if isinstance(method, Diffrax) else 12)  # what runs once counts too: 20 to 22 with diffrax
    assert programs(lambda: go(lambda t: 2 + np.cos(t), np.cos, 2.5)) == 0
    assert programs(lambda: go(lambda t: 3.0 - t, lambda t: np.exp(-t))) == 0


@pytest.mark.skipif("jax" not in LIBRARIES, reason="JAX is not installed")
@pytest.mark.broad
def test_many_jumps_compile_no_more_than_one():
    memory, cue = ModernHopfield(to_library(PATTERNS, "jax"), beta=1.0), to_library(CUE, "jax")

    def go(count):
        times = np.linspace(0.1, 1.9, count)
        steps = Steps(times, np.random.default_rng(1).normal(size=(count, 3)))
        simulate(memory, cue, t1=2.0, current=steps, save_at=[1.0, 2.0])

    assert programs(lambda: go(2)) <= 8
    assert programs(lambda: go(40)) == 0


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("schedule", "error", "words"),
    [
        ({"betta": 1.0}, ValueError, "betta.*'beta'"),
        ({"gamma": lambda t: t}, ValueError, "beta, tau_value, tau_memory, bias"),
        ({"beta": lambda t: 1 - t}, ValueError, r"gives beta=.* at t=.* must be > 0"),
        ({"beta": lambda t: np.nan}, ValueError, "finite"),
        ({"beta": lambda t: "warm"}, TypeError, "beta"),
        ({"beta": lambda t: np.ones(2)}, ValueError, "one number"),
        ({"beta": Sampled([0.0, 0.5], [1.0, 2.0])}, ValueError, "schedule of 'beta' is sampled"),
        ({"tau_memory": lambda t: 0.1 * (1 - t)}, ValueError, "tau_memory"),
        (lambda t: t, TypeError, "schedule"),
        ([1.0], TypeError, "schedule"),
    ],
)
def test_schedules_that_cannot_be(schedule, error, words):
    with pytest.raises(error, match=words):
        simulate(ModernHopfield(np.eye(3)), np.ones(3), t1=2.0, schedule=schedule)


def test_a_number_that_turns_inside_the_run_is_seen_there():
    """Between the times that are looked at beforehand too."""
    narrow = lambda t: 1.0 if abs(t - 0.33) > 0.06 else -1.0  # noqa: E731
    with pytest.raises(ValueError, match="must stay > 0"):
        simulate(
            ModernHopfield(np.eye(3)), np.ones(3), t1=1.0, schedule={"beta": narrow}, integrator=Relaxation(dt=0.01)
        )


def test_a_network_has_no_numbers_by_name():
    with pytest.raises(TypeError, match=r"(?s)numbers of a model.*current="):
        simulate(Network({"x": Population(Quadratic(), 1)}), {"x": np.ones(1)}, t1=1.0, schedule={"tau": 1.0})


def test_what_has_no_effect_says_so():
    memory = ModernHopfield(PATTERNS, tau_memory=0.0)
    with pytest.raises(ValueError, match="other populations"):
        simulate(memory, CUE, t1=1.0, schedule={"tau_memory": lambda t: 0.1 * t})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(memory, CUE, t1=1.0, schedule={"beta": 2.0})
