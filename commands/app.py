"""The app, how a function becomes a command of it, and how a command ends."""

from __future__ import annotations

import dataclasses
import inspect
import json
import typing
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__, analysis
from ..analysis.results import plain
from ..dynamics.simulation import SimulationError
from .options import Debug, Given, Json

app = typer.Typer(
    help="Simulate energy-based memory networks: store patterns, follow how a cue is recalled, see the energy fall.",
    epilog="Start with:  hopfield demo",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


EXPECTED = (ValueError, TypeError, ImportError, OSError, MemoryError, RuntimeError, SimulationError)


SILENT = ("explore",)  # what is found by it is seen, not printed


def in_one_line(error: Exception) -> str:
    """What went wrong; of an error that says nothing to a user, its name and where to see more.

    >>> in_one_line(ValueError("beta must be > 0, got -1."))
    'beta must be > 0, got -1.'
    >>> in_one_line(AttributeError("'float' object has no attribute 'shape'"))
    "AttributeError: 'float' object has no attribute 'shape'. This is a fault of hopfield: --debug shows where it is."
    """
    text = " ".join(str(error).split())
    if text and isinstance(error, EXPECTED) and not isinstance(error, RecursionError | NotImplementedError):
        return text
    if isinstance(error, MemoryError):
        return "There is not enough memory for that. Take fewer or smaller patterns and cues, or --dtype float32."
    name = type(error).__name__
    what = f"{name}: {text.rstrip('.')}" if text else name
    return f"{what}. This is a fault of hopfield: --debug shows where it is."


def command(function: Callable[..., None]) -> Callable[..., None]:
    """A command of the app: options of `Given` unfold, errors are one line and exit code 2, warnings are notes.

    A run that is interrupted ends with exit code 130. `function` takes a context, and a `Given` called ``given`` if it
    works on files.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    own = [p.replace(annotation=hints[p.name]) for p in inspect.signature(function).parameters.values()]
    takes_files = "given" in hints
    known = typing.get_type_hints(Given, include_extras=True) if takes_files else {}
    fields = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=known[field.name]
        )
        for field in (dataclasses.fields(Given) if takes_files else ())
    ]
    last = {"debug": Debug} if function.__name__ in SILENT else {"json": Json, "debug": Debug}
    debugs = [
        inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=a) for n, a in last.items()
    ]
    rest = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p.name != "given"]

    def run(**options: Any) -> None:
        debug = options.pop("debug")
        options.pop("json", None)  # `printed` finds it in the context
        if takes_files:
            options["given"] = Given(**{field.name: options.pop(field.name) for field in fields})

        def note(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
            if category is UserWarning or debug:  # what other packages say of their own future is no news here
                typer.echo(f"note: {message}", err=True)

        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = note
            try:
                function(**options)
            except (typer.Exit, typer.Abort, BrokenPipeError):  # ways to end; the app knows what to do
                raise
            except KeyboardInterrupt:
                if debug:
                    raise
                typer.echo("interrupted", err=True)
                raise typer.Exit(130) from None
            except Exception as error:
                if debug:
                    raise
                typer.echo(f"error: {in_one_line(error)}", err=True)
                raise typer.Exit(2) from None

    parameters = [*rest[:1], *fields, *rest[1:], *debugs]
    run.__signature__ = inspect.Signature(parameters)
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__ = function.__doc__
    app.command(function.__name__.replace("_", "-"))(run)
    return function


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hopfield {__version__}")
        raise typer.Exit


@app.callback()
def _face(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version.")
    ] = False,
) -> None:
    pass


def printed(context: typer.Context, results: Any, *parts: Any, wide: bool = False) -> None:
    """Print the parts, a text or a table each; with ``--json`` the results instead, and nothing else.

    Texts are broken where the terminal ends, unless they are `wide`.
    """
    from rich.console import Console

    if context.params.get("json"):
        typer.echo(json.dumps(plain(results), indent=2, allow_nan=False, ensure_ascii=False))
        return
    console = Console(highlight=False, markup=False, emoji=False)  # a folder may be called [bold]
    for part in parts:
        if wide and isinstance(part, str):
            typer.echo(part)
        else:
            console.print(part)


def finish(
    context: typer.Context, memory: Any, out: Path, files: list[str], results: Any, verdict: str, *tables: Any
) -> None:
    """Write report.json (what was asked for, versions, what was found), print verdict and tables, say what is where."""
    settings = {"command": context.info_name, "memory": repr(memory), **context.params}
    analysis.write_report(out / "report.json", settings, results)
    printed(context, results, verdict, repr(memory), *tables)
    if not context.params.get("json"):
        typer.echo(f"Written to {out}: {', '.join([*files, 'report.json'])}")
