"""Stop conditions: each against what it says, on every library, for each sample alone."""

import math

import numpy as np
import pytest

from helpers import to_library, to_numpy
from hopfield.dynamics import (
    LogSumExp,
    Network,
    Population,
    Quadratic,
    Relaxation,
    Result,
    Spherical,
    energy_rate_below,
    near,
    settled,
    simulate,
    steady,
)
from hopfield.dynamics.backend import rms
from hopfield.dynamics.network import scales, tolerance
from hopfield.dynamics.network._scale import Scale
from hopfield.dynamics.simulation import Moment, largest_move
from hopfield.dynamics.simulation._stopping import steadiness
from hopfield.models import ModernHopfield, UniversalHopfield

STEP = 0.25


def memory_of(library="numpy", dtype=np.float64, tau_memory=0.5):
    return ModernHopfield(to_library(1.5 * np.eye(3, dtype=dtype), library), beta=4.0, tau_memory=tau_memory)


def cues(library="numpy", dtype=np.float64):
    return to_library(np.array([[1.4, 0.1, 0.0], [0.6, 0.5, 0.1], [0.0, 1.1, 0.4]], dtype), library)


def run(stop, library="numpy", t1=50.0, **options):
    memory = memory_of(library, **options)
    query = cues(library, options.get("dtype", np.float64))
    return simulate(memory, query, t1=t1, integrator=Relaxation(STEP), stop=stop, save="all")


def first_time(trajectory, condition):
    """The first row (after the start) at which a condition of (network, states) holds, for every sample."""
    rows = len(trajectory.times)
    held = np.array([condition({n: x[k] for n, x in trajectory.states.items()}) for k in range(1, rows)])
    return 1 + held.argmax(axis=0)


def unstopped():
    return simulate(memory_of(), cues(), t1=50.0, integrator=Relaxation(STEP), save="all")


def test_steady_stops_at_the_first_steady_state():
    whole = unstopped()
    sizes = scales(whole.network, {n: x[0] for n, x in whole.states.items()})
    expected = first_time(whole, lambda x: steadiness(whole.network.bound(), whole.network.evaluate(x), sizes) <= 1e-3)
    stopped = run(steady(1e-3))
    np.testing.assert_array_equal(stopped.steps, expected)
    assert len(set(expected)) == 3  # every sample at a time of its own
    assert stopped.result is Result.STOPPED
    np.testing.assert_array_equal(run("steady").steps, run(steady(1e-6)).steps)  # the default of float64
    assert run("steady").converged.all()


def test_steadiness_is_the_largest_over_the_populations_and_leaves_out_what_is_held(library, rng):
    network = memory_of(library).network
    states = {"value": rng.normal(size=(2, 3)), "memory": rng.normal(size=(2, 3))}
    here = {name: to_library(x, library) for name, x in states.items()}
    velocity = {name: to_numpy(v) for name, v in network.velocity(here).items()}
    tau, size = {"value": 1.0, "memory": 0.5}, {"value": 1.5, "memory": 0.7}
    ratios = {
        name: tau[name] * np.sqrt((velocity[name] ** 2).mean(-1)) / (size[name] + np.sqrt((x**2).mean(-1)))
        for name, x in states.items()
    }
    sizes = {name: Scale(x, None) for name, x in size.items()}
    found = to_numpy(steadiness(network.bound(), network.evaluate(here), sizes))
    np.testing.assert_allclose(found, np.maximum(ratios["value"], ratios["memory"]), rtol=1e-12)
    held = to_library(np.ones((2, 3), dtype=bool), library)
    np.testing.assert_allclose(
        to_numpy(steadiness(network.bound({"memory": held}), network.evaluate(here), sizes)),
        ratios["value"],
        rtol=1e-12,
    )


def test_one_wide_population_does_not_hide_the_other():
    """A pooled norm over a million quiet neurons would call this steady."""
    network = Network({"value": Population(Quadratic(), 1), "memory": Population(LogSumExp(), 10**6)})
    states = {"value": np.array([1.0]), "memory": np.zeros(10**6)}
    assert steadiness(network.bound(), network.evaluate(states), scales(network, states)) == 0.5


def test_the_tolerance_depends_on_the_dtype(dtype):
    assert tolerance(np.zeros(1, dtype)) == {"float64": 1e-6, "float32": 1e-4}[dtype.name]
    stopped = run("steady", dtype=dtype)
    assert (stopped.residual <= tolerance(np.zeros(1, dtype))).all()
    assert stopped.converged.all()
    assert stopped.steps.max() < 50 / STEP


def test_settled_stops_when_a_step_moves_no_activation():
    whole = unstopped()
    moves = [
        largest_move(
            whole.network.bound(),
            whole.network.evaluate({n: x[k] for n, x in whole.states.items()}),
            whole.network.evaluate({n: x[k + 1] for n, x in whole.states.items()}),
            scales(whole.network, {n: x[0] for n, x in whole.states.items()}),
        )
        for k in range(len(whole.times) - 1)
    ]
    expected = 1 + (np.array(moves) <= 1e-4).argmax(axis=0)
    np.testing.assert_array_equal(run(settled(1e-4)).steps, expected)
    assert (run(settled()).steps >= run(settled(1e-4)).steps).all()


def test_settled_looks_at_activations_not_at_states():
    """Adding a constant to the states of a softmax moves no weight."""
    network = Network({"memory": Population(LogSumExp(), 3)})
    before, after = ({"memory": np.array([[0.1, 0.4, 0.2]]) + shift} for shift in (0.0, 7.0))
    sizes = scales(network, before)
    flow, first = network.bound(), network.evaluate(before)
    assert largest_move(flow, first, flow.at(after), sizes)[0] < 1e-15
    moved = {"memory": np.array([[0.1, 0.4, 0.9]])}
    g = [np.exp(x["memory"]) / np.exp(x["memory"]).sum() for x in (before, moved)]
    expected = np.sqrt(((g[1] - g[0]) ** 2).mean()) / (2 * np.sqrt((g[0] ** 2).mean()))  # the start is as large
    np.testing.assert_allclose(largest_move(flow, first, flow.at(moved), sizes), [expected], rtol=1e-13)


@pytest.mark.parametrize("radius", [0.3, 0.05])
def test_near_stops_within_the_radius(radius):
    whole = unstopped()
    target = 1.5 * np.eye(3)[0]
    stopped = run(near(target, radius), t1=20.0)
    inside = first_time(whole, lambda x: np.linalg.norm(x["value"] - target, axis=-1) <= radius)
    assert stopped.steps[0] == inside[0] < 80
    assert stopped.steps[2] == 80  # it goes to another memory
    assert np.linalg.norm(stopped.final["value"][0] - target) <= radius
    assert stopped.result is Result.COMPLETED


def test_near_measures_the_activation():
    memory = UniversalHopfield(np.eye(2), "dot", beta=6.0, value_lagrangian=Spherical(), tau_memory=0.0)
    run_to = simulate(memory, np.array([0.8, 0.6]), t1=50.0, stop=near(np.array([1.0, 0.0]), 0.05))
    assert run_to.result is Result.STOPPED
    g = run_to.activations["value"][-1]
    assert np.linalg.norm(g - [1, 0]) <= 0.05
    np.testing.assert_allclose(np.linalg.norm(g), 1, rtol=1e-12)


def test_energy_rate_below_stops_by_the_models_own_rate():
    whole = unstopped()
    expected = first_time(whole, lambda x: -whole.network.energy_rate(x) <= 1e-4)
    np.testing.assert_array_equal(run(energy_rate_below(1e-4)).steps, expected)


def test_a_function_of_ones_own_sees_a_moment():
    seen = []

    def third_neuron_is_quiet(moment):
        seen.append(moment)
        assert set(moment.states) == set(moment.previous) == {"value", "memory"}
        np.testing.assert_allclose(
            moment.evaluation.activations["memory"], moment.network.activations(moment.states)["memory"], rtol=1e-12
        )
        return abs(moment.states["value"][..., 2]) < 0.02

    stopped = run(third_neuron_is_quiet, t1=10.0)
    rows = [len(moment.states["value"]) for moment in seen]
    assert rows[0] == 3
    assert rows[-1] == 1  # the batch has shrunk
    assert (abs(stopped.final["value"][:, 2]) < 0.02).all()
    whole = unstopped()
    np.testing.assert_array_equal(stopped.steps, first_time(whole, lambda x: abs(x["value"][:, 2]) < 0.02))


def test_conditions_answer_alike_in_every_library(library):
    """Three samples, of which some meet each condition and some do not."""
    memory = memory_of(library)
    rest = memory_of().retrieve(1.5 * np.eye(3), tol=1e-14, max_steps=1000).state
    before = {"value": rest + np.array([[0.0], [1e-3], [0.3]]), "memory": 1.5 * rest}
    after = {"value": before["value"] * (1 - np.array([[1e-9], [1e-9], [0.1]])), "memory": 1.5 * rest}
    here = [{n: to_library(x, library) for n, x in states.items()} for states in (after, before)]
    moment = Moment(
        memory.network, *here, memory.network.evaluate(here[0]), {}, scales(memory.network, here[1]), *2 * [None]
    )
    conditions = [steady(1e-5), settled(1e-5), near(rest[1], 0.01), energy_rate_below(1e-7)]
    answers = [to_numpy(condition(moment)).tolist() for condition in conditions]
    assert answers == [[True, False, False], [True, True, False], [False, True, False], [True, False, False]]


@pytest.mark.parametrize("library_name", ["torch", "jax"])
def test_samples_stop_at_the_same_step_in_every_library(library_name):
    pytest.importorskip(library_name)
    stop = near(1.5 * np.eye(3)[1], 0.1)
    np.testing.assert_array_equal(run(stop, library_name, t1=10.0).steps, run(stop, t1=10.0).steps)


def test_rms_is_over_the_last_axis(library):
    x = to_library(np.array([[3.0, 4.0], [0.0, 0.0]]), library)
    np.testing.assert_allclose(to_numpy(rms(x)), [math.sqrt(12.5), 0])


def test_a_sample_at_rest_still_takes_one_step():
    memory = memory_of()
    corner = memory.retrieve(memory.memories[0], tol=1e-14, max_steps=1000).state
    rest = simulate(memory, corner, t1=10.0, integrator=Relaxation(STEP), stop="steady")
    assert rest.steps == 1
    assert rest.converged
    np.testing.assert_allclose(rest.final["value"], corner, atol=1e-12)


def test_stop_works_at_infinite_dt_and_with_the_guard():
    memory = UniversalHopfield(np.eye(3) * 1.5, "cosine", beta=4.0, bias=np.array([0.1, 0.0, 0.0]), leak=0.2)
    guarded = simulate(memory, cues()[:2], t1=400.0, stop=steady(1e-5), integrator=Relaxation(0.05))
    assert guarded.statistics["guard"] is True
    assert guarded.result is Result.STOPPED
    updates = simulate(memory_of(tau_memory=0.0), cues(), t1=100, stop=settled(), integrator=Relaxation(math.inf))
    assert updates.result is Result.STOPPED
    assert updates.steps.max() < 40
    assert updates.converged.all()
