"""The modules of 0.1.0 by their old paths: for one version they still work, with a warning.

What is public is imported from `hopfield`, `hopfield.dynamics`, `hopfield.models`, `hopfield.data` and
`hopfield.analysis`; the files below them are private.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
import warnings
from typing import Any

MOVED = [  # folder before, folder now, and the modules: of the same name behind a "_", or "old=new"
    ("analysis", "analysis.landscapes", "barriers=_landscape landscape=_search saddles string_method=_strings"),
    (
        "analysis",
        "analysis.plots",
        "basin_plots=_basins bifurcation_plot=_branches census_plots=_fixed_points disconnectivity "
        "landscape_plots=_landscape pictures=_recall plot_doors=_doors plot_style=_style "
        "plots=_trajectories",
    ),
    (
        "analysis",
        "analysis.basins",
        "basin_slice=_slice boundary certificates explorer=_basin_map motion radius regions "
        "representatives samplers settling witness",
    ),
    ("analysis", "analysis.recall", "beta_advice effective=_metastability report=_summary tables"),
    ("analysis", "analysis.branches", "bifurcation continuation critical_beta families=_family seeds varied"),
    (
        "analysis",
        "analysis.flow",
        "calculus=_derivatives counts field home local=_descent low_rank marginal one_thread own "
        "polish=_newton row_space sphere stability=_spectrum units",
    ),
    (
        "analysis",
        "analysis.experiments",
        "capacity capacity_plots=_plots cells criteria paper=_reproduce paper_settings=_figures sweep trial=_fractions",
    ),
    (
        "analysis",
        "analysis.fixed_points",
        "census completeness jumps=_kinks kinds=_naming ladder=_eigenvectors search starts",
    ),
    ("analysis", "data", "corruption=_noise cues datasets image_files=_files images=_arrays masks"),
    ("analysis", "analysis", "declared"),
    ("analysis", "commands", "demo inputs"),
    ("analysis", "models", "doors"),
    ("analysis", "analysis.results", "intervals saving=_trajectories"),
    ("analysis", "analysis.energy", "lyapunov lyapunov_report=_report"),
    (
        "dynamics",
        "dynamics.simulation",
        "advance control doubt drift interpolation langevin=_noise loop progress recorder rollout rounding "
        "simulate stopping trajectory",
    ),
    ("dynamics", "dynamics.doors", "arguments array_doors=_arrays entry list_doors=_lists validation"),
    ("dynamics", "dynamics.network", "belonging consistency jacobian linear linearised scale state_doors=_doors"),
    ("dynamics", "dynamics.synapses", "bilinear convolution exact"),
    ("dynamics", "dynamics.lagrangians", "collective compact elementwise rotation shifted"),
    (
        "dynamics.integrators",
        "dynamics.integrators",
        "base diffrax elimination euler relaxation rosenbrock runge_kutta scipy torchdiffeq",
    ),
    ("dynamics", "dynamics.backend", "libraries moving structures threads tracing"),
    ("models", "models.pairs", "bidirectional"),
    ("models", "models.binary", "binary classical dense flips learning"),
    ("models", "models", "catalogue checks copies domain precision resting separation=_separations storage"),
    ("models", "dynamics.files", "files=_arrays"),
    ("models", "models.family", "continuous_sdm masked memory modern retrieval sequence universal"),
    (
        "models",
        "models.measures",
        "divergences gaps hamming manhattan normalised pairwise published similarity=_similarities",
    ),
    ("models", "models.layered", "hierarchical layers"),
    ("models", "models.sparse", "sparse_distributed=_kanerva"),
]
PLACES: dict[str, tuple[str, ...]] = {
    f"hopfield.{old}.{name.partition('=')[0]}": (f"hopfield.{new}.{name.partition('=')[2] or '_' + name}",)
    for old, new, names in MOVED
    for name in names.split()
}
PLACES["hopfield.dynamics.contracts"] = ("hopfield.dynamics.lagrangians", "hopfield.dynamics.synapses")


class _Old(types.ModuleType):
    """A module that looks its names up where they are now."""

    def __getattr__(self, name: str) -> Any:
        for place in PLACES[self.__name__]:
            module = importlib.import_module(place)
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        return importlib.machinery.ModuleSpec(fullname, self) if fullname in PLACES else None

    def create_module(self, spec: Any) -> types.ModuleType:
        face = ".".join(PLACES[spec.name][0].split(".")[:2])
        warnings.warn(
            f"The module {spec.name} is private and has moved: import what you need from {face}. The old path goes "
            "with the next version.",
            DeprecationWarning,
            stacklevel=2,
        )
        return _Old(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing: names are looked up when they are asked for."""


def install() -> None:
    """Let the old paths be found, after all others."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
