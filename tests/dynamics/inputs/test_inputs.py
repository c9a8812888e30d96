"""Input currents that change in time: exact solutions, jumps, batches, libraries, and what is refused."""

import itertools
from typing import Any

import numpy as np
import pytest

from helpers import LIBRARIES, few, to_library, to_numpy
from hopfield.analysis import check_lyapunov
from hopfield.dynamics import (
    Bilinear,
    Diffrax,
    Euler,
    Integrator,
    LogCosh,
    Network,
    Population,
    Pulse,
    Quadratic,
    Relaxation,
    Rosenbrock,
    RungeKutta,
    Sampled,
    Scipy,
    Solver,
    Step,
    Steps,
    TorchDiffEq,
    Trajectory,
    Varying,
    near,
    settled,
    simulate,
)
from hopfield.models import ModernHopfield

OURS = [
    ("auto", 1e-12),
    (Relaxation(dt=0.1), 1e-12),
    (Relaxation(dt=0.3, order=2), 1e-12),
    (Relaxation(adaptive=True), 1e-12),
    (Euler(1e-3), 2e-3),
    (Rosenbrock(rtol=1e-6, atol=1e-8, order=5), 1e-6),
    (Rosenbrock(rtol=1e-4, atol=1e-6, order=3), 1e-4),
    (RungeKutta("dopri5", rtol=1e-6, atol=1e-8), 1e-6),
    (RungeKutta("tsit5", rtol=1e-6, atol=1e-8), 1e-6),
]
THEIRS = {
    "numpy": [(Scipy(name, rtol=1e-7), 1e-5) for name in ("RK45", "DOP853", "BDF", "Radau", "LSODA")],
    "jax": [(Diffrax("Tsit5"), 1e-5), (Diffrax("Kvaerno3"), 1e-5), (Diffrax("Euler", dt=1e-3), 2e-3)],
    "torch": [(TorchDiffEq("dopri5"), 1e-5), (TorchDiffEq("rk4", dt=0.05), 1e-5)],
}


def case(library, method: Any, tol):
    """A case with a short name; what JAX compiles for long is slow."""
    name = method if isinstance(method, str) else repr(method)[:34]
    marks = [pytest.mark.slow] if isinstance(method, Diffrax) and method.solver != "Tsit5" else []
    return pytest.param(library, method, tol, id=f"{library}-{name}", marks=marks)


EVERY = [
    case(library, method, tol)
    for library in LIBRARIES
    for method, tol in [*(OURS if library == "numpy" else OURS[::4]), *THEIRS[library]]
]


def relax(library="numpy", tau: Any = 1.0, size=1):
    """x' = -x/tau + b/tau in some library."""
    bias = to_library(np.zeros(size), library)
    return Network({"x": Population(Quadratic(), size, tau=tau, bias=bias)})


def pulsed(t):
    """The solution of x' = -x + 20 between 1 and 1.05 from x = 1."""
    t = np.asarray(t)
    return np.exp(-t) + 20 * (np.exp(-np.maximum(t - 1.05, 0)) - np.exp(-np.maximum(t - 1, 0)))


# --------------------------------------------------------------------------------------------------- exact solutions


def test_the_pulse_by_hand():
    assert np.allclose(pulsed([1.0, 1.05, 2.0]), [0.367879, 1.325349, 0.512567], rtol=0, atol=5e-7)


@pytest.mark.parametrize(("library", "method", "tol"), EVERY)
@pytest.mark.parametrize("how", ["pulse", "function"])
def test_a_short_pulse_is_not_missed(library, method, tol, how):
    pulse = Pulse(1.0, 1.05, 20.0)
    if how == "function":
        pulse = Varying(lambda t: 20.0 * (1.0 <= t < 1.05), jumps=[1.0, 1.05])
    run = simulate(
        relax(library),
        {"x": to_library(np.ones(1), library)},
        t1=2.0,
        current=pulse,
        save_at=[0.5, 1.0, 1.05, 2.0],
        integrator=method,
    )
    found = to_numpy(run.states["x"])[:, 0]
    assert np.abs(found - pulsed(run.times)).max() <= tol
    assert np.array_equal(run.times, [0.5, 1.0, 1.05, 2.0])


@pytest.mark.parametrize(("library", "method", "tol"), EVERY)
def test_a_sinusoid_from_a_later_time(library, method, tol):
    a, w, t0 = 0.7, 3.0, 2.0
    run = simulate(
        relax(library),
        {"x": to_library(np.zeros(1), library)},
        t0=t0,
        t1=6.0,
        current={"x": lambda t: a * np.sin(w * t)},
        save_at=[2.0, 3.5, 6.0],
        integrator=method,
    )

    def steady(t):
        return a / (1 + w * w) * (np.sin(w * t) - w * np.cos(w * t))

    exact = steady(run.times) - steady(t0) * np.exp(-(run.times - t0))
    held = len(getattr(method, "nodes", (0,))) == 1 and not isinstance(
        method, Euler
    )  # the input stands still in a step
    dt = 0.1 if method == "auto" else getattr(method, "dt", 0.0)
    loose = a * (w * dt) ** 2 / 8 if held and dt < 1 else 0.0
    assert np.abs(to_numpy(run.states["x"])[:, 0] - exact).max() <= (0.06 if dt == 0.3 else loose + 2 * tol)


@pytest.mark.parametrize(
    ("method", "order"),
    [(Relaxation, 2), (Euler, 1)],
)
def test_the_order_of_equal_steps(method, order):
    def error(dt):
        run = simulate(
            relax(),
            {"x": np.zeros(1)},
            t1=2.0,
            current=lambda t: np.sin(3 * t),
            integrator=method(dt=dt),
            save_at=[2.0],
        )
        return abs(run.states["x"][-1, 0] - ((np.sin(6) - 3 * np.cos(6)) / 10 + 0.3 * np.exp(-2)))

    slope = np.log2(error(0.02) / error(0.01))
    assert slope == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize(("method", "order"), [(3, 3), (5, 5), ("dopri5", 5), ("tsit5", 5)])
def test_the_order_of_a_step_with_an_input(method, order):
    """Of a non-linear network with two time constants, against a solve that is nearly exact."""
    network = Network(
        {"a": Population(Quadratic(), 2, tau=0.7), "b": Population(LogCosh(), 2, tau=0.4)},
        [Bilinear(("a", "b"), np.array([[1.0, -0.5], [0.3, 0.8]]))],
    )
    start = {"a": np.array([0.5, -0.2]), "b": np.array([0.1, 0.4])}
    current = {"a": lambda t: np.array([np.sin(3 * t), np.exp(-t)]), "b": lambda t: np.cos(2 * t) + 0 * np.zeros(2)}
    whole = Rosenbrock(order=method) if isinstance(method, int) else RungeKutta(method)
    t = 0.3
    exact = simulate(network, start, t1=t, current=current, integrator=Scipy("DOP853", rtol=1e-12, atol=1e-13))

    def error(steps):
        """Equal steps: the method's own, with the error estimate left out."""
        run = simulate(network, start, t1=t, current=current, integrator=Equal(whole, t / steps), save_at=[t])
        return max(np.abs(run.final[name] - exact.final[name]).max() for name in start)

    slope = np.log2(error(2) / error(4))
    assert slope > order - 0.35


class Equal(Integrator):
    """A method with error control in equal steps."""

    def __init__(self, method, dt):
        self.method, self.dt, self.nodes = method, dt, method.nodes

    def step(self, flow, point, dt, theta=None):
        return Step(self.method.step(flow, point, np.full((len(point.states["a"]), 1), dt)).point)


# ------------------------------------------------------------------------------------------------- sorts of currents


@pytest.mark.parametrize("method", ["auto", "rosenbrock", "dopri5", Scipy()])
def test_a_constant_current_is_a_bias(method):
    rng = np.random.default_rng(0)
    patterns, b, cue = rng.normal(size=(6, 4)), rng.normal(size=4), rng.normal(size=4)
    with_bias = simulate(
        ModernHopfield(patterns, bias=b),
        {**ModernHopfield(patterns).start(cue)},
        t1=2.0,
        integrator=method,
        save_at=[2.0],
    )
    driven = simulate(ModernHopfield(patterns), cue, t1=2.0, current=b, integrator=method, save_at=[2.0])
    assert np.abs(with_bias.final["value"] - driven.final["value"]).max() < 1e-12
    assert abs(with_bias.energy[-1] - driven.energy[-1]) < 1e-12


def test_a_current_adds_to_the_bias_that_is_there():
    memory = ModernHopfield(np.eye(3), bias=np.array([0.1, 0.2, 0.3]))
    run = simulate(memory, np.ones(3), t1=1.0, current=-np.array([0.1, 0.2, 0.3]))
    free = simulate(ModernHopfield(np.eye(3)), memory.start(np.ones(3)), t1=1.0)
    assert np.abs(run.final["value"] - free.final["value"]).max() < 1e-14


SLOW_ON_JAX = [name if name != "jax" else pytest.param(name, marks=pytest.mark.slow) for name in LIBRARIES]


@pytest.mark.parametrize("library", SLOW_ON_JAX)
@pytest.mark.parametrize("method", few(["auto", "rosenbrock", "dopri5", "theirs"], 2))
def test_samples_of_a_batch_have_their_own_currents(library, method):
    """Steps with batch axes, a current of the memory neurons, and one cue for all."""
    method = THEIRS[library][0][0] if method == "theirs" else method
    rng = np.random.default_rng(1)
    patterns, cue = rng.normal(size=(5, 3)), rng.normal(size=3)
    steps = rng.normal(size=(2, 4, 3))  # two times, four samples
    memory = ModernHopfield(to_library(patterns, library), beta=2.0)
    query = to_library(cue, library)
    kick = {"memory": lambda t: np.sin(t) * np.arange(5.0) / 5}
    both = {"value": Steps([0.0, 0.7], steps), **kick}
    run = simulate(memory, query, t1=1.5, current=both, integrator=method, save_at=[0.3, 0.7, 1.5])
    assert tuple(run.states["value"].shape) == (3, 4, 3)
    for k in range(4):
        alone = {"value": Steps([0.0, 0.7], steps[:, k]), **kick}
        one = simulate(memory, query, t1=1.5, current=alone, integrator=method, save_at=[0.3, 0.7, 1.5])
        gap = to_numpy(one.states["value"]) - to_numpy(run.states["value"])[:, k]
        assert np.abs(gap).max() < (1e-4 if method == "theirs" or library == "torch" else 1e-12)
        assert np.abs(one.work - run.work[:, k]).max() < 1e-3


@pytest.mark.parametrize("library", LIBRARIES[1:])
@pytest.mark.parametrize("method", ["auto", "rosenbrock", "dopri5"])
def test_libraries_agree(library, method):
    rng = np.random.default_rng(2)
    patterns, cues = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    current = {"value": Sampled([0.0, 1.0, 2.0], rng.normal(size=(3, 3))), "memory": Pulse(0.3, 0.4, 5.0)}
    runs = [
        simulate(
            ModernHopfield(to_library(patterns, name), beta=2.0),
            to_library(cues, name),
            t1=2.0,
            current=current,
            integrator=method,
            save_at=[0.4, 2.0],
        )
        for name in ("numpy", library)
    ]
    one, other = (to_numpy(run.states["value"]) for run in runs)
    assert np.abs(one - other).max() < 1e-11
    assert np.abs(runs[0].work - runs[1].work).max() < 1e-11


def test_samples_between_times_and_a_function_are_one():
    times, values = np.array([0.0, 0.5, 2.0]), np.array([[0.0, 1.0], [2.0, -1.0], [0.5, 0.0]])
    memory = ModernHopfield(np.eye(2))

    def line(t):
        return np.array([np.interp(t, times, column) for column in values.T])

    runs = [
        simulate(memory, np.ones(2), t1=2.0, current=c, save_at=[0.5, 2.0])
        for c in (Sampled(times, values), Varying(line, jumps=[0.5]))
    ]
    assert np.abs(runs[0].states["value"] - runs[1].states["value"]).max() < 1e-13


def test_steps_are_runs_one_after_the_other():
    memory, cue = ModernHopfield(np.eye(3), beta=3.0), np.array([0.3, 0.2, 0.1])
    values = np.array([[0.5, 0.0, 0.0], [0.0, 1.0, 0.0]])
    run = simulate(memory, cue, t1=3.0, current=Steps([0.5, 1.7], values), save_at=[0.5, 1.7, 3.0], save="all")
    states, t = memory.start(cue), 0.0
    for k, (end, value) in enumerate(zip([0.5, 1.7, 3.0], [np.zeros(3), *values], strict=True)):
        part = simulate(memory, states, t1=end - t, current=value)
        states, t = part.final, end
        assert np.abs(run.states["value"][k] - states["value"]).max() < 1e-13


@pytest.mark.parametrize("method", [Relaxation(dt=0.07), "rosenbrock", "dopri5", Euler(0.07)])
def test_steps_end_on_jumps(method):
    run = simulate(relax(), {"x": np.ones(1)}, t1=2.0, current=Steps([0.33, 1.234], [1.0, 0.0]), integrator=method)
    assert {0.33, 1.234} <= set(run.times.ravel().tolist())


def test_updates_and_their_inputs():
    """With dt = inf time counts updates: each goes to the limit of its input."""
    run = simulate(
        relax(), {"x": np.ones(1)}, t1=4, current=Steps([1.0, 3.0], [2.0, 5.0]), integrator=Relaxation(dt=np.inf)
    )
    assert run.states["x"][:, 0].tolist() == [1.0, 0.0, 2.0, 2.0, 5.0]
    with pytest.raises(ValueError, match="between two of them"):
        simulate(relax(), {"x": np.ones(1)}, t1=4, current=Steps([1.5], [2.0]), integrator=Relaxation(dt=np.inf))


def test_a_jump_has_two_sides():
    steps, pulse = Steps([1.0, 2.0], [3.0, 4.0]), Pulse(1.0, 2.0, 7.0)
    square = Varying(lambda t: 1.0 if 1 <= t < 2 else 0.0, jumps=[1.0, 2.0])
    for one, seen in ((steps, [0, 3, 3, 4]), (pulse, [0, 7, 7, 0]), (square, [0, 1, 1, 0])):
        sides = [float(one.at(t, left=left)) for t, left in itertools.product((1.0, 2.0), (True, False))]
        assert sides == seen


# --------------------------------------------------------------------------------------------- clock, stops, records


@pytest.mark.parametrize("method", [Relaxation(dt=0.1), "rosenbrock", "dopri5", Scipy(), Euler(0.01)])
def test_a_later_beginning_changes_nothing_but_the_clock(method):
    memory, cue = ModernHopfield(np.eye(3), beta=4.0), np.array([0.7, 0.5, 0.1])
    early = simulate(memory, cue, t1=2.0, integrator=method)
    late = simulate(memory, cue, t0=-3.0, t1=-1.0, integrator=method)
    assert np.abs(early.times - 3.0 - late.times).max() < 1e-12
    assert np.abs(early.states["value"] - late.states["value"]).max() < 1e-9
    assert (late.reached == -1.0).all()


def test_between_the_steps_of_a_driven_run():
    """Interpolation knows the currents of each time, and which side of a jump it is on."""
    run = simulate(relax(), {"x": np.ones(1)}, t1=2.0, current=Pulse(1.0, 1.05, 20.0), integrator=Relaxation(dt=0.05))
    times = np.linspace(0, 2, 57)
    assert np.abs(run.at(times)["x"][:, 0] - pulsed(times)).max() < 1e-6
    cues = {"x": np.array([[1.0], [2.0]])}
    for method in ("dopri5", Relaxation(dt=0.02, order=2)):
        run = simulate(relax(), cues, t1=2.0, current=lambda t: np.sin(3 * t), integrator=method)
        sure = simulate(
            relax(), cues, t1=2.0, current=lambda t: np.sin(3 * t), integrator="rosenbrock", save_at=times[1:]
        )
        assert np.abs(run.at(times[1:])["x"] - sure.states["x"]).max() < 3e-3


def test_what_waits_for_a_pulse_is_not_at_rest():
    memory, cue = ModernHopfield(np.eye(2), beta=8.0), np.array([0.9, 0.1])
    kick = Pulse(20.0, 25.0, np.array([-3.0, 3.0]))
    for stop in ("steady", settled(1e-12)):
        run = simulate(memory, cue, t1=100.0, current=kick, stop=stop)
        assert run.result.name == "STOPPED"
        assert 25 < float(run.reached) < 100
        assert run.final["value"].argmax() == 1
    there = simulate(memory, cue, t1=100.0, current=kick, stop=near(np.array([0.0, 1.0]), 0.5))
    assert 20 < float(there.reached) < 26


def test_clamped_neurons_do_not_feel_a_current():
    mask = np.array([True, False])
    for method in ("auto", "rosenbrock", "dopri5"):
        run = simulate(
            ModernHopfield(np.eye(2)), np.ones(2), t1=1.0, clamp=mask, current=lambda t: 5.0 + t, integrator=method
        )
        assert (run.states["value"][:, 0] == 1.0).all()
        assert run.final["value"][1] > 2


@pytest.mark.parametrize("library", SLOW_ON_JAX)
@pytest.mark.parametrize("method", ["auto", "rosenbrock", "theirs"])
def test_some_neurons_are_saved(library, method):
    method = THEIRS[library][0][0] if method == "theirs" else method
    rng = np.random.default_rng(3)
    memory = ModernHopfield(to_library(rng.normal(size=(4, 6)), library))
    cues = to_library(rng.normal(size=(2, 6)), library)
    run = simulate(memory, cues, t1=1.0, integrator=method, save={"value": [5, 3], "memory": None})
    whole = simulate(memory, cues, t1=1.0, integrator=method, save="all")
    assert tuple(run.states["value"].shape)[1:] == (2, 2)
    assert type(run.states["value"]) is type(whole.states["value"])
    assert np.array_equal(to_numpy(run.states["value"]), to_numpy(whole.states["value"])[..., [5, 3]])
    assert np.array_equal(to_numpy(run.states["memory"]), to_numpy(whole.states["memory"]))
    assert np.array_equal(to_numpy(run.final["value"]), to_numpy(whole.final["value"]))
    assert run.columns["value"].tolist() == [5, 3]
    assert tuple(simulate(memory, cues, t1=1.0, save={"value": [1]}).activations["value"].shape)[-1] == 1


def test_a_driven_run_in_a_file(tmp_path):
    """Everything comes back but the inputs, which may be functions, and what needs them says so."""
    run = simulate(ModernHopfield(np.eye(3)), np.ones((2, 3)), t1=1.0, current=np.sin, save={"value": [2, 0]})
    back = Trajectory.load(run.save(tmp_path / "run"))
    assert np.array_equal(back.work, run.work)
    assert np.array_equal(back.dissipation, run.dissipation)
    assert back.columns["value"].tolist() == [2, 0]
    for call in (lambda: back.network_at(0.5), lambda: check_lyapunov(None, back)):
        with pytest.raises(ValueError, match="does not hold what they were"):
            call()
    frame = pytest.importorskip("pandas") and run.to_dataframe()
    assert [name for name in frame.columns if name.startswith("value")] == ["value_2", "value_0"]
    assert np.array_equal(frame["work"], run.work.T.ravel())
    with pytest.raises(ValueError, match="one run"):
        run.then(run, shift=True)
    assert np.array_equal(run.between(0.3, 0.8).work, run.work[(run.times >= 0.3) & (run.times <= 0.8)])


# ---------------------------------------------------------------------------------------------------- time constants


@pytest.mark.parametrize(
    "method", ["auto", Relaxation(dt=0.3), "rosenbrock", "dopri5", Euler(1e-3), Scipy("BDF", rtol=1e-8), Scipy("RK45")]
)
def test_a_time_constant_for_each_neuron(method):
    tau = np.array([0.5, 1.0, 3.0])
    run = simulate(relax(tau=tau, size=3), {"x": np.ones(3)}, t1=2.0, integrator=method, current=2.0)
    exact = 2.0 - np.exp(-2.0 / tau)
    assert np.abs(run.final["x"] - exact).max() < (1e-3 if isinstance(method, Euler) else 2e-5)


@pytest.mark.parametrize("library", SLOW_ON_JAX)
def test_time_constants_by_neuron_on_every_library(library):
    rng = np.random.default_rng(4)
    tau, weights = rng.uniform(0.5, 2.0, size=3), rng.normal(size=(3, 4))
    network = Network(
        {"a": Population(Quadratic(), 3, tau=to_library(tau, library)), "b": Population(LogCosh(), 4, tau=0.3)},
        [Bilinear(("a", "b"), to_library(weights, library))],
    )
    start = {"a": to_library(np.ones(3), library), "b": to_library(np.zeros(4), library)}
    exact = simulate(network, start, t1=1.0, integrator=RungeKutta(rtol=1e-9, atol=1e-11))
    for method in ["rosenbrock", THEIRS[library][-1 if library == "numpy" else 1][0]]:
        run = simulate(network, start, t1=1.0, integrator=method)
        assert np.abs(to_numpy(run.final["a"]) - to_numpy(exact.final["a"])).max() < 1e-4


@pytest.mark.parametrize("tau", [[1.0, -1.0, 1.0], [1.0, 2.0], [1.0, np.nan, 1.0], [0.0, 1.0, 1.0]])
def test_time_constants_that_cannot_be(tau):
    with pytest.raises(ValueError, match="tau"):
        Population(Quadratic(), 3, tau=np.array(tau))


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("current", "error", "words"),
    [
        (np.ones(4), ValueError, r"current of 'value' has shape \(4,\).*\(3,\) by neuron"),
        (lambda t: np.ones(2), ValueError, r"shape \(2,\)"),
        (np.array([1.0, np.nan, 0.0]), ValueError, "finite.*index"),
        (lambda t: np.nan if t > 0.7 else 0.0, ValueError, "current of 'value'.*t=1"),
        (lambda t: "x", TypeError, "number"),
        (lambda t: np.ones(3 if t < 0.7 else 2), ValueError, r"shape \(2,\)"),
        ({"vlaue": 1.0}, ValueError, "vlaue.*value"),
        ({"value": {}}, TypeError, "current of 'value' is a number"),
        ("loud", TypeError, "current of 'value'"),
        (Steps([-1.0, 0.5], [1.0, 2.0]), ValueError, "jumps at t=-1, before t0=0"),
        (Sampled([0.0, 0.5], [1.0, 2.0]), ValueError, r"sampled from t=0 to 0.5.*0 to 1"),
        (np.ones((5, 3)), ValueError, r"batch axes \(5,\).*broadcast"),
    ],
)
def test_currents_that_cannot_be(current, error, words):
    with pytest.raises(error, match=words):
        simulate(ModernHopfield(np.eye(3)), np.ones((2, 3)), t1=1.0, current=current)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Steps([1.0, 0.5], [1.0, 2.0]), r"times must increase.*times\[1\]=0.5"),
        (lambda: Steps([1.0, 2.0], [1.0]), "2 times and values of shape"),
        (lambda: Steps([1.0, np.inf], [1.0, 2.0]), "finite"),
        (lambda: Pulse(2.0, 1.0, 3.0), "stop after it starts"),
        (lambda: Pulse(0.0, 1.0, np.inf), "finite"),
        (lambda: Sampled([0.0, 0.0], [1.0, 2.0]), "increase"),
        (lambda: Varying(np.sin, jumps=[2.0, 1.0]), "increase"),
    ],
)
def test_inputs_that_cannot_be(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"t0": 1.0}, ValueError, "later t1"),
        ({"t0": np.nan}, ValueError, "t0"),
        ({"t0": 0.5, "save_at": [0.2, 1.0]}, ValueError, "t0=0.5 to t1=1"),
        ({"save": {"value": [3]}}, ValueError, "neuron 3 of 'value', whose 3 neurons are 0 to 2"),
        ({"save": {"value": []}}, TypeError, "by number"),
        ({"save": {"value": [0.5]}}, TypeError, "by number"),
        ({"save": {"value": [1, 1]}}, ValueError, "twice"),
        ({"save": {"valu": [1]}}, ValueError, "valu"),
    ],
)
def test_runs_that_cannot_be(given, error, words):
    with pytest.raises(error, match=words):
        simulate(ModernHopfield(np.eye(3)), np.ones(3), t1=1.0, **given)


def test_a_current_that_the_network_cannot_hold_is_refused_and_not_taken_for_a_long_step():
    memory = ModernHopfield(np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match=r"1e\+60 at t=0.2, which the network's float32"):
        simulate(memory, np.ones(3, dtype=np.float32), t1=1.0, current={"value": Pulse(0.2, 0.4, 1e60)})


def test_a_solver_that_knows_no_stretches_says_so():
    class Mine(Solver):
        """SciPy's, as a user of the first version would have written it."""

        rtol = 1e-6

        def solve(self, network, states, t1, save_at, clamp, keep):
            return Scipy().solve(network, states, t1, save_at, clamp, keep)

    run = simulate(relax(), {"x": np.ones(1)}, t1=2.0, current=Pulse(1.0, 1.05, 20.0), integrator=Mine(), save_at=[2.0])
    assert abs(run.final["x"][0] - pulsed(2.0)) < 1e-5
    with pytest.raises(TypeError, match="stretch"):
        simulate(relax(), {"x": np.ones(1)}, t1=2.0, current=np.sin, integrator=Mine())
