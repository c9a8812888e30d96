"""Memories whose neurons are +-1: what they share, whatever their energy."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import affordable, choice, generator, number, quiet, vector, whole
from .._domain import Domain, snapped
from .._model import Model
from .._precision import own_precision
from .._renamed import renamed, without
from ..family import filled_query, held_flag
from ._flips import Held, Run, Spins, asynchronous, begin, orders, sweep, synchronous

MODES = ("asynchronous", "synchronous")
ORDERS = ("random", "cyclic")
EDGE = 0.99
MOST_SWEEPS = 10**7  # each goes through all neurons in Python
CUBE = Domain(-1.0, 1.0, -1.0, 1.0, why="the range of the neurons", cure="Scale it first.")  # of graded neurons


class BinaryRetrieval(NamedTuple):
    """What the dynamics of +-1 neurons lead to; every field has the batch axes of the query.

    The first seven fields are those of `Retrieval`.

    Attributes
    ----------
    state : array (..., I)
        The last state.
    steps : int array (...)
        Sweeps over the sites (asynchronous) or updates (synchronous) that were needed.
    converged : bool array (...)
        Whether no site would flip any more. A cycle is not converged, nor is a run at a temperature.
    residual : array (...)
        sqrt of the fraction of sites that would flip now: rms of the next move over 1 + rms of the state.
    energy : array (...)
        The energy of the state.
    pattern : int array (...)
        The row of the stored pattern nearest to the state.
    output : array (..., O) or None
        What the state recalls in a heteroassociative memory.
    cycle : bool array (...)
        Whether synchronous updates go round and round: back and forth between two states, or through more of them
        where the couplings are not symmetric.
    flips : int array (...)
        Flips from the query to the state.
    verdict : str array (...)
        ``"fixed point"``, ``"2-cycle"``, ``"4-cycle"`` (or another length: so many updates lead back to the state),
        ``"not settled"`` (neither within the sweeps that were allowed) or ``"sampled"``.
    energies : array (T + 1, ...)
        The energy of the query and after every sweep or update.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ClassicalHopfield
    >>> memory = ClassicalHopfield(np.array([[1.0, 1.0, -1.0, -1.0]]))
    >>> answer = memory.retrieve(np.array([1.0, -1.0, -1.0, -1.0]))
    >>> answer.state, bool(answer.converged), str(answer.verdict)
    (array([ 1.,  1., -1., -1.]), True, 'fixed point')
    """

    state: Array
    steps: np.ndarray
    converged: np.ndarray
    residual: np.ndarray
    energy: Array
    pattern: np.ndarray
    output: Array | None
    cycle: np.ndarray
    flips: np.ndarray
    verdict: np.ndarray
    energies: np.ndarray


class GlauberRun(NamedTuple):
    """A run at a temperature: the last states, and records at t = 0, every, 2 every, ... sweeps.

    Attributes
    ----------
    state : array (..., I)
        The states after the last sweep.
    times : array (T,)
        Sweeps done at each record.
    energy : array (T, ...)
        E(s).
    magnetisation : array (T, ...)
        The mean of the neurons.
    overlaps : array (T, ..., N)
        xi . s/I for each stored pattern.
    flips : int array (...)
        Flips of each sample.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ClassicalHopfield
    >>> memory = ClassicalHopfield(np.ones((1, 100)))
    >>> run = memory.glauber(np.ones(100), temperature=0.5, sweeps=200, seed=1)
    >>> round(float(run.overlaps[100:].mean()), 2)  # the mean field m = tanh(m/T) has 0.96
    0.96
    """

    state: Array
    times: np.ndarray
    energy: np.ndarray
    magnetisation: np.ndarray
    overlaps: np.ndarray
    flips: np.ndarray


@own_precision("retrieve", "glauber", wide=("energy", "energy_change", "stability"))
class BinaryMemory(Model):
    """Retrieval and thermal dynamics of +-1 neurons, from the `spins` of a memory.

    s_i <- sign(u_i) flips a neuron against its field u_i; a field of 0 (up to the rounding of its sum) keeps the
    state. All samples of a batch are visited together, in one order for all, so that a batch and its queries one
    by one give the same answers.
    """

    memories: Array
    binary: ClassVar[bool] = True

    @property
    @abstractmethod
    def spins(self) -> Spins:
        """The costs of flips."""

    @abstractmethod
    def looked_up(self, query: Array, known: Array) -> Array:
        """States of +-1 (..., I) after a look-up by the known neurons alone; the query is +1 elsewhere."""

    @renamed(state="query")
    @quiet
    def energy(self, query: Any) -> Array:
        """E(s) of +-1 states (..., I), shape (...): the energy of the neurons that `retrieve` moves."""
        flat, shape = self._flat("query", query)
        return backend.namespace(flat).reshape(backend.compiled(_energy, flat)(None, self.spins, flat), shape)

    @quiet
    def energy_change(self, state: Any) -> Array:
        """E(with site i flipped) - E(s) for every site i: shape (..., I)."""
        flat, shape = self._flat("state", state)
        found = backend.compiled(_costs, flat)(None, self.spins, flat)
        return backend.namespace(flat).reshape(found, (*shape, flat.shape[-1]))

    @quiet
    def stability(self, state: Any) -> Array:
        """s_i u_i for every site i, shape (..., I): below 0 the sign rule flips it, and at 0 (a tie) it keeps it."""
        flat, shape = self._flat("state", state)
        found = backend.compiled(_margins, flat)(None, self.spins, flat)
        return backend.namespace(flat).reshape(found, (*shape, flat.shape[-1]))

    @without("tol", "neurons flip or do not")
    @quiet
    def retrieve(
        self,
        query: Any,
        max_steps: int = 100,
        *,
        known: Any = None,
        hold: bool = False,
        mode: str = "asynchronous",
        order: str = "random",
        temperature: float = 0.0,
        seed: int = 0,
    ) -> BinaryRetrieval:
        """Update the neurons until none would flip; see `BinaryRetrieval`.

        Parameters
        ----------
        query : array (..., I)
            The cue, of +1 and -1.
        max_steps : int
            The most sweeps (or synchronous updates).
        known : bool array (..., I), optional
            True where the cue is known. The neurons start at what one look-up by these alone gives.
        hold : bool
            Whether the known neurons stay at the cue and only the others flip.
        mode : {"asynchronous", "synchronous"}
            One neuron at a time: the energy falls with every flip, and the end is a fixed point. Or all at once:
            the end can be a cycle, whose length `verdict` says, and which `converged` denies.
        order : {"random", "cyclic"}
            How a sweep visits the neurons: shuffled anew for each sweep, or from the first to the last.
        temperature : number
            Above 0: `max_steps` sweeps of heat-bath flips instead (asynchronous), see `glauber`.
        seed : int
            Of the orders and the noise.
        """
        self._check_mode(mode, order, "max_steps", max_steps)
        backend.refuse_traces("retrieve", self, query)
        max_steps, temperature = whole("max_steps", max_steps, 1), number("temperature", temperature, 0)
        hold = held_flag(hold)
        if known is None:
            if hold:
                raise ValueError("hold=True holds the known neurons: say which ones are known, known=mask.")
            flat, shape = self._flat("query", query)
            spins = self.spins
        else:
            flat, shape, spins = self._known(query, known, hold)
        if temperature > 0:
            if mode != "asynchronous":
                raise ValueError("temperature > 0 needs mode='asynchronous': all flips at once have another law.")
            state, energies, flips, _ = self._heat(spins, flat, temperature, max_steps, 1, order, seed, record=False)
            size = flat.shape[0]
            run = Run(state, np.full(size, max_steps), flips, np.zeros(size, int), energies)
        elif mode == "asynchronous":
            run = asynchronous(spins, flat, order, max_steps, seed)
        else:
            run = synchronous(spins, flat, max_steps)
        return self._answer(spins, run, shape, "sampled" if temperature > 0 else "not settled")

    @quiet
    def glauber(
        self,
        query: Any,
        temperature: float,
        *,
        sweeps: int = 100,
        every: int = 1,
        order: str = "random",
        seed: int = 0,
    ) -> GlauberRun:
        """Glauber's dynamics: heat-bath flips at temperature T, whose stationary law is exp(-E(s)/T)/Z.

        Each visit sets s_i = +1 with probability 1/(1 + exp(-(E(s_i = -1) - E(s_i = +1))/T)), whatever it was.
        In that difference a diagonal of W cancels. The samples of a batch are independent chains; their noise
        depends on the size of the batch, and is the same on every backend.

        Parameters
        ----------
        query : array (..., I)
            Where the chains start.
        temperature : number
            T > 0, in units of the energy.
        sweeps, every : int
            Sweeps over the neurons, and how many of them lie between records.
        order : {"random", "cyclic"}
            As for `retrieve`.
        seed : int
            Of orders and noise.

        References
        ----------
        Glauber 1963, J. Math. Phys. 4:294, doi:10.1063/1.1703954.
        """
        self._check_mode("asynchronous", order, "sweeps", sweeps)
        sweeps, every = whole("sweeps", sweeps, 1), whole("every", every, 1)
        if every > sweeps:
            raise ValueError(f"every must be a whole number from 1 to sweeps={sweeps}, got {every!r}.")
        temperature = number("temperature", temperature, above=0)
        backend.refuse_traces("glauber", self, query)
        flat, shape = self._flat("query", query)
        records = sweeps // every * flat.shape[0]
        affordable(f"{records} records", 16.0 * records * (2 + self.memories.shape[0]), "Record fewer: every=...")
        state, energy, flips, means = self._heat(self.spins, flat, temperature, sweeps, every, order, seed, record=True)
        overlaps = np.stack([m[1] for m in means])
        return GlauberRun(
            backend.namespace(state).reshape(state, (*shape, state.shape[-1])),
            np.arange(0, sweeps + 1, every),
            energy.reshape(len(energy), *shape),
            np.stack([m[0] for m in means]).reshape(len(means), *shape),
            overlaps.reshape(len(means), *shape, overlaps.shape[-1]),
            flips.reshape(shape),
        )

    # --------------------------------------------------------------------------------------------- helpers

    def check_binary(self, name: str, value: Any) -> Array:
        """An array (..., I) of +1 and -1, of the patterns' library, dtype and device."""
        rows, width = self.memories.shape
        value = vector(name, value, width, self.memories, f"{rows} patterns of {width} values are stored")
        return signs(name, snapped(value, -1.0, 1.0))

    def _flat(self, name: str, value: Any) -> tuple[Array, tuple[int, ...]]:
        value = self.check_binary(name, value)
        shape = tuple(value.shape[:-1])
        return backend.namespace(value).reshape(value, (-1, value.shape[-1])), shape

    def _output(self, state: Array) -> Array | None:
        return None

    def _check_mode(self, mode: str, order: str, name: str, sweeps: Any) -> None:
        choice("mode", mode, MODES)
        choice("order", order, ORDERS)
        whole(name, sweeps, 1, MOST_SWEEPS)

    def _heat(
        self,
        spins: Spins,
        state: Array,
        temperature: float,
        sweeps: int,
        every: int,
        order: str,
        seed: Any,
        record: bool,
    ) -> tuple[Array, np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        rng = generator(seed)
        size, width = state.shape
        now = begin(spins, state)
        flips, energies, means = np.zeros(size, int), [], []
        for done in range(sweeps + 1):
            if done:
                sites, noise = orders(width, order, rng), rng.random((width, size))
                now = sweep(spins, now.state, now.cache, sites, noise, temperature)
                flips += now.flips
            if done % every == 0:
                state = now.state
                energies.append(now.energy)
                if record:
                    overlaps = backend.to_numpy(state @ self.memories.T) / width
                    means.append((backend.to_numpy(state).mean(axis=-1), overlaps))
        return now.state, np.stack(energies), flips, means

    def _known(self, query: Any, known: Any, hold: bool) -> tuple[Array, tuple[int, ...], Spins]:
        """States (B, I) after a look-up by what is known, the batch axes, and the spins that may flip."""
        width = self.memories.shape[1]

        def check(query: Any) -> Array:
            return self.check_binary("query", query)

        query, mask = filled_query(query, known, 1.0, self.memories, width, check)
        xp, found = backend.namespace(query), self.looked_up(query, mask)
        flat = xp.reshape(xp.where(mask, query, found) if hold else found, (-1, width))
        spins = Held(self.spins, xp.reshape(mask, (-1, width))) if hold else self.spins
        return flat, tuple(query.shape[:-1]), spins

    def _answer(self, spins: Spins, run: Run, shape: tuple[int, ...], otherwise: str) -> BinaryRetrieval:
        xp = backend.namespace(run.state)
        margins, energy = backend.compiled(_ending, run.state)(None, spins, run.state)
        residual = np.sqrt((backend.to_numpy(margins) < 0).mean(axis=-1))
        words = {0: otherwise, 1: "fixed point"}
        verdict = np.array([words.get(length, f"{length}-cycle") for length in run.cycle.tolist()], dtype=str)
        state = xp.reshape(run.state, (*shape, run.state.shape[-1]))
        pattern = backend.to_numpy(xp.argmax(state @ self.memories.T, axis=-1))
        return BinaryRetrieval(
            state=state,
            steps=run.steps.reshape(shape),
            converged=(run.cycle == 1).reshape(shape),
            residual=residual.reshape(shape),
            energy=xp.reshape(energy, shape),
            pattern=pattern,
            output=self._output(state),
            cycle=(run.cycle > 1).reshape(shape),
            flips=run.flips.reshape(shape),
            verdict=verdict.reshape(shape),
            energies=run.energies.reshape(len(run.energies), *shape),
        )


def signs(name: str, value: Array) -> Array:
    """Refuse all but +1 and -1, and say how to convert."""
    if backend.holds(lambda x: backend.namespace(x).abs(x) == 1, value):
        return value
    host = backend.to_numpy(value)
    bad = np.abs(host) != 1
    where = tuple(int(k) for k in np.argwhere(bad)[0])
    if np.isin(host, (0, 1)).all():
        cure = f"They are 0 and 1 here: write 2 * {name} - 1."
    else:
        cure = f"Threshold them, such as numpy.where({name} > {name}.mean(), 1.0, -1.0), or use ModernHopfield."
    raise ValueError(
        f"{name} must hold +1 and -1 only, for neurons that have two states; {int(bad.sum())} of {host.size} values "
        f"are something else, the first {host[where]:g} at index {where}. {cure}"
    )


def inside(query: Array) -> Array:
    """A cue for graded neurons g = tanh(beta x): +-1, which no finite state reaches, becomes +-0.99."""
    return backend.namespace(query).clip(query, -EDGE, EDGE)


def _ending(_: None, spins: Spins, state: Array) -> tuple[Array, Array]:
    cache = spins.cache(state)
    return spins.margins(state, cache), spins.energy(state, cache)


def _energy(_: None, spins: Spins, state: Array) -> Array:
    return spins.energy(state, spins.cache(state))


def _costs(_: None, spins: Spins, state: Array) -> Array:
    return spins.costs(state, spins.cache(state))


def _margins(_: None, spins: Spins, state: Array) -> Array:
    return spins.margins(state, spins.cache(state))
