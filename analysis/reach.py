"""What the analysis can take: memories with a flow, in a type that linear algebra works in."""

from __future__ import annotations

from typing import Any

from ..dynamics import backend
from ..dynamics.backend import Array


def in_reach(memory: Any) -> Any:
    """The memory in a type that linear algebra works in: half precision is widened to float32.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> in_reach(ModernHopfield(np.eye(2, dtype="float16"))).like.dtype
    dtype('float32')
    """
    return memory.wide if getattr(memory, "is_half", False) and hasattr(memory, "wide") else memory


def check_precision(owner: Any, like: Array) -> None:
    """Refuse numbers in which no eigenvalue can be computed.

    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(2, dtype="longdouble"))
    >>> check_precision(memory, memory.like)
    Traceback (most recent call last):
    TypeError: This ModernHopfield is in ...: eigenvalues and linear systems are solved in float32 and float64...
    """
    name = backend.dtype_name(like)
    if name not in ("float32", "float64"):
        raise TypeError(
            f"This {type(owner).__name__} is in {name}: eigenvalues and linear systems are solved in float32 and "
            'float64 alone. Convert it: memory.to("numpy", dtype="float64"), or build it from such arrays.'
        )


def no_flow(memory: Any) -> TypeError:
    """Why something has no flow in time, as far as it says so itself."""
    try:
        _ = memory.network
    except TypeError as error:  # a memory without dynamics says what to take instead
        return TypeError(str(error))
    except AttributeError:
        pass
    return TypeError(
        f"Expected a memory or a Network, got {type(memory).__name__}. For an energy function of your own "
        "use energy_network(energy, size)."
    )
