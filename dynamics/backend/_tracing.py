"""What may be decided on the host, and kept, while JAX or PyTorch traces a program, derives or maps it.

Inside `jax.jit` every operation is staged, those on arrays that are known too; inside `torch.func.grad` their results
are wrapped. So a decision on known arrays, and what is computed once and kept, is made outside (`eagerly`), and what
hangs on an array that has no numbers yet cannot be decided at all (`TracedError`).
"""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from ._libraries import Array, arrays, backend_of, dtype_name, is_array, is_traced, namespace, put
from ._structures import is_compiling as is_compiling
from ._structures import is_structure

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

INSTEAD = (
    "Loops that look at their numbers (simulate, retrieve, find_fixed_points, basins and the rest of the analysis) run "
    "outside of jit, vmap and compile. Inside use recall(query), one application of the rule, or "
    "rollout(memory, query, dt, steps), a fixed number of steps."
)


class TracedError(TypeError):
    """Numbers were asked of an array that has none yet, inside jit, vmap or compile."""


def detach(value: Array) -> Array:
    """``value`` with no derivative attached."""
    match backend_of(value):
        case "jax":
            return sys.modules["jax"].lax.stop_gradient(value) if is_traced(value) else value
        case "torch":
            return value.detach()
    return value


def to_numpy(value: Any, what: str = "This call") -> np.ndarray:
    """A NumPy copy (or view) of any array, for decisions on the host and for plots (bfloat16 as float32).

    An error inside a trace names `what` needs the numbers.
    """
    if type(value) is np.ndarray:
        return _known(value)
    if not is_array(value):
        return np.asarray(value)
    match backend_of(value):
        case "jax":
            found = detach(value)
            host = None if is_traced(found) else np.asarray(found)
        case "torch":
            host = _numbers(value)
        case _:
            host = np.asarray(value)
    if host is None:
        raise TracedError(
            f"{what} looks at the numbers of an array of shape {tuple(value.shape)}, which has none yet inside jit, "
            f"vmap or compile. {INSTEAD}"
        )
    return _known(host)


def _known(host: np.ndarray) -> np.ndarray:
    """The numbers in a type that NumPy computes with."""
    return host.astype(np.float32) if host.dtype.kind == "V" and dtype_name(host) == "bfloat16" else host


def on_host(value: Array) -> Array:
    """NumPy's view of a known array of JAX on one device, for work whose shape would be a program each.

    Others as they are. What comes of it is given back by `returned`.
    """
    if type(value) is np.ndarray or backend_of(value) != "jax" or is_traced(value) or len(value.devices()) > 1:
        return value
    return np.asarray(value)


def returned(host: Array, like: Array) -> Array:
    """What was made of `on_host(like)`, in the library and on the device of `like` again."""
    if type(host) is not np.ndarray or type(like) is np.ndarray or backend_of(like) != "jax":
        return host
    return put(host, like)


def _numbers(value: Array) -> np.ndarray | None:
    """The numbers of a tensor, out of the wrappers of `torch.func.grad`; None inside vmap and compile."""
    torch = sys.modules["torch"]
    if is_compiling():
        return None
    inside = torch._C._functorch
    while inside.is_gradtrackingtensor(value):
        value = inside.get_unwrapped(value)
    if inside.is_functorch_wrapped_tensor(value):
        return None
    host = value.detach()
    with eagerly(value) if inside.is_functorch_wrapped_tensor(host) else contextlib.nullcontext():
        host = value.detach().cpu()
        return (host.float() if host.dtype == torch.bfloat16 else host).numpy()


def has_numbers(value: Any) -> bool:
    """Whether the host can look at ``value`` (an array of a derivative that is not inside jit or vmap has numbers)."""
    try:
        to_numpy(value)
    except TracedError:
        return False
    return True


def is_staged(like: Array) -> bool:
    """Whether the library of ``like`` now writes a program down, so that known arrays give no numbers either."""
    match backend_of(like):
        case "jax":
            return is_traced(namespace(like).zeros(()))
        case "torch":
            return is_compiling()
    return False


def refuse_traces(what: str, *nodes: Any) -> None:
    """Raise where a loop on the host would ask for numbers that are not there."""
    if "jax" not in sys.modules and "torch" not in sys.modules:  # nothing else traces
        return
    found = [array for node in nodes if is_array(node) or is_structure(node) for array in arrays(node)]
    found += [array for node in nodes if isinstance(node, dict) for array in arrays(list(node.values()))]
    known = all(has_numbers(array) for array in found if is_traced(array))
    if not known or any(is_staged(array) for array in found[:1]):
        raise TracedError(f"{what} looks at its numbers, which are not there inside jit, vmap or compile. {INSTEAD}")


def eagerly(like: Array) -> contextlib.AbstractContextManager[Any]:
    """A context in which operations on known arrays are carried out at once, whatever is traced around it."""
    match backend_of(like):
        case "jax":
            return sys.modules["jax"].ensure_compile_time_eval()
        case "torch":
            return _outside()
    return contextlib.nullcontext()


@contextlib.contextmanager
def _outside() -> Iterator[None]:
    import torch
    from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

    with temporarily_clear_interpreter_stack(), torch.inference_mode(False), own_dtype("cpu"), own_dtype("cuda"):
        yield


class kept:
    """A property that is computed once for each object and kept, unless it hangs on what a trace made.

    It is computed outside of whatever is traced around it, so that a model which is first used inside `jax.jit`,
    `torch.func.grad`, `torch.autocast` or `torch.inference_mode` is the same model afterwards. Of an object that holds
    traced arrays, or tensors that require a derivative (which change with every step of an optimiser), nothing is kept.
    """

    keeps = True  # what is kept is no part of a structure

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.name = function.__name__
        functools.update_wrapper(self, function)  # pyright: ignore[reportArgumentType]

    def __get__(self, node: Any, owner: type | None = None) -> Any:
        if node is None:
            return self
        if is_compiling():
            return self.function(node)
        held = arrays(node)
        if any(map(_is_live, held)):
            return self.function(node)
        with eagerly(held[0]) if held else contextlib.nullcontext():
            value = self.function(node)
        if not any(map(_is_live, arrays(value))):
            node.__dict__[self.name] = value  # where Python looks before it comes here again
        return value


def _is_live(value: Array) -> bool:
    return type(value) is not np.ndarray and (
        is_traced(value) or (backend_of(value) == "torch" and value.requires_grad)
    )


def holds(condition: Callable[..., Array], *values: Array) -> bool:
    """Whether a condition holds everywhere in known arrays; True where they cannot be looked at."""
    if any(is_traced(value) for value in values):
        return True
    if backend_of(values[0]) != "jax":
        return bool(namespace(*values).all(condition(*values)))
    if all(_on_host(value) for value in values):  # where JAX would compile programs for each shape
        return bool(np.all(condition(*map(np.asarray, values))))
    with eagerly(values[0]):
        return bool(namespace(*values).all(condition(*values)))


def all_finite(value: Array) -> bool:
    """Whether no number is NaN or infinite, looked at on the array's own device; True inside a trace."""
    if type(value) is np.ndarray and value.size <= BLOCK:
        return bool(np.isfinite(value).all())
    if not is_array(value):
        return is_compiling() or math.isfinite(value)
    if backend_of(value) == "numpy" and value.size > BLOCK:  # a file is read once, and needs no room beside it
        return all(bool(np.isfinite(part).all()) for part in blocks(value))
    return holds(lambda x: namespace(x).isfinite(x), value)


BLOCK = 2**22  # numbers that are looked at together


def blocks(value: Array) -> Iterator[Array]:
    """The rows of an array some at a time, all of them at once where they are few or another library's.

    >>> [part.shape for part in blocks(np.ones((3, 2)))]
    [(3, 2)]
    """
    if backend_of(value) != "numpy" or value.size <= BLOCK or not value.ndim:
        yield value
        return
    step = max(1, BLOCK * value.shape[0] // value.size)
    for start in range(0, value.shape[0], step):
        yield value[start : start + step]


def _on_host(value: Array) -> bool:
    return value.is_fully_addressable and all(device.platform == "cpu" for device in value.devices())


# ------------------------------------------------------------------------------------------------- autocast


def is_autocast() -> bool:
    """Whether `torch.autocast` is on."""
    torch = sys.modules.get("torch")
    return torch is not None and (torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"))


def own_dtype(kind: str) -> contextlib.AbstractContextManager[Any]:
    """A context in which products on a kind of device keep the dtype of their factors, in `torch.autocast` too."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.is_autocast_enabled(kind):
        return contextlib.nullcontext()
    return torch.autocast(kind, enabled=False)


def uncast(function: F) -> F:
    """A function whose products keep the dtype of their factors, whatever `torch.autocast` says around it."""

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        if not is_autocast():
            return function(*arguments, **options)
        with own_dtype("cpu"), own_dtype("cuda"):
            return function(*arguments, **options)

    return run  # pyright: ignore[reportReturnType]


def uncast_methods(*names: str) -> Callable[[C], C]:
    """`uncast` for methods of a class, by their names."""

    def apply(cls: C) -> C:
        for name in names:
            setattr(cls, name, uncast(getattr(cls, name)))
        return cls

    return apply
