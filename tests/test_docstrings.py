"""Every example in a docstring runs, and everything public has one.

The examples are those of the installed package. Each runs in an empty folder and, as is usual for
doctest, with the names of the module that it stands in; it imports anything else, NumPy included.
"""

import doctest
import importlib
import inspect
import pkgutil
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

import hopfield

LAYERS = ("hopfield.layers.equinox", "hopfield.layers.torch")
PUBLIC = ("hopfield.dynamics", "hopfield.models", "hopfield.layers", "hopfield.analysis", *LAYERS)
OPTIONAL = {"diffrax", "equinox", "jax", "lineax", "optimistix", "pandas", "torch", "torchdiffeq", "xarray"}
OF_JAX = ("diffrax", "equinox", "jax")  # examples that it compiles are broad tests
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def _absent(name):
    """Return the optional package that is not installed and that importing `name` needs, if any."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in OPTIONAL:
            raise
        return missing
    return None


def _examples():
    """Return one parameter for each docstring with examples, in every module."""
    names = [m.name for m in pkgutil.walk_packages(hopfield.__path__, "hopfield.")]
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = []
    for name in ["hopfield", *sorted(names)]:
        if missing := _absent(name):
            skip = pytest.mark.skip(reason=f"needs {missing}")
            found.append(pytest.param(None, id=name, marks=skip))
            continue
        tests = finder.find(importlib.import_module(name), name)
        for test in sorted(tests, key=_place):
            if test.examples:
                jax = any(package in e.source for e in test.examples for package in OF_JAX)
                found.append(pytest.param(test, id=test.name, marks=pytest.mark.broad if jax else ()))
    return found


def _place(test):
    return (test.filename or "", test.lineno or 0, test.name)


def _is_documented(thing):
    return inspect.isroutine(thing) or (inspect.isclass(thing) and not issubclass(thing, BaseException))


def _public(face):
    """Every public function and class of a face, by name."""
    module = importlib.import_module(face)
    return {name: thing for name in sorted(module.__all__) if _is_documented(thing := getattr(module, name))}


@pytest.fixture
def clean_slate(tmp_path, monkeypatch):
    """Give an example an empty folder, and put back the settings that it may change."""
    monkeypatch.chdir(tmp_path)
    jax = sys.modules.get("jax")
    x64 = jax and jax.config.jax_enable_x64
    with np.printoptions(), plt.rc_context({"backend": "agg"}):
        yield
        plt.close("all")
    if jax:
        jax.config.update("jax_enable_x64", x64)


@pytest.mark.parametrize("example", _examples())
def test_example(example, clean_slate):
    source = "".join(e.source for e in example.examples)
    for package in sorted(OPTIONAL):
        if package in source:
            pytest.importorskip(package)
    report = []
    doctest.DocTestRunner(optionflags=FLAGS).run(example, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("face", PUBLIC)
def test_public_names_have_an_example(face):
    if face in LAYERS:
        pytest.importorskip(face.rpartition(".")[2])
    things = _public(face)
    assert things
    assert [name for name, thing in things.items() if ">>> " not in (thing.__doc__ or "")] == []


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_exist(module):
    module = importlib.import_module(module)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [n for n in module.__all__ if not hasattr(module, n)] == []
