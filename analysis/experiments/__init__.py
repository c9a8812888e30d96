"""Sweeps, and the experiments of the paper."""

from ._capacity import capacity as capacity
from ._capacity import robustness as robustness
from ._cells import Unfinished as Unfinished
from ._figures import FIGURES as FIGURES
from ._figures import READINGS as READINGS
from ._fractions import READOUTS as READOUTS
from ._plots import plot_sweep as plot_sweep
from ._plots import plot_sweeps as plot_sweeps
from ._reproduce import Reproduction as Reproduction
from ._reproduce import plot_readings as plot_readings
from ._reproduce import reproduce as reproduce
from ._sweep import Sweep as Sweep
from .language import LanguageComparison as LanguageComparison
from .language import compare_language_models as compare_language_models
