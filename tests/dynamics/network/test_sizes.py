"""Numbers at the ends of what a dtype holds, and sizes of what cancels."""

import numpy as np
import pytest

from hopfield.dynamics import LayerNorm, Network, Population, Quadratic, RungeKutta, Synapse, simulate


@pytest.mark.parametrize("leak", [1e-310, 5e-324])
def test_a_leak_by_which_nothing_can_be_divided_is_refused(leak):
    with pytest.raises(ValueError, match=r"has leak=.*overflows or vanishes in the dtype.*give leak=0, or >="):
        Network({"x": Population(Quadratic(), 1, leak=leak)})


@pytest.mark.parametrize("size", [1.0, 1e15, 1e25, 1e37])
def test_layer_norm_has_an_activation_where_squares_overflow(size):
    x = np.array([3.0, -1.0, 2.0], np.float32)
    found = LayerNorm(eps=0.0).activation(np.float32(size) * x)
    np.testing.assert_allclose(found, (x - x.mean()) / x.std(), rtol=1e-5)
    assert np.isfinite(LayerNorm().value(np.float32(size) * x))


def test_the_size_of_an_energy_counts_input_currents_that_cancel():
    network = Network({"x": Population(Quadratic(), 2, bias=np.array([1e8, -1e8]))})
    state = {"x": np.ones(2)}
    assert network.energy(state) == 1.0
    assert network.energy_scale(state) >= 2e8


class Quartic(Synapse):
    between = ("x",)

    def __init__(self, factor):
        self.factor = factor

    def energy(self, g):
        return self.factor * (g**4).sum(-1) / 4

    def forces(self, g):
        return (-(g**3),)


@pytest.mark.parametrize("factor", [1.01, 1.05, 1.2])
def test_an_energy_that_is_a_few_hundredths_too_large_is_found_out(factor):
    network, state = Network({"x": Population(Quadratic(), 3)}, [Quartic(factor)]), {"x": np.array([1.0, 0.5, -0.3])}
    with pytest.raises(ValueError, match=r"forces of synapse .* are not the gradient of its energy"):
        simulate(network, state, t1=0.1, integrator=RungeKutta())
    right = Network({"x": Population(Quadratic(), 3)}, [Quartic(1.0)])
    assert simulate(right, state, t1=0.1, integrator=RungeKutta()).reached == 0.1
