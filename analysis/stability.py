r"""How a fixed point is classified: eigenvalues and index, exact where the coupling has low rank.

The index is the number of negative eigenvalues of H = l - R^T B R (see `field`), which is the number of unstable
directions of the flow. An update at dt = inf multiplies a deviation along an eigenvector by 1 - mu/c, with mu its
eigenvalue and c the rate of the update (l for dot, l + 2 sum f for euclidean), so that continuous time is stable for
mu > 0 and the map for 0 < mu < 2c: they differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from ..dynamics import backend
from ..dynamics.contracts import Synapse
from ..dynamics.entry import checked
from . import declared
from .field import Field, split
from .low_rank import LowRank, low_rank, low_rank_eigenvalues
from .polish import has_rays, neutral

DENSE = 400  # neurons up to which all eigenvalues are computed
CHUNK = 2**22
ACCURACY: Any = 1e-9  # relative, of eigsh


class Spectrum(NamedTuple):
    """What `spectrum` returns; K points.

    Attributes
    ----------
    eigenvalues : array (K, k)
        The k lowest of H; of minus the velocity's Jacobian, by real part and complex, where there is no H.
    largest : array (K,)
        The largest eigenvalue (its modulus where complex).
    index : int array (K,)
        Negative ones (real part); -1 where forces jump.
    marginal : bool array (K,)
        Whether one is 0 within sqrt(eps) times ten of the largest.
    how : str
        "low rank", "dense", "eigsh", "eigs" or "none".

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.field import field
    >>> from hopfield.models import ModernHopfield
    >>> spectrum(field(ModernHopfield(np.eye(3), beta=9.0)), np.full((1, 3), 1 / 3)).index
    array([2])
    """

    eigenvalues: np.ndarray
    largest: np.ndarray
    index: np.ndarray
    marginal: np.ndarray
    how: str


@checked(**declared.SPECTRUM)
def spectrum(flow: Field, x: Any, k: int = 6, method: str = "auto") -> Spectrum:
    r"""Eigenvalues and index at points of a field.

    In order of preference: all eigenvalues of a matrix up to 400 neurons; the eigenvalues of an N x N matrix that are
    all but the leak (`low_rank_eigenvalues`); SciPy's `eigsh` on Hessian-vector products, asked for more until one is
    positive. Without a symmetric operator the eigenvalues of the Jacobian, which may be complex.

    Parameters
    ----------
    flow : Field
        The flow.
    x : array (K, D)
        Fixed points.
    k : int
        How many eigenvalues are returned, lowest first.
    method : {"auto", "dense", "low rank", "eigsh"}
        How.

    Returns
    -------
    Spectrum
        Eigenvalues, index, and how they were found.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.field import field
    >>> from hopfield.models import ModernHopfield
    >>> flow = field(ModernHopfield(np.array([[1.0, 1.0], [-1.0, -1.0]])))
    >>> spectrum(flow, np.zeros((1, 2))).eigenvalues.round(12)
    array([[-1.,  1.]])
    """
    x = np.atleast_2d(backend.to_numpy(x)).astype(backend.to_numpy(flow.like).dtype)
    k = min(k, flow.size)
    if not flow.smooth:
        nothing = np.full(len(x), np.nan)
        return Spectrum(np.full((len(x), k), np.nan), nothing, np.full(len(x), -1), np.zeros(len(x), bool), "none")
    if not flow.symmetric:
        return _general(flow, x, k)
    factors = low_rank(flow, x[:1]) if method in ("auto", "low rank") else None
    if method == "low rank" and factors is None:
        raise ValueError("This field's coupling has no low rank: use method='dense' or 'eigsh'.")
    if method == "dense" or (method == "auto" and flow.size <= DENSE):
        return _summed_up(flow, _dense(flow, x), k, "dense")
    if factors is not None:
        rows = [low_rank_eigenvalues(_need(low_rank(flow, point[None]))) for point in x]
        return _summed_up(flow, np.array(rows), k, "low rank")
    return _sparse(flow, x, k)


def _summed_up(flow: Field, values: np.ndarray, k: int, how: str) -> Spectrum:
    size = np.maximum(np.abs(values).max(axis=1, initial=0.0), np.finfo(values.dtype).tiny)
    small = 10 * backend.epsilon(flow.like) ** 0.5 * size[:, None]
    marginal = (np.abs(values) <= small).any(axis=1)
    return Spectrum(values[:, :k], values[:, -1], (values < -small).sum(axis=1), marginal, how)


def _dense(flow: Field, x: np.ndarray) -> np.ndarray:
    rows, found = max(1, CHUNK // flow.size**2), []
    for at in range(0, len(x), rows):
        matrix = flow.host(flow.hessian, x[at : at + rows])
        rays = neutral(flow, x[at : at + rows])
        for n in rays:  # moved to the top, and cut off
            top = 4 * np.abs(matrix).sum(axis=-1).max(axis=-1) + 1
            along = np.einsum("kij,kj->ki", matrix, n)
            bend = np.einsum("ki,ki->k", n, along)
            matrix = matrix - n[:, :, None] * along[:, None, :] - along[:, :, None] * n[:, None, :]
            matrix = matrix + (bend + top)[:, None, None] * n[:, :, None] * n[:, None, :]
        matrix = (matrix + np.swapaxes(matrix, -1, -2)) / 2
        values = np.linalg.eigvalsh(matrix)
        found.append(values[:, : values.shape[1] - len(rays)])
    return np.concatenate(found)


def _general(flow: Field, x: np.ndarray, k: int) -> Spectrum:
    if flow.size <= 2 * DENSE:
        matrix = np.stack([_velocity_jacobian(flow, p) for p in x])
        values, how = -np.linalg.eigvals(matrix).astype(complex), "dense"
        values = np.take_along_axis(values, np.argsort(np.real(values), axis=1, kind="stable"), axis=1)
    else:
        values, how = np.stack([_arnoldi(flow, p, k) for p in x]), "eigs"
    size = np.maximum(np.abs(values).max(axis=1), np.finfo(float).tiny)
    small = 10 * backend.epsilon(flow.like) ** 0.5 * size[:, None]
    marginal = (np.abs(np.real(values)) <= small).any(axis=1)
    index = (np.real(values) < -small).sum(axis=1)
    if flow.conservative and not np.any(np.abs(np.imag(values)) > small):
        values = np.real(values)
    return Spectrum(values[:, :k], np.abs(values).max(axis=1), index, marginal, how)


def _velocity_jacobian(flow: Field, point: np.ndarray) -> np.ndarray:
    eye = np.eye(flow.size, dtype=point.dtype)
    return flow.host(flow.jacobian_product, np.broadcast_to(point, eye.shape), eye).T


def _arnoldi(flow: Field, point: np.ndarray, k: int) -> np.ndarray:
    from scipy.sparse.linalg import LinearOperator, eigs

    def product(u: np.ndarray) -> np.ndarray:
        return -flow.host(flow.jacobian_product, point, u.reshape(-1).astype(point.dtype)).astype(float)

    operator: Any = LinearOperator((flow.size,) * 2, matvec=product, dtype=float)  # type: ignore[call-arg]
    wanted = max(k, 6)
    while True:
        values: Any = eigs(operator, wanted, which="SR", return_eigenvectors=False, v0=_first(flow.size))
        if values.real.max() > 0 or wanted >= flow.size - 2:
            return values[np.argsort(values.real, kind="stable")]
        wanted = min(2 * wanted, flow.size - 2)


def _sparse(flow: Field, x: np.ndarray, k: int) -> Spectrum:
    from scipy.sparse.linalg import LinearOperator, eigsh

    if has_rays(flow):
        raise ValueError(
            f"Fixed points of cosine form rays, and with {flow.size} neurons their direction is not taken out of the "
            "spectrum. Rotate the patterns into their row space first (a QR decomposition of M^T)."
        )
    rows, largest, indices, marginals = [], [], [], []
    for point in x:

        def product(u: np.ndarray, point: np.ndarray = point) -> np.ndarray:
            return flow.host(flow.hessian_product, point, u.reshape(-1).astype(point.dtype)).astype(float)

        operator: Any = LinearOperator((flow.size,) * 2, matvec=product, dtype=float)  # type: ignore[call-arg]
        top = eigsh(operator, 1, which="LA", return_eigenvectors=False, v0=_first(flow.size), tol=cast(Any, 1e-6))[0]
        wanted, bound = k, flow.size - 1
        while True:
            low = eigsh(operator, wanted, which="SA", return_eigenvectors=False, v0=_first(flow.size), tol=ACCURACY)
            low = np.sort(low)
            if low[-1] > 0 or wanted == bound:
                break
            wanted = min(2 * wanted, bound)
        small = 10 * backend.epsilon(flow.like) ** 0.5 * max(abs(low[0]), abs(top))
        rows.append(low[:k])
        largest.append(max(top, low[-1]))
        indices.append(int((low < -small).sum()))
        marginals.append(bool((np.abs(low) <= small).any()))
    return Spectrum(np.array(rows), np.array(largest), np.array(indices), np.array(marginals), "eigsh")


def _first(size: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(size)


def _need(factors: LowRank | None) -> LowRank:
    assert factors is not None
    return factors


def update_rate(flow: Field, x: np.ndarray) -> np.ndarray | None:
    r"""The rate c (K,) for which one update at dt = inf is x + r/c to first order; None where there is none.

    l for forces that do not depend on the activation (dot, W g), l + 2 sum f for euclidean, \|F\|/\|x\|^2 for the
    rotation of cosine with F = sum f_i M_i/\|M_i\|.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.field import field
    >>> from hopfield.models import UniversalHopfield
    >>> update_rate(field(UniversalHopfield(np.eye(3), "euclidean")), np.zeros((1, 3)))
    array([2.])
    """
    if len(flow.network.populations) != 1:
        return None
    ((name, p),) = flow.network.populations.items()
    synapses = flow.network.synapses.values()
    if not p.leak and all(type(synapse).response is Synapse.response for synapse in synapses):
        return None
    place = flow.asarray(x)
    g = p.lagrangian.activation(split(flow.network, place)[name])
    if has_rays(flow):
        rule, prepared = flow.memory.rule, flow.memory.network.synapses["memory"].memories[0]
        f = rule.separation.activation(rule.similarity.scores(prepared, g))
        return np.linalg.norm(backend.to_numpy(f @ prepared.rows), axis=-1) / np.sum(x * x, axis=-1)
    rate = np.full(len(x), float(p.leak))
    for synapse in synapses:
        if len(synapse.between) != 1:
            return None
        if type(synapse).response is Synapse.response:  # all of its force is frozen during an update
            continue
        answer = synapse.response(0, g)
        if answer.step is not None or (answer.drive is None and isinstance(answer.stiffness, float)):
            return None
        gain = 1.0
        if answer.logarithmic:
            gain = float(backend.to_numpy(p.lagrangian.log_gain))
        elif not p.lagrangian.identity and not isinstance(answer.stiffness, float):
            return None
        rate = rate + gain * backend.to_numpy(answer.stiffness).reshape(-1)
    return rate if (rate > 0).all() else None


def stability(flow: Field, x: np.ndarray, found: Spectrum) -> tuple[np.ndarray, np.ndarray | None]:
    r"""Whether points attract in continuous time, and under the update at dt = inf (None where there is none).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.field import field
    >>> from hopfield.dynamics import LogCosh, Network, Population, Recurrent
    >>> pair = Network({"x": Population(LogCosh(), 2)}, [Recurrent(("x",), np.array([[0.0, -3.0], [-3.0, 0.0]]))])
    >>> flow, x = field(pair), np.array([[2.9847045, -2.9847045]])
    >>> stability(flow, x, spectrum(flow, x))
    (array([ True]), array([ True]))
    """
    stable = (found.index == 0) & ~found.marginal
    rate = update_rate(flow, x) if flow.smooth else None
    if rate is None or not flow.symmetric:
        return stable, None
    return stable, stable & (found.largest < 2 * rate)
