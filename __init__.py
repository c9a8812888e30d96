"""A neural-dynamics simulator for energy-based memory networks.

`hopfield.models` has the memories, `hopfield.dynamics` what a network is and how it moves, and
`hopfield.analysis` what can be said about it. The names below are the ones that most programs need.

>>> import numpy as np
>>> from hopfield import ModernHopfield, check_lyapunov, simulate
>>> memory = ModernHopfield(np.eye(3), beta=8.0)
>>> run = simulate(memory, np.array([0.9, 0.3, 0.1]), t1=10)
>>> check_lyapunov(memory, run).holds
True
"""

from hopfield.analysis import assert_energy_decreases, check_lyapunov
from hopfield.dynamics import (
    Diffrax,
    Euler,
    Network,
    Population,
    Relaxation,
    Rosenbrock,
    RungeKutta,
    Scipy,
    SimulationError,
    TorchDiffEq,
    rollout,
    simulate,
)
from hopfield.models import ModernHopfield, UniversalHopfield

__version__ = "0.1.0"

__all__ = [
    "Diffrax",
    "Euler",
    "ModernHopfield",
    "Network",
    "Population",
    "Relaxation",
    "Rosenbrock",
    "RungeKutta",
    "Scipy",
    "SimulationError",
    "TorchDiffEq",
    "UniversalHopfield",
    "__version__",
    "assert_energy_decreases",
    "check_lyapunov",
    "rollout",
    "simulate",
]
