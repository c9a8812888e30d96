r"""The flow of a few patterns around states, in as many coordinates as there are patterns.

Around x0 let x = x0 + F^T a, with F_i = M_i for the dot product and 2 (M_i - x0) for the squared distance. As long as
other patterns have no weight the flow of softmax stays in the span of F,

    tau a' = f(a) - c - s a,    f(a) = softmax(log f(x0) + gain K a),    K = F F^T,

where c = f(x0) at a zero, or 0 where the leak's force and the bias's cancel at x0. Its cost is r^2 and not N D, and

    E(x) - E(x0) = c . K a + s a . K a/2 - log(sum_i f_i(x0) exp(gain (K a)_i))/gain,    |x - x0|^2 = a . K a.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...dynamics import backend
from ._few import columns_of, few, few_memory, few_rows, shares
from ._field import Field

LOST = 1e-7  # of the shift: what patterns that are left out may change at a zero


class Nearby(NamedTuple):
    """Small flows around B states; `a` is (B, m, r).

    Attributes
    ----------
    base : array (B, D)
        x0.
    members : int array (B, r)
        Rows of the patterns.
    columns, gram : array (B, r, D), (B, r, r)
        F and K.
    logs : array (B, r)
        log f(x0), -inf where there are fewer patterns.
    rest : array (B, r)
        c.
    shift, gain, time : float
        s, beta/l_h and tau.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> flow, rows = field(ModernHopfield(np.eye(100), beta=90.0)), np.eye(100)
    >>> ((at, near),) = around_zeros(flow, (rows[:1] + rows[1:2]) / 2)
    >>> a, wrong = near.along((rows[:1] - rows[1:2]) / np.sqrt(2))
    >>> a = a[:, None] / 20
    >>> x = near.lifted(a)[:, 0]
    >>> np.allclose((near.velocity(a) @ near.columns)[:, 0], flow.velocity(x))
    True
    >>> np.allclose(near.heights(a)[:, 0], flow.energy(x) - flow.energy(near.base))
    True
    """

    base: np.ndarray
    members: np.ndarray
    columns: np.ndarray
    gram: np.ndarray
    logs: np.ndarray
    rest: np.ndarray
    shift: float
    gain: float
    time: float

    def some(self, rows: np.ndarray) -> Nearby:
        """Those of some states."""
        return self._replace(**{name: getattr(self, name)[rows] for name in self._fields[:6]})

    def moving(self, rows: np.ndarray) -> Nearby:
        """Those of some states without what `lifted` needs, which is most of what they hold."""
        return self._replace(base=self.base[:, :0], columns=self.columns[..., :0]).some(rows)

    def activation(self, a: np.ndarray) -> np.ndarray:
        """f(a) (B, m, r)."""
        h = self.logs[:, None] + self.gain * (a @ self.gram)
        f = np.exp(h - h.max(axis=-1, keepdims=True))
        return f / f.sum(axis=-1, keepdims=True)

    def velocity(self, a: np.ndarray) -> np.ndarray:
        """a' (B, m, r)."""
        return (self.activation(a) - self.rest[:, None] - self.shift * a) / self.time

    def length(self, a: np.ndarray) -> np.ndarray:
        r"""\|F^T a\| (B, m)."""
        return np.sqrt(np.maximum(np.sum(a * (a @ self.gram), axis=-1), 0.0))

    def heights(self, a: np.ndarray) -> np.ndarray:
        """E(x) - E(x0) (B, m)."""
        z = a @ self.gram
        h = self.logs[:, None] + self.gain * z
        top = h.max(axis=-1, keepdims=True)
        total = top[..., 0] + np.log(np.sum(np.exp(h - top), axis=-1))
        return np.sum((self.rest[:, None] + self.shift / 2 * a) * z, axis=-1) - total / self.gain

    def lifted(self, a: np.ndarray) -> np.ndarray:
        """X (B, m, D)."""
        return self.base[:, None] + a @ self.columns

    def along(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """An a (B, r) of the unit modes w (B, D) of F^T S F at x0, and how far F^T a is from w (B,)."""
        f = np.exp(self.logs)
        image = (self.columns @ w[..., None])[..., 0]
        a = self.gain * f * (image - np.sum(f * image, axis=1, keepdims=True))
        back = (a[:, None] @ self.columns)[:, 0]
        size = np.maximum(np.sum(back * w, axis=1, keepdims=True), 1e-300)  # the eigenvalue
        return a / size, np.linalg.norm(back / size - w, axis=1)

    def shares(self, flow: Field, x: np.ndarray) -> np.ndarray:
        """The weights f (B, m, r) of these patterns among all at states (B, m, D)."""
        f = shares(flow, x.reshape(-1, x.shape[-1]).astype(backend.to_numpy(flow.like).dtype))
        members = np.broadcast_to(self.members[:, None], (*x.shape[:2], self.members.shape[1]))
        inside = np.take_along_axis(f.reshape(*x.shape[:2], -1), members, axis=2)
        return np.where(np.isneginf(self.logs)[:, None], 0.0, inside)


def around_zeros(flow: Field, x: np.ndarray) -> Iterator[tuple[np.ndarray, Nearby]]:
    """Groups of zeros (B, D) of the velocity at which few patterns take part, and the small flows around them."""
    memory = few_memory(flow)
    if memory is None or np.size(tau := backend.to_numpy(memory[0].tau)) != 1:
        return
    for part in few(flow, x, accuracy=LOST):
        f = part.weights / part.weights.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            logs = np.log(part.weights)
        numbers = part.shift, part.gain, float(tau)
        yield part.at, Nearby(x[part.at].astype(float), part.members, part.columns, part.gram, logs, f, *numbers)


def around(flow: Field, base: np.ndarray, members: np.ndarray, inside: np.ndarray) -> Nearby | None:
    """The small flows of patterns (B, r), those that are `inside`, around states (B, D); None where they are not few.

    A state is moved to where the leak's force and the bias's cancel, if there is a leak; without one, and with a bias,
    there are no such flows.
    """
    memory = few_memory(flow)
    if memory is None or np.size(tau := backend.to_numpy(memory[0].tau)) != 1:
        return None
    p, synapse, square = memory
    bias = np.zeros(flow.size) if p.bias is None else backend.to_numpy(p.bias).astype(float)
    if p.leak:
        base = np.broadcast_to(bias / p.leak, base.shape)
    elif bias.any():
        return None
    rows, _ = few_rows(flow, synapse)
    columns = columns_of(rows, members, base if square else None)
    beta = float(backend.to_numpy(synapse.lagrangian.beta))
    h = beta * flow.host(synapse.signal, base.astype(backend.to_numpy(flow.like).dtype)).astype(float)
    top = h.max(axis=1, keepdims=True)
    total = top + np.log(np.sum(np.exp(h - top), axis=1, keepdims=True))
    logs = np.where(inside, np.take_along_axis(h, members, axis=1) - total, -np.inf)
    gram = columns @ np.swapaxes(columns, 1, 2)
    shift = float(p.leak) + (2.0 if square else 0.0)
    rest = np.zeros(members.shape)
    return Nearby(base, members, columns, gram, logs, rest, shift, beta / synapse.leak, float(tau))
