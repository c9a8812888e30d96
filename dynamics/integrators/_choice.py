"""Methods that move a network through time, and the names by which `simulate` knows them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..backend import Array, epsilon, rms, to_numpy
from ..doors import Registry
from ..network import Flow, Network, has_products, pace, scales, tolerance
from ._base import Integrator, Solution, Solver, Step
from ._diffrax import Diffrax
from ._euler import Euler
from ._heun import Heun
from ._relaxation import Relaxation, exact, guaranteed
from ._rosenbrock import Rosenbrock
from ._runge_kutta import RungeKutta
from ._scipy import Scipy
from ._torchdiffeq import TorchDiffEq

__all__ = [
    "Diffrax",
    "Euler",
    "Integrator",
    "Relaxation",
    "Rosenbrock",
    "RungeKutta",
    "Scipy",
    "Solution",
    "Solver",
    "Step",
    "TorchDiffEq",
    "choose",
    "exact",
    "following",
    "guaranteed",
    "register",
]

INTEGRATORS = Registry("integrator", also=("auto",))
for _name, _kind in (("relaxation", Relaxation), ("euler", Euler), ("heun", Heun)):
    INTEGRATORS.register(_name, _kind, dt=float)
for _name, _kind in (("rosenbrock", Rosenbrock), ("dopri5", RungeKutta), ("scipy", Scipy), ("diffrax", Diffrax)):
    INTEGRATORS.register(_name, _kind)
INTEGRATORS.register("tsit5", lambda: RungeKutta("tsit5"))
INTEGRATORS.register("torchdiffeq", TorchDiffEq)
register = INTEGRATORS.register


PAIR = 2  # value and memory neurons
MOST_STEPS = 200_000  # of a run that nobody gave a method: an oscillation may take many


def choose(integrator: str | Integrator | Solver, flow: Flow, states: Mapping[str, Array]) -> Integrator | Solver:
    """The integrator of a name; ``"auto"`` follows the flow of the network whatever it is.

    - `Relaxation`, of order 2 for two populations, with a tenth of the first population's tau (of the time in which it
      moves by its size, where that is longer or shorter in proportion to the patterns), where there are two populations
      at most, whose steps are exact and lower the energy for every dt;
    - `Rosenbrock` where the local flow is smooth and has derivatives, `RungeKutta` where it is smooth, for the gradient
      flow too;
    - adaptive `Relaxation` where forces jump.

    >>> import numpy as np
    >>> from hopfield.dynamics import LogCosh, Population, Recurrent
    >>> from hopfield.models import ModernHopfield
    >>> family = ModernHopfield(np.eye(2), tau_value=2.0).network.bound()
    >>> choose("auto", family, {}).dt
    0.2
    >>> own = Network({"x": Population(LogCosh(), 2)}, [Recurrent(("x",), np.array([[0.0, 3.0], [3.0, 0.0]]))])
    >>> choose("auto", own.bound(), {"x": np.array([2.0, 1.0])})
    Rosenbrock(rtol=1e-05, atol=1e-06, dense=128, krylov=16, max_steps=200000, dt=1e+300, order=None)
    """
    if isinstance(integrator, Integrator | Solver):
        return integrator
    if not (isinstance(integrator, str) and integrator == "auto"):
        if isinstance(integrator, type) and issubclass(integrator, Integrator | Solver):
            name = integrator.__name__
            raise TypeError(f"integrator={name} is the class and not one with settings: write integrator={name}().")
        return INTEGRATORS(integrator)
    network = flow.network
    first = next(iter(network.populations))
    step = 0.1 * network.populations[first].fastest * pace(network, first)
    pair = len(network.populations) <= PAIR  # in a longer chain the order of the visits shows
    if network.flow == "local" and pair and exact(flow) and guaranteed(flow):
        return Relaxation(dt=step, order=len(network.populations))  # the second order costs two populations nothing
    return following(flow, states, 1e-5, step)


def following(flow: Flow, states: Mapping[str, Array], rtol: float, step: float) -> Integrator:
    """The method of hopfield that follows the flow of any network to a relative tolerance; `step` is for jumps.

    The absolute tolerance is a tenth of the relative one times the size of the states, so that units do not matter.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> flow = ModernHopfield(np.eye(2), tau_memory=0.0).network.bound()
    >>> following(flow, {"value": np.ones(2)}, 1e-6, 0.1).rtol
    1e-06
    """
    network, like = flow.network, next(iter(states.values()))
    rtol = max(rtol, 16 * epsilon(like))
    if network.flow == "local" and network.kinks:
        return Relaxation(
            dt=step, adaptive=True, rtol=max(rtol, 1e-3), atol=_power_of_ten(1e-4 * _size(network, states))
        )
    size = _size(network, states)
    if network.flow == "local" and has_products(flow, states):
        return Rosenbrock(rtol=rtol, atol=_power_of_ten(0.1 * rtol * size), max_steps=MOST_STEPS)
    # Explicit steps come to rest where their error is as large as the tolerance: it lies below what is called steady.
    rtol = max(min(rtol, tolerance(like) / 10), 16 * epsilon(like))
    return RungeKutta(rtol=rtol, atol=_power_of_ten(0.1 * rtol * size))


def _size(network: Network, states: Mapping[str, Array]) -> float:
    """The least of the populations' sizes, those of the patterns or of the largest start."""
    found = [float(np.max(to_numpy(rms(x)), initial=0.0)) for x in states.values() if np.isfinite(to_numpy(x)).all()]
    known = [s.state for s in scales(network, states).values() if s is not None and isinstance(s.state, float)]
    return min((s for s in [*found, *known] if 0 < s < math.inf), default=1.0)


def _power_of_ten(value: float) -> float:
    """Rounded down, so that few programs are compiled."""
    return 10.0 ** math.floor(math.log10(max(value, 1e-300)) + 1e-9)
