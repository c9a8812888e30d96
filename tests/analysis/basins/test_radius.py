"""Adversarial radii against exact boundaries, their witnesses, and the interval they close with the certificates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import LIBRARIES, few, to_library
from hopfield import ModernHopfield, UniversalHopfield
from hopfield.analysis import basin_radius, basins_of_attraction, energy_network, find_fixed_points
from hopfield.analysis.basins._basin_map import Explorer
from hopfield.analysis.basins._boundary import Basin, crossings, normals


def test_four_orthonormal_patterns():
    # About the fixed point the boundary lies at (u - w)/sqrt(2), u = .9769751913 and w = (1 - u)/3.
    memory = ModernHopfield(np.eye(4), beta=5.0)
    found = basin_radius(memory, 0, around="fixed point")
    assert found.attractor[0] == pytest.approx(0.9769751913, abs=1e-9)
    assert found.adversarial == pytest.approx(0.6853987834, rel=3e-6)
    assert 0.3 < found.certified < found.adversarial
    about_the_pattern = basin_radius(memory, 0)
    assert about_the_pattern.adversarial == pytest.approx(2**-0.5, rel=3e-6)


@pytest.mark.broad
def test_separable_double_well():
    wells = energy_network(
        lambda x: ((x**2 - 1) ** 2).sum(-1) / 4, 5, lambda x: x**3 - x, lambda x, u: (3 * x**2 - 1) * u
    )
    found = basin_radius(wells, np.array([1.0, -1.0, 1.0, 1.0, -1.0]))
    assert found.adversarial == pytest.approx(1.0, rel=1e-4)
    assert found.certified is None
    assert np.abs(found.reached).round(6).tolist() == [1.0] * 5


@pytest.mark.parametrize("similarity", ["euclidean", "manhattan", "dot"])
def test_max_has_its_exact_radius(similarity):
    patterns = np.random.default_rng(1).standard_normal((6, 7))
    memory = UniversalHopfield(patterns, similarity=similarity, separation="max")
    found = basin_radius(memory, 2)
    assert found.certified == pytest.approx(found.adversarial, rel=1e-5)


@given(seed=st.integers(0, 10**6), beta=st.floats(0.5, 3.0))
@settings(max_examples=3, deadline=None)
@pytest.mark.broad
def test_the_interval_is_one_and_the_witness_escapes(seed, beta):
    patterns = np.random.default_rng(seed).standard_normal((5, 12))
    for similarity in ("dot", "euclidean"):
        memory = UniversalHopfield(patterns, similarity=similarity, separation="softmax", beta=beta)
        found = basin_radius(memory, 1, directions=16)
        assert found.certified <= found.adversarial
        if not 0 < found.adversarial < np.inf:
            continue
        assert np.linalg.norm(found.witness - found.center) == pytest.approx(found.adversarial, rel=1e-9)
        inside = found.center + (1 - 1e-2) * (found.witness - found.center)
        for dt in (0.1, 0.02):
            pair = basins_of_attraction(memory, np.stack([found.center, found.witness, inside]), dt=dt)
            assert pair.labels[1] != pair.labels[0] == pair.labels[2]


def test_no_direction_tried_beats_the_search():
    patterns = np.random.default_rng(5).standard_normal((4, 3))
    memory = ModernHopfield(patterns, beta=1.5)
    found = basin_radius(memory, 0)
    pushes = np.random.default_rng(0).standard_normal((2000, 3))
    pushes *= 0.995 * found.adversarial / np.linalg.norm(pushes, axis=1, keepdims=True)
    basins = basins_of_attraction(memory, np.concatenate([patterns[:1], patterns[0] + pushes]), timed=False)
    assert (basins.labels == basins.labels[0]).all()


@pytest.mark.parametrize(("similarity", "power"), few([("euclidean", 2), ("dot", 2), ("manhattan", 1)], 1))
def test_rescaling(similarity, power):
    patterns = np.random.default_rng(2).standard_normal((5, 30))
    one = UniversalHopfield(patterns, similarity=similarity, separation="softmax", beta=1.0)
    ten = UniversalHopfield(10 * patterns, similarity=similarity, separation="softmax", beta=1.0 / 10**power)
    small, large = basin_radius(one, 0, seed=3), basin_radius(ten, 0, seed=3)
    assert large.certified == pytest.approx(10 * small.certified, rel=1e-9)
    assert large.adversarial == pytest.approx(10 * small.adversarial, rel=1e-6)


def test_radius_does_not_depend_on_useless_dimensions():
    patterns = np.random.default_rng(2).standard_normal((5, 6))
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((5000, 6)))[0].T
    small = basin_radius(ModernHopfield(patterns, beta=1.0), 0)
    large = basin_radius(ModernHopfield(patterns @ turn, beta=1.0), 0)
    assert large.witness.shape == (5000,)
    assert large.adversarial == pytest.approx(small.adversarial, rel=1e-5)


def test_a_pattern_that_is_not_recalled_and_a_single_basin():
    crowded = ModernHopfield(np.eye(3), beta=1.0)  # one fixed point, the mean
    found = basin_radius(crowded, 0)
    assert found.adversarial == 0
    assert found.certified == 0
    assert "not recalled" in found.reason
    alone = basin_radius(ModernHopfield(np.ones((1, 4))), 0)
    assert alone.adversarial == np.inf
    assert alone.certified == np.inf
    assert "No perturbation" in str(alone)


@pytest.mark.broad
def test_a_census_gives_directions_and_changes_little():
    memory = ModernHopfield(np.random.default_rng(7).standard_normal((4, 5)), beta=2.0)
    without = basin_radius(memory, 3)
    census = find_fixed_points(memory)
    assert basin_radius(memory, 3, fixed_points=census).adversarial == pytest.approx(without.adversarial, rel=1e-3)


def test_the_normal_of_the_boundary():
    # The boundary is smooth: crossings of neighbouring rays lie in the plane that the normal says.
    patterns = np.random.default_rng(1).standard_normal((6, 8))
    basin = Basin(Explorer(ModernHopfield(patterns, beta=1.0)), patterns[0])
    ray = (patterns[2] - patterns[0])[None] / np.linalg.norm(patterns[2] - patterns[0])
    high = np.linalg.norm(patterns[2] - patterns[0])[None]
    cut = crossings(basin, ray, np.zeros(1), high, 1e-9)
    (normal,) = normals(basin, patterns[0] + cut.inside[:, None] * ray, patterns[0] + cut.outside[:, None] * ray)
    turned = ray + 1e-4 * np.random.default_rng(0).standard_normal((4, 8))
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    near = crossings(basin, turned, np.repeat(0.99 * cut.inside, 4), np.repeat(1.01 * cut.outside, 4), 1e-9)
    steps = near.outside[:, None] * turned - cut.outside * ray
    assert np.abs(steps @ normal / np.linalg.norm(steps, axis=1)).max() < 1e-3
    assert normal @ ray[0] > 0


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES[1:])
def test_other_libraries(library):
    memory = ModernHopfield(to_library(np.eye(4), library), beta=5.0)
    assert basin_radius(memory, 1, directions=4).adversarial == pytest.approx(2**-0.5, rel=1e-5)


def test_equal_patterns_share_one_basin():
    memory = ModernHopfield(np.eye(3)[[0, 0, 1]], beta=8.0)
    one, two = (basin_radius(memory, row, directions=8) for row in (0, 1))
    assert 0 < one.certified == two.certified < one.adversarial == pytest.approx(two.adversarial, rel=1e-5)


@pytest.mark.parametrize("directions", [-1, 2.5, True])
def test_directions_are_counted(directions):
    with pytest.raises(ValueError, match="whole number >= 0"):
        basin_radius(ModernHopfield(np.eye(3), beta=8.0), 0, directions=directions)


def test_bad_input():
    memory = ModernHopfield(np.eye(3), beta=8.0)
    with pytest.raises(ValueError, match="from 0 to 2"):
        basin_radius(memory, 3)
    with pytest.raises(ValueError, match="fixed point"):
        basin_radius(memory, 0, around="fixed")
    with pytest.raises(ValueError, match="one state"):
        basin_radius(memory, np.eye(3))
    with pytest.raises(TypeError, match="no stored patterns"):
        basin_radius(energy_network(lambda x: (x**2).sum(-1), 2, lambda x: 2 * x), 0)
    with pytest.raises(ValueError, match="too long a step"):
        basin_radius(memory, 0, dt=1.0)
