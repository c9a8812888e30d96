"""Cells are written at once, found again, and come out the same however often the work was interrupted."""

import json
import math
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from hopfield.analysis import reproduce
from hopfield.analysis.experiments._cells import run_cells

CELLS = [{"x": x, "seed": 0} for x in range(5)]


def square(scale, cell):
    return {"y": scale * cell["x"] ** 2}


def test_every_cell_is_done_once(tmp_path):
    done = []

    def count(cell):
        done.append(cell["x"])
        return cell["x"]

    path = tmp_path / "new" / "cells.jsonl"
    assert run_cells(count, CELLS[:3], out=path) == [0, 1, 2]
    first = path.read_bytes()
    assert run_cells(count, CELLS[:3], out=path) == [0, 1, 2]
    assert path.read_bytes() == first
    assert run_cells(count, CELLS, out=path) == [0, 1, 2, 3, 4]
    assert done == [0, 1, 2, 3, 4]
    assert [json.loads(line)["cell"]["x"] for line in path.read_text().splitlines()] == [0, 1, 2, 3, 4]


def test_a_cell_is_on_the_disk_before_the_next_begins(tmp_path):
    path = tmp_path / "cells.jsonl"
    seen = []

    def look(cell):
        seen.append(len(path.read_text().splitlines()))
        return 0

    run_cells(look, CELLS, out=path)
    assert seen == [0, 1, 2, 3, 4]


def test_what_was_done_before_an_error_is_kept(tmp_path):
    path = tmp_path / "cells.jsonl"

    def fail(cell):
        return 1 / (cell["x"] - 3)

    with pytest.raises(ZeroDivisionError):
        run_cells(fail, CELLS, out=path)
    assert len(path.read_text().splitlines()) == 3


def test_processes_give_the_same_bytes(tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    points = [[float(k), 1.0] for k in range(5)]
    before = dict(os.environ)
    assert run_cells(math.dist, points, ([0.0, 1.0],), out=one) == [0, 1, 2, 3, 4]
    assert run_cells(math.dist, points, ([0.0, 1.0],), out=two, jobs=2) == [0, 1, 2, 3, 4]
    assert one.read_bytes() == two.read_bytes()
    assert dict(os.environ) == before


def linger(cell):
    Path(f"{os.getpid()}.pid").touch()
    time.sleep(60)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="asks /proc which processes there are")
def test_processes_end_with_the_one_that_started_them(tmp_path):
    command = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "if __name__ == '__main__':\n"
        "    from hopfield.analysis.experiments._cells import run_cells\n"
        "    from test_cells import linger\n"
        "    run_cells(linger, [{'x': 0}, {'x': 1}], jobs=2)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", command], cwd=tmp_path)
    try:
        workers = until(lambda: len(found := list(tmp_path.glob("*.pid"))) == 2 and found)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert until(lambda: not any(alive(int(file.stem)) for file in workers))


def until(condition):
    """What a condition gives as soon as it holds, for a minute."""
    limit = time.monotonic() + 60
    while not (found := condition()) and time.monotonic() < limit:
        time.sleep(0.02)
    return found


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3]
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_line_that_was_not_finished_is_done_again(tmp_path):
    path = tmp_path / "cells.jsonl"
    run_cells(square, CELLS, (2,), out=path)
    whole = path.read_bytes()
    for cut in (1, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert run_cells(square, CELLS, (2,), out=path)[4] == {"y": 32}
        assert path.read_bytes() == whole


def test_cells_of_other_settings_are_kept(tmp_path):
    path = tmp_path / "cells.jsonl"
    run_cells(square, [{"x": 9, "seed": 1}], (1,), out=path)
    run_cells(square, CELLS, (1,), out=path)
    assert len(path.read_text().splitlines()) == 6


def test_a_process_is_not_at_a_cell_twice(tmp_path):
    path = tmp_path / "cells.jsonl"

    def again(cell):
        with pytest.raises(RuntimeError, match="This process is at work on"):
            run_cells(square, CELLS, (1,), out=path)
        return 0

    assert run_cells(again, CELLS[:1], out=path) == [0]
    assert run_cells(square, CELLS[1:], (1,), out=path)[0] == {"y": 1}


SHARING = """
import os, sys, time
from hopfield.analysis.experiments._cells import Unfinished, run_cells

def work(cell):
    with open("done", "a") as file:
        file.write(f"{cell['x']}\\n")
    time.sleep(0.05)
    if sys.argv[1] == "dies" and cell["x"] == 3:
        os.kill(os.getpid(), 9)
    return cell["x"] ** 2

shard = tuple(map(int, sys.argv[2].split("/"))) if len(sys.argv) > 2 else None
try:
    found = run_cells(work, [{"x": x} for x in range(20)], out="cells.jsonl", shard=shard)
    assert found == [x**2 for x in range(20)]
except Unfinished as error:
    print(error)
"""


def sharing(folder, *arguments):
    """A process that works on the twenty cells in a folder."""
    return subprocess.Popen([sys.executable, "-c", SHARING, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True)


def ended(process):
    """How a process ended."""
    process.communicate()
    return process.returncode


def done_in(folder):
    """The cells that were begun, in their order."""
    return [int(line) for line in (folder / "done").read_text().splitlines()]


@pytest.mark.skipif(os.name == "nt", reason="no locks of bytes")
def test_runs_in_one_folder_share_the_cells_and_never_one(tmp_path):
    both = [sharing(tmp_path, "lives"), sharing(tmp_path, "lives")]
    assert [one.communicate()[0] for one in both] == ["", ""]
    assert [one.returncode for one in both] == [0, 0]
    assert sorted(done_in(tmp_path)) == list(range(20))
    cells = [json.loads(line)["cell"]["x"] for line in (tmp_path / "cells.jsonl").read_text().splitlines()]
    assert cells == list(range(20))


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_a_run_that_is_killed_costs_the_cell_that_it_was_at(tmp_path):
    assert ended(sharing(tmp_path, "dies")) == -9
    assert len((tmp_path / "cells.jsonl").read_text().splitlines()) == 3
    assert ended(sharing(tmp_path, "lives")) == 0
    assert sorted(done_in(tmp_path)) == sorted([*range(20), 3])


@pytest.mark.skipif(os.name == "nt", reason="no locks of bytes")
def test_shards_do_their_part_and_the_last_has_all(tmp_path):
    first, second = (sharing(tmp_path, "lives", part) for part in ("1/3", "2/3"))
    said = [one.communicate()[0] for one in (first, second)]
    assert "Shard 1 of 3 is done" in said[0]
    assert sorted(done_in(tmp_path)) == [x for x in range(20) if x % 3 < 2]
    third = sharing(tmp_path, "lives", "3/3")
    assert third.communicate()[0] == ""
    assert sorted(done_in(tmp_path)) == list(range(20))


def test_a_shard_is_two_numbers_and_a_folder(tmp_path):
    for shard, error in (((0, 2), ValueError), ((3, 2), ValueError), ("1/2", TypeError), ((1.0, 2), TypeError)):
        with pytest.raises(error, match="shard"):
            run_cells(square, CELLS, (1,), shard=shard, out=tmp_path / "cells.jsonl")
    with pytest.raises(ValueError, match="give `out`"):
        run_cells(square, CELLS, (1,), shard=(1, 2))


@pytest.mark.skipif(not hasattr(os, "mkfifo") or sys.platform != "linux", reason="asks for limits of file sizes")
def test_a_full_disk_is_a_sentence_and_what_was_finished_is_kept(tmp_path):
    import resource

    path = tmp_path / "cells.jsonl"
    run_cells(square, CELLS[:2], (1,), out=path)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))  # room for part of a line
        with pytest.raises(RuntimeError, match=r"cannot be written: file too large. 2 finished cells are kept in it; "):
            run_cells(square, CELLS, (1,), out=path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
    assert run_cells(square, CELLS, (1,), out=path)[4] == {"y": 16}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_no_space_left_is_said(tmp_path, monkeypatch):
    from hopfield.analysis.experiments import _cell_file

    def full(number, line):
        with open("/dev/full", "wb", buffering=0) as file:
            file.write(line)

    path = tmp_path / "cells.jsonl"
    run_cells(square, CELLS[:2], (1,), out=path)
    monkeypatch.setattr(_cell_file, "_write", full)
    with pytest.raises(RuntimeError, match=r"no space left on device. 2 finished cells are kept in it; make room"):
        run_cells(square, CELLS, (1,), out=path)


@pytest.mark.skipif(os.name == "nt", reason="folders of another sort")
def test_a_folder_that_cannot_be_written_is_read(tmp_path, monkeypatch):
    path = tmp_path / "cells.jsonl"
    run_cells(square, CELLS, (1,), out=path)
    real = os.open

    def closed(name, flags, *mode):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):  # the tests may run as one who may write everywhere
            raise PermissionError(13, "Permission denied", str(name))
        return real(name, flags, *mode)

    monkeypatch.setattr(os, "open", closed)
    assert run_cells(square, CELLS[:3], (1,), out=path) == [{"y": 0}, {"y": 1}, {"y": 4}]
    with pytest.raises(RuntimeError, match=r"permission denied. 5 finished cells are kept in it; give a folder"):
        run_cells(square, [{"x": 9}], (1,), out=path)
    with pytest.raises(RuntimeError, match=r"cannot be written: permission denied. give a folder"):
        run_cells(square, CELLS, (1,), out=tmp_path / "other.jsonl")


@pytest.mark.slow
def test_a_cluster_of_dask_does_the_cells(tmp_path):
    distributed = pytest.importorskip("distributed")
    from joblib import parallel_config

    points = [[float(k), 1.0] for k in range(5)]
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        parallel_config("dask"),
    ):
        warnings.simplefilter("ignore")
        assert run_cells(math.dist, points, ([0.0, 1.0],), out=tmp_path / "cells.jsonl") == [0, 1, 2, 3, 4]
    assert len((tmp_path / "cells.jsonl").read_text().splitlines()) == 5


def test_cells_that_share_work_come_together(tmp_path):
    path, calls = tmp_path / "cells.jsonl", []

    def add(base, some):
        calls.append([cell["x"] for cell in some])
        return [base + cell["x"] + cell["y"] for cell in some]

    grid = [{"x": x, "y": y} for x in range(3) for y in (10, 20)]
    wanted = [100 + cell["x"] + cell["y"] for cell in grid]
    assert run_cells(add, grid, (100,), out=path, along="x") == wanted
    assert calls == [[0, 1, 2], [0, 1, 2]]
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[1:5]))
    assert run_cells(add, grid, (100,), out=path, along="x") == wanted
    assert calls[2:] == [[0], [2]]
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,value\n1,2\n", "Line 1 of"),
        (b"precious data without an end", "no file of cells"),
        (b'{"a": 1}\n', "Line 1"),
    ],
)
def test_another_file_is_left_alone(tmp_path, content, words):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        run_cells(square, CELLS, (1,), out=path)
    assert path.read_bytes() == content


def test_equal_cells_and_bad_jobs_are_refused():
    with pytest.raises(ValueError, match="are equal"):
        run_cells(square, [CELLS[0], CELLS[0]], (1,))
    with pytest.raises(ValueError, match="jobs must be"):
        run_cells(square, CELLS, (1,), jobs=0)
    with pytest.raises(ValueError, match="not JSON compliant"):
        run_cells(lambda cell: math.nan, CELLS)


def test_a_figure_that_was_killed_goes_on(tmp_path):
    command = (
        "import sys; from hopfield.analysis import reproduce; reproduce('fig2', 'code', quick=True, runs=15, out='.')"
    )
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    cells = killed / "fig02_code.jsonl"
    process = subprocess.Popen([sys.executable, "-c", command], cwd=killed)
    try:
        limit = time.monotonic() + 120
        while time.monotonic() < limit and not (cells.exists() and cells.stat().st_size > 3000):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (killed / "fig02_code.png").exists()
    before = cells.read_bytes()
    found = reproduce("fig2", "code", quick=True, runs=15, out=killed)
    again = reproduce("fig2", "code", quick=True, runs=15, out=whole)
    lines = cells.read_bytes().splitlines()
    assert 0 < len(before.splitlines()) < len(lines) == 6 * 3 * 15
    assert cells.read_bytes() == (whole / cells.name).read_bytes()
    assert (found[0].sweeps[0].fractions == again[0].sweeps[0].fractions).all()


def damaged_at(path, *lines):
    """The warning that says which lines are dropped."""
    return pytest.warns(UserWarning, match=rf"{path.name}' is damaged in line {', '.join(lines)}: ")


def test_a_bit_that_flipped_anywhere_is_noticed_and_its_cell_done_again(tmp_path, rng):
    path = tmp_path / "cells.jsonl"
    run_cells(square, CELLS, (2,), out=path)
    whole = path.read_bytes()
    for place in rng.choice(8 * len(whole), 60, replace=False):
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            assert run_cells(square, CELLS, (2,), out=path) == [{"y": 2 * x**2} for x in range(5)]
        assert path.read_bytes() == whole


def test_a_digit_that_changed_in_a_result_is_noticed(tmp_path):
    path = tmp_path / "cells.jsonl"
    run_cells(square, CELLS, (2,), out=path)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"y": 18', b'"y": 19'))
    with damaged_at(path, "4"):
        assert run_cells(square, CELLS, (2,), out=path)[3] == {"y": 18}
    assert path.read_bytes() == whole


@pytest.mark.parametrize("block", [b"", b"  ", bytes(512), b"{", b"[" * 100_000, b'{"cell": 1}', b"null"])
def test_a_line_that_is_no_cell_is_dropped(tmp_path, block):
    path = tmp_path / "cells.jsonl"
    run_cells(square, CELLS, (2,), out=path)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], block + b"\n", *lines[2:]]))
    with damaged_at(path, "3"):
        run_cells(square, CELLS, (2,), out=path)
    assert path.read_bytes() == whole


def test_a_block_of_zeros_over_two_lines_costs_those_two(tmp_path):
    path, done = tmp_path / "cells.jsonl", []
    run_cells(square, CELLS, (2,), out=path)
    whole = bytearray(path.read_bytes())
    end = whole.index(b"\n")
    path.write_bytes(whole[: end - 9] + bytes(20) + whole[end + 11 :])
    with damaged_at(path, "1"):
        run_cells(lambda scale, cell: done.append(cell["x"]) or square(scale, cell), CELLS, (2,), out=path)
    assert done == [0, 1]
    assert path.read_bytes() == whole


def test_files_of_the_time_before_checks_go_on(tmp_path):
    path = tmp_path / "cells.jsonl"
    run_cells(square, CELLS, (2,), out=path)
    whole = path.read_bytes()
    old = [json.loads(line) for line in whole.splitlines()]
    path.write_text("".join(json.dumps({"cell": e["cell"], "result": e["result"]}) + "\n" for e in old[:3]))
    done = []
    run_cells(lambda scale, cell: done.append(cell["x"]) or square(scale, cell), CELLS, (2,), out=path)
    assert done == [3, 4]
    assert path.read_bytes() == whole


def kill_oneself(cell):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.broad
@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_a_process_that_was_killed_is_a_sentence(tmp_path):
    command = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "if __name__ == '__main__':\n"
        "    from hopfield.analysis.experiments._cells import run_cells\n"
        "    from test_cells import kill_oneself\n"
        "    run_cells(kill_oneself, [{'x': 0}, {'x': 1}], jobs=2)\n"
    )
    done = subprocess.run([sys.executable, "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith(
        "RuntimeError: A process that worked on a cell was ended from outside"
    )
