"""Defects that peers ship, one test each, by the numbers of the project's list.

10 (a wheel that fails on import) is tested in tests/test_packaging.py, which builds one.
"""

import math

import numpy as np
import pytest

from helpers import to_library, to_numpy
from hopfield.analysis import check_lyapunov, gaussian_noise, random_starts
from hopfield.dynamics import (
    Euler,
    LogCosh,
    Network,
    Population,
    Recurrent,
    Relaxation,
    Result,
    Softplus,
    Synapse,
    simulate,
    steady,
)
from hopfield.models import (
    ClassicalHopfield,
    HierarchicalMemory,
    ModernHopfield,
    SparseDistributedMemory,
    UniversalHopfield,
)


class QuadraticEnergy(Synapse):
    """The forces W tanh(x) of a Hopfield network, with the quadratic energy -x.Wx/2 of the states for the whole."""

    between = ("x",)
    checked = True  # whoever wrote it believes so

    def __init__(self, weights):
        self.weights = weights

    def energy(self, g):
        x = np.arctanh(g)
        own = (x * g).sum(-1) - np.log(np.cosh(x)).sum(-1)  # what the population adds, taken away again
        return -(x * (x @ self.weights)).sum(-1) / 2 - own

    def forces(self, g):
        return (g @ self.weights,)


def test_defect_01_the_energy_belongs_to_the_dynamics(rng):
    root = rng.normal(size=(8, 8))
    weights = root @ root.T / np.linalg.norm(root, 2) ** 2  # positive, with largest eigenvalue 1
    states = {"x": rng.normal(size=(50, 8))}
    neurons = {"x": Population(LogCosh(), 8)}
    ours = Network(neurons, [Recurrent(("x",), weights)])
    run = simulate(ours, states, t1=10.0, integrator=Euler(0.01))
    report = check_lyapunov(ours, run)
    assert report.holds, str(report)
    # The quadratic energy under tanh rises in every one of the same runs, and the check says whose fault it is.
    theirs = Network(neurons, [QuadraticEnergy(weights)])
    wrong = simulate(theirs, states, t1=10.0, integrator=Euler(0.01))
    np.testing.assert_array_equal(wrong.final["x"], run.final["x"])
    assert (np.diff(wrong.energy, axis=0) > 1e-6).any(axis=0).all()
    report = check_lyapunov(theirs, wrong)
    assert not report.holds
    assert report.cause == "model"
    assert report.rate_error > 0.05


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_defect_02_states_and_activations_are_not_mixed_up(library):
    pytest.importorskip(library)
    memory = UniversalHopfield(
        to_library(np.array([[0.9, -0.9, 0.9], [-0.9, 0.9, 0.9]]), library),
        beta=2.0,
        value_lagrangian=LogCosh(),
        tau_memory=0.0,
    )
    query = np.array([0.5, -0.2, 0.7])
    given = to_library(query, library)
    run = simulate(memory, given, t1=0.4, integrator=Relaxation(0.2))
    states, activations = to_numpy(run.states["value"]), to_numpy(run.activations["value"])
    np.testing.assert_allclose(states[0], np.arctanh(query), rtol=1e-13)  # the query is an activation ...
    np.testing.assert_allclose(activations, np.tanh(states), rtol=1e-13)  # ... and so is what is shown of it
    # The similarity sees g, the leak acts on x: one step by hand.
    weights = np.exp(2 * to_numpy(memory.memories) @ query)
    goal = weights / weights.sum() @ to_numpy(memory.memories)
    expected = goal + np.exp(-0.2) * (np.arctanh(query) - goal)
    np.testing.assert_allclose(states[1], expected, rtol=1e-12)
    # Nothing that was handed in is overwritten.
    np.testing.assert_array_equal(to_numpy(given), query)
    start = memory.start(given)
    before = to_numpy(start["value"]).copy()
    simulate(memory.network, start, t1=0.4, integrator=Relaxation(0.2))
    np.testing.assert_array_equal(to_numpy(start["value"]), before)


def test_defect_03_logcosh_and_softplus_do_not_overflow(library, dtype):
    x = to_library(np.array([100.0, -100.0, 1e4, 0.0], dtype), library)
    for lagrangian, expected in (
        (LogCosh(), 2 * 100 + 1e4 - 3 * math.log(2)),
        (Softplus(), 100 + 1e4 + math.log(2)),
    ):
        value = to_numpy(lagrangian.value(x))
        assert value.dtype == dtype
        np.testing.assert_allclose(value, expected, rtol=4 * np.finfo(dtype).eps)
        for answer in (lagrangian.activation(x), lagrangian.curvature(x, x)):
            assert np.isfinite(to_numpy(answer)).all()


@pytest.mark.parametrize("sim", ["dot", "cosine", "euclidean", "manhattan"])
def test_defect_03_an_exact_match_is_finite_and_wins(sim, library, dtype):
    patterns = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype)
    memory = UniversalHopfield(to_library(patterns, library), sim, beta=200.0)
    query = memory.memories[1]
    for answer in (memory.scores(query), memory.weights(query), memory.recall(query)):
        assert np.isfinite(to_numpy(answer)).all()
    np.testing.assert_allclose(to_numpy(memory.weights(query)), [0, 1, 0], atol=1e-30)
    np.testing.assert_allclose(to_numpy(memory.recall(query)), patterns[1], atol=1e-30)
    if library != "jax":  # which would compile each operation
        velocity = memory.network.velocity(memory.start(query))
        assert all(np.isfinite(to_numpy(v)).all() for v in velocity.values())


@pytest.mark.parametrize("sim", ["dot", "cosine", "euclidean", "manhattan"])
def test_defect_04_beta_does_something(sim, rng):
    torch = pytest.importorskip("torch")
    patterns, query = torch.asarray(rng.normal(size=(5, 4))), torch.asarray(rng.normal(size=4))
    beta = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    memory = UniversalHopfield(patterns, sim, beta=beta)
    memory.recall(query)[0].backward()
    assert abs(float(beta.grad)) > 1e-4
    spread = [to_numpy(UniversalHopfield(patterns, sim, beta=b).weights(query)).max() for b in (0.01, 1.0, 100.0)]
    assert spread[0] < 0.25 < spread[1] < spread[2]  # from nearly uniform to nearly one


def test_defect_05_cosine_is_of_each_row(rng):
    patterns = rng.normal(size=(5, 4)) * np.array([[1.0], [10.0], [0.1], [3.0], [100.0]])
    query = rng.normal(size=4)
    memory = UniversalHopfield(patterns, "cosine", beta=5.0)
    scores = memory.scores(query)
    expected = [float(p @ query / math.sqrt(p @ p) / math.sqrt(query @ query)) for p in patterns]
    np.testing.assert_allclose(scores, expected, rtol=1e-13)
    assert (np.abs(scores) <= 1).all()
    np.testing.assert_allclose(UniversalHopfield(7 * patterns, "cosine").scores(3 * query), scores, rtol=1e-13)
    np.testing.assert_allclose(np.diag(memory.scores(patterns)), 1, rtol=1e-13)


def test_defect_05_distances_are_what_their_names_say(rng):
    patterns, query = rng.normal(size=(5, 4)), rng.normal(size=4)
    found = {sim: UniversalHopfield(patterns, sim).scores(query) for sim in ("dot", "euclidean", "manhattan")}
    for k, pattern in enumerate(patterns):
        assert found["dot"][k] == pytest.approx(sum(a * b for a, b in zip(pattern, query, strict=True)))
        assert found["euclidean"][k] == pytest.approx(-sum((a - b) ** 2 for a, b in zip(pattern, query, strict=True)))
        assert found["manhattan"][k] == pytest.approx(-sum(abs(a - b) for a, b in zip(pattern, query, strict=True)))


@pytest.mark.parametrize("mode", ["asynchronous", "synchronous"])
def test_defect_06_a_field_of_zero_keeps_the_state(mode, library):
    """Neurons that nothing couples see a field of 0, and so do some whose couplings cancel."""
    patterns = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, -1.0, -1.0]])
    weights = to_library(np.outer([1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]), library)
    memory = ClassicalHopfield(to_library(patterns, library), "given", couplings=weights)
    states = np.array([[a, a, b, c] for a in (1.0, -1.0) for b in (1.0, -1.0) for c in (1.0, -1.0)])
    given = to_library(states, library)
    np.testing.assert_array_equal(to_numpy(memory.stability(given))[:, 2:], 0.0)
    np.testing.assert_array_equal(to_numpy(memory.recall(given)), states)  # no zeros, and no +1 by default
    found = memory.retrieve(given, mode=mode)
    np.testing.assert_array_equal(to_numpy(found.state), states)
    assert found.converged.all()
    # Rounding does not decide: tenths that sum to 0 on paper, and to -6e-17 or 6e-17 in floating point.
    row = [0.0, 0.1, 0.2, -0.3]
    assert sum(row) != 0
    weights = np.zeros((4, 4))
    weights[0] = weights[:, 0] = row
    memory = ClassicalHopfield(to_library(patterns, library), "given", couplings=to_library(weights, library))
    for first in (1.0, -1.0):
        state = to_library(np.array([first, 1.0, 1.0, 1.0]), library)
        assert float(memory.stability(state)[0]) == 0.0
        assert float(memory.recall(state)[0]) == first


def test_defect_06_a_two_cycle_is_seen(rng):
    """Neurons that copy each other swap for ever when all move at once; it is said, and not called converged."""
    patterns = rng.choice([-1.0, 1.0], size=(24, 40))
    memory = ClassicalHopfield(patterns)
    cues = np.concatenate([rng.choice([-1.0, 1.0], size=(60, 40)), patterns])
    found = memory.retrieve(cues, mode="synchronous", max_steps=1000)
    assert found.cycle.sum() >= 5
    assert (found.verdict[found.cycle] == "2-cycle").all()
    assert not found.converged[found.cycle].any()
    assert (found.residual[found.cycle] > 0).all()
    once = memory.recall(found.state)
    np.testing.assert_array_equal((once == found.state).all(axis=-1), found.converged)
    np.testing.assert_array_equal(memory.recall(once)[found.cycle], found.state[found.cycle])
    # The cycle conserves the two-time energy, and one neuron at a time there is none.
    there, back = (memory.two_time_energy(a, b)[found.cycle] for a, b in ((found.state, once), (once, found.state)))
    np.testing.assert_allclose(there, back, rtol=1e-12)
    assert memory.retrieve(cues).converged.all()


def test_defect_07_convergence_is_measured_and_said(dtype):
    """Neither exact equality of floats nor a fixed number of steps."""
    patterns = np.array([[1.0, 0.2, -0.3], [-0.5, 1.1, 0.4], [0.1, -0.9, 1.3]], dtype)
    memory = ModernHopfield(patterns, beta=1.6)
    found = memory.retrieve(patterns, max_steps=1000)
    assert found.converged.all()
    assert len(set(found.steps.tolist())) > 1  # each sample in its own time
    assert found.steps.max() < 1000
    bound = {"float64": 1e-6, "float32": 1e-4}[dtype.name]
    assert (found.residual <= bound).all()
    assert (found.residual > 0).any()  # it did not wait for equality
    # A run that has not converged does not say that it has.
    short = memory.retrieve(patterns, max_steps=2)
    assert not short.converged.any()
    assert (short.residual > bound).all()
    slow = ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]], dtype), beta=1.001).retrieve(
        np.array([1.0, 0.0], dtype), max_steps=20
    )
    assert not slow.converged  # near the fold it creeps
    run = simulate(memory, patterns, t1=0.5)
    assert run.result is Result.COMPLETED
    assert not run.converged.any()


def test_defect_08_a_slow_point_is_not_a_fixed_point():
    """Three orthonormal patterns just below the fold: the centre is the only fixed point, and cues creep to it."""
    patterns = np.eye(3, 8)

    def third(beta):  # on the diagonal ray towards a pattern: the largest a with f(a) > a, found by scanning
        a = np.linspace(1 / 3 + 1e-3, 1, 20001)
        f = np.exp(beta * a) / (np.exp(beta * a) + 2 * np.exp(beta * (1 - a) / 2))
        return bool((f > a).any())

    low, high = 2.0, 4.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if third(middle) else (middle, high)
    beta = low - 1e-3  # below the fold: nothing but the centre
    memory = ModernHopfield(patterns, beta=beta, tau_memory=0.0)
    rng = np.random.default_rng(0)
    cues = np.concatenate([patterns, rng.normal(size=(60, 8))])
    coarse = memory.retrieve(cues, max_steps=4000, tol=1e-3)
    assert (coarse.residual <= 1e-3).all()  # by a speed threshold all of these are "fixed points" ...
    assert len({tuple(row) for row in coarse.state.round(3)}) > 10
    exact = memory.retrieve(cues, max_steps=20000, tol=1e-12)
    assert exact.converged.all()
    centre = patterns.mean(axis=0)
    np.testing.assert_allclose(exact.state, np.broadcast_to(centre, exact.state.shape), atol=1e-8)
    # The default tolerance sees through it as well.
    default = memory.retrieve(cues, max_steps=20000)
    assert np.abs(default.state - centre).max() < 1e-3
    run = simulate(memory, patterns[0], t1=20.0, stop=steady())
    assert run.result is Result.COMPLETED  # it is on its way, slowly
    assert not run.converged


SEEDED = {
    "flips in a random order": lambda M, seed: ClassicalHopfield(M).retrieve(-M[:, ::-1], seed=seed).energies,
    "flips at a temperature": lambda M, seed: ClassicalHopfield(M).glauber(M, 2.0, sweeps=3, seed=seed).energy,
    "hard locations": lambda M, seed: SparseDistributedMemory.random(20, 24, seed=seed).locations,
    "weights": lambda M, seed: HierarchicalMemory.random([24, 5], seed=seed).weights[0],
    "codes": lambda M, seed: HierarchicalMemory.from_patterns(M, seed=seed).weights[0],
    "Langevin noise": lambda M, seed: (
        simulate(ModernHopfield(M, tau_memory=0.0), M, t1=0.5, temperature=0.1, seed=seed).energy
    ),
    "starts": lambda M, seed: random_starts(M, 8, seed=seed),
    "noisy cues": lambda M, seed: gaussian_noise(M, 0.5, seed=seed),
}


@pytest.mark.parametrize("draw", SEEDED.values(), ids=list(SEEDED))
def test_defect_09_a_seed_seeds_everything(draw, rng):
    patterns = rng.choice([-1.0, 1.0], size=(5, 24))
    np.random.seed(1)  # noqa: NPY002  (the state of everybody's generator is neither read nor touched)
    state = np.random.get_state(legacy=True)[1].copy()  # noqa: NPY002
    first = draw(patterns, 7)
    assert np.array_equal(np.random.get_state(legacy=True)[1], state)  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(draw(patterns, 7), first)
    assert not np.array_equal(draw(patterns, 8), first)


@pytest.mark.parametrize("steps", [1, 5])
def test_defect_11_max_steps_is_the_number_of_applications(steps):
    """A map that counts: each application of M^T f with f = h multiplies the state by 2."""
    with pytest.warns(UserWarning, match="no lower bound"):
        memory = UniversalHopfield(np.sqrt(2) * np.eye(2), "dot", "identity")
    query = np.array([1.0, 0.5])
    found = memory.retrieve(query, max_steps=steps)
    np.testing.assert_allclose(found.state, 2.0**steps * query, rtol=1e-13)
    assert found.steps == steps
    assert not found.converged
    run = simulate(memory, query, t1=steps, integrator=Relaxation(math.inf))
    assert run.steps == steps
    np.testing.assert_allclose(run.states["value"], 2.0 ** np.arange(steps + 1)[:, None] * query, rtol=1e-13)


def test_defect_12_rounding_is_not_a_rising_energy(rng):
    patterns = rng.random((50, 784), dtype=np.float32)
    memory = ModernHopfield(patterns, beta=0.1)
    cues = (patterns[:4] * (rng.random((4, 784)) < 0.5)).astype(np.float32)
    run = simulate(memory, cues, t1=40.0, integrator=Relaxation(0.2), save="all")
    rises = np.diff(run.energy, axis=0)
    assert (rises > np.finfo(np.float32).eps * np.abs(run.energy[1:])).sum() > 10  # what eps |E| would report
    report = check_lyapunov(memory, run)
    assert report.holds, str(report)
    assert rises.max() < report.tolerance
    assert report.tolerance < 1e-3 * np.abs(np.diff(run.energy, axis=0)).max()  # and yet it is no blanket
