"""Pictures: what is drawn, what it is called, and that it can be written."""

import math
import sys

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from helpers import to_library
from hopfield import BidirectionalMemory, Euler, ModernHopfield, Relaxation, Scipy, UniversalHopfield, simulate
from hopfield.analysis import plot_energy, plot_overlaps, plot_recall
from hopfield.analysis.plots._style import WRONG


@pytest.fixture(scope="module")
def memory():
    rng = np.random.default_rng(0)
    return ModernHopfield(rng.choice([-1.0, 1.0], size=(12, 16)), beta=0.5, tau_memory=0)


@pytest.fixture(scope="module")
def cues(memory):
    rng = np.random.default_rng(1)
    return memory.memories * rng.choice([1.0, -1.0], p=[0.9, 0.1], size=memory.memories.shape)


@pytest.fixture(scope="module")
def run(memory, cues):
    return simulate(memory, cues, t1=30)


def thin(ax):
    """The segments of the thin lines."""
    return next(c for c in ax.collections if isinstance(c, LineCollection)).get_segments()


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def written(figure, tmp_path):
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


# --- energy


def test_energy_has_a_line_for_each_sample_and_their_median(run, tmp_path):
    ax = plot_energy(run, title="digits")
    assert len(thin(ax)) == 12
    assert np.allclose(thin(ax)[3], np.column_stack([run.times, run.energy[:, 3]]))
    (median,) = ax.get_lines()
    assert np.allclose(median.get_ydata(), np.median(run.energy, axis=1))
    assert labels(ax) == ["median of 12"]
    assert ax.get_title() == "digits"
    assert "time" in ax.get_xlabel()
    written(ax.figure, tmp_path)


def test_energy_of_one_sample_is_one_line(memory, cues):
    ax = plot_energy(simulate(memory, cues[0], t1=2))
    assert len(ax.get_lines()) == 1
    assert ax.get_legend() is None


def test_energy_is_drawn_where_it_is_told_to(run):
    ax = Figure().add_subplot()
    assert plot_energy(run, ax) is ax


def test_relative_energy_is_logarithmic_down_to_rounding(run, tmp_path):
    ax = plot_energy(run, relative=True)
    assert ax.get_yscale() == "log"
    assert labels(ax) == ["median of 12", "rounding"]
    values = np.concatenate(thin(ax))[:, 1]
    assert values.min() > 0
    assert ax.get_ylim()[0] < values.min() < 1e-11
    assert math.isclose(values.max(), (run.energy - run.energy.min(axis=0)).max())
    written(ax.figure, tmp_path)


@pytest.mark.parametrize("relative", [False, True])
def test_rises_of_the_energy_are_marked(memory, cues, relative, tmp_path):
    run = simulate(memory, cues, t1=9, integrator=Euler(2.5))
    rose = int((np.diff(run.energy, axis=0) > 1e-9).sum())
    ax = plot_energy(run, relative=relative)
    assert f"rises ({rose} of {12 * (len(run.times) - 1)} steps)" in labels(ax)
    marks = next(line for line in ax.get_lines() if line.get_color() == WRONG)
    assert len(marks.get_xdata()) == rose
    written(ax.figure, tmp_path)


def test_updates_are_counted(memory, cues):
    run = simulate(memory, cues, t1=6, integrator=Relaxation(dt=math.inf))
    for ax in (plot_energy(run), plot_overlaps(memory, run)):
        assert ax.get_xlabel() == "updates"
        assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_samples_with_steps_of_their_own(cues):
    memory = ModernHopfield(cues[:, :8], beta=0.5)
    run = simulate(memory, cues[:3, :8], t1=3, integrator=Scipy())
    assert run.times.ndim == 2
    ax = plot_energy(run)
    assert len(thin(ax)) == 3
    (median,) = ax.get_lines()
    middle = [np.interp(1.5, run.times[:, k], run.energy[:, k]) for k in range(3)]
    assert math.isclose(np.interp(1.5, *median.get_data()), np.median(middle), rel_tol=1e-2)
    assert len(plot_overlaps(memory, run, 1).get_lines()[0].get_xdata()) == len(run.times)


def test_many_samples_are_thinned_and_counted():
    memory = ModernHopfield(np.eye(3), beta=4.0)
    run = simulate(memory, np.random.default_rng(0).random((1000, 3)), t1=1)
    ax = plot_energy(run)
    assert len(thin(ax)) == 200
    assert labels(ax) == ["median of 1000"]


# --- overlaps


def test_overlaps_are_cosines_and_the_winner_is_named(memory, run, tmp_path):
    ax = plot_overlaps(memory, run, 4, target=4)
    assert labels(ax) == ["pattern 4: recalled, and the cue is from it", "11 other patterns"]
    assert len(thin(ax)) == 11
    v, m = run.states["value"][:, 4], memory.memories[4]
    cosine = v @ m / np.linalg.norm(v, axis=1) / np.linalg.norm(m)
    assert np.allclose(ax.get_lines()[0].get_ydata(), cosine)
    low = min(segment[:, 1].min() for segment in thin(ax))
    assert ax.get_ylim()[0] < low - 0.1  # the legend has its own room
    assert all(tick >= ax.get_ylim()[0] for tick in ax.get_yticks())
    written(ax.figure, tmp_path)


def test_the_target_is_named_when_another_pattern_wins(memory, run):
    assert labels(plot_overlaps(memory, run, 4, target=7)) == [
        "pattern 4: recalled",
        "pattern 7: the cue is from it",
        "10 other patterns",
    ]
    assert labels(plot_overlaps(memory, run, -1)) == ["pattern 11: recalled", "11 other patterns"]


@pytest.mark.parametrize("measure", ["similarity", "weight"])
def test_overlaps_in_the_models_own_measure(memory, run, measure):
    ax = plot_overlaps(memory, run, 2, measure=measure)
    expected = getattr(memory, {"similarity": "scores", "weight": "weights"}[measure])(run.states["value"][:, 2])
    assert np.allclose(ax.get_lines()[0].get_ydata(), expected[:, 2])


def test_overlaps_of_one_pattern_and_one_query():
    memory = ModernHopfield(np.ones((1, 3)))
    ax = plot_overlaps(memory, simulate(memory, np.zeros(3) + 0.1, t1=30))
    assert labels(ax) == ["pattern 0: recalled"]


def test_a_sample_that_is_still_on_its_way_is_not_called_recalled(memory, cues):
    run = simulate(memory, cues, t1=1)
    assert not run.converged.any()
    assert labels(plot_overlaps(memory, run, 4))[0] == "pattern 4: nearest at the end, not steady yet"
    assert labels(plot_overlaps(memory, run, 4, target=4))[0].endswith("not steady yet, and the cue is from it")


def test_overlaps_of_many_patterns_draw_the_nearest():
    patterns = np.random.default_rng(0).random((300, 5))
    memory = ModernHopfield(patterns, beta=2.0)
    ax = plot_overlaps(memory, simulate(memory, patterns[0], t1=1))
    assert len(thin(ax)) == 200
    assert labels(ax)[-1] == "299 other patterns (200 nearest drawn)"


@pytest.mark.parametrize(
    ("options", "words"), [({"sample": 12}, "holds 12"), ({"measure": "cosin"}, "Did you mean 'cosine'")]
)
def test_overlaps_of_what_is_not_there(memory, run, options, words):
    with pytest.raises(ValueError, match=words):
        plot_overlaps(memory, run, **options)


# --- recalled images


def test_recall_marks_what_is_wrong(memory, cues, tmp_path):
    recalled = memory.memories.copy()
    recalled[1] = memory.memories[5]
    figure = plot_recall(memory, cues, recalled, (4, 4), targets=np.arange(12), title="signs", samples=6)
    assert figure.get_suptitle() == "signs: 11 of 12 recalled"
    cells = np.array(figure.axes).reshape(3, 6)
    assert [cell.get_ylabel() for cell in cells[:, 0]] == ["stored", "cue", "recalled"]
    assert [cell.get_title() for cell in cells[0]] == [f"pattern {k}" for k in range(6)]
    assert [cell.get_xlabel() for cell in cells[2]] == ["", "✗ pattern 5", "", "", "", ""]
    widths = [cell.spines["left"].get_linewidth() for cell in cells[2]]
    assert widths[1] > 2 * max(widths[0], *widths[2:])
    written(figure, tmp_path)


def test_recall_has_one_scale_for_all_images():
    patterns = np.array([[-1.0, 0.0, 1.0, 3.0]])
    figure = plot_recall(patterns, patterns + 9, patterns, (2, 2), targets=[0])
    stored, cue, recalled = (cell.get_images()[0] for cell in figure.axes)
    assert {image.get_clim() for image in (stored, cue, recalled)} == {(0, 1)}
    assert np.allclose(stored.get_array().ravel(), [0, 0.25, 0.5, 1])
    assert np.array_equal(stored.get_array(), recalled.get_array())
    assert (cue.get_array() == 1).all()


def test_recall_without_targets_shows_the_nearest_pattern(memory, cues):
    figure = plot_recall(memory, cues, memory.memories, (4, 4), samples=[3, 7])
    cells = np.array(figure.axes).reshape(3, 2)
    assert [cell.get_ylabel() for cell in cells[:, 0]] == ["cue", "recalled", "nearest\nstored"]
    assert [cell.get_xlabel() for cell in cells[2]] == ["pattern 3", "pattern 7"]
    assert figure.get_suptitle() == ""


def test_recall_of_colour_images_and_of_constant_ones(tmp_path):
    patterns = np.random.default_rng(0).random((2, 27))
    figure = plot_recall(patterns, patterns, patterns, (3, 3, 3), targets=[0, 1])
    image = figure.axes[0].get_images()[0].get_array()
    assert image.shape == (3, 3, 3)
    scaled = (patterns[0].reshape(3, 3, 3) - patterns.min()) / np.ptp(patterns)
    assert np.allclose(image, np.moveaxis(scaled, 0, -1))
    written(figure, tmp_path)
    written(plot_recall(np.ones((1, 4)), np.ones((1, 4)), np.ones((1, 4)), (1, 2, 2)), tmp_path)


def test_recall_fits_into_a_part_of_a_figure(memory, cues, tmp_path):
    for layout in (None, "constrained"):
        figure = Figure(layout=layout)
        for part in figure.subfigures(2, 1):
            assert plot_recall(memory, cues, cues, (4, 4), targets=range(12), figure=part, samples=3) is part
        assert len(figure.axes) == 18
        written(figure, tmp_path)


def test_a_memory_decides_by_its_own_similarity():
    patterns = np.array([[1.0, 0.0, 0.0, 0.0], [6.0, 6.0, 0.0, 0.0]])
    recalled = np.array([[1.0, 0.9, 0.0, 0.0]])  # nearest in 2-norm to the first, in angle to the second
    wrong = [
        plot_recall(memory, recalled, recalled, (2, 2), targets=[0]).axes[2].get_xlabel()
        for memory in (patterns, UniversalHopfield(patterns, "euclidean"), UniversalHopfield(patterns, "cosine"))
    ]
    assert wrong == ["", "", "✗ pattern 1"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": (4, 5)}, "rows of 16 values, but images of shape"),
        ({"shape": (2, 2, 4)}, r"\(3, H, W\)"),
        ({"recalled": np.ones((3, 16))}, "12 cues, 3 recalled"),
        ({"targets": [0, 1]}, "and 2 targets"),
    ],
)
def test_recall_of_what_does_not_agree(memory, cues, change, words):
    options = {"cues": cues, "recalled": cues, "shape": (4, 4), **change}
    with pytest.raises(ValueError, match=words):
        plot_recall(memory, **options)


# --- all of them


def test_every_library_can_be_drawn(library, cues):
    patterns = to_library(cues, library)
    memory = ModernHopfield(patterns, beta=0.5)
    run = simulate(memory, patterns[:3], t1=1)
    assert len(thin(plot_energy(run))) == 3
    assert len(thin(plot_overlaps(memory, run))) == 11
    end = run.activations["value"][-1]
    assert len(plot_recall(memory, patterns[:3], end, (4, 4), targets=[0, 1, 2]).axes) == 9


def test_pyplot_is_left_alone(memory, cues, run):
    pyplot = sys.modules.get("matplotlib.pyplot")
    before = pyplot.get_fignums() if pyplot else []
    plot_energy(run), plot_overlaps(memory, run), plot_recall(memory, cues, cues, (4, 4))
    assert (pyplot.get_fignums() if pyplot else []) == before


@pytest.mark.parametrize("measure", ["similarity", "weight"])
def test_overlaps_of_a_model_without_scores_or_weights_say_so(measure):
    memory = BidirectionalMemory(np.array([[1.0, 1.0, -1.0]]), np.array([[1.0, -1.0]]))
    with pytest.raises(TypeError, match=r"BidirectionalMemory does not\. Use measure='cosine'"):
        plot_overlaps(memory, simulate(memory, np.array([0.9, 0.8, -0.7]), t1=1.0), measure=measure)
