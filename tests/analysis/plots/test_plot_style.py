"""All pictures share colours, marks and axes; edges of basins are smooth; words in pictures are true."""

import dataclasses
import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from hopfield import ModernHopfield, UniversalHopfield, simulate
from hopfield.analysis import (
    basin_slice,
    capacity,
    continue_fixed_points,
    find_fixed_points,
    landscape,
    new_figure,
    open_axes,
    plot_barriers,
    plot_basin_slice,
    plot_bifurcation,
    plot_disconnectivity,
    plot_energy,
    plot_energy_along_path,
    plot_fixed_point_images,
    plot_fixed_points,
    plot_overlaps,
    plot_radii,
    plot_recall,
    plot_sweep,
)
from hopfield.analysis.basins import smooth_regions
from hopfield.analysis.plots import ticks_at
from hopfield.analysis.plots._style import AREAS, LOOKS, oklab, tint


@pytest.fixture(scope="module")
def memory():
    return ModernHopfield(np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.3], [0.0, 0.2, 2.0]]), beta=3.0)


@pytest.fixture(scope="module")
def census(memory):
    return find_fixed_points(memory, seed=0)


@pytest.fixture(scope="module")
def valleys(memory, census):
    return landscape(memory, census)


@pytest.fixture(scope="module")
def cut(memory, census):
    return basin_slice(memory, *memory.memories, resolution=24, fixed_points=census)


@pytest.fixture(scope="module")
def sweep():
    return capacity("digits", ["manhattan", "dot"], sizes=[2, 5, 10, 20, 50], level=0.1, runs=2, seed=0, progress=False)


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def marks(ax):
    """The mark of each entry of the legend."""
    handles, names = ax.get_legend_handles_labels()
    return dict(zip(names, handles, strict=True))


# --- one style


def test_no_picture_has_a_box_around_its_axes(memory, census, valleys, cut, sweep):
    run = simulate(memory, memory.memories, t1=5)
    branches = continue_fixed_points(ModernHopfield(np.array([[1.0, 0.0], [-1.0, 0.0]])), "beta", 0.5, 2.0)
    drawn = [
        plot_energy(run),
        plot_overlaps(memory, run),
        plot_fixed_points(census),
        plot_barriers(valleys),
        plot_disconnectivity(valleys),
        plot_energy_along_path(valleys, 0, 1),
        plot_basin_slice(cut),
        plot_radii([1.0, 0.9], [1.2, 1.0]),
        plot_sweep(sweep),
        plot_bifurcation(branches),
        open_axes(Figure().add_subplot()),
    ]
    for ax in drawn:
        assert [ax.spines[side].get_visible() for side in ("top", "right", "left", "bottom")] == [
            False,
            False,
            True,
            True,
        ]


def test_axes_must_be_axes(memory):
    run = simulate(memory, memory.memories, t1=1)
    with pytest.raises(TypeError, match="ax must be matplotlib's Axes, such as figure"):
        plot_energy(run, new_figure((2, 2)))
    with pytest.raises(TypeError, match=r"sample must be a whole number, got Axes; axes are given as ax="):
        plot_overlaps(memory, run, open_axes())


def test_no_mark_means_two_things():
    drawn = [str(one.marker) for one in LOOKS.values()]
    assert len(set(drawn)) == len(drawn)


def test_a_kind_has_one_mark_in_every_picture(census, valleys, cut):
    of_census = {line.get_label().split(" ", 1)[1]: line for line in plot_fixed_points(census).collections}
    paths = {sort: points.get_paths()[0].vertices for sort, points in of_census.items()}
    tree = {points.get_label(): points for points in plot_disconnectivity(valleys).collections}
    assert np.allclose(paths["memory"], tree["memory"].get_paths()[0].vertices)
    along = marks(plot_energy_along_path(valleys, 0, 1))
    slice_ = {handle.get_label(): handle for handle in plot_basin_slice(cut).get_legend().legend_handles}
    assert (
        along["minimum (memory)"].get_marker() == slice_["fixed point (memory)"].get_marker() == LOOKS["memory"].marker
    )
    assert along["saddle of index 1"].get_marker() == slice_["saddle of index 1"].get_marker() == LOOKS["saddle"].marker


# --- colours of basins


def hue(rgb):
    _, a, b = np.moveaxis(oklab(np.asarray(rgb, dtype=float)), -1, 0)
    return np.degrees(np.arctan2(b, a)) % 360


def between(one, other):
    return np.abs((one - other + 180) % 360 - 180)


@pytest.mark.parametrize("colour", AREAS)
def test_a_tint_keeps_the_hue(colour):
    shades = tint(colour, np.linspace(0, 0.9, 10))
    assert np.allclose(shades[0], to_rgb(colour), atol=1e-3)
    assert between(hue(shades), hue(to_rgb(colour))).max() < 2
    assert (np.diff(oklab(shades)[:, 0]) > 0).all()


def test_areas_are_told_apart_by_their_hue():
    hues = [hue(to_rgb(colour)) for colour in AREAS]
    assert min(between(a, b) for a, b in itertools.combinations(hues, 2)) > 18


def test_shades_of_a_basin_have_the_hue_of_its_legend(cut):
    ax = plot_basin_slice(cut)
    swatches = {
        h.get_label(): h.get_facecolor()[:3] for h in ax.get_legend().legend_handles if hasattr(h, "get_facecolor")
    }
    image = np.asarray(ax.get_images()[0].get_array())[..., :3]
    lengths = image.shape[0] / cut.labels.shape[0]
    for k in np.unique(cut.labels[cut.labels >= 0]):
        colour = swatches[f"memory {cut.fixed_points.pattern[k]}"]
        rows, columns = np.nonzero(cut.labels == k)
        seen = image[((rows + 0.5) * lengths).astype(int), ((columns + 0.5) * lengths).astype(int)]
        assert between(hue(seen), hue(colour)).max() < 2
        assert oklab(seen)[:, 0].max() > oklab(np.array(colour))[0]  # some of it is paler


def test_a_memory_has_one_colour_whatever_else_is_reached(cut):
    """Memory 2 alone, or with two others: the colour of its row."""
    (row,) = np.flatnonzero((cut.fixed_points.pattern == 2) & cut.fixed_points.stable)
    alone = dataclasses.replace(cut, labels=np.full_like(cut.labels, row))
    for one in (cut, alone):
        swatch = next(h for h in plot_basin_slice(one).get_legend().legend_handles if h.get_label() == "memory 2")
        assert np.allclose(swatch.get_facecolor()[:3], to_rgb(AREAS[2]))


def test_numbers_of_memories_stand_in_the_picture_of_basins(cut):
    assert {text.get_text() for text in plot_basin_slice(cut).texts} == {"0", "1", "2"}
    assert {text.get_text() for text in plot_basin_slice(cut, names="xyz").texts} == {"x", "y", "z"}


# --- edges of basins


def test_edges_keep_every_cue_on_its_side():
    rng = np.random.default_rng(1)
    labels = rng.integers(-2, 3, size=(20, 25))  # no region at all
    labels[:10, :10] = 2
    labels[4, 5] = 0  # a region of one cue
    found = smooth_regions(labels, np.ones(labels.shape), fine=5)
    assert found.labels.shape == (100, 125)
    assert np.array_equal(found.labels[2::5, 2::5], labels)
    assert np.array_equal(found.labels == 0, found.edges[0] > 0)


@pytest.mark.parametrize("slope", [0.1, 0.37, 1.0])
def test_edges_have_no_stairs(slope):
    """The edge between two half planes is a straight line to a quarter of a cell; on the grid it has steps of one."""
    x, y = np.meshgrid(np.arange(60), np.arange(60))
    labels = (y > 3.3 + slope * x).astype(int)
    found = smooth_regions(labels, np.zeros(labels.shape), fine=10)
    edge = (found.labels == 0).sum(axis=0) / 10 - 0.5  # in cells, for every column of nodes
    columns = (np.arange(600) + 0.5) / 10 - 0.5
    inside = (columns > 8) & (columns < 50) & (edge < 50)
    exact = 3.3 + slope * columns
    assert np.abs(edge - exact)[inside].max() < 0.6
    wiggle = edge[inside] - np.polyval(np.polyfit(columns[inside], edge[inside], 1), columns[inside])
    assert np.abs(wiggle).max() < 0.25


def test_what_ran_away_or_is_not_known_is_drawn(cut):
    labels = cut.labels.copy()
    labels[:3], labels[-3:] = -1, -2
    ax = plot_basin_slice(dataclasses.replace(cut, labels=labels))
    assert {"ran away", "not known (boundary)"} <= set(texts(ax))
    image = np.asarray(ax.get_images()[0].get_array())
    assert np.allclose(image[2, 40], 1.0)
    assert np.allclose(image[-3, 40, :3], to_rgb("#4D4D4D"), atol=1e-3)


def test_where_there_is_no_label_and_no_energy_nothing_is_drawn(cut):
    blank = np.zeros(cut.labels.shape, dtype=bool)
    blank[:, :4] = True
    part = dataclasses.replace(cut, labels=np.where(blank, -3, cut.labels), energy=np.where(blank, np.nan, cut.energy))
    ax = plot_basin_slice(part)
    opacity = np.asarray(ax.get_images()[0].get_array())[..., 3]
    fine = opacity.shape[1] // blank.shape[1]
    assert not opacity[:, : 4 * fine - fine].any()
    assert opacity[:, 4 * fine + fine :].all()
    assert len(ax.collections) > len(np.unique(part.labels))  # contours of the energy that is known


# --- ticks and sweeps


def test_ticks_stand_at_the_sizes_and_do_not_overlap(sweep):
    ax = plot_sweep(sweep)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["2", "5", "10", "20", "50"]
    assert not [text.get_text() for text in ax.get_xticklabels(minor=True) if text.get_text()]
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_ticks_that_have_no_room_lose_their_number(scale):
    ax = open_axes(size=(3.0, 2.0))
    ax.set(xscale=scale, xlim=(1, 1000))
    values = [1, 2, 3, 5, 10, 11, 12, 500, 900, 990, 1000]
    ticks_at(ax, values)
    ax.figure.canvas.draw()
    boxes = sorted((t.get_window_extent() for t in ax.get_xticklabels()), key=lambda box: box.x0)
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    assert sorted([*ax.get_xticks(), *ax.get_xticks(minor=True)]) == values


def test_thresholds_of_criteria_that_have_none_are_refused(sweep):
    with pytest.raises(ValueError, match="have a threshold, such as 'error < 50', and this sweep has nearest"):
        plot_sweep(sweep, thresholds=True)
    one = capacity("digits", "dot", sizes=[5], level=0.1, runs=2, seed=0, criteria="error < 2", progress=False)
    assert plot_sweep(one, thresholds=True).lines[0].get_xdata().tolist() == [2.0]
    several = capacity(
        "digits", "dot", sizes=[5], level=0.1, runs=2, seed=0, progress=False,
        criteria=["error < 1*D/784", "error < 1e2*D/784"],
    )  # fmt: skip
    ax = plot_sweep(several, thresholds=True)
    assert ax.lines[0].get_xdata().tolist() == [1.0, 100.0]
    assert ax.get_xlabel() == "threshold of the squared error (times D/784)"


def test_no_two_curves_of_a_sweep_look_alike():
    names = ["manhattan", "hamming", "dot", "normalised(kl)", "jeffreys", "jensen_shannon", "published(dot)", "cosine"]
    found = capacity("digits", names[:1], sizes=[5, 10], level=0.1, runs=2, seed=0, progress=False)
    wide = dataclasses.replace(
        found, fractions=np.repeat(found.fractions, len(names), axis=0), similarities=tuple(names)
    )
    lines = plot_sweep(wide).lines
    looks = [(line.get_color(), line.get_marker()) for line in lines]
    assert len(set(looks)) == len(names)


# --- landscapes whose passes are bounds


@pytest.fixture(scope="module")
def jumping():
    memory = UniversalHopfield(2 * np.eye(13), "manhattan", beta=2.0)
    return landscape(memory, find_fixed_points(memory, starts=memory.memories))


def test_bounds_alone_are_said_once_and_not_marked(jumping):
    assert len(jumping.minima) == 13
    ax = plot_barriers(jumping)
    assert not ax.lines
    assert ax.get_legend() is None
    assert [other.get_ylabel() for other in ax.figure.axes] == [
        "from minimum",
        r"barrier $\Delta E$, at most (bounds of strings)",
    ]


def test_the_words_beside_a_matrix_or_a_plane_lie_inside_the_picture(valleys, jumping, cut, tmp_path):
    for ax in (plot_barriers(valleys), plot_barriers(jumping), plot_basin_slice(cut)):
        ax.figure.savefig(tmp_path / "picture.png")
        whole = ax.figure.bbox
        for other in ax.figure.axes:
            for word in (other.xaxis.label, other.yaxis.label):
                if word.get_text():
                    box = word.get_window_extent()
                    assert whole.x0 <= box.x0, word
                    assert box.x1 <= whole.x1, word
                    assert whole.y0 <= box.y0, word
                    assert box.y1 <= whole.y1, word


def test_bounds_among_barriers_are_marked_and_explained(jumping):
    """One pair is joined by a saddle: then the others have bars, and a legend says what they are."""
    k = int(np.argmax(jumping.upper[0, 1:])) + 1
    saddle = {
        "saddles": jumping.minima[:1], "saddle_energy": jumping.upper[0, [k]], "residual": np.zeros(1),
        "rate": np.zeros((1, 2)), "joins": np.array([[0, k]]), "source": np.array(["census"]),
    }  # fmt: skip
    ax = plot_barriers(dataclasses.replace(jumping, **saddle))
    assert texts(ax) == ["at most (a string's bound)"]
    assert len(ax.lines[0].get_xdata()) == 13 * 12 - 2


def test_valleys_that_no_saddle_joins_are_joined_by_bounds(jumping):
    ax = plot_disconnectivity(jumping)
    assert "at most (a string's bound)" in texts(ax)
    assert "13 parts that no chain of saddles joins" in ax.get_xlabel()
    dashed = next(c for c in ax.collections if c.get_label() == "at most (a string's bound)")
    heights = {round(float(y), 6) for segment in dashed.get_segments() for _, y in segment}
    joins = np.unique(jumping.upper[~np.eye(13, dtype=bool)].round(6))
    assert joins.min() in heights  # where the first two valleys become one
    assert max(heights) >= joins.max()


# --- words in pictures of images


def test_images_are_headed_by_patterns_and_not_by_labels():
    figure = plot_recall(np.eye(4), np.eye(4), np.eye(4)[[0, 1, 3, 3]], (2, 2), targets=range(4))
    assert [ax.get_title() for ax in figure.axes[:4]] == ["pattern 0", "pattern 1", "pattern 2", "pattern 3"]
    assert figure.axes[-2].get_xlabel() == "✗ pattern 3"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"samples": 0}, "samples must be a whole number >= 1"),
        ({"samples": [4]}, "which ones of 0 to 3"),
        ({"samples": 1.5}, "how many to show, or which"),
        ({"targets": [0, 1, 2, 4]}, "whole numbers from 0 to 3; got numbers from 0 to 4"),
        ({"targets": [0.5, 1, 2, 3]}, "got numbers from 0.5 to 3"),
    ],
)
def test_images_that_there_are_not(options, words):
    with pytest.raises(ValueError, match=words):
        plot_recall(np.eye(4), np.eye(4), np.eye(4), (2, 2), **options)


def test_no_fixed_point_images_are_refused(census):
    for most in (0, -1, 2.5):
        with pytest.raises(ValueError, match="most must be a whole number >= 1"):
            plot_fixed_point_images(census, (1, 3), most=most)


# --- whole numbers, and what keeps no patterns


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.int64])
def test_whole_numbers_are_drawn_as_what_they_are(kind):
    top = min(np.iinfo(kind).max, 200)
    patterns = np.random.default_rng(0).integers(0, top, size=(5, 16)).astype(kind)
    run = simulate(ModernHopfield(patterns, beta=1e-4), patterns.astype(float), t1=0.3)
    drawn, right = (plot_overlaps(rows, run, 2) for rows in (patterns, patterns.astype(float)))
    assert np.allclose(drawn.lines[0].get_ydata(), right.lines[0].get_ydata())
    assert max(line.get_ydata().max() for line in drawn.lines[:1]) <= 1 + 1e-12
    assert texts(drawn) == texts(right)
    figure = plot_recall(patterns, patterns, patterns, (4, 4), targets=range(5))
    assert not any(ax.get_xlabel() for ax in figure.axes)


def test_a_network_has_no_patterns_to_draw(memory):
    run = simulate(memory, memory.memories, t1=1)
    with pytest.raises(TypeError, match=r"Network keeps no stored patterns. Give the patterns themselves"):
        plot_overlaps(memory.network, run)
    with pytest.raises(ValueError, match="The patterns have 4 values and the states 3"):
        plot_overlaps(np.eye(4), run)
    with pytest.raises(TypeError, match="measure='weight' is what a model computes"):
        plot_overlaps(np.eye(3), run, measure="weight")
    with pytest.raises(ValueError, match="There is no target 7: there are 3 patterns, counted from 0"):
        plot_overlaps(memory, run, target=7)
    with pytest.raises(TypeError, match="plot_energy draws what simulate returns, a Trajectory"):
        plot_energy(memory)


def test_radii_that_are_left_out_are_counted():
    ax = plot_radii([1.0, 0.9, None], [1.2, np.inf, 1.0])
    assert texts(ax)[-1] == "1 of 3 patterns have none and are left out"
