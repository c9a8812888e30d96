"""What can be said about a memory."""

from .corruption import gaussian_noise, hidden_pixels, mask
from .images import flatten_images, load_array
from .lyapunov import LyapunovReport, assert_energy_decreases, check_lyapunov
from .plots import plot_energy, plot_overlaps, plot_recall
from .report import RecallSummary, summarise, write_report

__all__ = [
    "LyapunovReport",
    "RecallSummary",
    "assert_energy_decreases",
    "check_lyapunov",
    "flatten_images",
    "gaussian_noise",
    "hidden_pixels",
    "load_array",
    "mask",
    "plot_energy",
    "plot_overlaps",
    "plot_recall",
    "summarise",
    "write_report",
]
