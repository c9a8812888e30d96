"""One verb for all that a memory can learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, unknown_name
from ...dynamics.doors import checked, finite, flag, floating, generator, number, warn, whole
from ...dynamics.simulation import ticker
from ...models import LearnedSimilarity, as_model
from ._descent import Descent, descend
from ._fitted import Fitted, TrainingWarning
from ._objectives import FIELDS, Setting, with_gradient, with_weights
from ._projections import host, kernel_ridge, logistic, ridge

Corrupt = Callable[[Any, np.random.Generator], Any]
LOSSES = {
    "encoder": ("contrastive", "separation"),
    "memory": ("retrieval", "recall"),
    "closed": ("ridge", "kernel_ridge", "logistic"),
}


def _count(name: str, value: Any) -> int:
    return whole(name, value, 1)


def _above(name: str, value: Any) -> float:
    return number(name, value, above=0)


@checked(steps=_count, batch=_count, rate=_above, penalty=_above, max_steps=_count, progress=flag)
def fit(
    model: Any,
    examples: Any = None,
    targets: Any = None,
    *,
    learn: str | Sequence[str] | None = None,
    loss: str | None = None,
    corrupt: Corrupt | None = None,
    steps: int = 500,
    batch: int = 256,
    rate: float = 0.01,
    penalty: float = 1e-3,
    max_steps: int = 1000,
    seed: int | np.random.Generator = 0,
    progress: bool = True,
) -> Fitted:
    r"""Learn a similarity, or patterns, beta and projection of a memory.

    ============== ================================================================ =================================
    loss           what is minimised                                                for
    ============== ================================================================ =================================
    contrastive    -ln softmax_b(s(M, q_b)): which of a batch the cue is of         an encoder, with `corrupt`
    separation     ln mean_{m != n} e^(-2 \|phi(M_m) - phi(M_n)\|^2/D), D their     an encoder
                   mean square distance: patterns far from one another
    retrieval      mean squared error of the state where updates rest               patterns, beta, projection
    recall         mean squared error of one application of the rule                patterns, beta, projection
    ridge          \|F P - Y\|^2 + l \|P\|^2, F the weights of the examples         projection, in closed form
    kernel_ridge   \|K P - Y\|^2 + l tr(P^T K P), K the weights of the patterns     projection, in closed form
    logistic       sum ln(1 + e^(-Y (F P))) + (l/2) \|P\|^2, targets Y of +-1       projection, by SciPy's L-BFGS
    ============== ================================================================ =================================

    The first four go down by Adam in batches drawn anew, the rate falling to 0. A training that diverges, whose loss
    is not finite or ten times that of the beginning, is stopped; there, and where the loss
    is a tenth higher at the end than at first, the model of the lowest loss is kept, and a warning and the `verdict`
    say so. Cues whose updates do not rest within `max_steps`, or rest where they are not stable, have
    no gradient, and do not take part in a step of the loss "retrieval" (`equilibrium`).

    Parameters
    ----------
    model : LearnedSimilarity or model of the universal family
        What learns; it is left as it is. Encoders that are matrices learn on NumPy too; all else that goes by gradient
        needs arrays of PyTorch or JAX.
    examples : array (B, I), optional
        Patterns for an encoder; cues for a memory, by default its own patterns.
    targets : array (B, O), optional
        What the cues are to recall; the examples themselves (before they are corrupted) unless given.
    learn : str or sequence of str, optional
        Of a memory, some of ``"patterns"``, ``"beta"`` and ``"projection"``. By default patterns and beta where the
        loss is an error, and the projection where it is solved for.
    loss : str, optional
        By default ``"contrastive"`` for an encoder, and ``"retrieval"`` for a memory.
    corrupt : callable, optional
        ``corrupt(images, rng)`` gives cues (B, I), such as
        ``lambda x, rng: corrupt(x, (8, 8), "mask bottom", 0.5, seed=rng)`` with `hopfield.data.corrupt`.
    steps, batch : int
        How many steps of descent, and how many examples in each.
    rate : number
        Of the first step.
    penalty : number
        l.
    max_steps : int
        The most updates of a retrieval.
    seed : int or numpy.random.Generator
        Where batches and corruptions come from.
    progress : bool
        Whether a bar is shown on a terminal.

    Returns
    -------
    Fitted

    Warns
    -----
    TrainingWarning
        When training was stopped.

    References
    ----------
    Wu, Hu, Hsiao & Liu 2024, arXiv:2404.03827 (separation; their published baselines take distances with the wrong
    sign, and here they are negated). Tamamori 2025, arXiv:2504.07633 (kernel ridge and logistic). van den Oord, Li &
    Vinyals 2018, arXiv:1807.03748 (contrastive).

    Examples
    --------
    >>> from hopfield.data import load, mask
    >>> digits = load("digits", limit=400).rows
    >>> start = LearnedSimilarity(np.eye(64, dtype="float32"))
    >>> found = fit(start, digits[100:], corrupt=lambda x, rng: mask(x, (8, 8)), steps=60)
    >>> found.verdict, bool(found.losses[-1] < 0.1 * found.losses[0])
    ('finished', True)
    >>> stored, cues = digits[:100], mask(digits[:100], (8, 8))
    >>> [int((one.of(stored).scores(cues).argmax(1) == np.arange(100)).sum()) > 90 for one in (start, found.model)]
    [False, True]
    """
    if isinstance(model, type) or not (isinstance(model, LearnedSimilarity) or hasattr(model, "memories")):
        raise TypeError(f"fit takes a LearnedSimilarity or a memory such as ModernHopfield, got {model!r:.80}.")
    kind = "encoder" if isinstance(model, LearnedSimilarity) else "memory"
    known = LOSSES["encoder"] if kind == "encoder" else (*LOSSES["memory"], *LOSSES["closed"])
    loss = known[0] if loss is None else loss
    if loss not in known:
        raise unknown_name(f"loss for {'an encoder' if kind == 'encoder' else 'a memory'}", loss, known)
    if loss in LOSSES["closed"]:
        return _solved(model, examples, targets, _named(learn, ("projection",), loss), loss, penalty)
    random = generator(seed)
    if kind == "encoder":
        examples, model, weights = _of_encoder(model, examples, targets, learn, loss, corrupt)
        targets = examples
    else:
        examples, targets, model, weights = _of_memory(model, examples, targets, learn, loss)
    gradient = with_gradient(Setting(loss, max_steps), model, examples)
    size, count = min(batch, examples.shape[0]), examples.shape[0]
    if kind == "encoder" and size < 2:
        raise ValueError("An encoder learns from patterns beside one another: give at least two, and a batch >= 2.")

    def objective(parameters: dict[str, Array], k: int) -> tuple[Any, dict[str, Array]]:
        rows = random.permutation(count)[:size] if size < count else np.arange(count)
        some, wanted = _taken(examples, rows), _taken(targets, rows)
        cues = some if corrupt is None else _corrupted(corrupt, some, random)
        return gradient(parameters, cues, wanted)

    with ticker(progress, "fit", steps) as told, backend.quiet(examples):
        found = descend(objective, weights, steps, rate, told)
    return _fitted(model, found)


def _fitted(model: Any, found: Descent) -> Fitted:
    verdict = "finished"
    if found.trouble:
        verdict = (
            f"Training {found.trouble}. The model of the lowest loss before is kept. Try a "
            "smaller rate, or scale the examples."
        )
        warn(verdict, TrainingWarning)
    parameters = {name: backend.detach(one) for name, one in found.parameters.items()}
    return Fitted(with_weights(model, parameters), found.losses, verdict)


def _named(learn: Any, known: Sequence[str], loss: str) -> tuple[str, ...]:
    names = (learn,) if isinstance(learn, str) else tuple(known if learn is None else learn)
    for name in names:
        if name not in FIELDS:
            raise unknown_name("part to learn", name, FIELDS)
    if not names or (loss in LOSSES["closed"] and names != ("projection",)):
        raise ValueError(f"loss={loss!r} solves for the projection, and for nothing else: leave out learn.")
    return names


def _of_encoder(
    model: LearnedSimilarity, examples: Any, targets: Any, learn: Any, loss: str, corrupt: Any
) -> tuple[Array, LearnedSimilarity, dict[str, Array]]:
    if learn is not None and learn != "encoder":
        raise ValueError(f"A LearnedSimilarity has its encoder to learn, not {learn!r}: leave out learn.")
    if targets is not None:
        raise ValueError("An encoder has no targets: cues are made of its examples by corrupt.")
    if examples is None:
        raise ValueError("An encoder learns from patterns: fit(similarity, patterns, corrupt=...).")
    if loss == "contrastive" and not callable(corrupt):
        raise ValueError(
            "A contrastive loss needs cues: give corrupt, a function (images, rng) -> cues, such as "
            "lambda x, rng: gaussian_noise(x, 0.1, seed=rng)."
        )
    examples = finite("examples", floating("examples", examples))
    if examples.ndim != 2:
        raise ValueError(f"examples must be a matrix (B, I), one pattern in a row, got shape {tuple(examples.shape)}.")
    suited = model.of(examples[:2])  # which checks the encoder, and gives it their dtype
    bare = backend.copied(suited, patterns=None, plain=None, coded=None, axes=None)
    if not suited.phi.trainable:
        raise ValueError("The encoder is a function without weights: give a matrix, or a module of PyTorch or Equinox.")
    return examples, bare, suited.phi.trainable


def _of_memory(
    model: Any, examples: Any, targets: Any, learn: Any, loss: str
) -> tuple[Array, Array, Any, dict[str, Array]]:
    memory: Any = as_model(model)
    names = _named(learn, ("patterns", "beta"), loss)
    if memory.parts is None:
        raise TypeError(f"{type(memory).__name__} has no rule to learn: give a memory of the universal family.")
    like = memory.like
    examples = memory.patterns if examples is None else memory.check_query(examples)
    wide = memory.projection.shape[1] if memory.projection is not None else memory.patterns.shape[1]
    targets = _matched(targets, examples, wide)
    fields: dict[str, Array] = {}
    for name in names:
        value = getattr(memory, FIELDS[name], None)
        if value is None:
            raise ValueError(f"The memory has no {name} to begin with: give it one, {name}=...")
        value = backend.full((), float(value), like) if not backend.is_array(value) else backend.detach(value)
        fields[name] = backend.namespace(value).log(value) if name == "beta" else value
    return examples, targets, memory, fields


def _matched(targets: Any, examples: Array, width: int) -> Array:
    found = examples if targets is None else finite("targets", _beside(targets, examples))
    if found.ndim != 2 or tuple(found.shape) != (examples.shape[0], width):
        raise ValueError(
            f"targets have shape {tuple(found.shape)} and must be ({examples.shape[0]}, {width}): one row for each of "
            f"the examples {tuple(examples.shape)}, as wide as what the memory answers."
        )
    return found


def _beside(targets: Any, like: Array) -> Array:
    """Targets of NumPy in the library and dtype of what recalls them."""
    is_host = backend.is_array(targets) and backend.backend_of(targets) == "numpy"
    targets = backend.asarray(floating("targets", targets), like) if is_host else targets
    return floating("targets", targets, like)


def _solved(model: Any, examples: Any, targets: Any, learn: tuple[str, ...], loss: str, penalty: float) -> Fitted:
    memory: Any = as_model(model)
    if not memory.has_weights or "projection" not in backend.settings(memory):
        raise TypeError(f"{type(memory).__name__} has no projection to solve for: use UniversalHopfield.")
    if loss == "kernel_ridge" and examples is not None:
        raise ValueError("A kernel is of the patterns by one another: leave out examples, or use loss='ridge'.")
    cues = memory.patterns if examples is None else memory.check_query(examples)
    wanted = cues if targets is None else _beside(targets, cues)
    wanted = _matched(wanted, cues, int(wanted.shape[-1]))
    weights, rows, verdict = host(memory.weights(cues)), host(wanted), "finished"
    if loss == "logistic":
        found, least, message = logistic(weights, rows, penalty)
        if message:
            verdict = f"L-BFGS stopped before the minimum: {message}"
            warn(verdict, TrainingWarning)
    else:
        found, least = (ridge if loss == "ridge" else kernel_ridge)(weights, rows, penalty)
    return Fitted(memory.replace(projection=backend.asarray(found, memory.like)), np.array([least]), verdict)


def _taken(rows: Array, which: np.ndarray) -> Array:
    xp = backend.namespace(rows)
    return xp.take(rows, xp.asarray(which, device=backend.device(rows)), axis=0)


def _corrupted(corrupt: Corrupt, rows: Array, random: np.random.Generator) -> Array:
    cues = floating("what corrupt gives", corrupt(rows, random), rows)
    if tuple(cues.shape) != tuple(rows.shape):
        raise ValueError(
            f"corrupt gives cues {tuple(cues.shape)} for patterns {tuple(rows.shape)}, and must keep their shape."
        )
    return cues
