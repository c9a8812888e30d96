"""When a sample may stop before t1: conditions that `simulate` asks after every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from . import arguments, backend
from .backend import Array
from .doors import number, shown
from .network import Evaluation, Network
from .scale import Scales, relative, rms
from .validation import finite


class Moment(NamedTuple):
    """What a stop condition sees: a batch of B samples at one step.

    Attributes
    ----------
    network, clamp
        What moves, and what is held of it.
    states, previous : dict of arrays (B, n)
        The states now and before the step.
    evaluation : Evaluation
        Activations and signals now.
    scales : dict
        What speeds and moves are measured by; see `hopfield.dynamics.steady`.
    time : array (B,)
        The clock of each sample.
    rows : int array (B,)
        Which sample of the query's batch, flattened, each row is; -1 for rows that only fill up the batch.

    Examples
    --------
    >>> from hopfield.dynamics import simulate
    >>> from hopfield.models import ModernHopfield
    >>> run = simulate(ModernHopfield(np.eye(2)), np.ones(2), t1=5.0, stop=lambda moment: moment.time >= 1.0)
    >>> bool(run.times[-1] < 1.5)
    True
    """

    network: Network
    states: dict[str, Array]
    previous: dict[str, Array]
    evaluation: Evaluation
    clamp: Mapping[str, Array]
    scales: Scales
    time: np.ndarray
    rows: np.ndarray


Stop = Callable[[Moment], Array]


def tolerance(like: Array) -> float:
    """The default tolerance of a steady state: 1e-6 in float64, 1e-4 in float32."""
    return 1e-6 if backend.epsilon(like) < 1e-10 else 1e-4


def steadiness(
    network: Network,
    states: Mapping[str, Array],
    clamp: Mapping[str, Array],
    sizes: Scales,
    evaluation: Evaluation | None = None,
) -> Array:
    """The largest of rms(tau x')/(scale + rms x) over the populations, one number a sample.

    Where only the direction of x counts (cosine without leak) the speed is of the size 1/\\|x\\|; it is then
    rms(tau x') rms(x)/2, the same number at rms x = 1.

    >>> import numpy as np
    >>> from hopfield.dynamics import Network, Population, Quadratic
    >>> from hopfield.dynamics.scale import scales
    >>> one, state = Network({"x": Population(Quadratic(), 1)}), {"x": np.array([1.0])}
    >>> float(steadiness(one, state, {}, scales(one, state)))
    0.5
    """
    xp = backend.namespace(*states.values())
    worst: Any = None
    for name, v in network.velocity(states, clamp, evaluation).items():
        speed, size = network.populations[name].tau * rms(v), rms(states[name])
        scale = sizes[name]
        ratio = speed * size / 2 if scale is None else relative(speed, scale.state + size)
        worst = ratio if worst is None else xp.maximum(worst, ratio)
    return worst


def answered(stop: Stop, moment: Moment, size: int) -> np.ndarray:
    """What a stop condition says of a batch: one bool for each of `size` samples, or an error.

    >>> answered(lambda moment: [True, False], None, 2)
    array([ True, False])
    """
    given = stop(moment)
    try:
        answer = backend.to_numpy(given)
    except (ValueError, TypeError):
        answer = np.asarray(None)
    if answer.dtype.kind != "b" or answer.shape not in ((), (size,)):
        raise TypeError(
            f"A stop condition gives one bool for each of the {size} samples that are still moving, and this one gave "
            f'{shown(given)}. An example: lambda moment: (moment.states["value"] > 0).all(axis=-1).'
        )
    return np.broadcast_to(answer, (size,))


def steady(tol: float | None = None) -> Stop:
    """Stop a sample when rms(tau x') <= tol (scale + rms x) in every population.

    The scale of value neurons is the rms of the stored patterns, that of other populations the rms of their start,
    so that the condition means the same in any units. A slow passage near a saddle is steady too if `tol` is coarse.

    >>> import numpy as np
    >>> from hopfield.dynamics import simulate
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> simulate(memory, np.array([0.9, 0.2, 0.1]), t1=1e3, stop=steady()).result.name
    'STOPPED'
    """
    tol = None if tol is None else number("tol", tol, 0)

    def condition(moment: Moment) -> Array:
        like = next(iter(moment.states.values()))
        bound = tolerance(like) if tol is None else tol
        return steadiness(moment.network, moment.states, moment.clamp, moment.scales, moment.evaluation) <= bound

    return condition


def largest_move(network: Network, before: Mapping[str, Array], after: Mapping[str, Array], sizes: Scales) -> Array:
    """The largest of rms(g+ - g)/(scale + rms g) over the populations: how far a step moved the activations.

    >>> import numpy as np
    >>> from hopfield.dynamics import Network, Population, Quadratic
    >>> from hopfield.dynamics.scale import scales
    >>> one = Network({"x": Population(Quadratic(), 1)})
    >>> before, after = {"x": np.array([1.0])}, {"x": np.array([0.5])}
    >>> float(largest_move(one, before, after, scales(one, before)))
    0.25
    """
    xp, worst = backend.namespace(*before.values()), None
    for name, p in network.populations.items():
        g = p.lagrangian.activation(before[name])
        size, scale = rms(g), sizes[name]
        move = relative(
            rms(p.lagrangian.activation(after[name]) - g), size + (size if scale is None else scale.activation)
        )
        worst = move if worst is None else xp.maximum(worst, move)
    return worst


def settled(tol: float | None = None) -> Stop:
    """Stop a sample when the last step moved no population's activation by more than tol (scale + rms g).

    The scale is that of `steady`. Costs nothing; for updates (dt = inf) it is the residual of the map. With small
    steps it says little.

    >>> import numpy as np
    >>> from hopfield.dynamics import Relaxation, simulate
    >>> from hopfield.models import ModernHopfield
    >>> run = simulate(ModernHopfield(np.eye(3), beta=8.0), np.array([0.9, 0.2, 0.1]), t1=99,
    ...     integrator=Relaxation(dt=np.inf), stop=settled())
    >>> run.statistics["steps"] < 99
    True
    """
    tol = None if tol is None else number("tol", tol, 0)

    def condition(moment: Moment) -> Array:
        like = next(iter(moment.states.values()))
        bound = tolerance(like) if tol is None else tol
        return largest_move(moment.network, moment.previous, moment.states, moment.scales) <= bound

    return condition


def near(pattern: Array, radius: float) -> Stop:
    """Stop a sample when the activation of the first population is within `radius` of `pattern` (2-norm).

    >>> import numpy as np
    >>> from hopfield.dynamics import simulate
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> run = simulate(memory, np.array([0.9, 0.2, 0.1]), t1=99, stop=near(np.eye(3)[0], 0.2))
    >>> run.times[-1] < 10
    np.True_
    """
    pattern, radius = finite("pattern", arguments.numbers("pattern", pattern)), number("radius", radius, 0)
    if pattern.ndim != 1:
        raise ValueError(f"pattern must be one pattern (n,), got shape {tuple(pattern.shape)}: take a row of it.")

    def condition(moment: Moment) -> Array:
        name = next(iter(moment.network.populations))
        g = moment.evaluation.activations[name]
        if g.shape[-1] != pattern.shape[-1]:
            raise ValueError(f"near has a pattern of {pattern.shape[-1]} values; {name!r} has {g.shape[-1]} neurons.")
        if backend.backend_of(pattern) != "numpy":
            backend.namespace(pattern, g)  # which refuses another library
        xp = backend.namespace(g)
        return xp.sqrt(xp.sum((g - backend.asarray(pattern, g)) ** 2, axis=-1)) <= radius

    return condition


def energy_rate_below(rate: float) -> Stop:
    """Stop a sample when -dE/dt <= `rate`.

    >>> import numpy as np
    >>> from hopfield.dynamics import simulate
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(3), beta=8.0)
    >>> simulate(memory, np.array([0.9, 0.2, 0.1]), t1=99, stop=energy_rate_below(1e-9)).times[-1] < 99
    np.True_
    """
    rate = number("rate", rate, 0)

    def condition(moment: Moment) -> Array:
        return -moment.network.energy_rate(moment.states, moment.clamp, moment.evaluation) <= rate

    return condition
