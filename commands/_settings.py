"""The settings of a model: as the command line writes them, and which there are."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ..models._catalogue import CatalogueEntry, catalogue

OPTIONS = {name: f"--{name} X" for name in ("similarity", "separation", "beta", "model")}
BESIDE = {**OPTIONS, "tau_memory": "--tau-memory X"}  # what --set may give as well
ARGUMENTS = dict.fromkeys(("name", "patterns", "memories"), "the file of the patterns, before all options")
FROM_PATTERNS = {"self", "patterns", "memories", "dimension", "data_width"}


PARAMETER = re.compile(r"^(\w[\w, ]*)(?: : [^\n]*)?\n((?:    [^\n]*\n?|\n(?=    ))+)", re.MULTILINE)


class Setting(NamedTuple):
    """One setting of a model: its name, its default as it is written, and what it means."""

    name: str
    default: str
    meaning: str


def parsed(texts: Any) -> dict[str, Any]:
    """Texts "name=value" as a dict: numbers as numbers, true and false, lists of numbers, else text.

    >>> parsed(["rule=storkey", "n=4"])
    {'rule': 'storkey', 'n': 4}
    """
    found: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"A setting is written name=value, as rule=storkey or n=4; got {text!r}.")
        name, value = name.strip(), value.strip()
        if own := (OPTIONS | ARGUMENTS).get(name):
            raise ValueError(f"{name} is no setting for --set: give {own.replace('X', value)}.")
        if name in found:
            raise ValueError(f"--set {name}=... is there twice: {found[name]} and {value}. Give one of them.")
        try:
            found[name] = json.loads(value)
        except (ValueError, RecursionError):  # a text; also digits by the thousand
            found[name] = value
        if isinstance(found[name], dict):
            raise ValueError(f"A setting is a number, true, false, a name or a list of numbers; got {text!r}.")
    return found


def settings_of(entry: CatalogueEntry) -> list[Setting]:
    """What `--set` (or an option of its own) may give a model, in the order of its arguments.

    >>> from hopfield.models import catalogue
    >>> dense = next(entry for entry in catalogue() if entry.name == "dense")
    >>> settings_of(dense)[0]
    Setting(name='n', default='3', meaning='Degree of F, at least 2.')
    """
    found: dict[str, Setting] = {}
    for callable_ in (entry.make, *entry.takes):
        for name, parameter in inspect.signature(callable_).parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD or name in FROM_PATTERNS or name in found:
                continue
            if entry.takes and name == "projection":  # pairs: --set partners
                continue
            default = "" if parameter.default is inspect.Parameter.empty else str(parameter.default)
            found[name] = Setting(name, "" if default == "None" else default, _meaning(name, callable_, entry))
    return list(found.values())


def _meaning(name: str, callable_: Callable[..., Any], entry: CatalogueEntry) -> str:
    """The first sentence of a parameter's description in the docstrings that may have it."""
    kinds = [callable_, *entry.model.__mro__, *(other.model for other in catalogue())]
    for kind in kinds:
        text = inspect.cleandoc(getattr(kind, "__doc__", None) or "")
        for names, described in PARAMETER.findall(text):
            if name in re.split(r",\s*", names) and not described.strip().startswith(("As for", "See")):
                plain = " ".join(described.split()).replace("`", "").replace("\\", "")
                return re.split(r"(?<=[.;])\s+(?=[A-Z(])", plain)[0]
    return ""
