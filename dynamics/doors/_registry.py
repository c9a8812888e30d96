"""Names: what they stand for, with what stands in brackets, and which name a thing has."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .. import backend
from ..backend import unknown_name


class Entry(NamedTuple):
    """What a name stands for: how it is made, of which class it is, its parameters as text gives them, and back."""

    make: Callable[..., Any]
    kind: type
    parameters: dict[str, Callable[[str], Any]]
    told: Callable[[Any], tuple[Any, ...]]
    required: int


class Registry:
    """Things of one kind by name, with parameters in brackets where they have some: ``minkowski(3)``.

    >>> from hopfield.dynamics.lagrangians import Power
    >>> powers = Registry("separation")
    >>> powers.register("power", Power, n=int)
    >>> powers("power(4)"), powers.name_of(Power(6))
    (Power(n=4, beta=1.0), 'power(6)')
    >>> list(powers), "power" in powers
    (['power'], True)
    """

    def __init__(self, what: str, also: tuple[str, ...] = (), parameter: str = "parameter") -> None:
        self.what, self.also, self.parameter = what, also, parameter  # `also` are names that are known elsewhere
        self.entries: dict[str, Entry] = {}
        self.aliases: dict[str, str] = {}

    def register(
        self,
        name: str,
        make: Callable[..., Any],
        kind: type | None = None,
        told: Callable[[Any], tuple[Any, ...]] | None = None,
        /,
        **parameters: Callable[[str], Any],
    ) -> None:
        """Let a name stand for what `make` gives, such as a class of your own.

        Parameters
        ----------
        name : str
            A word; one that stands for something else is refused.
        make : callable
            The class, or a function of the parameters.
        kind : type, optional
            The class, where `make` is a function.
        told : callable, optional
            The values of the parameters of such a thing; its attributes of the same names unless given.
        **parameters : callable
            What may stand in brackets, in this order, and how it is read: ``power=float``.
        """
        if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name):
            raise ValueError(f"The name of a {self.what} must be one word, got {name!r}.")
        found = kind or (make if isinstance(make, type) else None)
        same = found is not None and name in self.entries and _place(self.entries[name].kind) == _place(found)
        if not same and (name in self.entries or name in self.aliases or name in self.also):  # a cell may run again
            raise ValueError(f"{name!r} is the name of another {self.what}: choose one that is not taken.")
        if not callable(make):
            raise TypeError(f"{name!r} must stand for a class, or a function that makes one of it, got {make!r}.")
        usual = inspect.signature(make).parameters
        required = sum(key in usual and usual[key].default is inspect.Parameter.empty for key in parameters)
        found = found or type(make())
        own = told or (lambda one: tuple(getattr(one, key) for key in parameters))
        self.entries[name] = Entry(make, found, parameters, own, required)

    def alias(self, name: str, meaning: str) -> None:
        """Let a word stand for another name, with parameters if it has some."""
        self.aliases[name] = meaning

    def __iter__(self) -> Iterator[str]:
        """The names that need no parameter."""
        return (name for name, entry in self.entries.items() if not entry.required)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __call__(self, name: Any) -> Any:
        """What a name stands for."""
        text = self.aliases.get(name.strip(), name) if isinstance(name, str) else name
        parts = re.fullmatch(r"\s*([\w-]+)\s*(?:\((.*)\))?\s*", text) if isinstance(text, str) else None
        word = self.aliases.get(parts[1], parts[1]) if parts else name
        if parts is None or word not in self.entries:
            raise unknown_name(self.what, parts[1] if parts else name, self._known())
        entry, inside = self.entries[word], parts[2]
        given = [] if inside is None else [one.strip() for one in re.findall(r"[^,()]+(?:\([^()]*\))?|^$", inside)]
        try:
            if len(given) > len(entry.parameters):
                most = len(entry.parameters)
                raise ValueError(f"It takes {f'{most} at most' if most else 'no parameter'}.")
            if len(given) < entry.required:
                raise ValueError(f"Write {_written(word, entry)}.")
            read = {key: _read(parse, one) for (key, parse), one in zip(entry.parameters.items(), given, strict=False)}
            return entry.make(**read)
        except (TypeError, ValueError) as error:
            what = f"{self.what[0].upper()}{self.what[1:]} {name!r}"
            why = "" if inside is None else f"the {self.parameter} {inside!r} does not fit. "
            raise ValueError(f"{what}: {why}{error}") from None

    def entry_of(self, thing: Any) -> tuple[str, Entry] | None:
        """The first name of things of this class, and what it stands for."""
        return next(((name, entry) for name, entry in self.entries.items() if entry.kind is type(thing)), None)

    def name_of(self, thing: Any) -> str | None:
        """The name that gives exactly this thing back, the shortest one; None where none does."""
        for name, entry in self.entries.items():
            if entry.kind is not type(thing):
                continue
            values = [told(value) for value in entry.told(thing)]
            for count in range(entry.required, len(values) + 1):
                text = f"{name}({', '.join(values[:count])})" if count else name
                try:
                    if repr(self(text)) == repr(thing):
                        return text
                except ValueError:
                    continue
        return None

    def _known(self) -> list[str]:
        own = [_written(name, entry) for name, entry in self.entries.items()]
        return [*self.also, *own, *(alias for alias, meaning in self.aliases.items() if meaning in self.entries)]


def _read(parse: Callable[[str], Any], text: str) -> Any:
    """A parameter from its text, or what is meant by it in place of Python's words."""
    try:
        return parse(text)
    except ValueError:
        meant = {int: "A whole number is meant, such as 3.", float: "A number is meant, such as 2.5."}
        if parse not in meant:
            raise
        raise ValueError(meant[parse]) from None


def _place(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__qualname__


def _written(name: str, entry: Entry) -> str:
    return f"{name}({', '.join(list(entry.parameters)[: entry.required])})" if entry.required else name


def told(value: Any) -> str:
    """A parameter as it stands in a name."""
    if isinstance(value, str | int | None):
        return str(value)
    if backend.is_array(value) and backend.is_traced(value):
        return "?"
    number = float(backend.to_numpy(value))
    return f"{number:g}" if float(f"{number:g}") == number else repr(number)
