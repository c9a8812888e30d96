"""What the default follows, and what a run says of itself: flows with known ends, claimed orders, doubts."""

import concurrent.futures
import dataclasses
import math
import multiprocessing
import warnings

import numpy as np
import pytest

from helpers import LIBRARIES, few, to_library, to_numpy
from hopfield import ModernHopfield, UniversalHopfield
from hopfield.analysis import energy_network, find_fixed_points, velocity_network
from hopfield.dynamics import (
    Bilinear,
    Euler,
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
    SimilaritySynapse,
    SimulationError,
    SimulationWarning,
    Spherical,
    Synapse,
    simulate,
)
from hopfield.models import ClassicalHopfield, Euclidean, Manhattan

INF = math.inf
SIMILARITIES = ["dot", "cosine", "euclidean", "manhattan", "kl", "reverse_kl", "jeffreys", "jensen_shannon"]


# ------------------------------------------------------------------------------------- the default follows the flow


def decay(rate):
    return velocity_network(lambda x: -rate * x, 1, lambda x, u: -rate * u)


def cubed():
    return velocity_network(lambda x: x**3, 1, lambda x, u: 3 * x**2 * u)


def double_well(k):
    return energy_network(
        lambda x: k * (x**4 / 4 - x**2 / 2).sum(-1), 1, lambda x: k * (x**3 - x), lambda x, u: k * (3 * x**2 - 1) * u
    )


@pytest.mark.parametrize("rate", [0.1, 30.0, 1e4])
def test_a_decay_of_any_rate_ends_at_rest(rate):
    run = simulate(decay(rate), {"x": np.array([1.0])}, t1=10.0)
    assert run.result is Result.COMPLETED
    assert abs(run.final["x"][0] - math.exp(-10 * rate)) < 1e-4


@pytest.mark.parametrize("k", [1.0, 5.0, 30.0, 300.0])
def test_a_gradient_flow_on_the_line_does_not_cross_its_saddle(k):
    starts = np.linspace(-3, 3, 24)[:, None]  # without 0
    run = simulate(double_well(k), {"x": starts}, t1=40.0)
    np.testing.assert_allclose(run.final["x"], np.sign(starts), atol=1e-4)


def test_a_damped_rotation_turns_and_shrinks_at_its_rate():
    network = Network({"x": Population(Quadratic(), 2, leak=0.1)}, [Recurrent(("x",), np.array([[0.0, -1], [1, 0]]))])
    final = simulate(network, {"x": np.array([1.0, 0.0])}, t1=5.0).final["x"]
    np.testing.assert_allclose(final, math.exp(-0.5) * np.array([math.cos(5), math.sin(5)]), atol=1e-4)


def test_predator_and_prey_stay_in_their_quadrant():
    def velocity(x):
        prey, predator = x[..., 0], x[..., 1]
        eaten = prey * predator / (1 + prey)
        return np.stack([prey * (1 - prey / 15) - eaten, 0.5 * (eaten - 0.5 * predator)], axis=-1)

    network, starts = velocity_network(velocity, 2), np.random.default_rng(0).uniform(0.1, 10, size=(8, 2))
    early = simulate(network, {"x": starts}, t1=10.0).final["x"]
    exact = simulate(network, {"x": starts}, t1=10.0, integrator=Scipy("DOP853", 1e-10, 1e-12)).final["x"]
    np.testing.assert_allclose(early, exact, rtol=1e-3, atol=1e-4)
    late = simulate(network, {"x": starts}, t1=100.0, save_at=range(10, 101)).states["x"]  # a cycle past two saddles
    assert (late > 0).all()
    assert (late[..., 0] < 15.1).all()
    assert (late[..., 1] < 15.1).all()


@pytest.mark.parametrize("beta", [1.0, 5.0, 30.0])
def test_graded_neurons_end_where_an_exact_solver_ends(beta, rng):
    patterns = rng.choice([-1.0, 1.0], size=(3, 12))
    memory = ClassicalHopfield(patterns, beta=beta)
    cues = np.clip(0.6 * patterns[0] + 0.4 * rng.uniform(-1, 1, size=(6, 12)), -0.99, 0.99)
    run = simulate(memory, cues, t1=30.0)
    exact = simulate(memory, cues, t1=30.0, integrator=Scipy("LSODA", 1e-10, 1e-12), save_at=[30.0])
    for name, g in exact.activations.items():
        np.testing.assert_allclose(run.activations[name][-1], g[-1], atol=1e-4)


def test_the_gradient_flow_stops_when_it_is_steady(library):
    weights = np.array([[0.0, 1.0, 0.3], [1.0, 0.0, 0.2], [0.3, 0.2, 0.0]])
    here = to_library(weights, library)
    network = Network({"x": Population(LogCosh(2.0), 3)}, [Recurrent(("x",), here)], flow="gradient")
    run = simulate(network, {"x": to_library(np.array([0.3, 0.2, 0.1]), library)}, t1=1000.0, stop="steady")
    assert run.result is Result.STOPPED
    assert run.converged
    assert run.reached < 200  # the least curvature of this energy is 0.07
    x = to_numpy(run.final["x"])
    np.testing.assert_allclose(x, weights @ np.tanh(2 * x), atol=1e-4)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_both_flows_rest_at_the_same_states_where_the_curvature_is_invertible(beta, rng):
    weights = np.array([[0.0, 1.0, 0.3], [1.0, 0.0, 0.2], [0.3, 0.2, 0.0]])
    local = Network({"x": Population(LogCosh(beta), 3)}, [Recurrent(("x",), weights)])
    gradient = dataclasses.replace(local, flow="gradient")
    states = find_fixed_points(local, seed=0).state  # saddles too
    assert len(states) > (beta > 1)
    down = gradient.velocity({"x": states})["x"]
    np.testing.assert_allclose(down, 0, atol=1e-9)
    starts = rng.normal(size=(12, 3))
    for network, other in ((local, gradient), (gradient, local)):
        run = simulate(network, {"x": starts}, t1=5000.0, stop="steady")
        ends = run.final["x"]
        assert np.all(run.converged)
        apart = np.linalg.norm(ends[:, None] - states, axis=-1).min(axis=1)
        assert apart.max() < 1e-4  # a residual of 1e-6 over the least curvature, 0.07
        np.testing.assert_allclose(other.velocity({"x": ends})["x"], 0, atol=1e-4)


def test_the_gradient_flow_rests_at_more_states_where_the_curvature_is_singular(rng):
    patterns = rng.normal(size=(3, 5))
    local = UniversalHopfield(patterns, beta=2.0, tau_memory=1.0).network
    gradient = dataclasses.replace(local, flow="gradient")
    rest = simulate(local, {"value": patterns[0], "memory": patterns @ patterns[0]}, t1=500.0, stop="steady").final
    shifted = {"value": rest["value"], "memory": rest["memory"] + 0.7}  # the softmax does not see a constant
    for states, expected in ((rest, 0.0), (shifted, -0.7)):
        np.testing.assert_allclose(gradient.velocity(states)["memory"], 0, atol=1e-6)
        np.testing.assert_allclose(local.velocity(states)["memory"], expected, atol=1e-4)


def test_a_plain_function_without_derivatives_stops_when_it_is_steady():
    network = velocity_network(lambda x: 20 * (np.tanh(2 * x[..., ::-1]) - x), 2)
    run = simulate(network, {"x": np.array([0.3, 0.2])}, t1=500.0, stop="steady")
    assert run.result is Result.STOPPED
    assert run.reached < 5


class Push(Synapse):
    """A force without an energy."""

    between = ("x",)

    def energy(self, g):
        """Nothing."""
        return 0 * g.sum(-1)

    def forces(self, g):
        """The same everywhere."""
        return (1.0 + 0 * g,)


def test_a_synapse_whose_forces_are_not_those_of_its_energy_is_named_and_runs_when_it_says_so():
    population, start = Population(Quadratic(), 2, leak=0.1), {"x": np.array([1.0, 0.0])}
    with pytest.raises(ValueError, match=r"synapse 'push' \(Push\) are not the gradient.*`conservative` be False"):
        simulate(Network({"x": population}, {"push": Push()}), start, t1=5.0)

    class OneWay(Push):
        conservative = False

    final = simulate(Network({"x": population}, {"push": OneWay()}), start, t1=5.0).final["x"]
    np.testing.assert_allclose(final, 10 - (10 - start["x"]) * math.exp(-0.5), atol=1e-4)  # 4.541, 3.935


# --------------------------------------------------------------------------------------------- orders that are claimed


def order_of(network, states, method, t1=1.0):
    """The order by which errors against an exact solution fall as dt is halved, and the last error."""
    reference = simulate(network, states, t1=t1, integrator=Scipy("DOP853", rtol=1e-12, atol=1e-13)).final
    errors = []
    for dt in (t1 / 16, t1 / 32, t1 / 64):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SimulationWarning)  # steps without error control are what is measured
            final = simulate(network, states, t1=t1, integrator=method(dt), guard=False).final
        errors.append(max(np.abs(final[name] - reference[name]).max() for name in states))
    return np.log2(np.array(errors[:-1]) / errors[1:]), errors[-1]


@pytest.mark.parametrize("leak", [0.0, 1.0])
@pytest.mark.parametrize("value", [Spherical(), LayerNorm(), LogSumExp()], ids=repr)
def test_value_neurons_that_divide_by_their_size_or_sum_are_followed_in_second_order(value, leak, rng):
    memory = UniversalHopfield(
        rng.normal(size=(4, 4)), "dot", beta=1.5, value_lagrangian=value, leak=leak, tau_memory=0.5
    )
    start = {"value": rng.normal(size=(3, 4)), "memory": rng.normal(size=(3, 4))}
    exact = simulate(memory.network, start, t1=2.0, integrator=RungeKutta(rtol=1e-10, atol=1e-12)).final
    errors = []
    for dt in (1 / 16, 1 / 32, 1 / 64):
        final = simulate(memory.network, start, t1=2.0, integrator=Relaxation(dt, order=2)).final
        errors.append(max(np.abs(final[name] - exact[name]).max() for name in exact))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.1)
    assert errors[-1] < 1e-3


@pytest.mark.parametrize("leak", [0.0, 1.0])
def test_the_energy_of_spherical_neurons_falls_for_steps_of_any_length(leak, rng):
    memory = UniversalHopfield(
        rng.normal(size=(4, 4)), "dot", beta=1.5, value_lagrangian=Spherical(), leak=leak, tau_memory=0.5
    )
    start = {"value": rng.normal(size=(5, 4)), "memory": rng.normal(size=(5, 4))}
    for dt in (0.3, 200.0, INF):
        end = 200 * (1 if dt == INF else dt)
        run = simulate(memory.network, start, t1=end, integrator=Relaxation(dt), save="all")
        assert not run.statistics["guard"]  # it is promised, and not enforced
        rise = np.diff(run.energy, axis=0) - 16 * np.finfo(float).eps * np.maximum(run.energy_scale[1:], 1)
        assert (rise <= 0).all()
        length = np.linalg.norm(run.states["value"], axis=-1)
        if leak == 0:
            np.testing.assert_allclose(length, length[:1] + 0 * length, rtol=1e-12)  # the flow turns and never grows
        else:
            assert (np.abs(length[-1] - length[-2]) < 1e-6).all()
    assert run.converged.all()


def test_layer_norm_without_leak_has_no_infinite_step(rng):
    memory = UniversalHopfield(rng.normal(size=(4, 4)), "dot", value_lagrangian=LayerNorm(), leak=0.0, tau_memory=0.5)
    with pytest.raises(ValueError, match="dt = inf has no limit for population 'value'"):
        simulate(memory, memory.recall(rng.normal(size=4)), t1=5, integrator=Relaxation(INF))


def claimed(name, tau_memory=None):
    """A network without kinks on its way, and states."""
    rng = np.random.default_rng(5)
    if name == "kl":
        memory = UniversalHopfield(
            rng.uniform(0.3, 1, (4, 3)), "kl", beta=1.5, tau_memory=0.7 if tau_memory is None else tau_memory
        )
        return memory.network, _known(memory, {"value": rng.normal(size=3) - 1, "memory": rng.normal(size=4)})
    patterns = np.array([[1.0, -0.5, 0.3], [-0.6, 0.8, 0.9], [0.4, 0.2, -1.1], [1.6, 1.4, 1.2]])
    options = {"leak": 1.0} if "leak" in name else {}
    options["tau_memory"] = 1.0 if tau_memory is None else tau_memory
    memory = UniversalHopfield(patterns, name.split()[0], beta=1.5, **options)
    return memory.network, _known(
        memory, {"value": np.array([0.1, 0.3, 0.0]), "memory": np.array([0.5, -0.4, 0.1, 0.0])}
    )


def _known(memory, states):
    """The states of the populations that a network has."""
    return {name: x for name, x in states.items() if name in memory.network.populations}


@pytest.mark.parametrize("name", ["dot", "dot with leak", "euclidean", "cosine", "kl"])
def test_the_second_order_is_kept_where_the_step_has_a_closed_form(name):
    orders, error = order_of(*claimed(name), lambda dt: Relaxation(dt, order=2))
    np.testing.assert_allclose(orders, 2, atol=0.15)
    assert error > 1e-10


@pytest.mark.parametrize("name", ["dot", "dot with leak", "euclidean", "cosine", "kl"])
@pytest.mark.parametrize("order", [1, 2])
def test_memory_neurons_in_equilibrium_have_the_order_that_is_asked_for(name, order):
    network, states = claimed(name, tau_memory=0.0)
    orders, error = order_of(network, states, lambda dt: Relaxation(dt, order=order))
    np.testing.assert_allclose(orders, order, atol=0.2)
    assert error > 1e-10


@pytest.mark.parametrize("separation", ["softmax", "sparsemax", "entmax(1.5)"])
@pytest.mark.parametrize("similarity", ["dot", "euclidean", "cosine"])
def test_steps_of_second_order_follow_memory_neurons_in_equilibrium(similarity, separation, rng):
    """Within a twentieth of the patterns' size on the way, where steps with weights of the past are a fifth behind."""
    patterns = rng.normal(size=(5, 6))
    memory = UniversalHopfield(patterns, similarity, separation, beta=2.0, tau_memory=0.0)
    cues = np.abs(patterns).max() * rng.uniform(-1, 1, (20, 6))
    run = simulate(memory, cues, t1=2.0, integrator=Relaxation(0.1, order=2), save_at=[0.5, 1.0, 2.0])
    exact = simulate(memory, cues, t1=2.0, integrator=RungeKutta(rtol=1e-9, atol=1e-11), save_at=[0.5, 1.0, 2.0])
    gap = np.linalg.norm(run.states["value"] - exact.states["value"], axis=-1)
    assert gap.max() < 0.05 * np.linalg.norm(patterns, axis=-1).mean()
    assert (np.diff(run.energy, axis=0) <= 16 * np.finfo(float).eps * run.energy_scale[1:]).all()


def frozen(name):
    """Networks whose steps take the forces as they stand, one population in the middle."""
    rng = np.random.default_rng(6)
    patterns = rng.uniform(-0.6, 0.6, (4, 3))
    if name == "recurrent":
        weights = rng.normal(size=(3, 3))
        return Network({"x": Population(LogCosh(), 3)}, [Recurrent(("x",), weights + weights.T)]), {
            "x": rng.normal(size=3)
        }
    if name == "reverse_kl":
        memory = UniversalHopfield(rng.uniform(0.3, 1, (4, 3)), name, beta=1.0, tau_memory=0.7)
        return memory.network, {"value": rng.normal(size=3) - 1, "memory": rng.normal(size=4)}
    options = {"euclidean": {"value_lagrangian": LogCosh()}, "cosine": {"leak": 1.0}}[name]
    memory = UniversalHopfield(patterns, name, beta=1.5, tau_memory=0.7, **options)
    return memory.network, {"value": np.array([0.4, 0.3, -0.5]), "memory": rng.normal(size=4)}


@pytest.mark.parametrize("name", ["recurrent", "reverse_kl", "euclidean", "cosine"])
@pytest.mark.parametrize("order", [1, 2])
def test_frozen_forces_have_the_order_that_is_asked_for(name, order):
    orders, error = order_of(*frozen(name), lambda dt: Relaxation(dt, order=order))
    assert (orders > order - 0.2).all()
    assert error > 1e-10


# ---------------------------------------------------------------------------------- samples do not see one another


def positive(name):
    return name in {"kl", "reverse_kl", "jeffreys", "jensen_shannon"}


@pytest.mark.parametrize("count", few([1, 2, 3, 4], [1, 3]))  # N is 3
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_adaptive_relaxation_of_a_batch_is_that_of_each_sample(similarity, count):
    rng = np.random.default_rng(7)
    draw = (
        (lambda shape: rng.uniform(0.2, 1, shape)) if positive(similarity) else (lambda shape: rng.normal(size=shape))
    )
    memory = UniversalHopfield(draw((3, 5)), similarity, beta=2.0)
    cues = draw((count, 5)) * (1 if positive(similarity) else np.array([0.1, 1, 10, 3])[:count, None])
    method = Relaxation(0.5, adaptive=True, rtol=1e-3)
    batch = simulate(memory, cues, t1=2.0, integrator=method, save_at=[2.0]).final["value"]
    alone = [simulate(memory, q, t1=2.0, integrator=method, save_at=[2.0]).final["value"] for q in cues]
    np.testing.assert_allclose(batch, np.stack(alone), rtol=1e-9, atol=1e-9)


def joined(kinds, rng):
    """One population of values joined to a population of memory neurons by each of some similarities."""
    populations = {"x": Population(Quadratic(), 4, leak=0.0)}
    synapses = {}
    for k, kind in enumerate(kinds):
        name, patterns = f"memory{k}", rng.normal(size=(3, 4))
        populations[name] = Population(LogSumExp(2.0), 3, tau=0.3)
        if kind == "bilinear":
            synapses[f"join{k}"] = Bilinear(("x", name), patterns.T)
        elif kind == "recurrent":
            del populations[name]
            synapses[f"join{k}"] = Recurrent(("x",), -np.eye(4))
        else:
            synapses[f"join{k}"] = SimilaritySynapse(("x", name), kind(), patterns)
    return Network(populations, synapses)


PAIRS = [
    (Manhattan, Euclidean),
    (Manhattan, Manhattan),
    (Euclidean, Euclidean),
    (Manhattan, "bilinear"),
    (Manhattan, "recurrent"),
    (Euclidean, "bilinear"),
]


@pytest.mark.parametrize("count", [1, 2, 3, 4])  # N is 3
@pytest.mark.parametrize("kinds", PAIRS, ids=lambda pair: "-".join(getattr(k, "__name__", str(k)) for k in pair))
@pytest.mark.filterwarnings("ignore::hopfield.dynamics.SimulationWarning")  # one dt for all of these
def test_two_synapses_on_one_population_do_not_mix_samples(kinds, count):
    rng = np.random.default_rng(8)
    network = joined(kinds, rng)
    states = {name: rng.normal(size=(count, p.size)) for name, p in network.populations.items()}
    batch = simulate(network, states, t1=1.0, integrator=Relaxation(0.1), guard=False, save_at=[1.0]).final
    for k in range(count):
        one = {name: x[k] for name, x in states.items()}
        alone = simulate(network, one, t1=1.0, integrator=Relaxation(0.1), guard=False, save_at=[1.0]).final
        for name, x in alone.items():
            np.testing.assert_allclose(batch[name][k], x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["time", "energy", "energy_scale"])
@pytest.mark.parametrize(
    "method",
    ["auto", Relaxation(0.1, adaptive=True), Rosenbrock(), RungeKutta(), Euler(0.01), Scipy()],
    ids=lambda m: m if isinstance(m, str) else type(m).__name__,
)
def test_a_population_may_be_called_as_the_bookkeeping_is(name, method):
    network = Network({name: Population(Quadratic(), 2)})
    run = simulate(network, {name: np.array([1.0, 2.0])}, t1=1.0, integrator=method, save_at=[0.5, 1.0])
    assert list(run.states) == [name]
    np.testing.assert_allclose(run.states[name][1], math.exp(-1) * np.array([1, 2]), atol=1e-2)
    np.testing.assert_allclose(run.energy, 0.5 * (run.states[name] ** 2).sum(-1), rtol=1e-12)
    np.testing.assert_allclose(run.times, [0.5, 1.0])


# --------------------------------------------------------------------------------------------- doubts and failures


def uncontrolled():
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(4, 4))
    network = Network({"x": Population(LogCosh(), 4)}, [Recurrent(("x",), weights - weights.T)])
    return network, {"x": rng.normal(size=(2, 4))}, Relaxation(0.7), None


def rejected():
    network = double_well(300.0)
    return network, {"x": np.array([[1.74]])}, Relaxation(0.1), True


class Backwards(Synapse):
    """Forces uphill."""

    between = ("x",)
    checked = True  # nobody looks whether they belong to the energy

    def energy(self, g):
        """A bowl."""
        return 0.5 * (g * g).sum(-1)

    def forces(self, g):
        """Away from its bottom."""
        return (g,)


def held():
    network = Network({"x": Population(Quadratic(), 2, leak=0.0)}, [Backwards()])
    return network, {"x": np.array([[1.0, 0.5]])}, Relaxation(0.1), True


@pytest.mark.parametrize(("case", "result"), [(held, "HELD"), (rejected, "REJECTED"), (uncontrolled, "UNCONTROLLED")])
def test_a_run_that_is_not_to_be_trusted_says_so_in_result_repr_and_a_warning(case, result):
    network, start, method, guard = case()
    with pytest.warns(SimulationWarning, match=Result[result].value) as said:
        run = simulate(network, start, t1=5.0, integrator=method, guard=guard)
    assert run.result is Result[result]
    assert result in repr(run)
    assert said[0].filename == __file__  # it points at the line of the user


def test_a_solver_that_does_not_return_is_stopped_and_says_when():
    start = {"x": np.array([2.0])}
    with pytest.raises(SimulationError, match=r"gave up.*LSODA stopped at t=0.12499.* of 10") as caught:
        simulate(cubed(), start, t1=10.0, integrator=Scipy("LSODA"))
    assert caught.value.result is Result.GAVE_UP
    assert abs(caught.value.trajectory.reached - 1 / 8) < 1e-4
    for limit in ({"max_evaluations": 50}, {"max_seconds": 1e-6}):
        run = simulate(decay(1.0), start, t1=1e4, integrator=Scipy("LSODA", **limit), throw=False)
        assert run.result is Result.GAVE_UP
        assert run.reached < 1e4


@pytest.mark.parametrize("method", ["LSODA", "BDF", "Radau", "RK45", "DOP853"])
def test_every_method_of_scipy_gives_up_where_the_state_runs_away(method):
    run = simulate(cubed(), {"x": np.array([2.0])}, t1=10.0, integrator=Scipy(method), throw=False)
    assert run.result is Result.GAVE_UP
    assert abs(run.reached - 1 / 8) < 1e-4


FEW = [
    RungeKutta(max_steps=5),
    RungeKutta("tsit5", max_steps=5),
    Rosenbrock(1e-9, 1e-12, max_steps=5),
]


@pytest.mark.parametrize("method", FEW, ids=repr)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_failure_before_the_first_save_time_keeps_its_advice_and_its_state(method, library):
    memory = ModernHopfield(to_library(np.eye(3), library), beta=8.0, tau_memory=1e-6)
    cue = to_library(np.array([0.9, 0.2, 0.1]), library)
    with pytest.raises(SimulationError, match=r"t=.* of 20") as caught:
        simulate(memory, cue, t1=20.0, integrator=method, save_at=[20.0])
    run = simulate(memory, cue, t1=20.0, integrator=method, save_at=[20.0], throw=False)
    assert run.result is caught.value.result is Result.TOO_MANY_STEPS
    assert len(run.times) == len(run.energy) == len(run.states["value"]) == 0
    assert 0 < run.reached < 20
    assert np.isfinite(to_numpy(run.final["value"])).all()


def test_adaptive_relaxation_that_fails_before_the_first_save_time_says_so():
    start, method = {"x": np.array([2.0])}, Relaxation(0.1, adaptive=True, rtol=1e-2)
    run = simulate(cubed(), start, t1=10.0, integrator=method, save_at=[10.0], throw=False)
    assert run.result in {Result.STEP_UNDERFLOW, Result.NOT_FINITE, Result.TOO_MANY_STEPS}
    assert len(run.times) == 0
    assert abs(run.reached - 1 / 8) < 2e-2


@pytest.mark.parametrize("method", [RungeKutta(), Rosenbrock(), Relaxation(0.05, adaptive=True), Euler(0.01)], ids=repr)
def test_a_sample_that_runs_away_leaves_the_others_alone_and_their_rows_to_them(method, library):
    start = {"x": np.array([[0.1], [2.0]])}
    here = {"x": to_library(start["x"], library)}
    network = velocity_network(lambda x: x**3, 1, lambda x, u: 3 * x**2 * u)
    run = simulate(network, here, t1=2.0, integrator=method, save_at=[0.05, 1.0, 2.0], throw=False)
    assert run.result is not Result.COMPLETED
    x, energy = to_numpy(run.states["x"]), to_numpy(run.energy)
    exact = start["x"][0] / np.sqrt(1 - 2 * start["x"][0] ** 2 * np.array([[0.05], [1.0], [2.0]]))
    np.testing.assert_allclose(x[:, 0], exact, atol=1e-3)
    assert np.isnan(x[1:, 1]).all()  # nothing is known there, and least of all the other sample's states
    assert np.isfinite(energy[:, 0]).all()
    assert run.reached[0] == 2
    assert 0.05 < run.reached[1] < 1


def test_whole_numbers_of_steps_are_saved_by_every_method():
    network, start = decay(1.0), {"x": np.array([1.0])}
    for method in (Scipy("RK45"), RungeKutta(), Euler(0.01)):
        every = simulate(network, start, t1=2.0, integrator=method)
        third = simulate(network, start, t1=2.0, integrator=method, save_at=3)
        wanted = sorted({*range(0, len(every.times), 3), len(every.times) - 1})
        np.testing.assert_array_equal(third.times, every.times[wanted])


def fails(_):
    """Raise in another process."""
    simulate(cubed(), {"x": np.array([2.0])}, t1=1.0, integrator=RungeKutta())


def test_a_failure_comes_back_from_another_process():
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        with pytest.raises(SimulationError, match="sample 0") as caught:
            pool.submit(fails, 0).result(timeout=120)
        assert caught.value.result in set(Result)
        assert pool.submit(abs, -1).result(timeout=120) == 1  # the pool lives


SINGULAR = [
    ("dot", "exponential", 1.0, 3, 0),
    *(("cosine", "softmax", leak, count, seed) for leak in (10.0, 1.0) for count in (2, 5) for seed in range(3)),
]


@pytest.mark.parametrize(("similarity", "separation", "leak", "count", "seed"), few(SINGULAR, 2))
def test_implicit_steps_at_a_singular_point_answer_or_say_why_not(similarity, separation, leak, count, seed):
    rng = np.random.default_rng([seed, count])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the exponential has no lower bound
        memory = UniversalHopfield(
            rng.normal(size=(count, 4)), similarity, separation, beta=1.0, leak=leak, tau_memory=0.1
        )
    run = simulate(memory, rng.normal(size=4), t1=20.0, integrator=Rosenbrock(1e-3, 1e-6, order=3), throw=False)
    assert run.result in {Result.COMPLETED, Result.STEP_UNDERFLOW, Result.NOT_FINITE, Result.TOO_MANY_STEPS}
    assert (run.reached == 20) == (run.result is Result.COMPLETED)
    assert np.isfinite(run.final["value"]).all()


# ---------------------------------------------------------------------------------------------- units, directions


def test_cosine_has_converged_when_the_direction_has_settled():
    """Of bytes, whose speed is one over their length: cues that were not moved are not at rest."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(6, 600)).astype(float)
    cues = np.clip(images + 100 * rng.normal(size=images.shape), 0, 255)
    memory = UniversalHopfield(images, "cosine", beta=30.0)
    short = simulate(memory, cues, t1=5.0, stop="steady")
    assert not short.converged.any()  # it has hardly moved, and says so
    settled = simulate(memory, cues, t1=500, integrator=Relaxation(INF), stop="steady")
    assert settled.converged.all()
    again = memory.recall(settled.final["value"])
    cosine = (again * settled.final["value"]).sum(-1) / np.linalg.norm(again, axis=-1)
    np.testing.assert_allclose(cosine, np.linalg.norm(settled.final["value"], axis=-1), rtol=1e-9)


def test_patterns_of_a_millionth_converge_where_patterns_of_one_do(rng):
    patterns, cues = rng.normal(size=(4, 6)), rng.normal(size=(3, 6))
    whole = simulate(UniversalHopfield(patterns, beta=2.0), cues, t1=200.0, stop="steady")
    small = simulate(UniversalHopfield(1e-6 * patterns, beta=2e12), 1e-6 * cues, t1=200.0, stop="steady")
    np.testing.assert_array_equal(small.steps, whole.steps)
    np.testing.assert_allclose(1e6 * small.final["value"], whole.final["value"], rtol=1e-9)
    assert small.converged.all()


@pytest.mark.parametrize("scale", [1e-24, 1e20])
def test_cosine_neither_overflows_nor_underflows(scale):
    patterns, cue = np.eye(3, dtype=np.float32), np.array([0.9, 0.3, 0.1], dtype=np.float32)
    found = UniversalHopfield(patterns * np.float32(scale), "cosine", beta=5.0).scores(cue * np.float32(scale))
    np.testing.assert_allclose(found, cue / np.linalg.norm(cue), rtol=1e-6)


# ------------------------------------------------------------------------------------------------- compilation


@pytest.mark.parametrize("name", few(["beta", "tau_value", "tau_memory"], 1))  # a leak decides the formula of a step
def test_a_sweep_on_jax_compiles_once(name):
    jax = pytest.importorskip("jax")
    count = 0

    def listen(event, *_, **__):
        nonlocal count
        count += event.endswith("backend_compile_duration")

    jax.clear_caches()
    patterns = jax.numpy.asarray(np.random.default_rng(0).normal(size=(3, 4)))
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        taken = []
        for value in (0.5, 0.55, 0.65):
            memory = UniversalHopfield(patterns, "dot", **{name: value})
            before = count
            simulate(memory, patterns[0], t1=1.0, save_at=[1.0])
            taken.append(count - before)
    finally:
        jax.monitoring.clear_event_listeners()
    assert taken[0] > 0
    assert taken[1:] == [0, 0]
