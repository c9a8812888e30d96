"""Where searches begin: the same starts whatever type the patterns have."""

# What has the wrong type here has it on purpose, or is known better than its stubs say.
# pyright: reportArgumentType=false

import numpy as np
import pytest

from hopfield.analysis import (
    box_starts,
    certified_radii,
    energy_network,
    field,
    find_fixed_points,
    pattern_starts,
    random_starts,
)
from hopfield.models import ModernHopfield


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64, bool, list])
@pytest.mark.parametrize("signed", [True, False])
def test_starts_of_whole_numbers_are_those_of_floats(kind, signed):
    whole = np.random.default_rng(0).integers(0, 2 if kind is bool else 120, size=(4, 7))
    whole[0, 0] = 1
    patterns = whole.tolist() if kind is list else whole.astype(kind)
    for make in (pattern_starts, lambda rows, **options: random_starts(rows, 40, **options)):
        found, right = (make(rows, signed=signed, seed=3) for rows in (patterns, whole.astype(float)))
        assert found.dtype == np.float64
        assert np.array_equal(found, right)
    assert (found % 1 != 0).mean() > 0.5  # nothing is cut to whole numbers


def test_starts_keep_the_precision_of_their_patterns():
    rows = np.eye(3, dtype=np.float32)
    assert pattern_starts(rows).dtype == random_starts(rows, 5).dtype == np.float32
    assert random_starts(None, 5, like=np.zeros(2, np.float32)).dtype == np.float32
    assert random_starts(None, 5, like=np.zeros(2, int)).dtype == np.float64


def test_starts_that_cannot_be():
    for rows in (np.zeros((0, 3)), np.zeros((3, 0))):
        for make in (pattern_starts, lambda rows: random_starts(rows, 4)):
            with pytest.raises(ValueError, match="patterns is empty"):
                make(rows)
    with pytest.raises(ValueError, match="patterns must be a matrix"):
        random_starts(np.ones(3), 4)
    with pytest.raises(ValueError, match="count must be a whole number >= 1, got 0"):
        random_starts(np.eye(2), 0)
    with pytest.raises(ValueError, match=r"count must be a whole number >= 1, got 2\.5"):
        box_starts([0.0], [1.0], 2.5)
    with pytest.raises(ValueError, match="Without patterns give like=state"):
        random_starts(None, 3)
    with pytest.raises(ValueError, match="low holds 1 values that are NaN or infinite"):
        box_starts([np.nan], [1.0], 2)


def test_patterns_of_bytes_name_the_fixed_points_of_a_network():
    """A double well in each of two coordinates: its minima are (+-150, +-150), and bytes hold two of them."""
    well = energy_network(
        lambda x: ((x**2 - 150.0**2) ** 2).sum(-1) / 4e4,
        2,
        lambda x: (x**3 - 150.0**2 * x) / 1e4,
        lambda x, u: (3 * x**2 - 150.0**2) * u / 1e4,
    )
    patterns = np.array([[150, 150], [150, 0]], dtype=np.uint8)
    assert field(well, patterns=patterns).scale == field(well, patterns=patterns.astype(float)).scale
    found = find_fixed_points(well, patterns=patterns, seed=0, batches=2)
    (row,) = np.flatnonzero((found.pattern == 0) & (found.kind == "memory"))
    assert np.allclose(found.state[row], 150.0)


def test_rows_of_certified_radii_are_a_list():
    memory = ModernHopfield(np.eye(4), beta=6.0)
    assert np.array_equal(certified_radii(memory, np.uint8(2)).rows, [2])
    with pytest.raises(ValueError, match=r"one pattern or a list of patterns \(K,\), got shape \(1, 2\)"):
        certified_radii(memory, [[0, 1]])


def test_a_ragged_state_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="like") as error:
        random_starts(None, 4, like=[[1.0], [2.0, 3.0]])
    assert "inhomogeneous" not in str(error.value)
