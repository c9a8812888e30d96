"""What is to be said of a run that failed, or that came to its end and is not to be trusted."""

from __future__ import annotations

import numpy as np

from .. import backend
from ..backend import Array
from ..integrators import Integrator
from ._trajectory import Result

MANY = 20  # rejected steps from which on their number is worth a word


def doubts(
    method: Integrator, held: np.ndarray, rejected: int, steps: np.ndarray, drift: np.ndarray | None
) -> tuple[str, Result] | None:
    """A sentence and a result, from the samples that were `held`, the steps by sample, and what errors add up to."""
    if held.any():
        first = int(np.argmax(held))
        return (
            f"{int(held.sum())} of {held.size} samples (first {first}) stood still where every step of "
            f"{method!r} raised the energy. Either the steps do not follow the flow (use Rosenbrock()), or "
            "forces and energy do not belong together: guard=False runs on, and check_lyapunov says which."
        ), Result.HELD
    accepted = int(steps.sum())
    if rejected > max(MANY, 2 * accepted):
        return (
            f"{rejected} steps of {method!r} were rejected and {accepted} accepted: they are too long "
            "for this flow. Use Rosenbrock(), which solves for the forces in a step, or give a shorter dt."
        ), Result.REJECTED
    if drift is not None and drift.max(initial=0.0) > method.drift:
        first = int(np.argmax(drift))
        return (
            f"{method!r} has no error control here, and the errors of its steps add up to about "
            f"{100 * min(drift[first], 1e4):.0f} % of the state in sample {first}. Give a shorter dt, or use "
            "Rosenbrock() or RungeKutta(), whose steps follow from the error."
        ), Result.UNCONTROLLED
    return None


def first_failure(failures: dict[int, tuple[str, Result]], size: int) -> tuple[str, Result]:
    """What is said of `size` samples of which some failed: why the first did, and how many."""
    message, result = failures[min(failures)]
    others = f" ({len(failures)} of {size} samples failed; the others ran on.)" if size > 1 else ""
    return message + others, result


def not_finite(states: dict[str, Array], row: int, sample: str, when: str) -> str:
    """The sentence about a row whose new state, its square, or else its energy is not finite."""
    square = {name: float(backend.to_numpy(backend.dot(x[row], x[row]))) for name, x in states.items()}
    lost = [name for name, size in square.items() if not np.isfinite(size)]
    large = lost and np.isfinite(backend.to_numpy(states[lost[0]])[row]).all()
    what = f"{'the square of ' if large else ''}population {lost[0]!r}" if lost else "the energy"
    return (
        f"In {sample} {what} is not finite at {when}. Either the step is too long for the flow (Rosenbrock() and "
        "RungeKutta() choose it by the error), or the energy has no lower bound: use a bounded activation or "
        "separation such as softmax."
    )
