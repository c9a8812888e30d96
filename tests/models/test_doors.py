"""What every model answers to arguments at the edge: flags, currents, tolerances, empty batches, numbers too large."""

import numpy as np
import pytest

from helpers import LIBRARIES, to_library, to_numpy
from hopfield.analysis import basins_of_attraction
from hopfield.dynamics import Threshold
from hopfield.models import (
    BidirectionalMemory,
    ClassicalHopfield,
    ContinuousSDM,
    DenseAssociativeMemory,
    ExponentialMemory,
    HierarchicalMemory,
    Layer,
    ModernHopfield,
    SparseDistributedMemory,
    UniversalHopfield,
    build,
    separation,
    similarity,
)
from hopfield.models._catalogue import catalogue
from hopfield.models.circles import critical_distance
from hopfield.models.family import rule_of

SIGNS = np.random.default_rng(0).choice([-1.0, 1.0], size=(4, 12))
NAMES = [entry.name for entry in catalogue()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [(0,), (2, 0)], ids=str)
def test_an_empty_batch_is_answered_by_empty_arrays(name, batch):
    memory, query = build(name, SIGNS), np.zeros((*batch, 12))
    assert memory.recall(query).shape == (*batch, 12)
    answer = memory.retrieve(query)
    assert answer.state.shape == (*batch, 12)
    for field in ("steps", "converged", "residual", "energy", "pattern"):
        assert getattr(answer, field).shape == batch


def test_an_empty_batch_with_a_projection_and_with_a_mask():
    memory = ModernHopfield(SIGNS, projection=SIGNS[:, :3])
    assert memory.retrieve(np.zeros((0, 12))).output.shape == (0, 3)
    known = np.ones(12, dtype=bool)
    assert memory.recall(np.zeros((0, 12)), known=known).shape == (0, 3)
    assert memory.retrieve(np.zeros((0, 12)), known=known).output.shape == (0, 3)
    empty = SparseDistributedMemory.random(50, 12, fraction=0.1)
    assert empty.write(np.zeros((0, 12))) is empty


@pytest.mark.parametrize("tol", [-1.0, float("nan"), "tight"])
@pytest.mark.parametrize("name", ["universal", "continuous_sdm", "hierarchical"])
def test_a_tolerance_is_a_number_that_is_not_negative(name, tol):
    with pytest.raises((TypeError, ValueError), match="tol must be"):
        build(name, SIGNS).retrieve(SIGNS[0], tol=tol)


@pytest.mark.parametrize(
    "make",
    [
        lambda flag: ClassicalHopfield(SIGNS, zero_diagonal=flag),
        lambda flag: ClassicalHopfield(SIGNS, "perceptron", symmetric=flag),
        lambda flag: DenseAssociativeMemory(SIGNS, rectified=flag),
        lambda flag: ModernHopfield(SIGNS).retrieve(SIGNS[0], known=[True] * 12, hold=flag),
        lambda flag: SparseDistributedMemory.random(50, 12, fraction=0.1).write(SIGNS, record=flag),
    ],
)
@pytest.mark.parametrize("flag", ["false", 0, None, [True]], ids=str)
def test_a_flag_is_true_or_false(make, flag):
    with pytest.raises(TypeError, match="must be True or False"):
        make(flag)


@pytest.mark.parametrize("bias", [np.float32(0.5), np.int64(2), np.float64(0.5)], ids=repr)
def test_a_scalar_of_numpy_is_a_current_for_all(bias):
    assert ModernHopfield(SIGNS, bias=bias).bias == float(bias)
    np.testing.assert_array_equal(ClassicalHopfield(SIGNS, bias=bias).bias, np.full(12, float(bias)))


def test_a_scalar_of_the_patterns_library_is_a_current_for_all():
    torch = pytest.importorskip("torch")
    memory = ModernHopfield(torch.asarray(SIGNS), bias=torch.tensor(0.5, dtype=torch.float64))
    np.testing.assert_array_equal(to_numpy(memory.bias), np.full(12, 0.5))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda x: ModernHopfield(SIGNS, beta=x), "beta"),
        (lambda x: UniversalHopfield(SIGNS, tau_value=x), "tau_value"),
        (lambda x: ClassicalHopfield(SIGNS, beta=x), "beta"),
        (lambda x: DenseAssociativeMemory(SIGNS, gain=x), "gain"),
        (lambda x: BidirectionalMemory(SIGNS, SIGNS, beta=x), "beta"),
    ],
)
def test_a_number_of_another_library_is_refused_at_the_door(make, name):
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=f"{name} is a torch scalar but the patterns are a numpy array"):
        make(torch.tensor(2.0))


@pytest.mark.parametrize("what", [None, 2.5, [1.0], np.ones(2)], ids=str)
def test_a_part_that_is_no_name_is_named_in_the_error(what):
    with pytest.raises(ValueError, match="Unknown similarity"):
        similarity(what)
    with pytest.raises(ValueError, match="Unknown separation"):
        separation(what)


def test_names_with_a_parameter_that_they_have_already():
    with pytest.raises(ValueError, match=r"Unknown separation 'relu'\. (?!.*'relu'\?)"):
        separation("relu(2)")
    with pytest.raises(ValueError, match="t must be a finite number"):
        Threshold(float("nan"))


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "jax"])
@pytest.mark.parametrize("name", ["exponential", "polynomial(150)"])
def test_an_answer_that_overflows_is_refused(name, library):
    with pytest.warns(UserWarning, match="no lower bound"):
        memory = UniversalHopfield(to_library(300 * np.abs(SIGNS), library), "dot", name, tau_memory=0.0)
    with pytest.raises(ValueError, match="The answer is too large for float64"):
        memory.recall(to_library(300 * np.abs(SIGNS[0]), library))


def test_couplings_of_your_own_are_called_given():
    assert ClassicalHopfield(SIGNS, couplings=np.ones((12, 12))).learning == "given"
    assert ClassicalHopfield(SIGNS).learning == "hebbian"
    assert ClassicalHopfield(SIGNS, "storkey", couplings=np.ones((12, 12))).learning == "storkey"
    with pytest.warns(UserWarning, match="W_ii < 0 somewhere"):
        memory = ClassicalHopfield(np.ones((1, 2)), couplings=-np.eye(2))
    assert "W_ii < 0 somewhere" in repr(memory)
    assert memory.retrieve(np.ones(2), max_steps=5).verdict == "not settled"  # s_i <- -s_i for ever
    with pytest.warns(UserWarning, match="W is not symmetric"):
        ClassicalHopfield(np.ones((1, 2)), couplings=np.array([[0.0, 1.0], [-1.0, 0.0]]))


def test_the_parts_of_the_universal_family_are_told_from_a_learning_rule():
    assert rule_of(ClassicalHopfield(SIGNS)) is None
    assert rule_of(BidirectionalMemory(SIGNS, SIGNS)) is None
    memory = ContinuousSDM(SIGNS)
    assert [type(part) for part in rule_of(memory)] == [type(part) for part in memory.rule]
    assert rule_of(ExponentialMemory(SIGNS)).similarity.name == "dot"


def test_graded_cues_of_the_classical_network():
    memory = ClassicalHopfield(SIGNS[:1], beta=3.0)
    found = basins_of_attraction(memory, 0.5 * SIGNS[:1])
    np.testing.assert_array_equal(found.pattern, [0])
    with pytest.raises(ValueError, match=r"must hold \+1 and -1 only"):
        memory.retrieve(0.5 * SIGNS[0])
    with pytest.raises(ValueError, match=r"\[-1, 1\]"):
        memory.start(2 * SIGNS[0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SparseDistributedMemory.random(50, 12, fraction=0.0, design="selected"), "fraction must be > 0"),
        (lambda: SparseDistributedMemory.random(50, 12, fraction=2.0, design="selected"), "0 < fraction <= 1"),
        (lambda: SparseDistributedMemory.random(50, 12, fraction=-1.0, design="top_k"), "fraction must be > 0"),
        (lambda: SparseDistributedMemory.random(50, 12, radius=13), "radius=13 is more than the 12 bits"),
        (lambda: SparseDistributedMemory(SIGNS, written=SIGNS[:, :3]), "written has 3 bits in a row"),
        (lambda: SparseDistributedMemory(SIGNS, written=(SIGNS > 0) * 1.0), "written must hold -1 and 1 only"),
        (lambda: SparseDistributedMemory(SIGNS).write(SIGNS, times=float("nan")), "how often to write"),
        (lambda: SparseDistributedMemory(SIGNS).write(SIGNS, times=0), "how often to write"),
        (lambda: HierarchicalMemory.random([3, 2], [None, None]), "2 windows for 2 layers"),
    ],
)
def test_settings_that_do_not_fit(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_layers_are_a_sequence():
    with pytest.raises(TypeError, match="layers is a sequence of layers"):
        HierarchicalMemory(5, [np.ones((3, 2))])
    assert repr(Layer(2, "softmax(4)")) == "2 softmax(4)"


def test_the_critical_distance_of_one_bit():
    assert critical_distance(1, 0, 1, 1) == 0


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "jax"])
def test_an_empty_batch_of_binary_states(library):
    memory, query = ClassicalHopfield(to_library(SIGNS, library)), to_library(np.zeros((2, 0, 12)), library)
    assert memory.retrieve(query, mode="synchronous").energies.shape[1:] == (2, 0)
    assert memory.energy(query).shape == (2, 0)
    assert memory.stability(query).shape == (2, 0, 12)
    assert memory.glauber(query, 1.0, sweeps=2).overlaps.shape == (3, 2, 0, 4)
