"""What can be said about a memory."""

from .barriers import Landscape, Route
from .basin_plots import plot_basin_slice, plot_radii
from .basin_slice import BasinSlice, basin_slice
from .basins import Basins, basins_of_attraction, wilson
from .beta_advice import BetaAdvice, beta_advice
from .bifurcation import Bifurcation
from .bifurcation_plot import plot_bifurcation
from .capacity import capacity, robustness
from .capacity_plots import plot_sweep, plot_sweeps
from .census_plots import plot_fixed_point_images, plot_fixed_points
from .certificates import Certificates, certified_radii, trapping_radii
from .completeness import Completeness, Unseen
from .continuation import Branch, Branches, continue_fixed_points
from .corruption import (
    border_mask,
    flip_bits,
    gaussian_noise,
    hidden_pixels,
    mask,
    occlude,
    random_mask,
    salt_and_pepper,
)
from .critical_beta import CriticalBeta, critical_beta
from .cues import corrupt
from .disconnectivity import disconnectivity_tree, plot_disconnectivity
from .effective import Metastability, effective_memories, metastability
from .field import Field, field
from .fixed_points import FixedPoints, find_fixed_points
from .images import Rows, flatten_images, load_array
from .kinds import metastable_size
from .landscape import landscape
from .landscape_plots import plot_barriers, plot_energy_along_path
from .lyapunov import LyapunovReport, assert_energy_decreases, check_lyapunov
from .own import energy_network, velocity_network
from .paper import Reproduction, plot_readings, reproduce
from .pictures import plot_recall
from .plot_style import mark_recalled, new_figure, open_axes
from .plots import plot_energy, plot_overlaps
from .polish import Polished, polish
from .radius import BasinRadius, basin_radius
from .report import RecallSummary, summarise, write_report
from .samplers import Box, Cues, Flipped, Masked, Noisy, Sampler, Sphere
from .saving import save_trajectory, times_that_fit
from .stability import Spectrum, spectrum
from .starts import box_starts, pattern_starts, random_starts
from .string_method import Strings, string_method
from .sweep import Sweep
from .tables import query_table, recall_table

__all__ = [
    "BasinRadius",
    "BasinSlice",
    "Basins",
    "BetaAdvice",
    "Bifurcation",
    "Box",
    "Branch",
    "Branches",
    "Certificates",
    "Completeness",
    "CriticalBeta",
    "Cues",
    "Field",
    "FixedPoints",
    "Flipped",
    "Landscape",
    "LyapunovReport",
    "Masked",
    "Metastability",
    "Noisy",
    "Polished",
    "RecallSummary",
    "Reproduction",
    "Route",
    "Rows",
    "Sampler",
    "Spectrum",
    "Sphere",
    "Strings",
    "Sweep",
    "Unseen",
    "assert_energy_decreases",
    "basin_radius",
    "basin_slice",
    "basins_of_attraction",
    "beta_advice",
    "border_mask",
    "box_starts",
    "capacity",
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
    "flatten_images",
    "flip_bits",
    "gaussian_noise",
    "hidden_pixels",
    "landscape",
    "load_array",
    "mark_recalled",
    "mask",
    "metastability",
    "metastable_size",
    "new_figure",
    "occlude",
    "open_axes",
    "pattern_starts",
    "plot_barriers",
    "plot_basin_slice",
    "plot_bifurcation",
    "plot_disconnectivity",
    "plot_energy",
    "plot_energy_along_path",
    "plot_fixed_point_images",
    "plot_fixed_points",
    "plot_overlaps",
    "plot_radii",
    "plot_readings",
    "plot_recall",
    "plot_sweep",
    "plot_sweeps",
    "polish",
    "query_table",
    "random_mask",
    "random_starts",
    "recall_table",
    "reproduce",
    "robustness",
    "salt_and_pepper",
    "save_trajectory",
    "spectrum",
    "string_method",
    "summarise",
    "times_that_fit",
    "trapping_radii",
    "velocity_network",
    "wilson",
    "write_report",
]
