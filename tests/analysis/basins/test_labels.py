"""A pattern, its negative and its copy are told apart: in censuses, basins, radii, advice, tables and pictures."""

import numpy as np
import pytest
from array_api_compat import array_namespace

from helpers import LIBRARIES, few, to_library
from hopfield import ModernHopfield, UniversalHopfield, simulate
from hopfield.analysis import (
    Flipped,
    basin_radius,
    basin_slice,
    basins_of_attraction,
    beta_advice,
    certified_radii,
    effective_memories,
    energy_network,
    find_fixed_points,
    metastability,
    plot_basin_slice,
    plot_overlaps,
    plot_recall,
    summarise,
    velocity_network,
)
from hopfield.analysis.flow import field
from hopfield.models import ClassicalHopfield, DenseAssociativeMemory, ExponentialMemory, build, recall_sequence

ONE = np.random.default_rng(0).choice([-1.0, 1.0], (1, 20))
THREE = np.random.default_rng(0).choice([-1.0, 1.0], (3, 24))
TWICE = np.vstack([THREE, THREE[:1], THREE[:1]])  # pattern 0 is stored three times
PAIRS = np.array([[1, 1, -1, -1], [-1, -1, 1, 1], [1, -1, 1, -1], [-1, 1, -1, 1.0]])  # two patterns and their negatives


# --------------------------------------------------------------------------------------------- negatives


@pytest.mark.parametrize("rule", ["hebbian", "pseudo_inverse", "storkey"])
def test_a_reversed_pattern_is_not_recalled(rule):
    memory = ClassicalHopfield(ONE, rule)
    found = basins_of_attraction(memory, Flipped(50, 15))
    assert found.recalled == 0
    assert set(found.pattern.tolist()) == {-1}
    assert set(found.fixed_points.kind[np.unique(found.labels)]) == {"reversed"}
    assert basins_of_attraction(memory, Flipped(50, 4)).recalled == 1


def test_a_census_gives_the_row_of_a_reversed_pattern_apart():
    found = find_fixed_points(ClassicalHopfield(ONE))
    assert found.summary() == "1 memory, 1 reversed, 1 saddle(1)"
    assert found.pattern[found.kind == "memory"].tolist() == [0]
    assert found.pattern[found.kind == "reversed"].tolist() == [-1]
    assert found.reverse.tolist() == [0 if kind == "reversed" else -1 for kind in found.kind]
    line = next(line for line in str(found).splitlines() if " reversed " in line and " points:" not in line)
    assert line.split()[2].startswith("-")  # the energy stands where the row of a pattern would
    assert found.select(found.kind == "reversed").reverse.tolist() == [0]


@pytest.mark.parametrize("rule", ["hebbian", "pseudo_inverse"])
def test_a_negative_that_is_stored_is_a_memory_with_its_own_row(rule):
    memory = ClassicalHopfield(PAIRS, rule)
    found = basins_of_attraction(memory, 0.95 * PAIRS, targets=range(4))
    assert found.recalled == 1
    assert found.pattern.tolist() == [0, 1, 2, 3]
    census = find_fixed_points(memory)
    assert (census.kind == "memory").sum() == 4
    assert "reversed" not in census.kind
    assert sorted(census.pattern[census.kind == "memory"].tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("make", [lambda p: DenseAssociativeMemory(p, 4), lambda p: DenseAssociativeMemory(p, 2)])
def test_even_powers_hold_the_negative_too_and_call_it_reversed(make):
    found = find_fixed_points(make(ONE))
    reverse = found.kind == "reversed"
    assert reverse.sum() == (found.kind == "memory").sum() == 1
    assert (np.sign(found.activation[reverse]) == -ONE).all()


@pytest.mark.broad
def test_the_radius_of_a_pattern_beside_its_stored_negative():
    found = basin_radius(ClassicalHopfield([[1.0, -1.0], [-1.0, 1.0]]), 1)
    assert found.adversarial == pytest.approx(2**0.5, rel=1e-4)


def test_the_radius_says_that_a_pattern_goes_to_its_reverse():
    against = ClassicalHopfield([[1.0, 1.0, -1.0]], couplings=np.zeros((3, 3)), bias=[-1.0, -1.0, 1.0], beta=2.0)
    found = basin_radius(against, 0)
    assert found.adversarial == 0
    assert "its reverse" in found.reason


def test_pictures_and_summaries_call_only_the_pattern_itself_recalled():
    memory = ClassicalHopfield(ONE)
    run = simulate(memory, -ONE, t1=40, stop="steady")
    assert summarise(memory, run, [0]).recalled == 0
    (text,) = (text.get_text() for text in plot_overlaps(memory, run, target=0).get_legend().get_texts())
    assert "recalled" not in text
    assert plot_recall(memory, -ONE, -ONE, (4, 5), targets=[0]).get_suptitle() == "0 of 1 recalled"
    assert plot_recall(ONE, ONE, ONE, (4, 5), targets=[0]).get_suptitle() == "1 of 1 recalled"
    flipped = np.array([1.0, -1.0, 1.0, 1.0])
    cut = basin_slice(
        ClassicalHopfield(np.ones((1, 4))), np.full(4, 0.5), -np.full(4, 0.5), 0.5 * flipped, resolution=8
    )
    names = [text.get_text() for text in plot_basin_slice(cut).get_legend().get_texts()]
    assert {"memory 0", "reverse of memory 0"} <= {name.split(",")[0] for name in names}


# ------------------------------------------------------------------------------------------------ copies


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "make",
    [
        lambda p: ModernHopfield(p, beta=1.0),
        lambda p: UniversalHopfield(p, "euclidean", beta=1.0),
        lambda p: UniversalHopfield(p, "manhattan", beta=1.0),
        lambda p: UniversalHopfield(p, "cosine", beta=30.0),
        lambda p: UniversalHopfield(p, "dot", "max"),
        lambda p: UniversalHopfield(p, "euclidean", "max"),
        lambda p: UniversalHopfield(p, "cosine", "max"),
        lambda p: UniversalHopfield(p, "dot", "sparsemax", beta=1.0),
        lambda p: ExponentialMemory(p),
        lambda p: ClassicalHopfield(p, "pseudo_inverse"),
    ],
)
def test_copies_share_their_label_and_each_counts_as_recalled(make, dtype):
    memory = make(TWICE.astype(dtype))
    found = basins_of_attraction(memory, TWICE.astype(dtype), targets=range(5))
    assert found.recalled == 1
    assert found.pattern.tolist() == [0, 1, 2, 0, 0]
    assert set(found.fixed_points.kind[np.unique(found.labels)]) <= {"memory", "memory (exact)"}


@pytest.mark.parametrize("library", LIBRARIES[1:])
def test_copies_in_other_libraries(library):
    memory = ModernHopfield(to_library(TWICE, library), beta=1.0)
    assert basins_of_attraction(memory, memory.memories, targets=range(5)).recalled == 1
    assert memory.retrieve(memory.memories).pattern.tolist() == [0, 1, 2, 0, 0]


@pytest.mark.parametrize("gap", [1e-9, 1e-12])
def test_rows_that_differ_by_less_than_an_end_is_known_to_are_copies(gap):
    near = np.vstack([THREE, THREE[:1] + gap])
    found = basins_of_attraction(ModernHopfield(near, beta=1.0), near, targets=range(4))
    assert found.recalled == 1
    assert found.pattern.tolist() == [0, 1, 2, 0]


def test_rows_that_are_merely_near_are_not_copies():
    near = np.vstack([THREE, THREE[:1] + 0.05])
    found = find_fixed_points(ModernHopfield(near, beta=1.0))
    assert "metastable(2)" in found.kind


def test_directions_are_what_the_cosine_stores():
    rows = np.random.default_rng(1).standard_normal((3, 6))
    scaled = np.vstack([rows, 2.5 * rows[1], -rows[:1]])
    memory = UniversalHopfield(scaled, "cosine", beta=20.0)
    found = basins_of_attraction(memory, scaled, targets=range(5))
    assert found.recalled == 1
    assert found.pattern.tolist() == [0, 1, 2, 1, 4]  # the opposite direction is a pattern of its own
    long = UniversalHopfield(scaled[:4], "euclidean", beta=20.0)
    assert basins_of_attraction(long, scaled[:4], targets=range(4)).pattern.tolist() == [0, 1, 2, 3]


@pytest.mark.broad
def test_equal_patterns_have_one_radius():
    first, copy = (basin_radius(UniversalHopfield(TWICE, "dot", "max"), row, directions=8) for row in (0, 3))
    assert first.adversarial == pytest.approx(copy.adversarial, rel=1e-4)
    assert first.adversarial > 0
    classical = ClassicalHopfield([[1.0, 1.0], [1.0, 1.0]])
    assert basin_radius(classical, 1).adversarial == pytest.approx(2**0.5, rel=1e-4)


def test_mixtures_count_patterns_that_differ():
    rows = np.eye(3)[[0, 1, 2, 2, 2]]
    found = find_fixed_points(ModernHopfield(rows, beta=2.0))
    assert found.summary() == "1 metastable(2)"  # three copies hold 0.85 of the weight and count as one
    pair = np.array([[1.0, 0.0], [0.9, 0.1], [0.9, 0.1], [-3.0, 0.0]])
    kinds = find_fixed_points(ModernHopfield(pair, beta=2.0)).kind
    assert "metastable(2)" in kinds
    assert "metastable(3)" not in kinds


def test_a_state_between_two_patterns_is_neither():
    # Two patterns that differ in one bit: with the Hebbian rule that bit has no field and ends at 0.
    rows = np.ones((2, 20))
    rows[1, 7] = -1
    found = find_fixed_points(ClassicalHopfield(rows))
    stable = found.index == 0
    assert set(found.kind[stable]) == {"mixture"}
    assert (found.pattern[stable] == -1).all()


def test_a_saturated_state_at_a_pattern_is_that_pattern_whatever_the_weights_are():
    # Both fixed points are the patterns themselves up to tanh(4), with weights 0.88 and 0.12.
    memory = ExponentialMemory(np.array([[1.0, -1.0], [1.0, 1.0]]))
    found = find_fixed_points(memory)
    assert (found.kind[found.index == 0] == "memory").all()
    assert sorted(found.pattern[found.index == 0].tolist()) == [0, 1]


def test_advice_counts_a_copy_as_the_pattern():
    memory, rows = ModernHopfield(TWICE, beta=0.1), np.array([0, 1, 2, 0, 0])
    advice = beta_advice(memory)
    weights = memory.weights(TWICE)
    own = [weights[i, rows == rows[i]].sum() for i in range(5)]
    assert advice.own_weight == pytest.approx(np.array(own), rel=1e-12)
    at = ModernHopfield(TWICE, beta=float(advice.needed[1])).weights(TWICE[1])
    assert at[1] == pytest.approx(0.5, rel=1e-9)
    strong = beta_advice(ModernHopfield(TWICE, beta=1.0))
    assert strong.recalled.all()
    assert np.isfinite(strong.certified).all()
    assert "never" not in str(strong)


def test_how_many_memories_take_part_does_not_count_copies():
    memory = ModernHopfield(TWICE, beta=1.0)
    found = metastability(memory, TWICE)
    assert found.single.all()
    assert found.pattern.tolist() == [0, 1, 2, 0, 0]
    assert effective_memories(memory, TWICE) == pytest.approx(np.ones(5), abs=1e-5)


def test_recall_counts_copies_in_summaries_and_pictures():
    memory = ModernHopfield(TWICE, beta=1.0)
    run = simulate(memory, TWICE, t1=30, stop="steady")
    assert summarise(memory, run, range(5)).recalled == 5
    title = plot_recall(memory, TWICE, TWICE, (4, 6), targets=range(5)).get_suptitle()
    assert title == "5 of 5 recalled"
    texts = [text.get_text() for text in plot_overlaps(memory, run, 4, target=4).get_legend().get_texts()]
    assert any("recalled, and the cue is from it" in text for text in texts)


# ------------------------------------------------------------------------------------------- one story


@pytest.mark.parametrize(
    "patterns",
    [np.ones((1, 4)), np.ones((3, 4)), np.zeros((3, 4)), np.zeros((1, 4)), TWICE],
    ids=["one pattern", "one pattern three times", "zeros", "a zero", "copies among others"],
)
@pytest.mark.parametrize("similarity", few(["dot", "euclidean"], ["euclidean"]))
def test_census_certificate_and_advice_agree_on_degenerate_memories(patterns, similarity):
    memory = UniversalHopfield(patterns, similarity, beta=1.0, tau_memory=0.0)
    census = find_fixed_points(memory)
    stable = census.index == 0
    assert (census.kind[stable] == "memory").all()
    assert set(census.pattern[stable]) == set(basins_of_attraction(memory, patterns).pattern)
    assert (certified_radii(memory).radius > 0).all()
    advice = beta_advice(memory)
    assert advice.recalled.all()
    assert np.isfinite(advice.needed).all()
    last = len(patterns) - 1
    found = basin_radius(memory, last, directions=8)
    assert found.adversarial >= found.certified == pytest.approx(certified_radii(memory).radius[last], rel=1e-9)
    assert found.certified > 0
    assert basins_of_attraction(memory, patterns, targets=range(last + 1)).recalled == 1


def test_a_zero_pattern_at_rest_is_a_memory():
    with pytest.warns(UserWarning, match="no lower bound"):
        memory = UniversalHopfield([[0.0, 0.0], [1.0, 1.0]], "dot", "rectified_polynomial(3)", beta=0.5)
    found = find_fixed_points(memory)
    origin = np.abs(found.activation).max(axis=1) < 1e-6
    assert found.kind[origin].tolist() == ["memory"]
    assert found.pattern[origin].tolist() == [0]
    # Without such a pattern the origin is none.
    alone = find_fixed_points(DenseAssociativeMemory(ONE, 3))
    assert alone.kind[np.abs(alone.activation).max(axis=1) < 1e-6].tolist() == ["spurious"]


def test_where_nothing_is_remembered_the_radius_says_so():
    # At beta = 0.1 everything flows to the mean, which the theorem about one fixed point certifies as well.
    found = basin_radius(ModernHopfield(np.eye(3), beta=0.1), 0)
    assert found.adversarial == found.certified == 0
    assert "global mean" in found.reason


# --------------------------------------------------------------------------------------------- sequences


@pytest.mark.filterwarnings("ignore:ClassicalHopfield")  # W is not symmetric, and its diagonal negative somewhere
def test_a_chain_of_couplings_of_ones_own_names_its_rows():
    rows = np.random.default_rng(0).choice([-1.0, 1.0], (3, 60))
    weights = sum(np.outer(rows[(k + 1) % 3], rows[k]) for k in range(3)) / 60
    memory = ClassicalHopfield(rows, couplings=weights)
    assert recall_sequence(memory, rows[0], 3).rows.tolist() == [0, 1, 2, 0]


@pytest.mark.filterwarnings("ignore:ClassicalHopfield")
def test_a_reversed_state_in_a_sequence_is_no_row():
    memory = ClassicalHopfield(ONE, couplings=-np.outer(ONE[0], ONE[0]) / 20)
    assert recall_sequence(memory, ONE[0], 3).rows.tolist() == [0, -1, 0, -1]


def test_copies_in_a_sequence_go_by_the_lowest_row():
    rows = recall_sequence(ModernHopfield(np.vstack([np.eye(4), np.eye(4)[:1]]), beta=30.0), np.eye(4)[0], 2).rows
    assert rows[0] == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_nearest_of_equal_patterns_is_the_lowest(dtype):
    rows = np.random.default_rng(5).standard_normal((37, 33)).astype(dtype)
    memory = ModernHopfield(np.vstack([rows, rows, rows]), beta=5.0)
    assert (memory.retrieve(rows).pattern == np.arange(37)).all()


# -------------------------------------------------------------------------------------- nothing is known


def circle(x):
    """van der Pol's oscillator with mu = 1, in any library."""
    v, u = x[..., 1:], x[..., :1]
    return array_namespace(x).concat([v, (1 - u**2) * v - u], axis=-1)


@pytest.mark.parametrize("library", LIBRARIES)
def test_where_no_fixed_point_becomes_known_the_label_is_minus_two(library):
    memory = velocity_network(circle, 2)
    cues = to_library(np.array([[1.0, 0.5], [2.0, 0.0]]), library)
    found = basins_of_attraction(memory, cues, t_max=20)
    assert found.labels.tolist() == [-2, -2]
    assert found.pattern.tolist() == [-1, -1]
    assert len(found.fixed_points) == 0
    assert "unresolved 2" in str(found)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_time_too_short_for_any_label(library):
    memory = ModernHopfield(to_library(np.random.default_rng(123).normal(size=(4, 6)), library), beta=2.0)
    cue = to_library(np.ones(6), library)
    assert basins_of_attraction(memory, cue, t_max=1.0).labels == -2


def test_a_zero_cue_has_no_direction():
    memory = UniversalHopfield(np.eye(3), "cosine", beta=8.0)
    assert basins_of_attraction(memory, np.zeros(3), t_max=20).labels == -2


def test_a_centre_that_does_not_resolve():
    memory = UniversalHopfield(
        np.random.default_rng(0).normal(size=(3, 4)), "euclidean", "epanechnikov", beta=0.5, tau_memory=0.0
    )
    found = basin_radius(memory, 0)
    assert found.adversarial == 0
    assert "not known" in found.reason


def test_a_network_without_patterns_has_no_rows():
    wells = energy_network(
        lambda x: ((x**2 - 1) ** 2).sum(-1) / 4, 2, lambda x: x**3 - x, lambda x, u: (3 * x**2 - 1) * u
    )
    found = basins_of_attraction(wells, np.array([[0.5, 0.4]]))
    assert found.rows is None
    assert np.isnan(found.recalled)


def test_rows_of_a_field_with_patterns_of_its_own():
    rows = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 3)))[0].T
    memory = build("hierarchical", rows)
    found = basins_of_attraction(field(memory, patterns=rows[[0, 1, 2, 0]]), rows, targets=[3, 1, 2])
    assert found.recalled == 1
    assert found.pattern.tolist() == [0, 1, 2]
