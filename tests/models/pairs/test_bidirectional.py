"""Pairs recalled from both sides: the energy of alternate recall never rises, and the graded form tends to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import to_library, to_numpy
from hopfield.analysis import assert_energy_decreases, check_lyapunov
from hopfield.dynamics import Relaxation, simulate
from hopfield.models import BidirectionalMemory, ModernHopfield
from hopfield.models._storage import Stored


def pairs(rng, count=4, width=60, out=41):
    return rng.choice([-1.0, 1.0], size=(count, width)), rng.choice([-1.0, 1.0], size=(count, out))


def test_kosko_s_pairs_are_recalled_from_both_sides():
    left = np.array([[1, -1, 1, -1, 1, -1], [1, 1, 1, -1, -1, -1]], float)
    right = np.array([[1, 1, -1, -1], [1, -1, 1, -1]], float)
    memory = BidirectionalMemory(left, right)
    weights = [[2, 0, 0, -2], [0, -2, 2, 0], [2, 0, 0, -2], [-2, 0, 0, 2], [0, 2, -2, 0], [-2, 0, 0, 2]]
    np.testing.assert_array_equal(memory.couplings, weights)
    np.testing.assert_array_equal(memory.recall(left), right)
    np.testing.assert_array_equal(memory.recall(right, toward="left"), left)
    np.testing.assert_array_equal(memory.energy(left, right), -24.0)  # -6*4, and y_1.y_2 = 0


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_alternate_recall_never_raises_the_energy_and_always_ends(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shape = [data.draw(st.integers(1, 12)) for _ in range(3)]
    memory = BidirectionalMemory(*pairs(rng, *shape))
    x, y = (rng.choice([-1.0, 1.0], size=(5, size)) for size in shape[1:])
    energy = memory.energy(x, y)
    before = (x, y)
    for steps in range(1, 5):
        found = memory.retrieve(x, steps, other=y)
        changed = (found.state != before[0]).any(-1) | (found.output != before[1]).any(-1)
        assert (found.energy <= energy - 2 * changed).all()
        energy, before = found.energy, (found.state, found.output)
    end = memory.retrieve(x, 200, other=y)
    assert end.converged.all()
    # At the end every bit agrees with its field, or has none.
    assert (end.state * (end.output @ memory.couplings.T) >= 0).all()
    assert (end.output * (end.state @ memory.couplings) >= 0).all()


def test_a_field_of_zero_keeps_the_state():
    memory = BidirectionalMemory(np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([[1.0, 1.0], [1.0, -1.0]]))
    np.testing.assert_array_equal(memory.couplings, [[2.0, 0.0], [0.0, 2.0]])
    silent = BidirectionalMemory(np.array([[1.0, 1.0], [-1.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 1.0]]))
    np.testing.assert_array_equal(silent.couplings, [[0.0, 0.0], [2.0, 2.0]])
    for bit in (-1.0, 1.0):  # the first bit of the left side sees no field
        found = silent.retrieve(np.array([bit, 1.0]))
        np.testing.assert_array_equal(found.state, [bit, 1.0])
        assert bool(found.converged)
    cancelling = BidirectionalMemory(np.array([[1.0, 1.0]]), np.array([[1.0]]))
    np.testing.assert_array_equal(cancelling.recall(np.array([1.0, -1.0])), [1.0])
    other = cancelling.retrieve(np.array([1.0, -1.0]), other=np.array([-1.0]))
    np.testing.assert_array_equal(other.output, [-1.0])
    np.testing.assert_array_equal(other.state, [-1.0, -1.0])


@pytest.mark.parametrize(
    ("library", "dtype"),
    [
        ("numpy", "float64"),
        ("numpy", "float32"),
        ("torch", "float32"),
        pytest.param("jax", "float32", marks=pytest.mark.slow),
    ],
)
def test_noisy_cues_bring_their_pair(library, dtype, rng):
    pytest.importorskip(library)
    left, right = pairs(rng)
    cue = np.where(rng.random(left.shape) < 0.15, -left, left).astype(dtype)
    memory = BidirectionalMemory(to_library(left.astype(dtype), library), to_library(right.astype(dtype), library))
    found = memory.retrieve(to_library(cue, library))
    np.testing.assert_array_equal(to_numpy(found.state), left)
    np.testing.assert_array_equal(to_numpy(found.output), right)
    np.testing.assert_array_equal(found.pattern, np.arange(4))
    assert to_numpy(found.output).dtype == dtype
    assert found.converged.all()
    back = memory.retrieve(to_library(right.astype(dtype), library), toward="left")
    np.testing.assert_array_equal(to_numpy(back.output), left)
    np.testing.assert_array_equal(back.pattern, np.arange(4))


def test_batches_are_their_samples_one_by_one(rng):
    left, right = pairs(rng, 9, 20, 15)
    memory = BidirectionalMemory(left, right)
    cues = rng.choice([-1.0, 1.0], size=(2, 3, 20))
    together = memory.retrieve(cues)
    for place in np.ndindex(2, 3):
        alone = memory.retrieve(cues[place])
        for name in together._fields:
            np.testing.assert_array_equal(getattr(together, name)[place], getattr(alone, name))


def test_the_graded_network_falls_to_the_same_pairs(rng):
    left, right = pairs(rng)
    memory = BidirectionalMemory(left, right, tau_right=0.3)
    cue = np.where(rng.random(left.shape) < 0.15, -left, left)
    for method in (Relaxation(0.1), Relaxation(float("inf"))):
        run = simulate(memory, cue, t1=20.0, integrator=method, save="all")
        assert_energy_decreases(run)
        np.testing.assert_array_equal(np.sign(run.activations["left"][-1]), left)
        np.testing.assert_array_equal(np.sign(run.activations["right"][-1]), right)
    assert check_lyapunov(memory, cue).holds
    states = memory.start(right[0], toward="left")
    np.testing.assert_allclose(states["right"], right[0] * (60 * 41) ** 0.5)
    g = np.tanh(2.0 * right[0])
    np.testing.assert_allclose(states["left"], memory.couplings @ g, rtol=1e-12)


def test_the_graded_energy_tends_to_the_binary_one(rng):
    left, right = pairs(rng)
    gaps = []
    for beta in (10.0, 100.0, 1000.0):
        memory = BidirectionalMemory(left, right, beta=beta)
        energy = memory.network.energy(memory.start(left))
        gaps.append(np.abs(energy - memory.energy(left, right)).max())
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2]
    assert gaps[2] < 1e-2 * np.abs(memory.energy(left, right)).min()


def test_the_modern_form_takes_real_pairs_from_both_sides(rng):
    left, right = pairs(rng)
    modern = BidirectionalMemory(left, right).modern(2.0)
    assert isinstance(modern, ModernHopfield)
    np.testing.assert_allclose(modern.recall(left), right, atol=1e-9)


def test_files_and_repr(library, rng, tmp_path):
    left, right = pairs(rng)
    memory = BidirectionalMemory(left, right, beta=3.0)
    again = Stored.load(memory.to(library).save(tmp_path / "pairs"))
    assert isinstance(again, BidirectionalMemory)
    assert repr(again) == repr(memory)
    assert repr(memory) == (
        "BidirectionalMemory(4 pairs of 60 and 41; y = sign(W^T x), x = sign(W y), W = X^T Y; sign(0) keeps the state; "
        "continuous: tanh, beta=3; numpy float64)"
    )
    np.testing.assert_array_equal(again.retrieve(left).output, memory.retrieve(left).output)


def test_what_does_not_fit_is_refused(rng):
    left, right = pairs(rng)
    with pytest.raises(ValueError, match="4 left patterns but 3 right ones"):
        BidirectionalMemory(left, right[:3])
    with pytest.raises(ValueError, match="left patterns must hold -1 and 1 only"):
        BidirectionalMemory(left / 2, right)
    memory = BidirectionalMemory(left, right)
    with pytest.raises(ValueError, match="the left patterns are of 60 bits"):
        memory.recall(right)
    with pytest.raises(ValueError, match="Did you mean 'right'"):
        memory.recall(left, toward="rigth")
    with pytest.raises(ValueError, match="query must hold -1 and 1"):
        memory.recall(0.5 * left)
    with pytest.raises(ValueError, match="max_steps must be a whole number"):
        memory.retrieve(left, 0)
