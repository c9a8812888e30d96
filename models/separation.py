"""Separations by name: the Lagrangian of the memory neurons, whose gradient is the separation function."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..dynamics.lagrangians import Lagrangian, LogSumExp, Max, Power, Quadratic
from ..dynamics.validation import unknown_name

SEPARATIONS: dict[str, Callable[..., Lagrangian]] = {
    "identity": Quadratic,
    "softmax": LogSumExp,
    "polynomial": lambda n=3: Power(int(n) + 1),
    "max": Max,
}


def separation(name: str | Lagrangian) -> Lagrangian:
    """The Lagrangian of a separation: a name, a name with a parameter such as "polynomial(3)", or a Lagrangian.

    ``identity`` h, ``softmax`` e^h/sum e^h, ``polynomial(n)`` h^n (n = 3 unless said), ``max`` one at the
    largest score. A model's beta scales the scores first: f = sep(beta h).

    >>> separation("polynomial(2)")
    Power(n=3, beta=1.0)
    """
    if isinstance(name, Lagrangian):
        return name
    parts = re.fullmatch(r"\s*([\w-]+)\s*(?:\(\s*([^()]*?)\s*\))?\s*", name) if isinstance(name, str) else None
    if parts is None or parts[1] not in SEPARATIONS:
        raise unknown_name("separation", parts[1] if parts else name, SEPARATIONS)
    if parts[2] is None:
        return SEPARATIONS[parts[1]]()
    try:
        return SEPARATIONS[parts[1]](float(parts[2]) if parts[1] != "polynomial" else int(parts[2]))
    except (TypeError, ValueError) as error:
        raise ValueError(f"Separation {name!r}: the parameter {parts[2]!r} does not fit. {error}") from None


def describe(lagrangian: Lagrangian) -> str:
    """The separation's name and parameter, as `separation` reads it, or the Lagrangian's `repr`.

    >>> describe(Power(4))
    'polynomial(3)'
    """
    match lagrangian:
        case Quadratic():
            return "identity"
        case LogSumExp():
            return "softmax"
        case Max():
            return "max"
        case Power():
            return f"polynomial({lagrangian.n - 1})"
    return repr(lagrangian)
