"""Tables of the models and of their settings."""

from __future__ import annotations

import dataclasses
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..dynamics.backend import unknown_name
from ..models._catalogue import CatalogueEntry, catalogue
from ._settings import BESIDE, settings_of


def the_models() -> tuple[Any, ...]:
    """What is known of all of them, and a table of it.

    >>> the_models()[0][0]["name"]
    'universal'
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("name", no_wrap=True)
    table.add_column("rule; neurons, capacity; source")
    for entry in catalogue():
        neurons = {"both": "binary or continuous"}.get(entry.states, entry.states)
        text = f"{entry.rule}\n{neurons} neurons; capacity {entry.capacity}\n{entry.source}"
        table.add_row(Text(entry.name, style="bold"), Text(text))
    return [_known(entry) for entry in catalogue()], table


def one_model(name: str) -> tuple[Any, ...]:
    """What is known of one, and a table of its settings.

    >>> found, *parts = one_model("modern")
    >>> found["settings"][0]["name"], parts[0]
    ('beta', 'modern: z = M^T softmax(beta M q)')
    """
    entry = next((entry for entry in catalogue() if entry.name == name), None)
    if entry is None:
        raise unknown_name("model", name, [entry.name for entry in catalogue()])
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("setting", "default", "what it is"):
        table.add_column(column, no_wrap=column == "setting")
    settings = settings_of(entry)
    for one in settings:
        own = BESIDE.get(one.name, f"--set {one.name}=X").replace(" X", "")
        table.add_row(Text(own.replace("=X", "="), style="bold"), one.default, Text(one.meaning))
    head = f"{entry.name}: {entry.rule}", f"energy {entry.energy}; capacity {entry.capacity}; {entry.source}"
    return {**_known(entry), "settings": [one._asdict() for one in settings]}, *head, table


def _known(entry: CatalogueEntry) -> dict[str, Any]:
    kept = ("name", "rule", "states", "energy", "network", "capacity", "source")
    return {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry) if field.name in kept}
