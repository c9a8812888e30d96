"""Adaptive methods: measured orders, agreement, elimination, stiffness, failures."""

import numpy as np
import pytest

from helpers import few, to_library, to_numpy
from hopfield import UniversalHopfield
from hopfield.dynamics import (
    Bilinear,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Quadratic,
    Recurrent,
    Relaxation,
    Result,
    Rosenbrock,
    RungeKutta,
    Scipy,
    SimulationError,
    Softplus,
    Spherical,
    Synapse,
    simulate,
)
from hopfield.dynamics.integrators._rosenbrock import eliminated
from hopfield.dynamics.integrators._stages import Stages
from hopfield.models import Dot, Euclidean

TIMES = [0.7, 2.0]


def memory(similarity="dot", tau=0.5, **options):
    patterns = np.random.default_rng(3).standard_normal((9, 6))
    return UniversalHopfield(patterns, similarity, beta=2.0, tau_memory=tau, **options)


def cues(count=3):
    return np.random.default_rng(4).standard_normal((count, 6))


def exact(network, states, t1=2.0, save_at=TIMES):
    return simulate(network, states, t1=t1, integrator=Scipy("DOP853", rtol=1e-12, atol=1e-13), save_at=save_at)


def slope(errors, steps):
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize("options", [{}, {"leak": 0.3}, {"bias": 0.2, "leak": 1.0}, {"tau": 0.0}], ids=str)
@pytest.mark.parametrize("similarity", few(["dot", "euclidean", "cosine"], ["euclidean"]))
def test_rosenbrock_is_of_third_order(similarity, options):
    model = memory(similarity, **options)
    reference = exact(model, cues()).states["value"]
    errors, steps = [], []
    for tol in (1e-4, 1e-5, 1e-6, 1e-7):
        run = simulate(model, cues(), t1=2.0, integrator=Rosenbrock(tol, tol, order=3), save_at=TIMES)
        errors.append(np.abs(run.states["value"] - reference).max())
        steps.append(run.statistics["steps"])
    assert slope(errors, steps) < -2.5
    assert errors[-1] < 1e-6


@pytest.mark.parametrize("method", ["dopri5", "tsit5"])
def test_runge_kutta_is_of_fifth_order(method):
    model = memory("euclidean", leak=1.0)
    reference = exact(model, cues()).states["value"]
    errors = []
    for dt in (0.1, 0.05, 0.025):  # loose tolerances: every step is of size dt
        run = simulate(model, cues(), t1=2.0, integrator=RungeKutta(method, rtol=1e3, dt=dt), save_at=TIMES)
        errors.append(np.abs(run.states["value"] - reference).max())
    assert slope(errors, [1, 2, 4]) < -4.5


def test_adaptive_relaxation_follows_its_tolerance_and_lowers_the_energy():
    model = memory(tau=1e-3)
    reference = simulate(model, cues(), t1=2.0, integrator=Rosenbrock(1e-9, 1e-11, max_steps=10**5), save_at=TIMES)
    errors = []
    for rtol in (1e-2, 1e-3, 1e-4):
        run = simulate(model, cues(), t1=2.0, integrator=Relaxation(2.0, adaptive=True, rtol=rtol), save_at=TIMES)
        errors.append(np.abs(run.states["value"] - reference.states["value"]).max())
    assert errors[2] < errors[1] < errors[0] < 1e-2
    assert errors[2] < 1e-4
    run = simulate(model, cues(), t1=2.0, integrator=Relaxation(2.0, adaptive=True))
    assert np.diff(run.energy, axis=0).max() <= 16 * np.finfo(float).eps * run.energy_scale.max()


def test_adaptive_relaxation_of_one_population_compares_with_half_steps():
    model = memory(tau=0.0)
    reference = exact(model, cues()).states["value"]
    errors = []
    for rtol in (1e-2, 1e-4):
        run = simulate(model, cues(), t1=2.0, integrator=Relaxation(2.0, adaptive=True, rtol=rtol), save_at=TIMES)
        errors.append(np.abs(run.states["value"] - reference).max())
    assert errors[1] < errors[0] / 3
    assert errors[1] < 1e-2


def test_steps_on_a_stiff_problem_hardly_depend_on_tau_memory():
    steps = [
        simulate(memory(tau=tau), cues(1), t1=5.0, integrator=Rosenbrock(1e-4, 1e-4)).statistics["steps"]
        for tau in (1e-2, 1e-4, 1e-6)
    ]
    assert max(steps) <= 2 * min(steps)


def test_two_populations_approach_the_adiabatic_limit_linearly():
    limit = simulate(memory(tau=0.0), cues(), t1=2.0, integrator=Rosenbrock(1e-7, 1e-9), save_at=TIMES)
    errors = []
    for tau in (0.04, 0.02, 0.01):
        run = simulate(memory(tau=tau), cues(), t1=2.0, integrator=Rosenbrock(1e-7, 1e-9), save_at=TIMES)
        errors.append(np.abs(run.states["value"] - limit.states["value"]).max())
    assert -1.25 < slope(errors, [1, 2, 4]) < -0.8


def test_gmres_and_the_dense_system_agree():
    model = memory("euclidean", tau=1e-3)
    runs = [
        simulate(model, cues(), t1=2.0, integrator=Rosenbrock(1e-6, 1e-8, dense=dense, krylov=6), save_at=TIMES)
        for dense in (256, 0)
    ]
    assert np.abs(runs[0].states["value"] - runs[1].states["value"]).max() < 1e-6


@pytest.mark.parametrize(
    "integrator", [Rosenbrock(1e-5, 1e-7), RungeKutta("tsit5", rtol=1e-6)], ids=["rosenbrock", "rk"]
)
def test_libraries_agree(library, integrator):
    expected = simulate(memory(), cues(), t1=2.0, integrator=integrator, save_at=TIMES)
    run = simulate(memory().to(library), to_library(cues(), library), t1=2.0, integrator=integrator, save_at=TIMES)
    assert np.abs(to_numpy(run.states["value"]) - expected.states["value"]).max() < 1e-11
    assert (run.steps == expected.steps).all()


def test_each_sample_has_steps_of_its_own():
    together = simulate(memory(), cues(), t1=2.0, integrator=Rosenbrock())
    for k, cue in enumerate(cues()):
        alone = simulate(memory(), cue, t1=2.0, integrator=Rosenbrock())
        assert alone.steps == together.steps[k]
        np.testing.assert_allclose(alone.final["value"], together.final["value"][k], rtol=1e-9, atol=1e-12)
    assert together.times.shape == (together.steps.max() + 1, 3)


def chain():
    """Four populations: value, two hidden ones with softmax and layer norm, and a self-coupled one."""
    rng = np.random.default_rng(5)
    w = rng.standard_normal((3, 3))
    populations = {
        "v": Population(Quadratic(), 4, tau=1.0),
        "h": Population(LogSumExp(2.0), 7, tau=0.01),
        "k": Population(LayerNorm(), 5, tau=0.3, leak=0.5, bias=0.1),
        "s": Population(LogCosh(1.5), 3, tau=0.02, leak=1.2),
    }
    synapses = [
        Bilinear(("v", "h"), rng.standard_normal((4, 7))),
        Bilinear(("h", "k"), rng.standard_normal((7, 5))),
        Bilinear(("k", "s"), rng.standard_normal((5, 3))),
        Recurrent(("s",), w + w.T),
    ]
    states = {name: rng.standard_normal((2, p.size)) for name, p in populations.items()}
    return Network(populations, synapses), states


def test_an_independent_set_is_eliminated():
    network, _ = chain()
    chosen = eliminated(network)
    assert chosen[0] == "h"
    for synapse in network.synapses.values():
        assert sum(name in chosen for name in synapse.between) < 2
    assert "s" not in chosen


@pytest.mark.broad
def test_larger_networks_keep_the_order():
    network, states = chain()
    reference = exact(network, states)
    errors, steps = [], []
    for tol in (1e-5, 1e-6, 1e-7):
        run = simulate(network, states, t1=2.0, integrator=Rosenbrock(tol, tol), save_at=TIMES)
        errors.append(max(np.abs(run.states[n] - reference.states[n]).max() for n in ("v", "k", "s")))
        steps.append(run.statistics["steps"])
    assert slope(errors, steps) < -2.5


@pytest.mark.parametrize("dense", [256, 0], ids=["dense", "gmres"])
def test_a_sphere_without_leak_keeps_the_order(dense):
    """The projection of its velocity turns with the state; without that term the order falls to 1."""
    rng = np.random.default_rng(16)
    network = Network(
        {"a": Population(Quadratic(), 3), "s": Population(Spherical(), 5, leak=0.0, bias=rng.standard_normal(5))},
        [Bilinear(("a", "s"), 3 * rng.standard_normal((3, 5)))],
    )
    states = {n: rng.standard_normal((2, p.size)) for n, p in network.populations.items()}
    assert eliminated(network) == ["a"]
    reference = exact(network, states)
    errors, steps = [], []
    for tol in (1e-5, 1e-6, 1e-7):
        run = simulate(network, states, t1=2.0, integrator=Rosenbrock(tol, tol, dense=dense), save_at=TIMES)
        errors.append(max(np.abs(run.states[n] - reference.states[n]).max() for n in states))
        steps.append(run.statistics["steps"])
    assert slope(errors, steps) < -2.5


def test_clamped_neurons_stay_and_the_rest_is_right():
    model, held = memory(), np.arange(6) < 2
    clamp = {"value": held, "memory": np.arange(9) == 4}
    with pytest.warns(UserWarning, match="clamped"):
        runs = [
            simulate(model, cues(), t1=2.0, integrator=integrator, clamp=clamp, save_at=TIMES, save="all")
            for integrator in (Rosenbrock(1e-8, 1e-10), Scipy("DOP853", rtol=1e-11, atol=1e-12))
        ]
    for name in ("value", "memory"):
        assert np.abs(runs[0].states[name] - runs[1].states[name]).max() < 1e-6
    assert (runs[0].states["value"][..., held] == cues()[:, held]).all()


def test_leak_zero_with_softmax_value_neurons():
    rng = np.random.default_rng(6)
    populations = {
        "v": Population(LogSumExp(), 5, leak=0.0),
        "h": Population(Softplus(), 6, tau=0.05),
    }
    network = Network(populations, [Bilinear(("v", "h"), rng.standard_normal((5, 6)))])
    states = {"v": rng.standard_normal((2, 5)), "h": rng.standard_normal((2, 6))}
    reference = exact(network, states)
    run = simulate(network, states, t1=2.0, integrator=Rosenbrock(1e-7, 1e-9), save_at=TIMES)
    assert np.abs(run.states["v"] - reference.states["v"]).max() < 1e-5
    np.testing.assert_allclose(run.states["v"].mean(-1), states["v"].mean(-1)[None] + 0 * run.states["v"].mean(-1))


def test_too_stiff_an_explicit_run_names_time_step_and_remedy():
    with pytest.raises(
        SimulationError, match=r"Sample \d took 300 steps.*at t=0\.0.* of 5 with dt=.*Rosenbrock"
    ) as info:
        simulate(memory(tau=1e-5), cues(), t1=5.0, integrator=RungeKutta(max_steps=300))
    assert info.value.result is Result.TOO_MANY_STEPS
    assert len(info.value.trajectory.times) > 100


def test_a_state_that_runs_away_is_a_step_underflow_or_not_finite():
    network = Network({"x": Population(Quadratic(), 1, leak=0.0)}, [Cubic()])
    with pytest.raises(SimulationError, match="sample 0") as info:
        simulate(network, {"x": np.array([1.0])}, t1=5.0, integrator=Rosenbrock(), guard=False)
    assert info.value.result in (Result.STEP_UNDERFLOW, Result.NOT_FINITE)
    assert 0.2 < info.value.trajectory.times[-1] < 0.6  # x' = x^3 from 1 ends at t = 1/2


class Cubic(Synapse):
    """E = -x^4/4: x' = x^3."""

    between = ("x",)

    def energy(self, *g):
        return -(g[0] ** 4).sum(-1) / 4

    def forces(self, *g):
        return (g[0] ** 3,)

    def block(self, target, source, u, *g):
        return 3 * g[0] ** 2 * u


def test_rosenbrock_refuses_jumps_and_the_gradient_flow():
    with pytest.raises(ValueError, match="relaxation"):
        simulate(memory("manhattan"), cues(), t1=1.0, integrator="rosenbrock")
    network = Network({"x": Population(Quadratic(), 2)}, flow="gradient")
    with pytest.raises(ValueError, match="third derivatives"):
        simulate(network, {"x": np.ones(2)}, t1=1.0, integrator="rosenbrock")


def test_similarities_give_blocks_that_are_the_derivative_of_the_forces(rng):
    for kind in (Dot(), Euclidean()):
        network = UniversalHopfield(rng.standard_normal((4, 3)), kind).network
        synapse = next(iter(network.synapses.values()))
        g = [rng.standard_normal(3), rng.random(4)]
        for source in (0, 1):
            u = rng.standard_normal(g[source].shape)
            ends = [[x + s * 1e-6 * u if k == source else x for k, x in enumerate(g)] for s in (1, -1)]
            for target in (0, 1):
                slope = (synapse.forces(*ends[0])[target] - synapse.forces(*ends[1])[target]) / 2e-6
                block = synapse.block(target, source, u, *g)
                np.testing.assert_allclose(0.0 * slope if block is None else block, slope, atol=1e-8)


# ------------------------------------------------------------------------------------------- the length of steps


def stiff(rng, **options):
    patterns = rng.normal(size=(200, 50)) / np.sqrt(50)
    cue = (patterns[0] + patterns[1]) / 2 + 0.02 * rng.normal(size=50)
    return UniversalHopfield(patterns, beta=20.0, tau_memory=1e-3, **options), cue


def test_the_first_step_of_a_stiff_start_is_about_the_fast_time_constant(rng):
    model, cue = stiff(rng)
    options = {"t1": 10.0, "memory_state": np.zeros(200)}
    run = simulate(model, cue, integrator=Rosenbrock(1e-4, 1e-4), **options)
    assert 2e-4 < run.times[1] < 5e-3
    assert run.statistics["steps"] + run.statistics["rejected"] <= 17
    fine = simulate(model, cue, integrator=Rosenbrock(1e-10, 1e-10), save_at=run.times, save="all", **options)
    assert np.abs(run.states["value"] - fine.states["value"]).max() < 5e-5


def test_a_start_at_rest_takes_the_longest_step():
    decay = Network({"x": Population(Quadratic(), 2)})
    assert simulate(decay, {"x": np.zeros(2)}, t1=5.0, integrator=RungeKutta()).statistics["steps"] <= 2


def test_steps_that_are_refused_again_and_again_are_cut_short():
    patterns = np.random.default_rng(5).normal(size=(60, 20))
    cue = patterns[:1] + 0.4 * np.random.default_rng(6).normal(size=(1, 20))
    model = UniversalHopfield(patterns, "cosine", beta=8.0, tau_memory=1e-3)
    run = simulate(model, cue, t1=3.0, integrator=Rosenbrock(1e-7, 1e-9), save_at=[3.0])
    assert run.statistics["rejected"] <= 7  # twice as many where each is shortened as its order says
    fine = simulate(model, cue, t1=3.0, integrator=Rosenbrock(1e-11, 1e-12), save_at=[3.0])
    np.testing.assert_allclose(run.final["value"], fine.final["value"], atol=1e-6)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_sums_over_the_stages_are_the_same_in_every_library(library, rng):
    pytest.importorskip(library)
    start = {"x": rng.normal(size=(2, 3)), "y": rng.normal(size=(2, 1))}
    increments = [{name: rng.normal(size=x.shape) for name, x in start.items()} for _ in range(3)]
    stages = Stages({name: to_library(x, library) for name, x in start.items()}, 3)
    for one in increments:
        stages.add({name: to_library(x, library) for name, x in one.items()})
    moved, pulled = stages.moved((2.0, 0.0, -1.0), (0.5,))
    for name, x in start.items():
        np.testing.assert_allclose(to_numpy(moved[name]), x + 2 * increments[0][name] - increments[2][name])
        np.testing.assert_allclose(to_numpy(pulled[name]), 0.5 * increments[0][name])
        np.testing.assert_allclose(to_numpy(stages.sums((0.0, 3.0))[name]), 3 * increments[1][name])
