"""Names of 0.1.0 that have others now: they work for one version more, and say what to write."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from ..dynamics.doors import warn

Named = TypeVar("Named", bound=Callable[..., Any])
HOME = __name__.partition(".")[0]


def is_outside() -> bool:
    """Whether the function that asks was called from outside of this package."""
    return sys._getframe(2).f_globals.get("__name__", "").partition(".")[0] != HOME


def deprecated(message: str) -> None:
    """Warn, once a place, of what a later version will not know."""
    warn(f"{message} The earlier name goes with the next version.", DeprecationWarning)


def renamed(**names: str) -> Callable[[Named], Named]:
    """A function, or a class, that takes keywords of 0.1.0 by the names that they have now, ``renamed(old="new")``.

    >>> import warnings
    >>> @renamed(rule="learning")
    ... def learn(learning):
    ...     return learning
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     learn(rule="storkey"), str(told[0].message)
    ('storkey', 'learn: write learning=... for rule=... . The earlier name goes with the next version.')
    """

    def apply(thing: Named) -> Named:
        if isinstance(thing, type):
            thing.__init__ = _translating(thing.__init__, thing.__name__, names)
            thing.earlier = names
            return cast(Named, thing)
        return cast(Named, _translating(thing, thing.__name__, names))

    return apply


def _translating(function: Callable[..., Any], who: str, names: Mapping[str, str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        for old, new in names.items() if options else ():
            if old in options:
                if new in options:
                    raise TypeError(f"{who}() was given {old} and {new}, which are the same: leave out {old}.")
                deprecated(f"{who}: write {new}=... for {old}=... .")
                options[new] = options.pop(old)
        return function(*arguments, **options)

    return run


def without(name: str, why: str) -> Callable[[Named], Named]:
    """A function that takes an argument of 0.1.0 which never had an effect, and says so.

    >>> import warnings
    >>> @without("tol", "bits change or do not")
    ... def retrieve(query):
    ...     return query
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     retrieve(3, tol=1e-6), str(told[0].message)
    (3, 'retrieve: tol has no effect, bits change or do not: leave it out. ...')
    """

    def apply(function: Named) -> Named:
        places = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in inspect.signature(function).parameters.values())

        @functools.wraps(function)
        def run(*arguments: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            if name in options or len(arguments) == places + 1:  # behind the others, where its place was
                deprecated(f"{function.__name__}: {name} has no effect, {why}: leave it out.")
                options.pop(name, None)
            return function(*arguments[:places], *arguments[places + 1 :], **options)

        return cast(Named, run)

    return apply


def current_names(kind: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from a file or a command line that a version before wrote, by the names that a class has for them.

    >>> from hopfield.models import ClassicalHopfield
    >>> current_names(ClassicalHopfield, {"rule": "storkey", "beta": 2.0})
    {'learning': 'storkey', 'beta': 2.0}
    """
    names = getattr(kind, "earlier", {})
    return {names.get(name, name): value for name, value in settings.items()}
