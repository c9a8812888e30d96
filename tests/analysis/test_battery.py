"""Every model of the catalogue under every verb of the analysis: an answer that brute force confirms, or a sentence.

Each cell of the table calls one verb on one small memory, with its options. What comes back is held against an
independent look at the network's velocity: dense Newton steps with numerical Jacobians from many states, and SciPy's
LSODA. A cell that has no answer must refuse in words of ours; which cells do is written down here, with the words.
"""

import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import hopfield
from hopfield import simulate
from hopfield.analysis import (
    Masked,
    Noisy,
    assert_energy_decreases,
    basin_radius,
    basin_slice,
    basins_of_attraction,
    beta_advice,
    certified_radii,
    check_lyapunov,
    continue_fixed_points,
    critical_beta,
    effective_memories,
    field,
    find_fixed_points,
    landscape,
    metastability,
    polish,
    recall_table,
    spectrum,
    string_method,
    summarise,
)
from hopfield.dynamics import Relaxation
from hopfield.models import (
    BidirectionalMemory,
    ClassicalHopfield,
    ContinuousSDM,
    DenseAssociativeMemory,
    ExponentialMemory,
    HierarchicalMemory,
    ModernHopfield,
    UniversalHopfield,
    build,
)

REAL = np.array([[1.2, 0.3, -0.4, 0.5], [-0.6, 1.0, 0.7, -0.2], [0.1, -0.8, 0.9, 1.1]])
SIGNS = np.array([[1.0, 1, 1, 1, -1, -1], [1, -1, 1, -1, 1, -1], [-1, -1, 1, 1, 1, 1]])
SHARES = np.array([[0.7, 0.2, 0.1, 0.3], [0.2, 0.6, 0.3, 0.1], [0.1, 0.2, 0.9, 0.8]])

MODELS = {
    "modern": lambda: ModernHopfield(REAL, beta=3.0),
    "modern with a bias": lambda: ModernHopfield(REAL, beta=3.0, bias=0.1),
    "modern with a leak": lambda: UniversalHopfield(REAL, beta=3.0, leak=0.5, tau_value=2.0),
    "modern with outputs": lambda: ModernHopfield(REAL, beta=3.0, projection=SHARES[:, :2]),
    "modern in float32": lambda: ModernHopfield(REAL.astype(np.float32), beta=3.0),
    "euclidean": lambda: UniversalHopfield(REAL, "euclidean", beta=2.0),
    "cosine": lambda: UniversalHopfield(REAL, "cosine", beta=6.0),
    "manhattan": lambda: UniversalHopfield(REAL, "manhattan", beta=2.0),
    "winner": lambda: UniversalHopfield(REAL, "dot", "max"),
    "sparse weights": lambda: UniversalHopfield(REAL, "euclidean", "sparsemax", beta=2.0),
    "kl": lambda: UniversalHopfield(SHARES, "kl", beta=6.0),
    "reverse kl": lambda: UniversalHopfield(SHARES, "reverse_kl", beta=6.0),
    "jeffreys": lambda: UniversalHopfield(SHARES, "jeffreys", beta=6.0),
    "jensen-shannon": lambda: UniversalHopfield(SHARES, "jensen_shannon", beta=30.0),
    "continuous sdm": lambda: ContinuousSDM(REAL, beta=6.0),
    "classical": lambda: ClassicalHopfield(SIGNS, beta=2.0),
    "dense": lambda: DenseAssociativeMemory(SIGNS, n=3),
    "exponential": lambda: ExponentialMemory(SIGNS),
    "bidirectional": lambda: BidirectionalMemory(SIGNS, SIGNS[:, ::-1]),
    "hierarchical": lambda: HierarchicalMemory.from_patterns(SIGNS[:, :4], seed=1),
    "sdm": lambda: build("sdm", SIGNS),
}
SMOOTH = [name for name in MODELS if name not in ("manhattan", "winner", "sdm")]
KINKED = ["manhattan", "winner"]
DYNAMIC = [*SMOOTH, *KINKED]
UNIVERSAL = [name for name in DYNAMIC if name not in ("classical", "bidirectional", "hierarchical")]
