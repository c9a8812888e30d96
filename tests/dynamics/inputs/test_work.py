"""The energy's balance where inputs change: work and dissipation by hand, and the Lyapunov verdict on E - W."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from helpers import few
from hopfield.analysis import check_lyapunov
from hopfield.analysis.plots import plot_energy
from hopfield.dynamics import (
    Bilinear,
    Euler,
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
    Softplus,
    Spherical,
    Steps,
    simulate,
)
from hopfield.models import ModernHopfield, UniversalHopfield

A, W = 0.8, 2.0
METHODS = [
    ("auto", 2e-3),
    (Relaxation(dt=0.02, order=2), 1e-4),
    (Relaxation(adaptive=True, rtol=1e-5), 2e-3),
    (Euler(1e-3), 3e-3),
    (Rosenbrock(rtol=1e-6, atol=1e-8, order=5), 1e-6),
    (Rosenbrock(rtol=1e-5, atol=1e-7, order=3), 2e-5),
    (RungeKutta("dopri5", rtol=1e-7, atol=1e-9), 1e-6),
    (RungeKutta("tsit5", rtol=1e-7, atol=1e-9), 1e-6),
    (Scipy("DOP853", rtol=1e-8), 1e-6),
    (Scipy("BDF", rtol=1e-8), 1e-5),
]


def pair(leak=0.3):
    """Two linear populations: A x' = ..., of which one is fast."""
    weights = np.array([[0.5, -0.2], [0.1, 0.4], [0.0, 0.3]])
    return Network(
        {"a": Population(Quadratic(), 3, tau=1.0), "b": Population(Quadratic(), 2, tau=leak)},
        [Bilinear(("a", "b"), weights)],
    )


def response(network, drive):
    """States z of x = Re(z e^(-i w t)) under a current Re(b e^(-i w t)): -i w x = J x + T^-1 b."""
    weights = network.synapses["a~b"].weights
    tau = np.concatenate([np.full(p.size, p.tau) for p in network.populations.values()])
    coupled = np.block([[-np.eye(3), weights], [weights.T, -np.eye(2)]])
    return np.linalg.solve(-1j * W * np.diag(tau) - coupled, np.concatenate([drive, np.zeros(2)]))


@pytest.mark.parametrize(("method", "tol"), METHODS)
def test_a_linear_network_under_a_sinusoid(method, tol):
    """Amplitude and phase of the response, and the work of a period: pi/w times w Im(b* . z)."""
    network, b = pair(), A * np.array([1.0, 0.5j, -0.3])
    z = response(network, b)
    start = {"a": z[:3].real, "b": z[3:].real}
    period = 2 * np.pi / W
    run = simulate(
        network,
        start,
        t1=period,
        current={"a": lambda t: (b * np.exp(-1j * W * t)).real},
        integrator=method,
        save_at=[0.0, period / 4, period],
        save="all",
    )
    quarter = np.concatenate([run.states[name][1] for name in ("a", "b")])
    assert np.abs(quarter - z.imag).max() < tol  # at w t = pi/2
    amplitude, phase = np.abs(z[0]), np.angle(z[0])
    seen = run.states["a"][0, 0] + 1j * run.states["a"][1, 0]
    assert abs(abs(seen) - amplitude) < tol
    assert abs(np.angle(seen) - phase) < 4 * tol
    work = np.pi * (b.conj() @ z[:3]).imag  # -(integral of b' . x) over a period
    assert work > 0.5
    assert run.work[-1] == pytest.approx(work, abs=4 * tol)
    assert run.dissipation[-1] == pytest.approx(work, abs=8 * tol)  # the energy is again what it was
    assert abs(run.work[-1] - work) <= run.work_error[-1] + 4 * tol


@pytest.mark.parametrize(
    "method", ["auto", Relaxation(adaptive=True), Euler(0.01), "rosenbrock", "dopri5", Scipy(), Scipy("BDF")]
)
def test_a_jump_works_at_once(method):
    """-(b_after - b_before) . g, whatever the method; between the jumps there is no work."""
    patterns = np.random.default_rng(0).normal(size=(4, 3))
    memory, b = ModernHopfield(patterns, beta=2.0), np.array([[0.5, 0.0, -1.0], [1.0, 2.0, 0.0]])
    run = simulate(
        memory,
        patterns[:2] + 0.3,
        t1=3.0,
        current=Steps([1.0, 3.0], b),
        integrator=method,
        save_at=[0.5, 1.0, 2.0, 3.0],
    )
    g = run.states["value"]
    first, last = -(g[1] @ b[0]), -(g[3] @ (b[1] - b[0]))
    assert np.array_equal(run.work[0], [0.0, 0.0])
    assert np.abs(run.work[1] - first).max() < 1e-13
    assert np.abs(run.work[2] - first).max() < 1e-13
    assert np.abs(run.work[3] - first - last).max() < 1e-13
    assert (np.diff(run.dissipation, axis=0) > -1e-6).all()


@pytest.mark.broad
def test_dissipation_is_what_friction_takes():
    """Of g = x it is the integral of tau |x'|^2, here by the trapezoidal rule over many steps."""
    run = simulate(
        pair(),
        {"a": np.ones(3), "b": np.zeros(2)},
        t1=2.0,
        current={"a": np.sin, "b": Pulse(0.5, 0.9, 2.0)},
        integrator=RungeKutta(rtol=1e-8, atol=1e-10, dt=0.001),
        save="all",
    )
    speed = np.zeros((2, len(run.times)))  # before and after a jump
    for k, t in enumerate(run.times):
        for side in (0, 1):
            network = run.network_at(float(t), left=side == 0)
            v = network.velocity({name: x[k] for name, x in run.states.items()})
            speed[side, k] = sum(p.tau * (v[name] ** 2).sum() for name, p in network.populations.items())
    lost = np.concatenate([[0.0], np.cumsum(np.diff(run.times) * (speed[1, :-1] + speed[0, 1:]) / 2)])
    assert np.abs(run.dissipation - lost).max() < 1e-4


@pytest.mark.parametrize("schedule", [{"beta": lambda t: 1 + t}, {"bias": Sampled([0.0, 2.0], [0.0, 1.0])}])
@pytest.mark.parametrize(
    ("method", "tol"),
    few([("auto", 1e-2), ("rosenbrock", 1e-3), ("dopri5", 1e-3), (Relaxation(dt=0.01, order=2), 2e-3)], 2),
)
def test_the_work_of_a_number(schedule, method, tol):
    """Against the work that SciPy's solve gives, where the dissipation is integrated beside the states."""
    patterns = np.random.default_rng(1).normal(size=(5, 3))
    for memory in (ModernHopfield(patterns), UniversalHopfield(patterns, "euclidean", "softmax", tau_memory=0.0)):
        given: dict[str, Any] = {"t1": 2.0, "schedule": schedule, "save_at": [1.0, 2.0]}
        sure = simulate(memory, patterns[0] * 0.5, integrator=Scipy("DOP853", rtol=1e-10, atol=1e-12), **given)
        run = simulate(memory, patterns[0] * 0.5, integrator=method, **given)
        assert np.abs(sure.work).min() > 0.01
        assert np.abs(run.work - sure.work).max() < tol


def test_without_inputs_nothing_works():
    run = simulate(ModernHopfield(np.eye(3)), np.ones((2, 3)), t1=1.0)
    assert run.work.shape == run.energy.shape
    assert not run.work.any()
    assert np.array_equal(run.dissipation, run.energy[0] - run.energy)


# ------------------------------------------------------------------------------------------------------- the verdict


MEMORY = ModernHopfield(np.random.default_rng(2).normal(size=(5, 3)), beta=2.0)
CUES = np.random.default_rng(3).normal(size=(4, 3))
CURRENTS = [
    Steps([0.5, 2.0, 3.3], np.random.default_rng(4).normal(size=(3, 3)) * 2),
    lambda t: 2 * np.sin(3 * t) * np.ones(3),
    Sampled([0.0, 1.0, 4.0], np.random.default_rng(5).normal(size=(3, 4, 3))),
]


@pytest.mark.parametrize("current", few(CURRENTS, 1), ids=["steps", "function", "samples"])
@pytest.mark.parametrize(
    "method",
    few(["auto", Relaxation(dt=0.5), "rosenbrock", Relaxation(adaptive=True), Euler(0.01), "dopri5", Scipy("BDF")], 3),
)
def test_the_energy_less_the_work_falls(method, current):
    run = simulate(MEMORY, CUES, t1=4.0, current=current, integrator=method, save="all")
    report: Any = check_lyapunov(MEMORY, run)
    assert report.holds, report.message
    assert "less the work of the inputs falls" in report.message
    assert report.risen > 0
    assert report.work == pytest.approx(run.work[-1].mean())
    assert report.dissipation == pytest.approx(run.dissipation[-1].mean())
    assert report.max_rate <= 1e-9
    without = dataclasses.replace(run, work=0 * run.work)  # the energy alone would be called rising
    assert check_lyapunov(None, without).violations >= report.risen > 0


@pytest.mark.parametrize("method", ["auto", "rosenbrock", "dopri5"])
def test_the_verdict_on_an_annealed_memory(method):
    run = simulate(MEMORY, CUES, t1=4.0, schedule={"beta": lambda t: 0.5 + t}, integrator=method, save="all")
    report: Any = check_lyapunov(MEMORY, run)
    assert report.holds, report.message
    assert report.risen > 0
    assert report.rate_error < 1e-3


def test_steps_that_are_too_long_are_told_from_work():
    slow: dict[str, Any] = {"t1": 40.0, "current": Pulse(5.0, 20.0, np.ones(3)), "save": "all"}
    report: Any = check_lyapunov(None, simulate(MEMORY.adiabatic(), CUES, integrator=Euler(2.5), throw=False, **slow))
    assert not report.holds
    assert report.cause == "step size"
    assert "less the work of the inputs rises" in report.message
    assert check_lyapunov(None, simulate(MEMORY.adiabatic(), CUES, integrator=Euler(0.1), **slow)).holds


def test_the_table_says_work_and_dissipation():
    run = simulate(MEMORY, CUES[0], t1=4.0, current=CURRENTS[0], save="all")
    report: Any = check_lyapunov(None, run)
    table = report.table()
    assert list(table.columns[0].cells)[-2:] == ["work", "dissipation"]
    parts: Any = report.parts
    change = sum(part.change for part in parts.values())
    assert change == pytest.approx(float(run.energy[-1] - run.energy[0]))
    assert change == pytest.approx(report.work - report.dissipation)


def test_the_plot_shows_both():
    run = simulate(MEMORY, CUES, t1=4.0, current=CURRENTS[0])
    ax = plot_energy(run)
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    assert np.allclose(lines["less the work, $E - W$"], np.median(run.energy - run.work, axis=1))
    assert not any("rises" in str(name) for name in lines)
    plain = plot_energy(dataclasses.replace(run, drive=None))
    assert any("rises" in str(line.get_label()) for line in plain.get_lines())
    assert plot_energy(run, relative=True).get_ylabel().startswith("$E - W$")


def test_guards_know_the_work():
    """A current that raises the energy is no reason to shorten a step."""
    for method in ("rosenbrock", Relaxation(dt=0.1), RungeKutta()):
        given: dict[str, Any] = {"t1": 4.0, "current": lambda t: -3 * np.sin(2 * t) * np.ones(3), "integrator": method}
        watched = simulate(MEMORY, CUES, guard=True, **given)
        free = simulate(MEMORY, CUES, guard=False, **given)
        assert watched.statistics["rejected"] <= free.statistics["rejected"] + 3
        assert np.abs(watched.final["value"] - free.final["value"]).max() < 1e-3
    wild = UniversalHopfield(MEMORY.patterns, "cosine", leak=1.0, tau_memory=0.0)
    run = simulate(
        wild, CUES, t1=4.0, current=lambda t: np.sin(t) * np.ones(3), integrator=Relaxation(dt=0.02), save="all"
    )
    assert run.statistics["guard"]
    assert check_lyapunov(None, run).holds


def test_time_constants_by_neuron_and_the_verdict():
    """E falls with elementwise Lagrangians; with others nothing says so, and the report names the reason."""
    rng = np.random.default_rng(6)
    weights, tau = rng.normal(size=(3, 3)), np.array([0.05, 1.0, 4.0])

    def network(lagrangian):
        b = Population(Softplus(), 3)
        return Network({"a": Population(lagrangian, 3, tau=tau, leak=1.0), "b": b}, [Bilinear(("a", "b"), weights)])

    start = {"a": rng.normal(size=(16, 3)), "b": rng.normal(size=(16, 3))}
    for method in ("auto", "rosenbrock", "dopri5", Relaxation(dt=1.0)):
        run = simulate(network(LogCosh()), start, t1=3.0, integrator=method, save="all")
        assert check_lyapunov(None, run).holds
    report: Any = check_lyapunov(network(Spherical()), {name: 3 * x for name, x in start.items()})
    assert not report.holds
    assert "time constants of a differ by neuron" in report.message
