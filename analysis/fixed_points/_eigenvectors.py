r"""Eigenvector following: from a fixed point to those of the next higher and lower index, for few neurons."""

from __future__ import annotations

import numpy as np

from ..flow import Field, Spectrum, neutral, spectrum
from ._completeness import PROVED, REFUTED, completeness
from ._search import Table, deflated

LARGEST = 64  # neurons
WORK = 2**22  # D^3 times the number of states followed at once
MODES = 4  # directions tried at each point, up and down each
ROUNDS = 8


def follow(flow: Field, x: np.ndarray, index: np.ndarray, *, steps: int = 40, clip: float = 0.1) -> np.ndarray:
    r"""Go from states to near zeros of wanted indices.

    With -(dr/dx) = V diag(mu) V^-1, mu in rising order, a step is dx = V diag(s/|mu|) V^-1 r, where s = -1 for the
    first `index` modes and 1 for the others: uphill along these, downhill along those, and Newton's step wherever the
    signs of mu are the wanted ones. Steps are cut to `clip` of the scale, or of \|x\| where that is more. Where it
    ends is for `polish`.

    Parameters
    ----------
    flow : Field
        With at most some dozens of neurons: every step takes the eigenvectors of D x D matrices.
    x : array (B, D)
        Where to begin.
    index : int array (B,)
        The number of unstable directions that each is to have.
    steps : int
        How many.
    clip : float
        The longest step, in units of the scale or of \|x\|.

    Returns
    -------
    array (B, D)
        The last states.

    References
    ----------
    Cerjan & Miller 1981, doi:10.1063/1.442352. Yin, Wang, Chen, Zhang & Zhang 2020,
    doi:10.1103/PhysRevLett.124.090601 (from index to index).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.eye(3), beta=9.0))
    >>> follow(flow, np.array([[0.9, 0.1, 0.0]] * 2), np.array([0, 1])).round(3)
    array([[1.   , 0.   , 0.   ],
           [0.497, 0.497, 0.006]])
    """
    x = np.array(x)
    for _ in range(steps):
        r = flow.host(flow.residual, x)
        matrix = -flow.host(flow.jacobian, x).astype(float)
        for n in neutral(flow, x):
            matrix = _top(matrix, n, flow.rate)
        good = np.asarray(np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(r).all(axis=1))
        matrix = np.where(good[:, None, None], matrix, np.eye(flow.size))
        values, vectors = np.linalg.eigh((matrix + np.swapaxes(matrix, 1, 2)) / 2) if flow.plain else _eig(matrix)
        size = np.abs(values)
        size = np.maximum(size, 1e-3 * size.max(axis=1, keepdims=True) + 1e-300)
        sign = np.where(np.arange(flow.size) < index[:, None], -1.0, 1.0)
        if flow.plain:
            part = np.einsum("bij,bi->bj", vectors, r)
        else:
            part = np.einsum("bij,bj->bi", np.linalg.pinv(vectors), r)
        dx = np.real(np.einsum("bij,bj->bi", vectors, sign * part / size))
        length = np.linalg.norm(dx, axis=1, keepdims=True)
        longest = clip * np.maximum(flow.scale, np.linalg.norm(x, axis=1, keepdims=True))
        cut = np.minimum(1.0, longest / np.where(length > 0, length, 1.0))
        x = np.where((good & np.isfinite(length[:, 0]))[:, None], x + cut * dx, x).astype(x.dtype)
        if (length <= 1e-3 * flow.scale).all():
            break
    return x


def _top(matrix: np.ndarray, n: np.ndarray, rate: float) -> np.ndarray:
    """The matrix with the direction n above all others."""
    top = 10 * np.abs(matrix).sum(axis=2).max(axis=1) + rate
    return matrix + top[:, None, None] * n[:, :, None] * n[:, None, :]


def _eig(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eig(matrix)
    order = np.argsort(np.real(values), axis=1, kind="stable")
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(vectors, order[:, None, :], axis=2)


def rungs(flow: Field, x: np.ndarray, index: np.ndarray, size: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Starts beside fixed points (K, D) and the index that each is to lead to: one more along stable modes, one less.

    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.eye(2), beta=9.0))
    >>> begin, wanted = rungs(flow, np.array([[0.5, 0.5]]), np.array([1]))
    >>> begin.round(2), wanted
    (array([[0.57, 0.43],
           [0.43, 0.57],
           [0.57, 0.57],
           [0.43, 0.43]]), array([0, 0, 2, 2]))
    """
    begin, wanted = [], []
    matrices = -flow.host(flow.jacobian, x).astype(float)
    width = flow.size
    for n in neutral(flow, x):
        matrices, width = _top(matrices, n, flow.rate), width - 1
    for point, k, matrix in zip(x, index, matrices, strict=True):
        vectors = np.real(np.linalg.eigh((matrix + matrix.T) / 2)[1] if flow.plain else _eig(matrix[None])[1][0])
        for column in [*range(max(0, k - MODES), k), *range(k, min(k + MODES, width))]:
            w = vectors[:, column] / max(float(np.linalg.norm(vectors[:, column])), 1e-300)
            w = w * (1.0 if w[np.argmax(np.abs(w) > 1e-8)] >= 0 else -1.0)
            for sign in (1, -1):
                begin.append(point + sign * size * flow.scale * w)
                wanted.append(k - 1 if column < k else k + 1)
    return np.array(begin, dtype=x.dtype).reshape(-1, flow.size), np.array(wanted, dtype=int)


def extended(flow: Field, x: np.ndarray, k: int, known: Spectrum | None) -> Spectrum:
    """The spectrum at points (K, D), the first of which have a `known` one with as many eigenvalues.

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> flow, x = field(ModernHopfield(np.eye(2), beta=8.0)), np.array([[0.5, 0.5], [0.9996646, 0.0003354]])
    >>> extended(flow, x, 2, spectrum(flow, x[:1], 2)).index
    array([1, 0])
    """
    if known is None:
        return spectrum(flow, x, k)
    if len(x) == len(known.index):
        return known
    new = spectrum(flow, x[len(known.index) :], k)
    both = {n: np.concatenate([getattr(known, n), getattr(new, n)]) for n in Spectrum._fields if n != "how"}
    return known._replace(**both)


def search_harder(table: Table, rng: np.random.Generator, most: int, k: int = 1) -> None:
    """Follow eigenvectors from every point, and deflate, while the sum of (-1)^index says that a zero is missing.

    The spectra, with `k` eigenvalues of each point, stay in the table. Where the sum proves nothing, or there are more
    than 64 neurons, it is left. Where a zero is missing only if the flow points inward, which was looked at and is not
    known, eigenvectors are followed as long as that finds something, and nothing is deflated: what is looked for need
    not exist.
    """
    flow = table.flow
    if flow.size > LARGEST or not flow.smooth:
        return
    done = 0
    for _ in range(ROUNDS):
        if not len(table.x) or len(table.x) >= most:
            break
        table.spectra = found = extended(flow, table.x, k, table.spectra)
        verdict = completeness(flow, table.x, found, True).verdict
        if verdict not in (PROVED, REFUTED):
            break
        if table.budget.spent:
            table.budget.skip("points along the eigenvectors of others")
            break
        known = len(table.x)
        begin, wanted = rungs(flow, table.x[done:], found.index[done:])
        done = known
        room = int(np.clip(WORK // flow.size**3, 8, 512))
        if len(begin) > room:
            rows = np.sort(rng.choice(len(begin), room, replace=False))
            begin, wanted = begin[rows], wanted[rows]
        if len(begin):
            table.search(follow(flow, begin, wanted))
        if len(table.x) == known and verdict == PROVED:
            deflated(table, table.x[:0], rng, rounds=2)
        if len(table.x) == known:
            break
