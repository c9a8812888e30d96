"""Newton's method on the velocity, in batch: dense for few neurons, Krylov with products alone for many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import unknown_name
from ...dynamics.doors import checked, positive, quiet
from ...dynamics.network import gmres
from .. import _declared as declared
from ._counts import check_counts
from ._few import ACCURACY, few
from ._field import Field, field, states_of
from ._sphere import has_rays as has_rays
from ._sphere import neutral, slid

BUILT = 64  # neurons up to which the Jacobian is built and solved
CHUNK = 2**22  # numbers in the Jacobians of one call,
CACHE = 2**17  # and where these are NumPy's, which goes over them again and again
NEAR = 1e-3  # of its length: a gap that products would round, and a difference does not
KRYLOV = 60  # products in one Newton step
ROUNDING = 4.0  # times eps and |J||x|: a residual that rounding of x alone may leave,
BLUR = 0.25  # the power of eps that is the most it may be, in units of a typical residual: far out J is noise alone
MOST_FEW = 128  # patterns whose small equations cost less than products
SINGLE = 1e-10  # the eps of narrow numbers, whose steps the few patterns would take in float64
METHODS = ("auto", "dense", "krylov")


class Polished(NamedTuple):
    """What `polish` returns; B starts.

    Attributes
    ----------
    x : array (B, D)
        The last points where it converged, else the points of least residual on the way.
    residual : array (B,)
        \\|r\\| there, with r = tau x'.
    converged : bool array (B,)
        Whether the residual is below the tolerance and Newton's method contracts there.
    step : array (B,)
        The length of the next Newton step, an estimate of the error of x.
    products : int
        Products with the Jacobian or Hessian of one sample each.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> found = polish(ModernHopfield(np.eye(2), beta=8.0), np.array([[0.5, 0.4]]))
    >>> found.x.round(6), found.converged
    (array([[0.5, 0.5]]), array([ True]))
    """

    x: np.ndarray
    residual: np.ndarray
    converged: np.ndarray
    step: np.ndarray
    products: int


def residual_tolerance(flow: Field) -> float:
    """The largest residual of a fixed point: 1e-10 of a typical one (`Field.force`) in float64, 1e-5 in float32.

    >>> import numpy as np
    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> residual_tolerance(field(ModernHopfield(2 * np.eye(3))))
    2e-10
    """
    return (1e-10 if backend.epsilon(flow.like) < 1e-10 else 1e-5) * flow.force


@quiet
@checked(**declared.POLISH)
def polish(
    memory: Any,
    x: Any,
    *,
    steps: int = 40,
    tol: float | None = None,
    clip: float = 0.3,
    away: np.ndarray | None = None,
    method: str = "auto",
) -> Polished:
    r"""Newton's method on the residual r = tau x' of a flow, from every row of x, to zeros of any index.

    A step solves (l - B G) dx = r: densely up to 64 neurons; else, to a relative residual of \|r\|/force between 0.1
    and 1e-6 (an inexact Newton method), by Woodbury's formula where few patterns take part (softmax of dot products or
    squared distances in float64), by MINRES in H y = R^T r where the flow has a symmetric reduced operator, and by
    GMRES where it has not. Steps are cut to `clip` of the scale, or of \|x\| where that is more. A sample has
    converged when \|r\| <= `tol`, or no more than rounding of x makes of it, and the next step is shorter than
    sqrt(eps) of the scale (16 eps^(1/3) where \|r\| is rounding: a degenerate zero): near a fold, or where all forces
    fade far out, \|r\| may be as small without a zero, but the step is not. With Krylov steps the next one is estimated
    from the last, where that made \|r\| ten times smaller.

    Parameters
    ----------
    memory : model, Network or Field
        What moves.
    x : array (B, D)
        Starts, as states of all populations.
    steps : int
        The most Newton steps.
    tol : float, optional
        The largest \|r\|; 1e-10 of a typical one (`Field.force`) unless given, 1e-5 in float32.
    clip : float
        The longest step, in units of the scale or of \|x\|.
    away : array (K, D), optional
        Zeros to be repelled from (deflation): Newton's method for r(x) prod_k (1 + scale^2/\|x - a_k\|^2), whose step
        is the Newton step of r divided by 1 - dx . grad log of that product.
    method : {"auto", "dense", "krylov"}
        How steps are found; "krylov": by products alone.

    Returns
    -------
    Polished
        Points, residuals, verdicts and the number of products.

    References
    ----------
    Dembo, Eisenstat & Steihaug 1982, doi:10.1137/0719025 (inexact Newton methods). Paige & Saunders 1975,
    doi:10.1137/0712047 (MINRES). Farrell, Birkisson & Funke 2015, arXiv:1410.5620 (deflation).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import ModernHopfield
    >>> near_a_fold = polish(ModernHopfield(np.eye(3), beta=2.74), np.array([[0.8, 0.1, 0.1]]))
    >>> near_a_fold.converged[0], near_a_fold.residual[0] < 1e-2  # slow there, and no fixed point
    (np.False_, np.True_)
    """
    flow = field(memory, differences=None)
    check_counts(steps=(steps, 1))
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if not flow.smooth:
        raise ValueError(
            f"The forces of {', '.join(flow.network.kinks)} jump, so that Newton's method has no derivative to go by. "
            "find_fixed_points finds the points of rest at the kinks."
        )
    eps = backend.epsilon(flow.like)
    bound: float = residual_tolerance(flow) if tol is None else positive("tol", tol)
    floor = eps**0.5 * flow.scale
    dense = flow.size <= BUILT if method == "auto" else method == "dense"
    x = states_of(flow, x)
    away = None if away is None else states_of(flow, away, "away: states that")
    x = slid(flow, x, np.zeros_like(x))
    best, best_residual = x.copy(), np.full(len(x), np.inf)
    step_length, converged = np.full(len(x), np.inf), np.zeros(len(x), bool)
    last_size, blur = np.full(len(x), np.nan), np.zeros(len(x))
    active, products = np.arange(len(x)), 0
    wide = _wide_step if method == "auto" else _by_products
    for count in range(steps + 1):
        here = x[active]
        r = flow.host(flow.residual, here)
        size = _norm(r)
        better = size < best_residual[active]
        best[active[better]], best_residual[active[better]] = here[better], size[better]
        going = np.isfinite(size)
        active, here, r, size = active[going], here[going], r[going], size[going]
        if not dense and active.size:  # a step is dear: believe the contraction of the last one
            with np.errstate(all="ignore"):
                ratio = size / last_size[active]
                guess = ratio * step_length[active]
            sure = (size <= np.maximum(bound, blur[active])) & (ratio <= 0.1) & (guess <= floor)
            rows = active[sure]
            converged[rows], step_length[rows] = True, guess[sure]
            best[rows], best_residual[rows] = here[sure], size[sure]
            active, here, r, size = active[~sure], here[~sure], r[~sure], size[~sure]
        last_size[active] = size
        if not active.size or count == steps:
            break
        with np.errstate(all="ignore"):  # far out the Jacobian may be of any size
            dx, rounding, used = _dense_step(flow, here, r) if dense else wide(flow, here, r, size)
        rounding = np.minimum(rounding, eps**BLUR * flow.force)
        products += used
        length, blur[active] = _norm(dx), rounding
        at_rounding = (size <= 32 * eps * flow.force) & (length <= 16 * eps ** (1 / 3) * flow.scale)
        done = (size <= np.maximum(bound, rounding)) & ((length <= floor) | at_rounding)
        step_length[active] = length
        blurred = np.flatnonzero(done & (size > np.maximum(bound, 32 * eps * flow.force)))
        if dense and blurred.size:
            done[blurred] = _explained(flow, here[blurred], r[blurred], bound)
        if done.any():
            rows = active[done]
            converged[rows] = True
            last = slid(flow, here[done], np.where((length <= floor)[done, None], dx[done], 0))
            after = _norm(flow.host(flow.residual, last))
            better = after <= size[done]
            best[rows] = np.where(better[:, None], last, here[done])
            best_residual[rows] = np.where(better, after, size[done])
        if away is not None and len(away):
            dx = dx * _deflation(here, dx, away, flow.scale)[:, None]
            length = _norm(dx)
        longest = clip * np.maximum(flow.scale, _norm(here))
        dx = dx * np.minimum(1.0, longest / np.where(length > 0, length, 1.0))[:, None]
        going = ~done & np.isfinite(length)
        active = active[going]
        x[active] = slid(flow, here[going], dx[going])
    return Polished(best, best_residual, converged, step_length, products)


def _norm(x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.sqrt(np.sum(x * x, axis=-1))


def _dense_step(flow: Field, x: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Newton's steps, what rounding of x makes of r, and the number of products."""
    answer, blur = np.empty_like(x), np.empty(len(x))
    rows = chunk(flow)
    for at in range(0, len(x), rows):
        part = slice(at, at + rows)
        matrix, right, blur[part] = _linear(flow, x[part], r[part])
        answer[part] = _solve(matrix, right)
    return answer, ROUNDING * backend.epsilon(flow.like) * blur, len(x) * flow.size


def _linear(flow: Field, x: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The matrix and the right-hand side of Newton's steps, and |J| |x|."""
    matrix = -flow.host(flow.jacobian, x)
    size = np.sqrt(np.einsum("bij,bj->b", matrix * matrix, x * x))
    for n in neutral(flow, x):  # the tangential part, and a number in the direction of the ray
        matrix = matrix - n[:, :, None] * np.einsum("bi,bij->bj", n, matrix)[:, None, :]
        matrix = matrix - np.einsum("bij,bj->bi", matrix, n)[:, :, None] * n[:, None, :]
        matrix = matrix + flow.rate * n[:, :, None] * n[:, None, :]
        r = r - n * np.sum(n * r, axis=1, keepdims=True)
    return matrix, r, size


def _explained(flow: Field, x: np.ndarray, r: np.ndarray, tol: Any) -> np.ndarray:
    r"""Whether a move of x within its rounding takes residuals (B, D) below the tolerance, in every direction.

    Where one eigenvalue is huge, rounding of x makes a large residual along that direction, and of no other: what is
    left along those is a slow passage and no zero.
    """
    matrix, right, _ = _linear(flow, x, r)
    left, size, _ = np.linalg.svd(matrix)
    along = np.abs(np.einsum("bij,bi->bj", left, right))
    reach = 4 * ROUNDING * backend.epsilon(flow.like) * _norm(x)[:, None]
    return _norm(np.maximum(along - size * reach, 0.0)) <= tol


def chunk(flow: Field) -> int:
    """How many Jacobians are built at once.

    >>> from hopfield.analysis.flow import field
    >>> from hopfield.models import ModernHopfield
    >>> chunk(field(ModernHopfield(np.eye(64))))
    32
    """
    numbers = CACHE if backend.backend_of(flow.like) == "numpy" else CHUNK
    return max(1, numbers // flow.size**2)


def _solve(matrix: np.ndarray, r: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        try:
            return np.linalg.solve(matrix, r[..., None])[..., 0]
        except np.linalg.LinAlgError:  # one of them is singular: the step of least norm, one by one
            bad = np.asarray(~np.isfinite(matrix).all(axis=(1, 2)))
            matrix = np.where(bad[:, None, None], np.eye(r.shape[-1], dtype=r.dtype), matrix)
            return np.stack([np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(matrix, r, strict=True)])


def _wide_step(flow: Field, x: np.ndarray, r: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Newton's steps for many neurons: by the few patterns that take part, and by products where these do not do."""
    eps = backend.epsilon(flow.like)
    forcing = _forcing(flow, size)
    dx, blur, used = np.empty_like(x), np.empty(len(x)), 0
    left = np.ones(len(x), dtype=bool)
    for accuracy in (1e-2 * forcing, np.full(len(x), ACCURACY)) if eps < SINGLE else ():
        tried = np.flatnonzero(left)
        for part in few(flow, x[tried], MOST_FEW, accuracy[tried]):
            at = tried[part.at]
            signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(at), flow.size))
            with np.errstate(all="ignore"):
                y, wrong, size_of_x = part.newton(r[at], signs * x[at])
                good = wrong + part.lost * _norm(y) <= forcing[at] * size[at]
            rows = at[good]
            dx[rows], left[rows], blur[rows] = y[good], False, ROUNDING * eps * size_of_x[good]
    if left.any():
        dx[left], blur[left], used = _krylov_step(flow, x[left], r[left], forcing[left])
    return dx, blur, used + len(x) - int(left.sum())


def _krylov_step(flow: Field, x: np.ndarray, r: np.ndarray, forcing: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    eps = backend.epsilon(flow.like)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], x.shape).astype(x.dtype)
    blur = ROUNDING * eps * _norm(flow.host(flow.residual_product, x, signs * x))
    rays = neutral(flow, x)

    def across(u: np.ndarray) -> np.ndarray:
        for n in rays:
            u = u - n * np.sum(n * u, axis=1, keepdims=True)
        return u

    def held(product: np.ndarray, u: np.ndarray) -> np.ndarray:
        """The tangential part, and a number in the direction of the ray, as in the dense matrix."""
        return across(product) + sum(flow.rate * n * np.sum(n * u, axis=1, keepdims=True) for n in rays)

    if not flow.symmetric:
        count = [0]

        def apply(u: np.ndarray) -> np.ndarray:
            count[0] += len(u)
            return held(-flow.host(flow.residual_product, x, across(u)), u)

        return gmres(apply, across(r), float(forcing.min()), KRYLOV)[0], blur, count[0] + len(x)
    right = across(flow.host(flow.reduced, x, r))  # a population with rays has g = x
    y, used = minres(lambda u: held(flow.host(flow.hessian_product, x, across(u)), u), right, forcing, KRYLOV)
    return flow.host(flow.expanded, x, r, y), blur, used + len(x)


def _by_products(flow: Field, x: np.ndarray, r: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    return _krylov_step(flow, x, r, _forcing(flow, size))


def _forcing(flow: Field, size: np.ndarray) -> np.ndarray:
    """The relative residual to which the equations of a step are solved."""
    return np.clip(size / flow.force, max(1e-6, 8 * backend.epsilon(flow.like)), 0.1)


def _deflation(x: np.ndarray, dx: np.ndarray, away: np.ndarray, scale: float) -> np.ndarray:
    """The factor 1/(1 - dx . grad log m) with m = prod_k (1 + scale^2/|x - a_k|^2)."""
    size = np.sum(x * x, axis=1)[:, None] + np.sum(away * away, axis=1)
    square = size - 2 * (x @ away.T)
    along = np.sum(x * dx, axis=1)[:, None] - dx @ away.T
    row, other = np.nonzero(square <= NEAR**2 * size)
    gap = x[row] - away[other]
    square[row, other], along[row, other] = np.sum(gap * gap, axis=1), np.sum(gap * dx[row], axis=1)
    square = np.maximum(square, np.finfo(x.dtype).tiny ** 0.5)
    slope = -2 * scale**2 * along / (square * (square + scale**2))
    factor = 1 - np.sum(slope, axis=-1)
    return 1 / np.where(np.abs(factor) > 1e-12, factor, 1e-12)


def minres(
    apply: Callable[[np.ndarray], np.ndarray], b: np.ndarray, tol: np.ndarray | float, most: int
) -> tuple[np.ndarray, int]:
    r"""Solve A x = b for each sample of a batch (B, n) with a symmetric A of any signature, known by its products.

    Each sample ends when \|b - A x\| <= `tol` \|b\|; all ends after `most` products. Where A is singular and b lies in
    its range the solution has no part in the null space.

    Returns
    -------
    x, products : array (B, n), int
        The approximations, and how many products of one sample were needed (B for each iteration).

    References
    ----------
    Paige & Saunders 1975, doi:10.1137/0712047.
    """
    length = _norm(b)[:, None]
    tol = np.broadcast_to(np.asarray(tol, dtype=b.dtype).reshape(-1, 1), length.shape)
    tiny = np.finfo(b.dtype).tiny
    x, before = np.zeros_like(b), np.zeros_like(b)
    v = b / np.maximum(length, tiny)
    w_old, w = np.zeros_like(b), np.zeros_like(b)
    beta, left = np.zeros_like(length), length.copy()
    cosine, sine, cosine_old, sine_old = (
        np.ones_like(beta),
        np.zeros_like(beta),
        np.ones_like(beta),
        np.zeros_like(beta),
    )
    open_ = left > tol * length
    used = 0
    for _ in range(most):
        if not open_.any():
            break
        used += len(b)
        image = apply(v) - beta * before  # Lanczos
        alpha = np.sum(v * image, axis=-1, keepdims=True)
        image = image - alpha * v
        following = _norm(image)[:, None]
        # The new column (beta, alpha, following) of the tridiagonal matrix through the last two rotations.
        top = sine_old * beta
        inner = cosine_old * beta
        middle = cosine * inner + sine * alpha
        bottom = cosine * alpha - sine * inner
        pivot = np.sqrt(bottom**2 + following**2)
        safe = np.maximum(pivot, tiny)
        cosine_old, sine_old, cosine, sine = cosine, sine, bottom / safe, following / safe
        direction = (v - top * w_old - middle * w) / safe
        x = np.where(open_, x + cosine * left * direction, x)
        left = np.where(open_, -sine * left, left)
        w_old, w = w, direction
        before, v, beta = v, image / np.maximum(following, tiny), following
        open_ = open_ & (np.abs(left) > tol * length) & (pivot > 0)
    return x, used
