"""What maps a vector to its features: a matrix, a module of PyTorch, a tree of JAX arrays, or a function.

Weights are leaves, so that they move with a memory, and derivatives reach them; how they are used is static.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, shown, static, structure
from ...dynamics.doors import matrix


class StrangerError(TypeError):
    """A module of one library is given arrays of another."""


class ChangedBatchError(ValueError):
    """There is not a row of features for each row."""


class Encoder(ABC):
    """What all encoders can do."""

    linear: ClassVar[bool] = False  # a matrix `weights`, so that products are closed on every library

    @property
    @abstractmethod
    def trainable(self) -> dict[str, Array]:
        """What training may change."""

    @abstractmethod
    def trained(self, weights: dict[str, Array]) -> Encoder:
        """The same encoder with other weights."""

    @abstractmethod
    def encode(self, rows: Array) -> Array:
        """The features (B, K) of rows (B, I)."""

    @abstractmethod
    def words(self) -> str:
        """What it is."""

    @property
    def given(self) -> Any:
        """What a user gives and sees: the matrix itself, or the encoder."""
        return self

    def beside(self, like: Array) -> Encoder:
        """The same encoder with its floating weights in the dtype of an array."""
        return backend.map_leaves(lambda leaf: _cast(leaf, like), self)


@structure
class Matrix(Encoder):
    """x -> W x."""

    weights: Array
    linear = True

    @property
    def trainable(self) -> dict[str, Array]:
        """What training may change."""
        return {"matrix": self.weights}

    def trained(self, weights: dict[str, Array]) -> Matrix:
        """The same encoder with other weights."""
        return Matrix(weights["matrix"])

    @property
    def given(self) -> Array:
        """W."""
        return self.weights

    def encode(self, rows: Array) -> Array:
        """The features (B, K) of rows (B, I)."""
        return rows @ self.weights.T

    def beside(self, like: Array) -> Matrix:
        """The same encoder in the library and the dtype of an array."""
        rows = self.weights
        if backend.backend_of(rows) == "numpy" or backend.backend_of(like) == "numpy":
            rows = backend.asarray(backend.to_numpy(rows), like)
        return Matrix(backend.cast(rows, backend.dtype_name(like)))

    def words(self) -> str:
        """Its size."""
        return "matrix {} x {}".format(*self.weights.shape)


@structure
class TorchModule(Encoder):
    """A module of PyTorch, with its parameters and buffers as leaves."""

    weights: dict[str, Array]
    module: Any = static()

    @property
    def trainable(self) -> dict[str, Array]:
        """The parameters that require gradients; others stay, and so do buffers."""
        return {name: self.weights[name] for name, one in self.module.named_parameters() if one.requires_grad}

    def trained(self, weights: dict[str, Array]) -> TorchModule:
        """The same encoder with other weights; the module keeps its own."""
        return TorchModule({**self.weights, **weights}, self.module)

    def words(self) -> str:
        """The class of the module and how many weights it has."""
        return _words(type(self.module).__name__, self)

    def encode(self, rows: Array) -> Array:
        """The features (B, K) of rows (B, I)."""
        if backend.backend_of(rows) != "torch":
            raise _of_another("a PyTorch module", rows, "torch.as_tensor(patterns)")
        return sys.modules["torch"].func.functional_call(self.module, self.weights, (rows,))


class Rest(NamedTuple):
    """A tree of JAX without its arrays."""

    tree: Any
    others: tuple[Any, ...]  # None where an array was


@structure
class JaxTree(Encoder):
    """A callable tree of JAX, such as an Equinox module, of one vector (I,), with its arrays as leaves."""

    weights: tuple[Array, ...]
    rest: Rest = static()

    @property
    def trainable(self) -> dict[str, Array]:
        """The floating arrays, by their place."""
        return {str(k): one for k, one in enumerate(self.weights) if _is_real(one)}

    def trained(self, weights: dict[str, Array]) -> JaxTree:
        """The same encoder with other weights."""
        return JaxTree(tuple(weights.get(str(k), one) for k, one in enumerate(self.weights)), self.rest)

    def words(self) -> str:
        """How many weights it has."""
        return _words("JAX module", self)

    def encode(self, rows: Array) -> Array:
        """The features (B, K) of rows (B, I)."""
        if backend.backend_of(rows) != "jax":
            raise _of_another("a module of JAX", rows, "jax.numpy.asarray(patterns)")
        jax, weights = sys.modules["jax"], iter(self.weights)
        whole = [next(weights) if other is None else other for other in self.rest.others]
        return jax.vmap(jax.tree_util.tree_unflatten(self.rest.tree, whole))(rows)


@structure
class PlainFunction(Encoder):
    """A function (B, I) -> (B, K) without weights."""

    function: Callable[[Array], Array] = static()
    trainable: ClassVar[dict[str, Array]] = {}

    def trained(self, weights: dict[str, Array]) -> PlainFunction:
        """Itself."""
        return self

    def words(self) -> str:
        """The name of the function."""
        return _words(getattr(self.function, "__name__", type(self.function).__name__), self)

    def encode(self, rows: Array) -> Array:
        """The features (B, K) of rows (B, I)."""
        return self.function(rows)


def encoder_of(given: Any) -> Encoder:
    """The encoder that is meant by a matrix (K, I), a module or a function."""
    if isinstance(given, Encoder):
        return given
    if isinstance(given, type):
        raise TypeError(f"encoder is the class {given.__name__}: give a module that is made of it.")
    if not callable(given):
        return Matrix(matrix("encoder", given))
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and isinstance(given, torch.nn.Module):
        return TorchModule({**dict(given.named_parameters()), **dict(given.named_buffers())}, given)
    if jax is not None:
        leaves, tree = jax.tree_util.tree_flatten(given)
        weights = tuple(leaf for leaf in leaves if backend.is_array(leaf))
        if weights:
            return JaxTree(weights, Rest(tree, tuple(None if backend.is_array(one) else one for one in leaves)))
    return PlainFunction(given)


def _cast(leaf: Array, like: Array) -> Array:
    return backend.cast(leaf, backend.dtype_name(like)) if _is_real(leaf) else leaf


def _is_real(leaf: Array) -> bool:
    return backend.namespace(leaf).isdtype(leaf.dtype, "real floating")


def encoded(encoder: Encoder, x: Array) -> Array:
    """The features (..., K) of vectors (..., I)."""
    if encoder.linear:
        return encoder.encode(x)
    xp, batch = backend.namespace(x), tuple(x.shape[:-1])
    rows = xp.reshape(x, (-1, x.shape[-1]))
    found = encoder.encode(rows)
    shape = tuple(getattr(found, "shape", ()))
    if len(shape) != 2 or shape[0] != rows.shape[0]:
        raise ChangedBatchError(
            f"The encoder changes the batch: of rows {tuple(rows.shape)} it makes {shape or shown(found)}, and must "
            "make (B, K), the features of each row; such as torch.nn.Flatten() at its end."
        )
    return xp.reshape(found, (*batch, shape[1]))


def check_encoder(encoder: Encoder, patterns: Array) -> None:
    """Refuse an encoder that does not fit the patterns, or whose answer for a row depends on the rows beside it."""
    if encoder.linear:
        weights = encoder.trainable["matrix"]
        if weights.shape[1] != patterns.shape[1]:
            raise ValueError(
                f"encoder has shape {tuple(weights.shape)} but the patterns {tuple(patterns.shape)}: it must "
                f"be a matrix (K, {patterns.shape[1]}), with one column for each of their values."
            )
        return
    if backend.is_traced(patterns):
        return
    xp, first = backend.namespace(patterns), backend.detach(patterns)[:1]
    try:
        both = encoded(encoder, xp.concat([first, 2 * backend.detach(patterns)[-1:] + 1]))[0]
        alone = encoded(encoder, first)[0]
    except (StrangerError, ChangedBatchError):
        raise
    except (RuntimeError, TypeError, ValueError) as error:  # of shapes that do not conform, or of too small a batch
        training = getattr(getattr(encoder, "module", None), "training", False)
        raise ValueError(
            f"The encoder does not take patterns {tuple(patterns.shape)}, or not one alone: "
            f"{str(error).splitlines()[0].rstrip('.')}."
            + (" It is in training mode, where batch normalisation needs several rows: encoder.eval()." * training)
        ) from error
    if not backend.is_array(alone) or backend.backend_of(alone) != backend.backend_of(patterns):
        raise TypeError(f"The encoder must make arrays of the patterns' library, and it made {shown(alone)}.")
    both, alone = backend.to_numpy(both).astype(float), backend.to_numpy(alone).astype(float)
    if not np.isfinite(alone).all():
        raise ValueError("The encoder makes features that are infinite or NaN of the first pattern.")
    gap, size = np.abs(both - alone).max(initial=0.0), np.abs(alone).max(initial=0.0)
    if gap > backend.epsilon(patterns) ** 0.5 * max(size, 1e-30):
        raise ValueError(
            f"The encoder changes the batch: the features of a row differ by {gap:.2g} (their size is {size:.2g}) with "
            "the rows beside it, or by chance, as batch normalisation and dropout make them in training. Put it into "
            "evaluation mode first, encoder.eval() (Equinox: equinox.nn.inference_mode(encoder))."
        )


def _words(kind: str, encoder: Encoder) -> str:
    count = sum(int(np.prod(leaf.shape)) for leaf in backend.arrays(encoder))
    return f"{kind}, {count} weights" if count else kind


def _of_another(what: str, rows: Array, write: str) -> TypeError:
    return StrangerError(
        f"The encoder is {what}, and what it is given is of {backend.backend_of(rows)}: make the patterns of its "
        f"library, {write}, or give a matrix as encoder, which works in each."
    )
