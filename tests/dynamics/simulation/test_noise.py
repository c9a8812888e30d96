"""Noise on any network: exact variances, strong order, and thermodynamics of a driven double well."""

from typing import Any

import numpy as np
import pytest

from helpers import LIBRARIES, few, to_library, to_numpy
from hopfield.analysis import check_lyapunov
from hopfield.dynamics import (
    Bilinear,
    Diffrax,
    Euler,
    Heun,
    LogCosh,
    Network,
    Population,
    Pulse,
    Quadratic,
    Recurrent,
    Relaxation,
    Sampled,
    Steps,
    Synapse,
    near,
    settled,
    simulate,
)
from hopfield.models import ModernHopfield


class DoubleWell(Synapse):
    """E = (x^2 - 1)^2/4."""

    between = ("x",)

    def energy(self, *g):
        return ((g[0] ** 2 - 1) ** 2).sum(-1) / 4

    def forces(self, *g):
        return (g[0] - g[0] ** 3,)


WELL = Network({"x": Population(Quadratic(), 1, leak=0.0)}, [DoubleWell()])


def relax(tau=1.0, size=1, leak=1.0):
    return Network({"x": Population(Quadratic(), size, tau=tau, leak=leak)})


def within(found, exact, samples):
    """Variances of normal numbers within four of their standard errors."""
    return np.abs(found / exact - 1).max() < 4 * np.sqrt(2 / samples)


# ---------------------------------------------------------------------------------------------------- exact variances


@pytest.mark.parametrize("method", ["auto", Heun(0.05), Euler(0.01), Relaxation(dt=0.02)])
def test_the_variance_of_a_leaky_neuron(method):
    """dx = -x/tau dt + sigma dW from 1: mean e^(-t/tau), variance sigma^2 tau/2 (1 - e^(-2t/tau)), neuron by neuron."""
    tau, sigma, samples = np.array([0.5, 2.0]), np.array([0.3, 1.0]), 4000
    run = simulate(
        relax(tau, 2),
        {"x": np.ones((samples, 2))},
        t1=1.0,
        noise={"x": sigma},
        seed=1,
        integrator=method,
        save_at=[0.3, 1.0],
    )
    for k, t in enumerate(run.times):
        exact = sigma**2 * tau / 2 * (1 - np.exp(-2 * t / tau))
        assert within(run.states["x"][k].var(axis=0), exact, samples)
        gap = run.states["x"][k].mean(axis=0) - np.exp(-t / tau)
        assert (np.abs(gap) < 4 * np.sqrt(exact / samples) + 0.005).all()


def test_a_strength_that_changes():
    """Without a drift the variance is the integral of sigma^2; with a temperature T(t), dV/dt = -2 V + 2 T."""
    samples, start = 4000, {"x": np.zeros((4000, 1))}
    run = simulate(relax(leak=0.0), start, t1=2.0, noise=lambda t: np.sqrt(t), seed=2, save_at=[1.0, 2.0])
    assert within(run.states["x"].var(axis=(1, 2)), np.array([0.5, 2.0]), samples)
    switched = simulate(relax(leak=0.0), start, t1=2.0, noise=Pulse(0.5, 0.75, 2.0), seed=2, save_at=[0.5, 0.75, 2.0])
    assert (switched.states["x"][0] == 0).all()
    assert np.array_equal(switched.states["x"][1], switched.states["x"][2])
    assert within(switched.states["x"][1].var(), 1.0, samples)
    cooled = simulate(relax(), start, t1=3.0, temperature=lambda t: np.exp(-t), seed=3, save_at=[1.0, 3.0])
    exact = 2 * (np.exp(-cooled.times) - np.exp(-2 * cooled.times))
    assert within(cooled.states["x"].var(axis=(1, 2)), exact, samples)


def test_a_temperature_beside_a_current():
    """exp(-(x^2/2 - b x)/T) is a normal law around b."""
    run = simulate(
        relax(), {"x": np.zeros((4000, 1))}, t1=8.0, t0=-2.0, temperature=0.3, current=1.5, seed=4, save_at=[8.0]
    )
    x = run.states["x"][-1]
    assert abs(x.mean() - 1.5) < 4 * np.sqrt(0.3 / 4000)
    assert within(x.var(), 0.3, 4000)


def test_without_noise_it_is_the_method_alone():
    memory, cue = ModernHopfield(np.eye(3), beta=4.0, tau_memory=0.5), np.array([0.8, 0.4, 0.1])
    for method in (Heun(0.05), Euler(0.05)):
        runs = [simulate(memory, cue, t1=1.0, integrator=method, **given) for given in ({}, {"noise": 0.0, "seed": 0})]
        assert np.abs(runs[0].final["value"] - runs[1].final["value"]).max() < 1e-14


def test_heun_has_order_2():
    memory, cue = ModernHopfield(np.eye(3), beta=4.0, tau_memory=0.5), np.array([0.8, 0.4, 0.1])
    given: dict[str, Any] = {"t1": 1.0, "current": lambda t: np.sin(3 * t) * np.array([1.0, 0.0, 0.5])}
    fine = simulate(memory, cue, integrator=Heun(1e-3), **given)
    errors = [
        (
            np.abs(run.final["value"] - fine.final["value"]).max(),
            abs(float(run.work[-1] - fine.work[-1])),
        )
        for run in (simulate(memory, cue, integrator=Heun(dt), **given) for dt in (0.1, 0.05))
    ]
    assert 1.8 < np.log2(errors[0][0] / errors[1][0]) < 2.3
    assert 1.8 < np.log2(errors[0][1] / errors[1][1]) < 2.5


# ------------------------------------------------------------------------------------------------------ strong order


class Path(np.random.Generator):
    """A generator that gives the increments of one Brownian path, over steps of `every` of its own."""

    def __init__(self, normal, every):
        super().__init__(np.random.PCG64(0))
        self.rows = iter(normal.reshape(-1, every, *normal.shape[1:]).sum(axis=1) / np.sqrt(every))

    def standard_normal(self, *_, **__):
        return next(self.rows)


@pytest.mark.parametrize("method", [Euler, Heun])
def test_the_strong_order_is_one(method):
    """Paths of a double well under one Brownian motion, against steps that are sixteen times finer than the finest."""
    samples, finest = 200, 2**12
    normal = np.random.default_rng(5).standard_normal((finest, samples, 1))
    start = {"x": np.linspace(-1.5, 1.5, samples)[:, None]}

    def end(every):
        given: dict[str, Any] = {
            "noise": 0.6,
            "seed": Path(normal, every),
            "integrator": method(every / finest),
            "save_at": [1.0],
        }
        return simulate(WELL, start, t1=1.0, **given).states["x"][-1]

    sure = end(1)
    errors = [np.abs(end(every) - sure).mean() for every in (256, 128, 64, 32)]
    slope = np.polyfit(np.log([256, 128, 64, 32]), np.log(errors), 1)[0]
    assert 0.9 < slope < 1.25
    assert errors[-1] < (4e-3 if method is Euler else 1.5e-3)


needs_jax = pytest.mark.skipif("jax" not in LIBRARIES, reason="JAX is not installed")


@needs_jax
@pytest.mark.parametrize(
    "solver", [*few(["ShARK"], 0), *(pytest.param(s, marks=pytest.mark.slow) for s in ("Euler", "SEA", "Heun"))]
)
def test_solvers_of_diffrax_have_the_variance_too(solver):
    tau, sigma, samples = np.array([0.5, 2.0]), np.array([0.3, 1.0]), 4000
    network = Network({"x": Population(Quadratic(), 2, tau=to_library(tau, "jax"))})
    start = {"x": to_library(np.ones((samples, 2)), "jax")}
    given: dict[str, Any] = {"noise": sigma, "integrator": Diffrax(solver, dt=0.02), "save_at": [0.3, 1.0]}
    run = simulate(network, start, t1=1.0, seed=1, **given)
    for k, t in enumerate(run.times):
        x = to_numpy(run.states["x"])[k]
        exact = sigma**2 * tau / 2 * (1 - np.exp(-2 * t / tau))
        assert within(x.var(axis=0), exact, samples)
        assert (np.abs(x.mean(axis=0) - np.exp(-t / tau)) < 4 * np.sqrt(exact / samples) + 0.005).all()
    again = simulate(network, start, t1=1.0, seed=1, **given)
    assert np.array_equal(to_numpy(again.states["x"]), to_numpy(run.states["x"]))
    assert run.statistics["noise"] == "additive"


@needs_jax
@pytest.mark.slow
def test_the_strong_order_of_diffrax():
    """Tanh neurons under one Brownian motion, which does not depend on the steps."""
    weights = np.random.default_rng(5).normal(size=(3, 3))
    network = Network({"x": Population(LogCosh(), 3)}, [Recurrent(("x",), to_library(weights + weights.T, "jax"))])
    start = {"x": to_library(np.zeros((100, 3)), "jax")}

    def end(dt):
        run = simulate(network, start, t1=1.0, noise=1.0, seed=3, integrator=Diffrax("EulerHeun", dt=dt), save_at=[1.0])
        return to_numpy(run.final["x"])

    sure = end(2.0**-10)
    errors = [np.abs(end(2.0**-k) - sure).mean() for k in (3, 5)]
    slope = -np.polyfit([3, 5], np.log2(errors), 1)[0]
    assert 0.8 < slope < 1.4


@needs_jax
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"integrator": Diffrax("ShARK")}, "equal steps.*dt=0.01"),
        ({"integrator": Diffrax("Kvaerno3", dt=0.1)}, "Kvaerno3"),
        ({"integrator": Diffrax("SEA", dt=0.1), "current": np.sin}, "does not change"),
        ({"integrator": Diffrax("SEA", dt=0.1), "noise": np.sqrt}, "stands still"),
        ({"integrator": Diffrax("SEA", dt=0.1), "stop": near(np.ones(3), 0.1)}, "do not reach"),
    ],
)
def test_noise_that_diffrax_cannot_have(given, words):
    memory = ModernHopfield(to_library(np.eye(3), "jax"))
    with pytest.raises(ValueError, match=words):
        simulate(memory, to_library(np.ones(3), "jax"), t1=1.0, seed=1, **{"noise": 0.1, **given})


# -------------------------------------------------------------------------------------------------------- any network


def tanh_neurons(weights):
    return Network({"x": Population(LogCosh(), 4)}, [Recurrent(("x",), weights)])


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_seed_gives_the_same_noise_in_every_library(library):
    rng = np.random.default_rng(6)
    patterns, cues = rng.normal(size=(5, 3)), rng.normal(size=(3, 3))
    given: dict[str, Any] = {
        "t1": 0.3,
        "noise": {"value": 0.3, "memory": lambda t: 0.1 + t},
        "seed": 7,
        "save_at": [0.1, 0.3],
    }
    runs = [
        simulate(ModernHopfield(to_library(patterns, name)), to_library(cues, name), **given)
        for name in ("numpy", library)
    ]
    one, other = (to_numpy(run.states["value"]) for run in runs)
    assert np.abs(one - other).max() < 1e-12
    assert runs[0].statistics["noise"] == "additive"


@pytest.mark.parametrize("kind", ["tanh", "one-way", "memory"])
def test_networks_of_every_kind(kind):
    rng = np.random.default_rng(8)
    if kind == "memory":
        memory, start = ModernHopfield(rng.normal(size=(4, 3)), tau_memory=0.05), rng.normal(size=(500, 3))
        given, names = {"memory": 0.5}, ["memory", "value"]
    else:
        weights = rng.normal(size=(4, 4))
        memory = tanh_neurons(weights if kind == "one-way" else weights + weights.T)
        start, given, names = {"x": np.zeros((500, 4))}, {"x": 0.5}, ["x"]
    quiet = simulate(memory, start, t1=1.0, integrator=Heun(0.01))
    run = simulate(memory, start, t1=1.0, noise=given, seed=9)
    for name in names:
        spread = (run.final[name] - quiet.final[name]).std()
        assert 0.01 < spread < 1.5
    if kind == "memory":  # a fast neuron alone has the variance sigma^2 tau/2
        h = run.final["memory"] - run.final["value"] @ memory.patterns.T
        assert 0.5 * np.sqrt(0.05 / 2) < h.std() < 2.0 * np.sqrt(0.05 / 2)


def test_neurons_that_are_not_named_or_held_are_not_shaken():
    network = Network(
        {"a": Population(Quadratic(), 2), "b": Population(Quadratic(), 2)}, [Bilinear(("a", "b"), np.zeros((2, 2)))]
    )
    start = {"a": np.ones((3, 2)), "b": np.ones((3, 2))}
    run = simulate(network, start, t1=1.0, noise={"b": 1.0}, clamp={"b": np.array([True, False])}, seed=1)
    assert np.abs(run.final["a"] - np.exp(-1)).max() < 1e-4
    assert (run.final["b"][:, 0] == 1.0).all()
    assert np.unique(run.final["b"][:, 1]).size == 3


def test_first_passage_stops_a_sample():
    """A stop at a state holds under noise; the samples that go on see the noise that they would have seen."""
    start = {"x": np.full((40, 1), -1.0)}
    given: dict[str, Any] = {"t1": 30.0, "noise": 0.9, "seed": 10, "integrator": Heun(0.02)}
    run = simulate(WELL, start, stop=near(np.array([1.0]), 0.2), save_at=[30.0], **given)
    went = run.reached < 30.0
    assert went.sum() > 20
    assert np.abs(run.final["x"][went] - 1).max() <= 0.2 + 1e-12
    whole = simulate(WELL, start, save_at=[30.0], **given)
    assert np.abs((whole.final["x"] - run.final["x"])[~went]).max(initial=0.0) < 1e-12


@needs_jax
def test_another_strength_compiles_nothing():
    import jax

    memory, cue = ModernHopfield(to_library(np.eye(3), "jax")), to_library(np.ones(3), "jax")
    found = []

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if event.endswith("backend_compile_duration"):
            found.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    simulate(memory, cue, t1=0.2, noise=0.1, seed=1, save_at=[0.2])
    first = len(found)
    simulate(memory, cue, t1=0.3, noise=lambda t: 0.2 + t, seed=2, save_at=[0.1, 0.3])
    assert 0 < first <= 8
    assert len(found) == first


def test_the_verdict_knows_the_noise():
    memory = ModernHopfield(np.eye(3), beta=4.0, tau_memory=0.0)
    report = check_lyapunov(memory, simulate(memory, np.ones(3), t1=1.0, temperature=0.2, seed=1, save="all"))
    assert (report.holds, report.cause) == (False, "noise")
    assert "noise of the run" in report.message


# ---------------------------------------------------------------------------------------------------- thermodynamics


def energy(x, tilt):
    return (x**2 - 1) ** 2 / 4 - tilt * x


def free_energy(tilt, temperature):
    x = np.linspace(-4, 4, 20_001)
    return -temperature * np.log(np.exp(-energy(x, tilt) / temperature).sum() * (x[1] - x[0]))


def equilibrium(tilt, temperature, samples, seed):
    x = np.linspace(-4, 4, 20_001)
    law = np.cumsum(np.exp(-energy(x, tilt) / temperature))
    return np.interp(np.random.default_rng(seed).uniform(size=samples), law / law[-1], x)[:, None]


TILTS = [
    Sampled([0.0, 1.5], [0.0, 0.6]),
    Steps([0.4, 0.9], [0.3, 0.6]),
    lambda t: 0.6 * np.sin(np.pi * t / 3) ** 2,
]


@pytest.mark.parametrize("how", few(["temperature", "noise", "euler"], 1))
@pytest.mark.parametrize("tilt", few(TILTS, 1), ids=["ramp", "jumps", "function"])
def test_the_second_law_and_jarzynski(how, tilt):
    """<W> >= dF and <exp(-W/T)> = exp(-dF/T), of a double well that is tilted from 0 to 0.6 in 1.5 tau."""
    temperature, samples = 0.4, 4000
    start = {"x": equilibrium(0.0, temperature, samples, 11)}
    noisy: dict[str, Any] = (
        {"temperature": temperature} if how == "temperature" else {"noise": np.sqrt(2 * temperature)}
    )
    method = Euler(0.02) if how != "noise" else Heun(0.02)
    run = simulate(WELL, start, t1=1.5, current={"x": tilt}, integrator=method, seed=12, save_at=[1.5], **noisy)
    work, change = run.work[-1], free_energy(0.6, temperature) - free_energy(0.0, temperature)
    error = work.std() / np.sqrt(samples)
    assert work.mean() - change > 4 * error  # it is driven fast, so that some of the work is lost
    weights = np.exp(-(work - change) / temperature)
    assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(samples) + 0.005
    heat = run.dissipation[-1]
    assert np.abs(run.energy[-1] - run.energy_before - (work - heat)).max() < 1e-12
    slow = simulate(
        WELL,
        start,
        t1=60.0,
        current={"x": Sampled([0.0, 60.0], [0.0, 0.6])},
        integrator=Euler(0.05),
        seed=13,
        save_at=[60.0],
        **noisy,
    )
    assert slow.work[-1].mean() - change < (work.mean() - change) / 3


@pytest.mark.slow
@pytest.mark.parametrize("how", ["temperature", "noise"])
def test_jarzynski_of_an_annealed_memory(how):
    """The work of beta(t) on a memory of two patterns, within 4 errors of 40000 samples."""
    temperature, samples, memory = 0.3, 40_000, ModernHopfield([[1.0], [-1.0]], beta=1.0, tau_memory=0.0)
    x = np.linspace(-5, 5, 20_001)

    def law(beta):
        e = np.asarray(memory.replace(beta=beta).network.energy({"value": x[:, None]}))
        return np.exp(-e / temperature)

    cumulative = np.cumsum(law(1.0))
    start = np.interp(np.random.default_rng(14).uniform(size=samples), cumulative / cumulative[-1], x)[:, None]
    noisy: dict[str, Any] = (
        {"temperature": temperature} if how == "temperature" else {"noise": np.sqrt(2 * temperature)}
    )
    run = simulate(
        memory,
        start,
        t1=1.0,
        schedule={"beta": lambda t: 1 + 4 * t},
        seed=15,
        save_at=[1.0],
        **noisy,
        integrator=Euler(0.01) if how == "temperature" else Heun(0.01),
    )
    change = -temperature * np.log(law(5.0).sum() / law(1.0).sum())
    weights = np.exp(-(run.work[-1] - change) / temperature)
    assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(samples) + 1e-3
    assert run.work[-1].mean() > change


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"noise": 0.1, "temperature": 0.1}, ValueError, "not both"),
        ({"noise": -0.1}, ValueError, "noise of 'value' must be >= 0"),
        ({"noise": {"vlaue": 0.1}}, ValueError, "vlaue"),
        ({"noise": np.ones(2)}, ValueError, r"noise of 'value' is one number, or of shape \(3,\)"),
        ({"noise": lambda t: np.nan}, ValueError, "noise of 'value'.*finite"),
        ({"noise": "loud"}, TypeError, "noise of 'value'"),
        ({"noise": 0.1, "stop": "steady"}, ValueError, "stop cannot hold.*near"),
        ({"noise": 0.1, "stop": settled()}, ValueError, "stop cannot hold"),
        ({"noise": 0.1, "guard": True}, ValueError, "no guard can hold"),
        ({"noise": 0.1, "integrator": "rosenbrock"}, ValueError, r"equal steps.*Heun\(dt\)"),
        ({"noise": 0.1, "integrator": Relaxation(dt=np.inf)}, ValueError, "finite dt"),
        ({"temperature": 0.1}, ValueError, "noise="),
    ],
)
def test_noise_that_cannot_be(given, error, words):
    with pytest.raises(error, match=words):
        simulate(ModernHopfield(np.eye(3)), np.ones(3), t1=1.0, **given)
