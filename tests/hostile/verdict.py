"""What a call came to: an answer or an error of ours is right; anything that leaks is a fault."""

from __future__ import annotations

import dis
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple

import hopfield
from hopfield.dynamics import SimulationError

HOME = str(Path(hopfield.__file__).parent)
OURS = tuple(f"{HOME}/{folder}/" for folder in ("dynamics", "models", "data", "analysis", "commands"))
RAISE = dis.opmap["RAISE_VARARGS"]


class Hang(BaseException):
    """A call that takes longer than it may."""


class Fault(NamedTuple):
    """What leaked: the kind groups faults of one cause."""

    kind: str
    detail: str


def is_ours(file: str) -> bool:
    """Whether a file is a part of the library."""
    return file.startswith(OURS)


def judge(call: Callable[[], Any], seconds: float) -> Fault | None:
    """Run a call; None where it answers or refuses as it should, within so many seconds of the processor's time."""

    def late(number: int, frame: FrameType | None) -> None:
        raise Hang

    leaked: list[warnings.WarningMessage] = []
    told = warnings.warn

    def warn(message: Any, *arguments: Any, **options: Any) -> None:
        if not is_ours(sys._getframe(1).f_code.co_filename):
            told(message, *arguments, **options)

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    warnings.warn = warn
    try:
        with warnings.catch_warnings(record=True) as leaked:
            warnings.simplefilter("always")
            call()
    except Hang as error:
        return Fault("hang", _places(error.__traceback__))
    except MemoryError as error:
        return Fault(f"memory: {_last(error.__traceback__)}", str(error))
    except BaseException as error:
        if fault := _leak(error):
            return fault
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        warnings.warn = told
    for one in leaked:
        where = f"{Path(one.filename).name}:{one.lineno}"
        return Fault(f"{one.category.__name__}: {str(one.message)[:60]} at {where}", str(one.message))
    return None


def _leak(error: BaseException) -> Fault | None:
    """The fault in an error, unless it was raised by a `raise` of ours and says something."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace is not None else None
    raised = code is not None and trace is not None and code.co_code[trace.tb_lasti] == RAISE
    known = isinstance(error, ValueError | TypeError | SimulationError | ImportError | OSError)
    if code is not None and raised and known and is_ours(code.co_filename):
        said = str(error)
        return None if len(said) > 20 and " " in said else Fault(f"no sentence: {said}", said)
    if isinstance(error, OSError) and error.filename is not None:
        return None  # of a file that is not there, Python says the name
    kind = f"{type(error).__name__}: {_last(error.__traceback__)}"
    return Fault(kind, f"{str(error)[:300]}\n{_places(error.__traceback__)}")


def _last(trace: TracebackType | None) -> str:
    """The innermost line of ours."""
    frames = [frame for frame in traceback.extract_tb(trace) if is_ours(frame.filename)]
    return f"{frames[-1].filename.removeprefix(HOME + '/')}:{frames[-1].lineno}" if frames else "outside"


def _places(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    return " < ".join(f"{f.filename.removeprefix(HOME + '/')}:{f.lineno}" for f in reversed(frames[-12:]))
