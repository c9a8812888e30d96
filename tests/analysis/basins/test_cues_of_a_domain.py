"""Memories whose cues have a domain: radii, slices and samplers stay inside, against exact flows."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from helpers import LIBRARIES, few, to_library
from hopfield import ModernHopfield, UniversalHopfield
from hopfield.analysis import (
    Box,
    Flipped,
    Masked,
    Noisy,
    Sphere,
    basin_radius,
    basin_slice,
    basins_of_attraction,
    find_fixed_points,
    plot_basin_slice,
)
from hopfield.analysis.flow import field
from hopfield.dynamics import LogCosh, Network, Population, Recurrent
from hopfield.models import ClassicalHopfield, DenseAssociativeMemory, ExponentialMemory, HierarchicalMemory, build
from hopfield.models.layered import Layer

SIGNS = np.random.default_rng(0).choice([-1.0, 1.0], (3, 12))
POSITIVE = np.random.default_rng(0).uniform(0.1, 1.0, (3, 6))
DIVERGENCES = ("kl", "reverse_kl", "jeffreys", "jensen_shannon")
EDGE_OF_TANH = UniversalHopfield(SIGNS, value_lagrangian=LogCosh(), tau_memory=0.0)
SYSTEMS = {
    **{name: (build(name, SIGNS), SIGNS) for name in ("classical", "dense", "exponential", "bidirectional")},
    "hierarchical": (field(build("hierarchical", SIGNS), patterns=SIGNS), SIGNS),
    "tanh": (EDGE_OF_TANH, SIGNS),
    **{name: (UniversalHopfield(POSITIVE, name, beta=20.0, tau_memory=0.0), POSITIVE) for name in DIVERGENCES},
}
BOUNDED = sorted(set(SYSTEMS) - {"bidirectional", "hierarchical"})


def bounds(name, patterns):
    """The least and the largest value that a cue may have."""
    if name in DIVERGENCES:
        return 0.0, np.inf
    return (-1.0, 1.0) if name in ("classical", "dense", "exponential", "tanh") else (-np.inf, np.inf)


def exact_end(memory, cue):
    """Where the adiabatic flow takes a cue, by LSODA at 1e-10, as an activation of the first population."""
    flow = field(memory)
    x = np.asarray(flow.start(cue))
    run = solve_ivp(lambda _, y: flow.velocity(y), (0, 200), x, method="LSODA", rtol=1e-10, atol=1e-12)
    return np.asarray(flow.activation(run.y[:, -1]))[: len(cue)]


def draws(domain_low, domain_high, center, length, count, seed=0):
    """States at a distance from a centre, in random directions that stay within bounds."""
    moves = np.random.default_rng(seed).standard_normal((50 * count, len(center)))
    points = np.clip(center + length * moves / np.linalg.norm(moves, axis=1, keepdims=True), domain_low, domain_high)
    moves = points - center
    size = np.linalg.norm(moves, axis=1, keepdims=True)
    points = center + length * moves / np.where(size > 0, size, np.nan)
    inside = ((points > domain_low) & (points < domain_high) | (points == center)).all(axis=1)
    return points[inside][:count]


# ------------------------------------------------------------------------------------------------- radii


@pytest.mark.parametrize("patterns", few([[[1.0, -1.0], [-1.0, 1.0]], [[1.0, 1.0]], [[-1.0, -1.0, -1.0]]], 1))
@pytest.mark.broad
def test_the_boundary_of_one_pattern_and_its_reverse_is_the_plane_between(patterns):
    row = len(patterns) - 1
    memory = ClassicalHopfield(patterns)
    found = basin_radius(memory, row)
    assert found.adversarial == pytest.approx(len(patterns[0]) ** 0.5, rel=1e-4)
    assert np.abs(found.witness).max() <= 1
    assert found.certified is None


PLANE = np.array([[1.0, -1.0], [1.0, 1.0]])
SMALL = {
    "dense 3": (DenseAssociativeMemory(PLANE, 3, beta=1.0), PLANE[0], -1.0, 1.0),
    "dense 4": (DenseAssociativeMemory(PLANE, 4, beta=0.5), PLANE[0], -1.0, 1.0),
    "exponential": (ExponentialMemory(PLANE), PLANE[0], -1.0, 1.0),
    "classical": (ClassicalHopfield(PLANE[:1], "pseudo_inverse", zero_diagonal=False), PLANE[0], -1.0, 1.0),
    "kl": (UniversalHopfield(POSITIVE[:, :2], "kl", beta=60.0, tau_memory=0.0), POSITIVE[0, :2], 0.0, np.inf),
    "jeffreys": (
        UniversalHopfield(POSITIVE[:, :2], "jeffreys", beta=60.0, tau_memory=0.0),
        POSITIVE[0, :2],
        0.0,
        np.inf,
    ),
}


@pytest.mark.parametrize("name", few(SMALL, ["kl"]))
def test_the_witness_escapes_in_the_exact_flow_and_nothing_nearer_does(name):
    memory, center, low, high = SMALL[name]
    found = basin_radius(memory, 0)
    assert 0 < found.adversarial < np.inf
    assert np.linalg.norm(found.witness - center) == pytest.approx(found.adversarial, rel=1e-9)
    assert ((found.witness >= low) & (found.witness <= high)).all()
    home, size = exact_end(memory, center), np.linalg.norm(center)
    assert np.linalg.norm(exact_end(memory, found.witness) - home) > 0.1 * size
    back = center + (found.witness - center) * (1 - 2 * found.accuracy / found.adversarial)
    nearer = draws(low, high, center, found.adversarial * (1 - 2e-3), 24)
    for cue in (back, *nearer):
        assert np.linalg.norm(exact_end(memory, cue) - home) < 0.01 * size


@pytest.mark.parametrize("seed", few(range(6), 1))
def test_witnesses_escape_in_the_exact_flow(seed):
    rng = np.random.default_rng([4, seed])
    patterns = rng.normal(size=(rng.integers(3, 6), rng.integers(2, 6)))
    memory = UniversalHopfield(patterns, ("dot", "euclidean")[seed % 2], beta=3.0, tau_memory=0.0)
    found = basin_radius(memory, 0, directions=16)
    if not 0 < found.adversarial < np.inf:
        pytest.skip("this pattern is not recalled, or everything is its basin")
    home = exact_end(memory, found.center)
    assert np.linalg.norm(exact_end(memory, found.witness) - home) > 1e-3
    back = found.center + (found.witness - found.center) * (1 - 2 * found.accuracy / found.adversarial)
    assert np.linalg.norm(exact_end(memory, back) - home) < 1e-3
    assert 0 < found.accuracy < 1e-3 * found.adversarial
    assert "found to" in str(found)


def test_nothing_in_the_cube_escapes():
    memory = ClassicalHopfield([[1.0, 1.0]], couplings=np.zeros((2, 2)), bias=[2.0, 2.0])
    found = basin_radius(memory, 0)
    assert found.adversarial == np.inf
    assert found.witness is None
    assert "within [-1, 1]" in found.reason


LONG = ("classical", "reverse_kl", "jeffreys", "jensen_shannon")  # their steps are watched by the energy guard


@pytest.mark.parametrize(
    "name",
    [
        *few([name for name in SYSTEMS if name not in LONG], ["exponential"]),
        *(pytest.param(name, marks=pytest.mark.slow) for name in LONG),
    ],
)
def test_every_memory_has_a_radius(name):
    system, patterns = SYSTEMS[name]
    found = basin_radius(system, 0, directions=4)
    low, high = bounds(name, patterns)
    assert 0 < found.adversarial < np.inf
    assert found.witness.shape == found.center.shape == found.attractor.shape == patterns.shape[1:]
    assert ((found.witness >= low) & (found.witness <= high)).all()
    pair = basins_of_attraction(system, np.stack([found.center, found.witness]))
    assert pair.pattern[0] == 0
    assert pair.labels[1] not in (pair.labels[0], -2)


def test_a_state_outside_of_the_domain_is_refused_and_one_on_its_open_rim_moved_inside():
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\].*1\.5 at index \(0,\)"):
        basin_radius(ClassicalHopfield(SIGNS), np.r_[1.5, np.zeros(11)])
    tanh = UniversalHopfield(PLANE, value_lagrangian=LogCosh(), beta=3.0, tau_memory=0.0)
    assert basin_radius(tanh, 0, directions=2).center == pytest.approx(0.99 * PLANE[0])
    assert (basin_radius(ExponentialMemory(PLANE), PLANE[0] * (1 + 1e-9), directions=2).center == PLANE[0]).all()


def test_patterns_of_a_hierarchical_memory_are_counted_through_a_field():
    memory = build("hierarchical", SIGNS)
    with pytest.raises(TypeError, match=r"field\(memory, patterns=rows\)"):
        basin_radius(memory, 0)
    with pytest.raises(ValueError, match="from 0 to 2"):
        basin_radius(field(memory, patterns=SIGNS), 3)


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "jax"])
@pytest.mark.parametrize("dtype", few(["float32", "float64"], 1))
def test_radii_in_other_libraries_and_precisions(library, dtype):
    memory = ExponentialMemory(to_library(PLANE.astype(dtype), library))
    found = basin_radius(memory, 0, directions=8)
    assert found.adversarial == pytest.approx(1.0, rel=1e-4)


# ------------------------------------------------------------------------------------------------ slices


@pytest.mark.parametrize("name", few(SYSTEMS, ["dense", "kl"]))
def test_a_slice_leaves_out_what_is_no_cue(name, tmp_path):
    system, patterns = SYSTEMS[name]
    cut = basin_slice(system, *patterns[:3], resolution=12)
    states = cut.state(*np.meshgrid(cut.s, cut.t))
    low, high = bounds(name, patterns)
    outside = ~((states >= low - 1e-9) & (states <= high + 1e-9)).all(axis=-1)
    assert ((cut.labels == -3) == outside).all()
    assert outside.any() == (name in BOUNDED)
    assert np.isnan(cut.convergence_time[outside]).all()
    assert np.isnan(cut.energy[outside]).all()
    assert np.isfinite(cut.energy[~outside]).all()
    assert cut.basins.labels.size == (~outside).sum()
    assert (~outside).mean() > 0.2  # the picture is not empty
    labels = basins_of_attraction(system, states[~outside], cut.fixed_points).labels
    assert (labels == cut.labels[~outside]).all()
    ax = plot_basin_slice(cut)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any(text.startswith("blank") for text in texts) == (name in BOUNDED)
    ax.figure.savefig(tmp_path / "slice.png")


@pytest.mark.parametrize("name", ["dense", "kl"])
def test_labels_of_a_slice_are_those_of_the_exact_flow(name):
    system, patterns = SYSTEMS[name]
    cut = basin_slice(system, *patterns[:3], resolution=7)
    inside = np.flatnonzero(cut.labels.ravel() >= 0)
    states = cut.state(*np.meshgrid(cut.s, cut.t)).reshape(-1, patterns.shape[1])
    for k in inside[:: max(1, len(inside) // 12)]:
        known = cut.fixed_points.activation[cut.labels.ravel()[k]]
        assert np.linalg.norm(exact_end(system, states[k]) - known) < 1e-3 * np.linalg.norm(known)


def test_a_slice_through_what_is_no_cue_is_refused():
    memory = ClassicalHopfield(SIGNS)
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\].*2 at index"):
        basin_slice(memory, 2 * SIGNS[0], *SIGNS[1:3])


# ---------------------------------------------------------------------------------------------- samplers


@pytest.mark.parametrize("name", few(SYSTEMS, ["classical", "kl"]))
@pytest.mark.parametrize("kind", ["noisy", "sphere", "box", "masked", "flipped"])
def test_drawn_cues_are_projected_and_the_law_says_so(name, kind):
    system, patterns = SYSTEMS[name]
    samplers = {
        "noisy": Noisy(6, 0.4),
        "sphere": Sphere(6, 1.0),
        "box": Box(12, -2.0, 2.0, size=patterns.shape[1]),
        "masked": Masked(6, 0.4, value=-1.5),
        "flipped": Flipped(6, 2),
    }
    sampler = samplers[kind]
    if kind == "flipped" and name in DIVERGENCES:
        with pytest.raises(ValueError, match="two values"):
            basins_of_attraction(system, sampler)
        return
    found = basins_of_attraction(system, sampler, seed=3)
    drawn = sampler.draw(patterns, np.random.default_rng(3))
    low, high = bounds(name, patterns)
    if name == "tanh":
        low, high = -0.99, 0.99
    outside = ((drawn.cues < low) | (drawn.cues > high)).any(axis=1)
    if not outside.any():
        assert found.law == sampler.law
        return
    assert f"({outside.sum()} of {len(outside)} cues)" in found.law
    assert "projected onto" in found.law
    inside = np.clip(drawn.cues, low if name not in DIVERGENCES else 1e-4 * patterns.mean(), high)
    again = basins_of_attraction(system, np.where(outside[:, None], inside, drawn.cues), found.fixed_points)
    assert (again.labels == found.labels).all()
    assert (found.labels >= 0).mean() > 0.9


@pytest.mark.parametrize("dynamics", ["map", "network"])
@pytest.mark.parametrize("name", ["classical", "dense", "exponential", "bidirectional"])
def test_graded_neurons_by_updates_and_with_populations_of_their_own(name, dynamics):
    system, _ = SYSTEMS[name]
    assert basins_of_attraction(system, Flipped(4, 1), dynamics=dynamics).recalled == 1


def test_memory_neurons_of_their_own_start_at_the_fixed_points_in_equilibrium():
    rng = np.random.default_rng(2)
    memory = ModernHopfield(rng.normal(size=(4, 6)), beta=3.0, projection=rng.normal(size=(4, 3)))
    plain = basins_of_attraction(memory, memory.memories)
    slow = basins_of_attraction(memory, memory.memories, dynamics="network")
    assert (slow.pattern == plain.pattern).all()
    assert (slow.labels >= 0).all()


@pytest.mark.parametrize("name", BOUNDED)
def test_given_cues_outside_are_refused_and_those_outside_by_rounding_are_not(name):
    system, patterns = SYSTEMS[name]
    with pytest.raises(ValueError, match=r"must lie in|for positive vectors"):
        basins_of_attraction(system, -3 * patterns)
    if name in ("classical", "dense", "exponential"):
        found = basins_of_attraction(system, patterns * (1 + 1e-9), targets=range(3))
        assert found.recalled == 1


@pytest.mark.parametrize("library", [name for name in LIBRARIES[1:] if name != "jax"])
def test_projection_in_other_libraries(library):
    memory = UniversalHopfield(to_library(POSITIVE, library), "kl", beta=20.0)
    found = basins_of_attraction(memory, Noisy(5, 0.4), seed=1)
    there = basins_of_attraction(SYSTEMS["kl"][0], Noisy(5, 0.4), seed=1)
    assert found.law == there.law
    assert (found.pattern == there.pattern).all()


def test_cues_of_a_network_are_those_of_its_neurons():
    network = Network({"x": Population(LogCosh(2.0), 2)}, [Recurrent(("x",), np.array([[0.0, 1.0], [1.0, 0.0]]))])
    found = basins_of_attraction(network, Box(20, -2.0, 2.0, size=2), seed=0)
    assert "projected onto [-0.99, 0.99]" in found.law
    cues = np.clip(Box(20, -2.0, 2.0, size=2).draw(None, np.random.default_rng(0)).cues, -0.99, 0.99)
    sides = np.sign(cues.sum(axis=1))  # x1 + x2 = 0 is the boundary
    assert (found.labels[sides == 0] == -2).all()
    assert (np.sign(found.fixed_points.activation[found.labels[sides != 0], 0]) == sides[sides != 0]).all()
    with pytest.raises(ValueError, match="must lie in"):
        basins_of_attraction(network, np.array([[1.0, 0.5]]))
    with pytest.raises(ValueError, match="must lie in"):
        find_fixed_points(network, np.array([[1.0, 0.5]]))


def test_a_census_begins_at_the_patterns_of_bounded_neurons():
    # With one batch: +-1 is no activation of tanh, so that the patterns were left out of the starts.
    for dtype in ("float64", "float32"):
        found = find_fixed_points(DenseAssociativeMemory(SIGNS.astype(dtype)), batches=1)
        assert (found.kind == "memory").sum() == 3


def test_cues_of_a_layer_with_a_range():
    weights = [np.array([[2.0], [2.0]])]
    memory = HierarchicalMemory([Layer(2, "sigmoid"), Layer(1, "tanh")], weights)
    found = basins_of_attraction(memory, Box(10, -1.0, 2.0, size=2))
    assert "projected onto [0.005, 0.995]" in found.law


def test_without_patterns_a_sampler_says_how_to_give_them():
    with pytest.raises(ValueError, match=r"field\(memory, patterns=rows\)"):
        basins_of_attraction(build("hierarchical", SIGNS), Noisy(3, 0.1))


def test_memories_without_bounds_are_as_they_were():
    memory = ModernHopfield(np.eye(3), beta=8.0)
    found = basins_of_attraction(memory, Noisy(5, 5.0))
    assert "projected" not in found.law
    assert (basin_slice(memory, *np.eye(3), resolution=5).labels != -3).all()
