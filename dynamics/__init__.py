"""What a network is and how it moves."""

from .contracts import Similarity, Synapse
from .convolution import Convolution
from .integrators import Diffrax, Euler, Relaxation, Rosenbrock, RungeKutta, Scipy, TorchDiffEq
from .jacobian import jacobian
from .lagrangians import (
    CustomLagrangian,
    Entmax,
    Exponential,
    Lagrangian,
    LayerNorm,
    LogCosh,
    LogSumExp,
    LogSumReLU,
    Max,
    Power,
    Quadratic,
    RectifiedPower,
    Softplus,
    Sparsemax,
    Spherical,
    SquareRoot,
    Threshold,
    TopK,
    XLogX,
    convexity_defect,
    logsumexp,
    softmax,
)
from .network import Network, Population
from .rollout import rollout
from .simulate import simulate
from .stopping import energy_rate_below, near, settled, steady
from .synapses import Bilinear, EquilibriumSynapse, Recurrent, SimilaritySynapse
from .trajectory import Result, SimulationError, SimulationWarning, Trajectory

__all__ = [
    "Bilinear",
    "Convolution",
    "CustomLagrangian",
    "Diffrax",
    "Entmax",
    "EquilibriumSynapse",
    "Euler",
    "Exponential",
    "Lagrangian",
    "LayerNorm",
    "LogCosh",
    "LogSumExp",
    "LogSumReLU",
    "Max",
    "Network",
    "Population",
    "Power",
    "Quadratic",
    "RectifiedPower",
    "Recurrent",
    "Relaxation",
    "Result",
    "Rosenbrock",
    "RungeKutta",
    "Scipy",
    "Similarity",
    "SimilaritySynapse",
    "SimulationError",
    "SimulationWarning",
    "Softplus",
    "Sparsemax",
    "Spherical",
    "SquareRoot",
    "Synapse",
    "Threshold",
    "TopK",
    "TorchDiffEq",
    "Trajectory",
    "XLogX",
    "convexity_defect",
    "energy_rate_below",
    "jacobian",
    "logsumexp",
    "near",
    "rollout",
    "settled",
    "simulate",
    "softmax",
    "steady",
]
