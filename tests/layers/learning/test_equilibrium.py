"""Gradients through the state at which retrieval rests: against differences, unrolled updates, and `retrieve`."""

import warnings

import numpy as np
import pytest

from helpers import LIBRARIES, enable_float64, epsilon, few, to_library, to_numpy
from hopfield.dynamics import rollout
from hopfield.layers import TrainingWarning, equilibrium
from hopfield.models import ContinuousSDM, LearnedSimilarity, ModernHopfield, UniversalHopfield

enable_float64()
rng = np.random.default_rng(0)
PATTERNS = rng.standard_normal((5, 4))
CUES = PATTERNS[:3] + 0.2 * rng.standard_normal((3, 4))
OUTPUTS = rng.standard_normal((5, 2))
SIMILARITIES = ["dot", "euclidean", "cosine", "manhattan"]
DERIVING = [name for name in LIBRARIES if name != "numpy"]


def built(patterns, similarity, beta, projection=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return UniversalHopfield(patterns, similarity, beta=beta, projection=projection)


@pytest.mark.parametrize(
    ("library", "similarity"),
    [
        pytest.param(one, name, marks=pytest.mark.slow if one == "jax" and name != "dot" else ())
        for one in DERIVING
        for name in SIMILARITIES
    ],
)
def test_it_is_the_state_of_retrieve(library, similarity):
    memory = built(to_library(PATTERNS, library), similarity, 3.0)
    cues = to_library(CUES, library)
    answer = memory.retrieve(cues, max_steps=2000, tol=1e-12)
    np.testing.assert_allclose(to_numpy(equilibrium(memory, cues)), to_numpy(answer.state), atol=1e-8)


@pytest.mark.parametrize("similarity", few(SIMILARITIES, 2))
def test_gradients_are_those_of_differences(similarity):
    torch = pytest.importorskip("torch")
    patterns = torch.tensor(PATTERNS, requires_grad=True)
    beta = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)

    def state(patterns, beta):
        return equilibrium(built(patterns, similarity, beta), torch.tensor(CUES))

    assert torch.autograd.gradcheck(state, (patterns, beta), atol=1e-6, rtol=1e-4)


def test_gradients_of_a_projection_are_those_of_differences():
    torch = pytest.importorskip("torch")
    parts = [torch.tensor(x, requires_grad=True) for x in (PATTERNS, OUTPUTS)]

    def output(patterns, projection):
        return equilibrium(built(patterns, "euclidean", 1.5, projection), torch.tensor(CUES))

    assert output(*parts).shape == (3, 2)
    assert torch.autograd.gradcheck(output, tuple(parts), atol=1e-6, rtol=1e-4)


def test_gradients_of_an_encoder_are_those_of_differences():
    torch = pytest.importorskip("torch")
    matrix = torch.tensor(rng.standard_normal((2, 4)), requires_grad=True)

    def state(matrix):
        return equilibrium(built(torch.tensor(PATTERNS), LearnedSimilarity(matrix, 0.1), 1.0), torch.tensor(CUES))

    assert torch.autograd.gradcheck(state, (matrix,), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("similarity", [*few(["dot"], 0), pytest.param("euclidean", marks=pytest.mark.slow)])
def test_gradients_on_jax_are_those_of_unrolled_updates_and_may_be_compiled(similarity):
    jax = pytest.importorskip("jax")
    cues = jax.numpy.asarray(CUES)

    def loss(patterns, beta):
        return (equilibrium(built(patterns, similarity, beta), cues) ** 2).sum()

    def unrolled(patterns, beta):
        memory = built(patterns, similarity, beta).adiabatic()
        return (rollout(memory, cues, float("inf"), 300)["value"] ** 2).sum()

    arguments = jax.numpy.asarray(PATTERNS), jax.numpy.asarray(2.0)
    expected = jax.grad(unrolled, (0, 1))(*arguments)
    for found in (jax.grad(loss, (0, 1))(*arguments), jax.jit(jax.grad(loss, (0, 1)))(*arguments)):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-8)


def test_memory_does_not_grow_with_the_number_of_updates():
    """Bytes that PyTorch saves for the way back, for a cue that rests soon and one that takes a hundred updates."""
    torch = pytest.importorskip("torch")

    def saved(beta, count):
        sizes = []
        patterns = torch.eye(2, dtype=torch.float64).requires_grad_()
        memory = ModernHopfield(patterns, beta=beta)  # two memories merge at beta = 2, and near it updates are slow
        cue = torch.tensor([0.6, 0.4], dtype=torch.float64)
        assert int(memory.retrieve(cue, max_steps=2000, tol=1e-9).steps) > count
        with torch.autograd.graph.saved_tensors_hooks(lambda x: sizes.append(x.nbytes) or x, lambda x: x):
            equilibrium(memory, cue)
        return sum(sizes)

    assert saved(2.03, 100) == saved(20.0, 3)


def test_a_cue_that_does_not_rest_has_no_gradient_and_says_so():
    torch = pytest.importorskip("torch")
    patterns = torch.tensor(PATTERNS, requires_grad=True)
    state = equilibrium(built(patterns, "dot", 1.0), torch.tensor(CUES), max_steps=1)
    with pytest.warns(TrainingWarning, match="3 of 3 cues do not rest within 1 updates"):
        state.sum().backward()
    assert patterns.grad is not None
    assert bool(patterns.grad.isnan().any())


def test_nothing_is_recorded_without_gradients():
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        state = equilibrium(built(torch.tensor(PATTERNS), "dot", 3.0), torch.tensor(CUES))
    assert not state.requires_grad
    assert state.shape == CUES.shape


def test_other_value_neurons_give_their_activation():
    torch = pytest.importorskip("torch")
    patterns = torch.tensor(PATTERNS / np.linalg.norm(PATTERNS, axis=1, keepdims=True), requires_grad=True)
    memory = ContinuousSDM(patterns, beta=20.0)
    cues = patterns.detach()[:2]
    answer = memory.retrieve(cues, tol=1e-12)
    found = equilibrium(memory, cues).detach()
    np.testing.assert_allclose(found, to_numpy(answer.state), atol=1e4 * epsilon(float))


def test_numpy_is_told_where_to_go():
    with pytest.raises(TypeError, match="NumPy has no derivatives to send through a fixed point"):
        equilibrium(built(PATTERNS, "dot", 3.0), CUES)


@pytest.mark.parametrize(("option", "value"), [("max_steps", 0), ("tol", -1.0), ("tol", "fine")])
def test_options_are_looked_at(option, value):
    with pytest.raises((TypeError, ValueError), match=option):
        equilibrium(built(PATTERNS, "dot", 3.0), CUES, **{option: value})
