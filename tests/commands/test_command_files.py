"""The files that commands take, the cues that they make, and what they print."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from PIL import Image
from typer.testing import CliRunner

from helpers import call, few
from hopfield.cli import app
from hopfield.commands._files import read
from hopfield.commands._settings import settings_of
from hopfield.data import load, load_array
from hopfield.models import catalogue

ROWS = np.random.default_rng(0).normal(size=(6, 4)).round(3)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, text):
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)


def lines(between, rows=ROWS):
    return "".join(between.join(map(str, row)) + "\n" for row in rows)


def refusal(*arguments, input=None):
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=input)
    assert result.exit_code == 2, result.output
    return " ".join(result.output.split())


# --- tables


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", lines(",")),
        ("a.csv", lines(";")),
        ("a.tsv", lines("\t")),
        ("a.txt", lines(" ")),
        ("a.txt", lines("   ")),
        ("a.txt", lines(", ")),
        ("a.dat", lines("\t")),
        ("a.csv", "\ufeff" + lines(",")),
        ("a.csv", lines(",").replace("\n", "\r\n")),
        ("a.csv", "# made by hand\n\n" + lines(",")),
        ("a.csv", "left,right,top,bottom\n" + lines(",")),
        ("a.csv", '"left, or so",right,top,bottom\n' + lines(",")),
        ("a.csv", lines(",").replace("0.", '"0.', 1).replace(",", '",', 1) if '"' in lines(",") else lines(",")),
        ("a.CSV", lines(",")),
    ],
    ids=range(14),
)
def test_tables(name, text):
    write(name, text)
    np.testing.assert_array_equal(load_array(name), ROWS)
    np.testing.assert_array_equal(load_array(name, limit=2), ROWS[:2])


def test_a_column_of_labels_is_no_value():
    write("a.csv", "Label,a,b\ncat,0,1\ndog,1,0.5\n")
    with pytest.warns(UserWarning, match=r"column of labels .* is left out"):
        np.testing.assert_array_equal(load_array("a.csv"), [[0, 1], [1, 0.5]])


def test_square_images_of_a_table_with_labels():
    rows = np.arange(18).reshape(2, 9) * 10
    write("a.csv", "label," + ",".join(f"p{i}" for i in range(9)) + "\n" + lines(",", np.c_[[7, 2], rows]))
    found = load("a.csv", dtype="float64")
    np.testing.assert_array_equal(found.labels, [7, 2])
    np.testing.assert_allclose(found.rows, rows / 255)
    assert found.shape == (1, 3, 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,2\n3,x\n", "line 2, column 2: 'x' is no number"),
        ("a,b\n1,2\n\n3,4,5\n", "line 4 has 3 columns, and the lines before it have 2"),
        ("label,a\n1,2\n\n3,4,5\n", "line 4 has 3 columns, and the lines before it have 2"),
        ("1,2\n3,\n", "line 2, column 2 is empty"),
        ("1;2,5\n", "decimals have a comma"),
        ("1,x\n2,3\n", "'x' is no number, and the line is no line of names"),
        ("a,b\n", "no line of numbers"),
        ("# nothing\n", "no line of numbers"),
        ("label\n1\n", "no column of values"),
        ("label,class,a\n1,2,3\n", "2 columns of labels"),
        ("1,2\0\n", "is no text"),
        ("", "it is empty"),
    ],
)
def test_tables_that_are_none(text, says):
    write("a.csv", text)
    with pytest.raises(ValueError, match=r"a\.csv") as caught:
        load_array("a.csv")
    assert says in str(caught.value)


def test_a_table_has_no_keys():
    write("a.csv", lines(","))
    with pytest.raises(ValueError, match="without keys"):
        load_array("a.csv", "images")


def test_bytes_that_are_no_text():
    with open("a.csv", "wb") as file:
        file.write(bytes(range(128, 256)))
    with pytest.raises(ValueError, match="cannot be read as a table"):
        load_array("a.csv")


# --- MATLAB


def test_matlab_files():
    scipy.io.savemat("a.mat", {"rows": ROWS, "who": "Ann", "sparse": scipy.sparse.csc_matrix(np.eye(3))})
    np.testing.assert_array_equal(load_array("a.mat", "rows"), ROWS)
    np.testing.assert_array_equal(load_array("a.mat", "rows", limit=2), ROWS[:2])
    np.testing.assert_array_equal(load_array("a.mat", "sparse"), np.eye(3))
    with pytest.raises(ValueError, match="holds 2 arrays: rows, sparse"):
        load_array("a.mat")
    with pytest.raises(ValueError, match="Did you mean 'rows'"):
        load_array("a.mat", "row")
    scipy.io.savemat("b.mat", {"images": np.zeros((2, 3, 3)), "labels": np.array([1, 2])})
    np.testing.assert_array_equal(load("b.mat").labels, [1, 2])


@pytest.mark.parametrize("content", [b"MATLAB 7.3 MAT-file" + bytes(200), b"no file of the kind" * 20, b"MATLAB 5.0"])
def test_matlab_files_that_are_none(content):
    header = content.ljust(124, b" ")[:124] + (b"\x00\x02IM" if b"7.3" in content else b"\x00\x01IM")
    with open("a.mat", "wb") as file:
        file.write(header + content)
    with pytest.raises(ValueError, match=r"a\.mat.*(7\.3|cannot be read|no arrays|0 arrays)"):
        load_array("a.mat")


# --- pictures, names, the standard input


def test_pictures_are_numbers_from_zero_to_one():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 4), dtype=np.uint8)
    path = "pictures"
    os.mkdir(path)
    for i, one in enumerate(pixels):
        Image.fromarray(one).save(f"{path}/{i}.png")
    np.testing.assert_allclose(read(path), pixels / 255)
    np.testing.assert_allclose(read(f"{path}/1.png"), pixels[1:2] / 255)
    assert "recalled.npy" in call("recall", path, "--noise", 0.01, "--similarity", "euclidean", "--beta", 50).output
    assert np.load("hopfield-recall/recalled.npy").shape == (3, 20)


def test_data_sets_by_name_unless_there_is_such_a_file():
    assert read("digits").shape == (1797, 8, 8)
    output = call("recall", "digits", "--stored", 20, "--noise", 0.05, "--similarity", "euclidean", "--beta", 20).output
    assert output.startswith("20 of 20 cues end nearest to their own pattern")
    with open("digits", "wb") as file:
        np.save(file, ROWS)
    np.testing.assert_array_equal(read("digits"), ROWS)


@pytest.mark.parametrize("kind", ["npy", "npz", "tsv", "csv", "mat", "png"])
def test_the_standard_input(kind):
    content = io.BytesIO()
    if kind == "npy":
        np.save(content, ROWS)
    elif kind == "npz":
        np.savez(content, rows=ROWS)
    elif kind == "mat":
        scipy.io.savemat(content, {"rows": ROWS})
    elif kind == "png":
        Image.fromarray(np.eye(4, dtype=np.uint8) * 255).save(content, "PNG")
    else:
        content.write(lines("," if kind == "csv" else "\t").encode())
    given = ["recall", "-", "--noise", "0.001", "--beta", "50", "--similarity", "euclidean", "--json"]
    if kind == "npy":  # once through a pipe
        command = [sys.executable, "-m", "hopfield", *given]
        printed = subprocess.run(command, input=content.getvalue(), capture_output=True, check=True).stdout
    else:
        result = CliRunner().invoke(app, given, input=content.getvalue())
        assert result.exit_code == 0, result.output
        printed = result.stdout
    found = json.loads(printed)
    assert all(found["right"])
    want = np.eye(4).reshape(1, 16) if kind == "png" else ROWS
    np.testing.assert_allclose(found["state"], want, atol=0.1)


def test_the_standard_input_once_and_with_something_in_it():
    assert "cannot both be -" in refusal("recall", "-", "-", input="1,2\n")
    assert "nothing comes from there" in refusal("recall", "-", "--noise", 0.1, input="")
    said = refusal("recall", "-", "--noise", 0.1, input="1,2\n3,x\n")
    assert "the standard input" in said
    assert "line 2, column 2" in said


# --- cues


def test_a_thousand_cues_of_six_patterns():
    np.save("rows.npy", ROWS)
    options = ("--similarity", "euclidean", "--beta", 50, "--noise", 0.01)
    call("recall", "rows.npy", "--cues", 1000, *options, "--out", "many")
    report = json.loads(Path("many/report.json").read_text())["results"]
    assert len(report["pattern"]) == 1000
    np.testing.assert_array_equal(report["pattern"], np.arange(1000) % 6)
    answers = np.load("many/recalled.npy")
    call("basins", "rows.npy", "--cues", 60, *options, "--resolution", 0, "--no-radii")
    assert len(np.unique(answers, axis=0)) >= 6
    np.save("images.npy", ROWS.reshape(6, 2, 2))
    assert "drawn anew" in refusal("recall", "images.npy", "--cues", 7, "--mask", 0.5)


def test_flipped_cues():
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], (3, 60))
    np.save("bits.npy", patterns)
    output = call("recall", "bits.npy", "--model", "classical", "--flip", 0.1, "--cues", 30, "--steps", 20).output
    assert output.startswith("30 of 30 cues end nearest to their own pattern")
    basins = ("basins", "bits.npy", "--model", "classical", "--flip", 0.2, "--seed", 3, "--resolution", 0, "--no-radii")
    report = json.loads(call(*basins, "--json").stdout)
    assert "each value flipped with probability 0.2, seed 3" in report["summary"]
    np.save("rows.npy", ROWS)
    assert "--binary" in refusal("recall", "rows.npy", "--flip", 0.1)
    assert "leave out QUERIES" in refusal("recall", "bits.npy", "bits.npy", "--flip", 0.1)


def test_tau_memory_is_an_option():
    np.save("rows.npy", ROWS)
    call("simulate", "rows.npy", "--noise", 0.1, "--tau-memory", 0, "--beta", 5, "--out", "slow")
    report = json.loads(Path("slow/report.json").read_text())
    assert "tau_memory=0" in report["settings"]["memory"]
    call("simulate", "rows.npy", "--noise", 0.1, "--set", "tau_memory=0", "--beta", 5, "--out", "slow")
    both = ("--set", "tau_memory=0", "--tau-memory", 0.5)
    assert "are both there" in refusal("recall", "rows.npy", "--noise", 0.1, *both)


# --- what is printed


@pytest.mark.parametrize(
    "arguments",
    few(
        [
            ("recall", "rows.npy", "--noise", 0.01, "--beta", 20),
            ("lyapunov", "rows.npy", "--noise", 0.01, "--cues", 2),
            ("models",),
            ("capacity", "--sizes", "2,5", "--runs", 1, "--similarity", "manhattan"),
            ("simulate", "rows.npy", "--noise", 0.01, "--beta", 20, "--cues", 2),
            ("fixed-points", "rows.npy", "--stored", 2, "--batches", 1),
            ("basins", "rows.npy", "--noise", 0.01, "--stored", 2, "--resolution", 0),
            ("landscape", "rows.npy", "--stored", 2, "--beta", 5),
            ("beta", "rows.npy"),
            ("bifurcation", "rows.npy", "--stored", 2, "--from", 0.1, "--to", 2),
            ("models", "dense"),
            ("demo", "--stored", 10, "--cues", 5),
            ("reproduce", "fig2", "--quick", "--reading", "text", "--runs", 1),
        ],
        4,
        spread=False,
    ),
    ids=lambda arguments: " ".join(map(str, arguments[:2])),
)
def test_json_is_all_that_is_printed(arguments):
    np.save("rows.npy", ROWS)
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)


def test_the_verdict_comes_first():
    np.save("rows.npy", ROWS)
    options = ("--similarity", "euclidean", "--beta", 50, "--noise", 0.01)
    assert call("recall", "rows.npy", *options).output.startswith(
        "6 of 6 cues end nearest to their own pattern; 6 were"
    )
    found = call("simulate", "rows.npy", *options).output.replace("\n", " ")
    assert found.startswith("6 of 6 cues end nearest to their own pattern. The energy fell in every run.")
    assert call("lyapunov", "rows.npy", *options).output.startswith("The energy falls")
    assert call("basins", "rows.npy", *options, "--resolution", 0).output.startswith(
        "6 of 6 cues reach their own pattern"
    )
    assert "fixed points: " in call("fixed-points", "rows.npy", "--stored", 2).output.split("\n")[0]
    assert "minima, and" in call("landscape", "rows.npy", "--stored", 2, "--beta", 5).output.split("\n")[0]


# --- settings


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_every_setting_of_a_model_is_listed_with_what_it_is(entry):
    output = " ".join(call("models", entry.name).output.split())
    for one in settings_of(entry):
        assert one.meaning, one.name
        assert one.name in output.replace("--tau-memory", "tau_memory")
    said = refusal("recall", "bits.npy", "--model", entry.name, "--set", "foo=1", "--flip", 0.1) if bits() else ""
    if "has no setting 'foo'" in said:
        assert f"hopfield models {entry.name}" in said
        assert all(one.name in said for one in settings_of(entry))
    else:
        assert entry.name in ("sdm", "bidirectional", "hierarchical"), said


def bits():
    np.save("bits.npy", np.random.default_rng(0).choice([-1.0, 1.0], (3, 16)))
    return True


def test_a_model_that_is_not_there():
    assert "Did you mean 'dense'" in refusal("models", "dens")


# --- beta and bifurcations


def test_beta_is_what_the_library_advises():
    from hopfield import ModernHopfield, beta_advice, critical_beta

    np.save("rows.npy", np.eye(3))
    found = json.loads(call("beta", "rows.npy", "--json").stdout)
    advice = beta_advice(ModernHopfield(np.eye(3)))
    np.testing.assert_allclose(found["needed"], advice.needed)
    assert found["critical"]["critical"] == critical_beta(ModernHopfield(np.eye(3))).critical
    text = call("beta", "rows.npy").output
    assert text.startswith("beta >= 0.69315 gives 90% of the patterns")
    assert "loses stability at beta = 3" in text
    assert "not for manhattan" in refusal("beta", "rows.npy", "--similarity", "manhattan")


def test_a_pitchfork_is_found_in_the_usual_range():
    np.save("rows.npy", np.array([[1.0, 0.0], [-1.0, 0.0]]))
    found = json.loads(call("bifurcation", "rows.npy", "--json").stdout)
    assert [one["kind"] for one in found["bifurcations"]] == ["pitchfork"]
    assert found["bifurcations"][0]["parameter"] == pytest.approx(1.0)
    assert "--from X --to Y" in refusal("bifurcation", "rows.npy", "--parameter", "leak")
    assert "--from X --to Y" in refusal("bifurcation", "rows.npy", "--similarity", "manhattan")


# --- the program


def test_python_m_hopfield():
    done = subprocess.run([sys.executable, "-m", "hopfield", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("hopfield ")


def test_completion_is_offered():
    assert "--install-completion" in call("--help").output
