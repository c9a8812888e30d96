"""What neurons send on: elementwise functions phi with their first two derivatives, on every library."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...dynamics import backend
from ...dynamics.backend import Array


class Transfer(NamedTuple):
    """An elementwise function phi with phi' and phi''; `smooth` says whether phi' is continuous.

    >>> import numpy as np
    >>> tanh = TRANSFERS["tanh"]
    >>> tanh.value(np.array(0.5)).round(4), tanh.slope(np.array(0.5)).round(4), tanh.bend(np.array(0.5)).round(4)
    (np.float64(0.4621), np.float64(0.7864), np.float64(-0.7269))
    """

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    bend: Callable[[Array], Array]
    smooth: bool = True
    linear: bool = False


def _sigmoid(x: Array) -> Array:
    return (backend.namespace(x).tanh(x / 2) + 1) / 2


def _tanh_slope(x: Array) -> Array:
    g = backend.namespace(x).tanh(x)
    return 1 - g * g


def _tanh_bend(x: Array) -> Array:
    g = backend.namespace(x).tanh(x)
    return -2 * g * (1 - g * g)


def _sigmoid_slope(x: Array) -> Array:
    g = _sigmoid(x)
    return g * (1 - g)


def _sigmoid_bend(x: Array) -> Array:
    g = _sigmoid(x)
    return g * (1 - g) * (1 - 2 * g)


def _swish_slope(x: Array) -> Array:
    g = _sigmoid(x)
    return g + x * g * (1 - g)


def _swish_bend(x: Array) -> Array:
    g = _sigmoid(x)
    return g * (1 - g) * (2 + x * (1 - 2 * g))


def _step(x: Array) -> Array:
    xp = backend.namespace(x)
    return xp.where(x > 0, xp.ones_like(x), xp.zeros_like(x))


def _nothing(x: Array) -> Array:
    return backend.namespace(x).zeros_like(x)


def _one(x: Array) -> Array:
    return backend.namespace(x).ones_like(x)


TRANSFERS: dict[str, Transfer] = {
    "tanh": Transfer(lambda x: backend.namespace(x).tanh(x), _tanh_slope, _tanh_bend),
    "sigmoid": Transfer(_sigmoid, _sigmoid_slope, _sigmoid_bend),
    "relu": Transfer(lambda x: x * _step(x), _step, _nothing, smooth=False),
    "swish": Transfer(lambda x: x * _sigmoid(x), _swish_slope, _swish_bend),
    "identity": Transfer(lambda x: x, _one, _nothing, linear=True),
}
