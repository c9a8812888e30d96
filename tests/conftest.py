"""Settings and fixtures that all tests share: every installed library, both float types, seeds."""

import numpy as np
import pytest

from helpers import LIBRARIES, enable_float64

enable_float64()


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
