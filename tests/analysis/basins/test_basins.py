"""Labels against exact rules, slow passage near saddles, what is left open, samplers, slices, and pictures."""

import json

import numpy as np
import pytest

from helpers import LIBRARIES, to_library
from hopfield import ModernHopfield, UniversalHopfield, simulate
from hopfield.analysis import (
    Box,
    Flipped,
    Masked,
    Noisy,
    Sphere,
    basin_slice,
    basins_of_attraction,
    energy_network,
    field,
    find_fixed_points,
    plot_basin_slice,
    plot_radii,
    wilson,
)
from hopfield.analysis.flow import row_space
from hopfield.models import build

OPPOSITE = np.array([[1.0, 1.0], [-1.0, -1.0]])


def orthonormal(number, width, seed=0):
    """Rows that are orthonormal."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((width, number)))[0].T


# ------------------------------------------------------------------------------------------- known answers


@pytest.mark.parametrize("dynamics", ["adiabatic", "map", "network"])
@pytest.mark.parametrize("width", [10, 1000])
def test_orthonormal_patterns_go_to_the_largest_overlap(width, dynamics):
    patterns = orthonormal(4, width)
    memory = ModernHopfield(patterns, beta=8.0)
    cues = 0.4 * np.random.default_rng(1).standard_normal((500, width))
    found = basins_of_attraction(memory, cues, dynamics=dynamics)
    assert (found.pattern == (cues @ patterns.T).argmax(axis=1)).all()
    assert np.isfinite(found.convergence_time).all()
    assert found.fixed_points.activation.shape == (4, width)


def test_a_hundred_thousand_neurons():
    patterns = orthonormal(10, 100_000)
    cues = patterns[np.arange(50) % 10] + 0.003 * np.random.default_rng(1).standard_normal((50, 100_000))
    found = basins_of_attraction(ModernHopfield(patterns, beta=20.0), cues)
    assert (found.pattern == (cues @ patterns.T).argmax(axis=1)).all()


def test_two_opposite_patterns_share_the_space():
    cues = np.random.default_rng(0).uniform(-3, 3, (400, 2))
    found = basins_of_attraction(ModernHopfield(OPPOSITE, beta=1.0), cues)
    assert (found.pattern == (cues.sum(axis=1) < 0)).all()


@pytest.mark.parametrize("eps", [1e-3, 1e-6, 1e-9])
def test_slow_passage_near_a_saddle(eps):
    # Along the first axis at beta r^2 = 2: x' = tanh(2 x) - x in units of r, which leaves 0 as eps e^t.
    memory = ModernHopfield(OPPOSITE, beta=1.0)
    start = eps * OPPOSITE[0] + 0.7 * np.array([1.0, -1.0])  # passes the saddle on the way
    found = basins_of_attraction(memory, np.stack([start, -start]), dt=0.01)
    assert found.pattern.tolist() == [0, 1]
    along = basins_of_attraction(memory, np.stack([1e-3 * OPPOSITE[0], eps * OPPOSITE[0]]), dt=0.01).convergence_time
    assert along[1] - along[0] == pytest.approx(np.log(1e-3 / eps), abs=0.015 * np.log(1e-3 / eps) + 1e-9)


def test_on_the_boundary_nothing_is_claimed():
    found = basins_of_attraction(ModernHopfield(OPPOSITE, beta=1.0), np.array([[0.5, -0.5], [0.0, 0.0]]), t_max=200)
    assert found.labels.tolist() == [-2, -2]
    assert found.unresolved == 2
    assert np.isnan(found.convergence_time).all()


def test_a_slow_point_is_no_attractor():
    # Just below the fold of three orthonormal patterns (2.7456) all flows to the mean, lingering where memories were.
    found = basins_of_attraction(ModernHopfield(np.eye(3), beta=2.74), 1.2 * np.eye(3))
    assert found.fixed_points.kind[found.labels[0]] == "global mean"
    assert (found.labels == found.labels[0]).all()


def test_separable_double_well():
    wells = energy_network(
        lambda x: ((x**2 - 1) ** 2).sum(-1) / 4, 5, lambda x: x**3 - x, lambda x, u: (3 * x**2 - 1) * u
    )
    cues = np.random.default_rng(0).uniform(-1.5, 1.5, (300, 5))
    found = basins_of_attraction(wells, cues)
    assert (found.labels >= 0).all()
    assert (np.sign(found.fixed_points.activation[found.labels]) == np.sign(cues)).all()
    assert np.abs(found.fixed_points.activation[found.labels]) == pytest.approx(1, abs=1e-9)


def test_toy_map_on_a_grid():
    # x1 + x2 >= 0 goes to the first of two opposite patterns; ties go to the first.
    side = np.array([-1.0, 0.0, 1.0])
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    found = basins_of_attraction(UniversalHopfield(OPPOSITE, separation="max"), grid, dynamics="map")
    assert found.labels.shape == (3, 3)
    by_pattern = dict(zip(found.fixed_points.pattern.tolist(), found.fractions.tolist(), strict=True))
    assert by_pattern == pytest.approx({0: 2 / 3, 1: 1 / 3})


def test_voronoi_cells_by_volume():
    patterns = np.array([[0.0, 0.0], [1.0, 0.0]])
    memory = UniversalHopfield(patterns, similarity="euclidean", separation="max")
    found = basins_of_attraction(memory, Box(4000, -1.0, 3.0), seed=1, timed=False)
    low, high = found.intervals[found.fixed_points.pattern == 0][0]
    assert low < 3 / 8 < high
    assert found.fractions.sum() == 1


@pytest.mark.parametrize("separation", ["softmax", "max"])
@pytest.mark.parametrize("similarity", ["euclidean", "manhattan", "cosine"])
def test_every_similarity_agrees_with_simulate(similarity, separation):
    rng = np.random.default_rng(2)
    patterns = rng.standard_normal((6, 8))
    beta = {"cosine": 20.0, "euclidean": 1.0, "manhattan": 2.0}[similarity]
    memory = UniversalHopfield(patterns, similarity=similarity, separation=separation, beta=beta, tau_memory=0)
    cues = np.repeat(patterns, 8, axis=0) + 1.2 * rng.standard_normal((48, 8))
    found = basins_of_attraction(memory, cues)
    assert (found.labels >= 0).all()
    ends = simulate(memory, cues, t1=1000, stop="steady", save_at=[1000]).states["value"][-1]
    if similarity == "cosine":
        ends = ends / np.linalg.norm(ends, axis=1, keepdims=True)
    known = found.fixed_points.activation
    if similarity == "cosine":
        known = known / np.linalg.norm(known, axis=1, keepdims=True)
    assert np.abs(ends - known[found.labels]).max() < 1e-4
    if similarity == "manhattan" and separation == "max":
        assert set(found.fixed_points.kind[np.unique(found.labels)]) == {"memory (exact)"}


def test_dense_memory_without_a_theorem():
    signs = np.sign(np.random.default_rng(0).standard_normal((3, 40)))
    memory = UniversalHopfield(signs, separation="softmax", beta=0.5, bias=0.01)
    found = basins_of_attraction(memory, Flipped(10, 6), seed=2)
    assert found.recalled == 1
    assert found.confusion.sum() == 30


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_convergence_time_against_the_trajectory(similarity):
    patterns = 2 * np.random.default_rng(0).standard_normal((5, 30))
    memory = UniversalHopfield(patterns, similarity=similarity, separation="softmax", beta=0.1, tau_value=2.0)
    memory = memory.adiabatic()
    cues = np.random.default_rng(1).standard_normal((12, 30)) + patterns[np.arange(12) % 5]
    found = basins_of_attraction(memory, cues)
    run = simulate(memory, cues, t1=60.0)
    slow = 1e-3 * np.sqrt(np.mean(np.sum(patterns**2, axis=1)))
    speed = 2.0 * np.linalg.norm(memory.network.velocity(run.states)["value"], axis=-1)
    below = speed <= slow
    assert below[-1].all()
    first = np.array([run.times[np.flatnonzero(~row)[-1] + 1] for row in below.T])
    assert np.abs(found.convergence_time - first).max() <= 0.2 + 0.01 * first.max()


# ------------------------------------------------------------------------------------ what is reported


def test_given_fixed_points_keep_their_rows():
    memory = ModernHopfield(np.eye(3), beta=8.0)
    census = find_fixed_points(memory)
    found = basins_of_attraction(memory, Noisy(20, 0.04), census, seed=0)
    assert len(found.fixed_points) == len(census) == 7
    assert (census.pattern[found.labels] == found.source).all()
    only = census.select(census.pattern == 0)
    more = basins_of_attraction(memory, np.eye(3), only)
    assert more.labels[0] == 0
    assert len(more.fixed_points) == 3


def test_report(tmp_path):
    memory = ModernHopfield(np.eye(3), beta=8.0)
    found = basins_of_attraction(memory, Noisy(40, 0.25), seed=0)
    assert found.confusion.shape == (3, len(found.fixed_points) + 2)
    assert found.confusion.sum() == 120
    assert found.counts.sum() == 120
    assert 0.5 < found.recalled < 1
    assert "Gaussian noise of variance 0.25" in str(found)
    assert "Wilson" in str(found)
    saved = json.loads(found.to_json(tmp_path / "basins.json").read_text())["results"]["basins"]
    assert saved["cues"] == 120
    assert sum(row["cues"] for row in saved["attractors"]) == 120


def test_the_same_seed_gives_the_same_result():
    memory = ModernHopfield(np.eye(4), beta=8.0)
    one, two = (basins_of_attraction(memory, Noisy(20, 0.36), seed=5) for _ in range(2))
    assert (one.labels == two.labels).all()
    assert (one.convergence_time == two.convergence_time).all()


def test_batch_axes_and_one_by_one():
    memory = ModernHopfield(np.random.default_rng(0).standard_normal((4, 6)), beta=1.0)
    cues = np.random.default_rng(1).standard_normal((3, 5, 6))
    found = basins_of_attraction(memory, cues)
    alone = basins_of_attraction(memory, cues[1, 2], found.fixed_points)
    assert alone.labels.shape == ()
    assert alone.labels == found.labels[1, 2]
    assert alone.convergence_time == pytest.approx(found.convergence_time[1, 2], rel=1e-9)


def test_the_span_of_the_patterns_is_exact():
    rng = np.random.default_rng(0)
    for similarity in ("dot", "euclidean"):
        patterns, turn = rng.standard_normal((4, 5)), orthonormal(5, 60, 3)
        small = UniversalHopfield(patterns, similarity=similarity, separation="softmax", beta=1.0)
        large = UniversalHopfield(patterns @ turn, similarity=similarity, separation="softmax", beta=1.0)
        assert row_space(small) is None
        assert row_space(large).memory.memories.shape == (4, 4)
        cues = rng.standard_normal((40, 60)) / 3
        here = basins_of_attraction(large, cues)
        ends = simulate(large.adiabatic(), cues, t1=60, save_at=[60]).states["value"][-1]
        assert np.abs(ends - here.fixed_points.activation[here.labels]).max() < 1e-6


def test_diverged():
    bowl = energy_network(
        lambda x: (x**2 - x**4).sum(-1), 1, lambda x: 2 * x - 4 * x**3, lambda x, u: (2 - 12 * x**2) * u
    )
    found = basins_of_attraction(bowl, np.array([[0.1], [0.9], [-2.0]]))
    assert found.labels.tolist() == [0, -1, -1]
    assert found.diverged == 2
    assert found.fixed_points.activation[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("dynamics", ["adiabatic", "map", "network"])
def test_states_that_run_away_faster_than_exponentially(dynamics):
    with pytest.warns(UserWarning, match="no lower bound"):
        memory = UniversalHopfield(np.eye(3, 5), separation="polynomial(3)")
    found = basins_of_attraction(memory, np.array([[9.0, 0, 0, 0, 0], [0.1, 0.1, 0, 0, 1]]), dynamics=dynamics)
    assert found.labels[0] == -1
    assert found.fixed_points.activation[found.labels[1]] == pytest.approx(0, abs=1e-9)


FEW = [("jax", "float64"), ("torch", "float64"), ("torch", "float32")]


@pytest.mark.parametrize(
    ("library", "kind"),
    [*(case for case in FEW if case[0] in LIBRARIES), pytest.param("jax", "float32", marks=pytest.mark.slow)],
)
def test_libraries(library, kind):
    pytest.importorskip(library)
    patterns = orthonormal(4, 12).astype(kind)
    memory = ModernHopfield(to_library(patterns, library), beta=8.0)
    found = basins_of_attraction(memory, Noisy(25, 0.09), seed=3)
    there = basins_of_attraction(ModernHopfield(patterns, beta=8.0), Noisy(25, 0.09), seed=3)
    assert (found.pattern == there.pattern).all()
    assert found.convergence_time == pytest.approx(there.convergence_time, rel=1e-4 if kind == "float32" else 1e-9)


def test_a_network_in_layers_and_patterns_of_its_own():
    """A field says what counts as patterns where the network keeps none; cues are the first layer's."""
    rows = orthonormal(3, 6)
    memory = build("hierarchical", rows)
    assert not hasattr(memory, "memories")
    found = basins_of_attraction(field(memory, patterns=rows), rows, targets=[0, 1, 2])
    assert found.confusion.sum() == 3
    assert (found.labels >= 0).all()
    cut = basin_slice(field(memory, patterns=rows), *rows, resolution=4)
    assert cut.points.shape == (len(cut.fixed_points), 2)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"targets": [0, 1]}, ValueError, "one for each"),
        ({"targets": [0, -2, 1]}, ValueError, "-2 to 1"),
        ({"fixed_points": np.eye(3)}, TypeError, "find_fixed_points returns"),
        ({"fixed_points": find_fixed_points(ModernHopfield(np.eye(4), beta=8.0), np.eye(4))}, ValueError, "another's"),
        ({"queries": Noisy}, TypeError, "not the class Noisy"),
    ],
)
def test_what_does_not_belong_to_the_memory(options, error, words):
    with pytest.raises(error, match=words):
        basins_of_attraction(ModernHopfield(np.eye(3), beta=8.0), **{"queries": np.eye(3), **options})


def test_bad_input():
    memory = ModernHopfield(np.eye(3), beta=8.0)
    with pytest.raises(ValueError, match="adiabatic"):
        basins_of_attraction(memory, np.eye(3), dynamics="adiabatik")
    with pytest.raises(ValueError, match="too long a step"):
        basins_of_attraction(memory, np.eye(3), dt=0.5)
    with pytest.raises(ValueError, match="3 stored patterns"):
        basins_of_attraction(memory, np.eye(3), targets=[0, 1, 3])
    with pytest.raises(ValueError, match="must be"):
        basins_of_attraction(memory, np.ones((2, 4)))


# ------------------------------------------------------------------------------------ Wilson, samplers


@pytest.mark.parametrize(
    ("k", "n", "low", "high"), [(0, 10, 0.0, 0.27753), (5, 10, 0.23659, 0.76341), (81, 263, 0.2553, 0.3662)]
)
def test_wilson(k, n, low, high):
    assert wilson(k, n).tolist() == pytest.approx([low, high], abs=5e-5)
    p, z = wilson(k, n)[1], 1.959963984540054
    assert abs(k / n - p) == pytest.approx(z * np.sqrt(p * (1 - p) / n), rel=1e-9)


def test_samplers():
    rng, patterns = np.random.default_rng(0), np.sign(np.random.default_rng(1).standard_normal((4, 30)))
    noisy = Noisy(500, 0.09).draw(patterns, rng)
    assert (noisy.cues - patterns[noisy.source]).std() == pytest.approx(0.3, rel=0.02)
    sphere = Sphere(7, 2.0, center=1).draw(patterns, rng)
    assert np.linalg.norm(sphere.cues - patterns[1], axis=1) == pytest.approx(2.0)
    assert ((Flipped(9, 5).draw(patterns, rng).cues != np.repeat(patterns, 9, axis=0)).sum(axis=1) == 5).all()
    masked = Masked(9, 0.2, value=7.0, rows=[2]).draw(patterns, rng)
    assert ((masked.cues == 7).sum(axis=1) == 6).all()
    assert set(masked.source) == {2}
    box = Box(50, np.array([0.0, 5.0]), np.array([1.0, 6.0])).draw(None, rng).cues
    assert box.min(axis=0)[1] >= 5
    assert box.max(axis=0)[0] <= 1


def test_noise_is_a_variance_and_its_deviation_is_still_taken():
    with pytest.warns(DeprecationWarning, match=r"variance=0\.09"):
        old = Noisy(3, deviation=0.3)
    assert old == Noisy(3, 0.09)
    assert old.law == Noisy(3, variance=0.09).law
    draws = [noisy.draw(np.eye(2), np.random.default_rng(0)).cues for noisy in (old, Noisy(3, 0.09))]
    np.testing.assert_array_equal(*draws)
    with pytest.raises(TypeError, match="as a variance"):
        Noisy(3)


def test_an_interval_of_nothing_is_refused():
    for successes, total, words in ((0, 0, "total must be"), (11, 10, "from 0 to total = 10"), (-1, 10, "from 0 to")):
        with pytest.raises(ValueError, match=words):
            wilson(successes, total)
    with pytest.raises(ValueError, match="whole numbers"):
        wilson(2.5, 10)
    with pytest.raises(ValueError, match="level must be"):
        wilson(2, 10, 1.0)


def test_samplers_say_what_is_wrong():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="two values"):
        Flipped(1, 1).draw(rng.standard_normal((2, 3)), rng)
    with pytest.raises(ValueError, match="size=I"):
        Box(3).draw(None, rng)
    with pytest.raises(ValueError, match="low <= high"):
        Box(3, 1.0, 0.0).draw(np.eye(2), rng)
    with pytest.raises(ValueError, match="whole number"):
        Noisy(0, 1.0).draw(np.eye(2), rng)
    with pytest.raises(ValueError, match="no stored patterns"):
        Noisy(1, 1.0).draw(None, rng)
    with pytest.raises(ValueError, match="from 0"):
        Masked(1, 1.5).draw(np.eye(2), rng)


# ------------------------------------------------------------------------------------ slices and pictures


def test_slice_of_three_orthonormal_patterns():
    patterns = orthonormal(3, 30)
    memory = ModernHopfield(patterns, beta=9.0)
    census = find_fixed_points(memory)
    cut = basin_slice(memory, *patterns, resolution=24, fixed_points=census)
    grid = cut.state(*np.meshgrid(cut.s, cut.t))
    known = cut.labels >= 0
    assert (census.pattern[cut.labels] == (grid @ patterns.T).argmax(axis=-1))[known].all()
    assert known.mean() > 0.95
    assert cut.near.all()  # all seven fixed points are combinations with sum 1 of the patterns
    assert cut.state(*cut.points[0]) == pytest.approx(census.activation[0], abs=1e-9)
    assert cut.energy[0, 0] == pytest.approx(float(memory.adiabatic().network.energy({"value": grid[0, 0]})))
    assert cut.axes @ cut.axes.T == pytest.approx(np.eye(2), abs=1e-12)


def test_slice_needs_a_plane():
    memory = ModernHopfield(np.eye(3), beta=8.0)
    with pytest.raises(ValueError, match="one line"):
        basin_slice(memory, np.zeros(3), np.ones(3), 2 * np.ones(3))
    with pytest.raises(ValueError, match="resolution"):
        basin_slice(memory, *np.eye(3), resolution=1)


def test_pictures(tmp_path):
    memory = ModernHopfield(np.eye(3), beta=8.0)
    cut = basin_slice(memory, *np.eye(3), resolution=16, fixed_points=find_fixed_points(memory))
    ax = plot_basin_slice(cut, title="Three memories")
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[:3] == ["memory 0", "memory 1", "memory 2"]
    assert {"saddle of index 1", "saddle of index 2"} <= set(names)
    ax.figure.savefig(tmp_path / "slice.png")
    ax = plot_radii([None, 0.5, 0.7], [0.4, 0.6, np.inf], unit="px")
    assert ax.get_xlabel() == "radius of the basin (px)"
    ax.figure.savefig(tmp_path / "radii.png")
