"""What changes in a flow as time goes on: the flow of any step, with the networks at the times that a method looks at.

Input currents add to the biases of populations, scheduled numbers stand in their leaves; both are found on the host, so
that they may be any code, and enter a compiled step as arguments.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array, copied, unknown_name
from ..network import Flow, Network
from ._input import Input, as_input, asked
from ._schedule import Schedule

CURRENTS, NUMBERS = "currents", "numbers"  # what may change over a step


class Drive:
    """Input currents and scheduled numbers of a run from t0 to t1, for a batch (B, n) whose axes were `batch`.

    Attributes
    ----------
    stops : array
        Times on which steps end and begin: where something jumps or bends, after t0 and before t1.
    jumps : array
        Those at which something jumps, up to t1.
    rest : float
        The time from which on nothing changes; inf if that is not known.

    Examples
    --------
    >>> from hopfield.dynamics import Population, Pulse, Quadratic
    >>> one = Network({"x": Population(Quadratic(), 1)})
    >>> drive = Drive(one, {"x": Pulse(1.0, 2.0, 3.0)}, None, 0.0, 5.0)
    >>> drive.stops, drive.network(1.5).populations["x"].bias
    (array([1., 2.]), array([3.]))
    """

    def __init__(
        self,
        network: Network,
        currents: Mapping[str, Input],
        schedule: Schedule | None,
        t0: float,
        t1: float,
        batch: tuple[int, ...] = (),
    ) -> None:
        self.base, self.currents, self.schedule = network, dict(currents), schedule
        self.t0, self.t1, self.batch = t0, t1, batch
        self.like = next((a for a in backend.arrays(network) if a.ndim), np.zeros(1))
        self.most = float(backend.namespace(self.like).finfo(self.like.dtype).max)
        inputs = [*self.currents.values(), *(schedule.inputs.values() if schedule is not None else ())]
        self.inputs = inputs
        stops = np.unique([t for one in inputs for t in (*one.jumps, *one.corners)] or [math.inf])
        self.stops = stops[(stops > t0) & (stops < t1)]
        jumps = np.unique([t for one in inputs for t in one.jumps] or [math.inf])
        self.jumps = jumps[(jumps > t0) & (jumps <= t1)]
        self.rest = max((one.rest for one in inputs), default=-math.inf)
        moving = [one for one in inputs if not one.stepwise]
        self.restless = max((one.rest for one in moving), default=-math.inf)  # until then something changes all along
        self.changes = NUMBERS if schedule is not None else CURRENTS
        self._found: dict[Any, Any] = {}  # what follows from parts of the network that stay
        self._last: tuple[Any, Flow] | None = None

    def shapes(self) -> list[tuple[int, ...]]:
        """The batch axes of the currents at t0."""
        return [one.at(self.t0).shape[:-1] for one in self.currents.values()]

    def over(self, batch: tuple[int, ...]) -> Drive:
        """The same for a batch with other axes."""
        return Drive(self.base, self.currents, self.schedule, self.t0, self.t1, batch)

    # --------------------------------------------------------------------------------------------------- networks

    def network(self, t: Any, left: Any = False, rows: np.ndarray | None = None) -> Network:
        """The network at a time, or at times (R,) of the samples in `rows` (-1: of none).

        At a jump it is what begins there, or what ends there where `left`. Scheduled numbers need one time.
        """
        base = self.base
        if self.schedule is not None:
            times = np.unique(t)
            if times.size > 1:
                raise ValueError("Scheduled numbers are those of one time, and these samples stand at several.")
            base = self.schedule.network(float(times[0]), bool(np.any(left)))
        if not self.currents:
            return base
        populations = dict(base.populations)
        for name, one in self.currents.items():
            p = populations[name]
            bias = self.current(name, one, p.size, t, left, rows)
            if p.bias is not None:
                bias = p.bias + bias
            populations[name] = copied(p, bias=bias)
        return copied(base, populations=populations)

    def current(self, name: str, one: Input, size: int, t: Any, left: Any, rows: np.ndarray | None) -> Array:
        """A current at a time (n,), or (R, n) at times or of several samples, as the network has its arrays."""
        return backend.asarray(np.array(self.told(name, one, size, t, left, rows)), self.like)

    def told(self, name: str, one: Input, size: int, t: Any, left: Any, rows: np.ndarray | None) -> np.ndarray:
        """The same on the host, in float64."""
        times = np.atleast_1d(np.asarray(t, dtype=float))
        sides = np.broadcast_to(np.asarray(left), times.shape)
        values = asked(f"The current of {name!r}", one, times, sides)  # (1 or R, ...)
        shape = values.shape[1:]
        if shape not in ((), (size,)) and (not shape or shape[-1] != size):
            raise ValueError(
                f"The current of {name!r} has shape {shape}: it is one number, of shape ({size},) by neuron, or "
                f"(..., {size}) with the batch axes of the cues."
            )
        if not np.isfinite(values).all():
            raise ValueError(f"The current of {name!r} is not finite at t={times[0]:g}.")
        if np.abs(values).max(initial=0.0) > self.most:
            raise ValueError(
                f"The current of {name!r} is {np.abs(values).max():.3g} at t={times[0]:g}, which the network's "
                f"{backend.dtype_name(self.like)} does not hold: scale it, or compute in a wider type."
            )
        if len(shape) < 2:
            whole = np.broadcast_to(values.reshape(len(values), -1), (len(values), size))
            whole = whole[0] if np.ndim(t) == 0 else whole
        else:
            try:
                whole = np.broadcast_to(values, (len(values), *self.batch, size)).reshape(len(values), -1, size)
            except ValueError:
                raise ValueError(
                    f"The current of {name!r} has the batch axes {shape[:-1]}, and the cues have {self.batch}: they "
                    "must broadcast."
                ) from None
            rows = np.arange(whole.shape[1]) if rows is None else np.maximum(rows, 0)
            whole = whole[0][rows] if len(whole) == 1 else whole[np.arange(len(rows)), rows]
        return whole

    def flow(self, t: Any, clamp: Mapping[str, Array], left: Any = False, rows: np.ndarray | None = None) -> Flow:
        """The flow at a time."""
        return self._bound(self.network(t, left, rows), clamp)

    def flows(
        self, t: np.ndarray, left: np.ndarray, rows: np.ndarray, clamp: Mapping[str, Array]
    ) -> Iterator[tuple[np.ndarray, Flow]]:
        """The flows of states that stand at several times (R,), with the places of those that each is for.

        >>> from hopfield.dynamics import Population, Pulse, Quadratic
        >>> drive = Drive(Network({"x": Population(Quadratic(), 1)}), {"x": Pulse(1.0, 2.0, 3.0)}, None, 0.0, 5.0)
        >>> times, none = np.array([0.5, 1.5]), np.zeros(2, dtype=int)
        >>> [flow.populations["x"].bias.ravel() for _, flow in drive.flows(times, none > 0, none, {})]
        [array([0., 3.])]
        """
        if self.schedule is None:
            yield np.arange(t.size), self.flow(t, clamp, left, rows)
            return
        for time, side in sorted(set(zip(t.tolist(), left.tolist(), strict=True))):
            where = np.flatnonzero((t == time) & (left == side))
            part = {n: backend.namespace(m).take(m, backend.asarray(where, m), axis=0) for n, m in clamp.items()}
            yield where, self.flow(time, part, side, rows[where])

    def _bound(self, network: Network, clamp: Mapping[str, Array], **stages: Any) -> Flow:
        flow = Flow(network, dict(clamp), **stages)
        if self.schedule is None:
            flow.__dict__["_found"] = self._found
        return flow

    # ------------------------------------------------------------------------------------------------------- steps

    def constant(self, begin: Any, end: Any) -> bool:
        """Whether nothing changes from the times `begin` to the times `end`, jumps on these left out."""
        begin, end = np.asarray(begin), np.asarray(end)
        if (begin < self.restless).any():
            return False
        return bool((self.stops.searchsorted(begin, "right") == self.stops.searchsorted(end, "left")).all())

    def over_step(
        self,
        nodes: tuple[float, ...],
        begin: Any,
        end: Any,
        clamp: Mapping[str, Array],
        rows: np.ndarray | None = None,
    ) -> tuple[Flow, str]:
        """The flow of a step, and what changes over it: nothing, ``"currents"`` or ``"numbers"``.

        Where something does, `Flow.when` gives it at the `nodes` of the method, at both ends and in the middle.
        """
        if self.constant(begin, end):
            place = self.stops.searchsorted(begin, "right")
            key = (np.asarray(place).tobytes(), None if rows is None else rows.tobytes())
            if self._last is None or self._last[0] != key:
                self._last = key, self.flow(begin, {}, False, rows)
            return self._last[1].bound(clamp), ""
        looked = tuple(sorted({*nodes, 0.0, 1.0, *((0.5,) if len(nodes) > 1 else ())}))
        stages = []
        for part in looked:
            t = begin if part == 0 else end if part == 1 else begin + part * (end - begin)
            stages.append(self._bound(self.network(t, part == 1, rows), {}))
        first = stages[looked.index(next(iter(nodes)))]
        return self._bound(first.network, clamp, stages=tuple(stages), nodes=looked), self.changes


class Forgotten:
    """What stands for a drive where a file told of none, since it may hold functions: it refuses to be asked.

    >>> try:
    ...     Forgotten().network(0.0)
    ... except ValueError as error:
    ...     print(error)
    Inputs changed in this run, and its file does not hold what they were: ...
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ValueError(
            "Inputs changed in this run, and its file does not hold what they were: functions of time do not travel. "
            "Its states, energies, work and dissipation are there; for more, simulate it again."
        )


class Stretch:
    """A drive between two times, told from the first of them: for solvers that ask at times of their own.

    >>> from hopfield.dynamics import Population, Pulse, Quadratic
    >>> drive = Drive(Network({"x": Population(Quadratic(), 1)}), {"x": Pulse(1.0, 2.0, 3.0)}, None, 0.0, 5.0)
    >>> Stretch(drive, 1.0, 2.0).network(1.0).populations["x"].bias
    array([3.])
    """

    def __init__(self, drive: Drive, begin: float, end: float) -> None:
        self.drive, self.begin, self.end = drive, begin, end
        self.span = end - begin

    @property
    def constant(self) -> bool:
        """Whether nothing changes on it."""
        return self.drive.constant(self.begin, self.end)

    def clock(self, s: Any) -> tuple[Any, Any]:
        """The times at some parts of it, and whether they are its end, where what is before a jump counts."""
        s = np.asarray(s, dtype=float)
        left = (s >= self.span) | (self.begin + s >= self.end)
        return np.where(left, self.end, np.maximum(self.begin + s, self.begin)), left

    def network(self, s: float, row: int | None = None) -> Network:
        """The network after a time s, of all samples or, without batch axis, of one."""
        t, left = self.clock(s)
        if row is None:
            return self.drive.network(float(t), bool(left))
        return of_sample(self.drive.network(float(t), bool(left), np.asarray([row])), 0)


def of_sample(network: Network, k: int) -> Network:
    """The network of one sample, where the currents of samples differ.

    >>> from hopfield.dynamics import Population, Quadratic
    >>> one = Network({"x": Population(Quadratic(), 1)})
    >>> of_sample(one, 3) is one
    True
    """
    wide = {n: p for n, p in network.populations.items() if getattr(p.bias, "ndim", 0) > 1}
    if not wide:
        return network
    alone = {n: copied(p, bias=p.bias[k]) for n, p in wide.items()}
    return copied(network, populations={**network.populations, **alone})


def driven(network: Network, current: Any, plan: Schedule | None, t0: float, t1: float) -> Drive | None:
    """The drive of a run from what its user gave; None where nothing was given.

    >>> from hopfield.dynamics import Population, Quadratic
    >>> one = Network({"x": Population(Quadratic(), 2)})
    >>> driven(one, [1.0, 2.0], None, 0.0, 1.0).network(0.5).populations["x"].bias
    array([1., 2.])
    """
    if current is None and plan is None:
        return None
    if current is None:
        currents = {}
    elif isinstance(current, Mapping):
        currents = dict(current)
    else:
        currents = {next(iter(network.populations)): current}
    found = {}
    for name, value in currents.items():
        if not isinstance(name, str) or name not in network.populations:
            raise unknown_name("population to drive", name, network.populations)
        found[name] = one = as_input(f"The current of {name!r}", value)
        if wrong := one.covers(t0, t1):
            raise ValueError(f"The current of {name!r} {wrong}.")
    drive = Drive(network, found, plan, t0, t1)
    for name, one in found.items():  # at some times already, and not after hours
        size = network.populations[name].size
        for t in sorted({t0, t1, (t0 + t1) / 2}):
            value = asked(f"The current of {name!r}", one, np.asarray([t]), np.asarray([False]))[0]
            if value.ndim and value.shape[-1] != size:
                raise ValueError(
                    f"The current of {name!r} has shape {value.shape}: it is one number, of shape ({size},) by neuron, "
                    f"or (..., {size}) with the batch axes of the cues."
                )
    return drive
