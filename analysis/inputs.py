"""What a command works on: a memory and its cues, from files and from names."""

from __future__ import annotations

import dataclasses
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..dynamics import backend
from ..dynamics.integrators import Integrator, Solver, choose
from ..dynamics.validation import matrix, positive, unknown_name
from ..models import AssociativeMemory, ModernHopfield, UniversalHopfield
from .corruption import gaussian_noise, mask
from .images import Rows, flatten_images, load_array

MODELS = ("universal", "modern")


class Inputs(NamedTuple):
    """A memory, the cues (B, I), the rows (B,) they were made from (None: not known), and the shape of an image."""

    memory: AssociativeMemory
    cues: Any
    targets: np.ndarray | None
    shape: tuple[int, ...] | None


def load_inputs(options: Mapping[str, Any]) -> Inputs:
    r"""The memory and the cues that the options of a command ask for.

    Parameters
    ----------
    options : mapping
        ``patterns``, ``queries``, ``patterns_key``, ``queries_key``, ``shape``, ``scale``: files and how to read
        them. ``model``, ``similarity``, ``separation``, ``beta``: the memory, or the file of a saved one.
        ``noise``, ``mask``, ``fill``, ``cues``, ``seed``: how cues are made if there are no queries. ``library``,
        ``device``, ``dtype``: where it is computed. What is missing counts as None.

    Returns
    -------
    Inputs
        Cues are of the memory's library and dtype.

    Raises
    ------
    ValueError
        When something is missing, is there twice, or does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> np.save("patterns.npy", np.eye(4).reshape(4, 2, 2))
    >>> given = load_inputs({"patterns": "patterns.npy", "model": "modern", "mask": 0.5})
    >>> given.cues.shape, given.shape, given.targets
    ((4, 4), (2, 2), array([0, 1, 2, 3]))
    """
    o = {**dict.fromkeys(("patterns", "queries", "similarity", "separation", "beta", "noise", "mask")), **options}
    model, queries, shape = o.get("model", "universal"), o["queries"], _shape(o.get("shape"))
    if model in MODELS:
        if o["patterns"] is None:
            raise ValueError("Which patterns? Give a file, PATTERNS [QUERIES], or --model with a saved memory.")
        rows, shape = _rows("patterns", o, o["patterns"], shape)
        memory = build_memory(model, rows, o["similarity"], o["separation"], o["beta"])
    else:
        memory, queries = load_memory(model), o["patterns"]
        if any(
            x is not None for x in (o["queries"], o["similarity"], o["separation"], o["beta"], o.get("patterns_key"))
        ):
            raise ValueError(
                f"The memory in {model!r} has its own patterns, similarity, separation and beta: give nothing but the "
                "file of the QUERIES."
            )
    memory = move_memory(memory, o.get("library") or "numpy", o.get("device"), o.get("dtype"))
    made = o["noise"] is not None or o["mask"] is not None
    if queries is None:
        if not made:
            raise ValueError("Which cues? Give the file of the QUERIES, or make some: --noise 0.1, --mask 0.5.")
        cues = _corrupted(memory.memories[: o.get("cues")], o, shape)
        return Inputs(memory, cues, np.arange(len(cues)), shape)
    if made:
        raise ValueError("--noise and --mask make cues of the patterns: leave them out, or leave out QUERIES.")
    rows, shape = _rows("queries", o, queries, shape)
    return Inputs(memory, memory.check_query(backend.asarray(rows, memory.memories)), None, shape)


def build_memory(
    model: str, patterns: Any, similarity: str | None, separation: str | None, beta: float | None
) -> AssociativeMemory:
    """The memory of a name, ``universal`` or ``modern``; what is None is dot, softmax and 1.

    >>> import numpy as np
    >>> build_memory("modern", np.eye(2), None, None, 4.0).beta
    4.0
    """
    beta = 1.0 if beta is None else beta
    if model == "universal":
        return UniversalHopfield(patterns, similarity or "dot", separation or "softmax", beta=beta)
    if model != "modern":
        raise unknown_name("model", model, MODELS)
    if similarity not in (None, "dot") or separation not in (None, "softmax"):
        raise ValueError(
            "The modern memory is dot and softmax: leave out similarity and separation, or take universal."
        )
    return ModernHopfield(patterns, beta)


def load_memory(path: str | os.PathLike[str]) -> AssociativeMemory:
    """A memory of any kind, from the file that its `save` wrote.

    >>> import numpy as np
    >>> from hopfield import ModernHopfield
    >>> load_memory(ModernHopfield(np.eye(2), beta=3.0).save("memory.npz")).beta
    3.0
    """
    if not Path(path).exists():
        raise unknown_name("model (and there is no such file)", os.fspath(path), MODELS)
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{os.fspath(path)!r} is not a saved memory: memory.save(path) writes one, an .npz file.")
    return AssociativeMemory.load(path)


def move_memory(
    memory: AssociativeMemory, library: str, device: str | None = None, dtype: str | None = None
) -> AssociativeMemory:
    """The memory on a library and device; JAX is switched to 64-bit numbers if the memory has such.

    Meant for programs: a library call would leave JAX's switch to its user.

    >>> import numpy as np
    >>> from hopfield import ModernHopfield
    >>> move_memory(ModernHopfield(np.eye(2)), "numpy", dtype="float32").memories.dtype
    dtype('float32')
    """
    if dtype not in (None, "float32", "float64"):
        raise unknown_name("dtype", dtype, ("float32", "float64"))
    wide = dtype == "float64" or (dtype is None and backend.epsilon(memory.memories) < 1e-10)
    if library == "jax" and wide:
        backend.optional_import("jax").config.update("jax_enable_x64", True)
    return memory.to(library, device, dtype)


def choose_method(memory: AssociativeMemory, name: str, dt: float | None = None) -> Integrator | Solver:
    """The integrator of a name, with a step if one is given.

    >>> import numpy as np
    >>> from hopfield import ModernHopfield
    >>> choose_method(ModernHopfield(np.eye(2)), "euler", 0.05)
    Euler(dt=0.05)
    """
    method = choose(name, memory.network, backend.backend_of(memory.memories))
    if dt is None:
        return method
    if not hasattr(method, "dt"):
        raise ValueError(f"The integrator {name} chooses its own steps: leave out dt={dt:g}.")
    return dataclasses.replace(method, dt=dt)  # pyright: ignore[reportArgumentType]


def _rows(kind: str, options: Mapping[str, Any], path: Any, shape: tuple[int, ...] | None) -> Rows:
    array = load_array(path, options.get(f"{kind}_key"), option=f"--{kind}-key")
    rows, shape = flatten_images(array, shape)
    scale = positive("scale", options.get("scale", 1.0))
    rows = matrix(kind, rows)
    return Rows(rows if scale == 1 else rows / scale, shape)


def _corrupted(cues: Any, options: Mapping[str, Any], shape: tuple[int, ...] | None) -> Any:
    if options["noise"] is not None:
        cues = gaussian_noise(cues, options["noise"], seed=options.get("seed", 0))
    if options["mask"] is None:
        return cues
    if shape is None:
        raise ValueError("--mask hides a part of an image, but the patterns are rows: add their --shape, as 28x28.")
    return mask(cues, shape, fraction=options["mask"], value=options.get("fill", 0.0))


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d+(x\d+){1,2}", text):
        raise ValueError(f"--shape is HEIGHTxWIDTH or CHANNELSxHEIGHTxWIDTH, as 28x28 or 3x32x32; got {text!r}.")
    return tuple(int(part) for part in text.split("x"))
