"""One process that makes hostile calls within a limit of memory, and writes down the faults.

    python -m hostile.worker GROUP SEED START STOP FOLDER

Call i of a group is made by ``numpy.random.default_rng([seed, i])``, so that each can be made again alone. Faults go
to FOLDER/GROUP.jsonl, a line each, and the number of the call that is being made to FOLDER/GROUP.at: a process that
dies or hangs outside of Python leaves it there.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np

from .cases import groups
from .values import LIBRARIES, other
from .verdict import judge

MEMORY = 2**32  # bytes beyond what is in use when the calls begin: more than the library says that it asks for
SECONDS = 20.0


def limit_memory(more: int) -> None:
    """Let this process have no more than it has now and so many bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _refused(*_: object) -> None:
    raise OSError("These calls have no network.")


def main(group: str, seed: int, start: int, stop: int, folder: Path) -> None:
    """Make the calls start, ..., stop - 1."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    for library in LIBRARIES:
        other(np.zeros(2), library)  # what they take for themselves does not count
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = groups()[group]()
    socket.socket.connect = _refused  # type: ignore[method-assign,assignment]  # nothing is fetched by nonsense
    os.chdir(tempfile.mkdtemp(prefix="hostile"))  # where files of strange names may go
    limit_memory(MEMORY)
    with open(folder / f"{group}.jsonl", "a") as faults, open(folder / f"{group}.at", "w+b", buffering=0) as at:
        for i in range(start, stop):
            os.pwrite(at.fileno(), f"{i:12d}".encode(), 0)
            rng = np.random.default_rng([seed, i])
            call, told = cases[rng.integers(len(cases))].changed(rng)
            if fault := judge(call, SECONDS):
                line = {"i": i, "call": told, "kind": fault.kind, "detail": fault.detail}
                faults.write(json.dumps(line) + "\n")
                faults.flush()
    sys.stdout.write(f"{stop - start} calls of {group}\n")


if __name__ == "__main__":
    group, seed, start, stop, folder = sys.argv[1:]
    try:
        main(group, int(seed), int(start), int(stop), Path(folder))
    except Exception:
        traceback.print_exc()
        sys.exit(1)
