"""Runs workers over a range of calls, starts them again behind a call that ended one, and reads the faults.

python -m hostile.drive SEED CALLS FOLDER GROUP...
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
PATIENCE = 200.0  # seconds after which a call that sleeps, or does not even answer an alarm, is ended


def faults_of(group: str, seed: int, calls: int, folder: Path | None = None) -> list[dict[str, Any]]:
    """The faults of the first calls of a group."""
    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            return faults_of(group, seed, calls, Path(made))
    start, ends = 0, []
    while start < calls:
        reached, error = _work(group, seed, start, calls, folder)
        if reached < calls:
            ends.append({"i": reached, "call": "?", "kind": "the process ended", "detail": error[-2000:]})
        start = reached + 1
    written = folder / f"{group}.jsonl"
    return ends + [json.loads(line) for line in written.read_text().splitlines()]


def _work(group: str, seed: int, start: int, stop: int, folder: Path) -> tuple[int, str]:
    """One process: the number of the call that it did not come back from (`stop` if there is none)."""
    path = [str(TESTS), *(entry for entry in sys.path if entry)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    command = [sys.executable, "-m", "hostile.worker", group, str(seed), str(start), str(stop), str(folder)]
    at = folder / f"{group}.at"
    at.unlink(missing_ok=True)
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        seen, since = "", time.monotonic()
        while process.poll() is None:
            time.sleep(0.1)
            now = at.read_text() if at.exists() else ""
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                process.kill()
        said.seek(0)
        error = said.read()
    if process.returncode == 0:
        return stop, ""
    if not at.exists():
        raise RuntimeError(f"The worker did not begin: {error}")
    return int(at.read_text()), f"exit {process.returncode}: {error}"


def main(seed: int, calls: int, folder: Path, names: list[str]) -> None:
    """Print each kind of fault with how often it came and one call that shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    for group in names:
        found = faults_of(group, seed, calls, folder)
        kinds: dict[str, list[dict[str, Any]]] = {}
        for fault in found:
            kinds.setdefault(fault["kind"], []).append(fault)
        print(f"== {group}: {len(found)} of {calls} in {len(kinds)} kinds", flush=True)
        for kind, some in sorted(kinds.items(), key=lambda item: -len(item[1])):
            first = some[0]
            print(
                f"{len(some):5d} {kind}\n      [{first['i']}] {first['call'][:200]}\n      {first['detail'][:400]}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
