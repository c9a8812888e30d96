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

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hopfield import _moved

_moved.install()

if TYPE_CHECKING:
    from hopfield.analysis import (
        assert_energy_decreases,
        basin_radius,
        basin_slice,
        basins_of_attraction,
        beta_advice,
        capacity,
        certified_radii,
        check_lyapunov,
        continue_fixed_points,
        corrupt,
        critical_beta,
        disconnectivity_tree,
        effective_memories,
        energy_network,
        field,
        find_fixed_points,
        landscape,
        metastability,
        polish,
        reproduce,
        robustness,
        spectrum,
        string_method,
        trapping_radii,
        velocity_network,
    )
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
    from hopfield.models import (
        BidirectionalMemory,
        ClassicalHopfield,
        ContinuousSDM,
        CovarianceMemory,
        DenseAssociativeMemory,
        ExponentialMemory,
        HierarchicalMemory,
        Model,
        ModernHopfield,
        PredictiveCodingMemory,
        SparseDistributedMemory,
        UniversalHopfield,
        build,
        catalogue,
        recall_sequence,
    )

__version__ = "0.1.0"

__all__ = [
    "BidirectionalMemory",
    "ClassicalHopfield",
    "ContinuousSDM",
    "CovarianceMemory",
    "DenseAssociativeMemory",
    "Diffrax",
    "Euler",
    "ExponentialMemory",
    "HierarchicalMemory",
    "Model",
    "ModernHopfield",
    "Network",
    "Population",
    "PredictiveCodingMemory",
    "Relaxation",
    "Rosenbrock",
    "RungeKutta",
    "Scipy",
    "SimulationError",
    "SparseDistributedMemory",
    "TorchDiffEq",
    "UniversalHopfield",
    "__version__",
    "assert_energy_decreases",
    "basin_radius",
    "basin_slice",
    "basins_of_attraction",
    "beta_advice",
    "build",
    "capacity",
    "catalogue",
    "certified_radii",
    "check_lyapunov",
    "continue_fixed_points",
    "corrupt",
    "critical_beta",
    "disconnectivity_tree",
    "effective_memories",
    "energy_network",
    "field",
    "find_fixed_points",
    "landscape",
    "metastability",
    "polish",
    "recall_sequence",
    "reproduce",
    "robustness",
    "rollout",
    "simulate",
    "spectrum",
    "string_method",
    "trapping_radii",
    "velocity_network",
]

_ROOMS = ("dynamics", "models", "analysis", "layers")  # in which names are looked up, in this order


def __getattr__(name: str) -> Any:
    """Import a room of the package when a name of it is first asked for: `simulate` needs no analysis."""
    if name in _ROOMS:
        return import_module(f"hopfield.{name}")
    for room in _ROOMS if name in __all__ else ():
        module = import_module(f"hopfield.{room}")
        if name in module.__all__:
            globals()[name] = getattr(module, name)
            return globals()[name]
    raise AttributeError(f"module 'hopfield' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
