"""What the methods of Lagrangians, similarities and synapses take: arrays (..., n) of one library that fit together."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, shown
from ._arrays import plain
from ._doors import number, whole
from ._entry import Check


def numbers(name: str, value: Any, like: Array | None = None) -> Array:
    """A floating array (..., n) from an array, or from a list (of the library of `like`); integers are converted."""
    given, value = value, plain(name, value)
    if not backend.is_array(value):
        try:
            value = np.asarray(value)
        except (ValueError, TypeError, RuntimeError):
            raise ValueError(f"{name} must be rows of numbers of one length, got {shown(value)}.") from None
        if value.dtype.kind in "fiu" and like is not None and backend.backend_of(like) != "numpy":
            value = backend.namespace(like).asarray(value, dtype=like.dtype, device=backend.device(like))
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got {shown(value)} of dtype {value.dtype}.")
    xp = backend.namespace(value)
    if value.ndim == 0:
        raise ValueError(
            f"{name} must be an array (..., n) with one number for each neuron, got {shown(given)}. One neuron is an "
            f"array of one number, [{name}]."
        )
    if 0 in value.shape[-1:]:
        raise ValueError(f"{name} has shape {tuple(value.shape)}: there is no neuron in it.")
    if not xp.isdtype(value.dtype, "real floating"):
        if xp.isdtype(value.dtype, "complex floating"):
            raise TypeError(f"{name} must be real, got dtype {value.dtype}.")
        dtype = xp.asarray(0.0).dtype
        if like is not None and backend.backend_of(like) == backend.backend_of(value):
            dtype = like.dtype if xp.isdtype(like.dtype, "real floating") else dtype
        value = xp.astype(value, dtype)
    return value


def together(named: dict[str, Any], widths: dict[str, int | None], meaning: str) -> list[Array]:
    """Arrays (..., n) of one library whose batch axes broadcast, each as wide as `widths` says, or as the first."""
    found: dict[str, Array] = {}
    arrays = [value for value in named.values() if backend.is_array(value)]
    like = next((value for value in arrays if backend.backend_of(value) != "numpy"), next(iter(arrays), None))
    for name, value in named.items():
        found[name] = numbers(name, value, like)
        if like is not None:
            found[name] = beside(like, found[name])
    backend.namespace(*found.values())  # which refuses two libraries
    first = next(iter(found), None)
    for name, array in found.items():
        wide = widths.get(name) if name in widths else found[first].shape[-1] if first is not None else None
        if wide is not None and array.shape[-1] != wide:
            raise ValueError(f"{name} has shape {tuple(array.shape)} but must be (..., {wide}): {meaning}.")
    batch(found)
    return list(found.values())


def _one_library(node: Any, arrays: list[Array]) -> list[Array]:
    """Arrays in the library of a structure's own: NumPy's beside those of JAX are JAX's, others are refused."""
    own = backend.arrays(node) if backend.is_structure(node) else []
    like = next((array for array in own if backend.backend_of(array) == "jax"), None)
    arrays = arrays if like is None else [beside(like, array) for array in arrays]
    if own and {backend.backend_of(array) for array in (*own, *arrays)} != {"jax", "numpy"}:
        backend.namespace(*own, *arrays)
    return arrays


def beside(like: Array, value: Array) -> Array:
    """A NumPy array beside one of JAX as JAX's, as in JAX itself; everything else as it is.

    Beside whole numbers it keeps its own dtype: 0.6 is not 0.
    """
    if backend.backend_of(like) != "jax" or backend.backend_of(value) != "numpy":
        return value
    if "float" in backend.dtype_name(like):
        return backend.asarray(value, like)
    with backend.quiet(value):  # a number beyond float32 is infinite there
        return backend.namespace(like).asarray(value)


def batch(named: dict[str, Array]) -> tuple[int, ...]:
    """The batch axes that arrays (..., n) broadcast to."""
    try:
        return np.broadcast_shapes(*(tuple(array.shape[:-1]) for array in named.values()))
    except ValueError:
        told = ", ".join(f"{name} {tuple(array.shape)}" for name, array in named.items())
        raise ValueError(f"The batch axes of {told} do not fit: give all the same ones, or axes of one.") from None


def vector(z: Any) -> Any:
    """The check of a function of one array (..., n)."""
    return (numbers("z", z),), {}


# -------------------------------------------------------------------------------------------------- Lagrangians


def _of_lagrangian(*names: str) -> Check:
    def check(self: Any, *given: Any, **options: Any) -> Any:
        named = {**dict(zip(names, given, strict=False)), **options}
        width = self.neurons
        meaning = "one number for each neuron, as in " + ("the first array" if width is None else repr(self))
        arrays = _one_library(self, together(named, {} if width is None else dict.fromkeys(named, width), meaning))
        return (self, *arrays[: len(given)]), dict(zip(options, arrays[len(given) :], strict=True))

    return check


def _direction(self: Any, x: Array, g: Array) -> Check:
    """The check of what `linearised` gives, a function of directions u."""

    def check(u: Any) -> Any:
        return (together({"x": x, "u": u}, {}, "one number for each neuron")[1],), {}

    return check


def _scaled(self: Any, beta: Any) -> Any:
    return (self, _traced_or("beta", beta, above=0)), {}


LAGRANGIAN: dict[str, Check] = {
    "value": _of_lagrangian("x"),
    "value_at": _of_lagrangian("x", "g"),
    "activation": _of_lagrangian("x"),
    "dual": _of_lagrangian("g"),
    "curvature": _of_lagrangian("x", "u"),
    "linearised": _of_lagrangian("x", "g"),
    "tangent": _of_lagrangian("x", "u"),
    "tangent_change": _of_lagrangian("x", "u", "dx"),
    "scaled": _scaled,
}
FUNCTIONS = {"linearised": _direction}

# ------------------------------------------------------------------------------------------------- similarities


def patterns(self: Any, patterns: Any) -> Any:
    """The check of `Similarity.of`: a matrix (N, I)."""
    return (self, rows("patterns", patterns)), {}


def rows(name: str, value: Any) -> Array:
    """A matrix (N, I) with one pattern in a row, from an array or lists."""
    found = numbers(name, value)
    if found.ndim != 2 or 0 in found.shape:
        raise ValueError(f"{name} must be a matrix (N, I) with one pattern in a row, got shape {tuple(found.shape)}.")
    return found


def of_similarity(self: Any, names: tuple[str, ...], given: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What a method of a similarity with patterns takes: arrays (..., I) and (..., N), and numbers of a value step."""
    if self.patterns is None and "_prepared" in vars(self):  # a class of 0.1.0 keeps what it likes
        return given, options
    if self.patterns is None:
        kind = type(self).__name__
        raise TypeError(
            f"{self!r} holds no patterns to compare with. Give it some: {kind}(patterns), or .of(patterns)."
        )
    count, width = self.patterns.shape
    widths = {"f": count, "scores": count, "g": width, "u": width, "v": width}
    arrays = together(dict(zip(names, given, strict=True)), widths, f"{count} patterns of {width} values are stored")
    arrays = [beside(self.patterns, array) for array in arrays]
    backend.namespace(self.patterns, *arrays)  # which refuses two libraries
    if "ratio" in options:
        arrays = backend.batched(*arrays)
        options = _value_step(arrays[0], **options)
    return arrays, options


def _value_step(v: Array, ratio: Any, leak: Any = None, drive: Any = None) -> dict[str, Any]:
    if ratio is not None:
        ratio = _traced_or("ratio", ratio, least=0)
        if getattr(ratio, "ndim", 0):
            batch({"v": v, "ratio": ratio})
    leak = None if leak is None else _traced_or("leak", leak, least=0)
    if drive is not None and not isinstance(drive, int | float):
        drive = together({"v": v, "drive": drive}, {}, "one drive for each neuron")[1]
    return {"ratio": ratio, "leak": leak, "drive": drive}


def _traced_or(name: str, value: Any, **limits: Any) -> Any:
    """A number; one of JAX or torch stays what it is, and so does what is traced and a column (B, 1)."""
    if backend.is_array(value) and (backend.is_traced(value) or (value.ndim > 1 and value.shape[-1] == 1)):
        return value
    found = number(name, value, **limits)
    return value if backend.is_array(value) and backend.backend_of(value) != "numpy" else found


# ----------------------------------------------------------------------------------------------------- synapses


def _of_synapse(lead: int = 0, vector: bool = False) -> Check:
    """Activations (..., n), behind `lead` positions of populations and, where there is one, a direction u."""

    def check(self: Any, *given: Any, **options: Any) -> Any:
        count = len(self.between)
        positions = [whole("position", value, 0, count - 1) for value in given[:lead]]
        u, g = given[lead : lead + vector], given[lead + vector :]
        if len(g) != count:
            raise TypeError(f"{type(self).__name__} joins {count} populations: give as many activations, not {len(g)}.")
        named = {**dict(zip("u", u, strict=False)), **{f"g[{k}]": one for k, one in enumerate(g)}}
        sizes = self.sizes
        widths = {f"g[{k}]": size for k, size in enumerate(sizes)}
        widths["u"] = sizes[positions[-1]] if positions else None
        arrays = together(named, widths, f"the populations {', '.join(self.between)} have {_told(sizes)} neurons")
        return (self, *positions, *_one_library(self, arrays)), options

    return check


def _told(sizes: tuple[int | None, ...]) -> str:
    return " and ".join("any number of" if size is None else str(size) for size in sizes)


SYNAPSE: dict[str, Check] = {
    "signal": _of_synapse(),
    "energy": _of_synapse(),
    "forces": _of_synapse(),
    "force": _of_synapse(1),
    "energy_gradient": _of_synapse(),
    "weights": _of_synapse(),
    "magnitude": _of_synapse(),
    "response": _of_synapse(1),
    "kink": _of_synapse(1),
    "block": _of_synapse(2, True),
}
