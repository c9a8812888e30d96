"""Every public class says how it is built: `inspect.signature`, `help` and Shift-Tab show its parameters."""

import dataclasses
import enum
import importlib
import inspect
import subprocess
import sys

import pytest

import hopfield

FACES = ("hopfield", "hopfield.dynamics", "hopfield.models", "hopfield.analysis")


def _classes():
    found = {}
    for face in FACES:
        module = importlib.import_module(face)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) and not issubclass(thing, enum.Enum | Warning):
                found[f"{face}.{name}"] = thing
    return [pytest.param(thing, id=name) for name, thing in found.items()]


def _callables():
    faces = [(face, importlib.import_module(face)) for face in FACES]
    things = {f"{face}.{name}": getattr(module, name) for face, module in faces for name in module.__all__}
    return [pytest.param(thing, id=name) for name, thing in things.items() if inspect.isfunction(thing)]


@pytest.mark.parametrize("cls", _classes())
def test_a_class_names_its_parameters_with_their_defaults(cls):
    parameters = inspect.signature(cls).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}, inspect.signature(cls)
    if dataclasses.is_dataclass(cls):
        fields = [field for field in dataclasses.fields(cls) if field.init]
        assert list(parameters) == [field.name for field in fields]
        for field in fields:
            if field.default is not dataclasses.MISSING:
                assert parameters[field.name].default is field.default
    for name in parameters:
        assert not name.startswith("_")


@pytest.mark.parametrize("function", _callables())
def test_a_function_names_its_parameters(function):
    for parameter in inspect.signature(function).parameters.values():
        assert parameter.kind is not inspect.Parameter.VAR_POSITIONAL


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
    code = "import sys; from hopfield import simulate, ModernHopfield; print('hopfield.analysis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
