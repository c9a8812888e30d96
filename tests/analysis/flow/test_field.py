"""A network as a field in one vector: derivatives against differences and autodiff, the reduced operator, the doors."""

import numpy as np
import pytest

from helpers import LIBRARIES, to_library, to_numpy
from hopfield.analysis import energy_network, velocity_network
from hopfield.analysis.flow import Field, field, neutral
from hopfield.analysis.flow._counts import padded
from hopfield.analysis.flow._home import with_library
from hopfield.dynamics import (
    Bilinear,
    CustomLagrangian,
    Exponential,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Power,
    Quadratic,
    Recurrent,
    Softplus,
    Spherical,
    Synapse,
)
from hopfield.models import ModernHopfield, UniversalHopfield

SMOOTH = ["dot", "euclidean", "cosine", "kl", "reverse_kl"]


class DoubleWell(Synapse):
    """E = (g^2 - 1)^2/4 for each neuron."""

    between = ("x",)

    def energy(self, *g):
        return ((g[0] ** 2 - 1) ** 2).sum(-1) / 4

    def forces(self, *g):
        return (g[0] - g[0] ** 3,)

    def block(self, target, source, u, *g, **shared):
        return (1 - 3 * g[0] ** 2) * u


def three_populations(rng):
    """Networks of every sort of Lagrangian with a root of its own."""
    return Network(
        {
            "a": Population(LogCosh(1.5), 4, tau=2.0, leak=0.7),
            "b": Population(LogSumExp(1.3), 3, tau=0.3),
            "c": Population(LayerNorm(), 4, leak=1.2),
        },
        [
            Bilinear(("a", "b"), rng.normal(size=(4, 3))),
            Bilinear(("b", "c"), rng.normal(size=(3, 4))),
            Recurrent(("a",), np.eye(4) - 0.3),
        ],
    )


def memories(sim, rng, **options):
    patterns = rng.random((4, 6)) + 0.2 if "kl" in sim else rng.normal(size=(4, 6))
    return UniversalHopfield(patterns, sim, beta=1.3, **options)


@pytest.mark.parametrize("sim", SMOOTH)
def test_products_are_derivatives_of_the_velocity(sim, rng):
    flow = field(memories(sim, rng, tau_value=2.5))
    x, u = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    step = 1e-6
    change = (flow.velocity(x + step * u) - flow.velocity(x - step * u)) / (2 * step)
    np.testing.assert_allclose(flow.jacobian_product(x, u), change, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(flow.residual_product(x, u), 2.5 * flow.jacobian_product(x, u), rtol=1e-12)
    np.testing.assert_allclose(flow.residual(x), 2.5 * flow.velocity(x), rtol=1e-12)
    matrix = flow.jacobian(x)
    np.testing.assert_allclose(np.einsum("kij,kj->ki", matrix, u), flow.residual_product(x, u), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("sim", ["dot", "euclidean", "cosine"])
def test_for_linear_neurons_h_is_the_hessian_of_the_energy(sim, rng):
    flow = field(memories(sim, rng))
    assert flow.plain
    assert flow.symmetric
    x, u, w = (rng.normal(size=(3, 6)) for _ in range(3))
    step = 1e-4
    ends = [flow.energy(x + a * step * u + b * step * w) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    bend = (ends[0] - ends[1] - ends[2] + ends[3]) / (4 * step**2)
    np.testing.assert_allclose((w * flow.hessian_product(x, u)).sum(-1), bend, rtol=1e-4, atol=1e-6)
    matrix = flow.hessian(x)
    np.testing.assert_allclose(matrix, np.swapaxes(matrix, -1, -2), atol=1e-13)
    np.testing.assert_allclose(flow.hessian_product(x, u), np.einsum("kij,kj->ki", matrix, u), rtol=1e-12, atol=1e-12)


def test_h_has_the_eigenvalues_of_the_jacobian_whatever_tau_is(rng):
    """-J is similar to H but for tau, and they have equally many negative eigenvalues: several populations."""
    network = three_populations(rng)
    flow = field(network)
    assert flow.size == 11
    for x in 2 * rng.normal(size=(20, 11)):
        of_h = np.linalg.eigvalsh(flow.hessian(x))
        of_j = np.linalg.eigvals(-flow.jacobian(x))
        # equal leaks would make the two spectra equal; here the inertia is
        assert np.abs(of_j.imag).max() < 1e-7
        assert (of_h < -1e-9).sum() == (of_j.real < -1e-9).sum()
        timed = np.linalg.eigvals(-np.stack([flow.jacobian_product(x, e) for e in np.eye(11)], axis=-1))
        assert (timed.real < -1e-9).sum() == (of_h < -1e-9).sum()
    same = Network({n: Population(p.lagrangian, p.size) for n, p in network.populations.items()}, network.synapses)
    x = rng.normal(size=11)
    of_j = np.sort(np.linalg.eigvals(-field(same).jacobian(x)).real)
    np.testing.assert_allclose(np.linalg.eigvalsh(field(same).hessian(x)), of_j, atol=1e-6)


def test_newton_steps_through_the_symmetric_operator(rng):
    """H y = R^T r and `expanded` solve (l - B G) dx = r, L'' singular or not, leak 0 included."""
    networks = [
        three_populations(rng),
        memories("dot", rng).adiabatic().network,
        memories("kl", rng).adiabatic().network,  # leak 0 with g = e^v
    ]
    for network in networks:
        flow = field(network)
        x = 0.5 * rng.normal(size=(4, flow.size))
        r = flow.residual(x)
        y = np.linalg.solve(flow.hessian(x), flow.reduced(x, r)[..., None])[..., 0]
        direct = np.linalg.solve(-flow.jacobian(x), r[..., None])[..., 0]
        np.testing.assert_allclose(flow.expanded(x, r, y), direct, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "sim", ["euclidean", pytest.param("dot", marks=pytest.mark.slow), pytest.param("cosine", marks=pytest.mark.slow)]
)
def test_libraries_agree(sim, library, rng):
    memory = memories(sim, rng)
    x, u = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    flow, moved = field(memory), field(memory.to(library))
    place, along = to_library(x, library), to_library(u, library)
    for name in ("velocity", "energy", "hessian", "activation"):
        answer = moved.host(getattr(moved, name), x)
        np.testing.assert_allclose(answer, getattr(flow, name)(x), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(to_numpy(moved.velocity(place)), flow.velocity(x), rtol=1e-11, atol=1e-12)
    for name in ("jacobian_product", "hessian_product"):
        answer = getattr(moved, name)(place, along)
        np.testing.assert_allclose(to_numpy(answer), getattr(flow, name)(x, u), rtol=1e-11, atol=1e-12)
        one = getattr(moved, name)(place[0], along[0])  # one by one as in a batch
        np.testing.assert_allclose(to_numpy(one), to_numpy(answer[0]), rtol=1e-11, atol=1e-12)


def test_float32_stays_float32(rng):
    memory = UniversalHopfield(rng.normal(size=(3, 5)).astype(np.float32))
    flow, x = field(memory), rng.normal(size=(2, 5)).astype(np.float32)
    for answer in (flow.velocity(x), flow.hessian(x), flow.jacobian_product(x, x), flow.energy(x)):
        assert answer.dtype == np.float32


def test_states_and_starts(rng):
    memory = memories("kl", rng, tau_memory=0.3)
    flow = field(memory)
    assert flow.size == 6  # adiabatic: the memory neurons have no state
    cue = rng.random((2, 6)) + 0.1
    np.testing.assert_allclose(flow.start(cue), np.log(cue))
    np.testing.assert_allclose(flow.activation(flow.start(cue)), cue)
    network = three_populations(rng)
    joined = field(network)
    x = rng.normal(size=(2, 11))
    assert {name: part.shape for name, part in joined.states(x).items()} == {"a": (2, 4), "b": (2, 3), "c": (2, 4)}
    np.testing.assert_array_equal(joined.flatten(joined.states(x)), x)
    np.testing.assert_array_equal(joined.start(joined.states(x)), x)
    velocity = network.velocity(joined.states(x))
    np.testing.assert_array_equal(joined.velocity(x), np.concatenate([velocity[n] for n in "abc"], axis=-1))
    assert field(joined) is joined


def test_the_scale_is_a_length(rng):
    patterns = 3 * rng.normal(size=(7, 5))
    expected = np.sqrt((patterns**2).sum() / 7)
    np.testing.assert_allclose(field(ModernHopfield(patterns)).scale, expected)
    network = Network({"x": Population(LogCosh(), 5)}, [Recurrent(("x",), np.eye(5))])
    assert field(network).scale == 1
    np.testing.assert_allclose(field(network, patterns=patterns).scale, expected)


def test_a_users_own_synapse_and_differences(rng):
    x, u = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    flow = field(Network({"x": Population(Quadratic(), 3, leak=0.0)}, [DoubleWell()]))
    np.testing.assert_allclose(flow.hessian_product(x, u), (3 * x**2 - 1) * u, rtol=1e-12)
    plain = energy_network(lambda x: ((x**2 - 1) ** 2).sum(-1) / 4, 3, lambda x: x**3 - x)
    with pytest.raises(TypeError, match=r"give the `product` \(x, u\) -> E''\(x\) u of the energy by hand"):
        field(plain).hessian_product(x, u)
    near = field(plain, differences=1e-5)
    np.testing.assert_allclose(near.hessian_product(x, u), (3 * x**2 - 1) * u, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(near.jacobian(x), flow.jacobian(x), rtol=1e-7, atol=1e-8)
    exact = energy_network(plain.synapses["x~x"].function, 3, lambda x: x**3 - x, lambda x, u: (3 * x**2 - 1) * u)
    np.testing.assert_allclose(field(exact).hessian(x), flow.hessian(x), rtol=1e-12)


@pytest.mark.parametrize("library_name", LIBRARIES[1:])
def test_plain_functions_are_differentiated(library_name, rng):
    x, u = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    place, along = to_library(x, library_name), to_library(u, library_name)
    energy = energy_network(lambda x: ((x**2 - 1) ** 2).sum(-1) / 4, 3, like=place)
    flow = field(energy)
    np.testing.assert_allclose(to_numpy(flow.velocity(place)), x - x**3, rtol=1e-12)
    np.testing.assert_allclose(to_numpy(flow.hessian_product(place, along)), (3 * x**2 - 1) * u, rtol=1e-10)
    turning = field(velocity_network(lambda x: x[..., [1, 2, 0]] - x**3, 3, like=place))
    assert not turning.conservative
    np.testing.assert_allclose(
        to_numpy(turning.jacobian_product(place, along)), u[..., [1, 2, 0]] - 3 * x**2 * u, rtol=1e-10
    )


def test_what_has_no_hessian_says_why(rng):
    x = rng.normal(size=(1, 6))
    with pytest.raises(ValueError, match="forces of memory jump"):
        field(memories("manhattan", rng)).hessian(x)
    one_way = Network({"x": Population(LogCosh(), 6)}, [Recurrent(("x",), rng.normal(size=(6, 6)))])
    flow = field(one_way)
    assert not flow.symmetric
    assert np.isnan(flow.energy(x)).all()
    with pytest.raises(ValueError, match="no symmetric Hessian"):
        flow.hessian_product(x, x)
    cubes = Network(
        {"a": Population(Power(3), 6), "b": Population(Quadratic(), 2)}, [Bilinear(("a", "b"), x.T @ x[:, :2])]
    )
    with pytest.raises(ValueError, match="Lagrangians that say they are convex"):
        field(cubes).hessian(rng.normal(size=8))
    with pytest.raises(TypeError, match="energy_network"):
        field(lambda x: x)
    with pytest.raises(ValueError, match=r"shape \(2, 5\) but the network has 6"):
        flow.start(np.zeros((2, 5)))


def test_the_gradient_flow_is_looked_at_in_its_local_flow(rng):
    network = Network({"x": Population(LogCosh(), 3)}, [Recurrent(("x",), np.eye(3))], flow="gradient")
    assert field(network).network.flow == "local"


def test_cosine_is_neutral_along_its_rays(rng):
    flow = field(memories("cosine", rng))
    x = rng.normal(size=(3, 6))
    (ray,) = neutral(flow, x)
    np.testing.assert_allclose((ray * flow.velocity(x)).sum(-1), 0, atol=1e-14)
    assert neutral(field(memories("cosine", rng, leak=0.5)), x) == []


def test_sizes_of_batches_that_are_compiled():
    assert [padded(n, 2) for n in (1, 2, 8, 9, 64, 65)] == [1, 8, 8, 64, 64, 512]
    assert [padded(n, 10**6) for n in (1, 2, 3, 9)] == [1, 2, 4, 16]


def test_roots_of_every_elementwise_lagrangian(rng):
    for lagrangian in (LogCosh(2.0), Softplus(), Exponential(), Power(4), Quadratic(3.0)):
        network = Network({"x": Population(lagrangian, 4)}, [Recurrent(("x",), np.eye(4) + 0.2)])
        flow, x = field(network), rng.normal(size=4)
        assert isinstance(flow, Field)
        of_j = np.sort(np.linalg.eigvals(-flow.jacobian(x)).real)
        np.testing.assert_allclose(np.linalg.eigvalsh(flow.hessian(x)), of_j, rtol=1e-9, atol=1e-9)
    unknown = CustomLagrangian(lambda x: (x**4).sum(-1) / 4, lambda x: x**3, lambda x, u: 3 * x**2 * u)
    assert not field(Network({"x": Population(unknown, 4)}, [Recurrent(("x",), np.eye(4))])).symmetric


def test_a_network_without_arrays_takes_the_dtype_it_is_given():
    flow = field(energy_network(lambda x: (x**4).sum(-1), 2, lambda x: 4 * x**3))
    assert flow.dtype == np.float64
    small = with_library(flow, np.zeros(2, dtype=np.float32))
    assert small.host(small.velocity, np.ones((1, 2), dtype=np.float32)).dtype == np.float32


def test_a_sphere_without_leak_turns_the_projection_of_its_velocity():
    """x' = P(x) b rests at x = +-b: attracted to the one, repelled from the other, neutral along the ray."""
    bias = np.array([1.0, 2.0, 2.0])
    network = Network({"x": Population(Spherical(), 3, leak=0.0, bias=bias)})
    flow = field(network)
    assert not flow.symmetric
    x = np.array([0.5, -1.0, 2.0])
    for u in np.eye(3):
        slope = (flow.velocity(x + 1e-6 * u) - flow.velocity(x - 1e-6 * u)) / 2e-6
        np.testing.assert_allclose(flow.jacobian_product(x, u), slope, atol=1e-8)
    for sign in (1.0, -1.0):
        found = np.sort(np.linalg.eigvals(flow.jacobian(sign * bias)).real)
        np.testing.assert_allclose(found, np.sort([0.0, -sign, -sign]), atol=1e-12)


@pytest.mark.parametrize("similarity", ["dot", "euclidean", "cosine"])
@pytest.mark.parametrize("batch", [(0,), (0, 2), (2, 0)])
def test_matrices_of_no_states_are_none(similarity, batch):
    one = field(UniversalHopfield(np.eye(3, 4), similarity, beta=2.0))
    assert one.jacobian(np.zeros((*batch, 4))).shape == (*batch, 4, 4)
    assert one.hessian(np.zeros((*batch, 4))).shape == (*batch, 4, 4)
