"""Valid calls of `hopfield.dynamics`: Lagrangians, synapses, networks, integrators, simulations."""

from __future__ import annotations

from typing import Any

import numpy as np

from hopfield import dynamics as d
from hopfield.models import Dot, ModernHopfield

from .cases import Case, case

X = np.array([[0.5, -1.0, 2.0, 0.25], [1.0, 0.0, -0.5, 0.75]])
W = np.array([[0.0, 0.5, 0.25, 0.0], [0.5, 0.0, 0.0, 0.1], [0.25, 0.0, 0.0, 0.3], [0.0, 0.1, 0.3, 0.0]])
P = np.array([[1.0, 0.5, -0.5, 0.0], [-1.0, 0.25, 0.5, 1.0], [0.0, -0.5, 1.0, 0.5]])
CUE = np.array([0.9, 0.4, -0.4, 0.1])


def _lagrangian(one: Any) -> Any:
    x = np.abs(X) + 0.1
    g = one.activation(x)
    return repr(one), one.value(x), one.curvature(x, x), g


def lagrangians() -> list[Any]:
    """One of each."""
    return [
        d.Quadratic(),
        d.Quadratic(2.0),
        d.Power(4),
        d.RectifiedPower(3),
        d.Exponential(),
        d.LogCosh(2.0),
        d.Softplus(),
        d.Threshold(0.5),
        d.XLogX(),
        d.SquareRoot(),
        d.LogSumExp(2.0),
        d.Max(),
        d.TopK(2),
        d.Sparsemax(),
        d.Entmax(1.5),
        d.Spherical(),
        d.LayerNorm(),
        d.LogSumReLU(),
    ]


def ring() -> d.Network:
    """Four neurons of tanh, joined to themselves."""
    return d.Network({"x": d.Population(d.LogCosh(2.0), 4)}, [d.Recurrent(("x",), W)])


def pair() -> d.Network:
    """Two populations."""
    return d.Network(
        {"a": d.Population(d.Quadratic(), 4), "b": d.Population(d.LogSumExp(2.0), 3, tau=0.2)},
        [d.Bilinear(("a", "b"), P.T)],
    )


def cases() -> list[Case]:
    """Everything but simulations."""
    found = [
        case(d.Quadratic, 2.0, then=_lagrangian),
        case(d.Power, 4, 1.0, then=_lagrangian),
        case(d.RectifiedPower, 3, 1.0, then=_lagrangian),
        case(d.Exponential, 1.0, then=_lagrangian),
        case(d.LogCosh, 2.0, then=_lagrangian),
        case(d.Softplus, 1.0, then=_lagrangian),
        case(d.Threshold, 0.5, 1.0, then=_lagrangian),
        case(d.XLogX, 1.0, then=_lagrangian),
        case(d.SquareRoot, 1.0, then=_lagrangian),
        case(d.LogSumExp, 2.0, then=_lagrangian),
        case(d.TopK, 2, then=_lagrangian),
        case(d.Sparsemax, 1.0, then=_lagrangian),
        case(d.Entmax, 1.5, 1.0, then=_lagrangian),
        case(d.LayerNorm, 1.0, 0.0, 1e-5, then=_lagrangian),
        case(d.LogSumReLU, 1.0, 1e-30, then=_lagrangian),
        case(
            d.CustomLagrangian,
            lambda x: (x**4).sum(-1) / 4,
            gradient=lambda x: x**3,
            product=lambda x, u: 3 * x**2 * u,
            inverse=lambda g: np.cbrt(g),
            is_convex=True,
            is_elementwise=True,
            beta=1.0,
            then=_lagrangian,
        ),
        case(d.convexity_defect, d.Power(4), X, seed=0),
        case(d.softmax, X),
        case(d.logsumexp, X),
    ]
    for one in lagrangians():
        g = np.full((2, 4), 0.25)
        found += [
            case(one.value, np.abs(X) + 0.1),
            case(one.value_at, np.abs(X) + 0.1, g),
            case(one.activation, np.abs(X) + 0.1),
            case(one.curvature, np.abs(X) + 0.1, X),
            case(one.dual, g),
            case(one.tangent, X, X),
            case(lambda x, g, one=one: one.linearised(x, g)(x), np.abs(X) + 0.1, g),
        ]
        if isinstance(one, d.Spherical):
            found.append(case(one.tangent_change, X, X, X))
        if not isinstance(one, d.LayerNorm):
            found.append(case(one.scaled, 2.0))
    network, two = ring(), pair()
    states, both = {"x": CUE}, {"a": CUE, "b": np.array([0.1, 0.2, 0.3])}
    found += [
        case(d.Population, d.LogCosh(), 4, tau=1.0, leak=1.0, bias=np.zeros(4), then=_population),
        case(d.Network, {"x": d.Population(d.LogCosh(), 4)}, [d.Recurrent(("x",), W)], "local", then=_network),
        case(d.Network, {"x": d.Population(d.LogCosh(), 4)}, {"w": d.Recurrent(("x",), W)}, "gradient", then=_network),
        case(d.Bilinear, ("a", "b"), P.T, then=_bilinear),
        case(d.Recurrent, ("x",), W, False, None, then=_recurrent),
        case(d.SimilaritySynapse, ("a", "b"), Dot(), P, True, then=_similar),
        case(d.EquilibriumSynapse, ("a",), (Dot(),), (P,), d.LogSumExp(2.0), 1.0, np.zeros(3), then=_equilibrium),
        case(d.Convolution, ("a", "b"), np.ones((2, 1, 1)), (4, 1), 1, 0, then=_convolution),
        case(d.jacobian, network, states, {"x": np.array([True, False, False, False])}),
        case(d.jacobian, two, both),
        case(network.check_states, states),
        case(network.check_clamp, {"x": np.array([True, False, False, False])}, states),
    ]
    two_ways = [
        d.Bilinear(("a", "b"), P.T),
        d.SimilaritySynapse(("a", "b"), Dot(), P),
        d.Convolution(("a", "b"), np.ones((2, 1, 1)), (4, 1)),
    ]
    alone = [d.Recurrent(("x",), W), d.EquilibriumSynapse(("x",), (Dot(),), (P,), d.LogSumExp(2.0))]
    for synapse in (*two_ways, *alone):
        g = [CUE, np.array([0.2, 0.3, 0.5])][: len(synapse.between)]
        found += [
            case(synapse.energy, *g),
            case(synapse.forces, *g),
            case(synapse.energy_gradient, *g),
            case(synapse.magnitude, *g),
            case(synapse.response, 0, *g),
            case(synapse.block, 0, len(g) - 1, g[-1], *g),
        ]
    found.append(case(alone[-1].weights, CUE))
    for net, at in ((network, states), (two, both)):
        clamp = {next(iter(at)): np.array([True, False, True, False])}
        found += [
            case(net.activations, at),
            case(net.energy, at),
            case(net.energy_parts, at),
            case(net.energy_scale, at),
            case(net.forces, at),
            case(net.residual, at),
            case(net.velocity, at, clamp),
            case(net.energy_gradient, at),
            case(net.energy_rate, at, clamp),
        ]
    return found


def _population(one: d.Population) -> Any:
    net = d.Network({"x": one})
    return repr(one), net.velocity({"x": np.full(one.size, 0.5)})


def _network(net: d.Network) -> Any:
    at = {name: np.full(p.size, 0.5) for name, p in net.populations.items()}
    return repr(net), net.energy(at), net.velocity(at), net.energy_rate(at)


def _joined(synapse: Any, a: int, b: int) -> Any:
    net = d.Network({"a": d.Population(d.Quadratic(), a), "b": d.Population(d.Quadratic(), b)}, [synapse])
    return _network(net)


def _bilinear(synapse: Any) -> Any:
    return _joined(synapse, 4, 3)


def _recurrent(synapse: Any) -> Any:
    return _network(d.Network({"x": d.Population(d.LogCosh(), 4)}, [synapse]))


def _similar(synapse: Any) -> Any:
    return _joined(synapse, 4, 3)


def _equilibrium(synapse: Any) -> Any:
    return _network(d.Network({"a": d.Population(d.Quadratic(), 4)}, [synapse]))


def _convolution(synapse: Any) -> Any:
    return repr(synapse), _joined(synapse, 4, 3)


def runs() -> list[Case]:
    """Simulations, integrators, stop conditions."""
    memory = ModernHopfield(P, beta=4.0)
    light = ModernHopfield(P, beta=4.0, tau_memory=0.0)
    cues = np.stack([CUE, P[1]])
    run = d.simulate(memory, cues, t1=2.0, save="all")
    free = {"t1": 1.0}

    def runs_with(method: Any) -> Any:
        return d.simulate(light, CUE, t1=0.5, integrator=method, save_at=[0.5], throw=False)

    found = [
        case(
            d.simulate,
            memory,
            cues,
            t1=1.0,
            integrator="auto",
            save_at=[0.0, 0.5, 1.0],
            memory_state=np.zeros(3),
            clamp=np.array([True, False, False, False]),
            stop=None,
            guard=None,
            progress=False,
            save=["value"],
            throw=True,
            temperature=0.0,
            seed=0,
        ),
        case(d.simulate, memory, cues, t1=1.0, save_at=2, clamp={"memory": True}, stop="steady", guard=True),
        case(d.simulate, light, cues, t1=1.0, temperature=0.1, seed=0, integrator=d.Euler(0.1)),
        case(d.simulate, light, cues, t1=1.0, integrator=d.RungeKutta(), save_at=[1.0]),
        case(d.simulate, light, cues, t1=1.0, integrator=d.Scipy(), save_at=[1.0]),
        case(d.simulate, memory, cues, t1=1.0, integrator=d.Rosenbrock(), save_at=[1.0]),
        case(d.simulate, ring(), {"x": CUE}, t1=1.0, clamp={"x": np.array([True, False, False, False])}),
        case(d.simulate, pair(), {"a": cues, "b": np.zeros((2, 3))}, t1=1.0, save=("a", "b")),
        case(d.Euler, 0.1, then=runs_with),
        case(d.Relaxation, 0.1, 1, False, 1e-2, 1e-6, then=runs_with),
        case(d.Relaxation, 0.1, 2, True, 1e-2, 1e-6, then=runs_with),
        case(d.RungeKutta, "dopri5", then=runs_with),
        case(d.RungeKutta, rtol=1e-4, atol=1e-6, max_steps=100, dt=1.0, then=runs_with),
        case(d.Rosenbrock, 1e-4, 1e-6, 128, 16, 100, 1.0, then=runs_with),
        case(d.Scipy, "LSODA", 1e-6, 1e-9, then=runs_with),
        case(d.Diffrax, "Tsit5", 1e-5, 1e-7, 100, 1.0, True, 256),
        case(d.TorchDiffEq, "dopri5", 1e-5, 1e-7, 1.0, 100, None),
        case(run.at, [0.5, 1.0]),
    ]
    for stop, arguments in (
        (d.steady, (1e-6,)),
        (d.settled, (1e-6,)),
        (d.energy_rate_below, (1e-6,)),
        (d.near, (P[0], 0.1)),
    ):
        found.append(case(stop, *arguments, then=lambda s: d.simulate(memory, cues, t1=1.0, stop=s)))
    found.append(case(lambda stop: d.simulate(memory, cues, stop=stop, **free), lambda moment: np.ones(2, bool)))
    return found
