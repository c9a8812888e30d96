"""Settings and fixtures that all tests share: every installed library, both float types, seeds."""

from pathlib import Path

import numpy as np
import pytest

import hopfield  # at once, so that it is the installed package whatever the checkout is called
from helpers import LIBRARIES, enable_float64, files_below

ROOT = Path(__file__).resolve().parents[1]

enable_float64()


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
