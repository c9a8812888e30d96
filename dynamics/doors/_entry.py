"""A door is passed once: the outermost call checks what it is given, and all that it calls trusts it.

The small methods of Lagrangians, similarities, synapses and networks are what a user plays with at a prompt, and what
a step calls a million times. Called by a user they turn lists into arrays and refuse what does not fit; called by the
library they cost a look at one variable. Floating point warnings are not shown in either case: a result that is
infinite or NaN says so itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType, MethodType
from typing import Any, TypeVar, cast

import numpy as np

from ..backend import is_compiling

_entered: ContextVar[bool] = ContextVar("entered", default=False)
Check = Callable[..., "tuple[tuple[Any, ...], dict[str, Any]]"]
Method = TypeVar("Method", bound=Callable[..., Any])
MISSING: Mapping[str, Callable[..., Check]] = {}


@contextmanager
def inside() -> Iterator[None]:
    """Behind the door: nothing is checked again, and NumPy does not warn."""
    token = _entered.set(True)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _entered.reset(token)


def is_inside() -> bool:
    """Whether nothing is checked: behind the door, and in a program that is being compiled, which holds symbols."""
    return is_compiling() or _entered.get()


def door(check: Check, answered: Callable[..., Check] | None = None) -> Callable[[Method], Method]:
    """Put ``check(*arguments, **options)``, which gives back both as they are used, before a method or function.

    One that gives a function has it behind a door too, that of ``answered(*arguments, **options)``.
    """

    def before(method: Method) -> Method:
        @functools.wraps(method)
        def checked(*arguments: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            if is_inside():
                return method(*arguments, **options)
            with inside():
                arguments, options = check(*arguments, **options)
                answer = method(*arguments, **options)
            return answer if answered is None else door(answered(*arguments, **options))(answer)

        checked.__dict__["is_door"] = True
        return cast(Method, checked)

    return before


def behind(method: Method) -> Method:
    """A function or bound method without its door, for the library's own calls: they pass it once, not every step."""
    if is_compiling():  # whose tracer does not follow methods that are put together
        return method
    function = getattr(method, "__func__", None)
    if function is None and getattr(method, "is_door", False):
        return method.__wrapped__
    if not getattr(function, "is_door", False):
        return method
    return cast(Method, MethodType(function.__wrapped__, method.__self__))  # type: ignore[union-attr]


def quiet(function: Method) -> Method:
    """A function whose floating point warnings are not shown; what it calls is not checked again."""

    @functools.wraps(function)
    def silent(*arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if is_inside():
            return function(*arguments, **options)
        with inside():
            return function(*arguments, **options)

    return cast(Method, silent)


def checked(**checks: Callable[[str, Any], Any]) -> Callable[[Method], Method]:
    """Put a check of `doors` before each argument that is named, as in ``@checked(seed=seed, throw=flag)``.

    A check takes the argument's name and what was given, and gives back what the function works with. What an argument
    is by default needs none.
    """

    def before(function: Method) -> Method:
        signature = inspect.signature(function)
        usual = {name: parameter.default for name, parameter in signature.parameters.items()}

        @functools.wraps(function)
        def looked_at(*arguments: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            if is_compiling():
                return function(*arguments, **options)
            try:
                given = signature.bind(*arguments, **options)
            except TypeError:
                return function(*arguments, **options)  # which says what is missing or too much
            for name, check in checks.items():
                if name in given.arguments and given.arguments[name] is not usual[name]:
                    given.arguments[name] = check(name, given.arguments[name])
            return function(*given.args, **given.kwargs)

        return cast(Method, looked_at)

    return before


def guard(cls: type, checks: Mapping[str, Check], functions: Mapping[str, Callable[..., Check]] = MISSING) -> None:
    """Put its check before each method of these names that a class defines; `functions` are for what some give."""
    for name, check in checks.items():
        method = vars(cls).get(name)
        if isinstance(method, FunctionType):
            setattr(cls, name, door(check, functions.get(name))(method))
