"""The paper's figures: their settings, what comes out, and the scripts that show them."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from hopfield.analysis import plot_readings, reproduce
from hopfield.analysis.experiments import FIGURES, READINGS
from hopfield.analysis.experiments._criteria import criterion
from hopfield.analysis.experiments._figures import panels
from hopfield.data import CUES, load
from hopfield.models._separations import separation
from hopfield.models.measures import similarity

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "paper"
CURVES = (2, 3, 4, 6, 11, 14)


def test_every_figure_but_the_drawing_and_the_transformer():
    assert list(FIGURES) == [2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14]
    assert list(runpy.run_path(str(FOLDER / "figure.py"))["WHAT_TO_LOOK_AT"]) == list(FIGURES)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("figure", FIGURES)
def test_settings_name_what_there_is(figure, reading):
    for panel in panels(figure, reading):
        assert panel.cue in CUES
        assert len(panel.sizes) == 1 or len(panel.levels) == 1
        for name in panel.similarities:
            similarity(name)
        for name in panel.separations:
            separation(name)
        for name in panel.criteria:
            criterion(name, 784)


@pytest.mark.parametrize(
    ("figure", "reading", "expected"),
    [
        (2, "code", {"cue": "folded noise", "levels": (0.25,), "criteria": ("error <= 60*784/D",), "runs": 5}),
        (2, "text", {"cue": "clipped noise", "levels": (0.5,), "criteria": ("error < 50",), "runs": 10}),
        (3, "code", {"similarities": ("published(manhattan)",), "cue": "published mask"}),
        (3, "text", {"similarities": ("normalised(dot)",), "cue": "mask top"}),
        (14, "code", {"sizes": (300,), "separations": ("max",), "criteria": ("error <= 60",)}),
    ],
)
def test_settings_are_those_of_the_reading(figure, reading, expected):
    first = panels(figure, reading)[0]
    assert {name: getattr(first, name) for name in expected} == expected


@pytest.mark.parametrize("figure", [2, 5, 10, 11])
def test_a_figure_is_written_with_its_table(figure, tmp_path):
    found = reproduce(figure, "code", quick=True, out=tmp_path, progress=False)
    assert [one.reading for one in found] == ["code"]
    names = {file.name for file in tmp_path.iterdir()}
    assert f"fig{figure:02d}_code.txt" in names
    pictures = [file for file in tmp_path.iterdir() if file.suffix == ".png"]
    assert pictures
    assert all(picture.stat().st_size > 10_000 for picture in pictures)
    assert (tmp_path / f"fig{figure:02d}_code.txt").read_text() == found[0].table() + "\n"
    for line in (tmp_path / f"fig{figure:02d}_code.jsonl").read_text().splitlines() if figure in CURVES else []:
        entry = json.loads(line)
        assert set(entry) == {"cell", "result", "check"}
        assert {"seed", "versions", "images", "similarity", "stored", "run", "level", "cue"} <= set(entry["cell"])


@pytest.mark.slow
@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_comes_in_every_reading(figure):
    found = reproduce(figure, quick=True, progress=False)
    assert [one.reading for one in found] == list(READINGS)
    for one in found:
        assert one.plot()
        for sweep in one.sweeps:
            assert np.isfinite(sweep.fractions).all()
            assert 0 <= sweep.fractions.min() <= sweep.fractions.max() <= 1
        assert bool(one.sweeps) == (figure in CURVES)


def test_the_published_mixture_is_upside_down_and_the_true_one_is_not():
    code, fair = reproduce(4, ["code", "fair"], quick=True, progress=False)
    published = code.sweeps[1].at("published(jensen_shannon)", level=0.1)
    true = fair.sweeps[1].at("normalised(jensen_shannon)", level=0.1)
    assert published < 0.1 < 0.9 < true


def test_softmax_of_the_caption_recalls_less_and_less():
    (text,) = reproduce(2, "text", quick=True, progress=False)
    soft = [text.sweeps[0].at("normalised(manhattan)", "softmax(100)", size=size) for size in (20, 100)]
    hard = text.sweeps[0].at("normalised(manhattan)", "max", size=100)
    assert soft[1] < hard < soft[0]


def test_the_classical_network_of_the_published_code_sees_one_cue():
    from hopfield.analysis.experiments._capacity import stored_and_asked

    panel = panels(6, "code")[2]
    digits = load("digits", limit=20)
    cell = {"seed": 0, "run": 0, "stored": 20, "level": panel.levels[0], "cue": panel.cue, "coding": panel.coding}
    _, cues = stored_and_asked(digits.rows, digits.shape, cell)
    assert (cues == 1).all()


def test_a_file_in_the_variable_is_stored(tmp_path, monkeypatch):
    path = tmp_path / "mine.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), dtype=np.uint8))
    monkeypatch.setenv("HOPFIELD_DATA", str(path))
    found = reproduce("fig11", "fair", progress=False)
    assert [sweep.data for sweep in found[0].sweeps] == ["mine.npz"]


def test_other_data_and_fewer_runs_than_asked(tmp_path):
    np.savez(tmp_path / "mine.npz", images=np.random.default_rng(0).integers(0, 256, (60, 3, 8, 8), dtype=np.uint8))
    found = reproduce("fig14", "text", data=tmp_path / "mine.npz", runs=4, progress=False)
    assert [sweep.sizes for sweep in found[0].sweeps] == [(60,), (60,)]
    assert [sweep.runs for sweep in found[0].sweeps] == [1, 1]
    assert "mine.npz" in found[0].table()


def test_readings_side_by_side():
    found = reproduce(2, quick=True, progress=False)
    figure = plot_readings(found)
    assert len(figure.axes) == 3
    assert figure.axes[0].get_title().startswith("code: folded noise 0.25")
    with pytest.raises(ValueError, match="not mnist"):
        plot_readings(found, "mnist")
    with pytest.raises(ValueError, match="pictures and no curves"):
        plot_readings(reproduce(7, "fair", quick=True, progress=False))


@pytest.mark.parametrize(("figure", "reading"), [(2, "fair"), (6, "fair"), (14, "text")])
def test_titles_do_not_run_into_one_another(figure, reading):
    (found,) = reproduce(figure, reading, quick=True, progress=False)
    (picture,) = found.plot()
    picture.canvas.draw()
    boxes = [ax.title.get_window_extent() for ax in picture.axes]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    assert all(box.x0 >= 0 and box.x1 <= picture.bbox.x1 for box in boxes)


@pytest.mark.parametrize("figure", [1, 15, "fig1", "two", "0"])
def test_figures_that_are_not_there(figure):
    with pytest.raises(ValueError, match="Unknown figure"):
        reproduce(figure, quick=True)


@pytest.mark.parametrize("name", ["fig10", "Figure 10", "10", 10, "fig. 10"])
def test_names_of_figures(name):
    assert [one.number for one in reproduce(name, "fair", quick=True, progress=False)] == [10]


def test_unknown_readings():
    with pytest.raises(ValueError, match="Did you mean 'code'"):
        reproduce(2, "coed", quick=True)


QUICKEST = (2, 11)


def run_script(monkeypatch, folder, *arguments):
    """Run a script of examples/paper in a folder, as the command line does."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [str(one) for one in arguments])
    runpy.run_path(str(FOLDER / arguments[0]), run_name="__main__")


@pytest.mark.slow
def test_beyond_the_paper(tmp_path, monkeypatch, capsys):
    run_script(monkeypatch, tmp_path, "figure.py", "beyond", "--quick")
    assert "weighted median, one shot" in capsys.readouterr().out
    assert (tmp_path / "paper" / "beyond.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "number", [pytest.param(one, marks=[] if one in QUICKEST else pytest.mark.slow) for one in FIGURES]
)
def test_script(number, tmp_path, monkeypatch, capsys):
    run_script(monkeypatch, tmp_path, "figure.py", number, "--quick")
    printed = capsys.readouterr().out
    assert printed.startswith(f"Figure {number}. ")
    assert printed.count("; reading: ") == 3
    assert list(tmp_path.rglob("*.png"))


@pytest.mark.broad
def test_learned_similarities_beside_fixed_ones(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    run_script(monkeypatch, tmp_path, "learned.py", "--quick")
    printed = capsys.readouterr().out
    assert "likelihood of the noise" in printed
    assert "against manhattan: +0." in printed  # where the half is hidden
    assert (tmp_path / "learned.png").stat().st_size > 10_000


def test_the_script_of_the_figures_knows_which_there_are(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as left:
        run_script(monkeypatch, tmp_path, "figure.py", 9)
    assert left.value.code == 2
    assert "13, 14" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
