"""Every example runs, says something, draws its picture, and takes its options as programs do."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
ALL = sorted(file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*.py"))
EXAMPLES = [name for name in ALL if not name.startswith("paper/")]  # those are run by tests/analysis/test_paper.py

LESS = {"analysis/radii_of_digits.py": ["--digits", "3"], "analysis/basins_in_a_plane.py": ["--resolution", "40"]}

NEEDS = {"models/autoencoder.py": "torch"}


def test_there_are_examples():
    assert {"retrieve_digits.py", "euler_against_relaxation.py", "custom_network.py"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    # Without an option the picture has the name of the script.
    arguments = [] if name == "custom_network.py" else ["--out", "picture.png"]
    command = [sys.executable, "-W", "error", str(FOLDER / name), *LESS.get(name, []), *arguments]
    environment = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout
    (picture,) = tmp_path.iterdir()
    assert picture.name == (arguments or ["custom_network.png"])[-1]
    assert picture.stat().st_size > 10_000


def ended(name, arguments, folder, monkeypatch):
    """The exit code of an example that ends before it has computed anything."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(FOLDER / name), run_name="__main__")
    assert list(folder.iterdir()) == []
    return left.value.code


@pytest.mark.parametrize("name", ALL)
def test_help_explains_and_writes_nothing(name, tmp_path, monkeypatch, capsys):
    assert ended(name, ["--help"], tmp_path, monkeypatch) == 0
    assert "--out" in capsys.readouterr().out


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("arguments", [["--out", "--help"], ["--out"], ["picture.png"], ["--picture", "x.png"]])
def test_what_is_no_option_is_refused(name, arguments, tmp_path, monkeypatch, capsys):
    assert ended(name, arguments, tmp_path, monkeypatch) == 2
    assert "usage:" in capsys.readouterr().err
