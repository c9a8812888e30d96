r"""How a fixed point is classified: eigenvalues and index, exact where the coupling has low rank.

The index is the number of negative eigenvalues of H = l - R^T B R (see `field`), which is the number of unstable
directions of the flow. An update at dt = inf multiplies a deviation along an eigenvector by 1 - mu/c, with mu its
eigenvalue and c the rate of the update (l for dot, l + 2 sum f for euclidean), so that continuous time is stable for
mu > 0 and the map for 0 < mu < 2c: they differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import unknown_name
from ...dynamics.doors import checked, quiet
from ...dynamics.lagrangians import unit
from .. import _declared as declared
from ._counts import check_counts
from ._derivatives import split
from ._few import few
from ._field import Field, field, states_of
from ._low_rank import low_rank, low_rank_eigenvalues
from ._marginal import NEARLY, ROUNDINGS, blurred, noise, returns, size_of
from ._newton import chunk
from ._one_thread import one_thread
from ._sphere import has_rays, neutral

DENSE = 400  # neurons up to which all eigenvalues are computed
METHODS = ("auto", "dense", "low rank", "eigsh")
MOST_MODES = 64  # vectors that are computed beyond them
RAY = 64.0  # times the typical rate: where the direction of a ray stands in a spectrum from products
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
        Negative ones (real part), without those that are 0; -1 where forces jump.
    marginal : bool array (K,)
        Whether one is 0 as far as rounding can tell.
    how : str
        "low rank", "dense", "eigsh", "eigs" or "none".
    zero : array (K,)
        The size below which an eigenvalue is rounding of the matrix: 16 eps times what cancels in it.
    returns : bool array (K,)
        Of a marginal point without negative eigenvalues: whether the flow comes back to it (`returns`).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> spectrum(ModernHopfield(np.eye(3), beta=9.0), np.full((1, 3), 1 / 3)).index
    array([2])
    """

    eigenvalues: np.ndarray
    largest: np.ndarray
    index: np.ndarray
    marginal: np.ndarray
    how: str
    zero: np.ndarray
    returns: np.ndarray


@quiet
@checked(**declared.SPECTRUM)
def spectrum(memory: Any, x: Any, k: int = 6, method: str = "auto") -> Spectrum:
    r"""Eigenvalues and index at fixed points.

    In order of preference: all eigenvalues of a matrix up to 400 neurons; the eigenvalues of an N x N matrix that are
    all but the leak (`low_rank_eigenvalues`); SciPy's `eigsh` on Hessian-vector products, asked for more until one is
    positive. Without a symmetric operator the eigenvalues of the Jacobian, which may be complex. Where fixed points
    form rays (cosine with leak 0) the direction of the ray is left out.

    An eigenvalue counts as 0 where rounding may give it either sign: that of the matrix, 16 eps times the size of what
    cancels in it, or that of the point (see `marginal`).

    Parameters
    ----------
    memory : model, Network or Field
        What moves.
    x : array (K, D)
        Fixed points, as states of all populations (`FixedPoints.state`).
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
    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.array([[1.0, 1.0], [-1.0, -1.0]]))
    >>> spectrum(memory, np.zeros((1, 2))).eigenvalues.round(12)
    array([[-1.,  1.]])
    """
    flow = field(memory, differences=None)
    check_counts(k=(k, 1))
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    x = states_of(flow, x)
    k = min(k, flow.size)
    if not flow.smooth:
        nothing = np.full(len(x), np.nan)
        no = np.zeros(len(x), bool)
        return Spectrum(np.full((len(x), k), np.nan), nothing, np.full(len(x), -1), no, "none", nothing, no)
    with one_thread(flow.size):
        return _spectrum(flow, x, k, method)


def _spectrum(flow: Field, x: np.ndarray, k: int, method: str) -> Spectrum:
    if not flow.symmetric:
        return _general(flow, x, k)
    if method == "dense" or (method == "auto" and flow.size <= DENSE):
        return _summed_up(flow, x, _dense(flow, x), k, "dense")
    rows, how, exact = np.full((len(x), flow.size), np.nan), np.zeros(len(x), dtype=bool), None
    for part in few(flow, x) if method in ("auto", "low rank") else ():
        inner = part.eigenvalues()
        rows[part.at, : inner.shape[1]], rows[part.at, inner.shape[1] :] = inner, part.shift
        rows[part.at] = np.sort(rows[part.at], axis=1)
        how[part.at], exact = True, part.shift
    for row in np.flatnonzero(~how) if method in ("auto", "low rank") else ():
        if (factors := low_rank(flow, x[row][None])) is None:
            break  # nor have the others any
        rows[row], how[row], exact = low_rank_eigenvalues(factors), True, factors.shift
    if method == "low rank" and not how.all():
        raise ValueError("This field's coupling has no low rank: use method='dense' or 'eigsh'.")
    if not how.any():
        return _sparse(flow, x, k)
    found = _summed_up(flow, x[how], rows[how], k, "low rank", exact=exact)
    return found if how.all() else _together(found, _sparse(flow, x[~how], k), how)


def _together(first: Spectrum, second: Spectrum, where: np.ndarray) -> Spectrum:
    """The spectra of the points `where` and of the others, in the order of the points."""
    order = np.argsort(np.concatenate([np.flatnonzero(where), np.flatnonzero(~where)]))
    both = {n: np.concatenate([getattr(first, n), getattr(second, n)])[order] for n in Spectrum._fields if n != "how"}
    return Spectrum(**both, how=second.how)


def _summed_up(
    flow: Field,
    x: np.ndarray,
    values: np.ndarray,
    k: int,
    how: str,
    *,
    timed: bool = False,
    condition: Any = 1.0,
    exact: float | None = None,
    largest: np.ndarray | None = None,
) -> Spectrum:
    """Which eigenvalues (K, n), lowest first, are negative and which are zero; `exact` is one without rounding."""
    real = np.real(values)
    lost: np.ndarray = np.logical_not(np.isfinite(values).all(axis=1))
    size = size_of(flow, np.where(lost[:, None], 0.0, values), timed)
    if largest is not None:
        size = np.maximum(size, largest)
    zero = ROUNDINGS * noise(flow) * size
    flat = np.array(np.abs(real) <= zero[:, None] * condition)
    limit = NEARLY * backend.epsilon(flow.like) ** 0.5 * size[:, None]
    unsure = np.array(~flat & (np.abs(real) <= np.maximum(limit, zero[:, None])) & (real != exact))
    back = np.zeros(len(values), bool)
    flat[lost] = True  # no derivative there, and nothing is said
    for row in np.flatnonzero((flat.any(axis=1) | unsure.any(axis=1)) & ~lost):
        most = int(np.flatnonzero(flat[row] | unsure[row]).max()) + 1
        own, vectors = _modes(flow, x[row], most, timed)
        if len(own) < most:  # not to be had: as near as that to 0 counts as 0
            flat[row] |= unsure[row]
            continue
        rows = np.flatnonzero(unsure[row])
        if len(rows):
            flat[row, rows] = blurred(flow, x[row], own[rows], vectors[:, rows], float(size[row]), timed)
        gone = np.flatnonzero(flat[row])
        if len(gone) and not ((real[row] < 0) & ~flat[row]).any():
            back[row] = returns(flow, x[row], np.real(vectors[:, gone]))
    index = ((real < 0) & ~flat).sum(axis=1)
    top = np.abs(values).max(axis=1, initial=0.0) if np.iscomplexobj(values) or timed else real[:, -1]
    marginal = np.asarray(flat.any(axis=1))
    return Spectrum(values[:, :k], top if largest is None else largest, index, marginal, how, zero, back)


def _modes(flow: Field, x: np.ndarray, count: int, timed: bool) -> tuple[np.ndarray, np.ndarray]:
    """The lowest eigenvalues at one point x (D,), at least `count` of them, and their vectors (D, n) as columns."""
    if timed and flow.size <= 2 * DENSE:
        values, vectors = np.linalg.eig(_velocity_jacobian(flow, x).astype(float))
        order = np.argsort(np.real(values), kind="stable")
        return values[order], vectors[:, order]
    if timed:
        return _arnoldi(flow, x, count)
    if flow.size <= DENSE:
        values, vectors = np.linalg.eigh(_matrices(flow, x[None])[0].astype(float))
        return values, vectors
    if count > MOST_MODES:
        return np.zeros(0), np.zeros((flow.size, 0))
    from scipy.sparse.linalg import eigsh

    found: Any = eigsh(_operator(flow, x), count, which="SA", v0=_first(flow.size), tol=ACCURACY)
    order = np.argsort(found[0], kind="stable")
    return found[0][order], found[1][:, order]


def _matrices(flow: Field, x: np.ndarray) -> np.ndarray:
    """H (K, D, D) with the direction of rays moved to the top."""
    matrix = flow.host(flow.hessian, x)
    for n in neutral(flow, x, reduced=True):
        top = 4 * np.abs(matrix).sum(axis=-1).max(axis=-1) + flow.rate
        along = np.einsum("kij,kj->ki", matrix, n)
        bend = np.einsum("ki,ki->k", n, along)
        matrix = matrix - n[:, :, None] * along[:, None, :] - along[:, :, None] * n[:, None, :]
        matrix = matrix + (bend + top)[:, None, None] * n[:, :, None] * n[:, None, :]
    return (matrix + np.swapaxes(matrix, -1, -2)) / 2


def _dense(flow: Field, x: np.ndarray) -> np.ndarray:
    rows, found = chunk(flow), [np.zeros((0, flow.size - len(neutral(flow, x[:0]))))]
    for at in range(0, len(x), rows):
        matrix = _matrices(flow, x[at : at + rows])
        whole = np.isfinite(matrix).all(axis=(1, 2))
        values = np.full(matrix.shape[:2], np.nan, dtype=matrix.dtype)
        values[whole] = np.linalg.eigvalsh(matrix[whole])
        found.append(values[:, : found[0].shape[1]])  # the direction of a ray is cut off
    return np.concatenate(found[1:] or found).astype(x.dtype)


def _general(flow: Field, x: np.ndarray, k: int) -> Spectrum:
    condition: Any = 1.0
    if flow.size <= 2 * DENSE:
        found = [_eigenvalues(flow, p) for p in x]
        values = np.array([v for v, _ in found]).reshape(len(x), -1)
        condition, how = np.array([c for _, c in found]).reshape(values.shape), "dense"
    else:
        values, how = np.stack([_arnoldi(flow, p, k)[0] for p in x]), "eigs"
    answer = _summed_up(flow, x, values.astype(complex), k, how, timed=True, condition=condition)
    turning = np.abs(np.imag(values)) > NEARLY * noise(flow) ** 0.5 * answer.largest[:, None]
    if flow.conservative and not turning.any():
        return answer._replace(eigenvalues=np.real(answer.eigenvalues))
    return answer


def _eigenvalues(flow: Field, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of minus the velocity's Jacobian, and by how much each magnifies rounding of the matrix."""
    matrix = _velocity_jacobian(flow, point)
    if not np.isfinite(matrix).all():
        nothing = np.full(flow.size - len(neutral(flow, point[None])), np.nan)
        return nothing, np.ones_like(nothing)
    values, vectors = np.linalg.eig(matrix)
    with np.errstate(all="ignore"):
        try:
            condition = np.linalg.norm(np.linalg.inv(vectors), axis=1)  # the columns of `vectors` are of length one
        except np.linalg.LinAlgError:
            condition = np.full(len(values), np.inf)
    order = np.argsort(np.real(values), kind="stable")[: flow.size - len(neutral(flow, point[None]))]
    return values[order], np.minimum(condition[order], backend.epsilon(flow.like) ** -0.5)


def _velocity_jacobian(flow: Field, point: np.ndarray) -> np.ndarray:
    """Minus the Jacobian of the velocity, with the direction of rays moved to the top."""
    matrix = -flow.host(flow.velocity_jacobian, point[None])[0]
    for n in neutral(flow, point[None]):
        matrix = matrix + (4 * np.abs(matrix).sum(axis=-1).max() + 1 / flow.clock) * np.outer(n[0], n[0])
    return matrix


def _arnoldi(flow: Field, point: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    from scipy.sparse.linalg import LinearOperator, eigs

    def product(u: np.ndarray) -> np.ndarray:
        return -flow.host(flow.jacobian_product, point, u.reshape(-1).astype(point.dtype)).astype(float)

    operator: Any = LinearOperator((flow.size,) * 2, matvec=product, dtype=float)  # type: ignore[call-arg]
    wanted = max(k, 6)
    while True:
        values, vectors = cast(Any, eigs(operator, wanted, which="SR", v0=_first(flow.size)))
        if values.real.max() > 0 or wanted >= flow.size - 2:
            order = np.argsort(values.real, kind="stable")
            return values[order], vectors[:, order]
        wanted = min(2 * wanted, flow.size - 2)


def _operator(flow: Field, point: np.ndarray) -> Any:
    """H at one point as SciPy takes it, with the direction of rays moved to the top."""
    from scipy.sparse.linalg import LinearOperator

    rays = [n[0].astype(float) for n in neutral(flow, point[None], reduced=True)]

    def product(u: np.ndarray) -> np.ndarray:
        u = u.reshape(-1)
        inside = u - sum((n * (n @ u) for n in rays), 0.0 * u)
        image = flow.host(flow.hessian_product, point, inside.astype(point.dtype)).astype(float)
        image = image - sum((n * (n @ image) for n in rays), 0.0 * u)
        return image + sum((RAY * flow.rate * n * (n @ u) for n in rays), 0.0 * u)

    return LinearOperator((flow.size,) * 2, matvec=product, dtype=float)  # type: ignore[call-arg]


def _sparse(flow: Field, x: np.ndarray, k: int) -> Spectrum:
    from scipy.sparse.linalg import eigsh

    found, largest = [], []
    for point in x:
        operator = _operator(flow, point)
        top = eigsh(operator, 1, which="LA", return_eigenvectors=False, v0=_first(flow.size), tol=cast(Any, 1e-6))[0]
        wanted, bound = k, flow.size - 1
        while True:
            low = eigsh(operator, wanted, which="SA", return_eigenvectors=False, v0=_first(flow.size), tol=ACCURACY)
            low = np.sort(low)
            if low[-1] > 0 or wanted == bound:
                break
            wanted = min(2 * wanted, bound)
        found.append(_summed_up(flow, point[None], low[None], k, "eigsh", largest=np.array([max(top, low[-1])])))
        largest.append(max(top, low[-1]))
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(one, name) for one in found]) for name in Spectrum._fields if name != "how"
    }
    return Spectrum(**joined, how="eigsh")


def _first(size: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(size)


def update_rate(flow: Field, x: np.ndarray) -> np.ndarray | None:
    r"""The rate c (K,) for which one update at dt = inf is x + r/c to first order; None where there is none.

    l for forces that do not depend on the activation (dot, W g), l + 2 sum f for euclidean, \|F\|/\|x\|^2 for the
    rotation of cosine with F = sum f_i M_i/\|M_i\|.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import UniversalHopfield
    >>> update_rate(field(UniversalHopfield(np.eye(3), "euclidean")), np.zeros((1, 3)))
    array([2.])
    """
    if len(flow.network.populations) != 1:
        return None
    ((name, p),) = flow.network.populations.items()
    synapses = flow.network.synapses.values()
    if not p.leak and all(s.answer(k).kind == "frozen" for s in synapses for k in range(len(s.between))):
        return None
    place = flow.asarray(x)
    g = p.lagrangian.activation(split(flow.network, place)[name])
    if has_rays(flow):
        force = 0.0
        for synapse in synapses:
            if not synapse.adiabatic or synapse.similarities[0].metric != "angle":
                return None
            force = force + backend.to_numpy(synapse.weights(g) @ unit(synapse.similarities[0].patterns)[0])
        return np.linalg.norm(force, axis=-1) / np.sum(x * x, axis=-1)
    rate = np.full(len(x), float(p.leak))
    for synapse in synapses:
        if len(synapse.between) != 1:
            return None
        kind = synapse.answer(0).kind
        if kind in ("constant", "frozen"):  # all of its force stands still during an update
            continue
        if kind == "own" or not (p.lagrangian.identity or kind == "logarithmic"):
            return None
        gain = float(backend.to_numpy(p.lagrangian.log_gain)) if kind == "logarithmic" else 1.0
        rate = rate + gain * backend.to_numpy(synapse.response(0, g).stiffness).reshape(-1)
    return rate if (rate > 0).all() else None


def stability(flow: Field, x: np.ndarray, found: Spectrum) -> tuple[np.ndarray, np.ndarray | None]:
    r"""Whether points attract in continuous time, and under the update at dt = inf (None where there is none).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.dynamics import LogCosh, Network, Population, Recurrent
    >>> pair = Network({"x": Population(LogCosh(), 2)}, [Recurrent(("x",), np.array([[0.0, -3.0], [-3.0, 0.0]]))])
    >>> flow, x = field(pair), np.array([[2.9847045, -2.9847045]])
    >>> stability(flow, x, spectrum(flow, x))
    (array([ True]), array([ True]))
    """
    stable = (found.index == 0) & (~found.marginal | found.returns)
    rate = update_rate(flow, x) if flow.smooth else None
    if rate is None or not flow.symmetric:
        return stable, None
    return stable, stable & ~found.marginal & (found.largest < 2 * rate)
