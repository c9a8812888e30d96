"""Dynamics of +-1 states, one flip or all flips at a time, for any energy that knows what a flip costs.

States are (B, I). The batch moves together: a site is visited in all samples at once, and only samples that
flip there pay for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array, structure
from ...dynamics.doors import generator

Cache = tuple[Array, ...]


class Spins(ABC):
    """What the dynamics ask of a model: the cost of a flip, and what of it can be kept up to date cheaply.

    A margin is s_i u_i, the state times the field that the sign rule reads: s_i flips when it is below 0. A
    margin within the rounding of its sum IS 0, and 0 keeps the state. So every library decides alike.
    """

    @abstractmethod
    def cache(self, state: Array) -> Cache:
        """Arrays (B, ...) from which margins and costs are read, and which a flip updates."""

    @abstractmethod
    def flipped(self, cache: Cache, site: Any, change: Array) -> Cache:
        """The cache after the site changed by change (B,)."""

    @abstractmethod
    def margin(self, s: Array, cache: Cache, site: Any) -> Array:
        """s_i u_i at one site, shape (B,), from the site's states s (B,)."""

    @abstractmethod
    def margins(self, state: Array, cache: Cache) -> Array:
        """s_i u_i at all sites, shape (B, I)."""

    @abstractmethod
    def cost(self, s: Array, cache: Cache, site: Any) -> Array:
        """E(s_i flipped) - E(s) at one site, shape (B,)."""

    @abstractmethod
    def costs(self, state: Array, cache: Cache) -> Array:
        """E(s_i flipped) - E(s) for every site, shape (B, I)."""

    @abstractmethod
    def energy(self, state: Array, cache: Cache) -> Array:
        """E(s), shape (B,)."""

    def swept(
        self, state: Array, cache: Cache, sites: np.ndarray, noise: Array | None, temperature: float, held: Any = None
    ) -> tuple[Array, Cache, np.ndarray] | None:
        """State, cache and flips after a whole `sweep` in one compiled loop; None where there is none for it."""
        return None


@structure
class Held(Spins):
    """Spins of which some are held where they are: no field flips them, at no temperature."""

    spins: Spins = None  # type: ignore[assignment]
    mask: Array = None  # (B, I), True where held

    def cache(self, state: Array) -> Cache:
        """The mask, of which samples take their part, and the cache of the spins."""
        return self.mask, *self.spins.cache(state)

    def flipped(self, cache: Cache, site: Any, change: Array) -> Cache:
        """The mask, and the cache of the spins after the flip."""
        return cache[0], *self.spins.flipped(cache[1:], site, change)

    def margin(self, s: Array, cache: Cache, site: Any) -> Array:
        """1 where held."""
        return _where(cache[0][:, site], 1.0, self.spins.margin(s, cache[1:], site))

    def margins(self, state: Array, cache: Cache) -> Array:
        """1 where held."""
        return _where(cache[0], 1.0, self.spins.margins(state, cache[1:]))

    def cost(self, s: Array, cache: Cache, site: Any) -> Array:
        """Infinite where held."""
        return _where(cache[0][:, site], float("inf"), self.spins.cost(s, cache[1:], site))

    def costs(self, state: Array, cache: Cache) -> Array:
        """Infinite where held."""
        return _where(cache[0], float("inf"), self.spins.costs(state, cache[1:]))

    def energy(self, state: Array, cache: Cache) -> Array:
        """That of the spins."""
        return self.spins.energy(state, cache[1:])

    def swept(
        self, state: Array, cache: Cache, sites: np.ndarray, noise: Array | None, temperature: float, held: Any = None
    ) -> tuple[Array, Cache, np.ndarray] | None:
        """That of the spins, with the mask."""
        found = self.spins.swept(state, cache[1:], sites, noise, temperature, cache[0])
        return None if found is None else (found[0], (cache[0], *found[1]), found[2])


class Run(NamedTuple):
    """Where a batch went: the last states, what it took, the length of the cycle that each is in, and energies.

    A length is 1 at a fixed point and 0 where nothing is known to come back; energies are those after every sweep.
    """

    state: Array
    steps: np.ndarray
    flips: np.ndarray
    cycle: np.ndarray
    energies: np.ndarray


class Sweep(NamedTuple):
    """States and their cache after a sweep, what it flipped, which samples would flip again, and the energy."""

    state: Array
    cache: Cache
    flips: np.ndarray
    unsettled: np.ndarray
    energy: np.ndarray


def orders(size: int, order: str, rng: np.random.Generator) -> np.ndarray:
    """The sites in the order of one sweep: ``"cyclic"`` from the first to the last, ``"random"`` shuffled."""
    return rng.permutation(size) if order == "random" else np.arange(size)


def asynchronous(spins: Spins, state: Array, order: str, most: int, seed: int) -> Run:
    """Sweeps over the sites, s_i <- sign(u_i) one at a time, until a whole sweep has nothing to flip."""
    rng = generator(seed)
    size, width = state.shape
    narrow = backend.backend_of(state) != "jax"  # there a new batch size is a new program
    now = begin(spins, backend.namespace(state).asarray(state, copy=True))
    state, cache, unsettled, energy = now.state, now.cache, now.unsettled, now.energy
    steps, flips, energies = np.zeros(size, int), np.zeros(size, int), [energy]
    for _ in range(most):
        if not unsettled.any():
            break
        rows = np.flatnonzero(unsettled) if narrow else np.arange(size)
        some = rows.size < size
        part = (_take(state, rows), *(_take(c, rows) for c in cache)) if some else (state, *cache)
        now = sweep(spins, part[0], part[1:], orders(width, order, rng))
        steps[rows] += unsettled[rows]
        flips[rows] += now.flips
        state = _put(state, rows, now.state) if some else now.state
        cache = tuple(_put(c, rows, h) for c, h in zip(cache, now.cache, strict=True)) if some else now.cache
        unsettled[rows], energy = now.unsettled, energy.copy()
        energy[rows] = now.energy
        energies.append(energy)
    return Run(state, steps, flips, (~unsettled).astype(int), np.stack(energies))


def synchronous(spins: Spins, state: Array, most: int) -> Run:
    """All sites at once, s <- sign(u(s)), until nothing flips or a state is back that was there before.

    Symmetric couplings without ties have cycles of two states at most, others of any length.
    """
    xp = backend.namespace(state)
    size, width = state.shape
    steps, flips, cycle = np.zeros(size, int), np.zeros(size, int), np.zeros(size, int)
    key = np.random.default_rng(0).integers(2**63, size=-(-width // 8), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    energies, seen = [], [_hashed(state, key)]
    for step in range(most + 1):
        after, *looked = backend.compiled(_update, state)(None, spins, state)
        energy, changed = (backend.to_numpy(x) for x in looked)
        energies.append(energy)
        changed, hashed = changed.astype(int), _hashed(after, key)
        cycle = np.where((cycle == 0) & (changed == 0), 1, cycle)
        for back, there in enumerate(reversed(seen[:-1]), 2):
            cycle = np.where((cycle == 0) & (hashed == there), back, cycle)
        open_ = cycle == 0
        if step == most or not open_.any():
            break
        seen.append(hashed)
        steps[open_] += 1
        flips[open_] += changed[open_]
        moves = backend.asarray(open_, state)[:, None]
        state = xp.where(moves, after, state)
    return Run(state, steps, flips, cycle, np.stack(energies))


def _hashed(state: Array, key: np.ndarray) -> np.ndarray:
    """A number of 64 bits (B,) for each state: those of two states that differ agree with probability 2^-64."""
    bits = np.packbits(backend.to_numpy(state) > 0, axis=-1).astype(np.uint64)
    mixed = (bits + np.uint64(1)) * key  # modulo 2^64, as the shifts and products below
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return np.bitwise_xor.reduce((mixed ^ (mixed >> np.uint64(32))) * key[::-1], axis=-1)


def begin(spins: Spins, state: Array) -> Sweep:
    """The cache of the states, and how they stand, before any flip."""
    cache, *looked = backend.compiled(_begin, state)(None, spins, state)
    return _looked(state, cache, np.zeros(state.shape[0], int), *looked)


def sweep(
    spins: Spins,
    state: Array,
    cache: Cache,
    sites: np.ndarray,
    noise: np.ndarray | None = None,
    temperature: float = 0.0,
) -> Sweep:
    """Visit the sites in turn, by the sign rule, or with noise (sites, B) from [0, 1) by the heat bath.

    The heat bath is P(s_i = +1) = 1/(1 + exp(-(E(s_i = -1) - E(s_i = +1))/T)), whatever s_i was.
    """
    if noise is not None:
        noise = backend.asarray(noise.astype(str(state.dtype).rsplit(".", maxsplit=1)[-1]), state)
    xp = backend.namespace(state)
    if backend.backend_of(state) == "jax":
        run = backend.compiled(_sweep, state)
        return _looked(*run(None, spins, state, cache, xp.asarray(sites), noise, temperature))
    found = spins.swept(state, cache, sites, noise, temperature)
    if found is not None:
        return _looked(*found, *_unsettled(spins, found[0], found[1], noise))
    state, cache = xp.asarray(state, copy=True), tuple(xp.asarray(c, copy=True) for c in cache)
    flips = np.zeros(state.shape[0], int)
    for k, site in enumerate(sites.tolist()):
        flip = _flips(spins, state[:, site], cache, site, None if noise is None else noise[k], temperature)
        rows = np.flatnonzero(backend.to_numpy(flip))
        if rows.size:
            change = -2 * _take(state[:, site], rows)
            held = spins.flipped(tuple(_take(c, rows) for c in cache), site, change)
            for whole, part in zip(cache, held, strict=True):
                whole[rows] = part
            state[rows, site] += change
            flips[rows] += 1
    return _looked(state, cache, flips, *_unsettled(spins, state, cache, noise))


def _flips(spins: Spins, s: Array, cache: Cache, site: Any, noise: Array | None, temperature: Any) -> Array:
    if noise is None:
        return spins.margin(s, cache, site) < 0
    up = (1 + backend.namespace(s).tanh(s * spins.cost(s, cache, site) / (2 * temperature))) / 2
    return (noise < up) != (s > 0)


def _sweep(
    _: None, spins: Spins, state: Array, cache: Cache, sites: Array, noise: Array | None, temperature: Any
) -> tuple[Array, Cache, Array, Array, Array]:
    """The loop of `sweep` as one program."""
    xp = backend.namespace(state)
    columns = xp.arange(state.shape[1])

    def visit(k: Any, carried: Any) -> Any:
        state, cache, flips = carried
        site = sites[k]
        s = state[:, site]
        flip = _flips(spins, s, cache, site, None if noise is None else noise[k], temperature)
        change = xp.where(flip, -2 * s, 0 * s)
        state = xp.where(columns == site, (s + change)[:, None], state)
        return state, spins.flipped(cache, site, change), flips + flip

    flips = xp.zeros((state.shape[0],), dtype=sites.dtype)
    state, cache, flips = backend.repeat(visit, (state, cache, flips), sites.shape[0])
    return state, cache, flips, *_unsettled(spins, state, cache, noise)


def _begin(_: None, spins: Spins, state: Array) -> tuple[Cache, Array, Array]:
    cache = spins.cache(state)
    return cache, *_unsettled(spins, state, cache, None)


def _update(_: None, spins: Spins, state: Array) -> tuple[Array, Array, Array]:
    xp, cache = backend.namespace(state), spins.cache(state)
    flips = spins.margins(state, cache) < 0
    after = xp.where(flips, -state, state)
    return after, spins.energy(state, cache), xp.sum(xp.astype(flips, state.dtype), axis=-1)


def _unsettled(spins: Spins, state: Array, cache: Cache, noise: Array | None) -> tuple[Array, Array]:
    xp, energy = backend.namespace(state), spins.energy(state, cache)
    if noise is not None:  # at a temperature nothing settles
        return energy == energy, energy
    return xp.any(spins.margins(state, cache) < 0, axis=-1), energy


def _looked(state: Array, cache: Cache, flips: Any, unsettled: Array, energy: Array) -> Sweep:
    flips, unsettled, energy = (np.array(backend.to_numpy(x)) for x in (flips, unsettled, energy))
    return Sweep(state, cache, flips.astype(int), unsettled, energy)


def laid_out(rows: Array) -> Array:
    """The transpose of a matrix, whose rows lie together in memory: a copy keeps the layout of what it was made of."""
    turned = rows.T
    return turned.copy() if type(rows) is np.ndarray else backend.namespace(rows).asarray(turned, copy=True)


def _where(held: Array, value: float, otherwise: Array) -> Array:
    return backend.namespace(otherwise).where(held, backend.full((), value, otherwise), otherwise)


def _take(x: Array, rows: np.ndarray) -> Array:
    return x[rows]


def _put(x: Array, rows: np.ndarray, part: Array) -> Array:
    x[rows] = part
    return x
