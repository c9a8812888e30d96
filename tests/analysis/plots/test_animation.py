"""Moving pictures: what each frame shows, how many there are, themes, files, and what is refused."""

import itertools
import shutil

import numpy as np
import pytest
from PIL import Image

from helpers import LIBRARIES, to_library
from hopfield import ModernHopfield, Relaxation, RungeKutta, UniversalHopfield, simulate
from hopfield.analysis import animate, energy_network
from hopfield.analysis.plots._animation import DARK, LIGHT, _Movie

ROWS = np.random.default_rng(0).choice([0.0, 1.0], (5, 12))
CUES = 0.7 * ROWS[:3] + 0.1
MEMORY = UniversalHopfield(ROWS, "euclidean", beta=3.0)
RUN = simulate(MEMORY, CUES, t1=2.0, integrator=Relaxation(0.1))


def frames(path):
    with Image.open(path) as picture:
        found, lasts = [], []
        for k in range(picture.n_frames):
            picture.seek(k)
            found.append(np.asarray(picture.convert("RGB"), dtype=float))
            lasts.append(picture.info["duration"])
    return found, lasts


def test_a_gif_has_the_frames_that_were_asked_for(tmp_path):
    path = animate(RUN, tmp_path / "run.gif", shape=(3, 4), sample=1, seconds=0.4, fps=10, hold=0.5)
    found, lasts = frames(path)
    assert list(tmp_path.iterdir()) == [path]
    assert sum(lasts) == pytest.approx(1000, abs=10)  # 5 frames of a tenth of a second, and half a second more
    assert found[0].shape == (340, 720, 3)
    gaps = [np.abs(a - b).mean() for a, b in itertools.pairwise(found)]
    assert min(gaps) > 0
    for corner in (found[0][0, 0], found[-1][-1, -1]):
        np.testing.assert_allclose(corner, 255, atol=3)


def test_dark_paper_is_dark(tmp_path):
    found, _ = frames(animate(RUN, tmp_path / "run.gif", seconds=0.2, fps=5, hold=0, dark=True))
    np.testing.assert_allclose(found[0][0, 0], [13, 17, 23], atol=4)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_frame_shows_the_state_the_overlap_and_the_energy_of_its_moment(library):
    run = simulate(MEMORY.to(library), to_library(CUES, library), t1=2.0, integrator=Relaxation(0.1))
    movie = _Movie(run, None, 2, (3, 4), LIGHT, "")
    for time in (0.0, 0.55, 2.0):
        movie.show(time)
        at = [np.interp(time, RUN.times, RUN.states["value"][:, 2, k]) for k in range(12)]
        np.testing.assert_allclose(movie.image.get_array(), np.reshape(at, (3, 4)), atol=1e-9)
        (overlap, point, _), (energy, _, _) = movie.curves
        g = RUN.states["value"][:, 2]
        cosines = (g @ ROWS[2]) / np.linalg.norm(g, axis=1) / np.linalg.norm(ROWS[2])
        np.testing.assert_allclose(point.get_ydata(), [np.interp(time, RUN.times, cosines)], atol=1e-9)
        np.testing.assert_allclose(energy.get_data()[1][-1], np.interp(time, RUN.times, RUN.energy[:, 2]), atol=1e-9)
        np.testing.assert_allclose(overlap.get_data()[0][-1], time)
    assert movie.face.get_title() == "t = 2.0"


def test_bars_without_a_shape_clocks_of_samples_and_updates():
    movie = _Movie(simulate(MEMORY, CUES, t1=2.0, integrator=RungeKutta()), MEMORY, 0, None, DARK, "Recall")
    assert len(movie.bars) == 12
    assert movie.figure.get_suptitle() == "Recall"
    updates = _Movie(simulate(MEMORY, CUES, t1=3, integrator=Relaxation(np.inf)), MEMORY, 0, (3, 4), LIGHT, "")
    run = simulate(MEMORY, CUES, t1=3, integrator=Relaxation(np.inf))
    updates.show(1.9)
    np.testing.assert_allclose(updates.image.get_array().ravel(), run.states["value"][1, 0])  # until the next update
    assert updates.face.get_title() == "update 1"


def test_a_network_without_patterns_has_no_overlaps(tmp_path):
    bowl = energy_network(lambda x: (x * x).sum(-1) / 2, 2, lambda x: x)
    run = simulate(bowl, {"x": np.array([1.0, -2.0])}, t1=2.0)
    assert len(_Movie(run, None, 0, None, LIGHT, "").curves) == 1
    assert animate(run, tmp_path / "bowl.gif", seconds=0.2, fps=5).stat().st_size > 2000


def test_colours(tmp_path):
    rows = np.random.default_rng(0).random((3, 12))
    run = simulate(ModernHopfield(rows, beta=8.0), rows[0], t1=1.0)
    assert _Movie(run, None, 0, (3, 2, 2), LIGHT, "").image.get_array().shape == (2, 2, 3)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_an_mp4(tmp_path):
    assert animate(RUN, tmp_path / "run.mp4", seconds=0.5).read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"path": "run.avi"}, ValueError, r"is a .gif or an .mp4, and 'run.avi' is neither"),
        ({"path": "nowhere/run.gif"}, FileNotFoundError, "There is no folder"),
        ({"shape": (5, 5)}, ValueError, r"have 25 pixels, and the state has 12 neurons|25 pixels"),
        ({"sample": 7}, ValueError, "There is no sample 7: there are 3"),
        ({"seconds": 0}, ValueError, "seconds must be"),
        ({"seconds": 1e9}, ValueError, "The frames would need"),
        ({"fps": 0}, ValueError, "fps must be"),
        ({"hold": 250}, ValueError, "hold must be"),
        ({"dark": 1}, TypeError, "dark must be"),
        ({"progress": np.array([True, False])}, TypeError, "progress must be"),
        ({"title": "one\x00two"}, ValueError, "title holds the control character"),
        ({"trajectory": 3}, TypeError, "animate draws what simulate returns"),
        ({"trajectory": RUN.between(2.0)}, ValueError, "only the time 2 was saved"),
        ({"memory": ROWS[:, :4]}, ValueError, "4"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(settings, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        animate(**{"trajectory": RUN, "path": "run.gif", **settings})
    assert list(tmp_path.iterdir()) == []


def test_without_ffmpeg_an_mp4_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match=r"ffmpeg, which is not installed here: write a \.gif"):
        animate(RUN, tmp_path / "run.mp4")
