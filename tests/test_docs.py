"""Skeletons of docs/developer do what they say; pages of the API miss nothing; the checks of pages see faults."""

import ast
import configparser
import importlib
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from helpers import LIBRARIES, to_library, to_numpy
from hopfield import find_fixed_points, simulate
from hopfield.dynamics import Quadratic
from hopfield.dynamics.integrators import INTEGRATORS
from hopfield.models import ModernHopfield, UniversalHopfield, separations, similarities

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "developer"
KINDS = ("similarity", "separation", "synapse", "integrator", "model", "analysis")
PATTERNS = np.random.default_rng(5).choice([-1.0, 1.0], (2, 8))
CUE = 0.8 * PATTERNS[0] * np.where(np.arange(8) == 1, -1.0, 1.0)


@pytest.fixture
def skeleton():
    """What a skeleton defines; the names that it registers are taken back."""
    registries = (similarities, separations, INTEGRATORS)
    before = [dict(one.entries) for one in registries]

    def read(kind, name="skeleton"):
        return runpy.run_path(str(FOLDER / f"{kind}.py"), run_name=name)

    yield read
    for one, entries in zip(registries, before, strict=True):
        one.entries.clear()
        one.entries.update(entries)


def test_there_is_a_skeleton_for_each_kind():
    assert {file.stem for file in FOLDER.glob("*.py")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_skeleton_runs_and_says_something(kind, skeleton, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    skeleton(kind, "__main__")
    printed = capsys.readouterr()
    assert printed.err == ""
    assert len(printed.out) > 30
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_similarity_is_the_euclidean_one_at_p_2(skeleton, library):
    skeleton("similarity")
    mine, ours = (UniversalHopfield(PATTERNS, kind, beta=0.5).to(library) for kind in ("minkowski(2)", "euclidean"))
    cue = to_library(CUE, library)
    np.testing.assert_allclose(to_numpy(mine.recall(cue)), to_numpy(ours.recall(cue)), rtol=1e-10)
    np.testing.assert_allclose(float(mine.energy(cue)), float(ours.energy(cue)), rtol=1e-10)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_separation_gives_the_gradient_of_its_value(skeleton, library):
    law = skeleton("separation")["Cauchy"]()
    x, u = np.linspace(-3, 3, 8), np.eye(8)
    slope = [(float(law.value(x + 1e-6 * e)) - float(law.value(x - 1e-6 * e))) / 2e-6 for e in u]
    given = to_library(x, library)
    np.testing.assert_allclose(to_numpy(law.activation(given)), slope, atol=1e-8)
    ends = (law.activation(x + 1e-6) - law.activation(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(to_numpy(law.curvature(given, to_library(np.ones(8), library))), ends, atol=1e-8)


def test_the_integrator_is_of_second_order(skeleton):
    skeleton("integrator")
    memory = ModernHopfield(PATTERNS, beta=0.3, tau_memory=0.5)
    exact = simulate(memory, CUE, t1=1.0, integrator="dopri5").final["value"]
    errors = [
        np.abs(simulate(memory, CUE, t1=1.0, integrator=f"trapezoid({dt})").final["value"] - exact).max()
        for dt in (0.1, 0.05)
    ]
    assert 3.3 < errors[0] / errors[1] < 5.0


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_synapse_pulls_to_its_place(skeleton, library):
    from hopfield.dynamics import Network, Population

    place = to_library(np.array([1.0, -2.0]), library)
    network = Network({"x": Population(Quadratic(), 2)}, [skeleton("synapse")["Tether"](place, 3.0)])
    run = simulate(network, {"x": 0 * place}, t1=30.0)
    np.testing.assert_allclose(to_numpy(run.final["x"]), [0.75, -1.5], atol=1e-4)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_model_keeps_the_contract(skeleton, library, tmp_path):
    kind = skeleton("model")["Graded"]
    memory, plain = kind(PATTERNS).to(library), kind(PATTERNS)
    cue = to_library(CUE, library)
    for batch in (cue, to_library(np.stack([CUE, PATTERNS[1]]), library)):
        assert memory.energy(batch).shape == batch.shape[:-1]
        found = memory.retrieve(batch)
        assert found.state.shape == batch.shape
        assert (to_numpy(found.energy) < to_numpy(memory.energy(batch))).all()
    np.testing.assert_allclose(to_numpy(memory.recall(cue)), plain.recall(CUE), rtol=1e-9)
    assert int(memory.retrieve(cue).pattern) == 0
    back = kind.load(memory.replace(beta=2.0).save(tmp_path / "mine"))
    np.testing.assert_array_equal(back.memories, PATTERNS)
    assert back.beta == 2.0
    with pytest.raises(ValueError, match=r"query has shape \(3,\)"):
        memory.energy(np.ones(3))


def test_the_analysis_finds_the_barrier_of_the_census(skeleton):
    memory = ModernHopfield(np.eye(2), beta=8.0)
    found = skeleton("analysis")["speeds"](memory, *find_fixed_points(memory, seed=0).select([0, 1]).activation)
    census = find_fixed_points(memory, seed=0)
    rise = census.energy[census.index == 1].min() - census.energy[census.index == 0].max()
    np.testing.assert_allclose(found.barrier, rise, atol=1e-6)
    assert found.speed[[0, 50, -1]].max() < 1e-6 < found.speed[25]


@pytest.fixture
def extension(monkeypatch):
    """A module of docs/_ext by its name."""
    monkeypatch.syspath_prepend(FOLDER.parent / "_ext")
    return importlib.import_module


def test_every_public_name_has_one_page(tmp_path, extension):
    api = extension("api")
    api.write(tmp_path)
    pages = {file.stem for file in (tmp_path / "names").glob("*.rst")}
    shown = [entry for entry in api.entries() if f"{entry.path}" in pages]
    assert len({id(entry.thing) for entry in shown if callable(entry.thing)}) > 200
    for face in api.faces():
        for name in api.exported(face):
            assert any(entry.name == name and entry.thing is getattr(face, name) for entry in shown), (face, name)
    # Each is listed by exactly one room, and each room by the page of the API.
    listed = re.findall(r"names/(\S+)", "".join(file.read_text() for file in tmp_path.glob("*.rst")))
    assert sorted(listed) == sorted(pages)
    rooms = re.findall(r"^   (\w[\w.]*)$", (tmp_path / "rooms.inc").read_text(), re.MULTILINE)
    assert {file.stem for file in tmp_path.glob("*.rst")} == set(rooms)


def test_examples_import_names_by_the_path_of_their_page(extension):
    """So that the page of a name shows the examples that use it."""
    entries = {(entry.name, id(entry.thing)): entry for entry in extension("api").entries()}
    used, elsewhere = set(), []
    for file in [*(ROOT / "examples").rglob("*.py"), *(ROOT / "docs" / "tutorials").glob("*.py")]:
        for line in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(line, ast.ImportFrom) and (line.module or "").split(".")[0] == "hopfield"):
                continue
            for alias in line.names:
                thing = getattr(importlib.import_module(line.module), alias.name)
                entry = entries.get((alias.name, id(thing)))
                if entry is None or not callable(thing):
                    continue
                used.add(entry.path)
                if not (f"{thing.__module__}.".startswith(f"{line.module}.") or entry.path.startswith(line.module)):
                    elsewhere.append((file.name, line.module, alias.name, entry.path))
    assert not elsewhere
    assert len(used) > 60
    assert {"hopfield.layers.fit", "hopfield.layers.torch.HopfieldLayer", "hopfield.simulate"} <= used


def test_names_in_the_text_of_pages_have_a_page(extension):
    paths = {entry.path for entry in extension("api").entries()}
    named = {
        (file.name, path)
        for file in (ROOT / "docs").rglob("*.md")
        for path in re.findall(r"\{py:obj\}`[^`<]*<(hopfield[\w.]*)>`", file.read_text(encoding="utf-8"))
    }
    assert len(named) > 30
    assert not [one for one in named if one[1] not in paths]


def test_the_page_of_a_name_shows_where_it_is_used(extension):
    api = extension("api")
    (sparse,) = [entry for entry in api.entries() if entry.name == "ContinuousSDM"]
    assert ".. minigallery:: hopfield.ContinuousSDM hopfield.ContinuousSDM.from_radius" in api.page(sparse, {})
    assert all(f".. minigallery:: {entry.path}" in api.page(entry, {}) for entry in api.entries())


def test_the_check_sees_what_an_example_does_not_say(tmp_path, extension):
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "one.html").write_text(
        '<div class="sphx-glr-script-out x"><pre>4 &lt; 5\n<b>x</b></pre></div>'
    )
    unsaid = extension("check").unsaid
    assert unsaid(tmp_path, {"one.py": ["4 < 5", "x"]}) == []
    assert unsaid(tmp_path, {"one.py": ["4 > 5"], "two.py": ["x"]}) == [
        "one.py does not print '4 > 5'",
        "two.py has no page in the gallery",
    ]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("|M_i - g|^2 falls", [r"\|M_i - g\|^2 falls"]),
        ("a star * b, and *c* d", [r"a star \* b, and *c* d"]),
        ("see `simulate` and `x`", ["see :py:obj:`simulate <hopfield.simulate>` and ``x``"]),
        ("`simulate(t1=2)`, `x = 2`, `a_`_", [":py:obj:`simulate(t1=2) <hopfield.simulate>`, ``x = 2``, `a_`_"]),
        ("It is\n\n    E = |v|^2\n\nand falls", ["It is", "", ".. code-block:: none", "   :class: formula", ""]),
        (">>> a | b\n`x`", [">>> a | b", "`x`"]),
    ],
)
def test_docstrings_are_read_as_they_are_typed(typed, read, extension, monkeypatch):
    docstrings = extension("docstrings")
    monkeypatch.setitem(docstrings.LINKS, "simulate", "hopfield.simulate")
    assert docstrings.formulas(typed.split("\n"))[: len(read)] == read


def test_who_made_it_and_where_it_lives_is_said_in_one_place():
    """setup.cfg says it; what repeats it agrees, and pages read it from there."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    known = parser["metadata"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for author in known["author"].split(", "):
        assert f'name: "{author}"' in citation
    assert f"\nlicense: {known['license']}\n" in citation
    assert re.findall(r"^repository-code: (.*)$", citation, re.MULTILINE) == ([known["url"]] if "url" in known else [])
    pages = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("docs/conf.py", "README.md"))
    assert known["author"] not in pages


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('<script src="https://cdn.example.org/a.js"></script>', "loads https://cdn.example.org/a.js"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "loads //example.org/a.css"),
        ("<style>@import url(https://example.org/font)</style>", "loads https://example.org/font"),
        ('<a href="nowhere.html">x</a>', "points to nowhere.html, which is not there"),
        ('<a href="other.html#no">x</a>', "points to other.html#no, which has no such place"),
        ('<a href="https://example.org">x</a><a href="other.html#yes">x</a><img src="data:image/png;base64,">', None),
    ],
)
def test_the_check_sees_what_is_loaded_from_elsewhere_and_links_without_an_end(text, fault, tmp_path, extension):
    (tmp_path / "page.html").write_text(text)
    (tmp_path / "other.html").write_text('<p id="yes">')
    faults = extension("check").faults(tmp_path)
    assert len(faults) == (fault is not None)
    assert fault is None or fault in faults[0]
