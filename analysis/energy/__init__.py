"""Whether the energy falls."""

from ._lyapunov import assert_energy_decreases as assert_energy_decreases
from ._lyapunov import check_lyapunov as check_lyapunov
from ._report import LyapunovReport as LyapunovReport
