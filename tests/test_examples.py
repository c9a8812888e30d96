"""Every example runs, says something, draws its picture, and takes its options as programs do."""

import ast
import importlib
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
ALL = sorted(file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*.py"))
# Those that take a second or two; the others are slow tests, and all of them run when the pages are built.
CHEAP = ("custom_network.py", "models/heteroassociation.py", "models/sequence.py", "retrieve_digits.py")
NEEDS = {
    **dict.fromkeys(("hopfield_layer.py", "models/autoencoder.py", "paper/learned.py"), "torch"),
    "several_hosts.py": "jax",
}


@pytest.fixture
def extension(monkeypatch):
    """A module of docs/_ext by its name."""
    monkeypatch.syspath_prepend(FOLDER.parent / "docs" / "_ext")
    return importlib.import_module


def options(name, gallery):
    """What the gallery gives to an example; its picture, or the folder of its pictures, is `picture`."""
    return [*gallery.OPTIONS.get(Path(name).name, []), "--out", "picture.png"]


def spoken(says, name, printed):
    """The lines that an example should print, and does not."""
    return [text for text in says.SAYS[name] if text not in printed]


def test_of_every_example_it_is_known_what_it_says(extension):
    assert sorted(extension("says").SAYS) == ALL
    assert all(extension("says").SAYS.values())
    assert set(CHEAP) | set(NEEDS) <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_an_example_has_a_title_for_the_gallery(name):
    text = ast.get_docstring(ast.parse((FOLDER / name).read_text(encoding="utf-8"))) or ""
    title, line, *_ = [*text.splitlines(), "", ""]
    assert title, "the docstring begins with a title"
    assert not title.endswith("."), "a title has no full stop"
    assert line == "=" * len(title), "the title is underlined with ="


@pytest.mark.parametrize("name", CHEAP)
def test_a_cheap_example(name, tmp_path, monkeypatch, capsys, extension):
    # Without an option the picture has the name of the script.
    given = [] if name == "custom_network.py" else options(name, extension("gallery"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *given])
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    printed = capsys.readouterr()
    assert printed.err == ""
    assert not spoken(extension("says"), name, printed.out), printed.out
    (picture,) = tmp_path.iterdir()
    assert picture.name == (given or ["custom_network.png"])[-1]
    assert picture.stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_example(name, tmp_path, extension):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    command = [sys.executable, "-W", "error", str(FOLDER / name), *options(name, extension("gallery"))]
    environment = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not spoken(extension("says"), name, done.stdout), done.stdout
    pictures = [file for file in tmp_path.rglob("*.png") if file.is_file()]
    assert pictures
    assert min(file.stat().st_size for file in pictures) > 10_000


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


# Of each example what used to be taken for the name of a picture, and of one the other mistakes.
MISTAKES = [(name, ["picture.png"]) for name in ALL]
MISTAKES += [("custom_network.py", given) for given in (["--out", "--help"], ["--out"], ["--picture", "x.png"])]


@pytest.mark.parametrize(("name", "arguments"), MISTAKES)
def test_what_is_no_option_is_refused(name, arguments, tmp_path, monkeypatch, capsys):
    assert ended(name, arguments, tmp_path, monkeypatch) == 2
    assert "usage:" in capsys.readouterr().err
