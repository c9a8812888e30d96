"""What tests share beside fixtures: libraries, conversions, random networks."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

LIBRARIES = ["numpy", *(name for name in ("jax", "torch") if importlib.util.find_spec(name))]


def _each(slow):
    """Every library in both float types; those of JAX in `slow` are slow tests, since it compiles every operation."""
    both = [(name, np.dtype(kind)) for name in LIBRARIES for kind in ("float64", "float32")]
    marked = [
        pytest.param(name, kind, marks=pytest.mark.slow if name == "jax" and kind in slow else (), id=f"{name}-{kind}")
        for name, kind in both
    ]
    return pytest.mark.parametrize(("library", "dtype"), marked)


IN_EACH = _each(slow=("float64",))  # JAX in float32
IN_EACH_SLOW_JAX = _each(slow=("float64", "float32"))  # where another test of the same file runs on JAX


def few(values, fast, *, spread=True):
    """Values of a parameter: those in `fast` are tried by fast tests, the others by broad ones.

    `fast` names them, or says how many of the first. A tuple is of several parameters, unless it is not to be `spread`.
    """
    values = list(values)
    chosen = values[:fast] if isinstance(fast, int) else list(fast)
    assert all(value in values for value in chosen), chosen
    spread = spread and isinstance(values[0], tuple)
    return [v if v in chosen else pytest.param(*(v if spread else (v,)), marks=pytest.mark.broad) for v in values]


def enable_float64():
    """Switch 64-bit on in JAX, before any array is made, and let it keep its programs in a folder.

    A process of its own, the other workers and the next run read there what one has compiled.
    """
    if "jax" in LIBRARIES:
        folder = Path(__file__).resolve().parents[1] / ".pytest_cache" / "jax"
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
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


def files_below(root):
    """The files of a checkout as paths below its root, without what tools keep there: caches, builds, environments."""
    found = set()
    for folder, below, files in os.walk(root):
        place = Path(folder)
        below[:] = [name for name in below if not _is_a_tools(place / name)]
        found |= {(place / name).relative_to(root).as_posix() for name in files if not name.startswith(".coverage")}
    return found


def _is_a_tools(folder):
    name = folder.name
    hidden = name.startswith(".") and name != ".ci"
    made = name in {"__pycache__", "build", "dist", "hopfield-demo", "htmlcov"} or name.endswith(".egg-info")
    return hidden or made or (folder / "pyvenv.cfg").exists()


def call(*arguments, code=0):
    """Run a command of the program and return its result; a traceback is no way to end."""
    from typer.testing import CliRunner

    from hopfield.cli import app

    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result
