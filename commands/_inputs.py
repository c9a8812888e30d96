"""What a command works on: a memory and its cues, from files and from names."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..analysis.basins import into
from ..data import Rows, flatten_images, flip_bits, gaussian_noise, mask
from ..dynamics import backend
from ..dynamics.backend import unknown_name
from ..dynamics.doors import finite, matrix, positive, warn
from ..dynamics.files import kind_of, present
from ..dynamics.integrators import Integrator, Relaxation, Solver, choose
from ..models._catalogue import build, catalogue
from ..models._model import as_model
from ..models._renamed import current_names
from ..models._storage import Stored
from ._files import STDIN, read
from ._settings import BESIDE, parsed, settings_of

MAKERS = ("noise", "mask", "flip")  # of cues
MODELS = tuple(entry.name for entry in catalogue())
BINARY = tuple(entry.name for entry in catalogue() if entry.binary)


class Inputs(NamedTuple):
    """What a command works on.

    Attributes
    ----------
    memory : model
        The memory.
    cues : array (B, I) or None
        None where none were asked for.
    targets : int array (B,) or None
        The rows that cues were made from (None: not known).
    shape : tuple or None
        The shape of an image.
    patterns : array (N, I) or None
        What is stored, as the memory holds it (None: a saved memory that does not keep its patterns).
    law : str
        How the cues were made, in words; "given" where they were read from a file.
    """

    memory: Any
    cues: Any
    targets: np.ndarray | None
    shape: tuple[int, ...] | None
    patterns: Any = None
    law: str = "given"


def load_inputs(options: Mapping[str, Any], need_cues: bool = True) -> Inputs:
    r"""The memory and the cues that the options of a command ask for.

    Parameters
    ----------
    options : mapping
        ``patterns``, ``queries``, ``patterns_key``, ``queries_key``, ``shape``, ``scale``: files and how to read
        them. ``model``, ``similarity``, ``separation``, ``beta``, ``settings`` (a list of "name=value"): the memory,
        or the file of a saved one. ``binary``: values above it are +1, others -1, in patterns and cues.
        ``tau_memory`` of it. ``noise``, ``mask``, ``fill``, ``flip``, ``cues``, ``seed``: how cues are made if there
        are no queries. ``stored``: how many patterns, at most. ``library``, ``device``, ``dtype``: where it is
        computed. What is missing counts as None.
    need_cues : bool
        Whether it is an error if nothing says what the cues are; they are None then.

    Returns
    -------
    Inputs
        Cues are of the memory's library and dtype. Those that are made here are projected onto the memory's domain,
        with a warning that says how many; those of a file must lie in it.

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
    model, queries, shape = o.get("model", "universal"), o["queries"], image_sides(o.get("shape"))
    rows: Any = None
    if model in MODELS:
        if o["patterns"] is None:
            raise ValueError("Which patterns? Give a file, PATTERNS [QUERIES], or --model with a saved memory.")
        if str(o["patterns"]) == str(queries) == STDIN:
            raise ValueError("PATTERNS and QUERIES cannot both be -, the standard input: write one of them to a file.")
        rows, shape = _rows("patterns", o, o["patterns"], shape)
        rows = rows[: o.get("stored")]
        _check_threshold(rows, o.get("binary"))
        settings = parsed(o.get("settings"))
        if o.get("tau_memory") is not None:
            if "tau_memory" in settings:
                raise ValueError("--tau-memory and --set tau_memory=... are both there. Give one of them.")
            settings["tau_memory"] = o["tau_memory"]
        memory = build_memory(model, _signs(rows, o), o["similarity"], o["separation"], o["beta"], **settings)
    else:
        memory, queries = load_memory(model), o["patterns"]
        own = ("queries", "similarity", "separation", "beta", "tau_memory", "patterns_key", "settings", "stored")
        if any(o.get(name) is not None for name in own):
            raise ValueError(
                f"The memory in {model!r} has its own patterns, similarity, separation and beta: give nothing but the "
                "file of the QUERIES."
            )
    memory = move_memory(memory, o.get("library") or "numpy", o.get("device"), o.get("dtype"))
    like = next(x for x in backend.arrays(memory) if x.ndim)
    patterns = as_model(memory).patterns if rows is None else backend.asarray(_signs(rows, o), like)
    made = any(o.get(name) is not None for name in MAKERS)
    if queries is None:
        if not made and not need_cues:
            return Inputs(memory, None, None, shape, patterns)
        if not made:
            raise ValueError(
                "Which cues? Give the file of the QUERIES, or make some: --noise 0.1, --mask 0.5, and for patterns of "
                "+1 and -1 --flip 0.1."
            )
        grey = patterns if rows is None else backend.asarray(rows, like)
        if grey is None:
            raise ValueError(f"The memory in {model!r} does not keep its patterns: give the file of the QUERIES.")
        targets = _targets(len(grey), o)
        cues, law = _valid(memory, _corrupted(grey[targets], o, shape), _law(o))
        return Inputs(memory, memory.check_cue(cues), targets, shape, patterns, law)
    if made:
        raise ValueError("--noise, --mask and --flip make cues of the patterns: leave them out, or leave out QUERIES.")
    rows, shape = _rows("queries", o, queries, shape)
    return Inputs(memory, memory.check_cue(backend.asarray(_signs(rows, o), like)), None, shape, patterns)


def build_memory(
    model: str, patterns: Any, similarity: str | None, separation: str | None, beta: float | None, **settings: Any
) -> Any:
    """The memory of a name in `hopfield.models.catalogue`; what is None is the model's own default.

    >>> import numpy as np
    >>> build_memory("modern", np.eye(2), None, None, 4.0).beta
    4.0
    """
    if model not in MODELS:
        raise unknown_name("model", model, MODELS)
    if model == "modern" and similarity in (None, "dot") and separation in (None, "softmax"):
        similarity = separation = None
    chosen = {"similarity": similarity, "separation": separation, "beta": beta, **settings}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if model != "universal" and (extra := {"similarity", "separation"} & set(chosen)):
        rule = next(entry.rule for entry in catalogue() if entry.name == model)
        raise ValueError(f"The {model} memory has its own rule, {rule}: leave out {' and '.join(sorted(extra))}.")
    if model in BINARY:
        host = backend.to_numpy(patterns)
        if not (np.abs(host) == 1).all() and not (model == "sdm" and np.isin(host, (0, 1)).all()):
            raise ValueError(
                f"The {model} memory stores patterns of +1 and -1, and these go from {host.min():g} to {host.max():g}. "
                "Add --binary X: values above X become +1, others -1."
            )
    try:
        kind = next(entry.model for entry in catalogue() if entry.name == model)
        return build(model, patterns, **current_names(kind, chosen))
    except TypeError as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown is None:
            raise
        known = [one.name for one in settings_of(next(entry for entry in catalogue() if entry.name == model))]
        own = ", ".join(f"{name} ({BESIDE[name].split()[0]})" if name in BESIDE else name for name in known)
        raise ValueError(
            f"The {model} memory has no setting {unknown[1]!r}. It has {own}; `hopfield models {model}` says what they "
            "are."
        ) from None


def load_memory(path: str | os.PathLike[str]) -> Any:
    """A memory of any kind, from the file that its `save` wrote.

    >>> import numpy as np
    >>> from hopfield import ModernHopfield
    >>> load_memory(ModernHopfield(np.eye(2), beta=3.0).save("memory.npz")).beta
    3.0
    """
    if not Path(path).exists():
        raise unknown_name("model (and there is no such file)", os.fspath(path), MODELS)
    if kind_of(present(path)) != "npz":
        raise ValueError(f"{os.fspath(path)!r} is not a saved memory: memory.save(path) writes one, an .npz file.")
    return Stored.load(path)


def move_memory(memory: Any, library: str, device: str | None = None, dtype: str | None = None) -> Any:
    """The memory on a library and device; JAX is switched to 64-bit numbers if the memory has such.

    Meant for programs: a library call would leave JAX's switch to its user.

    >>> import numpy as np
    >>> from hopfield import ModernHopfield
    >>> move_memory(ModernHopfield(np.eye(2)), "numpy", dtype="float32").memories.dtype
    dtype('float32')
    """
    if dtype not in (None, "float32", "float64"):
        raise unknown_name("dtype", dtype, ("float32", "float64"))
    like = next(x for x in backend.arrays(memory) if x.ndim)
    wide = dtype == "float64" or (dtype is None and backend.epsilon(like) < 1e-10)
    if library == "jax" and wide:
        backend.optional_import("jax").config.update("jax_enable_x64", True)
    try:
        moved = memory.to(library, device, dtype)
        _ = backend.to_numpy(next(x for x in backend.arrays(moved) if x.ndim))
    except (RuntimeError, AssertionError, IndexError, NotImplementedError) as error:  # the library's own, of a device
        reason = "it has fewer" if isinstance(error, IndexError) else str(error).strip().partition("\n")[0].rstrip(".")
        raise ValueError(
            f"{library} computes on no device {device!r} here ({reason}). Leave out --device, or give one that it has, "
            "such as cpu."
        ) from error
    return moved


def choose_method(memory: Any, name: str, dt: float | None = None) -> Integrator | Solver:
    """The integrator of a name, with a step if one is given.

    >>> import numpy as np
    >>> from hopfield import ModernHopfield
    >>> choose_method(ModernHopfield(np.eye(2)), "euler", 0.05)
    Euler(dt=0.05)
    """
    try:
        network = memory.network
    except TypeError:
        raise ValueError(
            f"{type(memory).__name__} has no dynamics in time, only `hopfield recall`: {memory!r}"
        ) from None
    like = next(iter(a for a in backend.arrays(network) if a.ndim))
    typical = {n: backend.full((1, p.size), 0.5, like) for n, p in network.populations.items()}
    method = choose(name, network.bound(), typical)
    if dt is None:
        return method
    if isinstance(method, Relaxation):  # as it is by its own name
        return Relaxation(dt)
    if not hasattr(method, "dt"):
        raise ValueError(f"The integrator {name} chooses its own steps: leave out dt={dt:g}.")
    return dataclasses.replace(method, dt=dt)  # pyright: ignore[reportArgumentType]


def _rows(kind: str, options: Mapping[str, Any], path: Any, shape: tuple[int, ...] | None) -> Rows:
    array = read(path, options.get(f"{kind}_key"), f"--{kind}-key")
    if array.dtype.kind in "fc":
        finite(kind, array)  # before images become rows, so that an error counts as they do
    rows, shape = flatten_images(array.astype(array.dtype.newbyteorder("="), copy=False), shape)
    scale = positive("scale", options.get("scale", 1.0))
    rows = matrix(kind, rows)
    return Rows(rows if scale == 1 else rows / scale, shape)


def _targets(count: int, options: Mapping[str, Any]) -> np.ndarray:
    """The rows that cues are made from: the first ones, and again from the first on where more are drawn.

    >>> _targets(3, {"cues": 5, "noise": 0.1})
    array([0, 1, 2, 0, 1])
    """
    wanted = options.get("cues") or count
    if wanted > count and options.get("noise") is None and options.get("flip") is None:
        raise ValueError(
            f"--cues {wanted} of {count} patterns: a mask makes the same cue of a pattern each time. Give at most "
            f"{count}, or add --noise or --flip, which are drawn anew."
        )
    return np.arange(wanted) % count


def _corrupted(cues: Any, options: Mapping[str, Any], shape: tuple[int, ...] | None) -> Any:
    """Cues of patterns: with noise, then masked, then made +-1, then with signs flipped."""
    random = np.random.default_rng(options.get("seed", 0))
    if options["noise"] is not None:
        cues = gaussian_noise(cues, options["noise"], seed=random)
    if options["mask"] is not None:
        if shape is None:
            raise ValueError("--mask hides a part of an image, but the patterns are rows: add their --shape, as 28x28.")
        cues = mask(cues, shape, fraction=options["mask"], value=options.get("fill", 0.0))
    cues = _signs(cues, options)
    if options.get("flip") is None:
        return cues
    values = np.unique(backend.to_numpy(cues))
    if len(values) != 2:
        raise ValueError(
            f"--flip turns +1 to -1 and back, and these cues have {len(values)} values, from {values[0]:g} to "
            f"{values[-1]:g}. Add --binary X: values above X become +1, others -1."
        )
    return flip_bits(cues, options["flip"], seed=random)


def _law(options: Mapping[str, Any]) -> str:
    """How cues are made of patterns, in words.

    >>> _law({"noise": 0.2, "mask": None, "seed": 3})
    'one for each pattern, with Gaussian noise of variance 0.2, seed 3'
    """
    parts = []
    seed = f", seed {options.get('seed', 0)}"
    if options["noise"] is not None:
        parts.append(f"with Gaussian noise of variance {options['noise']:g}{seed}")
    if options["mask"] is not None:
        parts.append(f"with the lowest {options['mask']:.3g} of the image set to {options.get('fill', 0.0):g}")
    if options.get("binary") is not None:
        parts.append(f"then made +-1 at {options['binary']:g}")
    if options.get("flip") is not None:
        parts.append(f"each value flipped with probability {options['flip']:g}{'' if options['noise'] else seed}")
    first = "one for each pattern" if not options.get("cues") else f"{options['cues']} of the patterns in turn"
    return ", ".join([first, *parts])


def _valid(memory: Any, cues: Any, law: str) -> tuple[Any, str]:
    """Cues that were made here, projected onto the memory's domain where they lie outside, and their law."""
    moved, said = into(memory.domain, backend.to_numpy(cues), law)
    if said == law:
        return cues, law
    warn(f"Cues are {said.removeprefix(f'{law}, ')}, what this memory takes.")
    return backend.asarray(moved, cues), said


def _signs(rows: Any, options: Mapping[str, Any]) -> Any:
    threshold = options.get("binary")
    if threshold is None:
        return rows
    if not math.isfinite(threshold):
        raise ValueError(f"--binary is a number: values above it become +1, others -1; got {threshold:g}.")
    return backend.namespace(rows).where(rows > threshold, 1.0 + 0 * rows, -1.0 + 0 * rows)


def _check_threshold(rows: np.ndarray, threshold: float | None) -> None:
    """Refuse a threshold on one side of which all values lie: one pattern, as often as there are rows."""
    if threshold is not None and math.isfinite(threshold) and not 0 < np.mean(rows > threshold) < 1:
        raise ValueError(
            f"--binary {threshold:g} makes all patterns equal: their values go from {rows.min():g} to {rows.max():g}. "
            "Give a number between."
        )


def image_sides(text: str | None) -> tuple[int, ...] | None:
    """The shape of an image as --shape says it.

    >>> image_sides("3x32x32")
    (3, 32, 32)
    """
    if text is None:
        return None
    if not re.fullmatch(r"\d+(x\d+){1,2}", text):
        raise ValueError(f"--shape is HEIGHTxWIDTH or CHANNELSxHEIGHTxWIDTH, as 28x28 or 3x32x32; got {text!r}.")
    return tuple(int(part) for part in text.split("x"))
