"""Every example runs, says something, and draws its picture."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
ALL = sorted(file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*.py"))
EXAMPLES = [name for name in ALL if not name.startswith("paper/")]  # those have options: tests/analysis/test_paper.py


def test_there_are_examples():
    assert {"retrieve_digits.py", "euler_against_relaxation.py", "custom_network.py"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, tmp_path):
    # Without an argument the picture has the name of the script.
    arguments = [] if name == "custom_network.py" else ["picture.png"]
    command = [sys.executable, "-W", "error", str(FOLDER / name), *arguments]
    environment = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout
    (picture,) = tmp_path.iterdir()
    assert picture.name == (arguments or ["custom_network.png"])[0]
    assert picture.stat().st_size > 10_000
