"""What a similarity must be able to do; it holds its patterns, and what it computed of them once."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from .. import backend
from ..backend import Array, Number, structure
from ..doors import arguments, behind, door, matrix
from . import _unbound as unbound
from ._exact import Answer, Response, exact_step


def _extent(_: None, patterns: Array) -> tuple[Array, Array]:
    """The largest entry, and the squares of all in units of it, which neither over- nor underflow."""
    xp = backend.namespace(patterns)
    top = xp.max(xp.abs(patterns))
    return top, xp.sum((patterns / top) ** 2)


@structure
class Similarity(backend.Extensible, ABC):
    r"""A similarity s_i(g) between a vector g and each stored pattern M_i; larger is more similar.

    It holds its patterns: ``Mine(patterns).scores(g)``. Without them, ``Mine()``, it says how a model shall compare,
    and `of` binds it. `scores` is enough on JAX and PyTorch; the rest is derived from it. Fields of your own make it a
    `structure`, and those that are `derived` from the patterns are computed once.
    Shapes: g, u are (..., I); f and scores are (..., N).

    Attributes
    ----------
    patterns : array (N, I) or None
        What g is compared with.
    name : str
        The name in the `repr` and in files.
    leak : float
        The leak of the value population for which stored patterns are fixed points.
    smooth : bool
        Whether the scores have a continuous derivative.
    distance : bool
        Whether it is a negated distance: weights f of both signs then repel.
    linear : bool
        Whether the scores are linear in g.
    additive : bool
        Whether the scores are sums over the components of which one that is 0 adds nothing, so that a query of which
        a part is known needs no other patterns than a whole one.
    positive : bool
        Whether patterns and activations must be positive.
    ray : bool
        Whether only the direction of g counts, so that without leak the speed at g is of the size 1/\|g\|.
    bounded : bool
        Whether the scores stay bounded whatever g is.
    checked : bool
        Whether the pullback is known to be the derivative of the scores; otherwise the two are compared when a
        network with it is first run.
    far : {"", "bounded", "inward"}
        What is known of the force (ds/dg)^T f far out, for bounded f and g = x: that it stays bounded, or that with
        f >= 0 it pulls inward as g grows, ever more strongly where sum f does not vanish; "" where nobody says.
    metric : {"", "product", "square", "blocks", "angle"}
        The geometry, of which theorems are known: s_i is M_i . g, -\|M_i - g\|^2, minus the sum of \|M_ik - g_k\| over
        k, or the cosine of the angle; "" where it is another.
    recall_only : str
        Why there are no dynamics, and what to use instead; "" where there are.
    scaled_weights : bool
        Whether the weights are scaled to sum to one after the separation.
    unchecked : bool
        Whether any score is taken as it comes, so that what is not defined becomes NaN.
    unknown : float or None
        What stands in the unknown components of a query of which a part is known (None: the mean of the patterns).
    gap : callable or None
        The distance of one element of a pattern and of a query, where minus the score is their sum.
    cancels : bool
        Whether scores are differences of larger numbers, so that the sum of gaps is more exact.
    shares : {"", "scores", "values"}
        Whether a `normalised` similarity divides scores by their sum as they are, or those of vectors that sum to one.
    blockwise : bool
        Whether patterns in a file are recalled in blocks though forces do not follow from sums over the blocks.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.models import UniversalHopfield
    >>> class Overlap(Similarity):
    ...     name = "overlap"
    ...     def scores(self, g):
    ...         return g @ self.patterns.T / self.patterns.shape[-1]
    ...     def pullback(self, g, f):
    ...         return f @ self.patterns / self.patterns.shape[-1]
    >>> Overlap(np.eye(2)).scores(np.array([1.0, 0.0]))
    array([0.5, 0. ])
    >>> UniversalHopfield(np.eye(2), Overlap(), beta=9.0).recall(np.array([1.0, 0.0])).round(3)
    array([0.989, 0.011])
    """

    patterns: Array = None

    name = "custom"
    leak = 1.0
    smooth = True
    distance = False
    linear = False
    additive = False
    positive = False
    ray = False
    bounded = False
    checked = False
    far = ""
    metric = ""
    recall_only = ""
    scaled_weights = False
    unchecked = False
    unknown: ClassVar[float | None] = 0.0
    gap: ClassVar[Callable[..., Array] | None] = None
    cancels = True
    shares = ""
    blockwise = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        unbound.guard(cls)
        others = (base for base in cls.__mro__[1:] if issubclass(base, Similarity) and base is not Similarity)
        if "scores" in vars(cls) and any("scores" in vars(base) for base in others):
            for fact in ("metric", "additive", "gap", "shares", "checked"):  # which were true of the scores before
                if fact not in vars(cls):
                    setattr(cls, fact, getattr(Similarity, fact))

    def __post_init__(self) -> None:
        if self.patterns is not None:
            object.__setattr__(self, "patterns", matrix("patterns", self.patterns))
            backend.derive(self)

    @door(arguments.patterns)
    def of(self, patterns: Array) -> Self:
        """The same similarity of other patterns (N, I), or of its first ones."""
        bound = backend.copied(self, patterns=patterns)
        backend.derive(bound)
        return unbound.prepared(bound)

    prepare = unbound.prepare

    def restricted(self, columns: Array) -> Self:
        """The similarity of the same patterns on some columns, for queries of which these are known."""
        return self.of(backend.namespace(self.patterns).take(self.patterns, columns, axis=1))

    # ------------------------------------------------------------------------------------- some of the patterns

    def part(self, rows: Any) -> Self:
        """The similarity of some patterns, a slice or an array of their numbers, for their scores alone."""
        own = {name: getattr(self, name)[rows, ...] for name in ("patterns", *self._by_row)}
        others = {name: None for name, _ in self._derived if name not in own}
        return backend.copied(self, **own, **others)

    def block(self, g: Array, first: int, last: int, room: Array | None = None) -> Array:
        """The scores of the patterns from one to another, (B, n), which may be written into `room` and over."""
        return behind(self.part(slice(first, last)).scores)(g)

    def ranks(self, g: Array, first: int, last: int, room: Array | None = None) -> Array:
        """The same less what is the same for all patterns, `offset`: enough to say which is nearest."""
        return self.block(g, first, last, room)

    def offset(self, g: Array) -> Any:
        """What `ranks` leave out of the scores of a state (B, I): shape (B, 1), or a number."""
        return 0.0

    def joined(self, rows: Array) -> Self:
        """The similarity of the same patterns and of more rows behind them; what was computed of each is kept."""
        xp, new = backend.namespace(self.patterns), self.of(rows)
        return self._rowwise(lambda name: xp.concat([getattr(self, name), getattr(new, name)], axis=0))

    def without(self, kept: Array) -> Self:
        """The similarity of the patterns whose numbers are `kept`, in their order."""
        xp = backend.namespace(self.patterns)
        return self._rowwise(lambda name: xp.take(getattr(self, name), kept, axis=0))

    def _rowwise(self, make: Callable[[str], Array]) -> Self:
        names = [name for name, _ in self._derived]
        if unbound.is_prepared(self) or set(names) - set(self._by_row):
            return self.of(make("patterns"))
        return backend.copied(self, **{name: make(name) for name in ("patterns", *names)})

    @property
    def carrier(self) -> Array | None:
        """Rows R (N, I) such that the force is known from c = R^T f and sum f; None: there are none.

        With them a force needs no more than sums over the patterns, which may come from a file in blocks.
        """
        return None

    def pull_of_sums(self, g: Array, c: Array, total: Array) -> Array:
        """The pullback from c = sum_i f_i R_i (..., I) and sum f (..., 1)."""
        raise TypeError(f"The {self.name} similarity has no rows whose sums give its force.")

    def response_of_sums(self, g: Array, c: Array, total: Array) -> Response:
        """The response from the same sums."""
        return Response(self.pull_of_sums(g, c, total))

    def spread(self, g: Array, total: Array, size: Array) -> Array:
        """A bound of sum_i f_i times `magnitude`, from sum f and sum f \\|s\\|, all of shape (...)."""
        return size

    @backend.kept
    def extent(self) -> float | None:
        """The rms of all entries of the patterns, where the host can look at them."""
        if backend.is_traced(self.patterns):
            return None
        patterns = backend.detach(self.patterns)
        with backend.quiet(patterns):
            found = [
                [float(x) for x in backend.compiled(_extent, patterns)(None, block)]
                for block in backend.blocks(patterns)
            ]
        top = max(one for one, _ in found)
        if not top > 0:
            return None
        squares = sum(part * (one / top) ** 2 for one, part in found if one > 0)
        return top * math.sqrt(squares / math.prod(patterns.shape))

    def check(self, name: str, rows: Array) -> None:
        """Refuse vectors (..., I) outside the domain, naming the place."""
        if self.positive and not backend.holds(lambda x: x > 0, rows):
            host = backend.to_numpy(rows)
            where = tuple(int(i) for i in np.unravel_index(host.argmin(), host.shape))
            raise ValueError(
                f"The {self.name} similarity is for positive vectors, and {name} goes down to "
                f"{float(host[where]):g} (at index {where}). Add a small constant to patterns and queries, such as "
                f"1e-4, or recall with 'normalised({self.name})', which adds one."
            )

    @abstractmethod
    def scores(self, g: Array) -> Array:
        """The similarities s_i(g), shape (..., N)."""

    def among(self, g: Array, allowed: Array) -> Array:
        """The scores of the patterns that are `allowed`, bools (..., N), as if there were no others.

        Whatever stands in the places of those that are not. Scores of each pattern by itself are the plain ones; a
        similarity that scales its scores by all of them leaves these out.
        """
        return behind(self.scores)(g)

    def pullback(self, g: Array, f: Array) -> Array:
        """(ds/dg)^T f: the force on the value neurons, shape (..., I)."""
        self._refuse_dynamics()
        xp = backend.namespace(g)
        g, f = backend.batched(g, f)
        return backend.gradient(lambda y: xp.sum(f * self.scores(y), axis=-1), g, f"{self.name}.pullback")

    def pushforward(self, g: Array, u: Array) -> Array:
        """(ds/dg) u: how the scores change along u, shape (..., N)."""
        self._refuse_dynamics()
        return backend.directional(self.scores, g, u, f"{self.name}.pushforward")

    def curvature(self, g: Array, f: Array, u: Array) -> Array:
        """(sum_i f_i d2s_i/dg2) u, shape (..., I)."""
        self._refuse_dynamics()
        return backend.directional(lambda y: self.pullback(y, f), g, u, f"{self.name}.curvature")

    def gram(self, g: Array, w: Array) -> Array | None:
        """(ds/dg)^T diag(w) (ds/dg), shape (..., I, I), for weights (..., N); None where products must do."""
        return None

    def _refuse_dynamics(self) -> None:
        if self.recall_only:
            raise TypeError(self.recall_only)

    def kink(self, g: Array, f: Array) -> Array | None:
        """Half the width of the set of forces where the scores have a kink (None: there are no kinks)."""
        return None

    def answer(self, nonnegative: bool) -> Answer:
        """How the force on the value neurons depends on them with f frozen; `nonnegative` says that f >= 0 always."""
        return Answer("constant", falls=True) if self.linear else Answer()

    def response(self, g: Array, f: Array) -> Response:
        """The force on the value neurons with f frozen, in the form that `answer` says."""
        return Response(self._pull(g, f))

    @backend.kept
    def _pull(self) -> Callable[[Array, Array], Array]:
        """The pullback behind its door, looked up once."""
        return behind(self.pullback)

    def value_step(
        self, v: Array, f: Array, *, ratio: Number | None, leak: float | None = None, drive: Any = None
    ) -> Array:
        """The exact solution of the value equation with f frozen after dt = ratio tau_value (None: for ever).

        Raises TypeError for a similarity that has no closed form.
        """
        answer = self.answer(False)
        leak = self.leak if leak is None else leak
        if answer.kind == "frozen" or (answer.alone and (leak != 0 or drive is not None)):
            raise TypeError(f"The {self.name} similarity has no closed value step here; Relaxation guards its steps.")
        return exact_step(v, [self.response(v, f)], leak, drive, ratio)

    def elements(self, g: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """What `gap` is a function of: arrays (N, I) of the patterns, and arrays (..., I) of g."""
        return (self.patterns,), (g,)

    def magnitude(self, g: Array, scores: Array) -> Array:
        """Sizes of the numbers that cancel in the scores, for tolerances, shape (..., N)."""
        return backend.namespace(scores).abs(scores)

    def __repr__(self) -> str:
        told = [f"{name}={value!r}" for name, value in backend.settings(self).items() if name != "patterns"]
        if self.patterns is not None:
            told.insert(0, "{} patterns of {}".format(*self.patterns.shape))
        return f"{type(self).__name__}({', '.join(told)})"


unbound.guard(Similarity)
