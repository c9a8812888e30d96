"""What every model answers to, ours or another's, so that nobody asks which one it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import Array, shown
from ..dynamics.doors import floating, quiet, vector
from ..dynamics.network import Network, has_network, states_only
from ._domain import EVERYWHERE, Domain
from ._insertion import added_rows, kept_rows, taken
from ._lowest import lowest
from ._renamed import current_names
from ._storage import Stored
from .measures import Euclidean


class Model(Stored, ABC):
    """The contract of a model: what is stored, how a query is answered, and the network behind it.

    A model of your own is a `structure` with the fields that build it; it says `network`, `start`, `check_query`,
    `recall` and `retrieve`, and has the rest from here. docs/developer/model.py is one to copy.

    The same argument means the same in each method that takes it: `query` (..., I) is a cue, with its batch axes
    first; `known`, a mask (..., I), says what of the cue is known, and whatever stands elsewhere does not count;
    ``hold=True`` keeps the known neurons at the cue while the others move; `max_steps` bounds the updates, and `tol`
    is the move at which they are said to rest.

    Attributes
    ----------
    memories : array (N, I) or None
        What is stored, one pattern in a row, as wide as a query.
    binary : bool
        Whether `retrieve` moves neurons of +1 and -1, whose energy is then that of `energy`; else it iterates the
        dynamics of `network`.
    has_scores, has_weights : bool
        Whether it computes how similar a query is to each pattern (`scores`), and which part each takes in an answer
        (`memory_weights`).

    Examples
    --------
    >>> from hopfield.models import ContinuousSDM
    >>> memory = ContinuousSDM(np.eye(3), beta=4.0)
    >>> isinstance(memory, Model), memory.patterns.shape, memory.energy(np.eye(3)).round(3)
    (True, (3, 3), array([-1.009, -1.009, -1.009]))
    """

    binary: ClassVar[bool] = False
    has_scores: ClassVar[bool] = False
    has_weights: ClassVar[bool] = False

    # --------------------------------------------------------------------------------------- what a model says

    @property
    @abstractmethod
    def network(self) -> Network:
        """The populations and synapses that `simulate` moves."""

    @abstractmethod
    def start(self, query: Any, memory_state: Any = None) -> dict[str, Array]:
        """The states (..., n) by population at which the dynamics begin, from a cue."""

    @abstractmethod
    def check_query(self, query: Any) -> Array:
        """The query as an array of this model's library, dtype and device, or an error that says what is wrong."""

    @abstractmethod
    def recall(self, query: Any) -> Array:
        """One application of the rule."""

    @abstractmethod
    def retrieve(self, query: Any, max_steps: int = 100) -> Any:
        """Updates until nothing moves: a `Retrieval`, or another tuple with its fields."""

    # --------------------------------------------------------------------------------------------- what it has

    @property
    def patterns(self) -> Array | None:
        """What is stored, one pattern in a row, as wide as a query; None where nothing is kept."""
        return self.memories

    @property
    def parts(self) -> Any:
        """Similarity, separation, value Lagrangian and leak of the universal family; None of another model."""
        return None

    @backend.kept
    def places(self) -> Any:
        """The patterns by how near they are to a state, in 2-norm."""
        if self.patterns is None:
            raise TypeError(
                f"{type(self).__name__} keeps no stored patterns. Give the patterns themselves, an array (N, I)."
            )
        return Euclidean().of(self.patterns)

    @quiet
    def energy(self, query: Any) -> Array:
        """E of the state at which the dynamics begin from a query (..., I), shape (...): the network's energy there.

        All neurons but those of the query are in equilibrium with it there, so that this is the energy which falls
        with tau_memory = 0.
        """
        return self.network.energy(self.start(query))

    def scores(self, query: Any) -> Array:
        """How similar the query is to each pattern, shape (..., N), of a model that `has_scores`."""
        raise TypeError(f"{type(self).__name__} computes no scores of its patterns.")

    def memory_weights(self, query: Any) -> Array:
        """The part that each pattern takes in an answer, shape (..., N), of a model that `has_weights`."""
        raise TypeError(f"{type(self).__name__} has no memory neurons, and so no weights of its patterns.")

    def adiabatic(self) -> Any:
        """The model whose memory neurons follow at once; itself where there are none that could be slow."""
        return self

    @quiet
    def nearest(self, state: Any) -> np.ndarray:
        """The row of the pattern nearest to an activation (..., I): of copies the lowest row."""
        state, places = floating("state", state), self.places
        if state.shape[-1:] != places.patterns.shape[-1:]:
            raise ValueError(
                f"The patterns have {places.patterns.shape[-1]} values and the states "
                f"{state.shape[-1] if state.ndim else 0}: they belong to different memories."
            )
        scores = places.scores(state)
        return lowest(scores, places.magnitude(state, scores))

    def similar(self, state: Any) -> Any:
        """The row of the pattern most similar to a state by the model's own scores.

        -1 for the reverse of a pattern, and where a model has no scores.
        """
        return np.full(state.shape[:-1], -1)

    def notes(self) -> list[str]:
        """What does not hold for these settings, in sentences; a `repr` shows them."""
        return []

    def with_patterns(self, patterns: Any, projection: Any = None) -> Self:
        """The same model with more patterns (n, I), or one (I,), stored behind those there are.

        `projection` (n, O) says what they recall, where the model has a projection. What was computed of the others is
        kept where it can be.

        >>> from hopfield.models import ModernHopfield
        >>> ModernHopfield(np.eye(3)).with_patterns([1.0, 1.0, 0.0]).memories.shape
        (4, 3)
        """
        more = added_rows("patterns", patterns, self._stored())
        changes = {"memories": backend.namespace(more).concat([self.memories, more], axis=0)}
        own = getattr(self, "projection", None)
        if (own is None) != (projection is None):
            raise ValueError(
                "This model has a projection (N, O): give that of the new patterns as well, projection=(n, O)."
                if projection is None
                else f"{type(self).__name__} recalls the patterns themselves: leave out projection."
            )
        if own is not None:
            rows = added_rows("projection", projection, own)
            if rows.shape[0] != more.shape[0]:
                raise ValueError(f"projection has {rows.shape[0]} rows for {more.shape[0]} patterns.")
            changes["projection"] = backend.namespace(rows).concat([own, rows], axis=0)
        return self._with_rows(changes, more, None)

    def without(self, rows: Any) -> Self:
        """The same model without some of its patterns: their numbers, or a mask (N,); the others keep their order.

        >>> from hopfield.models import ModernHopfield
        >>> ModernHopfield(np.eye(3)).without([0]).memories
        array([[0., 1., 0.],
               [0., 0., 1.]])
        """
        kept = kept_rows(rows, self._stored().shape[0])
        changes = {"memories": taken(self.memories, kept)}
        if getattr(self, "projection", None) is not None:
            changes["projection"] = taken(getattr(self, "projection"), kept)  # noqa: B009
        return self._with_rows(changes, None, kept)

    def _stored(self) -> Array:
        if "memories" not in self.settings() or self.memories is None:
            raise TypeError(
                f"{type(self).__name__} keeps no stored patterns of its own: build it anew with those it shall have."
            )
        return self.memories

    def _with_rows(self, changes: dict[str, Array], more: Array | None, kept: np.ndarray | None) -> Self:
        """The model with other patterns: `more` behind those there are, or those that are `kept`."""
        return self.replace(**changes)

    def replace(self, **settings: Any) -> Self:
        """The same model with other settings, built and checked anew; those that are not named stay as they are.

        >>> from hopfield.models import ModernHopfield
        >>> ModernHopfield(np.eye(2), beta=3.0, tau_memory=0.0).replace(beta=8.0)
        ModernHopfield(2 patterns of 2; ...beta=8; ...tau_memory=0; ...)
        """
        named = current_names(type(self), settings)
        kept = {name: value for name, value in backend.settings(self).items() if name not in named}
        return type(self)(**kept, **settings)


class Adapted(Model):
    """A model that is not of ours: anything with a `network`, and what else of the contract it has."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def _own(self, name: str, otherwise: Any = None) -> Any:
        return getattr(self.owner, name, otherwise)

    @property
    def network(self) -> Network:
        """The owner's; a `Network` is its own."""
        return self.owner.network

    @property
    def patterns(self) -> Array | None:
        """The owner's `patterns`, or what it calls `memories`."""
        own = self._own("patterns")
        return self._own("memories") if own is None else own

    @property
    def like(self) -> Any:
        """An array of the network, or a number of NumPy's where it has none."""
        return next((a for a in backend.arrays(self.network) if a.ndim), np.zeros(1))

    @property
    def domain(self) -> Domain:
        """The owner's, or no bounds."""
        return self._own("domain", EVERYWHERE)

    def adiabatic(self) -> Any:
        """The owner's own, where it has one."""
        make = self._own("adiabatic")
        return self if make is None else as_model(make())

    def start(self, query: Any, memory_state: Any = None) -> dict[str, Array]:
        """The owner's `start`; without one, a cue of the first population's activations, and 0 in the others."""
        begin = None if states_only(self.owner) else self._own("start")
        if begin is not None:
            return begin(query) if memory_state is None else begin(query, memory_state)
        (first, p), *others = self.network.populations.items()
        x = p.lagrangian.dual(self.check_query(query))
        zeros = {name: 0 * x[..., :1] + backend.full((q.size,), 0.0, x) for name, q in others}
        return {first: x, **zeros}

    def check_query(self, query: Any) -> Array:
        """By the owner's `check_cue` or `check_query`; else the width of the first population is looked at."""
        check = self._own("check_cue") or self._own("check_query")
        if check is not None:
            return check(query)
        size = next(iter(self.network.populations.values())).size
        return vector("query", query, size, self.like, f"the first population has {size} neurons")

    def check_cue(self, cue: Any) -> Array:
        """The same as `check_query`."""
        return self.check_query(cue)

    def recall(self, query: Any) -> Array:
        """The owner's."""
        return self.owner.recall(query)

    def retrieve(self, query: Any, max_steps: int = 100) -> Any:
        """The owner's."""
        return self.owner.retrieve(query, max_steps)

    def similar(self, state: Any) -> Any:
        """By the owner's `scores`, where it has some."""
        return lowest(self.scores(state), 1.0) if self.has_scores else super().similar(state)

    @property
    def has_scores(self) -> bool:
        """Whether the owner has a method `scores`."""
        return callable(self._own("scores"))

    @property
    def has_weights(self) -> bool:
        """Whether the owner has a method `weights`."""
        return callable(self._own("weights"))

    def scores(self, query: Any) -> Array:
        """The owner's."""
        return self.owner.scores(query) if self.has_scores else super().scores(query)

    def memory_weights(self, query: Any) -> Array:
        """The owner's `weights`."""
        return self.owner.weights(query) if self.has_weights else super().memory_weights(query)

    def __repr__(self) -> str:
        return f"Adapted({self.owner!r})"


def is_model(thing: Any) -> bool:
    """Whether something is a model, a `Network` or what has one; arrays of patterns are none."""
    return has_network(thing)


def as_model(thing: Any) -> Model:
    """A model by its contract: ours as it is, a `Network` or another's object with a network through an adapter.

    >>> from hopfield.models import ModernHopfield
    >>> memory = ModernHopfield(np.eye(2))
    >>> as_model(memory) is memory, as_model(memory.network).patterns is None
    (True, True)
    """
    if isinstance(thing, Model):
        return thing
    if not is_model(thing):
        raise TypeError(f"memory must be a model such as ModernHopfield, or a Network, got {shown(thing)}.")
    return Adapted(thing)
