"""Similarities that are learned: how near two vectors are after an encoder, which training chooses."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Self, cast

from ...dynamics import backend
from ...dynamics.backend import Array, Number, derived, static, structure
from ...dynamics.doors import arguments, door, matrix, number
from ...dynamics.synapses import Answer, Response, Similarity
from ._encoders import Encoder, Matrix, check_encoder, encoded, encoder_of
from ._similarities import Euclidean, similarities


def _beside(encoder: Any, patterns: Array) -> Any:
    """The encoder, of the patterns' dtype, which takes them."""
    found = _encoder(encoder).beside(patterns)
    check_encoder(found, patterns)
    return found.given


def _encoder(given: Any) -> Encoder:
    return given if isinstance(given, Encoder) else Matrix(given)


def _axes(one: LearnedSimilarity) -> tuple[Array, Array] | None:
    """The directions (r, I) that a matrix sees, and the squares (r,) of its gains along them."""
    if not one.linear_encoder:
        return None
    rows = one.encoder
    _, gains, axes = backend.namespace(rows).linalg.svd(rows, full_matrices=False)
    return axes, gains**2


@structure
class LearnedSimilarity(Similarity):
    r"""s_i = -\|phi(M_i) - phi(g)\|^2 - ridge \|M_i - g\|^2 with an encoder phi that `hopfield.layers.fit` trains.

    Whatever the encoder is, a stored pattern has score 0, the largest there is, so that with leak 0 memories are fixed
    points up to e^(-beta gap), as for the Euclidean distance. The encoder decides what else is near: it can be blind
    to what noise and masks change. `ridge` keeps patterns apart that have the same features, and draws values that the
    encoder does not see to those of the memory; at 0 they stay as the cue has them.

    With a matrix W, A = W^T W + ridge is a metric, s_i = -(M_i - g)^T A (M_i - g), and all products are closed on every
    library: pullback A (2 M^T f - 2 S g), pushforward 2 (M - g) A u, curvature -2 S A u, with S = sum f. The value
    step is exact in the directions that W sees, each with the rate l + 2 S (s^2 + ridge) of its singular value s, so
    that with f >= 0 the energy falls for every dt; at dt = inf it is the weighted mean M^T f/S. With a module, PyTorch
    or JAX derives them, and steps are watched by the energy guard.

    Parameters
    ----------
    encoder : array (K, I), torch.nn.Module, Equinox module, or callable
        phi. A module of PyTorch (or a function) maps rows (B, I) to (B, K); an Equinox module, or another callable
        tree of JAX arrays, one vector (I,) to (K,). It takes the dtype of the patterns.
    ridge : float
        >= 0, in units of phi.

    Raises
    ------
    ValueError
        For a matrix of another width than the patterns, and for an encoder that changes the batch: one that does not
        give a row of features for each row, or whose answer for a row depends on the rows beside it or on chance.
    TypeError
        For a module of another library than the patterns.

    References
    ----------
    Millidge, Salvatori, Song, Lukasiewicz & Bogacz 2022, ICML, PMLR 162, section 5.1, where it is conjectured that
    learned similarities recall more. Weinberger & Saul 2009, JMLR 10, 207 (metrics W^T W that are learned).

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> patterns = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    >>> blind = LearnedSimilarity(np.array([[1.0, 0.0, 0.0]]))  # to all but the first value
    >>> blind.of(patterns).scores(np.array([0.9, 0.9, 1.0])).round(2)
    array([-0.83, -0.03])
    >>> UniversalHopfield(patterns, blind, beta=20.0).retrieve(np.array([0.9, 0.9, 1.0])).state.round(3)
    array([1., 0., 0.])
    """

    encoder: Any  # pyright: ignore[reportGeneralTypeIssues]
    ridge: float = static(default=0.01)
    patterns: Array = field(default=None, kw_only=True)
    plain: Any = derived(lambda self: Euclidean().of(self.patterns))
    coded: Any = derived(lambda self: Euclidean().of(encoded(self.phi, self.patterns)))
    axes: Any = derived(_axes)
    name = "learned"
    leak = 0.0
    distance = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoder", encoder_of(self.encoder).given)
        object.__setattr__(self, "ridge", number("ridge", self.ridge, 0))
        if self.patterns is not None:
            object.__setattr__(self, "encoder", _beside(self.encoder, matrix("patterns", self.patterns)))
        super().__post_init__()

    @door(arguments.patterns)
    def of(self, patterns: Array) -> Self:
        """The same similarity of other patterns (N, I), whose dtype the encoder takes."""
        suited = backend.copied(self, encoder=_beside(self.encoder, patterns))
        return cast(Self, Similarity.of(suited, patterns))

    @property
    def phi(self) -> Encoder:
        """The encoder."""
        return _encoder(self.encoder)

    @property
    def linear_encoder(self) -> bool:
        """Whether the encoder is a matrix, so that all products are closed."""
        return self.phi.linear

    @property
    def checked(self) -> bool:
        """Whether the pullback is written by hand and known to be right."""
        return self.linear_encoder

    @property
    def far(self) -> str:
        """A metric pulls inward."""
        return "inward" if self.linear_encoder and self.ridge > 0 else ""

    def encode(self, x: Array) -> Array:
        """The features phi(x), shape (..., K), of vectors (..., I)."""
        return encoded(self.phi, x)

    def check(self, name: str, rows: Array) -> None:
        """Refuse patterns that the encoder does not take."""
        if name == "patterns":
            _beside(self.encoder, rows)

    def restricted(self, columns: Array) -> LearnedSimilarity:
        """The similarity on some columns, for a matrix: the same columns of it."""
        if not self.linear_encoder:
            raise TypeError(
                "A module sees all values of a vector together, so that it has no similarity of a part of them: leave "
                "out known=, for a cue as the encoder was trained on, or learn a matrix."
            )
        xp = backend.namespace(self.patterns)
        kept = backend.copied(self, encoder=xp.take(self.encoder, columns, axis=1))
        return kept.of(xp.take(self.patterns, columns, axis=1))

    def scores(self, g: Array) -> Array:
        """-\\|phi(M_i) - phi(g)\\|^2 - ridge \\|M_i - g\\|^2, never above 0."""
        scores = self.coded.scores(encoded(self.phi, g))
        return scores + self.ridge * self.plain.scores(g) if self.ridge else scores

    def pullback(self, g: Array, f: Array) -> Array:
        """A (2 M^T f - 2 (sum f) g), or derived."""
        if self.linear_encoder:
            return self._stretched(self.plain.pullback(g, f))
        if backend.backend_of(g) not in ("jax", "torch"):
            raise TypeError(
                "NumPy has no derivatives of an encoder that is a function: give a matrix, or a module of PyTorch or "
                "Equinox with patterns of that library."
            )
        g, f = backend.batched(g, f)
        xp, along = backend.namespace(g), self.coded.pullback(encoded(self.phi, g), f)
        force = backend.gradient(lambda y: xp.sum(along * encoded(self.phi, y), axis=-1), g)
        return force + self.ridge * self.plain.pullback(g, f) if self.ridge else force

    def pushforward(self, g: Array, u: Array) -> Array:
        """2 (M - g) A u, or derived."""
        if not self.linear_encoder:
            return super().pushforward(g, u)
        return self.plain.pushforward(g, self._stretched(u))

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """-2 (sum f) A u, or derived."""
        if not self.linear_encoder:
            return super().curvature(g, f, u)
        return self._stretched(self.plain.curvature(g, f, u))

    def gram(self, g: Array, w: Array) -> Array | None:
        """A [4 sum_i w_i (M_i - g)(M_i - g)^T] A, for a matrix."""
        if not self.linear_encoder:
            return None
        half = self._stretched(self.plain.gram(g, w))
        return self._stretched(backend.namespace(half).matrix_transpose(half))

    def answer(self, nonnegative: bool) -> Answer:
        """For a matrix a step of its own, exact for linear neurons; without ridge only when nothing else drives."""
        return Answer("own", alone=self.ridge == 0, falls=nonnegative) if self.linear_encoder else Answer()

    def response(self, g: Array, f: Array) -> Response:
        """The exact step of the metric, direction by direction."""
        if not self.linear_encoder:
            return super().response(g, f)

        def step(x: Array, drive: Any, leak: Any, ratio: Number | None) -> Array:
            axes, gains = self.axes
            total = backend.namespace(f).sum(f, axis=-1, keepdims=True)
            mean = f @ self.patterns
            push = 2 * self.ridge * mean if drive is None else 2 * self.ridge * mean + drive
            along, seen = push @ axes.T + 2 * gains * (mean @ axes.T), x @ axes.T
            moved = _moved(x, push, leak + 2 * self.ridge * total, ratio)
            within = _moved(seen, along, leak + 2 * (gains + self.ridge) * total, ratio)
            return moved + (within - moved @ axes.T) @ axes

        return Response(None, step=step)

    def magnitude(self, g: Array, scores: Array) -> Array:
        """The sizes of the squares that cancel."""
        size = self.coded.magnitude(encoded(self.phi, g), scores)
        return size + self.ridge * self.plain.magnitude(g, scores) if self.ridge else size

    def _stretched(self, x: Array) -> Array:
        """A x."""
        rows = self.encoder
        seen = (x @ rows.T) @ rows
        return seen + self.ridge * x if self.ridge else seen

    def __repr__(self) -> str:
        told = [f"encoder: {self.phi.words()}", f"ridge={self.ridge:g}"]
        if self.patterns is not None:
            told.insert(0, "{} patterns of {}".format(*self.patterns.shape))
        return f"{type(self).__name__}({', '.join(told)})"


def _moved(x: Array, force: Array, rate: Array, ratio: Number | None) -> Array:
    """The solution of tau x' = force - rate x after dt = ratio tau; what has no rate and no limit stays."""
    xp = backend.namespace(x)
    moves = rate > 0
    safe = xp.where(moves, rate, 1.0)
    if ratio is None:
        return xp.where(moves, force / safe, x)
    gone = xp.where(moves, -xp.expm1(-safe * ratio), 0.0)
    return (1 - gone) * x + force * xp.where(moves, gone / safe, ratio)


def _no_text(text: str) -> Any:
    raise ValueError("An encoder is no text: write LearnedSimilarity(encoder) in Python.")


similarities.register("learned", LearnedSimilarity, None, lambda one: (), encoder=_no_text)
