"""A learned similarity: its products, its exact step, dynamics and analysis with matrices and modules, and refusals."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from helpers import LIBRARIES, enable_float64, epsilon, to_library, to_numpy
from hopfield.analysis import basins_of_attraction, check_lyapunov, find_fixed_points
from hopfield.dynamics import Relaxation, simulate
from hopfield.models import LearnedSimilarity, Model, UniversalHopfield

enable_float64()
N, WIDTH, FEATURES = 6, 8, 3
rng = np.random.default_rng(0)
PATTERNS = rng.standard_normal((N, WIDTH))
MATRIX = rng.standard_normal((FEATURES, WIDTH))
CUES = PATTERNS[1:4] + 0.2 * rng.standard_normal((3, WIDTH))
RIDGES = pytest.mark.parametrize("ridge", [0.0, 0.3])
MODULES = [name for name in LIBRARIES if name != "numpy"]


def module(library, width=WIDTH):
    """A small network with smooth units, of float32."""
    if library == "torch":
        import torch

        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(width, 16), torch.nn.Tanh(), torch.nn.Linear(16, FEATURES))
        return net.requires_grad_(False)
    import equinox
    import jax

    return equinox.nn.MLP(width, FEATURES, 16, 1, activation=jax.nn.tanh, key=jax.random.key(0))


def scores_by_definition(g, ridge):
    seen = ((PATTERNS - g[..., None, :]) @ MATRIX.T) ** 2
    return -seen.sum(-1) - ridge * ((PATTERNS - g[..., None, :]) ** 2).sum(-1)


@RIDGES
@pytest.mark.parametrize("library", LIBRARIES)
def test_scores_of_a_matrix_are_squared_distances_of_features(library, ridge):
    similarity = LearnedSimilarity(MATRIX, ridge, patterns=to_library(PATTERNS, library))
    found = to_numpy(similarity.scores(to_library(CUES, library)))
    expected = scores_by_definition(CUES, ridge)
    assert np.abs(found - expected).max() < 100 * epsilon(float) * np.abs(expected).max()


@RIDGES
def test_products_of_a_matrix_are_derivatives_of_the_scores(ridge):
    """By differences along random directions: they are quadratic, so that central differences are exact."""
    similarity = LearnedSimilarity(MATRIX, ridge, patterns=PATTERNS)
    g, u, f = (rng.standard_normal(shape) for shape in ((4, WIDTH), (4, WIDTH), (4, N)))
    slope = (scores_by_definition(g + u, ridge) - scores_by_definition(g - u, ridge)) / 2
    bend = scores_by_definition(g + u, ridge) + scores_by_definition(g - u, ridge) - 2 * scores_by_definition(g, ridge)

    def close(found, expected):
        np.testing.assert_allclose(found, expected, rtol=1e4 * epsilon(float), atol=1e4 * epsilon(float))

    close(similarity.pushforward(g, u), slope)
    close((similarity.pullback(g, f) * u).sum(-1), (f * slope).sum(-1))
    close((similarity.curvature(g, f, u) * u).sum(-1), (f * bend).sum(-1))
    gram = similarity.gram(g, f)
    assert gram is not None
    close(np.einsum("bi,bij,bj->b", u, gram, u), (f * slope**2).sum(-1))


@pytest.mark.parametrize(("ridge", "leak", "drive"), [(0.3, 0.5, True), (0.3, 0.0, True), (0.0, 0.0, False)])
@pytest.mark.parametrize("ratio", [0.07, 1.3])
def test_the_value_step_of_a_matrix_is_exact(ridge, leak, drive, ratio):
    similarity = LearnedSimilarity(MATRIX, ridge, patterns=PATTERNS)
    v, f = rng.standard_normal(WIDTH), rng.random(N)
    push = rng.standard_normal(WIDTH) if drive else None

    def velocity(_, x):
        return similarity.pullback(x, f) - leak * x + (0 if push is None else push)

    slow = solve_ivp(velocity, (0.0, ratio), v, method="DOP853", rtol=1e-11, atol=1e-12)
    found = similarity.value_step(v, f, ratio=ratio, leak=leak, drive=push)
    np.testing.assert_allclose(found, slow.y[:, -1], atol=1e-9)


def test_the_limit_of_the_value_step_rests_and_is_the_weighted_mean():
    similarity = LearnedSimilarity(MATRIX, 0.3, patterns=PATTERNS)
    f = rng.random(N)
    found = similarity.value_step(rng.standard_normal(WIDTH), f, ratio=None)
    np.testing.assert_allclose(found, f @ PATTERNS / f.sum(), atol=1e-12)
    leaky = similarity.value_step(rng.standard_normal(WIDTH), f, ratio=None, leak=0.5)
    np.testing.assert_allclose(similarity.pullback(leaky, f), 0.5 * leaky, atol=1e-11)


def test_without_ridge_what_the_matrix_does_not_see_stays():
    memory = UniversalHopfield(PATTERNS, LearnedSimilarity(MATRIX, 0.0), beta=2.0)
    found = memory.retrieve(CUES).state
    unseen = np.eye(WIDTH) - np.linalg.pinv(MATRIX) @ MATRIX
    np.testing.assert_allclose(found @ unseen, CUES @ unseen, atol=1e-10)
    np.testing.assert_allclose(found @ MATRIX.T, PATTERNS[1:4] @ MATRIX.T, atol=0.05)


def test_the_identity_is_the_euclidean_distance():
    ours = UniversalHopfield(PATTERNS, LearnedSimilarity(np.eye(WIDTH), 0.0), beta=2.0)
    theirs = UniversalHopfield(PATTERNS, "euclidean", beta=2.0)
    np.testing.assert_allclose(ours.retrieve(CUES).state, theirs.retrieve(CUES).state, atol=1e-12)
    np.testing.assert_allclose(ours.energy(CUES), theirs.energy(CUES), atol=1e-12)


@RIDGES
@pytest.mark.parametrize("dt", [0.01, 1.0, 30.0])
def test_the_energy_falls_for_every_step(ridge, dt):
    memory = UniversalHopfield(PATTERNS, LearnedSimilarity(MATRIX, ridge), beta=0.5)
    run = simulate(memory, 2 * rng.standard_normal((20, WIDTH)), t1=30 * dt, integrator=Relaxation(dt=dt), guard=False)
    assert check_lyapunov(memory, run).holds


@pytest.mark.parametrize("library", ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in MODULES)])
def test_analysis_takes_it_as_any_other_similarity(library):
    encoder, ridge = (MATRIX, 0.1) if library == "numpy" else (module(library), 0.5)
    memory = UniversalHopfield(to_library(PATTERNS, library), LearnedSimilarity(encoder, ridge), beta=4.0)
    cues = to_library(CUES, library)
    run = simulate(memory, cues, t1=3.0)
    assert check_lyapunov(memory, run).holds
    answer = memory.retrieve(cues)
    assert answer.converged.all()
    assert list(answer.pattern) == [1, 2, 3]
    if library == "jax":  # each of these compiles for a minute
        return
    census = find_fixed_points(memory, seed=0, batches=1)
    assert set(census.pattern[census.kind == "memory"]) >= {1, 2, 3}
    assert (np.abs(census.residual) < 1e-8).all()
    found = basins_of_attraction(memory, cues, census)
    assert list(found.pattern) == [1, 2, 3]


@pytest.mark.parametrize("library", MODULES)
def test_forces_of_a_module_are_derivatives_of_its_scores(library):
    similarity = LearnedSimilarity(module(library), 0.2, patterns=to_library(PATTERNS, library))
    g, u, f = (rng.standard_normal(shape) for shape in ((2, WIDTH), (2, WIDTH), (2, N)))
    h = epsilon(float) ** (1 / 3)

    def weighted(x):
        return (f * to_numpy(similarity.scores(to_library(x, library)))).sum(-1)

    force = to_numpy(similarity.pullback(to_library(g, library), to_library(f, library)))
    np.testing.assert_allclose((force * u).sum(-1), (weighted(g + h * u) - weighted(g - h * u)) / (2 * h), atol=1e-7)


@pytest.mark.parametrize("library", MODULES)
def test_a_module_takes_the_dtype_of_the_patterns_and_moves_with_them(library):
    memory = UniversalHopfield(to_library(PATTERNS, library), LearnedSimilarity(module(library)), beta=4.0)
    assert memory.recall(to_library(CUES, library)).dtype == memory.memories.dtype
    narrow = memory.to(library, dtype="float32")
    assert "float32" in str(narrow.recall(to_library(CUES.astype("float32"), library)).dtype)


@pytest.mark.parametrize("library", MODULES)
def test_gradients_reach_the_weights(library):
    patterns, cues = to_library(PATTERNS, library), to_library(CUES, library)
    if library == "torch":
        import torch

        net = torch.nn.Linear(WIDTH, FEATURES, dtype=torch.float64)

        def loss():
            return (LearnedSimilarity(net, patterns=patterns).scores(cues) ** 2).sum()

        (gradient,) = torch.autograd.grad(loss(), net.weight)
        with torch.no_grad():
            net.weight += 1e-6
            up = loss()
            net.weight -= 2e-6
            slope = (up - loss()) / 2e-6
        assert float(gradient.sum()) == pytest.approx(float(slope), rel=1e-6)
        return
    import jax

    def value(matrix):
        return (LearnedSimilarity(matrix, patterns=patterns).scores(cues) ** 2).sum()

    matrix, h = jax.numpy.asarray(MATRIX), 1e-6
    slope = (value(matrix + h) - value(matrix - h)) / (2 * h)
    assert float(jax.jit(jax.grad(value))(matrix).sum()) == pytest.approx(float(slope), rel=1e-6)


def test_a_matrix_is_kept_in_the_file_of_a_memory(tmp_path):
    memory = UniversalHopfield(PATTERNS, LearnedSimilarity(MATRIX, 0.2), beta=2.0)
    again = Model.load(memory.save(tmp_path / "memory"))
    assert repr(again) == repr(memory)
    assert (again.recall(CUES) == memory.recall(CUES)).all()


def test_a_matrix_is_asked_with_a_part_of_a_cue():
    memory = UniversalHopfield(PATTERNS, LearnedSimilarity(MATRIX, 0.2), beta=2.0)
    known = np.arange(WIDTH) < 5
    small = UniversalHopfield(PATTERNS[:, :5], LearnedSimilarity(MATRIX[:, :5], 0.2), beta=2.0)
    weights = small.weights(CUES[:, :5])
    np.testing.assert_allclose(
        memory.recall(np.where(known, CUES, np.nan), known=known), weights @ PATTERNS, atol=1e-12
    )


def test_repr_names_the_encoder():
    assert repr(LearnedSimilarity(MATRIX)) == "LearnedSimilarity(encoder: matrix 3 x 8, ridge=0.01)"


class _Norm:
    """Batch normalisation as it is in training."""

    def __call__(self, x):
        return x - x.mean(0)


@pytest.mark.parametrize(
    ("encoder", "error", "words"),
    [
        (MATRIX[:, :7], ValueError, r"shape \(3, 7\) but the patterns \(6, 8\)"),
        (MATRIX * np.nan, ValueError, "NaN"),
        (lambda x: x.reshape(-1), ValueError, "changes the batch: of rows"),
        (lambda x: x[:1], ValueError, r"changes the batch: of rows \(2, 8\) it makes \(1, 8\)"),
        (_Norm(), ValueError, "changes the batch: the features of a row differ"),
        (lambda x: x / 0.0, ValueError, "infinite or NaN"),
        (_Norm, TypeError, "is the class _Norm"),
    ],
)
def test_an_encoder_that_does_not_fit_is_refused_when_the_memory_is_built(encoder, error, words):
    with pytest.raises(error, match=words), np.errstate(all="ignore"):
        UniversalHopfield(PATTERNS, LearnedSimilarity(encoder))


def test_batch_normalisation_that_still_trains_is_refused():
    torch = pytest.importorskip("torch")
    encoder, patterns = torch.nn.BatchNorm1d(8).double(), torch.asarray(PATTERNS)
    with pytest.raises(ValueError, match=r"not one alone: .*It is in training mode.*encoder\.eval\(\)"):
        LearnedSimilarity(encoder).of(patterns)
    assert LearnedSimilarity(encoder.eval()).of(patterns).scores(patterns[0]).shape == (len(PATTERNS),)


@pytest.mark.parametrize("library", MODULES)
def test_a_module_of_another_library_is_refused(library):
    with pytest.raises(TypeError, match="make the patterns of its library"):
        UniversalHopfield(PATTERNS, LearnedSimilarity(module(library)))


@pytest.mark.parametrize("library", MODULES)
def test_a_module_of_another_width_or_in_training_is_refused(library):
    with pytest.raises((ValueError, TypeError), match=r"does not take patterns \(6, 8\)"):
        UniversalHopfield(to_library(PATTERNS, library), LearnedSimilarity(module(library, 7)))
    if library == "torch":
        import torch

        dropping = torch.nn.Sequential(torch.nn.Linear(WIDTH, 32), torch.nn.Dropout(0.5))
        with pytest.raises(ValueError, match="evaluation mode"):
            UniversalHopfield(to_library(PATTERNS, library), LearnedSimilarity(dropping))
        UniversalHopfield(to_library(PATTERNS, library), LearnedSimilarity(dropping.eval()))


def test_a_function_has_no_derivatives_on_numpy():
    memory = UniversalHopfield(PATTERNS, LearnedSimilarity(np.tanh), beta=9.0)
    assert memory.recall(CUES).shape == CUES.shape
    with pytest.raises(TypeError, match="NumPy has no derivatives of an encoder"):
        memory.retrieve(CUES)


def test_a_name_does_not_make_an_encoder():
    with pytest.raises(ValueError, match=r"Write learned\(encoder\)"):
        UniversalHopfield(PATTERNS, "learned")
