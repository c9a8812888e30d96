"""Every example runs, says something, draws its picture, and takes its options as programs do."""

import ast
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
ALL = sorted(file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*.py"))
EXAMPLES = [name for name in ALL if not name.startswith("paper/")]  # those are run by tests/analysis/test_paper.py

LESS = {
    "hopfield_layer.py": ["--epochs", "5"],
    "analysis/radii_of_digits.py": ["--digits", "3"],
    "analysis/basins_in_a_plane.py": ["--resolution", "40"],
}
# The numbers that an example prints, and which its text, its picture or the pages of docs/ speak of.
SAYS = {
    "retrieve_digits.py": ["48 of 50 recalled", "The energy falls over all"],
    "euler_against_relaxation.py": [
        "Euler, dt = 0.3        The energy falls",
        "Euler, dt = 3          The energy rises 120 times in 120 steps",
        "Relaxation, dt = 3     The energy falls",
        "Relaxation, dt = inf   The energy falls",
    ],
    "stiff_by_four_methods.py": ["Relaxation, dt = 0.5: 12 steps", "Rosenbrock, tolerance 1e-3: 16 steps"],
    "custom_network.py": ["energy falls, error 3.1e-02, 61 evaluations", "Euler(1.2)       energy rises"],
    "models/classical.py": ["hebbian         4: 100%, 8: 100%", "10 of 10 cues end at a fixed point."],
    "models/compare_on_digits.py": ["│ modern                    │           77 │          79 │"],
    "models/continuous_sdm.py": ["radius 22: 1156 locations shared at most, weights within a factor 1.20"],
    "models/dense.py": [
        "n = 2: K = 16, 29, 57, 113, slope 0.94",
        "n = 3: K = 29, 92, 331, 1058, slope 2.07",
        "slope 3.07",
    ],
    "models/exponential.py": [
        "classical, F = x^2   recalls 90 % of up to 6",
        "exponential          recalls 90 % of up to 10000",
    ],
    "models/heteroassociation.py": ["names found: 100%", "digits found from their names: 100%", "The energy falls"],
    "models/hierarchical.py": ["90% of 30 digits", "The energy falls"],
    "models/modern.py": ["all of the cue   51%", "masked look-up   78%", "clamped          93%"],
    "models/predictive.py": ["nearest to its own digit 86%", "universal, euclidean: nearest to its own digit 100%"],
    "models/sequence.py": ["softmax, beta = 2     4 5 6 7 8 9 0 1 2 3 4 5", "softmax, beta = 0.45  4 5 6 7 8 9 6 1 8"],
    "models/sparse_distributed.py": ["critical distance: 48 of 256 bits", "cues 20 bits away: 100% converge"],
    "several_hosts.py": ["1000 patterns on 2 hosts", "after t = 10 the cues are at patterns [0, 501]"],
    "analysis/basins_in_a_plane.py": ["metastable(2)", "7 fixed points in it"],
    "analysis/bifurcation.py": [
        "pitchfork      at beta = 1\n",
        "fold           at beta = 1.3722359",
        "Every memory exists from beta = 2.74564 on",
        "branch point   at beta = 3, 2 modes",
    ],
    "analysis/collapse_and_speciation.py": ["n=20000, d=32: t_C=0.387", "two classes in d=32: t_S=1.738"],
    "analysis/diffusion_on_a_circle.py": ["from sigma = 0.54 on", "off by up to 6.1e-02"],
    "analysis/in_context_denoising.py": [
        "one step           0.0207  0.0667  0.1584  0.2470  0.3025",
        "Bayes              0.0204  0.0663  0.1584  0.2468  0.3023",
    ],
    "analysis/disconnectivity_of_digits.py": ["10 of 10 minima, 15 saddles of index 1"],
    "analysis/radii_of_digits.py": [
        "99 of 100 patterns have a certified radius, from 0.07548 to 0.4976",
        "recalled from the witnesses: 0%; pushed as far at random: 100%",
    ],
}

NEEDS = {"models/autoencoder.py": "torch"}


def test_there_are_examples():
    assert {"retrieve_digits.py", "euler_against_relaxation.py", "custom_network.py"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_a_title_for_the_gallery(name):
    text = ast.get_docstring(ast.parse((FOLDER / name).read_text(encoding="utf-8"))) or ""
    title, line, *_ = [*text.splitlines(), "", ""]
    assert title, "the docstring begins with a title"
    assert not title.endswith("."), "a title has no full stop"
    assert line == "=" * len(title), "the title is underlined with ="


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
    missing = [text for text in SAYS.get(name, []) if text not in done.stdout]
    assert not missing, done.stdout
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
