"""Settings and fixtures that all tests share: every installed library, both float types, seeds."""

import numpy as np
import pytest

import hopfield  # at once, so that it is the installed package whatever the checkout is called
from helpers import LIBRARIES, enable_float64

enable_float64()


def pytest_report_header():
    """Say which package is tested."""
    return f"hopfield: {hopfield.__file__}"


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
