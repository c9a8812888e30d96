"""Settings and fixtures that all tests share: every installed library, both float types, seeds."""

import ctypes
import gc
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import hopfield  # at once, so that it is the installed package whatever the checkout is called
from helpers import LIBRARIES, enable_float64, files_below

ROOT = Path(__file__).resolve().parents[1]

enable_float64()


# Their subject is what JAX does; elsewhere it shows, compiling each operation for each shape, what NumPy and PyTorch
# show too.
OF_JAX = {
    "test_adapters.py",
    "test_backend.py",
    "test_contract.py",
    "test_rollout.py",
    "test_sharding.py",
    "test_simulate.py",
    "test_traces.py",
    "test_universal.py",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Count as broad what a test repeats on JAX alone."""
    for item in items:
        given = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if item.path.name not in OF_JAX and any(isinstance(one, str) and one == "jax" for one in given):
            item.add_marker(pytest.mark.broad)


def pytest_report_header():
    """Say which package is tested."""
    return f"hopfield: {hopfield.__file__}"


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_in_the_checkout():
    """Fail at the end where a test wrote into the checkout instead of a folder of its own."""
    before = files_below(ROOT)
    yield
    left = sorted(files_below(ROOT) - before)
    assert not left, f"Files appeared in {ROOT} while the tests ran; a test writes to tmp_path alone: {left}"


@pytest.fixture(scope="module", autouse=True)
def _programs_are_not_kept():
    """Forget what JAX compiled for files of tests, some 100 MB each, before the process has more than it should."""
    yield
    if "jax" in sys.modules and _resident() > ROOM:
        sys.modules["jax"].clear_caches()
        gc.collect()
        if sys.platform == "linux" and hasattr(c := ctypes.CDLL(None), "malloc_trim"):
            c.malloc_trim(0)  # what is free goes back to the system, else it stays with the process


ROOM = 1.2e9  # bytes


def _resident():
    """The bytes of memory that this process holds, or infinity where Linux does not say."""
    table = Path("/proc/self/statm")
    return int(table.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if table.exists() else math.inf


@pytest.fixture(params=LIBRARIES)
def library(request):
    """The name of an array library that is installed."""
    return request.param


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    """A floating type, as NumPy knows it."""
    return np.dtype(request.param)


@pytest.fixture
def rng():
    """A seeded generator, fresh for each test."""
    return np.random.default_rng(20220617)
