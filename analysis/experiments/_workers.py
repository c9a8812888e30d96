"""Groups of cells on several processes: joblib's, or those of a cluster where `joblib.parallel_config` names one."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from typing import Any

Work = Callable[[Callable[..., Any], tuple[Any, ...], list[Any]], list[Any]]
Group = list[tuple[str, Any]]  # cells with the lines that they are known by
IDLE = 30  # seconds after which a process without work ends


def alone(function: Callable[..., Any], shared: tuple[Any, ...], cells: list[Any]) -> list[Any]:
    """A result for each cell by itself."""
    return [function(*shared, cell) for cell in cells]


def together(function: Callable[..., Any], shared: tuple[Any, ...], cells: list[Any]) -> list[Any]:
    """The results of cells that share their work."""
    return function(*shared, cells)


def processes(jobs: int | None) -> int:
    """How many work at once: as many as asked for, or as joblib's configuration says, or this process alone."""
    if jobs is not None:
        return jobs
    backend, count = _configured()
    if backend is None:
        return 1
    return count if count is not None and count > 0 else backend.effective_n_jobs(-1 if count is None else count)


def _configured() -> tuple[Any, int | None]:
    """The backend of `joblib.parallel_config` and its number of processes; None where nothing was configured."""
    from joblib import parallel

    usual: Any = parallel.default_parallel_config
    now: Any = getattr(parallel._backend, "config", usual)
    if all(now[name] is usual[name] for name in ("backend", "n_jobs")):
        return None, None
    backend, count = parallel.get_active_backend()
    return backend, count if isinstance(count, int) else None


def computed(
    work: Work, function: Callable[..., Any], groups: Iterator[Group], shared: tuple[Any, ...], jobs: int
) -> Iterator[tuple[list[str], list[Any]]]:
    """Keys and results of a group, as they come; groups are asked for as there is room for them."""
    if jobs <= 1:
        yield from (([key for key, _ in some], work(function, shared, [cell for _, cell in some])) for some in groups)
        return
    from joblib import Parallel, delayed

    with _processes(jobs):
        one: Any = 1  # a cell may take minutes, and is written down as soon as it is done
        pool = Parallel(jobs, return_as="generator_unordered", batch_size=one, pre_dispatch="n_jobs + 1")
        results = pool(delayed(_worked)(work, function, shared, some) for some in groups)
        try:
            yield from results  # type: ignore[misc]
        except BrokenExecutor:
            raise RuntimeError(
                "A process that worked on a cell was ended from outside: it was killed, or there was no memory left "
                "for it. Finished cells are kept where `out` is given: do the same again, perhaps with fewer jobs."
            ) from None
        finally:
            with contextlib.suppress(Exception):
                results.close()  # type: ignore[union-attr]


def _worked(
    work: Work, function: Callable[..., Any], shared: tuple[Any, ...], some: Group
) -> tuple[list[str], list[Any]]:
    return [key for key, _ in some], work(function, shared, [cell for _, cell in some])


@contextlib.contextmanager
def _processes(jobs: int) -> Iterator[None]:
    """Processes of this machine with one thread each, unless joblib was told of others."""
    if _configured()[0] is not None:
        yield
        return
    from joblib import parallel_config

    options = {"idle_worker_timeout": IDLE, "initializer": _begin, "initargs": (os.getpid(),)}
    with parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1, **options):
        yield


def _begin(parent: int) -> None:
    """Leave Ctrl-C to the process that started this one, and end with that, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
