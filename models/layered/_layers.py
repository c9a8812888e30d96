"""Layers of a hierarchical memory and what joins two of them; their text in a file."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, Number, shown, static, structure
from ...dynamics.doors import Registry, finite, floating, whole
from ...dynamics.lagrangians import (
    Lagrangian,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Quadratic,
    RectifiedPower,
    Softplus,
    Spherical,
)
from ...dynamics.network import Population
from ...dynamics.synapses import Bilinear, Convolution
from .._storage import NAMED, decoded, encoded

ACTIVATIONS = activations = Registry("activation", parameter="gain")
for _name, _kind in (("identity", Quadratic), ("tanh", LogCosh), ("sigmoid", Softplus), ("softmax", LogSumExp)):
    activations.register(_name, _kind, beta=float)
activations.register("relu", lambda beta=1.0: RectifiedPower(2, beta), RectifiedPower, beta=float)
activations.register("layer_norm", LayerNorm, gamma=float)
activations.register("sphere", Spherical)
NAMED["activation"] = activations


def activation(name: str | Lagrangian) -> Lagrangian:
    """The Lagrangian of a layer's activation: a name, one with its gain such as "softmax(4)", or a Lagrangian."""
    return name if isinstance(name, Lagrangian) else activations(name)


@structure
class Layer:
    """A layer of neurons: its form, activation, time constant, leak and input current.

    Parameters
    ----------
    shape : int or tuple of int
        The number of neurons, or the form (places ..., channels) of an image.
    activation : str or Lagrangian
        ``"identity"``, ``"relu"``, ``"tanh"``, ``"sigmoid"``, ``"softmax"``, ``"layer_norm"``, ``"sphere"``, with a
        gain in brackets if wanted (``"softmax(4)"``), or a Lagrangian.
    tau : number
        Time constant > 0.
    leak : float
        l > 0.
    bias : number or array (n,), optional
        Input current.

    Examples
    --------
    >>> Layer((6, 6, 8), "relu").size
    288
    """

    shape: Any = static(default=1)
    activation: Any = "identity"
    tau: Number = 1.0
    leak: float = static(default=1.0)
    bias: Any = None

    def __post_init__(self) -> None:
        sizes = self.shape if isinstance(self.shape, tuple | list) and self.shape else (self.shape,)
        object.__setattr__(self, "shape", tuple(whole("a layer's size", size, 1) for size in sizes))
        object.__setattr__(self, "activation", activation(self.activation))
        if self.bias is not None and not isinstance(self.bias, float | int):
            object.__setattr__(self, "bias", finite("bias", floating("bias", self.bias)))
        self.population()

    @property
    def size(self) -> int:
        """The number of neurons."""
        return math.prod(self.shape)

    def population(self) -> Population:
        """The layer as a population of a network."""
        return Population(self.activation, self.size, self.tau, self.leak, self.bias)

    def __repr__(self) -> str:
        form, own = "x".join(str(size) for size in self.shape), self.activation
        return f"{form} {activations.name_of(own) or repr(own)}"


@structure
class Kernel:
    """A convolution between two layers: its weights (k_1, ..., k_d, c_below, c_above), stride and padding.

    >>> import numpy as np
    >>> Kernel(np.ones((2, 2, 1, 3)), stride=2)
    2x2x1x3 kernel, stride 2, padding 0
    """

    weights: Array
    stride: int = static(default=1)
    padding: int = static(default=0)

    def __post_init__(self) -> None:
        weights = floating("weights", self.weights)
        if weights.ndim < 3:
            raise ValueError(
                f"The weights of a kernel are (k_1, ..., k_d, c_below, c_above), got shape {tuple(weights.shape)}. One "
                "channel is an axis of size 1."
            )
        object.__setattr__(self, "weights", finite("weights", weights))
        object.__setattr__(self, "stride", whole("stride", self.stride, 1))
        object.__setattr__(self, "padding", whole("padding", self.padding, 0))

    def __repr__(self) -> str:
        form = "x".join(str(size) for size in self.weights.shape)
        return f"{form} kernel, stride {self.stride}, padding {self.padding}"


def joint(weights: Any, below: Layer, above: Layer, names: tuple[str, str], like: Array | None) -> Any:
    """A matrix (n_below, n_above) or a `Kernel`, checked against the layers that it joins."""
    what = f"weights between {names[0]} and {names[1]}"
    array = finite(what, floating(what, weights.weights if isinstance(weights, Kernel) else weights, like))
    if array.ndim == 2 and not isinstance(weights, Kernel):
        if tuple(array.shape) != (below.size, above.size):
            raise ValueError(
                f"The {what} have shape {tuple(array.shape)}, but the layers have {below.size} and {above.size} "
                f"neurons: a matrix ({below.size}, {above.size}), or a Kernel for a convolution."
            )
        return array
    kernel = weights if isinstance(weights, Kernel) else Kernel(array)
    kernel = Kernel(array, kernel.stride, kernel.padding)
    found = synapse(kernel, below, names).shape_out
    if found != above.shape:
        raise ValueError(
            f"The convolution between {names[0]} and {names[1]} makes {found} of {below.shape}, but {names[1]} has the "
            f"form {above.shape}. Give that layer the form {found}, or change kernel, stride or padding."
        )
    return kernel


def synapse(weights: Any, below: Layer, names: tuple[str, str]) -> Any:
    """The synapse of a matrix or a `Kernel`."""
    if isinstance(weights, Kernel):
        return Convolution(names, weights.weights, below.shape, weights.stride, weights.padding)
    return Bilinear(names, weights)


def packed(layers: tuple[Layer, ...], weights: tuple[Any, ...]) -> tuple[str, Array]:
    """Layers and the forms of their weights as text, and all weights in one vector: what a file can hold."""
    rows = [
        {
            "shape": list(layer.shape),
            "activation": encoded("activation", layer.activation),
            "tau": float(backend.to_numpy(layer.tau)),
            "leak": float(layer.leak),
            "bias": backend.to_numpy(layer.bias).tolist() if backend.is_array(layer.bias) else layer.bias,
        }
        for layer in layers
    ]
    arrays = [w.weights if isinstance(w, Kernel) else w for w in weights]
    forms = [
        {"shape": list(a.shape), **({"stride": w.stride, "padding": w.padding} if isinstance(w, Kernel) else {})}
        for a, w in zip(arrays, weights, strict=True)
    ]
    vector = np.concatenate([backend.to_numpy(array).reshape(-1) for array in arrays])
    return json.dumps({"layers": rows, "weights": forms}), vector


def unpacked(text: str, vector: Array) -> tuple[list[Layer], list[Any]]:
    """What `packed` packed."""
    try:
        found = json.loads(text)
        return _built(found["layers"], found["weights"], vector)
    except (json.JSONDecodeError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        raise ValueError(
            f"layers is a sequence of layers, or the text that `save` writes, got {shown(text)}."
        ) from None


def _built(rows: Any, forms: Any, vector: Array) -> tuple[list[Layer], list[Any]]:
    layers, weights, at = [], [], 0
    for row in rows:
        bias = np.asarray(row["bias"], dtype=vector.dtype) if isinstance(row["bias"], list) else row["bias"]
        kind = decoded(row["activation"])
        layers.append(Layer(tuple(row["shape"]), kind, row["tau"], row["leak"], bias))
    for form in forms:
        size = math.prod(form["shape"])
        array = vector[at : at + size].reshape(form["shape"])
        weights.append(Kernel(array, form["stride"], form["padding"]) if "stride" in form else array)
        at += size
    return layers, weights
