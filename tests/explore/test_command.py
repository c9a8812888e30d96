"""`hopfield explore`: what it stores, and how it starts and ends."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from helpers import call
from hopfield.commands.explore import stored


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def kept(array):
    np.save("given.npy", array)
    return stored(Path("given.npy"))


def test_points_of_the_plane():
    points = np.random.default_rng(0).normal(size=(5, 2)) * 30
    found = kept(points)
    assert found["patterns"] == points.tolist()
    assert found["shape"] is None


def test_images_keep_their_shape():
    images = np.random.default_rng(0).random((4, 3, 5))
    found = kept(images)
    assert found["shape"] == [3, 5]
    assert found["patterns"] == images.reshape(4, 15).tolist()
    assert found["names"] == ["pattern 0", "pattern 1", "pattern 2", "pattern 3"]


@pytest.mark.parametrize(("width", "shape"), [(16, [4, 4]), (12, [1, 12])])
def test_rows_become_squares_where_they_can(width, shape):
    assert kept(np.random.default_rng(0).random((3, width)))["shape"] == shape


def test_values_beyond_grey_are_mapped_and_that_is_said():
    given = np.random.default_rng(0).normal(size=(3, 16))
    with pytest.warns(UserWarning, match="stands for x"):
        found = kept(given)
    np.testing.assert_allclose(np.array(found["patterns"]) * np.ptp(given) + given.min(), given)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.full((2, 4), np.nan), "8 values"),
        (np.zeros((2, 3, 4, 4)), "grey images"),
        (np.zeros((2, 4097)), "at most"),
        (np.zeros((2001, 2)), "at most"),
        (np.zeros(()), ""),
    ],
    ids=["NaN", "colour", "wide", "many", "a number"],
)
def test_what_cannot_be_drawn(array, says):
    np.save("given.npy", array)
    assert says in call("explore", "given.npy", "--no-browser", code=2).output.replace("\n", " ")


def test_a_file_that_is_not_there():
    assert "none.npy" in call("explore", "none.npy", "--no-browser", code=2).output


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} cannot be opened" in call("explore", "--port", port, "--no-browser", code=2).output


def test_it_serves_until_it_is_interrupted():
    # A shell ignores interrupts for its jobs, and their children with it.
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heeds}; from hopfield.cli import main; main()", "explore", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            line = running.stdout.readline()
            url = re.match(r"http://127\.0\.0\.1:\d+/", line)[0]
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert answer.status == 200
                assert "'self'" in answer.headers["Content-Security-Policy"]
            running.send_signal(signal.SIGINT)
            _, errors = running.communicate(timeout=30)
        finally:
            running.kill()
    assert running.returncode == 0
    assert errors == ""
