"""What changes in time as JAX's compiled loops see it: asked of the host, whose code may be anything.

A compiled solve knows only what there is to ask for. Which stretch is asked enters as a number, so that another
function of time needs no other program.
"""

from __future__ import annotations

import itertools
import weakref
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import copied
from ..network import Network
from ._drive import Stretch
from ._schedule import replaced

ASKED: weakref.WeakValueDictionary[int, Stretch] = weakref.WeakValueDictionary()
_COUNT = itertools.count()


class Changing(NamedTuple):
    """What a drive changes: populations by name and size, and leaves of the network that are a scheduled number.

    >>> Changing((("value", 3),), ()).currents
    (('value', 3),)
    """

    currents: tuple[tuple[str, int], ...]
    numbers: tuple[tuple[str, tuple[int, ...]], ...]

    def network(self, base: Network, t: Any, row: Any, key: Any) -> Network:
        """The network of one sample at a time t of the stretch with this key, inside a trace."""
        import jax

        like = next(a for a in backend.arrays(base) if a.ndim)
        shapes = [jax.ShapeDtypeStruct((n,), like.dtype) for _, n in self.currents]
        shapes += [jax.ShapeDtypeStruct((), like.dtype) for _ in self.numbers]
        given = [jax.lax.stop_gradient(x) for x in (t, row, key)]
        found = jax.pure_callback(_told, tuple(shapes), *given, vmap_method="broadcast_all")
        numbers = found[len(self.currents) :]
        values = {k: x for (_, places), x in zip(self.numbers, numbers, strict=True) for k in places}
        base = replaced(base, values) if values else base
        populations = dict(base.populations)
        for (name, _), current in zip(self.currents, found, strict=False):
            p = populations[name]
            populations[name] = copied(p, bias=current if p.bias is None else p.bias + current)
        return copied(base, populations=populations)


def changing(stretch: Stretch | None) -> Changing | None:
    """What changes on a stretch, as far as it decides the program.

    >>> changing(None) is None
    True
    """
    if stretch is None:
        return None
    drive = stretch.drive
    sizes = tuple((name, drive.base.populations[name].size) for name in drive.currents)
    if drive.schedule is None:
        return Changing(sizes, ())
    for name, places in drive.schedule.places.items():
        if places is None:
            raise ValueError(
                f"More of the network than one number follows from {name!r}, so that its schedule does not reach the "
                "steps of this library. Use an integrator of hopfield's own, such as Rosenbrock() or RungeKutta()."
            )
    return Changing(sizes, tuple((name, places or ()) for name, places in drive.schedule.places.items()))


def stretched(stretch: Stretch) -> Any:
    """The number by which a compiled program asks a stretch, as long as there is one."""
    import jax.numpy as jnp

    key = next(_COUNT) % 2**31
    ASKED[key] = stretch
    return jnp.asarray(key, dtype=jnp.int32)


def _told(t: Any, row: Any, key: Any) -> tuple[np.ndarray, ...]:
    """Currents and numbers at times (...) of the samples `row`."""
    stretch = ASKED[int(np.ravel(key)[0])]
    drive, shape = stretch.drive, np.shape(t)
    clock, left = (np.ravel(x) for x in stretch.clock(t))
    dtype, rows, found = np.asarray(t).dtype, np.ravel(row).astype(int), []
    for name, one in drive.currents.items():
        size = drive.base.populations[name].size
        found.append(drive.told(name, one, size, clock, left, rows).reshape(*shape, size).astype(dtype))
    if drive.schedule is not None:
        for name in drive.schedule.inputs:
            values = [drive.schedule.value(name, float(s), bool(k)) for s, k in zip(clock, left, strict=True)]
            found.append(np.reshape(values, shape).astype(dtype))
    return tuple(found)
