"""The Lyapunov verdict: quiet where the energy falls, exact about where it rises, right about the cause."""

import dataclasses
import importlib
import io
import itertools
import json
import math

import numpy as np
import pytest
from rich.console import Console

from helpers import few, to_library, to_numpy
from hopfield.analysis import LyapunovReport, assert_energy_decreases, check_lyapunov
from hopfield.dynamics import (
    Bilinear,
    CustomLagrangian,
    Euler,
    LogCosh,
    Network,
    Population,
    Power,
    Quadratic,
    Recurrent,
    Relaxation,
    Rosenbrock,
    RungeKutta,
    Scipy,
    Synapse,
    simulate,
)
from hopfield.models import ModernHopfield, UniversalHopfield

measured = importlib.import_module("hopfield.analysis.energy._rates")
SIMILARITIES = ["dot", "cosine", "euclidean", "manhattan"]


def memory_and_cues(sim="dot", n=5, i=8, batch=3, dtype=np.float64, seed=0, **options):
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(n, i)).astype(dtype)
    cues = (patterns[np.arange(batch) % n] + 0.5 * rng.normal(size=(batch, i))).astype(dtype)
    return UniversalHopfield(patterns, sim, **{"beta": 1.0, **options}), cues


# --------------------------------------------------------------------------------------- no false alarm


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dt", few([1e-3, 0.3, 30.0, math.inf], [0.3, math.inf]))
@pytest.mark.parametrize("sim", SIMILARITIES)
def test_relaxation_holds(sim, dt, order, dtype):
    memory, cues = memory_and_cues(sim, dtype=dtype)
    run = simulate(memory, cues, t1=20 if dt == math.inf else 20 * dt, integrator=Relaxation(dt, order), save="all")
    report = check_lyapunov(memory, run)
    assert report.holds, str(report)
    assert report  # a report is true when it holds
    assert report.violations == 0
    assert report.cause == ""
    assert report.intervals == 20 * 3
    assert report.max_increase <= report.tolerance
    assert (report.rate_error is None) is (sim == "manhattan")  # no difference quotient across kinks


@pytest.mark.parametrize("width", few([300, 1000, 3072], 1))
@pytest.mark.parametrize("sim", SIMILARITIES)
def test_no_false_alarm_on_wide_float32_patterns(sim, width):
    """N = 50 images: sums of thousands of terms, run until only rounding is left."""
    rng = np.random.default_rng(width)
    patterns = rng.random((50, width), dtype=np.float32)
    memory = UniversalHopfield(patterns, sim, beta={"dot": 0.1, "cosine": 50.0}.get(sim, 0.3), tau_memory=0.0)
    cues = (patterns[:2] * (rng.random((2, width)) < 0.5)).astype(np.float32)
    dt, t1 = (0.25, 20.0) if sim != "manhattan" else (math.inf, 6)
    run = simulate(memory, cues, t1=t1, integrator=Relaxation(dt))
    report = check_lyapunov(memory, run)
    assert report.holds, str(report)
    if sim == "dot":  # what a tolerance of eps |E| would have said of the same trace
        assert (np.diff(run.energy, axis=0) > np.finfo(np.float32).eps * np.abs(run.energy[1:])).sum() > 3


@pytest.mark.parametrize("scale", [1e-3, 255.0])
@pytest.mark.parametrize("sharpness", few([20.0, 1e4], 1))
@pytest.mark.parametrize("sim", SIMILARITIES)
def test_no_false_alarm_at_other_scales(sim, sharpness, scale, dtype):
    """Nothing is as large as 1 here, or as gentle: steps of the difference quotient must go by the states."""
    rng = np.random.default_rng(1)
    patterns = (scale * rng.random((20, 60))).astype(dtype)
    beta = sharpness / scale ** {"dot": 2, "euclidean": 2, "manhattan": 1, "cosine": 0}[sim]
    memory = UniversalHopfield(patterns, sim, beta=beta, tau_memory=0.2)
    cues = (patterns[:3] + 0.3 * scale * rng.random((3, 60))).astype(dtype)
    run = simulate(memory, cues, t1=15.0, integrator=Relaxation(0.5), save="all")
    report = check_lyapunov(memory, run)
    assert report.holds, str(report)


@pytest.mark.parametrize("sharpness", few([1.0, 1e3, 1e5], [1e3]))
@pytest.mark.parametrize("tau_memory", [0.0, 0.2])
@pytest.mark.parametrize("sim", SIMILARITIES[:3])
def test_no_false_alarm_at_the_edge_between_two_memories(sim, tau_memory, sharpness, dtype):
    """Where softmax turns from one memory to another the slope of E changes within any step of a quotient."""
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(20, 30)).astype(dtype)
    memory = UniversalHopfield(patterns, sim, beta=sharpness, tau_memory=tau_memory)
    between = (patterns[:8] + patterns[8:16]) / 2 + 1e-3 / sharpness * rng.normal(size=(8, 30))
    report = check_lyapunov(memory, between.astype(dtype))
    assert report.holds, str(report)
    run = simulate(memory, between.astype(dtype), t1=0.5, integrator=Relaxation(0.05), save="all")
    assert check_lyapunov(memory, run).holds


@pytest.mark.parametrize("library_name", ["torch", "jax"])
def test_the_verdict_is_the_same_in_other_libraries(library_name):
    pytest.importorskip(library_name)
    memory, cues = memory_and_cues()
    options = {"t1": 2.0, "integrator": Relaxation(0.5), "save": "all"}
    expected = check_lyapunov(memory, simulate(memory, cues, **options))
    moved = memory.to(library_name)
    report = check_lyapunov(moved, simulate(moved, to_library(cues, library_name), **options))
    assert (report.holds, report.violations, report.intervals) == (True, 0, expected.intervals)
    np.testing.assert_allclose(report.max_rate, expected.max_rate, rtol=1e-9)
    np.testing.assert_allclose(report.tolerance, expected.tolerance, rtol=1e-9)


@pytest.mark.parametrize(
    "integrator", [Scipy("LSODA", rtol=1e-8), RungeKutta(rtol=1e-7), Rosenbrock(), Euler(0.01)], ids=type
)
def test_accurate_solvers_hold_too(integrator):
    memory, cues = memory_and_cues(tau_memory=0.5)
    run = simulate(memory, cues, t1=4.0, integrator=integrator, save="all")
    report = check_lyapunov(memory, run)
    assert report.holds, str(report)
    assert report.max_rate <= 0


def test_clamped_and_gradient_flow_runs_hold():
    memory, cues = memory_and_cues()
    mask = np.arange(8) < 3
    run = simulate(memory, cues, t1=5.0, clamp=mask, save="all")
    held = check_lyapunov(memory, run)
    assert held.holds
    free = check_lyapunov(memory, {name: x[0] for name, x in run.states.items()})
    assert held.max_rate <= 0
    assert free.max_increase < held.max_rate  # the rate of the free network is another one: the clamp was respected
    network = dataclasses.replace(memory.network, flow="gradient")
    run = simulate(network, memory.start(cues), t1=2.0, integrator=Scipy("RK45"), save="all")
    assert check_lyapunov(network, run).holds


def test_a_non_convex_lagrangian_in_the_adiabatic_limit_still_falls(rng):
    memory = UniversalHopfield(rng.normal(size=(4, 3)), "cosine", "polynomial(2)", tau_memory=0.0)
    run = simulate(memory, rng.normal(size=(5, 3)), t1=5.0)
    assert check_lyapunov(memory, run).holds


# -------------------------------------------------------------------------------------- what it must catch


def test_a_step_too_long_is_blamed_and_found():
    memory, cues = memory_and_cues(batch=4, tau_memory=0.0)
    run = simulate(memory, cues.reshape(2, 2, 8), t1=30.0, integrator=Euler(3.0))
    report = check_lyapunov(memory, run)
    assert not report.holds
    assert not report
    assert report.cause == "step size"
    assert "the steps are too long. Use Relaxation, or a smaller dt." in report.message
    energy, times = run.energy.reshape(len(run.times), -1), run.times
    time, sample = report.where
    k = int(np.flatnonzero(times == time)[0])
    assert energy[k + 1, sample] - energy[k, sample] == report.max_increase > 0
    assert report.max_increase == np.diff(energy, axis=0).max()
    slack = 16 * np.finfo(float).eps * run.energy_scale.reshape(energy.shape)
    assert report.violations == (np.diff(energy, axis=0) > np.maximum(slack[1:], slack[:-1])).sum()
    assert report.intervals == 10 * 4
    assert f"t={time:g} in sample {sample}" in report.message


def test_where_uses_the_clock_of_each_sample():
    memory, cues = memory_and_cues(tau_memory=0.5)
    run = simulate(memory, cues, t1=4.0, integrator=Scipy("RK45"), save="all")
    assert run.times.ndim == 2
    energy = run.energy.copy()
    energy[4:, 1] += 1.0
    report = check_lyapunov(memory, dataclasses.replace(run, energy=energy))
    assert report.where == (run.times[3, 1], 1)


@pytest.mark.parametrize("size", [0.1, 100.0])
def test_rises_are_told_from_rounding(size, dtype):
    """A bump of a hundred tolerances is found where it is, one of a tenth is not."""
    memory, cues = memory_and_cues(dtype=dtype)
    corner = memory.retrieve(cues, max_steps=500, tol=1e-14).state
    run = simulate(memory, corner, t1=3.0, save="all")  # at rest: the energy is flat
    quiet = check_lyapunov(memory, run)
    assert quiet.holds
    energy = run.energy.copy()
    energy[7:, 2] += dtype.type(size * quiet.tolerance)
    report = check_lyapunov(memory, dataclasses.replace(run, energy=energy))
    assert report.holds is (size < 1)
    if size > 1:
        assert report.where[1] == 2
        np.testing.assert_allclose(report.where[0], 0.6, rtol=1e-6)
        assert report.violations == 1
        assert report.cause == "step size"


def test_tolerance_is_eps_times_what_cancels(dtype):
    memory, cues = memory_and_cues(dtype=dtype)
    run = simulate(memory, cues, t1=1.0, save="all")
    report = check_lyapunov(memory, run)
    k, sample = int(np.flatnonzero(np.isclose(run.times, report.where[0]))[0]), report.where[1]
    scale = max(run.energy_scale[k : k + 2, sample])
    np.testing.assert_allclose(report.tolerance, 16 * np.finfo(dtype).eps * scale, rtol=1e-6)
    assert scale > abs(run.energy[k, sample])  # the parts are larger than their sum


def test_a_nan_is_a_violation():
    memory, cues = memory_and_cues()
    run = simulate(memory, cues, t1=1.0, save="all")
    energy = run.energy.copy()
    energy[5:, 0] = np.nan
    report = check_lyapunov(memory, dataclasses.replace(run, energy=energy))
    assert not report.holds
    assert report.where[1] == 0


@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # its steps are meant to be too long
def test_asymmetric_weights_are_a_fault_of_the_model(rng):
    weights = rng.normal(size=(6, 6))
    network = Network({"x": Population(LogCosh(2.0), 6)}, [Recurrent(("x",), weights)])
    run = simulate(network, {"x": rng.normal(size=(10, 6))}, t1=8.0, integrator=Relaxation(0.1))
    report = check_lyapunov(network, run)
    assert report.cause == "model"
    assert "the weights of x~x are not symmetric" in report.message
    assert report.max_rate > 0
    # dE/dt > 0 is no artefact of steps: the accurate solution rises too, and the rate is its slope
    accurate = simulate(network, {"x": run.states["x"][0]}, t1=8.0, integrator=Scipy("DOP853", rtol=1e-10), save="all")
    assert check_lyapunov(network, accurate).cause == "model"
    assert report.rate_error < 1e-3
    symmetric = Network({"x": Population(LogCosh(2.0), 6)}, [Recurrent(("x",), weights + weights.T)])
    assert check_lyapunov(symmetric, simulate(symmetric, {"x": run.states["x"][0]}, t1=8.0)).holds


class Coupled(Synapse):
    """Forces W g with an energy that someone believes to be theirs."""

    between = ("x",)
    checked = True  # his word for it: `simulate` takes it, and what the check makes of the run is the question

    def __init__(self, weights, energy):
        self.weights, self.believed = weights, energy

    def energy(self, g):
        return self.believed(self.weights, g)

    def forces(self, g):
        return (g @ self.weights.T,)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
@pytest.mark.parametrize("form", ["states", "trajectory"])
@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # its steps are meant to be too long
def test_an_energy_that_does_not_belong_to_the_forces(form, scale, dtype, rng):
    root = rng.normal(size=(6, 6))
    weights = (root + root.T).astype(dtype)
    states = {"x": (scale * rng.normal(size=(8, 6))).astype(dtype)}

    def report_of(energy):
        network = Network({"x": Population(LogCosh(), 6)}, [Coupled(weights, energy)])
        run = simulate(network, states, t1=2.0, integrator=Relaxation(0.1)) if form == "trajectory" else states
        return check_lyapunov(network, run)

    right = report_of(lambda w, g: -(g * (g @ w.T)).sum(-1) / 2)
    assert right.holds
    assert right.rate_error < 0.01
    twice = report_of(lambda w, g: -(g * (g @ w.T)).sum(-1))  # a factor 2, as is common
    assert not twice.holds
    assert twice.cause == "model"
    assert twice.rate_error > 0.05
    assert "differs from the difference quotient" in twice.message or "not the gradient" in twice.message


def test_a_non_convex_lagrangian_is_named(rng):
    cubes = Population(Power(3), 4)
    network = Network(
        {"a": cubes, "b": Population(Quadratic(), 4)}, [Bilinear(("a", "b"), 3 * rng.normal(size=(4, 4)))]
    )
    states = {name: rng.normal(size=(60, 4)) for name in ("a", "b")}
    report = check_lyapunov(network, states)
    assert not report.holds
    assert report.cause == "model"
    assert "the Lagrangian Power(n=3, beta=1.0) of population 'a' is not convex" in report.message
    assert report.where == (None, int(np.argmax(network.energy_rate(states))))
    np.testing.assert_allclose(report.max_increase, network.energy_rate(states).max())
    assert f"{report.violations} of 60 states" in report.message
    assert report.violations == (network.energy_rate(states) > 1e-9).sum()


@pytest.mark.parametrize(("said", "named"), [(None, True), (False, True), (True, False)])
def test_convexity_that_is_not_said_is_sampled(said, named, rng):
    wavy = CustomLagrangian(
        lambda x: (x**2 / 2 + 2 * np.cos(x)).sum(-1),
        lambda x: x - 2 * np.sin(x),
        lambda x, u: (1 - 2 * np.cos(x)) * u,
        is_convex=said,
        is_elementwise=True,
    )
    network = Network({"x": Population(wavy, 5)}, [])
    report = check_lyapunov(network, {"x": 0.3 * rng.normal(size=(20, 5))})
    assert not report.holds
    assert ("is not convex" in report.message) is named  # said to be convex, it is believed


@pytest.mark.parametrize("factor", [0.5, 2.0, -1.0])
def test_a_lagrangian_whose_activation_is_not_its_gradient_is_not_called_non_convex(factor, rng):
    wrong = CustomLagrangian(
        lambda x: (x**2 / 2).sum(-1), lambda x: factor * x, lambda x, u: factor * u, is_elementwise=True
    )
    weights = np.array([[0.0, 1.5, 0.0], [1.5, 0.0, 0.0], [0.0, 0.0, 0.5]])
    network = Network({"x": Population(wrong, 3)}, [Recurrent(("x",), weights)])
    report = check_lyapunov(network, {"x": rng.normal(size=(30, 3))})
    assert not report.holds
    assert report.cause == "model"
    assert "of population 'x' is not the gradient of its value" in report.message
    assert "is not convex" not in report.message
    # The same of a Lagrangian that is right, and convex or not, is not said.
    right = CustomLagrangian(lambda x: (x**2 / 2).sum(-1), lambda x: x, lambda x, u: u, is_elementwise=True)
    sound = check_lyapunov(Network({"x": Population(right, 3)}, [Recurrent(("x",), weights)]), {"x": np.ones((2, 3))})
    assert sound.holds


# ------------------------------------------------------------------------------------------- what it takes


def test_states_queries_and_trajectories_are_taken():
    memory, cues = memory_and_cues()
    states = memory.start(cues)
    by_query, by_states = check_lyapunov(memory, cues), check_lyapunov(memory.network, states)
    assert by_query == by_states
    assert by_query.intervals == 3
    assert by_query.where[0] is None
    np.testing.assert_allclose(by_query.max_rate, memory.network.energy_rate(states).max(), rtol=1e-12)
    assert str(by_query) == f"dE/dt <= 0 at all 3 states (largest {by_query.max_rate:.3g})."
    run = simulate(memory, cues, t1=1.0)
    assert check_lyapunov(None, run) == check_lyapunov(memory, run)  # a trajectory knows its network
    assert isinstance(check_lyapunov(memory, cues[0]), LyapunovReport)


def test_what_cannot_be_checked_is_refused():
    memory, cues = memory_and_cues()
    with pytest.raises(TypeError, match="Without a model or network only a Trajectory"):
        check_lyapunov(None, cues)
    with pytest.raises(TypeError, match="dict of states, one for each population"):
        check_lyapunov(memory.network, cues)
    with pytest.raises(ValueError, match=r"state 'memory' has shape \(3, 8\)"):
        check_lyapunov(memory.network, {"value": cues, "memory": cues})


def test_unsaved_populations_leave_the_rates_of_the_final_state():
    memory, cues = memory_and_cues()
    run = simulate(memory, cues, t1=1.0)
    assert set(run.states) == {"value"}
    report = check_lyapunov(memory, run)
    assert report.holds
    np.testing.assert_allclose(report.max_rate, memory.network.energy_rate(run.final).max(), rtol=1e-9)
    whole = check_lyapunov(memory, simulate(memory, cues, t1=1.0, save="all"))
    assert whole.max_rate >= report.max_rate


def test_one_saved_time_has_nothing_to_compare():
    memory, cues = memory_and_cues()
    report = check_lyapunov(memory, simulate(memory, cues, t1=1.0, save_at=[1.0]))
    assert report.holds
    assert (report.intervals, report.max_increase, report.where) == (0, 0.0, None)


def test_assert_energy_decreases_raises_with_the_numbers():
    memory, cues = memory_and_cues(tau_memory=0.0)
    assert assert_energy_decreases(simulate(memory, cues, t1=2.0)) is None
    run = simulate(memory, cues, t1=30.0, integrator=Euler(3.0))
    top = check_lyapunov(memory, run).max_increase
    with pytest.raises(AssertionError, match="energy rises") as caught:
        assert_energy_decreases(run)
    assert f"most by {top:.3g}" in str(caught.value)
    assert "times in 30 steps" in str(caught.value)
    with pytest.raises(AssertionError, match="energy rises"):
        assert_energy_decreases(run, memory)


def test_rates_do_not_overflow_the_verdict_near_kinks(rng):
    """At rest on a stored pattern Manhattan's velocity is exactly 0, and so is the rate."""
    memory = UniversalHopfield(rng.normal(size=(4, 3)), "manhattan", beta=5.0)
    report = check_lyapunov(memory, memory.memories)
    assert report.holds
    assert report.max_rate == 0
    assert to_numpy(memory.network.velocity(memory.start(memory.memories))["value"]).any() == np.False_


# ------------------------------------------------------------------------------------------------ the report


@pytest.fixture
def falling():
    """What a user's own test suite can hold: a check that takes a trajectory and shows the parts when it fails."""

    def check(trajectory):
        report = check_lyapunov(None, trajectory)
        assert report.holds, f"{report}\n{report.parts}"
        return report

    return check


def test_the_fixture_of_a_users_own_tests(falling):
    memory, cues = memory_and_cues(tau_memory=0.0)
    assert falling(simulate(memory, cues, t1=2.0)).intervals == 60
    with pytest.raises(AssertionError, match=r"energy rises[\s\S]*EnergyPart"):
        falling(simulate(memory, cues, t1=30.0, integrator=Euler(3.0)))


def test_parts_sum_to_the_energy_and_shares_to_the_rate(rng):
    memory, cues = memory_and_cues()
    run = simulate(memory, cues, t1=2.0, save="all")
    report = check_lyapunov(memory, run)
    assert list(report.parts) == ["value", "memory", "value~memory"]
    np.testing.assert_allclose(sum(p.first for p in report.parts.values()), run.energy[0].mean(), rtol=1e-12)
    np.testing.assert_allclose(sum(p.last for p in report.parts.values()), run.energy[-1].mean(), rtol=1e-12)
    np.testing.assert_allclose(sum(p.change for p in report.parts.values()), (run.energy[-1] - run.energy[0]).mean())
    assert report.parts["value~memory"].rate is None  # a synapse has no state
    states = {name: x[0] for name, x in run.states.items()}
    at = check_lyapunov(memory, states)
    velocity, slope = memory.network.velocity(states), memory.network.energy_gradient(states)
    for name in ("value", "memory"):
        np.testing.assert_allclose(at.parts[name].rate, (velocity[name] * slope[name]).sum(-1).max(), rtol=1e-12)
        assert at.parts[name].first is None


def test_the_population_that_lets_the_energy_rise_has_the_positive_rate(rng):
    cubes = Population(Power(3), 4)
    network = Network(
        {"a": cubes, "b": Population(Quadratic(), 4)}, [Bilinear(("a", "b"), 3 * rng.normal(size=(4, 4)))]
    )
    report = check_lyapunov(network, {name: rng.normal(size=(60, 4)) for name in ("a", "b")})
    assert report.parts["a"].rate > 0 >= report.parts["b"].rate


def test_populations_that_were_not_saved_have_no_first_value():
    memory, cues = memory_and_cues()
    report = check_lyapunov(memory, simulate(memory, cues, t1=1.0))
    assert all(part.first is part.change is None for part in report.parts.values())


def test_the_report_is_a_table_and_json(tmp_path):
    memory, cues = memory_and_cues()
    report = check_lyapunov(memory, simulate(memory, cues, t1=1.0, save="all"))
    console = Console(file=io.StringIO(), width=100)
    console.print(report)
    text = console.file.getvalue()
    assert "value~memory" in text
    assert "The energy falls over all 30 steps" in text
    file = json.loads(report.to_json(tmp_path / "lyapunov.json").read_text(encoding="utf-8"))["results"]["lyapunov"]
    assert file["holds"] is True
    assert file["parts"]["value"]["last"] == report.parts["value"].last


def test_rates_are_not_computed_again_once_everything_stands_still(monkeypatch):
    memory, cues = memory_and_cues(tau_memory=0.0)
    corner = memory.retrieve(cues, max_steps=500, tol=1e-15).state
    run = simulate(memory, corner, t1=100.0, stop="steady", save_at=np.linspace(0, 100, 101), save="all")
    calls = []
    original = measured.rates
    monkeypatch.setattr(measured, "rates", lambda *a: calls.append(1) or original(*a))
    report = check_lyapunov(memory, run)
    assert report.holds
    assert report.intervals == 300
    moving = 1 + sum(bool((a != b).any()) for a, b in itertools.pairwise(run.states["value"]))
    assert len(calls) == moving < 20


def test_what_does_not_belong_together_is_refused():
    memory = ModernHopfield(np.eye(3), beta=5.0)
    run = simulate(memory, np.array([0.9, 0.3, 0.0]), t1=1.0)
    other = Network({"x": Population(LogCosh(), 3)}, [Recurrent(("x",), np.eye(3))])
    with pytest.raises(ValueError, match="it belongs to another one"):
        check_lyapunov(other, run)
    with pytest.raises(ValueError, match="the batch is empty"):
        check_lyapunov(memory, np.zeros((0, 3)))
    with pytest.raises(TypeError, match="Expected a Trajectory"):
        assert_energy_decreases(np.eye(3))


def test_pytest_points_at_the_line_of_the_test():
    memory = ModernHopfield(np.eye(4), beta=8.0, tau_memory=0)
    run = simulate(memory, np.array([0.7, 0.4, 0.1, 0.0]), t1=9, integrator=Euler(3.0))
    with pytest.raises(AssertionError, match="The energy rises") as caught:
        assert_energy_decreases(run)
    assert caught.traceback.filter(caught)[-1].path.name == "test_lyapunov.py"


@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # its steps are meant to be too long
def test_no_false_alarm_where_the_guard_accepted_a_step():
    """Cosine in float32 by long steps: the guard and the verdict allow for the same rounding."""
    rng = np.random.default_rng(117)
    patterns, cues = (rng.normal(size=shape).astype(np.float32) for shape in ((6, 5), (8, 5)))
    memory = UniversalHopfield(patterns, "cosine", beta=5.0, leak=1.0)
    run = simulate(memory, cues, t1=300.0, integrator=Relaxation(10.0), save="all")
    assert check_lyapunov(memory, run).holds


@pytest.mark.filterwarnings("ignore:.*Lagrangian is not convex:UserWarning")
@pytest.mark.parametrize("tau_memory", [0.0, 0.1])
def test_no_false_alarm_outside_of_every_kernel(tau_memory):
    """Epanechnikov weights are all 0 far from the patterns, where states only decay."""
    patterns = np.random.default_rng(0).normal(size=(4, 3))
    memory = UniversalHopfield(patterns, "euclidean", "epanechnikov", beta=1.0, tau_memory=tau_memory)
    run = simulate(memory, 50 * np.ones((2, 3)), t1=5.0, save="all")
    assert check_lyapunov(memory, run).holds


def test_the_tolerance_of_energies_near_the_end_of_float32_is_a_number():
    patterns = (3e18 * np.random.default_rng(0).normal(size=(4, 5))).astype(np.float32)
    memory = ModernHopfield(patterns, beta=1e-37)
    verdict = check_lyapunov(memory, simulate(memory, np.float32(0.9) * patterns, t1=5.0, save="all"))
    assert verdict.holds
    assert np.isfinite(verdict.tolerance)


@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # its steps are meant to be too long
@pytest.mark.parametrize("seed", few(range(6), 2))
def test_no_false_alarm_of_jeffreys(seed):
    rng = np.random.default_rng(seed)
    memory = UniversalHopfield(rng.random((4, 5)) + 0.1, "jeffreys", beta=float(10 ** rng.uniform(-1, 2)))
    step = Relaxation(float(10 ** rng.uniform(-2, 2)))
    run = simulate(memory, rng.random((6, 5)) + 0.1, t1=20.0, integrator=step, save="all")
    assert check_lyapunov(memory, run).holds
