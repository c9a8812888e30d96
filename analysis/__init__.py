"""What can be said about a memory."""

from .lyapunov import LyapunovReport, assert_energy_decreases, check_lyapunov

__all__ = [
    "LyapunovReport",
    "assert_energy_decreases",
    "check_lyapunov",
]
