"""The classical Hopfield network: its energy, its fixed points counted one by one, its error rate, its graded form."""

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from helpers import LIBRARIES, epsilon, to_library, to_numpy
from hopfield import check_lyapunov, simulate
from hopfield.dynamics import Euler
from hopfield.models import ClassicalHopfield, UniversalHopfield

HOST = [name for name in LIBRARIES if name != "jax"]  # which compiles a program for every shape
RULES = ["hebbian", "pseudo_inverse", "storkey", "perceptron"]


def patterns(rng, rows, width, dtype="float64"):
    return rng.choice([-1.0, 1.0], size=(rows, width)).astype(dtype)


def all_states(width):
    return np.array(list(itertools.product([1.0, -1.0], repeat=width)))


ODD = pytest.mark.filterwarnings("ignore:ClassicalHopfield. W")  # not symmetric, or below 0 on the diagonal


def given_weights(W, **options):
    return ClassicalHopfield(np.ones((1, len(W))), "given", couplings=W, **options)


# ------------------------------------------------------------------------------------------ fixed points


@pytest.mark.parametrize(
    ("zero_diagonal", "memories", "mixtures", "ties"), [(True, -2.5, -1.5, 0), (False, -4.0, -3.0, 66)]
)
def test_three_orthogonal_patterns_have_exactly_these_stable_states(zero_diagonal, memories, mixtures, ties, library):
    """The sites are the 8 triples of signs; mixtures are odd functions of the three, such as the majority."""
    M = all_states(3).T
    memory = ClassicalHopfield(to_library(M, library), zero_diagonal=zero_diagonal)
    states = all_states(8)
    stability = to_numpy(memory.stability(to_library(states, library)))
    stable = (stability > 0).all(axis=1)
    assert stable.sum() == 14
    assert (stability >= 0).all(axis=1).sum() == 14 + ties
    energy = to_numpy(memory.energy(to_library(states, library)))
    overlaps = np.abs(states @ M.T / 8)
    stored = (overlaps == 1).any(axis=1)
    assert stored.sum() == 6
    assert stable[stored].all()
    np.testing.assert_allclose(energy[stored], memories, rtol=1e-14)
    mixed = stable & ~stored
    np.testing.assert_array_equal(overlaps[mixed], 0.5)
    np.testing.assert_allclose(energy[mixed], mixtures, rtol=1e-14)
    if library == "jax":  # the dynamics are compiled elsewhere
        return
    # What is stable stays, under either dynamics, and everything else arrives at something stable or tied.
    for mode in ("asynchronous", "synchronous"):
        found = memory.retrieve(to_library(states[stable], library), mode=mode)
        np.testing.assert_array_equal(to_numpy(found.state), states[stable])
        assert (found.flips == 0).all()
    found = memory.retrieve(to_library(states, library))
    assert found.converged.all()
    assert (to_numpy(memory.stability(found.state)) >= 0).all()


@pytest.mark.parametrize("zero_diagonal", [True, False])
def test_errors_of_one_synchronous_step_follow_the_law(zero_diagonal, rng):
    """The crosstalk of a site is a sum of (P-1)(N-1) signs against N - 1, with the diagonal against N - 1 + P.

    That binomial law is exact for one site; erfc(sqrt(N/2P))/2 is its limit.
    """
    size, stored, trials = 1000, 138, 12
    wrong = 0
    for _ in range(trials):
        M = patterns(rng, stored, size)
        wrong += int((ClassicalHopfield(M, zero_diagonal=zero_diagonal).recall(M) != M).sum())
    terms, signal = (stored - 1) * (size - 1), size - 1 + (0 if zero_diagonal else stored)
    exact = binom.cdf(math.ceil((terms - signal) / 2) - 1, terms, 0.5)  # 2 X - terms < -signal
    limit = math.erfc((1 if zero_diagonal else 1.138) * math.sqrt(size / (2 * stored))) / 2
    assert limit == pytest.approx(0.0035 if zero_diagonal else 0.0010, rel=0.1)
    assert exact == pytest.approx(limit, rel=0.06)
    bits = trials * stored * size
    bar = math.sqrt(exact * (1 - exact) / bits)
    assert abs(wrong / bits - exact) < 4 * bar
    assert bar < 0.03 * exact  # so the other law, 3.3 times as large or small, is far outside


@pytest.mark.parametrize("rule", ["pseudo_inverse", "perceptron"])
@pytest.mark.parametrize("mode", ["asynchronous", "synchronous"])
@pytest.mark.parametrize("library", HOST)
def test_rules_that_store_every_pattern_do(rule, mode, library, rng):
    M = patterns(rng, 20, 40)
    assert np.linalg.matrix_rank(M) == 20
    memory = ClassicalHopfield(to_library(M, library), rule)
    found = memory.retrieve(to_library(M, library), mode=mode)
    np.testing.assert_array_equal(to_numpy(found.state), M)
    assert found.converged.all()
    np.testing.assert_array_equal(found.pattern, np.arange(20))
    assert (to_numpy(memory.stability(memory.memories)) > 0).all()


def test_a_wide_margin_holds_larger_basins(rng):
    M = patterns(rng, 12, 60)
    cues = M * rng.choice([1.0, -1.0], p=[0.8, 0.2], size=(30, *M.shape))
    recalled = {
        margin: (ClassicalHopfield(M, "perceptron", margin=margin).retrieve(cues).state == M).all(-1).mean()
        for margin in (0.0, 1.0)
    }
    assert recalled[1.0] > recalled[0.0] + 0.2


def test_a_margin_that_is_not_reached_is_said(rng):
    with pytest.warns(UserWarning, match=r"did not reach the margin 5 for 10 patterns of 20 neurons in 15 epochs"):
        ClassicalHopfield(patterns(rng, 10, 20), "perceptron", margin=5.0, max_epochs=15)


# ------------------------------------------------------------------------------------------------ energy


@pytest.mark.parametrize("zero_diagonal", [True, False])
def test_the_energy_and_what_a_flip_changes(zero_diagonal, library, dtype, rng):
    M, bias, s = patterns(rng, 4, 9, dtype), rng.normal(size=9).astype(dtype), patterns(rng, 5, 9, dtype)
    memory = ClassicalHopfield(to_library(M, library), zero_diagonal=zero_diagonal, bias=to_library(bias, library))
    W = M.T.astype(float) @ M / 9
    if zero_diagonal:
        np.fill_diagonal(W, 0)
    bound = 50 * epsilon(dtype)
    np.testing.assert_allclose(to_numpy(memory.couplings), W, atol=bound)

    def energy(x):
        return -np.einsum("...i,ij,...j", x, W, x) / 2 - x @ bias.astype(float)

    found = memory.energy(to_library(s, library))
    assert to_numpy(found).dtype == dtype
    np.testing.assert_allclose(to_numpy(found), energy(s), atol=bound)
    change = to_numpy(memory.energy_change(to_library(s, library)))
    flipped = np.where(np.eye(9, dtype=bool), -s[:, None, :], s[:, None, :])
    np.testing.assert_allclose(change, energy(flipped) - energy(s)[:, None], atol=4 * bound)
    stability = to_numpy(memory.stability(to_library(s, library)))
    np.testing.assert_allclose(stability, s * (s @ W + bias), atol=bound)


@ODD
def test_the_energy_change_of_couplings_without_symmetry(rng):
    memory = given_weights(rng.normal(size=(6, 6)), bias=rng.normal(size=6))
    s = patterns(rng, 3, 6)
    for i in range(6):
        flipped = s.copy()
        flipped[:, i] *= -1
        change = memory.energy(flipped) - memory.energy(s)
        np.testing.assert_allclose(memory.energy_change(s)[:, i], change, atol=1e-12)


def couplings(data, width, nonnegative_diagonal=False):
    """Symmetric couplings, of whole numbers at times, which have ties."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    whole = data.draw(st.booleans())
    W = rng.integers(-2, 3, size=(width, width)).astype(float) if whole else rng.normal(size=(width, width))
    W = W + W.T
    np.fill_diagonal(W, np.abs(np.diag(W)) if nonnegative_diagonal else np.diag(W))
    b = rng.integers(-1, 2, size=width).astype(float) if whole else rng.normal(size=width)
    return W, b, rng.choice([-1.0, 1.0], size=(6, width))


@given(data=st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_asynchronous_flips_lower_the_energy_and_end(data):
    W, b, s = couplings(data, 9, nonnegative_diagonal=True)
    memory = given_weights(W, bias=b)
    order = data.draw(st.sampled_from(["random", "cyclic"]))
    found = memory.retrieve(s, order=order, max_steps=500, seed=3)
    assert found.converged.all()
    assert (found.verdict == "fixed point").all()
    assert (found.residual == 0).all()
    slack = 1e-12 * np.abs(W).sum()
    falls = np.diff(found.energies, axis=0)
    assert (falls <= slack).all()
    np.testing.assert_allclose(found.energies[0], memory.energy(s), atol=slack)
    np.testing.assert_allclose(found.energies[-1], found.energy, atol=slack)
    moved = found.flips > 0
    assert (found.energy[moved] < memory.energy(s)[moved]).all()
    assert (found.state[~moved] == s[~moved]).all()


@ODD
@given(data=st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_synchronous_updates_never_raise_the_two_time_energy(data):
    W, b, s = couplings(data, 8)
    memory = given_weights(W, bias=b)
    states = [s]
    for _ in range(30):
        states.append(memory.recall(states[-1]))
    E = np.array([memory.two_time_energy(x, y) for x, y in itertools.pairwise(states)])
    assert (np.diff(E, axis=0) <= 1e-12 * np.abs(W).sum()).all()
    found = memory.retrieve(s, mode="synchronous", max_steps=30)
    ended = found.verdict != "not settled"
    assert ended.mean() > 0.9  # only ties can make longer ends
    np.testing.assert_array_equal(found.converged, found.verdict == "fixed point")
    np.testing.assert_array_equal(found.cycle, np.char.endswith(found.verdict, "-cycle"))
    for k in np.flatnonzero(ended):
        after = found.state[k]
        for _ in range(1 if found.converged[k] else int(found.verdict[k].removesuffix("-cycle"))):
            after = memory.recall(after)
        np.testing.assert_array_equal(after, found.state[k])


def test_a_two_cycle_is_said_and_is_not_convergence(library):
    W = to_library(np.array([[0.0, 1.0], [1.0, 0.0]]), library)
    memory = ClassicalHopfield(to_library(np.ones((1, 2)), library), "given", couplings=W)
    found = memory.retrieve(to_library(np.array([[1.0, -1.0], [1.0, 1.0]]), library), mode="synchronous")
    assert found.verdict.tolist() == ["2-cycle", "fixed point"]
    assert found.cycle.tolist() == [True, False]
    assert found.converged.tolist() == [False, True]
    np.testing.assert_array_equal(found.residual, [1, 0])
    # One neuron at a time the same cue settles.
    assert library == "jax" or memory.retrieve(to_library(np.array([1.0, -1.0]), library)).converged


@pytest.mark.filterwarnings("ignore:.*W is not symmetric")
@pytest.mark.parametrize("length", [3, 4, 7, 30])
def test_a_longer_cycle_is_said_with_its_length(library, length):
    """Couplings that shift the state by one site: a single +1 walks round all sites, and all +1 stay."""
    shift = to_library(np.roll(np.eye(length), 1, axis=0), library)
    memory = ClassicalHopfield(to_library(np.ones((1, length)), library), "given", couplings=shift)
    walker = 2 * np.eye(length)[0] - 1
    found = memory.retrieve(to_library(np.stack([walker, np.ones(length)]), library), mode="synchronous")
    assert found.verdict.tolist() == [f"{length}-cycle", "fixed point"]
    assert found.cycle.tolist() == [True, False]
    assert found.converged.tolist() == [False, True]
    assert found.steps.tolist() == [length - 1, 0]  # one more would be the first state again
    short = memory.retrieve(to_library(walker, library), mode="synchronous", max_steps=length - 2)
    assert str(short.verdict) == "not settled"
    just = memory.retrieve(to_library(walker, library), mode="synchronous", max_steps=length - 1)
    assert str(just.verdict) == f"{length}-cycle"


@pytest.mark.filterwarnings("ignore:.*W is not symmetric")
def test_cycles_behind_a_run_in_have_the_length_that_walking_finds(rng):
    """Random couplings without symmetry: the cycle of every cue, against a walk that keeps all states."""
    W = rng.normal(size=(12, 12)) * (1 - np.eye(12))
    memory = ClassicalHopfield(np.ones((1, 12)), "given", couplings=W)
    cues = patterns(rng, 60, 12)
    found = memory.retrieve(cues, mode="synchronous", max_steps=400)
    lengths = set()
    for k, state in enumerate(cues):
        path = [state]
        while not any((path[-1] == other).all() for other in path[:-1]):
            path.append(memory.recall(path[-1]))
        first = next(m for m, other in enumerate(path) if (other == path[-1]).all())
        length = len(path) - 1 - first
        lengths.add(length)
        assert found.verdict[k] == ("fixed point" if length == 1 else f"{length}-cycle")
    assert max(lengths) > 4


def test_too_few_sweeps_are_said(rng):
    M = patterns(rng, 30, 100)
    cues = patterns(rng, 40, 100)
    for mode in ("asynchronous", "synchronous"):
        short = ClassicalHopfield(M).retrieve(cues, mode=mode, max_steps=1)
        assert (short.verdict == "not settled").any()
        np.testing.assert_array_equal(short.converged, short.verdict == "fixed point")
        np.testing.assert_array_equal(short.residual == 0, short.converged)
        assert (short.steps <= 1).all()


# ------------------------------------------------------------------------------------------- equivalences


@pytest.mark.parametrize("library", HOST)
def test_recall_is_the_sign_of_the_universal_network_with_identity(library, rng):
    M, q = patterns(rng, 6, 21), patterns(rng, 10, 21)  # an odd number of neurons, 6 patterns: no ties
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        universal = UniversalHopfield(to_library(M, library), "dot", "identity", beta=1 / 21)
    classical = ClassicalHopfield(to_library(M, library), zero_diagonal=False)
    z = to_numpy(universal.recall(to_library(q, library)))
    ties = np.abs(z) < 1e-12
    np.testing.assert_array_equal(to_numpy(classical.recall(to_library(q, library))), np.where(ties, q, np.sign(z)))


# ------------------------------------------------------------------------------------------ graded neurons


@ODD
def test_the_energy_of_graded_neurons_is_hopfields(rng):
    """E = -g.Wg/2 - b.g + sum of the integrals of the inverse activation, atanh(y)/beta from 0 to g."""
    beta, W = 2.5, rng.normal(size=(5, 5))
    W, bias = W + W.T, rng.normal(size=5)
    memory = given_weights(W, beta=beta, bias=bias)
    x = rng.normal(size=(4, 5))
    g = np.tanh(beta * x)
    grid = np.linspace(0, 1, 20001)[:, None, None] * g
    integral = np.trapezoid(np.arctanh(grid) / beta, grid, axis=0).sum(-1)
    expected = -np.einsum("...i,ij,...j", g, W, g) / 2 - g @ bias + integral
    np.testing.assert_allclose(memory.network.energy({"value": x}), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(memory.network.velocity({"value": x})["value"], -x + g @ W + bias, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_graded_neurons_recall_and_their_energy_falls(rule, rng):
    M = patterns(rng, 3, 40)
    memory = ClassicalHopfield(M, rule, margin=2.0, beta=4.0)
    cues = M * np.where(np.arange(40) % 8 == 0, -1.0, 1.0)
    run = simulate(memory, cues, t1=20.0)
    report = check_lyapunov(memory, run)
    assert report.holds, str(report)
    np.testing.assert_array_equal(np.sign(run.activations["value"][-1]), M)
    np.testing.assert_allclose(run.activations["value"][0], 0.99 * cues, rtol=1e-12)


def test_steep_graded_neurons_have_the_energy_of_binary_ones(rng):
    M = patterns(rng, 3, 20)
    bias = 0.1 * rng.normal(size=20)
    memory = ClassicalHopfield(M, beta=400.0, bias=bias)
    states = memory.network.check_states({"value": 3 * M})
    np.testing.assert_allclose(memory.network.energy(states), memory.energy(M), atol=20 * math.log(2) / 400 + 1e-9)


def test_euler_follows_the_graded_energy_down(rng):
    memory = ClassicalHopfield(patterns(rng, 4, 30), zero_diagonal=False)
    run = simulate(memory, rng.uniform(-0.9, 0.9, size=(6, 30)), t1=5.0, integrator=Euler(0.05))
    assert check_lyapunov(memory, run).holds


# ------------------------------------------------------------------------------------------------- keeping


@pytest.mark.parametrize("rule", RULES)
def test_what_is_saved_comes_back_without_learning(rule, dtype, rng, tmp_path):
    M = patterns(rng, 5, 16, dtype)
    memory = ClassicalHopfield(M, rule, beta=3.0, bias=0.1 * rng.normal(size=16).astype(dtype), tau_value=2.0)
    back = ClassicalHopfield.load(memory.save(tmp_path / "classical"))
    assert repr(back) == repr(memory)
    assert back.couplings.dtype == dtype
    for name in ("memories", "couplings", "bias"):
        np.testing.assert_array_equal(getattr(back, name), getattr(memory, name))
    cues = patterns(rng, 8, 16, dtype)
    np.testing.assert_array_equal(back.retrieve(cues, seed=2).state, memory.retrieve(cues, seed=2).state)


def test_moving_keeps_the_couplings(library, rng):
    memory = ClassicalHopfield(patterns(rng, 5, 16), "storkey").to(library, dtype="float32")
    assert to_numpy(memory.couplings).dtype == np.float32
    cue = to_library(patterns(rng, 1, 16, "float32")[0], library)
    assert to_numpy(memory.recall(cue)).shape == (16,)


def test_repr_names_the_rule(rng):
    M = patterns(rng, 3, 8)
    assert repr(ClassicalHopfield(M)) == (
        "ClassicalHopfield(3 patterns of 8; s_i <- sign(sum_j W_ij s_j + b_i), kept where that is 0; learning=hebbian, "
        "W = M^T M/I with zero diagonal; graded: x' = -x + W g + b, g = tanh(beta x), beta=4, tau_value=1; "
        "numpy float64)"
    )
    assert "M^+ M with its diagonal" in repr(ClassicalHopfield(M, "pseudo_inverse", zero_diagonal=False))
    assert "no energy need fall" in repr(ClassicalHopfield(M, "perceptron", symmetric=False))
    assert "learning=given, W as given;" in repr(given_weights(np.eye(3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda M: ClassicalHopfield((M + 1) / 2), r"They are 0 and 1 here: write 2 \* patterns - 1"),
        (lambda M: ClassicalHopfield(M + 0.5), r"patterns must hold \+1 and -1 only.*the first .* at index \(0, 0\)"),
        (lambda M: ClassicalHopfield(M, "hebb"), "Unknown learning rule 'hebb'. Did you mean 'hebbian'?"),
        (lambda M: ClassicalHopfield(M, "given"), "learning='given' needs couplings=W"),
        (
            lambda M: ClassicalHopfield(M, "given", couplings=np.eye(3)),
            r"couplings must be \(8, 8\), got shape \(3, 3\)",
        ),
        (lambda M: ClassicalHopfield(M, "perceptron", zero_diagonal=False), "W = identity would hold every state"),
        (lambda M: ClassicalHopfield(M, "perceptron", margin=-1.0), "margin must be >= 0"),
        (lambda M: ClassicalHopfield(M, "perceptron", max_epochs=0), "max_epochs must be a whole number >= 1, got 0"),
        (lambda M: ClassicalHopfield(M, beta=0), "beta must be > 0"),
        (lambda M: ClassicalHopfield(M, bias=np.ones(3)), r"bias has shape \(3,\) but must be \(..., 8\)"),
        (lambda M: ClassicalHopfield(M, bias=np.ones((2, 8))), r"bias must be one number or a vector \(8,\)"),
        (lambda M: ClassicalHopfield(M).recall(np.zeros(8)), r"They are 0 and 1 here: write 2 \* query - 1"),
        (lambda M: ClassicalHopfield(M).recall(np.ones(7)), r"query has shape \(7,\)"),
        (lambda M: ClassicalHopfield(M).start(2 * M), r"must lie in \[-1, 1\]"),
        (lambda M: ClassicalHopfield(M).start(M, memory_state=M), "no memory neurons"),
    ],
)
def test_clear_errors(make, message, rng):
    with pytest.raises(ValueError, match=message):
        make(patterns(rng, 3, 8))


def test_scores_are_overlaps(rng):
    M = patterns(rng, 3, 8)
    np.testing.assert_allclose(np.diag(ClassicalHopfield(M).scores(M)), 1)
    np.testing.assert_allclose(ClassicalHopfield(M).scores(-M[0]), -M @ M[0] / 8)
