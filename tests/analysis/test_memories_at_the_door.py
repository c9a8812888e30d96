"""What kinds of memories the analysis takes: copies, half precision, wider types, and those without a flow."""

import numpy as np
import pytest

from hopfield.analysis import (
    basin_radius,
    basin_slice,
    basins_of_attraction,
    continue_fixed_points,
    field,
    find_fixed_points,
    landscape,
    polish,
    spectrum,
    string_method,
)
from hopfield.models import ModernHopfield, SparseDistributedMemory

COPIES = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
VERBS = {
    "find_fixed_points": find_fixed_points,
    "basins_of_attraction": lambda memory: basins_of_attraction(memory, memory.memories),
    "basin_slice": lambda memory: basin_slice(memory, *memory.memories, resolution=4),
    "basin_radius": lambda memory: basin_radius(memory, 0, directions=2),
    "landscape": landscape,
    "polish": lambda memory: polish(memory, np.eye(3)),
    "spectrum": lambda memory: spectrum(memory, np.eye(3)),
    "string_method": lambda memory: string_method(memory, np.eye(3)[:1], np.eye(3)[1:2]),
    "continue_fixed_points": lambda memory: continue_fixed_points(memory, "beta", 6.0, 7.0),
    "field": field,
}


def test_the_minimum_of_a_copy_is_that_of_its_lowest_row():
    found = landscape(ModernHopfield(COPIES, beta=8.0))
    assert found.minimum_of(2) == found.minimum_of(0)
    assert found.pattern[found.minimum_of(2)] == 0
    with pytest.raises(ValueError, match="No minimum belongs to pattern 3"):
        found.minimum_of(3)


def test_memories_in_half_precision_are_examined_in_float32():
    half = ModernHopfield(np.eye(3, dtype="float16"), beta=8.0)
    wide = half.to("numpy", dtype="float32")
    for cues in (np.eye(3, dtype="float16"), np.eye(3, dtype="float32")):
        np.testing.assert_array_equal(basins_of_attraction(half, cues).pattern, [0, 1, 2])
    np.testing.assert_array_equal(find_fixed_points(half).kind, find_fixed_points(wide).kind)
    assert basin_radius(half, 0, directions=4).adversarial == basin_radius(wide, 0, directions=4).adversarial
    assert field(half).dtype == np.float32


@pytest.mark.parametrize("verb", VERBS)
def test_types_wider_than_linear_algebra_are_refused_in_a_sentence(verb):
    if np.finfo("longdouble").eps == np.finfo("float64").eps:
        pytest.skip("long double is float64 here")
    with pytest.raises(TypeError, match=r"linear systems, which NumPy has none of in .*Compute in float64: memory.to"):
        VERBS[verb](ModernHopfield(np.eye(3, dtype="longdouble"), beta=8.0))


@pytest.mark.parametrize("verb", ["find_fixed_points", "landscape", "spectrum", "field"])
def test_a_memory_that_only_reads_names_the_one_to_use_instead(verb):
    bits = np.where(np.random.default_rng(0).random((3, 16)) < 0.5, -1.0, 1.0)
    memory = SparseDistributedMemory.random(50, 16, fraction=0.1, seed=0).write(bits)
    with pytest.raises(TypeError, match=r"no dynamics in time and no energy.*ContinuousSDM\.from_radius"):
        VERBS[verb](memory)
