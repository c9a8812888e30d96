"""Retrieval by annealing: the reverse diffusion of the stored patterns, from noise to a memory."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import affordable, checked, generator, quiet
from ...dynamics.lagrangians import LogSumExp
from .. import _declared as declared


class Diffusion(NamedTuple):
    """What `diffuse` returns, with K steps.

    Attributes
    ----------
    state : array (..., I)
        Where the samples end.
    path : array (K + 1, ..., I)
        Where they were at each noise level.
    sigma : array (K + 1,)
        The noise levels, standard deviations, from the first to the last.
    energy : array (K + 1, ...)
        -(1/beta) log sum_i exp(-beta |v - M_i|^2) there, with beta = 1/(2 sigma^2). It changes with sigma too.
    weight : array (K + 1, ...)
        The largest weight that one pattern has in the posterior mean.
    pattern : int array (...)
        The pattern with the largest weight at the end.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> found = diffuse(UniversalHopfield(np.eye(3), "euclidean"), 4, sigma=3.0, seed=0)
    >>> found.state.shape, found.path.shape, found.pattern.shape
    ((4, 3), (51, 4, 3), (4,))
    """

    state: Array
    path: Array
    sigma: np.ndarray
    energy: Array
    weight: Array
    pattern: np.ndarray


@quiet
@checked(**declared.DIFFUSE)
def diffuse(
    memory: Any,
    noise: Any,
    *,
    sigma: float,
    end: float | None = None,
    steps: int = 50,
    stochastic: bool = False,
    seed: int | np.random.Generator = 0,
) -> Diffusion:
    r"""Retrieve from noise by annealing beta: the reverse diffusion whose data are the stored patterns.

    A Euclidean memory with softmax and beta = 1/(2 sigma^2) recalls the mean of the patterns M_i given that
    v = M_i + sigma z was seen, z normal, so that its force is the score of the noisy data,

        sum_i p_i(v) M_i = v + sigma^2 grad log P_sigma(v),    p = softmax(-beta |v - M_i|^2),

    and v' = sum_i p_i M_i - v with beta(t) = exp(2 t)/(2 sigma_0^2) is the probability flow of diffusion whose noise is
    sigma_0 exp(-t). A step of the memory's own relaxation with beta held is the DDIM step,

        v+ = D + (sigma+/sigma) (v - D),    D = sum_i p_i M_i.

    With `stochastic` noise is added at each step so that the steps are those of ancestral sampling,

        v+ = D + (sigma+/sigma)^2 (v - D) + sigma+ sqrt(1 - (sigma+/sigma)^2) z.

    Parameters
    ----------
    memory : model
        Euclidean with softmax, leak 0, no bias and no projection; its beta and time constants do not count.
    noise : array (..., I) or int
        Where the samples begin, patterns (or nothing) with noise of that `sigma` upon them; a number of samples draws
        them around the mean of the patterns.
    sigma : float
        Standard deviation of the noise at the beginning.
    end : float, optional
        The same at the end, less than `sigma`; by default a thousandth of it.
    steps : int
        How many, of equal ratio sigma+/sigma.
    stochastic : bool
        Whether noise is added on the way.
    seed : int or Generator, optional
        Of all that is random.

    Returns
    -------
    Diffusion
        States, the levels of noise, and which pattern each sample went to.

    References
    ----------
    Ambrogioni 2024, Entropy 26, 381, doi:10.3390/e26050381; Song, Meng & Ermon 2021, arXiv:2010.02502 (DDIM); Song et
    al. 2021, arXiv:2011.13456 (probability flow); Ho, Jain & Abbeel 2020, arXiv:2006.11239 (ancestral sampling).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> memory = UniversalHopfield([[1.0, 0.0], [-1.0, 0.0]], "euclidean")
    >>> found = diffuse(memory, np.array([[0.5, 1.0], [-2.0, 0.3]]), sigma=2.0)
    >>> found.state.round(2) + 0.0, found.pattern
    (array([[ 1.,  0.],
           [-1.,  0.]]), array([0, 1]))
    """
    _check(memory)
    memory = memory.wide if memory.is_half else memory
    rows = memory.memories
    end = sigma / 1000 if end is None else end
    if not end < sigma:
        raise ValueError(f"end must be less than sigma={sigma:g}, for noise goes down, got {end:g}.")
    _check_levels(sigma, end, rows)
    rng = generator(seed)
    if isinstance(noise, int):
        _check_size(noise * rows.shape[-1], steps)
        drawn = rng.standard_normal((noise, rows.shape[-1]))
        x = backend.namespace(rows).mean(rows, axis=0) + sigma * backend.asarray(drawn, rows)
    else:
        x = memory.check_query(noise)
        _check_size(math.prod(x.shape), steps)
    levels = sigma * np.exp(np.linspace(0.0, math.log(end / sigma), steps + 1))
    levels[-1] = end
    path, energies, weights = [x], [], []
    likely: Any = None
    for k, level in enumerate(levels.tolist()):
        rule = LogSumExp(beta=1 / (2 * level**2))
        scores = memory.scores(x)
        likely = rule.activation(scores)
        if not backend.to_numpy(backend.namespace(likely).all(backend.namespace(likely).isfinite(likely))):
            raise ValueError(
                f"The scores over 2 sigma^2 are too large for {backend.dtype_name(x)} at sigma={level:.3g}: give "
                "levels of noise nearer to the distances between the patterns."
            )
        energies.append(-rule.value(scores))
        weights.append(backend.namespace(likely).max(likely, axis=-1))
        if k == steps:
            break
        mean, ratio = likely @ rows, float(levels[k + 1]) / level
        if stochastic:
            kick = levels[k + 1] * math.sqrt(1 - ratio**2) * rng.standard_normal(tuple(x.shape))
            x = mean + ratio**2 * (x - mean) + backend.asarray(kick, x)
        else:
            x = mean + ratio * (x - mean)
        path.append(x)
    xp = backend.namespace(x)
    pattern = backend.to_numpy(likely).argmax(axis=-1)
    return Diffusion(x, xp.stack(path), levels, xp.stack(energies), xp.stack(weights), pattern)


def _check_levels(sigma: float, end: float, like: Array) -> None:
    """Refuse levels of noise whose squares, or the inverses of these, the numbers of the patterns do not hold."""
    most = math.sqrt(float(backend.namespace(like).finfo(like.dtype).max)) / 100
    if sigma > most or end < 1 / most:
        raise ValueError(
            f"In {backend.dtype_name(like)} the levels of noise lie between {1 / most:.1e} and {most:.1e}, for their "
            f"squares are taken; got sigma={sigma:g} and end={end:g}."
        )


def _check_size(numbers: int, steps: int) -> None:
    affordable(
        f"The path of {numbers} numbers through {steps} steps",
        8.0 * numbers * (steps + 1),
        "Take fewer steps or samples.",
    )


def _check(memory: Any) -> None:
    """Refuse, with the reason, a memory that is no reverse diffusion."""
    parts = getattr(memory, "parts", None)
    what = 'UniversalHopfield(patterns, "euclidean")'
    if parts is None:
        raise TypeError(
            f"Diffusion needs a memory with a Euclidean similarity and softmax, and {type(memory).__name__} has none: "
            f"take {what}."
        )
    similarity, separation, value, leak = parts
    if similarity.metric != "square" or separation.law != "softmax":
        raise ValueError(
            "Diffusion needs the Euclidean similarity and softmax, whose force is the score of noisy patterns, and "
            f"this memory has {similarity.name} and {type(separation).__name__}: take {what}."
        )
    if leak or not value.identity or memory.projection is not None or backend.to_numpy(memory.bias).any():
        raise ValueError(
            f"Diffusion needs leak 0, no bias, no projection and value neurons with g = v, so that the memory recalls "
            f"the mean of its patterns given the noise alone: take {what}."
        )
