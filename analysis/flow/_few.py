r"""The few patterns that take part at each of many states, and what H is of them alone.

With softmax the weights f of all but some patterns are far below rounding nearly everywhere. Of those that are not,
F_i = M_i for the dot product and 2 (M_i - x) for the squared distance, with q = sqrt(f), sigma = sum f and the gain
beta/l_h,

    H = s - gain F^T (diag f - f f^T) F = s - gain (T F)^T (T F),    T = (1 - c q q^T) diag(q),

with s = l, or l + 2 sum f, and c = (1 - sqrt(1 - sigma))/sigma: all eigenvalues of H that are not s are those of the
small matrix s - gain T K T^T with K = F F^T, whose unit eigenvectors z of s - mu are F^T T^T z sqrt(gain/mu) in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ._field import Field

ACCURACY = 1e-9  # of the shift: what patterns that are left out may change
SMALL = 64  # patterns up to which all take part
LEAST = 4  # patterns in the smallest group
NUMBERS = 2**21  # in the columns that are looked at together
STATES = 256  # whose weights are


class Few(NamedTuple):
    """States (B,) at which no more than r patterns take part; places that are not taken have weight 0.

    Attributes
    ----------
    at : int array (B,)
        Which of the states that were asked for.
    members : int array (B, r)
        Rows of the patterns.
    weights : array (B, r)
        f.
    columns : array (B, r, D)
        F.
    gram : array (B, r, r)
        F F^T.
    shift, gain : float
        s and beta/l_h.
    lost : array (B,)
        The most by which H differs, from what was left out.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.eye(100), beta=90.0))
    >>> (part,) = few(flow, (np.eye(100)[:1] + np.eye(100)[1:2]) / 2)
    >>> np.sort(part.members[part.weights > 0]), part.eigenvalues()[0].round(6)  # 1 - beta/2
    (array([0, 1]), array([-44.,   1.,   1.,   1.]))
    """

    at: np.ndarray
    members: np.ndarray
    weights: np.ndarray
    columns: np.ndarray
    gram: np.ndarray
    shift: float
    gain: float
    lost: np.ndarray

    def turned(self, u: np.ndarray) -> np.ndarray:
        """T^T u of u (B, r, ...)."""
        q, sigma = np.sqrt(self.weights), self.weights.sum(axis=1)
        c = (1 - np.sqrt(np.maximum(1 - sigma, 0.0))) / np.maximum(sigma, 1e-300)
        q, c = (a.reshape(*a.shape, *(1,) * (u.ndim - a.ndim)) for a in (q, c))
        return q * (u - c * q * np.sum(q * u, axis=1, keepdims=True))

    def half(self) -> np.ndarray:
        """T^T (B, r, r)."""
        return self.turned(np.broadcast_to(np.eye(self.weights.shape[1]), self.gram.shape))

    def inner(self, half: np.ndarray) -> np.ndarray:
        """Gain T K T^T (B, r, r): the shift less its eigenvalues are those of H."""
        return self.gain * (np.swapaxes(half, 1, 2) @ self.gram @ half)

    def eigenvalues(self) -> np.ndarray:
        """Those of H (B, r), lowest first; the other D - r are the shift."""
        return self.shift - np.linalg.eigvalsh(self.inner(self.half()))[:, ::-1]

    def modes(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k lowest eigenvalues of H (B, k) and their unit eigenvectors (B, k, D), 0 where these are any."""
        mu, z = np.linalg.eigh(self.inner(self.half()))
        mu, z = mu[:, : -k - 1 : -1], z[:, :, : -k - 1 : -1]
        with np.errstate(all="ignore"):
            vectors = np.swapaxes(self.turned(z), 1, 2) @ self.columns
            length = np.linalg.norm(vectors, axis=-1, keepdims=True)
            vectors = np.where(mu[..., None] > ACCURACY * self.shift, vectors / length, 0.0)
        return self.shift - mu, vectors

    def newton(self, b: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""The y (B, D) of H y = b, \|b - H y\|, and \|H u\|, in two passes over F.

        With t = gain T^T (s - gain T K T^T)^-1 T F b it is y = (b + F^T t)/s (Woodbury), so that F y = (F b + K t)/s,
        and b - H y = F^T (S F y - t) for S = gain (diag f - f f^T); all lengths are those of F^T e, e.K e.
        """
        f, half = self.weights, self.half()

        def inside(e: np.ndarray) -> np.ndarray:
            return self.gain * f * (e - np.sum(f * e, axis=1, keepdims=True))

        def square(e: np.ndarray) -> np.ndarray:
            return np.maximum(np.sum(e * (self.gram @ e[..., None])[..., 0], axis=1), 0.0)

        both = self.columns @ np.stack([b, u], axis=-1)
        small = self.shift * np.eye(f.shape[1]) - self.inner(half)
        try:
            middle = np.linalg.solve(small, np.swapaxes(half, 1, 2) @ both[..., :1])
        except np.linalg.LinAlgError:
            middle = np.full((*f.shape, 1), np.nan)
        t = self.gain * (half @ middle)[..., 0]
        y = (b + (t[:, None] @ self.columns)[:, 0]) / self.shift
        along = (both[..., 0] + (self.gram @ t[..., None])[..., 0]) / self.shift
        wrong = np.sqrt(square(inside(along) - t))
        v = inside(both[..., 1])
        image = self.shift**2 * np.sum(u * u, axis=1) - 2 * self.shift * np.sum(both[..., 1] * v, axis=1) + square(v)
        return y, wrong, np.sqrt(np.maximum(image, 0.0))


def few(flow: Field, x: np.ndarray, most: int | None = None, accuracy: Any = ACCURACY) -> Iterator[Few]:
    r"""Groups of the states (B, D) at which at most `most` patterns take part (half of all, unless said).

    There are none where the coupling is not that of one population with g = x to more than 64 patterns by the dot
    product or the squared distance and softmax. What is left out changes H by 4 gain times its weight times the largest
    \|F_i\|^2 at most, which is kept below `accuracy` (of each state, or of all) of the shift.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.eye(100), beta=90.0))
    >>> [(part.at, part.weights.shape) for part in few(flow, np.eye(100)[:2])]
    [(array([0, 1]), (2, 4))]
    >>> list(few(flow, np.zeros((1, 100))))  # all of them
    []
    """
    if (memory := few_memory(flow)) is None or not len(x):
        return
    p, synapse, square = memory
    rows, reach = few_rows(flow, synapse)
    count = len(rows)
    most = min(count // 2 if most is None else most, flow.size)
    gain = float(backend.to_numpy(synapse.lagrangian.beta)) / synapse.leak
    shift = float(p.leak) + (2.0 if square else 0.0)
    accuracy = np.broadcast_to(np.maximum(backend.epsilon(flow.like), accuracy), len(x))
    for at in range(0, len(x), STATES):
        g = x[at : at + STATES]
        f = shares(flow, g)
        size = reach + (np.linalg.norm(g.astype(float), axis=1) if square else np.zeros(len(g)))
        change = 4 * gain * ((2 * size) ** 2 if square else size**2)  # of H, by a weight that is left out
        spare = accuracy[at : at + STATES] * shift / np.maximum(change, 1e-300)
        kept = f > (spare / count)[:, None]
        number = kept.sum(axis=1)
        lost = change * np.where(kept, 0.0, f).sum(axis=1)
        width = LEAST
        while width // 2 < most:
            r = min(width, most)
            here = np.flatnonzero((number <= r) & (number > (width // 2 if width > LEAST else 0)))
            together = max(1, NUMBERS // (r * flow.size))
            for first in range(0, len(here), together):
                some = here[first : first + together]
                members, inside = members_of(kept[some], r)
                weights = np.where(inside, np.take_along_axis(f[some], members, axis=1), 0.0)
                columns = columns_of(rows, members, g[some].astype(float) if square else None)
                gram = columns @ np.swapaxes(columns, 1, 2)
                yield Few(at + some, members, weights, columns, gram, shift, gain, lost[some])
            width *= 2


def leading_few(flow: Field, x: np.ndarray, k: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""The k largest eigenvalues of the velocity's Jacobian J at states (B, D), the mode of the first, and where known.

    They are known where few patterns take part, and \|J w - lambda w\| for the unit vector w of the largest lambda,
    with the whole J, is as small as the eigenvalue is accurate. Where all modes of that eigenvalue are alike w is 0.

    Returns
    -------
    values, mode, known : arrays (B, k), (B, D), bool (B,)
        What is not known is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> flow, rows = field(ModernHopfield(np.eye(100), beta=90.0)), np.eye(100)
    >>> values, mode, known = leading_few(flow, (rows[:1] + rows[1:2]) / 2, 2)
    >>> values.round(6), np.abs(mode[0, :3]).round(6), known
    (array([[44., -1.]]), array([0.707107, 0.707107, 0.      ]), array([ True]))
    """
    values, mode = np.full((len(x), k), np.nan), np.full(x.shape, np.nan)
    known = np.zeros(len(x), dtype=bool)
    if (memory := few_memory(flow)) is None or np.size(tau := backend.to_numpy(memory[0].tau)) != 1:
        return values, mode, known
    time = float(tau)
    for part in few(flow, x):
        r = min(k, part.weights.shape[1])
        low, vectors = part.modes(r)
        values[part.at], values[part.at, :r], mode[part.at] = -part.shift / time, -low / time, vectors[:, 0]
        image = flow.host(flow.jacobian_product, x[part.at], vectors[:, 0].astype(x.dtype)).astype(float)
        wrong = np.linalg.norm(image - values[part.at, :1] * vectors[:, 0], axis=1)
        size = np.maximum(np.abs(low[:, 0]), part.shift) / time
        known[part.at] = wrong <= 16 * max(ACCURACY, backend.epsilon(flow.like)) * size
    return values, mode, known


def few_memory(flow: Field) -> tuple[Any, Any, bool] | None:
    """The population, the synapse, and whether scores are squares; None where few patterns are not looked for."""
    network = flow.network
    if not flow.symmetric or not flow.plain or len(network.populations) != 1 or len(network.synapses) != 1:
        return None
    (p,) = network.populations.values()
    (synapse,) = network.synapses.values()
    if not synapse.adiabatic or len(synapse.between) != 1 or synapse.lagrangian.law != "softmax":
        return None
    similarity = synapse.similarities[0]
    if similarity.metric not in ("product", "square") or len(similarity.patterns) <= SMALL:
        return None
    return p, synapse, similarity.metric == "square"


def members_of(kept: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The patterns (B, r) that are kept (B, N) at each state, in their order, and which of the places are taken.

    >>> members_of(np.array([[False, True, True], [True, False, False]]), 2)
    (array([[1, 2],
           [0, 0]]), array([[ True,  True],
           [ True, False]]))
    """
    inside = np.arange(width) < kept.sum(axis=1)[:, None]
    members = np.zeros(inside.shape, dtype=int)
    members[inside] = np.nonzero(kept)[1]
    return members, inside


def columns_of(rows: np.ndarray, members: np.ndarray, base: np.ndarray | None) -> np.ndarray:
    """F (B, r, D) of patterns (B, r) from `few_rows`: they themselves, or less twice `base` (B, D)."""
    columns = rows[members]
    if base is not None:
        columns -= 2 * base[:, None]
    return columns


def shares(flow: Field, x: np.ndarray) -> np.ndarray:
    """The weights f (B, N) of all patterns at states (B, D), on the host."""
    (synapse,) = flow.network.synapses.values()
    h = flow.host(synapse.signal, x).astype(float)
    f = np.exp(float(backend.to_numpy(synapse.lagrangian.beta)) * (h - h.max(axis=1, keepdims=True)))
    return f / f.sum(axis=1, keepdims=True)


def few_rows(flow: Field, synapse: Any) -> tuple[np.ndarray, float]:
    """The patterns as float64 on the host, doubled for squares, and the length of the longest, once for a field."""
    if "few" not in flow.cache:
        rows = backend.to_numpy(synapse.similarities[0].patterns).astype(float)
        reach = float(np.sqrt(np.max(np.sum(rows * rows, axis=1))))
        flow.cache["few"] = (2 * rows if synapse.similarities[0].metric == "square" else rows), reach
    return flow.cache["few"]
