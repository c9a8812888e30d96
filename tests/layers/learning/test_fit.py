"""What `fit` learns: encoders on each library, parts of memories, projections in closed form; and what it refuses."""

import warnings

import numpy as np
import pytest

from helpers import LIBRARIES, enable_float64, epsilon, to_library, to_numpy
from hopfield.analysis import check_lyapunov
from hopfield.data import gaussian_noise, load, mask
from hopfield.dynamics import simulate
from hopfield.layers import TrainingWarning, fit
from hopfield.layers.learning import _pairs as pairs
from hopfield.models import ClassicalHopfield, LearnedSimilarity, ModernHopfield, UniversalHopfield

enable_float64()
DIGITS = load("digits", dtype="float64").rows
TRAINED, STORED = DIGITS[300:1300], DIGITS[:300]
rng = np.random.default_rng(0)


def half(images, random):
    return mask(images, (8, 8))


def right(similarity, stored, cues):
    return float((similarity.of(stored).scores(cues).argmax(1) == np.arange(len(stored))).mean())


def test_a_matrix_learns_what_is_hidden_and_beats_each_fixed_similarity_on_new_digits():
    found = fit(LearnedSimilarity(np.eye(64)), TRAINED, corrupt=half, steps=150, seed=0)
    cues = mask(STORED, (8, 8))
    fixed = {
        name: float((UniversalHopfield(STORED, name).scores(cues).argmax(1) == np.arange(300)).mean())
        for name in ("dot", "cosine", "euclidean", "manhattan")
    }
    assert found.finished
    assert max(fixed.values()) < 0.75
    assert right(found.model, STORED, cues) > 0.95
    memory = UniversalHopfield(STORED, found.model, beta=1.0)
    answer = memory.retrieve(cues[:50])
    assert float((answer.pattern == np.arange(50)).mean()) > 0.9
    run = simulate(memory, cues[:4], t1=5.0)
    assert check_lyapunov(memory, run).holds


@pytest.mark.parametrize("loss", ["contrastive", "separation"])
def test_the_gradient_of_a_matrix_is_that_of_differences(loss):
    matrix, rows = rng.standard_normal((3, 6)) / 2, rng.standard_normal((7, 6))
    cues, direction, h = rows + 0.3 * rng.standard_normal((7, 6)), rng.standard_normal((3, 6)), 1e-6
    function = pairs.of_matrix(loss)
    _, slope = function(matrix, (cues, rows), 0.2)
    up, down = (function(matrix + s * h * direction, (cues, rows), 0.2)[0] for s in (1, -1))
    assert float((slope * direction).sum()) == pytest.approx(float((up - down) / (2 * h)), rel=1e-6)


@pytest.mark.parametrize("loss", ["contrastive", "separation"])
@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "numpy"])
def test_every_library_learns_the_same_matrix(library, loss):
    options = {"loss": loss, "corrupt": half, "steps": 5, "seed": 1}
    first = fit(LearnedSimilarity(np.eye(64)[:8]), TRAINED[:64], **options)
    other = fit(LearnedSimilarity(np.eye(64)[:8]), to_library(TRAINED[:64], library), **options)
    np.testing.assert_allclose(to_numpy(other.model.encoder), first.model.encoder, atol=1e-8)
    np.testing.assert_allclose(other.losses, first.losses, rtol=1e-8)


def module(library):
    """A small network, and the weights of its first layer."""
    if library == "torch":
        import torch

        torch.manual_seed(0)
        first = torch.nn.Linear(64, 32)
        return torch.nn.Sequential(first, torch.nn.GELU(), torch.nn.Linear(32, 16)), lambda: to_numpy(first.weight)
    import equinox
    import jax

    net = equinox.nn.MLP(64, 16, 32, 1, activation=jax.nn.gelu, key=jax.random.key(0))
    return net, lambda: to_numpy(net.layers[0].weight)


@pytest.mark.parametrize("library", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_modules_learn_and_are_left_as_they_were(library):
    pytest.importorskip(library)
    (net, weights), rows = module(library), to_library(TRAINED, library)
    before = weights().copy()
    found = fit(LearnedSimilarity(net), rows, corrupt=half, steps=100, rate=0.005, seed=0)
    assert found.losses[-10:].mean() < 0.2 * found.losses[:10].mean()
    stored = to_library(STORED[:100], library)
    scores = to_numpy(found.model.of(stored).scores(half(stored, None)))
    assert (scores.argmax(1) == np.arange(100)).mean() > 0.9
    assert (weights() == before).all()


def test_separation_moves_patterns_apart_and_never_below_its_bound():
    """The farthest that n patterns can be is a simplex, with loss -2."""
    rows = 1.0 + 0.1 * np.random.default_rng(5).standard_normal((6, 8))
    found = fit(LearnedSimilarity(np.eye(8), 0.0), rows, loss="separation", steps=400, seed=0)
    assert found.losses[-1] < found.losses[0]
    assert found.losses.min() > -2.0 - 100 * epsilon(float)
    assert found.losses[-1] == pytest.approx(-2.0, abs=1e-3)
    distances = np.linalg.norm(found.model.encode(rows)[:, None] - found.model.encode(rows), axis=-1)
    off = distances[~np.eye(6, dtype=bool)]
    assert off.max() / off.min() < 1.1


@pytest.mark.parametrize(
    ("library", "loss"),
    [
        ("torch", "retrieval"),
        ("torch", "recall"),
        ("jax", "recall"),
        pytest.param("jax", "retrieval", marks=pytest.mark.slow),
    ],
)
def test_patterns_and_beta_are_learned_from_noisy_examples(library, loss):
    """Blobs around hidden prototypes: training the patterns on noisy cues lowers the error of what is recalled."""
    pytest.importorskip(library)
    rng = np.random.default_rng(2)
    prototypes = rng.standard_normal((4, 6))
    rows = np.repeat(prototypes, 12, axis=0)
    cues = rows + 0.3 * rng.standard_normal(rows.shape)
    start = prototypes + 0.5 * rng.standard_normal(prototypes.shape)
    memory = UniversalHopfield(to_library(start, library), "euclidean", beta=2.0)
    targets = to_library(rows, library)
    found = fit(memory, to_library(cues, library), targets, loss=loss, steps=40, rate=0.05, seed=0)
    assert found.finished
    assert found.losses[-1] < 0.3 * found.losses[0]
    assert np.abs(to_numpy(found.model.patterns) - prototypes).max() < 0.5 * np.abs(start - prototypes).max()
    assert (to_numpy(memory.patterns) == start).all()


def test_a_projection_is_learned_alone():
    torch = pytest.importorskip("torch")
    memory = ModernHopfield(torch.eye(4, dtype=torch.float64), beta=9.0, projection=torch.zeros(4, 2).double())
    targets = rng.standard_normal((4, 2))
    found = fit(memory, memory.patterns, targets, learn="projection", loss="recall", steps=400, rate=0.1)
    np.testing.assert_allclose(to_numpy(found.model.recall(memory.patterns)), targets, atol=0.01)
    assert (to_numpy(found.model.patterns) == np.eye(4)).all()


# ------------------------------------------------------------------------------------------- projections, solved


def signs(memory, cues, updates=20):
    for _ in range(updates):
        cues = np.where(memory.recall(cues) >= 0, 1.0, -1.0)
    return cues


def test_kernel_ridge_recalls_where_the_kernel_alone_does_not():
    """Tamamori's Gaussian kernel of gamma = 0.02 with 100 patterns of 100 signs, a fifth of them flipped."""
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], (100, 100))
    cues = np.where(np.random.default_rng(1).random(patterns.shape) < 0.2, -patterns, patterns)
    memory = UniversalHopfield(patterns, "euclidean", "exponential", beta=0.02)
    plain = UniversalHopfield(patterns, "euclidean", "exponential", beta=0.02, projection=patterns)
    ridge = fit(memory, loss="kernel_ridge", penalty=0.01).model
    exact = {name: (signs(one, cues) == patterns).all(1).mean() for name, one in (("ridge", ridge), ("plain", plain))}
    assert exact["ridge"] > 0.9
    assert exact["plain"] < 0.8
    kernel = np.exp(-0.02 * ((patterns[:, None] - patterns) ** 2).sum(-1))
    np.testing.assert_allclose((kernel + 0.01 * np.eye(100)) @ ridge.projection, patterns, atol=1e-8)


def test_ridge_is_the_minimum():
    memory = UniversalHopfield(rng.standard_normal((5, 3)), beta=2.0)
    cues, targets = rng.standard_normal((20, 3)), rng.standard_normal((20, 2))
    found = fit(memory, cues, targets, loss="ridge", penalty=0.3)
    weights, projection = memory.weights(cues), found.model.projection

    def loss(p):
        return ((weights @ p - targets) ** 2).sum() + 0.3 * (p**2).sum()

    assert loss(projection) == pytest.approx(found.losses[0])
    for _ in range(20):
        assert loss(projection + 1e-3 * rng.standard_normal(projection.shape)) > loss(projection)


def test_a_logistic_projection_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    memory = UniversalHopfield(rng.standard_normal((6, 3)), "euclidean", "exponential", beta=0.5)
    cues = rng.standard_normal((40, 3))
    targets = np.where(cues[:, :1] + 0.3 * rng.standard_normal((40, 1)) > 0, 1.0, -1.0)
    found = fit(memory, cues, targets, loss="logistic", penalty=0.2)
    other = LogisticRegression(C=1 / 0.2, fit_intercept=False, tol=1e-10, max_iter=5000)
    other.fit(memory.weights(cues), targets[:, 0])
    np.testing.assert_allclose(found.model.projection[:, 0], other.coef_[0], atol=1e-3)


# ------------------------------------------------------------------------------------------------------ bad input


def test_training_that_diverges_is_stopped_and_keeps_the_last_good_state():
    start = LearnedSimilarity(0.1 * np.eye(64))
    with pytest.warns(TrainingWarning, match="Training diverged and was stopped: the loss rose from"):
        found = fit(start, TRAINED, corrupt=half, steps=200, rate=1e6, seed=0)
    assert not found.finished
    assert len(found.losses) < 200
    assert np.isfinite(found.model.encoder).all()
    assert np.abs(found.model.encoder).max() < 1e3


def test_training_that_leaves_the_loss_higher_says_so_and_keeps_the_best():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(5, 8))
    cues = torch.asarray(np.repeat(patterns, 8, axis=0) + 0.3 * rng.normal(size=(40, 8)))
    targets = torch.asarray(np.repeat(patterns, 8, axis=0))
    learn = {"loss": "recall", "learn": "patterns", "seed": 0}
    best = fit(ModernHopfield(patterns, beta=1.0).to("torch"), cues, targets, steps=60, rate=0.1, **learn).model
    with pytest.warns(TrainingWarning, match="did not lower the loss: 0.0085.* at first, 0.02"):
        found = fit(best, cues, targets, steps=8, rate=0.3, **learn)
    assert not found.finished
    assert (found.model.memories == best.memories).all()


def test_a_loss_that_is_not_finite_stops_at_once():
    with pytest.warns(TrainingWarning, match="the loss of step 0 is inf"), np.errstate(all="ignore"):
        found = fit(LearnedSimilarity(1e200 * np.eye(64)), TRAINED, corrupt=half, steps=5)
    assert (found.model.encoder == 1e200 * np.eye(64)).all()


def flat(images, random):
    return images[0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fit(LearnedSimilarity(np.eye(64)), TRAINED), ValueError, "A contrastive loss needs cues"),
        (lambda: fit(LearnedSimilarity(np.eye(64)), corrupt=half), ValueError, "An encoder learns from patterns"),
        (lambda: fit(LearnedSimilarity(np.eye(64)), TRAINED[:1], corrupt=half), ValueError, "at least two"),
        (lambda: fit(LearnedSimilarity(np.eye(3)), TRAINED, corrupt=half), ValueError, r"must be a matrix \(K, 64\)"),
        (lambda: fit(LearnedSimilarity(np.eye(64)), TRAINED, corrupt=flat), ValueError, r"corrupt gives cues \(64,\)"),
        (lambda: fit(LearnedSimilarity(np.eye(64)), TRAINED, TRAINED, corrupt=half), ValueError, "has no targets"),
        (lambda: fit(LearnedSimilarity(np.eye(64)), TRAINED, loss="ridge"), ValueError, "Unknown loss for an encoder"),
        (lambda: fit(LearnedSimilarity(np.tanh), TRAINED, corrupt=half), ValueError, "a function without weights"),
        (lambda: fit(ModernHopfield(STORED)), TypeError, "NumPy has no derivatives: move the memory"),
        (lambda: fit(ModernHopfield(STORED), loss="contrastive"), ValueError, "Unknown loss for a memory"),
        (lambda: fit(ModernHopfield(STORED), learn="leak"), ValueError, "Unknown part to learn 'leak'"),
        (lambda: fit(ModernHopfield(STORED), learn="projection"), ValueError, "has no projection to begin with"),
        (lambda: fit(ModernHopfield(STORED), STORED, STORED[:3]), ValueError, r"targets have shape \(3, 64\)"),
        (lambda: fit(ModernHopfield(STORED), loss="ridge", learn="beta"), ValueError, "solves for the projection"),
        (lambda: fit(ModernHopfield(STORED), loss="kernel_ridge"), ValueError, "are no kernel"),
        (lambda: fit(ModernHopfield(STORED), loss="logistic"), ValueError, "of targets -1 and 1"),
        (lambda: fit(ClassicalHopfield(np.eye(4) * 2 - 1)), TypeError, "has no rule to learn"),
        (lambda: fit(ClassicalHopfield(np.eye(4) * 2 - 1), loss="ridge"), TypeError, "no projection to solve for"),
        (lambda: fit(ModernHopfield), TypeError, "fit takes a LearnedSimilarity or a memory"),
        (lambda: fit(STORED), TypeError, "fit takes a LearnedSimilarity or a memory"),
        (lambda: fit(ModernHopfield(STORED), steps=0), ValueError, "steps"),
        (lambda: fit(ModernHopfield(STORED), rate=-1.0), ValueError, "rate"),
    ],
)
def test_what_does_not_fit_is_said(call, error, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(error, match=words):
            call()


def test_noise_as_a_corruption_takes_the_generator():
    found = fit(
        LearnedSimilarity(0.3 * np.eye(64)),
        TRAINED[:200],
        corrupt=lambda x, random: gaussian_noise(x, 0.1, seed=random),
        steps=20,
        seed=3,
    )
    again = fit(
        LearnedSimilarity(0.3 * np.eye(64)),
        TRAINED[:200],
        corrupt=lambda x, random: gaussian_noise(x, 0.1, seed=random),
        steps=20,
        seed=3,
    )
    assert (found.losses == again.losses).all()
