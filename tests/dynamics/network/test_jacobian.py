"""The Jacobian of the velocity equals its difference quotients."""

import numpy as np
import pytest

from helpers import to_library, to_numpy
from hopfield import UniversalHopfield
from hopfield.dynamics import (
    Bilinear,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Quadratic,
    Recurrent,
    Softplus,
    jacobian,
)


def networks():
    """Names, networks and states."""
    rng = np.random.default_rng(8)
    patterns = rng.standard_normal((5, 3))
    found = {}
    for similarity in ("dot", "euclidean", "cosine"):
        for tau in (0.3, 0.0):
            found[similarity, tau] = UniversalHopfield(patterns, similarity, beta=2.0, tau_memory=tau, leak=0.4).network
    found["kl"] = UniversalHopfield(rng.random((4, 3)) + 0.2, "kl", beta=2.0).network
    w = rng.standard_normal((4, 4))
    found["mixed"] = Network(
        {
            "a": Population(LogSumExp(), 3, leak=0.0),
            "b": Population(LogCosh(), 4, tau=0.2),
            "c": Population(Softplus(), 2),
        },
        [Bilinear(("a", "b"), rng.standard_normal((3, 4))), Recurrent(("b",), w + w.T)],
    )
    found["single"] = Network({"x": Population(Quadratic(), 2, leak=0.7)})
    for name, network in found.items():
        yield pytest.param(
            network, {n: rng.standard_normal(p.size) for n, p in network.populations.items()}, id=str(name)
        )


@pytest.mark.parametrize("held", [False, True], ids=["free", "clamped"])
@pytest.mark.parametrize(("network", "states"), list(networks()))
def test_equals_differences(network, states, held):
    first = next(iter(states))
    clamp = {first: np.arange(states[first].size) == 0} if held else {}
    blocks = jacobian(network, states, clamp)
    for source, x in states.items():
        for k in range(x.size):
            step = 1e-6 * (np.arange(x.size) == k)
            ahead, behind = ({**states, source: x + s * step} for s in (1, -1))
            a, b = network.velocity(ahead, clamp), network.velocity(behind, clamp)
            for target in states:
                slope = (a[target] - b[target]) / 2e-6
                np.testing.assert_allclose(blocks[target, source][:, k], slope, atol=1e-7)


def test_libraries_and_batches_agree(library):
    memory = UniversalHopfield(np.random.default_rng(9).standard_normal((5, 3)), "euclidean")
    queries = np.random.default_rng(10).standard_normal((2, 3))
    there = memory.to(library)
    blocks = jacobian(there.network, there.start(to_library(queries, library)))
    for k, query in enumerate(queries):
        for pair, block in jacobian(memory.network, memory.start(query)).items():
            np.testing.assert_allclose(to_numpy(blocks[pair])[k], block, atol=1e-12)


def test_refuses_the_gradient_flow():
    network = Network({"x": Population(Quadratic(), 2)}, flow="gradient")
    with pytest.raises(ValueError, match="local"):
        jacobian(network, {"x": np.ones(2)})
