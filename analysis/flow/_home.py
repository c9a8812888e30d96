"""A network of functions, which keeps no array of its own, at home in the library of what it is given."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import floating
from ...dynamics.network import states_only
from ._field import Field, field


def at_home(memory: Any, value: Any, differences: float | None = 1e-5) -> Any:
    """A network that keeps no array of its own as a field in the library and dtype of `value`; else what was given.

    >>> import numpy as np
    >>> from hopfield.analysis.flow import velocity_network
    >>> network = velocity_network(lambda x: -x, 1, lambda x, u: -u)
    >>> at_home(network, np.ones(1)) is network, at_home(network, np.ones(1, dtype=np.float32)).dtype
    (True, dtype('float32'))
    """
    owner = owner_of(memory)
    free = states_only(owner) and not any(a.ndim for a in backend.arrays(owner))
    if not free or not backend.is_array(value) or not value.ndim:
        return memory
    like = floating("queries", value)
    if backend.backend_of(like) == "numpy" and like.dtype == np.float64:
        return memory
    return with_library(field(memory, differences=differences), like)


def owner_of(memory: Any) -> Any:
    """What was examined: of a field the model or network that it was made of, else what was given.

    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(2), tau_memory=0)
    >>> owner_of(field(memory)) is owner_of(memory), owner_of(field(memory.network)) is memory.network
    (True, True)
    """
    return getattr(memory, "examined", memory)


def with_library(flow: Field, like: Any) -> Field:
    """The field for x of the library and dtype of `like`; for a network that holds no array of its own."""
    return dataclasses.replace(flow, like=like, cache={})
