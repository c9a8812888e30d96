"""Value neurons on the simplex: a constant added to all of their states is no matter of the flow."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from hopfield.analysis import basins_of_attraction, field, find_fixed_points, polish, spectrum
from hopfield.dynamics import LogSumExp
from hopfield.models import UniversalHopfield

PATTERNS = np.random.default_rng(0).dirichlet(2 * np.ones(5), size=4)


def memory(**changes):
    options = {"beta": 20.0, "tau_memory": 0.0, "value_lagrangian": LogSumExp(), **changes}
    return UniversalHopfield(PATTERNS, "kl", **options)


def cues(count):
    rng = np.random.default_rng(1)
    return 0.5 * PATTERNS[rng.integers(0, 4, count)] + 0.5 * rng.dirichlet(np.ones(5), size=count)


def test_cues_on_the_simplex_are_labelled_as_the_flow_takes_them():
    simplex, given = memory(), cues(20)
    found = basins_of_attraction(simplex, given)
    flow, ends = field(simplex), []
    for start in np.asarray(flow.start(given)):
        run = solve_ivp(lambda _, x: np.asarray(flow.velocity(x)), (0, 400), start, "LSODA", rtol=1e-10, atol=1e-12)
        ends.append(np.asarray(flow.activation(run.y[:, -1])))
    gaps = np.linalg.norm(np.array(ends)[:, None] - PATTERNS, axis=-1)
    np.testing.assert_array_equal(found.pattern, gaps.argmin(axis=1))
    assert (found.labels >= 0).all()
    assert np.isfinite(found.convergence_time).all()


def test_the_points_of_the_simplex_are_those_of_positive_values():
    """With g = e^v the same patterns have the same points, one Morse sum and one more dimension."""
    simplex, positive = find_fixed_points(memory()), find_fixed_points(memory(value_lagrangian=None))
    assert sorted(simplex.kind) == sorted(positive.kind)
    assert simplex.morse_sum == 1
    assert not np.isin("marginal", simplex.kind)
    assert sorted(simplex.pattern[simplex.stable]) == [0, 1, 2, 3]
    np.testing.assert_allclose(simplex.activation.sum(-1), 1, rtol=1e-12)
    assert simplex.eigenvalues.shape[1] == 4  # the constants are left out


def test_states_that_differ_by_a_constant_are_one_point():
    flow, given = field(memory()), cues(6)
    start = np.asarray(flow.start(given))
    one, two = polish(flow, start), polish(flow, start + np.arange(6.0)[:, None])
    np.testing.assert_allclose(one.x, two.x, atol=1e-9)
    np.testing.assert_allclose(one.x.mean(-1), 0, atol=1e-12)
    assert one.converged.all()
    np.testing.assert_array_equal(spectrum(flow, one.x).index, spectrum(flow, two.x + 3.0).index)


@pytest.mark.parametrize("method", ["dense", "krylov"])
def test_newton_on_the_simplex_finds_the_same_zeros_densely_and_by_products(method):
    flow, given = field(memory()), PATTERNS
    found = polish(flow, np.asarray(flow.start(given)), method=method)
    assert found.converged.all()
    np.testing.assert_allclose(np.asarray(flow.activation(found.x)), PATTERNS, atol=0.05)


def test_memory_neurons_of_their_own_lead_cues_of_the_simplex_to_the_same_patterns():
    given = cues(12)
    slow = basins_of_attraction(memory(tau_memory=0.05), given, dynamics="network")
    np.testing.assert_array_equal(slow.pattern, basins_of_attraction(memory(), given).pattern)
    assert (slow.pattern >= 0).all()
