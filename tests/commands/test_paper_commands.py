"""The commands of the paper's experiments."""

import pytest

from helpers import call
from hopfield.commands.paper import listed


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commas_in_brackets_do_not_cut():
    assert listed("dot, normalised(kl, 0.01),softmax(3)") == ["dot", "normalised(kl, 0.01)", "softmax(3)"]


@pytest.mark.parametrize("kind", ["capacity", "robustness"])
def test_an_experiment_goes_on_where_it_was(folder, kind):
    axis = ("--sizes", "5,20") if kind == "capacity" else ("--levels", "0.2,0.6", "--size", "20")
    given = (kind, "--similarity", "manhattan,normalised(dot)", "--runs", "2", *axis)
    first = call(*given).output
    cells = (folder / f"hopfield-{kind}" / "cells.jsonl").read_bytes()
    assert "normalised(dot)" in first
    assert (folder / f"hopfield-{kind}" / f"{kind}.png").stat().st_size > 3000
    lines = cells.splitlines(keepends=True)
    (folder / f"hopfield-{kind}" / "cells.jsonl").write_bytes(b"".join(lines[:-1]))
    assert call(*given).output == first
    assert (folder / f"hopfield-{kind}" / "cells.jsonl").read_bytes() == cells


def test_reproduce_one_figure(folder):
    text = call("reproduce", "fig2", "--reading", "code", "--quick").output
    assert "reading: code" in text
    assert {file.name for file in (folder / "hopfield-paper").iterdir()} >= {"fig02_code.png", "fig02_code.txt"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("reproduce", "fig9", "--quick"), "Figure 9 learns from a text"),
        (("reproduce", "fig15", "--quick"), "Unknown figure"),
        (("reproduce", "fig2", "--reading", "cod"), "Did you mean 'code'"),
        (("reproduce", "fig2", "--reading", ",", "--quick"), "reading"),
        (("capacity", "--sizes", "10,many"), "list of numbers"),
        (("capacity", "--sizes", "2.5"), "whole numbers"),
        (("capacity", "--cue", "nois"), "Did you mean 'noise'"),
        (("capacity", "--data", "nothing.npz"), "nothing.npz"),
        (("capacity", "--sizes", "2000"), "digits"),
    ],
)
def test_bad_input_is_one_line(arguments, words):
    result = call(*arguments, code=2)
    assert words in result.output
    assert result.output.count("\n") == 1
