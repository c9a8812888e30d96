"""What can be said about a memory."""

from .corruption import gaussian_noise, hidden_pixels, mask
from .images import Rows, flatten_images, load_array
from .lyapunov import LyapunovReport, assert_energy_decreases, check_lyapunov
from .pictures import plot_recall
from .plots import plot_energy, plot_overlaps
from .report import RecallSummary, summarise, write_report
from .saving import save_trajectory, times_that_fit
from .tables import query_table, recall_table

__all__ = [
    "LyapunovReport",
    "RecallSummary",
    "Rows",
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
    "query_table",
    "recall_table",
    "save_trajectory",
    "summarise",
    "times_that_fit",
    "write_report",
]
