"""Methods that move a network through time, and the names by which `simulate` knows them."""

from __future__ import annotations

from collections.abc import Callable

from ..backend import to_numpy
from ..network import Network
from ..validation import unknown_name
from .base import Integrator, Solution, Solver, Step
from .diffrax import Diffrax
from .euler import Euler
from .relaxation import Relaxation
from .rosenbrock import Rosenbrock
from .runge_kutta import RungeKutta
from .scipy import Scipy
from .torchdiffeq import TorchDiffEq

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
]

INTEGRATORS: dict[str, Callable[[], Integrator | Solver]] = {
    "relaxation": Relaxation,
    "euler": Euler,
    "rosenbrock": Rosenbrock,
    "dopri5": RungeKutta,
    "tsit5": lambda: RungeKutta("tsit5"),
    "scipy": Scipy,
    "diffrax": Diffrax,
    "torchdiffeq": TorchDiffEq,
}


def choose(integrator: str | Integrator | Solver, network: Network, library: str) -> Integrator | Solver:
    """The integrator of a name; ``"auto"`` is `Relaxation` with a tenth of the first population's tau.

    For the gradient flow, which has no exact steps, ``"auto"`` is `Scipy`, `Diffrax` or a fine `Euler`.

    >>> from hopfield.dynamics import Network, Population, Quadratic
    >>> choose("auto", Network({"x": Population(Quadratic(), 1, tau=2.0)}), "numpy").dt
    0.2
    """
    if isinstance(integrator, Integrator | Solver):
        return integrator
    if isinstance(integrator, type) and issubclass(integrator, Integrator | Solver):
        raise TypeError(f"integrator is the class {integrator.__name__}: write {integrator.__name__}(), with brackets.")
    if isinstance(integrator, str) and integrator == "auto":
        first = next(iter(network.populations.values()))
        if network.flow == "local":
            return Relaxation(dt=0.1 * float(to_numpy(first.tau)))
        return {"numpy": Scipy, "jax": Diffrax}.get(library, lambda: Euler(0.01))()
    if not isinstance(integrator, str) or integrator not in INTEGRATORS:
        raise unknown_name("integrator", integrator, ["auto", *INTEGRATORS])
    return INTEGRATORS[integrator]()
