"""Pages of the API, by room: written from what the faces of the package export, so that no public name is missed.

`entries` lists the public names, each under the shortest path by which it is imported and in the room in which it is
defined; `write` makes a page for each room and for each name. Both need no Sphinx: tests call them as well.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from pathlib import Path
from typing import Any, NamedTuple

FACES = ("hopfield", "hopfield.dynamics", "hopfield.models", "hopfield.data", "hopfield.layers", "hopfield.analysis")
MODULES = {"torch": "hopfield.layers.torch", "equinox": "hopfield.layers.equinox"}  # and the package that each needs
# In the order of the pages. A room that is missing here is put after the others of its floor.
ORDER = [
    *(f"models.{room}" for room in ("family", "binary", "sparse", "pairs", "layered", "predictive")),
    *("models.iterated", "models.measures", "models"),
    *(f"dynamics.{room}" for room in ("simulation", "inputs", "integrators", "network", "synapses", "lagrangians")),
    *("dynamics.backend", "dynamics.doors"),
    "dynamics",
    "data",
    *(f"layers.{room}" for room in ("attention", "torch", "equinox", "learning")),
    *(f"analysis.{room}" for room in ("energy", "fixed_points", "basins", "landscapes", "branches", "recall", "plots")),
    *(f"analysis.{room}" for room in ("experiments", "flow", "results")),
]
FLOORS = {
    "models": "Models: which network",
    "dynamics": "Dynamics: what a network is and how it moves",
    "data": "Data: what is stored and asked",
    "layers": "Layers: memories inside deep networks",
    "analysis": "Analysis: what can be said about a memory",
}
TITLES = {
    "models": "Catalogue and contract",
    "models.family": "The universal family",
    "models.binary": "Binary memories",
    "models.sparse": "Sparse distributed memory",
    "models.pairs": "Pairs",
    "models.layered": "Layered memories",
    "models.predictive": "Predictive coding",
    "models.measures": "Similarities",
    "dynamics": "Structures",
    "dynamics.backend": "Array libraries",
    "dynamics.doors": "Checks and registries",
    "data": "Patterns, noise and masks",
    "dynamics.inputs": "What changes in time",
    "models.iterated": "Iterated maps",
    "layers.torch": "Modules for PyTorch",
    "layers.equinox": "Modules for Equinox",
    "layers.learning": "Learning, and estimators of scikit-learn",
    "analysis.plots": "Pictures",
    "analysis.flow": "The field of one vector",
}
MEMBERS = (property, classmethod, staticmethod)  # and what dynamics/backend keeps once it is computed


class Entry(NamedTuple):
    """A public name: `path` is how it is imported, `room` where it lives, `thing` what it is."""

    path: str
    room: str
    thing: Any

    @property
    def name(self) -> str:
        """The last word of its path."""
        return self.path.rpartition(".")[2]


def faces() -> list[Any]:
    """The modules whose public names are documented; those of PyTorch and Equinox where these are installed."""
    there = [face for package, face in MODULES.items() if importlib.util.find_spec(package)]
    return [importlib.import_module(face) for face in (*FACES, *there)]


def exported(module: Any) -> list[str]:
    """What a face exports: `__all__`, or every name that it binds and that is no module."""
    names = getattr(module, "__all__", None)
    if names is None:
        bound = (name for name in vars(module) if not name.startswith("_"))
        names = [name for name in bound if not inspect.ismodule(getattr(module, name))]
    return sorted(name for name in names if not name.startswith("_"))


def room_of(thing: Any, face: str) -> str:
    """The folder in which something is defined, such as ``analysis.basins``, below the face that exports it."""
    module = getattr(thing, "__module__", None)
    if not (isinstance(module, str) and module.startswith("hopfield.")) or not callable(thing):
        module = f"{face}._"
    parts = module.split(".")[1:]
    folders = [part for part in parts[:-1] if not part.startswith("_")] or parts[:1]
    return ".".join(folders)


def entries() -> list[Entry]:
    """Every public name once, in the order of the pages."""
    found: dict[tuple[str, int], Entry] = {}
    for module in faces():
        for name in exported(module):
            thing = getattr(module, name)
            key = (name, id(thing))
            if key not in found:
                found[key] = Entry(f"{module.__name__}.{name}", room_of(thing, module.__name__), thing)
    # What the root exports lives in a room of a floor all the same: the names of the root are only the shortest.
    return sorted(found.values(), key=lambda entry: (rank(entry.room), entry.name.lower()))


def rank(room: str) -> tuple[int, int, str]:
    """Where a room comes: by its floor, then in the order above, then by name."""
    floor = room.partition(".")[0]
    floors = list(FLOORS)
    place = ORDER.index(room) if room in ORDER else len(ORDER)
    return (floors.index(floor) if floor in floors else len(floors), place, room)


def rooms(listed: list[Entry]) -> dict[str, list[Entry]]:
    """The entries of each room, rooms in the order of the pages."""
    grouped: dict[str, list[Entry]] = {}
    for entry in listed:
        grouped.setdefault(entry.room, []).append(entry)
    return grouped


def members(cls: type, public: dict[type, str]) -> tuple[list[str], dict[str, list[str]]]:
    """Which members a class's page shows in full, and which its public bases explain (by the base's path).

    A member is shown where its own text is: one that a public base describes is a link to it.
    """
    shown, elsewhere = [], {}
    for name in (name for name in dir(cls) if not name.startswith("_")):
        owners = [base for base in cls.__mro__ if name in vars(base)]
        if not owners or not owners[0].__module__.startswith("hopfield"):
            continue
        texts = [base for base in owners if _is_member(vars(base)[name]) and _text(vars(base)[name])]
        if not texts or not _is_member(vars(owners[0])[name]):
            continue
        base = texts[0]
        if base is cls or base not in public:
            shown.append(name)
        else:
            elsewhere.setdefault(public[base], []).append(name)
    return shown, elsewhere


def _is_member(thing: Any) -> bool:
    return (
        inspect.isfunction(thing) or isinstance(thing, MEMBERS) or type(thing).__name__ in ("cached_property", "kept")
    )


def _text(thing: Any) -> str:
    return (thing.__func__ if isinstance(thing, classmethod | staticmethod) else thing).__doc__ or ""


def first_sentence(thing: Any) -> str:
    """The line of meaning with which a docstring begins."""
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n")[0].split())


def page(entry: Entry, public: dict[type, str]) -> str:
    """The page of one name."""
    title = entry.name
    lines = [title, "=" * len(title), "", f".. currentmodule:: {entry.path.rpartition('.')[0]}", ""]
    if inspect.isclass(entry.thing):
        kind = "autoexception" if issubclass(entry.thing, BaseException) else "autoclass"
        lines += [f".. {kind}:: {entry.path}"]
        shown, elsewhere = members(entry.thing, public)
        if shown:
            lines += [f"   :members: {', '.join(shown)}", "   :member-order: bysource"]
            if any(name not in vars(entry.thing) for name in shown):
                lines += ["   :inherited-members:"]
        lines += [""]
        for base, names in elsewhere.items():
            links = ", ".join(f":py:obj:`{name} <{base}.{name}>`" for name in names)
            lines += [f"As :py:class:`~{base}` says: {links}.", ""]
    elif callable(entry.thing):
        lines += [f".. autofunction:: {entry.path}", ""]
    else:
        lines += [f".. autodata:: {entry.path}", "   :no-value:", ""]
    lines += [
        f".. minigallery:: {' '.join(used_as(entry))}",
        "   :add-heading: Where it is used",
        "   :heading-level: -",
    ]
    lines += [""]
    return "\n".join(lines)


def used_as(entry: Entry) -> list[str]:
    """The paths by which an example uses a name: its own, and those of a class's other constructors."""
    members = vars(entry.thing).items() if inspect.isclass(entry.thing) else ()
    made = [name for name, thing in members if isinstance(thing, classmethod) and not name.startswith("_")]
    return [entry.path, *(f"{entry.path}.{name}" for name in made)]


def overview(room: str, listed: list[Entry]) -> str:
    """The page of a room: what it is for, and its names with their lines of meaning."""
    import docstrings

    module = importlib.import_module(f"hopfield.{room}")
    says = (module.__doc__ or "").strip().splitlines()[0]
    title = TITLES.get(room, room.rpartition(".")[2].replace("_", " ").capitalize())
    lines = [f".. _room-{room.replace('.', '-')}:", "", title, "=" * len(title), ""]
    lines += [f"*{docstrings.plain(says)}* The names below are defined in ``hopfield/{room.replace('.', '/')}/``.", ""]
    lines += [".. list-table::", "   :class: names", "   :widths: 32 68", ""]
    for entry in listed:
        meaning = docstrings.plain(first_sentence(entry.thing)) if callable(entry.thing) else "A registry or constant."
        lines += [f"   * - :py:obj:`{entry.name} <{entry.path}>`", f"     - {meaning}"]
    lines += ["", ".. toctree::", "   :hidden:", ""]
    lines += [f"   names/{entry.path}" for entry in listed]
    return "\n".join([*lines, ""])


def index(grouped: dict[str, list[Entry]]) -> str:
    """The list of rooms, floor by floor, to be included into the page of the API."""
    lines: list[str] = []
    for floor, title in FLOORS.items():
        here = [room for room in grouped if room.partition(".")[0] == floor]
        if not here:
            continue
        lines += [title, "-" * len(title), "", ".. toctree::", "   :maxdepth: 1", ""]
        lines += [f"   {room}" for room in here] + [""]
    return "\n".join(lines)


def write(folder: Path) -> dict[str, list[Entry]]:
    """Write all pages into a folder, and return the entries by room."""
    import docstrings

    listed = entries()
    for entry in listed:  # of two that have one name, the first
        docstrings.LINKS.setdefault(entry.name, entry.path)
    public = {entry.thing: entry.path for entry in listed if inspect.isclass(entry.thing)}
    names = folder / "names"
    names.mkdir(parents=True, exist_ok=True)
    for entry in listed:
        (names / f"{entry.path}.rst").write_text(page(entry, public), encoding="utf-8")
    grouped = rooms(listed)
    for room, here in grouped.items():
        (folder / f"{room}.rst").write_text(overview(room, here), encoding="utf-8")
    (folder / "rooms.inc").write_text(index(grouped), encoding="utf-8")
    return grouped


def know_kept() -> None:
    """Let autodoc see that a value which is kept once it is computed is a property."""
    import sphinx.util.inspect

    from hopfield.dynamics.backend._tracing import kept

    ask = sphinx.util.inspect.isproperty
    sphinx.util.inspect.isproperty = lambda thing: isinstance(thing, kept) or ask(thing)


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx write the pages before it reads."""
    know_kept()
    write(Path(app.srcdir) / "api")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
