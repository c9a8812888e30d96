"""A network of functions, which keeps no array of its own, at home in the library of what it is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import floating
from ...dynamics.network import Network
from ._field import Field, field, with_library


def at_home(memory: Any, value: Any, differences: float | None = 1e-5) -> Any:
    """A network that keeps no array of its own as a field in the library and dtype of `value`; else what was given.

    >>> import numpy as np
    >>> from hopfield.analysis.flow import velocity_network
    >>> network = velocity_network(lambda x: -x, 1, lambda x, u: -u)
    >>> at_home(network, np.ones(1)) is network, at_home(network, np.ones(1, dtype=np.float32)).dtype
    (True, dtype('float32'))
    """
    network = memory.network if isinstance(memory, Field) else memory
    free = isinstance(network, Network) and not any(a.ndim for a in backend.arrays(network))
    if not free or not backend.is_array(value) or not value.ndim:
        return memory
    like = floating("queries", value)
    if backend.backend_of(like) == "numpy" and like.dtype == np.float64:
        return memory
    return with_library(field(memory, differences=differences), like)
