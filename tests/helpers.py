"""What tests share beside fixtures: libraries, conversions, random networks."""

import importlib.util

import numpy as np
import pytest

LIBRARIES = ["numpy", *(name for name in ("jax", "torch") if importlib.util.find_spec(name))]
# Every library in both float types, JAX in one: it compiles each operation anew for each.
IN_EACH = pytest.mark.parametrize(
    ("library", "dtype"),
    [
        (name, np.dtype(kind))
        for name in LIBRARIES
        for kind in ("float64", "float32")
        if (name, kind) != ("jax", "float64")
    ],
    ids=str,
)


def enable_float64():
    """Switch 64-bit on in JAX, before any array is made."""
    if "jax" in LIBRARIES:
        import jax

        jax.config.update("jax_enable_x64", True)


def to_library(value, library):
    """A NumPy array as an array of a library."""
    if library == "jax":
        import jax.numpy

        return jax.numpy.asarray(value)
    if library == "torch":
        import torch

        return torch.asarray(np.array(value))
    return np.asarray(value)


def to_numpy(value):
    """Any array as a NumPy array."""
    return value.detach().numpy() if hasattr(value, "detach") else np.asarray(value)


def epsilon(dtype):
    """The rounding unit of a floating type."""
    return float(np.finfo(np.dtype(dtype)).eps)
