"""Every public class says how it is built: `inspect.signature`, `help` and Shift-Tab show its parameters."""

import ast
import dataclasses
import enum
import importlib
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import hopfield

LAYERS = ("hopfield.layers.equinox", "hopfield.layers.torch")
FACES = [
    *("hopfield", "hopfield.dynamics", "hopfield.models", "hopfield.layers", "hopfield.analysis"),
    *(name for name in LAYERS if importlib.util.find_spec(name.rpartition(".")[2])),
]


def _things(face):
    module = importlib.import_module(face)
    return {f"{face}.{name}": getattr(module, name) for name in module.__all__}


@pytest.mark.parametrize("face", FACES)
def test_a_class_names_its_parameters_with_their_defaults(face):
    for name, cls in _things(face).items():
        if inspect.isclass(cls) and not issubclass(cls, enum.Enum | Warning):
            _check_class(name, cls)


def _check_class(name, cls):
    parameters = inspect.signature(cls).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}, (name, inspect.signature(cls))
    assert not [parameter for parameter in parameters if parameter.startswith("_")], name
    if not (dataclasses.is_dataclass(cls) and vars(cls)["__dataclass_params__"].init):
        return  # its constructor is written by hand
    fields = [field for field in dataclasses.fields(cls) if field.init]
    assert list(parameters) == [field.name for field in fields], name
    for field in fields:
        if field.default is not dataclasses.MISSING:
            assert parameters[field.name].default is field.default, name


@pytest.mark.parametrize("face", FACES)
def test_a_function_names_its_parameters(face):
    for name, function in _things(face).items():
        if inspect.isfunction(function):
            kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
            assert inspect.Parameter.VAR_POSITIONAL not in kinds, name


def test_help_and_methods_show_parameters():
    assert list(inspect.signature(hopfield.ModernHopfield).parameters)[:2] == ["memories", "beta"]
    assert inspect.signature(hopfield.ModernHopfield).parameters["beta"].default == 1.0
    retrieve = inspect.signature(hopfield.ModernHopfield.retrieve).parameters
    assert list(retrieve)[:4] == ["self", "query", "max_steps", "tol"]
    assert "__new__" not in vars(hopfield.ModernHopfield)


def test_the_face_has_every_model_and_imports_what_is_asked_for():
    assert {entry.model.__name__ for entry in hopfield.catalogue()} <= set(hopfield.__all__)
    assert set(hopfield.__all__) <= set(dir(hopfield))
    assert hopfield.find_fixed_points is hopfield.analysis.find_fixed_points
    with pytest.raises(AttributeError, match="module 'hopfield' has no attribute 'simulat'"):
        _ = hopfield.simulat
    with pytest.raises(ImportError):
        from hopfield import simulat  # noqa: F401


def modules_after(code):
    """The modules of the package that are imported after a line of Python."""
    code = f"import sys; {code}; print(*[name for name in sys.modules if name.partition('.')[0] == 'hopfield'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_an_import_reads_no_more_than_it_needs():
    assert modules_after("import hopfield; dir(hopfield)") == ["hopfield._moved", "hopfield"]
    for code in ("from hopfield import simulate, ModernHopfield", "import hopfield; hopfield.build"):
        found = modules_after(code)
        assert not [name for name in found if name.startswith(("hopfield.analysis", "hopfield.commands"))]
        assert "hopfield.models" in found
    assert not [name for name in modules_after("from hopfield import simulate") if name.startswith("hopfield.models.")]
    assert "hopfield.analysis.fixed_points._find" in modules_after("from hopfield import find_fixed_points")


def test_type_checkers_see_every_name_of_the_face():
    tree = ast.parse(Path(hopfield.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [one for one in block.body if isinstance(one, ast.ImportFrom)]
    seen = {alias.name: one.module or "" for one in imports for alias in one.names}
    assert sorted(seen) == sorted(set(hopfield.__all__) - {"__version__"})
    for name, module in seen.items():
        assert getattr(importlib.import_module(module), name) is getattr(hopfield, name)
