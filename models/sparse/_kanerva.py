"""Kanerva's sparse distributed memory: hard locations, counters, and reading that is iterated."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, ClassVar, Self

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, host_type, rms, shown, static, structure
from ...dynamics.doors import affordable, choice, flag, generator, matrix, number, scalar, vector, whole
from ...dynamics.lagrangians import Threshold, TopK
from .._checks import coded
from .._domain import snapped
from .._model import Model
from .._precision import narrowed, own_precision
from .._renamed import renamed
from .._renamed import without as lacking
from ..circles import radius_of
from ..family import Retrieval, UniversalHopfield, verdicts
from ._conditions import looks_at, within
from ._forgetting import Forgetting

DESIGNS = ("radius", "top_k", "selected")
CODINGS = {"bipolar": -1.0, "binary": 0.0}
TIES = ("keep", "up", "down")


class NoNetwork(TypeError, AttributeError):
    """Of a memory without dynamics; to `hasattr` it has no network."""


@structure
@backend.uncast_methods("write")
@own_precision("activated", "sums", "read", "recall", "retrieve", wide=("nearest",))
class SparseDistributedMemory(Forgetting, Model):
    r"""z = sign(C^T y(q)), y_h = 1 where location h is active: H locations L with counters C.

    Writing a datum at an address adds it, bit by bit as +-1, to the counters of all active locations, C = sum y(a)
    d^T; reading sums the counters of the active locations and takes the sign. With bits coded as +-1 a location
    sees its overlap L_h . q with the address, and is active

        design "radius"     where the Hamming distance (n - L_h . q)/2 <= radius (Kanerva),
        design "top_k"      if its overlap is among the k largest (the first locations at ties),
        design "selected"   where all k coordinates that it looks at agree (Jaeckel): L_h . q = k, L_h = 0 elsewhere.

    A memory is frozen: `write` returns a new one. There is no energy, so no `network`: what iterated reading does
    is counted, not proved. `signal_to_noise` and `critical_distance` of `hopfield.models.circles` say how many data
    a memory holds and how far off a cue may be.

    Parameters
    ----------
    locations : array (H, n)
        Addresses of the hard locations, of +-1 (and 0 for the coordinates that the design "selected" ignores).
        `random` draws them.
    counters : array (H, m), optional
        What was written so far; zeros of width n unless given.
    design : {"radius", "top_k", "selected"}
        Which locations an address activates.
    radius : int
        Of the design "radius"; the circle includes its rim.
    k : int
        How many locations (top_k), or how many coordinates of each location (selected).
    coding : {"bipolar", "binary"}
        Whether addresses and data are of +-1, or of 0 and 1.
    ties : {"keep", "up", "down"}
        What a bit becomes whose sum is 0 (of a location that is not there too): the bit of the cue, which needs
        m = n, or 1, or the other value. Unless given "keep" where m = n, else "up".
    written : array (N, m), optional
        The data written, kept only so that `retrieve` can name the nearest; ``write(..., record=False)`` does
        not keep them.

    References
    ----------
    Kanerva 1988, *Sparse Distributed Memory*, MIT Press. Jaeckel 1989, RIACS TR 89.28 (selected coordinates).

    Examples
    --------
    >>> import numpy as np
    >>> patterns = np.random.default_rng(0).choice([-1.0, 1.0], size=(20, 128))
    >>> memory = SparseDistributedMemory.random(2000, 128, fraction=0.02, seed=1).write(patterns)
    >>> cue = patterns[3].copy()
    >>> cue[:8] *= -1
    >>> answer = memory.retrieve(cue)
    >>> bool((answer.state == patterns[3]).all()), int(answer.pattern), bool(answer.converged)
    (True, 3, True)
    """

    locations: Array
    counters: Any = None
    _: KW_ONLY
    design: str = static(default="radius")
    radius: int = static(default=0)
    k: int = static(default=1)
    coding: str = static(default="bipolar")
    ties: str | None = static(default=None)
    written: Any = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name, known in (("design", DESIGNS), ("coding", tuple(CODINGS))):
            put(self, name, choice(name, getattr(self, name), known))
        put(self, "locations", matrix("locations", self.locations))
        size, width = self.locations.shape
        like = backend.full((size, width), 0.0, self.locations)
        counters = matrix("counters", like if self.counters is None else self.counters, self.locations)
        if counters.shape[0] != size:
            raise ValueError(f"counters has {counters.shape[0]} rows but there are {size} locations.")
        put(self, "counters", counters)
        if self.written is not None:
            written = matrix("written", self.written, self.locations)
            if written.shape[1] != counters.shape[1]:
                raise ValueError(f"written has {written.shape[1]} bits in a row but data are of {counters.shape[1]}.")
            put(self, "written", coded("written", written, CODINGS[self.coding]))
        put(self, "radius", whole("radius", self.radius, 0))
        if self.radius > width:
            raise ValueError(f"radius={self.radius} is more than the {width} bits in which addresses can differ.")
        put(self, "k", whole("k", self.k, 1))
        put(self, "ties", ("keep" if self._square else "up") if self.ties is None else self.ties)
        put(self, "ties", choice("rule for ties", self.ties, TIES))
        if self.ties == "keep" and not self._square:
            raise ValueError(f"ties='keep' needs data as wide as addresses; here {self.width} bits recall {self._out}.")
        if not backend.holds(lambda x: (x == 1) | (x == -1) | (x == 0), self.locations):
            raise ValueError("locations must be of +-1 (0: a coordinate not looked at); draw them with `random`.")
        if self.design == "selected" and not backend.holds(looks_at(self.k), self.locations):
            raise ValueError(f"With design='selected' every location looks at k={self.k} coordinates; the rest are 0.")
        if self.design != "selected" and not backend.holds(lambda x: x != 0, self.locations):
            raise ValueError(f"With design={self.design!r} every coordinate of a location is +-1; 0 is for 'selected'.")
        if self.design == "top_k" and self.k > size:
            raise ValueError(f"k={self.k} locations cannot be the nearest of {size}.")

    @classmethod
    def random(
        cls,
        n_locations: int,
        dimension: int,
        *,
        data_width: int | None = None,
        design: str = "radius",
        radius: int | None = None,
        fraction: float = 0.01,
        k: int | None = None,
        coding: str = "bipolar",
        ties: str | None = None,
        seed: int = 0,
        dtype: Any = "float64",
    ) -> Self:
        """An empty memory of `n_locations` random locations, to write to.

        Parameters
        ----------
        n_locations : int
            How many locations H there are.
        dimension, data_width : int
            The length of an address, and of what is stored (the same, if not said).
        design, radius, k, coding, ties : see `SparseDistributedMemory`
            As for the class.
        fraction : float
            The part of the locations that an address activates. It gives the radius or k unless these are given: the
            largest radius whose circle holds no more, k = fraction H (top_k), or k = log2(1/fraction) (selected),
            rounded.
        seed : int
            Of the locations.
        dtype : str
            Of locations and counters: float32 or float64.

        Examples
        --------
        >>> SparseDistributedMemory.random(1000, 256, design="selected", fraction=1 / 128, seed=0).k
        7
        """
        size, width = whole("n_locations", n_locations, 1), whole("dimension", dimension, 1)
        fraction = number("fraction", fraction, above=0)
        if fraction > 1:
            raise ValueError(f"fraction is a part of the locations, 0 < fraction <= 1, got {fraction!r}.")
        rng, dtype = generator(seed), host_type(dtype)
        design = choice("design", design, DESIGNS)
        out = width if data_width is None else whole("data_width", data_width, 1)
        affordable(f"{size} locations of {width} bits", 16.0 * size * (width + out), "Ask for fewer, or fewer bits.")
        signs = rng.choice(np.array([-1.0, 1.0], dtype=dtype), size=(size, width))
        if radius is None:
            radius = radius_of(width, fraction) if design == "radius" else 0
        if k is None:
            usual = {"top_k": fraction * size, "selected": -np.log2(fraction)}
            k = max(round(usual.get(design, 1)), 1)
        k = whole("k", k, 1)
        if design == "selected":
            if k > width:
                raise ValueError(f"A location cannot look at k={k} of {width} coordinates.")
            order = rng.permuted(np.tile(np.arange(width), (size, 1)), axis=1)
            signs = np.where(order < k, signs, 0).astype(dtype)
        counters = np.zeros((size, out), dtype=dtype)
        return cls(signs, counters, design=design, radius=radius, k=k, coding=coding, ties=ties)

    # ----------------------------------------------------------------------------------------- read and write

    binary: ClassVar[bool] = True

    @property
    def memories(self) -> Any:
        """The data that were written and recorded, shape (N, m), or None."""
        return self.written

    @property
    def network(self) -> Any:
        """None: reading has no energy and no dynamics in time, which the error says."""
        raise NoNetwork(
            "SparseDistributedMemory has no dynamics in time and no energy: `read` applies it once, and `retrieve` "
            "until nothing changes. ContinuousSDM.from_radius(radius, addresses, patterns) weighs its patterns alike "
            "and can be simulated and analysed: its fixed points, basins and barriers."
        )

    def start(self, query: Any, memory_state: Any = None) -> dict[str, Array]:
        """No states: there is no network, which the error says."""
        return self.network

    @property
    def width(self) -> int:
        """n, the number of bits of an address."""
        return self.locations.shape[1]

    @property
    def like(self) -> Array:
        """The locations."""
        return self.locations

    def activated(self, address: Any) -> Array:
        """Which locations an address activates: 1 or 0, shape (..., H)."""
        return self._active(self.check_query(address))

    def write(self, addresses: Any, data: Any = None, *, times: float = 1.0, record: bool = True) -> Self:
        """The memory after data (..., m) were written at addresses (..., n); data = addresses unless given.

        All are added in one pass, and the order does not matter. ``times=-1`` takes back what was written;
        `record` says whether the data are kept for naming what is retrieved (never with times < 0, which leaves
        what was recorded as it is).
        """
        given = scalar("times", times)
        if not abs(given) < 1e300 or given == 0:
            raise ValueError(f"times is how often to write, a number other than 0, got {shown(times)}.")
        times = float(given)
        addresses = self.check_query(addresses, "addresses")
        if data is None and not self._square:
            raise ValueError(f"Addresses have {self.width} bits and data {self._out}: say what to write, data=... .")
        data = addresses if data is None else self._bits("data", data, self._out)
        if data.shape[:-1] != addresses.shape[:-1]:
            raise ValueError(
                f"addresses {tuple(addresses.shape)} and data {tuple(data.shape)} must have the same leading axes: "
                "one datum for each address."
            )
        xp = backend.namespace(addresses)
        rows = xp.reshape(data, (-1, self._out))
        if 0 in rows.shape:
            return self
        if abs(times) > (most := 2 / backend.epsilon(self.counters)):
            raise ValueError(f"times={times:g} is more than counters of {self.counters.dtype} count, {most:g}.")
        changes = {"counters": self._counted(xp.reshape(addresses, (-1, self.width)), rows, times)}
        if flag("record", record) and times > 0:
            changes["written"] = rows if self.written is None else xp.concat([self.written, rows], axis=0)
        return self._replaced(**changes)

    def sums(self, address: Any) -> Array:
        """The counters of the active locations, summed: shape (..., m)."""
        return self.activated(address) @ self.counters

    def read(self, address: Any) -> Array:
        """The bits read at an address (..., n), shape (..., m): the sign of `sums`, ties by the rule for them."""
        address = self.check_query(address)
        return self._read(self._active(address) @ self.counters, address)

    @renamed(address="query")
    def recall(self, query: Any) -> Array:
        """What `read` reads at a query, by the name that every model has."""
        return self.read(query)

    @lacking("tol", "bits change or do not")
    def retrieve(self, query: Any, max_steps: int = 100) -> Retrieval:
        """Read again at what was read, until nothing changes (data as wide as addresses).

        A cue that comes back to a state that it had before, without resting, is in a cycle: it is not converged.
        The fields are those of `Retrieval`; there is no energy (NaN), and `pattern` is the nearest row of
        `written` (-1 without).
        """
        if not self._square:
            raise ValueError(f"Data have {self._out} bits and addresses {self.width}: what is read is no address.")
        whole("max_steps", max_steps, 1)
        backend.refuse_traces("retrieve", self, query)
        state = self.check_query(query)
        xp = backend.namespace(state)
        steps = np.zeros(state.shape[:-1], dtype=int)
        for _ in range(max_steps):
            following = self._read(self._active(state) @ self.counters, state)
            moved = backend.to_numpy(xp.any(following != state, axis=-1))
            if not moved.any():
                break
            steps = steps + moved
            state = following
        following = self._read(self._active(state) @ self.counters, state)
        residual = backend.to_numpy(rms(following - state) / (1 + rms(state)))
        return Retrieval(
            state=state,
            steps=steps,
            converged=residual == 0,
            residual=residual,
            energy=xp.sum(state, axis=-1) * float("nan"),
            pattern=self.nearest(state),
            verdict=verdicts(residual == 0),
        )

    def nearest(self, state: Array) -> np.ndarray:
        """The row of `written` at the least Hamming distance, -1 where nothing was recorded."""
        state = self._bits("state", state, self._out)
        if self.written is None:
            return np.full(state.shape[:-1], -1)
        scores = self._signs(state) @ self._signs(self.written).T
        return backend.to_numpy(backend.namespace(state).argmax(scores, axis=-1))

    def similar(self, state: Any) -> Any:
        """The same as `nearest`."""
        return self.nearest(state)

    # ------------------------------------------------------------------------------------------------- forms

    def universal(self) -> UniversalHopfield:
        """The same sums as z = P^T sep(sim(M, q)): M the locations, P the counters.

        The similarity is the negated Hamming distance and the separation a threshold at -radius, so that the circle
        has its rim, or top-k. Selected coordinates take the dot product and a threshold at k.
        """
        if self.design == "selected":
            return UniversalHopfield(self.locations, "dot", Threshold(float(self.k)), projection=self.counters)
        separation: Any = TopK(self.k) if self.design == "top_k" else Threshold(float(-self.radius))
        return UniversalHopfield(self.locations, "hamming", separation, projection=self.counters)

    def check_query(self, query: Any, name: str = "query") -> Array:
        """An address (..., n) of bits in this memory's coding, of its library, dtype and device."""
        return self._bits(name, query, self.width)

    def __repr__(self) -> str:
        rule = {
            "radius": f"active where Hamming distance <= {self.radius}",
            "top_k": f"active: the {self.k} nearest",
            "selected": f"active where {self.k} selected coordinates agree",
        }[self.design]
        count = "" if self.written is None else f"{self.written.shape[0]} data recorded; "
        kind = f"{backend.backend_of(self.locations)} {str(self.locations.dtype).rsplit('.', maxsplit=1)[-1]}"
        return (
            f"SparseDistributedMemory({self.locations.shape[0]} locations of {self.width} bits, data of {self._out}; "
            f"z = sign(C^T y(q)), {rule}; {count}coding={self.coding}, ties={self.ties}; {kind})"
        )

    # ----------------------------------------------------------------------------------------------- helpers

    @property
    def _out(self) -> int:
        return self.counters.shape[1]

    @property
    def _square(self) -> bool:
        return self.counters.shape[1] == self.locations.shape[1]

    def _bits(self, name: str, value: Any, size: int) -> Array:
        value = vector(name, value, size, self.locations, f"this memory is of {size} bits there")
        return coded(name, snapped(value, CODINGS[self.coding], 1.0), CODINGS[self.coding])

    def _signs(self, bits: Array) -> Array:
        return bits if self.coding == "bipolar" else 2 * bits - 1

    def _active(self, address: Array) -> Array:
        xp = backend.namespace(address)
        overlap = self._signs(address) @ self.locations.T
        if self.design == "top_k":
            return TopK(self.k).activation(overlap)
        least = self.k if self.design == "selected" else self.width - 2 * self.radius
        return xp.astype(overlap >= least, address.dtype)

    def _counted(self, addresses: Array, data: Array, times: float) -> Array:
        """The counters after data were written, which must be numbers that their type can count up to."""
        old, addresses, data = (backend.widened(x) for x in (self.counters, addresses, data))
        model = self.wide if self.is_half else self
        new = model._active(addresses).T @ model._signs(data)
        new = backend.added(old, new if times == 1 else times * new)
        kind, most = backend.dtype_name(self.counters), 2 / backend.epsilon(self.counters)
        if not backend.holds(lambda c: within(c, most), new):
            raise ValueError(
                f"A counter passes {most:g}, up to which {kind} holds every whole number: build the memory in a wider "
                f'type, memory.to("{backend.backend_of(new)}", dtype="float64").'
            )
        return narrowed(new, self.counters)

    def _read(self, sums: Array, address: Array) -> Array:
        xp = backend.namespace(sums)
        low = CODINGS[self.coding]
        tie = address if self.ties == "keep" else backend.full((), 1.0 if self.ties == "up" else low, sums)
        one, other = backend.full((), 1.0, sums), backend.full((), low, sums)
        return xp.where(sums > 0, one, xp.where(sums < 0, other, tie))
