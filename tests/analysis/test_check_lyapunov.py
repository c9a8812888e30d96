"""The verdict on the Lyapunov property: no false alarm, no miss, and the cause."""

import numpy as np
import pytest

from hopfield import (
    Euler,
    ModernHopfield,
    Relaxation,
    UniversalHopfield,
    assert_energy_decreases,
    check_lyapunov,
    simulate,
)
from hopfield.dynamics import Bilinear, LogCosh, Network, Population, Power, Quadratic, Recurrent, Synapse


@pytest.mark.parametrize("dt", [0.1, 1.0, np.inf])
@pytest.mark.parametrize("similarity", ["dot", "cosine", "euclidean", "manhattan"])
def test_relaxation_holds(similarity, dt, dtype, rng):
    patterns = rng.standard_normal((20, 40)).astype(dtype)
    memory = UniversalHopfield(patterns, similarity, beta=0.5)
    cues = (patterns[:8] + 0.7 * rng.standard_normal((8, 40))).astype(dtype)
    report = check_lyapunov(memory, simulate(memory, cues, t1=20, integrator=Relaxation(dt), save="all"))
    assert report.holds, report
    assert report.max_rate <= report.tolerance + 1e-6


def test_no_false_alarm_in_float32_on_wide_patterns(rng):
    patterns, largest = rng.random((50, 3072), dtype=np.float32), []
    for similarity in ("dot", "euclidean", "cosine"):
        memory = UniversalHopfield(patterns, similarity, beta=0.1)
        run = simulate(memory, patterns[:4] * np.float32(0.8), t1=20.0)
        assert check_lyapunov(memory, run).holds
        largest.append(np.diff(run.energy, axis=0).max())
    assert max(largest) > 0  # rounding alone does raise it


def test_long_euler_steps_are_blamed_on_the_step_size(rng):
    memory = ModernHopfield(rng.standard_normal((5, 8)), beta=1.0, tau_memory=0)
    run = simulate(memory, rng.standard_normal((3, 8)), t1=30.0, integrator=Euler(3.0))
    report = check_lyapunov(memory, run)
    assert not report.holds
    assert report.cause == "step size"
    time, sample = report.where
    k = int(np.argmin(np.abs(run.times - time)))
    assert run.energy[k + 1, sample] - run.energy[k, sample] == pytest.approx(report.max_increase)
    assert report.max_increase > 0
    assert report.violations == int((np.diff(run.energy, axis=0) > 1e-9).sum())
    with pytest.raises(AssertionError, match=r"rises \d+ times"):
        assert_energy_decreases(run)


def asymmetric(rng):
    return Network({"x": Population(LogCosh(2.0), 6)}, [Recurrent(("x",), rng.standard_normal((6, 6)))])


def test_asymmetric_weights_are_blamed_on_the_model(rng):
    network = asymmetric(rng)
    run = simulate(network, {"x": rng.standard_normal((10, 6))}, t1=5.0)
    report = check_lyapunov(network, run)
    assert report.cause == "model"
    assert "not symmetric" in report.message
    assert report.max_rate > 0
    states = check_lyapunov(network, run.final)
    assert not states.holds
    assert states.cause == "model"


class WrongEnergy(Synapse):
    """The forces of -g.Wg/2 with another energy."""

    between = ("x",)

    def __init__(self, weights):
        self.w = weights

    def energy(self, *g):
        return -(g[0] ** 2).sum(-1)

    def forces(self, *g):
        return (g[0] @ self.w,)


def test_an_energy_that_does_not_belong_to_the_forces_is_caught(rng):
    w = rng.standard_normal((4, 4))
    network = Network({"x": Population(LogCosh(1.0), 4)}, [WrongEnergy(w + w.T)])
    report = check_lyapunov(network, {"x": rng.standard_normal((5, 4))})
    assert not report.holds
    assert report.cause == "model"
    assert report.rate_error > 0.05
    assert "not the gradient" in report.message


def test_a_lagrangian_that_is_not_convex_is_named(rng):
    network = Network(
        {"a": Population(Power(3), 4), "b": Population(Quadratic(), 4)},
        [Bilinear(("a", "b"), 3 * rng.standard_normal((4, 4)))],
    )
    report = check_lyapunov(network, {"a": rng.standard_normal((50, 4)), "b": rng.standard_normal((50, 4))})
    assert not report.holds
    assert "Power(n=3" in report.message


def test_queries_and_states_are_looked_at(rng):
    memory = ModernHopfield(rng.standard_normal((5, 8)))
    report = check_lyapunov(memory, rng.standard_normal((7, 8)))
    assert report.holds
    assert report.intervals == 7
    assert check_lyapunov(memory, memory.start(np.zeros(8))).intervals == 1
    with pytest.raises(TypeError, match="dict of states"):
        check_lyapunov(memory.network, np.zeros(8))


def test_without_the_memory_neurons_the_final_state_is_looked_at(rng):
    memory = ModernHopfield(rng.standard_normal((5, 8)))
    report = check_lyapunov(memory, simulate(memory, np.ones(8), t1=1.0))
    assert report.holds
    assert report.max_rate is not None
    assert report.rate_error is not None


def test_the_tolerance_is_that_of_the_dtype(rng):
    reports = []
    for dtype in (np.float32, np.float64):
        memory = ModernHopfield(np.eye(4, dtype=dtype), beta=4.0)
        reports.append(check_lyapunov(memory, simulate(memory, np.full(4, 0.3, dtype=dtype), t1=1.0)))
    ratio = reports[0].tolerance / reports[1].tolerance
    assert ratio == pytest.approx(np.finfo(np.float32).eps / np.finfo(np.float64).eps, rel=0.1)


def test_clamped_runs_hold(rng):
    memory = ModernHopfield(rng.standard_normal((5, 8)))
    run = simulate(memory, np.ones(8), t1=5.0, clamp=np.arange(8) < 4, save="all")
    assert check_lyapunov(memory, run).holds
