"""When a sample may stop before t1: conditions that `simulate` asks after every step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array, rms, shown
from ..doors import arguments, finite, number
from ..network import Flow, Network, Point, Scales, relative
from ..network import tolerance as tolerance


class Moment(NamedTuple):
    """What a stop condition sees: a batch of B samples at one step.

    Attributes
    ----------
    network, clamp
        What moves, and what is held of it.
    states, previous : dict of arrays (B, n)
        The states now and before the step.
    evaluation : Point
        Activations and signals now.
    scales : dict
        What speeds and moves are measured by; see `hopfield.dynamics.steady`.
    time : array (B,)
        The clock of each sample.
    rows : int array (B,)
        Which sample of the query's batch, flattened, each row is; -1 for rows that only fill up the batch.

    Examples
    --------
    A condition of one's own:

    >>> from hopfield.dynamics import Moment, simulate
    >>> from hopfield.models import ModernHopfield
    >>> def large(moment: Moment):
    ...     return moment.states["value"].max(-1) > 0.9
    >>> run = simulate(ModernHopfield(np.eye(3), beta=8.0), np.array([0.8, 0.3, 0.1]), t1=20, stop=large)
    >>> bool(run.reached < 20)
    True
    """

    network: Network
    states: dict[str, Array]
    previous: dict[str, Array]
    evaluation: Point
    clamp: Mapping[str, Array]
    scales: Scales
    time: np.ndarray
    rows: np.ndarray


Stop = Callable[[Moment], Array]


def steadiness(flow: Flow, point: Point, sizes: Scales) -> Array:
    """The largest of rms(tau x')/(scale + rms x) over the populations, one number a sample.

    Where only the direction of x counts (cosine without leak) the speed is of the size 1/\\|x\\|; it is then
    rms(tau x') rms(x)/2, the same number at rms x = 1. Where forces are sums of signs (manhattan without leak) it is
    that of patterns of rms 1 likewise.
    """
    worst: Any = None
    for name, v in flow.velocity(point).items():
        p = flow.populations[name]
        fast, size = rms(p.tau * v) if p.by_neuron else p.tau * rms(v), rms(point.states[name])
        scale = sizes[name]
        ratio = fast * size / 2 if scale is None else relative(fast * scale.pace, scale.state + size)
        worst = ratio if worst is None else backend.namespace(worst).maximum(worst, ratio)
    return worst


def answered(stop: Stop, moment: Moment, size: int) -> np.ndarray:
    """What a stop condition says of a batch: one bool for each of `size` samples, or an error."""
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


@dataclass(frozen=True)
class Condition(ABC):
    """A stop condition that looks at no number on the host, so that it is compiled together with the step."""

    tol: float | None = None

    @abstractmethod
    def holds(self, flow: Flow, before: Point, after: Point, sizes: Scales) -> Array:
        """Which samples may stop after a step: bool (B,)."""

    def __call__(self, moment: Moment) -> Array:
        """The same of a moment."""
        flow = moment.network.bound(moment.clamp)
        return self.holds(flow, flow.at(moment.previous), moment.evaluation, moment.scales)

    def bound(self, like: Array) -> float:
        """The tolerance that was given, or the usual one."""
        return tolerance(like) if self.tol is None else self.tol


class _Steady(Condition):
    def holds(self, flow: Flow, before: Point, after: Point, sizes: Scales) -> Array:
        """rms(tau x') <= tol (scale + rms x) in every population."""
        return steadiness(flow, after, sizes) <= self.bound(next(iter(after.states.values())))


class _Settled(Condition):
    def holds(self, flow: Flow, before: Point, after: Point, sizes: Scales) -> Array:
        """The last step moved no activation by more than tol (scale + rms g)."""
        return largest_move(flow, before, after, sizes) <= self.bound(next(iter(after.states.values())))


class _Quiet(Condition):
    def holds(self, flow: Flow, before: Point, after: Point, sizes: Scales) -> Array:
        """-dE/dt <= tol."""
        return -flow.rate(after) <= self.tol


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
    return _Steady(None if tol is None else number("tol", tol, 0))


def largest_move(flow: Flow, before: Point, after: Point, sizes: Scales) -> Array:
    """The largest of rms(g+ - g)/(scale + rms g) over the populations: how far a step moved the activations.

    >>> import numpy as np
    >>> from hopfield.dynamics import Network, Population, Quadratic
    >>> from hopfield.dynamics.network import scales
    >>> one = Network({"x": Population(Quadratic(), 1)})
    >>> before, after = {"x": np.array([1.0])}, {"x": np.array([0.5])}
    >>> float(largest_move(one.bound(), one.evaluate(before), one.evaluate(after), scales(one, before)))
    0.25
    """
    worst: Any = None
    for name, g in before.activations.items():
        size, scale = rms(g), sizes[name]
        moved = relative(rms(after.activations[name] - g), size + (size if scale is None else scale.activation))
        worst = moved if worst is None else backend.namespace(worst).maximum(worst, moved)
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
    return _Settled(None if tol is None else number("tol", tol, 0))


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
    return _Quiet(number("rate", rate, 0))
