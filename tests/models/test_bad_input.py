"""Bad input to models: sizes, names, masks, seeds, paths, and parts that do not go together."""

import numpy as np
import pytest

from hopfield.dynamics import Exponential, LayerNorm, LogCosh, Quadratic, Softplus
from hopfield.models import (
    BidirectionalMemory,
    ClassicalHopfield,
    ContinuousSDM,
    Custom,
    HierarchicalMemory,
    Kernel,
    ModernHopfield,
    Normalised,
    SparseDistributedMemory,
    UniversalHopfield,
    build,
    chain,
    published,
    recall_sequence,
    separation,
    similarity,
)
from hopfield.models.circles import circle_intersection, critical_distance, radius_of

SIGNS = np.random.default_rng(0).choice([-1.0, 1.0], size=(3, 8))
MEMORY = ModernHopfield(np.eye(3), beta=4.0)


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "jeffreys", "jensen_shannon"])
@pytest.mark.parametrize("value", [LayerNorm(), Quadratic(), LogCosh()], ids=repr)
def test_a_divergence_takes_positive_activations_alone(name, value):
    with pytest.raises(ValueError, match=r"takes logarithms of activations, and those of .* go down to -"):
        UniversalHopfield(np.ones((2, 3)), name, value_lagrangian=value)
    for positive in (Exponential(), Softplus()):
        UniversalHopfield(np.ones((2, 3)), name, value_lagrangian=positive)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ModernHopfield(np.eye(2), beta=10**400), "beta is a whole number of 1329 bits, too large"),
        (lambda: ModernHopfield(np.eye(2), beta=True), "beta must be one number, got True"),
        (lambda: ModernHopfield(np.eye(2), bias=10**400), "bias is a whole number of 1329 bits"),
        (lambda: separation("polynomial(nan)"), "the parameter 'nan' does not fit. A whole number is meant"),
        (lambda: separation("softmax(1e400)"), "the parameter '1e400' does not fit"),
        (lambda: published(np.ones(2)), "Unknown published similarity"),
        (lambda: Normalised("kl"), "base must be a similarity such as Manhattan"),
        (lambda: Custom(3), "function must be a function"),
        (lambda: build(np.eye(2), np.eye(2)), "Unknown model a float64 array"),
        (lambda: build("sdm", SIGNS, n_locations=2**40), "n_locations must be a whole number from 1 to"),
        (lambda: chain(np.eye(3), cyclic="no"), "cyclic must be True or False"),
        (lambda: ContinuousSDM.from_radius(2, 5), "addresses must be a matrix"),
        (lambda: Kernel(np.ones(3)), "The weights of a kernel are"),
        (lambda: HierarchicalMemory.random([3, 2], seed="x"), "seed must be a whole number >= 0"),
        (lambda: HierarchicalMemory.random([3, 2], dtype="int32"), "dtype='int32' is no type that patterns can be of"),
        (lambda: HierarchicalMemory.random([10**6, 10**6]), "would need 1.49e.04 GiB of memory"),
        (lambda: HierarchicalMemory([3, 2], 5), "weights must be a list of matrices"),
        (lambda: HierarchicalMemory("", [np.ones((3, 2))]), "layers is a sequence of layers, or"),
        (lambda: ModernHopfield(np.eye(2)).to("numpy", np.eye(2)), "NumPy arrays live on the CPU"),
        (lambda: HierarchicalMemory.from_patterns(np.eye(3), 10**9), "would need .* GiB of memory"),
        (
            lambda: SparseDistributedMemory.random(10**9, 1000),
            "would need .* GiB of memory, and one call takes 4 at most",
        ),
        (lambda: SparseDistributedMemory.random(9, 8, design=3), "Unknown design 3"),
        (lambda: SparseDistributedMemory.random(9, 8, seed=-1), "seed must be a whole number >= 0"),
        (lambda: SparseDistributedMemory.random(9, 8, dtype="(2,"), "is no type that patterns can be of"),
    ],
)
def test_models_that_cannot_be(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


@pytest.mark.parametrize("sweeps", [2**31, 2**63, 10**30])
def test_sweeps_without_end_are_refused_beforehand(sweeps):
    memory = ClassicalHopfield(SIGNS)
    for verb, words in (
        (lambda: memory.glauber(SIGNS[0], 1.0, sweeps=sweeps), "sweeps must be a whole number from 1 to 10000000"),
        (lambda: memory.retrieve(SIGNS[0], sweeps), "max_steps must be a whole number from 1 to"),
    ):
        with pytest.raises(ValueError, match=words):
            verb()


@pytest.mark.parametrize("seed", [-1, 1.5, "x", [1]])
def test_seeds_of_binary_retrieval(seed):
    memory = ClassicalHopfield(SIGNS)
    for verb in (memory.retrieve, lambda query, seed: memory.glauber(query, 1.0, sweeps=2, seed=seed)):
        with pytest.raises(TypeError, match="seed must be a whole number >= 0"):
            verb(SIGNS[0], seed=seed)


def test_a_mode_that_is_no_name_is_named():
    with pytest.raises(ValueError, match="Unknown mode a float64 array"):
        ClassicalHopfield(SIGNS).retrieve(SIGNS[0], mode=np.ones(2))
    with pytest.raises(ValueError, match=r"Unknown side None. Known: right, left"):
        BidirectionalMemory(SIGNS, SIGNS).recall(SIGNS[0], None)


def test_pairs_of_batches_that_do_not_fit():
    both, classical = BidirectionalMemory(SIGNS, SIGNS), ClassicalHopfield(SIGNS)
    for verb, words in (
        (lambda: both.energy(SIGNS, SIGNS[:2]), r"left \(3, 8\), right \(2, 8\) do not fit"),
        (lambda: both.retrieve(SIGNS, other=SIGNS[:2]), r"query \(3, 8\), other \(2, 8\) do not fit"),
        (lambda: classical.two_time_energy(SIGNS, SIGNS[:2]), r"before \(3, 8\), after \(2, 8\) do not fit"),
    ):
        with pytest.raises(ValueError, match=words):
            verb()


@pytest.mark.parametrize("known", ["yes", [1, 0, 1], [[True], [True, False]], 3, np.array([0.5, 1.0, 0.0])], ids=str)
def test_known_is_a_mask_of_bools(known):
    with pytest.raises(ValueError, match=r"known must be a mask of bools \(\.\.\., 3\)"):
        MEMORY.recall(np.ones(3), known=known)


def test_the_known_part_of_a_query_that_is_none():
    for query in ("text", {"x": 1}, 1j, None):
        with pytest.raises((TypeError, ValueError), match=r"query must be|query has shape"):
            MEMORY.recall(query, known=[True, True, False])


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_an_own_similarity_that_answers_nonsense_is_named():
    for answer in (None, 1.0, np.ones(7), np.array("x")):
        memory = UniversalHopfield(np.eye(3), lambda M, g, answer=answer: answer)
        with pytest.raises(TypeError, match="The function of a similarity must give an array of numbers"):
            memory.recall(np.ones(3))


def test_layers_whose_numbers_overflow_have_no_answer():
    weights = 1e200 * np.random.default_rng(0).normal(size=(3, 2))
    with pytest.raises(ValueError, match="The updates run away"):
        HierarchicalMemory([3, 2], [weights]).retrieve(np.ones(3), max_steps=5)


def test_a_look_up_by_the_known_components_that_overflows_has_no_answer():
    with pytest.warns(UserWarning, match="no lower bound"):
        memory = UniversalHopfield(2 * np.eye(3), "dot", "polynomial(3)", beta=2.0)
    for hold in (False, True):
        with pytest.raises(ValueError, match="look-up by the known components is too large for float64"):
            memory.retrieve(np.full(3, 1e120), known=[True, False, False], hold=hold)


def test_patterns_whose_squares_overflow_are_not_said_to_be_at_rest():
    rows = np.array([[1.0, 0.5, -0.5], [-1.0, 0.2, 0.3]], dtype=np.float32)
    for kind in ("dot", "euclidean"):
        memory = UniversalHopfield(rows * np.float32(1e25), kind, beta=4e-50)
        with pytest.raises(ValueError, match="too large for float32"):
            memory.retrieve(rows * np.float32(9e24))


def test_a_query_beside_weights_of_a_batch():
    rows, f = np.eye(3), np.array([[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]])
    for name in ("dot", "euclidean", "manhattan", "cosine"):
        kind = similarity(name)
        found = kind.value_step(rows, np.ones(3), f, ratio=0.5, leak=0.0)
        alone = [kind.value_step(rows, np.ones(3), one, ratio=0.5, leak=0.0) for one in f]
        np.testing.assert_allclose(found, alone, rtol=1e-14)


def test_a_temperature_near_zero_is_taken_without_a_warning():
    run = ClassicalHopfield(SIGNS).glauber(SIGNS[0], 5e-324, sweeps=2)
    assert np.isin(run.state, (-1, 1)).all()


@pytest.mark.parametrize("path", ["", " ", "\0", None, 3, ["x"], np.eye(2)], ids=str)
def test_a_path_names_a_file(path):
    for verb in (MEMORY.save, ModernHopfield.load):
        with pytest.raises((TypeError, ValueError), match=r"path must (name a file|be a path)"):
            verb(path)


def test_steps_of_a_sequence_are_counted_before():
    with pytest.raises(ValueError, match=r"1000000000 steps would need 22.4 GiB"):
        recall_sequence(np.eye(3), np.ones(3), 10**9)


def test_circles_beyond_reach():
    for verb, words in (
        (lambda: critical_distance(2**31, 20, 100, 10), "dimension must be a whole number from 1 to 1000000"),
        (lambda: critical_distance(10**6, 20, 100, 10), "would take 1e.12 steps"),
        (lambda: radius_of(64, "half"), "fraction must be one number"),
        (lambda: circle_intersection(64, 11, [0, [1]]), "distance must be whole numbers from 0 to 64"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            verb()
    assert circle_intersection(64, np.uint8(11), np.uint8(2)) == circle_intersection(64, 11, 2)


def test_the_source_of_a_function_is_not_read():
    made = {}
    exec("scores, twice = lambda M, g: g @ M.T, lambda M, g: 2 * g @ M.T", made)
    one = UniversalHopfield(np.eye(3), made["scores"]).recall(np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(one, UniversalHopfield(np.eye(3)).recall(np.array([1.0, 0.0, 0.0])))
    two = UniversalHopfield(np.eye(3), made["twice"]).recall(np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(two, UniversalHopfield(np.eye(3), beta=2.0).recall(np.array([1.0, 0.0, 0.0])))
